"""Random parts of real data that come with the package, where the license allows it."""

from __future__ import annotations

from pathlib import Path

from ._adult import fetch_adult
from ._hmda import fetch_hmda

SAMPLES = Path(__file__).parent / "samples"


def load_adult_sample(
    *, sensitive: str | list[str] = "sex", groups=None, include_sensitive: bool = False
):
    """Load 8,000 random rows of the Adult census data; they come with the package.

    Drawn from the 48,842 rows of B. Becker and R. Kohavi, UCI Machine Learning Repository,
    doi 10.24432/C5XW20, under CC BY 4.0. For examples and first steps; results to be
    reported want the whole set, :func:`fetch_adult`.

    Parameters
    ----------
    sensitive : {"sex", "race"} or list of them, default="sex"
        Column(s) returned as ``sensitive_features``.

    groups : list of str, or mapping of column to list of str, default=None
        Keep only rows whose sensitive value is one of these. None keeps all rows.

    include_sensitive : bool, default=False
        Whether ``sex`` and ``race`` are features too.

    Returns
    -------
    adult : :class:`~sklearn.utils.Bunch`
        As :func:`fetch_adult` returns it.

    Raises
    ------
    ValueError
        If ``sensitive`` or ``groups`` has an unknown value.

    Examples
    --------
    >>> from skfeamoe.datasets import load_adult_sample
    >>> adult = load_adult_sample()
    >>> print(adult.data.shape, adult.target.mean().round(2))
    (8000, 11) 0.23
    """
    return _sample(
        fetch_adult, sensitive=sensitive, groups=groups, include_sensitive=include_sensitive
    )


def load_hmda_sample(
    *,
    sensitive: str | list[str] = "race",
    groups=None,
    include_sensitive: bool = False,
    include_proxies: bool = False,
):
    """Load 9,000 random mortgage applications of 2022 to 2024; they come with the package.

    3,000 of each year, in order of the years, from the loan application register that CFPB
    and FFIEC publish under the Home Mortgage Disclosure Act (public domain). For examples
    and first steps; results to be reported want more rows, :func:`fetch_hmda`.

    Parameters
    ----------
    sensitive : {"race", "sex", "ethnicity"} or list of them, default="race"
        Column(s) returned as ``sensitive_features``.

    groups : list of str, or mapping of column to list of str, default=None
        Keep only rows whose sensitive value is one of these. None keeps all rows.

    include_sensitive : bool, default=False
        Whether the sensitive columns are features too.

    include_proxies : bool, default=False
        Whether ``state``, close to race, is a feature too.

    Returns
    -------
    hmda : :class:`~sklearn.utils.Bunch`
        As :func:`fetch_hmda` returns it for ``version="2022-2024"``; ``time`` is the year.

    Raises
    ------
    ValueError
        If ``sensitive`` or ``groups`` has an unknown value.

    Examples
    --------
    >>> from skfeamoe.datasets import load_hmda_sample
    >>> hmda = load_hmda_sample(groups=["White", "Black"])
    >>> hmda.target.groupby(hmda.sensitive_features).mean().round(2).to_dict()
    {'Black': 0.65, 'White': 0.79}
    """
    return _sample(
        fetch_hmda,
        version="2022-2024",
        sensitive=sensitive,
        groups=groups,
        include_sensitive=include_sensitive,
        include_proxies=include_proxies,
    )


def _sample(fetch, **options):
    """The bundled file, read as the whole one is, with a word on its size."""
    bunch = fetch(path=SAMPLES, **options)
    bunch.DESCR += (
        f"\nThis is a random sample that comes with skfeamoe: {len(bunch.data)} rows.\n"
    )
    return bunch

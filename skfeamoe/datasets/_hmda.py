"""Mortgage applications published under the Home Mortgage Disclosure Act."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd

from ._tables import Table, load_table, to_bunch

# 99.9 % of the loan-to-value ratios are below 161 %; a few typing errors reach 5e7
MAX_LOAN_TO_VALUE_PCT = 200.0

SOURCE = (
    "The publisher (CFPB/FFIEC, ffiec.cfpb.gov) offers only national files of gigabytes, "
    "so nothing is downloaded."
)
DESCRIPTION = (
    "US mortgage applications, published by CFPB and FFIEC under the Home Mortgage "
    "Disclosure Act (public domain); random samples of the decided applications of "
    "{years}. "
    "Target: the application was {granted}. Sensitive: race, sex, ethnicity; values that "
    "were withheld or do not apply are missing in sensitive_features. Not features: year "
    "(the time column) and, unless include_proxies is True, {proxies}, close to race. "
    "Amounts and incomes are in thousand dollars with a long right tail: take logarithms "
    "(log_columns). {traps}"
)


def _description(version, years, granted, proxies, traps):
    """DESCR of one version."""
    title = f"HMDA, {version}"
    text = DESCRIPTION.format(years=years, granted=granted, proxies=proxies, traps=traps)
    return "\n".join([title, "-" * len(title), fill(text, width=88), ""])


SENSITIVE = ("race", "sex", "ethnicity")
UNKNOWN = ("Not provided", "Not applicable", "Not available")
VERSIONS = {
    "harmonized": Table(
        file_name="hmda_harmonised_2014_2017_2022_2024.csv.gz",
        features=(
            "loan_type",
            "property_type",
            "loan_purpose",
            "principal_residence",
            "loan_amount_000s",
            "income_000s",
        ),
        proxies=("state",),
        target="approved",
        target_names=("denied", "approved"),
        sensitive=SENSITIVE,
        time="year",
        log_columns=("loan_amount_000s", "income_000s"),
        unknown_values=UNKNOWN,
        source=SOURCE,
        description=_description(
            "harmonized",
            "2014-2017 and 2022-2024, brought to one schema",
            "approved",
            "state",
            "The purpose other_purpose and open-end credit lines are reported only since "
            "2018, so part of the change from 2017 to 2022 is one of reporting rules.",
        ),
    ),
    "2014-2017": Table(
        file_name="hmda_2014_2017.csv.gz",
        features=(
            "agency",
            "loan_type",
            "property_type",
            "loan_purpose",
            "owner_occupancy",
            "preapproval",
            "lien_status",
            "loan_amount_000s",
            "applicant_income_000s",
            "co_applicant",
            "tract_population",
            "hud_median_family_income",
            "tract_to_msamd_income",
            "tract_owner_occupied_units",
            "tract_1_to_4_family_units",
        ),
        proxies=("state", "tract_minority_pct"),
        target="originated",
        target_names=("denied", "originated"),
        sensitive=SENSITIVE,
        time="year",
        log_columns=("loan_amount_000s", "applicant_income_000s"),
        unknown_values=UNKNOWN,
        source=SOURCE,
        description=_description(
            "2014-2017",
            "2014-2017",
            "originated",
            "state and tract_minority_pct",
            "Income is missing in 7 % of the rows.",
        ),
    ),
    "2022-2024": Table(
        file_name="hmda_2022_2024.csv.gz",
        features=(
            "loan_type",
            "property_type",
            "loan_purpose",
            "occupancy",
            "loan_amount_000s",
            "income_000s",
            "loan_to_value_pct",
            "debt_to_income_pct",
            "property_value_000s",
        ),
        proxies=("state",),
        target="approved",
        target_names=("denied", "approved"),
        sensitive=SENSITIVE,
        time="year",
        log_columns=("loan_amount_000s", "income_000s", "property_value_000s"),
        unknown_values=UNKNOWN,
        source=SOURCE,
        description=_description(
            "2022-2024",
            "2022-2024",
            "approved",
            "state",
            "Missing values inform: loan-to-value is missing in 17 % of the denied and 7 % "
            "of the approved applications. debt_to_income_pct holds the middle of "
            "published bands.",
        ),
    ),
}


def fetch_hmda(
    *,
    version: str = "harmonized",
    years=None,
    sensitive: str | list[str] = "race",
    groups=None,
    include_sensitive: bool = False,
    include_proxies: bool = False,
    clean: bool = True,
    path=None,
    data_home=None,
    download_if_missing: bool = True,
    as_frame: bool = True,
    return_X_y: bool = False,
):
    """Load mortgage applications (HMDA): which are approved?

    Read from ``path`` or from the folder ``skfeamoe`` in ``data_home``. No publisher
    offers these samples as one file, so nothing is downloaded.

    Parameters
    ----------
    version : {"harmonized", "2014-2017", "2022-2024"}, default="harmonized"
        Which file: ``hmda_harmonised_2014_2017_2022_2024.csv.gz`` (few features, seven
        years), ``hmda_2014_2017.csv.gz`` or ``hmda_2022_2024.csv.gz`` (more features).

    years : int or list of int, default=None
        Keep only these years. None keeps all.

    sensitive : {"race", "sex", "ethnicity"} or list of them, default="race"
        Column(s) returned as ``sensitive_features``.

    groups : list of str, or mapping of column to list of str, default=None
        Keep only rows whose sensitive value is one of these, as in
        ``groups=["White", "Black"]``. None keeps all rows.

    include_sensitive : bool, default=False
        Whether ``race``, ``sex`` and ``ethnicity`` are features too.

    include_proxies : bool, default=False
        Whether ``state`` (and ``tract_minority_pct``, 2014-2017) are features too.

    clean : bool, default=True
        Clip ``loan_to_value_pct`` above 200 to 200 and negative incomes to 0. Missing
        values stay missing.

    path : str or path-like, default=None
        CSV file (plain or compressed), or a folder that holds the file of ``version``.

    data_home : str or path-like, default=None
        Folder of the cache; None is scikit-learn's
        :func:`~sklearn.datasets.get_data_home`.

    download_if_missing : bool, default=True
        Without effect, since there is nothing to download; here by convention.

    as_frame : bool, default=True
        If False, ``data`` is a float ndarray in which a category is its position in
        ``categories[column]`` and a missing value is NaN.

    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    hmda : :class:`~sklearn.utils.Bunch`
        data : DataFrame or ndarray of shape (n_samples, n_features)
            Features; text columns are categories, missing values are kept.
        target : Series or ndarray of shape (n_samples,)
            1 = approved (2014-2017: originated).
        sensitive_features : Series, DataFrame or ndarray
            A DataFrame where there are several columns. Missing where the applicant
            withheld it or is not a natural person.
        time : Series or ndarray of shape (n_samples,), int
            Year; rows are in order of it, shuffled inside a year.
        frame : DataFrame or None
            All columns of the file, also those that are not features.
        feature_names, target_names : list of str
            Columns of ``data``; what 0 and 1 mean.
        favorable_label : int
            1.
        categories : dict of str to list
            Categories of each categorical feature.
        log_columns : list of str
            Amounts and incomes, for which a logarithm is advised; see
            :func:`make_preprocessor`.
        n_cleaned : dict of str to int
            Column and number of values that ``clean`` changed, before rows were selected.
        DESCR : str
            The data set in words.

    (data, target) : tuple, if ``return_X_y`` is True

    Raises
    ------
    OSError
        If there is no file.
    ValueError
        If the file is empty or lacks a column, or a parameter has an unknown value.

    Examples
    --------
    >>> from skfeamoe.datasets import fetch_hmda
    >>> hmda = fetch_hmda(path="shared/data", groups=["White", "Black"])  # doctest: +SKIP
    >>> hmda.data.shape  # doctest: +SKIP
    (123803, 6)
    """
    if version not in VERSIONS:
        known = ", ".join(map(repr, VERSIONS))
        raise ValueError(f"version must be one of {known}, got {version!r}")
    table = VERSIONS[version]
    frame = load_table(
        table, path=path, data_home=data_home, download_if_missing=download_if_missing
    )
    n_cleaned = _clean(frame) if clean else {}
    if years is not None:
        frame = _of_years(frame, years)
    return to_bunch(
        table,
        frame,
        sensitive=sensitive,
        groups=groups,
        include_sensitive=include_sensitive,
        include_proxies=include_proxies,
        as_frame=as_frame,
        return_X_y=return_X_y,
        n_cleaned=n_cleaned,
    )


def _clean(frame: pd.DataFrame) -> dict[str, int]:
    """Clip impossible values in place; how many, by column."""
    n_cleaned = {}
    for column, lower, upper in [
        ("loan_to_value_pct", None, MAX_LOAN_TO_VALUE_PCT),
        ("income_000s", 0.0, None),
        ("applicant_income_000s", 0.0, None),
    ]:
        if column in frame.columns:
            clipped = frame[column].clip(lower, upper)
            changed = frame[column].notna() & (clipped != frame[column])
            n_cleaned[column] = int(changed.sum())
            frame[column] = clipped
    return n_cleaned


def _of_years(frame, years):
    """The rows of the given years; an error for a year that is not in the file."""
    years = np.atleast_1d(years).tolist()
    known = sorted(frame["year"].unique().tolist())
    for year in years:
        if year not in known:
            raise ValueError(f"years must be among {known}, got {year!r}")
    return frame[frame["year"].isin(years)].reset_index(drop=True)

"""The two-year recidivism data that ProPublica published."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import fetch_file, get_data_home

from ._tables import Table, load_table, to_bunch

PUBLISHER_FILE = "compas-scores-two-years.csv"
PUBLISHER_URL = (
    "https://raw.githubusercontent.com/propublica/compas-analysis/master/" + PUBLISHER_FILE
)

COMPAS = Table(
    file_name="compas.csv.gz",
    features=(
        "age",
        "juv_fel_count",
        "juv_misd_count",
        "juv_other_count",
        "priors_count",
        "c_charge_degree",
    ),
    target="two_year_recid",
    target_names=("no recidivism", "recidivism"),
    favorable_label=0,
    sensitive=("race", "sex"),
    time="compas_screening_date",
    description="""\
COMPAS (ProPublica)
-------------------
6,172 persons screened in Broward County, Florida, in 2013 and 2014 (ProPublica, "Machine
Bias", repository propublica/compas-analysis), after ProPublica's own filter. Target: a new
arrest within two years (0.455; African-American 0.523, Caucasian 0.391); class 0 is the
favorable one. Sensitive: race, sex. Not features: decile_score (the COMPAS score itself),
age_cat (age again), days_b_screening_arrest (used by the filter).

Do not use the order of time over the whole range: from April 2014 on 97 to 100 % of the
kept persons are recidivists, because the source cut persons without two years of
follow-up. That is an artifact, not drift. Shuffle, or use screened_before="2014-04-01".
""",
)


def fetch_compas(
    *,
    sensitive: str | list[str] = "race",
    groups=None,
    screened_before=None,
    include_sensitive: bool = False,
    path=None,
    data_home=None,
    download_if_missing: bool = True,
    as_frame: bool = True,
    return_X_y: bool = False,
):
    """Load the COMPAS data: who is arrested again within two years?

    Read from ``path``, else from ``data_home``, else downloaded from its publisher,
    filtered as the publisher did (arrest within 30 days of the screening, known outcome,
    a charge that can lead to jail, a score present) and kept in ``data_home``.

    Parameters
    ----------
    sensitive : {"race", "sex"} or list of them, default="race"
        Column(s) returned as ``sensitive_features``.

    groups : list of str, or mapping of column to list of str, default=None
        Keep only rows whose sensitive value is one of these, as in
        ``groups=["African-American", "Caucasian"]``. None keeps all rows.

    screened_before : str or datetime-like, default=None
        Keep only screenings before this day. From 2014-04-01 on the data are censored
        (see Notes), so a stream in order of time needs ``"2014-04-01"``.

    include_sensitive : bool, default=False
        Whether ``race`` and ``sex`` are features too.

    path : str or path-like, default=None
        CSV file (plain or compressed), or a folder that holds ``compas.csv.gz``. The
        publisher's own ``compas-scores-two-years.csv`` is recognized and filtered.

    data_home : str or path-like, default=None
        Folder of the cache; None is scikit-learn's
        :func:`~sklearn.datasets.get_data_home`.

    download_if_missing : bool, default=True
        If False, raise an OSError instead of downloading.

    as_frame : bool, default=True
        If False, ``data`` is a float ndarray in which a category is its position in
        ``categories[column]`` and a missing value is NaN.

    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    compas : :class:`~sklearn.utils.Bunch`
        data : DataFrame or ndarray of shape (n_samples, n_features)
            Raw features; text columns are categories.
        target : Series or ndarray of shape (n_samples,)
            1 = arrested again, the *unfavorable* outcome.
        sensitive_features : Series, DataFrame or ndarray
            A DataFrame where there are several columns.
        time : Series or ndarray of shape (n_samples,), datetime64
            Day of the screening; rows are not sorted by it.
        frame : DataFrame or None
            All columns of the file, also those that are not features.
        feature_names, target_names : list of str
            Columns of ``data``; what 0 and 1 mean.
        favorable_label : int
            0.
        categories : dict of str to list
            Categories of each categorical feature.
        log_columns : list of str
            Features for which a logarithm is advised: none.
        DESCR : str
            The data set in words.

    (data, target) : tuple, if ``return_X_y`` is True

    Raises
    ------
    OSError
        If there is no file and it is not, or cannot be, downloaded.
    ValueError
        If the file is empty or lacks a column, or a parameter has an unknown value.

    Notes
    -----
    From April 2014 on nearly all kept persons are recidivists: who was screened late and
    not arrested again lacked two years of follow-up and was cut. Ordered by time the
    stream shows that artifact and no real drift.

    Examples
    --------
    >>> from skfeamoe.datasets import fetch_compas
    >>> compas = fetch_compas(
    ...     path="compas.csv.gz", groups=["African-American", "Caucasian"]
    ... )  # doctest: +SKIP
    >>> compas.data.shape  # doctest: +SKIP
    (5278, 6)
    """
    frame = load_table(
        COMPAS,
        path=path,
        data_home=data_home,
        download_if_missing=download_if_missing,
        download=lambda: _download(data_home),
    )
    frame = _publisher_filter(frame)
    frame[COMPAS.time] = pd.to_datetime(frame[COMPAS.time])
    if screened_before is not None:
        frame = _before(frame, screened_before)
    return to_bunch(
        COMPAS,
        frame,
        sensitive=sensitive,
        groups=groups,
        include_sensitive=include_sensitive,
        as_frame=as_frame,
        return_X_y=return_X_y,
    )


def _download(data_home) -> pd.DataFrame:
    """The useful columns of the publisher's file, filtered."""
    folder = Path(get_data_home(data_home)) / "skfeamoe"
    folder.mkdir(parents=True, exist_ok=True)
    raw = pd.read_csv(fetch_file(PUBLISHER_URL, folder, PUBLISHER_FILE))
    kept = [column for column in COMPAS.columns if column in raw.columns]
    return _publisher_filter(raw)[kept]


def _publisher_filter(frame: pd.DataFrame) -> pd.DataFrame:
    """ProPublica's selection of rows, where the columns it needs are still there."""
    if not {"is_recid", "score_text", "days_b_screening_arrest"} <= set(frame.columns):
        return frame.copy()
    keep = (
        frame["days_b_screening_arrest"].between(-30, 30)
        & (frame["is_recid"] != -1)
        & (frame["c_charge_degree"] != "O")
        & frame["score_text"].notna()
        & (frame["score_text"] != "N/A")
    )
    return frame[keep].reset_index(drop=True)


def _before(frame, day):
    """The rows screened before a day; an error if there are none."""
    try:
        kept = frame[frame[COMPAS.time] < pd.Timestamp(day)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"screened_before must be a day such as '2014-04-01', got {day!r}"
        ) from error
    if kept.empty:
        first = frame[COMPAS.time].min().date()
        raise ValueError(f"screened_before={day!r} leaves no rows; the first is of {first}")
    return kept.reset_index(drop=True)

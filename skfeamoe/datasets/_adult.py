"""The census income data of 1994."""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import fetch_openml

from ._tables import Table, load_table, to_bunch

OPENML_ID = 1590

ADULT = Table(
    file_name="adult.csv.gz",
    features=(
        "age",
        "workclass",
        "education",
        "education-num",
        "marital-status",
        "occupation",
        "relationship",
        "capital-gain",
        "capital-loss",
        "hours-per-week",
        "native-country",
    ),
    target="class",
    target_names=("<=50K", ">50K"),
    target_codes={"<=50K": 0, ">50K": 1},
    sensitive=("sex", "race"),
    na_values=("?",),
    description="""\
Adult (census income)
---------------------
48,842 persons of the US census of 1994 (B. Becker and R. Kohavi, UCI Machine Learning
Repository, doi 10.24432/C5XW20, CC BY 4.0). Target: income above 50,000 dollars (0.239 of
the rows; 0.304 of men, 0.109 of women). Sensitive: sex, race. Not features: fnlwgt (a
sampling weight) and split (which of the two original files a row came from). "?" is read
as missing (workclass, occupation, native-country). relationship (Husband, Wife) all but
gives sex away, and education-num is education as a number. There is no time column.
""",
)


def fetch_adult(
    *,
    sensitive: str | list[str] = "sex",
    groups=None,
    include_sensitive: bool = False,
    path=None,
    data_home=None,
    download_if_missing: bool = True,
    as_frame: bool = True,
    return_X_y: bool = False,
):
    """Load the Adult census data: who earns more than 50,000 dollars?

    Read from ``path``, else from ``data_home``, else downloaded from OpenML (data set
    1590) and kept in ``data_home``.

    Parameters
    ----------
    sensitive : {"sex", "race"} or list of them, default="sex"
        Column(s) returned as ``sensitive_features``.

    groups : list of str, or mapping of column to list of str, default=None
        Keep only rows whose sensitive value is one of these. None keeps all rows.

    include_sensitive : bool, default=False
        Whether ``sex`` and ``race`` are features too.

    path : str or path-like, default=None
        CSV file (plain or compressed), or a folder that holds ``adult.csv.gz``.

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
    adult : :class:`~sklearn.utils.Bunch`
        data : DataFrame or ndarray of shape (n_samples, n_features)
            Raw features; text columns are categories, missing values are kept.
        target : Series or ndarray of shape (n_samples,)
            1 = more than 50,000 dollars.
        sensitive_features : Series, DataFrame or ndarray
            A DataFrame where there are several columns.
        time : None
            There is no time column.
        frame : DataFrame or None
            All columns of the file, also those that are not features.
        feature_names, target_names : list of str
            Columns of ``data``; what 0 and 1 mean.
        favorable_label : int
            1.
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
        If the file is empty or lacks a column, or ``sensitive`` or ``groups`` has an
        unknown value.

    Examples
    --------
    >>> from skfeamoe.datasets import fetch_adult
    >>> adult = fetch_adult(path="adult.csv.gz")  # doctest: +SKIP
    >>> adult.data.shape  # doctest: +SKIP
    (48842, 11)
    """
    frame = load_table(
        ADULT,
        path=path,
        data_home=data_home,
        download_if_missing=download_if_missing,
        download=_download,
    )
    return to_bunch(
        ADULT,
        frame,
        sensitive=sensitive,
        groups=groups,
        include_sensitive=include_sensitive,
        as_frame=as_frame,
        return_X_y=return_X_y,
    )


def _download() -> pd.DataFrame:
    """The data set from OpenML; the caller keeps it, so scikit-learn need not."""
    return fetch_openml(data_id=OPENML_ID, as_frame=True, cache=False, parser="auto").frame

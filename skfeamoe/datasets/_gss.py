"""Incomes in the General Social Survey, 1974 to 2018."""

from __future__ import annotations

from ._tables import Table, load_table, to_bunch

GSS_INCOME = Table(
    file_name="gss_income_1974_2018.csv.gz",
    features=(
        "age",
        "education",
        "marital_status",
        "children",
        "work_status",
        "occupation_group",
        "occupation_prestige",
    ),
    target="high_income",
    target_names=("lower income", "high income"),
    sensitive=("sex",),
    time="year",
    category_orders={
        "education": (
            "Less Than High School",
            "High School",
            "Junior College",
            "Bachelor",
            "Graduate",
        )
    },
    source=(
        "NORC publishes the survey only as a whole, and the extract gss_wages is part of "
        "the R package stevedata, so nothing is downloaded."
    ),
    description="""\
GSS income
----------
37,825 respondents of the US General Social Survey (NORC at the University of Chicago; free
for public use), 30 survey years from 1974 to 2018, as packaged in gss_wages of the R
package stevedata. Target: own real income above 16,563 dollars of 1986, the median over
all years. Sensitive: sex. The gap between men and women shrinks from about 0.45 to 0.19:
the clearest real drift of fairness among these data sets. Not features: realrinc (the
income that defines the target) and year (the time column).
""",
)


def fetch_gss_income(
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
    """Load incomes of the General Social Survey: who earns more than the median?

    Read from ``path`` or from the folder ``skfeamoe`` in ``data_home``. No publisher
    offers the extract as one readable file, so nothing is downloaded.

    Parameters
    ----------
    sensitive : {"sex"} or list of it, default="sex"
        Column returned as ``sensitive_features``.

    groups : list of str, or mapping of column to list of str, default=None
        Keep only rows whose sensitive value is one of these. None keeps all rows.

    include_sensitive : bool, default=False
        Whether ``sex`` is a feature too.

    path : str or path-like, default=None
        CSV file (plain or compressed), or a folder that holds
        ``gss_income_1974_2018.csv.gz``.

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
    gss : :class:`~sklearn.utils.Bunch`
        data : DataFrame or ndarray of shape (n_samples, n_features)
            Raw features; text columns are categories (education is ordered), missing
            values are kept.
        target : Series or ndarray of shape (n_samples,)
            1 = above the median of all years.
        sensitive_features : Series, DataFrame or ndarray
            A DataFrame where there are several columns.
        time : Series or ndarray of shape (n_samples,), int
            Survey year; rows are in order of it, shuffled inside a year.
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
        If there is no file.
    ValueError
        If the file is empty or lacks a column, or ``sensitive`` or ``groups`` has an
        unknown value.

    Examples
    --------
    >>> from skfeamoe.datasets import fetch_gss_income
    >>> gss = fetch_gss_income(path="shared/data")  # doctest: +SKIP
    >>> gss.data.shape  # doctest: +SKIP
    (37825, 7)
    """
    frame = load_table(
        GSS_INCOME, path=path, data_home=data_home, download_if_missing=download_if_missing
    )
    return to_bunch(
        GSS_INCOME,
        frame,
        sensitive=sensitive,
        groups=groups,
        include_sensitive=include_sensitive,
        as_frame=as_frame,
        return_X_y=return_X_y,
    )

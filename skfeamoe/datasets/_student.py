"""Grades in mathematics at two Portuguese schools."""

from __future__ import annotations

from ._tables import Table, load_table, to_bunch

STUDENT_MATH = Table(
    file_name="student_math.csv.gz",
    features=(
        "school",
        "age",
        "address",
        "famsize",
        "Pstatus",
        "Medu",
        "Fedu",
        "Mjob",
        "Fjob",
        "reason",
        "guardian",
        "traveltime",
        "studytime",
        "failures",
        "schoolsup",
        "famsup",
        "paid",
        "activities",
        "nursery",
        "higher",
        "internet",
        "romantic",
        "famrel",
        "freetime",
        "goout",
        "Dalc",
        "Walc",
        "health",
        "absences",
        "G1",
        "G2",
    ),
    target="low_final_grade",
    target_names=("passed", "low grade"),
    favorable_label=0,
    sensitive=("sex",),
    source=(
        "The publisher (UCI Machine Learning Repository) offers other codes and columns, so "
        "nothing is downloaded."
    ),
    description="""\
Student performance, mathematics
--------------------------------
395 pupils of two Portuguese secondary schools (P. Cortez, UCI Machine Learning Repository,
doi 10.24432/C5TG7T, CC BY 4.0), all columns as numbers. Target: a final grade below the pass
mark (0.329; girls 0.361, boys 0.294); class 0 is the favorable one. Sensitive: sex
(0 = female, 1 = male). G1 and G2, the grades of the first two periods, are features and say
nearly everything about the final grade. So few rows that a test split of 80 has group gaps
of 0.1 by chance alone: look at many splits.
""",
)


def fetch_student_math(
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
    """Load the student performance data, mathematics: who gets a low final grade?

    Read from ``path`` or from the folder ``skfeamoe`` in ``data_home``; nothing is
    downloaded.

    Parameters
    ----------
    sensitive : {"sex"} or list of it, default="sex"
        Column returned as ``sensitive_features``.

    groups : list or mapping of column to list, default=None
        Keep only rows whose sensitive value is one of these (0 = female, 1 = male). None
        keeps all rows.

    include_sensitive : bool, default=False
        Whether ``sex`` is a feature too.

    path : str or path-like, default=None
        CSV file (plain or compressed), or a folder that holds ``student_math.csv.gz``.

    data_home : str or path-like, default=None
        Folder of the cache; None is scikit-learn's
        :func:`~sklearn.datasets.get_data_home`.

    download_if_missing : bool, default=True
        Without effect, since there is nothing to download; here by convention.

    as_frame : bool, default=True
        If False, ``data`` is a float ndarray.

    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    student_math : :class:`~sklearn.utils.Bunch`
        data : DataFrame or ndarray of shape (395, 31)
            Features, all numeric codes.
        target : Series or ndarray of shape (395,)
            1 = low final grade, the *unfavorable* outcome.
        sensitive_features : Series or ndarray of shape (395,)
            0 = female, 1 = male.
        time : None
            There is no time column.
        frame : DataFrame or None
            All columns of the file.
        feature_names, target_names : list of str
            Columns of ``data``; what 0 and 1 mean.
        favorable_label : int
            0.
        categories : dict
            Empty: all features are numbers.
        log_columns : list of str
            Empty.
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
    >>> from skfeamoe.datasets import fetch_student_math
    >>> student = fetch_student_math(path="student_math.csv.gz")  # doctest: +SKIP
    >>> student.data.shape  # doctest: +SKIP
    (395, 31)
    """
    frame = load_table(
        STUDENT_MATH, path=path, data_home=data_home, download_if_missing=download_if_missing
    )
    return to_bunch(
        STUDENT_MATH,
        frame,
        sensitive=sensitive,
        groups=groups,
        include_sensitive=include_sensitive,
        as_frame=as_frame,
        return_X_y=return_X_y,
    )

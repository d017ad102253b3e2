"""From a mixed frame to the numbers a linear or mixture model needs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from ._tables import did_you_mean


def signed_log1p(X):
    """sign(x) log(1 + abs(x)), element by element; a missing value stays missing."""
    return np.sign(X) * np.log1p(np.abs(X))


def make_preprocessor(frame, *, log_columns=()):
    """Make an unfitted transformer for a frame of numbers and categories.

    - numbers: missing values become the median, with an extra 0/1 column
      ``missingindicator_...`` for each column that has missing values when fitted;
    - numbers in ``log_columns`` (money, with its long tail): the same after
      sign(x) log(1 + abs(x));
    - everything else (text, categories, booleans): one-hot, where a missing value is a
      category of its own and a category never seen in ``fit`` becomes zeros.

    Nothing is scaled: :class:`~skfeamoe.FEAMOEClassifier` standardizes by itself; put a
    :class:`~sklearn.preprocessing.StandardScaler` behind it for other models.

    Parameters
    ----------
    frame : DataFrame (pandas or polars) of shape (n_samples, n_features)
        Shows names and types of the columns; it is not fitted.

    log_columns : list of str, default=()
        Numeric columns of which the logarithm is taken; the loaders advise them in
        ``log_columns`` of their Bunch.

    Returns
    -------
    preprocessor : :class:`~sklearn.compose.ColumnTransformer`
        Unfitted; its output is a dense float array with named columns.

    Raises
    ------
    TypeError
        If ``frame`` is not a DataFrame, or has a column of dates or times.
    ValueError
        If a name in ``log_columns`` is not a numeric column of ``frame``.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfeamoe.datasets import make_preprocessor
    >>> loans = pd.DataFrame(
    ...     {"income": [20_000, None, 90_000], "type": ["fha", "va", "va"]}
    ... )
    >>> preprocessor = make_preprocessor(loans, log_columns=["income"])
    >>> preprocessor.set_output(transform="pandas").fit_transform(loans).round(2)
       income  missingindicator_income  type_fha  type_va
    0    9.90                      0.0       1.0      0.0
    1   10.66                      1.0       0.0      1.0
    2   11.41                      0.0       0.0      1.0
    """
    if not hasattr(frame, "columns"):
        raise TypeError(
            f"frame must be a pandas or polars DataFrame, got {type(frame).__name__}; "
            "an array has no column names and types"
        )
    kinds = {name: _kind(frame[name], name) for name in frame.columns}
    numeric = [name for name, kind in kinds.items() if kind == "number"]
    for name in log_columns:
        if name not in numeric:
            raise ValueError(
                "log_columns must name numeric columns of frame, got "
                f"{did_you_mean(name, numeric)}"
            )
    logged = [name for name in numeric if name in set(log_columns)]
    plain = [name for name in numeric if name not in set(log_columns)]
    categorical = [name for name, kind in kinds.items() if kind == "category"]

    log = FunctionTransformer(signed_log1p, feature_names_out="one-to-one")
    steps = [
        ("number", _imputer(), plain),
        ("log", Pipeline([("log", log), ("impute", _imputer())]), logged),
        (
            "category",
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            categorical,
        ),
    ]
    return ColumnTransformer(
        [step for step in steps if step[2]], verbose_feature_names_out=False
    )


def _imputer():
    """Median, and an indicator for columns that lacked values when fitted."""
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)


def _kind(column, name):
    """Whether a pandas or polars column holds "number" or "category"."""
    if isinstance(column, pd.Series):
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(
            column
        )
        moment = pd.api.types.is_datetime64_any_dtype(
            column
        ) or pd.api.types.is_timedelta64_dtype(column)
    else:
        number, moment = column.dtype.is_numeric(), column.dtype.is_temporal()
    if moment:
        raise TypeError(
            f"column {name!r} holds dates or times; leave it out or turn it into numbers"
        )
    return "number" if number else "category"

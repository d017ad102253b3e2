"""X and weights that users give become arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.utils.validation import check_array, validate_data

from skfeamoe._column_names import column_numbers, feature_columns, numbers_of_features
from skfeamoe._frames import decoded, refuse_lazy
from skfeamoe._sklearn import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    _get_feature_names,
    _safe_indexing,
)
from skfeamoe._terms.table import NUMBER, Column, Table, TableEncoder, read_table

LARGEST = 1e140
"""Values of X are held within this: squares of larger ones would overflow."""

LARGEST_WEIGHT = 1e100
"""Weights beyond this are refused: sums of their squares, and these times others, overflow."""


def check_features(estimator, X, *, reset: bool, sensitive_columns, learn: bool = False):
    """X as float64 ndarray or CSR, without its sensitive columns, and these columns.

    Returns ``(X, sensitive)``; ``sensitive`` is None without ``sensitive_columns`` and when
    X comes without them, which is allowed for prediction. An estimator with an attribute
    ``_table`` takes tables: categories become codes, and holes NaN. With ``reset`` its
    dictionaries begin anew, with ``learn`` they take in categories that are new.
    """
    if reset and _takes_tables(estimator):
        estimator._table = None
    if sensitive_columns is None:
        ready = None if reset else _ready(estimator, X)
        if ready is not None:
            return ready, None
        _refuse_what_is_no_table(X)
        X = _with_objects(X) if _takes_tables(estimator) else decoded(X)
        X = _narrow(X)
        table = _table_of(estimator, X, reset)
        if table is None:
            options = _options(_takes_tables(estimator) and not issparse(X))
            with _huge_values_allowed():
                return _in_range(validate_data(estimator, X, reset=reset, **options)), None
        if reset or not _has_known_names(estimator, table):
            _check_feature_names(estimator, X, reset=reset)
            _check_n_features(estimator, X, reset=reset)
        return _encoded(estimator, table, range(len(table.columns)), reset, learn), None
    _refuse_what_is_no_table(X)
    X = X if _takes_tables(estimator) else decoded(X)
    names = _get_feature_names(X)
    if not reset and _lacks_sensitive_columns(estimator, X):
        _check_reduced_names(estimator, names)
        known = feature_columns(estimator)[0]
        return _check_core(estimator, X, known, reset, learn), None
    if names is None and not hasattr(X, "shape"):
        X = np.asarray(X, dtype=object)
    if issparse(X):
        X = _narrow(X.tocsr())
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)
    width = estimator.n_features_in_
    sensitive = column_numbers(sensitive_columns, names, width)
    rest = [j for j in range(width) if j not in sensitive]
    if not rest:
        raise ValueError(
            f"sensitive_columns={sensitive_columns!r} names every column of X; at least "
            "one column must be left as a feature"
        )
    parts = [_dense_column(_safe_indexing(X, [j], axis=1)) for j in sensitive]
    features = _safe_indexing(X, rest, axis=1)
    return _check_core(estimator, features, rest, reset, learn), parts


def _has_known_names(estimator, table: Table) -> bool:
    """Whether a table has the very columns of the first one, which is soon seen."""
    known = getattr(estimator, "feature_names_in_", None)
    names = [column.name for column in table.columns]
    return table.has_names and known is not None and names == known.tolist()


def _refuse_what_is_no_table(X) -> None:
    """Refuse rows that are not there yet, and dates, which would become numbers unasked."""
    refuse_lazy(X, "X")
    kind = getattr(X, "dtype", None)
    if isinstance(kind, np.dtype) and kind.kind in "mM":
        raise ValueError(
            f"X must not hold dates or times ({kind}); give numbers, such as the days since a "
            "fixed date"
        )


def _options(allow_nan: bool) -> dict:
    """What scikit-learn checks of X."""
    return {
        "accept_sparse": "csr",
        "dtype": np.float64,
        "order": "C",  # products round by the order in memory: one for tables of all libraries
        "accept_large_sparse": False,
        "ensure_all_finite": "allow-nan" if allow_nan else True,
    }


def _takes_tables(estimator) -> bool:
    """Whether an estimator takes categories and missing values."""
    return hasattr(estimator, "_table")


def _with_objects(X):
    """Rows of a list as an array of objects where some of them are text."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "US":
        try:
            return X.astype(np.float64)
        except ValueError:
            raise ValueError(
                f"X must not be an array of text (dtype {X.dtype}), in which numbers would "
                "have become text; pass a data frame, or an array with dtype=object"
            ) from None
    rows = X if isinstance(X, list) and X and isinstance(X[0], (list, tuple)) else []
    if any(isinstance(value, str) for row in rows for value in row):
        return np.array(X, dtype=object)
    return X


def _table_of(estimator, X, reset: bool) -> Table | None:
    """X as a table, where there is more to it than an array of numbers."""
    if not _takes_tables(estimator) or issparse(X):
        return None
    table = read_table(X)
    known = None if reset else estimator._table
    chosen = estimator.categorical_features
    by_type = chosen is None or (isinstance(chosen, str) and chosen == "from_dtype")
    if known is None and by_type and (table is None or (table.is_plain and _is_array(X))):
        return None
    if table is None:
        with _huge_values_allowed():
            X = check_array(X, estimator=estimator, input_name="X", **_options(True))
        names = [f"x{j}" for j in range(X.shape[1])]
        columns = [Column(name, NUMBER, X[:, j]) for j, name in enumerate(names)]
        return Table(columns, len(X), False)
    return table


def _is_array(X) -> bool:
    """Whether scikit-learn's own checks are to read X."""
    return isinstance(X, np.ndarray)


def _encoded(estimator, table: Table, numbers: Sequence[int], reset: bool, learn: bool):
    """The matrix of a table, of which ``numbers`` are the positions of the columns in X."""
    encoder = None if reset else estimator._table
    if encoder is None:
        start = TableEncoder.start(table, _is_category(estimator, numbers) if reset else None)
        if not reset and any(start.is_category):
            name = table.columns[start.is_category.index(True)].name
            raise ValueError(
                f"column {name!r} held numbers when the model was started and holds text or "
                "categories now; give numbers, or start a new model"
            )
        encoder = start
    if reset or learn:
        encoder, matrix = encoder.learn(table)
    else:
        matrix = encoder.encode(table)
    if reset or estimator._table is not None:
        estimator._table = encoder
    if not len(matrix):
        check_array(matrix, estimator=estimator, input_name="X")  # which says so
    infinite = np.isinf(matrix).any(axis=0)
    if infinite.any():
        raise ValueError(
            f"Input X contains infinity in column {table.columns[infinite.argmax()].name!r}; "
            "give finite numbers, or NaN where the value is not known"
        )
    return _in_range(matrix)


def has_holes(X) -> bool:
    """Whether a value of dense X is missing."""
    return not issparse(X) and bool(np.isnan(np.vdot(X, X)))


def _is_category(estimator, numbers: Sequence[int]) -> list[bool] | None:
    """Which features `categorical_features` names; None where types of columns decide."""
    chosen, width = estimator.categorical_features, estimator.n_features_in_
    if isinstance(chosen, str) and chosen == "from_dtype":
        return None
    if chosen is None or len(np.atleast_1d(chosen)) == 0:
        return [False] * len(numbers)
    flags = np.atleast_1d(chosen)
    if flags.dtype == bool:
        if len(flags) != width:
            raise ValueError(
                f"categorical_features as a mask must have one entry for each of the {width} "
                f"columns of X, got {len(flags)}"
            )
        named = np.flatnonzero(flags).tolist()
    else:
        names = getattr(estimator, "feature_names_in_", None)
        named = column_numbers(flags.tolist(), names, width, "categorical_features")
    return [j in named for j in numbers]


def _in_range(X):
    """X with values beyond `LARGEST` held there."""
    values = X.data if issparse(X) else X
    if values.size and not np.abs(values).max() <= LARGEST:
        X = X.copy()
        values = X.data if issparse(X) else X
        np.clip(values, -LARGEST, LARGEST, out=values)
    return X


def _narrow(X):
    """A CSR array with 32-bit indices, which scikit-learn asks for, where these suffice."""
    if not issparse(X):
        return X
    X = X.tocsr()
    if X.indices.dtype == np.int32:
        return X
    if max(X.nnz, *X.shape) > np.iinfo(np.int32).max:
        return X
    parts = (X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32))
    return type(X)(parts, shape=X.shape)


def _ready(estimator, X) -> NDArray | None:
    """X if it is a finite array of floats of the right width, with no names to compare.

    scikit-learn's checks come to the same verdict in 15 times the time, which is more than
    a whole `partial_fit` on 32 rows. The sum of squares is NaN or too large if any value is.
    """
    plain = (
        type(X) is np.ndarray
        and X.dtype.char in "fd"
        and X.ndim == 2
        and X.shape[0] > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
        and getattr(estimator, "_table", None) is None
    )
    if not plain:
        return None
    X = np.ascontiguousarray(X, dtype=np.float64)
    if get_config()["assume_finite"]:
        return X
    values = X.ravel()
    with _huge_values_allowed():
        return X if np.dot(values, values) <= LARGEST**2 else None


def _check_core(estimator, X, numbers: Sequence[int], reset: bool, learn: bool):
    """X as float64 ndarray or CSR, with the estimator's name in errors."""
    table = _table_of(estimator, X, reset)
    if table is not None:
        return _encoded(estimator, table, numbers, reset, learn)
    options = _options(_takes_tables(estimator) and not issparse(X))
    with _huge_values_allowed():
        return _in_range(check_array(X, estimator=estimator, input_name="X", **options))


def _huge_values_allowed():
    """Silence for sums that look for NaN: they may overflow both ways."""
    return np.errstate(invalid="ignore", over="ignore")


def _dense_column(column) -> NDArray:
    """One column as a 1-D object or number array."""
    column = column.toarray() if issparse(column) else np.asarray(column)
    return column.reshape(-1)


def _lacks_sensitive_columns(estimator, X) -> bool:
    """Whether X for prediction comes without the sensitive columns."""
    shape = getattr(X, "shape", None) or np.shape(X)
    return len(shape) == 2 and shape[1] == estimator._n_core_features


def _check_reduced_names(estimator, names) -> None:
    """Refuse a reduced frame whose columns are not the features in their order."""
    known = getattr(estimator, "feature_names_in_", None)
    if names is None or known is None:
        return
    dropped = set(column_numbers(estimator.sensitive_columns, known, len(known)))
    expected = [name for j, name in enumerate(known) if j not in dropped]
    if list(names) != expected:
        raise ValueError(
            "The feature names should match those that were passed during fit, with or "
            f"without the sensitive columns; expected {expected}, got {list(names)}"
        )


def check_weight(sample_weight, X) -> NDArray:
    """Non-negative float64 weights, one per row."""
    if sample_weight is None:
        return np.ones(X.shape[0])
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, allow_all_zero_weights=True
    )
    if np.any(weight < 0):
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min()}; drop rows that "
            "should not count, or give them weight 0"
        )
    if weight.max(initial=0.0) > LARGEST_WEIGHT:
        raise ValueError(
            f"sample_weight must be at most {LARGEST_WEIGHT:g}, got {weight.max():g}, whose "
            "square is too large to be summed; scale the weights to a mean of 1"
        )
    return weight


def check_counterfactual_codes(estimator, X) -> None:
    """Refuse a single column whose other value nobody knows: one of numbers but 0 and 1."""
    if estimator.counterfactual_columns is None:
        return
    numbers, table = numbers_of_features(estimator, "counterfactual_columns"), estimator._table
    if len(numbers) != 1 or (table is not None and table.is_category[numbers[0]]):
        return
    codes = X[:, numbers]
    codes = codes.toarray() if issparse(codes) else codes
    known = (codes == 0.0) | (codes == 1.0) | np.isnan(codes)
    if not known.all():
        raise ValueError(
            f"counterfactual_columns={estimator.counterfactual_columns!r} must name a column "
            "of the codes 0 and 1, one of two categories, or the one-hot columns of one "
            f"attribute; it holds {codes[~known][0]:g}. Code the attribute as 0 and 1, and "
            "leave it out of any scaling"
        )

"""User input becomes arrays here; the only home of private scikit-learn imports."""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    _get_feature_names,
    check_array,
    column_or_1d,
    validate_data,
)

__all__ = ["HasMethods", "Interval", "InvalidParameterError", "StrOptions"]

UNKNOWN = -1
"""Group code of a row whose sensitive value is missing."""

GROUP_SEPARATOR = " & "
"""Stands between the values of several sensitive columns in the name of an intersection."""


class Batch(NamedTuple):
    """Checked input, ready for the core."""

    X: Any  # (n_samples, n_features), float64 ndarray or CSR
    y: NDArray  # (n_samples,), class codes
    groups: NDArray  # (n_samples,), group codes, -1 = unknown
    weight: NDArray  # (n_samples,)
    group_labels: list[str]  # all groups known after this batch


def check_features(estimator, X, *, reset: bool, sensitive_columns):
    """X as float64 ndarray or CSR, without its sensitive columns, and these columns.

    Returns ``(X, sensitive)``; ``sensitive`` is None without ``sensitive_columns`` and when
    X comes without them, which is allowed for prediction.
    """
    options = {"accept_sparse": "csr", "dtype": np.float64, "accept_large_sparse": False}
    if sensitive_columns is None:
        return validate_data(estimator, X, reset=reset, **options), None
    names = _get_feature_names(X)
    if not reset and _lacks_sensitive_columns(estimator, X, names):
        _check_reduced_names(estimator, names)
        return _check_core(estimator, X, options), None
    if names is None and not hasattr(X, "shape"):
        X = np.asarray(X, dtype=object)
    if issparse(X):
        X = X.tocsr()
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)
    width = estimator.n_features_in_
    sensitive = _column_numbers(sensitive_columns, names, width)
    rest = [j for j in range(width) if j not in sensitive]
    if not rest:
        raise ValueError(
            f"sensitive_columns={sensitive_columns!r} names every column of X; at least "
            "one column must be left as a feature"
        )
    parts = [_dense_column(_safe_indexing(X, [j], axis=1)) for j in sensitive]
    return _check_core(estimator, _safe_indexing(X, rest, axis=1), options), parts


def _check_core(estimator, X, options):
    """X as float64 ndarray or CSR, with the estimator's name in errors."""
    return check_array(X, estimator=estimator, input_name="X", **options)


def _dense_column(column) -> NDArray:
    """One column as a 1-D object or number array."""
    column = column.toarray() if issparse(column) else np.asarray(column)
    return column.reshape(-1)


def _column_numbers(columns, names, width: int) -> list[int]:
    """Positions of columns that are given by name or number."""
    columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
    numbers = []
    for column in columns:
        if isinstance(column, str):
            known = [] if names is None else list(names)
            if column not in known:
                raise ValueError(
                    f"sensitive_columns names {column!r}, which is not a column of X; "
                    + (
                        f"the columns are {known}"
                        if known
                        else "X has no column names, give column numbers instead"
                    )
                )
            numbers.append(known.index(column))
        elif -width <= column < width:
            numbers.append(int(column) % width)
        else:
            raise ValueError(
                f"sensitive_columns has column number {column}, but X has {width} columns"
            )
    return numbers


def _lacks_sensitive_columns(estimator, X, names) -> bool:
    """Whether X for prediction comes without the sensitive columns."""
    shape = getattr(X, "shape", None) or np.shape(X)
    return len(shape) == 2 and shape[1] == estimator._n_core_features


def _check_reduced_names(estimator, names) -> None:
    """Refuse a reduced frame whose columns are not the features in their order."""
    known = getattr(estimator, "feature_names_in_", None)
    if names is None or known is None:
        return
    dropped = set(_column_numbers(estimator.sensitive_columns, known, len(known)))
    expected = [name for j, name in enumerate(known) if j not in dropped]
    if list(names) != expected:
        raise ValueError(
            "The feature names should match those that were passed during fit, with or "
            f"without the sensitive columns; expected {expected}, got {list(names)}"
        )


def check_target(y, n_samples: int) -> NDArray:
    """y as a 1-D array of class labels."""
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    if len(y) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has "
            f"{n_samples} rows, y has {len(y)}"
        )
    return y


def encode_target(y: NDArray, classes: NDArray) -> NDArray:
    """Class codes of y; a label that is not among the classes is an error."""
    codes = np.searchsorted(classes, y)
    codes[codes == len(classes)] = 0
    unknown = classes[codes] != y
    if np.any(unknown):
        raise ValueError(
            f"y has the label {y[np.argmax(unknown)]!r}, which is not among the classes "
            f"{classes.tolist()} of the first call; pass every class in `classes` then"
        )
    return codes


def check_weight(sample_weight, X) -> NDArray:
    """Non-negative float64 weights, one per row."""
    if sample_weight is None:
        return np.ones(X.shape[0])
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if np.any(weight < 0):
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min()}; drop rows that "
            "should not count, or give them weight 0"
        )
    return weight


def check_favorable(favorable_label, classes: NDArray) -> int:
    """Class code of the favorable label; the last class by default."""
    if favorable_label is None:
        return len(classes) - 1
    found = np.flatnonzero(classes == favorable_label)
    if len(found) != 1:
        raise ValueError(
            f"favorable_label must be one of the classes {classes.tolist()}, got "
            f"{favorable_label!r}"
        )
    return int(found[0])


def check_per_constraint(name: str, value, highest: Mapping[str, float]) -> dict[str, float]:
    """A number per constraint, at most ``highest``, from a number or a mapping."""
    if isinstance(value, Mapping):
        missing = [c for c in highest if c not in value]
        extra = [c for c in value if c not in highest]
        if missing or extra:
            raise InvalidParameterError(
                f"{name} must give a number for each of the constraints "
                f"{list(highest)}; missing: {missing}, not asked for: {extra}"
            )
        numbers = {c: value[c] for c in highest}
    else:
        numbers = dict.fromkeys(highest, value)
    for constraint, number in numbers.items():
        valid = isinstance(number, Real) and not isinstance(number, bool)
        if not valid or not 0 < number <= highest[constraint]:
            hint = "; a gap of 5 points is 0.05" if name == "difference_bound" else ""
            limit = "inf)" if highest[constraint] == np.inf else "1]"
            raise InvalidParameterError(
                f"{name} must be in (0, {limit} for {constraint}, got {number!r}{hint}"
            )
    return {c: float(number) for c, number in numbers.items()}


def check_constraints(constraints, known: Sequence[str]) -> tuple[str, ...]:
    """Names of the constraints as a tuple without repetitions."""
    if constraints is None:
        return ()
    names = [constraints] if isinstance(constraints, str) else list(constraints)
    for name in names:
        if name not in known:
            raise InvalidParameterError(
                f"constraints must be None, one of {list(known)} or a list of these, got "
                f"{name!r}"
            )
    return tuple(dict.fromkeys(names))


def encode_groups(
    sensitive, n_samples: int, labels: Sequence[str], name: str = "sensitive_features"
) -> tuple[NDArray, list[str]]:
    """Group codes of every row and the list of all groups seen so far.

    ``sensitive`` is an array, Series, DataFrame (pandas or polars) or list; several columns
    make intersections; a missing value in any column makes the row's group unknown, -1.
    New groups get the next free codes. ``labels`` is not changed.
    """
    columns = _sensitive_columns(sensitive)
    length = len(columns[0])
    if length != n_samples:
        raise ValueError(
            f"{name} must have one entry per row of X: X has {n_samples} rows, "
            f"{name} has {length}"
        )
    known = list(labels)
    code_of = {label: code for code, label in enumerate(known)}
    cache: dict[Any, int] = {}
    rows = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    codes = np.empty(length, dtype=np.intp)
    for i, row in enumerate(rows):
        code = cache.get(row)
        if code is None:
            code = _code(row if len(columns) > 1 else (row,), code_of, known)
            cache[row] = code
        codes[i] = code
    return codes, known


def _sensitive_columns(sensitive) -> list[list]:
    """Columns of the sensitive features as plain lists of values."""
    if issparse(sensitive):
        raise ValueError(
            "sensitive_features must be dense, got a sparse matrix; use .toarray()"
        )
    if isinstance(sensitive, Mapping):
        return [np.asarray(column, dtype=object).tolist() for column in sensitive.values()]
    if hasattr(sensitive, "columns"):
        return [np.asarray(sensitive[c], dtype=object).tolist() for c in sensitive.columns]
    if hasattr(sensitive, "to_numpy"):
        sensitive = sensitive.to_numpy()
    if not isinstance(sensitive, np.ndarray):
        sensitive = np.asarray(sensitive, dtype=object)
    if sensitive.ndim == 1:
        return [sensitive.tolist()]
    if sensitive.ndim == 2 and sensitive.shape[1] > 0:
        return [column.tolist() for column in sensitive.T]
    raise ValueError(
        "sensitive_features must have one entry or one row of columns per row of X, got an "
        f"array of shape {sensitive.shape}"
    )


def _code(values: tuple, code_of: dict[str, int], known: list[str]) -> int:
    """Code of one combination of values; a new one is added to ``known``."""
    texts = []
    for value in values:
        if _is_missing(value):
            return UNKNOWN
        texts.append(_text(value))
    label = (
        texts[0]
        if len(texts) == 1
        else GROUP_SEPARATOR.join(text.replace("&", "&&") for text in texts)
    )
    if label not in code_of:
        code_of[label] = len(known)
        known.append(label)
    return code_of[label]


def _is_missing(value) -> bool:
    """Whether a scalar is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def _text(value) -> str:
    """Name of a group: the same for 1, 1.0 and True-like columns that became float."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)

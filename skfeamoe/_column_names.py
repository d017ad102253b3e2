"""Columns of X by name or number: sensitive ones, features, those that a parameter names."""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray


def column_numbers(columns, names, width: int, name: str = "sensitive_columns") -> list[int]:
    """Positions of columns that are given by name or number."""
    columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
    if not columns:
        raise ValueError(
            f"{name} must name at least one column, got an empty list; use None for none"
        )
    numbers = []
    for column in columns:
        if isinstance(column, str):
            numbers.append(_number_of_name(column, [] if names is None else list(names), name))
        elif isinstance(column, Integral) and not isinstance(column, bool):
            if not -width <= int(column) < width:
                raise ValueError(
                    f"{name} has column number {column}, but X has {width} columns"
                )
            numbers.append(int(column) % width)
        else:
            raise ValueError(
                f"{name} must hold names or numbers of columns of X, got "
                f"{column!r} of type {type(column).__name__}"
            )
    return list(dict.fromkeys(numbers))


def _number_of_name(column: str, known: list, name: str) -> int:
    """Position of a column that is given by name."""
    if column not in known:
        raise ValueError(
            f"{name} names {column!r}, which is not a column of X; "
            + (
                f"the columns are {known}"
                if known
                else "X has no column names, give column numbers instead"
            )
        )
    return known.index(column)


def feature_columns(estimator) -> tuple[list[int], list[str], bool]:
    """Positions in X of the columns that are features, their names, and if these are known."""
    width = estimator.n_features_in_
    known = getattr(estimator, "feature_names_in_", None)
    dropped: list[int] = []
    if estimator.sensitive_columns is not None:
        dropped = column_numbers(estimator.sensitive_columns, known, width)
    kept = [j for j in range(width) if j not in dropped]
    names = [f"x{j}" if known is None else str(known[j]) for j in kept]
    return kept, names, known is not None


def numbers_of_features(estimator, name: str) -> NDArray:
    """Numbers, among the features, of the columns that the parameter ``name`` holds."""
    names = getattr(estimator, "feature_names_in_", None)
    columns = column_numbers(getattr(estimator, name), names, estimator.n_features_in_, name)
    features, _, _ = feature_columns(estimator)
    both = [column for column in columns if column not in features]
    if both:
        raise ValueError(
            f"{name} and sensitive_columns both name the columns {both}; sensitive_columns "
            "are never features, so leave them out of one of the two"
        )
    return np.array([features.index(column) for column in columns], dtype=np.intp)


def sensitive_names(estimator) -> list:
    """Names of the sensitive columns of X in their order, their numbers if they have none."""
    names = getattr(estimator, "feature_names_in_", None)
    asked = estimator.sensitive_columns
    numbers = column_numbers(asked, names, estimator.n_features_in_)
    return [j if names is None else names[j] for j in numbers]

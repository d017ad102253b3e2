"""Sensitive features of any shape as columns of values, matched by their names.

Columns that have names are those of the same names in later calls, in whatever order they
come; columns without names, of arrays and lists, are what their place says.
"""

from collections.abc import Mapping
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._frames import columns_of, refuse_lazy, values_of


class SensitiveColumns(NamedTuple):
    """The columns of sensitive features."""

    names: list  # 0, 1, ... where there are none
    values: list[list]


def read_sensitive(
    sensitive, known: list | None = None, name: str = "sensitive_features"
) -> SensitiveColumns:
    """The columns, in the order of those that are ``known``, None if these are the first.

    The names are those to remember.
    """
    if isinstance(sensitive, SensitiveColumns):
        return sensitive
    given = _columns(sensitive, name)
    if not given.values:
        raise ValueError(
            f"{name} must have at least one column, got {type(sensitive).__name__} without "
            "any; pass None if no groups are known"
        )
    return given if known is None or known == given.names else matched(given, known, name)


def are_comparable(names: list, known: list) -> bool:
    """Whether columns are told apart by names rather than by their places."""
    numbered = [all(isinstance(n, Integral) for n in each) for each in (names, known)]
    return numbered[0] == numbered[1] and not is_unnamed(names)


def is_unnamed(names: list) -> bool:
    """Whether names are the places of the columns."""
    return names == list(range(len(names)))


def matched(
    given: SensitiveColumns, known: list, name: str = "sensitive_features"
) -> SensitiveColumns:
    """Columns in the order of the known ones."""
    names, values = given
    if are_comparable(names, known):
        _check_names(names, known, name)
        return SensitiveColumns(known, [values[names.index(column)] for column in known])
    if len(names) != len(known):
        listed = "" if is_unnamed(known) else f", {known}"
        raise ValueError(
            f"{name} must have as many columns as in the first call that had groups, "
            f"{len(known)}{listed}, got {len(names)}; give these, or start a new model"
        )
    return SensitiveColumns(names if is_unnamed(known) else known, values)


def _check_names(names: list, known: list, name: str) -> None:
    """Refuse columns that are not the known ones."""
    missing = [column for column in known if column not in names]
    others = [column for column in names if column not in known]
    found = [f"lacks {missing}"] if missing else []
    found += [f"has {others}, which it did not have"] if others else []
    if not found and (len(names) != len(known) or len(set(names)) < len(names)):
        found = [f"has columns of one name, {names}, that cannot be told apart"]
    if found:
        raise ValueError(
            f"{name} must have the columns of the first call that had groups, {known}, in any "
            f"order, but {' and '.join(found)}; give these columns, or start a new model"
        )


def _columns(sensitive, name: str) -> SensitiveColumns:
    """Columns as plain lists of values, with their names."""
    if type(sensitive) is np.ndarray and sensitive.ndim == 1:
        return _unnamed([sensitive])
    refuse_lazy(sensitive, name)
    if issparse(sensitive):
        raise ValueError(f"{name} must be dense, got a sparse matrix; use .toarray()")
    if isinstance(sensitive, Mapping):
        values = [_values(column) for column in sensitive.values()]
        _check_lengths(list(sensitive), values, name)
        return SensitiveColumns(list(sensitive), values)
    if hasattr(sensitive, "iloc") and hasattr(sensitive, "columns"):
        values = [_values(sensitive.iloc[:, j]) for j in range(sensitive.shape[1])]
        return SensitiveColumns(list(sensitive.columns), values)
    if (columns := columns_of(sensitive)) is not None:
        return SensitiveColumns(list(columns), [_values(c) for c in columns.values()])
    if hasattr(sensitive, "to_numpy"):
        sensitive = values_of(sensitive)
    if not isinstance(sensitive, np.ndarray):
        sensitive = _object_array(sensitive, name)
    if sensitive.ndim == 1:
        return _unnamed([sensitive])
    if sensitive.ndim == 2 and sensitive.shape[1] > 0:
        return _unnamed(sensitive.T)
    raise ValueError(
        f"{name} must have one entry or one row of columns per row of X, got an array of "
        f"shape {sensitive.shape}"
    )


def _unnamed(columns) -> SensitiveColumns:
    """Columns that have no names."""
    return SensitiveColumns(list(range(len(columns))), [_values(column) for column in columns])


def _check_lengths(names: list, values: list, name: str) -> None:
    """Refuse columns of a mapping that are none, or differ in length."""
    for column, found in zip(names, values, strict=True):
        if not isinstance(found, list):
            raise ValueError(
                f"{name} must have one entry per row of X in {column!r}, got {found!r}"
            )
        if len(found) != len(values[0]):
            raise ValueError(
                f"{name} must have columns of one length: {names[0]!r} has {len(values[0])} "
                f"entries, {column!r} has {len(found)}"
            )


def _object_array(sensitive, name: str) -> NDArray:
    """A list, or a list of rows, as an array of its values."""
    try:
        return np.asarray(sensitive, dtype=object)
    except ValueError as error:
        raise ValueError(
            f"{name} must have rows of one length, got rows that differ: {error}"
        ) from error


def _values(column) -> list:
    """One column as a list; dates as datetimes whatever their resolution."""
    if not isinstance(column, np.ndarray):
        column = values_of(column)
    if column.dtype.kind in "mM":
        column = column.astype(f"{column.dtype.kind}8[us]")
    return column.tolist()

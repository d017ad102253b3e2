"""Sensitive features of any shape as columns, with their names, for tables and reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from skfeamoe._frames import columns_of, refuse_lazy
from skfeamoe._groups import texts_of


def sensitive_columns(sensitive_features: Any) -> tuple[list[str], list[list]]:
    """Names and values of the sensitive columns of a DataFrame, Series, array or list."""
    refuse_lazy(sensitive_features, "sensitive_features")
    if (frame := columns_of(sensitive_features)) is not None:
        return [str(name) for name in frame], [_listed(column) for column in frame.values()]
    if hasattr(sensitive_features, "to_list"):
        name = getattr(sensitive_features, "name", None)
        return [str(name) if name else "sensitive"], [_listed(sensitive_features)]
    if hasattr(sensitive_features, "to_pylist"):
        return ["sensitive"], [_listed(sensitive_features)]
    array = np.asarray(sensitive_features, dtype=object)
    if array.ndim == 1:
        return ["sensitive"], [array.tolist()]
    return [f"sensitive_{j}" for j in range(array.shape[1])], array.T.tolist()


def _listed(column: Any) -> list:
    """Values of a column of pandas, polars or pyarrow."""
    return column.to_list() if hasattr(column, "to_list") else column.to_pylist()


def group_labels(columns: list[list]) -> list[tuple[str, ...] | None]:
    """Group of each row as a tuple of texts; None where any value is missing."""
    rows = zip(*(texts_of(values, "sensitive_features") for values in columns), strict=True)
    return [None if None in row else row for row in rows]

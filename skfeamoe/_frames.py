"""Tables of any library: pandas, polars, pyarrow and whatever else narwhals knows."""

from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from scipy.sparse import issparse


def refuse_lazy(table, name: str) -> None:
    """Raise for tables whose rows are not there yet."""
    if (
        type(table) is np.ndarray
        or issparse(table)
        or nw.dependencies.is_pandas_dataframe(table)
    ):
        return  # pandas' frames may have two columns of one name, which narwhals refuses
    seen = nw.from_native(table, pass_through=True, allow_series=True)
    if isinstance(seen, nw.LazyFrame):
        kind = type(table)
        raise TypeError(
            f"{name} must hold its rows, got a lazy {kind.__module__}.{kind.__qualname__}; "
            f"pass {name}.collect() (of dask: {name}.compute(), or use skfeamoe.distributed), "
            "or its rows batch by batch to partial_fit"
        )


def columns_of(table) -> dict[Any, Any] | None:
    """Columns of a frame by name, as its library has them; None for all that is no frame."""
    seen = nw.from_native(table, pass_through=True, eager_only=True)
    if not isinstance(seen, nw.DataFrame):
        return None
    return {column.name: column.to_native() for column in seen.iter_columns()}


def decoded(table):
    """A pyarrow table or column without dictionaries, whose nulls NumPy would not see."""
    if type(table).__module__.partition(".")[0] != "pyarrow":
        return table
    if not hasattr(table, "column_names"):
        return _decoded_column(table)
    for position, name in enumerate(table.column_names):
        column = table.column(position)
        plain = _decoded_column(column)
        if plain is not column:
            table = table.set_column(position, name, plain)
    return table


def _decoded_column(column):
    """One column of pyarrow, in its values' own type if it is encoded by a dictionary."""
    encoded = type(column.type).__name__ == "DictionaryType"
    return column.cast(column.type.value_type) if encoded else column


def values_of(column) -> np.ndarray:
    """One column of any library as an array."""
    if type(column).__module__.partition(".")[0] == "pyarrow":
        column = _decoded_column(column)
        if not hasattr(column, "chunks"):
            return column.to_numpy(zero_copy_only=False)
    return column.to_numpy() if hasattr(column, "to_numpy") else np.array(column, dtype=object)


def numbers_or_text(values: np.ndarray) -> np.ndarray:
    """Objects as numbers or text, if all of them are; a mixture is for others to refuse."""
    listed = values.tolist() if values.dtype == object else []
    for kind in ((bool, np.bool_), Real, str):
        if listed and all(isinstance(value, kind) for value in listed):
            return np.array(listed)
    return values

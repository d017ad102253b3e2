"""One number in [0, 1) per row, from the row's values and a seed: the same row, the same draw.

A lottery that a person could enter twice would not be one. The hash is that of pandas, of the
values and not of their container or order; splitmix64 spreads it (Steele, Lea and Flood,
2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.sparse import issparse

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniform_of_rows(X, seed: int) -> NDArray:
    """Uniform numbers, (n_samples,)."""
    values = pd.util.hash_pandas_object(_plain_frame(X), index=False).to_numpy(np.uint64)
    with np.errstate(over="ignore"):
        z = values + GOLDEN * np.uint64(seed + 1)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**53


def _plain_frame(X) -> pd.DataFrame:
    """Rows as a frame whose numbers are float64 and whose other values are text."""
    if issparse(X):
        X = X.toarray()
    columns = getattr(X, "columns", None)
    if columns is None:
        frame = pd.DataFrame(np.asarray(X))
    else:
        parts = (X[name] for name in columns)
        frame = pd.DataFrame({j: np.asarray(part) for j, part in enumerate(parts)})
    return pd.DataFrame({j: _plain(frame.iloc[:, j]) for j in range(frame.shape[1])})


def _plain(column: pd.Series) -> pd.Series:
    """A column as float64, or value by value as text: never by what else is in the batch."""
    if is_numeric_dtype(column) or is_bool_dtype(column):
        return column.astype(np.float64) + 0.0  # minus zero becomes zero
    return column.astype(object).map(_text)


def _text(value) -> str:
    """A value as text, a number as that of its float."""
    if isinstance(value, Real):
        return repr(float(value) + 0.0)
    return str(value)

"""One number in [0, 1) per row, from the row's values and a seed: the same row, the same draw.

A lottery that a person could enter twice would not be one. The hash is that of pandas, of the
values and not of their container or order; splitmix64 spreads it (Steele, Lea and Flood,
2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.sparse import issparse

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniform_of_rows(X, seed: int, names: Sequence[str] | None = None) -> NDArray:
    """Uniform numbers, (n_samples,); columns with names are taken in the order of ``names``."""
    values = _combined([_hashes(column) for column in _columns(X, names)])
    with np.errstate(over="ignore"):
        z = values + GOLDEN * np.uint64(seed + 1)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**53


def _columns(X, names: Sequence[str] | None) -> list[pd.Series]:
    """The columns of rows in any container."""
    if issparse(X):
        X = X.toarray()
    columns = getattr(X, "columns", None)
    if names is not None and columns is not None and set(columns) == set(names):
        columns = names
    parts = np.asarray(X).T if columns is None else [np.asarray(X[name]) for name in columns]
    return [pd.Series(part) for part in parts]


def _hashes(column: pd.Series) -> NDArray:
    """Hashes of values, (n_samples,): of numbers as float64, of others as text.

    Value by value, and never by what else is in the batch: a number is the same one in a
    column of numbers and in one of objects, and so is a missing value.
    """
    if is_numeric_dtype(column) or is_bool_dtype(column):
        return _of_numbers(column.to_numpy(np.float64))
    values = column.to_numpy(object)
    missing = pd.isna(values)
    numbers = missing | [isinstance(value, Real | np.bool_) for value in values]
    known = [np.nan if gone else value for gone, value in zip(missing, values, strict=True)]
    hashes = np.empty(len(values), dtype=np.uint64)
    hashes[numbers] = _of_numbers(
        np.array([known[row] for row in np.flatnonzero(numbers)], dtype=np.float64)
    )
    texts = np.array([str(known[row]) for row in np.flatnonzero(~numbers)], dtype=object)
    hashes[~numbers] = pd.util.hash_array(texts, categorize=False)
    return hashes


def _of_numbers(values: NDArray) -> NDArray:
    """Hashes of numbers, (n_samples,); minus zero is zero."""
    return pd.util.hash_array(values + 0.0)


def _combined(parts: list[NDArray]) -> NDArray:
    """One hash of several, (n_samples,): that of tuples in CPython 3.7, as in pandas."""
    values = np.full(len(parts[0]), 0x345678, dtype=np.uint64)
    factor = 1000003
    with np.errstate(over="ignore"):
        for left in range(len(parts), 0, -1):
            values = (values ^ parts[-left]) * np.uint64(factor % 2**64)
            factor += 82520 + 2 * left
        return values + np.uint64(97531)

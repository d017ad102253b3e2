"""Bins: a number that is sensitive, such as an age, becomes groups of people.

A number of bins cuts a column at quantiles of the first rows; edges cut it where they say. A
value belongs to the bin whose lower edge it has reached; beyond the outermost edges bins are
open.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LEAST_ROWS = 20
"""Rows for each bin that quantiles need."""


class SensitiveBins:
    """Edges of the columns that are cut, by column; a column without any is left as it is."""

    def __init__(self, edges: Sequence[NDArray | None]) -> None:
        self.edges = list(edges)

    @classmethod
    def of(cls, asked, columns: Sequence[list], names: Sequence) -> Self:
        """Bins for columns of values, as the parameter ``sensitive_bins`` asks."""
        if not isinstance(asked, Mapping):
            if len(columns) > 1:
                raise ValueError(
                    f"sensitive_bins={asked!r} cuts one column, and sensitive features have "
                    f"{len(columns)}; name those to cut in a mapping, such as "
                    f"{{{names[0]!r}: 5}}"
                )
            asked = {names[0]: asked}
        unknown = [name for name in asked if name not in names]
        if unknown:
            raise ValueError(
                f"sensitive_bins names {unknown[0]!r}, which is none of the sensitive columns "
                f"{list(names)}"
            )
        return cls(
            [
                _edges(asked[name], column, name) if name in asked else None
                for name, column in zip(names, columns, strict=True)
            ]
        )

    def texts(self, columns: Sequence[list], names: Sequence) -> list[list]:
        """The columns with the name of a bin in place of every value that is cut."""
        return [
            column if edges is None else _named(column, edges, name)
            for column, edges, name in zip(columns, self.edges, names, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"edges": self.edges}


def quantile_edges(values: NDArray, n: int) -> NDArray:
    """Where values are cut into n parts of about as many of them, between two values."""
    distinct, count = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return np.empty(0)
    if len(distinct) <= n:
        return 0.5 * (distinct[1:] + distinct[:-1])
    below = np.cumsum(count)[:-1] / count.sum()  # share of values up to each
    cuts = np.unique([np.abs(below - level / n).argmin() for level in range(1, n)])
    return 0.5 * (distinct[cuts] + distinct[cuts + 1])


def bin_names(edges: NDArray) -> list[str]:
    """What to call the bins between increasing edges."""
    if not len(edges):
        return ["all"]
    return [
        f"below {edges[0]:.6g}",
        *(f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges)),
        f"{edges[-1]:.6g} and above",
    ]


def places_edges(asked) -> bool:
    """Whether ``sensitive_bins`` leaves it to the first rows where a column is cut."""
    bins = asked.values() if isinstance(asked, Mapping) else [asked]
    return any(isinstance(n, Integral) for n in bins)


def _edges(asked, column: list, name) -> NDArray:
    """Edges for one column."""
    if isinstance(asked, Integral) and not isinstance(asked, bool):
        n = int(asked)
        if n < 2:
            raise ValueError(f"sensitive_bins must be at least 2 for {name!r}, got {n}")
        values = _numbers(column, name)
        values = values[~np.isnan(values)]
        if len(values) < LEAST_ROWS * n:
            raise ValueError(
                f"sensitive_bins={n} places its edges by the first rows, of which "
                f"{len(values)} have a value of {name!r}: fewer than {LEAST_ROWS} for each "
                "bin. Pass the edges themselves, such as [30, 45, 60], or more rows at first"
            )
        return quantile_edges(values, n)
    try:
        edges = np.asarray(asked, dtype=np.float64)
    except (TypeError, ValueError):
        edges = np.empty((0, 0))
    if edges.ndim != 1 or not len(edges) or not (np.diff(edges) > 0).all():
        raise ValueError(
            f"sensitive_bins must be a number of bins or increasing edges for {name!r}, got "
            f"{asked!r}"
        )
    return edges


def _numbers(column: list, name) -> NDArray:
    """A column of numbers, NaN where a value is missing."""
    numbers = np.empty(len(column))
    for i, value in enumerate(column):
        try:
            numbers[i] = np.nan if value is None else float(value)
        except (TypeError, ValueError):
            if type(value).__name__ in ("NAType", "NaTType"):
                numbers[i] = np.nan
                continue
            raise ValueError(
                f"sensitive_bins cuts numbers, and {name!r} has {value!r}; leave the column "
                "out of sensitive_bins, or make numbers of it"
            ) from None
    return numbers


def _named(column: list, edges: NDArray, name) -> list[str | None]:
    """The bin of every value."""
    values = _numbers(column, name)
    names = bin_names(edges)
    place = np.searchsorted(edges, values, side="right")
    missing = np.isnan(values)
    return [None if gone else names[i] for i, gone in zip(place, missing, strict=True)]

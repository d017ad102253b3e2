r"""Local bounds: what the offset adds for the people of one part of a column.

Inside a bound that is kept for all, gaps may hide in parts of the people: within bands of age,
departments, years. For every column with local bounds the offset has a summand that depends
on the part r that a person belongs to,

.. math:: h(x) = h_0(x) + \sum_c h_{c, r_c(x)}(x), \qquad
          h_{cr}(x) = \sum_{e, a} \lambda_{crea}\, r_{ea}(x) + b_{cr},

along the same directions, and every part has a gap of its own. A category's parts are its
values, rare ones together; a number is cut at its quintiles; who has no value is of a part of
its own. As with the directions nobody's group is read.

References
----------
Grari et al. (2024), "On the fairness ROAD: Robust optimization for adversarial
debiasing", ICLR, for bounds that hold locally.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._bins import bin_names, quantile_edges
from skfeamoe._fairness.offset import Parts
from skfeamoe._terms import Carry, ColumnTerms, Terms

N_BANDS = 5
"""Parts of a number."""

LEAST_BAND_ROWS = 1000
"""Rows of a stream before its columns are cut; a table that is there as a whole has enough."""

POOL, MISSING = -1.0, np.inf
"""Codes of the rare categories, which are one part, and of missing values, once any came."""


@dataclass
class LocalColumn:
    """The parts of one column, and what the offset adds in each."""

    column: int  # of X
    is_category: bool
    edges: NDArray  # (n_bands - 1,) where a number is cut
    codes: NDArray  # (n_parts,), increasing: categories, the pool first; or bands; missing
    weight: NDArray  # (n_parts, n_terms + 1)

    @property
    def has_missing(self) -> bool:
        """Whether missing values are a part, the last one."""
        return bool(self.codes[-1] == MISSING)

    def part_of(self, values: NDArray) -> Parts:
        """The part of every value of the column, -1 of a missing one before there were any."""
        missing, n = np.isnan(values), len(self.codes)
        if not self.is_category:
            place = np.searchsorted(self.edges, values, side="right")
        else:
            place = np.minimum(np.searchsorted(self.codes, values), n - 1)
            place = np.where(self.codes[place] == values, place, 0)
        return Parts(np.where(missing, n - 1 if self.has_missing else -1, place), n)

    def meeting(self, values: NDArray) -> Self:
        """With parts for the categories and the holes among these values.

        Categories start as the pool was, and holes with nothing added, as before.
        """
        missing = np.isnan(values)
        met = values[~missing] if self.is_category else np.empty(0)
        codes = np.union1d(self.codes, np.append(met, MISSING) if missing.any() else met)
        if len(codes) == len(self.codes):
            return self
        place = np.searchsorted(self.codes, codes)
        place = np.minimum(place, len(self.codes) - 1)
        known = self.codes[place] == codes
        weight = self.weight[np.where(known, place, 0)]
        weight[(codes == MISSING) & ~known] = 0.0
        return replace(self, codes=codes, weight=weight)

    def names(self, label) -> list[str]:
        """What to call the parts; ``label(column, code)`` is the user's word for a category."""
        holes = ["(missing)"] if self.has_missing else []
        if not self.is_category:
            return [*bin_names(self.edges), *holes]
        values = self.codes[: len(self.codes) - len(holes)]
        own = ["(other)" if c == POOL else str(label(self.column, c)) for c in values]
        return [*own, *holes]


@dataclass
class LocalOffset:
    """The local summands of all columns that have bounds."""

    columns: tuple[LocalColumn, ...] = field(default=())

    @property
    def is_used(self) -> bool:
        """Whether any part adds anything."""
        return any(column.weight.any() for column in self.columns)

    def meeting(
        self,
        asked: Sequence[int],
        is_category: Sequence[bool],
        values: Sequence[NDArray],
        n_terms: int,
    ) -> Self:
        """With parts for all columns that are asked for, found by their values."""
        known = {column.column: column for column in self.columns}
        columns = []
        for j, category, value in zip(asked, is_category, values, strict=True):
            made = known.get(j) or _first_parts(j, category, value, n_terms)
            columns.append(made.meeting(value))
        return replace(self, columns=tuple(columns))

    def parts(self, values: Sequence[NDArray]) -> list[Parts]:
        """The part of every row, by column."""
        return [c.part_of(v) for c, v in zip(self.columns, values, strict=True)]

    def values(self, Z, values: Sequence[NDArray]) -> NDArray:
        """What the parts add, (n_samples,)."""
        total = np.zeros(Z.shape[0])
        for column, value in zip(self.columns, values, strict=True):
            part = column.part_of(value).code
            added = Z @ column.weight[:, :-1].T + column.weight[:, -1]
            total += np.where(part >= 0, added[np.arange(len(part)), part], 0.0)
        return total

    def slopes(self, values: Sequence[NDArray], n_terms: int) -> NDArray:
        """Derivatives by the columns of Z, (n_samples, n_terms)."""
        total = np.zeros((1, n_terms))
        for column, value in zip(self.columns, values, strict=True):
            part = column.part_of(value).code
            total = total + np.where(part[:, None] >= 0, column.weight[part, :-1], 0.0)
        return total

    def placed(self, terms: Terms) -> "PlacedLocal | None":
        """The same as a function of the columns of these terms; None where it adds nothing."""
        if not self.is_used:
            return None
        assert isinstance(terms, ColumnTerms)
        return PlacedLocal(self, terms)

    @property
    def weights(self) -> NDArray:
        """The weights of all parts, (n_parts of all columns, n_terms + 1)."""
        tables = [column.weight for column in self.columns]
        return np.concatenate(tables) if tables else np.zeros((0, 1))

    def with_weights(self, weight: NDArray) -> Self:
        """The same parts with other weights, (n_parts of all columns, n_terms + 1)."""
        if not self.columns:
            return self
        ends = np.cumsum([len(column.codes) for column in self.columns])[:-1]
        split = np.split(weight, ends)
        columns = [replace(c, weight=w) for c, w in zip(self.columns, split, strict=True)]
        return replace(self, columns=tuple(columns))

    def carry(self, carry: Carry) -> Self:
        """The same on terms that have changed."""
        if not self.columns:
            return self
        table = self.weights
        weight, constant = carry.weights(table[:, :-1], table[:, -1])
        return self.with_weights(np.column_stack([weight, constant]))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"columns": [dict(vars(column)) for column in self.columns]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The offset that `to_dict` has written."""
        return cls(tuple(LocalColumn(**column) for column in data["columns"]))


class PlacedLocal(NamedTuple):
    """A local offset as a function of Z."""

    offset: LocalOffset
    terms: ColumnTerms

    def read(self, Z) -> tuple[NDArray, ...]:
        """Values of the columns."""
        return values_of(self.terms, Z, [column.column for column in self.offset.columns])

    def values(self, Z) -> NDArray:
        """What the parts add, (n_samples,)."""
        return self.offset.values(Z, self.read(Z))

    def slopes(self, Z) -> NDArray:
        """Derivatives by the columns of Z, (n_samples, n_terms)."""
        return self.offset.slopes(self.read(Z), Z.shape[1])


def values_of(terms: Terms, Z, columns: Sequence[int]) -> tuple[NDArray, ...]:
    """Values of columns of X as Z tells them, (n_samples,) each."""
    if not columns:
        return ()
    assert isinstance(terms, ColumnTerms)
    return tuple(terms.values_of(Z, j) for j in columns)


def _first_parts(j: int, is_category: bool, values: NDArray, n_terms: int) -> LocalColumn:
    """The parts of a column that has not been seen, with weights of zero."""
    edges = np.empty(0) if is_category else band_edges(values)
    codes = np.array([POOL]) if is_category else np.arange(len(edges) + 1.0)
    return LocalColumn(j, is_category, edges, codes, np.zeros((len(codes), n_terms + 1)))


def band_edges(values: NDArray) -> NDArray:
    """Where a number is cut into bands."""
    return quantile_edges(values[~np.isnan(values)], N_BANDS)

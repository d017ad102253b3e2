r"""Category terms: one indicator per category, and one that pools all rare ones.

X holds codes 0, 1, 2, ... of categories, -1 for one that was never learned, and NaN where the
value is missing, which is zero in all terms. A category has a *slot* of its own from
`SLOT_ROWS` rows on, up to `MOST_SLOTS` of them per column; all others share the pool. When a
slot opens it starts with the pool's weight,

.. math:: w_\text{slot} \leftarrow w_\text{pool},

so that no prediction moves (`Carry`), and with an empty memory of the optimizer, so that it
learns as fast as a category that was there from the first row.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms.carry import Carry

SLOT_ROWS = 10
"""Rows that a category needs for a weight of its own."""

COUNT_ROWS = 64
"""Rows that are counted at a time: counting takes longer than the terms of a few rows."""

MOST_SLOTS = 255
"""Slots of one column, as many as HistGradientBoostingClassifier has bins."""


class CategoryTerms:
    """Indicators of categories; every column's pool comes first, then slots as they open."""

    kind: ClassVar[str] = "category"
    is_linear: ClassVar[bool] = False

    def __init__(self, n_columns: int) -> None:
        self.counts = [np.zeros(0) for _ in range(n_columns)]  # rows by code
        self.uncounted: tuple[NDArray, ...] = ()  # rows that wait to be counted
        self.n_uncounted = 0
        self.slot_column = np.empty(0, dtype=np.intp)
        self.slot_code = np.empty(0)

    @classmethod
    def counted(cls, counts: Sequence[NDArray], slots: Sequence[NDArray] = ()) -> Self:
        """Terms of so many rows by code, and with slots for some of the codes, by column."""
        made = cls(len(counts))
        made.counts = list(counts)
        if len(slots):
            n_slots = [len(codes) for codes in slots]
            made.slot_column = np.repeat(np.arange(len(slots)), n_slots).astype(np.intp)
            made.slot_code = np.concatenate(slots)
        return made

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return len(self.counts)

    @property
    def n_outputs(self) -> int:
        """Columns of Z."""
        return self.n_inputs + len(self.slot_code)

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z."""
        return np.concatenate([np.arange(self.n_inputs), self.slot_column])

    @property
    def signs(self) -> NDArray:
        """Any sign for every weight."""
        return np.zeros(self.n_outputs)

    def names(self, columns: list[str], labels) -> list[str]:
        """Name of every column of Z; ``labels(j, code)`` is the user's word for a code."""
        slots = zip(self.slot_column, self.slot_code, strict=True)
        return [
            *(f"{name}=(other)" for name in columns),
            *(f"{columns[j]}={labels(j, int(code))}" for j, code in slots),
        ]

    def transform(self, X: NDArray) -> NDArray:
        """Z of the rows of X, (n_samples, n_outputs)."""
        d = self.n_inputs
        Z = np.empty((len(X), self.n_outputs))
        slots = Z[:, d:]
        np.equal(X[:, self.slot_column], self.slot_code, out=slots, casting="unsafe")
        np.subtract(~np.isnan(X), slots @ self._into_columns(), out=Z[:, :d])
        return Z

    def _into_columns(self) -> NDArray:
        """Which slot belongs to which column, (n_slots, n_columns)."""
        return (self.slot_column[:, None] == np.arange(self.n_inputs)) * 1.0

    def codes(self, Z: NDArray) -> NDArray:
        """Codes that show in Z, -1 for pooled and missing ones, (n_samples, n_inputs)."""
        slots = Z[:, self.n_inputs :]
        return (slots * (self.slot_code + 1.0)) @ self._into_columns() - 1.0

    def update(self, X: NDArray, weight: NDArray) -> Carry | None:
        """Count categories; a carry if some of them get slots of their own."""
        codes = X[weight > 0]
        self.uncounted = (*self.uncounted, codes)
        self.n_uncounted += len(codes)
        return self._count() if self.n_uncounted >= COUNT_ROWS else None

    def _count(self) -> Carry | None:
        """Count the rows that wait for it, and open the slots that are due."""
        rows = np.concatenate([np.empty((0, self.n_inputs)), *self.uncounted])
        self.uncounted, self.n_uncounted = (), 0
        self.counts = list(self.counts)
        opened: list[tuple[int, int]] = []
        for j in range(self.n_inputs):
            codes = rows[:, j]
            codes = codes[codes >= 0].astype(np.intp)
            if not len(codes):
                continue
            before = self.counts[j]
            added = np.bincount(codes, minlength=len(before)).astype(float)
            added[: len(before)] += before
            self.counts[j] = added
            due = added >= SLOT_ROWS
            due[: len(before)] &= before < SLOT_ROWS
            room = MOST_SLOTS - int((self.slot_column == j).sum())
            opened += [(j, int(code)) for code in np.flatnonzero(due)[: max(room, 0)]]
        return self._open(opened) if opened else None

    def _open(self, opened: list[tuple[int, int]]) -> Carry:
        """Append slots."""
        n = self.n_outputs
        columns, codes = np.array(opened, dtype=np.intp).T
        self.slot_column = np.concatenate([self.slot_column, columns])
        self.slot_code = np.concatenate([self.slot_code, codes.astype(float)])
        matrix = np.eye(n, self.n_outputs)
        memory = matrix.copy()
        matrix[columns, np.arange(n, self.n_outputs)] = 1.0
        return Carry(matrix, np.zeros(n), memory)

    def counts_of(self, j: int) -> NDArray:
        """Rows of column j by code, those that wait to be counted among them."""
        rows = np.concatenate([np.empty(0), *(chunk[:, j] for chunk in self.uncounted)])
        codes, known = rows[rows >= 0].astype(np.intp), self.counts[j]
        waiting = np.bincount(codes, minlength=len(known))
        return waiting + np.pad(known, (0, len(waiting) - len(known)))

    def codes_of(self, j: int) -> NDArray:
        """Codes of column j that have slots."""
        return self.slot_code[self.slot_column == j]

    def recoded(self, codes: dict[int, NDArray]) -> Self:
        """The same of other codes: ``codes[j]`` are those of what was 0, 1, ... in column j."""
        other = self.copy()
        other.uncounted, other.n_uncounted = (), 0
        other.counts, other.slot_code = [], self.slot_code.copy()
        for j in range(self.n_inputs):
            count = self.counts_of(j)
            if j in codes:
                known = codes[j][: len(count)] >= 0
                places = codes[j][: len(count)][known].astype(np.intp)
                count = np.bincount(places, count[known], int(places.max(initial=-1)) + 1)
                own = self.slot_column == j
                other.slot_code[own] = codes[j][self.slot_code[own].astype(np.intp)]
            other.counts.append(count)
        return other

    def merge(self, other: Self) -> None:
        """Add the counts of other rows."""
        if not self.is_alike(other):
            raise ValueError(
                "only category terms with the same slots can be merged; let all workers "
                "start from one model, and learn no more rows apart than that had seen"
            )
        merged = []
        self.uncounted = (*self.uncounted, *other.uncounted)
        self.n_uncounted += other.n_uncounted
        for mine, theirs in zip(self.counts, other.counts, strict=True):
            total = np.zeros(max(len(mine), len(theirs)))
            total[: len(mine)] += mine
            total[: len(theirs)] += theirs
            merged.append(total)
        self.counts = merged

    def is_alike(self, other: Self) -> bool:
        """Whether other terms have the same columns of Z."""
        return np.array_equal(self.slot_column, other.slot_column) and np.array_equal(
            self.slot_code, other.slot_code
        )

    def copy(self) -> Self:
        """Terms that learn on their own from here; no update writes into an array."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def without_rows(self) -> Self:
        """A copy with the same slots; rows that wait to be counted are not."""
        other = self.copy()
        other.uncounted, other.n_uncounted = (), 0
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        rows = [np.empty((0, self.n_inputs)), *self.uncounted]
        return {
            "kind": self.kind,
            **vars(self),
            "uncounted": np.concatenate(rows),
            "counts": np.concatenate([np.empty(0), *self.counts]),
            "n_codes": np.array([len(count) for count in self.counts], dtype=np.intp),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        made = cls.__new__(cls)
        own = {name: v for name, v in data.items() if name not in ("kind", "n_codes")}
        ends = np.cumsum(data["n_codes"])
        own["counts"] = [*np.split(data["counts"], ends[:-1])][: len(ends)]
        own["uncounted"] = (data["uncounted"],) if len(data["uncounted"]) else ()
        vars(made).update(own)
        return made

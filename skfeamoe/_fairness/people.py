"""The last people of every group: rows that are kept to be decided on again.

A control that averages past decisions steers by decisions of older models. So rows of known
group are kept as they came, and whoever wants to know a gap has the present model decide on
them: nothing lags, a group of which one row in a thousand is, is seen on as many people as
any other, and a gap can be told while no group is known at all. Whenever rows are gathered the
last `KEPT_ROWS` are kept, in equal parts of all groups but at least `LEAST_OF_GROUP` of each;
with very many groups `MOST_ROWS` is the limit. Those who have come since are held beside them,
and saved, all of them. Of a table that is there as a whole people are drawn, not the last ones
taken (`drawn`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._rows import Rows, in_container

KEPT_ROWS = 4096
LEAST_OF_GROUP = 256
MOST_ROWS = 16_384

MOST_PARTS = 64
"""Batches that wait; more are joined to one, all but the first part."""


class Kept(NamedTuple):
    """Rows with their numbers in the stream."""

    rows: Rows
    arrival: NDArray  # (n_samples,)


def rows_per_group(n_groups: int) -> int:
    """How many rows of each group are kept."""
    n_groups = max(n_groups, 1)
    return max(KEPT_ROWS // n_groups, min(LEAST_OF_GROUP, MOST_ROWS // n_groups), 1)


class People:
    """The last rows of every group; batches wait until the rows are asked for.

    Nothing that is kept is ever written into, so copies share it.
    """

    def __init__(self, *, sparse: bool = False) -> None:
        self.sparse = sparse  # rows are kept as CSR
        self.parts: list[Kept] = []
        self.n_kept = 0  # rows in all parts
        self.n_seen = 0  # rows of the stream, those of unknown group included

    def __len__(self) -> int:
        return self.n_kept

    def update(self, rows: Rows, order: NDArray | None = None) -> None:
        """Take in a batch, of which rows of known group and weight are kept.

        ``order``, the rows' numbers, is the one in which they count as having come: whatever
        order a table was in, those kept last are to be like all of it.
        """
        known = _known(rows)
        if len(known):
            place = known
            if order is not None:
                counts = np.zeros(len(rows), dtype=bool)
                counts[known] = True
                place = np.flatnonzero(counts[order])
                known = order[place]
            kept = rows.take(known)
            if issparse(kept.X) is not self.sparse:
                kept = kept.with_columns(in_container(kept.X, sparse=self.sparse))
            self.n_kept += len(known)
            parts = [*self.parts, Kept(kept, self.n_seen + place)]
            many = len(parts) > MOST_PARTS
            self.parts = [parts[0], _join(parts[1:])] if many else parts
        self.n_seen += len(rows)

    def groups(self) -> NDArray:
        """Group codes of all rows."""
        return np.concatenate([np.empty(0, np.intp), *(p.rows.groups for p in self.parts)])

    def gather(self, n_groups: int) -> Kept | None:
        """All rows in the order of the stream, no more of a group than its part."""
        if not self.parts:
            return None
        kept = _join(self.parts)
        place = _place_from_end(kept.rows.groups)
        late = place < rows_per_group(n_groups)
        if not late.all():
            index = np.flatnonzero(late)
            kept = Kept(kept.rows.take(index), kept.arrival[index])
        self._hold([kept])
        return kept

    def newest(self, n_rows: int) -> Rows | None:
        """The last so many rows, or all of them."""
        parts: list[Kept] = []
        for part in reversed(self.parts):
            late = slice(max(len(part.arrival) - n_rows, 0), len(part.arrival))
            parts.insert(0, Kept(part.rows.take(late), part.arrival[late]))
            n_rows -= len(part.arrival)
            if n_rows <= 0:
                break
        return _join(parts).rows if parts else None

    def _hold(self, parts: list[Kept]) -> None:
        """Keep these parts and no others."""
        self.parts, self.n_kept = parts, sum(len(part.arrival) for part in parts)

    def forget(self, before: int, group: int) -> None:
        """Drop the rows of a group that came before a row of the stream."""
        parts = []
        for part in self.parts:
            late = np.flatnonzero((part.arrival >= before) | (part.rows.groups != group))
            if len(late):
                parts.append(Kept(part.rows.take(late), part.arrival[late]))
        self._hold(parts)

    def rewrite(self, change: Callable[[Any], Any]) -> None:
        """Have the X of all rows as it is after a change, in which nothing is written into."""
        self.parts = [Kept(rows.with_columns(change(rows.X)), n) for rows, n in self.parts]

    def absent(self, since: int, until: int, least: float) -> list[int]:
        """Groups of whom nobody came between two rows, and so many would have at their pace."""
        arrival = np.concatenate([np.empty(0, np.intp), *(part.arrival for part in self.parts)])
        groups, found = self.groups(), []
        for group in np.unique(groups):
            own = arrival[groups == group]
            pace = len(own) / (own.max() - own.min() + 1)
            if own.max() < since and pace * (until - since) >= least:
                found.append(int(group))
        return found

    def copy(self) -> Self:
        """The same people; what is kept is shared."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def emptied(self) -> Self:
        """Nobody, at the same row of the stream."""
        other = type(self)(sparse=self.sparse)
        other.n_seen = self.n_seen
        return other

    def merge(self, other: Self, codes: NDArray) -> None:
        """Take in the people of another stream, as if both had run side by side.

        ``codes`` are the codes that its groups have here. Both streams end at the same time.
        """
        end = max(self.n_seen, other.n_seen)
        parts = []
        for stream, recode in ((self, None), (other, codes)):
            for rows, arrival in stream.parts:
                groups = rows.groups if recode is None else recode[rows.groups]
                parts.append(Kept(rows.with_groups(groups), arrival + end - stream.n_seen))
        self.n_seen = end
        if parts:
            joined = _join(parts)
            order = np.argsort(joined.arrival, kind="stable")
            self._hold([Kept(joined.rows.take(order), joined.arrival[order])])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        data: dict[str, Any] = {"sparse": self.sparse, "n_seen": self.n_seen, "rows": {}}
        if self.parts:
            kept = _join(self.parts)
            data |= {"rows": kept.rows.to_dict(), "arrival": kept.arrival}
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The people that `to_dict` has written."""
        made = cls(sparse=data["sparse"])
        made.n_seen = data["n_seen"]
        if data["rows"]:
            made._hold([Kept(Rows.from_dict(data["rows"]), data["arrival"])])
        return made


def drawn(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """At most so many of the people of known group, in the order in which they stand.

    Equal parts of all groups are drawn, or all people of a group that has fewer: a gap is known
    as well as the mean of its smaller group. All rows, if there are no more than that.
    """
    if len(rows) <= most:
        return rows
    counts, _ = people_of_groups(rows, int(rows.groups.max(initial=-1)) + 1)
    return drawn_by_group(rows, equal_parts(counts, most), rng)


def drawn_by_group(rows: Rows, numbers: NDArray, rng: np.random.Generator) -> Rows:
    """So many people of every group, (n_groups,), or all whom it has."""
    order = rng.permutation(_known(rows))
    groups = rows.groups[order]
    return rows.take(np.sort(order[_place_from_end(groups) < numbers[groups]]))


def people_of_groups(rows: Rows, n_groups: int) -> NDArray:
    """People of every group, and what they weigh together, (2, n_groups)."""
    known = _known(rows)
    groups = rows.groups[known]
    counts = np.bincount(groups, minlength=n_groups)
    return np.array([counts, np.bincount(groups, rows.weight[known], n_groups)])


def equal_parts(counts: NDArray, most: int) -> NDArray:
    """Parts of at most so many people, as equal as the groups have people, (n_groups,)."""
    parts = np.zeros(len(counts), dtype=np.int64)
    for n_before, group in enumerate(np.argsort(counts, kind="stable")):
        left = (most - parts.sum()) // (len(counts) - n_before)
        parts[group] = min(counts[group], left)
    return parts


def _known(rows: Rows) -> NDArray:
    """Numbers of the rows of known group that count, as a person or as a label."""
    counts = rows.weight > 0.0
    if not rows.is_plain:
        counts |= rows.label_weight > 0.0
    return np.flatnonzero((rows.groups >= 0) & counts)


def _join(parts: list[Kept]) -> Kept:
    """All parts as one, in their order."""
    arrival = np.concatenate([part.arrival for part in parts])
    return Kept(Rows.join([part.rows for part in parts]), arrival)


def _place_from_end(groups: NDArray) -> NDArray:
    """How many rows of the same group come after each row, (n_samples,)."""
    n = len(groups)
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    last = np.searchsorted(ranked, ranked, side="right")
    place = np.empty(n, dtype=np.intp)
    place[order] = last - 1 - np.arange(n)
    return place

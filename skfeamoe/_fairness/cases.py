r"""The people of every cell: who is compared in which slot, and what is measured of them.

A cell is a group within a slot, a constraint's event. Means are weighted by rows; the variance
of a mean is that of independent people with these weights, :math:`\sum w^2 (v - \mu)^2 /
(\sum w)^2`, so that a heavy row is not taken for many people.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.constraints import EVENTS, LABEL_EVENTS, Outcome, Slots
from skfeamoe._fairness.local import LocalOffset
from skfeamoe._fairness.offset import Parts
from skfeamoe._fairness.slots import LEAST_RATE, Slot
from skfeamoe._rows import Rows

MIN_CELL_ROWS = 20
"""A group takes part in a gap once so many of its people are there, or, under the schedule,
so many rows of its cell."""

SMALLEST_MARGIN = 1e-3
"""Margins below this are taken for this when a distance is divided by its margin."""

CELLS = ("mean", "variance", "n_rows", "unweighted")
"""What is measured of every cell."""


class Scored(NamedTuple):
    """What the present model says of rows, without and with the offset."""

    Z: Any  # (n_samples, n_terms), what the experts see
    margin: NDArray  # (n_samples,), flip margin without the offset
    cost: NDArray  # (n_samples,), expected errors of granting minus those of refusing
    decided: NDArray  # (n_samples,), class codes without the offset
    distance: NDArray | None  # (n_samples,), to the boundary with the offset; None: unused
    values: tuple[NDArray, ...] = ()  # (n_samples,) each, of the columns with local bounds


Score = Callable[[Any, NDArray, LocalOffset], Scored]
"""Scores rows of X under an offset, (n_terms + 1,), and what parts of the people add."""


@dataclass
class Measured:
    """Cells of all slots under the present model, (n_slots, n_groups) each."""

    mean: NDArray
    variance: NDArray  # of the mean
    n_rows: NDArray  # people
    unweighted: NDArray  # mean of the people whatever their weights
    price: float = 0.0  # errors per person that the offset adds
    granted: float = float("nan")  # share of favorable decisions
    solved: bool = True  # whether all bounds are kept on these people

    @classmethod
    def nothing(cls, n_slots: int, n_groups: int) -> Self:
        """No people."""
        shape = (n_slots, n_groups)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape))

    @property
    def is_known(self) -> bool:
        """Whether anything has been measured."""
        return not np.isnan(self.granted)

    @property
    def known(self) -> NDArray:
        """Cells with enough people to be compared, (n_slots, n_groups)."""
        return self.n_rows >= MIN_CELL_ROWS

    def span(self, s: int) -> tuple[int, int] | None:
        """The groups with the highest and the lowest mean of a slot, if there are two."""
        groups = np.flatnonzero(self.known[s])
        if len(groups) < 2:
            return None
        means = self.mean[s, groups]
        return int(groups[means.argmax()]), int(groups[means.argmin()])

    def gap(
        self, s: int, *, unweighted: bool = False, ratio: bool = False
    ) -> tuple[float, float]:
        """Gap of a slot and its standard error, nan where nothing is compared.

        With ``ratio`` the gap of the logarithms of the means.
        """
        span = self.span(s)
        if span is None:
            return float("nan"), float("nan")
        means = np.array([self.mean[s, a] for a in span])
        variance = np.array([self.variance[s, a] for a in span])
        if unweighted:
            own = self.unweighted[s, self.known[s]]
            means = np.array([own.max(), own.min()])
        if ratio:
            means = np.maximum(means, LEAST_RATE)
            means, variance = np.log(means), variance / means**2
        return float(means[0] - means[1]), float(np.sqrt(variance.sum()))

    def is_comparable(self) -> bool:
        """Whether any slot has two groups with enough people."""
        return any(self.span(s) is not None for s in range(len(self.mean)))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return dict(vars(self))


@dataclass
class LocalMeasured:
    """The parts of one column, and what is known of their gaps."""

    parts: list[Measured]
    known: NDArray  # (n_slots, n_parts), gaps after shrinkage

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"parts": [part.to_dict() for part in self.parts], "known": self.known}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What `to_dict` has written."""
        return cls([Measured(**part) for part in data["parts"]], data["known"])


class Cases:
    """The people of every cell on some rows."""

    def __init__(self, shares: NDArray, asked: Fairness, rows: Rows) -> None:
        self.asked = asked
        self.rows = rows
        self.n_groups = len(shares)
        self.code = np.where(rows.groups < 0, self.n_groups, rows.groups)
        self.weights = weights_of(asked.slots.events, rows)
        self.once = counted_once(asked.slots.events, rows)
        self.members = members_of(asked.slots.events, rows.y, asked.favorable)
        self.members &= self.weights > 0.0
        total = np.bincount(self.code, rows.weight, self.n_groups + 1)
        per_weight = _ratio(np.append(shares, 0.0), total)[self.code]
        self.by_person = _shares(rows.weight * per_weight)
        self.by_label = _shares(rows.label_weight * per_weight)

    def accuracy(self, decided: NDArray) -> float:
        """Share of right decisions, class codes, among labels; 1 while there are none."""
        return float(self.by_label @ (decided == self.rows.y)) if self.by_label.any() else 1.0

    def _rows_of(self, s: int, granted: NDArray) -> NDArray:
        """Rows that slot s is measured on: of its event, and refused for a distance."""
        members = self.members[s] & (self.code < self.n_groups)
        return members & ~granted if self._is_distance(s) else members

    def _is_distance(self, s: int) -> bool:
        return self.asked.slots.owners[s].uses_distance

    def slots(self, scored: Scored, margin: NDArray, parts: Sequence[Parts]) -> list[Slot]:
        """The slots as the solver wants them, and those of every column's parts after them."""
        everybody = Parts(np.zeros(len(self.rows), np.intp), 1)
        n_slots = len(self.members)
        whole = [self._slot(s, scored, margin, everybody) for s in range(n_slots)]
        ratio = self.asked.is_ratio
        whole = [slot._replace(is_ratio=bool(ratio[s])) for s, slot in enumerate(whole)]
        return whole + [
            self._slot(s, scored, margin, column) for column in parts for s in range(n_slots)
        ]

    def _slot(self, s: int, scored: Scored, margin: NDArray, column: Parts) -> Slot:
        """Slot s within every part of a column, cells with too few people left out."""
        n_cells = column.n_parts * self.n_groups
        cell = self._cells(column)
        counted = np.bincount(cell[self._rows_of(s, margin > 0.0)], minlength=n_cells + 1)
        compared = np.flatnonzero(counted[:n_cells] >= MIN_CELL_ROWS)
        number = np.full(n_cells + 1, len(compared))
        number[compared] = np.arange(len(compared))
        group = np.where(self.members[s], number[cell], len(compared))
        total = np.bincount(group, self.weights[s], len(compared) + 1)
        inverse_norm = _inverse_norm(scored, margin) if self._is_distance(s) else None
        return Slot(
            group,
            self.weights[s] / np.maximum(total, 1e-300)[group],
            len(compared),
            inverse_norm,
            compared // max(self.n_groups, 1),
            column.n_parts,
        )

    def counted_in_distances(self, scored: Scored, margin: NDArray) -> NDArray:
        """How the mean distance of every group falls as a row's margin rises.

        At the decisions without any offset, of all groups of every slot of distances,
        (n_samples, n_slots * n_groups).
        """
        columns, own = [], self.code[:, None] == np.arange(self.n_groups)
        for s in filter(self._is_distance, range(len(self.members))):
            rows = self._rows_of(s, scored.margin > 0.0)
            refused = np.bincount(self.code[rows], self.weights[s, rows], self.n_groups)
            part = rows * self.weights[s] * _inverse_norm(scored, margin)
            columns.append(own * part[:, None] / np.where(refused > 0.0, refused, 1.0))
        return np.hstack(columns)

    def _cells(self, column: Parts) -> NDArray:
        """Number of every row's cell, part by part; one more than all for rows of none."""
        known = (self.code < self.n_groups) & (column.code >= 0)
        cell = column.code * self.n_groups + self.code
        return np.where(known, cell, column.n_parts * self.n_groups)

    def measure(self, scored: Scored, margin: NDArray) -> Measured:
        """Means, their variances and numbers of people in every cell, and the price."""
        granted = margin > 0.0
        measured = self.measure_decisions(granted, scored.distance)
        changed = granted.astype(np.float64) - (scored.margin > 0.0)
        measured.price = float(self.by_person @ (scored.cost * changed))
        measured.granted = float(self.by_person @ granted)
        return measured

    def measure_decisions(self, granted: NDArray, distance: NDArray | None) -> Measured:
        """The cells alone: whoever is granted, and how far from the boundary all are."""
        measured = Measured.nothing(len(self.members), self.n_groups)
        self._fill(measured, self.code, granted, distance)
        return measured

    def measure_parts(self, scored: Scored, margin: NDArray, column: Parts) -> list[Measured]:
        """The same of the people of every part of a column; price and share are left out."""
        whole = Measured.nothing(len(self.members), column.n_parts * self.n_groups)
        self._fill(whole, self._cells(column), margin > 0.0, scored.distance)
        split = (np.split(getattr(whole, name), column.n_parts, axis=1) for name in CELLS)
        return [Measured(*cells) for cells in zip(*split, strict=True)]

    def _fill(
        self, measured: Measured, cell: NDArray, granted: NDArray, distance: NDArray | None
    ) -> None:
        """Fill in the cells of all slots; rows of no cell have the number behind all."""
        decided, n = granted.astype(np.float64), measured.mean.shape[1]
        for s in range(len(self.members)):
            rows = np.flatnonzero(self._rows_of(s, granted) & (cell < n))
            value = distance if self._is_distance(s) else decided
            assert value is not None
            value, code, weight = value[rows], cell[rows], self.weights[s, rows]
            count, total = np.bincount(code, minlength=n), np.bincount(code, weight, n)
            mean = _ratio(np.bincount(code, weight * value, n), total)
            spread = np.bincount(code, (weight * (value - mean[code])) ** 2, n)
            measured.mean[s] = mean
            measured.variance[s] = _ratio(spread, total * total)
            if not self._is_distance(s):
                squares = np.bincount(code, weight * weight, n)
                least = _least_variance(_ratio(total * total, squares))
                measured.variance[s] = np.maximum(measured.variance[s], least)
            measured.n_rows[s] = count
            once = self.once[s, rows]
            total = np.bincount(code, once, n)
            measured.unweighted[s] = _ratio(np.bincount(code, once * value, n), total)


def _least_variance(n_people: NDArray) -> NDArray:
    """Squared standard error of a rate of so many people at least, (n_cells,).

    That of one person in all who is decided on otherwise: where everybody, or nobody, is
    granted the rate of others is not certain. With weights it is Kish's number of people.
    """
    return np.where(n_people > 0.0, 1.0 / (n_people + 2.0) ** 2, 0.0)


def _inverse_norm(scored: Scored, margin: NDArray) -> NDArray:
    """Distance to the boundary by what the margin is, with the same offset."""
    assert scored.distance is not None
    return scored.distance / np.maximum(np.abs(margin), SMALLEST_MARGIN)


def label_event(event: str) -> str:
    """The event as far as labels tell: who gets a negative decision may be anybody."""
    return "all" if event == "negative_decision" else event


def label_events(slots: Slots) -> tuple[str, ...]:
    """The label events that constraints speak of, each once."""
    return tuple(dict.fromkeys(label_event(event) for event in slots.events))


def members_of(events, y: NDArray, favorable: int) -> NDArray:
    """Rows of each event as far as labels tell, (n_events, n_samples) bool."""
    if tuple(events) == ("all",):
        return np.ones((1, len(y)), dtype=bool)
    favored, nobody = y == favorable, np.zeros(len(y), dtype=bool)
    outcome = Outcome(favored, (y >= 0) & ~favored, nobody, nobody, nobody)
    return np.array([EVENTS[event](outcome) for event in events]).reshape(-1, len(y))


def weights_of(events, rows: Rows) -> NDArray:
    """What each row counts for in each event, as a label or as a person."""
    if rows.is_plain:
        return np.broadcast_to(rows.weight, (len(events), len(rows)))
    return _per_event(events, rows.label_weight, rows.weight)


def counted_once(events, rows: Rows) -> NDArray:
    """The same if everybody counts once.

    A label stands for 1/p people who have none, whatever weight the person has. Of one that
    came after its person it is not known how much of its weight is which: all is taken for 1/p.
    """
    ones = np.ones(len(rows))
    if rows.is_plain:
        return np.broadcast_to(ones, (len(events), len(rows)))
    weight, label_weight = rows.weight, rows.label_weight
    of_label = np.divide(label_weight, weight, out=label_weight.copy(), where=weight > 0.0)
    return _per_event(events, of_label, ones)


def _per_event(events, of_label: NDArray, of_person: NDArray) -> NDArray:
    """The one where an event speaks of labels, else the other, (n_events, n_samples)."""
    chosen = [of_label if event in LABEL_EVENTS else of_person for event in events]
    return np.array(chosen).reshape(-1, len(of_person))


def _shares(weight: NDArray) -> NDArray:
    """Weights that sum to one."""
    return weight / max(weight.sum(), 1e-300)


def _ratio(values: NDArray, total: NDArray) -> NDArray:
    """Quotient, 0 where there is nothing."""
    return np.divide(values, total, where=total > 0, out=np.zeros(len(total)))

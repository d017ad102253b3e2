r"""The fairness monitor: what the decisions have been, and how hard to push.

It owns the running group means, the multipliers of the control and the weights made of them.
Batches go in with a way to score them by the model that predicts; out come the slope of every
row, :math:`t = dP/dq`, the gaps, and their standard errors. Between two decisions of the
control `ROWS_PER_DECISION` rows are measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.controls import MAX_SLOPE, Control, row_slopes
from skfeamoe._fairness.moments import (
    GroupMoments,
    cell_means,
    fade,
    gap_standard_errors,
    init_group_moments,
    merge_group_moments,
    slot_gaps,
    update_group_moments,
    with_groups,
)
from skfeamoe._rows import Rows

ROWS_PER_DECISION = 64
"""The control decides anew every so many rows: the running means move little in between."""

Score = Callable[[Rows], Outcome]
"""What the model that predicts decides on rows, standardized ones."""


@dataclass(frozen=True)
class Fairness:
    """What the user asked of fairness, in the form that training needs."""

    slots: Slots
    control: Control
    half_life: float  # rows after which a group's past counts half
    limits: NDArray  # (n_slots,), the bounds or increments of the control
    favorable: int  # code of the favorable class

    @property
    def bounds(self) -> dict[str, float]:
        """Bound of every constraint; none for a control that knows no bounds."""
        if not self.control.keeps_bounds:
            return {}
        return dict(zip(self.slots.names, self.limits.tolist(), strict=True))


class Observation(NamedTuple):
    """A batch as the monitor has seen it."""

    outcome: Outcome
    members: NDArray  # (n_slots, n_samples), 1 where a row belongs to a slot's event


class FairnessMonitor:
    """Group means, multipliers and weights; every update replaces arrays."""

    def __init__(self, n_slots: int) -> None:
        self.moments: GroupMoments = init_group_moments(n_slots, 0)
        self.multipliers = np.zeros((n_slots, 0))
        self.weights = np.zeros((n_slots, 2, 0))  # the control's last decision
        self.rows_since_decision = 0

    @property
    def n_groups(self) -> int:
        """Number of groups that have cells."""
        return self.multipliers.shape[1]

    @property
    def is_active(self) -> bool:
        """Whether there are cells to measure."""
        return self.multipliers.size > 0

    def add_groups(self, n_groups: int) -> None:
        """Give empty cells to groups that have just appeared."""
        missing = n_groups - self.n_groups
        if missing > 0:
            self.moments = with_groups(self.moments, n_groups)
            self.multipliers = np.pad(self.multipliers, ((0, 0), (0, missing)))
            self.weights = np.pad(self.weights, ((0, 0), (0, 0), (0, missing)))

    def observe(
        self, fairness: Fairness, rows: Rows, score: Score, *, n_seen: int, n_added: int
    ) -> Observation:
        """Take in a batch before it is learned; let the control decide when it is time.

        ``n_seen`` and ``n_added`` are the rows seen and the experts added so far.
        """
        slots = fairness.slots
        outcome = score(rows)
        members = slots.rows(outcome)
        self.moments = update_group_moments(
            self.moments,
            members,
            slots.measured(outcome),
            _one_hot(rows.groups, self.n_groups, rows.weight),
            outcome.favored,
            half_life=fairness.half_life,
            n_events=slots.n_events,
        )
        self.rows_since_decision += len(rows)
        if self.rows_since_decision >= ROWS_PER_DECISION:
            self.multipliers, self.weights = fairness.control.decide(
                self.multipliers,
                self.moments,
                self.rows_since_decision,
                n_seen=n_seen,
                n_added=n_added,
            )
            self.rows_since_decision = 0
        return Observation(outcome, members)

    def slopes(
        self,
        fairness: Fairness,
        seen: Observation,
        groups: NDArray,
        q: NDArray,
        norm: NDArray,
    ) -> NDArray:
        """Slope of all constraints on q, (n_samples,).

        The gaps are those of the model that predicts; ``q`` and ``norm``, the norm of the
        gradient of its log-odds, are of the iterate that descends, which gets the push.
        """
        slots, clip = fairness.slots, fairness.control.keeps_bounds
        t = row_slopes(
            self.weights,
            slots.slopes(q, norm),
            seen.members,
            seen.outcome.decided,
            groups,
            slots.max_slopes if clip else np.inf,
        )
        return np.clip(t, -MAX_SLOPE, MAX_SLOPE, out=t) if clip else t

    def measured(self, fairness: Fairness, rows: Rows, score: Score) -> GroupMoments:
        """Group moments of the model that predicts on these rows alone, without forgetting."""
        outcome, slots = score(rows), fairness.slots
        return update_group_moments(
            init_group_moments(len(slots), self.n_groups),
            slots.rows(outcome),
            slots.measured(outcome),
            _one_hot(rows.groups, self.n_groups, rows.weight),
            outcome.favored,
            half_life=np.inf,
            n_events=slots.n_events,
        )

    def remeasure(
        self, fairness: Fairness, rows: Rows, score: Score, old: GroupMoments
    ) -> None:
        """Take the means of the model as it is on these rows; shares and rates of ``old``."""
        self.moments = {
            **self.measured(fairness, rows, score),
            "share": old["share"],
            "rows": old["rows"],
            "seen": old["seen"],
            "favored": old["favored"],
        }

    def take_replay(self, learned: Self, most_rows: float) -> None:
        """Go on from the monitor of a copy of the model that has learned some rows again.

        Its means, measured on these few rows, count for at most ``most_rows`` rows a cell.
        """
        self.multipliers, self.weights = learned.multipliers, learned.weights
        self.moments = fade(learned.moments, most_rows)

    def gaps(self, slots: Slots) -> dict[str, float]:
        """Gap of every constraint: the largest over its events."""
        return constraint_gaps(slots, self.moments)

    def copy(self) -> Self:
        """A monitor that goes on alone; arrays are shared, as none is written into."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def merge(self, other: Self, codes: NDArray) -> None:
        """Take in what another monitor has measured on other rows.

        ``codes`` are the codes that its groups have here. Moments add up, exactly and in any
        order; multipliers and weights, which are no sums, become their mean by rows, so the
        control should decide again on the merged moments.
        """
        self.add_groups(int(codes.max(initial=-1)) + 1)
        n_slots = len(self.multipliers)
        moved = type(self)(n_slots)
        moved.add_groups(self.n_groups)
        own, rows = self.moments["rows"], other.moments["rows"]
        share = rows / (own + rows) if own + rows else 0.0
        for name in ("multipliers", "weights"):
            theirs = getattr(moved, name)
            theirs[..., codes] = getattr(other, name)
            setattr(self, name, (1.0 - share) * getattr(self, name) + share * theirs)
        self.moments = merge_group_moments(self.moments, other.moments, codes)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "moments": dict(self.moments)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The monitor that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update(data)
        return made


def constraint_gaps(slots: Slots, moments: GroupMoments) -> dict[str, float]:
    """Gap of every constraint: the largest over its events."""
    gaps = slot_gaps(*cell_means(moments))
    return {c.name: float(np.fmax.reduce(gaps[slots.of(c.name)])) for c in slots.constraints}


def constraint_errors(slots: Slots, moments: GroupMoments) -> dict[str, float]:
    """Standard error of every constraint's gap: the largest over its events."""
    errors = gap_standard_errors(moments)
    return {c.name: float(errors[slots.of(c.name)].max()) for c in slots.constraints}


def _one_hot(groups: NDArray, n_groups: int, weight: NDArray) -> NDArray:
    """Every row's weight in the column of its group, (n_samples, n_groups)."""
    return (groups[:, None] == np.arange(n_groups)) * weight[:, None]

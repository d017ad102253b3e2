r"""The schedule of the paper: penalties of fixed direction that grow with the experts.

`ScheduleMonitor` owns running group means and a weight for the refused and the granted rows
of every cell (slot, group). A row's slope on q, which the experts are pushed with, is

.. math:: t_i = \sum_s w_{s,\,d_i,\,a_i}\; \frac{d\,\text{value}_s}{dq}(x_i)

over the slots s whose event holds for row i, with decision d_i and group a_i; t > 0 lowers q.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.cases import weights_of
from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.local import LocalOffset
from skfeamoe._fairness.moments import (
    GroupMoments,
    cell_means,
    init_group_moments,
    merge_group_moments,
    slot_gaps,
    update_group_moments,
    with_groups,
)
from skfeamoe._rows import Rows
from skfeamoe._terms import Carry

ROWS_PER_DECISION = 64
"""Weights are made anew every so many rows: base rates move little in between."""

Score = Callable[[Rows], Outcome]
"""What the model that predicts decides on rows, standardized ones."""


class Observation(NamedTuple):
    """A batch as the monitor has seen it."""

    outcome: Outcome
    members: NDArray  # (n_slots, n_samples), 1 where a row belongs to a slot's event


def row_slopes(
    weights: NDArray, slopes: NDArray, rows: NDArray, decided: NDArray, groups: NDArray
) -> NDArray:
    """Slope t of all constraints on q, (n_samples,), 0 where the group is unknown."""
    picked = weights[:, decided.astype(np.intp), groups]
    picked *= slopes
    picked *= rows
    return picked.sum(axis=0) * (groups >= 0)


class ScheduleMonitor:
    r"""Group means, and weights that the number of added experts alone decides.

    :math:`\lambda = \text{increment} \times` (experts added so far). Our reading of the
    published prose, with the privileged group p (by default the one with the highest rate of
    favorable labels so far):

    - demographic parity, equal opportunity: :math:`w = -\lambda` for a refused row of any
      other group (towards the favorable class), :math:`+\lambda` for a granted row of p;
    - equalized odds: the same indicator within each label, which for two labels adds up to
      that of demographic parity over all rows;
    - burden: :math:`+\lambda` on the distance of other groups' refused rows.

    It neither measures nor stops: with many experts it overshoots and can collapse, as the
    paper reports. With ``loss="jacobs"``, whose slopes are small, increments of .02 already
    overshoot on Adult (docs/decisions). Every update replaces arrays.

    References
    ----------
    Sharma, Henderson and Ghosh (2023), "FEAMOE", IJCAI, section 3 and Algorithm 1.
    """

    pushes = True
    negative, positive = 0, 1  # the decision, as the weights are indexed
    offset = np.zeros(1)  # it adds nothing to the scores
    local = LocalOffset()
    shift_is_used = False

    def __init__(self, n_slots: int) -> None:
        self.moments: GroupMoments = init_group_moments(n_slots, 0)
        self.multipliers = np.zeros((n_slots, 0))  # the strength of every cell
        self.weights = np.zeros((n_slots, 2, 0))
        self.rows_since_decision = 0
        self.audited: dict[str, float] = {}  # gaps of a finished `fit`, by constraint

    @property
    def n_groups(self) -> int:
        """Number of groups that have cells."""
        return self.multipliers.shape[1]

    @property
    def n_seen(self) -> int:
        """Labels of known groups."""
        return int(self.moments["seen"].sum())

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
        self, asked: Fairness, rows: Rows, score: Score, *, n_added: int
    ) -> Observation:
        """Take in a batch before it is learned; ``n_added`` experts were added so far."""
        outcome = score(rows)
        members = asked.slots.rows(outcome)
        self.audited = {}
        self.moments = self._updated(self.moments, asked, rows, outcome, asked.half_life)
        self.rows_since_decision += len(rows)
        if self.rows_since_decision >= ROWS_PER_DECISION:
            strength = asked.limits[:, None] * n_added
            self.multipliers = np.broadcast_to(strength, self.multipliers.shape).copy()
            self.weights = self._weights(asked)
            self.rows_since_decision = 0
        return Observation(outcome, members)

    def _updated(
        self, moments: GroupMoments, asked: Fairness, rows: Rows, outcome: Outcome, half_life
    ) -> GroupMoments:
        """Moments after a batch."""
        events = asked.slots.events
        return update_group_moments(
            moments,
            asked.slots.rows(outcome) * weights_of(events, rows),
            asked.slots.measured(outcome),
            (rows.groups[:, None] == np.arange(self.n_groups)).astype(np.float64),
            rows.label_weight
            * np.array([outcome.favored | outcome.unfavored, outcome.favored]),
            half_life=half_life,
            n_events=asked.slots.n_events,
        )

    def _weights(self, asked: Fairness) -> NDArray:
        """Weight of every cell for refused and granted rows, (n_slots, 2, n_groups)."""
        weights = np.zeros_like(self.weights)
        privileged = asked.privileged
        if privileged is None:
            seen = np.maximum(self.moments["seen"], 1.0)
            privileged = int(np.argmax(self.moments["favored"] / seen))
        if privileged < 0:  # named by the user, and not seen yet: favor is nobody's
            return weights
        others = np.arange(self.n_groups) != privileged
        for s, owner in enumerate(asked.slots.owners):
            negative, positive = owner.pushed
            weights[s, self.negative, others] = negative * self.multipliers[s, others]
            weights[s, self.positive, privileged] = positive * self.multipliers[s, privileged]
        return weights

    def slopes(
        self, asked: Fairness, seen: Observation, groups: NDArray, q: NDArray, norm: NDArray
    ) -> NDArray:
        """Slope of all constraints on q, (n_samples,).

        The decisions are those of the model that predicts; ``q`` and ``norm``, the norm of
        the gradient of its log-odds, are of the iterate that descends, which gets the push.
        """
        slopes = asked.slots.slopes(q, norm)
        return row_slopes(self.weights, slopes, seen.members, seen.outcome.decided, groups)

    def audit(self, asked: Fairness, rows: Rows, score: Score) -> None:
        """Measure the finished model on these rows alone, without forgetting."""
        empty = init_group_moments(len(asked.slots), self.n_groups)
        moments = self._updated(empty, asked, rows, score(rows), np.inf)
        self.audited = constraint_gaps(asked.slots, moments)

    def gaps(self, slots: Slots) -> dict[str, float]:
        """Gap of every constraint: the largest over its events."""
        return dict(self.audited) or constraint_gaps(slots, self.moments)

    def carry(self, carry: Carry) -> None:
        """Nothing here rests on terms."""

    def copy(self) -> Self:
        """A monitor that goes on alone; arrays are shared, as none is written into."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def without_people(self) -> Self:
        """A copy; group means are all that is kept."""
        return self.copy()

    def merge(self, other: Self, codes: NDArray) -> None:
        """Take in what another monitor has measured on other rows.

        ``codes`` are the codes that its groups have here. Moments add up, exactly and in any
        order; weights are made anew of them after the next rows.
        """
        self.add_groups(int(codes.max(initial=-1)) + 1)
        self.moments = merge_group_moments(self.moments, other.moments, codes)
        self.rows_since_decision = ROWS_PER_DECISION
        self.audited = {}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "moments": dict(self.moments), "audited": dict(self.audited)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The monitor that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update(data)
        moments = data["moments"]  # earlier versions kept more of them
        made.moments = {
            "count": moments["count"],
            "total": moments["total"],
            "seen": moments["seen"],
            "favored": moments["favored"],
        }
        return made


def constraint_gaps(slots: Slots, moments: GroupMoments) -> dict[str, float]:
    """Gap of every constraint: the largest over its events."""
    gaps = slot_gaps(*cell_means(moments))
    return {c.name: float(np.fmax.reduce(gaps[slots.of(c.name)])) for c in slots.constraints}

r"""One solution for the offset: what it aims at, along which directions, and what comes of it.

A gap on n people is known up to its standard error. So a bound is aimed at with a margin,

.. math:: \text{aim} = \max(\text{bound} - m \cdot \text{SE},\ \text{bound}/2),

with m = `MARGIN`: where there are few people the promise is kept more carefully. Whoever has
taught the directions is decided on as if by directions of the others (`left_out`), so that what
is measured is what new people are to expect.

Nothing here is kept: `bound` holds the people, and what the settlement ends in.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import (
    Cases,
    LocalMeasured,
    Measured,
    Score,
    Scored,
    members_of,
    weights_of,
)
from skfeamoe._fairness.directions import Directions, nearest_functions
from skfeamoe._fairness.left_out import left_out_scores
from skfeamoe._fairness.local import LocalOffset
from skfeamoe._fairness.offset import (
    Parts,
    Problem,
    Solution,
    affordable_offset,
    no_offset,
    solve_offset,
)
from skfeamoe._fairness.rounds import Place
from skfeamoe._fairness.shrinkage import (
    effects,
    raw_limits,
    shrunken_gaps,
    variance_between,
)

MARGIN = 0.5
"""Standard errors of a gap by which its bound is undercut."""

LEAST_AIM = 0.5
"""Part of a bound that is aimed at in any case."""

NOISE, LEAST_TOLERANCE = 0.25, 1e-3
"""Part of a gap's standard error, and least gap, that an offset may be off its aim by: no
accuracy is paid for less than can be known."""


class Settlement:
    """Bounds on some people, and the steps towards an offset that keeps them.

    Parameters
    ----------
    cases : Cases
        The people, and what is asked of them.
    score : callable
        Scores rows under an offset.
    scored : Scored
        What it says of the people as they are decided on now.
    directions : Directions
        Scores of the groups.
    axis_of : sequence of int
        The axis of every slot: its event's direction, or one of a distance's own behind them.
    taught : float or None
        People by whom directions were taught in passes; None for those of a stream.
    """

    def __init__(
        self,
        cases: Cases,
        score: Score,
        scored: Scored,
        directions: Directions,
        axis_of: Sequence[int],
        taught: float | None,
    ) -> None:
        self.cases, self.asked = cases, cases.asked
        self.scored = scored
        self._score = score
        self._directions = directions
        self._axis_of = axis_of
        self._left_out = self._scores_left_out(taught)
        self.n_slots = len(self.asked.slots)

    def _scores_left_out(self, taught: float | None) -> NDArray:
        """By how much people's scores of the groups move who have taught them no more."""
        rows, events = self.cases.rows, self._directions.events
        members = members_of(events, rows.y, self.asked.favorable)
        weights = weights_of(events, rows)
        return left_out_scores(
            self._directions, self.scored.Z, rows.groups, members, weights, taught
        )

    def place(self, coef: NDArray, offset: NDArray, local: LocalOffset) -> Place:
        """What is measured under an offset."""
        scored = self.scored
        if self.asked.slots.uses_distance:  # nothing else of a score depends on the offset
            scored = self._score(self.cases.rows.X, offset, local)
        return self._measured(coef, offset, local, scored)

    def start(self, coef: NDArray, offset: NDArray, local: LocalOffset) -> Place:
        """What is measured under the offset that people are decided with now."""
        return self._measured(coef, offset, local, self.scored)

    def _measured(
        self, coef: NDArray, offset: NDArray, local: LocalOffset, scored: Scored
    ) -> Place:
        margin = scored.margin + scored.Z @ offset[:-1] + offset[-1]
        if local.columns:
            margin = margin + local.values(scored.Z, scored.values)
        n_taught = min(len(coef), self._left_out.shape[1])
        margin = margin + self._left_out[:, :n_taught] @ coef[:n_taught]
        return Place(coef, offset, local, scored, margin, self.cases.measure(scored, margin))

    def step(self, here: Place) -> tuple[Place, Solution]:
        """The place that a solution leads to, with distances as they are at ``here``."""
        axes = self._axes(here)
        solution = self._solve(here, axes)
        offset = np.append(solution.coef @ axes, solution.intercept)
        weight = solution.local[:, :-1] @ axes
        local = here.local.with_weights(np.column_stack([weight, solution.local[:, -1]]))
        return self.place(solution.coef, offset, local), solution

    def measured_parts(self, place: Place) -> list[LocalMeasured]:
        """The gaps within the parts of every column with local bounds, and what is known."""
        measured: list[LocalMeasured] = []
        if not place.local.columns:
            return measured
        scored = place.scored
        free = self.cases.measure(scored, scored.margin)
        for column in place.parts:
            parts = self.cases.measure_parts(scored, place.margin, column)
            without = self.cases.measure_parts(scored, scored.margin, column)
            known = []
            for s in range(self.n_slots):
                between = variance_between(effects(without, free, s))
                known.append(shrunken_gaps(effects(parts, place.measured, s), between)[0])
            measured.append(LocalMeasured(parts, np.array(known)))
        return measured

    def _axes(self, here: Place) -> NDArray:
        """The linear functions that the offset is made of, (n_directions, n_terms)."""
        axes = self._directions.axes
        if max(self._axis_of, default=-1) < len(self._directions.events):
            return axes
        counted = self.cases.counted_in_distances(here.scored, here.margin)
        used = np.count_nonzero(axes, axis=0) > 0
        return np.concatenate([axes, nearest_functions(here.scored.Z, counted, used)])

    def _solve(self, here: Place, axes: NDArray) -> Solution:
        """The cheapest offset for what is aimed at, relaxed where it costs too much."""
        asked, cases, scored, parts = self.asked, self.cases, here.scored, here.parts
        errors = np.nan_to_num([here.measured.gap(s, ratio=r)[1] for s, r in self._slots()])
        linear = scored.Z @ axes.T
        directions = linear.copy()
        directions[:, : self._left_out.shape[1]] += self._left_out
        free = cases.measure(scored, scored.margin)  # without any offset
        aims = np.maximum(asked.limits - MARGIN * errors, LEAST_AIM * asked.limits)
        local = self._local_limits(scored, parts, free, aims)
        least = np.maximum(NOISE * errors, LEAST_TOLERANCE)
        problem = Problem(
            scored.margin,
            cases.by_person * scored.cost,
            directions,
            cases.slots(scored, here.margin, parts),
            np.concatenate([aims, *local]),
            np.concatenate([least, np.full(sum(map(len, local)), LEAST_TOLERANCE)]),
            parts,
            linear,
        )
        start = no_offset(problem)._replace(coef=here.coef, intercept=here.offset[-1])
        solution = solve_offset(problem, start)
        accuracy = cases.accuracy(scored.decided)
        without = float(problem.cost @ (problem.margin > 0.0))
        most = without + max(accuracy - asked.accuracy_floor, 0.0)
        if asked.accuracy_floor > 0.0 and solution.cost > most:
            solution = affordable_offset(problem, most)
        left = solution.excess.copy()
        left[: self.n_slots] += aims - asked.limits
        return solution._replace(excess=left)

    def _slots(self) -> list[tuple[int, bool]]:
        """Numbers of the slots, and whether each has a ratio for its bound."""
        return [(s, bool(ratio)) for s, ratio in enumerate(self.asked.is_ratio)]

    def _local_limits(
        self, scored: Scored, columns: list[Parts], free: Measured, aims: NDArray
    ) -> list[NDArray]:
        """Gaps that are aimed at in all parts, slot by slot of every column."""
        asked, limits = self.asked, []
        for column in columns:
            without = self.cases.measure_parts(scored, scored.margin, column)
            for s, ratio in self._slots():
                found = effects(without, free, s)
                weights = shrunken_gaps(found, variance_between(found))[1]
                aim = asked.local_limits[s] if ratio else aims[s]
                limits.append(raw_limits(weights, asked.local_limits[s], aim))
        return limits

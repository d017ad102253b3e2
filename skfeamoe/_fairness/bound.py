r"""Keeping bounds: the people seen last, the directions of their groups, and the offset.

`BoundMonitor` owns all three. While the experts learn as if there were no constraint, it
learns the directions in which groups differ, keeps the last people of every group, and every
so often has the *present* model decide on them and solves for the offset that keeps the
bounds (`offset`). What it measured then, `Measured`, is what the model reports: gaps with
their standard errors, the groups that span them, and what the bounds cost.

A gap on n people is known up to its standard error. So a bound is aimed at with a margin,

.. math:: \text{aim} = \max(\text{bound} - m \cdot \text{SE},\ \text{bound}/2),

with m = `MARGIN`: where there are few people the promise is kept more carefully.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.cases import (
    CELLS,
    Cases,
    Measured,
    Score,
    Scored,
    label_event,
    label_events,
    members_of,
    weights_of,
)
from skfeamoe._fairness.changes import SUSPECTED, Arrivals, changed_row
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.directions import Directions
from skfeamoe._fairness.offset import (
    Problem,
    Solution,
    excess,
    solve_offset,
)
from skfeamoe._fairness.people import People
from skfeamoe._rows import Rows
from skfeamoe._terms import Carry

MARGIN = 0.5
"""Standard errors of a gap by which its bound is undercut."""

LEAST_AIM = 0.5
"""Part of a bound that is aimed at in any case."""

NOISE, LEAST_TOLERANCE = 0.25, 1e-3
"""Part of a gap's standard error, and least gap, that an offset may be off its aim by: no
accuracy is paid for less than can be known."""

RESCORES = 3
"""How often a kept row is decided on again while as many new ones come."""

LOOK_ROWS = 64
"""Rows between two looks for other people."""

LEAST_ROWS = 256
"""Fewest rows between two solutions."""

DISTANCE_ROUNDS = 2
"""Distances depend on the offset's own slope, so that they are measured and solved twice."""

RELAXATIONS = 8
"""Halvings by which bounds are relaxed when they cost more than is allowed."""


class Change(NamedTuple):
    """Other people in a group, by whom the gap of a slot has become wider than its bound."""

    slot: int
    group: int


def newcomers(rows: Rows) -> NDArray:
    """Group codes, -1 for people who had come before their label did."""
    return rows.groups if rows.is_plain else np.where(rows.weight > 0.0, rows.groups, -1)


class BoundMonitor:
    """Directions, people, and the offset that is solved on them."""

    pushes = False  # the experts learn as if there were no constraint

    def __init__(
        self, slots: Slots, favorable: int, n_terms: int, *, sparse: bool = False
    ) -> None:
        self.favorable = favorable
        self.directions = Directions(label_events(slots), 0, n_terms)
        self.people = People(sparse=sparse)
        self.arrivals = Arrivals()
        self.n_slots = len(slots)
        self.direction_of = [  # of every slot
            self.directions.events.index(label_event(event)) for event in slots.events
        ]
        self.shares = np.zeros(0)  # (n_groups,), rows of each group, faded
        self.coef = np.zeros(0)  # (n_directions,), of the offset
        self.offset = np.zeros(n_terms + 1)  # the linear function that predicts
        self.bounds = np.full(len(slots), np.nan)  # that were asked for last
        self.solved_at = 0  # row of the stream
        self.looked_at = 0  # row at which arrivals were compared last
        self.known_at = 0  # last row of the stream whose group was known
        self.measured = Measured.nothing(len(slots), 0)

    @property
    def n_groups(self) -> int:
        """Groups that have cells."""
        return len(self.shares)

    @property
    def is_active(self) -> bool:
        """Whether there are cells to measure."""
        return self.n_slots * self.n_groups > 0

    @property
    def shift_is_used(self) -> bool:
        """Whether the offset changes anything."""
        return bool(self.offset.any())

    @property
    def multipliers(self) -> NDArray:
        """Pressure on every group in every slot's direction, (n_slots, n_groups)."""
        if not self.n_groups:
            return np.zeros((self.n_slots, 0))
        return -self.coef.reshape(-1, self.n_groups)[self.direction_of]

    def add_groups(self, n_groups: int) -> None:
        """Give empty cells to groups that have just appeared."""
        missing = n_groups - self.n_groups
        if missing <= 0:
            return
        n_events = len(self.directions.events)
        coef = self.coef.reshape(n_events, -1) if self.n_groups else np.zeros((n_events, 0))
        self.coef = np.pad(coef, ((0, 0), (0, missing))).ravel()
        self.directions = self.directions.with_groups(n_groups)
        self.shares = np.pad(self.shares, (0, missing))
        grown = Measured.nothing(self.n_slots, n_groups)
        for name in CELLS:
            getattr(grown, name)[:, : n_groups - missing] = getattr(self.measured, name)
        self.measured = replace(
            grown,
            price=self.measured.price,
            granted=self.measured.granted,
            solved=self.measured.solved,
        )

    # ------------------------------------------------------------------ learning

    def learn(self, asked: Fairness, Z, rows: Rows) -> None:
        """Take in a batch: directions from what the experts see, Z, and people as they came."""
        self.learn_directions(asked, Z, rows)
        self.keep(asked, rows)
        self.arrivals.update(Z, newcomers(rows), self.n_groups)

    def learn_directions(self, asked: Fairness, Z, rows: Rows) -> None:
        """One step of the directions, by rows of known group."""
        events = self.directions.events
        members = members_of(events, rows.y, asked.favorable)
        self.directions.update(Z, rows.groups, members, weights_of(events, rows))

    def keep(self, asked: Fairness, rows: Rows) -> None:
        """Keep the people of a batch, and count the groups."""
        known = rows.groups >= 0
        n_known = int(np.count_nonzero(known))
        self.people.update(rows)
        if n_known:
            counted = np.bincount(rows.groups[known], rows.weight[known], self.n_groups)
            self.shares = self.shares * 0.5 ** (n_known / asked.half_life) + counted
            self.known_at = self.people.n_seen

    def is_due(self) -> bool:
        """Whether so many, or such other, people have come that it is time to `settle`."""
        n_new = self.people.n_seen - self.solved_at
        if n_new >= max(len(self.people) / RESCORES, LEAST_ROWS):
            return True
        if self.people.n_seen - self.looked_at < LOOK_ROWS:
            return False
        self.looked_at = self.people.n_seen
        return len(self.arrivals.changed()) > 0

    def settle(
        self,
        asked: Fairness,
        score: Score,
        rows: Rows | None = None,
        *,
        suspected: bool = False,
    ) -> list[Change]:
        """Solve for the offset on ``rows``, by default the people seen last, and measure.

        People who came before a change of their group are forgotten first. Returns the
        changes that have widened a gap beyond its bound. Where no two groups have enough
        people the offset stays as it is. With ``suspected`` less is enough for a change.
        """
        part = SUSPECTED if suspected else 1.0
        self.solved_at = self.looked_at = self.people.n_seen
        self.bounds = asked.limits
        changed = self.arrivals.changed(part).tolist() if rows is None else []
        kept = self.people.gather(self.n_groups)
        if rows is None:
            rows = None if kept is None else kept.rows
        if rows is None or not len(rows):
            return []
        scored = score(rows.X, self.offset)
        if changed:
            changed = self._forget(changed, scored.Z, part)
            kept = self.people.gather(self.n_groups)
            if changed and kept is not None:
                rows, scored = kept.rows, score(kept.rows.X, self.offset)
        self.arrivals.start_over(scored.Z, newcomers(rows), self.n_groups)
        return self._solve_and_measure(asked, score, rows, scored, changed)

    def _forget(self, groups, Z, limit_part: float) -> list[int]:
        """Forget the people of groups who came before a change; the groups that changed."""
        (part,) = self.people.parts
        found = []
        for group in groups:
            own = np.flatnonzero(newcomers(part.rows) == group)
            place = changed_row(Z[own], limit_part)
            if place is not None:
                self.people.forget(int(part.arrival[own[place]]), int(group))
                found.append(int(group))
        return found

    def _solve_and_measure(
        self, asked: Fairness, score: Score, rows: Rows, scored: Scored, changed: Iterable[int]
    ) -> list[Change]:
        """Solve for the offset on rows and measure; changes that have widened a gap."""
        cases = Cases(self.shares, asked, rows)
        measured = cases.measure(scored, self._margin(scored))
        changes = self._widened(asked, measured, changed)
        if not measured.is_comparable():
            self.measured = measured
            return changes
        for _ in range(DISTANCE_ROUNDS if asked.slots.uses_distance else 1):
            solution = self._solve(asked, cases, scored, measured)
            self.coef = solution.coef
            self.offset = np.append(self.directions.combine(solution.coef), solution.intercept)
            if asked.slots.uses_distance:  # nothing else of a score depends on the offset
                scored = score(rows.X, self.offset)
            measured = cases.measure(scored, self._margin(scored))
        measured.solved = bool(solution.excess.max(initial=0.0) <= 0.0)
        self.measured = measured
        return changes

    def _widened(
        self, asked: Fairness, measured: Measured, changed: Iterable[int]
    ) -> list[Change]:
        """The slots in which one of the changed groups now spans a gap beyond the bound."""
        changes: list[Change] = []
        for s in range(self.n_slots):
            gap, error = measured.gap(s)
            if gap - error > asked.limits[s]:
                span = measured.span(s) or ()
                changes += [Change(s, group) for group in changed if group in span]
        return changes

    def _margin(self, scored: Scored) -> NDArray:
        """Margins with the offset."""
        return scored.margin + scored.Z @ self.offset[:-1] + self.offset[-1]

    def _solve(self, asked: Fairness, cases: Cases, scored: Scored, measured: Measured):
        """The cheapest offset for what is aimed at, relaxed where it costs too much."""
        errors = np.nan_to_num([measured.gap(s)[1] for s in range(self.n_slots)])
        aims = np.maximum(asked.limits - MARGIN * errors, LEAST_AIM * asked.limits)
        problem = Problem(
            scored.margin,
            cases.by_person * scored.cost,
            self.directions.scores(scored.Z),
            cases.slots(scored, self._margin(scored)),
            aims,
            np.maximum(NOISE * errors, LEAST_TOLERANCE),
        )
        start = Solution(self.coef, float(self.offset[-1]), np.zeros(0), 0.0)
        solution = solve_offset(problem, start)
        accuracy = cases.accuracy(scored.decided)
        free = float(problem.cost @ (problem.margin > 0.0))
        most = free + max(accuracy - asked.accuracy_floor, 0.0)
        if asked.accuracy_floor <= 0.0 or solution.cost <= most:
            return solution._replace(excess=solution.excess + aims - asked.limits)
        return self._affordable(problem, solution, most, asked)

    def _affordable(self, problem: Problem, solution: Solution, most: float, asked: Fairness):
        """The offset of the tightest relaxed bounds that costs no more than ``most``."""
        nothing = Solution(np.zeros_like(solution.coef), 0.0, np.zeros(0), 0.0)
        gaps = excess(problem, problem.margin) + problem.bounds
        low, high, best = 0.0, 1.0, nothing
        for _ in range(RELAXATIONS):
            middle = 0.5 * (low + high)
            relaxed = problem.bounds + middle * np.maximum(gaps - problem.bounds, 0.0)
            found = solve_offset(problem._replace(bounds=relaxed), best)
            if found.cost <= most:
                high, best = middle, found
            else:
                low = middle
        h = problem.directions @ best.coef + best.intercept
        left = excess(problem, problem.margin + h) + problem.bounds - asked.limits
        return best._replace(excess=left)

    # ----------------------------------------------------------------- reporting

    def gaps(self, slots: Slots) -> dict[str, float]:
        """Gap of every constraint: the largest over its events."""
        gaps = np.array([self.measured.gap(s)[0] for s in range(len(slots))])
        return {
            c.name: float(np.fmax.reduce(gaps[slots.of(c.name)])) for c in slots.constraints
        }

    def errors(self, slots: Slots) -> dict[str, float]:
        """Standard error of every constraint's gap: the largest over its events."""
        errors = np.array([self.measured.gap(s)[1] for s in range(len(slots))])
        return {
            c.name: float(np.fmax.reduce(errors[slots.of(c.name)])) for c in slots.constraints
        }

    def details(self, slots: Slots, labels: Sequence[str]) -> list[dict[str, Any]]:
        """What is known of every slot's gap, with a verdict that its error allows.

        "kept": the gap and two standard errors are within the bound; "not kept": the gap
        less two standard errors is beyond it; "not shown" otherwise.
        """
        rows = []
        for s, (name, event) in enumerate(zip(slots.names, slots.events, strict=True)):
            (gap, error), span = self.measured.gap(s), self.measured.span(s)
            bound, counted = float(self.bounds[s]), self.measured.n_rows[s]
            verdict = "kept" if gap + 2.0 * error <= bound else "not shown"
            verdict = "not kept" if gap - 2.0 * error > bound else verdict
            few = [labels[int(a)] for a in np.flatnonzero(~self.measured.known[s])]
            rows.append(
                {
                    "constraint": name,
                    "event": event,
                    "gap": gap,
                    "standard_error": error,
                    "bound": bound,
                    "verdict": verdict if span else "not measured",
                    "highest": labels[span[0]] if span else None,
                    "lowest": labels[span[1]] if span else None,
                    "n_highest": int(counted[span[0]]) if span else 0,
                    "n_lowest": int(counted[span[1]]) if span else 0,
                    "unweighted_gap": self.measured.gap(s, unweighted=True)[0],
                    "groups_left_out": few,
                    "price": self.measured.price,
                }
            )
        return rows

    # ----------------------------------------------------------------- the whole

    def hold_out(self, terms: NDArray) -> None:
        """Let the offset have no weight on some terms, (n_terms,) bool."""
        self.directions = self.directions.without(terms)

    def carry(self, carry: Carry) -> None:
        """Say the same of terms that have changed."""
        self.directions = self.directions.carried(carry)
        weight, constant = carry.weights(self.offset[:-1], self.offset[-1])
        self.offset = np.append(weight, constant)
        self.arrivals = Arrivals()

    def copy(self) -> Self:
        """A monitor that goes on alone; what no update writes into is shared."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other.directions = self.directions.copy()
        other.people = self.people.copy()
        other.arrivals = self.arrivals.copy()
        return other

    def without_people(self) -> Self:
        """A copy with the same offset and nobody to measure it on; they come anew."""
        other = self.copy()
        other.people, other.arrivals = People(sparse=self.people.sparse), Arrivals()
        other.people.n_seen = self.people.n_seen
        return other

    def merge(self, other: Self, codes: NDArray) -> None:
        """Take in what another monitor has seen; ``codes``: its groups' codes here.

        People and shares merge exactly and in any order. Directions become their mean by
        rows, and the offset is to be solved anew on the merged people.
        """
        self.add_groups(int(codes.max(initial=-1)) + 1)
        own, theirs = self.shares.sum(), other.shares.sum()
        part = theirs / (own + theirs) if own + theirs else 0.0
        self.directions = self.directions.mean(other.directions, codes, part)
        np.add.at(shares := self.shares.copy(), codes, other.shares)
        self.shares = shares
        since = min(self.people.n_seen - self.known_at, other.people.n_seen - other.known_at)
        self.people.merge(other.people, codes)
        self.known_at = self.people.n_seen - since
        self.offset = (1.0 - part) * self.offset + part * other.offset
        self.coef = np.zeros(self.directions.weight[:, :, 0].size)
        self.arrivals = Arrivals()
        self.solved_at = self.looked_at = 0

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            **vars(self),
            "directions": self.directions.to_dict(),
            "people": self.people.to_dict(),
            "arrivals": self.arrivals.to_dict(),
            "measured": self.measured.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The monitor that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update(data)
        made.directions = Directions.from_dict(data["directions"])
        made.people = People.from_dict(data["people"])
        made.arrivals = Arrivals.from_dict(data["arrivals"])
        made.measured = Measured(**data["measured"])
        return made

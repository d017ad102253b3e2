r"""Keeping bounds: the people seen last, the directions of their groups, and the offset.

`BoundMonitor` owns all three. While the experts learn as if there were no constraint, it
learns the directions in which groups differ, keeps the last people of every group, and every
so often has the *present* model decide on them and solves for the offset that keeps the
bounds (`offset`). What it measured then, `Measured`, is what the model reports: gaps with
their standard errors, the groups that span them, and what the bounds cost.

A gap on n people is known up to its standard error, and of what an offset closes on them a
part is lost on new ones (`optimism`). So a bound is aimed at with a margin,

.. math:: \text{aim} = \max(\text{bound} - m \cdot \text{SE}
    - l\,(\text{gap without offset} - \text{bound})^+,\ \text{bound}/2),

with m = `MARGIN` and l the part that is lost: where there are few people the promise is kept
more carefully.

Over 400 lines, because the monitor's parts are modules of their own already, and its own steps
share its state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.cases import (
    CELLS,
    MIN_CELL_ROWS,
    Cases,
    LocalMeasured,
    Measured,
    Score,
    Scored,
    label_event,
    label_events,
    members_of,
    weights_of,
)
from skfeamoe._fairness.changes import LEAST_ROWS as LEAST_OF_CHANGE
from skfeamoe._fairness.changes import SUSPECTED, Arrivals, changed_row
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.details import gap_details, largest_gaps, part_details
from skfeamoe._fairness.directions import Directions, nearest_functions
from skfeamoe._fairness.local import LEAST_BAND_ROWS, LocalOffset
from skfeamoe._fairness.offset import (
    Parts,
    Problem,
    Solution,
    affordable_offset,
    no_offset,
    solve_offset,
)
from skfeamoe._fairness.optimism import lost_part
from skfeamoe._fairness.people import LEAST_OF_GROUP, People, rows_per_group
from skfeamoe._fairness.rounds import Place, kept_place
from skfeamoe._fairness.shrinkage import (
    effects,
    raw_limits,
    shrunken_gaps,
    variance_between,
)
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
"""Bounds are settled again once one in so many of the rows held is new. Newcomers are held
beside those kept, so that is after half as many rows as are kept (2,048 of 4,096) where all
groups are known, and after a third (1,366) where none is."""

LOOK_ROWS = 64
"""Rows between two looks for other people."""

LEAST_ROWS = 256
"""Fewest rows between two solutions, unless groups or bounds are new."""


class Change(NamedTuple):
    """Other people in a group, by whom the gap of a slot has become wider than its bound."""

    slot: int
    group: int


def newcomers(rows: Rows) -> NDArray:
    """Group codes, -1 for people who had come before their label did."""
    return rows.groups if rows.is_plain else np.where(rows.weight > 0.0, rows.groups, -1)


def counted_groups(rows: Rows, n_groups: int) -> NDArray:
    """Newcomers of every group, (n_groups,)."""
    return np.bincount(newcomers(rows) + 1, minlength=n_groups + 1)[1:].astype(np.float64)


def _margin(scored: Scored, offset: NDArray, local: LocalOffset) -> NDArray:
    """Margins with an offset, (n_samples,)."""
    margin = scored.margin + scored.Z @ offset[:-1] + offset[-1]
    return margin + local.values(scored.Z, scored.values) if local.columns else margin


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
        self.axis_of = self._axes_of(slots)  # of every slot
        self.shares = np.zeros(0)  # (n_groups,), rows of each group, faded
        self.taught = np.zeros(0)  # (n_groups,), people by whom directions were taught
        self.held = np.zeros(0)  # (n_groups,), people of each when bounds were settled last
        self.came = np.zeros(0)  # (n_groups,), who have come since
        self.n_unknown = 0  # people of unknown group since the last one whose group was known
        self.coef = np.zeros(0)  # (n_directions,), of the offset
        self.offset = np.zeros(n_terms + 1)  # the linear function that predicts
        self.local = LocalOffset()  # what it has besides for parts of the people
        self.local_measured: list[LocalMeasured] = []  # by column with local bounds
        self.bounds = np.full(len(slots), np.nan)  # that were asked for last
        self.is_ratio = np.zeros(len(slots), dtype=bool)  # of which form they were
        self.local_bounds = np.full(len(slots), np.nan)
        self.solved_at = 0  # row of the stream
        self.looked_at = 0  # row at which arrivals were compared last
        self.known_at = 0  # last row of the stream whose group was known
        self.changed_at = 0  # row at which the people of any group changed last
        self.measured = Measured.nothing(len(slots), 0)

    def _axes_of(self, slots: Slots) -> list[int]:
        """The axis that belongs to every slot: its event's, or one of a distance's own."""
        axes, n = list(self.direction_of), len(self.directions.events)
        for s, owner in enumerate(slots.owners):
            if owner.uses_distance:
                axes[s], n = n, n + 1
        return axes

    @property
    def n_axes(self) -> int:
        """Label events and slots of distances; each has a direction per group."""
        n_events = len(self.directions.events)
        return n_events + sum(axis >= n_events for axis in self.axis_of)

    @property
    def n_groups(self) -> int:
        """Groups that have cells."""
        return len(self.shares)

    @property
    def n_seen(self) -> int:
        """Rows of the stream, with and without labels."""
        return self.people.n_seen

    @property
    def is_active(self) -> bool:
        """Whether there are cells to measure."""
        return self.n_slots * self.n_groups > 0

    @property
    def shift_is_used(self) -> bool:
        """Whether the offset changes anything."""
        return bool(self.offset.any()) or self.local.is_used

    @property
    def multipliers(self) -> NDArray:
        """Pressure on every group in every slot's direction, (n_slots, n_groups)."""
        if not self.n_groups:
            return np.zeros((self.n_slots, 0))
        return -self.coef.reshape(-1, self.n_groups)[self.axis_of]

    def add_groups(self, n_groups: int) -> None:
        """Give empty cells to groups that have just appeared."""
        missing = n_groups - self.n_groups
        if missing <= 0:
            return
        shape = (self.n_axes, self.n_groups)
        coef = self.coef.reshape(shape) if self.n_groups else np.zeros(shape)
        self.coef = np.pad(coef, ((0, 0), (0, missing))).ravel()
        self.directions = self.directions.with_groups(n_groups)
        self.shares = np.pad(self.shares, (0, missing))
        self.taught = np.pad(self.taught, (0, missing))
        self.held = np.pad(self.held, (0, missing))
        self.came = np.pad(self.came, (0, missing))
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
        self.arrivals.update(Z, newcomers(rows))

    def learn_directions(self, asked: Fairness, Z, rows: Rows) -> None:
        """One step of the directions, by rows of known group."""
        events = self.directions.events
        members = members_of(events, rows.y, asked.favorable)
        weight = rows.weight if rows.is_plain else weights_of(events, rows)
        self.directions.update(Z, rows.groups, members, weight)

    def keep(self, asked: Fairness, rows: Rows, counted: NDArray | None = None) -> None:
        """Keep the people of a batch, and count the groups.

        ``counted``, (n_groups,), is what all people weigh of whom the batch was drawn.
        """
        known = rows.groups >= 0
        n_known = int(np.count_nonzero(known))
        self.people.update(rows)
        self.n_unknown += int(np.count_nonzero(rows.weight[~known] > 0.0))
        if n_known:
            groups = rows.groups[known]
            if counted is None:
                counted = np.bincount(groups, rows.weight[known], self.n_groups)
            counts = rows.weight[known] > 0.0
            n_came = np.bincount(groups, counts, self.n_groups)
            self.taught, self.came = self.taught + n_came, self.came + n_came
            self.shares = self.shares * 0.5 ** (n_known / asked.half_life) + counted
            self.known_at = self.people.n_seen
            self.n_unknown = 0 if counts.any() else self.n_unknown

    @property
    def n_waiting(self) -> int:
        """Rows since the bounds were settled."""
        return self.people.n_seen - self.solved_at

    def is_due(self, asked: Fairness) -> bool:
        """Whether so many, or such other, people have come that it is time to `settle`.

        It is, too, when other bounds are asked for than were settled last.
        """
        n_new = self.n_waiting
        if n_new >= max(len(self.people) / RESCORES, LEAST_ROWS):
            return True
        if self._has_enough() and self._asks_for_others(asked):
            return True
        if self.people.n_seen - self.looked_at < LOOK_ROWS:
            return False
        self.looked_at = self.people.n_seen
        return self._has_young_group() or len(self.arrivals.changed()) > 0

    def _asks_for_others(self, asked: Fairness) -> bool:
        """Whether bounds differ from those that were settled last."""
        if self.bounds is asked.limits:  # most calls have the settings of the one before
            return False
        same = np.array_equal(self.bounds, asked.limits)
        same = same and np.array_equal(self.is_ratio, asked.is_ratio)
        return not (same and np.array_equal(self.local_bounds, asked.local_limits, True))

    def _has_young_group(self) -> bool:
        """Whether a group that had few people, or none, can be compared or has doubled.

        Of very many groups fewer people are held of each, so that they are few for less long.
        """
        n_now, few = self.held + self.came, min(LEAST_OF_GROUP, rows_per_group(self.n_groups))
        young = (self.held < few) & (self.came >= self.held)
        return self._has_enough() and bool((young & (n_now >= MIN_CELL_ROWS)).any())

    def _has_enough(self) -> bool:
        """Whether bounds were settled, and so many are held that they can be settled again.

        At first all groups are young, and once more after `without_people`.
        """
        return self.solved_at > 0 and len(self.people) >= LEAST_ROWS

    def settle(
        self,
        asked: Fairness,
        score: Score,
        rows: Rows | None = None,
        *,
        suspected: bool = False,
    ) -> list[Change]:
        """Solve for the offset on ``rows``, by default the people seen last, and measure.

        People who came before a change of their group are forgotten first, and so is a group
        of which nobody has come since another one changed. Returns the changes that have
        widened a gap beyond its bound. Where no two groups have enough people the offset
        stays as it is. With ``suspected`` less is enough for a change.
        """
        part = SUSPECTED if suspected else 1.0
        self.solved_at = self.looked_at = self.people.n_seen
        self.came = np.zeros(self.n_groups)
        self.bounds, self.is_ratio = asked.limits, asked.is_ratio
        self.local_bounds = asked.local_limits
        of_stream = rows is None
        changed = self.arrivals.changed(part).tolist() if of_stream else []
        kept = self.people.gather(self.n_groups)
        if rows is None:
            rows = None if kept is None else kept.rows
        if rows is None or not len(rows):
            return []
        scored = score(rows.X, self.offset, self.local)
        if changed:
            changed = self._forget(changed, scored.Z, part)
        gone = self._forget_absent() if of_stream else []
        if changed or gone:
            kept = self.people.gather(self.n_groups)
            if kept is not None:
                rows, scored = kept.rows, score(kept.rows.X, self.offset, self.local)
        self.held = counted_groups(rows, self.n_groups)
        self.arrivals.start_over(scored.Z, newcomers(rows), self.n_groups)
        if not of_stream or self.people.n_seen >= LEAST_BAND_ROWS:
            self._meet_parts(asked, scored)
        return self._solve_and_measure(asked, score, rows, scored, changed)

    def _forget(self, groups, Z, limit_part: float) -> list[int]:
        """Forget the people of groups who came before a change; the groups that changed."""
        (part,) = self.people.parts
        found = []
        for group in groups:
            own = np.flatnonzero(newcomers(part.rows) == group)
            place = changed_row(Z[own], limit_part)
            if place is not None:
                row = int(part.arrival[own[place]])
                self.people.forget(row, int(group))
                self.changed_at = max(self.changed_at, row)
                found.append(int(group))
        return found

    def _forget_absent(self) -> list[int]:
        """Forget groups that stay away since the people of another one changed.

        Who came before belongs to another world, and nobody of the group is there to be
        treated fairly. A group that is left alone has nobody to be compared with: the offset
        is zero until others come.
        """
        if not self.changed_at:
            return []
        # while groups are unknown nobody stays away: time stands still at `known_at`
        gone = self.people.absent(self.changed_at, self.known_at, LEAST_OF_CHANGE)
        for group in gone:
            self.people.forget(self.changed_at, group)
        if gone and len(np.unique(self.people.groups())) < 2:
            self.coef, self.offset = np.zeros_like(self.coef), np.zeros_like(self.offset)
            self.local = LocalOffset()
        return gone

    def _solve_and_measure(
        self, asked: Fairness, score: Score, rows: Rows, scored: Scored, changed: Iterable[int]
    ) -> list[Change]:
        """Solve for the offset on rows and measure; changes that have widened a gap."""
        cases = Cases(self.shares, asked, rows)
        margin = _margin(scored, self.offset, self.local)
        measured = cases.measure(scored, margin)
        changes = self._widened(asked, measured, changed)
        if not measured.is_comparable():
            self.measured = measured
            return changes

        def at(coef: NDArray, offset: NDArray, local: LocalOffset) -> Place:
            # nothing of a score but distances depends on the offset
            now = score(rows.X, offset, local) if asked.slots.uses_distance else scored
            margin = _margin(now, offset, local)
            return Place(coef, offset, local, now, margin, cases.measure(now, margin))

        def solve(place: Place) -> tuple[Place, Solution]:
            axes = self._axes(cases, place.scored, place.margin)
            solution = self._solve(asked, cases, place, axes)
            offset = np.append(solution.coef @ axes, solution.intercept)
            weight = solution.local[:, :-1] @ axes
            local = place.local.with_weights(np.column_stack([weight, solution.local[:, -1]]))
            return at(solution.coef, offset, local), solution

        here = Place(self.coef, self.offset, self.local, scored, margin, measured)
        place, solved = kept_place(here, solve, at, asked)
        self.coef, self.offset, self.local = place.coef, place.offset, place.local
        self.measured = replace(place.measured, solved=solved)
        self._measure_parts(cases, place)
        return changes

    def _meet_parts(self, asked: Fairness, scored: Scored) -> None:
        """Find the parts of the columns with local bounds."""
        if scored.values:
            self.local = self.local.meeting(
                asked.local_columns, asked.local_is_category, scored.values, scored.Z.shape[1]
            )

    def _parts(self, scored: Scored) -> list[Parts]:
        """The part of every row, by column with local bounds."""
        return self.local.parts(scored.values) if self.local.columns else []

    def _measure_parts(self, cases: Cases, place: Place) -> None:
        """Measure the gaps within parts, and what is known of them."""
        self.local_measured = []
        if not self.local.columns:
            return
        scored = place.scored
        free = cases.measure(scored, scored.margin)
        for column in self._parts(scored):
            parts = cases.measure_parts(scored, place.margin, column)
            without = cases.measure_parts(scored, scored.margin, column)
            known = []
            for s in range(self.n_slots):
                between = variance_between(effects(without, free, s))
                known.append(shrunken_gaps(effects(parts, self.measured, s), between)[0])
            self.local_measured.append(LocalMeasured(parts, np.array(known)))

    def _local_limits(
        self, asked: Fairness, cases: Cases, scored: Scored, free: Measured, aims: NDArray
    ) -> list[NDArray]:
        """Gaps that are aimed at in all parts, slot by slot of every column."""
        limits = []
        for column in self._parts(scored):
            without = cases.measure_parts(scored, scored.margin, column)
            for s in range(self.n_slots):
                found = effects(without, free, s)
                weights = shrunken_gaps(found, variance_between(found))[1]
                aim = asked.local_limits[s] if asked.is_ratio[s] else aims[s]
                limits.append(raw_limits(weights, asked.local_limits[s], aim))
        return limits

    def _widened(
        self, asked: Fairness, measured: Measured, changed: Iterable[int]
    ) -> list[Change]:
        """The slots in which one of the changed groups now spans a gap beyond the bound."""
        changes: list[Change] = []
        for s in range(self.n_slots):
            gap, error = measured.gap(s, ratio=bool(asked.is_ratio[s]))
            if gap - error > asked.limits[s]:
                span = measured.span(s) or ()
                changes += [Change(s, group) for group in changed if group in span]
        return changes

    def _axes(self, cases: Cases, scored: Scored, margin: NDArray) -> NDArray:
        """The linear functions that the offset is made of, (n_directions, n_terms)."""
        axes = self.directions.axes
        if self.n_axes == len(self.directions.events):
            return axes
        counted = cases.counted_in_distances(scored, margin)
        used = np.count_nonzero(axes, axis=0) > 0
        return np.concatenate([axes, nearest_functions(scored.Z, counted, used)])

    def _solve(
        self,
        asked: Fairness,
        cases: Cases,
        place: Place,
        axes: NDArray,
    ) -> Solution:
        """The cheapest offset for what is aimed at, relaxed where it costs too much."""
        scored, measured, margin = place.scored, place.measured, place.margin
        errors = np.nan_to_num(
            [measured.gap(s, ratio=bool(asked.is_ratio[s]))[1] for s in range(self.n_slots)]
        )
        directions = scored.Z @ axes.T
        free = cases.measure(scored, scored.margin)  # without any offset
        margins = MARGIN * errors + self._optimism(asked, cases, free, directions)
        aims = np.maximum(asked.limits - margins, LEAST_AIM * asked.limits)
        local = self._local_limits(asked, cases, scored, free, aims)
        least = np.maximum(NOISE * errors, LEAST_TOLERANCE)
        problem = Problem(
            scored.margin,
            cases.by_person * scored.cost,
            directions,
            cases.slots(scored, margin, self._parts(scored)),
            np.concatenate([aims, *local]),
            np.concatenate([least, np.full(sum(map(len, local)), LEAST_TOLERANCE)]),
            self._parts(scored),
        )
        start = no_offset(problem)._replace(coef=place.coef, intercept=place.offset[-1])
        solution = solve_offset(problem, start)
        accuracy = cases.accuracy(scored.decided)
        without = float(problem.cost @ (problem.margin > 0.0))
        most = without + max(accuracy - asked.accuracy_floor, 0.0)
        if asked.accuracy_floor > 0.0 and solution.cost > most:
            solution = affordable_offset(problem, most)
        left = solution.excess.copy()
        left[: self.n_slots] += aims - asked.limits
        return solution._replace(excess=left)

    def _optimism(
        self, asked: Fairness, cases: Cases, free: Measured, directions: NDArray
    ) -> NDArray:
        """Part of every slot's gap that would come back on new people, (n_slots,)."""
        lost = np.zeros(self.n_slots)
        by_group = directions.reshape(len(directions), self.n_axes, self.n_groups)
        for s, e in enumerate(self.direction_of):
            gap = free.gap(s, ratio=bool(asked.is_ratio[s]))[0]
            span = free.span(s)
            if span is None or gap <= asked.limits[s]:
                continue
            apart = by_group[:, e, span[0]] - by_group[:, e, span[1]]
            high, low = (cases.members[s] & (cases.code == a) for a in span)
            taught = [
                self.taught[a] * own.sum() / (cases.code == a).sum()
                for a, own in zip(span, (high, low), strict=True)
            ]
            n_terms = int(np.count_nonzero(self.directions.squares[e, span[0], :-1]))
            part = lost_part(apart, high, low, n_terms, taught)
            lost[s] = part * (gap - asked.limits[s])
        return lost

    # ----------------------------------------------------------------- reporting

    def gaps(self, slots: Slots) -> dict[str, float]:
        """Gap of every constraint: the largest over its events."""
        return largest_gaps(slots, self.measured)

    def errors(self, slots: Slots) -> dict[str, float]:
        """Standard error of every constraint's gap: the largest over its events."""
        return largest_gaps(slots, self.measured, errors=True)

    def details(self, slots: Slots, labels: Sequence[str]) -> list[dict[str, Any]]:
        """What is known of every slot's gap, with a verdict that its error allows."""
        return gap_details(slots, self.measured, self.bounds, self.is_ratio, labels)

    def local_details(self, slots: Slots, labels: Sequence[str], label) -> list[dict[str, Any]]:
        """The same of the parts of the columns with local bounds.

        ``label(column, code)`` is the user's word for a category.
        """
        return [
            {"column": column.column, "part": name} | row
            for column, measured in zip(self.local.columns, self.local_measured, strict=False)
            for row_of, name in enumerate(column.names(label))
            for row in part_details(
                slots,
                measured.parts[row_of],
                measured.known[:, row_of],
                self.local_bounds,
                labels,
            )
        ]

    # ----------------------------------------------------------------- the whole

    def take_measures(self, measured: Measured, bounds: NDArray | None = None) -> None:
        """Report what was measured elsewhere, under other bounds than were aimed at last."""
        self.measured = measured
        if bounds is not None:
            self.bounds = bounds

    def without_offset(self) -> Self:
        """A copy that adds nothing to the scores until it is settled."""
        other = self.copy()
        other.offset = np.zeros_like(self.offset)
        return other

    def hold_out(self, terms: NDArray) -> None:
        """Let the offset have no weight on some terms, (n_terms,) bool."""
        self.directions = self.directions.without(terms)

    def carry(self, carry: Carry) -> None:
        """Say the same of terms that have changed."""
        self.directions = self.directions.carried(carry)
        weight, constant = carry.weights(self.offset[:-1], self.offset[-1])
        self.offset = np.append(weight, constant)
        self.local = self.local.carry(carry)
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
        other.people, other.arrivals = self.people.emptied(), Arrivals()
        other.held = other.came = np.zeros(self.n_groups)
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
        np.add.at(taught := self.taught.copy(), codes, other.taught)
        self.taught = taught
        since = min(self.people.n_seen - self.known_at, other.people.n_seen - other.known_at)
        end = max(self.people.n_seen, other.people.n_seen)
        self.changed_at = max(
            m.changed_at + end - m.people.n_seen if m.changed_at else 0 for m in (self, other)
        )
        self.people.merge(other.people, codes)
        self.known_at = self.people.n_seen - since
        self.n_unknown = min(self.n_unknown, other.n_unknown)
        self.held = self.came = np.zeros(self.n_groups)
        self.offset = (1.0 - part) * self.offset + part * other.offset
        self.coef = np.zeros(self.n_axes * self.n_groups)
        if other.local.columns or self.local.columns:  # solved anew on the merged people
            self.local, self.local_measured = LocalOffset(), []
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
            "local": self.local.to_dict(),
            "local_measured": [part.to_dict() for part in self.local_measured],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The monitor that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update(data)
        if "taught" not in data:  # of a model from before optimism was counted
            made.taught = data["shares"].copy()
        if "local" not in data:  # of a model from before there were local bounds
            n_slots = data["n_slots"]
            made.is_ratio, made.local_bounds = np.zeros(n_slots, bool), np.full(n_slots, np.nan)
            data = {**data, "local": LocalOffset().to_dict(), "local_measured": []}
        made.changed_at = data.get("changed_at", 0)  # 0: of a model from before it was kept
        if "held" not in data:  # nor was who had come since
            made.held = made.came = np.zeros(len(made.shares))
            made.n_unknown = data["people"]["n_seen"] - made.known_at
        made.axis_of = data.get("axis_of", data["direction_of"])  # distances had no own
        made.directions = Directions.from_dict(data["directions"])
        made.people = People.from_dict(data["people"])
        made.arrivals = Arrivals.from_dict(data["arrivals"])
        made.measured = Measured(**data["measured"])
        made.local = LocalOffset.from_dict(data["local"])
        made.local_measured = [LocalMeasured.from_dict(m) for m in data["local_measured"]]
        return made

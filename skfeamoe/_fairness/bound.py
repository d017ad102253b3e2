r"""Keeping bounds: the people seen last, the directions of their groups, and the offset.

`BoundMonitor` owns all three. While the experts learn as if there were no constraint, it
learns the directions in which groups differ, keeps the last people of every group, and every
so often has the *present* model decide on them and solves for the offset that keeps the
bounds (`offset`). What it measured then, `Measured`, is what the model reports: gaps with
their standard errors, the groups that span them, and what the bounds cost.

Over 400 lines, because the monitor's parts are modules of their own already, and its own steps
share its state.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.cases import (
    CELLS,
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
from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.details import gap_details, largest_gaps, part_details
from skfeamoe._fairness.directions import Directions
from skfeamoe._fairness.due import Due
from skfeamoe._fairness.local import LEAST_BAND_ROWS, LocalOffset
from skfeamoe._fairness.people import People
from skfeamoe._fairness.rounds import kept_place
from skfeamoe._fairness.settlement import Settlement
from skfeamoe._rows import Rows
from skfeamoe._terms import Carry

GLANCED_ROWS = 512
"""Newcomers that are glanced at."""

WIDER_BY = 3.0
"""Standard errors by which a gap that was glanced at must be wider than the one told."""


FAR_AHEAD = 2**62
"""A row of a stream that never comes."""


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
        self.due = Due()
        self.n_slots = len(slots)
        self.axis_of = self._axes_of(slots)  # of every slot
        self.shares = np.zeros(0)  # (n_groups,), rows of each group, faded
        self.taught = np.zeros(0)  # (n_groups,), people by whom directions were taught
        self.drawn_at = FAR_AHEAD  # row of the stream at which people were drawn from a table
        self.n_unknown = 0  # people of unknown group since the last one whose group was known
        self.coef = np.zeros(0)  # (n_directions,), of the offset
        self.offset = np.zeros(n_terms + 1)  # the linear function that predicts
        self.local = LocalOffset()  # what it has besides for parts of the people
        self.local_measured: list[LocalMeasured] = []  # by column with local bounds
        self.bounds = np.full(len(slots), np.nan)  # that were asked for last
        self.is_ratio = np.zeros(len(slots), dtype=bool)  # of which form they were
        self.local_bounds = np.full(len(slots), np.nan)
        self.accuracy_floor = 0.0
        self.known_at = 0  # last row of the stream whose group was known
        self.changed_at = 0  # row at which the people of any group changed last
        self.measured = Measured.nothing(len(slots), 0)

    def _axes_of(self, slots: Slots) -> list[int]:
        """The axis that belongs to every slot: its event's, or one of a distance's own."""
        events = self.directions.events
        axes, n = [events.index(label_event(event)) for event in slots.events], len(events)
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
    def is_drawn(self) -> bool:
        """Whether most of the people kept were drawn from a table."""
        return 0 <= self.people.n_seen - self.drawn_at < len(self.people)

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
        self.due.add_groups(n_groups)
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

    def keep(
        self,
        asked: Fairness,
        rows: Rows,
        counted: NDArray | None = None,
        order: NDArray | None = None,
    ) -> None:
        """Keep the people of a batch, and count the groups.

        ``counted``, (n_groups,), is what all people weigh of whom the batch was drawn, and
        ``order`` that of a table which has none (`People.update`).
        """
        known = rows.groups >= 0
        n_known = int(np.count_nonzero(known))
        self.people.update(rows, order)
        if order is not None or counted is not None:
            self.drawn_at = self.people.n_seen
        self.n_unknown += int(np.count_nonzero(rows.weight[~known] > 0.0))
        if n_known:
            groups = rows.groups[known]
            if counted is None:
                counted = np.bincount(groups, rows.weight[known], self.n_groups)
            counts = rows.weight[known] > 0.0
            n_came = np.bincount(groups, counts, self.n_groups)
            self.taught = self.taught + n_came
            self.due.count(n_came)
            self.shares = self.shares * 0.5 ** (n_known / asked.half_life) + counted
            self.known_at = self.people.n_seen
            self.n_unknown = 0 if counts.any() else self.n_unknown

    @property
    def n_waiting(self) -> int:
        """Rows since the bounds were settled."""
        return self.due.n_waiting(self.people.n_seen)

    def is_due(self, asked: Fairness) -> bool:
        """Whether so many, or such other, people have come that it is time to `settle`.

        It is, too, when other bounds are asked for than were settled last.
        """
        row, n_held = self.people.n_seen, len(self.people)
        if self.due.by_rows(row, n_held):
            return True
        can_be_early = self.due.can_be_early(n_held)
        if can_be_early and self._asks_for_others(asked):
            return True
        if not self.due.look(row):
            return False
        young = can_be_early and self.due.has_young_group()
        return young or len(self.arrivals.changed()) > 0

    def has_widened(self, asked: Fairness, decide: Callable[[Rows], Outcome]) -> bool:
        """Whether a gap is wider than it was when bounds were settled, and than its bound.

        The experts learn on, and what they learn may widen it: so the present model decides
        on the newcomers now and then. Of few people much is needed, since one looks often.
        """
        if not self.due.glance(self.people.n_seen) or not self.measured.is_comparable():
            return False
        rows = self.people.newest(GLANCED_ROWS)
        if rows is None:
            return False
        outcome = decide(rows)
        cases = Cases(self.shares, asked, rows)
        now = cases.measure_decisions(outcome.decided, outcome.distance)
        for s, ratio in enumerate(asked.is_ratio):
            gap, error = now.gap(s, ratio=bool(ratio))
            told, told_error = self.measured.gap(s, ratio=bool(ratio))
            least = max(asked.limits[s], told)
            if gap - WIDER_BY * np.hypot(error, told_error) > least:
                return True
        return False

    def _asks_for_others(self, asked: Fairness) -> bool:
        """Whether bounds differ from those that were settled last."""
        if self.bounds is asked.limits:  # most calls have the settings of the one before
            return False
        same = np.array_equal(self.bounds, asked.limits)
        same = same and np.array_equal(self.is_ratio, asked.is_ratio)
        same = same and self.accuracy_floor == asked.accuracy_floor
        return not (same and np.array_equal(self.local_bounds, asked.local_limits, True))

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
        self.due.settled(self.people.n_seen)
        self.bounds, self.is_ratio = asked.limits, asked.is_ratio
        self.local_bounds, self.accuracy_floor = asked.local_limits, asked.accuracy_floor
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
        self.due.hold(counted_groups(rows, self.n_groups))
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

    def _taught_by(self) -> float | None:
        """How many people directions rest on, of whom the kept were drawn; None of a stream."""
        return float(self.taught.sum()) if self.is_drawn else None

    def _solve_and_measure(
        self, asked: Fairness, score: Score, rows: Rows, scored: Scored, changed: Iterable[int]
    ) -> list[Change]:
        """Solve for the offset on rows and measure; changes that have widened a gap."""
        cases = Cases(self.shares, asked, rows)
        settlement = Settlement(
            cases, score, scored, self.directions, self.axis_of, self._taught_by()
        )
        here = settlement.start(self.coef, self.offset, self.local)
        changes = self._widened(asked, here.measured, changed)
        if not here.measured.is_comparable():
            self.measured = here.measured
            return changes
        kept, solved = kept_place(here, settlement.step, settlement.place, asked)
        self.coef, self.offset, self.local = kept.coef, kept.offset, kept.local
        self.measured = replace(kept.measured, solved=solved)
        self.local_measured = settlement.measured_parts(kept)
        return changes

    def _meet_parts(self, asked: Fairness, scored: Scored) -> None:
        """Find the parts of the columns with local bounds."""
        if scored.values:
            self.local = self.local.meeting(
                asked.local_columns, asked.local_is_category, scored.values, scored.Z.shape[1]
            )

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
        other.due = self.due.copy()
        return other

    def without_people(self) -> Self:
        """A copy with the same offset and nobody to measure it on; they come anew."""
        other = self.copy()
        other.people, other.arrivals = self.people.emptied(), Arrivals()
        other.due.without_people()
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
        are_drawn = self.is_drawn and other.is_drawn
        self.people.merge(other.people, codes)
        self.drawn_at = self.people.n_seen if are_drawn else FAR_AHEAD
        self.known_at = self.people.n_seen - since
        self.n_unknown = min(self.n_unknown, other.n_unknown)
        self.offset = (1.0 - part) * self.offset + part * other.offset
        self.coef = np.zeros(self.n_axes * self.n_groups)
        if other.local.columns or self.local.columns:  # solved anew on the merged people
            self.local, self.local_measured = LocalOffset(), []
        self.arrivals, self.due = Arrivals(), Due()
        self.due.add_groups(self.n_groups)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            **vars(self),
            "directions": self.directions.to_dict(),
            "people": self.people.to_dict(),
            "arrivals": self.arrivals.to_dict(),
            "due": self.due.to_dict(),
            "measured": self.measured.to_dict(),
            "local": self.local.to_dict(),
            "local_measured": [part.to_dict() for part in self.local_measured],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The monitor that `to_dict` has written."""
        data = _of_today(data)
        made = cls.__new__(cls)
        vars(made).update(data)
        made.directions = Directions.from_dict(data["directions"])
        made.people = People.from_dict(data["people"])
        made.arrivals = Arrivals.from_dict(data["arrivals"])
        made.due = Due.from_dict(data["due"])
        made.measured = Measured(**data["measured"])
        made.local = LocalOffset.from_dict(data["local"])
        made.local_measured = [LocalMeasured.from_dict(m) for m in data["local_measured"]]
        return made


def _of_today(data: dict[str, Any]) -> dict[str, Any]:
    """What a monitor of any version has written, as one of today would write it."""
    data, n_groups, n_slots = dict(data), len(data["shares"]), data["n_slots"]
    direction_of = data.pop("direction_of", None)
    data.setdefault("axis_of", direction_of)  # distances had no axes of their own
    data.setdefault("taught", data["shares"].copy())  # nobody was left out
    data.setdefault("drawn_at", FAR_AHEAD)
    data.setdefault("changed_at", 0)
    data.setdefault("accuracy_floor", 0.0)
    if "local" not in data:  # there were no local bounds, nor ratios
        data |= {"is_ratio": np.zeros(n_slots, bool), "local_bounds": np.full(n_slots, np.nan)}
        data |= {"local": LocalOffset().to_dict(), "local_measured": []}
    data.setdefault("n_unknown", data["people"]["n_seen"] - data["known_at"])
    if "due" not in data:  # its fields were the monitor's own, or not there
        due = {name: data.pop(name) for name in ("solved_at", "looked_at")}
        due |= {name: data.pop(name, np.zeros(n_groups)) for name in ("held", "came")}
        data["due"] = due
    return data

"""The growth policy of growth="drift", with a hook before every batch and one after it.

Change detectors (`detector`) watch the decisions of the model that predicts: whether each was
wrong, and, for every slot of the constraints and every group, the contrast between the
group's decisions and the others'. A gap is watched in a second way, which is faster where it
sees anything: whether the people of a group have changed, by looking back at the last rows
(`lookback`). Only changes for the worse raise an alarm. More errors mean that another rule
holds: a copy of the believed generation is added, ready to learn fast. A wider gap means that
other people have come under the same rule, and the experts stay. In both cases the rows since
the change are learned again (`replay`).
Between alarms the generation in charge grows up to a quarter of `max_experts`, so that there
is room to remember other worlds.
"""

from functools import partial

from skfeamoe._fairness.constraints import Outcome
from skfeamoe._fairness.monitor import Fairness
from skfeamoe._rows import Rows
from skfeamoe._training.drift.lookback import LOOK_ROWS, MOST_GROUPS, cause_of, changed_gap
from skfeamoe._training.drift.monitor import ACCURACY
from skfeamoe._training.drift.recent import RECENT_ROWS
from skfeamoe._training.growth import Act, IntervalGrowth
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import score

GENERATIONS = 4
"""Worlds that there is room for: a generation has up to `max_experts` / 4 experts."""


class DriftGrowth(IntervalGrowth):
    """A copy of the believed generation after every alarm by errors."""

    watches = True

    def __init__(self, interval: int, max_experts: int, detector: str) -> None:
        super().__init__(interval)
        self.max_experts = max_experts
        self.generation_size = max(max_experts // GENERATIONS, 1)
        self.detector = detector

    def before(self, model: Model) -> tuple[Act, ...]:
        """What an alarm asks for; an expert while the generation in charge is small."""
        n_seen = model.clock.n_samples_seen
        acts: tuple[Act, ...] = ()
        if model.drift.alarm:
            acts = (Act.GENERATION,) if model.drift.answer(n_seen) == ACCURACY else ()
        elif self._has_room(model):
            acts = super().before(model)
        return (*acts, Act.REPLAY) if model.drift.replay_is_due(n_seen) else acts

    def _has_room(self, model: Model) -> bool:
        """Whether the generation in charge, and the mixture, are small."""
        ensemble = model.ensemble
        n_in_charge = (ensemble.generation == model.posterior.believed).sum()
        return n_in_charge < self.generation_size and ensemble.n_experts < self.max_experts

    def after(self, model: Model, fairness: Fairness, rows: Rows, outcome: Outcome) -> None:
        """Feed the detectors, keep the rows, and now and then look back at them."""
        n_before = model.clock.n_samples_seen - len(rows)
        model.drift.watch_errors(self.detector, outcome.wrong, n_before)
        if model.monitor.n_groups >= 2:
            self._watch_gaps(model, fairness, rows, outcome, n_before)
        model.drift.recent.update(rows)
        if model.clock.n_samples_seen % LOOK_ROWS < len(rows):
            _look_back(model, fairness)

    def _watch_gaps(
        self, model: Model, fairness: Fairness, rows: Rows, outcome: Outcome, n_before: int
    ) -> None:
        """Feed the detectors of the gaps."""
        slots, known, n_groups = fairness.slots, rows.groups >= 0, model.monitor.n_groups
        if not known.any():
            return
        members, measured = slots.rows(outcome) > 0, slots.measured(outcome)
        for s in range(len(slots)):
            if slots.owners[s].uses_distance:
                continue
            chosen = members[s] & known
            for group in range(1 if n_groups == 2 else min(n_groups, MOST_GROUPS)):
                model.drift.watch_gap(
                    self.detector,
                    cause_of(slots, s, group),
                    rows.groups[chosen] == group,
                    measured[s, chosen],
                    fairness.limits[s],
                    n_before,
                )


def _look_back(model: Model, fairness: Fairness) -> None:
    """Raise an alarm if the gap of a group has changed for the worse since some row."""
    drift, n_seen, n_groups = model.drift, model.clock.n_samples_seen, model.monitor.n_groups
    if drift.alarm or n_groups < 2 or len(fairness.slots) == 0 or not drift.rested(n_seen):
        return
    since = n_seen - (drift.alarm_rows or [0])[-1]
    rows = drift.recent.last(min(since, RECENT_ROWS))
    rows = rows.with_columns(model.terms.transform(rows.X))
    found = changed_gap(
        fairness, rows, n_groups, partial(score, model, fairness), model.predict
    )
    if found is not None:
        cause, first = found
        drift.raise_alarm(cause, n_seen - len(rows) + first)

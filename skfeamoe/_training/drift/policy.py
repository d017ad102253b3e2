"""The growth policy of growth="drift", with a hook before every batch and one after it.

A change detector (`detector`) watches whether the decisions of the model that predicts are
wrong. More errors raise an alarm: another rule holds. A copy of the believed generation is
added, ready to learn fast, and the rows since the change are learned again (`replay`). Other
people who come under the same rule, and widen a gap, are noticed where the bounds are kept
(`_fairness.changes`), which forgets those before them at once; the experts stay, and the
alarm is noted. Between alarms the generation in charge grows up to a quarter of `max_experts`,
so that there is room to remember other worlds.
"""

from collections.abc import Sequence

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.bound import Change
from skfeamoe._fairness.constraints import Outcome
from skfeamoe._rows import Rows
from skfeamoe._training.growth import Act, IntervalGrowth
from skfeamoe._training.model import Model

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
            model.drift.answer(n_seen)
            acts = (Act.GENERATION,)
        elif self._has_room(model):
            acts = super().before(model)
        return (*acts, Act.REPLAY) if model.drift.replay_is_due(n_seen) else acts

    def _has_room(self, model: Model) -> bool:
        """Whether the generation in charge, and the mixture, are small."""
        ensemble = model.ensemble
        n_in_charge = (ensemble.generation == model.posterior.believed).sum()
        return n_in_charge < self.generation_size and ensemble.n_experts < self.max_experts

    def after(self, model: Model, fairness: Fairness, rows: Rows, outcome: Outcome) -> None:
        """Feed the detector, and keep the rows that have a label."""
        wrong, rows = outcome.wrong[rows.y >= 0], rows.labeled()
        n_before = model.clock.n_samples_seen - len(rows)
        model.drift.watch_errors(self.detector, wrong, n_before)
        model.drift.recent.update(rows)

    def people_changed(self, model: Model, asked: Fairness, changes: Sequence[Change]) -> None:
        """Note an alarm for every gap that other people have widened."""
        for slot, group in changes:
            slots = asked.slots
            cause = f"{slots.names[slot]} ({slots.events[slot]}): {group}"
            model.drift.note(cause, model.clock.n_samples_seen)

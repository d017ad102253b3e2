"""growth="drift": what is watched for a change of the world, and the answer to an alarm.

Two kinds of numbers are watched, both of the model that predicts: whether each decision was
wrong, and, for every slot of the constraints and every group, the contrast between the
group's decisions and the others' (see `drift`). Only changes for the worse raise an alarm:
more errors, or a gap that has grown and is now wider than its bound. Between alarms the only
growth is that of the first generation, up to a quarter of `max_experts`, so that there is
room to remember other worlds.
"""

from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.moments import fade
from skfeamoe._training.drift import (
    init_contrast,
    init_detector,
    update_contrast,
    update_detector,
)
from skfeamoe._training.generations import n_generations
from skfeamoe._training.growth import GENERATION, IntervalGrowth
from skfeamoe._training.state import State

ACCURACY = "accuracy"
"""Cause of an alarm raised by errors; a gap's cause is "constraint (event): group"."""

GENERATIONS = 4
"""Worlds that there is room for: a generation has up to `max_experts` / 4 experts."""

MOST_GROUPS = 8
"""Contrasts are kept for the first so many groups; the others are in everybody's "others"."""

KNOWN_AFTER_ALARM = 60.0
"""Rows that a cell of the group means counts as after an alarm: the past is another world."""

MOST_ALARMS = 512
"""Alarms that are remembered."""


class DriftGrowth(IntervalGrowth):
    """A copy of the believed generation, ready to learn fast, after every alarm."""

    watches = True

    def __init__(self, interval: int, max_experts: int, bounds: NDArray, detector: str) -> None:
        super().__init__(interval)
        self.generation_size = max(max_experts // GENERATIONS, 1)
        self.bounds = bounds
        self.detector = detector

    def decide(self, state: State) -> str | None:
        """A generation after an alarm; an expert while the first generation is small."""
        if state["alarm"]:
            return GENERATION
        if n_generations(state) == 1 and state["n_experts"] < self.generation_size:
            return super().decide(state)
        return None

    def watch(self, state: State, slots: Slots, outcome: Outcome, groups: NDArray) -> None:
        """Feed the detectors with the decisions on a batch."""
        self._watch_errors(state, outcome)
        known = groups >= 0
        n_groups = state["multipliers"].shape[1]
        n_contrasts = 1 if n_groups == 2 else min(n_groups, MOST_GROUPS)
        if n_groups < 2 or not known.any():
            return
        rows, measured = slots.rows(outcome) > 0, slots.measured(outcome)
        for s in range(len(slots)):
            if slots.owners[s].uses_distance:
                continue
            chosen = rows[s] & known
            for group in range(n_contrasts):
                self._watch_gap(
                    state, slots, s, group, groups[chosen] == group, measured[s, chosen]
                )

    def _watch_errors(self, state: State, outcome: Outcome) -> None:
        """Feed the detector of errors."""
        detector = state["detectors"].get(ACCURACY) or init_detector(self.detector)
        detector, alarm = update_detector(detector, outcome.wrong)
        if alarm is not None and detector["after"] > detector["before"]:
            state["alarm"] = state["alarm"] or ACCURACY
        state["detectors"] = {**state["detectors"], ACCURACY: detector}

    def _watch_gap(
        self,
        state: State,
        slots: Slots,
        s: int,
        group: int,
        inside: NDArray,
        measured: NDArray,
    ) -> None:
        """Feed the detector of one contrast."""
        cause = f"{slots.names[s]} ({slots.events[s]}): {group}"
        detectors = state["detectors"]
        contrast = state["contrasts"].get(cause) or init_contrast()
        contrast, values, _ = update_contrast(contrast, inside, measured)
        state["contrasts"] = {**state["contrasts"], cause: contrast}
        detector = detectors.get(cause) or init_detector(self.detector)
        detector, alarm = update_detector(detector, values)
        if alarm is not None:
            before, after = abs(2 * detector["before"] - 1), abs(2 * detector["after"] - 1)
            if after > max(before, self.bounds[s]):
                state["alarm"] = state["alarm"] or cause
        state["detectors"] = {**detectors, cause: detector}


def answer_alarm(state: State) -> None:
    """Note the alarm, watch anew, and let the group means follow the new world."""
    state["alarm_rows"] = [*state["alarm_rows"], state["n_samples_seen"]][-MOST_ALARMS:]
    state["alarm_causes"] = [*state["alarm_causes"], state["alarm"]][-MOST_ALARMS:]
    state["alarm"] = ""
    state["young_since"] = state["n_samples_seen"]
    state["detectors"], state["contrasts"] = {}, {}
    state["groups"] = fade(state["groups"], KNOWN_AFTER_ALARM)

"""growth="drift": what is watched for a change of the world, and the answer to an alarm.

Change detectors (`drift`) watch the decisions of the model that predicts: whether each was
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

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._training.drift import (
    init_contrast,
    init_detector,
    update_contrast,
    update_detector,
)
from skfeamoe._training.growth import GENERATION, RELEARN, IntervalGrowth
from skfeamoe._training.recent import RECENT_ROWS
from skfeamoe._training.state import State

ACCURACY = "accuracy"
"""Cause of an alarm raised by errors; a gap's cause is "constraint (event): group"."""

GENERATIONS = 4
"""Worlds that there is room for: a generation has up to `max_experts` / 4 experts."""

MOST_GROUPS = 8
"""Gaps are watched for the first so many groups; the others are in everybody's "others"."""

REST_ROWS, REST_SPAN = 1000, 16_000
"""An alarm by a gap is possible this many rows after the last alarm, for each within the span.
Where people never cease to change, the control is left to follow by itself."""

MOST_ALARMS = 512
"""Alarms that are remembered."""


class DriftGrowth(IntervalGrowth):
    """A copy of the believed generation after every alarm by errors."""

    watches = True

    def __init__(self, interval: int, max_experts: int, bounds: NDArray, detector: str) -> None:
        super().__init__(interval)
        self.max_experts = max_experts
        self.generation_size = max(max_experts // GENERATIONS, 1)
        self.bounds = bounds
        self.detector = detector

    def decide(self, state: State) -> str | None:
        """What an alarm asks for; an expert while the generation in charge is small."""
        if state["alarm"]:
            return GENERATION if state["alarm"] == ACCURACY else RELEARN
        n_in_charge = (state["generation"] == state["belief"].argmax()).sum()
        if n_in_charge < self.generation_size and state["n_experts"] < self.max_experts:
            return super().decide(state)
        return None

    def watch(self, state: State, slots: Slots, outcome: Outcome, groups: NDArray) -> None:
        """Feed the detectors with the decisions on a batch."""
        self._watch_errors(state, outcome)
        known = groups >= 0
        n_groups = state["multipliers"].shape[1]
        if n_groups < 2 or not known.any():
            return
        rows, measured = slots.rows(outcome) > 0, slots.measured(outcome)
        for s in range(len(slots)):
            if slots.owners[s].uses_distance:
                continue
            chosen = rows[s] & known
            for group in range(1 if n_groups == 2 else min(n_groups, MOST_GROUPS)):
                cause = f"{slots.names[s]} ({slots.events[s]}): {group}"
                inside = groups[chosen] == group
                self._watch_gap(state, cause, inside, measured[s, chosen], self.bounds[s])

    def _watch_errors(self, state: State, outcome: Outcome) -> None:
        """Feed the detector of errors."""
        detector = state["detectors"].get(ACCURACY) or init_detector(self.detector)
        detector, alarm = update_detector(detector, outcome.wrong)
        if alarm is not None and detector["after"] > detector["before"]:
            state["alarm"] = ACCURACY
            state["changed_at"] = state["n_samples_seen"] + alarm + 1 - detector["n_after"]
        state["detectors"] = {**state["detectors"], ACCURACY: detector}

    def _watch_gap(
        self, state: State, cause: str, inside: NDArray, measured: NDArray, bound: float
    ) -> None:
        """Feed the detector of one group's contrast; values are (difference + 1) / 2."""
        contrast = state["contrasts"].get(cause) or init_contrast()
        contrast, values, last = update_contrast(contrast, inside, measured)
        state["contrasts"] = {**state["contrasts"], cause: contrast}
        detector = state["detectors"].get(cause) or init_detector(self.detector)
        detector, alarm = update_detector(detector, values)
        state["detectors"] = {**state["detectors"], cause: detector}
        if alarm is None or state["alarm"] or not rested(state):
            return
        before, after = abs(2 * detector["before"] - 1), abs(2 * detector["after"] - 1)
        error = 2.0 * np.sqrt(0.5 / detector["n_after"])  # two sides of variance 1/4
        if after - error > max(before, bound):
            rows_per_block = (last[-1] + 1) / len(last)
            since = min(detector["n_after"] * rows_per_block, RECENT_ROWS)
            state["alarm"] = cause
            state["changed_at"] = max(state["n_samples_seen"] - int(since), 0)


def rested(state: State) -> bool:
    """Whether enough rows have passed since the last alarms for one by a gap."""
    ago = state["n_samples_seen"] - np.array([0, *state["alarm_rows"]])
    return bool(ago[-1] >= REST_ROWS * np.count_nonzero(ago[1:] < REST_SPAN))


def answer_alarm(state: State) -> None:
    """Note the alarm, watch anew, and have the rows since the change learned again."""
    state["alarm_rows"] = [*state["alarm_rows"], state["n_samples_seen"]][-MOST_ALARMS:]
    state["alarm_causes"] = [*state["alarm_causes"], state["alarm"]][-MOST_ALARMS:]
    if state["alarm"] == ACCURACY:
        state["young_since"] = state["n_samples_seen"]
    state["alarm"] = ""
    state["detectors"], state["contrasts"] = {}, {}
    state["replay_at"] = max(state["n_samples_seen"], 1)

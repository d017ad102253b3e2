"""growth="drift": what is watched for a change of the world, and the answer to an alarm.

Two things are watched, both with the model that predicts: whether each decision was wrong,
by a change detector (`drift`), and whether the people of a group have changed so that a gap
is wider, by looking back at the last rows (`lookback`). Only changes for the worse raise an
alarm. More errors mean that another rule holds: a copy of the believed generation is added,
ready to learn fast. A wider gap means that other people have come under the same rule, and
the experts stay. In both cases the rows since the change are learned again (`replay`).
Between alarms the generation in charge grows up to a quarter of `max_experts`, so that there
is room to remember other worlds.
"""

from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome
from skfeamoe._training.drift import init_detector, update_detector
from skfeamoe._training.growth import GENERATION, RELEARN, IntervalGrowth
from skfeamoe._training.state import State

ACCURACY = "accuracy"
"""Cause of an alarm raised by errors; a gap's cause is "constraint (event): group"."""

GENERATIONS = 4
"""Worlds that there is room for: a generation has up to `max_experts` / 4 experts."""

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

    def watch(self, state: State, outcome: Outcome) -> None:
        """Feed the detector of errors with the decisions on a batch."""
        detector = state["detectors"].get(ACCURACY) or init_detector(self.detector)
        detector, alarm = update_detector(detector, outcome.wrong)
        if alarm is not None and detector["after"] > detector["before"]:
            state["alarm"] = ACCURACY
            state["changed_at"] = state["n_samples_seen"] + alarm + 1 - detector["n_after"]
        state["detectors"] = {**state["detectors"], ACCURACY: detector}


def answer_alarm(state: State) -> None:
    """Note the alarm, watch anew, and have the rows since the change learned again."""
    state["alarm_rows"] = [*state["alarm_rows"], state["n_samples_seen"]][-MOST_ALARMS:]
    state["alarm_causes"] = [*state["alarm_causes"], state["alarm"]][-MOST_ALARMS:]
    if state["alarm"] == ACCURACY:
        state["young_since"] = state["n_samples_seen"]
    state["alarm"] = ""
    state["detectors"] = {}
    state["replay_at"] = max(state["n_samples_seen"], 1)

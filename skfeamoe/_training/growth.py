"""Growth: when experts are added. A policy decides, the trainer acts (`acts`).

The trainer asks before every batch, and tells after it what the model that predicts decided.
A policy reads the model and writes nothing but what it keeps for itself; what it keeps
between batches lives in the model's clock and drift monitor, so that it is saved with them.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.bound import Change
from skfeamoe._fairness.constraints import Outcome
from skfeamoe._rows import Rows
from skfeamoe._training.model import Model


class Act(Enum):
    """What a policy may ask the trainer for."""

    EXPERT = "one more expert"
    GENERATION = "a copy of all experts that are believed now"
    REPLAY = "to learn the rows since a change again"


class Growth(Protocol):
    """What the trainer asks of a growth policy."""

    watches: bool  # whether ``after`` needs to know what was decided

    def before(self, model: Model) -> tuple[Act, ...]:
        """What should be done before the next batch, in this order."""

    def after(self, model: Model, fairness: Fairness, rows: Rows, outcome: Outcome) -> None:
        """Take note of a batch of rows of X, and of the decisions just before it."""

    def people_changed(self, model: Model, asked: Fairness, changes: Sequence[Change]) -> None:
        """Take note of groups whose people have changed, and widened a gap."""


class NoGrowth:
    """The number of experts stays as it is."""

    watches = False

    def before(self, model: Model) -> tuple[Act, ...]:
        """Nothing."""
        return ()

    def after(self, model: Model, fairness: Fairness, rows: Rows, outcome: Outcome) -> None:
        """Nothing."""

    def people_changed(self, model: Model, asked: Fairness, changes: Sequence[Change]) -> None:
        """Nothing."""


class IntervalGrowth(NoGrowth):
    """An expert every ``interval`` rows (Algorithm 1 of the paper)."""

    def __init__(self, interval: int) -> None:
        self.interval = interval

    def before(self, model: Model) -> tuple[Act, ...]:
        """An expert once ``interval`` rows have passed since the last one was added."""
        clock = model.clock
        due = clock.n_samples_seen - clock.samples_at_growth >= self.interval
        return (Act.EXPERT,) if due else ()


class IndividualGrowth(NoGrowth):
    """An expert when ``threshold`` individually unfair rows have gathered (paper, appendix)."""

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold

    def before(self, model: Model) -> tuple[Act, ...]:
        """An expert once enough unfair rows were seen since the last one was added."""
        return (Act.EXPERT,) if model.clock.unfair_since_growth >= self.threshold else ()

"""Growth: when an expert is added, and how the parameters change when it is.

A policy only decides; `add_expert` carries the decision out. A new expert is a copy of the
one that serves most people, which hands it half of its share: the mixture's output is the
same before and after, up to a small perturbation that lets the two part. Its optimizer
starts with a tenth of its parent's memory, so that it learns faster than the experts around
it (with no memory at all its first steps are as large as those of an untrained model, and
cost .3 points of accuracy on Adult; see docs/decisions).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._mixture import layout as block_layout
from skfeamoe._training.capacity import make_room
from skfeamoe._training.state import PREDICTING, State, generator, layout_of

NOISE = 0.05
"""Norm of the perturbation of a new expert's rows, in units of log-odds."""

MEMORY_SHARE = 0.1
"""Part of its parent's optimizer memory that a new expert starts with."""

GROWTH_DRAWS = 1
"""Purpose number of the generator that perturbs new experts."""


EXPERT, GENERATION, RELEARN = "expert", "generation", "relearn"
"""What a policy may ask for: one more expert; after an alarm, a copy of all that are believed
now, or no more than to learn the last rows again."""


class Growth(Protocol):
    """What the trainer asks of a growth policy."""

    watches: bool
    bounds: NDArray  # of the gap of every slot, if it ``watches``

    def watch(self, state: State, slots: Slots, outcome: Outcome, groups: NDArray) -> None:
        """Take note of what the model that predicts decided, if ``watches``."""

    def decide(self, state: State) -> str | None:
        """`EXPERT`, `GENERATION` or `RELEARN` if that should be done now."""


class NoGrowth:
    """The number of experts stays as it is."""

    watches = False
    bounds = np.zeros(0)

    def watch(self, state: State, slots: Slots, outcome: Outcome, groups: NDArray) -> None:
        """Nothing."""

    def decide(self, state: State) -> str | None:
        """Never."""
        return None


class IntervalGrowth(NoGrowth):
    """An expert every ``interval`` rows (Algorithm 1 of the paper)."""

    def __init__(self, interval: int) -> None:
        self.interval = interval

    def decide(self, state: State) -> str | None:
        """An expert once ``interval`` rows have passed since the last one was added."""
        due = state["n_samples_seen"] - state["samples_at_growth"] >= self.interval
        return EXPERT if due else None


class IndividualGrowth(NoGrowth):
    """An expert when ``threshold`` individually unfair rows have gathered (paper, appendix)."""

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold

    def decide(self, state: State) -> str | None:
        """An expert once enough unfair rows were seen since the last one was added."""
        return EXPERT if state["unfair_since_growth"] >= self.threshold else None


def add_expert(state: State, max_experts: int) -> None:
    """Add an expert, in place of the one that costs least if there is no room.

    Where nobody can be spared the busiest expert learns as fast as its copy would. Every
    occasion is counted, since the penalties of `ScheduleControl` grow with it.
    """
    state["n_added"] += 1
    state["samples_at_growth"] = state["n_samples_seen"]
    state["unfair_since_growth"] = 0
    if max_experts < 2:
        return
    while state["n_experts"] >= max_experts:
        if not make_room(state):
            parent = int(np.argmax(state["usage"]))
            rows = block_layout.expert_rows(layout_of(state), parent)
            state["memory"][rows] *= MEMORY_SHARE
            return
    layout = layout_of(state)
    parent = int(np.argmax(state["usage"]))
    rows = block_layout.expert_rows(layout, parent)
    noise = generator(state, GROWTH_DRAWS).normal(size=(len(rows), state["block"].shape[1]))
    noise *= NOISE / np.sqrt(noise.shape[1])
    for name in PREDICTING:
        state[name] = _split(state[name], layout, parent, noise)
    child_memory = MEMORY_SHARE * state["memory"][rows]
    state["memory"] = block_layout.append_expert(state["memory"], layout, child_memory)
    usage = state["usage"].copy()
    usage[parent] /= 2.0
    state["usage"] = np.append(usage, usage[parent])
    state["n_steps"] = np.append(state["n_steps"], state["n_steps"][parent])
    state["generation"] = np.append(state["generation"], state["generation"][parent])
    state["n_experts"] += 1


def _split(block: NDArray, layout: block_layout.Layout, parent: int, noise: NDArray) -> NDArray:
    """Block in which a perturbed copy of ``parent`` has taken half of its gate share."""
    rows = block_layout.expert_rows(layout, parent)
    halved = block.copy()
    halved[parent, -1] -= np.log(2.0)
    return block_layout.append_expert(halved, layout, halved[rows] + noise)

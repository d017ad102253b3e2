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

from skfeamoe._mixture import layout as block_layout
from skfeamoe._training.state import State, generator, layout_of

NOISE = 0.1
"""Norm of the perturbation of a new expert's rows, in units of log-odds."""

MEMORY_SHARE = 0.1
"""Part of its parent's optimizer memory that a new expert starts with."""

GROWTH_DRAWS = 1
"""Purpose number of the generator that perturbs new experts."""


class Growth(Protocol):
    """What the trainer asks of a growth policy."""

    def decide(self, state: State) -> bool:
        """Whether an expert should be added now."""


class NoGrowth:
    """The number of experts stays as it is."""

    def decide(self, state: State) -> bool:
        """Never."""
        return False


class IntervalGrowth:
    """An expert every ``interval`` rows (Algorithm 1 of the paper)."""

    def __init__(self, interval: int) -> None:
        self.interval = interval

    def decide(self, state: State) -> bool:
        """Whether ``interval`` rows have passed since the last expert was added."""
        return state["n_samples_seen"] - state["samples_at_growth"] >= self.interval


def add_expert(state: State, max_experts: int) -> None:
    """Add an expert, in place of the least useful one if there is no room."""
    if max_experts < 2:
        return
    if state["n_experts"] >= max_experts:
        remove_expert(state, int(np.argmin(state["usage"])))
    layout = layout_of(state)
    parent = int(np.argmax(state["usage"]))
    rows = block_layout.expert_rows(layout, parent)
    noise = generator(state, GROWTH_DRAWS).normal(size=(len(rows), state["block"].shape[1]))
    noise *= NOISE / np.sqrt(noise.shape[1])
    for name in ("block", "average"):
        state[name] = _split(state[name], layout, parent, noise)
    child_memory = MEMORY_SHARE * state["memory"][rows]
    state["memory"] = block_layout.append_expert(state["memory"], layout, child_memory)
    usage = state["usage"].copy()
    usage[parent] /= 2.0
    state["usage"] = np.append(usage, usage[parent])
    state["n_experts"] += 1
    state["n_added"] += 1
    state["samples_at_growth"] = state["n_samples_seen"]


def _split(block: NDArray, layout: block_layout.Layout, parent: int, noise: NDArray) -> NDArray:
    """Block in which a perturbed copy of ``parent`` has taken half of its gate share."""
    rows = block_layout.expert_rows(layout, parent)
    halved = block.copy()
    halved[parent, -1] -= np.log(2.0)
    return block_layout.append_expert(halved, layout, halved[rows] + noise)


def remove_expert(state: State, k: int) -> None:
    """Remove expert k; the softmax hands its share to the others."""
    layout = layout_of(state)
    for name in ("block", "average", "memory"):
        state[name] = block_layout.remove_expert(state[name], layout, k)
    usage = np.delete(state["usage"], k)
    state["usage"] = usage / usage.sum()
    state["n_experts"] -= 1

"""Everything that a model in training consists of, as plain data.

The state is a dict of arrays, numbers, strings and dicts of these, so that pickle, joblib
and skops write it and read it back bit for bit in the middle of a stream. There is no random
generator in it: random draws come from generators made of ``seed`` and a running number, so
that a model that was saved and loaded draws what the unbroken one would have drawn.
"""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.moments import GroupMoments, init_group_moments, with_groups
from skfeamoe._mixture import layout as block_layout
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.moments import Moments, init_moments
from skfeamoe._training.history import History, init_history
from skfeamoe._training.reservoir import Reservoir, init_reservoir


class State(TypedDict):
    """A model in training."""

    seed: int
    n_classes: int
    n_experts: int
    block: NDArray  # (n_rows, n_features + 1), the iterate that descends
    average: NDArray  # same shape, the moving average that predicts
    memory: NDArray  # same shape, what the optimizer remembers
    usage: NDArray  # (n_experts,), running mean of the gate probabilities
    moments: Moments
    groups: GroupMoments
    multipliers: NDArray  # (n_slots, n_groups)
    weights: NDArray  # (n_slots, 2, n_groups), the control's last decision
    rows_since_decision: int
    loss: float  # running mean of the training loss, nan before the first row
    n_samples_seen: int
    n_steps: float  # in units of the reference batch
    n_added: int  # experts added so far, removed ones included
    samples_at_growth: int
    history: History
    background: Reservoir


def init_state(
    n_features: int,
    n_classes: int,
    n_slots: int,
    *,
    seed: int,
    centered: bool,
    background_size: int = 0,
) -> State:
    """A mixture of one expert that has seen nothing."""
    layout = Layout(1, n_classes, n_features)
    return {
        "seed": seed,
        "n_classes": n_classes,
        "n_experts": 1,
        "block": block_layout.zeros(layout),
        "average": block_layout.zeros(layout),
        "memory": block_layout.zeros(layout),
        "usage": np.ones(1),
        "moments": init_moments(n_features, centered=centered),
        "groups": init_group_moments(n_slots, 0),
        "multipliers": np.zeros((n_slots, 0)),
        "weights": np.zeros((n_slots, 2, 0)),
        "rows_since_decision": 0,
        "loss": float("nan"),
        "n_samples_seen": 0,
        "n_steps": 0.0,
        "n_added": 0,
        "samples_at_growth": 0,
        "history": init_history(),
        "background": init_reservoir(n_features, size=background_size, sparse=not centered),
    }


def layout_of(state: State) -> Layout:
    """The sizes of the state's parameter blocks."""
    return Layout(state["n_experts"], state["n_classes"], state["block"].shape[1] - 1)


def make_room_for_groups(state: State, n_groups: int) -> None:
    """Give empty cells to groups that have just appeared."""
    missing = n_groups - state["multipliers"].shape[1]
    if missing <= 0:
        return
    state["groups"] = with_groups(state["groups"], n_groups)
    state["multipliers"] = np.pad(state["multipliers"], ((0, 0), (0, missing)))
    state["weights"] = np.pad(state["weights"], ((0, 0), (0, 0), (0, missing)))


def generator(state: State, purpose: int) -> np.random.Generator:
    """A fresh generator for one purpose at the present point of training."""
    return np.random.default_rng([state["seed"], purpose, state["n_samples_seen"]])

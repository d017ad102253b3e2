"""Everything that a model in training consists of, as plain data.

The state is a dict of arrays, numbers, strings and dicts of these, so that pickle, joblib
and skops write it and read it back bit for bit in the middle of a stream. There is no random
generator in it: random draws come from generators made of ``seed`` and a running number, so
that a model that was saved and loaded draws what the unbroken one would have drawn.
"""

from collections.abc import Sequence
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.moments import GroupMoments, init_group_moments, with_groups
from skfeamoe._mixture import layout as block_layout
from skfeamoe._mixture.experts import kind_of, moved
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.mlp import Layer
from skfeamoe._terms import LinearTerms, RawTerms, Terms
from skfeamoe._training.drift import Contrast, Detector
from skfeamoe._training.history import History, init_history
from skfeamoe._training.recent import Recent, init_recent
from skfeamoe._training.reservoir import Reservoir, init_reservoir

START_DRAWS = 4
"""Purpose number of the generator that draws the first parameters."""

PREDICTING: tuple[Literal["block"], Literal["average"]] = ("block", "average")
"""The two parameter blocks: the iterate that descends and the average that predicts."""


class State(TypedDict):
    """A model in training."""

    seed: int
    n_classes: int
    n_experts: int
    expert: str  # kind of the experts
    hidden: list[int]  # widths of the hidden layers of networks
    activation: str
    block: NDArray  # all parameters (`_mixture.experts`), the iterate that descends
    average: NDArray  # same shape, the moving average that predicts
    memory: NDArray  # same shape, what the optimizer remembers
    usage: NDArray  # (n_experts,), running mean of the gate probabilities
    terms: Terms
    groups: GroupMoments
    multipliers: NDArray  # (n_slots, n_groups)
    weights: NDArray  # (n_slots, 2, n_groups), the control's last decision
    rows_since_decision: int
    loss: float  # running mean of the training loss, nan before the first row
    n_samples_seen: int
    n_steps: NDArray  # (n_experts,), age of every expert in reference batches
    generation: NDArray  # (n_experts,), generation of every expert
    belief: NDArray  # (n_generations,), weights that sum to 1
    last_believed: NDArray  # (n_generations,), row at which it last had half of the weight
    unfair_since_growth: int  # rows whose decision changes with the sensitive attribute
    unfair_share: float  # running share of such rows
    alarm: str  # cause of an alarm that has not been answered yet, or ""
    alarm_rows: list[int]
    alarm_causes: list[str]
    detectors: dict[str, Detector]
    contrasts: dict[str, Contrast]
    n_added: int  # experts added so far, removed ones included
    samples_at_growth: int
    young_since: int  # row at which the stream, or the world after an alarm, began
    history: History
    background: Reservoir
    recent: Recent  # the last rows, where growth="drift" looks back at them
    changed_at: int  # row of the change that the last alarm was about
    replay_at: int  # row at which those since the change are learned again; 0 for never


def init_state(
    n_features: int,
    n_classes: int,
    n_slots: int,
    *,
    expert: str = "logistic",
    hidden: Sequence[int] = (),
    activation: str = "relu",
    seed: int,
    standardize: bool = True,
    sparse: bool = False,
    background_size: int = 0,
) -> State:
    """A mixture of one expert that has seen nothing."""
    terms: Terms = RawTerms(n_features)
    if standardize:
        terms = LinearTerms(n_features, centered=not sparse)
    layout = Layout(1, n_classes, terms.n_outputs, expert, tuple(hidden), activation)
    block = kind_of(layout).start(layout, np.random.default_rng([seed, START_DRAWS]))
    return {
        "seed": seed,
        "n_classes": n_classes,
        "n_experts": 1,
        "expert": expert,
        "hidden": list(hidden),
        "activation": activation,
        "block": block,
        "average": block.copy(),
        "memory": np.zeros_like(block),
        "usage": np.ones(1),
        "terms": terms,
        "groups": init_group_moments(n_slots, 0),
        "multipliers": np.zeros((n_slots, 0)),
        "weights": np.zeros((n_slots, 2, 0)),
        "rows_since_decision": 0,
        "loss": float("nan"),
        "n_samples_seen": 0,
        "n_steps": np.zeros(1),
        "generation": np.zeros(1, dtype=np.intp),
        "belief": np.ones(1),
        "last_believed": np.zeros(1, dtype=np.int64),
        "unfair_since_growth": 0,
        "unfair_share": 0.0,
        "alarm": "",
        "alarm_rows": [],
        "alarm_causes": [],
        "detectors": {},
        "contrasts": {},
        "n_added": 0,
        "samples_at_growth": 0,
        "young_since": 0,
        "history": init_history(),
        "background": init_reservoir(n_features, size=background_size, sparse=sparse),
        "recent": init_recent(n_features, sparse=sparse),
        "changed_at": 0,
        "replay_at": 0,
    }


def layout_of(state: State) -> Layout:
    """The sizes of the state's parameter blocks."""
    return Layout(
        state["n_experts"],
        state["n_classes"],
        state["terms"].n_outputs,
        state["expert"],
        tuple(state["hidden"]),
        state["activation"],
    )


def prior_scores(state: State) -> NDArray | None:
    """Log-weight of every expert's generation, (n_experts,); None for one generation."""
    if len(state["belief"]) == 1:
        return None
    return np.log(state["belief"])[state["generation"]]


def published_block(state: State) -> NDArray:
    """The parameters that predict, the weights of the generations among the intercepts."""
    prior = prior_scores(state)
    if prior is None:
        return state["average"]
    block = state["average"].copy()
    block[: len(prior), -1] += prior
    return block


def drop_expert(state: State, k: int) -> None:
    """Remove expert k; the softmax hands its share to the others."""
    layout = layout_of(state)
    for name in PREDICTING:
        state[name] = block_layout.remove_expert(state[name], layout, k)
    state["memory"] = block_layout.remove_expert(state["memory"], layout, k)
    usage = np.delete(state["usage"], k)
    state["usage"] = usage / usage.sum()
    state["n_steps"] = np.delete(state["n_steps"], k)
    state["generation"] = np.delete(state["generation"], k)
    state["n_experts"] -= 1


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


FITTED_MEMORY = 1.0
"""Optimizer memory of an expert that was fitted elsewhere: about that of 4,000 rows."""

FITTED_ROWS = 5000.0
"""Rows that the moments of the first call count as where fitted experts depend on them."""


def seed_experts(
    state: State,
    X,
    weight: NDArray,
    experts: Sequence[Sequence[Layer]],
) -> None:
    """Make fitted models, in units of X, the first experts under a uniform gate.

    ``experts`` are their layers, (n_out, n_in) weights and (n_out,) biases each.

    The features' units are taken from X at once, and held firmly, as a later change of
    units would change what the experts say.
    """
    state["terms"].update(X, weight)
    state["terms"].hold(FITTED_ROWS)
    k = len(experts)
    state["n_experts"] = k
    layout = layout_of(state)
    kind = kind_of(layout)
    raw = kind.start(layout, np.random.default_rng(0))
    memory = np.zeros_like(raw)
    layers, memories = kind.layers(raw, layout), kind.layers(memory, layout)
    for number, (layer, kept) in enumerate(zip(layers, memories, strict=True)):
        layer.weight[...] = [expert[number].weight for expert in experts]
        layer.bias[...] = [expert[number].bias for expert in experts]
        kept.weight[...] = kept.bias[...] = FITTED_MEMORY
    state["block"] = moved(raw, layout, state["terms"].unfold)
    state["average"] = state["block"].copy()
    state["memory"] = memory
    state["usage"] = np.full(k, 1.0 / k)
    state["n_steps"] = np.full(k, FITTED_ROWS)
    state["generation"] = np.zeros(k, dtype=np.intp)

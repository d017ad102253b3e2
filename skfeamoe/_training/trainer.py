"""Passes over data: a stream in its own order, or several shuffled epochs."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.moments import (
    GroupMoments,
    cell_means,
    gap_standard_errors,
    slot_gaps,
)
from skfeamoe._training.generations import add_generation
from skfeamoe._training.growth import EXPERT, GENERATION, NoGrowth, add_expert
from skfeamoe._training.history import is_due, record
from skfeamoe._training.lookback import LOOK_ROWS, look_back
from skfeamoe._training.recent import remember
from skfeamoe._training.replay import replay
from skfeamoe._training.reservoir import offer
from skfeamoe._training.state import State, generator
from skfeamoe._training.step import Settings, measure_afresh, train_batch
from skfeamoe._training.watch import answer_alarm

SHUFFLE_DRAWS = 2
"""Purpose number of the generator that shuffles epochs."""

EARLY_ROWS = 12_000
"""A stream is young for this many rows, and again after an alarm."""

AUDIT_ROWS = 20_000
"""Most rows that `audit` looks at: enough for a standard error of half a point."""


def constraint_gaps(slots: Slots, moments: GroupMoments) -> dict[str, float]:
    """Gap of every constraint: the largest over its events."""
    gaps = slot_gaps(*cell_means(moments))
    return {c.name: float(np.fmax.reduce(gaps[slots.of(c.name)])) for c in slots.constraints}


def constraint_errors(slots: Slots, moments: GroupMoments) -> dict[str, float]:
    """Standard error of every constraint's gap: the largest over its events."""
    errors = gap_standard_errors(moments)
    return {c.name: float(errors[slots.of(c.name)].max()) for c in slots.constraints}


def train_stream(
    state: State,
    settings: Settings,
    X,
    y: NDArray,
    groups: NDArray,
    weight: NDArray,
) -> None:
    """Train on the rows of X in their order, batch by batch."""
    offer(state["background"], X, weight, state["seed"])
    start = 0
    while start < len(y):
        early = state["n_samples_seen"] - state["young_since"] < EARLY_ROWS
        size = settings.early_batch_size if early else settings.batch_size
        part = slice(start, start + size)
        start += size
        rows = X if len(y[part]) == len(y) else X[part]
        state["terms"].update(rows, weight[part])
        Z = state["terms"].transform(rows)
        _advance(state, settings, Z, y[part], groups[part], weight[part])


def train_epochs(
    state: State,
    settings: Settings,
    X,
    y: NDArray,
    groups: NDArray,
    weight: NDArray,
    *,
    n_epochs: int,
) -> Iterator[int]:
    """Train for several shuffled passes, yielding the number of each pass when it is done.

    Experts are added in the first pass only, as in a stream; later passes refine them.
    """
    offer(state["background"], X, weight, state["seed"])
    state["terms"].update(X, weight)
    X = state["terms"].transform(X)
    for epoch in range(n_epochs):
        order = generator(state, SHUFFLE_DRAWS).permutation(len(y))
        if epoch == 1:
            settings = replace(settings, growth=NoGrowth())
        for start in range(0, len(y), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            _advance(state, settings, X[rows], y[rows], groups[rows], weight[rows])
        yield epoch


def _advance(
    state: State, settings: Settings, Z, y: NDArray, groups: NDArray, weight: NDArray
) -> None:
    """Grow if it is time, train on one batch, and keep the record."""
    decision = settings.growth.decide(state)
    if decision == EXPERT:
        add_expert(state, settings.max_experts)
    elif decision is not None:
        answer_alarm(state)
    if decision == GENERATION:
        add_generation(state, settings.max_experts)
    if 0 < state["replay_at"] <= state["n_samples_seen"]:
        replay(state, settings)
    train_batch(state, settings, Z, y, groups, weight)
    if settings.growth.watches:
        remember(state["recent"], Z, y, groups, weight)
        if state["n_samples_seen"] % LOOK_ROWS < len(y):
            look_back(state, settings)
    if is_due(state["history"], state["n_samples_seen"]):
        entry = {
            "n_samples_seen": state["n_samples_seen"],
            "n_experts": state["n_experts"],
            "loss": state["loss"],
        }
        gaps = constraint_gaps(settings.slots, state["groups"])
        entry |= {f"gap_{name}": gap for name, gap in gaps.items()}
        state["history"] = record(state["history"], state["n_samples_seen"], entry)


def audit(
    state: State, settings: Settings, X, y: NDArray, groups: NDArray, weight: NDArray
) -> GroupMoments:
    """Group moments of the finished model on data it was trained on, without forgetting.

    At most `AUDIT_ROWS` rows are looked at, evenly spaced.
    """
    rows = slice(None, None, -(-len(y) // AUDIT_ROWS))
    y, groups, weight = y[rows], groups[rows], weight[rows]
    Z = state["terms"].transform(X[rows])
    return measure_afresh(state, settings, Z, y, groups, weight)

"""One training step on one batch: the only place where all rooms meet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.controls import MAX_SLOPE, Control, row_slopes
from skfeamoe._fairness.distance import log_odds, log_odds_gradient_norm
from skfeamoe._fairness.moments import update_group_moments
from skfeamoe._mixture.forward import (
    Forward,
    favorable_slopes,
    forward,
    mixture_proba,
    parameter_gradient,
    score_slopes,
)
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.losses import Loss
from skfeamoe._mixture.optimizers import Optimizer
from skfeamoe._training.growth import Growth
from skfeamoe._training.state import State, layout_of

AVERAGE_RATE = 0.003
"""Rate per full batch of the moving average that predicts."""

AVERAGE_WARMUP = 4.0
"""Early on the rate is (w + 1) / (step + w): a mean that forgets the first iterates fast.

Shamir and Zhang (2013), "Stochastic gradient descent for non-smooth optimization", ICML,
polynomial-decay averaging.
"""

USAGE_RATE = 0.01
"""Rate per full batch of the running means of gate weights and loss."""


@dataclass(frozen=True)
class Settings:
    """What the user chose, in the form that training needs."""

    loss: Loss
    optimizer: Optimizer
    slots: Slots
    control: Control
    growth: Growth
    max_experts: int
    batch_size: int
    alpha: float
    half_life: float
    favorable: int
    clip_slopes: bool


def decided_favorable(proba: NDArray, favorable: int) -> NDArray:
    """Whether the most probable class is the favorable one, (n_samples,) bool."""
    return proba.argmax(axis=1) == favorable


def boundary_distance(
    fwd: Forward, coef: NDArray, favorable: int, layout: Layout
) -> tuple[NDArray, NDArray]:
    """Distance of every row to the boundary, and the norm of its log-odds' gradient."""
    q, d_gate, d_expert = favorable_slopes(fwd, favorable, layout)
    norm = log_odds_gradient_norm(q, score_slopes(d_gate, d_expert), coef)
    return np.abs(log_odds(q)) / norm, norm


def observe(
    Z, block: NDArray, y: NDArray, slots: Slots, favorable: int, layout: Layout
) -> Outcome:
    """What a model with the parameters ``block`` decides on a batch."""
    fwd = forward(Z, block, layout)
    decided = decided_favorable(mixture_proba(fwd), favorable)
    distance = np.zeros(len(y))
    if slots.uses_distance:
        distance, _ = boundary_distance(fwd, block[:, :-1], favorable, layout)
    return Outcome(y == favorable, decided, distance)


def train_batch(
    state: State, settings: Settings, Z, y: NDArray, groups: NDArray, weight: NDArray
) -> None:
    """One step of descent on the standardized rows Z, and all the running means."""
    layout = layout_of(state)
    fwd = forward(Z, state["block"], layout)
    d_gate, d_expert = settings.loss.slopes(fwd, y, layout)
    if len(settings.slots) and state["multipliers"].shape[1]:
        outcome = observe(Z, state["average"], y, settings.slots, settings.favorable, layout)
        _measure(state, settings, outcome, groups, weight)
        q, q_gate, q_expert = favorable_slopes(fwd, settings.favorable, layout)
        t = _fairness_slope(state, settings, outcome, groups, q, score_slopes(q_gate, q_expert))
        d_gate += t[:, None] * q_gate
        d_expert += t[:, None, None] * q_expert
    slopes = score_slopes(d_gate, d_expert)
    slopes *= (weight / settings.batch_size)[:, None]
    gradient = parameter_gradient(Z, slopes)
    part = len(y) / settings.batch_size
    gradient[:, :-1] += (settings.alpha * part) * state["block"][:, :-1]
    settings.optimizer.step(state["block"], gradient, state["memory"])
    _publish(state, settings, fwd, y, part)


def one_hot_groups(groups: NDArray, n_groups: int, weight: NDArray) -> NDArray:
    """Every row's weight in the column of its group, (n_samples, n_groups)."""
    return (groups[:, None] == np.arange(n_groups)) * weight[:, None]


def _measure(
    state: State, settings: Settings, outcome: Outcome, groups: NDArray, weight: NDArray
) -> None:
    """Update group means and multipliers by what the deployed model decided."""
    n_groups = state["multipliers"].shape[1]
    state["groups"] = update_group_moments(
        state["groups"],
        settings.slots.rows(outcome),
        settings.slots.measured(outcome),
        one_hot_groups(groups, n_groups, weight),
        outcome.favored,
        half_life=settings.half_life,
        n_events=settings.slots.n_events,
    )
    state["multipliers"] = settings.control.update(
        state["multipliers"], state["groups"], len(groups), state["n_added"]
    )


def _fairness_slope(
    state: State,
    settings: Settings,
    outcome: Outcome,
    groups: NDArray,
    q: NDArray,
    d_scores: NDArray,
) -> NDArray:
    """Slope of all constraints on q, (n_samples,)."""
    norm = np.ones(len(q))
    if settings.slots.uses_distance:
        norm = log_odds_gradient_norm(q, d_scores, state["block"][:, :-1])
    t = row_slopes(
        settings.control.weights(state["multipliers"], state["groups"]),
        settings.slots.slopes(q, norm),
        settings.slots.rows(outcome),
        outcome.decided,
        groups,
    )
    return np.clip(t, -MAX_SLOPE, MAX_SLOPE) if settings.clip_slopes else t


def _publish(state: State, settings: Settings, fwd: Forward, y: NDArray, part: float) -> None:
    """Move the averages: the parameters that predict, gate usage and loss."""
    state["n_samples_seen"] += len(y)
    state["n_steps"] += part
    warmup = (AVERAGE_WARMUP + 1.0) * part / (state["n_steps"] + AVERAGE_WARMUP)
    rate = min(max(AVERAGE_RATE * settings.batch_size / 32 * part, warmup), 1.0)
    state["average"] += rate * (state["block"] - state["average"])
    rate = min(USAGE_RATE * part, 1.0)
    state["usage"] += rate * (fwd.gate_proba.mean(axis=0) - state["usage"])
    loss = float(settings.loss.value(fwd, y, layout_of(state)).mean())
    previous = state["loss"] if state["loss"] == state["loss"] else loss
    state["loss"] = previous + rate * (loss - previous)

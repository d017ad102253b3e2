"""One training step on one batch: the only place where all rooms meet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.controls import MAX_SLOPE, Control, row_slopes
from skfeamoe._fairness.distance import log_odds, log_odds_gradient_norm
from skfeamoe._fairness.moments import (
    GroupMoments,
    init_group_moments,
    update_group_moments,
)
from skfeamoe._mixture.experts import kind_of
from skfeamoe._mixture.forward import (
    Forward,
    favorable_slopes,
    forward,
    input_gradient,
    mixture_proba,
    parameter_gradient,
    proba,
    score_slopes,
)
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.losses import Loss
from skfeamoe._mixture.optimizers import Optimizer
from skfeamoe._training.generations import update_belief, within_generations
from skfeamoe._training.growth import Growth
from skfeamoe._training.individual import penalty_gradient, twin_rows, unfair_rows
from skfeamoe._training.state import State, layout_of, prior_scores

REFERENCE_ROWS = 32.0
"""All rates are per this many rows, and the loss of a batch is its sum over this number.

With Adagrad a stream then learns the same, whether it comes in large or in small batches.
"""

AVERAGE_WARMUP = 4.0
"""Early on the rate is (w + 1) / (step + w): a mean that forgets the first iterates fast.

Shamir and Zhang (2013), "Stochastic gradient descent for non-smooth optimization", ICML,
polynomial-decay averaging.
"""

ROWS_PER_DECISION = 64
"""The control decides anew every so many rows: the running means move little in between."""

USAGE_RATE = 0.01
"""Rate of the running means of gate weights and loss."""


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
    early_batch_size: int
    alpha: float
    half_life: float
    average_rate: float  # rate of the moving average that predicts
    memory_span: float  # rows after which the optimizer has forgotten 63 % of a gradient
    favorable: int
    clip_slopes: bool
    twin_columns: NDArray  # columns whose change makes a row's twin, empty for none
    individual_penalty: float


def boundary_distance(
    fwd: Forward, block: NDArray, favorable: int, layout: Layout
) -> tuple[NDArray, NDArray]:
    """Distance of every row to the boundary, and the norm of its log-odds' gradient."""
    q, d_gate, d_expert = favorable_slopes(fwd, favorable, layout)
    slopes = score_slopes(d_gate, d_expert)
    norm = log_odds_gradient_norm(q, input_gradient(block, layout, slopes, fwd.trace))
    return np.abs(log_odds(q)) / norm, norm


def observe(state: State, settings: Settings, Z, y: NDArray) -> Outcome:
    """What the model that predicts decides on a batch."""
    layout, favorable = layout_of(state), settings.favorable
    block, prior = state["average"], prior_scores(state)
    favored = y == favorable
    if not settings.slots.uses_distance:
        predicted = proba(Z, block, layout, prior).argmax(axis=1)
        distance = np.zeros(len(y))
    else:
        fwd = forward(Z, block, layout, prior)
        predicted = mixture_proba(fwd).argmax(axis=1)
        distance, _ = boundary_distance(fwd, block, favorable, layout)
    return Outcome(favored, predicted == favorable, distance, predicted != y)


def one_hot_groups(groups: NDArray, n_groups: int, weight: NDArray) -> NDArray:
    """Every row's weight in the column of its group, (n_samples, n_groups)."""
    return (groups[:, None] == np.arange(n_groups)) * weight[:, None]


def measure_afresh(
    state: State, settings: Settings, Z, y: NDArray, groups: NDArray, weight: NDArray
) -> GroupMoments:
    """Group moments of the model that predicts on these rows alone, without forgetting."""
    n_groups = state["multipliers"].shape[1]
    outcome = observe(state, settings, Z, y)
    return update_group_moments(
        init_group_moments(len(settings.slots), n_groups),
        settings.slots.rows(outcome),
        settings.slots.measured(outcome),
        one_hot_groups(groups, n_groups, weight),
        outcome.favored,
        half_life=np.inf,
        n_events=settings.slots.n_events,
    )


def train_batch(
    state: State, settings: Settings, Z, y: NDArray, groups: NDArray, weight: NDArray
) -> None:
    """One step of descent on the standardized rows Z, and all the running means."""
    layout = layout_of(state)
    fwd = forward(Z, state["block"], layout, prior_scores(state))
    loss, d_gate, d_expert = settings.loss.value_and_slopes(fwd, y, layout)
    generations = len(state["belief"]) > 1
    loss_gate = d_gate.copy() if generations else d_gate
    constrained = len(settings.slots) > 0 and state["multipliers"].shape[1] > 0
    if constrained or settings.growth.watches:
        outcome = observe(state, settings, Z, y)
        if constrained:
            rows = _measure(state, settings, outcome, groups, weight)
            t, q_gate, q_expert = _fairness_slopes(state, settings, fwd, outcome, rows, groups)
            d_gate += t[:, None] * q_gate
            d_expert += t[:, None, None] * q_expert
        if settings.growth.watches:
            settings.growth.watch(state, settings.slots, outcome, groups)
    if generations:
        fairness_gate = d_gate - loss_gate
        d_gate = within_generations(d_gate, fwd.gate_proba, state)
    slopes = score_slopes(d_gate, d_expert)
    slopes *= (weight / REFERENCE_ROWS)[:, None]
    gradient = parameter_gradient(Z, state["block"], layout, slopes, fwd.trace)
    if len(settings.twin_columns):
        gradient += _individual_gradient(state, settings, fwd, Z, weight) / REFERENCE_ROWS
    part = len(y) / REFERENCE_ROWS
    shrunk = kind_of(layout).penalized(layout)
    gradient[:, shrunk] += (settings.alpha * part) * state["block"][:, shrunk]
    state["memory"] *= np.exp(-len(y) / settings.memory_span)
    settings.optimizer.step(state["block"], gradient, state["memory"])
    if generations:
        update_belief(state, loss_gate, fairness_gate, fwd.gate_proba)
    _publish(state, settings, fwd, loss, part)


def _individual_gradient(
    state: State, settings: Settings, fwd: Forward, Z, weight: NDArray
) -> NDArray:
    """Count the unfair rows of a batch; the gradient of their penalty."""
    columns = settings.twin_columns
    twin = twin_rows(Z, columns, state["terms"])
    unfair = unfair_rows(state, Z, twin)
    state["unfair_since_growth"] += int(np.count_nonzero(unfair & (weight > 0)))
    rate = min(USAGE_RATE * len(weight) / REFERENCE_ROWS, 1.0)
    state["unfair_share"] += rate * (float(unfair.mean()) - state["unfair_share"])
    return penalty_gradient(
        state,
        fwd,
        Z,
        twin,
        unfair,
        weight,
        settings.favorable,
        settings.individual_penalty,
    )


def _measure(
    state: State, settings: Settings, outcome: Outcome, groups: NDArray, weight: NDArray
) -> NDArray:
    """Update group means and, when it is time, multipliers; membership of rows in slots."""
    slots = settings.slots
    rows = slots.rows(outcome)
    state["groups"] = update_group_moments(
        state["groups"],
        rows,
        slots.measured(outcome),
        one_hot_groups(groups, state["multipliers"].shape[1], weight),
        outcome.favored,
        half_life=settings.half_life,
        n_events=slots.n_events,
    )
    state["rows_since_decision"] += len(groups)
    if state["rows_since_decision"] >= ROWS_PER_DECISION:
        state["multipliers"], state["weights"] = settings.control.decide(
            state["multipliers"],
            state["groups"],
            state["rows_since_decision"],
            n_seen=state["n_samples_seen"],
            n_added=state["n_added"],
        )
        state["rows_since_decision"] = 0
    return rows


def _fairness_slopes(
    state: State,
    settings: Settings,
    fwd: Forward,
    outcome: Outcome,
    rows: NDArray,
    groups: NDArray,
) -> tuple[NDArray, NDArray, NDArray]:
    """Slope of all constraints on q, (n_samples,), and those of q on all scores.

    The gaps are those of the model that predicts, the moving average; the push goes to the
    iterate that descends.
    """
    slots, layout = settings.slots, layout_of(state)
    q, q_gate, q_expert = favorable_slopes(fwd, settings.favorable, layout)
    norm = q
    if slots.uses_distance:
        by_input = input_gradient(
            state["block"], layout, score_slopes(q_gate, q_expert), fwd.trace
        )
        norm = log_odds_gradient_norm(q, by_input)
    t = row_slopes(
        state["weights"],
        slots.slopes(q, norm),
        rows,
        outcome.decided,
        groups,
        slots.max_slopes if settings.clip_slopes else np.inf,
    )
    if settings.clip_slopes:
        np.clip(t, -MAX_SLOPE, MAX_SLOPE, out=t)
    return t, q_gate, q_expert


def _publish(
    state: State, settings: Settings, fwd: Forward, loss: NDArray, part: float
) -> None:
    """Move the averages: the parameters that predict, gate usage and loss."""
    state["n_samples_seen"] += len(loss)
    state["n_steps"] += part
    warmup = (AVERAGE_WARMUP + 1.0) * part / (state["n_steps"] + AVERAGE_WARMUP)
    rates = np.clip(warmup, min(settings.average_rate * part, 1.0), 1.0)
    rates = np.concatenate([rates, np.repeat(rates, layout_of(state).n_extra_rows)])
    state["average"] += rates[:, None] * (state["block"] - state["average"])
    rate = min(USAGE_RATE * part, 1.0)
    state["usage"] += rate * (fwd.gate_proba.sum(axis=0) / len(loss) - state["usage"])
    mean_loss = float(loss.sum()) / len(loss)
    if np.isnan(state["loss"]):
        state["loss"] = mean_loss
    state["loss"] += rate * (mean_loss - state["loss"])

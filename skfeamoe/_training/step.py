"""One training step on one batch: the only place where all rooms meet."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.constraints import Outcome
from skfeamoe._fairness.distance import log_odds_gradient_norm
from skfeamoe._fairness.schedule import Observation, ScheduleMonitor
from skfeamoe._mixture.experts import Cache, bulk_gradient, kind_of
from skfeamoe._mixture.forward import (
    Forward,
    favorable_gradient,
    from_scores,
    input_gradient,
    parameter_gradient,
    score_gradient,
)
from skfeamoe._rows import Rows
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.individual import counterfactual_rows, penalty_gradient, unfair_rows
from skfeamoe._training.model import Model
from skfeamoe._training.posterior import within_generations
from skfeamoe._training.scoring import score
from skfeamoe._training.settings import Learning, Settings

REFERENCE_ROWS = 32.0
"""All rates are per this many rows, and the loss of a batch is its sum over this number.

With Adagrad a stream then learns the same, whether it comes in large or in small batches.
"""

LOAD_RATE = 0.01
"""Rate of the running means of gate weights and loss."""


def train_batch(model: Model, settings: Settings, rows: Rows) -> Outcome | None:
    """One step of descent on standardized rows, and all the running means.

    Rows without a label have no loss. What asks for no label, penalties, weighs as many of
    them as there are labels. Returns what the model that predicts decided on all rows before,
    None where nobody asked.
    """
    learning, fairness = settings.learning, settings.fairness
    ensemble, posterior = model.ensemble, model.posterior
    scores, cache = ensemble.score(rows.X, model.prior)
    loss, d_scores, gate_proba = learning.loss.value_and_gradient(
        scores, rows.y, ensemble.layout
    )
    known, n_known = _known(rows)
    d_gate, generations = d_scores[:, : ensemble.n_experts], len(posterior) > 1
    loss_gate, push_gate = d_gate.copy() if generations else d_gate, np.zeros_like(d_gate)
    weight = weight_in_loss(rows, learning.label_cap)
    d_scores *= (weight * learning.class_weight[rows.y] / REFERENCE_ROWS)[:, None]
    fwd = outcome = None
    if isinstance(model.monitor, ScheduleMonitor) and model.monitor.is_active:
        monitor, own_score = model.monitor, partial(score, model, fairness)
        seen = monitor.observe(fairness, rows, own_score, n_added=model.clock.n_added)
        fwd = from_scores(scores, ensemble.layout, cache)
        push = _fairness_gradient(model, fairness, fwd, seen, rows)
        push_gate = push[:, : ensemble.n_experts]
        share = share_of_labels(rows, weight)
        d_scores += (rows.weight * (share / REFERENCE_ROWS))[:, None] * push
        outcome = seen.outcome
    elif settings.growth.watches:
        outcome = score(model, fairness, rows)
    if generations:
        generation = ensemble.generation
        d_gate[...] = within_generations(d_gate, gate_proba, generation, len(posterior))
    gradient, squares = _gradient(model, learning, rows, d_scores, cache)
    if len(learning.counterfactual_columns):
        fwd = from_scores(scores, ensemble.layout, cache) if fwd is None else fwd
        share = share_of_labels(rows, weight)
        penalized = _individual_gradient(model, learning, fairness, fwd, rows, share)
        gradient += penalized / REFERENCE_ROWS
    n_people = people_behind(rows, weight, n_known)
    part = n_people / REFERENCE_ROWS
    shrunk = kind_of(ensemble.layout).penalized(ensemble.layout)
    gradient[:, shrunk] += (learning.alpha * part) * ensemble.params[:, shrunk]
    if ensemble.n_experts > 1:
        _add_gate_prior(gradient, ensemble, rows.X, part / learning.gate_prior_rows)
    if squares is not None:  # at least those of equal parts: penalties have no parts
        n_parts = len(rows) / learning.batch_size
        squares = np.maximum(squares, gradient * gradient / n_parts)
    if n_people != n_known:  # those of as many rows as the labels stand for
        squares = (gradient * gradient if squares is None else squares) * (n_known / n_people)
    keep = np.exp(-n_people / learning.memory_span)
    ensemble.step(gradient, learning.optimizer, keep, squares)
    if model.terms.signs is not None:
        ensemble.hold_signs(model.terms.signs)
    if generations:
        n_seen = model.clock.n_samples_seen
        told = (loss_gate[known], push_gate[known], gate_proba[known])
        posterior.update(*told, generation, n_seen)
    rate = min(LOAD_RATE * part, 1.0)
    ensemble.move_average(part, learning.average_rate)
    ensemble.count_load(gate_proba, rate)
    model.clock.update(loss[known], rate)
    return outcome


def _gradient(
    model: Model, learning: Learning, rows: Rows, d_scores: NDArray, cache: Cache
) -> tuple[NDArray, NDArray | None]:
    """Gradient of the loss, and of many rows the sum of their batches' squared gradients."""
    params, layout, size = model.ensemble.params, model.ensemble.layout, learning.batch_size
    if len(rows) <= size or not kind_of(layout).is_linear:
        return parameter_gradient(rows.X, params, layout, d_scores, cache), None
    return bulk_gradient(rows.X, params, d_scores, size)


def _add_gate_prior(gradient: NDArray, ensemble: Ensemble, Z, share: float) -> None:
    """Add a batch's share of the penalty that is the prior of the gate.

    Coefficients are normal with variance 1 / E|z|^2, so that every gate score is one of
    variance 1 before anything is seen: regions are to be shown by the rows, not by their noise.
    """
    values = Z.data if issparse(Z) else Z.ravel()
    precision = float(values @ values) / max(Z.shape[0], 1)
    kind, layout = kind_of(ensemble.layout), ensemble.layout
    weight = kind.gate(ensemble.params, layout).weight
    kind.gate(gradient, layout).weight[...] += min(share * precision, 1.0) * weight


def _known(rows: Rows) -> tuple[NDArray | slice, int]:
    """The rows that have a label, and their number."""
    if rows.is_plain:
        return slice(None), len(rows)
    known = rows.y >= 0
    return known, int(np.count_nonzero(known))


def weight_in_loss(rows: Rows, cap: float) -> NDArray:
    """Weights of the labels, (n_samples,), none above ``cap`` times its person's."""
    if rows.is_plain:
        return rows.label_weight
    person = np.where(rows.weight > 0.0, rows.weight, 1.0)  # who came before has none here
    return np.minimum(rows.label_weight, cap * person)


def people_behind(rows: Rows, weight: NDArray, n_known: int) -> float:
    """How many people the labels of a batch stand for: the pace is that of so many rows.

    Without it a label of weight w would add w^2 squares to Adagrad's memory where w people add
    w, and the rarer labels are, the slower all would be learned.
    """
    if rows.is_plain or not n_known:
        return n_known
    person = np.where(rows.weight > 0.0, rows.weight, 1.0)
    return float((weight / person).sum())


def share_of_labels(rows: Rows, weight: NDArray) -> float:
    """How much labels weigh for every person: what penalties are scaled by to stay in step."""
    if rows.is_plain:
        return 1.0
    people = float(rows.weight.sum())
    return float(weight.sum()) / people if people else 0.0


def _individual_gradient(
    model: Model,
    learning: Learning,
    fairness: Fairness,
    fwd: Forward,
    rows: Rows,
    share: float,
) -> NDArray:
    """Count the unfair rows of a batch; the gradient of their penalty."""
    other = counterfactual_rows(rows.X, learning.counterfactual_columns, model.terms)
    unfair = unfair_rows(model, rows.X, other)
    model.clock.count_unfair(int(np.count_nonzero(unfair & (rows.weight > 0))))
    weight = learning.individual_penalty * share * unfair * rows.weight
    return penalty_gradient(
        model.ensemble, model.prior, fwd, rows.X, other, weight, fairness.favorable
    )


def _fairness_gradient(
    model: Model, fairness: Fairness, fwd: Forward, seen: Observation, rows: Rows
) -> NDArray:
    """Derivatives of all penalties by all scores, (n_samples, n_scores)."""
    ensemble = model.ensemble
    q, *by_part = favorable_gradient(fwd, fairness.favorable, ensemble.layout)
    by_score, norm = score_gradient(*by_part), q
    if fairness.slots.uses_distance:
        by_term = input_gradient(ensemble.params, ensemble.layout, by_score, fwd.cache)
        norm = log_odds_gradient_norm(q, model.terms.back(rows.X, by_term))
    assert isinstance(model.monitor, ScheduleMonitor)
    t = model.monitor.slopes(fairness, seen, rows.groups, q, norm)
    return t[:, None] * by_score

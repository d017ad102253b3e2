"""One training step on one batch: the only place where all rooms meet."""

from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.constraints import Outcome
from skfeamoe._fairness.distance import log_odds_gradient_norm
from skfeamoe._fairness.schedule import Observation, ScheduleMonitor
from skfeamoe._mixture.experts import bulk_gradient, kind_of
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
from skfeamoe._training.settings import Settings

REFERENCE_ROWS = 32.0
"""All rates are per this many rows, and the loss of a batch is its sum over this number.

With Adagrad a stream then learns the same, whether it comes in large or in small batches.
"""

LOAD_RATE = 0.01
"""Rate of the running means of gate weights and loss."""


class Batch:
    """A batch of standardized rows, what the model scores them, and what they count for."""

    def __init__(self, model: Model, settings: Settings, rows: Rows) -> None:
        self.model, self.rows = model, rows
        self.learning, self.fairness = settings.learning, settings.fairness
        layout = model.ensemble.layout
        self.scores, self.cache = model.ensemble.score(rows.X, model.prior)
        self.loss, self.d_loss, self.gate_proba = self.learning.loss.value_and_gradient(
            self.scores, rows.y, layout
        )
        self.known, self.n_known = _known(rows)
        self.weight = weight_in_loss(rows, self.learning.label_cap)
        self.n_people = people_behind(rows, self.weight, self.n_known)

    @cached_property
    def forward(self) -> Forward:
        """The forward pass of the same scores, which penalties need."""
        return from_scores(self.scores, self.model.ensemble.layout, self.cache)

    @cached_property
    def share(self) -> float:
        """What labels weigh for every person."""
        return share_of_labels(self.rows, self.weight)

    def slopes(self, push: NDArray | None) -> NDArray:
        """Derivatives of the loss and of what pushes besides by all scores, as rows count."""
        weight = self.weight * self.learning.class_weight[self.rows.y]
        slopes = self.d_loss * (weight / REFERENCE_ROWS)[:, None]
        if push is not None:
            slopes += (self.rows.weight * (self.share / REFERENCE_ROWS))[:, None] * push
        posterior, ensemble = self.model.posterior, self.model.ensemble
        if len(posterior) > 1:
            gate = slopes[:, : ensemble.n_experts]
            gate[...] = within_generations(
                gate, self.gate_proba, ensemble.generation, len(posterior)
            )
        return slopes


def train_batch(model: Model, settings: Settings, rows: Rows) -> Outcome | None:
    """One step of descent on standardized rows, and all the running means.

    Rows without a label have no loss. What asks for no label, penalties, weighs as many of
    them as there are labels. Returns what the model that predicts decided on all rows before,
    None where nobody asked.
    """
    batch = Batch(model, settings, rows)
    learning, ensemble, n_people = settings.learning, model.ensemble, batch.n_people
    push, outcome = _pushed(batch, settings)
    gradient, squares = _gradient(batch, batch.slopes(push))
    _add_penalties(batch, gradient)
    squares = _squares_as_people(batch, gradient, squares)
    keep = np.exp(-n_people / learning.memory_span)
    ensemble.step(gradient, learning.optimizer, keep, squares)
    if model.terms.signs is not None:
        ensemble.hold_signs(model.terms.signs)
    if len(model.posterior) > 1:
        _tell_generations(batch, push)
    part = n_people / REFERENCE_ROWS
    rate = min(LOAD_RATE * part, 1.0)
    ensemble.move_average(part, learning.average_rate)
    ensemble.count_load(batch.gate_proba, rate)
    model.clock.update(batch.loss[batch.known], rate)
    return outcome


def _pushed(batch: Batch, settings: Settings) -> tuple[NDArray | None, Outcome | None]:
    """What constraints push all scores by, and the decisions of before, if anybody asks."""
    model, rows, fairness = batch.model, batch.rows, batch.fairness
    if isinstance(model.monitor, ScheduleMonitor) and model.monitor.is_active:
        monitor, own_score = model.monitor, partial(score, model, fairness)
        seen = monitor.observe(fairness, rows, own_score, n_added=model.clock.n_added)
        return _fairness_gradient(batch, monitor, seen), seen.outcome
    return None, score(model, fairness, rows) if settings.growth.watches else None


def _add_penalties(batch: Batch, gradient: NDArray) -> None:
    """Add to a gradient what is no loss: of unfair individuals, of weights, of the gate."""
    learning, ensemble = batch.learning, batch.model.ensemble
    if len(learning.counterfactual_columns):
        gradient += _individual_gradient(batch) / REFERENCE_ROWS
    part = batch.n_people / REFERENCE_ROWS
    shrunk = kind_of(ensemble.layout).penalized(ensemble.layout)
    gradient[:, shrunk] += (learning.alpha * part) * ensemble.params[:, shrunk]
    if ensemble.n_experts > 1:
        _add_gate_prior(gradient, ensemble, batch.rows.X, part / learning.gate_prior_rows)


def _squares_as_people(
    batch: Batch, gradient: NDArray, squares: NDArray | None
) -> NDArray | None:
    """Squares for Adagrad's memory; None: those of the gradient itself.

    At least those of equal parts, as penalties have no parts, and as of as many rows as the
    labels stand for.
    """
    if squares is not None:
        n_parts = len(batch.rows) / batch.learning.batch_size
        squares = np.maximum(squares, gradient * gradient / n_parts)
    if batch.n_people != batch.n_known:
        squares = gradient * gradient if squares is None else squares
        squares = squares * (batch.n_known / batch.n_people)
    return squares


def _tell_generations(batch: Batch, push: NDArray | None) -> None:
    """Weigh the generations by what their gates would have changed."""
    model, known, n_experts = batch.model, batch.known, batch.model.ensemble.n_experts
    by_loss = batch.d_loss[known, :n_experts]
    by_push = np.zeros_like(by_loss) if push is None else push[known, :n_experts]
    generation, n_seen = model.ensemble.generation, model.clock.n_samples_seen
    model.posterior.update(by_loss, by_push, batch.gate_proba[known], generation, n_seen)


def _gradient(batch: Batch, slopes: NDArray) -> tuple[NDArray, NDArray | None]:
    """Gradient of the loss, and of many rows the sum of their batches' squared gradients."""
    ensemble, X, size = batch.model.ensemble, batch.rows.X, batch.learning.batch_size
    params, layout = ensemble.params, ensemble.layout
    if len(batch.rows) <= size or not kind_of(layout).is_linear:
        return parameter_gradient(X, params, layout, slopes, batch.cache), None
    return bulk_gradient(X, params, slopes, size)


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


def _individual_gradient(batch: Batch) -> NDArray:
    """Count the unfair rows of a batch; the gradient of their penalty."""
    model, learning, rows = batch.model, batch.learning, batch.rows
    other = counterfactual_rows(rows.X, learning.counterfactual_columns, model.terms)
    unfair = unfair_rows(model, rows.X, other)
    model.clock.count_unfair(int(np.count_nonzero(unfair & (rows.weight > 0))))
    weight = learning.individual_penalty * batch.share * unfair * rows.weight
    favorable = batch.fairness.favorable
    return penalty_gradient(
        model.ensemble, model.prior, batch.forward, rows.X, other, weight, favorable
    )


def _fairness_gradient(batch: Batch, monitor: ScheduleMonitor, seen: Observation) -> NDArray:
    """Derivatives of all penalties by all scores, (n_samples, n_scores)."""
    ensemble, fairness, fwd = batch.model.ensemble, batch.fairness, batch.forward
    q, *by_part = favorable_gradient(fwd, fairness.favorable, ensemble.layout)
    by_score, norm = score_gradient(*by_part), q
    if fairness.slots.uses_distance:
        by_term = input_gradient(ensemble.params, ensemble.layout, by_score, fwd.cache)
        norm = log_odds_gradient_norm(q, batch.model.terms.back(batch.rows.X, by_term))
    t = monitor.slopes(fairness, seen, batch.rows.groups, q, norm)
    return t[:, None] * by_score

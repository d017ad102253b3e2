"""Scoring: what the model that predicts decides on rows, as the monitors ask it."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.bound import Change
from skfeamoe._fairness.cases import Scored
from skfeamoe._fairness.constraints import Outcome
from skfeamoe._fairness.distance import log_odds, log_odds_gradient_norm
from skfeamoe._fairness.local import LocalOffset, values_of
from skfeamoe._fairness.margins import flip_margin, flip_margin_of
from skfeamoe._logistic import sigmoid
from skfeamoe._mixture.forward import (
    Forward,
    Shift,
    by_shift,
    favorable_gradient,
    forward,
    gate_and_log_odds,
    input_gradient,
    mixture_proba,
    score_gradient,
    shift_slopes,
)
from skfeamoe._mixture.layout import Layout
from skfeamoe._rows import Rows
from skfeamoe._terms import Terms
from skfeamoe._training.model import Model


def boundary_distance(
    fwd: Forward,
    Z,
    params: NDArray,
    favorable: int,
    layout: Layout,
    terms: Terms,
    shift: Shift | None = None,
) -> NDArray:
    """Distance of every row to the boundary.

    ``fwd`` is a pass over Z with the ``shift``, and ``params`` are those without it.
    """
    q, d_gate, d_expert = favorable_gradient(fwd, favorable, layout)
    d_scores = score_gradient(d_gate, d_expert)
    by_term = input_gradient(params, layout, d_scores, fwd.cache)
    if shift is not None:
        by_h = by_shift(d_expert, shift.favorable)
        by_term = by_term + by_h[:, None] * shift_slopes(Z, shift)
    return np.abs(log_odds(q)) / log_odds_gradient_norm(q, terms.back(Z, by_term))


def score(model: Model, asked: Fairness, rows: Rows) -> Outcome:
    """What the model that predicts decides on standardized rows."""
    known = rows.y >= 0
    favored = rows.y == asked.favorable
    if not asked.slots.uses_distance:
        predicted = model.predict(rows.X).argmax(axis=1)
        distance = np.zeros(len(rows))
    else:
        params, layout = model.ensemble.average, model.ensemble.layout
        fwd = forward(rows.X, params, layout, model.prior, model.shift)
        predicted = mixture_proba(fwd).argmax(axis=1)
        distance = boundary_distance(
            fwd, rows.X, params, asked.favorable, layout, model.terms, model.shift
        )
    wrong = (predicted != rows.y) & known
    return Outcome(favored, known & ~favored, predicted == asked.favorable, distance, wrong)


def decide(model: Model, asked: Fairness, rows: Rows) -> Outcome:
    """What the model that predicts decides on rows of X."""
    return score(model, asked, rows.with_columns(model.terms.transform(rows.X)))


def scored(model: Model, asked: Fairness, X, offset: NDArray, local: LocalOffset) -> Scored:
    """What the model would decide on rows of X with any offset."""
    params, layout = model.ensemble.average, model.ensemble.layout
    favorable, Z = asked.favorable, model.terms.transform(X)
    if layout.n_classes == 2:
        gate, log_odds = gate_and_log_odds(Z, params, layout, model.prior)
        gate /= gate @ np.ones((layout.n_experts, 1))
        log_odds = log_odds if favorable == 1 else -log_odds
        margin = flip_margin(gate, log_odds)
        q = np.einsum("nk,nk->n", gate, sigmoid(log_odds))
        cost, decided = 1.0 - 2.0 * q, np.where(q > 0.5, favorable, 1 - favorable)
    else:
        fwd = forward(Z, params, layout, model.prior)
        proba = mixture_proba(fwd)
        margin = flip_margin_of(fwd.gate_proba, fwd.log_expert_proba, favorable)
        cost = np.delete(proba, favorable, axis=1).max(axis=1) - proba[:, favorable]
        decided = proba.argmax(axis=1)
    distance = None
    if asked.slots.uses_distance:
        shift = Shift(offset, favorable, local.placed(model.terms))
        shifted = forward(Z, params, layout, model.prior, shift)
        distance = boundary_distance(shifted, Z, params, favorable, layout, model.terms, shift)
    values = values_of(model.terms, Z, asked.local_columns)
    return Scored(Z, margin, cost, decided, distance, values)


def settle(
    model: Model, asked: Fairness, rows: Rows | None = None, *, suspected: bool = False
) -> list[Change]:
    """Have the present model's bounds kept, on ``rows`` of X or the people seen last.

    With ``suspected`` their people may have changed.
    """
    bounds = model.bounds
    assert bounds is not None
    if model.terms.signs is not None:  # so that monotone features stay so
        bounds.hold_out(model.terms.signs != 0.0)
    own_score = partial(scored, model, asked)
    return bounds.settle(asked, own_score, rows, suspected=suspected)

"""Scoring: what the model that predicts decides on rows, as the fairness monitor asks it."""

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Outcome
from skfeamoe._fairness.distance import log_odds, log_odds_gradient_norm
from skfeamoe._fairness.monitor import Fairness
from skfeamoe._mixture.forward import (
    Forward,
    favorable_slopes,
    forward,
    input_gradient,
    mixture_proba,
    score_slopes,
)
from skfeamoe._mixture.layout import Layout
from skfeamoe._rows import Rows
from skfeamoe._terms import Terms
from skfeamoe._training.model import Model


def boundary_distance(
    fwd: Forward, Z, params: NDArray, favorable: int, layout: Layout, terms: Terms
) -> tuple[NDArray, NDArray]:
    """Distance of every row to the boundary, and the norm of its log-odds' gradient."""
    q, d_gate, d_expert = favorable_slopes(fwd, favorable, layout)
    slopes = score_slopes(d_gate, d_expert)
    by_term = input_gradient(params, layout, slopes, fwd.trace)
    norm = log_odds_gradient_norm(q, terms.back(Z, by_term))
    return np.abs(log_odds(q)) / norm, norm


def score(model: Model, fairness: Fairness, rows: Rows) -> Outcome:
    """What the model that predicts decides on standardized rows."""
    favorable = fairness.favorable
    favored = rows.y == favorable
    if not fairness.slots.uses_distance:
        predicted = model.predict(rows.X).argmax(axis=1)
        distance = np.zeros(len(rows))
    else:
        params, layout = model.ensemble.average, model.ensemble.layout
        fwd = forward(rows.X, params, layout, model.prior)
        predicted = mixture_proba(fwd).argmax(axis=1)
        distance, _ = boundary_distance(fwd, rows.X, params, favorable, layout, model.terms)
    return Outcome(favored, predicted == favorable, distance, predicted != rows.y)

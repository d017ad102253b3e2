r"""What directions say of people who have not taught them.

A direction is learned from the people on whom the offset is then solved. Groups lie further
apart along it there than they do among new people, so that an offset closes more of a gap on
them than it will close on anybody else. Without person i the score of group a moves by

.. math:: \frac{k - 1}{k}\, \frac{h_{ia}}{1 - w_a h_{ia}} (p_{ia} - 1[a_i = a]), \qquad
    h_{ia} = \frac{1}{w_a n}
        \Big(1 + \sum_j \frac{u_{ij}^2}{\lambda_j} (1 - e^{-t \lambda_j})\Big)

with k groups, :math:`w_a` the mean of :math:`p_{ia} (1 - p_{ia})`, and u the components of
what the experts see, whose mean squares are :math:`\lambda`. For two groups and a large t this
is one Newton step away from a logistic regression (Pregibon 1981); more groups are taken one
against the rest. Descent has not come that far along all components: t is the sum of its steps,
by which those of small :math:`\lambda` are shrunken (Ali, Kolter and Tibshirani 2019).

A stream goes on with steps that hardly fall, and forgets: the rows seen last are a larger part
of what has been learned than their number says. They are taken for all who have taught, in
the steps since they came.

References
----------
Pregibon (1981), "Logistic regression diagnostics", Annals of Statistics 9. Ali, Kolter and
Tibshirani (2019), "A continuous-time view of early stopping for least squares regression",
AISTATS.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.directions import RATE, ROWS_PER_STEP, Directions

NEGLIGIBLE = 0.015
"""Squared distance by which groups may lie too far apart without anybody being left out: the
number of terms times the sum of 1 / people of two groups."""

MOST_TERMS = 512
"""Up to so many terms of dense rows are looked at together, more of them one by one."""

MOST_PART = 0.9
"""A person alone may make up to this part of a score."""

SMALL = 1e-12
"""Smallest mean square and variance."""


def left_out_scores(
    directions: Directions,
    Z,
    groups: NDArray,
    members: NDArray,
    weights: NDArray,
    taught: float | None = None,
) -> NDArray:
    """By how much the scores of people move who are left out, (n_samples, n_axes * n_groups).

    Parameters
    ----------
    directions : Directions
        What all people have taught.
    Z : ndarray or CSR of shape (n_samples, n_terms)
        What the experts see.
    groups : ndarray of shape (n_samples,)
        Group codes; whose group is unknown, -1, has taught nothing.
    members : ndarray of shape (n_events, n_samples)
        True where a row belongs to the event.
    weights : ndarray of shape (n_events, n_samples)
        Weights of the rows.
    taught : float, default=None
        How many people have taught directions, of whom these are drawn, in passes over all of
        them; None for the last ones of a stream.
    """
    n_events, n_groups, _ = directions.weight.shape
    moved = np.zeros((len(groups), n_events, n_groups))
    used = np.count_nonzero(directions.squares[:, :, :-1], axis=(0, 1)) > 0
    known = np.flatnonzero(groups >= 0)
    scale = 1.0 if taught is None else taught / max(len(known), 1)
    if is_negligible(int(np.count_nonzero(used)), scale * np.bincount(groups[known])):
        return moved.reshape(len(groups), -1)
    n_visits = 1.0 if taught is None else 2.0 * directions.visits / taught
    own, proba = Z if used.all() else Z[:, used], directions.proba(Z)
    for e in range(n_events):
        rows = known[members[e, known] & (weights[e, known] > 0.0)]
        if not len(rows):
            continue
        p, weight = proba[rows, e], weights[e, rows] / weights[e, rows].mean()
        variance = p * (1.0 - p)  # (n_samples, n_groups)
        shared = variance.mean(axis=1)
        if not shared.any():
            continue
        n_people = scale * len(rows)
        slowness = np.sqrt(directions.squares[e][:, :-1][:, used]).mean(axis=0)
        time = n_visits * n_people * RATE / ROWS_PER_STEP * n_groups / (n_groups - 1.0)
        of_event = own if len(rows) == len(groups) else own[rows]
        lever = _leverage(of_event, shared, slowness, time) * weight / n_people
        lever = lever[:, None] * shared.mean() / np.maximum(variance.mean(axis=0), SMALL)
        part = np.minimum(lever * variance, MOST_PART)
        residual = p - (groups[rows, None] == np.arange(n_groups))
        moved[rows, e] = (1.0 - 1.0 / n_groups) * lever * residual / (1.0 - part)
    return moved.reshape(len(groups), -1)


def is_negligible(n_terms: int, n_people: NDArray) -> bool:
    """Whether groups lie hardly further apart among those who taught a direction."""
    people = np.sort(n_people[n_people > 0])
    return len(people) < 2 or n_terms * (1.0 / people[0] + 1.0 / people[-1]) < NEGLIGIBLE


def _leverage(Z, variance: NDArray, slowness: NDArray, time: float) -> NDArray:
    """How much of what was learned rests on each row, times their number, (n_samples,).

    Means are weighted by ``variance``, of who is who, (n_samples,). Terms are divided by the
    roots of what Adagrad divides their steps by, ``slowness``, (n_terms,): descent is as fast
    for all of them then. Components are uncorrelated; of many terms, or sparse ones, they are
    the terms.
    """
    scale = 1.0 / np.sqrt(np.where(slowness > 0.0, slowness, np.inf))
    total, constant = len(variance), 1.0 / variance.mean()
    if issparse(Z):
        squares = Z.multiply(Z).tocsr()
        learned = scale**2 * _learned(scale**2 * (variance @ squares) / total, time)
        return constant + squares @ learned
    mean = variance @ Z / variance.sum()
    if Z.shape[1] > MOST_TERMS:
        mean_squares = np.einsum("i,ij,ij->j", variance, Z, Z) - variance.sum() * mean**2
        learned = scale**2 * _learned(scale**2 * mean_squares / total, time)
        own = np.einsum("ij,ij,j->i", Z, Z, learned) - Z @ (2.0 * mean * learned)
        return constant + np.maximum(own + mean**2 @ learned, 0.0)
    products = (Z.T * variance) @ Z / total - np.outer(variance.mean() * mean, mean)
    mean_squares, axes = np.linalg.eigh(products * np.outer(scale, scale))
    axes *= scale[:, None]
    own = Z @ axes
    own -= mean @ axes
    return constant + np.square(own, out=own) @ _learned(mean_squares, time)


def _learned(mean_squares: NDArray, time: float) -> NDArray:
    """What descent has learned along every component, by its mean square."""
    mean_squares = np.maximum(mean_squares, 0.0)
    return -np.expm1(-time * mean_squares) / np.maximum(mean_squares, SMALL)

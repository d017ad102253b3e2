r"""Directions: linear scores of the groups, learned beside the experts.

For every label event e that a constraint speaks of, a softmax regression of the group on what
the experts see,

.. math:: r_{ea}(x) = v_{ea}^\top (x, 1), \qquad
          P(a \mid x, e) \approx \mathrm{softmax}_a\, r_{ea}(x),

learns by one Adagrad step per batch, from the rows whose group is known. Its scores are the
directions along which `offset` may shift the mixture. They only say *in what way* people of
different groups differ in x; how far to shift is solved for. No group of a person
is predicted with them, though it could be, as far as x tells it.

A mean of distances hangs on all refused people, not only on those near the boundary, so that
it has other directions: `nearest_functions` of how much each of them counts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator, lsqr

from skfeamoe._rows import linear_scores
from skfeamoe._terms import Carry

RATE = 0.1
"""Step size. The length of a direction does not matter, only where it points."""

SHRINK = 1e-4
"""Strength of the L2 penalty, so that a group that is known for certain stays finite."""

ROWS_PER_STEP = 32.0
"""A gradient is a sum over rows divided by this number, as in the training of the experts."""

SMALL = 1e-10
"""Smallest denominator of a step, and deviation of terms that a regression looks at."""

PENALTY = 0.01
"""Ridge penalty of `nearest_functions` in mean variances of the terms, per row."""

CLOSE = 1e-10
"""Where its iterations end: the relative error of what they solve."""


class Directions:
    """Linear scores of all groups within label events, (n_events, n_groups, n_terms + 1)."""

    def __init__(self, events: Sequence[str], n_groups: int, n_terms: int) -> None:
        self.events = tuple(events)
        self.weight = np.zeros((len(self.events), n_groups, n_terms + 1))
        self.squares = np.zeros_like(self.weight)
        self.visits = 0.0  # rows of known group, as often as they were learned from

    @property
    def n_groups(self) -> int:
        """Groups that have a direction."""
        return self.weight.shape[1]

    def with_groups(self, n_groups: int) -> "Directions":
        """The same directions with room for groups that have just appeared."""
        new = ((0, 0), (0, n_groups - self.n_groups), (0, 0))
        return self._with(np.pad(self.weight, new), np.pad(self.squares, new))

    def _with(self, weight: NDArray, squares: NDArray) -> "Directions":
        """Directions of the same events with other numbers."""
        other = Directions(self.events, 0, 0)
        other.weight, other.squares, other.visits = weight, squares, self.visits
        return other

    def update(self, Z, groups: NDArray, members: NDArray, weight: NDArray) -> None:
        """One step on a batch.

        Parameters
        ----------
        Z : ndarray or CSR of shape (n_samples, n_terms)
            What the experts see.
        groups : ndarray of shape (n_samples,)
            Group codes; rows with -1 teach nothing here.
        members : ndarray of shape (n_events, n_samples)
            True where a row belongs to the event.
        weight : ndarray of shape (n_samples,) or (n_events, n_samples)
            Weights of the rows, in every event.
        """
        known = groups >= 0
        if self.n_groups < 2 or not known.any():
            return
        n_events, n_groups, width = self.weight.shape
        flat = self.weight.reshape(n_events * n_groups, width)
        residual = self.proba(Z)
        residual -= (groups[:, None] == np.arange(n_groups))[:, None, :]
        counted = (members * (known * weight / ROWS_PER_STEP)).T
        residual *= counted[:, :, None]
        slopes = residual.reshape(len(groups), -1)
        gradient = np.empty_like(flat)
        gradient[:, :-1] = (Z.T @ slopes).T if issparse(Z) else slopes.T @ Z
        gradient[:, -1] = slopes.sum(axis=0)
        gradient[:, :-1] += (SHRINK * counted.sum() / max(n_events, 1)) * flat[:, :-1]
        squares = gradient * gradient
        squares += self.squares.reshape(flat.shape)
        root = np.sqrt(squares)
        root += SMALL
        gradient *= RATE
        gradient /= root
        moved = np.subtract(flat, gradient, out=gradient)
        self.squares = squares.reshape(self.squares.shape)
        self.visits += np.count_nonzero(known)
        self.weight = moved.reshape(self.weight.shape)

    def proba(self, Z) -> NDArray:
        """Chances of the groups within every event, (n_samples, n_events, n_groups)."""
        n_events, n_groups, width = self.weight.shape
        flat = self.weight.reshape(n_events * n_groups, width)
        scores = (linear_scores(Z, flat[:, :-1]) + flat[:, -1]).reshape(-1, n_events, n_groups)
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)  # scipy's softmax takes longer than a step
        scores /= scores.sum(axis=2, keepdims=True)
        return scores

    @property
    def axes(self) -> NDArray:
        """The linear functions without their constants, (n_events * n_groups, n_terms)."""
        return self.weight[:, :, :-1].reshape(-1, self.weight.shape[2] - 1)

    def carried(self, carry: Carry) -> "Directions":
        """The same scores on terms that have changed."""
        parts = []
        for array, move in ((self.weight, carry.weights), (self.squares, carry.states)):
            weight, constant = move(array[:, :, :-1], array[:, :, -1])
            parts.append(np.concatenate([weight, constant[:, :, None]], axis=2))
        return self._with(*parts)

    def without(self, terms: NDArray) -> "Directions":
        """The same directions with no weight on some terms, (n_terms,) bool."""
        weight = self.weight.copy()
        weight[:, :, :-1][:, :, terms] = 0.0
        return self._with(weight, self.squares)

    def mean(self, other: "Directions", codes: NDArray, part: float) -> "Directions":
        """Mean with other directions, which count for ``part``; codes of their groups here."""
        weight, squares = (1.0 - part) * self.weight, (1.0 - part) * self.squares
        weight[:, codes] += part * other.weight
        squares[:, codes] += part * other.squares
        mean = self._with(weight, squares)
        mean.visits += other.visits
        return mean

    def copy(self) -> "Directions":
        """The same directions; updates replace arrays, so they are shared."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "events": list(self.events)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Directions":
        """The directions that `to_dict` has written."""
        made = cls(data["events"], 0, 0)
        made.weight, made.squares = data["weight"], data["squares"]
        made.visits = data.get("visits", 0.0)  # older ones: nobody is left out
        return made


def nearest_functions(Z, targets: NDArray, used: NDArray) -> NDArray:
    r"""The linear functions of ``Z`` that come nearest to some others, (n_targets, n_terms).

    By ridge regression with `PENALTY`, of targets that are brought to one standard deviation.

    Parameters
    ----------
    Z : ndarray or CSR of shape (n_samples, n_terms)
        What the experts see.
    targets : ndarray of shape (n_samples, n_targets)
        The other functions' values.
    used : ndarray of shape (n_terms,)
        True for terms that may have a weight.
    """
    weight = np.zeros((targets.shape[1], len(used)))
    own, n = Z[:, used], len(targets)
    mean, squares = own.mean(axis=0), (own.multiply(own) if issparse(own) else own * own).sum()
    scale = np.sqrt(max(squares / n - mean @ mean, 0.0) / max(own.shape[1], 1))
    if scale < SMALL:
        return weight
    standardized = LinearOperator(
        own.shape,
        matvec=lambda v: (own @ v.ravel() - mean @ v.ravel()) / scale,
        rmatvec=lambda u: (own.T @ u - mean * u.sum()) / scale,
        dtype=np.float64,
    )
    for row, target in zip(weight, targets.T, strict=True):
        if (spread := target.std()) > 0.0:
            unit, damp = (target - target.mean()) / spread, np.sqrt(PENALTY * n)
            row[used] = lsqr(standardized, unit, damp, atol=CLOSE, btol=CLOSE)[0] / scale
    return weight

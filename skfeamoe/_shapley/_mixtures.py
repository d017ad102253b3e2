"""Mixtures as games take them: linear scores of gate and experts, and heads that read them.

A mixture offers `scores`, weights and intercepts of all scores; `centered`, the same scores
moved by what no head sees; and `heads`, what reads usual states and what reads all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._heads import LogHead, NetworkHead, ProductHead


class Mixture(NamedTuple):
    """A mixture of linear experts under a softmax gate, in the units of the explained `X`.

    Parameters
    ----------
    gate_coef : ndarray of shape (K, n_features)
    gate_intercept : ndarray of shape (K,)
    expert_coef : ndarray of shape (K, n_outputs, n_features)
        n_outputs = 1: sigmoid, the probability of class 1; else softmax over n_outputs.
    expert_intercept : ndarray of shape (K, n_outputs)
    """

    gate_coef: np.ndarray
    gate_intercept: np.ndarray
    expert_coef: np.ndarray
    expert_intercept: np.ndarray

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Return weights (n_features, R) and intercepts (R,) for the heads."""
        _, n_outputs, n_features = self.expert_coef.shape
        gate, gate_0 = self.gate_coef, self.gate_intercept
        expert, expert_0 = self.expert_coef, self.expert_intercept
        if n_outputs == 1:
            expert, expert_0 = -expert, -expert_0
        else:
            expert = expert - expert.mean(axis=1, keepdims=True)
            expert_0 = expert_0 - expert_0.mean(axis=1, keepdims=True)
        gate, gate_0 = gate - gate.mean(axis=0), gate_0 - gate_0.mean()
        weights = np.concatenate([gate, expert.reshape(-1, n_features)]).T
        return np.ascontiguousarray(weights), np.concatenate([gate_0, expert_0.ravel()])

    def centered(self, scores: np.ndarray) -> np.ndarray:
        """Shift the gate's scores, and each expert's of its classes, to a largest of 0."""
        n_experts, n_outputs, _ = self.expert_coef.shape
        scores = scores.copy()
        scores[:n_experts] -= scores[:n_experts].max()
        if n_outputs > 1:
            experts = scores[n_experts:].reshape(n_experts, n_outputs)
            experts -= experts.max(axis=1, keepdims=True)
        return scores

    def heads(self, output: str) -> tuple:
        """Return what reads usual states, and what reads all."""
        n_experts, n_outputs, _ = self.expert_coef.shape
        sizes = (n_experts, n_outputs, output)
        return ProductHead(*sizes), LogHead(*sizes)


class Networks(NamedTuple):
    """A mixture of networks under a softmax gate, in the units of the explained `X`.

    Scores are linear as far as to what enters the first hidden layers, so all that is in front
    of it is done once for a row and a background, and the rest for each coalition.

    Parameters
    ----------
    gate_coef : ndarray of shape (K, n_features)
    gate_intercept : ndarray of shape (K,)
    layers : list of (weight, bias)
        Of shapes (K, n_out, n_in) and (K, n_out), with at least one hidden layer. The last
        has one output, the logit of class 1, or one per class.
    activation : callable
    shift_coef : ndarray of shape (n_features,)
        Of a linear function that is added to the score of class `favorable` of all experts.
    shift_intercept : float
    favorable : int
    """

    gate_coef: np.ndarray
    gate_intercept: np.ndarray
    layers: list
    activation: Callable
    shift_coef: np.ndarray
    shift_intercept: float
    favorable: int

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Return weights (n_features, R) and intercepts (R,) for the head."""
        weight, bias = self.layers[0]
        hidden = weight.reshape(-1, weight.shape[2])
        weights = np.concatenate([self.gate_coef, hidden, self.shift_coef[None]]).T
        intercepts = [self.gate_intercept, bias.ravel(), [self.shift_intercept]]
        return np.ascontiguousarray(weights), np.concatenate(intercepts)

    def centered(self, scores: np.ndarray) -> np.ndarray:
        """Return the scores as they are."""
        return scores

    def heads(self, output: str) -> tuple:
        """Return what reads states, twice."""
        n_experts, n_outputs = self.layers[-1][1].shape
        later = tuple(self.layers[1:])
        head = NetworkHead(n_experts, n_outputs, output, later, self.activation, self.favorable)
        return head, head


def log_gate(mixture: Mixture | Networks, X) -> np.ndarray:
    """Return log g_k(x), (K, n)."""
    scores = np.asarray(X @ mixture.gate_coef.T).T + mixture.gate_intercept[:, None]
    scores -= scores.max(axis=0)
    return scores - np.log(np.exp(scores).sum(axis=0))

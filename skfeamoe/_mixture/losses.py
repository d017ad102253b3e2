r"""Losses of the mixture: value and gradient stand next to each other.

A loss is a class with ``value_and_gradient(scores, y, layout)``: one number per row and its
derivatives by all scores, (n_samples, n_scores), with the gate probabilities, which are
computed on the way. Register it in `LOSSES` and every gradient test finds it.

Both losses share the responsibilities :math:`h_k = g_k\,l_k / \sum_j g_j\,l_j`, where
:math:`l_k` is the likelihood that expert k gives to the label; the derivative by gate scores
is :math:`g_k - h_k`. They are computed from :math:`e^{s_k - \max s}` without logarithms: a
third of the time of sums in log space on the small batches of a stream. Likelihoods are held
above `LEAST_LIKELIHOOD`, so that no sum is 0.

References
----------
Jacobs, Jordan, Nowlan and Hinton (1991), "Adaptive mixtures of local experts",
Neural Computation 3, equations 1.2 and 1.3.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.layout import Layout

FARTHEST_SCORE = 500.0
"""An expert's score counts as at most so far on the wrong side."""

SAFE_SCORE = 100.0
"""Gate scores within this need no largest one taken out: products with likelihoods stay above
the smallest float."""

LEAST_LIKELIHOOD = float(np.exp(-FARTHEST_SCORE))
"""The likelihood at such a score."""


class Loss(Protocol):
    """What the trainer asks of a loss."""

    def value_and_gradient(
        self, scores: NDArray, y: NDArray, layout: Layout
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Loss of each row, (n_samples,), d_scores, (n_samples, n_scores), and gate_proba."""


class LogLoss:
    r"""Negative log-likelihood of the mixture, :math:`-\log\sum_k g_k\,o_{k,y}`.

    Derivative by expert score c: :math:`h_k (o_{kc} - 1[c = y])`.
    """

    def value_and_gradient(
        self, scores: NDArray, y: NDArray, layout: Layout
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Loss of each row, its derivatives by all scores, and the gate probabilities."""
        likelihood, residual = _experts(scores, y, layout)
        value, d_scores, responsibility, gate = _gate(scores, likelihood, layout)
        d_expert = residual * responsibility[:, :, None]
        d_scores[:, layout.n_experts :] = d_expert.reshape(len(y), -1)
        return value, d_scores, gate


class JacobsLoss:
    r"""The localized squared error, :math:`-\log\sum_k g_k \exp(-\|y - o_k\|^2/2)`.

    The norm runs over the expert's outputs: the second class's probability for two
    classes, all of them otherwise. With residual :math:`r = o_k - y`, the derivative by expert
    score c is :math:`h_k\,o_{kc}(r_c - \sum_{c'} r_{c'}\,o_{kc'})`.
    """

    def value_and_gradient(
        self, scores: NDArray, y: NDArray, layout: Layout
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Loss of each row, its derivatives by all scores, and the gate probabilities."""
        _, residual = _experts(scores, y, layout)
        likelihood = np.exp(-0.5 * (residual * residual).sum(axis=2))
        value, d_scores, responsibility, gate = _gate(scores, likelihood, layout)
        first = layout.n_classes - layout.n_outputs
        proba = residual + (y[:, None] == np.arange(first, layout.n_classes))[:, None, :]
        inner = (residual * proba).sum(axis=2, keepdims=True)
        d_expert = responsibility[:, :, None] * proba * (residual - inner)
        d_scores[:, layout.n_experts :] = d_expert.reshape(len(y), -1)
        return value, d_scores, gate


def _experts(scores: NDArray, y: NDArray, layout: Layout) -> tuple[NDArray, NDArray]:
    """Likelihood of the label by every expert, (n_samples, n_experts), and o_k - y.

    The residual has the shape (n_samples, n_experts, n_outputs).
    """
    n, k = len(y), layout.n_experts
    if layout.n_outputs == 1:
        sign = np.where(y == 1, -1.0, 1.0)[:, None]
        odds = sign * scores[:, k:]  # against the label
        np.minimum(odds, FARTHEST_SCORE, out=odds)
        np.exp(odds, out=odds)
        likelihood = 1.0 / (1.0 + odds)
        odds *= likelihood
        odds *= sign
        return likelihood, odds[:, :, None]
    logit = scores[:, k:].reshape(n, k, layout.n_outputs)
    residual = np.exp(logit - logit.max(axis=2, keepdims=True))
    residual /= residual.sum(axis=2, keepdims=True)
    rows = np.arange(n)
    likelihood = np.maximum(residual[rows, :, y], LEAST_LIKELIHOOD)
    residual[rows, :, y] -= 1.0
    return likelihood, residual


def _gate(
    scores: NDArray, likelihood: NDArray, layout: Layout
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Loss, d_scores with its part of the gate filled in, responsibilities, gate_proba."""
    k, gate = layout.n_experts, scores[:, : layout.n_experts]
    if max(gate.max(initial=0.0), -gate.min(initial=0.0)) > SAFE_SCORE:
        gate = gate - gate.max(axis=1, keepdims=True)
    gate, ones = np.exp(gate), np.ones((k, 1))
    joint = gate * likelihood
    total, joint_total = gate @ ones, joint @ ones
    gate /= total
    joint /= joint_total
    d_scores = np.empty_like(scores)
    np.subtract(gate, joint, out=d_scores[:, :k])
    return np.log(total / joint_total)[:, 0], d_scores, joint, gate


LOSSES: dict[str, type[Loss]] = {"log_loss": LogLoss, "jacobs": JacobsLoss}

r"""Losses of the mixture: value and gradient stand next to each other.

A loss is a class with ``value_and_gradient(fwd, y, layout)``: one number per row, its
derivatives by the gate scores, (n_samples, n_experts), and those by the expert scores,
(n_samples, n_experts, n_outputs). Register it in `LOSSES` and every gradient test finds it.

Both losses share the responsibilities :math:`h_k = g_k\,l_k / \sum_j g_j\,l_j`, where
:math:`l_k` is the likelihood that expert k gives to the label; the derivative by gate scores is
:math:`g_k - h_k`.

References
----------
Jacobs, Jordan, Nowlan and Hinton (1991), "Adaptive mixtures of local experts",
Neural Computation 3, equations 1.2 and 1.3.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.forward import Forward
from skfeamoe._mixture.layout import Layout


class Loss(Protocol):
    """What the trainer asks of a loss."""

    def value_and_gradient(
        self, fwd: Forward, y: NDArray, layout: Layout
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Loss of each row, and its derivatives by gate scores and by expert scores."""


def _residual(fwd: Forward, y: NDArray, layout: Layout) -> NDArray:
    """o_k - y over the expert's outputs, (n_samples, n_experts, n_outputs)."""
    first = layout.n_classes - layout.n_outputs
    if layout.n_outputs == 1:
        return fwd.expert_proba[:, :, first:] - (y == 1)[:, None, None]
    residual = fwd.expert_proba.copy()
    residual[np.arange(len(y)), :, y] -= 1.0
    return residual


def _responsibilities(log_joint: NDArray) -> tuple[NDArray, NDArray]:
    """log sum_k exp(log_joint), (n_samples,), and the share of each expert in it."""
    top = log_joint.max(axis=1, keepdims=True)
    share = np.exp(log_joint - top)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    return (top + np.log(total))[:, 0], share


class LogLoss:
    r"""Negative log-likelihood of the mixture, :math:`-\log\sum_k g_k\,o_{k,y}`.

    Derivative by expert score c: :math:`h_k (o_{kc} - 1[c = y])`.
    """

    def value_and_gradient(
        self, fwd: Forward, y: NDArray, layout: Layout
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Loss of each row, and its derivatives by gate scores and by expert scores."""
        log_joint = fwd.log_gate + fwd.log_expert_proba[np.arange(len(y)), :, y]
        log_likelihood, responsibility = _responsibilities(log_joint)
        d_expert = _residual(fwd, y, layout)
        d_expert *= responsibility[:, :, None]
        return -log_likelihood, fwd.gate_proba - responsibility, d_expert


class JacobsLoss:
    r"""The localized squared error, :math:`-\log\sum_k g_k \exp(-\|y - o_k\|^2/2)`.

    The norm runs over the expert's outputs: the second class's probability for two
    classes, all of them otherwise. With residual :math:`r = o_k - y`, the derivative by expert
    score c is :math:`h_k\,o_{kc}(r_c - \sum_{c'} r_{c'}\,o_{kc'})`.
    """

    def value_and_gradient(
        self, fwd: Forward, y: NDArray, layout: Layout
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Loss of each row, and its derivatives by gate scores and by expert scores."""
        residual = _residual(fwd, y, layout)
        log_joint = fwd.log_gate - 0.5 * (residual * residual).sum(axis=2)
        log_sum, responsibility = _responsibilities(log_joint)
        proba = fwd.expert_proba[:, :, layout.n_classes - layout.n_outputs :]
        inner = (residual * proba).sum(axis=2, keepdims=True)
        d_expert = responsibility[:, :, None] * proba * (residual - inner)
        return -log_sum, fwd.gate_proba - responsibility, d_expert


LOSSES: dict[str, type[Loss]] = {"log_loss": LogLoss, "jacobs": JacobsLoss}

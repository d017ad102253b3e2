r"""The mixture's output, and how dL/d scores reaches the parameters.

.. math:: f(x) = \sum_k g_k(x)\, o_k(x), \qquad g = \mathrm{softmax}(V x + b),
          \qquad o_k = \mathrm{softmax}(W_k x + c_k)

With two classes an expert's first score is fixed at 0, so a single row per expert is
enough and ``o_k1`` is the logistic function of it.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from skfeamoe._logistic import FARTHEST
from skfeamoe._mixture.experts import Cache, kind_of
from skfeamoe._mixture.layout import Layout

SAFE_SCORE = 300.0
"""Exponentials of scores within this, and sums and products of two, do not overflow."""


class Forward(NamedTuple):
    """What one forward pass knows about a batch."""

    log_gate: NDArray  # (n_samples, n_experts)
    gate_proba: NDArray  # (n_samples, n_experts)
    log_expert_proba: NDArray  # (n_samples, n_experts, n_classes)
    expert_proba: NDArray  # (n_samples, n_experts, n_classes)
    cache: Cache = None  # what the experts need for the way back


class Local(Protocol):
    """A further function of Z, which differs between parts of the rows."""

    def values(self, Z) -> NDArray:
        """Its values, (n_samples,)."""

    def slopes(self, Z) -> NDArray:
        """Its derivatives, (n_samples, n_features)."""


class Shift(NamedTuple):
    """A function of Z that is added to every expert's score of one class."""

    offset: NDArray  # (n_features + 1,), coefficients and constant of its linear part
    favorable: int  # code of the class
    local: Local | None = None


def add_shift(scores: NDArray, h: NDArray, layout: Layout, favorable: int) -> None:
    """Add h, (n_samples,), to the scores of one class of all experts, in place.

    With two classes an expert has the score of the second one only.
    """
    k = layout.n_experts
    if layout.n_outputs == 1:
        scores[:, k:] += (h if favorable == 1 else -h)[:, None]
    else:
        scores[:, k + favorable :: layout.n_outputs] += h[:, None]


def shift_values(Z, shift: Shift) -> NDArray:
    """h of every row of Z, (n_samples,)."""
    h = Z @ shift.offset[:-1] + shift.offset[-1]
    return h if shift.local is None else h + shift.local.values(Z)


def shift_slopes(Z, shift: Shift) -> NDArray:
    """Derivatives of h by the columns of Z, (n_samples or 1, n_features)."""
    linear = shift.offset[None, :-1]
    return linear if shift.local is None else linear + shift.local.slopes(Z)


def score(
    Z, params: NDArray, layout: Layout, prior: NDArray | None = None, shift: Shift | None = None
) -> tuple[NDArray, Cache]:
    """Scores of gate and experts, (n_samples, n_scores); Z dense or CSR.

    ``prior``, (n_experts,), is added to the scores of the gate.
    """
    scores, cache = kind_of(layout).scores(Z, params, layout)
    if prior is not None:
        scores[:, : len(prior)] += prior
    if shift is not None:
        add_shift(scores, shift_values(Z, shift), layout, shift.favorable)
    return scores, cache


def forward(
    Z,
    params: NDArray,
    layout: Layout,
    prior: NDArray | None = None,
    shift: Shift | None = None,
) -> Forward:
    """Gate and expert probabilities of every row of Z."""
    scores, cache = score(Z, params, layout, prior, shift)
    return from_scores(scores, layout, cache)


def from_scores(scores: NDArray, layout: Layout, cache: Cache = None) -> Forward:
    """Gate and expert probabilities from the scores of a batch.

    The classes of the expert arrays are contiguous planes in memory, which the products of
    the backward pass read one at a time.
    """
    n, k = len(scores), layout.n_experts
    if k == 1:
        log_gate, gate_proba = np.zeros((n, 1)), np.ones((n, 1))
    else:
        log_gate, gate_proba = _log_softmax_and_softmax(scores[:, :k])
    logit = scores[:, k:]
    if layout.n_classes == 2:
        planes = np.empty((2, 2, n, k))
        log_expit(logit, out=planes[0, 1])
        np.subtract(planes[0, 1], logit, out=planes[0, 0])
        expit(logit, out=planes[1, 1])
        np.exp(planes[0, 0], out=planes[1, 0])
        log_proba, proba = planes
        return Forward(
            log_gate,
            gate_proba,
            log_proba.transpose(1, 2, 0),
            proba.transpose(1, 2, 0),
            cache,
        )
    log_proba, proba = _log_softmax_and_softmax(logit.reshape(n, k, layout.n_outputs))
    return Forward(log_gate, gate_proba, log_proba, proba, cache)


def _log_softmax_and_softmax(scores: NDArray) -> tuple[NDArray, NDArray]:
    """Logarithm of the softmax over the last axis and the softmax, without overflow."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    softmax = np.exp(shifted)
    total = softmax.sum(axis=-1, keepdims=True)
    softmax /= total
    shifted -= np.log(total)
    return shifted, softmax


def mixture_proba(fwd: Forward) -> NDArray:
    """f(x) = sum_k g_k(x) o_k(x), shape (n_samples, n_classes)."""
    planes = [
        np.einsum("nk,nk->n", fwd.gate_proba, fwd.expert_proba[:, :, c])
        for c in range(fwd.expert_proba.shape[2])
    ]
    return np.stack(planes, axis=1)


def proba(
    Z,
    params: NDArray,
    layout: Layout,
    prior: NDArray | None = None,
    shift: Shift | None = None,
) -> NDArray:
    """f(x) alone, (n_samples, n_classes), at half the cost of a full forward pass."""
    if layout.n_classes == 2:
        scores, _ = score(Z, params, layout, prior, shift)
        gate, odds = scores[:, : layout.n_experts], scores[:, layout.n_experts :]
        if max(scores.max(initial=0.0), -scores.min(initial=0.0)) > SAFE_SCORE:
            gate -= gate.max(axis=1, keepdims=True)
            np.clip(odds, -FARTHEST, FARTHEST, out=odds)
        np.exp(scores, out=scores)
        second = np.einsum("nk,nk->n", gate, odds / (1.0 + odds))
        second /= gate @ np.ones(layout.n_experts)
        np.minimum(second, 1.0, out=second)  # a mean of ones may round to more
        return np.stack([1.0 - second, second], axis=1)
    fwd = forward(Z, params, layout, prior, shift)
    return mixture_proba(fwd)


def gate_and_log_odds(
    Z,
    params: NDArray,
    layout: Layout,
    prior: NDArray | None = None,
    shift: Shift | None = None,
) -> tuple[NDArray, NDArray]:
    """Of two classes, weights of the gate and every expert's log-odds of the second.

    The gate's probabilities are the weights divided by their sum. Largest scores are taken out
    only where their exponentials could overflow, as row by row it takes long to find them.
    """
    scores, _ = score(Z, params, layout, prior, shift)
    gate, log_odds = scores[:, : layout.n_experts], scores[:, layout.n_experts :]
    if max(gate.max(initial=0.0), -gate.min(initial=0.0)) > SAFE_SCORE:
        gate = gate - gate.max(axis=1, keepdims=True)
    return np.exp(gate), log_odds


def mixture_log_proba(fwd: Forward) -> NDArray:
    """log f(x), accurate where f underflows, shape (n_samples, n_classes)."""
    joint = fwd.log_gate[:, :, None] + fwd.log_expert_proba
    top = joint.max(axis=1)
    return top + np.log(np.exp(joint - top[:, None, :]).sum(axis=1))


def score_gradient(d_gate: NDArray, d_expert: NDArray) -> NDArray:
    """dL/d scores, (n_samples, n_scores), from the parts of gate and experts."""
    return np.concatenate([d_gate, d_expert.reshape(len(d_gate), -1)], axis=1)


def parameter_gradient(
    Z, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
) -> NDArray:
    """Gradient of the parameters from dL/d scores."""
    return kind_of(layout).gradient(Z, params, layout, d_scores, cache)


def input_gradient(params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache) -> NDArray:
    """Derivative by every row's features, (n_samples, n_features)."""
    return kind_of(layout).input_gradient(params, layout, d_scores, cache)


def favorable_gradient(
    fwd: Forward, favorable: int, layout: Layout
) -> tuple[NDArray, NDArray, NDArray]:
    r"""q and its gradient: ``q``, :math:`dq/d` gate score, :math:`dq/d` expert score.

    .. math:: \frac{dq}{d\,\text{gate}_k} = g_k (q_k - q), \qquad
              \frac{dq}{d\,\text{expert}_{kc}} = g_k q_k (1[c = \text{favorable}] - o_{kc})

    Returns arrays of shape (n_samples,), (n_samples, n_experts) and
    (n_samples, n_experts, n_outputs).
    """
    q_k = fwd.expert_proba[:, :, favorable]
    weighted = fwd.gate_proba * q_k
    q = weighted.sum(axis=1)
    d_gate = weighted - fwd.gate_proba * q[:, None]
    first = layout.n_classes - layout.n_outputs
    d_expert = fwd.expert_proba[:, :, first:] * -weighted[:, :, None]
    if favorable >= first:
        d_expert[:, :, favorable - first] += weighted
    return q, d_gate, d_expert


def by_shift(d_expert: NDArray, favorable: int) -> NDArray:
    """Derivative by the shift of one class, (n_samples,), from those by expert scores."""
    if d_expert.shape[2] == 1:
        total = d_expert[:, :, 0].sum(axis=1)
        return total if favorable == 1 else -total
    return d_expert[:, :, favorable].sum(axis=1)

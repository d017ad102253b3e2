r"""Margins: by how much a common score has to move for a decision to turn.

A person is granted when a common shift h of the favorable scores exceeds what is missing, so
that decisions under any offset are known from one number per row.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from skfeamoe._logistic import sigmoid

FLIP_STEPS, FLIP_DONE = 8, 1e-4
"""Most Newton steps to a flip margin, and the last step that is small enough: the next one
would be its square. From the mean score two or three do on fitted mixtures."""

FARTHEST, BISECTIONS = 40.0, 48
"""Flip margins of several classes are looked for within this, down to 1e-12 of it."""


def flip_margin(gate: NDArray, score: NDArray) -> NDArray:
    r"""How far the common score would have to fall for a grant to be refused, (n_samples,).

    The root h of :math:`\sum_k g_k \sigma(s_k + h) = 1/2` with opposite sign, by Newton steps
    from the mean score; the left side is monotone in h, so there is just one.

    Parameters
    ----------
    gate, score : ndarray of shape (n_samples, n_experts)
        Gate probabilities, and the log-odds of the favorable class by every expert.
    """
    h = -np.einsum("nk,nk->n", gate, score)
    if score.shape[1] == 1:
        return -h
    ones = np.ones(score.shape[1])
    for _ in range(FLIP_STEPS):
        q = sigmoid(score + h[:, None])
        part = gate * q
        total = part @ ones
        slope = total - np.einsum("nk,nk->n", part, q)
        step = np.clip((total - 0.5) / np.maximum(slope, 1e-9), -2.0, 2.0)
        h -= step
        if np.abs(step).max(initial=0.0) < FLIP_DONE:
            break
    return -h


def flip_margin_of(gate: NDArray, log_proba: NDArray, favorable: int) -> NDArray:
    r"""The flip margin for any number of classes, (n_samples,).

    A common shift h of the favorable scores multiplies every expert's odds of the favorable
    class by :math:`e^h` and leaves the others' proportions. With more than two classes the
    decision is the most probable one, and the root is found by bisection.

    Parameters
    ----------
    gate : ndarray of shape (n_samples, n_experts)
        Gate probabilities.
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        Log-probabilities of every expert.
    favorable : int
        Code of the favorable class.
    """
    own = log_proba[:, :, favorable]
    others = np.delete(log_proba, favorable, axis=2)
    if others.shape[2] == 1:
        return flip_margin(gate, own - others[:, :, 0])
    rest = logsumexp(others, axis=2)
    part = np.exp(others - rest[:, :, None])
    low, high = np.full(len(gate), -FARTHEST), np.full(len(gate), FARTHEST)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        q = sigmoid(own - rest + middle[:, None])
        grant = np.einsum("nk,nk->n", gate, q)
        best = np.einsum("nk,nkc->nc", gate * (1.0 - q), part).max(axis=1)
        low, high = np.where(grant > best, low, middle), np.where(grant > best, middle, high)
    return -0.5 * (low + high)

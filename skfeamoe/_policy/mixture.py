r"""The mixture f(x) = sum_k g_k(x) p_k(x) of experts and gate, its gradient and attributions.

The gate sees the experts' probabilities, so the gradient of the log-odds of the favorable
class by x has three ways: through the experts, through the gate's features, and through what
the gate reads of the experts.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, logsumexp

from skfeamoe._mixture import mlp
from skfeamoe._policy import gate as gating
from skfeamoe._policy.attribution import attribute, path_integral
from skfeamoe._policy.experts import expert_log_proba, expert_margin

SMALLEST_ODDS = 1e-12
"""Probabilities stop this far from 0 and 1 where their log-odds are differentiated."""


class Mixture(NamedTuple):
    """Fitted experts and gate."""

    experts: list[mlp.Layer]
    gate: list[mlp.Layer]
    activation: str
    temperature: float
    favorable: int


class Outputs(NamedTuple):
    """What the mixture says of rows."""

    log_proba: NDArray  # (n_samples, n_classes)
    gate: NDArray  # (n_samples, n_experts)
    expert_proba: NDArray  # (n_experts, n_samples, n_classes)


def outputs(mixture: Mixture, Z: NDArray) -> Outputs:
    """Probabilities of mixture, gate and experts."""
    expert_log = expert_log_proba(mixture.experts, Z, mixture.activation)
    expert_proba = np.exp(expert_log)
    state = gating.state_of(Z, expert_proba)
    log_gate = gating.gate_log_proba(mixture.gate, state, mixture.temperature)
    log_proba = logsumexp(log_gate.T[:, :, None] + expert_log, axis=0)
    return Outputs(log_proba, np.exp(log_gate), expert_proba)


def proba_of(mixture: Mixture, Z: NDArray) -> NDArray:
    """f(x), (n_samples, n_classes)."""
    return np.exp(outputs(mixture, Z).log_proba)


def expert_attributions(mixture: Mixture, k: int, Z: NDArray, x0: NDArray) -> NDArray:
    """Attributions of expert k's margin of the favorable class; exact."""
    first, v = expert_margin(mixture.experts, k, mixture.favorable)
    return attribute(first, v, Z, x0, mlp.ACTIVATIONS[mixture.activation]).r


def mixture_attributions(mixture: Mixture, Z: NDArray, x0: NDArray, n_steps: int) -> NDArray:
    """Integrated gradients of the mixture's log-odds of the favorable class."""
    return path_integral(lambda rows: log_odds_gradient(mixture, rows)[1], Z, x0, n_steps)


def log_odds_gradient(mixture: Mixture, Z: NDArray) -> tuple[NDArray, NDArray]:
    """Log-odds of the favorable class, and their gradient by x, (n_samples, n_features)."""
    activation = mlp.ACTIVATIONS[mixture.activation]
    done = mlp.forward(mixture.experts, Z, activation)
    proba = np.exp(mlp.log_softmax(done.output))
    gate_done = mlp.forward(mixture.gate, gating.state_of(Z, proba), gating.GATE_ACTIVATION)
    gate = np.exp(gating.log_gate_of(gate_done, mixture.temperature))
    q = proba[:, :, mixture.favorable].T
    f = np.sum(gate * q, axis=1)
    f = np.clip(f, SMALLEST_ODDS, 1.0 - SMALLEST_ODDS)
    by_f = 1.0 / (f * (1.0 - f))
    by_scores = gating.through_gate(by_f[:, None] * q, gate, mixture.temperature)
    by_state = mlp.back_to_input(
        mixture.gate, gate_done, by_scores[None], gating.GATE_ACTIVATION
    )[0]
    by_proba = _proba_slope_of_state(proba, by_state[:, Z.shape[1] :])
    by_proba[:, :, mixture.favorable] += (by_f[:, None] * gate).T
    by_logits = proba * (by_proba - np.sum(by_proba * proba, axis=2, keepdims=True))
    through_experts = mlp.back_to_input(mixture.experts, done, by_logits, activation)
    return logit(f), by_state[:, : Z.shape[1]] + through_experts.sum(axis=0)


def _proba_slope_of_state(proba: NDArray, by_read: NDArray) -> NDArray:
    """Slope by the experts' probabilities from the slope by what the gate reads of them."""
    n_experts, n_samples, n_classes = proba.shape
    n_flat = n_experts * (n_classes - 1)
    slope = np.zeros_like(proba)
    flat = by_read[:, :n_flat].reshape(n_samples, n_experts, n_classes - 1)
    slope[:, :, 1:] = flat.transpose(1, 0, 2)
    surest = proba.argmax(axis=2)
    rows = np.arange(n_samples)
    pairs = list(combinations(range(n_experts), 2))
    by_pair = by_read[:, -1] / (len(pairs) * n_classes)
    for k in range(n_experts):
        slope[k, rows, surest[k]] += by_read[:, n_flat + k]
    for a, b in pairs:
        pull = by_pair[:, None] * np.sign(proba[a] - proba[b])
        slope[a] += pull
        slope[b] -= pull
    return slope

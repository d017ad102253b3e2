r"""The gate: what it sees, how it routes, and the slopes of its losses by its scores.

The state of a row is its features, the experts' probabilities (all classes but the first),
their confidences (largest probability) and their disagreement, the mean absolute difference
of the experts' probabilities over pairs. A softmax with temperature :math:`\tau` of the
scores z of a small MLP gives :math:`g_k(x)`.

Every loss of the gate is given by its slope by z, (n_samples, n_experts), per row:

- of anything differentiable with :math:`u_k = dL/dg_k`:
  :math:`g_k (u_k - \sum_j g_j u_j)/\tau`;
- of REINFORCE: :math:`-A\,(e_a - g)/\tau` for a sampled expert a with advantage A;
- of the entropy H: :math:`-g_k(\log g_k + H)/\tau`;
- of the load balance :math:`KL(q \| 1/K)` with q a moving average of the mean of g:
  the first form with :math:`u_k = (1 - \text{momentum}) \log(K q_k)/n`.

References
----------
Williams (1992), "Simple statistical gradient-following algorithms for connectionist
reinforcement learning", Machine Learning 8. Kool, van Hoof and Welling (2019), "Buy 4
REINFORCE samples, get a baseline for free!" (the leave-one-out baseline).
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture import mlp

GATE_ACTIVATION = mlp.ACTIVATIONS["relu"]

USAGE_MOMENTUM = 0.9
"""Share that the moving average of the experts' usage keeps per step."""


def disagreement(expert_proba: NDArray) -> NDArray:
    """Mean absolute difference of the experts' probabilities over classes and pairs."""
    pairs = list(combinations(expert_proba, 2))
    return sum(np.abs(a - b).mean(axis=1) for a, b in pairs) / len(pairs)


def state_of(Z: NDArray, expert_proba: NDArray) -> NDArray:
    """What the gate sees, (n_samples, n_features + n_experts * n_classes + 1)."""
    flat = expert_proba[:, :, 1:].transpose(1, 0, 2).reshape(len(Z), -1)
    confidence = expert_proba.max(axis=2).T
    return np.hstack([Z, flat, confidence, disagreement(expert_proba)[:, None]])


def state_size(n_features: int, n_experts: int, n_classes: int) -> int:
    """Number of columns of the state."""
    return n_features + n_experts * n_classes + 1


def gate_log_proba(layers: list[mlp.Layer], state: NDArray, temperature: float) -> NDArray:
    """log g_k, (n_samples, n_experts)."""
    return log_gate_of(mlp.forward(layers, state, GATE_ACTIVATION), temperature)


def log_gate_of(done: mlp.Pass, temperature: float) -> NDArray:
    """log g_k of a forward pass of the gate."""
    return mlp.log_softmax(done.output[0] / temperature)


def through_gate(by_gate: NDArray, gate: NDArray, temperature: float) -> NDArray:
    """Slope by the scores from the slope u by the routing probabilities."""
    inner = np.sum(by_gate * gate, axis=1, keepdims=True)
    return gate * (by_gate - inner) / temperature


def sample_routing(gate: NDArray, n_routings: int, rng: np.random.Generator) -> NDArray:
    """Sampled experts, (n_routings, n_samples)."""
    drawn = rng.random((n_routings, len(gate), 1))
    return np.minimum((drawn > np.cumsum(gate, axis=1)).sum(axis=2), gate.shape[1] - 1)


def leave_one_out(reward: NDArray) -> NDArray:
    """Advantage of every sample: its reward minus the mean of the other samples', axis 0."""
    n_routings = len(reward)
    return (reward - reward.mean(axis=0)) * n_routings / (n_routings - 1)


def policy_slope(
    routing: NDArray, advantage: NDArray, gate: NDArray, temperature: float
) -> NDArray:
    """Slope by the scores of minus the expected reward, a mean over routings; per row."""
    chosen = np.zeros_like(gate)
    for experts, gain in zip(routing, advantage, strict=True):
        chosen[np.arange(len(gate)), experts] += gain
    total = advantage.sum(axis=0)[:, None]
    return -(chosen - total * gate) / (temperature * len(routing))


def entropy(log_gate: NDArray) -> NDArray:
    """Entropy of every row's routing."""
    return -np.sum(np.exp(log_gate) * log_gate, axis=1)


def entropy_slope(log_gate: NDArray, temperature: float) -> NDArray:
    """Slope of the entropy by the scores."""
    gate = np.exp(log_gate)
    return -gate * (log_gate + entropy(log_gate)[:, None]) / temperature


def balance(usage: NDArray) -> float:
    """KL divergence of the experts' usage from even use."""
    n_experts = len(usage)
    positive = usage[usage > 0]
    return float(np.sum(positive * np.log(n_experts * positive)))


def next_usage(usage: NDArray, gate: NDArray, share: NDArray) -> NDArray:
    """Moving average of the mean routing after one more batch."""
    return USAGE_MOMENTUM * usage + (1.0 - USAGE_MOMENTUM) * (share @ gate)


def balance_slope(usage: NDArray, gate: NDArray, share: NDArray, temperature: float) -> NDArray:
    """Slope of the balance by the scores, for ``usage`` that has this batch in it."""
    tiny = np.finfo(float).tiny
    by_usage = np.log(len(usage) * np.maximum(usage, tiny))
    by_gate = (1.0 - USAGE_MOMENTUM) * share[:, None] * by_usage
    return through_gate(by_gate, gate, temperature)

r"""What the gate learns from: the slope of its whole loss on a batch of held-out rows.

Both gates want right decisions, small gaps between groups and alike explanations. With the
experts frozen, let :math:`f = \sum_k g_k p_k`, :math:`\hat f_c = f_c^s / \sum_d f_d^s` its
soft decisions (a larger s is closer to the decisions that people get),
:math:`\bar A = \sum_k g_k A_k` the gated attention and :math:`\bar e = \sum_k g_k e_k` the
gated explanation quality. The objective is

.. math:: L = -\tfrac1n \sum_i \hat f_{y_i}(x_i) + \lambda_f \tfrac12 (DP + EO)(\hat f)
          + \lambda_p \tfrac13 (REF(\bar e) + VEF(\bar e) + JSD(\bar A)),

with a soft REF (`gaps.high_share_gap`).

- `differentiable_slope` descends L itself;
- `reinforce_slope` samples several routings of the batch, one expert per row, and measures L
  of each of them: its reward depends on what was sampled. L is a sum over rows up to its
  gaps, and these are linear around the sampled routing, so every row gets the reward that
  its own choice adds; the baseline of a sample is the mean over the *other* samples of the
  same row. Rows count by their experts' disagreement.

Both add the entropy bonus and the load balance of `gate`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture import mlp
from skfeamoe._policy import gate as gating
from skfeamoe._policy.gaps import (
    SMALLEST_PROBA,
    divergence,
    group_shares,
    high_share_gap,
    largest_gap,
    soft_decisions,
)

GATES = ("differentiable", "reinforce")

SHARPNESS = 4.0
"""The power s of soft decisions."""


class GateRows(NamedTuple):
    """Rows held out from the experts, with what frozen experts say of them."""

    state: NDArray  # (n_samples, n_state)
    proba: NDArray  # (n_samples, n_experts, n_classes)
    attention: NDArray  # (n_samples, n_experts, n_features)
    quality: NDArray  # (n_samples, n_experts), explanation quality
    y: NDArray
    groups: NDArray
    weight: NDArray

    def take(self, index) -> "GateRows":
        """The rows of an index."""
        return GateRows(*(part[index] for part in self))


class GateWeights(NamedTuple):
    """What the gate is asked for."""

    result: float
    procedure: float
    entropy: float
    balance: float
    temperature: float
    n_routings: int


def through_decisions(
    by_decisions: NDArray, decisions: NDArray, f: NDArray, sharpness: float
) -> NDArray:
    """Slope by f from the slope by its soft decisions."""
    inner = np.sum(by_decisions * decisions, axis=1, keepdims=True)
    return sharpness * decisions * (by_decisions - inner) / np.maximum(f, SMALLEST_PROBA)


class Outcome(NamedTuple):
    """The objective of one routing, and its slopes by what each row's expert contributes."""

    value: float
    by_proba: NDArray  # (n_samples, n_classes), without the likelihood
    by_attention: NDArray  # (n_samples, n_features)
    by_quality: NDArray  # (n_samples,)


def fairness_outcome(
    f: NDArray,
    attention: NDArray,
    quality: NDArray,
    rows: GateRows,
    weights: GateWeights,
    favorable: int,
) -> Outcome:
    """The gap terms of the objective for a mixture's outputs, with their slopes."""
    n_groups = int(rows.groups.max(initial=-1)) + 1
    shares = group_shares(rows.groups, rows.weight, n_groups)
    good = group_shares(rows.groups, rows.weight, n_groups, rows.y == favorable)
    parity, by_parity = largest_gap(shares, f[:, favorable])
    chance, by_chance = largest_gap(good, f[:, favorable])
    by_proba = np.zeros_like(f)
    by_proba[:, favorable] = weights.result * 0.5 * (by_parity + by_chance)
    value = weights.result * 0.5 * (parity + chance)
    if not weights.procedure:
        return Outcome(value, by_proba, np.zeros_like(attention), np.zeros_like(quality))
    ref, by_ref = high_share_gap(shares, quality)
    vef, by_vef = largest_gap(shares, quality)
    jsd, by_attention = divergence(shares, attention)
    third = weights.procedure / 3.0
    value += third * (ref + vef + jsd)
    return Outcome(value, by_proba, third * by_attention, third * (by_ref + by_vef))


def differentiable_slope(
    gate: NDArray, rows: GateRows, weights: GateWeights, favorable: int
) -> tuple[float, NDArray]:
    """The objective of the mixture and its slope by the gate's scores."""
    share = rows.weight / rows.weight.sum()
    f = np.einsum("nk,nkc->nc", gate, rows.proba)
    attention = np.einsum("nk,nkd->nd", gate, rows.attention)
    quality = np.sum(gate * rows.quality, axis=1)
    soft = soft_decisions(f, SHARPNESS)
    done = fairness_outcome(soft, attention, quality, rows, weights, favorable)
    own = np.arange(len(f)), rows.y
    by_soft = done.by_proba.copy()
    by_soft[own] -= share
    by_proba = through_decisions(by_soft, soft, f, SHARPNESS)
    by_gate = np.einsum("nc,nkc->nk", by_proba, rows.proba)
    by_gate += np.einsum("nd,nkd->nk", done.by_attention, rows.attention)
    by_gate += done.by_quality[:, None] * rows.quality
    value = float(-share @ soft[own]) + done.value
    return value, gating.through_gate(by_gate, gate, weights.temperature)


def routing_reward(
    routing: NDArray, rows: GateRows, weights: GateWeights, favorable: int
) -> tuple[float, NDArray]:
    """Minus the objective of one sampled routing, and every row's part in it."""
    share = rows.weight / rows.weight.sum()
    picked = np.arange(len(routing)), routing
    f, attention, quality = rows.proba[picked], rows.attention[picked], rows.quality[picked]
    soft = soft_decisions(f, SHARPNESS)
    done = fairness_outcome(soft, attention, quality, rows, weights, favorable)
    own = np.arange(len(f)), rows.y
    part = share * soft[own] - np.sum(done.by_proba * soft, axis=1)
    part -= np.sum(done.by_attention * attention, axis=1) + done.by_quality * quality
    return float(share @ soft[own]) - done.value, part


def reinforce_slope(
    gate: NDArray,
    rows: GateRows,
    weights: GateWeights,
    favorable: int,
    rng: np.random.Generator,
) -> tuple[float, NDArray]:
    """Minus the mean reward of sampled routings, and the policy gradient by the scores."""
    routing = gating.sample_routing(gate, weights.n_routings, rng)
    found = [routing_reward(chosen, rows, weights, favorable) for chosen in routing]
    reward = np.array([part for _, part in found])
    disagree = rows.state[:, -1]
    mean = np.average(disagree, weights=rows.weight)
    if mean > 0:
        reward = reward * (disagree / mean)
    advantage = gating.leave_one_out(reward)
    slope = gating.policy_slope(routing, advantage, gate, weights.temperature)
    return -float(np.mean([total for total, _ in found])), slope


def gate_gradient(
    layers: list[mlp.Layer],
    rows: GateRows,
    usage: NDArray,
    weights: GateWeights,
    favorable: int,
    rng: np.random.Generator | None,
) -> tuple[float, list[mlp.Layer], NDArray]:
    """Value of the objective, gradient of the gate's layers, and the usage so far.

    Policy gradient with ``rng``, direct descent without.
    """
    done = mlp.forward(layers, rows.state, gating.GATE_ACTIVATION)
    log_gate = gating.log_gate_of(done, weights.temperature)
    gate = np.exp(log_gate)
    share = rows.weight / rows.weight.sum()
    if rng is None:
        value, slope = differentiable_slope(gate, rows, weights, favorable)
    else:
        value, slope = reinforce_slope(gate, rows, weights, favorable, rng)
    slope = slope - weights.entropy * share[:, None] * gating.entropy_slope(
        log_gate, weights.temperature
    )
    usage = gating.next_usage(usage, gate, share)
    slope += weights.balance * gating.balance_slope(usage, gate, share, weights.temperature)
    found, _ = mlp.backward(layers, done, slope[None], gating.GATE_ACTIVATION)
    return value, found, usage

r"""The objective of the three experts and its gradient, one pass for all of them.

Every expert is an MLP with one hidden layer; its cross-entropy is taken of the scores. To it

- Expert 2 (result fairness) adds the distance of the groups' mean hidden activations and
  half the soft demographic parity plus soft equal opportunity difference;
- Expert 3 (procedural fairness) adds the divergence of the groups' attention (of the
  attributions in closed form, so that it has a gradient) and two adversaries, on the hidden
  activations and on the probabilities, that tell the groups apart. An adversary descends its
  own cross-entropy; the expert descends the adversary's distance from an even guess,
  :math:`-\sum_i w_i \frac1G \sum_a \log p_a`. (With a plain reversal of the gradient the
  expert goes on past chance, to where the adversary is wrong but another one right.) Groups
  weigh alike, however small, and hidden activations are standardized in the batch, since a
  smaller scale hides nothing.

So the experts descend

.. math:: L = \sum_k CE_k + \lambda_r D_2 + \lambda_f \tfrac12 (DP_2 + EO_2)
          + \lambda_a JSD_3 + \lambda_v (EVEN_h + 0.05\,EVEN_p)
          + \tfrac12 \alpha |W|^2,

and the adversaries :math:`\tfrac12 (ADV_h + ADV_p)`. An even output is Expert 2's task, and
dear in utility; hence its small part.

References
----------
Ganin et al. (2016), "Domain-adversarial training of neural networks", JMLR 17 (gradient
reversal). Tzeng et al. (2015), "Simultaneous deep transfer across domains and tasks", ICCV
(the even guess as the aim).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture import mlp
from skfeamoe._policy.attribution import attribute, attribution_gradient
from skfeamoe._policy.gaps import (
    attention_divergence,
    group_shares,
    largest_gap,
    representation_distance,
)
from skfeamoe._rows import Rows

UTILITY, RESULT, PROCEDURE = range(3)
"""Numbers of the three experts."""

N_EXPERTS = 3

ADVERSARY_HIDDEN = 8
"""Hidden units of the adversary on the probabilities."""

OUTPUT_PART = 0.05
"""Weight of the adversary on the probabilities, in units of that on the hidden layer."""

SMALLEST_VARIANCE = 1e-6
"""Added to the variance of the hidden activations that an adversary looks at."""


class Shape(NamedTuple):
    """Sizes of the experts and their adversaries."""

    n_features: int
    n_hidden: int
    n_classes: int
    n_groups: int
    activation: str

    @property
    def expert(self) -> tuple[int, ...]:
        """Widths of an expert."""
        return self.n_features, self.n_hidden, self.n_classes

    @property
    def adversaries(self) -> tuple[tuple[int, ...], ...]:
        """Widths of the adversaries: on the hidden layer, on the probabilities."""
        if self.n_groups < 2:
            return ()
        return (
            (self.n_hidden, max(4, self.n_hidden // 2), self.n_groups),
            (self.n_classes, ADVERSARY_HIDDEN, self.n_groups),
        )


class Weights(NamedTuple):
    """Weight of every term; 0 switches it off."""

    representation: float
    result: float
    attention: float
    adversary: float
    alpha: float


class Networks(NamedTuple):
    """Experts and adversaries as views of one vector."""

    experts: list[mlp.Layer]
    adversaries: list[list[mlp.Layer]]


def networks(vector: NDArray, shape: Shape) -> Networks:
    """The networks whose parameters, or gradients, stand in the vector."""
    start = mlp.n_parameters(shape.expert, N_EXPERTS)
    experts = mlp.view_layers(vector, shape.expert, N_EXPERTS)
    adversaries = []
    for sizes in shape.adversaries:
        adversaries.append(mlp.view_layers(vector[start:], sizes, 1))
        start += mlp.n_parameters(sizes, 1)
    return Networks(experts, adversaries)


def init_networks(shape: Shape, rng: np.random.Generator) -> NDArray:
    """A vector of starting values."""
    parts = [mlp.init_layers(shape.expert, N_EXPERTS, rng)]
    parts += [mlp.init_layers(sizes, 1, rng) for sizes in shape.adversaries]
    return np.concatenate([mlp.flatten(part) for part in parts])


def contrast(n_classes: int, favorable: int) -> NDArray:
    """Weights that make the favorable class's margin of scores: its own minus the others'."""
    weights = np.full(n_classes, -1.0 / (n_classes - 1))
    weights[favorable] = 1.0
    return weights


def expert_log_proba(experts: list[mlp.Layer], Z: NDArray, activation: str) -> NDArray:
    """log p_k(x), (n_experts, n_samples, n_classes)."""
    done = mlp.forward(experts, Z, mlp.ACTIVATIONS[activation])
    return mlp.log_softmax(done.output)


def expert_margin(
    experts: list[mlp.Layer], k: int, favorable: int
) -> tuple[mlp.Layer, NDArray]:
    """First layer of expert k, and v of the margin of the favorable class."""
    first, second = experts
    weights = contrast(second.weight.shape[1], favorable)
    return mlp.Layer(first.weight[k], first.bias[k]), weights @ second.weight[k]


def objective(
    vector: NDArray,
    shape: Shape,
    rows: Rows,
    weights: Weights,
    favorable: int,
    masks: list[NDArray],
    x0: NDArray,
) -> tuple[dict[str, float], NDArray]:
    """Value of every term (without its weight), and the gradient of the whole objective."""
    nets = networks(vector, shape)
    gradient = np.zeros_like(vector)
    grads = networks(gradient, shape)
    activation = mlp.ACTIVATIONS[shape.activation]
    done = mlp.forward(nets.experts, rows.X, activation, masks)
    log_proba = mlp.log_softmax(done.output)
    proba = np.exp(log_proba)
    share = rows.weight / rows.weight.sum()
    n_samples = len(rows.y)
    own = (slice(None), np.arange(n_samples), rows.y)
    terms = {"cross_entropy": float(-np.sum(log_proba[own] @ share))}
    d_scores = proba.copy()
    d_scores[own] -= 1.0
    d_scores *= share[:, None]
    shares = group_shares(rows.groups, rows.weight, shape.n_groups)
    if len(shares) >= 2:
        hidden = activation.value(done.scores[0])
        d_hidden = np.zeros_like(hidden)
        good = group_shares(rows.groups, rows.weight, shape.n_groups, rows.y == favorable)
        _add_representation(terms, d_hidden, hidden, shares, weights)
        _add_result(terms, d_scores, proba, shares, good, weights, favorable)
        _add_adversaries(
            terms, d_scores, d_hidden, hidden, proba, rows, shares, nets, grads, weights
        )
        _add_attention(
            terms,
            grads.experts,
            nets.experts,
            rows.X,
            x0,
            shares,
            weights,
            favorable,
            activation,
        )
        found, _ = mlp.backward(nets.experts, done, d_scores, activation, {0: d_hidden})
    else:
        found, _ = mlp.backward(nets.experts, done, d_scores, activation)
    for total, part, layer in zip(grads.experts, found, nets.experts, strict=True):
        total.weight[...] += part.weight + weights.alpha * layer.weight
        total.bias[...] += part.bias
    return terms, gradient


def _through_softmax(d_proba: NDArray, proba: NDArray) -> NDArray:
    """Slope by the scores from the slope by the probabilities."""
    return proba * (d_proba - np.sum(d_proba * proba, axis=-1, keepdims=True))


def _add_representation(terms, d_hidden, hidden, shares, weights):
    """Term of Expert 2 that aligns the groups' representations."""
    if not weights.representation:
        return
    terms["representation"], slope = representation_distance(shares, hidden[RESULT])
    d_hidden[RESULT] += weights.representation * slope


def _add_result(terms, d_scores, proba, shares, good, weights, favorable):
    """Terms of Expert 2 that close the gaps of its results."""
    if not weights.result:
        return
    q = proba[RESULT, :, favorable]
    terms["demographic_parity"], by_parity = largest_gap(shares, q)
    terms["equal_opportunity"], by_chance = largest_gap(good, q)
    d_proba = np.zeros_like(proba[RESULT])
    d_proba[:, favorable] = weights.result * 0.5 * (by_parity + by_chance)
    d_scores[RESULT] += _through_softmax(d_proba, proba[RESULT])


def _add_attention(terms, grads, experts, Z, x0, shares, weights, favorable, activation):
    """Term of Expert 3 that makes the groups' attention alike."""
    if not weights.attention:
        return
    first, v = expert_margin(experts, PROCEDURE, favorable)
    done = attribute(first, v, Z, x0, activation)
    terms["attention"], d_r = attention_divergence(shares, done.r)
    d_first, d_v = attribution_gradient(done, weights.attention * d_r, first, v, Z, x0)
    grads[0].weight[PROCEDURE] += d_first.weight
    grads[0].bias[PROCEDURE] += d_first.bias
    n_classes = experts[1].weight.shape[1]
    grads[1].weight[PROCEDURE] += np.outer(contrast(n_classes, favorable), d_v)


def _standardized(hidden: NDArray, share: NDArray) -> tuple[NDArray, NDArray]:
    """Columns with mean 0 and variance 1, and their spread."""
    centered = hidden - share @ hidden
    spread = np.sqrt(share @ centered**2 + SMALLEST_VARIANCE)
    return centered / spread, spread


def _through_standardized(
    by_scaled: NDArray, scaled: NDArray, spread: NDArray, share: NDArray
) -> NDArray:
    """Slope by the columns from the slope by the standardized columns."""
    inner = scaled * np.sum(by_scaled * scaled, axis=0)
    return (by_scaled - share[:, None] * (by_scaled.sum(axis=0) + inner)) / spread


def _add_adversaries(
    terms, d_scores, d_hidden, hidden, proba, rows, shares, nets, grads, weights
):
    """Adversaries of Expert 3, and what they do to it."""
    if not weights.adversary:
        return
    share = shares.mean(axis=0)
    codes = np.maximum(rows.groups, 0)
    scaled, spread = _standardized(hidden[PROCEDURE], share)
    lookers = (scaled, proba[PROCEDURE])
    slopes = []
    for name, seen, layers, grad in zip(
        ("hidden", "output"), lookers, nets.adversaries, grads.adversaries, strict=True
    ):
        loss, uneven, slope = _adversary(layers, grad, seen, codes, share)
        terms[f"adversary_{name}"], terms[f"uneven_{name}"] = loss, uneven
        slopes.append(weights.adversary * slope)
    d_hidden[PROCEDURE] += _through_standardized(slopes[0], scaled, spread, share)
    d_scores[PROCEDURE] += _through_softmax(OUTPUT_PART * slopes[1], proba[PROCEDURE])


def _adversary(layers, grad, seen, codes, share) -> tuple[float, float, NDArray]:
    """Cross-entropy of an adversary, filling its gradient; that from the even guess, with
    its slope by what the adversary sees.
    """
    rectify = mlp.ACTIVATIONS["relu"]
    done = mlp.forward(layers, seen, rectify)
    log_proba = mlp.log_softmax(done.output[0])
    own = (np.arange(len(codes)), codes)
    proba = np.exp(log_proba)
    d_output = share[:, None] * proba
    d_output[own] -= share
    found, _ = mlp.backward(layers, done, d_output[None], rectify)
    for total, part in zip(grad, found, strict=True):
        total.weight[...] += 0.5 * part.weight
        total.bias[...] += 0.5 * part.bias
    loss, uneven = float(-share @ log_proba[own]), float(-share @ log_proba.mean(axis=1))
    d_output = share[:, None] * (proba - 1.0 / proba.shape[1])
    _, d_first = mlp.backward(layers, done, d_output[None], rectify)
    return loss, uneven, mlp.d_input(layers, d_first)[0]

r"""FaiR-N: a network whose refused rows are equally far from the boundary in both groups.

With :math:`f` the log-odds of the favorable class and :math:`d(x) = |f(x)| / \|\nabla f(x)\|`
the first-order distance to the boundary, the loss of a batch is

.. math:: \text{cross-entropy} + \lambda\,|\bar d_0 - \bar d_1|,

:math:`\bar d_a` the mean distance of the refused rows of group a, each cut off at
`FARTHEST`. The gradient goes through the norm as well, which for ReLU units is a chain of
matrix products.

References
----------
S. Sharma, A. H. Gee, D. Paydarfar and J. Ghosh (2020), "FaiR-N: Fair and robust neural
networks for structured data", arXiv:2010.06113. The robustness term is left out.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from benchmarks.measures import FARTHEST

TINY = 1e-12
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Weights(NamedTuple):
    """Two hidden layers of ReLU units and one logit."""

    w1: np.ndarray  # (n_features, n_units)
    b1: np.ndarray
    w2: np.ndarray  # (n_units, n_units)
    b2: np.ndarray
    w3: np.ndarray  # (n_units,)
    b3: np.ndarray  # ()


class Pass(NamedTuple):
    """What a forward pass leaves behind."""

    logit: np.ndarray  # (n_samples,)
    gradient: np.ndarray  # (n_samples, n_features), of the logit by the input
    on1: np.ndarray  # (n_samples, n_units), the units that are active
    on2: np.ndarray
    hidden1: np.ndarray
    hidden2: np.ndarray
    back2: np.ndarray  # (n_samples, n_units), d logit / d input of layer 2
    back1: np.ndarray


def forward(weights: Weights, X) -> Pass:
    """Logits and their input gradients."""
    z1 = X @ weights.w1 + weights.b1
    hidden1 = np.maximum(z1, 0.0)
    z2 = hidden1 @ weights.w2 + weights.b2
    hidden2 = np.maximum(z2, 0.0)
    on1, on2 = z1 > 0, z2 > 0
    back2 = on2 * weights.w3
    back1 = on1 * (back2 @ weights.w2.T)
    logit = hidden2 @ weights.w3 + weights.b3
    return Pass(logit, back1 @ weights.w1.T, on1, on2, hidden1, hidden2, back2, back1)


def loss_and_gradient(weights: Weights, X, y, group, penalty: float):
    """Mean cross-entropy plus the burden gap, and the gradient by the weights.

    ``y`` and ``group`` hold 0 and 1, ``y`` 1 for the favorable label.
    """
    fwd = forward(weights, X)
    n = len(y)
    loss = float(np.mean(np.logaddexp(0.0, fwd.logit) - y * fwd.logit))
    d_logit = (expit(fwd.logit) - y) / n
    d_gradient = np.zeros_like(fwd.gradient)
    norm = np.sqrt((fwd.gradient**2).sum(axis=1)) + TINY
    distance = np.minimum(np.abs(fwd.logit) / norm, FARTHEST)
    near = distance < FARTHEST
    refused = [(fwd.logit < 0) & (group == a) for a in (0, 1)]
    if penalty and all(rows.any() for rows in refused):
        gap = distance[refused[0]].mean() - distance[refused[1]].mean()
        loss += penalty * abs(gap)
        share = refused[0] / refused[0].sum() - refused[1] / refused[1].sum()
        pull = penalty * np.sign(gap) * share * near
        d_logit = d_logit + pull * np.sign(fwd.logit) / norm
        d_gradient = -(pull * distance / norm**2)[:, None] * fwd.gradient
    return loss, _backward(weights, X, fwd, d_logit, d_gradient)


def _backward(weights: Weights, X, fwd: Pass, d_logit, d_gradient) -> Weights:
    """Gradient by the weights, from the slopes on logits and on input gradients."""
    d_hidden2 = fwd.on2 * (d_logit[:, None] * weights.w3)
    d_hidden1 = fwd.on1 * (d_hidden2 @ weights.w2.T)
    # the input gradient is (on1 * ((on2 * w3) w2^T)) w1^T
    d_back1 = fwd.on1 * (d_gradient @ weights.w1)
    d_back2 = fwd.on2 * (d_back1 @ weights.w2)
    return Weights(
        X.T @ d_hidden1 + d_gradient.T @ fwd.back1,
        d_hidden1.sum(axis=0),
        fwd.hidden1.T @ d_hidden2 + d_back1.T @ fwd.back2,
        d_hidden2.sum(axis=0),
        fwd.hidden2.T @ d_logit + d_back2.sum(axis=0),
        d_logit.sum(),
    )


def initial(n_features: int, n_units: int, rng) -> Weights:
    """He's scaling for ReLU units."""
    sizes = [(n_features, n_units), (n_units, n_units), (n_units,)]
    w1, w2, w3 = (rng.normal(size=size) * np.sqrt(2.0 / size[0]) for size in sizes)
    return Weights(w1, np.zeros(n_units), w2, np.zeros(n_units), w3, np.zeros(()))


def train(X, y, group, *, penalty, epochs, batch, n_units=30, rate=1e-3, seed=0) -> Weights:
    """Weights after Adam (Kingma and Ba, 2015) on shuffled batches."""
    rng = np.random.default_rng(seed)
    weights = initial(X.shape[1], n_units, rng)
    mean = [np.zeros_like(part) for part in weights]
    square = [np.zeros_like(part) for part in weights]
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y), batch):
            rows = order[start : start + batch]
            _, gradient = loss_and_gradient(weights, X[rows], y[rows], group[rows], penalty)
            step += 1
            parts = []
            for k, (part, slope) in enumerate(zip(weights, gradient, strict=True)):
                mean[k] = BETAS[0] * mean[k] + (1 - BETAS[0]) * slope
                square[k] = BETAS[1] * square[k] + (1 - BETAS[1]) * slope**2
                scale = np.sqrt(square[k] / (1 - BETAS[1] ** step)) + EPSILON
                parts.append(part - rate * mean[k] / (1 - BETAS[0] ** step) / scale)
            weights = Weights(*parts)
    return weights

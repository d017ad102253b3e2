r"""What every feature adds: attributions in closed form for experts, by quadrature for all.

For one hidden layer, :math:`h = W x + b`, and the margin :math:`v^\top \phi(h)`, the
integrated gradients along the straight path from the baseline :math:`x_0` are

.. math:: r_{ij} = (x_{ij} - x_{0j}) \sum_k W_{kj} v_k m_{ik}, \qquad
          m_{ik} = \frac{\phi(h_{ik}) - \phi(h_{0k})}{h_{ik} - h_{0k}},

with :math:`m = \phi'` at ties, and they sum to the change of the margin: exactly for any
activation, because h moves along a line. Here stand the value and its derivative by the
parameters, which training needs.

References
----------
Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks", ICML.
Shrikumar, Greenside and Kundaje (2017), "Learning important features through propagating
activation differences", ICML (the rescale rule).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.mlp import Activation, Layer

TIE = 1e-9
"""Below this distance of h and h0 the secant is taken as the slope."""


class Attribution(NamedTuple):
    """Attributions of one network and what their derivative needs."""

    r: NDArray  # (n_samples, n_features)
    moved: NDArray  # (n_samples, n_features), x - x0
    secant: NDArray  # (n_samples, n_hidden), m
    bend: NDArray  # (n_samples, n_hidden), dm/dh
    bend0: NDArray  # (n_samples, n_hidden), dm/dh0


def attribute(
    first: Layer, v: NDArray, X: NDArray, x0: NDArray, activation: Activation
) -> Attribution:
    """Integrated gradients of the margin v phi(W x + b); ``first`` is of one network."""
    weight, bias = first
    h, h0 = X @ weight.T + bias, weight @ x0 + bias
    change = h - h0
    tie = np.abs(change) < TIE
    safe = np.where(tie, 1.0, change)
    secant = (activation.value(h) - activation.value(h0)) / safe
    secant = np.where(tie, activation.derivative(h), secant)
    bend = np.where(tie, 0.0, (activation.derivative(h) - secant) / safe)
    bend0 = np.where(tie, 0.0, (secant - activation.derivative(h0)) / safe)
    moved = X - x0
    return Attribution(moved * ((secant * v) @ weight), moved, secant, bend, bend0)


def attribution_gradient(
    done: Attribution, d_r: NDArray, first: Layer, v: NDArray, X: NDArray, x0: NDArray
) -> tuple[Layer, NDArray]:
    """Gradients by the first layer and by v of a loss with slope ``d_r`` by attributions."""
    pulled = done.moved * d_r
    through = pulled @ first.weight.T
    by_h, by_h0 = through * v * done.bend, through * v * done.bend0
    d_weight = (done.secant * v).T @ pulled + by_h.T @ X + np.outer(by_h0.sum(axis=0), x0)
    d_bias = (by_h + by_h0).sum(axis=0)
    return Layer(d_weight, d_bias), np.sum(done.secant * through, axis=0)


def path_integral(
    gradient: Callable[[NDArray], NDArray], X: NDArray, x0: NDArray, n_steps: int
) -> NDArray:
    """Integrated gradients of any function, by the midpoint rule with ``n_steps`` points.

    ``gradient`` maps rows (n, n_features) to the input gradients of the function there.
    """
    moved = X - x0
    total = np.zeros_like(X)
    for step in range(n_steps):
        total += gradient(x0 + (step + 0.5) / n_steps * moved)
    return moved * total / n_steps

r"""Multilayer perceptrons, many at once: K networks of one shape in stacked arrays.

A network is a list of layers; layer l has ``weight`` :math:`W_l` of shape
(n_networks, n_out, n_in) and ``bias`` :math:`b_l` of shape (n_networks, n_out):

.. math:: h_l = a_l W_l^\top + b_l, \qquad a_{l+1} = \phi(h_l) \odot m_l,

with activation :math:`\phi` and dropout mask :math:`m_l` behind every layer but the last,
whose scores leave as they are. The derivatives follow by the chain rule (Rumelhart, Hinton
and Williams, 1986, "Learning representations by back-propagating errors", Nature 323). An
activation is a value and its derivative side by side; register a new one in `ACTIVATIONS`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAK = 0.01
"""Slope of the leaky rectifier below zero."""


class Layer(NamedTuple):
    """Parameters of one layer of all networks, or their gradients."""

    weight: NDArray  # (n_networks, n_out, n_in)
    bias: NDArray  # (n_networks, n_out)


class Activation(NamedTuple):
    """An activation and its derivative, both elementwise functions of the scores."""

    value: Callable[[NDArray], NDArray]
    derivative: Callable[[NDArray], NDArray]


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass."""

    inputs: list[NDArray]  # per layer (n_networks or none, n_samples, n_in)
    scores: list[NDArray]  # per layer (n_networks, n_samples, n_out), before the activation
    masks: Sequence[NDArray]  # per hidden layer, empty without dropout

    @property
    def output(self) -> NDArray:
        """Scores of the last layer, (n_networks, n_samples, n_out)."""
        return self.scores[-1]


def _leaky_derivative(scores: NDArray) -> NDArray:
    """Slope of the leaky rectifier."""
    return np.where(scores > 0, 1.0, LEAK)


ACTIVATIONS: dict[str, Activation] = {
    "leaky_relu": Activation(lambda h: np.maximum(h, LEAK * h), _leaky_derivative),
    "relu": Activation(lambda h: np.maximum(h, 0.0), lambda h: (h > 0).astype(h.dtype)),
    "tanh": Activation(np.tanh, lambda h: 1.0 - np.tanh(h) ** 2),
}


def init_layers(sizes: Sequence[int], n_networks: int, rng: np.random.Generator) -> list[Layer]:
    """Layers for the given widths: weights normal of variance 2/n_in, biases zero.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", ICCV.
    """
    return [
        Layer(
            rng.normal(0.0, np.sqrt(2.0 / n_in), (n_networks, n_out, n_in)),
            np.zeros((n_networks, n_out)),
        )
        for n_in, n_out in pairwise(sizes)
    ]


def draw_masks(
    layers: Sequence[Layer], n_samples: int, rate: float, rng: np.random.Generator
) -> list[NDArray]:
    """Dropout masks of every hidden layer, scaled to mean 1; none at rate 0.

    References
    ----------
    Srivastava et al. (2014), "Dropout: A simple way to prevent neural networks from
    overfitting", JMLR 15.
    """
    if rate == 0.0:
        return []
    keep = 1.0 - rate
    return [
        (rng.random((layer.weight.shape[0], n_samples, layer.weight.shape[1])) < keep) / keep
        for layer in layers[:-1]
    ]


def forward(
    layers: Sequence[Layer],
    X: NDArray,
    activation: Activation,
    masks: Sequence[NDArray] = (),
) -> Pass:
    """Scores of all layers for X, (n_samples, n_in) or one input per network.

    ``masks`` holds the dropout mask of every hidden layer, or nothing.
    """
    inputs, scores, a = [], [], X
    for number, layer in enumerate(layers):
        inputs.append(a)
        scores.append(_scores(layer, a))
        if number < len(layers) - 1:
            a = activation.value(scores[-1])
            if masks:
                a = a * masks[number]
    return Pass(inputs, scores, masks)


def _scores(layer: Layer, a: NDArray) -> NDArray:
    """Scores of one layer; an input that all networks share takes a single product."""
    weight, bias = layer
    if a.ndim == 3:
        return a @ weight.transpose(0, 2, 1) + bias[:, None, :]
    n_networks, n_out, n_in = weight.shape
    fused = a @ weight.reshape(n_networks * n_out, n_in).T + bias.reshape(-1)
    return fused.reshape(a.shape[0], n_networks, n_out).transpose(1, 0, 2)


def backward(
    layers: Sequence[Layer],
    done: Pass,
    d_output: NDArray,
    activation: Activation,
    d_hidden: Mapping[int, NDArray] | None = None,
) -> tuple[list[Layer], NDArray]:
    """Gradients of the layers, and of what enters the first layer's scores.

    ``d_output`` is dL/d output, (n_networks, n_samples, n_out). ``d_hidden`` adds, for hidden
    layer l, dL/d phi(h_l) *before* dropout, from losses that look into the network. The
    second result is dL/d h_0, of which `d_input` makes the derivative by X.
    """
    gradients: list[Layer] = []
    d_scores = d_output
    for number in range(len(layers) - 1, -1, -1):
        gradients.append(_layer_gradient(done.inputs[number], d_scores))
        if number > 0:
            d_a = d_scores @ layers[number].weight
            if done.masks:
                d_a = d_a * done.masks[number - 1]
            if d_hidden and number - 1 in d_hidden:
                d_a = d_a + d_hidden[number - 1]
            d_scores = d_a * activation.derivative(done.scores[number - 1])
    return gradients[::-1], d_scores


def _layer_gradient(a: NDArray, d_scores: NDArray) -> Layer:
    """Gradient of one layer."""
    d_bias = d_scores.sum(axis=1)
    if a.ndim == 3:
        return Layer(d_scores.transpose(0, 2, 1) @ a, d_bias)
    n_networks, n_samples, n_out = d_scores.shape
    fused = d_scores.transpose(1, 0, 2).reshape(n_samples, n_networks * n_out)
    return Layer((fused.T @ a).reshape(n_networks, n_out, -1), d_bias)


def d_input(layers: Sequence[Layer], d_first: NDArray) -> NDArray:
    """dL/dX per network, (n_networks, n_samples, n_in), from dL/d h_0."""
    return d_first @ layers[0].weight


def back_to_input(
    layers: Sequence[Layer], done: Pass, d_output: NDArray, activation: Activation
) -> NDArray:
    """dL/dX per network without the gradients of the layers."""
    d_scores = d_output
    for number in range(len(layers) - 1, 0, -1):
        d_a = d_scores @ layers[number].weight
        if done.masks:
            d_a = d_a * done.masks[number - 1]
        d_scores = d_a * activation.derivative(done.scores[number - 1])
    return d_input(layers, d_scores)


def log_softmax(scores: NDArray) -> NDArray:
    """Log-probabilities along the last axis.

    scipy's takes five times as long on the small batches of training.
    """
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def n_parameters(sizes: Sequence[int], n_networks: int) -> int:
    """Number of parameters of all networks together."""
    return n_networks * sum(a * b + b for a, b in pairwise(sizes))


def view_layers(vector: NDArray, sizes: Sequence[int], n_networks: int) -> list[Layer]:
    """Layers as views of one vector, so that an optimizer steps through all at once."""
    layers, start = [], 0
    for n_in, n_out in pairwise(sizes):
        stop = start + n_networks * n_out * n_in
        weight = vector[start:stop].reshape(n_networks, n_out, n_in)
        start, stop = stop, stop + n_networks * n_out
        layers.append(Layer(weight, vector[start:stop].reshape(n_networks, n_out)))
        start = stop
    return layers


def flatten(layers: Sequence[Layer]) -> NDArray:
    """One vector of all parameters, in the order of `view_layers`."""
    return np.concatenate([part.ravel() for layer in layers for part in layer])

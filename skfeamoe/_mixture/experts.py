r"""Kinds of experts: from parameters to scores, and back to gradients.

A kind turns the rows Z of a batch into *scores*, (n_samples, n_scores): first those of the
gate, ``n_experts`` columns, then ``n_outputs`` per expert. Losses and constraints know
scores only, and what lies below them is the kind's own. A new kind is a class with the
methods of `Kind`, registered in `EXPERTS`, and the gradient tests find it there.

The gate is linear in x for every kind, :math:`g = \mathrm{softmax}(V x + b)`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._mixture import mlp
from skfeamoe._mixture.layout import Layout
from skfeamoe._rows import linear_scores, sparse_products

FEW_ROWS, BLOCK = 64, 1_000_000
"""Products of more rows go in blocks of so many multiplications: OpenBLAS has kernels for small
matrices that are up to five times as fast on the narrow ones of a mixture."""

Cache = mlp.Pass | None
"""What a kind remembers of a forward pass for the way back."""


class Gate(NamedTuple):
    """Parameters of the gate: its scores are Z @ weight.T + bias."""

    weight: NDArray  # (n_experts, n_features)
    bias: NDArray  # (n_experts,)


class Kind(Protocol):
    """What the mixture asks of a kind of expert."""

    def start(self, layout: Layout, rng: np.random.Generator) -> NDArray:
        """The parameters of a mixture that has seen nothing."""

    is_linear: bool  # whether its scores are linear in Z, so that experts have coefficients

    def n_extra_rows(self, layout: Layout) -> int:
        """Rows of the parameters that an expert has besides the one that ends with the gate."""

    def gate(self, params: NDArray, layout: Layout) -> Gate:
        """The gate as views into the parameters."""

    def layers(self, params: NDArray, layout: Layout) -> list[mlp.Layer]:
        """The layers of all experts, from the features on, as views into the parameters."""

    def scores(self, Z, params: NDArray, layout: Layout) -> tuple[NDArray, Cache]:
        """Scores of all rows, (n_samples, n_scores), and what the way back needs."""

    def gradient(
        self, Z, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
    ) -> NDArray:
        """Gradient of the parameters from ``d_scores``, dL/d scores, (n_samples, n_scores)."""

    def input_gradient(
        self, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
    ) -> NDArray:
        """Derivative by every row's features, (n_samples, n_features)."""

    def penalized(self, layout: Layout) -> NDArray | slice:
        """Columns of the parameters that the L2 penalty holds small."""


def bulk_gradient(Z, params: NDArray, d_scores: NDArray, size: int) -> tuple[NDArray, NDArray]:
    """Gradient of linear scores, and the sum of the squared ones of parts of ``size`` rows."""
    if issparse(Z):
        return _sparse_bulk_gradient(Z, params, d_scores, size)
    gradients = linear_gradients(Z, params, d_scores, size)
    gradient = gradients.sum(axis=0)
    np.square(gradients, out=gradients)
    return gradient, gradients.sum(axis=0)


def linear_gradients(Z: NDArray, params: NDArray, d_scores: NDArray, size: int) -> NDArray:
    """Gradients of linear scores by parts of ``size`` rows, (n_parts, *params.shape).

    The rows of dense Z behind the last whole part are one more.
    """
    n, whole = len(d_scores), len(d_scores) // size
    gradients = np.empty((-(-n // size), *params.shape))
    d_parts = d_scores[: whole * size].reshape(whole, size, d_scores.shape[1])
    parts = Z[: whole * size].reshape(whole, size, Z.shape[1])
    np.matmul(d_parts.transpose(0, 2, 1), parts, out=gradients[:whole, :, :-1])
    gradients[:whole, :, -1] = d_parts.sum(axis=1)
    if whole < len(gradients):
        d_rest = d_scores[whole * size :]
        gradients[whole, :, :-1] = d_rest.T @ Z[whole * size :]
        gradients[whole, :, -1] = d_rest.sum(axis=0)
    return gradients


def _sparse_bulk_gradient(
    Z, params: NDArray, d_scores: NDArray, size: int
) -> tuple[NDArray, NDArray]:
    """The same of CSR rows: a part adds to the columns that its rows have, and a constant."""
    gradient, squares = np.zeros_like(params), np.zeros_like(params)
    for start in range(0, len(d_scores), size):
        d_part = d_scores[start : start + size]
        columns, products = sparse_products(Z[start : start + size], d_part)
        for at, part in ((columns, products), (-1, d_part.sum(axis=0))):
            gradient[:, at] += part
            squares[:, at] += part * part
    return gradient, squares


class LogisticExperts:
    """Logistic regressions: all scores are linear, so parameters are one matrix.

    One row per score and one column per feature, plus a last column for the intercepts::

        scores = Z @ params[:, :-1].T + params[:, -1]

    so that a forward pass and a backward pass are one product each, however many experts
    there are.
    """

    is_linear = True

    def n_extra_rows(self, layout: Layout) -> int:
        """One row per output."""
        return layout.n_outputs

    def start(self, layout: Layout, rng: np.random.Generator) -> NDArray:
        """Zeros: a uniform gate, experts that give every class the same probability."""
        return np.zeros((layout.n_scores, layout.n_features + 1))

    def gate(self, params: NDArray, layout: Layout) -> Gate:
        """The first rows."""
        k = layout.n_experts
        return Gate(params[:k, :-1], params[:k, -1])

    def layers(self, params: NDArray, layout: Layout) -> list[mlp.Layer]:
        """One layer: the other rows."""
        rows, shape = params[layout.n_experts :], (layout.n_experts, layout.n_outputs)
        weight = rows[:, :-1].reshape(*shape, layout.n_features)
        return [mlp.Layer(weight, rows[:, -1].reshape(shape))]

    def scores(self, Z, params: NDArray, layout: Layout) -> tuple[NDArray, Cache]:
        """Scores of all rows, (n_samples, n_scores)."""
        if issparse(Z) or Z.shape[0] <= FEW_ROWS:
            scores = linear_scores(Z, params[:, :-1])
        else:
            weight = np.ascontiguousarray(params[:, :-1].T)
            scores, size = np.empty((len(Z), weight.shape[1])), max(BLOCK // weight.size, 1)
            for start in range(0, len(Z), size):
                part = slice(start, start + size)
                np.matmul(Z[part], weight, out=scores[part])
        scores += params[:, -1]
        return scores, None

    def gradient(
        self, Z, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
    ) -> NDArray:
        """d_scores^T Z, with the sum of d_scores as intercept column."""
        gradient = np.empty_like(params)
        gradient[:, :-1] = (Z.T @ d_scores).T if issparse(Z) else d_scores.T @ Z
        gradient[:, -1] = d_scores.sum(axis=0)
        return gradient

    def input_gradient(
        self, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
    ) -> NDArray:
        """d_scores times coefficients."""
        return d_scores @ params[:, :-1]

    def penalized(self, layout: Layout) -> NDArray | slice:
        """All but the intercepts."""
        return slice(None, -1)


class NetworkExperts:
    """Multilayer perceptrons of one shape: the parameters have a row per expert.

    A row holds the layers of the network, each one's weights and then its biases, and after
    them the expert's coefficients and intercept of the gate.
    """

    is_linear = False

    def n_extra_rows(self, layout: Layout) -> int:
        """None: a row holds the whole network."""
        return 0

    def start(self, layout: Layout, rng: np.random.Generator) -> NDArray:
        """Random networks under a uniform gate."""
        params = np.zeros((layout.n_experts, _width(layout)))
        drawn = mlp.init_layers(_sizes(layout), layout.n_experts, rng)
        for layer, start in zip(self.layers(params, layout), drawn, strict=True):
            layer.weight[...] = start.weight
        return params

    def gate(self, params: NDArray, layout: Layout) -> Gate:
        """The last columns."""
        return Gate(params[:, -layout.n_features - 1 : -1], params[:, -1])

    def layers(self, params: NDArray, layout: Layout) -> list[mlp.Layer]:
        """The columns before them."""
        k = layout.n_experts
        layers, start = [], 0
        for n_in, n_out in _pairs(layout):
            stop = start + n_out * n_in
            weight = params[:, start:stop].reshape(k, n_out, n_in)
            start, stop = stop, stop + n_out
            layers.append(mlp.Layer(weight, params[:, start:stop]))
            start = stop
        return layers

    def scores(self, Z, params: NDArray, layout: Layout) -> tuple[NDArray, Cache]:
        """Scores of all rows, (n_samples, n_scores), and the networks' hidden layers."""
        k, gate = layout.n_experts, self.gate(params, layout)
        done = mlp.forward(self.layers(params, layout), Z, mlp.ACTIVATIONS[layout.activation])
        scores = np.empty((Z.shape[0], layout.n_scores))
        scores[:, :k] = Z @ gate.weight.T
        scores[:, :k] += gate.bias
        experts = done.output.transpose(1, 0, 2)
        scores[:, k:] = experts.reshape(len(scores), k * layout.n_outputs)
        return scores, done

    def gradient(
        self, Z, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
    ) -> NDArray:
        """Back through the networks, and d_scores^T Z for the gate."""
        assert cache is not None
        k = layout.n_experts
        layers, _ = mlp.backward(
            self.layers(params, layout),
            cache,
            _output_gradient(d_scores, layout),
            mlp.ACTIVATIONS[layout.activation],
        )
        gradient = np.empty_like(params)
        for into, layer in zip(self.layers(gradient, layout), layers, strict=True):
            into.weight[...] = layer.weight
            into.bias[...] = layer.bias
        gate = self.gate(gradient, layout)
        gate.weight[...] = (Z.T @ d_scores[:, :k]).T
        gate.bias[...] = d_scores[:, :k].sum(axis=0)
        return gradient

    def input_gradient(
        self, params: NDArray, layout: Layout, d_scores: NDArray, cache: Cache
    ) -> NDArray:
        """Back through the networks to what enters them, and through the gate."""
        assert cache is not None
        by_network = mlp.back_to_input(
            self.layers(params, layout),
            cache,
            _output_gradient(d_scores, layout),
            mlp.ACTIVATIONS[layout.activation],
        )
        gate = self.gate(params, layout)
        return by_network.sum(axis=0) + d_scores[:, : layout.n_experts] @ gate.weight

    def penalized(self, layout: Layout) -> NDArray | slice:
        """Weights of the layers and coefficients of the gate."""
        return _weight_columns(layout.with_experts(1))


def _sizes(layout: Layout) -> Sequence[int]:
    """Widths of a network from features to outputs."""
    return (layout.n_features, *layout.hidden, layout.n_outputs)


def _pairs(layout: Layout):
    """Widths before and behind every layer."""
    sizes = _sizes(layout)
    return pairwise(sizes)


def _width(layout: Layout) -> int:
    """Parameters per expert, those of the gate included."""
    return mlp.n_parameters(_sizes(layout), 1) + layout.n_features + 1


def _output_gradient(d_scores: NDArray, layout: Layout) -> NDArray:
    """dL/d scores of the networks, (n_experts, n_samples, n_outputs)."""
    k = layout.n_experts
    return d_scores[:, k:].reshape(len(d_scores), k, layout.n_outputs).transpose(1, 0, 2)


@lru_cache(maxsize=64)
def _weight_columns(layout: Layout) -> NDArray:
    """Numbers of the columns that are no biases."""
    flags = np.ones((1, _width(layout)), dtype=bool)
    for layer in NETWORKS.layers(flags, layout):
        layer.bias[...] = False
    flags[0, -1] = False
    return np.flatnonzero(flags[0])


LOGISTIC, NETWORKS = LogisticExperts(), NetworkExperts()

EXPERTS: dict[str, Kind] = {"logistic": LOGISTIC, "additive": LOGISTIC, "mlp": NETWORKS}
"""Kinds of experts by name. Additive ones are logistic regressions on terms that bend."""


def kind_of(layout: Layout) -> Kind:
    """The kind of a layout's experts."""
    return EXPERTS[layout.expert]


def moved(
    params: NDArray, layout: Layout, move: Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]
) -> NDArray:
    """The parameters with all maps that the features enter as ``move`` gives them.

    ``move`` is the `fold` of linear terms, which takes a map of Z to the same map of X, or
    their `unfold`, which takes it back.
    """
    params = params.copy()
    kind = kind_of(layout)
    for weight, bias in (kind.layers(params, layout)[0], kind.gate(params, layout)):
        weight[...], bias[...] = move(weight, bias)
    return params


def carried(
    params: NDArray, layout: Layout, n_features: int, move: Callable[[NDArray, NDArray], tuple]
) -> NDArray:
    """The parameters on ``n_features`` others; ``move`` takes maps of the old ones to them."""
    kind, wider = kind_of(layout), layout._replace(n_features=n_features)
    made = np.empty_like(kind.start(wider, np.random.default_rng(0)))
    old, new = kind.layers(params, layout), kind.layers(made, wider)
    pairs = [*zip(old[1:], new[1:], strict=True)]
    for (weight, bias), (into_weight, into_bias) in pairs:
        into_weight[...], into_bias[...] = weight, bias
    for (weight, bias), (into_weight, into_bias) in (
        (old[0], new[0]),
        (kind.gate(params, layout), kind.gate(made, wider)),
    ):
        into_weight[...], into_bias[...] = move(weight, bias)
    return made


def hold_signs(params: NDArray, layout: Layout, signs: NDArray) -> None:
    """Let the experts' weights of features have the given signs, and the gate not see them.

    In place. Then every expert rises with such a feature, and so does the mixture.
    """
    kind, held = kind_of(layout), signs != 0
    weight = kind.layers(params, layout)[0].weight
    weight[..., held] = np.maximum(weight[..., held] * signs[held], 0.0) * signs[held]
    kind.gate(params, layout).weight[:, held] = 0.0


def with_shift(params: NDArray, layout: Layout, offset: NDArray, favorable: int) -> NDArray:
    """The parameters of linear experts, a linear function added to all scores of one class.

    ``offset``, (n_features + 1,), are its coefficients and its constant.
    """
    params = params.copy()
    rows = params[layout.n_experts :]
    if layout.n_outputs == 1:
        rows += offset if favorable == 1 else -offset
    else:
        rows[favorable :: layout.n_outputs] += offset
    return params


def expert_rows(layout: Layout, k: int) -> NDArray:
    """Row numbers of expert k in the parameters."""
    n_extra = kind_of(layout).n_extra_rows(layout)
    start = layout.n_experts + k * n_extra
    return np.r_[k, start : start + n_extra]


def append_expert(params: NDArray, layout: Layout, rows: NDArray) -> NDArray:
    """Block with one more expert that has the rows ``rows``."""
    k = layout.n_experts
    return np.concatenate([params[:k], rows[:1], params[k:], rows[1:]])


def remove_expert(params: NDArray, layout: Layout, k: int) -> NDArray:
    """Block without expert k."""
    return np.delete(params, expert_rows(layout, k), axis=0)

"""The networks of a `PolicyGatedMoEClassifier`: experts, and a gate that reads them besides."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from skfeamoe._mixture.mlp import Layer
from skfeamoe._terms import LinearTerms
from skfeamoe._terms.linear import MAX_Z
from skfeamoe._validation import LARGEST
from skfeamoe.export._columns import bounds, numbers
from skfeamoe.export._graph import Graph, activated
from skfeamoe.export._inputs import kept_columns


def policy_proba(graph: Graph, model, inputs) -> tuple[str, str]:
    """Weights and class probabilities of the experts under a gate that reads both.

    (n_experts, n_samples, 1) and (n_experts, n_samples, n_classes).
    """
    mixture, terms = model._mixture(), LinearTerms.from_dict(model._units)
    kept = kept_columns(model)
    x = numbers(graph, model, inputs, kept)
    low, high = (np.clip(bound, -LARGEST, LARGEST) for bound in bounds(terms, len(kept)))
    x = graph("Min", graph("Max", x, graph.constant(low[None])), graph.constant(high[None]))
    x = graph("Sub", x, graph.constant(terms.mean[None]))
    z = graph("Div", x, graph.constant(terms.scale[None]))
    limits = (graph.constant(np.array(value)) for value in (-MAX_Z, MAX_Z))
    z = graph("Clip", z, *limits)
    scores = _network(graph, z, mixture.experts, mixture.activation)
    proba = graph("Softmax", scores, axis=2)
    state = _gate_state(graph, z, proba, len(mixture.experts[1].bias), len(model.classes_))
    scores = _network(graph, state, mixture.gate, "relu")
    scores = graph("Div", scores, graph.constant(np.array(mixture.temperature)))
    weights = graph("Softmax", scores, axis=2)
    return graph("Transpose", weights, perm=[2, 1, 0]), proba


def _network(graph: Graph, z: str, layers: list[Layer], activation: str) -> str:
    """Outputs of networks side by side, (n_networks, n_samples, n_outputs)."""
    for number, (weight, bias) in enumerate(layers):
        z = activated(graph, z, activation) if number else z
        z = graph("MatMul", z, graph.constant(weight.transpose(0, 2, 1)))
        z = graph("Add", z, graph.constant(bias[:, None, :]))
    return z


def _gate_state(graph: Graph, z: str, proba: str, n_experts: int, n_classes: int) -> str:
    """What the gate reads: features, probabilities, confidences and disagreement."""
    others = graph("Gather", proba, graph.constant(np.arange(1, n_classes)), axis=2)
    flat = graph("Transpose", others, perm=[1, 0, 2])
    shape = graph.constant(np.array([-1, n_experts * (n_classes - 1)]))
    by_class = [
        graph("Gather", proba, graph.constant(np.array(c)), axis=2) for c in range(n_classes)
    ]
    confidence = graph("Transpose", graph("Max", *by_class), perm=[1, 0])
    pairs = np.array([*combinations(range(n_experts), 2)])
    first, second = (
        graph("Gather", proba, graph.constant(side), axis=0) for side in pairs.T.copy()
    )
    apart = graph("Abs", graph("Sub", first, second))
    total = graph("ReduceSum", apart, graph.constant(np.array([0, 2])), keepdims=0)
    mean = graph("Div", total, graph.constant(np.array(float(len(pairs) * n_classes))))
    disagreement = graph("Unsqueeze", mean, graph.constant(np.array([1])))
    parts = (z, graph("Reshape", flat, shape), confidence, disagreement)
    return graph("Concat", *parts, axis=1)

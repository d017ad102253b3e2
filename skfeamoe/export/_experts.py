"""Experts and gate of a `FEAMOEClassifier` on its columns, with the offset of its bounds."""

from __future__ import annotations

import numpy as np

from skfeamoe.export._graph import Graph, activated, linear


def gate_proba(graph: Graph, model, z: str) -> str:
    """Weights of the experts, (n_experts, n_samples, 1)."""
    scores = linear(graph, z, model.gate_coef_, model.gate_intercept_)
    by_expert = graph("Transpose", graph("Softmax", scores, axis=1), perm=[1, 0])
    return graph("Unsqueeze", by_expert, graph.constant(np.array([2])))


def expert_proba(graph: Graph, model, z: str) -> str:
    """Class probabilities of the experts, (n_experts, n_samples, n_classes)."""
    (weight, bias), *others = model.expert_layers_
    k, n_out, n_in = weight.shape
    fused = linear(graph, z, weight.reshape(k * n_out, n_in), bias.reshape(-1))
    shape = graph.constant(np.array([-1, k, n_out]))
    scores = graph("Transpose", graph("Reshape", fused, shape), perm=[1, 0, 2])
    for weight, bias in others:
        hidden = activated(graph, scores, model._model.ensemble.layout.activation)
        product = graph("MatMul", hidden, graph.constant(weight.transpose(0, 2, 1)))
        scores = graph("Add", product, graph.constant(bias[:, None, :]))
    if (shift := model._model.loose_shift) is not None:
        scores = graph("Add", scores, _shift(graph, model, z, shift))
    if len(model.classes_) > 2:
        return graph("Softmax", scores, axis=2)
    both = (graph("Sigmoid", graph("Neg", scores)), graph("Sigmoid", scores))
    return graph("Concat", *both, axis=2)


def _shift(graph: Graph, model, z: str, shift) -> str:
    """What the offset that keeps bounds adds to every expert, (n_samples, n_outputs).

    Linear experts have it in their coefficients; to networks it is added.
    """
    weight, bias = shift.offset[None, :-1], shift.offset[-1:]
    if model._model.terms.is_linear:
        weight, bias = model._model.terms.fold(weight, bias)
    h = linear(graph, z, weight, bias)
    if shift.local is not None:
        for column in shift.local.offset.columns:
            h = graph("Add", h, _local(graph, model._model.terms, column, z))
    n_classes = len(model.classes_)
    if n_classes == 2:
        return h if shift.favorable == 1 else graph("Neg", h)
    return graph("Mul", h, graph.constant(np.eye(n_classes)[[shift.favorable]]))


def _local(graph: Graph, terms, column, z: str) -> str:
    """What the offset adds in the parts of one column, (n_samples, 1)."""
    added = linear(graph, z, column.weight[:, :-1], column.weight[:, -1])
    members = _members(graph, terms, column, z)
    return graph(
        "ReduceSum", graph("Mul", members, added), graph.constant(np.array([1])), keepdims=1
    )


def _members(graph: Graph, terms, column, z: str) -> str:
    """1 where a row belongs to a part of a column, (n_samples, n_parts)."""
    first = terms.numbers.n_outputs
    if column.is_category:
        k, own = int(np.searchsorted(terms.category, column.column)), terms.categories
        slots = {
            code: len(terms.category) + i
            for i, code in enumerate(own.slot_code)
            if own.slot_column[i] == k
        }
        parts = column.codes[: len(column.codes) - column.has_missing]
        places = [first + slots.get(code, k) for code in parts]
        members = graph("Gather", z, graph.constant(np.array(places)), axis=1)
        if not column.has_missing:
            return members
        flags = np.array([first + k, *(first + slot for slot in slots.values())])
        known = graph("Gather", z, graph.constant(flags), axis=1)
        found = graph("ReduceSum", known, graph.constant(np.array([1])), keepdims=1)
        missing = graph("Sub", graph.constant(np.ones((1, 1))), found)
        return graph("Concat", members, missing, axis=1)
    k = int(np.searchsorted(terms.number, column.column))
    value = graph("Gather", z, graph.constant(np.array([k])), axis=1)
    edges = (column.edges - terms.numbers.location[k]) / terms.numbers.scale[k]
    below = graph("Less", value, graph.constant(np.append(edges, np.inf)[None]))
    below = graph("Cast", below, to=graph.types.DOUBLE)  # 0 ... 0 1 ... 1
    n = len(edges)
    change = np.eye(n + 1) - np.eye(n + 1, k=1)
    members = graph("MatMul", below, graph.constant(change))
    hole = np.flatnonzero(terms.missing.holed == column.column)
    if len(hole):
        place = first + terms.categories.n_outputs + int(hole[0])
        missing = graph("Gather", z, graph.constant(np.array([place])), axis=1)
        members = graph("Sub", members, graph("Mul", members, missing))
        if column.has_missing:
            members = graph("Concat", members, missing, axis=1)
    return members

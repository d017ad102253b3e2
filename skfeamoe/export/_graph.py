"""Nodes of a graph, and what every part of it is made of: linear scores and activations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.mlp import LEAK
from skfeamoe._optional import optional


class Graph:
    """Adds nodes to a graph of skl2onnx; what a call returns is the name of its result."""

    def __init__(self, scope, container):
        onnx = optional("onnx", extra="onnx", purpose="skfeamoe.export")
        self.types = onnx.TensorProto
        types = optional("skl2onnx.common.data_types", extra="onnx", purpose="skfeamoe.export")
        self.text = types.StringTensorType
        self.scope, self.container = scope, container

    def __call__(
        self, kind: str, *inputs: str, output: str | None = None, domain: str = "", **attributes
    ) -> str:
        """Add a node."""
        if output is None:
            output = self.scope.get_unique_variable_name(kind.lower())
        name = self.scope.get_unique_operator_name(kind)
        version = self.container.target_opset_any_domain(domain)
        self.container.add_node(
            kind,
            list(inputs),
            [output],
            op_domain=domain,
            name=name,
            op_version=version,
            **attributes,
        )
        return output

    def constant(self, values: NDArray) -> str:
        """Add an array."""
        kinds = {
            "i": self.types.INT64,
            "f": self.types.DOUBLE,
            "b": self.types.BOOL,
            "O": self.types.STRING,
        }
        name = self.scope.get_unique_variable_name("constant")
        flat = values.ravel().tolist()
        self.container.add_initializer(name, kinds[values.dtype.kind], values.shape, flat)
        return name


def linear(graph: Graph, z: str, weight: NDArray, bias: NDArray) -> str:
    """Linear scores, (n_samples, n_scores)."""
    product = graph("MatMul", z, graph.constant(weight.T))
    return graph("Add", product, graph.constant(bias))


def activated(graph: Graph, scores: str, activation: str) -> str:
    """Scores behind their activation; ONNX Runtime has no leaky rectifier of doubles."""
    if activation == "leaky_relu":
        leak = graph("Mul", scores, graph.constant(np.array(LEAK)))
        return graph("Max", scores, leak)
    return graph({"relu": "Relu", "tanh": "Tanh"}[activation], scores)

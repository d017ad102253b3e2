"""The model's columns from the columns that come in: numbers, categories, holes, splines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms import LinearTerms
from skfeamoe._validation import LARGEST
from skfeamoe.export._graph import Graph
from skfeamoe.export._inputs import kept_columns


def model_columns(graph: Graph, model, inputs) -> str:
    """Columns of the model, (n_samples, n_columns), from the columns that come in."""
    kept = kept_columns(model)
    x = numbers(graph, model, inputs, kept)
    terms = model._terms
    if not terms.is_linear:
        return _column_terms(graph, terms, x)
    low, high = (np.clip(bound, -LARGEST, LARGEST) for bound in bounds(terms, len(kept)))
    x = graph("Max", x, graph.constant(low[None]))
    return graph("Min", x, graph.constant(high[None]))


def numbers(graph: Graph, model, inputs, kept: list[int]) -> str:
    """Features as numbers, (n_samples, n_features): categories as codes, holes as NaN."""
    encoder = getattr(model, "_table", None)
    has_categories = encoder is not None and any(encoder.is_category)
    if has_categories and len(inputs) < len(kept):
        raise ValueError(
            "X must be given for a model of categories, as a frame like the one it learned: "
            "its columns have different types, so each becomes an input of its own"
        )
    if len(inputs) == 1 and not has_categories:
        x = graph("Cast", inputs[0].full_name, to=graph.types.DOUBLE)
        if inputs[0].type.shape[1] > len(kept):
            x = graph("Gather", x, graph.constant(np.array(kept)), axis=1)
        return x
    if len(inputs) > len(kept):
        inputs = [inputs[j] for j in kept]
    codes = [_column(graph, encoder, j, each) for j, each in enumerate(inputs)]
    return graph("Concat", *codes, axis=1)


def _column(graph: Graph, encoder, j: int, variable) -> str:
    """One feature as numbers, (n_samples, 1)."""
    name, double = variable.full_name, graph.types.DOUBLE
    if encoder is None or not encoder.is_category[j]:
        return graph("Cast", name, to=double)
    labels = encoder.labels[j]
    if not all(isinstance(label, str) for label in labels):
        raise ValueError(
            f"column {variable.raw_name!r} has categories that are no text, such as "
            f"{labels[0]!r}, which to_onnx does not write; train it as text or as numbers"
        )
    if not isinstance(variable.type, graph.text):
        raise ValueError(
            f"column {variable.raw_name!r} must hold text, since the model learned categories "
            "from it; X must be given as a frame of rows that show some"
        )
    known = {label: float(code) for code, label in enumerate(labels)}
    known = {"": float("nan"), **known}  # no text stands for a missing one
    codes = graph(
        "LabelEncoder",
        name,
        domain="ai.onnx.ml",
        keys_strings=list(known),
        values_floats=list(known.values()),
        default_float=-1.0,
    )
    return graph("Cast", codes, to=double)


def _column_terms(graph: Graph, terms, x: str) -> str:
    r"""Terms that are no linear functions of x, (n_samples, n_terms).

    Whatever a term of column j is, it is linear between the points :math:`p_i` that
    `ColumnTerms.points` tells, constant beyond them, and free on atoms, categories and holes:

    .. math:: z(x) = z(p_1) + \sum_i [z(p_{i+1}) - z(p_i)]\,
              \mathrm{clip}\Big(\frac{x - p_i}{p_{i+1} - p_i}, 0, 1\Big)
              + \sum_a [z(a) - \ldots]\, 1[x = a]
              + [z(\mathrm{NaN}) - \ldots]\, 1[x = \mathrm{NaN}].
    """
    pieces = _Pieces.of(terms)
    missing = graph("IsNaN", x)
    base = graph.constant(pieces.base_x[None])
    filled = graph("Where", missing, base, x)
    z = graph.constant(pieces.base_z[None])
    holes = graph("Cast", missing, to=graph.types.DOUBLE)
    z = graph("Add", z, graph("MatMul", holes, graph.constant(pieces.at_missing)))
    if len(pieces.ramp_column):
        ramps = graph("Gather", filled, graph.constant(pieces.ramp_column), axis=1)
        ramps = graph("Sub", ramps, graph.constant(pieces.ramp_start[None]))
        ramps = graph("Div", ramps, graph.constant(pieces.ramp_width[None]))
        limits = graph.constant(np.array(0.0)), graph.constant(np.array(1.0))
        ramps = graph("Clip", ramps, *limits)
        z = graph("Add", z, graph("MatMul", ramps, graph.constant(pieces.at_ramp)))
    if len(pieces.single_column):
        singles = graph("Gather", filled, graph.constant(pieces.single_column), axis=1)
        equal = graph("Equal", singles, graph.constant(pieces.single[None]))
        flags = graph("Cast", equal, to=graph.types.DOUBLE)
        z = graph("Add", z, graph("MatMul", flags, graph.constant(pieces.at_single)))
    return z


class _Pieces:
    """Terms as sums of ramps, single values and holes; rows of `at_` arrays are terms."""

    def __init__(self, terms) -> None:
        d, n = terms.n_inputs, terms.n_outputs
        self.base_x, self.base_z = np.zeros(d), np.zeros(n)
        self.at_missing = np.zeros((d, n))
        self.ramp_column = np.empty(0, dtype=np.intp)
        self.ramp_start, self.ramp_width = np.empty(0), np.empty(0)
        self.at_ramp = np.empty((0, n))
        self.single_column, self.single = np.empty(0, dtype=np.intp), np.empty(0)
        self.at_single = np.empty((0, n))

    @classmethod
    def of(cls, terms) -> _Pieces:
        """The pieces of all columns."""
        made = cls(terms)
        for j in range(terms.n_inputs):
            made._add_column(terms, j)
        return made

    def _add_column(self, terms, j: int) -> None:
        """The pieces of column j."""
        values, kinds = terms.points(j)
        own = terms.owner == j

        def z(points) -> NDArray:
            table = np.zeros((len(points), terms.n_inputs))
            table[:, j] = points
            return terms.transform(table) * own

        bends = np.array([v for v, kind in zip(values, kinds, strict=True) if kind == "value"])
        pool = len(bends) == 0
        bends = np.array([-1.0 if "category" in kinds else _nowhere(values)]) if pool else bends
        at_bends = z(bends)
        self.base_x[j] = bends[0]
        self.base_z += at_bends[0]
        self.at_missing[j] = z([np.nan])[0] - at_bends[0]
        self.ramp_column = np.append(self.ramp_column, np.full(len(bends) - 1, j))
        self.ramp_start = np.append(self.ramp_start, bends[:-1])
        self.ramp_width = np.append(self.ramp_width, np.diff(bends))
        self.at_ramp = np.concatenate([self.at_ramp, np.diff(at_bends, axis=0)])
        singles = [
            v
            for v, kind in zip(values, kinds, strict=True)
            if kind == "atom" or (kind == "category" and v != -1.0)
        ]
        if singles:
            through = np.array([np.interp(singles, bends, column) for column in at_bends.T]).T
            self.single_column = np.append(self.single_column, np.full(len(singles), j))
            self.single = np.append(self.single, singles)
            self.at_single = np.concatenate([self.at_single, z(singles) - through])


def _nowhere(values: NDArray) -> float:
    """A number that is none of some values."""
    known = values[~np.isnan(values)]
    return float(known.max()) + 1.0 if len(known) else 0.0


def bounds(terms, n_features: int) -> tuple[NDArray, NDArray]:
    """Within which linear terms hold their features."""
    if isinstance(terms, LinearTerms) and terms.centered:
        return terms.bounds
    unbounded = np.full(n_features, np.inf)
    return -unbounded, unbounded

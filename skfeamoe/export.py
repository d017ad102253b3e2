r"""Serving without Python: a fitted classifier as an ONNX graph.

The graph computes what `predict_proba` computes, in units of `X` and in double precision:

.. math:: f(x) = \sum_k \mathrm{softmax}(V z + b)_k \, o_k(z), \qquad z = \text{terms}(x)

in three blocks. `_terms` makes the model's columns z of the columns x that come in: numbers
held within their bounds, or splines, categories and holes as sums of ramps and flags.
`_expert_proba` and `_gate_proba` are the experts and the gate on z. The gate of a
`PolicyGatedMoEClassifier` is a network that reads the experts' probabilities besides
(`_policy_proba`).

Inside a Pipeline the converter is one of skl2onnx's: `register_converter` tells skl2onnx of it.

Over 400 lines, because two graphs are built here, node by node.
"""

from __future__ import annotations

from itertools import combinations
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._frames import columns_of, refuse_lazy, values_of
from skfeamoe._groups import is_missing
from skfeamoe._mixture.mlp import LEAK, Layer
from skfeamoe._optional import optional
from skfeamoe._policy_gated import PolicyGatedMoEClassifier
from skfeamoe._terms import LinearTerms
from skfeamoe._terms.linear import MAX_Z
from skfeamoe._validation import LARGEST, feature_columns

__all__ = ["OPSET", "register_converter", "to_onnx"]

OPSET = {"": 18, "ai.onnx.ml": 3}
"""Versions of the operators that exported graphs use, by ONNX domain."""

INPUT = "X"
"""Name of the input of a graph that takes all columns as one matrix."""

EXPORTED = (FEAMOEClassifier, PolicyGatedMoEClassifier)
"""Classifiers that can be written; "Skfeamoe" before a name makes skl2onnx's operator."""


def to_onnx(model, X=None, *, target_opset=None):
    """Write a fitted classifier, or a Pipeline that ends with one, as an ONNX graph.

    The graph has two outputs: ``label``, the decision of `predict`, of shape (n_samples,), and
    ``probabilities``, those of `predict_proba`, of shape (n_samples, n_classes). It needs no
    sensitive attribute, no Python and none of this library to run.

    Parameters
    ----------
    model : FEAMOEClassifier, PolicyGatedMoEClassifier or Pipeline
        Fitted. The steps before the classifier must be known to skl2onnx.

    X : ndarray or DataFrame of shape (n_samples, n_features), default=None
        Some rows as the model will get them, to see their types: an array makes a graph with
        one input ``X`` of the array's type; a frame makes one with an input of shape
        (n_samples, 1) for each column, named like it. None stands for an array of float64, and
        is enough for a model that has learned numbers, without a Pipeline. One that has learned
        categories needs a frame. Show a missing value of a column of True and False where
        such will come: the column is one of numbers then, with NaN for the missing.

    target_opset : int or mapping of str to int, default=None
        Versions of ONNX's operators. None means `OPSET`: 18, and 3 for ``ai.onnx.ml``.

    Returns
    -------
    graph : onnx.ModelProto
        Save it with ``onnx.save(graph, path)`` or send ``graph.SerializeToString()``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install "skfeamoe[onnx]"``.
    NotFittedError
        If the model has not learned yet.
    ValueError
        If the model is none of these classifiers or Pipeline with one, if a Pipeline or a
        model of categories comes without rows, if these have other columns than the model
        learned or a column of neither numbers nor text, or if skl2onnx does
        not know a step of the Pipeline.

    See Also
    --------
    register_converter : What makes skl2onnx's own functions know the classifier.

    Notes
    -----
    All scores are computed in float64, whatever the type of the input: the graph agrees with
    `predict_proba` on the same rows to about 1e-12. In a Pipeline the other steps are
    skl2onnx's, and those of them that know float32 only decide how close the whole comes.
    A graph does not check its input as the classifier does. A model that has learned
    categories or missing values takes them: a category is text, one that was never learned
    counts as by `predict_proba`, and no text, ``""``, stands for a missing one.

    `sensitive_columns` are no input of a model's own graph. Behind the other steps of a
    Pipeline they remain columns of what these steps give, and are left out there.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.export import to_onnx
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> model = model.fit(stream.data, stream.target)
    >>> graph = to_onnx(model)
    >>> [output.name for output in graph.graph.output]
    ['label', 'probabilities']

    In the service, without this library:

    >>> import onnxruntime
    >>> session = onnxruntime.InferenceSession(graph.SerializeToString())
    >>> label, proba = session.run(None, {"X": stream.data[:5].to_numpy()})
    >>> bool(abs(proba - model.predict_proba(stream.data[:5])).max() < 1e-9)
    True
    """
    classifier = model[-1] if isinstance(model, Pipeline) else model
    if not isinstance(classifier, EXPORTED):
        raise ValueError(
            "model must be a FEAMOEClassifier or a Pipeline that ends with one, or with a "
            f"PolicyGatedMoEClassifier, got {type(classifier).__name__}"
        )
    skl2onnx = register_converter()
    check_is_fitted(classifier)
    if X is None and model is not classifier:
        raise ValueError(
            "X must be given for a Pipeline, since its steps decide by the types of the "
            "columns; pass some rows as the model will get them"
        )
    unknown = optional("skl2onnx.common.exceptions", extra="onnx", purpose="skfeamoe.export")
    try:
        graph = skl2onnx.convert_sklearn(
            model,
            initial_types=_inputs(model, X),
            target_opset=OPSET if target_opset is None else target_opset,
            options={kind: {"zipmap": False} for kind in EXPORTED},
        )
    except (unknown.MissingShapeCalculator, unknown.MissingConverter) as error:
        raise ValueError(
            f"model has a step that skl2onnx does not know ({str(error).splitlines()[0]}); "
            "write the classifier alone, and give the graph what the other steps make of the "
            "rows: to_onnx(model[-1], model[:-1].transform(X))"
        ) from error
    _drop_unread_inputs(graph.graph)
    return graph


def register_converter() -> Any:
    """Tell skl2onnx how to convert the classifiers, alone or in any of its estimators.

    Returns
    -------
    skl2onnx : module
        The package, for use in place of `to_onnx` with all of its options.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install "skfeamoe[onnx]"``.

    Examples
    --------
    >>> from skfeamoe.export import register_converter
    >>> skl2onnx = register_converter()
    >>> callable(skl2onnx.to_onnx)
    True
    """
    skl2onnx = optional("skl2onnx", extra="onnx", purpose="skfeamoe.export")
    for kind in EXPORTED:
        skl2onnx.update_registered_converter(
            kind,
            f"Skfeamoe{kind.__name__}",
            _set_shapes,
            _convert,
            options={"zipmap": [True, False]},
        )
    return skl2onnx


def _inputs(model, X) -> list[tuple[str, Any]]:
    """Names and types of the graph's inputs."""
    types = optional("skl2onnx.common.data_types", extra="onnx", purpose="skfeamoe.export")
    if X is None:
        kept = _kept(model)
        return [(INPUT, types.DoubleTensorType([None, len(kept)]))]
    refuse_lazy(X, "X")
    columns = columns_of(X)
    if columns is None:
        X = np.asarray(X)
        _check_columns(model, None, X.shape[1])
        return [(INPUT, _tensor_type(types, X, INPUT)([None, X.shape[1]]))]
    names = list(columns)
    _check_columns(model, names, len(names))
    arrays = {name: values_of(column) for name, column in columns.items()}
    if isinstance(model, EXPORTED):
        arrays = {name: _flags_as_numbers(values) for name, values in arrays.items()}
        if len(names) == model.n_features_in_:
            names = [names[j] for j in _kept(model)]
    return [(str(name), _tensor_type(types, arrays[name], name)([None, 1])) for name in names]


def _check_columns(model, names: list | None, n_columns: int) -> None:
    """The columns are those that the classifier learned, or those of them that it reads."""
    if not isinstance(model, EXPORTED):
        return
    kept = _kept(model)
    if n_columns not in (model.n_features_in_, len(kept)):
        raise ValueError(
            f"X must have the {model.n_features_in_} columns that the model learned, got "
            f"{n_columns}; pass rows as for predict"
        )
    if names is None or (learned := getattr(model, "feature_names_in_", None)) is None:
        return
    wanted = list(learned if n_columns == model.n_features_in_ else learned[kept])
    if names != wanted:
        k = next(k for k, name in enumerate(names) if name != wanted[k])
        raise ValueError(
            f"X must have the columns that the model learned, in their order, got {names[k]!r} "
            f"where {wanted[k]!r} was; pass rows as for predict"
        )


def _flags_as_numbers(values: NDArray) -> NDArray:
    """Objects that are numbers, or True and False, where they are not missing, as numbers."""
    if values.dtype.kind != "O":
        return values
    known = np.array([not is_missing(value) for value in values])
    if not known.any() or not all(isinstance(v, (Number, np.bool_)) for v in values[known]):
        return values
    numbers = np.full(len(values), np.nan)
    numbers[known] = values[known].astype(float)
    return numbers


def _kept(model) -> list[int]:
    """Positions in X of the columns that are features."""
    if isinstance(model, PolicyGatedMoEClassifier):
        return list(range(model.n_features_in_))
    return feature_columns(model)[0]


def _drop_unread_inputs(graph) -> None:
    """Remove inputs that no node reads: columns that a Pipeline drops, sensitive ones, say."""
    read = {name for node in graph.node for name in node.input}
    for given in [given for given in graph.input if given.name not in read]:
        graph.input.remove(given)


def _tensor_type(types, values: NDArray, name) -> Any:
    """The tensor type of a column or matrix."""
    if values.dtype == np.float32:
        return types.FloatTensorType
    if values.dtype.kind == "O" and not any(isinstance(v, str) for v in values.ravel()):
        raise ValueError(
            f"columns of X must hold numbers or text, got {values.ravel()[0]!r} in {name!r}; "
            "pass rows that show what the column holds"
        )
    known = {
        "f": types.DoubleTensorType,
        "i": types.Int64TensorType,
        "u": types.Int64TensorType,
        "b": types.BooleanTensorType,
    }
    return known.get(values.dtype.kind, types.StringTensorType)


def _label_values(classes: NDArray) -> NDArray:
    """The labels as ONNX has them: whole numbers, numbers, truth values or text."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind in "bf":
        return classes.astype({"b": np.bool_, "f": np.float64}[classes.dtype.kind])
    return classes.astype(object)


def _set_shapes(operator) -> None:
    """Types and shapes of the outputs, for skl2onnx."""
    types = optional("skl2onnx.common.data_types", extra="onnx", purpose="skfeamoe.export")
    model = operator.raw_operator
    n = operator.inputs[0].get_first_dimension()
    label = _tensor_type(types, _label_values(model.classes_), "classes_")
    operator.outputs[0].set_type(label([n]))
    operator.outputs[1].set_type(types.DoubleTensorType([n, len(model.classes_)]))


def _convert(scope, operator, container) -> None:
    """The nodes of a fitted classifier, for skl2onnx."""
    model, graph = operator.raw_operator, _Graph(scope, container)
    if isinstance(model, PolicyGatedMoEClassifier):
        joint = graph("Mul", *_policy_proba(graph, model, operator.inputs))
    else:
        z = _terms(graph, model, operator.inputs)
        joint = graph("Mul", _gate_proba(graph, model, z), _expert_proba(graph, model, z))
    proba = graph("ReduceSum", joint, graph.constant(np.array([0])), keepdims=0)
    best = graph("ArgMax", proba, axis=1, keepdims=0)
    label, probabilities = (variable.full_name for variable in operator.outputs)
    graph("Gather", graph.constant(_label_values(model.classes_)), best, output=label)
    graph("Identity", proba, output=probabilities)


def _terms(graph: _Graph, model, inputs) -> str:
    """Columns of the model, (n_samples, n_columns), from the columns that come in."""
    kept = _kept(model)
    x = _numbers(graph, model, inputs, kept)
    terms = model._terms
    if not terms.is_linear:
        return _column_terms(graph, terms, x)
    low, high = (np.clip(bound, -LARGEST, LARGEST) for bound in _bounds(terms, len(kept)))
    x = graph("Max", x, graph.constant(low[None]))
    return graph("Min", x, graph.constant(high[None]))


def _numbers(graph: _Graph, model, inputs, kept: list[int]) -> str:
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


def _column(graph: _Graph, encoder, j: int, variable) -> str:
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


def _column_terms(graph: _Graph, terms, x: str) -> str:
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


def _bounds(terms, n_features: int) -> tuple[NDArray, NDArray]:
    """Within which linear terms hold their features."""
    if isinstance(terms, LinearTerms) and terms.centered:
        return terms.bounds
    unbounded = np.full(n_features, np.inf)
    return -unbounded, unbounded


def _gate_proba(graph: _Graph, model, z: str) -> str:
    """Weights of the experts, (n_experts, n_samples, 1)."""
    scores = _linear(graph, z, model.gate_coef_, model.gate_intercept_)
    by_expert = graph("Transpose", graph("Softmax", scores, axis=1), perm=[1, 0])
    return graph("Unsqueeze", by_expert, graph.constant(np.array([2])))


def _expert_proba(graph: _Graph, model, z: str) -> str:
    """Class probabilities of the experts, (n_experts, n_samples, n_classes)."""
    (weight, bias), *others = model.expert_layers_
    k, n_out, n_in = weight.shape
    fused = _linear(graph, z, weight.reshape(k * n_out, n_in), bias.reshape(-1))
    shape = graph.constant(np.array([-1, k, n_out]))
    scores = graph("Transpose", graph("Reshape", fused, shape), perm=[1, 0, 2])
    for weight, bias in others:
        hidden = _activated(graph, scores, model._model.ensemble.layout.activation)
        product = graph("MatMul", hidden, graph.constant(weight.transpose(0, 2, 1)))
        scores = graph("Add", product, graph.constant(bias[:, None, :]))
    if (shift := model._model.loose_shift) is not None:
        scores = graph("Add", scores, _shift(graph, model, z, shift))
    if len(model.classes_) > 2:
        return graph("Softmax", scores, axis=2)
    both = (graph("Sigmoid", graph("Neg", scores)), graph("Sigmoid", scores))
    return graph("Concat", *both, axis=2)


def _shift(graph: _Graph, model, z: str, shift) -> str:
    """What the offset that keeps bounds adds to every expert, (n_samples, n_outputs).

    Linear experts have it in their coefficients; to networks it is added.
    """
    weight, bias = shift.offset[None, :-1], shift.offset[-1:]
    if model._model.terms.is_linear:
        weight, bias = model._model.terms.fold(weight, bias)
    h = _linear(graph, z, weight, bias)
    if shift.local is not None:
        for column in shift.local.offset.columns:
            h = graph("Add", h, _local(graph, model._model.terms, column, z))
    n_classes = len(model.classes_)
    if n_classes == 2:
        return h if shift.favorable == 1 else graph("Neg", h)
    return graph("Mul", h, graph.constant(np.eye(n_classes)[[shift.favorable]]))


def _local(graph: _Graph, terms, column, z: str) -> str:
    """What the offset adds in the parts of one column, (n_samples, 1)."""
    added = _linear(graph, z, column.weight[:, :-1], column.weight[:, -1])
    members = _members(graph, terms, column, z)
    return graph(
        "ReduceSum", graph("Mul", members, added), graph.constant(np.array([1])), keepdims=1
    )


def _members(graph: _Graph, terms, column, z: str) -> str:
    """1 where a row belongs to a part of a column, (n_samples, n_parts)."""
    first = terms.numbers.n_outputs
    if column.is_category:
        k, own = int(np.searchsorted(terms.category, column.column)), terms.categories
        slots = {
            code: len(terms.category) + i
            for i, code in enumerate(own.slot_code)
            if own.slot_column[i] == k
        }
        places = [first + slots.get(code, k) for code in column.codes]
        return graph("Gather", z, graph.constant(np.array(places)), axis=1)
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
    return members


def _policy_proba(graph: _Graph, model, inputs) -> tuple[str, str]:
    """Weights and class probabilities of the experts under a gate that reads both.

    (n_experts, n_samples, 1) and (n_experts, n_samples, n_classes).
    """
    mixture, terms = model._mixture(), LinearTerms.from_dict(model._units)
    kept = _kept(model)
    x = _numbers(graph, model, inputs, kept)
    low, high = (np.clip(bound, -LARGEST, LARGEST) for bound in _bounds(terms, len(kept)))
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


def _network(graph: _Graph, z: str, layers: list[Layer], activation: str) -> str:
    """Outputs of networks side by side, (n_networks, n_samples, n_outputs)."""
    for number, (weight, bias) in enumerate(layers):
        z = _activated(graph, z, activation) if number else z
        z = graph("MatMul", z, graph.constant(weight.transpose(0, 2, 1)))
        z = graph("Add", z, graph.constant(bias[:, None, :]))
    return z


def _gate_state(graph: _Graph, z: str, proba: str, n_experts: int, n_classes: int) -> str:
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


def _linear(graph: _Graph, z: str, weight: NDArray, bias: NDArray) -> str:
    """Linear scores, (n_samples, n_scores)."""
    product = graph("MatMul", z, graph.constant(weight.T))
    return graph("Add", product, graph.constant(bias))


def _activated(graph: _Graph, scores: str, activation: str) -> str:
    """Scores behind their activation; ONNX Runtime has no leaky rectifier of doubles."""
    if activation == "leaky_relu":
        leak = graph("Mul", scores, graph.constant(np.array(LEAK)))
        return graph("Max", scores, leak)
    return graph({"relu": "Relu", "tanh": "Tanh"}[activation], scores)


class _Graph:
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

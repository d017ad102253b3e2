r"""Serving without Python: a fitted classifier as an ONNX graph.

The graph computes what `predict_proba` computes, in units of `X` and in double precision:

.. math:: f(x) = \sum_k \mathrm{softmax}(V z + b)_k \, o_k(z), \qquad z = \text{terms}(x)

in three blocks. `_columns` makes the model's columns z of the columns x that come in: numbers
held within their bounds, or splines, categories and holes as sums of ramps and flags.
`_experts` is the experts and the gate on z. The gate of a
`PolicyGatedMoEClassifier` is a network that reads the experts' probabilities besides
(`_policy`).

Inside a Pipeline the converter is one of skl2onnx's: `register_converter` tells skl2onnx of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfeamoe._classifier import last_step
from skfeamoe._optional import optional
from skfeamoe._policy_gated import PolicyGatedMoEClassifier
from skfeamoe.export._columns import model_columns
from skfeamoe.export._experts import expert_proba, gate_proba
from skfeamoe.export._graph import Graph
from skfeamoe.export._inputs import (
    EXPORTED,
    drop_unread_inputs,
    graph_inputs,
    label_values,
    tensor_type,
)
from skfeamoe.export._policy import policy_proba

__all__ = ["OPSET", "register_converter", "to_onnx"]

OPSET = {"": 18, "ai.onnx.ml": 3}
"""Versions of the operators that exported graphs use, by ONNX domain."""


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
    classifier = last_step(model)
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
            initial_types=graph_inputs(model, X),
            target_opset=OPSET if target_opset is None else target_opset,
            options={kind: {"zipmap": False} for kind in EXPORTED},
        )
    except (unknown.MissingShapeCalculator, unknown.MissingConverter) as error:
        raise ValueError(
            f"model has a step that skl2onnx does not know ({str(error).splitlines()[0]}); "
            "write the classifier alone, and give the graph what the other steps make of the "
            "rows: to_onnx(model[-1], model[:-1].transform(X))"
        ) from error
    drop_unread_inputs(graph.graph)
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


def _set_shapes(operator) -> None:
    """Types and shapes of the outputs, for skl2onnx."""
    types = optional("skl2onnx.common.data_types", extra="onnx", purpose="skfeamoe.export")
    model = operator.raw_operator
    n = operator.inputs[0].get_first_dimension()
    label = tensor_type(types, label_values(model.classes_), "classes_")
    operator.outputs[0].set_type(label([n]))
    operator.outputs[1].set_type(types.DoubleTensorType([n, len(model.classes_)]))


def _convert(scope, operator, container) -> None:
    """The nodes of a fitted classifier, for skl2onnx."""
    model, graph = operator.raw_operator, Graph(scope, container)
    if isinstance(model, PolicyGatedMoEClassifier):
        joint = graph("Mul", *policy_proba(graph, model, operator.inputs))
    else:
        z = model_columns(graph, model, operator.inputs)
        joint = graph("Mul", gate_proba(graph, model, z), expert_proba(graph, model, z))
    proba = graph("ReduceSum", joint, graph.constant(np.array([0])), keepdims=0)
    best = graph("ArgMax", proba, axis=1, keepdims=0)
    label, probabilities = (variable.full_name for variable in operator.outputs)
    graph("Gather", graph.constant(label_values(model.classes_)), best, output=label)
    graph("Identity", proba, output=probabilities)

"""What goes into a graph and comes out of it: names and types."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._column_names import feature_columns
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._frames import columns_of, refuse_lazy, values_of
from skfeamoe._groups import is_missing
from skfeamoe._optional import optional
from skfeamoe._policy_gated import PolicyGatedMoEClassifier

INPUT = "X"
"""Name of the input of a graph that takes all columns as one matrix."""

EXPORTED = (FEAMOEClassifier, PolicyGatedMoEClassifier)
"""Classifiers that can be written; "Skfeamoe" before a name makes skl2onnx's operator."""


def graph_inputs(model, X) -> list[tuple[str, Any]]:
    """Names and types of the graph's inputs."""
    types = optional("skl2onnx.common.data_types", extra="onnx", purpose="skfeamoe.export")
    if X is None:
        kept = kept_columns(model)
        return [(INPUT, types.DoubleTensorType([None, len(kept)]))]
    refuse_lazy(X, "X")
    columns = columns_of(X)
    if columns is None:
        X = np.asarray(X)
        _check_columns(model, None, X.shape[1])
        return [(INPUT, tensor_type(types, X, INPUT)([None, X.shape[1]]))]
    names = list(columns)
    _check_columns(model, names, len(names))
    arrays = {name: values_of(column) for name, column in columns.items()}
    if isinstance(model, EXPORTED):
        arrays = {name: _flags_as_numbers(values) for name, values in arrays.items()}
        if len(names) == model.n_features_in_:
            names = [names[j] for j in kept_columns(model)]
    return [(str(name), tensor_type(types, arrays[name], name)([None, 1])) for name in names]


def _check_columns(model, names: list | None, n_columns: int) -> None:
    """The columns are those that the classifier learned, or those of them that it reads."""
    if not isinstance(model, EXPORTED):
        return
    kept = kept_columns(model)
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


def kept_columns(model) -> list[int]:
    """Positions in X of the columns that are features."""
    if isinstance(model, PolicyGatedMoEClassifier):
        return list(range(model.n_features_in_))
    return feature_columns(model)[0]


def drop_unread_inputs(graph) -> None:
    """Remove inputs that no node reads: columns that a Pipeline drops, sensitive ones, say."""
    read = {name for node in graph.node for name in node.input}
    for given in [given for given in graph.input if given.name not in read]:
        graph.input.remove(given)


def tensor_type(types, values: NDArray, name) -> Any:
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


def label_values(classes: NDArray) -> NDArray:
    """The labels as ONNX has them: whole numbers, numbers, truth values or text."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind in "bf":
        return classes.astype({"b": np.bool_, "f": np.float64}[classes.dtype.kind])
    return classes.astype(object)

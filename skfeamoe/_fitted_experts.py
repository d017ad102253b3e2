"""Fitted scikit-learn models as first experts: their layers in units of X."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.mlp import Layer

USE = {
    "logistic": "LogisticRegression",
    "mlp": "MLPClassifier with the hidden_layer_sizes and activation of this model",
}
"""What to fit for every kind of expert."""


def fitted_layers(
    model,
    name: str,
    *,
    expert: str,
    hidden: Sequence[int],
    activation: str,
    classes: NDArray,
    n_features: int,
    feature_names: Sequence[str] | None = None,
) -> list[Layer]:
    """Layers of a fitted classifier, (n_out, n_in) weights and (n_out,) biases each.

    ``model`` is, for logistic experts, a LogisticRegression, an SGDClassifier with the log
    loss or anything with the same ``coef_``, ``intercept_`` and ``classes_``; for networks an
    MLPClassifier of the same shape; or a Pipeline of StandardScaler and one of these.
    """
    scaler, last = _scaler_and_last(model, name)
    read, attributes = READERS[expert]
    missing = [a for a in (*attributes, "classes_") if not hasattr(last, a)]
    if missing:
        raise ValueError(
            f'{name} must be a fitted classifier for expert="{expert}", got '
            f"{type(last).__name__} without {missing}; fit it first, or use {USE[expert]}"
        )
    if not np.array_equal(last.classes_, classes):
        raise ValueError(
            f"{name} knows the classes {last.classes_.tolist()}, the stream has "
            f"{classes.tolist()}; they must be the same"
        )
    n_outputs = 1 if len(classes) == 2 else len(classes)
    first, *others = read(last, name, n_outputs, list(hidden), activation)
    weight, bias = first
    if weight.shape[1] != n_features:
        raise ValueError(
            f"{name} was fitted on {weight.shape[1]} features, X has {n_features}; give all "
            "of them the same columns"
        )
    names = [] if feature_names is None else list(feature_names)
    fitted_on = list(getattr(model, "feature_names_in_", names))
    if names and fitted_on != names:
        raise ValueError(
            f"{name} was fitted on the columns {fitted_on}, X has {names}; fit it on the same "
            "columns in the same order"
        )
    if scaler is not None:
        if scaler.scale_ is not None:
            weight = weight / scaler.scale_
        if scaler.with_mean:
            bias = bias - weight @ scaler.mean_
    return [Layer(weight, bias), *others]


def _scaler_and_last(model, name: str):
    """The StandardScaler before a classifier, or None, and the classifier."""
    if not hasattr(model, "steps"):
        return None, model
    *before, (_, last) = model.steps
    kinds = [type(step).__name__ for _, step in before]
    if kinds not in ([], ["StandardScaler"]):
        raise ValueError(
            f"{name} is a Pipeline with the steps {kinds} before the classifier; only a "
            "StandardScaler can be taken over, so transform X before skfeamoe instead"
        )
    return (before[0][1] if before else None), last


def _linear_layers(linear, name: str, n_outputs: int, hidden, activation) -> list[Layer]:
    """The one layer of a linear classifier."""
    if getattr(linear, "loss", "log_loss") != "log_loss":
        raise ValueError(
            f"{name} has loss={linear.loss!r}; only the log loss gives probabilities, so use "
            'SGDClassifier(loss="log_loss") or LogisticRegression'
        )
    coef = np.array(linear.coef_, dtype=np.float64)
    if len(coef) != n_outputs:
        raise ValueError(f"{name} has coef_ of shape {coef.shape}, expected {n_outputs} rows")
    if n_outputs > 1 and hasattr(linear, "loss"):
        raise ValueError(
            f"{name} fits one class against the rest, which is no softmax over "
            f"{n_outputs} classes; use LogisticRegression"
        )
    return [Layer(coef, np.zeros(n_outputs) + np.asarray(linear.intercept_, np.float64))]


def _network_layers(network, name: str, n_outputs: int, hidden, activation) -> list[Layer]:
    """The layers of an MLPClassifier."""
    found = [len(bias) for bias in network.intercepts_]
    if found != [*hidden, n_outputs] or network.activation != activation:
        raise ValueError(
            f"{name} has layers of {found} units with activation={network.activation!r}, "
            f"this model needs {[*hidden, n_outputs]} with {activation!r}; give both the same "
            "hidden_layer_sizes and activation"
        )
    return [
        Layer(np.array(coef.T, dtype=np.float64), np.array(bias, dtype=np.float64))
        for coef, bias in zip(network.coefs_, network.intercepts_, strict=True)
    ]


READERS = {
    "logistic": (_linear_layers, ("coef_", "intercept_")),
    "mlp": (_network_layers, ("coefs_", "intercepts_")),
}
"""How to read the layers of each kind, and the attributes that this takes."""

"""How any scikit-learn classifier is asked to predict and to learn.

Sensitive features and weights go only where the estimator takes them: where the method's
signature names them (unless a metadata request says False), or where a meta-estimator
routes them on.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_is_fitted

from skfeamoe._feamoe import FEAMOEClassifier

_EPS = float(np.finfo(np.float64).eps)


def is_fitted(estimator: Any) -> bool:
    """Whether an estimator or transformer can be used as it is."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except (TypeError, AttributeError):  # not a scikit-learn estimator, only like one
        return hasattr(estimator, "classes_")
    return True


def accepts(estimator: Any, method: str, name: str) -> bool:
    """Whether ``estimator.method`` takes the metadata `name`."""
    parameters = inspect.signature(getattr(estimator, method)).parameters
    routing = get_routing_for_object(estimator)
    if name in parameters:
        requests = getattr(getattr(routing, method, None), "requests", {})
        return requests.get(name) is not False
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return takes_any and name in routing.consumes(method, [name])


def accepted_metadata(estimator: Any) -> dict[str, list[str]]:
    """Names among the metadata of a stream that each learning method takes."""
    return {
        method: [
            name
            for name in ("sensitive_features", "sample_weight", "propensity")
            if accepts(estimator, method, name)
        ]
        for method in ("fit", "partial_fit")
        if hasattr(estimator, method)
    }


def takes_classes(estimator: Any) -> bool:
    """Whether ``partial_fit`` has a parameter `classes`."""
    return "classes" in inspect.signature(estimator.partial_fit).parameters


def label_codes(labels: Any, classes: np.ndarray, name: str) -> np.ndarray:
    """Positions of labels in the sorted classes; an unknown label is an error."""
    labels = np.asarray(labels)
    try:
        codes = np.searchsorted(classes, labels)
        codes[codes == len(classes)] = 0
        unknown = classes[codes] != labels
    except TypeError:
        unknown = np.ones(len(labels), dtype=bool)
    if np.any(unknown):
        raise ValueError(
            f"{name} holds the label {labels.tolist()[np.argmax(unknown)]!r}, not in "
            f"classes={classes.tolist()}; pass all labels of the stream as classes"
        )
    return codes.astype(np.intp)


def predict_rows(
    estimator: Any,
    X: Any,
    true: np.ndarray,
    classes: np.ndarray,
    favorable: int,
    needs: set,
) -> dict[str, Any]:
    """Predict one batch: codes, score of the favorable class, log loss, distance.

    `needs` names what is asked for besides the labels, of "score" and "distance". Of a mixture
    there are the weights of its gate besides.
    """
    n = len(true)
    rows: dict[str, Any] = {
        **{name: np.full(n, np.nan) for name in ("score", "log_loss", "proba", "distance")},
        "is_proba": False,
    }
    proba = None
    if type(estimator) is FEAMOEClassifier:  # all at once: most of a call is reading the rows
        proba, rows["gate"], distance = estimator._decisions(X)
        predicted = estimator.classes_[proba.argmax(axis=1)]
    else:
        predicted = estimator.predict(X)
        distance = None
        if hasattr(estimator, "gate_proba"):
            rows["gate"] = estimator.gate_proba(X)
    rows["predicted"] = label_codes(predicted, classes, "the prediction")
    if "score" in needs and hasattr(estimator, "predict_proba"):
        proba = estimator.predict_proba(X) if proba is None else proba
        proba = _in_order(proba, estimator.classes_, classes)
        chosen = np.clip(proba[np.arange(n), true], _EPS, 1 - _EPS)
        score = np.clip(proba[:, favorable], 0.0, 1.0)
        rows.update(score=score, proba=score, log_loss=-np.log(chosen), is_proba=True)
    elif "score" in needs and hasattr(estimator, "decision_function"):
        rows["score"] = _decision_score(estimator, X, classes, favorable)
    if "distance" in needs and hasattr(estimator, "distance_to_boundary"):
        distance = estimator.distance_to_boundary(X) if distance is None else distance
        rows["distance"] = np.asarray(distance, dtype=float)
    return rows


def _in_order(proba: np.ndarray, known: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Columns of `proba` in the order of `classes`; classes never learned get zero."""
    if np.array_equal(known, classes):
        return np.asarray(proba, dtype=float)
    full = np.zeros((len(proba), len(classes)))
    full[:, label_codes(known, classes, "classes_ of the estimator")] = proba
    return full


def _decision_score(estimator: Any, X: Any, classes: np.ndarray, favorable: int) -> np.ndarray:
    """Score of the favorable class from ``decision_function``."""
    score = np.asarray(estimator.decision_function(X), dtype=float)
    known = label_codes(estimator.classes_, classes, "classes_ of the estimator").tolist()
    if favorable not in known:
        return np.full(len(score), np.nan)
    if score.ndim == 1:
        return score if known[-1] == favorable else -score
    return score[:, known.index(favorable)]

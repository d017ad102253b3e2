"""The three models that go through a stream side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skfeamoe import FEAMOEClassifier

from ._bounds import Bounds

FEAMOE, STATIC, ONLINE = "FEAMOE", "static LR", "online SGD"


class _LinearDistance:
    """Distance to the boundary of a linear model, |decision| / norm of coef."""

    coef_: np.ndarray

    def distance_to_boundary(self, X) -> np.ndarray:
        """Return it in units of X; nan for more than two classes."""
        if len(self.coef_) > 1:
            return np.full(len(X), np.nan)
        norm = np.linalg.norm(self.coef_[0])
        decision = np.abs(self.decision_function(X))  # type: ignore[attr-defined]
        return decision / norm if norm > 0 else np.full(len(X), np.nan)


class StaticLogisticRegression(_LinearDistance, LogisticRegression):
    """Logistic regression with a distance to its boundary."""


class OnlineLogisticRegression(_LinearDistance, SGDClassifier):
    """Logistic regression by stochastic gradients with a distance to its boundary."""


class Encoded(ClassifierMixin, BaseEstimator):
    """A model of numbers that takes raw rows, behind an encoder that is fitted already."""

    def __init__(self, encoder, model):
        self.encoder = encoder
        self.model = model

    def fit(self, X, y, **metadata):
        """Fit the model on the encoded rows."""
        self.model.fit(self.encoder.transform(X), y, **metadata)
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Let the model learn the encoded rows."""
        X = self.encoder.transform(X)
        self.model.partial_fit(X, y, classes=classes, sample_weight=sample_weight)
        return self

    def predict(self, X, **options):
        """Labels of raw rows."""
        return self.model.predict(self.encoder.transform(X), **options)

    def predict_proba(self, X):
        """Probabilities of raw rows."""
        return self.model.predict_proba(self.encoder.transform(X))

    def distance_to_boundary(self, X):
        """Distance of raw rows in units of the encoder."""
        return self.model.distance_to_boundary(self.encoder.transform(X))

    @property
    def classes_(self) -> np.ndarray:
        """The model's labels."""
        return self.model.classes_

    def __sklearn_is_fitted__(self) -> bool:
        """Whether the model is."""
        return hasattr(self.model, "classes_")


def three_models(
    *,
    bounds: Bounds,
    seed: int,
    encoder: Any,
    favorable: Any = None,
    growth: str | None = "drift",
    expert: str = "logistic",
    categories: Sequence[str] | str = "from_dtype",
    alone: bool = False,
) -> dict[str, Any]:
    """FEAMOE and its two rivals, untrained, in the order of tables and pictures.

    `categories` names columns for FEAMOE,
    which takes raw rows; `encoder` makes numbers of them for the rivals. The online rival has
    a constant step: with scikit-learn's default step, which shrinks, it would stop learning
    and be beaten too easily once the world changes.
    """
    models: dict[str, Any] = {
        FEAMOE: FEAMOEClassifier(
            **bounds.parameters,
            growth=growth,
            expert=expert,
            favorable_label=favorable,
            categorical_features=categories,
            random_state=seed,
        )
    }
    if alone:
        return models
    online = OnlineLogisticRegression(
        loss="log_loss", learning_rate="constant", eta0=0.01, random_state=seed
    )
    models[ONLINE] = Encoded(encoder, online)
    models[STATIC] = Encoded(encoder, StaticLogisticRegression(max_iter=1000))
    return models

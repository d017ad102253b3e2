"""The three models that go through a stream side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skfeamoe import FEAMOEClassifier

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


def three_models(
    *,
    bounds: Mapping[str, float],
    seed: int,
    favorable: Any = None,
    growth: str | None = "drift",
    alone: bool = False,
) -> dict[str, Any]:
    """FEAMOE and its two rivals, untrained, in the order of tables and pictures.

    `bounds` maps constraints to their bounds. The online rival has a constant step: with
    scikit-learn's default step, which shrinks, it would stop learning and be beaten too
    easily once the world changes.
    """
    names = list(bounds)
    models: dict[str, Any] = {
        FEAMOE: FEAMOEClassifier(
            names[0] if len(names) == 1 else names,
            difference_bound=bounds[names[0]] if len(names) == 1 else dict(bounds),
            growth=growth,
            favorable_label=favorable,
            random_state=seed,
        )
    }
    if alone:
        return models
    models[ONLINE] = OnlineLogisticRegression(
        loss="log_loss", learning_rate="constant", eta0=0.01, random_state=seed
    )
    models[STATIC] = StaticLogisticRegression(max_iter=1000)
    return models

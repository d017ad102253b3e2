"""Small fitted models that the tests explain."""

import numpy as np
import pandas as pd

from skfeamoe import FEAMOEClassifier

CATEGORIES = {"sex": ["f", "m"], "marital_status": ["single", "never_wed", "wed"]}


def onehot_frame(rng, n=300, prefix=False):
    """Return a frame of two numbers and two one-hot features, named like an encoder would."""
    columns = {"age": rng.normal(40, 10, n), "debt_ratio": rng.random(n)}
    for feature, categories in CATEGORIES.items():
        code = np.r_[np.arange(len(categories)), rng.integers(len(categories), size=n)][:n]
        for c, category in enumerate(categories):
            columns[f"{feature}_{category}"] = (code == c).astype(float)
    frame = pd.DataFrame(columns)
    if prefix:
        frame.columns = [("num__" if j < 2 else "cat__") + c for j, c in enumerate(frame)]
    return frame


def labels(rng, X, n_classes=2):
    """Return labels that depend on a product, so that experts differ."""
    Z = np.asarray(X, dtype=float)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    score = Z[:, 0] * Z[:, 2] + Z[:, 1] + 0.5 * rng.normal(size=len(Z))
    return np.searchsorted(np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1]), score)


def fitted(X, y, **parameters):
    """Return a mixture of several experts."""
    defaults = {"constraints": None, "growth_interval": 100, "max_experts": 3, "max_iter": 5}
    return FEAMOEClassifier(**defaults | {"random_state": 0} | parameters).fit(X, y)


def output_of(model, X, output):
    """Return what explanations must sum to, (n,) or (n, n_classes)."""
    proba = model.predict_proba(X)
    values = proba if output == "probability" else np.log(proba / (1.0 - proba))
    return values[:, 1] if proba.shape[1] == 2 else values

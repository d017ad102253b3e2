"""River's classifiers as they are, beside scikit-learn's, in one prequential run.

A bare one learns one row at a time (`learn_one`, `predict_proba_one`); one in river's wrapper
for scikit-learn answers only once fitted, by classes in its own order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def is_river(estimator: Any) -> bool:
    """Whether an estimator is a classifier of river's kind, bare or in river's wrapper."""
    bare = hasattr(estimator, "learn_one") and hasattr(estimator, "predict_one")
    return (bare and not hasattr(estimator, "predict")) or (
        hasattr(estimator, "river_estimator") and hasattr(estimator, "partial_fit")
    )


class RiverModel:
    """A river classifier with the methods that a run calls; trained in place.

    Before it has learned, river's models answer None, or no class at all: such a row counts
    as the first class, with equal probabilities.
    """

    def __init__(self, model: Any):
        self.model = model
        self._two = False
        if hasattr(model, "instance_") and hasattr(model, "classes_"):  # wrapped, has learned
            self.classes_ = np.asarray(model.classes_)
            self._two = not getattr(model.river_estimator, "_multiclass", True)

    def partial_fit(self, X, y, classes=None):
        """Learn row by row."""
        if classes is not None or not hasattr(self, "classes_"):
            self.classes_ = np.unique(np.asarray(y if classes is None else classes))
        inner = getattr(self.model, "river_estimator", self.model)
        self._two = not getattr(inner, "_multiclass", True)
        if inner is not self.model:
            labels = self.classes_[np.searchsorted(self.classes_, np.asarray(y))]
            self.model.partial_fit(X, labels, classes=self.classes_)
            return self
        codes = np.searchsorted(self.classes_, np.asarray(y))
        labels = codes.astype(bool).tolist() if self._two else np.asarray(y).tolist()
        for row, label in zip(_rows(X), labels, strict=True):
            self.model.learn_one(row, label)
        return self

    def predict(self, X) -> np.ndarray:
        """Labels of the most probable classes."""
        if not hasattr(self._answers, "predict_proba_one"):
            return np.array([self._label(self._answers.predict_one(row)) for row in _rows(X)])
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities in the order of ``classes_``."""
        keys = [False, True] if self._two else self.classes_.tolist()
        table = []
        for row in _rows(X):
            said = self._answers.predict_proba_one(row)
            proba = np.array([said.get(key, 0.0) for key in keys], dtype=float)
            total = proba.sum()
            table.append(proba / total if total > 0 else np.full(len(keys), 1 / len(keys)))
        return np.array(table).reshape(-1, len(keys))

    @property
    def _answers(self) -> Any:
        """What predicts: river's wrapper learns in a copy of its model."""
        return getattr(self.model, "instance_", self.model)

    def _label(self, said: Any) -> Any:
        """The label that river meant."""
        if said is None:
            return self.classes_[0]
        return self.classes_[int(said)] if self._two else said


def _rows(X) -> Iterator[dict]:
    """Rows as dicts, by column name where there are names."""
    names: list[Any]
    if hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        table = X.to_numpy()
    else:
        table = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
        names = [*range(table.shape[1])]
    for row in table.tolist():
        yield dict(zip(names, row, strict=True))

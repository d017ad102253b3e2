"""What all classifiers of this package share: a gate over experts, and decisions by it."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score


def last_step(estimator) -> Any:
    """The estimator, or the last one of a Pipeline."""
    return estimator[-1] if hasattr(estimator, "steps") else estimator


def favorable_label_of(estimator, default: Any = None) -> Any:
    """The label that is good for the person, if the estimator tells one, or the default."""
    label = getattr(last_step(estimator), "favorable_label", None)
    return default if label is None else label


class GatedClassifier(ClassifierMixin, BaseEstimator, ABC):
    """A classifier that mixes experts; subclasses give probabilities and their logarithms."""

    __metadata_request__score = {"sensitive_features": True}

    def decision_function(self, X) -> np.ndarray:
        """Log-odds of the second class, or the log-probabilities of all classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Shape (n_samples,) for two classes.
        """
        log_proba = self.predict_log_proba(X)
        if len(self.classes_) == 2:
            return log_proba[:, 1] - log_proba[:, 0]
        return log_proba

    def predict(self, X) -> np.ndarray:
        """The most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to decide on.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels from `classes_`.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def score(self, X, y, sample_weight=None, sensitive_features=None) -> float:
        """Accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Test rows.

        y : array-like of shape (n_samples,)
            True labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        sensitive_features : array-like, default=None
            Accepted so that the same arguments serve fit and score; accuracy does not
            depend on it. Use fairlearn's metrics to score gaps.

        Returns
        -------
        score : float
            Share of correct predictions.
        """
        return accuracy_score(y, self.predict(X), sample_weight=sample_weight)

    @abstractmethod
    def _known_groups(self) -> list[str]:
        """Names of the groups by code."""

    @property
    def groups_(self) -> np.ndarray:
        """Names of the groups seen so far."""
        return np.array(self._known_groups(), dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

"""`decide` and `complete` of the rule: what is asked of it, and rows that wait as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skfeamoe._deciding import DecidingMixin
from skfeamoe._feedback import Exploration
from skfeamoe._rows import Rows
from skfeamoe._told import Told
from skfeamoe.postprocessing._inputs import check_stream_data, request_of, routed_params


class DecidingRule(DecidingMixin):
    """A rule over any estimator that learns from its own decisions."""

    coverage: Any
    estimator_: Any
    _favorable: Any
    _coverage: dict | None
    _group_labels: list[str]
    _draw_seed: int
    _dtypes: dict | None = None  # of the columns of a frame that waits as an array

    decision_function: Callable[..., Any]
    _held_out: Callable[..., Any]
    _as_rule: Callable[..., Any]
    _learn_next: Callable[..., Any]

    def _favorable_class(self):
        return self._favorable

    def _looked_at(self, X):
        if self._coverage is not None:
            raise ValueError(
                "decide gives every person a decision, and coverage="
                f"{self.coverage} leaves some without; use a classifier with coverage=None"
            )
        favorable = self._favorable == self.classes_[1]
        margin = self.decision_function(X) * (1.0 if favorable else -1.0)
        other = self.classes_[0 if favorable else 1]
        labels = np.where(margin > 0.0, self._favorable, other)
        return labels, np.clip(1.0 + margin, 0.0, 1.0)

    def _exploration(self, rate, explore):
        """Uniform, or near the margin by the rows that the rule is solved on."""
        held = self._held_out()
        if explore == "uniform" or held is None:
            return Exploration(rate)
        rule = self._as_rule()
        margin = (rule.margins(held.eta, held.pi) / rule.scales) @ rule.mixture
        refused = margin <= 0.0
        closeness = np.clip(1.0 + margin[refused], 0.0, 1.0)
        return Exploration.near_margin(rate, closeness, held.groups[refused])

    def _lottery_seed(self):
        return self._draw_seed

    def _meet(self, X, sensitive_features, sample_weight):
        if not hasattr(self.estimator_, "partial_fit"):
            raise ValueError(
                "decide with wait=True needs an estimator with partial_fit to learn the "
                f"outcomes, got {type(self.estimator_).__name__}; use wait=False and fit anew"
            )
        y = np.full(X.shape[0] if hasattr(X, "shape") else len(X), None)
        data = self._data_of(X, y, sensitive_features, sample_weight)
        messages = self._learn_next(data, request_of(self))
        rows = Rows(self._as_array(X), np.full(len(y), -1), data.groups, data.weight)
        return rows, Told(messages)

    def _hear(self, rows, labels, propensity):
        data = self._data_of(self._as_given(rows.X), labels.values, None, None, propensity)
        before = np.zeros(len(rows))
        params = {name: value for name, value in data.params.items() if name != "sample_weight"}
        if "sample_weight" in data.params:
            params["sample_weight"] = rows.weight * data.params["sample_weight"]
        data = replace(
            data,
            groups=rows.groups,
            weight=before,
            label_weight=rows.weight * data.label_weight,
            params=params,
            late=True,
        )
        return Told(self._learn_next(data, request_of(self)))

    def _data_of(self, X, y, sensitive_features, sample_weight, propensity=None):
        """Checked rows of a stream that has begun."""
        given = sensitive_features, sample_weight
        routed = routed_params(self, "partial_fit", *given, {})
        known = self.classes_, self._group_labels
        return check_stream_data(
            self, X, y, request_of(self), *given, routed, *known, propensity=propensity
        )

    def _as_array(self, X):
        """Rows as they wait; the types of a frame's columns are kept beside them."""
        self._dtypes = dict(X.dtypes) if isinstance(X, pd.DataFrame) else None
        return X.tocsr() if issparse(X) else np.asarray(X)

    def _as_given(self, X):
        """Rows that have waited, in the container they came in."""
        if self._dtypes is None:
            return X
        return pd.DataFrame(X, columns=list(self._dtypes)).astype(self._dtypes)

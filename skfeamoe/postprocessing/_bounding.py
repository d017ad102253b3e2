"""A fitted rule under other bounds: the same models, solved anew."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skfeamoe._told import Told
from skfeamoe.postprocessing import _fitting
from skfeamoe.postprocessing._coverage import CoverageRule
from skfeamoe.postprocessing._frontier import BOUNDS, frontier_row
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._inputs import check_stream_data, request_of, routed_params
from skfeamoe.postprocessing._rule import Rule


class BoundingRule:
    """A rule over any estimator that other bounds can be put on."""

    estimator_: Any
    group_estimator_: Any
    classes_: Any
    constraints: Any
    _group_labels: list[str]
    _rule: dict
    _coverage: dict | None
    _held: dict | None

    _solve: Callable[..., list[str]]
    _held_out: Callable[..., Any]
    _as_rule: Callable[..., Rule]
    set_params: Callable[..., Any]
    _validate_params: Callable[..., Any]

    def with_bound(self, difference_bound):
        """The same models under another bound.

        Parameters
        ----------
        difference_bound : float or dict
            As in the constructor.

        Returns
        -------
        classifier : BiasScoreClassifier
            A fitted classifier that shares its models with this one.

        Warns
        -----
        FairnessWarning
            If a bound is not met on the rows the rule was solved on.
        """
        other, messages = self._again(difference_bound=difference_bound)
        Told(messages).give()
        return other

    def with_coverage(self, coverage):
        """The same models with another coverage.

        Parameters
        ----------
        coverage : float or None
            As in the constructor.

        Returns
        -------
        classifier : BiasScoreClassifier
            A fitted classifier that shares its models with this one.

        Warns
        -----
        FairnessWarning
            If a bound is not met, another share is decided than was asked for, or abstention
            harms a group, on held-out rows.
        """
        other, messages = self._again(coverage=coverage)
        Told(messages).give()
        return other

    def _again(self, start=None, **parameters):
        """A copy with other parameters, solved anew, and what to warn of."""
        check_is_fitted(self)
        if self._held is None:
            raise ValueError(
                "there are no held-out rows to solve on: fit with sensitive_features and "
                "constraints, or with coverage"
            )
        other = copy.copy(self).set_params(**parameters)
        other._validate_params()
        return other, other._solve(request_of(other), start)

    def frontier(self, bounds=None, X=None, y=None, sensitive_features=None):
        """Accuracy and gaps of the rules of several bounds.

        Parameters
        ----------
        bounds : sequence of float or dict, default=None
            Bounds, as `difference_bound`; None takes nine from 0.01 to 0.3.

        X, y, sensitive_features : array-like, default=None
            Rows to measure on. None takes the held-out rows of `fit`, on which the rules are
            solved.

        Returns
        -------
        table : pandas.DataFrame
            A line a bound: ``bound``, ``accuracy``, for every constraint its
            ``..._difference`` and ``..._standard_error``, and ``met``: whether all bounds
            are kept on these rows. Of a randomized rule, expected values over draws. All are
            of those decided on. A gap is nan, and its bound not met, where fewer than two
            groups have rows to compare.

        Raises
        ------
        ValueError
            If there are no constraints, or `X` is given without `sensitive_features`.

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from skfeamoe.datasets import make_credit_stream
        >>> from skfeamoe.postprocessing import BiasScoreClassifier
        >>> data = make_credit_stream(2_000, drift=None, random_state=0)
        >>> X, y, group = data.data, data.target, data.sensitive_features
        >>> base = make_pipeline(StandardScaler(), LogisticRegression())
        >>> model = BiasScoreClassifier(base, random_state=0)
        >>> model = model.fit(X, y, sensitive_features=group)
        >>> model.frontier([0.02, 0.1])["met"].tolist()
        [True, True]
        """
        check_is_fitted(self)
        if not request_of(self).slots:
            raise ValueError(
                "frontier needs constraints whose bounds it varies, got "
                f"constraints={self.constraints!r}; name at least one and fit again"
            )
        given = None if X is None else self._measured_rows(X, y, sensitive_features)
        lines, start = [], None
        for bound in BOUNDS if bounds is None else bounds:
            other, _ = self._again(start, difference_bound=bound)
            held, rule, start = given or other._held_out(), other._as_rule(), other._rule["nu"]
            if other._coverage is not None:
                covered = CoverageRule(**other._coverage).is_covered(held.eta, held.pi)
                held = held.rows(covered)
            lines.append(frontier_row(held, rule, request_of(other), bound))
        return pd.DataFrame(lines)

    def _measured_rows(self, X, y, sensitive_features) -> HeldOut:
        """Rows with known labels and groups, scored by both models."""
        if sensitive_features is None:
            raise ValueError(
                "sensitive_features must be given with X, got None: without groups there are "
                "no gaps to measure; leave out X and y to measure on the held-out rows"
            )
        request = request_of(self)
        given = sensitive_features, None, routed_params(self, "fit", None, None, {})
        data = check_stream_data(self, X, y, request, *given, self.classes_, self._group_labels)
        return _fitting.score_rows(self.estimator_, self.group_estimator_, data)

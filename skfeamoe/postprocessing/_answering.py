"""What a fitted rule answers: decisions, margins, and what it has found."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from skfeamoe._drafts import snapshot
from skfeamoe._labels import labeled_part
from skfeamoe.postprocessing._coverage import CoverageRule
from skfeamoe.postprocessing._draws import uniform_of_rows
from skfeamoe.postprocessing._inputs import abstain_label
from skfeamoe.postprocessing._rule import Rule
from skfeamoe.postprocessing._strata import favorable_proba, strata_names, stratum_proba


class AnsweringRule:
    """A fitted rule over any estimator, asked about rows."""

    unlabeled: Any
    estimator_: Any
    group_estimator_: Any
    classes_: Any
    _favorable: Any
    _group_labels: list[str]
    _with_labels: bool
    _draw_seed: int
    _rule: dict
    _coverage: dict | None

    def _as_rule(self) -> Rule:
        """The rule that decides."""
        return Rule(**self._rule)

    def _as_coverage(self) -> CoverageRule | None:
        """The rule of whom to decide on."""
        return None if self._coverage is None else CoverageRule(**self._coverage)

    def _two_scores(self, X):
        """eta and pi of every row."""
        eta = favorable_proba(self.estimator_, X, self._favorable)
        if not hasattr(self.group_estimator_, "classes_"):  # there is none, or it is untaught
            return eta, np.ones((len(eta), 1, 1))
        names = strata_names(self._group_labels, self._with_labels)
        n_groups = len(self._group_labels)
        return eta, stratum_proba(self.group_estimator_, X, names, n_groups)

    def _relative_margin(self, X, eta, pi):
        """m(x) by the row's rule as a part of the largest that it can be, in [-1, 1]."""
        rule = self._as_rule()
        m = rule.margins(eta, pi) / rule.scales
        if m.shape[1] == 1:
            return m[:, 0]
        names = getattr(self, "feature_names_in_", None)
        chosen = rule.chosen(uniform_of_rows(X, self._draw_seed, names))
        return np.take_along_axis(m, chosen[:, None], axis=1)[:, 0]

    def decision_function(self, X):
        """Margin of the rule, positive for ``classes_[1]``.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            :math:`2\\eta(x) - 1 - \\sum_s \\lambda_s c_s(x)` as a part of the largest absolute
            value that it can have, in [-1, 1].
        """
        check_is_fitted(self)
        now = snapshot(self)
        m = now._relative_margin(X, *now._two_scores(X))
        return m if now._favorable == now.classes_[1] else -m

    def predict_proba(self, X):
        """The rule's margin on the scale of probabilities.

        It orders people as the rule does, is above one half exactly where `predict` says so,
        and equals the estimator's probabilities where no bound is active. It is a score, not
        the chance of the label: `estimator_` has that.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, 2)
            Columns as in `classes_`.
        """
        check_is_fitted(self)
        now = snapshot(self)
        return now._proba(X, *now._two_scores(X))

    def _proba(self, X, eta, pi):
        """`predict_proba` from both models' scores."""
        m = self._relative_margin(X, eta, pi)
        favorable = 0.5 * (1.0 + m)
        above, below = np.nextafter(0.5, 1.0), np.nextafter(0.5, 0.0)
        favorable = np.where(
            m > 0.0, np.maximum(favorable, above), np.minimum(favorable, below)
        )
        columns = [1.0 - favorable, favorable]
        return np.column_stack(columns[:: 1 if self._favorable == self.classes_[1] else -1])

    def predict(self, X):
        """Decisions.

        With ``randomize=True`` and bounds that need it, a few of them are drawn by lot: the
        draw of a row depends on its values and on `random_state` only, so that the same row
        is always decided alike, in whatever batch it comes.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Rows to decide on.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels from `classes_`; `abstain_label` where nothing is decided.
        """
        check_is_fitted(self)
        now = snapshot(self)
        eta, pi = now._two_scores(X)
        decisions = now.classes_[now._proba(X, eta, pi).argmax(axis=1)]
        if now._coverage is None:
            return decisions
        covered = CoverageRule(**now._coverage).is_covered(eta, pi)
        # an array, so that the answer holds both: -1 is no uint8, and "abstain" no text of 3
        return np.where(covered, decisions, np.array([abstain_label(now, now.classes_)]))

    def is_decided(self, X):
        """Whether `predict` decides on a row.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        decided : ndarray of shape (n_samples,) of bool
            False where `predict` gives `abstain_label`.
        """
        check_is_fitted(self)
        now = snapshot(self)
        eta, pi = now._two_scores(X)
        if now._coverage is None:
            return np.ones(len(eta), dtype=bool)
        return CoverageRule(**now._coverage).is_covered(eta, pi)

    def score(self, X, y, sample_weight=None, sensitive_features=None):
        """Accuracy among the rows that have a label; one that is not decided counts as wrong.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Test rows.

        y : array-like of shape (n_samples,)
            True labels; None, NaN or the mark `unlabeled` where there is none.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        sensitive_features : array-like, default=None
            Accepted so that the same arguments serve fit and score.

        Returns
        -------
        score : float
            Share of right decisions.
        """
        check_is_fitted(self)
        X, y, weight = labeled_part(X, y, sample_weight, self.unlabeled, self.classes_)
        return accuracy_score(y, self.predict(X), sample_weight=weight)

    @property
    def events_(self):
        """Events under which rates are compared."""
        return list(self._rule["events"])

    @property
    def groups_(self):
        """Names of the groups that are compared."""
        return np.array(self._group_labels, dtype=object)

    @property
    def multipliers_(self):
        """Multipliers of every rule, event and group."""
        rules, n_events = self._rule["rules"], len(self.events_)
        n_groups = len(self._group_labels) if n_events else 0
        return rules[:, :-1].reshape(len(rules), n_events, n_groups)

    @property
    def mixture_(self):
        """Shares of the rules."""
        return self._rule["mixture"]

"""Choose a bound, or any parameter, by accuracy *subject to* a gap.

Scored by accuracy alone, a search over bounds picks the widest. Here the gap is scored too,
and of the candidates whose gap is within what may be, the most accurate one is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from fairlearn import metrics as fairlearn_metrics
from sklearn.metrics import make_scorer

from skfeamoe._classifier import favorable_label_of, last_step
from skfeamoe._fairness.constraints import CONSTRAINTS, LABEL_EVENTS, gaps_of_rates
from skfeamoe._groups import UNKNOWN, encode_groups
from skfeamoe._labels import read_labels
from skfeamoe._named_groups import groups_of_rows
from skfeamoe._warn import warn
from skfeamoe.exceptions import FairnessWarning
from skfeamoe.metrics._checks import as_weights

__all__ = ["best_within", "gap_scorer"]

GAPS: dict[str, Callable] = {
    kind.name: getattr(fairlearn_metrics, metric) for metric, kind in gaps_of_rates().items()
}


def gap_scorer(constraint: str = "demographic_parity", *, favorable_label: Any = None):
    """Make a scorer of a gap between groups: minus the gap, so that greater is better.

    It asks for `sensitive_features`, so that a search with metadata routing hands them on, and
    cuts numbers by `sensitive_bins` as the estimator does. Rows of unknown group (None, NaN)
    have no part in it, nor, where a gap compares people of one label, rows without a label
    (None, NaN, or the estimator's `unlabeled`).

    Parameters
    ----------
    constraint : {"demographic_parity", "equalized_odds", "equal_opportunity"}, \
default="demographic_parity"
        Which gap.
    favorable_label : label, default=None
        The label that is good for the person; default: the estimator's `favorable_label`, or
        that of the last step of a Pipeline, if it has one, the last of its ``classes_``, or of
        the labels and predictions that are scored where it has none.

    Returns
    -------
    scorer : callable
        For `scoring` of searches and of :func:`sklearn.model_selection.cross_validate`.

    Raises
    ------
    ValueError
        If the constraint is not known. When it scores, if the favorable label is none of the
        labels, or there are fewer than two groups to compare.

    Examples
    --------
    >>> import sklearn
    >>> from skfeamoe.model_selection import gap_scorer
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     scorer = gap_scorer("equalized_odds")
    """
    if constraint not in GAPS:
        raise ValueError(f"constraint must be one of {list(GAPS)}, got {constraint!r}")
    return _GapScorer(constraint, favorable_label).set_score_request(sensitive_features=True)


class _GapScorer:
    """A scorer that asks the estimator for the favorable label: a fold may be without it."""

    def __init__(self, constraint: str, favorable_label: Any) -> None:
        self.constraint = constraint
        self.favorable_label = favorable_label
        gap = partial(_gap, constraint)
        self._scorer = make_scorer(gap, greater_is_better=False)

    def __call__(self, estimator, X, y_true, **given) -> float:
        """Minus the gap of the estimator's decisions."""
        label = self.favorable_label
        if label is None:
            label = favorable_label_of(estimator)
        classes = getattr(estimator, "classes_", None)
        if label is None and classes is not None:
            label = classes[-1]
        mark = getattr(last_step(estimator), "unlabeled", None)
        if mark is None:
            mark = float("nan")  # what is no mark for the estimator is a class: -1, say
        given |= {"favorable_label": label, "unlabeled": mark, "classes": classes}
        if (people := given.get("sensitive_features")) is not None:
            given["sensitive_features"] = groups_of_rows(estimator, people, len(y_true))
        return self._scorer(estimator, X, y_true, **given)

    def __repr__(self) -> str:
        return f"gap_scorer({self.constraint!r}, favorable_label={self.favorable_label!r})"

    def set_score_request(self, **requests) -> _GapScorer:
        """What a search hands on, as scikit-learn's scorers are told."""
        self._scorer.set_score_request(**requests)
        return self

    def get_metadata_routing(self):
        """What the scorer asks for."""
        return self._scorer.get_metadata_routing()

    def _accept_sample_weight(self) -> bool:
        """Asked by searches without metadata routing."""
        return self._scorer._accept_sample_weight()


def _gap(
    constraint: str,
    y_true,
    y_pred,
    *,
    sensitive_features,
    sample_weight=None,
    favorable_label=None,
    unlabeled=None,
    classes=None,
) -> float:
    """A gap of fairlearn's, of the favorable label, among the rows that it can compare."""
    labels, decided = read_labels(y_true, len(y_pred), unlabeled), np.asarray(y_pred)
    groups, _ = encode_groups(sensitive_features, len(decided), [])
    seen = np.union1d(labels.values, decided)
    label = seen[-1] if favorable_label is None else favorable_label
    known = [*seen.tolist(), *([] if classes is None else classes)]
    if label not in known:
        raise ValueError(
            f"favorable_label must be one of the labels {seen.tolist()}, got {label!r}, with "
            "which nobody is favored; pass the label that is good for the person"
        )
    favored = np.zeros(len(decided), dtype=int)
    favored[slice(None) if labels.known is None else labels.known] = labels.values == label
    counts = groups != UNKNOWN
    if labels.known is not None and set(CONSTRAINTS[constraint].events) & set(LABEL_EVENTS):
        counts &= labels.known
    if len(found := np.unique(groups[counts])) < 2:
        raise ValueError(
            f"sensitive_features must have two groups to compare, got {len(found)} among the "
            "rows that count; fewer folds, or folds stratified by group, have some of each"
        )
    options = {}
    if sample_weight is not None:
        options["sample_weight"] = as_weights(sample_weight, len(decided))
    return GAPS[constraint](
        favored[counts],
        (decided[counts] == label).astype(int),
        sensitive_features=groups[counts],
        **{name: values[counts] for name, values in options.items()},
    )


def best_within(
    bound: float,
    *,
    score: str = "accuracy",
    gap: str = "gap",
    n_standard_errors: float = 0.0,
) -> Callable[[Mapping[str, Any]], int]:
    """Make a `refit` for searches: the best score among candidates within a gap.

    Parameters
    ----------
    bound : float
        Largest mean gap over the folds.
    score : str, default="accuracy"
        Name in `scoring` of what is to be as large as possible.
    gap : str, default="gap"
        Name in `scoring` of the gap, scored by :func:`gap_scorer`.
    n_standard_errors : float, default=0.0
        So many standard errors of the mean gap over the folds must lie within the bound
        too: with 1.0, a candidate that is within by chance is rarely taken.

    Returns
    -------
    refit : callable
        Takes ``cv_results_`` and returns the index of the chosen candidate. If none is
        within the bound it warns (:class:`~skfeamoe.FairnessWarning`) and takes the one
        with the smallest gap. Candidates whose score or gap is nan (a fit that failed, say)
        are never taken; if all are, `refit` raises a ValueError.

    Raises
    ------
    ValueError
        If the bound is not positive or `n_standard_errors` negative; in the search, if the
        scores of the gap are positive, as those of fairlearn's own metrics are.

    Examples
    --------
    >>> import sklearn
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.model_selection import best_within, gap_scorer
    >>> stream = make_credit_stream(3_000, drift=None, random_state=0)
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     search = GridSearchCV(
    ...         FEAMOEClassifier(random_state=0),
    ...         {"difference_bound": [0.02, 0.2]},
    ...         scoring={"accuracy": "accuracy", "gap": gap_scorer()},
    ...         refit=best_within(0.06),
    ...         cv=3,
    ...     ).fit(stream.data, stream.target, sensitive_features=stream.sensitive_features)
    >>> search.best_params_
    {'difference_bound': 0.02}
    """
    if not bound > 0:
        raise ValueError(f"bound must be positive, got {bound!r}; a gap of 5 points is 0.05")

    if not n_standard_errors >= 0:
        raise ValueError(f"n_standard_errors must be 0 or more, got {n_standard_errors!r}")

    def refit(results: Mapping[str, Any]) -> int:
        for name in (score, gap):
            if f"mean_test_{name}" not in results:
                raise ValueError(f"scoring must have {name!r}; it scores what refit weighs")
        gaps = -np.asarray(results[f"mean_test_{gap}"], dtype=float)
        if (gaps < 0).any():
            raise ValueError(
                f"scoring[{gap!r}] must be minus the gap, got {-np.nanmin(gaps):.3g}; score "
                "it by gap_scorer(), or by make_scorer(..., greater_is_better=False)"
            )
        folds = sum(key.startswith("split") and key.endswith(f"test_{gap}") for key in results)
        error = np.asarray(results[f"std_test_{gap}"], dtype=float) / np.sqrt(max(folds - 1, 1))
        scores = np.asarray(results[f"mean_test_{score}"], dtype=float)
        gaps[np.isnan(scores)] = np.nan
        if np.isnan(gaps).all():
            raise ValueError(
                f"every candidate has nan for {score!r} or {gap!r}, so that none can be taken; "
                "error_score='raise' of the search shows why"
            )
        within = gaps + n_standard_errors * error <= bound
        if within.any():
            return int(np.flatnonzero(within)[np.argmax(scores[within])])
        smallest = int(np.nanargmin(gaps))
        which = " that could be scored" if np.isnan(gaps).any() else ""
        warn(
            f"no candidate{which} has a gap within {bound:g}; the smallest, "
            f"{gaps[smallest]:.3f} of {results['params'][smallest]}, is taken. "
            "Try smaller bounds or more rows.",
            FairnessWarning,
        )
        return smallest

    return refit

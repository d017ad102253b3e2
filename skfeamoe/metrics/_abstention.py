"""Measures of classifiers that may leave a row undecided.

With D = 1 where a classifier decides, the coverage of group a is :math:`P(D = 1 | A = a)` and
its selective accuracy :math:`P(\\hat y = y | D = 1, A = a)`.
"""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
from fairlearn.metrics import MetricFrame
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from skfeamoe.metrics._checks import (
    as_labels,
    as_weights,
    check_one_kind,
    is_text,
    weighted_mean,
)


def coverage(y_true, y_pred, *, abstain_label: Any = -1, sample_weight=None) -> float:
    """Share of rows that are decided.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Predictions, `abstain_label` where nothing is decided.
    abstain_label : label, default=-1
        The answer that decides nothing: of text labels a text, such as ``"abstain"``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Share in [0, 1]; nan without weight.

    Examples
    --------
    >>> from skfeamoe.metrics import coverage
    >>> coverage([0, 1, 1, 0], [0, -1, 1, 0])
    0.75
    """
    y_pred = _answers(y_pred, abstain_label)
    check_consistent_length(y_true, y_pred, sample_weight)
    decided = y_pred != abstain_label
    return weighted_mean(decided, as_weights(sample_weight, len(y_pred)))


def selective_accuracy(y_true, y_pred, *, abstain_label: Any = -1, sample_weight=None) -> float:
    """Accuracy among the rows that are decided.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predictions, `abstain_label` where nothing is decided.
    abstain_label : label, default=-1
        The answer that decides nothing: of text labels a text, such as ``"abstain"``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Share in [0, 1]; nan where nothing is decided.

    Examples
    --------
    >>> from skfeamoe.metrics import selective_accuracy
    >>> selective_accuracy([0, 1, 1, 1], [0, -1, 1, 0])
    0.6666666666666666
    """
    y_true = as_labels("y_true", y_true)
    y_pred = _answers(y_pred, abstain_label)
    check_consistent_length(y_true, y_pred, sample_weight)
    if y_pred.dtype.kind != "O":
        check_one_kind(y_true=y_true, y_pred=y_pred)
    weight = as_weights(sample_weight, len(y_pred)) * (y_pred != abstain_label)
    return weighted_mean(y_pred == y_true, weight)


def coverage_difference(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method: Literal["between_groups", "to_overall"] = "between_groups",
    abstain_label: Any = -1,
    sample_weight=None,
) -> float:
    """Largest difference in coverage between groups.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Predictions, `abstain_label` where nothing is decided.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups; several columns make intersections.
    method : {"between_groups", "to_overall"}, default="between_groups"
        See :meth:`fairlearn.metrics.MetricFrame.difference`.
    abstain_label : label, default=-1
        The answer that decides nothing: of text labels a text, such as ``"abstain"``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Difference in [0, 1]; 0 is equal, nan if fewer than two groups have weight.

    References
    ----------
    .. [1] E. Jones, S. Sagawa, P. W. Koh, A. Kumar, P. Liang. "Selective classification can
       magnify disparities across groups". ICLR 2021.

    Examples
    --------
    >>> from skfeamoe.metrics import coverage_difference
    >>> group = ["f", "f", "m", "m"]
    >>> coverage_difference([0, 1, 1, 0], [0, -1, 1, 0], sensitive_features=group)
    0.5
    """
    return _difference(
        coverage, y_true, y_pred, sensitive_features, method, abstain_label, sample_weight
    )


def selective_accuracy_difference(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method: Literal["between_groups", "to_overall"] = "between_groups",
    abstain_label: Any = -1,
    sample_weight=None,
) -> float:
    """Largest difference between groups in accuracy among the decided.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predictions, `abstain_label` where nothing is decided.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups; several columns make intersections. Groups of which nobody is decided are
        left out.
    method : {"between_groups", "to_overall"}, default="between_groups"
        See :meth:`fairlearn.metrics.MetricFrame.difference`.
    abstain_label : label, default=-1
        The answer that decides nothing: of text labels a text, such as ``"abstain"``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Difference in [0, 1]; 0 is equal, nan if fewer than two groups have decisions.

    References
    ----------
    .. [1] E. Jones, S. Sagawa, P. W. Koh, A. Kumar, P. Liang. "Selective classification can
       magnify disparities across groups". ICLR 2021.

    Examples
    --------
    >>> from skfeamoe.metrics import selective_accuracy_difference
    >>> group = ["f", "f", "m", "m"]
    >>> selective_accuracy_difference([0, 1, 1, 0], [0, -1, 0, 0], sensitive_features=group)
    0.5
    """
    return _difference(
        selective_accuracy,
        y_true,
        y_pred,
        sensitive_features,
        method,
        abstain_label,
        sample_weight,
    )


def _answers(y_pred, abstain_label: Any) -> NDArray:
    """Predictions, of which `abstain_label` may be one: a number is none among texts."""
    answers = as_labels("y_pred", y_pred, mark=abstain_label)
    texts = is_text(answers)
    mixed = (answers.dtype.kind == "O" and not texts) or pd.isna(abstain_label)
    if answers.size and not mixed and texts != isinstance(abstain_label, str):
        raise ValueError(
            f"abstain_label must be of the kind of the predicted labels, got {abstain_label!r} "
            f"where labels look like {answers[0]!r}; the rule of this library says 'abstain' "
            "among texts, -1 among numbers"
        )
    return answers


def _difference(measure, y_true, y_pred, groups, method, abstain_label, sample_weight) -> float:
    """Difference of a measure between groups that have it."""

    def of_group(y_true, y_pred, sample_weight=None):
        return measure(y_true, y_pred, abstain_label=abstain_label, sample_weight=sample_weight)

    n_samples = len(as_labels("y_pred", y_pred, mark=abstain_label))
    weight = as_weights(sample_weight, n_samples)
    frame = MetricFrame(
        metrics=of_group,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=groups,
        sample_params={"sample_weight": weight},
    )
    by_group = frame.by_group.astype(float)
    if by_group.size > 1 and by_group.notna().sum() < 2:
        return float("nan")
    return float(frame.difference(method=method))

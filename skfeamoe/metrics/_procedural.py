r"""Utility, result unfairness, procedural unfairness, and the score that joins them.

- utility :math:`U = (\text{accuracy} + F_1 + AUC)/3`;
- result unfairness :math:`F_r = (DP + EO)/2`, of decisions;
- procedural unfairness :math:`F_p = (REF + VEF + JSD)/3`, of explanations;
- final score :math:`U - F_r - F_p`, at most 1.

DP and EO are :func:`fairlearn.metrics.demographic_parity_difference` and
:func:`fairlearn.metrics.equal_opportunity_difference`. Procedural unfairness asks whether the
model has the same reasons for everybody. A row's *explanation quality* is the drop in the
probability of its decision when the feature with the largest absolute attribution is set to
the baseline: a large drop says that the explanation named a feature that mattered. All
arguments belong to the same rows in the same order. A missing sensitive value leaves its row
out of every difference between groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.utils import check_array, check_consistent_length

from skfeamoe._groups import encode_groups
from skfeamoe._policy import score
from skfeamoe.metrics._checks import (
    as_numbers,
    as_weights,
    check_column_order,
    check_pos_label,
    label_pair,
    no_dates,
    refuse_nobody_known,
)


def utility_score(y_true, y_pred, y_score, *, sample_weight=None, pos_label: Any = 1) -> float:
    """Mean of accuracy, F1 and area under the ROC curve.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    y_score : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of `pos_label`; with more than two classes of every class, in sorted
        order of the labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    pos_label : label, default=1
        The class that F1 and AUC are of. With a two-dimensional `y_score` both are means
        over classes, each against the rest, and `pos_label` is not used.

    Returns
    -------
    float
        Utility in [0, 1].

    Raises
    ------
    ValueError
        For arrays of different lengths, a single class in `y_true`, or when `pos_label` is no
        label of this kind.

    Examples
    --------
    >>> from skfeamoe.metrics import utility_score
    >>> utility_score([0, 1, 1, 0], [0, 1, 1, 0], [0.1, 0.8, 0.7, 0.4])
    1.0
    """
    y_true, y_pred = label_pair(y_true, y_pred)
    no_dates("y_score", y_score := np.asarray(y_score))
    as_numbers("y_score", y_score.ravel())
    check_consistent_length(y_true, y_pred, y_score, sample_weight)
    if len(np.unique(y_true)) < 2:
        raise ValueError("y_true must have at least two classes, got one: AUC is undefined")
    if y_score.ndim == 2 and y_score.shape[1] == 2:
        raise ValueError("y_score must be of pos_label, got two columns; pass y_score[:, 1]")
    options = {"sample_weight": as_weights(sample_weight, len(y_true))}
    accuracy = accuracy_score(y_true, y_pred, **options)
    if y_score.ndim == 1:
        check_pos_label("y_true", y_true, pos_label)
        positive = y_true == pos_label
        f1 = f1_score(positive, y_pred == pos_label, zero_division=0.0, **options)
        auc = roc_auc_score(positive, y_score, **options)
    else:
        f1 = f1_score(y_true, y_pred, average="macro", zero_division=0.0, **options)
        auc = roc_auc_score(y_true, y_score, multi_class="ovr", average="macro", **options)
    return float((accuracy + f1 + auc) / 3.0)


def result_unfairness(
    y_true, y_pred, *, sensitive_features, sample_weight=None, pos_label: Any = 1
) -> float:
    """Mean of the demographic parity and the equal opportunity difference of decisions.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups; several columns make intersections. A row where one is missing has no part in
        the differences.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    pos_label : label, default=1
        The favorable label: the share of it among decisions, and among the decisions on
        rows that truly have it, is compared between groups.

    Returns
    -------
    float
        Unfairness in [0, 1]; 0 is equal.

    Raises
    ------
    ValueError
        For arrays of different lengths, or when `pos_label` is no label of this kind.

    Examples
    --------
    >>> from skfeamoe.metrics import result_unfairness
    >>> result_unfairness([0, 1, 1, 0], [0, 1, 0, 0], sensitive_features=["f", "f", "m", "m"])
    0.75
    """
    y_true, y_pred = label_pair(y_true, y_pred)
    check_pos_label("y_true", y_true, pos_label)
    groups, weight = _groups(sensitive_features, sample_weight, y_true, y_pred)
    favorable = (y_true == pos_label).astype(np.intp)
    decided = (y_pred == pos_label).astype(np.intp)
    return score.result_unfairness(favorable, decided, groups, weight, 1)


def explanation_quality(estimator, X, attributions, *, baseline) -> np.ndarray:
    """Drop in the probability of each row's decision without its most important feature.

    Parameters
    ----------
    estimator : fitted classifier
        Anything with ``predict_proba``.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows that were explained.
    attributions : array-like of shape (n_samples, n_features)
        Attributions of the same rows; the feature with the largest absolute value is masked.
    baseline : array-like of shape (n_features,)
        What a masked feature is set to, for instance the training mean.

    Returns
    -------
    ndarray of shape (n_samples,)
        Drop in the probability of the class that was predicted for the unmasked row.

    Raises
    ------
    ValueError
        For arrays whose shapes, or names of columns, do not belong together.

    References
    ----------
    .. [1] Y. Zhao, Y. Wang, T. Derr. "Fairness and Explainability: Bridging the Gap Towards
       Fair Model Explanations". AAAI 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skfeamoe.metrics import explanation_quality
    >>> X = np.array([[-2.0, 0.1], [-1.0, -0.1], [1.0, 0.1], [2.0, -0.1]])
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> quality = explanation_quality(model, X, X * model.coef_, baseline=X.mean(axis=0))
    >>> bool((quality > 0).all())
    True
    """
    no_dates("X", X)
    check_column_order("attributions", attributions, X)
    check_column_order("baseline", baseline, X)
    frame, X = X, check_array(X, dtype=np.float64, input_name="X")
    no_dates("attributions", attributions)
    attributions = check_array(attributions, dtype=np.float64, input_name="attributions")
    baseline = np.asarray(baseline, dtype=np.float64)
    if attributions.shape != X.shape or baseline.shape != X.shape[1:]:
        raise ValueError(
            f"attributions must have the shape of X and baseline that of a row, got "
            f"{attributions.shape} and {baseline.shape} for X of shape {X.shape}"
        )

    def predict_proba(rows):
        return estimator.predict_proba(_like(frame, rows))

    return score.explanation_quality(predict_proba, X, attributions, baseline)


def value_explanation_difference(quality, *, sensitive_features, sample_weight=None) -> float:
    """VEF: largest difference between groups in mean explanation quality.

    Parameters
    ----------
    quality : array-like of shape (n_samples,)
        See :func:`explanation_quality`.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups. A row where one is missing has no part in differences between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Difference in probability; 0 is equal.

    References
    ----------
    .. [1] Y. Zhao, Y. Wang, T. Derr. "Fairness and Explainability: Bridging the Gap Towards
       Fair Model Explanations". AAAI 2023.

    Examples
    --------
    >>> from skfeamoe.metrics import value_explanation_difference
    >>> value_explanation_difference([0.5, 0.25, 0.0], sensitive_features=["f", "f", "m"])
    0.375
    """
    quality = as_numbers("quality", quality)
    groups, weight = _groups(sensitive_features, sample_weight, quality)
    return score.value_gap(quality, groups, weight)


def ratio_explanation_difference(
    quality, *, sensitive_features, sample_weight=None, quantile: float = score.HIGH_QUALITY
) -> float:
    """REF: largest difference between groups in the share of good explanations.

    An explanation is good if its quality is above that of `quantile` of all rows.

    Parameters
    ----------
    quality : array-like of shape (n_samples,)
        See :func:`explanation_quality`.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups. A row where one is missing has no part in differences between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the groups' shares; the quantile is that of the rows.
    quantile : float, default=0.5
        Between 0 and 1.

    Returns
    -------
    float
        Difference in [0, 1]; 0 is equal.

    References
    ----------
    .. [1] Y. Zhao, Y. Wang, T. Derr. "Fairness and Explainability: Bridging the Gap Towards
       Fair Model Explanations". AAAI 2023, where good explanations are the top k.

    Examples
    --------
    >>> from skfeamoe.metrics import ratio_explanation_difference
    >>> ratio_explanation_difference([0.5, 0.25, 0.0], sensitive_features=["f", "f", "m"])
    0.5
    """
    quality = as_numbers("quality", quality)
    groups, weight = _groups(sensitive_features, sample_weight, quality)
    return score.ratio_gap(quality, groups, weight, quantile)


def attention_divergence(attributions, *, sensitive_features, sample_weight=None) -> float:
    """JSD: Jensen-Shannon divergence of the groups' mean attention, in nats.

    The attention of a row is its absolute attributions as shares of their sum. 0 means that
    features matter alike in all groups; log(n_groups) that no feature matters in two.

    Parameters
    ----------
    attributions : array-like of shape (n_samples, n_features)
        Attributions, of any kind and scale.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups. A row where one is missing has no part in differences between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Divergence in [0, log(n_groups)].

    References
    ----------
    .. [1] J. Lin. "Divergence measures based on the Shannon entropy". IEEE Transactions on
       Information Theory 37, 1991.

    Examples
    --------
    >>> from skfeamoe.metrics import attention_divergence
    >>> round(attention_divergence([[1, 0], [0, 3]], sensitive_features=["f", "m"]), 4)
    0.6931
    """
    no_dates("attributions", attributions)
    attributions = check_array(attributions, dtype=np.float64, input_name="attributions")
    groups, weight = _groups(sensitive_features, sample_weight, attributions)
    return score.attention_gap(attributions, groups, weight)


def procedural_unfairness(
    estimator, X, attributions, *, baseline, sensitive_features, sample_weight=None
) -> float:
    """Mean of REF, VEF and JSD of a classifier's explanations.

    Parameters
    ----------
    estimator : fitted classifier
        Anything with ``predict_proba``.
    X : array-like of shape (n_samples, n_features)
        Rows.
    attributions : array-like of shape (n_samples, n_features)
        Attributions of the same rows and the same classifier.
    baseline : array-like of shape (n_features,)
        What a masked feature is set to.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups. A row where one is missing has no part in differences between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Unfairness; 0 is equal.

    See Also
    --------
    ratio_explanation_difference, value_explanation_difference, attention_divergence

    Examples
    --------
    >>> from skfeamoe import PolicyGatedMoEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.metrics import procedural_unfairness
    >>> stream = make_credit_stream(500, drift=None, random_state=0)
    >>> X, group = stream.data, stream.sensitive_features
    >>> model = PolicyGatedMoEClassifier(max_iter=50, gate_max_iter=1, random_state=0)
    >>> model = model.fit(X, stream.target, sensitive_features=group)
    >>> unfair = procedural_unfairness(
    ...     model, X, model.attributions(X), baseline=model.baseline_,
    ...     sensitive_features=group)
    >>> 0 <= unfair < 1
    True
    """
    quality = explanation_quality(estimator, X, attributions, baseline=baseline)
    groups, weight = _groups(sensitive_features, sample_weight, quality)
    r = np.asarray(attributions, dtype=np.float64)
    return score.procedural_unfairness(quality, r, groups, weight)


def final_score(utility: float, result: float, procedural: float) -> float:
    """Utility minus result unfairness minus procedural unfairness.

    Parameters
    ----------
    utility : float
        See :func:`utility_score`.
    result : float
        See :func:`result_unfairness`.
    procedural : float
        See :func:`procedural_unfairness`.

    Returns
    -------
    float
        At most 1; larger is better.

    Examples
    --------
    >>> from skfeamoe.metrics import final_score
    >>> final_score(0.875, 0.125, 0.25)
    0.5
    """
    return float(utility - result - procedural)


def _like(frame, rows: np.ndarray):
    """Rows with the column names of a pandas or polars frame, if it is one."""
    if not hasattr(frame, "columns"):
        return rows
    return type(frame)(dict(zip(frame.columns, rows.T, strict=True)))


def _groups(sensitive_features, sample_weight, *others):
    """Group codes and weights of rows that all arguments have in common."""
    check_consistent_length(sample_weight, *others)
    n_samples = len(others[0])
    groups, _ = encode_groups(sensitive_features, n_samples, [])
    refuse_nobody_known(groups < 0)
    weight = as_weights(sample_weight, n_samples)
    if not weight.any():
        raise ValueError("sample_weight must have at least one non-zero number, got zeros only")
    return groups, weight

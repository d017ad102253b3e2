r"""Infra-marginality: what a bound on rates asks of people of one group and not of another.

Where the distributions of risk :math:`\eta` differ between groups, one threshold for all gives
unequal rates, and equal rates need unequal thresholds. The measures here show both sides:

- how often the decisions of group a differ from those of an unconstrained twin with one
  threshold t for all, :math:`E\,|1\{\hat y = 1\} - 1\{\eta > t\}|` in the group;
- which gap in rates the risks alone explain: that of one threshold for all which favors as
  many people as the decisions do;
- at which threshold each group is in effect decided: the quantile of its risks at its rate.

References
----------
Simoiu, Corbett-Davies and Goel (2017), "The problem of infra-marginality in outcome tests for
discrimination", Annals of Applied Statistics 11.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from fairlearn.metrics import MetricFrame
from sklearn.utils import check_consistent_length

from skfeamoe.metrics._checks import (
    as_labels,
    as_numbers,
    as_weights,
    check_pos_label,
    weighted_mean,
)


def infra_marginality(
    y_true, y_pred, *, risk, threshold: float = 0.5, sample_weight=None, pos_label: Any = 1
) -> float:
    """Share of decisions that an unconstrained twin would have made otherwise.

    A plain metric function, so :class:`fairlearn.metrics.MetricFrame` reports it by group
    (with `risk` as a sample parameter).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Decisions.
    risk : array-like of shape (n_samples,)
        Probability of `pos_label` by the unconstrained twin.
    threshold : float, default=0.5
        The twin decides for `pos_label` above it.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    pos_label : label, default=1
        The favorable label.

    Returns
    -------
    float
        Share in [0, 1]; nan without weight.

    Raises
    ------
    ValueError
        For arrays of different lengths, a risk or threshold outside [0, 1], or when
        `pos_label` is no label of this kind.

    References
    ----------
    .. [1] C. Simoiu, S. Corbett-Davies, S. Goel. "The problem of infra-marginality in outcome
       tests for discrimination". Annals of Applied Statistics 11, 2017.

    Examples
    --------
    >>> from skfeamoe.metrics import infra_marginality
    >>> infra_marginality([0, 1, 1, 0], [0, 1, 1, 1], risk=[0.1, 0.9, 0.4, 0.2])
    0.5
    """
    y_pred, risk = _checked(y_true, y_pred, risk, sample_weight, pos_label)
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold must be a probability in [0, 1], got {threshold!r}")
    differs = (y_pred == pos_label) != (risk > threshold)
    return weighted_mean(differs, as_weights(sample_weight, len(y_pred)))


def infra_marginality_difference(
    y_true,
    y_pred,
    *,
    risk,
    sensitive_features,
    method: Literal["between_groups", "to_overall"] = "between_groups",
    threshold: float = 0.5,
    sample_weight=None,
    pos_label: Any = 1,
) -> float:
    """Largest difference between groups in decisions changed against the twin.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Decisions.
    risk : array-like of shape (n_samples,)
        Probability of `pos_label` by the unconstrained twin.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups; several columns make intersections.
    method : {"between_groups", "to_overall"}, default="between_groups"
        See :meth:`fairlearn.metrics.MetricFrame.difference`.
    threshold : float, default=0.5
        The twin decides for `pos_label` above it.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    pos_label : label, default=1
        The favorable label.

    Returns
    -------
    float
        Difference in [0, 1]; 0 if the burden of equal rates is shared alike, nan if fewer than
        two groups have weight.

    Examples
    --------
    >>> from skfeamoe.metrics import infra_marginality_difference
    >>> infra_marginality_difference(
    ...     [0, 1, 1, 0], [0, 1, 1, 1], risk=[0.1, 0.9, 0.4, 0.2],
    ...     sensitive_features=["f", "f", "m", "m"])
    1.0
    """
    y_pred, risk = _checked(y_true, y_pred, risk, sample_weight, pos_label)

    def of_group(y_true, y_pred, risk, sample_weight=None):
        return infra_marginality(
            y_true,
            y_pred,
            risk=risk,
            threshold=threshold,
            sample_weight=sample_weight,
            pos_label=pos_label,
        )

    params = {"risk": risk, "sample_weight": as_weights(sample_weight, len(y_pred))}
    frame = MetricFrame(
        metrics=of_group,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=sensitive_features,
        sample_params=params,
    )
    by_group = frame.by_group.astype(float)
    if by_group.size > 1 and by_group.notna().sum() < 2:
        return float("nan")
    return float(frame.difference(method=method))


def risk_explained_difference(
    y_true, y_pred, *, risk, sensitive_features, pos_label: Any = 1
) -> float:
    """Gap in rates that one threshold for all would leave.

    The threshold favors as many people as the decisions do (ties at it are shared out
    evenly). Beside fairlearn's ``demographic_parity_difference`` of the decisions it tells how
    much of a gap comes from unlike risks alone: equal numbers are what one threshold gives, a
    larger gap of the decisions is more than risks explain, and a smaller one has been bought
    by unlike thresholds, see :func:`implied_threshold`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Decisions.
    risk : array-like of shape (n_samples,)
        Calibrated probability of `pos_label`.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups; several columns make intersections.
    pos_label : label, default=1
        The favorable label.

    Returns
    -------
    float
        Difference in [0, 1].

    Examples
    --------
    Decisions favor both groups alike, while risks speak for the second: equal rates were
    bought by a lower threshold for the first.

    >>> from fairlearn.metrics import MetricFrame, demographic_parity_difference
    >>> from skfeamoe.metrics import implied_threshold, risk_explained_difference
    >>> y = [0, 0, 1, 0, 1, 1]
    >>> y_pred, risk = [0, 0, 1, 0, 0, 1], [0.1, 0.2, 0.5, 0.4, 0.7, 0.9]
    >>> group = ["a", "a", "a", "b", "b", "b"]
    >>> float(demographic_parity_difference(y, y_pred, sensitive_features=group))
    0.0
    >>> round(risk_explained_difference(y, y_pred, risk=risk, sensitive_features=group), 2)
    0.67
    >>> frame = MetricFrame(
    ...     metrics=implied_threshold, y_true=y, y_pred=y_pred, sensitive_features=group,
    ...     sample_params={"risk": risk})
    >>> frame.by_group.round(2).tolist()
    [0.35, 0.8]
    """
    y_pred, risk = _checked(y_true, y_pred, risk, None, pos_label)
    share = _favored_by_one_threshold(risk, int((y_pred == pos_label).sum()))

    def mean_share(y_true, y_pred):
        return float(np.mean(y_pred))

    frame = MetricFrame(
        metrics=mean_share, y_true=share, y_pred=share, sensitive_features=sensitive_features
    )
    return float(frame.difference())


def implied_threshold(y_true, y_pred, *, risk, pos_label: Any = 1) -> float:
    """Threshold on the risk that favors as many people as the decisions do.

    A plain metric function: by group in a :class:`fairlearn.metrics.MetricFrame` it shows at
    which risk each group is in effect decided.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Decisions.
    risk : array-like of shape (n_samples,)
        Calibrated probability of `pos_label`.
    pos_label : label, default=1
        The favorable label.

    Returns
    -------
    float
        Halfway between the risks on both sides; 0 if all are favored, 1 if none is.

    Examples
    --------
    >>> from skfeamoe.metrics import implied_threshold
    >>> round(implied_threshold([0, 0, 1], [0, 0, 1], risk=[0.1, 0.2, 0.5]), 2)
    0.35
    """
    y_pred, risk = _checked(y_true, y_pred, risk, None, pos_label)
    n_favored = int((y_pred == pos_label).sum())
    edges = np.r_[0.0, np.sort(risk), 1.0]
    place = len(risk) - n_favored
    if n_favored == len(risk):
        return 0.0
    return 1.0 if n_favored == 0 else float((edges[place] + edges[place + 1]) / 2.0)


def _favored_by_one_threshold(risk: np.ndarray, n_favored: int) -> np.ndarray:
    """Chance to be among the ``n_favored`` of highest risk, ties sharing theirs."""
    if n_favored == 0:
        return np.zeros(len(risk))
    edge = np.sort(risk)[len(risk) - n_favored]
    above, at = risk > edge, risk == edge
    return above + at * (n_favored - above.sum()) / at.sum()


def _checked(y_true, y_pred, risk, sample_weight, pos_label):
    """Decisions and risks as arrays of one length."""
    y_pred, risk = as_labels("y_pred", y_pred), as_numbers("risk", risk, finite=False)
    check_consistent_length(y_true, y_pred, risk, sample_weight)
    check_pos_label("y_pred", y_pred, pos_label)
    bad = ~((risk >= 0.0) & (risk <= 1.0))
    if bad.any():
        raise ValueError(f"risk must be probabilities in [0, 1], got {risk[bad][0]}")
    return y_pred, risk

r"""Measures on arrays: utility U, result unfairness F_r, procedural unfairness F_p.

- :math:`U = (\text{accuracy} + F_1 + AUC)/3`;
- :math:`F_r = (DP + EO)/2`, gaps of decisions: the rate of favorable decisions, and that
  rate among the rows with a favorable label;
- :math:`F_p = (REF + VEF + JSD)/3`. The quality of the explanation of a row is the drop in
  the probability of its decision when the feature with the largest absolute attribution is
  set to the baseline. VEF is the gap in its group means, REF the gap in the groups' shares
  of rows above a quantile of all rows' quality, JSD the divergence of mean attention;
- final score :math:`U - F_r - F_p`.

Gaps are between the two groups that differ most. More than two classes: F1 and AUC are means
over classes (one against the rest).

References
----------
Zhao, Wang and Derr (2023), "Fairness and explainability: Bridging the gap towards fair model
explanations", AAAI, for the idea of comparing explanation quality between groups by value
and by ratio.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skfeamoe._policy.gaps import attention_divergence, group_shares, largest_gap

HIGH_QUALITY = 0.5
"""Quantile of explanation quality above which REF calls an explanation good."""


def f1(truth: NDArray, decided: NDArray, weight: NDArray) -> float:
    """F1 of one class from boolean arrays; 0 where it is undefined."""
    hits = 2.0 * np.sum(weight * (truth & decided))
    total = np.sum(weight * truth) + np.sum(weight * decided)
    return float(hits / total) if total > 0 else 0.0


def auc(truth: NDArray, score: NDArray, weight: NDArray) -> float:
    """Area under the ROC curve, ties counting half; one half with a single class."""
    rank = np.unique(score, return_inverse=True)[1]
    positive = np.bincount(rank, weight * truth)
    negative = np.bincount(rank, weight * ~truth)
    pairs = positive.sum() * negative.sum()
    if pairs <= 0:
        return 0.5
    below = np.cumsum(negative) - negative / 2.0
    return float(positive @ below / pairs)


def utility(y: NDArray, proba: NDArray, weight: NDArray, positive: int) -> float:
    """Mean of accuracy, F1 and AUC."""
    decided = proba.argmax(axis=1)
    accuracy = float(np.average(decided == y, weights=weight))
    n_classes = proba.shape[1]
    classes = [positive] if n_classes == 2 else range(n_classes)
    f1s = [f1(y == c, decided == c, weight) for c in classes]
    aucs = [auc(y == c, proba[:, c], weight) for c in classes]
    return (accuracy + float(np.mean(f1s)) + float(np.mean(aucs))) / 3.0


def result_unfairness(
    y: NDArray, decided: NDArray, groups: NDArray, weight: NDArray, favorable: int
) -> float:
    """Mean of the demographic parity and equal opportunity differences of decisions."""
    n_groups = int(groups.max(initial=-1)) + 1
    granted = (decided == favorable).astype(np.float64)
    parity, _ = largest_gap(group_shares(groups, weight, n_groups), granted)
    good = group_shares(groups, weight, n_groups, y == favorable)
    chance, _ = largest_gap(good, granted)
    return (parity + chance) / 2.0


def explanation_quality(
    predict_proba: Callable[[NDArray], NDArray], X: NDArray, r: NDArray, x0: NDArray
) -> NDArray:
    """Drop in the probability of each row's decision without its most important feature."""
    rows = np.arange(len(X))
    proba = predict_proba(X)
    decided = proba.argmax(axis=1)
    masked = X.copy()
    top = np.abs(r).argmax(axis=1)
    masked[rows, top] = x0[top]
    return proba[rows, decided] - predict_proba(masked)[rows, decided]


def value_gap(quality: NDArray, groups: NDArray, weight: NDArray) -> float:
    """VEF: gap in the groups' mean explanation quality."""
    shares = group_shares(groups, weight, int(groups.max(initial=-1)) + 1)
    return largest_gap(shares, quality)[0]


def ratio_gap(
    quality: NDArray, groups: NDArray, weight: NDArray, quantile: float = HIGH_QUALITY
) -> float:
    """REF: gap in the groups' shares of rows with explanations above the quantile."""
    high = quality > np.quantile(quality, quantile)
    return value_gap(high.astype(np.float64), groups, weight)


def attention_gap(r: NDArray, groups: NDArray, weight: NDArray) -> float:
    """JSD: divergence of the groups' mean attention, in nats."""
    shares = group_shares(groups, weight, int(groups.max(initial=-1)) + 1)
    return attention_divergence(shares, r)[0]


def procedural_unfairness(
    quality: NDArray, r: NDArray, groups: NDArray, weight: NDArray
) -> float:
    """Mean of REF, VEF and JSD."""
    ref = ratio_gap(quality, groups, weight)
    vef = value_gap(quality, groups, weight)
    return (ref + vef + attention_gap(r, groups, weight)) / 3.0

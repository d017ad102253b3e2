"""Running counts from which every prequential measure follows, in constant memory.

A tally is a dict of arrays, so it is saved and restored as it is. With K classes, G groups,
c the class codes and f = 1 for the favorable class:

- ``confusion[c, c']``: weight of rows of class c predicted as c', shape (K, K);
- ``cells[a, f, f']``: weight of rows of group a, favorable truth f, favorable prediction
  f', shape (G, 2, 2); ``counts`` holds their number of rows;
- ``distance[a]``: weighted sum of distances to the boundary of refused rows, shape (G,);
- ``scores[f, b]``: weight of rows by truth and bin of the score, shape (2, N_BINS);
- ``sums``: rows, weight and weighted log loss, shape (3,).

Event e of a gap selects cells: all rows, favorable truth, unfavorable truth, or refused
rows; mu_{e,a} is the mean of the prediction (or the distance) over the event in group a,
and the gap is max_a mu_{e,a} - min_a mu_{e,a}, as fairlearn's ``difference()`` takes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logit

Tally = dict[str, np.ndarray]
Rows = dict[str, np.ndarray]

N_BINS = 4096
_SCORE_UNIT = 1e-3  # scores below this are told apart linearly, above it by ratio
_SCORE_SPAN = 22.0  # arcsinh of the largest score over the unit
_EPS = float(np.finfo(np.float64).eps)

GAPS = (
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equal_opportunity_difference",
    "burden_difference",
)


def new_tally(n_classes: int, n_groups: int = 0) -> Tally:
    """Make a tally that has seen nothing."""
    return {
        "confusion": np.zeros((n_classes, n_classes)),
        "cells": np.zeros((n_groups, 2, 2)),
        "counts": np.zeros((n_groups, 2, 2)),
        "distance": np.zeros(n_groups),
        "scores": np.zeros((2, N_BINS)),
        "sums": np.zeros(3),
    }


def grow_groups(tally: Tally, n_groups: int) -> None:
    """Make room for groups that appeared after the tally was made."""
    extra = n_groups - len(tally["cells"])
    if extra > 0:
        for name in ("cells", "counts", "distance"):
            shape = (extra, *tally[name].shape[1:])
            tally[name] = np.concatenate([tally[name], np.zeros(shape)])


def decay(tally: Tally, factor: float) -> None:
    """Multiply all that was counted by a factor."""
    for array in tally.values():
        array *= factor


def add_rows(
    tally: Tally,
    rows: Rows,
    favorable: int,
    age: np.ndarray | None = None,
    bins: bool = True,
) -> None:
    """Count rows; `age` multiplies their weight and number (for forgetting)."""
    true, predicted, group = rows["true"], rows["predicted"], rows["group"]
    age = np.ones(len(true)) if age is None else age
    weight = rows["weight"] * age
    k = len(tally["confusion"])
    tally["confusion"] += np.bincount(
        true * k + predicted, weights=weight, minlength=k * k
    ).reshape(k, k)
    log_loss = weight @ rows["log_loss"] if len(true) else 0.0
    tally["sums"] += (age.sum(), weight.sum(), log_loss)
    good = (true == favorable).astype(np.intp)
    known = group >= 0
    n = len(tally["cells"])
    cell = (group * 4 + good * 2 + (predicted == favorable))[known]
    if len(cell):
        size = 4 * n
        cells = np.bincount(cell, weights=weight[known], minlength=size)
        tally["cells"] += cells.reshape(n, 2, 2)
        counts = np.bincount(cell, weights=age[known], minlength=size)
        tally["counts"] += counts.reshape(n, 2, 2)
        refused = known & (predicted != favorable)
        tally["distance"] += np.bincount(
            group[refused], weights=(weight * rows["distance"])[refused], minlength=n
        )
    if bins:
        np.add.at(tally["scores"], (good, rows["bin"]), weight)


def score_bins(score: np.ndarray, is_proba: bool) -> np.ndarray:
    """Bin of each score: evenly spaced in arcsinh of the log-odds (or of a raw score)."""
    raw = logit(np.clip(score, _EPS, 1 - _EPS)) if is_proba else score
    position = np.arcsinh(raw / _SCORE_UNIT) / _SCORE_SPAN
    index = ((np.nan_to_num(position) + 1.0) * (N_BINS / 2)).astype(np.intp)
    return np.clip(index, 0, N_BINS - 1)


def binned_auc(scores: np.ndarray) -> float:
    """Area under the ROC curve of binned scores; ties within a bin count one half."""
    negatives, positives = scores
    total = negatives.sum() * positives.sum()
    if total <= 0:
        return float("nan")
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + 0.5 * negatives) / total)


def exact_auc(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Area under the ROC curve of a window: one bin for each distinct score."""
    known = ~np.isnan(score)
    if not known.any():
        return float("nan")
    _, bins = np.unique(score[known], return_inverse=True)
    scores = np.zeros((2, bins.max() + 1))
    np.add.at(scores, (positive[known].astype(np.intp), bins), weight[known])
    return binned_auc(scores)


def overall_measures(tally: Tally) -> dict[str, float]:
    """Accuracy, balanced accuracy and log loss of all rows; nan before the first row."""
    rows, weight, log_loss = tally["sums"]
    nan = float("nan")
    if weight <= 0:
        return {
            "n_rows": float(rows),
            "accuracy": nan,
            "balanced_accuracy": nan,
            "log_loss": nan,
        }
    of_class = tally["confusion"].sum(axis=1)
    present = of_class > 0
    recall = np.diag(tally["confusion"])[present] / of_class[present]
    return {
        "n_rows": float(rows),
        "accuracy": float(np.trace(tally["confusion"]) / weight),
        "balanced_accuracy": float(recall.mean()),
        "log_loss": float(log_loss / weight),
    }


def group_rates(tally: Tally) -> dict[str, np.ndarray]:
    """Rates of each group, shape (n_groups,); nan where an event has no rows."""
    cells = tally["cells"]
    selected, rejected = cells[:, :, 1], cells[:, :, 0]
    everyone = cells.sum(axis=(1, 2))
    return {
        "n_rows": tally["counts"].sum(axis=(1, 2)),
        "base_rate": _ratio(cells[:, 1].sum(axis=1), everyone),
        "selection_rate": _ratio(selected.sum(axis=1), everyone),
        "true_positive_rate": _ratio(selected[:, 1], cells[:, 1].sum(axis=1)),
        "false_positive_rate": _ratio(selected[:, 0], cells[:, 0].sum(axis=1)),
        "burden": _ratio(tally["distance"], rejected.sum(axis=1)),
    }


def group_gaps(tally: Tally, min_group_size: int) -> dict[str, float]:
    """Gaps between the groups that have at least `min_group_size` rows in the event."""
    rates = group_rates(tally)
    counts = tally["counts"]
    true_positive = _gap(rates["true_positive_rate"], counts[:, 1].sum(axis=1), min_group_size)
    false_positive = _gap(
        rates["false_positive_rate"], counts[:, 0].sum(axis=1), min_group_size
    )
    values = (
        _gap(rates["selection_rate"], rates["n_rows"], min_group_size),
        float(np.maximum(true_positive, false_positive)),  # nan if either cannot be compared
        true_positive,
        _gap(rates["burden"], counts[:, :, 0].sum(axis=1), min_group_size),
    )
    return dict(zip(GAPS, values, strict=True))


def _gap(rate: np.ndarray, count: np.ndarray, min_group_size: int) -> float:
    """Largest difference between groups; nan when fewer than two can be compared."""
    rate = rate[(count >= min_group_size - 1e-9) & ~np.isnan(rate)]
    return float(rate.max() - rate.min()) if len(rate) > 1 else float("nan")


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; nan where nothing is counted."""
    out = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def new_ring(size: int) -> dict[str, Any]:
    """Make a ring that will hold the last `size` rows."""
    return {
        "rows": {
            "true": np.zeros(size, dtype=np.intp),
            "predicted": np.zeros(size, dtype=np.intp),
            "group": np.zeros(size, dtype=np.intp),
            "weight": np.zeros(size),
            "score": np.zeros(size),
            "log_loss": np.zeros(size),
            "distance": np.zeros(size),
        },
        "seen": 0,
    }


def push_rows(ring: dict[str, Any], rows: Rows) -> None:
    """Write rows over the oldest ones of the ring."""
    size = len(ring["rows"]["true"])
    n = len(rows["true"])
    place = np.arange(ring["seen"] + max(n - size, 0), ring["seen"] + n) % size
    for name, array in ring["rows"].items():
        array[place] = rows[name][n - len(place) :]
    ring["seen"] += n


def ring_rows(ring: dict[str, Any]) -> Rows:
    """Return the rows that the ring holds now, oldest first."""
    size = len(ring["rows"]["true"])
    seen = ring["seen"]
    place = np.arange(max(seen - size, 0), seen) % size
    return {name: array[place] for name, array in ring["rows"].items()}


def add_usage(usage: dict, gate: np.ndarray, group: np.ndarray, n_groups: int) -> dict:
    """Add up gate weights, shape (n_groups, n_experts), everyone's in ``everyone``.

    Begins anew when the number of experts has changed: weights of other experts would mix.
    """
    n_experts = gate.shape[1]
    if not usage or usage["everyone"].shape != (n_experts,):
        usage = {
            "everyone": np.zeros(n_experts),
            "groups": np.zeros((n_groups, n_experts)),
            "rows": np.zeros(n_groups),
            "n_rows": 0,
        }
    known = group >= 0
    groups = np.zeros((n_groups, n_experts))
    groups[: len(usage["groups"])] = usage["groups"]
    rows = np.bincount(group[known], minlength=n_groups).astype(float)
    rows[: len(usage["rows"])] += usage["rows"]
    np.add.at(groups, group[known], gate[known])
    return {
        "everyone": usage["everyone"] + gate.sum(axis=0),
        "groups": groups,
        "rows": rows,
        "n_rows": usage["n_rows"] + len(gate),
    }

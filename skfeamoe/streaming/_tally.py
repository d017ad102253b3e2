"""Running counts from which every prequential measure follows, in constant memory.

A tally is a dict of arrays, so it is saved and restored as it is. With K classes, G groups,
c the class codes and f = 1 for the favorable class:

- ``confusion[c, c']``: weight of rows of class c predicted as c', shape (K, K);
- ``cells[a, f, f']``: weight of rows of group a, favorable truth f, favorable prediction
  f', shape (G, 2, 2), or (G, 3, 2) once rows came whose truth is not told, which are
  last; ``counts`` holds the number of those that weigh anything, ``squares``
  the sum of the squares of their weights;
- ``distance[a]``, ``distance_squares[a]``: weighted sums of distances to the boundary of
  refused rows and of their squares, shape (G,);
- ``scores[f, b]``: weight of rows by truth and bin of the score, shape (2, N_BINS);
- ``reliability[1 + a, b]``: weight, weighted sum of probabilities and weight of favorable
  truths of the rows of group a whose probability of the favorable label is in bin b, shape
  (G + 1, N_CALIBRATION_BINS, 3); line 0 is everyone's;
- ``sums``: rows, weight, weighted log loss and weighted Brier score, shape (4,).

Event e of a gap selects cells: all rows, favorable truth, unfavorable truth, or refused
rows; mu_{e,a} is the mean of the prediction (or the distance) over the event in group a,
the gap is max_a mu_{e,a} - min_a mu_{e,a} and the ratio min_a mu_{e,a} / max_a mu_{e,a}, as
fairlearn's ``difference()`` and ``ratio()`` take them. Rows of weights w_i tell as much about a
rate as n = (sum_i w_i)^2 / sum_i w_i^2 rows of equal weight (Kish 1965, "Survey sampling"): the
variance of a weighted mean of independent outcomes of one variance is that over n. This n, the
number of rows where all weigh the same, is what intervals and least sizes of groups take. The
calibration error is the mean over
bins of |share of favorable truths - mean probability|, weighted by the bins' weights; the KS
statistic the largest distance between the distributions of the scores of the two truths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit

from skfeamoe._fairness.constraints import (
    CONSTRAINTS,
    MEAN_OF_EVENT,
    constraint_of,
    gaps_of_rates,
    ratio_of,
)

Tally = dict[str, np.ndarray]
Rows = dict[str, np.ndarray]

N_BINS = 4096
N_CALIBRATION_BINS = 10
_SCORE_UNIT = 1e-3  # scores below this are told apart linearly, above it by ratio
_SCORE_SPAN = 22.0  # arcsinh of the largest score over the unit
_EPS = float(np.finfo(np.float64).eps)

GAPS = tuple(constraint.metric for constraint in CONSTRAINTS.values())
GROUP_COUNTS = ("cells", "counts", "squares", "distance", "distance_squares", "reliability")
"""Parts of a tally that have a line for each group."""

RATIOS = tuple(map(ratio_of, gaps_of_rates()))
UNTOLD = -1
"""Code of a true label that nobody has told; the row counts in what needs no truth."""

UNTOLD_PLACE = 2
"""Where cells have people without a true label, after the two truths."""

OVERALL = (
    "accuracy",
    "balanced_accuracy",
    "majority_accuracy",
    "log_loss",
    "brier_score",
    "roc_auc",
    "ks_statistic",
    "calibration_error",
)


def new_tally(n_classes: int, n_groups: int = 0) -> Tally:
    """Make a tally that has seen nothing."""
    return {
        "confusion": np.zeros((n_classes, n_classes)),
        "cells": np.zeros((n_groups, 2, 2)),
        "counts": np.zeros((n_groups, 2, 2)),
        "squares": np.zeros((n_groups, 2, 2)),
        "distance": np.zeros(n_groups),
        "distance_squares": np.zeros(n_groups),
        "scores": np.zeros((2, N_BINS)),
        "reliability": np.zeros((n_groups + 1, N_CALIBRATION_BINS, 3)),
        "sums": np.zeros(4),
    }


def grow_groups(tally: Tally, n_groups: int) -> None:
    """Make room for groups that appeared after the tally was made."""
    extra = n_groups - len(tally["cells"])
    if extra > 0:
        for name in GROUP_COUNTS:
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
    age = np.ones(len(rows["true"])) if age is None else age
    told = rows["true"] != UNTOLD
    _add_people(tally, rows, favorable, age, told)
    tally["sums"][0] += age.sum()
    if not told.all():
        rows, age = {name: part[told] for name, part in rows.items()}, age[told]
    true, predicted = rows["true"], rows["predicted"]
    weight = rows["weight"] * age
    k = len(tally["confusion"])
    tally["confusion"] += np.bincount(
        true * k + predicted, weights=weight, minlength=k * k
    ).reshape(k, k)
    good = (true == favorable).astype(np.intp)
    losses = (weight @ rows["log_loss"], weight @ (rows["proba"] - good) ** 2)
    tally["sums"][1:] += (weight.sum(), *losses)
    if not np.isnan(rows["proba"][:1]).any():
        _add_reliability(tally["reliability"], rows["proba"], good, weight, rows["group"])
    if bins:
        np.add.at(tally["scores"], (good, rows["bin"]), weight)


def _add_people(tally: Tally, rows: Rows, favorable: int, age, told) -> None:
    """Count the people of the groups by truth, told or not, and decision."""
    predicted, group, weight = rows["predicted"], rows["group"], rows["weight"] * age
    if not told.all():
        _make_room_for_untold(tally)
    n, n_truths, _ = tally["cells"].shape
    truth = np.where(told, rows["true"] == favorable, UNTOLD_PLACE)
    known = group >= 0
    cell = ((group * n_truths + truth) * 2 + (predicted == favorable))[known]
    if not len(cell):
        return
    parts = {"cells": weight, "counts": age * (rows["weight"] > 0)}
    for name, part in {**parts, "squares": weight * rows["weight"]}.items():
        sums = np.bincount(cell, weights=part[known], minlength=2 * n_truths * n)
        tally[name] += sums.reshape(n, n_truths, 2)
    refused = known & (predicted != favorable)
    for name, power in (("distance", 1), ("distance_squares", 2)):
        values = (weight * rows["distance"] ** power)[refused]
        tally[name] += np.bincount(group[refused], weights=values, minlength=n)


def _make_room_for_untold(tally: Tally) -> None:
    """A third truth, which is not told; most tallies never meet it."""
    for name in ("cells", "counts", "squares"):
        if tally[name].shape[1] == UNTOLD_PLACE:
            tally[name] = np.pad(tally[name], ((0, 0), (0, 1), (0, 0)))


def _add_reliability(table: np.ndarray, proba, good, weight, group) -> None:
    """Add probabilities and truths to their bins, for everyone and for the group."""
    place = np.minimum((proba * N_CALIBRATION_BINS).astype(np.intp), N_CALIBRATION_BINS - 1)
    line = (group + 1) * N_CALIBRATION_BINS + place
    size = len(table) * N_CALIBRATION_BINS
    for j, part in enumerate((weight, weight * proba, weight * good)):
        sums = np.bincount(line, weights=part, minlength=size)
        sums = sums.reshape(len(table), N_CALIBRATION_BINS)
        everyone = sums.sum(axis=0)  # line 0 has rows of unknown group only, until here
        sums[0] = everyone
        table[:, :, j] += sums


def calibration_errors(table: np.ndarray) -> np.ndarray:
    """Expected calibration error of everyone and of each group; nan without rows."""
    weight, proba, good = table[..., 0], table[..., 1], table[..., 2]
    return _ratio(np.abs(good - proba).sum(axis=-1), weight.sum(axis=-1))


def bin_scores(is_proba: bool) -> np.ndarray:
    """Score in the middle of each bin."""
    position = (np.arange(N_BINS) + 0.5) / (N_BINS / 2) - 1.0
    raw = _SCORE_UNIT * np.sinh(position * _SCORE_SPAN)
    return expit(raw) if is_proba else raw


def ks_statistic(scores: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of the scores of unfavorable and favorable truths."""
    total = scores.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        return float("nan")
    low, high = np.cumsum(scores / total, axis=1)
    return float(np.abs(low - high).max())


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


def exact_scores(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights by truth and distinct score of a window, (2, n_scores); none where unknown."""
    known = ~np.isnan(score)
    if not known.any():
        return np.zeros((2, 1))
    _, bins = np.unique(score[known], return_inverse=True)
    scores = np.zeros((2, bins.max() + 1))
    np.add.at(scores, (positive[known].astype(np.intp), bins), weight[known])
    return scores


def overall_measures(tally: Tally, scores: np.ndarray) -> dict[str, float]:
    """Measures of all rows, as named in `OVERALL`; nan before the first row."""
    _, weight, log_loss, brier = tally["sums"]
    if weight <= 0:
        return dict.fromkeys(OVERALL, float("nan"))
    of_class = tally["confusion"].sum(axis=1)
    present = of_class > 0
    recall = np.diag(tally["confusion"])[present] / of_class[present]
    values = (
        np.trace(tally["confusion"]) / weight,
        recall.mean(),
        of_class.max() / weight,
        log_loss / weight,
        brier / weight,
        binned_auc(scores),
        ks_statistic(scores),
        calibration_errors(tally["reliability"][0]),
    )
    return dict(zip(OVERALL, map(float, values), strict=True))


def with_squares(tally: dict[str, Any], what: str) -> dict[str, Any]:
    """A tally as one of today; those of before had no ``squares``.

    Where every row weighs 1 they are the weights themselves, elsewhere they cannot be known.
    """
    if "squares" in tally:
        return tally
    if not np.array_equal(tally["cells"], tally["counts"]):
        raise ValueError(
            f"{what} was saved by an earlier version with sample_weight, without the squares "
            "of the weights that intervals need; run the stream anew"
        )
    return {**tally, "squares": tally["cells"].copy()}


def effective_rows(n_rows, weight, squares) -> np.ndarray:
    """Kish's number of rows from sums of weights and of their squares; 0 without any."""
    share = np.divide(weight, squares, out=np.zeros_like(weight), where=squares > 0)
    # weight * share, so that rows of weight 1 make exactly their number; fading rows of unequal
    # weights could tell less than one row does
    return np.maximum(weight * share, np.minimum(n_rows, 1.0))


def group_rates(tally: Tally) -> dict[str, np.ndarray]:
    """Rates of each group, shape (n_groups,); nan where an event has no rows."""
    cells = tally["cells"]
    selected, rejected = cells[:, :, 1], cells[:, :, 0]
    n_rows, everyone = tally["counts"].sum(axis=(1, 2)), cells.sum(axis=(1, 2))
    labeled = cells[:, :UNTOLD_PLACE].sum(axis=(1, 2))
    return {
        "n_rows": n_rows,
        "n_effective": effective_rows(n_rows, everyone, tally["squares"].sum(axis=(1, 2))),
        "base_rate": _ratio(cells[:, 1].sum(axis=1), labeled),
        "selection_rate": _ratio(selected.sum(axis=1), everyone),
        "true_positive_rate": _ratio(selected[:, 1], cells[:, 1].sum(axis=1)),
        "false_positive_rate": _ratio(selected[:, 0], cells[:, 0].sum(axis=1)),
        "burden": _ratio(tally["distance"], rejected.sum(axis=1)),
    }


class EventRate(NamedTuple):
    """A rate of each group, the rows it is taken from, and how many they tell as much as."""

    rate: np.ndarray  # (n_groups,), as the others
    n_rows: np.ndarray
    n_effective: np.ndarray


def event_rates(tally: Tally) -> dict[str, EventRate]:
    """Rates of each group in the events that measures compare."""
    rates = group_rates(tally)

    def of(name: str, rows: tuple) -> EventRate:
        parts = (tally[key][rows] for key in ("counts", "cells", "squares"))
        n_rows, *sums = (part.sum(axis=tuple(range(1, part.ndim))) for part in parts)
        return EventRate(rates[name], n_rows, effective_rows(n_rows, *sums))

    everybody = slice(None)
    return {
        "selection_rate": of("selection_rate", (everybody,)),
        "true_positive_rate": of("true_positive_rate", (everybody, 1)),
        "false_positive_rate": of("false_positive_rate", (everybody, 0)),
        "burden": of("burden", (everybody, everybody, 0)),
    }


def events_of(measure: str) -> tuple[str, ...]:
    """Rates that a difference or a ratio compares; of several the worst counts."""
    return tuple(MEAN_OF_EVENT[event] for event in constraint_of(measure).events)


def group_gaps(
    tally: Tally, min_group_size: int, groups: np.ndarray | None = None
) -> dict[str, float]:
    """Gaps and ratios between groups that have at least `min_group_size` rows in the event.

    Rows count by what they tell, `effective_rows`.
    `groups` is a mask of those to compare; all by default. A value is nan if any of its rates
    has fewer than two groups to compare.
    """
    rates = event_rates(tally)
    values = {}
    for name in (*GAPS, *RATIOS):
        of_events = [
            _spread(rates[event], min_group_size, groups, name.endswith("_ratio"))
            for event in events_of(name)
        ]
        values[name] = float(min(of_events) if name.endswith("_ratio") else max(of_events))
        if np.isnan(of_events).any():
            values[name] = float("nan")
    return values


def large_groups(count: np.ndarray, min_group_size: int) -> np.ndarray:
    """Mark the groups with enough rows."""
    return count >= max(min_group_size, 1) - 1e-9


def _spread(of_event: EventRate, min_group_size: int, groups, ratio: bool) -> float:
    """Largest minus smallest rate, or smallest over largest; nan with fewer than two."""
    known = large_groups(of_event.n_effective, min_group_size) & ~np.isnan(of_event.rate)
    rate = of_event.rate[known if groups is None else known & groups]
    if len(rate) < 2:
        return float("nan")
    low, high = float(rate.min()), float(rate.max())
    if ratio:
        return low / high if high > 0 else float("nan")
    return high - low


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; nan where nothing is counted."""
    out = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


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

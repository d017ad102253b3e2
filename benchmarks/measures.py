"""What is measured of decisions and distances, and the clock."""

import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from skfeamoe import FairnessWarning
from skfeamoe.metrics import burden_difference

FARTHEST = 10.0
"""Longest distance that counts: where no unit of a network is active, it is infinite."""


def scores(y, decisions, groups) -> dict[str, float]:
    """Accuracy and gaps of decisions (n,) or of several draws (draws, n).

    The gaps are fairlearn's ``demographic_parity_difference`` (dp) and
    ``equalized_odds_difference`` (eo), from counts, since MetricFrame would take longer
    than the fits. ``aod`` is the mean of the two odds gaps, of which eo is the larger.
    Several draws are the decisions of a randomized classifier; together they estimate its
    expected rates.
    """
    draws = np.atleast_2d(decisions)
    codes = np.unique(groups, return_inverse=True)[1]
    cell = codes * 2 + y
    rows = np.bincount(cell, minlength=2 * (codes.max() + 1)).reshape(-1, 2)
    granted = np.bincount(cell, draws.mean(axis=0), rows.size).reshape(-1, 2)
    false_positive, true_positive = np.ptp(granted / np.maximum(rows, 1), axis=0)
    return {
        "accuracy": float((draws == y).mean()),
        "dp": float(np.ptp(granted.sum(axis=1) / rows.sum(axis=1))),
        "eo": float(max(true_positive, false_positive)),
        "tpr_gap": float(true_positive),
        "aod": float((true_positive + false_positive) / 2),
    }


def accuracy_and_gap(y, decisions, groups) -> dict[str, float]:
    """Accuracy and demographic parity difference of `scores`, the latter by its plain name."""
    found = scores(y, decisions, groups)
    return {"accuracy": found["accuracy"], "gap": found["dp"]}


def gap_of(granted, groups) -> float:
    """Demographic parity difference."""
    return float(np.ptp([granted[groups == name].mean() for name in np.unique(groups)]))


def windows(n_rows: int, size: int, first: int = 0) -> Iterator[slice]:
    """Whole windows of so many rows, one after the other."""
    return (slice(start, start + size) for start in range(first, n_rows - size + 1, size))


def test_scores(rows, decisions) -> dict[str, float]:
    """:func:`scores` on the test rows of a split."""
    return scores(rows.y_test, decisions, rows.groups_test)


def clock(function, *args, **kwargs) -> tuple:
    """The result of a call, and its CPU seconds."""
    start = time.process_time()
    result = function(*args, **kwargs)
    return result, time.process_time() - start


def elapsed(function, *args, **kwargs) -> tuple:
    """The result of a call, and the seconds that passed, those of other processes included."""
    start = time.perf_counter()
    result = function(*args, **kwargs)
    return result, time.perf_counter() - start


def warned_of(function, *args, kind: type[Warning] = Warning, **kwargs) -> tuple:
    """The result of a call, and its warnings as text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    return result, [str(w.message) for w in caught if issubclass(w.category, kind)]


def timed(function, *args, **kwargs):
    """The result of a call, its CPU seconds, and the unmet bounds it warned of."""
    (result, seconds), told = warned_of(clock, function, *args, kind=FairnessWarning, **kwargs)
    return result, {"seconds": seconds} | ({"warning": told[0]} if told else {})


class Outcome(NamedTuple):
    """Decisions on rows and distances to the boundary, (n,) or (draws, n) if randomized."""

    decisions: np.ndarray
    distance: np.ndarray


def of_estimator(model, X) -> Outcome:
    """What a fitted FEAMOE classifier says of the rows."""
    return Outcome(model.predict(X), model.distance_to_boundary(X))


def measured(outcome: Outcome, y, groups, favorable) -> dict[str, float]:
    """The paper's four: accuracy, SPD, AOD (mean of both odds gaps) and burden gap.

    Distances are in standard deviations of the features, `FARTHEST` at most, lest one row
    decide the mean of its group.
    """
    draws = np.atleast_2d(outcome.decisions)
    distance = np.minimum(np.atleast_2d(outcome.distance), FARTHEST)
    found = scores(y, draws, groups)
    n = len(draws)
    gap = burden_difference(
        np.tile(y, n),
        draws.ravel(),
        sensitive_features=np.tile(groups, n),
        distance=distance.ravel(),
        pos_label=favorable,
    )
    parts = {"accuracy": found["accuracy"], "spd": found["dp"], "aod": found["aod"]}
    return parts | {"burden": float(gap)}


def on_test(outcome: Outcome, rows) -> dict[str, float]:
    """:func:`measured` on the test rows of a split."""
    return measured(outcome, rows.y_test, rows.groups_test, rows.favorable)

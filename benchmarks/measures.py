"""What is measured of decisions and distances, and the clock."""

import time
import warnings
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


def test_scores(rows, decisions) -> dict[str, float]:
    """:func:`scores` on the test rows of a split."""
    return scores(rows.y_test, decisions, rows.groups_test)


def clock(function, *args, **kwargs) -> tuple:
    """The result of a call, and its CPU seconds."""
    start = time.process_time()
    result = function(*args, **kwargs)
    return result, time.process_time() - start


def timed(function, *args, **kwargs):
    """The result of a call, its CPU seconds, and the unmet bounds it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result, seconds = clock(function, *args, **kwargs)
    told = [str(w.message) for w in caught if issubclass(w.category, FairnessWarning)]
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

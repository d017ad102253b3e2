"""The four numbers of the paper, from decisions and distances to the boundary."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.common import scores
from benchmarks.paper.fair_n import FARTHEST
from skfeamoe.metrics import burden_difference

MEASURES = ("accuracy", "spd", "aod", "burden")
TITLES = {
    "accuracy": "accuracy",
    "spd": "SPD",
    "aod": "AOD",
    "burden": "burden gap",
}


class Outcome(NamedTuple):
    """Decisions on rows and distances to the boundary, (n,) or (draws, n) if randomized."""

    decisions: np.ndarray
    distance: np.ndarray


def of_estimator(model, X) -> Outcome:
    """What a fitted FEAMOE classifier says of the rows."""
    return Outcome(model.predict(X), model.distance_to_boundary(X))


def measured(outcome: Outcome, y, groups, favorable) -> dict[str, float]:
    """Accuracy, SPD, AOD (mean of both odds gaps) and burden gap, all absolute.

    Distances are in standard deviations of the features, `FARTHEST` at most: one row of a
    network where no unit is active would decide the mean of its group.
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
    return {
        "accuracy": found["accuracy"],
        "spd": found["dp"],
        "aod": found["aod"],
        "burden": gap,
    }


def on_test(outcome: Outcome, rows) -> dict[str, float]:
    """:func:`measured` on the test rows."""
    return measured(outcome, rows.y_test, rows.groups_test, rows.favorable)

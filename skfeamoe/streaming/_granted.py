r"""A stream in which only the granted show an outcome, simulated on one that shows all.

Every model grants whom it predicts to be favorable, and, with the chance ``exploration``,
anybody else by lot. It learns from the outcomes of these alone. What a lender in this position
can measure is told beside what only the simulation knows: the view "seen" has the rows whose
outcome the model has seen, as they are, and the view "corrected" the same rows, each for 1/p
rows, where p is the chance with which it was seen. Without exploration nobody stands for the
refused, and the two are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._feedback import uniforms
from skfeamoe._sklearn import _safe_indexing

VIEWS = ("seen", "corrected")


class Lottery:
    """Which outcomes a model sees."""

    def __init__(self, exploration: float, random_state: int) -> None:
        self.exploration = exploration
        self.seed = random_state

    def chances(self, predicted: NDArray, favorable: int) -> NDArray:
        """Chance with which the outcome of each row is seen, (n_samples,)."""
        return np.where(predicted == favorable, 1.0, self.exploration)

    def seen(self, chances: NDArray, first_row: int) -> NDArray:
        """Rows whose outcome is seen, (n_samples,) bool; the same lots for all models."""
        return uniforms(self.seed, first_row, len(chances)) < chances


def counted(rows: dict[str, NDArray], seen: NDArray, chances: NDArray) -> dict[str, dict]:
    """The rows of both views."""
    part = {name: values[seen] for name, values in rows.items()}
    weight = part["weight"] / chances[seen]
    return {"seen": part, "corrected": {**part, "weight": weight}}


def lesson(item: dict[str, Any], takes: list[str], seen: NDArray, chances: NDArray) -> dict:
    """What a model may learn of a batch: arguments of ``partial_fit``.

    A model that takes a `propensity` is shown everybody, the refused without a label; any
    other one those whose outcome is seen, with 1/p in their weights if it takes weights.
    """
    if "propensity" in takes:
        y = np.where(seen, item["y"].astype(object), None)
        return {**item, "y": y, "propensity": chances}
    part = {
        name: None if item[name] is None else _safe_indexing(item[name], np.flatnonzero(seen))
        for name in ("X", "y", "sensitive_features", "sample_weight")
    }
    if (chances[seen] < 1.0).any() and "sample_weight" in takes:
        own = (
            np.ones(int(seen.sum())) if part["sample_weight"] is None else part["sample_weight"]
        )
        part["sample_weight"] = np.asarray(own, dtype=float) / chances[seen]
    return {**part, "propensity": None}

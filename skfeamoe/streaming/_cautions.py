"""What a verdict must not be read without."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._points import View
from ._tally import UNTOLD_PLACE, effective_rows
from ._words import apart, count, percent

NEARLY_ALL = 0.95
"""Share of people with the same answer that is called nearly everybody."""


def same_answer(view: View) -> float | None:
    """Share of favorable decisions, if nearly everybody gets the same one."""
    total = view.cells.sum()
    if total <= 0:
        return None
    share = float(view.cells[:, :, 1].sum() / total)
    return share if max(share, 1.0 - share) >= NEARLY_ALL else None


def cautions_of(view: View, favorable: Any, model: str) -> list[str]:
    """Say when a model is no better than none, and when it decides alike for all."""
    cautions = []
    accuracy = view.measures.get("accuracy", np.nan)
    majority = view.measures.get("majority_accuracy", np.nan)
    if accuracy <= majority:
        cautions.append(
            f"Caution: the accuracy of {model}, {apart(accuracy, majority)}, does not exceed "
            f"that of always saying the most frequent label, {apart(majority, accuracy)}."
        )
    cautions += _of_weights(view)
    share = same_answer(view)
    if share is not None:
        labeled = view.cells[:, :UNTOLD_PLACE].sum()
        truth = f" (in truth {percent(view.cells[:, 1].sum() / labeled)})" if labeled else ""
        cautions.append(
            f"Caution: {percent(share)} of the decisions are {favorable!s}{truth}; where "
            "nearly everybody gets the same answer, every gap is small."
        )
    return cautions


def _of_weights(view: View) -> list[str]:
    """Say what the rows tell where their weights differ."""
    n_rows = view.counts.sum()
    n_effective = effective_rows(n_rows, view.cells.sum(), view.squares.sum())
    if np.rint(n_effective) >= np.rint(n_rows):
        return []
    return [
        f"Caution: rows have weights, by which {count(float(n_rows))} rows tell as much as "
        f"{count(float(n_effective))} of equal weight; intervals and the least size of groups "
        "rest on these."
    ]

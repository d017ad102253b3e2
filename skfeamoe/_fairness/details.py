"""What is told of gaps: by constraint, by slot with a verdict, and by parts of the people."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import Measured
from skfeamoe._fairness.constraints import Slots


def largest_gaps(slots: Slots, measured: Measured, *, errors: bool = False) -> dict[str, float]:
    """Gap, or standard error, of every constraint: the largest over its events."""
    values = np.array([measured.gap(s)[int(errors)] for s in range(len(slots))])
    return {c.name: float(np.fmax.reduce(values[slots.of(c.name)])) for c in slots.constraints}


def verdict(gap: float, error: float, bound: float) -> str:
    """What two standard errors allow to say of a bound."""
    if np.isnan(gap):
        return "not measured"
    if gap - 2.0 * error > bound:
        return "not kept"
    return "kept" if gap + 2.0 * error <= bound else "not shown"


def gap_details(
    slots: Slots,
    measured: Measured,
    bounds: NDArray,
    is_ratio: NDArray,
    labels: Sequence[str],
) -> list[dict[str, Any]]:
    """One row per slot.

    A bound of a ratio is told as the ratio, beside the "ratio" of the lowest to the highest
    rate; gaps and standard errors are of the difference in any case.
    """
    rows = []
    for s in range(len(slots)):
        log_gap, log_error = measured.gap(s, ratio=True)
        own = measured.gap(s) if not is_ratio[s] else (log_gap, log_error)
        few = [labels[int(a)] for a in np.flatnonzero(~measured.known[s])]
        row = _spanned(slots, measured, s, labels)
        bound = float(bounds[s])
        row |= {
            "ratio": float(np.exp(-log_gap)),
            "bound": float(np.exp(-bound)) if is_ratio[s] else bound,
            "form": "ratio" if is_ratio[s] else "difference",
            "verdict": verdict(*own, bound),
            "excess": own[0] - bound,
            "excess_error": own[1],
            "groups_left_out": few,
            "price": measured.price,
        }
        rows.append(row)
    return rows


def part_details(
    slots: Slots, measured: Measured, known: NDArray, bounds: NDArray, labels: Sequence[str]
) -> list[dict[str, Any]]:
    """One row per slot of one part; ``known``, (n_slots,), are gaps after shrinkage."""
    rows = []
    for s in range(len(slots)):
        row = _spanned(slots, measured, s, labels)
        gap, error = measured.gap(s)
        row |= {
            "shrunken_gap": float(known[s]),
            "bound": float(bounds[s]),
            "verdict": verdict(gap, error, float(bounds[s])),
        }
        rows.append(row)
    return rows


def _spanned(slots: Slots, measured: Measured, s: int, labels: Sequence[str]) -> dict[str, Any]:
    """The gap of a slot and the groups that span it."""
    (gap, error), span, counted = measured.gap(s), measured.span(s), measured.n_rows[s]
    return {
        "constraint": slots.names[s],
        "event": slots.events[s],
        "gap": gap,
        "standard_error": error,
        "highest": labels[span[0]] if span else None,
        "lowest": labels[span[1]] if span else None,
        "n_highest": int(counted[span[0]]) if span else 0,
        "n_lowest": int(counted[span[1]]) if span else 0,
        "unweighted_gap": measured.gap(s, unweighted=True)[0],
    }

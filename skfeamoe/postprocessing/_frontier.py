"""Accuracy and gaps over bounds, one line a bound."""

from __future__ import annotations

from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._rule import Request, Rule, audit

BOUNDS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)


def frontier_row(held: HeldOut, rule: Rule, request: Request, bound) -> dict:
    """One line of the table: what a rule does on rows."""
    found = audit(held, rule, request)
    row = {"bound": bound, "accuracy": found.accuracy}
    for name, gap in found.gaps.items():
        row[CONSTRAINTS[name].metric] = gap
        row[f"{name}_standard_error"] = found.errors[name]
    return row | {"met": found.met}

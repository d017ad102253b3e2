"""Models that change faster than the rule follows: decisions of then, against the bounds.

The rule is solved on what the models said of recent rows before they learned them. What it
decided on rows that neither model had learned is looked at twice: all of it, and what came
since the rule was solved last. A gap that goes one way now and the other way then cancels in
the first look, and is far beyond what few rows say in some of the others.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from skfeamoe.postprocessing import _buffer
from skfeamoe.postprocessing._messages import passed
from skfeamoe.postprocessing._rule import Audit, Request, audit_decisions

CLEARLY = 3.0
"""Standard errors by which decisions pass a bound when it is told."""

STRETCHES = 16
"""Looks at what came since the rule was solved that are remembered."""

OFTEN = 3
"""As many of them that pass a bound are told."""


def looked(request: Request, buffer: dict) -> dict:
    """The buffer with a look at what was decided since the rule was solved."""
    asked, before = _asked(request), buffer.get("stretches", {})
    found = _audit(request, buffer, buffer["n_since_solved"])
    owners = [] if found is None else [list(owner) for owner in found.excess]
    kept = before["passed"] if before.get("asked") == asked else []
    return {**buffer, "stretches": {"asked": asked, "passed": [*kept, owners][-STRETCHES:]}}


def message(request: Request, buffer: dict, told: dict[str, float]) -> str:
    """That decisions clearly pass bounds which the rule keeps where it was solved, or ""."""
    whole = _audit(request, buffer)
    if whole is not None and whole.excess:
        names = [name for name, _ in whole.excess]
        listed = [passed(whole, request, *owner) for owner in whole.excess]
    else:
        often, n_looks = _often(buffer)
        names = list(often)
        listed = [
            f"{name} in {n} of the last {n_looks} stretches between two solutions, though not "
            "in all of them together"
            for name, n in often.items()
        ]
    if not listed:
        return ""
    solved = ", ".join(f"{name} {told[name]:.3f}" for name in names if name in told)
    return (
        "decisions on recent rows, before these were learned, clearly passed bounds: "
        f"{'; '.join(listed)}; on the rows that the rule is solved on it keeps {solved}. The "
        "models change faster than the rule follows: let them learn more slowly (a smaller, "
        "falling or averaged learning rate), or lower solve_interval and buffer_size"
    )


def _often(buffer: dict) -> tuple[dict[str, int], int]:
    """Constraints that passed a bound in many stretches, in how many, and of how many."""
    looks = buffer.get("stretches", {}).get("passed", [])
    counts = Counter(name for owners in looks for name in {name for name, _ in owners})
    return {name: n for name, n in sorted(counts.items()) if n >= OFTEN}, len(looks)


def _audit(request: Request, buffer: dict, n_rows: int | None = None) -> Audit | None:
    """Bounds that are clearly passed on the rows decided on last; None of nobody to compare."""
    held, granted = _buffer.decided(buffer, n_rows)
    if not (len(held) and request.slots and held.n_groups > 1):
        return None
    return audit_decisions(held, granted, request, -CLEARLY)


def _asked(request: Request) -> list[Any]:
    """What a stretch was looked at for."""
    return [dict(request.difference), request.ratio]

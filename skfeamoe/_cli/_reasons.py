"""Reasons of decisions, printed; also the command `explain`."""

from __future__ import annotations

from typing import Any

from skfeamoe.inspection import ReasonCodes, reason_codes

from ._verdict import print_wrapped


def print_reasons(console, model: Any, rows, numbers, n: int = 4) -> None:
    """Print why each of some rows was decided as it was."""
    if not len(rows):
        return
    for number, codes in zip(
        numbers, reason_codes(model, rows, n, random_state=0), strict=True
    ):
        print_wrapped(console, decision_sentence(f"row {int(number):,}", codes), "  ")
        for place, reason in enumerate(codes.reasons, start=1):
            points = f"{100 * reason.contribution:.1f}".replace("-", "\N{MINUS SIGN}")
            print_wrapped(console, f"  {place}. {reason.text}: {points} points", "     ")


def decision_sentence(who: str, codes: ReasonCodes) -> str:
    """What was decided, and how far that is from the average."""
    return (
        f"{who}: decided {codes.decision}, as the probability of the favorable label is "
        f"{codes.probability:.3f} (average person {codes.average:.3f})"
    )

"""Values of options, parsed with one line for what is wrong."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

LEAST_DEMO_ROWS = 2_000
LARGEST_SEED = 2**32 - 1

_SPANS = {"s": "s", "min": "m", "m": "m", "h": "h", "d": "D", "w": "W"}


def _number(text: str) -> float:
    """Parse a number, NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def bound(text: str) -> float:
    """Parse a bound; whether it may exceed 1 depends on the constraint."""
    value = _number(text)
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(
            f"bound must be in (0, 1], got {text}; a gap of 5 points is 0.05"
        )
    return value


def ratio(text: str) -> float:
    """Parse the bound of a ratio."""
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(
            f"ratio must be between 0 and 1, got {text}; the four-fifths rule is 0.8"
        )
    return value


def share(text: str) -> float:
    """Parse a share of the people."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(
            f"exploration must be from 0 to less than 1, got {text}; 0.05 is one in twenty"
        )
    return value


class ConstraintNames:
    """Names of all constraints, looked up when they are shown: ``--help`` should be quick."""

    def __str__(self) -> str:
        from skfeamoe._fairness.constraints import CONSTRAINTS

        return ", ".join(CONSTRAINTS)


def constraint(text: str) -> tuple[str, float | None]:
    """Parse a constraint with or without its bound."""
    from skfeamoe._fairness.constraints import CONSTRAINTS

    name, _, value = text.partition("=")
    if name not in CONSTRAINTS:
        known = ", ".join(map(repr, CONSTRAINTS))
        raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {known})")
    return name, bound(value) if value else None


def delay(text: str) -> tuple[int | str, str]:
    """Parse a delay: rows, or a number with a unit of time."""
    found = re.fullmatch(r"(\d+)\s*([a-z]*)", text.strip().lower())
    if found is None or (found[2] and found[2] not in _SPANS):
        raise argparse.ArgumentTypeError(
            f"delay must be rows, such as 500, or a time, such as 30d or 12h, got {text}"
        )
    if not found[2]:
        return int(found[1]), "rows"
    return f"{found[1]} {_SPANS[found[2]]}", "time"


def seed(text: str) -> int:
    """Parse a seed."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(
            f"seed must be a whole number from 0 to {LARGEST_SEED:,}, got {text}"
        )
    return value


def rows_of_demo(text: str) -> int:
    """Parse the length of the demo."""
    return whole("rows", LEAST_DEMO_ROWS)(text)


def whole(name: str, least: int) -> Callable[[str], int]:
    """A parser of integers of at least `least`."""

    def parse(text: str) -> int:
        try:
            value = int(text.replace("_", "").replace(",", ""))
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(
                f"{name} must be a whole number of at least {least:,}, got {text}"
            )
        return value

    return parse

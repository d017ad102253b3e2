"""Bounds that were asked for: of differences, and of ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skfeamoe._fairness.constraints import CONSTRAINTS, ratio_of

from ._errors import InputError


@dataclass(frozen=True)
class Bounds:
    """Bounds by constraint, in the order in which constraints were given."""

    names: tuple[str, ...]
    differences: dict[str, float]
    ratios: dict[str, float]

    @property
    def measures(self) -> dict[str, float]:
        """The measure that each bound is about, and the bound."""
        return {
            self.measure(name): bound
            for name in self.names
            if (bound := self.ratios.get(name, self.differences.get(name))) is not None
        }

    def measure(self, name: str) -> str:
        """The measure that the bound of a constraint is about."""
        metric = CONSTRAINTS[name].metric
        return ratio_of(metric) if name in self.ratios else metric

    @property
    def parameters(self) -> dict[str, Any]:
        """The same as parameters of `FEAMOEClassifier`."""
        names, differences = list(self.names), dict(self.differences)
        single = len(names) == 1 and bool(differences)
        found: dict[str, Any] = {"constraints": names[0] if len(names) == 1 else names}
        if differences:
            found["difference_bound"] = differences[names[0]] if single else differences
        if self.ratios:
            found["ratio_bound"] = dict(self.ratios)
        return found


def bounds_of(arguments) -> Bounds:
    """The bounds of a command, checked."""
    asked = arguments.constraint or [("demographic_parity", None)]
    names = [name for name, _ in asked]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--constraint {twice} is given twice; give each once")
    differences, ratios, ratio = {}, {}, getattr(arguments, "ratio_bound", None)
    _check_bound_is_used(arguments, asked, ratio)
    for name, own in asked:
        if own is None and ratio is not None and not CONSTRAINTS[name].uses_distance:
            ratios[name] = ratio
        elif (value := arguments.bound if own is None else own) is not None:
            differences[name] = value
    if ratio is not None and not ratios:
        raise InputError(
            "--ratio-bound bounds rates, and no --constraint without a bound of its own is "
            "one; leave it out"
        )
    for name, value in differences.items():
        if value > 1 and not CONSTRAINTS[name].uses_distance:
            raise InputError(
                f"--bound must be in (0, 1], got {value:g}; a gap of 5 points is 0.05"
            )
    return Bounds(tuple(names), differences, ratios)


def _check_bound_is_used(arguments, asked, ratio: float | None) -> None:
    """Refuse a ``--bound`` that no constraint is left for."""
    without = [name for name, own in asked if own is None]
    if ratio is not None:
        without = [name for name in without if CONSTRAINTS[name].uses_distance]
    if without or "bound" not in getattr(arguments, "asked", ()):
        return
    if ratio is None:
        raise InputError(
            "--bound is for a --constraint without a bound of its own, and there is none; "
            "leave it out"
        )
    raise InputError(
        f"--bound {arguments.bound:g} and --ratio-bound {ratio:g} are about the same rates; "
        "give one of them, and --constraint NAME=BOUND for another"
    )

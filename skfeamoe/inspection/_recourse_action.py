"""What may be done with one column: its directions, range, steps and cost, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DIRECTIONS = {"increase": (True, False), "decrease": (False, True), "any": (True, True)}

FRACTIONS = 2.0 ** -np.arange(12.0)
"""Parts of the way to the end of a range at which a number is tried."""


@dataclass(frozen=True)
class Action:
    """What may be done with one column; values of a category are numbers of its levels."""

    name: str
    unit_cost: float
    low: float = -np.inf
    high: float = np.inf
    step: float = 0.0
    up: bool = True
    down: bool = True
    levels: tuple = ()
    allowed: tuple[int, ...] = ()

    def candidates(self, now: NDArray) -> NDArray:
        """Values to try for every row, of shape (n_rows, n_values); first, to stay."""
        if self.levels:
            others = np.tile(np.asarray(self.allowed, dtype=float), (len(now), 1))
            others[np.isnan(now)] = np.nan
            return np.column_stack([now, others])
        ways = [now[:, None]]
        for allowed, end in ((self.up, self.high), (self.down, self.low)):
            if allowed:
                room = self.room(now, end)
                ways.append(now[:, None] + self.rounded(room[:, None] * FRACTIONS))
        values = np.concatenate(ways, axis=1)
        return np.where(np.isnan(values), now[:, None], values)

    def room(self, now: NDArray, end: float) -> NDArray:
        """Signed way to an end of the range in whole steps; 0 for who stands beyond it."""
        room = np.maximum(end - now, 0.0) if end == self.high else np.minimum(end - now, 0.0)
        if not self.step:
            return room
        return np.trunc(room / self.step + 1e-9 * np.sign(room)) * self.step

    def rounded(self, change: NDArray) -> NDArray:
        """The change in whole steps, away from zero."""
        if not self.step:
            return change
        return np.sign(change) * np.ceil(np.abs(change) / self.step - 1e-9) * self.step

    def cost(self, now: NDArray, then: NDArray) -> NDArray:
        """Cost of the change."""
        if self.levels:
            return self.unit_cost * differs(now, then)
        return np.nan_to_num(self.unit_cost * np.abs(then - now))


def differs(start, then):
    """Which values were changed; a missing one never is."""
    return (start != then) & ~np.isnan(start)


def actions_of(population, original, actionable, ranges, steps, costs):
    """What may be done with each column, checked."""
    if isinstance(actionable, str):
        actionable = [actionable]
    if not isinstance(actionable, Mapping):
        actionable = dict.fromkeys(actionable, "any")
    if not actionable:
        raise ValueError("actionable must name the columns that people can act on, got none")
    told = {"actionable": actionable, "ranges": ranges, "steps": steps, "costs": costs}
    for parameter, given in told.items():
        known = population.columns if parameter == "actionable" else actionable
        unknown = [name for name in given or () if name not in known]
        if unknown:
            where = "X" if parameter == "actionable" else "actionable"
            raise ValueError(f"{parameter} names {unknown}, not among the columns of {where}")
    for name, way in actionable.items():
        if way not in DIRECTIONS:
            raise ValueError(
                f"actionable[{name!r}] must be one of {sorted(DIRECTIONS)}, got {way!r}"
            )
    return [
        _action(
            name,
            population[name],
            original[name],
            way,
            (ranges or {}).get(name),
            (steps or {}).get(name),
            (costs or {}).get(name),
        )
        for name, way in actionable.items()
    ]


def _action(name, population, now, way, allowed, step, cost):
    """What may be done with one column."""
    if cost is not None and not cost > 0:
        raise ValueError(f"costs[{name!r}] must be above 0, got {cost!r}")
    is_number = pd.api.types.is_numeric_dtype(population) and not (
        pd.api.types.is_bool_dtype(population)
    )
    if not is_number:
        if way != "any" or step is not None:
            raise ValueError(f"{name!r} is a category: it has no direction and no steps")
        levels = dict.fromkeys([*_occurring(population), *_occurring(now)])
        numbers = {level: code for code, level in enumerate(levels)}
        given = levels if allowed is None else list(allowed)
        if unknown := [level for level in given if level not in numbers]:
            raise ValueError(f"ranges[{name!r}] has {unknown}, which do not occur")
        codes = tuple(numbers[level] for level in given)
        cost = 1.0 if cost is None else float(cost)
        return Action(name, cost, levels=tuple(levels), allowed=codes)
    values = population.to_numpy(dtype=float, na_value=np.nan)
    low, high = (np.nanmin(values), np.nanmax(values)) if allowed is None else allowed
    if not low <= high:
        raise ValueError(f"ranges[{name!r}] must be (low, high), got {allowed!r}")
    if step is None:
        step = 1.0 if pd.api.types.is_integer_dtype(population) else 0.0
    if not step >= 0:
        raise ValueError(f"steps[{name!r}] must be at least 0, got {step!r}")
    up, down = DIRECTIONS[way]
    cost = 1.0 / _spread(values) if cost is None else float(cost)
    return Action(name, cost, float(low), float(high), float(step), up, down)


def _occurring(column) -> list:
    """Values of a column in the order in which they occur."""
    values = column.array
    if isinstance(values, pd.Categorical):
        codes = pd.unique(values.codes)
        return values.categories.take(codes[codes >= 0]).tolist()
    values = pd.unique(values)
    return values[~pd.isna(values)].tolist()


def _spread(values):
    """Median absolute deviation; where that is 0 the standard deviation, then 1."""
    values = values[~np.isnan(values)]  # the median of what is complete takes half the time
    mad = np.median(np.abs(values - np.median(values)))
    return float(mad or values.std() or 1.0)

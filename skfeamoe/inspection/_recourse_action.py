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

FULL, SHORT = np.dtype(float), (np.dtype("float32"), np.dtype("float16"))
"""Types of numbers; in the short ones values are rounded before they are tried."""

EXACT = 2.0**53
"""So far whole numbers have no gaps."""


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
    kind: np.dtype = FULL

    def candidates(self, now: NDArray) -> NDArray:
        """Values to try for every row, of shape (n_rows, n_values); first, to stay."""
        if self.levels:
            others = np.tile(np.asarray(self.allowed, dtype=float), (len(now), 1))
            others[np.isnan(now)] = np.nan
            return np.column_stack([now, others])
        ways = [now[:, None]]
        for allowed, sign in ((self.up, 1.0), (self.down, -1.0)):
            if allowed:
                least, most = self.room(now, sign)
                change = least[:, None] + self.rounded((most - least)[:, None] * FRACTIONS)
                ways.append(self.moved(now[:, None], sign * change))
                if least.any():  # of who stands outside, the first value inside
                    ways.append(self.moved(now[:, None], sign * least[:, None]))
        return np.concatenate(ways, axis=1)

    def room(self, now: NDArray, sign: float) -> tuple[NDArray, NDArray]:
        """Least and most change of a direction that ends in the range; 0 where none does."""
        end = self.high if sign > 0 else self.low
        least, most = self.least(now, sign), np.maximum(sign * (end - now), 0.0)
        if self.step:
            most = np.trunc(most / self.step + 1e-9) * self.step
        ends = least <= most
        return np.where(ends, least, 0.0), np.where(ends, most, 0.0)

    def least(self, now: NDArray, sign) -> NDArray:
        """Change that takes who stands outside into the range, in whole steps; else 0."""
        way = np.where(np.asarray(sign) > 0, self.low - now, now - self.high)
        return self.rounded(np.maximum(way, 0.0))

    def moved(self, now: NDArray, change: NDArray) -> NDArray:
        """Values after a change, which end in the range whatever rounding does."""
        then = np.clip(now + change, self.low, self.high)
        if self.kind in SHORT:
            then = then.astype(self.kind).astype(float)
        return np.where((change == 0) | np.isnan(then), now, then)

    def part_of_the_way(self, now: NDArray, far: NDArray, parts: NDArray) -> NDArray:
        """Values between now and far, of shape (n_rows, n_parts), that the column may have.

        They are in whole steps and in the range, or unchanged; a category changes or does not.
        """
        now, far = now[:, None], far[:, None]
        if self.levels:
            return np.where(parts > 0, far, now)
        sign = np.sign(far - now)
        change = np.maximum(self.rounded(parts * np.abs(far - now)), self.least(now, sign))
        return self.moved(now, np.where(parts > 0, sign * change, 0.0))

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
    low, high = _ends(name, values, allowed, _kind(now.dtype))
    step = _step(name, step, _kind(population.dtype), _kind(now.dtype))
    up, down = DIRECTIONS[way]
    cost = 1.0 / _spread(values) if cost is None else float(cost)
    return Action(name, cost, low, high, step, up, down, kind=_kind(now.dtype))


def _kind(dtype) -> np.dtype:
    """Type of a column's numbers, whatever holds them."""
    return np.dtype(getattr(dtype, "numpy_dtype", dtype).type)


def _ends(name, values, allowed, kind):
    """Range of a number: as far as values go where it is open, with ends of the type."""
    low, high = map(float, (-np.inf, np.inf) if allowed is None else allowed)
    low = float(np.nanmin(values, initial=high)) if low == -np.inf else low
    high = float(np.nanmax(values, initial=low)) if high == np.inf else high
    if not -np.inf < low <= high < np.inf:
        raise ValueError(f"ranges[{name!r}] must be (low, high), got {allowed!r}")
    low, high = _within(low, high, kind)
    if allowed is not None and low > high:
        raise ValueError(f"ranges[{name!r}] has no number of type {kind}, got {allowed!r}")
    return low, high


def _within(low, high, kind):
    """A range in the numbers of a type."""
    if kind.kind in "iu":
        whole = np.iinfo(kind)
        low, high = max(np.ceil(low), whole.min, -EXACT), min(np.floor(high), whole.max, EXACT)
    elif kind.kind == "f":
        largest = float(np.finfo(kind).max)
        low, high = max(low, -largest), min(high, largest)
    return float(low), float(high)


def _step(name, step, *kinds):
    """Step of a number; whole where the column can only have integers."""
    if step is None:
        return float(any(kind.kind in "iu" for kind in kinds))
    if not 0 <= step < np.inf:
        raise ValueError(f"steps[{name!r}] must be at least 0 and finite, got {step!r}")
    if kinds[-1].kind not in "iu":
        return float(step)
    if step != int(step):
        raise ValueError(f"steps[{name!r}] must be whole, as the column is, got {step!r}")
    return float(step) or 1.0


def _occurring(column) -> list:
    """Values of a column in the order in which they occur."""
    values = column.array
    if isinstance(values, pd.Categorical):
        codes = pd.unique(values.codes)
        return values.categories.take(codes[codes >= 0]).tolist()
    values = column.unique()
    return values[~pd.isna(values)].tolist()


def _spread(values):
    """Median absolute deviation; where that is 0 the standard deviation, then 1."""
    values = values[~np.isnan(values)]  # the median of what is complete takes half the time
    mad = np.median(np.abs(values - np.median(values)))
    return float(mad or values.std() or 1.0)

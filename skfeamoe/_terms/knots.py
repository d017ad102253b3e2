r"""Where the knots of a spline go: quantiles, and atoms where many rows share a value.

The number of knots grows as :math:`n^{1/3}` with the rows seen, the rate at which cells of a
histogram should grow (Freedman and Diaconis, 1981, "On the histogram as a density
estimator"). A value that holds more than one part in ``n_knots`` of the rows is an *atom*: it
gets a term of its own. What is left is looked at again in the same way, so that the round
sums among the few who have capital gains at all are found behind the many who have none; the
knots are quantiles of the rest. A column with no more values than knots has a knot on each of
them.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

FEWEST_KNOTS, MOST_KNOTS = 4, 64
"""Bounds of the number of knots that n_knots="auto" chooses."""

CLOSEST = 1e-12
"""Knots are apart by more than this share of their size."""

SMALLEST_GAP = 1e-150
"""And by more than this, so that slopes between them stay finite."""

OVERFULL = 1.5
"""A cell is split once it holds so many times the rows that it should."""


class Knots(NamedTuple):
    """Where one column's function may bend, and where it may jump."""

    knots: NDArray  # increasing; none, or at least two
    atoms: NDArray  # increasing

    @property
    def bounds(self) -> tuple[float, float]:
        """Outermost knots, or atoms where there are no knots."""
        ends = self.knots if len(self.knots) else self.atoms
        return float(ends[0]), float(ends[-1])

    @property
    def reach(self) -> tuple[float, float]:
        """Smallest and largest of knots and atoms."""
        both = np.concatenate([self.knots, self.atoms])
        return float(both.min()), float(both.max())

    @property
    def is_bent(self) -> bool:
        """Whether the column has more than two values."""
        return len(self.knots) > 0 or len(self.atoms) > 2

    def without_atoms(self) -> Self:
        """Atoms made knots, where a function must not jump down after one."""
        if not len(self.atoms) or not self.is_bent:
            return self
        return self._replace(knots=np.union1d(self.knots, self.atoms), atoms=np.empty(0))


def number_of_knots(n_rows: float) -> int:
    """Knots for a column of which so many rows have been seen."""
    return int(np.clip(round(n_rows ** (1.0 / 3.0)), FEWEST_KNOTS, MOST_KNOTS))


def apart(values: NDArray) -> NDArray:
    """Increasing values without those that lie too close to the one before."""
    if len(values) < 2:
        return values
    least = CLOSEST * np.maximum(np.abs(values[1:]), np.abs(values[:-1])) + SMALLEST_GAP
    return values[np.concatenate([[True], np.diff(values) > least])]


def quantiles(values: NDArray, mass: NDArray, n: int) -> NDArray:
    """The n values in the middle of n parts of equal mass; ``values`` increase."""
    total = np.cumsum(mass)
    levels = (np.arange(n) + 0.5) / n * total[-1]
    return values[np.minimum(np.searchsorted(total, levels), len(values) - 1)]


def distinct(x: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
    """Increasing distinct values of a column without holes, and the weight of each."""
    present = ~np.isnan(x) & (weight > 0)
    values, which = np.unique(x[present], return_inverse=True)
    return values, np.bincount(which, weight[present], len(values))


def place(values: NDArray, mass: NDArray, n_knots: int) -> Knots:
    """Knots and atoms for a column with these distinct values, of which there are any."""
    none = np.empty(0)
    if len(values) <= 2:
        return Knots(none, values)
    if len(values) <= n_knots:
        knots = apart(values)
        return Knots(knots, none) if len(knots) > 1 else Knots(none, knots)
    heavy = _heavy(mass, n_knots)
    atoms, rest, rest_mass = values[heavy], values[~heavy], mass[~heavy]
    if len(rest) <= n_knots:
        knots = apart(rest)
    else:
        knots = apart(np.unique(quantiles(rest, rest_mass, n_knots)))
    if len(knots) > 1:
        return Knots(knots, atoms)
    return Knots(none, np.union1d(knots, atoms))


def _heavy(mass: NDArray, n_knots: int) -> NDArray:
    """Which values hold more than one part in ``n_knots`` of those that are not heavier."""
    heavy = np.zeros(len(mass), dtype=bool)
    while heavy.sum() < n_knots:
        more = ~heavy & (mass > mass[~heavy].sum() / n_knots)
        if not more.any():
            break
        heavy |= more
    return heavy


def refine(old: Knots, values: NDArray, mass: NDArray, n_knots: int) -> Knots:
    """Old knots, and more of them where recent rows crowd; all old atoms stay.

    Up to ``2 * n_knots`` knots are kept; beyond that, those with the fewest rows around them
    go.
    """
    fresh = place(values, mass, n_knots)
    more = np.setdiff1d(fresh.atoms, old.atoms)[: max(2 * n_knots - len(old.atoms), 0)]
    atoms = np.union1d(old.atoms, more)
    if len(old.knots) < 2:
        return Knots(fresh.knots, atoms)
    rest = ~np.isin(values, atoms)
    values, mass = values[rest], mass[rest]
    cell = np.searchsorted(old.knots, values)
    held = np.bincount(cell, mass, len(old.knots) + 1)
    part = held / max(mass.sum(), 1e-300) * n_knots
    added = [
        quantiles(values[cell == c], mass[cell == c], int(part[c]))
        for c in np.flatnonzero(part >= OVERFULL)
    ]
    knots = apart(np.unique(np.concatenate([old.knots, *added])))
    while len(knots) > 2 * n_knots:
        held = np.bincount(np.searchsorted(knots, values), mass, len(knots) + 1)
        knots = np.delete(knots, (held[1:] + held[:-1]).argmin())
    return Knots(knots, atoms)


def is_crowded(old: Knots, values: NDArray, mass: NDArray, n_knots: int) -> bool:
    """Whether too many rows lie beyond the outer knots, where the function is constant."""
    low, high = old.bounds
    beyond = mass[((values < low) | (values > high)) & ~np.isin(values, old.atoms)].sum()
    return bool(beyond * n_knots > 2 * OVERFULL * mass.sum())


def moments(
    knots: Knots, bounds: tuple[float, float], values: NDArray, mass: NDArray
) -> tuple[float, float]:
    """Location and scale of one column, values held within its bounds."""
    low, high = bounds
    if not knots.is_bent:
        return low, high - low if high > low else 1.0
    held = np.clip(values, low, high)
    mean = float(np.average(held, weights=mass))
    spread = float(np.sqrt(np.average((held - mean) ** 2, weights=mass)))
    return mean, spread if spread > 0.0 else 1.0


def farthest(values: NDArray) -> NDArray:
    """The value farthest from zero, by column; NaN where there is none."""
    size = np.where(np.isnan(values), -1.0, np.abs(values))
    return values[size.argmax(axis=0), np.arange(values.shape[1])]

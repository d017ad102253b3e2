r"""How far the interval of a gap reaches, in standard errors of a difference.

The gap is the largest difference t between groups' means. What is measured is larger: by how
much depends on how many groups are nearly extreme, which no sample tells exactly. So a gap t
is tested for every t, with the excess

.. math:: W(t) = \max_{a, b} \; (|x_a - x_b| - t) / s_{ab},

:math:`s_{ab}` the standard error of the difference, and held where the measured W(t) is not
among the rarest of those drawn about the means :math:`m(t)` that have the gap t and are next to
the measured ones. These are cut to a range of t, where the measured range is wider, which
ties the groups beyond at its ends; where it is not, the pair of the largest W(t) is moved
apart. Means that are more alike than chance makes them would speak against every t, so the end
away from 0 is at least where that of two equal means is. Of 5 % errors 3.25 are spent on the
end towards 0, for these alone are left where all groups are alike and the other end cannot
fail.

For two groups there is nothing to guess, and the test is exact (`of_two`); of more than
`MOST_GROUPS` all pairs are held at once (`of_all`), which is wider than need be.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import qmc, studentized_range

TOWARDS_ZERO = 0.65
"""Share of errors that the end towards 0 may make."""

N_DRAWS = 1024

MOST_GROUPS = 40
"""With more, the draws of all pairs would take too long and too much memory."""

REACH = 8.0
"""How many standard errors beyond the measured gap the other end is looked for."""


def two_sided(level: float) -> float:
    """Critical value of an interval with two sides."""
    return float(ndtri((1.0 + level) / 2.0))


def of_means(means: NDArray, errors: NDArray, level: float) -> tuple[float, float]:
    """Critical values of the gap between independent means, towards 0 and away."""
    if len(means) == 2:
        return of_two(in_errors(np.ptp(means), np.hypot(*errors)), level)
    if len(means) > MOST_GROUPS:
        return of_all(len(means), level)
    order = np.lexsort([errors, means])  # the same draws in any order of the groups
    return of_many([means[order]], [errors[order] * normals(len(means))], level)


def in_errors(gap: float, error: float) -> float:
    """A gap in its standard errors, a billion at most."""
    return float(gap / max(error, 1e-9 * gap, np.finfo(float).tiny))


def of_two(scaled: float, level: float) -> tuple[float, float]:
    r"""Critical values of the size t of a difference x, where :math:`|x|` is all one has.

    A gap t is held where :math:`P_t(||X| - t| \leq ||x| - t|) \leq` level, X normal about t.
    """

    def within(t: float, low: float, high: float) -> float:
        """P(low < |X| < high) - level."""
        inside = ndtr(high - t) - ndtr(-high - t)
        return inside - (ndtr(low - t) - ndtr(-low - t)) - level

    usual = two_sided(level)
    if not scaled < 10.0 + usual:
        return usual, usual
    far = brentq(lambda t: within(t, scaled, 2.0 * t - scaled), scaled, scaled + 2.0 * usual)
    if scaled <= usual:  # the lower end is 0
        return usual, far - scaled
    near = brentq(lambda t: within(t, max(2.0 * t - scaled, 0.0), scaled), 0.0, scaled)
    return scaled - near, far - scaled


def of_many(means: list[NDArray], noise: list[NDArray], level: float) -> tuple[float, float]:
    """Critical values of the largest gap among groups, of one rate or of several.

    Of each rate the groups' means, (n_groups,), and draws of their errors, (n_draws, n_groups).
    """
    test = GapTest(means, noise)
    if test.unit == 0.0:
        return 0.0, 0.0
    high, low = shares(level)
    gap, precision = test.measured, 1e-4 * test.unit
    near = far = 0.0
    if test.above(0.0, high) > 0.0:
        near = brentq(test.above, 0.0, gap, args=(high,), xtol=precision)
    apart = max(float(rate.excess(rate.means, 0.0)) for rate in test.rates)
    least = of_two(0.0, level)[1] - apart
    if test.above(gap, low) > 0.0:
        far = brentq(test.above, gap, gap + REACH * test.unit, args=(low,), xtol=precision)
        return test.bar(near, high), max(-test.bar(far, low), least)
    return test.bar(near, high), max(least, 0.0)


def shares(level: float) -> tuple[float, float]:
    """Between which shares of the draws the measured excess of a gap must be."""
    wrong = 1.0 - level
    return 1.0 - TOWARDS_ZERO * wrong, (1.0 - TOWARDS_ZERO) * wrong


@lru_cache(maxsize=256)
def of_all(k: int, level: float) -> tuple[float, float]:
    """Critical values of the largest difference of k means, for any truth.

    The lower end holds for all pairs at once (Tukey's studentized range). The upper end need
    hold for one, the largest in truth, with the chance of error that the lower end leaves
    where one pair is far apart from all others.
    """
    near = float(studentized_range.ppf(level, k, np.inf) / np.sqrt(2.0))
    return near, -float(ndtri(1.0 - level - ndtr(-near)))


class GapTest:
    """Is the measured excess W(t) among the rarest of those drawn about m(t)?"""

    def __init__(self, means: list[NDArray], noise: list[NDArray]):
        self.rates = [_Rate(*part) for part in zip(means, noise, strict=True)]
        self.unit = max(rate.unit for rate in self.rates)
        self.measured = max(float(np.ptp(rate.means)) for rate in self.rates)
        self._drawn: dict[float, NDArray] = {}
        for rate in self.rates:
            rate.error = np.maximum(rate.error, 1e-9 * self.unit)

    def bar(self, t: float, share: float) -> float:
        """What a share of the draws about m(t) do not exceed."""
        if t not in self._drawn:
            self._drawn[t] = self._draw(t)
        place = int(share * N_DRAWS)
        return float(np.partition(self._drawn[t], place)[place])

    def above(self, t: float, share: float) -> float:
        """How far the measured W(t) is above that."""
        return float(max(rate.excess(rate.means, t) for rate in self.rates)) - self.bar(
            t, share
        )

    def _draw(self, t: float) -> NDArray:
        """W(t) of the draws about m(t)."""
        widest = int(np.argmax([rate.excess(rate.means, t) for rate in self.rates]))
        about = [rate.with_gap(t, moved=k == widest) for k, rate in enumerate(self.rates)]
        drawn = [
            rate.excess(mean[:, None] + rate.noise, t)
            for rate, mean in zip(self.rates, about, strict=True)
        ]
        return np.max(drawn, axis=0)


class _Rate:
    """Means of groups, their pairs, and draws of their errors."""

    def __init__(self, means: NDArray, noise: NDArray):
        self.means, self.noise = means, noise.T.copy()  # rows of one group stay together
        self.pairs = np.triu_indices(len(means), 1)
        spread = noise.var(axis=0)
        self.weight = 1.0 / np.maximum(spread, 1e-18 * spread.max(initial=0.0) or 1.0)
        self.error = self._differences(self.noise).std(axis=1)
        self.unit = float(self.error.max(initial=0.0))

    def _differences(self, x: NDArray) -> NDArray:
        """Differences of all pairs, (n_groups, ...) to (n_pairs, ...)."""
        a, b = self.pairs
        return x[a] - x[b]

    def excess(self, x: NDArray, t: float) -> NDArray:
        """W(t) of means, (n_groups, ...) to (...)."""
        scaled = np.abs(self._differences(x))
        scaled -= t
        scaled /= self.error if x.ndim == 1 else self.error[:, None]
        return scaled.max(axis=0)

    def with_gap(self, t: float, *, moved: bool) -> NDArray:
        """m(t): means next to the measured ones with a range of t, or less unless `moved`."""
        x = self.means
        if np.ptp(x) > t:
            precision = max(2e-12, 1e-14 * float(np.ptp(x)))
            start = brentq(
                self._pull, x.min() - t, x.max(), args=(t,), xtol=precision, rtol=1e-12
            )
            return np.clip(x, start, start + t)
        if not moved:
            return x
        differences = self._differences(x)
        pair = int(np.argmax((np.abs(differences) - t) / self.error))
        a, b = (side[pair] for side in self.pairs)
        if differences[pair] > 0.0:
            a, b = b, a
        missing = t - abs(differences[pair])
        share = self.weight[b] / (self.weight[a] + self.weight[b])
        start = x[a] - missing * share
        out = np.clip(x, start, start + t)
        out[[a, b]] = start, start + t
        return out

    def _pull(self, start: float, t: float) -> float:
        """Slope of the weighted squares that cutting to [start, start + t] costs."""
        outside = np.minimum(self.means - start, 0.0) + np.maximum(self.means - start - t, 0.0)
        return float(self.weight @ outside)


@lru_cache(maxsize=16)
def normals(n: int) -> NDArray:
    """Evenly spread standard normal draws, (n_draws, n); always the same."""
    points = qmc.Sobol(n, seed=0).random(N_DRAWS)
    draws = ndtri(points)
    draws -= draws.mean(axis=0)
    factor = np.linalg.cholesky(np.cov(draws, rowvar=False, ddof=0).reshape(n, n))
    draws = np.linalg.solve(factor, draws.T).T.copy()  # so that their errors are exact
    draws.setflags(write=False)
    return draws

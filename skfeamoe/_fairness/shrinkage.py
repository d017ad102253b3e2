r"""What is known of a gap on few people: the gap on all, and how much parts differ from it.

A gap in a small part is mostly noise. What a group's mean in part r has beyond the mean of
the part, and beyond the same on all,

.. math:: e_{ra} = (\mu_{ra} - \bar\mu_r) - (\mu_a - \bar\mu),

is taken for a draw with variance :math:`\tau^2`, so that :math:`w\,e` is what is known of it,
:math:`w = \tau^2 / (\tau^2 + s^2)`. The variance between parts is that of the decisions without
any offset: how different parts are is a matter of the people, not of the bounds.

References
----------
DerSimonian and Laird (1986), "Meta-analysis in clinical trials", Controlled Clinical Trials 7.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import Measured


class Effects(NamedTuple):
    """Effects of groups within parts beyond those on all."""

    effect: NDArray  # (n_parts, n_groups), 0 where unknown
    variance: NDArray
    known: NDArray  # (n_parts, n_groups) bool, cells that are compared
    mean: NDArray  # (n_groups,), of all people


def effects(parts: Sequence[Measured], whole: Measured, s: int) -> Effects:
    """Effects in slot s."""
    mean = np.array([part.mean[s] for part in parts])
    known = np.array([part.known[s] for part in parts]) & whole.known[s]
    known &= known.sum(axis=1, keepdims=True) >= 2
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    center = np.where(known, mean, 0.0).sum(axis=1, keepdims=True) / n
    middle = np.where(known, whole.mean[s], 0.0).sum(axis=1, keepdims=True) / n
    effect = np.where(known, mean - center - whole.mean[s] + middle, 0.0)
    variance = np.array([part.variance[s] for part in parts])
    return Effects(effect, variance, known, whole.mean[s])


def variance_between(found: Effects) -> float:
    """Variance of the effects beyond that of their measurement."""
    effect, variance = found.effect[found.known], found.variance[found.known]
    precision = 1.0 / np.maximum(variance, 1e-12)
    total = precision.sum()
    room = total - (precision**2).sum() / total if len(effect) else 0.0
    if room <= 0.0:
        return 0.0
    center = (precision @ effect) / total
    spread = float(precision @ (effect - center) ** 2)
    return max((spread - (len(effect) - 1)) / room, 0.0)


def shrunken_gaps(found: Effects, between: float) -> tuple[NDArray, NDArray]:
    """Gaps of all parts after shrinkage, and the mean weight of what was seen, (n_parts,).

    nan and 0 where fewer than two groups are compared.
    """
    weight = between / np.maximum(between + found.variance, 1e-12)
    mean = np.where(found.known, found.mean + weight * found.effect, np.nan)
    gaps, weights = np.full(len(mean), np.nan), np.zeros(len(mean))
    for r in np.flatnonzero(found.known.any(axis=1)):
        gaps[r] = np.nanmax(mean[r]) - np.nanmin(mean[r])
        weights[r] = weight[r, found.known[r]].mean()
    return gaps, weights


def raw_limits(weights: NDArray, bound: float, aim: float) -> NDArray:
    """Gaps that parts may show so that they are within a bound after shrinkage.

    ``aim`` is the gap on all that will be left.
    """
    aim = min(aim, bound)
    return aim + (bound - aim) / np.maximum(weights, 1e-6)

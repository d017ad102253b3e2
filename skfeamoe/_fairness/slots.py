r"""What is compared: the groups of a slot, their means, and how margins move these.

A slot is a constraint within an event. Its gap is the spread of its groups' means,
:math:`\max_a \mu_a - \min_a \mu_a`, in the ratio form the spread of their logarithms, since
:math:`\min_a \mu_a \ge r \max_a \mu_a` is :math:`\max \log \mu - \min \log \mu \le -\log r`.
Where bounds are local the groups are those of a *stratum*, a part of the people: every
stratum of a slot has a gap, and a bound, of its own.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_REFUSED = 1e-9
"""Smallest share of refused people that a mean distance is taken over."""

FEW_GROUPS = 16
"""Up to here, sums by group are products."""

LEAST_RATE = 1e-4
"""A rate below this counts as this in a ratio: of nobody there is none."""


class Slot(NamedTuple):
    """The people who are compared in one slot."""

    group: NDArray  # (n_samples,), number of the compared group, n_groups for nobody's
    weight: NDArray  # (n_samples,), sums to 1 over the rows of each compared group
    n_groups: int
    inverse_norm: NDArray | None = None  # of the score's input gradient: distances, not rates
    stratum: NDArray | None = None  # (n_groups,), where each group is compared; None: one
    n_strata: int = 1
    is_ratio: bool = False
    table: NDArray | None = None  # (n_groups, n_samples), see `with_table`

    @property
    def is_distance(self) -> bool:
        """Whether distances are compared, not rates."""
        return self.inverse_norm is not None

    @property
    def strata(self) -> NDArray:
        """Number of every group's stratum, (n_groups,)."""
        return np.zeros(self.n_groups, np.intp) if self.stratum is None else self.stratum


def with_table(slot: Slot) -> Slot:
    """The slot with the people of every group, 0 or 1, where few rates are compared.

    A product with this table takes a third of the time of a sum by group.
    """
    if slot.is_distance or slot.n_groups > FEW_GROUPS:
        return slot
    return slot._replace(table=(slot.group == np.arange(slot.n_groups)[:, None]) * 1.0)


def group_means(slot: Slot, granted: NDArray, margin: NDArray) -> NDArray:
    """Mean of the measured quantity of every compared group, (n_groups,).

    ``granted`` is 0 or 1, or something smooth between them.
    """
    if slot.inverse_norm is None:
        return _sums(slot, slot.weight * granted)
    refused = slot.weight * (1.0 - granted)
    distance = np.maximum(-margin, 0.0) * slot.inverse_norm
    return _sums(slot, refused * distance) / np.maximum(_sums(slot, refused), LEAST_REFUSED)


def measured_means(slot: Slot, granted: NDArray, margin: NDArray) -> NDArray:
    """What is compared of every group: its mean, or the logarithm of it."""
    means = group_means(slot, granted, margin)
    return np.log(np.maximum(means, LEAST_RATE)) if slot.is_ratio else means


def extremes(slot: Slot, means: NDArray) -> tuple[NDArray, NDArray]:
    """Largest and smallest mean of every stratum, (n_strata,) each; 0 where there is none."""
    highest, lowest = np.full(slot.n_strata, -np.inf), np.full(slot.n_strata, np.inf)
    np.maximum.at(highest, slot.strata, means)
    np.minimum.at(lowest, slot.strata, means)
    empty = highest < lowest
    return np.where(empty, 0.0, highest), np.where(empty, 0.0, lowest)


def spreads(slot: Slot, means: NDArray) -> NDArray:
    """Largest minus smallest mean of every stratum, (n_strata,)."""
    highest, lowest = extremes(slot, means)
    return highest - lowest


def push_margins(
    slot: Slot, push: NDArray, granted: NDArray, slope: NDArray, margin: NDArray
) -> NDArray:
    """Derivative of what is compared, weighed by ``push`` (n_groups,), by every margin.

    ``slope`` is the derivative of ``granted``.
    """
    if slot.is_ratio:
        means = group_means(slot, granted, margin)
        push = np.where(means > LEAST_RATE, push / np.maximum(means, LEAST_RATE), 0.0)
    by_row = np.append(push, 0.0)[slot.group] * slot.weight
    if slot.inverse_norm is None:
        return by_row * slope
    refused = slot.weight * (1.0 - granted)
    total = np.maximum(_sums(slot, refused), LEAST_REFUSED)
    distance = np.maximum(-margin, 0.0) * slot.inverse_norm
    mean = np.append(_sums(slot, refused * distance) / total, 0.0)[slot.group]
    nearer = -slot.inverse_norm * (margin < 0.0) * (1.0 - granted)
    moved = nearer + slope * (mean - distance)
    return by_row * moved / np.append(total, 1.0)[slot.group]


def _sums(slot: Slot, values: NDArray) -> NDArray:
    """Sums over the rows of every compared group."""
    if slot.table is not None:
        return slot.table @ values
    return np.bincount(slot.group, values, slot.n_groups + 1)[:-1]

r"""One round of the search for an offset: the smoothed problem, and its minimum.

With decisions :math:`\sigma_i = \sigma(z_i/w)` in place of steps, means of groups corrected to
those of the hard decisions where the round began, and a center :math:`m_s` per bound, a round
minimizes

.. math:: \sum_i c_i \sigma_i + \rho \sum_{s, a}
          \Big(|\mu_{sa} - m_s| - \tfrac12\,\text{aim}_s\Big)_+^2
          + \text{ridge}\,\|p\|^2 + \text{nearness}\,\|p - p_0\|^2

over the numbers p of the offset and the centers, by Newton steps: there are few numbers and
many people, so that a Hessian costs as much as a gradient. Its eigenvalues are taken
absolutely, as the problem is not convex (Nocedal and Wright, 2006, "Numerical Optimization",
section 3.4), and steps are halved until the value falls.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from skfeamoe._fairness.slots import Slot, extremes, measured_means, push_margins
from skfeamoe._logistic import sigmoid

NEWTON_STEPS = 12
"""Most Newton steps of a round."""

LONGEST = 1.0
"""No number moves by more than this in a step, in standard deviations of the margins."""

HALVINGS, SUFFICIENT = 10, 1e-4
"""Most halvings of a step, and the part of the promised fall that is enough."""

DONE = 1e-7
"""A step that lowers the value by less is the last."""

FLATTEST, FLATTEST_OF_DISTANCES = 3e-4, 3e-3
"""Smallest curvature, as part of the largest. Far smaller ones let flat directions multiply
rounding errors, so that two processors end in different places; distances have more of them."""


class Price(NamedTuple):
    """Weights of the terms beside the cost."""

    penalty: float  # of squared excesses
    ridge: float
    nearness: float


class _Seen(NamedTuple):
    """What is known of a place before any derivative."""

    value: float
    place: NDArray  # numbers and centers
    margin: NDArray
    granted: NDArray  # smoothed decisions
    pushes: list[NDArray]  # derivative by the measured mean of every group, per slot


class Smoothed:
    """The smoothed problem of a round that begins at the numbers ``began``.

    ``basis``, (n_samples, n_numbers), has what every number adds to the margins, dense or CSR.
    """

    def __init__(
        self,
        margin: NDArray,
        cost: NDArray,
        slots: Sequence[Slot],
        basis: Any,
        began: NDArray,
        aims: NDArray,
        width: float,
        price: Price,
    ) -> None:
        self.margin, self.cost, self.slots, self.basis = margin, cost, slots, basis
        self.began, self.width, self.price = began, width, price
        of_distances = any(slot.is_distance for slot in slots)
        self.flattest = FLATTEST_OF_DISTANCES if of_distances else FLATTEST
        ends = np.cumsum([slot.n_strata for slot in slots])[:-1]
        self.ends, self.half_aims = ends, np.split(0.5 * aims, ends)
        z = margin + basis @ began
        hard, smooth = (z > 0.0).astype(np.float64), sigmoid(z / width)
        measured = [measured_means(slot, hard, z) for slot in slots]
        self.corrections = [
            mean - measured_means(slot, smooth, z)
            for slot, mean in zip(slots, measured, strict=True)
        ]
        self.middle = [
            0.5 * sum(extremes(slot, mean)) for slot, mean in zip(slots, measured, strict=True)
        ]

    def minimize(self) -> NDArray:
        """The numbers at the minimum."""
        seen = self._look(np.concatenate([self.began, *self.middle]))
        for _ in range(NEWTON_STEPS):
            gradient, step = self._newton(seen)
            step /= max(np.abs(step).max() / LONGEST, 1.0)
            promised = SUFFICIENT * float(gradient @ step)
            for part in 0.5 ** np.arange(HALVINGS):
                found = self._look(seen.place + part * step)
                if found.value <= seen.value + part * promised:
                    break
            else:
                break
            gain, seen = seen.value - found.value, found
            if gain < DONE:
                break
        return seen.place[: len(self.began)]

    def _look(self, place: NDArray) -> _Seen:
        """Value and pushes at a place."""
        p, penalty = place[: len(self.began)], self.price.penalty
        z = self.margin + self.basis @ p
        granted = sigmoid(z / self.width)
        value, pushes = float(self.cost @ granted), []
        centers = np.split(place[len(self.began) :], self.ends)
        for slot, correction, center, half in zip(
            self.slots, self.corrections, centers, self.half_aims, strict=True
        ):
            off = measured_means(slot, granted, z) + correction - center[slot.strata]
            over = np.maximum(np.abs(off) - half[slot.strata], 0.0)
            value += penalty * float(over @ over)
            pushes.append(2.0 * penalty * np.copysign(over, off))
        step = p - self.began
        value += self.price.ridge * float(p @ p) + self.price.nearness * float(step @ step)
        return _Seen(value, place, z, granted, pushes)

    def _newton(self, seen: _Seen) -> tuple[NDArray, NDArray]:
        """Gradient, and the step to where the gradient is 0 in second order."""
        n, p = len(self.began), seen.place[: len(self.began)]
        slope = seen.granted * (1.0 - seen.granted) / self.width
        by_margin = self.cost * slope
        gradient, hessian = np.zeros(len(seen.place)), np.zeros((len(seen.place),) * 2)
        gradient[:n] = self.basis.T @ by_margin
        gradient[:n] += 2.0 * (self.price.ridge * p + self.price.nearness * (p - self.began))
        first = n
        for slot, push in zip(self.slots, seen.pushes, strict=True):
            by_group = np.zeros((slot.n_groups, len(seen.place)))
            own = push_margins(slot, np.ones(slot.n_groups), seen.granted, slope, seen.margin)
            by_group[:, :n] = _group_sums(slot, own, self.basis)
            by_group[np.arange(slot.n_groups), first + slot.strata] = -1.0
            first += slot.n_strata
            gradient += push @ by_group
            active = by_group[push != 0.0]
            hessian += 2.0 * self.price.penalty * (active.T @ active)
            if slot.inverse_norm is None:
                by_margin += np.append(push, 0.0)[slot.group] * own
        curvature = by_margin * ((1.0 - 2.0 * seen.granted) / self.width)
        hessian[:n, :n] += _weighted_square(self.basis, curvature)
        hessian[range(n), range(n)] += 2.0 * (self.price.ridge + self.price.nearness)
        values, vectors = np.linalg.eigh(hessian)
        values = np.abs(values)
        values = np.maximum(values, self.flattest * values.max())
        return gradient, -vectors @ ((vectors.T @ gradient) / values)


def _group_sums(slot: Slot, values: NDArray, basis) -> NDArray:
    """Sums of the basis over the rows of every group, with weights, (n_groups, n_numbers)."""
    if slot.table is not None:
        return (slot.table * values) @ basis
    n = len(values)
    rows = csr_array((values, slot.group, np.arange(n + 1)), shape=(n, slot.n_groups + 1))
    sums = rows.T @ basis
    return (sums.toarray() if issparse(sums) else sums)[:-1]


def _weighted_square(basis, weight: NDArray) -> NDArray:
    """basis^T diag(weight) basis, (n_numbers, n_numbers)."""
    if not issparse(basis):
        return (basis.T * weight) @ basis
    weighted = basis.copy()
    weighted.data *= np.repeat(weight, np.diff(basis.indptr))
    return (basis.T @ weighted).toarray()

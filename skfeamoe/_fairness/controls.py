r"""Controls: from measured gaps to a slope per row.

A control keeps a signed multiplier per cell (slot, group) and gives every cell two weights,
one for rows that are refused and one for rows that are granted. A row's slope is

.. math:: t_i = \sum_s w_{s,\,d_i,\,a_i}\; \frac{d\,\text{value}_s}{dq}(x_i)

over the slots s whose event holds for row i, with decision d_i and group a_i; t > 0 lowers q.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.moments import GroupMoments, cell_means

ROWS_PER_STEP = 32.0
"""The rates of the controls are per this many rows, whatever the size of the batches."""

TINY = 1e-300
"""Keeps a total of nothing from dividing by zero."""

MAX_SLOPE = 2.4
"""Largest slope of all constraints together on q.

At a point x only the net slope, 2.4 |P(a|x) - P(b|x)|, acts, against -1/q of the log loss on
a row of the favorable class, which is -2 on the boundary. With 1.8 no row is ever turned
against its label, but bounds are missed where the features hardly tell the groups apart (a
gap of .14 stayed under a bound of .05); with 3, equalized odds on Adult swings from seed to
seed, and with 5, bounds that conflict tear the model apart. See docs/decisions.
"""


class Control(Protocol):
    """What the fairness monitor asks of a control."""

    keeps_bounds: bool  # whether gaps are held under bounds, by slopes that labels outweigh

    def decide(
        self,
        multipliers: NDArray,
        moments: GroupMoments,
        n_rows: int,
        *,
        n_seen: int,
        n_added: int,
    ) -> tuple[NDArray, NDArray]:
        """Multipliers and weights after ``n_rows`` more; rows seen and experts added so far.

        Multipliers are (n_slots, n_groups). Weights, for refused and granted rows of every
        cell, are (n_slots, 2, n_groups).
        """


def row_slopes(
    weights: NDArray,
    slopes: NDArray,
    rows: NDArray,
    decided: NDArray,
    groups: NDArray,
    limits: NDArray | float = np.inf,
) -> NDArray:
    """Slope t of all constraints on q, (n_samples,), 0 where the group is unknown.

    ``limits``, (n_slots, 1), are the largest slopes of single slots.
    """
    picked = weights[:, decided.astype(np.intp), groups]
    picked *= slopes
    np.clip(picked, -limits, limits, out=picked)
    picked *= rows
    return picked.sum(axis=0) * (groups >= 0)


class BoundControl:
    r"""Keeps every slot's gap under its bound: dual ascent with a proportional part.

    With mu the group means of a slot, the distance of a group from the middle of the range,
    :math:`\delta_a = \mu_a - (\max\mu + \min\mu)/2`, has to stay within half of the
    bound. The multiplier integrates the excess and relaxes inside the dead zone; the
    pressure adds a multiple of the present excess, which damps the loop (the published
    model is an average of iterates and answers late):

    .. math::
        e_a &= 2\,\mathrm{sign}(\delta_a)\max(|\delta_a| - \text{aim}\cdot\text{bound}/2,\ 0) \\
        \lambda_a &\leftarrow \lambda_a + \text{rate}\cdot e_a \\
        w_a &= (\lambda_a + \text{gain}\cdot e_a) / (4 P_a)

    The rate falls as 1/rows after ``span`` rows, for a loop that is to come to rest.

    :math:`|w_a|` is held at `MAX_SLOPE`, and the groups that are pushed down and those that
    are pushed up get the same total, so that the rate of favorable decisions as a whole is
    left to the data; what a small group cannot take is not piled on the others.

    References
    ----------
    Stooke, Achiam and Abbeel (2020), "Responsive safety in reinforcement learning by PID
    Lagrangian methods", ICML, for the proportional part. See docs/decisions for what was
    tried and measured.
    """

    keeps_bounds = True
    gain = 20.0

    def __init__(
        self, bounds: NDArray, rate: float, *, span: float = np.inf, aim: float = 0.9
    ) -> None:
        self.bounds = bounds
        self.rate = rate
        self.span = span
        self.aim = aim

    def decide(
        self,
        multipliers: NDArray,
        moments: GroupMoments,
        n_rows: int,
        *,
        n_seen: int,
        n_added: int,
    ) -> tuple[NDArray, NDArray]:
        """Multipliers and weights after a batch; the same for refused and granted rows."""
        rate = self.rate * min(self.span / max(n_seen, 1), 1.0)
        step = rate * n_rows / ROWS_PER_STEP
        shares = _shares(moments)
        excess, slack = self._excess_and_slack(moments)
        moved = multipliers + step * excess
        moved -= np.sign(moved) * np.minimum(np.abs(moved), step * slack)
        multipliers = _balanced(moved, shares)
        pressure = _balanced(multipliers + self.gain * excess, shares)
        pressure /= 4.0 * shares
        return multipliers, np.stack([pressure, pressure], axis=1)

    def _excess_and_slack(self, moments: GroupMoments) -> tuple[NDArray, NDArray]:
        """How far each cell is outside its half of the bound, signed, or inside it."""
        mu, known = cell_means(moments)
        highest = np.where(known, mu, -np.inf).max(axis=1, keepdims=True)
        lowest = np.where(known, mu, np.inf).min(axis=1, keepdims=True)
        if np.any(highest <= lowest):  # fewer than two known groups, or no gap at all
            known = known & (highest > lowest)
            highest, lowest = np.where(highest > lowest, (highest, lowest), 0.0)
        deviation = np.where(known, mu - 0.5 * (highest + lowest), 0.0)
        margin = 2.0 * np.abs(deviation) - self.aim * self.bounds[:, None]
        excess = np.copysign(np.maximum(margin, 0.0), deviation)
        return excess, np.maximum(-margin, 0.0) * known


def _shares(moments: GroupMoments) -> NDArray:
    """P(event, group), held above what a single row of the half-life would give."""
    return np.maximum(moments["share"], 1.0) / max(moments["rows"], 1.0)


def _balanced(pressure: NDArray, shares: NDArray) -> NDArray:
    """Pressure with every weight within `MAX_SLOPE` and the same total up and down."""
    limit = (4.0 * MAX_SLOPE) * shares
    up = np.minimum(np.maximum(pressure, 0.0), limit)
    down = np.minimum(np.maximum(-pressure, 0.0), limit)
    total_up = up.sum(axis=1, keepdims=True) + TINY
    total_down = down.sum(axis=1, keepdims=True) + TINY
    target = np.minimum(total_up, total_down)
    return up * (target / total_up) - down * (target / total_down)


class ScheduleControl:
    r"""The penalties of the paper: fixed directions, weights that grow with the experts.

    :math:`\lambda = \text{increment} \times` (experts added so far). Our reading of the
    published prose, with the privileged group p (by default the one with the highest rate of
    favorable labels so far):

    - demographic parity, equal opportunity: :math:`w = -\lambda` for a refused row of any
      other group (towards the favorable class), :math:`+\lambda` for a granted row of p;
    - equalized odds: the same indicator within each label, which for two labels adds up to
      that of demographic parity over all rows;
    - burden: :math:`+\lambda` on the distance of other groups' refused rows.

    It neither measures nor stops: with many experts it overshoots and can collapse, as the
    paper reports. With ``loss="jacobs"``, whose slopes are small, increments of .02 already
    overshoot on Adult (docs/decisions).

    References
    ----------
    Sharma, Henderson and Ghosh (2023), "FEAMOE", IJCAI, section 3 and Algorithm 1.
    """

    keeps_bounds = False
    negative, positive = 0, 1  # the decision, as the weights are indexed

    def __init__(
        self, increments: NDArray, slots: Slots, privileged: int | None = None
    ) -> None:
        self.increments = increments
        self.slots = slots
        self.privileged = privileged

    def decide(
        self,
        multipliers: NDArray,
        moments: GroupMoments,
        n_rows: int,
        *,
        n_seen: int,
        n_added: int,
    ) -> tuple[NDArray, NDArray]:
        """The scheduled strength of every slot, and its weights."""
        strengths = np.broadcast_to(self.increments[:, None] * n_added, multipliers.shape)
        return strengths.copy(), self._weights(strengths, moments)

    def _weights(self, multipliers: NDArray, moments: GroupMoments) -> NDArray:
        """Weight of every cell for refused and granted rows, (n_slots, 2, n_groups)."""
        n_slots, n_groups = multipliers.shape
        weights = np.zeros((n_slots, 2, n_groups))
        privileged = self.privileged
        if privileged is None:
            seen = np.maximum(moments["seen"], 1.0)
            privileged = int(np.argmax(moments["favored"] / seen))
        if privileged < 0:  # named by the user, and not seen yet: favor is nobody's
            return weights
        others = np.arange(n_groups) != privileged
        for s, name in enumerate(self.slots.names):
            strength = multipliers[s]
            if name == "burden":
                weights[s, self.negative, others] = strength[others]
                continue
            weights[s, self.negative, others] = -strength[others]
            weights[s, self.positive, privileged] = strength[privileged]
        return weights

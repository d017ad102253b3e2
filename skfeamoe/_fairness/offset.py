r"""The offset: a shift of the favorable score that keeps bounds on the people seen last.

The experts answer late to a control, and where proxies are strong and labels are clear they
do not answer enough. So the mixture that predicts carries one more function of x, linear in
what the experts see and the same for all of them,

.. math:: \text{score}_k(x) \leftarrow \text{score}_k(x) + h(x), \qquad
          h(x) = \sum_{e, a} \lambda_{ea}\, r_{ea}(x) + b,

where :math:`r_{ea}` is a linear score of group a among the people of event e (`directions`).
It reads no group: it is a part of the model like any other. A person is granted when h(x)
exceeds the *margin* that is missing, so the decisions on kept rows are :math:`z_i + h_i > 0`
with one number z_i per row, the `flip_margin`. The few numbers :math:`\lambda, b` solve

.. math:: \min\ \sum_i c_i\,[z_i + h_i > 0] + \text{ridge}
          \quad\text{such that}\quad \text{gap}_s \le \text{bound}_s ,

where c_i, the cost of granting, is :math:`1 - 2 \eta(x_i)`, the difference between the
expected errors of the two decisions. All bounds are met together or their excess is as small
as it can be; a constant decision has no gap, so rates can always be equal.

Decisions are steps, so each round replaces them by logistic functions of width `WIDTH`
(in standard deviations of z), *corrected by what was measured*: the smoothed mean of a cell
moves as the smooth one does, from the mean of the hard decisions at the point where the
round began. Of all rounds the best point, judged by hard decisions, is taken.

References
----------
The cost-sensitive form: Menon and Williamson (2018), "The cost of fairness in binary
classification", FAT*. That shifting the score by group evidence is optimal: Zeng, Cheng and
Dobriban (2024), "Bayes-optimal fair classification with linear disparity constraints".
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

WIDTH, WIDTH_ROWS, MOST_WIDTH = 0.1, 20_000, 0.4
"""Width of the smoothed decision, in standard deviations of the margins, on so many rows: it
widens with n^(-1/5), as the bandwidth of a density does, up to the most. On many rows wider
ones, up to half a standard deviation, end in worse places where two events pull apart."""

RIDGE = 1e-3
"""Price of the squared size of the offset, in standard deviations of the margins: keeps a
flat problem in place, and is a tenth of a percent of the people at one standard deviation."""

PENALTY, MOST_PENALTY = 30.0, 1000.0
"""Weight of a squared excess in the first round; doubled in every round, up to the most."""

NEARNESS = 0.02
"""Price of moving away from where the round began: the smoothed means are local."""

ROUNDS, STEPS_PER_ROUND = 8, 15
"""Most rounds, and most L-BFGS steps of a round."""

ATTEMPTS, TIGHTER = 3, 1.5
"""Where rounds end outside the bounds they begin again with bounds that are tighter by this
part of the excess, so many times in all."""

SETTLED = 1e-3
"""A round that moves no number by more than this is the last."""

CUTS = 50
"""Constants that are tried where the rounds have not found a place that keeps the bounds."""

FARTHEST, BISECTIONS = 40.0, 48
"""Flip margins of several classes are looked for within this, down to 1e-12 of it."""

LEAST_REFUSED = 1e-9
"""Smallest share of refused people that a mean distance is taken over."""

SMALLEST_UNIT = 1e-9
"""Margins and directions that vary less than this are constant."""

EXCESS_FIRST = 1e3
"""Errors, in people, that one whole point of excess is worth when places are compared."""

FLIP_STEPS, FLIP_DONE = 8, 1e-6
"""Most Newton steps to a flip margin, and the last step that is small enough: the next one
would be its square. From the mean score two or three do on fitted mixtures."""


class Slot(NamedTuple):
    """The people who are compared in one slot."""

    group: NDArray  # (n_samples,), number of the compared group, n_groups for nobody's
    weight: NDArray  # (n_samples,), sums to 1 over the rows of each compared group
    n_groups: int
    inverse_norm: NDArray | None = None  # of the score's input gradient: distances, not rates


class Problem(NamedTuple):
    """What the offset is solved on."""

    margin: NDArray  # (n_samples,), z
    cost: NDArray  # (n_samples,), of granting, weights of rows included
    directions: NDArray  # (n_samples, n_directions)
    slots: Sequence[Slot]
    bounds: NDArray  # (n_slots,)
    tolerance: NDArray | float = 1e-3  # an excess below this is none


class Solution(NamedTuple):
    """Coefficients of the directions, the constant, and what they leave of the problem."""

    coef: NDArray  # (n_directions,)
    intercept: float
    excess: NDArray  # (n_slots,), gap minus bound of the hard decisions
    cost: float


def flip_margin(gate: NDArray, score: NDArray) -> NDArray:
    r"""How far the common score would have to fall for a grant to be refused, (n_samples,).

    The root h of :math:`\sum_k g_k \sigma(s_k + h) = 1/2` with opposite sign, by Newton steps
    from the mean score; the left side is monotone in h, so there is just one.

    Parameters
    ----------
    gate, score : ndarray of shape (n_samples, n_experts)
        Gate probabilities, and the log-odds of the favorable class by every expert.
    """
    h = -np.einsum("nk,nk->n", gate, score)
    if score.shape[1] == 1:
        return -h
    for _ in range(FLIP_STEPS):
        q = expit(score + h[:, None])
        part = gate * q
        slope = np.einsum("nk,nk->n", part, 1.0 - q)
        step = np.clip((part.sum(axis=1) - 0.5) / np.maximum(slope, 1e-9), -2.0, 2.0)
        h -= step
        if np.abs(step).max(initial=0.0) < FLIP_DONE:
            break
    return -h


def flip_margin_of(gate: NDArray, log_proba: NDArray, favorable: int) -> NDArray:
    r"""The flip margin for any number of classes, (n_samples,).

    A common shift h of the favorable scores multiplies every expert's odds of the favorable
    class by :math:`e^h` and leaves the others' proportions. With more than two classes the
    decision is the most probable one, and the root is found by bisection.

    Parameters
    ----------
    gate : ndarray of shape (n_samples, n_experts)
        Gate probabilities.
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        Log-probabilities of every expert.
    favorable : int
        Code of the favorable class.
    """
    own = log_proba[:, :, favorable]
    others = np.delete(log_proba, favorable, axis=2)
    if others.shape[2] == 1:
        return flip_margin(gate, own - others[:, :, 0])
    rest = logsumexp(others, axis=2)
    part = np.exp(others - rest[:, :, None])
    low, high = np.full(len(gate), -FARTHEST), np.full(len(gate), FARTHEST)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        q = expit(own - rest + middle[:, None])
        grant = np.einsum("nk,nk->n", gate, q)
        best = np.einsum("nk,nkc->nc", gate * (1.0 - q), part).max(axis=1)
        low, high = np.where(grant > best, low, middle), np.where(grant > best, middle, high)
    return -0.5 * (low + high)


def group_means(slot: Slot, granted: NDArray, margin: NDArray) -> NDArray:
    """Mean of the measured quantity of every compared group, (n_groups,).

    ``granted`` is 0 or 1, or something smooth between them.
    """
    if slot.inverse_norm is None:
        return _sums(slot, slot.weight * granted)
    refused = slot.weight * (1.0 - granted)
    distance = np.maximum(-margin, 0.0) * slot.inverse_norm
    return _sums(slot, refused * distance) / np.maximum(_sums(slot, refused), LEAST_REFUSED)


def _sums(slot: Slot, values: NDArray) -> NDArray:
    """Sums over the rows of every compared group."""
    return np.bincount(slot.group, values, slot.n_groups + 1)[:-1]


def _push(slot: Slot, push: NDArray, granted: NDArray, slope: NDArray, margin: NDArray):
    """Derivative of the means, weighed by ``push`` (n_groups,), by every margin.

    ``slope`` is the derivative of ``granted``.
    """
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


def spread(means: NDArray) -> float:
    """Largest minus smallest mean; 0 where fewer than two are compared."""
    return float(np.ptp(means)) if len(means) > 1 else 0.0


def excess(problem: Problem, margin: NDArray) -> NDArray:
    """Gap minus bound of the hard decisions at given margins, (n_slots,)."""
    granted = (margin > 0.0).astype(np.float64)
    gaps = [spread(group_means(slot, granted, margin)) for slot in problem.slots]
    return np.array(gaps) - problem.bounds


def solve_offset(problem: Problem, start: Solution | None = None) -> Solution:
    """The cheapest offset that keeps all bounds, or the one that exceeds them least.

    ``start`` is where to begin, the solution of a moment ago, say; None begins with no
    offset. No offset at all is the answer where it keeps the bounds.
    """
    scaled = _Scaled(problem)
    nothing = np.zeros(scaled.n_numbers)
    best = scaled.judge(nothing)
    if best.worst <= 0.0:
        return scaled.solution(best)
    begun = [nothing] if start is None else [scaled.numbers(start), nothing]
    for p in begun:
        best = min(best, scaled.insist(p), key=lambda point: point.merit)
        if best.worst <= 0.0:
            return scaled.solution(best)
    best = min(best, *scaled.constants(best.numbers), key=lambda point: point.merit)
    return scaled.solution(best)


class _Point(NamedTuple):
    """A place that was looked at: numbers, how good it is, its largest excess, or 0."""

    numbers: NDArray
    merit: float
    worst: float


class _Scaled:
    """The problem in units in which one step is one standard deviation of the margins."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.unit = max(float(problem.margin.std()), SMALLEST_UNIT)
        self.center = problem.directions.mean(axis=0)
        centered = problem.directions - self.center
        self.scale = self.unit / np.maximum(centered.std(axis=0), SMALLEST_UNIT)
        self.basis = np.column_stack([centered * self.scale, np.full(len(centered), self.unit)])
        self.n_numbers = self.basis.shape[1]
        wider = (WIDTH_ROWS / max(len(centered), 1)) ** 0.2
        self.width = min(WIDTH * max(wider, 1.0), MOST_WIDTH) * self.unit

    def numbers(self, solution: Solution) -> NDArray:
        """Coefficients and constant in these units."""
        constant = solution.intercept + self.center @ solution.coef
        return np.append(solution.coef / self.scale, constant / self.unit)

    def solution(self, point: _Point) -> Solution:
        """The same in the units of the problem."""
        coef = point.numbers[:-1] * self.scale
        constant = float(point.numbers[-1] * self.unit - self.center @ coef)
        margin = self.margin(point.numbers)
        cost = float(self.problem.cost @ (margin > 0.0))
        return Solution(coef, constant, excess(self.problem, margin), cost)

    def margin(self, p: NDArray) -> NDArray:
        """Margins with the offset."""
        return self.problem.margin + self.basis @ p

    def judge(self, p: NDArray) -> _Point:
        """How good a place is by its hard decisions: excess first, then cost."""
        margin = self.margin(p)
        over = excess(self.problem, margin)
        worst = float(np.where(over > self.problem.tolerance, over, 0.0).max(initial=0.0))
        cost = float(self.problem.cost @ (margin > 0.0)) + RIDGE * float(p @ p)
        return _Point(p, EXCESS_FIRST * worst + cost, worst)

    def search(self, p: NDArray, aims: NDArray) -> _Point:
        """The best place of some rounds that begin at p."""
        best, penalty = self.judge(p), PENALTY
        for _ in range(ROUNDS):
            moved = self.round(p, aims, penalty)
            settled = np.abs(moved - p).max() < SETTLED
            p, penalty = moved, min(2.0 * penalty, MOST_PENALTY)
            best = min(best, self.judge(p), key=lambda point: point.merit)
            if settled:
                break
        return best

    def insist(self, p: NDArray) -> _Point:
        """Search from p, and again for tighter bounds where they are not kept."""
        aims = self.problem.bounds
        best = self.search(p, aims)
        for _ in range(ATTEMPTS - 1):
            if best.worst <= 0.0:
                break
            aims = np.maximum(aims - TIGHTER * best.worst, 0.0)
            found = self.search(best.numbers, aims)
            best = min(best, found, key=lambda point: point.merit)
        return best

    def constants(self, p: NDArray) -> list[_Point]:
        """Places that differ from p and from no offset in the constant only.

        The outermost grant or refuse everybody, which has no gap at all.
        """
        points = []
        for begun in (p, np.zeros(self.n_numbers)):
            margin = np.sort(self.margin(begun))
            cuts = np.linspace(0, len(margin) - 1, CUTS).astype(np.intp)
            below = [margin[0] - self.unit, *margin[cuts[1:-1]], margin[-1] + self.unit]
            for cut in below:
                shifted = begun.copy()
                shifted[-1] -= cut / self.unit
                points.append(self.judge(shifted))
        return points

    def round(self, began: NDArray, aims: NDArray, penalty: float) -> NDArray:
        """Minimize the smoothed problem, corrected by the hard decisions at ``began``."""
        problem, margin = self.problem, self.margin(began)
        smooth = expit(margin / self.width)
        hard = (margin > 0.0).astype(np.float64)
        measured = [group_means(slot, hard, margin) for slot in problem.slots]
        corrections = [
            mean - group_means(slot, smooth, margin)
            for slot, mean in zip(problem.slots, measured, strict=True)
        ]
        middle = [0.5 * (m.max() + m.min()) if len(m) else 0.0 for m in measured]

        def objective(v: NDArray) -> tuple[float, NDArray]:
            p, centers = v[: self.n_numbers], v[self.n_numbers :]
            z = self.margin(p)
            granted = expit(z / self.width)
            slope = granted * (1.0 - granted) / self.width
            value, by_margin = float(problem.cost @ granted), problem.cost * slope
            by_center = np.zeros(len(centers))
            for s, (slot, correction) in enumerate(
                zip(problem.slots, corrections, strict=True)
            ):
                off = group_means(slot, granted, z) + correction - centers[s]
                over = np.maximum(np.abs(off) - 0.5 * aims[s], 0.0)
                value += penalty * float(over @ over)
                push = 2.0 * penalty * np.copysign(over, off)
                by_margin = by_margin + _push(slot, push, granted, slope, z)
                by_center[s] = -push.sum()
            step = p - began
            value += RIDGE * float(p @ p) + NEARNESS * float(step @ step)
            by_number = self.basis.T @ by_margin + 2.0 * (RIDGE * p + NEARNESS * step)
            return value, np.append(by_number, by_center)

        found = minimize(
            objective,
            np.append(began, middle),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": STEPS_PER_ROUND},
        )
        return found.x[: self.n_numbers]

r"""The offset: a shift of the favorable score that keeps bounds on the people seen last.

The experts answer late to a control, and where proxies are strong and labels are clear they
do not answer enough. So the mixture that predicts carries one more function of x, linear in
what the experts see and the same for all of them,

.. math:: \text{score}_k(x) \leftarrow \text{score}_k(x) + h(x), \qquad
          h(x) = \sum_{e, a} \lambda_{ea}\, r_{ea}(x) + b,

where :math:`r_{ea}` is a linear score of group a among the people of event e (`directions`),
or says how much a person counts in the mean distance of group a.
It reads no group: it is a part of the model like any other. A person is granted when h(x)
exceeds the *margin* that is missing, so the decisions on kept rows are :math:`z_i + h_i > 0`
with one number z_i per row (`margins`). The few numbers :math:`\lambda, b` solve

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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from skfeamoe._fairness.slots import Slot, measured_means, spreads, with_table
from skfeamoe._fairness.smoothed import Price, Smoothed

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

ROUNDS = 8
"""Most rounds."""

ATTEMPTS, TIGHTER = 3, 1.5
"""Where rounds end outside the bounds they begin again with bounds that are tighter by this
part of the excess, so many times in all."""

SETTLED = 1e-3
"""A round that moves no number by more than this is the last."""

CUTS = 50
"""Constants that are tried where the rounds have not found a place that keeps the bounds."""

RELAXATIONS = 8
"""Halvings by which bounds are relaxed when they cost more than is allowed."""

FEW = (0.25, 0.1, 0.05)
"""Parts of the people granted without an offset: from so few is searched again where nothing
is found that is cheaper than to refuse or to grant everybody."""

MANY, ROUNDING = 16, 1e-12
"""Directions from which on it is asked how many dimensions they span, and the part of the
largest square below which a dimension is nothing but rounding."""

SMALLEST_UNIT = 1e-9
"""Margins and directions that vary less than this are constant."""

EXCESS_FIRST = 1e3
"""Errors, in people, that one whole point of excess is worth when places are compared."""


class Parts(NamedTuple):
    """People by the parts of one column, in each of which the offset may differ."""

    code: NDArray  # (n_samples,), number of the part, -1 for people of none
    n_parts: int


class Problem(NamedTuple):
    """What the offset is solved on."""

    margin: NDArray  # (n_samples,), z
    cost: NDArray  # (n_samples,), of granting, weights of rows included
    directions: NDArray  # (n_samples, n_directions)
    slots: Sequence[Slot]
    bounds: NDArray  # (n_bounds,), of the slots' strata one after the other
    tolerance: NDArray | float = 1e-3  # an excess below this is none
    parts: Sequence[Parts] = ()
    linear: NDArray | None = None  # the directions of new people; None: the same


class Solution(NamedTuple):
    """Coefficients of the directions, the constant, and what they leave of the problem."""

    coef: NDArray  # (n_directions,)
    intercept: float
    excess: NDArray  # (n_bounds,), gap minus bound of the hard decisions
    cost: float
    local: NDArray  # (n_parts of all columns, n_directions + 1), what people of parts add


def no_offset(problem: Problem) -> Solution:
    """No offset at all."""
    n, n_parts = problem.directions.shape[1], sum(part.n_parts for part in problem.parts)
    left = excess(problem, problem.margin)
    cost = float(problem.cost @ (problem.margin > 0.0))
    return Solution(np.zeros(n), 0.0, left, cost, np.zeros((n_parts, n + 1)))


def margins_with(problem: Problem, solution: Solution) -> NDArray:
    """Margins with an offset, (n_samples,)."""
    moved = problem.margin + problem.directions @ solution.coef + solution.intercept
    basis = np.column_stack([problem.directions, np.ones(len(moved))])
    return moved + _products(problem.parts, basis) @ solution.local.ravel()


def excess(problem: Problem, margin: NDArray) -> NDArray:
    """Gap minus bound of the hard decisions at given margins, (n_bounds,)."""
    granted = (margin > 0.0).astype(np.float64)
    gaps = [spreads(slot, measured_means(slot, granted, margin)) for slot in problem.slots]
    return np.concatenate([*gaps, np.zeros(0)]) - problem.bounds


def _products(parts: Sequence[Parts], basis: NDArray) -> csr_array:
    """Every column of the basis for the people of one part alone, all parts side by side."""
    n, width = basis.shape
    first, columns, members = 0, [], []
    for part in parts:
        columns.append(first + part.code * width)
        members.append(part.code >= 0)
        first += part.n_parts * width
    if not columns:
        return csr_array((n, 0))
    member = np.column_stack(members)
    start = np.column_stack(columns)[member]
    ends = np.append(0, np.cumsum(member.sum(axis=1) * width))
    values = np.repeat(basis, member.sum(axis=1), axis=0).ravel()
    indices = (start[:, None] + np.arange(width)).ravel()
    return csr_array((values, indices, ends), shape=(n, first))


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
            break
    else:
        best = min(best, *scaled.constants(best.numbers), key=lambda point: point.merit)
    constant = min(0.0, float(problem.cost.sum()))  # of granting nobody, or everybody
    for part in FEW:
        if best.merit <= constant:
            return scaled.solution(best)
        found = scaled.insist(scaled.granting(part))
        best = min(best, found, key=lambda point: point.merit)
    return scaled.solution(
        min(best, *scaled.constants(best.numbers), key=lambda point: point.merit)
    )


def affordable_offset(problem: Problem, most: float) -> Solution:
    """The offset of the tightest relaxed bounds that costs no more than ``most``."""
    best = no_offset(problem)
    gaps = best.excess + problem.bounds
    low, high = 0.0, 1.0
    for _ in range(RELAXATIONS):
        middle = 0.5 * (low + high)
        relaxed = problem.bounds + middle * np.maximum(gaps - problem.bounds, 0.0)
        found = solve_offset(problem._replace(bounds=relaxed), best)
        if found.cost <= most:
            high, best = middle, found
        else:
            low = middle
    return best._replace(excess=excess(problem, margins_with(problem, best)))


def _span(directions: NDArray) -> NDArray:
    """Orthonormal axes of the space that centered directions span, (n_directions, n_axes).

    Of few directions, of which nothing would be gained, these are the directions themselves.
    """
    if directions.shape[1] < MANY:
        return np.eye(directions.shape[1])
    squares, axes = np.linalg.eigh(directions.T @ directions)
    return axes[:, squares > ROUNDING * squares[-1]]


class _Point(NamedTuple):
    """A place that was looked at: numbers, how good it is, its largest excess, or 0."""

    numbers: NDArray
    merit: float
    worst: float


class _Scaled:
    """The problem in units in which one step is one standard deviation of the margins.

    Of many groups there are more directions than the people's features have dimensions: then
    the numbers are those of an orthonormal basis of what the directions span among new people.
    Offsets, and the squares that a round adds to their price, are the same.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem._replace(slots=[with_table(slot) for slot in problem.slots])
        self.unit = max(float(problem.margin.std()), SMALLEST_UNIT)
        self.center = problem.directions.mean(axis=0)
        centered = problem.directions - self.center
        self.scale = self.unit / np.maximum(centered.std(axis=0), SMALLEST_UNIT)
        linear = problem.directions if problem.linear is None else problem.linear
        self.axes = _span((linear - linear.mean(axis=0)) * self.scale)
        numbered = centered @ (self.scale[:, None] * self.axes)
        columns = [*numbered.T, np.full(len(centered), self.unit)]
        shared = np.array(columns).T  # every column in one piece
        self.basis: Any = shared
        if problem.parts:
            self.basis = csr_array(hstack([shared, _products(problem.parts, shared)]))
        self.n_shared, self.n_numbers = shared.shape[1], self.basis.shape[1]
        wider = (WIDTH_ROWS / max(len(centered), 1)) ** 0.2
        self.width = min(WIDTH * max(wider, 1.0), MOST_WIDTH) * self.unit

    def numbers(self, solution: Solution) -> NDArray:
        """Coefficients and constants in these units."""
        shared = np.append(solution.coef, solution.intercept)
        table = np.vstack([shared, solution.local])
        constant = table[:, -1] + table[:, :-1] @ self.center
        coef = (table[:, :-1] / self.scale) @ self.axes
        return np.column_stack([coef, constant / self.unit]).ravel()

    def solution(self, point: _Point) -> Solution:
        """The same in the units of the problem."""
        table = point.numbers.reshape(-1, self.n_shared)
        coef = (table[:, :-1] @ self.axes.T) * self.scale
        constant = table[:, -1] * self.unit - coef @ self.center
        margin = self.margin(point.numbers)
        cost = float(self.problem.cost @ (margin > 0.0))
        left = excess(self.problem, margin)
        local = np.column_stack([coef[1:], constant[1:]])
        return Solution(coef[0], float(constant[0]), left, cost, local)

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
            points += [self.judge(self.cut(begun, cut)) for cut in below]
        return points

    def cut(self, p: NDArray, cut: float) -> NDArray:
        """p with another constant: those are granted whose margin exceeds the cut."""
        shifted = p.copy()
        shifted[self.n_shared - 1] -= cut / self.unit
        return shifted

    def granting(self, part: float) -> NDArray:
        """A constant alone, under which a part of those are granted who are without it."""
        margin = self.problem.margin
        cut = np.quantile(margin, 1.0 - part * (margin > 0.0).mean())
        return self.cut(np.zeros(self.n_numbers), float(cut))

    def round(self, began: NDArray, aims: NDArray, penalty: float) -> NDArray:
        """Minimize the smoothed problem, corrected by the hard decisions at ``began``."""
        problem, price = self.problem, Price(penalty, RIDGE, NEARNESS)
        given = (problem.margin, problem.cost, problem.slots, self.basis)
        return Smoothed(*given, began, aims, self.width, price).minimize()

r"""Whom to decide on: the surest rows, at like coverage in all groups, without harm.

With the confidence :math:`s(x) = |2\eta(x) - 1|` of the first model, a row is decided if

.. math:: D(x) = 1\Big[\, s(x) \ge \tau - \sum_a \big(\nu_a + \kappa_a (p(x) - \alpha_a)\big)
          \frac{P(a \mid x)}{P(a)} \Big],

where :math:`p(x) = \max(\eta, 1 - \eta)` is the chance of a right decision and
:math:`\alpha_a` the accuracy of group a when all are decided. It maximizes
:math:`E[s D]` under linear bounds, :math:`E[D] \le` coverage, equal coverage of groups within
its bound, and no harm, :math:`E[(\alpha_a - p) D \mid a] \le 0`: accuracy among the decided
of a group is not below that among all of it. :math:`\nu, \kappa, \tau` are the multipliers.

References
----------
Jones, Sagawa, Koh, Kumar and Liang (2021), "Selective classification can magnify
disparities across groups", ICLR; Chow (1970), "On optimum recognition error and reject
tradeoff", IEEE Transactions on Information Theory 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import MIN_CELL_ROWS
from skfeamoe.postprocessing._bounds import Bounds, pairwise_bounds
from skfeamoe.postprocessing._dual import Rows, rule_margins
from skfeamoe.postprocessing._held_out import SMALLEST, HeldOut
from skfeamoe.postprocessing._solve import TOLERANCE, solve_rule

EVERYONE = ["all"]
COVERAGE = "coverage"

SLACK = 0.02
"""Coverage may miss what was asked by so much: rows are whole, and some scores are equal."""


def coverage_costs(eta: NDArray, pi: NDArray, shares: NDArray, accuracy: NDArray) -> NDArray:
    """Columns of everyone, of coverage by group, and of harm by group."""
    member = pi.sum(axis=2) / np.maximum(shares, SMALLEST)
    right = np.maximum(eta, 1.0 - eta)
    return np.column_stack([np.ones_like(eta), member, member * (accuracy - right[:, None])])


def confidence(eta: NDArray) -> NDArray:
    """|2 eta - 1|, (n_samples,)."""
    return np.abs(2.0 * eta - 1.0)


@dataclass(frozen=True)
class CoverageRule:
    """Whom to decide on."""

    rule: NDArray  # (2 + 2 * n_groups,), multipliers of the columns and a constant
    shares: NDArray  # (n_groups,)
    accuracy: NDArray  # (n_groups,), when all are decided

    def is_covered(self, eta: NDArray, pi: NDArray) -> NDArray:
        """Whether a row is decided, (n_samples,) bool."""
        columns = coverage_costs(eta, pi, self.shares, self.accuracy)
        return rule_margins(confidence(eta), columns, self.rule) > 0.0

    def to_dict(self) -> dict:
        """Plain arrays."""
        return dict(vars(self))


def harmed_groups(held: HeldOut, coverage: CoverageRule, favored: NDArray) -> list[int]:
    """Groups whose accuracy among the decided is below that among all."""
    right = held.right(favored)
    covered = coverage.is_covered(held.eta, held.pi)
    of_all, of_decided = held.rates(right, EVERYONE), held.rows(covered)
    selective = of_decided.rates(right[covered], EVERYONE)
    present = of_decided.sizes(EVERYONE) > 0.0
    return np.flatnonzero(present & (selective < of_all - TOLERANCE)).tolist()


def bounded_groups(held: HeldOut) -> NDArray:
    """Groups with people enough to be decided on alike and without harm, (n_groups,).

    One person alone is decided on or is not, rightly or not: all other groups would have to be
    decided on as a whole, or not at all.
    """
    if held.n_groups == 1:
        return np.ones(1, dtype=bool)
    return held.sizes(EVERYONE) >= MIN_CELL_ROWS


def reached(held: HeldOut, covered: NDArray) -> tuple[float, float]:
    """The share of rows that are decided, and its gap between groups that are bounded."""
    by_group = held.rates(covered, EVERYONE)[bounded_groups(held)]
    gap = float(np.ptp(by_group)) if len(by_group) > 1 else 0.0
    return float(np.average(covered, weights=held.weight)), gap


def solve_coverage(
    held: HeldOut, coverage: float, coverage_bound: float, no_harm: bool
) -> CoverageRule:
    """The rule of coverage from held-out rows."""
    right = held.right((held.eta > 0.5).astype(np.float64))
    accuracy = held.rates(right, EVERYONE)
    shares = held.shares(EVERYONE)
    harm = np.where(held.groups >= 0, accuracy[held.groups] - right, 0.0)
    weight = held.weight / held.weight.sum()

    def measure(decided):
        covered = held.rates(decided, EVERYONE)
        harmed = held.rates(harm * decided, EVERYONE)
        return np.r_[weight @ decided, covered, harmed], float(weight @ (right * decided))

    rows = Rows(
        confidence(held.eta), coverage_costs(held.eta, held.pi, shares, accuracy), weight
    )
    bounded = bounded_groups(held)
    bounds = _bounds(held.n_groups, coverage, coverage_bound, no_harm)
    bounds = bounds.comparing(np.r_[True, bounded, bounded])
    solution, _ = solve_rule(rows, bounds, measure)
    return CoverageRule(solution.rules[0], shares, accuracy)


def _bounds(n_groups: int, coverage: float, coverage_bound: float, no_harm: bool) -> Bounds:
    """Coverage of all, its differences between groups, and harm."""
    pairs = pairwise_bounds([(COVERAGE, "all")], EVERYONE, n_groups, {COVERAGE: coverage_bound})
    n_harms = n_groups if no_harm else 0
    matrix = np.zeros((1 + len(pairs) + n_harms, 1 + 2 * n_groups))
    matrix[0, 0] = 1.0
    matrix[1 : 1 + len(pairs), 1 : 1 + n_groups] = pairs.matrix
    matrix[1 + len(pairs) :, 1 + n_groups :] = np.eye(n_groups)[:n_harms]
    limit = np.r_[coverage, pairs.limit, np.zeros(n_harms)]
    owners = ((COVERAGE, "total"), *pairs.owners, *[(COVERAGE, "no_harm")] * n_harms)
    return Bounds(matrix, limit, owners)

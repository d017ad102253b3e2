r"""From the dual to a rule whose decisions keep the bounds on rows with observed groups.

The dual sees rates through the two models, :math:`\hat r = E[C d]`; an auditor sees
:math:`r`, from hard decisions and observed groups. Their difference
:math:`\delta = r - \hat r` hardly depends on :math:`\nu`, so the bounds
:math:`A (\hat r + \delta) \le b` are solved by repetition: solve, measure
:math:`\delta`, solve again with :math:`b - A\delta`, later less what was missed. Of all rules
met on the way, the most useful one that keeps the bounds is taken; if none does, the one
that passes them least.

Where the data have ties, or bounds conflict, no single rule need keep them. Mixtures of
rules do: rates and usefulness are linear in the shares w of a mixture, so that

.. math:: \max_w \; \sum_j w_j v_j \quad \text{with} \quad A \sum_j w_j r_j \le b,
          \quad w \ge 0, \quad \sum_j w_j = 1

is a small linear program, whose own multipliers name the next rule to add.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from skfeamoe.postprocessing._bounds import Bounds
from skfeamoe.postprocessing._dual import TEMPERATURES, Rows, rule_margins, smooth_rates, solve

N_CORRECTIONS = 16
"""Times that the difference of modeled and observed rates is measured."""

N_PLAIN = 6
"""Corrections after which a bound that is still passed is aimed at from further inside."""

N_COLUMNS = 40
"""Rules that may be added to a mixture."""

N_ROOMS = 8
"""Times that a mixture is sought with the room that the last one needs."""

BEYOND_EVERY_SCORE = 2.0
"""A constant cost that outweighs every score, which lies in [-1, 1]."""

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Candidate:
    """A deterministic rule and what it does on the rows it was measured on."""

    rule: NDArray  # (n_rates + 1,)
    rates: NDArray  # (n_rates,), observed
    value: float  # what the decisions are worth, by observed labels


@dataclass(frozen=True)
class Solution:
    """Rules, the share of each, and their rates together."""

    rules: NDArray  # (n_rules, n_rates + 1), A^T nu and a constant
    shares: NDArray  # (n_rules,)
    rates: NDArray  # (n_rates,)

    def to_dict(self) -> dict[str, NDArray]:
        """Plain arrays."""
        return dict(vars(self))


Measure = Callable[[NDArray], tuple[NDArray, float]]
"""From decisions (n_samples,) to observed rates (n_rates,) and what they are worth."""


def solve_rule(
    rows: Rows,
    bounds: Bounds,
    measure: Measure,
    *,
    randomize: bool = False,
    start: NDArray | None = None,
    margin: Callable[[NDArray], NDArray] | None = None,
) -> tuple[Solution, NDArray]:
    """The rule, or mixture of rules, and the nu at which the search ended.

    ``margin`` gives the room that a promise needs below every bound, from the rates.
    """
    found, tight, nu = _corrected(rows, bounds, measure, start, margin)

    def own(rates):
        """The bounds with the room that these rates need."""
        return tight if margin is None else bounds.tightened(margin(rates))

    def passed(rates):
        return max(_passed(tight, rates), _passed(own(rates), rates))

    best = min(found, key=lambda c: (passed(c.rates), -c.value))
    if randomize and len(bounds):
        mixed, value = _mixture(rows, tight, measure, found, own)
        if passed(best.rates) > 0.0 or value > best.value + TOLERANCE:
            return mixed, nu
    return Solution(best.rule[None], np.ones(1), best.rates), nu


def _passed(bounds: Bounds, rates: NDArray) -> float:
    """By how much the worst bound is passed, 0 if all are kept."""
    excess = bounds.excess(rates)
    worst = float(excess.max(initial=0.0))
    return worst if worst > TOLERANCE else 0.0


def _candidate(rows: Rows, rule: NDArray, measure: Measure) -> Candidate:
    """A rule with its observed rates."""
    rates, value = measure(rule_margins(rows.score, rows.costs, rule) > 0.0)
    return Candidate(rule, rates, value)


def _of_nu(rows: Rows, bounds: Bounds, nu: NDArray, measure: Measure) -> Candidate:
    """The rule that belongs to multipliers of the bounds."""
    return _candidate(rows, np.append(bounds.matrix.T @ nu, 0.0), measure)


def _corrected(rows, bounds, measure, start, margin):
    """Rules of repeated solving, the bounds with their margin, and the last nu."""
    found = [_candidate(rows, np.zeros(bounds.matrix.shape[1] + 1), measure)]
    tight, steps = bounds, TEMPERATURES if start is None else TEMPERATURES[-2:]
    nu = solve(rows, bounds, start=start, temperatures=steps)
    missed = np.zeros(len(bounds))
    for step in range(N_CORRECTIONS if len(bounds) else 0):
        found.append(_of_nu(rows, bounds, nu, measure))
        if margin is not None:
            tight = bounds.tightened(margin(found[-1].rates))
        late = step - N_PLAIN
        if late >= 0 and _passed(tight, found[-1].rates) == 0.0:
            break
        missed += max(late, 0) * np.maximum(tight.excess(found[-1].rates), 0.0)
        modeled = smooth_rates(rows, bounds, nu, TEMPERATURES[-1])
        offset = bounds.matrix @ (found[-1].rates - modeled)
        corrected = replace(bounds, limit=tight.limit - offset - missed)
        nu = solve(rows, corrected, start=nu, temperatures=TEMPERATURES[-1:])
    return found, tight, nu


def _mixture(rows, bounds, measure, found, own) -> tuple[Solution, float]:
    """The most useful mixture that keeps the bounds with its own room, and what it is worth."""
    found = [*found, *(_candidate(rows, rule, measure) for rule in _constants(bounds))]
    for _ in range(N_ROOMS):
        shares = _best_shares(rows, bounds, measure, found)
        kept = np.flatnonzero(shares > TOLERANCE)
        weights = shares[kept] / shares[kept].sum()
        rates = weights @ np.array([found[j].rates for j in kept])
        narrower = own(rates)
        if narrower is bounds or _passed(narrower, rates) == 0.0:
            break
        bounds = replace(bounds, limit=np.minimum(bounds.limit, narrower.limit))
    value = float(weights @ np.array([found[j].value for j in kept]))
    return Solution(np.array([found[j].rule for j in kept]), weights, rates), value


def _best_shares(rows, bounds, measure, found) -> NDArray:
    """Shares of rules in the best mixture; rules that it needs are added to those found."""
    for _ in range(N_COLUMNS):
        shares, nu, price = _shares(found, bounds)
        new = _of_nu(rows, bounds, nu, measure)
        if new.value - nu @ (bounds.matrix @ new.rates) <= price + TOLERANCE:
            return shares
        found.append(new)
    return _shares(found, bounds)[0]


def _constants(bounds: Bounds) -> NDArray:
    """Rules that refuse everyone, and that grant everyone: their groups have no gap."""
    rules = np.zeros((2, bounds.matrix.shape[1] + 1))
    rules[:, -1] = BEYOND_EVERY_SCORE, -BEYOND_EVERY_SCORE
    return rules


def _shares(found: list[Candidate], bounds: Bounds):
    """Shares of rules in the best mixture, and the prices of bounds and of one share."""
    rates = np.array([c.rates for c in found])
    result = linprog(
        -np.array([c.value for c in found]),
        A_ub=bounds.matrix @ rates.T,
        b_ub=np.maximum(bounds.limit, bounds.of_everybody),
        A_eq=np.ones((1, len(found))),
        b_eq=[1.0],
    )
    return result.x, -result.ineqlin.marginals, -result.eqlin.marginals[0]

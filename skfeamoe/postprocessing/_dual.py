r"""The most useful rule under linear bounds, by its convex dual.

Among all rules d(x) in [0, 1] with :math:`A\, E[C(x)\, d(x)] \le b`, the one that maximizes
:math:`E[u(x)\, d(x)]` is

.. math:: d(x) = 1[\, m(x) > 0 \,], \qquad m(x) = u(x) - C(x)^T A^T \nu,

where :math:`\nu \ge 0` minimizes the dual :math:`E[m(x)_+] + b^T \nu`. The kink of the
positive part is smoothed, :math:`T \log(1 + e^{m/T})`, and T falls from solve to solve, each
starting where the last one ended. The slope of the smoothed dual by :math:`\nu` is
:math:`b - A\, E[C\, \sigma(m/T)]`: what is left of every bound.

References
----------
Chen, Klochkov and Liu (2024), "Post-hoc bias scoring is optimal for fair classification",
ICLR; Zeng, Cheng and Dobriban (2022), "Bayes-optimal classifiers under group fairness". The
smoothing is that of Nesterov (2005), "Smooth minimization of non-smooth functions".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from skfeamoe.postprocessing._bounds import Bounds

TEMPERATURES = (0.3, 0.1, 0.03, 0.01)
"""Widths of the smoothed step, in units of u, which lies in [-1, 1]."""

LARGEST_SHIFT = 8.0
"""No single bound moves the threshold of a group by more than four times the range of u."""

MAX_ITER = 200


class Rows(NamedTuple):
    """Rows that a rule is solved on."""

    score: NDArray  # (n_samples,), u, what a favorable decision is worth
    costs: NDArray  # (n_samples, n_rates), C, what it adds to every rate
    weight: NDArray  # (n_samples,), sums to one


def rule_margins(score: NDArray, costs: NDArray, rule: NDArray) -> NDArray:
    """u(x) less the costs and the constant of a rule (n_rates + 1,), (n_samples,)."""
    return score - costs @ rule[:-1] - rule[-1]


def margins(rows: Rows, bounds: Bounds, nu: NDArray) -> NDArray:
    """m(x) of every row, (n_samples,)."""
    return rows.score - rows.costs @ (bounds.matrix.T @ nu)


def smooth_rates(rows: Rows, bounds: Bounds, nu: NDArray, temperature: float) -> NDArray:
    """Rates of the smoothed rule as its own model sees them, (n_rates,)."""
    decided = rows.weight * expit(margins(rows, bounds, nu) / temperature)
    return decided @ rows.costs


def solve(
    rows: Rows,
    bounds: Bounds,
    *,
    start: NDArray | None = None,
    temperatures: tuple[float, ...] = TEMPERATURES,
) -> NDArray:
    """Multipliers of the bounds, (n_bounds,), all of them at least zero."""
    nu = np.zeros(len(bounds)) if start is None else start
    if not len(bounds):
        return nu
    unit = _units(rows, bounds)
    for temperature in temperatures:
        found = minimize(
            _dual,
            nu / unit,
            args=(rows, bounds, unit, temperature),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, LARGEST_SHIFT)] * len(nu),
            options={"maxiter": MAX_ITER, "ftol": 1e-10, "gtol": 1e-6},
        )
        nu = found.x * unit
    return nu


def _units(rows: Rows, bounds: Bounds) -> NDArray:
    """Multipliers that move a margin by about one: small for the rates of small groups."""
    largest = np.abs(rows.costs).max(axis=0)
    return 1.0 / np.maximum((np.abs(bounds.matrix) * largest).max(axis=1), 1e-12)


def _dual(z, rows: Rows, bounds: Bounds, unit: NDArray, temperature: float):
    """Smoothed dual and its slope by z = nu / unit."""
    nu = z * unit
    scaled = margins(rows, bounds, nu) / temperature
    value = temperature * (rows.weight @ np.logaddexp(0.0, scaled)) + bounds.limit @ nu
    rates = (rows.weight * expit(scaled)) @ rows.costs
    return value, unit * (bounds.limit - bounds.matrix @ rates)

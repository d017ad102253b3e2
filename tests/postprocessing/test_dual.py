"""The dual against a linear program, its slope against differences, and its symmetries."""

import numpy as np
import pytest
from rule_models import random_rows
from scipy.optimize import approx_fprime, linprog

from skfeamoe.postprocessing._bounds import pairwise_bounds
from skfeamoe.postprocessing._dual import Rows, _dual, _units, margins, smooth_rates, solve
from skfeamoe.postprocessing._held_out import HeldOut, costs, largest_cost

PARITY = [("demographic_parity", "all")]
ODDS = [("equalized_odds", "favorable"), ("equalized_odds", "unfavorable")]
CASES = [
    (PARITY, 2, None),
    (PARITY, 3, 0.8),
    (ODDS, 2, None),
    (ODDS, 4, None),
    (PARITY + ODDS, 2, 0.7),
]


def problem(slots, n_groups, ratio, n_samples=80, bound=0.05, seed=0):
    events = list(dict.fromkeys(event for _, event in slots))
    held = random_rows(n_samples, n_groups=n_groups, n_labels=2, seed=seed)
    limits = dict.fromkeys([name for name, _ in slots], bound)
    return held.dual_rows(events), pairwise_bounds(slots, events, n_groups, limits, ratio)


@pytest.mark.parametrize(("slots", "n_groups", "ratio"), CASES)
@pytest.mark.parametrize("temperature", [0.3, 0.01])
def test_slope_of_the_dual_is_that_of_differences(slots, n_groups, ratio, temperature):
    rows, bounds = problem(slots, n_groups, ratio)
    unit = _units(rows, bounds)
    z = np.random.default_rng(1).uniform(0.1, 1.0, len(bounds))
    value = lambda z: _dual(z, rows, bounds, unit, temperature)[0]  # noqa: E731
    slope = _dual(z, rows, bounds, unit, temperature)[1]
    steps = np.array(
        [(value(z + 1e-6 * e) - value(z - 1e-6 * e)) / 2e-6 for e in np.eye(len(z))]
    )
    np.testing.assert_allclose(slope, steps, rtol=1e-5, atol=1e-8)
    assert approx_fprime(z, value, 1e-7) == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize(("slots", "n_groups", "ratio"), CASES)
def test_dual_is_as_low_as_the_linear_program_is_high(slots, n_groups, ratio):
    rows, bounds = problem(slots, n_groups, ratio)
    best = linprog(
        -rows.weight * rows.score,
        A_ub=bounds.matrix @ (rows.weight[:, None] * rows.costs).T,
        b_ub=bounds.limit,
        bounds=(0.0, 1.0),
    )
    nu = solve(rows, bounds, temperatures=(0.3, 0.1, 0.03, 0.01, 0.003, 0.001))
    dual = rows.weight @ np.maximum(margins(rows, bounds, nu), 0.0) + bounds.limit @ nu
    assert -best.fun - 1e-9 <= dual <= -best.fun + 0.001  # weak duality, and the smoothing


@pytest.mark.parametrize(("slots", "n_groups", "ratio"), CASES)
def test_smooth_rates_keep_the_bounds(slots, n_groups, ratio):
    rows, bounds = problem(slots, n_groups, ratio, n_samples=2000)
    free = rows.weight * (rows.score > 0)
    assert bounds.excess(free @ rows.costs).max() > 0.02, "the bounds must bind"
    nu = solve(rows, bounds)
    assert bounds.excess(smooth_rates(rows, bounds, nu, 0.01)).max() < 1e-3
    assert (nu >= 0.0).all()


def test_bounds_that_do_not_bind_change_nothing():
    rows, bounds = problem(PARITY, 2, None, bound=0.99)
    np.testing.assert_array_equal(solve(rows, bounds), 0.0)


def test_a_bound_of_one_asks_for_nothing():
    assert (
        len(pairwise_bounds(ODDS, ["favorable", "unfavorable"], 3, {"equalized_odds": 1.0}))
        == 0
    )


def test_row_given_twice_is_a_row_of_weight_two():
    rows, bounds = problem(ODDS, 2, None)
    twice = np.r_[np.arange(80), np.arange(40)]
    weight = np.r_[np.full(40, 2.0), np.ones(40)]
    repeated = Rows(rows.score[twice], rows.costs[twice], np.full(120, 1 / 120))
    weighted = Rows(rows.score, rows.costs, weight / weight.sum())
    np.testing.assert_allclose(solve(repeated, bounds), solve(weighted, bounds), atol=1e-5)


def test_permuted_groups_permute_the_multipliers():
    held = random_rows(3000, n_groups=3)
    order = np.array([2, 0, 1])  # new code a was order[a]
    moved = HeldOut(
        held.eta, held.pi[:, order], np.argsort(order)[held.groups], held.favored, held.weight
    )
    bounds = pairwise_bounds(PARITY, ["all"], 3, {"demographic_parity": 0.03})
    of_groups = bounds.matrix.T @ solve(held.dual_rows(["all"]), bounds)
    of_moved = bounds.matrix.T @ solve(moved.dual_rows(["all"]), bounds)
    np.testing.assert_allclose(of_groups[order], of_moved, atol=2e-3)
    assert np.abs(of_groups).max() > 0.01


def test_multipliers_of_an_event_sum_to_zero():
    rows, bounds = problem(PARITY + ODDS, 4, None, n_samples=1000)
    of_events = (bounds.matrix.T @ solve(rows, bounds)).reshape(3, 4)
    np.testing.assert_allclose(of_events.sum(axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    "events", [["all"], ["favorable", "unfavorable"], ["all", "favorable"]]
)
@pytest.mark.parametrize("sure", [False, True])
def test_largest_cost_holds_for_every_row(events, sure):
    held = random_rows(5000, n_groups=3, n_labels=2, sure=sure)
    shares = held.shares(events)
    rng = np.random.default_rng(0)
    for _ in range(20):
        rule = rng.normal(size=len(shares) + 1)
        m = 2 * held.eta - 1 - costs(held.eta, held.pi, events, shares) @ rule[:-1] - rule[-1]
        assert np.abs(m).max() <= largest_cost(rule, events, shares)
    assert largest_cost(np.zeros(len(shares) + 1), events, shares) == 1.0


def test_costs_average_to_one_where_models_are_calibrated():
    held = random_rows(200_000, n_groups=3, n_labels=2)
    for events in (["all"], ["favorable", "unfavorable"]):
        c = costs(held.eta, held.pi, events, held.shares(events))
        np.testing.assert_allclose(c.mean(axis=0), 1.0, atol=0.02)

"""The offset: margins, means, gradients, and solutions against what is known."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, log_softmax, softmax

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness import offset as module
from skfeamoe._fairness import settlement, smoothed
from skfeamoe._fairness.margins import flip_margin, flip_margin_of
from skfeamoe._fairness.offset import (
    Parts,
    Problem,
    excess,
    margins_with,
    no_offset,
    solve_offset,
)
from skfeamoe._fairness.slots import Slot, group_means, push_margins
from tests.golden.runs import ALL, lending


def rates(groups, n_groups=None):
    """The slot of a rate over all rows."""
    groups = np.asarray(groups)
    n_groups = int(groups.max()) + 1 if n_groups is None else n_groups
    total = np.bincount(groups, minlength=n_groups + 1)
    return Slot(groups, 1.0 / np.maximum(total, 1)[groups], n_groups)


def distances(groups, inverse_norm):
    """The slot of a distance among the refused."""
    return rates(groups)._replace(inverse_norm=inverse_norm)


def decided(problem, solution):
    return problem.margin + problem.directions @ solution.coef + solution.intercept > 0.0


# ------------------------------------------------------------------- margins


def test_flip_margin_is_the_root():
    rng = np.random.default_rng(0)
    gate = softmax(rng.normal(size=(50, 4)) * 2.0, axis=1)
    score = rng.normal(size=(50, 4)) * 3.0
    roots = [
        brentq(lambda h, i=i: gate[i] @ expit(score[i] + h) - 0.5, -40.0, 40.0)
        for i in range(50)
    ]
    np.testing.assert_allclose(flip_margin(gate, score), -np.array(roots), atol=1e-6)


def test_flip_margin_of_one_expert_is_its_score():
    score = np.array([[-3.0], [0.5]])
    assert np.array_equal(flip_margin(np.ones((2, 1)), score), [-3.0, 0.5])


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("favorable", [0, 1])
def test_a_row_is_granted_when_its_shift_exceeds_what_is_missing(n_classes, favorable):
    rng = np.random.default_rng(1)
    gate = softmax(rng.normal(size=(200, 3)), axis=1)
    scores = 2.0 * rng.normal(size=(200, 3, n_classes))
    shift = 2.0 * rng.normal(size=200)
    margin = flip_margin_of(gate, log_softmax(scores, axis=2), favorable)
    scores[:, :, favorable] += shift[:, None]
    mixed = np.einsum("nk,nkc->nc", gate, softmax(scores, axis=2))
    granted = mixed.argmax(axis=1) == favorable
    assert np.array_equal(granted, margin + shift > 0.0)


# --------------------------------------------------------- means and gradients


def test_means_are_explicit_sums():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 4, 90)  # 3 is nobody's
    weight = rng.random(90)
    total = np.bincount(groups, weight)
    slot = Slot(groups, weight / total[groups], 3, rng.random(90))
    granted, margin = rng.random(90), rng.normal(size=90)
    for a in range(3):
        rows = groups == a
        share = weight[rows] / weight[rows].sum()
        refused = share * (1.0 - granted[rows])
        distance = np.maximum(-margin[rows], 0.0) * slot.inverse_norm[rows]
        rate = group_means(slot._replace(inverse_norm=None), granted, margin)[a]
        assert rate == pytest.approx((share * granted[rows]).sum())
        expected = (refused * distance).sum() / refused.sum()
        assert group_means(slot, granted, margin)[a] == pytest.approx(expected)


@pytest.mark.parametrize("is_distance", [False, True])
def test_pushes_are_the_derivative_of_the_means(is_distance):
    rng = np.random.default_rng(3)
    slot = rates(rng.integers(0, 3, 40))
    if is_distance:
        slot = slot._replace(inverse_norm=rng.random(40) + 0.5)
    margin, push, width = rng.normal(size=40), rng.normal(size=3), 0.3

    def value(z):
        return push @ group_means(slot, expit(z / width), z)

    granted = expit(margin / width)
    slope = granted * (1.0 - granted) / width
    found = push_margins(slot, push, granted, slope, margin)
    step = 1e-6 * np.eye(40)
    numeric = [(value(margin + e) - value(margin - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(found, numeric, rtol=1e-5, atol=1e-8)


# ------------------------------------------------------------------- solutions


def two_groups(n=4000, shift=1.0, seed=0):
    """Two normal groups whose scores differ by ``shift``; the direction is the score's own."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) % 2
    evidence = rng.normal(size=n) + shift * groups
    skill = rng.normal(size=n)
    margin = 2.0 * skill + evidence - 0.5
    cost = (1.0 - 2.0 * expit(margin)) / n
    return Problem(margin, cost, evidence[:, None], [rates(groups)], np.array([0.05]))


def test_no_offset_where_bounds_are_kept():
    problem = two_groups()._replace(bounds=np.array([0.9]))
    solution = solve_offset(
        problem, no_offset(problem)._replace(coef=np.array([3.0]), intercept=1.0)
    )
    assert not solution.coef.any()
    assert solution.intercept == 0.0


@pytest.mark.parametrize("bound", [0.1, 0.05, 0.02])
def test_solution_is_near_the_cheapest_of_a_grid(bound):
    problem = two_groups()._replace(bounds=np.array([bound]))
    solution = solve_offset(problem)
    assert solution.excess[0] <= 1e-3
    assert solution.cost == pytest.approx(problem.cost @ decided(problem, solution))
    cheapest = np.inf
    for coef in np.linspace(-2.0, 0.5, 101):
        shifted = problem.margin + coef * problem.directions[:, 0]
        for constant in np.linspace(-2.0, 2.0, 41):
            margin = shifted + constant
            if excess(problem, margin)[0] <= 0.0:
                cheapest = min(cheapest, problem.cost @ (margin > 0.0))
    assert solution.cost <= cheapest + 0.002


def test_without_a_direction_a_constant_decision_keeps_the_bound():
    problem = two_groups()
    blind = problem._replace(directions=np.zeros((len(problem.margin), 1)))
    solution = solve_offset(blind)
    assert solution.excess[0] <= 1e-3


def test_groups_may_change_their_numbers():
    problem = two_groups()
    slot = problem.slots[0]
    swapped = problem._replace(slots=[slot._replace(group=1 - slot.group)])
    one, other = solve_offset(problem), solve_offset(swapped)
    np.testing.assert_allclose(one.coef, other.coef, rtol=1e-6)
    assert one.intercept == pytest.approx(other.intercept, rel=1e-6)


def test_units_do_not_matter():
    problem = two_groups()
    scaled = problem._replace(directions=1e6 * problem.directions + 7.0)
    one, other = solve_offset(problem), solve_offset(scaled)
    assert np.array_equal(decided(problem, one), decided(scaled, other))


def test_bounds_of_two_events_are_kept_together():
    rng = np.random.default_rng(5)
    base = two_groups()
    label = rng.random(len(base.margin)) < expit(base.margin)
    groups = base.slots[0].group
    slots = []
    for event in (label, ~label):
        group = np.where(event, groups, 2)
        slots.append(Slot(group, 1.0 / np.bincount(group)[group], 2))
    problem = base._replace(slots=slots, bounds=np.array([0.05, 0.05]))
    assert (excess(problem, problem.margin) > 0.05).all()
    assert (solve_offset(problem).excess <= 1e-3).all()


@pytest.mark.parametrize("n_groups", [5, 40])
def test_many_groups_of_unequal_size(n_groups):
    rng = np.random.default_rng(6)
    share = 1.0 / np.arange(1, n_groups + 1)
    groups = rng.choice(n_groups, 20_000, p=share / share.sum())
    evidence = rng.normal(size=(20_000, n_groups)) + np.eye(n_groups)[groups]
    effect = rng.normal(size=n_groups)
    margin = rng.normal(size=20_000) * 2.0 + evidence @ effect
    cost = (1.0 - 2.0 * expit(margin)) / 20_000
    problem = Problem(margin, cost, evidence, [rates(groups)], np.array([0.1]))
    before = excess(problem, margin)[0]
    solution = solve_offset(problem)
    assert before > 0.2
    assert solution.excess[0] <= 0.02


@pytest.mark.parametrize("n_parts", [0, 2])
def test_more_directions_than_dimensions_are_solved_in_the_dimensions(monkeypatch, n_parts):
    """20 groups of people with 3 features: 20 directions within 3 dimensions."""
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 20, 8_000)
    X = rng.normal(size=(8_000, 3)) + 0.7 * rng.normal(size=(20, 3))[groups]
    margin = X @ [1.0, -0.5, 0.3] + rng.normal(size=8_000)
    cost = (1.0 - 2.0 * expit(margin)) / 8_000
    parts = [Parts(rng.integers(0, n_parts, 8_000), n_parts)] if n_parts else []
    slots = [rates(groups)]
    problem = Problem(
        margin, cost, X @ rng.normal(size=(3, 20)), slots, np.array([0.15]), parts=parts
    )
    n_numbers = []

    def solved(many):
        monkeypatch.setattr(module, "MANY", many)
        n_numbers.append(module._Scaled(problem).n_numbers)
        return solve_offset(problem, solve_offset(problem))

    few, all_of_them = solved(16), solved(21)
    assert n_numbers == [4 * (1 + n_parts), 21 * (1 + n_parts)]
    assert few.coef.shape == all_of_them.coef.shape == (20,)
    assert few.local.shape == all_of_them.local.shape == (n_parts, 21)
    assert before_and_after(problem, few) == (True, True)
    moved = margins_with(problem, few) - margin
    np.testing.assert_allclose(
        moved, margins_with(problem, all_of_them) - margin, atol=0.02 * np.ptp(moved)
    )
    assert few.cost == pytest.approx(all_of_them.cost, abs=2e-4)


def before_and_after(problem, solution):
    """Whether the bound was broken without the solution and is kept with it."""
    return excess(problem, problem.margin)[0] > 0.1, solution.excess[0] <= 2e-3


def test_directions_that_are_all_alike_or_nothing_are_solved_too():
    problem = two_groups()
    alike = problem._replace(directions=np.tile(problem.directions, 20))
    assert solve_offset(alike).cost == pytest.approx(solve_offset(problem).cost, abs=1e-3)
    nothing = problem._replace(directions=np.zeros((len(problem.margin), 20)))
    found = solve_offset(nothing)
    assert (found.coef == 0.0).all()
    assert found.excess[0] <= 1e-3


def test_distances_are_brought_together():
    problem = two_groups()
    groups = problem.slots[0].group
    problem = problem._replace(
        slots=[distances(groups, np.full(len(groups), 0.5))], bounds=np.array([0.02])
    )
    assert excess(problem, problem.margin)[0] > 0.02
    solution = solve_offset(problem)
    assert solution.excess[0] <= 1e-3
    granted = decided(problem, solution)
    assert 0.05 < granted.mean() < 0.95


def test_a_good_start_is_kept():
    problem = two_groups()
    first = solve_offset(problem)
    again = solve_offset(problem, first)
    assert again.cost <= first.cost + 1e-3
    assert again.excess[0] <= 1e-3


def test_corrections_by_hard_decisions_are_what_keeps_the_bound(monkeypatch):
    """Decisions smoothed over half a standard deviation would keep another gap."""
    monkeypatch.setattr(module, "WIDTH", 0.5)
    monkeypatch.setattr(module, "MOST_WIDTH", 0.5)
    problem = two_groups()._replace(bounds=np.array([0.02]))
    assert solve_offset(problem).excess[0] <= 1e-3
    smooth = [expit(problem.margin / (0.5 * problem.margin.std()))]
    hard = [(problem.margin > 0.0).astype(float)]
    slot = problem.slots[0]
    gaps = [np.ptp(group_means(slot, d[0], problem.margin)) for d in (smooth, hard)]
    assert abs(gaps[0] - gaps[1]) > 0.02  # they do differ here


def test_the_ridge_holds_an_offset_that_nothing_asks_for():
    problem = two_groups()
    idle = np.column_stack([problem.directions, np.random.default_rng(9).normal(size=4000)])
    solution = solve_offset(problem._replace(directions=idle))
    assert abs(solution.coef[1]) < 0.2 * abs(solution.coef[0])


def test_the_outermost_constants_refuse_or_grant_everybody():
    problem = two_groups()
    problem.margin[:2] = -50.0, 60.0  # nobody is left out for being far from the others
    scaled, begun = module._Scaled(problem), np.array([0.3, -0.1])
    for points in np.array_split(np.array(scaled.constants(begun), dtype=object), 2):
        granted = [(scaled.margin(numbers) > 0.0).mean() for numbers in points[:, 0]]
        assert granted[0] == 1.0
        assert granted[-1] == 0.0
        assert granted == sorted(granted, reverse=True)
        assert len(set(granted)) > module.CUTS // 2


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
@pytest.mark.parametrize("seed", [1, 2])
def test_rounding_errors_stay_small(seed):
    """Two processors round differently and should grant the same people: .05 apart once."""
    X, y, groups, _ = lending(300, 2, 3, 2, seed)
    noise = 1e-15 * np.random.default_rng(0).standard_normal(X.shape)
    proba = []
    for rows in (X, X * (1.0 + noise)):
        model = FEAMOEClassifier(constraints=ALL, difference_bound=0.15, random_state=0)
        for start in range(0, 300, 100):
            part = slice(start, start + 100)
            model.partial_fit(rows[part], y[part], [0, 1], sensitive_features=groups[part])
        proba.append(model.predict_proba(X))
    assert np.abs(proba[0] - proba[1]).max() < 1e-5


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_rounding_errors_stay_small_where_distances_are_bound(monkeypatch):
    """Flat directions of distances multiplied them by a million."""
    given = []

    def spy(problem, start=None):
        given.append((problem, start))
        return solve_offset(problem, start)

    X, y, groups, _ = lending(600, 2, 3, 2, 8)
    model = FEAMOEClassifier(constraints=ALL, difference_bound=0.1, random_state=0)
    with monkeypatch.context() as patched:
        patched.setattr(settlement, "solve_offset", spy)
        patched.setattr(smoothed, "FLATTEST_OF_DISTANCES", 3e-3)
        for start in range(0, 600, 100):
            part = slice(start, start + 100)
            model.partial_fit(X[part], y[part], [0, 1], sensitive_features=groups[part])
    assert len(given) > 2
    noise = 1e-14 * np.random.default_rng(0).standard_normal(600)
    for problem, start in given:
        shaken = problem._replace(margin=problem.margin + noise[: len(problem.margin)])
        found = [margins_with(p, solve_offset(p, start)) for p in (problem, shaken)]
        assert np.abs(found[0] - found[1]).max() < 1e-9

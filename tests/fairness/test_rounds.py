"""Rounds of solving where distances hang on the offset, on toys and where they ran away."""

import warnings

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness import rounds
from skfeamoe._fairness.cases import Measured, Scored
from skfeamoe._fairness.local import LocalColumn, LocalOffset
from skfeamoe._fairness.offset import Solution
from skfeamoe._fairness.rounds import Place, kept_place
from skfeamoe.exceptions import FairnessWarning
from tests.monitored import wishes

BURDEN = wishes(("burden",))
NOBODY = Scored(None, *np.zeros((3, 0)), None)


def toy(gap, price=abs):
    """Places of one number, whose gap and price are functions of it."""
    seen = []

    def at(coef, offset, local):
        measured = Measured.nothing(1, 2)
        measured.mean[0, 0], measured.n_rows[0] = gap(offset[0]), 100.0
        measured.variance[0] = 1e-6
        measured.price = price(offset[0])
        seen.append(float(offset[0]))
        return Place(coef, offset, local, NOBODY, np.zeros(0), measured)

    return at, seen


def column(weight):
    return LocalOffset((LocalColumn(0, False, np.empty(0), np.zeros(1), np.array([[weight]])),))


def solution(excess):
    return Solution(np.zeros(1), 0.0, np.array([excess]), 0.0, np.zeros((1, 1)))


def steps(at, *ways):
    """A solver that leads from any place by each of the ways in turn, and foresees nothing."""
    to = iter(ways)

    def solve(place):
        x = np.array([next(to)(place.offset[0])])
        return at(2.0 * x, x, column(10.0 * x[0])), solution(-0.05)  # a gap of 0, it says

    return solve


def start(at, x=0.0):
    return at(np.array([2.0 * x]), np.array([x]), column(10.0 * x))


def test_a_round_that_was_foreseen_is_the_last():
    at, seen = toy(lambda x: 0.4 - x)
    far = at(np.ones(1), np.array([0.36]), column(0.0))
    place, solved = kept_place(start(at), lambda _: (far, solution(-0.01)), at, BURDEN)
    assert place is far
    assert solved
    assert len(seen) == 2
    far = at(np.ones(1), np.array([0.1]), column(0.0))
    assert not kept_place(start(at), lambda _: (far, solution(0.25)), at, BURDEN)[1]


def test_a_step_that_widens_the_gap_is_halved_in_all_that_it_changes():
    at, seen = toy(lambda x: abs(0.4 - x))
    place = rounds._nearer(start(at), start(at, 1.2), at, BURDEN)
    assert seen[2:] == [0.6]  # gaps: .4 at first, .8 for all of the step, .2 for half of it
    assert place.coef == pytest.approx(1.2)
    assert place.local.weights == pytest.approx(6.0)


def test_a_step_that_does_not_widen_the_gap_is_taken():
    at, seen = toy(lambda x: abs(0.4 - x))
    far = start(at, 0.8)
    assert rounds._nearer(start(at), far, at, BURDEN) is far
    assert len(seen) == 2


def test_a_step_no_part_of_which_is_better_is_taken():
    at, seen = toy(lambda x: 0.4 + x)
    far = start(at, 1.6)
    assert rounds._nearer(start(at), far, at, BURDEN) is far
    assert seen[2:] == [0.8, 0.4, 0.2, 0.1]


def test_the_last_half_may_be_the_one():
    at, _ = toy(lambda x: 0.5 if x > 0.11 else 0.4 - x)
    place = rounds._nearer(start(at), start(at, 1.6), at, BURDEN)
    assert place.offset == pytest.approx(0.1)


def test_the_best_of_all_places_is_kept():
    at, _ = toy(lambda x: abs(0.4 - x))
    ways = [lambda x: 0.7, lambda x: 0.31, *[lambda x: 0.5] * rounds.MOST_ROUNDS]
    place, solved = kept_place(start(at), steps(at, *ways), at, BURDEN)
    assert place.offset == pytest.approx(0.31 + 0.5 * (0.5 - 0.31))  # .005 beyond the aim
    assert solved  # within the bound of .05


def test_among_places_that_keep_the_bound_the_cheapest_counts():
    at, seen = toy(lambda x: abs(0.4 - x))
    ways = [lambda x: 0.44, lambda x: 0.38, lambda x: 0.42, lambda x: 0.43]
    place, solved = kept_place(start(at), steps(at, *ways), at, BURDEN)
    assert place.offset == pytest.approx(0.38)
    assert solved
    assert len(seen) == 1 + rounds.ENOUGH_ROUNDS  # the bound is kept: no more rounds


def test_rounds_end_where_no_place_keeps_the_bound():
    at, seen = toy(lambda x: 1.0 / (1.0 + x))
    place, solved = kept_place(
        start(at), steps(at, *[lambda x: x + 0.1] * rounds.MOST_ROUNDS), at, BURDEN
    )
    assert len(seen) == 1 + rounds.MOST_ROUNDS
    assert place.offset == pytest.approx(0.1 * rounds.MOST_ROUNDS)
    assert not solved


def unequal(n, seed, base):
    """Groups that are far apart, with so few or many favored that distances are large."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b"], n, p=[0.8, 0.2])
    X = rng.normal(size=(n, 2)) - np.outer(group == "b", [1.0, 0.5])
    y = (base + 2.0 * X.sum(axis=1) + rng.logistic(size=n) > 0).astype(int)
    return X, y, group


@pytest.mark.parametrize(("base", "seed"), [(-5.0, 0), (-5.0, 1), (-2.5, 1), (0.0, 1)])
def test_a_bound_on_burdens_holds_where_rounds_ran_away(base, seed):
    X, y, group = unequal(12_000, seed, base)
    model = FEAMOEClassifier("burden", difference_bound=0.05, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)  # nearly everybody is refused
        model.fit(X, y, sensitive_features=group)
    refused = model.predict(X) == 0
    distance = model.distance_to_boundary(X)
    means = [distance[refused & (group == a)].mean() for a in "ab"]
    assert np.ptp(means) == pytest.approx(model.group_gaps_["burden"], abs=1e-9)
    assert np.ptp(means) < 0.06  # .3 to 1.4 when rounds ran away

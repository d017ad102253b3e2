"""Every part of the control against an oracle of a few lines (docs/decisions/offset.md)."""

import numpy as np
import pytest

from skfeamoe._fairness import offset, rounds, settlement
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.cases import Cases
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.due import RESCORES
from skfeamoe._fairness.offset import Problem, Solution, solve_offset
from tests.monitored import learned, monitor, people, scored, wishes


@pytest.fixture
def problems(monkeypatch):
    """What the solver is given."""
    given = []

    def spy(problem, start=None):
        given.append(problem)
        return solve_offset(problem, start)

    monkeypatch.setattr(settlement, "solve_offset", spy)
    return given


@pytest.mark.parametrize("n", [400, 3000])
def test_no_accuracy_is_paid_for_less_than_can_be_known(n, problems):
    asked, rows = wishes(), people(n)
    made = monitor(asked)
    made.learn(asked, rows.X, rows)
    made.settle(asked, scored)
    granted = scored(rows.X).margin > 0.0
    rates = [granted[rows.groups == a].mean() for a in range(2)]
    counts = np.bincount(rows.groups)
    error = np.sqrt(sum(p * (1.0 - p) / k for p, k in zip(rates, counts, strict=True)))
    (problem,) = problems
    assert problem.tolerance == pytest.approx([max(0.25 * error, 1e-3)], rel=1e-6)
    assert problem.bounds == pytest.approx([max(0.05 - 0.5 * error, 0.025)], rel=1e-6)


def test_a_group_counts_by_its_rows_on_the_clock_of_known_ones():
    asked = wishes(half_life=300.0)
    rows = people(900, weight=np.random.default_rng(1).random(900))
    rows.groups[::3] = -1
    made, known = learned(asked, rows), 0
    expected = np.zeros(2)
    for number in reversed(range(9)):
        part = rows.take(slice(100 * number, 100 * number + 100))
        for a in range(2):
            expected[a] += part.weight[part.groups == a].sum() * 0.5 ** (known / 300.0)
        known += int((part.groups >= 0).sum())
    np.testing.assert_allclose(made.shares, expected)


def test_kept_people_are_decided_on_anew_while_a_third_as_many_come():
    asked, rows = wishes(), people(8000)
    made = monitor(asked)
    kept = rows.take(slice(0, 3000))
    made.learn(asked, kept.X, kept)
    assert made.is_due(asked)
    made.settle(asked, scored)
    due = []
    for start in range(3000, 5000, 50):
        part = rows.take(slice(start, start + 50))
        made.learn(asked, part.X, part)
        due.append(made.is_due(asked))
    first = 3050 + 50 * due.index(True)
    assert first - 3000 == pytest.approx(first / RESCORES, abs=50)
    present = made.people.gather(2).rows
    made.settle(asked, lambda X, *_: scored(-X)._replace(Z=X))  # now another model decides
    margin = scored(-present.X).margin + present.X @ made.offset[:-1] + made.offset[-1]
    rates = [(margin > 0.0)[present.groups == a].mean() for a in range(2)]
    np.testing.assert_allclose(made.measured.mean[0], rates)
    assert made.due.solved_at == made.people.n_seen


@pytest.mark.parametrize("names", [("demographic_parity",), ("equalized_odds", "burden")])
def test_everyone_of_a_cell_counts_by_weight_and_each_cell_as_one(names):
    rows = people(500, weight=np.random.default_rng(2).random(500))
    cases = Cases(np.array([1.0, 3.0]), wishes(names), rows)
    seen = scored(rows.X)
    for slot in cases.slots(seen, seen.margin, ()):
        sums = np.bincount(slot.group, slot.weight, slot.n_groups + 1)[:-1]
        np.testing.assert_allclose(sums, 1.0)
        for a in range(slot.n_groups):
            own = slot.group == a
            ratio = slot.weight[own] / rows.weight[own]
            np.testing.assert_allclose(ratio, ratio[0])


def test_a_multiplier_is_positive_where_people_like_the_group_are_granted_less():
    asked, rows = wishes(), people(4000)
    made = learned(asked, rows)
    made.settle(asked, scored)
    (pressure,) = made.multipliers
    assert pressure[1] > pressure[0]  # group 1 is favored
    look = rows.X @ made.directions.axes.T @ -made.multipliers.ravel()
    shift = rows.X @ made.offset[:-1]
    np.testing.assert_allclose(look - look.mean(), shift - shift.mean(), atol=1e-9)


@pytest.mark.parametrize("names", [("burden",), ("demographic_parity",)])
def test_distances_are_solved_for_under_the_offset_that_they_depend_on(names, problems):
    asked, rows = wishes(names), people(4000)
    made, calls = learned(asked, rows), []
    made.settle(asked, lambda *a: scored(*a, calls=calls))
    if names == ("demographic_parity",):
        assert len(problems) == len(calls) == 1
        return
    assert 2 <= len(problems) <= rounds.ENOUGH_ROUNDS
    assert len(calls) == 1 + len(problems)
    first, second = (problem.slots[0].inverse_norm for problem in problems[:2])
    assert np.abs(first - second).max() > 1e-6
    assert calls[1].any()
    made.settle(asked, lambda *a: scored(*a, calls=calls))
    assert len(problems) < 2 * rounds.ENOUGH_ROUNDS


@pytest.mark.parametrize("off", [0.0, 0.4, 0.6, -0.6])
def test_distances_are_solved_for_again_unless_they_are_what_was_expected(off):
    asked, rows = wishes(("demographic_parity", "burden")), people(4000)
    measured = Cases(np.ones(2), asked, rows).measure(scored(rows.X), scored(rows.X).margin)
    gap, error = measured.gap(1)
    left = np.array([7.0, gap - asked.limits[1] + off * error])
    solution = Solution(np.zeros(2), 0.0, left, 0.0, np.zeros((0, 3)))
    assert rounds._foresaw(asked, solution, measured) == (abs(off) < rounds.FORESEEN)


def test_people_count_in_the_mean_distance_of_their_group_by_how_far_a_step_takes_them():
    asked, rows = wishes(("demographic_parity", "burden")), people(500)
    seen, step = scored(rows.X), 1e-6
    found = Cases(np.ones(2), asked, rows).counted_in_distances(seen, seen.margin)
    assert found.shape == (500, 2)
    refused = seen.margin <= 0.0
    for a in range(2):
        own = refused & (rows.groups == a)
        mean = seen.distance[own].mean()
        for i in (*np.flatnonzero(own)[:3], np.flatnonzero(~own)[0]):
            margin = seen.margin + step * (np.arange(500) == i)
            falls = (mean - np.abs(margin / 3.0)[own].mean()) / step
            np.testing.assert_allclose(found[i, a], falls, atol=1e-6)


def test_distances_have_axes_of_their_own_that_move_people_far_away():
    asked, rows = wishes(("burden",), limit=0.02), people(4000)
    made = learned(asked, rows)
    made.settle(asked, scored)
    assert made.n_axes == 2
    assert made.coef.shape == (4,)
    assert made.coef[2:].any()
    np.testing.assert_array_equal(made.multipliers, -made.coef[None, 2:])
    assert BoundMonitor(Slots(("demographic_parity",)), 1, 2).n_axes == 1


def test_terms_without_directions_have_none_by_distances_either():
    asked, rows = wishes(("burden",), limit=0.02), people(4000)
    made = learned(asked, rows)
    made.hold_out(np.array([True, False]))
    made.settle(asked, scored)
    assert made.offset[0] == 0.0
    assert made.offset[1] != 0.0


def test_a_round_stays_near_where_it_began(monkeypatch):
    rows = people(2000)
    seen = scored(rows.X)
    cases = Cases(np.ones(2), wishes(), rows)
    problem = Problem(
        seen.margin,
        cases.by_person * seen.cost,
        rows.X,
        cases.slots(seen, seen.margin, ()),
        np.array([0.02]),
    )
    began = np.array([0.1, -0.2, 0.05])
    moved = []
    for nearness in (0.0, 0.02, 2.0, 2e3):
        monkeypatch.setattr(offset, "NEARNESS", nearness)
        found = offset._Scaled(problem).round(began, problem.bounds, 30.0)
        moved.append(np.abs(found - began).max())
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 2.0 * moved[2] > 0.0
    assert moved[3] < 1e-3


def test_a_model_from_before_distances_had_axes_goes_on_without_them():
    asked, rows = wishes(("burden",), limit=0.02), people(4000)
    made = learned(asked, rows)
    made.settle(asked, scored)
    data = made.to_dict()
    assert BoundMonitor.from_dict(dict(data)).n_axes == 2
    del data["axis_of"]
    data["direction_of"] = [0]
    old = BoundMonitor.from_dict({**data, "coef": made.coef[:2]})
    assert old.n_axes == 1
    old.settle(asked, scored)
    assert old.coef.shape == (2,)
    old.add_groups(3)
    assert old.multipliers.shape == (1, 3)

"""Small parts of the bounds, each by a few numbers that can be checked by hand."""

import numpy as np
import pytest

from skfeamoe._fairness import bound as bound_module
from skfeamoe._fairness import changes, offset
from skfeamoe._fairness.bound import BoundMonitor, newcomers
from skfeamoe._fairness.cases import Cases, Measured
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.directions import Directions
from skfeamoe._fairness.local import LocalColumn, LocalOffset
from skfeamoe._fairness.moments import init_group_moments, update_group_moments
from skfeamoe._fairness.offset import Problem
from skfeamoe._fairness.schedule import ScheduleMonitor
from skfeamoe._fairness.slots import Slot, extremes
from skfeamoe._rows import Rows
from tests.monitored import learned, people, scored, wishes


def compared(rows, **more):
    """The slot of everybody, group by group."""
    return Slot(rows.groups, 1.0 / np.bincount(rows.groups)[rows.groups], 2, **more)


def test_the_past_of_a_cell_halves_within_a_half_life_of_its_own_rows():
    moments = init_group_moments(1, 2)
    member, measured = np.eye(2)[[0, 0, 1, 0]], np.array([[0.5, 1.0, 2.0, 0.0]])
    for _ in range(3):
        moments = update_group_moments(
            moments,
            np.ones((1, 4)),
            measured,
            member,
            np.array([np.ones(4), [1.0, 0.0, 1.0, 0.0]]),
            half_life=400.0,
            n_events=2,
        )
    keep = 0.5 ** (np.array([3.0, 1.0]) / 100.0)  # own rows of a batch, of 400 / (2 x 2)
    faded = 1.0 + keep + keep**2
    np.testing.assert_allclose(moments["count"], [[3.0, 1.0] * faded])
    np.testing.assert_allclose(moments["total"], [[1.5, 2.0] * faded])
    np.testing.assert_allclose(moments["seen"], [9.0, 3.0])
    np.testing.assert_allclose(moments["favored"], [3.0, 3.0])


def test_a_schedule_of_before_is_read_without_the_moments_that_nobody_asked():
    made = ScheduleMonitor(1)
    made.add_groups(2)
    written = made.to_dict()
    older = {"square": np.ones((1, 2)), "share": np.ones((1, 2)), "rows": 2.0}
    written["moments"] = {**written["moments"], **older}
    again = ScheduleMonitor.from_dict(written)
    assert again.moments.keys() == made.moments.keys()
    again.add_groups(3)
    again.merge(again.copy(), np.arange(3))
    assert again.moments.keys() == made.moments.keys()


def test_a_merged_schedule_has_as_many_groups_as_there_are():
    mine, other = ScheduleMonitor(1), ScheduleMonitor(1)
    other.add_groups(3)
    mine.merge(other, np.array([0, 1, 2]))
    assert mine.n_groups == 3
    assert mine.moments["count"].shape == (1, 3)


def test_everybody_who_has_come_counts_as_a_newcomer_whatever_the_weight():
    weight, groups = np.array([0.0, 0.25, 1.0, 3.0]), np.array([0, 1, 0, 1])
    rows = Rows(np.zeros((4, 1)), np.ones(4, int), groups, weight, np.ones(4))
    assert newcomers(rows).tolist() == [-1, 1, 0, 1]


def test_accuracy_is_one_while_there_are_no_labels():
    rows = people(100)
    nobody = Rows(rows.X, np.full(100, -1), rows.groups, np.ones(100), np.zeros(100))
    assert Cases(np.ones(2), wishes(), nobody).accuracy(rows.y) == 1.0
    assert Cases(np.ones(2), wishes(), rows).accuracy(1 - rows.y) == 0.0


def test_the_error_of_a_ratio_is_that_of_the_logarithms():
    measured = Measured.nothing(1, 2)
    assert measured.price == 0.0
    measured.mean[:], measured.variance[:], measured.n_rows[:] = [0.5, 0.2], 0.01, 100
    gap, error = measured.gap(0, ratio=True)
    assert gap == pytest.approx(np.log(2.5))
    assert error == pytest.approx(np.sqrt(0.01 / 0.25 + 0.01 / 0.04))


def test_people_of_no_part_have_no_slope_of_a_part():
    weight = np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]])
    column = LocalColumn(0, False, np.array([0.0]), np.arange(2.0), weight)
    found = LocalOffset((column,)).slopes([np.array([-1.0, 1.0, np.nan])], 2)
    np.testing.assert_array_equal(found, [[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]])


def test_directions_are_merged_with_all_that_they_remember():
    mine, other = Directions(("all",), 2, 1), Directions(("all",), 2, 1)
    for made, number in ((mine, 1.0), (other, 5.0)):
        made.weight, made.squares = np.full((1, 2, 2), number), np.full((1, 2, 2), 2.0 * number)
    merged = mine.mean(other, np.array([1, 0]), 0.25)
    np.testing.assert_allclose(merged.weight, 2.0)
    np.testing.assert_allclose(merged.squares, 4.0)


def test_one_more_group_gets_cells():
    made = BoundMonitor(Slots(("demographic_parity",)), 1, 2)
    for n_groups in (1, 2, 3):
        made.add_groups(n_groups)
        assert made.n_groups == made.directions.n_groups == n_groups
        assert made.coef.shape == made.taught.shape == (n_groups,)


def test_less_is_enough_for_a_change_that_is_suspected(monkeypatch):
    asked, rows, parts = wishes(), people(2000), []
    made = learned(asked, rows)
    changed = made.arrivals.changed

    def spy(part=1.0):
        parts.append(part)
        return changed(part)

    for suspected in (False, True):
        monkeypatch.setattr(made.arrivals, "changed", spy)
        made.settle(asked, scored, suspected=suspected)
    assert parts == [1.0, changes.SUSPECTED]
    assert changes.SUSPECTED < 1.0


def test_a_change_leaves_enough_rows_on_both_sides():
    values = np.zeros((200, 1))
    values[-1] = 9.0
    assert changes.split(values)[1] == 200 - changes.LEAST_ROWS
    assert changes.split(values[::-1])[1] == changes.LEAST_ROWS


def test_as_many_features_as_allowed_are_watched():
    widest = np.zeros((2, changes.MOST_FEATURES))
    assert changes.can_be_watched(widest)
    assert not changes.can_be_watched(np.column_stack([widest, [0.0, 0.0]]))


def test_bounds_that_are_missed_are_tried_again_tighter(monkeypatch):
    rows = people(400)
    slot = compared(rows)
    given = (rows.X.sum(axis=1), np.zeros(400), rows.X, [slot], np.array([0.1]))
    scaled, aims = offset._Scaled(Problem(*given)), []
    worst = iter([0.04, 0.02, 0.0])

    def search(p, tight):
        aims.append(float(tight[0]))
        return offset._Point(p, left := next(worst), left)

    monkeypatch.setattr(scaled, "search", search)
    assert scaled.insist(np.zeros(3)).worst == 0.0
    tighter = 0.1 - offset.TIGHTER * 0.04
    np.testing.assert_allclose(aims, [0.1, tighter, max(tighter - offset.TIGHTER * 0.02, 0.0)])


@pytest.mark.parametrize(
    ("n_rows", "of_stream", "has_parts"),
    [(999, True, False), (1000, True, True), (300, False, True)],
)
def test_a_stream_waits_with_parts_and_a_table_does_not(n_rows, of_stream, has_parts):
    own = {"local_columns": (0,), "local_is_category": (False,)}
    asked, rows = wishes(**own, local_limits=np.array([0.1])), people(n_rows)
    made = learned(asked, rows)

    def score(X, offset, local):
        return scored(X, offset, local)._replace(values=(X[:, 0],))

    made.settle(asked, score, None if of_stream else rows)
    assert bool(made.local.columns) == has_parts
    assert bool(made.local_measured) == has_parts
    assert bound_module.LEAST_BAND_ROWS == 1000


@pytest.mark.parametrize(("floor", "kept"), [(0.0, True), (0.99, False)])
def test_what_was_solved_is_told(floor, kept):
    asked, rows = wishes(accuracy_floor=floor), people(2000)
    made = learned(asked, rows)
    made.settle(asked, scored)
    assert made.measured.solved == kept
    assert (made.measured.gap(0)[0] <= 0.05) == kept


@pytest.mark.parametrize("is_distance", [True, False])
def test_all_is_searched_for_among_few_if_nothing_is_cheaper_than_a_constant(
    is_distance, monkeypatch
):
    rows = people(400)
    margin, cost = rows.X.sum(axis=1), np.full(400, 1.0 / 400)
    slot = compared(rows, inverse_norm=np.ones(400) if is_distance else None)
    merits, granted = iter([0.7, 0.3, -0.1]), []

    def insist(self, p):
        granted.append((self.margin(p) > 0.0).mean())
        return offset._Point(p, next(merits), 0.0)

    monkeypatch.setattr(offset._Scaled, "insist", insist)
    found = offset.solve_offset(Problem(margin, cost, rows.X, [slot], np.array([0.001])))
    without = (margin > 0.0).mean()
    tried = [1.0, *offset.FEW[:2]]
    np.testing.assert_allclose(granted, without * np.array(tried), atol=1.0 / 400)
    assert found.cost == pytest.approx(granted[-1])


@pytest.mark.parametrize("total", [0.4, -0.4])
def test_what_is_cheaper_than_every_constant_is_not_searched_for_again(total, monkeypatch):
    rows, calls = people(400), []
    slot = compared(rows, inverse_norm=np.ones(400))

    def insist(self, p):
        calls.append(p)
        return offset._Point(p, min(total, 0.0) - 0.01, 0.0)

    monkeypatch.setattr(offset._Scaled, "insist", insist)
    given = (rows.X.sum(axis=1), np.full(400, total / 400), rows.X, [slot], np.array([0.001]))
    offset.solve_offset(Problem(*given))
    assert len(calls) == 1


def test_strata_that_nobody_is_compared_in_have_no_gap():
    groups = np.array([0, 0, 1, 1])
    slot = Slot(groups, np.full(4, 0.5), 2, None, np.array([1, 1]), 3)
    highest, lowest = extremes(slot, np.array([0.25, 0.75]))
    assert highest.tolist() == [0.0, 0.75, 0.0]
    assert lowest.tolist() == [0.0, 0.25, 0.0]


@pytest.mark.parametrize(("mine", "theirs", "merged"), [(0, 0, 0), (50, 0, 150), (0, 50, 150)])
def test_the_place_of_a_change_is_counted_from_the_end_of_merged_people(mine, theirs, merged):
    rows, both = people(100), []
    for changed_at in (mine, theirs):
        made = learned(wishes(), rows)
        made.changed_at = changed_at
        both.append(made)
    both[0].people.n_seen = 200
    both[0].merge(both[1], np.array([0, 1]))
    assert both[0].changed_at == (mine or (merged if theirs else 0))

"""Constraints by their names, their measures, and their slopes against differences."""

import numpy as np
import pytest

from skfeamoe._fairness.constraints import (
    CONSTRAINTS,
    Outcome,
    Slots,
    constraint_of,
    gaps_of_rates,
    ratio_of,
)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_slope_is_the_derivative_of_the_value(name):
    constraint, q, norm, h = CONSTRAINTS[name](), np.linspace(0.05, 0.95, 7), 1.7, 1e-6
    values = [constraint.value(q + step, norm) for step in (h, -h)]
    found = (values[0] - values[1]) / (2.0 * h)
    np.testing.assert_allclose(constraint.slope(q, norm), found, rtol=1e-7)


def test_burden_is_the_signed_distance_on_the_unfavorable_side():
    burden = CONSTRAINTS["burden"]()
    assert burden.value(np.array([0.2]), np.array([2.0])) == pytest.approx(np.log(4.0) / 2.0)


def test_a_gap_or_its_ratio_names_its_constraint():
    for constraint in CONSTRAINTS.values():
        assert constraint_of(constraint.metric) is constraint
        assert constraint_of(constraint.metric.replace("_difference", "_ratio")) is constraint
    assert ratio_of("equalized_odds_difference") == "equalized_odds_ratio"
    with pytest.raises(StopIteration):
        constraint_of("accuracy")


def test_gaps_of_rates_are_those_without_distances():
    assert {gap: constraint.name for gap, constraint in gaps_of_rates().items()} == {
        "demographic_parity_difference": "demographic_parity",
        "equal_opportunity_difference": "equal_opportunity",
        "equalized_odds_difference": "equalized_odds",
    }


def test_rows_of_slots_by_hand():
    favored = np.array([True, True, False, False])
    decided = np.array([True, False, True, False])
    unfavored = np.array([False, False, True, False])  # the last one has no label
    distance, wrong = np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4, dtype=bool)
    outcome = Outcome(favored, unfavored, decided, distance, wrong)
    slots = Slots(("demographic_parity", "equalized_odds", "burden"))
    assert slots.events == ("all", "favorable", "unfavorable", "negative_decision")
    assert slots.rows(outcome).tolist() == [
        [1, 1, 1, 1],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 1, 0, 1],
    ]
    assert slots.measured(outcome).tolist() == [[1, 0, 1, 0]] * 3 + [[1, 2, 3, 4]]
    assert (len(slots), slots.n_events) == (4, 4)
    assert slots.uses_distance
    assert slots.of("equalized_odds") == [1, 2]
    assert Slots(("equal_opportunity", "equalized_odds")).n_events == 2

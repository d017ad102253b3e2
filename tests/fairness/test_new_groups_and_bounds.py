"""What is new in mid-stream binds soon: a group, another bound; and what cannot act is told."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference

from skfeamoe import FEAMOEClassifier, _told
from skfeamoe._fairness import bound as module
from skfeamoe._fairness.cases import MIN_CELL_ROWS, Cases
from skfeamoe._fairness.due import LOOK_ROWS
from skfeamoe._fairness.people import People
from skfeamoe.exceptions import FairnessWarning
from skfeamoe.persistence import without_people
from tests.lending import make_lending
from tests.monitored import learned, people, scored, wishes


def with_late_group(n, seed, share):
    """Rows of groups a and b alike, and of c, who are granted less."""
    rng = np.random.default_rng(seed)
    is_late = rng.random(n) < share
    group = np.where(is_late, "c", np.where(rng.random(n) < 0.5, "b", "a"))
    X = rng.normal(size=(n, 4))
    X[:, 0] -= is_late
    X[:, 1] -= 1.5 * is_late
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0] - X[:, 1]))).astype(int)
    return X, y, group


@pytest.mark.parametrize("growth", ["interval", "drift"])
def test_a_group_that_comes_late_is_held_to_the_bound_soon(growth):
    X, y, group = with_late_group(4000, 0, 0.0)
    model = FEAMOEClassifier(difference_bound=0.05, growth=growth, random_state=0)
    model.partial_fit(X, y, classes=[0, 1], sensitive_features=group)
    for k in range(10):
        X, y, group = with_late_group(100, 100 + k, 0.2)
        model.partial_fit(X, y, sensitive_features=group)
    X, y, group = with_late_group(10_000, 999, 0.3)
    gap = demographic_parity_difference(y, model.predict(X), sensitive_features=group)
    assert gap < 0.15  # 200 people of c; .46 where they are not seen for 2,048 rows
    assert model.group_gap_details_[0]["groups_left_out"] == []


def test_bounds_are_settled_again_when_a_young_group_has_doubled():
    asked, rows = wishes(), people(8000)
    made = learned(asked, rows)
    made.settle(asked, scored)
    made.add_groups(3)
    counts = []
    for part in people(24 * LOOK_ROWS, seed=1).slices(LOOK_ROWS):
        part.groups[:16] = 2
        made.learn(asked, part.X, part)
        if made.is_due(asked):
            counts.append(int(made.due.came[2] + made.due.held[2]))
            made.settle(asked, scored)
    assert counts == [32, 64, 128, 256]
    assert 16 < MIN_CELL_ROWS <= 32  # of 16 a look


def test_no_group_is_young_before_the_first_solution_nor_with_many_people():
    asked = wishes()
    made = learned(asked, people(200))
    assert not made.is_due(asked)
    made = learned(asked, people(8000))
    made.settle(asked, scored)
    due = made.due
    due.held, due.came = np.full(2, 255.0), np.array([254.0, 255.0])
    assert due.has_young_group()
    due.held = np.full(2, 256.0)
    due.came = np.full(2, 256.0)
    assert not due.has_young_group()
    due.held, due.came = np.array([4000.0, 0.0]), np.array([0.0, 19.0])
    assert not due.has_young_group()


@pytest.mark.parametrize(
    "other",
    [
        {"limit": 0.02},
        {"ratios": frozenset(["demographic_parity"])},
        {"accuracy_floor": 0.9},
        {"local_limits": np.array([0.1])},
    ],
)
def test_other_bounds_are_settled_at_once(other):
    asked, rows = wishes(), people(3000)
    made = learned(asked, rows)
    made.settle(asked, scored)
    one = rows.take(slice(0, 1))
    made.learn(asked, one.X, one)
    assert not made.is_due(asked)
    assert made.is_due(wishes(**other))


def test_a_bound_that_is_set_in_mid_stream_holds_after_the_next_row():
    X, y, group = make_lending(3000)
    model = FEAMOEClassifier(difference_bound=0.3, random_state=0)
    model.partial_fit(X, y, classes=[0, 1], sensitive_features=group)
    assert model.group_gaps_["demographic_parity"] > 0.1
    model.set_params(difference_bound=0.02)
    model.partial_fit(X[:1], y[:1], sensitive_features=group[:1])
    (row,) = model.group_gap_details_
    assert row["bound"] == 0.02
    assert row["gap"] <= 0.03


@pytest.mark.parametrize("granted", [0, 1, 11, 22])
def test_a_rate_of_few_people_is_not_certain(granted):
    rows = people(2000)
    rows.groups[:] = 0
    rows.groups[:22] = 1
    found = scored(rows.X)
    margin = np.where(np.arange(2000) < granted, 1.0, -1.0)
    measured = Cases(np.array([0.9, 0.1]), wishes(), rows).measure(found, margin)
    rate = granted / 22
    expected = max(rate * (1.0 - rate) / 22, 1.0 / 24**2)
    assert measured.variance[0, 1] == pytest.approx(expected)


def test_of_weighted_people_it_is_their_effective_number():
    weight = np.where(np.arange(40) < 20, 3.0, 1.0)
    rows = people(40, weight=weight)
    rows.groups[:] = 0
    measured = Cases(np.ones(1), wishes(), rows).measure(scored(rows.X), np.ones(40))
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert measured.variance[0, 0] == pytest.approx(1.0 / (effective + 2.0) ** 2)


def test_a_bound_costs_no_more_than_the_best_constant_decision():
    rng = np.random.default_rng(1)
    X, is_b = rng.normal(size=(4000, 6)), rng.random(4000) < 0.5
    X[:, 0] -= 0.7 * is_b  # what tells of the label tells of the group
    y = (rng.random(4000) < 1.0 / (1.0 + np.exp(1.0 - 2.0 * X[:, 0]))).astype(int)
    model = FEAMOEClassifier(ratio_bound=0.8, random_state=0)
    with pytest.warns(FairnessWarning, match="ratio_bound is kept .* by giving .* the same"):
        model.fit(X, y, sensitive_features=is_b)
    assert model.score(X, y) >= max(y.mean(), 1.0 - y.mean()) - 0.01


def quietly(call, *args, **kwargs):
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call(*args, **kwargs)
    return [str(warning.message) for warning in told]


def decide_and_complete(model, X, y, groups=None):
    """Decide on rows, a hundred at a time, and learn the outcomes of the granted."""
    for start in range(0, len(y), 100):
        part = slice(start, start + 100)
        own = None if groups is None else groups[part]
        decided = model.decide(X[part], sensitive_features=own)
        granted = decided.decisions == 1
        model.complete(decided.ids[granted], y[part][granted])


def test_decide_and_complete_tell_of_people_of_unknown_group(monkeypatch):
    monkeypatch.setattr(_told, "LAPSED_ROWS", 1000)
    X, y, group = make_lending(3000)
    model = FEAMOEClassifier(difference_bound=0.3, random_state=0)
    model.partial_fit(X[:800], y[:800], classes=[0, 1], sensitive_features=group[:800])
    (text,) = quietly(decide_and_complete, model, X[800:], y[800:])
    found = re.search(r"no row of known group has come for ([\d,]+) rows", text)
    assert found is not None
    assert found[1] == "1,000"  # people, who are not counted again with their outcomes


def test_decide_tells_of_bounds_without_groups_to_compare():
    X, y, _ = make_lending(2400)
    model = FEAMOEClassifier(random_state=0)
    alone = np.full(len(y), "alone")
    model.partial_fit(X[:200], y[:200], classes=[0, 1], sensitive_features=alone[:200])
    (text,) = quietly(decide_and_complete, model, X[200:], y[200:], alone[200:])
    assert "only the group 'alone' has been seen" in text


def test_a_bound_that_becomes_inactive_again_is_told_again():
    X, y, group = make_lending(2000)
    model, told = FEAMOEClassifier(difference_bound=0.3, random_state=0), []
    for start in range(0, 1000, 100):
        part = slice(start, start + 100)
        own = None if start < 200 else group[part]
        told += quietly(model.partial_fit, X[part], y[part], [0, 1], sensitive_features=own)
    assert len(told) == 1
    assert "no group has been seen" in told[0]
    model._model.monitor.people = People()  # as if they were of a world that has gone
    one = np.full(1000, group[0])
    told = quietly(model.partial_fit, X[1000:], y[1000:], sensitive_features=one)
    assert len(told) == 1
    assert "a gap needs two groups of 20 people" in told[0]


def test_bounds_are_told_by_people_and_not_by_labels():
    X, y, group = make_lending(6000)
    y = pd.Series(y).where(np.arange(len(y)) % 10 == 0)
    model = FEAMOEClassifier(difference_bound=0.01, accuracy_floor=0.99, random_state=0)
    told = []
    for start in range(0, 6000, 500):
        part = slice(start, start + 500)
        own = group[part]
        told += quietly(model.partial_fit, X[part], y[part], [0, 1], sensitive_features=own)
        assert bool(told) == (start + 500 >= _told.SETTLED_ROWS)
    assert len(told) == 1
    assert "difference_bound is not kept" in told[0]


def test_a_local_bound_that_compares_nobody_is_told():
    X, y, group = make_lending(2000)
    frame = pd.DataFrame(X).add_prefix("x")
    own = [f"{name} {n % 5}" for n, name in enumerate(group)]  # one group in each
    frame["branch"] = pd.Categorical(own)
    model = FEAMOEClassifier(
        difference_bound=0.3, local_columns="branch", local_bound=0.3, random_state=0
    )
    with pytest.warns(FairnessWarning, match="local_bound is inactive on the training data"):
        model.fit(frame, y, sensitive_features=group)
    frame["branch"] = pd.Categorical(np.where(np.arange(2000) % 2, "north", "south"))
    assert not [
        text
        for text in quietly(model.fit, frame, y, sensitive_features=group)
        if "inactive" in text
    ]


def test_a_model_from_before_people_were_counted_goes_on():
    made = learned(wishes(), people(3000))
    made.settle(wishes(), scored)
    data = made.to_dict()
    due = data.pop("due")  # its rows were fields of the monitor, its people were not counted
    data |= {name: due[name] for name in ("solved_at", "looked_at")}
    del data["n_unknown"]
    data["known_at"] = 2500
    old = module.BoundMonitor.from_dict(data)
    assert old.n_unknown == 500
    rows = people(100, seed=1)
    old.learn(wishes(), rows.X, rows)
    assert old.n_unknown == 0


def test_who_goes_on_without_people_waits_for_enough_of_them():
    X, y, group = make_lending(3000)
    model = FEAMOEClassifier(difference_bound=0.05, random_state=0)
    model = without_people(model.fit(X, y, sensitive_features=group))
    offset = model._model.monitor.offset
    model.set_params(difference_bound=0.04)
    for start in range(0, 224, 32):
        part = slice(start, start + 32)
        model.partial_fit(X[part], y[part], sensitive_features=group[part])
        assert model._model.monitor.offset is offset
    model.partial_fit(X[224:256], y[224:256], sensitive_features=group[224:256])
    assert model._model.monitor.offset is not offset


@pytest.mark.parametrize(("n_groups", "held", "due"), [(64, 255, True), (100, 164, False)])
def test_of_very_many_groups_none_is_young_for_ever(n_groups, held, due):
    made = learned(wishes(), people(600))
    made.settle(wishes(), scored)
    made.add_groups(n_groups)
    made.due.held = np.full(n_groups, float(held))
    made.due.came = np.full(n_groups, float(held))
    assert made.due.has_young_group() == due


def test_an_outcome_is_nobody_of_known_group_who_comes():
    X, y, group = make_lending(1200)
    model = FEAMOEClassifier(difference_bound=0.3, random_state=0)
    model.partial_fit(X[:400], y[:400], classes=[0, 1], sensitive_features=group[:400])
    decided = model.decide(X[400:500], sensitive_features=group[400:500])
    granted = decided.ids[decided.decisions == 1]
    model.partial_fit(X[500:1000], y[500:1000])
    assert model._model.monitor.n_unknown == 500
    model.complete(granted[:1], [1])
    assert model._model.monitor.n_unknown == 500
    model.partial_fit(X[1000:1001], y[1000:1001], sensitive_features=group[1000:1001])
    assert model._model.monitor.n_unknown == 0


def test_complete_is_as_patient_as_decide():
    X, y, _ = make_lending(60)
    nobody = [None] * 60
    model = FEAMOEClassifier(random_state=0)
    model.partial_fit(X[:20], y[:20], classes=[0, 1], sensitive_features=nobody[:20])
    assert quietly(decide_and_complete, model, X[20:], y[20:], nobody[20:]) == []

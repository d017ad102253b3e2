"""A group that stays away after the world has changed does not hold the others to its past."""

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.people import People
from skfeamoe._rows import Rows
from skfeamoe.exceptions import FairnessWarning

BATCH = 64


def people_of(groups):
    """People of these groups in this order."""
    groups = np.asarray(groups)
    ones = np.ones(len(groups))
    people = People()
    people.update(Rows(np.zeros((len(groups), 1)), np.zeros(len(groups), int), groups, ones))
    return people


@pytest.mark.parametrize(
    ("groups", "since", "expected"),
    [
        ([0, 1] * 100 + [0] * 100, 200, [1]),  # away since, 50 would have come
        ([0, 1] * 100 + [0] * 98, 200, []),  # 49 would
        ([0, 1] * 100 + [0] * 100, 199, []),  # one came after the change
        ([0, 1] * 100 + [0] * 99 + [1], 200, []),  # is back
        (([0] * 99 + [1]) * 10 + [0] * 1000, 1000, []),  # one in a hundred: 11 would have come
        (([0] * 99 + [1]) * 10 + [0] * 5000, 1000, [1]),
        ([-1, 0, 1] * 100 + [-1] * 500, 300, [0, 1]),
    ],
)
def test_who_is_absent(groups, since, expected):
    assert people_of(groups).absent(since, len(groups), 50) == expected


def world(rng, n, *, shift, favorable, minority=0.4):
    """Rows of one world: where people are, how many labels are favorable, who comes."""
    X = rng.normal(size=(n, 3)) + shift
    score = X[:, 0] - shift + 0.3 * rng.normal(size=n)
    y = (score > np.quantile(score, 1 - favorable)).astype(int)
    return X, y, np.where(rng.random(n) < minority, "minority", "majority")


def live(model, rows):
    """Decide, then learn; the decisions."""
    X, y, groups = rows
    decided = np.zeros(len(y), dtype=int)
    for start in range(0, len(y), BATCH):
        part = slice(start, start + BATCH)
        if hasattr(model, "classes_"):
            decided[part] = model.predict(X[part])
        known = groups if groups is None else groups[part]
        model.partial_fit(X[part], y[part], [0, 1], sensitive_features=known)
    return decided


@pytest.fixture(scope="module", params=["drift", "interval"])
def left(request):
    """A model after a world of refusals, and 6,000 rows of another without the minority."""
    rng = np.random.default_rng(0)
    model = FEAMOEClassifier(
        difference_bound=0.05, growth=request.param, max_experts=4, random_state=0
    )
    live(model, world(rng, 2_500, shift=0.0, favorable=0.002))
    rows = world(rng, 6_000, shift=2.0, favorable=0.5, minority=0.0)
    with pytest.warns(FairnessWarning, match="inactive.*'minority' 0") as told:
        decided = live(model, rows)
    assert len(told) == 1
    return model, rows, decided, rng


def kept(model):
    """How many people of each group are kept."""
    return np.bincount(model._model.monitor.people.groups(), minlength=2)


def test_the_others_are_decided_on_by_their_own_world(left):
    model, (_, y, _), decided, _ = left
    late = slice(3_000, None)
    assert decided[late].mean() == pytest.approx(0.5, abs=0.1)
    assert (decided == y)[late].mean() > 0.75
    assert sorted(kept(model))[0] == 0
    assert not model._model.monitor.shift_is_used
    assert np.isnan(model.group_gaps_["demographic_parity"])
    (told,) = model.group_gap_details_
    assert told["verdict"] == "not measured"


@pytest.mark.filterwarnings("ignore:.*the same decision:skfeamoe.FairnessWarning")
def test_whoever_returns_is_held_to_the_bound_again(left):
    model, _, _, rng = left
    X, y, groups = world(rng, 5_000, shift=2.0, favorable=0.5)
    y = np.where((groups == "minority") & (rng.random(5_000) < 0.4), 0, y)
    X[groups == "minority", 0] -= 1.0
    decided = live(model, (X, y, groups))
    late = slice(3_000, None)
    rates = [decided[late][groups[late] == g].mean() for g in ("majority", "minority")]
    assert abs(rates[0] - rates[1]) < 0.12
    assert model.group_gaps_["demographic_parity"] <= 0.05 + 1e-9
    assert kept(model).min() > 500


def test_in_the_same_world_nobody_is_forgotten():
    rng = np.random.default_rng(1)
    model = FEAMOEClassifier(difference_bound=0.05, growth="interval", random_state=0)
    live(model, world(rng, 2_000, shift=0.0, favorable=0.5))
    before = kept(model)[model.groups_.tolist().index("minority")]
    live(model, world(rng, 6_000, shift=0.0, favorable=0.5, minority=0.0))
    assert kept(model)[model.groups_.tolist().index("minority")] == before > 500
    assert np.isfinite(model.group_gaps_["demographic_parity"])


def test_while_groups_are_unknown_nobody_stays_away():
    rng = np.random.default_rng(2)
    model = FEAMOEClassifier(difference_bound=0.05, growth="interval", random_state=0)
    live(model, world(rng, 2_000, shift=0.0, favorable=0.5))
    live(model, world(rng, 400, shift=2.0, favorable=0.5))  # both have changed
    assert model._model.monitor.changed_at > 1_900
    before = kept(model)
    X, y, _ = world(rng, 4_000, shift=2.0, favorable=0.5)
    live(model, (X, y, None))
    np.testing.assert_array_equal(kept(model), before)


def test_when_the_change_was_is_kept_in_files_and_merges(left):
    from skfeamoe._fairness.bound import BoundMonitor

    monitor = left[0]._model.monitor
    data = monitor.to_dict()
    assert BoundMonitor.from_dict(data).changed_at == monitor.changed_at >= 2_500
    del data["changed_at"]
    assert BoundMonitor.from_dict(data).changed_at == 0
    merged = monitor.copy()
    other = BoundMonitor.from_dict(data)
    other.people = other.people.copy()
    other.people.n_seen += 1_000  # a stream that is further
    merged.merge(other, np.arange(monitor.n_groups))
    assert merged.changed_at == monitor.changed_at + 1_000

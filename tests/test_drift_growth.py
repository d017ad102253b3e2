"""growth="drift": quiet without a change, fast after one, mindful of worlds that return."""

import io
import pickle
import sys
from copy import deepcopy

import joblib
import numpy as np
import pytest
from lending import assert_same_state, make_lending, stream
from steps import growth_steps

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

pytest.importorskip("river", reason="river is an extra")

CHANGE = 5000
WINDOW = 200


def worlds(lengths, seed=0, n_features=6, shift=None):
    """Rows of two worlds in turn, whose rules are opposite; decisions' best accuracy is 1.

    With ``shift`` the rule stays and group b's first feature moves in odd worlds instead.
    """
    rng = np.random.default_rng(seed)
    world = np.repeat(np.arange(len(lengths)) % 2, lengths)
    X = rng.normal(size=(len(world), n_features))
    group = np.array(["a", "b"])[rng.integers(2, size=len(world))]
    rule = np.where(world == 1, -1.0, 1.0)
    if shift is not None:
        rule = np.ones(len(world))
        X[:, 0] -= shift * ((world == 1) & (group == "b"))
    score = rule * (X[:, 0] + 0.5 * X[:, 1])
    noisy = rng.random(len(world)) < 0.05
    return X, ((score > 0) != noisy).astype(int), group


def prequential(model, X, y, group, rows=20):
    """The model after the stream, and whether each decision before learning was right."""
    right = np.zeros(len(y), dtype=bool)
    for start in range(0, len(y), rows):
        part = slice(start, start + rows)
        if start:
            right[part] = model.predict(X[part]) == y[part]
        model.partial_fit(X[part], y[part], [0, 1], sensitive_features=group[part])
    return model, right


def rows_until_good(right, start, limit=0.85):
    """Rows from ``start`` until a window begins in which enough decisions are right."""
    sums = np.append(0, np.cumsum(right[start:]))
    good = np.flatnonzero((sums[WINDOW:] - sums[:-WINDOW]) / WINDOW >= limit)
    return int(good[0]) if len(good) else len(right) - start


def make(**parameters):
    """A classifier that grows by drift, without constraint unless one is given."""
    base = {"constraints": None, "growth": "drift", "random_state": 0}
    return FEAMOEClassifier(**(base | parameters))


@pytest.fixture(scope="module")
def turned():
    """A model that saw the rule turn around, and its decisions."""
    X, y, group = worlds([CHANGE, 4000])
    return *prequential(make(), X, y, group), (X, y, group)


def test_alarm_is_recorded_with_cause_and_time_soon_after_the_change(turned):
    history = turned[0].history_
    assert list(history["alarm_cause"]) == ["accuracy"]
    assert CHANGE < history["alarm_n_samples_seen"][0] <= CHANGE + 300


def test_recovery_is_faster_than_without_growth(turned):
    _, right, data = turned
    single = prequential(make(growth=None), *data)[1]
    with_drift = rows_until_good(right, CHANGE)
    assert with_drift <= 1000
    assert with_drift < rows_until_good(single, CHANGE) / 3


@pytest.mark.parametrize("share", [False, True])
def test_another_detector_begins_at_once(share):
    X, y, group = worlds([1500])
    model, _ = prequential(make(), X[:1000], y[:1000], group[:1000])
    before = model._model.drift.detectors["accuracy"]
    kept = pickle.dumps(before.to_dict())
    model = deepcopy(model) if share else model
    model.set_params(drift_detector="page_hinkley").partial_fit(X[1000:], y[1000:])
    after = model._model.drift.detectors["accuracy"]
    assert (before.name, after.name, after.n) == ("adwin", "page_hinkley", 500)
    assert pickle.dumps(before.to_dict()) == kept


def test_fit_says_that_it_sees_no_drift():
    X, y, _ = worlds([200, 200])
    with pytest.warns(UserWarning, match=r"shuffles the rows.*partial_fit") as told:
        make().fit(X, y)
    assert len(told) == 1


def test_alarm_names_the_gap_and_its_group():
    X, y, group = worlds([CHANGE, 2500], shift=2.5)
    model = make(constraints="demographic_parity", difference_bound=0.05)
    history = prequential(model, X, y, group)[0].history_
    causes = [str(cause) for cause in history["alarm_cause"]]
    assert any("demographic_parity" in cause and cause[-1] in "ab" for cause in causes)
    assert history["alarm_n_samples_seen"].min() > CHANGE


def alarms_without_change(seed, **parameters):
    """Number of alarms in 20,000 rows of one world, and the model."""
    made = make_credit_stream(20_000, drift=None, as_frame=False, random_state=seed)
    model = make(random_state=seed, **parameters)
    stream(model, made.data, made.target, made.sensitive_features, rows=100)
    return len(model.history_["alarm_cause"]), model


@pytest.mark.parametrize("constraints", [None, "demographic_parity"])
def test_stationary_stream_raises_no_alarm(constraints):
    n_alarms, model = alarms_without_change(1, constraints=constraints)
    assert n_alarms == 0
    assert model.n_experts_ <= model.max_experts // 4


@pytest.mark.slow
def test_at_most_one_false_alarm_in_100_000_rows():
    told = [
        alarms_without_change(seed, constraints="demographic_parity")[0] for seed in range(5)
    ]
    assert sum(told) <= 1


def test_world_that_returns_is_believed_again_quickly():
    X, y, group = worlds([CHANGE, 3000, 2000, 2000])
    right = prequential(make(), X, y, group)[1]
    for start in (CHANGE + 3000, CHANGE + 5000):
        assert rows_until_good(right, start) <= 100


@pytest.mark.parametrize("max_experts", [1, 2, 5])
def test_max_experts_holds_through_many_alarms(max_experts):
    X, y, group = worlds([10_000])
    for world in range(5):  # another feature decides, so that no world returns
        X[2000 * world : 2000 * (world + 1)] = np.roll(X[2000 * world :][:2000], world, axis=1)
    model = make(max_experts=max_experts, growth_interval=300)
    most = 0
    for start in range(0, len(y), 500):
        part = slice(start, start + 500)
        model.partial_fit(X[part], y[part], [0, 1], sensitive_features=group[part])
        most = max(most, model.n_experts_)
    assert len(model.history_["alarm_cause"]) >= 3
    assert most <= max_experts


@pytest.mark.parametrize("max_experts", [2, 4, 16])
def test_growth_and_replacement_hardly_move_predictions(max_experts):

    X, y, group = worlds([2500] * 3)
    with growth_steps(X) as steps:
        model = stream(make(max_experts=max_experts, growth_interval=500), X, y, group)
    assert len(steps) >= len(model.history_["alarm_cause"]) >= 1
    assert max(steps) <= 0.01


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return joblib.load(file)


def through_skops(model):
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    data = skops.dumps(model)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


@pytest.fixture(scope="module", params=["adwin", "page_hinkley"])
def at_the_alarm(request):
    """A copy of a model shortly after a change, the rows that come then, and the model."""
    X, y, group = worlds([3000, 2000])
    before, later = slice(0, 3050), slice(3050, None)
    model = make(constraints="demographic_parity", drift_detector=request.param)
    stream(model, X[before], y[before], group[before])
    copy, rest = deepcopy(model), (X[later], y[later], group[later])
    return copy, rest, stream(model, *rest)


@pytest.mark.parametrize("carry", [through_pickle, through_joblib, through_skops])
def test_saved_in_mid_stream_it_goes_on_bit_for_bit(carry, at_the_alarm):
    copy, rest, unbroken = at_the_alarm
    carried, X = stream(carry(copy), *rest), rest[0]
    assert len(unbroken.history_["alarm_cause"]) >= 1
    assert_same_state(unbroken._model, carried._model)
    np.testing.assert_array_equal(unbroken.predict_proba(X), carried.predict_proba(X))


def test_batches_may_end_anywhere_while_the_pace_changes():
    X, y, _ = make_lending(12_200)
    model = make(batch_size="auto")
    for start, stop in ((0, 11_990), (11_990, 12_100), (12_100, 12_200)):
        model.partial_fit(X[start:stop], y[start:stop], [0, 1])
    assert model.n_samples_seen_ == 12_200


def test_missing_river_is_told_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "river", None)
    monkeypatch.setitem(sys.modules, "river.drift", None)
    X, y, _ = make_lending(100)
    with pytest.raises(ImportError, match=r'pip install "skfeamoe\[drift\]"'):
        make().partial_fit(X, y, [0, 1])
    assert make(growth="interval").partial_fit(X, y, [0, 1]).n_experts_ == 1

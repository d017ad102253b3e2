"""The rows that are kept, the search for a change among them, and learning them again."""

import copy

import numpy as np
import pytest
from lending import assert_same_state, stream
from scipy.sparse import csr_array, issparse

from skfeamoe import FEAMOEClassifier
from skfeamoe._parameters import build_settings
from skfeamoe._rows import Rows
from skfeamoe._training.drift.recent import RECENT_ROWS, Recent
from skfeamoe._training.drift.replay import LEAST_ROWS, replay
from skfeamoe._training.settings import STREAM_DEFAULTS
from skfeamoe.datasets import make_credit_stream


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("size", [1, 7, 300, 1500])
def test_last_rows_are_those_of_the_stream_in_order(sparse, size):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4)) * (rng.random((3000, 4)) < 0.5)
    y, groups, weight = np.arange(3000), rng.integers(-1, 3, 3000), rng.random(3000)
    recent = Recent(sparse=sparse)
    for start in range(0, 3000, size):
        part = slice(start, start + size)
        Z = csr_array(X[part]) if sparse else X[part]
        recent.update(Rows(Z, y[part], groups[part], weight[part]))
        n_rows = min(RECENT_ROWS, start + len(y[part]))
        if size > 100:
            assert len(recent.last(5000)) == n_rows
    for n_rows in (1, 100, RECENT_ROWS):
        rows = Recent.from_dict(recent.to_dict()).last(n_rows)
        np.testing.assert_array_equal(rows.y, recent.last(n_rows).y)
        Z, others = rows.X, (rows.y, rows.groups, rows.weight)
        assert issparse(Z) == sparse
        np.testing.assert_array_equal(Z.toarray() if sparse else Z, X[-n_rows:])
        for kept, all_rows in zip(others, (y, groups, weight), strict=True):
            np.testing.assert_array_equal(kept, all_rows[-n_rows:])


def credit(drift, n_samples=6000, **parameters):
    """A model with drift growth after a lending stream, and its alarms."""
    pytest.importorskip("river", reason="river is an extra")
    made = make_credit_stream(
        n_samples, drift=drift, drift_target="gap", as_frame=False, random_state=0
    )
    model = FEAMOEClassifier(growth="drift", random_state=0, **parameters)
    stream(model, made.data, made.target, made.sensitive_features)
    return model, [str(cause) for cause in model.history_["alarm_cause"]]


def test_other_people_raise_an_alarm_only_where_the_gap_is_wider():
    assert credit(None)[1] == []
    model, causes = credit("sudden")
    assert causes[0] == "demographic_parity (all): minority"
    assert 2400 < model.history_["alarm_n_samples_seen"][0] < 3000
    people = model._model.monitor.people.gather(2)
    minority = people.rows.groups == list(model.groups_).index("minority")
    assert abs(people.arrival[minority].min() - 4200) < 200  # the second change
    assert credit("sudden", difference_bound=0.9)[1] == []


def test_alarm_by_a_gap_adds_no_expert():
    model, causes = credit("sudden", growth_interval=100_000)
    assert len(causes) >= 1
    assert model.n_experts_ == 1


def changed(estimator, changed_at):
    """A model in training that has just had an alarm by errors, and its settings."""
    model = estimator._model.copy()
    model.drift.changed_at, model.drift.alarm_causes = changed_at, ["accuracy"]
    return model, build_settings(estimator, STREAM_DEFAULTS, model.groups)


def test_replay_teaches_parameters_and_leaves_counts_and_beliefs():
    model, settings = changed(credit(None, n_samples=2000)[0], 1700)
    before = copy.deepcopy(model.to_dict())
    replay(model, settings)
    after = model.to_dict()
    assert model.drift.replay_at == 1700 + 450
    assert not np.array_equal(after["ensemble"]["average"], before["ensemble"]["average"])
    for name in ("params", "average", "optimizer_state", "age"):
        after["ensemble"].pop(name), before["ensemble"].pop(name)
    assert not np.array_equal(after["monitor"]["offset"], before["monitor"]["offset"])
    solved = (
        "coef",
        "offset",
        "measured",
        "arrivals",
        "due",
    )
    for name in solved:
        after["monitor"].pop(name), before["monitor"].pop(name)
    after["drift"].pop("replay_at"), before["drift"].pop("replay_at")
    assert_same_state(after, before)


def test_few_rows_are_waited_for_and_many_are_let_go():
    estimator, _ = credit(None, n_samples=2000)
    for n_rows, due in ((5, LEAST_ROWS), (RECENT_ROWS, None)):
        model, settings = changed(estimator, 2000 - n_rows)
        average = model.ensemble.average.copy()
        replay(model, settings)
        assert model.drift.replay_at == (2000 - n_rows + due if due else 0)
        assert np.array_equal(model.ensemble.average, average) == (n_rows < LEAST_ROWS)

"""The rule in a stream: scored before learned, bounded memory, saved and continued."""

import pickle

import numpy as np
import pytest
from rule_models import make_world
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe.postprocessing import BiasScoreClassifier

X, Y, GROUP = make_world(6000, seed=3)


def online(**parameters):
    base = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    given = {"solve_interval": 500, "random_state": 0} | parameters
    return BiasScoreClassifier(base, **given)


def run(model, start=0, stop=6000, *, rows=100, groups=GROUP):
    decided = np.full(stop, -1)
    for first in range(start, stop, rows):
        part = slice(first, min(first + rows, stop))
        if hasattr(model, "estimator_"):
            decided[part] = model.predict(X[part])
        model.partial_fit(X[part], Y[part], classes=[0, 1], sensitive_features=groups[part])
    return decided


def rate_gap(decided, start=2000):
    rows = slice(start, None)
    rates = [decided[rows][GROUP[rows] == g].mean() for g in "ab"]
    return abs(rates[0] - rates[1])


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_gap_of_decisions_before_learning_is_near_the_bound(constraint):
    free = run(online(constraints=None))
    model = online(constraints=constraint)
    decided = run(model)
    assert (decided == Y)[2000:].mean() > 0.68
    assert rate_gap(free) > 0.25
    assert rate_gap(decided) < (0.10 if constraint == "demographic_parity" else 0.2)
    assert model.group_gaps_[constraint] <= 0.05 + 0.02


def test_rule_is_solved_every_few_hundred_rows_on_a_bounded_buffer():
    model = online(buffer_size=800, solve_interval=300)
    seen = []
    for first in range(0, 3000, 100):
        run(model, first, first + 100)
        seen.append(model.multipliers_.tobytes())
        assert len(model._buffer["eta"]) == min(first, 800) if model._buffer else first == 0
    changed = [i for i in range(1, 30) if seen[i] != seen[i - 1]]
    assert changed == [3, 6, 9, 12, 15, 18, 21, 24, 27]
    assert len(pickle.dumps(model)) < 150_000
    np.testing.assert_array_equal(np.sort(model._held["weight"]), np.ones(800))


def test_rows_are_scored_before_they_are_learned():
    model = online(buffer_size=100)
    run(model, 0, 500)
    before = model.estimator_.predict_proba(X[500:600])[:, 1]
    run(model, 500, 600)
    np.testing.assert_array_equal(np.sort(model._buffer["eta"]), np.sort(before))


@pytest.mark.parametrize("stop", [700, 1200, 1333])
def test_saved_in_mid_stream_and_continued_is_the_same_bit_for_bit(stop):
    whole = online(randomize=True)
    run(whole, 0, stop)
    saved = pickle.loads(pickle.dumps(whole))
    for model in (whole, saved):
        run(model, stop, 3000)
    assert pickle.dumps(whole._buffer) == pickle.dumps(saved._buffer)
    np.testing.assert_array_equal(whole.multipliers_, saved.multipliers_)
    np.testing.assert_array_equal(whole.predict_proba(X), saved.predict_proba(X))


def test_state_is_plain_data():
    model = online(coverage=0.9)
    run(model, 0, 1500)
    for part in (model._buffer, model._held, model._rule, model._coverage):
        assert isinstance(part, dict)
        assert all(isinstance(v, (np.ndarray, int, list)) for v in part.values())


def test_stream_goes_on_after_fit():
    model = online().fit(X[:2000], Y[:2000], sensitive_features=GROUP[:2000])
    first = model.multipliers_
    run(model, 2000, 4000)
    assert (model.multipliers_ != first).any()
    assert model.groups_.tolist() == ["a", "b"]


def test_fitted_estimator_of_the_user_is_not_changed():
    base = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0).fit(X[:1000], Y[:1000])
    coef = base.coef_.copy()
    model = BiasScoreClassifier(base, prefit=True, random_state=0)
    model.fit(X[1000:2000], Y[1000:2000], sensitive_features=GROUP[1000:2000])
    run(model, 2000, 2500)
    np.testing.assert_array_equal(base.coef_, coef)
    assert (model.estimator_.coef_ != coef).any()


def test_feamoe_within():
    base = FEAMOEClassifier(constraints=None, random_state=0)
    model = BiasScoreClassifier(base, random_state=0)
    decided = run(model, 0, 4000, rows=200)
    rates = [decided[2000:][GROUP[2000:4000] == g].mean() for g in "ab"]
    assert abs(rates[0] - rates[1]) < 0.12


def test_new_group_is_refused_and_changes_nothing():
    model = online()
    run(model, 0, 1000)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=r"\['z'\].*does not know.*groups"):
        model.partial_fit(X[:2], Y[:2], sensitive_features=["a", "z"])
    with pytest.raises(ValueError, match="label 7"):
        model.partial_fit(X[:2], [0, 7], sensitive_features=["a", "b"])
    assert pickle.dumps(model) == before


def test_groups_named_beforehand_may_come_later():
    model = online(groups=["a", "b"])
    model.partial_fit(X[:5], Y[:5], classes=[0, 1], sensitive_features=["a"] * 5)
    run(model, 100, 2000)
    assert model.group_gaps_["demographic_parity"] <= 0.1
    with pytest.raises(ValueError, match="parameter groups"):
        online().partial_fit(X[:5], Y[:5], classes=[0, 1], sensitive_features=["a"] * 5)


def test_rows_of_unknown_group_are_learned():
    model = online()
    run(model, 0, 1000)
    before = model.estimator_.coef_.copy()
    model.partial_fit(X[:50], Y[:50], sensitive_features=[None] * 50)
    assert (model.estimator_.coef_ != before).any()


def test_stream_without_groups_is_told_of_once():
    model = online()
    with pytest.warns(FairnessWarning, match="no sensitive_features"):
        model.partial_fit(X[:100], Y[:100], classes=[0, 1])
    model.partial_fit(X[100:200], Y[100:200])
    assert model.group_gaps_ == {}


def test_second_model_must_learn_in_steps_too():
    with pytest.raises(ValueError, match="group_estimator must have partial_fit"):
        run(online(group_estimator=LogisticRegression()))


def test_classes_are_needed_at_first():
    with pytest.raises(ValueError, match="classes must be two labels"):
        online().partial_fit(X[:5], np.ones(5), sensitive_features=GROUP[:5])


def test_routing_to_partial_fit():
    with config_context(enable_metadata_routing=True):
        base = FEAMOEClassifier(difference_bound=0.5, random_state=0)
        second = SGDClassifier(loss="log_loss", random_state=0)
        model = BiasScoreClassifier(base, group_estimator=second, random_state=0)
        run(model, 0, 400, rows=200)
    assert model.estimator_.groups_.tolist() == ["a", "b"] or len(model.estimator_.groups_) == 2

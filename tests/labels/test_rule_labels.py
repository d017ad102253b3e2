"""The bias-score rule with missing labels, propensities and outcomes that come late."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skfeamoe.postprocessing import BiasScoreClassifier
from skfeamoe.postprocessing._held_out import HeldOut
from tests.lending import make_lending

X, Y, GROUPS = make_lending(3000)
KNOWN = np.random.default_rng(1).random(len(Y)) < 0.3
HIDDEN = np.where(KNOWN, Y, np.nan)
OLD, NEW = slice(0, 1500), slice(1500, 3000)


def online(**parameters):
    """A rule over a linear model that learns from a stream."""
    model = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    options = {"group_estimator": GaussianNB(), "solve_interval": 250, "random_state": 0}
    return BiasScoreClassifier(model, **{**options, **parameters})


def begun(**parameters):
    """A rule that has learned from the older half."""
    model = online(**parameters)
    for start in range(0, 1500, 100):
        rows = slice(start, start + 100)
        model.partial_fit(X[rows], Y[rows], [0, 1], sensitive_features=GROUPS[rows])
    return model


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_the_estimator_learns_the_labeled_rows_and_groups_are_learned_from_all(constraint):
    base = LogisticRegression()
    model = BiasScoreClassifier(base, constraints=constraint, random_state=0)
    model.fit(X, HIDDEN, sensitive_features=GROUPS)
    alone = LogisticRegression().fit(X[KNOWN], Y[KNOWN])
    np.testing.assert_allclose(model.estimator_.coef_, alone.coef_)
    if constraint == "demographic_parity":
        by_group = LogisticRegression().fit(X, GROUPS)
        np.testing.assert_allclose(model.group_estimator_.coef_, by_group.coef_)
    assert model.group_gaps_[constraint] <= 0.05 + 1e-6
    rates = [model.predict(X)[KNOWN & (g == GROUPS)].mean() for g in np.unique(GROUPS)]
    assert min(rates) > 0.1


def test_accuracy_is_of_labeled_rows():
    model = BiasScoreClassifier(
        LogisticRegression(), coverage=0.7, unlabeled=-1, random_state=0
    ).fit(X, np.where(KNOWN, Y, -1), sensitive_features=GROUPS)
    assert -1 in model.predict(X)  # who is not decided is no right answer to a missing label
    weight = np.random.default_rng(0).random(len(Y))
    alone = model.score(X[KNOWN], Y[KNOWN], weight[KNOWN])
    for hidden in (np.where(KNOWN, Y, -1), np.where(KNOWN, Y, None), HIDDEN):
        assert model.score(X, hidden, weight) == pytest.approx(alone)


def test_rates_among_labels_are_those_of_the_labeled_rows_alone():
    rng = np.random.default_rng(0)
    n, known = 400, rng.random(400) < 0.4
    eta, pi = rng.random(n), rng.dirichlet(np.ones(4), n).reshape(n, 2, 2)
    groups, favored = rng.integers(-1, 2, n), rng.random(n) < 0.5
    weight, decided = rng.random(n), rng.random(n) < eta
    every = HeldOut(eta, pi, groups, favored & known, weight, weight * known)
    alone = HeldOut(eta, pi, groups, favored, weight).rows(known)
    whole = HeldOut(eta, pi, groups, favored, weight)
    events = ["favorable", "unfavorable"]
    for name in ("shares", "sizes"):
        np.testing.assert_allclose(
            getattr(every, name)(events), getattr(alone, name)(events), err_msg=name
        )
        np.testing.assert_allclose(
            getattr(every, name)(["all"]), getattr(whole, name)(["all"]), err_msg=name
        )
    np.testing.assert_allclose(
        every.rates(decided, events), alone.rates(decided[known], events)
    )
    np.testing.assert_allclose(every.rates(decided, ["all"]), whole.rates(decided, ["all"]))
    assert every.accuracy(decided) == pytest.approx(alone.accuracy(decided[known]))
    nobody = HeldOut(eta, pi, groups, favored & False, weight, 0.0 * weight)
    expected = np.average(np.where(decided, eta, 1.0 - eta), weights=weight)
    assert nobody.accuracy(decided) == pytest.approx(expected)


def test_a_propensity_is_a_weight_in_the_fit_and_among_labels():
    p = 1.0 / np.random.default_rng(0).integers(1, 5, len(Y))
    options = {"constraints": ["demographic_parity", "equal_opportunity"], "random_state": 0}
    model = BiasScoreClassifier(LogisticRegression(), max_propensity_weight=100.0, **options)
    model.fit(X, Y, sensitive_features=GROUPS, propensity=p)
    weighted = LogisticRegression().fit(X, Y, sample_weight=1.0 / p)
    np.testing.assert_allclose(model.estimator_.coef_, weighted.coef_)
    held = model._held_out()
    np.testing.assert_array_equal(held.weight, np.ones(len(Y)))
    assert sorted(held.label_weight) == sorted(1.0 / p)
    with pytest.raises(ValueError, match="takes sample_weight, got KNeighborsClassifier"):
        BiasScoreClassifier(KNeighborsClassifier(), random_state=0).fit(
            X, Y, sensitive_features=GROUPS, propensity=p
        )


def test_a_stream_learns_labels_where_there_are_any():
    model, base = online(), SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    for start in range(0, 3000, 100):
        rows = np.arange(start, start + 100)
        y = np.full(100, None) if start == 500 else HIDDEN[rows]
        model.partial_fit(X[rows], y, [0, 1], sensitive_features=GROUPS[rows])
        known = rows[KNOWN[rows]]
        if start != 500:
            base.partial_fit(X[known], Y[known], [0, 1])
    np.testing.assert_array_equal(model.estimator_.coef_, base.coef_)
    assert model.group_estimator_.class_count_.sum() == 3000
    with pytest.raises(ValueError, match="y has no label"):
        online().partial_fit(X, np.full(3000, None), [0, 1], sensitive_features=GROUPS)


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("constraint", ["demographic_parity", "equal_opportunity"])
def test_decisions_are_completed_later_and_survive_a_save(frame, constraint):
    model = begun(constraints=constraint, buffer_size=5000)
    new = pd.DataFrame(X[NEW]) if frame else X[NEW]
    if frame:
        model = online(constraints=constraint, buffer_size=5000)
        for rows in (slice(0, 700), slice(700, 1500)):
            frame = pd.DataFrame(X[rows])
            model.partial_fit(frame, Y[rows], [0, 1], sensitive_features=GROUPS[rows])
    met, told = (model._buffer[name].sum() for name in ("weight", "label_weight"))
    people = model.group_estimator_.class_count_.sum()
    decided = model.decide(new, sensitive_features=GROUPS[NEW], explore="margin")
    model = pickle.loads(pickle.dumps(model))
    granted = decided.decisions == 1
    assert model.n_waiting_ == granted.sum()
    coef = model.estimator_.coef_.copy()
    model.complete(decided.ids[granted], Y[NEW][granted])
    assert model.n_waiting_ == 0
    assert not np.array_equal(coef, model.estimator_.coef_)
    buffer = model._buffer
    assert buffer["weight"].sum() == met + 1500
    n_met = 1500 if constraint == "demographic_parity" else granted.sum()
    assert model.group_estimator_.class_count_.sum() == people + n_met
    stand_for = (1.0 / decided.propensity[granted]).sum()
    assert buffer["label_weight"].sum() == pytest.approx(told + stand_for)


def test_late_labels_teach_the_estimator_as_labels_at_once_do():
    late, now = begun(), begun()
    decided = late.decide(X[NEW], sensitive_features=GROUPS[NEW], exploration=0.2)
    granted = decided.decisions == 1
    late.complete(decided.ids[granted], Y[NEW][granted])
    y = np.where(granted, Y[NEW], np.nan)
    now.partial_fit(X[NEW], y, sensitive_features=GROUPS[NEW], propensity=decided.propensity)
    np.testing.assert_array_equal(late.estimator_.coef_, now.estimator_.coef_)


def test_deciding_is_refused_where_it_cannot_work():
    fitted = BiasScoreClassifier(KNeighborsClassifier(), random_state=0)
    fitted.fit(X, Y, sensitive_features=GROUPS)
    with pytest.raises(ValueError, match="needs an estimator with partial_fit"):
        fitted.decide(X[:10], sensitive_features=GROUPS[:10])
    assert fitted.decide(X[:10], wait=False).ids.tolist() == list(range(10))
    sure = BiasScoreClassifier(LogisticRegression(), coverage=0.8, random_state=0)
    sure.fit(X, Y, sensitive_features=GROUPS)
    with pytest.raises(ValueError, match="coverage=None"):
        sure.decide(X[:10], wait=False)

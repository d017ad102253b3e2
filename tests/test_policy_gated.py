"""The three-expert classifier as scikit-learn, its users and their data meet it."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from lending import made_once, make_lending
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skfeamoe import FairnessWarning, PolicyGatedMoEClassifier
from skfeamoe._policy import score

quiet = pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
"""Checks of scikit-learn pass no groups."""

EQUIVALENCE = (
    "rows are drawn into stochastic batches, so that a weight of two is a row repeated in "
    "one batch, not in two; SGDClassifier has the same exception"
)
QUICK = {"max_iter": 60, "gate_max_iter": 2, "random_state": 0}


def expected_failed_checks(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": EQUIVALENCE,
        "check_sample_weight_equivalence_on_sparse_data": EQUIVALENCE,
    }


@quiet
@parametrize_with_checks(
    [PolicyGatedMoEClassifier(max_iter=60, gate_max_iter=1, cv=2)],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.ci
@quiet
@parametrize_with_checks(
    [PolicyGatedMoEClassifier("reinforce", max_iter=60, gate_max_iter=1, cv=2)],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_check_of_the_other_gate(estimator, check):
    check(estimator)


@made_once
def fitted(**parameters):
    X, y, group = make_lending(600)
    model = PolicyGatedMoEClassifier(**(QUICK | parameters))
    return model.fit(X, y, sensitive_features=group), X, y, group


@pytest.mark.parametrize("gate", ["differentiable", "reinforce"])
def test_the_mixture_is_the_gated_sum_of_its_experts(gate):
    model, X, *_ = fitted(gate=gate)
    mixed = np.einsum("nk,nkc->nc", model.gate_proba(X), model.expert_proba(X))
    np.testing.assert_allclose(model.predict_proba(X), mixed)
    np.testing.assert_allclose(model.gate_proba(X).sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), mixed)


def test_attributions_add_up_to_the_log_odds():
    model, X, *_ = fitted()
    base = model.decision_function(model.baseline_[None])[0]
    found = model.attributions(X, n_steps=200).sum(axis=1)
    np.testing.assert_allclose(found, model.decision_function(X) - base, atol=0.05)
    for k, name in enumerate(model.expert_names_):
        proba = model.expert_proba(X)[:, k]
        start = model.expert_proba(model.baseline_[None])[0, k]
        rise = np.log(proba[:, 1] / proba[:, 0]) - np.log(start[1] / start[0])
        r = model.attributions(X, expert=name)
        np.testing.assert_allclose(r.sum(axis=1), rise, atol=1e-8)
        np.testing.assert_array_equal(r, model.attributions(X, expert=k))


@pytest.mark.parametrize("expert", [3, -1, "fairness", True])
def test_unknown_expert_is_named(expert):
    model, X, *_ = fitted()
    with pytest.raises(ValueError, match=r"expert must be None, 0 to 2 or one of"):
        model.attributions(X, expert=expert)


def test_several_classes_groups_and_missing_values():
    X, y, group = make_lending(900, n_groups=3)
    y = y + (X[:, 0] > 0.5)
    group = np.asarray(group, dtype=object)
    group[::7] = None
    model = PolicyGatedMoEClassifier(**QUICK).fit(X, y, sensitive_features=group)
    assert model.predict_proba(X).shape == (900, len(np.unique(y)))
    assert len(model.groups_) == 3
    assert "expert_attention" in model.history_
    assert model.attributions(X[:5]).shape == (5, X.shape[1])


def test_names_of_groups_do_not_matter():
    model, X, y, group = fitted()
    other = clone(model).fit(X, y, sensitive_features=[f"group {g}" for g in group])
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))


def test_rows_of_weight_zero_teach_nothing():
    model, X, y, group = fitted(cv=2)
    weight = np.ones(600)
    weight[:100] = 0
    weighted = clone(model).fit(X, y, sensitive_features=group, sample_weight=weight)
    fewer = clone(model).fit(X[100:], y[100:], sensitive_features=group[100:])
    np.testing.assert_allclose(weighted.predict_proba(X), fewer.predict_proba(X))


def test_same_seed_same_model():
    model, X, y, group = fitted()
    again = clone(model).fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    other = clone(model).set_params(random_state=1).fit(X, y, sensitive_features=group)
    assert not np.array_equal(model.predict_proba(X), other.predict_proba(X))


def test_sparse_rows_give_the_model_of_dense_rows():
    model, X, y, group = fitted()
    other = clone(model).fit(sp.csr_array(X), y, sensitive_features=group)
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(sp.csr_array(X)))


def test_no_groups_is_said_and_the_experts_learn_utility():
    X, y, _ = make_lending(600)
    with pytest.warns(FairnessWarning, match="no group has been seen"):
        model = PolicyGatedMoEClassifier(**QUICK).fit(X, y)
    assert model.score(X, y) > max(y.mean(), 1 - y.mean())


def test_explanations_are_judged_among_all_groups_of_a_sorted_table():
    X, y, group = make_lending(15_000)
    order = np.argsort(group, kind="stable")
    model = PolicyGatedMoEClassifier(max_iter=3, gate_max_iter=0, random_state=0)
    model.fit(X[order], y[order], sensitive_features=group[order])
    assert model.history_["procedural_unfairness"][0] > 0.0


def test_the_snapshot_is_the_best_round_of_the_history():
    model, *_ = fitted(gate_max_iter=8, tuning_interval=2)
    scores = model.history_["final_score"]
    assert len(scores) == model.n_iter_ + 1
    assert scores[model.best_round_] >= scores[0]
    assert scores.max() - scores[model.best_round_] < score.HIGH_QUALITY / np.sqrt(100)


@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_the_kept_mixture_is_above_the_floor_if_any_is(floor):
    model, *_ = fitted(utility_floor=floor, gate_result_weight=50.0, gate_max_iter=6)
    above = model.history_["utility"] >= model.history_["first_expert_utility"] - floor
    assert above[model.best_round_] or not above.any()


@pytest.mark.parametrize(
    "weights",
    [
        ["representation_weight", "result_weight"],
        ["attention_weight", "adversary_weight"],
        ["gate_result_weight", "gate_procedure_weight", "entropy_weight", "balance_weight"],
    ],
)
def test_weights_of_zero_switch_terms_off(weights):
    model, *_ = fitted(**dict.fromkeys(weights, 0.0))
    told = {name.removeprefix("expert_") for name in model.history_}
    off = {
        "representation_weight": "representation",
        "result_weight": "demographic_parity",
        "attention_weight": "attention",
        "adversary_weight": "adversary_hidden",
    }
    assert all((term in told) == (name not in weights) for name, term in off.items())


def test_state_is_unchanged_after_an_error():
    model, X, y, group = fitted()
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="favorable_label must be one of the classes"):
        model.set_params(favorable_label="maybe").fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_one_class_is_refused():
    X, _, group = make_lending(60)
    with pytest.raises(ValueError, match="two classes"):
        PolicyGatedMoEClassifier(**QUICK).fit(X, np.zeros(60), sensitive_features=group)


def through_skops(model):
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    data = skops.dumps(model)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


@pytest.mark.parametrize("carry", [lambda m: pickle.loads(pickle.dumps(m)), through_skops])
def test_round_trip_bit_for_bit(carry):
    model, X, *_ = fitted()
    np.testing.assert_array_equal(carry(model).predict_proba(X), model.predict_proba(X))


def test_routing_through_pipeline_and_grid_search():
    X, y, group = make_lending(300)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), PolicyGatedMoEClassifier(**QUICK))
        search = GridSearchCV(
            pipe, {"policygatedmoeclassifier__result_weight": [0.0, 0.5]}, cv=2
        )
        search.fit(frame, y, sensitive_features=group)
        found = cross_validate(
            PolicyGatedMoEClassifier(**QUICK),
            frame,
            y,
            cv=2,
            params={"sensitive_features": group},
        )
    assert search.best_score_ > 0.5
    assert len(search.best_estimator_[-1].groups_) == 2
    assert np.isfinite(found["test_score"]).all()


def test_expert_two_is_fairer_and_expert_three_has_more_alike_attention():
    X, y, group = make_lending(3000)
    model = PolicyGatedMoEClassifier(
        max_iter=300, gate_max_iter=0, attention_weight=5.0, random_state=0
    ).fit(X, y, sensitive_features=group)
    code = np.unique(group, return_inverse=True)[1]
    weight = np.ones(len(y))
    decided = model.expert_proba(X).argmax(axis=2)
    unfair = [score.result_unfairness(y, d, code, weight, 1) for d in decided.T]
    assert unfair[1] < unfair[0]
    jsd = [score.attention_gap(model.attributions(X, expert=k), code, weight) for k in (0, 2)]
    assert jsd[1] < jsd[0]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_core_utility_is_scikit_learns(n_classes):
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=200)
    proba = rng.dirichlet(np.ones(n_classes), size=200).round(2) + 1e-9
    proba /= proba.sum(axis=1, keepdims=True)
    weight = rng.random(200)
    decided = proba.argmax(axis=1)
    accuracy = np.average(decided == y, weights=weight)
    if n_classes == 2:
        f1 = f1_score(y, decided, sample_weight=weight)
        auc = roc_auc_score(y, proba[:, 1], sample_weight=weight)
    else:
        f1 = f1_score(y, decided, sample_weight=weight, average="macro")
        auc = roc_auc_score(y, proba, sample_weight=weight, multi_class="ovr")
    expected = (accuracy + f1 + auc) / 3
    assert score.utility(y, proba, weight, n_classes - 1) == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_column_that_was_constant_moves_nothing(weighted):
    """Its weights were those of the start, made somewhat smaller."""
    X, y, group = make_lending(600)
    constant = np.array([2023.0, 0.1, 0.0])
    wide = np.hstack([X, np.tile(constant, (600, 1))])
    weight = np.random.default_rng(0).uniform(0.0, 2.0, 600) if weighted else None
    if weighted:
        weight[:50], wide[:50, -1] = 0.0, 7.0  # nobody who counts
    model = PolicyGatedMoEClassifier(**QUICK)
    model.fit(wide, y, sensitive_features=group, sample_weight=weight)
    later = np.hstack([X, np.tile(constant + np.array([1.0, 3.0, -50.0]), (600, 1))])
    same = np.hstack([X, np.tile(constant, (600, 1))])
    np.testing.assert_array_equal(model.predict_proba(later), model.predict_proba(same))
    np.testing.assert_array_equal(model.gate_proba(later), model.gate_proba(same))
    assert not model.attributions(later)[:, -3:].any()

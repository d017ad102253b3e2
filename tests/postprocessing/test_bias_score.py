"""BiasScoreClassifier from outside: bounds on new rows, one fit for all of them, errors."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from rule_models import Known, make_world
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe.postprocessing import BiasScoreClassifier
from tests.lending import made_once

X, Y, GROUP = make_world(4000)
X_NEW, Y_NEW, GROUP_NEW = make_world(20_000, seed=1)


def gap(model, constraint="demographic_parity"):
    measure = {
        "demographic_parity": demographic_parity_difference,
        "equalized_odds": equalized_odds_difference,
    }[constraint]
    return measure(Y_NEW, model.predict(X_NEW), sensitive_features=GROUP_NEW)


def rule(estimator=None, **parameters):
    return BiasScoreClassifier(
        LogisticRegression() if estimator is None else estimator, random_state=0, **parameters
    )


@made_once
def fitted(**parameters):
    return rule(**parameters).fit(X, Y, sensitive_features=GROUP)


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
@pytest.mark.parametrize("parameters", [{}, {"cv": 0.5}, {"cv": KFold(3)}, {"cv": 3}])
def test_gap_on_new_rows_is_near_the_bound(constraint, parameters):
    free = LogisticRegression().fit(X, Y)
    model = fitted(constraints=constraint, difference_bound=0.05, **parameters)
    assert gap(free, constraint) > 0.2
    assert gap(model, constraint) < 0.05 + 0.04
    assert model.group_gaps_[constraint] <= 0.05 + 1e-9
    assert model.score(X_NEW, Y_NEW) > free.score(X_NEW, Y_NEW) - 0.05


def test_no_group_is_read_at_prediction():
    model = fitted()
    assert model.predict(X_NEW).shape == (len(X_NEW),)
    with pytest.raises(TypeError, match="sensitive_features"):
        model.predict(X_NEW, sensitive_features=GROUP_NEW)


def test_bound_that_does_not_bind_leaves_the_estimator_as_it_is():
    model = fitted(difference_bound=0.99)
    np.testing.assert_allclose(
        model.predict_proba(X_NEW), model.estimator_.predict_proba(X_NEW), atol=1e-12
    )
    np.testing.assert_array_equal(model.multipliers_, 0.0)


@pytest.mark.parametrize("randomize", [False, True])
@pytest.mark.parametrize("favorable", [0, 1])
def test_probabilities_scores_and_decisions_agree(randomize, favorable):
    model = fitted(
        constraints=["demographic_parity", "equalized_odds"],
        difference_bound=0.03,
        randomize=randomize,
        favorable_label=favorable,
    )
    proba, scores = model.predict_proba(X_NEW), model.decision_function(X_NEW)
    np.testing.assert_array_equal(model.classes_[proba.argmax(axis=1)], model.predict(X_NEW))
    np.testing.assert_array_equal((scores > 0).astype(int), model.predict(X_NEW))
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert proba.min() >= 0.0
    order = np.argsort(scores)
    assert (np.diff(proba[order, 1]) >= 0).all()


def test_which_label_is_favorable_does_not_matter_for_parity():
    ones, zeros = fitted(favorable_label=1), fitted(favorable_label=0)
    assert (ones.predict(X_NEW) == zeros.predict(X_NEW)).mean() > 0.995


def test_another_bound_is_the_same_as_another_fit():
    one = fitted(difference_bound=0.2)
    again = one.with_bound(0.05)
    np.testing.assert_array_equal(
        again.predict(X_NEW), fitted(difference_bound=0.05).predict(X_NEW)
    )
    assert one.difference_bound == 0.2
    assert gap(one) > gap(again) + 0.05
    assert again.estimator_ is one.estimator_


def test_frontier_falls_with_the_bound_and_measures_new_rows():
    model = fitted()
    table = model.frontier([0.02, 0.1, 0.3])
    assert table["met"].all()
    assert (np.diff(table["accuracy"]) > 0).all()
    assert (table["demographic_parity_difference"] <= table["bound"] + 1e-9).all()
    new = model.frontier([0.1], X_NEW, Y_NEW, GROUP_NEW)
    expected = gap(model.with_bound(0.1))
    assert new["demographic_parity_difference"].item() == pytest.approx(expected)
    assert 0.002 < new["demographic_parity_standard_error"].item() < 0.02


def test_frontier_tells_what_it_cannot_measure():
    with pytest.raises(ValueError, match="sensitive_features must be given with X"):
        fitted().frontier([0.1], X_NEW, Y_NEW)
    with pytest.raises(ValueError, match="constraints=None"):
        fitted(constraints=None, coverage=0.8).frontier([0.1])
    alone = fitted().frontier([0.1], X_NEW, Y_NEW, np.full(len(Y_NEW), "a"))
    assert alone["demographic_parity_difference"].isna().all()
    assert not alone["met"].any()


def test_gap_of_one_group_is_not_known():
    favored = np.where(GROUP == "b", 0, Y)
    with pytest.warns(FairnessWarning, match=r"b \(favorable\)"):
        model = rule(constraints="equal_opportunity").fit(X, favored, sensitive_features=GROUP)
    assert np.isnan(model.group_gaps_["equal_opportunity"])
    assert np.isnan(model.group_gap_errors_["equal_opportunity"])


def test_small_weights_are_weights():
    half = np.arange(len(Y)) < 2000
    base = LogisticRegression().fit(X[half], Y[half])
    second = FrozenEstimator(LogisticRegression().fit(X[half], GROUP[half]))
    models = [
        rule(base, prefit=True, group_estimator=second, margin=0.1, difference_bound=0.15).fit(
            X[~half], Y[~half], sensitive_features=GROUP[~half], sample_weight=weight
        )
        for weight in (np.ones(2000), np.full(2000, 1e-10))
    ]
    errors = [m.group_gap_errors_["demographic_parity"] for m in models]
    assert errors[0] == pytest.approx(errors[1]) != 0.5
    np.testing.assert_allclose(*[m.multipliers_ for m in models], rtol=1e-6)
    held_back = np.where(half, 1.0, 0.0)
    before = pickle.dumps(models[0])
    with pytest.raises(ValueError, match="leave some weight in the rows that are held out"):
        models[0].set_params(cv=[(np.arange(2000), np.arange(2000, 4000))]).fit(
            X, Y, sensitive_features=GROUP, sample_weight=held_back
        )
    assert pickle.dumps(models[0].set_params(cv=None)) == before


def test_several_groups_and_intersections():
    X, y, groups = make_world(12_000, n_groups=4)
    pair = pd.DataFrame(
        {"one": np.where(np.isin(groups, ["a", "b"]), "low", "high"),
         "two": np.where(np.isin(groups, ["a", "c"]), "x", "y")}
    )  # fmt: skip
    model = rule(difference_bound=0.08).fit(X, y, sensitive_features=pair)
    assert model.groups_.tolist() == ["high & x", "high & y", "low & x", "low & y"]
    assert model.group_gaps_["demographic_parity"] <= 0.08
    X_new, y_new, groups_new = make_world(20_000, n_groups=4, seed=1)
    decided = model.predict(X_new)
    assert demographic_parity_difference(y_new, decided, sensitive_features=groups_new) < 0.13


def test_rows_of_unknown_group_train_the_estimator_alone():
    known = np.arange(len(Y)) < 2000
    partly = np.where(known, GROUP, None)
    model = rule().fit(X, Y, sensitive_features=partly)
    np.testing.assert_allclose(
        model.estimator_.coef_, LogisticRegression().fit(X, Y).coef_, atol=1e-10
    )
    assert model.groups_.tolist() == ["a", "b"]
    assert gap(model) < 0.1


def test_frames_sparse_matrices_and_text_labels():
    frame = pd.DataFrame(X, columns=list("pqrs"))
    model = rule().fit(frame, Y, sensitive_features=pd.Series(GROUP))
    assert model.feature_names_in_.tolist() == list("pqrs")
    plain = fitted()
    np.testing.assert_array_equal(
        model.predict(pd.DataFrame(X_NEW, columns=list("pqrs"))), plain.predict(X_NEW)
    )
    sparse = rule().fit(sp.csr_array(X), Y, sensitive_features=GROUP)
    assert (sparse.predict(sp.csr_array(X_NEW)) == plain.predict(X_NEW)).mean() > 0.99
    text = rule().fit(X, np.where(Y == 1, "yes", "no"), sensitive_features=GROUP)
    np.testing.assert_array_equal(text.predict(X_NEW) == "yes", plain.predict(X_NEW) == 1)


def test_pipeline_of_mixed_columns_inside():
    frame = pd.DataFrame(X, columns=list("pqrs"))
    frame["kind"] = np.where(X[:, 3] > 1.0, "red", "blue")
    encode = ColumnTransformer(
        [("one_hot", OneHotEncoder(), ["kind"])], remainder=StandardScaler()
    )
    base = make_pipeline(encode, LogisticRegression())
    model = rule(base, randomize=True, constraints="equalized_odds")
    model.fit(frame, Y, sensitive_features=GROUP)
    assert model.group_gaps_["equalized_odds"] <= 0.05 + 1e-9
    one_by_one = [model.predict(frame.iloc[[i]])[0] for i in range(30)]
    np.testing.assert_array_equal(one_by_one, model.predict(frame)[:30])


def test_second_model_of_any_kind():
    model = fitted(group_estimator=GaussianNB())
    assert isinstance(model.group_estimator_, GaussianNB)
    assert model.group_estimator_.classes_.tolist() == ["a", "b"]
    assert gap(model) < 0.1
    odds = fitted(group_estimator=GaussianNB(), constraints="equalized_odds")
    assert odds.group_estimator_.classes_.tolist() == [
        "a & favorable", "a & unfavorable", "b & favorable", "b & unfavorable"
    ]  # fmt: skip


def test_feamoe_within_has_its_own_constraints_off():
    base = FEAMOEClassifier(max_iter=1, random_state=0)
    with pytest.warns(FairnessWarning, match="inactive"):  # of the estimator, without routing
        model = rule(base, cv=0.5).fit(X, Y, sensitive_features=GROUP)
    assert model.group_estimator_.constraints is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = FEAMOEClassifier(constraints=None, max_iter=1, random_state=0)
        model = rule(plain, cv=0.5).fit(X, Y, sensitive_features=GROUP)
    assert gap(model) < 0.12


def test_sample_weight_moves_the_rule():
    weight = np.where(GROUP == "a", 3.0, 1.0)
    plain, weighted = fitted(), rule().fit(X, Y, sensitive_features=GROUP, sample_weight=weight)
    assert np.abs(plain.multipliers_ - weighted.multipliers_).max() > 0.01
    assert weighted.group_gaps_["demographic_parity"] <= 0.05


def test_estimator_without_weights_is_told_of():
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        rule(
            Known(LogisticRegression().fit(X, Y).predict_proba), group_estimator=GaussianNB()
        ).fit(X, Y, sensitive_features=GROUP, sample_weight=np.ones(len(Y)))


# ------------------------------------------------------------------ fitted models


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_fitted_estimator_stays_as_it_is(constraint):
    half = np.arange(len(Y)) < 2000
    base = LogisticRegression().fit(X[half], Y[half])
    given = {"constraints": constraint, "cv": 3}
    prefit = rule(base, prefit=True, **given)
    prefit.fit(X[~half], Y[~half], sensitive_features=GROUP[~half])
    assert prefit.estimator_ is base
    frozen = rule(FrozenEstimator(base), group_estimator=LogisticRegression(), **given)
    frozen.fit(X[~half], Y[~half], sensitive_features=GROUP[~half])
    np.testing.assert_array_equal(prefit.predict(X_NEW), frozen.predict(X_NEW))


def test_fitted_second_model_is_used():
    half = np.arange(len(Y)) < 2000
    second = FrozenEstimator(LogisticRegression().fit(X[half], GROUP[half]))
    model = rule(group_estimator=second).fit(
        X[~half], Y[~half], sensitive_features=GROUP[~half]
    )
    assert model.group_estimator_.estimator.coef_ is second.estimator.coef_
    assert gap(model) < 0.12


# ------------------------------------------------------------------ lots


def test_the_same_row_is_always_decided_alike():
    asked = {"constraints": ["demographic_parity", "equalized_odds"], "difference_bound": 0.02}
    rough = Known(two_scores)
    model = rule(rough, group_estimator=LogisticRegression(), randomize=True, **asked)
    model.fit(X, Y, sensitive_features=GROUP)
    assert len(model.mixture_) > 1
    decided = model.predict(X_NEW)
    order = np.random.default_rng(0).permutation(len(X_NEW))
    np.testing.assert_array_equal(model.predict(X_NEW[order]), decided[order])
    np.testing.assert_array_equal(
        [model.predict(X_NEW[[i]])[0] for i in range(50)], decided[:50]
    )
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X_NEW), decided)
    other = clone(model).set_params(random_state=1).fit(X, Y, sensitive_features=GROUP)
    assert (other.predict(X_NEW) != decided).any()


def test_lot_meets_conflicting_bounds_that_no_single_rule_does():
    rough = Known(two_scores)
    asked = {"difference_bound": 0.05, "group_estimator": Known(known_group, ["a", "b"])}
    with pytest.warns(FairnessWarning, match=r"demographic_parity: gap .* randomize=True"):
        rule(rough, **asked).fit(X, Y, sensitive_features=GROUP)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = rule(rough, randomize=True, **asked).fit(X, Y, sensitive_features=GROUP)
    assert gap(drawn) < 0.07


def two_scores(X):
    """A first model of two scores: half of all rows are tied."""
    p = np.where(X[:, 0] > 0, 0.7, 0.3)
    return np.column_stack([1 - p, p])


def known_group(X):
    """The second model sees nothing: one probability for all rows."""
    return np.full((len(X), 2), 0.5)


# ------------------------------------------------------------------ scikit-learn's tools


def test_grid_search_and_cross_validation_route_groups():
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(rule(), {"difference_bound": [0.02, 0.3]}, cv=2)
        search.fit(X, Y, sensitive_features=GROUP)
        assert search.best_params_["difference_bound"] == 0.3
        scores = cross_validate(
            make_pipeline(StandardScaler(), rule()),
            X, Y, params={"sensitive_features": GROUP}, cv=2, return_estimator=True,
        )  # fmt: skip
        for model in scores["estimator"]:
            assert model[-1].group_gaps_["demographic_parity"] <= 0.05


def test_groups_are_routed_on_to_an_estimator_that_asks_for_them():
    base = FEAMOEClassifier(difference_bound=0.5, max_iter=1, random_state=0)
    with config_context(enable_metadata_routing=True):
        model = rule(base, cv=0.5, group_estimator=LogisticRegression())
        model.fit(X, Y, sensitive_features=GROUP)
    assert model.estimator_.groups_.tolist() != []


def test_weights_are_routed_only_where_they_are_asked_for():
    with config_context(enable_metadata_routing=True):
        base = LogisticRegression().set_fit_request(sample_weight=True)
        model = rule(base).set_fit_request(sample_weight=True)
        weight = np.where(GROUP == "a", 3.0, 1.0)
        model.fit(X, Y, sensitive_features=GROUP, sample_weight=weight)
        expected = LogisticRegression().fit(X, Y, sample_weight=weight)
        np.testing.assert_allclose(model.estimator_.coef_, expected.coef_)


def test_unknown_fit_parameters_are_refused():
    with pytest.raises(ValueError, match="metadata routing"):
        rule().fit(X, Y, sensitive_features=GROUP, coffee=1)


def test_calibrated_estimators_and_copies():
    model = rule(CalibratedClassifierCV(GaussianNB(), cv=2), cv=2)
    copied = clone(model.fit(X, Y, sensitive_features=GROUP))
    assert not hasattr(copied, "estimator_")
    assert gap(model) < 0.1


def test_saving_with_skops():
    from skops.io import dumps, get_untrusted_types, loads

    model = fitted(constraints="equalized_odds", coverage=0.9, randomize=True)
    data = dumps(model)
    again = loads(data, trusted=get_untrusted_types(data=data))
    assert get_untrusted_types(data=data) == [
        "skfeamoe.postprocessing._bias_score.BiasScoreClassifier"
    ]
    np.testing.assert_array_equal(again.predict(X_NEW), model.predict(X_NEW))


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("parameters", "groups", "message"),
    [
        ({"estimator": LinearSVC()}, GROUP, "predict_proba"),
        ({"constraints": "burden"}, GROUP, "not a rate of decisions"),
        ({"constraints": "parity"}, GROUP, "must be a str among"),
        ({"difference_bound": 5}, GROUP, "0.05"),
        ({"difference_bound": {"equalized_odds": 0.1}}, GROUP, "missing"),
        ({}, np.full(len(Y), "a"), "at least two groups"),
        ({}, GROUP[:-1], "one entry per row"),
        ({"prefit": True, "estimator": LogisticRegression().fit(X, Y)}, None, "prefit=True"),
        ({"favorable_label": 7}, GROUP, "favorable_label"),
        ({"margin": 1.5}, GROUP, "margin"),
        ({"coverage": 1.2}, GROUP, "coverage"),
        ({"abstain_label": 1, "coverage": 0.8}, GROUP, "abstain_label"),
        ({"abstain_label": "ask", "coverage": 0.8}, GROUP, "got 'ask'; name a number"),
        ({"ratio_bound": 0.0}, GROUP, "ratio_bound"),
        ({"cv": 3000}, GROUP, "cv=3000"),
        (
            {"group_estimator": FrozenEstimator(LogisticRegression().fit(X, Y))},
            GROUP,
            "must predict the strata",
        ),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(parameters, groups, message):
    model = fitted()
    model.set_params(**parameters)

    def state():
        kept = {k: v for k, v in vars(model).items() if k not in parameters}
        return pickle.dumps([kept, X, Y, GROUP])

    before = state()
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, sensitive_features=groups)
    assert state() == before


def test_prefit_estimator_must_be_fitted():
    with pytest.raises(ValueError, match="not fitted"):
        rule(prefit=True).fit(X, Y, sensitive_features=GROUP)


def test_no_groups_is_told_of():
    with pytest.warns(FairnessWarning, match="no sensitive_features"):
        model = rule().fit(X, Y)
    np.testing.assert_array_equal(
        model.predict(X_NEW), LogisticRegression().fit(X, Y).predict(X_NEW)
    )
    assert model.group_gaps_ == {}
    with pytest.raises(ValueError, match="no held-out rows"):
        model.with_bound(0.1)


def test_groups_that_cannot_be_compared_are_named():
    some = GROUP.astype(object)
    some[:12] = "rare"
    y = Y.copy()
    y[:12] = 0
    with pytest.warns(FairnessWarning, match=r"rare \(favorable\)"):
        rule(constraints="equal_opportunity").fit(X, y, sensitive_features=some)


def test_bad_bounds_after_fit_are_refused():
    model = fitted()
    with pytest.raises(ValueError, match="difference_bound"):
        model.with_bound(5)
    with pytest.raises(ValueError, match="coverage"):
        model.with_coverage(5)


def test_partial_fit_is_there_only_where_the_estimator_has_it():
    assert not hasattr(rule(), "partial_fit")
    assert hasattr(rule(SGDClassifier(loss="log_loss")), "partial_fit")


def test_other_containers_have_the_same_lots():
    from skfeamoe.postprocessing._draws import uniform_of_rows

    numbers = uniform_of_rows(X, 0)
    for same in (pd.DataFrame(X), pl.DataFrame(X), sp.csr_array(X), X.tolist()):
        np.testing.assert_array_equal(uniform_of_rows(same, 0), numbers)
    whole = np.arange(20).reshape(10, 2)
    np.testing.assert_array_equal(uniform_of_rows(whole, 0), uniform_of_rows(whole * 1.0, 0))
    np.testing.assert_array_equal(uniform_of_rows(-0.0 * X, 0), uniform_of_rows(0.0 * X, 0))
    assert np.abs(np.sort(numbers) - np.linspace(0, 1, len(numbers))).max() < 0.03
    other = uniform_of_rows(X, 1)
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.06


def test_lots_are_of_values_and_names():
    from skfeamoe.postprocessing._draws import uniform_of_rows

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    frame["count"], frame["flag"] = rng.integers(0, 5, 300), rng.random(300) < 0.5
    frame["kind"] = rng.choice(["x", "y"], 300)
    frame.loc[7, "b"] = np.nan
    numbers = uniform_of_rows(frame, 0)
    for same in (frame.astype(object), frame.to_numpy(), frame.convert_dtypes()):
        np.testing.assert_array_equal(uniform_of_rows(same, 0), numbers)
    for i in range(9):
        assert uniform_of_rows(frame.iloc[i].to_frame().T, 0)[0] == numbers[i]
    turned = frame[["kind", "b", "a", "flag", "count"]]
    names = list(frame.columns)
    np.testing.assert_array_equal(uniform_of_rows(turned, 0, names), numbers)
    assert not np.array_equal(uniform_of_rows(turned, 0), numbers)


def test_lots_of_text_and_missing_values_do_not_depend_on_the_batch():
    from skfeamoe.postprocessing._draws import uniform_of_rows

    frame = pd.DataFrame(
        {
            "code": ["10", "A3", "7", None],
            "kind": pd.Categorical(["a", "b", "a", None]),
            "count": pd.array([1, None, 3, 4], dtype="Int64"),
            "day": pd.to_datetime(["2020-01-01", None, "2021-05-05", "2022-01-01"]),
        }
    )
    whole = uniform_of_rows(frame, 0)
    assert len(set(whole)) == 4
    for i in range(4):
        assert uniform_of_rows(frame.iloc[[i]], 0)[0] == whole[i]
    np.testing.assert_array_equal(uniform_of_rows(frame.iloc[[2, 0]], 0), whole[[2, 0]])

"""Choosing by accuracy subject to a gap."""

import numpy as np
import pytest
import sklearn
from fairlearn.metrics import (
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from lending import make_lending
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe.model_selection import GAPS, best_within, gap_scorer


def results(accuracy, gap, std=0.0):
    """What a search hands to `refit`."""
    n = len(gap)
    return {
        "params": [{"x": i} for i in range(n)],
        "mean_test_accuracy": np.array(accuracy),
        "mean_test_gap": -np.array(gap),
        "std_test_gap": np.full(n, std),
        **{f"split{i}_test_gap": -np.array(gap) for i in range(5)},
    }


def test_the_most_accurate_within_the_bound_is_taken():
    found = results([0.7, 0.9, 0.8, 0.75], [0.01, 0.2, 0.05, 0.04])
    assert best_within(0.05)(found) == 2
    assert best_within(0.3)(found) == 1
    assert best_within(0.045)(found) == 3


def test_standard_errors_count_if_asked():
    found = results([0.7, 0.8], [0.01, 0.05], std=0.02)
    assert best_within(0.055)(found) == 1
    assert best_within(0.055, n_standard_errors=1.0)(found) == 0


def test_a_candidate_that_could_not_be_scored_is_never_taken():
    nan = float("nan")
    assert best_within(0.05)(results([0.7, nan, 0.8], [0.01, 0.02, 0.03])) == 2
    assert best_within(0.05)(results([0.7, 0.9], [0.01, nan])) == 0
    with pytest.warns(FairnessWarning, match="no candidate that could be scored has a gap"):
        assert best_within(0.05)(results([nan, 0.7], [0.01, 0.2])) == 1
    with pytest.raises(ValueError, match="every candidate has nan for 'accuracy' or 'gap'"):
        best_within(0.05)(results([nan, 0.7], [0.01, nan]))


def test_gaps_of_the_wrong_sign_are_no_gaps_within_a_bound():
    found = results([0.7, 0.9], [-0.01, -0.2])
    with pytest.raises(ValueError, match=r"scoring\['gap'\] must be minus the gap, got 0.2;"):
        best_within(0.05)(found)


def test_a_gap_that_nobody_can_have_is_refused():
    X, y, group = make_lending(200)
    labels = np.array(["no", "yes"])[y]
    model = LogisticRegression().fit(X, labels)
    with sklearn.config_context(enable_metadata_routing=True):
        for wrong in ("Yes", 1):
            scorer, told = gap_scorer(favorable_label=wrong), r"labels \['no', 'yes'\], got "
            with pytest.raises(ValueError, match=f"{told}{wrong!r}"):
                scorer(model, X, labels, sensitive_features=group)
        for groups in (np.full(200, "a"), np.full(200, None)):
            with pytest.raises(ValueError, match="must have two groups to compare"):
                gap_scorer()(model, X, labels, sensitive_features=groups)
        scorer, weight = gap_scorer().set_score_request(sample_weight=True), np.full(200, -1.0)
        with pytest.raises(ValueError, match="sample_weight must not be negative"):
            scorer(model, X, labels, sensitive_features=group, sample_weight=weight)


def test_it_says_when_no_candidate_qualifies():
    with pytest.warns(FairnessWarning, match=r"no candidate has a gap within 0.01.*0.040"):
        assert best_within(0.01)(results([0.9, 0.8], [0.2, 0.04])) == 1


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("demographic_parity", demographic_parity_difference),
        ("equalized_odds", equalized_odds_difference),
    ],
)
@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes")])
def test_scorer_is_minus_the_gap_of_fairlearn(name, metric, labels):
    X, y, groups = make_lending(600)
    y = np.array(labels)[y]
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().fit(X, y)
        got = gap_scorer(name)(model, X, y, sensitive_features=groups)
        turned = gap_scorer(name, favorable_label=labels[0])
        other = turned(model, X, y, sensitive_features=groups)
    coded = [(part == labels[1]).astype(int) for part in (y, model.predict(X))]
    assert got == -metric(*coded, sensitive_features=groups)
    assert other == pytest.approx(-metric(*(1 - c for c in coded), sensitive_features=groups))


class Refuser(ClassifierMixin, BaseEstimator):
    """Refuses all of group "b" and grants every second of the others."""

    classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def predict(self, X):
        return (np.arange(len(X)) % 4 == 0).astype(int)


@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds"])
def test_a_fold_of_one_label_is_scored_by_the_estimators_favorable_one(name):
    """Of refused people alone: 0 was taken for the favorable label."""
    X, groups = np.zeros((40, 1)), np.array(["a", "b"] * 20)
    with sklearn.config_context(enable_metadata_routing=True):
        found = gap_scorer(name)(Refuser(), X, np.zeros(40, int), sensitive_features=groups)
        model = Refuser()
        model.classes_ = np.array([0, 1, 2])
        of_nobody = gap_scorer(name)(model, X, np.zeros(40, int), sensitive_features=groups)
    metric = GAPS[name]
    true, made = np.zeros(40, int), Refuser().predict(X)
    assert found == -metric(true, made, sensitive_features=groups)
    assert found == -0.5
    assert of_nobody == 0.0


def test_without_classes_labels_and_predictions_tell_the_favorable_one():
    class Plain(BaseEstimator):
        predict = Refuser.predict

        def fit(self, X, y):
            return self

    X, groups = np.zeros((40, 1)), np.array(["a", "b"] * 20)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = gap_scorer().set_score_request(sample_weight=True)
        found = scorer(
            Plain(), X, np.zeros(40, int), sensitive_features=groups, sample_weight=np.ones(40)
        )
    assert found == -0.5
    assert repr(scorer) == "gap_scorer('demographic_parity', favorable_label=None)"


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_a_search_takes_a_narrower_bound_than_accuracy_alone_would():
    X, y, groups = make_lending(1_500)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            FEAMOEClassifier(random_state=0, max_iter=3),
            {"difference_bound": [0.02, 0.5]},
            scoring={"accuracy": "accuracy", "gap": gap_scorer()},
            refit=best_within(0.15),
            cv=2,
        ).fit(X, y, sensitive_features=groups)
    accuracy, gap = (search.cv_results_[f"mean_test_{n}"] for n in ("accuracy", "gap"))
    assert accuracy.argmax() == 1
    assert -gap[1] > 0.15
    assert search.best_params_ == {"difference_bound": 0.02}


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="constraint must be one of"):
        gap_scorer("parity")
    with pytest.raises(ValueError, match="bound must be positive"):
        best_within(0)
    with pytest.raises(ValueError, match="scoring must have 'gap'"):
        best_within(0.1)({"mean_test_accuracy": [1]})
    with pytest.raises(ValueError, match="n_standard_errors must be 0 or more, got -1"):
        best_within(0.1, n_standard_errors=-1)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_the_favorable_label_is_that_of_the_estimator(in_pipeline):
    rng = np.random.default_rng(1)
    group = rng.choice(["a", "b"], 600)
    X = rng.normal(size=(600, 2)) + 0.6 * (group == "a")[:, None]
    y = (X[:, 0] + rng.logistic(size=600) > 0.5).astype(int)
    model = FEAMOEClassifier("equal_opportunity", favorable_label=0, random_state=0)
    model.fit(X, y, sensitive_features=group)
    model = Pipeline([("model", model)]) if in_pipeline else model
    with sklearn.config_context(enable_metadata_routing=True):
        found = gap_scorer("equal_opportunity")(model, X, y, sensitive_features=group)
    expected = equal_opportunity_difference(
        1 - y, 1 - model.predict(X), sensitive_features=group
    )
    assert found == pytest.approx(-expected)


@pytest.mark.parametrize("mark", [np.nan, -1.0])
def test_rows_without_a_label_or_a_group_are_in_no_gap_that_needs_them(mark):
    """They counted as truly refused: .198 where those with a label have .056."""
    X, y, group = make_lending(4_000)
    model = FEAMOEClassifier(None, random_state=0, unlabeled=None if mark != mark else mark)
    model.fit(X, y)
    rng, decided = np.random.default_rng(0), model.predict(X)
    holed = np.where((group == group[0]) & (rng.random(4_000) < 0.6), mark, y)
    known = holed >= 0
    some = np.where(rng.random(4_000) < 0.02, None, group.astype(object))
    named = some != None  # noqa: E711
    weight = rng.uniform(0.5, 2.0, 4_000)
    with sklearn.config_context(enable_metadata_routing=True):
        for constraint, metric in (
            ("equalized_odds", equalized_odds_difference),
            ("equal_opportunity", equal_opportunity_difference),
        ):
            both = known & named
            want = metric(y[both], decided[both], sensitive_features=group[both])
            found = gap_scorer(constraint)(model, X, holed, sensitive_features=some)
            assert found == pytest.approx(-want)
        want = demographic_parity_difference(
            y[named],
            decided[named],
            sensitive_features=group[named],
            sample_weight=weight[named],
        )
        scorer = gap_scorer().set_score_request(sensitive_features=True, sample_weight=True)
        given = {"sensitive_features": some, "sample_weight": weight}
        assert scorer(model, X, holed, **given) == pytest.approx(-want)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_ages_are_cut_as_the_estimator_cuts_them(in_pipeline):
    X, y, _ = make_lending(400)
    age = np.random.default_rng(0).integers(18, 80, 400)
    model = FEAMOEClassifier(sensitive_bins=[50], max_iter=2, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sensitive_features=True)
        model = Pipeline([("model", model)]) if in_pipeline else model
        model.fit(X, y, sensitive_features=age)
        cut = demographic_parity_difference(y, model.predict(X), sensitive_features=age >= 50)
        assert cut < 0.3
        for given in (age, age.astype(float), np.where(age >= 50, "50 and above", "below 50")):
            score = gap_scorer()(model, X, y, sensitive_features=given)
            assert score == pytest.approx(-cut)


def test_a_class_that_could_be_a_mark_is_one_without_a_warning():
    """Every fold warned of unlabeled rows, to models without such a parameter."""
    X, y, group = make_lending(400)
    y = np.where(X[:, 0] > 1.0, -1, y)
    model = LogisticRegression().fit(X, y)
    decided = (model.predict(X) == -1).astype(int)
    want = demographic_parity_difference(decided, decided, sensitive_features=group)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = gap_scorer(favorable_label=-1)
        assert scorer(model, X, y, sensitive_features=group) == pytest.approx(-want)

"""Fitted linear models as first experts."""

import pickle

import numpy as np
import pandas as pd
import pytest
from lending import make_lending
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skfeamoe import FEAMOEClassifier


def yearly_models(X, y):
    """One model of every kind that can be taken over."""
    third = len(X) // 3
    parts = [slice(k * third, (k + 1) * third) for k in range(3)]
    models = (
        LogisticRegression(max_iter=5000),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
    )
    return [m.fit(X[part], y[part]) for m, part in zip(models, parts, strict=True)]


def still(models, **params):
    """A classifier that hardly moves."""
    return FEAMOEClassifier(
        None, initial_experts=models, learning_rate=1e-12, growth=None, random_state=0, **params
    )


@pytest.mark.parametrize("learn", ["fit", "stream"])
@pytest.mark.parametrize("standardize", [True, False])
def test_experts_say_what_the_models_say(learn, standardize):
    X, y, _ = make_lending(1500)
    X = X * [1, 10, 1e3, 1, 1, 1] + [0, 5, 1e4, 0, 0, 0]
    models = yearly_models(X, y)
    model = still(models, standardize=standardize)
    model = model.fit(X, y) if learn == "fit" else model.partial_fit(X[:300], y[:300], [0, 1])
    assert model.n_experts_ == 3
    said = model.expert_proba(X)
    for k, fitted in enumerate(models):
        np.testing.assert_allclose(said[:, k], fitted.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(model.gate_proba(X), 1 / 3, atol=1e-6)


def test_later_rows_change_units_so_little_that_experts_stay():
    X, y, _ = make_lending(3000)
    models = yearly_models(X, y)
    model = still(models)
    for i in range(0, len(X), 100):
        model.partial_fit(X[i : i + 100], y[i : i + 100], [0, 1])
    assert np.abs(model.expert_proba(X)[:, 0] - models[0].predict_proba(X)).mean() < 0.02


def test_softmax_models_of_three_classes():
    X, y, _ = make_lending(900, n_classes=3)
    models = [LogisticRegression().fit(X[:500], y[:500]), LogisticRegression().fit(X, y)]
    said = still(models).fit(X, y).expert_proba(X)
    np.testing.assert_allclose(said[:, 1], models[1].predict_proba(X), atol=1e-6)


def test_the_gate_learns_whom_to_believe():
    X, y, _ = make_lending(4000, noise=0.3)
    good = LogisticRegression().fit(X, y)
    bad = LogisticRegression().fit(X, 1 - y)
    model = FEAMOEClassifier(None, initial_experts=[bad, good], growth=None, random_state=0)
    model.partial_fit(X, y, [0, 1])
    assert model.gate_proba(X)[:, 1].mean() > 0.6
    assert model.score(X, y) > good.score(X, y) - 0.02


def broken(X, y):
    """Models that cannot be taken over, and what the error says."""
    yield [], "initial_experts must have 1 to"
    yield [LogisticRegression()], "fit it first"
    yield [DecisionTreeClassifier().fit(X, y)], "must be a fitted classifier for expert="
    yield [LogisticRegression().fit(X[:, :2], y)], "was fitted on 2 features"
    yield [LogisticRegression().fit(X, y + 1)], "knows the classes"
    yield [SGDClassifier(random_state=0).fit(X, y)], "log loss"
    poly = make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=500))
    yield [poly.fit(X, y)], "PolynomialFeatures"


def test_errors_name_the_model_and_the_remedy():
    X, y, _ = make_lending(300)
    for models, message in broken(X, y):
        model = FEAMOEClassifier(None, initial_experts=models)
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
        assert not hasattr(model, "classes_")


@pytest.mark.parametrize("columns", [["b", "a"], ["a", "other"]])
def test_models_of_other_columns_are_refused(columns):
    X, y, _ = make_lending(300)
    table = pd.DataFrame(X[:, :2], columns=["a", "b"])
    fitted = LogisticRegression().fit(table.set_axis(columns, axis=1), y)
    said = r"initial_experts\[0\] was fitted on the columns .*; fit it on the same columns"
    with pytest.raises(ValueError, match=said):
        still([fitted]).fit(table, y)
    still([LogisticRegression().fit(table, y)]).fit(table, y)
    still([LogisticRegression().fit(X[:, :2], y)]).fit(table, y)
    still([fitted]).fit(X[:, :2], y)


@pytest.mark.parametrize("change", [lambda models: None, lambda models: models[:1]])
@pytest.mark.parametrize("saved", [False, True])
def test_another_number_of_them_in_mid_stream_is_refused(change, saved):
    X, y, _ = make_lending(600)
    models = yearly_models(X, y)
    model = still(models).partial_fit(X[:300], y[:300], [0, 1])
    model.set_params(initial_experts=change(models))
    model = pickle.loads(pickle.dumps(model)) if saved else model
    with pytest.raises(ValueError, match=r"initial_experts has \d models, and this model was"):
        model.partial_fit(X[300:], y[300:])
    model.set_params(initial_experts=models).partial_fit(X[300:], y[300:])


def test_first_experts_that_come_late_are_refused():
    X, y, _ = make_lending(600)
    model = still(None).partial_fit(X[:300], y[:300], [0, 1])
    model.set_params(initial_experts=yearly_models(X, y))
    with pytest.raises(ValueError, match=r"initial_experts has \d models, and this model was"):
        model.partial_fit(X[300:], y[300:])
    del model._n_first_experts  # as in files of before they were counted
    model.partial_fit(X[300:], y[300:])

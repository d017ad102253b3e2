"""growth="individual_fairness": rows whose decision changes with the sensitive attribute."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from lending import make_lending

from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.experts import EXPERTS, kind_of
from skfeamoe._mixture.forward import mixture_proba
from skfeamoe._mixture.layout import Layout
from skfeamoe._terms import LinearTerms
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.individual import counterfactual_rows, penalty_gradient
from skfeamoe.metrics import counterfactual_predict, individual_unfairness


def with_attribute(n_samples=6000, seed=0):
    """Rows whose first column is the group, which the labels depend on."""
    X, _, group = make_lending(n_samples, seed=seed)
    s = (group == group[0]).astype(float)
    rng = np.random.default_rng(seed)
    y = (1.2 * X[:, 0] + 0.8 * s + rng.normal(size=n_samples) > 0.4).astype(int)
    return np.column_stack([s, X]), y


def unfairness(model, X, y):
    """Share of rows whose decision changes with column 0."""
    changed = counterfactual_predict(model, X, columns=0)
    return individual_unfairness(y, model.predict(X), y_pred_counterfactual=changed)


def test_unfair_rows_become_fewer_and_experts_are_added():
    X, y = with_attribute()
    base = {"constraints": None, "random_state": 0}
    plain = FEAMOEClassifier(growth=None, **base).fit(X, y)
    fair = FEAMOEClassifier(
        growth="individual_fairness", counterfactual_columns=0, individual_penalty=1.0, **base
    ).fit(X, y)
    assert unfairness(plain, X, y) > 0.1
    assert unfairness(fair, X, y) < 0.5 * unfairness(plain, X, y)
    assert fair.score(X, y) > plain.score(X, y) - 0.05
    assert fair.n_experts_ > 1


def test_no_unfair_row_no_expert():
    X, y = with_attribute(2000)
    X[:, 0] = 0.0
    model = FEAMOEClassifier(
        None, growth="individual_fairness", counterfactual_columns=[0], random_state=0
    )
    model.partial_fit(X, y, [0, 1])
    assert model.n_experts_ == 1


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("columns", [[0], [1, 2], [1, 2, 3]])
def test_twins_change_the_attribute_and_nothing_else(container, columns):
    rng = np.random.default_rng(0)
    category = rng.integers(len(columns), size=200)
    X = rng.normal(size=(200, 5)) * 3 + 1
    code = (category == 0)[:, None] if len(columns) == 1 else np.eye(len(columns))[category]
    X[:, columns] = code
    expected = X.copy()
    expected[:, columns] = 1 - code if len(columns) == 1 else np.roll(code, 1, axis=1)
    X = container(X)
    terms = LinearTerms(5, centered=container is np.asarray)
    terms.update(X, np.ones(200))
    twin = counterfactual_rows(terms.transform(X), np.array(columns), terms)
    np.testing.assert_allclose(
        twin,
        terms.transform(container(expected)).toarray()
        if container is sp.csr_array
        else terms.transform(expected),
        atol=1e-12,
    )


@pytest.mark.parametrize("expert", EXPERTS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradient_of_the_penalty(n_classes, expert):
    rng = np.random.default_rng(1)
    layout = Layout(3, n_classes, 4, expert, (5,), "tanh")
    params = rng.normal(size=kind_of(layout).start(layout, rng).shape)
    ensemble = Ensemble(layout, params.copy())
    Z, other = rng.normal(size=(2, 20, 4))
    unfair, weight = rng.random(20) < 0.6, rng.random(20)

    def value():
        q, q_other = (mixture_proba(ensemble.forward(rows))[:, 1] for rows in (Z, other))
        return float(weight @ (0.4 * unfair * np.abs(q - q_other)))

    fwd = ensemble.forward(Z)
    charged = 0.4 * unfair * weight
    exact = penalty_gradient(ensemble, None, fwd, Z, other, charged, 1)
    numeric = np.zeros_like(params)
    for index in np.ndindex(*params.shape):
        sides = []
        for step in (1e-6, -1e-6):
            ensemble.params = params.copy()
            ensemble.params[index] += step
            sides.append(value())
        numeric[index] = (sides[0] - sides[1]) / 2e-6
    np.testing.assert_allclose(exact, numeric, rtol=1e-5, atol=1e-8)


def test_columns_by_name_beside_sensitive_columns():
    X, y = with_attribute(1500)
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    frame.insert(0, "race", np.where(np.arange(1500) % 3 == 0, "a", "b"))
    named = FEAMOEClassifier(
        difference_bound=0.5,
        growth="individual_fairness",
        counterfactual_columns="c0",
        sensitive_columns="race",
        random_state=0,
    ).fit(frame, y)
    numbered = FEAMOEClassifier(
        difference_bound=0.5,
        growth="individual_fairness",
        counterfactual_columns=1,
        sensitive_columns=0,
        random_state=0,
    ).fit(frame, y)
    np.testing.assert_array_equal(named.predict_proba(frame), numbered.predict_proba(frame))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "needs counterfactual_columns"),
        ({"counterfactual_columns": "sex"}, "counterfactual_columns names 'sex'"),
        ({"counterfactual_columns": 99}, "column number 99"),
        ({"counterfactual_columns": []}, "counterfactual_columns must name at least one"),
        (
            {"counterfactual_columns": 0, "sensitive_columns": 0},
            "both name the columns",
        ),
        ({"counterfactual_columns": 0, "individual_penalty": -1}, "individual_penalty"),
    ],
)
def test_errors(params, message):
    X, y = with_attribute(300)
    model = FEAMOEClassifier(None, growth="individual_fairness", **params)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("codes", [(1.0, 2.0), (-1.0, 1.0), (0.0, 100.0), (0.0, 0.5)])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_a_column_of_other_codes_is_refused(codes, container):
    """The other value of 2 would have been -1: nobody, whom the penalty then kept alike."""
    X, y = with_attribute(400)
    other = X.copy()
    other[:, 0] = np.array(codes)[other[:, 0].astype(int)]
    options = {"growth": "individual_fairness", "counterfactual_columns": 0}
    model = FEAMOEClassifier(None, **options, random_state=0)
    with pytest.raises(ValueError, match=r"counterfactual_columns=\d+ must name a column of"):
        model.fit(container(other), y)
    model.partial_fit(container(X), y, [0, 1])
    before = model.n_samples_seen_
    with pytest.raises(ValueError, match="Code the attribute as 0 and 1"):
        model.partial_fit(container(other), y)
    assert model.n_samples_seen_ == before

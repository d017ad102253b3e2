"""What fast paths must not change."""

import numpy as np
import pytest
from lending import make_lending, stream
from sklearn import config_context

from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.experts import LOGISTIC, linear_gradients
from skfeamoe._mixture.forward import forward, gate_and_log_odds, mixture_proba, proba
from skfeamoe._mixture.layout import Layout
from skfeamoe.datasets import make_credit_stream


def mixture(n_experts=5, n_features=7, scale=1.0, seed=0):
    """A mixture of linear experts and some rows."""
    rng = np.random.default_rng(seed)
    layout = Layout(n_experts, 2, n_features)
    params = scale * rng.normal(size=(layout.n_scores, n_features + 1))
    return layout, params, rng.normal(size=(700, n_features))


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0, 1e4])
def test_probabilities_alone_are_those_of_the_full_pass(scale):
    layout, params, Z = mixture(scale=scale)
    found = proba(Z, params, layout)
    np.testing.assert_allclose(
        found, mixture_proba(forward(Z, params, layout)), rtol=1e-9, atol=1e-15
    )
    assert found.min() >= 0.0
    assert found.max() <= 1.0


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0, 1e4])
def test_gate_and_log_odds_are_those_of_the_full_pass(scale):
    layout, params, Z = mixture(scale=scale)
    gate, log_odds = gate_and_log_odds(Z, params, layout)
    full = forward(Z, params, layout)
    gate_proba = gate / gate.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gate_proba, full.gate_proba, rtol=1e-9, atol=1e-15)
    by_class = full.log_expert_proba
    np.testing.assert_allclose(log_odds, by_class[:, :, 1] - by_class[:, :, 0], rtol=1e-9)


def test_means_of_ones_are_at_most_one():
    layout, params, Z = mixture(n_experts=11)
    params[layout.n_experts :, -1] = 60.0
    found = proba(Z, params, layout)
    assert found.min() >= 0.0
    assert found.max() == 1.0


def test_products_in_blocks_are_products(monkeypatch):
    layout, params, Z = mixture()
    whole = Z @ params[:, :-1].T + params[:, -1]
    monkeypatch.setattr("skfeamoe._mixture.experts.BLOCK", 1000)
    found, _ = LOGISTIC.scores(Z, params, layout)
    np.testing.assert_allclose(found, whole, rtol=1e-12)


@pytest.mark.parametrize("n", [32, 64, 70, 5])
def test_gradients_by_part_are_those_of_the_parts(n):
    layout, params, Z = mixture()
    d_scores = np.random.default_rng(1).normal(size=(n, layout.n_scores))
    found = linear_gradients(Z[:n], params, d_scores, 32)
    parts = [slice(s, s + 32) for s in range(0, n, 32)]
    expected = [LOGISTIC.gradient(Z[:n][p], params, layout, d_scores[p], None) for p in parts]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_single_precision_is_read_as_the_numbers_it_holds():
    X, y, group = make_lending(600)
    X = X.astype(np.float32)
    models = [
        stream(FEAMOEClassifier(random_state=0), rows, y, group, rows=100)
        for rows in (X, X.astype(np.float64))
    ]
    found = [model.predict_proba(X) for model in models]
    np.testing.assert_array_equal(*found)
    assert found[0].dtype == np.float64


def test_scikit_learns_configuration_leaves_checks_out():
    X, y, group = make_lending(600)
    model = stream(FEAMOEClassifier(random_state=0), X, y, group, rows=100)
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.predict_proba(X)
    with config_context(assume_finite=True), np.errstate(all="ignore"):
        assert len(model.predict_proba(X)) == 600


def test_bulk_learns_what_small_calls_do():
    s = make_credit_stream(24_000, drift=None, random_state=0)
    X, y, group = np.asarray(s.data), s.target, np.asarray(s.sensitive_features)
    losses = []
    for rows in (32, 256, 4000):
        model = FEAMOEClassifier(None, growth=None, random_state=0)
        stream(model, X[:20_000], y[:20_000], group[:20_000], rows=rows)
        proba = model.predict_proba(X[20_000:])[np.arange(4000), y[20_000:]]
        losses.append(-np.log(proba).mean())
    np.testing.assert_allclose(losses[1:], losses[0], rtol=2e-3)


def test_after_a_change_bulk_learns_as_fast():
    """The square of one sum over 256 rows would hold it back: .72 in place of .61."""
    rng, n = np.random.default_rng(0), 12_288
    X = rng.normal(size=(n + 8192, 6))
    sign = np.where(np.arange(len(X)) < n, 1.0, -1.0)
    y = (X[:, 0] * sign + rng.logistic(size=len(X)) > 0).astype(int)
    losses = []
    for rows in (32, 256):
        model = FEAMOEClassifier(None, growth=None, random_state=0)
        stream(stream(model, X[:n], y[:n], rows=rows), X[n:], y[n:], rows=rows)
        proba = model.predict_proba(X[n:])[np.arange(8192), y[n:]]
        losses.append(-np.log(proba).mean())
    assert losses[1] < losses[0] + 0.02

"""What fast paths must not change."""

import numpy as np
import pytest

from skfeamoe._mixture.experts import LOGISTIC, linear_gradients
from skfeamoe._mixture.forward import forward, mixture_proba, proba
from skfeamoe._mixture.layout import Layout


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

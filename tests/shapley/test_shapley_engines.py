"""The compiled chains against the NumPy ones."""

import sys

import numpy as np
import pytest
from shapley_oracle import one_hot_data, random_mixture

from skfeamoe._shapley import OUTPUTS, mixture_shapley
from skfeamoe._shapley._compiled import (
    _read_log_odds,
    compiled_chains,
    play_chains,
    read_chain,
)

pytest.importorskip("numba")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("game", ["interventional", "gate_frozen_probability"])
def test_engines_agree(game, n_classes, output):
    rng = np.random.default_rng(3)
    X, players = one_hot_data(rng, 40)
    mixture = random_mixture(rng, 4, n_classes, X.shape[1])
    options = {
        "game": game, "output": output, "method": "permutation", "players": players,
        "max_evals": 2000, "random_state": 0,
    }  # fmt: skip
    plain = mixture_shapley(mixture, X[:6], X[6:], **options)
    fast = mixture_shapley(mixture, X[:6], X[6:], engine="numba", **options)
    assert np.abs(plain.values - fast.values).max() < 1e-12
    assert np.abs(plain.error_std - fast.error_std).max() < 1e-12


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_background_in_blocks_is_the_whole_background(engine, monkeypatch):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(16, 5))
    mixture = random_mixture(rng, 3, 2, 5)
    options = {"method": "permutation", "max_evals": 10_000, "random_state": 0}
    exact = mixture_shapley(mixture, X[:3], X[3:], method="exact").values
    monkeypatch.setattr("skfeamoe._shapley._chains.CHAIN_BLOCK", 5 * 6)  # five pairs at a time
    found = mixture_shapley(mixture, X[:3], X[3:], engine=engine, **options)
    assert (np.abs(found.values - exact) < 6 * found.error_std + 1e-9).all()
    assert found.error_std.max() < 0.1 * np.abs(exact).max()


def test_the_loops_mean_the_same_without_compilation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 4))
    for n_classes, output in [(2, "probability"), (2, "log_odds"), (3, "log_odds")]:
        mixture = random_mixture(rng, 3, n_classes, 4)
        weights, intercept = mixture.scores()
        own, other = np.exp(X[:1, :, None] * weights), np.exp(-X[1:, :, None] * weights)
        none = np.exp(X[1:] @ weights + intercept)
        n_outputs = mixture.expert_coef.shape[1]
        order = np.argsort(rng.random((4, 4)), axis=0) * 4 + np.arange(4)
        added = play_chains(
            read_chain, _read_log_odds, own, other, none, np.zeros(1, dtype=int), 0, 4, order,
            3, n_outputs, output == "log_odds",
        )  # fmt: skip
        total = mixture_shapley(mixture, X[:1], X[1:], output=output, method="exact").values
        assert added.sum(axis=1).mean(axis=1) == pytest.approx(total[0].sum(axis=0), abs=1e-12)


def test_extreme_scores_take_the_same_path():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 6))
    mixture = random_mixture(rng, 3, 2, 6, scale=1000.0)
    options = {"method": "permutation", "max_evals": 500, "random_state": 0}
    plain = mixture_shapley(mixture, X[:3], X[3:], **options)
    fast = mixture_shapley(mixture, X[:3], X[3:], engine="numba", **options)
    assert np.array_equal(plain.values, fast.values)


def test_unknown_engine():
    mixture = random_mixture(np.random.default_rng(0), 2, 2, 2)
    with pytest.raises(ValueError, match="engine must be one of"):
        mixture_shapley(mixture, np.zeros((1, 2)), np.ones((1, 2)), engine="cuda")


def test_missing_numba_is_told_with_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"='numba' needs numba, .* pip install numba$"):
        compiled_chains.__wrapped__()

"""What characterizes Shapley values, for mixtures that hypothesis makes up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_oracle import random_mixture

from skfeamoe._shapley import GAMES, OUTPUTS, mixture_shapley

cases = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "n_experts": st.integers(1, 4),
        "n_classes": st.integers(2, 4),
        "n_features": st.integers(2, 6),
        "scale": st.sampled_from([0.1, 1.0, 50.0, 1e4]),
        "game": st.sampled_from(GAMES),
        "output": st.sampled_from(OUTPUTS),
    }
)
quick = settings(max_examples=60, deadline=None)


def make(case):
    rng = np.random.default_rng(case["seed"])
    X = rng.normal(size=(9, case["n_features"]))
    shape = [case[name] for name in ("n_experts", "n_classes", "n_features")]
    options = {"game": case["game"], "output": case["output"]}
    return rng, X, random_mixture(rng, *shape, case["scale"]), options


def close(actual, expected):
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9 * scale)


@quick
@given(case=cases, method=st.sampled_from(["exact", "permutation"]))
def test_dummy_gets_nothing(case, method):
    rng, X, mixture, options = make(case)
    j = rng.integers(X.shape[1])
    mixture.gate_coef[:, j] = 0.0
    mixture.expert_coef[:, :, j] = 0.0
    result = mixture_shapley(mixture, X[:3], X[3:], method=method, random_state=0, **options)
    close(result.values[:, j], np.zeros_like(result.values[:, j]))


@quick
@given(case=cases)
def test_symmetric_players_get_the_same(case):
    _, X, mixture, options = make(case)
    X[:, 1] = X[:, 0]
    mixture.gate_coef[:, 1] = mixture.gate_coef[:, 0]
    mixture.expert_coef[:, :, 1] = mixture.expert_coef[:, :, 0]
    values = mixture_shapley(mixture, X[:3], X[3:], **options).values
    close(values[:, 1], values[:, 0])


@quick
@given(case=cases)
def test_permuting_columns_permutes_values(case):
    rng, X, mixture, options = make(case)
    order = rng.permutation(X.shape[1])
    permuted = mixture._replace(
        gate_coef=mixture.gate_coef[:, order], expert_coef=mixture.expert_coef[:, :, order]
    )
    values = mixture_shapley(mixture, X[:3], X[3:], **options).values
    moved = mixture_shapley(permuted, X[:3][:, order], X[3:][:, order], **options).values
    close(moved, values[:, order])


@quick
@given(case=cases)
def test_permuting_experts_changes_nothing(case):
    rng, X, mixture, options = make(case)
    order = rng.permutation(case["n_experts"])
    values = mixture_shapley(mixture, X[:3], X[3:], **options).values
    moved = type(mixture)(*(part[order] for part in mixture))
    close(mixture_shapley(moved, X[:3], X[3:], **options).values, values)


@quick
@given(case=cases)
def test_unused_gate_makes_interventional_and_frozen_games_agree(case):
    _, X, mixture, options = make(case)
    mixture.gate_coef[:] = 0.0
    options.pop("game")
    free = mixture_shapley(mixture, X[:3], X[3:], **options)
    frozen = mixture_shapley(mixture, X[:3], X[3:], game="gate_frozen_probability", **options)
    close(frozen.values, free.values)
    close(frozen.base_values, free.base_values)


# shap's explainers emit warnings of their own dependencies on import.
@pytest.mark.filterwarnings("ignore")
def test_one_expert_in_the_margin_game_is_linear_shap():
    shap = pytest.importorskip("shap")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6))
    for n_classes in (2, 3):
        mixture = random_mixture(rng, 1, n_classes, 6)
        result = mixture_shapley(mixture, X[:9], X[9:], game="gate_frozen_margin")
        for c in range(result.values.shape[2]):
            linear = (mixture.expert_coef[0, c], mixture.expert_intercept[0, c])
            masker = shap.maskers.Independent(X[9:], max_samples=100)
            expected = shap.LinearExplainer(linear, masker)(X[:9])
            np.testing.assert_allclose(result.values[:, :, c], expected.values, atol=1e-10)
            np.testing.assert_allclose(
                result.base_values[:, c], expected.base_values, atol=1e-10
            )

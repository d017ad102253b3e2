"""Exact enumeration against brute force, shap, log space and itself in other shapes."""

import numpy as np
import pytest
import scipy.sparse as sp
from shapley_oracle import (
    brute_force,
    brute_force_parts,
    one_hot_data,
    outputs,
    random_mixture,
    value_function,
)

from skfeamoe._shapley import (
    GAMES,
    MAX_EXACT_PLAYERS,
    OUTPUTS,
    mixture_shapley,
    model_shapley,
)


@pytest.mark.parametrize("n_experts", [1, 2, 5])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("game", GAMES)
def test_exact_equals_brute_force(game, output, n_classes, n_experts):
    rng = np.random.default_rng(0)
    X, players = one_hot_data(rng, 13)
    x, Z = X[:2], X[2:]
    weight = rng.random(len(Z))
    mixture = random_mixture(rng, n_experts, n_classes, X.shape[1])
    result = mixture_shapley(
        mixture, x, Z, game=game, output=output, players=players, background_weight=weight
    )
    value = value_function(mixture, game, output)
    for i in range(2):
        expected = brute_force(value, x[i], Z, players, weight)
        np.testing.assert_allclose(result.values[i], expected, rtol=0, atol=1e-10)
    assert result.exact.all()
    assert result.error_std is None


def test_exact_equals_brute_force_for_eight_features():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(12, 8))
    mixture = random_mixture(rng, 4, 2, 8)
    result = mixture_shapley(mixture, X[:2], X[2:], method="exact")
    value = value_function(mixture, "interventional", "probability")
    for i in range(2):
        expected = brute_force(value, X[i], X[2:], [[j] for j in range(8)])
        np.testing.assert_allclose(result.values[i], expected, rtol=0, atol=1e-12)


# shap's explainers emit warnings of their own dependencies on import.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
def test_exact_equals_shap_exact_explainer(output, n_classes):
    shap = pytest.importorskip("shap")
    rng = np.random.default_rng(2)
    X = rng.normal(size=(25, 7))
    mixture = random_mixture(rng, 3, n_classes, 7)
    result = mixture_shapley(mixture, X[:5], X[5:], output=output, method="exact")
    masker = shap.maskers.Independent(X[5:], max_samples=100)
    explainer = shap.explainers.ExactExplainer(lambda A: outputs(mixture, A, output), masker)
    expected = explainer(X[:5])
    np.testing.assert_allclose(
        result.values.reshape(expected.values.shape), expected.values, rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("method", ["exact", "permutation"])
@pytest.mark.parametrize(
    ("game", "decompose"), [*((game, False) for game in GAMES), ("interventional", True)]
)
def test_values_sum_to_the_output(game, decompose, method, output, n_classes):
    rng = np.random.default_rng(3)
    X, players = one_hot_data(rng, 30)
    x, Z = X[:8], X[8:]
    mixture = random_mixture(rng, 4, n_classes, X.shape[1])
    result = mixture_shapley(
        mixture, x, Z, game=game, output=output, method=method, players=players,
        decompose=decompose, random_state=0,
    )  # fmt: skip
    value = value_function(mixture, game, output)
    whole = np.concatenate([value(row[None], row) for row in x])
    empty = np.stack([value(Z, row).mean(axis=0) for row in x])
    np.testing.assert_allclose(result.base_values, empty, rtol=0, atol=1e-9)
    total = result.base_values + result.values.sum(axis=1)
    np.testing.assert_allclose(total, whole, rtol=0, atol=1e-9)
    if decompose:
        parts = result.expert_values + result.routing_values
        np.testing.assert_allclose(parts, result.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
def test_parts_are_the_owen_value(output, n_classes):
    rng = np.random.default_rng(4)
    X, players = one_hot_data(rng, 9, widths=(3, 2))
    mixture = random_mixture(rng, 3, n_classes, X.shape[1])
    result = mixture_shapley(
        mixture, X[:2], X[2:], output=output, players=players, decompose=True
    )
    for i in range(2):
        expected = brute_force_parts(mixture, X[i], X[2:], players, output)
        np.testing.assert_allclose(result.expert_values[i], expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_parts_vanish_with_their_coefficients(method):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(20, 5))
    mixture = random_mixture(rng, 3, 2, 5)
    mixture.gate_coef[:, 1] = mixture.gate_coef[0, 1]
    mixture.expert_coef[:, :, 3] = 0.0
    result = mixture_shapley(
        mixture, X[:4], X[4:], method=method, decompose=True, random_state=0
    )
    np.testing.assert_allclose(result.routing_values[:, 1], 0.0, atol=1e-14)
    np.testing.assert_allclose(result.expert_values[:, 3], 0.0, atol=1e-14)
    assert (np.abs(result.expert_values[:, 1]) > 1e-4).all()
    assert (np.abs(result.routing_values[:, 3]) > 1e-4).all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("game", ["interventional", "gate_frozen_probability"])
@pytest.mark.parametrize("scale", [30.0, 1000.0, 1e5])
def test_extreme_scores_agree_with_log_space(scale, game, output, n_classes):
    rng = np.random.default_rng(6)
    X, players = one_hot_data(rng, 12, widths=(3, 2))
    mixture = random_mixture(rng, 3, n_classes, X.shape[1], scale)
    result = mixture_shapley(mixture, X[:3], X[3:], game=game, output=output, players=players)
    assert np.isfinite(result.values).all()
    assert np.isfinite(result.base_values).all()
    value = value_function(mixture, game, output)
    for i in range(3):
        expected = brute_force(value, X[i], X[3:], players)
        np.testing.assert_allclose(result.values[i], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
def test_one_huge_one_hot_weight_is_still_right(output, n_classes):
    rng = np.random.default_rng(7)
    X, players = one_hot_data(rng, 40)
    mixture = random_mixture(rng, 3, n_classes, X.shape[1])
    mixture.gate_coef[0, 3] = 5e4
    mixture.expert_coef[1, 0, 7] = -2e4
    result = mixture_shapley(mixture, X[:4], X[4:], output=output, players=players)
    value = value_function(mixture, "interventional", output)
    for i in range(4):
        expected = brute_force(value, X[i], X[4:], players)
        np.testing.assert_allclose(result.values[i], expected, rtol=1e-9, atol=1e-10)


def test_product_and_log_space_meet_at_the_limit(monkeypatch):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(30, 6))
    for n_classes in (2, 4):
        mixture = random_mixture(rng, 3, n_classes, 6, scale=12.0)
        for output in OUTPUTS:
            for decompose in (False, True):
                options = {"output": output, "method": "exact", "decompose": decompose}
                products = mixture_shapley(mixture, X[:9], X[9:], **options)
                with monkeypatch.context() as patch:
                    patch.setattr("skfeamoe._shapley._game.SAFE_SCORE", -1.0)
                    logs = mixture_shapley(mixture, X[:9], X[9:], **options)
                np.testing.assert_allclose(products.values, logs.values, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_memory_budget_changes_nothing(method, game):
    rng = np.random.default_rng(9)
    X, players = one_hot_data(rng, 60)
    mixture = random_mixture(rng, 3, 2, X.shape[1])
    options = {"game": game, "method": method, "players": players, "random_state": 5}
    whole = mixture_shapley(mixture, X[:40], X[40:], **options)
    for budget in (1, 20_000, 300_000):
        parts = mixture_shapley(mixture, X[:40], X[40:], memory_budget=budget, **options)
        np.testing.assert_allclose(parts.values, whole.values, rtol=0, atol=1e-13)
        np.testing.assert_array_equal(parts.exact, whole.exact)
        if whole.error_std is not None:
            np.testing.assert_allclose(parts.error_std, whole.error_std, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_blocks_change_nothing(n_classes, output, monkeypatch):
    rng = np.random.default_rng(10)
    X = rng.integers(3, size=(24, 9)).astype(float)  # pairs differ in 0 to 9 players
    mixture = random_mixture(rng, 2, n_classes, 9)
    options = {"method": "exact", "output": output}
    whole = mixture_shapley(mixture, X[:4], X[4:], **options)
    monkeypatch.setattr("skfeamoe._shapley._exact.WIDTH", 20)
    monkeypatch.setattr("skfeamoe._shapley._exact.FEWEST_PARTS", 1)
    monkeypatch.setattr("skfeamoe._shapley._game.MOST_PARTS", 5)
    blocks = mixture_shapley(mixture, X[:4], X[4:], **options)
    np.testing.assert_allclose(blocks.values, whole.values, rtol=0, atol=1e-13)


def test_more_players_than_a_block_of_parts_has():
    rng = np.random.default_rng(16)
    X = rng.normal(size=(2, 19))
    mixture = random_mixture(rng, 2, 2, 19)
    result = mixture_shapley(mixture, X[:1], X[1:], method="exact")
    general = model_shapley(
        lambda A: outputs(mixture, A, "probability"), X[:1], X[1:], method="exact"
    )
    np.testing.assert_allclose(result.values, general.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sparse_rows", [True, False])
def test_sparse_rows_meet_a_dense_background(sparse_rows):
    rng = np.random.default_rng(17)
    X, players = one_hot_data(rng, 30)
    X = np.where(X == 0, 0.0, X * 0.1)  # products that do not round alike in another order
    mixture = random_mixture(rng, 3, 2, X.shape[1])
    rows, background = (sp.csr_array(X), X) if sparse_rows else (X, sp.csr_array(X))
    mixed = mixture_shapley(mixture, rows, background, players=players)
    dense = mixture_shapley(mixture, X, X, players=players)
    np.testing.assert_array_equal(mixed.n_evals, dense.n_evals)
    np.testing.assert_allclose(mixed.values, dense.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("method", ["exact", "permutation"])
@pytest.mark.parametrize("grouped", [True, False])
def test_sparse_equals_dense(grouped, method, game):
    rng = np.random.default_rng(11)
    X, players = one_hot_data(rng, 30)
    mixture = random_mixture(rng, 3, 3, X.shape[1])
    options = {"game": game, "method": method, "random_state": 1}
    options["players"] = players if grouped else None
    dense = mixture_shapley(mixture, X[:6], X[6:], **options)
    sparse = mixture_shapley(mixture, sp.csr_array(X[:6]), sp.csr_array(X[6:]), **options)
    np.testing.assert_allclose(sparse.values, dense.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sparse.base_values, dense.base_values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_weights_equal_repeated_background_rows(method, game):
    rng = np.random.default_rng(12)
    X = rng.normal(size=(12, 5))
    times = np.array([1, 3, 0, 2, 1, 1, 4])
    mixture = random_mixture(rng, 3, 2, 5)
    options = {"game": game, "method": method, "random_state": 2, "max_evals": 400}
    weighted = mixture_shapley(mixture, X[:5], X[5:], background_weight=times, **options)
    repeated = mixture_shapley(mixture, X[:5], np.repeat(X[5:], times, axis=0), **options)
    np.testing.assert_allclose(weighted.values, repeated.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weighted.base_values, repeated.base_values, rtol=0, atol=1e-12)


def test_inputs_are_left_alone():
    rng = np.random.default_rng(13)
    X, players = one_hot_data(rng, 20)
    mixture = random_mixture(rng, 3, 2, X.shape[1])
    before = [part.copy() for part in (*mixture, X)]
    for part in (*mixture, X):
        part.setflags(write=False)
    for game in GAMES:
        mixture_shapley(mixture, X[:5], X[5:], game=game, players=players)
    for part, copy in zip((*mixture, X), before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_any_function_can_be_explained():
    rng = np.random.default_rng(14)
    X, players = one_hot_data(rng, 12)
    mixture = random_mixture(rng, 3, 3, X.shape[1])
    fast = mixture_shapley(mixture, X[:4], X[4:], players=players)
    general = model_shapley(
        lambda A: outputs(mixture, A, "probability"), X[:4], X[4:], players=players
    )
    np.testing.assert_allclose(general.values, fast.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(general.base_values, fast.base_values, rtol=0, atol=1e-12)


def test_auto_is_exact_only_where_that_fits_the_budget():
    rng = np.random.default_rng(15)
    X = rng.normal(size=(12, 6))
    X[1, :4] = X[2:, :4] = 0.0
    mixture = random_mixture(rng, 2, 2, 6)
    result = mixture_shapley(mixture, X[:2], X[2:], max_evals=100, random_state=0)
    assert result.exact.tolist() == [False, True]
    assert result.n_evals.tolist() == [16 * 2 * 6 * 10, 4 * 10]
    assert (result.error_std[1] == 0).all()
    assert (result.error_std[0] > 0).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": "owen"}, "game must be one of"),
        ({"output": "odds"}, "output must be one of"),
        ({"method": "kernel"}, "method must be one of"),
        ({"players": [[0, 1]]}, r"players must cover all columns, but \[2, 3\]"),
        ({"players": [[0, 1], [1, 2, 3]]}, "players must not share columns"),
        ({"players": [[0, 1], [2, 3, 4]]}, "column indices from 0 to 3"),
        ({"players": [[0, 1, 2, 3], []]}, "must not be empty"),
        ({"background_weight": [1.0]}, "one weight for each of 3 rows"),
        ({"background_weight": [1.0, -1.0, 1.0]}, "not negative"),
        ({"background_weight": [0.0, 0.0, 0.0]}, "somewhere positive"),
        ({"max_evals": 0}, "max_evals must be None or at least 1, got 0"),
        ({"tol": 0.0}, "tol must be None or positive"),
        ({"memory_budget": 0}, "memory_budget must be a positive"),
        ({"decompose": True, "game": "gate_frozen_margin"}, "decompose=True needs"),
    ],
)
def test_errors_name_the_parameter(options, message):
    rng = np.random.default_rng(16)
    X, mixture = rng.normal(size=(5, 4)), random_mixture(rng, 2, 2, 4)
    with pytest.raises(ValueError, match=message):
        mixture_shapley(mixture, X[:2], X[2:], **options)


def test_exact_refuses_too_many_players():
    rng = np.random.default_rng(17)
    d = MAX_EXACT_PLAYERS + 1
    X, mixture = rng.normal(size=(3, d)), random_mixture(rng, 2, 2, d)
    with pytest.raises(ValueError, match=f"up to {MAX_EXACT_PLAYERS} players .* got {d}"):
        mixture_shapley(mixture, X[:1], X[1:], method="exact")


def test_width_of_the_background_is_checked():
    rng = np.random.default_rng(18)
    X, mixture = rng.normal(size=(5, 4)), random_mixture(rng, 2, 2, 4)
    with pytest.raises(ValueError, match="background must have 4 columns, got 3"):
        mixture_shapley(mixture, X, X[:, :3])

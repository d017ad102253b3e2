"""Permutation chains: unbiased, with standard errors that mean what they say."""

import numpy as np
import pytest
from shapley_oracle import one_hot_data, outputs, random_mixture

from skfeamoe._shapley import OUTPUTS, mixture_shapley, model_shapley


def coverage(rng, n_repetitions, n_classes, max_evals, **options):
    """Return how often 95 % intervals hold the exact values, pooled over rows and players.

    Rows have streams of their own, so repeating a row repeats the experiment.
    """
    X = rng.normal(size=(104, 6))
    mixture = random_mixture(rng, 3, n_classes, 6)
    hits = []
    for x in X[:4]:
        exact = mixture_shapley(mixture, x[None], X[4:], method="exact", **options)
        sampled = mixture_shapley(
            mixture, np.repeat(x[None], n_repetitions, axis=0), X[4:],
            method="permutation", max_evals=max_evals, random_state=rng, **options,
        )  # fmt: skip
        pairs = [(exact.values, sampled.values, sampled.error_std)]
        if options.get("decompose"):
            pairs += [
                (exact.expert_values, sampled.expert_values, sampled.expert_error_std),
                (exact.routing_values, sampled.routing_values, sampled.routing_error_std),
            ]
        hits += [np.abs(b - a) <= 1.96 * error for a, b, error in pairs]
    return np.mean(hits)


@pytest.mark.parametrize("rounds", [3, 6])
def test_intervals_cover_the_exact_values(rounds):
    rate = coverage(np.random.default_rng(0), 200, 2, rounds * 2 * 6 * 100)
    assert 0.93 <= rate <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "options", [{}, {"decompose": True}, {"game": "gate_frozen_probability"}]
)
def test_intervals_cover_in_every_game(options, output, n_classes):
    rng = np.random.default_rng(7)
    rate = coverage(rng, 400, n_classes, 5 * 2 * 6 * 100, output=output, **options)
    assert 0.93 <= rate <= 0.97


def test_errors_of_rows_are_independent():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 5))
    mixture = random_mixture(rng, 3, 2, 5)
    rows = np.repeat(X[:1], 2000, axis=0)
    exact = mixture_shapley(mixture, X[:1], X[1:], method="exact").values
    sampled = mixture_shapley(
        mixture, rows, X[1:], method="permutation", max_evals=1, random_state=0
    )
    deviation = (sampled.values - exact)[:, :, 0]
    neighbors = [np.corrcoef(a[:-1], a[1:])[0, 1] for a in deviation.T]
    assert np.abs(neighbors).max() < 0.1
    bias = deviation.mean(axis=0) / deviation.std(axis=0) * np.sqrt(len(rows))
    assert np.abs(bias).max() < 4
    variance = (sampled.error_std[:, :, 0] ** 2).mean(axis=0)
    np.testing.assert_allclose(variance, deviation.var(axis=0), rtol=0.15)


def test_few_background_rows_get_more_rounds():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(12, 5))
    mixture = random_mixture(rng, 3, 2, 5)
    rows = np.repeat(X[:1], 2000, axis=0)
    options = {"random_state": 0, "max_evals": 1}
    exact = mixture_shapley(mixture, X[:1], X[1:], method="exact").values
    sampled = mixture_shapley(mixture, rows, X[1:], method="permutation", **options)
    assert (sampled.n_evals == 15 * 2 * 5 * 11).all()
    assert 0.93 <= np.mean(np.abs(sampled.values - exact) <= 1.96 * sampled.error_std) <= 0.97


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_chains_approach_the_exact_values(scale, output, n_classes):
    rng = np.random.default_rng(2)
    X, players = one_hot_data(rng, 24)
    mixture = random_mixture(rng, 3, n_classes, X.shape[1], scale)
    options = {"output": output, "players": players, "decompose": True}
    exact = mixture_shapley(mixture, X[:3], X[3:], method="exact", **options)
    sampled = mixture_shapley(
        mixture,
        X[:3],
        X[3:],
        method="permutation",
        max_evals=80_000,
        random_state=0,
        **options,
    )
    scale_of = np.abs(exact.values).max()
    for name in ("values", "expert_values", "routing_values"):
        error = np.abs(getattr(sampled, name) - getattr(exact, name)).max()
        assert error < 0.06 * scale_of


def test_tolerance_is_met_by_rows_that_stop_early():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(50, 8))
    mixture = random_mixture(rng, 3, 2, 8)
    result = mixture_shapley(
        mixture, X[:20], X[20:], method="permutation", tol=0.02, random_state=0
    )
    relative = np.linalg.norm(result.error_std, axis=1) / np.linalg.norm(result.values, axis=1)
    per_round = 2 * 8 * 30
    assert (relative <= 0.02).all()
    assert len(np.unique(result.n_evals)) > 1
    assert (result.n_evals % per_round == 0).all()
    exact = mixture_shapley(mixture, X[:20], X[20:], method="exact")
    error = np.linalg.norm(result.values - exact.values) / np.linalg.norm(exact.values)
    assert error < 0.03


def test_tolerance_never_exceeds_the_budget():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(25, 6))
    mixture = random_mixture(rng, 3, 3, 6)
    result = mixture_shapley(
        mixture,
        X[:5],
        X[5:],
        method="permutation",
        tol=1e-9,
        max_evals=3000,
        random_state=0,
    )
    assert (result.n_evals == 2880).all()


def test_one_seed_gives_one_result():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(20, 6))
    mixture = random_mixture(rng, 3, 2, 6)

    def play(seed, rows=slice(0, 5)):
        return mixture_shapley(
            mixture, X[rows], X[5:], method="permutation", random_state=seed
        ).values

    np.testing.assert_array_equal(play(3), play(3))
    np.testing.assert_array_equal(play(3), play(np.random.default_rng(3)))
    np.testing.assert_array_equal(play(3, slice(0, 2)), play(3)[:2])
    assert (play(3) != play(4)).any()


def test_any_function_can_be_sampled():
    rng = np.random.default_rng(6)
    X, players = one_hot_data(rng, 14)
    mixture = random_mixture(rng, 3, 3, X.shape[1])
    exact = mixture_shapley(mixture, X[:4], X[4:], players=players, method="exact")
    options = {"players": players, "method": "permutation", "max_evals": 20_000}
    sampled = model_shapley(
        lambda A: outputs(mixture, A, "probability"),
        X[:4],
        X[4:],
        random_state=0,
        **options,
    )
    assert (np.abs(sampled.values - exact.values) <= 5 * sampled.error_std + 1e-12).all()
    total = sampled.base_values + sampled.values.sum(axis=1)
    np.testing.assert_allclose(total, outputs(mixture, X[:4], "probability"), atol=1e-12)
    tight = model_shapley(
        lambda A: outputs(mixture, A, "probability"), X[:4], X[4:], random_state=0,
        memory_budget=50_000, **options,
    )  # fmt: skip
    np.testing.assert_allclose(tight.values, sampled.values, rtol=0, atol=1e-12)


def test_orders_are_uniform():
    from skfeamoe._shapley._chains import _orders

    order = _orders([np.random.Philox(key=0)], 24_000, 4) // 24_000
    _, counts = np.unique(order.T, axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 60  # chi-square, 23 degrees of freedom

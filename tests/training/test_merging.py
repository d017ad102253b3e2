"""Copies that have learned from other rows become one: sums exactly, means by rows."""

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe._training.draws import Draws, generator
from skfeamoe._training.reservoir import DRAWS_PER_BLOCK, Reservoir


def sample_of(numbers, *, seed, size=1000, sparse=False):
    """A sample that was shown rows which say their numbers."""
    made = Reservoir(1, size=size, sparse=sparse, seed=seed)
    made.update(np.asarray(numbers, dtype=float)[:, None], np.ones(len(numbers)))
    return made


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_of_another_sample_come_after_the_own_ones(sparse):
    first = sample_of(range(1, 4), seed=1, sparse=sparse)
    first.merge(sample_of(range(11, 15), seed=2, sparse=sparse))
    rows, weight = first.sample()
    rows = rows.toarray() if sparse else rows
    assert rows[:, 0].tolist() == [1, 2, 3, 11, 12, 13, 14]
    assert weight.tolist() == [1.0] * 7
    assert sorted(first.arrival) == list(range(7))
    assert first.n_offered == 7


def test_of_two_full_samples_the_smallest_keys_stay():
    first, other = (sample_of(range(90), seed=seed, size=20) for seed in (1, 2))
    keys = np.sort(np.concatenate([first.keys, other.keys]))[:21]
    first.merge(other)
    np.testing.assert_array_equal(np.sort(first.keys), keys)
    assert first.limit == keys[-1]


@pytest.mark.parametrize("n_other", [3, DRAWS_PER_BLOCK - 1, DRAWS_PER_BLOCK])
def test_a_merged_sample_goes_on_with_the_draws_of_its_next_row(n_other):
    merged = sample_of(range(10), seed=1, size=10**6)
    merged.merge(sample_of(range(n_other), seed=2, size=10**6))
    n = merged.n_offered
    merged.update(np.zeros((5, 1)), np.ones(5))
    block, used = divmod(n, DRAWS_PER_BLOCK)
    numbers = (block, block + 1)
    blocks = (generator(1, Draws.BACKGROUND, number) for number in numbers)
    draws = np.concatenate([rng.standard_exponential(DRAWS_PER_BLOCK) for rng in blocks])
    np.testing.assert_array_equal(merged.keys[-5:], draws[used : used + 5])


@pytest.mark.parametrize(
    ("n_features", "size", "sparse"), [(2, 10, False), (1, 11, False), (1, 10, True)]
)
def test_samples_of_another_shape_are_refused(n_features, size, sparse):
    mine = Reservoir(1, size=10, sparse=False, seed=1)
    other = Reservoir(n_features, size=size, sparse=sparse, seed=2)
    with pytest.raises(ValueError, match="same features and size"):
        mine.merge(other)


def learned(n_rows, seed):
    """A model of one expert that has seen so many rows, and its number for the background."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    model = FEAMOEClassifier(None, growth=None, random_state=0)
    model.partial_fit(X, (X[:, 0] + rng.normal(size=n_rows) > 0).astype(int), [0, 1])
    part = model._model.copy()
    part.background.seed = seed
    return part


@pytest.mark.parametrize(("n", "m"), [(300, 100), (100, 300)])
def test_parameters_become_means_by_rows(n, m):
    mine, other = learned(n, 1), learned(m, 2)
    share = m / (n + m)
    arrays = ("params", "average", "optimizer_state", "load", "age")
    wanted = {
        name: (1 - share) * getattr(mine.ensemble, name) + share * getattr(other.ensemble, name)
        for name in arrays
    }
    mine.posterior.weights, other.posterior.weights = np.array([0.2]), np.array([0.6])
    mine.merge(other)
    for name in arrays:
        np.testing.assert_allclose(getattr(mine.ensemble, name), wanted[name], rtol=1e-12)
    np.testing.assert_allclose(mine.posterior.weights, 0.2 + 0.4 * share)
    assert mine.clock.n_samples_seen == n + m


def test_a_model_that_has_seen_nothing_leaves_parameters_as_they_are():
    mine, other = learned(50, 1), learned(50, 2)
    old = mine.ensemble.params.copy()
    mine.clock.n_samples_seen = other.clock.n_samples_seen = 0
    mine.merge(other)
    np.testing.assert_array_equal(mine.ensemble.params, old)

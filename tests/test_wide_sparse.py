"""Hashed text stays sparse: in training, growth by drift, background and explanations."""

import resource

import numpy as np
import pytest
import scipy.sparse as sp

import skfeamoe._explanation as explanation
from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.experts import bulk_gradient
from skfeamoe._rows import linear_scores

N_COLUMNS, WORDS = 2**20, 60


def hashed(n_samples, rng, *, flipped=False):
    """Texts of sixty words of a long-tailed vocabulary, hashed into columns."""
    words = np.minimum((rng.pareto(1.0, size=(n_samples, WORDS)) * 20).astype(np.int64), 10**6)
    columns = (words * 2654435761) % N_COLUMNS
    ends = np.arange(0, n_samples * WORDS + 1, WORDS)
    shape = (n_samples, N_COLUMNS)
    X = sp.csr_array((np.ones(columns.size), columns.ravel(), ends), shape=shape)
    X.sum_duplicates()
    y = ((words < 20).mean(axis=1) > 0.5).astype(int)
    return X, 1 - y if flipped else y, rng.integers(2, size=n_samples)


def no_densifying(monkeypatch):
    """Make an error of every conversion of a wide table to a dense one."""
    for kind in (sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_array):
        original = kind.toarray

        def toarray(self, *args, _original=original, **kwargs):
            assert self.shape[1] < 1000, f"a table of {self.shape} was made dense"
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(kind, "toarray", toarray)


def test_a_wide_stream_is_never_made_dense(monkeypatch):
    pytest.importorskip("river", reason="river is of the extra drift")
    no_densifying(monkeypatch)
    rng = np.random.default_rng(0)
    model = FEAMOEClassifier(
        growth="drift", max_experts=3, batch_size=500, background_size=30, random_state=0
    )
    for start in range(0, 5000, 500):
        X, y, group = hashed(500, rng, flipped=start >= 2500)
        model.partial_fit(X, y, [0, 1], sensitive_features=group)
    assert sp.issparse(model.background_)
    assert model.predict_proba(X[:50]).shape == (50, 2)
    found = model.explain(X[:2])
    assert found.values.shape[1] < 30 * WORDS + 2 * WORDS
    sums = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(sums, model.predict_proba(X[:2])[:, 1], atol=1e-9)


def test_values_of_wide_tables_are_those_of_narrow_ones(monkeypatch):
    rng = np.random.default_rng(0)
    X = sp.random_array((400, 40), density=0.1, rng=rng, format="csr")
    y = (X[:, [0]].toarray()[:, 0] > 0).astype(int)
    y[:200] = rng.integers(2, size=200)
    model = FEAMOEClassifier(None, background_size=20, random_state=0).fit(X, y)
    options = {"method": "exact", "background": X[:10]}
    narrow = model.explain(X[100:104], **options)
    monkeypatch.setattr(explanation, "WIDE", 10)
    wide = model.explain(X[100:104], **options)
    places = [narrow.feature_names.index(name) for name in wide.feature_names]
    assert len(places) < 40
    np.testing.assert_allclose(wide.values, narrow.values[:, places], atol=1e-12)
    np.testing.assert_allclose(wide.data, narrow.data[:, places])
    rest = np.setdiff1d(np.arange(40), places)
    np.testing.assert_array_equal(narrow.values[:, rest], 0.0)
    monkeypatch.setattr(explanation, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="different columns, which would take"):
        model.explain(X[:4])


@pytest.mark.slow
def test_memory_of_a_wide_stream_is_bounded():
    pytest.importorskip("river", reason="river is of the extra drift")
    rng = np.random.default_rng(0)
    model = FEAMOEClassifier(growth="drift", max_experts=4, batch_size=1000, random_state=0)
    peaks = []
    for start in range(0, 30_000, 1000):
        X, y, group = hashed(1000, rng, flipped=start >= 15_000)
        model.partial_fit(X, y, [0, 1], sensitive_features=group)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    blocks = 3 * 2 * 8 * N_COLUMNS * model.max_experts / 1024  # parameters, kilobytes
    assert peaks[-1] - peaks[0] < 4 * blocks
    assert peaks[-1] - peaks[-10] < blocks


def test_sparse_rows_in_bulk_teach_what_dense_ones_do(monkeypatch):
    monkeypatch.setattr("skfeamoe._training.trainer.EARLY_ROWS", 1000)
    rng = np.random.default_rng(0)
    X = sp.random_array((6000, 300), density=0.05, rng=rng, format="csr")
    group = rng.integers(2, size=6000)
    y = (X @ rng.normal(size=300) + 0.3 * group + rng.normal(scale=0.3, size=6000) > 0.2) * 1
    found = []
    for rows in (X, X.toarray()):
        model = FEAMOEClassifier(standardize=False, growth_interval=2500, random_state=0)
        model.partial_fit(rows[:5000], y[:5000], [0, 1], sensitive_features=group[:5000])
        assert model.n_experts_ > 1
        found.append(model.predict_proba(rows[5000:]))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-9)
    assert np.ptp(found[0][:, 1]) > 0.5


@pytest.mark.parametrize("n", [32, 64, 70, 5])
def test_sparse_gradients_by_parts_are_dense_ones(n):
    rng = np.random.default_rng(0)
    Z = sp.random_array((n, 50), density=0.1, rng=rng, format="csr")
    params, d_scores = np.zeros((6, 51)), rng.normal(size=(n, 6))
    found = bulk_gradient(Z, params, d_scores, 32)
    expected = bulk_gradient(Z.toarray(), params, d_scores, 32)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_samples", [1, 5, 400])
def test_rows_are_scored_by_their_own_columns(n_samples):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, 2000))
    X = sp.random_array((n_samples, 2000), density=0.01, rng=rng, format="csr")
    np.testing.assert_array_equal(linear_scores(X, weight), X @ weight.T)
    np.testing.assert_array_equal(linear_scores(X.toarray(), weight), X.toarray() @ weight.T)
    nothing = sp.csr_array((n_samples, 2000))
    np.testing.assert_array_equal(linear_scores(nothing, weight), np.zeros((n_samples, 3)))

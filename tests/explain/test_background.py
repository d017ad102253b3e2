"""The background that a model keeps: a weighted sample that any batches give alike."""

import io
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from explain_models import fitted, labels

from skfeamoe import FEAMOEClassifier
from skfeamoe._training.reservoir import Reservoir


def kept(X, weight=None, *, size, seed=0, step=None):
    """Return sample and weights after offering X in batches."""
    reservoir = Reservoir(X.shape[1], size=size, sparse=sp.issparse(X), seed=seed)
    weight = np.ones(X.shape[0]) if weight is None else weight
    for start in range(0, X.shape[0], step or X.shape[0]):
        part = slice(start, start + (step or X.shape[0]))
        reservoir.update(X[part], weight[part])
    return reservoir.sample()


def numbered(n):
    return np.arange(n, dtype=float)[:, None] + 1.0


def test_every_row_has_the_same_chance():
    counts, repeats, size, n = np.zeros(60), 3000, 12, 60
    for seed in range(repeats):
        rows, weight = kept(numbered(n), size=size, seed=seed)
        assert np.allclose(weight, 1.0)
        counts[rows[:, 0].astype(int) - 1] += 1
    expected = repeats * size / n
    chi2 = ((counts - expected) ** 2 / (expected * (1 - size / n))).sum()
    assert chi2 < 60 + 4 * np.sqrt(2 * 60)


def test_weighted_means_are_unbiased():
    rng = np.random.default_rng(0)
    value, weight = rng.normal(size=(80, 1)), rng.exponential(size=80)
    weight[:5] = 0.0
    value[:5] = 1e6
    means = []
    for seed in range(2000):
        rows, w = kept(value, weight, size=20, seed=seed)
        means.append(np.average(rows[:, 0], weights=w))
    error = np.std(means) / np.sqrt(len(means))
    truth = np.average(value[:, 0], weights=weight)
    assert abs(np.mean(means) - truth) < 4 * error + 0.01


def test_heavy_rows_are_kept_and_count():
    weight = np.ones(50)
    weight[7] = 1e9
    for seed in range(20):
        rows, w = kept(numbered(50), weight, size=5, seed=seed)
        assert w[rows[:, 0] == 8.0] > 4.9


def test_small_data_is_kept_whole_with_its_weights():
    weight = np.array([0.0, 1.0, 3.0, 2.0])
    rows, w = kept(numbered(4), weight, size=10)
    assert rows[:, 0].tolist() == [2.0, 3.0, 4.0]
    assert w.tolist() == [0.5, 1.5, 1.0]


@pytest.mark.parametrize("step", [1, 7, 32, 1000])
def test_batches_do_not_matter(step):
    rng = np.random.default_rng(1)
    X, weight = rng.normal(size=(9000, 3)), rng.exponential(size=9000)
    whole, parts = kept(X, weight, size=100), kept(X, weight, size=100, step=step)
    assert np.array_equal(whole[0], parts[0])
    assert np.array_equal(whole[1], parts[1])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("cuts", [(3, 20), (200, 500), (900, 20)])
def test_merged_samples_are_the_rows_with_the_smallest_keys_of_all(cuts, sparse):
    parts = []
    for seed, n in enumerate(cuts):
        X = sp.csr_array(numbered(n) + 1000 * seed) if sparse else numbered(n) + 1000 * seed
        part = Reservoir(1, size=50, sparse=sparse, seed=seed)
        part.update(X, np.ones(n))
        parts.append(part)
    a, b = parts
    keyed = sorted(zip([*a.keys, *b.keys], [*range(len(a.keys) + len(b.keys))], strict=True))
    left, right = a.copy(), b.copy()
    before = pickle.dumps(a.to_dict())
    left.merge(b)
    right.merge(a)
    assert pickle.dumps(a.to_dict()) == before
    assert sorted(left.keys) == sorted(right.keys) == [key for key, _ in keyed[:51]]
    assert left.n_offered == sum(cuts)
    assert left.sample()[0].shape == (min(50, sum(cuts)), 1)
    again = Reservoir.from_dict(pickle.loads(pickle.dumps(left.to_dict())))
    for one in (left, again):
        one.update(sp.csr_array(numbered(4000)) if sparse else numbered(4000), np.ones(4000))
    assert np.array_equal(left.arrival, again.arrival)


def test_sparse_rows_are_kept_sparse():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 40)) * (rng.random((500, 40)) < 0.1)
    dense = kept(X, size=50, step=30)[0]
    sparse = kept(sp.csr_array(X), size=50, step=30)[0]
    assert sp.issparse(sparse)
    assert np.array_equal(sparse.toarray(), dense)


def test_repeated_passes_count_rows_once():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(150, 3))
    model = fitted(X, labels(rng, X), max_iter=4)
    assert np.array_equal(model.background_, X)
    assert np.array_equal(model.background_weight_, np.ones(150))


def test_rows_are_copies():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(100, 3))
    y = labels(rng, X)
    before = X.copy()
    model = FEAMOEClassifier(constraints=None).partial_fit(X, y, classes=[0, 1])
    X[:] = 7.0
    assert np.array_equal(model.background_, before)


def reload_pickle(model):
    return pickle.loads(pickle.dumps(model))


def reload_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def reload_skops(model):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


def learn(model, X, y, rows):
    """The model after these rows, 100 a call."""
    for start in rows:
        model.partial_fit(X[start : start + 100], y[start : start + 100], classes=[0, 1])
    return model


@pytest.fixture(scope="module", params=[False, True], ids=["dense", "sparse"])
def lives(request):
    """A model after 2,500 rows and another after 5,000, more than a block of draws."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(5000, 4))
    y = labels(rng, X)
    X = sp.csr_array(X) if request.param else X
    half, whole = (
        FEAMOEClassifier(constraints=None, background_size=50, random_state=0) for _ in range(2)
    )
    return learn(half, X, y, range(0, 2500, 100)), learn(whole, X, y, range(0, 5000, 100)), X, y


@pytest.mark.parametrize("reload", [reload_pickle, reload_joblib, reload_skops])
def test_a_saved_model_keeps_the_same_rows(reload, lives):
    half, whole, X, y = lives
    half = learn(reload(half), X, y, range(2500, 5000, 100))
    assert whole.background_.shape == (50, 4)
    assert abs(whole.background_ - half.background_).max() == 0.0
    assert np.array_equal(whole.background_weight_, half.background_weight_)
    late, full = (
        part.toarray() if sp.issparse(part) else part for part in (whole.background_, X)
    )
    assert (late[:, None] == full[None, 2500:]).all(axis=2).any(axis=1).sum() > 10


def test_weights_reach_the_explanation():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(200, 4))
    y, weight = labels(rng, X), rng.integers(0, 4, size=200).astype(float)
    model = FEAMOEClassifier(constraints=None, random_state=0)
    model.fit(X, y, sample_weight=weight)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    ours, expected = model.explain(X[:3]), model.explain(X[:3], background=repeated)
    assert np.abs(ours.values - expected.values).max() < 1e-12
    assert np.abs(ours.base_values - expected.base_values).max() < 1e-12


def test_the_background_of_a_sparse_stream_is_a_background():
    rng = np.random.default_rng(0)
    X = sp.random_array((300, 6), density=0.5, rng=rng, format="csr")
    y = rng.integers(2, size=300)
    model = FEAMOEClassifier(None, background_size=20, random_state=0).fit(X, y)
    given = model.explain(X[:3], background=model.background_)
    kept = model.explain(X[:3])
    np.testing.assert_array_equal(given.values, kept.values)
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    np.testing.assert_array_equal(model.predict_proba(wide), model.predict_proba(X))

"""Experts fitted in parallel: order, equality with plain fits, and named errors."""

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe import FEAMOEClassifier
from skfeamoe.streaming import StreamBatch, fit_experts


def shards(n=4):
    """Years of data whose rule turns from year to year."""
    rng = np.random.default_rng(0)
    found = {}
    for year in range(n):
        X = rng.normal(size=(200, 3))
        turn = np.array([np.cos(year), np.sin(year), 0.5])
        found[2014 + year] = (X, (X @ turn > 0).astype(int))
    return found


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_clones_come_in_order_and_equal_plain_fits_on_any_backend(backend):
    estimator = make_pipeline(StandardScaler(), LogisticRegression())
    with joblib.parallel_config(backend=backend, n_jobs=2):
        fitted = fit_experts(shards(), estimator)
    for model, (X, y) in zip(fitted, shards().values(), strict=True):
        plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
        np.testing.assert_allclose(model[-1].coef_, plain[-1].coef_, rtol=1e-10)
    assert not hasattr(estimator[-1], "coef_")


def test_shards_may_be_a_generator_of_batches_with_weights():
    def batches():
        for X, y in shards().values():
            yield StreamBatch(X, y, sample_weight=np.linspace(0, 1, len(y)))

    fitted = fit_experts(batches(), SGDClassifier(loss="log_loss", random_state=0), n_jobs=2)
    X, y = shards()[2014]
    plain = SGDClassifier(loss="log_loss", random_state=0)
    plain.fit(X, y, sample_weight=np.linspace(0, 1, len(y)))
    np.testing.assert_array_equal(fitted[0].coef_, plain.coef_)
    assert len(fitted) == 4


def test_sensitive_features_reach_estimators_that_take_them():
    X, y = shards()[2014]
    sex = np.where(X[:, 1] > 0, "f", "m")
    (model,) = fit_experts([(X, y, sex)], FEAMOEClassifier(random_state=0))
    assert set(model.groups_) == {"f", "m"}


def broken(year, change):
    found = shards()
    found[year] = change(*found[year])
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_names_the_shard(n_jobs):
    one_class = broken(2016, lambda X, y: (X, np.zeros_like(y)))
    with pytest.raises(ValueError, match=r"shard 2016 could not be fitted: .*class"):
        fit_experts(one_class, LogisticRegression(), n_jobs=n_jobs)


def test_shards_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="at least one shard"):
        fit_experts([], LogisticRegression())
    other = broken(2017, lambda X, y: (X[:, :2], y))
    with pytest.raises(ValueError, match="shard 2017 has n_features_in_=2, but shard 2014"):
        fit_experts(other, LogisticRegression())
    labels = broken(2015, lambda X, y: (X, y + 1))
    with pytest.raises(ValueError, match="shard 2015 has classes_"):
        fit_experts(labels, LogisticRegression())
    short = broken(2015, lambda X, y: (X[:-1], y))
    with pytest.raises(ValueError, match="shard 2015 could not be fitted: X has 199 rows"):
        fit_experts(short, LogisticRegression())

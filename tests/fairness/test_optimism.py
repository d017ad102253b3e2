"""What an offset closes on the people who taught it, and on new ones."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness import optimism, settlement
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.optimism import lost_part


def two_groups(rng, n_one, n_other, n_terms):
    """Columns of two normal groups, one deviation apart in the first of them."""
    one = np.repeat([True, False], [n_one, n_other])
    X = rng.normal(size=(len(one), n_terms))
    X[:, 0] += one
    return X, one


@pytest.mark.parametrize("n_terms", [5, 25])
def test_lost_is_what_a_logistic_regression_loses_on_new_people(n_terms, monkeypatch):
    monkeypatch.setattr(optimism, "FREE", 1.0)
    rng, told, found = np.random.default_rng(n_terms), [], []
    for _ in range(200):
        X, one = two_groups(rng, 300, 900, n_terms)
        model = LogisticRegression(C=np.inf).fit(X, one)
        score = X @ model.coef_[0]
        apart = score[one].mean() - score[~one].mean()
        told.append(apart * lost_part(score, one, ~one, n_terms, (300, 900)))
        found.append(apart - model.coef_[0, 0])  # new groups differ by (1, 0, 0, ...)
    error = np.std(found) / np.sqrt(200)
    assert np.mean(told) == pytest.approx(np.mean(found), rel=0.15, abs=2.0 * error)


def test_nothing_is_left_of_a_direction_that_nobody_has_taught_or_that_points_away():
    score, one = np.array([1.0, 2.0, 4.0, 5.0]), np.array([False, False, True, True])
    nobody = np.zeros(4, dtype=bool)
    assert lost_part(score, one, ~one, 1, (100, 100)) == pytest.approx(0.6 * 0.02 / 3.0)
    assert lost_part(score, one, ~one, 1000, (10, 10)) == 1.0
    assert lost_part(-score, one, ~one, 1, (100, 100)) == 1.0
    assert lost_part(score, one, nobody, 1, (100, 100)) == 1.0
    assert lost_part(score, one, ~one, 1, (100, 0)) == 1.0


def test_who_has_taught_directions_is_counted_once_and_adds_up():
    def monitor(n):
        model = FEAMOEClassifier(growth=None, random_state=0)
        X, one = two_groups(np.random.default_rng(n), n, 2 * n, 3)
        model.fit(X, X[:, 0] > 0.5, sensitive_features=np.where(one, "a", "b"))
        return model._model.monitor

    first, second = monitor(100), monitor(150)
    assert first.taught.tolist() == [100, 200]
    first.merge(second, np.array([1, 0]))
    assert first.taught.tolist() == [100 + 300, 200 + 150]
    old = {k: v for k, v in second.to_dict().items() if k != "taught"}
    assert BoundMonitor.from_dict(old).taught.tolist() == second.shares.tolist()


def gap_of_new_people(seed):
    """A gap of .26 on forty columns of 500 and 1,200 people, bound .05: what new ones have."""
    rng = np.random.default_rng(seed)
    X, one = two_groups(rng, 500, 1200, 40)
    y = X[:, :2].sum(axis=1) + rng.logistic(size=len(X)) > 0.5
    model = FEAMOEClassifier(difference_bound=0.05, growth=None, random_state=0)
    model.fit(X, y, sensitive_features=np.where(one, "a", "b"))
    X, one = two_groups(rng, 10_000, 10_000, 40)
    granted = model.predict(X)
    return granted[one].mean() - granted[~one].mean()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_the_bound_is_kept_on_new_people_though_columns_are_many(monkeypatch):
    gaps = [gap_of_new_people(seed) for seed in range(16)]
    assert np.mean(gaps) < 0.05 + 2.0 * np.std(gaps) / 4.0
    monkeypatch.setattr(settlement, "lost_part", lambda *_: 0.0)
    assert np.mean([gap_of_new_people(seed) for seed in range(16)]) > np.mean(gaps) + 0.005


def test_slots_of_labels_count_their_own_people():
    model = FEAMOEClassifier("equal_opportunity", growth=None, random_state=0)
    assert Slots(("equal_opportunity",)).events
    X, one = two_groups(np.random.default_rng(1), 200, 400, 3)
    y = X[:, 1] > 0.5
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlement, "lost_part", lambda *given: seen.append(given) or 0.0)
        model.set_params(difference_bound=0.001).fit(
            X, y, sensitive_features=np.where(one, "a", "b")
        )
    (_, high, low, n_terms, taught) = seen[0]
    assert n_terms == 3
    assert sorted(taught) == sorted([(y & one).sum(), (y & ~one).sum()])
    assert sorted([high.sum(), low.sum()]) == sorted(taught)

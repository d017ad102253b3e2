"""Which rows a pass of `fit` visits, and what rows without a label are counted for."""

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe._parameters import build_settings
from skfeamoe._rows import Rows
from skfeamoe._training import trainer
from skfeamoe._training.settings import batch_size_for, fit_defaults, passes_for
from skfeamoe._training.trainer import Passes
from tests.lending import make_lending


def passes(n=1000, n_unlabeled=300):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, 2)), rng.integers(0, 2, n)
    estimator = FEAMOEClassifier(None, random_state=0).fit(X, y)
    y[rng.permutation(n)[:n_unlabeled]] = -1
    number = np.column_stack([np.arange(n), np.zeros(n)])
    rows = Rows(number, y, np.full(n, -1), np.ones(n))
    settings = build_settings(estimator, fit_defaults(n), [], np.maximum(y, 0))
    return Passes(estimator._model, settings, rows, passes_for(n)), y


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [(1, 32), (5_000, 32), (5_280, 33), (32_000, 200), (41_000, 256), (10**7, 256)],
)
def test_a_pass_of_fit_has_160_steps_within_sizes_that_learn(n_samples, expected):
    assert batch_size_for(n_samples) == expected


@pytest.mark.parametrize("n_unlabeled", [0, 300])
def test_a_pass_visits_every_row_once_and_deals_out_those_without_a_label(n_unlabeled):
    made, y = passes(n_unlabeled=n_unlabeled)
    batches = [made.rows.take(index) for index in made._batches(1)]
    visited = np.concatenate([batch.X[:, 0] for batch in batches]).astype(int)
    assert np.array_equal(np.sort(visited), np.arange(len(y)))
    known = [int((batch.y >= 0).sum()) for batch in batches]
    assert set(known[:-1]) == {made.settings.learning.bulk_batch_size}
    others = [int((batch.y < 0).sum()) for batch in batches]
    assert max(others) - min(others) <= 1


def test_passes_that_labels_alone_ask_for_leave_people_out():
    made, y = passes()
    batches = [made.rows.take(index) for index in made._batches(passes_for(len(y)) + 1)]
    visited = np.concatenate([batch.X[:, 0] for batch in batches]).astype(int)
    assert np.array_equal(np.sort(visited), np.flatnonzero(y >= 0))


def test_the_clock_counts_rows_with_a_label():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(400, 2)), rng.integers(0, 2, 400).astype(float)
    y[::4] = np.nan
    model = FEAMOEClassifier(None, random_state=0).partial_fit(X, y, classes=[0, 1])
    assert model._model.clock.n_samples_seen == 300


@pytest.mark.parametrize(("expert", "n_passes"), [("logistic", 4), ("additive", 8)])
def test_additive_experts_visit_rows_twice_as_often(expert, n_passes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 1))
    model = FEAMOEClassifier(None, expert=expert, max_experts=1, random_state=0)
    assert model.fit(X, (X[:, 0] > 0.0).astype(int)).n_iter_ == n_passes


# --------------------------------------------------- people on whom the bounds are kept

ORDERS = ("pairs", "group", "label")


def in_order(X, y, groups, order):
    """A table whose rows stand pair by pair (one person of each group), or sorted."""
    by_group = [np.flatnonzero(groups == a) for a in np.unique(groups)]
    n = min(map(len, by_group))
    index = {
        "pairs": np.column_stack([own[:n] for own in by_group]).ravel(),
        "group": np.argsort(groups, kind="stable"),
        "label": np.argsort(y, kind="stable"),
    }[order]
    return X[index], y[index], groups[index]


@pytest.mark.parametrize("control", ["bound", "schedule"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_a_table_hides_no_group_from_the_bound(monkeypatch, order, control):
    monkeypatch.setattr(trainer, "SETTLE_ROWS", 1500)
    monkeypatch.setattr(trainer, "AUDIT_ROWS", 1500)
    X, y, groups = in_order(*make_lending(4000, noise=0.5), order)
    model = FEAMOEClassifier("demographic_parity", control=control, random_state=0)
    model.fit(X, y, sensitive_features=groups)
    rates = [(model.predict(X[groups == a]) == 1).mean() for a in "ab"]
    assert np.ptp(rates) == pytest.approx(model.group_gaps_["demographic_parity"], abs=0.04)
    if control == "bound":
        (slot,) = model.group_gap_details_
        assert slot["n_highest"] == slot["n_lowest"] == 750
        assert np.ptp(rates) < 0.08


def test_all_people_of_a_small_group_are_asked(monkeypatch):
    monkeypatch.setattr(trainer, "SETTLE_ROWS", 1000)
    X, y, groups = make_lending(4000)
    groups[np.flatnonzero(groups == "b")[150:]] = "a"
    model = FEAMOEClassifier("demographic_parity", random_state=0)
    model.fit(X, y, sensitive_features=groups)
    (slot,) = model.group_gap_details_
    assert sorted([slot["n_highest"], slot["n_lowest"]]) == [150, 850]

"""Directions: the softmax regression against its gradient and against a batch solution."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness import directions as module
from skfeamoe._fairness.directions import Directions
from skfeamoe._terms import Carry
from skfeamoe.datasets import make_credit_stream


def rows(n=60, n_groups=3, n_terms=4, seed=0):
    rng = np.random.default_rng(seed)
    groups = rng.integers(-1, n_groups, n)
    Z = rng.normal(size=(n, n_terms)) + 0.8 * np.eye(n_groups, n_terms)[groups]
    return Z, groups, rng.random((2, n)) < 0.5, rng.random(n)


def loss(weight, Z, groups, members, row_weight):
    """The weighted negative log-likelihood that a step goes down."""
    known = groups >= 0
    total = 0.0
    for v, member in zip(weight, members, strict=True):
        scores = log_softmax(Z @ v[:, :-1].T + v[:, -1], axis=1)
        counted = row_weight * member * known / module.ROWS_PER_STEP
        total -= (counted * scores[np.arange(len(Z)), np.maximum(groups, 0)]).sum()
    return total


@pytest.mark.parametrize("sparse", [False, True])
def test_a_step_goes_down_the_gradient(sparse, monkeypatch):
    monkeypatch.setattr(module, "SHRINK", 0.0)
    Z, groups, members, row_weight = rows()
    made = Directions(("favorable", "unfavorable"), 3, 4)
    made.weight = 0.3 * np.random.default_rng(1).normal(size=made.weight.shape)
    start = made.weight.copy()
    made.update(csr_array(Z) if sparse else Z, groups, members, row_weight)
    gradient = np.sqrt(made.squares)  # of a first step
    numeric = np.empty_like(start)
    for i in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[i] = 1e-6
        up = loss(start + step, Z, groups, members, row_weight)
        down = loss(start - step, Z, groups, members, row_weight)
        numeric[i] = (up - down) / 2e-6
    np.testing.assert_allclose(gradient, np.abs(numeric), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(made.weight - start, -module.RATE * np.sign(numeric), rtol=1e-4)


def test_rows_of_unknown_group_and_of_other_events_teach_nothing():
    Z, groups, members, row_weight = rows()
    one, other = (Directions(("favorable", "unfavorable"), 3, 4) for _ in range(2))
    one.update(Z, groups, members, row_weight)
    kept = groups >= 0
    other.update(Z[kept], groups[kept], members[:, kept], row_weight[kept])
    np.testing.assert_allclose(one.weight, other.weight, atol=1e-12)
    before = one.weight
    one.update(Z, np.full(len(Z), -1), members, row_weight)
    assert one.weight is before
    one.update(Z, groups, np.zeros_like(members), row_weight)
    np.testing.assert_allclose(one.weight, before)


def test_it_points_where_a_batch_regression_does():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, 20_000)
    Z = rng.normal(size=(20_000, 5)) + np.outer(groups, [1.0, 0.5, 0.0, -0.3, 0.0])
    made = Directions(("all",), 2, 5)
    for start in range(0, 20_000, 50):
        part = slice(start, start + 50)
        made.update(Z[part], groups[part], np.ones((1, 50), dtype=bool), np.ones(50))
    found = made.weight[0, 1, :-1] - made.weight[0, 0, :-1]
    batch = LogisticRegression().fit(Z, groups).coef_[0]
    cosine = found @ batch / np.linalg.norm(found) / np.linalg.norm(batch)
    assert cosine > 0.995


def test_axes_are_the_weights_event_by_event_without_constants():
    made = Directions(("favorable", "unfavorable"), 3, 4)
    made.weight = np.random.default_rng(0).normal(size=made.weight.shape)
    assert made.axes.shape == (6, 4)
    for e in range(2):
        for a in range(3):
            np.testing.assert_array_equal(made.axes[3 * e + a], made.weight[e, a, :-1])


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_nearest_functions_are_those_of_ridge_regression(kind):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(500, 4)) * (rng.random((500, 4)) < 0.5) + [0.0, 1.0, 0.0, 0.0]
    targets = np.column_stack([Z @ [1.0, -1.0, 0.0, 2.0] + 3.0, 1e-6 * Z[:, 2], np.ones(500)])
    used = np.array([True, True, False, True])
    found = module.nearest_functions(kind(Z), targets, used)
    centered = (Z - Z.mean(axis=0))[:, used]
    square = centered.T @ centered + module.PENALTY * 500 * centered.var(
        axis=0
    ).mean() * np.eye(3)
    scaled = targets[:, :2] / targets[:, :2].std(axis=0)
    by_hand = np.linalg.solve(square, centered.T @ (scaled - scaled.mean(axis=0))).T
    np.testing.assert_allclose(found[:2, used], by_hand, rtol=1e-3, atol=1e-4)
    assert not found[:, ~used].any()
    np.testing.assert_allclose(found[2], 0.0, atol=1e-12)  # a constant is near to nothing
    assert not module.nearest_functions(kind(Z), targets, np.zeros(4, dtype=bool)).any()


def test_new_groups_start_at_zero_and_leave_the_others():
    made = Directions(("all",), 2, 3)
    made.weight = np.ones_like(made.weight)
    grown = made.with_groups(4)
    assert np.array_equal(grown.weight[:, :2], made.weight)
    assert not grown.weight[:, 2:].any()
    assert made.n_groups == 2


def test_other_terms_have_the_same_scores():
    made = Directions(("all",), 2, 3)
    made.weight = np.random.default_rng(0).normal(size=made.weight.shape)
    matrix = np.random.default_rng(1).normal(size=(3, 5))  # Z_old = Z_new @ matrix.T
    moved = made.carried(Carry(matrix, np.zeros(3), np.abs(matrix)))
    Z = np.random.default_rng(2).normal(size=(6, 5))
    np.testing.assert_allclose(Z @ moved.axes.T, Z @ matrix.T @ made.axes.T)
    assert moved.squares.shape == moved.weight.shape


def test_round_trip_and_copy():
    Z, groups, members, row_weight = rows()
    made = Directions(("favorable", "unfavorable"), 3, 4)
    made.update(Z, groups, members, row_weight)
    again, copy = Directions.from_dict(made.to_dict()), made.copy()
    for other in (again, copy):
        assert other.events == made.events
        before = other.weight.copy()
        made.update(Z, groups, members, row_weight)
        assert np.array_equal(other.weight, before)
        other.update(Z, groups, members, row_weight)
        assert not np.array_equal(other.weight, before)


def test_carried_directions_keep_their_constants_and_take_up_those_of_the_terms():
    rng = np.random.default_rng(3)
    made = Directions(("all",), 2, 3)
    made.weight = rng.normal(size=made.weight.shape)
    made.squares = rng.random(made.squares.shape)
    matrix, offset, new = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(5, 3))
    old = new @ matrix.T + offset  # what the terms were of the same rows
    moved = made.carried(Carry(matrix, offset, np.abs(matrix)))
    for before, after in zip(made.weight[0], moved.weight[0], strict=True):
        expected = old @ before[:-1] + before[-1]
        np.testing.assert_allclose(new @ after[:-1] + after[-1], expected)
    np.testing.assert_array_equal(moved.squares[:, :, -1], made.squares[:, :, -1])


def test_what_is_learned_of_groups_is_what_the_guide_says():
    """An offset of two groups goes with the score of being in one, and that tells the group."""
    past, new = (make_credit_stream(8_000, random_state=seed) for seed in (0, 10))
    model = FEAMOEClassifier(random_state=0)
    model.fit(past.data, past.target, sensitive_features=past.sensitive_features)
    monitor = model._model.monitor
    Z = model._model.terms.transform(new.data.to_numpy(dtype=float))
    first, second = (Z @ monitor.directions.axes.T).T
    moved = Z @ monitor.offset[:-1]
    assert moved.std() > 0.1
    assert abs(np.corrcoef(moved, second - first)[0, 1]) > 0.999
    groups = np.unique(new.sensitive_features, return_inverse=True)[1]
    assert 0.75 < roc_auc_score(groups, second - first) < 0.87

"""Small parts of training, each by a few numbers that can be checked by hand."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import csr_array

from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.experts import bulk_gradient, expert_rows, with_shift
from skfeamoe._mixture.layout import Layout
from skfeamoe._parameters import build_settings
from skfeamoe._rows import Rows
from skfeamoe._training import capacity
from skfeamoe._training.drift.policy import DriftGrowth
from skfeamoe._training.drift.recent import RECENT_ROWS, Recent
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.reservoir import Reservoir
from skfeamoe._training.settings import fit_defaults
from skfeamoe._training.step import people_behind, share_of_labels, weight_in_loss
from skfeamoe._training.trainer import Passes


def ensemble(n_experts, n_classes=2, n_terms=2):
    """Experts whose numbers are all different."""
    layout = Layout(n_experts, n_classes, n_terms)
    made = Ensemble.start(layout, np.random.default_rng(0))
    made.params = np.random.default_rng(1).normal(size=made.params.shape)
    made.average = made.params + 1.0
    return made


def rows_of(weight, label_weight):
    n = len(weight)
    weight, label_weight = np.array(weight, float), np.array(label_weight, float)
    return Rows(np.zeros((n, 1)), np.ones(n, int), np.zeros(n, int), weight, label_weight)


def test_sparse_and_dense_rows_have_the_same_gradients_in_bulk():
    rng = np.random.default_rng(0)
    Z, params, d_scores = rng.normal(size=(11, 4)), np.zeros((3, 5)), rng.normal(size=(11, 3))
    Z[rng.random(Z.shape) < 0.6] = 0.0
    dense, sparse = (bulk_gradient(rows, params, d_scores, 4) for rows in (Z, csr_array(Z)))
    for found, expected in zip(sparse, dense, strict=True):
        np.testing.assert_allclose(found, expected)
    assert np.abs(dense[0]).min() > 0.0


@pytest.mark.parametrize("favorable", [0, 1])
def test_a_shift_of_two_classes_goes_to_the_favorable_one(favorable):
    made, offset = ensemble(2), np.array([1.0, -2.0, 3.0])
    moved = with_shift(made.params, made.layout, offset, favorable)
    sign = 1.0 if favorable == 1 else -1.0
    np.testing.assert_allclose(moved[2:] - made.params[2:], [sign * offset] * 2)
    np.testing.assert_array_equal(moved[:2], made.params[:2])


def test_a_generation_goes_with_all_its_experts_and_later_ones_move_up():
    made = ensemble(5)
    made.generation, made.age = np.array([0, 1, 2, 1, 2]), np.arange(5.0)
    left = [made.params[expert_rows(made.layout, k)] for k in (0, 2, 4)]
    made.remove_generation(1)
    assert made.n_experts == 3
    assert made.age.tolist() == [0.0, 2.0, 4.0]
    assert made.generation.tolist() == [0, 1, 1]
    for k, params in enumerate(left):
        np.testing.assert_array_equal(made.params[expert_rows(made.layout, k)], params)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_pairs_whose_mean_changes_the_mixture_least_are_tried_first(n_classes):
    rng = np.random.default_rng(2)
    experts = rng.dirichlet(np.ones(n_classes), size=(40, 5))
    gate = rng.dirichlet(np.ones(5), size=40)
    order = capacity._promising(gate, experts, np.array([0, 0, 0, 0, 1]))
    changes = {}
    for v, w in combinations(range(4), 2):
        share = gate[:, [v, w]].mean(axis=0)
        mean = np.einsum("p,npc->nc", share / share.sum(), experts[:, [v, w]])
        merged = experts.copy()
        merged[:, v] = merged[:, w] = mean
        changes[v, w] = np.abs(np.einsum("nk,nkc->nc", gate, merged - experts)).sum()
    assert order == sorted(changes, key=changes.get)[: capacity.TRIED]


def test_rows_that_are_kept_to_look_back_at_do_not_grow():
    made = Recent(sparse=False)
    for _ in range(60):
        made.update(rows_of(np.ones(50), np.ones(50)))
    assert made.n_rows == sum(map(len, made.batches)) < RECENT_ROWS + 50
    assert len(made) == RECENT_ROWS


def test_a_sample_of_sparse_rows_is_what_was_written():
    made = Reservoir(3, size=10, sparse=True, seed=0)
    rows = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [4.0, 5.0, 6.0], [0.0, 0.0, 7.0]])
    made.update(csr_array(rows), np.ones(4))
    again = Reservoir.from_dict(made.to_dict())
    np.testing.assert_array_equal(again.sample()[0].toarray(), rows)
    assert Reservoir.from_dict(Reservoir(3, size=10, sparse=True, seed=0).to_dict()).rows == []


def test_labels_weigh_at_most_so_much_more_than_their_people():
    rows = rows_of([0.0, 1.0, 2.0, 4.0], [3.0, 3.0, 3.0, 3.0])
    assert weight_in_loss(rows, 1.0).tolist() == [1.0, 1.0, 2.0, 3.0]
    assert people_behind(rows, np.array([2.0, 2.0, 2.0, 2.0]), 4) == 2.0 + 2.0 + 1.0 + 0.5
    assert share_of_labels(rows, np.full(4, 3.5)) == 2.0
    assert share_of_labels(rows_of([0.0], [1.0]), np.ones(1)) == 0.0


def test_there_are_as_many_passes_as_asked_for():
    X, y = np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) % 2
    estimator = FEAMOEClassifier(None, random_state=0).fit(X, y)
    settings = build_settings(estimator, fit_defaults(200), [], y)
    rows = Rows(X, y, np.full(200, -1), np.ones(200))
    assert list(Passes(estimator._model, settings, rows, 3)) == [1, 2, 3]


def test_only_the_generation_in_charge_is_filled_up():
    X, y = np.random.default_rng(0).normal(size=(64, 2)), np.arange(64) % 2
    model = FEAMOEClassifier(None, random_state=0).partial_fit(X, y, classes=[0, 1])._model
    made = model.ensemble
    policy = DriftGrowth(100, 12, "adwin")
    assert policy.generation_size == 3
    model.posterior.append(64)
    believed, other = model.posterior.believed, 1 - model.posterior.believed
    made.generation[:] = other
    made.copy_experts(np.zeros(3, dtype=int), other, 0.5)
    assert policy._has_room(model)
    made.generation[:] = believed
    made.remove(0)
    assert not policy._has_room(model)  # three of this generation
    made.remove(0)
    assert policy._has_room(model)


@pytest.mark.parametrize("young", [True, False])
def test_experts_that_are_to_learn_fast_forget_a_part_of_their_state(young):
    made = ensemble(3)
    made.optimizer_state, made.age = np.ones_like(made.params), np.array([5.0, 6.0, 7.0])
    made.refresh([1], 0.25, young=young)
    for k, left in enumerate([1.0, 0.25, 1.0]):
        assert (made.optimizer_state[expert_rows(made.layout, k)] == left).all()
    assert made.age.tolist() == [5.0, 0.0 if young else 6.0, 7.0]

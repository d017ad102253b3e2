"""What a mixture can do without: costs against brute force, merging, and refusal."""

import copy

import numpy as np
import pytest
from lending import make_lending, stream
from steps import growth_steps

from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.forward import proba
from skfeamoe._training import capacity
from skfeamoe._training.growth import add_expert
from skfeamoe._training.state import PREDICTING, drop_expert, layout_of, prior_scores


def grown(n_classes=2, **parameters):
    """State of a model with six experts, and rows to measure on."""
    X, y, group = make_lending(1500, n_classes=n_classes)
    base = {"growth_interval": 200, "max_experts": 6, "random_state": 0} | parameters
    model = stream(FEAMOEClassifier(**base), X, y, group)
    assert model.n_experts_ == 6
    return model._state, capacity.kept_rows(model._state)


def predicted(state, Z):
    """Probabilities of the model that predicts."""
    return proba(Z, state["average"], layout_of(state), prior_scores(state))


KINDS = [{}, {"n_classes": 3}, {"expert": "mlp", "hidden_layer_sizes": (4,)}]


@pytest.mark.parametrize("kind", KINDS)
def test_cheapest_removal_costs_what_it_says_and_no_more_than_any_drop(kind):
    state, Z = grown(**kind)
    before = predicted(state, Z)
    drops = []
    for k in range(6):
        tried = copy.deepcopy(state)
        drop_expert(tried, k)
        drops.append(np.abs(predicted(tried, Z) - before).mean())
    change, victim, heir = capacity.cheapest_removal(state, Z)
    assert change <= min(drops) + 1e-12
    np.testing.assert_array_equal(predicted(state, Z), before)
    if heir != capacity.NOBODY:
        capacity.merge(state, victim, heir)
    drop_expert(state, victim)
    assert np.abs(predicted(state, Z) - before).mean() == pytest.approx(change)
    assert state["usage"].sum() == pytest.approx(1.0)


def test_merging_two_copies_changes_nothing():
    state, Z = grown()
    before = predicted(state, Z)
    for name in PREDICTING:
        block = state[name]
        block[[1, 7]] = block[[0, 6]]
        block[0, -1] += np.log(0.8)
        block[1, -1] += np.log(0.2)
    state["usage"][[0, 1]] = 0.8, 0.2
    before = predicted(state, Z)
    capacity.merge(state, 1, 0)
    drop_expert(state, 1)
    np.testing.assert_allclose(predicted(state, Z), before, rtol=0, atol=1e-12)


def test_no_expert_is_added_where_every_removal_costs_too_much(monkeypatch):
    state, Z = grown()
    before, memory, n_added = predicted(state, Z), state["memory"].copy(), state["n_added"]
    monkeypatch.setattr(capacity, "MOST_CHANGE", -1.0)
    add_expert(state, 6)
    np.testing.assert_array_equal(predicted(state, Z), before)
    assert state["n_experts"] == 6
    assert state["n_added"] == n_added + 1
    assert (state["memory"] < memory).any()


def test_without_kept_rows_the_least_used_expert_goes():
    state, _ = grown(background_size=0)
    least = int(np.argmin(state["usage"]))
    expected = np.delete(state["usage"], least)
    assert capacity.make_room(state)
    np.testing.assert_allclose(state["usage"], expected / expected.sum())


@pytest.mark.parametrize("growth", ["interval", "drift"])
@pytest.mark.parametrize("max_experts", [3, 5])
def test_replacement_at_a_tight_limit_hardly_moves_predictions(growth, max_experts):
    pytest.importorskip("river", reason="river is an extra")

    X, y, group = make_lending(6000)
    for world in range(4):
        rows = slice(1500 * world, 1500 * (world + 1))
        X[rows, :3] = np.roll(X[rows, :3], world, axis=1)
    model = FEAMOEClassifier(
        growth=growth, max_experts=max_experts, growth_interval=300, random_state=0
    )
    with growth_steps(X) as steps:
        stream(model, X, y, group)
    assert len(steps) >= (3 if growth == "interval" else 1)
    assert max(steps) <= 0.01

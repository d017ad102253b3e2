"""What a mixture can do without: costs against brute force, merging, and refusal."""

import numpy as np
import pytest
from lending import make_lending, stream
from steps import growth_steps

from skfeamoe import FEAMOEClassifier
from skfeamoe._training import capacity
from skfeamoe._training.acts import add_expert, kept_rows
from skfeamoe._training.capacity import Removal


def grown(n_classes=2, **parameters):
    """A model with six experts in training, and rows to measure on."""
    X, y, group = make_lending(1500, n_classes=n_classes)
    base = {"growth_interval": 200, "max_experts": 6, "random_state": 0} | parameters
    model = stream(FEAMOEClassifier(**base), X, y, group)
    assert model.n_experts_ == 6
    return model._model, kept_rows(model._model)


def experts_say(model, Z):
    """Probabilities by the experts alone, without the offset that keeps bounds."""
    return model.ensemble.predict(Z, model.prior)


KINDS = [{}, {"n_classes": 3}, {"expert": "mlp", "hidden_layer_sizes": (4,)}]


@pytest.mark.parametrize("kind", KINDS)
def test_cheapest_removal_costs_what_it_says_and_no_more_than_any_drop(kind):
    model, Z = grown(**kind)
    before = experts_say(model, Z)
    drops = []
    for k in range(6):
        tried = model.copy()
        tried.ensemble.remove(k)
        drops.append(np.abs(experts_say(tried, Z) - before).mean())
    removal = capacity.cheapest_removal(model.ensemble, model.posterior, Z)
    assert removal.change <= min(drops) + 1e-12
    np.testing.assert_array_equal(experts_say(model, Z), before)
    removal.apply(model.ensemble)
    assert np.abs(experts_say(model, Z) - before).mean() == pytest.approx(removal.change)
    assert model.ensemble.load.sum() == pytest.approx(1.0)


def test_merging_two_copies_changes_nothing():
    model, Z = grown()
    for params in (model.ensemble.params, model.ensemble.average):
        params[[1, 7]] = params[[0, 6]]
        params[0, -1] += np.log(0.8)
        params[1, -1] += np.log(0.2)
    model.ensemble.load[[0, 1]] = 0.8, 0.2
    before = model.predict(Z)
    Removal(0.0, victim=1, heir=0).apply(model.ensemble)
    np.testing.assert_allclose(model.predict(Z), before, rtol=0, atol=1e-12)


def test_no_expert_is_added_where_every_removal_costs_too_much(monkeypatch):
    model, Z = grown()
    before, n_added = model.predict(Z), model.clock.n_added
    state = model.ensemble.optimizer_state.copy()
    monkeypatch.setattr(capacity, "MOST_CHANGE", -1.0)
    add_expert(model, 6)
    np.testing.assert_array_equal(model.predict(Z), before)
    assert model.ensemble.n_experts == 6
    assert model.clock.n_added == n_added + 1
    assert (model.ensemble.optimizer_state < state).any()


def test_without_kept_rows_the_least_used_expert_goes():
    model, Z = grown(background_size=0)
    load = model.ensemble.load
    least = int(np.argmin(load))
    expected = np.delete(load, least)
    capacity.best_removal(model.ensemble, model.posterior, Z).apply(model.ensemble)
    np.testing.assert_allclose(model.ensemble.load, expected / expected.sum())


def two_worlds(share):
    """Four generations, of which the third has nearly all weight and the others ``share``."""
    model, Z = grown()
    model.ensemble.generation = np.array([0, 0, 1, 2, 2, 3])
    model.posterior.weights = np.array([share, share, 1.0 - 2.1 * share, 0.1 * share])
    model.posterior.last_believed = np.zeros(4, dtype=np.int64)
    return model, Z


@pytest.mark.parametrize("share", [1e-6, 0.2, 0.3])
def test_generations_that_can_be_spared_are_those_whose_removal_hardly_counts(
    share, monkeypatch
):
    model, Z = two_worlds(share)
    before, moved = experts_say(model, Z), {}
    for j in (0, 1, 3):
        tried = model.copy()
        tried.remove_generation(j)
        moved[j] = np.abs(experts_say(tried, Z) - before).mean()
    assert 0.0 < min(moved.values()) < max(moved.values())
    args = model.ensemble, model.posterior, Z
    for j in moved:  # the limit just above, and just below, what each removal moves
        monkeypatch.setattr(capacity, "MOST_CHANGE", moved[j] * (1 + 1e-6))
        assert j in capacity.spared_generations(*args)
        monkeypatch.setattr(capacity, "MOST_CHANGE", moved[j] * (1 - 1e-6))
        assert j not in capacity.spared_generations(*args)
    monkeypatch.setattr(capacity, "MOST_CHANGE", np.inf)
    assert capacity.spared_generations(*args).tolist() == [0, 1, 3]


@pytest.mark.parametrize(("n_rows", "spared"), [(49, [0, 1, 3]), (50, [])])
def test_with_few_rows_every_generation_but_the_believed_one_can_be_spared(
    n_rows, spared, monkeypatch
):
    model, Z = two_worlds(0.3)
    monkeypatch.setattr(capacity, "MOST_CHANGE", -1.0)
    found = capacity.spared_generations(model.ensemble, model.posterior, Z[:n_rows])
    assert found.tolist() == spared


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

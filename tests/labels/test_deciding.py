"""Decisions that a stream learns from, and outcomes that only the granted show."""

import pickle

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.cases import Cases, counted_once
from skfeamoe._feedback import Exploration, uniforms
from skfeamoe._rows import Rows
from tests.fairness.test_bound import Toy, bounds, monitor, world
from tests.labels.test_unlabeled import PLAIN, experts_of
from tests.lending import assert_same_state, frozen, make_lending, stream

X, Y, GROUPS = make_lending(3000)
OLD, NEW = slice(0, 1500), slice(1500, 3000)


def begun(**parameters):
    """A model that has learned from the older half."""
    model = FEAMOEClassifier(**{"random_state": 0, **parameters})
    groups = None if model.constraints is None else GROUPS[OLD]
    return stream(model, X[OLD], Y[OLD], groups)


# ---------------------------------------------------------------- propensities


def test_a_propensity_is_a_weight_of_the_label():
    """Without what depends on the pace: plain gradient descent, one expert, no penalty."""
    rng = np.random.default_rng(0)
    p = 1.0 / rng.integers(1, 5, len(Y))
    options = {**PLAIN, "solver": "sgd", "alpha": 0.0, "growth": None, "batch_size": 30}
    by_chance, weighted = FEAMOEClassifier(**options), FEAMOEClassifier(**options)
    for start in range(0, len(Y), 30):
        rows = slice(start, start + 30)
        by_chance.partial_fit(X[rows], Y[rows], classes=[0, 1], propensity=p[rows])
        weighted.partial_fit(X[rows], Y[rows], classes=[0, 1], sample_weight=1.0 / p[rows])
    params = [model._model.ensemble.params for model in (by_chance, weighted)]
    assert np.abs(params[0]).max() > 0.1
    np.testing.assert_array_equal(*params)


def test_a_label_that_stands_for_four_is_learned_at_the_pace_of_four():
    """To first order in the step: memory, average and penalty are those of four rows."""
    options = {**PLAIN, "learning_rate": 1e-6, "batch_size": 1}
    once = FEAMOEClassifier(**options).partial_fit(X[:1], Y[:1], [0, 1], propensity=[0.25])
    four = FEAMOEClassifier(**options)
    four.partial_fit(np.tile(X[:1], (4, 1)), np.tile(Y[:1], 4), [0, 1])
    single = FEAMOEClassifier(**options).partial_fit(X[:1], Y[:1], [0, 1])
    one, many, alone = (model._model.ensemble for model in (once, four, single))
    assert many.optimizer_state.max() > 3.9 * alone.optimizer_state.max() > 0.0
    np.testing.assert_allclose(one.optimizer_state, many.optimizer_state, rtol=1e-3)
    np.testing.assert_allclose(one.load, many.load, rtol=1e-6)


def test_a_propensity_leaves_people_as_they_are():
    p = np.random.default_rng(0).uniform(0.1, 1.0, len(Y))
    made = []
    for propensity in (None, p):
        model = FEAMOEClassifier(random_state=0, learning_rate=1e-12)
        model.fit(X, Y, sensitive_features=GROUPS, propensity=propensity)
        made.append(model._model)
    for part in ("terms", "background"):
        assert_same_state(getattr(made[0], part), getattr(made[1], part))
    np.testing.assert_array_equal(made[0].monitor.shares, made[1].monitor.shares)
    assert_same_state(made[0].monitor.directions, made[1].monitor.directions)


def test_the_weight_of_a_label_is_capped_in_the_loss():
    rare, third = (
        FEAMOEClassifier(**PLAIN, max_propensity_weight=3.0).partial_fit(
            X, Y, classes=[0, 1], propensity=np.full(len(Y), p)
        )
        for p in (1e-6, 1.0 / 3.0)
    )
    assert_same_state(experts_of(rare), experts_of(third))


def test_rates_among_labels_are_those_of_all_people():
    """Of the refused one in ten shows a label; with 1/p the rates are unbiased, else not."""
    rows, asked, toy = world(40_000, seed=3), bounds(("equal_opportunity",)), Toy()
    granted = toy.granted(rows.X, np.zeros(3))
    p = np.where(granted, 1.0, 0.1)
    seen = np.random.default_rng(0).random(len(rows)) < p
    y = np.where(seen, rows.y, -1)
    found = {}
    for name, weight in (("naive", seen * 1.0), ("corrected", seen / p)):
        made = monitor(asked)
        part = Rows(rows.X, y, rows.groups, rows.weight, weight)
        made.keep(asked, part)
        made.bounds = asked.limits
        scored = toy.score(rows.X, np.zeros(3))
        found[name] = Cases(made.shares, asked, part).measure(scored, scored.margin).mean[0]
    able = rows.y == 1
    truth = [granted[able & (rows.groups == a)].mean() for a in (0, 1)]
    np.testing.assert_allclose(found["corrected"], truth, atol=0.03)
    assert (found["naive"] > np.array(truth) + 0.1).all()


@pytest.mark.parametrize("bad", [0.0, -0.5, 1.5, np.nan])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_propensity_that_is_no_chance_is_refused(bad, method):
    model = begun(constraints=None)
    before = frozen(model)
    p = np.ones(1500)
    p[7] = bad
    with pytest.raises(ValueError, match=r"propensity must be in \(0, 1\]"):
        getattr(model, method)(X[NEW], Y[NEW], propensity=p)
    y = Y[NEW].astype(float)
    y[7] = np.nan
    assert frozen(model) == before
    getattr(model, method)(
        X[NEW], y, propensity=p
    )  # where there is no label it may be anything
    with pytest.raises(ValueError, match="propensity must have one number per row"):
        getattr(model, method)(X[NEW], y, propensity=p[:-1])


# ---------------------------------------------------------------- exploration


def test_lots_do_not_depend_on_batches():
    whole = uniforms(3, 4000, 5000)
    parts = [uniforms(3, start, 500) for start in range(4000, 9000, 500)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert 0.48 < whole.mean() < 0.52
    assert not np.array_equal(whole, uniforms(4, 4000, 5000))


def test_uniform_exploration_grants_the_asked_share_of_the_refused():
    model = begun()
    people = np.random.default_rng(0).normal(size=(20_000, X.shape[1]))
    predicted = model.predict(people)
    refused = predicted == 0
    decided = model.decide(people, exploration=0.1, wait=False)
    assert (decided.decisions[~refused] == 1).all()
    np.testing.assert_array_equal(decided.propensity, np.where(refused, 0.1, 1.0))
    share, n = decided.decisions[refused].mean(), refused.sum()
    assert abs(share - 0.1) < 4 * np.sqrt(0.09 / n)
    np.testing.assert_array_equal(decided.ids, np.arange(len(people)))


def test_near_the_margin_chances_rise_and_groups_are_explored_alike():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 30_000)
    closeness = rng.beta(2.0, 2.0 + groups)  # group 2 is far from the boundary
    means = [closeness[groups == a].mean() for a in range(3)]
    assert max(means) > 1.2 * min(means)
    policy = Exploration.near_margin(0.05, closeness, groups)
    chances = policy.chances(closeness)
    rates = [chances[groups == a].mean() for a in range(3)]
    assert np.ptp(rates) <= 0.1 * 0.05 + 1e-12
    assert chances.mean() == pytest.approx(0.05)
    assert (np.diff(chances[np.argsort(closeness)]) >= 0).all()
    assert chances.max() > 1.1 * chances.min() > 0.0
    alike = Exploration.near_margin(0.05, closeness, np.full(len(groups), -1))
    assert alike.tilt > policy.tilt  # nobody to be unequal to
    few = Exploration.near_margin(0.05, closeness[:19], groups[:19])
    assert few.tilt == 0.0


def test_exploration_near_the_margin_treats_groups_of_a_model_alike():
    model = begun()
    people, _, groups = make_lending(20_000, seed=9)
    refused = model.predict(people) == 0
    decided = model.decide(people, explore="margin", exploration=0.2, wait=False)
    p = decided.propensity
    rates = [p[refused & (groups == a)].mean() for a in np.unique(groups)]
    assert np.ptp(rates) < 0.1 * 0.2 + 0.01  # known from some hundred people
    q = model.predict_proba(people)[refused, 1]
    assert np.corrcoef(q, p[refused])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"exploration": 1.0}, "exploration must be in"),
        ({"exploration": "all"}, "exploration must be in"),
        ({"explore": "everywhere"}, "explore must be one of"),
        ({"sensitive_features": ["a"]}, "one entry per row"),
    ],
)
def test_bad_arguments_are_refused_without_a_trace(wrong, match):
    model = begun()
    model.decide(X[:5])
    before = frozen(model)
    with pytest.raises(ValueError, match=match):
        model.decide(X[:10], **wrong)
    assert frozen(model) == before


# ---------------------------------------------------------------- waiting


def test_decide_and_complete_are_people_now_and_labels_later():
    """The same as two calls of the trainer: everybody unlabeled, then the granted alone."""
    model, twin = begun(), begun()
    decided = model.decide(X[NEW], sensitive_features=GROUPS[NEW])
    granted = np.flatnonzero(decided.decisions == 1)
    assert model.n_waiting_ == len(granted)
    twin.partial_fit(X[NEW], np.full(1500, None), sensitive_features=GROUPS[NEW])
    assert_same_state(model._model, twin._model)
    shares, units = model._model.monitor.shares, model._model.terms.to_dict()
    model.complete(decided.ids[granted], Y[NEW][granted])
    assert model.n_waiting_ == 0
    assert model.n_samples_seen_ == 1500 + len(granted)
    np.testing.assert_allclose(model._model.monitor.shares, shares, rtol=0.5)
    assert_same_state(model._model.terms.to_dict(), units)  # nobody is counted twice
    loss = model._model.monitor.people.gather(2).rows
    assert (loss.weight[loss.y >= 0] == 0).any()


def test_late_labels_count_like_those_that_come_at_once():
    """With units held and no bound, waiting changes nothing but the order of learning."""
    late, now = begun(**PLAIN), begun(**PLAIN)
    decided = late.decide(X[NEW], exploration=0.2)
    granted = decided.decisions == 1
    late.complete(decided.ids[granted], Y[NEW][granted])
    chances = decided.propensity[granted]
    now.partial_fit(X[NEW][granted], Y[NEW][granted], propensity=chances)
    assert_same_state(experts_of(late), experts_of(now))


@pytest.mark.parametrize("control", ["bound", "schedule"])
def test_a_saved_model_goes_on_as_if_it_had_not_been(control):
    whole = begun(control=control, constraints=["demographic_parity", "equal_opportunity"])
    whole.decide(X[NEW][:300], sensitive_features=GROUPS[NEW][:300])
    saved = pickle.loads(pickle.dumps(whole))
    for model in (whole, saved):
        for start in range(300, 900, 60):
            rows = slice(1500 + start, 1560 + start)
            decided = model.decide(X[rows], sensitive_features=GROUPS[rows], explore="margin")
            granted = decided.decisions == 1
            model.complete(decided.ids[granted][::2], Y[rows][granted][::2])
    assert_same_state(whole._model, saved._model)
    assert_same_state(whole._waiting, saved._waiting)
    assert whole.n_waiting_ > 0


def test_who_waits_longest_goes_first_and_it_is_told():
    model = begun(constraints=None, waiting_size=10)
    first = model.decide(X[:10], exploration=0.99)
    assert model.n_waiting_ <= 10
    with pytest.warns(UserWarning, match="waiting_size=10"):
        second = model.decide(X[10:40], exploration=0.99)
    assert model.n_waiting_ == 10
    with pytest.raises(ValueError, match="dropped for want of room"):
        model.complete(first.ids[:1], [1])
    last = second.ids[second.decisions == 1][-10:]
    model.complete(last, Y[last])
    assert model.n_waiting_ == 0


def test_strangers_are_refused_without_a_trace():
    model = begun(constraints=None)
    decided = model.decide(X[NEW])
    granted = decided.ids[decided.decisions == 1]
    refused = decided.ids[decided.decisions == 0]
    before = frozen(model)
    for ids, y, match in (
        (refused[:1], [1], "waits for no outcome"),
        ([10**6], [1], "`decide` has given 1500 ids"),
        ([granted[0] + 0.9], [1], rf"ids must be whole numbers.* got {granted[0] + 0.9}"),
        ([1e300], [1], "ids must be whole numbers"),
        ([True], [1], "ids must be whole numbers.* got True"),
        (["nope"], [1], "ids must be whole numbers.* got 'nope'"),
        ([np.nan], [1], "ids must be whole numbers.* got nan"),
        ([None], [1], "ids must be whole numbers.* got None"),
        ([-1], [1], "`decide` has given"),
        (granted[[0, 0]], [1, 1], "every person once"),
        (granted[:2], [1], "inconsistent numbers of samples"),
        (granted[:1], [7], "not among the classes"),
    ):
        with pytest.raises(ValueError, match=match):
            model.complete(ids, y)
        assert frozen(model) == before
    with pytest.raises(ValueError, match="`decide` has given 0 ids"):
        begun(constraints=None).complete([0], [1])


def test_an_outcome_that_will_not_come_frees_its_place():
    model = begun(constraints=None)
    decided = model.decide(X[NEW])
    granted = decided.ids[decided.decisions == 1]
    before = model._model
    model.complete(granted, np.full(len(granted), None))
    assert model.n_waiting_ == 0
    assert model._model is before
    model.complete([], [])


def test_a_new_fit_lets_nobody_wait():
    model = begun(constraints=None)
    model.decide(X[NEW])
    assert model.n_waiting_ > 0
    model.fit(X, Y)
    assert model.n_waiting_ == 0


# ---------------------------------------------------------------- the point of it


@pytest.mark.slow
def test_exploration_keeps_learning_what_naive_feedback_forgets():
    """After a change that makes the refused good, only those who explore find out."""
    rng = np.random.default_rng(0)
    n = 12_000
    people = rng.normal(size=(n, 4))
    changed = np.arange(n) >= n // 3
    y = (np.where(changed, -people[:, 0], people[:, 0]) + 0.5 * rng.logistic(size=n) > 0) * 1
    accuracy = {}
    for exploration in (0.0, 0.05):
        model = FEAMOEClassifier(constraints=None, random_state=0)
        model.partial_fit(people[:1000], y[:1000], classes=[0, 1])
        right = []
        for start in range(1000, n, 50):
            rows = slice(start, start + 50)
            predicted = model.predict(people[rows])
            decided = model.decide(people[rows], exploration=exploration)
            granted = decided.decisions == 1
            model.complete(decided.ids[granted], y[rows][granted])
            right.append((predicted == y[rows]).mean())
        accuracy[exploration] = np.mean(right[-100:])
    assert accuracy[0.05] > accuracy[0.0] + 0.05


def test_propensities_are_no_weights_that_bend_the_gaps():
    """Counted once each, the granted alone show other rates: no sample_weight was given."""
    X, y, group = make_lending(9_000)
    model = FEAMOEClassifier("equalized_odds", random_state=1)
    model.partial_fit(X[:2_000], y[:2_000], [0, 1], sensitive_features=group[:2_000])
    for start in range(2_000, 9_000, 500):
        now = slice(start, start + 500)
        made = model.decide(X[now], sensitive_features=group[now], exploration=0.05)
        granted = made.decisions == 1
        model.complete(made.ids[granted], y[now][granted])
    for row in model.group_gap_details_:
        assert row["unweighted_gap"] == pytest.approx(row["gap"], abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_everybody_once_is_one_over_the_propensity_of_a_label(weighted):
    rng = np.random.default_rng(0)
    X, y, group = make_lending(3_000)
    seen = rng.random(3_000) < 0.6
    propensity = rng.uniform(0.3, 1.0, 3_000)
    weight = rng.uniform(0.5, 2.0, 3_000) if weighted else np.ones(3_000)
    rows = Rows(X, np.where(seen, y, -1), group, weight, weight * seen / propensity)
    once = counted_once(("all", "favorable"), rows)
    np.testing.assert_allclose(once[0], 1.0)
    np.testing.assert_allclose(once[1], seen / propensity)

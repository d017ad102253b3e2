"""Bounds in a stream: kept while groups stay away or are unknown, and told of once."""

import itertools
import pickle
import re
import warnings

import numpy as np
import pytest
from rule_models import make_world, random_rows
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skfeamoe import FairnessWarning
from skfeamoe.postprocessing import BiasScoreClassifier, _buffer, _fitting, _outrun
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._inputs import request_of

X, Y, GROUP = make_world(12_000, seed=3)
X_NEW, _, GROUP_NEW = make_world(20_000, seed=4)
UNKNOWN = np.full(len(Y), None)
ALONE = np.flatnonzero(GROUP == "a")


def online(**parameters):
    base = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    return BiasScoreClassifier(base, **{"random_state": 0} | parameters)


def learn(model, rows, groups=GROUP, *, size=100):
    """What is told while some rows stream through a model."""
    told = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.partial_fit(X[part], Y[part], classes=[0, 1], sensitive_features=groups[part])
        told += [str(one.message) for one in found if one.category is FairnessWarning]
    return told


def gap(model):
    decided = model.predict(X_NEW)
    rates = [decided[name == GROUP_NEW].mean() for name in "ab"]
    return abs(rates[0] - rates[1])


# ------------------------------------------------------------------ who is kept


def rows_of(groups, *, late=False):
    """Rows of these groups, whose probability is their number."""
    n = len(groups)
    held = random_rows(n)
    weight = np.zeros(n) if late else np.ones(n)
    eta = np.arange(n) / n
    return HeldOut(eta, held.pi, np.asarray(groups), held.favored, weight, np.ones(n))


def kept(groups, size, *, step=None):
    """Numbers of the rows that are kept after a stream."""
    held = rows_of(groups)
    buffer = _buffer.new_buffer(size, *held.pi.shape[1:])
    for start in range(0, len(held), step or len(held)):
        part = np.arange(start, min(start + (step or len(held)), len(held)))
        buffer = _buffer.push(buffer, held.rows(part))
    return buffer["arrival"]


@pytest.mark.parametrize("size", [5, 100, 400])
@pytest.mark.parametrize("unknown", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_who_is_kept_does_not_depend_on_the_batches(size, unknown, share):
    rng = np.random.default_rng(0)
    groups = (rng.random(700) < share).astype(int)
    groups[rng.random(700) < unknown] = -1
    groups[300:500] = -1
    whole = kept(groups, size)
    assert len(whole) == size
    for step in (1, 7, 100):
        np.testing.assert_array_equal(kept(groups, size, step=step), whole)


def test_where_groups_are_known_and_many_the_last_rows_are_kept():
    groups = np.arange(1000) % 3 // 2  # a third is of the second group
    np.testing.assert_array_equal(kept(groups, 300), np.arange(700, 1000))


def test_a_group_that_stays_away_keeps_its_part():
    found = kept(np.r_[np.ones(300, int), np.zeros(2000, int)], 200)
    np.testing.assert_array_equal(found, np.r_[275:300, 2125:2300])


def test_rows_of_unknown_group_have_the_room_that_is_left():
    groups = np.r_[np.arange(150) % 2, np.full(1000, -1)]
    np.testing.assert_array_equal(kept(groups, 200), np.r_[:150, 1100:1150])
    groups = np.r_[np.full(1000, -1), np.arange(300) % 2]
    np.testing.assert_array_equal(kept(groups, 200), np.arange(1100, 1300))


def test_outcomes_displace_outcomes_and_who_weighs_nothing_nobody():
    people, outcomes = rows_of([0, 1] * 100), rows_of([0, 1] * 500, late=True)
    buffer = _buffer.push(_buffer.new_buffer(200, 2, 1), people)
    buffer = _buffer.push(buffer, outcomes)
    held = _buffer.recent(buffer)
    assert held.weight.sum() == 200
    assert held.label_weight.sum() == 400
    nobody = HeldOut(*(getattr(people, name) for name in _buffer.FIELDS[:4]), np.zeros(200))
    np.testing.assert_array_equal(_buffer.push(buffer, nobody)["eta"], buffer["eta"])


def test_a_buffer_saved_before_decisions_were_kept_takes_new_rows():
    buffer = _buffer.push(_buffer.new_buffer(200, 2, 1), rows_of([0, 1] * 40))
    del buffer["granted"]
    buffer = _buffer.push(buffer, rows_of([0, 1] * 10), np.full(20, 0.25))
    assert len(_buffer.recent(buffer)) == 100
    decided, granted = _buffer.decided(buffer)
    assert len(decided) == 20
    np.testing.assert_array_equal(granted, 0.25)


def test_pushing_leaves_the_given_buffer_as_it_was():
    buffer = _buffer.push(_buffer.new_buffer(50, 2, 1), rows_of([0, 1] * 40))
    before = pickle.dumps(buffer)
    _buffer.push(buffer, rows_of([1, 0] * 40))
    assert pickle.dumps(buffer) == before


# ------------------------------------------------------------------ bounds that last


@pytest.mark.parametrize("constraint", ["demographic_parity", "equal_opportunity"])
def test_bound_lasts_while_groups_are_unknown_after_a_fit(constraint):
    model = online(constraints=constraint).fit(
        X[:4000], Y[:4000], sensitive_features=GROUP[:4000]
    )
    multipliers, gaps = model.multipliers_, dict(model.group_gaps_)
    told = learn(model, np.arange(4000, 7000), UNKNOWN)
    assert len(told) == 1
    assert "the rule stays as it was" in told[0]
    np.testing.assert_array_equal(model.multipliers_, multipliers)
    assert model.group_gaps_ == gaps
    if constraint == "demographic_parity":
        assert gap(model) < 0.12
    assert learn(model, np.arange(7000, 8000)) == []
    assert not np.array_equal(model.multipliers_, multipliers)
    assert len(learn(model, np.arange(8000, 8600), UNKNOWN)) == 0, "those before are kept"


def test_bound_lasts_while_groups_are_unknown_in_a_stream():
    model = online(buffer_size=500)
    learn(model, np.arange(3000))
    assert learn(model, np.arange(3000, 6000), UNKNOWN) == []
    assert np.bincount(model._held["groups"] + 1).tolist()[0] == 0
    assert 0.0 < model.group_gaps_["demographic_parity"] <= 0.05
    assert gap(model) < 0.12


def test_bounds_that_rest_on_people_long_ago_are_told_of_once():
    model = online(solve_interval=1000)
    learn(model, np.arange(1500))
    told = learn(model, np.arange(12_000), UNKNOWN, size=1000)
    assert len(told) == 1
    assert "no row of known group has come for 10" in told[0]
    assert learn(model, np.arange(1000)) == []
    assert model._episodes == []


@pytest.mark.parametrize("begin", ["fit", "stream"])
def test_bound_lasts_while_a_group_stays_away(begin):
    model = online()
    if begin == "fit":
        model.fit(X[:3000], Y[:3000], sensitive_features=GROUP[:3000])
    else:
        learn(model, np.arange(3000))
    before = model.group_estimator_.coef_
    told = learn(model, ALONE[ALONE >= 3000])
    assert len(told) == (begin == "fit")
    assert all("the rule stays as it was" in text and "b (all)" in text for text in told)
    assert 0.0 < model.group_gaps_["demographic_parity"] <= 0.05
    assert gap(model) < 0.12
    still = model.group_estimator_.coef_
    assert np.abs(still - before).max() < 0.5, "it has not forgotten the group"
    multipliers = model.multipliers_
    learn(model, np.r_[np.flatnonzero(GROUP == "b")[:10], ALONE[:600]])
    ten_decide = not np.array_equal(model.multipliers_, multipliers)
    assert ten_decide == (begin == "stream"), "beside the others of the group, not alone"
    learn(model, np.arange(1000))
    assert not np.array_equal(model.group_estimator_.coef_, still)


def test_a_group_is_away_where_its_people_would_have_come():
    def buffer_of(groups):
        held = rows_of(groups)
        return _buffer.push(_buffer.new_buffer(200, 2, 1), held), held

    both = [0, 1] * 50
    assert not _buffer.is_one_away(buffer_of(both + [0] * 39)[0], None)
    assert _buffer.is_one_away(buffer_of(both + [0] * 41)[0], None)
    rare, _ = buffer_of([1] * 5 + [0] * 150)
    assert not _buffer.is_one_away(rare, None), "five people have no pace"
    alone, _ = buffer_of([0] * 50)
    assert not _buffer.is_one_away(alone, None), "it may come yet"
    assert _buffer.is_one_away(alone, rows_of(both))


def test_late_outcomes_displace_nobody():
    model = online(buffer_size=300, solve_interval=100, group_estimator=GaussianNB())
    learn(model, np.arange(1000))
    decided = model.decide(X[1000:2000], sensitive_features=GROUP[1000:2000], exploration=0.1)
    granted = np.flatnonzero(decided.decisions == 1)
    people = model._held_out().sums(np.ones(300), ["all"])
    for part in np.array_split(granted, 10):
        model.complete(decided.ids[part], Y[1000:2000][part])
    held = model._held_out()
    np.testing.assert_array_equal(held.sums(np.ones(len(held)), ["all"]), people)
    assert held.weight.sum() == 300
    assert np.isfinite(model.multipliers_).all()
    assert 0.0 < model.group_gaps_["demographic_parity"] <= 0.05


# ------------------------------------------------------------------ what is told


def announced(monkeypatch, kinds_of_solves):
    """Let the solves of a stream find these kinds of messages, with numbers that change."""
    plain, solves, number = _fitting.find_rules, iter(kinds_of_solves), itertools.count()

    def find_rules(estimator, request, held, start=None):
        found = plain(estimator, request, held, start)
        if held is not None:
            kinds = next(solves)
            found.messages.clear()
            found.messages.update({k: f"{k} {next(number)}" for k in kinds})
        return found

    monkeypatch.setattr(_fitting, "find_rules", find_rules)


def test_an_episode_is_told_once_by_its_kind(monkeypatch):
    kinds = [[], ["unmet"], ["unmet"], ["unmet", "harmed"], ["harmed"], ["unmet", "harmed"]]
    announced(monkeypatch, kinds)
    model = online()
    told = [
        [text.split()[0] for text in learn(model, np.arange(start, start + 500))]
        for start in range(100, 3100, 500)
        if start > 100 or not learn(model, np.arange(100))
    ]
    assert told == [[], ["unmet"], [], ["harmed"], [], ["unmet"]]


def test_episodes_are_saved_and_begin_with_what_fit_has_told(monkeypatch):
    announced(monkeypatch, [["unmet"]] * 10 + [[]] + [["unmet"]])
    model = online(solve_interval=100)
    with pytest.warns(FairnessWarning, match="unmet"):
        model.fit(X[:1000], Y[:1000], sensitive_features=GROUP[:1000])
    assert learn(model, np.arange(1000, 1500)) == []
    model = pickle.loads(pickle.dumps(model))
    assert learn(model, np.arange(1500, 2000)) == []
    assert len(learn(model, np.arange(2000, 2100))) == 1


def test_deciding_and_completing_tell_too_after_their_work(monkeypatch):
    model = online(solve_interval=200)
    learn(model, np.arange(1000))
    announced(monkeypatch, [["unmet"], [], ["harmed"]])
    with pytest.warns(FairnessWarning, match="unmet"):
        decided = model.decide(X[1000:1300], sensitive_features=GROUP[1000:1300])
    assert model.n_waiting_ == (decided.decisions == 1).sum()
    model.decide(X[1300:1600], sensitive_features=GROUP[1300:1600])
    granted = decided.decisions == 1
    later = np.resize(np.flatnonzero(granted), 300)
    model.solve_interval = 10
    with pytest.warns(FairnessWarning, match="harmed"):
        model.complete(decided.ids[np.unique(later)], Y[1000:1300][np.unique(later)])
    assert model._episodes == ["harmed"]


def test_a_warning_that_is_an_error_leaves_what_was_learned(monkeypatch):
    announced(monkeypatch, [["unmet"]])
    model = online(solve_interval=200)
    learn(model, np.arange(100))
    coef = model.estimator_.coef_.copy()
    with pytest.raises(FairnessWarning, match="unmet"):
        model.partial_fit(X[100:400], Y[100:400], sensitive_features=GROUP[100:400])
    assert not np.array_equal(model.estimator_.coef_, coef)
    assert model._episodes == ["unmet"]


def test_bounds_that_conflict_in_a_stream_are_told_of():
    X4, y4, groups = make_world(6000, n_groups=4, seed=3)
    model, beyond, told = online(constraints="equalized_odds"), [], []
    for start in range(0, 6000, 100):
        rows = slice(start, start + 100)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.partial_fit(X4[rows], y4[rows], [0, 1], sensitive_features=groups[rows])
        told.append(any("no single rule" in str(one.message) for one in found))
        beyond.append(model.group_gaps_.get("equalized_odds", 0.0) > 0.05 + 1e-8)
    begins = [now and not before for before, now in zip([False, *beyond], beyond, strict=False)]
    assert sum(begins) > 1
    assert told == begins


class Moving(ClassifierMixin, BaseEstimator):
    """A model whose scores of one group move with every batch, by so much, or swing."""

    def __init__(self, pace=0.0, swing=0.0):
        self.pace = pace
        self.swing = swing

    def fit(self, X, y):
        return self.partial_fit(X, y, np.unique(y))

    def partial_fit(self, X, y, classes=None):
        self.classes_ = np.asarray(classes)
        self.n_batches_ = getattr(self, "n_batches_", 0) + 1
        return self

    def predict_proba(self, X):
        shift = self.pace * self.n_batches_ + self.swing * (-1) ** (self.n_batches_ // 5)
        shift = shift * (X[:, 3] > 0.75)
        chance = expit(1.5 * X[:, 0] + X[:, 1] + 0.3 + shift)
        return np.column_stack([1.0 - chance, chance])


@pytest.mark.parametrize(("pace", "n_told"), [(0.0, 0), (-0.1, 1), (0.1, 1)])
def test_models_that_outrun_the_rule_are_told_of_once(pace, n_told):
    """The rule is solved on what the models said before, and they go on in one direction."""
    model = BiasScoreClassifier(Moving(pace), group_estimator=GaussianNB(), random_state=0)
    told = [text for text in learn(model, np.arange(12_000)) if "clearly passed" in text]
    assert len(told) == n_told
    if told:
        assert re.search(r"gap 0\.\d+ for a bound of 0\.05; on the rows that", told[0])


@pytest.mark.parametrize(("swing", "n_told"), [(0.5, 0), (2.0, 1)])
def test_models_that_swing_are_told_of_though_the_gap_is_small_in_the_mean(swing, n_told):
    """Now the one group is favored and now the other, from one solution to the next."""
    model = BiasScoreClassifier(Moving(0.0, swing), group_estimator=GaussianNB())
    told = [text for text in learn(model, np.arange(12_000)) if "clearly passed" in text]
    assert len(told) == n_told
    assert sum("though not in all of them together" in text for text in told) == n_told
    passed = model._buffer["stretches"]["passed"]
    assert len(passed) == 16
    assert (sum(map(len, passed)) >= _outrun.OFTEN) is bool(n_told)
    held, decided = _buffer.decided(model._buffer)
    rates = held.rates(decided, ["all"])
    assert abs(rates[0] - rates[1]) < 0.12
    model.set_params(difference_bound=0.5)
    assert learn(model, np.arange(500)) == []
    assert model._buffer["stretches"]["passed"] == [[]]  # looked at for another bound


def test_a_stretch_is_what_came_since_the_rule_was_solved():
    held = _buffer.push(_buffer.new_buffer(400, 2, 1), rows_of([0, 1] * 150), np.zeros(300))
    unfair = np.tile([0.0, 1.0], 50)
    held = {**_buffer.push(held, rows_of([0, 1] * 50), unfair), "n_since_solved": 100}
    asked = request_of(online(difference_bound=0.3))
    assert _outrun.message(asked, held, {}) == ""
    for n in (1, 2, 3):
        held = _outrun.looked(asked, held)
        assert held["stretches"]["passed"] == [[["demographic_parity", "difference"]]] * n
    assert "in 3 of the last 3 stretches" in _outrun.message(asked, held, {})
    for _ in range(_outrun.STRETCHES):
        held = _outrun.looked(asked, {**held, "n_since_solved": 300})
    assert held["stretches"]["passed"] == [[]] * _outrun.STRETCHES


def test_decisions_are_kept_as_they_were_and_unknown_where_there_was_no_rule():
    model = online(buffer_size=3_000, solve_interval=1_000, coverage=0.8)
    for first in range(0, 3_000, 100):
        part = slice(first, first + 100)
        model.partial_fit(X[part], Y[part], [0, 1], sensitive_features=GROUP[part])
        if first == 1_900:
            before = model._buffer["granted"]
    granted = model._buffer["granted"]
    assert np.isnan(granted[:1_000]).all()
    np.testing.assert_array_equal(granted[: len(before)], before)
    assert 0.7 < (~np.isnan(granted[1_000:])).mean() < 0.9
    held, decided = _buffer.decided(model._buffer)
    assert len(held) == len(decided) == np.count_nonzero(~np.isnan(granted))
    assert set(decided) == {0.0, 1.0}


def test_only_what_chance_does_not_explain_is_told():
    rng, n = np.random.default_rng(0), 1_000
    rows = rows_of([0, 1] * (n // 2))
    asked = request_of(online(difference_bound=0.1))
    for share, is_told in ((0.55, False), (0.62, False), (0.8, True)):
        granted = rng.random(n) < np.where(rows.groups == 0, 0.5, share)
        held = _buffer.push(_buffer.new_buffer(n, 2, 1), rows, granted.astype(float))
        assert bool(_outrun.message(asked, held, {})) is is_told
    nobody = _buffer.push(_buffer.new_buffer(n, 2, 1), rows)
    assert _outrun.message(asked, nobody, {}) == ""

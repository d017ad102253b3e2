"""Rows without a label: people everywhere, labels nowhere."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference
from sklearn.exceptions import NotFittedError

from skfeamoe import FEAMOEClassifier
from skfeamoe._rows import Rows
from tests.fairness.test_bound import Toy, bounds, monitor, run, world
from tests.lending import assert_same_state, frozen, make_lending, stream

PLAIN = {"constraints": None, "standardize": False, "random_state": 0}
X, Y, GROUPS = make_lending(1200)
KNOWN = np.random.default_rng(1).random(len(Y)) < 0.3
HIDDEN = np.where(KNOWN, Y, np.nan)


def experts_of(model):
    """What has been learned of labels."""
    ensemble = model._model.ensemble
    return {"params": ensemble.params, "average": ensemble.average, "load": ensemble.load}


@pytest.mark.parametrize("expert", ["logistic", "mlp"])
def test_fit_learns_from_the_labeled_rows_alone(expert):
    part = FEAMOEClassifier(**PLAIN, expert=expert).fit(X, HIDDEN)
    alone = FEAMOEClassifier(**PLAIN, expert=expert).fit(X[KNOWN], Y[KNOWN])
    assert_same_state(experts_of(part), experts_of(alone))
    assert part.n_samples_seen_ == alone.n_samples_seen_
    assert_same_state(dict(part.history_), dict(alone.history_))


@pytest.mark.parametrize("growth", ["interval", "drift"])
def test_a_stream_learns_from_the_labeled_rows_alone(growth):
    made = {**PLAIN, "growth": growth, "growth_interval": 100, "batch_size": 50}
    part, alone = FEAMOEClassifier(**made), FEAMOEClassifier(**made)
    stream(part, X, HIDDEN, rows=50, classes=[0, 1])
    for start in range(0, len(Y), 50):
        rows = np.arange(start, start + 50)[KNOWN[start : start + 50]]
        alone.partial_fit(X[rows], Y[rows], classes=[0, 1])
    assert part.n_experts_ > 1
    assert_same_state(experts_of(part), experts_of(alone))
    seen, told = (m._model.drift.to_dict() for m in (part, alone))
    assert_same_state(seen["detectors"], told["detectors"])
    if growth == "drift":
        a, b = (model._model.drift.recent.last(200) for model in (part, alone))
        np.testing.assert_array_equal(a.X, b.X)
        np.testing.assert_array_equal(a.y, b.y)


def test_units_and_background_are_of_all_people():
    part = FEAMOEClassifier(constraints=None, random_state=0).fit(X, HIDDEN)
    every = FEAMOEClassifier(constraints=None, random_state=0).fit(X, Y)
    assert_same_state(part._model.terms, every._model.terms)
    np.testing.assert_array_equal(part.background_, every.background_)


def hidden(rows, known):
    """Rows of which only some have a label."""
    y = np.where(known, rows.y, -1)
    return Rows(rows.X, y, rows.groups, rows.weight, rows.weight * known)


@pytest.mark.parametrize("names", [("demographic_parity",), ("burden",)])
def test_bounds_that_ask_for_no_label_do_not_see_that_it_is_missing(names):
    asked, rows = bounds(names), world(4000, seed=5)
    known = np.random.default_rng(0).random(len(rows)) < 0.1
    every, part = run(asked, rows), run(asked, hidden(rows, known))
    assert every.offset.any()
    np.testing.assert_array_equal(every.offset, part.offset)
    np.testing.assert_array_equal(every.shares, part.shares)
    assert_same_state(every.measured, part.measured)
    assert_same_state(every.directions, part.directions)
    assert_same_state(every.arrivals, part.arrivals)


def test_bounds_on_labels_see_the_labeled_rows_alone():
    asked, rows = bounds(("equalized_odds",)), world(4000, seed=5)
    known = np.random.default_rng(0).random(len(rows)) < 0.3
    part, alone = (run(asked, some) for some in (hidden(rows, known), rows.take(known)))
    for made, some in ((part, hidden(rows, known)), (alone, rows.take(known))):
        made.settle(asked, Toy().score, some)
    np.testing.assert_array_equal(part.measured.n_rows, alone.measured.n_rows)
    n_labels = [
        [(rows.y[known & (rows.groups == a)] == y).sum() for a in (0, 1)] for y in (1, 0)
    ]
    np.testing.assert_array_equal(part.measured.n_rows, n_labels)


@pytest.mark.parametrize("share", [0.05, 0.02])
def test_the_gap_is_as_small_as_with_all_labels(share):
    X, y, groups = make_lending(6000, seed=3)
    known = np.random.default_rng(0).random(len(y)) < share
    model = FEAMOEClassifier(random_state=0)
    model.fit(X[:5000], np.where(known, y, np.nan)[:5000], sensitive_features=groups[:5000])
    assert model.group_gap_details_[0]["n_highest"] > 2000
    gap = demographic_parity_difference(
        y[5000:], model.predict(X[5000:]), sensitive_features=groups[5000:]
    )
    assert gap < 0.05 + 2 * np.sqrt(2 * 0.25 / 500)


@pytest.mark.parametrize("control", ["bound", "schedule"])
def test_a_stream_without_any_label_changes_no_expert_and_keeps_the_bound(control):
    model = FEAMOEClassifier(control=control, standardize=False, random_state=0)
    stream(model, X, Y, GROUPS)
    before = experts_of(model)
    seen = model._model.monitor.n_seen
    nobody = np.full(len(Y), None)
    stream(model, make_lending(1200, seed=7)[0], nobody, GROUPS, classes=[0, 1])
    assert_same_state(before, experts_of(model))
    if control == "bound":
        assert model._model.monitor.n_seen == seen + 1200
        assert model.group_gaps_["demographic_parity"] < 0.1


def test_the_schedule_pushes_unlabeled_people_in_step_with_labels():
    """Everybody once with and once without a label is as everybody once."""
    options = {"control": "schedule", "growth_interval": 200, "penalty_increment": 0.1}
    options |= {"standardize": False, "random_state": 0}
    once = FEAMOEClassifier(**options, batch_size=64)
    twice = FEAMOEClassifier(**options, batch_size=128)
    for start in range(0, len(Y), 64):
        rows = slice(start, start + 64)
        people, groups = np.tile(X[rows], (2, 1)), np.tile(GROUPS[rows], 2)
        y = np.append(Y[rows].astype(float), np.full(len(Y[rows]), np.nan))
        once.partial_fit(X[rows], Y[rows], classes=[0, 1], sensitive_features=GROUPS[rows])
        twice.partial_fit(people, y, classes=[0, 1], sensitive_features=groups)
    free = stream(FEAMOEClassifier(**PLAIN, growth_interval=200, batch_size=64), X, Y, rows=64)
    assert not np.allclose(experts_of(once)["params"], experts_of(free)["params"], atol=0.01)
    assert_same_state(experts_of(once), experts_of(twice), rtol=1e-9, atol=1e-12)


def test_accuracy_is_of_labeled_rows():
    model = FEAMOEClassifier(**PLAIN).fit(X, HIDDEN)
    weight = np.random.default_rng(0).random(len(Y))
    alone = model.score(X[KNOWN], Y[KNOWN], weight[KNOWN])
    assert model.score(X, HIDDEN, weight) == pytest.approx(alone)
    assert model.score(X, np.where(KNOWN, Y, None), weight) == pytest.approx(alone)
    with pytest.raises(ValueError, match="y has no label, so that there is nothing to score"):
        model.score(X, np.full(len(Y), None))
    with pytest.raises(NotFittedError):
        FEAMOEClassifier().score(X, Y)


MARKS = {
    "nan": (HIDDEN, None),
    "none": (np.where(KNOWN, Y, None), None),
    "list": ([int(v) if k else None for v, k in zip(Y, KNOWN, strict=True)], None),
    "pandas": (pd.Series(np.where(KNOWN, Y, None), dtype="Int64"), None),
    "minus one": (np.where(KNOWN, Y, -1), -1),
    "text": (np.where(KNOWN, Y.astype(object), "?"), "?"),
    "both": (np.where(KNOWN, Y.astype(object), np.where(X[:, 0] > 0, None, "?")), "?"),
}


@pytest.mark.parametrize("name", MARKS)
def test_every_mark_is_the_same_as_a_missing_label(name):
    y, mark = MARKS[name]
    expected = FEAMOEClassifier(**PLAIN).fit(X, HIDDEN)
    model = FEAMOEClassifier(**PLAIN, unlabeled=mark).fit(X, y)
    assert model.classes_.tolist() == [0, 1]
    assert_same_state(experts_of(model), experts_of(expected))


def test_text_labels_may_be_missing():
    names = np.array(["no", "yes"], dtype=object)[Y]
    y = np.where(KNOWN, names, None)
    model = FEAMOEClassifier(**PLAIN).fit(X, y)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X[:50])) <= {"no", "yes"}


def test_objects_are_read_by_what_they_hold_whether_or_not_one_is_missing():
    """A batch of a stream in which, by chance, every label is there."""
    whole = FEAMOEClassifier(**PLAIN).fit(X, Y.astype(object))
    assert whole.classes_.dtype.kind == "i"
    stream(whole, X[:50], Y[:50].astype(object), classes=[0, 1])
    mixed = np.where(X[:, 0] > 0, Y.astype(object), "text")
    for y in (mixed, np.where(KNOWN, mixed, None)):
        with pytest.raises((TypeError, ValueError)):
            FEAMOEClassifier(**PLAIN).fit(X, y)


def test_minus_one_beside_other_classes_is_told_unless_declared():
    y = np.where(KNOWN, Y, -1)
    with pytest.warns(UserWarning, match="unlabeled=-1"):
        FEAMOEClassifier(**PLAIN).fit(X, y)
    kept = FEAMOEClassifier(**PLAIN, unlabeled=float("nan")).fit(X, y)
    assert kept.classes_.tolist() == [-1, 0, 1]
    named = FEAMOEClassifier(**PLAIN).partial_fit(X, y, classes=[-1, 0, 1])
    assert named.classes_.tolist() == [-1, 0, 1]
    two = FEAMOEClassifier(**PLAIN).fit(X, 2 * Y - 1)
    assert two.classes_.tolist() == [-1, 1]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_no_label_at_all_is_refused_where_it_has_to_tell_the_classes(method):
    model = stream(FEAMOEClassifier(**PLAIN), X[:100], Y[:100])
    before = frozen(model)
    y = np.full(100, np.nan)
    if method == "fit":
        with pytest.raises(ValueError, match="y has no label"):
            model.fit(X[:100], y)
        assert frozen(model) == before
    else:
        model = FEAMOEClassifier(**PLAIN).partial_fit(X[:100], y, classes=[0, 1])
        assert model.n_samples_seen_ == 0
        assert model.predict(X[:3]).shape == (3,)


def test_a_monitor_forgets_no_label_when_it_is_copied_or_saved():
    asked, rows = bounds(("equal_opportunity",)), world(1000, seed=5)
    made = run(asked, hidden(rows, np.arange(1000) % 3 == 0))
    kept = made.people.gather(2).rows
    assert 0 < (kept.y < 0).sum() < len(kept)
    loaded = type(made).from_dict(made.to_dict())
    merged = monitor(asked)
    merged.merge(made, np.arange(2))
    for other in (made.copy(), loaded, merged):
        again = other.people.gather(2).rows
        np.testing.assert_array_equal(again.y, kept.y)
        np.testing.assert_array_equal(again.label_weight, kept.label_weight)


def test_a_mark_that_is_a_class_is_refused():
    """All rows of the class would have been taken for rows without a label."""
    X, y, group = make_lending(400)
    model = FEAMOEClassifier(unlabeled=0, random_state=0)
    with pytest.raises(
        ValueError, match=r"unlabeled=0 marks rows .* one of the classes \[0, 1"
    ):
        model.partial_fit(X, y, [0, 1], sensitive_features=group)
    model.set_params(unlabeled=None).partial_fit(X, y, [0, 1], sensitive_features=group)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="take another mark"):
        model.set_params(unlabeled=1).partial_fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.set_params(unlabeled="0").partial_fit(X, y, sensitive_features=group)
    assert model.n_samples_seen_ == 800
    fitted = FEAMOEClassifier(None, unlabeled=0, random_state=0).fit(X, y + (X[:, 0] > 0))
    assert fitted.classes_.tolist() == [1, 2]


@pytest.mark.parametrize("has_groups", [True, False])
def test_labels_of_one_class_beside_missing_ones_are_refused(has_groups):
    X, y, group = make_lending(400)
    given = {"sensitive_features": group} if has_groups else {}
    with pytest.raises(ValueError, match="y must have at least two classes, got one class"):
        FEAMOEClassifier(random_state=0).fit(X, np.where(y == 1, 1.0, np.nan), **given)

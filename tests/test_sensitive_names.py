"""Columns of sensitive features are matched by their names, call after call."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lending import make_lending

from skfeamoe import FEAMOEClassifier
from skfeamoe._sensitive import read_sensitive
from skfeamoe.distributed import merge
from skfeamoe.streaming import PrequentialEvaluator, StreamBatch, StreamMonitor

X, Y, SEX = make_lending(900)
FRAME = pd.DataFrame({"sex": SEX, "race": np.where(X[:, 1] > 0, "w", "b")})
FIRST, NEXT = slice(0, 500), slice(500, 900)


def started(given=FRAME, **parameters):
    model = FEAMOEClassifier(random_state=0, **parameters)
    return model.partial_fit(X[FIRST], Y[FIRST], [0, 1], sensitive_features=given[FIRST])


def go_on(model, given):
    return model.partial_fit(X[NEXT], Y[NEXT], sensitive_features=given)


@pytest.mark.parametrize("kind", ["pandas", "polars", "dict"])
def test_columns_in_another_order_are_the_same_groups(kind):
    turned = FRAME[["race", "sex"]]
    given = {
        "pandas": turned[NEXT],
        "polars": pl.from_pandas(turned[NEXT]),
        "dict": {name: turned[name][NEXT].tolist() for name in turned},
    }[kind]
    model, other = go_on(started(), FRAME[NEXT]), go_on(started(), given)
    assert other.groups_.tolist() == model.groups_.tolist()
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    groups = model.sensitive_groups(FRAME[NEXT]).tolist()
    assert model.sensitive_groups(given).tolist() == groups


def test_bins_cut_the_columns_of_their_names():
    numbers = pd.DataFrame({"age": [20.0, 60.0] * 450, "income": [70.0, 30.0] * 450})
    model = started(numbers, sensitive_bins={"age": [40], "income": [50]})
    known = set(model.groups_)
    go_on(model, numbers[["income", "age"]][NEXT])
    assert set(model.groups_) == known == {"below 40 & 50 and above", "40 and above & below 50"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (FRAME[["sex"]], r"\['sex', 'race'\], in any order, but lacks \['race'\]"),
        (FRAME.assign(age=1), r"has \['age'\], which it did not have"),
        (FRAME.rename(columns={"sex": "Sex"}), r"lacks \['sex'\] and has \['Sex'\]"),
        (FRAME[["race", "sex", "sex"]], "columns of one name"),
        (FRAME["sex"], r"as many columns as .* 2, \['sex', 'race'\], got 1"),
        (FRAME.assign(age=1).to_numpy(), "got 3"),
    ],
    ids=["fewer", "more", "renamed", "twice", "series", "array"],
)
@pytest.mark.parametrize("binned", [False, True])
def test_other_columns_are_refused_by_name(given, words, binned):
    bins = {"sensitive_bins": {"age": [3]}} if binned else {}
    frame = FRAME.assign(age=np.arange(900) % 6) if binned else FRAME
    model = started(frame, **bins)
    before = pickle.dumps(model)
    if binned:
        words = "sensitive_features must have"
        given = frame[["sex", "age"]]
    with pytest.raises(ValueError, match=words):
        go_on(model, given[NEXT])
    with pytest.raises(ValueError, match="sensitive_features must have"):
        model.sensitive_groups(given[NEXT])
    assert pickle.dumps(model) == before


def test_arrays_go_by_place_and_names_are_known_once_they_have_come():
    array = FRAME.to_numpy()
    by_place = go_on(started(), array[NEXT])
    by_name = go_on(started(array), FRAME[NEXT])
    assert by_place.groups_.tolist() == by_name.groups_.tolist()
    for model in (by_place, by_name):
        known = model.groups_.tolist()
        assert go_on(model, FRAME[["race", "sex"]][NEXT]).groups_.tolist() == known
    with pytest.raises(ValueError, match=r"as many columns as in the first call.* 2, got 1"):
        go_on(started(array), SEX[NEXT])


def test_names_are_saved_and_models_of_before_go_by_place():
    saved = pickle.loads(pickle.dumps(started()))
    known = saved.groups_.tolist()
    assert go_on(saved, FRAME[["race", "sex"]][NEXT]).groups_.tolist() == known
    state = started().__getstate__()
    del state["_sensitive_names"]
    old = FEAMOEClassifier()
    old.__setstate__(state)
    assert go_on(old, FRAME[NEXT].to_numpy()).groups_.tolist() == known
    numbers = pd.DataFrame({"age": [20.0, 60.0] * 450})
    state = started(numbers, sensitive_bins=[40]).__getstate__()
    del state["_sensitive_names"]
    old = FEAMOEClassifier()
    old.__setstate__(state)
    with pytest.raises(ValueError, match="as many columns"):
        go_on(old, FRAME[NEXT])


def test_a_new_fit_forgets_the_names():
    model = started().fit(X, Y, sensitive_features=FRAME["sex"])
    assert len(model.groups_) == 2


def test_evaluators_match_names_too():
    monitor = StreamMonitor(classes=[0, 1])
    evaluator = PrequentialEvaluator(FEAMOEClassifier(random_state=0), pretrain_rows=0)
    for rows, frame in ((FIRST, FRAME), (NEXT, FRAME[["race", "sex"]])):
        monitor.update(Y[rows], Y[rows], sensitive_features=frame[rows])
        evaluator.update(StreamBatch(X[rows], Y[rows], frame[rows]))
    evaluator.update(StreamBatch(X[NEXT], Y[NEXT], FRAME[NEXT].to_numpy()))
    groups = sorted(started().groups_)
    assert sorted(evaluator.group_names_) == sorted(monitor.result().group_names) == groups
    assert evaluator.result().sensitive_names == ["sex", "race"]
    with pytest.raises(ValueError, match=r"lacks \['race'\]"):
        monitor.update(Y[NEXT], Y[NEXT], sensitive_features=FRAME[["sex"]][NEXT])


def test_models_of_other_orders_do_not_merge():
    with pytest.raises(ValueError, match=r"models\[1\] has learned from the sensitive columns"):
        merge([started(), started(FRAME[["race", "sex"]])])
    nameless = started(FRAME.to_numpy())
    with pytest.raises(ValueError, match=r"models\[2\] has learned from the sensitive columns"):
        merge([nameless, started(), started(FRAME[["race", "sex"]])])
    merged = merge([nameless, started()])
    go_on(merged, FRAME[["race", "sex"]][NEXT])
    assert len(merged.groups_) == 4


@pytest.mark.parametrize("given", [FRAME, FRAME.to_numpy()], ids=["names", "places"])
def test_models_of_more_columns_do_not_merge(given):
    with pytest.raises(ValueError, match=r"models\[1\] has learned from 2 sensitive columns"):
        merge([started(FRAME["sex"]), started(given)])
    with pytest.raises(ValueError, match=r"those before it from 2 sensitive columns"):
        merge([started(given), started(), started(FRAME[["sex"]])])


def test_names_that_look_like_places_are_names():
    monitor, names = StreamMonitor(classes=[0, 1]), ["sensitive_0", "sensitive_1"]
    frame = FRAME.set_axis(names, axis=1)
    for rows, given in ((FIRST, frame), (NEXT, frame[names[::-1]])):
        monitor.update(Y[rows], Y[rows], sensitive_features=given[rows])
    assert len(monitor.result().group_names) == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "at least one column, got dict"),
        (FRAME[[]], "at least one column, got DataFrame"),
        ({"sex": SEX, "race": SEX[:-1]}, "'sex' has 900 entries, 'race' has 899"),
        ({"sex": "f"}, "one entry per row of X in 'sex', got 'f'"),
    ],
    ids=["dict", "frame", "uneven", "scalar"],
)
def test_what_is_no_column_is_refused_in_words(given, words):
    with pytest.raises(ValueError, match=f"sensitive_features must .*{words}"):
        FEAMOEClassifier().fit(X, Y, sensitive_features=given)


def test_numbered_columns_are_told_apart_by_their_numbers():
    frame = pd.DataFrame(FRAME.to_numpy())
    known = read_sensitive(frame).names
    assert known == [0, 1]
    assert read_sensitive(frame[[1, 0]], known) == read_sensitive(frame)

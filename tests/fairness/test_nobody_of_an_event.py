"""Bounds that act on nobody are told of, in `fit` and in streams."""

import warnings

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe.exceptions import FairnessWarning
from tests.lending import make_lending, stream

FEW = 12  # of group b have the favorable label


def lending(n=5000):
    X, y, groups = make_lending(n, noise=0.5)
    favored = np.flatnonzero((groups == "b") & (y == 1))
    y[favored[FEW:]] = 0
    return X, y, groups


@pytest.mark.parametrize(
    "names",
    ["equal_opportunity", "equalized_odds", ["demographic_parity", "equal_opportunity"]],
)
def test_fit_names_the_event_that_nobody_is_of(names):
    X, y, groups = lending()
    model = FEAMOEClassifier(names, difference_bound=0.5, random_state=0)
    with pytest.warns(FairnessWarning) as told:
        model.fit(X, y, sensitive_features=groups)
    (text,) = (str(warning.message) for warning in told)
    assert text.startswith(f"{np.atleast_1d(names)[-1]} is inactive on the training data")
    assert (
        "among people with the favorable label: a gap needs two groups of 20, and the " in text
    )
    assert f"'b' {FEW}" in text
    verdicts = {row["event"]: row["verdict"] for row in model.group_gap_details_}
    assert verdicts["favorable"] == "not measured"


def test_other_events_are_named_by_their_people():
    X, y, groups = make_lending(5000, noise=0.5)
    others = np.flatnonzero((groups == "b") & (y == 0))
    y[others[FEW:]] = 1
    model = FEAMOEClassifier("equalized_odds", difference_bound=0.5, random_state=0)
    with pytest.warns(FairnessWarning, match="people with another label.*'b' 12"):
        model.fit(X, y, sensitive_features=groups)


def test_a_burden_that_nobody_bears_is_told_of():
    X, y, groups = make_lending(2000, noise=0.1)
    y[:] = 1
    y[:30] = 0
    model = FEAMOEClassifier("burden", difference_bound=0.5, random_state=0)
    with pytest.warns(FairnessWarning, match="burden is inactive.*people who are refused"):
        model.fit(X, y, sensitive_features=groups)


def test_a_stream_tells_it_once_and_not_while_it_is_young():
    X, y, groups = lending(9000)
    model = FEAMOEClassifier("equal_opportunity", difference_bound=0.5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream(model, X[:3000], y[:3000], groups[:3000], classes=[0, 1])
    with pytest.warns(FairnessWarning, match="on the people seen last.*'b'") as told:
        stream(model, X[3000:], y[3000:], groups[3000:], classes=[0, 1])
    assert len(told) == 1


def test_it_is_told_again_when_a_stream_has_lost_them_again():
    X, y, groups = make_lending(24_000, noise=0.5)
    y[12_000:][groups[12_000:] == "b"] = 0
    model = FEAMOEClassifier("equal_opportunity", difference_bound=0.9, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream(model, X[:12_000], y[:12_000], groups[:12_000], rows=500, classes=[0, 1])
    with pytest.warns(FairnessWarning, match="equal_opportunity is inactive") as told:
        stream(model, X[12_000:], y[12_000:], groups[12_000:], rows=500, classes=[0, 1])
    assert len(told) == 1


@pytest.mark.parametrize(
    ("n_of_b", "reason"), [(0, "only the group"), (12, "a gap needs two groups of 20 people")]
)
def test_groups_without_people_are_told_in_one_way_only(n_of_b, reason):
    X, y, groups = make_lending(5000)
    groups[np.flatnonzero(groups == "b")[n_of_b:]] = "a"
    model = FEAMOEClassifier("equal_opportunity", random_state=0)
    with pytest.warns(FairnessWarning) as told:
        model.fit(X, y, sensitive_features=groups)
    (text,) = (str(warning.message) for warning in told)
    assert text.startswith(f"constraints=['equal_opportunity'] are inactive: {reason}")


def test_nothing_is_told_before_anything_was_measured():
    X, y, groups = make_lending(5600)
    model = FEAMOEClassifier("demographic_parity", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)  # no group for 5,000 rows
        stream(model, X[:5000], y[:5000], classes=[0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 100 people, whom a bound is to be settled on yet
        model.partial_fit(X[5000:5100], y[5000:5100], sensitive_features=groups[5000:5100])
    stream(model, X[5100:], y[5100:], groups[5100:])
    assert model.group_gap_details_[0]["verdict"] != "not measured"

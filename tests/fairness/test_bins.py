"""Numbers among the sensitive features become groups."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe._bins import SensitiveBins, quantile_edges


def people(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, n).astype(float)
    X = rng.normal(size=(n, 3))
    X[:, 1] += 0.02 * (age - 50)
    y = (X[:, 0] + X[:, 1] + rng.normal(size=n) > 0.3).astype(int)
    return X, y, age


def test_edges_cut_where_they_say_and_missing_ages_are_unknown():
    X, y, age = people()
    age[:50] = np.nan
    model = FEAMOEClassifier(sensitive_bins=[30, 60], random_state=0)
    model.fit(X, y, sensitive_features=age)
    assert set(model.groups_) == {"below 30", "30 to 60", "60 and above"}
    told = model.sensitive_groups(age)
    expected = np.where(age < 30, "below 30", np.where(age < 60, "30 to 60", "60 and above"))
    assert (told[50:] == expected[50:]).all()
    assert set(told[:50]) == {None}
    by_hand = FEAMOEClassifier(random_state=0).fit(X, y, sensitive_features=told)
    assert np.array_equal(by_hand.predict_proba(X), model.predict_proba(X))


def test_a_number_of_bins_are_quantiles_of_the_first_rows():
    X, y, age = people()
    model = FEAMOEClassifier(sensitive_bins=4, random_state=0).fit(X, y, sensitive_features=age)
    counts = pd.Series(model.sensitive_groups(age)).value_counts(normalize=True)
    np.testing.assert_allclose(counts, 0.25, atol=0.02)
    new = people(20_000, seed=1)
    of, decided = model.sensitive_groups(new[2]), model.predict(new[0])
    rates = pd.Series(decided).groupby(of).mean()
    assert np.ptp(rates) < 0.12
    free = FEAMOEClassifier(None, random_state=0).fit(X, y).predict(new[0])
    assert np.ptp(pd.Series(free).groupby(of).mean()) > 0.2


def test_bins_of_a_stream_stay_where_they_were_placed_and_are_saved():
    X, y, age = people()
    model = FEAMOEClassifier(sensitive_bins=3, random_state=0)
    model.partial_fit(X[:200], y[:200], [0, 1], sensitive_features=age[:200])
    groups = model.groups_.tolist()
    copy = pickle.loads(pickle.dumps(model))
    for one in (model, copy):
        one.partial_fit(X[200:], y[200:], sensitive_features=age[200:] + 40.0)
    assert set(model.groups_) == set(groups)
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(copy.sensitive_groups(age), model.sensitive_groups(age))


@pytest.mark.parametrize("as_columns", [False, True])
def test_a_mapping_cuts_some_columns_of_intersections(as_columns):
    X, y, age = people()
    sex = np.where(np.arange(len(y)) % 2, "f", "m")
    frame = pd.DataFrame({"sex": sex, "age": age})
    model = FEAMOEClassifier(sensitive_bins={"age": [50]}, random_state=0, max_iter=1)
    if as_columns:
        X = pd.concat([pd.DataFrame(X, columns=["a", "b", "c"]), frame], axis=1)
        model.set_params(sensitive_columns=["sex", "age"]).fit(X, y)
    else:
        model.fit(X, y, sensitive_features=frame)
    assert set(model.groups_) == {
        "f & below 50", "m & below 50", "f & 50 and above", "m & 50 and above",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bins", "sensitive", "message"),
    [
        (1, "age", "at least 2"),
        (200, "age", "Pass the edges themselves"),
        ([50, 30], "age", "increasing edges"),
        ([], "age", "increasing edges"),
        ({"height": 3}, "age", "names 'height'"),
        (3, "text", "cuts numbers, and 0 has 'x'"),
        (3, "both", "name those to cut in a mapping"),
    ],
)
def test_wrong_bins_are_refused_and_leave_no_trace(bins, sensitive, message):
    X, y, age = people(300)
    given = {"age": age, "text": ["x"] * 300, "both": np.column_stack([age, age])}[sensitive]
    model = FEAMOEClassifier(sensitive_bins=bins)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sensitive_features=given)
    assert not hasattr(model, "classes_")


def test_bins_may_not_change_in_mid_stream():
    X, y, age = people(300)
    model = FEAMOEClassifier(sensitive_bins=[50])
    model.partial_fit(X, y, [0, 1], sensitive_features=age)
    model.set_params(sensitive_bins=[40])
    with pytest.raises(ValueError, match="sensitive_bins"):
        model.partial_fit(X, y, sensitive_features=age)


def test_ages_without_bins_are_refused_with_the_remedy():
    X, y, age = people(300)
    with pytest.raises(ValueError, match="sensitive_bins"):
        FEAMOEClassifier().fit(X, y, sensitive_features=age)


def test_quantile_edges_lie_between_values():
    values = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [50, 10, 10, 10, 10, 10])
    edges = quantile_edges(values, 3)
    assert edges.tolist() == [1.5, 3.5]
    bins = SensitiveBins([np.array([2.0])])
    assert bins.texts([[1.9, 2.0, None]], [0]) == [["below 2", "2 and above", None]]

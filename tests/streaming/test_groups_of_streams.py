"""The evaluator names groups as the classifier does, also where values look like names."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from skfeamoe import FEAMOEClassifier
from skfeamoe._groups import encode_groups
from skfeamoe.streaming import PrequentialEvaluator, StreamBatch, prequential
from skfeamoe.streaming._groups import sensitive_columns

VALUES = [
    [["a & b", "c"], ["a", "b & c"], ["a", "c"], [None, "c"]],
    [["1", 1], ["1", True], ["1", 1.0], ["1", np.nan]],
    [["&", "&&"], ["&&", "&"], ["", " & "], [" & ", ""]],
]


@pytest.mark.parametrize("rows", VALUES, ids=["separators", "types", "ampersands"])
def test_groups_are_those_of_the_classifier(rows):
    sensitive = pd.DataFrame(
        [rows[i % 4] for i in range(200)], columns=["s", "t"], dtype=object
    )
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = np.arange(200) // 2 % 2
    evaluator = PrequentialEvaluator(GaussianNB(), pretrain_rows=0)
    evaluator.update(StreamBatch(X, y, sensitive))
    codes, names = encode_groups(sensitive, 200, [])
    assert sorted(evaluator.group_names_) == sorted(names)
    assert evaluator.rows_unknown_group_ == np.count_nonzero(codes < 0)


COLUMN = ["f", None, "m"]
PAIRS = np.array([["f", 1], ["m", 2], ["f", None]], dtype=object)


@pytest.mark.parametrize(
    ("given", "names", "columns"),
    [
        (pa.array(COLUMN), ["sensitive"], [COLUMN]),
        (pa.table({"sex": COLUMN}), ["sex"], [COLUMN]),
        (pd.Series(COLUMN, dtype=object, name="sex"), ["sex"], [COLUMN]),
        (pl.Series(COLUMN), ["sensitive"], [COLUMN]),
        (PAIRS, ["sensitive_0", "sensitive_1"], [["f", "m", "f"], [1, 2, None]]),
    ],
)
def test_sensitive_columns_have_names_and_values_whatever_holds_them(given, names, columns):
    assert sensitive_columns(given) == (names, columns)


def ages(n_rows=600):
    """Rows, labels and ages."""
    rng = np.random.default_rng(0)
    X, age = rng.normal(size=(n_rows, 3)), rng.integers(18, 80, n_rows)
    return X, (X[:, 0] + rng.normal(size=n_rows) > 0).astype(int), age


def batches_of(X, y, sensitive, size=100):
    """Batches of rows."""
    return [
        (X[i : i + size], y[i : i + size], sensitive[i : i + size])
        for i in range(0, len(X), size)
    ]


def cutting(edges=(50,), **options):
    """A classifier that cuts ages."""
    bins = edges if isinstance(edges, (int, dict)) else list(edges)
    return FEAMOEClassifier(sensitive_bins=bins, max_iter=2, random_state=0, **options)


TWO = ["50 and above", "below 50"]


@pytest.mark.parametrize("fitted", [False, True])
def test_ages_are_cut_as_the_models_cut_them(fitted):
    """62 groups of ages were "not kept" where the two groups of the classifier are."""
    X, y, age = ages()
    models = {"one": cutting(), "two": cutting(growth=None), "other": GaussianNB()}
    if fitted:
        for model in (models["one"], models["two"]):
            model.fit(X, y, sensitive_features=age)
    result = prequential(models, batches_of(X, y, pd.Series(age, name="age")))
    assert sorted(result.group_names) == TWO
    assert result.sensitive_names == ["age"]
    named = np.where(age >= 50, *TWO)
    alone = prequential(GaussianNB(), batches_of(X, y, named))
    for column in ("accuracy", "demographic_parity_difference"):
        assert result.summary().loc["other", column] == alone.summary()[column].iloc[0]


@pytest.mark.parametrize("size", [100, 200])
def test_a_number_of_bins_places_edges_by_the_first_batch(size):
    X, y, age = ages()
    model, mark = cutting(3), np.where(np.arange(600) % 7 == 0, np.nan, age)
    result = prequential(model, batches_of(X, y, mark, size), label_delay=1)
    assert sorted(result.group_names) == sorted(model.groups_)
    assert result.rows_unknown_group == np.isnan(mark).sum()


def test_a_pipeline_cuts_as_its_last_step():
    X, y, age = ages()
    model = cutting().fit(X, y, sensitive_features=age)
    for given in (age, np.where(age >= 50, *TWO), np.where(age >= 50, "old", "young")):
        result = prequential(Pipeline([("m", model)]), [(X, y, given)], train=False)
        assert len(result.group_names) == 2
    team = np.where(np.arange(600) % 3, "a", "b")
    assert prequential(model, [(X, y, team)], train=False).group_names == ["a", "b"]
    both = pd.DataFrame({"team": team, "age": age})
    result = prequential(model, [(X, y, both)], train=False)
    assert len(result.group_names) > 100


def test_columns_are_cut_by_name_in_any_order():
    X, y, age = ages()
    both = pd.DataFrame({"team": np.where(np.arange(600) % 3, "a", "b"), "age": age})
    model = cutting({"age": [50]}).fit(X, y, sensitive_features=both)
    evaluator = PrequentialEvaluator(model)
    evaluator.update((X, y, both[["age", "team"]]))
    evaluator = pickle.loads(pickle.dumps(evaluator))
    evaluator.update((X, y, both))
    assert sorted(evaluator.group_names_) == sorted(f"{a} & {t}" for a in TWO for t in "ab")


def test_columns_of_the_features_are_cut_too():
    X, y, age = ages()
    table = pd.DataFrame(X, columns=list("abc")).assign(age=age)
    with sklearn.config_context(enable_metadata_routing=True):
        model = cutting(sensitive_columns="age").set_partial_fit_request(
            sensitive_features=False
        )
        result = prequential(model, batches_of(table, y, age))
        assert sorted(result.group_names) == TWO
        model = cutting(sensitive_columns="age").set_partial_fit_request(
            sensitive_features=False
        )
        team = pd.DataFrame({"team": age % 2})
        assert sorted(prequential(model, batches_of(table, y, team)).group_names) == ["0", "1"]


def test_models_that_cut_otherwise_cannot_be_compared():
    X, y, age = ages()
    evaluator = PrequentialEvaluator({"one": cutting(), "two": cutting([30, 60])})
    told = r"'one' and 'two' must cut.*\[\[50.0\]\] and \[\[30.0, 60.0\]\]; give both the same"
    with pytest.raises(ValueError, match=told):
        evaluator.update((X, y, age))
    assert evaluator.rows_arrived_ == 0
    models = {
        name: cutting(edges).fit(X, y, sensitive_features=age)
        for name, edges in (("one", [50]), ("two", [30, 60]))
    }
    named = models["one"].sensitive_groups(age)
    assert sorted(prequential(models, [(X, y, named)], train=False).group_names) == TWO


def test_edges_that_come_too_late_are_refused():
    X, y, age = ages()
    given = {"train": False, "pretrain_rows": 300}
    with pytest.raises(ValueError, match=r"sensitive_bins=3 of .* by the pretrain_rows"):
        prequential(cutting(3), batches_of(X, y, age), **given)
    result = prequential(cutting(), batches_of(X, y, age), **given)
    assert sorted(result.group_names) == TWO

"""Burden and individual unfairness against plain loops and inside fairlearn's frames."""

import re
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_difference, make_derived_metric
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skfeamoe.metrics import (
    burden,
    burden_difference,
    counterfactual_predict,
    coverage,
    coverage_difference,
    implied_threshold,
    individual_fairness_score,
    individual_unfairness,
    infra_marginality,
    infra_marginality_difference,
    metric_interval,
    result_unfairness,
    risk_explained_difference,
    selective_accuracy,
    selective_accuracy_difference,
    utility_score,
    value_explanation_difference,
)


@pytest.fixture
def world():
    rng = np.random.default_rng(3)
    n = 400
    return {
        "y_true": rng.integers(0, 2, n),
        "y_pred": rng.integers(0, 2, n),
        "distance": rng.exponential(size=n),
        "sample_weight": rng.exponential(size=n),
        "race": rng.choice(["a", "b", "c", "d"], n, p=[0.6, 0.2, 0.15, 0.05]),
        "sex": rng.choice(["f", "m"], n),
    }


def loop_burden(world, rows, weight):
    """Burden by adding one row at a time."""
    above = below = 0.0
    for i in np.flatnonzero(rows):
        if world["y_pred"][i] == 0:
            above += weight[i] * world["distance"][i]
            below += weight[i]
    return above / below


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", ["between_groups", "to_overall"])
@pytest.mark.parametrize("columns", [["race"], ["race", "sex"]])
def test_burden_difference_matches_a_loop(world, weighted, method, columns):
    weight = world["sample_weight"] if weighted else np.ones(400)
    frame = pd.DataFrame({name: world[name] for name in columns})
    burdens = [
        loop_burden(world, frame.eq(list(row)).all(axis=1).to_numpy(), weight)
        for row in frame.drop_duplicates().itertuples(index=False, name=None)
    ]
    overall = loop_burden(world, np.ones(400, dtype=bool), weight)
    expected = {
        "between_groups": max(burdens) - min(burdens),
        "to_overall": max(abs(b - overall) for b in burdens),
    }[method]
    measured = burden_difference(
        world["y_true"],
        world["y_pred"],
        sensitive_features=frame,
        distance=world["distance"],
        method=method,
        sample_weight=weight if weighted else None,
    )
    assert measured == pytest.approx(expected, rel=1e-12)


def test_weight_two_is_a_duplicated_row(world):
    twice = np.concatenate([np.arange(400), np.arange(100)])
    weight = np.where(np.arange(400) < 100, 2.0, 1.0)
    args = {k: world[k] for k in ("y_true", "y_pred", "distance")}
    weighted = burden_difference(**args, sensitive_features=world["race"], sample_weight=weight)
    doubled = burden_difference(
        **{k: v[twice] for k, v in args.items()}, sensitive_features=world["race"][twice]
    )
    assert weighted == pytest.approx(doubled, rel=1e-12)


def test_burden_by_group_in_metric_frame(world):
    frame = MetricFrame(
        metrics=burden,
        y_true=world["y_true"],
        y_pred=world["y_pred"],
        sensitive_features=world["race"],
        sample_params={"distance": world["distance"]},
    )
    difference = burden_difference(
        world["y_true"],
        world["y_pred"],
        sensitive_features=world["race"],
        distance=world["distance"],
    )
    assert frame.difference() == pytest.approx(difference)
    derived = make_derived_metric(
        metric=burden, transform="difference", sample_param_names=["distance"]
    )
    assert derived(
        world["y_true"],
        world["y_pred"],
        sensitive_features=world["race"],
        distance=world["distance"],
    ) == pytest.approx(difference)


def test_only_one_group_is_refused():
    """A model that refuses only women must not look fair, unless one asks for nan."""
    args = {
        "y_true": [0, 0, 1, 1],
        "y_pred": [0, 0, 1, 1],
        "sensitive_features": ["f", "f", "m", "m"],
        "distance": [1.0, 3.0, 1.0, 1.0],
    }
    assert burden_difference(**args) == 2.0
    assert np.isnan(burden_difference(**args, zero_division=np.nan))
    third = {
        "y_true": [*args["y_true"], 0],
        "y_pred": [*args["y_pred"], 0],
        "sensitive_features": [*args["sensitive_features"], "x"],
        "distance": [*args["distance"], 5.0],
    }
    assert burden_difference(**third, zero_division=np.nan) == 3.0


def test_nobody_is_refused():
    args = {"y_true": [1, 1], "y_pred": [1, 1], "distance": [1.0, 2.0]}
    assert burden(**args) == 0.0
    assert np.isnan(burden(**args, zero_division=np.nan))
    assert burden_difference(**args, sensitive_features=["f", "m"]) == 0.0


def test_text_labels_need_a_text_pos_label():
    args = {"y_true": ["no", "no"], "y_pred": ["no", "yes"], "distance": [2.0, 1.0]}
    assert burden(**args, pos_label="yes") == 2.0
    with pytest.raises(ValueError, match="pos_label must be one of"):
        burden(**args)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_burden_refuses_bad_distances(bad):
    with pytest.raises(ValueError, match="distance must be finite and not negative"):
        burden([0, 0], [0, 0], distance=[1.0, bad])
    assert burden([0, 0], [0, 1], distance=[1.0, bad]) == 1.0  # not refused: not read


def test_who_stands_on_the_boundary_has_no_burden():
    assert burden([0, 0], [0, 0], distance=[0.0, 3.0]) == 1.5
    assert burden([0, 0], [0, 1], distance=[0.0, 3.0]) == 0.0


def test_a_column_of_decisions_is_decisions_and_a_cube_is_none():
    decided = np.array([0, 1, 0])
    distance = [1.0, 2.0, 4.0]
    assert burden([0, 0, 0], decided[:, None], distance=distance) == 2.5
    for wrong in (decided[:, None, None], np.column_stack([decided, decided])):
        with pytest.raises(ValueError, match=re.escape(f"got an array of {wrong.shape}")):
            burden([0, 0, 0], wrong, distance=distance)


def test_burden_refuses_missing_groups_and_lengths():
    with pytest.raises(ValueError, match="missing values"):
        burden_difference(
            [0, 1], [0, 1], sensitive_features=np.array(["f", None]), distance=[1, 1]
        )
    with pytest.raises(ValueError, match="inconsistent numbers"):
        burden_difference([0, 1], [0, 1], sensitive_features=["f", "m"], distance=[1.0])


ROWS = {"y_true": [0, 1, 1, 0], "y_pred": [0, 1, 0, 0]}
GROUP = {"sensitive_features": ["f", "f", "m", "m"]}
FLIPS, FAR, RISK = (
    {name: [0, 1, 1, 0]} for name in ("y_pred_counterfactual", "distance", "risk")
)
WEIGHTED = [
    partial(burden, **ROWS, **FAR),
    partial(burden_difference, **ROWS, **FAR, **GROUP),
    partial(individual_unfairness, **ROWS, **FLIPS),
    partial(individual_unfairness, **ROWS, **FLIPS, **GROUP),
    partial(coverage, **ROWS),
    partial(coverage_difference, **ROWS, **GROUP),
    partial(selective_accuracy, **ROWS),
    partial(selective_accuracy_difference, **ROWS, **GROUP),
    partial(infra_marginality, **ROWS, **RISK),
    partial(infra_marginality_difference, **ROWS, **RISK, **GROUP),
    partial(result_unfairness, **ROWS, **GROUP),
    partial(utility_score, **ROWS, y_score=[0.1, 0.9, 0.4, 0.2]),
    partial(value_explanation_difference, [0.1, 0.9, 0.4, 0.2], **GROUP),
    partial(metric_interval, demographic_parity_difference, *ROWS.values(), **GROUP),
]


@pytest.mark.parametrize("measure", WEIGHTED, ids=lambda measure: measure.func.__name__)
@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ([1.0, np.nan, 1.0, 1.0], "sample_weight must be finite, got nan in row 1"),
        ([1.0, 1.0, np.inf, 1.0], "sample_weight must be finite, got inf in row 2"),
        ([1.0, 1.0, 1.0, -0.5], "sample_weight must not be negative, got -0.5 in row 3"),
    ],
)
def test_measures_refuse_weights_that_are_none(measure, weight, told):
    with pytest.raises(ValueError, match=told):
        measure(sample_weight=weight)
    column = np.array([[1.0], [2.0], [0.5], [1.0]])
    assert np.array_equal(measure(sample_weight=column), measure(sample_weight=column[:, 0]))


@pytest.mark.parametrize("measure", WEIGHTED, ids=lambda measure: measure.func.__name__)
def test_number_and_text_are_never_one_label(measure):
    function, texts = measure.func, np.array(["no", "yes"])
    if function in (coverage, coverage_difference, value_explanation_difference):
        return
    given = {**measure.keywords}
    told = "one kind" if function.__name__.startswith(("individual", "select")) else "label"
    if function is metric_interval:
        with pytest.raises(ValueError, match="the label 1 for the favorable decision"):
            metric_interval(*measure.args[:2], texts[ROWS["y_pred"]], **given)
        return
    given["y_pred"] = texts[given["y_pred"]]
    if "select" in function.__name__:
        given["abstain_label"] = "abstain"
    elif "individual" not in function.__name__:
        given["y_true"] = texts[given["y_true"]]
    with pytest.raises(ValueError, match=told):
        function(**given)


@pytest.mark.parametrize("measure", [implied_threshold, risk_explained_difference])
def test_text_decisions_need_a_text_pos_label(measure):
    given = {"y_true": ["no", "yes"], "y_pred": ["no", "yes"], "risk": [0.2, 0.8]}
    if measure is risk_explained_difference:
        given["sensitive_features"] = ["f", "m"]
    with pytest.raises(ValueError, match="pos_label must be one of the labels, got 1 where"):
        measure(**given)
    numbers = {**given, "y_true": [0, 1], "y_pred": [0, 1]}
    assert measure(**given, pos_label="yes") == measure(**numbers)


def test_a_threshold_is_a_probability():
    with pytest.raises(ValueError, match=r"threshold must be a probability .* got 50"):
        infra_marginality([0, 1], [0, 1], risk=[0.2, 0.8], threshold=50)


def test_a_group_without_weight_is_left_out():
    rows = {"y_true": [0] * 5, "y_pred": [0, -1, 0, 0, -1]}
    args = {"sensitive_features": list("ffmmx"), "sample_weight": [1, 1, 1, 1, 0]}
    assert coverage_difference(**rows, **args) == 0.5
    assert infra_marginality_difference(**rows, risk=[0, 1, 0, 0, 1], **args) == 0.5
    assert np.isnan(coverage([0, 1], [0, 1], sample_weight=[0, 0]))
    with pytest.raises(ValueError, match="at least one non-zero number"):
        result_unfairness([0, 1], [0, 1], sensitive_features=["f", "m"], sample_weight=[0, 0])


def test_individual_unfairness_takes_the_worst_value():
    y_pred = np.array([0, 1, 1, 0])
    other = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    assert individual_unfairness(y_pred, y_pred, y_pred_counterfactual=other) == 0.5
    assert individual_unfairness(y_pred, y_pred, y_pred_counterfactual=other[:, 0]) == 0.0
    weighted = individual_unfairness(
        y_pred, y_pred, y_pred_counterfactual=other, sample_weight=[1, 1, 1, 5]
    )
    assert weighted == 0.75


def test_individual_unfairness_by_group():
    y_pred, other = np.array([0, 1, 1, 0]), np.array([1, 1, 1, 1])
    groups = ["f", "f", "m", "m"]
    frame = MetricFrame(
        metrics=individual_unfairness,
        y_true=y_pred,
        y_pred=y_pred,
        sensitive_features=["f", "f", "f", "m"],
        sample_params={"y_pred_counterfactual": other},
    )
    assert frame.by_group.to_dict() == {"f": pytest.approx(1 / 3), "m": 1.0}
    worst = individual_unfairness(
        y_pred, y_pred, y_pred_counterfactual=[1, 0, 1, 1], sensitive_features=groups
    )
    assert worst == 1.0


@pytest.fixture
def applicants():
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "race": rng.choice(["a", "b", "c"], n),
            "income": rng.normal(size=n),
        }
    )
    push = frame["race"].map({"a": 1.0, "b": 0.0, "c": -1.0})
    y = (frame["income"] + push + rng.normal(scale=0.3, size=n) > 0).astype(int)
    encode = ColumnTransformer([("race", OneHotEncoder(), ["race"])], remainder="passthrough")
    return frame, y, make_pipeline(encode, LogisticRegression()).fit(frame, y)


def test_counterfactual_predict_on_a_dataframe(applicants):
    frame, _, model = applicants
    before = frame.copy()
    predicted = counterfactual_predict(model, frame, columns="race")
    for j, value in enumerate(["a", "b", "c"]):
        np.testing.assert_array_equal(predicted[:, j], model.predict(frame.assign(race=value)))
    pd.testing.assert_frame_equal(frame, before)
    share = np.mean((predicted != model.predict(frame)[:, None]).any(axis=1))
    assert 0.2 < share < 1
    assert individual_fairness_score(model, frame, columns="race") == pytest.approx(1 - share)


def test_counterfactual_predict_on_categories_polars_and_sparse(applicants):
    frame, _, model = applicants
    plain = counterfactual_predict(model, frame, columns="race")
    categorical = frame.astype({"race": "category"})
    np.testing.assert_array_equal(
        counterfactual_predict(model, categorical, columns="race"), plain
    )
    np.testing.assert_array_equal(
        counterfactual_predict(model, pl.from_pandas(frame), columns="race"), plain
    )
    X = np.column_stack([frame["race"].map({"a": 0.0, "b": 1.0, "c": 2.0}), frame["income"]])
    linear = LogisticRegression().fit(X, frame["income"] + X[:, 0] > 1)
    np.testing.assert_array_equal(
        counterfactual_predict(linear, sparse.csr_array(X), columns=0),
        counterfactual_predict(linear, X, columns=0),
    )


def test_one_hot_columns_flip_together():
    X = np.array([[1, 0, 0.3], [0, 1, 0.3], [0, 1, -0.3], [1, 0, -0.3]])
    model = LogisticRegression(C=1e3).fit(X, [1, 1, 0, 0])
    seen = []

    class Recorder:
        def predict(self, X):
            seen.append(X[:, :2].copy())
            return model.predict(X)

    counterfactual_predict(Recorder(), X, columns=[0, 1])
    assert [np.unique(part, axis=0).tolist() for part in seen] == [[[0, 1]], [[1, 0]]]


def test_score_is_a_scorer(applicants):
    frame, y, model = applicants
    scorer = partial(individual_fairness_score, columns="race", values=["a", "b", "c"])
    scores = cross_val_score(model, frame, y, scoring=scorer, cv=3)
    assert np.all((scores > 0) & (scores < 1))


def test_burden_in_make_scorer(applicants):
    """With a distance of its own a metric function goes into make_scorer."""
    frame, y, model = applicants

    def refused_share(y_true, y_pred):
        return burden(y_true, y_pred, distance=np.ones(len(y_pred)))

    scorer = make_scorer(refused_share, greater_is_better=False)
    assert scorer(model, frame, y) == -1.0


SEX = {
    "categories": pd.DataFrame({"sex": pd.Categorical(["f", "m"])}),
    "flags": pd.DataFrame({"sex": [True, False]}),
    "array": np.array([[0], [1]]),
    "texts": np.array([["f"], ["m"]]),
}


@pytest.mark.filterwarnings("ignore:Constructing a Categorical")
@pytest.mark.parametrize(
    ("X", "value", "became"),
    [
        ("categories", "female", "missing"),
        ("flags", "m", "True"),
        ("array", 0.9, "0"),
        ("texts", "female", "'f'"),
    ],
)
def test_counterfactual_predict_refuses_what_a_column_cannot_hold(X, value, became):
    class Constant:
        def predict(self, X):
            return np.zeros(len(X))

    name = "sex" if hasattr(SEX[X], "columns") else 0
    with pytest.raises(ValueError, match=f"{value!r}, which became {became};"):
        counterfactual_predict(Constant(), SEX[X], columns=name, values=[value, value])
    single = np.array([[0.1], [0.2]], dtype=np.float32)
    assert counterfactual_predict(Constant(), single, columns=0, values=[0.1, 0.3]).any() == 0
    two = pd.DataFrame({"a": [0, 1], "b": [0, 1]})
    with pytest.raises(ValueError, match="a tuple of 2 for the columns"):
        counterfactual_predict(Constant(), two, columns=["a", "b"], values=[(0,), (1,)])


def test_counterfactual_errors_name_the_way_out(applicants):
    frame, _, model = applicants
    with pytest.raises(ValueError, match="columns must name columns of X, got"):
        counterfactual_predict(model, frame, columns="sex")
    with pytest.raises(ValueError, match="at least two are needed"):
        counterfactual_predict(model, frame[frame["race"] == "a"], columns="race")

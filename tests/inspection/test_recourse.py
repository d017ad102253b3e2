"""Recourse is valid, cheap, and keeps to what people can do."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import load_adult_sample, make_credit_stream, make_preprocessor
from skfeamoe.inspection import RecourseDisplay, _recourse, recourse
from skfeamoe.inspection._recourse_action import actions_of

WEIGHTS = np.array([1.0, -0.5, 0.2, 0.7, -3.0, 0.05])
SCALES = np.array([1.0, 2.0, 5.0, 1.0, 0.3, 10.0])
NAMES = [f"x{i}" for i in range(6)]


@pytest.fixture(scope="module")
def linear():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000, 6)) * SCALES
    y = (X @ WEIGHTS + rng.logistic(size=1_000) > 0).astype(int)
    return LogisticRegression().fit(X, y), X


@pytest.fixture(scope="module")
def lending():
    past = make_credit_stream(4_000, drift=None, random_state=0)
    model = FEAMOEClassifier(max_iter=2, growth_interval=1_000, random_state=0)
    model.fit(past.data, past.target, sensitive_features=past.sensitive_features)
    return model, past.data, past.sensitive_features


@pytest.fixture(scope="module")
def census():
    adult = load_adult_sample()
    model = make_pipeline(
        make_preprocessor(adult.data), FEAMOEClassifier(None, max_iter=1, random_state=0)
    )
    return model.fit(adult.data[:3_000], adult.target[:3_000]), adult.data


def lowest_cost(model, x, X, costs):
    """Cost of the best change of a linear model's row, by linear programming."""
    weights, margin = model.coef_[0], model.decision_function(x[None])[0]
    room = [(0, high) for high in X.max(axis=0) - x] + [(0, low) for low in x - X.min(axis=0)]
    return linprog(
        np.tile(costs, 2), A_ub=[-np.r_[weights, -weights]], b_ub=[margin], bounds=room
    ).fun


def test_costs_are_nearly_those_of_linear_programming(linear):
    model, X = linear
    result = recourse(model, X[:300], actionable=NAMES, reference=X)
    assert result.found.all()
    costs = 1 / np.median(np.abs(X - np.median(X, axis=0)), axis=0)
    best = np.array([lowest_cost(model, X[row], X, costs) for row in result.rows])
    assert (result.cost >= best - 1e-6).all()
    assert result.cost.mean() <= 1.01 * best.mean()
    assert (result.cost <= 1.05 * best).all()


def test_every_answer_is_granted_and_every_refused_person_is_answered(lending):
    model, X, _ = lending
    result = recourse(model, X[:600], actionable=list(X.columns), reference=X)
    np.testing.assert_array_equal(result.rows, np.flatnonzero(model.predict(X[:600]) == 0))
    assert result.found.mean() >= 0.99
    assert (model.predict(result.changed[result.found]) == 1).all()


def test_directions_steps_and_ranges_are_kept(lending):
    model, X, _ = lending
    result = recourse(
        model,
        X[:600],
        actionable={"loan_amount": "decrease", "income": "increase", "debt_to_income": "any"},
        steps={"loan_amount": 500, "income": 1_000},
        ranges={"income": (0, 90_000)},
        reference=X,
    )
    change = result.changed - result.original
    assert set(change.columns[(change != 0).any()]) <= set(result.actionable)
    assert (change["loan_amount"] <= 0).all()
    assert (change["income"] >= 0).all()
    for column, step in (("loan_amount", 500), ("income", 1_000)):
        steps = change[column] / step
        np.testing.assert_allclose(steps, steps.round(), atol=1e-6)
    moved = change["income"] > 0
    assert moved.any()
    assert (result.changed["income"][moved] <= 90_000).all()
    assert (result.changed["loan_amount"] >= X["loan_amount"].min()).all()


def test_no_more_columns_change_than_allowed(lending):
    model, X, _ = lending
    free = recourse(model, X[:400], actionable=list(X.columns), reference=X)
    few = recourse(model, X[:400], actionable=list(X.columns), reference=X, max_changes=1)
    assert free.n_changes.max() > 1
    assert few.n_changes.max() == 1
    both = free.found & few.found
    assert few.cost[both].mean() > free.cost[both].mean()


def test_who_has_no_recourse_is_told_so_and_left_unchanged(lending):
    model, X, group = lending
    result = recourse(
        model,
        X[:400],
        actionable=["credit_history_years"],
        ranges={"credit_history_years": (10, 20)},
        sensitive_features=group[:400],
    )
    assert 0 < result.found.mean() < 1
    lost = ~result.found
    pd.testing.assert_frame_equal(result.changed[lost], result.original[lost])
    assert np.isinf(result.cost[lost]).all()
    table = result.by_group()
    assert table["refused"].sum() == len(result.rows)
    np.testing.assert_allclose(
        np.average(table["without"], weights=table["refused"]), lost.mean()
    )
    assert np.isfinite(table["median_cost"]).all()


def test_categories_of_a_pipeline_change_in_their_own_words(census):
    model, X = census
    allowed = ["Exec-managerial", "Prof-specialty", "Sales"]
    result = recourse(
        model,
        X[3_000:3_300],
        actionable={"occupation": "any", "hours-per-week": "increase"},
        ranges={"occupation": allowed, "hours-per-week": (0, 60)},
        reference=X,
    )
    assert result.found.any()
    assert (model.predict(result.changed[result.found]) == 1).all()
    assert result.changed.dtypes.equals(X.dtypes)
    changes = result.to_frame()
    jobs = changes[changes["column"] == "occupation"]
    assert len(jobs)
    assert set(jobs["then"]) <= set(allowed)
    missing = result.original["occupation"].isna()
    assert missing.any()
    assert result.changed["occupation"][missing].isna().all()


def test_costs_decide_what_changes(linear):
    model, X = linear
    for dear in ("x0", "x4"):
        result = recourse(model, X[:100], actionable=["x0", "x4"], costs={dear: 1e6})
        cheap_only = result.changed[dear] == result.original[dear]
        assert cheap_only.mean() > 0.8


@pytest.mark.parametrize(
    "model",
    [DecisionTreeClassifier(max_depth=5, random_state=0), KNeighborsClassifier(15)],
    ids=["tree", "neighbors"],
)
def test_models_with_steps_are_searched_too(model):
    past = make_credit_stream(2_000, drift=None, random_state=0)
    X = past.data[["income", "debt_to_income", "years_employed"]]
    model.fit(X, past.target)
    result = recourse(model, X[:300], actionable=list(X.columns), reference=X)
    assert result.found.mean() >= 0.99
    assert (model.predict(result.changed[result.found]) == 1).all()


def test_favorable_label_of_more_classes(linear):
    _, X = linear
    y = np.digitize(X @ WEIGHTS, [-1, 1])
    model = LogisticRegression().fit(X, y)
    for favorable in (0, 1):
        result = recourse(model, X[:200], actionable=NAMES, favorable_label=favorable)
        assert (model.predict(result.changed[result.found].to_numpy()) == favorable).all()
        assert result.found.mean() >= 0.95


def test_nobody_refused(linear):
    model, X = linear
    granted = X[model.predict(X) == 1]
    result = recourse(model, granted, actionable=NAMES)
    assert len(result.rows) == len(result.to_frame()) == 0
    with pytest.raises(ValueError, match="nobody is refused"):
        RecourseDisplay.from_result(result)


def test_intersections_are_groups(linear):
    model, X = linear
    told = pd.DataFrame({"a": np.tile(["f", "m"], 500), "b": np.repeat(["old", "young"], 500)})
    told.loc[0, "a"] = None
    result = recourse(model, X, actionable=NAMES, sensitive_features=told)
    assert list(result.by_group().index) == ["f & old", "f & young", "m & old", "m & young"]


def test_groups_have_the_names_that_the_classifier_gives_them():
    """Numbers of floats, edges of `sensitive_bins`, "&" within a value."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    y = (X["a"] + rng.normal(size=600) > 0).astype(int)
    kinds = pd.DataFrame({"team": rng.choice(["r & d", "sales"], 600), "part": 1.0})
    model = FEAMOEClassifier(random_state=0).fit(X, y, sensitive_features=kinds)
    found = recourse(model, X, actionable=["a"], sensitive_features=kinds)
    assert list(found.by_group().index) == sorted(model.groups_) == ["r && d & 1", "sales & 1"]
    age = rng.integers(18, 80, 600).astype(float)
    age[:5] = np.nan
    model = FEAMOEClassifier(sensitive_bins=[40], random_state=0)
    model.fit(X, y, sensitive_features=age)
    found = recourse(model, X, actionable=["a"], sensitive_features=age)
    assert list(found.by_group().index) == sorted(model.groups_) == ["40 and above", "below 40"]
    plain = LogisticRegression().fit(X, y)
    found = recourse(plain, X, actionable=["a"], sensitive_features=kinds.to_numpy())
    assert list(found.by_group().index) == ["r && d & 1", "sales & 1"]
    with pytest.raises(ValueError, match="one entry per row of X: X has 600"):
        recourse(model, X, actionable=["a"], sensitive_features=age[:9])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"actionable": ["wealth"]}, "actionable names .*wealth"),
        ({"actionable": []}, "must name the columns"),
        ({"actionable": {"x0": "up"}}, r"actionable\['x0'\] must be one of"),
        ({"actionable": ["x0"], "ranges": {"x1": (0, 1)}}, "ranges names"),
        ({"actionable": ["x0"], "ranges": {"x0": (1, 0)}}, r"ranges\['x0'\] must be"),
        ({"actionable": ["x0"], "steps": {"x0": -1}}, r"steps\['x0'\]"),
        ({"actionable": ["x0"], "costs": {"x0": 0}}, r"costs\['x0'\]"),
        ({"actionable": ["x0"], "max_changes": 0}, "max_changes"),
        ({"actionable": ["x0"], "favorable_label": "yes"}, "favorable_label must be"),
        ({"actionable": ["x0"], "sensitive_features": ["a"]}, "one entry per row of X"),
    ],
)
def test_errors_name_the_parameter(linear, options, match):
    model, X = linear
    with pytest.raises(ValueError, match=match):
        recourse(model, X, **options)


def test_models_without_probabilities_are_refused(linear):
    _, X = linear
    with pytest.raises(TypeError, match="predict_proba"):
        recourse(object(), X, actionable=["x0"])


def test_groups_are_needed_to_compare_groups(linear):
    model, X = linear
    with pytest.raises(ValueError, match="pass sensitive_features"):
        recourse(model, X, actionable=["x0"]).by_group()


def test_curves_end_at_the_part_with_recourse(lending):
    plt = pytest.importorskip("matplotlib.pyplot")
    model, X, group = lending
    display = RecourseDisplay.from_estimator(
        model,
        X[:600],
        actionable={"debt_to_income": "decrease", "loan_amount": "decrease"},
        sensitive_features=group[:600],
    )
    table = display.result.by_group()
    ends = [line.get_ydata()[-1] for line in display.ax_[0].lines]
    np.testing.assert_allclose(ends, 1 - table["without"])
    labels = [text.get_text() for text in display.ax_[1].get_yticklabels()]
    assert labels == ["debt_to_income", "loan_amount"]
    plt.close(display.figure_)


ACTS = ["occupation", "workclass", "hours-per-week", "capital-gain"]


def census_models(data):
    """Models of the census with one step, two steps, and two that are no straight lines."""
    linear = FEAMOEClassifier(None, max_iter=1, random_state=0)
    logarithm = make_preprocessor(data, log_columns=["capital-gain"])
    return {
        "raw rows": linear,
        "additive": FEAMOEClassifier(None, expert="additive", max_iter=1, random_state=0),
        "Pipeline": make_pipeline(make_preprocessor(data), linear),
        "logarithm": make_pipeline(logarithm, linear),
    }


@pytest.mark.parametrize("kind", ["raw rows", "additive", "Pipeline", "logarithm"])
def test_rows_put_together_from_columns_have_the_margins_of_whole_rows(kind):
    adult = load_adult_sample()
    model = census_models(adult.data)[kind].fit(adult.data, adult.target)
    people = adult.data[adult.data["occupation"].isna() | (adult.data.index % 900 == 0)][:6]
    assert people["occupation"].isna().any()
    acts = dict.fromkeys(ACTS, "any")
    actions = actions_of(adult.data, people, acts, None, None, None)
    table = _recourse._Table(model, people, actions, as_array=False)
    margin = table.encoded_margins(1)
    assert margin is not None
    rng = np.random.default_rng(0)
    rows = rng.integers(len(people), size=200)
    levels = rng.integers([len(actions[0].levels), len(actions[1].levels)], size=(200, 2))
    values = np.column_stack([levels, rng.integers(1, 99, 200), rng.integers(0, 9_999, 200)])
    kept = rng.random(values.shape) < 0.5
    values = np.where(kept | np.isnan(table.start[rows]), table.start[rows], values)
    np.testing.assert_allclose(margin(rows, values), table.margins(1)(rows, values), rtol=1e-7)


@pytest.mark.parametrize("step", [PolynomialFeatures(2), Normalizer()])
def test_columns_that_are_mixed_are_not_put_together(linear, step):
    _, X = linear
    y = (X @ WEIGHTS > 0).astype(int)
    model = make_pipeline(step, LogisticRegression(max_iter=1_000)).fit(X, y)
    refused = X[model.predict(X) == 0][:1]
    acts = dict.fromkeys(NAMES, "any")
    frame = _recourse._as_frame(refused)
    actions = actions_of(_recourse._as_frame(X), frame, acts, None, None, None)
    assert _recourse._Table(model, frame, actions, as_array=True).encoded_margins(1) is None
    result = recourse(model, refused, actionable=NAMES, reference=X)
    assert result.found.all()
    assert (model.predict(result.changed.to_numpy()) == 1).all()


def test_few_people_who_can_change_nothing_are_told_so(linear):
    _, X = linear
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    lowest = X[[X[:, 0].argmin()]]
    assert not recourse(model, lowest, actionable={"x0": "decrease"}, reference=X).found.any()


def test_an_answer_that_predict_refuses_is_searched_again_with_the_whole_model(
    census, monkeypatch
):
    model, X = census
    refused = X[3_000:3_300][model.predict(X[3_000:3_300]) == 0][:3]
    options = {"actionable": ACTS, "reference": X}
    expected = recourse(model, refused, **options)
    assert expected.found.all()

    def misleading(table, position):
        return lambda rows, values: np.where((values != table.start[rows]).any(axis=1), 1.0, -1)

    monkeypatch.setattr(_recourse._Table, "encoded_margins", misleading)
    result = recourse(model, refused, **options)
    pd.testing.assert_frame_equal(result.changed, expected.changed)
    np.testing.assert_array_equal(result.cost, expected.cost)


@pytest.mark.parametrize("n_people", [1, 8, 9])
def test_people_get_the_answers_that_they_get_together(census, n_people):
    model, X = census
    refused = X[3_000:3_600][model.predict(X[3_000:3_600]) == 0][:27]
    together = recourse(model, refused, actionable=ACTS, reference=X)
    parts = [
        recourse(model, refused[i : i + n_people], actionable=ACTS, reference=X)
        for i in range(0, 27, n_people)
    ]
    cost = np.concatenate([part.cost for part in parts])
    np.testing.assert_allclose(cost, together.cost, rtol=1e-2)
    for part in parts:
        assert (model.predict(part.changed[part.found]) == 1).all()


def test_one_column_may_be_named_alone(linear):
    model, X = linear
    alone = recourse(model, X[:200], actionable="x0").to_frame()
    pd.testing.assert_frame_equal(alone, recourse(model, X[:200], actionable=["x0"]).to_frame())


def test_rows_of_polars_have_the_answers_of_pandas(linear):
    _, X = linear
    frame = pd.DataFrame(X[:200], columns=NAMES)
    model = LogisticRegression().fit(frame, X[:200] @ WEIGHTS > 0)
    told = recourse(model, frame, actionable=NAMES).to_frame()
    made = recourse(model, pl.DataFrame(dict(frame)), actionable=NAMES).to_frame()
    pd.testing.assert_frame_equal(made, told)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"actionable": {"JOB": "increase"}}, "'JOB' is a category: it has no direction"),
        ({"actionable": ["JOB"], "steps": {"JOB": 1}}, "'JOB' is a category: it has no dir"),
        ({"actionable": ["JOB"], "ranges": {"JOB": ["?"]}}, r"ranges\['JOB'\] has \['\?'\]"),
    ],
)
def test_categories_have_neither_directions_nor_steps(census, options, match):
    model, X = census[:2]
    name = next(c for c in X if not pd.api.types.is_numeric_dtype(X[c]))
    named = {
        key: ({name: value["JOB"]} if isinstance(value, dict) else [name])
        for key, value in options.items()
    }
    with pytest.raises(ValueError, match=match.replace("JOB", name)):
        recourse(model, X[:50], **named)


def test_recourse_of_everybody_is_drawn_where_no_groups_are_known(linear):
    plt = pytest.importorskip("matplotlib.pyplot")
    model, X = linear
    result = recourse(model, X[:200], actionable=NAMES)
    _, axes = plt.subplots(2)
    display = RecourseDisplay.from_result(result, ax=axes)
    assert display.ax_.tolist() == axes.tolist()
    (line,) = axes[0].lines
    assert line.get_ydata()[-1] == pytest.approx(result.found.mean())
    with pytest.raises(ValueError, match="ax must be two Axes, got 1"):
        RecourseDisplay.from_result(result, ax=axes[0])
    plt.close("all")

"""Every answer of recourse keeps to ranges, steps, directions and the type of its column."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import recourse

ACTS = {"debts": "decrease", "income": "increase", "years": "any", "job": "any"}
COSTS = {"debts": 0.1, "income": 1e-4, "years": 0.3, "job": 1.0}
RANGES = {
    "by default": None,
    "ends": {"debts": (0, 5), "income": (40_000, 60_000.5), "job": ["judge", "cook"]},
    "one point": {"debts": (0, 0), "income": (5e4, 5e4), "years": (12.5, 12.5)},
    "half open": {"debts": (-np.inf, 7), "income": (45_000, np.inf), "years": (3, np.inf)},
    "between numbers": {"debts": (0.5, 9.9), "income": (31_234.567, 52_345.678)},
    "far away": {"debts": (-50, -20), "income": (1e6, 2e6), "years": (80, 90.1)},
    "out of reach": {"debts": (200, 300), "income": (-2, -1), "years": (1, 30)},
}
STEPS = {
    "by default": None,
    "whole": {"debts": 3, "income": 500, "years": 2},
    "parts": {"income": 0.3, "years": 0.1},
}


def people(n=700):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "income": np.round(rng.lognormal(10.3, 0.5, n), 2),
            "debts": rng.integers(0, 60, n),
            "years": rng.integers(0, 400, n) / 10,
            "job": rng.choice(["baker", "cook", "judge"], n),
        }
    )
    score = (np.log(X["income"]) - 10.3) * 2 - (X["debts"] - 25) / 8 + X["years"] / 40
    y = (score + (X["job"] == "judge") + rng.logistic(size=n) > 0.5).astype(int)
    return X, y


def with_holes(X):
    rng = np.random.default_rng(1)
    return X.assign(
        income=X["income"].mask(rng.random(len(X)) < 0.1),
        job=X["job"].mask(rng.random(len(X)) < 0.1),
    )


def models():
    encoder = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["job"]),
        remainder=StandardScaler(),
        verbose_feature_names_out=False,
    )
    few = {"constraints": None, "max_iter": 2, "random_state": 0}
    return {
        "linear": FEAMOEClassifier(**few),
        "additive": FEAMOEClassifier(expert="additive", **few),
        "mlp": FEAMOEClassifier(expert="mlp", hidden_layer_sizes=(4,), **few),
        "Pipeline": make_pipeline(encoder, LogisticRegression()),
        "mixing": make_pipeline(encoder, PolynomialFeatures(2), LogisticRegression()),
        "tree": make_pipeline(encoder, DecisionTreeClassifier(max_depth=4, random_state=0)),
    }


ALIKE = ("additive", "mixing", "tree")
"""Models whose answers are found in the way of another one."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=pytest.mark.ci) if n in ALIKE else n for n in models()],
)
def fitted(request):
    X, y = people()
    if request.param in ("linear", "additive", "mlp"):
        X = with_holes(X)
    return models()[request.param].fit(X, y), X


def assert_kept(result, model, X, *, acts=ACTS, ranges=None, steps=None, costs=COSTS):
    """Everything that the documentation promises of the answers."""
    found, now, then = result.found, result.original, result.changed
    pd.testing.assert_frame_equal(then[~found], now[~found])
    assert then.dtypes.equals(now.dtypes)
    cost = np.zeros(len(now))
    for name in now:
        moved = ((now[name] != then[name]) & now[name].notna()).to_numpy()
        pd.testing.assert_series_equal(then[name][~moved], now[name][~moved])
        if name not in acts:
            assert not moved.any()
        elif pd.api.types.is_numeric_dtype(now[name]):
            change = (then[name].astype(float) - now[name].astype(float))[moved].to_numpy()
            assert_change_kept(name, change, then[name][moved], X, acts, ranges, steps)
            cost[moved] += costs[name] * np.abs(change)
        else:
            assert set(then[name][moved]) <= set((ranges or {}).get(name, X[name].dropna()))
            cost[moved] += costs[name]
    np.testing.assert_allclose(result.cost[found], cost[found], rtol=1e-9)
    assert (cost[found] > 0).all()
    assert np.isinf(result.cost[~found]).all()
    if found.any():
        assert (model.predict(then[found]) == 1).all()


def assert_change_kept(name, change, end, X, acts, ranges, steps):
    low, high = (ranges or {}).get(name, (X[name].min(), X[name].max()))
    assert end.between(low, high).all()
    assert acts[name] == "any" or ((change > 0) == (acts[name] == "increase")).all()
    step = (steps or {}).get(name, 1 if pd.api.types.is_integer_dtype(end) else 0)
    if step:
        np.testing.assert_allclose(change / step, np.round(change / step), atol=1e-6)


@pytest.mark.parametrize(("n_people", "max_changes"), [(6, 2), (40, None)])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("ranges", RANGES)
def test_answers_keep_what_was_asked(fitted, ranges, steps, n_people, max_changes):
    model, X = fitted
    limits = {"ranges": RANGES[ranges], "steps": STEPS[steps], "costs": COSTS}
    refused = X[model.predict(X) == 0][:n_people]
    result = recourse(
        model, refused, actionable=ACTS, max_changes=max_changes, reference=X, **limits
    )
    assert result.found.any() or ranges == "out of reach"
    assert_kept(result, model, X, **limits)
    assert result.n_changes.max() <= (max_changes or len(ACTS))


@pytest.fixture(scope="module")
def lending():
    X, y = people()
    return FEAMOEClassifier(constraints=None, max_iter=3, random_state=0).fit(X, y), X


@pytest.mark.parametrize("n_people", [5, 300])
@pytest.mark.parametrize("way", ["decrease", "any"])
@pytest.mark.parametrize("low", [0, 3, 5])
def test_who_stands_outside_a_range_goes_into_it_and_no_farther(lending, low, way, n_people):
    model, X = lending
    refused = X[(model.predict(X) == 0) & (X["debts"] > 8)][:n_people]
    limits = {"ranges": {"debts": (low, 5)}, "costs": {"debts": 1}}
    result = recourse(model, refused, actionable={"debts": way}, **limits)
    assert_kept(result, model, X, acts={"debts": way}, **limits)
    granted = [model.predict(refused.assign(debts=end)) == 1 for end in range(low, 6)]
    np.testing.assert_array_equal(result.found, np.any(granted, axis=0))
    farthest = np.where(granted[-1], 5, result.changed["debts"])
    np.testing.assert_array_equal(result.changed["debts"], farthest)


def test_a_range_is_not_reached_against_the_direction(lending):
    model, X = lending
    refused = X[(model.predict(X) == 0) & X["debts"].between(10, 40)]
    for way, ends in (("increase", (0, 5)), ("decrease", (45, 50))):
        told = recourse(model, refused, actionable={"debts": way}, ranges={"debts": ends})
        assert not told.found.any()


def test_steps_that_miss_a_range_leave_a_column_as_it_is(lending):
    model, X = lending
    refused = X[model.predict(X) == 0]
    result = recourse(
        model,
        refused,
        actionable={"debts": "decrease"},
        ranges={"debts": (0, 1)},
        steps={"debts": 7},
    )
    can = (refused["debts"] % 7 <= 1) & (refused["debts"] > 1)
    assert 0 < result.found.sum() <= can.sum()
    assert can[result.found].all()
    assert (result.changed["debts"][result.found] <= 1).all()


@pytest.mark.parametrize("n_people", [5, 300])
@pytest.mark.parametrize("step", [None, 0, 1, 2, 7.0])
def test_whole_numbers_end_whole_and_cost_what_is_told(lending, step, n_people):
    model, X = lending
    refused = X[model.predict(X) == 0][:n_people]
    limits = {"steps": None if step is None else {"debts": step}, "costs": {"debts": 1}}
    result = recourse(
        model,
        refused,
        actionable={"debts": "decrease"},
        reference=X.astype({"debts": float}),
        **limits,
    )
    assert result.found.any()
    told = limits | {"steps": {"debts": step or 1}}
    assert_kept(result, model, X, acts={"debts": "decrease"}, **told)
    np.testing.assert_array_equal(
        result.cost, np.where(result.found, result.cost.round(), np.inf)
    )


@pytest.mark.parametrize("kind", ["int8", "uint8", "Int64", "UInt16", "float32", "Float32"])
@pytest.mark.parametrize("ends", [None, (-1_000, 1_000), (0.1, 7.7), (-np.inf, 20.3)])
def test_answers_are_those_of_the_type_of_the_column(kind, ends):
    X, y = people()
    X["debts"] = X["debts"].astype(kind)
    missing = np.random.default_rng(0).random(len(X)) < 0.1
    if kind[0] in "IUF":
        X["debts"] = X["debts"].mask(missing)
    model = FEAMOEClassifier(constraints=None, max_iter=2, random_state=0).fit(X, y)
    limits = {"ranges": None if ends is None else {"debts": ends}, "costs": {"debts": 0.7}}
    result = recourse(model, X, actionable=["debts"], **limits)
    assert result.found.any()
    assert_kept(result, model, X, acts={"debts": "any"}, **limits)


def test_arrays_of_integers_are_changed_in_whole_numbers():
    X, y = people()
    X = X[["debts", "years"]].astype(int).to_numpy()
    model = LogisticRegression().fit(X, y)
    result = recourse(model, X, actionable=["x0"], steps={"x0": 0}, costs={"x0": 1})
    change = (result.changed - result.original)["x0"].abs()[result.found]
    np.testing.assert_array_equal(result.cost[result.found], change)
    assert (model.predict(result.changed[result.found].to_numpy()) == 1).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": {"debts": 2.5}}, r"steps\['debts'\] must be whole, .*got 2.5"),
        ({"steps": {"debts": 0.5}}, "must be whole"),
        ({"steps": {"debts": np.inf}}, "at least 0 and finite"),
        ({"steps": {"debts": np.nan}}, "at least 0 and finite"),
        ({"ranges": {"debts": (0.2, 0.8)}}, r"ranges\['debts'\] has no number of type int64"),
        ({"ranges": {"debts": (np.inf, np.inf)}}, r"ranges\['debts'\] must be"),
        ({"ranges": {"debts": (np.nan, 5)}}, r"ranges\['debts'\] must be"),
    ],
)
def test_limits_that_no_answer_can_keep_are_refused(lending, options, match):
    model, X = lending
    with pytest.raises(ValueError, match=match):
        recourse(model, X, actionable=["debts"], **options)

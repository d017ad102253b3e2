"""Bounds within parts of the people, and bounds of ratios."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.cases import Measured
from skfeamoe._fairness.local import LocalColumn, LocalOffset, PlacedLocal, band_edges
from skfeamoe._fairness.offset import Parts, Problem, excess, margins_with, solve_offset
from skfeamoe._fairness.shrinkage import (
    effects,
    raw_limits,
    shrunken_gaps,
    variance_between,
)
from skfeamoe._fairness.slots import Slot, measured_means, push_margins
from skfeamoe._terms import ColumnTerms
from skfeamoe.exceptions import FairnessWarning


def opposite(n=6000, seed=0):
    """Two departments with gaps of opposite sign, which cancel on all people."""
    rng = np.random.default_rng(seed)
    group, department = rng.integers(0, 2, n), rng.integers(0, 2, n)
    skill, proxy = rng.normal(size=n), rng.normal(size=n) + 1.5 * group
    y = skill + np.where(department == 1, 1.0, -1.0) * (proxy - 0.75) + 0.5 * rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "skill": skill,
            "proxy": proxy,
            "department": np.array(["law", "physics"])[department],
            "product": proxy * (2.0 * department - 1.0),
        }
    )
    return frame, (y > 0.0).astype(int), np.array(["a", "b"])[group]


def gap_within(decided, group, part):
    """Largest gap of a part."""
    gaps = []
    for value in np.unique(part):
        own = part == value
        rates = [decided[own & (group == a)].mean() for a in np.unique(group)]
        gaps.append(max(rates) - min(rates))
    return max(gaps)


# --------------------------------------------------------------------- parts and terms


def test_a_number_is_cut_into_fifths_between_two_values():
    x = np.random.default_rng(0).integers(0, 1000, 5000).astype(float)
    edges = band_edges(x)
    held = np.bincount(np.searchsorted(edges, x, side="right")) / len(x)
    np.testing.assert_allclose(held, 0.2, atol=0.01)
    assert not np.isin(edges, x).any()


def test_few_values_are_parts_of_their_own_and_one_value_is_none():
    assert band_edges(np.array([0.0, 1.0, 1.0, np.nan])).tolist() == [0.5]
    assert band_edges(np.full(9, 3.0)).tolist() == []


def test_a_new_category_begins_as_the_pool_was():
    weight = np.array([[1.0, 2.0], [3.0, 4.0]])
    column = LocalColumn(0, True, np.empty(0), np.array([-1.0, 4.0]), weight)
    grown = column.meeting(np.array([2.0, 4.0, -1.0]))
    assert grown.codes.tolist() == [-1.0, 2.0, 4.0]
    assert grown.weight.tolist() == [[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]]
    assert column.part_of(np.array([2.0, 4.0, np.nan])).code.tolist() == [0, 1, -1]


@pytest.mark.parametrize("is_category", [True, False])
def test_missing_values_are_a_part_from_the_first_on(is_category):
    codes = np.array([-1.0, 4.0]) if is_category else np.arange(2.0)
    edges = np.empty(0) if is_category else np.array([3.0])
    column = LocalColumn(0, is_category, edges, codes, np.array([[1.0, 2.0], [3.0, 4.0]]))
    values = np.array([2.0, np.nan, 4.0])
    assert not column.has_missing
    assert column.part_of(values).code.tolist() == [0, -1, 1]
    grown = column.meeting(np.array([np.nan, 4.0]))
    assert grown.has_missing
    assert grown.weight.tolist() == [[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]
    assert grown.part_of(values).code.tolist() == [0, 2, 1]
    assert grown.meeting(values[:2]).has_missing
    assert grown.meeting(np.array([np.nan])) is grown
    names = grown.names(lambda j, code: f"value {code:g}")
    assert names == (["(other)", "value 4"] if is_category else ["below 3", "3 and above"]) + [
        "(missing)"
    ]


def holed(n, seed, *, is_category=False):
    """A gap among those without a value in "b", and none among the others."""
    rng = np.random.default_rng(seed)
    group, missing = rng.integers(0, 2, n), rng.random(n) < 0.3
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    X["a"] += np.where(missing, 1.5, -0.3) * (2 * group - 1)
    y = (X["a"] + X["c"] + 0.5 * rng.logistic(size=n) > 0.0).to_numpy(dtype=int)
    if is_category:
        X["b"] = np.where(X["b"] > 0.0, "high", "low").astype(object)
    X.loc[missing, "b"] = None if is_category else np.nan
    return X, y, group, missing


@pytest.mark.parametrize("is_category", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_gap_among_people_without_a_value_is_bounded_and_told(is_category, streamed):
    """Without local bounds the gap is beyond .3; .2 is three standard errors from .1."""
    X, y, group, _ = holed(8_000, 3, is_category=is_category)
    new, _, of, missing = holed(20_000, 99, is_category=is_category)
    gaps = {}
    for columns in (("b",), None):
        model = FEAMOEClassifier(local_columns=columns, max_iter=3, random_state=0)
        if streamed:
            for start in range(0, len(y), 200):
                part = slice(start, start + 200)
                model.partial_fit(X[part], y[part], [0, 1], sensitive_features=group[part])
        else:
            model.fit(X, y, sensitive_features=group)
        decided = model.predict(new)[missing]
        gaps[columns] = gap_within(decided, of[missing], np.zeros(missing.sum()))
        if columns:
            (told,) = (row for row in model.local_gaps_ if row["part"] == "(missing)")
            assert told["gap"] <= 0.12
    assert gaps["b",] < 0.2 < 0.3 < gaps[None]


@pytest.mark.parametrize("splines", [False, True])
def test_terms_tell_the_values_of_their_columns(splines):
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(50, 9, 400), rng.integers(0, 3, 400), rng.normal(size=400)])
    X[5, 0] = X[6, 1] = np.nan
    terms = ColumnTerms(np.array([False, True, False]), splines=splines)
    terms.update(X, np.ones(400))
    Z = terms.transform(X)
    low, high = terms.numbers.bounds
    np.testing.assert_allclose(terms.values_of(Z, 0), np.clip(X[:, 0], low[0], high[0]))
    np.testing.assert_array_equal(terms.values_of(Z, 1), X[:, 1])
    rare = X[:1].copy()
    rare[0, 1] = 99.0
    assert terms.values_of(terms.transform(rare), 1).tolist() == [-1.0]


def test_slopes_are_the_derivative_of_what_parts_add():
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.normal(size=300), rng.normal(size=300)])
    terms = ColumnTerms(np.zeros(2, dtype=bool), splines=False)
    terms.update(X, np.ones(300))
    edges = np.array([-0.5, 0.5])
    weight = rng.normal(size=(3, 3))
    column = LocalColumn(0, False, edges, np.arange(3.0), weight)
    placed = PlacedLocal(LocalOffset((column,)), terms)
    Z = terms.transform(X)
    code = np.searchsorted(edges, X[:, 0])
    explicit = (Z * weight[code, :2]).sum(axis=1) + weight[code, 2]
    np.testing.assert_allclose(placed.values(Z), explicit)
    np.testing.assert_allclose(placed.slopes(Z), weight[code, :2])


# ----------------------------------------------------------------------------- solver


def parted(n=4000):
    """Two parts with opposite gaps; one direction."""
    rng = np.random.default_rng(3)
    group, part = np.arange(n) % 2, (np.arange(n) // 2) % 2
    evidence = rng.normal(size=n) + group
    margin = 2.0 * rng.normal(size=n) + np.where(part == 1, 1.0, -1.0) * (evidence - 0.5)
    cost = (1.0 - 2.0 * expit(margin)) / n
    cell = part * 2 + group
    weight = 1.0 / np.bincount(cell)[cell]
    whole = Slot(group, 1.0 / np.bincount(group)[group], 2)
    local = Slot(cell, weight, 4, None, np.array([0, 0, 1, 1]), 2)
    bounds = np.array([0.05, 0.05, 0.05])
    return Problem(margin, cost, evidence[:, None], [whole, local], bounds), part


def test_gaps_that_cancel_are_seen_within_parts():
    problem, _ = parted()
    over = excess(problem, problem.margin)
    assert over[0] < 0.0 < over[1:].min()


def test_an_offset_of_parts_keeps_the_bound_where_one_for_all_pays_more():
    problem, part = parted()
    shared = solve_offset(problem)
    local = solve_offset(problem._replace(parts=[Parts(part, 2)]))
    assert (local.excess <= 1e-3).all()
    assert local.cost < shared.cost - 0.02
    slopes = local.coef[0] + local.local[:, 0]
    assert slopes[0] > 0.0 > slopes[1], "parts move in opposite directions"
    moved = margins_with(problem._replace(parts=[Parts(part, 2)]), local)
    explicit = problem.margin + problem.directions[:, 0] * slopes[part]
    explicit += local.intercept + local.local[part, 1]
    np.testing.assert_allclose(moved, explicit)


@pytest.mark.parametrize("is_distance", [False, True])
def test_pushes_of_a_ratio_are_the_derivative_of_logarithms(is_distance):
    rng = np.random.default_rng(4)
    group = rng.integers(0, 3, 60)
    slot = Slot(group, 1.0 / np.bincount(group)[group], 3, is_ratio=True)
    if is_distance:
        slot = slot._replace(inverse_norm=rng.random(60) + 0.5)
    margin, push, width = rng.normal(size=60), rng.normal(size=3), 0.3

    def value(z):
        return push @ measured_means(slot, expit(z / width), z)

    granted = expit(margin / width)
    found = push_margins(slot, push, granted, granted * (1.0 - granted) / width, margin)
    step = 1e-6 * np.eye(60)
    numeric = [(value(margin + e) - value(margin - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(found, numeric, rtol=1e-5, atol=1e-8)


# -------------------------------------------------------------------------- shrinkage


def measured(mean, n):
    """Rates of one slot on so many people a cell."""
    mean = np.array([mean], dtype=float)
    n = np.broadcast_to(np.asarray(n, dtype=float), mean.shape)
    return Measured(mean, mean * (1.0 - mean) / n, n, mean)


def test_gaps_of_large_parts_stay_and_those_of_small_ones_go_towards_the_gap_on_all():
    whole = measured([0.4, 0.3], 100_000)
    large = [measured([0.6, 0.2], 50_000), measured([0.2, 0.4], 50_000)]
    small = measured([0.6, 0.2], 30)
    found = effects([*large, small], whole, 0)
    gaps, weights = shrunken_gaps(found, variance_between(found))
    np.testing.assert_allclose(gaps[:2], [0.4, 0.2], atol=2e-3)
    assert 0.1 < gaps[2] < 0.39
    assert weights[2] < 0.9 < 0.999 < weights[0]


def test_noise_alone_has_no_variance_between_parts():
    rng = np.random.default_rng(5)
    found = []
    for _ in range(200):
        parts = [measured(rng.binomial(100, [0.4, 0.3]) / 100, 100) for _ in range(10)]
        found.append(variance_between(effects(parts, measured([0.4, 0.3], 1e6), 0)))
    assert np.median(found) < 2e-4  # standard errors squared are 2e-3


def test_limits_are_where_the_shrunken_gap_meets_the_bound():
    limits = raw_limits(np.array([1.0, 0.5]), 0.1, 0.05)
    np.testing.assert_allclose(limits, [0.1, 0.15])


# --------------------------------------------------------------------- the classifier


def test_a_small_table_has_parts_as_well():
    X, y, group = opposite(800)
    model = FEAMOEClassifier(local_columns="department", random_state=0)
    model.fit(X, y, sensitive_features=group)
    assert {row["part"] for row in model.local_gaps_} >= {"law", "physics"}


def test_gaps_within_departments_are_kept_by_fit():
    X, y, group = opposite()
    free = FEAMOEClassifier(random_state=0).fit(X, y, sensitive_features=group)
    model = FEAMOEClassifier(local_columns="department", random_state=0)
    model.fit(X, y, sensitive_features=group)
    new, _, new_group = opposite(20_000, seed=1)
    department = new["department"].to_numpy()
    assert gap_within(free.predict(new), new_group, department) > 0.3
    assert gap_within(model.predict(new), new_group, department) < 0.14
    assert {row["part"] for row in model.local_gaps_} == {"(other)", "law", "physics"}
    seen = [row for row in model.local_gaps_ if row["n_lowest"]]
    assert all(row["column"] == "department" for row in seen)
    assert all(row["shrunken_gap"] <= row["bound"] + 0.01 for row in seen)


def test_gaps_within_departments_are_kept_by_a_stream():
    X, y, group = opposite(9000)
    model = FEAMOEClassifier(local_columns=["department"], random_state=0)
    for start in range(0, len(y), 100):
        part = slice(start, start + 100)
        model.partial_fit(X[part], y[part], [0, 1], sensitive_features=group[part])
    new, _, new_group = opposite(20_000, seed=1)
    assert gap_within(model.predict(new), new_group, new["department"].to_numpy()) < 0.2
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(new), model.predict_proba(new))
    assert str(copy.local_gaps_) == str(model.local_gaps_)
    for one in (model, copy):
        one.partial_fit(X[:2000], y[:2000], sensitive_features=group[:2000])
    assert np.array_equal(copy.predict_proba(new), model.predict_proba(new))


@pytest.mark.parametrize("expert", ["logistic", "additive", "mlp"])
@pytest.mark.parametrize("constraints", ["equalized_odds", "burden"])
def test_local_bounds_of_every_kind_of_expert(expert, constraints):
    X, y, group = opposite(3000)
    model = FEAMOEClassifier(
        constraints,
        expert=expert,
        local_columns=["department", "skill"],
        local_bound=0.2,
        difference_bound=0.2,
        random_state=0,
        max_iter=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        model.fit(X, y, sensitive_features=group)
    n_events = 2 if constraints == "equalized_odds" else 1
    assert len(model.local_gaps_) == n_events * (3 + 5)
    proba = model.predict_proba(X[:5])[:, 1]
    explanation = model.explain(X[:5], background=X[:20])
    sums = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(sums, proba, atol=1e-9)
    if constraints == "burden":
        assert np.isfinite(model.distance_to_boundary(X[:50])).all()


def test_what_parts_add_is_exported():
    onnxruntime = pytest.importorskip("onnxruntime")
    from skfeamoe.export import to_onnx

    X, y, group = opposite(3000)
    X.loc[::50, "skill"] = np.nan
    model = FEAMOEClassifier(local_columns=["department", "skill"], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        model.fit(X, y, sensitive_features=group)
    assert model._model.loose_shift.local is not None
    session = onnxruntime.InferenceSession(to_onnx(model, X[:1]).SerializeToString())
    inputs = {
        i.name: X[[i.name]].to_numpy(object if X[i.name].dtype.kind not in "fi" else float)
        for i in session.get_inputs()
    }
    for i in session.get_inputs():
        if "float" in i.type and "double" not in i.type:
            inputs[i.name] = inputs[i.name].astype(np.float32)
    found = session.run(None, inputs)[1]
    np.testing.assert_allclose(found, model.predict_proba(X), atol=1e-5)


def test_the_worst_part_is_named_where_a_local_bound_is_not_kept():
    X, y, group = opposite(4000)
    model = FEAMOEClassifier(
        local_columns="department", local_bound=0.02, accuracy_floor=0.8, random_state=0
    )
    with pytest.warns(FairnessWarning, match="local_bound is not kept .* 'department' is"):
        model.fit(X, y, sensitive_features=group)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"local_columns": "age"}, "local_columns"),
        ({"local_columns": "skill", "control": "schedule"}, "no bounds"),
        ({"local_columns": "skill", "local_bound": 0.0}, "local_bound must be in"),
        ({"local_columns": "skill", "monotonic_cst": {"skill": 1}}, "monotonic_cst"),
        ({"ratio_bound": 1.0}, "ratio_bound must be between 0 and 1"),
        ({"ratio_bound": 0.8, "constraints": "burden"}, "ratio_bound=0.8 cannot bound"),
        ({"ratio_bound": {"equalized_odds": 0.8}}, "none of the constraints"),
        ({"ratio_bound": 0.8, "control": "schedule"}, "no bounds"),
    ],
)
def test_wrong_choices_are_refused(options, message):
    X, y, group = opposite(300)
    with pytest.raises(ValueError, match=message):
        FEAMOEClassifier(**options).fit(X, y, sensitive_features=group)


def test_local_columns_of_sparse_rows_are_refused():
    from scipy.sparse import csr_array

    X, y, group = opposite(300)
    with pytest.raises(ValueError, match="needs dense X"):
        FEAMOEClassifier(local_columns=0).fit(
            csr_array(X[["skill", "proxy"]].to_numpy()), y, sensitive_features=group
        )


# ------------------------------------------------------------------------------ ratios


@pytest.mark.parametrize("constraints", ["demographic_parity", "equalized_odds"])
def test_the_four_fifths_rule(constraints):
    rng = np.random.default_rng(0)
    n = 20_000
    group = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 4))
    X[:, 0] += 0.6 * group
    y = (X[:, 0] + X[:, 1] + rng.normal(size=n) > 1.8).astype(int)
    model = FEAMOEClassifier(constraints, ratio_bound=np.float32(0.8), random_state=0)
    model.fit(X[:10_000], y[:10_000], sensitive_features=group[:10_000])
    decided, label, of = model.predict(X[10_000:]), y[10_000:], group[10_000:]
    events = [label >= 0] if constraints == "demographic_parity" else [label == 1, label == 0]
    for event in events:
        rates = np.array([decided[event & (of == a)].mean() for a in range(3)])
        counted = np.array([(event & (of == a)).sum() for a in range(3)])
        error = np.sqrt(((1.0 - rates) / (rates * counted)).sum())  # of a logarithm
        assert np.ptp(np.log(rates)) < -np.log(0.8) + 2.0 * error
    if constraints == "demographic_parity":
        free = FEAMOEClassifier(None, random_state=0).fit(X[:10_000], y[:10_000])
        rates = [free.predict(X[10_000:])[of == a].mean() for a in range(3)]
        assert min(rates) / max(rates) < 0.6
    for row in model.group_gap_details_:
        assert row["form"] == "ratio"
        assert row["bound"] == pytest.approx(0.8)
        assert row["ratio"] >= 0.78
        assert row["verdict"] in ("kept", "not shown")


def test_a_mapping_bounds_one_constraint_by_a_ratio_and_the_other_by_a_difference():
    X, y, group = opposite(3000)
    names = ["demographic_parity", "equal_opportunity"]
    model = FEAMOEClassifier(
        names,
        ratio_bound={"demographic_parity": 0.9},
        difference_bound={"equal_opportunity": 0.4},
        random_state=0,
        max_iter=2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        model.fit(X, y, sensitive_features=group)
    forms = {row["constraint"]: (row["form"], row["bound"]) for row in model.group_gap_details_}
    assert forms["demographic_parity"] == ("ratio", pytest.approx(0.9))
    assert forms["equal_opportunity"] == ("difference", 0.4)

"""Raw tables in, shape functions out: the estimator on terms, from end to end."""

import itertools
import math
import pickle
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from lending import assert_same_state, frozen, made_once, make_lending, stream
from raw_tables import JOBS, make_table, stream_table
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from skfeamoe import FEAMOEClassifier

FRAME, Y, GROUP = make_table()
EXPERTS = ("additive", "logistic", "mlp")
experts = pytest.mark.parametrize("expert", EXPERTS)
quick = {"growth_interval": 400, "max_experts": 4, "random_state": 0, "background_size": 60}


@made_once
def fitted(expert="additive", constraints="demographic_parity", **parameters):
    options = {**quick, "difference_bound": 0.5, **parameters}
    model = FEAMOEClassifier(constraints, expert=expert, **options)
    return model.fit(FRAME, Y, sensitive_features=GROUP)


@made_once
def streamed(expert="additive", constraints="demographic_parity", **parameters):
    options = {**quick, "difference_bound": 0.5, **parameters}
    model = FEAMOEClassifier(constraints, expert=expert, **options)
    return stream_table(model, FRAME, Y, GROUP)


@experts
def test_one_table_in_all_its_forms_is_one_model(expert):
    forms = [FRAME, pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME)]
    models = [FEAMOEClassifier(None, expert=expert, **quick).fit(form, Y) for form in forms]
    said = models[0].predict_proba(FRAME)
    for model, form in itertools.product(models, forms):
        np.testing.assert_array_equal(model.predict_proba(form), said)


def test_additive_experts_see_what_straight_lines_do_not():
    frame, y, _ = make_table(6000, seed=1)
    score = {
        expert: FEAMOEClassifier(None, expert=expert, random_state=0)
        .fit(frame[:5000], y[:5000])
        .score(frame[5000:], y[5000:])
        for expert in ("additive", "logistic")
    }
    assert score["additive"] > score["logistic"] + 0.015


def test_a_missing_value_that_tells_something_is_used():
    table = fitted(constraints=None).shape_functions_["rent"]
    share = fitted(constraints=None).gate_proba(FRAME).mean(axis=0)
    missing = table["kind"].index("missing")
    assert (share @ table["effect"])[missing] > 0.8


@experts
def test_a_stream_saved_midway_goes_on_bit_for_bit(expert):
    whole = FEAMOEClassifier(expert=expert, **quick)
    stream_table(whole, FRAME, Y, GROUP, stop=900)
    other = pickle.loads(pickle.dumps(whole))
    for model in (whole, other):
        stream_table(model, FRAME, Y, GROUP, start=900)
    assert_same_state(whole._model, other._model)
    np.testing.assert_array_equal(whole.predict_proba(FRAME), other.predict_proba(FRAME))


def test_skops_reads_what_it_wrote():
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    model = streamed()
    data = skops.dumps(model)
    other = skops.loads(data, trusted=skops.get_untrusted_types(data=data))
    np.testing.assert_array_equal(model.predict_proba(FRAME), other.predict_proba(FRAME))


def brute_force(model, rows, background, j_names):
    """Shapley values of P(1), from all coalitions of columns of the raw table."""
    n = len(j_names)
    values = np.zeros((len(rows), n))
    outputs = {}
    for chosen in itertools.product([False, True], repeat=n):
        mixed = pd.concat([background] * len(rows), ignore_index=True)
        for name, own in zip(j_names, chosen, strict=True):
            if own:
                repeated = rows[name].iloc[np.repeat(np.arange(len(rows)), len(background))]
                mixed[name] = repeated.to_numpy() if name != "sex" else repeated.array
        said = model.predict_proba(mixed)[:, 1].reshape(len(rows), -1)
        outputs[chosen] = said.mean(axis=1)
    for chosen, value in outputs.items():
        size = sum(chosen)
        for j in range(n):
            if not chosen[j]:
                after = outputs[(*chosen[:j], True, *chosen[j + 1 :])]
                share = 1.0 / (n * math.comb(n - 1, size))
                values[:, j] += share * (after - value)
    return values


@experts
@pytest.mark.parametrize("bends", [True, False])
def test_explanations_are_the_brute_force_values_of_the_columns(expert, bends):
    model = fitted(expert) if bends else streamed(expert)
    rows, background = FRAME[:4], FRAME[100:112]
    explanation = model.explain(rows, background=background, method="exact")
    assert list(explanation.feature_names) == list(FRAME.columns)
    expected = brute_force(model, rows, background, list(FRAME.columns))
    np.testing.assert_allclose(explanation.values, expected, atol=1e-9)
    assert explanation.display_data[0, 5] in ("male", "female")
    assert set(explanation.display_data[:, 3]) <= {*JOBS, "(missing)"}


def test_shape_functions_add_up_to_the_log_odds_of_one_expert():
    model = fitted(constraints=None, growth=None)
    rows = FRAME.copy()
    tables = model.shape_functions_
    total = np.zeros(len(rows))
    for name, table in tables.items():
        column, effect = rows[name], table["effect"][0]
        kind = np.array(table["kind"])
        if "category" in kind:
            by_label = dict(zip(table["label"], effect, strict=True))
            total += [by_label["(missing)" if pd.isna(v) else v] for v in column]
            continue
        x = column.to_numpy(dtype=float)
        line = kind == "value"
        part = np.interp(x, table["value"][line], effect[line])
        for value, own in zip(
            table["value"][kind == "atom"], effect[kind == "atom"], strict=True
        ):
            part[x == value] = own
        part[np.isnan(x)] = effect[kind == "missing"] if "missing" in kind else np.nan
        total += part
    said = logit(model.predict_proba(rows)[:, 1])
    assert np.ptp(said - total) < 1e-9


def test_shape_functions_have_mean_zero_over_the_background():
    model = fitted(constraints=None)
    table = model.shape_functions_["sex"]
    codes = model.background_[:, 5]
    effect = dict(zip(table["value"], table["effect"].T, strict=True))
    mean = np.average([effect[c] for c in codes], axis=0, weights=model.background_weight_)
    np.testing.assert_allclose(mean, 0.0, atol=1e-12)


def test_names_of_terms():
    model = fitted(constraints=None)
    names = list(model.get_feature_names_out())
    assert len(names) == model.expert_coef_.shape[2] == model.gate_coef_.shape[1]
    assert {"age", "savings=0", "job=baker", "job=(other)", "rent=(missing)"} <= set(names)


@pytest.mark.parametrize("expert", ["additive", "logistic"])
@pytest.mark.parametrize("learn", [fitted, streamed])
def test_monotone_columns_never_fall_whatever_else_is_asked(expert, learn):
    signs = {"age": 1, "rent": -1, "savings": 1}
    model = learn(expert, difference_bound=0.05, monotonic_cst=signs)
    assert model.n_experts_ > 2
    for name, sign in signs.items():
        rows = pd.concat([FRAME[:40]] * 60, ignore_index=True)
        low, high = FRAME[name].min() - 5.0, FRAME[name].max() + 5.0
        rows[name] = np.repeat(np.linspace(low, high, 60), 40)
        said = model.predict_proba(rows)[:, 1].reshape(60, 40)
        assert (sign * np.diff(said, axis=0) >= -1e-12).all()
    assert not np.all(model.gate_coef_ == 0.0)


def test_holes_may_appear_in_a_stream_of_numbers():
    X, y, group = make_lending(1500)
    model = stream(FEAMOEClassifier(**quick), X[:1000], y[:1000], group[:1000])
    before = model.predict_proba(X)
    row = X[1000:1001].copy()
    row[0, 2] = np.nan
    assert np.isfinite(model.predict_proba(row)).all()
    model.partial_fit(row, y[1000:1001], sensitive_features=group[1000:1001])
    assert np.abs(model.predict_proba(X) - before).max() < 0.1
    assert model.get_feature_names_out()[-1] == "x2=(missing)"
    spoiled = X.copy()
    spoiled[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    stream(model, spoiled[1000:], y[1000:], group[1000:])
    assert model.score(X, y) > 0.6


def test_what_holes_change_is_their_indicator_only():
    X, y, group = make_lending(400)
    model = stream(FEAMOEClassifier(**quick), X, y, group)
    other = pickle.loads(pickle.dumps(model))
    from skfeamoe._terms import ColumnTerms

    other._model.terms = ColumnTerms.around(other._model.terms)
    np.testing.assert_allclose(
        other.predict_proba(X), model.predict_proba(X), rtol=1e-9, atol=1e-12
    )


def late_category(frame, y, n_before, rng):
    """A stream in which a new job, which decides the label, comes in late."""
    frame, y = frame.copy(), y.copy()
    late = np.flatnonzero((np.arange(len(y)) >= n_before) & (rng.random(len(y)) < 0.15))
    frame.loc[late, "job"] = "pilot"
    y[late] = 0
    return frame, y, late


@pytest.mark.slow
def test_a_late_category_is_learned_like_one_that_was_there():
    frame, y, group = make_table(9000, seed=3)
    frame, y, late = late_category(frame, y, 5000, np.random.default_rng(4))
    model = FEAMOEClassifier(None, expert="additive", random_state=0)
    stream_table(model, frame, y, group, stop=5000)
    before = model.predict_proba(frame[:500])
    n_terms = len(model.get_feature_names_out())
    stream_table(model, frame, y, group, start=5000)
    assert "job=pilot" in model.get_feature_names_out()
    assert len(model.get_feature_names_out()) > n_terms
    after = late[late > late[0]][300:]
    assert (model.predict(frame.iloc[after]) == 0).mean() > 0.97
    assert np.abs(model.predict_proba(frame[:500]) - before).mean() < 0.1


def test_an_unknown_category_is_predicted_as_a_rare_one():
    model = fitted()
    strange = FRAME[:5].assign(job=["acrobat", "diver", "pope", "king", "queen"])
    said = model.predict_proba(strange)
    assert np.isfinite(said).all()
    assert "acrobat" not in model._table.labels[3]


def test_values_far_beyond_the_data_are_told_once():
    model = streamed()
    far = FRAME[:50].copy()
    far.loc[3, "rent"] = 1e9
    with pytest.warns(UserWarning, match=r"'rent': 1 beyond .*1e\+09"):
        model.partial_fit(far, Y[:50], sensitive_features=GROUP[:50])
    model.partial_fit(far, Y[:50], sensitive_features=GROUP[:50])
    said = model.predict_proba(
        pd.concat([far[3:4]] * 2, ignore_index=True).assign(rent=[1e9, 1e100])
    )
    np.testing.assert_array_equal(said[0], said[1])


BAD_TABLES = {
    "date": (FRAME.assign(age=pd.Timestamp("2020-01-01")), "column 'age' holds dates"),
    "mixed": (FRAME.assign(job=["a", 1] * 1000), "column 'job' mixes text and numbers"),
    "lists": (FRAME.assign(rent=[[1]] * 2000), "column 'rent' holds .*list"),
    "infinite": (FRAME.assign(rent=np.inf), "infinity in column 'rent'"),
    "dates as objects": (FRAME.assign(age=date(2020, 1, 1)), "column 'age' holds dates"),
    "unknown type": (FRAME.assign(age=pd.Interval(0, 1)), "column 'age' has the type interval"),
}
LATER_TABLES = {
    "text for numbers": (FRAME.assign(age="old"), "column 'age' held numbers"),
    "numbers for text": (FRAME.assign(job=1.0), "column 'job' held categories such as"),
    "other order": (FRAME[FRAME.columns[::-1]], "feature names should match"),
    "one less": (FRAME.drop(columns="rent"), "feature names should match"),
}


@experts
@pytest.mark.parametrize(("frame", "words"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_columns_that_cannot_be_used_are_named(expert, frame, words):
    model = FEAMOEClassifier(None, expert=expert)
    for learn in (model.fit, lambda X, y: model.partial_fit(X, y, classes=[0, 1])):
        before = frozen(model)
        with pytest.raises((ValueError, TypeError), match=words):
            learn(frame, Y)
        assert frozen(model) == before


@pytest.mark.parametrize(("frame", "words"), LATER_TABLES.values(), ids=LATER_TABLES)
def test_tables_of_another_kind_leave_the_model_as_it_was(frame, words):
    model = streamed()
    before = frozen(model)
    with pytest.raises(ValueError, match=words):
        model.partial_fit(frame, Y, sensitive_features=GROUP)
    with pytest.raises(ValueError, match=words):
        model.predict(frame)
    assert frozen(model) == before


def test_text_where_a_model_of_numbers_runs():
    X, y, group = make_lending(300)
    model = stream(FEAMOEClassifier(**quick), X, y, group)
    text = X.astype(object)
    text[5, 1] = "high"
    text[:, 1] = text[:, 1].astype(str)
    with pytest.raises(ValueError, match="column 'x1' held numbers"):
        model.predict(text)


def test_arrays_of_text_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="dtype=object"):
        FEAMOEClassifier(None).fit(np.array([["a", "1"], ["b", "2"]] * 20), [0, 1] * 20)


def test_categories_by_number_name_and_mask_are_the_same():
    codes = pd.DataFrame({"state": np.arange(400) % 7, "age": np.arange(400.0)})
    y = (codes["state"] == 3).astype(int).to_numpy()
    chosen = ([0], ["state"], [True, False])
    said = [
        FEAMOEClassifier(None, categorical_features=c, random_state=0)
        .fit(codes, y)
        .predict_proba(codes)
        for c in chosen
    ]
    assert ((said[0][:, 1] > 0.5) == y).all()
    np.testing.assert_array_equal(said[0], said[1])
    np.testing.assert_array_equal(said[0], said[2])
    array = FEAMOEClassifier(None, categorical_features=[0], random_state=0)
    np.testing.assert_array_equal(
        array.fit(codes.to_numpy(), y).predict_proba(codes.to_numpy()), said[0]
    )


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"categorical_features": [True]}, "mask must have one entry for each of the 6"),
        ({"categorical_features": ["town"]}, "names 'town', which is not a column"),
        ({"categorical_features": None}, "column 'job' holds text"),
        ({"monotonic_cst": {"job": 1}}, "monotonic_cst must be 0 for categories"),
        ({"monotonic_cst": [1, 0]}, "monotonic_cst"),
        ({"monotonic_cst": {"age": 1}, "expert": "mlp"}, 'needs expert="additive"'),
        ({"n_knots": 1}, "n_knots"),
        ({"counterfactual_columns": "job"}, "two categories"),
        (
            {"initial_experts": [LogisticRegression()], "expert": "additive"},
            "initial_experts need .* encode categories and holes first, or leave",
        ),
    ],
)
def test_parameters_that_do_not_fit_the_table(parameters, words):
    model = FEAMOEClassifier(None, **parameters)
    with pytest.raises(ValueError, match=words):
        model.fit(FRAME, Y)


def test_networks_stand_on_functions_that_bend_if_knots_are_asked_for():
    plain, bent = fitted("mlp", None), fitted("mlp", None, n_knots=8)
    terms = bent._model.terms
    assert terms.n_outputs > plain._model.terms.n_outputs
    assert all(len(knots.knots) <= 8 for knots in terms.numbers.knots)
    assert "age~" in " ".join(bent.get_feature_names_out())
    later = pickle.loads(pickle.dumps(streamed("mlp", None, n_knots=8)))
    again = streamed("mlp", None, n_knots=8)
    for model in (later, again):
        stream_table(model, FRAME, Y, GROUP, stop=400)
    np.testing.assert_array_equal(later.predict_proba(FRAME), again.predict_proba(FRAME))


@pytest.mark.parametrize("expert", ["additive", "mlp"])
def test_whoever_is_born_begins_with_knots_where_the_last_rows_are(expert):
    frame, y, groups = make_table(3050, seed=1)
    crowd = np.linspace(30.0, 32.0, 1000)
    frame.loc[2000:2999, "age"] = crowd
    knots = {}
    for growth in ("interval", None):
        options = {"growth": growth, "growth_interval": 3000, "random_state": 0, "n_knots": 8}
        model = FEAMOEClassifier(None, expert=expert, **options)
        stream_table(model, frame, y, groups)
        assert model.n_experts_ == (2 if growth else 1)
        knots[growth] = model._model.terms.numbers.knots[0].knots
    assert set(knots[None]) < set(knots["interval"])
    among = [((k > 30.0) & (k < 32.0)).sum() for k in (knots[None], knots["interval"])]
    assert among[1] >= among[0] + 2


def test_sparse_rows_have_straight_lines_and_it_is_said():
    X, y, _ = make_lending(300)
    with pytest.warns(UserWarning, match="straight lines only"):
        model = FEAMOEClassifier(None, expert="additive", **quick).fit(sp.csr_array(X), y)
    plain = FEAMOEClassifier(None, **quick).fit(sp.csr_array(X), y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


@experts
def test_counterfactuals_of_a_category_are_its_other_value(expert):
    model = fitted(
        expert, constraints=None, counterfactual_columns="sex", growth="individual_fairness"
    )
    unpenalized = fitted(expert, constraints=None)
    other = FRAME.assign(sex=FRAME["sex"].cat.rename_categories({"male": "f", "female": "m"}))
    other["sex"] = other["sex"].cat.rename_categories({"f": "female", "m": "male"})

    def flipped(m):
        return (m.predict(FRAME) != m.predict(other)).mean()

    assert flipped(model) < 0.85 * flipped(unpenalized)


def test_distance_goes_through_the_slope_of_the_shape_functions():
    model = fitted(constraints=None, growth=None)
    rows = FRAME.dropna()[:50]
    terms, step = model._terms, 1e-5
    scale = dict(zip(FRAME.columns[terms.number], terms.numbers.scale, strict=True))

    def margin(frame):
        return logit(model.predict_proba(frame)[:, 1])

    by_number = np.zeros(len(rows))
    for name in ("age", "rent"):
        unit = step * scale[name]
        shifted = margin(rows.assign(**{name: rows[name] + unit}))
        shifted -= margin(rows.assign(**{name: rows[name] - unit}))
        by_number += (shifted / (2 * step)) ** 2
    distance = model.distance_to_boundary(rows)
    assert (distance <= np.abs(margin(rows)) / np.sqrt(by_number) * 1.05 + 1e-6)[
        ~rows["age"].isin(np.concatenate(terms.numbers.knots[0]))
    ].all()


def test_more_than_two_classes():
    rng = np.random.default_rng(0)
    y = np.where(FRAME["age"] > 60, "old", np.where(rng.random(2000) < 0.5, "a", "b"))
    model = FEAMOEClassifier(None, expert="additive", **quick).fit(FRAME, y)
    assert model.predict_proba(FRAME).shape == (2000, 3)
    assert ((model.predict(FRAME) == "old") == (y == "old")).mean() > 0.97
    table = model.shape_functions_["age"]
    assert table["effect"].shape == (model.n_experts_, 3, len(table["value"]))
    explanation = model.explain(FRAME[:3])
    assert explanation.values.shape == (3, 6, 3)

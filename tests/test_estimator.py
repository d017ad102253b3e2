"""FEAMOEClassifier against oracles: what it must equal, reproduce and leave unchanged."""

from copy import deepcopy

import numpy as np
import pytest
import scipy.sparse as sp
from fairlearn.metrics import (
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from lending import assert_same_state, frozen, made_once, make_lending, stream
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._training.acts import add_expert
from skfeamoe._training.history import MAX_ENTRIES, History
from skfeamoe._training.settings import STREAM_PACE
from skfeamoe.metrics import burden_difference

ALL = list(CONSTRAINTS)
PLAIN = {"constraints": None, "growth": None, "standardize": False, "random_state": 0}


def iterate(model):
    """Coefficients of the single expert that descends, before averaging."""
    return model._model.ensemble.params[1:]


def parts(model):
    """What was learned and measured, by name."""
    saved = model._model.to_dict()
    return {"terms": saved["terms"], **saved["ensemble"], **saved["monitor"]}


# ------------------------------------------------------------------ what it must equal


@pytest.mark.parametrize("solver", ["sgd", "adagrad"])
@pytest.mark.parametrize("alpha", [0.0, 0.01])
def test_one_expert_without_constraints_is_logistic_regression_by_steps(solver, alpha):
    X, y, _ = make_lending(1000)
    model = FEAMOEClassifier(**PLAIN, solver=solver, alpha=alpha, batch_size=32)
    model.partial_fit(X, y, [0, 1])

    w, memory = np.zeros(X.shape[1] + 1), np.zeros(X.shape[1] + 1)
    Z = np.column_stack([X, np.ones(len(X))])
    for i in range(0, len(X), 32):
        gradient = (expit(Z[i : i + 32] @ w) - y[i : i + 32]) @ Z[i : i + 32] / 32
        gradient[:-1] += alpha * len(y[i : i + 32]) / 32 * w[:-1]
        memory = memory * np.exp(-len(y[i : i + 32]) / STREAM_PACE.memory_span) + gradient**2
        w -= 0.1 * (gradient / (np.sqrt(memory) + 1e-10) if solver == "adagrad" else gradient)
    np.testing.assert_allclose(iterate(model)[0], w, rtol=1e-9, atol=1e-12)


def test_one_multiclass_expert_is_softmax_regression_by_steps():
    X, y, _ = make_lending(600, n_classes=3)
    model = FEAMOEClassifier(**PLAIN, solver="sgd", alpha=0.0, batch_size=32)
    model.partial_fit(X, y, [0, 1, 2])
    W = np.zeros((3, X.shape[1] + 1))
    Z = np.column_stack([X, np.ones(len(X))])
    for i in range(0, len(X), 32):
        part = slice(i, i + 32)
        W -= 0.1 * (softmax(Z[part] @ W.T, axis=1) - np.eye(3)[y[part]]).T @ Z[part] / 32
    np.testing.assert_allclose(iterate(model), W, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("names", [*ALL, ALL], ids=str)
@pytest.mark.parametrize("control", ["bound", "schedule"])
def test_zero_pressure_is_no_constraint(names, control):
    """No gap exceeds a bound of 1 (or a huge burden); a schedule begins with an expert."""
    X, y, group = make_lending(1500)
    interval = 300 if control == "bound" else len(X) + 1
    base = {"growth_interval": interval, "random_state": 0}
    plain = FEAMOEClassifier(None, **base)
    names = [names] if isinstance(names, str) else names
    bounds = {name: 1e9 if name == "burden" else 1.0 for name in names}
    model = FEAMOEClassifier(names, control=control, difference_bound=bounds, **base)
    stream(plain, X, y, group), stream(model, X, y, group)
    assert all(np.all(m == 0.0) for m in model.multipliers_.values())
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("names", [*ALL, ALL], ids=str)
def test_permuting_groups_permutes_multipliers(names):
    """Up to rounding, which the search for an offset makes much of where bounds are several."""
    X, y, group = make_lending(3000, n_groups=3, seed=3)
    first = {}
    for order in ("abc", "cab"):  # rows without weight only set the order of the groups
        model = FEAMOEClassifier(names, difference_bound=0.1, random_state=0)
        model.partial_fit(
            X[:3], y[:3], [0, 1], sensitive_features=list(order), sample_weight=np.zeros(3)
        )
        first[order] = stream(model, X, y, group)
    one, other = first["abc"], first["cab"]
    assert list(one.groups_) == list("abc")
    assert list(other.groups_) == list("cab")
    at = [list(other.groups_).index(name) for name in one.groups_]
    moved = 0.0
    for name, multipliers in one.multipliers_.items():
        assert multipliers.shape == other.multipliers_[name].shape
        if isinstance(names, str) and len(multipliers) == 1:  # else only the sum is determined
            largest = np.abs(multipliers).argmax()
            there = other.multipliers_[name][:, at]
            assert np.sign(multipliers.flat[largest]) == np.sign(there.flat[largest])
        moved += np.abs(multipliers).sum()
        assert one.group_gaps_[name] == pytest.approx(other.group_gaps_[name], abs=0.02)
    assert moved > 0.0
    added = [X @ model._model.monitor.offset[:-1] for model in (one, other)]
    assert np.corrcoef(added)[0, 1] > 0.9
    assert (one.predict(X) == other.predict(X)).mean() > 0.97
    if len(one._model.monitor.multipliers) == 1:  # one bound is found again to many digits
        np.testing.assert_allclose(added[0], added[1], atol=1e-5)
        np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("names", [None, *ALL], ids=str)
def test_renaming_groups_changes_names_only(names):
    X, y, group = make_lending(1500)
    number = np.where(group == "a", 7, 3)
    named = stream(FEAMOEClassifier(names, random_state=0), X, y, group)
    numbered = stream(FEAMOEClassifier(names, random_state=0), X, y, number)
    saved = [model._model.to_dict() for model in (named, numbered)]
    assert saved[0].pop("groups") != saved[1].pop("groups")
    assert_same_state(*saved)
    assert [{"a": "7", "b": "3"}[name] for name in named.groups_] == list(numbered.groups_)


@pytest.mark.parametrize("names", [None, *ALL], ids=str)
@pytest.mark.parametrize("loss", ["log_loss", "jacobs"])
def test_duplicated_row_is_weight_two(names, loss):
    """Within one batch; a batch of twice the rows is twice the batch in all but size."""
    X, y, group = make_lending(64)
    twice = np.repeat(np.arange(64), 2)
    base = {"loss": loss, "alpha": 0.0, "batch_size": 128, "random_state": 0}
    weighted = FEAMOEClassifier(names, **base).partial_fit(
        X, y, [0, 1], sensitive_features=group, sample_weight=np.full(64, 2.0)
    )
    repeated = FEAMOEClassifier(names, **base).partial_fit(
        X[twice], y[twice], [0, 1], sensitive_features=group[twice]
    )
    one, other = parts(weighted), parts(repeated)
    for state in (one, other):  # of how many people they are, which warnings alone ask for
        assert state["terms"].pop("squares") == 2 * 64 * (1 + (state is one))
        if names:
            assert state["directions"].pop("visits") == 64 * (1 + (state is other))
    for name in ("params", "optimizer_state", "terms", "directions", "shares"):
        assert_same_state(one[name], other[name], name, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("names", [None, *ALL], ids=str)
def test_rows_of_weight_zero_teach_nothing(names):
    """Nothing but the running count of rows depends on them."""
    X, y, group = make_lending(64)
    weight = np.where(np.arange(64) % 2, 1.0, 0.0)
    base = {"alpha": 0.0, "batch_size": 64, "random_state": 0}
    one = FEAMOEClassifier(names, **base).partial_fit(
        X, y, [0, 1], sensitive_features=group, sample_weight=weight
    )
    X[::2], y[::2] = 5.0, 1 - y[::2]
    other = FEAMOEClassifier(names, **base).partial_fit(
        X, y, [0, 1], sensitive_features=group, sample_weight=weight
    )
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(X), rtol=1e-9, atol=1e-12
    )
    assert one.group_gaps_.keys() == other.group_gaps_.keys()
    for name in ("params", "terms", "directions", "shares", "people"):
        assert_same_state(parts(one)[name], parts(other)[name], name, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("names", [None, *ALL, ALL], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_call_is_many_calls(names, n_classes):
    X, y, group = make_lending(1000, n_classes=n_classes, n_groups=3)
    weight = np.random.default_rng(1).uniform(size=len(y))
    base = {"growth_interval": 200, "max_experts": 4, "random_state": 0}
    once = stream(FEAMOEClassifier(names, **base), X, y, group, rows=1000, weight=weight)
    often = stream(FEAMOEClassifier(names, **base), X, y, group, rows=32, weight=weight)
    assert_same_state(once._model, often._model)
    np.testing.assert_array_equal(once.predict_proba(X), often.predict_proba(X))


def test_same_seed_same_model_and_another_seed_another_model():
    X, y, group = make_lending(600)
    one, same, other = (
        FEAMOEClassifier(random_state=seed, difference_bound=0.5).fit(
            X, y, sensitive_features=group
        )
        for seed in (0, 0, 1)
    )
    assert_same_state(one._model, same._model)
    assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))


def test_refit_forgets_the_first_fit():
    X, y, group = make_lending(600)
    model = FEAMOEClassifier(random_state=0, difference_bound=0.5)
    model.fit(X[:, :3], 1 - y, sensitive_features=group).fit(X, y, sensitive_features=group)
    fresh = FEAMOEClassifier(random_state=0, difference_bound=0.5)
    fresh.fit(X, y, sensitive_features=group)
    assert_same_state(model._model, fresh._model)
    assert model.n_features_in_ == X.shape[1]


# ------------------------------------------------------------------- what it reproduces


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_folded_coefficients_reproduce_predictions(n_classes, standardize, container):
    X, y, group = make_lending(1500, n_classes=n_classes)
    X = X * [1.0, 50.0, 1e-3, 1.0, 1.0, 1.0] + [0.0, 900.0, 0.0, 1.0, 0.0, 0.0]
    model = FEAMOEClassifier(
        growth_interval=300, max_experts=4, standardize=standardize, random_state=0
    )
    if not standardize:
        X = X / [1.0, 900.0, 1e-3, 1.0, 1.0, 1.0]
    stream(model, container(X), y, group)
    assert model.n_experts_ == 4
    n_outputs = 1 if n_classes == 2 else n_classes
    assert model.expert_coef_.shape == (4, n_outputs, X.shape[1])
    assert model.expert_intercept_.shape == (4, n_outputs)
    assert model.gate_coef_.shape == (4, X.shape[1])
    assert model.gate_intercept_.shape == (4,)

    gate = softmax(X @ model.gate_coef_.T + model.gate_intercept_, axis=1)
    scores = np.einsum("nf,kcf->nkc", X, model.expert_coef_) + model.expert_intercept_
    if n_classes == 2:
        expert = np.concatenate([expit(-scores), expit(scores)], axis=2)
    else:
        expert = softmax(scores, axis=2)
    np.testing.assert_allclose(model.gate_proba(X), gate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.expert_proba(X), expert, rtol=1e-9, atol=1e-12)
    proba = np.einsum("nk,nkc->nc", gate, expert)
    np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[proba.argmax(axis=1)])
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(proba), rtol=1e-8)
    scores = model.decision_function(X)
    if n_classes == 2:
        np.testing.assert_allclose(expit(scores), proba[:, 1], rtol=1e-9)
    else:
        np.testing.assert_allclose(np.exp(scores), proba, rtol=1e-9)
    for rows in (gate, expert, proba):
        np.testing.assert_allclose(rows.sum(axis=-1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_splitting_an_expert_leaves_predictions_unchanged_within_its_noise(n_classes):
    X, y, group = make_lending(2000, n_classes=n_classes)
    model = stream(
        FEAMOEClassifier(growth_interval=800, max_experts=9, random_state=0), X, y, group
    )
    before = model.predict_proba(X)
    grown = deepcopy(model)
    add_expert(grown._model, 9)
    assert grown.n_experts_ == model.n_experts_ + 1
    change = np.abs(grown.predict_proba(X) - before)
    assert change.max() < 0.05
    assert change.mean() < 0.01
    usage = grown._model.ensemble.load
    np.testing.assert_allclose(usage.sum(), model._model.ensemble.load.sum(), rtol=1e-12)


def test_sparse_and_dense_rows_of_a_dense_model_predict_and_teach_the_same():
    X, y, group = make_lending(800)
    X[np.abs(X) < 0.5] = 0.0
    model = stream(FEAMOEClassifier(random_state=0), X[:400], y[:400], group[:400])
    np.testing.assert_allclose(
        model.predict_proba(sp.csr_array(X)), model.predict_proba(X), rtol=1e-12
    )
    other = deepcopy(model)
    stream(model, X[400:], y[400:], group[400:])
    stream(other, sp.csr_array(X[400:]), y[400:], group[400:], classes=[0, 1])
    assert_same_state(model._model, other._model, rtol=1e-7, atol=1e-10)


def test_sparse_and_dense_rows_of_a_sparse_model_predict_and_teach_the_same():
    X, y, group = make_lending(800)
    X[np.abs(X) < 0.5] = 0.0
    model = FEAMOEClassifier(random_state=0)
    stream(model, sp.csr_array(X[:400]), y[:400], group[:400], classes=[0, 1])
    np.testing.assert_allclose(
        model.predict_proba(sp.csr_array(X)), model.predict_proba(X), rtol=1e-12
    )
    other = deepcopy(model)
    stream(model, X[400:], y[400:], group[400:])
    stream(other, sp.csr_array(X[400:]), y[400:], group[400:], classes=[0, 1])
    assert_same_state(model._model, other._model, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_feature_moments_are_numpys(rows, container):
    X, y, _ = make_lending(300)
    X = X * [1, 10, 100, 1, 1, 1] + [0, 5, 0, 1, 2, 3]
    weight = np.random.default_rng(0).integers(0, 3, size=300) * 1.0
    model = stream(FEAMOEClassifier(None), container(X), y, rows=rows, weight=weight)
    moments = model._model.terms.to_dict()
    mean = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(moments["mean"], mean, rtol=1e-9, atol=1e-9)
    variance = np.average((X - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(moments["variance"], variance, rtol=1e-6)
    assert moments["count"] == weight.sum()


def test_predictions_of_many_rows_are_those_of_few():
    X, y, group = make_lending(20_000)
    model = stream(FEAMOEClassifier(random_state=0), X[:2000], y[:2000], group[:2000])
    for method in ("predict", "predict_proba", "gate_proba", "distance_to_boundary"):
        whole = getattr(model, method)(X)
        parts = np.concatenate([getattr(model, method)(X[i::2]) for i in (0, 1)])
        np.testing.assert_allclose(np.concatenate([whole[::2], whole[1::2]]), parts, rtol=1e-9)


def test_distance_of_one_expert_is_exact():
    X, y, _ = make_lending(1000)
    model = FEAMOEClassifier(None, growth=None, random_state=0).fit(X, y)
    scale = np.sqrt(model._model.terms.variance)
    w = model.expert_coef_[0, 0] * scale
    margin = X @ model.expert_coef_[0, 0] + model.expert_intercept_[0, 0]
    np.testing.assert_allclose(
        model.distance_to_boundary(X), np.abs(margin) / np.linalg.norm(w), rtol=1e-6
    )


# ------------------------------------------------------------------------ what it learns


@made_once
def unbounded(n_rows, names=None, **data):
    """A model without constraint of the first rows of a lending problem."""
    X, y, _ = make_lending(**data)
    y = y if names is None else np.array(names)[y]
    return FEAMOEClassifier(None, random_state=0).fit(X[:n_rows], y[:n_rows])


def gap_of(name):
    return {
        "demographic_parity": demographic_parity_difference,
        "equalized_odds": equalized_odds_difference,
        "equal_opportunity": equal_opportunity_difference,
    }[name]


unmet_is_fine = pytest.mark.filterwarnings("ignore:difference_bound is not met")
"""A bound may be missed by a little; how much is what the test asserts."""


@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds", "equal_opportunity"])
@pytest.mark.parametrize("n_groups", [2, 3])
@unmet_is_fine
def test_fit_keeps_rates_under_their_bound(name, n_groups):
    X, y, group = make_lending(12_000, n_groups=n_groups)
    train, test = slice(0, 8000), slice(8000, None)
    plain = unbounded(8000, n_samples=12_000, n_groups=n_groups)
    model = FEAMOEClassifier(name, difference_bound=0.05, random_state=0)
    model.fit(X[train], y[train], sensitive_features=group[train])
    wide, narrow = (
        gap_of(name)(y[test], m.predict(X[test]), sensitive_features=group[test])
        for m in (plain, model)
    )
    assert wide > 0.13
    assert narrow < 0.05 + 0.05
    assert model.score(X[test], y[test]) > plain.score(X[test], y[test]) - 0.12
    seen = gap_of(name)(y[train], model.predict(X[train]), sensitive_features=group[train])
    assert model.group_gaps_[name] == pytest.approx(seen, abs=1e-9)


@unmet_is_fine
def test_fit_keeps_rates_under_their_bound_where_groups_are_hard_to_tell_apart():
    X, y, group = make_lending(8000, proxy=0.0)
    model = FEAMOEClassifier(difference_bound=0.05, random_state=0)
    model.fit(X, y, sensitive_features=group)
    assert model.group_gaps_["demographic_parity"] < 0.08


def test_fit_keeps_the_burden_under_its_bound():
    X, y, group = make_lending(8000)
    plain = unbounded(8000, n_samples=8000)
    model = FEAMOEClassifier("burden", difference_bound=0.05, random_state=0)
    model.fit(X, y, sensitive_features=group)
    gaps = []
    for m in (plain, model):
        refused = m.predict(X) == 0
        distance = m.distance_to_boundary(X)
        means = [distance[refused & (group == name)].mean() for name in "ab"]
        gaps.append(abs(means[0] - means[1]))
    assert gaps[0] > 0.15
    assert gaps[1] < 0.1
    assert model.group_gaps_["burden"] == pytest.approx(gaps[1], rel=1e-6)
    assert burden_difference(
        y, model.predict(X), sensitive_features=group, distance=model.distance_to_boundary(X)
    ) == pytest.approx(gaps[1], rel=1e-9)


def test_stream_keeps_its_bound():
    X, y, group = make_lending(10_000)
    model, plain = FEAMOEClassifier(random_state=0), FEAMOEClassifier(None, random_state=0)
    decided = {model: [], plain: []}
    for start in range(0, len(y), 50):
        part = slice(start, start + 50)
        for m, decisions in decided.items():
            if start:
                decisions.append(m.predict(X[part]))
            m.partial_fit(X[part], y[part], [0, 1], sensitive_features=group[part])
    narrow, wide = (
        demographic_parity_difference(
            y[3000:], np.concatenate(d)[2950:], sensitive_features=group[3000:]
        )
        for d in decided.values()
    )
    assert wide > 0.25
    assert narrow < 0.09


def test_mixture_is_as_accurate_as_logistic_regression():
    X, y, _ = make_lending(6000)
    model = FEAMOEClassifier(None, random_state=0).fit(X[:4000], y[:4000])
    logistic = LogisticRegression().fit(X[:4000], y[:4000])
    assert model.score(X[4000:], y[4000:]) >= logistic.score(X[4000:], y[4000:]) - 0.015


def test_experts_learn_what_one_linear_model_cannot():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12_000, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = FEAMOEClassifier(None, random_state=0).fit(X, y)
    single = FEAMOEClassifier(None, growth=None, random_state=0).fit(X, y)
    assert single.score(X, y) < 0.6
    assert model.score(X, y) > 0.85


@pytest.mark.parametrize("n_classes", [2, 3])
def test_raw_features_are_as_good_as_scaled_ones(n_classes):
    X, y, group = make_lending(10_000, n_classes=n_classes)
    X = X * [20_000.0, 1.0, 0.001, 12.0, 300.0, 5.0] + [60_000.0, 0.0, 0.01, 40.0, 0.0, 1e4]
    Z = StandardScaler().fit(X[:8000]).transform(X)
    raw = stream(FEAMOEClassifier(random_state=0), X[:8000], y[:8000], group[:8000])
    scaled = stream(
        FEAMOEClassifier(random_state=0, standardize=False), Z[:8000], y[:8000], group[:8000]
    )
    difference = raw.score(X[8000:], y[8000:]) - scaled.score(Z[8000:], y[8000:])
    assert abs(difference) < 0.02
    raw = FEAMOEClassifier(None, random_state=0).fit(X[:8000], y[:8000])
    scaled = FEAMOEClassifier(None, random_state=0).fit(Z[:8000], y[:8000])
    difference = raw.score(X[8000:], y[8000:]) - scaled.score(Z[8000:], y[8000:])
    assert abs(difference) < 0.005


@pytest.mark.parametrize("favorable", ["bad", "fair", "good"])
@unmet_is_fine
def test_any_class_can_be_the_favorable_one(favorable):
    X, y, group = make_lending(8000, n_classes=3)
    names = ["bad", "fair", "good"]
    y, plain = np.array(names)[y], unbounded(8000, names, n_samples=8000, n_classes=3)
    model = FEAMOEClassifier(favorable_label=favorable, random_state=0, difference_bound=0.05)
    model.fit(X, y, sensitive_features=group)
    gaps = []
    for m in (plain, model):
        decided = m.predict(X) == favorable
        gaps.append(abs(decided[group == "a"].mean() - decided[group == "b"].mean()))
    assert gaps[1] < max(0.09, gaps[0] / 2)
    assert model.group_gaps_["demographic_parity"] == pytest.approx(gaps[1], abs=1e-9)


def test_growth_fills_the_experts_and_replaces_the_least_used():
    X, y, group = make_lending(2000)
    model = FEAMOEClassifier(growth_interval=100, max_experts=5, random_state=0)
    sizes = []
    for start in range(0, 2000, 100):
        part = slice(start, start + 100)
        model.partial_fit(X[part], y[part], [0, 1], sensitive_features=group[part])
        sizes.append(model.n_experts_)
    assert sizes == sorted(sizes)
    assert sizes[0] == 1
    assert sizes[-1] == 5
    assert model.gate_proba(X).shape == (2000, 5)
    fixed = FEAMOEClassifier(growth=None, random_state=0, difference_bound=0.9)
    fixed.fit(X, y, sensitive_features=group)
    assert fixed.n_experts_ == 1
    one = FEAMOEClassifier(max_experts=1, growth_interval=50, random_state=0)
    assert stream(one, X, y, group).n_experts_ == 1


def test_schedule_closes_the_gap_and_collapses_with_many_experts():
    X, y, group = make_lending(8000)
    gaps, scores = {}, {}
    for n_experts, increment in ((1, 1e-9), (6, 0.015), (40, 0.5)):
        model = FEAMOEClassifier(
            control="schedule",
            penalty_increment=increment,
            growth="interval",
            growth_interval=150,
            max_experts=n_experts,
            random_state=0,
        )
        stream(model, X, y, group)
        gaps[n_experts] = demographic_parity_difference(
            y, model.predict(X), sensitive_features=group
        )
        scores[n_experts] = model.score(X, y)
    assert gaps[6] < 0.8 * gaps[1]
    assert scores[40] < scores[1] - 0.1


# ---------------------------------------------------------------------- what it records


def test_fitted_attributes():
    X, y, group = make_lending(1000)
    model = FEAMOEClassifier(ALL, difference_bound=0.6, max_iter=3, random_state=0)
    model.fit(X, y, sensitive_features=group)
    assert model.n_iter_ == 3
    assert model.n_samples_seen_ == 3000
    np.testing.assert_array_equal(model.classes_, [0, 1])
    assert list(model.groups_) == list(dict.fromkeys(group))
    assert set(model.multipliers_) == set(model.group_gaps_) == set(ALL)
    assert model.multipliers_["equalized_odds"].shape == (2, 2)
    history = model.history_
    assert {f"gap_{name}" for name in ALL} <= set(history)
    lengths = {len(series) for series in history.values()}
    assert lengths == {len(history["n_samples_seen"])}
    assert np.all(np.diff(history["n_samples_seen"]) > 0)


def test_attributes_are_copies():
    X, y, group = make_lending(500)
    model = stream(FEAMOEClassifier(random_state=0), X, y, group)
    before = frozen(model)
    for read in (model.multipliers_, model.group_gaps_):
        for name in read:
            read[name] = None
    model.multipliers_["demographic_parity"][:] = 9.0
    model.expert_coef_[:] = 9.0
    model.groups_[:] = "x"
    model.history_["loss"] = None
    assert frozen(model) == before


def test_a_long_record_stays_bounded_even_and_whole():
    history, n_seen, noted = History(), 0, 0
    while n_seen < 600_000:
        n_seen += 100
        if history.is_due(n_seen):
            history.update(
                n_seen, {"row": n_seen} | ({"late": 1.0} if n_seen > 300_000 else {})
            )
            noted += 1
    assert noted > MAX_ENTRIES
    row, late = history.series["row"], history.series["late"]
    assert MAX_ENTRIES / 2 <= len(row) == len(late) < MAX_ENTRIES
    assert np.ptp(np.diff(row)) <= 100.0  # rows of a call
    assert row[0] <= history.stride + 100
    assert row[-1] > n_seen - history.stride - 100
    assert np.array_equal(np.isnan(late), row <= 300_000)


def test_a_model_records_its_rows_as_they_come():
    X, y, _ = make_lending(100)
    model = FEAMOEClassifier(None, growth_interval=50, max_experts=2, batch_size=500)
    for _ in range(60):
        model.partial_fit(X, y, [0, 1])
    rows = model.history_["n_samples_seen"]
    assert len(model.history_["loss"]) == len(rows) == 6000 // 256
    late = rows - 256 * np.arange(1, len(rows) + 1)
    assert late.min() >= 0
    assert late.max() < 100

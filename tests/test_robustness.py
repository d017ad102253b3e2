"""Odd starts and columns, extreme values, long streams: no warning, no NaN, still learning."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from lending import make_lending, stream

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS

ALL = list(CONSTRAINTS)
FEATURE = np.finfo(float)


def assert_finite(model, X):
    """All that the model says is finite, and probabilities are probabilities."""
    proba = model.predict_proba(X)
    assert np.all(np.isfinite(proba))
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-9)
    for name in ("params", "average", "optimizer_state"):
        assert np.all(np.isfinite(getattr(model._model.ensemble, name))), name
    assert np.all(np.isfinite(model._model.monitor.multipliers))
    assert not np.any(np.isnan(model.predict_log_proba(X)))
    assert not np.any(np.isnan(model.distance_to_boundary(X)))
    for name in ("expert_coef_", "expert_intercept_", "gate_coef_", "gate_intercept_"):
        assert not np.any(np.isnan(getattr(model, name))), name


def still_learns(model, X, y, group, at_least=0.04):
    """The model ends up better than guessing the larger class by a margin."""
    stream(model, X, y, group)
    majority = max(np.mean(y), 1 - np.mean(y))
    assert model.score(X, y) > majority + at_least


# -------------------------------------------------------------------------- odd starts

STARTS = {
    "one class": lambda y, group: (np.flatnonzero(y == 1)[:50], group),
    "other class": lambda y, group: (np.flatnonzero(y == 0)[:50], group),
    "one group": lambda y, group: (np.flatnonzero(group == "a")[:50], group),
    "one row": lambda y, group: (np.array([0]), group),
    "unknown groups": lambda y, group: (np.arange(50), np.full(len(y), None)),
    "one class of one group": lambda y, group: (
        np.flatnonzero((y == 1) & (group == "b"))[:50],
        group,
    ),
}


@pytest.mark.parametrize(
    "names", [None, *(pytest.param(name, marks=pytest.mark.ci) for name in ALL), ALL], ids=str
)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rows", [1, 50])
def test_odd_first_batches(names, start, rows):
    X, y, group = make_lending(1500, noise=0.5)
    first, groups = STARTS[start](y, group)
    model = FEAMOEClassifier(names, difference_bound=0.9, random_state=0)
    stream(model, X[first], y[first], groups[first], rows=rows, classes=[0, 1])
    assert_finite(model, X)
    still_learns(model, X, y, group)
    assert_finite(model, X)


def test_first_batch_of_weight_zero():
    X, y, group = make_lending(1500, noise=0.5)
    model = FEAMOEClassifier(ALL, difference_bound=0.9, random_state=0)
    for rows in (1, 64):
        model.partial_fit(
            X[:rows],
            y[:rows],
            [0, 1],
            sensitive_features=group[:rows],
            sample_weight=np.zeros(rows),
        )
    np.testing.assert_allclose(model.predict_proba(X), 0.5)
    still_learns(model, X, y, group)


def test_class_that_never_comes():
    X, y, group = make_lending(1500, noise=0.5)
    model = FEAMOEClassifier(ALL, difference_bound=0.9, random_state=0)
    stream(model, X, y, group, classes=[0, 1, 2, 3])
    assert_finite(model, X)
    assert np.mean(model.predict(X) < 2) > 0.98
    assert model.predict_proba(X)[:, 2:].mean() < 0.08


@pytest.mark.parametrize("n_samples", [2, 3, 10, 45])
def test_fit_on_a_handful_of_rows(n_samples):
    X, y, group = make_lending(200)
    rows = np.r_[np.flatnonzero(y == 0)[:1], np.flatnonzero(y == 1)[: n_samples - 1]]
    model = FEAMOEClassifier(ALL, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        model.fit(X[rows], y[rows], sensitive_features=group[rows])
    assert_finite(model, X)


# ------------------------------------------------------------------------- odd columns

RNG = np.random.default_rng(0)
N = 1200

COLUMNS = {
    "zero": np.zeros(N),
    "one": np.ones(N),
    "tenth": np.full(N, 0.1),
    "large constant": np.full(N, 1e12),
    "odd constant": np.full(N, 3.7e9),
    "huge constant": np.full(N, 1e300),
    "almost constant": 1e12 + RNG.normal(size=N),
    "large": RNG.normal(size=N) * 1e12,
    "near the largest float": RNG.uniform(-1, 1, size=N) * FEATURE.max,
    "1e200": RNG.normal(size=N) * 1e200,
    "1e-300": RNG.normal(size=N) * 1e-300,
    "subnormal": RNG.normal(size=N) * 5e-310,
    "one spike": np.where(np.arange(N) == N // 2, 1e12, 0.0),
    "huge spike": np.where(np.arange(N) == N // 2, 1e300, 0.0),
    "rare": (np.arange(N) % 400 == 399) * 1.0,
    "constant, then not": np.where(np.arange(N) < N // 2, 5.0, RNG.normal(size=N) * 1e6),
    "integers": RNG.integers(2**40, size=N).astype(float),
}

HUGE = ("huge constant", "near the largest float", "1e200", "huge spike")
ROUNDED = ("tenth", "large constant", "odd constant", "almost constant")


def column_cases():
    """Every column, dense and sparse."""
    for kind, container in (("dense", np.asarray), ("sparse", sp.csr_array)):
        for name in COLUMNS:
            yield pytest.param(container, name, id=f"{kind}-{name}")


@pytest.mark.parametrize(("container", "name"), list(column_cases()))
@pytest.mark.parametrize("learn", ["fit", "stream"])
def test_odd_columns(container, name, learn):
    X, y, group = make_lending(N, noise=0.4)
    X = container(np.column_stack([X, COLUMNS[name]]))
    asked = {"difference_bound": 0.9, "growth_interval": 300, "max_iter": 4}
    model = FEAMOEClassifier(ALL, **asked, random_state=0)
    if learn == "fit":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FairnessWarning)
            model.fit(X, y, sensitive_features=group)
    else:
        stream(model, X, y, group, classes=[0, 1])
    assert_finite(model, X)
    majority = max(np.mean(y), 1 - np.mean(y))
    assert model.score(X, y) > majority + 0.04


def test_all_columns_constant():
    _, y, group = make_lending(600)
    model = stream(FEAMOEClassifier(ALL, random_state=0), np.ones((600, 3)), y, group)
    assert_finite(model, np.ones((5, 3)))


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_two_thousand_columns(container):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2000)) * (rng.uniform(size=(600, 2000)) < 0.1)
    y = (X[:, :100].sum(axis=1) > 0).astype(int)
    group = np.where(rng.uniform(size=600) < 0.5, "a", "b")
    model = FEAMOEClassifier(ALL, difference_bound=0.9, growth_interval=150, random_state=0)
    stream(model, container(X), y, group, classes=[0, 1])
    assert_finite(model, container(X))
    assert model.score(container(X), y) > 0.7


@pytest.mark.parametrize("scale", [1e-140, 1e-12, 1e12, 1e100, 1e135])
def test_all_features_at_an_extreme_scale(scale):
    X, y, group = make_lending(1500, noise=0.4)
    still = FEAMOEClassifier("burden", difference_bound=0.9, random_state=0)
    model = FEAMOEClassifier("burden", difference_bound=0.9, random_state=0)
    stream(still, X, y, group)
    stream(model, X * scale, y, group)
    assert_finite(model, X * scale)
    assert abs(model.score(X * scale, y) - still.score(X, y)) < 0.01


@pytest.mark.parametrize("rows", ["new", "far", "mixed"])
def test_predictions_far_outside_of_what_was_seen(rows):
    X, y, group = make_lending(800)
    model = stream(FEAMOEClassifier(growth_interval=200, random_state=0), X, y, group)
    far = {
        "new": np.full((2, 6), 1e6),
        "far": np.full((2, 6), 1e300),
        "mixed": np.array([[1e300, -1e300] * 3, [-1e12, 1e12] * 3]),
    }[rows]
    assert_finite(model, far)


def test_extreme_weights():
    X, y, group = make_lending(1200, noise=0.4)
    for scale in (1e-12, 1e6):
        model = FEAMOEClassifier(difference_bound=0.9, random_state=0)
        stream(model, X, y, group, weight=np.full(len(y), scale))
        assert_finite(model, X)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.floats(-1e12, 1e12) | st.floats(-2, 2),
                min_size=2,
                max_size=2,
            ),
            st.integers(0, 2),
            st.sampled_from(["a", "b", None]),
            st.sampled_from([0.0, 1.0, 0.3]),
        ),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([None, *ALL]),
    st.integers(1, 20),
)
def test_any_stream_leaves_a_sound_model(rows, names, batch):
    X, y, group, weight = (list(column) for column in zip(*rows, strict=True))
    model = FEAMOEClassifier(names, growth_interval=9, max_experts=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        stream(
            model, np.array(X), np.array(y), np.array(group, dtype=object),
            rows=batch, weight=np.array(weight), classes=[0, 1, 2],
        )  # fmt: skip
    assert_finite(model, np.array(X))
    assert model.n_samples_seen_ == len(rows)


# ------------------------------------------------------------------------ many groups


@pytest.mark.parametrize("names", ALL)
def test_hundreds_of_small_groups(names):
    X, y, _ = make_lending(2000, noise=0.5)
    group = np.random.default_rng(0).integers(300, size=2000)
    model = FEAMOEClassifier(names, difference_bound=0.5, random_state=0)
    with pytest.warns(FairnessWarning, match="are inactive: a gap needs two groups of 20"):
        still_learns(model, X, y, group)
    assert_finite(model, X)
    assert len(model.groups_) > 250


# ----------------------------------------------------------------------- long streams


def run_long(n_rows):
    """A long stream: sizes of the pickled model, and memory used in windows of 5,000 rows."""
    X, y, group = make_lending(5000)
    model = FEAMOEClassifier(ALL, growth_interval=1000, random_state=0)
    sizes, peaks = [], []
    for seen in range(5000, n_rows + 1, 5000):
        traced = seen in (50_000, n_rows)
        if traced:
            tracemalloc.start()
        stream(model, X, y, group, rows=1000)
        if traced:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        if seen >= 50_000:
            sizes.append(len(pickle.dumps(model)))
    return model, sizes, peaks


def check_long(model, sizes, peaks, n_rows):
    assert model.n_samples_seen_ == n_rows
    assert model.n_experts_ == model.max_experts
    lengths = {len(series) for series in model.history_.values()}
    assert len(lengths) == 1
    assert lengths.pop() <= 512
    most_history = 8 * 512 * len(model.history_)
    people = model._model.monitor.people  # some of whom wait for the next solution
    waiting = len(people) // 3 * (8 * model.n_features_in_ + 40)
    assert max(sizes) - min(sizes) <= most_history + waiting + 16 * 1024
    assert peaks[1] <= peaks[0] + 256 * 1024


@pytest.mark.slow
def test_two_hundred_thousand_rows_use_no_more_memory_than_fifty():
    check_long(*run_long(200_000), 200_000)


@pytest.mark.slow
def test_one_million_rows_use_no_more_memory_than_fifty_thousand():
    check_long(*run_long(1_000_000), 1_000_000)


# -------------------------------------------------------------------------- warnings


def caught(learn):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        learn()
    return [w for w in seen if issubclass(w.category, FairnessWarning)], seen


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_one_clear_warning_without_groups(learn):
    X, y, _ = make_lending(400)
    model = FEAMOEClassifier(random_state=0)

    def run():
        if learn == "fit":
            model.fit(X, y)
        stream(model, X, y), stream(model, X, y)

    fairness, everything = caught(run)
    assert len(everything) == len(fairness) == 1
    text = str(fairness[0].message)
    for word in ("demographic_parity", "inactive", "sensitive_features", "constraints=None"):
        assert word in text


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_one_warning_with_a_single_group(learn):
    X, y, _ = make_lending(1200)
    group = np.full(1200, "women")
    model = FEAMOEClassifier(random_state=0)
    known = {"classes": [0, 1]} if learn == "partial_fit" else {}
    fairness, everything = caught(
        lambda: getattr(model, learn)(X, y, **known, sensitive_features=group)
    )
    assert len(everything) == len(fairness) == 1
    assert "'women'" in str(fairness[0].message)


@pytest.mark.parametrize("learn", ["fit", "stream"])
@pytest.mark.parametrize(
    ("names", "groups"), [(None, False), (None, True), ("demographic_parity", True)]
)
def test_no_warning_where_nothing_is_wrong(learn, names, groups):
    X, y, group = make_lending(500)
    group = group if groups else None
    model = FEAMOEClassifier(names, difference_bound=0.6, random_state=0)
    if learn == "fit":
        _, everything = caught(lambda: model.fit(X, y, sensitive_features=group))
    else:
        _, everything = caught(lambda: stream(model, X, y, group, rows=1))
    assert everything == []


def conflicting(n=6000):
    """Rows on which equal odds and equal rates ask for different things."""
    X, _, group = make_lending(n, noise=0.4)
    X[:, 0] -= 1.5 * (group == "b")
    noise = np.random.default_rng(1).logistic(size=n) / 3
    return X, (X[:, 0] - 0.7 * X[:, 2] + noise > -0.8) * 1, group


def test_conflicting_bounds_are_kept_together_at_a_price():
    X, y, group = conflicting()
    bounds = {"demographic_parity": 0.02, "equalized_odds": 0.02, "burden": 50.0}
    model = FEAMOEClassifier(list(bounds), difference_bound=bounds, random_state=0)
    caught(lambda: model.fit(X, y, sensitive_features=group))
    for row in model.group_gap_details_:
        assert row["gap"] <= row["bound"] + row["standard_error"]
        assert row["price"] > 0.01


def test_the_warning_names_exactly_the_bounds_that_are_not_met():
    """A floor of accuracy that lies above what the bounds cost."""
    X, y, group = conflicting()
    bounds = {"demographic_parity": 0.02, "equalized_odds": 0.02, "burden": 50.0}
    model = FEAMOEClassifier(
        list(bounds), difference_bound=bounds, accuracy_floor=0.85, random_state=0
    )
    fairness, everything = caught(lambda: model.fit(X, y, sensitive_features=group))
    assert len(everything) == len(fairness) == 1
    text = str(fairness[0].message)
    errors = {row["constraint"]: row["standard_error"] for row in model.group_gap_details_}
    gaps = model.group_gaps_
    unmet = {name for name, gap in gaps.items() if gap > bounds[name] + 2 * errors[name]}
    assert unmet
    assert "accuracy_floor=0.85" in text
    assert "burden" not in text
    for name in unmet:
        assert f"{name} {gaps[name]:.3f} > {bounds[name]:g}" in text
    assert model.score(X, y) > 0.83


def test_a_constant_decision_is_told():
    """Groups that a feature tells apart, and labels that are nothing but the group."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 4000)
    X = (group + 0.01 * rng.normal(size=4000))[:, None]
    model = FEAMOEClassifier(difference_bound=0.01, random_state=0)
    fairness, _ = caught(lambda: model.fit(X, group, sensitive_features=group))
    assert "the same decision" in str(fairness[0].message)
    assert len(np.unique(model.predict(X))) == 1


def test_a_stream_says_once_that_nobody_is_known_any_more():
    X, y, group = make_lending(16_000)
    model = FEAMOEClassifier(growth=None, random_state=0)

    def run(known):
        stream(model, X, y, np.where(known, group, None), rows=500)

    caught(lambda: run(np.arange(16_000) < 3000))
    fairness, _ = caught(lambda: run(np.zeros(16_000, dtype=bool)))
    assert fairness == []  # it was said in the first run
    fairness, _ = caught(lambda: run(np.arange(16_000) < 3000))
    assert len(fairness) == 1
    assert "no row of known group has come for 1" in str(fairness[0].message)


def test_weights_that_bend_the_gaps_are_told():
    X, y, group = conflicting()
    weight = np.where((y == 1) & (group == "b"), 3.0, 1.0)
    model = FEAMOEClassifier(difference_bound=0.02, random_state=0)
    fairness, _ = caught(
        lambda: model.fit(X, y, sensitive_features=group, sample_weight=weight)
    )
    assert "counting every person once" in str(fairness[0].message)
    loss_only = FEAMOEClassifier(
        difference_bound=0.02, class_weight={0: 1.0, 1: 4.0}, random_state=0
    )
    assert caught(lambda: loss_only.fit(X, y, sensitive_features=group))[0] == []


def test_a_stream_says_once_that_its_weights_make_next_to_nobody_of_its_rows():
    X, y, group = make_lending(8_000)
    model = FEAMOEClassifier(random_state=0)
    weight = np.full(8_000, 1e-5)  # decisions on so few people are next to constant
    _, others = caught(lambda: stream(model, X, y, group, weight=weight))
    assert len(others) == 1
    assert "rows seen last count as 0.04" in str(others[0].message)
    plain = FEAMOEClassifier(random_state=0)
    assert caught(lambda: stream(plain, X, y, group))[1] == []


@pytest.mark.parametrize(
    "options",
    [
        {"constraints": None},
        {"constraints": None, "expert": "additive"},
        {"control": "schedule", "growth": "interval"},
        {},
    ],
    ids=["unconstrained", "additive", "schedule", "no groups"],
)
def test_a_stream_that_bounds_nothing_says_so_too(options):
    X, y, group = make_lending(6_000)
    group = group if options else None
    uneven = np.where(np.arange(6_000) % 50, 1e-4, 1.0)
    for weight, n_told in ((np.full(6_000, 1e-5), 1), (uneven, 0), (None, 0)):
        model = FEAMOEClassifier(random_state=0, **options)
        fairness, seen = caught(lambda m=model, w=weight: stream(m, X, y, group, weight=w))
        others = [str(w.message) for w in seen if w not in fairness]
        assert len(others) == n_told
        assert all("rows in background_ count as 0.01" in text for text in others)


def test_gaps_are_nan_while_they_cannot_be_measured():
    X, y, group = make_lending(300)
    model = FEAMOEClassifier(random_state=0)
    model.partial_fit(X[:10], y[:10], [0, 1], sensitive_features=group[:10])
    assert np.isnan(model.group_gaps_["demographic_parity"])
    stream(model, X[10:], y[10:], group[10:])
    assert model.group_gaps_["demographic_parity"] >= 0.0

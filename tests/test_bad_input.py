"""Bad input is refused with words that help, and leaves no trace."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from lending import frozen, made_once, make_lending, stream

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS

X, Y, GROUP = make_lending(120)
ALL = list(CONSTRAINTS)


def spoiled(value):
    bad = X.copy()
    bad[7, 2] = value
    return bad


BAD_DATA = {
    "inf": ({"X": spoiled(np.inf)}, "infinity"),
    "sparse nan": ({"X": sp.csr_array(spoiled(np.nan))}, "NaN"),
    "one dimension": ({"X": X[:, 0]}, "2D array"),
    "three dimensions": ({"X": X[:, :, None]}, "dim"),
    "no rows": ({"X": X[:0], "y": Y[:0], "sensitive_features": GROUP[:0]}, "0 sample"),
    "no columns": ({"X": X[:, :0]}, "0 feature"),
    "mixed": ({"X": np.where(X > 2.0, "x", X.astype(object))}, "mixes text and numbers|held"),
    "complex": ({"X": X + 1j}, "[Cc]omplex"),
    "short y": ({"y": Y[:-1]}, "X has 120 rows, y has 119|inconsistent"),
    "infinity in y": ({"y": np.where(Y == 1, np.inf, 0.0)}, "infinity"),
    "inf in y": ({"y": np.where(Y == 1, np.inf, 0.0)}, "infinity"),
    "continuous y": ({"y": Y + X[:, 0]}, "continuous|not among the classes"),
    "two-column y": ({"y": np.column_stack([Y, Y])}, "1d array|shape"),
    "short groups": (
        {"sensitive_features": GROUP[:-1]},
        "sensitive_features must have one entry per row of X: X has 120 rows, "
        "sensitive_features has 119",
    ),
    "one group": ({"sensitive_features": "a"}, "sensitive_features must have one entry"),
    "nested groups": ({"sensitive_features": [[["a"]]] * 120}, "sensitive_features must"),
    "negative weight": (
        {"sample_weight": np.where(np.arange(120) == 5, -0.5, 1.0)},
        "sample_weight must not be negative, got -0.5; drop rows",
    ),
    "nan weight": ({"sample_weight": np.where(Y == 1, np.nan, 1.0)}, "NaN"),
    "inf weight": ({"sample_weight": np.where(Y == 1, np.inf, 1.0)}, "infinity"),
    "huge weight": (
        {"sample_weight": np.where(np.arange(120) == 5, 1e200, 1.0)},
        r"sample_weight must be at most 1e\+100, got 1e\+200.*mean of 1",
    ),
    "short weight": ({"sample_weight": np.ones(119)}, r"sample_weight.*shape|\(119"),
}

BAD_PARAMETERS = [
    ("constraints", "parity", "parity.*"),
    ("constraints", ["burden", "fairness"], "'fairness'"),
    ("constraints", 3, "3"),
    ("control", "bounds", "bounds"),
    ("difference_bound", 5, r"must be in \(0, 1\].*got 5; a gap of 5 points is 0.05"),
    ("difference_bound", 0, "got 0"),
    ("difference_bound", -0.1, "got -0.1"),
    ("difference_bound", float("nan"), "got nan"),
    ("difference_bound", "0.05", "0.05"),
    ("difference_bound", True, "got True"),
    ("difference_bound", {"burden": 0.1}, r"missing: \['demographic_parity'\]"),
    ("difference_bound", {"demographic_parity": None}, "got None"),
    ("loss", "hinge", "hinge"),
    ("growth", "sometimes", "sometimes"),
    ("growth_interval", 0, "0"),
    ("growth_interval", 2.5, "2.5"),
    ("growth_interval", "often", "often"),
    ("max_experts", 0, "0"),
    ("solver", "lbfgs", "lbfgs"),
    ("class_weight", {0: float("nan")}, r"must map classes, of \[0, 1\], to numbers.*nan"),
    ("class_weight", {1: float("inf")}, "numbers from 0.*inf"),
    ("class_weight", {0: "x"}, "numbers from 0.*'x'"),
    ("class_weight", {0: None}, "numbers from 0.*None"),
    ("class_weight", {0: -1}, "numbers from 0.*-1"),
    ("class_weight", {0: 1e200}, "numbers from 0.*1e[+]200"),
    ("learning_rate", 0.0, "0.0"),
    ("learning_rate", float("nan"), "nan"),
    ("learning_rate", float("inf"), "inf"),
    ("batch_size", 0, "0"),
    ("batch_size", "large", "large"),
    ("max_iter", 0, "0"),
    ("alpha", -1e-3, "-0.001"),
    ("alpha", float("inf"), "inf"),
    ("standardize", "yes", "yes"),
    ("half_life", 0.0, "0.0"),
    ("half_life", "short", "short"),
    ("favorable_label", "granted", "granted"),
    ("sensitive_columns", 3.5, "3.5"),
    ("sensitive_columns", "sex", "sex"),
    ("random_state", "seed", "seed"),
]


def attempt(model, learn, **changes):
    arguments = {"X": X, "y": Y, "sensitive_features": GROUP} | changes
    if learn == "partial_fit":
        arguments = {"classes": [0, 1]} | arguments
    getattr(model, learn)(arguments.pop("X"), arguments.pop("y"), **arguments)


@made_once
def fitted(**parameters):
    return stream(
        FEAMOEClassifier(growth_interval=40, random_state=0, **parameters), X, Y, GROUP
    )


def assert_refused(model, learn, words, **changes):
    """A ValueError in the right words, and a model as it was."""
    before = frozen(model)
    with pytest.raises(ValueError, match=words):
        attempt(model, learn, **changes)
    assert frozen(model) == before


learning = pytest.mark.parametrize("learn", ["fit", "partial_fit"])


@learning
@pytest.mark.parametrize("begun", [False, True], ids=["new", "trained"])
@pytest.mark.parametrize(("changes", "words"), BAD_DATA.values(), ids=BAD_DATA)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_bad_data_is_refused_without_a_trace(learn, begun, changes, words):
    model = fitted() if begun else FEAMOEClassifier()
    assert_refused(model, learn, words, **changes)


@learning
@pytest.mark.parametrize("begun", [False, True], ids=["new", "trained"])
@pytest.mark.parametrize(
    ("name", "value", "words"), BAD_PARAMETERS, ids=[f"{n}={v!r}" for n, v, _ in BAD_PARAMETERS]
)
def test_bad_parameters_are_refused_without_a_trace(learn, begun, name, value, words):
    model = fitted() if begun else FEAMOEClassifier()
    model.set_params(**{name: value})
    assert_refused(model, learn, f"(?s){name}.*{words}")


@pytest.mark.parametrize("increment", [0, -0.1, "big", {"burden": 0.1}, float("nan")])
def test_bad_penalty_increment(increment):
    model = FEAMOEClassifier(control="schedule", penalty_increment=increment)
    assert_refused(model, "fit", "penalty_increment")
    assert_refused(model, "partial_fit", "penalty_increment")


def test_burden_bound_may_exceed_one_but_not_the_others():
    bounds = {"burden": 2.0, "demographic_parity": 2.0}
    model = FEAMOEClassifier(list(bounds), difference_bound=bounds)
    assert_refused(model, "partial_fit", "for demographic_parity, got 2.0")
    model.set_params(difference_bound=bounds | {"demographic_parity": 0.5})
    attempt(model, "partial_fit")


@pytest.mark.parametrize("method", ["predict", "predict_proba", "gate_proba", "score"])
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (spoiled(np.inf), "infinity"),
        (X[:, :3], "3 features, but FEAMOEClassifier is expecting 6"),
        (X[0], "2D array"),
        (X[:0], "0 sample"),
    ],
    ids=["infinite", "narrow", "row", "empty"],
)
def test_bad_rows_to_predict(method, rows, words):
    model = fitted()
    before = frozen(model)
    labels = (Y[: len(rows)],) if method == "score" else ()
    with pytest.raises(ValueError, match=words):
        getattr(model, method)(rows, *labels)
    assert frozen(model) == before


def test_wrong_width_in_mid_stream():
    assert_refused(fitted(), "partial_fit", "3 features, but .* expecting 6", X=X[:, :3])


def test_unknown_class_in_mid_stream():
    model = fitted()
    labels = np.where(np.arange(120) == 60, 7, Y)
    assert_refused(
        model, "partial_fit", r"label .*7.* not among the classes \[0, 1\]", y=labels
    )
    assert_refused(model, "partial_fit", "not the same as on last call", classes=[0, 1, 2])
    text = np.array(["no", "yes"])[Y]
    assert_refused(model, "partial_fit", "not among the classes", y=text)
    between = np.where(np.arange(120) == 60, 0.5, Y)
    assert_refused(model, "partial_fit", "not among the classes|continuous", y=between)


def test_unknown_text_class_in_mid_stream():
    labels = np.array(["no", "yes"])[Y]
    model = stream(FEAMOEClassifier(random_state=0), X, labels, GROUP)
    for wrong in ("maybe", "a", "zzz", ""):
        spoiled_labels = labels.astype(object)
        spoiled_labels[3] = wrong
        assert_refused(
            model, "partial_fit", "not among", y=spoiled_labels, classes=["no", "yes"]
        )
        assert_refused(
            model, "partial_fit", "not among", y=spoiled_labels.astype(str), classes=None
        )


def test_first_call_needs_classes():
    assert_refused(FEAMOEClassifier(), "partial_fit", "classes must be passed", classes=None)
    assert_refused(FEAMOEClassifier(), "partial_fit", "at least two labels", classes=[1])


def test_fit_needs_two_classes_and_some_weight():
    assert_refused(fitted(), "fit", "at least two classes.*partial_fit", y=np.zeros(120))
    assert_refused(fitted(), "fit", "sample_weight.*zero", sample_weight=np.zeros(120))


@pytest.mark.parametrize("scale", [1 / 120, 1e-6, 1e-300])
@pytest.mark.parametrize("unequal", [False, True])
def test_weights_that_make_nobody_of_many_rows_are_told(scale, unequal):
    weight = np.where(np.arange(120) % 2, 0.5, 1.5) if unequal else np.ones(120)
    model = FEAMOEClassifier(None, random_state=0)
    with pytest.warns(UserWarning, match=f"mean of {scale:.3g}, so that 120 rows") as told:
        model.fit(X, Y, sample_weight=scale * weight)
    assert len(told) == 1


def test_weights_of_few_rows_or_of_people_are_not_told():
    model = FEAMOEClassifier(None, random_state=0)
    fading, few = 0.9 ** np.arange(120), np.where(np.arange(120) < 15, 1e-3, 0.0)
    for weight in (fading, 0.2 * np.ones(120), few, np.where(Y, 1e-9, 1.0)):
        model.fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("constraints", None),
        ("constraints", "equal_opportunity"),
        ("constraints", ALL),
        ("favorable_label", 0),
        ("standardize", False),
        ("sensitive_columns", 0),
    ],
)
def test_a_stream_cannot_change_its_design(name, value):
    model = fitted()
    model.set_params(**{name: value})
    assert_refused(model, "partial_fit", re.escape(f"{name}={value!r} differs"))
    assert model.group_gaps_.keys() == {"demographic_parity"}
    assert model.multipliers_.keys() == {"demographic_parity"}


def test_a_stream_can_change_its_pace():
    model = fitted().set_params(
        learning_rate=0.01, difference_bound=0.2, max_experts=3, alpha=0.1, half_life=500,
        constraints=["demographic_parity"], favorable_label=1, growth=None,
    )  # fmt: skip
    before = model.n_samples_seen_
    attempt(model, "partial_fit")
    assert model.n_samples_seen_ == before + 120


def test_a_failing_fit_leaves_the_fitted_model_predicting():
    model = fitted()
    expected = model.predict_proba(X)
    wide = np.column_stack([X, X])
    with pytest.raises(ValueError, match="negative"):
        model.fit(wide, Y, sensitive_features=GROUP, sample_weight=-np.ones(120))
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.n_features_in_ == 6

"""Every public function and learner, with every kind of wrong input and of right one.

A wrong input is answered by a ValueError or TypeError whose words help, and leaves the model
as it was; a right one by the same answer however it lies in memory. All of it under
``np.errstate(all="raise")``: no operation overflows, divides by zero or makes NaN on the way.
"""

import pickle
import re
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from every_function import CALLS, SPOILED, nothing
from lending import frozen, made_once, make_lending, stream

from skfeamoe import FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.postprocessing import BiasScoreClassifier

# arguments that are there for the common signature and are not read
NOT_READ = {
    *((name, "y_true") for name in CALLS if re.match("burden|coverage|implied|infra", name)),
    ("risk_explained_difference", "y_true"),
    ("individual_unfairness", "y_true"),
}
# what looks spoiled and has a meaning: several columns of groups, dates that name groups,
# distances of people who were granted, several counterfactuals, parts that may be left out
MEANT = {
    ("*", "sensitive_features", "deeper"),
    ("*", "sensitive_features", "dates"),
    ("*", "distance", "holed"),
    ("*", "distance", "infinite"),
    ("individual_unfairness", "y_pred_counterfactual", "deeper"),
    ("monitor", "sensitive_features", "nothing"),
    ("monitor", "sample_weight", "nothing"),
    ("monitor", "y_true", "nothing"),
    ("monitor", "y_true", "holed"),
    ("card", "sensitive_features", "nothing"),
    ("card", "X", "holed"),
    ("explain_gap", "X", "holed"),
    ("utility_score", "y_score", "deeper"),
}
POOR = re.compile(
    r"has no len|not subscriptable|out of bounds|'NoneType' object|unexpected keyword"
)


def spoiled_calls():
    for name, (_, rows, _) in CALLS.items():
        for argument, values in rows.items():
            for spoil in SPOILED:
                meant = {(name, argument, spoil.__name__), ("*", argument, spoil.__name__)}
                if (name, argument) in NOT_READ or meant & MEANT:
                    continue
                if spoil is nothing or spoil(values) is not None:
                    yield pytest.param(
                        name, argument, spoil, id=f"{name}-{argument}-{spoil.__name__}"
                    )


@pytest.mark.parametrize("name", CALLS)
def test_every_function_has_a_good_call(name):
    function, rows, other = CALLS[name]
    with np.errstate(all="raise"):
        assert function(**rows, **other) is not None


@pytest.mark.parametrize(("name", "argument", "spoil"), list(spoiled_calls()))
@pytest.mark.filterwarnings("ignore")
def test_every_spoiled_argument_is_refused_in_words(name, argument, spoil):
    function, rows, other = CALLS[name]
    before = pickle.dumps([*rows.values(), other.get("estimator"), other.get("model")])
    with np.errstate(all="raise"), pytest.raises((ValueError, TypeError)) as caught:
        function(**{**rows, argument: spoil(rows[argument])}, **other)
    text = str(caught.value)
    assert len(text) > 20
    assert not POOR.search(text), text
    assert pickle.dumps([*rows.values(), other.get("estimator"), other.get("model")]) == before


# ---------------------------------------------------------------------------- learners

X, Y, GROUP = make_lending(300)


def learners():
    """How each kind of model learns and answers."""
    for name, parameters in {
        "logistic": {},
        "all constraints": {"constraints": list(CONSTRAINTS), "difference_bound": 1.0},
        "additive": {"expert": "additive"},
        "networks": {"expert": "mlp"},
        "schedule": {"control": "schedule"},
        "jacobs": {"loss": "jacobs"},
    }.items():
        yield (
            name,
            lambda p=parameters: FEAMOEClassifier(
                **{"difference_bound": 0.5, "max_iter": 2, "random_state": 0, **p}
            ),
        )
    yield (
        "rule",
        lambda: BiasScoreClassifier(
            FEAMOEClassifier(None, max_iter=1, random_state=0), random_state=0
        ),
    )
    yield (
        "policy",
        lambda: PolicyGatedMoEClassifier(cv=2, gate_max_iter=1, max_iter=2, random_state=0),
    )


LEARNERS = dict(learners())
every_learner = pytest.mark.parametrize("name", LEARNERS)


def answers(make, X, y, groups, rows):
    """Probabilities of a model that was fitted and, if it can, went on with the same rows."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make().fit(X, y, sensitive_features=groups)
        found = [model.predict_proba(rows)]
        if isinstance(model, FEAMOEClassifier):
            model.partial_fit(X, y, sensitive_features=groups)
            found += [model.predict_proba(rows), model.distance_to_boundary(rows)]
    return np.concatenate([np.ravel(part) for part in found])


@cache
def plain_answers(name):
    """What a learner says of the rows as they are."""
    return answers(LEARNERS[name], X, Y, GROUP, X[:50])


@made_once
def fitted(name):
    """A learner that has learned the rows as they are."""
    return LEARNERS[name]().fit(X, Y, sensitive_features=GROUP)


def strided(A):
    wide = np.zeros((2 * A.shape[0], 2 * A.shape[1]))
    wide[::2, ::2] = A
    return wide[::2, ::2]


def read_only(A):
    A = A.copy()
    A.flags.writeable = False
    return A


def mapped(A, folder):
    np.save(folder / "rows.npy", A)
    return np.load(folder / "rows.npy", mmap_mode="r")


LYING = {
    "big-endian": lambda A, _: A.astype(">f8"),
    "columns first": lambda A, _: np.asfortranarray(A),
    "strided": lambda A, _: strided(A),
    "backwards": lambda A, _: A[::-1].copy()[::-1],
    "read-only": lambda A, _: read_only(A),
    "memory-mapped": mapped,
    "list": lambda A, _: A.tolist(),
    "objects": lambda A, _: A.astype(object),
    "float128": lambda A, _: A.astype(np.longdouble),
}


@every_learner
@pytest.mark.parametrize("lying", LYING)
def test_the_same_rows_are_the_same_however_they_lie(name, lying, tmp_path):
    if (name, lying) == ("rule", "objects"):
        pytest.skip("whoever is inside decides what objects are")
    expected = plain_answers(name)
    changed = LYING[lying](X, tmp_path)
    found = answers(LEARNERS[name], changed, Y, GROUP, changed[:50])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


LABELS = {
    "bool": Y.astype(bool),
    "int8": Y.astype(np.int8),
    "unsigned": Y.astype(np.uint64),
    "big-endian": Y.astype(">i4"),
    "float": Y.astype(float),
    "text": np.array(["no", "yes"])[Y],
    "objects": np.array(["no", "yes"], dtype=object)[Y],
    "minus one and one": 2 * Y - 1,
    "large": np.array([-(2**62), 2**62])[Y],
    "series": pd.Series(Y, index=np.arange(300)[::-1]),
    "category": pd.Series(np.array(["no", "yes"])[Y], dtype="category"),
    "nullable": pd.Series(Y, dtype="Int64"),
    "column": Y[:, None],
}
GROUPS = {
    "objects": GROUP.astype(object),
    "codes": np.unique(GROUP, return_inverse=True)[1],
    "large codes": np.array([2**62, -(2**62)])[np.unique(GROUP, return_inverse=True)[1]],
    "bool": GROUP == "b",
    "bytes-like text": GROUP.astype("U40"),
    "series": pd.Series(GROUP, index=np.arange(300)[::-1]),
    "category": pd.Series(GROUP, dtype="category"),
    "frame": pd.DataFrame({"g": GROUP}),
    "list": GROUP.tolist(),
    "dates": np.where(GROUP == "a", np.datetime64("2020-01-01"), np.datetime64("2021-01-01")),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_labels_of_any_kind_say_the_same(kind):
    expected = plain_answers("logistic")
    found = answers(LEARNERS["logistic"], X, LABELS[kind], GROUP, X[:50])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_of_any_kind_say_the_same(kind):
    expected = plain_answers("logistic")
    found = answers(LEARNERS["logistic"], X, Y, GROUPS[kind], X[:50])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_misaligned_indices_do_not_reorder_rows():
    frame = pd.DataFrame(X, columns=list("abcdef"), index=np.arange(300)[::-1])
    labels = pd.Series(Y, index=np.arange(1000, 1300))
    groups = pd.Series(GROUP, index=np.roll(np.arange(300), 7))
    expected = answers(LEARNERS["logistic"], frame.reset_index(drop=True), Y, GROUP, frame[:50])
    found = answers(LEARNERS["logistic"], frame, labels, groups, frame[:50])
    np.testing.assert_array_equal(found, expected)


def test_explicit_zeros_are_zeros():
    thin = np.where(np.abs(X) > 1.0, X, 0.0)
    stored = sp.csr_array(thin)
    rows, columns = np.nonzero(thin == 0.0)
    full = sp.coo_array(
        (
            np.concatenate([stored.data, np.zeros(len(rows))]),
            (np.concatenate([np.nonzero(thin)[0], rows]), np.r_[np.nonzero(thin)[1], columns]),
        ),
        shape=X.shape,
    ).tocsr()
    assert full.nnz > stored.nnz
    expected = answers(LEARNERS["logistic"], stored, Y, GROUP, stored[:50])
    for each in (full, full.tocsc(), full.tocoo()):
        found = answers(LEARNERS["logistic"], each, Y, GROUP, full[:50])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-310, 1e-160, 1e-30, 1e30, 1e150, 1e300])
@every_learner
def test_sizes_of_numbers_do_not_matter(name, scale):
    found = answers(LEARNERS[name], X * scale, Y, GROUP, X[:50] * scale)
    assert np.isfinite(found).all()
    if name in ("logistic", "schedule") and 1e-100 < scale < 1e100:
        expected = plain_answers(name)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def rows_with(value):
    bad = X.astype(object)
    bad[7, 2] = value
    return bad


WRONG = {
    "infinity": {"X": np.where(X[7, 2] == X, np.inf, X)},
    "a dict": {"X": rows_with({})},
    "a list": {"X": rows_with([1.0])},
    "complex": {"X": X + 1j},
    "dates": {"X": np.full(X.shape, np.datetime64("2024-01-01"))},
    "spans": {"X": np.full(X.shape, np.timedelta64(1, "D"))},
    "text": {"X": np.full(X.shape, "text")},
    "one dimension": {"X": X[:, 0]},
    "three dimensions": {"X": X[:, :, None]},
    "no rows": {"X": X[:0], "y": Y[:0], "sensitive_features": GROUP[:0]},
    "no columns": {"X": X[:, :0]},
    "too few labels": {"y": Y[:-1]},
    "too few groups": {"sensitive_features": GROUP[:-1]},
    "too few weights": {"sample_weight": np.ones(299)},
    "labels in two columns": {"y": np.column_stack([Y, Y])},
    "labels of numbers": {"y": X[:, 0]},
    "infinite labels": {"y": np.where(Y == 1, np.inf, 0.0)},
    "complex labels": {"y": Y + 1j},
    "weights below 0": {"sample_weight": np.full(300, -1.0)},
    "weights of NaN": {"sample_weight": np.full(300, np.nan)},
    "weights in two columns": {"sample_weight": np.ones((300, 2))},
    "a text": {"X": "text"},
    "nothing": {"X": None},
    "a number": {"X": 3},
    "groups as a number": {"sensitive_features": 3},
    "groups as a text": {"sensitive_features": "a"},
    "infinite sparse": {"X": sp.csr_array(np.where(X[7, 2] == X, np.inf, X))},
    "lazy": {"X": (row for row in X)},
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("begun", [False, True], ids=["new", "fitted"])
@every_learner
@pytest.mark.filterwarnings("ignore")
def test_wrong_rows_are_refused_and_change_nothing(name, begun, kind):
    if name == "rule" and "labels" in kind and "complex" in kind:
        pytest.skip("complex labels are refused by the estimator inside")
    model = fitted(name) if begun else LEARNERS[name]()
    before = frozen(model)
    arguments = {"X": X, "y": Y, "sensitive_features": GROUP} | WRONG[kind]
    with np.errstate(all="raise"), pytest.raises((ValueError, TypeError)) as caught:
        model.fit(arguments.pop("X"), arguments.pop("y"), **arguments)
    assert len(str(caught.value)) > 15
    assert not POOR.search(str(caught.value)), caught.value
    assert frozen(model) == before


def test_columns_in_another_order_or_with_new_names_are_refused_later():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = FEAMOEClassifier(difference_bound=0.5, random_state=0)
    model.fit(frame, Y, sensitive_features=GROUP)
    before = frozen(model)
    for wrong in (
        frame[list("fedcba")],
        frame.rename(columns={"a": "z"}),
        frame.iloc[:, :5],
        frame.assign(more=1.0),
    ):
        for call in (
            lambda w=wrong: model.predict(w),
            lambda w=wrong: model.partial_fit(w, Y, sensitive_features=GROUP),
            lambda w=wrong: model.explain(w[:2]),
        ):
            with pytest.raises(ValueError, match=r"feature names should match|features"):
                call()
    assert frozen(model) == before


def test_two_columns_of_one_name_are_refused_or_told_apart():
    frame = pd.DataFrame(X, columns=list("abcdea"))
    model = FEAMOEClassifier(difference_bound=0.5, random_state=0)
    with pytest.raises(ValueError, match=r"a|names|columns"):
        model.fit(frame, Y, sensitive_features=GROUP)
    assert not hasattr(model, "classes_")


@pytest.mark.filterwarnings("ignore")
def test_one_row_one_group_and_nobody_known():
    with np.errstate(all="raise"):
        model = FEAMOEClassifier(random_state=0)
        model.partial_fit(X[:1], Y[:1], [0, 1], sensitive_features=GROUP[:1])
        assert np.isfinite(model.predict_proba(X)).all()
        for groups in (np.full(300, "one"), np.full(300, None), np.full(300, np.nan)):
            alone = answers(LEARNERS["logistic"], X, Y, groups, X[:50])
            assert np.isfinite(alone).all()
        plain = answers(
            lambda: FEAMOEClassifier(None, max_iter=2, random_state=0), X, Y, None, X[:50]
        )
        nobody = answers(LEARNERS["logistic"], X, Y, np.full(300, None), X[:50])
        np.testing.assert_array_equal(nobody, plain)


def test_more_codes_than_fit_into_small_integers():
    codes = np.arange(300).astype(np.int8)  # overflows, and is two rows a group then
    model = FEAMOEClassifier(difference_bound=0.9, random_state=0)
    before = frozen(model)
    with pytest.raises(ValueError, match="sensitive_features"):
        model.fit(X, Y, sensitive_features=codes)
    assert frozen(model) == before
    stream(model, X, Y, np.where(GROUP == "a", np.int8(-128), np.int8(127)))
    assert set(model.groups_) == {"-128", "127"}

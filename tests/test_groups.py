"""Sensitive features of any kind, as arrays, frames, lists or columns of X."""

import datetime
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from lending import assert_same_state, make_lending, stream

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe._groups import encode_groups

NAN = float("nan")
DAY = datetime.datetime(2020, 1, 1)


def encode(sensitive, labels=()):
    codes, known = encode_groups(sensitive, len(sensitive), list(labels))
    return codes.tolist(), known


@pytest.mark.parametrize(
    ("sensitive", "codes", "labels"),
    [
        (["x", "y", "x"], [0, 1, 0], ["x", "y"]),
        (np.array(["x", "y", "x"]), [0, 1, 0], ["x", "y"]),
        ([1, 2, 1], [0, 1, 0], ["1", "2"]),
        ([1, 1.0, "1"], [0, 0, 0], ["1"]),
        ([True, 1, False], [0, 1, 2], ["True", "1", "False"]),
        ([1, True, 1.0], [0, 1, 0], ["1", "True"]),
        (np.array([True, False]), [0, 1], ["True", "False"]),
        (np.array([1.0, NAN, 2.5, NAN]), [0, -1, 1, -1], ["1", "2.5"]),
        (["x", None, NAN, pd.NA, pd.NaT], [0, -1, -1, -1, -1], ["x"]),
        (np.array(["2020-01-01", "NaT"], dtype="M8[ns]"), [0, -1], [str(DAY)]),
        (np.array(["2020-01-01", "NaT"], dtype="M8[D]"), [0, -1], [str(DAY)]),
        (pd.Series(pd.to_datetime(["2020-01-01", None])), [0, -1], [str(DAY)]),
        (pd.DataFrame({"d": pd.to_datetime(["2020-01-01", None])}), [0, -1], [str(DAY)]),
        (pd.Series(["x", None, "y"], dtype="category"), [0, -1, 1], ["x", "y"]),
        (pd.Series(["x", None, "y"], dtype="string"), [0, -1, 1], ["x", "y"]),
        (pd.Series([1, None, 2], dtype="Int64"), [0, -1, 1], ["1", "2"]),
        (pd.Series([True, None, False], dtype="boolean"), [0, -1, 1], ["True", "False"]),
        (pd.Series(["x", "y"], index=[7, 3]), [0, 1], ["x", "y"]),
        (pl.Series(["x", None, "y"]), [0, -1, 1], ["x", "y"]),
        (pl.Series([1, None, 2]), [0, -1, 1], ["1", "2"]),
        (pl.Series([True, None, False]), [0, -1, 1], ["True", "False"]),
        (pl.Series(["x", None], dtype=pl.Categorical), [0, -1], ["x"]),
        (pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), [0, -1], ["1 & x"]),
        (np.ma.array([1, 2], mask=[False, True]), [0, -1], ["1"]),
        (np.array([["x"], ["y"]]), [0, 1], ["x", "y"]),
        ([["x", 1], ["x", 2], ["y", 1]], [0, 1, 2], ["x & 1", "x & 2", "y & 1"]),
        ([["x", 1], ["x", None], [NAN, 1]], [0, -1, -1], ["x & 1"]),
        ([["a & b", "c"], ["a", "b & c"]], [0, 1], ["a && b & c", "a & b && c"]),
        (pd.DataFrame({"a": ["x", "x"], "b": [1.0, 2.0]}), [0, 1], ["x & 1", "x & 2"]),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), [0, 1], ["1 & 2", "3 & 4"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_encode_groups(sensitive, codes, labels):
    assert encode(sensitive) == (codes, labels)


def test_known_groups_keep_their_codes_and_are_not_changed():
    labels = ["x", "y"]
    assert encode(["z", "y", None, "x"], labels) == ([2, 1, -1, 0], ["x", "y", "z"])
    assert labels == ["x", "y"]


@pytest.mark.parametrize(
    ("sensitive", "n_samples"),
    [
        ("ab", 2),
        (np.array("a"), 1),
        (np.zeros((2, 1, 1)), 2),
        (np.zeros((2, 0)), 2),
        ([[1], [1, 2]], 2),
        ([{1}, {2}], 2),
        ([1, 2, 3], 2),
        (sp.csr_array(np.ones((2, 1))), 2),
    ],
    ids=str,
)
def test_encode_groups_refuses_in_its_own_words(sensitive, n_samples):
    with pytest.raises(ValueError, match="sensitive_features"):
        encode_groups(sensitive, n_samples, [])


scalars = st.one_of(
    st.text(max_size=3),
    st.integers(-3, 3),
    st.booleans(),
    st.sampled_from([0.5, 1.0, -0.0, NAN, float("inf")]),
    st.none(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(scalars, min_size=1, max_size=25), st.integers(0, 25))
def test_codes_do_not_depend_on_where_a_stream_is_cut(values, cut):
    column = np.array([*values, None], dtype=object)[:-1]
    whole, labels = encode(column)
    head, known = encode(column[:cut]) if cut else ([], [])
    tail, known = encode(column[cut:], known) if cut < len(column) else ([], known)
    assert head + tail == whole
    assert known == labels
    assert all(
        (code == -1) == (v is None or v != v) for code, v in zip(whole, column, strict=True)
    )
    for code, value in zip(whole, column, strict=True):
        if code >= 0 and isinstance(value, (str, bool)):
            assert labels[code] == str(value)
    assert len(set(labels)) == len(labels)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(scalars, scalars), min_size=1, max_size=15))
def test_intersections_tell_all_combinations_apart(pairs):
    one, two = (
        np.array([*column, None], dtype=object)[:-1] for column in zip(*pairs, strict=True)
    )
    frame = {"one": one, "two": two}
    codes, _ = encode_groups(frame, len(pairs), [])
    (first, _), (second, _) = encode(one), encode(two)
    missing = [-1 in pair for pair in zip(first, second, strict=True)]
    assert [code == -1 for code in codes] == missing
    for i in range(len(pairs)):
        for j in range(i):
            if not (missing[i] or missing[j]):
                same = (first[i], second[i]) == (first[j], second[j])
                assert (codes[i] == codes[j]) == same


# ------------------------------------------------------------------- in the estimator


def test_rows_of_unknown_groups_train_accuracy_only():
    X, y, group = make_lending(1500)
    nobody = np.full(1500, None)
    plain = stream(FEAMOEClassifier(None, random_state=0), X, y)
    with pytest.warns(match="no group has been seen"):
        blind = stream(FEAMOEClassifier(random_state=0), X, y, nobody)
    np.testing.assert_array_equal(blind.predict_proba(X), plain.predict_proba(X))
    assert list(blind.groups_) == []
    mixed = np.where(np.arange(1500) % 3 == 0, None, group)
    model = stream(FEAMOEClassifier(random_state=0), X, y, mixed)
    assert len(model._model.monitor.people) == 1000
    assert sorted(model.groups_) == ["a", "b"]
    assert np.abs(model.multipliers_["demographic_parity"]).sum() > 0


def test_new_groups_in_mid_stream_get_cells():
    X, y, group = make_lending(2000, n_groups=3)
    early = np.where(group == "c", "b", group)
    model = stream(FEAMOEClassifier(random_state=0), X[:1000], y[:1000], early[:1000])
    assert sorted(model.groups_) == ["a", "b"]
    before = model.multipliers_["demographic_parity"].copy()
    known = list(model.groups_)
    model.partial_fit(X[1000:1001], y[1000:1001], sensitive_features=["late"])
    assert list(model.groups_) == [*known, "late"]
    assert model.multipliers_["demographic_parity"].shape == (1, 3)
    np.testing.assert_allclose(
        model.multipliers_["demographic_parity"][:, :2], before, rtol=0.5
    )
    stream(model, X[1001:], y[1001:], group[1001:])
    assert set(model.groups_) == {"a", "b", "late", "c"}


def test_int_and_float_and_object_columns_are_one_grouping():
    X, y, group = make_lending(600)
    number = (group == "a").astype(int)
    states = [
        stream(FEAMOEClassifier(random_state=0), X, y, kind)._model
        for kind in (number, number.astype(float), number.astype(object), number.astype(str))
    ]
    for state in states[1:]:
        assert_same_state(states[0], state)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_sensitive_columns_are_read_and_never_used(frame, learn):
    X, y, group = make_lending(600)
    region = np.where(np.arange(600) % 2, "north", "south")
    names = [f"x{j}" for j in range(6)]
    columns = {"sex": group} | {n: X[:, j] for j, n in enumerate(names)} | {"region": region}
    table = frame(columns)
    base = {"difference_bound": 0.8, "random_state": 0, "max_iter": 2}
    known = {"classes": [0, 1]} if learn == "partial_fit" else {}
    model = FEAMOEClassifier(sensitive_columns=["sex", "region"], **base)
    getattr(model, learn)(table, y, **known)
    direct = FEAMOEClassifier(**base)
    both = np.column_stack([group, region])
    getattr(direct, learn)(X, y, **known, sensitive_features=both)
    assert_same_state(model._model, direct._model, rtol=1e-6, atol=1e-9)
    assert sorted(model.groups_) == ["a & north", "a & south", "b & north", "b & south"]
    assert model.n_features_in_ == 8
    assert model.expert_coef_.shape[2] == 6
    without = table[names]
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(without))
    altered = frame(columns | {"sex": ["?"] * 600, "region": [None] * 600})
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(altered))
    with pytest.raises(ValueError, match="with or without the sensitive columns"):
        model.predict(table[names[::-1]])
    with pytest.raises(ValueError, match="must have the sensitive_columns"):
        model.partial_fit(without, y)
    with pytest.raises(ValueError, match="give one of the two"):
        model.partial_fit(table, y, sensitive_features=group)


@pytest.mark.parametrize(
    "make",
    [
        lambda X, s: np.column_stack([X, s]),
        lambda X, s: np.column_stack([X, s]).tolist(),
        lambda X, s: np.column_stack([X, s]).astype(object),
        lambda X, s: sp.csr_array(np.column_stack([X, s])),
        lambda X, s: sp.coo_array(np.column_stack([X, s])),
    ],
    ids=["array", "list", "object", "csr", "coo"],
)
@pytest.mark.parametrize("columns", [6, -1, [6], (-1,), np.array([6]), [6, -1]], ids=repr)
def test_sensitive_columns_by_number(make, columns):
    X, y, group = make_lending(300)
    code = (group == "b") * 1.0
    model = FEAMOEClassifier(sensitive_columns=columns, random_state=0)
    model.partial_fit(make(X, code), y, [0, 1])
    model.partial_fit(make(X, code), y)
    assert sorted(model.groups_) == ["0", "1"]
    assert model.expert_coef_.shape[2] == 6
    np.testing.assert_allclose(model.predict_proba(make(X, code)), model.predict_proba(X))


def test_lists_with_text_hold_sensitive_columns():
    X, y, group = make_lending(100)
    table = [[name, *row] for name, row in zip(group, X.tolist(), strict=True)]
    model = FEAMOEClassifier(sensitive_columns=0, random_state=0)
    model.partial_fit(table, y, [0, 1])
    assert sorted(model.groups_) == ["a", "b"]
    np.testing.assert_array_equal(model.predict(table), model.predict(X))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("seks", "'seks', which is not a column of X"),
        (9, "column number 9, but X has 6 columns"),
        (-7, "column number -7"),
        ([], "at least one column"),
        ([0.5], "names or numbers"),
        ([True], "names or numbers"),
        (list(range(6)), "names every column"),
    ],
    ids=repr,
)
def test_bad_sensitive_columns(columns, words):
    X, y, _ = make_lending(50)
    table = pd.DataFrame(X, columns=list("uvwxyz"))
    model = FEAMOEClassifier(sensitive_columns=columns)
    for learn, known in (("fit", {}), ("partial_fit", {"classes": [0, 1]})):
        with pytest.raises(ValueError, match=words):
            getattr(model, learn)(table, y, **known)
    assert set(vars(model)) == set(model.get_params())


def test_privileged_group_by_its_value():
    X, y, group = make_lending(2000)
    base = {"control": "schedule", "penalty_increment": 0.05, "growth_interval": 300}
    number = (group == "a").astype(int)
    default = stream(FEAMOEClassifier(**base, random_state=0), X, y, number)
    given = stream(FEAMOEClassifier(**base, privileged_group=1, random_state=0), X, y, number)
    other = stream(FEAMOEClassifier(**base, privileged_group=0, random_state=0), X, y, number)
    np.testing.assert_allclose(default.predict_proba(X), given.predict_proba(X), atol=0.02)
    assert np.abs(other.predict_proba(X) - given.predict_proba(X)).max() > 0.05


def test_a_privileged_group_that_never_appears_is_not_another_one():
    X, y, group = make_lending(1500)
    base = {"control": "schedule", "penalty_increment": 0.3, "growth_interval": 300}
    models = [
        FEAMOEClassifier(**base, privileged_group="nobody", random_state=0).partial_fit(
            X[:2], y[:2], [0, 1], sensitive_features=order, sample_weight=np.zeros(2)
        )
        for order in (["a", "b"], ["b", "a"])
    ]
    with pytest.warns(FairnessWarning, match="privileged_group='nobody' is none of the groups"):
        one, other = (stream(model, X, y, group) for model in models)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("name", ["A", "b & a", 0, None])
def test_fit_refuses_a_privileged_group_that_nobody_is_of(name):
    X, y, group = make_lending(600)
    base = {"control": "schedule", "max_iter": 1, "random_state": 0}
    model = FEAMOEClassifier(**base, privileged_group=name)
    if name is None:
        model.fit(X, y, sensitive_features=group)
        return
    with pytest.raises(ValueError, match=r"privileged_group=.* one of the groups \['b', 'a'\]|"
                       r"privileged_group=.* one of the groups \['a', 'b'\]"):  # fmt: skip
        model.fit(X, y, sensitive_features=group)
    assert not hasattr(model, "classes_")
    model.set_params(control="bound").fit(X, y, sensitive_features=group)


def test_an_unknown_privileged_group_of_a_stream_is_told_once():
    X, y, group = make_lending(3000)
    base = {"control": "schedule", "growth_interval": 300, "random_state": 0}
    model = FEAMOEClassifier(**base, privileged_group="c")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        stream(model, X, y, group)
    assert len(told) == 1
    assert "privileged_group='c' is none of the groups that have come" in str(told[0].message)
    assert not model._model.monitor.weights.any()
    model = pickle.loads(pickle.dumps(model))
    model.partial_fit(X[:100], y[:100], sensitive_features=group[:100])
    model.partial_fit(X[:100], y[:100], sensitive_features=["c"] * 100)
    model.partial_fit(X[:100], y[:100], sensitive_features=group[:100])
    assert model._model.monitor.weights.any()
    model.set_params(privileged_group="d")
    with pytest.warns(FairnessWarning, match="privileged_group='d'"):
        model.partial_fit(X[:100], y[:100], sensitive_features=group[:100])


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_a_value_for_everybody_is_refused_with_the_remedy(learn):
    X, y, group = make_lending(600)
    for values in (np.arange(600), X[:, 0], np.linspace(18, 90, 600).round(1)):
        model = FEAMOEClassifier(random_state=0)
        options = {} if learn == "fit" else {"classes": [0, 1]}
        with pytest.raises(ValueError, match=r"different values in 600 rows.*sensitive_bins"):
            getattr(model, learn)(X, y, sensitive_features=values, **options)
        assert not hasattr(model, "classes_")
    model = FEAMOEClassifier(random_state=0).fit(X, y, sensitive_features=group)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=r"sensitive_bins"):
        model.partial_fit(X, y, sensitive_features=np.arange(600))
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(("n_rows", "n_groups"), [(20, 2), (60, 20), (200, 30)])
def test_groups_that_are_too_small_to_compare_are_told(n_rows, n_groups):
    X, y, _ = make_lending(n_rows)
    with pytest.warns(FairnessWarning, match=r"the largest have '0' \d+, '1' \d+"):
        FEAMOEClassifier(random_state=0).fit(
            X, y, sensitive_features=np.arange(n_rows) % n_groups
        )

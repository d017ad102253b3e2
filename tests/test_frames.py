"""pandas, polars, pyarrow and NumPy tables give the same results, bit for bit."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lending import make_lending

from skfeamoe import FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe.inspection import explain_gap
from skfeamoe.metrics import burden_difference
from skfeamoe.streaming import StreamBatch, StreamMonitor, monitor, prequential

pa = pytest.importorskip("pyarrow", reason="pyarrow is of the extra demo")

NAMES = list("uvwxyz")


def polars_frame(columns):
    return pl.DataFrame({name: values.tolist() for name, values in columns.items()})


def arrow_table(columns):
    return pa.table({name: pa.array(values.tolist()) for name, values in columns.items()})


def chunked_table(columns):
    table = arrow_table(columns)
    return pa.concat_tables([table[:17], table[17:400], table[400:]])


TABLES = {
    "pandas": pd.DataFrame,
    "pandas of blocks": lambda columns: pd.DataFrame(
        np.column_stack(list(columns.values())), columns=list(columns)
    ),
    "polars": polars_frame,
    "pyarrow": arrow_table,
    "pyarrow in chunks": chunked_table,
    "Fortran order": lambda columns: np.asfortranarray(np.column_stack(list(columns.values()))),
}
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
FRAMES = {name: TABLES[name] for name in ("pandas", "polars", "pyarrow")}
every_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


@pytest.fixture(scope="module")
def lending():
    X, y, group = make_lending(900, n_groups=3)
    return X, y, group, np.random.default_rng(1).uniform(0.5, 2.0, len(y))


def named(X):
    return dict(zip(NAMES, X.T, strict=True))


def column(frame, values):
    """One column in the library of ``frame``."""
    whole = frame({"one": np.asarray(values)})
    return (
        whole["one"] if hasattr(whole, "__getitem__") and hasattr(whole, "columns") else values
    )


def model(**parameters):
    base = {"difference_bound": 0.3, "growth_interval": 200, "random_state": 0}
    return FEAMOEClassifier(**(base | parameters))


METHODS = [
    *("predict", "predict_proba", "predict_log_proba", "decision_function"),
    *("gate_proba", "expert_proba", "distance_to_boundary"),
]


def outcomes(fitted, rows, few):
    """What all methods give; explanations of a few rows by themselves."""
    found = {name: getattr(fitted, name)(rows) for name in METHODS}
    explanation = fitted.explain(few, background=few, max_evals=200, random_state=0)
    return found | {"values": explanation.values, "base": explanation.base_values}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@every_table
@pytest.mark.parametrize("expert", ["logistic", "mlp"])
def test_every_method_gives_the_same_bits(table, expert, lending):
    X, y, group, weight = lending
    direct = model(expert=expert)
    direct.fit(X, y, sensitive_features=group, sample_weight=weight)
    rows = table(named(X))
    given = (column(table, v) for v in (y, group, weight))
    labels, groups, weights = given
    learned = model(expert=expert)
    learned.fit(rows, labels, sensitive_features=groups, sample_weight=weights)
    few = table(named(X[:3]))
    assert_same(outcomes(learned, rows, few), outcomes(direct, X, X[:3]))
    assert learned.score(rows, labels) == direct.score(X, y)
    assert learned.group_gaps_ == direct.group_gaps_
    if not isinstance(rows, np.ndarray):
        assert list(learned.feature_names_in_) == NAMES


@every_table
def test_a_stream_gives_the_same_bits(table, lending):
    X, y, group, weight = lending
    direct, learned = model(), model()
    for start in range(0, 900, 90):
        part = slice(start, start + 90)
        direct.partial_fit(
            X[part], y[part], [0, 1], sensitive_features=group[part], sample_weight=weight[part]
        )
        learned.partial_fit(
            table(named(X[part])),
            column(table, y[part]),
            [0, 1],
            sensitive_features=column(table, group[part]),
            sample_weight=column(table, weight[part]),
        )
    np.testing.assert_array_equal(
        learned.predict_proba(table(named(X))), direct.predict_proba(X)
    )


@every_frame
def test_sensitive_features_of_any_library_name_the_same_groups(frame, lending):
    X, y, group, _ = lending
    ages = np.where(np.arange(900) % 5, np.arange(900) % 3, np.nan)
    direct = model().fit(X, y, sensitive_features=np.column_stack([group.astype(object), ages]))
    learned = model().fit(X, y, sensitive_features=frame({"g": group, "age": ages}))
    assert list(learned.groups_) == list(direct.groups_)
    assert learned.group_gaps_ == direct.group_gaps_
    gap = explain_gap(learned, X[:100], frame({"g": group[:100]}), background=X[:20])
    expected = explain_gap(direct, X[:100], group[:100], background=X[:20])
    np.testing.assert_array_equal(gap.values, expected.values)


@every_frame
def test_sensitive_columns_are_found_in_any_library(frame, lending):
    X, y, group, _ = lending
    direct = model().fit(X, y, sensitive_features=group)
    learned = model(sensitive_columns="sex").fit(frame({"sex": group, **named(X)}), y)
    assert list(learned.groups_) == list(direct.groups_)
    expected = direct.predict_proba(X)
    for columns in ({"sex": group, **named(X)}, named(X)):
        np.testing.assert_array_equal(learned.predict_proba(frame(columns)), expected)


@every_frame
def test_streams_and_measures_take_any_library(frame, lending):
    X, y, group, weight = lending
    fitted = model().fit(pd.DataFrame(named(X)), y, sensitive_features=group)
    decided = fitted.predict(frame(named(X)))

    def run(rows, labels, groups, weights):
        batch = StreamBatch(rows, labels, groups, weights)
        return prequential({"m": fitted}, [batch], train=False, classes=[0, 1]).table

    pd.testing.assert_frame_equal(
        run(frame(named(X)), column(frame, y), frame({"g": group}), column(frame, weight)),
        run(pd.DataFrame(named(X)), y, pd.DataFrame({"g": group}), weight),
    )
    pd.testing.assert_frame_equal(
        monitor(
            column(frame, y), column(frame, decided), sensitive_features=column(frame, group)
        ).table,
        monitor(y, decided, sensitive_features=group).table,
    )
    distance = fitted.distance_to_boundary(frame(named(X)))
    assert burden_difference(
        y, decided, sensitive_features=frame({"g": group}), distance=distance
    ) == burden_difference(y, decided, sensitive_features=group, distance=distance)


@every_frame
def test_the_three_expert_system_takes_any_library(frame, lending):
    X, y, group, _ = lending
    few = {"max_iter": 2, "gate_max_iter": 1, "cv": 2}
    direct, learned = (PolicyGatedMoEClassifier(random_state=0, **few) for _ in range(2))
    direct.fit(X, y, sensitive_features=group)
    learned.fit(frame(named(X)), column(frame, y), sensitive_features=column(frame, group))
    np.testing.assert_array_equal(
        learned.predict_proba(frame(named(X))), direct.predict_proba(X)
    )


def test_text_dates_and_dictionaries_of_arrow_name_groups_like_pandas():
    X, y, _ = make_lending(600)
    days = np.array(["2014-01-02", "2015-01-02"], dtype="datetime64[D]")[np.arange(600) % 2]
    flags = np.where(np.arange(600) % 7, "yes", None)
    expected = model().fit(X, y, sensitive_features=pd.DataFrame({"d": days, "f": flags}))
    encoded = pa.table({"d": days, "f": pa.array(flags).dictionary_encode()})
    learned = model().fit(X, y, sensitive_features=encoded)
    assert list(learned.groups_) == list(expected.groups_)
    assert learned.group_gaps_ == expected.group_gaps_
    chunks = pa.chunked_array(
        [pa.array(flags[:9]).dictionary_encode(), pa.array(flags[9:]).dictionary_encode()]
    )
    single = model(constraints=None).fit(X, y, sensitive_features=chunks)
    assert list(single.groups_) == ["yes"]


LAZY = "got a lazy polars"


def test_lazy_frames_are_refused_with_the_remedy(lending):
    X, y, group, _ = lending
    lazy = pl.DataFrame(named(X)).lazy()
    groups = pl.DataFrame({"g": group}).lazy()
    fitted = model().fit(X, y, sensitive_features=group)
    for X_, y_, groups_, name in [
        (lazy, y, group, "X"),
        (X, pl.DataFrame({"y": y}).lazy(), group, "y"),
        (X, y, groups, "sensitive_features"),
    ]:
        for learn in (model().fit, partial(model().partial_fit, classes=[0, 1])):
            with pytest.raises(TypeError, match=rf"{name} must hold its rows, {LAZY}.*collect"):
                learn(X_, y_, sensitive_features=groups_)
    for method in (*METHODS, "explain"):
        with pytest.raises(TypeError, match=LAZY):
            getattr(fitted, method)(lazy)
    with pytest.raises(TypeError, match=LAZY):
        model(sensitive_columns="u").fit(lazy, y)
    with pytest.raises(TypeError, match=LAZY):
        fitted.explain(X[:3], background=lazy)
    with pytest.raises(TypeError, match=LAZY):
        explain_gap(fitted, X[:100], groups)
    with pytest.raises(TypeError, match=LAZY):
        StreamMonitor(classes=[0, 1]).update(y, y, groups)

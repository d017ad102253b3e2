"""A cluster learns what one machine learns, whatever shards and workers do."""

import os
import signal
import threading

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from fairlearn.metrics import (
    demographic_parity_difference,
    equalized_odds_difference,
    selection_rate,
)
from lending import make_lending
from raw_tables import make_table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import FrontierDisplay, explain_gap
from skfeamoe.streaming import StreamMonitor, fit_experts

pytest.importorskip("distributed", reason="distributed is of the extra distributed")

import dask
import dask.array as da
import dask.dataframe as dd
import joblib
from distributed import Client, LocalCluster

import skfeamoe.distributed as sd
from skfeamoe.distributed import _rounds, _shards
from skfeamoe.distributed._merge import region_scores

sync = {"scheduler": "sync"}


def two_processes():
    return LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )


@pytest.fixture(scope="module")
def client():
    with two_processes() as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def thread_client():
    with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
        yield client


@pytest.fixture(scope="module")
def credit():
    stream = make_credit_stream(16_000, drift=None, random_state=0)
    X, y, group = stream.data, stream.target, np.asarray(stream.sensitive_features)
    return (X[:12_000], y[:12_000], group[:12_000]), (X[12_000:], y[12_000:], group[12_000:])


def shards_of(parts, order, n_shards):
    rows = np.array_split(order, n_shards)
    return [
        [part.iloc[r] if hasattr(part, "iloc") else part[r] for r in rows] for part in parts
    ]


def quality(model, rows):
    X, y, group = rows
    decided = model.predict(X)
    gap = demographic_parity_difference(y, decided, sensitive_features=group)
    return (decided == y).mean(), gap


# ------------------------------------------------------------------------- fit


@pytest.mark.slow
@pytest.mark.parametrize("bound", [None, 0.05])
@pytest.mark.parametrize("shards", ["random", "sorted by group", "sorted by label"])
def test_a_cluster_learns_what_one_machine_learns(client, credit, shards, bound):
    train, test = credit
    parameters = {"constraints": None} if bound is None else {"difference_bound": bound}
    alone = FEAMOEClassifier(random_state=0, **parameters)
    alone.fit(train[0], train[1], sensitive_features=train[2])
    key = {"random": np.zeros(12_000), "sorted by group": train[2], "sorted by label": train[1]}
    X, y, group = shards_of(train, np.argsort(key[shards], kind="stable"), 6)
    together = FEAMOEClassifier(random_state=0, **parameters)
    sd.fit(together, X, y, sensitive_features=group, client=client)
    accuracy, gap = quality(together, test)
    expected, expected_gap = quality(alone, test)
    assert accuracy > expected - 0.015
    if bound is not None:
        assert gap < max(bound, expected_gap) + 0.02
    assert together.n_samples_seen_ == alone.n_samples_seen_
    assert together.background_.shape == alone.background_.shape
    assert list(together.feature_names_in_) == list(train[0].columns)
    assert set(together.groups_) == set(alone.groups_) == ({*train[2]})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_a_worker_that_dies_in_mid_round_changes_nothing(client, credit):
    (X, y, group), _ = credit
    X = X.to_numpy()
    shards = [dask.delayed(lambda part: part)(part) for part in np.array_split(X, 4)]
    parts = {
        "y": np.array_split(y, 4),
        "sensitive_features": np.array_split(group, 4),
        "rows_per_round": 500,
    }
    base = FEAMOEClassifier(random_state=0, max_iter=2)
    unbroken = sd.fit(base, shards, **parts, client=client)
    killed = []
    with two_processes() as cluster, Client(cluster) as other:

        def kill_soon(event):
            if event["round"] == 4:
                pid = next(iter(other.run(os.getpid).values()))
                killed.append(pid)
                threading.Timer(0.01, os.kill, (pid, signal.SIGKILL)).start()

        broken = sd.fit(
            FEAMOEClassifier(random_state=0, max_iter=2),
            shards,
            **parts,
            client=other,
            after_round=kill_soon,
        )
        alive = set(other.run(os.getpid).values())
    assert len(killed) == 1
    assert killed[0] not in alive
    np.testing.assert_array_equal(broken.predict_proba(X), unbroken.predict_proba(X))
    assert broken.n_samples_seen_ == unbroken.n_samples_seen_ == 2 * len(y)
    assert broken.group_gaps_ == unbroken.group_gaps_


def fit_in_shards(client, model, rows, *parts):
    """The model after a fit on shards of so many rows of X, y and the groups."""
    X, y, group = ([part[own] for own in rows] for part in parts)
    return sd.fit(model, X, y, sensitive_features=group, client=client)


def test_reported_gaps_are_those_of_all_people(thread_client):
    X, y, group = make_lending(3000, n_groups=3)
    rows = np.array_split(np.argsort(group, kind="stable"), 5)
    model = FEAMOEClassifier(
        ["demographic_parity", "equalized_odds"], difference_bound=0.2, random_state=0
    )
    fit_in_shards(thread_client, model, rows, X, y, group)
    decided = model.predict(X)
    expected = {
        "demographic_parity": demographic_parity_difference(
            y, decided, sensitive_features=group
        ),
        "equalized_odds": equalized_odds_difference(y, decided, sensitive_features=group),
    }
    assert model.group_gaps_ == pytest.approx(expected, abs=1e-12)
    model.partial_fit(X[:100], y[:100], sensitive_features=group[:100])
    assert model.n_samples_seen_ == model.n_iter_ * 3000 + 100


def test_frames_with_named_columns_are_arrays_in_shards(thread_client):
    X, y, group = make_lending(1200)
    frame = pd.DataFrame(X, columns=list("uvwxyz")).assign(paid=y, sex=group, weight=1.5)
    parameters = {"difference_bound": 0.4, "random_state": 0}
    whole = sd.fit(
        FEAMOEClassifier(**parameters),
        dd.from_pandas(frame, npartitions=3),
        "paid",
        sensitive_features=["sex"],
        sample_weight="weight",
        client=thread_client,
    )
    pieces = [slice(start, start + 400) for start in (0, 400, 800)]
    parts = sd.fit(
        FEAMOEClassifier(**parameters),
        [X[piece] for piece in pieces],
        [y[piece] for piece in pieces],
        sensitive_features=[group[piece] for piece in pieces],
        sample_weight=[np.full(400, 1.5)] * 3,
        client=thread_client,
        classes=[0, 1],
    )
    np.testing.assert_array_equal(
        whole.predict_proba(frame[list("uvwxyz")]), parts.predict_proba(X)
    )
    assert list(whole.feature_names_in_) == list("uvwxyz")


def test_labels_count_for_the_people_whose_labels_are_not_seen(thread_client):
    X, y, group = make_lending(3000)
    rng = np.random.default_rng(0)
    chance = np.where(y == 1, np.where(X[:, 0] > 0, 0.2, 0.4), 0.9)
    told = np.where(rng.random(len(y)) < chance, y.astype(float), np.nan)
    frame = pd.DataFrame(X, columns=list("uvwxyz"))
    frame = frame.assign(paid=told, sex=group, seen=chance).iloc[np.argsort(group)]
    found = {}
    for propensity in ("seen", None):
        table = frame if propensity else frame.drop(columns="seen")
        model = FEAMOEClassifier("equal_opportunity", difference_bound=0.2, random_state=0)
        sd.fit(
            model,
            dd.from_pandas(table, npartitions=4, sort=False),
            "paid",
            sensitive_features="sex",
            propensity=propensity,
            client=thread_client,
        )
        found[propensity] = model
    one = FEAMOEClassifier("equal_opportunity", difference_bound=0.2, random_state=0)
    plain = frame[list("uvwxyz")].loc[np.arange(len(y))]
    one.fit(plain, told, sensitive_features=group, propensity=chance)
    proba = [model.predict_proba(plain)[:, 1].mean() for model in (*found.values(), one)]
    assert abs(proba[0] - proba[2]) < 0.02 < 0.1 < proba[0] - proba[1]
    decided, seen = found["seen"].predict(plain), told == 1
    rates = [
        np.average(decided[seen & (group == a)], weights=1 / chance[seen & (group == a)])
        for a in np.unique(group)
    ]
    gap = found["seen"].group_gaps_["equal_opportunity"]
    assert gap == pytest.approx(max(rates) - min(rates), abs=1e-12)


def test_networks_and_several_classes_learn_in_rounds(thread_client):
    X, y, _ = make_lending(1500, n_classes=3)
    seen = []
    model = FEAMOEClassifier(
        None, expert="mlp", hidden_layer_sizes=(8,), max_iter=3, random_state=0
    )
    sd.fit(
        model,
        np.array_split(X, 3),
        np.array_split(y, 3),
        client=thread_client,
        rows_per_round=250,
        after_round=seen.append,
    )
    assert [event["rows_learned"] for event in seen] == list(range(750, 4501, 750))
    assert model.n_experts_ > 1
    assert model.score(X, y) > 0.5
    with pytest.warns(FairnessWarning, match="inactive"):
        sd.fit(FEAMOEClassifier(max_iter=1), [X], [y], client=thread_client)


def test_a_mean_weighs_parts_by_their_rows_in_any_grouping():
    X, y, _ = make_lending(600)
    start = FEAMOEClassifier(None, random_state=0).partial_fit(X[:64], y[:64], [0, 1])
    settings = start._stream_settings(start._model)
    rows = start._continue(X, y, None, None, None)[1]
    rows = rows.with_columns(start._model.terms.transform(rows.X))
    bare = _rounds.traveling(start._model)
    sizes = np.split(np.arange(600), [100, 150, 400])
    plan = _rounds.Plan(0, 0, 0, 0, 1)
    parts = [
        _rounds.learn_round(rows.take(size), plan, common=(bare, settings)) for size in sizes
    ]
    mean = _rounds.mean_part(parts)
    weights = np.array([len(size) for size in sizes]) / 600
    expected = sum(w * part.ensemble.params for w, part in zip(weights, parts, strict=True))
    np.testing.assert_allclose(mean.ensemble.params, expected, rtol=1e-12)
    grouped = _rounds.mean_part([_rounds.mean_part(parts[:2]), _rounds.mean_part(parts[2:])])
    np.testing.assert_allclose(grouped.ensemble.average, mean.ensemble.average, rtol=1e-10)
    assert mean.clock.n_samples_seen == grouped.clock.n_samples_seen == 600


@pytest.mark.parametrize(
    ("parameters", "arguments", "message"),
    [
        ({"control": "schedule"}, {}, 'control="schedule" penalizes row after row'),
        ({"growth": "drift"}, {}, 'growth="drift" watches a stream in its order'),
        ({}, {"rows_per_round": 0}, "rows_per_round must be 'auto' or a number"),
        ({}, {"y": [[0, 1]]}, "y comes in 1 pieces and X in 2"),
        ({}, {"X": np.eye(2)}, "X must be a Dask DataFrame, Series or Array, or a list"),
        ({}, {"y": "paid"}, "takes a Dask DataFrame for X"),
        ({}, {"X": [np.eye(4), np.eye(4)[:, :3]]}, "shard 1 has other columns than shard 0"),
    ],
)
def test_errors_name_the_way_out(thread_client, parameters, arguments, message):
    given = {"X": [np.eye(4), np.eye(4)], "y": [[0, 1, 0, 1]] * 2, "client": thread_client}
    model = FEAMOEClassifier(**parameters)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        sd.fit(model, **(given | arguments))
    assert vars(model) == before


def test_sensitive_columns_of_shards_are_the_same(thread_client):
    X, y, group = make_lending(400)
    old = np.where(np.arange(400) % 3 == 0, "yes", "no")
    table = pd.DataFrame({"sex": group, "old": old})
    halves = [slice(0, 200), slice(200, 400)]
    rows = [[part[half] for half in halves] for part in (X, y)]
    model = FEAMOEClassifier(max_iter=1, random_state=0)
    exchanged = [table[:200], table[["old", "sex"]][200:]]
    with pytest.raises(ValueError, match=r"shard 1 has the sensitive columns .* in one order"):
        sd.fit(model, *rows, sensitive_features=exchanged, client=thread_client)
    sd.fit(model, *rows, sensitive_features=[None, table[200:]], client=thread_client)
    assert len(model.groups_) == 4
    model.partial_fit(X, y, sensitive_features=table[["old", "sex"]])
    assert len(model.groups_) == 4
    mixed = [rows[1][0], np.array(["no", "yes"])[rows[1][1]]]
    with pytest.raises(ValueError, match="text in some shards and numbers in others"):
        sd.fit(model, rows[0], mixed, client=thread_client)


# ----------------------------------------------------------------------- merge


def region(side, n_samples, seed, group):
    """Rows of one side of the first feature, each with a rule of its own."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 4))
    X[:, 0] = side * np.abs(X[:, 0]) + side
    y = (side * X[:, 1] + 0.3 * rng.normal(size=n_samples) > 0).astype(int)
    return X, y, np.where(rng.random(n_samples) < 0.5, group, "c")


def test_merged_models_serve_their_own_regions():
    rows = [region(-1, 2000, 0, "a"), region(1, 3000, 1, "b")]
    models = [
        FEAMOEClassifier(None, random_state=k).fit(X, y, sensitive_features=group)
        for k, (X, y, group) in enumerate(rows)
    ]
    merged = sd.merge(models)
    X, y = (np.concatenate([part[j] for part in rows]) for j in (0, 1))
    own = np.concatenate(
        [m.predict_proba(part[0]) for m, part in zip(models, rows, strict=True)]
    )
    off = np.abs(merged.predict_proba(X) - own)
    assert off.mean() < 0.01
    far = np.abs(X[:, 0]) > 1.2  # regions meet between -1 and 1, where the gate turns
    assert off[far].max() < 0.05
    assert off.max() < 0.15
    assert (
        merged.score(X, y)
        > 0.88
        > FEAMOEClassifier(None, growth=None, random_state=0).fit(X, y).score(X, y)
    )
    assert merged.n_samples_seen_ == sum(m.n_samples_seen_ for m in models)
    assert merged.n_experts_ == sum(m.n_experts_ for m in models) <= merged.max_experts
    assert list(merged.groups_) == list(dict.fromkeys([*models[0].groups_, *models[1].groups_]))
    mean = np.average([m._model.terms.mean for m in models], axis=0, weights=[2000, 3000])
    np.testing.assert_allclose(merged._model.terms.mean, mean, atol=1e-12)
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-3)  # rows far out count as less
    share = (merged.background_[:, 0] > 0).mean()
    assert share == pytest.approx(0.6, abs=0.06)
    merged.partial_fit(X[:200], y[:200])


def alone(X, y, group, name):
    """A model fitted on one group, which is told that it can compare nobody."""
    own = group == name
    model = FEAMOEClassifier(difference_bound=0.05, random_state=0)
    with pytest.warns(FairnessWarning, match="are inactive: only the group"):
        return model.fit(X[own], y[own], sensitive_features=group[own])


def test_models_of_one_group_each_keep_the_bound_together():
    X, y, group = make_lending(4000, noise=0.5)
    parts = [alone(X, y, group, name) for name in "ab"]
    merged = sd.merge(parts)
    gap = demographic_parity_difference(y, merged.predict(X), sensitive_features=group)
    apart = np.where(group == "a", *(part.predict(X) for part in parts))
    assert gap < 0.08 < demographic_parity_difference(y, apart, sensitive_features=group)
    assert merged.group_gaps_["demographic_parity"] == pytest.approx(gap, abs=0.03)


def test_a_merged_bound_that_acts_on_nobody_is_told():
    X, y, group = make_lending(2000)
    model = alone(X, y, group, "a")
    with pytest.warns(FairnessWarning, match="are inactive: only the group 'a'"):
        sd.merge([model, model])


def test_merged_bounds_that_are_not_kept_are_told():
    parts = []
    for seed in (0, 1):
        X, y, group = make_lending(2000, noise=0.3, seed=seed)
        model = FEAMOEClassifier(difference_bound=0.02, accuracy_floor=0.99, random_state=0)
        with pytest.warns(FairnessWarning, match="is not kept on the training data"):
            parts.append(model.fit(X, y, sensitive_features=group))
    with pytest.warns(FairnessWarning, match="is not kept on the people of all models"):
        sd.merge(parts)


def test_a_cluster_may_keep_no_background(thread_client):
    X, y, group = make_lending(1200)
    rows = np.array_split(np.arange(1200), 4)
    model = FEAMOEClassifier(background_size=0, random_state=0, difference_bound=0.2)
    fit_in_shards(thread_client, model, rows, X, y, group)
    assert len(model.background_) == 0
    assert model.score(X, y) > 0.6


def test_a_model_of_first_experts_learns_on(thread_client):
    X, y, group = make_lending(400)
    model = FEAMOEClassifier(initial_experts=[LogisticRegression().fit(X, y)], random_state=0)
    fit_in_shards(thread_client, model, np.arange(400).reshape(2, 200), X, y, group)
    assert model.partial_fit(X, y, sensitive_features=group).n_samples_seen_ > 400


def test_the_order_of_models_does_not_matter():
    parts = [make_lending(1500, seed=seed) for seed in range(3)]
    models = [
        FEAMOEClassifier(difference_bound=0.2, random_state=k).fit(X, y, sensitive_features=g)
        for k, (X, y, g) in enumerate(parts)
    ]
    X, y, group = make_lending(1000, seed=9)
    forward, backward = sd.merge(models), sd.merge(models[::-1])
    np.testing.assert_allclose(
        backward._model.terms.variance, forward._model.terms.variance, rtol=1e-12
    )
    assert sorted(map(tuple, backward.background_)) == sorted(map(tuple, forward.background_))
    assert backward.n_samples_seen_ == forward.n_samples_seen_
    same = (forward.predict(X) == backward.predict(X)).mean()
    assert same > 0.97
    for merged in (forward, backward):
        assert quality(merged, (X, y, group))[1] < 0.3


def test_region_scores_are_a_softmax_regression_with_offset():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(4000, 3))
    offset = rng.normal(size=(4000, 2))
    true = 1.5 * Z[:, 0] - Z[:, 1] + 0.5
    from_second = rng.random(4000) < 1 / (1 + np.exp(-(true + offset[:, 1] - offset[:, 0])))
    coef, intercept = region_scores(Z, from_second.astype(int), np.ones(4000), offset)
    np.testing.assert_allclose(coef[1] - coef[0], [1.5, -1.0, 0.0], atol=0.15)
    assert intercept[1] - intercept[0] == pytest.approx(0.5, abs=0.15)


def test_models_that_differ_are_refused():
    X, y, group = make_lending(400)
    model = FEAMOEClassifier(difference_bound=0.9).fit(X, y, sensitive_features=group)
    narrow = FEAMOEClassifier(difference_bound=0.9).fit(X[:, 1:], y, sensitive_features=group)
    bare = FEAMOEClassifier(difference_bound=0.9, background_size=0)
    bare.fit(X, y, sensitive_features=group)
    with pytest.raises(ValueError, match="two or more, got 1"):
        sd.merge([model])
    with pytest.raises(ValueError, match=r"models\[1\] differs from models\[0\] in n_features"):
        sd.merge([model, narrow])
    with pytest.raises(ValueError, match="differs from"):
        sd.merge([model, bare])
    with pytest.raises(ValueError, match="kept no background rows"):
        sd.merge([bare, bare])


# ----------------------------------------------------------------- collections


@pytest.fixture(scope="module")
def fitted():
    X, y, group = make_lending(900, n_groups=3)
    frame = pd.DataFrame(X, columns=list("uvwxyz"))
    model = FEAMOEClassifier(difference_bound=0.3, random_state=0)
    return model.fit(frame, y, sensitive_features=group), frame, y, group


def test_partitions_are_scored_where_they_are(fitted):
    model, frame, _, _ = fitted
    rows = dd.from_pandas(frame, npartitions=4)
    proba = sd.predict_proba(model, rows)
    assert proba.npartitions == 4
    assert list(proba.columns) == ["0", "1"]
    found = proba.compute(**sync)
    np.testing.assert_array_equal(found, model.predict_proba(frame))
    pd.testing.assert_index_equal(found.index, frame.index)
    decided = sd.predict(model, rows).compute(**sync)
    np.testing.assert_array_equal(decided, model.predict(frame))
    few = rows[rows["u"] > 1.5]  # some partitions may be empty
    assert len(sd.predict_proba(model, few[few["v"] > 1.0]).compute(**sync)) < 40
    values = sd.explain(model, rows.partitions[0], max_evals=100, random_state=0)
    assert list(values.columns) == [*frame.columns, "base_value"]
    sums = values.compute(**sync).sum(axis=1)
    np.testing.assert_allclose(sums, model.predict_proba(frame[: len(sums)])[:, 1])


def test_blocks_of_arrays_are_scored_where_they_are(fitted):
    _, frame, y, _ = fitted
    X = frame.to_numpy()
    model = FEAMOEClassifier(None, random_state=0).fit(X, y)
    blocks = da.from_array(X, chunks=(200, -1))
    np.testing.assert_array_equal(
        sd.predict_proba(model, blocks).compute(**sync), model.predict_proba(X)
    )
    assert sd.predict(model, blocks).compute(**sync).tolist() == model.predict(X).tolist()
    with pytest.raises(ValueError, match="rechunk"):
        sd.predict_proba(model, blocks.rechunk((200, 3)))
    with pytest.raises(ValueError, match="must be a Dask DataFrame or Array, got ndarray"):
        sd.predict(model, X)


@pytest.mark.parametrize("n_blocks", [1, 3, 20])
def test_group_metrics_are_those_of_fairlearn(fitted, n_blocks):
    model, frame, y, group = fitted
    decided = model.predict(frame)
    group = np.where(np.arange(900) % 9 == 0, None, group)
    size = -(-900 // n_blocks)
    parts = [da.from_array(y, size), da.from_array(decided, size)]
    names = dd.from_pandas(pd.Series(group), chunksize=size, sort=False)
    found = sd.group_metrics(*parts, names).compute(**sync)
    known = group != None  # noqa: E711
    arguments = {"sensitive_features": group[known].astype(str)}
    for measure in (demographic_parity_difference, equalized_odds_difference):
        expected = measure(y[known], decided[known], **arguments)
        assert found[measure.__name__] == pytest.approx(expected)
    assert found["accuracy"] == pytest.approx((y == decided).mean())
    for name, rate in found["groups"]["selection_rate"].items():
        of_group = group == name
        assert rate == pytest.approx(selection_rate(y[of_group], decided[of_group]))


def measured(y, decided, group, size=3, **options):
    """`group_metrics` of arrays in partitions of three rows."""
    parts = [da.from_array(np.asarray(part), size) for part in (y, decided, group)]
    return sd.group_metrics(*parts, **options).compute(**sync)


@pytest.mark.parametrize("name", ["y_true", "y_pred"])
@pytest.mark.parametrize("missing", [np.nan, None])
def test_missing_labels_are_refused_where_they_were_classes_of_their_own(name, missing):
    rows = {"y_true": [0, 1, 1, 0], "y_pred": [0, 1, 0, 0]}
    rows[name] = np.array([0, 1, 1, missing], dtype=object if missing is None else float)
    with pytest.raises(ValueError, match=rf"{name} \(of partition 1\) must have a label in e"):
        measured(rows["y_true"], rows["y_pred"], list("ffmm"))


def test_of_one_label_alone_the_favorable_one_must_be_told():
    """0 counted as favorable where nobody was granted and nobody repaid."""
    y, decided, group = [0, 0, 0, 0], [0, 0, 0, 0], list("ffmm")
    with pytest.raises(ValueError, match=r"at least two labels, got \[0\] from the rows; pass"):
        measured(y, decided, group)
    for told in ({"classes": [0, 1]}, {"favorable_label": 1}):
        found = measured(y, decided, group, **told)
        assert found["groups"]["selection_rate"].tolist() == [0.0, 0.0]
        assert found["demographic_parity_difference"] == 0.0
        assert found["accuracy"] == 1.0
    with pytest.raises(ValueError, match=r"must be one of the classes \[0\], got 'yes'"):
        measured(y, decided, group, favorable_label="yes")
    refused = measured(y, [0, 1, 0, 0], group, favorable_label=0, classes=(0, 1, 2))
    assert refused["groups"]["selection_rate"].tolist() == [0.5, 1.0]


def test_labels_and_classes_that_do_not_agree_are_refused():
    y, group = [0, 1, 1, 0], list("ffmm")
    with pytest.raises(ValueError, match=r"hold the labels \[1\], not in classes=\[0, 2\]"):
        measured(y, y, group, classes=[0, 2])
    with pytest.raises(ValueError, match=r"one of the classes \[0, 1\], got 'yes'"):
        measured(y, y, group, favorable_label="yes")
    with pytest.raises(ValueError, match="labels of one kind, got text beside numbers"):
        measured(y, ["no", "yes", "no", "no"], group)
    short = [da.from_array(np.array(part), 2) for part in (y, group)]
    found = sd.group_metrics(da.from_array(np.array(y), ((3, 1),)), *short)
    with pytest.raises(ValueError, match=r"got . and 2 in partition .; rechunk"):
        found.compute(**sync)
    with pytest.raises(ValueError, match="y_true has no rows in any partition"):
        measured(y[:0], y[:0], group[:0])


def test_an_empty_shard_is_named(client):
    frame = dd.from_pandas(pd.DataFrame({"u": np.arange(8.0), "y": [0, 1] * 4}), npartitions=4)
    few = frame[(frame["u"] < 4) | (frame["u"] > 5)]
    model = FEAMOEClassifier(None, max_iter=1, random_state=0)
    for classes in (None, [0, 1]):
        with pytest.raises(ValueError, match=r"shard 2 of X \(counted from 0\) has no rows"):
            sd.fit(model, few[["u"]], few["y"], classes=classes, client=client)
    left = few.partitions[[0, 1, 3]]
    assert sd.fit(model, left[["u"]], left["y"], client=client).n_features_in_ == 1


@pytest.mark.parametrize("n_blocks", [1, 4, 20])
def test_what_drives_the_gap_is_the_same_in_partitions(fitted, n_blocks):
    model, frame, _, group = fitted
    rows, size = frame[:200], -(-200 // n_blocks)
    group = pd.Series(np.where(np.arange(200) % 9 == 0, None, group[:200]))
    options = {"background": frame[:30], "method": "exact"}
    expected = explain_gap(model, rows, group, **options)
    X = dd.from_pandas(rows, chunksize=size, sort=False)
    groups = dd.from_pandas(group, chunksize=size, sort=False)
    few = X[X["u"] > -9.0]  # as a filter leaves it
    found = sd.explain_gap(model, few, groups, **options).compute(**sync)
    order = [found.groups.index(name) for name in expected.groups]
    assert found.groups == sorted(expected.groups)
    for name in ("values", "standard_error", "gap", "gap_standard_error", "base_value"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-8)
    for name in ("n_samples", "mean_values", "mean_errors", "mean_output"):
        np.testing.assert_allclose(
            getattr(found, name)[order], getattr(expected, name), atol=1e-8
        )
    assert found.n_unknown == expected.n_unknown == 23
    pair = sd.explain_gap(model, X, groups, groups=("b", "a"), **options).compute(**sync)
    assert (pair.groups[pair.highest], pair.groups[pair.lowest]) == ("b", "a")
    with pytest.raises(ValueError, match="must have the same partitions"):
        sd.explain_gap(model, X, groups.repartition(npartitions=2 if n_blocks == 1 else 1))


def test_ages_of_a_gap_are_cut_as_the_model_cuts_them(fitted):
    _, frame, y, _ = fitted
    age = pd.Series(np.random.default_rng(0).integers(18, 80, 400))
    model = FEAMOEClassifier(sensitive_bins=[50], max_iter=2, random_state=0)
    model.fit(frame[:400], y[:400], sensitive_features=age)
    X, ages = (dd.from_pandas(a, npartitions=3) for a in (frame[:400], age))
    found = sd.explain_gap(model, X, ages, background=frame[:30]).compute(**sync)
    expected = explain_gap(model, frame[:400], age, background=frame[:30])
    assert found.groups == sorted(expected.groups) == ["50 and above", "below 50"]
    assert found.gap == pytest.approx(expected.gap)


def test_raw_tables_are_explained_where_they_are():
    frame, y, group = make_table(600)
    model = FEAMOEClassifier(None, expert="additive", max_iter=2, random_state=0).fit(frame, y)
    rows = dd.from_pandas(frame[:30], npartitions=3)
    few = rows[rows["age"] > 60]
    values = sd.explain(model, few, background=frame[:20], max_evals=100, random_state=0)
    assert list(values.columns) == [*frame.columns, "base_value"]
    sums = values.compute(**sync).sum(axis=1)
    kept = frame[:30][frame[:30]["age"] > 60]
    np.testing.assert_allclose(sums, model.predict_proba(kept)[:, 1])
    gap = sd.explain_gap(
        model, rows, dd.from_pandas(pd.Series(group[:30]), npartitions=3), max_evals=100
    ).compute(**sync)
    assert gap.values.sum() == pytest.approx(gap.gap)


def test_every_partition_is_watched_by_itself():
    pytest.importorskip("river", reason="river is of the extra drift")
    rng = np.random.default_rng(0)
    sex, y = rng.choice(["f", "m"], 6000), rng.integers(2, size=6000)
    made = np.where((sex == "f") & (np.arange(6000) % 3000 > 1500), 0, y)
    log = dd.from_pandas(pd.DataFrame({"sex": sex, "y": y, "made": made}), npartitions=2)
    alarms = sd.monitor(log["y"], log["made"], log["sex"], classes=[0, 1])
    expected = []
    for half in (slice(0, 3000), slice(3000, 6000)):
        watch = StreamMonitor(classes=[0, 1])
        for start in range(half.start, half.stop, 100):
            rows = slice(start, start + 100)
            expected += watch.update(y[rows], made[rows], sex[rows])
    found = alarms.compute(**sync)
    assert found["row"].tolist() == [alarm["row"] for alarm in expected] != []
    assert found["cause"].tolist() == [alarm["cause"] for alarm in expected]


@pytest.mark.slow
def test_a_search_runs_on_the_cluster_unchanged(client):
    X, y, group = make_lending(600)
    search = GridSearchCV(
        FEAMOEClassifier(difference_bound=0.5, max_iter=1, random_state=0),
        {"max_experts": [1, 3]},
        cv=2,
    )
    here = search.fit(X, y, sensitive_features=group).cv_results_["mean_test_score"].copy()
    with client.as_current(), joblib.parallel_config(backend="dask"):
        there = search.fit(X, y, sensitive_features=group).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(here, there)


@pytest.mark.slow
def test_experts_and_frontiers_are_fitted_on_the_cluster_unchanged(client):
    X, y, group = make_lending(600)
    base = FEAMOEClassifier(difference_bound=0.5, max_iter=1, random_state=0)
    shards = [(X[:300], y[:300]), (X[300:], y[300:])]

    def both():
        experts = fit_experts(shards, LogisticRegression())
        display = FrontierDisplay.from_sweep(
            base, X, y, group, bounds=[0.3, 0.6], random_state=0
        )
        (table,) = display.tables.values()
        plt.close("all")
        return [expert.coef_ for expert in experts], table

    coefs, table = both()
    with client.as_current(), joblib.parallel_config(backend="dask"):
        coefs_there, table_there = both()
    np.testing.assert_allclose(coefs, coefs_there, rtol=1e-10)
    pd.testing.assert_frame_equal(table, table_there)


@pytest.fixture(scope="module")
def small():
    """A model of two classes, and its rows as a Dask frame and as a frame."""
    X, y, _ = make_lending(200)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    return FEAMOEClassifier(None, random_state=0).fit(frame, y), frame, y


def test_what_is_no_collection_of_two_classes_is_not_explained_or_watched(small):
    model, frame, y = small
    X = dd.from_pandas(frame, npartitions=2)
    with pytest.raises(ValueError, match="X must be a Dask DataFrame, got DataFrame"):
        sd.explain(model, frame)
    three = FEAMOEClassifier(None, random_state=0).fit(frame, np.arange(200) % 3)
    with pytest.raises(ValueError, match="explain takes models of two classes, got 3"):
        sd.explain(three, X)
    labels = dd.from_pandas(pd.Series(y), npartitions=2)
    for parts, name in (((y, labels), "y_true"), ((labels, y), "y_pred")):
        with pytest.raises(ValueError, match=f"{name} must be a Dask Series, got ndarray"):
            sd.monitor(*parts, labels, classes=[0, 1])
    with pytest.raises(ValueError, match="sensitive_features must be a Dask Series, got list"):
        sd.monitor(labels, labels, ["f"], classes=[0, 1])
    with pytest.raises(ValueError, match=r"must have the same partitions, got \[2, 2, 1\]"):
        sd.monitor(labels, labels, labels.repartition(npartitions=1), classes=[0, 1])
    with pytest.raises(ValueError, match="sensitive_features must be a Dask collection, got n"):
        sd.explain_gap(model, X, np.array(["f", "m"] * 100))
    for name in ("game", "output", "decompose"):
        with pytest.raises(ValueError, match=f"{name} must not be given to explain_gap"):
            sd.explain_gap(model, X, labels, **{name: None})


def test_partitions_without_rows_are_explained_by_no_rows(small):
    model, frame, _ = small
    X = dd.from_pandas(frame[:6], npartitions=1)
    parts = [X, dd.from_pandas(frame[:0], npartitions=1)]
    found = sd.explain(model, dd.concat(parts), background=frame[50:60]).compute(**sync)
    want = model.explain(frame[:6], background=frame[50:60])
    np.testing.assert_allclose(found[list("abcdef")], want.values)


@pytest.mark.parametrize(
    ("X", "more", "message"),
    [
        ([], {"y": []}, "X must have at least one shard, got none"),
        (
            dd.from_pandas(pd.DataFrame({"a": [1.0, 2.0], "t": [0, 1]}), npartitions=1),
            {"y": "target"},
            r"y names \['target'\], which are no columns of X",
        ),
        (da.ones((4, 4), chunks=(2, 2)), {"y": da.ones(4, chunks=2)}, "rechunk it so that"),
        (np.ones((4, 4)), {"y": da.ones(4, chunks=2)}, "X must be a Dask DataFrame, Series or"),
    ],
)
def test_shards_that_are_none_are_refused(X, more, message):
    none = {"sensitive_features": None, "sample_weight": None, "propensity": None}
    with pytest.raises(ValueError, match=message):
        _shards.delayed_shards(X, **none, **more)


def test_models_of_dense_and_of_sparse_rows_are_not_merged(small):
    model, frame, y = small
    X = frame.to_numpy()
    dense, sparse = (
        FEAMOEClassifier(None, random_state=0).partial_fit(rows, y, classes=[0, 1])
        for rows in (X, sp.csr_array(X))
    )
    with pytest.raises(ValueError, match=r"models\[1\] (differs|has learned from sparse X)"):
        sd.merge([dense, sparse])
    with pytest.raises(ValueError, match=r"models\[1\] must be a FEAMOEClassifier, got"):
        sd.merge([model, LogisticRegression()])


def test_fit_needs_a_client_and_a_classifier(monkeypatch):
    def nobody():
        raise ValueError("No clients found")

    monkeypatch.setattr("distributed.default_client", nobody)
    with pytest.raises(ValueError, match="there is no Dask client: make one before"):
        sd.fit(FEAMOEClassifier(None), [np.ones((4, 1))], [np.array([0, 1, 0, 1])])
    with pytest.raises(ValueError, match="model must be a FEAMOEClassifier, got Logistic"):
        sd.fit(
            LogisticRegression(), [np.ones((4, 1))], [np.array([0, 1, 0, 1])], client=object()
        )

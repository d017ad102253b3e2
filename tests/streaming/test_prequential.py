"""Prequential evaluation against slow, obvious recomputation from recorded predictions."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from prequential_streams import Recorder, make_stream
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    roc_auc_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skfeamoe import FEAMOEClassifier
from skfeamoe.metrics import burden_difference
from skfeamoe.streaming import PrequentialEvaluator, StreamBatch, iter_batches, prequential

MEASURES = ["accuracy", "balanced_accuracy", "log_loss", "roc_auc"]
GAPS = [
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equal_opportunity_difference",
    "burden_difference",
]


def recorded(log, favorable):
    """Predictions, probabilities in the order of the stream."""
    parts = [entry for entry in log if entry[0] == "predicted"]
    return np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])


def expected_row(stream, predicted, proba, rows, age, favorable):
    """One row of the table from scikit-learn, fairlearn and skfeamoe.metrics."""
    y, race = stream["y"][rows], stream["race"][rows]
    weight = np.ones(len(y)) if stream["weight"] is None else stream["weight"][rows]
    weight = weight * age
    known = race != None  # noqa: E711
    groups = {"sensitive_features": race[known].astype(str), "sample_weight": weight[known]}
    good, chosen = (y == favorable).astype(int), (predicted == favorable).astype(int)
    n_classes = proba.shape[1]
    row = {
        "accuracy": accuracy_score(y, predicted, sample_weight=weight),
        "balanced_accuracy": balanced_accuracy_score(y, predicted, sample_weight=weight),
        "log_loss": log_loss(y, proba, labels=range(n_classes), sample_weight=weight),
        "roc_auc": roc_auc_score(good, proba[:, favorable], sample_weight=weight),
    }
    pair = (good[known], chosen[known])
    functions = (
        demographic_parity_difference,
        equalized_odds_difference,
        equal_opportunity_difference,
    )
    row |= {f.__name__: f(*pair, **groups) for f in functions}
    distance = np.abs(stream["X"][rows, 1])[known]
    row["burden_difference"] = burden_difference(*pair, distance=distance, **groups)
    return row


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("label_delay", [0, 3])
def test_table_matches_sklearn_and_fairlearn(n_classes, weighted, label_delay):
    """Every number of every view at every point, computed again from scratch."""
    stream = make_stream(n_classes=n_classes, weighted=weighted, unknown=0.1)
    favorable = n_classes - 1
    log, fading, window = [], 0.995, 300
    result = prequential(
        Recorder(log),
        stream["batches"],
        classes=range(n_classes),
        window=window,
        fading_factor=fading,
        min_group_size=1,
        label_delay=label_delay,
        evaluate_every=400,
    )
    predicted, proba = recorded(log, favorable)
    unscored = 40 * (label_delay + 1)  # nothing to predict with before the first label
    table = result.table.set_index(["view", "rows_seen"])
    assert table.index.get_level_values("rows_seen").unique().tolist() == [400, 800, 1200]
    for seen in (400, 800, 1200):
        scored = np.arange(unscored, seen)
        for view in ("cumulative", "window", "faded"):
            rows = scored[-window:] if view == "window" else scored
            age = fading ** (seen - 1.0 - rows) if view == "faded" else np.ones(len(rows))
            there = rows - unscored
            want = expected_row(stream, predicted[there], proba[there], rows, age, favorable)
            got = table.loc[(view, seen)]
            exact = [name for name in want if name != "roc_auc" or view == "window"]
            np.testing.assert_allclose(
                got[exact].astype(float), [want[name] for name in exact], rtol=1e-9
            )
            assert got["roc_auc"] == pytest.approx(want["roc_auc"], abs=1e-3)
            assert got["rows_scored"] == seen - unscored
            assert got["n_rows"] == pytest.approx(age.sum())
            assert got["n_experts"] == 3
            assert got["time"] == seen - 1
    assert result.rows_unknown_group == sum(value is None for value in stream["race"])


@pytest.mark.parametrize("label_delay", [0, 1, 4, 100])
def test_test_then_train_is_exact(label_delay):
    """A row is predicted when it arrives, taught when its label arrives; none is lost."""
    stream = make_stream(n_rows=430)
    log = []
    prequential(Recorder(log), stream["batches"], classes=[0, 1], label_delay=label_delay)
    events = [entry[:2] for entry in log if entry[0] != "predicted"]
    want, n_batches = [], len(stream["batches"])
    rows = [batch.X[:, 0].tolist() for batch in stream["batches"]]
    for i in range(n_batches):
        if i > label_delay:
            want.append(("predict", rows[i]))
        if i >= label_delay:
            want.append(("train", rows[i - label_delay]))
    tail = range(max(n_batches - label_delay, 0), n_batches)
    want += [("train", rows[i]) for i in tail]
    assert events == want


def test_sensitive_features_and_weights_go_where_they_are_taken():
    stream = make_stream(n_rows=80, weighted=True)
    hears, told_not_to = [], []
    no_request = Recorder(told_not_to)
    with config_context(enable_metadata_routing=True):
        no_request.set_partial_fit_request(sensitive_features=False)
        models = {
            "hears": Recorder(hears),
            "told not to": no_request,
            "sgd": SGDClassifier(loss="log_loss", random_state=0),
        }
        prequential(models, stream["batches"], classes=[0, 1])
    trained = [entry for entry in hears if entry[0] == "train"]
    for entry, batch in zip(trained, stream["batches"], strict=True):
        np.testing.assert_array_equal(entry[2], batch.sensitive_features)
        np.testing.assert_array_equal(entry[3], batch.sample_weight)
    assert [entry[2] for entry in told_not_to if entry[0] == "train"] == [None, None]


def test_meta_estimators_get_what_they_route():
    stream = make_stream(n_rows=120, n_classes=3)
    with config_context(enable_metadata_routing=True):
        log = []
        routed = OneVsRestClassifier(
            Recorder(log).set_partial_fit_request(sensitive_features=True)
        )
        from skfeamoe.streaming._calls import accepted_metadata

        assert accepted_metadata(routed)["partial_fit"] == ["sensitive_features"]
        deaf = OneVsRestClassifier(SGDClassifier(loss="log_loss", random_state=0))
        assert accepted_metadata(deaf)["partial_fit"] == []
        result = prequential(deaf, stream["batches"], classes=[0, 1, 2])
    assert result.summary()["rows_scored"].tolist() == [80]


def test_models_side_by_side_equal_models_alone():
    stream = make_stream()
    static = LogisticRegression().fit(stream["X"][:200], stream["y"][:200])
    sgd = SGDClassifier(loss="log_loss", random_state=0)
    together = prequential(
        {"online": clone(sgd), "static": static},
        stream["batches"],
        train={"static": False},
    ).table
    alone = prequential(clone(sgd), stream["batches"]).table
    fixed = prequential(static, stream["batches"], train=False).table
    for name, other in (("online", alone), ("static", fixed)):
        part = together[together["model"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(part.drop(columns="model"), other.drop(columns="model"))
    assert set(fixed["rows_scored"]) == {520, 1000, 1200}
    last = fixed[(fixed["view"] == "cumulative")].iloc[-1]
    assert last["accuracy"] == static.score(stream["X"], stream["y"])
    assert math.isnan(last["burden_difference"])
    assert math.isnan(last["n_experts"])


@pytest.mark.parametrize("label_delay", [0, 2])
def test_pretraining_fits_static_models_once_and_scores_nobody(label_delay):
    stream = make_stream()
    sgd = SGDClassifier(loss="log_loss", random_state=0)
    result = prequential(
        {"static": LogisticRegression(), "online": clone(sgd)},
        stream["batches"],
        train={"static": False},
        pretrain_rows=400,
        label_delay=label_delay,
    )
    by_hand = LogisticRegression().fit(stream["X"][:400], stream["y"][:400])
    static = result.estimators["static"]
    np.testing.assert_array_equal(static.coef_, by_hand.coef_)
    start = 400 + 40 * label_delay  # the static model waits for its labels
    summary = result.summary()
    assert summary["rows_scored"].to_dict() == {"static": 1200 - start, "online": 800}
    assert summary.loc["static", "accuracy"] == pytest.approx(
        by_hand.score(stream["X"][start:], stream["y"][start:])
    )
    online = clone(sgd)
    for batch in stream["batches"]:
        online.partial_fit(batch.X, batch.y, classes=[0, 1])
    np.testing.assert_array_equal(result.estimators["online"].coef_, online.coef_)


def test_a_static_classifier_of_this_package_is_fitted_on_the_first_rows():
    """Its `fit` takes a `propensity`, which no stream has: it ended in a KeyError."""
    stream, model = make_stream(), FEAMOEClassifier(max_iter=2, random_state=0)
    result = prequential(clone(model), stream["batches"], train=False, pretrain_rows=400)
    X, y, race = (stream[name][:400] for name in ("X", "y", "race"))
    model.fit(X, y, sensitive_features=race)
    static = result.estimators["FEAMOEClassifier"]
    decided = static.predict_proba(stream["X"])
    np.testing.assert_array_equal(decided, model.predict_proba(stream["X"]))


def test_batch_size_does_not_change_the_measures():
    """For a static model only the grid of points depends on how the stream is cut."""
    static = None
    tables = []
    for batch_size in (1, 7, 300, 1200):
        stream = make_stream(batch_size=batch_size)
        static = static or GaussianNB().fit(stream["X"][:300], stream["y"][:300])
        result = prequential(static, stream["batches"], train=False, fading_factor=0.99)
        last = result.table[result.table["rows_seen"] == 1200]
        tables.append(last.drop(columns=["model", "view", "time"]).to_numpy(dtype=float))
    for other in tables[1:]:
        np.testing.assert_allclose(other, tables[0], rtol=1e-9)


@pytest.mark.parametrize("n", [50_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_gaps_of_a_long_stream_equal_fairlearn(n):
    """A million rows (slow, because of the oracle) differ by rounding only."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 1))
    sex = rng.choice(["f", "m", "x"], n, p=[0.45, 0.45, 0.1])
    y = (X[:, 0] + (sex == "m") * 0.5 + rng.normal(size=n) > 0).astype(int)
    model = LogisticRegression().fit(X[:1000], y[:1000])
    cuts = range(0, n, 10_000)
    batches = ((X[i : i + 10_000], y[i : i + 10_000], sex[i : i + 10_000]) for i in cuts)
    result = prequential(model, batches, train=False, evaluate_every=n)
    row = result.summary().iloc[0]
    predicted = model.predict(X)
    for gap in (
        demographic_parity_difference,
        equalized_odds_difference,
        equal_opportunity_difference,
    ):
        want = gap(y, predicted, sensitive_features=sex)
        assert row[gap.__name__] == pytest.approx(want, abs=1e-12)
    auc = roc_auc_score(y, model.predict_proba(X)[:, 1])
    assert row["roc_auc"] == pytest.approx(auc, abs=1e-3)
    difference = result.metric_frame().difference()
    assert difference["selection_rate"] == pytest.approx(row["demographic_parity_difference"])
    assert difference["true_positive_rate"] == pytest.approx(
        row["equal_opportunity_difference"]
    )


def test_memory_and_state_stay_fixed():
    evaluator = PrequentialEvaluator(GaussianNB(), classes=[0, 1], window=200, label_delay=2)
    rng = np.random.default_rng(0)

    X = rng.normal(size=(500, 2))
    y, sex = (X[:, 0] > 0).astype(int), rng.choice(["f", "m"], 500)

    def feed(batches):
        for _ in range(batches):
            evaluator.update((X, y, sex))
        return len(pickle.dumps(evaluator))

    feed(390)
    early = feed(20)
    assert feed(500) < early * 1.5
    assert len(evaluator.result().points) < 400
    assert evaluator.evaluate_every > 500


@pytest.mark.parametrize("label_delay", [0, 3])
def test_resumes_bit_for_bit(tmp_path, label_delay):
    """Pickled in mid-stream, loaded, and fed from ``next_row_``: the same table."""
    stream = make_stream(weighted=True, unknown=0.05)
    frame = pd.DataFrame(stream["X"], columns=list("abcd")).assign(
        y=stream["y"], race=stream["race"], w=stream["weight"]
    )
    roles = {"target": "y", "sensitive": "race", "sample_weight": "w", "batch_size": 32}

    def start():
        models = {
            "sgd": SGDClassifier(loss="log_loss", random_state=0),
            "static": LogisticRegression(),
        }
        return PrequentialEvaluator(
            models,
            classes=[0, 1],
            train={"static": False},
            pretrain_rows=300,
            preprocessor=StandardScaler(),
            label_delay=label_delay,
            evaluate_every=100,
        )

    whole = start()
    for batch in iter_batches(frame, **roles):
        whole.update(batch)
    for stop in (1, 7, 9, 30):
        part = start()
        for batch, _ in zip(iter_batches(frame, **roles), range(stop), strict=False):
            part.update(batch)
        loaded = pickle.loads(pickle.dumps(part))
        assert loaded.next_row_ == 32 * stop
        for batch in iter_batches(frame, start_row=loaded.next_row_, **roles):
            loaded.update(batch)
        pd.testing.assert_frame_equal(
            loaded.finish().table,
            pickle.loads(pickle.dumps(whole)).finish().table,
            check_exact=True,
        )


def test_preprocessor_is_fitted_on_the_first_rows_only():
    stream = make_stream(n_rows=600)
    frames = [
        StreamBatch(
            pd.DataFrame({"x": b.X[:, 1], "race": b.sensitive_features}),
            b.y,
            b.sensitive_features,
        )
        for b in stream["batches"]
    ]
    encode = ColumnTransformer(
        [
            ("x", StandardScaler(), ["x"]),
            ("race", OneHotEncoder(handle_unknown="ignore"), ["race"]),
        ]
    )
    seen = []

    class Watch(ColumnTransformer):
        def fit(self, X, y=None):
            seen.append(X.copy())
            return super().fit(X, y)

    model = SGDClassifier(loss="log_loss", random_state=0)
    watch = Watch(encode.transformers)
    result = prequential(clone(model), frames, preprocessor=watch, preprocessor_rows=100)
    (fitted_on,) = seen
    np.testing.assert_array_equal(fitted_on["x"], stream["X"][:120, 1])
    assert not hasattr(watch, "transformers_")  # the caller's object is left alone
    ready = clone(encode).fit(fitted_on)
    again = prequential(clone(model), frames, preprocessor=ready)
    pd.testing.assert_frame_equal(again.table, result.table)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_mixture_that_is_asked_once_says_what_it_says_call_by_call(n_classes):
    class Subclass(FEAMOEClassifier):
        """Asked for one thing after another, as it may say another one."""

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(900, 3)), columns=list("abc"))
    X["d"] = rng.choice(["u", "v"], 900)
    y = rng.integers(n_classes, size=900) | (X["a"] > 0).to_numpy()
    sex = rng.choice(["f", "m"], 900)
    options = {"growth_interval": 200, "favorable_label": 1, "random_state": 0}
    batches = [
        StreamBatch(X[s : s + 100], y[s : s + 100], sex[s : s + 100])
        for s in range(0, 900, 100)
    ]
    models = {"once": FEAMOEClassifier(**options), "in turn": Subclass(**options)}
    result = prequential(models, batches, window=300, evaluate_every=300, favorable_label=1)
    for point in result.points:
        once, in_turn = point.models["once"], point.models["in turn"]
        np.testing.assert_equal(once.usage, in_turn.usage)
        for view in ("window", "cumulative"):
            mine, others = vars(once.views[view]), vars(in_turn.views[view])
            np.testing.assert_equal(mine, others)
            assert mine["measures"]["log_loss"] > 0
    assert once.n_experts > 1

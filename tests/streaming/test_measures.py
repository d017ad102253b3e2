"""Measures, metrics of one's own, river's models, delays in rows and time, odd group names."""

import datetime
import pickle

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_ratio,
    equalized_odds_ratio,
    selection_rate,
)
from prequential_streams import Recorder, make_stream
from scipy.stats import ks_2samp
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB

from skfeamoe.streaming import (
    PrequentialEvaluator,
    StreamBatch,
    StreamMonitor,
    monitor,
    prequential,
)
from skfeamoe.streaming._river import RiverModel

river = pytest.importorskip("river", reason="needs river, of the extra `drift`")


@pytest.fixture(scope="module")
def static():
    """A stream, a fitted model, its answers, and a run without training."""
    stream = make_stream(weighted=True)
    model = GaussianNB().fit(stream["X"], stream["y"])
    custom = {
        "accuracy": None,
        "area": roc_auc_score,
        "f1": f1_score,
        "dpd": demographic_parity_difference,
        "rate": selection_rate,
        "grouped area": lambda y_true, y_score, sensitive_features: roc_auc_score(
            y_true[sensitive_features == "a"], y_score[sensitive_features == "a"]
        ),
    }
    options = {"train": False, "window": 300, "min_group_size": 1}
    named = prequential(model, stream["batches"], **options)
    own = prequential(model, stream["batches"], metrics=custom, **options)
    return stream, model, named, own


def expected(stream, model, rows):
    """Measures of some rows by scikit-learn, scipy and fairlearn."""
    y, weight = stream["y"][rows], stream["weight"][rows]
    X, race = stream["X"][rows], stream["race"][rows]
    score, answer = model.predict_proba(X)[:, 1], model.predict(X)
    place = np.minimum((score * 10).astype(int), 9)
    ece = sum(abs((weight * (y - score))[place == b].sum()) for b in range(10)) / weight.sum()
    groups = {"sensitive_features": race, "sample_weight": weight}
    return {
        "brier_score": brier_score_loss(y, score, sample_weight=weight),
        "majority_accuracy": max(weight[y == 1].sum(), weight[y == 0].sum()) / weight.sum(),
        "calibration_error": ece,
        "demographic_parity_ratio": demographic_parity_ratio(y, answer, **groups),
        "equalized_odds_ratio": equalized_odds_ratio(y, answer, **groups),
        "equal_opportunity_ratio": equal_opportunity_ratio(y, answer, **groups),
        "area": roc_auc_score(y, score, sample_weight=weight),
        "f1": f1_score(y, answer, sample_weight=weight),
        "dpd": demographic_parity_difference(y, answer, **groups),
        "rate": selection_rate(y, answer, sample_weight=weight),
    }


@pytest.mark.parametrize("view", ["cumulative", "window"])
def test_measures_are_those_of_sklearn_scipy_and_fairlearn(static, view):
    stream, model, named, own = static
    rows = slice(-300, None) if view == "window" else slice(None)
    for name, value in expected(stream, model, rows).items():
        result = named if name in named.metrics else own
        got = result.points[-1].models["GaussianNB"].views[view][name]
        close = 1e-3 if name == "area" and view == "cumulative" else 1e-9
        assert got == pytest.approx(value, abs=close), name


def test_ks_statistic_is_that_of_scipy():
    stream = make_stream()
    model = GaussianNB().fit(stream["X"], stream["y"])
    result = prequential(model, stream["batches"], train=False, window=300)
    views = result.points[-1].models["GaussianNB"].views
    score = model.predict_proba(stream["X"])[:, 1]
    for view, rows, close in (
        ("window", slice(-300, None), 1e-9),
        ("cumulative", slice(None), 2e-3),
    ):
        parts = (score[rows][stream["y"][rows] == c] for c in (0, 1))
        assert views[view]["ks_statistic"] == pytest.approx(
            ks_2samp(*parts).statistic, abs=close
        )


def test_a_grouped_metric_of_scores_is_taken_in_windows(static):
    stream, model, _, own = static
    rows = np.arange(900, 1200)[stream["race"][-300:] == "a"]
    want = roc_auc_score(stream["y"][rows], model.predict_proba(stream["X"][rows])[:, 1])
    views = own.points[-1].models["GaussianNB"].views
    assert views["window"]["grouped area"] == pytest.approx(want)
    assert np.isnan(views["cumulative"]["grouped area"])


def test_calibration_of_each_group(static):
    stream, model, named, _ = static
    table = named.group_table
    last = table[(table["view"] == "cumulative") & (table["rows_seen"] == 1200)]
    for group, value in last.set_index("group")["calibration_error"].items():
        rows = np.flatnonzero(stream["race"] == group)
        want = expected(stream, model, rows)["calibration_error"]
        assert value == pytest.approx(want)


def test_metrics_that_are_none_are_refused():
    stream = make_stream(n_rows=80)
    for metrics in ({"x": 3}, {"accuracy": f1_score}, {}, ["accurasy"]):
        with pytest.raises(ValueError, match="metrics"):
            prequential(GaussianNB(), stream["batches"], metrics=metrics)


def river_models():
    """Bare and wrapped, fitted and not, binary and of many classes."""
    from river import compat, linear_model, tree

    return {
        "bare binary": linear_model.LogisticRegression(),
        "bare tree": tree.HoeffdingTreeClassifier(),
        "wrapped binary": compat.convert_river_to_sklearn(linear_model.LogisticRegression()),
        "wrapped tree": compat.convert_river_to_sklearn(tree.HoeffdingTreeClassifier()),
        "built wrapper": compat.River2SKLClassifier(linear_model.LogisticRegression()),
    }


@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes")])
def test_river_models_as_they_are(labels):
    stream = make_stream(n_rows=600)
    y = np.array(labels)[stream["y"]]
    batches = [
        StreamBatch(b.X, y[i * 40 : i * 40 + 40], b.sensitive_features)
        for i, b in enumerate(stream["batches"])
    ]
    models = river_models()
    summary = prequential(models, batches).summary()
    assert (summary["rows_scored"] == 560).all()
    majority = summary["majority_accuracy"].iloc[0]
    assert (summary["roc_auc"] > 0.55).all(), summary["roc_auc"]
    assert majority < 0.6
    pairs = [("bare binary", "wrapped binary"), ("bare tree", "wrapped tree")]
    for bare, wrapped in [*pairs, ("bare binary", "built wrapper")]:
        assert summary.loc[bare, "accuracy"] == summary.loc[wrapped, "accuracy"]


def test_a_bare_river_model_is_trained_in_place_row_by_row():
    from river import linear_model

    stream = make_stream(n_rows=200)
    ours, theirs = linear_model.LogisticRegression(), linear_model.LogisticRegression()
    result = prequential(ours, stream["batches"])
    for row, label in zip(stream["X"], stream["y"], strict=True):
        theirs.learn_one(dict(enumerate(row)), bool(label))
    assert result.estimators["LogisticRegression"] is ours
    assert dict(ours.weights) == pytest.approx(dict(theirs.weights))


@pytest.mark.parametrize(
    ("delay", "unit", "batches"),
    [(120, "rows", 3), (119, "rows", 3), (121, "rows", 4), (1, "rows", 1), (120, "time", 3)],
)
def test_delays_in_rows_and_time_are_those_in_batches(delay, unit, batches):
    stream = make_stream(n_rows=400)  # 40 rows a batch, a unit of time a row
    logs = []
    for value, name in ((delay, unit), (batches, "batches")):
        log = []
        prequential(
            Recorder(log), stream["batches"], classes=[0, 1],
            label_delay=value, delay_unit=name,
        )  # fmt: skip
        logs.append([entry[:2] for entry in log if entry[0] != "predicted"])
    assert logs[0] == logs[1]


def test_delays_in_days():
    stream = make_stream(n_rows=400)
    days = np.datetime64("2020-01-01") + np.arange(400).astype("timedelta64[D]")
    dated = [
        StreamBatch(b.X, b.y, b.sensitive_features, time=days[i * 40 : i * 40 + 40])
        for i, b in enumerate(stream["batches"])
    ]
    result = prequential(
        GaussianNB(), dated, label_delay=np.timedelta64(60, "D"), delay_unit="time"
    )
    assert result.summary()["rows_scored"].tolist() == [400 - 3 * 40]
    with pytest.raises(ValueError, match="needs the time of every batch"):
        prequential(
            GaussianNB(),
            [(b.X, b.y) for b in stream["batches"]],
            label_delay=1,
            delay_unit="time",
        )
    for delay, unit in ((-1, "batches"), (1.5, "rows"), ("soon", "time"), (1, "weeks")):
        with pytest.raises(ValueError, match="delay"):
            prequential(GaussianNB(), dated, label_delay=delay, delay_unit=unit)


@pytest.mark.parametrize(
    ("time", "delay", "said"),
    [
        (np.array(["2020-01-01", "2020-01-02"], "datetime64[us]"), 60, "got 60 for times"),
        (np.array([2020, 2021]), np.timedelta64(365, "D"), r"got np.timedelta64\(365,'D'\)"),
        (np.array([2020, 2021]), datetime.timedelta(365), "label_delay must be a span"),
        (np.array(["2020", "2021"]), 1, "label_delay must be a span of the batches' times"),
        (np.array([2020.0, np.nan]), 1, "the time of the last row of every batch, got none"),
        (None, 1, "needs the time of every batch"),
    ],
)
def test_times_that_do_not_fit_the_delay_are_refused_before_anything_is_kept(time, delay, said):
    """Of dates 60 were microseconds, of years 365 days were 365 years, in silence."""
    evaluator = PrequentialEvaluator(
        GaussianNB(), label_delay=delay, delay_unit="time", classes=[0, 1]
    )
    before = pickle.dumps(evaluator)
    with pytest.raises(ValueError, match=said):
        evaluator.update(StreamBatch(np.ones((2, 1)), [0, 1], ["f", "m"], time=time))
    assert pickle.dumps(evaluator) == before


def test_no_delay_fits_every_time():
    days = np.array(["2020-01-01", "2020-01-02"], "datetime64[us]")
    evaluator = PrequentialEvaluator(GaussianNB(), delay_unit="time")
    evaluator.update(StreamBatch(np.ones((2, 1)), [0, 1], ["f", "m"], time=days))
    assert evaluator.rows_labeled_ == 2


def test_group_values_that_hold_the_separator_stay_apart():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.choice(["x & y", "x"], 300), "b": rng.choice(["z", "y & z"], 300)}
    )
    X = rng.normal(size=(300, 1))
    y = rng.integers(2, size=300)
    model = DummyClassifier(strategy="most_frequent").fit(X, y)
    result = prequential(model, [(X, y, frame)], train=False)
    assert len(result.groups) == 4
    assert result.group_table.query("view == 'window'")["n_rows"].sum() == 300


def test_min_group_size_is_the_same_everywhere():
    import inspect

    from skfeamoe.streaming import PrequentialEvaluator

    found = {
        inspect.signature(f).parameters["min_group_size"].default
        for f in (prequential, PrequentialEvaluator, monitor, StreamMonitor)
    }
    assert found == {30}


def test_a_custom_metric_that_needs_two_classes_is_nan_without_them():
    X = np.arange(60.0).reshape(-1, 1)
    y = (X[:, 0] > 29).astype(int)
    model = LogisticRegression().fit(X, y)
    batches = [(X[:30], y[:30]), (X[30:], y[30:])]
    result = prequential(
        model, batches, train=False, window=30, evaluate_every=30, metrics={"a": roc_auc_score}
    )
    values = [p.models["LogisticRegression"].views["window"]["a"] for p in result.points]
    assert np.isnan(values).all()
    assert result.points[-1].models["LogisticRegression"].views["cumulative"]["a"] == 1.0


@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes")])
def test_a_wrapped_river_model_that_has_learned_goes_on_with_its_classes(labels):
    from river import compat, linear_model

    stream = make_stream(n_rows=400)
    y = np.array(labels)[stream["y"]]
    model = compat.convert_river_to_sklearn(linear_model.LogisticRegression())
    model.partial_fit(stream["X"][:200], y[:200], classes=np.array(labels))
    later = [StreamBatch(stream["X"][200:], y[200:], stream["race"][200:])]
    result = prequential({"old": model}, later, train=False)
    assert result.classes == list(labels)
    want = np.mean(np.asarray(model.predict(stream["X"][200:])) == y[200:])
    assert result.summary().loc["old", "accuracy"] == pytest.approx(want)


class OnlyLabels:
    """River's kind of classifier without probabilities; before it has learned, it says None."""

    def __init__(self):
        self.seen = {}

    def learn_one(self, row, label):
        self.seen[row["x"]] = label

    def predict_one(self, row):
        return self.seen.get(row["x"])


@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes"), ("a", "b", "c")])
def test_river_models_without_probabilities_answer_with_labels(labels):
    y = np.array(labels)[np.arange(40) % len(labels)]
    X = pd.DataFrame({"x": np.arange(40.0) % 10, "z": 0.0})
    model = RiverModel(OnlyLabels())
    model.partial_fit(X[:0], y[:0], classes=labels)
    assert (model.predict(X) == labels[0]).all()  # it has learned nothing
    model.partial_fit(X, y)
    last = dict(zip(X["x"], y, strict=True))
    assert model.predict(X).tolist() == [last[x] for x in X["x"]]

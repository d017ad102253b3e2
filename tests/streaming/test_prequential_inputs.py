"""What prequential takes: labels, groups and scores of any kind, and clear errors."""

import math
import pickle
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
)
from prequential_streams import make_stream
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe.streaming import PrequentialEvaluator, StreamBatch, prequential
from skfeamoe.streaming._measures import NAMES as METRICS


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, np.asarray, list])
def test_sensitive_features_of_any_kind(make):
    stream = make_stream(n_rows=200)
    values = {np.asarray: stream["race"], list: stream["race"].tolist()}.get(
        make, {"race": stream["race"].tolist()}
    )
    part = make(values)
    result = prequential(
        GaussianNB(),
        [
            (stream["X"][:100], stream["y"][:100], part[:100]),
            (stream["X"][100:], stream["y"][100:], part[100:]),
        ],
    )
    assert result.group_names == ["a", "b", "c"]
    assert result.group_table.query("view == 'window'")["n_rows"].sum() == 100


def test_intersections_and_missing_values():
    rng = np.random.default_rng(0)
    n = 400
    X = rng.normal(size=(n, 2))
    y = (X[:, 0] > 0).astype(int)
    age = rng.choice([1.0, 2.0, np.nan], n)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "age": age})
    model = GaussianNB().fit(X, y)
    result = prequential(model, [(X, y, frame)], train=False)
    assert sorted(result.group_names) == ["f & 1", "f & 2", "m & 1", "m & 2"]
    assert result.rows_unknown_group == np.isnan(age).sum()
    known = frame["age"].notna().to_numpy()
    want = demographic_parity_difference(
        y[known], model.predict(X[known]), sensitive_features=frame[known]
    )
    row = result.summary().iloc[0]
    assert row["demographic_parity_difference"] == pytest.approx(want)
    assert row["accuracy"] == model.score(X, y)
    by_group = result.metric_frame(view="window").by_group
    assert by_group.index.names == ["sex", "age"]


def test_small_groups_and_absent_events():
    """A group without favorable truths has no true positive rate, so it makes no gap."""
    X = np.array([[1.0], [-1.0], [1.0], [-1.0], [-1.0], [-1.0]])
    y = [1, 0, 1, 1, 0, 0]
    groups = ["a", "a", "b", "b", "b", "c"]
    model = LogisticRegression().fit([[-1.0], [1.0]], [0, 1])
    batches = [(X, y, groups)]
    row = prequential(model, batches, train=False, min_group_size=1).summary().iloc[0]
    assert row["equal_opportunity_difference"] == 0.5
    assert row["equalized_odds_difference"] == 0.5
    assert row["demographic_parity_difference"] == 0.5
    row = prequential(model, batches, train=False, min_group_size=3).summary().iloc[0]
    assert math.isnan(row["demographic_parity_difference"])
    row = prequential(model, batches, train=False, min_group_size=2).summary().iloc[0]
    assert row["demographic_parity_difference"] == pytest.approx(0.5 - 1 / 3)
    assert math.isnan(row["equal_opportunity_difference"])
    assert math.isnan(row["equalized_odds_difference"])


def test_text_labels_favorable_label_and_scores_without_probabilities():
    stream = make_stream()
    y = np.where(stream["y"] == 1, "approved", "denied").astype(object)
    batches = [
        (stream["X"][i : i + 40], y[i : i + 40], stream["race"][i : i + 40])
        for i in range(0, 1200, 40)
    ]
    hinge = SGDClassifier(random_state=0)
    result = prequential(hinge, batches, favorable_label="approved", window=5000)
    table = result.table.set_index("view")
    assert table["log_loss"].isna().all()
    last = table.loc["cumulative"].iloc[-1]
    assert 0.6 < last["roc_auc"] < 1
    assert last["roc_auc"] == pytest.approx(table.loc["window"].iloc[-1]["roc_auc"], abs=1e-3)
    other = prequential(SGDClassifier(random_state=0), batches, favorable_label="denied")
    rates = [r.group_table.iloc[-1]["selection_rate"] for r in (result, other)]
    assert sum(rates) == pytest.approx(1)


def test_static_model_that_never_saw_a_class():
    stream = make_stream(n_classes=3)
    two = stream["y"] < 2
    static = LogisticRegression().fit(stream["X"][two], stream["y"][two])
    result = prequential(static, stream["batches"], classes=[0, 1, 2], train=False)
    row = result.summary().iloc[0]
    assert row["accuracy"] == static.score(stream["X"], stream["y"])
    assert np.isfinite(row["log_loss"])
    assert row["log_loss"] > 5  # certain that the third class cannot be


def test_metrics_leave_out_columns_and_their_cost():
    class Costly(GaussianNB):
        def predict_proba(self, X):
            raise AssertionError("not asked for")

        def distance_to_boundary(self, X):
            raise AssertionError("not asked for")

    stream = make_stream(n_rows=200)
    result = prequential(
        Costly(),
        stream["batches"],
        metrics=["demographic_parity_difference", "accuracy"],
        window=None,
        fading_factor=None,
    )
    measures = [name for name in result.table if name in METRICS]
    assert measures == ["accuracy", "demographic_parity_difference"]
    assert set(result.table["view"]) == {"cumulative"}


def test_callback_and_progress(capsys):
    stream = make_stream()
    points = []
    result = prequential(
        GaussianNB(),
        stream["batches"],
        evaluate_every=500,
        callback=points.append,
        progress=True,
        total_rows=1200,
    )
    assert [point.rows_seen for point in points] == [520, 1000, 1200]
    assert points == result.points
    assert "1200/1200" in capsys.readouterr().out


def test_progress_without_rich_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ImportError, match=r'pip install "skfeamoe\[demo\]"'):
        prequential(GaussianNB(), make_stream(n_rows=80)["batches"], progress=True)


def one_batch():
    return make_stream(n_rows=80)["batches"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window must be a number of rows from 1, or None, got 0"),
        ({"fading_factor": 1.0}, r"fading_factor must be in \(0, 1\), or None, got 1.0"),
        ({"label_delay": -1}, "label_delay must be a number of batches from 0, got -1"),
        ({"evaluate_every": "often"}, "evaluate_every must be 'auto' or"),
        ({"min_group_size": 0}, "min_group_size must be"),
        ({"pretrain_rows": -5}, "pretrain_rows must be"),
        ({"metrics": ["f1"]}, "metrics must be among"),
        ({"classes": [0]}, "classes must hold at least two labels"),
        ({"classes": [0, 2]}, r"y holds the label 1, not in classes=\[0, 2\]"),
        (
            {"favorable_label": "yes"},
            r"favorable_label must be one of the classes \[0, 1\]",
        ),
        ({"train": False}, "is not trained in the stream and not fitted"),
        ({"train": {"Gauss": False}}, "train names"),
        ({"estimator": LogisticRegression()}, "has no partial_fit"),
        ({"estimator": make_pipeline(GaussianNB())}, "has no partial_fit"),
        ({"estimator": {}}, "estimator must be a classifier or a mapping"),
        ({"estimator": StandardScaler()}, "must have predict"),
        ({"batches": []}, "the stream has no rows"),
        ({"batches": [], "preprocessor": StandardScaler()}, "batches is empty"),
        ({"batches": [([[1.0]], [1, 0])]}, "X has 1 rows, but y has 2"),
        ({"batches": [([[1.0], [2.0]], [1, 0], ["f"])]}, "sensitive_features has 1 rows"),
        (
            {"batches": [(np.ones((1100, 1)), [0, 1] * 550, range(1100))]},
            "more than 1000 groups",
        ),
    ],
)
def test_wrong_arguments_name_the_way_out(options, message):
    arguments = {"estimator": GaussianNB(), "batches": one_batch(), **options}
    with pytest.raises(ValueError, match=message):
        prequential(arguments.pop("estimator"), arguments.pop("batches"), **arguments)


def test_a_refused_batch_leaves_no_trace():
    stream = make_stream()
    clean = PrequentialEvaluator(GaussianNB(), classes=[0, 1])
    dirty = PrequentialEvaluator(GaussianNB(), classes=[0, 1])
    unknown_label = ([[0.0] * 4], [7], ["z"])
    missing_feature = ([[0.0, 0.0, 0.0, np.nan]], [1], ["z"])
    for number, batch in enumerate(stream["batches"]):
        clean.update(batch)
        with pytest.raises(ValueError, match="label 7"):
            dirty.update(unknown_label)
        if number:
            with pytest.raises(ValueError, match="NaN"):
                dirty.update(missing_feature)
        dirty.update(batch)
    pd.testing.assert_frame_equal(clean.finish().table, dirty.finish().table)


def test_metric_frame_names_what_is_there():
    result = prequential(GaussianNB(), make_stream(n_rows=200)["batches"])
    with pytest.raises(ValueError, match=r"model must be one of \['GaussianNB'\]"):
        result.metric_frame("nobody")
    with pytest.raises(ValueError, match="view must be one of"):
        result.metric_frame(view="today")
    without = prequential(GaussianNB(), [b.__class__(b.X, b.y) for b in one_batch()])
    with pytest.raises(ValueError, match="no row with a known group"):
        without.metric_frame()
    assert without.group_table.empty


@pytest.mark.parametrize("delay", ["30d", "soon", None, -1, [1], np.timedelta64(-3, "D")])
def test_a_delay_in_time_is_a_span_from_0(delay):
    with pytest.raises(ValueError, match="label_delay must be a span of time from 0"):
        PrequentialEvaluator(GaussianNB(), label_delay=delay, delay_unit="time")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"person": pd.Series([["a"]] * 40)}, "person must hold"),
        ({"y": np.array(["yes", "no"] * 20)}, "y holds the label"),
        ({"sensitive_features": pd.Series([["a"]] * 40)}, "must hold plain values"),
        ({"X": np.ones((40, 1)), "sensitive_features": ["new"] * 40}, "1 features"),
        ({"sample_weight": np.full(40, np.nan)}, "sample_weight must be finite"),
    ],
)
@pytest.mark.parametrize("n_before", [0, 2])
def test_a_refused_batch_leaves_the_evaluator_as_it_was(wrong, said, n_before):
    """Of the first batch labels and preprocessor stayed, of others groups and people."""
    first, *batches = [vars(batch) for batch in make_stream(n_rows=200)["batches"]]
    evaluator = PrequentialEvaluator(
        GaussianNB().fit(first["X"], first["y"]),
        classes=[0, 1] if "y" in wrong else None,
        preprocessor=StandardScaler(),
    )
    for batch in batches[:n_before]:
        evaluator.update(StreamBatch(**batch))
    before = pickle.dumps(evaluator)
    with pytest.raises(ValueError, match=said):
        evaluator.update(StreamBatch(**batches[3] | {"person": [1] * 40} | wrong))
    assert pickle.dumps(evaluator) == before


class Margins:
    """A classifier that knows margins alone."""

    def __init__(self, classes, margins):
        self.classes_, self.margins = np.array(classes), np.asarray(margins, dtype=float)

    def predict(self, X):
        return np.resize(self.classes_, len(X))

    def decision_function(self, X):
        return self.margins[np.asarray(X)[:, 0].astype(int)]


@pytest.mark.parametrize(
    ("known", "margins", "favorable", "sign"),
    [
        ([0, 1], [0.1, -0.2, 0.3, 0.4], 1, 1.0),
        ([0, 1], [0.1, -0.2, 0.3, 0.4], 0, -1.0),
        ([0, 1, 2], np.arange(12.0).reshape(4, 3) % 5, 1, 1.0),
    ],
)
def test_margins_are_scores_of_the_favorable_label(known, margins, favorable, sign):
    X, y = np.arange(4.0).reshape(-1, 1), np.array([0, 1, 0, 1])
    model = Margins(known, margins)
    result = prequential(
        model,
        [(X, y)],
        train=False,
        classes=known,
        favorable_label=favorable,
        metrics=["roc_auc"],
    )
    score = sign * (model.margins if model.margins.ndim == 1 else model.margins[:, favorable])
    want = roc_auc_score(y == favorable, score)
    assert result.summary()["roc_auc"].iloc[0] == pytest.approx(want)


def test_margins_say_nothing_of_a_label_that_was_never_learned():
    X, y = np.arange(4.0).reshape(-1, 1), np.array([0, 1, 2, 1])
    model = Margins([0, 1], [0.1, -0.2, 0.3, 0.4])
    result = prequential(
        model, [(X, y)], train=False, classes=[0, 1, 2], metrics=["accuracy", "roc_auc"]
    )
    assert math.isnan(result.summary()["roc_auc"].iloc[0])
    assert result.summary()["accuracy"].iloc[0] == 0.75

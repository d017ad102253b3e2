"""Alarms against streams whose changes are known, and the monitor's promises."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from skfeamoe import FEAMOEClassifier
from skfeamoe.streaming import (
    PrequentialEvaluator,
    StreamMonitor,
    iter_batches,
    monitor,
    prequential,
)

pytest.importorskip("river", reason="needs river, of the extra `drift`")


def decisions(n=20_000, *, at=10_000, errors=(0.15, 0.15), refused=(0.0, 0.0), seed=0):
    """Labels, decisions and groups; from row `at` on errors and refusals of "f" change."""
    rng = np.random.default_rng(seed)
    late = np.arange(n) >= at
    sex, y = rng.choice(["f", "m"], n, p=[0.3, 0.7]), rng.integers(2, size=n)
    granted = np.where(rng.random(n) < np.where(late, *errors[::-1]), 1 - y, y)
    turned = (sex == "f") & (rng.random(n) < np.where(late, *refused[::-1]))
    return y, np.where(turned, 0, granted), sex


def test_a_world_that_stays_raises_at_most_one_alarm_in_100_000_rows():
    n_alarms = 0
    for seed in range(3):
        y, decided, _ = decisions(100_000, seed=seed)
        rng = np.random.default_rng(seed + 100)
        race = rng.choice(list("abcde"), len(y), p=[0.5, 0.3, 0.1, 0.07, 0.03])
        n_alarms += len(monitor(y, decided, sensitive_features=race).alarms)
    assert n_alarms <= 1


@pytest.mark.parametrize("seed", range(5))
def test_more_errors_are_told_as_accuracy_and_dated(seed):
    y, decided, sex = decisions(errors=(0.15, 0.35), seed=seed)
    alarms = monitor(y, decided, sensitive_features=sex).alarms
    first = alarms.iloc[0]
    assert (first["cause"], first["group"], first["change"]) == ("accuracy", None, "worse")
    assert 10_000 <= first["row"] < 10_300
    assert abs(first["since_row"] - 10_000) < 300
    assert first["before"] == pytest.approx(0.85, abs=0.02)
    assert first["after"] < 0.77


@pytest.mark.parametrize("seed", range(5))
def test_an_unfair_turn_is_told_by_gap_and_group(seed):
    y, decided, sex = decisions(refused=(0.0, 0.5), seed=seed)
    alarms = monitor(y, decided, sensitive_features=sex, time=np.arange(len(y)) / 10).alarms
    gap = alarms[alarms["cause"] == "selection_rate_gap"].iloc[0]
    assert 10_000 <= gap["row"] < 11_200
    assert gap["time"] == gap["row"] / 10
    assert abs(gap["since_row"] - 10_000) < 300
    side = 1 if gap["group"] == "f" else -1
    assert gap["before"] == pytest.approx(0.0, abs=0.03)
    assert side * gap["after"] == pytest.approx(-0.25, abs=0.12)
    assert "true_positive_rate_gap" in set(alarms["cause"])


def test_a_shift_of_the_groups_shares_alone_is_no_alarm():
    rng = np.random.default_rng(0)
    share = np.where(np.arange(60_000) < 30_000, 0.5, 0.1)
    sex = np.where(rng.random(60_000) < share, "f", "m")
    rate = np.where(sex == "f", 0.3, 0.6)
    decided = (rng.random(60_000) < rate).astype(int)
    alarms = monitor(decided, decided, sensitive_features=sex).alarms
    assert set(alarms["cause"]) <= {"accuracy"}
    assert not len(alarms)


def test_counts_are_those_of_the_rows_and_unknown_groups_count_in_accuracy_only():
    y, decided, sex = decisions(3_000)
    sex = sex.astype(object)
    sex[::10] = None
    result = monitor(y, decided, sensitive_features=pd.Series(sex, name="sex"))
    last = result.summary().loc["decisions"]
    assert last["accuracy"] == pytest.approx((y == decided).mean())
    known = sex != None  # noqa: E711
    rates = [decided[known & (sex == group)].mean() for group in ("f", "m")]
    assert last["demographic_parity_difference"] == pytest.approx(abs(rates[0] - rates[1]))
    assert result.rows_unknown_group == 300


def test_monitor_is_one_piece_or_many_and_survives_a_pickle():
    y, decided, sex = decisions(errors=(0.1, 0.4), refused=(0.0, 0.6))
    whole = monitor(y, decided, sensitive_features=sex, evaluate_every=500)
    watch, seen = StreamMonitor(classes=[0, 1], evaluate_every=500), []
    for start in range(0, len(y), 250):
        rows = slice(start, start + 250)
        seen += watch.update(y[rows], decided[rows], sex[rows])
        watch = pickle.loads(pickle.dumps(watch))
    pd.testing.assert_frame_equal(watch.result().alarms, whole.alarms)
    assert [alarm["row"] for alarm in seen] == whole.alarms["row"].tolist()
    pd.testing.assert_frame_equal(watch.result().table, whole.table)


def test_monitor_memory_is_constant():
    sizes = []
    for n in (60_000, 120_000):
        watch = StreamMonitor(classes=[0, 1])
        y, decided, sex = decisions(n, at=n)
        for start in range(0, n, 100):
            rows = slice(start, start + 100)
            watch.update(y[rows], decided[rows], sex[rows])
        sizes.append(len(pickle.dumps(watch)))
    assert sizes[1] < 1.6 * sizes[0]
    assert sizes[1] < 500_000


def test_text_labels_and_a_favorable_one():
    y, decided, sex = decisions(refused=(0.0, 0.5))
    names = np.array(["repaid", "default"])
    result = monitor(
        names[1 - y], names[1 - decided], sensitive_features=sex, favorable_label="repaid"
    )
    plain = monitor(y, decided, sensitive_features=sex)
    pd.testing.assert_frame_equal(result.alarms, plain.alarms)


def test_wrong_lengths_and_detectors_are_refused():
    with pytest.raises(ValueError, match="same number of rows"):
        monitor([0, 1], [0])
    with pytest.raises(ValueError, match="sensitive_features has 1 rows"):
        monitor([0, 1], [0, 1], sensitive_features=["a"])
    with pytest.raises(ValueError, match="detector must be one of"):
        monitor([0, 1], [0, 1], detector="psychic")


def test_prequential_watches_every_model_by_itself():
    y, decided, sex = decisions(4_000, at=2_000, errors=(0.05, 0.45))

    class Fixed:
        """Says what it is told."""

        classes_ = np.array([0, 1])

        def __init__(self, column):
            self.column = column

        def predict(self, X):
            return X[:, self.column]

    X = np.column_stack([y, decided])
    batches = [(X[i : i + 50], y[i : i + 50], sex[i : i + 50]) for i in range(0, len(y), 50)]
    models = {"right": Fixed(0), "drifting": Fixed(1)}
    result = prequential(models, batches, train=False, detector="adwin")
    assert set(result.alarms["model"]) == {"drifting"}
    alone = monitor(y, decided, sensitive_features=sex)
    assert result.alarms["row"].tolist() == alone.alarms["row"].tolist()
    assert not len(prequential(models, batches, train=False).alarms)


def test_evaluator_with_detectors_resumes_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(3_000, 3)), columns=list("abc"))
    flip = np.where(np.arange(3_000) < 1_500, 1, -1)
    frame["y"] = (flip * frame["a"] > 0).astype(int)
    frame["sex"] = rng.choice(["f", "m"], 3_000)
    roles = {"target": "y", "sensitive": "sex", "batch_size": 64}

    def evaluator():
        return PrequentialEvaluator(FEAMOEClassifier(random_state=0), detector="adwin")

    whole = evaluator()
    for batch in iter_batches(frame, **roles):
        whole.update(batch)
    broken = evaluator()
    for batch in iter_batches(frame, **roles):
        if broken.next_row_ >= 1_600:
            break
        broken.update(batch)
    broken = pickle.loads(pickle.dumps(broken))
    for batch in iter_batches(frame, **roles, start_row=broken.next_row_):
        broken.update(batch)
    a, b = whole.finish(), broken.finish()
    pd.testing.assert_frame_equal(a.alarms, b.alarms)
    pd.testing.assert_frame_equal(a.table, b.table)
    assert len(a.alarms)


Y, DECIDED, SEX = decisions(200, at=100)
SCORED = {"classes": [0, 1], "scored": True}


@pytest.mark.parametrize(
    ("made", "given", "said"),
    [
        ({"labeled": False}, {"y_true": Y}, "y_true must be given to a monitor with labeled"),
        ({}, {"y_true": None}, "y_true must be given to a monitor with labeled=True"),
        ({}, {"y_score": np.full(200, 0.5)}, "y_score must be given to a monitor with scored"),
        ({"scored": True}, {}, "y_score must be given to a monitor with scored=True"),
        ({}, {"X": np.ones((200, 1))}, "X must be given to a monitor with input_window"),
        ({"input_window": 50}, {}, "X must be given to a monitor with input_window"),
        ({"scored": True}, {"y_score": np.full(200, 1.5)}, "probabilities between 0 and 1"),
        ({"scored": True}, {"y_score": np.full(9, 0.5)}, "y_score has 9 rows, but y_pred has"),
        ({"input_window": 50}, {"X": np.ones((9, 1))}, "X has 9 rows, but y_pred has 200"),
        ({}, {"y_pred": DECIDED[:-1]}, "y_pred has 199 rows, but y_true has 200; give the"),
        ({}, {"y_pred": np.where(Y, Y, np.nan)}, "y_pred must hold a decision in every row"),
        ({}, {"y_pred": [*DECIDED[:-1], None]}, "got None in row 199; leave out rows"),
        ({}, {"sample_weight": -np.ones(200)}, "sample_weight must not be negative, got -1.0"),
        (
            {},
            {"person": pd.Series([1, *[[2]] * 199])},
            "person must hold .* per row, got list in row 1",
        ),
        ({}, {"y_true": np.full(200, 2)}, "y holds the label 2, not in classes"),
        ({}, {"sensitive_features": np.arange(200), "y_pred": Y + 5}, "prediction holds the"),
    ],
)
def test_what_does_not_fit_the_monitor_is_refused_and_leaves_it_as_it_was(made, given, said):
    watch = StreamMonitor(classes=[0, 1], **made)
    before = pickle.dumps(watch)
    call = {"y_true": Y, "y_pred": DECIDED, "sensitive_features": SEX} | given
    with pytest.raises(ValueError, match=said):
        watch.update(**call)
    assert pickle.dumps(watch) == before
    assert watch._evaluator.group_names_ == []


def test_scores_are_for_two_labels():
    with pytest.raises(ValueError, match="y_score is for two labels, but there are 3"):
        StreamMonitor(classes=[0, 1, 2], scored=True)


def test_a_favorable_label_that_nobody_has_is_refused():
    for scored in (True, False):
        with pytest.raises(ValueError, match=r"favorable_label must be one of .*, got 7"):
            StreamMonitor(classes=[0, 1], scored=scored, favorable_label=7)


def test_without_a_detector_nothing_is_watched():
    y, granted, sex = decisions(2_000, at=1_000, errors=(0.1, 0.5))
    found = monitor(y, granted, sensitive_features=sex, detector=None)
    assert len(found.alarms) == 0
    assert len(monitor(y, granted, sensitive_features=sex).alarms) > 0
    pd.testing.assert_frame_equal(
        found.table, monitor(y, granted, sensitive_features=sex).table
    )


@pytest.mark.parametrize("favorable", [None, 0, 1])
def test_scores_are_those_of_the_favorable_label(favorable):
    rng = np.random.default_rng(0)
    y, granted = rng.integers(2, size=(2, 300))
    score = rng.random(300)
    watch = StreamMonitor(favorable_label=favorable, **SCORED)
    watch.update(y, granted, rng.choice(["f", "m"], 300), y_score=score)
    chance = score if favorable != 0 else 1.0 - score  # of the label 1
    last = watch.result().summary().iloc[0]
    assert last["log_loss"] == pytest.approx(log_loss(y, chance))


def test_looking_often_changes_nothing():
    """Four thousand unfair rows at the beginning, and someone who looks every 50 rows."""
    rng = np.random.default_rng(0)
    n = 40_000
    sex = rng.choice(["f", "m"], n)
    rate = np.where((np.arange(n) < 4_000) & (sex == "f"), 0.2, 0.5)
    decided = (rng.random(n) < rate).astype(int)
    results = []
    for ask in (False, True):
        watch = StreamMonitor(classes=[0, 1], detector=None, labeled=False)
        for start in range(0, n, 50):
            rows = slice(start, start + 50)
            watch.update(None, decided[rows], sex[rows])
            if ask:
                looked = watch.result()
                assert looked.points[-1].rows_seen == start + len(decided[rows])
        results.append(watch.result())
    plain, asked = results
    pd.testing.assert_frame_equal(plain.table, asked.table)
    pd.testing.assert_frame_equal(plain.group_table, asked.group_table)
    assert plain.verdict(bound=0.1).sentences == asked.verdict(bound=0.1).sentences
    assert asked.verdict(bound=0.1).answer == "not kept"


def test_an_evaluator_that_reports_and_goes_on_loses_nothing():
    """Twice, in mid-stream: no point, and no weight of the gate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_030, 2))
    batches = [
        (X[i : i + 70], (X[i : i + 70, 0] > 0).astype(int), rng.choice(["f", "m"], 70))
        for i in range(0, 2_030, 70)
    ]
    results = []
    for ask in (False, True):
        model = FEAMOEClassifier(random_state=0)
        evaluator = PrequentialEvaluator(model, evaluate_every=200)
        for batch in batches:
            evaluator.update(batch)
            if ask:
                first, second = evaluator.finish(), evaluator.finish()
                pd.testing.assert_frame_equal(first.expert_table, second.expert_table)
        assert evaluator.n_points_ == len(evaluator.result().points)
        results.append(evaluator.finish())
    for name in ("table", "group_table", "expert_table"):
        pd.testing.assert_frame_equal(*(getattr(result, name) for result in results))


def test_the_callback_of_a_run_is_told_of_its_last_point():
    y, decided, _ = decisions(1_250)
    batches = [(y[i : i + 50, None], decided[i : i + 50]) for i in range(0, 1_250, 50)]
    for every, rows in ((500, [500, 1_000, 1_250]), (625, [650, 1_250])):
        seen = []
        prequential(
            SGDClassifier(),
            batches,
            evaluate_every=every,
            callback=lambda point, seen=seen: seen.append(point.rows_seen),
        )
        assert seen == rows


@pytest.mark.parametrize("size", [7, 1_000, 3_000])
def test_points_fall_on_the_rows_asked_for_whatever_the_batches(size):
    y, decided, sex = decisions(3_000, at=1_500, refused=(0.0, 0.5))
    time = np.arange(3_000) / 10
    score = np.random.default_rng(1).random(3_000)
    tables = []
    for step in (size, 250):
        watch = StreamMonitor(**SCORED, window=400, evaluate_every=250)
        told = []
        for start in range(0, 3_000, step):
            rows = slice(start, start + step)
            told += watch.update(
                y[rows],
                decided[rows],
                sex[rows],
                y_score=score[rows],
                time=time[rows],
                person=np.arange(3_000)[rows] // 3,
                sample_weight=1.0 + score[rows],
            )
        assert told
        result = watch.result()
        tables.append([result.table, result.group_table, result.alarms, result.people_table])
    assert tables[0][0]["rows_seen"].unique().tolist() == list(range(250, 3_001, 250))
    last = tables[0][0].drop_duplicates("rows_seen")
    np.testing.assert_allclose(last["time"], (last["rows_seen"] - 1) / 10)
    for left, right in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(left, right)


def test_a_large_batch_that_is_refused_is_refused_as_a_whole():
    y, decided, sex = decisions(1_000)
    watch = StreamMonitor(classes=[0, 1], window=100, evaluate_every=100)
    watch.update(y, decided, sex)
    table = watch.result().table
    with pytest.raises(ValueError, match="the label 2"):
        watch.update(np.append(y[1:], 2), decided, sex)
    pd.testing.assert_frame_equal(watch.result().table, table)


def test_an_unfair_week_is_found_where_windows_are_asked_for():
    """A tenth of a batch; windows ended at every second batch once."""
    rng = np.random.default_rng(0)
    n, bad = 200_000, slice(61_000, 63_000)
    sex, unfair = rng.choice(["f", "m"], n), np.zeros(n, dtype=bool)
    unfair[bad] = sex[bad] == "f"
    decided = (rng.random(n) < np.where(unfair, 0.0, 0.5)).astype(int)
    watch = StreamMonitor(
        classes=[0, 1], detector=None, labeled=False, window=500, evaluate_every=500
    )
    for start in range(0, n, 20_000):
        rows = slice(start, start + 20_000)
        watch.update(None, decided[rows], sex[rows])
    result = watch.result()
    verdict = result.verdict(bound=0.1)
    assert (len(result.points), verdict.windows.share_in_none) == (400, 0.0)
    assert (verdict.answer, verdict.windows.n_above) == ("not kept", 4)
    assert "lie in none" not in " ".join(verdict.sentences)


@pytest.mark.parametrize(("every", "named"), [(1_000, False), ("auto", True)])
def test_memory_grows_with_people_and_points_asked_for_as_documented(every, named):
    y, decided, sex = decisions(2_000)
    watch = StreamMonitor(classes=[0, 1], detector=None, window=200, evaluate_every=every)
    sizes = []
    for n in range(100):
        person = np.arange(n * 2_000, (n + 1) * 2_000) if named else None
        watch.update(y, decided, sex, person=person)
        sizes.append(len(pickle.dumps(watch)) if n in (49, 99) else 0)
    assert sizes[99] > 1.5 * sizes[49]
    said = r"Memory is constant, but .*people.*every evaluation point stays"
    for documented in (StreamMonitor, prequential):
        assert re.search(said, " ".join(documented.__doc__.split()))

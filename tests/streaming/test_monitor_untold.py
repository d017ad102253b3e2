"""Decisions whose truth is not told yet count as decisions, and for nothing else."""

import pickle

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from skfeamoe.streaming import StreamMonitor, monitor

pytest.importorskip("river", reason="needs river, of the extra `drift`")

N = 4_000


def world():
    """Outcomes of the refused are mostly unknown, and of few in the second half."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], N)
    granted = (rng.random(N) < np.where(sex == "f", 0.40, 0.65)).astype(int)
    repaid = (rng.random(N) < 0.5 + 0.2 * granted).astype(float)
    shown = granted | (rng.random(N) < np.where(sex == "f", 0.1, 0.28))
    score = np.clip(0.3 * granted + 0.7 * rng.random(N), 0, 1)
    return sex, granted, repaid, shown.astype(bool), score


def close(left, right):
    for name, value in right.measures.items():
        assert left.measures[name] == pytest.approx(value, nan_ok=True), name


@pytest.mark.parametrize("kind", ["nan", "None", "Int64", "text"])
def test_parity_is_of_all_rows_and_the_rest_of_those_with_a_truth(kind):
    sex, granted, repaid, shown, _ = world()
    y = {
        "nan": np.where(shown, repaid, np.nan),
        "None": np.where(shown, repaid.astype(int).astype(object), None),
        "Int64": pd.Series(repaid).astype("Int64").where(pd.Series(shown)),
        "text": np.where(shown, np.where(repaid == 1, "yes", "no").astype(object), None),
    }[kind]
    decided = np.where(granted == 1, "yes", "no") if kind == "text" else granted
    result = monitor(y, decided, sensitive_features=sex)
    view = result.points[-1].models["decisions"].views["cumulative"]
    parity = demographic_parity_difference(granted, granted, sensitive_features=sex)
    assert view["demographic_parity_difference"] == pytest.approx(parity)
    known = repaid[shown], granted[shown]
    odds = equalized_odds_difference(*known, sensitive_features=sex[shown])
    assert view["equalized_odds_difference"] == pytest.approx(odds)
    assert view["accuracy"] == pytest.approx(accuracy_score(*known))
    assert view["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(*known))
    assert result.rows_seen == view.n_rows == N
    table = result.group_table
    last = table[(table["view"] == "cumulative") & (table["rows_seen"] == N)].set_index("group")
    for name in ("f", "m"):
        assert last.loc[name, "n_rows"] == (sex == name).sum()
        base = repaid[shown & (sex == name)].mean()
        assert last.loc[name, "base_rate"] == pytest.approx(base)
    frame = result.metric_frame().by_group
    assert frame["selection_rate"].to_dict() == pytest.approx(last["selection_rate"].to_dict())
    assert frame["true_positive_rate"].to_dict() == pytest.approx(
        last["true_positive_rate"].to_dict()
    )
    assert result.verdict(bound=0.1).answer == "not kept"
    result.to_html()


def test_windows_scores_and_own_measures_are_of_rows_with_a_truth():
    sex, granted, repaid, shown, score = world()

    def share(y_true, y_pred, sample_weight=None):
        return np.average(y_true, weights=sample_weight)

    def worst(y_true, y_pred, *, sensitive_features, sample_weight=None):
        frame = pd.DataFrame({"y": y_true, "a": sensitive_features, "w": sample_weight})
        frame["w"] = 1.0 if sample_weight is None else sample_weight
        sums = frame.assign(y=frame["y"] * frame["w"]).groupby("a")[["y", "w"]].sum()
        return (sums["y"] / sums["w"]).min()

    options = {
        "metrics": {"accuracy": None, "roc_auc": None, "share": share, "worst": worst},
        "window": 10 * N,
        "detector": None,
    }
    all_rows = monitor(
        np.where(shown, repaid, np.nan),
        granted,
        y_score=score,
        sensitive_features=sex,
        **options,
    )
    known = monitor(
        repaid[shown], granted[shown], y_score=score[shown], sensitive_features=sex[shown],
        **options,
    )  # fmt: skip
    for name in ("cumulative", "window"):
        left, right = (r.points[-1].models["decisions"].views[name] for r in (all_rows, known))
        close(left, right)
    assert left["roc_auc"] == pytest.approx(roc_auc_score(repaid[shown], score[shown]))


def test_alarms_of_accuracy_are_those_of_rows_with_a_truth():
    sex, granted, repaid, shown, _ = world()
    wrong = np.arange(N) >= N // 2
    repaid = np.where(wrong, 1 - granted, granted)
    options = {"metrics": ["accuracy", "equal_opportunity_difference"]}
    y = np.where(shown, repaid, np.nan)
    alarms = monitor(y, granted, sensitive_features=sex, **options).alarms
    known = monitor(
        repaid[shown], granted[shown], sensitive_features=sex[shown], **options
    ).alarms
    assert len(alarms) == len(known) > 0
    place = np.flatnonzero(shown)
    assert alarms["row"].tolist() == place[known["row"]].tolist()
    assert alarms["cause"].tolist() == known["cause"].tolist()


def test_batches_without_any_truth_and_breaks_change_nothing():
    sex, granted, repaid, shown, _ = world()
    shown = shown & (np.arange(N) >= 1_000)
    y = np.where(shown, repaid, np.nan)
    watch = StreamMonitor(classes=[0, 1])
    for start in range(0, N, 500):
        rows = slice(start, start + 500)
        watch.update(y[rows], granted[rows], sex[rows])
        watch = pickle.loads(pickle.dumps(watch))
    left, right = (
        r.points[-1].models["decisions"].views["cumulative"]
        for r in (watch.result(), monitor(y, granted, sensitive_features=sex))
    )
    close(left, right)
    assert left.cells.shape == (2, 3, 2)
    assert left.cells[:, 2].sum() == (~shown).sum()


def test_no_truth_at_all_is_refused_and_decisions_must_be_there():
    sex, granted, *_ = world()
    with pytest.raises(ValueError, match="y_true has no label that is not missing; pass None"):
        monitor(np.full(N, np.nan), granted, sensitive_features=sex)
    watch = StreamMonitor(classes=[0, 1])
    with pytest.raises(ValueError, match="y_pred must hold a decision in every row, got nan"):
        watch.update(granted, np.where(sex == "f", np.nan, 1.0), sex)


def test_a_caution_tells_the_truth_only_where_there_is_one():
    sex, *_ = world()
    watch = StreamMonitor(classes=[0, 1])
    watch.update(np.full(N, np.nan), np.ones(N, dtype=int), sex)
    (caution,) = watch.result().verdict(bound=0.1).cautions
    assert "of the decisions are 1; where nearly everybody" in caution


@pytest.mark.parametrize("scored", [False, True])
def test_without_truths_nothing_that_needs_one_is_told(tmp_path, scored):
    sex, granted, *_, score = world()
    given = {"y_score": score} if scored else {}
    result = monitor(None, granted, sensitive_features=sex, **given)
    table = result.group_table
    for name in ("base_rate", "true_positive_rate", "false_positive_rate", "calibration_error"):
        assert table[name].isna().all()
    last = table[table["rows_seen"] == N].groupby("group")["selection_rate"].first()
    frame = result.metric_frame().by_group
    for name in ("f", "m"):
        of_group = granted[sex == name].mean()
        assert last[name] == pytest.approx(of_group)
        assert frame.loc[name, "selection_rate"] == pytest.approx(of_group)
    assert frame[["true_positive_rate", "false_positive_rate"]].isna().all(axis=None)
    parity = demographic_parity_difference(granted, granted, sensitive_features=sex)
    view = result.points[-1].models["decisions"].views["cumulative"]
    assert view.measures["demographic_parity_difference"] == pytest.approx(parity)
    assert result.verdict(bound=0.1).answer == "not kept"
    assert set(result.alarms["cause"]) <= {"selection_rate_gap"}
    result.to_json(tmp_path / "numbers", difference_bound=0.1)
    written = pd.read_csv(tmp_path / "numbers" / "groups.csv")
    assert written["true_positive_rate"].isna().all()
    assert written["selection_rate"].notna().all()


def test_a_report_without_truths_has_no_columns_for_them():
    sex, granted, repaid, *_ = world()
    columns = ("Favorable truth", "True positive rate", "False positive rate")
    for y, told in ((None, False), (repaid, True)):
        page = monitor(y, granted, sensitive_features=sex).to_html()
        table = page.partition('id="groups"')[2].partition("</table>")[0]
        assert [f">{name}</th>" in table for name in columns] == [told] * 3
        assert ('data-name="base rate"' in table) == told
        assert "Selection rate" in table
        assert "Calibration error" not in table

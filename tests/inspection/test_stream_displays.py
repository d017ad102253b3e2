"""Displays of streams show the numbers of the result, no others."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import SGDClassifier

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import ExpertUsageDisplay, FairnessDriftDisplay, PrequentialDisplay
from skfeamoe.streaming import prequential

pytest.importorskip("river", reason="needs river, of the extra `drift`")


@pytest.fixture(scope="module")
def result():
    """A run of two models with alarms, three groups and a time."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4_000, 3))
    turn = np.where(np.arange(4_000) < 2_000, 1, -1)
    y = (turn * X[:, 0] + 0.3 * rng.normal(size=4_000) > 0).astype(int)
    race = rng.choice(["a", "b", "c"], 4_000, p=[0.6, 0.3, 0.1])
    batches = [(X[i : i + 50], y[i : i + 50], race[i : i + 50]) for i in range(0, len(X), 50)]
    models = {
        "grows": FEAMOEClassifier(growth_interval=1_000, random_state=0),
        "one": FEAMOEClassifier(growth=None, constraints=None, random_state=0),
    }
    return prequential(models, batches, window=500, evaluate_every=100, detector="adwin")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_lines_are_the_windowed_measures_of_every_model(result):
    display = PrequentialDisplay.from_result(result, difference_bound=0.1)
    table = result.table[(result.table["view"] == "window") & (result.table["n_rows"] >= 500)]
    for ax, measure in zip(
        display.ax_, ("accuracy", "demographic_parity_difference"), strict=True
    ):
        lines = {line.get_label(): line for line in ax.get_lines()}
        for name in ("grows", "one"):
            part = table[table["model"] == name]
            np.testing.assert_array_equal(lines[name].get_xdata(), part["rows_seen"])
            np.testing.assert_array_equal(lines[name].get_ydata(), part[measure])
    texts = [text.get_text() for ax in display.ax_ for text in ax.texts]
    assert "bound 0.1" in texts


def test_alarms_are_marked_and_numbered(result):
    alarms = result.alarms
    rows = alarms["row"][alarms["model"] == "grows"].tolist()
    assert rows
    display = PrequentialDisplay.from_result(result)
    marked = {
        line.get_xdata()[0]
        for line in display.ax_[0].get_lines()
        if len(set(line.get_xdata())) == 1
    }
    assert marked == set(rows)
    assert not PrequentialDisplay.from_result(result, alarms=False).alarm_rows


def test_group_rates_and_intervals_are_those_of_the_table(result):
    display = FairnessDriftDisplay.from_result(result, model="one", difference_bound=0.05)
    table = result.group_table
    last = table[
        (table["model"] == "one")
        & (table["view"] == "window")
        & (table["rows_seen"] == display.rows[-1])
    ].set_index("group")
    for group in ("a", "b", "c"):
        row = last.loc[group]
        assert display.group_rates[group][-1] == row["selection_rate"]
        n = int(row["n_rows"])
        ends = binomtest(round(row["selection_rate"] * n), n).proportion_ci(method="wilson")
        assert display.group_intervals[group][-1] == pytest.approx([ends.low, ends.high])
    rates = [display.group_rates[group] for group in "abc"]
    np.testing.assert_allclose(display.gap, np.ptp(rates, axis=0))


@pytest.mark.parametrize("rate", ["true_positive_rate", "false_positive_rate"])
def test_intervals_of_conditional_rates_count_the_rows_of_the_event(result, rate):
    display = FairnessDriftDisplay.from_result(
        result, measure="equalized_odds_difference", rate=rate
    )
    view = result.points[-1].models["grows"].views["window"]
    truth = 1 if rate == "true_positive_rate" else 0
    for g, group in enumerate(result.group_names):
        selected, n = view.counts[g, truth, 1], int(view.counts[g, truth].sum())
        ends = binomtest(int(selected), n).proportion_ci(method="wilson")
        assert display.group_intervals[group][-1] == pytest.approx([ends.low, ends.high])


def test_usage_sums_to_one_and_follows_growth(result):
    display = ExpertUsageDisplay.from_result(result, model="grows")
    np.testing.assert_allclose(display.weights.sum(axis=1), 1.0)
    assert display.experts == list(range(1, result.estimators["grows"].n_experts_ + 1))
    first = display.weights[display.rows <= 900]
    np.testing.assert_allclose(first[:, 0], 1.0)
    one = ExpertUsageDisplay.from_result(result, model="one", group="a")
    assert one.weights.shape[1] == 1


def test_usage_is_the_mean_gate_weight_of_the_groups():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 2))
    y, sex = (X[:, 0] > 0).astype(int), rng.choice(["f", "m"], 600)
    model = FEAMOEClassifier(growth_interval=100, random_state=0)
    model.fit(X, y, sensitive_features=sex)
    result = prequential(model, [(X, y, sex)], train=False, evaluate_every=600)
    table = result.expert_table
    gate = model.gate_proba(X)
    for group, rows in ((None, slice(None)), ("f", sex == "f"), ("m", sex == "m")):
        part = table[table["group"].isna()] if group is None else table[table["group"] == group]
        np.testing.assert_allclose(part["weight"], gate[rows].mean(axis=0))


def test_of_many_experts_the_least_used_share_an_area():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.arange(1.0, 10.0), 20)  # nine experts, the last used most
    rows = np.arange(100, 2_100, 100)
    display = ExpertUsageDisplay(rows=rows, weights=weights, experts=list(range(1, 10))).plot()
    labels = [text.get_text() for text in display.ax_[0].get_legend().get_texts()]
    top = np.sort(np.argsort(-weights.sum(axis=0))[:5]) + 1
    assert labels == ["4 others", *(f"expert {k}" for k in top[::-1])]
    drawn, experts = display._drawn()
    assert experts == top.tolist()
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    np.testing.assert_allclose(drawn[:, -1], 1.0 - weights[:, top - 1].sum(axis=1))


def test_models_without_a_gate_have_no_experts_to_draw():
    rng = np.random.default_rng(0)
    X, sex = rng.normal(size=(400, 2)), rng.choice(["f", "m"], 400)
    y = (X[:, 0] > 0).astype(int)
    batches = [(X[i : i + 50], y[i : i + 50], sex[i : i + 50]) for i in range(0, 400, 50)]
    result = prequential({"sgd": SGDClassifier(random_state=0)}, batches)
    with pytest.raises(ValueError, match=r"model 'sgd' has no experts; choose one with gate"):
        ExpertUsageDisplay.from_result(result)


def test_wrong_choices_are_refused(result):
    with pytest.raises(ValueError, match="measure must be one of"):
        PrequentialDisplay.from_result(result, measures=["speed"])
    with pytest.raises(ValueError, match="view must be one of"):
        PrequentialDisplay.from_result(result, view="last")
    with pytest.raises(ValueError, match="model must be one of"):
        FairnessDriftDisplay.from_result(result, model="two")
    with pytest.raises(ValueError, match="measure must be a gap"):
        FairnessDriftDisplay.from_result(result, measure="accuracy")
    with pytest.raises(ValueError, match="group must be one of"):
        ExpertUsageDisplay.from_result(result, group="z")
    with pytest.raises(ValueError, match="ax must be 2 axes"):
        PrequentialDisplay.from_result(result, ax=plt.subplots()[1])


def test_rates_panels_and_views_that_are_none_are_refused(result):
    with pytest.raises(ValueError, match=r"rate must be one of .*'speed'"):
        FairnessDriftDisplay.from_result(result, rate="speed")
    for panels in ((), ("rates", "gaps")):
        with pytest.raises(ValueError, match="panels must be of 'rates' and 'gap'"):
            FairnessDriftDisplay.from_result(result, panels=panels)


def test_a_run_without_groups_has_no_rates_of_groups_to_draw():
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = (X[:, 0] > 0).astype(int)
    result = prequential(
        SGDClassifier(random_state=0), [(X[:100], y[:100]), (X[100:], y[100:])]
    )
    with pytest.raises(ValueError, match="result has no groups; pass sensitive_features"):
        FairnessDriftDisplay.from_result(result)


def test_lines_stand_alone_where_there_is_no_interval_and_nobody_of_a_group():
    rows = np.arange(100, 600, 100)
    rates = {"f": np.linspace(0.4, 0.5, 5), "gone": np.full(5, np.nan)}
    gap = np.linspace(0.1, 0.0, 5)
    display = FairnessDriftDisplay(rows=rows, gap=gap, group_rates=rates).plot()
    rates_ax, gap_ax = display.ax_
    assert not rates_ax.collections  # no area of an interval
    assert not gap_ax.collections
    np.testing.assert_array_equal(rates_ax.lines[0].get_ydata(), rates["f"])
    np.testing.assert_array_equal(gap_ax.lines[0].get_ydata(), gap)
    named = [text.get_text() for text in rates_ax.texts]
    assert any("f" in text for text in named)
    assert not any("gone" in text for text in named)  # has no end that a name could stand at


def test_changes_are_marked_with_and_without_width_and_name(result):
    display = PrequentialDisplay.from_result(result)
    n_texts = len(display.ax_[0].texts)
    display.mark_changes([1_000, 3_000], widths=[500, 0])
    areas = [patch for patch in display.ax_[-1].patches if patch.get_width() == 500]
    assert [area.get_x() for area in areas] == [1_000]
    assert len(display.ax_[0].texts) == n_texts
    display.mark_changes([1_000], names=["crisis"])
    assert [text.get_text() for text in display.ax_[0].texts[n_texts:]] == ["crisis"]

"""Pictures of the rule show the numbers that its tables and predictions have."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import equalized_odds_difference
from rule_models import make_world
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import CoverageDisplay, FrontierDisplay
from skfeamoe.inspection._frontier import _followed
from skfeamoe.metrics import coverage, selective_accuracy
from skfeamoe.postprocessing import BiasScoreClassifier

X, Y, GROUP = make_world(3000)


@pytest.fixture(autouse=True)
def no_figures_left():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    rule = BiasScoreClassifier(LogisticRegression(), random_state=0)
    return rule.fit(X, Y, sensitive_features=GROUP)


def test_frontier_draws_the_table_of_one_fit_and_rivals(model):
    rival = pd.DataFrame({"difference": [0.01, 0.2], "accuracy": [0.6, 0.7]})
    display = FrontierDisplay.from_estimator(
        model, bounds=[0.02, 0.1, 0.3], name="rule", rivals={"rival": rival}
    )
    table = model.frontier([0.02, 0.1, 0.3])
    ours, theirs = (container.lines[0].get_xydata() for container in display.ax_.containers)
    expected = table[["demographic_parity_difference", "accuracy"]]
    np.testing.assert_allclose(ours, expected.sort_values(expected.columns[0]))
    np.testing.assert_allclose(theirs, rival)
    assert [text.get_text() for text in display.ax_.get_legend().texts] == ["rule", "rival"]
    assert {text.get_text() for text in display.ax_.texts} <= {"0.02", "0.1", "0.3"}
    assert "95 %" in display.ax_.get_xlabel()


def test_points_whose_gap_is_not_known_are_not_drawn():
    table = pd.DataFrame(
        {"bound": [0.1, 0.2], "difference": [np.nan, 0.2], "accuracy": [0.6, 0.7]}
    )
    display = FrontierDisplay({"one": table, "none": table[:1]}).plot()
    drawn = [container.lines[0].get_xydata().tolist() for container in display.ax_.containers]
    assert drawn == [[[0.2, 0.7]], []]
    assert [text.get_text() for text in display.ax_.texts] == ["0.2"]


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_sweep_fits_once_a_bound_and_measures_other_rows(capsys):
    base = FEAMOEClassifier("equalized_odds", max_iter=1, random_state=0)
    display = FrontierDisplay.from_sweep(
        base, X, Y, GROUP, bounds=[0.05, 0.5], random_state=3, progress=True
    )
    train, test = train_test_split(np.arange(len(Y)), test_size=0.25, random_state=3)
    model = FEAMOEClassifier(
        "equalized_odds", difference_bound=0.5, max_iter=1, random_state=0
    ).fit(X[train], Y[train], sensitive_features=GROUP[train])
    decided = model.predict(X[test])
    point = display.tables["FEAMOEClassifier"].set_index("bound").loc[0.5]
    assert point["accuracy"] == (decided == Y[test]).mean()
    assert point["difference"] == pytest.approx(
        equalized_odds_difference(Y[test], decided, sensitive_features=GROUP[test])
    )
    assert "bounds" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_a_sweep_cuts_ages_as_the_classifier_does():
    age = np.random.default_rng(0).integers(18, 80, len(Y))
    found = [
        FrontierDisplay.from_sweep(
            FEAMOEClassifier(sensitive_bins=bins, max_iter=1, random_state=0),
            X,
            Y,
            sensitive,
            bounds=[0.3],
            random_state=3,
        ).tables["FEAMOEClassifier"]
        for bins, sensitive in (([50], age), (None, np.where(age >= 50, "old", "young")))
    ]
    np.testing.assert_allclose(found[0], found[1])


def test_other_constraints_are_refused(model):
    with pytest.raises(ValueError, match="one of the estimator's constraints"):
        FrontierDisplay.from_estimator(model, constraint="equalized_odds")
    with pytest.raises(ValueError, match="on rates"):
        FrontierDisplay.from_sweep(FEAMOEClassifier("burden"), X, Y, GROUP)


def test_coverage_display_shows_what_predict_does(model):
    display = CoverageDisplay.from_estimator(model, X, Y, GROUP, coverages=[0.7])
    decided = model.with_coverage(0.7).predict(X)
    table = display.table.set_index(["group", "decided"])
    for group in "ab":
        of = group == GROUP
        line = table.loc[(group, coverage(Y, decided))]
        assert line["coverage"] == pytest.approx(coverage(Y[of], decided[of]))
        assert line["accuracy"] == pytest.approx(selective_accuracy(Y[of], decided[of]))
    assert (table.xs(1.0, level="decided")["coverage"] == 1.0).all()
    assert len(display.ax_) == 2
    drawn = {tuple(point) for line in display.ax_[1].lines for point in line.get_xydata()}
    expected = {tuple(row) for row in display.table[["decided", "coverage"]].to_numpy()}
    assert drawn == expected


def test_bounds_are_written_beside_points_that_are_far_enough_apart():
    table = pd.DataFrame(
        {
            "bound": [0.01, 0.02, 0.1, 0.3],
            "difference": [0.010, 0.011, 0.1, 0.2],
            "accuracy": [0.7, 0.71, 0.75, 0.8],
        }
    )
    _, ax = plt.subplots()
    display = FrontierDisplay(tables={"one": table}, constraint="demographic_parity").plot(
        ax=ax
    )
    assert display.ax_ is ax
    assert [text.get_text() for text in ax.texts] == ["0.01", "0.1", "0.3"]


def test_a_frontier_is_followed_with_and_without_a_bar():
    pytest.importorskip("rich", reason="needs rich, of the extra `demo`")
    points = [{"bound": 0.1}, {"bound": 0.2}]
    for progress in (False, True):
        assert _followed(iter(points), 2, progress) == points

"""Pictures draw, and what they show is what was computed."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from explain_models import fitted, labels, onehot_frame

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import (
    CoefficientsDisplay,
    DecisionDisplay,
    ExpertRegionsDisplay,
    GroupComparisonDisplay,
    RoutingDisplay,
    decision_plot,
    explain_gap,
)
from skfeamoe.inspection._gap import gap_of_view
from skfeamoe.inspection._views import view_of_output


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module", params=[2, 3])
def case(request):
    rng = np.random.default_rng(request.param)
    X = onehot_frame(rng)
    y = labels(rng, X, request.param)
    group = np.where(X["sex_f"] == 1, "f", "m")
    return fitted(X, y), X, group


def texts(ax):
    return [t.get_text() for t in ax.texts] + [t.get_text() for t in ax.get_yticklabels()]


SHAP_PLOTS = {
    "waterfall": lambda e, p: p.waterfall(e[0], show=False),
    "beeswarm": lambda e, p: p.beeswarm(e, show=False),
    "bar": lambda e, p: p.bar(e, show=False),
    "bar of a row": lambda e, p: p.bar(e[0], show=False),
    "heatmap": lambda e, p: p.heatmap(e, show=False),
    "scatter": lambda e, p: p.scatter(e[:, 0], color=e[:, 2], show=False),
    "scatter of a group": lambda e, p: p.scatter(e[:, "sex"], show=False),
    "violin": lambda e, p: p.violin(e, show=False),
    "force": lambda e, p: p.force(e[0], matplotlib=True, show=False),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", SHAP_PLOTS)
def test_shaps_plots_draw(case, name):
    import shap

    model, X, _ = case
    explanation = model.explain(X[:12], feature_groups="onehot", background=X[20:40])
    if explanation.values.ndim == 3:
        explanation = explanation[:, :, "1"]
    SHAP_PLOTS[name](explanation, shap.plots)
    assert plt.gcf().axes


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("game", ["interventional", "gate_frozen_probability"])
def test_decision_plot_ends_at_the_output(case, game):
    model, X, _ = case
    explanation = model.explain(X[:7], game=game, background=X[20:40])
    proba = model.predict_proba(X[:7])[:, 1]
    if explanation.values.ndim == 3:
        with pytest.raises(ValueError, match="of several rows and one output"):
            decision_plot(explanation)
        explanation = explanation[:, :, 1]
    ax = decision_plot(explanation)
    ends = [line.get_xdata()[-1] for line in ax.lines if len(line.get_xdata()) > 5]
    assert np.sort(ends) == pytest.approx(np.sort(proba), abs=1e-9)


@pytest.mark.parametrize("output", ["probability", "log_odds"])
def test_decision_display(case, output):
    model, X, _ = case
    display = DecisionDisplay.from_estimator(
        model, X[:1], feature_groups="onehot", output=output, max_features=3
    )
    proba = model.predict_proba(X[:1])[0, -1]
    end = proba if output == "probability" else np.log(proba / (1 - proba))
    total = display.base_value + display.expert_values.sum() + display.routing_values.sum()
    assert total == pytest.approx(end, abs=1e-9)
    waterfall, routing = display.ax_
    assert f"{end:.3f}" in texts(waterfall)
    assert "2 others" in texts(waterfall)
    assert len(routing.get_yticklabels()) == model.n_experts_
    assert display.figure_ is waterfall.figure
    assert display.mean_gate_proba.sum() == pytest.approx(1.0)


def test_decision_display_of_the_other_class(case):
    model, X, _ = case
    first = DecisionDisplay.from_estimator(model, X[:1], label=0)
    total = first.base_value + first.expert_values.sum() + first.routing_values.sum()
    assert total == pytest.approx(model.predict_proba(X[:1])[0, 0], abs=1e-9)


def test_decision_display_from_explanation_and_given_axes(case):
    model, X, _ = case
    explanation = model.explain(X[:3], decompose=True, background=X[20:40])
    row = explanation[1] if explanation.values.ndim == 2 else explanation[1, :, 2]
    _, ax = plt.subplots()
    display = DecisionDisplay.from_explanation(row, ax=ax)
    assert display.ax_ is ax
    assert np.any(display.routing_values)
    with pytest.raises(ValueError, match="of one row and one output"):
        DecisionDisplay.from_explanation(explanation)
    with pytest.raises(ValueError, match=r"one person, shape \(1, n_features\), got 2 rows"):
        DecisionDisplay.from_estimator(model, X[:2])


def test_gap_sums_to_the_gap_in_mean_probability(case):
    model, X, group = case
    for label in model.classes_:
        gap = explain_gap(model, X, group, feature_groups="onehot", label=label)
        proba = model.predict_proba(X)[:, label]
        means = {g: proba[group == g].mean() for g in ("f", "m")}
        names = [gap.groups[gap.highest], gap.groups[gap.lowest]]
        assert gap.gap == pytest.approx(means[names[0]] - means[names[1]], abs=1e-12)
        assert gap.gap >= 0
        assert gap.values.sum() == pytest.approx(gap.gap, abs=1e-9)
        assert gap.base_value + gap.mean_values.sum(axis=1) == pytest.approx(gap.mean_output)
        assert np.array_equal(gap.computation_error, np.zeros(4))
        frame = gap.to_frame()
        assert frame["value"].sum() == pytest.approx(gap.gap)


def test_groups_are_those_of_the_classifier():
    """Ages are cut as in `fit`; names of groups and other attributes stay as they are."""
    rng = np.random.default_rng(0)
    X, age, team = rng.normal(size=(600, 3)), rng.integers(18, 80, 600), rng.random(600) < 0.5
    y = (X[:, 0] + rng.normal(size=600) > 0).astype(int)
    model = FEAMOEClassifier(sensitive_bins=[50], max_iter=2, random_state=0)
    model.fit(X, y, sensitive_features=age)
    given = [age, age.astype(float), model.sensitive_groups(age)]
    gaps = [explain_gap(model, X, a, background=X[:20]) for a in given]
    assert [sorted(gap.groups) for gap in gaps] == 3 * [["50 and above", "below 50"]]
    assert len({gap.gap for gap in gaps}) == 1
    regions = ExpertRegionsDisplay.from_estimator(model, X, sensitive_features=age)
    assert sorted(regions.groups[1:]) == ["50 and above", "below 50"]
    routing = RoutingDisplay.from_estimator(model, X, age)
    assert [line.split(" (")[0] for line in routing.labels[1:]] == ["50 and above", "below 50"]
    both = {"age": age, "team": team}
    model.set_params(sensitive_bins={"age": [50]}).fit(X, y, sensitive_features=both)
    by_team = explain_gap(model, X, team, background=X[:20])
    assert sorted(by_team.groups) == ["False", "True"]
    turned = explain_gap(model, X, {"team": team, "age": age}, background=X[:20])
    assert sorted(turned.groups) == sorted(model.groups_)


def test_gap_of_a_chosen_pair_turns_its_sign(case):
    model, X, group = case
    options = {"background": X[:50], "feature_groups": "onehot"}
    one = explain_gap(model, X[:60], group[:60], groups=("f", "m"), **options)
    two = explain_gap(model, X[:60], group[:60], groups=("m", "f"), **options)
    assert np.array_equal(one.values, -two.values)


def test_standard_errors_of_the_gap_cover_it():
    rng = np.random.default_rng(0)
    X = onehot_frame(rng, 4000)
    group = np.where(rng.random(4000) < 0.3, "a", "b")
    X["age"] += 5 * (group == "a")
    model = fitted(X, labels(rng, X))
    explanation = model.explain(X, feature_groups="onehot", background=X[:20])
    view = view_of_output(explanation)
    whole = gap_of_view(view, group, ("a", "b"))
    hits = []
    for _ in range(200):
        rows = rng.permutation(4000)[:200]
        sample = view._replace(
            values=view.values[rows],
            base_values=view.base_values[rows],
            error_std=view.error_std[rows],
        )
        part = gap_of_view(sample, group[rows], ("a", "b"))
        hits.append(np.abs(part.values - whole.values) <= 1.96 * part.standard_error)
    assert 0.92 <= np.mean(hits) <= 0.98


def test_gap_refuses_what_it_cannot_compare(case):
    model, X, group = case
    with pytest.raises(ValueError, match="at least two groups of two rows"):
        explain_gap(model, X[:5], ["a"] * 5)
    with pytest.raises(ValueError, match="groups must be two different groups"):
        explain_gap(model, X[:20], group[:20], groups=("f", "x"), background=X[:5])
    with pytest.raises(ValueError, match="game must not be given to explain_gap"):
        explain_gap(model, X[:20], group[:20], game="gate_frozen_margin")
    with pytest.raises(ValueError, match="label must be one of the classes"):
        explain_gap(model, X[:20], group[:20], label="yes")
    frozen = model.explain(X[:20], game="gate_frozen_probability", background=X[:9])
    frozen = frozen if frozen.values.ndim == 2 else frozen[:, :, 1]
    with pytest.raises(ValueError, match="must be of game='interventional'"):
        GroupComparisonDisplay.from_explanation(frozen, group[:20])


def test_group_comparison_display(case):
    model, X, group = case
    unknown = group.astype(object)
    unknown[:7] = None
    display = GroupComparisonDisplay.from_estimator(
        model, X, unknown, feature_groups="onehot", max_features=3
    )
    assert display.gap.n_unknown == 7
    assert "2 others" in texts(display.ax_)
    assert any("gap" in text for text in texts(display.ax_))


def test_expert_regions_display(case):
    model, X, group = case
    years = np.repeat([2001.0, 2002.0, 2004.0], 100)
    display = ExpertRegionsDisplay.from_estimator(
        model, X, sensitive_features=group, time=years
    )
    gate = model.gate_proba(X)
    assert display.groups[0] == "everyone"
    assert display.group_weights[0] == pytest.approx(gate.mean(axis=0))
    f = display.groups.index("f")
    assert display.group_weights[f] == pytest.approx(gate[group == "f"].mean(axis=0))
    assert display.time_points.tolist() == [2001.0, 2002.0, 2004.0]
    assert display.time_weights[1] == pytest.approx(gate[100:200].mean(axis=0))
    assert len(display.ax_) == 2
    many = ExpertRegionsDisplay.from_predictions(gate, time=np.arange(300), n_bins=7)
    assert many.time_weights.shape == (7, model.n_experts_)
    with pytest.raises(ValueError, match="time must be one finite number per row"):
        ExpertRegionsDisplay.from_predictions(gate, time=[1, 2])


def test_coefficients_display(case):
    model, X, _ = case
    display = CoefficientsDisplay.from_estimator(model, max_features=4)
    scale = X.to_numpy().std(axis=0)
    gate = model.gate_coef_ - model.gate_coef_.mean(axis=0)
    assert display.gate_coef == pytest.approx(gate * scale)
    assert len(display.ax_[0].get_yticklabels()) == 4
    raw = CoefficientsDisplay.from_estimator(model, standardized=False, label=0)
    expected = -model.expert_coef_[:, 0]
    if len(model.classes_) > 2:
        expected = model.expert_coef_[:, 0] - model.expert_coef_.mean(axis=1)
    assert raw.expert_coef == pytest.approx(expected)
    empty = FEAMOEClassifier(constraints=None, background_size=0, random_state=0)
    empty.fit(X[:50], np.arange(50) % 2)
    with pytest.raises(ValueError, match="standardized=True needs the background rows"):
        CoefficientsDisplay.from_estimator(empty)


def test_a_decision_without_routing_and_cells_has_one_picture(case):
    values = np.array([0.2, -0.1, 0.05])
    parts = {"expert_values": values, "routing_values": np.zeros(3), "base_value": 0.4}
    names = ["income", "age", "debt"]
    display = DecisionDisplay(feature_names=names, **parts).plot()
    assert display.ax_ is display.figure_.axes[0]
    assert len(display.figure_.axes) == 1
    named = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert set(names) <= set(named)  # the name alone, as no value is known
    gate = np.array([0.7, 0.3])
    both = DecisionDisplay(feature_names=names, gate_proba=gate, **parts).plot()
    _, routing = both.ax_
    assert [bar.get_width() for bar in routing.patches] == gate.tolist()
    assert not routing.texts  # what the experts say is not known
    assert routing.get_legend() is None  # nor what the gate is on average
    told = DecisionDisplay(
        feature_names=names, gate_proba=gate, expert_proba=np.array([0.9, 0.2]), **parts
    ).plot()
    assert [text.get_text() for text in told.ax_[1].texts] == ["says 0.90", "says 0.20"]


def test_expert_regions_without_time_have_the_table_alone(case):
    model, X, group = case
    gate = model.gate_proba(X)
    display = ExpertRegionsDisplay.from_predictions(gate, sensitive_features=group)
    assert display.time_points is None
    assert len(display.figure_.axes) == 1
    assert display.ax_ is display.figure_.axes[0]
    _, ax = plt.subplots()
    with_time = ExpertRegionsDisplay.from_predictions(gate, time=np.arange(300), ax=ax)
    assert with_time.ax_ is ax  # one place is for the table
    with pytest.raises(ValueError, match="time must have at least two different values"):
        ExpertRegionsDisplay.from_predictions(gate, time=np.full(300, 2001.0))

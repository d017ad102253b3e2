"""Abstention: as many decided as asked, alike in all groups, and no group harmed."""

from dataclasses import replace

import numpy as np
import pytest
from rule_models import make_world, random_rows
from sklearn.linear_model import LogisticRegression

from skfeamoe import FairnessWarning
from skfeamoe.metrics import coverage, coverage_difference, selective_accuracy
from skfeamoe.postprocessing import BiasScoreClassifier, _fitting
from skfeamoe.postprocessing._coverage import (
    CoverageRule,
    bounded_groups,
    confidence,
    harmed_groups,
    reached,
    solve_coverage,
)
from skfeamoe.postprocessing._fitting import find_rules
from skfeamoe.postprocessing._inputs import request_of
from skfeamoe.postprocessing._messages import harmed, missed

X, Y, GROUP = make_world(6000)
X_NEW, Y_NEW, GROUP_NEW = make_world(20_000, seed=1)


def unlike_sharpness(n_samples, seed=0):
    """Groups that one model knows unlike well: plain confidence leaves one undecided."""
    held = random_rows(n_samples, seed=seed)
    rng = np.random.default_rng(seed + 1)
    z = rng.normal(size=n_samples) * np.where(held.groups == 0, 0.6, 2.5)
    eta = 1 / (1 + np.exp(-z))
    return held.__class__(eta, held.pi, held.groups, rng.random(n_samples) < eta, held.weight)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("bound", [0.02, 0.2])
@pytest.mark.parametrize("no_harm", [False, True])
def test_coverage_and_its_gap_are_as_asked(share, bound, no_harm):
    held = unlike_sharpness(8000)
    plain = confidence(held.eta) >= np.quantile(confidence(held.eta), 1 - share)
    if share < 0.9:
        assert np.ptp(held.rates(plain, ["all"])) > 0.2
    rule = solve_coverage(held, share, bound, no_harm)
    decided = rule.is_covered(held.eta, held.pi)
    assert share - 0.02 < decided.mean() <= share + 1e-9
    assert np.ptp(held.rates(decided, ["all"])) <= bound + 1e-9


def test_without_a_bound_it_is_plain_confidence():
    held = random_rows(4000)
    decided = solve_coverage(held, 0.7, 1.0, False).is_covered(held.eta, held.pi)
    score = confidence(held.eta)
    assert decided.mean() == pytest.approx(0.7, abs=0.005)
    assert score[decided].min() >= score[~decided].max()


def test_no_harm_helps_the_group_whose_confidence_misleads():
    held = random_rows(8000, sure=True)
    wrong = held.groups == 0  # where the model is sure of one group, it is mostly wrong
    sure = confidence(held.eta) > 0.5
    favored = np.where(wrong & sure, held.eta < 0.5, held.favored)
    held = held.__class__(held.eta, held.pi, held.groups, favored, held.weight)

    def loss(no_harm):
        decided = solve_coverage(held, 0.6, 1.0, no_harm).is_covered(held.eta, held.pi)
        right = (held.eta > 0.5) == held.favored
        of_group = held.groups == 0
        return right[of_group].mean() - right[of_group & decided].mean()

    assert loss(False) > 0.05
    assert loss(True) < 0.01


def fitted(**parameters):
    model = BiasScoreClassifier(
        LogisticRegression(), coverage=0.8, coverage_bound=0.02, random_state=0, **parameters
    )
    return model.fit(X, Y, sensitive_features=GROUP)


@pytest.mark.parametrize("constraints", [None, "demographic_parity"])
def test_new_rows_are_covered_alike_and_nobody_is_harmed(constraints):
    model = fitted(constraints=constraints)
    decided = model.predict(X_NEW)
    assert set(decided) == {-1, 0, 1}
    np.testing.assert_array_equal(decided != -1, model.is_decided(X_NEW))
    assert coverage(Y_NEW, decided) == pytest.approx(0.8, abs=0.03)
    assert coverage_difference(Y_NEW, decided, sensitive_features=GROUP_NEW) < 0.05
    everyone = model.classes_[model.predict_proba(X_NEW).argmax(axis=1)]
    for group in "ab":
        of = group == GROUP_NEW
        gain = selective_accuracy(Y_NEW[of], decided[of]) - (everyone == Y_NEW)[of].mean()
        assert gain > -0.005
    if constraints:
        rates = [(decided == 1)[(decided != -1) & (g == GROUP_NEW)].mean() for g in "ab"]
        assert abs(rates[0] - rates[1]) < 0.1


def test_other_coverages_come_from_the_same_fit():
    model = fitted()
    narrow = model.with_coverage(0.5)
    assert narrow.is_decided(X_NEW).mean() == pytest.approx(0.5, abs=0.03)
    assert model.with_coverage(None).is_decided(X_NEW).all()
    assert (narrow.is_decided(X_NEW) <= model.is_decided(X_NEW)).mean() > 0.98
    table = model.frontier([0.05])
    assert table["met"].all()


def test_labels_of_abstention():
    text = np.where(Y == 1, "yes", "no")
    model = BiasScoreClassifier(LogisticRegression(), coverage=0.8, random_state=0)
    assert set(model.fit(X, text, sensitive_features=GROUP).predict(X)) == {
        "yes", "no", "abstain"
    }  # fmt: skip
    assert set(fitted(abstain_label=9).predict(X_NEW)) == {0, 1, 9}


def test_coverage_without_groups_is_plain_and_told_of():
    model = BiasScoreClassifier(
        LogisticRegression(), constraints=None, coverage=0.7, random_state=0
    )
    with pytest.warns(FairnessWarning, match="coverage_bound and no_harm"):
        model.fit(X, Y)
    assert model.is_decided(X_NEW).mean() == pytest.approx(0.7, abs=0.02)
    score = np.abs(2 * model.estimator_.predict_proba(X_NEW)[:, 1] - 1)
    assert score[model.is_decided(X_NEW)].min() > score[~model.is_decided(X_NEW)].max() - 1e-9


def test_harm_that_remains_is_told_of():
    held = random_rows(4000, sure=True)
    wrong = (held.groups == 0) & (confidence(held.eta) > 0.3)
    favored = np.where(wrong, held.eta < 0.5, held.favored)
    held = replace(held, favored=favored)
    model = BiasScoreClassifier(
        LogisticRegression(), constraints=None, coverage=0.6, coverage_bound=1.0
    )
    model._group_labels = ["left", "right"]
    found = find_rules(model, request_of(model), held, None)
    assert harmed_groups(held, found.coverage, held.eta > 0.5) == [0]
    assert found.messages == {"harmed": harmed(["left"])}
    assert "in: left;" in found.messages["harmed"]
    assert harmed([]) == ""


@pytest.mark.parametrize("n_rare", [1, 3, 12])
@pytest.mark.parametrize("cv", [0.3, None])
def test_a_group_of_next_to_nobody_does_not_decide_for_all_others(n_rare, cv):
    groups = GROUP.astype(object)
    groups[:n_rare] = "rare"
    model = BiasScoreClassifier(
        LogisticRegression(), constraints=None, coverage=0.8, cv=cv, random_state=0
    )
    with pytest.warns(FairnessWarning, match="coverage_bound and no_harm do nothing: rare"):
        model.fit(X, Y, sensitive_features=groups)
    assert model.is_decided(X_NEW).mean() == pytest.approx(0.8, abs=0.03)
    held = model._held_out()
    assert bounded_groups(held).tolist() == [True, True, False]
    covered = CoverageRule(**model._coverage).is_covered(held.eta, held.pi)
    assert np.ptp(held.rates(covered, ["all"])[:2]) <= 0.05 + 1e-9


def test_people_without_groups_are_one_group_however_few():
    assert bounded_groups(random_rows(5, n_groups=1)).tolist() == [True]


def test_coverage_that_tied_scores_do_not_reach_is_told_of():
    held = unlike_sharpness(2000)
    tied = replace(held, eta=np.where(held.eta > 0.5, 0.75, 0.25))
    model = BiasScoreClassifier(LogisticRegression(), coverage=0.8)
    model._group_labels = ["left", "right"]
    found = find_rules(model, request_of(model), tied)
    covered = found.coverage.is_covered(tied.eta, tied.pi)
    assert covered.mean() < 0.7
    told = missed(tied, covered, 0.8, 0.05)
    assert found.messages["missed"] == told
    assert f"{covered.mean():.3f} of the rows are decided for coverage=0.8" in told


def test_coverage_bound_that_is_passed_is_told_of():
    held = random_rows(1000)
    covered = (held.groups == 0) | (np.arange(1000) % 10 < 7)
    total, gap = reached(held, covered)
    assert gap == pytest.approx(1.0 - covered[held.groups == 1].mean())
    told = missed(held, covered, total, 0.05)
    assert told.startswith(f"on held-out rows coverage differs by {gap:.3f} for coverage_bound")
    assert missed(held, covered, total + 0.015, gap) == ""


def test_nobody_who_is_decided_is_no_error(monkeypatch):
    nobody = CoverageRule(np.r_[np.zeros(5), 2.0], np.full(2, 0.5), np.full(2, 0.5))
    monkeypatch.setattr(_fitting, "solve_coverage", lambda *_: nobody)
    model = BiasScoreClassifier(LogisticRegression(), coverage=0.8)
    model._group_labels = ["left", "right"]
    found = find_rules(model, request_of(model), random_rows(500))
    assert np.isnan(found.audit.accuracy)
    assert np.isnan(found.audit.gaps["demographic_parity"])
    assert set(found.messages) == {"missed", "uncompared"}
    assert "0.000 of the rows" in found.messages["missed"]


@pytest.mark.parametrize(
    ("dtype", "label", "found"),
    [
        ("uint8", None, -1),
        ("int8", 256, 256),
        ("<U3", None, "abstain"),
        ("float32", None, -1.0),
    ],
)
def test_a_label_that_the_kind_of_the_others_cannot_hold_is_given_all_the_same(
    dtype, label, found
):
    """-1 became 255 among uint8, and 256 became a decision for 0 among int8."""
    X, y, groups = make_world(1_500)
    labels = np.array(["no", "yes"])[y] if dtype == "<U3" else y.astype(dtype)
    model = BiasScoreClassifier(
        LogisticRegression(), coverage=0.8, abstain_label=label, random_state=0
    )
    decided = model.fit(X, labels, sensitive_features=groups).predict(X)
    assert set(np.unique(decided).tolist()) == {*np.unique(labels).tolist(), found}
    assert 0.7 < np.mean(decided != found) < 0.9

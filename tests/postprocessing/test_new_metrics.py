"""Measures of abstention and infra-marginality against counts by hand and known truths."""

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference

from skfeamoe.metrics import (
    coverage,
    coverage_difference,
    implied_threshold,
    infra_marginality,
    infra_marginality_difference,
    risk_explained_difference,
    selective_accuracy,
    selective_accuracy_difference,
)

RNG = np.random.default_rng(0)
Y = RNG.integers(2, size=400)
PRED = RNG.integers(-1, 2, size=400)
GROUP = RNG.choice(["a", "b", "c"], size=400)
RISK = RNG.random(400)


def by_group(values, where=None):
    where = np.ones(len(values), bool) if where is None else where
    return [values[where & (g == GROUP)].mean() for g in "abc" if (where & (g == GROUP)).any()]


def test_coverage_and_selective_accuracy_are_those_counted_by_hand():
    decided = PRED != -1
    assert coverage(Y, PRED) == decided.mean()
    assert selective_accuracy(Y, PRED) == (PRED == Y)[decided].mean()
    found = coverage_difference(Y, PRED, sensitive_features=GROUP)
    assert found == pytest.approx(np.ptp(by_group(decided)))
    found = selective_accuracy_difference(Y, PRED, sensitive_features=GROUP)
    assert found == pytest.approx(np.ptp(by_group(PRED == Y, decided)))


def test_row_of_weight_two_is_a_row_given_twice():
    weight = RNG.integers(1, 3, size=400)
    again = np.repeat(np.arange(400), weight)
    for measure in (coverage, selective_accuracy):
        assert measure(Y, PRED, sample_weight=weight) == pytest.approx(
            measure(Y[again], PRED[again])
        )
    for measure in (coverage_difference, selective_accuracy_difference):
        assert measure(
            Y, PRED, sensitive_features=GROUP, sample_weight=weight
        ) == pytest.approx(measure(Y[again], PRED[again], sensitive_features=GROUP[again]))


def test_groups_without_decisions_are_left_out_of_accuracy_not_of_coverage():
    some = np.where(GROUP == "a", -1, PRED)
    decided = some != -1
    found = selective_accuracy_difference(Y, some, sensitive_features=GROUP)
    assert found == pytest.approx(np.ptp(by_group(some == Y, decided)))
    assert coverage_difference(Y, some, sensitive_features=GROUP) == max(by_group(decided))
    alone = np.where(GROUP == "b", PRED, -1)
    assert np.isnan(selective_accuracy_difference(Y, alone, sensitive_features=GROUP))
    assert np.isnan(selective_accuracy(Y, np.full(400, -1)))


def test_other_labels():
    text = np.array(["no", "yes"])[Y]
    pred = np.where(PRED == -1, "ask", np.array(["no", "yes"])[PRED])
    assert coverage(text, pred, abstain_label="ask") == coverage(Y, PRED)
    assert selective_accuracy(text, pred, abstain_label="ask") == selective_accuracy(Y, PRED)
    for measure in (coverage, selective_accuracy):
        for answers in (pred, np.array(pred, dtype=object)):
            with pytest.raises(ValueError, match=r"abstain_label must be of the kind.*got -1"):
                measure(text, answers)
        with pytest.raises(ValueError, match="got 'ask'"):
            measure(Y, PRED, abstain_label="ask")


def test_decisions_of_the_twin_have_no_infra_marginality():
    twin = (RISK > 0.5).astype(int)
    assert infra_marginality(Y, twin, risk=RISK) == 0.0
    assert infra_marginality(Y, 1 - twin, risk=RISK) == 1.0
    turned = np.where(GROUP == "a", 1 - twin, twin)
    assert infra_marginality_difference(
        Y, turned, risk=RISK, sensitive_features=GROUP
    ) == 1.0  # fmt: skip
    assert infra_marginality(Y, turned, risk=RISK) == pytest.approx((GROUP == "a").mean())


def test_one_threshold_for_all_explains_its_own_gap():
    risk = np.clip(RISK + 0.3 * (GROUP == "a"), 0, 1)
    for threshold in (0.3, 0.5, 0.8):
        pred = (risk > threshold).astype(int)
        expected = demographic_parity_difference(Y, pred, sensitive_features=GROUP)
        found = risk_explained_difference(Y, pred, risk=risk, sensitive_features=GROUP)
        assert found == pytest.approx(expected)
        assert implied_threshold(Y, pred, risk=risk) == pytest.approx(threshold, abs=0.02)


def test_ties_are_shared_out_and_nobody_or_everybody_favored_is_no_gap():
    constant = np.full(400, 0.4)
    assert risk_explained_difference(
        Y, Y, risk=constant, sensitive_features=GROUP
    ) == pytest.approx(0.0)  # fmt: skip
    for pred, threshold in ((np.zeros(400), 1.0), (np.ones(400), 0.0)):
        assert risk_explained_difference(Y, pred, risk=RISK, sensitive_features=GROUP) == 0.0
        assert implied_threshold(Y, pred, risk=RISK) == threshold


def test_risks_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="risk must be probabilities"):
        infra_marginality([0, 1], [0, 1], risk=[0.2, 2.0])
    with pytest.raises(ValueError, match="inconsistent"):
        infra_marginality([0, 1], [0, 1], risk=[0.2])


@pytest.mark.parametrize("n_favored", range(6))
def test_the_implied_threshold_is_halfway_between_the_risks_on_both_sides(n_favored):
    risk = np.array([0.2, 0.05, 0.9, 0.5, 0.6])
    order = np.argsort(-risk)
    favored = np.zeros(5, dtype=int)
    favored[order[:n_favored]] = 1
    found = implied_threshold(favored, favored, risk=risk)
    if n_favored in (0, 5):
        assert found == (1.0 if n_favored == 0 else 0.0)
    else:
        assert found == pytest.approx(risk[order[n_favored - 1 : n_favored + 1]].mean())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.5])
def test_a_risk_that_is_no_probability_is_refused_as_that(bad):
    with pytest.raises(ValueError, match="risk must be probabilities in"):
        infra_marginality([0, 1], [0, 1], risk=[0.2, bad])

"""Rules on held-out rows: bounds kept, the best there is, mixtures where none alone will do."""

from dataclasses import replace

import numpy as np
import pytest
from rule_models import random_rows

from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._rule import Request, audit, solve_request
from skfeamoe.postprocessing._solve import _constants

PARITY = (("demographic_parity", "all"),)
ODDS = (("equalized_odds", "favorable"), ("equalized_odds", "unfavorable"))


def request(slots, bound, **parameters):
    return Request(slots, dict.fromkeys([name for name, _ in slots], bound), **parameters)


def unlike_groups(n_samples, seed=0, spread=1.0):
    """Two known groups whose probabilities differ in level and in sharpness: ties galore."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(2, size=n_samples)
    logit = np.where(groups == 1, 0.8, -0.8) + rng.normal(size=n_samples) * (
        1 + spread * groups
    )
    eta = 1.0 / (1.0 + np.exp(-logit))
    favored = rng.random(n_samples) < eta
    member = np.eye(2)[groups]
    pi = np.stack([member * (1 - eta)[:, None], member * eta[:, None]], axis=2)
    return HeldOut(eta, pi, groups, favored, np.ones(n_samples))


@pytest.mark.parametrize("n_groups", [2, 3, 6])
@pytest.mark.parametrize("slots", [PARITY, ODDS])
@pytest.mark.parametrize("bound", [0.1, 0.03])
def test_observed_gaps_keep_the_bound(n_groups, slots, bound):
    held = random_rows(20_000, n_groups=n_groups, n_labels=2)
    asked = request(slots, bound)
    free = audit(held, solve_request(held, request(slots, 1.0)), asked)
    found = audit(held, solve_request(held, asked), asked)
    assert max(free.gaps.values()) > 0.12
    assert max(found.gaps.values()) <= bound + 1e-9
    assert max(found.gaps.values()) >= 0.7 * bound, "no more than was asked for"
    assert not found.excess
    assert found.accuracy > free.accuracy - 0.08


def test_rule_is_as_good_as_the_best_thresholds_of_known_groups():
    held = unlike_groups(4000)
    grid = np.linspace(0.02, 0.98, 97)
    best = 0.0
    for low in grid:
        for high in grid:
            decided = held.eta > np.where(held.groups == 0, low, high)
            rates = held.rates(decided, ["all"])
            if abs(rates[0] - rates[1]) <= 0.05:
                best = max(best, held.accuracy(decided))
    asked = request(PARITY, 0.05)
    found = audit(held, solve_request(held, asked), asked)
    assert found.gaps["demographic_parity"] <= 0.05
    assert found.accuracy > best - 0.004


def test_observed_groups_correct_a_second_model_that_is_wrong():
    held = random_rows(20_000, n_labels=1)
    skewed = held.pi**0.5  # too unsure by far
    wrong = replace(held, pi=skewed / skewed.sum(axis=1, keepdims=True))
    asked = request(PARITY, 0.05)
    found = audit(wrong, solve_request(wrong, asked), asked)
    assert 0.03 < found.gaps["demographic_parity"] <= 0.05


@pytest.mark.parametrize("bound", [0.06, 0.02])
def test_conflicting_bounds_are_met_by_a_mixture_and_better_than_by_one_rule(bound):
    held = unlike_groups(8000, spread=2.0)
    asked = request((*PARITY, *ODDS), bound)
    alone = audit(held, solve_request(held, asked), asked)
    rule = solve_request(held, replace(asked, randomize=True))
    mixed = audit(held, rule, asked)
    assert not mixed.excess
    assert len(rule.mixture) > 1
    assert rule.mixture.sum() == pytest.approx(1.0)
    assert max(mixed.gaps.values()) <= bound + 1e-9
    assert alone.excess or mixed.accuracy > alone.accuracy


def test_a_mixture_is_not_used_where_one_rule_is_as_good():
    held = random_rows(5000, n_labels=1)
    rule = solve_request(held, request(PARITY, 0.9, randomize=True))
    assert len(rule.mixture) == 1
    np.testing.assert_array_equal(rule.rules, 0.0)


def test_constant_rules_have_no_gap():
    held = random_rows(500, n_groups=3)
    bounds = request(PARITY, 0.1).bounds(3)
    for rule, rate in zip(_constants(bounds), (0.0, 1.0), strict=True):
        decided = 2 * held.eta - 1 - rule[-1] > 0
        np.testing.assert_array_equal(held.rates(decided, ["all"]), rate)


def test_ratio_bound_is_kept():
    held = random_rows(20_000, n_groups=3, n_labels=1)
    asked = request(PARITY, 1.0, ratio=0.8)
    rule = solve_request(held, asked)
    rates = held.rates(rule.expected(held.eta, held.pi), ["all"])
    assert 0.8 <= rates.min() / rates.max() < 0.83
    assert not audit(held, rule, asked).excess


def test_few_distinct_scores_are_met_by_a_mixture():
    held = unlike_groups(4000)
    tied = replace(held, eta=np.where(held.eta > 0.5, 0.75, 0.25))
    asked = request(PARITY, 0.05)
    rule = solve_request(tied, replace(asked, randomize=True))
    found = audit(tied, rule, asked)
    assert not found.excess
    assert found.accuracy > audit(tied, solve_request(tied, asked), asked).accuracy


def test_groups_without_rows_of_a_label_are_left_out_of_that_event():
    held = random_rows(3000, n_groups=3, n_labels=2)
    favored = np.where(held.groups == 2, False, held.favored)
    asked = request(ODDS, 0.05)
    found = audit(*(lambda rows: (rows, solve_request(rows, asked)))(
        replace(held, favored=favored)), asked)  # fmt: skip
    assert found.gaps["equalized_odds"] <= 0.05
    assert np.isfinite(list(found.errors.values())).all()


def test_what_nothing_is_compared_for_is_not_kept():
    held = random_rows(3000, n_labels=2)
    asked = request((*PARITY, ("equal_opportunity", "favorable")), 0.05)
    alone = replace(held, favored=held.favored & (held.groups == 0))
    found = audit(alone, solve_request(alone, asked), asked)
    assert found.gaps["demographic_parity"] <= 0.05
    assert np.isnan(found.gaps["equal_opportunity"])
    assert np.isnan(found.errors["equal_opportunity"])
    assert not found.excess
    assert not found.met
    assert audit(held, solve_request(held, asked), asked).met


@pytest.mark.parametrize("power", [-600, -40, 300])
@pytest.mark.parametrize("slots", [PARITY, ODDS])
def test_a_common_factor_of_the_weights_changes_nothing(slots, power):
    held = random_rows(3000, n_labels=2)
    weight = np.random.default_rng(0).integers(1, 4, 3000) * 1.0
    held = HeldOut(held.eta, held.pi, held.groups, held.favored, weight)
    scaled = replace(held, weight=np.ldexp(weight, power), label_weight=np.ldexp(weight, power))
    asked = request(slots, 0.1, margin=0.1)
    one, other = (solve_request(rows, asked) for rows in (held, scaled))
    np.testing.assert_array_equal(one.rules, other.rules)
    assert audit(held, one, asked) == audit(scaled, other, asked)
    assert audit(held, one, asked).errors[slots[0][0]] < 0.1
    for events in (["all"], ["favorable", "unfavorable"]):
        np.testing.assert_array_equal(held.sizes(events), scaled.sizes(events))


def test_tiny_groups_do_not_break_the_rule():
    held = random_rows(4000, n_groups=2, n_labels=2)
    tiny = np.zeros((4000, 1, 2))
    tiny[:3] = 0.5
    pi = np.concatenate([held.pi * (1 - tiny.sum(axis=(1, 2), keepdims=True)), tiny], axis=1)
    groups = held.groups.copy()
    groups[:3] = 2
    rows = replace(held, pi=pi, groups=groups)
    asked = request(PARITY, 0.1, randomize=True)
    found = audit(rows, solve_request(rows, asked), asked)
    assert not found.excess
    assert found.errors["demographic_parity"] > 0.0


def test_rows_of_unknown_group_count_for_accuracy_alone():
    held = random_rows(6000, n_labels=1)
    groups = held.groups.copy()
    groups[3000:] = -1
    asked = request(PARITY, 0.05)
    rule = solve_request(replace(held, groups=groups), asked)
    known = held.rows(np.arange(6000) < 3000)
    assert audit(known, rule, asked).gaps["demographic_parity"] <= 0.05

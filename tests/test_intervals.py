"""Intervals of rates, gaps and metrics: known values, and coverage by simulation."""

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import accuracy_score, roc_auc_score

from skfeamoe import FairnessWarning
from skfeamoe.metrics import (
    burden_difference,
    confidence_sequence,
    gap_confidence_sequence,
    gap_interval,
    individual_unfairness,
    mean_gap_interval,
    metric_interval,
    wilson_interval,
)
from skfeamoe.metrics._intervals import _of_rates, _wilson_apart
from skfeamoe.metrics._largest_gap import GapTest, _Rate, normals, of_two, shares
from skfeamoe.metrics._resampled_gap import gap_ends

QUICK, SLOW = 1_500, 20_000


def within(share, n, low=0.93, high=0.97):
    """Whether a measured coverage is in a range, up to three standard errors of it."""
    error = 3 * np.sqrt(0.05 * 0.95 / n)
    return low - error <= share <= high + error


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (50, 100), (100, 100)])
def test_wilson_is_that_of_scipy(k, n):
    want = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson_interval([k / n], [n])[0] == pytest.approx([want.low, want.high], abs=1e-12)


def test_differences_of_rates_are_newcombes_published_example():
    """56/70 against 48/80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    rates, n = np.array([56 / 70, 48 / 80]), np.array([70, 80])
    down, up = _wilson_apart(rates, n, norm.ppf(0.975))
    assert (0.2 - down[0, 1], 0.2 + up[0, 1]) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    found = gap_interval(rates, n)
    assert found.low >= 0.2 - down[0, 1] - 1e-12
    assert found.high <= 0.2 + up[0, 1] + 1e-12


TRUTHS = [0.0, 0.1, 0.7, 1.3, 1.7, 2.2, 3.5, 8.0]


@cache
def ends_of_differences(level):
    """Differences around all truths, and their intervals, which know nothing of a truth."""
    x = np.linspace(-6.0, max(TRUTHS) + 6.0, 7001)
    return x, np.array(
        [mean_gap_interval([0.0, d], [0.6, 0.8], confidence_level=level) for d in x]
    )


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("truth", TRUTHS)
def test_a_gap_of_two_means_is_held_exactly_as_often_as_asked(truth, level):
    """By integration over the difference, which is normal with a standard error of one."""
    x, ends = ends_of_differences(level)
    held = (ends[:, 1] <= truth + 1e-9) & (truth <= ends[:, 2] + 1e-9)
    share = np.average(held, weights=norm.pdf(x - truth))
    assert share == pytest.approx(level, abs=1.5e-3)
    usual = norm.ppf((1 + level) / 2)
    assert (ends[:, 1] >= np.maximum(np.abs(x) - usual, 0.0) - 1e-9).all()
    assert (ends[:, 2] <= np.abs(x) + usual + 1e-9).all()


MANY = {  # means of many groups, and their standard errors
    "all alike": ([0, 0, 0, 0, 0], 1),
    "three alike": ([0, 0, 0], 1),
    "one apart": ([0, 0, 0, 0, 2], 1),
    "one far apart": ([0, 0, 0, 0, 8], 1),
    "halves": ([0, 0, 0, 4, 4], 1),
    "pairs, close": ([0, 0.5, 2, 2.5], 1),
    "a ladder": ([0, 1, 2, 3, 4], 1),
    "a steep ladder": ([0, 4, 8], 1),
    "most between": ([0, 2, 2, 2, 4], 1),
    "ten": ([0, 0, 0, 0, 0, 1, 2, 3, 3, 3], 1),
    "a small group apart": ([0, 0, 0, 0, 4], [1, 1, 1, 1, 3]),
    "a small group alike": ([0, 0, 0, 0, 4], [3, 1, 1, 1, 1]),
    "sizes, all alike": ([0, 0, 0, 0, 0], [0.5, 1, 2, 3, 1]),
    "sizes, a ladder": ([0, 1, 2, 3, 4], [1, 2, 3, 2, 1]),
}


def is_held(means, errors, truth, level=0.95):
    """Whether the test that intervals are made of lets the true gap pass."""
    test = GapTest([means], [errors * normals(len(means))])
    high, low = shares(level)
    return test.above(truth, high) <= 0 and (truth == 0 or test.above(truth, low) >= 0)


FEW = ("all alike", "one far apart", "halves", "sizes, all alike", "sizes, a ladder")


@pytest.mark.parametrize("draws", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "design",
    [*FEW, *(pytest.param(name, marks=pytest.mark.ci) for name in MANY if name not in FEW)],
)
def test_a_gap_of_many_means_is_held_as_often_as_asked(design, draws):
    means, errors = (np.broadcast_to(part, len(MANY[design][0])) for part in MANY[design])
    drawn = np.random.default_rng(0).normal(means, errors, (draws, len(means)))
    held = np.mean([is_held(d, errors, np.ptp(means)) for d in drawn])
    assert within(held, draws)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("design", MANY)
def test_an_interval_of_many_means_is_what_passes_the_test(design, level):
    means, errors = (np.broadcast_to(part, len(MANY[design][0])) for part in MANY[design])
    for seed in range(3):
        drawn = np.random.default_rng(seed).normal(means, errors)
        order = np.lexsort([errors, drawn])
        drawn, in_order = drawn[order], errors[order]
        value, low, high = mean_gap_interval(drawn, in_order, confidence_level=level)
        assert low <= value <= high
        small = 1e-3 * errors.max()
        assert is_held(drawn, in_order, low + small if low else 0.0, level)
        assert low == 0 or not is_held(drawn, in_order, max(low - small, 0.0), level)
        assert not is_held(drawn, in_order, high + small, level)
        a, b = np.triu_indices(len(drawn), 1)
        apart, error = np.abs(drawn[a] - drawn[b]), np.hypot(in_order[a], in_order[b])
        least = of_two(0.0, level)[1] - (apart / error).max()  # two equal means' end
        if high > (apart + max(least, 0.0) * error).max() + small:
            assert is_held(drawn, in_order, high - small, level)


@pytest.mark.parametrize("draws", [100, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rates", [(0.4,) * 5, (0.3, 0.45, 0.35, 0.4, 0.4)])
@pytest.mark.parametrize("ratio", [False, True])
def test_gaps_of_five_groups_are_covered_as_promised(rates, ratio, draws):
    assert within(gap_coverage(rates, (300,) * 5, draws, ratio=ratio), draws)


def test_of_very_many_groups_all_differences_are_held_at_once():
    rng = np.random.default_rng(0)
    n = np.full(41, 400)
    wrong = sum(gap_interval(d / 400, n).low > 0 for d in rng.binomial(n, 0.3, (300, 41)))
    assert 0.05 - 3 * np.sqrt(0.05 * 0.95 / 300) <= wrong / 300 <= 0.05 + 3 * 0.0126


@pytest.mark.parametrize("at_rest", [0.0, 0.3])
def test_groups_without_noise(at_rest):
    assert mean_gap_interval([0.1, 0.1, 0.1 + at_rest], [0.0] * 3) == (
        (pytest.approx(at_rest),) * 3
    )
    _, low, high = mean_gap_interval([0.1, 0.4, 0.2], [0.0, 0.0, 0.01])
    assert (low, high) == pytest.approx((0.3, 0.3), abs=1e-6)


@pytest.mark.parametrize("n", [1, 7, 33, 1000])
def test_ends_of_no_and_of_all_rows_are_exactly_0_and_1(n):
    (low, _), (_, high) = wilson_interval([0.0, 1.0], [n, n])
    assert (low, high) == (0.0, 1.0)
    assert not np.signbit(low)


def test_gaps_know_nothing_of_order_and_of_empty_groups():
    rates, n = np.array([0.3, 0.5, 0.45]), np.array([100, 300, 50])
    found = gap_interval(rates, n)
    assert gap_interval(rates[::-1], n[::-1]) == pytest.approx(found)
    with_empty = gap_interval([*rates, np.nan], [*n, 0])
    assert with_empty == pytest.approx(found)
    assert np.isnan(gap_interval([0.3], [10])).all()


CASES = {
    "equal": ((0.3, 0.3), (200, 300)),
    "apart": ((0.3, 0.45), (200, 300)),
    "small and rare": ((0.05, 0.1), (60, 400)),
    "unequal sizes": ((0.8, 0.75), (40, 5_000)),
}


def most_covered(name):
    """Where the gap is smaller than its noise, its size is never below 0: ends are wide."""
    return 1 if name in ("small and rare", "unequal sizes") else 0.97


def gap_coverage(rates, n, draws, *, ratio=False):
    """Share of simulated samples whose interval holds the true gap."""
    rng = np.random.default_rng(0)
    samples = rng.binomial(n, rates, size=(draws, len(n))) / np.array(n)
    true = min(rates) / max(rates) if ratio else np.ptp(rates)
    found = [gap_interval(sample, n, ratio=ratio) for sample in samples]
    return np.mean([i.low <= true + 1e-12 and true - 1e-12 <= i.high for i in found])


@pytest.mark.parametrize("draws", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_gaps_of_two_groups_are_covered_as_promised(name, draws):
    assert within(gap_coverage(*CASES[name], draws), draws, high=most_covered(name))


@pytest.mark.parametrize("draws", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_ratios_of_two_groups_are_covered_as_promised(name, draws):
    assert within(gap_coverage(*CASES[name], draws, ratio=True), draws, high=most_covered(name))


@pytest.mark.parametrize("draws", [300, pytest.param(5_000, marks=pytest.mark.slow)])
def test_gaps_of_five_groups_are_covered_at_least_as_promised(draws):
    for rates in ((0.3,) * 5, (0.3, 0.32, 0.3, 0.35, 0.5)):
        assert within(gap_coverage(rates, (100, 200, 300, 400, 500), draws), draws, high=1)


def test_percentiles_of_the_gap_itself_would_miss_a_gap_of_zero():
    """Why the signed differences are resampled: the usual way hardly ever covers 0."""
    rng = np.random.default_rng(0)
    covered = 0
    for a, b in rng.binomial(2_000, 0.3, size=(200, 2)) / 2_000:
        again = rng.binomial(2_000, [a, b], size=(500, 2)) / 2_000
        low, _ = np.quantile(np.abs(again[:, 0] - again[:, 1]), [0.025, 0.975])
        covered += low <= 0.0
    assert covered / 200 < 0.2


@pytest.mark.parametrize(("n_favorable", "n"), [(0, 5), (30, 100), (999, 1000)])
def test_confidence_sequences_hold_the_measured_rate_and_narrow(n_favorable, n):
    low, high = confidence_sequence([n_favorable], [n])[0]
    assert 0 <= low <= n_favorable / n <= high <= 1
    wide = confidence_sequence([n_favorable], [n], confidence_level=0.99)[0]
    assert wide[0] <= low
    assert high <= wide[1]
    wilson = wilson_interval([n_favorable / n], [n])[0]
    assert high - low > 0.99 * (wilson[1] - wilson[0])


def test_wealth_is_a_fair_game():
    """Expected wealth after one row is the wealth before, for every chance and every state."""
    from skfeamoe.metrics._intervals import _log_wealth

    for p in (0.01, 0.3, 0.9):
        for total, n in ((0.0, 0.0), (3.0, 10.0), (60.0, 100.0)):
            now = np.exp(_log_wealth(np.array([total]), np.array([n]), np.array([p])))
            after = [
                np.exp(_log_wealth(np.array([total + x]), np.array([n + 1.0]), np.array([p])))
                for x in (0.0, 1.0)
            ]
            assert (1 - p) * after[0] + p * after[1] == pytest.approx(now)


def ever_wrong(chances, runs, looks):
    """Share of runs in which the sequence misses the running mean chance at any look."""
    rng = np.random.default_rng(0)
    totals = np.cumsum(rng.random((runs, len(chances))) < chances, axis=1)
    means = np.cumsum(chances) / np.arange(1, len(chances) + 1)
    wrong = np.zeros(runs, dtype=bool)
    for look in looks:
        low, high = confidence_sequence(totals[:, look - 1], np.full(runs, look)).T
        wrong |= (means[look - 1] < low) | (means[look - 1] > high)
    return wrong.mean()


@pytest.mark.parametrize(
    ("runs", "every"), [(200, 150), pytest.param(2_000, 25, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("world", ["still", "rare", "jumps", "waves"])
def test_a_confidence_sequence_is_right_at_all_looks_together(world, runs, every):
    t = np.arange(3_000)
    chances = {
        "still": np.full(3_000, 0.3),
        "rare": np.full(3_000, 0.02),
        "jumps": np.where(t < 700, 0.1, 0.8),
        "waves": 0.5 + 0.4 * np.sin(t / 100),
    }[world]
    assert ever_wrong(chances, runs, range(every, 3_001, every)) <= 0.05


def test_looking_every_day_with_the_usual_interval_raises_false_alarms():
    rng = np.random.default_rng(0)
    days = np.arange(100, 10_001, 200)
    usual = anytime = 0
    for _ in range(runs := 40):
        total = [np.cumsum(rng.random(10_000) < 0.3) for _ in range(2)]
        at = [[t[day - 1] for t in total] for day in days]
        usual += any(
            gap_interval(np.array(s) / d, [d, d]).low > 0 for s, d in zip(at, days, strict=True)
        )
        anytime += any(
            gap_confidence_sequence(s, [d, d]).low > 0
            for s, d in zip(at[::10], days[::10], strict=True)
        )
    assert usual / runs > 0.2
    assert anytime / runs <= 0.05


def error_by_people(person, chosen, weight):
    """Mean of rows, and its standard error where people are independent (linearized)."""
    mean = np.average(chosen, weights=weight)
    left = np.bincount(person, weight * (chosen - mean))
    return mean, np.sqrt((left**2).sum()) / weight.sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_an_interval_by_people_is_that_of_the_formula_for_clusters(weighted):
    rng = np.random.default_rng(0)
    sex = rng.integers(2, size=400)
    luck = np.clip(0.45 + 0.1 * sex + rng.choice([-0.25, 0.25], 400), 0, 1)
    person = rng.permutation(np.repeat(np.arange(400), 1 + rng.poisson(4, 400)))
    chosen = (rng.random(len(person)) < luck[person]).astype(int)
    weight = np.exp(rng.normal(size=len(person))) if weighted else np.ones(len(person))
    found = metric_interval(
        demographic_parity_difference, chosen, chosen, sensitive_features=sex[person],
        sample_weight=weight, people=person, n_resamples=4_000, random_state=0,
    )  # fmt: skip
    parts = [
        error_by_people(person[mine], chosen[mine], weight[mine])
        for mine in (sex[person] == 0, sex[person] == 1)
    ]
    np.testing.assert_allclose(found, mean_gap_interval(*zip(*parts, strict=True)), atol=0.003)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_rows_of_unknown_people_are_not_those_of_one_person(missing):
    people = pd.Series([1, 1, missing, missing], dtype=object if missing is None else float)
    with pytest.raises(ValueError, match="must say of every row whose it is, got none in"):
        metric_interval(accuracy_score, [0, 1, 0, 1], [0, 1, 1, 1], people=people)


def people_data(rng, n_people, same):
    """Two rows a person; with `same` both are decided alike."""
    person = np.repeat(np.arange(n_people), 2)
    sex = np.repeat(rng.choice(["f", "m"], n_people), 2)
    chance = np.where(sex == "f", 0.4, 0.5)
    luck = rng.random(2 * n_people)
    luck = np.repeat(luck[::2], 2) if same else luck
    return person, sex, (luck < chance).astype(int)


@pytest.mark.parametrize("draws", [80, pytest.param(2_000, marks=pytest.mark.slow)])
def test_people_are_drawn_with_all_their_rows(draws):
    """Rows of one person are alike: intervals by rows are too narrow, by people right."""
    rng = np.random.default_rng(0)
    covered = {"rows": 0, "people": 0}
    for _ in range(draws):
        person, sex, chosen = people_data(rng, 300, same=True)
        for name, people in (("rows", None), ("people", person)):
            found = metric_interval(
                demographic_parity_difference, chosen, chosen, sensitive_features=sex,
                people=people, n_resamples=300, random_state=0,
            )  # fmt: skip
            covered[name] += found.low <= 0.1 <= found.high
    assert covered["rows"] / draws < 0.91
    assert within(covered["people"] / draws, draws)


def audit(rng, n, rates=(0.4, 0.5)):
    """Truths, decisions, groups, distances with known gaps."""
    sex = rng.integers(2, size=n)
    true = rng.integers(2, size=n)
    chosen = (rng.random(n) < np.array(rates)[sex] + 0.2 * true).astype(int)
    return true, chosen, sex, rng.exponential(1 + 0.2 * sex)


TRUE_GAPS = {
    demographic_parity_difference: 0.1,
    equal_opportunity_difference: 0.1,
    equalized_odds_difference: 0.1,
    burden_difference: 0.2,
}


@pytest.mark.parametrize("draws", [50, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("metric", TRUE_GAPS)
def test_bootstrapped_gaps_are_covered_as_promised(metric, draws):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(draws):
        true, chosen, sex, distance = audit(rng, 600)
        params = {"distance": distance} if metric is burden_difference else {}
        found = metric_interval(
            metric, true, chosen, sensitive_features=sex, n_resamples=300, random_state=0,
            **params,
        )  # fmt: skip
        covered += found.low <= TRUE_GAPS[metric] <= found.high
    high = 0.99 if metric is equalized_odds_difference else 0.97  # two gaps at once
    assert within(covered / draws, draws, high=high)


def share_right(y_true, y_pred):
    """Accuracy, quickly."""
    return np.mean(y_true == y_pred)


@pytest.mark.parametrize(
    ("metric", "draws"),
    [
        (share_right, 80),
        pytest.param(accuracy_score, 1_000, marks=pytest.mark.slow),
        pytest.param(roc_auc_score, 1_000, marks=pytest.mark.slow),
    ],
)
def test_bootstrapped_overall_metrics_are_covered_as_promised(metric, draws):
    rng = np.random.default_rng(2)
    of_score = metric is roc_auc_score
    true = norm.cdf(1 / np.sqrt(2)) if of_score else norm.cdf(1 / 2)
    covered = 0
    for _ in range(draws):
        y = rng.integers(2, size=300)
        score = rng.normal(size=300) + y
        said = score if of_score else (score > 0.5).astype(int)
        found = metric_interval(metric, y, said, n_resamples=300, random_state=0)
        covered += found.low <= true <= found.high
    assert within(covered / draws, draws)


def test_bootstrapped_and_score_intervals_agree_on_large_samples():
    rng = np.random.default_rng(0)
    true, chosen, sex, _ = audit(rng, 5_000)
    found = metric_interval(
        demographic_parity_difference, true, chosen, sensitive_features=sex, random_state=0
    )
    n = np.bincount(sex)
    score = gap_interval(np.bincount(sex, chosen) / n, n)
    assert found == pytest.approx(score, abs=0.004)


def test_bootstrapped_and_score_intervals_agree_for_groups_of_any_number_and_size():
    for sizes, rates in (((4_000, 2_000, 300), (0.5, 0.45, 0.4)), ((3_000,) * 4, (0.5,) * 4)):
        group = np.repeat(np.arange(len(sizes)), sizes)
        parts = [np.arange(n) < r * n for n, r in zip(sizes, rates, strict=True)]
        chosen = np.concatenate(parts).astype(int)
        found = metric_interval(
            demographic_parity_difference, chosen, chosen, sensitive_features=group,
            n_resamples=500, random_state=0,
        )  # fmt: skip
        assert found == pytest.approx(gap_interval(rates, sizes), abs=0.01)


def test_a_parameter_of_another_length_than_the_rows_is_not_drawn():
    y = np.random.default_rng(0).integers(2, size=20)
    for length in (5, 20, 50):
        found = metric_interval(
            lambda y_true, y_pred, prices: float(len(prices)), y, y,
            prices=np.arange(length), n_resamples=10, random_state=0,
        )  # fmt: skip
        assert found == (length, length, length)
    drawn = metric_interval(
        lambda y_true, y_pred, prices: float(prices.mean()), y, y,
        prices=np.arange(20), n_resamples=10, random_state=0,
    )  # fmt: skip
    assert drawn.low < drawn.value < drawn.high


def test_every_row_wise_parameter_is_drawn_with_the_rows():
    rng = np.random.default_rng(0)
    y, pred = rng.integers(2, size=(2, 200))
    found = metric_interval(
        individual_unfairness, y, pred, y_pred_counterfactual=pred, n_resamples=20,
        random_state=0,
    )  # fmt: skip
    assert found == (0.0, 0.0, 0.0)


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="confidence_level"):
        wilson_interval([0.5], [10], confidence_level=95)
    with pytest.raises(ValueError, match="successes"):
        confidence_sequence([11], [10])
    with pytest.raises(ValueError, match="n_resamples"):
        metric_interval(accuracy_score, [0, 1], [0, 1], n_resamples=1)
    with pytest.raises(ValueError, match="inconsistent"):
        metric_interval(accuracy_score, [0, 1], [0, 1], people=[1])
    with pytest.raises(ValueError, match=r"confidence_level must be in \[0.5, 1\), got 0.4"):
        metric_interval(accuracy_score, [0, 1], [0, 1], confidence_level=0.4)


@pytest.mark.parametrize(
    ("function", "values", "n", "options", "words"),
    [
        (gap_interval, [600, 500], [1000, 1000], {}, "rates must be shares.*got 600; divide"),
        (gap_interval, [-0.1, 0.5], [10, 10], {}, "rates must be shares"),
        (gap_interval, [0.5, 0.4], [100], {}, r"rates and n .* shape \(2,\) and \(1,\)"),
        (gap_interval, 0.5, 100, {}, "rates and n must have one number per group"),
        (gap_interval, [0.5, 0.4], [-10, 100], {}, r"n must be numbers of rows.*\[-10.0"),
        (gap_interval, [0.5, 0.4], [np.inf, 100], {}, "n must be numbers of rows"),
        (wilson_interval, [60, 50], [100, 100], {}, "rates must be shares.*got 60; divide"),
        (wilson_interval, [0.5], [-10], {}, "n must be numbers of rows"),
        (mean_gap_interval, [1, 2], [-0.1, 0.1], {}, "errors from 0 on, got .*-0.1"),
        (mean_gap_interval, [1, np.inf, 2], [0.1] * 3, {}, "means must be finite"),
        (mean_gap_interval, [1, 3, 2], [0.1, 0.1, np.inf], {}, "means must be finite, and"),
        (mean_gap_interval, [1, 3, 2], [0.1, 0.1], {}, "means and errors must have one number"),
        (gap_confidence_sequence, [5, 50, 40], [0, 100, 100], {}, "between 0 and n.*5.0"),
        (gap_confidence_sequence, [np.nan, 50, 40], [9, 100, 100], {}, "between 0 and n"),
        (gap_confidence_sequence, [60, -1], [100, 100], {}, "between 0 and n"),
        (gap_confidence_sequence, [60, 50], [100], {}, "successes and n must have"),
        (gap_confidence_sequence, [60, 50], [-9, 100], {}, "n must be numbers of rows"),
    ]
    + [
        (
            function,
            [0, 1],
            [100, 100],
            {"confidence_level": level},
            rf"in {allowed}, got {level}",
        )
        for function, allowed in (
            (gap_interval, r"\[0.5, 1\)"),
            (mean_gap_interval, r"\[0.5, 1\)"),
            (gap_confidence_sequence, r"\(0, 1\)"),
        )
        for level in (0, -0.5, 1, 95, np.nan, *([0.49] if "5" in allowed else []))
    ],
)
def test_what_is_no_rate_no_number_of_rows_and_no_level_is_refused(
    function, values, n, options, words
):
    with pytest.raises(ValueError, match=words):
        function(values, n, **options)


def test_groups_without_rows_have_no_part_in_a_gap():
    gap = gap_interval([0.6, 0.5], [100, 100])
    assert gap_interval([0.6, np.nan, 0.5, 0.9], [100, 100, 100, 0]) == gap
    assert gap_interval([0.6, 0.5, 0.1], [100, 100, np.nan]) == gap
    gap = gap_confidence_sequence([60, 50], [100, 100])
    assert gap_confidence_sequence([60, 0, 50, np.nan], [100, 0, 100, 0]) == gap
    sure = gap_interval([1.0 + 1e-15, 0.0 - 1e-15], [100, 100])
    assert sure == gap_interval([1.0, 0.0], [100, 100])


def test_a_gap_of_two_rates_is_as_many_errors_wide_as_newcombes_interval_says():
    """Of the same example: its lower limit is what the gap is told from 0 by."""
    usual = norm.ppf(0.975)
    found = _of_rates(np.array([56 / 70, 48 / 80]), np.array([70, 80]), 0.95)
    assert found == pytest.approx(of_two(0.2 * usual / (0.2 - 0.0524), 0.95), abs=2e-4)
    assert found != pytest.approx(of_two(0.2 * usual / (0.3339 - 0.2), 0.95), abs=2e-4)


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n", [20, 900])
def test_three_groups_that_are_alike_tell_no_more_than_two(rate, n):
    value, low, high = gap_interval([rate] * 3, [n] * 3)
    assert (value, low) == (0.0, 0.0)
    assert high == pytest.approx(gap_interval([rate] * 2, [n] * 2).high)


@pytest.mark.parametrize("n", [20, 200, 2000])
def test_a_wider_gap_of_three_groups_ends_no_earlier(n):
    steps = np.arange(0, n // 2, max(n // 40, 1))
    highs = [gap_interval([0.5, 0.5, 0.5 - k / n], [n] * 3).high for k in steps]
    assert (np.diff(highs) > -2e-4).all()
    assert highs[0] > 0.9 * gap_interval([0.5, 0.5], [n, n]).high


@pytest.mark.parametrize("seed", range(4))
def test_means_with_a_wider_gap_are_the_nearest_there_are(seed):
    rng = np.random.default_rng(seed)
    x, sizes = rng.normal(size=4), rng.uniform(0.05, 1.0, 4)
    rate = _Rate(x, rng.normal(size=(20_000, 4)) * sizes)
    t = 1.5 * np.ptp(x)
    found = rate.with_gap(t, moved=True)
    assert np.ptp(found) == pytest.approx(t)
    costs = []
    for a, b in itertools.permutations(range(4), 2):  # a is moved to one end, b to the other
        for start in np.linspace(x.min() - t, x.max(), 2_000):
            moved = np.clip(x, start, start + t)
            moved[[a, b]] = start, start + t
            costs.append(rate.weight @ (moved - x) ** 2)
    assert rate.weight @ (found - x) ** 2 <= min(costs) * (1 + 1e-6)


def test_groups_may_be_a_dict_of_columns_as_fairlearn_takes_them():
    rng = np.random.default_rng(0)
    y, granted = rng.integers(2, size=(2, 200))
    told = {"sex": rng.choice(["f", "m"], 200), "race": rng.choice(["x", "y"], 200)}
    for metric in (demographic_parity_difference, demographic_parity_ratio):
        found, same = (
            metric_interval(
                metric, y, granted, sensitive_features=s, n_resamples=50, random_state=0
            )
            for s in (told, pd.DataFrame(told))
        )
        assert found == same


GAPS = (
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
    burden_difference,
)


def gap_of(metric, y, granted, group, **params):
    """An interval of few resamples; burdens have distances that depend on the group."""
    if metric is burden_difference and "distance" not in params:
        drawn = np.random.default_rng(1).exponential(size=len(y))
        params["distance"] = np.where(granted == 1, np.nan, drawn * (1 + group))
    return metric_interval(
        metric, y, granted, sensitive_features=group, n_resamples=60, random_state=0, **params
    )


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
@settings(max_examples=25, deadline=None)
@given(
    metric=st.sampled_from(GAPS),
    n_groups=st.integers(2, 5),
    empty=st.sampled_from(["", "granted", "refused", "good", "bad"]),
    agg=st.sampled_from(["worst_case", "mean"]),
    zero_division=st.sampled_from([0.0, np.nan]),
    weighted=st.booleans(),
    scale=st.sampled_from([1e-3, 1.0, 1e6]),
    seed=st.integers(0, 1_000),
)
def test_an_interval_holds_its_value_whoever_is_missing(
    metric, n_groups, empty, agg, zero_division, weighted, scale, seed
):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 400))
    group = rng.integers(n_groups, size=n)
    y, granted = rng.integers(2, size=n), (rng.random(n) < rng.random(n_groups)[group]) * 1
    labels = y if empty in ("good", "bad") else granted
    if empty:
        labels[group == 0] = empty in ("granted", "good")
    params = {"sample_weight": np.exp(rng.normal(size=n))} if weighted else {}
    if metric is equalized_odds_difference:
        params["agg"] = agg
    if metric is burden_difference:
        distance = np.round(scale * rng.exponential(size=n), 3)
        params |= {"distance": distance, "zero_division": zero_division}
    value, low, high = gap_of(metric, y, granted, group, **params)
    assert value == pytest.approx(
        metric(y, granted, sensitive_features=group, **params), nan_ok=True
    )
    assert 0 <= low <= value <= high or np.isnan([low, high]).all()
    by_row = {k: v for k, v in params.items() if np.ndim(v)} | {"sensitive_features": group}
    bare = gap_ends(
        metric, (y, granted), by_row, params, np.arange(n), 0.95, 60, np.random.RandomState(0)
    )
    assert (low, high) == pytest.approx(bare, nan_ok=True, rel=1e-6)


@pytest.mark.parametrize("truth", [(0.2, 0.7, 0.6), (0.6, 0.6, 0.6)])
def test_the_mean_of_both_gaps_has_the_mean_of_their_ends(truth):
    rng = np.random.default_rng(0)
    group, y = rng.integers(3, size=3_000), rng.integers(2, size=3_000)
    granted = (rng.random(3_000) < np.where(y, 0.6, np.array(truth)[group])).astype(int)
    settings = {"sensitive_features": group, "n_resamples": 2_000, "random_state": 0}
    found = metric_interval(equalized_odds_difference, y, granted, agg="mean", **settings)
    each = [
        metric_interval(
            equal_opportunity_difference, told, granted, confidence_level=0.975, **settings
        )
        for told in (y, 1 - y)
    ]
    assert found == pytest.approx(np.mean(each, axis=0), abs=0.005)


def refusals(seed=0, n=900):
    """Labels, decisions of which group 0 has no refusal, groups and distances."""
    rng = np.random.default_rng(seed)
    group, y = rng.integers(3, size=n), rng.integers(2, size=n)
    granted = ((group == 0) | (rng.random(n) < 0.5)).astype(int)
    return y, granted, group, rng.exponential(size=n) * (1 + group) * 100


def test_a_group_in_which_nobody_is_refused_counts_in_the_interval_as_in_the_value():
    y, granted, group, distance = refusals()
    parts = [distance[(group == k) & (granted == 0)] for k in (1, 2)]
    means = [part.mean() for part in parts]
    errors = [part.std() / np.sqrt(len(part)) for part in parts]
    for zero_division, none in ((0.0, [[0.0], [0.0]]), (np.nan, [[], []])):
        found = metric_interval(
            burden_difference, y, granted, sensitive_features=group, distance=distance,
            zero_division=zero_division, n_resamples=2_000, random_state=0,
        )  # fmt: skip
        want = mean_gap_interval(none[0] + means, none[1] + errors)
        np.testing.assert_allclose(found, want, rtol=0.03)


def test_of_two_groups_one_may_have_no_refusals():
    parts = refusals()
    y, granted, group, distance = (part[parts[2] < 2] for part in parts)
    found = gap_of(burden_difference, y, granted, group, distance=distance)
    assert 0 < found.low < found.value < found.high
    left_out = gap_of(
        burden_difference, y, granted, group, distance=distance, zero_division=np.nan
    )
    assert np.isnan(left_out).all()


@pytest.mark.parametrize("far", [np.inf, np.nan, 1e300])
def test_how_far_the_granted_are_does_not_matter(far):
    y, granted, group, distance = refusals()
    told = np.where(granted == 1, far, distance)
    want = gap_of(burden_difference, y, granted, group, distance=distance)
    assert gap_of(burden_difference, y, granted, group, distance=told) == want


@pytest.mark.parametrize(
    ("metric", "label", "rows"),
    [
        (equal_opportunity_difference, 0, "y_true == 1"),
        (equalized_odds_difference, 0, "y_true == 1"),
        (equalized_odds_difference, 1, "y_true != 1"),
    ],
)
def test_of_a_group_without_rows_for_a_rate_nothing_is_known(metric, label, rows):
    y, _, group, _ = refusals()
    granted = np.random.default_rng(2).integers(2, size=len(y))
    y = np.where(group == 2, label, y)
    with pytest.warns(FairnessWarning, match=f"'2' has no row with {rows}; the metric") as told:
        value, low, high = gap_of(metric, y, granted, group)
    assert told[0].filename == __file__
    known = group < 2
    others = gap_of(metric, y[known], granted[known], group[known])
    assert value == metric(y, granted, sensitive_features=group) > others.high
    assert low == pytest.approx(others.low, abs=0.02)
    assert high == 1
    few = group > 0
    with pytest.warns(FairnessWarning, match="nothing is known of a rate"):
        assert gap_of(metric, y[few], granted[few], group[few])[2] == 1


def test_of_many_groups_without_rows_some_are_named():
    y, granted, group, _ = refusals()
    sexes = {"a": group, "b": np.arange(len(y)) % 5}
    with pytest.warns(FairnessWarning, match=r"'0 & 0' .*'0 & 4' has no row .*, and 10 more;"):
        gap_of(equal_opportunity_difference, 0 * y, granted, pd.DataFrame(sexes))


@pytest.mark.parametrize("metric", GAPS)
def test_groups_are_those_that_the_value_compares(metric):
    y, granted, group, _ = refusals()
    granted = np.random.default_rng(2).integers(2, size=len(y))
    group = group % 2
    same = {
        "whole and broken": np.where(np.arange(len(y)) % 2, group.astype(object), group * 1.0),
        "two zeros": np.where((np.arange(len(y)) % 2) & (group == 0), -0.0, group),
    }
    distance = np.random.default_rng(3).random(len(y))
    params = {"distance": distance} if metric is burden_difference else {}
    want = gap_of(metric, y, granted, group, **params)
    for told in same.values():
        assert gap_of(metric, y, granted, told, **params) == want
    columns = (pd.DataFrame({"x": part}) for part in (y, granted))
    assert gap_of(metric, *columns, group, **params) == want


def test_arrays_by_name_are_asked_for_by_position():
    with pytest.raises(ValueError, match="arrays must hold those of the metric"):
        metric_interval(accuracy_score, y_true=[0, 1], y_pred=[0, 1])
    with pytest.raises(ValueError, match="arrays must be y_true and y_pred for a gap"):
        metric_interval(
            demographic_parity_difference, [0, 1], y_pred=[0, 1], sensitive_features=["f", "m"]
        )


@pytest.mark.parametrize("scale", [1e-3, 1e6, 1e12])
def test_means_that_are_known_exactly_may_be_of_any_size(scale):
    two = mean_gap_interval([0.0, 30.0 * scale], [0.0, 0.0])
    assert two == pytest.approx([30.0 * scale] * 3)
    many = [[0.0, 500.0, 990.0, 1_000.0], [0.0, 0.0, 10.0, 10.0]]
    want = mean_gap_interval(*many)
    found = mean_gap_interval(*(scale * np.array(many)))
    np.testing.assert_allclose(np.array(found) / scale, want, rtol=1e-4)


def test_an_interval_from_percentiles_holds_its_value_too():
    group = np.repeat([0, 1], 100)
    granted = np.tile([0, 1], 100)
    found = metric_interval(
        demographic_parity_difference, granted, granted, sensitive_features=group,
        method="to_overall", n_resamples=50, random_state=0,
    )  # fmt: skip
    assert found.low == found.value == 0 < found.high

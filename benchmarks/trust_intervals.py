"""Does an interval of 95 % hold the truth in 95 of 100 cases? By simulation, truth known.

Every interval that the library prints is made again and again from samples of known rates.
Those for one look should hold the truth in 93 to 97 of 100 cases; those that may be looked at
every day in at least 95 of 100 *at all looks together*, which at any single look is more. A
year of daily looks at a stream in which nothing changes gives the false alarms of the monitor.
"""

from collections.abc import Iterator

import numpy as np
from fairlearn.metrics import demographic_parity_difference

from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, target
from skfeamoe.metrics import (
    confidence_sequence,
    gap_confidence_sequence,
    gap_interval,
    mean_gap_interval,
    metric_interval,
    wilson_interval,
)
from skfeamoe.streaming import monitor

LEVEL = 0.95
SAMPLES, BOOTSTRAPS, YEARS, ALARM_YEARS = 2_000, 100, 40, 2
"""Samples of each case and seed, those of the bootstrap, and simulated years."""
DAYS, PER_DAY = 365, 200

RATES = {  # true rates and rows of the groups
    "gap 0 of two groups, 100 rows each": ([0.4, 0.4], [100, 100]),
    "gap .02 of two groups, 2,000 rows each": ([0.42, 0.4], [2000, 2000]),
    "gap .05 of two groups, 500 and 100 rows": ([0.35, 0.3], [500, 100]),
    "gap .20 of two groups, 500 and 50 rows": ([0.5, 0.3], [500, 50]),
    "gap .05 of rare decisions, 1,000 rows each": ([0.07, 0.02], [1000, 1000]),
    "gap 0 of five groups, 300 rows each": ([0.4] * 5, [300] * 5),
    "gap .15 of five groups, 300 rows each": ([0.3, 0.45, 0.35, 0.4, 0.4], [300] * 5),
    "gap .20 of three groups and three, 200 rows each": ([0.3] * 3 + [0.5] * 3, [200] * 6),
    "gap .10 of four groups, 80 to 2,000 rows": ([0.2, 0.25, 0.3, 0.3], [2000, 600, 200, 80]),
}
MEANS = {
    "gap 0 of two means": ([1.0, 1.0], [0.1, 0.2]),
    "gap .5 of two means": ([1.0, 1.5], [0.1, 0.1]),
    "gap .5 of four means": ([1.0, 1.5, 1.2, 1.3], [0.1, 0.1, 0.2, 0.1]),
    "gap .4 of five means, four alike": ([1.0, 1.0, 1.0, 1.0, 1.4], [0.1] * 5),
    "gap 0 of five means": ([1.0] * 5, [0.05, 0.1, 0.2, 0.3, 0.1]),
}


def run_intervals(context: Context) -> Iterator[dict]:
    """Share of samples whose interval holds the truth, by interval and case."""
    n = 50 if context.quick else SAMPLES
    for seed in context.seeds:
        rng = np.random.default_rng(seed)
        for interval, case, hits in [
            *_rates(rng, n),
            *_gaps(rng, n),
            *_means(rng, n),
            *_bootstraps(rng, 5 if context.quick else BOOTSTRAPS),
        ]:
            told = {"interval": interval, "case": case, "seed": seed}
            yield told | {"coverage": float(np.mean(hits)), "samples": len(hits)}


def _rates(rng, n: int) -> Iterator[tuple]:
    """Score intervals of one rate."""
    for p, rows in ((0.5, 50), (0.4, 1000), (0.05, 200)):
        drawn = rng.binomial(rows, p, n)
        low, high = wilson_interval(drawn / rows, np.full(n, rows)).T
        yield "wilson_interval", f"rate {p:g} of {rows:,} rows", (low <= p) & (p <= high)


def _gaps(rng, n: int) -> Iterator[tuple]:
    """Intervals of gaps and ratios of rates."""
    for case, (rates, rows) in RATES.items():
        rates, rows = np.array(rates), np.array(rows)
        drawn = rng.binomial(rows, rates, (n, len(rows))) / rows
        for ratio in (False, True):
            truth = rates.min() / rates.max() if ratio else np.ptp(rates)
            found = np.array([gap_interval(d, rows, ratio=ratio) for d in drawn])
            hits = (found[:, 1] <= truth + 1e-12) & (truth - 1e-12 <= found[:, 2])
            name = "gap_interval, ratio" if ratio else "gap_interval"
            yield name, case.replace("gap", "ratio of a gap") if ratio else case, hits


def _means(rng, n: int) -> Iterator[tuple]:
    """Intervals of gaps of means."""
    for case, (means, errors) in MEANS.items():
        drawn = rng.normal(means, errors, (n, len(means)))
        found = np.array([mean_gap_interval(d, errors) for d in drawn])
        truth = np.ptp(means)
        yield "mean_gap_interval", case, (found[:, 1] <= truth) & (truth <= found[:, 2])


def _bootstraps(rng, n: int) -> Iterator[tuple]:
    """Bootstrap intervals of a gap, by rows and by people with five rows each."""
    for people in (False, True):
        for gap in (0.0, 0.1):
            hits = [_bootstrap(rng, gap, people) for _ in range(n)]
            by = "by people of five rows each" if people else "by rows"
            yield "metric_interval", f"gap {gap:g} of two groups, 300 people, {by}", hits


def _bootstrap(rng, gap: float, people: bool) -> bool:
    """Whether one bootstrap interval holds the gap."""
    group = rng.integers(2, size=300)
    chance = 0.4 + gap * group
    rows = 5 if people else 1
    own = rng.random(300) < chance  # a person's rows say nearly always the same
    decided = np.where(
        rng.random((rows, 300)) < 0.8, own, rng.random((rows, 300)) < chance
    ).ravel()
    found = metric_interval(
        demographic_parity_difference,
        decided.astype(int),
        decided.astype(int),
        sensitive_features=np.tile(group, rows),
        people=np.tile(np.arange(300), rows) if people else None,
        n_resamples=500,
        random_state=int(rng.integers(2**31)),
    )
    return found.low <= gap <= found.high


def run_looks(context: Context) -> Iterator[dict]:
    """A year of daily looks at decisions in which nothing ever changes."""
    years, alarm_years = (2, 1) if context.quick else (YEARS, ALARM_YEARS)
    for seed in context.seeds:
        rng = np.random.default_rng(1000 + seed)
        found = [_year(rng, gap) for gap in (0.0, 0.05) for _ in range(years // 2)]
        for what in found[0]:
            told = {"what": what, "seed": seed, "years": len(found)}
            yield told | {"share": float(np.mean([year[what] for year in found]))}
        alarms = [_alarms(rng) for _ in range(alarm_years)]
        told = {"what": "alarms of `monitor` in a year", "seed": seed, "years": alarm_years}
        yield told | {"share": float(np.mean(alarms))}


def _year(rng, gap: float) -> dict[str, bool]:
    """Which intervals were wrong on at least one of the days."""
    rates = np.array([0.4, 0.4 + gap])
    n = np.cumsum(rng.multinomial(PER_DAY, [0.7, 0.3], DAYS), axis=0)
    drawn = rng.binomial(np.diff(n, axis=0, prepend=0), rates)
    total = np.cumsum(drawn, axis=0)
    once = [gap_interval(total[day] / n[day], n[day]) for day in range(DAYS)]
    own = [_outside(total[:, k], n[:, k], rates[k], 0.975) for k in range(2)]
    possible = np.flatnonzero(own[0] | own[1])  # elsewhere both rates are held, and so the gap
    always = [gap_confidence_sequence(total[day], n[day]) for day in possible]
    single = _outside(total[:, 0], n[:, 0], rates[0], LEVEL)
    return {
        "years with a wrong day, `gap_interval` looked at daily": _wrong(once, gap),
        "years with a wrong day, `gap_confidence_sequence`": _wrong(always, gap),
        "years with a wrong day, `confidence_sequence`": bool(single.any()),
    }


def _outside(total, n, rate: float, level: float) -> np.ndarray:
    """On which days the sequence of a rate does not hold it."""
    low, high = confidence_sequence(total, n, confidence_level=level).T
    return (low > rate) | (rate > high)


def _wrong(intervals, gap: float) -> bool:
    """Whether any interval does not hold the gap."""
    return any(not found.low <= gap <= found.high for found in intervals)


def _alarms(rng) -> int:
    """Alarms of the monitor in a year of unchanged decisions."""
    n = DAYS * PER_DAY
    group = np.where(rng.random(n) < 0.3, "b", "a")
    true = (rng.random(n) < 0.5).astype(int)
    decided = np.where(rng.random(n) < 0.8, true, rng.random(n) < 0.4).astype(int)
    result = monitor(true, decided, sensitive_features=group, metrics=["accuracy"])
    more = monitor(
        None, decided, sensitive_features=group, metrics=["demographic_parity_difference"]
    )
    return len(result.alarms) + len(more.alarms)


def interval_targets(frame) -> Iterator[Target]:
    """Between 93 and 97 of 100."""
    for (interval, case), rows in frame.groupby(["interval", "case"], sort=False):
        yield target(f"{interval}, {case}: coverage", rows["coverage"], ">=", 0.93)
        yield target(f"{interval}, {case}: not wider than needed", rows["coverage"], "<=", 0.97)


def look_targets(frame) -> Iterator[Target]:
    """Sequences are wrong in one year of twenty at most; alarms come once a year at most."""
    for what, wanted in (
        ("years with a wrong day, `gap_confidence_sequence`", 0.05),
        ("years with a wrong day, `confidence_sequence`", 0.05),
        ("alarms of `monitor` in a year", 1.0),
    ):
        rows = frame[frame["what"] == what]
        yield target(what, rows["share"], "<=", wanted)


BY_CASE = one_table("interval", "case", columns={"coverage": "holds the truth"})
BY_LOOK = one_table("what", columns={"share": "share of years, or number"})
SECTIONS = (
    Section("trust_intervals", run_intervals, BY_CASE, interval_targets, page="reliability.md"),
    Section("trust_looks", run_looks, BY_LOOK, look_targets, page="reliability.md"),
)

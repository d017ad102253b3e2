"""e and f. Worlds that change: Adult with everybody's sex the other one, and mortgages by year.

New world: the flipped rows are other people than those of the original world, realistic ones
come first, and every subset is decided on before it is learned.

Mortgages: the paper has 2007-2017, and tests on 2016 and 2017. Its years 2007-2013 are not in
the file that we hold (2014-2017 and 2022-2024): here the past ends in 2017, 2022 and 2023 are
learned in a single pass, and 2024 is the test. A file of the same layout with the paper's
years gets the paper's plan.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.data import Split, Task, encode, load
from benchmarks.measures import measured, of_estimator
from benchmarks.models import fit_feamoe, make_feamoe
from benchmarks.paper.fitting import ALL, Setting, bound, network, schedule, scheduled_network
from benchmarks.paper.peers import realism
from benchmarks.paper.tables import PAGE, TITLES, draw_lines, summary
from benchmarks.pictures import finish
from benchmarks.registry import Context, Section, Target, target

ROWS, SUBSETS = 20_000, 10
"""Rows of either world, and parts of the new one."""

WORLD_INTERVAL, QUICK_WORLD_INTERVAL, INCREMENT = 2000, 300, 0.02
SETTING = Setting(0.05, 0.05, 0.15)
"""In a stream the running burden of a group wobbles by more than .05."""

MIXTURE, ONLINE, FIXED = "FEAMOE", "NN, online with penalties", "NN, fixed"
BLIND = "FEAMOE, sex not a feature"


def run_world(context: Context) -> Iterator[dict]:
    """A record per model and subset."""
    task = load("adult", context)
    half = min(ROWS, len(task.y) // 2)
    interval = QUICK_WORLD_INTERVAL if context.quick else WORLD_INTERVAL
    for seed in context.seeds:
        people = task.shuffled(seed, 2 * half)
        old, new = people.take(np.arange(half)), people.take(np.arange(half, 2 * half))
        rows = encode(old, new.flipped(), seed)
        near = np.argsort(realism(rows.scaled_test, rows.scaled, seed), kind="stable")
        yield from _stream(fit_feamoe(rows, **network()), rows, near, "peer", FIXED)
        for mode, name, parameters in _world_models(interval):
            seen = rows.without_sensitive() if name == BLIND else rows
            model = make_feamoe(rows.favorable, seed, **parameters)
            model.partial_fit(seen.X, seen.y, [0, 1], sensitive_features=seen.groups)
            yield from _stream(model, seen, near, mode, name)


def _world_models(interval) -> Iterator[tuple[str, str, dict]]:
    """Mode, name and parameters of what learns from one stream, old world and new."""
    pace = {"interval": interval, "increment": INCREMENT}
    yield "schedule", ONLINE, scheduled_network(ALL, **pace)
    yield "schedule", MIXTURE, schedule(ALL, **pace)
    yield "bound", ONLINE, network(**bound(ALL, SETTING))
    for name in (MIXTURE, BLIND):
        yield "bound", name, bound(ALL, SETTING, growth_interval=interval)


def _stream(model, rows: Split, near, mode, name) -> Iterator[dict]:
    """Decide on a subset, then learn from it (but for the fixed network)."""
    for number, subset in enumerate(np.array_split(near, SUBSETS)):
        X, y, groups = rows.X_test[subset], rows.y_test[subset], rows.groups_test[subset]
        found = measured(of_estimator(model, X), y, groups, rows.favorable)
        yield {"method": name, "mode": mode, "seed": rows.seed, "subset": number, **found}
        if name != FIXED:
            model.partial_fit(X, y, sensitive_features=groups)


def world_tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Means over all subsets, and over the last three."""
    last = frame[frame["subset"] >= SUBSETS - 3]
    by_seed = ["mode", "method", "seed"]
    return {
        title: summary(part.groupby(by_seed, sort=False).mean().reset_index())
        for title, part in {"All subsets": frame, "The last three subsets": last}.items()
    }


def draw_world(frame: pd.DataFrame, file: Path) -> None:
    """Measures along the subsets."""
    figure, axes = plt.subplots(1, len(TITLES), figsize=(13, 3.6))
    styles = {ONLINE: "--", BLIND: ":", MIXTURE: "-", FIXED: "-"}
    draw_lines(axes, frame, "subset", "subset, realistic first", styles)
    finish(figure, axes, file)


def world_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """FEAMOE keeps accuracy and lowers bias against the fixed network."""
    means = frame.groupby(["mode", "method", "seed"])[list(TITLES)].mean()
    ours, fixed = means.loc[("bound", MIXTURE)], means.loc[("peer", FIXED)]
    lead = ours["accuracy"] - fixed["accuracy"]
    yield target("new world: accuracy above that of the fixed NN", lead, ">=", -0.02)
    share = ours["spd"] / fixed["spd"]
    yield target("new world: SPD as a share of the fixed NN's", share, "<=", 1)


# ----------------------------------------------------------------------------- mortgages


class Plan(NamedTuple):
    """Which years are the past, the stream and the test."""

    past: tuple[int, ...]
    new: tuple[int, ...]
    test: tuple[int, ...]


PAPER = Plan(tuple(range(2007, 2015)), (2015,), (2016, 2017))
OURS = Plan((2014, 2015, 2016, 2017), (2022, 2023), (2024,))
ROWS_OF_YEAR = 6000
HIDDEN = (50,) * 5
INTERVAL, QUICK_INTERVAL = 4000, 100
FEAMOE, EVERY = "FEAMOE, that year's model first", "FEAMOE, all past models first"


def plan_for(years) -> Plan:
    """The paper's plan where its years are there, else ours."""
    return PAPER if set(sum(PAPER, ())) <= set(years) else OURS


def run_years(context: Context) -> Iterator[dict]:
    """All attributes and seeds."""
    for sensitive in context.some(("sex", "race")):
        task = load(f"hmda_with_{sensitive}", context)
        for seed in context.seeds:
            for record in _one(task, seed, QUICK_INTERVAL if context.quick else INTERVAL):
                yield record | {"sensitive": sensitive}


def _one(task: Task, seed: int, interval: int) -> Iterator[dict]:
    """All models on one sample of the years."""
    plan = plan_for(np.unique(task.time))
    rng = np.random.default_rng(seed)
    of_year = {
        year: rng.permutation(np.flatnonzero(task.time == year))[:ROWS_OF_YEAR]
        for year in sum(plan, ())
    }
    past = np.concatenate([of_year[year] for year in plan.past])
    later = np.concatenate([of_year[year] for year in plan.new + plan.test])
    rows = encode(task.take(past), task.take(later), seed)
    n_new = sum(len(of_year[year]) for year in plan.new)
    ends = np.cumsum([len(of_year[year]) for year in plan.past])
    parts = [
        rows.part(slice(end - len(of_year[year]), end))
        for year, end in zip(plan.past, ends, strict=True)
    ]
    experts = [_linear(part) for part in parts]
    for year, part, expert in zip(plan.past, parts, experts, strict=True):
        for mode, name, model in _models(part, expert, interval):
            yield _record(model, rows, n_new, mode, name, year)
    for mode, parameters in _grown(interval).items():
        model = make_feamoe(rows.favorable, seed, initial_experts=experts, **parameters)
        yield _record(model, rows, n_new, mode, EVERY, plan.past[0])


def _linear(part: Split):
    """The logistic regression of a year."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(part.X, part.y)


def _grown(interval) -> dict[str, dict]:
    """Parameters of FEAMOE by mode."""
    ours = bound(ALL, SETTING, growth_interval=interval)
    return {"schedule": schedule(ALL, interval=interval, increment=INCREMENT), "bound": ours}


def _models(part: Split, expert, interval):
    """Mode, name and model that begins in one past year; FEAMOE has seen nothing yet."""
    size = {"hidden_layer_sizes": HIDDEN}
    scheduled = scheduled_network(ALL, interval=interval, increment=INCREMENT)
    yield "peer", FIXED, fit_feamoe(part, **network(**size))
    yield "schedule", ONLINE, fit_feamoe(part, **scheduled | size)
    yield "bound", ONLINE, fit_feamoe(part, **network(**bound(ALL, SETTING), **size))
    for mode, parameters in _grown(interval).items():
        first = {"initial_experts": [expert]}
        yield mode, FEAMOE, make_feamoe(part.favorable, part.seed, **first, **parameters)


def _record(model, rows: Split, n_new, mode, name, year) -> dict:
    """Let the new years pass by (but not for fixed models), then test."""
    X, y, groups = rows.X_test, rows.y_test, rows.groups_test
    if name != FIXED:
        known = {"sensitive_features": groups[:n_new]}
        model.partial_fit(X[:n_new], y[:n_new], np.unique(y), **known)
    outcome = of_estimator(model, X[n_new:])
    found = measured(outcome, y[n_new:], groups[n_new:], rows.favorable)
    told = {"method": name, "mode": mode, "seed": rows.seed, "year": year}
    return told | found | {"experts": model.n_experts_}


def year_tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By attribute and first year."""
    keys = ("mode", "method", "year")
    return {
        f"Gaps by {sensitive}": summary(part, keys=keys)
        for sensitive, part in frame.groupby("sensitive", sort=False)
    }


def draw_years(frame: pd.DataFrame, file: Path) -> None:
    """Measures on the test year by the year that a model begins in."""
    parts = [part for _, part in frame.groupby("sensitive", sort=False)]
    size = (13, 3.2 * len(parts))
    figure, axes = plt.subplots(len(parts), len(TITLES), figsize=size, squeeze=False)
    styles = {ONLINE: ".--", FEAMOE: ".-", FIXED: ".-", EVERY: "*"}
    for row, part in zip(axes, parts, strict=True):
        draw_lines(row, part, "year", "first year", styles)
        row[0].set_ylabel(f"gaps by {part['sensitive'].iloc[0]}")
        for ax in row:
            ax.set_xticks(sorted(set(part["year"])))
    finish(figure, axes, file, ncols=3)


def year_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """FEAMOE against the online network of the same year, over all years."""
    ours = frame[frame["mode"] == "bound"]
    means = ours.groupby(["sensitive", "method", "seed"])["accuracy"].mean()
    for sensitive in dict.fromkeys(frame["sensitive"]):
        lead = means.loc[(sensitive, FEAMOE)] - means.loc[(sensitive, ONLINE)]
        what = f"HMDA by {sensitive}: accuracy above the online NN, all first years"
        yield target(what, lead, ">=", 0.0)


SECTIONS = (
    Section("paper_new_world", run_world, world_tables, world_targets, draw_world, PAGE),
    Section("paper_hmda_years", run_years, year_tables, year_targets, draw_years, PAGE),
)

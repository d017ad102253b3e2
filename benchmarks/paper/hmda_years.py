"""f. Mortgages: one model per past year, then new years come.

The paper has 2007-2017, and tests on 2016 and 2017. Its years 2007-2013 are not in the file
that we hold (2014-2017 and 2022-2024): here the past ends in 2017, 2022 and 2023 are learned
in a single pass, and 2024 is the test. A file of the same layout with the paper's years gets
the paper's plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.bars import Bar
from benchmarks.models import make_feamoe
from benchmarks.paper.data import PaperContext, Rows, encode, load
from benchmarks.paper.fitting import (
    ALL,
    Setting,
    bound,
    fit,
    network,
    schedule,
    scheduled_network,
)
from benchmarks.paper.measures import MEASURES, TITLES, measured, of_estimator
from benchmarks.paper.registry import Experiment, target
from benchmarks.paper.tables import MODE_COLORS, finish, summary


@dataclass(frozen=True)
class Plan:
    """Which years are the past, the stream and the test."""

    past: tuple[int, ...]
    new: tuple[int, ...]
    test: tuple[int, ...]


PAPER = Plan(tuple(range(2007, 2015)), (2015,), (2016, 2017))
OURS = Plan((2014, 2015, 2016, 2017), (2022, 2023), (2024,))


@dataclass(frozen=True)
class HmdaConfig:
    """Attributes, rows of a year, the network of the paper, and how FEAMOE learns."""

    setting: Setting
    sensitive: tuple[str, ...] = ("sex", "race")
    rows_of_year: int = 6000
    hidden: tuple[int, ...] = (50,) * 5
    interval: int = 4000
    increment: float = 0.02


# in a stream the running burden of a group wobbles by more than .05
CONFIG = HmdaConfig(Setting(0.05, 0.05, 0.15))
FEAMOE, EVERY = "FEAMOE, that year's model first", "FEAMOE, all past models first"
FIXED, ONLINE = "NN, fixed", "NN, online with penalties"


def plan_for(years) -> Plan:
    """The paper's plan where its years are there, else ours."""
    return PAPER if set(PAPER.past + PAPER.new + PAPER.test) <= set(years) else OURS


def run(context: PaperContext) -> Iterator[dict]:
    """All attributes and seeds."""
    for sensitive in CONFIG.sensitive[: 1 if context.quick else None]:
        task = load("hmda", context, sensitive)
        for seed in context.seeds:
            yield from _one(task, seed, context)


def _one(task, seed, context) -> Iterator[dict]:
    """All models on one sample of the years."""
    plan = plan_for(np.unique(task.time))
    rng = np.random.default_rng(seed)
    of_year = {
        year: rng.permutation(np.flatnonzero(task.time == year))[: CONFIG.rows_of_year]
        for year in plan.past + plan.new + plan.test
    }
    past = np.concatenate([of_year[year] for year in plan.past])
    later = np.concatenate([of_year[year] for year in plan.new + plan.test])
    rows = encode(task.take(past), task.take(later), seed)
    n_new = sum(len(of_year[year]) for year in plan.new)
    start = np.cumsum([0] + [len(of_year[year]) for year in plan.past])
    parts = {
        year: _rows(rows, slice(start[k], start[k + 1])) for k, year in enumerate(plan.past)
    }
    experts = {year: _linear(part) for year, part in parts.items()}
    interval = 100 if context.quick else CONFIG.interval
    for year, part in parts.items():
        for mode, name, model in _models(part, experts[year], interval):
            yield _record(model, rows, n_new, mode, name, year, task.sensitive)
    for mode, parameters in _grown(interval).items():
        model = _unfitted(rows, list(experts.values()), parameters)
        yield _record(model, rows, n_new, mode, EVERY, plan.past[0], task.sensitive)


def _rows(rows: Rows, kept: slice) -> Rows:
    """Some training rows."""
    arrays = {name: getattr(rows, name)[kept] for name in ("X", "y", "groups", "scaled")}
    return replace(rows, **arrays)


def _linear(part: Rows):
    """The logistic regression of a year."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(part.X, part.y)


def _grown(interval) -> dict[str, dict]:
    """Parameters of FEAMOE by mode."""
    pace = {"interval": interval, "increment": CONFIG.increment}
    ours = bound(ALL, CONFIG.setting) | {"growth_interval": interval}
    return {"schedule": schedule(ALL, **pace), "bound": ours}


def _models(part: Rows, expert, interval):
    """Mode, name and model that begins in one past year."""
    size = {"hidden_layer_sizes": CONFIG.hidden}
    pace = {"interval": interval, "increment": CONFIG.increment}
    yield "peer", FIXED, fit(part, **network(**size))
    yield "schedule", ONLINE, fit(part, **scheduled_network(ALL, **pace) | size)
    yield "bound", ONLINE, fit(part, **network(**bound(ALL, CONFIG.setting), **size))
    for mode, parameters in _grown(interval).items():
        yield mode, FEAMOE, _unfitted(part, [expert], parameters)


def _unfitted(part: Rows, experts, parameters):
    """FEAMOE that takes over linear models and has seen nothing."""
    return make_feamoe(part.favorable, part.seed, initial_experts=experts, **parameters)


def _record(model, rows: Rows, n_new, mode, name, year, sensitive) -> dict:
    """Let the new years pass by (but not for fixed models), then test."""
    X, y, groups = rows.X_test, rows.y_test, rows.groups_test
    if name != FIXED:
        model.partial_fit(
            X[:n_new], y[:n_new], classes=np.unique(y), sensitive_features=groups[:n_new]
        )
    outcome = of_estimator(model, X[n_new:])
    return {
        "method": name,
        "mode": mode,
        "seed": rows.seed,
        "sensitive": sensitive,
        "year": year,
        **measured(outcome, y[n_new:], groups[n_new:], rows.favorable),
        "experts": model.n_experts_,
    }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By attribute and first year."""
    keys = ("mode", "method", "year")
    return {
        f"Gaps by {sensitive}": summary(part, {}, keys).drop(columns=["published", "seconds"])
        for sensitive, part in frame.groupby("sensitive", sort=False)
    }


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Measures on the test year by the year that a model begins in."""
    attributes = list(dict.fromkeys(frame["sensitive"]))
    figure, axes = plt.subplots(
        len(attributes), 4, figsize=(13, 3.2 * len(attributes)), squeeze=False, sharex=True
    )
    for row, sensitive in zip(axes, attributes, strict=True):
        part = frame[frame["sensitive"] == sensitive]
        for ax, measure in zip(row, MEASURES, strict=True):
            for (mode, name), group in part.groupby(["mode", "method"], sort=False):
                means = group.groupby("year")[measure].mean()
                label = name if mode == "peer" else f"{name}, {mode}"
                style = {ONLINE: "--", FEAMOE: "-", FIXED: "-", EVERY: ""}[name]
                ax.plot(
                    means.index,
                    means,
                    marker="*" if name == EVERY else ".",
                    linestyle=style or "none",
                    color=MODE_COLORS[mode],
                    label=label,
                )
            ax.set_title(f"{TITLES[measure]}, {sensitive}", fontsize=10)
            ax.set_xticks(sorted(set(part["year"])))
            ax.grid(alpha=0.3)
    for ax in axes[-1]:
        ax.set_xlabel("first year")
    finish(figure, axes, file, ncols=3)


def targets(frame: pd.DataFrame) -> Iterator[Bar]:
    """FEAMOE against the online network of the same year, over all years."""
    ours = frame[frame["mode"] == "bound"]
    means = ours.groupby(["sensitive", "method", "seed"])["accuracy"].mean()
    for sensitive in dict.fromkeys(frame["sensitive"]):
        lead = means.loc[(sensitive, FEAMOE)] - means.loc[(sensitive, ONLINE)]
        what = f"HMDA by {sensitive}: accuracy above the online NN, all first years"
        yield target(what, lead, ">=", 0.0)


EXPERIMENT = Experiment("hmda_years", run, tables, draw, targets)

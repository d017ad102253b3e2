"""e. A new world on Adult: everybody's sex is the other one, realistic people come first.

The flipped rows are other people than those of the original world. Every subset is decided
on before it is learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

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
from benchmarks.paper.peers import realism
from benchmarks.paper.registry import Experiment, target
from benchmarks.paper.tables import MODE_COLORS, finish, summary


@dataclass(frozen=True)
class WorldConfig:
    """Rows of either world, subsets of the new one, and how the models learn."""

    setting: Setting
    rows: int = 20_000
    subsets: int = 10
    interval: int = 2000
    increment: float = 0.02


# in a stream the running burden of a group wobbles by more than .05
CONFIG = WorldConfig(Setting(0.05, 0.05, 0.15))
FEAMOE, ONLINE, FIXED = "FEAMOE", "NN, online with penalties", "NN, fixed"
BLIND = "FEAMOE, sex not a feature"


def run(context: PaperContext) -> Iterator[dict]:
    """A record per model and subset."""
    task = load("adult", context)
    for seed in context.seeds:
        n_rows = min(CONFIG.rows, len(task.y) // 2 * 2)
        order = np.random.default_rng(seed).permutation(len(task.y))[: 2 * n_rows]
        half = min(n_rows, len(order) // 2)
        rows = encode(task.take(order[:half]), task.take(order[half:]).flipped(), seed)
        near = np.argsort(realism(rows.scaled_test, rows.scaled, seed), kind="stable")
        yield from _stream(fit(rows, **network()), rows, near, "peer", FIXED)
        for mode, name, parameters in _models(300 if context.quick else CONFIG.interval):
            seen = rows.without_sensitive() if name == BLIND else rows
            model = make_feamoe(rows.favorable, seed, **parameters)
            model.partial_fit(
                seen.X, seen.y, classes=np.unique(seen.y), sensitive_features=seen.groups
            )
            yield from _stream(model, seen, near, mode, name)


def _models(interval) -> Iterator[tuple[str, str, dict]]:
    """Mode, name and parameters of what learns from one stream, old world and new."""
    pace = {"interval": interval, "increment": CONFIG.increment}
    yield "schedule", ONLINE, scheduled_network(ALL, **pace)
    yield "schedule", FEAMOE, schedule(ALL, **pace)
    ours = bound(ALL, CONFIG.setting)
    yield "bound", ONLINE, network(**ours)
    yield "bound", FEAMOE, ours | {"growth_interval": interval}
    yield "bound", BLIND, ours | {"growth_interval": interval}


def _stream(model, rows: Rows, near, mode, name) -> Iterator[dict]:
    """Decide on a subset, then learn from it (but for the fixed network)."""
    for number, subset in enumerate(np.array_split(near, CONFIG.subsets)):
        X, y, groups = rows.X_test[subset], rows.y_test[subset], rows.groups_test[subset]
        found = measured(of_estimator(model, X), y, groups, rows.favorable)
        yield {"method": name, "mode": mode, "seed": rows.seed, "subset": number, **found}
        if name != FIXED:
            model.partial_fit(X, y, sensitive_features=groups)


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Means over all subsets, and over the last three."""
    last = frame[frame["subset"] >= CONFIG.subsets - 3]
    parts = {"All subsets": frame, "The last three subsets": last}
    by_seed = ["mode", "method", "seed"]
    return {
        title: summary(part.groupby(by_seed, sort=False).mean().reset_index(), {}).drop(
            columns=["published", "seconds"]
        )
        for title, part in parts.items()
    }


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Measures along the subsets."""
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
    for ax, measure in zip(axes, MEASURES, strict=True):
        for (mode, name), group in frame.groupby(["mode", "method"], sort=False):
            means = group.groupby("subset")[measure].mean()
            ax.plot(
                means.index + 1,
                means,
                color=MODE_COLORS[mode],
                linestyle={ONLINE: "--", BLIND: ":"}.get(name, "-"),
                label=name if mode == "peer" else f"{name}, {mode}",
            )
        ax.set_title(TITLES[measure], fontsize=10)
        ax.set_xlabel("subset, realistic first")
        ax.grid(alpha=0.3)
    finish(figure, axes, file)


def targets(frame: pd.DataFrame) -> Iterator[Bar]:
    """FEAMOE keeps accuracy and lowers bias against the fixed network."""
    means = frame.groupby(["mode", "method", "seed"])[list(MEASURES)].mean()
    ours, fixed = means.loc[("bound", FEAMOE)], means.loc[("peer", FIXED)]
    lead = ours["accuracy"] - fixed["accuracy"]
    yield target("new world: accuracy above that of the fixed NN", lead, ">=", -0.02)
    yield target(
        "new world: SPD as a share of the fixed NN's", ours["spd"] / fixed["spd"], "<=", 1
    )


EXPERIMENT = Experiment("new_world", run, tables, draw, targets)

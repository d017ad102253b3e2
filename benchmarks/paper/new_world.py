"""e. A new world on Adult: everybody's sex is the other one, realistic people come first.

The flipped rows are other people than those of the original world. Every subset is decided
on before it is learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.data import Split, encode, load
from benchmarks.measures import measured, of_estimator
from benchmarks.models import fit_feamoe, make_feamoe
from benchmarks.paper.fitting import ALL, Setting, bound, network, schedule, scheduled_network
from benchmarks.paper.peers import realism
from benchmarks.paper.tables import PAGE, TITLES, draw_lines, summary
from benchmarks.pictures import finish
from benchmarks.registry import Context, Section, Target, target

ROWS, SUBSETS = 20_000, 10
"""Rows of either world, and parts of the new one."""

INTERVAL, QUICK_INTERVAL, INCREMENT = 2000, 300, 0.02
SETTING = Setting(0.05, 0.05, 0.15)
"""In a stream the running burden of a group wobbles by more than .05."""

FEAMOE, ONLINE, FIXED = "FEAMOE", "NN, online with penalties", "NN, fixed"
BLIND = "FEAMOE, sex not a feature"


def run(context: Context) -> Iterator[dict]:
    """A record per model and subset."""
    task = load("adult", context)
    half = min(ROWS, len(task.y) // 2)
    interval = QUICK_INTERVAL if context.quick else INTERVAL
    for seed in context.seeds:
        people = task.shuffled(seed, 2 * half)
        old, new = people.take(np.arange(half)), people.take(np.arange(half, 2 * half))
        rows = encode(old, new.flipped(), seed)
        near = np.argsort(realism(rows.scaled_test, rows.scaled, seed), kind="stable")
        yield from _stream(fit_feamoe(rows, **network()), rows, near, "peer", FIXED)
        for mode, name, parameters in _models(interval):
            seen = rows.without_sensitive() if name == BLIND else rows
            model = make_feamoe(rows.favorable, seed, **parameters)
            model.partial_fit(seen.X, seen.y, [0, 1], sensitive_features=seen.groups)
            yield from _stream(model, seen, near, mode, name)


def _models(interval) -> Iterator[tuple[str, str, dict]]:
    """Mode, name and parameters of what learns from one stream, old world and new."""
    pace = {"interval": interval, "increment": INCREMENT}
    yield "schedule", ONLINE, scheduled_network(ALL, **pace)
    yield "schedule", FEAMOE, schedule(ALL, **pace)
    yield "bound", ONLINE, network(**bound(ALL, SETTING))
    for name in (FEAMOE, BLIND):
        yield "bound", name, bound(ALL, SETTING, growth_interval=interval)


def _stream(model, rows: Split, near, mode, name) -> Iterator[dict]:
    """Decide on a subset, then learn from it (but for the fixed network)."""
    for number, subset in enumerate(np.array_split(near, SUBSETS)):
        X, y, groups = rows.X_test[subset], rows.y_test[subset], rows.groups_test[subset]
        found = measured(of_estimator(model, X), y, groups, rows.favorable)
        yield {"method": name, "mode": mode, "seed": rows.seed, "subset": number, **found}
        if name != FIXED:
            model.partial_fit(X, y, sensitive_features=groups)


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Means over all subsets, and over the last three."""
    last = frame[frame["subset"] >= SUBSETS - 3]
    by_seed = ["mode", "method", "seed"]
    return {
        title: summary(part.groupby(by_seed, sort=False).mean().reset_index())
        for title, part in {"All subsets": frame, "The last three subsets": last}.items()
    }


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Measures along the subsets."""
    figure, axes = plt.subplots(1, len(TITLES), figsize=(13, 3.6))
    styles = {ONLINE: "--", BLIND: ":", FEAMOE: "-", FIXED: "-"}
    draw_lines(axes, frame, "subset", "subset, realistic first", styles)
    finish(figure, axes, file)


def targets(frame: pd.DataFrame) -> Iterator[Target]:
    """FEAMOE keeps accuracy and lowers bias against the fixed network."""
    means = frame.groupby(["mode", "method", "seed"])[list(TITLES)].mean()
    ours, fixed = means.loc[("bound", FEAMOE)], means.loc[("peer", FIXED)]
    lead = ours["accuracy"] - fixed["accuracy"]
    yield target("new world: accuracy above that of the fixed NN", lead, ">=", -0.02)
    share = ours["spd"] / fixed["spd"]
    yield target("new world: SPD as a share of the fixed NN's", share, "<=", 1)


SECTIONS = (Section("paper_new_world", run, tables, draw, targets, PAGE),)

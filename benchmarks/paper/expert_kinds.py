"""g. Networks as experts against logistic experts, HMDA 2017."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.data import load, split
from benchmarks.paper.fitting import ALL, HIDDEN, Setting, bound, fitted, schedule
from benchmarks.paper.tables import PAGE, draw_measures, summary
from benchmarks.registry import Context, Section, Target, target

NETWORKS, LOGISTIC = "8 networks", "13 logistic experts"
KINDS = {NETWORKS: (8, {"expert": "mlp", "hidden_layer_sizes": HIDDEN}), LOGISTIC: (13, {})}
INCREMENT = 0.02
SETTING = Setting(0.05, 0.05, 0.1)
PASSES = 3
"""In our mode: with the default of 15, networks learn these 11,000 rows by heart."""

PUBLISHED = {NETWORKS: (84.21, 0.08, 0.078, 0.08), LOGISTIC: (84.08, 0.07, 0.081, 0.08)}


def run(context: Context) -> Iterator[dict]:
    """Both kinds in both modes."""
    task = load("hmda_2017_with_sex", context)
    for seed in context.seeds:
        rows = split(task, seed)
        for kind, (n_experts, size) in KINDS.items():
            interval = -(-len(rows.y) // n_experts)
            ours = bound(ALL, SETTING, growth_interval=interval, max_iter=PASSES)
            paper = schedule(ALL, interval=interval, increment=INCREMENT)
            for mode, parameters in (("schedule", paper), ("bound", ours)):
                yield fitted(rows, kind, mode, parameters | size)[1]


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """One table."""
    return {"HMDA 2017, gaps by sex": summary(frame, PUBLISHED, experts="{:.0f}")}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Bars beside the published numbers."""
    draw_measures(frame, PUBLISHED, file, "HMDA 2017: networks against logistic experts")


def targets(frame: pd.DataFrame) -> Iterator[Target]:
    """Within half a point of each other."""
    means = frame.groupby(["mode", "method"], sort=False)["accuracy"].mean()
    for mode in dict.fromkeys(frame["mode"]):
        gap = abs(means[mode, NETWORKS] - means[mode, LOGISTIC])
        what = f"HMDA 2017, {mode}: accuracy of networks and of logistic experts, difference"
        yield target(what, gap, "<=", 0.005)


SECTIONS = (Section("paper_expert_kinds", run, tables, draw, targets, PAGE),)

"""g. Networks as experts against logistic experts, HMDA 2017."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.bars import Bar
from benchmarks.common import timed
from benchmarks.paper.data import PaperContext, load, split
from benchmarks.paper.fitting import ALL, HIDDEN, Setting, bound, fit, schedule
from benchmarks.paper.measures import of_estimator, on_test
from benchmarks.paper.registry import MODES, Experiment, target
from benchmarks.paper.tables import draw_measures, summary

NETWORKS, LOGISTIC = "8 networks", "13 logistic experts"
KINDS = {
    NETWORKS: (8, {"expert": "mlp", "hidden_layer_sizes": HIDDEN}),
    LOGISTIC: (13, {}),
}
INCREMENT = 0.02
SETTING = Setting(0.05, 0.05, 0.1)
PASSES = 3
"""In our mode: with the default of 15, networks learn these 11,000 rows by heart."""

SENSITIVE = "sex"
PUBLISHED = {NETWORKS: (84.21, 0.08, 0.078, 0.08), LOGISTIC: (84.08, 0.07, 0.081, 0.08)}


def run(context: PaperContext) -> Iterator[dict]:
    """Both kinds in both modes."""
    task = load("hmda_2017", context, SENSITIVE)
    for seed in context.seeds:
        rows = split(task, seed)
        for kind, (n_experts, size) in KINDS.items():
            interval = -(-len(rows.y) // n_experts)
            ours = bound(ALL, SETTING) | {"growth_interval": interval, "max_iter": PASSES}
            modes = {
                "schedule": schedule(ALL, interval=interval, increment=INCREMENT),
                "bound": ours,
            }
            for mode, parameters in modes.items():
                model, told = timed(fit, rows, **parameters, **size)
                yield {
                    "method": kind,
                    "mode": mode,
                    "seed": seed,
                    **on_test(of_estimator(model, rows.X_test), rows),
                    "experts": model.n_experts_,
                    **told,
                }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """One table."""
    return {"HMDA 2017, gaps by sex": summary(frame, PUBLISHED, extra=("experts",))}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Bars beside the published numbers."""
    draw_measures(frame, PUBLISHED, file, "HMDA 2017: networks against logistic experts")


def targets(frame: pd.DataFrame) -> Iterator[Bar]:
    """Within half a point of each other."""
    for mode in MODES:
        part = frame[frame["mode"] == mode].set_index("seed")
        accuracy = {kind: part.loc[part["method"] == kind, "accuracy"] for kind in KINDS}
        gap = abs((accuracy[NETWORKS] - accuracy[LOGISTIC]).mean())
        what = f"HMDA 2017, {mode}: accuracy of networks and of logistic experts, difference"
        yield target(what, [gap], "<=", 0.005)


EXPERIMENT = Experiment("expert_kinds", run, tables, draw, targets)

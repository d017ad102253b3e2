"""c. How many experts: with the paper's increments many experts end in collapse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks.common import timed
from benchmarks.paper.data import PaperContext, load, split
from benchmarks.paper.fitting import ALL, Setting, bound, fit, schedule
from benchmarks.paper.measures import MEASURES, TITLES, of_estimator, on_test
from benchmarks.paper.registry import Experiment
from benchmarks.paper.tables import MODE_COLORS, finish, printed, spread

INTERVALS = (400, 1000, 2000, 4000, 41_018)
QUICK_INTERVALS = (100, 1260)
INCREMENT = 0.02
SETTING = Setting(0.06, 0.06, 0.05)
LOSSES = ("log_loss", "jacobs")
PUBLISHED = (
    (46.34, 0.002, 0.002, 0.01),
    (74.77, 0.007, 0.03, 0.02),
    (79.20, 0.06, 0.07, 0.038),
    (83.1, 0.14, 0.24, 0.25),
    (77.54, 0.26, 0.31, 0.28),
)
"""From many experts to one; which interval belongs to the middle rows is not known to us."""


def run(context: PaperContext) -> Iterator[dict]:
    """One fit per interval: the schedule with both losses, and bounds."""
    task = load("adult", context)
    for seed in context.seeds:
        rows = split(task, seed)
        ours = rows.without_sensitive()
        for interval in QUICK_INTERVALS if context.quick else INTERVALS:
            pace = {"interval": interval, "increment": INCREMENT}
            for loss in LOSSES:
                yield _record(rows, "schedule", interval, schedule(ALL, **pace, loss=loss))
            grown = bound(ALL, SETTING, growth_interval=interval, max_experts=128)
            yield _record(ours, "bound", interval, grown)


def _record(rows, mode, interval, parameters) -> dict:
    """One fit, measured on the test rows."""
    model, told = timed(fit, rows, **parameters)
    return {
        "method": parameters.get("loss", "log_loss"),
        "mode": mode,
        "interval": interval,
        "seed": rows.seed,
        "experts": model.n_experts_,
        **on_test(of_estimator(model, rows.X_test), rows),
        **told,
    }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Measures by interval and mode; published rows by their order."""
    order = {interval: PUBLISHED[i] for i, interval in enumerate(INTERVALS)}
    rows = []
    for (interval, mode, loss), group in frame.groupby(
        ["interval", "mode", "method"], sort=False
    ):
        row = {"rows per expert": f"{interval:,}", "mode": mode, "loss": loss}
        row["experts"] = f"{group['experts'].mean():.0f}"
        row |= {TITLES[m]: spread(group[m], 4 if m == "accuracy" else 3) for m in MEASURES}
        paper = order.get(interval) if mode == "schedule" else None
        rows.append(row | {"published": printed(paper), "seeds": str(group["seed"].nunique())})
    return {"By rows per expert": pd.DataFrame(rows)}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Measures by the number of experts."""
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4))
    styles = {("schedule", "log_loss"): "o-", ("schedule", "jacobs"): "^--"}
    styles[("bound", "log_loss")] = "s-"
    for ax, measure in zip(axes, MEASURES, strict=True):
        for (mode, loss), group in frame.groupby(["mode", "method"], sort=False):
            means = group.groupby("interval")[["experts", measure]].mean()
            name = {"schedule": "the paper's mode", "bound": "our mode"}[mode]
            ax.plot(
                means["experts"],
                means[measure],
                styles[(mode, loss)],
                color=MODE_COLORS[mode],
                label=f"{name}, {loss}",
            )
        ax.set_xscale("log")
        ax.set_xlabel("experts")
        ax.set_title(TITLES[measure], fontsize=10)
        ax.grid(alpha=0.3)
    finish(figure, axes, file)


EXPERIMENT = Experiment("number_of_experts", run, tables, draw)

"""c. How many experts: with the paper's increments many experts end in collapse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks.data import load, split
from benchmarks.paper.fitting import ALL, Setting, bound, fitted, schedule
from benchmarks.paper.tables import PAGE, TITLES, draw_lines, printed, summary
from benchmarks.pictures import finish
from benchmarks.registry import Context, Section, Target, target

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


def run(context: Context) -> Iterator[dict]:
    """One fit per interval: the schedule with both losses, and bounds."""
    task = load("adult", context)
    for seed in context.seeds:
        rows = split(task, seed)
        for interval in QUICK_INTERVALS if context.quick else INTERVALS:
            told = {"interval": interval}
            pace = {"interval": interval, "increment": INCREMENT}
            for loss in LOSSES:
                asked = schedule(ALL, **pace, loss=loss)
                yield told | fitted(rows, loss, "schedule", asked)[1]
            grown = bound(ALL, SETTING, growth_interval=interval, max_experts=128)
            yield told | fitted(rows.without_sensitive(), "log_loss", "bound", grown)[1]


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Measures by interval and mode; published rows by their order."""
    order = {f"{interval:g}": PUBLISHED[i] for i, interval in enumerate(INTERVALS)}
    table = summary(frame, None, ("interval", "mode", "method"), experts="{:.0f}")
    ours = table["mode"] == "bound"
    table["published"] = table["interval"].map(order).map(printed, na_action="ignore")
    table["published"] = table["published"].where(~ours).fillna("")
    return {"By rows per expert": table.rename(columns={"interval": "rows per expert"})}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Measures by the number of experts."""
    figure, axes = plt.subplots(1, len(TITLES), figsize=(13, 3.4))
    draw_lines(axes, frame, "experts", "experts", {"jacobs": "^--", "log_loss": "o-"})
    for ax in axes:
        ax.set_xscale("log")
    finish(figure, axes, file)


def targets(frame: pd.DataFrame) -> Iterator[Target]:
    """Few experts halve the gaps of one, which has no penalty; many collapse."""
    frame = frame[frame["mode"] == "schedule"]
    for loss, rows in frame.groupby("method", sort=False):
        of = {interval: part.set_index("seed") for interval, part in rows.groupby("interval")}
        many, found, alone = (of.get(INTERVALS[i]) for i in (0, 3, 4))
        if many is None or found is None or alone is None:
            continue
        what = f"paper's mode, {loss}"
        yield target(f"{what}: accuracy", found["accuracy"], ">=", 0.80)
        for gap in ("spd", "aod", "burden"):
            half = alone[gap].mean() / 2
            yield target(f"{what}: {gap} at most half of one expert's", found[gap], "<=", half)
        lost = found["accuracy"] - many["accuracy"]
        yield target(f"{what}: accuracy lost with 100 experts", lost, ">=", 0.05)


SECTIONS = (Section("paper_number_of_experts", run, tables, draw, targets, PAGE),)

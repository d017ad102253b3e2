"""h. Individual fairness on COMPAS: whose decision changes with the race on file?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks import pages
from benchmarks.data import Split, load, split
from benchmarks.paper.fitting import fitted, network
from benchmarks.paper.peers import swapped
from benchmarks.paper.tables import PAGE, mark_published
from benchmarks.pictures import MODE_COLORS, error_points, finish
from benchmarks.registry import Context, Section, Target, target
from skfeamoe.metrics import individual_unfairness

PENALTY = 0.4
PUBLISHED = {"NN": (66.18, 0.38), "FEAMOE": (64.13, 0.09)}
PASSES = {"schedule": "one pass", "bound": "several passes", "peer": ""}
MARKERS = {"NN": "s", "MOE": "o", "FEAMOE": "D"}


def models(rows: Split) -> Iterator[tuple[str, str, dict]]:
    """Mode, name, parameters; the paper's mode is one pass, ours several."""
    grown = {
        "constraints": None,
        "growth": "individual_fairness",
        "counterfactual_columns": rows.sensitive_columns,
        "individual_penalty": PENALTY,
    }
    yield "peer", "NN", network()
    for mode, passes in (("schedule", 1), ("bound", "auto")):
        yield mode, "MOE", {"constraints": None, "max_iter": passes}
        yield mode, "FEAMOE", grown | {"max_iter": passes}


def run(context: Context) -> Iterator[dict]:
    """All models."""
    task = load("compas_with_race", context)
    for seed in context.seeds:
        rows = split(task, seed)
        for mode, name, parameters in models(rows):
            model, record = fitted(rows, name, mode, parameters)
            here = model.predict(rows.X_test)
            other = model.predict(swapped(rows.X_test, rows.sensitive_columns))
            share = individual_unfairness(rows.y_test, here, y_pred_counterfactual=other)
            yield record | {"unfair": float(share)}


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Accuracy and share of unfair rows."""
    columns = {"accuracy": "accuracy", "unfair": "share of unfair rows", "spd": "SPD"}
    table = pages.summary(frame, ("mode", "method"), columns, experts="{:.1f}")
    known = {name: f"{accuracy} / {share}" for name, (accuracy, share) in PUBLISHED.items()}
    table["published"] = table["method"].map(known).fillna("")
    return {"Accuracy and share of unfair rows": table.assign(mode=table["mode"].map(PASSES))}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Accuracy against the share of unfair rows."""
    figure, ax = plt.subplots(figsize=(6.5, 4.2))
    for (mode, name), group in frame.groupby(["mode", "method"], sort=False):
        label = ", ".join(filter(None, (name, PASSES[mode])))
        look = {"marker": MARKERS[name], "color": MODE_COLORS[mode], "label": label}
        error_points(ax, [group], "unfair", **look)
    for name, (accuracy, share) in PUBLISHED.items():
        mark_published(ax, share, accuracy / 100, MARKERS[name], f"{name}, published")
    ax.set(xlabel="share of rows whose decision changes with race", ylabel="accuracy")
    finish(figure, ax, file, ncols=2)


def targets(frame: pd.DataFrame) -> Iterator[Target]:
    """Against the published row, in both modes."""
    for mode in ("schedule", "bound"):
        ours = frame[(frame["mode"] == mode) & (frame["method"] == "FEAMOE")]
        what = f"COMPAS, individual fairness, {PASSES[mode]}"
        yield target(f"{what}: share of unfair rows", ours["unfair"], "<=", 0.09)
        yield target(f"{what}: accuracy", ours["accuracy"], ">=", 0.641)


SECTIONS = (Section("paper_individual_fairness", run, tables, draw, targets, PAGE),)

"""h. Individual fairness on COMPAS: whose decision changes with the race on file?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks.bars import Bar
from benchmarks.common import timed
from benchmarks.paper.data import PaperContext, Rows, load, split
from benchmarks.paper.fitting import fit, network
from benchmarks.paper.measures import of_estimator, on_test
from benchmarks.paper.peers import swapped
from benchmarks.paper.registry import Experiment, target
from benchmarks.paper.tables import MODE_COLORS, finish, spread
from skfeamoe.metrics import individual_unfairness

PENALTY = 0.4
PUBLISHED = {"NN": (66.18, 0.38), "FEAMOE": (64.13, 0.09)}


def models(rows: Rows) -> Iterator[tuple[str, str, dict]]:
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


def run(context: PaperContext) -> Iterator[dict]:
    """All models."""
    task = load("compas", context)
    for seed in context.seeds:
        rows = split(task, seed)
        for mode, name, parameters in models(rows):
            model, told = timed(fit, rows, **parameters)
            outcome = of_estimator(model, rows.X_test)
            other = model.predict(swapped(rows.X_test, rows.sensitive_columns))
            share = individual_unfairness(
                rows.y_test, outcome.decisions, y_pred_counterfactual=other
            )
            yield {
                "method": name,
                "mode": mode,
                "seed": seed,
                "unfair": share,
                **on_test(outcome, rows),
                "experts": model.n_experts_,
                **told,
            }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Accuracy and share of unfair rows."""
    rows = []
    for (mode, name), group in frame.groupby(["mode", "method"], sort=False):
        paper = PUBLISHED.get(name)
        rows.append(
            {
                "mode": {"schedule": "one pass", "bound": "several passes"}.get(mode, ""),
                "method": name,
                "accuracy": spread(group["accuracy"], 4),
                "share of unfair rows": spread(group["unfair"]),
                "SPD": spread(group["spd"]),
                "experts": f"{group['experts'].mean():.1f}",
                "published": f"{paper[0]} / {paper[1]}" if paper else "",
                "seeds": str(group["seed"].nunique()),
            }
        )
    return {"Accuracy and share of unfair rows": pd.DataFrame(rows)}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Accuracy against the share of unfair rows."""
    figure, ax = plt.subplots(figsize=(6.5, 4.2))
    for (mode, name), group in frame.groupby(["mode", "method"], sort=False):
        passes = {"schedule": ", one pass", "bound": ", several passes"}.get(mode, "")
        ax.errorbar(
            group["unfair"].mean(),
            group["accuracy"].mean(),
            xerr=group["unfair"].std(),
            yerr=group["accuracy"].std(),
            fmt={"NN": "s", "MOE": "o", "FEAMOE": "D"}[name],
            color=MODE_COLORS[mode],
            elinewidth=0.8,
            label=f"{name}{passes}",
        )
    for name, (accuracy, share) in PUBLISHED.items():
        marker = {"NN": "s", "FEAMOE": "D"}[name]
        ax.plot(
            share,
            accuracy / 100,
            linestyle="none",
            marker=marker,
            markerfacecolor="white",
            markeredgecolor="black",
            label=f"{name}, published",
        )
    ax.set_xlabel("share of rows whose decision changes with race")
    ax.set_ylabel("accuracy")
    ax.grid(alpha=0.3)
    finish(figure, ax, file, ncols=2)


def targets(frame: pd.DataFrame) -> Iterator[Bar]:
    """Against the published row, in both modes."""
    for mode, passes in (("schedule", "one pass"), ("bound", "several passes")):
        ours = frame[(frame["mode"] == mode) & (frame["method"] == "FEAMOE")]
        what = f"COMPAS, individual fairness, {passes}"
        yield target(f"{what}: share of unfair rows", ours["unfair"], "<=", 0.09)
        yield target(f"{what}: accuracy", ours["accuracy"], ">=", 0.641)


EXPERIMENT = Experiment("individual_fairness", run, tables, draw, targets)

"""i. Processor time of 100 explanations.

All ways use the same background. KernelSHAP explains a few rows, and its time is scaled to
100: it works row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.bars import Bar
from benchmarks.common import timed
from benchmarks.paper.data import PaperContext, load, split
from benchmarks.paper.fitting import ALL, Setting, bound, fit, schedule
from benchmarks.paper.registry import Experiment
from benchmarks.paper.tables import finish


@dataclass(frozen=True)
class TimeConfig:
    """Rows to explain, rows that KernelSHAP explains, its background and coalitions."""

    setting: Setting
    explained: int = 100
    by_kernel: int = 2
    background: int = 50
    more_coalitions: int = 6000
    interval: int = 4000
    increment: float = 0.02


CONFIG = TimeConfig(Setting(0.06, 0.06, 0.05))
DATA = {"adult": "Adult", "compas": "COMPAS", "hmda_2017": "HMDA"}
THEOREM, EXACT = "Theorem 1 (gate held)", "Shapley values of the mixture"
KERNEL, MORE = "KernelSHAP", "KernelSHAP, more coalitions"
PUBLISHED = {
    "Adult": {THEOREM: 34, KERNEL: 379, MORE: 941},
    "COMPAS": {THEOREM: 32, KERNEL: 246, MORE: 805},
    "HMDA": {THEOREM: 38, KERNEL: 314, MORE: 887},
}


def run(context: PaperContext) -> Iterator[dict]:
    """All data sets, modes and ways to explain."""
    for name, title in DATA.items():
        task = load(name, context)
        for seed in context.seeds:
            rows = split(task, seed)
            interval = max(len(rows.y) // 10, 1)
            pace = {"interval": interval, "increment": CONFIG.increment}
            for mode, parameters in (
                ("schedule", schedule(ALL, **pace)),
                ("bound", bound(ALL, CONFIG.setting)),
            ):
                model = fit(rows, **parameters)
                for way, seconds in _times(model, rows, context.quick).items():
                    yield {
                        "data": title,
                        "method": way,
                        "mode": mode,
                        "seed": seed,
                        "features": rows.X.shape[1],
                        "experts": model.n_experts_,
                        "seconds": seconds,
                    }


def _times(model, rows, quick) -> dict[str, float]:
    """Seconds per 100 rows by way to explain."""
    from shap import KernelExplainer

    X = rows.X_test[: CONFIG.explained]
    scale = CONFIG.explained / len(X)
    model.explain(X[:2], game="gate_frozen_margin")  # imports are not on the clock
    order = np.random.default_rng(rows.seed).permutation(len(rows.X))
    background = rows.X[order[: CONFIG.background]]
    found = {}
    for way, game in ((THEOREM, "gate_frozen_margin"), (EXACT, "interventional")):
        told = timed(model.explain, X, game=game, background=background, random_state=0)[1]
        found[way] = told["seconds"] * scale
    explainer = KernelExplainer(lambda X: model.predict_proba(X)[:, 1], background)
    few = X[: 1 if quick else CONFIG.by_kernel]
    budgets = {KERNEL: "auto", MORE: CONFIG.more_coalitions}
    for way, nsamples in ({KERNEL: 100} if quick else budgets).items():
        told = timed(explainer.shap_values, few, nsamples=nsamples, l1_reg=False, silent=True)[
            1
        ]
        found[way] = told["seconds"] * CONFIG.explained / len(few)
    return found


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Median seconds per 100 explanations."""
    rows = []
    for (data, mode, way), group in frame.groupby(["data", "mode", "method"], sort=False):
        rows.append(
            {
                "data": data,
                "mode": mode,
                "way": way,
                "features": f"{group['features'].iloc[0]:.0f}",
                "experts": f"{group['experts'].mean():.0f}",
                "seconds": f"{group['seconds'].mean():.3g} ± {group['seconds'].std():.2g}",
                "published": str(PUBLISHED[data].get(way, "")),
                "seeds": str(group["seed"].nunique()),
            }
        )
    return {"Seconds of 100 explanations": pd.DataFrame(rows)}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """Seconds on a logarithmic axis, our mode."""
    frame = frame[frame["mode"] == "bound"]
    ways = list(dict.fromkeys(frame["method"]))
    data = list(dict.fromkeys(frame["data"]))
    figure, ax = plt.subplots(figsize=(8, 4))
    width = 0.8 / len(ways)
    for i, way in enumerate(ways):
        at = np.arange(len(data)) + (i - (len(ways) - 1) / 2) * width
        group = frame[frame["method"] == way].groupby("data")["seconds"].median()
        ax.bar(at, group.reindex(data), width, label=way)
        known = [PUBLISHED[name].get(way) for name in data]
        if all(known):
            ax.plot(
                at,
                known,
                linestyle="none",
                marker="D",
                markerfacecolor="white",
                markeredgecolor="black",
                label="published",
            )
    ax.set_yscale("log")
    ax.set_xticks(np.arange(len(data)), data)
    ax.set_ylabel("processor seconds, 100 explanations")
    ax.grid(axis="y", alpha=0.3)
    finish(figure, ax, file, ncols=3)


def targets(frame: pd.DataFrame) -> Iterator[Bar]:
    """The paper's factor over KernelSHAP is about eight to eleven."""
    seconds = frame.groupby(["data", "method"])["seconds"].median()
    for data in dict.fromkeys(frame["data"]):
        for way in (THEOREM, EXACT):
            ratio = seconds.loc[(data, KERNEL)] / seconds.loc[(data, way)]
            yield Bar(f"{data}: KernelSHAP's time over that of {way}", ratio, ">=", 8)


EXPERIMENT = Experiment("explanation_time", run, tables, draw, targets)

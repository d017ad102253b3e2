"""Tables beside the published numbers, and the figures that several experiments share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.paper.measures import MEASURES, TITLES

Published = Mapping[str, tuple[float | None, ...]]
"""Method -> accuracy, SPD, AOD, burden gap as printed; None where it is not known."""

MODE_COLORS = {"schedule": "#E69F00", "bound": "#0072B2", "peer": "#999999"}


def spread(values, digits: int = 3) -> str:
    """Mean and standard deviation as text."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    deviation = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{deviation}"


def printed(numbers: tuple[float | None, ...] | None) -> str:
    """Published numbers in the paper's order."""
    return (
        "" if numbers is None else " / ".join("?" if v is None else f"{v:g}" for v in numbers)
    )


def summary(frame, published: Published, keys=("mode", "method"), extra=()) -> pd.DataFrame:
    """Mean and deviation of the four measures by mode and method, the published beside."""
    rows = []
    for names, group in frame.groupby(list(keys), sort=False):
        row = dict(zip(keys, names, strict=True))
        row |= {
            TITLES[name]: spread(group[name], 4 if name == "accuracy" else 3)
            for name in MEASURES
        }
        row |= {name: spread(group[name], 1) for name in extra if name in group}
        row["seconds"] = f"{group['seconds'].median():.2g}" if "seconds" in group else ""
        row["published"] = printed(published.get(row["method"]))
        rows.append(row | {"seeds": str(group["seed"].nunique())})
    return pd.DataFrame(rows)


def draw_measures(frame, published: Published, file: Path, title: str) -> None:
    """A panel per measure, a bar per method and mode, the published numbers as marks."""
    methods = list(dict.fromkeys(frame["method"]))
    modes = [mode for mode in MODE_COLORS if mode in set(frame["mode"])]
    figure, axes = plt.subplots(1, 4, figsize=(13, 0.9 + 0.42 * len(methods)), sharey=True)
    places = np.arange(len(methods))
    height = 0.8 / len(modes)
    for ax, measure in zip(axes, MEASURES, strict=True):
        for i, mode in enumerate(modes):
            grouped = frame[frame["mode"] == mode].groupby("method")[measure]
            means, deviations = grouped.mean(), grouped.std()
            at = places + (i - (len(modes) - 1) / 2) * height
            ax.barh(
                at,
                means.reindex(methods),
                height,
                xerr=deviations.reindex(methods),
                color=MODE_COLORS[mode],
                error_kw={"elinewidth": 0.8},
                label={"schedule": "the paper's mode", "bound": "our mode", "peer": "peers"}[
                    mode
                ],
            )
        _mark_published(ax, methods, published, MEASURES.index(measure))
        ax.set_xlabel(TITLES[measure])
        ax.grid(axis="x", alpha=0.3)
        ax.set_axisbelow(True)
    low = frame.groupby(["mode", "method"])["accuracy"].mean().min()
    axes[0].set_xlim(left=max(0.0, np.floor(low * 10 - 0.5) / 10))
    axes[0].set_yticks(places, methods)
    axes[0].invert_yaxis()
    figure.suptitle(title, fontsize=11)
    finish(figure, axes, file)


def _mark_published(ax, methods, published, position) -> None:
    """The paper's numbers, where it gives them."""
    known = {
        method: numbers[position] / (100 if position == 0 else 1)
        for method, numbers in published.items()
        if numbers[position] is not None and method in methods
    }
    if known:
        ax.plot(
            list(known.values()),
            [methods.index(method) for method in known],
            linestyle="none",
            marker="D",
            markersize=5,
            markerfacecolor="white",
            markeredgecolor="black",
            label="published",
        )


def finish(figure, axes, file: Path, ncols: int = 5) -> None:
    """One legend for all panels, and the file."""
    found: dict = {}
    for ax in np.ravel(axes):
        found |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    figure.set_layout_engine("constrained")
    figure.legend(
        found.values(), found.keys(), loc="outside lower center", ncols=ncols, frameon=False
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    plt.close(figure)

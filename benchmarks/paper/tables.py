"""Tables beside the published numbers, and the bars that several experiments share."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import pages
from benchmarks.pictures import MODE_COLORS, finish

TITLES = {"accuracy": "accuracy", "spd": "SPD", "aod": "AOD", "burden": "burden gap"}
MODES = {"schedule": "the paper's mode", "bound": "our mode", "peer": "peers"}
PAGE = "reproduction.md"

Published = Mapping[str, tuple[float | None, ...]]
"""Method -> accuracy, SPD, AOD, burden gap as printed."""


def printed(numbers) -> str:
    """Published numbers in the paper's order."""
    return "" if numbers is None else " / ".join(f"{v:g}" for v in numbers)


def summary(frame, published: Published | None = None, keys=("mode", "method"), **means):
    """The four measures by mode and method, the published ones beside."""
    table = pages.summary(frame, keys, TITLES, **means)
    if published is not None:
        table["published"] = [printed(published.get(name)) for name in table["method"]]
    return table


def draw_measures(frame: pd.DataFrame, published: Published, file: Path, title: str) -> None:
    """A panel per measure, a bar per method and mode, the published numbers as marks."""
    methods = list(dict.fromkeys(frame["method"]))
    modes = [mode for mode in MODES if mode in set(frame["mode"])]
    figure, axes = plt.subplots(1, 4, figsize=(13, 0.9 + 0.42 * len(methods)), sharey=True)
    places, height = np.arange(len(methods)), 0.8 / len(modes)
    for position, (ax, measure) in enumerate(zip(axes, TITLES, strict=True)):
        for i, mode in enumerate(modes):
            grouped = frame[frame["mode"] == mode].groupby("method")[measure]
            at = places + (i - (len(modes) - 1) / 2) * height
            means, bars = (v.reindex(methods) for v in (grouped.mean(), grouped.std()))
            look = {"color": MODE_COLORS[mode], "label": MODES[mode]}
            ax.barh(at, means, height, xerr=bars, error_kw={"elinewidth": 0.8}, **look)
        known = {m: n[position] / (1 if position else 100) for m, n in published.items()}
        known = {methods.index(m): n for m, n in known.items() if m in methods}
        if known:
            mark_published(ax, list(known.values()), list(known))
        ax.set_xlabel(TITLES[measure])
    low = frame.groupby(["mode", "method"])["accuracy"].mean().min()
    axes[0].set_xlim(left=max(0.0, np.floor(low * 10 - 0.5) / 10))
    axes[0].set_yticks(places, methods)
    axes[0].invert_yaxis()
    figure.suptitle(title, fontsize=11)
    finish(figure, axes, file)


def mark_published(ax, x, y, marker: str = "D", label: str = "published") -> None:
    """The paper's numbers, where it gives them."""
    look = {"markerfacecolor": "white", "markeredgecolor": "black", "markersize": 5}
    ax.plot(x, y, linestyle="none", marker=marker, label=label, **look)


def draw_lines(panels, frame: pd.DataFrame, x: str, xlabel: str, styles: Mapping) -> None:
    """Means of the four measures along ``x``, a line per mode and method."""
    for ax, measure in zip(panels, TITLES, strict=True):
        for (mode, name), group in frame.groupby(["mode", "method"], sort=False):
            means = group.groupby(x)[measure].mean()
            label = name if mode == "peer" else f"{name}, {MODES[mode]}"
            look = {"color": MODE_COLORS[mode], "label": label}
            ax.plot(means.index, means, styles.get(name, ".-"), **look)
        ax.set_title(TITLES[measure], fontsize=10)
        ax.set_xlabel(xlabel)

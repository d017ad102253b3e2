"""What the pictures share: colors, points with bars, and one legend."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

STYLES = {
    "FEAMOE": ("#D55E00", "o"),
    "ExponentiatedGradient": ("#0072B2", "s"),
    "ThresholdOptimizer": ("#009E73", "^"),
    "LogisticRegression": ("#000000", "D"),
    "SGDClassifier": ("#CC79A7", "v"),
    "river LogisticRegression": ("#999999", "P"),
}
MODE_COLORS = {"schedule": "#E69F00", "bound": "#0072B2", "peer": "#999999"}


def error_points(ax, parts: Iterable, x: str, y: str = "accuracy", **look) -> None:
    """Means of every part with bars of one standard deviation, joined in their order."""
    parts = list(parts)
    bars = {
        "xerr": [part[x].std() for part in parts],
        "yerr": [part[y].std() for part in parts],
    }
    means = [part[x].mean() for part in parts], [part[y].mean() for part in parts]
    ax.errorbar(*means, **bars, **({"markersize": 5, "lw": 1, "elinewidth": 0.6} | look))


def finish(figure, axes, file: Path, ncols: int = 5) -> None:
    """Grids, one legend for all panels, and the file."""
    found: dict = {}
    for ax in np.ravel(axes):
        ax.grid(alpha=0.3)
        ax.set_axisbelow(True)
        found |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    figure.set_layout_engine("constrained")
    if found:
        place = {"loc": "outside lower center", "ncols": ncols, "frameon": False}
        figure.legend(found.values(), found.keys(), **place)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    plt.close(figure)

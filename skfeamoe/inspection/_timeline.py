"""The axis of a stream: rows, times, alarms and labels at the ends of lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skfeamoe._fairness.constraints import CONSTRAINTS, MEAN_OF_EVENT, ratio_of
from skfeamoe.inspection._style import INK, QUIET

MEASURE_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "majority_accuracy": "accuracy of the most frequent label",
    "brier_score": "Brier score",
    "ks_statistic": "KS statistic",
    "calibration_error": "calibration error",
    "roc_auc": "area under ROC curve",
}
RATE_OF: dict[str, str] = {}
for _kind in CONSTRAINTS.values():
    _words, _rate = _kind.title.replace(" ", "-"), MEAN_OF_EVENT[_kind.events[0]]
    MEASURE_NAMES |= {_kind.metric: f"{_words} gap", ratio_of(_kind.metric): f"{_words} ratio"}
    RATE_OF |= {_kind.metric: _rate, ratio_of(_kind.metric): _rate}
RATE_NAMES = {
    "selection_rate": "selection rate",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
    "burden": "burden",
}
LINES = ("-", "--", ":", "-.")
ALARM = "#D13B43"
"""A red that stands out on light and on dark pages alike (4.8 and 3.7 to 1)."""
LETTER = 6.0
"""Points that a letter under an axis takes, and a little more."""


def chosen_view(table, view: str):
    """The rows of a table that are of one view; windows only where they are full."""
    views = list(dict.fromkeys(table["view"]))
    if view not in views:
        raise ValueError(f"view must be one of {views}, got {view!r}")
    return table[table["view"] == view]


def chosen_model(result, model: str | None) -> str:
    """The model that is meant; the first by default."""
    names = list(result.timings)
    if model is None:
        return names[0]
    if model not in names:
        raise ValueError(f"model must be one of {names}, got {model!r}")
    return model


def chosen_measure(result, measure: str) -> str:
    """A measure that the run has computed."""
    if measure not in result.metrics:
        raise ValueError(f"measure must be one of {result.metrics}, got {measure!r}")
    return measure


def full_window(result, view: str) -> int:
    """Rows from which on a view is worth showing."""
    return int(result.settings["window"]) if view == "window" else 1


def label_ends(ax, ends: Sequence[tuple[float, str, Any]], x: float) -> None:
    """Write (value, text, color) beside the ends of lines, none over another."""
    low, high = ax.get_ylim()
    height = max(0.8 * ax.get_window_extent().height * 72 / ax.figure.dpi, 1.0)
    least = max(0.085, 12.5 / height) * (high - low)
    places: list[float] = []
    ordered = sorted((end for end in ends if np.isfinite(end[0])), key=lambda end: end[0])
    for value, _, _ in ordered:
        places.append(max(value, places[-1] + least) if places else value)
    over = places[-1] - high if places else 0.0
    for (value, text, color), place in zip(ordered, places, strict=True):
        ax.annotate(
            text,
            (x, value),
            xytext=(1.012, (place - max(over, 0.0) - low) / (high - low)),
            textcoords="axes fraction",
            color=color,
            va="center",
            fontsize=9.5,
            annotation_clip=False,
        )


def mark_alarms(axes, alarm_rows: Sequence[int]) -> None:
    """A line at every alarm through all panels, numbered above the first one."""
    for ax in axes:
        for row in alarm_rows:
            ax.axvline(row, color=ALARM, lw=1.0, ls=(0, (2, 2)), zorder=1)
    least = 0.028 * np.ptp(axes[0].get_xlim())
    start = 0
    for number, row in enumerate(alarm_rows, start=1):
        if number < len(alarm_rows) and alarm_rows[number] - row < least:
            continue
        first = start + 1
        axes[0].annotate(
            str(number) if first == number else f"{first}\N{EN DASH}{number}",
            ((alarm_rows[start] + row) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            color=ALARM,
        )
        start = number


def label_rows(ax, rows: Sequence[int], times: Sequence[Any]) -> None:
    """Rows of the stream under the picture, and when they happened where it is known."""
    known = [(row, time) for row, time in zip(rows, times, strict=True) if time is not None]
    ticks = [tick for tick in ax.get_xticks() if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]]
    labels = []
    for tick in ticks:
        text = f"{int(tick):,}"
        if known and tick > 0:
            text += "\n" + time_text(min(known, key=lambda pair: abs(pair[0] - tick))[1])
        labels.append(text)
    if labels:
        longest = max(len(line) for text in labels for line in text.split("\n"))
        room = 72.0 * ax.get_window_extent().width / ax.figure.dpi
        step = math.ceil(len(labels) * (longest + 2) * LETTER / max(room, 1.0))
        ticks, labels = ticks[::step], labels[::step]
    ax.set_xticks(ticks, labels)
    ax.set_xlabel("rows of the stream" + (", and when" if known else ""), color=INK)


def say_nothing(ax, text: str) -> None:
    """A panel with nothing to draw says so."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=QUIET)


def time_text(time: Any) -> str:
    """A short text of a time: the day of a date, a number as it is."""
    if isinstance(time, (float, np.floating)) and float(time).is_integer():
        return str(int(time))
    return str(time)[:10]


def open_axes(ax) -> None:
    """A quiet frame for lines over time."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(QUIET)
    ax.tick_params(color=QUIET, labelcolor=INK)
    ax.grid(axis="y", color="#E2E2E2", lw=0.7, zorder=0)
    ax.set_axisbelow(True)


def new_axes(plt, ax, n: int, heights: Sequence[float]) -> np.ndarray:
    """The given axes, checked, or those of a new figure, one below the other."""
    if ax is None:
        _, ax = plt.subplots(
            n,
            1,
            figsize=(9.0, sum(heights)),
            sharex=True,
            height_ratios=list(heights),
            layout="constrained",
        )
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != n:
        raise ValueError(f"ax must be {n} axes, one for each panel, got {len(axes)}")
    return axes

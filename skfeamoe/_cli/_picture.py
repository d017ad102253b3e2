"""One picture of a run: accuracy and gap of recent rows over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skfeamoe.streaming import PrequentialResult

from ._errors import InputError, needs
from ._models import FEAMOE, ONLINE, STATIC
from ._verdict import LONG_NAMES

# Okabe and Ito's palette, told apart by every kind of color vision; line styles and labels
# at the lines' ends carry the same information in black and white
STYLES = {
    FEAMOE: {"color": "#0072B2", "linewidth": 2.6, "linestyle": "-", "zorder": 4},
    ONLINE: {"color": "#D55E00", "linewidth": 1.5, "linestyle": "--", "zorder": 3},
    STATIC: {"color": "#555555", "linewidth": 1.5, "linestyle": ":", "zorder": 2},
}
_BOUND_COLOR = "#000000"


def check_picture_path(path: str) -> Path:
    """Refuse a picture that could not be written, before the work begins."""
    figure = needs("matplotlib.figure").Figure()
    picture = checked_output(path, "--output")
    suffixes = figure.canvas.get_supported_filetypes()
    if picture.suffix.lower().lstrip(".") not in suffixes:
        raise InputError(f"--output {path!r} has no known picture type; name it .png")
    return picture


def checked_output(path: str, option: str) -> Path:
    """Refuse a file in a folder that does not exist, or that is a folder."""
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{option} {path!r} is a folder; give a file name")
    if not file.parent.is_dir():
        raise InputError(f"{option} {path!r} is in a folder that does not exist; make it first")
    return file


def draw(
    result: PrequentialResult,
    gap: str,
    bound: float,
    path: Path,
    *,
    title: str,
    change_points: Sequence[int] = (),
    change_widths: Sequence[int] = (),
    world_names: Sequence[str] = (),
) -> None:
    """Draw windowed accuracy and gap of all models and save the picture."""
    figure_module = needs("matplotlib.figure")
    figure = figure_module.Figure(figsize=(10, 6.6), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    ends: dict[str, list] = {"accuracy": [], gap: []}
    for name in result.timings:
        rows, series = _series(result, name, ("accuracy", gap))
        for axes, measure in ((upper, "accuracy"), (lower, gap)):
            axes.plot(rows, series[measure], label=name, **STYLES[name])
            known = series[measure][~np.isnan(series[measure])]
            if len(known):
                ends[measure].append((float(known[-1]), name))
    last = result.rows_seen
    for axes, measure in ((upper, "accuracy"), (lower, gap)):
        axes.set_xlim(0, last * 1.16)
        axes.grid(axis="y", color="#dddddd", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        _label_ends(axes, ends[measure], last)
    lower.axhline(bound, xmax=1 / 1.16, color=_BOUND_COLOR, linewidth=1.3, zorder=1.5)
    lower.set_ylim(bottom=0)
    lower.annotate(
        f"bound {bound:g}",
        (0, bound),
        xytext=(4, 4),
        textcoords="offset points",
        fontsize=9,
    )
    upper.set_ylabel("accuracy")
    lower.set_ylabel(LONG_NAMES[gap])
    window = result.settings["window"]
    figure.suptitle(
        f"{title}\nmeasured on the last {window:,} rows, each decided before it was learned",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    _shade_start((upper, lower), result)
    _mark_changes((upper, lower), change_points, change_widths, world_names)
    _label_rows(lower, result)
    try:
        figure.savefig(path)
    except OSError as error:
        raise InputError(
            f"--output {str(path)!r} cannot be written: {error.strerror}"
        ) from error


def _series(
    result: PrequentialResult, name: str, measures: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows seen and windowed measures of a model, from its first full window on."""
    full = result.settings["window"]
    rows, values = [], []
    for point in result.points:
        view: dict[str, Any] = point["models"][name]["views"]["window"]
        if view["n_rows"] >= full:
            rows.append(point["rows_seen"])
            values.append([view[measure] for measure in measures])
    table = np.array(values, dtype=float).reshape(-1, len(measures))
    return np.array(rows), dict(zip(measures, table.T, strict=True))


def _label_ends(axes, ends: list, last: int) -> None:
    """Write each model's name beside the end of its line, without overlap."""
    if not ends:
        return
    low, high = axes.get_ylim()
    least = 0.075 * (high - low)
    position = low - least / 2
    for value, name in sorted(ends):
        position = max(value, position + least)
        style = STYLES[name]
        axes.annotate(
            name,
            (last, value),
            xytext=(last * 1.015, position),
            color=style["color"],
            fontsize=10,
            va="center",
            weight="bold" if name == FEAMOE else "normal",
        )


def _shade_start(both, result: PrequentialResult) -> None:
    """Show the rows on which the models were only trained."""
    trained = result.settings["pretrain_rows"]
    if not trained:
        return
    for axes in both:
        axes.axvspan(0, trained, color="#f0f0f0", zorder=0, linewidth=0)
    both[0].annotate(
        "training\nonly",
        (trained / 2, 0.04),
        xycoords=("data", "axes fraction"),
        ha="center",
        fontsize=8,
        color="#555555",
    )


def _mark_changes(both, points, widths, worlds) -> None:
    """Mark where the world changes, and how long it takes."""
    for index, (first, width) in enumerate(zip(points, widths, strict=True)):
        for axes in both:
            axes.axvline(first, color="#888888", linewidth=1, zorder=1)
            if width:
                axes.axvspan(first, first + width, color="#f6efe0", zorder=0, linewidth=0)
        both[0].annotate(
            worlds[index + 1],
            (first, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4, -10),
            textcoords="offset points",
            fontsize=9,
            color="#444444",
        )


def _label_rows(axes, result: PrequentialResult) -> None:
    """Put rows seen under the picture, and the time of those rows where it is known."""
    times = [point["time"] for point in result.points]
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= result.rows_seen]
    labels = []
    for tick in ticks:
        nearest = min(result.points, key=lambda p: abs(p["rows_seen"] - tick))
        known = tick > 0 and nearest["time"] is not None
        time = "\n" + _time_text(nearest["time"]) if known else ""
        labels.append(f"{int(tick):,}{time}")
    axes.set_xticks(ticks, labels)
    axes.set_xlabel("rows seen" + ("" if times[0] is None else ", and when"))


def _time_text(time: Any) -> str:
    """Return a short text of a time: the day of a date, a number as it is."""
    if isinstance(time, np.datetime64) or hasattr(time, "isoformat"):
        return str(time)[:10]
    if isinstance(time, (float, np.floating)) and float(time).is_integer():
        return str(int(time))
    return str(time)[:10]

"""The pictures of a report: wide and narrow, for light and for dark pages.

Every picture is drawn once for wide pages and once for phones. Its dark twin is the same SVG
with the few colors that stand for paper and ink exchanged.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ._gaps import full_windows
from ._tally import N_CALIBRATION_BINS

WIDE, NARROW = 8.6, 4.3
"""Inches; a phone shows the narrow one with the same size of letters."""

DARK = {
    "#ffffff": "#17191c",
    "#222222": "#eceae6",
    "#666666": "#a9a9a9",
    "#808080": "#a9a9a9",
    "#e2e2e2": "#3a3d42",
    "#e6e6e6": "#3a3d42",
    "#000000": "#eceae6",
    "#0072b2": "#3d9be0",
    "#555555": "#b8b8b8",
}
"""Colors of paper, ink and lines that are exchanged for dark pages."""

MOST_SHAPES = 4
MOST_GROUPS = 5


def pictures(report: Any, tell: Callable[[str], Any]) -> dict[str, dict[str, str]]:
    """All pictures, each as SVG in data URIs: wide, narrow, and both for dark pages.

    ``tell`` is called with what is drawn next.
    """
    from skfeamoe.inspection import (
        ExpertUsageDisplay,
        FairnessDriftDisplay,
        GroupComparisonDisplay,
        PrequentialDisplay,
    )

    result, model, measure = report.result, report.model, report.measure
    view: dict[str, Any] = {
        "view": "window" if full_windows(result, model) else "cumulative",
        "model": model,
    }

    def lines(name):
        made = partial(PrequentialDisplay.from_result, result, measures=[name], **view)
        return _display(partial(made, difference_bound=report.bound))

    drawn: dict[str, Callable[[], dict[str, str]]] = {}
    if result.groups:
        drawn["gap"] = lambda: _picture([3.0], lines(measure))
    if "accuracy" in result.metrics:
        drawn["accuracy"] = lambda: _picture([2.8], lines("accuracy"))
    if result.groups:
        made = partial(FairnessDriftDisplay.from_result, result, measure=measure, **view)
        drawn["groups"] = lambda: _picture([3.0], _display(made, panels=("rates",)))
    if _calibrated(report):
        drawn["calibration"] = lambda: _picture(
            [3.4], lambda ax: _draw_calibration(ax[0], report)
        )
    if len(result.expert_table) and (result.expert_table["model"] == model).any():
        used = partial(ExpertUsageDisplay.from_result, result, model=model)
        drawn["experts"] = lambda: _picture([3.0], _display(used))
    if report.explanation is not None:
        drawn["shapes"] = lambda: _shapes(report.explanation)
    if report.gap_explanation is not None:
        n_lines = min(len(report.gap_explanation.feature_names), 10)
        drawn["features"] = lambda: _picture(
            [1.9 + 0.36 * n_lines],
            lambda ax: GroupComparisonDisplay(report.gap_explanation).plot(ax=ax[0]),
        )
    found = {}
    for name, draw in drawn.items():
        tell(f"drawing {name}")
        found[name] = draw()
    return found


def _picture(heights: list[float], draw: Callable[[Any], Any]) -> dict[str, str]:
    """Draw wide and narrow, light and dark."""
    found: dict[str, str] = {}
    for name, width in (("wide", WIDE), ("narrow", NARROW)):
        figure = _figure(width, sum(heights))
        axes = figure.subplots(
            len(heights), 1, sharex=len(heights) > 1, height_ratios=heights, squeeze=False
        )
        draw(axes[:, 0])
        found |= _both(name, figure, axes[:, 0])
    return found


def _display(make: Callable[..., Any], **options: Any) -> Callable[[Any], Any]:
    """Draw a display that `make` makes; what it shows is computed the first time only."""
    display: Any = None

    def draw(axes: Any) -> None:
        nonlocal display
        plot = make if display is None else display.plot
        display = plot(ax=axes, **options)

    return draw


def _figure(width: float, height: float) -> Any:
    """A figure of the page's letters."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _both(name: str, figure: Any, axes) -> dict[str, str]:
    """The SVG of a figure, light and dark, as data URIs."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if name == "narrow":
        for ax in axes:
            _narrow(ax)
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "skfeamoe", "svg.fonttype": "path"}):
        # savefig would draw once more, for a layout that is computed in drawing anyhow
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    text = buffer.getvalue().decode("utf-8")
    dark = text
    for light, other in DARK.items():
        dark = dark.replace(light, other.upper() if light == "#ffffff" else other)
    dark = dark.replace('<g id="figure_1">', '<g id="figure_1" fill="#eceae6">', 1)
    return {name: _uri(text), f"{name}_dark": _uri(dark)}


def _narrow(ax) -> None:
    """Fewer ticks and wrapped titles for a phone."""
    import textwrap

    title = ax.get_title(loc="left")
    if title:
        ax.set_title("\n".join(textwrap.wrap(title, 42)), loc="left", fontsize=9.5, pad=14)
    ticks = ax.get_xticks()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    if len(ticks) > 4 and any(labels):
        step = -(-len(ticks) // 4)
        ax.set_xticks(ticks[::step], labels[::step], fontsize=8)


def _uri(text: str) -> str:
    """A data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode("ascii")


def _calibrated(report: Any) -> bool:
    """Whether probabilities were measured."""
    view = report.result.points[-1].models[report.model].views["cumulative"]
    return bool(view.reliability.size and view.reliability[0].sum() > 0)


def _draw_calibration(ax, report: Any) -> None:
    """Share of favorable truths against the probability that was said."""
    from skfeamoe.inspection._style import INK, MARKERS, QUIET, SERIES
    from skfeamoe.inspection._timeline import open_axes

    result = report.result
    view = result.points[-1].models[report.model].views["cumulative"]
    sizes = view.reliability[1:, :, 0].sum(axis=1)
    largest = np.argsort(-sizes, kind="stable")[:MOST_GROUPS]
    lines = [("everyone", view.reliability[0], INK, 2.2)]
    lines += [
        (result.group_names[g], view.reliability[1 + g], SERIES[k % len(SERIES)], 1.4)
        for k, g in enumerate(np.sort(largest))  # as FairnessDriftDisplay colors them
    ]
    ax.plot([0, 1], [0, 1], color=QUIET, lw=0.8, ls=":")
    for k, (name, table, color, width) in enumerate(lines):
        enough = table[:, 0] >= max(result.min_group_size, 1)
        weight = np.where(enough, table[:, 0], np.nan)
        ax.plot(
            table[:, 1] / weight, table[:, 2] / weight, color=color, lw=width,
            marker=MARKERS[(k - 1) % len(MARKERS)], ms=4, label=name,
        )  # fmt: skip
    open_axes(ax)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel("probability that was said", color=INK)
    ax.set_title(
        f"share of favorable truths, in {N_CALIBRATION_BINS} bins of the probability",
        loc="left", fontsize=11, color=INK,
    )  # fmt: skip
    ax.legend(frameon=False, fontsize="small", labelcolor=INK)


def _shapes(view: Any) -> dict[str, str]:
    """How the contribution of the most important columns depends on their values."""
    importance = np.abs(view.values).mean(axis=0)
    top = np.argsort(-importance, kind="stable")[:MOST_SHAPES]
    found: dict[str, str] = {}
    for name, width, columns in (("wide", WIDE, 2), ("narrow", NARROW, 1)):
        n_lines = -(-len(top) // columns)
        figure = _figure(width, 2.3 * n_lines)
        axes = figure.subplots(n_lines, columns, squeeze=False).ravel()
        for ax, j in zip(axes, top, strict=False):
            _draw_shape(ax, view, j)
        for ax in axes[len(top) :]:
            ax.set_axis_off()
        found |= _both(name, figure, [])
    return found


def _draw_shape(ax, view: Any, j: int) -> None:
    """Contribution of one column against its value."""
    from skfeamoe.inspection._style import INK, SERIES, shorten
    from skfeamoe.inspection._timeline import open_axes

    cells: Any = None if view.cells is None else np.asarray(view.cells, dtype=object)[:, j]
    open_axes(ax)
    ax.set_title(shorten(str(view.names[j]), 30), loc="left", fontsize=10, color=INK)
    ax.axhline(0.0, color="#808080", lw=0.8)
    try:
        numbers = np.asarray(cells, dtype=float)
        ax.plot(numbers, view.values[:, j], "o", ms=2.6, alpha=0.5, color=SERIES[0], mew=0)
    except (TypeError, ValueError):
        texts = np.array([shorten(str(cell), 14) for cell in cells])
        names, counts = np.unique(texts, return_counts=True)
        names = names[np.argsort(-counts, kind="stable")][:6]
        for place, name in enumerate(names):
            values = view.values[texts == name, j]
            ax.plot(np.full(len(values), place), values, "_", ms=14, color=SERIES[0], alpha=0.4)
        turn = 20 if len(names) > 3 else 0
        ax.set_xticks(range(len(names)), names, fontsize=8, rotation=turn)
        ax.margins(x=0.2)
    ax.tick_params(labelsize=8)

"""The table of a run, and sentences that are computed from its numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skfeamoe.streaming import PrequentialResult
from skfeamoe.streaming._tally import group_gaps, group_rates

from ._errors import needs
from ._models import FEAMOE
from ._run import MIN_GROUP_SIZE

GAP_NAMES = {
    "demographic_parity_difference": "parity gap",
    "equalized_odds_difference": "odds gap",
    "equal_opportunity_difference": "opp. gap",
    "burden_difference": "burden gap",
}
LONG_NAMES = {
    "demographic_parity_difference": "demographic-parity gap",
    "equalized_odds_difference": "equalized-odds gap",
    "equal_opportunity_difference": "equal-opportunity gap",
    "burden_difference": "burden gap",
}
_USUAL = ("demographic_parity_difference", "equalized_odds_difference", "burden_difference")


def gap_of(constraint: str) -> str:
    """Return the measure that a constraint bounds."""
    return f"{constraint}_difference"


def result_table(result: PrequentialResult, gap: str) -> Any:
    """Return one line per model, over all scored rows, as a rich table."""
    gaps = list(_USUAL) if gap in _USUAL else [gap, *_USUAL]
    scored = _scored(result)
    table = needs("rich.table").Table(
        title=f"Over {scored:,} tested rows",
        title_justify="left",
        title_style="bold",
        box=needs("rich.box").SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("model", no_wrap=True)
    for name in ["rows seen", "accuracy", *(GAP_NAMES[g] for g in gaps), "experts"]:
        table.add_column(name, justify="right")
    for name, model in result.points[-1]["models"].items():
        view = model["views"]["cumulative"]
        table.add_row(
            name,
            f"{result.rows_seen:,}",
            _number(view["accuracy"]),
            *(_number(view[g]) for g in gaps),
            "-" if model["n_experts"] is None else str(model["n_experts"]),
            style="bold" if name == FEAMOE else None,
        )
    return table


def verdict(
    result: PrequentialResult,
    gap: str,
    bound: float,
    change_points: Sequence[int] = (),
    world_names: Sequence[str] = (),
) -> list[str]:
    """Say what the numbers show, whether it flatters FEAMOE or not."""
    last = {n: m["views"]["cumulative"] for n, m in result.points[-1]["models"].items()}
    if np.isnan(last[FEAMOE][gap]):
        return [
            f"The {LONG_NAMES[gap]} cannot be measured: fewer than two groups have "
            f"{MIN_GROUP_SIZE} rows to take it from.",
            _accuracy_sentence(last),
        ]
    sentences = [_gap_sentence(last, gap, bound), _accuracy_sentence(last)]
    if len(change_points):
        sentences.append(_worlds_sentence(result, gap, change_points, world_names))
    else:
        sentences.append(_windows_sentence(result, gap, bound))
    return [sentence for sentence in sentences if sentence]


def print_wrapped(console, text: str, indent: str = "") -> None:
    """Print a paragraph within the width of the terminal, further lines indented."""
    for line in textwrap.wrap(text, max(console.width, 40), subsequent_indent=indent):
        console.print(line, markup=False, soft_wrap=True)


def _gap_sentence(last: dict[str, dict], gap: str, bound: float) -> str:
    """Say whether the bound was kept over all rows, and what the rivals' gaps were."""
    own = last[FEAMOE][gap]
    rivals = {n: v[gap] for n, v in last.items() if n != FEAMOE and not np.isnan(v[gap])}
    kept = "kept its bound" if own <= bound else "did NOT keep its bound"
    text = f"FEAMOE {kept} over all tested rows: {LONG_NAMES[gap]} {own:.3f}, bound {bound:g}"
    if rivals:
        text += "; " + ", ".join(f"{name} {value:.3f}" for name, value in rivals.items())
        lower = [name for name, value in rivals.items() if value < own]
        if own > bound:
            text += (
                f" (smaller than FEAMOE's: {', '.join(lower)})"
                if lower
                else " (FEAMOE's is still the smallest)"
            )
    return text + "."


def _accuracy_sentence(last: dict[str, dict]) -> str:
    """Compare the accuracies."""
    own = last[FEAMOE]["accuracy"]
    parts = []
    for name, view in last.items():
        if name == FEAMOE:
            continue
        points = 100 * (own - view["accuracy"])
        side = "above" if points > 0 else "below"
        apart = f"{abs(points):.1f} points {side}" if abs(points) >= 0.05 else "level with"
        parts.append(f"{apart} {name}'s {view['accuracy']:.3f}")
    return f"Its accuracy was {own:.3f}: {', '.join(parts)}."


def _windows_sentence(result: PrequentialResult, gap: str, bound: float) -> str:
    """Say how often the gap of recent rows was within the bound, and how sure that is."""
    views = [
        model["views"]["window"]
        for model in (point["models"][FEAMOE] for point in result.points)
        if model["views"]["window"]["n_rows"] >= result.settings["window"]
    ]
    views = [view for view in views if not np.isnan(view[gap])]
    if not views:
        return ""
    share = np.mean([view[gap] <= bound for view in views])
    text = (
        f"In windows of {result.settings['window']:,} rows its gap was within the bound "
        f"{share:.0%} of the time"
    )
    if gap == "demographic_parity_difference":
        error = np.median([_parity_error(view) for view in views])
        text += f" (a window measures it with a standard error of {error:.3f})"
    return text + "."


def _parity_error(view: dict[str, Any]) -> float:
    """Standard error of a windowed demographic-parity gap, of its two extreme groups."""
    rates = group_rates(view)
    rate, rows = rates["selection_rate"], rates["n_rows"]
    large = rows >= MIN_GROUP_SIZE
    rate, rows = rate[large], rows[large]
    ends = [rate.argmax(), rate.argmin()]
    return float(np.sqrt((rate[ends] * (1 - rate[ends]) / rows[ends]).sum()))


def _worlds_sentence(
    result: PrequentialResult,
    gap: str,
    change_points: Sequence[int],
    world_names: Sequence[str],
) -> str:
    """Compare the gaps world by world, by the counts between two evaluation points."""
    edges = [0, *change_points, result.rows_seen]
    stretches = list(zip(pairwise(edges), world_names, strict=True))
    parts = []
    for name in result.timings:
        gaps = [_gap_between(result, name, gap, *edge) for edge, _ in stretches]
        parts.append(f"{name} {' / '.join(_number(value) for value in gaps)}")
    worlds = " / ".join(world for _, world in stretches)
    return f"World by world ({worlds}) the gap was: {', '.join(parts)}."


def _gap_between(
    result: PrequentialResult, name: str, gap: str, first: int, last: int
) -> float:
    """Gap of the rows between two rows of the stream, to the nearest evaluation points."""
    before = _counts_at(result, name, first)
    after = _counts_at(result, name, last)
    part = {key: after[key] - before[key] for key in after}
    return group_gaps(part, MIN_GROUP_SIZE)[gap]


def _counts_at(result: PrequentialResult, name: str, row: int) -> dict[str, np.ndarray]:
    """Cumulative counts of a model at the evaluation point nearest to a row."""
    n_groups = len(result.groups)
    counts = {
        "cells": np.zeros((n_groups, 2, 2)),
        "counts": np.zeros((n_groups, 2, 2)),
        "distance": np.zeros(n_groups),
    }
    if row > 0:
        point = min(result.points, key=lambda p: abs(p["rows_seen"] - row))
        view = point["models"][name]["views"]["cumulative"]
        for key, array in counts.items():
            array[: len(view[key])] = view[key]
    return counts


def _scored(result: PrequentialResult) -> int:
    """Rows that the models predicted and that count."""
    return max(model["rows_scored"] for model in result.points[-1]["models"].values())


def _number(value: float) -> str:
    """Three decimals, or a dash for what could not be measured."""
    return "-" if np.isnan(value) else f"{value:.3f}"

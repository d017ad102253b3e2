"""One picture of a run: accuracy and gap of recent rows over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skfeamoe.inspection import PrequentialDisplay
from skfeamoe.streaming import PrequentialResult

from ._errors import needs
from ._models import FEAMOE


def picture(
    result: PrequentialResult,
    gap: str,
    bound: float,
    *,
    title: str,
    change_points: Sequence[int] = (),
    change_widths: Sequence[int] = (),
    world_names: Sequence[str] = (),
) -> Any:
    """A figure of windowed accuracy and gap of all models."""
    figure = needs("matplotlib.figure").Figure(figsize=(10, 6.8), dpi=120, layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    display = PrequentialDisplay.from_result(
        result,
        measures=("accuracy", gap),
        difference_bound=bound,
        model=FEAMOE,
        alarms=False,
        ax=axes,
    )
    display.mark_changes(change_points, world_names[1:], change_widths)
    window = result.settings["window"]
    figure.suptitle(
        f"{title}\nmeasured on the last {window:,} rows, each decided before it was learned",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    return figure

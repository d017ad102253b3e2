"""The gap over all rows that is told, and the groups that it leaves out.

It is between the groups that windows compare too, so that the whole and its windows can be held
against each other. Who is left out is told with it, and the gap that has those of them who are
enough in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._gaps import Gap, compared_groups, full_windows, gap_of, large_in_all
from ._words import apart, count

MOST_NAMED = 6


@dataclass(frozen=True)
class Compared:
    """A gap over all rows, and whom it leaves out."""

    whole: Gap
    others: Gap | None  # with the groups besides that are too small for windows only
    left_out: list[tuple[str, int]]  # groups and rows
    in_windows: NDArray  # marks the groups that windows and totals both can compare
    by_windows: bool  # whether full windows chose the groups of `whole`

    def sentences(self) -> list[str]:
        """Whom the gap leaves out; nothing if nobody."""
        return left_out_sentences(self.left_out, self.others, np.nan, windows=self.by_windows)


def compared(result: Any, model: str, measure: str, *, anytime: bool) -> Compared:
    """The gap over all rows of one model."""
    names, size = result.group_names, result.min_group_size
    view = result.points[-1].models[model].views["cumulative"]
    chosen = compared_groups(result, model, measure)
    options: dict[str, Any] = {"min_group_size": size, "anytime": anytime}
    whole = gap_of(view, measure, names, chosen, **options)
    everyone = gap_of(view, measure, names, **options)
    others, mask = None if everyone == whole else everyone, chosen
    by_windows = bool(np.isfinite(whole.interval.value) and full_windows(result, model))
    if np.isnan(whole.interval.value) and others is not None:
        # the windows have fewer than two groups to compare, the whole stream has
        whole, others, mask = others, None, large_in_all(result, model, measure)
    rows = view.counts.sum(axis=(1, 2))
    left = [(names[g], round(float(rows[g]))) for g in np.flatnonzero(~mask) if g < len(rows)]
    return Compared(whole, others, left, chosen, by_windows)


def left_out_sentences(
    left_out: list[tuple[str, int]], others: Gap | None, bound: float, *, windows: bool
) -> list[str]:
    """Name the groups that a gap leaves out; tell the gap with those large enough in all."""
    if not left_out:
        return []
    named = ", ".join(f"{name} ({count(n)})" for name, n in left_out[:MOST_NAMED])
    n_more = len(left_out) - MOST_NAMED
    more = f" and {n_more} more" if n_more > 0 else ""
    where = " in windows" if windows else ""
    found = [f"Not compared for want of rows{where}: {named}{more}."]
    if others is not None:
        ends = others.interval
        found.append(
            f"With those of them that have enough rows in all, the gap over all rows is "
            f"{apart(ends.value, bound)} ({apart(ends.low, bound)} to "
            f"{apart(ends.high, bound)})."
        )
    return found

"""A gap of a view with its interval, and the groups that make it.

Windows and totals compare the same groups: those with enough rows of the event in all and in
at least half of the full windows. Where a measure compares several rates (equalized odds)
each gets its share of the error probability, and the worst one counts. Rows of unequal weights
are as many as they tell (`_tally.effective_rows`): that is exact for the variance of a group's
rate, given the weights, and close for the ends of intervals, also of those at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe.metrics import (
    Interval,
    gap_confidence_sequence,
    gap_interval,
    mean_gap_interval,
    wilson_interval,
)

from ._points import View
from ._tally import EventRate, event_rates, events_of, large_groups

LEVEL = 0.95
UNKNOWN = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class GroupRate:
    """One end of a gap.

    Parameters
    ----------
    name : str
        The group.
    rate, low, high : float
        Its rate and the ends of its 95 % interval (Wilson's; nan for burden).
    n_rows : int
        Rows that the rate was taken from; those of weight 0 are none.

    Examples
    --------
    >>> from skfeamoe.streaming import GroupRate
    >>> GroupRate("f", 0.61, 0.58, 0.64, 900).n_rows
    900
    """

    name: str
    rate: float
    low: float
    high: float
    n_rows: int


@dataclass(frozen=True)
class Gap:
    """A gap, how sure it is, and between whom.

    Parameters
    ----------
    interval : Interval
        Value, lower and upper end.
    event : str
        The rate whose gap is the largest, such as "selection_rate".
    highest, lowest : GroupRate or None
        The two groups that make it.

    Examples
    --------
    >>> from skfeamoe.metrics import Interval
    >>> from skfeamoe.streaming import Gap
    >>> Gap(Interval(0.04, 0.01, 0.07), "selection_rate", None, None).interval.value
    0.04
    """

    interval: Interval
    event: str
    highest: GroupRate | None
    lowest: GroupRate | None


def gap_of(
    view: View,
    measure: str,
    names: list[str],
    groups: NDArray | None = None,
    *,
    min_group_size: int = 1,
    level: float = LEVEL,
    anytime: bool = False,
) -> Gap:
    """The gap of a view between the groups of a mask that are large enough."""
    events = events_of(measure)
    level = 1.0 - (1.0 - level) / len(events)
    ratio = measure.endswith("_ratio")
    rates = event_rates(vars(view))
    found = []
    for event in events:
        rate, _, n = rates[event]
        known = large_groups(n, min_group_size) & ~np.isnan(rate)
        if groups is not None:
            known &= groups[: len(known)]
        if event == "burden":
            interval = mean_gap_interval(
                rate[known], _burden_errors(view, n)[known], confidence_level=level
            )
        elif anytime:
            interval = gap_confidence_sequence(
                np.minimum(rate * n, n)[known], n[known], ratio=ratio, confidence_level=level
            )
        else:
            interval = gap_interval(rate[known], n[known], ratio=ratio, confidence_level=level)
        found.append((interval, event, known))
    if any(np.isnan(interval.value) for interval, _, _ in found):
        return Gap(UNKNOWN, events[0], None, None)
    pick = min if ratio else max
    worst, event, known = pick(found, key=lambda part: part[0].value)
    ends = Interval(
        worst.value,
        pick(part[0].low for part in found),
        pick(part[0].high for part in found),
    )
    places = np.flatnonzero(known)
    ordered = places[np.argsort(rates[event].rate[places], kind="stable")]
    low, high = (_group_rate(names, rates[event], g, event) for g in ordered[[0, -1]])
    return Gap(ends, event, high, low)


def compared_groups(result: Any, model: str, measure: str) -> NDArray:
    """Mark the groups that windows and totals both can compare."""
    mask = large_in_all(result, model, measure)
    windows = [w.view for w in full_windows(result, model)]
    if windows:
        for event in events_of(measure):
            large = [_large(result, view, event) for view in windows]
            mask &= np.sum(large, axis=0) >= len(windows) / 2
    return mask


def large_in_all(result: Any, model: str, measure: str) -> NDArray:
    """Mark the groups with enough rows of a measure's events in the whole stream."""
    view = result.points[-1].models[model].views["cumulative"]
    return np.all([_large(result, view, event) for event in events_of(measure)], axis=0)


def _large(result: Any, view: View, event: str) -> NDArray:
    """Mark the groups of a result with enough rows in a view; it may not know the last ones."""
    n = event_rates(vars(view))[event].n_effective
    large = np.zeros(len(result.groups), dtype=bool)
    large[: len(n)] = large_groups(n, result.min_group_size)
    return large


@dataclass(frozen=True)
class Window:
    """A full window: where it ends, what was measured."""

    row: int
    time: Any
    view: View
    n_experts: int | None


def full_windows(result: Any, model: str) -> list[Window]:
    """Points at which the window is full."""
    size = result.settings["window"]
    found = []
    for point in result.points:
        part = point.models[model]
        view = part.views.get("window")
        if view is not None and view.n_rows >= size:
            found.append(Window(point.rows_seen, point.time, view, part.n_experts))
    return found


def disjoint(windows: list[Window], size: int) -> list[Window]:
    """Windows that share no row, from the last one back."""
    kept: list[Window] = []
    for window in reversed(windows):
        if not kept or kept[-1].row - window.row >= size:
            kept.append(window)
    return kept[::-1]


def _burden_errors(view: View, n: NDArray) -> NDArray:
    """Standard errors of the groups' mean distances, of so many refused rows."""
    weight = view.cells[:, :, 0].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = view.distance / weight
        variance = np.maximum(view.distance_squares / weight - mean**2, 0.0)
        return np.sqrt(variance / (n - 1))


def _group_rate(names: list[str], of_event: EventRate, g: int, event: str) -> GroupRate:
    """A group's rate with its interval."""
    rate, n_rows, n = (float(part[g]) for part in of_event)
    low, high = (np.nan, np.nan) if event == "burden" else wilson_interval([rate], [n])[0]
    return GroupRate(names[g], rate, float(low), float(high), round(n_rows))

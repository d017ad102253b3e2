"""What is measured on the decisions of a stream: windows, recoveries, years."""

from __future__ import annotations

import numpy as np

from benchmarks.drift_streams import Stream

ACCURACY_ROWS, GAP_ROWS = 200, 1000
"""Rows of the windows by which a recovery is judged."""

ACCURACY_SLACK, GAP_SLACK = 0.05, 0.02

CURVE_POINTS = 120
LATE = 3000
"""An alarm is late if the last change has been complete for more than so many rows."""

GRADUAL_SHARE = 0.2
"""Part of a stream that a gradual change of `make_credit_stream` takes."""


def excess_error(stream: Stream, decided) -> np.ndarray:
    """What every decision costs against the best one, P(correct) from the known truth."""
    p = stream.proba_true
    return np.maximum(p, 1 - p) - np.where(decided == 1, p, 1 - p)


def window_means(values, size: int) -> np.ndarray:
    """Means of all windows of ``size`` consecutive values, by first row."""
    sums = np.append(0.0, np.cumsum(values, dtype=float))
    return (sums[size:] - sums[:-size]) / size


def window_gaps(granted, groups, size: int) -> np.ndarray:
    """Demographic parity difference of all windows, by first row."""
    rates = []
    for name in np.unique(groups):
        inside = groups == name
        share = window_means(inside, size)
        rates.append(window_means(inside & granted, size) / np.maximum(share, 1 / size))
    return np.ptp(rates, axis=0)


def rows_to_recover(values, size: int, limit: float, start: int, stop: int) -> tuple[int, bool]:
    """Rows from ``start`` until a window begins whose value is within the limit.

    A window has to end before ``stop``; if none will do, the length of the stretch.
    """
    good = np.flatnonzero(values[start : stop - size] <= limit)
    return (int(good[0]), True) if len(good) else (stop - start, False)


def recoveries(stream: Stream, decided, bound: float) -> dict[str, list]:
    """Rows to recover after every change, for accuracy and gap, and whether it happened."""
    error = window_means(excess_error(stream, decided), ACCURACY_ROWS)
    gaps = window_gaps(decided == stream.favorable, stream.groups, GAP_ROWS)
    ends = [*stream.changes[1:], len(stream.y)]
    found: dict[str, list] = {}
    for name, values, size, limit in (
        ("accuracy", error, ACCURACY_ROWS, ACCURACY_SLACK),
        ("gap", gaps, GAP_ROWS, bound + GAP_SLACK),
    ):
        told = [
            rows_to_recover(values, size, limit, start, stop)
            for start, stop in zip(stream.changes, ends, strict=True)
        ]
        found[f"recovery_{name}"] = [rows for rows, _ in told]
        found[f"recovered_{name}"] = [done for _, done in told]
    return found


def gap_of(granted, groups) -> float:
    """Demographic parity difference."""
    return float(np.ptp([granted[groups == name].mean() for name in np.unique(groups)]))


def summary(stream: Stream, decided, bound: float) -> dict:
    """Accuracy and gap of the scored rows, by window and by year."""
    rows = slice(stream.scored_from, None)
    right, granted = (decided == stream.y)[rows], (decided == stream.favorable)[rows]
    groups = stream.groups[rows]
    gaps = window_gaps(granted, groups, GAP_ROWS)
    found = {
        "accuracy": float(right.mean()),
        "gap": gap_of(granted, groups),
        "windows_within": float((gaps <= bound + GAP_SLACK).mean()),
    }
    if stream.time is not None:
        years = stream.time[rows]
        for year in np.unique(years):
            one = years == year
            found[f"accuracy_{year}"] = float(right[one].mean())
            found[f"gap_{year}"] = gap_of(granted[one], groups[one])
    return found


def curves(stream: Stream, decided) -> dict[str, list]:
    """Windowed accuracy and gap at places along the stream, for the pictures."""
    accuracy = window_means(decided == stream.y, GAP_ROWS)
    gap = window_gaps(decided == stream.favorable, stream.groups, GAP_ROWS)
    at = np.linspace(0, len(accuracy) - 1, CURVE_POINTS).astype(int)
    return {
        "curve_row": (at + GAP_ROWS).tolist(),
        "curve_accuracy": accuracy[at].round(4).tolist(),
        "curve_gap": gap[at].round(4).tolist(),
    }


def late_alarms(changes, alarms, width: float = 0.0) -> int:
    """Alarms outside all changes, which end at ``changes`` after ``width`` rows."""
    ends = np.asarray(changes)
    return sum(not np.any((alarm >= ends - width) & (alarm < ends + LATE)) for alarm in alarms)

"""The models of the drift benchmark by name; measures, targets, tables and pictures."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.drift_streams import Stream
from benchmarks.measures import gap_of
from benchmarks.pictures import finish
from benchmarks.registry import Target, of, target

BOUND = 0.05
FEAMOE = {
    "FEAMOE, drift": {"growth": "drift"},
    "FEAMOE, interval": {"growth": "interval"},
    "FEAMOE, one expert": {"growth": None},
    "FEAMOE, drift, no constraint": {"growth": "drift", "constraints": None},
    "one network with penalties": {
        "growth": None,
        "expert": "mlp",
        "hidden_layer_sizes": (30, 30),
    },
}
DRIFT, INTERVAL, SINGLE, FREE, NETWORK = FEAMOE
STATIC = "LogisticRegression, static"
TREE, ARF = "river HoeffdingAdaptiveTree", "river ARF"
ONLINE_PEERS = (
    NETWORK,
    "SGDClassifier",
    "MLPClassifier",
    "river LogisticRegression",
    TREE,
    ARF,
)
COLORS = {
    DRIFT: "#D55E00",
    INTERVAL: "#0072B2",
    SINGLE: "#000000",
    "SGDClassifier": "#009E73",
    "MLPClassifier": "#CC79A7",
    TREE: "#E69F00",
    STATIC: "#999999",
}
TITLES = {"gss": "GSS", "hmda": "HMDA"}

ACCURACY_ROWS, GAP_ROWS = 200, 1000
"""Rows of the windows by which a recovery is judged."""

ACCURACY_SLACK, GAP_SLACK = 0.05, 0.02
CURVE_POINTS = 120
LATE_ROWS = 3000
"""An alarm is late if the last change has been complete for more than so many rows."""

GRADUAL_SHARE = 0.2
"""Part of a stream that a gradual change of `make_credit_stream` takes."""

STALE_ROWS = 100
"""Most rows that a world which returns may take."""


# ----------------------------------------------------------------------- measures


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
    good = np.flatnonzero(values[start : max(stop - size, start)] <= limit)
    return (int(good[0]), True) if len(good) else (stop - start, False)


def recoveries(stream: Stream, decided) -> dict[str, list]:
    """Rows to recover after every change, for accuracy and gap, and whether it happened.

    Accuracy is judged by what decisions cost against the best ones, P(correct) from the
    known truth.
    """
    p, ends = stream.proba_true, [*stream.changes[1:], len(stream.y)]
    excess = np.maximum(p, 1 - p) - np.where(decided == 1, p, 1 - p)
    error = window_means(excess, ACCURACY_ROWS)
    gaps = window_gaps(decided == stream.favorable, stream.groups, GAP_ROWS)
    found: dict[str, list] = {}
    for name, values, size, limit in (
        ("accuracy", error, ACCURACY_ROWS, ACCURACY_SLACK),
        ("gap", gaps, GAP_ROWS, BOUND + GAP_SLACK),
    ):
        stretches = zip(stream.changes, ends, strict=True)
        told = [rows_to_recover(values, size, limit, *stretch) for stretch in stretches]
        found[f"recovery_{name}"] = [rows for rows, _ in told]
        found[f"recovered_{name}"] = [done for _, done in told]
    return found


def measured(stream: Stream, decided) -> dict:
    """Accuracy and gap of the scored rows, by window and by year, and recoveries."""
    rows = slice(stream.scored_from, None)
    right, granted = (decided == stream.y)[rows], (decided == stream.favorable)[rows]
    groups = stream.groups[rows]
    gaps = window_gaps(granted, groups, min(GAP_ROWS, len(groups) - 1))
    found = {
        "accuracy": float(right.mean()),
        "gap": gap_of(granted, groups),
        "windows_within": float((gaps <= BOUND + GAP_SLACK).mean()),
    }
    for year in () if stream.time is None else np.unique(stream.time[rows]):
        one = stream.time[rows] == year
        found[f"accuracy_{year}"] = float(right[one].mean())
        found[f"gap_{year}"] = gap_of(granted[one], groups[one])
    if stream.changes:
        found["changes"] = list(stream.changes)
    if stream.changes and stream.proba_true is not None:
        found |= recoveries(stream, decided)
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
    near = (np.any((a >= ends - width) & (a < ends + LATE_ROWS)) for a in alarms)
    return sum(not one for one in near)


# ------------------------------------------------------------------------- targets


def sudden(frame) -> Iterator[Target]:
    """Recovery in a fraction of the rows that one expert needs."""
    for goal, share in (("accuracy", 1 / 10), ("gap", 1 / 3)):
        column, stream = f"recovery_{goal}", f"sudden, {goal}"
        own, single = (of(frame, method=m, stream=stream) for m in (DRIFT, SINGLE))
        rows, needed = own[column].map(np.mean), single[column].map(np.mean)
        ratio = rows.mean() / max(needed.mean(), 1)
        what = f"sudden drift in {goal}: rows to recover, against those of one expert"
        spread = float((rows / needed.clip(lower=1)).std(ddof=1))
        yield Target(what, float(ratio), "<=", share, spread)
        missed = float((~own[f"recovered_{goal}"].map(all)).sum())
        what = f"sudden drift in {goal}: seeds with a change never recovered from"
        yield Target(what, missed, "<=", 0)


def recurring(frame) -> Iterator[Target]:
    """Worlds that return are known."""
    for goal in ("accuracy", "gap"):
        rows = of(frame, method=DRIFT, stream=f"recurring, {goal}")[f"recovery_{goal}"]
        what = f"recurring drift in {goal}: rows to recover on second visits"
        yield target(what, rows.map(lambda rows: np.mean(rows[1:])), "<=", STALE_ROWS)


def stationary(frame) -> Iterator[Target]:
    """Hardly any false alarm."""
    rows = of(frame, method=DRIFT)
    alarms = rows["alarms"].map(len) * 100_000 / rows["rows"]
    yield target("no drift: false alarms per 100,000 rows", alarms, "<=", 1)
    yield Target("no drift: the same, worst seed", float(alarms.max()), "<=", 1)


def regions(frame) -> Iterator[Target]:
    """Regional specialists stay."""
    lead = of(frame, method=DRIFT)["accuracy"] - of(frame, method=INTERVAL)["accuracy"]
    yield target("regions: accuracy above growth='interval'", lead, ">=", -0.01)


def _lead(frame, slack: float) -> Iterator[Target]:
    """Accuracy above every online peer, on the seeds that both have."""
    own = of(frame, method=DRIFT)["accuracy"]
    title = TITLES[frame["stream"].iloc[0]]
    for peer in ONLINE_PEERS:
        lead = (own - of(frame, method=peer)["accuracy"]).dropna()
        if len(lead):
            yield target(f"{title}: accuracy above {peer}", lead, ">=", slack)


def gss(frame) -> Iterator[Target]:
    """The bound holds, at the accuracy of peers or above, and above the model of 1980."""
    rows = of(frame, method=DRIFT)
    within = rows["windows_within"]
    yield target("GSS from 2008: share of windows with gap <= .07", within, ">=", 0.8)
    yield target("GSS from 2008: gap", rows["gap"], "<=", 0.08)
    lead = rows["accuracy"] - of(frame, method=STATIC)["accuracy"]
    yield target("GSS from 2008: accuracy above the static model of 1980", lead, ">=", 0.015)
    yield from _lead(frame, -0.002)


def hmda(frame) -> Iterator[Target]:
    """The bound holds in every year."""
    rows = of(frame, method=DRIFT)
    for column in sorted(name for name in frame if name.startswith("gap_20")):
        year = column.removeprefix("gap_")
        yield target(f"HMDA {year}: gap", rows[column], "<=", BOUND + 0.015)
    yield from _lead(frame, 0.0)


def endless(frame) -> Iterator[Target]:
    """Speed and memory stay."""
    rows, tenth = frame.sort_values("rows"), max(len(frame) // 10, 1)
    speed, peak = rows["rows_per_second"], rows["peak_rss_mb"]
    flat = speed[-tenth:].median() / speed[tenth : 2 * tenth].median()
    yield Target(
        "ten million rows: speed of the last tenth against the second", flat, ">=", 0.9
    )
    grown = float(peak.iloc[-1] - peak.iloc[tenth])
    yield Target(
        "ten million rows: MB of memory gained after the first tenth", grown, "<=", 5.0
    )


# ------------------------------------------------------------------------- tables


def tables(frame) -> dict[str, pd.DataFrame]:
    """Recovery, accuracy, gap, alarms and seconds by stream and model."""
    rows = []
    for (stream, method), group in frame.groupby(["stream", "method"], sort=False):
        row = {"stream": TITLES.get(stream, stream), "model": method}
        for goal in ("accuracy", "gap") if "recovery_gap" in group else ():
            mean = np.mean(group[f"recovery_{goal}"].map(np.mean))
            mark = "" if group[f"recovered_{goal}"].map(all).all() else "≥ "
            row[f"rows to recover {goal}"] = f"{mark}{mean:,.0f}"
        row |= {"accuracy": f"{group['accuracy'].mean():.4f}"}
        row |= {"gap": f"{group['gap'].mean():.3f}"}
        row |= {"windows with gap <= .07": f"{group['windows_within'].mean():.2f}"}
        row |= {"alarms (late)": _alarms(group) if method.startswith(DRIFT) else ""}
        row |= {"seconds": f"{group['seconds'].median():.2g}"}
        rows.append(row | {"seeds": str(group["seed"].nunique())})
    return {"": pd.DataFrame(rows)}


def _alarms(group) -> str:
    """Alarms per run and, where changes are known, how many of them are late."""
    told = f"{group['alarms'].map(len).mean():.1f}"
    if "changes" not in group or group["changes"].isna().any():
        return told
    gradual = group["stream"].iloc[0].startswith("gradual")
    width = GRADUAL_SHARE * group["rows"].iloc[0] if gradual else 0.0
    pairs = zip(group["changes"], group["alarms"], strict=True)
    return f"{told} ({np.mean([late_alarms(*pair, width) for pair in pairs]):.1f})"


def endless_tables(frame) -> dict[str, pd.DataFrame]:
    """Speed and memory at ten places of the endless stream."""
    frame, rows = frame.sort_values("rows"), []
    for tenth in np.array_split(np.arange(len(frame)), 10):
        part = frame.iloc[tenth]
        last = part.iloc[-1]
        rows.append(
            {
                "rows": f"{last['rows']:,.0f}",
                "rows per second": f"{part['rows_per_second'].median():,.0f}",
                "peak memory of the process, MB": f"{last['peak_rss_mb']:,.0f}",
                "pickled model, MB": f"{last['model_mb']:.2f}",
                "experts": str(last["experts"]),
                "alarms so far": str(last["alarms"]),
            }
        )
    return {"Ten million rows, in calls of 100,000": pd.DataFrame(rows)}


# ------------------------------------------------------------------------- pictures


def draw(frame, file: Path) -> None:
    """Windowed accuracy and gap along every stream, seed 0."""
    frame = frame[frame["seed"] == 0]
    names = list(dict.fromkeys(frame["stream"]))
    size = (4.4 * len(names) + 1.2, 6.4)
    figure, axes = plt.subplots(2, len(names), figsize=size, squeeze=False)
    titles = {"accuracy": "accuracy", "gap": "demographic parity difference"}
    for row, (column, title) in zip(axes, titles.items(), strict=True):
        for ax, name in zip(row, names, strict=True):
            _draw_stream(ax, frame[frame["stream"] == name], column)
            ax.set(title=TITLES.get(name, name), xlabel="rows")
        row[0].set_ylabel(f"{title}\nof the last {GAP_ROWS:,} rows")
    finish(figure, axes, file, ncols=4)


def _draw_stream(ax, frame, column) -> None:
    """A line per model; changes as gray lines, alarms as marks at the foot."""
    for method, color in COLORS.items():
        for _, one in frame[frame["method"] == method].iterrows():
            ours = method == DRIFT
            look = {"color": color, "lw": 2.0 if ours else 1.1, "zorder": 3 if ours else 2}
            ax.plot(one["curve_row"], one[f"curve_{column}"], label=method, **look)
            if ours:
                foot = {"transform": ax.get_xaxis_transform(), "label": "its alarms"}
                at = one["alarms"], [0.03] * len(one["alarms"])
                ax.plot(*at, linestyle="none", marker="^", color=color, **foot)
                changes = one.get("changes")
                for change in changes if isinstance(changes, list) else ():
                    ax.axvline(change, color="gray", linewidth=0.8, linestyle=":")
    if column == "gap":
        ax.axhline(BOUND, color="gray", linewidth=1, linestyle="--", label="bound")
        ax.set_ylim(bottom=0)


PICTURES = dict.fromkeys(("sudden", "slow_and_recurring", "gss", "hmda"), draw)

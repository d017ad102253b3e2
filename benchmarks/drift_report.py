"""Targets, tables and pictures of the drift benchmark, from the stored results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.bars import Bar
from benchmarks.common import ROOT, markdown, read, write_between_markers
from benchmarks.drift_measures import GAP_ROWS, GRADUAL_SHARE, late_alarms
from benchmarks.drift_models import BOUND, FEAMOE, ONLINE_PEERS

PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
SECTIONS = (
    "sudden",
    "slow_and_recurring",
    "stationary",
    "endless",
    "regions",
    "gss",
    "hmda",
    "adult_world",
)
KNOWN = ("sudden", "slow_and_recurring")
DRIFT, INTERVAL, SINGLE, *_ = FEAMOE
COLORS = {
    DRIFT: "#D55E00",
    INTERVAL: "#0072B2",
    SINGLE: "#000000",
    "SGDClassifier": "#009E73",
    "MLPClassifier": "#CC79A7",
    "river HoeffdingAdaptiveTree": "#E69F00",
    "LogisticRegression, static": "#999999",
}
STREAM_TITLES = {"gss": "GSS", "hmda": "HMDA", "adult_world": "Adult, new world"}
STALE_ROWS = 100
"""Most rows that a world which returns may take."""


# ------------------------------------------------------------------------- targets


def targets(folder: Path) -> list[Bar]:
    """All bars; a section without results is a bar that fails."""
    found: list[Bar] = []
    for name in SECTIONS:
        frame = read(folder, f"drift_{name}")
        if frame is None:
            found.append(Bar(f"{name}: not measured", float("nan"), ">=", 0))
        elif name in MAKERS:
            found += MAKERS[name](frame)
    return found + list(_steps(folder))


def _of(frame, method, stream=None) -> pd.DataFrame:
    """The rows of one model (on one stream), by seed."""
    keep = frame["method"] == method
    if stream is not None:
        keep &= frame["stream"] == stream
    return frame[keep].set_index("seed").sort_index()


def _bar(what: str, values: pd.Series, sense: str, target: float) -> Bar:
    """A bar on the mean of one value per seed."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Bar(what, float(values.mean()), sense, target, spread)


def _sudden(frame) -> Iterator[Bar]:
    for target, share in (("accuracy", 1 / 10), ("gap", 1 / 3)):
        column, stream = f"recovery_{target}", f"sudden, {target}"
        own, single = _of(frame, DRIFT, stream), _of(frame, SINGLE, stream)
        rows, needed = own[column].map(np.mean), single[column].map(np.mean)
        ratio = rows.mean() / max(needed.mean(), 1)
        what = f"sudden drift in {target}: rows to recover, against those of one expert"
        spread = float((rows / needed.clip(lower=1)).std(ddof=1))
        yield Bar(what, float(ratio), "<=", share, spread)
        missed = float((~own[f"recovered_{target}"].map(all)).sum())
        what = f"sudden drift in {target}: seeds with a change never recovered from"
        yield Bar(what, missed, "<=", 0)


def _recurring(frame) -> Iterator[Bar]:
    for target in ("accuracy", "gap"):
        rows = _of(frame, DRIFT, f"recurring, {target}")[f"recovery_{target}"]
        what = f"recurring drift in {target}: rows to recover on second visits"
        yield _bar(what, rows.map(lambda rows: np.mean(rows[1:])), "<=", STALE_ROWS)


def _stationary(frame) -> Iterator[Bar]:
    rows = _of(frame, DRIFT)
    alarms = rows["alarms"].map(len) * 100_000 / rows["rows"]
    yield _bar("no drift: false alarms per 100,000 rows", alarms, "<=", 1)
    yield Bar("no drift: the same, worst seed", float(alarms.max()), "<=", 1)


def _endless(frame) -> Iterator[Bar]:
    rows = frame.sort_values("rows")
    tenth = len(rows) // 10
    speed, peak = rows["rows_per_second"], rows["peak_rss_mb"]
    flat = speed[-tenth:].median() / speed[tenth : 2 * tenth].median()
    yield Bar("ten million rows: speed of the last tenth against the second", flat, ">=", 0.9)
    grown = float(peak.iloc[-1] - peak.iloc[tenth])
    yield Bar("ten million rows: MB of memory gained after the first tenth", grown, "<=", 5.0)


def _regions(frame) -> Iterator[Bar]:
    lead = _of(frame, DRIFT)["accuracy"] - _of(frame, INTERVAL)["accuracy"]
    yield _bar("regions: accuracy above growth='interval'", lead, ">=", -0.01)


def _lead(frame, slack: float) -> Iterator[Bar]:
    """Accuracy above every online peer, on the seeds that both have."""
    own = _of(frame, DRIFT)["accuracy"]
    title = STREAM_TITLES[frame["stream"].iloc[0]]
    for peer in ONLINE_PEERS:
        lead = (own - _of(frame, peer)["accuracy"]).dropna()
        if len(lead):
            yield _bar(f"{title}: accuracy above {peer}", lead, ">=", slack)


def _gss(frame) -> Iterator[Bar]:
    within = _of(frame, DRIFT)["windows_within"]
    yield _bar("GSS from 2008: share of windows with gap <= .07", within, ">=", 0.8)
    yield from _lead(frame, -0.002)


def _hmda(frame) -> Iterator[Bar]:
    rows = _of(frame, DRIFT)
    for column in sorted(name for name in frame if name.startswith("gap_20")):
        year = column.removeprefix("gap_")
        yield _bar(f"HMDA {year}: gap", rows[column], "<=", BOUND + 0.015)
    yield from _lead(frame, 0.0)


def _steps(folder: Path) -> Iterator[Bar]:
    """The largest change of the probabilities at a step of growth, over everything."""
    frames = [read(folder, f"drift_{name}") for name in SECTIONS]
    frames = [frame for frame in frames if frame is not None]
    if frames:
        every = pd.concat(frames)
        for method in (DRIFT, INTERVAL):
            steps = every.loc[every["method"] == method, "largest_step"].dropna()
            what = f"{method}: largest mean change of predict_proba at a step of growth"
            yield Bar(what, float(steps.max()), "<=", 0.01)


MAKERS = {
    "sudden": _sudden,
    "slow_and_recurring": _recurring,
    "stationary": _stationary,
    "endless": _endless,
    "regions": _regions,
    "gss": _gss,
    "hmda": _hmda,
}


def check(folder: Path) -> int:
    """Print every bar; 1 if any fails, else 0."""
    bars = targets(folder)
    print(pd.DataFrame([bar.row() for bar in bars]).to_string(index=False, justify="left"))
    failed = sum(not bar.passed for bar in bars)
    print(f"\n{len(bars) - failed} of {len(bars)} targets met")
    return int(failed > 0)


# ------------------------------------------------------------------------- tables


def write(folder: Path) -> None:
    """Rewrite the section and the pictures."""
    frames = {name: read(folder, f"drift_{name}") for name in SECTIONS}
    frames = {name: frame for name, frame in frames.items() if frame is not None}
    parts = [markdown(pd.DataFrame([bar.row() for bar in targets(folder)]))]
    known = [frames.pop(name) for name in KNOWN if name in frames]
    if known:
        parts += [
            "**Known truth.** Rows to recover: mean over changes and seeds; ≥ marks models of "
            "which some never did before the next change, counted with all rows until then.",
            markdown(recovery_table(pd.concat(known))),
        ]
        draw_known(pd.concat(known), IMAGES / "drift_known.png")
    endless = frames.pop("endless", None)
    if endless is not None:
        parts += [
            "**Ten million rows**, in calls of 100,000.",
            markdown(endless_table(endless)),
        ]
    if frames:
        others = summary_table(pd.concat(frames.values()))
        parts += ["**All other streams**, scored rows.", markdown(others)]
    if real := [frames[name] for name in STREAM_TITLES if name in frames]:
        draw_real(pd.concat(real), IMAGES / "drift_real.png")
    write_between_markers(PAGE, "drift", "\n\n".join(parts))


def recovery_table(frame) -> pd.DataFrame:
    """Rows to recover, accuracy, gap, alarms and seconds by stream and model."""
    rows = []
    for (stream, method), group in frame.groupby(["stream", "method"], sort=False):
        row = {"stream": stream, "model": method}
        for target in ("accuracy", "gap"):
            mean = np.mean(group[f"recovery_{target}"].map(np.mean))
            done = group[f"recovered_{target}"].map(all).all()
            row[f"rows to recover {target}"] = f"{'' if done else '≥ '}{mean:,.0f}"
        rows.append(row | _shared(group))
    return pd.DataFrame(rows)


def endless_table(frame) -> pd.DataFrame:
    """Speed and memory at ten places of the endless stream."""
    rows = []
    for start in range(0, len(frame), max(len(frame) // 10, 1)):
        tenth = frame.sort_values("rows").iloc[start : start + max(len(frame) // 10, 1)]
        last = tenth.iloc[-1]
        rows.append(
            {
                "rows": f"{last['rows']:,.0f}",
                "rows per second": f"{tenth['rows_per_second'].median():,.0f}",
                "peak memory of the process, MB": f"{last['peak_rss_mb']:,.0f}",
                "pickled model, MB": f"{last['model_mb']:.2f}",
                "experts": str(last["experts"]),
                "alarms so far": str(last["alarms"]),
            }
        )
    return pd.DataFrame(rows)


def summary_table(frame) -> pd.DataFrame:
    """Accuracy, gap, windows within the bound, alarms and seconds by stream and model."""
    rows = []
    for (stream, method), group in frame.groupby(["stream", "method"], sort=False):
        within = f"{group['windows_within'].mean():.2f}"
        row = {"stream": STREAM_TITLES.get(stream.replace(" ", "_"), stream), "model": method}
        rows.append(row | _shared(group) | {"windows with gap <= .07": within})
    return pd.DataFrame(rows)


def _shared(group) -> dict[str, str]:
    """Columns of both tables."""
    alarms = ""
    if group["method"].iloc[0].startswith(DRIFT):
        changes = group.get("changes", pd.Series(index=group.index, dtype=object))
        gradual = group["stream"].iloc[0].startswith("gradual")
        width = GRADUAL_SHARE * group["rows"].iloc[0] if gradual else 0.0
        late = [
            late_alarms(known if isinstance(known, list) else (), rows, width)
            for known, rows in zip(changes, group["alarms"], strict=True)
        ]
        alarms = f"{group['alarms'].map(len).mean():.1f}"
        alarms += f" ({np.mean(late):.1f})" if changes.notna().any() else ""
    return {
        "accuracy": f"{group['accuracy'].mean():.4f}",
        "gap": f"{group['gap'].mean():.3f}",
        "alarms (late)": alarms,
        "seconds": f"{group['seconds'].median():.2g}",
        "seeds": str(group["seed"].nunique()),
    }


# ------------------------------------------------------------------------- pictures


def draw_known(frame, file: Path) -> None:
    """Windowed accuracy where accuracy drifts, windowed gap where the gap does; seed 0."""
    kinds = ("sudden", "gradual", "recurring")
    figure, axes = plt.subplots(2, 3, figsize=(13, 6.4), layout="constrained")
    for row, column in zip(axes, ("accuracy", "gap"), strict=True):
        for ax, kind in zip(row, kinds, strict=True):
            _draw_stream(ax, frame[frame["stream"] == f"{kind}, {column}"], column)
            ax.set_title(f"{kind} drift in {column}", fontsize=10)
        row[0].set_ylabel(_axis_title(column))
    _finish(figure, axes, file)


def draw_real(frame, file: Path) -> None:
    """Windowed accuracy and gap on real streams; seed 0."""
    figure, axes = plt.subplots(2, 3, figsize=(13, 6.4), layout="constrained")
    names = list(frame["stream"].unique())
    for column, row in zip(("accuracy", "gap"), axes, strict=True):
        for ax, name in zip(row, names, strict=False):
            _draw_stream(ax, frame[frame["stream"] == name], column)
            ax.set_title(STREAM_TITLES.get(name.replace(" ", "_"), name), fontsize=10)
        row[0].set_ylabel(_axis_title(column))
    _finish(figure, axes, file)


def _axis_title(column: str) -> str:
    """What is on the vertical axis."""
    long = {"accuracy": "accuracy", "gap": "demographic parity difference"}[column]
    return f"{long}\nof the last {GAP_ROWS:,} rows"


def _draw_stream(ax, frame, column) -> None:
    """A line per model; changes as gray lines, alarms as marks at the foot."""
    frame = frame[frame["seed"] == 0]
    for method, color in COLORS.items():
        for _, one in frame[frame["method"] == method].iterrows():
            width = 2.0 if method == DRIFT else 1.1
            ax.plot(
                one["curve_row"],
                one[f"curve_{column}"],
                color=color,
                label=method,
                linewidth=width,
                zorder=3 if method == DRIFT else 2,
            )
            if method == DRIFT:
                ax.plot(
                    one["alarms"],
                    [0.03] * len(one["alarms"]),
                    transform=ax.get_xaxis_transform(),
                    linestyle="none",
                    marker="^",
                    color=color,
                    label="its alarms",
                )
                changes = one.get("changes")
                for change in changes if isinstance(changes, list) else ():
                    ax.axvline(change, color="gray", linewidth=0.8, linestyle=":")
    if column == "gap":
        ax.axhline(BOUND, color="gray", linewidth=1, linestyle="--", label="bound")
        ax.set_ylim(bottom=0)
    ax.set_xlabel("rows")
    ax.grid(alpha=0.3)


def _finish(figure, axes, file: Path) -> None:
    """One legend for all panels."""
    found: dict = {}
    for ax in axes.flat:
        found |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(
        found.values(), found.keys(), loc="outside lower center", ncols=5, frameon=False
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    plt.close(figure)

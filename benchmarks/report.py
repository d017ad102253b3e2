"""Tables in docs/benchmarks.md and pictures in docs/images, from the stored results."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks import bars
from benchmarks.common import ROOT, TITLES, markdown, read, write_between_markers

PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"

GAPS = {"demographic_parity": "dp", "equalized_odds": "eo"}
STYLES = {
    "FEAMOE": ("C0", "o"),
    "ExponentiatedGradient": ("C1", "s"),
    "ThresholdOptimizer": ("C2", "^"),
    "LogisticRegression": ("black", "D"),
    "SGDClassifier": ("C4", "v"),
    "river LogisticRegression": ("C5", "P"),
}
PANELS = {
    "adult": "Adult",
    "hmda": "HMDA, race not a feature",
    "hmda_with_race": "HMDA, race a feature",
    "gss": "GSS income",
    "compas": "COMPAS",
}
COLUMNS = {
    "accuracy": "accuracy",
    "dp": "DP gap",
    "eo": "EO gap",
    "aod": "mean odds gap",
    "burden": "burden gap",
}


def write(folder: Path) -> None:
    """Rewrite every table whose results are there, and the two pictures."""
    tables = {
        "one_pass": lambda f: summary(f, ["method"]),
        "frontier": _frontier_tables,
        "small": lambda f: summary(f, ["data", "method", "constraint", "bound"]),
        "conflicts": lambda f: summary(f, ["bounds", "epochs"], ["largest_multiplier"]),
        "adult_stream": lambda f: summary(f, ["method", "batch", "bound"]),
        "gss_years": lambda f: summary(f[f["years"] == "recent"], ["method"]),
        "scaling": lambda f: summary(f, ["data", "method", "constraint", "features"]),
        "paper": lambda f: summary(f, ["loss", "method", "interval"], ["experts"]),
        "throughput": _throughput_table,
        "memory": _memory_table,
    }
    for section, make in tables.items():
        frame = read(folder, section)
        if frame is not None:
            write_between_markers(PAGE, section, make(frame))
    write_between_markers(PAGE, "targets", bars.table(folder))
    IMAGES.mkdir(parents=True, exist_ok=True)
    if (frame := read(folder, "frontier")) is not None:
        draw_frontier(frame, IMAGES / "frontier.png")
    if (frame := read(folder, "gss_years")) is not None:
        draw_years(frame, IMAGES / "gss_years.png")


def summary(frame, keys, extra=()) -> str:
    """Mean and standard deviation over seeds per setting, median of the seconds."""
    rows = []
    for values, group in frame.groupby(keys, sort=False, dropna=False):
        row = {key: _text(value) for key, value in zip(keys, values, strict=True)}
        row |= {name.replace("_", " "): f"{group[name].mean():.3g}" for name in extra}
        for column, title in COLUMNS.items():
            if column in group:
                row[title] = _spread(group[column])
        if "seconds" in group:
            row["seconds"] = _text(group["seconds"].median(), "{:.2g}")
        rows.append(row | {"seeds": str(group["seed"].nunique())})
    return markdown(pd.DataFrame(rows))


def _text(value, form="{:g}") -> str:
    """A cell; a missing value is empty."""
    if pd.isna(value):
        return ""
    return form.format(value) if isinstance(value, (int, float)) else str(value)


def _spread(values) -> str:
    """Mean and, with several seeds, standard deviation."""
    mean = f"{values.mean():.4f}"
    return f"{mean} ± {values.std(ddof=1):.4f}" if len(values) > 1 else mean


def _frontier_tables(frame) -> str:
    """One table per data set under its title."""
    keys = ["method", "constraint", "bound"]
    parts = []
    for data, rows in frame.groupby("data", sort=False):
        parts += [f"**{TITLES[data]}**", summary(rows, keys)]
    return "\n\n".join(parts)


def _throughput_table(frame) -> str:
    """Rows per second by task, one column per method, with FEAMOE's ratio to SGD."""
    table = frame.pivot_table(
        index=["task", "batch"], columns="method", values="rows_per_second", sort=False
    )
    table = table[list(dict.fromkeys(frame["method"]))]
    shown = table.map(lambda v: "" if pd.isna(v) else f"{v:,.0f}")
    peer = table["SGDClassifier"].fillna(table["MLPClassifier"])
    shown["FEAMOE / its peer"] = (table["FEAMOE"] / peer).map("{:.2f}".format)
    return markdown(shown.reset_index())


def _memory_table(frame) -> str:
    """Memory by rows seen."""
    shown = pd.DataFrame(
        {
            "rows seen": frame["rows"].map("{:,}".format),
            "experts": frame["experts"].astype(str),
            "memory held, MB": (frame["traced_bytes"] / 1e6).map("{:.2f}".format),
            "pickled state, kB": (frame["state_bytes"] / 1e3).map("{:.1f}".format),
        }
    )
    return markdown(shown)


def draw_frontier(frame, file: Path) -> None:
    """Accuracy against gap, a panel per data set and constraint; means, bars one sd."""
    names = list(dict.fromkeys(frame["data"]))
    figure, axes = plt.subplots(
        2, len(names), figsize=(3.6 * len(names), 6.6), squeeze=False, layout="constrained"
    )
    for row, (constraint, gap) in zip(axes, GAPS.items(), strict=True):
        for ax, name in zip(row, names, strict=True):
            rows = frame[frame["data"] == name]
            rows = rows[rows["constraint"].isna() | (rows["constraint"] == constraint)]
            _draw_panel(ax, rows, gap)
            ax.set_xlabel(f"{constraint.replace('_', ' ')} difference")
            if gap == "dp":
                ax.set_title(PANELS[name], fontsize=10)
        row[0].set_ylabel("test accuracy")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _draw_panel(ax, rows, gap):
    """Every method's mean points, joined from the tightest bound to none."""
    for method, (color, marker) in STYLES.items():
        own = rows[rows["method"] == method]
        if own.empty:
            continue
        points = own.groupby("bound", dropna=False)[[gap, "accuracy"]].agg(["mean", "std"])
        points = points.sort_index(na_position="last").fillna(0)
        ax.errorbar(
            points[gap, "mean"],
            points["accuracy", "mean"],
            xerr=points[gap, "std"],
            yerr=points["accuracy", "std"],
            color=color,
            marker=marker,
            markersize=5,
            linewidth=1,
            elinewidth=0.5,
            label=method,
        )
    ax.set_xlim(left=0)
    ax.grid(alpha=0.3)


def draw_years(frame, file: Path) -> None:
    """Accuracy and gap of every survey year, mean over seeds."""
    years = frame[frame["years"] != "recent"].astype({"years": int})
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for ax, column, title in zip(
        axes, ("accuracy", "dp"), ("accuracy", "demographic parity difference"), strict=True
    ):
        for method, rows in years.groupby("method", sort=False):
            mean = rows.groupby("years")[column].mean()
            ax.plot(mean.index, mean, marker=".", label=method)
        ax.set(xlabel="survey year", ylabel=title)
        ax.grid(alpha=0.3)
    axes[1].axhline(0.05, color="gray", linestyle="--", linewidth=1, label="bound")
    axes[1].set_ylim(bottom=0)
    axes[1].legend(fontsize=8)
    figure.savefig(file, dpi=110)
    plt.close(figure)

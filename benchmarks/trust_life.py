"""A long life: one model, a new world every `WORLD` rows, and in every world another hazard.

A world is a permutation of the columns that labels rest on, as in `trust_streams`, with one of
its `HAZARDS`: orders, wrong labels, other units, hardly any favorable label. The minority is
away for `AWAY` worlds of every thirty, and after `LATE` worlds a third group comes.
Decisions are made before a batch is learned. Gaps are those within a world, since a group that
came in one world only would be compared with decisions on the others in all of them.
A life ends after `ROWS` rows or `MINUTES` minutes, whichever comes first; the table says how
many rows that were.
"""

import pickle
import resource
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.measures import clock, scores
from benchmarks.models import before_learning
from benchmarks.registry import Context, Section, Target
from benchmarks.trust_streams import STREAMS, Rows, make_rows
from skfeamoe import FEAMOEClassifier

ROWS, MINUTES = 10_000_000, 75
WORLD, BATCH, WINDOW = 20_000, 256, 100_000
AWAY, LATE = 10, 25
PARTS = 8
"""Rows of the table."""
GROWTH = ("interval", "drift")
HAZARDS = (
    "as it comes",
    "bursts of 40 % wrong labels",
    "in order of the group",
    "units jump by a factor of 1,000",
    "in order of the label",
    "favorable labels: one in a thousand",
    "in order of a feature",
)


def world(number: int, n_rows: int) -> Rows:
    """The rows of one world."""
    rng = np.random.default_rng(number)
    X, y, groups = make_rows(n_rows, number)
    X = X[:, rng.permutation(X.shape[1])]
    if number % 30 >= 30 - AWAY:
        stays = groups != "minority"
        X, y, groups = X[stays], y[stays], groups[stays]
    if number >= LATE:
        groups = np.where(rng.random(len(groups)) < 0.1, "late", groups)
    return STREAMS[HAZARDS[number % len(HAZARDS)]]((X, y, groups), rng)


def run(context: Context) -> Iterator[dict]:
    """A life with either kind of growth."""
    for growth in GROWTH:
        for record in _life(context, growth):
            yield {"growth": growth} | record


def _life(context: Context, growth: str) -> Iterator[dict]:
    """One record every `WINDOW` rows."""
    n_world, window = (1_000, 2_000) if context.quick else (WORLD, WINDOW)
    last = 4_000 if context.quick else ROWS
    model = FEAMOEClassifier(difference_bound=0.05, growth=growth, random_state=0)
    end, seen, number = time.monotonic() + 60.0 * MINUTES, 0, 0
    while seen < last and time.monotonic() < end:
        lived: list[tuple] = []
        seconds = 0.0
        while sum(len(part[0]) for part in lived) < window:
            rows = world(number, n_world)
            decided, taken = clock(_live, model, rows)
            lived.append((rows[1], decided, rows[2]))
            seconds, number = seconds + taken, number + 1
        y, decided = (np.concatenate(parts) for parts in list(zip(*lived, strict=True))[:2])
        seen += len(y)
        yield _record(model, lived) | {
            "accuracy": float((decided == y).mean()),
            "majority": max(y.mean(), 1.0 - y.mean()),
            "rows": seen,
            "rows_per_second": len(y) / seconds,
        }


def _live(model: FEAMOEClassifier, rows: Rows) -> np.ndarray:
    """Decide, then learn, batch by batch; the decisions."""
    decided = np.zeros(len(rows[1]), dtype=int)
    for part, X in before_learning(model, *rows, BATCH):
        if hasattr(model, "classes_"):
            decided[part] = model.predict(X)
    return decided


def _record(model: FEAMOEClassifier, worlds: list[tuple]) -> dict:
    """What became of the model, and how it decided in each of some worlds."""
    found = [scores(*world) for world in worlds]
    more_frequent = [max(y.mean(), 1.0 - y.mean()) for y, _, _ in worlds]
    numbers = (model.expert_coef_, model.gate_coef_, *model.multipliers_.values())
    return {
        "finite": float(all(np.isfinite(part).all() for part in numbers)),
        "dp": [world["dp"] for world in found],
        "worlds": [world["accuracy"] for world in found],
        "worlds_majority": more_frequent,
        "n_experts": model.n_experts_,
        "megabytes": len(pickle.dumps(model)) / 1e6,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Parts of the life in their order."""
    lives = (frame[frame["growth"] == growth] for growth in GROWTH)
    parts = (
        life.iloc[part]
        for life in lives
        for part in np.array_split(np.arange(len(life)), min(PARTS, max(len(life), 1)))
    )
    return {"": pd.DataFrame([_part(rows) for rows in parts])}


def _part(rows: pd.DataFrame) -> dict[str, str]:
    """A part of a life as text."""
    gaps, accuracy, majority = (
        np.concatenate(rows[name].tolist()) for name in ("dp", "worlds", "worlds_majority")
    )
    rare = majority > 0.9  # the world of hardly any favorable label
    worse = (accuracy < majority) & ~rare
    return {
        "growth": rows["growth"].iloc[0],
        "up to row": f"{rows['rows'].iloc[-1]:,}",
        "accuracy": f"{rows['accuracy'].mean():.4f}",
        "majority": f"{rows['majority'].mean():.4f}",
        "DP gap of a world, median": f"{np.median(gaps):.4f}",
        "widest": f"{gaps.max():.4f}",
        "worlds worse than the majority's label": f"{worse.sum()} of {(~rare).sum()}",
        "experts": f"{rows['n_experts'].iloc[-1]}",
        "megabytes": f"{rows['megabytes'].max():.2f}",
        "peak of the process": f"{rows['peak_megabytes'].max():,.0f}",
        "rows per second": f"{rows['rows_per_second'].median():,.0f}",
    }


def targets(frame: pd.DataFrame) -> Iterator[Target]:
    """Finite, bounded, and as fast at the end as at first."""
    for growth, life in frame.groupby("growth", sort=False):
        quarter = max(len(life) // 4, 1)
        first, last = life.iloc[quarter : 2 * quarter], life.iloc[-quarter:]
        told = f"a long life, growth={growth!r}"
        yield Target(f"{told}: finite", float(life["finite"].min()), ">=", 1.0)
        for what, name, most in (
            ("size", "megabytes", 1.2),
            ("peak of memory", "peak_megabytes", 1.1),
        ):
            grown = float(last[name].max() / first[name].max())
            yield Target(f"{told}: {what}, last quarter over second", grown, "<=", most)
        slower = first["rows_per_second"].median() / last["rows_per_second"].median()
        yield Target(f"{told}: time, last quarter over second", float(slower), "<=", 1.25)


SECTIONS = (Section("trust_life", run, tables, targets, page="reliability.md"),)

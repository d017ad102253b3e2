"""Raw tables as streams: additive beside logistic experts, and what goes wrong in a column.

Every row is decided just before it is learned, 100 rows at a time. Additive experts get the
raw table; logistic ones the columns of `make_preprocessor`, which has seen all rows: an
advantage that no stream gives. They also get the raw table, so that times are those of the
same work.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.data import Task, load
from benchmarks.measures import clock, gap_of, warned_of, windows
from benchmarks.models import before_learning
from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, of, target
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream, make_preprocessor

BATCH, WINDOW, BOUND = 100, 2000, 0.05
ADDITIVE, LOGISTIC = "additive experts", "logistic experts"
RAW = "logistic experts, raw table"
EXPERTS = {ADDITIVE: "additive", LOGISTIC: "logistic", RAW: "logistic"}
HMDA_ROWS, CREDIT_ROWS = 30_000, 30_000
OUTLIER_ROW, OUTLIER = 3000, 1e9
LATE_ROW, LATE_SHARE = 20_000, 0.1


def streams(context: Context, seed: int) -> Iterator[tuple[str, Task, bool]]:
    """Name, rows in order, and whether under a bound with drift growth."""
    adult = load("adult", context).shuffled(seed)
    yield "adult, shuffled", adult, False
    yield "adult, shuffled", adult, True
    for name, n_rows in (("gss", None), ("hmda", HMDA_ROWS)):
        task = load(name, context).shuffled(seed, n_rows)
        yield f"{name}, by year", task.take(np.argsort(task.time, kind="stable")), False
    n = 2000 if context.quick else CREDIT_ROWS
    made = make_credit_stream(n, random_state=seed)
    rows = made.data, made.target.to_numpy(), made.sensitive_features.to_numpy(dtype=object)
    yield "credit, drifting", Task(*rows, favorable=1, log_columns=[]), True


def decided(model, X, y, groups, bounded: bool) -> tuple[np.ndarray, float]:
    """Decisions on rows just before they are learned, and processor seconds."""
    parts = before_learning(model, X, y, groups if bounded else None, BATCH)
    found, seconds = clock(lambda: [model.predict(X) for part, X in parts if part.start])
    return np.concatenate(found), seconds


def make(expert: str, seed: int, task: Task, bounded: bool) -> FEAMOEClassifier:
    """Defaults; with a bound also drift growth."""
    asked = {"growth": "drift", "difference_bound": BOUND} if bounded else {"constraints": None}
    return FEAMOEClassifier(
        expert=expert, favorable_label=task.favorable, random_state=seed, **asked
    )


def inputs(task: Task):
    """The raw table, and its columns encoded."""
    encoder = make_preprocessor(task.X, log_columns=task.log_columns)
    encoded = np.asarray(encoder.fit_transform(task.X), dtype=float)
    return {ADDITIVE: task.X, LOGISTIC: encoded, RAW: task.X}


def run_streams(context: Context) -> Iterator[dict]:
    """Prequential accuracy, and the share of windows whose gap is small."""
    for seed in context.seeds:
        for name, task, bounded in streams(context, seed):
            for method, X in inputs(task).items():
                model = make(EXPERTS[method], seed, task, bounded)
                found, seconds = decided(model, X, task.y, task.groups, bounded)
                y, groups = task.y[BATCH:], task.groups[BATCH:]
                told = {"accuracy": float((found == y).mean()), "seconds": seconds}
                told["quiet_windows"] = _quiet(found == task.favorable, groups)
                asked = {"stream": name, "bound": BOUND if bounded else None}
                yield {"method": method, "seed": seed} | asked | told


def _quiet(granted, groups) -> float:
    """Share of windows in which the gap of decisions is at most .08."""
    parts = windows(len(granted), WINDOW)
    quiet = [gap_of(granted[part], groups[part]) <= 0.08 for part in parts]
    return float(np.mean(quiet)) if quiet else float("nan")


def stream_targets(frame) -> Iterator[Target]:
    """At or above logistic experts everywhere, above them on Adult."""
    for (name, bound), rows in frame.groupby(["stream", "bound"], sort=False, dropna=False):
        own, other, raw = (of(rows, method=m) for m in EXPERTS)
        text = f"{name}{'' if np.isnan(bound) else ', bound .05'}"
        least = 0.005 if name.startswith("adult") else 0.0
        gain = own["accuracy"] - other["accuracy"]
        yield target(f"{text}: accuracy above logistic experts", gain, ">=", least)
        ratio = own["seconds"] / raw["seconds"]
        yield target(f"{text}: time over that of logistic experts, raw table", ratio, "<=", 2.0)
        if name.startswith("adult"):
            wanted = 0.856 if np.isnan(bound) else 0.845
            yield target(f"{text}: accuracy", own["accuracy"], ">=", wanted)
            if not np.isnan(bound):
                what = f"{text}: share of windows with a gap <= .08"
                yield target(what, own["quiet_windows"], ">=", 0.9)


# ------------------------------------------------------------ what happens to a column


def run_hazards(context: Context) -> Iterator[dict]:
    """One absurd value, and a category that comes late and decides."""
    for seed in context.seeds:
        for record in (*_outlier(context, seed), *_late(context, seed)):
            yield {"seed": seed} | record


def _outlier(context: Context, seed: int) -> Iterator[dict]:
    """The lending stream with and without one value of 1e9."""
    made = make_credit_stream(12_000, drift=None, random_state=seed)
    y, groups = made.target.to_numpy(), made.sensitive_features.to_numpy(dtype=object)
    for expert, method in (("additive", ADDITIVE), ("logistic", LOGISTIC)):
        for spoiled in (False, True):
            X = made.data.astype(float)
            if spoiled:
                X.iloc[OUTLIER_ROW, 0] = OUTLIER
            model = FEAMOEClassifier(None, expert=expert, random_state=seed)
            (found, _), caught = warned_of(decided, model, X, y, groups, False)
            late = slice(9000, 12_000)
            told = {
                "accuracy": float((found[late.start - BATCH :] == y[late]).mean()),
                "warned": any("far beyond" in text for text in caught),
            }
            yield {"hazard": "outlier", "method": method, "spoiled": spoiled} | told


def _late(context: Context, seed: int) -> Iterator[dict]:
    """Adult with an occupation that comes late and is always refused.

    A model that knew it from the start has seen as many of its rows before.
    """
    task = load("adult", context).shuffled(seed)
    first = LATE_ROW if len(task.y) > LATE_ROW else len(task.y) // 2
    chance = np.random.default_rng(seed).random(len(task.y)) < LATE_SHARE
    for known in (True, False):
        rows = np.flatnonzero(chance & ((np.arange(len(task.y)) >= first) | known))
        X, y = task.X.copy(), task.y.copy()
        occupation = X["occupation"].astype(object)
        occupation.iloc[rows] = "Astronaut"
        X["occupation"] = occupation
        y[rows] = 0
        model = FEAMOEClassifier(None, expert="additive", random_state=seed)
        found, _ = decided(model, X, y, task.groups, False)
        after = rows[rows >= first][min(300, len(rows) // 4) :]
        told = {"accuracy": float((found[after - BATCH] == 0).mean())}
        yield {"hazard": "late category", "method": ADDITIVE, "known": known} | told


def hazard_targets(frame) -> Iterator[Target]:
    """An absurd value does no harm and is told; a late category is learned."""
    for method in (ADDITIVE, LOGISTIC):
        clean, spoiled = (of(frame, hazard="outlier", method=method, spoiled=is_spoiled)
                          for is_spoiled in (False, True))  # fmt: skip
        lost = clean["accuracy"] - spoiled["accuracy"]
        yield target(f"one value of 1e9, {method}: accuracy lost", lost, "<=", 0.01)
        warned = spoiled["warned"].astype(float)
        yield target(f"one value of 1e9, {method}: warned", warned, ">=", 1.0)
    late = {known: of(frame, hazard="late category", known=known) for known in (True, False)}
    lost = late[True]["accuracy"] - late[False]["accuracy"]
    yield target("late category: accuracy below a model that knew it", lost, "<=", 0.02)


SHOWN = {"accuracy": "accuracy", "quiet_windows": "windows <= .08", "seconds": "seconds"}
BY_STREAM = one_table("stream", "bound", "method", columns=SHOWN)
BY_HAZARD = one_table("hazard", "method", "spoiled", "known")
SECTIONS = (
    Section("tables_streams", run_streams, BY_STREAM, stream_targets),
    Section("tables_hazards", run_hazards, BY_HAZARD, hazard_targets),
)

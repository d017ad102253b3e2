"""Hard streams and a poisoner: does a model stay finite, bounded, fast and accurate?

The rows are those of `make_credit_stream` without drift, and every world changes which columns
say what: a permutation of the columns that the labels rest on. ``ROWS`` of each hard stream
are few beside the ten million of a long life; one stream is five times as long.
Accuracy and gaps are those of decisions before a batch is learned, over the second half.

A poisoner puts one row in a hundred. What she may do is in ``POISONS``; what she reaches is
measured on clean rows of the last fifth, against the same stream without her.
"""

import pickle
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from benchmarks.data import lending
from benchmarks.measures import scores
from benchmarks.pages import one_table, summary
from benchmarks.registry import Context, Section, Target, target
from skfeamoe import FEAMOEClassifier

PAGE = "reliability.md"
ROWS, LONG, QUICK = 30_000, 150_000, 4_000
WORLD, BATCH, BOUND = 10_000, 32, 0.05
POISON_ROWS, SHARE = 40_000, 0.01

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_rows(n: int, seed: int) -> Rows:
    """Rows of one world, labels and groups."""
    X, y, groups = lending(n, seed)[1]
    return X, y, groups.astype(object)


def _worlds(rows: Rows, rng) -> Rows:
    """Columns change their parts every `WORLD` rows."""
    X, y, groups = rows
    X = X.copy()
    for start in range(WORLD, len(y), WORLD):
        part = slice(start, start + WORLD)
        X[part] = X[part][:, rng.permutation(X.shape[1])]
    return X, y, groups


def _vanishing(rows: Rows, rng) -> Rows:
    """The minority is away for half of the stream."""
    X, y, groups = rows
    middle = slice(len(y) // 4, 3 * len(y) // 4)
    stays = np.ones(len(y), dtype=bool)
    stays[middle] = groups[middle] != "minority"
    order = np.concatenate([np.flatnonzero(stays), rng.choice(np.flatnonzero(stays), len(y))])
    order = np.sort(order[: len(y)])
    return X[order], y[order], groups[order]


def _rare(rows: Rows, rng) -> Rows:
    """One favorable label in a thousand."""
    X, y, groups = rows
    kept = np.flatnonzero((y == 0) | (rng.random(len(y)) < 0.0006))
    return X[kept], y[kept], groups[kept]


def _bursts(rows: Rows, rng) -> Rows:
    """Of a thousand rows in every four, 40 % of the labels are wrong."""
    X, y, groups = rows
    wrong = (np.arange(len(y)) // 1000 % 4 == 3) & (rng.random(len(y)) < 0.4)
    return X, np.where(wrong, 1 - y, y), groups


def _sorted_by(key: Callable) -> Callable:
    """Blocks of `WORLD` rows, each in the order of something."""

    def sort(rows: Rows, rng) -> Rows:
        blocks = np.arange(len(rows[1])) // WORLD
        order = np.lexsort((key(rows), blocks))
        return tuple(part[order] for part in rows)  # type: ignore[return-value]

    return sort


def _scaled(rows: Rows, rng) -> Rows:
    """Units of a column change by a factor of a thousand, and back, every `WORLD` rows."""
    X, y, groups = rows
    X = X.copy()
    X[np.arange(len(y)) // WORLD % 2 == 1, 0] *= 1000.0
    return X, y, groups


STREAMS: dict[str, Callable] = {
    "as it comes": lambda rows, rng: rows,
    "a new world every 10,000 rows": _worlds,
    "a group vanishes for half of the stream": _vanishing,
    "favorable labels: one in a thousand": _rare,
    "bursts of 40 % wrong labels": _bursts,
    "in order of the group": _sorted_by(lambda rows: rows[2].astype(str)),
    "in order of the label": _sorted_by(lambda rows: rows[1]),
    "in order of a feature": _sorted_by(lambda rows: rows[0][:, 0]),
    "units jump by a factor of 1,000": _scaled,
}


def learn(rows: Rows, seed: int, **parameters) -> tuple[np.ndarray, dict]:
    """Decisions before each batch was learned, and what became of size, speed and numbers."""
    X, y, groups = rows
    model = FEAMOEClassifier(difference_bound=BOUND, random_state=seed, **parameters)
    decided, sizes, clocks = np.full(len(y), -1), [], []
    quarters = [k * len(y) // 4 for k in range(1, 5)]
    begin = time.process_time()
    for start in range(0, len(y), BATCH):
        part = slice(start, start + BATCH)
        if start:
            decided[part] = model.predict(X[part])
        model.partial_fit(X[part], y[part], [0, 1], sensitive_features=groups[part])
        if len(sizes) < 4 and start + BATCH >= quarters[len(sizes)]:
            clocks.append(time.process_time() - begin)
            sizes.append(len(pickle.dumps(model)))
            begin = time.process_time()
    proba = model.predict_proba(X[-5000:])
    finite = np.isfinite(proba).all() and np.isfinite(model.expert_coef_).all()
    pushed = np.abs(model.multipliers_["demographic_parity"]).max()
    return decided, {
        "finite": float(finite),
        "n_experts": model.n_experts_,
        "megabytes": sizes[-1] / 1e6,
        "size_growth": sizes[-1] / sizes[1],
        "slowdown": clocks[-1] / clocks[1],
        "multiplier": float(pushed),
    }


def run_streams(context: Context) -> Iterator[dict]:
    """Every hard stream, and one that is ten times as long."""
    for name, change in STREAMS.items():
        for seed in context.seeds:
            yield _measured(name, change, QUICK if context.quick else ROWS, seed)
    if not context.quick:
        yield _measured(f"{LONG:,} rows, a new world every 10,000", _worlds, LONG, 0)


def _measured(name: str, change: Callable, n_rows: int, seed: int) -> dict:
    """What became of one stream."""
    rows = change(make_rows(n_rows, seed), np.random.default_rng(seed))
    begin = time.perf_counter()
    decided, told = learn(rows, seed)
    half = slice(len(decided) // 2, None)
    _, y, groups = (part[half] for part in rows)
    found = scores(y, decided[half], groups)
    told |= {"stream": name, "seed": seed, "rows": len(decided)}
    told |= {"accuracy": found["accuracy"], "dp": found["dp"]}
    told["majority"] = max(y.mean(), 1 - y.mean())
    return told | {"rows_per_second": len(decided) / (time.perf_counter() - begin)}


# ----------------------------------------------------------------------------- a poisoner


def _flip(rows: Rows, at, rng) -> Rows:
    """She turns the label."""
    X, y, groups = rows
    y = y.copy()
    y[at] = 1 - y[at]
    return X, y, groups


def _shout(rows: Rows, at, rng) -> Rows:
    """She turns the label, and makes every feature a hundred times as large."""
    X, y, groups = _flip(rows, at, rng)
    X = X.copy()
    X[at] *= 100.0
    return X, y, groups


def _favor(rows: Rows, at, rng) -> Rows:
    """All of her rows are of the majority and refused, so that the control favors it."""
    X, y, groups = (part.copy() for part in rows)
    y[at], groups[at] = 0, "majority"
    X[at] = X[at].mean(axis=0) - 4.0 * X.std(axis=0) * np.sign(_direction(rows))
    return X, y, groups


def _crowd(rows: Rows, at, rng) -> Rows:
    """Her rows are one point, with the label that it should not have."""
    X, y, groups = (part.copy() for part in rows)
    X[at] = X.mean(axis=0) + 3.0 * X.std(axis=0) * np.sign(_direction(rows))
    y[at] = 0
    return X, y, groups


def _invent(rows: Rows, at, rng) -> Rows:
    """Every row of hers is of a group that nobody is of, refused at the top of the scale."""
    X, y, groups = _crowd(rows, at, rng)
    groups[at] = "invented"
    return X, y, groups


def _direction(rows: Rows) -> np.ndarray:
    """Which way each feature speaks for the favorable label."""
    X, y, _ = rows
    return X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)


POISONS: dict[str, Callable] = {
    "turned labels": _flip,
    "turned labels, features times 100": _shout,
    "refused rows at the bottom, named majority": _favor,
    "refused rows at the top, all alike": _crowd,
    "the same, of an invented group": _invent,
    "the same, with accuracy_floor=0.75": _invent,
}


def run_poison(context: Context) -> Iterator[dict]:
    """Accuracy and gap on clean rows, with and without a poisoner."""
    n = QUICK if context.quick else POISON_ROWS
    for seed in context.seeds:
        rows = make_rows(n, seed)
        rng = np.random.default_rng(seed)
        at = np.flatnonzero(rng.random(n) < SHARE)
        last = np.arange(4 * n // 5, n)
        clean = np.setdiff1d(last, at)
        base = None
        for name, poison in {"nobody": lambda rows, at, rng: rows, **POISONS}.items():
            floor = 0.75 if "accuracy_floor" in name else None
            decided, told = learn(poison(rows, at, rng), seed, accuracy_floor=floor)
            found = scores(rows[1][clean], decided[clean], rows[2][clean])
            base = base or found
            yield told | {
                "poison": name,
                "seed": seed,
                "accuracy": found["accuracy"],
                "dp": found["dp"],
                "accuracy_lost": base["accuracy"] - found["accuracy"],
                "gap_moved": found["dp"] - base["dp"],
            }


stream_tables = one_table(
    "stream",
    columns={"accuracy": "accuracy", "dp": "DP gap", "size_growth": "size, end over half"},
    rows="{:,.0f}",
    majority="{:.4f}",
    n_experts="{:.1f}",
    megabytes="{:.2f}",
    rows_per_second="{:,.0f}",
)


def stream_targets(frame) -> Iterator[Target]:
    """Finite, bounded, and as fast at the end as in the middle."""
    for name, rows in frame.groupby("stream", sort=False):
        yield Target(f"{name}: finite", float(rows["finite"].min()), ">=", 1.0)
        yield target(f"{name}: size, end over half", rows["size_growth"], "<=", 1.2)
        yield target(f"{name}: time, last quarter over second", rows["slowdown"], "<=", 1.25)
        lead = rows["accuracy"] - rows["majority"]
        yield target(f"{name}: accuracy above the most frequent label", lead, ">=", -0.01)


MOVED = {
    "accuracy": "accuracy",
    "dp": "DP gap",
    "accuracy_lost": "accuracy lost",
    "gap_moved": "gap moved",
}


def poison_tables(frame) -> dict[str, pd.DataFrame]:
    """How far a poisoner moves what clean people get."""
    table = summary(frame, ["poison"], MOVED, n_experts="{:.1f}")
    return {"": table.rename(columns={"poison": "one row in a hundred"})}


def poison_targets(frame) -> Iterator[Target]:
    """One row in a hundred may cost two points of accuracy, and of the gap, at most."""
    for name, rows in frame.groupby("poison", sort=False):
        if name != "nobody":
            yield target(f"{name}: accuracy lost", rows["accuracy_lost"], "<=", 0.02)
            yield target(f"{name}: gap widened", rows["gap_moved"], "<=", 0.02)


SECTIONS = (
    Section("trust_streams", run_streams, stream_tables, stream_targets, page=PAGE),
    Section("trust_poison", run_poison, poison_tables, poison_targets, page=PAGE),
)

"""Rows per second and memory, beside SGDClassifier and river, in one run on one thread.

Run from the top of a checkout::

    python -m benchmarks.throughput --section throughput memory --check

Every method does the same piece of work in turn, several times over; the median counts.
FEAMOE has 10 or more experts and its default constraint, and standardizes by itself; the
others get standardized features for nothing (``SGDClassifier + scaler`` pays for them).
"""

from __future__ import annotations

import argparse
import copy
import pickle
import sys
import time
import tracemalloc
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from river import linear_model as river_linear
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from benchmarks import bars, models
from benchmarks.common import RESULTS, load, save, split
from skfeamoe import FairnessWarning, FEAMOEClassifier

GROWN_ROWS = 40_000
WORK = {1: 1000, 32: 16_000, 256: 32_000}
"""Rows of one piece of work, by rows per call."""

SCALED = ("SGDClassifier", "river LogisticRegression", "MLPClassifier")
LAYERS = (30, 30)


def _network(constraints, batch):
    """One network that learns every call as one step, as MLPClassifier does."""
    return FEAMOEClassifier(
        constraints,
        expert="mlp",
        hidden_layer_sizes=LAYERS,
        growth=None,
        batch_size=batch,
        random_state=0,
    )


NETWORKS = {
    "FEAMOE": (partial(_network, "demographic_parity"), True),
    "FEAMOE, no constraint": (partial(_network, None), False),
    "MLPClassifier": (lambda _: MLPClassifier(LAYERS, random_state=0), False),
}
"""Single networks by rows per step, and whether they are told the groups."""

CHECKPOINTS = (50_000, 100_000, 200_000, 500_000, 1_000_000)


def throughput(path: str, repeats: int):
    """Records of rows per second for partial_fit, fit and predict_proba."""
    rows = split(load("adult", path), 0)
    yield from _record("partial_fit", partial_fit_times(rows, repeats))
    yield from _record("partial_fit, networks of 2 x 30", network_times(rows, repeats))
    yield from _record("fit", fit_times(rows, max(repeats // 2, 3)))
    yield from _record("predict_proba", predict_times(rows, repeats))


def _record(task, times):
    """(method, batch) -> list of rows per second, as records."""
    for (method, batch), speeds in times.items():
        yield {
            "task": task,
            "batch": batch,
            "method": method,
            "rows_per_second": float(np.median(speeds)),
            "slowest": float(min(speeds)),
            "fastest": float(max(speeds)),
        }


def started_models(rows) -> dict:
    """Models that have seen the first rows; FEAMOE has grown to 10 experts or more."""
    feamoe = FEAMOEClassifier(random_state=0)
    head = slice(0, GROWN_ROWS)
    feamoe.partial_fit(
        rows.X[head], rows.y[head], classes=[0, 1], sensitive_features=rows.groups[head]
    )
    if feamoe.n_experts_ < 10:
        raise RuntimeError(f"FEAMOE must have 10 experts here, got {feamoe.n_experts_}")
    sgd = SGDClassifier(loss="log_loss", random_state=0)
    sgd.partial_fit(rows.scaled[head], rows.y[head], classes=[0, 1])
    with_scaler = models.OnlineSGD(0)
    with_scaler.partial_fit(rows.X[head], rows.y[head], classes=[0, 1])
    river = river_linear.LogisticRegression()
    names = _names(rows)
    river.learn_many(pd.DataFrame(rows.scaled[:1000], columns=names), pd.Series(rows.y[:1000]))
    return {
        "FEAMOE": feamoe,
        "SGDClassifier": sgd,
        "SGDClassifier + scaler": with_scaler,
        "river LogisticRegression": river,
    }


def partial_fit_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of learning loops, the methods in turn."""
    started = started_models(rows)
    found: dict[tuple[str, int], list[float]] = {}
    for batch, amount in WORK.items():
        loops = {name: _learning_loop(name, rows, batch, amount) for name in started}
        for _ in range(repeats):
            for name, loop in loops.items():
                model = copy.deepcopy(started[name])
                seconds = _clock(loop, model)
                found.setdefault((name, batch), []).append(amount / seconds)
    return found


def _learning_loop(name, rows, batch, amount):
    """A function that shows a model ``amount`` rows, ``batch`` at a time, prepared input."""
    X = rows.scaled if name in SCALED else rows.X
    starts = range(0, amount, batch)
    if name == "river LogisticRegression":
        return _river_loop(_names(rows), X[:amount], rows.y[:amount], batch)
    parts = [tuple(a[s : s + batch] for a in (X, rows.y, rows.groups)) for s in starts]

    def loop(model):
        for X, y, groups in parts:
            model.partial_fit(X, y, sensitive_features=groups)

    def plain_loop(model):
        for X, y, _ in parts:
            model.partial_fit(X, y)

    return loop if name == "FEAMOE" else plain_loop


def _river_loop(names, X, y, batch):
    """river's loop: dicts one at a time, or frames of ``batch`` rows."""
    if batch == 1:
        cases = [dict(zip(names, x, strict=True)) for x in X.tolist()]
        labels = y.tolist()

        def one_by_one(model):
            for x, label in zip(cases, labels, strict=True):
                model.learn_one(x, label)

        return one_by_one
    starts = range(0, len(y), batch)
    frames = [pd.DataFrame(X[s : s + batch], columns=names) for s in starts]
    series = [pd.Series(y[s : s + batch]) for s in starts]

    def in_batches(model):
        for frame, labels in zip(frames, series, strict=True):
            model.learn_many(frame, labels)

    return in_batches


def network_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of learning loops of single networks, the methods in turn."""
    found: dict[tuple[str, int], list[float]] = {}
    for batch, amount in ((32, 6_400), (256, 16_000)):
        loops = {
            name: _learning_loop("FEAMOE" if told else name, rows, batch, amount)
            for name, (_, told) in NETWORKS.items()
        }
        for _ in range(repeats):
            for name, (make, _) in NETWORKS.items():
                model = make(batch)
                model.partial_fit(rows.scaled[:batch], rows.y[:batch], classes=[0, 1])
                found.setdefault((name, batch), []).append(amount / _clock(loops[name], model))
    return found


def fit_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of fit on all training rows: rows in the data per second, whatever the passes."""
    n = len(rows.y)
    chosen = {
        "FEAMOE": lambda: models.fit_feamoe(rows),
        "FEAMOE, one pass": lambda: models.fit_feamoe(rows, max_iter=1),
        "SGDClassifier": lambda: models.sgd(rows),
        "LogisticRegression": lambda: models.logistic_regression(rows),
        "river LogisticRegression": lambda: _river_loop(_names(rows), rows.scaled, rows.y, 256)(
            river_linear.LogisticRegression()
        ),
    }
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(repeats):
        for name, fit in chosen.items():
            found.setdefault((name, n), []).append(n / _clock(fit))
    return found


def predict_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of predict_proba, the methods in turn."""
    started = started_models(rows)
    started.pop("SGDClassifier + scaler")
    found: dict[tuple[str, int], list[float]] = {}
    for batch, calls in ((1, 500), (32, 200), (5000, 10)):
        for _ in range(repeats):
            for name, model in started.items():
                X = (rows.scaled_test if name in SCALED else rows.X_test)[:batch]
                predict = _predictor(name, model, X, _names(rows))
                seconds = _clock(lambda: [predict() for _ in range(calls)])  # noqa: B023
                found.setdefault((name, batch), []).append(batch * calls / seconds)
    return found


def _predictor(name, model, X, names):
    """A call of predict_proba on prepared input."""
    if name != "river LogisticRegression":
        return lambda: model.predict_proba(X)
    if len(X) == 1:
        case = dict(zip(names, X[0].tolist(), strict=True))
        return lambda: model.predict_proba_one(case)
    frame = pd.DataFrame(X, columns=names)
    return lambda: model.predict_proba_many(frame)


def _names(rows):
    """Feature names for river."""
    return [f"x{j}" for j in range(rows.X.shape[1])]


def _clock(function, *args) -> float:
    """CPU seconds of a call."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def memory(n_features=30, batch=250):
    """Memory held and size of the pickled model along one million rows that drift."""
    rng = np.random.default_rng(0)
    coef = rng.normal(size=n_features)
    model = FEAMOEClassifier(random_state=0)
    tracemalloc.start()
    seen = 0
    while seen < CHECKPOINTS[-1]:
        X = rng.normal(size=(batch, n_features))
        groups = rng.integers(0, 3, size=batch)
        y = (X @ np.roll(coef, seen // 250_000) + groups > rng.logistic(size=batch)).astype(int)
        model.partial_fit(X, y, classes=[0, 1], sensitive_features=groups)
        seen += batch
        if seen in CHECKPOINTS:
            yield {
                "rows": seen,
                "experts": int(model.n_experts_),
                "traced_bytes": tracemalloc.get_traced_memory()[0],
                "state_bytes": len(pickle.dumps(model)),
            }
    tracemalloc.stop()


def main(arguments=None) -> int:
    """Run the chosen sections and, if asked for, hold them to their targets."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sections = ("throughput", "memory")
    parser.add_argument("--section", nargs="+", choices=sections, default=sections)
    parser.add_argument("--path", default="../shared/data", help="folder of the data files")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--check", action="store_true", help="exit code 1 on a missed target")
    options = parser.parse_args(arguments)
    for name in options.section:
        make = {
            "throughput": lambda: throughput(options.path, options.repeats),
            "memory": memory,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FairnessWarning)
            records = list(make[name]())
        file = save(options.output, name, records, repeats=options.repeats)
        print(pd.DataFrame(records).to_string(index=False))
        print(f"written to {file}\n")
    return bars.check(options.output, tuple(options.section)) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())

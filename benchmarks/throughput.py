"""Rows per second, beside SGDClassifier and river, in one run on one thread.

Every method does the same piece of work in turn, several times over; the median counts.
FEAMOE has 10 or more experts and its default constraint, and standardizes by itself; the
others get standardized features for nothing (``SGDClassifier + scaler`` pays for them).
"""

import copy
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from river import linear_model as river_linear
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from benchmarks import models
from benchmarks.data import load, split
from benchmarks.measures import clock
from benchmarks.models import batches
from benchmarks.registry import Context, Section, Target
from skfeamoe import FEAMOEClassifier

REPEATS, QUICK_REPEATS = 7, 1
FEAMOE, SGD, SGD_SCALER, RIVER = (
    "FEAMOE",
    "SGDClassifier",
    "SGDClassifier + scaler",
    "river LogisticRegression",
)
SCALED = (SGD, RIVER, "MLPClassifier")
LAYERS = (30, 30)
NETWORKS = {FEAMOE: "demographic_parity", "FEAMOE, no constraint": None, "MLPClassifier": None}
"""Single networks and their constraints; each learns every call as one step."""


def run_throughput(context: Context) -> Iterator[dict]:
    """Rows per second for partial_fit, fit and predict_proba."""
    rows = split(load("adult", context), 0)
    repeats = QUICK_REPEATS if context.quick else REPEATS
    for task, measured, times in (
        ("partial_fit", partial_fit_times, repeats),
        ("partial_fit, networks of 2 x 30", network_times, repeats),
        ("fit", fit_times, max(repeats // 2, 1)),
        ("predict_proba", predict_times, repeats),
    ):
        for (method, batch), speeds in measured(rows, times).items():
            told = {"task": task, "batch": batch, "method": method, "seed": 0}
            told |= {"rows_per_second": float(np.median(speeds))}
            yield told | {"slowest": float(min(speeds)), "fastest": float(max(speeds))}


def started_models(rows) -> dict:
    """Models that have seen 40,000 rows at most; FEAMOE has grown to 10 experts."""
    n = min(40_000, len(rows.y))
    y, groups = rows.y[:n], rows.groups[:n]
    feamoe = FEAMOEClassifier(growth_interval=n // 10, random_state=0)
    feamoe.partial_fit(rows.X[:n], y, [0, 1], sensitive_features=groups)
    if feamoe.n_experts_ < 10:
        raise RuntimeError(f"FEAMOE must have 10 experts here, got {feamoe.n_experts_}")
    sgd = SGDClassifier(loss="log_loss", random_state=0).partial_fit(rows.scaled[:n], y, [0, 1])
    with_scaler = models.online_sgd(0).partial_fit(rows.X[:n], y, [0, 1])
    river = river_linear.LogisticRegression()
    frame = pd.DataFrame(rows.scaled[:1000], columns=_names(rows))
    river.learn_many(frame, pd.Series(y[:1000]))
    return {FEAMOE: feamoe, SGD: sgd, SGD_SCALER: with_scaler, RIVER: river}


def _names(rows) -> list[str]:
    """Feature names for river."""
    return [f"x{j}" for j in range(rows.X.shape[1])]


def partial_fit_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of learning loops, the methods in turn."""
    started, found = started_models(rows), {}
    for batch, amount in ((1, 1000), (32, 16_000), (256, 32_000)):
        amount = min(amount, len(rows.y))
        loops = {name: _learning_loop(name, rows, batch, amount) for name in started}
        for _ in range(repeats):
            for name, loop in loops.items():
                seconds = clock(loop, copy.deepcopy(started[name]))[1]
                found.setdefault((name, batch), []).append(amount / seconds)
    return found


def _learning_loop(name, rows, batch, amount, told=True):
    """A function that shows a model ``amount`` rows, ``batch`` at a time, prepared input."""
    X, y, groups = (rows.scaled if name in SCALED else rows.X), rows.y, rows.groups
    parts = list(batches(amount, batch))
    if name == RIVER:
        return _river_loop(_names(rows), X[:amount], y[:amount], batch)
    if name == FEAMOE and told:
        calls = [((X[p], y[p]), {"sensitive_features": groups[p]}) for p in parts]
    else:
        calls = [((X[p], y[p]), {}) for p in parts]

    def loop(model):
        for rows_and_labels, known in calls:
            model.partial_fit(*rows_and_labels, **known)

    return loop


def _river_loop(names, X, y, batch):
    """river's loop: dicts one at a time, or frames of ``batch`` rows."""
    if batch == 1:
        cases = [dict(zip(names, x, strict=True)) for x in X.tolist()]
        pairs, learn = list(zip(cases, y.tolist(), strict=True)), "learn_one"
    else:
        parts = batches(len(y), batch)
        pairs = [(pd.DataFrame(X[p], columns=names), pd.Series(y[p])) for p in parts]
        learn = "learn_many"

    def loop(model):
        for x, label in pairs:
            getattr(model, learn)(x, label)

    return loop


def network_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of learning loops of single networks, the methods in turn."""
    found: dict[tuple[str, int], list[float]] = {}
    shape = {"expert": "mlp", "hidden_layer_sizes": LAYERS, "growth": None, "random_state": 0}
    for batch, amount in ((32, 6_400), (256, 16_000)):
        amount = min(amount, len(rows.y))
        for _ in range(repeats):
            for name, constraint in NETWORKS.items():
                loop = _learning_loop(name, rows, batch, amount, told=constraint is not None)
                model = MLPClassifier(LAYERS, random_state=0)
                if name != "MLPClassifier":
                    model = FEAMOEClassifier(constraint, batch_size=batch, **shape)
                model.partial_fit(rows.scaled[:batch], rows.y[:batch], classes=[0, 1])
                found.setdefault((name, batch), []).append(amount / clock(loop, model)[1])
    return found


def fit_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of fit on all training rows: rows in the data per second, whatever the passes."""
    n, found = len(rows.y), {}
    chosen = {
        FEAMOE: partial(models.fit_feamoe, rows),
        "FEAMOE, one pass": partial(models.fit_feamoe, rows, max_iter=1),
        SGD: partial(models.sgd, rows),
        "LogisticRegression": partial(models.logistic_regression, rows),
        RIVER: lambda: _river_loop(_names(rows), rows.scaled, rows.y, 256)(
            river_linear.LogisticRegression()
        ),
    }
    for _ in range(repeats):
        for name, fit in chosen.items():
            found.setdefault((name, n), []).append(n / clock(fit)[1])
    return found


def predict_times(rows, repeats) -> dict[tuple[str, int], list[float]]:
    """Speeds of predict_proba, the methods in turn."""
    started, found = started_models(rows), {}
    started.pop(SGD_SCALER)
    for batch, calls in ((1, 500), (32, 200), (5000, 10)):
        for _ in range(repeats):
            for name, model in started.items():
                X = (rows.scaled_test if name in SCALED else rows.X_test)[:batch]
                predict = _predictor(name, model, X, _names(rows))
                seconds = clock(_again, predict, calls)[1]
                found.setdefault((name, batch), []).append(len(X) * calls / seconds)
    return found


def _again(call, times: int) -> None:
    """A call, so many times."""
    for _ in range(times):
        call()


def _predictor(name, model, X, names):
    """A call of predict_proba on prepared input."""
    if name != RIVER:
        return partial(model.predict_proba, X)
    if len(X) == 1:
        case = dict(zip(names, X[0].tolist(), strict=True))
        return partial(model.predict_proba_one, case)
    return partial(model.predict_proba_many, pd.DataFrame(X, columns=names))


def throughput_tables(frame) -> dict[str, pd.DataFrame]:
    """Rows per second by task, one column per method, with FEAMOE's ratio to its peer."""
    keys = {"index": ["task", "batch"], "columns": "method", "sort": False}
    table = frame.pivot_table(values="rows_per_second", **keys)
    table = table[list(dict.fromkeys(frame["method"]))]
    shown = table.map(lambda v: "" if pd.isna(v) else f"{v:,.0f}")
    peer = table[SGD].fillna(table["MLPClassifier"])
    shown["FEAMOE / its peer"] = (table[FEAMOE] / peer).map("{:.2f}".format)
    return {"": shown.reset_index()}


def throughput_targets(frame) -> Iterator[Target]:
    """As fast as the linear and the network peer of scikit-learn."""
    rate = frame.set_index(["task", "batch", "method"])["rows_per_second"]
    ratio = rate["partial_fit", 32, FEAMOE] / rate["partial_fit", 32, SGD]
    yield Target("partial_fit by 32 rows, speed over SGDClassifier's", ratio, ">=", 1)
    network = rate["partial_fit, networks of 2 x 30"]
    for batch in (32, 256):
        ratio = network[batch, FEAMOE] / network[batch, "MLPClassifier"]
        yield Target(f"one network by {batch} rows, speed over MLPClassifier's", ratio, ">=", 1)


SECTIONS = (Section("throughput", run_throughput, throughput_tables, throughput_targets),)

"""How fast this library is beside the tools people would otherwise pick, bar by bar.

Every row is a ratio of processor times on one thread. The two sides take turns, several times
over, and the medians count, so that a busy machine slows both. Adult by sex, 107 columns, 10
experts and a demographic-parity bound of .05 unless the row says otherwise. The rows on PyTorch
need it installed, and say "no" where it is not.
"""

import copy
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, SGDClassifier

from benchmarks import models
from benchmarks.data import load, split
from benchmarks.measures import clock
from benchmarks.models import batches
from benchmarks.registry import Context, Section, Target
from benchmarks.shapley_cases import make_case
from benchmarks.throughput import FEAMOE, SGD, started_models
from skfeamoe import FEAMOEClassifier

REPEATS = 5
PREDICTED = {1: 300, 5000: 5, 1_000_000: 1}
"""Rows per call of `predict_proba`, and calls."""

STREAMED = {1: 500, 32: 8000, 256: 16_384, 4096: 32_768}
"""Rows per call of `partial_fit`, and rows in all."""

SIZES = {
    "rows": (4000, 16_000, 64_000),
    "features": (10, 40, 160),
    "experts": (2, 8, 32),
    "groups": (2, 8, 32),
}
"""Where costs are compared, one size at a time."""

BARS: dict[str, tuple[str, float]] = {
    "partial_fit, 1 row a call: speed over SGDClassifier's": (">=", 1.5),
    "partial_fit, 32 rows a call: speed over SGDClassifier's": (">=", 2.0),
    "partial_fit, 256 rows a call: speed over SGDClassifier's": (">=", 0.6),
    "partial_fit, 4,096 rows a call: speed over SGDClassifier's": (">=", 0.3),
    "partial_fit, 32 rows a call: speed over that of its two products": (">=", 0.12),
    "partial_fit, 256 rows a call: speed over that of its two products": (">=", 0.3),
    "partial_fit, 32 rows a call: speed over the mixture's in PyTorch": (">=", 4.0),
    "partial_fit, 256 rows a call: speed over the mixture's in PyTorch": (">=", 1.5),
    "fit, adult: speed over ExponentiatedGradient's": (">=", 30.0),
    "fit, hmda: speed over ExponentiatedGradient's": (">=", 30.0),
    "fit, gss: speed over ExponentiatedGradient's": (">=", 10.0),
    "fit, compas: speed over ExponentiatedGradient's": (">=", 5.0),
    "fit without constraint, adult: time over LogisticRegression's": ("<=", 2.5),
    "fit without constraint, hmda: time over LogisticRegression's": ("<=", 2.5),
    "fit without constraint, gss: time over LogisticRegression's": ("<=", 2.5),
    "fit without constraint, compas: time over LogisticRegression's": ("<=", 2.5),
    "one pass: time over that of an epoch of SGDClassifier": ("<=", 2.0),
    "predict_proba, 1 row: time over LogisticRegression's": ("<=", 1.5),
    "predict_proba, 5,000 rows: time over LogisticRegression's": ("<=", 4.0),
    "predict_proba, 1,000,000 rows: time over LogisticRegression's": ("<=", 4.0),
    "predict_proba, 1,000,000 rows: MB beyond the result": ("<=", 100.0),
    "prepared explainer, 100 background rows: ms a row": ("<=", 0.7),
    "prepared explainer, 1,000 background rows: ms a row": ("<=", 4.0),
    "prepared explainer, sampled, 1,000 background rows: ms a row": ("<=", 4.0),
    "drift growth, 8 groups: time over that of interval growth": ("<=", 1.5),
    "slope of the cost in rows, apart from 1": ("<=", 0.1),
    "slope of the cost in features": ("<=", 1.0),
    "slope of the cost in experts": ("<=", 1.0),
    "slope of the cost in groups": ("<=", 1.0),
}
"""What is measured, and where it should be."""


def run_speed(context: Context) -> Iterator[dict]:
    """One record per bar."""
    rows = split(load("adult", context), 0)
    parts: tuple[Callable, ...] = (
        partial(streams, rows),
        partial(eager, rows),
        partial(fits, context),
        partial(one_pass, rows),
        partial(predictions, rows),
        partial(explanations, context),
        partial(drift, rows),
        costs,
    )
    for part in parts:
        for what, value in part(context.quick):
            yield {"what": what, "value": float(value), "seed": 0}


def ratio(one: Callable, other: Callable, quick: bool) -> float:
    """Median time of one call over that of another, in turns; once for a quick look."""
    turns = range(1 if quick else REPEATS)
    times = np.array([[clock(one)[1], clock(other)[1]] for _ in turns])
    return float(np.divide(*np.median(times, axis=0)))


def streams(rows, quick: bool) -> Iterator[tuple[str, float]]:
    """Learning loops beside SGDClassifier's, and beside the two products of a step."""
    started = started_models(rows)
    n_experts = started[FEAMOE].n_experts_
    for batch, amount in STREAMED.items():
        amount = batch if quick else min(amount, len(rows.y) // batch * batch)
        parts = list(batches(amount, batch))

        def feamoe(parts=parts):
            model = copy.deepcopy(started[FEAMOE])
            for p in parts:
                model.partial_fit(rows.X[p], rows.y[p], sensitive_features=rows.groups[p])

        def sgd(parts=parts):
            model = copy.deepcopy(started[SGD])
            for p in parts:
                model.partial_fit(rows.scaled[p], rows.y[p])

        def products(parts=parts):
            weight = np.zeros((2 * n_experts, rows.X.shape[1]))
            for p in parts:
                (rows.scaled[p] @ weight.T).T @ rows.scaled[p]

        name = f"partial_fit, {batch:,} row{'s' if batch > 1 else ''} a call"
        yield f"{name}: speed over SGDClassifier's", ratio(sgd, feamoe, quick)
        if batch in (32, 256):
            speed = ratio(products, feamoe, quick)
            yield f"{name}: speed over that of its two products", speed


def eager(rows, quick: bool) -> Iterator[tuple[str, float]]:
    """Learning loops beside a plain mixture in PyTorch; nothing where it is not installed."""
    if find_spec("torch") is None:
        return
    from benchmarks.eager import EagerMixture, tensors

    started = started_models(rows)[FEAMOE]
    X, y, group = tensors(rows.scaled, rows.y, rows.groups == rows.groups[0])
    for batch in (32, 256):
        amount = batch if quick else STREAMED[batch]
        parts = list(batches(amount, batch))

        def feamoe(parts=parts):
            model = copy.deepcopy(started)
            for p in parts:
                model.partial_fit(rows.X[p], rows.y[p], sensitive_features=rows.groups[p])

        def plain(parts=parts):
            model = EagerMixture(X.shape[1], started.n_experts_)
            for p in parts:
                model.partial_fit(X[p], y[p], group[p])

        name = f"partial_fit, {batch:,} rows a call: speed over the mixture's in PyTorch"
        yield name, ratio(plain, feamoe, 1 if quick else REPEATS)


def fits(context: Context, quick: bool) -> Iterator[tuple[str, float]]:
    """`fit` beside ExponentiatedGradient, and without constraint beside LogisticRegression."""
    for name in ("adult", "hmda", "gss", "compas"):
        data = split(load(name, context), 0)
        bounds = {"constraints": "demographic_parity", "difference_bound": 0.05}
        ours = partial(models.fit_feamoe, data, **bounds)
        theirs = partial(models.exponentiated_gradient, data, **bounds)
        once = ratio(theirs, ours, quick=True)
        yield f"fit, {name}: speed over ExponentiatedGradient's", once
        free = partial(models.fit_feamoe, data, constraints=None)
        plain = partial(LogisticRegression(max_iter=1000).fit, data.scaled, data.y)
        what = f"fit without constraint, {name}: time over LogisticRegression's"
        yield what, ratio(free, plain, quick)


def one_pass(rows, quick: bool) -> Iterator[tuple[str, float]]:
    """One pass of `fit` beside one epoch of SGDClassifier."""
    ours = partial(models.fit_feamoe, rows, max_iter=1)
    sgd = SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)
    theirs = partial(sgd.fit, rows.scaled, rows.y)
    what = "one pass: time over that of an epoch of SGDClassifier"
    yield what, ratio(ours, theirs, quick)


def predictions(rows, quick: bool) -> Iterator[tuple[str, float]]:
    """`predict_proba` beside LogisticRegression's."""
    model = started_models(rows)[FEAMOE]
    plain = LogisticRegression(max_iter=100).fit(rows.scaled[:5000], rows.y[:5000])
    for n, calls in PREDICTED.items():
        n = min(n, 5000) if quick else n
        X = np.resize(rows.X, (n, rows.X.shape[1]))
        scaled = np.resize(rows.scaled, X.shape)

        def ours(X=X, calls=calls):
            return [model.predict_proba(X) for _ in range(calls)]

        def theirs(X=scaled, calls=calls):
            return [plain.predict_proba(X) for _ in range(calls)]

        name = f"predict_proba, {n:,} row{'s' if n > 1 else ''}"
        yield f"{name}: time over LogisticRegression's", ratio(ours, theirs, quick)
        if n == max(PREDICTED):
            tracemalloc.start()
            found = model.predict_proba(X)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            yield f"{name}: MB beyond the result", (peak - found.nbytes) / 1e6


def explanations(context: Context, quick: bool) -> Iterator[tuple[str, float]]:
    """Milliseconds per row, one row a call, of the prepared explainer."""
    case = make_case("adult", context)
    groups = {str(j): columns.tolist() for j, columns in enumerate(case.players)}
    for n in (100, 1000):
        for told, options in (("", {}), (", sampled", {"method": "permutation"})):
            explainer = case.model.explainer(
                background=case.model.background_[:n], feature_groups=groups, **options
            )
            times = [
                clock(explainer.shap_values, case.new[i : i + 1])[1]
                for i in range(2 if quick else 50)
            ]
            name = f"prepared explainer{told}, {n:,} background rows: ms a row"
            if name in BARS:
                yield name, 1e3 * float(np.median(times))


def drift(rows, quick: bool) -> Iterator[tuple[str, float]]:
    """32-row calls with drift growth beside interval growth, eight groups."""
    groups = np.random.default_rng(0).integers(8, size=len(rows.y)).astype(str)
    n, times = min(2000 if quick else 20_000, len(rows.y) // 2), {}
    grown = {
        growth: FEAMOEClassifier(growth=growth, random_state=0).partial_fit(
            rows.X[:n], rows.y[:n], [0, 1], sensitive_features=groups[:n]
        )
        for growth in ("drift", "interval")
    }
    for start in range(n, min(n + (320 if quick else 12_000), len(rows.y)), 32):
        p = slice(start, start + 32)
        for growth, model in grown.items():
            known = {"sensitive_features": groups[p]}
            seconds = clock(model.partial_fit, rows.X[p], rows.y[p], **known)[1]
            times[growth] = times.get(growth, 0.0) + seconds
    what = "drift growth, 8 groups: time over that of interval growth"
    yield what, times["drift"] / times["interval"]


def costs(quick: bool) -> Iterator[tuple[str, float]]:
    """Slopes of the logarithm of the time of a stream against that of a size."""
    for size, values in SIZES.items():
        repeats, values = (1, values[:2]) if quick else (3, values)
        times = [
            np.median([clock(_stream(**{size: value}))[1] for _ in range(repeats)])
            for value in values
        ]
        slope = np.polyfit(np.log(values), np.log(times), 1)[0]
        yield f"slope of the cost in {size}", float(slope)
        if size == "rows":
            yield "slope of the cost in rows, apart from 1", abs(float(slope) - 1.0)


def _stream(rows=4000, features=20, experts=4, groups=2) -> Callable:
    """A stream in calls of 200 rows by a model that has as many experts from the start."""
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(rows, features)), rng.integers(groups, size=rows).astype(str)
    y = (X[:, 0] + rng.logistic(size=rows) > 0).astype(int)
    fitted = [LogisticRegression(C=c).fit(X[:500], y[:500]) for c in np.geomspace(0.1, 1.0, 4)]
    model = FEAMOEClassifier(
        growth=None,
        initial_experts=(fitted * (experts // len(fitted) + 1))[:experts],
        max_experts=experts,
        random_state=0,
    )
    return partial(models.stream, model, X, y, codes, 200)


def speed_tables(frame) -> dict[str, pd.DataFrame]:
    """What was measured and where it should be."""
    value = frame.groupby("what", sort=False)["value"].mean()
    bars = {what: f"{sense} {wanted:g}" for what, (sense, wanted) in BARS.items()}
    names = list(dict.fromkeys([*value.index, *bars]))
    table = pd.DataFrame(
        {
            "what": names,
            "measured": [f"{value[what]:.2f}" if what in value else "no" for what in names],
            "wanted": [bars.get(what, "") for what in names],
        }
    )
    return {"": table}


def speed_targets(frame) -> Iterator[Target]:
    """All bars."""
    value = frame.groupby("what", sort=False)["value"].mean()
    for what, (sense, wanted) in BARS.items():
        yield Target(what, float(value.get(what, np.nan)), sense, wanted)


SECTIONS = (Section("speed", run_speed, speed_tables, targets=speed_targets),)

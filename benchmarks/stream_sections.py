"""Sections that test on every batch before they learn from it: each returns records."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import models
from benchmarks.common import Context, Dataset, load, scores, timed
from skfeamoe.datasets import make_preprocessor

STREAM_BOUNDS = (
    0.15,
    0.12,
    0.11,
    0.10,
    0.095,
    0.09,
    0.08,
    0.06,
    0.05,
    0.04,
    0.035,
    0.03,
    0.025,
    0.02,
)
ROW_BY_ROW_BOUNDS = (0.10, 0.04)
GSS_BOUND = 0.05
GSS_STATIC_UNTIL, GSS_SCORED_FROM = 1980, 2008


def adult_stream(context: Context):
    """Adult in shuffled order, from row 1, by 32 rows and (order 0 only) row by row.

    The encoder knows the categories of each column beforehand, as a schema would tell;
    nothing else is taken from rows to come.
    """
    data = load("adult", context.path)
    X = make_preprocessor(data.X).fit_transform(data.X)
    for seed in context.seeds:
        order = np.random.default_rng(seed).permutation(len(data.y))
        stream = X[order], data.y[order], data.groups[order]
        runs = [("OnlineSGD", 32, None), ("FEAMOE", 32, None)]
        runs += [("FEAMOE", 32, bound) for bound in STREAM_BOUNDS]
        if seed == 0:
            runs += [("FEAMOE", 1, bound) for bound in ROW_BY_ROW_BOUNDS]
        for method, batch, bound in runs:
            model = _online(method, bound, data.favorable, seed)
            decisions, told = timed(models.prequential_decisions, model, *stream, batch=batch)
            record = {"method": method, "batch": batch, "bound": bound, "seed": seed}
            yield record | scores(stream[1], decisions, stream[2]) | told


def _online(method, bound, favorable, seed):
    """An unfitted online model; without a bound FEAMOE has no constraint."""
    if method == "OnlineSGD":
        return models.OnlineSGD(seed)
    if bound is None:
        return models.make_feamoe(favorable, seed, constraints=None)
    return models.make_feamoe(favorable, seed, difference_bound=bound)


def gss_years(context: Context):
    """GSS in year order from 1974; the order inside a year is shuffled by the seed.

    One record per model for the years from 2008 together, and one per model and year. The
    encoder and the static model know the years to 1980 only.
    """
    data = load("gss", context.path)
    for seed in context.seeds:
        stream, past = _in_year_order(data, seed)
        X, y, groups, years = stream
        static = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        decided = {"static LogisticRegression": (static.fit(X[past], y[past]).predict(X), {})}
        for label, method, bound in (
            ("OnlineSGD", "OnlineSGD", None),
            ("FEAMOE, no constraint", "FEAMOE", None),
            (f"FEAMOE, bound {GSS_BOUND}", "FEAMOE", GSS_BOUND),
        ):
            model = _online(method, bound, data.favorable, seed)
            decided[label] = timed(models.prequential_decisions, model, X, y, groups, batch=32)
        for label, (decisions, told) in decided.items():
            recent = years >= GSS_SCORED_FROM
            record = {"method": label, "seed": seed}
            found = scores(y[recent], decisions[recent], groups[recent])
            yield record | {"years": "recent"} | found | told
            for year in np.unique(years[years > GSS_STATIC_UNTIL]):
                one = years == year
                found = scores(y[one], decisions[one], groups[one])
                yield record | {"years": str(year)} | found


def _in_year_order(data: Dataset, seed):
    """(X, y, groups, years) by year, and the mask of the rows known at the start."""
    shuffled = np.random.default_rng(seed).permutation(len(data.y))
    order = shuffled[np.argsort(data.time[shuffled], kind="stable")]
    years, frame = data.time[order], data.X.iloc[order]
    past = years <= GSS_STATIC_UNTIL
    X = make_preprocessor(frame).fit(frame[past]).transform(frame)
    return (X, data.y[order], data.groups[order], years), past

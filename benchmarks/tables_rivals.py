"""Additive experts beside LightGBM, and beside OxonFair's thresholds over it.

OxonFair chooses a threshold for every group on rows held out, and enforces them by a second
model that guesses the group, as it is meant to where nobody tells the group of new people. So
do decisions here read no group either. FairGBM, which would belong beside them, asks for
scikit-learn before 1.8 (`force_all_finite`, in version 0.9.14).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.data import Task, raw_parts
from benchmarks.measures import scores, timed
from benchmarks.pages import table_of_each
from benchmarks.registry import Context, Section, Target, of, target
from benchmarks.tables import ADDITIVE, BOUND, CONSTRAINTS, additive, with_categories

DATA = ("adult", "gss", "hmda", "compas")
LIGHTGBM, OXONFAIR = "LightGBM", "OxonFair over LightGBM"
HELD_OUT = 0.3
"""Part of the training rows that thresholds are chosen on."""


def run(context: Context) -> Iterator[dict]:
    """Fits without constraint and under both bounds."""
    for name in context.some(DATA):
        for seed, train, test in raw_parts(name, context):
            for method, constraint, predict in methods(train, seed):
                decisions, told = timed(predict, test.X)
                asked = {"method": method, "constraint": constraint, "data": name, "seed": seed}
                yield asked | scores(test.y, decisions, test.groups) | told


def methods(train: Task, seed: int) -> Iterator[tuple]:
    """Method, constraint, and a function that fits and decides about new rows."""
    for constraint in (None, *CONSTRAINTS):

        def ours(X, constraint=constraint):
            model = additive(train, seed, constraint, difference_bound=BOUND)
            return model.predict(X)

        yield ADDITIVE, constraint, ours
    table = with_categories(train.X)

    def boosted(X):
        return lightgbm(table, train.y, seed).predict(X.astype(table.dtypes.to_dict()))

    yield LIGHTGBM, None, boosted
    for constraint in CONSTRAINTS:

        def theirs(X, constraint=constraint):
            told = X.astype(table.dtypes.to_dict())
            return oxonfair(table, train, seed, constraint).predict({"data": told})

        yield OXONFAIR, constraint, theirs


def lightgbm(table: pd.DataFrame, y, seed: int):
    """A fitted LGBMClassifier with its defaults."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1).fit(table, y)


def oxonfair(table: pd.DataFrame, train: Task, seed: int, constraint: str):
    """A fitted FairPredictor that needs no group to predict."""
    from oxonfair import FairPredictor, group_metrics

    gap = {
        "demographic_parity": group_metrics.demographic_parity,
        "equalized_odds": group_metrics.equalized_odds_max,
    }[constraint]
    codes = np.unique(train.groups, return_inverse=True)[1]
    learned, held = train_test_split(
        np.arange(len(train.y)), test_size=HELD_OUT, random_state=seed, stratify=train.y
    )
    base = lightgbm(table.iloc[learned], train.y[learned], seed)
    guess = lightgbm(table.iloc[learned], codes[learned], seed)
    rows = {"data": table.iloc[held], "target": train.y[held], "groups": codes[held]}
    # its class of uncertain groups fails with NumPy 2 where nobody is uncertain
    fair = FairPredictor(base, rows, inferred_groups=guess, threshold=0)
    return fair.fit(group_metrics.accuracy, gap, BOUND)


def targets(frame) -> Iterator[Target]:
    """Near LightGBM, and as fair as asked."""
    for name in frame["data"].unique():
        part = frame[frame["data"] == name]
        own, other = (of(part, method=m, constraint=None) for m in (ADDITIVE, LIGHTGBM))
        lost = other["accuracy"] - own["accuracy"]
        yield target(f"{name}: accuracy below LightGBM", lost, "<=", 0.005)
        for constraint, gap in CONSTRAINTS.items():
            own, other = (
                of(part, method=m, constraint=constraint) for m in (ADDITIVE, OXONFAIR)
            )
            what = f"{name}, {constraint} .05: gap beyond OxonFair's"
            yield target(what, own[gap] - other[gap], "<=", 0.005)


SECTIONS = (
    Section("tables_rivals", run, table_of_each("data", "method", "constraint"), targets),
)

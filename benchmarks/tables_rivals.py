"""Additive experts beside LightGBM, OxonFair's thresholds over it, and FairGBM.

OxonFair chooses a threshold for every group on rows held out, and enforces them by a second
model that guesses the group, as it is meant to where nobody tells the group of new people; no
other method here reads a group either. FairGBM bounds error rates only. Additive experts get
the raw table, the others the columns of `make_preprocessor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.data import Split, Task, encode, raw_parts
from benchmarks.measures import scores, timed
from benchmarks.pages import table_of_each
from benchmarks.registry import Context, Section, Target, of, target
from benchmarks.rules_rivals import fit_fairgbm, fit_lightgbm, fit_oxonfair
from benchmarks.tables import ADDITIVE, BOUND, CONSTRAINTS, additive

DATA = ("adult", "gss", "hmda", "compas")
LIGHTGBM, OXONFAIR, FAIRGBM = "LightGBM", "OxonFair over LightGBM", "FairGBM"


def run(context: Context) -> Iterator[dict]:
    """Fits without constraint and under both bounds."""
    for name in context.some(DATA):
        for seed, train, test in raw_parts(name, context):
            for method, constraint, decide in methods(train, encode(train, test, seed), test):
                decisions, told = timed(decide)
                asked = {"method": method, "constraint": constraint, "data": name, "seed": seed}
                yield asked | scores(test.y, decisions, test.groups) | told


def methods(train: Task, rows: Split, test: Task) -> Iterator[tuple[str, str | None, Callable]]:
    """Method, constraint, and a function that fits and decides about the test rows."""
    for constraint in (None, *CONSTRAINTS):

        def ours(constraint=constraint):
            model = additive(train, rows.seed, constraint, difference_bound=BOUND)
            return model.predict(test.X)

        yield ADDITIVE, constraint, ours
    rivals: list[tuple[str, str | None, Callable]] = [
        (LIGHTGBM, None, partial(fit_lightgbm, rows)),
        *((OXONFAIR, name, partial(fit_oxonfair, rows, name, BOUND)) for name in CONSTRAINTS),
        (FAIRGBM, "equalized_odds", partial(fit_fairgbm, rows, BOUND)),
    ]
    for method, constraint, fit in rivals:
        yield method, constraint, lambda fit=fit: fit()(rows.X_test)


def targets(frame) -> Iterator[Target]:
    """Near LightGBM, and as fair as the rivals."""
    for name in frame["data"].unique():
        part = frame[frame["data"] == name]
        own, other = (of(part, method=m, constraint=None) for m in (ADDITIVE, LIGHTGBM))
        lost = other["accuracy"] - own["accuracy"]
        yield target(f"{name}: accuracy below LightGBM", lost, "<=", 0.005)
        for constraint, gap in CONSTRAINTS.items():
            own = of(part, method=ADDITIVE, constraint=constraint)
            other = of(part, method=OXONFAIR, constraint=constraint)
            what = f"{name}, {constraint} .05: gap beyond OxonFair's"
            yield target(what, own[gap] - other[gap], "<=", 0.005)


SECTIONS = (
    Section("tables_rivals", run, table_of_each("data", "method", "constraint"), targets),
)

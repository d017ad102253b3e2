"""Raw tables and shape functions beside boosted trees, logistic experts and an EBM.

Additive experts take the tables as they are: text, categories and holes. Logistic experts get
the columns of `make_preprocessor`, as everywhere in these benchmarks; boosted trees get
categories as such. All see the same splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks import models
from benchmarks.data import Task, encode, raw_parts
from benchmarks.measures import clock, scores, timed
from benchmarks.pages import one_table, table_of_each
from benchmarks.registry import Context, Section, Target, of, target
from skfeamoe import FEAMOEClassifier

DATA = ("adult", "gss", "hmda", "compas", "student_math")
CONSTRAINTS = {"demographic_parity": "dp", "equalized_odds": "eo"}
BOUND = 0.05
ADDITIVE, LOGISTIC, TREES = "additive experts", "logistic experts", "boosted trees"
REDUCED, EBM = "ExponentiatedGradient over boosted trees", "ExplainableBoostingClassifier"


def with_categories(X: pd.DataFrame) -> pd.DataFrame:
    """Text columns as categories, which boosted trees ask for."""
    text = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    return X.astype(dict.fromkeys(text, "category"))


def boosted_trees(seed: int):
    """HistGradientBoostingClassifier with its defaults."""
    return HistGradientBoostingClassifier(random_state=seed)


def additive(train: Task, seed: int, constraint=None, **parameters) -> FEAMOEClassifier:
    """Additive experts on the raw table."""
    model = models.make_feamoe(
        train.favorable, seed, expert="additive", constraints=constraint, **parameters
    )
    groups = None if constraint is None else train.groups
    return model.fit(train.X, train.y, sensitive_features=groups)


def run_tables(context: Context, name: str) -> Iterator[dict]:
    """Fits without constraint and under both bounds, on one data set."""
    for seed, train, test in raw_parts(name, context):
        for record in _of_split(train, test, seed):
            yield {"data": name, "seed": seed} | record
        if name == "adult":
            yield {"data": name, "seed": seed} | reduced_trees(train, test, seed)


def _of_split(train: Task, test: Task, seed: int) -> Iterator[dict]:
    """Additive and logistic experts and boosted trees on one split."""
    rows = encode(train, test, seed)
    for constraint in (None, *CONSTRAINTS):
        yield additive_experts(train, test, seed, constraint)
        model, told = timed(
            models.fit_feamoe, rows, constraints=constraint, difference_bound=BOUND
        )
        asked = _asked(constraint)
        yield {"method": LOGISTIC} | asked | scored(model.predict(rows.X_test), test) | told
    yield plain_trees(train, test, seed)


def _asked(constraint: str | None) -> dict:
    """What a record says of a constraint."""
    return {"constraint": constraint, "bound": None if constraint is None else BOUND}


def additive_experts(train: Task, test: Task, seed: int, constraint: str | None) -> dict:
    """Additive experts on the raw table."""
    model, told = timed(additive, train, seed, constraint, difference_bound=BOUND)
    return (
        {"method": ADDITIVE} | _asked(constraint) | scored(model.predict(test.X), test) | told
    )


def plain_trees(train: Task, test: Task, seed: int) -> dict:
    """Boosted trees with categories as such."""
    X, X_test = same_categories(train.X, test.X)
    model, told = timed(boosted_trees(seed).fit, X, train.y)
    return {"method": TREES, "constraint": None} | scored(model.predict(X_test), test) | told


def reduced_trees(train: Task, test: Task, seed: int) -> dict:
    """The reductions approach over boosted trees, demographic parity.

    It bounds the distance to the mean of all, half of a difference.
    """
    X, X_test = same_categories(train.X, test.X)
    codes, codes_test = (part.apply(_codes) for part in (X, X_test))
    base = HistGradientBoostingClassifier(categorical_features=_which(X), random_state=seed)
    moment = DemographicParity(difference_bound=BOUND / 2)
    model = ExponentiatedGradient(base, moment, max_iter=10)
    _, told = timed(model.fit, codes, train.y, sensitive_features=train.groups)
    draws = np.stack([model.predict(codes_test, random_state=k) for k in range(5)])
    asked = {"method": REDUCED, "constraint": "demographic_parity", "bound": BOUND}
    return asked | scored(draws, test) | told


def _codes(column):
    """Numbers as they are, categories as codes."""
    return (
        column.cat.codes.astype(float) if column.dtype == "category" else column.astype(float)
    )


def _which(X: pd.DataFrame) -> list[bool]:
    """Columns of categories."""
    return [dtype == "category" for dtype in X.dtypes]


def same_categories(train: pd.DataFrame, test: pd.DataFrame):
    """Both tables with the categories of the first."""
    train = with_categories(train)
    return train, test.astype(train.dtypes.to_dict())


def scored(decisions, test: Task) -> dict:
    """Accuracy and gaps."""
    return scores(test.y, decisions, test.groups)


def table_targets(frame) -> Iterator[Target]:
    """How far from boosted trees, and that nothing is lost against logistic experts."""
    data = frame["data"].iloc[0]
    if data == "adult":
        yield from _adult_targets(frame)
    for constraint in (None, *CONSTRAINTS):
        own, other = (of(frame, method=m, constraint=constraint) for m in (ADDITIVE, LOGISTIC))
        least = 0.004 if data == "gss" and constraint is None else -0.002
        what = f"{data}, {constraint or 'no constraint'}: accuracy above logistic experts"
        yield target(what, own["accuracy"] - other["accuracy"], ">=", least)
    own, other = (of(frame, method=m, constraint=None) for m in (ADDITIVE, LOGISTIC))
    ratio = own["seconds"] / other["seconds"]
    yield target(f"{data}: fit time over that of logistic experts", ratio, "<=", 2.0)


def _adult_targets(frame) -> Iterator[Target]:
    """Near boosted trees, also under a bound."""
    own, trees = (of(frame, method=m, constraint=None)["accuracy"] for m in (ADDITIVE, TREES))
    yield target("adult: accuracy below boosted trees", trees - own, "<=", 0.005)
    parity, odds = (of(frame, method=ADDITIVE, constraint=name) for name in CONSTRAINTS)
    yield target("adult, parity .05: accuracy", parity["accuracy"], ">=", 0.850)
    yield target("adult, parity .05: gap", parity["dp"], "<=", 0.055)
    yield target("adult, odds .05: accuracy", odds["accuracy"], ">=", 0.863)
    yield target("adult, odds .05: largest gap", odds["eo"], "<=", 0.06)


# ------------------------------------------------------------------- beside an EBM


def run_ebm(context: Context) -> Iterator[dict]:
    """Adult: additive experts and an EBM without interactions, one seed; fits take minutes."""
    from interpret.glassbox import ExplainableBoostingClassifier

    for seed, train, test in islice(raw_parts("adult", context), 1):
        model, told = timed(additive, train, seed)
        yield {"method": ADDITIVE, "seed": seed} | scored(model.predict(test.X), test) | told
        ebm = ExplainableBoostingClassifier(interactions=0, n_jobs=1, random_state=seed)
        _, told = timed(ebm.fit, train.X, train.y)
        yield {"method": EBM, "seed": seed} | scored(ebm.predict(test.X), test) | told


def ebm_targets(frame) -> Iterator[Target]:
    """As accurate, and faster."""
    own, other = (of(frame, method=m) for m in (ADDITIVE, EBM))
    lost = other["accuracy"] - own["accuracy"]
    yield target("adult: accuracy below an EBM without interactions", lost, "<=", 0.006)
    ratio = other["seconds"] / own["seconds"]
    yield target("adult: times faster to fit than an EBM", ratio, ">=", 10)


# ---------------------------------------------------------------- holes and formats


def run_holes(context: Context) -> Iterator[dict]:
    """Adult with a fifth of all cells gone, and with one column that tells by its holes."""
    for seed, train, test in raw_parts("adult", context):
        rng = np.random.default_rng(seed)
        for holes, cut in (("none", _whole), ("a fifth", _fifth), ("telling", _telling)):
            X, X_test = (with_categories(cut(part, rng)) for part in (train, test))
            X_test = X_test.astype(X.dtypes.to_dict())
            own = models.make_feamoe(1, seed, expert="additive", constraints=None)
            for method, model in ((ADDITIVE, own), (TREES, boosted_trees(seed))):
                _, told = timed(model.fit, X, train.y)
                found = scored(model.predict(X_test), test)
                yield {"holes": holes, "method": method, "seed": seed} | found | told


def _whole(task: Task, rng) -> pd.DataFrame:
    """The table as it is."""
    return task.X


def _fifth(task: Task, rng) -> pd.DataFrame:
    """A fifth of all cells gone at random."""
    return task.X.mask(rng.random(task.X.shape) < 0.2)


def _telling(task: Task, rng) -> pd.DataFrame:
    """Half of the first column's values gone among the positives."""
    first = task.X.columns[0]
    gone = (task.y == 1) & (rng.random(len(task.y)) < 0.5)
    return task.X.assign(**{first: task.X[first].astype(float).mask(gone)})


def holes_targets(frame) -> Iterator[Target]:
    """No drop beyond that of boosted trees."""
    found = frame.set_index(["holes", "method", "seed"])["accuracy"].sort_index()
    drop = {
        (holes, m): found["none", m] - found[holes, m]
        for holes in ("a fifth", "telling")
        for m in (ADDITIVE, TREES)
    }
    for holes in ("a fifth", "telling"):
        beyond = drop[holes, ADDITIVE] - drop[holes, TREES]
        yield target(f"adult, {holes}: drop beyond that of boosted trees", beyond, "<=", 0.005)


def run_formats(context: Context) -> Iterator[dict]:
    """Additive experts on the raw table and on one encoded by hand."""
    for seed, train, test in raw_parts("adult", context):
        model, told = timed(additive, train, seed)
        yield {"form": "raw", "seed": seed} | scored(model.predict(test.X), test) | told
        rows = encode(train, test, seed, log=False)
        model, told = timed(models.fit_feamoe, rows, constraints=None, expert="additive")
        found = scored(model.predict(rows.X_test), test)
        yield {"form": "ColumnTransformer", "seed": seed} | found | told


def formats_targets(frame) -> Iterator[Target]:
    """The same accuracy."""
    found = frame.set_index(["form", "seed"])["accuracy"]
    lost = found["ColumnTransformer"] - found["raw"]
    yield target("adult: accuracy that the raw table costs", lost, "<=", 0.003)


# --------------------------------------------------------------------- explanations


def run_explain(context: Context) -> Iterator[dict]:
    """Exact explanations of raw rows of Adult against 100 background rows."""
    n = 20 if context.quick else 200
    for seed, train, test in raw_parts("adult", context):
        model = additive(train, seed)
        rows, background = test.X[:n], train.X[:100]
        asked = {"background": background, "method": "exact"}
        explanation, seconds = clock(model.explain, rows, **asked)
        said = model.predict_proba(rows)[:, 1]
        left = explanation.base_values + explanation.values.sum(axis=1) - said
        told = {"ms_per_row": 1000 * seconds / n, "largest_rest": float(np.abs(left).max())}
        yield {"method": ADDITIVE, "n_experts": model.n_experts_, "seed": seed} | told


def explain_targets(frame) -> Iterator[Target]:
    """Fast, and sums to the output."""
    yield target("adult: milliseconds per exact explanation", frame["ms_per_row"], "<=", 2.0)
    yield target("adult: what is left of the output", frame["largest_rest"], "<=", 1e-9)


def explain_tables(frame) -> dict[str, pd.DataFrame]:
    """One table."""
    return {"": frame.drop(columns="method").round(4).astype(str)}


BY_METHOD = table_of_each("data", "method", "constraint", "bound")
SECTIONS = (
    *(
        Section(f"tables_{name}", partial(run_tables, name=name), BY_METHOD, table_targets)
        for name in DATA
    ),
    Section("tables_ebm", run_ebm, one_table("method"), ebm_targets),
    Section("tables_holes", run_holes, one_table("holes", "method"), holes_targets),
    Section("tables_formats", run_formats, one_table("form"), formats_targets),
    Section("tables_explain", run_explain, explain_tables, explain_targets),
)

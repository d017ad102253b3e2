"""Recourse beside dice-ml: validity, cost and time on Adult and HMDA.

Both get the same model (a Pipeline from raw rows to a bounded mixture), the same refused
people whom it has not learned, the same columns to act on and the same ranges. The cost is
that of :func:`skfeamoe.inspection.recourse`: changes in median absolute deviations, 1 for a
category. Methods of dice-ml are asked for one counterfactual of each person, one person at a
time as in its guide. Only complete rows are taken, since it takes no missing values.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import sklearn
from sklearn.pipeline import make_pipeline

from benchmarks.data import Task, load
from benchmarks.measures import clock, elapsed
from benchmarks.pages import cell, spread
from benchmarks.registry import Context, Section, Target
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_preprocessor
from skfeamoe.inspection import recourse

TRAIN_ROWS, PEOPLE = 6_000, 50
DICE = {"random": PEOPLE, "genetic": PEOPLE, "kdtree": 10}
"""Methods of dice-ml, and how many people are asked."""

PEOPLE_ONE, FASTEST = 10, "random"
"""People who are asked about one at a time, and the fastest method of dice-ml."""

KINDS = {"mixture on raw rows": True, "Pipeline of encoders": False}
OURS, OURS_ONE = "recourse", "recourse, one at a time"
DATA = {"Adult": "adult_without_sex", "HMDA": "hmda_2022"}
ACTIONABLE = {
    "Adult": ["education", "occupation", "workclass", "hours-per-week", "capital-gain"],
    "HMDA": ["loan_amount_000s", "income_000s", "loan_to_value_pct", "debt_to_income_pct",
             "loan_purpose"],
}  # fmt: skip


def problem(task: Task, seed: int, *, raw: bool = False):
    """A fitted model, its training table with the label, and people whom it refuses.

    The model is a Pipeline of encoders and a mixture, or a mixture that takes raw rows.
    """
    complete = np.flatnonzero(task.X.notna().all(axis=1))
    rows = np.random.default_rng(seed).permutation(complete)[: 3 * TRAIN_ROWS]
    X, y, groups = task.X.iloc[rows].reset_index(drop=True), task.y[rows], task.groups[rows]
    numbers = X.select_dtypes("number").columns
    X[numbers] = X[numbers].astype(float)  # dice-ml hands numbers on as objects otherwise
    train = slice(0, min(TRAIN_ROWS, len(y) // 2))
    model = FEAMOEClassifier(difference_bound=0.1, max_iter=3, random_state=seed)
    if not raw:
        model = make_pipeline(make_preprocessor(X, log_columns=task.log_columns), model)
    with sklearn.config_context(enable_metadata_routing=True):
        model.fit(X[train], y[train], sensitive_features=groups[train])
    others = X[train.stop :]
    refused = others[model.predict(others) == 0][:PEOPLE]
    return model, X[train].assign(label=y[train]), refused


class Typed:
    """The model as dice-ml calls it: with columns of any type."""

    def __init__(self, model, dtypes):
        self.model, self.dtypes, self.classes_ = model, dtypes, model.classes_

    def predict_proba(self, X):
        """Probabilities of rows whose columns have been given their types again."""
        return self.model.predict_proba(X[list(self.dtypes)].astype(self.dtypes))

    def predict(self, X):
        """Decisions."""
        return self.model.predict(X[list(self.dtypes)].astype(self.dtypes))


def cost_of(now, then, table, names):
    """Cost of a change in the units that both are judged by."""
    total = 0.0
    for name in names:
        if pd.api.types.is_numeric_dtype(table[name]):
            values = table[name].to_numpy()
            spread = np.median(np.abs(values - np.median(values))) or values.std()
            total += abs(float(then[name]) - float(now[name])) / spread
        else:
            total += float(then[name] != now[name])
    return total


def asked_dice(model, table, refused, names, method):
    """A function that asks a prepared explainer of dice-ml about one person."""
    import dice_ml

    logging.disable(logging.WARNING)
    dtypes = refused.dtypes.to_dict()
    words = {name: object for name, kind in dtypes.items() if kind == "category"}
    numbers = [name for name in dtypes if name not in words]
    data = dice_ml.Data(
        dataframe=table.astype(words), continuous_features=numbers, outcome_name="label"
    )
    explainer = dice_ml.Dice(
        data, dice_ml.Model(model=Typed(model, dtypes), backend="sklearn"), method=method
    )
    ranges = {n: [table[n].min(), table[n].max()] for n in names if n in numbers}
    options = {"random_seed": 0} if method == "random" else {}
    queries = refused.astype(words)

    def ask(i):
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Exception):
            found = explainer.generate_counterfactuals(
                queries[i : i + 1],
                total_CFs=1,
                desired_class=1,
                features_to_vary=names,
                permitted_range=ranges,
                **options,
            )
            return found.cf_examples_list[0].final_cfs_df

    return ask


def by_dice(model, table, refused, names, method):
    """Validity and cost of every person, and seconds, of one method of dice-ml."""
    ask = asked_dice(model, table, refused, names, method)
    dtypes = refused.dtypes.to_dict()
    valid, cost = np.zeros(len(refused), bool), np.full(len(refused), np.nan)
    answers, seconds = elapsed(lambda: [ask(i) for i in range(len(refused))])
    for i, answer in enumerate(answers):
        if answer is not None and len(answer):
            then = answer.iloc[:1][list(dtypes)].astype(dtypes)
            valid[i] = model.predict(then)[0] == 1
            cost[i] = cost_of(refused.iloc[i], then.iloc[0], table, names)
    return valid, np.where(valid, cost, np.nan), seconds


def by_recourse(model, table, refused, names, *, one_at_a_time):
    """The same of this library."""
    reference = table.drop(columns="label")
    size = 1 if one_at_a_time else len(refused)
    ask = partial(recourse, model, actionable=names, reference=reference)
    parts = [refused[i : i + size] for i in range(0, len(refused), size)]
    found, seconds = elapsed(lambda: [ask(part) for part in parts])
    changed = pd.concat([result.changed for result in found])
    answered = np.concatenate([result.found for result in found])
    valid = answered & (model.predict(changed) == 1)
    pairs = zip(refused.iloc, changed.iloc, strict=True)
    cost = np.array([cost_of(now, then, table, names) for now, then in pairs])
    return valid, np.where(valid, cost, np.nan), seconds


def run(context: Context) -> Iterator[dict]:
    """A record for every data set, seed and method."""
    for name, names in context.some(tuple(ACTIONABLE.items())):
        for seed in context.seeds:
            model, table, refused = problem(load(DATA[name], context), seed)
            names = list(refused)[:3] if context.stand_in else names
            refused = refused[: 2 if context.quick else PEOPLE]
            runs = {
                OURS: by_recourse(model, table, refused, names, one_at_a_time=False),
                OURS_ONE: by_recourse(model, table, refused, names, one_at_a_time=True),
            }
            for method, people in DICE.items():
                few = refused[:people]
                runs[f"dice-ml, {method}"] = by_dice(model, table, few, names, method)
            for method, (valid, cost, seconds) in runs.items():
                own_cost = runs[OURS][1][: len(cost)]
                both = ~np.isnan(cost) & ~np.isnan(own_cost)
                yield {
                    "data": name,
                    "seed": seed,
                    "method": method,
                    "valid": float(valid.mean()),
                    "median_cost": float(np.nanmedian(cost)),
                    "dearer": float(np.mean(own_cost[both] > cost[both] + 1e-6)),
                    "milliseconds": 1e3 * seconds / len(valid),
                }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Means over the seeds, and standard deviations of the cost."""
    keys = ["data", "seed"]
    own = frame[frame["method"] == OURS].set_index(keys)["milliseconds"].rename("own")
    frame = frame.join(own, on=keys)
    rows = []
    for (data, method), runs in frame.groupby(["data", "method"], sort=False):
        dearer = "" if method.startswith(OURS) else cell(runs["dearer"].mean(), "{:.1%}")
        ratio = (runs["milliseconds"] / runs["own"]).mean()
        rows.append(
            {
                "data": data,
                "method": method,
                "valid": f"{runs['valid'].mean():.1%}",
                "median cost": spread(runs["median_cost"], 2),
                "dearer for": dearer,
                "ms a person": f"{runs['milliseconds'].mean():.1f}",
                "time ratio": f"{ratio:.0f}",
            }
        )
    return {"": pd.DataFrame(rows)}


def run_one(context: Context) -> Iterator[dict]:
    """Processor times of one person at a time, in turns with dice-ml's fastest method."""
    for name, names in context.some(tuple(ACTIONABLE.items())):
        for (kind, raw), seed in itertools.product(KINDS.items(), context.seeds):
            model, table, refused = problem(load(DATA[name], context), seed, raw=raw)
            names = list(refused)[:3] if context.stand_in else names
            refused = refused[: 1 if context.quick else PEOPLE_ONE]
            reference = table.drop(columns="label")
            ask = asked_dice(model, table, refused, names, FASTEST)
            for i in range(len(refused)):
                person = refused[i : i + 1]
                found, own = clock(
                    recourse, model, person, actionable=names, reference=reference
                )
                answer, other = clock(ask, i)
                yield {
                    "data": name,
                    "model": kind,
                    "seed": seed,
                    "person": i,
                    "valid": float(found.found[0] and model.predict(found.changed)[0] == 1),
                    "answered": float(answer is not None and len(answer) > 0),
                    "milliseconds": 1e3 * own,
                    "dice": 1e3 * other,
                }


def medians(frame: pd.DataFrame) -> pd.DataFrame:
    """Median processor times by data and model."""
    found = frame.groupby(["data", "model"], sort=False)[["milliseconds", "dice"]].median()
    return found.assign(ratio=found["dice"] / found["milliseconds"])


def tables_one(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Median times of a person, and how many are answered."""
    rows = []
    groups = frame.groupby(["data", "model"], sort=False)
    for (data, model), one in medians(frame).iterrows():
        people = groups.get_group((data, model))
        rows.append(
            {
                "data": data,
                "model": model,
                "people": str(len(people)),
                "valid": f"{people['valid'].mean():.1%}",
                "ms, recourse": f"{one['milliseconds']:.1f}",
                f"ms, dice-ml {FASTEST}": f"{one['dice']:.1f}",
                "times as fast": f"{one['ratio']:.1f}",
            }
        )
    return {"": pd.DataFrame(rows)}


def targets_one(frame: pd.DataFrame) -> Iterator[Target]:
    """One person takes a twentieth of the time."""
    for (data, model), one in medians(frame).iterrows():
        what = f"{data}, {model}: one person, speed over dice-ml's {FASTEST}"
        yield Target(what, float(one["ratio"]), ">=", 20)


SECTIONS = (
    Section("recourse", run, tables, page="guide/recourse.md"),
    Section("recourse_one", run_one, tables_one, targets_one, page="guide/recourse.md"),
)

"""Recourse beside dice-ml: validity, cost and time on Adult and HMDA.

``python -m benchmarks.recourse`` measures, writes ``results/recourse.json`` and the table in
docs/guide/recourse.md; ``--report`` only writes the table. It needs ``pip install dice-ml`` and
the whole data sets (``--data``, by default ``../shared/data``).

Both get the same model (a Pipeline from raw rows to a bounded mixture), the same refused
people whom it has not learned, the same columns to act on and the same ranges. The cost is
that of :func:`skfeamoe.inspection.recourse`: changes in median absolute deviations, 1 for a
category. Methods of dice-ml are asked for one counterfactual of each person, one person at a
time as in its guide. Only complete rows are taken, since it takes no missing values.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.pipeline import make_pipeline

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import fetch_adult, fetch_hmda, make_preprocessor
from skfeamoe.inspection import recourse

RESULTS = Path(__file__).parent / "results" / "recourse.json"
PAGE = Path(__file__).parents[1] / "docs" / "guide" / "recourse.md"
TRAIN_ROWS = 6_000
PEOPLE = 50
METHODS = {"random": PEOPLE, "genetic": PEOPLE, "kdtree": 10}  # and how many people are asked
OURS, OURS_ONE = "recourse", "recourse, one at a time"
ACTIONABLE = {
    "Adult": ["education", "occupation", "workclass", "hours-per-week", "capital-gain"],
    "HMDA": [
        "loan_amount_000s",
        "income_000s",
        "loan_to_value_pct",
        "debt_to_income_pct",
        "loan_purpose",
    ],
}


def load(name: str, data: Path):
    """One data set."""
    if name == "Adult":
        return fetch_adult(path=data)
    return fetch_hmda(path=data, version="2022-2024", groups=["White", "Black"])


def problem(name: str, data: Path, seed: int):
    """A fitted model, its training table with the label, and people whom it refuses."""
    bunch = load(name, data)
    complete = np.flatnonzero(bunch.data.notna().all(axis=1))
    rows = np.random.default_rng(seed).permutation(complete)[: 3 * TRAIN_ROWS]
    X = bunch.data.iloc[rows].reset_index(drop=True)
    numbers = X.select_dtypes("number").columns
    X[numbers] = X[numbers].astype(float)  # dice-ml hands numbers on as objects otherwise
    y = bunch.target.iloc[rows].reset_index(drop=True)
    groups = bunch.sensitive_features.iloc[rows].reset_index(drop=True)
    train = slice(0, TRAIN_ROWS)
    preprocessor = make_preprocessor(X, log_columns=bunch.log_columns)
    model = make_pipeline(
        preprocessor, FEAMOEClassifier(difference_bound=0.1, max_iter=3, random_state=seed)
    )
    with sklearn.config_context(enable_metadata_routing=True):
        model.fit(X[train], y[train], sensitive_features=groups[train])
    others = X[TRAIN_ROWS:]
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


def by_dice(model, table, refused, names, method):
    """Validity and cost of every person, and seconds, of one method of dice-ml."""
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
    valid, cost = np.zeros(len(refused), bool), np.full(len(refused), np.nan)
    began = time.perf_counter()
    answers = []
    for i in range(len(queries)):
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Exception):
            found = explainer.generate_counterfactuals(
                queries[i : i + 1],
                total_CFs=1,
                desired_class=1,
                features_to_vary=names,
                permitted_range=ranges,
                **options,
            )
            answers.append((i, found.cf_examples_list[0].final_cfs_df))
    seconds = time.perf_counter() - began
    for i, answer in answers:
        if answer is not None and len(answer):
            then = answer.iloc[:1][list(dtypes)].astype(dtypes)
            valid[i] = model.predict(then)[0] == 1
            cost[i] = cost_of(refused.iloc[i], then.iloc[0], table, names)
    return valid, np.where(valid, cost, np.nan), seconds


def by_recourse(model, table, refused, names, *, one_at_a_time):
    """The same of this library."""
    reference = table.drop(columns="label")
    size = 1 if one_at_a_time else len(refused)
    began = time.perf_counter()
    found = [
        recourse(model, refused[i : i + size], actionable=names, reference=reference)
        for i in range(0, len(refused), size)
    ]
    seconds = time.perf_counter() - began
    changed = pd.concat([result.changed for result in found])
    answered = np.concatenate([result.found for result in found])
    valid = answered & (model.predict(changed) == 1)
    pairs = zip(refused.iloc, changed.iloc, strict=True)
    cost = np.array([cost_of(now, then, table, names) for now, then in pairs])
    return valid, np.where(valid, cost, np.nan), seconds


def measure(data: Path, seeds: int) -> list[dict]:
    """A record for every data set, seed and method."""
    records = []
    for name, names in ACTIONABLE.items():
        for seed in range(seeds):
            model, table, refused = problem(name, data, seed)
            runs = {
                OURS: by_recourse(model, table, refused, names, one_at_a_time=False),
                OURS_ONE: by_recourse(model, table, refused, names, one_at_a_time=True),
            }
            for method, people in METHODS.items():
                few = refused[:people]
                runs[f"dice-ml, {method}"] = by_dice(model, table, few, names, method)
            for method, (valid, cost, seconds) in runs.items():
                own_cost = runs[OURS][1][: len(cost)]
                both = ~np.isnan(cost) & ~np.isnan(own_cost)
                records.append(
                    {
                        "data": name,
                        "seed": seed,
                        "method": method,
                        "valid": float(valid.mean()),
                        "median_cost": float(np.nanmedian(cost)),
                        "dearer": float(np.mean(own_cost[both] > cost[both] + 1e-6)),
                        "milliseconds": 1e3 * seconds / len(valid),
                    }
                )
                print(records[-1], flush=True)
    return records


def report(records: list[dict]) -> str:
    """The table in Markdown: means over the seeds, with standard deviations."""
    frame = pd.DataFrame(records)
    own = frame[frame["method"] == OURS].set_index(["data", "seed"])["milliseconds"]
    frame["times"] = (
        frame["milliseconds"]
        / own.reindex(pd.MultiIndex.from_frame(frame[["data", "seed"]])).to_numpy()
    )
    lines = [
        "| data | method | valid | median cost | dearer for | ms a person | time ratio |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for (data, method), runs in frame.groupby(["data", "method"], sort=False):
        valid, cost, dearer = runs["valid"], runs["median_cost"], runs["dearer"]
        beside = "" if method.startswith(OURS) else f"{dearer.mean():.1%}"
        spread = f" ± {cost.std():.2f}" if cost.notna().sum() > 1 else ""
        lines.append(
            f"| {data} | {method} | {valid.mean():.1%} | {cost.mean():.2f}{spread} "
            f"| {beside} | {runs['milliseconds'].mean():.1f} | {runs['times'].mean():.0f} |"
        )
    return "\n".join(lines)


def write_table(records: list[dict]) -> None:
    """Put the table between its marks in the guide."""
    begin, end = "<!-- begin recourse -->", "<!-- end recourse -->"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    PAGE.write_text(f"{before}{begin}\n{report(records)}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Measure unless told to report only."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="only write the table")
    arguments = parser.parse_args()
    if not arguments.report:
        warnings.simplefilter("ignore")
        records = measure(arguments.data, arguments.seeds)
        RESULTS.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    write_table(json.loads(RESULTS.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()

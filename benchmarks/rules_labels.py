"""Labels as the world gives them: outcomes of the granted alone, and labels on few rows.

`rules_feedback` streams every data set through the same model four times: with all outcomes;
with those of the people it grants; with the refused taken for bad; and with 5 % of the refused
granted by lot. Accuracy and approvals are those of *all* people in the second half, decided by
the model before its lots. The first 2,000 rows show all their labels, in every case.

`rules_caps` is what the default of `max_propensity_weight` was chosen on: COMPAS, lending
streams of other seeds, and a stream in which only people who are refused change.

`rules_unlabeled` fits on 84 % of the rows, of which all, 5 % or 2 % have a label while all have
a group, and on the labeled rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from fairlearn.metrics import selection_rate

from benchmarks.data import lending, load, splits
from benchmarks.measures import clock, test_scores
from benchmarks.models import batches, make_feamoe
from benchmarks.pages import one_table, summary
from benchmarks.registry import Context, Section, Target, of, target
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_preprocessor
from skfeamoe.streaming import StreamBatch, prequential

PAGE = "guide/labels.md"
FEEDBACK_DATA = ("adult", "gss", "hmda", "credit", "credit, sudden drift")
UNLABELED_DATA = ("adult", "gss", "hmda", "compas")
ROWS, QUICK_ROWS, FIRST, BATCH = 16_000, 1_200, 2_000, 100
EXPLORATION = 0.05
SHARES = (0.05, 0.02)
CAPS_DATA = ("compas", "credit, sudden drift", "the refused change")
CAPS, OTHER_SEEDS = (1.0, 5.0, 20.0), 100

FULL, GRANTED, BAD, LOTS = "all outcomes", "the granted", "refused = bad", "5 % by lot"


class RefusedIsBad(FEAMOEClassifier):
    """Takes everybody without an outcome for somebody who would have failed."""

    def partial_fit(self, X, y, classes=None, *, sensitive_features=None, propensity=None):
        """Learn from the next rows."""
        y = np.array([0 if label is None else label for label in y], dtype=int)
        return super().partial_fit(X, y, classes, sensitive_features=sensitive_features)


FEEDBACK = {
    FULL: (FEAMOEClassifier, {"labels": "all"}),
    GRANTED: (FEAMOEClassifier, {"labels": "granted", "exploration": 0.0}),
    BAD: (RefusedIsBad, {"labels": "granted", "exploration": 0.0}),
    LOTS: (FEAMOEClassifier, {"labels": "granted", "exploration": EXPLORATION}),
}


def run_feedback(context: Context) -> Iterator[dict]:
    """Every data set, seed and way of learning."""
    for name, seed in product(context.some(FEEDBACK_DATA), context.seeds):
        rows = _stream(name, seed, context)
        growth = "drift" if "drift" in name else "interval"
        for method, (kind, options) in FEEDBACK.items():
            found = _streamed(kind(growth=growth, random_state=seed), *rows, seed, options)
            yield {"data": name, "seed": seed, "method": method} | found


def run_caps(context: Context) -> Iterator[dict]:
    """The same lots under several caps."""
    for name, seed in product(context.some(CAPS_DATA), context.seeds):
        rows = _stream(name, OTHER_SEEDS + seed, context)
        for cap in CAPS:
            model = FEAMOEClassifier(max_propensity_weight=cap, random_state=seed)
            found = _streamed(model, *rows, seed, FEEDBACK[LOTS][1])
            yield {"data": name, "seed": seed, "cap": cap} | found


def _changed_refused(n_rows: int, seed: int):
    """A third of the way a second skill begins to count, which the granted have no need of."""
    rng = np.random.default_rng(seed)
    X, groups = rng.normal(size=(n_rows, 4)), rng.choice(["a", "b"], n_rows)
    early = np.arange(n_rows) < n_rows // 3
    able = np.where(early, X[:, 0], np.maximum(X[:, 0], X[:, 1]))
    return X, (able - 0.5 + 0.2 * rng.logistic(size=n_rows) > 0.0).astype(int), groups


def _stream(name: str, seed: int, context: Context):
    """Rows in the order of a seed, the favorable label coded 1."""
    n_rows = QUICK_ROWS if context.quick else ROWS
    if name == "the refused change":
        return _changed_refused(n_rows, seed)
    if name.startswith("credit"):
        drift = "sudden" if "drift" in name else None
        return lending(n_rows, seed, drift)[1]
    task = load(name, context).shuffled(seed, n_rows)
    encoder = make_preprocessor(task.X, log_columns=task.log_columns)
    encoder.fit(task.X.iloc[: len(task.y) // 10])
    return encoder.transform(task.X), (task.y == task.favorable).astype(int), task.groups


def _streamed(model, X, y, groups, seed: int, options: dict) -> dict:
    """Accuracy, approvals and gap of everybody in the second half; what was seen."""
    result, seconds = clock(
        prequential,
        {"model": model},
        (StreamBatch(X[p], y[p], groups[p]) for p in batches(len(y), BATCH)),
        classes=[0, 1],
        window=len(y) // 2,
        fading_factor=None,
        pretrain_rows=min(FIRST, len(y) // 4),
        metrics={
            "accuracy": None,
            "demographic_parity_difference": None,
            "approvals": selection_rate,
        },
        random_state=seed,
        **options,
    )
    views = result.points[-1].models["model"].views
    found = {
        "accuracy": views["window"]["accuracy"],
        "approvals": views["window"]["approvals"],
        "dp": views["window"]["demographic_parity_difference"],
        "truth": views["cumulative"]["accuracy"],
        "share_seen": 1.0,
    }
    if "seen" in views:
        found["share_seen"] = views["seen"].n_rows / views["cumulative"].n_rows
        found |= {view: views[view]["accuracy"] for view in ("seen", "corrected")}
    return found | {"seconds": seconds}


def run_unlabeled(context: Context) -> Iterator[dict]:
    """Fits with labels on all rows, on few, and on the labeled rows alone."""
    for name, rows in splits(context.some(UNLABELED_DATA), context):
        draws = np.random.default_rng(rows.seed).random(len(rows.y))
        for share in (1.0, *SHARES):
            known = draws < (max(share, 0.2) if context.quick else share)
            y = np.where(known, rows.y, np.nan)
            every = np.ones(len(known), dtype=bool)
            for method, used in (("everybody", every), ("labeled rows alone", known)):
                if share == 1.0 and used is known:
                    continue
                model, given = make_feamoe(rows.favorable, rows.seed), rows.groups[used]
                seconds = clock(model.fit, rows.X[used], y[used], sensitive_features=given)[1]
                found = test_scores(rows, model.predict(rows.X_test))
                yield {"data": name, "seed": rows.seed, "labels": share, "method": method,
                       **found, "seconds": seconds}  # fmt: skip


# ------------------------------------------------------------------ tables and targets


def feedback_tables(frame) -> dict[str, pd.DataFrame]:
    """What was learned, by data set; what somebody would have measured."""
    columns = LEARNED | {"share_seen": "outcomes seen"}
    learned = summary(frame, ["data", "method"], columns, timed=False)
    hidden = frame[frame["method"].isin([GRANTED, LOTS])]
    columns = {"seen": "on the seen", "corrected": "corrected", "truth": "true"}
    told = summary(hidden, ["data", "method"], columns, timed=False)
    return {"": learned, "Accuracy as it is measured, after the first rows": told}


def feedback_targets(frame) -> Iterator[Target]:
    """With 5 % by lot nearly what all outcomes teach."""
    for name, rows in frame.groupby("data", sort=False):
        full, lots = (of(rows, method=method) for method in (FULL, LOTS))
        lost = full["accuracy"] - lots["accuracy"]
        yield target(f"{name}: accuracy lost", lost, "<=", 0.007)
        moved = (full["approvals"] - lots["approvals"]).abs()
        yield target(f"{name}: approvals moved", moved, "<=", 0.03)


def unlabeled_targets(frame) -> Iterator[Target]:
    """The gap is as small as with all labels."""
    every = frame[frame["method"] == "everybody"]
    for name, rows in every.groupby("data", sort=False):
        for share in SHARES:
            wider = of(rows, labels=share)["dp"] - of(rows, labels=1.0)["dp"]
            what = f"{name}, labels on {share:.0%}: gap wider than with all"
            yield target(what, wider, "<=", 0.01)


LEARNED = {"accuracy": "accuracy of all", "approvals": "approvals", "dp": "parity gap"}
SECTIONS = (
    Section("rules_feedback", run_feedback, feedback_tables, feedback_targets, page=PAGE),
    Section("rules_caps", run_caps, one_table("data", "cap", columns=LEARNED, timed=False),
            page=PAGE),
    Section("rules_unlabeled", run_unlabeled,
            one_table("data", "labels", "method", columns={"accuracy": "accuracy",
                      "dp": "parity gap"}, forms={"labels": "{:.0%}"}, timed=False),
            unlabeled_targets, page=PAGE),
)  # fmt: skip

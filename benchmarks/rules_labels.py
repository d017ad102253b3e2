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

import numpy as np
import pandas as pd
from fairlearn.metrics import selection_rate

from benchmarks.data import load, split
from benchmarks.measures import test_scores, timed
from benchmarks.models import make_feamoe
from benchmarks.pages import summary
from benchmarks.registry import Context, Section, Target, target
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream, make_preprocessor
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
    for name in context.some(FEEDBACK_DATA):
        for seed in context.seeds:
            X, y, groups = _stream(name, seed, context)
            growth = "drift" if "drift" in name else "interval"
            for method, (kind, options) in FEEDBACK.items():
                model = kind(growth=growth, random_state=seed)
                found, spent = timed(_streamed, model, X, y, groups, seed, options)
                spent.pop("warning", None)
                yield {"data": name, "seed": seed, "method": method, **found, **spent}


def run_caps(context: Context) -> Iterator[dict]:
    """The same lots under several caps."""
    for name in context.some(CAPS_DATA):
        for seed in context.seeds:
            X, y, groups = _stream(name, OTHER_SEEDS + seed, context)
            for cap in CAPS:
                model = FEAMOEClassifier(max_propensity_weight=cap, random_state=seed)
                options = FEEDBACK[LOTS][1]
                found, spent = timed(_streamed, model, X, y, groups, seed, options)
                spent.pop("warning", None)
                yield {"data": name, "seed": seed, "cap": cap, **found, **spent}


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
        made = make_credit_stream(n_rows, drift=drift, random_state=seed)
        X = made.data.to_numpy(dtype=float)
        return X, np.asarray(made.target), np.asarray(made.sensitive_features)
    task = load(name, context).shuffled(seed, n_rows)
    encoder = make_preprocessor(task.X, log_columns=task.log_columns)
    encoder.fit(task.X.iloc[: len(task.y) // 10])
    return encoder.transform(task.X), (task.y == task.favorable).astype(int), task.groups


def _streamed(model, X, y, groups, seed: int, options: dict) -> dict:
    """Accuracy, approvals and gap of everybody in the second half; what was seen."""
    starts = range(0, len(y), BATCH)
    parts = (X, y, groups)
    batches = (StreamBatch(*(part[s : s + BATCH] for part in parts)) for s in starts)
    result = prequential(
        {"model": model},
        batches,
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
    return found


def run_unlabeled(context: Context) -> Iterator[dict]:
    """Fits with labels on all rows, on few, and on the labeled rows alone."""
    for name in context.some(UNLABELED_DATA):
        for seed in context.seeds:
            rows = split(load(name, context), seed)
            draws = np.random.default_rng(seed).random(len(rows.y))
            for share in (1.0, *SHARES):
                known = draws < (max(share, 0.2) if context.quick else share)
                y = np.where(known, rows.y, np.nan)
                for method in ("everybody", "labeled rows alone")[: 1 if share == 1.0 else 2]:
                    alone = known if method != "everybody" else np.ones(len(known), dtype=bool)
                    model = make_feamoe(rows.favorable, seed)
                    given = {"sensitive_features": rows.groups[alone]}
                    _, spent = timed(model.fit, rows.X[alone], y[alone], **given)
                    spent.pop("warning", None)
                    yield {
                        "data": name,
                        "seed": seed,
                        "labels": share,
                        "method": method,
                        **test_scores(rows, model.predict(rows.X_test)),
                        **spent,
                    }


# ------------------------------------------------------------------ tables and targets


def feedback_tables(frame) -> dict[str, pd.DataFrame]:
    """What was learned, by data set; what somebody would have measured."""
    columns = {
        "accuracy": "accuracy of all",
        "approvals": "approvals",
        "dp": "parity gap",
        "share_seen": "outcomes seen",
    }
    learned = summary(frame.drop(columns="seconds"), ["data", "method"], columns)
    hidden = frame[frame["method"].isin([GRANTED, LOTS])].drop(columns="seconds")
    columns = {"seen": "on the seen", "corrected": "corrected", "truth": "true"}
    told = summary(hidden, ["data", "method"], columns)
    return {"": learned, "Accuracy as it is measured, after the first rows": told}


def feedback_targets(frame) -> Iterator[Target]:
    """With 5 % by lot nearly what all outcomes teach."""
    for name, rows in frame.groupby("data", sort=False):
        by_seed = {m: part.set_index("seed") for m, part in rows.groupby("method")}
        full, lots = by_seed[FULL], by_seed[LOTS]
        lost = full["accuracy"] - lots["accuracy"]
        yield target(f"{name}: accuracy lost", lost, "<=", 0.007)
        moved = (full["approvals"] - lots["approvals"]).abs()
        yield target(f"{name}: approvals moved", moved, "<=", 0.03)


def caps_tables(frame) -> dict[str, pd.DataFrame]:
    """Accuracy and approvals by cap."""
    columns = {"accuracy": "accuracy of all", "approvals": "approvals", "dp": "parity gap"}
    shown = frame.assign(cap=frame["cap"].map("{:g}".format)).drop(columns="seconds")
    return {"": summary(shown, ["data", "cap"], columns)}


def unlabeled_tables(frame) -> dict[str, pd.DataFrame]:
    """Accuracy and gaps by the share of labels."""
    shown = frame.assign(labels=frame["labels"].map("{:.0%}".format)).drop(columns="seconds")
    columns = {"accuracy": "accuracy", "dp": "parity gap"}
    return {"": summary(shown, ["data", "labels", "method"], columns)}


def unlabeled_targets(frame) -> Iterator[Target]:
    """The gap is as small as with all labels."""
    every = frame[frame["method"] == "everybody"]
    for name, rows in every.groupby("data", sort=False):
        by_share = {share: part.set_index("seed") for share, part in rows.groupby("labels")}
        for share in SHARES:
            wider = by_share[share]["dp"] - by_share[1.0]["dp"]
            what = f"{name}, labels on {share:.0%}: gap wider than with all"
            yield target(what, wider, "<=", 0.01)


SECTIONS = (
    Section("rules_feedback", run_feedback, feedback_tables, targets=feedback_targets,
            page=PAGE),
    Section("rules_caps", run_caps, caps_tables, page=PAGE),
    Section("rules_unlabeled", run_unlabeled, unlabeled_tables, targets=unlabeled_targets,
            page=PAGE),
)  # fmt: skip

"""Sections that fit on a training split and test on another: each returns records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import models
from benchmarks.common import Context, load, scores, split, test_scores, timed
from skfeamoe.metrics import burden_difference

BOUNDS = (0.10, 0.05, 0.02)
CONSTRAINTS = ("demographic_parity", "equalized_odds")

EG_BOUNDS = {
    "demographic_parity": (0.08, 0.05, 0.025, 0.01, 0.002),
    "equalized_odds": (0.05, 0.02),
}
EG_BOUNDS_LARGE = {"demographic_parity": (0.05, 0.02), "equalized_odds": (0.05,)}
"""ExponentiatedGradient bounds the distance to the mean of all: half of a difference."""

LARGE = ("hmda", "hmda_with_race")
EPOCHS = (1, 3, 8, 16, 18, 20)
CONFLICTS = {
    "dp .06, eo .07": {"demographic_parity": 0.06, "equalized_odds": 0.07},
    "all four .02": dict.fromkeys(
        ("demographic_parity", "equalized_odds", "equal_opportunity", "burden"), 0.02
    ),
}
PAPER_CONSTRAINTS = ("demographic_parity", "equalized_odds", "burden")
PAPER_INTERVALS = (400, 2000, 4000, 8000, 50_000)


def measure(rows, method, label, bound=None, constraint=None, **parameters) -> dict:
    """Fit one method on the clock and score it on the test rows."""
    decide, told = timed(method, rows, **parameters)
    record = {"method": label, "constraint": constraint, "bound": bound, "seed": rows.seed}
    return record | test_scores(rows, decide()) | told


def frontier(context: Context):
    """Accuracy against gap, all methods on the same splits, one after the other."""
    for name in context.data:
        for seed in context.seeds:
            rows = split(load(name, context.path), seed)
            for record in _frontier_of_split(rows, large=name in LARGE):
                yield {"data": name} | record


def _frontier_of_split(rows, *, large):
    """All methods on one split; a FEAMOE fit stands next to each rival fit it is timed with."""
    eg_bounds = EG_BOUNDS_LARGE if large else EG_BOUNDS
    yield measure(rows, models.logistic_regression, "LogisticRegression")
    yield measure(rows, models.sgd, "SGDClassifier")
    yield measure(rows, models.feamoe, "FEAMOE", constraints=None)
    for constraint in CONSTRAINTS:
        for bound in BOUNDS:
            chosen = {"constraints": constraint, "difference_bound": bound}
            yield measure(rows, models.feamoe, "FEAMOE", bound, constraint, **chosen)
            if bound == 0.05:
                yield from _rivals(rows, constraint, eg_bounds[constraint])
    if rows.seed == 0:
        yield measure(rows, models.river_logistic, "river LogisticRegression")


def _rivals(rows, constraint, bounds):
    """The batch methods for one constraint."""
    for bound in bounds:
        chosen = {"constraints": constraint, "difference_bound": bound}
        yield measure(
            rows,
            models.exponentiated_gradient,
            "ExponentiatedGradient",
            bound,
            constraint,
            **chosen,
        )
    yield measure(
        rows,
        models.threshold_optimizer,
        "ThresholdOptimizer",
        None,
        constraint,
        constraints=constraint,
    )


def one_pass(context: Context):
    """Default parameters, no constraint, one pass over Adult, against LogisticRegression."""
    for seed in context.seeds:
        rows = split(load("adult", context.path), seed)
        yield measure(rows, models.logistic_regression, "LogisticRegression, standardized")
        yield measure(
            rows, models.logistic_regression, "LogisticRegression, raw numbers", scaled=False
        )
        plain = {"constraints": None}
        yield measure(rows, models.feamoe, "FEAMOE fit, one pass", max_iter=1, **plain)
        yield measure(rows, models.feamoe, "FEAMOE fit, passes by default", **plain)
        yield measure(rows, _streamed, "FEAMOE partial_fit by 32 rows", **plain)


def _streamed(rows, **parameters):
    """FEAMOE that sees the training rows once, 32 at a time."""
    model = models.make_feamoe(rows.favorable, rows.seed, **parameters)
    groups = None if parameters.get("constraints", "") is None else rows.groups
    for start in range(0, len(rows.y), 32):
        chunk = slice(start, start + 32)
        known = None if groups is None else groups[chunk]
        model.partial_fit(
            rows.X[chunk], rows.y[chunk], classes=[0, 1], sensitive_features=known
        )
    return lambda: model.predict(rows.X_test)


def small(context: Context, n_train=8000):
    """Fits on 8,000 rows, tested on all the others."""
    for name in ("adult", "hmda", "hmda_with_race", "gss"):
        for seed in context.seeds:
            rows = split(load(name, context.path), seed, n_train=n_train)
            found = [measure(rows, models.logistic_regression, "LogisticRegression")]
            found.append(measure(rows, models.feamoe, "FEAMOE", constraints=None))
            found += [
                measure(
                    rows,
                    models.feamoe,
                    "FEAMOE",
                    bound,
                    "demographic_parity",
                    difference_bound=bound,
                )
                for bound in BOUNDS[:2]
            ]
            yield from ({"data": name} | record for record in found)


def conflicts(context: Context):
    """Bounds that conflict on Adult: the same fit stopped after 1 to 20 passes."""
    for seed in context.seeds:
        rows = split(load("adult", context.path), seed)
        deviation = rows.X.std(axis=0)
        for label, bounds in CONFLICTS.items():
            for epochs in EPOCHS:
                model, told = timed(
                    models.fit_feamoe,
                    rows,
                    constraints=list(bounds),
                    difference_bound=bounds,
                    max_iter=epochs,
                )
                decisions = model.predict(rows.X_test)
                yield {
                    "bounds": label,
                    "epochs": epochs,
                    "seed": seed,
                    "majority": float(max(rows.y_test.mean(), 1 - rows.y_test.mean())),
                    "burden": _burden(model, rows, decisions),
                    "largest_multiplier": max(
                        float(np.abs(value).max()) for value in model.multipliers_.values()
                    ),
                    "largest_coef": float(np.abs(model.expert_coef_ * deviation).max()),
                    "unmet_in_training": _unmet(model, rows, bounds),
                    **test_scores(rows, decisions),
                    **told,
                }


def _unmet(model, rows, bounds):
    """Constraints whose gap on the training rows is over its bound by more than noise."""
    decisions = model.predict(rows.X)
    found = scores(rows.y, decisions, rows.groups)
    short = {
        "demographic_parity": found["dp"],
        "equalized_odds": found["eo"],
        "equal_opportunity": found["tpr_gap"],
    }
    return [name for name, gap in short.items() if gap > bounds.get(name, 1) + 0.02]


def _burden(model, rows, decisions) -> float:
    """Burden gap on the test rows, in standard deviations of the features."""
    return float(
        burden_difference(
            rows.y_test,
            decisions,
            sensitive_features=rows.groups_test,
            distance=model.distance_to_boundary(rows.X_test),
            pos_label=rows.favorable,
        )
    )


def scaling(context: Context):
    """Raw amounts (incomes in dollars) against the same features standardized beforehand."""
    for name in ("adult", "hmda"):
        data = load(name, context.path)
        ways = {"fit": models.feamoe, "partial_fit": _streamed}
        if name == "hmda":
            del ways["partial_fit"]  # 100,000 rows by 32 take minutes over all seeds
            dollars = {c: data.X[c] * 1000 for c in data.X if c.endswith("_000s")}
            data = _with_columns(data, dollars)
        for seed in context.seeds:
            rows = split(data, seed, log=False)
            scaled = _scaled(rows)
            for label, chosen in (("none", {"constraints": None}), ("dp .05", {})):
                for features, version, inside in (
                    ("raw", rows, True),
                    ("standardized", scaled, True),
                    ("standardized, standardize=False", scaled, False),
                ):
                    for how, method in ways.items():
                        record = measure(
                            version, method, f"FEAMOE {how}", standardize=inside, **chosen
                        )
                        record["constraint"] = label
                        yield {"data": name, "features": features} | record


def _with_columns(data, columns):
    """The same data set with other columns."""
    return replace(data, X=data.X.assign(**columns))


def _scaled(rows):
    """The same split with standardized features in the place of raw ones."""
    return replace(rows, X=rows.scaled, X_test=rows.scaled_test)


def paper(context: Context):
    """The schedule of the paper on Adult: one pass, three penalties, both losses."""
    for seed in context.seeds:
        rows = split(load("adult", context.path), seed)
        for loss in ("log_loss", "jacobs"):
            plain = {"constraints": None, "loss": loss, "max_iter": 1, "growth_interval": 4000}
            yield _paper_record(rows, "no penalties", 4000, **plain)
            for interval in PAPER_INTERVALS:
                yield _paper_record(
                    rows,
                    "schedule",
                    interval,
                    constraints=PAPER_CONSTRAINTS,
                    control="schedule",
                    penalty_increment=0.02,
                    growth_interval=interval,
                    max_experts=128,
                    max_iter=1,
                    loss=loss,
                )


def _paper_record(rows, label, interval, **parameters) -> dict:
    """One fit with the burden gap and the number of experts."""
    model, told = timed(models.fit_feamoe, rows, **parameters)
    decisions = model.predict(rows.X_test)
    return {
        "method": label,
        "loss": parameters["loss"],
        "interval": interval,
        "seed": rows.seed,
        "experts": model.n_experts_,
        "burden": _burden(model, rows, decisions),
        **test_scores(rows, decisions),
        **told,
    }

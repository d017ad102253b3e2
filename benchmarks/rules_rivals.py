"""Other tools for the same bounds on Adult, each in its own manner of use."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_X_y

from benchmarks.measures import test_scores

OURS = "BiasScoreClassifier(LightGBM)"
BOUNDS = (0.10, 0.05, 0.02)
MOMENTS = {"demographic_parity": DemographicParity, "equalized_odds": EqualizedOdds}
SLOW_BOUNDS = {"demographic_parity": (0.05, 0.02), "equalized_odds": (0.05,)}
"""Of a method that fits a classifier many times for each bound."""

TREES = {"n_estimators": 100, "n_jobs": 1}


def records(rows, rule_over) -> Iterator[dict]:
    """All rivals on one split; a tool that is not installed is told of."""
    for name, package, run in METHODS:
        missing = package and find_spec(package) is None
        if missing:
            yield {"method": name, "missing": package}
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield from run(name, rows, rule_over)
            except Exception as error:  # a rival's failure belongs in the table
                yield {"method": name, "missing": f"failed: {error}"}


def _record(name, rows, constraint, bound, start, decisions) -> dict:
    """One line of results; ``decisions`` of one or several draws."""
    return {
        "method": name,
        "constraint": constraint,
        "bound": bound,
        "seconds": time.process_time() - start,
        **test_scores(rows, decisions()),
    }


def _lightgbm(seed: int):
    """LightGBM of the size of the others' boosting."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**TREES, random_state=seed, verbose=-1)


def fit_lightgbm(rows) -> Callable:
    """Its decisions about new rows, without any bound."""
    return _lightgbm(rows.seed).fit(rows.X, rows.y).predict


def _rule(name, rows, rule_over):
    """The rule over the same LightGBM: one fit, then every bound."""
    start = time.process_time()
    model = rule_over(_lightgbm(rows.seed), rows)
    fitting = time.process_time() - start
    for constraint in MOMENTS:
        for bound in BOUNDS:
            start = time.process_time()
            bounded = model.with_bound(dict.fromkeys(MOMENTS, 1.0) | {constraint: bound})
            record = _record(name, rows, constraint, bound, start,
                             lambda chosen=bounded: chosen.predict(rows.X_test))  # fmt: skip
            yield record | {"seconds": record["seconds"] + fitting}


def _reductions(name, rows, rule_over):
    """ExponentiatedGradient over LightGBM; five draws estimate its expected rates."""
    for constraint, bounds in SLOW_BOUNDS.items():
        for bound in bounds:
            start = time.process_time()
            moment = MOMENTS[constraint](difference_bound=bound)
            model = ExponentiatedGradient(_lightgbm(rows.seed), moment)
            model.fit(rows.X, rows.y, sensitive_features=rows.groups)
            yield _record(
                name, rows, constraint, bound, start,
                lambda fitted=model: np.stack(
                    [fitted.predict(rows.X_test, random_state=draw) for draw in range(5)]
                ),
            )  # fmt: skip


def _oxonfair(name, rows, rule_over):
    """OxonFair over LightGBM with groups inferred by a second LightGBM."""
    for constraint in MOMENTS:
        for bound in BOUNDS:
            start = time.process_time()
            decide = fit_oxonfair(rows, constraint, bound)
            yield _record(name, rows, constraint, bound, start, partial(decide, rows.X_test))


def fit_oxonfair(rows, constraint: str, bound: float) -> Callable:
    """Decisions about new rows, whose group a second LightGBM guesses."""
    from oxonfair import DataDict, FairPredictor
    from oxonfair import group_metrics as measures

    metric = {
        "demographic_parity": measures.demographic_parity,
        "equalized_odds": measures.equalized_odds_max,
    }[constraint]
    codes = np.unique(rows.groups, return_inverse=True)[1]
    train, held = train_test_split(
        np.arange(len(codes)), test_size=0.3, stratify=2 * codes + rows.y,
        random_state=rows.seed,
    )  # fmt: skip
    model = clone(_lightgbm(rows.seed)).fit(rows.X[train], rows.y[train])
    second = clone(_lightgbm(rows.seed)).fit(rows.X[train], codes[train])
    # its class of uncertain groups fails with NumPy 2 where nobody is uncertain
    fair = FairPredictor(
        model, DataDict(rows.y[held], rows.X[held], codes[held]),
        inferred_groups=second, threshold=0,
    )  # fmt: skip
    fair.fit(measures.accuracy, metric, bound)

    def decide(X):
        return np.asarray(fair.predict(DataDict(np.zeros(len(X), int), X))).astype(int)

    return decide


def _fairgbm(name, rows, rule_over):
    """FairGBM bounds error rates while it boosts; it has no demographic parity."""
    for bound in BOUNDS:
        start = time.process_time()
        decide = fit_fairgbm(rows, bound)
        yield _record(name, rows, "equalized_odds", bound, start, partial(decide, rows.X_test))


def fit_fairgbm(rows, bound: float) -> Callable:
    """Decisions about new rows, of trees grown under a bound on both error rates."""
    import fairgbm.sklearn as module

    def renamed(check):
        def call(*args, force_all_finite=True, **kwargs):
            return check(*args, ensure_all_finite=force_all_finite, **kwargs)

        return call

    # its last release calls scikit-learn's checks by an argument that was renamed in 1.6
    module._LGBMCheckXY, module._LGBMCheckArray = renamed(check_X_y), renamed(check_array)
    codes = np.unique(rows.groups, return_inverse=True)[1]
    model = module.FairGBMClassifier(
        constraint_type="FNR,FPR", constraint_fpr_tolerance=bound,
        constraint_fnr_tolerance=bound, random_state=rows.seed, **TREES,
    )  # fmt: skip
    model.fit(rows.X, rows.y, constraint_group=codes)
    return lambda X: (model.predict_proba(X)[:, 1] > 0.5).astype(int)


def _error_parity(name, rows, rule_over):
    """error-parity over LightGBM: thresholds that read the group at prediction."""
    from error_parity import RelaxedThresholdOptimizer

    codes, new = (np.unique(g, return_inverse=True)[1] for g in (rows.groups, rows.groups_test))
    train, held = train_test_split(
        np.arange(len(codes)), test_size=0.3, stratify=2 * codes + rows.y,
        random_state=rows.seed,
    )  # fmt: skip
    for constraint in MOMENTS:
        for bound in BOUNDS:
            start = time.process_time()
            model = _lightgbm(rows.seed).fit(rows.X[train], rows.y[train])
            fair = RelaxedThresholdOptimizer(
                predictor=lambda X, fitted=model: fitted.predict_proba(X)[:, -1],
                constraint=constraint, tolerance=bound, seed=rows.seed,
            )  # fmt: skip
            fair.fit(X=rows.X[held], y=rows.y[held], group=codes[held])
            yield _record(
                name, rows, constraint, bound, start,
                lambda fitted=fair: fitted.predict(rows.X_test, group=new),
            )  # fmt: skip


METHODS = (
    (OURS, "lightgbm", _rule),
    ("OxonFair(LightGBM), groups inferred", "oxonfair", _oxonfair),
    ("FairGBM", "fairgbm", _fairgbm),
    ("error-parity(LightGBM), reads the group", "error_parity", _error_parity),
    ("ExponentiatedGradient(LightGBM)", "lightgbm", _reductions),
)

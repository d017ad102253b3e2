"""What `benchmarks.rules` measures."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import rules_rivals
from benchmarks.common import load, scores, split, test_scores
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.postprocessing import BiasScoreClassifier

DATA = ("adult", "adult_without_sex", "gss", "hmda_with_race", "compas")
CONSTRAINTS = ("demographic_parity", "equalized_odds")
BOUNDS = (0.10, 0.05, 0.02)
BOTH = 0.06
MANY_BOUNDS = tuple(np.linspace(0.01, 0.2, 20).round(3).tolist())
NO_BOUND = dict.fromkeys(CONSTRAINTS, 1.0)
COVERAGE, COVERAGE_BOUND = 0.8, 0.01


def rows_of(name: str, path: str, seed: int):
    """A split of a data set; Adult also without sex among the features."""
    if name != "adult_without_sex":
        return split(load(name, path), seed)
    data = load("adult", path)
    return split(replace(data, X=data.X.drop(columns="sex")), seed)


def boosting(seed: int):
    """The classifier whose decisions are to be bounded."""
    return HistGradientBoostingClassifier(max_iter=100, random_state=seed)


def linear():
    """The second model, of groups and labels."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


def rule_over(estimator, rows, **parameters) -> BiasScoreClassifier:
    """The rule with both constraints, their bounds to be chosen later."""
    model = BiasScoreClassifier(
        estimator,
        constraints=list(CONSTRAINTS),
        difference_bound=NO_BOUND,
        group_estimator=linear(),
        favorable_label=rows.favorable,
        random_state=rows.seed,
        **parameters,
    )
    return model.fit(rows.X, rows.y, sensitive_features=rows.groups)


def bounds(path: str, seeds) -> Iterator[dict]:
    """One fit a data set and seed, every bound from it; what plain thresholds by group give."""
    for name in DATA:
        for seed in seeds:
            yield from _bounds_of_split(name, rows_of(name, path, seed))


def _bounds_of_split(name: str, rows) -> Iterator[dict]:
    """All bounds of one split."""
    where = {"data": name, "seed": rows.seed}
    model, fit_seconds = _clocked(rule_over, boosting(rows.seed), rows)
    base = model.estimator_
    yield {**where, "method": "unconstrained", **_measured(rows, base), "seconds": fit_seconds}
    for constraint in CONSTRAINTS:
        yield {**where, **_threshold_optimizer(rows, base, constraint)}
        for bound in BOUNDS:
            limits = NO_BOUND | {constraint: bound}
            yield from _rules(where, model, rows, constraint, bound, limits)
    limits = dict.fromkeys(CONSTRAINTS, BOTH)
    yield from _rules(where, model, rows, "both", BOTH, limits)
    many = [NO_BOUND | {CONSTRAINTS[0]: bound} for bound in MANY_BOUNDS]
    _, seconds = _clocked(model.frontier, many)
    yield {**where, "method": "20 bounds", "seconds": seconds, "one_fit": fit_seconds}


def _rules(where, model, rows, constraint, bound, limits) -> Iterator[dict]:
    """The deterministic and the randomized rule of a bound."""
    for randomize in (False, True):
        model.set_params(randomize=randomize)
        bounded, seconds = _clocked(model.with_bound, limits)
        yield {
            **where,
            "method": "randomized" if randomize else "rule",
            "constraint": constraint,
            "bound": bound,
            **_measured(rows, bounded),
            "seconds": seconds,
            "held_out_dp": bounded.group_gaps_["demographic_parity"],
            "held_out_eo": bounded.group_gaps_["equalized_odds"],
            "n_rules": len(bounded.mixture_),
        }


def _threshold_optimizer(rows, base, constraint) -> dict:
    """Exact parity by thresholds that read the group, over the same fitted model."""
    model = ThresholdOptimizer(
        estimator=base, constraints=constraint, prefit=True, predict_method="predict_proba"
    )
    _, seconds = _clocked(model.fit, rows.X, rows.y, sensitive_features=rows.groups)
    draws = np.stack(
        [
            model.predict(rows.X_test, sensitive_features=rows.groups_test, random_state=draw)
            for draw in range(5)
        ]
    )
    return {
        "method": "ThresholdOptimizer",
        "constraint": constraint,
        **test_scores(rows, draws),
        "seconds": seconds,
    }


def _measured(rows, model) -> dict:
    """Accuracy and gaps on the test rows."""
    return test_scores(rows, model.predict(rows.X_test))


def _clocked(function, *args, **kwargs):
    """A result and the CPU seconds it took; what it warns of is in what is measured."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        result = function(*args, **kwargs)
        return result, time.process_time() - start


def rivals(path: str, seeds) -> Iterator[dict]:
    """Other tools on Adult, the same rows for all."""
    for seed in seeds:
        rows = rows_of("adult", path, seed)
        for record in rules_rivals.records(rows, rule_over):
            yield {"data": "adult", "seed": seed, **record}


def abstention(path: str, seeds) -> Iterator[dict]:
    """The surest 80 % by plain confidence and under a bound on coverage, no harm done."""
    for name in ("adult", "compas"):
        for seed in seeds:
            rows = rows_of(name, path, seed)
            model, _ = _clocked(rule_over, boosting(seed), rows)
            where = {"data": name, "seed": seed}
            yield {**where, **_plain_confidence(rows, model)}
            model.set_params(coverage_bound=COVERAGE_BOUND)
            chosen, _ = _clocked(model.with_coverage, COVERAGE)
            decided = chosen.is_decided(rows.X_test)
            decisions = chosen.estimator_.predict(rows.X_test)
            yield {**where, "method": "rule", **_selective(rows, decided, decisions)}


def _plain_confidence(rows, model) -> dict:
    """Deciding on the surest rows, whoever they are."""
    confidence = np.abs(2.0 * model.estimator_.predict_proba(rows.X_test)[:, 1] - 1.0)
    decided = confidence >= np.quantile(confidence, 1.0 - COVERAGE)
    decisions = model.estimator_.predict(rows.X_test)
    return {"method": "plain confidence", **_selective(rows, decided, decisions)}


def _selective(rows, decided, decisions) -> dict:
    """Coverage and accuracy by group."""
    right = decisions == rows.y_test
    names = np.unique(rows.groups_test)
    of = {str(name): rows.groups_test == name for name in names}
    coverage = {name: float(decided[mask].mean()) for name, mask in of.items()}
    gain = {
        name: float(right[mask & decided].mean() - right[mask].mean())
        for name, mask in of.items()
    }
    return {
        "coverage": float(decided.mean()),
        "coverage_difference": max(coverage.values()) - min(coverage.values()),
        "accuracy": float(right.mean()),
        "selective_accuracy": float(right[decided].mean()),
        "least_gain": min(gain.values()),
        "coverages": coverage,
        "gains": gain,
    }


N_SETS, ALPHA = 500, 0.1
PROMISES = ((500, 0.2), (5000, 0.05))
"""Rows and the bound that is promised; 500 rows cannot promise a narrow one."""


def make_world(n_samples: int, rng):
    """Two groups of unlike scores; the last column tells them apart imperfectly."""
    groups = rng.integers(2, size=n_samples)
    X = rng.normal(size=(n_samples, 4))
    X[:, 0] -= groups
    X[:, 3] += 1.5 * groups
    y = (rng.random(n_samples) < expit(1.5 * X[:, 0] + X[:, 1] + 0.3)).astype(int)
    return X, y, groups


def promise(path: str, seeds) -> Iterator[dict]:
    """How often the gap in the population passes a promised bound, over simulated sets."""
    X_new, y_new, groups_new = make_world(100_000, np.random.default_rng(2**20))
    for n_samples, bound in PROMISES:
        for margin in ("none", "one_standard_error", ALPHA):
            gaps, accuracies = [], []
            for number in range(N_SETS):
                X, y, groups = make_world(n_samples, np.random.default_rng(number))
                model = BiasScoreClassifier(
                    LogisticRegression(),
                    difference_bound=bound,
                    margin=margin,
                    random_state=number,
                )
                _clocked(model.fit, X, y, sensitive_features=groups)
                found = scores(y_new, model.predict(X_new), groups_new)
                gaps.append(found["dp"])
                accuracies.append(found["accuracy"])
            yield {
                "rows": n_samples,
                "bound": bound,
                "margin": str(margin),
                "sets": N_SETS,
                "violated": float(np.mean(np.array(gaps) > bound)),
                "gap": float(np.mean(gaps)),
                "accuracy": float(np.mean(accuracies)),
            }


WINDOW, BATCH, STREAM_ROWS, STREAM_BOUND = 2000, 100, 60_000, 0.05


def streams(path: str, seeds) -> Iterator[dict]:
    """Windows of a drifting stream whose gap is wider than the bound plus .02."""
    for drift in ("sudden", "gradual"):
        for seed in seeds:
            data = make_credit_stream(STREAM_ROWS, drift=drift, random_state=seed)
            X = data.data.to_numpy(dtype=float)
            y, groups = np.asarray(data.target), np.asarray(data.sensitive_features)
            for method, model in _stream_models(seed).items():
                decisions, seconds = _clocked(_prequential, model, X, y, groups)
                yield {
                    "drift": drift,
                    "seed": seed,
                    "method": method,
                    **_windows(y, decisions, groups),
                    "seconds": seconds,
                }


class Standardized(SGDClassifier):
    """SGDClassifier behind a running StandardScaler."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Learn from a batch."""
        if not hasattr(self, "scaler_"):
            self.scaler_ = StandardScaler()
        return super().partial_fit(self.scaler_.partial_fit(X).transform(X), y, classes)

    def decision_function(self, X):
        """Scores of standardized rows."""
        return super().decision_function(self.scaler_.transform(X))


def _stream_models(seed: int) -> dict:
    """Those that learn row by row."""
    online = Standardized(loss="log_loss", average=False, random_state=seed)
    options = {"difference_bound": STREAM_BOUND, "favorable_label": 1, "random_state": seed}
    plain = FEAMOEClassifier(constraints=None, growth="drift", random_state=seed)
    return {
        "rule over SGDClassifier": BiasScoreClassifier(online, **options),
        "rule over FEAMOE": BiasScoreClassifier(plain, group_estimator=online, **options),
        "FEAMOE's control": FEAMOEClassifier(growth="drift", **options),
        "SGDClassifier": online,
    }


def _prequential(model, X, y, groups):
    """Decisions on every batch just before it is learned."""
    classes = np.unique(y)
    decisions = np.full(len(y), classes[0])
    fair = not isinstance(model, SGDClassifier)
    for start in range(0, len(y), BATCH):
        rows = slice(start, start + BATCH)
        if start:
            decisions[rows] = model.predict(X[rows])
        given = {"sensitive_features": groups[rows]} if fair else {}
        model.partial_fit(X[rows], y[rows], classes=classes, **given)
    return decisions


def _windows(y, decisions, groups) -> dict:
    """Accuracy, and the share of windows beyond the bound, warm-up left out."""
    starts = range(WINDOW, len(y), WINDOW)
    gaps = [scores(*(p[s : s + WINDOW] for p in (y, decisions, groups)))["dp"] for s in starts]
    return {
        "accuracy": float((decisions == y)[WINDOW:].mean()),
        "gap": float(np.mean(gaps)),
        "windows_above": float(np.mean(np.array(gaps) > STREAM_BOUND + 0.02)),
    }

"""A good call of every public function of rows, whose arguments the tests spoil one by one."""

import numpy as np
from lending import make_lending, stream

from skfeamoe import FEAMOEClassifier, card, inspection, metrics
from skfeamoe.streaming import monitor

X, Y, GROUP = make_lending(200)
RNG = np.random.default_rng(0)
PRED = np.where(RNG.random(200) < 0.8, Y, 1 - Y)
SCORE, DISTANCE = RNG.random(200), RNG.random(200)
ATTRIBUTIONS = RNG.normal(size=X.shape)
MODEL = stream(FEAMOEClassifier(difference_bound=0.5, random_state=0), X, Y, GROUP)

LABELS = {"y_true": Y, "y_pred": PRED}
GROUPS = {"sensitive_features": GROUP}
BASELINE = X.mean(axis=0)


def calls():
    """(name, function, arguments per row, other arguments)."""
    m = metrics
    yield "burden", m.burden, LABELS | {"distance": DISTANCE}, {}
    yield "burden_difference", m.burden_difference, LABELS | GROUPS | {"distance": DISTANCE}, {}
    yield "coverage", m.coverage, LABELS, {}
    yield "coverage_difference", m.coverage_difference, LABELS | GROUPS, {}
    yield "selective_accuracy", m.selective_accuracy, LABELS, {}
    yield (
        "selective_accuracy_difference",
        m.selective_accuracy_difference,
        LABELS | GROUPS,
        {},
    )
    yield "implied_threshold", m.implied_threshold, LABELS | {"risk": SCORE}, {}
    yield "infra_marginality", m.infra_marginality, LABELS | {"risk": SCORE}, {}
    yield (
        "infra_marginality_difference",
        m.infra_marginality_difference,
        LABELS | GROUPS | {"risk": SCORE},
        {},
    )
    yield (
        "risk_explained_difference",
        m.risk_explained_difference,
        LABELS | GROUPS | {"risk": SCORE},
        {},
    )
    yield "result_unfairness", m.result_unfairness, LABELS | GROUPS, {}
    yield (
        "individual_unfairness",
        m.individual_unfairness,
        LABELS | {"y_pred_counterfactual": Y},
        {},
    )
    yield "utility_score", m.utility_score, LABELS | {"y_score": SCORE}, {}
    yield (
        "attention_divergence",
        m.attention_divergence,
        {"attributions": ATTRIBUTIONS} | GROUPS,
        {},
    )
    quality = {"quality": RNG.random(200)}
    yield (
        "value_explanation_difference",
        m.value_explanation_difference,
        quality | GROUPS,
        {},
    )
    yield (
        "ratio_explanation_difference",
        m.ratio_explanation_difference,
        quality | GROUPS,
        {},
    )
    yield (
        "explanation_quality",
        m.explanation_quality,
        {"X": X, "attributions": ATTRIBUTIONS},
        {"estimator": MODEL, "baseline": BASELINE},
    )
    yield (
        "procedural_unfairness",
        m.procedural_unfairness,
        {"X": X, "attributions": ATTRIBUTIONS} | GROUPS,
        {"estimator": MODEL, "baseline": BASELINE},
    )
    yield "monitor", monitor, LABELS | GROUPS | {"sample_weight": np.ones(200)}, {}
    yield (
        "explain_gap",
        inspection.explain_gap,
        {"X": X[:30], "sensitive_features": GROUP[:30]},
        {"estimator": MODEL, "background": X[:10]},
    )
    yield "card", card, {"X": X, "y": Y} | GROUPS, {"model": MODEL}


CALLS = {name: rest for name, *rest in calls()}


def shorter(values):
    return values[:-1]


def empty(values):
    return values[:0]


def deeper(values):
    return np.stack([values] * 2, axis=-1)


def nothing(values):
    return None


def a_text(values):
    return "text"


def a_number(values):
    return 3


def holed(values):
    if values.dtype.kind in "OU":
        return None
    values = values.astype(float)
    values[(3,) + (0,) * (values.ndim - 1)] = np.nan
    return values


def infinite(values):
    found = holed(values)
    return None if found is None else np.where(np.isnan(found), np.inf, found)


def dates(values):
    return np.full(values.shape, np.datetime64("2024-01-01"))


def complexes(values):
    return None if values.dtype.kind in "OU" else values + 1j


SPOILED = (
    shorter, empty, deeper, nothing, a_text, a_number, holed, infinite, dates, complexes,
)  # fmt: skip

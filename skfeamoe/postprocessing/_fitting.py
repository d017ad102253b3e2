"""The two models and the rules of BiasScoreClassifier: from checked rows to fitted state."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skfeamoe._drafts import snapshot
from skfeamoe._fairness.cases import MIN_CELL_ROWS
from skfeamoe._predicting import MixtureClassifier
from skfeamoe._sklearn import _safe_indexing
from skfeamoe.postprocessing import _buffer, _messages
from skfeamoe.postprocessing._coverage import CoverageRule, harmed_groups, solve_coverage
from skfeamoe.postprocessing._cross_fit import (
    Data,
    cross_fit,
    fit_estimator,
    group_rows,
    rows_of_params,
    splits,
)
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._inputs import second_model
from skfeamoe.postprocessing._rule import (
    Audit,
    Request,
    Rule,
    audit,
    no_rule,
    solve_request,
)
from skfeamoe.postprocessing._strata import check_strata, favorable_proba, stratum_proba


@dataclass(frozen=True)
class Models:
    """Both models, and rows that they were scored on before learning them."""

    estimator: Any
    group_estimator: Any  # None if no groups are compared
    held: HeldOut | None
    buffer: dict | None


@dataclass(frozen=True)
class Rules:
    """Who is decided on, and how; what that does on held-out rows; what to warn of."""

    rule: Rule
    coverage: CoverageRule | None
    audit: Audit | None
    messages: dict[str, str]  # by kind


def fit_models(estimator, data: Data, seed: int) -> Models:
    """Fit both models, and score rows that they did not learn from."""
    first, second = estimator.estimator, None
    if estimator.prefit:
        check_is_fitted(first, "classes_")
    if data.group_labels:
        second = second_model(estimator)
    if second is None and estimator.coverage is None:
        if not estimator.prefit:
            first = fit_estimator(clone(first), data, np.arange(len(data.y)))
        return Models(first, None, None, None)
    folds = splits(data, estimator.cv, seed)
    if not data.weight[np.concatenate([test for _, test in folds])].any():
        raise ValueError(
            "sample_weight must leave some weight in the rows that are held out to find the "
            "rule on, got zeros only; leave rows of weight zero out"
        )
    fitted = cross_fit(first, second, data, folds, estimator.prefit, estimator.n_jobs)
    return Models(fitted.estimator, fitted.group_estimator, _with_groups(fitted.held), None)


def next_models(estimator, data: Data) -> Models:
    """Score the new rows of a stream, then learn them."""
    held, buffer = None, None
    if not hasattr(estimator, "estimator_"):
        first, second = _new_models(estimator, data)
    else:
        first, second = _own(estimator.estimator_), _own(estimator.group_estimator_)
        held, buffer = estimator._held_out(), estimator._buffer
        if second is None and data.group_labels:  # groups begin to come
            second, held, buffer = _new_second(estimator), None, None
        elif hasattr(second, "classes_") or (second is None and estimator.coverage is not None):
            buffer = _pushed(estimator, buffer, score_rows(first, second, data))
    if second is not None and not (buffer and _buffer.is_one_away(buffer, held)):
        _learn_groups(second, data)
    _learn_labels(first, data)
    return Models(first, second, held, buffer)


def _pushed(estimator, buffer: dict | None, scored: HeldOut) -> dict:
    """The buffer with rows that were scored, a new one if there is none."""
    if buffer is None:
        buffer = _buffer.new_buffer(estimator.buffer_size, *scored.pi.shape[1:])
    buffer = {**buffer, "size": estimator.buffer_size}
    return _buffer.push(buffer, scored, _granted(estimator, scored))


def _granted(estimator, scored: HeldOut) -> NDArray | None:
    """What the present rule decides on rows: chances, nan where it abstains; None: no rule."""
    rule, coverage = Rule(**estimator._rule), estimator._as_coverage()
    if not rule.events:
        return None
    chances = rule.expected(scored.eta, scored.pi)
    if coverage is not None:
        chances[~coverage.is_covered(scored.eta, scored.pi)] = np.nan
    return chances


def _own(model):
    """A model that may learn while the published one stays: both learn a batch, or neither."""
    return snapshot(model) if isinstance(model, MixtureClassifier) else copy.deepcopy(model)


def _new_models(estimator, data: Data):
    """Models at the beginning of a stream."""
    first = estimator.estimator
    if estimator.prefit:
        check_is_fitted(first, "classes_")
    first = copy.deepcopy(first) if estimator.prefit else clone(first)
    return first, _new_second(estimator) if data.group_labels else None


def _new_second(estimator):
    """The second model where groups begin to come."""
    second = clone(second_model(estimator))
    if not hasattr(second, "partial_fit"):
        raise ValueError(
            f"group_estimator must have partial_fit to learn from a stream, got "
            f"{type(second).__name__}"
        )
    return second


def _learn_labels(model, data: Data) -> None:
    """Teach the first model the new rows that have a label."""
    rows = np.flatnonzero(data.known)
    if len(rows):
        X, y = _safe_indexing(data.X, rows), data.y[rows]
        params = rows_of_params(data.params, rows, len(data.y))
        model.partial_fit(X, y, classes=data.classes, **params)


def _learn_groups(model, data: Data) -> None:
    """Teach the second model the new rows whose groups are known."""
    X, target, params = group_rows(data, np.arange(len(data.y)))
    if len(target):
        model.partial_fit(X, target, classes=np.unique(data.names.astype(str)), **params)
        check_strata(model.classes_, data.names)


def score_rows(first, second, data: Data) -> HeldOut:
    """What both models say of rows, beside what is known."""
    eta = favorable_proba(first, data.X, data.favorable_label)
    pi = np.ones((len(eta), 1, 1))
    if second is not None:
        pi = stratum_proba(second, data.X, data.names, len(data.group_labels))
    known = data.groups, data.favored, data.weight, data.label_weight
    return _with_groups(HeldOut(eta, pi, *known))


def _with_groups(held: HeldOut) -> HeldOut:
    """The rows, all of one group if no groups are compared."""
    if held.n_groups > 1:
        return held
    return replace(held, groups=np.zeros(len(held), dtype=np.intp))


def find_rules(
    estimator, request: Request, held: HeldOut | None, start: NDArray | None = None
) -> Rules:
    """Solve for the rules of the present parameters on held-out rows."""
    if held is None:
        return Rules(no_rule(), None, None, {})
    labels = estimator._group_labels
    coverage, decided, messages = None, held, {}
    if estimator.coverage is not None:
        asked = estimator.coverage, estimator.coverage_bound
        coverage = solve_coverage(held, *asked, estimator.no_harm)
        covered = coverage.is_covered(held.eta, held.pi)
        decided = held.rows(covered)
        messages["missed"] = _messages.missed(held, covered, *asked)
        messages["too small"] = _messages.too_small(held, labels)
    rule, found = no_rule(), None
    if held.n_groups > 1 and request.slots:
        if decided.weight.any():
            rule = solve_request(decided, request, start)
        found = audit(decided, rule, request)
        messages["unmet"] = _messages.unmet(found, request)
        messages["uncompared"] = _messages.uncompared(decided, request, labels)
    if coverage is not None and estimator.no_harm and labels:
        harmed = harmed_groups(held, coverage, rule.expected(held.eta, held.pi))
        messages["harmed"] = _messages.harmed([labels[a] for a in harmed])
    return Rules(rule, coverage, found, {kind: m for kind, m in messages.items() if m})


def lost_people(estimator, request: Request, held: HeldOut, found: Rules) -> list[str]:
    """What the present rule bounds, and rules that were found on other rows would not.

    A rate with next to nobody behind it has no bound, or one that is kept for them alone. If
    the rows of the present rule had more of these people, it is the better one.
    """
    before = estimator._held_out()
    if before is None:
        return []
    names, then = _behind(estimator, request, before, estimator._as_coverage())
    _, now = _behind(estimator, request, held, found.coverage)
    lost = now < np.minimum(MIN_CELL_ROWS, then / 2.0)
    return [name for name, is_lost in zip(names, lost, strict=True) if is_lost]


def _behind(estimator, request: Request, held: HeldOut, coverage: CoverageRule | None):
    """What is bounded, by group and event, and how many rows are behind each."""
    labels = estimator._group_labels or ["all"]
    names, sizes = [], [np.zeros(0)]
    if estimator.coverage is not None:
        names += [f"{label} (coverage)" for label in labels]
        sizes.append(held.sizes(["all"]))
    if coverage is not None:
        held = held.rows(coverage.is_covered(held.eta, held.pi))
    if held.n_groups > 1 and request.slots:
        names += [f"{label} ({event})" for event in request.events for label in labels]
        sizes.append(held.sizes(request.events))
    return names, np.concatenate(sizes)

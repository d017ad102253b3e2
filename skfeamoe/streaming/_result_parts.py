"""What a result works out from its counts: choices, gaps over time, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from fairlearn.metrics import (
    MetricFrame,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)

from skfeamoe._fairness.constraints import CONSTRAINTS, constraint_of
from skfeamoe._parameter_checks import listed_constraints
from skfeamoe.inspection._timeline import chosen_model

from ._gaps import compared_groups, gap_of
from ._tally import GAPS, RATIOS, UNTOLD_PLACE
from ._verdict import Verdict, judge


def chosen_gap(result: Any, model: str, measure: str | None) -> str:
    """The gap that is meant: asked for, constrained, or the first measured."""
    measured = [gap for gap in (*GAPS, *RATIOS) if gap in result.metrics]
    if measure is None:
        asked = listed_constraints(getattr(result.estimators[model], "constraints", None))
        of_names = [CONSTRAINTS[c].metric for c in asked if c in CONSTRAINTS]
        wanted = [gap for gap in of_names if gap in measured]
        measure = (wanted or measured or [GAPS[0]])[0]
    if measure not in measured:
        raise ValueError(
            f"measure must be a gap of the run, one of {measured}, got {measure!r}"
        )
    return measure


def bound_of(estimator: Any, measure: str) -> float | None:
    """The bound that an estimator was given for a gap."""
    ratio = measure.endswith("_ratio")
    bound = getattr(estimator, "ratio_bound" if ratio else "difference_bound", None)
    if isinstance(bound, Mapping):
        bound = bound.get(constraint_of(measure).name)
    return None if bound is None else float(bound)


def verdict_of(
    result: Any,
    bound: float | None,
    measure: str | None,
    model: str | None,
    anytime: bool | None,
) -> Verdict:
    """The verdict of a run; the model's own bound by default."""
    if not result.points:
        raise ValueError("the result has no evaluation point; run the stream further first")
    model = chosen_model(result, model)
    measure = chosen_gap(result, model, measure)
    if bound is None:
        bound = bound_of(result.estimators[model], measure)
    if bound is None:
        raise ValueError(f"bound must be given: model {model!r} has none for {measure}")
    if anytime is None:
        anytime = not result.settings.get("decided_first", True)
    _check_bound(bound, measure)
    return judge(result, model, measure, float(bound), anytime=anytime)


def _check_bound(bound, measure: str) -> None:
    """Refuse what no gap can be held against."""
    highest = np.inf if constraint_of(measure).uses_distance else 1.0
    number = float(bound) if isinstance(bound, Real) and bound is not True else np.nan
    if not (0.0 <= number <= highest and number < np.inf):
        ends = "of at least 0" if highest > 1.0 else "from 0 to 1"
        what = "smallest ratio" if measure.endswith("_ratio") else "largest gap"
        raise ValueError(
            f"bound must be a number {ends}, the {what} that is promised for {measure}, got "
            f"{bound!r}"
        )


def gap_frame(result: Any, measure: str, model: str | None, view: str, anytime: bool):
    """A gap at every evaluation point with its interval, as a DataFrame."""
    import pandas as pd

    model = chosen_model(result, model)
    measure = chosen_gap(result, model, measure)
    if anytime and view != "cumulative":
        raise ValueError(
            f"anytime intervals are of all rows so far, view='cumulative', got {view!r}"
        )
    views = result.points[0].models[model].views if result.points else {}
    if view not in views:
        raise ValueError(f"view must be one of {list(views)}, got {view!r}")
    mask = compared_groups(result, model, measure)
    if not mask.any():
        mask = np.ones(len(mask), dtype=bool)
    names, least = result.group_names, result.settings["window"] if view == "window" else 1
    lines = []
    for point in result.points:
        part = point.models[model].views[view]
        if part.n_rows < least:
            continue
        gap = gap_of(
            part, measure, names, mask, min_group_size=result.min_group_size, anytime=anytime
        )
        high, low = gap.highest, gap.lowest
        lines.append(
            {
                "rows_seen": point.rows_seen,
                "time": point.time,
                "gap": gap.interval.value,
                "low": gap.interval.low,
                "high": gap.interval.high,
                "highest": None if high is None else high.name,
                "lowest": None if low is None else low.name,
                "n_highest": 0 if high is None else high.n_rows,
                "n_lowest": 0 if low is None else low.n_rows,
            }
        )
    columns = ["rows_seen", "time", "gap", "low", "high"]
    columns += ["highest", "lowest", "n_highest", "n_lowest"]
    return pd.DataFrame(lines, columns=columns)


def metric_frame(result: Any, model: str | None, view: str, point: int) -> MetricFrame:
    """The rates by group at an evaluation point, with counts as weights."""
    names = list(result.timings)
    model = names[0] if model is None and len(names) == 1 else model
    if model not in names:
        raise ValueError(f"model must be one of {names}, got {model!r}")
    views = result.points[point].models[model].views
    if view not in views:
        raise ValueError(f"view must be one of {list(views)}, got {view!r}")
    group, y_true, y_pred = np.nonzero(views[view].cells)
    if not len(group):
        raise ValueError("no row with a known group was scored; pass sensitive_features")
    weight = {"sample_weight": views[view].cells[group, y_true, y_pred]}
    metrics = {
        "selection_rate": selection_rate,
        "true_positive_rate": partial(_of_labeled, true_positive_rate),
        "false_positive_rate": partial(_of_labeled, false_positive_rate),
    }
    columns = zip(*[result.groups[g] for g in group], strict=True)
    return MetricFrame(
        metrics=metrics,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features={
            name: np.array(column)
            for name, column in zip(result.sensitive_names, columns, strict=True)
        },
        sample_params=dict.fromkeys(metrics, weight),
    )


def _of_labeled(rate: Any, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
    """A rate of the people with a true label; nan if there are none."""
    told = np.asarray(y_true) != UNTOLD_PLACE
    if not told.any():
        return np.nan
    parts = (np.asarray(part)[told] for part in (y_true, y_pred, sample_weight))
    true, predicted, weight = parts
    return rate(true, predicted, sample_weight=weight, pos_label=1)

"""The report: one HTML file with everything in it, for those who answer for the decisions."""

from __future__ import annotations

import base64
import datetime
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import _report_parts as parts
from ._tally import GAPS
from ._words import GAP_MEANING, GAP_WORDS

MOST_EXPLAINED = 300
"""Rows, at most, whose explanations make up those of the gap."""


def render(
    result,
    *,
    model: str | None,
    measure: str | None,
    difference_bound: float | None,
    title: str,
    facts: Mapping[str, Any] | None,
    gap_explanation,
) -> str:
    """Return the report as HTML."""
    environment = _environment()
    if not result.points:
        raise ValueError("the result has no evaluation point; run the stream further first")
    model = _model(result, model)
    measure = _measure(result, model, measure)
    if difference_bound is None:
        difference_bound = _bound_of(result.estimators[model], measure)
    lines, n_more_groups = parts.group_lines(result, model) if result.groups else ([], 0)
    return environment.get_template("report.html.j2").render(
        title=title,
        model=model,
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        subtitle=_subtitle(result),
        gap_name=GAP_WORDS[measure],
        gap_meaning=GAP_MEANING[measure],
        bound=difference_bound,
        tiles=parts.verdict(result, model, measure, difference_bound),
        pictures=_pictures(result, model, measure, difference_bound, gap_explanation),
        models=parts.model_lines(result),
        gap_names=[GAP_WORDS[g] for g in GAPS if g in result.metrics],
        groups=lines,
        n_more_groups=n_more_groups,
        min_group_size=result.min_group_size,
        window=result.settings["window"],
        experts=parts.expert_lines(result, model),
        watched=model in result.alarm_records,
        alarms=parts.alarm_lines(result, model, measure, difference_bound),
        n_alarms=len(result.alarm_records.get(model, ())),
        own_alarms=parts.own_alarms(result, model),
        explained=gap_explanation,
        features=parts.feature_lines(gap_explanation),
        facts=parts.record_facts(result, model, facts or {}),
    )


def write(text: str, path) -> None:
    """Write a file whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path, content: bytes) -> None:
    """Write to a new file beside the old one, then put it in its place."""
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def explain(
    result, model: str | None, X, sensitive_features, feature_groups, random_state=0
) -> Any:
    """Explain the gap on rows as the model sees them; the last `MOST_EXPLAINED` count."""
    from skfeamoe.inspection import explain_gap

    model = _model(result, model)
    estimator = result.estimators[model]
    if not hasattr(estimator, "explain"):
        raise ValueError(
            f"model {model!r} ({type(estimator).__name__}) has no explain; leave X out, or "
            "choose a FEAMOEClassifier"
        )
    first = max(len(sensitive_features) - MOST_EXPLAINED, 0)
    last = slice(first, None)
    return explain_gap(
        estimator,
        X.iloc[last] if hasattr(X, "iloc") else X[last],
        sensitive_features.iloc[last]
        if hasattr(sensitive_features, "iloc")
        else sensitive_features[last],
        feature_groups=feature_groups,
        random_state=random_state,
    )


def _environment():
    """jinja2 with everything escaped."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            'reports need jinja2; install it with: pip install "skfeamoe[demo]"'
        ) from error
    return jinja2.Environment(
        loader=jinja2.PackageLoader("skfeamoe.streaming", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _model(result, model: str | None) -> str:
    """The model that the report is about; the first by default."""
    names = list(result.timings)
    if model is None:
        return names[0]
    if model not in names:
        raise ValueError(f"model must be one of {names}, got {model!r}")
    return model


def _measure(result, model: str, measure: str | None) -> str:
    """The gap that the report is about: asked for, constrained, or the first measured."""
    measured = [gap for gap in GAPS if gap in result.metrics]
    if measure is None:
        constraints = getattr(result.estimators[model], "constraints", None) or ()
        names = [constraints] if isinstance(constraints, str) else list(constraints)
        wanted = [f"{n}_difference" for n in names if f"{n}_difference" in measured]
        measure = (wanted or measured or [GAPS[0]])[0]
    if measure not in measured:
        raise ValueError(
            f"measure must be a gap of the run, one of {measured}, got {measure!r}"
        )
    return measure


def _bound_of(estimator, measure: str) -> float | None:
    """The bound that the estimator was given for a gap."""
    bound = getattr(estimator, "difference_bound", None)
    if isinstance(bound, Mapping):
        bound = bound.get(measure.removesuffix("_difference"))
    return None if bound is None else float(bound)


def _subtitle(result) -> str:
    """Rows and period."""
    text = f"{result.rows_seen:,} rows"
    period = dict(parts.facts_of_settings(result)).get("Period")
    return f"{text}, {period}" if period else text


def _pictures(
    result, model: str, measure: str, bound: float | None, gap_explanation
) -> dict[str, str]:
    """All pictures as data URIs."""
    from skfeamoe.inspection import (
        ExpertUsageDisplay,
        FairnessDriftDisplay,
        GroupComparisonDisplay,
        PrequentialDisplay,
    )

    about: dict[str, Any] = {"model": model}
    has_windows = bool(parts.full_windows(result, model))
    view: dict[str, Any] = {"view": "window" if has_windows else "cumulative"}
    measures = [name for name in ("accuracy", measure) if name in result.metrics]
    found = {
        "measures": _picture(
            [2.7] * len(measures),
            lambda ax: PrequentialDisplay.from_result(
                result, measures=measures, difference_bound=bound, ax=ax, **about, **view
            ),
        )
    }
    if result.groups:
        found["groups"] = _picture(
            [3.0, 2.3],
            lambda ax: FairnessDriftDisplay.from_result(
                result, measure=measure, difference_bound=bound, ax=ax, **about, **view
            ),
        )
    if parts.expert_lines(result, model) is not None:
        found["experts"] = _picture(
            [3.2], lambda ax: ExpertUsageDisplay.from_result(result, ax=ax, **about)
        )
    if gap_explanation is not None:
        n_lines = min(len(gap_explanation.feature_names), 10)
        found["features"] = _picture(
            [1.9 + 0.36 * n_lines],
            lambda ax: GroupComparisonDisplay(gap_explanation).plot(ax=ax[0]),
        )
    return found


def _picture(heights: list[float], draw: Callable[[Any], Any]) -> str:
    """Draw on panels one below the other; return an SVG picture as a data URI."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "skfeamoe", "svg.fonttype": "path"}):
        figure = Figure(figsize=(9.2, sum(heights)), layout="constrained")
        axes = figure.subplots(
            len(heights), 1, sharex=len(heights) > 1, height_ratios=heights, squeeze=False
        )
        draw(axes[:, 0])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")

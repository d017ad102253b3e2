"""The report: one HTML file with everything in it, for those who answer for the decisions."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skfeamoe._optional import optional
from skfeamoe.inspection._timeline import chosen_model

from . import _report_parts as parts
from ._batches import sliced
from ._cautions import cautions_of
from ._compared import Compared, compared
from ._files import write_csv, write_text
from ._result_parts import bound_of, chosen_gap
from ._verdict import Verdict
from ._words import DASH, GAP_MEANING, GAP_WORDS, facts_of_settings

MOST_EXPLAINED = 300
"""Rows, at most, whose explanations make up importance, shapes and those of the gap."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What a report is about, settled before any markup."""

    result: Any
    model: str
    measure: str
    bound: float | None
    verdicts: list[Verdict]
    explanation: Any
    gap_explanation: Any

    @classmethod
    def of(
        cls,
        result: Any,
        model: str | None = None,
        measure: str | None = None,
        difference_bound: float | None = None,
        more_bounds: Mapping[str, float] | None = None,
        X=None,
        sensitive_features=None,
        feature_groups=None,
        shown=None,
    ) -> Report:
        """Choose model, gap and bound, judge, and explain rows if there are any.

        What is asked for is described at `PrequentialResult.to_html`.
        """
        explained: tuple[Any, Any] = (None, None)
        if X is not None:
            if sensitive_features is None:
                raise ValueError("sensitive_features must be given with X, one per row")
            explained = explain(result, model, X, sensitive_features, feature_groups, shown)
        if not result.points:
            raise ValueError("the result has no evaluation point; run the stream further first")
        model = chosen_model(result, model)
        measure = chosen_gap(result, model, measure)
        bound = difference_bound
        if bound is None:
            bound = bound_of(result.estimators[model], measure)
        bounds = {} if bound is None else {measure: bound}
        bounds |= {k: v for k, v in (more_bounds or {}).items() if k != measure}
        verdicts = [
            result.verdict(model=model, measure=name, bound=value)
            for name, value in bounds.items()
        ]
        return cls(result, model, measure, bound, verdicts, *explained)

    @property
    def decided_first(self) -> bool:
        """Whether the run itself decided each row before it learned from it."""
        return bool(self.result.settings.get("decided_first", True))

    def compared(self) -> Compared:
        """The gap over all rows, and whom it leaves out."""
        return compared(self.result, self.model, self.measure, anytime=not self.decided_first)


MOST_STEPS = 10
"""How often whoever explains, draws and writes a report tells what comes next, at most."""


def nobody(text: str) -> None:
    """Tell nobody."""


def render(
    report: Report,
    *,
    title: str,
    facts: Mapping[str, Any] | None,
    tell: Callable[[str], Any] = nobody,
) -> str:
    """Return the report as HTML."""
    from ._report_pictures import pictures

    result, model, measure = report.result, report.model, report.measure
    template = _environment().get_template("report.html.j2")
    groups, n_more_groups = parts.group_lines(result, model) if result.groups else ([], 0)
    view = result.points[-1].models[model].views["cumulative"]
    return template.render(
        title=title,
        model=model,
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        subtitle=_subtitle(result),
        decided_first=report.decided_first,
        gap_name=GAP_WORDS[measure],
        gap_meaning=GAP_MEANING[measure],
        bound=report.bound,
        verdicts=report.verdicts,
        cautions=[]
        if report.verdicts
        else [
            *report.compared().sentences(),
            *cautions_of(view, result.favorable_label, model),
        ],
        tiles=parts.tiles(report),
        pictures=pictures(report, tell),
        models=parts.model_table(result),
        gaps=parts.gap_lines(result, model),
        groups=groups,
        rates=parts.group_columns(groups),
        calibrated=any(line["calibration"] != DASH for line in groups),
        n_more_groups=n_more_groups,
        min_group_size=result.min_group_size,
        window=result.settings["window"],
        experts=parts.expert_lines(result, model),
        watched=model in result.alarm_records,
        alarms=parts.alarm_lines(result, model, measure, report.bound),
        n_alarms=len(result.alarm_records.get(model, ())),
        own_alarms=parts.own_alarms(result, model),
        inputs=parts.input_lines(result),
        explained=report.gap_explanation,
        importance=parts.importance_lines(report.explanation),
        features=parts.feature_lines(report.gap_explanation),
        facts=parts.record_facts(result, model, facts or {}),
    )


TABLES: dict[str, Callable[[Report], Any]] = {
    "measures": lambda report: report.result.table,
    "groups": lambda report: report.result.group_table,
    "gap": lambda report: report.result.gap_table(
        report.measure, model=report.model, view=_view_of(report)
    ),
    "alarms": lambda report: report.result.alarms,
    "experts": lambda report: report.result.expert_table,
    "inputs": lambda report: report.result.input_drift,
    "calibration": lambda report: parts.calibration_frame(report.result, report.model),
    "summary": lambda report: report.result.summary().reset_index(),
    "people": lambda report: report.result.people_table if report.result.people else None,
    "gap_by_feature": lambda report: (
        None
        if report.gap_explanation is None
        else report.gap_explanation.to_frame().reset_index()
    ),
    "importance": lambda report: (
        None if report.explanation is None else parts.importance_frame(report.explanation)
    ),
}
"""Tables that are written as CSV; None where there is nothing to tell."""

NUMBERS = ("report.json", *(f"{name}.csv" for name in TABLES))
"""Files that `write_numbers` may write."""


def write_numbers(report: Report, folder, *, title: str, facts: Mapping[str, Any] | None):
    """Write every number of the report into a folder: report.json, and tables as CSV.

    Tables that an earlier report.json lists and this one does not are removed.
    """
    place = Path(folder)
    place.mkdir(exist_ok=True)
    tables = {
        name: table for name, make in TABLES.items() if (table := make(report)) is not None
    }
    content: dict[str, Any] = {
        "title": title,
        "model": report.model,
        "measure": report.measure,
        "bound": report.bound,
        "verdicts": [
            {**dataclasses.asdict(verdict), "sentences": verdict.sentences}
            for verdict in report.verdicts
        ],
        "left_out": dict(report.compared().left_out),
        "summary": tables["summary"].to_dict("records"),
        "record": dict(parts.record_facts(report.result, report.model, facts or {})),
        "tables": sorted(f"{name}.csv" for name in tables),
    }
    for name in listed_tables(place / NUMBERS[0]) - set(content["tables"]):
        (place / name).unlink(missing_ok=True)
    write_text(place / NUMBERS[0], json.dumps(_plain(content), indent=1, allow_nan=False))
    for name, table in tables.items():  # whose owner is known from here on
        write_csv(place / f"{name}.csv", table)


def listed_tables(path: Path) -> set[str]:
    """The tables that an earlier report.json lists; none if it is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["tables"]
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    return {name for name in NUMBERS[1:] if name in found} if isinstance(found, list) else set()


def explain(
    result: Any,
    model: str | None,
    X,
    sensitive_features,
    feature_groups,
    shown=None,
    random_state=0,
) -> tuple[Any, Any]:
    """Explain the last `MOST_EXPLAINED` rows as the model sees them, and their gap."""
    from skfeamoe.inspection._gap import gap_of_view
    from skfeamoe.inspection._views import class_position, view_of_class

    model = chosen_model(result, model)
    estimator = result.estimators[model]
    if not hasattr(estimator, "explain"):
        raise ValueError(
            f"model {model!r} ({type(estimator).__name__}) has no explain; leave X out, or "
            "choose a FEAMOEClassifier"
        )
    rows = slice(max(len(sensitive_features) - MOST_EXPLAINED, 0), None)
    explanation = estimator.explain(
        sliced(X, rows), feature_groups=feature_groups, random_state=random_state
    )
    position = class_position(estimator, result.favorable_label)
    view = view_of_class(explanation, position)
    if shown is not None:
        columns = {str(name): name for name in shown.columns}
        if set(view.names) <= set(columns):
            table = sliced(shown, rows)[[columns[name] for name in view.names]]
            view = view._replace(cells=table.to_numpy(dtype=object))
    try:
        gap = gap_of_view(view, sliced(sensitive_features, rows))
    except ValueError:  # fewer than two groups of two rows: nothing to compare
        gap = None
    return view, gap


def _view_of(report: Report) -> str:
    """Windows where there are full ones, else all rows."""
    from ._gaps import full_windows

    return "window" if full_windows(report.result, report.model) else "cumulative"


def _environment():
    """jinja2 with everything escaped."""
    jinja2 = optional("jinja2", extra="demo", purpose="a report")
    return jinja2.Environment(
        loader=jinja2.PackageLoader("skfeamoe.streaming", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _subtitle(result) -> str:
    """Rows and period."""
    text = f"{result.rows_seen:,} rows"
    period = dict(facts_of_settings(result)).get("Period")
    return f"{text}, {period}" if period else text


def _plain(value: Any) -> Any:
    """What JSON knows; a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value if value is None else str(value)

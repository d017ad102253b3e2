"""What the report says: every number, table line and sentence, before any markup."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._intervals import bootstrap_view
from ._tally import group_rates
from ._words import (
    GAP_WORDS,
    alarm_sentence,
    between,
    count,
    decimal,
    facts_of_settings,
    percent,
    points,
    when,
)

MOST_LINES = 60
"""Groups and alarms that are listed one by one."""

MOSTLY = 0.8
"""Share of windows within the bound that is called good."""

NEAR = 0.05
"""Windowed accuracy is back when it is within so much of what it was before an alarm."""


def full_windows(result, model: str) -> list[dict[str, Any]]:
    """Row, time, windowed view and number of experts at points with a full window."""
    window = result.settings["window"]
    found = []
    for point in result.points:
        part = point["models"][model]
        view = part["views"].get("window")
        if view is not None and view["n_rows"] >= window:
            found.append(
                {
                    "row": point["rows_seen"],
                    "time": point["time"],
                    "view": view,
                    "n_experts": part["n_experts"],
                }
            )
    return found


def verdict(result, model: str, measure: str, bound: float | None) -> list[dict[str, Any]]:
    """The four answers that are wanted first: label, value, note and state of each."""
    last = result.points[-1]["models"][model]["views"]["cumulative"]
    _, gap_ends = bootstrap_view(last, result.min_group_size)
    gap, windows = last[measure], full_windows(result, model)
    ends = gap_ends.get(measure)
    tiles = [_gap_tile(gap, ends, measure, bound)]
    values = np.array([w["view"][measure] for w in windows], dtype=float)
    known = np.isfinite(values)
    if bound is not None and known.any():
        share = float((values[known] <= bound).mean())
        worst = windows[int(np.nanargmax(values))]
        tiles.append(
            {
                "label": f"Windows of {count(result.settings['window'])} rows within the bound",
                "value": percent(share, 0),
                "note": f"largest gap {decimal(np.nanmax(values))} at row "
                f"{count(worst['row'])}" + _at(worst["time"]),
                "state": "good" if share >= MOSTLY else "bad",
                "mark": f"at least {percent(MOSTLY, 0)}"
                if share >= MOSTLY
                else f"less than {percent(MOSTLY, 0)}",
            }
        )
    accuracy = np.array([w["view"]["accuracy"] for w in windows], dtype=float)
    spread = (
        f"in windows {percent(accuracy.min())} to {percent(accuracy.max())}"
        if len(accuracy)
        else "no full window"
    )
    tiles.append(
        {
            "label": "Accuracy",
            "value": percent(last["accuracy"]),
            "note": spread,
            "state": "plain",
        }
    )
    return [*tiles, _alarm_tile(result, model)]


def _gap_tile(gap: float, ends, measure: str, bound: float | None) -> dict[str, Any]:
    """Whether the bound was kept over all rows."""
    note = "" if ends is None else f"95 % interval {decimal(ends[0])} to {decimal(ends[1])}"
    if not np.isfinite(gap):
        return {
            "label": GAP_WORDS[measure].capitalize(),
            "value": "not measured",
            "note": "fewer than two groups are large enough",
            "state": "plain",
        }
    if bound is None:
        state, label = "plain", GAP_WORDS[measure].capitalize()
    else:
        state = "good" if gap <= bound else "bad"
        label = f"{GAP_WORDS[measure].capitalize()}, bound {bound:g}"
    mark = {"good": "bound kept over all rows", "bad": "bound exceeded over all rows"}
    return {
        "label": label,
        "value": decimal(gap),
        "note": note,
        "state": state,
        "mark": mark.get(state),
    }


def _alarm_tile(result, model: str) -> dict[str, Any]:
    """How many alarms there were."""
    if model not in result.alarm_records:
        return {
            "label": "Drift alarms",
            "value": "not watched",
            "note": "no change detector was asked for",
            "state": "plain",
        }
    records = result.alarm_records[model]
    worse = sum(alarm["change"] == "worse" for alarm in records)
    return {
        "label": "Drift alarms",
        "value": str(len(records)),
        "note": f"{worse} for the worse, {len(records) - worse} for the better",
        "state": "plain",
    }


def group_lines(result, model: str) -> tuple[list[dict[str, str]], int]:
    """A line per group with rates and intervals, the largest first; and how many are left."""
    view = result.points[-1]["models"][model]["views"]["cumulative"]
    rates, (ends, _) = group_rates(view), bootstrap_view(view, result.min_group_size)
    total = rates["n_rows"].sum()
    order = np.argsort(-rates["n_rows"], kind="stable")
    lines = []
    for g in order[:MOST_LINES]:
        n = rates["n_rows"][g]
        line = {
            "group": result.group_names[g],
            "rows": count(n),
            "share": percent(n / total if total else np.nan),
            "small": n < result.min_group_size,
        }
        for name in ends:
            line[name] = percent(rates[name][g])
            line[f"{name}_ends"] = between(ends[name][g])
        lines.append(line)
    return lines, max(len(order) - MOST_LINES, 0)


def expert_lines(result, model: str) -> dict[str, Any] | None:
    """Who is served by which expert at the end of the stream; None without experts."""
    table = result.expert_table
    table = table[table["model"] == model]
    if not len(table):
        return None
    last = table[table["rows_seen"] == table["rows_seen"].max()]
    wide = last.assign(group=last["group"].fillna("")).pivot(
        index="expert", columns="group", values="weight"
    )
    groups = [name for name in result.group_names if name in wide.columns][:12]
    first_seen = table.groupby("expert")["rows_seen"].min()
    lines = [
        {
            "expert": int(k),
            "since": count(first_seen[k]),
            "everyone": percent(row[""]),
            "groups": [percent(row[name]) for name in groups],
        }
        for k, row in wide.iterrows()
    ]
    return {"groups": groups, "lines": lines, "rows": count(last["n_rows"].max())}


def alarm_lines(result, model: str, measure: str, bound: float | None) -> list[dict[str, Any]]:
    """What changed at each alarm, and what became of it."""
    found = result.alarms
    windows = full_windows(result, model)
    lines = []
    for number, alarm in enumerate(
        found[found["model"] == model].to_dict("records")[:MOST_LINES], start=1
    ):
        if not isinstance(alarm["group"], str):
            alarm["group"] = None
        before = [w for w in windows if w["row"] <= alarm["since_row"]]
        after = [w for w in windows if w["row"] > alarm["row"]]
        lines.append(
            {
                "number": number,
                "row": count(alarm["row"]),
                "time": when(alarm["time"]),
                "since": count(alarm["since_row"]),
                "change": alarm["change"],
                "sentence": alarm_sentence(alarm),
                "effects": _effects(before, after, alarm["row"], measure, bound),
            }
        )
    return lines


def _effects(before, after, row: int, measure: str, bound: float | None) -> list[str]:
    """Sentences on the windows around an alarm."""
    if not before or not after:
        return []
    old, new = before[-1], after[0]
    sentences = [
        f"Windowed accuracy {percent(old['view']['accuracy'])} before, "
        f"{percent(new['view']['accuracy'])} after; {GAP_WORDS[measure]} "
        f"{decimal(old['view'][measure])} before, {decimal(new['view'][measure])} after."
    ]
    floor = old["view"]["accuracy"] - NEAR
    sentences += _return(
        after, row, "accuracy", lambda view: view["accuracy"] >= floor, "within 5 points"
    )
    if bound is not None:
        sentences += _return(
            after, row, GAP_WORDS[measure], lambda view: view[measure] <= bound, "in its bound"
        )
    if old["n_experts"] and new["n_experts"] and old["n_experts"] != new["n_experts"]:
        sentences.append(f"Experts: {old['n_experts']} before, {new['n_experts']} after.")
    return sentences


def _return(after, row: int, name: str, is_back, where: str) -> list[str]:
    """When a measure that was off came back; nothing if it never left."""
    off = [w for w in after if not is_back(w["view"])]
    if not off or off[0]["row"] - row > 2 * (after[-1]["row"] - row) / max(len(after), 1) + 1:
        return []
    back = [w for w in after if w["row"] > off[0]["row"] and is_back(w["view"])]
    if not back:
        return [f"The windowed {name} was not back {where} at the end of the stream."]
    return [f"The windowed {name} was back {where} after {count(back[0]['row'] - row)} rows."]


def feature_lines(gap_explanation) -> list[tuple[str, str, str]]:
    """What each feature adds to the gap, in points, the largest part first."""
    if gap_explanation is None:
        return []
    frame = gap_explanation.to_frame()[["value", "standard_error"]]
    return [
        (str(name), points(value), f"{100 * error:.1f}")
        for name, value, error in frame.itertuples(name=None)
    ]


def model_lines(result) -> list[dict[str, Any]]:
    """All models side by side, over all scored rows."""
    summary = result.summary()
    lines = []
    for name, row in summary.iterrows():
        lines.append(
            {
                "model": str(name),
                "rows": count(row["rows_scored"]),
                "accuracy": percent(row["accuracy"]) if "accuracy" in row else "",
                "gaps": [decimal(row[g]) for g in GAP_WORDS if g in row],
                "experts": decimal(row["n_experts"], 0),
                "seconds": f"{row['predict_seconds'] + row['train_seconds']:.1f}",
            }
        )
    return lines


def record_facts(result, model: str, extra: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Data and model facts for the record."""
    import sklearn

    import skfeamoe

    estimator = result.estimators[model]
    facts = [(str(key), str(value)) for key, value in extra.items()]
    facts += [("Rows of the stream", count(result.rows_seen)), *facts_of_settings(result)]
    facts.append(("Model", f"{model}: {type(estimator).__name__}"))
    if hasattr(estimator, "get_params"):
        chosen = {key: str(value) for key, value in estimator.get_params(deep=False).items()}
        facts.append(("Its parameters", ", ".join(f"{k}={v}" for k, v in chosen.items())))
    if hasattr(estimator, "n_features_in_"):
        facts.append(("Features it sees", count(estimator.n_features_in_)))
    facts.append(
        (
            "Software",
            f"skfeamoe {skfeamoe.__version__}, scikit-learn {sklearn.__version__}, "
            f"numpy {np.__version__}, Python {platform.python_version()}",
        )
    )
    return facts


def own_alarms(result, model: str) -> list[tuple[str, str]]:
    """Alarms that the estimator raised itself while it learned (growth="drift")."""
    history = getattr(result.estimators[model], "history_", {})
    rows, causes = history.get("alarm_n_samples_seen", ()), history.get("alarm_cause", ())
    return [(count(row), str(cause)) for row, cause in zip(rows, causes, strict=True)]


def _at(time: Any) -> str:
    """When, in brackets."""
    return f" ({when(time)})" if time is not None else ""

"""What the report says: every number, table line and sentence, before any markup.

Over 400 lines, because the parts of one report stand in its order, and the template is their
only reader.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from skfeamoe.inspection._timeline import MEASURE_NAMES
from skfeamoe.metrics import wilson_interval

from ._gaps import full_windows, gap_of
from ._people import gap_of_people
from ._tally import GAPS, RATIOS, calibration_errors, event_rates, group_rates
from ._verdict import KEPT, NOT_KEPT
from ._words import (
    DASH,
    GAP_WORDS,
    alarm_sentence,
    apart,
    between,
    count,
    decimal,
    facts_of_settings,
    percent,
    points,
    share,
    when,
)

MOST_LINES = 60
"""Groups, columns and alarms that are listed one by one."""

MOST_EXPERTS = 6

NEAR = 0.05
"""Windowed accuracy is back when it is within so much of what it was before an alarm."""

STATES = {KEPT: "good", NOT_KEPT: "bad"}
RATES = ("base_rate", "selection_rate", "true_positive_rate", "false_positive_rate")
RATE_HEADINGS = {"base_rate": "Favorable truth"}
"""Where a heading is not the name of the rate."""


def tiles(report: Any) -> list[dict[str, Any]]:
    """The answers that are wanted first: label, value, note and state of each."""
    result, model = report.result, report.model
    view = result.points[-1].models[model].views["cumulative"]
    found = [_gap_tile(report)]
    verdict = report.verdicts[0] if report.verdicts else None
    if verdict is not None and verdict.windows is not None:
        windows = verdict.windows
        notes = []
        if np.isfinite(windows.share_noise) and verdict.within:
            notes.append(f"noise alone would leave {percent(windows.share_noise, 0)} outside")
        if windows.share_in_none > 0:
            notes.append(f"{share(windows.share_in_none)} of the rows lie in none of them")
        found.append(
            {
                "label": f"Windows of {count(windows.size)} rows within the bound",
                "value": share(windows.share_within),
                "note": "; ".join(notes),
                "state": "bad" if windows.n_above else "plain",
            }
        )
    if "accuracy" in result.metrics:
        majority = view.measures.get("majority_accuracy", np.nan)
        found.append(
            {
                "label": "Accuracy",
                "value": percent(view["accuracy"]),
                "note": f"always the most frequent label: {percent(majority)}",
                "state": "bad" if view["accuracy"] <= majority else "plain",
            }
        )
    return [*found, _alarm_tile(result, model)]


def _gap_tile(report: Any) -> dict[str, Any]:
    """The gap over all rows."""
    name = GAP_WORDS[report.measure].capitalize()
    verdict = report.verdicts[0] if report.verdicts else None
    gap = report.compared().whole if verdict is None else verdict.whole
    if not np.isfinite(gap.interval.value):
        return {
            "label": name,
            "value": "not measured",
            "note": "fewer than two groups are large enough",
            "state": "plain",
        }
    ends, bound = gap.interval, report.bound
    other = np.nan if bound is None else bound
    return {
        "label": name if bound is None else f"{name}, bound {bound:g}",
        "value": apart(ends.value, other),
        "note": f"95 % interval {apart(ends.low, other)} to {apart(ends.high, other)}",
        "state": "plain" if verdict is None else STATES.get(verdict.answer, "open"),
    }


def _alarm_tile(result, model: str) -> dict[str, Any]:
    """How many alarms there were."""
    tile: dict[str, Any] = {"label": "Drift alarms", "state": "plain"}
    if model not in result.alarm_records:
        return tile | {"value": "not watched", "note": "no change detector was asked for"}
    records = result.alarm_records[model]
    worse = sum(alarm["change"] == "worse" for alarm in records)
    note = f"{worse} for the worse, {len(records) - worse} for the better"
    return tile | {"value": str(len(records)), "note": note}


def gap_lines(result, model: str) -> list[dict[str, str]]:
    """Every difference and ratio with its interval and the groups that make it."""
    view = result.points[-1].models[model].views["cumulative"]
    anytime = not result.settings.get("decided_first", True)
    lines = []
    for name in (*GAPS, *RATIOS):
        if name not in result.metrics:
            continue
        gap = gap_of(
            view,
            name,
            result.group_names,
            min_group_size=result.min_group_size,
            anytime=anytime,
        )
        if gap.highest is None or gap.lowest is None:
            continue
        ends = gap.interval
        as_text = decimal if gap.event == "burden" else percent
        lines.append(
            {
                "name": GAP_WORDS[name],
                "value": decimal(ends.value),
                "ends": f"{decimal(ends.low)} to {decimal(ends.high)}",
                **{
                    side: f"{g.name}: {as_text(g.rate)} of {count(g.n_rows)}"
                    for side, g in (("highest", gap.highest), ("lowest", gap.lowest))
                },
            }
        )
    return [*lines, *_people_gap(result, model)]


def _people_gap(result, model: str) -> list[dict[str, str]]:
    """The gap of selection rates in which everybody counts once."""
    people = result.people.get(model)
    ends = None if people is None else gap_of_people(people, result.min_group_size)
    if ends is None or np.isnan(ends.value):
        return []
    n, rate = np.array(people["n_people"]), np.array(people["selection_rate"])
    large = np.flatnonzero(n >= result.min_group_size)
    sides = {"highest": large[rate[large].argmax()], "lowest": large[rate[large].argmin()]}
    return [
        {
            "name": f"{GAP_WORDS[GAPS[0]]} by people",
            "value": decimal(ends.value),
            "ends": f"{decimal(ends.low)} to {decimal(ends.high)}",
            **{
                side: f"{result.group_names[g]}: {percent(rate[g])} of {count(n[g])} people"
                for side, g in sides.items()
            },
        }
    ]


def group_lines(result, model: str) -> tuple[list[dict[str, Any]], int]:
    """A line per group with rates and intervals, the largest first; and how many are left."""
    view = result.points[-1].models[model].views["cumulative"]
    rates, events = group_rates(vars(view)), event_rates(vars(view))
    calibration = calibration_errors(view.reliability[1:])
    n = rates["n_rows"]
    order = np.argsort(-n, kind="stable")
    of_event = {name: events[name].n_effective for name in RATES[1:]}
    of_event["base_rate"] = rates["n_effective"]
    lines, people = [], result.people.get(model)
    for g in order[:MOST_LINES]:
        line: dict[str, Any] = {
            "group": result.group_names[g],
            "rows": count(n[g]),
            "share": percent(n[g] / n.sum() if n.sum() else np.nan),
            "small": _why_small(n[g], rates["n_effective"][g], result.min_group_size),
            "calibration": decimal(calibration[g]),
            "people": "",
        }
        if people is not None:
            line["people"] = count(people["n_people"][g])
            line["rate_of_people"] = percent(people["selection_rate"][g])
            error = 1.96 * people["standard_error"][g]
            line["rate_of_people_ends"] = f"± {percent(error)}"
        for name in RATES:
            line[name] = percent(rates[name][g])
            ends = wilson_interval(rates[name][[g]], of_event[name][[g]])[0]
            line[f"{name}_ends"] = between(ends)
        lines.append(line)
    return lines, max(len(order) - MOST_LINES, 0)


def group_columns(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Rates of the groups, with headings; those that nobody has are left out."""
    names = [name for name in RATES if any(line[name] != DASH for line in lines)]
    return [(n, RATE_HEADINGS.get(n, n.replace("_", " ").capitalize())) for n in names]


def _why_small(n_rows: float, n_effective: float, least: int) -> str:
    """Why a group is in no gap; nothing if it is large enough."""
    if n_effective >= least:
        return ""
    weighed = "weights that make it worth " if n_rows >= least else ""
    return f"{weighed}fewer than {count(least)} rows, in no gap"


def calibration_frame(result, model: str):
    """Calibration curves of everyone and of each group, as a DataFrame."""
    import pandas as pd

    view = result.points[-1].models[model].views["cumulative"]
    names = [None, *result.group_names]
    lines = [
        {
            "group": names[line],
            "bin": b,
            "weight": weight,
            "mean_probability": proba / weight,
            "share_favorable": good / weight,
        }
        for line, table in enumerate(view.reliability)
        for b, (weight, proba, good) in enumerate(table)
        if weight > 0
    ]
    columns = ["group", "bin", "weight", "mean_probability", "share_favorable"]
    return pd.DataFrame(lines, columns=columns)


def input_lines(result) -> list[dict[str, Any]]:
    """What changed in each column of the inputs, what moved furthest first."""
    table = result.input_drift
    table = table[table["group"].isna()]
    if not len(table):
        return []
    lines: list[dict[str, Any]] = []
    for name, part in table.groupby("column", sort=False):
        worst = part.loc[part["psi"].idxmax()]
        beyond = (part["psi"] > np.maximum(part["psi_noise"], 0.1)).mean()
        lines.append(
            {
                "column": str(name),
                "psi": decimal(worst["psi"]),
                "noise": decimal(worst["psi_noise"]),
                "at": count(worst["last_row"]),
                "beyond": percent(beyond, 0),
                "wasserstein": decimal(part["wasserstein"].max(), 2),
                "missing": _range(part["missing_rate"]),
                "new": next((text for text in part["new_values"] if text), ""),
                "moved": bool(beyond > 0),
                "order": float(worst["psi"]),
            }
        )
    return sorted(lines, key=lambda line: -line["order"])[:MOST_LINES]


def _range(rates) -> str:
    """Smallest and largest share, once if they are the same."""
    ends = list(dict.fromkeys(percent(value) for value in (rates.min(), rates.max())))
    return " to ".join(ends)


def importance_frame(view):
    """Mean absolute contribution of each column, the largest first, as a DataFrame."""
    import pandas as pd

    size = np.abs(view.values)
    n = len(size)
    frame = pd.DataFrame(
        {
            "feature": [str(name) for name in view.names],
            "importance": size.mean(axis=0),
            "standard_error": size.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.nan,
        }
    )
    return frame.sort_values("importance", ascending=False, kind="stable")


def importance_lines(view) -> list[tuple[str, str, str]]:
    """Importance in points of probability."""
    if view is None:
        return []
    rows = importance_frame(view).head(15).itertuples(index=False)
    return [(r[0], f"{100 * r[1]:.1f}", f"{100 * r[2]:.1f}") for r in rows]


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
    groups = [name for name in result.group_names if name in wide.columns][:5]
    first_seen = table.groupby("expert")["rows_seen"].min()
    busiest = wide.sort_values("", ascending=False).head(MOST_EXPERTS)
    lines = [
        {
            "expert": int(k),
            "since": count(first_seen[k]),
            "everyone": percent(row[""]),
            "groups": [percent(row[name]) for name in groups],
        }
        for k, row in busiest.iterrows()
    ]
    return {
        "groups": groups,
        "lines": lines,
        "rows": count(last["n_rows"].max()),
        "n_more": len(wide) - len(busiest),
    }


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
        before = [w for w in windows if w.row <= alarm["since_row"]]
        after = [w for w in windows if w.row > alarm["row"]]
        lines.append(
            {
                "number": number,
                "row": count(alarm["row"]),
                "time": when(alarm["time"]),
                "since": count(alarm["since_row"]),
                "change": alarm["change"],
                "sentence": alarm_sentence(alarm),
                "effects": [
                    *([f"Moved at the same time: {alarm['moved']}."] if alarm["moved"] else []),
                    *_effects(before, after, alarm["row"], measure, bound),
                ],
            }
        )
    return lines


def _effects(before, after, row: int, measure: str, bound: float | None) -> list[str]:
    """Sentences on the windows around an alarm."""
    if not before or not after:
        return []
    old, new = before[-1], after[0]
    gaps = f"{GAP_WORDS[measure]} {decimal(old.view[measure])} before, "
    gaps += f"{decimal(new.view[measure])} after."
    if "accuracy" not in old.view.measures:
        return [f"Windowed {gaps}"]
    sentences = [
        f"Windowed accuracy {percent(old.view['accuracy'])} before, "
        f"{percent(new.view['accuracy'])} after; {gaps}"
    ]
    floor = old.view["accuracy"] - NEAR
    sentences += _return(
        after, row, "accuracy", lambda view: view["accuracy"] >= floor, "within 5 points"
    )
    if bound is not None:
        ratio = measure.endswith("_ratio")

        def inside(view):
            return view[measure] >= bound if ratio else view[measure] <= bound

        sentences += _return(after, row, GAP_WORDS[measure], inside, "in its bound")
    if old.n_experts and new.n_experts and old.n_experts != new.n_experts:
        sentences.append(f"Experts: {old.n_experts} before, {new.n_experts} after.")
    return sentences


def _return(after, row: int, name: str, is_back, where: str) -> list[str]:
    """When a measure that was off came back; nothing if it never left."""
    off = [w for w in after if not is_back(w.view)]
    if not off or off[0].row - row > 2 * (after[-1].row - row) / max(len(after), 1) + 1:
        return []
    back = [w for w in after if w.row > off[0].row and is_back(w.view)]
    if not back:
        return [f"The windowed {name} was not back {where} at the end of the stream."]
    return [f"The windowed {name} was back {where} after {count(back[0].row - row)} rows."]


def feature_lines(gap_explanation) -> list[tuple[str, str, str]]:
    """What each feature adds to the gap, in points, the largest part first."""
    if gap_explanation is None:
        return []
    frame = gap_explanation.to_frame()[["value", "standard_error"]]
    return [
        (str(name), points(value), f"{100 * error:.1f}")
        for name, value, error in frame.itertuples(name=None)
    ]


def model_table(result) -> dict[str, Any]:
    """All models side by side, over all scored rows: a line for each measure."""
    summary = result.summary()
    lines = [("Rows tested", [count(n) for n in summary["rows_scored"]])]
    for name in result.metrics:
        as_text = percent if name.endswith("accuracy") else decimal
        shown = MEASURE_NAMES.get(name, name)
        lines.append((shown[:1].upper() + shown[1:], [as_text(v) for v in summary[name]]))
    if summary["n_experts"].notna().any():
        lines.append(("Experts", [decimal(n, 0) for n in summary["n_experts"]]))
    seconds = summary["predict_seconds"] + summary["train_seconds"]
    lines.append(("Seconds", [f"{value:.1f}" for value in seconds]))
    return {"names": [str(name) for name in summary.index], "lines": lines}


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
            f"numpy {np.__version__}, {_installed()}Python {platform.python_version()}",
        )
    )
    return facts


def _installed() -> str:
    """Versions of further packages that a run may rest on."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("scipy", "pandas", "fairlearn", "river"):
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}, ")
    return "".join(found)


def own_alarms(result, model: str) -> list[tuple[str, str]]:
    """Alarms that the estimator raised itself while it learned (growth="drift")."""
    history = getattr(result.estimators[model], "history_", {})
    rows, causes = history.get("alarm_n_samples_seen", ()), history.get("alarm_cause", ())
    return [(count(row), str(cause)) for row, cause in zip(rows, causes, strict=True)]

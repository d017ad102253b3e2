"""Numbers of a run as sentences and table cells for people."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skfeamoe._fairness.constraints import CONSTRAINTS, gaps_of_rates, ratio_of
from skfeamoe.inspection._timeline import MEASURE_NAMES

from ._tally import GAPS, RATIOS

GAP_WORDS = {name: MEASURE_NAMES[name] for name in (*GAPS, *RATIOS)}
GAP_MEANING = {
    kind.metric: f"the largest difference between two groups' {kind.compared}{kind.among}"
    for kind in CONSTRAINTS.values()
} | {
    ratio_of(metric): "the smallest share of favorable decisions of a group over the largest"
    f"{kind.among}{kind.ratio_note}"
    for metric, kind in gaps_of_rates().items()
}
CAUSE_WORDS = {
    "accuracy": "Accuracy",
    "selection_rate_gap": "Selection rate",
    "true_positive_rate_gap": "True positive rate",
    "false_positive_rate_gap": "False positive rate",
}
DASH = "\N{EN DASH}"


def percent(value: Any, digits: int = 1) -> str:
    """A share in percent; a dash where nothing could be measured."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{100 * value:.{digits}f} %"


def share(value: float) -> str:
    """A share in whole percent, 0 and 100 only where it is exactly that."""
    if 0.0 < value < 0.005:
        return "less than 1 %"
    return "more than 99 %" if 0.995 <= value < 1.0 else percent(value, 0)


def between(ends) -> str:
    """An interval in percent."""
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def points(value: float) -> str:
    """A signed difference in percentage points."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def decimal(value: Any, digits: int = 3) -> str:
    """A number with some decimals, or a dash."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.{digits}f}"


def apart(value: Any, other: float, digits: int = 3) -> str:
    """A number with as many decimals as show on which side of another one it lies."""
    if value is None or not math.isfinite(value):
        return DASH
    while digits < 12 and value != other and f"{value:.{digits}f}" == f"{other:.{digits}f}":
        digits += 1
    return f"{value:.{digits}f}"


def count(value: float) -> str:
    """A number of rows."""
    return f"{value:,.0f}"


def when(time: Any) -> str:
    """A short text of a time."""
    if time is None:
        return ""
    if isinstance(time, (float, np.floating)) and float(time).is_integer():
        return str(int(time))
    return str(time)[:10]


def alarm_sentence(alarm: dict[str, Any]) -> str:
    """What an alarm says: which quantity went from where to where."""
    what = CAUSE_WORDS[alarm["cause"]]
    if alarm["cause"] == "accuracy":
        verb = "fell" if alarm["after"] < alarm["before"] else "rose"
        return (
            f"{what} {verb} from {percent(alarm['before'])} ({count(alarm['n_before'])} rows) "
            f"to {percent(alarm['after'])} ({count(alarm['n_after'])} rows)."
        )
    return (
        f"{what} of {alarm['group']}, compared with all others: from "
        f"{points(alarm['before'])} points ({count(alarm['n_before'])} comparisons) to "
        f"{points(alarm['after'])} points ({count(alarm['n_after'])} comparisons)."
    )


def facts_of_settings(result) -> list[tuple[str, str]]:
    """How the run measured."""
    settings = result.settings
    facts = [
        ("Favorable label", str(result.favorable_label)),
        ("Labels", ", ".join(map(str, result.classes))),
        ("Sensitive columns", ", ".join(result.sensitive_names) or "none"),
        ("Rows with an unknown group", count(result.rows_unknown_group)),
        ("Rows a group needs to count in a gap", count(result.min_group_size)),
        ("Window", f"{count(settings['window'])} rows" if settings["window"] else "none"),
        ("Rows that only trained", count(settings["pretrain_rows"])),
        (
            "Labels arrive after",
            f"{settings['label_delay']} {settings['delay_unit'].replace('time', '')}".strip(),
        ),
        ("Change detector", settings.get("detector") or "none"),
    ]
    if settings.get("labels") == "granted":
        lots = f"the granted, and {percent(settings['exploration'])} of the others by lot"
        facts.append(("Outcomes that were learned from", lots))
    times = [point.time for point in result.points if point.time is not None]
    if times:
        facts.insert(0, ("Period", f"{when(times[0])} to {when(times[-1])}"))
    return facts

"""Drift alarms for accuracy and for every gap between groups, from decisions alone.

A watch is plain data: the change detectors of `skfeamoe._training.drift.detector` by what
they watch. Errors are watched row by row. For a gap every group's decisions are contrasted
with those of all other groups, in the rows of the gap's event (all rows, favorable truths,
unfavorable truths). With constant shares of the groups the largest gap cannot change unless
one of these contrasts does. With two groups, one contrast says it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import MEAN_OF_EVENT, gaps_of_rates
from skfeamoe._training.drift.detector import RECENT, Contrast, Detector, update_contrast

ACCURACY = "accuracy"
GAP_EVENTS = tuple(
    f"{MEAN_OF_EVENT[event]}_gap" for event in ("all", "favorable", "unfavorable")
)
"""Causes of alarms besides accuracy, and the gaps that they belong to."""

EVENTS_OF: dict[str, tuple[str, ...]] = {
    "accuracy": (ACCURACY,),
}
for _metric, _kind in gaps_of_rates().items():
    EVENTS_OF[_metric] = tuple(f"{MEAN_OF_EVENT[event]}_gap" for event in _kind.events)
"""Causes that are watched for the sake of each measure."""

MAX_ALARMS = 1000
"""Alarms that are remembered, the newest ones."""


class Watch(TypedDict):
    """All detectors of one stream of decisions."""

    detector: str
    params: dict[str, Any]
    causes: list[str]
    detectors: dict[str, dict[str, Any]]  # by cause, with the group's code for gaps
    contrasts: dict[str, Any]
    rows: dict[str, NDArray]  # stream rows of each detector's last values
    alarms: list[dict[str, Any]]
    n_alarms: int


def new_watch(detector: str, params: Mapping[str, Any], measures) -> Watch:
    """A watch over the measures that a run computes."""
    causes = [cause for name in EVENTS_OF if name in measures for cause in EVENTS_OF[name]]
    Detector(detector, **params)
    return {
        "detector": detector,
        "params": dict(params),
        "causes": list(dict.fromkeys(causes)),
        "detectors": {},
        "contrasts": {},
        "rows": {},
        "alarms": [],
        "n_alarms": 0,
    }


def watch_rows(
    watch: Watch,
    rows: Mapping[str, NDArray],
    favorable: int,
    n_groups: int,
    first_row: int,
    time: NDArray | None,
) -> None:
    """Feed some consecutive rows (codes of ``true``, ``predicted`` and ``group``)."""
    alarms: list[dict[str, Any]] = []
    true, predicted, group = rows["true"], rows["predicted"], rows["group"]
    if ACCURACY in watch["causes"]:
        wrong = (true != predicted).astype(float)
        alarms += _feed(watch, ACCURACY, wrong, np.arange(len(true)), first_row)
    selected = (predicted == favorable).astype(float)
    events = (np.ones(len(true), dtype=bool), true == favorable, true != favorable)
    for cause, event in zip(GAP_EVENTS, events, strict=True):
        if cause not in watch["causes"]:
            continue
        place = np.flatnonzero(event & (group >= 0))
        for code in range(n_groups) if n_groups > 2 else range(1, n_groups):
            alarms += _feed_gap(watch, cause, code, group, selected, place, first_row)
    alarms.sort(key=lambda alarm: alarm["row"])
    for alarm in alarms:
        alarm["time"] = None if time is None else time[alarm["row"] - first_row]
    watch["alarms"] = [*watch["alarms"], *alarms][-MAX_ALARMS:]
    watch["n_alarms"] += len(alarms)


def _feed_gap(
    watch: Watch,
    cause: str,
    code: int,
    group: NDArray,
    selected: NDArray,
    place: NDArray,
    first_row: int,
) -> list[dict[str, Any]]:
    """Feed the contrast of one group in one event."""
    key = f"{cause}:{code}"
    contrast = Contrast(**watch["contrasts"].get(key, {}))
    contrast, values, last = update_contrast(contrast, group[place] == code, selected[place])
    watch["contrasts"][key] = contrast._asdict()
    return _feed(watch, key, values, place[last], first_row)


def _feed(
    watch: Watch, key: str, values: NDArray, place: NDArray, first_row: int
) -> list[dict[str, Any]]:
    """Feed one detector; return its alarms."""
    if key in watch["detectors"]:
        detector = Detector.from_dict(watch["detectors"][key])
    else:
        detector = Detector(watch["detector"], **watch["params"])
    rows = np.append(watch["rows"].get(key, np.empty(0, dtype=np.intp)), place + first_row)
    n_before = len(rows) - len(values)
    found, start = [], 0
    while start < len(values):
        counted = detector.n
        alarm = detector.update(values[start:])
        if alarm is None:
            break
        n_old = counted + alarm + 1 - detector.n_after
        start += alarm + 1
        end = n_before + start
        since = rows[max(end - detector.n_after, 0)]
        found.append(_alarm(key, detector, int(rows[end - 1]), int(since), n_old))
    watch["detectors"][key] = detector.to_dict()
    watch["rows"][key] = rows[-RECENT:]
    return found


def _alarm(key: str, detector: Detector, row: int, since: int, n_before: int) -> dict[str, Any]:
    """One alarm: where, why, and from which level to which."""
    cause, _, code = key.partition(":")
    before, after = detector.before, detector.after
    if cause == ACCURACY:
        before, after = 1.0 - before, 1.0 - after
        worse = after < before
    else:
        before, after = 2.0 * before - 1.0, 2.0 * after - 1.0
        worse = abs(after) > abs(before)
    return {
        "row": row,
        "since_row": since,
        "cause": cause,
        "group": int(code) if code else None,
        "before": before,
        "after": after,
        "n_before": int(n_before),
        "n_after": int(detector.n_after),
        "change": "worse" if worse else "better",
    }

"""Drift alarms for accuracy and for every gap between groups, from decisions alone.

A `Watch` has the change detectors of `skfeamoe._training.drift.detector` by what they watch;
saved it is plain data. Errors are watched row by row. For a gap every group's decisions are
contrasted with those of all other groups, in the rows of the gap's event (all rows, favorable
truths, unfavorable truths). With constant shares of the groups the largest gap cannot change
unless one of these contrasts does. With two groups, one contrast says it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import MEAN_OF_EVENT, gaps_of_rates
from skfeamoe._training.drift.detector import RECENT, Contrast, Detector, update_contrast

from ._tally import UNTOLD

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


class Watch:
    """All detectors of one stream of decisions, which live as long as it does."""

    def __init__(self, detector: str, params: Mapping[str, Any], measures) -> None:
        causes = [cause for name in EVENTS_OF if name in measures for cause in EVENTS_OF[name]]
        Detector(detector, **params)  # says what is wrong with them
        self.detector = detector
        self.params = dict(params)
        self.causes = list(dict.fromkeys(causes))
        self.detectors: dict[str, Detector] = {}  # by cause, with the group's code for gaps
        self.contrasts: dict[str, Contrast] = {}
        self.rows: dict[str, NDArray] = {}  # stream rows of each detector's last values
        self.alarms: list[dict[str, Any]] = []
        self.n_alarms = 0

    def update(
        self,
        rows: Mapping[str, NDArray],
        favorable: int,
        n_groups: int,
        first_row: int,
        time: NDArray | None,
    ) -> None:
        """Feed some consecutive rows (codes of ``true``, ``predicted`` and ``group``)."""
        alarms: list[dict[str, Any]] = []
        true, predicted, group = rows["true"], rows["predicted"], rows["group"]
        told = true != UNTOLD
        if ACCURACY in self.causes:
            place = np.flatnonzero(told)
            wrong = (true != predicted)[place].astype(float)
            alarms += self._feed(ACCURACY, wrong, place, first_row)
        selected = (predicted == favorable).astype(float)
        events = (np.ones(len(true), dtype=bool), true == favorable, told & (true != favorable))
        for cause, event in zip(GAP_EVENTS, events, strict=True):
            if cause not in self.causes:
                continue
            place = np.flatnonzero(event & (group >= 0))
            for code in range(n_groups) if n_groups > 2 else range(1, n_groups):
                key, inside = f"{cause}:{code}", group[place] == code
                alarms += self._feed_gap(key, inside, selected[place], place, first_row)
        alarms.sort(key=lambda alarm: alarm["row"])
        for alarm in alarms:
            alarm["time"] = None if time is None else time[alarm["row"] - first_row]
        self.alarms = [*self.alarms, *alarms][-MAX_ALARMS:]
        self.n_alarms += len(alarms)

    def _feed_gap(
        self, key: str, inside: NDArray, selected: NDArray, place: NDArray, first_row: int
    ) -> list[dict[str, Any]]:
        """Feed the contrast of one group in one event."""
        contrast = self.contrasts.get(key, Contrast())
        self.contrasts[key], values, last = update_contrast(contrast, inside, selected)
        return self._feed(key, values, place[last], first_row)

    def _feed(
        self, key: str, values: NDArray, place: NDArray, first_row: int
    ) -> list[dict[str, Any]]:
        """Feed one detector; return its alarms."""
        if key not in self.detectors:
            self.detectors[key] = Detector(self.detector, **self.params)
        detector = self.detectors[key]
        rows = np.append(self.rows.get(key, np.empty(0, dtype=np.intp)), place + first_row)
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
        self.rows[key] = rows[-RECENT:]
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Everything as plain data: river's objects are frozen here."""
        return {
            **vars(self),
            "detectors": {key: d.to_dict() for key, d in self.detectors.items()},
            "contrasts": {key: c._asdict() for key, c in self.contrasts.items()},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What `__getstate__` has written."""
        detectors = {k: Detector.from_dict(d) for k, d in state["detectors"].items()}
        contrasts = {k: Contrast(**c) for k, c in state["contrasts"].items()}
        vars(self).update({**state, "detectors": detectors, "contrasts": contrasts})


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

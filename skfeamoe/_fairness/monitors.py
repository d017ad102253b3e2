"""The two kinds of monitor: one keeps bounds, one has the schedule of the paper."""

from typing import Any

from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.schedule import ScheduleMonitor

Monitor = BoundMonitor | ScheduleMonitor

MONITORS: dict[str, type[Monitor]] = {"bound": BoundMonitor, "schedule": ScheduleMonitor}
"""Kinds of monitors by the name of the control."""


def make_monitor(
    control: str, slots: Slots, favorable: int, n_terms: int, *, sparse: bool
) -> Monitor:
    """A monitor that has seen nothing."""
    if control == "bound":
        return BoundMonitor(slots, favorable, n_terms, sparse=sparse)
    return ScheduleMonitor(len(slots))


def monitor_to_dict(monitor: Monitor) -> dict[str, Any]:
    """Any monitor as plain data, with the name of its kind."""
    (control,) = (name for name, kind in MONITORS.items() if type(monitor) is kind)
    return {"control": control, **monitor.to_dict()}


def monitor_from_dict(data: dict[str, Any]) -> Monitor:
    """The monitor that `monitor_to_dict` has written."""
    rest = {name: value for name, value in data.items() if name != "control"}
    return MONITORS[data["control"]].from_dict(rest)

"""What a classifier tells while it learns: callbacks of its passes, and warnings."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from skfeamoe._column_names import feature_columns
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.cases import MIN_CELL_ROWS
from skfeamoe._fairness.constraints import PEOPLE_OF_EVENT, Slots
from skfeamoe._parameters import constraint_names
from skfeamoe._terms import ColumnTerms, LinearTerms
from skfeamoe._training.model import Model
from skfeamoe._warn import warn
from skfeamoe._weights import next_to_nobody
from skfeamoe.exceptions import FairnessWarning

LAPSED_ROWS = 10_000
"""Rows without a known group after which a bound is said to rest on people long ago."""

SETTLED_ROWS = 4000
"""Rows of a stream before bounds that are not kept are told: experts are still young."""

HARDLY_ANYBODY = 0.01
"""A bound that is kept while fewer than this part of the people get the other decision is
kept by a constant decision."""


class Told:
    """Warnings that are gathered while a call learns, and given when its work is published.

    ``texts`` are warnings of bounds.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts: list[tuple[str, type[Warning]]] = []
        for text in texts:
            self.add(text)

    def add(self, text: str, category: type[Warning] = FairnessWarning) -> None:
        """Keep a warning for later."""
        self.texts.append((text, category))

    def give(self) -> None:
        """Warn, on behalf of the public method that calls."""
        for text, category in self.texts:
            warn(text, category)


class PassCallbacks:
    """scikit-learn's callbacks around a `fit` and each of its passes."""

    def __init__(self, estimator, n_passes: int, X, y, sample_weight) -> None:
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.n_passes = n_passes
        self.whole = estimator._init_callback_context(max_subtasks=n_passes)
        self.whole.call_on_fit_task_begin(**self.given)
        self._begin_pass()

    def _begin_pass(self) -> None:
        """Tell that a pass begins."""
        self.one = self.whole.subcontext(task_name="pass")
        self.one.call_on_fit_task_begin(**self.given)

    def after_pass(self, n_made: int, snapshot: Callable[[], dict]) -> bool:
        """Tell that a pass is done; whether it was the last, or a callback says stop."""
        stop = self.one.call_on_fit_task_end(**self.given, reconstruction_attributes=snapshot)
        if stop or n_made == self.n_passes:
            return True
        self._begin_pass()
        return False

    def end(self, snapshot: Callable[[], dict]) -> None:
        """Tell that the fit is done."""
        self.whole.call_on_fit_task_end(**self.given, reconstruction_attributes=snapshot)


def warn_if_inactive(told: Told, estimator, model: Model, *, is_told: bool = False) -> bool:
    """Say that constraints were asked for and cannot act; whether it is so.

    ``is_told`` says that it has been said already.
    """
    names = constraint_names(estimator)
    reason = _why_inactive(estimator, model) if names else ""
    if reason and not is_told:
        told.add(f"constraints={list(names)} are inactive: {reason}, or set constraints=None")
    return bool(reason)


def _why_inactive(estimator, model: Model) -> str:
    """What keeps constraints from acting, and the remedy; empty if nothing does."""
    if len(model.groups) < 2:
        seen = f"only the group {model.groups[0]!r}" if model.groups else "no group"
        return (
            f"{seen} has been seen. Pass sensitive_features with at least two groups, or "
            "name sensitive_columns of X"
        )
    scheduled = estimator.control == "schedule" and model.clock.n_added == 0
    if scheduled and estimator.growth != "interval":
        return (
            f'control="schedule" starts with the first added expert, and growth='
            f'{estimator.growth!r} has added none. Use growth="interval" or control="bound"'
        )
    return _nobody_to_compare(model)


def _nobody_to_compare(model: Model) -> str:
    """Where fewer than two groups have enough people to be compared."""
    monitor = model.monitor
    if not isinstance(monitor, BoundMonitor) or monitor.measured.is_comparable():
        return ""
    counted = np.bincount(monitor.people.groups(), minlength=len(model.groups))
    if np.count_nonzero(counted >= MIN_CELL_ROWS) > 1:  # `_not_compared` says who is missing
        return ""
    return (
        f"a gap needs two groups of {MIN_CELL_ROWS} people, and the largest have "
        f"{_largest(counted, model.groups)}. Learn from more people, merge groups"
    )


def _largest(counted, labels) -> str:
    """The groups with most people and how many these are."""
    largest = np.argsort(-counted, kind="stable")[:3]
    return ", ".join(f"{labels[a]!r} {counted[a]:.0f}" for a in largest)


def _not_compared(estimator, model: Model, where: str) -> list[str]:
    """Sentences on bounds that act on nobody, since too few people are of an event."""
    monitor = model.bounds
    if monitor is None:
        return []
    if not monitor.measured.is_known or _why_inactive(estimator, model):
        return []
    slots, measured = Slots(constraint_names(estimator)), monitor.measured
    missing = [
        f"{slots.names[s]} is inactive {where} among people "
        f"{PEOPLE_OF_EVENT[slots.events[s]]}: a gap needs two groups of {MIN_CELL_ROWS}, and "
        f"the largest have {_largest(measured.n_rows[s], model.groups)}"
        for s in range(len(slots))
        if measured.span(s) is None
    ]
    if missing:
        return [*missing, "Learn from more people, merge groups, or leave the constraint out"]
    return _no_part_compared(monitor, where)


def _no_part_compared(monitor: BoundMonitor, where: str) -> list[str]:
    """The same of local bounds, where not one part has two groups of enough people."""
    parts = [part for column in monitor.local_measured for part in column.parts]
    if not parts or any(part.is_comparable() for part in parts):
        return []
    return [
        f"local_bound is inactive {where}: a gap needs two groups of {MIN_CELL_ROWS} people, "
        f"and none of {len(parts)} parts of local_columns has them",
        "Learn from more people, or name other columns",
    ]


def warn_of_far_values(told: Told, estimator, model: Model, known: list[int]) -> list[int]:
    """Say where values lie far beyond the data, once for each feature; the features told."""
    terms, columns = model.terms, None
    numbers: Any = terms
    if isinstance(terms, ColumnTerms):
        numbers, columns = terms.numbers, terms.number
    elif not isinstance(terms, LinearTerms):
        return known
    if not numbers.n_far.any():
        return known
    far = [int(j) for j in np.flatnonzero(numbers.n_far) if int(j) not in known]
    if far:
        names = feature_columns(estimator)[1]
        low, high = numbers.bounds
        found = [
            f"{names[j if columns is None else columns[j]]!r}: {numbers.n_far[j]} beyond "
            f"[{low[j]:.6g}, {high[j]:.6g}], such as {numbers.farthest[j]:.6g}"
            for j in far
        ]
        told.add(
            "values of X lie far beyond those that the model has seen and count as its "
            "bounds: " + "; ".join(found) + ". Look for errors of entry, or for other units",
            UserWarning,
        )
    return [*known, *far]


def warn_if_unmet(
    told: Told, estimator, model: Model, *, where: str, n_errors: float = 1.0
) -> bool:
    """Name the bounds that the model does not keep, or at what price; whether it had to."""
    both = [
        _not_compared(estimator, model, where),
        _unmet(estimator, model, where, n_errors),
    ]
    for reasons in filter(None, both):
        told.add(". ".join(reasons))
    return any(both)


def _unmet(estimator, model: Model, where: str, n_errors: float) -> list[str]:
    """Sentences on bounds that are not kept, kept by a constant, or bent by weights."""
    monitor = model.bounds
    if monitor is None:
        return []
    details = monitor.details(Slots(constraint_names(estimator)), model.groups)
    beyond = [row for row in details if row["excess"] > n_errors * row["excess_error"]]
    share, price = monitor.measured.granted, monitor.measured.price
    is_constant = monitor.shift_is_used and min(share, 1.0 - share) < HARDLY_ANYBODY
    alike = f"{max(share, 1.0 - share):.1%} of the people the same decision, at {price:.3f}"
    if beyond:
        floor = estimator.accuracy_floor
        why = "bounds may conflict with each other; relax one"
        if len(details) == 1:
            why = "no linear offset was found that keeps it; relax it"
        if floor is not None:
            why = f"accuracy_floor={floor:g} allows no more; lower it or relax a bound"
        given = [f"The offset gives {alike} of accuracy"] if is_constant else []
        said = [row["verdict"] for row in beyond]
        kept = "is not kept" if "not kept" in said else "is not shown to be kept"
        return [f"{_form(beyond)} {kept} {where}: {_named(beyond)}", *given, why]
    far = _local_beyond(estimator, monitor, model.groups, n_errors)
    if far:
        return [f"local_bound is not kept {where}: {far}", "relax it, or name other columns"]
    if is_constant:
        return [
            f"{_form(details)} is kept {where} by giving {alike} of accuracy; relax it, or set "
            "accuracy_floor"
        ]
    bent = [
        row
        for row in details
        if row["form"] == "difference"
        and row["unweighted_gap"] > row["bound"] + 2 * row["standard_error"]
    ]
    if bent:
        return [
            f"sample_weight bends the gaps {where}: counting every person once, "
            f"{_named(bent, gap='unweighted_gap')}; use class_weight for weights that concern "
            "the loss only"
        ]
    return []


def _form(rows) -> str:
    """The parameters that bound these slots."""
    forms = dict.fromkeys(f"{row['form']}_bound" for row in rows)
    return " and ".join(forms)


def _named(rows, gap: str = "") -> str:
    """Gaps, or ratios, and bounds of some slots, the worst of each constraint."""
    ordered = sorted(rows, key=lambda row: row[gap or "excess"])
    worst = {row["constraint"]: row for row in ordered}
    return ", ".join(
        f"{name} {row['ratio']:.3f} < {row['bound']:g}"
        if row["form"] == "ratio"
        else f"{name} {row[gap or 'gap']:.3f} > {row['bound']:g}"
        for name, row in worst.items()
    )


def _local_beyond(estimator, monitor: BoundMonitor, labels, n_errors: float) -> str:
    """The worst part whose gap, as far as it is known, is beyond its bound; "" if none is."""
    rows = monitor.local_details(
        Slots(constraint_names(estimator)), labels, lambda j, code: estimator._label(j, code)
    )
    beyond = [
        row
        for row in rows
        if row["shrunken_gap"] > row["bound"] + n_errors * row["standard_error"]
    ]
    if not beyond:
        return ""
    worst = max(beyond, key=lambda row: row["shrunken_gap"] - row["bound"])
    column = feature_columns(estimator)[1][worst["column"]]
    return (
        f"{worst['constraint']} {worst['shrunken_gap']:.3f} > {worst['bound']:g} where "
        f"{column!r} is {worst['part']} ({len(beyond)} of {len(rows)} parts)"
    )


def warn_in_stream(
    told: Told, estimator, model: Model, episodes: list[str], before: Model | None
) -> list[str]:
    """Say once per episode that bounds are not kept, or rest on next to nobody or long ago.

    ``episodes`` are those that have been told and are not over; so is what is returned.
    ``before`` is the model before the call, whose episodes last while nothing is measured.
    """
    monitor = model.monitor
    if not isinstance(monitor, BoundMonitor):
        return []
    former = None if before is None else before.monitor
    same = isinstance(former, BoundMonitor) and monitor.measured is former.measured
    if same and not monitor.n_unknown:
        return [name for name in episodes if name != "lapsed"]
    found, where = {}, "on the people seen last"
    if model.n_people >= SETTLED_ROWS:
        told_of = {
            "uncompared": _not_compared(estimator, model, where),
            "unmet": _unmet(estimator, model, where, 2.0),
        }
        found = {name: ". ".join(reasons) for name, reasons in told_of.items() if reasons}
        weight = np.concatenate([np.empty(0), *(p.rows.weight for p in monitor.people.parts)])
        light = next_to_nobody(weight[weight > 0.0], "rows seen last")
        if light:
            found["light"] = light
    if monitor.n_unknown >= LAPSED_ROWS and monitor.measured.is_comparable():
        found["lapsed"] = long_ago(monitor.n_unknown)
    for name, text in found.items():
        if name not in episodes:
            told.add(text, UserWarning if name == "light" else FairnessWarning)
    return list(found)


def warn_of_light_stream(told: Told, model: Model, before: Model | None) -> None:
    """Say the same of weights where nobody is kept for bounds, once, by the background."""
    n_before = 0 if before is None else before.n_people
    if not n_before < SETTLED_ROWS <= model.n_people:
        return
    monitor = model.monitor
    if isinstance(monitor, BoundMonitor) and monitor.people.parts:
        return
    light = next_to_nobody(model.background.weight, "rows in background_")
    if light:
        told.add(light, UserWarning)


def long_ago(n_rows: int) -> str:
    """That bounds rest on people of long ago."""
    return (
        f"no row of known group has come for {n_rows:,} rows: bounds are kept for the people "
        "seen before, and whether they hold for others is not known; pass sensitive_features "
        "for some of the rows"
    )


def warn_if_shuffled(told: Told, estimator) -> None:
    """Say that `fit` shuffles its rows, where change over time was asked for."""
    if estimator.growth == "drift":
        told.add(
            'growth="drift" sees nothing in fit, which shuffles the rows; stream them in '
            'their order with partial_fit, or use growth="interval"',
            UserWarning,
        )

"""Whose rows `compare` trains and tests on, and measures in which everybody counts once.

Rows of one person are alike: a method that has learned some of them knows the others, and who
comes often weighs more. So with ``--id`` people are split, not rows, in the order in which they
first appear, and standard errors are those of people: with e_i = 1 - accuracy where row i was
decided rightly and -accuracy where not,

    se^2 = P / (P - 1) * sum_p (sum_{i of p} e_i)^2 / n^2.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from skfeamoe.metrics import Interval, mean_gap_interval, wilson_interval
from skfeamoe.streaming._people import PeopleCodes, add_decisions, rates_of_people
from skfeamoe.streaming._tally import events_of

from ._errors import InputError

LEVEL = 0.95


def people_of(person: Any, n_rows: int) -> NDArray:
    """A number for the person of each row, in the order of their first rows.

    A row without an id is a person of its own; without any ids all are.
    """
    import pandas as pd

    if person is None:
        return np.arange(n_rows)
    codes = pd.factorize(np.asarray(person, dtype=object))[0]
    alone = np.flatnonzero(codes < 0)
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(len(alone))
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[codes]


def first_people(people: NDArray, share: float, column: str | None) -> NDArray:
    """Mark the rows of the people who come first and have this share of the rows."""
    held = np.cumsum(np.bincount(people))
    n_first = max(int(np.searchsorted(held, share * len(people), side="right")), 1)
    train = people < n_first
    if train.all():
        raise InputError(
            f"--id {column!r}: the rows of the people who come first are too many to leave "
            "any to test; people are split, so give a column that names more of them"
        )
    return train


def accuracy_interval(right: NDArray, people: NDArray) -> tuple[float, float]:
    """Wilson's interval of an accuracy, of as many rows as its standard error is worth."""
    n, accuracy = float(len(right)), right.mean()
    rows = np.bincount(people) if len(people) else np.zeros(1)
    if rows.max() > 1 and 0 < accuracy < 1:
        sums = np.bincount(people, right - accuracy)[rows > 0]
        squares = (sums**2).sum() / n**2 * len(sums) / max(len(sums) - 1, 1)
        n = min(n, accuracy * (1.0 - accuracy) / squares) if squares > 0 else n
    low, high = wilson_interval([accuracy], [n])[0]
    return float(low), float(high)


def _rows_in(event: str, truth) -> NDArray:
    """Mark the rows of an event."""
    return {
        "selection_rate": np.ones(len(truth), dtype=bool),
        "true_positive_rate": truth == 1,
        "false_positive_rate": truth == 0,
    }[event]


def event_rates(event: str, chosen, truth, group, people=None) -> tuple[NDArray, ...]:
    """Rows and rate of each group in an event, and no standard errors."""
    rows, n_groups = _rows_in(event, truth) & (group >= 0), int(group.max(initial=-1)) + 1
    n = np.bincount(group[rows], minlength=n_groups).astype(float)
    granted = np.bincount(group[rows], chosen[rows] == 1, n_groups)
    return n, granted / np.maximum(n, 1.0), np.zeros(n_groups)


def people_rates(event: str, chosen, truth, group, people) -> tuple[NDArray, ...]:
    """People of each group in an event, their mean rate and its standard error."""
    rows, codes = _rows_in(event, truth), PeopleCodes()
    number = cast(np.ndarray, codes.of_rows(people[rows], group[rows]))
    sums = add_decisions(np.zeros((2, 0)), number, chosen[rows] == 1, len(codes.number))
    rates = rates_of_people(sums, codes.groups, int(group.max(initial=-1)) + 1)
    names = ("n_people", "selection_rate", "standard_error")
    return tuple(np.array(rates[name]) for name in names)


def gap_of_people(chosen, truth, group, people, measure: str, least: int) -> Interval:
    """The largest gap between groups of people in the events of a measure."""
    events = events_of(measure)
    level = 1.0 - (1.0 - LEVEL) / len(events)
    found = []
    for event in events:
        n_people, rate, error = people_rates(event, chosen, truth, group, people)
        large = n_people >= least
        found.append(mean_gap_interval(rate[large], error[large], confidence_level=level))
    if any(np.isnan(one.value) for one in found):
        return Interval(np.nan, np.nan, np.nan)
    return Interval(*(max(getattr(one, end) for one in found) for end in Interval._fields))

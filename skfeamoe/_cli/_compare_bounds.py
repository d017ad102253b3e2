"""What the bound of a method is about, and whether it was kept on the test rows.

FEAMOE bounds a gap, the largest difference between two groups. fairlearn's reductions hold
every group to the mean of all [1]_: with the rate r_g of group g, its share s_g of the rows and
the rate r of all,

    |r_g - r| = (1 - s_g) |r_g - rest_g| <= bound,

so two groups may be up to twice the bound apart, and a gap above it is no breach.

.. [1] Agarwal et al. (2018). A reductions approach to fair classification. ICML, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skfeamoe.metrics import Interval, gap_interval, mean_gap_interval
from skfeamoe.streaming._tally import events_of
from skfeamoe.streaming._words import apart

from ._compare_people import LEVEL, event_rates, people_rates

REDUCTIONS = "fairlearn reductions"
NOTE = (
    "\N{PLUS-MINUS SIGN}: fairlearn's reductions hold every group to the mean of all, so two "
    "groups may be up to twice the bound apart; compare at equal gaps, not at equal bounds."
)


def shown_bound(method: str, bound: float | None) -> str:
    """A bound as tables and pictures show it: to both sides of the mean of all, if it is."""
    if bound is None:
        return "-"
    return f"\N{PLUS-MINUS SIGN}{bound:g}" if method == REDUCTIONS else f"{bound:g}"


def from_all(chosen, truth, group, people, measure: str, least: int) -> Interval:
    """The largest distance of a group's rate to that of all; of people, if they are given."""
    found = []
    events = events_of(measure)
    for event in events:
        rates = event_rates if people is None else people_rates
        n, rate, error = rates(event, chosen, truth, group, people)
        large = np.flatnonzero(n >= least)
        if len(large) < 2:
            return Interval(np.nan, np.nan, np.nan)
        n_compared = len(events) * (len(large) if (n > 0).sum() > 2 else 1)
        level = 1.0 - (1.0 - LEVEL) / n_compared
        some = n > 0
        for one in large:
            rest = some & (np.arange(len(n)) != one)
            n_rest = n[rest].sum()
            share = 1.0 - n[one] / (n[one] + n_rest)
            pair = [rate[one], n[rest] @ rate[rest] / n_rest]
            if people is None:
                ends = gap_interval(pair, [n[one], n_rest], confidence_level=level)
            else:
                spread = np.sqrt(np.square(n[rest] * error[rest]).sum()) / n_rest
                ends = mean_gap_interval(pair, [error[one], spread], confidence_level=level)
            found.append([share * end for end in ends])
    return Interval(*np.max(found, axis=0).tolist())


def broken_bound(one: Any) -> str | None:
    """Say that a method did not keep its bound; None if it did, or has none."""
    if one.bound is None or not one.bounded > one.bound:
        return None
    sure = "clearly" if one.bounded_low > one.bound else "perhaps by chance"
    value = apart(one.bounded, one.bound)
    what = f"a group is {value} from the mean of all" if one.method == REDUCTIONS else value
    whom = "people" if one.by_people else "rows"
    name = f"{one.method} {one.bound:g}"
    return f"{name} did not keep its bound on the test {whom} ({what}, {sure})."

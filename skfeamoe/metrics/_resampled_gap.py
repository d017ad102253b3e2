"""Ends of the interval of a difference between groups, from signed differences of resamples.

A rate of a group is a sum over its rows by another sum, so that a bootstrap sample of people
need only add up theirs. Where the lower sum is 0 there is no rate, and the measured value
decides what becomes of the group: fairlearn counts a true or false positive rate as 0, of which
nothing is known, so the gap may be as large as 1; `burden_difference` counts `zero_division`;
a selection rate is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from fairlearn import metrics as fairlearn_metrics
from numpy.typing import NDArray

from skfeamoe._groups import group_name
from skfeamoe._warn import warn
from skfeamoe.exceptions import FairnessWarning

from ._largest_gap import MOST_GROUPS, in_errors, normals, of_all, of_many, of_two
from ._outcomes import burden_difference

MOST_NAMED = 5


class _Rate(NamedTuple):
    """What groups are compared by."""

    parts: Callable[..., tuple[NDArray, NDArray]]
    """Numerator and denominator of rows, from what is true, what is chosen, and distances."""
    rows: str = ""
    """Of which rows it is, if the value counts it as 0 where there are none."""


def _burden_parts(true, chosen, distance):
    """Those of the burden; how far the others are does not matter."""
    return np.where(chosen > 0, 0.0, distance), 1 - chosen


SELECTION = _Rate(lambda true, chosen, distance: (chosen, np.ones(len(chosen))))
TRUE_POSITIVE = _Rate(lambda true, chosen, distance: (chosen * true, true), "y_true == 1")
FALSE_POSITIVE = _Rate(
    lambda true, chosen, distance: (chosen * (1 - true), 1 - true), "y_true != 1"
)
BURDEN = _Rate(_burden_parts)

GAP_RATES: dict[Callable, tuple[_Rate, ...]] = {
    fairlearn_metrics.demographic_parity_difference: (SELECTION,),
    fairlearn_metrics.equal_opportunity_difference: (TRUE_POSITIVE,),
    fairlearn_metrics.equalized_odds_difference: (TRUE_POSITIVE, FALSE_POSITIVE),
    burden_difference: (BURDEN,),
}
"""Differences between groups, by the rates they compare."""


def is_gap(metric: Callable, fixed: dict) -> bool:
    """Whether a metric, as it is called, is a difference between groups' rates."""
    return metric in GAP_RATES and fixed.get("method", "between_groups") == "between_groups"


def gap_ends(
    metric: Callable, arrays, by_row, fixed, people: NDArray, level, n_resamples, rng
) -> tuple[float, float]:
    """Ends of a gap; nan with fewer than two groups that have a rate."""
    rates, groups = GAP_RATES[metric], by_row["sensitive_features"]
    group = group_codes(groups)
    sums = _sums(rates, arrays, by_row, fixed, people, group)
    share = np.full(len(sums), 1.0 / len(sums))
    drawn = np.vstack([rng.multinomial(len(sums), share) @ sums for _ in range(n_resamples)])
    empty = fixed.get("zero_division", 0.0) if metric is burden_difference else np.nan
    measured, resampled = (
        _divided(table.reshape(len(table), len(rates), 2, -1), empty)
        for table in (sums.sum(axis=0)[None], drawn)
    )
    unknown = np.isnan(measured[0]) & np.array([[bool(rate.rows)] for rate in rates])
    if unknown.any():
        _tell_unknown(rates, unknown, group, groups)
    noise = np.nan_to_num(resampled - measured)
    most = np.inf if metric is burden_difference else 1.0
    together = [slice(None)]
    if fixed.get("agg") == "mean":
        together = [slice(k, k + 1) for k in range(len(rates))]
        level = 1.0 - (1.0 - level) / len(rates)
    ends = [
        _ends(measured[0, part], noise[:, part], unknown[part], level, most)
        for part in together
    ]
    low, high = np.mean(ends, axis=0)
    return float(low), float(high)


def group_codes(sensitive_features) -> NDArray:
    """Codes of the groups that fairlearn makes, of several columns of intersections."""
    table = pd.DataFrame(np.asarray(sensitive_features, dtype=object))
    return table.groupby(list(table.columns)).ngroup().to_numpy()


def _sums(rates, arrays, by_row, fixed, people: NDArray, group: NDArray) -> NDArray:
    """Both sums of each rate by person and group, (n_people, n_rates * 2 * n_groups)."""
    true, chosen = (
        (np.asarray(a).reshape(len(group)) == fixed.get("pos_label", 1)).astype(float)
        for a in arrays
    )
    weight = np.ravel(np.asarray(by_row.get("sample_weight", np.ones(len(group))), float))
    distance = np.asarray(by_row.get("distance", np.zeros(len(group))), dtype=float)
    tables = []
    for rate in rates:
        for part in rate.parts(true, chosen, distance):
            table = np.zeros((people.max() + 1, group.max() + 1))
            np.add.at(table, (people, group), weight * part)
            tables.append(table)
    return np.concatenate(tables, axis=1)


def _divided(sums: NDArray, empty: float) -> NDArray:
    """Rates, (n_draws, n_rates, n_groups), from (n_draws, n_rates, 2, n_groups)."""
    above, below = sums[:, :, 0], sums[:, :, 1]
    return np.divide(above, below, out=np.full(above.shape, float(empty)), where=below > 0)


def _ends(
    measured: NDArray, noise: NDArray, unknown: NDArray, level: float, most: float
) -> tuple[float, float]:
    """Max-t ends of the largest signed difference of (n_rates, n_groups) of any two groups."""
    low, high, has_others = np.nan, np.nan, measured.shape[1] > 1
    seen = ~np.isnan(measured).all(axis=0)
    measured, noise = measured[:, seen], noise[:, :, seen]
    a, b = np.triu_indices(measured.shape[1], 1)
    size = np.abs(measured[:, a] - measured[:, b])
    if not np.isnan(size).all():
        error = np.std(noise[:, :, a] - noise[:, :, b], axis=0, ddof=1)
        if size.size == 1:
            near, far = of_two(in_errors(size[0, 0], error[0, 0]), level)
        else:
            near, far = _of_many_rates(measured, noise, level)
        low = max(np.nanmax(size - near * error), 0.0)
        high = min(np.nanmax(size + far * error), most)
    if has_others and unknown.any():
        return np.fmax(low, 0.0), most
    return low, high


def _of_many_rates(measured: NDArray, noise: NDArray, level) -> tuple[float, float]:
    """Critical values of gaps between (n_rates, n_groups), by the errors of resamples."""
    known = ~np.isnan(measured)
    known &= known.sum(axis=1, keepdims=True) > 1
    if np.count_nonzero(known) > MOST_GROUPS:
        return of_all(int(np.count_nonzero(known)), level)
    spread, axes = np.linalg.eigh(np.cov(noise[:, known], rowvar=False))
    drawn = normals(len(spread)) @ (axes * np.sqrt(np.maximum(spread, 0.0))).T
    ends = np.cumsum(known.sum(axis=1))
    compared = np.flatnonzero(known.any(axis=1))
    return of_many(
        [measured[k][known[k]] for k in compared],
        [drawn[:, ends[k] - known[k].sum() : ends[k]] for k in compared],
        level,
    )


def _tell_unknown(rates, unknown: NDArray, group: NDArray, groups) -> None:
    """Warn of groups whose rate is counted as 0, though nothing is known of it."""
    table = np.asarray(groups, dtype=object).reshape(len(group), -1)
    told = []
    for rate, codes in zip(rates, unknown, strict=True):
        for code in np.flatnonzero(codes):
            name = group_name([str(part) for part in table[np.argmax(group == code)]])
            told.append(f"{name!r} has no row with {rate.rows}")
    more = f", and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    warn(
        f"nothing is known of a rate: {', '.join(told[:MOST_NAMED])}{more}; the metric counts "
        "it as 0, its interval reaches to 1. Leave the rows of such groups out for the value "
        "and interval of the others",
        FairnessWarning,
    )

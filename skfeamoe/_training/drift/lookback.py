r"""Looking back: have the people of one group changed within the last rows?

The gap of a fixed model depends on who the people of each group are. So what changes a gap
shows in the features of one group before it shows in decisions, which are zeros and ones.
For every slot and group the rows that are kept are split in two where a feature's means
differ most,

.. math:: z^2 = \max_{k, f}\ \frac{k\,(n-k)}{n}\,
          \frac{(\bar x_{f,\le k} - \bar x_{f,> k})^2}{s_f^2 + s_0^2},

and the split is a change if :math:`z^2` exceeds a limit that rises with the number of
features. It raises an alarm only if the group's gap behind the split is wider than before it
and than its bound: other changes of people matter only where they cost accuracy.

References
----------
D. Siegmund and E. S. Venkatraman (1995), "Using the generalized likelihood ratio statistic
for sequential detection of a change-point", Annals of Statistics 23.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.constraints import Outcome, Slots
from skfeamoe._fairness.monitor import Fairness, Score
from skfeamoe._rows import Rows

LOOK_ROWS = 64
"""Rows between two looks."""

MOST_GROUPS = 8
"""Gaps are watched for the first so many groups; the others are in everybody's "others"."""

LEAST_ROWS = 15
"""Rows of a group on either side of a split."""

LIMIT = 26.0
"""Limit of z^2 for one feature; 2 log(number of features) is added."""

LEAST_VARIANCE = 0.1
"""s_0^2: the mean of a rare category jumps with every person who has it."""

CLIP = 3.0
"""A value further from the mean, in standard deviations, counts as this far."""

MOST_FEATURES = 256
"""With more features, or sparse ones, the favorable probability is looked at instead."""


def changed_gap(
    fairness: Fairness,
    rows: Rows,
    n_groups: int,
    score: Score,
    predict: Callable[[NDArray], NDArray],
) -> tuple[str, int] | None:
    """Name of a gap that is wider since a change of people, and the change's first row.

    ``score`` and ``predict`` give decisions and probabilities of the model that predicts.
    """
    slots, favorable = fairness.slots, fairness.favorable
    values = _looked_at(rows.X, favorable, predict)
    nobody = np.zeros(len(rows), dtype=bool)
    members = slots.rows(Outcome(rows.y == favorable, nobody, nobody, nobody)) > 0
    limit = LIMIT + 2.0 * np.log(values.shape[1])
    for s in range(len(slots)):
        if slots.owners[s].uses_distance:
            continue
        known = members[s] & (rows.groups >= 0)
        for group in range(min(n_groups, MOST_GROUPS)):
            inside = known & (rows.groups == group)
            own = np.flatnonzero(inside)
            z2, place = split(values[own])
            if z2 < limit:
                continue
            measured = slots.measured(score(rows))[s]
            first, others = int(own[place]), known & ~inside
            before, _ = _gap(measured[:first], inside[:first], others[:first])
            after, error = _gap(measured[first:], inside[first:], others[first:])
            if after - error > max(before, fairness.limits[s]):
                return cause_of(slots, s, group), first
    return None


def cause_of(slots: Slots, s: int, group: int) -> str:
    """Name of an alarm by the gap of one group in one slot."""
    return f"{slots.names[s]} ({slots.events[s]}): {group}"


def _looked_at(Z, favorable: int, predict: Callable[[NDArray], NDArray]) -> NDArray:
    """What is compared of every row, (n_samples, n_values), in about standard deviations."""
    if not issparse(Z) and Z.shape[1] <= MOST_FEATURES:
        return np.clip(Z, -CLIP, CLIP)
    return 2.0 * CLIP * predict(Z)[:, [favorable]]


def split(values: NDArray) -> tuple[float, int]:
    """Largest z^2 over places and columns, and the first row behind that place."""
    n = len(values)
    if n < 2 * LEAST_ROWS:
        return 0.0, 0
    sums = np.cumsum(values - values.mean(axis=0), axis=0)
    k = np.arange(LEAST_ROWS, n - LEAST_ROWS + 1)
    between = sums[k - 1] ** 2 / (k * (n - k))[:, None]  # part of the variance
    z2 = n * between / (values.var(axis=0) - between + LEAST_VARIANCE)
    best = int(z2.max(axis=1).argmax())
    return float(z2[best].max()), int(k[best])


def _gap(measured: NDArray, inside: NDArray, others: NDArray) -> tuple[float, float]:
    """Distance between the means of a group and all others, and its standard error."""
    own, rest = measured[inside], measured[others]
    if len(own) == 0 or len(rest) == 0:
        return 0.0, np.inf
    error = np.sqrt(own.var() / len(own) + rest.var() / len(rest))
    return abs(float(own.mean() - rest.mean())), float(error)

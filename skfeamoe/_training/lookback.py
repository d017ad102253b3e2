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

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.constraints import Outcome
from skfeamoe._mixture.forward import proba
from skfeamoe._training.recent import RECENT_ROWS, last_rows
from skfeamoe._training.state import State, layout_of, prior_scores
from skfeamoe._training.step import Settings, observe
from skfeamoe._training.watch import MOST_GROUPS, rested

LOOK_ROWS = 64
"""Rows between two looks."""

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


def look_back(state: State, settings: Settings) -> None:
    """Raise an alarm if the gap of a group has changed for the worse since some row."""
    n_groups = state["multipliers"].shape[1]
    if state["alarm"] or n_groups < 2 or len(settings.slots) == 0:
        return
    if not rested(state):
        return
    since = state["n_samples_seen"] - (state["alarm_rows"] or [0])[-1]
    Z, y, groups, _ = last_rows(state["recent"], min(since, RECENT_ROWS))
    found = _changed_group(state, settings, Z, y, groups)
    if found is not None:
        state["alarm"], first = found
        state["changed_at"] = state["n_samples_seen"] - len(y) + first


def _changed_group(
    state: State, settings: Settings, Z, y: NDArray, groups: NDArray
) -> tuple[str, int] | None:
    """Name of a gap that is wider since a change of people, and the change's first row."""
    slots, values = settings.slots, _looked_at(state, settings, Z)
    favored, nobody = y == settings.favorable, np.zeros(len(y), dtype=bool)
    rows = slots.rows(Outcome(favored, nobody, nobody, nobody)) > 0
    limit = LIMIT + 2.0 * np.log(values.shape[1])
    for s in range(len(slots)):
        if slots.owners[s].uses_distance:
            continue
        known = rows[s] & (groups >= 0)
        for group in range(min(state["multipliers"].shape[1], MOST_GROUPS)):
            inside = known & (groups == group)
            own = np.flatnonzero(inside)
            z2, place = split(values[own])
            if z2 < limit:
                continue
            measured = slots.measured(observe(state, settings, Z, y))[s]
            first, others = int(own[place]), known & ~inside
            before, _ = _gap(measured[:first], inside[:first], others[:first])
            after, error = _gap(measured[first:], inside[first:], others[first:])
            if after - error > max(before, settings.growth.bounds[s]):
                return f"{slots.names[s]} ({slots.events[s]}): {group}", first
    return None


def _looked_at(state: State, settings: Settings, Z) -> NDArray:
    """What is compared of every row, (n_samples, n_values), in about standard deviations."""
    if not issparse(Z) and Z.shape[1] <= MOST_FEATURES:
        return np.clip(Z, -CLIP, CLIP)
    found = proba(Z, state["average"], layout_of(state), prior_scores(state))
    return 2.0 * CLIP * found[:, [settings.favorable]]


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

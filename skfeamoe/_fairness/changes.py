r"""Have the people of one group changed?

The gap of a fixed model depends on who the people of each group are. So what changes a gap
shows in the features of one group before it shows in decisions, which are zeros and ones.
Rows in the order of the stream are split in two where a feature's means differ most,

.. math:: z^2 = \max_{k, f}\ \frac{k\,(n-k)}{n}\,
          \frac{(\bar x_{f,\le k} - \bar x_{f,> k})^2}{s_f^2 + s_0^2},

and the split is a change if :math:`z^2` exceeds a limit that rises with the number of
features. `Arrivals` compares those who came last with those before in one look, without
keeping anybody, and says whether it is worth while to search.

References
----------
D. Siegmund and E. S. Venkatraman (1995), "Using the generalized likelihood ratio statistic
for sequential detection of a change-point", Annals of Statistics 23.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

LEAST_ROWS = 50
"""Rows of a group behind a change: a gap on fewer is known to .07 at best."""

LIMIT = 26.0
"""Limit of z^2 for one feature; 2 log(number of features) is added. One alarm in half a
million rows without a change (docs/decisions/pace-and-growth.md)."""

SUSPECTED = 0.5
"""Part of the limit that is enough where errors have raised an alarm: a world that changes
its rule may have changed its people."""

LEAST_VARIANCE = 0.1
"""s_0^2: the mean of a rare category jumps with every person who has it."""

CLIP = 3.0
"""A value further from the mean, in standard deviations, counts as this far."""

MOST_FEATURES = 256
"""With more features, or sparse ones, changes of people are not looked for."""


def limit_for(n_features: int) -> float:
    """Limit of z^2 for the largest of so many features."""
    return LIMIT + 2.0 * float(np.log(max(n_features, 1)))


def can_be_watched(Z) -> bool:
    """Whether rows are dense and few enough to be looked at feature by feature."""
    return not issparse(Z) and Z.shape[1] <= MOST_FEATURES


def split(values: NDArray, least_rows: int = LEAST_ROWS) -> tuple[float, int]:
    """Largest z^2 over places and columns, and the first row behind that place."""
    n = len(values)
    if n < 2 * least_rows:
        return 0.0, 0
    sums = np.cumsum(values - values.mean(axis=0), axis=0)
    k = np.arange(least_rows, n - least_rows + 1)
    between = sums[k - 1] ** 2 / (k * (n - k))[:, None]  # part of the variance
    z2 = n * between / (values.var(axis=0) - between + LEAST_VARIANCE)
    best = int(z2.max(axis=1).argmax())
    return float(z2[best].max()), int(k[best])


def changed_row(Z: NDArray, part: float = 1.0) -> int | None:
    """First row of other people among the rows of one group; None if they are the same.

    ``part`` of the limit is enough.
    """
    z2, place = split(np.clip(Z, -CLIP, CLIP))
    return place if z2 >= part * limit_for(Z.shape[1]) else None


class Arrivals:
    """Means of every group's features: those who came since the last look, and before."""

    def __init__(self) -> None:
        self.fresh = np.zeros((0, 0))  # (n_groups, n_features), sums
        self.n_fresh = np.zeros(0)  # (n_groups,)
        self.mean = np.zeros((0, 0))  # of the people before
        self.variance = np.zeros((0, 0))
        self.n_before = np.zeros(0)

    def update(self, Z, groups: NDArray) -> None:
        """Take in a batch; groups that were not there at the last look are left out."""
        if not can_be_watched(Z) or not len(self.n_before):
            return
        members = (np.arange(len(self.n_before))[:, None] == groups).astype(np.float64)
        self.fresh = self.fresh + members @ np.clip(Z, -CLIP, CLIP)
        self.n_fresh = self.n_fresh + members.sum(axis=1)

    def changed(self, part: float = 1.0) -> NDArray:
        """Groups whose new people differ from those before by ``part`` of the limit."""
        enough = (self.n_fresh >= LEAST_ROWS) & (self.n_before >= LEAST_ROWS)
        if not enough.any():
            return np.empty(0, dtype=np.intp)
        groups = np.flatnonzero(enough)
        n, before = self.n_fresh[groups], self.n_before[groups]
        shift = self.fresh[groups] / n[:, None] - self.mean[groups]
        z2 = (n * before / (n + before))[:, None] * shift**2
        z2 /= self.variance[groups] + LEAST_VARIANCE
        return groups[z2.max(axis=1) >= part * limit_for(self.mean.shape[1])]

    def start_over(self, Z, groups: NDArray, n_groups: int) -> None:
        """Compare from now on with the people of these rows."""
        if not can_be_watched(Z):
            return
        Z = np.clip(Z, -CLIP, CLIP)
        members = (np.arange(n_groups)[:, None] == groups).astype(np.float64)
        self.n_before = members.sum(axis=1)
        n = np.maximum(self.n_before, 1.0)[:, None]
        self.mean = members @ Z / n
        np.square(Z, out=Z)
        self.variance = np.maximum(members @ Z / n - self.mean**2, 0.0)
        self.fresh, self.n_fresh = np.zeros_like(self.mean), np.zeros(n_groups)

    def copy(self) -> Self:
        """The same; updates replace arrays, so they are shared."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The arrivals that `to_dict` has written."""
        made = cls()
        vars(made).update(data)
        return made

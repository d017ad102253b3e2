r"""Bounds on the differences and ratios of group rates, as linear inequalities.

Let :math:`r_{e,a} = P(d = 1 \mid e, A = a)` be the rate of favorable decisions among the
rows of group a that event e selects. A difference bound on event e holds if

.. math:: r_{e,a} - r_{e,a'} \le b \quad \text{for every ordered pair } a \ne a',

a ratio bound if :math:`\rho\, r_{e,a} - r_{e,a'} \le 0`. Both are rows of one system
:math:`A r \le b`; the largest left-hand side of a difference bound is fairlearn's
``difference()`` for any number of groups. The columns of A are the pairs (event, group).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NO_BOUND = 1.0
"""A difference of rates is never above this, so such a bound asks for nothing."""


@dataclass(frozen=True)
class Bounds:
    """The system A r <= b, and what each of its rows stands for."""

    matrix: NDArray  # (n_bounds, n_events * n_groups)
    limit: NDArray  # (n_bounds,)
    owners: tuple[tuple[str, str], ...]  # (n_bounds,), constraint, and "difference" or "ratio"

    def __len__(self) -> int:
        return len(self.limit)

    def comparing(self, measurable: NDArray) -> Bounds:
        """Only those bounds all of whose rates can be measured, (n_rates,) bool."""
        kept = ~(self.matrix[:, ~measurable] != 0.0).any(axis=1)
        owners = tuple(o for o, keep in zip(self.owners, kept, strict=True) if keep)
        return Bounds(self.matrix[kept], self.limit[kept], owners)

    def excess(self, rates: NDArray) -> NDArray:
        """How far every bound is passed, negative where it is kept, (n_bounds,)."""
        return self.matrix @ rates - self.limit

    def tightened(self, margin: NDArray) -> Bounds:
        """The same bounds with less room, down to what all keep when everybody is granted."""
        return replace(self, limit=np.maximum(self.limit - margin, self.of_everybody))

    @property
    def of_everybody(self) -> NDArray:
        """Left-hand sides when everybody is granted: 0 of differences, rho - 1 of ratios."""
        return self.matrix.sum(axis=1)


def pairwise_bounds(
    slots: Sequence[tuple[str, str]],
    events: Sequence[str],
    n_groups: int,
    difference: Mapping[str, float],
    ratio: float | None = None,
) -> Bounds:
    """Bounds of every slot (constraint, event) on every ordered pair of groups."""
    first, second = np.nonzero(~np.eye(n_groups, dtype=bool))
    blocks, limits, owners = [], [], []
    for constraint, event in slots:
        forms = []
        if difference[constraint] < NO_BOUND:
            forms.append(("difference", 1.0, difference[constraint]))
        if ratio is not None:
            forms.append(("ratio", ratio, 0.0))
        for form, factor, limit in forms:
            block = np.zeros((len(first), len(events), n_groups))
            rows, e = np.arange(len(first)), events.index(event)
            block[rows, e, first] = factor
            block[rows, e, second] = -1.0
            blocks.append(block.reshape(len(first), len(events) * n_groups))
            limits.append(np.full(len(first), limit))
            owners += [(constraint, form)] * len(first)
    width = len(events) * n_groups
    return Bounds(
        np.concatenate(blocks) if blocks else np.zeros((0, width)),
        np.concatenate(limits) if limits else np.zeros(0),
        tuple(owners),
    )

r"""Running group means in O(slots x groups) memory.

Every cell (slot, group) forgets with a half-life counted *in its own rows*, so that a small
group is measured on as many of its own people as a large one and its mean is not noisier;
with G groups and E events a cell's half-life is ``half_life / (G E)`` own rows, which for
balanced cells is ``half_life`` rows of the stream.
"""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import MIN_CELL_ROWS

MIN_HALF_LIFE = 50.0
"""Shortest half-life of a cell in its own rows: a mean over fewer would be mostly noise."""


class GroupMoments(TypedDict):
    """Faded counts and totals of every cell."""

    count: NDArray  # (n_slots, n_groups), rows, on the cell's own clock
    total: NDArray  # (n_slots, n_groups), sum of the measured quantity, same clock
    seen: NDArray  # (n_groups,), labels since the beginning
    favored: NDArray  # (n_groups,), of these the favorable ones


def init_group_moments(n_slots: int, n_groups: int) -> GroupMoments:
    """Moments of no data."""
    shape = (n_slots, n_groups)
    return {
        "count": np.zeros(shape),
        "total": np.zeros(shape),
        "seen": np.zeros(n_groups),
        "favored": np.zeros(n_groups),
    }


def with_groups(moments: GroupMoments, n_groups: int) -> GroupMoments:
    """The same moments with empty cells for groups that have just appeared."""
    new = (0, n_groups - moments["count"].shape[1])
    return {
        "count": np.pad(moments["count"], ((0, 0), new)),
        "total": np.pad(moments["total"], ((0, 0), new)),
        "seen": np.pad(moments["seen"], new),
        "favored": np.pad(moments["favored"], new),
    }


def update_group_moments(
    moments: GroupMoments,
    rows: NDArray,
    measured: NDArray,
    membership: NDArray,
    labels: NDArray,
    *,
    half_life: float,
    n_events: int,
) -> GroupMoments:
    """Moments after a batch.

    ``rows`` (n_slots, n_samples) has what a row counts for in a slot, and ``measured`` what is
    measured there; ``membership`` (n_samples, n_groups) has 1 in the column of a row's group,
    and a row of zeros where the group is unknown; ``labels`` (2, n_samples) is the weight of
    all labels and of the favorable ones.
    """
    count = rows @ membership
    n_cells = membership.shape[1] * n_events
    own_half_life = max(half_life / n_cells, MIN_HALF_LIFE)
    keep = np.exp2(-count / own_half_life)
    seen, favored = labels @ membership
    return {
        "count": moments["count"] * keep + count,
        "total": moments["total"] * keep + (rows * measured) @ membership,
        "seen": moments["seen"] + seen,
        "favored": moments["favored"] + favored,
    }


def cell_means(moments: GroupMoments) -> tuple[NDArray, NDArray]:
    """Means mu and a mask of the cells that have seen enough rows, (n_slots, n_groups)."""
    known = moments["count"] >= MIN_CELL_ROWS
    return moments["total"] / np.maximum(moments["count"], MIN_CELL_ROWS), known


def slot_gaps(mu: NDArray, known: NDArray) -> NDArray:
    """Largest minus smallest mean of every slot, nan with fewer than two known groups."""
    highest = np.where(known, mu, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(known, mu, np.inf).min(axis=1, initial=np.inf)
    comparable = known.sum(axis=1) >= 2
    return np.subtract(highest, lowest, where=comparable, out=np.full(len(mu), np.nan))


def merge_group_moments(a: GroupMoments, b: GroupMoments, codes: NDArray) -> GroupMoments:
    """Sums of the moments of two sets of rows; ``codes`` are those of b's groups in a.

    All are sums, so merging is exact, and gives the same in any order.
    """
    return {
        "count": a["count"] + _placed(b["count"], codes, a["count"].shape),
        "total": a["total"] + _placed(b["total"], codes, a["total"].shape),
        "seen": a["seen"] + _placed(b["seen"], codes, a["seen"].shape),
        "favored": a["favored"] + _placed(b["favored"], codes, a["favored"].shape),
    }


def _placed(values: NDArray, codes: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Values of groups in the columns of their codes."""
    placed = np.zeros(shape)
    placed[..., codes] = values
    return placed

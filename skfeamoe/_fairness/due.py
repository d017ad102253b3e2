"""When bounds are due: after so many rows, and earlier for groups of which few are known."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import MIN_CELL_ROWS
from skfeamoe._fairness.people import LEAST_OF_GROUP, rows_per_group

RESCORES = 3
"""Bounds are settled again once one in so many of the rows held is new. Newcomers are held
beside those kept, so that is after half as many rows as are kept (2,048 of 4,096) where all
groups are known, and after a third (1,366) where none is."""

LOOK_ROWS = 64
"""Rows between two looks for other people."""

LEAST_ROWS = 256
"""Fewest rows between two solutions, unless groups or bounds are new."""


GLANCE_ROWS = 256
"""Rows between two glances at what the present model decides on newcomers."""


class Due:
    """What has come since bounds were settled last. Rows are counted along the stream."""

    def __init__(self) -> None:
        self.held = np.zeros(0)  # (n_groups,), people on whom bounds were settled
        self.came = np.zeros(0)  # (n_groups,), who have come since
        self.solved_at = 0  # row at which that was; 0: never, or not since people were lost
        self.looked_at = 0  # row at which somebody looked for other people last
        self.glanced_at = 0  # row at which somebody looked at decisions last

    def add_groups(self, n_groups: int) -> None:
        """Count groups that have just appeared; nobody of them was there."""
        new = (0, n_groups - len(self.held))
        self.held, self.came = np.pad(self.held, new), np.pad(self.came, new)

    def count(self, n_came: NDArray) -> None:
        """People of every group have come, (n_groups,)."""
        self.came = self.came + n_came

    def settled(self, row: int) -> None:
        """Bounds are settled at this row."""
        self.solved_at = self.looked_at = self.glanced_at = row
        self.came = np.zeros(len(self.came))

    def hold(self, n_held: NDArray) -> None:
        """These are the people of every group on whom bounds are settled, (n_groups,)."""
        self.held = n_held

    def n_waiting(self, row: int) -> int:
        """Rows since bounds were settled."""
        return row - self.solved_at

    def by_rows(self, row: int, n_held: int) -> bool:
        """Whether so many rows have come, of those that are held, that bounds are due."""
        return self.n_waiting(row) >= max(n_held / RESCORES, LEAST_ROWS)

    def can_be_early(self, n_held: int) -> bool:
        """Whether bounds were settled, and so many are held that they can be settled again.

        At first all groups are young, and once more after their people were lost.
        """
        return self.solved_at > 0 and n_held >= LEAST_ROWS

    def look(self, row: int) -> bool:
        """Whether it is time to look for other people; remembered as done."""
        if row - self.looked_at < LOOK_ROWS:
            return False
        self.looked_at = row
        return True

    def glance(self, row: int) -> bool:
        """Whether it is time to look at decisions; remembered as done."""
        if not self.solved_at or row - self.glanced_at < GLANCE_ROWS:
            return False
        self.glanced_at = row
        return True

    def has_young_group(self) -> bool:
        """Whether a group that had few people, or none, can be compared or has doubled.

        Of very many groups fewer people are held of each, so that they are few for less long.
        """
        n_now, few = self.held + self.came, min(LEAST_OF_GROUP, rows_per_group(len(self.held)))
        young = (self.held < few) & (self.came >= self.held)
        return bool((young & (n_now >= MIN_CELL_ROWS)).any())

    def without_people(self) -> None:
        """Nobody is held any more."""
        self.held = self.came = np.zeros(len(self.held))

    def copy(self) -> Self:
        """Counts that go on alone; no update writes into an array."""
        other = type(self)()
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The counts that `to_dict` has written."""
        made = cls()
        vars(made).update(data)
        return made

"""What the user asked of fairness, in the form that training needs."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Slots


@dataclass(frozen=True)
class Fairness:
    """Constraints with their bounds or increments, and for whom."""

    slots: Slots
    limits: NDArray  # (n_slots,), the bounds, or increments of the schedule
    favorable: int  # code of the favorable class
    half_life: float  # rows after which a group's share, or the schedule's means, count half
    ratios: frozenset[str] = frozenset()  # constraints whose limit is minus a ratio's logarithm
    privileged: int | None = None  # of the schedule: a code, -1 not seen yet, None to find it
    accuracy_floor: float = 0.0  # least accuracy that bounds may be kept at
    local_columns: tuple[int, ...] = ()  # of X, in whose parts there are bounds too
    local_is_category: tuple[bool, ...] = ()
    local_limits: NDArray = field(default_factory=lambda: np.zeros(0))  # (n_slots,)

    @property
    def is_ratio(self) -> NDArray:
        """Slots whose limit is of a ratio, (n_slots,) bool."""
        return np.array([name in self.ratios for name in self.slots.names], dtype=bool)

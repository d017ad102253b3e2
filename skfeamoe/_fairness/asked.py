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
    is_ratio: NDArray  # (n_slots,) bool: the bound is of minus the logarithm of a ratio
    favorable: int  # code of the favorable class
    half_life: float  # rows after which a group's past counts half
    privileged: int | None = None  # of the schedule: a code, -1 not seen yet, None to find it
    accuracy_floor: float = 0.0  # least accuracy that bounds may be kept at
    local_columns: tuple[int, ...] = ()  # of X, in whose parts there are bounds too
    local_is_category: tuple[bool, ...] = ()
    local_limits: NDArray = field(default_factory=lambda: np.zeros(0))  # (n_slots,)

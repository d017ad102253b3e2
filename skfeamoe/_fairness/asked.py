"""What the user asked of fairness, in the form that training needs."""

from dataclasses import dataclass

from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Slots


@dataclass(frozen=True)
class Fairness:
    """Constraints with their bounds or increments, and for whom."""

    slots: Slots
    limits: NDArray  # (n_slots,), the bounds, or increments of the schedule
    favorable: int  # code of the favorable class
    half_life: float  # rows after which a group's past counts half
    privileged: int | None = None  # of the schedule: a code, -1 not seen yet, None to find it
    accuracy_floor: float = 0.0  # least accuracy that bounds may be kept at

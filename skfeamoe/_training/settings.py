"""From the user's words to the objects that training works with."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.controls import BoundControl, Control, ScheduleControl
from skfeamoe._mixture.losses import LOSSES
from skfeamoe._mixture.optimizers import OPTIMIZERS
from skfeamoe._training.growth import Growth, IntervalGrowth, NoGrowth
from skfeamoe._training.step import Settings

CONTROLS = ("bound", "schedule")
GROWTH = ("interval",)

STREAM_BATCH = 32
EARLY_BATCH = 8
"""Rows per step in a stream, and while it is young and every row tells something new."""

MOST_FIT_BATCH = 256
STEPS_PER_PASS = 160
"""`fit` takes about this many steps per pass, with batches of 32 to 256 rows."""

ROW_VISITS = 160_000
MOST_PASSES = 15
"""`fit` visits about this many rows in 1 to 15 passes."""

STREAM_INTERVAL = 4000
PARTS_OF_FIT = 10
"""An expert every tenth of the data in `fit`, every 4,000 rows in a stream (paper)."""

STREAM_HALF_LIFE = 2000.0

STREAM_RATE = 0.1
FIT_RATE = 0.05
"""Rate of the multipliers: a stream has to be fast, several passes have time to be calm."""


def batch_size_for(n_samples: int) -> int:
    """Rows per step of a `fit` on ``n_samples`` rows."""
    return int(np.clip(n_samples // STEPS_PER_PASS, STREAM_BATCH, MOST_FIT_BATCH))


def passes_for(n_samples: int) -> int:
    """Passes of a `fit` over ``n_samples`` rows."""
    return int(np.clip(round(ROW_VISITS / n_samples), 1, MOST_PASSES))


def half_life_for(n_samples: int) -> float:
    """Half-life in rows of a `fit` on ``n_samples`` rows."""
    return float(np.clip(n_samples / 2, 100.0, STREAM_HALF_LIFE))


def interval_for(n_samples: int) -> int:
    """Rows between two experts of a `fit` on ``n_samples`` rows."""
    return max(n_samples // PARTS_OF_FIT, 1)


def build_control(
    control: str,
    slots: Slots,
    strength: Mapping[str, float],
    rate: float,
    privileged: int | None,
) -> Control:
    """The control of a name; ``strength`` is its bound or increment per constraint."""
    per_slot: NDArray = np.array([strength[name] for name in slots.names])
    if control == "bound":
        return BoundControl(per_slot, rate)
    return ScheduleControl(per_slot, slots, privileged)


def build_growth(growth: str | None, interval: int) -> Growth:
    """The growth policy of a name."""
    return NoGrowth() if growth is None else IntervalGrowth(interval)


def build_settings(
    *,
    loss: str,
    solver: str,
    learning_rate: float,
    slots: Slots,
    control: str,
    strength: Mapping[str, float],
    control_rate: float,
    privileged: int | None,
    growth: str | None,
    growth_interval: int,
    max_experts: int,
    batch_size: int | None,
    alpha: float,
    half_life: float,
    favorable: int,
) -> Settings:
    """Settings from checked parameters."""
    return Settings(
        loss=LOSSES[loss](),
        optimizer=OPTIMIZERS[solver](learning_rate),
        slots=slots,
        control=build_control(control, slots, strength, control_rate, privileged),
        growth=build_growth(growth, growth_interval),
        max_experts=max_experts,
        batch_size=batch_size or STREAM_BATCH,
        early_batch_size=batch_size or EARLY_BATCH,
        alpha=alpha,
        half_life=half_life,
        favorable=favorable,
        clip_slopes=control == "bound",
    )

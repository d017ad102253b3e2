"""From the user's words to the objects that training works with."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.controls import BoundControl, Control, ScheduleControl
from skfeamoe._mixture.losses import LOSSES
from skfeamoe._mixture.optimizers import OPTIMIZERS
from skfeamoe._training.growth import Growth, IndividualGrowth, IntervalGrowth, NoGrowth
from skfeamoe._training.step import Settings
from skfeamoe._training.watch import DriftGrowth

CONTROLS = ("bound", "schedule")
GROWTH = ("interval", "drift", "individual_fairness")

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

UNFAIR_PART = 10
"""growth="individual_fairness" adds an expert per so many times fewer, but unfair, rows."""

STREAM_HALF_LIFE = 2000.0


class Pace(NamedTuple):
    """How fast a model follows the data: a stream has to move, several passes may settle."""

    control_rate: float  # of the multipliers, per reference batch
    control_span: float  # rows after which this rate falls as 1/rows
    aim: float  # part of the bound that is aimed at
    average_rate: float  # of the moving average that predicts, per reference batch
    memory_span: float  # rows after which the optimizer has forgotten 63 % of a gradient


STREAM_PACE = Pace(
    control_rate=0.3,
    control_span=np.inf,
    aim=0.8,
    average_rate=0.06,
    memory_span=20_000.0,
)
FIT_PACE = Pace(
    control_rate=0.05,
    control_span=40_000.0,
    aim=0.9,
    average_rate=0.003,
    memory_span=np.inf,
)


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
    pace: Pace,
    privileged: int | None,
) -> Control:
    """The control of a name; ``strength`` is its bound or increment per constraint."""
    per_slot: NDArray = np.array([strength[name] for name in slots.names])
    if control == "bound":
        return BoundControl(per_slot, pace.control_rate, span=pace.control_span, aim=pace.aim)
    return ScheduleControl(per_slot, slots, privileged)


def build_growth(
    growth: str | None,
    interval: int,
    max_experts: int,
    bounds: NDArray,
    detector: str,
) -> Growth:
    """The growth policy of a name."""
    if growth is None:
        return NoGrowth()
    if growth == "drift":
        return DriftGrowth(interval, max_experts, bounds, detector)
    if growth == "individual_fairness":
        return IndividualGrowth(max(interval // UNFAIR_PART, 1))
    return IntervalGrowth(interval)


def build_settings(
    *,
    loss: str,
    solver: str,
    learning_rate: float,
    slots: Slots,
    control: str,
    strength: Mapping[str, float],
    pace: Pace,
    privileged: int | None,
    growth: str | None,
    growth_interval: int,
    drift_detector: str,
    max_experts: int,
    batch_size: int | None,
    alpha: float,
    half_life: float,
    favorable: int,
    twin_columns: NDArray,
    individual_penalty: float,
) -> Settings:
    """Settings from checked parameters."""
    return Settings(
        loss=LOSSES[loss](),
        optimizer=OPTIMIZERS[solver](learning_rate),
        slots=slots,
        control=build_control(control, slots, strength, pace, privileged),
        growth=build_growth(
            growth,
            growth_interval,
            max_experts,
            np.array([strength[name] for name in slots.names]),
            drift_detector,
        ),
        max_experts=max_experts,
        batch_size=batch_size or STREAM_BATCH,
        early_batch_size=batch_size or EARLY_BATCH,
        alpha=alpha,
        half_life=half_life,
        average_rate=pace.average_rate,
        memory_span=pace.memory_span,
        favorable=favorable,
        clip_slopes=control == "bound",
        twin_columns=twin_columns,
        individual_penalty=individual_penalty,
    )

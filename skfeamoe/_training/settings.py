"""From the user's words to the objects that training works with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._mixture.losses import Loss
from skfeamoe._mixture.optimizers import Optimizer
from skfeamoe._training.drift.policy import DriftGrowth
from skfeamoe._training.growth import Growth, IndividualGrowth, IntervalGrowth, NoGrowth

CONTROLS = ("bound", "schedule")

STREAM_BATCH = 32
EARLY_BATCH = 8
"""Rows per step in a stream, and while it is young and every row tells something new."""

BULK_BATCH = 256
"""Rows per step where so many come at once: batches of 256 learn what those of 32 do, up to
three parts in ten thousand of the loss (docs/decisions/speed.md)."""

LEAST_BULKS = 3
"""A `fit` on fewer rows than so many of these takes small steps: it has few of them to take.
With 240 rows of the lending stream large ones cost three points of accuracy."""

MOST_FIT_BATCH = 256
STEPS_PER_PASS = 160
"""A batch of `fit` has the 160th part of the rows, 32 to 256. With dense rows, linear experts
and an optimizer that takes bulks it has `BULK_BATCH` rows where it would have half of that or
less, if there are `LEAST_BULKS` of them: 5,120 rows are 20 steps."""

ROW_VISITS, ADDITIVE_VISITS = 160_000, 320_000
MOST_PASSES = 15
"""`fit` visits about this many rows in 1 to 15 passes; additive experts, which have several
times as many coefficients, twice as many."""

STREAM_INTERVAL = 4000
PARTS_OF_FIT = 10
"""An expert every tenth of the data in `fit`, every 4,000 rows in a stream (paper)."""

UNFAIR_PART = 10
"""growth="individual_fairness" adds an expert per so many times fewer, but unfair, rows."""

STREAM_HALF_LIFE = 2000.0


@dataclass(frozen=True)
class Learning:
    """How parameters are learned."""

    loss: Loss
    optimizer: Optimizer
    alpha: float  # strength of the L2 penalty
    gate_prior_rows: float  # rows over which the prior of the gate is spread
    batch_size: int
    early_batch_size: int  # while a stream is young
    bulk_batch_size: int  # where so many rows come at once
    average_rate: float  # rate of the moving average that predicts
    memory_span: float  # rows after which the optimizer has forgotten 63 % of a gradient
    max_experts: int
    counterfactual_columns: NDArray  # whose change makes a counterfactual, empty for none
    individual_penalty: float
    class_weight: NDArray  # (n_classes,), of the loss alone
    label_cap: float  # most that a label counts for in the loss, as a multiple of its person


class Settings(NamedTuple):
    """What the user chose, in the form that training needs."""

    learning: Learning
    fairness: Fairness
    growth: Growth


class Pace(NamedTuple):
    """How fast a model follows the data: a stream has to move, several passes may settle."""

    average_rate: float  # of the moving average that predicts, per reference batch
    memory_span: float  # rows after which the optimizer has forgotten 63 % of a gradient


STREAM_PACE = Pace(
    average_rate=0.06,
    memory_span=20_000.0,
)
FIT_PACE = Pace(
    average_rate=0.003,
    memory_span=np.inf,
)


class Defaults(NamedTuple):
    """What "auto" stands for, in a stream or in a `fit`."""

    batch_size: int | None  # None: small while a stream is young, then larger
    growth_interval: int
    half_life: float
    gate_prior_rows: float  # as many as the data are, or as the optimizer remembers
    pace: Pace


STREAM_DEFAULTS = Defaults(
    None, STREAM_INTERVAL, STREAM_HALF_LIFE, STREAM_PACE.memory_span, STREAM_PACE
)


def fit_defaults(n_samples: int) -> Defaults:
    """What "auto" stands for in a `fit` on ``n_samples`` rows."""
    return Defaults(
        batch_size_for(n_samples),
        interval_for(n_samples),
        half_life_for(n_samples),
        float(n_samples),
        FIT_PACE,
    )


def batch_size_for(n_samples: int) -> int:
    """Rows per step of a `fit` on ``n_samples`` rows, where it takes no bulks."""
    return int(np.clip(n_samples // STEPS_PER_PASS, STREAM_BATCH, MOST_FIT_BATCH))


def passes_for(n_samples: int, expert: str = "logistic") -> int:
    """Passes of a `fit` of this kind of expert over ``n_samples`` rows."""
    visits = ADDITIVE_VISITS if expert == "additive" else ROW_VISITS
    return int(np.clip(round(visits / n_samples), 1, MOST_PASSES))


def passes_of(estimator: Any, n_samples: int) -> int:
    """Passes of a `fit` on ``n_samples`` rows that an estimator asks for."""
    if estimator.max_iter == "auto":
        return passes_for(n_samples, estimator.expert)
    return estimator.max_iter


def half_life_for(n_samples: int) -> float:
    """Half-life in rows of a `fit` on ``n_samples`` rows."""
    return float(np.clip(n_samples / 2, 100.0, STREAM_HALF_LIFE))


def interval_for(n_samples: int) -> int:
    """Rows between two experts of a `fit` on ``n_samples`` rows."""
    return max(n_samples // PARTS_OF_FIT, 1)


GROWTH: dict[str, Callable[[int, int, str], Growth]] = {
    "interval": lambda interval, max_experts, detector: IntervalGrowth(interval),
    "drift": DriftGrowth,
    "individual_fairness": lambda interval, max_experts, detector: IndividualGrowth(
        max(interval // UNFAIR_PART, 1)
    ),
}
"""Growth policies by name, made of an interval, the most experts and a detector's name."""


def build_growth(
    growth: str | None,
    interval: int,
    max_experts: int,
    detector: str,
) -> Growth:
    """The growth policy of a name."""
    return NoGrowth() if growth is None else GROWTH[growth](interval, max_experts, detector)

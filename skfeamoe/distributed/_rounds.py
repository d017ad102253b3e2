r"""One round of learning on many machines: the numbers, without an engine to move them.

In round t every shard k starts from the same parameters :math:`\theta_t`, learns
:math:`n_k` rows by descent, and gives back its own. The next round begins at their mean,

.. math:: \theta_{t+1} = \sum_k \frac{n_k}{n}\, \theta_{t,k}, \qquad n = \sum_k n_k,

and so do the moving averages that predict and the state of the optimizer. The mean is taken
in the order of the shards, so that it is the same bit for bit wherever they were computed.

Bounds are no business of a round. What they need is sums over all rows: `CellSums` adds up
exactly, whatever the order and wherever the groups live.

References
----------
B. McMahan, E. Moore, D. Ramage, S. Hampson and B. Aguera y Arcas (2017),
"Communication-efficient learning of deep networks from decentralized data", AISTATS.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.cases import Measured, weights_of
from skfeamoe._fairness.constraints import Slots
from skfeamoe._rows import Rows
from skfeamoe._terms import Terms
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.growth import NoGrowth
from skfeamoe._training.model import Clock, Model
from skfeamoe._training.reservoir import Reservoir
from skfeamoe._training.scoring import score
from skfeamoe._training.settings import STREAM_PACE, Settings
from skfeamoe._training.step import train_batch

SHARD_DRAWS = 101
"""Purpose number of the generators that shuffle shards."""

SUM_ROWS = 16_384
"""Rows whose decisions are added up at a time, so that their terms fit in memory."""

LEAST_BATCH = 32
"""Fewest rows per step of a shard."""


class Plan(NamedTuple):
    """Which rows a shard learns in a round: part ``number`` of ``n_parts`` of a pass."""

    seed: int
    shard: int
    n_pass: int
    number: int
    n_parts: int


@dataclass
class Part:
    """What a shard, or several together, have made of a round."""

    ensemble: Ensemble
    clock: Clock  # of this round only


def worker_settings(settings: Settings, n_shards: int, *, chosen_batch: bool) -> Settings:
    """Settings of a shard, of which ``n_shards`` step side by side.

    Each takes batches smaller by that factor, unless the user has chosen their size, and its
    average moves as if it had learned the rows of all. Its steps are longer by the root of
    it: m gradients of one sign move a parameter of Adagrad by sqrt(m), so the mean of shards
    that have each seen a part of them would fall behind by sqrt(n_shards), while the noise
    that longer steps bring is what the mean takes away.
    """
    learning = settings.learning
    size = learning.batch_size
    if not chosen_batch:
        size = max(size // n_shards, min(size, LEAST_BATCH))
    rate = min(learning.average_rate * n_shards, STREAM_PACE.average_rate)
    optimizer: Any = copy(learning.optimizer)
    optimizer.learning_rate *= np.sqrt(n_shards)
    learning = replace(
        learning,
        optimizer=optimizer,
        batch_size=size,
        early_batch_size=size,
        average_rate=max(rate, learning.average_rate),
    )
    return settings._replace(learning=learning, growth=NoGrowth())


def traveling(model: Model, monitor: BoundMonitor | None = None) -> Model:
    """What a shard needs of a model to learn: no people, no background, no record.

    With a monitor, which keeps nobody, it can decide as the model does.
    """
    terms = model.terms.without_rows()
    nothing = BoundMonitor(Slots(()), model.favorable, terms.n_outputs)
    background = Reservoir(terms.n_inputs, size=0, sparse=model.background.sparse, seed=0)
    return Model(
        model.seed,
        terms,
        model.ensemble,
        nothing if monitor is None else monitor,
        background,
        model.favorable,
        posterior=model.posterior,
    )


def learn_round(rows: Rows, plan: Plan, *, common: tuple[Model, Settings]) -> Part:
    """Learn a part of the rows of a shard, standardized, from the common parameters.

    Rows without a label have a part in it only where a penalty asks for none.
    """
    bare, settings = common
    model = bare.copy()
    if not len(settings.learning.counterfactual_columns):
        rows = rows.labeled()
    order = np.random.default_rng([plan.seed, SHARD_DRAWS, plan.shard, plan.n_pass])
    index = order.permutation(len(rows))
    start, stop = (len(rows) * i // plan.n_parts for i in (plan.number, plan.number + 1))
    for batch in rows.take(index[start:stop]).slices(settings.learning.batch_size):
        train_batch(model, settings, in_terms(model.terms, batch))
    return Part(model.ensemble, model.clock)


def in_terms(terms: Terms, rows: Rows) -> Rows:
    """The rows as experts see them; of linear terms shards have been standardized before."""
    return rows if terms.is_linear else rows.with_columns(terms.transform(rows.X))


def mean_part(parts: Sequence[Part]) -> Part:
    """The mean of several parts, by the rows that each has learned."""
    parts = [part for part in parts if part.clock.n_samples_seen] or list(parts[:1])
    mean = Part(parts[0].ensemble.copy(), parts[0].clock.copy())
    for part in parts[1:]:
        mean.clock.merge(part.clock)
        share = part.clock.n_samples_seen / max(mean.clock.n_samples_seen, 1)
        mean.ensemble.merge(part.ensemble, share)
    return mean


def take_part(model: Model, part: Part) -> None:
    """Let the common model be where a round has ended."""
    model.take_over(part.ensemble, part.clock)


@dataclass
class CellSums:
    """Sums over the rows of every cell, (n_slots, n_groups) each; they add up exactly."""

    count: NDArray  # rows
    weight: NDArray  # of w
    total: NDArray  # of w v, v the measured quantity
    weight_squared: NDArray  # of w^2
    total_squared: NDArray  # of w^2 v
    squared_squared: NDArray  # of w^2 v^2
    unweighted: NDArray  # of v

    def __add__(self, other: CellSums) -> CellSums:
        """Sums over the rows of both."""
        mine, theirs = vars(self), vars(other)
        return CellSums(**{name: mine[name] + theirs[name] for name in mine})

    def measured(self, before: Measured) -> Measured:
        """Means and variances of all cells; price and share granted of ``before``."""
        mean = _ratio(self.total, self.weight)
        spread = self.squared_squared - 2 * mean * self.total_squared
        spread = np.maximum(spread + mean * mean * self.weight_squared, 0.0)
        variance = _ratio(spread, self.weight * self.weight)
        unweighted = _ratio(self.unweighted, self.count)
        return replace(
            before, mean=mean, variance=variance, n_rows=self.count, unweighted=unweighted
        )


def cell_sums(rows: Rows, *, common: tuple[Model, Fairness]) -> CellSums:
    """Sums of the decisions of a model on the rows of a shard, standardized."""
    model, asked = common
    parts = (
        _sums_of(model, asked, in_terms(model.terms, part)) for part in rows.slices(SUM_ROWS)
    )
    return reduce(add, parts)


def _sums_of(model: Model, asked: Fairness, rows: Rows) -> CellSums:
    """The same of some rows; each counts in a slot as a label or as a person."""
    n_groups, slots = model.monitor.n_groups, asked.slots
    outcome = score(model, asked, rows)
    weight = weights_of(slots.events, rows)
    members, values = slots.rows(outcome) * (weight > 0.0), slots.measured(outcome)
    one_hot = rows.groups[:, None] == np.arange(n_groups)
    return CellSums(
        members @ one_hot,
        (members * weight) @ one_hot,
        (members * weight * values) @ one_hot,
        (members * weight**2) @ one_hot,
        (members * weight**2 * values) @ one_hot,
        (members * (weight * values) ** 2) @ one_hot,
        (members * values) @ one_hot,
    )


def _ratio(values: NDArray, total: NDArray) -> NDArray:
    """Quotient, 0 where there is nothing."""
    return np.divide(values, total, where=total > 0, out=np.zeros(total.shape))

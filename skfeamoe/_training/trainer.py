"""Passes over data: a stream in its own order, or several shuffled epochs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from skfeamoe._fairness.monitor import constraint_errors, constraint_gaps
from skfeamoe._rows import Rows
from skfeamoe._training.acts import add_expert, add_generation
from skfeamoe._training.draws import Draws
from skfeamoe._training.drift.replay import replay
from skfeamoe._training.growth import Act, NoGrowth
from skfeamoe._training.model import Audit, Model
from skfeamoe._training.scoring import score
from skfeamoe._training.settings import Settings
from skfeamoe._training.step import train_batch

EARLY_ROWS = 12_000
"""A stream is young for this many rows, and again after an alarm."""

AUDIT_ROWS = 20_000
"""Most rows that `audit` looks at: enough for a standard error of half a point."""


def train_stream(model: Model, settings: Settings, rows: Rows) -> None:
    """Train on rows of X in their order, batch by batch."""
    learning, start = settings.learning, 0
    model.background.update(rows.X, rows.weight)
    while start < len(rows):
        early = model.clock.n_samples_seen - model.clock.young_since < EARLY_ROWS
        size = learning.early_batch_size if early else learning.batch_size
        whole = start == 0 and size >= len(rows)
        batch = rows if whole else rows.take(slice(start, start + size))
        start += size
        model.learn_terms(batch.X, batch.weight)
        _advance(model, settings, batch)


def _advance(model: Model, settings: Settings, batch: Rows) -> None:
    """Grow if it is time, train on one batch of rows of X, and keep the record."""
    for act in settings.growth.before(model):
        _carry_out(model, settings, act)
    Z = model.terms.transform(batch.X)
    outcome = train_batch(model, settings, batch.with_columns(Z))
    if outcome is not None:
        settings.growth.after(model, settings.fairness, batch, outcome)
    if model.history.is_due(model.clock.n_samples_seen):
        _record(model, settings)


def _carry_out(model: Model, settings: Settings, act: Act) -> None:
    """Do what a growth policy asks for."""
    max_experts = settings.learning.max_experts
    if act is Act.EXPERT:
        add_expert(model, max_experts)
    elif act is Act.GENERATION:
        model.clock.young_since = model.clock.n_samples_seen
        add_generation(model, max_experts)
    else:
        replay(model, settings)


def _record(model: Model, settings: Settings) -> None:
    """Make an entry in the record of training."""
    clock = model.clock
    entry = {
        "n_samples_seen": clock.n_samples_seen,
        "n_experts": model.ensemble.n_experts,
        "loss": clock.loss,
    }
    gaps = model.monitor.gaps(settings.fairness.slots)
    entry |= {f"gap_{name}": gap for name, gap in gaps.items()}
    model.history.update(clock.n_samples_seen, entry)


class Passes:
    """Several shuffled passes over the rows of X, of which the fairest one predicts.

    Experts are added in the first pass only, as in a stream; later passes refine them. The
    control swings about its bounds: of the passes of the second half the one that exceeds
    them least is published, the last one if several meet them.
    """

    def __init__(self, model: Model, settings: Settings, rows: Rows, n_passes: int) -> None:
        self.model = model
        self.settings = settings
        self.rows = rows
        self.n_passes = n_passes
        self._best: tuple | None = None

    def __iter__(self) -> Iterator[int]:
        """Train, yielding the number of passes made after every one of them."""
        model, settings, rows = self.model, self.settings, self.rows
        model.learn_terms(rows.X, rows.weight)
        model.background.update(rows.X, rows.weight)
        for n_made in range(1, self.n_passes + 1):
            order = model.generator(Draws.SHUFFLE).permutation(len(rows))
            size = settings.learning.batch_size
            for start in range(0, len(rows), size):
                _advance(model, settings, rows.take(order[start : start + size]))
            settings = settings._replace(growth=NoGrowth())
            if n_made > self.n_passes // 2:
                self._consider()
            yield n_made

    def _consider(self) -> None:
        """Keep the present pass if it exceeds the bounds no more than the best one."""
        model = self.model
        model.audit = audit(model, self.settings, self.rows)
        gaps = {} if model.audit is None else model.audit.gaps
        excess = worst_excess(gaps, self.settings)
        if self._best is None or excess <= self._best[0]:
            self._best = excess, model.ensemble.average.copy(), model.audit

    def finish(self) -> Model:
        """The model with the parameters of the best pass."""
        if self._best is None:
            self.model.audit = audit(self.model, self.settings, self.rows)
        else:
            _, self.model.ensemble.average, self.model.audit = self._best
        return self.model


def worst_excess(gaps: dict[str, float], settings: Settings) -> float:
    """Largest ratio of a gap to its bound, 1 where all are met or there are no bounds."""
    bounds = settings.fairness.bounds
    ratios = [gap / bounds[c] for c, gap in gaps.items() if c in bounds and not np.isnan(gap)]
    return max([1.0, *ratios])


def audit(model: Model, settings: Settings, rows: Rows) -> Audit | None:
    """Gaps of the model on rows of X it was trained on, without forgetting.

    At most `AUDIT_ROWS` rows are looked at, evenly spaced. None where there is nothing to
    compare.
    """
    fairness, monitor = settings.fairness, model.monitor
    if not monitor.is_active or len(model.groups) < 2:
        return None
    rows = rows.take(slice(None, None, -(-len(rows) // AUDIT_ROWS)))
    rows = rows.with_columns(model.terms.transform(rows.X))
    moments = monitor.measured(fairness, rows, partial(score, model, fairness))
    gaps = constraint_gaps(fairness.slots, moments)
    errors = constraint_errors(fairness.slots, moments)
    return Audit(gaps, errors, monitor.multipliers)

"""Passes over data: a stream in its own order, or several shuffled epochs."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.people import drawn
from skfeamoe._fairness.schedule import ScheduleMonitor
from skfeamoe._rows import Rows
from skfeamoe._training.acts import add_expert, add_generation
from skfeamoe._training.draws import Draws
from skfeamoe._training.drift.replay import replay
from skfeamoe._training.growth import Act, NoGrowth
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import decide, score, settle
from skfeamoe._training.settings import MOST_FIT_BATCH, Learning, Settings, passes_for
from skfeamoe._training.step import train_batch

EARLY_ROWS = 12_000
"""A stream is young for this many rows, and again after an alarm."""

WAITING_ROWS = 8192
"""Rows in bulk after which bounds wait no longer."""

AUDIT_ROWS = 20_000
"""Most rows that a finished schedule is measured on: a standard error of half a point."""

SETTLE_ROWS = 30_000
"""Most rows of a `fit` that the offset is solved on."""

MOST_KEPT = 16_000_000
"""Most numbers that the terms of all rows of a `fit` may have to be kept: 128 MB."""


def train_stream(model: Model, settings: Settings, rows: Rows) -> None:
    """Train on rows of X in their order, batch by batch."""
    start = 0
    model.background.update(rows.X, rows.weight)
    while start < len(rows):
        size = _batch_size(model, settings.learning)
        whole = start == 0 and size >= len(rows)
        batch = rows if whole else rows.take(slice(start, start + size))
        start += size
        model.learn_terms(batch.X, batch.weight)
        _advance(model, settings, batch, is_last=start >= len(rows))


def _batch_size(model: Model, learning: Learning) -> int:
    """Rows of the next step: few while the stream is young, many where many come at once."""
    if model.clock.n_samples_seen - model.clock.young_since < EARLY_ROWS:
        return learning.early_batch_size
    return learning.bulk_batch_size


def _advance(model: Model, settings: Settings, rows: Rows, *, is_last: bool) -> None:
    """Grow if it is time, learn a batch of a stream, keep bounds, and keep the record.

    Where rows come in bulk nobody is decided on before the last of them but by a policy that
    watches, so that bounds wait. Whoever is born begins with knots where the last rows are.
    """
    acts = settings.growth.before(model)
    if acts:
        model.renew_terms()
    _carry_out(model, settings, acts)
    batch = rows.with_columns(model.terms.transform(rows.X))
    _learn(model, settings, rows, batch)
    bounds, asked = model.bounds, settings.fairness
    if bounds is not None:
        bounds.learn(asked, batch.X, rows)
        is_bulk = len(rows) > settings.learning.batch_size and not settings.growth.watches
        waits = is_bulk and not is_last and bounds.n_waiting < WAITING_ROWS
        present = partial(decide, model, asked)
        if not waits and (bounds.is_due(asked) or bounds.has_widened(asked, present)):
            changes = settle(model, asked)
            settings.growth.people_changed(model, asked, changes)
    if model.history.is_due(model.clock.n_samples_seen):
        _record(model, settings)


def _learn(model: Model, settings: Settings, rows: Rows, batch: Rows) -> None:
    """One step, and what the growth policy notes of it.

    ``rows`` have the columns of X, and ``batch`` those of its terms. Rows without a label have
    a part in it only where something pushes the experts that asks for none.
    """
    if not _pushes(model, settings):
        rows, batch = rows.labeled(), batch.labeled()
        if not len(batch):
            return
    outcome = train_batch(model, settings, batch)
    if outcome is not None:
        settings.growth.after(model, settings.fairness, rows, outcome)


def _pushes(model: Model, settings: Settings) -> bool:
    """Whether anything but the loss pushes the experts."""
    penalized = len(settings.learning.counterfactual_columns) > 0
    return penalized or (model.monitor.pushes and model.monitor.is_active)


def _carry_out(model: Model, settings: Settings, acts: Sequence[Act]) -> None:
    """Do what a growth policy asks for before a batch."""
    max_experts = settings.learning.max_experts
    for act in acts:
        if act is Act.EXPERT:
            add_expert(model, max_experts)
        elif act is Act.GENERATION:
            model.clock.be_young()
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
    """Several shuffled passes over the rows of X, and at their end the bounds.

    Experts are added in the first pass only, as in a stream; later passes refine them. Rows
    without a label are dealt out evenly among the batches of those that have one, in so many
    passes as visit enough people. Terms are learned from all rows at once and stay as they
    are, so they are taken once where there is room for them.
    """

    def __init__(self, model: Model, settings: Settings, rows: Rows, n_passes: int) -> None:
        self.model = model
        self.settings = settings
        self.rows = rows
        self.n_passes = n_passes

    def __iter__(self) -> Iterator[int]:
        """Train, yielding the number of passes made after every one of them."""
        model, settings, rows = self.model, self.settings, self.rows
        model.learn_terms(rows.X, rows.weight)
        model.background.update(rows.X, rows.weight)
        Z = self._terms_of_all()
        seen = rows if Z is None else rows.with_columns(Z)
        for n_made in range(1, self.n_passes + 1):
            for index in self._batches(n_made):
                batch = seen.take(index)
                if Z is None:
                    batch = batch.with_columns(model.terms.transform(batch.X))
                self._advance(settings, batch)
            settings = settings._replace(growth=NoGrowth())
            yield n_made

    def _terms_of_all(self) -> NDArray | None:
        """The terms of all rows, piece by piece; None if they are too many, or needed once."""
        terms, X = self.model.terms, self.rows.X
        n_terms = terms.n_outputs
        if self.n_passes == 1 or issparse(X) or len(X) * n_terms > MOST_KEPT:
            return None
        Z = np.empty((len(X), n_terms))
        for start in range(0, len(X), MOST_FIT_BATCH):
            piece = slice(start, start + MOST_FIT_BATCH)
            Z[piece] = terms.transform(X[piece])
        return Z

    def _batches(self, n_made: int) -> Iterator[NDArray]:
        """Numbers of the rows of one pass, batch by batch, in the order of a draw."""
        rows, learning = self.rows, self.settings.learning
        # rare columns of sparse rows need the small steps that passes are few of
        size = learning.batch_size if issparse(rows.X) else learning.bulk_batch_size
        known = np.flatnonzero(rows.y >= 0)
        rng = self.model.generator(Draws.SHUFFLE)
        order = known[rng.permutation(len(known))]
        others = np.flatnonzero(rows.y < 0)
        n_batches = -(-len(order) // size)
        if n_made > passes_for(len(rows), self.model.ensemble.layout.expert) or not len(others):
            others = others[:0]
        parts = np.array_split(rng.permutation(others), n_batches)
        for start, more in zip(range(0, len(order), size), parts, strict=True):
            index = order[start : start + size]
            yield np.append(index, more) if len(more) else index

    def _advance(self, settings: Settings, batch: Rows) -> None:
        """Grow if it is time, learn a batch of terms, and keep the record."""
        model = self.model
        _carry_out(model, settings, settings.growth.before(model))
        _learn(model, settings, batch, batch)
        if model.bounds is not None:
            model.bounds.learn_directions(settings.fairness, batch.X, batch)
        if model.history.is_due(model.clock.n_samples_seen):
            _record(model, settings)

    def finish(self) -> Model:
        """The model, with its bounds kept and its gaps measured on these rows."""
        model, asked = self.model, self.settings.fairness
        monitor = model.monitor
        if not monitor.is_active:
            return model
        if model.bounds is not None:  # one group, too: others may come, or be merged
            order = model.generator(Draws.PEOPLE).permutation(len(self.rows))
            model.bounds.keep(asked, self.rows, order=order)
        if len(model.groups) < 2:
            return model
        if not isinstance(monitor, ScheduleMonitor):
            settle(model, asked, self._people(SETTLE_ROWS))
        else:
            rows = self._people(AUDIT_ROWS)
            rows = rows.with_columns(model.terms.transform(rows.X))
            monitor.audit(asked, rows, partial(score, model, asked))
        return model

    def _people(self, most: int) -> Rows:
        """So many people of these rows, at random."""
        return drawn(self.rows, most, self.model.generator(Draws.PEOPLE))

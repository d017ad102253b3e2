"""After an alarm: learn the rows since the change again, several times.

A stream shows every row once, and right after a change there are few of the new world. They
are kept (`recent`), so they can be gone through more often: at the alarm, and again whenever
half as many more have come. What a generation is believed to be worth is left to fresh rows,
which nobody has learned by heart; and the group means, which lag behind a model that learns
so fast, are measured anew with the model as it has become.

References
----------
Rows that are kept and gone through again: L.-J. Lin (1992), "Self-improving reactive agents
based on reinforcement learning, planning and teaching", Machine Learning 8.
"""

from functools import partial

from skfeamoe._training.draws import Draws
from skfeamoe._training.drift.monitor import ACCURACY
from skfeamoe._training.drift.recent import RECENT_ROWS
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import score
from skfeamoe._training.settings import Settings
from skfeamoe._training.step import train_batch

ACCURACY_PASSES, GAP_PASSES = 2, 4
"""Passes per replay. An alarm by errors has brought new experts, which learn faster."""

REPLAY_GROWTH = 1.5
"""A replay takes so many times the rows of the one before, until they are no longer kept."""

LEAST_ROWS = 32
"""Rows of the first replay: fewer say too little."""

KNOWN_AFTER_REPLAY = 60.0
"""Rows that a cell of the group means counts as after a replay: they were few."""


def replay(model: Model, settings: Settings) -> None:
    """Teach the model the rows since the change, and say when to do so again.

    A copy learns. The model takes over its parameters and its control; beliefs, running means
    and counts are of rows that come once.
    """
    drift, fairness, monitor = model.drift, settings.fairness, model.monitor
    n_rows = model.clock.n_samples_seen - drift.changed_at
    due = max(int(REPLAY_GROWTH * n_rows), n_rows + 1, LEAST_ROWS)
    drift.replay_at = drift.changed_at + due if due <= RECENT_ROWS else 0
    if n_rows < LEAST_ROWS:
        return
    rows, old = drift.recent.last(n_rows), monitor.moments
    rows = rows.with_columns(model.terms.transform(rows.X))
    copy = model.copy()
    own_score = partial(score, copy, fairness)
    rng = model.generator(Draws.REPLAY)
    by_errors = drift.alarm_causes[-1] == ACCURACY
    for _ in range(ACCURACY_PASSES if by_errors else GAP_PASSES):
        if monitor.is_active:
            copy.monitor.remeasure(fairness, rows, own_score, old)
        shuffled = rows.take(rng.permutation(len(rows)))
        for batch in shuffled.slices(settings.learning.early_batch_size):
            train_batch(copy, settings, batch)
    model.ensemble.take_replay(copy.ensemble)
    if monitor.is_active:
        copy.monitor.remeasure(fairness, rows, own_score, old)
        monitor.take_replay(copy.monitor, KNOWN_AFTER_REPLAY)

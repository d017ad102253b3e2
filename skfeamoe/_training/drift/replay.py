"""After an alarm: learn the rows since the change again, several times.

A stream shows every row once, and right after a change there are few of the new world. They
are kept (`recent`), so they can be gone through more often: at the alarm, and again whenever
half as many more have come. What a generation is believed to be worth is left to fresh rows,
which nobody has learned by heart; and the bounds are settled anew, on the people who are kept,
with the model as it has become.

References
----------
Rows that are kept and gone through again: L.-J. Lin (1992), "Self-improving reactive agents
based on reinforcement learning, planning and teaching", Machine Learning 8.
"""

from skfeamoe._training.draws import Draws
from skfeamoe._training.drift.recent import RECENT_ROWS
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import settle
from skfeamoe._training.settings import Settings
from skfeamoe._training.step import train_batch

PASSES = 2
"""Passes per replay."""

REPLAY_GROWTH = 1.5
"""A replay takes so many times the rows of the one before, until they are no longer kept."""

LEAST_ROWS = 32
"""Rows of the first replay: fewer say too little."""


def replay(model: Model, settings: Settings) -> None:
    """Teach the model the rows since the change, and say when to do so again.

    A copy learns, and the model takes over its parameters; beliefs, running means and counts
    are of rows that come once. The offset that keeps bounds is solved anew.
    """
    drift = model.drift
    n_rows = model.clock.n_samples_seen - drift.changed_at
    due = max(int(REPLAY_GROWTH * n_rows), n_rows + 1, LEAST_ROWS)
    drift.plan_replay(drift.changed_at + due if due <= RECENT_ROWS else 0)
    if n_rows < LEAST_ROWS:
        return
    rows = drift.recent.last(n_rows)
    rows, copy = rows.with_columns(model.terms.transform(rows.X)), model.copy()
    rng = model.generator(Draws.REPLAY)
    for _ in range(PASSES):
        shuffled = rows.take(rng.permutation(len(rows)))
        for batch in shuffled.slices(settings.learning.early_batch_size):
            train_batch(copy, settings, batch)
    model.ensemble.take_replay(copy.ensemble)
    if model.bounds is not None:
        settle(model, settings.fairness, suspected=True)

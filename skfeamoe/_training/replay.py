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

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.moments import (
    GroupMoments,
    fade,
)
from skfeamoe._training.growth import NoGrowth
from skfeamoe._training.recent import RECENT_ROWS, last_rows
from skfeamoe._training.state import State, generator
from skfeamoe._training.step import Settings, measure_afresh, train_batch
from skfeamoe._training.watch import ACCURACY

ACCURACY_PASSES, GAP_PASSES = 2, 4
"""Passes per replay. An alarm by errors has brought new experts, which learn faster."""

REPLAY_GROWTH = 1.5
"""A replay takes so many times the rows of the one before, until they are no longer kept."""

LEAST_ROWS = 32
"""Rows of the first replay: fewer say too little."""

KNOWN_AFTER_REPLAY = 60.0
"""Rows that a cell of the group means counts as after a replay: they were few."""

REPLAY_DRAWS = 4
"""Purpose number of the generator that shuffles the rows."""

TAUGHT: tuple[
    Literal["block"],
    Literal["average"],
    Literal["memory"],
    Literal["n_steps"],
    Literal["multipliers"],
    Literal["weights"],
] = ("block", "average", "memory", "n_steps", "multipliers", "weights")
"""What a replay changes; beliefs, running means and counts are of rows that come once."""


def replay(state: State, settings: Settings) -> None:
    """Teach the model the rows since the change, and say when to do so again."""
    n_rows = state["n_samples_seen"] - state["changed_at"]
    due = max(int(REPLAY_GROWTH * n_rows), n_rows + 1, LEAST_ROWS)
    state["replay_at"] = state["changed_at"] + due if due <= RECENT_ROWS else 0
    if n_rows < LEAST_ROWS:
        return
    rows = last_rows(state["recent"], n_rows)
    by_errors = state["alarm_causes"][-1] == ACCURACY
    constrained = len(settings.slots) > 0 and state["multipliers"].shape[1] > 0
    pupil: State = {**state, "usage": state["usage"].copy()}
    quiet = replace(settings, growth=NoGrowth())
    draws = generator(state, REPLAY_DRAWS)
    for _ in range(ACCURACY_PASSES if by_errors else GAP_PASSES):
        if constrained:
            pupil["groups"] = _measured_anew(pupil, settings, state["groups"], *rows)
        _pass(pupil, quiet, draws, *rows)
    if constrained:
        moments = _measured_anew(pupil, settings, state["groups"], *rows)
        state["groups"] = fade(moments, KNOWN_AFTER_REPLAY)
    for name in TAUGHT:
        state[name] = pupil[name]


def _pass(
    pupil: State,
    settings: Settings,
    draws: np.random.Generator,
    Z,
    y: NDArray,
    groups: NDArray,
    weight: NDArray,
) -> None:
    """One pass in random order, in the small batches of a young stream."""
    order, size = draws.permutation(len(y)), settings.early_batch_size
    for start in range(0, len(y), size):
        part = order[start : start + size]
        train_batch(pupil, settings, Z[part], y[part], groups[part], weight[part])


def _measured_anew(
    state: State,
    settings: Settings,
    old: GroupMoments,
    Z,
    y: NDArray,
    groups: NDArray,
    weight: NDArray,
) -> GroupMoments:
    """Group means of the model as it is now; shares and base rates stay those of before."""
    found = measure_afresh(state, settings, Z, y, groups, weight)
    return {
        **found,
        "share": old["share"],
        "rows": old["rows"],
        "seen": old["seen"],
        "favored": old["favored"],
    }

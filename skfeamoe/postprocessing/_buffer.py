"""Recent rows of a stream, scored before they were learned: a ring of plain arrays."""

from __future__ import annotations

import numpy as np

from skfeamoe.postprocessing._held_out import HeldOut

FIELDS = ("eta", "pi", "groups", "favored", "weight", "label_weight")


def new_buffer(size: int, n_groups: int, n_labels: int) -> dict:
    """An empty buffer of ``size`` rows."""
    return {
        "eta": np.zeros(size),
        "pi": np.zeros((size, n_groups, n_labels)),
        "groups": np.full(size, -1, dtype=np.intp),
        "favored": np.zeros(size, dtype=bool),
        "weight": np.zeros(size),
        "label_weight": np.zeros(size),
        "n_seen": 0,
        "n_since_solved": 0,
    }


def push(buffer: dict, held: HeldOut) -> dict:
    """The buffer with the newest rows in place of the oldest; the given one is not changed."""
    size, n_new = len(buffer["eta"]), len(held)
    kept = min(size, n_new)
    places = (buffer["n_seen"] + np.arange(n_new - kept, n_new)) % size
    after = dict(buffer)
    for name in FIELDS:
        after[name] = buffer[name].copy()
        after[name][places] = getattr(held, name)[n_new - kept :]
    after["n_seen"] = buffer["n_seen"] + n_new
    after["n_since_solved"] = buffer["n_since_solved"] + n_new
    return after


def recent(buffer: dict) -> HeldOut:
    """The rows in the buffer."""
    n_rows = min(buffer["n_seen"], len(buffer["eta"]))
    return HeldOut(**{name: buffer[name][:n_rows] for name in FIELDS})

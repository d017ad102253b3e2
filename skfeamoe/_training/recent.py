"""The last rows of a stream: what to look back at for a change, and to learn from after one."""

import numpy as np
from numpy.typing import NDArray

from skfeamoe._training.reservoir import Rows, init_rows, make_room, read_rows, write_rows

RECENT_ROWS = 1024
"""Rows that are kept; the oldest makes room."""


class Recent(Rows):
    """A ring of rows: row i of the stream is in place i modulo `RECENT_ROWS`."""

    y: NDArray
    groups: NDArray
    row_weight: NDArray
    n_seen: int


def init_recent(n_features: int, *, sparse: bool) -> Recent:
    """A ring without rows."""
    empty = np.empty(0, dtype=np.intp)
    rows = init_rows(n_features, sparse=sparse)
    return {**rows, "y": empty, "groups": empty, "row_weight": np.empty(0), "n_seen": 0}


def remember(recent: Recent, Z, y: NDArray, groups: NDArray, weight: NDArray) -> None:
    """Keep the rows of a batch, dense or CSR, in place of the oldest."""
    Z, y, groups, weight = (a[-RECENT_ROWS:] for a in (Z, y, groups, weight))
    slots = (recent["n_seen"] + np.arange(len(y))) % RECENT_ROWS
    missing = min(recent["n_seen"] + len(y), RECENT_ROWS) - len(recent["y"])
    if missing > 0:
        make_room(recent, len(recent["y"]) + missing)
        recent["y"] = np.pad(recent["y"], (0, missing))
        recent["groups"] = np.pad(recent["groups"], (0, missing))
        recent["row_weight"] = np.pad(recent["row_weight"], (0, missing))
    recent["y"][slots], recent["groups"][slots] = y, groups
    recent["row_weight"][slots] = weight
    write_rows(recent, slots, Z)
    recent["n_seen"] += len(y)


def last_rows(recent: Recent, n_rows: int):
    """The last rows in order of the stream: Z, y, groups, weight; at most all that are kept."""
    n_rows = min(n_rows, len(recent["y"]))
    slots = (recent["n_seen"] - n_rows + np.arange(n_rows)) % RECENT_ROWS
    Z = read_rows(recent, slots)
    return Z, recent["y"][slots], recent["groups"][slots], recent["row_weight"][slots]

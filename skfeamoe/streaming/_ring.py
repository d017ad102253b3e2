"""The last rows of a stream, in constant memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._tally import Rows


def new_ring(size: int) -> dict[str, Any]:
    """Make a ring that will hold the last `size` rows."""
    return {
        "rows": {
            "true": np.zeros(size, dtype=np.intp),
            "predicted": np.zeros(size, dtype=np.intp),
            "group": np.zeros(size, dtype=np.intp),
            "weight": np.zeros(size),
            "score": np.zeros(size),
            "log_loss": np.zeros(size),
            "proba": np.zeros(size),
            "distance": np.zeros(size),
        },
        "seen": 0,
    }


def push_rows(ring: dict[str, Any], rows: Rows) -> None:
    """Write rows over the oldest ones of the ring."""
    size = len(ring["rows"]["true"])
    n = len(rows["true"])
    place = np.arange(ring["seen"] + max(n - size, 0), ring["seen"] + n) % size
    for name, array in ring["rows"].items():
        array[place] = rows[name][n - len(place) :]
    ring["seen"] += n


def ring_rows(ring: dict[str, Any]) -> Rows:
    """Return the rows that the ring holds now, oldest first."""
    size = len(ring["rows"]["true"])
    seen = ring["seen"]
    place = np.arange(max(seen - size, 0), seen) % size
    return {name: array[place] for name, array in ring["rows"].items()}

"""A bounded record of training: when it is full, every other entry is dropped.

After a drop the distance between entries doubles, so that the record always spans the whole
life of the model with between `MAX_ENTRIES` / 2 and `MAX_ENTRIES` evenly spaced entries.
"""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

MAX_ENTRIES = 512

FIRST_STRIDE = 256
"""Rows between the first entries."""


class History(TypedDict):
    """Series by name, and the distance in rows between their entries."""

    stride: int
    next_at: int
    series: dict[str, NDArray]


def init_history() -> History:
    """An empty record."""
    return {"stride": FIRST_STRIDE, "next_at": FIRST_STRIDE, "series": {}}


def is_due(history: History, n_samples_seen: int) -> bool:
    """Whether an entry should be made now."""
    return n_samples_seen >= history["next_at"]


def record(history: History, n_samples_seen: int, entry: Mapping[str, float]) -> History:
    """The record with one more entry; a new name is nan in the entries before it."""
    series = history["series"]
    length = max((len(values) for values in series.values()), default=0)
    blank = np.full(length, np.nan)
    longer = {
        name: np.append(series.get(name, blank), float(entry.get(name, np.nan)))
        for name in [*series, *(name for name in entry if name not in series)]
    }
    stride = history["stride"]
    if length + 1 >= MAX_ENTRIES:
        longer = {name: values[1::2].copy() for name, values in longer.items()}
        stride *= 2
    next_at = (n_samples_seen // stride + 1) * stride
    return {"stride": stride, "next_at": next_at, "series": longer}

"""A bounded record of training: when it is full, every other entry is dropped.

After a drop the distance between entries doubles, so that the record always spans the whole
life of the model with between `MAX_ENTRIES` / 2 and `MAX_ENTRIES` evenly spaced entries.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

MAX_ENTRIES = 512

FIRST_STRIDE = 256
"""Rows between the first entries."""


class History:
    """Series by name; every record replaces them."""

    def __init__(self) -> None:
        self.stride = FIRST_STRIDE  # rows between entries
        self.next_at = FIRST_STRIDE
        self.series: dict[str, NDArray] = {}

    def is_due(self, n_seen: int) -> bool:
        """Whether an entry should be made now."""
        return n_seen >= self.next_at

    def update(self, n_seen: int, entry: Mapping[str, float]) -> None:
        """Make one more entry; a new name is nan in the entries before it."""
        series = self.series
        length = max((len(values) for values in series.values()), default=0)
        blank = np.full(length, np.nan)
        longer = {
            name: np.append(series.get(name, blank), float(entry.get(name, np.nan)))
            for name in [*series, *(name for name in entry if name not in series)]
        }
        if length + 1 >= MAX_ENTRIES:
            longer = {name: values[1::2].copy() for name, values in longer.items()}
            self.stride *= 2
        self.next_at = (n_seen // self.stride + 1) * self.stride
        self.series = longer

    def copy(self) -> Self:
        """The same record, going on alone."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def merge(self, other: Self) -> None:
        """Nothing: a record tells of one model's life, and keeps to its own."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "series": dict(self.series)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The record that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update(data)
        return made

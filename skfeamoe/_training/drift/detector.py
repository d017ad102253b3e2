"""Change detectors, and the numbers that they watch.

The detectors are river's. A river object lives as long as its `Detector`; only what is saved
is plain data, numbers and arrays, which pickle, joblib and skops write and read back bit for
bit. Binary detectors (DDM, HDDM, ...) are left out, as
gaps are no zeros and ones.

ADWIN's test takes values between 0 and 1; scale others. With its default delta, .002, two
million values without a change gave no alarm, and a rise of an error rate from .15 to .35
after 10,000 rows was seen within 111 rows in the median and 215 at most (60 seeds; .01: 87
rows and .2 false alarms per 100,000 rows; .05: 71 and 1.0). Page-Hinkley with the defaults
here: no alarm in 3.6 million values, 231 rows in the median and 410 at most.

`skfeamoe.streaming` watches gaps, too, by contrasts; growth="drift" has errors watched here
and no gaps. Rows of one group and of all others are taken into a block until it holds both;
the block's value is the difference of the two means. Whatever the groups' sizes are, its mean
is the group's rate minus the others', it lies in [-1, 1], and a change of the groups' shares
alone is no change of it.

References
----------
A. Bifet and R. Gavalda (2007), "Learning from time-changing data with adaptive windowing",
SDM. D. V. Hinkley (1970), "Inference about the change-point in a sequence of random
variables", Biometrika 57. E. S. Page (1954), "Continuous inspection schemes", Biometrika 41.
C. Raab, M. Heusinger and F.-M. Schleif (2020), "Reactive soft prototype computing for concept
drift streams", Neurocomputing (KSWIN).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._optional import optional

DETECTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "adwin": ("ADWIN", {"delta": 0.002, "clock": 8}),
    "page_hinkley": ("PageHinkley", {"delta": 0.08, "threshold": 30.0, "alpha": 1.0}),
    "kswin": ("KSWIN", {"alpha": 1e-5, "window_size": 300, "stat_size": 100, "seed": 0}),
}
"""river's class of each name, and its parameters; those left out are river's defaults.

KSWIN runs a test on every value, at 500 times the cost of ADWIN.
"""

RECENT = 500
"""Last values that are kept to find out, after an alarm, when the change began."""


class Detector:
    """A change detector of river, and the levels before and after the last alarm."""

    def __init__(self, name: str, **params) -> None:
        if name not in DETECTORS:
            raise ValueError(f"detector must be one of {list(DETECTORS)}, got {name!r}")
        try:
            self._river = _river_object(name, params)
        except TypeError as error:
            raise ValueError(
                f"parameters {params} do not fit detector {name!r}: {error}"
            ) from None
        self.name = name
        self.params = dict(params)
        self.n = 0  # values since the last alarm
        self.total = 0.0  # their sum
        self.recent = np.empty(0)  # the last of them, (at most RECENT,)
        self.n_alarms = 0
        self.before = float("nan")  # mean before and after the change of the last alarm
        self.after = float("nan")
        self.n_after = 0  # values since that change

    def update(self, values: NDArray) -> int | None:
        """Take in values; the position of an alarm, None if there was none.

        It stops at an alarm: go on with ``values[position + 1:]``.
        """
        values = np.asarray(values, dtype=float)
        if not np.isfinite(values).all():
            raise ValueError("values must be finite; leave out rows that have no value")
        river, alarm = self._river, None
        for position, value in enumerate(values.tolist()):
            river.update(value)
            if river.drift_detected:
                alarm = position
                break
        taken = values if alarm is None else values[: alarm + 1]
        self.n += len(taken)
        self.total += float(taken.sum())
        self.recent = np.append(self.recent, taken[-RECENT:])[-RECENT:]
        if alarm is not None:
            self._note_alarm()
        return alarm

    def _note_alarm(self) -> None:
        """Note the levels before and after a change, and start to count anew.

        The change is put where the split of all values since the last alarm into two levels
        explains most of their variance (the least-squares estimate; Hinkley 1970), among the
        last `RECENT` places.
        """
        recent = self.recent
        n_old = self.n - len(recent)
        sums = np.cumsum(recent[::-1])[::-1]
        n_after = np.arange(len(recent), 0, -1)
        n_before = n_old + len(recent) - n_after
        with np.errstate(invalid="ignore", divide="ignore"):
            before, after = (self.total - sums) / n_before, sums / n_after
            explained = np.where(n_before > 0, n_before * n_after * (after - before) ** 2, 0.0)
        best = int(explained.argmax())
        self.n, self.total, self.recent = 0, 0.0, np.empty(0)
        self.n_alarms += 1
        self.before, self.after = float(before[best]), float(after[best])
        self.n_after = int(n_after[best])

    def copy(self) -> Self:
        """A detector that goes on alone."""
        return self.from_dict(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data; ``memory`` is what river's object remembers."""
        own = {name: value for name, value in vars(self).items() if name != "_river"}
        return {**own, "params": dict(self.params), "memory": _frozen(self._river)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The detector that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update({name: value for name, value in data.items() if name != "memory"})
        fresh = _river_object(data["name"], data["params"])
        made._river = _thawed(fresh, data["memory"])
        return made


def _river_object(name: str, params: Mapping[str, Any]):
    """A new detector of river."""
    drift = optional("river.drift", extra="drift", purpose="a drift detector")
    class_name, defaults = DETECTORS[name]
    return getattr(drift, class_name)(**{**defaults, **params})


def _frozen(detector) -> dict[str, Any]:
    """Everything that an object remembers, as numbers, arrays and dicts of these."""
    memory: dict[str, Any] = {}
    for name, value in vars(detector).items():
        if value is None or isinstance(value, (bool, int, float, str)):
            memory[name] = value
        elif isinstance(value, deque):
            memory[name] = np.array(value, dtype=float)
        elif isinstance(value, random.Random):
            memory[name] = np.array(value.getstate()[1], dtype=np.int64)
        elif hasattr(value, "__setstate__"):
            memory[name] = np.frombuffer(_binary_state(value), dtype=np.uint8).copy()
        elif hasattr(value, "__dict__"):
            memory[name] = _frozen(value)
        # what is left are bound methods, which a new object has as well
    return memory


def _binary_state(value) -> bytes:
    """The state of a compiled part of river."""
    state = value.__getstate__()
    if not isinstance(state, bytes):
        raise ImportError(
            "this version of river keeps its state in objects that cannot be saved as plain "
            'data; install a newer one with: pip install -U "skfeamoe[drift]"'
        )
    return state


def _thawed(fresh, memory: Mapping[str, Any]):
    """A new object that remembers what another one did."""
    for name, value in memory.items():
        own = getattr(fresh, name)
        if isinstance(own, deque):
            setattr(fresh, name, deque(value.tolist(), maxlen=own.maxlen))
        elif isinstance(own, random.Random):
            own.setstate((own.VERSION, tuple(value.tolist()), None))
        elif isinstance(value, np.ndarray):
            own.__setstate__(value.tobytes())
        elif isinstance(value, dict):
            _thawed(own, value)
        else:
            setattr(fresh, name, value)
    return fresh


class Contrast(NamedTuple):
    """The block of rows that does not hold both sides yet; all of it is of one side."""

    inside: bool = False
    n_rows: int = 0
    total: float = 0.0


def update_contrast(
    open_block: Contrast, inside: NDArray, values: NDArray
) -> tuple[Contrast, NDArray, NDArray]:
    """The open block after some rows, and the finished blocks' values and last rows.

    ``inside`` (n_rows,) bool marks the rows of the group, ``values`` (n_rows,) in [0, 1] is
    what is compared. Values of blocks are scaled to [0, 1]: (difference + 1) / 2.
    """
    inside = np.asarray(inside, dtype=bool)
    if not len(inside):
        return open_block, np.empty(0), np.empty(0, dtype=np.intp)
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if open_block.n_rows and bool(inside[0]) != open_block.inside:
        edges = np.append(0, edges)
    first, last = _closed_blocks(edges)
    sums = np.append(0.0, np.cumsum(values, dtype=float))
    count, total = (last - first).astype(float), sums[last] - sums[first]
    if len(last):
        count[0] += open_block.n_rows
        total[0] += open_block.total
    side = inside[last]
    difference = np.where(side, 1.0, -1.0) * (values[last] - total / np.maximum(count, 1.0))
    last_row = int(last[-1]) if len(last) else -1
    rest = len(inside) - last_row - 1
    carried = (0, 0.0) if len(last) else (open_block.n_rows, open_block.total)
    opened = Contrast(
        bool(inside[-1]),
        rest + carried[0],
        float(sums[-1] - sums[last_row + 1]) + carried[1],
    )
    return opened, (difference + 1.0) / 2.0, last


def _closed_blocks(edges: NDArray) -> tuple[NDArray, NDArray]:
    """First and last row of the blocks that close, from the rows where the side changes.

    A block closes at the first row of the other side, and the next begins behind it: of
    edges in consecutive rows every other one closes a block.
    """
    starts = np.flatnonzero(np.diff(edges, prepend=-2) != 1)
    lengths = np.diff(np.append(starts, len(edges)))
    place_in_run = np.arange(len(edges)) - np.repeat(starts, lengths)
    last = edges[place_in_run % 2 == 0]
    first = np.append(0, last[:-1] + 1)[: len(last)]
    return first, last

"""Recent rows of a stream, scored before they were learned: plain arrays, oldest row first.

There is room for so many people, and as much again for outcomes that came after their people
(`weight` 0), so that no outcome displaces a person. Who is too many is the oldest, except that

- a group keeps a quarter of an equal part of the room: one that stays away for long is still
  there when the rule is solved, and one that comes in larger numbers is as the stream has it,
  so that accuracy is weighed as in the world;
- rows of unknown group have what the others leave: they are in no rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import MIN_CELL_ROWS
from skfeamoe.postprocessing._held_out import HeldOut

FIELDS = ("eta", "pi", "groups", "favored", "weight", "label_weight")


def new_buffer(size: int, n_groups: int, n_labels: int) -> dict:
    """An empty buffer for ``size`` people."""
    return {
        "eta": np.zeros(0),
        "pi": np.zeros((0, n_groups, n_labels)),
        "groups": np.zeros(0, dtype=np.intp),
        "favored": np.zeros(0, dtype=bool),
        "weight": np.zeros(0),
        "label_weight": np.zeros(0),
        "arrival": np.zeros(0, dtype=np.intp),  # numbers of the rows in the stream
        "granted": np.zeros(0),  # chances by the rule of then; nan: no rule, or not decided
        "size": size,
        "n_seen": 0,
        "n_since_solved": 0,
    }


def push(buffer: dict, held: HeldOut, granted: NDArray | None = None) -> dict:
    """The buffer with the newest rows, and without those that are too many.

    ``granted``, (n_samples,), are their chances of a favorable decision, None of no rule.
    """
    granted = np.full(len(held), np.nan) if granted is None else granted
    counts = np.flatnonzero((held.weight > 0.0) | (held.label_weight > 0.0))
    rows = {
        name: np.concatenate([buffer[name], getattr(held, name)[counts]]) for name in FIELDS
    }
    rows["arrival"] = np.concatenate([buffer["arrival"], buffer["n_seen"] + counts])
    before = buffer.get("granted", np.full(len(buffer["arrival"]), np.nan))  # older: not kept
    rows["granted"] = np.concatenate([before, granted[counts]])
    late = rows["weight"] == 0.0
    kept = np.zeros(len(late), dtype=bool)
    for room in (~late, late):
        kept[room] = _stay(rows["groups"][room], held.n_groups, buffer["size"])
    if not kept.all():
        rows = {name: part[kept] for name, part in rows.items()}
    after = {name: buffer[name] + len(held) for name in ("n_seen", "n_since_solved")}
    return {**buffer, **rows, **after}


def recent(buffer: dict) -> HeldOut:
    """The rows in the buffer."""
    # as if every row had the place of its number in a ring: of sums, the order is their digits
    order = np.argsort(buffer["arrival"] % buffer["size"], kind="stable")
    return HeldOut(**{name: buffer[name][order] for name in FIELDS})


def decided(buffer: dict, n_rows: int | None = None) -> tuple[HeldOut, NDArray]:
    """The last rows as far as a rule decided on them when they came, and how.

    They are ``n_rows`` of the stream, by default as many as there is room for. Of a group that
    stays away older rows are kept: they were decided on in another time.
    """
    known = ~np.isnan(buffer["granted"])
    n_rows = buffer["size"] if n_rows is None else min(n_rows, buffer["size"])
    known &= buffer["arrival"] >= buffer["n_seen"] - n_rows
    held = HeldOut(**{name: buffer[name][known] for name in FIELDS})
    return held, buffer["granted"][known]


def n_since_known(buffer: dict) -> int:
    """Rows of the stream since the last one of known group; 0 if there was none."""
    known = buffer["arrival"][buffer["groups"] >= 0]
    return int(buffer["n_seen"] - 1 - known.max()) if len(known) else 0


def is_one_away(buffer: dict, before: HeldOut | None) -> bool:
    """Whether a group stays away: nobody came where so many would have at the group's pace.

    A second model that learns on without the group forgets whom it is to tell apart, and a
    rule that rests on the model has no bound then. ``before`` are rows that `fit` has seen.
    """
    for group in range(buffer["pi"].shape[1]):
        own = buffer["arrival"][buffer["groups"] == group]
        pace, waited = 0.0, buffer["n_seen"]
        if len(own) >= MIN_CELL_ROWS:
            pace = len(own) / (own[-1] - own[0] + 1)
            waited = buffer["n_seen"] - 1 - own[-1]
        elif not len(own) and before is not None:
            pace = np.mean(before.groups == group)
        if pace * waited >= MIN_CELL_ROWS:
            return True
    return False


def _stay(groups: NDArray, n_groups: int, size: int) -> NDArray:
    """Which rows, oldest first, find room, (n_samples,) bool."""
    kept = groups >= 0
    room = int(size - np.count_nonzero(kept))
    if room >= 0:
        others = np.flatnonzero(~kept)
    else:
        known, kept = kept, np.zeros(len(groups), dtype=bool)
        least = max(size // (4 * n_groups), 1)
        for group in range(n_groups):
            kept[np.flatnonzero(groups == group)[-least:]] = True
        others = np.flatnonzero(known & ~kept)
        room = max(int(size - np.count_nonzero(kept)), 0)
    kept[others[max(len(others) - room, 0) :]] = True
    return kept

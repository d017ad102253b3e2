"""The waiting room: people who were granted, whose outcome is still to come.

It holds at most so many of them; the oldest go first. Updates replace arrays, so copies share
them, and what is saved is plain data.
"""

from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skfeamoe._rows import Rows, in_container

LARGEST_ID = 2.0**53
"""Floats are whole numbers without gaps up to this one."""


class Decisions(NamedTuple):
    """What `decide` says of some people."""

    decisions: NDArray
    propensity: NDArray
    ids: NDArray


class Waiting:
    """Rows by the number of their decision, and the propensities they were granted with."""

    def __init__(self) -> None:
        self.n_decided = 0  # decisions so far: the next number
        self.n_dropped = 0  # rows whose place was needed
        self.ids = np.empty(0, dtype=np.int64)  # of those who wait, ascending
        self.propensity = np.empty(0)
        self.rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def count(self, n: int) -> NDArray:
        """Numbers of the next decisions, (n,)."""
        ids = self.n_decided + np.arange(n, dtype=np.int64)
        self.n_decided += n
        return ids

    def add(self, rows: Rows, ids: NDArray, propensity: NDArray, size: int) -> int:
        """Let rows of X wait, no more than ``size`` in all; how many had to go."""
        sparse = not isinstance(rows.X, np.ndarray)
        rows = rows.with_columns(in_container(rows.X, sparse=sparse))
        joined = rows if self.rows is None else Rows.join([self.rows, rows])
        ids = np.append(self.ids, ids)
        n_gone = max(len(ids) - size, 0)
        self.rows, self.ids = joined.take(slice(n_gone, None)), ids[n_gone:]
        self.propensity = np.append(self.propensity, propensity)[n_gone:]
        self.n_dropped += n_gone
        return n_gone

    @staticmethod
    def numbers_of(ids: ArrayLike) -> NDArray:
        """Numbers of people as integers; they may be floats, but no fractions."""
        given = np.asarray(ids).ravel()
        if given.dtype.kind in "iu":
            return given.astype(np.int64)
        try:
            numbers = given.astype(np.float64)
            wrong = (numbers != np.floor(numbers)) | ~(np.abs(numbers) <= LARGEST_ID)
            wrong |= given.dtype.kind not in "fO"
        except (TypeError, ValueError):
            wrong = np.array([not isinstance(each, Real) for each in given])
        if wrong.any():
            raise ValueError(
                "ids must be whole numbers, those that `decide` gave, got "
                f"{given[wrong][:1].tolist()[0]!r}"
            )
        return numbers.astype(np.int64)

    def take(self, ids: NDArray) -> tuple[Rows, NDArray]:
        """The rows of these numbers, in their order, and propensities; they wait no more."""
        places = np.searchsorted(self.ids, ids)
        places[places == len(self.ids)] = 0
        found = self.ids[places] == ids if len(self.ids) else np.zeros(len(ids), dtype=bool)
        if not found.all():
            raise ValueError(self._stranger(int(ids[np.argmin(found)])))
        if len(np.unique(ids)) < len(ids):
            raise ValueError("ids must name every person once, got one of them twice")
        assert self.rows is not None
        taken, propensity = self.rows.take(places), self.propensity[places]
        stay = np.ones(len(self.ids), dtype=bool)
        stay[places] = False
        self.rows, self.ids = self.rows.take(stay), self.ids[stay]
        self.propensity = self.propensity[stay]
        return taken, propensity

    def _stranger(self, number: int) -> str:
        """Why nobody of this number waits."""
        if not 0 <= number < self.n_decided:
            return f"ids has {number}, but `decide` has given {self.n_decided} ids, from 0 on"
        return (
            f"ids has {number}, which waits for no outcome: it was refused, completed before, "
            f"decided with wait=False, or dropped for want of room ({self.n_dropped} were; "
            "waiting_size says how many may wait)"
        )

    def copy(self) -> Self:
        """A room that goes on alone; arrays are shared, as none is written into."""
        other = type(self)()
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "rows": {} if self.rows is None else self.rows.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The room that `to_dict` has written."""
        made = cls()
        rows = Rows.from_dict(data["rows"]) if data["rows"] else None
        vars(made).update({**data, "rows": rows})
        return made

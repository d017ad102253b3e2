"""Missing terms: an indicator for every column in which a value has been missing.

It appears with the first hole that is learned, with weight 0: until then a missing value
counts as the value at which all other terms of its column are zero.
"""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms.carry import Carry


class MissingTerms:
    """1 where the value of a column is missing, in the order in which holes appeared."""

    kind: ClassVar[str] = "missing"
    is_linear: ClassVar[bool] = False

    def __init__(self, n_columns: int, holed=()) -> None:
        self.n_columns = n_columns
        self.holed = np.array(holed, dtype=np.intp)

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self.n_columns

    @property
    def n_outputs(self) -> int:
        """Columns of Z."""
        return len(self.holed)

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z."""
        return self.holed

    @property
    def signs(self) -> NDArray:
        """Any sign for every weight."""
        return np.zeros(self.n_outputs)

    def names(self, columns: list[str]) -> list[str]:
        """Name of every column of Z."""
        return [f"{columns[j]}=(missing)" for j in self.holed]

    def transform(self, X: NDArray) -> NDArray:
        """Z of the rows of X, (n_samples, n_outputs)."""
        return np.isnan(X[:, self.holed]).astype(float)

    def update(self, X: NDArray, weight: NDArray) -> Carry | None:
        """Take note of holes; a carry if a column has its first one."""
        found = np.isnan(X[weight > 0]).any(axis=0)
        found[self.holed] = False
        new = np.flatnonzero(found)
        if not len(new):
            return None
        n = self.n_outputs
        self.holed = np.concatenate([self.holed, new])
        same = np.eye(n, self.n_outputs)
        return Carry(same, np.zeros(n), same)

    def merge(self, other: Self) -> None:
        """Nothing but the columns is learned, and these must be the same."""
        if not self.is_alike(other):
            raise ValueError(
                "only missing terms of the same columns can be merged; let all workers start "
                "from one model, and learn no more rows apart than that had seen"
            )

    def is_alike(self, other: Self) -> bool:
        """Whether other terms have the same columns of Z."""
        return np.array_equal(self.holed, other.holed)

    def copy(self) -> Self:
        """Terms that learn on their own from here; no update writes into an array."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"kind": self.kind, **vars(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update({name: value for name, value in data.items() if name != "kind"})
        return made

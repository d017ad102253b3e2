r"""What every kind of terms can do.

Terms are functions :math:`Z = T(X)` of the columns of X, together with what they have learned
of these columns. A kind that is linear in X, :math:`z = (x - m)/s`, can also move a linear
map between the two spaces,

.. math:: w \cdot z + b = w' \cdot x + b', \qquad
          w' = w/s, \quad b' = b - w' \cdot m,

so that a model is published in units of X and never needs Z again.

An update replaces arrays and never writes into them: a copy shares all arrays with its
original and costs next to nothing.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms.carry import Carry


class Terms(Protocol):
    """Functions of the columns of X that a mixture is linear in."""

    kind: ClassVar[str]
    is_linear: ClassVar[bool]  # whether `fold` and `unfold` exist

    @property
    def n_inputs(self) -> int:
        """Columns of X."""

    @property
    def n_outputs(self) -> int:
        """Columns of Z."""

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z, (n_outputs,)."""

    @property
    def signs(self) -> NDArray | None:
        """Sign that experts' weights of every column of Z must have, 0 for any; None: no."""

    def update(self, X, weight: NDArray) -> Carry | None:
        """Learn from the rows of X, (n_samples, n_inputs), dense or CSR, and their weights.

        Returns a carry if the columns of Z are no longer the same: all that rests on the old
        ones has to be moved by it.
        """

    def renew(self) -> Carry | None:
        """Look at the last rows again, since something has changed; a carry as `update`."""

    def transform(self, X) -> Any:
        """Z of the rows of X, (n_samples, n_outputs), dense or CSR."""

    def published(self, X) -> Any:
        """What published parameters are weights of: X where terms are linear in it, else Z."""

    def back(self, Z, slopes: NDArray) -> NDArray:
        """Derivatives by what people differ in, from those by the columns of Z.

        By numbers in units of their scale, and by indicators; (n_samples, n_units).
        """

    def altered(self, Z, columns: NDArray, change) -> NDArray:
        """Z of the same rows after ``change`` of the given columns of X, dense.

        ``change`` takes (n_samples, n_columns) in units of X and returns as much.
        """

    def fold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The map of X that equals a map of Z; (..., n_outputs) and (...) arrays.

        Raises TypeError where terms are not linear in X.
        """

    def unfold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The map of Z that equals a map of X; the inverse of `fold`."""

    def hold(self, n_rows: float) -> None:
        """Let the past count as at least so many rows, for models that depend on it."""

    def merge(self, other: Self) -> None:
        """Take in what other terms have learned from other rows; exact and associative."""

    def copy(self) -> Self:
        """Terms that learn on their own from here."""

    def without_rows(self) -> Self:
        """A copy with the same columns of Z that keeps no row of X."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""


class OneToOne(ABC):
    """What all terms share that have one column of Z for every column of X."""

    is_linear: ClassVar[bool] = True

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """Columns of X."""

    @abstractmethod
    def copy(self) -> Self:
        """Terms that learn on their own from here."""

    @property
    def n_outputs(self) -> int:
        """Columns of Z, the same."""
        return self.n_inputs

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z, the same."""
        return np.arange(self.n_inputs)

    @property
    def signs(self) -> None:
        """Any sign for every weight."""
        return None

    def renew(self) -> Carry | None:
        """No column of Z depends on the last rows alone."""
        return None

    def back(self, Z, slopes: NDArray) -> NDArray:
        """Derivatives by features in units of their scale: the same."""
        return slopes

    def without_rows(self) -> Self:
        """A copy; no row is kept here."""
        return self.copy()

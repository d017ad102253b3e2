r"""What becomes of a model when the terms it stands on change.

Terms that learn may come to have other columns: a knot more, a category of its own, a column
that says that a value is missing. A `Carry` states the old columns by the new ones,

.. math:: T_\text{old}(x) = M\, T_\text{new}(x) + m,

so that weights w and bias b on the old columns are :math:`M^\top w` and :math:`b + w \cdot m`
on the new ones: the same function of x. What an optimizer remembers of the old columns goes
to the new ones that took over their rows, which another matrix says, without signs.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Carry(NamedTuple):
    """Old columns of Z by new ones."""

    matrix: NDArray  # (n_old, n_new)
    offset: NDArray  # (n_old,)
    memory: NDArray  # (n_old, n_new), non-negative

    @classmethod
    def nothing(cls, n_outputs: int) -> Self:
        """The carry of terms that have not changed."""
        same = np.eye(n_outputs)
        return cls(same, np.zeros(n_outputs), same)

    def weights(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The map of the new columns that equals a map of the old ones; (..., n) and (...)."""
        return weight @ self.matrix, bias + weight @ self.offset

    def states(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """An optimizer's state of a map of the new columns, from that of the old ones."""
        return weight @ self.memory, bias


def side_by_side(carries: Sequence[Carry]) -> Carry:
    """The carry of blocks of columns that change each on its own."""
    n_old = sum(carry.matrix.shape[0] for carry in carries)
    n_new = sum(carry.matrix.shape[1] for carry in carries)
    matrix, memory = np.zeros((n_old, n_new)), np.zeros((n_old, n_new))
    row = column = 0
    for carry in carries:
        rows, columns = carry.matrix.shape
        block = slice(row, row + rows), slice(column, column + columns)
        matrix[block], memory[block] = carry.matrix, carry.memory
        row, column = row + rows, column + columns
    return Carry(matrix, np.concatenate([carry.offset for carry in carries]), memory)

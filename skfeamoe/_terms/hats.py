r"""Hats and ramps between knots, and what becomes of them when the knots of a column move.

A function f of one column is its straight line and its values at knots and atoms. With other
knots it is interpolated at these: exactly where the old knots are kept, as f is linear in
between. Ramps are the steps of f from one knot to the next.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms.carry import Carry, side_by_side

if TYPE_CHECKING:
    from skfeamoe._terms.spline import SplineTerms

HEIGHT = 0.7
"""H: how far a hat rises, which sets how fast its weight learns beside the plain column."""


def hats_of(knots: NDArray, ramps: bool) -> tuple[NDArray, ...]:
    """Centers, feet and slopes of the hats, or ramps, of one column."""
    if len(knots) < 2:
        return (np.empty(0),) * 5
    step = 1.0 / np.diff(knots)
    infinite, one = np.array([np.inf]), np.ones(1)
    if ramps:
        n = len(step)
        return knots[1:], knots[:-1], np.full(n, np.inf), step, np.ones(n)
    return (
        knots,
        np.concatenate([-infinite, knots[:-1]]),
        np.concatenate([knots[1:], infinite]),
        np.concatenate([one, step]),
        np.concatenate([step, one]),
    )


def carry_between(old: "SplineTerms", new: "SplineTerms") -> Carry:
    """The old terms by those with other knots."""
    joined = side_by_side([_column_carry(old, new, j) for j in range(old.n_inputs)])
    rows, columns = _by_column(old), _by_column(new)
    matrix, memory = np.empty_like(joined.matrix), np.empty_like(joined.memory)
    matrix[np.ix_(rows, columns)] = joined.matrix
    memory[np.ix_(rows, columns)] = joined.memory
    offset = np.empty_like(joined.offset)
    offset[rows] = joined.offset
    return Carry(matrix, offset, memory)


def _by_column(terms: "SplineTerms") -> NDArray:
    """Numbers of the columns of Z, those of one column of X after another."""
    return np.argsort(terms.owner, kind="stable")


def _column_carry(old: "SplineTerms", new: "SplineTerms", j: int) -> Carry:
    """The terms of column j by those with other knots."""
    a, b = old.alone(j), new.alone(j)
    if old.knots[j] is new.knots[j] and (old.scale[j], old.location[j]) == (
        new.scale[j],
        new.location[j],
    ):
        return Carry.nothing(a.n_outputs)
    n_hats = len(new.knots[j].knots)
    points = np.concatenate([new.knots[j].knots, new.knots[j].atoms])[:, None]
    if len(points) < 2:
        points = np.repeat(points, 2, axis=0)
    here, there = a.transform(points), b.transform(points)
    matrix = np.zeros((a.n_outputs, b.n_outputs))
    memory = np.zeros_like(matrix)
    memory[0, 0] = 1.0
    if not new.bends:
        slope = new.scale[j] / old.scale[j]
        shift = (new.location[j] - old.location[j]) / old.scale[j]
        return Carry(np.full((1, 1), slope), np.full(1, shift), memory)
    if b.n_outputs == 1:
        rise = there[-1, 0] - there[0, 0]
        matrix[:, 0] = (here[-1] - here[0]) / (rise if rise else 1.0)
        return Carry(matrix, here[0] - matrix @ there[0], memory)
    matrix[0, 0] = new.scale[j] / old.scale[j]
    rest = here - there[:, :1] * matrix[:, 0]
    if new.monotone[j]:
        matrix[:, 1:] = np.diff(rest[:n_hats], axis=0).T / HEIGHT
        memory[1:, 1:] = np.abs(matrix[1:, 1:])
        return Carry(matrix, rest[0], memory)
    matrix[:, 1:] = rest.T / HEIGHT
    memory[1:, 1:] = here[:, 1:].T / HEIGHT
    return Carry(matrix, np.zeros(a.n_outputs), memory)

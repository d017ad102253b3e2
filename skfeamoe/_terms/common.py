r"""Terms of tables that were learned apart, in common: the least that can say what each says.

Let every part p have terms :math:`T_p`. The common terms T have all knots, all atoms, a slot
for every category that has one in any part, and an indicator for every column in which any
part has met a hole, so that

.. math:: T_p(x) = M_p\, T(x) + m_p

holds exactly: a function that is linear between some knots is linear between more of them, a
category that was in the pool starts with the pool's weight, and what never missed has no
weight. Counts are sums. So the result does not depend on the order of the parts, and experts
of one part say on the common terms what they said on their own.

Straight lines without knots are held at the outermost bounds of all parts: there alone, beyond
its own bounds, a part's line goes on where it had been held.
"""

from collections.abc import Sequence
from math import fsum

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms.carry import Carry, side_by_side
from skfeamoe._terms.category import MOST_SLOTS, SLOT_ROWS, CategoryTerms
from skfeamoe._terms.knots import Knots, apart
from skfeamoe._terms.missing import MissingTerms
from skfeamoe._terms.spline import HEIGHT, SplineTerms

# ------------------------------------------------------------------------- numbers


def common_numbers(parts: Sequence[SplineTerms]) -> tuple[SplineTerms, list[Carry]]:
    """Spline terms with the knots of all parts, and the carry of each part to them."""
    first = parts[0]
    made = SplineTerms(
        first.n_inputs, bends=first.bends, n_knots=first.n_knots, monotone=first.monotone
    )
    columns = [_common_column(parts, j) for j in range(first.n_inputs)]
    made.set_knots(
        [knots for knots, _, _ in columns],
        np.array([location for _, location, _ in columns]),
        np.array([scale for _, _, scale in columns]),
    )
    made.go_on_from(parts)
    return made, [_numbers_carry(part, made) for part in parts]


def _common_column(parts: Sequence[SplineTerms], j: int) -> tuple[Knots, float, float]:
    """Knots, location and scale of one column, by the parts that have seen it."""
    alone = [part.alone(j) for part in parts]
    kept = [k for k, terms in enumerate(alone) if not _is_untouched(terms)]
    kept = kept or list(range(len(parts)))
    knots = _union([parts[k].knots[j] for k in kept], [_is_flag(alone[k]) for k in kept])
    if all(_is_flag(alone[k]) for k in kept) and len(knots.atoms) and len(knots.atoms) <= 2:
        low, high = knots.bounds
        return knots, low, high - low if high > low else 1.0
    rows = np.array([max(parts[k].count, 1.0) for k in kept])
    locations, scales = (
        np.array([getattr(parts[k], name)[j] for k in kept]) for name in ("location", "scale")
    )
    total = fsum(rows)
    mean = fsum(rows * locations) / total
    variance = fsum(rows * (scales**2 + (locations - mean) ** 2)) / total
    return knots, mean, float(np.sqrt(variance))


def _is_constant(alone: SplineTerms) -> bool:
    """Whether the terms of one column are the same wherever it is."""
    (low,), (high,) = alone.bounds
    return bool(low == high)


def _is_untouched(alone: SplineTerms) -> bool:
    """Whether one column is as terms begin, which have seen nothing but 0 or holes."""
    return _is_constant(alone) and alone.bounds[0][0] == 0.0


def _is_flag(alone: SplineTerms) -> bool:
    """Whether one column has two values at most, of which the terms say 0 and 1."""
    (knots,) = alone.knots
    low, high = knots.bounds
    width = high - low if high > low else 1.0
    two = not len(knots.knots) and len(knots.atoms) <= 2
    return two and bool(alone.location[0] == low and alone.scale[0] == width)


def _union(parts: Sequence[Knots], flags: Sequence[bool]) -> Knots:
    """Knots between which the functions of all parts are linear, and the atoms of all."""
    if all(_same(parts[0], part) for part in parts):
        return parts[0]
    values = np.unique(np.concatenate([np.concatenate(part) for part in parts]))
    if all(flags) and len(values) <= 2:
        return Knots(np.empty(0), values)
    ends = [np.array(part.bounds) for part in parts]
    knots = np.concatenate([*(part.knots for part in parts), *ends])
    atoms = [part.atoms for part, flag in zip(parts, flags, strict=True) if not flag]
    return Knots(apart(np.unique(knots)), np.unique(np.concatenate([np.empty(0), *atoms])))


def _same(a: Knots, b: Knots) -> bool:
    """Whether two columns have the same knots and atoms."""
    return np.array_equal(a.knots, b.knots) and np.array_equal(a.atoms, b.atoms)


def _numbers_carry(old: SplineTerms, new: SplineTerms) -> Carry:
    """The terms of a part by the common ones."""
    blocks = [_column_carry(old.alone(j), new.alone(j)) for j in range(old.n_inputs)]
    joined = side_by_side([Carry.nothing(0), *blocks])
    rows, columns = (np.argsort(terms.owner, kind="stable") for terms in (old, new))
    matrix, offset, memory = (np.empty_like(part) for part in joined)
    matrix[np.ix_(rows, columns)] = joined.matrix
    memory[np.ix_(rows, columns)] = joined.memory
    offset[rows] = joined.offset
    return Carry(matrix, offset, memory)


def _column_carry(old: SplineTerms, new: SplineTerms) -> Carry:
    """The terms of one column by those with more knots."""
    (after,) = new.knots
    matrix = np.zeros((old.n_outputs, new.n_outputs))
    memory = np.zeros_like(matrix)
    if _is_constant(old):
        return Carry(matrix, np.zeros(old.n_outputs), memory)
    memory[0, 0] = 1.0
    if not new.bends:
        shift = (new.location - old.location) / old.scale
        return Carry(new.scale / old.scale * np.ones((1, 1)), shift, memory)
    if new.n_outputs == 1:  # a flag, or one value
        ends = np.array(after.bounds)[:, None]
        here, there = old.transform(ends), new.transform(ends)
        rise = float(there[1, 0] - there[0, 0])
        matrix[:, 0] = (here[1] - here[0]) / (rise if rise else 1.0)
        return Carry(matrix, here[0] - matrix @ there[0], memory)
    smooth = _smooth_part(old, after.knots)
    n_hats = len(after.knots)
    if new.monotone[0]:  # on ramps alone, where no weight changes its sign
        matrix[:, 1:] = np.diff(smooth, axis=0).T / HEIGHT
        memory[1:, 1:] = np.abs(matrix[1:, 1:])
        return Carry(matrix, smooth[0], memory)
    matrix[0, 0] = new.scale[0] / old.scale[0]
    at_knots, at_atoms = after.knots[:, None], after.atoms[:, None]
    straight = matrix[:, :1] * new.transform(at_knots)[:, 0]
    matrix[:, 1 : 1 + n_hats] = (smooth.T - straight) / HEIGHT
    if len(at_atoms):
        straight = matrix[:, :1] * new.transform(at_atoms)[:, 0]
        matrix[:, 1 + n_hats :] = (old.transform(at_atoms).T - straight) / HEIGHT
        memory[1:, 1 + n_hats :] = old.transform(at_atoms)[:, 1:].T / HEIGHT
    memory[1:, 1 : 1 + n_hats] = smooth[:, 1:].T / HEIGHT
    return Carry(matrix, np.zeros(old.n_outputs), memory)


def _smooth_part(old: SplineTerms, values: NDArray) -> NDArray:
    """The terms of one column next to some values, where no atom is; (n_values, n_outputs)."""
    (knots,) = old.knots
    if not len(knots.atoms) or old.n_outputs == 1:
        return old.transform(values[:, None])
    smooth = np.zeros((len(values), old.n_outputs))
    smooth[:, 0] = old.transform(values[:, None])[:, 0]
    if len(knots.knots):
        bare = old.copy()
        bare.set_knots([Knots(knots.knots, np.empty(0))], old.location, old.scale)
        smooth[:, 1 : 1 + len(knots.knots)] = bare.transform(values[:, None])[:, 1:]
    return smooth


# ---------------------------------------------------------------------- categories


def common_categories(parts: Sequence[CategoryTerms]) -> tuple[CategoryTerms, list[Carry]]:
    """Category terms with the counts and the slots of all parts; codes are the same in all."""
    d = parts[0].n_inputs
    counts = [_sum_of_counts([part.counts_of(j) for part in parts]) for j in range(d)]
    slots = [_slots(counts[j], [p.codes_of(j) for p in parts]) for j in range(d)]
    made = CategoryTerms.counted(counts, slots)
    return made, [_categories_carry(part, made) for part in parts]


def _sum_of_counts(counts: Sequence[NDArray]) -> NDArray:
    """Rows by code in all parts."""
    total = np.zeros(max(len(count) for count in counts))
    for count in counts:
        total[: len(count)] += count
    return total


def _slots(counts: NDArray, codes: Sequence[NDArray]) -> NDArray:
    """Codes of one column with a slot in any part, or by the rows of all."""
    open_already = np.unique(np.concatenate(codes))
    due = np.setdiff1d(np.flatnonzero(counts >= SLOT_ROWS), open_already)
    return np.union1d(open_already, due[: max(MOST_SLOTS - len(open_already), 0)])


def _categories_carry(old: CategoryTerms, new: CategoryTerms) -> Carry:
    """The terms of a part by the common ones: a slot that opens was in the pool."""
    d = old.n_inputs
    matrix = np.zeros((old.n_outputs, new.n_outputs))
    matrix[np.arange(d), np.arange(d)] = 1.0
    memory = matrix.copy()
    place = {
        (column, code): d + i
        for i, (column, code) in enumerate(
            zip(old.slot_column.tolist(), old.slot_code.tolist(), strict=True)
        )
    }
    slots = zip(new.slot_column.tolist(), new.slot_code.tolist(), strict=True)
    for i, (column, code) in enumerate(slots, start=d):
        row = place.get((column, code))
        matrix[column if row is None else row, i] = 1.0
        if row is not None:
            memory[row, i] = 1.0
    return Carry(matrix, np.zeros(old.n_outputs), memory)


# --------------------------------------------------------------------------- holes


def common_holes(parts: Sequence[MissingTerms]) -> tuple[MissingTerms, list[Carry]]:
    """Missing terms of the columns in which any part has met a hole."""
    holed = np.unique(np.concatenate([part.holed for part in parts]))
    made = MissingTerms(parts[0].n_columns, holed)
    carries = []
    for part in parts:
        same = (part.holed[:, None] == made.holed) * 1.0
        carries.append(Carry(same, np.zeros(len(part.holed)), same))
    return made, carries

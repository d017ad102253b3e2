r"""Spline terms: a piecewise-linear function of every number, learned as weights on hats.

For a column with knots :math:`k_1 < \dots < k_m` and atoms a (`knots`), and x held within
the outermost of them, the terms are

.. math:: z_0 = (x - l)/s, \qquad h_i = H \cdot \text{the hat that is 1 at } k_i
          \text{ and 0 at its neighbors}, \qquad t_a = H \cdot 1[x = a],

where hats are zero on atoms. So every function that is linear between the knots, constant
beyond them and free on the atoms is a sum of terms, and a single value, however large, has a
bounded influence. A column of two values has :math:`z_0 \in \{0, 1\}` alone, and a missing
value is zero in all terms. Location l and scale s are those of the held values.

Without ``bends`` only the plain part is left, and the bounds are as wide again on both sides.

A column whose function must not fall has ramps in place of hats,
:math:`r_i = H \cdot (x - k_i)/(k_{i+1} - k_i)` held within 0 and H: it rises wherever all its
weights do.

Knots are placed with the first rows, again whenever the rows seen have doubled or too many
rows lie beyond the outermost knot, and on demand (`renew`). A `Carry` then moves the weights:
exactly where old knots are kept, by interpolation elsewhere.

References
----------
de Boor (1978), "A practical guide to splines", for the hats (B-splines of order two). Hastie
and Tibshirani (1986), "Generalized additive models", Statistical Science 1.
"""

from collections.abc import Sequence
from math import fsum
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms.carry import Carry
from skfeamoe._terms.hats import HEIGHT, carry_between, hats_of
from skfeamoe._terms.knots import (
    Knots,
    distinct,
    farthest,
    is_crowded,
    moments,
    number_of_knots,
    place,
    refine,
)

RECENT_ROWS = 2048
"""Rows that are kept to place knots by; from so many on, old knots stay."""

MOST_CHUNKS = 64
"""Batches that are kept apart before they are joined."""

REVIEW_ROWS = 512
"""Rows between two looks at whether the outermost knots still hold the data."""

MARGIN = 1.0
"""Bounds of a straight line are so many times the width of the support away from it."""

FAR = 20.0
"""A value is far beyond the support if it is so many times its width away."""

START_REACH = 1e6
"""Standard deviations within which values stay where terms start from moments alone."""


class SplineTerms:
    """Hats, atoms and a plain part for every column, see the module."""

    kind: ClassVar[str] = "spline"
    is_linear: ClassVar[bool] = False

    def __init__(
        self, n_columns: int, *, bends: bool = True, n_knots: int = 0, monotone=()
    ) -> None:
        self.bends = bends  # False for the plain part alone
        self.n_knots = n_knots  # 0 for a number that grows with the rows
        self.monotone = np.zeros(n_columns) if len(monotone) == 0 else np.array(monotone)
        self.count = 0.0
        self.next_placement = 1.0
        self.next_review = float(REVIEW_ROWS)
        self.recent: tuple[NDArray, ...] = ()  # the last rows, weights in the last column
        self.n_far = np.zeros(n_columns, dtype=np.int64)
        self.farthest = np.full(n_columns, np.nan)
        self.location, self.scale = np.zeros(n_columns), np.ones(n_columns)
        self.knots = [Knots(np.empty(0), np.zeros(1)) for _ in range(n_columns)]
        self._compile()

    def start_from(self, location: NDArray, scale: NDArray, count: float) -> None:
        """Begin with columns that ``count`` rows were standardized by, no rows kept."""
        self.location, self.scale, self.count = location.copy(), scale.copy(), count
        self.next_placement = 2.0 * max(count, REVIEW_ROWS)
        self.next_review = count + REVIEW_ROWS
        ends = np.column_stack([location - START_REACH * scale, location + START_REACH * scale])
        self.knots = [Knots(np.empty(0), pair) for pair in ends]
        self._compile()

    def set_knots(self, knots: list[Knots], location: NDArray, scale: NDArray) -> None:
        """Have the knots of all columns where they were found elsewhere."""
        self.knots, self.location, self.scale = list(knots), location, scale
        self._compile()

    def alone(self, j: int) -> "SplineTerms":
        """The terms of one column alone."""
        alone = SplineTerms(1, bends=self.bends, monotone=self.monotone[j : j + 1])
        alone.set_knots([self.knots[j]], self.location[j : j + 1], self.scale[j : j + 1])
        return alone

    # ------------------------------------------------------------------ sizes and names

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return len(self.knots)

    @property
    def n_outputs(self) -> int:
        """Columns of Z."""
        return self.n_inputs + len(self._hat_column) + len(self._atom_column)

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z."""
        return np.concatenate([np.arange(self.n_inputs), self._hat_column, self._atom_column])

    def names(self, columns: list[str]) -> list[str]:
        """Name of every column of Z, given those of X."""
        hats = zip(self._hat_column, self._center, strict=True)
        atoms = zip(self._atom_column, self._atom, strict=True)
        return [
            *columns,
            *(f"{columns[j]}~{center:.6g}" for j, center in hats),
            *(f"{columns[j]}={value:.6g}" for j, value in atoms),
        ]

    @property
    def signs(self) -> NDArray:
        """Sign that the weight of every column of Z must have, 0 for any."""
        return self.monotone[self.owner]

    @property
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Values between which the functions are not constant, each (n_inputs,)."""
        return self._low, self._high

    def points(self, j: int) -> tuple[NDArray, NDArray]:
        """Where the function of column j bends, or ends, and its atoms."""
        if self.bends and self.knots[j].is_bent:
            return self.knots[j]
        return np.unique([self._low[j], self._high[j]]), np.empty(0)

    # ------------------------------------------------------------------ from X to Z

    def transform(self, X: NDArray) -> NDArray:
        """Z of the rows of X, (n_samples, n_outputs)."""
        d, h = self.n_inputs, len(self._hat_column)
        held = np.clip(X, self._low, self._high)
        Z = np.empty((len(X), self.n_outputs))
        np.subtract(held, self.location, out=Z[:, :d])
        Z[:, :d] /= self.scale
        if self.n_outputs > d:
            self._bends(X, held, Z[:, d : d + h], Z[:, d + h :])
        if np.isnan(Z[:, :d]).any():
            Z[np.isnan(Z)] = 0.0
        return Z

    def _bends(self, X: NDArray, held: NDArray, hats: NDArray, atoms: NDArray) -> None:
        """Write hats and atoms."""
        column = self._hat_column
        np.take(held, column, axis=1, out=hats)
        falling = self._right - hats
        falling *= self._slope_right
        np.subtract(hats, self._left, out=hats)
        np.multiply(hats, self._slope_left, out=hats)
        np.minimum(hats, falling, out=hats)
        np.clip(hats, 0.0, 1.0, out=hats)
        if len(self._atom):
            np.equal(X[:, self._atom_column], self._atom, out=atoms, casting="unsafe")
            off_atoms = HEIGHT * (1.0 - atoms @ self._atoms_of)
            hats *= np.take(off_atoms, column, axis=1)
            atoms *= HEIGHT
        else:
            hats *= HEIGHT

    def back(self, Z: NDArray, slopes: NDArray) -> NDArray:
        """Derivatives by the columns of X in units of their scale, (n_samples, n_inputs).

        ``slopes`` are those by the columns of Z.
        """
        d, h = self.n_inputs, len(self._hat_column)
        by_column = slopes[:, :d].copy()
        if not h:
            return by_column
        active = Z[:, d : d + h] > 0
        right = np.zeros_like(active)
        right[:, :-1] = active[:, :-1] & active[:, 1:]
        right &= np.isfinite(self._right)
        left = np.zeros_like(active)
        left[:, 1:] = active[:, 1:] & active[:, :-1]
        left &= np.isfinite(self._left)
        rise = np.where(left, self._slope_left, 0.0) - np.where(right, self._slope_right, 0.0)
        ramps = self._is_ramp
        inside = (Z[:, d : d + h] > 0) & (Z[:, d : d + h] < HEIGHT)
        rise[:, ramps] = np.where(inside[:, ramps], self._slope_left[ramps], 0.0)
        rise *= HEIGHT * slopes[:, d : d + h]
        by_column += (rise @ self._into_columns) * self.scale
        return by_column

    def _compile(self) -> None:
        """Lay out knots and atoms of all columns side by side."""
        bent = [k.is_bent and self.bends for k in self.knots]
        hats = [
            hats_of(k.knots if b else np.empty(0), bool(m))
            for k, b, m in zip(self.knots, bent, self.monotone, strict=True)
        ]
        counts = [len(center) for center, *_ in hats]
        self._center, self._left, self._right, self._slope_left, self._slope_right = (
            np.concatenate([np.empty(0), *(hat[i] for hat in hats)]) for i in range(5)
        )
        self._hat_column = np.repeat(np.arange(self.n_inputs), np.array(counts, dtype=np.intp))
        atoms = [k.atoms if b else np.empty(0) for k, b in zip(self.knots, bent, strict=True)]
        self._atom = np.concatenate([np.empty(0), *atoms])
        self._atom_column = np.repeat(
            np.arange(self.n_inputs), np.array([len(a) for a in atoms], dtype=np.intp)
        )
        self._atoms_of = (self._atom_column[:, None] == np.arange(self.n_inputs)) * 1.0
        self._into_columns = (self._hat_column[:, None] == np.arange(self.n_inputs)) * 1.0
        self._is_ramp = self.monotone[self._hat_column] != 0
        ends = [k.bounds if self.bends else k.reach for k in self.knots]
        self._low, self._high = np.array(ends).reshape(-1, 2).T
        if not self.bends:
            margin = MARGIN * (self._high - self._low) * [k.is_bent for k in self.knots]
            self._low, self._high = self._low - margin, self._high + margin

    # ------------------------------------------------------------------ learning

    def update(self, X: NDArray, weight: NDArray) -> Carry | None:
        """Take note of the rows of X; a carry if that moved the knots."""
        used = weight > 0
        if not used.all():
            X, weight = X[used], weight[used]
        if not len(X):
            return None
        self._watch(X)
        self.count += len(X)
        self._remember(X, weight)
        if self.count >= self.next_placement:
            young = self.next_placement <= RECENT_ROWS
            self.next_placement = 2.0 * self.count
            rows = (X, weight) if len(X) > RECENT_ROWS else self._recent_rows()
            return self._place(*rows, range(self.n_inputs), young)
        if self.count >= self.next_review:
            self.next_review = self.count + REVIEW_ROWS
            rows = self._recent_rows()
            crowded = [j for j in range(self.n_inputs) if self._is_crowded(j, *rows)]
            if crowded:
                return self._place(*rows, crowded, young=False)
        return None

    def update_by_sample(self, X: NDArray, weight: NDArray, n_rows: float) -> Carry | None:
        """Learn from a sample of so many rows, with as many knots as all of them ask for."""
        self.count = n_rows - len(X)
        return self.update(X, weight)

    def renew(self) -> Carry | None:
        """Place knots where the last rows crowd, out of turn, and soon again.

        None while all rows are young, and placed anew so often that nothing is gained.
        """
        if not self.bends or self.count < RECENT_ROWS:
            return None
        self.next_placement = min(self.next_placement, self.count + RECENT_ROWS)
        return self._place(*self._recent_rows(), range(self.n_inputs), young=False)

    def _remember(self, X: NDArray, weight: NDArray) -> None:
        """Keep the last rows; chunks are joined now and then."""
        chunk = np.column_stack([X[-RECENT_ROWS:], weight[-RECENT_ROWS:]])
        chunks = (*self.recent, chunk)
        if len(chunks) > MOST_CHUNKS or len(chunk) == RECENT_ROWS:
            chunks = (np.concatenate(chunks)[-RECENT_ROWS:],)
        self.recent = chunks

    def _recent_rows(self) -> tuple[NDArray, NDArray]:
        """The last rows and their weights."""
        rows = np.concatenate(self.recent)[-RECENT_ROWS:]
        return rows[:, :-1], rows[:, -1]

    def _watch(self, X: NDArray) -> None:
        """Count values that lie far beyond what the knots were placed by."""
        if self.count < REVIEW_ROWS:
            return
        width = self._high - self._low
        far = (width > 0) & ((self._high + FAR * width < X) | (self._low - FAR * width > X))
        if far.any():
            self.n_far = self.n_far + far.sum(axis=0)
            last = farthest(np.where(far, X, np.nan))
            self.farthest = np.where(np.isnan(last), self.farthest, last)

    def _wanted(self) -> int:
        """Knots that a column should have by now."""
        return self.n_knots or number_of_knots(self.count)

    def _is_crowded(self, j: int, X: NDArray, weight: NDArray) -> bool:
        """Whether values of a column lie beyond its outermost knots."""
        values, mass = distinct(X[:, j], weight)
        return len(values) > 0 and is_crowded(self.knots[j], values, mass, self._wanted())

    def _place(self, X: NDArray, weight: NDArray, columns, young: bool) -> Carry:
        """Place the knots of some columns by these rows."""
        before = self.copy()
        self.knots = list(self.knots)
        self.location, self.scale = self.location.copy(), self.scale.copy()
        for j in columns:
            values, mass = distinct(X[:, j], weight)
            if len(values) == 0:
                continue
            n_knots = self._wanted()
            old = self.knots[j]
            new = place(values, mass, n_knots) if young else refine(old, values, mass, n_knots)
            if self.monotone[j]:
                new = new.without_atoms()
            self.knots[j] = new
            held = new.bounds if self.bends else new.reach
            self.location[j], self.scale[j] = moments(new, held, values, mass)
        self._compile()
        return carry_between(before, self)

    # ------------------------------------------------------------------ state

    def merge(self, other: Self) -> None:
        """Take in the recent rows of terms with the same knots."""
        if not self.is_alike(other):
            raise ValueError(
                "only spline terms with the same knots can be merged; let all workers start "
                "from one model, and learn no more rows apart than that had seen"
            )
        self._add_up([self, other])

    def go_on_from(self, parts: Sequence[Self]) -> None:
        """Have seen what terms of the same columns have, and learn on where they would."""
        self._add_up(parts)
        self.next_placement = max(2.0 * self.count, *(part.next_placement for part in parts))
        self.next_review = max(part.next_review for part in parts)

    def _add_up(self, parts: Sequence[Self]) -> None:
        """Have seen what all parts have, with the last rows of each."""
        each = RECENT_ROWS // len(parts)
        self.recent = tuple(np.concatenate(p.recent)[-each:] for p in parts if p.recent)
        self.count = fsum(part.count for part in parts)
        self.n_far = np.sum([part.n_far for part in parts], axis=0)
        self.farthest = farthest(np.array([part.farthest for part in parts]))

    def is_alike(self, other: Self) -> bool:
        """Whether other terms have the same columns of Z."""
        return self.n_inputs == other.n_inputs and all(
            np.array_equal(a.knots, b.knots) and np.array_equal(a.atoms, b.atoms)
            for a, b in zip(self.knots, other.knots, strict=True)
        )

    def copy(self) -> Self:
        """Terms that learn on their own from here; no update writes into an array."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def without_rows(self) -> Self:
        """A copy with the same knots; the rows that they are moved by come anew."""
        other = self.copy()
        other.recent = ()
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        data = {name: v for name, v in vars(self).items() if not name.startswith("_")}
        rows = [np.empty((0, self.n_inputs + 1)), *self.recent]
        data["recent"] = np.concatenate(rows)[-RECENT_ROWS:]
        for place_ in ("knots", "atoms"):
            parts = [getattr(k, place_) for k in self.knots]
            data[place_] = np.concatenate([np.empty(0), *parts])
            data[f"n_{place_}_of"] = np.array([len(part) for part in parts], dtype=np.intp)
        return {"kind": self.kind, **data}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        made = cls.__new__(cls)
        left_out = ("kind", "atoms", "n_atoms_of", "n_knots_of")
        own = {name: v for name, v in data.items() if name not in left_out}
        own["recent"] = (data["recent"],) if len(data["recent"]) else ()
        knots, atoms = (
            np.split(data[name], np.cumsum(data[f"n_{name}_of"])[:-1])
            for name in ("knots", "atoms")
        )
        n_columns = len(data["n_knots_of"])
        own["knots"] = [Knots(*pair) for pair in zip(knots, atoms, strict=True)][:n_columns]
        vars(made).update(own)
        made._compile()
        return made

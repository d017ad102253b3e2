"""Column terms: every column of a table by terms of its own kind, side by side.

Numbers have spline terms, or plain ones; categories have indicators; every column may have
holes. Z is the columns of these parts, one part after another; `owner` says which column of X
each of them speaks of, so that whatever is said of Z can be told in columns of X.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._terms.carry import Carry, side_by_side
from skfeamoe._terms.category import CategoryTerms
from skfeamoe._terms.common import common_categories, common_holes, common_numbers
from skfeamoe._terms.linear import LinearTerms
from skfeamoe._terms.missing import MissingTerms
from skfeamoe._terms.raw import RawTerms
from skfeamoe._terms.spline import SplineTerms


class ColumnTerms:
    """Terms of a table of numbers and category codes with holes (NaN)."""

    kind: ClassVar[str] = "columns"
    is_linear: ClassVar[bool] = False

    def __init__(
        self, is_category: NDArray, *, splines: bool = True, n_knots: int = 0, monotone=()
    ) -> None:
        is_category = np.asarray(is_category, dtype=bool)
        self.n_columns = len(is_category)
        monotone = np.asarray(monotone if len(monotone) else np.zeros(self.n_columns))
        self.number = np.flatnonzero(~is_category)
        self.category = np.flatnonzero(is_category)
        self.numbers = SplineTerms(
            len(self.number), bends=splines, n_knots=n_knots, monotone=monotone[self.number]
        )
        self.categories = CategoryTerms(len(self.category))
        self.missing = MissingTerms(self.n_columns)

    @classmethod
    def around(cls, terms: LinearTerms | RawTerms) -> Self:
        """Terms with the same columns of Z as linear ones, which take holes from now on."""
        made = cls(np.zeros(terms.n_inputs), splines=False)
        if isinstance(terms, LinearTerms):
            made.numbers.start_from(terms.mean, terms.scale, terms.count)
        else:
            n = terms.n_inputs
            made.numbers.start_from(np.zeros(n), np.ones(n), 0.0)
        return made

    @classmethod
    def in_common(cls, parts: Sequence[Self]) -> tuple[Self, list[Carry]]:
        """Terms that can say what each of the parts says, and the carry of each to them.

        The columns of X are the same in all, and so are the codes of categories.
        """
        made = parts[0].copy()
        made.numbers, numbers = common_numbers([part.numbers for part in parts])
        made.categories, categories = common_categories([part.categories for part in parts])
        made.missing, holes = common_holes([part.missing for part in parts])
        carries = [
            made._without_holes(side_by_side(blocks), part.owner)
            for *blocks, part in zip(numbers, categories, holes, parts, strict=True)
        ]
        return made, carries

    def recoded(self, codes: dict[int, NDArray]) -> Self:
        """The same for tables with other codes of categories, by column of X."""
        other = self.copy()
        own = {int(np.searchsorted(self.category, j)): new for j, new in codes.items()}
        other.categories = self.categories.recoded(own)
        return other

    # ------------------------------------------------------------------ sizes and names

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self.n_columns

    @property
    def n_outputs(self) -> int:
        """Columns of Z."""
        return self.numbers.n_outputs + self.categories.n_outputs + self.missing.n_outputs

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z."""
        return np.concatenate(
            [
                self.number[self.numbers.owner],
                self.category[self.categories.owner],
                self.missing.owner,
            ]
        ).astype(np.intp)

    @property
    def signs(self) -> NDArray | None:
        """Sign that experts' weights of every column of Z must have, 0 for any; None: no."""
        if not self.numbers.monotone.any():
            return None
        parts = (self.numbers, self.categories, self.missing)
        return np.concatenate([part.signs for part in parts])

    def names(self, columns: list[str], labels) -> list[str]:
        """Name of every column of Z; ``labels(j, code)`` is the user's word for a code."""
        return [
            *self.numbers.names([columns[j] for j in self.number]),
            *self.categories.names(
                [columns[j] for j in self.category], lambda j, c: labels(self.category[j], c)
            ),
            *self.missing.names(columns),
        ]

    def points(self, j: int) -> tuple[NDArray, list[str]]:
        """Values at which the terms of column j of X are free, and what each of them is.

        A ``"value"`` is a knot, or a bound of a straight line: in between, functions are
        linear. An ``"atom"`` stands alone, so does a ``"category"``, of which the code -1 is
        the pool. NaN is ``"missing"``, where that has been seen.
        """
        if j in self.category:
            codes = self.categories.slot_code[
                self.categories.slot_column == np.searchsorted(self.category, j)
            ]
            values, kinds = [*np.sort(codes), -1.0], ["category"] * (len(codes) + 1)
        else:
            bends, atoms = self.numbers.points(int(np.searchsorted(self.number, j)))
            both = np.concatenate([bends, atoms])
            order = np.argsort(both, kind="stable")
            values = list(both[order])
            kinds = ["value" if i < len(bends) else "atom" for i in order]
        if j in self.missing.holed:
            values, kinds = [*values, np.nan], [*kinds, "missing"]
        return np.array(values), kinds

    # ------------------------------------------------------------------ from X to Z

    def transform(self, X) -> NDArray:
        """Z of the rows of X, (n_samples, n_outputs)."""
        X = X.toarray() if issparse(X) else X
        parts = []
        if len(self.number):
            parts.append(self.numbers.transform(self._numbers_of(X)))
        if len(self.category):
            parts.append(self.categories.transform(X[:, self.category]))
        if self.missing.n_outputs:
            parts.append(self.missing.transform(X))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def published(self, X) -> NDArray:
        """Z: weights are of terms."""
        return self.transform(X)

    def values_of(self, Z: NDArray, j: int) -> NDArray:
        """Values of column j of X as far as Z tells them, (n_samples,).

        A number is held within its bounds, the code of a rare category is -1, and what is
        missing NaN.
        """
        first = self.numbers.n_outputs
        if j in self.category:
            k, last = int(np.searchsorted(self.category, j)), first + self.categories.n_outputs
            part = Z[:, first:last]
            values = self.categories.codes(part)[:, k]
            values[(values < 0.0) & (part[:, k] == 0.0)] = np.nan
            return values
        k = int(np.searchsorted(self.number, j))
        values = Z[:, k] * self.numbers.scale[k] + self.numbers.location[k]
        hole = np.flatnonzero(self.missing.holed == j)
        if len(hole):
            last = first + self.categories.n_outputs
            values[Z[:, last + int(hole[0])] > 0.0] = np.nan
        return values

    def _numbers_of(self, X: NDArray) -> NDArray:
        """The columns of numbers."""
        return X if len(self.number) == self.n_columns else X[:, self.number]

    def back(self, Z: NDArray, slopes: NDArray) -> NDArray:
        """Derivatives by numbers in units of their scale, and by indicators as they are."""
        n = self.numbers.n_outputs
        return np.concatenate(
            [self.numbers.back(Z[:, :n], slopes[:, :n]), slopes[:, n:]], axis=1
        )

    def altered(self, Z: NDArray, columns: NDArray, change) -> NDArray:
        """Z of the same rows after ``change`` of some columns that hold 0 and 1.

        These may be numbers or codes of two categories; where the value is missing, or no 0
        or 1, the row stays as it is.
        """
        X = self._flags_of(Z, columns)
        changed = change(X)
        known = np.isin(X, (0.0, 1.0)).all(axis=1)
        altered = Z.copy()
        for j, column in enumerate(columns):
            own = np.flatnonzero(self.owner == column)
            table = np.zeros((2, self.n_columns))
            table[:, column] = 0.0, 1.0
            terms = self.transform(table)[:, own]
            to_one = changed[known, j] == 1.0
            altered[np.ix_(known, own)] = np.where(to_one[:, None], terms[1], terms[0])
        return altered

    def _flags_of(self, Z: NDArray, columns: NDArray) -> NDArray:
        """Values 0 and 1 of some columns, from their terms; other values become NaN."""
        values = np.full((len(Z), len(columns)), np.nan)
        owner = self.owner
        for j, column in enumerate(columns):
            own = np.flatnonzero(owner == column)
            table = np.zeros((2, self.n_columns))
            table[:, column] = 0.0, 1.0
            terms = self.transform(table)[:, own]
            for value in (0, 1):
                values[(Z[:, own] == terms[value]).all(axis=1), j] = value
        return values

    # ------------------------------------------------------------------ learning

    def update(self, X, weight: NDArray) -> Carry | None:
        """Learn from the rows of X; a carry if the columns of Z are no longer the same."""
        X = X.toarray() if issparse(X) else X
        before = self.copy()
        self._own_parts()
        carries = [
            self.numbers.update(self._numbers_of(X), weight) if len(self.number) else None,
            self.categories.update(X[:, self.category], weight) if len(self.category) else None,
            self.missing.update(X, weight) if np.isnan(X).any() else None,
        ]
        return self._joined(before, carries)

    def of_tables(
        self,
        categories: CategoryTerms,
        missing: MissingTerms,
        X,
        weight: NDArray,
        n_rows: float,
    ) -> Self:
        """The same with categories and holes of so many rows, and knots by a sample of them."""
        made = self.copy()
        made.numbers, made.categories, made.missing = self.numbers.copy(), categories, missing
        X = self._numbers_of(X.toarray() if issparse(X) else X)
        made.numbers.update_by_sample(X, weight, n_rows)
        return made

    def renew(self) -> Carry | None:
        """Place the knots of numbers where the last rows crowd; a carry if that is done."""
        before = self.copy()
        self._own_parts()
        return self._joined(before, [self.numbers.renew(), None, None])

    def _joined(self, before: Self, carries: list[Carry | None]) -> Carry | None:
        """One carry from those of the parts."""
        if all(carry is None for carry in carries):
            return None
        parts = (before.numbers, before.categories, before.missing)
        sizes = [part.n_outputs for part in parts]
        joined = side_by_side(
            [
                Carry.nothing(size) if carry is None else carry
                for size, carry in zip(sizes, carries, strict=True)
            ]
        )
        return self._without_holes(joined, before.owner)

    def _own_parts(self) -> None:
        """Copies in place of parts that a copy of these terms may share."""
        self.numbers = self.numbers.copy()
        self.categories = self.categories.copy()
        self.missing = self.missing.copy()

    def _without_holes(self, carry: Carry, owner: NDArray) -> Carry:
        """The carry with offsets taken back where a value is missing, as terms are 0 there."""
        if not carry.offset.any():
            return carry
        first = self.numbers.n_outputs + self.categories.n_outputs
        for k, column in enumerate(self.missing.holed):
            own = np.flatnonzero((owner == column) & (carry.offset != 0.0))
            carry.matrix[own, first + k] -= carry.offset[own]
        return carry

    def hold(self, n_rows: float) -> None:
        """Nothing: a carry keeps what models say when units move."""

    # ------------------------------------------------------------------ linear maps

    def fold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """Not possible."""
        raise TypeError("these terms are not linear in X: there are no coefficients of X")

    unfold = fold

    # ------------------------------------------------------------------ state

    def merge(self, other: Self) -> None:
        """Take in what other terms with the same columns have learned."""
        self._own_parts()
        self.numbers.merge(other.numbers)
        self.categories.merge(other.categories)
        self.missing.merge(other.missing)

    def copy(self) -> Self:
        """Terms that learn on their own from here; no update writes into a part."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def without_rows(self) -> Self:
        """A copy whose parts keep no row."""
        other = self.copy()
        other.numbers = self.numbers.without_rows()
        other.categories = self.categories.without_rows()
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        parts = ("numbers", "categories", "missing")
        data = {name: value for name, value in vars(self).items() if name not in parts}
        return {
            "kind": self.kind,
            **data,
            **{name: getattr(self, name).to_dict() for name in parts},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        made = cls.__new__(cls)
        own = {name: value for name, value in data.items() if name != "kind"}
        own["numbers"] = SplineTerms.from_dict(data["numbers"])
        own["categories"] = CategoryTerms.from_dict(data["categories"])
        own["missing"] = MissingTerms.from_dict(data["missing"])
        vars(made).update(own)
        return made

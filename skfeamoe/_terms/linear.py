"""Linear terms: features in units of their running standard deviations.

A stream cannot be scaled beforehand. `LinearTerms` keep the weighted mean m and variance s^2
of every feature; batches, and the moments of other machines, are merged by the parallel
formula of Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance",
The American Statistician 37, which is exact up to rounding whatever the order.
scikit-learn has the same formula for its StandardScaler, with checks for missing values that
cost more than a whole training step on 32 rows.
"""

from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._terms.base import OneToOne

CONSTANT_TOL = 1e-14
"""A feature whose spread is below this share of its mean is constant up to rounding."""

SMALLEST_SCALE = 1e-150
"""Below this standard deviation a feature counts as constant: its square would underflow."""

MAX_Z = 1e6
"""Standardized values are held within this while training. A row that is part of the moments
cannot be further out than the root of the rows seen; a row of weight zero can."""

MAX_VARIANCE = 1e300
"""Variances stop here, so that values near the largest float leave the moments finite."""


HELD_SD = 5.0
"""Values are held within so many standard deviations of the mean, unless more than
`MOST_HELD` of the rows lie beyond."""

MOST_HELD = 1.0 / HELD_SD**2
"""By Chebyshev's inequality no larger share of rows lies so far from their own mean: more of
them, and the moments are not those of these rows. Another unit has come, not an outlier."""

MOSTLY = (HELD_SD**2 - 1.0) / (HELD_SD**2 + 1.0)
"""Where one value leads by more than this share of the rows, nothing is held: of two values the
rarer is then more than `HELD_SD` away, and what is far from rare values nobody can say."""

ALL = 1.0 - 1e-9
"""A share of rows that is all of them, up to rounding: their value is the mean, unrounded."""

SETTLED_ROWS, UNSURE_ROWS = 8, 16.0
"""Rows after which the moments say how far one may reach, and that are added to all further
ones in saying so: the standard deviation of few rows may be too small."""

RECENT_ROWS = 128.0, 1024.0
"""Span of the running share of rows beyond, at first and at last."""

FAR, TOLD_ROWS = 20.0, 256
"""Values so many times the distance of a bound away are told, after so many rows; of unequal
weights, after rows that tell as much: of one person of weight 10^4 nothing is far away."""


class _Units(NamedTuple):
    """Units of features, each (n_features,)."""

    scale: NDArray
    reach: NDArray  # distance from the mean beyond which values are outside
    most: NDArray  # what z is held within


class LinearTerms(OneToOne):
    r"""Standardized features, :math:`z = (x - m)/s`, held within `HELD_SD` of zero.

    A row moves mean and variance by held values only: whatever the values of a share p of all
    rows, they multiply a standard deviation by about :math:`1/\sqrt{1 - p C^2}` at most, with
    C = `HELD_SD`, which is 1.15 for one row in a hundred. Where more than :math:`1/C^2` of the
    last rows lie beyond, nothing is held until the moments are theirs: another unit is learned
    within some batches. The first `SETTLED_ROWS` rows are believed.

    Nothing is held, either, where nearly all rows have the same value: a category that one row
    in a hundred has counts as it is.

    A stream that began with sparse rows is not ``centered``: z = x / s, with s the root mean
    square, and nothing is held.
    """

    kind: ClassVar[str] = "linear"

    def __init__(self, n_features: int, *, centered: bool = True) -> None:
        self.centered = centered
        self.count = 0.0
        self.mean = np.zeros(n_features)
        self.variance = np.zeros(n_features)  # of the population
        self.n_rows = 0.0  # by weight
        self.squares = 0.0  # of the weights, summed
        self.beyond = np.zeros(n_features)  # share of the last rows
        self.usual = np.full(n_features, np.nan)  # the value of the majority, if there is one
        self.votes = np.zeros(n_features)  # weight of rows that have it, less of all others
        self._known: _Units | None = None  # until the moments change
        self.n_far = np.zeros(n_features, dtype=np.int64)
        self.farthest = np.full(n_features, np.nan)

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return len(self.mean)

    def update(self, X, weight: NDArray) -> None:
        """Take the rows of X, (n_samples, n_features), into the moments.

        In portions no larger than what was seen before, which says how far each may reach.
        """
        if not self.centered:
            self._learn(X, weight)
            return
        X, start = X.toarray() if issparse(X) else X, 0
        while start < len(X):
            part = slice(start, start + max(int(self.n_rows), SETTLED_ROWS))
            self._learn(X[part], weight[part])
            start = part.stop

    def _learn(self, X, weight: NDArray) -> None:
        """Take in one portion."""
        total = float(weight.sum())
        if total > 0.0:
            X = self._held(X, weight) if self.centered else X
            with np.errstate(over="ignore", under="ignore"):
                self._take(total, *_batch_moments(X, weight, total))

    def _held(self, X: NDArray, weight: NDArray) -> NDArray:
        """X within the bounds; rows beyond are counted."""
        total, n_rows, reach = float(weight.sum()), self.n_rows, self._units().reach
        is_told = self._n_effective() >= TOLD_ROWS
        self._vote(X, weight, total)
        self.n_rows += total
        with np.errstate(under="ignore"):
            self.squares += float(weight @ weight)
        if n_rows < SETTLED_ROWS:
            return X
        outside = np.abs(X - self.mean) > reach
        found = outside.any()
        if not found and not self.beyond.any():
            return X
        rate = total / (total + min(max(n_rows, RECENT_ROWS[0]), RECENT_ROWS[1]))
        self.beyond = (1.0 - rate) * self.beyond
        if not found:
            return X
        self.beyond += rate / total * (weight @ outside)
        self._known = None
        if is_told:
            self._count_far(X[weight > 0])
        return np.clip(X, *self.bounds)

    def _n_effective(self) -> float:
        """Rows of equal weight that tell as much as those seen, by Kish (1965)."""
        return self.n_rows * (self.n_rows / self.squares) if self.squares > 0.0 else 0.0

    def _vote(self, X: NDArray, weight: NDArray, total: float) -> None:
        """Follow the most frequent value, if one has the majority: Boyer and Moore (1991)."""
        last = X[np.flatnonzero(weight)[-1]].copy()
        if not self.n_rows:
            self.usual = last
        same = self.usual == X
        if not same.any() and not self.votes.any():
            self.usual = last
            return
        votes = 2.0 * (weight @ same) + (self.votes - total)
        lost = votes < 0.0
        if lost.any():
            self.usual = np.where(lost, last, self.usual)
            votes[lost] = 0.0
        self.votes = votes

    def _count_far(self, used: NDArray) -> None:
        """Count values that lie far beyond those that are held."""
        reach = np.where(np.isfinite(self.bounds[0]), FAR * HELD_SD * self.scale, np.inf)
        with np.errstate(over="ignore"):
            far = np.abs(used - self.mean) > reach
        if far.any():
            rows = np.where(far, np.abs(used), -1.0).argmax(axis=0)
            self.n_far = self.n_far + far.sum(axis=0)
            value = used[rows, range(self.n_inputs)]
            self.farthest = np.where(far.any(axis=0), value, self.farthest)

    def _units(self) -> _Units:
        """What the moments say, computed once for both, learning and transforming."""
        if self._known is None:
            scale = np.sqrt(self.variance)
            rounding = CONSTANT_TOL * np.abs(self.mean)
            constant = scale <= np.maximum(rounding, SMALLEST_SCALE)
            scale = np.where(constant, np.maximum(rounding, 1.0), scale)
            sure = HELD_SD * (1.0 + UNSURE_ROWS / max(self.n_rows, 1.0))
            most = np.where(constant | (self.votes > MOSTLY * self.n_rows), MAX_Z, sure)
            reach = most * scale
            if self.n_rows < SETTLED_ROWS:
                most = np.full(self.n_inputs, MAX_Z)
            elif (free := self.beyond > MOST_HELD).any():
                most[free] = MAX_Z
            self._known = _Units(scale, reach, most)
        return self._known

    @property
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Within which every feature is held, each (n_features,); infinite where none is."""
        scale, _, most = self._units()
        width = np.where(most < MAX_Z, most * scale, np.inf)
        return self.mean - width, self.mean + width

    def without_rows(self) -> Self:
        """A copy that decides alike; it knows a usual value only if nearly all rows have it."""
        other = self.copy()
        shared = self.votes > MOSTLY * self.n_rows
        other.usual = np.where(shared, self.usual, np.nan)
        other.votes = np.where(shared, self.votes, 0.0)
        return other

    def merge(self, other: Self) -> None:
        """Take in the moments of other rows; exact and associative up to rounding."""
        if other.centered != self.centered or other.n_inputs != self.n_inputs:
            raise ValueError(
                "only models of the same number of features, all dense or all sparse, can be "
                f"merged, got {self.n_inputs} features with centered={self.centered} and "
                f"{other.n_inputs} with centered={other.centered}"
            )
        same = np.where(self.usual == other.usual, 1.0, -1.0)
        ahead = (self.votes >= other.votes) & ~np.isnan(self.usual)
        self.usual = np.where(ahead, self.usual, other.usual)
        self.votes = np.abs(self.votes + same * other.votes)
        if other.count > 0.0:
            self.n_rows += other.n_rows
            self.squares += other.squares
            share = other.n_rows / max(self.n_rows, 1.0)
            self.beyond = self.beyond + share * (other.beyond - self.beyond)
            with np.errstate(over="ignore", under="ignore"):
                self._take(other.count, other.mean, other.variance)
        self.n_far = self.n_far + other.n_far
        self.farthest = np.where(np.isnan(other.farthest), self.farthest, other.farthest)

    def _take(self, total: float, mean: NDArray, variance: NDArray) -> None:
        """Merge the moments of ``total`` more rows."""
        count = self.count + total
        share = total / count
        shift = mean - self.mean
        merged = self.variance + share * (variance - self.variance)
        merged += share * (1.0 - share) * shift * shift
        self.count, self.mean = count, self.mean + share * shift
        self.variance = np.minimum(merged, MAX_VARIANCE)
        self._known = None
        if self.centered and (alike := self.votes > ALL * self.n_rows).any():
            self.mean = np.where(alike, self.usual, self.mean)
            self.variance[alike] = 0.0  # what rounding leaves of sums of many rows

    @property
    def scale(self) -> NDArray:
        """Unit of every feature, (n_features,); 1 for one that has been constant so far.

        The standard deviation, or, where features are not centered, the root mean square: a
        column that hardly varies about a large mean must not be blown up.
        """
        if not self.centered:
            return _nonzero(np.hypot(np.sqrt(self.variance), self.mean))
        return self._units().scale

    def transform(self, X) -> Any:
        """X in units of standard deviations, (n_samples, n_features); dense or CSR."""
        if issparse(X):
            if self.centered:
                X = X.toarray()
            else:
                return self._transform_sparse(X)
        if not self.centered:
            return np.clip(X / self.scale, -MAX_Z, MAX_Z)
        scale, _, most = self._units()
        Z = X - self.mean
        Z /= scale
        np.maximum(Z, -most, out=Z)
        return np.minimum(Z, most, out=Z)

    def _transform_sparse(self, X) -> Any:
        """The same of CSR rows, by the scale of their own columns: there may be a million."""
        columns, place = np.unique(X.indices, return_inverse=True)
        spread, mean = np.sqrt(self.variance[columns]), self.mean[columns]
        scale = _nonzero(np.hypot(spread, mean))
        scaled = X.copy()
        scaled.data = np.clip(scaled.data / scale[place], -MAX_Z, MAX_Z)
        return scaled

    def altered(self, Z, columns: NDArray, change) -> NDArray:
        """Z of the same rows after ``change`` of some columns of X, dense."""
        altered = Z.toarray() if issparse(Z) else Z.copy()
        scale = self.scale[columns]
        shift = self.mean[columns] if self.centered else np.zeros(len(columns))
        values = change(altered[:, columns] * scale + shift)
        if self.centered:
            values = np.clip(values, *(bound[columns] for bound in self.bounds))
        altered[:, columns] = (values - shift) / scale
        return altered

    def published(self, X) -> Any:
        """X within the bounds, with the value at which z is 0 in place of missing ones."""
        if issparse(X) and not self.centered:
            return X
        X = X.toarray() if issparse(X) else X
        unbounded = np.full(self.n_inputs, np.inf)
        low, high = self.bounds if self.centered else (-unbounded, unbounded)
        beyond = _columns_beyond(X, low, high)
        if len(beyond):
            X, held = X.copy(), np.clip(X[:, beyond], low[beyond], high[beyond])
            missing = self.mean[beyond] if self.centered else 0.0
            X[:, beyond] = np.where(np.isnan(held), missing, held)
        return X

    def fold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The map of X that equals a map of Z."""
        weight = weight / self.scale
        return weight, bias - weight @ self.mean if self.centered else bias

    def unfold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The map of Z that equals a map of X."""
        bias = bias + weight @ self.mean if self.centered else bias
        return weight * self.scale, bias

    def hold(self, n_rows: float) -> None:
        """Let the past count as at least ``n_rows`` rows: units then hardly move."""
        self.count = max(self.count, n_rows)

    def copy(self) -> Self:
        """The same moments; arrays are shared, as no update writes into them."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        own = {name: value for name, value in vars(self).items() if name != "_known"}
        return {"kind": self.kind, **own}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        made = cls(len(data["mean"]))  # of before there were shares beyond: nothing was
        made.squares = data.get("n_rows", 0.0)  # of before these were kept: as of weights of 1
        vars(made).update({name: value for name, value in data.items() if name != "kind"})
        return made


def _batch_moments(X, weight: NDArray, total: float) -> tuple[NDArray, NDArray]:
    """Weighted mean and variance of one batch."""
    share = weight / total
    if issparse(X):
        mean = X.T @ share
        squared = X.copy()
        squared.data = np.minimum(squared.data * squared.data, MAX_VARIANCE)
        return mean, np.maximum(squared.T @ share - np.minimum(mean * mean, MAX_VARIANCE), 0.0)
    mean = share @ X
    centered = X - mean
    centered *= centered
    return mean, share @ centered


def _nonzero(scale: NDArray) -> NDArray:
    """Scale with 1 where it is too small to divide by."""
    return np.where(scale <= SMALLEST_SCALE, 1.0, scale)


def _columns_beyond(X: NDArray, low: NDArray, high: NDArray) -> NDArray:
    """Columns in which a number is beyond its bounds, or missing.

    Eight rows are looked at as one, as NumPy takes long for short ones.
    """
    whole = len(X) // 8 * 8
    within = np.ones(len(low), dtype=bool)
    for part, times in ((X[:whole].reshape(-1, 8 * X.shape[1]), 8), (X[whole:], 1)):
        if len(part):
            lowest, highest = part.min(axis=0), part.max(axis=0)  # NaN where one is missing
            inside = (lowest >= np.tile(low, times)) & (highest <= np.tile(high, times))
            within &= inside.reshape(times, -1).all(axis=0)
    return np.flatnonzero(~within)

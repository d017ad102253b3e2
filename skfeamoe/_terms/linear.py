"""Linear terms: features in units of their running standard deviations, or as they are.

A stream cannot be scaled beforehand. `LinearTerms` keep the weighted mean m and variance s^2
of every feature; batches, and the moments of other machines, are merged by the parallel
formula of Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance",
The American Statistician 37, which is exact up to rounding whatever the order.
scikit-learn has the same formula for its StandardScaler, with checks for missing values that
cost more than a whole training step on 32 rows.
"""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

CONSTANT_TOL = 1e-14
"""A feature whose spread is below this share of its mean is constant up to rounding."""

SMALLEST_SCALE = 1e-150
"""Below this standard deviation a feature counts as constant: its square would underflow."""

MAX_Z = 1e6
"""Standardized values are held within this while training. A row that is part of the moments
cannot be further out than the root of the rows seen; a row of weight zero can."""

MAX_VARIANCE = 1e300
"""Variances stop here, so that values near the largest float leave the moments finite."""


SETTLED_ROWS = 256
"""Rows after which the values seen so far say how far one may reach."""

FAR = 20.0
"""A value is far beyond all others if it is so many times their range away."""


class LinearTerms:
    """Standardized features, :math:`z = (x - m)/s`.

    A value counts as at most one range of all values so far beyond the outermost of them, so
    that a single error of entry has a bounded influence, and another unit is learned within
    some batches: the range doubles with each.


    A stream that began with sparse rows is not ``centered``: z = x / s, with s the root mean
    square.
    """

    kind: ClassVar[str] = "linear"
    is_linear: ClassVar[bool] = True

    def __init__(self, n_features: int, *, centered: bool = True) -> None:
        self.centered = centered
        self.count = 0.0
        self.mean = np.zeros(n_features)
        self.variance = np.zeros(n_features)  # of the population
        self.n_rows = 0.0  # seen, by weight
        self.low = np.full(n_features, np.inf)  # smallest and largest value so far
        self.high = np.full(n_features, -np.inf)
        self._bounds: tuple[NDArray, NDArray] | None = None  # until low or high changes
        self.n_far = np.zeros(n_features, dtype=np.int64)
        self.farthest = np.full(n_features, np.nan)

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return len(self.mean)

    @property
    def n_outputs(self) -> int:
        """Columns of Z, the same."""
        return len(self.mean)

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z, the same."""
        return np.arange(self.n_outputs)

    @property
    def signs(self) -> None:
        """Any sign for every weight."""
        return None

    def update(self, X, weight: NDArray) -> None:
        """Take the rows of X, (n_samples, n_features), into the moments."""
        total = float(weight.sum())
        if total > 0.0:
            if self.centered:
                X = self._watched(X.toarray() if issparse(X) else X, weight)
                self.n_rows += total
            with np.errstate(over="ignore", under="ignore"):
                self._take(total, *_batch_moments(X, weight, total))

    def renew(self) -> None:
        """Nothing: moments are of all rows."""

    def _watched(self, X: NDArray, weight: NDArray) -> NDArray:
        """X within the bounds; values far beyond them are counted."""
        used = X if weight.all() else X[weight > 0]
        lowest, highest = used.min(axis=0), used.max(axis=0)
        if not ((lowest < self.low) | (highest > self.high)).any():
            return X
        low, high = self.bounds
        if (lowest < low).any() or (highest > high).any():
            reach = (FAR - 1.0) * (self.high - self.low)
            with np.errstate(over="ignore"):
                far = (used < low - reach) | (used > high + reach)
            if far.any():
                columns = far.any(axis=0)
                value = used[
                    np.where(far, np.abs(used), -1.0).argmax(axis=0), range(self.n_inputs)
                ]
                self.n_far = self.n_far + far.sum(axis=0)
                self.farthest = np.where(columns, value, self.farthest)
            X = np.clip(X, low, high)
            lowest, highest = np.maximum(lowest, low), np.minimum(highest, high)
        self.low, self.high = np.minimum(self.low, lowest), np.maximum(self.high, highest)
        self._bounds = None
        return X

    @property
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Within which every feature is held, each (n_features,).

        As far again as all values so far reach, on both sides. Nothing is held before
        `SETTLED_ROWS` rows, nor in a column that has been constant.
        """
        if self.n_rows < SETTLED_ROWS:
            unbounded = np.full(self.n_inputs, np.inf)
            return -unbounded, unbounded
        if self._bounds is None:
            width = self.high - self.low
            width = np.where(width > 0.0, width, np.inf)
            self._bounds = self.low - width, self.high + width
        return self._bounds

    def merge(self, other: Self) -> None:
        """Take in the moments of other rows; exact and associative up to rounding."""
        if other.centered != self.centered or other.n_inputs != self.n_inputs:
            raise ValueError(
                "only models of the same number of features, all dense or all sparse, can be "
                f"merged, got {self.n_inputs} features with centered={self.centered} and "
                f"{other.n_inputs} with centered={other.centered}"
            )
        if other.count > 0.0:
            with np.errstate(over="ignore", under="ignore"):
                self._take(other.count, other.mean, other.variance)
        self.n_rows += other.n_rows
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        self._bounds = None
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

    @property
    def scale(self) -> NDArray:
        """Unit of every feature, (n_features,); 1 for one that has been constant so far.

        The standard deviation, or, where features are not centered, the root mean square: a
        column that hardly varies about a large mean must not be blown up.
        """
        scale = np.sqrt(self.variance)
        if not self.centered:
            return _nonzero(np.hypot(scale, self.mean))
        smallest = np.maximum(CONSTANT_TOL * np.abs(self.mean), SMALLEST_SCALE)
        scale[scale <= smallest] = 1.0
        return scale

    def transform(self, X) -> Any:
        """X in units of standard deviations, (n_samples, n_features); dense or CSR."""
        if issparse(X):
            if self.centered:
                X = X.toarray()
            else:
                return self._transform_sparse(X)
        scale = self.scale
        if not self.centered:
            return np.clip(X / scale, -MAX_Z, MAX_Z)
        Z = np.clip(X, *self.bounds) if self.n_rows >= SETTLED_ROWS else X.copy()
        Z -= self.mean
        Z /= scale
        return np.clip(Z, -MAX_Z, MAX_Z, out=Z)

    def _transform_sparse(self, X) -> Any:
        """The same of CSR rows, by the scale of their own columns: there may be a million."""
        columns, place = np.unique(X.indices, return_inverse=True)
        spread, mean = np.sqrt(self.variance[columns]), self.mean[columns]
        scale = _nonzero(np.hypot(spread, mean))
        scaled = X.copy()
        scaled.data = np.clip(scaled.data / scale[place], -MAX_Z, MAX_Z)
        return scaled

    def back(self, Z, slopes: NDArray) -> NDArray:
        """Derivatives by features in units of their scale: the same."""
        return slopes

    def altered(self, Z, columns: NDArray, change) -> NDArray:
        """Z of the same rows after ``change`` of some columns of X, dense."""
        altered = Z.toarray() if issparse(Z) else Z.copy()
        scale = self.scale[columns]
        shift = self.mean[columns] if self.centered else np.zeros(len(columns))
        altered[:, columns] = (change(altered[:, columns] * scale + shift) - shift) / scale
        return altered

    def published(self, X) -> Any:
        """X within the bounds, with the value at which z is 0 in place of missing ones."""
        if issparse(X) and not self.centered:
            return X
        X = X.toarray() if issparse(X) else X
        unbounded = np.full(self.n_inputs, np.inf)
        low, high = self.bounds if self.centered else (-unbounded, unbounded)
        if _all_within(X, low, high):
            return X
        X = np.clip(X, low, high)
        return np.where(np.isnan(X), self.mean if self.centered else 0.0, X)

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

    def without_rows(self) -> Self:
        """A copy; no row is kept here."""
        return self.copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        own = {name: value for name, value in vars(self).items() if name != "_bounds"}
        return {"kind": self.kind, **own}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        made = cls.__new__(cls)
        own = {name: value for name, value in data.items() if name != "kind"}
        vars(made).update({**own, "_bounds": None})
        return made


class RawTerms:
    """Features as they are, z = x, for data that come standardized."""

    kind: ClassVar[str] = "raw"
    is_linear: ClassVar[bool] = True

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self.n_features

    @property
    def n_outputs(self) -> int:
        """Columns of Z, the same."""
        return self.n_features

    @property
    def owner(self) -> NDArray:
        """Column of X of every column of Z, the same."""
        return np.arange(self.n_outputs)

    @property
    def signs(self) -> None:
        """Any sign for every weight."""
        return None

    def update(self, X, weight: NDArray) -> None:
        """Nothing is learned."""

    def renew(self) -> None:
        """Nothing is learned."""

    def merge(self, other: Self) -> None:
        """Nothing was learned."""
        if other.n_features != self.n_features:
            raise ValueError(
                "only models of the same number of features can be merged, got "
                f"{self.n_features} and {other.n_features}"
            )

    def transform(self, X) -> Any:
        """X itself."""
        return X

    def back(self, Z, slopes: NDArray) -> NDArray:
        """Derivatives by features in units of their scale: the same."""
        return slopes

    def altered(self, Z, columns: NDArray, change) -> NDArray:
        """The rows after ``change`` of some columns, dense."""
        altered = Z.toarray() if issparse(Z) else Z.copy()
        altered[:, columns] = change(altered[:, columns])
        return altered

    def published(self, X) -> Any:
        """X, with 0 in place of missing values."""
        return X if issparse(X) or not np.isnan(X).any() else np.nan_to_num(X, nan=0.0)

    def fold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The same map."""
        return weight, bias

    def unfold(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The same map."""
        return weight, bias

    def hold(self, n_rows: float) -> None:
        """Nothing moves."""

    def copy(self) -> Self:
        """The same terms."""
        return type(self)(self.n_features)

    def without_rows(self) -> Self:
        """A copy; no row is kept here."""
        return self.copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"kind": self.kind, "n_features": self.n_features}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        return cls(data["n_features"])


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


def _all_within(X: NDArray, low: NDArray, high: NDArray) -> bool:
    """Whether all numbers are within the bounds of their columns, and none is missing.

    Eight rows are looked at as one, as NumPy takes long for short ones.
    """
    whole = len(X) // 8 * 8
    for part, times in ((X[:whole].reshape(-1, 8 * X.shape[1]), 8), (X[whole:], 1)):
        if len(part) == 0:
            continue
        lowest, highest = part.min(axis=0), part.max(axis=0)
        above, below = lowest >= np.tile(low, times), highest <= np.tile(high, times)
        if not (above.all() and below.all()):  # as with NaN, the extreme of what has one
            return False
    return True

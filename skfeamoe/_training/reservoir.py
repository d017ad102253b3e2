"""A weighted random sample of all rows so far: the background of explanations.

Row i with weight w_i > 0 gets the key e_i / w_i, where e_i is a standard exponential draw,
and the rows with the smallest keys are kept. With equal weights every row is in the sample
with the same probability; otherwise a row of weight two counts like two rows (Efraimidis and
Spirakis 2006, whose keys u^(1/w) are exp(-key)). A row of weight zero never enters.

One row more than ``size`` is kept. Its key tau is the level that the others stay below:
row i is in the sample with probability p_i = 1 - exp(-w_i tau), and means over the sample
take it with the weight w_i / p_i, which makes their numerator and denominator unbiased
(Cohen and Kaplan 2007). While at most ``size`` rows were seen, p_i = 1: the sample is the
data, with its weights. Equal weights remain equal.

The draw of a row depends on the seed and on the row's number only: a stream gives the same
sample whatever its batches are, and a model that was saved and loaded goes on as if it had
not been. Draws are made in blocks, since a new generator costs more than a look at 32 rows.

Samples of different rows merge exactly: the rows with the smallest keys of all are those
that one sample of all rows would have kept.

References
----------
P. S. Efraimidis, P. G. Spirakis (2006), Weighted random sampling with a reservoir.
E. Cohen, H. Kaplan (2007), Summarizing data using bottom-k sketches.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from skfeamoe._training.draws import Draws, generator

DRAWS_PER_BLOCK = 4096

FEW_ROWS = 8
"""Up to here, rows that enter take their places one by one, which is faster."""

Row = NDArray | tuple[NDArray, NDArray]
"""A row that is kept: its values, or its nonzeros and their columns."""


class Reservoir:
    """The sample: up to ``size`` + 1 rows in any order, each with its key."""

    def __init__(self, n_features: int, *, size: int, sparse: bool, seed: int) -> None:
        self.n_features = n_features
        self.size = size
        self.sparse = sparse  # rows are kept as their nonzeros
        self.seed = seed
        self.n_offered = 0  # rows seen, each counted once
        self.limit = float("inf")  # keys must be below this to enter; inf while there is room
        self.draws = np.empty(0)  # (DRAWS_PER_BLOCK,) of the block that row n_offered is in
        self.keys = np.empty(0)
        self.weight = np.empty(0)
        self.arrival = np.empty(0, dtype=np.int64)  # number of the row in the stream
        self.rows: list[Row] = []

    def update(self, X, weight: NDArray) -> None:
        """Show the rows of X, dense or CSR, to the sample; the chosen ones are copied."""
        if self.size == 0:
            return
        first = self.n_offered
        with np.errstate(all="ignore"):
            keys = self._next_draws(len(weight)) / weight
        entering = np.flatnonzero(keys < self.limit)
        if not len(entering):
            return
        if len(self.rows) > self.size and len(entering) <= FEW_ROWS:
            self.keys, self.weight = self.keys.copy(), self.weight.copy()
            self.arrival, self.rows = self.arrival.copy(), list(self.rows)
            for i in entering:
                self._replace_last(keys[i], weight[i], first + i, X, i)
            return
        self._add(
            keys[entering],
            weight[entering],
            first + entering,
            lambda i: self._kept(X, entering[i]),
        )

    def _replace_last(self, key, weight, arrival, X, i) -> None:
        """Put row i of X in the place of the row with the largest key, if its own is less."""
        if key >= self.limit:
            return
        place = int(self.keys.argmax())
        self.keys[place], self.weight[place], self.arrival[place] = key, weight, arrival
        self.rows[place] = self._kept(X, i)
        self.limit = float(self.keys.max())

    def _add(
        self, keys: NDArray, weight: NDArray, arrival: NDArray, row: Callable[[int], Row]
    ) -> None:
        """Take more rows in, of which ``row`` gives one, and keep the smallest keys."""
        n_kept = len(self.rows)
        keys = np.concatenate([self.keys, keys])
        weight = np.concatenate([self.weight, weight])
        arrival = np.concatenate([self.arrival, arrival])
        n_after = min(len(keys), self.size + 1)
        places = np.arange(n_after)  # which of all rows is in each place
        if len(keys) > n_after:
            order = np.argpartition(keys, self.size)
            out, stay = order[n_after:], order[:n_after]
            free = np.concatenate([out[out < n_kept], np.arange(n_kept, n_after)])
            places[free] = stay[stay >= n_kept]
        self.keys, self.weight, self.arrival = keys[places], weight[places], arrival[places]
        rows: list[Any] = [*self.rows, *[None] * (n_after - n_kept)]
        for place in np.flatnonzero(places >= n_kept):
            rows[place] = row(int(places[place]) - n_kept)
        self.rows = rows
        if len(rows) > self.size:
            self.limit = float(self.keys.max())

    def _kept(self, X, i) -> Row:
        """Row i of X, copied."""
        if not self.sparse:
            return X[[i]].toarray()[0] if issparse(X) else X[i].copy()
        row = csr_array(X[[i]] if issparse(X) else X[i : i + 1])
        row.sum_duplicates()
        return row.data.copy(), row.indices.astype(np.int64)

    def sample(self) -> tuple[Any, NDArray]:
        """Rows in order of arrival, dense or CSR, and weights with a mean of 1."""
        order = np.argsort(self.arrival)
        if len(order) > self.size:
            order = order[self.keys[order] < self.limit]
        weight = self.weight[order]
        if np.isfinite(self.limit) and len(order):
            p = -np.expm1(-weight * self.limit)
            weight = np.divide(weight, p, out=np.full_like(p, 1 / self.limit), where=p > 0)
        if len(order):
            weight = weight / weight.mean()
        return self._table([self.rows[i] for i in order]), weight

    def _table(self, rows: list[Row]) -> Any:
        """Rows as an array, dense or CSR."""
        if not self.sparse:
            return np.array(rows).reshape(len(rows), self.n_features)
        data, columns, ends = _packed(rows)
        table = csr_array((data, columns, ends), shape=(len(rows), self.n_features))
        table.eliminate_zeros()
        return table

    def _next_draws(self, n: int) -> NDArray:
        """Standard exponential draws of the next n rows."""
        start = self.n_offered
        self.n_offered = stop = start + n
        block, used = divmod(start, DRAWS_PER_BLOCK)
        if used and used + n <= DRAWS_PER_BLOCK:
            return self.draws[used : used + n]
        parts = [self.draws[used:]] if used else []
        for number in range(block + bool(used), -(-stop // DRAWS_PER_BLOCK)):
            rng = generator(self.seed, Draws.BACKGROUND, number)
            self.draws = rng.standard_exponential(DRAWS_PER_BLOCK)
            parts.append(self.draws)
        return np.concatenate(parts)[:n]

    def copy(self) -> Self:
        """A sample that goes on alone; rows are shared, as none is written into."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def rewritten(self, change: Callable[[NDArray], NDArray]) -> Self:
        """The same sample of dense rows, as they are after a change."""
        other = self.copy()
        other.rows = list(change(np.array(self.rows))) if self.rows else []
        return other

    def merge(self, other: Self) -> None:
        """The sample of all rows that the two have seen; exact and in any order.

        The two must have drawn with different seeds.
        """
        if (self.n_features, self.size, self.sparse) != (
            other.n_features,
            other.size,
            other.sparse,
        ):
            raise ValueError(
                "only samples of the same features and size can be merged, got "
                f"{self.n_features} features, background_size={self.size} and "
                f"{other.n_features}, {other.size}"
            )
        arrival = self.n_offered + other.arrival
        self._add(other.keys, other.weight, arrival, other.rows.__getitem__)
        self.n_offered += other.n_offered
        block, used = divmod(self.n_offered, DRAWS_PER_BLOCK)
        if used:
            rng = generator(self.seed, Draws.BACKGROUND, block)
            self.draws = rng.standard_exponential(DRAWS_PER_BLOCK)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        data = {name: value for name, value in vars(self).items() if name != "rows"}
        if not self.sparse:
            return {**data, "values": np.array(self.rows).reshape(-1, self.n_features)}
        values, columns, ends = _packed(self.rows)
        return {**data, "values": values, "columns": columns, "ends": ends}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The sample that `to_dict` has written."""
        data = dict(data)
        values = data.pop("values")
        rows: list[Row] = list(values)
        if data["sparse"]:
            cuts, columns = data.pop("ends")[1:-1], data.pop("columns")
            pairs = zip(np.split(values, cuts), np.split(columns, cuts), strict=True)
            rows = [pair for pair, _ in zip(pairs, data["keys"], strict=False)]
        made = cls.__new__(cls)
        vars(made).update({**data, "rows": rows})
        return made


def _packed(rows: list) -> tuple[NDArray, NDArray, NDArray]:
    """Sparse rows one after the other: nonzeros, their columns, and where each row ends."""
    none = (np.empty(0), np.empty(0, dtype=np.int64))
    values, columns = zip(none, *rows, strict=True)
    ends = np.cumsum([0, *(len(row[0]) for row in rows)])
    return np.concatenate(values), np.concatenate(columns), ends

"""The last rows of a stream: what to look back at for a change, and to learn from after one."""

from typing import Any, Self

from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from skfeamoe._rows import Rows

RECENT_ROWS = 1024
"""Rows that are kept; the oldest ones go."""


class Recent:
    """The last batches that hold `RECENT_ROWS` rows; a batch that is kept never changes."""

    def __init__(self, *, sparse: bool) -> None:
        self.sparse = sparse
        self.batches: list[Rows] = []
        self.n_rows = 0

    def __len__(self) -> int:
        return min(self.n_rows, RECENT_ROWS)

    def update(self, rows: Rows) -> None:
        """Keep the rows of a batch, dense or CSR, in place of the oldest."""
        rows = rows.take(slice(-RECENT_ROWS, None))
        kept = Rows(
            _as(rows.X, self.sparse), rows.y.copy(), rows.groups.copy(), rows.weight.copy()
        )
        self.batches = [*self.batches, kept]
        self.n_rows += len(kept)
        while self.n_rows - len(self.batches[0]) >= RECENT_ROWS:
            self.n_rows -= len(self.batches.pop(0))

    def last(self, n_rows: int) -> Rows:
        """The last rows in order of the stream; at most all that are kept."""
        n_rows = min(n_rows, len(self))
        first, n_found = len(self.batches), 0
        while n_found < n_rows:
            first -= 1
            n_found += len(self.batches[first])
        rows = Rows.join(self.batches[first:] or self.batches[:1])
        return rows.take(slice(len(rows) - n_rows, None))

    def copy(self) -> Self:
        """The same rows, going on alone."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        data: dict[str, Any] = {"sparse": self.sparse, "n_rows": self.n_rows}
        if not self.batches:
            return data
        rows = Rows.join(self.batches)
        data |= {"y": rows.y, "groups": rows.groups, "weight": rows.weight}
        if not self.sparse:
            return {**data, "values": rows.X}
        table = {"values": rows.X.data, "columns": rows.X.indices, "ends": rows.X.indptr}
        return {**data, **table, "n_columns": rows.X.shape[1]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The rows that `to_dict` has written."""
        made = cls(sparse=data["sparse"])
        made.n_rows = data["n_rows"]
        if made.n_rows:
            X = data["values"]
            if made.sparse:
                shape = (made.n_rows, data["n_columns"])
                X = csr_array((X, data["columns"], data["ends"]), shape=shape)
            made.batches = [Rows(X, data["y"], data["groups"], data["weight"])]
        return made


def _as(X, sparse: bool) -> NDArray:
    """A copy of a batch in the container that is kept."""
    if not sparse:
        return X.toarray() if issparse(X) else X.copy()
    kept = csr_array(X, copy=True)
    kept.sum_duplicates()
    return kept

"""The last rows of a stream: what to look back at for a change, and to learn from after one."""

from typing import Any, Self

from skfeamoe._rows import Rows, in_container

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
        weight = rows.weight.copy()
        kept = Rows(
            in_container(rows.X, sparse=self.sparse),
            rows.y.copy(),
            rows.groups.copy(),
            weight,
            weight if rows.is_plain else rows.label_weight.copy(),
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
        rows = Rows.join(self.batches).to_dict() if self.batches else {}
        return {"sparse": self.sparse, "n_rows": self.n_rows, "rows": rows}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The rows that `to_dict` has written."""
        made = cls(sparse=data["sparse"])
        made.n_rows = data["n_rows"]
        made.batches = [Rows.from_dict(data["rows"])] if data["rows"] else []
        return made

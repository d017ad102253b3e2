"""Rows of data with all that learning needs, travelling as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse, vstack


@dataclass(slots=True)
class Rows:
    """Some rows: features, labels, groups and weights."""

    X: Any  # (n_samples, n_columns), float64 ndarray or CSR; X, or Z behind the terms
    y: NDArray  # (n_samples,), class codes
    groups: NDArray  # (n_samples,), group codes, -1 = unknown
    weight: NDArray  # (n_samples,)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index) -> "Rows":
        """The rows of an index, a mask or a slice."""
        return Rows(self.X[index], self.y[index], self.groups[index], self.weight[index])

    def slices(self, size: int) -> Iterator["Rows"]:
        """All rows in their order, ``size`` at a time."""
        for start in range(0, len(self.y), size):
            yield self.take(slice(start, start + size))

    @staticmethod
    def join(parts: Sequence["Rows"]) -> "Rows":
        """Several of these one after the other."""
        first = parts[0]
        if len(parts) == 1:
            return first
        X = [part.X for part in parts]
        return Rows(
            csr_array(vstack(X)) if issparse(first.X) else np.concatenate(X),
            np.concatenate([part.y for part in parts]),
            np.concatenate([part.groups for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )

    def with_columns(self, Z) -> "Rows":
        """The same rows with other columns."""
        return Rows(Z, self.y, self.groups, self.weight)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data; CSR rows as the arrays they consist of."""
        own = {"y": self.y, "groups": self.groups, "weight": self.weight}
        if not issparse(self.X):
            return {**own, "values": self.X}
        table = {"values": self.X.data, "columns": self.X.indices, "ends": self.X.indptr}
        return {**own, **table, "n_columns": self.X.shape[1]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Rows":
        """The rows that `to_dict` has written."""
        X = data["values"]
        if "columns" in data:
            shape = (len(data["y"]), data["n_columns"])
            X = csr_array((X, data["columns"], data["ends"]), shape=shape)
        return cls(X, data["y"], data["groups"], data["weight"])


def in_container(X, *, sparse: bool):
    """A copy of X, dense or CSR, in the container of a model: CSR if it is ``sparse``."""
    if not sparse:
        return X.toarray() if issparse(X) else X.copy()
    kept = csr_array(X, copy=True)
    kept.sum_duplicates()
    return kept

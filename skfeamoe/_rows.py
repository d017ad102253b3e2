"""Rows of data with all that learning needs, traveling as one.

A row counts twice: as a person, with its `weight`, in whatever asks for no label (rates of
decisions, units of the features, the background), and as a label, with its `label_weight`, in
the loss and among those with a favorable or another label. The two are the same array unless
labels are missing (0), were seen with a chance p (1/p), or came long after their people, which
have been counted before (`weight` 0).
"""

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
    y: NDArray  # (n_samples,), class codes, -1 = unknown
    groups: NDArray  # (n_samples,), group codes, -1 = unknown
    weight: NDArray  # (n_samples,), as people
    label_weight: Any = None  # (n_samples,), as labels; None: the same

    def __post_init__(self) -> None:
        if self.label_weight is None:
            self.label_weight = self.weight

    def __len__(self) -> int:
        return len(self.y)

    @property
    def is_plain(self) -> bool:
        """Whether every row has a label that counts as much as its person."""
        return self.label_weight is self.weight

    def take(self, index) -> "Rows":
        """The rows of an index, a mask or a slice."""
        weight = self.weight[index]
        label_weight = weight if self.is_plain else self.label_weight[index]
        return Rows(self.X[index], self.y[index], self.groups[index], weight, label_weight)

    def labeled(self) -> "Rows":
        """The rows that have a label."""
        known = self.y >= 0
        return self if self.is_plain or known.all() else self.take(np.flatnonzero(known))

    def unlabeled(self) -> "Rows":
        """The rows that have none."""
        return self.take(np.flatnonzero(self.y < 0))

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
        weight = np.concatenate([part.weight for part in parts])
        plain = all(part.is_plain for part in parts)
        return Rows(
            csr_array(vstack(X)) if issparse(first.X) else np.concatenate(X),
            np.concatenate([part.y for part in parts]),
            np.concatenate([part.groups for part in parts]),
            weight,
            weight if plain else np.concatenate([part.label_weight for part in parts]),
        )

    def with_columns(self, Z) -> "Rows":
        """The same rows with other columns."""
        return Rows(Z, self.y, self.groups, self.weight, self.label_weight)

    def with_groups(self, groups: NDArray) -> "Rows":
        """The same rows with other codes of their groups."""
        return Rows(self.X, self.y, groups, self.weight, self.label_weight)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data; CSR rows as the arrays they consist of."""
        own = {"y": self.y, "groups": self.groups, "weight": self.weight}
        if not self.is_plain:
            own["label_weight"] = self.label_weight
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
        weight, label_weight = data["weight"], data.get("label_weight")
        return cls(X, data["y"], data["groups"], weight, label_weight)


def in_container(X, *, sparse: bool):
    """A copy of X, dense or CSR, in the container of a model: CSR if it is ``sparse``."""
    if not sparse:
        return X.toarray() if issparse(X) else X.copy()
    kept = csr_array(X, copy=True)
    kept.sum_duplicates()
    return kept


def linear_scores(Z, weight: NDArray) -> NDArray:
    """Z @ weight.T, weight (n_scores, n_columns), by the columns that sparse rows have.

    scipy's product copies all of the weights first, which for a few rows of a million columns
    takes longer than the product.
    """
    if not issparse(Z) or Z.nnz >= Z.shape[1]:
        return Z @ weight.T
    columns, narrow = _own_columns(Z)
    return narrow @ weight[:, columns].T


def sparse_products(Z, slopes: NDArray) -> tuple[NDArray, NDArray]:
    """The columns that CSR rows have, and of these slopes.T @ Z, (n_scores, n_own)."""
    columns, narrow = _own_columns(Z)
    return columns, (narrow.T @ slopes).T


def _own_columns(Z) -> tuple[NDArray, csr_array]:
    """The columns in which CSR rows have values, and the rows without the others."""
    columns, place = np.unique(Z.indices, return_inverse=True)
    return columns, csr_array((Z.data, place, Z.indptr), shape=(Z.shape[0], len(columns)))

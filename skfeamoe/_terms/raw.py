"""Raw terms: features as they are, for data that come standardized."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._terms.base import OneToOne


class RawTerms(OneToOne):
    """Features as they are, z = x, for data that come standardized."""

    kind: ClassVar[str] = "raw"

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self.n_features

    def update(self, X, weight: NDArray) -> None:
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

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"kind": self.kind, "n_features": self.n_features}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The terms that `to_dict` has written."""
        return cls(data["n_features"])

"""Players: a partition of the columns, and what each player adds to linear scores.

Scores are linear, u(x) = intercept + sum_j P_j(x) with P_j(x) = sum_{columns c of j} x_c
w_c. `contributions` returns all P_j(x) at once. Equal column values give bitwise equal
contributions, so that `P_j(x) == P_j(z)` finds the players that cannot matter: no BLAS, whose
rounding depends on the row, and rows that are compared are all sparse or all dense.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

#: Products of dense rows and weights that are in memory at once.
BLOCK = 2**20


def player_of_column(players: Sequence | None, n_features: int) -> np.ndarray:
    """Return the player of each column, (n_features,); None makes every column a player."""
    if players is None:
        return np.arange(n_features)
    owner = np.full(n_features, -1)
    for j, columns in enumerate(players):
        columns = np.atleast_1d(np.asarray(columns))
        if columns.size == 0:
            raise ValueError(f"players must not be empty, but player {j} has no columns")
        if columns.dtype.kind not in "iu" or columns.min() < 0 or columns.max() >= n_features:
            raise ValueError(
                f"players must hold column indices from 0 to {n_features - 1}, "
                f"got {columns.tolist()} for player {j}"
            )
        if (owner[columns] >= 0).any() or len(np.unique(columns)) < len(columns):
            raise ValueError(
                f"players must not share columns, but player {j} = {columns.tolist()} "
                "repeats one; give each column to one player"
            )
        owner[columns] = j
    if (owner < 0).any():
        raise ValueError(
            "players must cover all columns, but "
            f"{np.flatnonzero(owner < 0)[:10].tolist()} belong to none; "
            "add them as players of their own"
        )
    return owner


def contributions(X, owner: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return P of shape (n_scores, n_players, n) for weights (n_features, n_scores)."""
    n_players, n = int(owner.max()) + 1, X.shape[0]
    if not sp.issparse(X):
        return _dense_contributions(X, owner, weights)
    stacked = _one_row_per_player(X, owner, n_players)
    flat = np.asarray(stacked @ weights)
    return np.ascontiguousarray(flat.reshape(n, n_players, -1).transpose(2, 1, 0))


def _dense_contributions(X: np.ndarray, owner: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the same for dense rows, some at a time."""
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(int(owner.max()) + 1))
    weights = np.ascontiguousarray(weights[order].T)[:, None]
    P = np.empty((len(weights), len(first), len(X)))
    step = max(BLOCK // weights.size, 1)
    for start in range(0, len(X), step):
        products = X[start : start + step, order] * weights
        sums = np.add.reduceat(products, first, axis=2)
        P[:, :, start : start + step] = sums.swapaxes(1, 2)
    return P


def _one_row_per_player(X: sp.csr_array, owner: np.ndarray, n_players: int) -> sp.csr_array:
    """Split each row of X into n_players rows that hold one player's columns each."""
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    split = rows * n_players + owner[X.indices]
    shape = (X.shape[0] * n_players, X.shape[1])
    stacked = sp.csr_array((X.data, (split, X.indices)), shape=shape)
    stacked.sort_indices()
    return stacked

"""Players: a partition of the columns, and what each player adds to linear scores.

Scores are linear, u(x) = intercept + sum_j P_j(x) with P_j(x) = sum_{columns c of j} x_c
w_c. `contributions` returns all P_j(x) at once. Equal column values give bitwise equal
contributions (no BLAS, whose rounding depends on the row), so that `P_j(x) == P_j(z)` finds
the players that cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp


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
    if not sp.issparse(X) and n_players == len(owner):
        order = np.argsort(owner)
        return weights[order].T[:, :, None] * X.T[order][None]
    stacked = _one_row_per_player(sp.csr_array(X), owner, n_players)
    flat = np.asarray(stacked @ weights)
    return np.ascontiguousarray(flat.reshape(n, n_players, -1).transpose(2, 1, 0))


def _one_row_per_player(X: sp.csr_array, owner: np.ndarray, n_players: int) -> sp.csr_array:
    """Split each row of X into n_players rows that hold one player's columns each."""
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    split = rows * n_players + owner[X.indices]
    shape = (X.shape[0] * n_players, X.shape[1])
    stacked = sp.csr_array((X.data, (split, X.indices)), shape=shape)
    stacked.sort_indices()
    return stacked

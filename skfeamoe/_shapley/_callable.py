"""Any model as a game: coalitions become rows of inputs for a function.

The interventional game of f: v(S) = mean over z of f(x on S, z elsewhere). Enumeration,
folding, chains and standard errors are those of the mixture; only the values come from
calls. A part of the model may be held at the explained row: then v(S) = mean over z of
combine(held(x), f(x on S, z elsewhere)).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from ._exact import fold


class CallableGame:
    """The interventional game of a function from (n, n_features) to (n, n_outputs).

    ``held`` is a pair of functions: what is held of rows, (n, ...), and the outputs, (n,
    n_outputs), of held parts and what ``predict`` returns.
    """

    def __init__(
        self,
        predict: Callable,
        background,
        weight,
        owner,
        memory_budget: int,
        held: tuple[Callable, Callable] | None = None,
    ):
        rows, which = np.unique(_as_dense(background), axis=0, return_inverse=True)
        merged = np.bincount(which.ravel(), weights=weight)
        self.background, self.background_weight = rows, merged / merged.sum()
        self.predict, self.owner = predict, owner
        self.n_players = int(owner.max()) + 1
        self.rows_at_once = max(1, memory_budget // (8 * 4 * len(owner)))
        self.held = held
        self.in_parts = False
        parts = rows[:1] if held is None else held[0](rows[:1])
        self.n_outputs = self.n_channels = self.evaluate(rows[:1], parts).shape[1]
        self.base = None if held else self.background_weight @ self.evaluate(rows)

    def held_of(self, X: np.ndarray) -> np.ndarray:
        """Return what is held of rows, (n, ...); without such parts, nothing of width 0."""
        return np.empty((len(X), 0)) if self.held is None else self.held[0](X)

    def evaluate(self, X: np.ndarray, parts: np.ndarray | None = None) -> np.ndarray:
        """Return the outputs of rows with their held parts as (n, n_outputs)."""
        values = np.asarray(self.predict(X), dtype=float)
        if self.held is not None:
            values = self.held[1](parts, values)
        return values.reshape(len(X), -1)

    def bytes_per_row(self) -> int:
        """Return what one row of a chunk keeps in memory."""
        return 8 * len(self.owner)

    def states_per_coalition(self) -> int:
        """Return how many numbers a coalition of a pair holds during enumeration."""
        return 4 * self.n_outputs

    def chunk(self, X) -> CallableChunk:
        """Return the game of some rows."""
        return CallableChunk(self, _as_dense(X))


class CallableChunk:
    """The game of some rows against every background row."""

    def __init__(self, game: CallableGame, X: np.ndarray):
        self.game, self.X, self.parts = game, X, game.held_of(X)

    def differs(self) -> np.ndarray:
        """Return which players differ, bool (M, n, B)."""
        shape = (self.game.n_players, len(self.X), len(self.game.background))
        differs = np.zeros(shape, dtype=bool)
        for column, player in enumerate(self.game.owner):
            differs[player] |= self.X[:, column, None] != self.game.background[:, column]
        return differs

    def base_values(self) -> np.ndarray:
        """Return the value of the empty coalition, (n, n_outputs)."""
        game = self.game
        if game.base is not None:
            return np.broadcast_to(game.base, (len(self.X), game.n_outputs))
        rows = np.repeat(np.arange(len(self.X)), len(game.background))
        nobody = np.zeros((1, len(rows), game.n_players), dtype=bool)
        others = np.tile(np.arange(len(game.background)), len(self.X))
        values = self._values(nobody, rows, others)
        shape = (game.n_outputs, len(self.X), len(game.background))
        return (values.reshape(shape) @ game.background_weight).T

    def exact_block(self, rows, others, players) -> np.ndarray:
        """Return Shapley values (n_outputs, m, P) of pairs whose m players are given."""
        m, n_pairs = players.shape
        subsets = np.arange(2**m)
        inside = np.zeros((2**m, n_pairs, self.game.n_players), dtype=bool)
        for j in range(m):
            inside[:, np.arange(n_pairs), players[j]] = ((subsets >> j) & 1)[:, None] == 1
        return fold(self._values(inside, rows, others))

    def chain_block(self, rows, others, order) -> np.ndarray:
        """Return what players add along chains and their reverses, (n_outputs, M, P)."""
        n_players, n_pairs = order.shape
        width = others.stop - others.start
        rank = np.empty((n_pairs, n_players), dtype=int)
        rank[np.arange(n_pairs), order // n_pairs] = np.arange(n_players)[:, None]
        inside = rank < np.arange(n_players + 1)[:, None, None]
        pair_rows = np.repeat(rows, width)
        pair_others = np.tile(np.arange(others.start, others.stop), len(rows))
        values = self._values(inside, pair_rows, pair_others)
        values -= self._values(~inside, pair_rows, pair_others)
        return 0.5 * np.diff(values, axis=1)

    def _values(self, inside: np.ndarray, rows, others) -> np.ndarray:
        """Return f of coalitions inside (A, P, M), (n_outputs, A, P), in bounded parts."""
        game = self.game
        n_coalitions, n_pairs, _ = inside.shape
        values = np.empty((n_coalitions * n_pairs, game.n_outputs))
        flat = inside.reshape(-1, inside.shape[2])
        for start in range(0, len(flat), game.rows_at_once):
            part = slice(start, start + game.rows_at_once)
            pair = np.arange(len(flat))[part] % n_pairs
            mixed = np.where(
                flat[part][:, game.owner], self.X[rows[pair]], game.background[others[pair]]
            )
            values[part] = game.evaluate(mixed, self.parts[rows[pair]])
        return np.ascontiguousarray(
            values.reshape(n_coalitions, n_pairs, -1).transpose(2, 0, 1)
        )


def _as_dense(X) -> np.ndarray:
    """Return X as a dense array of floats."""
    return np.asarray(X.toarray() if sp.issparse(X) else X, dtype=float)

"""Which rows are exact, which are sampled, and how many rows are in memory at once."""

from __future__ import annotations

import numpy as np

from ._chains import chain_values, least_rounds
from ._exact import MAX_EXACT_PLAYERS
from ._result import Attribution

METHODS = ("auto", "exact", "permutation")
#: Evaluations per explained row and background row when `max_evals` is None.
DEFAULT_EVALS = 4096
#: Rounds of chains when neither `max_evals` nor `tol` is given.
DEFAULT_ROUNDS = 4
#: Bytes that the work arrays of one call may take (the result comes on top).
MEMORY_BUDGET = 64 * 2**20
#: Most pairs of one block: beyond it, longer vectors bring nothing.
MAX_PAIRS = 256


def attribute(game, X, *, method, max_evals, tol, key, memory_budget) -> Attribution:
    """Play a game for all rows of X."""
    n = X.shape[0]
    values = np.zeros((n, game.n_channels, game.n_players))
    error = np.zeros_like(values)
    base = np.empty((n, game.n_outputs))
    exact, n_evals = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64)
    plan = _Plan(game, method, max_evals, tol, memory_budget)
    for start in range(0, n, plan.rows_at_once):
        part = slice(start, min(start + plan.rows_at_once, n))
        chunk = game.chunk(X[part])
        base[part] = chunk.base_values()
        sampled = np.arange(part.stop - start)
        if method != "permutation":
            differs = chunk.differs()
            n_evals[part], exact[part] = plan.exact_rows(differs)
            sampled = np.flatnonzero(~exact[part])
            differs[:, sampled] = False
            if game.in_parts:
                values[part] = chunk.exact_values(differs)
            else:
                values[part] = _enumerate(chunk, differs, memory_budget)
        if sampled.size:
            mean, deviation, rounds = chain_values(
                chunk, sampled, start, key, plan.max_rounds, tol
            )
            values[start + sampled], error[start + sampled] = mean, deviation
            n_evals[start + sampled] = rounds * plan.evals_per_round
    return _as_attribution(game, values, error, base, exact, n_evals)


class _Plan:
    """The budget of a call, spelled out."""

    def __init__(self, game, method, max_evals, tol, memory_budget):
        self.method = method
        n_background, n_players = len(game.background_weight), game.n_players
        self.evals_per_round = 2 * n_players * n_background
        self.max_evals = DEFAULT_EVALS * n_background if max_evals is None else max_evals
        rounds = int(self.max_evals // self.evals_per_round)
        if max_evals is None and tol is None:
            rounds = DEFAULT_ROUNDS
        self.max_rounds = max(rounds, least_rounds(n_background))
        per_row = game.bytes_per_row() + n_players * n_background
        if method != "exact":
            per_row += 8 * 3 * game.n_channels * n_players * n_background
        self.rows_at_once = max(1, int(memory_budget // per_row))

    def exact_rows(self, differs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coalitions that exactness costs each row and whether it is chosen."""
        n_differ = differs.sum(axis=0)
        most = int(n_differ.max(initial=0))
        cost = np.exp2(n_differ.astype(float)).sum(axis=1)
        chosen = np.ones(len(cost), dtype=bool)
        if self.method == "auto":
            chosen = (cost <= self.max_evals) & (n_differ.max(axis=1) <= MAX_EXACT_PLAYERS)
        elif most > MAX_EXACT_PLAYERS:
            raise ValueError(
                f"method='exact' enumerates up to {MAX_EXACT_PLAYERS} players that differ "
                f"from a background row, got {most}; use method='permutation' or 'auto', "
                "or join features into groups"
            )
        return np.where(chosen, cost, 0).astype(np.int64), chosen


def _enumerate(chunk, differs: np.ndarray, memory_budget: int) -> np.ndarray:
    """Return exact values (n, n_channels, M) of the pairs in which any player differs."""
    game = chunk.game
    n_players, n = differs.shape[:2]
    values = np.zeros((game.n_channels, n * n_players))
    n_differ = differs.sum(axis=0)
    for m in np.unique(n_differ[n_differ > 0]):
        rows, others = np.nonzero(n_differ == m)
        fitting = memory_budget // (8 * game.states_per_coalition() * 2 ** int(m))
        step = int(np.clip(min(fitting, MAX_PAIRS), 1, None))
        for start in range(0, len(rows), step):
            i, b = rows[start : start + step], others[start : start + step]
            players = np.nonzero(differs[:, i, b].T)[1].reshape(-1, m).T
            phi = chunk.exact_block(i, b, players)
            phi *= game.background_weight[b]
            target = (i * n_players + players).ravel()
            for channel, part in zip(values, phi.reshape(len(phi), -1), strict=True):
                np.add.at(channel, target, part)
    return values.reshape(game.n_channels, n, n_players).swapaxes(0, 1)


def _as_attribution(game, values, error, base, exact, n_evals) -> Attribution:
    """Split channels into the fields of the result."""
    c = game.n_outputs
    parts = [np.ascontiguousarray(values[:, k : k + c].swapaxes(1, 2)) for k in (0, c, 2 * c)]
    spread: list = [None] * 3
    if not exact.all():
        spread = [
            np.ascontiguousarray(error[:, k : k + c].swapaxes(1, 2)) for k in (0, c, 2 * c)
        ]
    if game.n_channels == c:
        return Attribution(parts[0], base, spread[0], exact, n_evals)
    return Attribution(
        parts[0], base, spread[0], exact, n_evals, parts[1], parts[2], spread[1], spread[2]
    )

"""Permutation chains: unbiased Shapley values with standard errors, for many players.

A chain adds the players to z in a random order until it is x; what each adds averages to
its Shapley value (Castro, Gomez and Tejada 2009), and a chain and its reverse together have
less variance (Mitchell et al. 2022). One *round* gives every background row one such pair
for every explained row, so a round's values sum to f(x) - E f exactly, by telescoping.

The estimand is the Shapley value for the *given* background: every background row is
visited equally often, so only the orders are random, and the background rows are strata.
With weights w_b, rounds r and the variance s_b^2 over the rounds of background row b,

    standard error^2 = sum_b w_b^2 s_b^2 / r,

unbiased from two rounds on (how far background rows lie apart does not enter). Few
background rows need more rounds, or the standard error itself is too rough for normal
intervals: with 30 rows and two rounds, 95 % intervals cover 90 %. `least_rounds` asks for B
(r - 1) degrees of freedom.

Row i draws from its own stream (a counter-based generator keyed by the seed, its counter
starting at i), so results do not depend on chunks, and different rows have independent
errors.

References
----------
Castro, Gomez, Tejada (2009), Polynomial calculation of the Shapley value based on sampling.
Mitchell, Cooper, Frank, Holmes (2022), Sampling permutations for Shapley value estimation.
Cochran (1977), Sampling Techniques, chapter 5 (stratified random sampling).
"""

from __future__ import annotations

from math import ceil

import numpy as np

#: Degrees of freedom that a standard error has at least.
MIN_DEGREES = 150
#: States (places in a chain times pairs) evaluated at once: with fewer, NumPy's calls have
#: too little to do; with more, they leave the cache.
CHAIN_BLOCK = 16384


def least_rounds(n_background: int) -> int:
    """Return the rounds that a standard error needs, two or more."""
    return 1 + max(1, ceil(MIN_DEGREES / n_background))


def chain_values(chunk, rows, first_row, key, max_rounds, tol):
    """Return mean (n, channels, M), standard error of the same shape and rounds (n,)."""
    weight = chunk.game.background_weight
    n_players, n_channels = chunk.game.n_players, chunk.game.n_channels
    streams = [np.random.Philox(key=key, counter=[0, 0, 0, first_row + i]) for i in rows]
    mean = np.zeros((len(rows), n_channels, n_players, len(weight)))
    square = np.zeros_like(mean)
    rounds = np.zeros(len(rows), dtype=int)
    min_rounds = least_rounds(len(weight))
    active = np.arange(len(rows))
    while active.size:
        rounds[active] += 1
        _play_round(chunk, rows, active, streams, rounds[active[0]], mean, square)
        if rounds[active[0]] >= max_rounds:
            break
        if tol is not None and rounds[active[0]] >= min_rounds:
            unsettled = ~_is_settled(mean, square, weight, rounds, active, tol, chunk.game)
            active = active[unsettled]
    error = np.sqrt(square @ weight**2 / ((rounds - 1) * rounds)[:, None, None])
    return mean @ weight, error, rounds


def _play_round(chunk, rows, active, streams, n_rounds, mean, square) -> None:
    """Add a pair of chains per row and background row to the moments (Welford)."""
    n_background, n_players = mean.shape[3], mean.shape[2]
    n_pairs = max(1, CHAIN_BLOCK // (n_players + 1))
    rows_at_once = max(1, n_pairs // n_background)
    for start in range(0, len(active), rows_at_once):
        block = active[start : start + rows_at_once]
        for first in range(0, n_background, n_pairs):
            others = slice(first, min(first + n_pairs, n_background))
            width = others.stop - others.start
            order = _orders([streams[i] for i in block], width, n_players)
            added = chunk.chain_block(rows[block], others, order)
            flat = np.empty((len(added), order.size))
            flat[:, order] = added
            by_player = flat.reshape(len(added), n_players, len(block), width)
            by_player = by_player.transpose(2, 0, 1, 3)
            for i, values in zip(block, by_player, strict=True):
                center = mean[i, :, :, others]
                values -= center
                center += values / n_rounds
                values *= values
                values *= (n_rounds - 1) / n_rounds
                square[i, :, :, others] += values


def _orders(streams, width: int, n_players: int) -> np.ndarray:
    """Return a random order per pair, (M, n_pairs): player * n_pairs + pair."""
    keys = np.concatenate([s.random_raw(width * n_players) for s in streams])
    keys = keys.reshape(-1, n_players)
    bits = np.uint64(2 ** int(n_players).bit_length() - 1)
    keys &= ~bits
    keys |= np.arange(n_players, dtype=np.uint64)
    keys.sort(axis=1)
    keys &= bits
    order = np.ascontiguousarray(keys.T).view(np.int64)
    order *= len(keys)
    order += np.arange(len(keys))
    return order


def _is_settled(mean, square, weight, rounds, active, tol, game) -> np.ndarray:
    """Return which rows have a relative standard error (L2 over players) of at most tol."""
    total = slice(0, game.n_outputs)
    n_rounds = rounds[active[0]]
    values = mean[active, total] @ weight
    variance = square[active, total] @ weight**2 / ((n_rounds - 1) * n_rounds)
    return (variance.sum(axis=2) <= tol**2 * (values**2).sum(axis=2)).all(axis=1)

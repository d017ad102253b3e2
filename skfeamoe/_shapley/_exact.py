"""Exact Shapley values of many small games at once: enumerate by doubling, fold, done.

Of the M players of a pair (x, z) only the m whose scores differ can matter, so a pair is a
game of m players with 2^m coalitions. Subset S of the m players is the integer whose bit j
says that player j is in it, and its state is the base state combined with the steps of its
players: the states of 2^j subsets give those of 2^(j+1) by one vector operation. With

    c_s = 1 / (m C(m-1, s)) for s < m, c_m = c_{-1} = 0,
    y(S) = v(S) (c_{|S|-1} + c_{|S|}),    offset = sum_S v(S) c_{|S|},

phi_j = sum_{S with j} y(S) - offset, because c_{|S|-1} weighs v(S) where j joins and
c_{|S|} where it does not (Shapley 1953). `shares_of_parts` does games of different sizes at
once, in parts of 2^LOWER coalitions. In a part c depends on the number of lower players only,
so a product with a matrix of 0 and 1 gives all sums that are needed. `fold` does games of one
size: summing the halves of y onto each other from j = m-1 to 0 gives all m sums in O(2^m).

Arrays end in the axis of pairs, so that inner loops are contiguous.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import comb

import numpy as np

#: Most players that may differ in one pair.
MAX_EXACT_PLAYERS = 20
#: Players that are enumerated within a part of a pair's coalitions.
LOWER = 6
#: Scores of all parts that are evaluated at once, which keeps work arrays in the cache, and
#: parts at least, which keeps calls few.
WIDTH, FEWEST_PARTS = 1280, 32


def doubled(base: np.ndarray, steps: np.ndarray, combine: np.ufunc) -> np.ndarray:
    """Return the states of all subsets, (R, 2^m, P), of base (R, P) and steps (R, m, P)."""
    n_scores, m, n_pairs = steps.shape
    states = np.empty((2**m, n_scores, n_pairs))
    states[0] = base
    for j in range(m):
        half = 2**j
        combine(states[:half], steps[:, j], out=states[half : 2 * half])
    return states.swapaxes(0, 1)


def values_of_parts(base, steps, head) -> np.ndarray:
    """Return the values of the lower players' coalitions, (n_outputs, 2^LOWER, Q)."""
    halves = slice(head.n_experts), slice(head.n_experts, None)
    return head.values(*(doubled(base[half], steps[half], head.combine) for half in halves))


def shares_of_parts(base, steps, n_differ, head) -> tuple[np.ndarray, np.ndarray]:
    """Return what parts add to Shapley values, (n_outputs, m, Q), and whose they are, (Q,).

    `base` (R, P) and `steps` (R, m, P) are scores. Pair p has n_differ[p] <= m players, which
    come first; the steps of the others are 0. Pairs are cut into *parts* of 2^LOWER coalitions
    each: which of the players from number LOWER on are in is fixed in a part, so all parts
    are alike and few calls do them all.
    """
    base, steps = head.encode(base), head.encode(steps)
    pair = np.arange(len(n_differ))
    within = np.zeros((steps.shape[1] - LOWER, len(pair)), dtype=bool)
    for j in range(LOWER, steps.shape[1]):
        split = np.flatnonzero(n_differ[pair] > j)
        joined = head.combine(base[:, split], steps[:, j].take(pair[split], axis=1))
        base = np.concatenate([base, joined], axis=1)
        pair = np.concatenate([pair, pair[split]])
        within = np.concatenate([within, within[:, split]], axis=1)
        within[j - LOWER, len(pair) - len(split) :] = True
    steps = np.ascontiguousarray(steps[:, :LOWER])
    sums = np.empty((head.n_outputs, (LOWER + 1) ** 2, len(pair)))
    n_parts = max(WIDTH // len(base), FEWEST_PARTS)
    for start in range(0, len(pair), n_parts):
        part = slice(start, start + n_parts)
        values = values_of_parts(base[:, part], steps.take(pair[part], axis=2), head)
        np.matmul(_sums_by_size(), values, out=sums[:, :, part])
    return _shares(sums, within, n_differ[pair]), pair


def _shares(sums: np.ndarray, within: np.ndarray, n_differ: np.ndarray) -> np.ndarray:
    """Return what parts add to Shapley values, (n_outputs, m, Q), from sums of their values.

    `within` (m - LOWER, Q) says which of the upper players are in.
    """
    sums = sums.reshape(len(sums), LOWER + 1, LOWER + 1, -1)
    weights = _weights_by_size().take(MAX_EXACT_PLAYERS * n_differ + within.sum(axis=0), axis=0)
    offset = np.einsum("csq,qs->cq", sums[:, 0], weights[:, 0])
    total = np.einsum("cjsq,qs->cjq", sums, weights[:, 1])
    joined = np.concatenate([total[:, 1:], np.where(within, total[:, :1], 0.0)], axis=1)
    return joined - offset[:, None]


@cache
def _sums_by_size() -> np.ndarray:
    """Return 0 or 1: is a coalition of the lower players of a size, and with a player in it.

    Rows are (any or player j) x size, columns coalitions.
    """
    coalitions = np.arange(2**LOWER)
    with_player = [np.ones_like(coalitions), *((coalitions >> j) & 1 for j in range(LOWER))]
    of_size = coalition_sizes(LOWER) == np.arange(LOWER + 1)[:, None]
    return (np.array(with_player)[:, None] * of_size).reshape(-1, 2**LOWER).astype(float)


@cache
def _weights_by_size() -> np.ndarray:
    """Return c_s and c_{s-1} + c_s for s = u..u + LOWER, (players x u, 2, LOWER + 1).

    u is the number of upper players in a part. Games of fewer players than LOWER are filled up.
    """
    weights = np.zeros((MAX_EXACT_PLAYERS + 1, MAX_EXACT_PLAYERS, 2, LOWER + 1))
    for n_players in range(MAX_EXACT_PLAYERS + 1):
        outside = join_weights(max(n_players, LOWER))
        either = outside + np.concatenate([[0.0], outside[:-1]])
        for upper in range(len(outside) - LOWER):
            weights[n_players, upper, 0] = outside[upper : upper + LOWER + 1]
            weights[n_players, upper, 1] = either[upper : upper + LOWER + 1]
    return weights.reshape(-1, 2, LOWER + 1)


def enumerate_parts(base, steps, head) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and, for each player, what swapping gate and experts makes of them.

    The second array (n_outputs, m, P) is chi_j = sum_S w_S [v(gate S, experts S+j) -
    v(gate S+j, experts S)]; half of phi_j + chi_j is the expert part, half of phi_j - chi_j
    the routing part.
    """
    m, n_pairs = steps.shape[1:]
    states = doubled(head.encode(base), head.encode(steps), head.combine)
    gate, expert = head.split(states[: head.n_experts], states[head.n_experts :])
    values = head.join(gate, expert)
    swaps = np.empty((len(values), m, n_pairs))
    joining = join_weights(m)
    for j in range(m):
        shape = (2 ** (m - 1 - j), 2, 2**j, n_pairs)
        gates, experts = gate.reshape(-1, *shape), expert.reshape(*expert.shape[:2], *shape)
        swap = head.join(gates[:, :, 0], experts[:, :, :, 1])
        swap -= head.join(gates[:, :, 1], experts[:, :, :, 0])
        sizes = coalition_sizes(m).reshape(shape[:3])[:, 0]
        swaps[:, j] = np.einsum("chlp,hl->cp", swap, joining[sizes])
    return values, swaps


def coalition_sizes(m: int) -> np.ndarray:
    """Return |S| of all 2^m subsets."""
    return np.bitwise_count(np.arange(2**m)).astype(np.intp)


def join_weights(m: int) -> np.ndarray:
    """Return c_0..c_m: the weight of a coalition of each size for a player outside it."""
    return np.array([1 / (m * comb(m - 1, s)) for s in range(m)] + [0.0])


@lru_cache(maxsize=MAX_EXACT_PLAYERS + 1)
def _weights_of_coalitions(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return c_|S| of every coalition, and c_{|S|-1} + c_|S|."""
    outside = join_weights(m)
    inside = np.concatenate([[0.0], outside[:-1]])
    sizes = coalition_sizes(m)
    return outside[sizes], (inside + outside)[sizes]


def fold(values: np.ndarray) -> np.ndarray:
    """Return Shapley values (n_outputs, m, P) of values (n_outputs, 2^m, P)."""
    n_outputs, n_subsets, n_pairs = values.shape
    m = n_subsets.bit_length() - 1
    outside, either = _weights_of_coalitions(m)
    offset = outside @ values
    y = values * either[:, None]
    phi = np.empty((n_outputs, m, n_pairs))
    for j in reversed(range(m)):
        lower, upper = y[:, : 2**j], y[:, 2**j : 2 ** (j + 1)]
        np.subtract(upper.sum(axis=1), offset, out=phi[:, j])
        lower += upper
    return phi

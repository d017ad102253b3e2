"""Exact Shapley values of many small games at once: enumerate by doubling, fold, done.

Of the M players of a pair (x, z) only the m whose scores differ can matter, so a pair is a
game of m players with 2^m coalitions. Subset S of the m players is the integer whose bit j
says that player j is in it, and its state is the base state combined with the steps of its
players: the states of 2^j subsets give those of 2^(j+1) by one vector operation. With

    c_s = 1 / (m C(m-1, s)) for s < m, c_m = c_{-1} = 0,
    y(S) = v(S) (c_{|S|-1} + c_{|S|}),    offset = sum_S v(S) c_{|S|},

phi_j = sum_{S with j} y(S) - offset, because c_{|S|-1} weighs v(S) where j joins and
c_{|S|} where it does not (Shapley 1953). Summing the halves of y onto each other from j =
m-1 to 0 gives all m sums in O(2^m) instead of O(m 2^m).

Arrays end in the axis of pairs, so that inner loops are contiguous.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np

#: Most players that may differ in one pair: 2^20 coalitions take 8 MB a pair and output.
MAX_EXACT_PLAYERS = 20
#: Coalitions times pairs that are evaluated at once: keeps the work arrays in cache.
SLAB = 8192


def doubled(base: np.ndarray, steps: np.ndarray, combine: np.ufunc) -> np.ndarray:
    """Return the states of all subsets, (R, 2^m, P), of base (R, P) and steps (R, m, P)."""
    n_scores, m, n_pairs = steps.shape
    states = np.empty((n_scores, 2**m, n_pairs))
    states[:, 0] = base
    for j in range(m):
        half = 2**j
        combine(states[:, :half], steps[:, j, None], out=states[:, half : 2 * half])
    return states


def enumerate_values(base, steps, head, n_outputs: int) -> np.ndarray:
    """Return the value of every coalition, (n_outputs, 2^m, P), from scores."""
    m, n_pairs = steps.shape[1:]
    base, steps = head.encode(base), head.encode(steps)
    low = min(m, max(SLAB // n_pairs, 1).bit_length() - 1)
    lower = doubled(base, steps[:, :low], head.combine)
    if low == m:
        return head.values(lower)
    neutral = np.full_like(base, head.combine.identity)
    upper = doubled(neutral, steps[:, low:], head.combine)
    values = np.empty((n_outputs, 2**m, n_pairs))
    state = np.empty_like(lower)
    for h in range(upper.shape[1]):
        head.combine(lower, upper[:, h, None], out=state)
        values[:, h << low : (h + 1) << low] = head.values(state)
    return values


def enumerate_parts(base, steps, head) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and, for each player, what swapping gate and experts makes of them.

    The second array (n_outputs, m, P) is chi_j = sum_S w_S [v(gate S, experts S+j) -
    v(gate S+j, experts S)]; half of phi_j + chi_j is the expert part, half of phi_j - chi_j
    the routing part.
    """
    m, n_pairs = steps.shape[1:]
    states = doubled(head.encode(base), head.encode(steps), head.combine)
    gate, expert = head.split(states)
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

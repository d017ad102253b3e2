"""The chains of `_game` once more, as loops for numba to compile.

An option (`engine="numba"`), never a default: the values are those of the NumPy path up to
rounding (both are tested against each other), in half of the time for 100 players and three
quarters of it for 30 (`python -m benchmarks shapley`), after some seconds of compilation. Rows
that are exact gain nothing. numba is imported when the first chain is compiled. It comes with
shap.

What is gained: a state's numbers stay in registers and the nearest cache from one place of a
chain to the next, where NumPy sends every intermediate array through memory; and the reverse
chain multiplies steps up from the other end, where NumPy divides.
"""

from __future__ import annotations

from functools import cache, partial
from math import log

import numpy as np

from skfeamoe._optional import optional


def play_chains(
    read,
    read_log_odds,
    own,
    other,
    none,
    rows,
    first,
    width,
    order,
    n_experts,
    n_outputs,
    log_odds,
):
    """Return what players add along chains and their reverses, (n_outputs, M, P).

    `own` (n, M, R) and `other` (B, M, R) are the encoded contributions, `none` (P, R) the
    encoded empty coalitions; pair p is of row `rows[p // width]` and background row
    `first + p % width`; `order` (M, P) holds player * P + pair.
    """
    n_players, n_pairs = order.shape
    n_scores = own.shape[2]
    added = np.empty((n_outputs, n_players, n_pairs))
    states = np.empty((n_scores, n_players + 1))
    state = np.empty(n_scores)
    values = np.empty((n_outputs + 2, n_players + 1))
    for p in range(n_pairs):
        mine, theirs = own[rows[p // width]], other[first + p % width]
        for direction in range(2):
            for r in range(n_scores):
                state[r] = none[p, r]
                states[r, 0] = state[r]
            for step in range(n_players):
                t = step if direction == 0 else n_players - 1 - step
                j = order[t, p] // n_pairs
                for r in range(n_scores):
                    state[r] *= mine[j, r] * theirs[j, r]
                for r in range(n_scores):
                    states[r, step + 1] = state[r]
            read(read_log_odds, states, n_experts, n_outputs, log_odds, values)
            for c in range(n_outputs):
                for step in range(n_players):
                    gain = 0.5 * (values[c, step + 1] - values[c, step])
                    if direction == 0:
                        added[c, step, p] = gain
                    else:
                        added[c, n_players - 1 - step, p] += gain
    return added


def read_chain(read_log_odds, states, n_experts, n_outputs, log_odds, values):
    """Write the outputs of the states (R, T) of a chain to values (n_outputs + 2, T).

    The last two rows are for sums. Loops run along the chain, so that the divisions of
    several places are one vector instruction.
    """
    n_places = states.shape[1]
    total, norm = values[n_outputs], values[n_outputs + 1]
    values[:] = 0.0
    for k in range(n_experts):
        first = n_experts + k * n_outputs
        if n_outputs == 1:
            for t in range(n_places):
                part = states[k, t] / (1.0 + states[first, t])
                values[0, t] += part
                norm[t] += part * states[first, t]
                total[t] += states[k, t]
        else:
            norm[:] = 0.0
            for c in range(n_outputs):
                for t in range(n_places):
                    norm[t] += states[first + c, t]
            for t in range(n_places):
                norm[t] = states[k, t] / norm[t]
                total[t] += states[k, t]
            for c in range(n_outputs):
                for t in range(n_places):
                    values[c, t] += norm[t] * states[first + c, t]
    if not log_odds:
        for c in range(n_outputs):
            for t in range(n_places):
                values[c, t] /= total[t]
    elif n_outputs == 1:
        for t in range(n_places):
            values[0, t] = log(values[0, t]) - log(norm[t])
    else:
        read_log_odds(values, n_outputs, n_places)


def _read_log_odds(values, n_outputs, n_places):
    """Turn the classes' sums into the log-odds of each class against all others."""
    for t in range(n_places):
        before = 0.0
        for c in range(n_outputs):
            after = 0.0
            for d in range(c + 1, n_outputs):
                after += values[d, t]
            mine = values[c, t]
            values[c, t] = log(mine) - log(before + after)
            before += mine


@cache
def compiled_chains():
    """`play_chains`, compiled."""
    numba = optional("numba", extra=None, purpose="engine='numba'")
    compiled = numba.njit(error_model="numpy")
    return partial(compiled(play_chains), compiled(read_chain), compiled(_read_log_odds))

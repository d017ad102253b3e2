"""Slow and plain: what the fast code must agree with. Shares no code with it."""

from itertools import combinations
from math import factorial

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

from skfeamoe._shapley import Mixture


def random_mixture(rng, n_experts, n_classes, n_features, scale=1.0) -> Mixture:
    n_outputs = 1 if n_classes == 2 else n_classes
    return Mixture(
        scale * rng.normal(size=(n_experts, n_features)),
        scale * rng.normal(size=n_experts),
        scale * rng.normal(size=(n_experts, n_outputs, n_features)),
        scale * rng.normal(size=(n_experts, n_outputs)),
    )


def one_hot_data(rng, n, widths=(3, 2, 4), n_numeric=2):
    """Return rows of numeric columns followed by one-hot blocks, and their players."""
    blocks = [np.round(rng.normal(size=(n, n_numeric)), 1)]
    players, start = [[j] for j in range(n_numeric)], n_numeric
    for width in widths:
        blocks.append(np.eye(width)[rng.integers(width, size=n)])
        players.append(list(range(start, start + width)))
        start += width
    return np.hstack(blocks), players


def log_class_proba(mixture: Mixture, X, gate_X=None):
    """Return log f (n, n_classes); `gate_X` are the rows that the gate sees."""
    gate_X = X if gate_X is None else gate_X
    log_gate = log_softmax(gate_X @ mixture.gate_coef.T + mixture.gate_intercept, axis=1)
    margin = np.einsum("kcd,nd->nkc", mixture.expert_coef, X) + mixture.expert_intercept
    if margin.shape[2] == 1:
        log_expert = np.concatenate([log_expit(-margin), log_expit(margin)], axis=2)
    else:
        log_expert = log_softmax(margin, axis=2)
    return logsumexp(log_gate[:, :, None] + log_expert, axis=1)


def outputs(mixture: Mixture, X, output, gate_X=None):
    """Return the explained output (n, n_outputs); class 1 alone for two classes."""
    log_f = log_class_proba(mixture, X, gate_X)
    n_classes = log_f.shape[1]
    if output == "log_odds":
        others = [logsumexp(np.delete(log_f, c, axis=1), axis=1) for c in range(n_classes)]
        values = log_f - np.column_stack(others)
    else:
        values = np.exp(log_f)
    return values[:, 1:] if mixture.expert_coef.shape[1] == 1 else values


def margins(mixture: Mixture, X, gate_X):
    """Return the margins of X mixed by the gate of gate_X, (n, n_outputs)."""
    gate = np.exp(log_softmax(gate_X @ mixture.gate_coef.T + mixture.gate_intercept, axis=1))
    margin = np.einsum("kcd,nd->nkc", mixture.expert_coef, X) + mixture.expert_intercept
    return np.einsum("nk,nkc->nc", gate, margin)


def value_function(mixture, game, output):
    """Return f(rows, the explained row) -> (n, n_outputs) for a game."""

    def held(X, x):
        return np.repeat(x[None], len(X), axis=0)

    return {
        "interventional": lambda X, x: outputs(mixture, X, output),
        "gate_frozen_margin": lambda X, x: margins(mixture, X, held(X, x)),
        "gate_frozen_probability": lambda X, x: outputs(mixture, X, output, held(X, x)),
    }[game]


def brute_force(value, x, background, players, weight=None):
    """Return Shapley values (M, n_outputs) from the definition, every coalition in turn."""
    n_players = len(players)

    def coalition(S):
        mixed = background.copy()
        for j in S:
            mixed[:, players[j]] = x[players[j]]
        return np.average(value(mixed, x), axis=0, weights=weight)

    worth = {
        frozenset(S): coalition(S)
        for size in range(n_players + 1)
        for S in combinations(range(n_players), size)
    }
    phi = np.zeros((n_players, len(worth[frozenset()])))
    for j in range(n_players):
        for S, v in worth.items():
            if j not in S:
                share = factorial(len(S)) * factorial(n_players - len(S) - 1)
                phi[j] += share / factorial(n_players) * (worth[S | {j}] - v)
    return phi


def brute_force_parts(mixture, x, background, players, output):
    """Return the expert part (M, n_outputs): Owen values of the experts' halves."""
    n_players = len(players)

    def mixed(S):
        rows = background.copy()
        for j in S:
            rows[:, players[j]] = x[players[j]]
        return rows

    def worth(gate_S, expert_S):
        return outputs(mixture, mixed(expert_S), output, mixed(gate_S)).mean(axis=0)

    expert = np.zeros((n_players, outputs(mixture, background[:1], output).shape[1]))
    for j in range(n_players):
        rest = [i for i in range(n_players) if i != j]
        for size in range(n_players):
            share = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            for S in combinations(rest, size):
                with_j = (*S, j)
                first = worth(S, with_j) - worth(S, S)
                second = worth(with_j, with_j) - worth(with_j, S)
                expert[j] += share * 0.5 * (first + second)
    return expert

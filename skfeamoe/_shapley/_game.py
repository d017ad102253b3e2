"""The mixture as a game: linear scores of rows, background and players, and their values.

All scores of a coalition are linear, u(S) = u(z) + sum_{j in S} (P_j(x) - P_j(z)), so a
chunk of rows needs only its P_j(x). Contributions are centered at their background mean,
and what softmax cannot see (the mean over experts or classes) is taken out of the
coefficients; neither changes a value. Of networks these are the scores that enter the first
hidden layer. A pair is *extreme* where some score may leave
[-SAFE_SCORE, SAFE_SCORE]; such pairs take log space, all others products of exponentials.

A game held at the gate of x is the same game with no gate coefficients and log g_k(x) as a
gate intercept of its own for each row.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ._compiled import compiled_chains
from ._exact import LOWER, enumerate_parts, fold, shares_of_parts
from ._heads import SAFE_SCORE
from ._mixtures import Mixture, Networks, log_gate
from ._players import contributions

GAMES = ("interventional", "gate_frozen_margin", "gate_frozen_probability")
OUTPUTS = ("probability", "log_odds")
ENGINES = ("numpy", "numba")
#: Parts of pairs that are prepared at once, if there are more than those of one pair.
MOST_PARTS = 4096


class MixtureGame:
    """What does not depend on the explained rows: the background's scores and the heads."""

    def __init__(
        self,
        mixture: Mixture | Networks,
        background,
        weight,
        owner,
        frozen,
        output,
        decompose,
        engine,
    ):
        self.mixture, self.owner, self.frozen, self.decompose = (
            mixture,
            owner,
            frozen,
            decompose,
        )
        self.compiled = engine == "numba" and not decompose
        self.log_odds = output == "log_odds"
        self.product_head, self.log_head = mixture.heads(output)
        self.n_experts, self.n_outputs = self.log_head.n_experts, self.log_head.n_outputs
        self.weights, intercept = mixture.scores()
        if frozen:
            self.weights[:, : self.n_experts] = 0.0
            intercept[: self.n_experts] = 0.0
        self.is_sparse = sp.issparse(background)
        scores = contributions(background, owner, self.weights)
        self.background_weight, scores = _merge_equal_rows(weight, scores)
        self.center_of_player = scores @ self.background_weight
        self.padded = _with_nobody(scores - self.center_of_player[:, :, None])
        self.scores = self.padded[:, :-1]
        self.center = mixture.centered(intercept + self.center_of_player.sum(axis=1))
        self.offset = self.center[:, None] + self.scores.sum(axis=1)
        self.reach = np.abs(self.scores).sum(axis=1)
        self.n_players = scores.shape[1]
        self.base = self.log_head.values(*self.halves(self.offset)) @ self.background_weight
        self.n_channels = self.n_outputs * (3 if decompose else 1)
        self.in_parts = not decompose

    def halves(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of the gate and those of the experts."""
        return states[: self.n_experts], states[self.n_experts :]

    def bytes_per_row(self) -> int:
        """Return what one row of a chunk keeps in memory, up to a small factor."""
        return 8 * 4 * self.weights.shape[1] * (self.n_players + len(self.background_weight))

    def states_per_coalition(self) -> int:
        """Return how many numbers a coalition of a pair holds during enumeration."""
        return (4 * self.weights.shape[1] if self.decompose else 1) + 3 * self.n_outputs

    def chunk(self, X) -> MixtureChunk:
        """Return the game of some rows."""
        return MixtureChunk(self, X)


class MixtureChunk:
    """The game of some rows against every background row."""

    def __init__(self, game: MixtureGame, X):
        self.game = game
        self._memory: dict[str, np.ndarray] = {}
        if sp.issparse(X) != game.is_sparse:
            X = sp.csr_array(X) if game.is_sparse else X.toarray()
        scores = contributions(X, game.owner, game.weights)
        self.padded = _with_nobody(scores - game.center_of_player[:, :, None])
        self.scores = self.padded[:, :-1]
        self.offset = np.zeros((len(game.center), X.shape[0]))
        if game.frozen:
            self.offset[: game.n_experts] = log_gate(game.mixture, X)
        self.reach = np.abs(self.scores).sum(axis=1) + np.abs(
            self.offset + game.center[:, None]
        )

    def _scratch(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array to write in; blocks take turns in the same memory."""
        size = int(np.prod(shape))
        if name not in self._memory or self._memory[name].size < size:
            self._memory[name] = np.empty(size)
        return self._memory[name][:size].reshape(shape)

    def _encoded(self, head) -> tuple[np.ndarray, np.ndarray]:
        """Return encoded P(x) and -P(z); where clipping bites, the head is not used."""
        name = f"own {head.combine.__name__}"
        if name not in self._memory:
            bound = SAFE_SCORE if head is self.game.product_head else np.inf
            self._memory[name] = head.encode(np.clip(self.scores, -bound, bound))
            self._memory[f"other {name}"] = head.encode(
                np.clip(-self.game.scores, -bound, bound)
            )
        return self._memory[name], self._memory[f"other {name}"]

    def differs(self) -> np.ndarray:
        """Return which players differ, bool (M, n, B)."""
        own, other = self.scores, self.game.scores
        differs = np.zeros((own.shape[1], own.shape[2], other.shape[2]), dtype=bool)
        for u, v in zip(own, other, strict=True):
            differs |= u[:, :, None] != v[:, None, :]
        return differs

    def base_values(self) -> np.ndarray:
        """Return the value of the empty coalition, (n, n_outputs)."""
        game = self.game
        if not game.frozen:
            return np.broadcast_to(game.base, (self.scores.shape[2], len(game.base)))
        scores = self.offset[:, :, None] + game.offset[:, None, :]
        return (game.log_head.values(*game.halves(scores)) @ game.background_weight).T

    def _head(self, rows: np.ndarray, others: np.ndarray):
        """Return the head that is safe for these pairs."""
        reach = self.reach[:, rows] + self.game.reach[:, others]
        return self.game.log_head if reach.max() > SAFE_SCORE else self.game.product_head

    def exact_values(self, differs: np.ndarray) -> np.ndarray:
        """Return Shapley values (n, n_outputs, M), means over the background, of many pairs.

        A pair has the players that `differs`, (M, n, B), says; without any, its values are 0.
        """
        game, (n_players, n, n_background) = self.game, differs.shape
        differs = differs.reshape(n_players, -1)
        n_differ = differs.sum(axis=0)
        reach = np.add.outer(self.reach.max(axis=0), game.reach.max(axis=0)).ravel()
        values = np.zeros((n, n_players + 1, game.n_outputs))
        for head, safe in ((game.product_head, True), (game.log_head, False)):
            pairs = np.flatnonzero((n_differ > 0) & ((reach <= SAFE_SCORE) == safe))
            n_parts = np.cumsum(1 << np.maximum(n_differ[pairs] - LOWER, 0))
            cuts = np.flatnonzero(np.diff(n_parts // MOST_PARTS)) + 1
            for block in np.split(pairs, cuts) if len(pairs) else ():
                rows, others = np.divmod(block, n_background)
                players = _in_front(differs[:, block])
                own = self.padded[:, players, rows] - game.padded[:, players, others]
                base = self.offset[:, rows] + game.offset[:, others]
                shares, pair = shares_of_parts(base, own, n_differ[block], head)
                shares *= game.background_weight[others[pair]]
                whose = (rows * (n_players + 1) + players).take(pair, axis=1).ravel()
                for c, share in enumerate(shares):
                    sums = np.bincount(whose, share.ravel(), n * (n_players + 1))
                    values[:, :, c] += sums.reshape(n, -1)
        return values[:, :-1].swapaxes(1, 2)

    def exact_block(self, rows, others, players) -> np.ndarray:
        """Return Shapley values with their parts, (n_channels, m, P), of pairs of m players."""
        game = self.game
        own = self.padded[:, players, rows] - game.padded[:, players, others]
        base = self.offset[:, rows] + game.offset[:, others]
        values, swaps = enumerate_parts(base, own, self._head(rows, others))
        return _with_parts(fold(values), swaps)

    def chain_block(self, rows, others, order) -> np.ndarray:
        """Return what players add along chains and their reverses, (n_channels, M, P).

        Pairs are the product of `rows` and the slice `others`; `order` (M, P) holds flat
        indices player * P + pair. Entry t belongs to the player at place t. The reverse
        chain's coalitions are complements, with states none * all / state.
        """
        game, n_scores = self.game, len(self.game.center)
        pair = (rows[:, None], np.arange(others.start, others.stop)[None])
        width = others.stop - others.start
        head = self._head(*pair)
        if game.compiled and head is game.product_head:
            return self._compiled_block(rows, others, order)
        steps = self._scratch("steps", (*self.scores.shape[:2], len(rows), width))
        own, other = self._encoded(head)
        head.combine(own[:, :, rows, None], other[:, :, None, others], out=steps)
        steps = steps.reshape(n_scores, -1)
        none = self.offset[:, rows, None] + game.offset[:, None, others]
        states = self._scratch("states", (2, len(order) + 1, n_scores, order.shape[1]))
        forward, reverse = states
        forward[0] = head.encode(none.reshape(n_scores, -1))
        for t, place in enumerate(order):
            steps.take(place, axis=1, out=forward[t + 1], mode="clip")
            head.combine(forward[t], forward[t + 1], out=forward[t + 1])
        head.invert(head.combine(forward[0], forward[-1]), forward, out=reverse)
        states = states.transpose(2, 0, 1, 3)
        if not game.decompose:
            values = head.values(*game.halves(states))
            return 0.5 * np.diff(values[:, 0] - values[:, 1], axis=1)
        gate, expert = head.split(*game.halves(states))
        values = head.join(gate, expert)
        swap = head.join(gate[:, :, :-1], expert[:, :, :, 1:])
        swap -= head.join(gate[:, :, 1:], expert[:, :, :, :-1])
        steps = 0.5 * np.diff(values[:, 0] - values[:, 1], axis=1)
        return _with_parts(steps, 0.5 * (swap[:, 0] - swap[:, 1]))

    def _compiled_block(self, rows, others, order) -> np.ndarray:
        """Return the same as `chain_block`, from the compiled loops."""
        game, width = self.game, others.stop - others.start
        if "own by row" not in self._memory:
            own, other = self._encoded(game.product_head)
            self._memory["own by row"] = np.ascontiguousarray(own.transpose(2, 1, 0))
            self._memory["other by row"] = np.ascontiguousarray(other.transpose(2, 1, 0))
        none = self.offset[:, rows, None] + game.offset[:, None, others]
        none = np.exp(none.reshape(len(game.center), -1).T, order="C")
        return compiled_chains()(
            self._memory["own by row"],
            self._memory["other by row"],
            none,
            rows,
            others.start,
            width,
            order,
            game.n_experts,
            game.n_outputs,
            game.log_odds,
        )


def _with_nobody(scores: np.ndarray) -> np.ndarray:
    """Return scores with one more player that adds nothing, (R, M + 1, n)."""
    return np.concatenate([scores, np.zeros_like(scores[:, :1])], axis=1)


def _in_front(differs: np.ndarray) -> np.ndarray:
    """Return the players (m, P) that differ in each pair, filled up with number n_players."""
    pair, player = np.nonzero(differs.T)
    n_differ = differs.sum(axis=0)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(n_differ) - n_differ, n_differ)
    players = np.full((max(n_differ.max(), LOWER), len(n_differ)), len(differs))
    players[place, pair] = player
    return players


def _with_parts(total: np.ndarray, swap: np.ndarray) -> np.ndarray:
    """Stack total, expert part and routing part as channels."""
    expert = 0.5 * (total + swap)
    return np.concatenate([total, expert, total - expert])


def _merge_equal_rows(weight: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return normalized weights and scores of the distinct background rows, (R, M, B)."""
    flat = scores.reshape(-1, scores.shape[2]).T
    _, first, which = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    merged = np.bincount(which.ravel(), weights=weight)
    return merged / merged.sum(), scores[:, :, first]


def frozen_margin(
    mixture: Mixture, X, mean, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return sum_k g_k(x) (P_kj(x) - P_kj(mean)) and its base values: Theorem 1.

    `mean` (1, n_features) is the background's mean, which is all that linear margins see.
    """
    n_experts, n_outputs, n_features = mixture.expert_coef.shape
    weights = mixture.expert_coef.reshape(-1, n_features).T
    gate = np.exp(log_gate(mixture, X))
    parts = contributions(X, owner, weights) - contributions(mean, owner, weights)
    parts = parts.reshape(n_experts, n_outputs, *parts.shape[1:])
    values = np.einsum("kn,kcjn->njc", gate, parts)
    at_mean = (np.asarray(mean @ weights)).reshape(n_experts, n_outputs)
    return values, gate.T @ (at_mean + mixture.expert_intercept)

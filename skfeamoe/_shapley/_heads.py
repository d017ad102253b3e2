"""From scores to outputs: the one nonlinear step, in two number systems.

A state holds K gate scores s_k and the experts' scores: for two classes -logit_k (K
numbers), for more classes the logits of each class (K * n_classes numbers). With N_c =
sum_k G_k o_kc,

    probability:  N_c / sum_k G_k              log_odds:  log N_c - log sum_{c' != c} N_c'

`ProductHead` reads states as exponentials, so that G_k and o_k need no further exp, and
`LogHead` reads the scores themselves and works with log-sum-exp throughout: it is right for
scores of any size. Log-odds never come from log(f / (1 - f)): both sums have positive
terms.

A head offers `values` of the gate's and the experts' states; `split` of these into weights
and probabilities; and `join` of those, so that the gate of one coalition can meet the experts
of another. Arrays are (scores, *shape) in and (n_outputs, *shape) out. `values` overwrites
the states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

#: Beyond exp(+-300), products of a gate and an expert term could leave float64.
SAFE_SCORE = 300.0


@dataclass(frozen=True)
class ProductHead:
    """Outputs of states that hold exp(score)."""

    n_experts: int
    n_outputs: int
    output: str
    combine: ClassVar[np.ufunc] = np.multiply
    invert: ClassVar[np.ufunc] = np.divide

    @staticmethod
    def encode(scores: np.ndarray) -> np.ndarray:
        """Turn scores into this number system, in place."""
        return np.exp(scores, out=scores)

    def values(self, gate: np.ndarray, expert: np.ndarray) -> np.ndarray:
        """Return the output of each state, (n_outputs, *shape)."""
        if self.n_outputs > 1 or self.output != "probability":
            return self.join(*self.split(gate, expert))
        expert += 1.0
        np.divide(gate, expert, out=expert)
        value = np.einsum("k...->...", expert)[None]
        value /= np.einsum("k...->...", gate)
        return value

    def split(self, gate: np.ndarray, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gate weights (K, *shape) and class probabilities (K, n_sides, *shape)."""
        if self.n_outputs > 1:
            odds = odds.reshape(self.n_experts, self.n_outputs, *odds.shape[1:])
            return gate, odds / odds.sum(axis=1, keepdims=True)
        positive = 1.0 / (1.0 + odds)
        if self.output == "probability":
            return gate, positive[:, None]
        return gate, np.stack([positive, odds * positive], axis=1)

    def join(self, gate: np.ndarray, expert: np.ndarray) -> np.ndarray:
        """Return the output of experts under a gate, (n_outputs, *shape)."""
        mixed = np.einsum("k...,kc...->c...", gate, expert)
        if self.output == "probability":
            mixed /= gate.sum(axis=0)
            return mixed
        if self.n_outputs == 1:
            np.log(mixed, out=mixed)
            return mixed[:1] - mixed[1:]
        return np.log(mixed) - np.log(_sum_of_others(mixed, np.add, 0.0))


@dataclass(frozen=True)
class _SumHead:
    """What heads share whose states hold the scores themselves, and are added."""

    n_experts: int
    n_outputs: int
    output: str
    combine: ClassVar[np.ufunc] = np.add
    invert: ClassVar[np.ufunc] = np.subtract

    @staticmethod
    def encode(scores: np.ndarray) -> np.ndarray:
        """Turn scores into this number system, in place."""
        return scores


class LogHead(_SumHead):
    """Outputs of states that hold the scores themselves."""

    def values(self, gate: np.ndarray, expert: np.ndarray) -> np.ndarray:
        """Return the output of each state, (n_outputs, *shape)."""
        return self.join(*self.split(gate, expert))

    def split(self, gate: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logs of gate weights and class probabilities, shaped as above."""
        gate = gate - _log_sum_exp(gate, 0)
        if self.n_outputs > 1:
            score = score.reshape(self.n_experts, self.n_outputs, *score.shape[1:])
            return gate, score - _log_sum_exp(score, 1)
        sides = [-np.logaddexp(0.0, score)]
        if self.output == "log_odds":
            sides.append(-np.logaddexp(0.0, -score))
        return gate, np.stack(sides, axis=1)

    def join(self, gate: np.ndarray, expert: np.ndarray) -> np.ndarray:
        """Return the output of experts under a gate, (n_outputs, *shape)."""
        if self.output == "probability":
            return np.exp(gate[:, None] + expert).sum(axis=0)
        mixed = _log_sum_exp(gate[:, None] + expert, 0)[0]
        if self.n_outputs == 1:
            return mixed[:1] - mixed[1:]
        return mixed - _sum_of_others(mixed, np.logaddexp, -np.inf)


@dataclass(frozen=True)
class NetworkHead(_SumHead):
    """Outputs of states that hold the gate's scores and what enters networks' hidden layers.

    The experts' states are those of K x n_hidden units, and the last a score that is added to
    every expert's output number `favorable`, or subtracted if it is no output.
    """

    layers: tuple  # those behind the first hidden one, weights (K, n_out, n_in) and biases
    activation: Callable
    favorable: int

    def values(self, gate: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return the output of each state, (n_outputs, *shape)."""
        shift, a = hidden[-1].reshape(-1), hidden[:-1].reshape(self.n_experts, -1, gate[0].size)
        for weight, bias in self.layers:
            a = weight @ self.activation(a) + bias[:, :, None]
        if self.n_outputs == 1:
            a += shift if self.favorable == 1 else -shift
            np.negative(a, out=a)
        else:
            a[:, self.favorable] += shift
        gate = gate - gate.max(axis=0)
        a = a.reshape(-1, *gate.shape[1:])
        safe = max(-gate.min(), np.abs(a).max()) <= SAFE_SCORE
        head = (ProductHead if safe else LogHead)(self.n_experts, self.n_outputs, self.output)
        return head.values(head.encode(gate), head.encode(a))


def _log_sum_exp(scores: np.ndarray, axis: int) -> np.ndarray:
    """Return log sum exp along an axis that is kept."""
    largest = scores.max(axis=axis, keepdims=True)
    return largest + np.log(np.exp(scores - largest).sum(axis=axis, keepdims=True))


def _sum_of_others(terms: np.ndarray, add: np.ufunc, zero: float) -> np.ndarray:
    """Return for each class the sum of all other classes, without subtraction."""
    before, after = np.full_like(terms, zero), np.full_like(terms, zero)
    for c in range(1, len(terms)):
        before[c] = add(before[c - 1], terms[c - 1])
        after[-c - 1] = add(after[-c], terms[-c])
    return add(before, after)

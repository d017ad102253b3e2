r"""Exploration: with what chance a person is granted whom the model refuses.

Who is refused never shows an outcome, so a model that learns from the granted alone learns of
a world without the refused. A person whom the model refuses is therefore granted with the
chance

.. math:: p(x) = \min\{1,\ \varepsilon\,(1 - \theta + \theta\, k(x)/\bar k)\},

and p = 1 for all others: the *propensity* of seeing the outcome. A label seen with propensity
p stands for 1/p people, which makes sums over labels unbiased for sums over all people
(Horvitz and Thompson 1952). The closeness k(x) in [0, 1] is 1 at the decision boundary, and
:math:`\bar k` its mean among the refused. :math:`\theta = 0` explores uniformly, larger values
near the margin, where outcomes cost less and tell more. Groups differ in how near they are,
so :math:`\theta` is only as large as leaves their rates of exploration among their refused,

.. math:: \varepsilon\,(1 - \theta + \theta\, \bar k_a/\bar k),

no further apart than `SAME_RATE` times :math:`\varepsilon`, and at most `MOST_TILT`, so that
nobody's chance vanishes.

References
----------
D. G. Horvitz and D. J. Thompson (1952), "A generalization of sampling without replacement from
a finite universe", JASA 47. N. Kilbertus, M. Gomez-Rodriguez, B. Schoelkopf, K. Muandet and
I. Valera (2020), "Fair decisions despite imperfect predictions", AISTATS, for why a
deterministic rule cannot learn from its own decisions.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EXPLORE = ("uniform", "margin")
"""Where people are granted to learn."""

SAME_RATE = 0.1
"""Difference between two groups' rates of exploration, as a part of the rate."""

MOST_TILT = 0.8
"""Largest part of exploration that goes to the margin: a fifth goes to everybody."""

LEAST_REFUSED = 20
"""A group's rate is known from so many refused people."""

DRAWS_PER_BLOCK = 4096


class Exploration(NamedTuple):
    """Chances of those who are refused."""

    rate: float  # epsilon
    tilt: float = 0.0  # theta
    closeness: float = 1.0  # mean closeness of the refused

    def chances(self, closeness: NDArray) -> NDArray:
        """Chance of every refused person, (n_samples,), from the closeness to the margin."""
        relative = closeness / max(self.closeness, 1e-300) if self.tilt else 1.0
        shape = np.ones(len(closeness))
        return np.minimum(self.rate * (shape - self.tilt + self.tilt * relative), 1.0)

    @classmethod
    def near_margin(cls, rate: float, closeness: NDArray, groups: NDArray) -> "Exploration":
        """As near the margin as equal rates allow, judged by refused people.

        ``groups`` are their codes, -1 = unknown. With too few refused people it is uniform.
        """
        if len(closeness) < LEAST_REFUSED or not closeness.mean() > 0.0:
            return cls(rate)
        known = groups >= 0
        counts = np.bincount(groups[known])
        sums = np.bincount(groups[known], closeness[known])
        means = sums[counts >= LEAST_REFUSED] / counts[counts >= LEAST_REFUSED]
        if known.any() and len(means) < 2:
            return cls(rate)
        mean = float(closeness.mean())
        spread = float(np.ptp(means)) / mean if len(means) else 0.0
        return cls(rate, min(SAME_RATE / max(spread, 1e-300), MOST_TILT), mean)


def uniforms(seed: int, start: int, n: int) -> NDArray:
    """Uniform draws of rows ``start`` to ``start + n``, the same whatever their batches are."""
    parts = []
    for block in range(start // DRAWS_PER_BLOCK, -(-(start + n) // DRAWS_PER_BLOCK)):
        first = block * DRAWS_PER_BLOCK
        draws = np.random.default_rng([seed, block]).random(DRAWS_PER_BLOCK)
        parts.append(draws[max(start - first, 0) : start + n - first])
    return np.concatenate(parts) if parts else np.empty(0)

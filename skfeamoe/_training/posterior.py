r"""Posterior weights: how much each generation of experts is believed now.

A gate that looks at x alone cannot notice that the *world* has changed. So the mixture keeps
a weight per generation, the experts born between two alarms, beside the gate,

.. math:: g_k(x) \propto \pi_{j(k)} \exp(s_k(x)),

with j(k) the generation of expert k. The weights follow the fixed-share rule: multiplied by
the likelihood that the generation gave to the rows of a batch, then a little of everything
is shared out evenly, so that a generation whose world returns is believed again after a few
rows. Within a generation the gate learns as ever; `within_generations` takes the part out
of its gradient that would move weight between generations by x.

References
----------
Herbster and Warmuth (1998), "Tracking the best expert", Machine Learning 32.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

SHARE_PER_ROW = 0.001
"""Part of all weight that is shared out evenly per row."""

NEWBORN_WEIGHT = 0.9
"""Part of the believed generation's weight that its copy gets: no prediction changes."""

MOST_EVIDENCE = 3.0
"""One row moves the log-weights by no more than this, however sure a generation was."""


class Posterior:
    """Weights of the generations; every update replaces arrays."""

    def __init__(self) -> None:
        self.weights = np.ones(1)  # (n_generations,), they sum to 1
        self.last_believed = np.zeros(1, dtype=np.int64)  # row when it last had half of it

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def believed(self) -> int:
        """The generation with the largest weight."""
        return int(self.weights.argmax())

    def log_prior(self, generation: NDArray) -> NDArray | None:
        """Log-weight of every expert's generation, (n_experts,); None for one generation."""
        return None if len(self.weights) == 1 else np.log(self.weights)[generation]

    def update(
        self,
        loss_gradient: NDArray,
        fairness_gradient: NDArray,
        gate_proba: NDArray,
        generation: NDArray,
        n_seen: int,
    ) -> None:
        """Fixed-share update by a batch, from the gradients of loss and fairness on the gate.

        The likelihood of generation j relative to the mixture's is H_j / G_j, the ratio of
        its responsibility, g minus the gradient of the loss, to its gate weight g. What the
        penalties of a schedule charge for it, :math:`t (q_j - q)`, is taken from the logarithm:
        a generation may be more accurate for being less fair.
        """
        n = len(self.weights)
        weight = np.maximum(totals(gate_proba, generation, n), 1e-300)
        responsibility = np.maximum(totals(gate_proba - loss_gradient, generation, n), 1e-300)
        evidence = np.log(responsibility / weight)
        evidence = evidence - totals(fairness_gradient, generation, n) / weight
        evidence = np.maximum(evidence - evidence.max(axis=1, keepdims=True), -MOST_EVIDENCE)
        log_weights = np.log(self.weights) + evidence.sum(axis=0)
        weights = np.exp(log_weights - log_weights.max())
        share = 1.0 - (1.0 - SHARE_PER_ROW) ** len(gate_proba)
        self.weights = (1.0 - share) * weights / weights.sum() + share / n
        self.last_believed = np.where(self.weights >= 0.5, n_seen, self.last_believed)

    def append(self, n_seen: int) -> None:
        """One more generation, with most of the weight of the believed one."""
        weights, believed = self.weights.copy(), self.believed
        inherited = NEWBORN_WEIGHT * weights[believed]
        weights[believed] -= inherited
        self.weights = np.append(weights, inherited)
        self.last_believed = np.append(self.last_believed, n_seen)

    def remove(self, j: int) -> None:
        """Remove generation j; the others share its weight in proportion to theirs."""
        weights = np.delete(self.weights, j)
        self.weights = weights / weights.sum()
        self.last_believed = np.delete(self.last_believed, j)

    def copy(self) -> Self:
        """The same weights; arrays are shared, as none is written into."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def merge(self, other: Self, share: float) -> None:
        """The mean, with weight ``share`` on ``other``, of weights that started as one.

        Evidence on different rows would multiply; a mean forgets more slowly than that, which
        is what a generation whose world may return asks for. It depends on the order.
        """
        if len(self) != len(other):
            raise ValueError(
                "only copies of one model can be merged, got "
                f"{len(self)} and {len(other)} generations"
            )
        self.weights = self.weights + share * (other.weights - self.weights)
        self.last_believed = np.maximum(self.last_believed, other.last_believed)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The weights that `to_dict` has written."""
        made = cls.__new__(cls)
        vars(made).update(data)
        return made


def totals(values: NDArray, generation: NDArray, n_generations: int) -> NDArray:
    """Sums over the experts of every generation, (n_samples, n_generations)."""
    return values @ (generation[:, None] == np.arange(n_generations))


def within_generations(
    d_gate: NDArray, gate_proba: NDArray, generation: NDArray, n_generations: int
) -> NDArray:
    """Gate gradient without what would move weight between generations by x."""
    sums = totals(gate_proba, generation, n_generations)
    shares = gate_proba / np.maximum(sums, 1e-300)[:, generation]
    return d_gate - shares * totals(d_gate, generation, n_generations)[:, generation]

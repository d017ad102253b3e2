r"""Room for a new expert: what a mixture can do without, by measured cost.

On rows that are kept, :math:`c = \overline{|f'(x) - f(x)|}` says what it would cost to remove
expert v. Either the softmax hands its share to all others,

.. math:: f' - f = \frac{g_v}{1 - g_v}\,(f - o_v),

or v is merged into another expert w of its generation: with a the part that v has of their
common share, all parameters become :math:`(1-a)\,\theta_w + a\,\theta_v`, and the gate's
intercept rises by the entropy of (a, 1 - a), which is exact for two gates that differ by a
constant, as those of a copy and its model do at first. The cheapest way is taken; one that
costs more than `MOST_CHANGE` is not, and the expert is not added.

References
----------
Merging two experts into one: N. Ueda, R. Nakano, Z. Ghahramani and G. E. Hinton (2000),
"SMEM algorithm for mixture models", Neural Computation 12.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.forward import forward, mixture_proba
from skfeamoe._training.ensemble import Ensemble, common_part
from skfeamoe._training.posterior import Posterior, totals

MOST_CHANGE = 0.005
"""Most that the probabilities may change by on average to make room."""

KEPT_ROWS = 500
"""Rows on which the change is measured."""

FEW_ROWS = 50
"""With fewer rows the least used expert is the one to go."""

TRIED = 4
"""Pairs that are merged on trial, the most promising ones by a first-order estimate."""

NOBODY = -1


class Removal(NamedTuple):
    """A way to make room, and what it costs."""

    change: float  # mean absolute change of the probabilities
    victim: int  # the expert that goes
    heir: int  # the expert that it is merged into, or `NOBODY`

    def apply(self, ensemble: Ensemble) -> None:
        """Remove the expert."""
        if self.heir != NOBODY:
            ensemble.absorb(self.victim, self.heir)
        ensemble.remove(self.victim)


def best_removal(ensemble: Ensemble, posterior: Posterior, Z) -> Removal | None:
    """The removal that costs least on the rows Z; None if every one costs too much."""
    if Z.shape[0] < FEW_ROWS:
        return Removal(0.0, int(np.argmin(ensemble.load)), NOBODY)
    found = cheapest_removal(ensemble, posterior, Z)
    return None if found.change > MOST_CHANGE else found


def cheapest_removal(ensemble: Ensemble, posterior: Posterior, Z) -> Removal:
    """The removal that changes the probabilities least."""
    prior = posterior.log_prior(ensemble.generation)
    fwd = forward(Z, ensemble.average, ensemble.layout, prior)
    f, gate, experts = mixture_proba(fwd), fwd.gate_proba, fwd.expert_proba
    odds = gate / np.maximum(1.0 - gate, 1e-12)
    dropped = (odds[:, :, None] * np.abs(experts - f[:, None, :])).mean(axis=(0, 2))
    victim = int(dropped.argmin())
    best = Removal(float(dropped[victim]), victim, NOBODY)
    for victim, heir in _promising(gate, experts, ensemble.generation):
        tried = ensemble.copy()
        Removal(0.0, victim, heir).apply(tried)
        merged = tried.predict(Z, posterior.log_prior(tried.generation))
        best = min(best, Removal(float(np.abs(merged - f).mean()), victim, heir))
    return best


def _promising(gate: NDArray, experts: NDArray, generation: NDArray) -> list[tuple[int, int]]:
    """Pairs (victim, heir) whose mean would say much the same as the two."""
    v, w = np.triu_indices(len(generation), 1)
    same = generation[v] == generation[w]
    v, w = v[same], w[same]
    if experts.shape[2] == 2:  # both classes move alike
        experts = experts[:, :, 1:]
    a = common_part(gate.mean(axis=0), v, w)[:, None]
    mean = a * experts[:, v] + (1.0 - a) * experts[:, w]
    moved = gate[:, v, None] * (mean - experts[:, v])
    moved += gate[:, w, None] * (mean - experts[:, w])
    order = np.abs(moved).mean(axis=(0, 2)).argsort(kind="stable")[:TRIED]
    return [(int(v[i]), int(w[i])) for i in order]


def spared_generations(ensemble: Ensemble, posterior: Posterior, Z) -> NDArray:
    """Generations besides the believed one whose removal would hardly change a prediction."""
    others = np.delete(np.arange(len(posterior)), posterior.believed)
    if len(others) == 0 or Z.shape[0] < FEW_ROWS:
        return others
    prior = posterior.log_prior(ensemble.generation)
    fwd = forward(Z, ensemble.average, ensemble.layout, prior)
    share = totals(fwd.gate_proba, ensemble.generation, len(posterior))[:, others]
    f = mixture_proba(fwd)
    changes = []
    for j, part in zip(others, share.T, strict=True):
        left = fwd.gate_proba * (ensemble.generation != j)
        rest = np.einsum("nk,nkc->nc", left, fwd.expert_proba)
        changes.append(np.abs(rest / np.maximum(1.0 - part, 1e-12)[:, None] - f).mean())
    return others[np.array(changes) <= MOST_CHANGE]

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

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture import layout as block_layout
from skfeamoe._mixture.forward import forward, mixture_proba, proba
from skfeamoe._training.recent import last_rows
from skfeamoe._training.reservoir import sample
from skfeamoe._training.state import PREDICTING, State, drop_expert, layout_of, prior_scores

MOST_CHANGE = 0.005
"""Most that the probabilities may change by on average to make room."""

KEPT_ROWS = 500
"""Rows on which the change is measured."""

FEW_ROWS = 50
"""With fewer rows the least used expert is the one to go."""

TRIED = 4
"""Pairs that are merged on trial, the most promising ones by a first-order estimate."""

NOBODY = -1


def kept_rows(state: State):
    """Rows to measure on, standardized: the last ones if they are kept, else the background."""
    if len(state["recent"]["y"]) >= FEW_ROWS:
        return last_rows(state["recent"], len(state["recent"]["y"]))[0][::2]
    X, _ = sample(state["background"])
    return state["terms"].transform(X[:: max(X.shape[0] // KEPT_ROWS, 1)])


def make_room(state: State) -> bool:
    """Remove the expert that costs least; False if every one costs too much."""
    Z = kept_rows(state)
    if Z.shape[0] < FEW_ROWS:
        drop_expert(state, int(np.argmin(state["usage"])))
        return True
    change, victim, heir = cheapest_removal(state, Z)
    if change > MOST_CHANGE:
        return False
    if heir != NOBODY:
        merge(state, victim, heir)
    drop_expert(state, victim)
    return True


def cheapest_removal(state: State, Z) -> tuple[float, int, int]:
    """Change, the expert that goes, and its heir or `NOBODY`."""
    layout, prior = layout_of(state), prior_scores(state)
    fwd = forward(Z, state["average"], layout, prior)
    f, gate, experts = mixture_proba(fwd), fwd.gate_proba, fwd.expert_proba
    odds = gate / np.maximum(1.0 - gate, 1e-12)
    dropped = (odds[:, :, None] * np.abs(experts - f[:, None, :])).mean(axis=(0, 2))
    victim = int(dropped.argmin())
    best = float(dropped[victim]), victim, NOBODY
    for victim, heir in _promising(gate, experts, state["generation"]):
        tried: State = {**state}
        merge(tried, victim, heir)
        drop_expert(tried, victim)
        merged = proba(Z, tried["average"], layout_of(tried), prior_scores(tried))
        best = min(best, (float(np.abs(merged - f).mean()), victim, heir))
    return best


def _promising(gate: NDArray, experts: NDArray, generation: NDArray) -> list[tuple[int, int]]:
    """Pairs (victim, heir) whose mean would say much the same as the two."""
    v, w = np.triu_indices(len(generation), 1)
    same = generation[v] == generation[w]
    v, w = v[same], w[same]
    a = _part(gate.mean(axis=0), v, w)[:, None]
    mean = a * experts[:, v] + (1.0 - a) * experts[:, w]
    moved = gate[:, v, None] * (mean - experts[:, v])
    moved += gate[:, w, None] * (mean - experts[:, w])
    order = np.abs(moved).mean(axis=(0, 2)).argsort(kind="stable")[:TRIED]
    return [(int(v[i]), int(w[i])) for i in order]


def _part(share: NDArray, v, w) -> NDArray:
    """Part that v has of the common share of v and w."""
    return np.clip(share[v] / np.maximum(share[v] + share[w], 1e-300), 1e-6, 1.0 - 1e-6)


def merge(state: State, victim: int, heir: int) -> None:
    """Let the heir be the mean of both, with the share of both; the victim stays as it is."""
    layout = layout_of(state)
    gone, kept = (block_layout.expert_rows(layout, k) for k in (victim, heir))
    a = float(_part(state["usage"], victim, heir))
    for name in (*PREDICTING, "memory"):
        block = state[name].copy()
        block[kept] = (1.0 - a) * block[kept] + a * block[gone]
        if name != "memory":
            block[heir, -1] -= a * np.log(a) + (1.0 - a) * np.log(1.0 - a)
        state[name] = block
    usage = state["usage"].copy()
    usage[heir] += usage[victim]
    state["usage"] = usage

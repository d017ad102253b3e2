r"""Generations: the experts born between two alarms, and how much each is believed now.

A gate that looks at x alone cannot notice that the *world* has changed. So the mixture keeps
a weight per generation beside the gate,

.. math:: g_k(x) \propto \pi_{j(k)} \exp(s_k(x)),

with j(k) the generation of expert k. The weights follow the fixed-share rule: multiplied by
the likelihood that the generation gave to the rows of a batch, then a little of everything
is shared out evenly, so that a generation whose world returns is believed again after a few
rows. Within a generation the gate learns as ever; `within_generations` takes the part out
of its slopes that would move weight between generations by x.

References
----------
Herbster and Warmuth (1998), "Tracking the best expert", Machine Learning 32.
"""

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture import layout as block_layout
from skfeamoe._mixture.forward import forward, mixture_proba
from skfeamoe._training.capacity import FEW_ROWS, MOST_CHANGE, kept_rows
from skfeamoe._training.state import (
    PREDICTING,
    State,
    drop_expert,
    layout_of,
    prior_scores,
)

SHARE_PER_ROW = 0.001
"""Part of all weight that is shared out evenly per row."""

NEWBORN_WEIGHT = 0.9
"""Part of the believed generation's weight that its copy gets: no prediction changes."""

NEWBORN_MEMORY = 0.003
"""Part of its parents' optimizer memory that a generation born of an alarm starts with."""

MOST_EVIDENCE = 3.0
"""One row moves the log-weights by no more than this, however sure a generation was."""


def n_generations(state: State) -> int:
    """Number of generations."""
    return len(state["belief"])


def _totals(values: NDArray, state: State) -> NDArray:
    """Sums over the experts of every generation, (n_samples, n_generations)."""
    return values @ (state["generation"][:, None] == np.arange(n_generations(state)))


def within_generations(d_gate: NDArray, gate_proba: NDArray, state: State) -> NDArray:
    """Gate slopes without the part that would move weight between generations by x."""
    generation = state["generation"]
    shares = gate_proba / np.maximum(_totals(gate_proba, state), 1e-300)[:, generation]
    return d_gate - shares * _totals(d_gate, state)[:, generation]


def update_belief(
    state: State, loss_slope: NDArray, fairness_slope: NDArray, gate_proba: NDArray
) -> None:
    """Fixed-share update by a batch, from the slopes of loss and fairness on the gate.

    The likelihood of generation j relative to the mixture's is H_j / G_j, the ratio of its
    responsibility, g minus the slope of the loss, to its gate weight g. What the constraints
    charge for it, :math:`t (q_j - q)`, is taken from the logarithm: after an alarm by a gap
    the old generation is more accurate for being less fair.
    """
    weight = np.maximum(_totals(gate_proba, state), 1e-300)
    responsibility = np.maximum(_totals(gate_proba - loss_slope, state), 1e-300)
    evidence = np.log(responsibility / weight) - _totals(fairness_slope, state) / weight
    evidence = np.maximum(evidence - evidence.max(axis=1, keepdims=True), -MOST_EVIDENCE)
    log_belief = np.log(state["belief"]) + evidence.sum(axis=0)
    belief = np.exp(log_belief - log_belief.max())
    share = 1.0 - (1.0 - SHARE_PER_ROW) ** len(gate_proba)
    belief = (1.0 - share) * belief / belief.sum() + share / len(belief)
    state["belief"] = belief
    state["last_believed"] = np.where(
        belief >= 0.5, state["n_samples_seen"], state["last_believed"]
    )


def add_generation(state: State, max_experts: int) -> None:
    """Copy the believed generation with a fresh memory, in place of others if need be.

    Of the generations that can be spared the one unused for longest is forgotten. If none
    can, the believed one learns fast without a copy.
    """
    believed = int(np.argmax(state["belief"]))
    parents = np.flatnonzero(state["generation"] == believed)
    while state["n_experts"] + len(parents) > max_experts:
        spared = _spared(state, believed)
        if len(spared) == 0:
            refresh(state, parents)
            return
        remove_generation(state, int(spared[state["last_believed"][spared].argmin()]))
        believed = int(np.argmax(state["belief"]))
        parents = np.flatnonzero(state["generation"] == believed)
    for parent in parents:
        layout = layout_of(state)
        rows = block_layout.expert_rows(layout, int(parent))
        for name in PREDICTING:
            copied = state[name][rows]
            state[name] = block_layout.append_expert(state[name], layout, copied)
        memory = NEWBORN_MEMORY * state["memory"][rows]
        state["memory"] = block_layout.append_expert(state["memory"], layout, memory)
        state["usage"] = np.append(state["usage"], state["usage"][parent])
        state["n_steps"] = np.append(state["n_steps"], 0.0)
        state["generation"] = np.append(state["generation"], n_generations(state))
        state["n_experts"] += 1
    state["usage"] = state["usage"] / state["usage"].sum()
    belief = state["belief"].copy()
    inherited = NEWBORN_WEIGHT * belief[believed]
    belief[believed] -= inherited
    state["belief"] = np.append(belief, inherited)
    state["last_believed"] = np.append(state["last_believed"], state["n_samples_seen"])
    state["n_added"] += len(parents)
    state["samples_at_growth"] = state["n_samples_seen"]


def _spared(state: State, believed: int) -> NDArray:
    """Generations whose removal would hardly change a prediction."""
    others = np.delete(np.arange(n_generations(state)), believed)
    Z = kept_rows(state)
    if len(others) == 0 or Z.shape[0] < FEW_ROWS:
        return others
    fwd = forward(Z, state["average"], layout_of(state), prior_scores(state))
    share = _totals(fwd.gate_proba, state)[:, others]
    f = mixture_proba(fwd)
    changes = []
    for j, part in zip(others, share.T, strict=True):
        left = fwd.gate_proba * (state["generation"] != j)
        rest = np.einsum("nk,nkc->nc", left, fwd.expert_proba)
        changes.append(np.abs(rest / np.maximum(1.0 - part, 1e-12)[:, None] - f).mean())
    return others[np.array(changes) <= MOST_CHANGE]


def refresh(state: State, experts: NDArray) -> None:
    """Let experts learn as fast as new ones, where there is no room for copies."""
    layout = layout_of(state)
    for k in experts:
        state["memory"][block_layout.expert_rows(layout, int(k))] *= NEWBORN_MEMORY
    state["n_steps"][experts] = 0.0
    state["samples_at_growth"] = state["n_samples_seen"]


def remove_generation(state: State, j: int) -> None:
    """Remove generation j; the others share its weight in proportion to theirs."""
    for k in np.flatnonzero(state["generation"] == j)[::-1]:
        drop_expert(state, int(k))
    state["generation"] = state["generation"] - (state["generation"] > j)
    belief = np.delete(state["belief"], j)
    state["belief"] = belief / belief.sum()
    state["last_believed"] = np.delete(state["last_believed"], j)

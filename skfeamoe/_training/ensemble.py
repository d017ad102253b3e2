r"""The experts and their gate: parameters, averages, and what goes with every expert.

Arrays that belong together change together here and nowhere else: the parameters that
descend, the moving average that predicts, the optimizer's state (all of one shape, with the
rows of `_mixture.layout`), and per expert its load (running mean of its gate probability),
its age in reference batches, and its generation.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.experts import (
    Cache,
    append_expert,
    carried,
    expert_rows,
    hold_signs,
    kind_of,
    moved,
    remove_expert,
)
from skfeamoe._mixture.forward import Forward, Shift, forward, proba, score
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.mlp import Layer
from skfeamoe._mixture.optimizers import Optimizer
from skfeamoe._terms import Carry

AVERAGE_WARMUP = 4.0
"""Early on the rate is (w + 1) / (step + w): a mean that forgets the first iterates fast.

Shamir and Zhang (2013), "Stochastic gradient descent for non-smooth optimization", ICML,
polynomial-decay averaging.
"""

FITTED_STATE = 1.0
"""Optimizer state of an expert that was fitted elsewhere: about that of 4,000 rows."""

FITTED_ROWS = 5000.0
"""Rows that the terms of the first call count as where fitted experts depend on them."""

SHAPED = ("params", "average", "optimizer_state")
PER_EXPERT = ("load", "age", "generation")


class Ensemble:
    """K experts, their gate, and all that is kept per expert."""

    def __init__(self, layout: Layout, params: NDArray) -> None:
        self.layout = layout
        self.params = params  # the iterate that descends
        self.average = params.copy()  # the moving average that predicts
        self.optimizer_state = np.zeros_like(params)
        self.load = np.full(layout.n_experts, 1.0 / layout.n_experts)
        self.age = np.zeros(layout.n_experts)
        self.generation = np.zeros(layout.n_experts, dtype=np.intp)

    @classmethod
    def start(cls, layout: Layout, rng: np.random.Generator) -> Self:
        """Experts that have seen nothing."""
        return cls(layout, kind_of(layout).start(layout, rng))

    @classmethod
    def of_fitted(
        cls, layout: Layout, experts: Sequence[Sequence[Layer]], unfold: Callable
    ) -> Self:
        """Fitted models, in units of X, under a uniform gate.

        ``experts`` are their layers, (n_out, n_in) weights and (n_out,) biases each;
        ``unfold`` takes maps of X to maps of the terms.
        """
        layout = layout.with_experts(len(experts))
        kind = kind_of(layout)
        raw = kind.start(layout, np.random.default_rng(0))
        state = np.zeros_like(raw)
        layers, states = kind.layers(raw, layout), kind.layers(state, layout)
        for number, (layer, kept) in enumerate(zip(layers, states, strict=True)):
            layer.weight[...] = [expert[number].weight for expert in experts]
            layer.bias[...] = [expert[number].bias for expert in experts]
            kept.weight[...] = kept.bias[...] = FITTED_STATE
        made = cls(layout, moved(raw, layout, unfold))
        made.optimizer_state = state
        made.age = np.full(len(experts), FITTED_ROWS)
        return made

    def under_gate(self, weight: NDArray, bias: NDArray, load: NDArray) -> Self:
        """A copy with another gate, (n_experts, n_terms) and (n_experts,), and its load."""
        other = self.copy()
        gate = kind_of(self.layout).gate(other.params, self.layout)
        gate.weight[...], gate.bias[...] = weight, bias
        other.average, other.load = other.params.copy(), load
        return other

    @property
    def n_experts(self) -> int:
        """Number of experts."""
        return self.layout.n_experts

    def score(self, Z, prior: NDArray | None = None) -> tuple[NDArray, Cache]:
        """Scores by the iterate that descends, and what the way back needs."""
        return score(Z, self.params, self.layout, prior)

    def forward(self, Z, prior: NDArray | None = None) -> Forward:
        """A pass by the iterate that descends."""
        return forward(Z, self.params, self.layout, prior)

    def predict(self, Z, prior: NDArray | None = None, shift: Shift | None = None) -> NDArray:
        """Probabilities by the average that predicts, (n_samples, n_classes)."""
        return proba(Z, self.average, self.layout, prior, shift)

    def published(self, prior: NDArray | None) -> NDArray:
        """The parameters that predict, with ``prior`` among the intercepts of the gate."""
        if prior is None:
            return self.average
        params = self.average.copy()
        params[: len(prior), -1] += prior
        return params

    # ------------------------------------------------------------------ learning

    def step(
        self,
        gradient: NDArray,
        optimizer: Optimizer,
        keep: float,
        squares: NDArray | None = None,
    ) -> None:
        """One step of descent; ``keep`` is the part of its state the optimizer keeps."""
        if keep < 1.0:
            self.optimizer_state *= keep
        optimizer.step(self.params, gradient, self.optimizer_state, squares)

    def hold_signs(self, signs: NDArray) -> None:
        """Let the experts' weights of features have the given signs, see `hold_signs`."""
        hold_signs(self.params, self.layout, signs)
        hold_signs(self.average, self.layout, signs)

    def carry(self, carry: Carry) -> None:
        """Say the same of terms that have changed."""
        n_features = carry.matrix.shape[1]
        for name in SHAPED:
            move = carry.weights if name != "optimizer_state" else carry.states
            carried_over = carried(getattr(self, name), self.layout, n_features, move)
            setattr(self, name, carried_over)
        self.layout = self.layout._replace(n_features=n_features)

    def move_average(self, part: float, rate: float) -> None:
        """Let the average follow the iterate after ``part`` reference batches."""
        self.age += part
        settled = min(rate * part, 1.0)
        rates: NDArray | float = settled
        warmup = (AVERAGE_WARMUP + 1.0) * part / (self.age + AVERAGE_WARMUP)
        if warmup.max() > settled:
            rates = np.clip(warmup, settled, 1.0)
            extra = kind_of(self.layout).n_extra_rows(self.layout)
            rates = np.concatenate([rates, np.repeat(rates, extra)])[:, None]
        move = self.params - self.average
        move *= rates
        self.average += move

    def count_load(self, gate_proba: NDArray, rate: float) -> None:
        """Take a batch into the running means of the gate probabilities."""
        self.load += rate * (gate_proba.sum(axis=0) / len(gate_proba) - self.load)

    def refresh(self, experts, part: float, *, young: bool) -> None:
        """Let experts learn fast: they keep ``part`` of their optimizer state.

        With ``young`` their averages follow as fast as those of new experts.
        """
        for k in experts:
            self.optimizer_state[expert_rows(self.layout, int(k))] *= part
        if young:
            self.age[experts] = 0.0

    def take_replay(self, learned: Self) -> None:
        """Go on from the parameters of a copy that has learned some rows again."""
        self.params, self.average = learned.params, learned.average
        self.optimizer_state, self.age = learned.optimizer_state, learned.age

    # --------------------------------------------------------- append, remove, merge

    def split(self, parent: int, noise: NDArray, state_part: float) -> None:
        """Append a perturbed copy of ``parent`` that takes half of its gate share.

        ``noise``, (n_rows, n_columns), is added to its parameters; it starts with
        ``state_part`` of its parent's optimizer state, and all else that the parent has.
        """
        rows = expert_rows(self.layout, parent)
        for name in ("params", "average"):
            halved = getattr(self, name).copy()
            halved[parent, -1] -= np.log(2.0)
            setattr(self, name, append_expert(halved, self.layout, halved[rows] + noise))
        state = state_part * self.optimizer_state[rows]
        self.optimizer_state = append_expert(self.optimizer_state, self.layout, state)
        load = self.load.copy()
        load[parent] /= 2.0
        self._append(load, load[parent], self.age[parent], self.generation[parent])

    def copy_experts(self, parents: NDArray, generation: int, state_part: float) -> None:
        """Append copies of ``parents`` as a generation that is young and learns fast."""
        for parent in parents:
            rows = expert_rows(self.layout, int(parent))
            for name in ("params", "average"):
                params = getattr(self, name)
                setattr(self, name, append_expert(params, self.layout, params[rows]))
            state = state_part * self.optimizer_state[rows]
            self.optimizer_state = append_expert(self.optimizer_state, self.layout, state)
            self._append(self.load, self.load[parent], 0.0, generation)
        self.load = self.load / self.load.sum()

    def _append(self, load: NDArray, own_load: float, age: float, generation: int) -> None:
        """What goes with one more expert, whose rows are already there."""
        self.load = np.append(load, own_load)
        self.age = np.append(self.age, age)
        self.generation = np.append(self.generation, generation)
        self.layout = self.layout.with_experts(self.n_experts + 1)

    def remove(self, k: int) -> None:
        """Remove expert k; the softmax hands its share to the others."""
        for name in SHAPED:
            setattr(self, name, remove_expert(getattr(self, name), self.layout, k))
        for name in PER_EXPERT:
            setattr(self, name, np.delete(getattr(self, name), k))
        self.load = self.load / self.load.sum()
        self.layout = self.layout.with_experts(self.n_experts - 1)

    def remove_generation(self, j: int) -> None:
        """Remove the experts of generation j, and number later ones anew."""
        for k in np.flatnonzero(self.generation == j)[::-1]:
            self.remove(int(k))
        self.generation = self.generation - (self.generation > j)

    def absorb(self, victim: int, heir: int) -> None:
        """Let the heir be the mean of both, with the share of both; the victim stays."""
        gone, kept = (expert_rows(self.layout, k) for k in (victim, heir))
        a = float(common_part(self.load, victim, heir))
        for name in SHAPED:
            params = getattr(self, name)
            params[kept] = (1.0 - a) * params[kept] + a * params[gone]
            if name != "optimizer_state":
                params[heir, -1] -= a * np.log(a) + (1.0 - a) * np.log(1.0 - a)
        self.load[heir] += self.load[victim]

    # ------------------------------------------------------------------ copies

    def copy(self) -> Self:
        """Experts that learn on their own from here."""
        other = type(self).__new__(type(self))
        other.layout = self.layout
        for name in (*SHAPED, *PER_EXPERT):
            setattr(other, name, getattr(self, name).copy())
        return other

    def merge(self, other: Self, share: float) -> None:
        """Become the mean, with weight ``share`` on ``other``, of two copies of one start.

        A mean of parameters is no sum: it stands for both only while they are close, and the
        order of merging matters unless shares are those of the rows.
        """
        if self.layout != other.layout or np.any(self.generation != other.generation):
            raise ValueError(
                f"only copies of one model can be merged, got {self.n_experts} and "
                f"{other.n_experts} experts of the layouts {self.layout} and {other.layout}"
            )
        for name in (*SHAPED, "load", "age"):
            mine = getattr(self, name)
            setattr(self, name, mine + share * (getattr(other, name) - mine))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        layout = {**self.layout._asdict(), "hidden": list(self.layout.hidden)}
        return {**vars(self), "layout": layout}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The experts that `to_dict` has written."""
        layout = Layout(**{**data["layout"], "hidden": tuple(data["layout"]["hidden"])})
        made = cls.__new__(cls)
        vars(made).update({**data, "layout": layout})
        return made


def common_part(share: NDArray, v, w) -> NDArray:
    """Part that v has of the common share of v and w."""
    return np.clip(share[v] / np.maximum(share[v] + share[w], 1e-300), 1e-6, 1.0 - 1e-6)

r"""The schedule: experts first, then the gate; both at rest in one snapshot.

Rows are dealt into folds by label and group. For every fold the experts train on the other
folds, and once more on all rows: those are the experts that are kept. So every row has
experts that never saw it, and it is with their outputs that the gate learns and is judged, on
all data and on none that its experts trained on (as in stacking; Wolpert 1992, "Stacked
generalization", Neural Networks 5).

Experts train in mini-batches, the first part with cross-entropy only (warm-up); in the last
part their learning rate falls, so that what is kept is not the noise of the last steps. The
gate starts from the most even of the constant routings that score as well as the best within
the noise of the rows at hand; with a hundred rows that is even routing. Then it learns per
row while the experts are frozen but for short rounds of fine-tuning at a tenth of their
learning rate. After every round the final score (`score`) of the whole mixture is measured
on rows set aside from the gate. The best mixture so far, experts and gate together, is kept
if its utility is at most `utility_floor` below that of Expert 1 (if there is none, the one
of the highest utility); training stops when the score has not risen for `patience` rounds.

Over 400 lines, because the schedule's phases share one plan and one snapshot.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture import mlp
from skfeamoe._mixture.optimizers import Adam
from skfeamoe._policy import gate as gating
from skfeamoe._policy import score
from skfeamoe._policy.experts import (
    N_EXPERTS,
    UTILITY,
    Shape,
    Weights,
    init_networks,
    networks,
    objective,
)
from skfeamoe._policy.gaps import attention_shares
from skfeamoe._policy.mixture import (
    Mixture,
    expert_attributions,
    mixture_attributions,
    outputs,
    proba_of,
)
from skfeamoe._policy.routing import GateRows, GateWeights, gate_gradient
from skfeamoe._rows import Rows

TUNING_RATE = 0.1
"""Learning rate of fine-tuning, in units of that of the experts."""

ADVERSARY_RATE = 5.0
"""Learning rate of the adversaries in the same units: they follow a moving target."""

TUNING_STEPS = 50
"""Steps of a round of fine-tuning."""

WARM_UP = 1 / 3
COOLING = 1 / 2
"""Part of the experts' steps with cross-entropy only; part of the others in which the
learning rate falls to zero, linearly."""

GATE_STEPS = 25
GATE_BATCH = 1024
GATE_START = 0.1
"""Steps of a round of the gate, their rows, and the scale of its first output weights."""

FEWEST_ROWS = 10
"""A fold has at least this many rows."""

CHOOSING = 3
"""One of this many parts of the rows is set aside to choose by."""

MEASURES = (
    "utility",
    "result_unfairness",
    "procedural_unfairness",
    "final_score",
    "first_expert_utility",
)
"""Names of the measures in the history."""

ATTRIBUTION_STEPS = 8
"""Points of the path integral when mixtures are compared in training."""

START_STEPS = 6
"""The constant routings tried first have shares that are multiples of 1 / START_STEPS."""

START_NOISE = 7.0
"""Starts whose scores differ by less than this, over the number of rows, are alike."""

GAIN_NOISE = 0.05
"""A later mixture must gain this, over the root of the number of rows."""

BELOW_FLOOR = -10.0
"""Added to what a mixture below the utility floor is ranked by: any other is better."""

START_MIX = 0.06
"""Part of even routing in the start, so that every expert can still gain."""

JUDGED_ROWS = 2000
"""Most rows on which the explanations of a mixture are judged."""


class Plan(NamedTuple):
    """How to train."""

    shape: Shape
    weights: Weights
    gate_weights: GateWeights
    gate: str
    gate_hidden: int
    dropout: float
    favorable: int
    expert_steps: int
    batch_size: int
    learning_rate: float
    gate_rounds: int
    gate_learning_rate: float
    tuning_interval: int
    cv: int
    utility_floor: float
    patience: int

    @property
    def gate_sizes(self) -> tuple[int, int, int]:
        """Widths of the gate."""
        n_state = gating.state_size(self.shape.n_features, N_EXPERTS, self.shape.n_classes)
        return n_state, self.gate_hidden, N_EXPERTS


class Judged(NamedTuple):
    """Measures of a predictor on the rows that choose."""

    utility: float
    result: float
    procedure: float

    @property
    def final(self) -> float:
        """Final score."""
        return self.utility - self.result - self.procedure


def deal(rows: Rows, n_parts: int, rng: np.random.Generator) -> NDArray:
    """Number of a part for every row; each part has its share of every label and group."""
    order = rng.permutation(len(rows.y))
    cell = rows.y * (rows.groups.max(initial=-1) + 2) + rows.groups + 1
    order = order[np.argsort(cell[order], kind="stable")]
    part = np.empty(len(order), dtype=np.intp)
    part[order] = np.arange(len(order)) % n_parts
    return part


class ExpertTrainer:
    """Experts with their optimizer; `run` makes steps."""

    def __init__(
        self, plan: Plan, rows: Rows, start: NDArray, rng: np.random.Generator
    ) -> None:
        self.plan, self.rows, self.rng = plan, rows, rng
        self.vector = start.copy()
        self.memory = Adam.init(self.vector.shape)
        self.order = np.empty(0, dtype=np.intp)

    def run(
        self, n_steps: int, weights: Weights, learning_rate: float, cooling: float = 0.0
    ) -> dict[str, float]:
        """Make steps, the rate falling in the part ``cooling``; mean of every term."""
        plan = self.plan
        size = mlp.n_parameters(plan.shape.expert, N_EXPERTS)
        parts = [(1.0, slice(0, size)), (ADVERSARY_RATE, slice(size, None))]
        x0 = np.zeros(plan.shape.n_features)
        sums: dict[str, float] = {}
        for step in range(n_steps):
            left = (n_steps - step) / n_steps
            rate = learning_rate * left / max(cooling, left)
            rows = self._next_batch()
            experts = networks(self.vector, plan.shape).experts
            masks = mlp.draw_masks(experts, len(rows.y), plan.dropout, self.rng)
            terms, gradient = objective(
                self.vector, plan.shape, rows, weights, plan.favorable, masks, x0
            )
            for scale, part in parts:
                block, memory = self.vector[part], self.memory[:, part]
                Adam(scale * rate).step(block, gradient[part], memory)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value / n_steps
        return sums

    def _next_batch(self) -> Rows:
        """The next rows of a shuffled pass."""
        size = min(self.plan.batch_size, len(self.rows.y))
        if len(self.order) < size:
            self.order = self.rng.permutation(len(self.rows.y))
        index, self.order = self.order[:size], self.order[size:]
        return self.rows.take(index)


def gate_rows(mixture: Mixture, rows: Rows) -> GateRows:
    """What the frozen experts say of rows."""
    said = outputs(mixture, rows.X)
    x0 = np.zeros(rows.X.shape[1])
    attributions = [expert_attributions(mixture, k, rows.X, x0) for k in range(N_EXPERTS)]
    attention = np.stack([attention_shares(r)[0] for r in attributions], axis=1)
    drops = []
    for k, r in enumerate(attributions):

        def expert_proba(Z, k=k):
            return outputs(mixture, Z).expert_proba[k]

        drops.append(score.explanation_quality(expert_proba, rows.X, r, x0))
    state = gating.state_of(rows.X, said.expert_proba)
    proba = said.expert_proba.transpose(1, 0, 2)
    quality = np.stack(drops, axis=1)
    return GateRows(state, proba, attention, quality, rows.y, rows.groups, rows.weight)


class Evidence(NamedTuple):
    """What a predictor says of rows, and why: all that judging it needs."""

    proba: NDArray  # (n_samples, n_classes)
    r: NDArray  # (n_judged, n_features)
    quality: NDArray  # (n_judged,)


def spread_out(rows: Rows, n_some: int) -> NDArray:
    """Numbers of some rows, of all groups and labels alike: in a table these may take turns."""
    n_some = min(len(rows), n_some)
    order = np.lexsort((rows.y, rows.groups))
    return np.sort(order[np.arange(n_some) * len(rows) // max(n_some, 1)])


def evidence(mixture: Mixture, rows: Rows, judged: NDArray, expert: int | None) -> Evidence:
    """Evidence of the mixture, or of one expert; explanations of the judged rows only."""
    x0 = np.zeros(rows.X.shape[1])

    def predict_proba(Z):
        if expert is None:
            return proba_of(mixture, Z)
        return outputs(mixture, Z).expert_proba[expert]

    few = rows.X[judged]
    if expert is None:
        r = mixture_attributions(mixture, few, x0, ATTRIBUTION_STEPS)
    else:
        r = expert_attributions(mixture, expert, few, x0)
    quality = score.explanation_quality(predict_proba, few, r, x0)
    return Evidence(predict_proba(rows.X), r, quality)


def judge(mixtures: list[Mixture], parts: list[Rows], expert: int | None = None) -> Judged:
    """Measures over parts, each with the mixture whose experts never saw it."""
    judged = [spread_out(part, JUDGED_ROWS // len(parts)) for part in parts]
    found = [
        evidence(mixture, part, some, expert)
        for mixture, part, some in zip(mixtures, parts, judged, strict=True)
    ]
    proba, r, quality = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    rows = Rows.join(parts)
    few = Rows.join([part.take(some) for part, some in zip(parts, judged, strict=True)])
    favorable = mixtures[0].favorable
    return Judged(
        score.utility(rows.y, proba, rows.weight, proba.shape[1] - 1),
        score.result_unfairness(
            rows.y, proba.argmax(axis=1), rows.groups, rows.weight, favorable
        ),
        score.procedural_unfairness(quality, r, few.groups, few.weight),
    )


def judge_utility(mixtures: list[Mixture], parts: list[Rows], expert: int) -> float:
    """Utility of one expert over parts."""
    pairs = zip(mixtures, parts, strict=True)
    proba = np.concatenate([outputs(m, part.X).expert_proba[expert] for m, part in pairs])
    rows = Rows.join(parts)
    return score.utility(rows.y, proba, rows.weight, proba.shape[1] - 1)


def join_gate_rows(parts: list[GateRows]) -> GateRows:
    """Held-out rows of several mixtures as one."""
    return GateRows(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class Fitted(NamedTuple):
    """One consistent snapshot of experts and gate, and how it came about."""

    experts: NDArray
    gate: NDArray
    history: dict[str, list[float]]
    best_round: int
    n_rounds: int


def train(rows: Rows, plan: Plan, rng: np.random.Generator) -> Fitted:
    """Run the schedule."""
    trainers, learning, choosing, history = train_experts(rows, plan, rng)
    fitted = GateTrainer(plan, trainers, learning, choosing, rng).run(history)
    _silence_constants(fitted, plan, rows.X)
    return fitted


def _silence_constants(fitted: Fitted, plan: Plan, Z: NDArray) -> None:
    """Let columns that were constant, 0 in every row, move nothing: their weights are noise."""
    constant = np.flatnonzero(~Z.any(axis=0))
    experts = mlp.view_layers(fitted.experts, plan.shape.expert, N_EXPERTS)
    gate = mlp.view_layers(fitted.gate, plan.gate_sizes, 1)
    for first in (experts[0], gate[0]):
        first.weight[:, :, constant] = 0.0


class FirstPhase(NamedTuple):
    """Trained experts of every fold and of all rows, the folds' rows, and the history."""

    trainers: list[ExpertTrainer]
    learning: list[Rows]
    choosing: list[Rows]
    history: dict[str, list[float]]


def train_experts(rows: Rows, plan: Plan, rng: np.random.Generator) -> FirstPhase:
    """The first phase: no gate yet."""
    trainers, learning, choosing = cross_fit(rows, plan, rng)
    plain = Weights(0.0, 0.0, 0.0, 0.0, plan.weights.alpha)
    warm_up = int(WARM_UP * plan.expert_steps)
    for trainer in trainers:
        trainer.run(warm_up, plain, plan.learning_rate)
        n_steps = plan.expert_steps - warm_up
        terms = trainer.run(n_steps, plan.weights, plan.learning_rate, COOLING)
    history = {f"expert_{name}": [value] for name, value in terms.items()}
    return FirstPhase(trainers, learning, choosing, history)


def cross_fit(
    rows: Rows, plan: Plan, rng: np.random.Generator
) -> tuple[list["ExpertTrainer"], list[Rows], list[Rows]]:
    """A trainer per fold and one of all rows; the folds' rows to learn from and to choose by.

    All start from the same values, which keeps the experts of one aim alike: the gate that
    learns with those of the folds is to serve those of all rows. With a handful of rows
    there is nothing to spare: one trainer, and all rows for all uses.
    """
    start = init_networks(plan.shape, rng)
    n_folds = min(plan.cv, len(rows.y) // FEWEST_ROWS)
    if n_folds < 2:
        return [ExpertTrainer(plan, rows, start, rng)], [rows], [rows]
    fold = deal(rows, n_folds, rng)
    trainers, learning, choosing = [], [], []
    for f in range(n_folds):
        others = rows.take(np.flatnonzero(fold != f))
        trainers.append(ExpertTrainer(plan, others, start, rng))
        apart = rows.take(np.flatnonzero(fold == f))
        part = deal(apart, CHOOSING, rng)
        learning.append(apart.take(np.flatnonzero(part > 0)))
        choosing.append(apart.take(np.flatnonzero(part == 0)))
    return [*trainers, ExpertTrainer(plan, rows, start, rng)], learning, choosing


def simplex(n_experts: int, n_steps: int) -> NDArray:
    """All routings whose shares are multiples of 1 / n_steps."""
    grid = np.indices((n_steps + 1,) * n_experts).reshape(n_experts, -1).T
    return grid[grid.sum(axis=1) == n_steps] / n_steps


def constant_score(share: NDArray, rows: GateRows, favorable: int) -> tuple[float, float]:
    """Final score and utility of a constant routing, explanations mixed by their shares."""
    proba = np.einsum("k,nkc->nc", share, rows.proba)
    attention = np.einsum("k,nkd->nd", share, rows.attention)
    utility = score.utility(rows.y, proba, rows.weight, proba.shape[1] - 1)
    result = score.result_unfairness(
        rows.y, proba.argmax(axis=1), rows.groups, rows.weight, favorable
    )
    procedure = score.procedural_unfairness(
        rows.quality @ share, attention, rows.groups, rows.weight
    )
    return utility - result - procedure, utility


class Kept(NamedTuple):
    """The best mixture so far."""

    experts: NDArray
    gate: NDArray
    score: float
    round: int


class GateTrainer:
    """The second phase."""

    def __init__(self, plan, trainers, learning, choosing, rng) -> None:
        self.plan, self.trainers, self.rng = plan, trainers, rng
        self.learning, self.choosing = learning, choosing
        self.vector = init_gate(plan, rng)
        self.layers = mlp.view_layers(self.vector, plan.gate_sizes, 1)
        self.memory = Adam.init(self.vector.shape)
        self.usage = np.full(N_EXPERTS, 1.0 / N_EXPERTS)

    def mixtures(self) -> list[Mixture]:
        """The present mixtures, one per fold, each with experts that never saw the fold."""
        plan = self.plan
        return [
            Mixture(
                networks(trainer.vector, plan.shape).experts,
                self.layers,
                plan.shape.activation,
                plan.gate_weights.temperature,
                plan.favorable,
            )
            for trainer in self.trainers[: len(self.learning)]
        ]

    def known(self) -> GateRows:
        """What experts say of the rows they never saw."""
        pairs = zip(self.mixtures(), self.learning, strict=True)
        return join_gate_rows([gate_rows(mixture, rows) for mixture, rows in pairs])

    def start(self, known: GateRows) -> None:
        """Start from the most even of the constant routings that are as good as the best."""
        plan = self.plan
        floor = constant_score(np.eye(N_EXPERTS)[UTILITY], known, plan.favorable)[1]
        found = []
        for share in simplex(N_EXPERTS, START_STEPS):
            final, utility = constant_score(share, known, plan.favorable)
            if utility >= floor - plan.utility_floor:
                found.append((final, share))
        best = max(final for final, _ in found)
        noise = START_NOISE / len(known.y)
        good = [share for final, share in found if final >= best - noise]
        even = min(good, key=lambda share: float(np.sum(share**2)))
        kept = (1 - START_MIX) * even + START_MIX / N_EXPERTS
        self.layers[-1].bias[...] = plan.gate_weights.temperature * np.log(kept)
        self.usage = kept

    def run(self, history: dict[str, list[float]]) -> Fitted:
        """Rounds of gate steps, with fine-tuning of the experts in between."""
        plan = self.plan
        known = self.known()
        self.start(known)
        kept = self._judged(None, 0, history)
        number = 0
        while number < plan.gate_rounds and number - kept.round < plan.patience:
            number += 1
            if number % plan.tuning_interval == 0:
                self._tune()
                known = self.known()
            self._steps(known)
            kept = self._judged(kept, number, history)
        return Fitted(kept.experts, kept.gate, history, kept.round, number)

    def _judged(self, kept: Kept | None, number: int, history) -> Kept:
        """Measure the present mixture; the better one of it and the one kept so far."""
        mixtures = self.mixtures()
        found = judge(mixtures, self.choosing)
        first = judge_utility(mixtures, self.choosing, UTILITY)
        for name, value in zip(MEASURES, (*found, found.final, first), strict=True):
            history.setdefault(name, []).append(value)
        allowed = found.utility >= first - self.plan.utility_floor
        gained = found.final if allowed else BELOW_FLOOR + found.utility
        noise = GAIN_NOISE / np.sqrt(sum(len(part.y) for part in self.choosing))
        if kept is not None and gained <= kept.score + noise:
            return kept
        size = mlp.n_parameters(self.plan.shape.expert, N_EXPERTS)
        experts = self.trainers[-1].vector[:size].copy()
        return Kept(experts, self.vector.copy(), gained, number)

    def _tune(self) -> None:
        """A short round for the experts of every fold and of all rows."""
        plan = self.plan
        for trainer in self.trainers:
            trainer.run(TUNING_STEPS, plan.weights, TUNING_RATE * plan.learning_rate)

    def _steps(self, known: GateRows) -> None:
        """One round of steps."""
        plan, optimizer = self.plan, Adam(self.plan.gate_learning_rate)
        size = min(GATE_BATCH, len(known.y))
        for _ in range(GATE_STEPS):
            batch = known.take(self.rng.permutation(len(known.y))[:size])
            _, found, self.usage = gate_gradient(
                self.layers,
                batch,
                self.usage,
                plan.gate_weights,
                plan.favorable,
                self.rng if plan.gate == "reinforce" else None,
            )
            gradient = mlp.flatten(found) + plan.weights.alpha * self.vector
            optimizer.step(self.vector, gradient, self.memory)


def init_gate(plan: Plan, rng: np.random.Generator) -> NDArray:
    """Starting values of a gate that routes nearly evenly."""
    vector = mlp.flatten(mlp.init_layers(plan.gate_sizes, 1, rng))
    mlp.view_layers(vector, plan.gate_sizes, 1)[-1].weight[...] *= GATE_START
    return vector

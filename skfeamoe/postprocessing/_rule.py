"""What is asked of a rule, and the rule that was found for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skfeamoe.postprocessing._bounds import Bounds, pairwise_bounds
from skfeamoe.postprocessing._dual import rule_margins
from skfeamoe.postprocessing._held_out import LABEL_OF_EVENT, HeldOut, costs, largest_cost
from skfeamoe.postprocessing._promise import bound_errors, standard_errors_needed
from skfeamoe.postprocessing._solve import TOLERANCE, solve_rule


@dataclass(frozen=True)
class Request:
    """Constraints, their bounds, and how they are to be kept."""

    slots: tuple[tuple[str, str], ...]  # (constraint, event)
    difference: Mapping[str, float]  # constraint -> bound
    ratio: float | None = None
    randomize: bool = False
    margin: float | str = "none"

    @property
    def events(self) -> list[str]:
        """Events that some constraint compares, each once."""
        return list(dict.fromkeys(event for _, event in self.slots))

    @property
    def with_labels(self) -> bool:
        """Whether some constraint compares rows of one label."""
        return any(event in LABEL_OF_EVENT for event in self.events)

    def bounds(self, n_groups: int) -> Bounds:
        """The bounds as linear inequalities."""
        return pairwise_bounds(self.slots, self.events, n_groups, self.difference, self.ratio)


@dataclass(frozen=True)
class Rule:
    """A mixture of threshold rules; one of them when it is deterministic.

    ``m_j(x) = 2 eta(x) - 1 - c(x)^T rules_j``; a person is favored if the m of the rule that
    the person's draw selects is positive.
    """

    rules: NDArray  # (n_rules, n_rates + 1)
    mixture: NDArray  # (n_rules,), sums to one
    shares: NDArray  # (n_rates,), P(a, e)
    events: list[str]
    nu: NDArray  # (n_bounds,), where the next solve begins

    def margins(self, eta: NDArray, pi: NDArray) -> NDArray:
        """m of every row by every rule, (n_samples, n_rules)."""
        if not self.events:
            return (2.0 * eta - 1.0)[:, None]
        c = costs(eta, pi, self.events, self.shares)
        return np.column_stack([rule_margins(2.0 * eta - 1.0, c, r) for r in self.rules])

    @property
    def scales(self) -> NDArray:
        """Largest absolute m that any row can have, (n_rules,)."""
        return np.array([largest_cost(rule, self.events, self.shares) for rule in self.rules])

    def chosen(self, draws: NDArray) -> NDArray:
        """Number of the rule that a draw in [0, 1) selects, (n_samples,)."""
        return np.searchsorted(np.cumsum(self.mixture)[:-1], draws, side="right")

    def expected(self, eta: NDArray, pi: NDArray) -> NDArray:
        """Probability of a favorable decision over draws, (n_samples,)."""
        return (self.margins(eta, pi) > 0.0) @ self.mixture

    def to_dict(self) -> dict:
        """Plain arrays and lists."""
        return dict(vars(self))


def no_rule() -> Rule:
    """The estimator's own decisions."""
    return Rule(np.zeros((1, 1)), np.ones(1), np.zeros(0), [], np.zeros(0))


@dataclass(frozen=True)
class Audit:
    """What a rule does on rows whose labels and groups are known."""

    accuracy: float  # nan of nobody
    gaps: dict[str, float]  # constraint -> largest difference of rates, nan of fewer than two
    errors: dict[str, float]  # constraint -> its standard error
    ratios: dict[str, float]  # constraint -> smallest ratio of rates
    excess: dict[tuple[str, str], float]  # constraint, form -> how far its bound is passed

    @property
    def met(self) -> bool:
        """Whether every constraint has groups to compare, and no bound is passed."""
        return not self.excess and not np.isnan(list(self.gaps.values())).any()


def solve_request(held: HeldOut, request: Request, start: NDArray | None = None) -> Rule:
    """The rule for a request, from held-out rows."""
    events = request.events
    sizes, shares = held.sizes(events), held.shares(events)
    bounds = request.bounds(held.n_groups).comparing(sizes > 0.0)
    if start is not None and len(start) != len(bounds):
        start = None
    room = standard_errors_needed(request.margin, len(bounds))

    def measure(decided):
        return held.rates(decided, events), held.accuracy(decided)

    def margin(rates):
        return room * bound_errors(bounds, rates, sizes)

    solution, nu = solve_rule(
        held.dual_rows(events),
        bounds,
        measure,
        randomize=request.randomize,
        start=start,
        margin=margin if room else None,
    )
    return Rule(solution.rules, solution.shares, shares, events, nu)


def audit(held: HeldOut, rule: Rule, request: Request) -> Audit:
    """Accuracy, gaps and bounds that are passed, margins included."""
    decided = rule.expected(held.eta, held.pi)
    bounds = request.bounds(held.n_groups).comparing(held.sizes(request.events) > 0.0)
    room = standard_errors_needed(request.margin, len(bounds))
    return audit_decisions(held, decided, request, room)


def audit_decisions(held: HeldOut, decided: NDArray, request: Request, room: float) -> Audit:
    """The same of decisions, (n_samples,), that may have a probability.

    A bound is passed that is so many standard errors, ``room``, from being kept.
    """
    events = request.events
    rates, sizes = held.rates(decided, events), held.sizes(events)
    gaps, errors, ratios = {}, {}, {}
    for name in request.difference:
        own = tuple(slot for slot in request.slots if slot[0] == name)
        widest = pairwise_bounds(own, events, held.n_groups, {name: 0.0})
        widest = widest.comparing(sizes > 0.0)
        gaps[name], errors[name], ratios[name] = _widest(widest, rates, sizes)
    bounds = request.bounds(held.n_groups).comparing(sizes > 0.0)
    passed = bounds.excess(rates) + room * bound_errors(bounds, rates, sizes)
    excess: dict[tuple[str, str], float] = {}
    for owner, value in zip(bounds.owners, passed.tolist(), strict=True):
        if value > max(excess.get(owner, 0.0), 10 * TOLERANCE):
            excess[owner] = value
    return Audit(held.accuracy(decided), gaps, errors, ratios, excess)


def _widest(pairs: Bounds, rates: NDArray, sizes: NDArray) -> tuple[float, float, float]:
    """The largest difference of rates, its standard error, and the smallest ratio."""
    if not len(pairs):
        return np.nan, np.nan, np.nan
    values = pairs.matrix @ rates
    worst = int(np.argmax(values))
    low, high = np.maximum(-pairs.matrix, 0.0) @ rates, np.maximum(pairs.matrix, 0.0) @ rates
    ratios = np.divide(low, high, out=np.ones_like(low), where=high > 0.0)
    error = float(bound_errors(pairs, rates, sizes)[worst])
    return float(values[worst]), error, float(ratios.min())

r"""Rows with what two models say of them, and what is known: where a rule is solved.

With :math:`\eta(x) = P(\text{favorable} \mid x)` of the first model and the second model's
:math:`\pi_{a,y}(x) = P(A = a, Y = y \mid x)`, the cost of a favorable decision in the rate
of group a under event e is

.. math:: c_{e,a}(x) = P(A = a, e \mid x) \,/\, P(A = a, e).

For the event of all rows the numerator is :math:`\sum_y \pi_{a,y}(x)`. For the events of a
label both models have a say about y, and the numerator is the mean of
:math:`\pi_{a,y}(x)` and :math:`P(y \mid x)\, \pi_{a,y}(x) / \sum_{a'} \pi_{a',y}(x)` with
P(y | x) from the first model. The denominators are shares of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe.postprocessing._dual import Rows

LABEL_OF_EVENT = {"favorable": 1, "unfavorable": 0}
"""Events that select rows by label; the event "all" selects every row."""

SMALLEST = 1e-12
"""Probabilities are not divided by less; weights have no scale, so they know no smallest."""

LARGEST_POWER = 1000
"""Powers of two up to this one can be represented."""


@dataclass(frozen=True)
class HeldOut:
    """Rows that neither model has learned from."""

    eta: NDArray  # (n_samples,), probability of the favorable label
    pi: NDArray  # (n_samples, n_groups, 1 or 2), group, or group and label; 2 = favorable
    groups: NDArray  # (n_samples,), group codes, -1 = unknown
    favored: NDArray  # (n_samples,) bool, the label is the favorable one
    weight: NDArray  # (n_samples,), as people
    label_weight: Any = None  # (n_samples,), as labels, 0 = unknown; None: the same

    def __post_init__(self) -> None:
        if self.label_weight is None:
            object.__setattr__(self, "label_weight", self.weight)

    def __len__(self) -> int:
        return len(self.eta)

    def to_dict(self) -> dict[str, NDArray]:
        """Plain arrays."""
        return dict(vars(self))

    def rows(self, mask: NDArray) -> HeldOut:
        """Some of the rows."""
        return replace(self, **{name: part[mask] for name, part in vars(self).items()})

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return self.pi.shape[1]

    def weight_in(self, event: str) -> NDArray:
        """What each row counts for in an event, (n_samples,)."""
        return self.weight if event == "all" else self.label_weight

    def by_group(self, values: NDArray, event: str = "all") -> NDArray:
        """Weighted sum of values over the rows of an event, (n_groups,)."""
        chosen = self.groups >= 0
        if event != "all":
            chosen &= self.favored == bool(LABEL_OF_EVENT[event])
        part = (self.weight_in(event) * values)[chosen]
        return np.bincount(self.groups[chosen], part, minlength=self.n_groups)

    def sums(self, values: NDArray, events: list[str]) -> NDArray:
        """`by_group` of several events, (n_events * n_groups,)."""
        return np.concatenate([self.by_group(values, event) for event in events])

    def sizes(self, events: list[str]) -> NDArray:
        """Effective number of rows behind every rate, (n_events * n_groups,)."""
        return np.concatenate([self._sizes(event) for event in events])

    def _sizes(self, event: str) -> NDArray:
        """`sizes` of one event: the square of a sum over the sum of squares, (n_groups,)."""
        weight = self.weight_in(event)
        # squares of tiny weights would be lost; a power of two changes no digit
        unit = np.ldexp(1.0, min(-int(np.frexp(weight.max(initial=0.0))[1]), LARGEST_POWER))
        total = self.by_group(np.ones(len(self)), event)
        return _ratio(total * (total * unit), self.by_group(weight * unit, event))

    def shares(self, events: list[str]) -> NDArray:
        """P(A = a, e) among the rows of known groups, (n_events * n_groups,).

        Events of labels are shares of the rows that have one.
        """
        known = self.groups >= 0
        totals = [float(self.weight_in(e)[known].sum()) for e in events]
        return _ratio(self.sums(np.ones(len(self)), events), np.repeat(totals, self.n_groups))

    def rates(self, decided: NDArray, events: list[str]) -> NDArray:
        """Observed rates of favorable decisions, (n_events * n_groups,)."""
        return _ratio(
            self.sums(decided.astype(np.float64), events),
            self.sums(np.ones(len(self)), events),
        )

    def right(self, decided: NDArray) -> NDArray:
        """Chance that a decision is right; where no label tells, the estimator does."""
        favored = np.where(self.label_weight > 0.0, self.favored, self.eta)
        return favored * decided + (1.0 - favored) * (1.0 - decided)

    def accuracy(self, decided: NDArray) -> float:
        """Weighted share of right decisions, which may be probabilities; nan of nobody."""
        weight = self.label_weight if self.label_weight.any() else self.weight
        if not weight.any():
            return float("nan")
        return float(np.average(self.right(decided), weights=weight))

    def dual_rows(self, events: list[str]) -> Rows:
        """What the dual needs."""
        c = costs(self.eta, self.pi, events, self.shares(events))
        return Rows(2.0 * self.eta - 1.0, c, self.weight / self.weight.sum())


def costs(eta: NDArray, pi: NDArray, events: list[str], shares: NDArray) -> NDArray:
    """c_{e,a}(x), (n_samples, n_events * n_groups)."""
    joint = np.concatenate([_joint(eta, pi, event) for event in events], axis=1)
    return _ratio(joint, shares)


def _ratio(part: NDArray, whole: NDArray) -> NDArray:
    """Part by part; 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0.0)


def _joint(eta: NDArray, pi: NDArray, event: str) -> NDArray:
    """P(A = a, e | x), (n_samples, n_groups)."""
    if event == "all":
        return pi.sum(axis=2)
    label = LABEL_OF_EVENT[event]
    of_label = pi[:, :, label]
    total = np.maximum(of_label.sum(axis=1, keepdims=True), SMALLEST)
    proba = eta if label else 1.0 - eta
    return 0.5 * (of_label + proba[:, None] * of_label / total)


def largest_cost(rule: NDArray, events: list[str], shares: NDArray) -> float:
    r"""A bound on \|m(x)\| over all x: numerators are probabilities, so it is exact.

    Per event the costs are a mixture of the multipliers divided by their shares, with
    weights that sum to at most one.
    """
    if not events:
        return float(1.0 + abs(rule[-1]))
    per_rate = _ratio(rule[:-1], shares)
    by_event = np.abs(per_rate.reshape(len(events), -1)).max(axis=1)
    everyone = sum(b for b, e in zip(by_event, events, strict=True) if e == "all")
    labels = max((b for b, e in zip(by_event, events, strict=True) if e != "all"), default=0.0)
    return float(1.0 + everyone + labels + abs(rule[-1]))

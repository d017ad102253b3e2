r"""Constraints: events that select rows, and the quantity measured on them.

A constraint is one class: its ``name``, its ``events`` (functions of the true and the
decided outcome), and the measured quantity in two forms that stand next to each other:
``value``, as a differentiable function of q with the gradient norm held fixed, and
``slope``, its derivative by q. ``measured`` is the same quantity as an auditor sees it, from
decisions. It also says what else must be known of it anywhere: the names of its measures, its
words, and the weights that the schedule gives it. Add a class to `CONSTRAINTS` and the
estimator, the command line, streams, reports, pictures and the tests find it.

======================  ===========================================  =====================
constraint              events                                       measured quantity
======================  ===========================================  =====================
demographic_parity      all rows                                     decided favorable
equal_opportunity       y favorable                                  decided favorable
equalized_odds          y favorable; y unfavorable                   decided favorable
burden                  negative decision                            distance to boundary
======================  ===========================================  =====================

References
----------
Hardt, Price and Srebro (2016), "Equality of opportunity in supervised learning", NeurIPS.
Sharma, Henderson and Ghosh (2023), "FEAMOE", IJCAI, for the burden.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.distance import PROBA_FLOOR, log_odds


class Outcome(NamedTuple):
    """What the deployed model decided on a batch, and what was true."""

    favored: NDArray  # (n_samples,) bool, the label is the favorable class
    unfavored: NDArray  # (n_samples,) bool, the label is another one: neither, it is unknown
    decided: NDArray  # (n_samples,) bool, the decision is the favorable class
    distance: NDArray  # (n_samples,) distance to the boundary, zeros where nobody asked
    wrong: NDArray  # (n_samples,) bool, the decision is not the label, which is known


Event = Callable[[Outcome], NDArray]

EVENTS: dict[str, Event] = {
    "all": lambda outcome: np.ones(len(outcome.decided), dtype=bool),
    "favorable": lambda outcome: outcome.favored,
    "unfavorable": lambda outcome: outcome.unfavored,
    "negative_decision": lambda outcome: ~outcome.decided,
}

LABEL_EVENTS = ("favorable", "unfavorable")
"""Events that a row without a label has no part in."""

MEAN_OF_EVENT = {
    "all": "selection_rate",
    "favorable": "true_positive_rate",
    "unfavorable": "false_positive_rate",
    "negative_decision": "burden",
}
"""What a group's mean within an event is called."""

PEOPLE_OF_EVENT = {
    "all": "of known group",
    "favorable": "with the favorable label",
    "unfavorable": "with another label",
    "negative_decision": "who are refused",
}
"""Who is of an event: people ..."""


class RateConstraint:
    """Groups should be decided favorably at the same rate within each event."""

    name: str
    events: tuple[str, ...]
    uses_distance = False

    metric: str  # the gap's name in fairlearn, or in `skfeamoe.metrics`
    moment: str  # fairlearn's class for its reductions
    title: str  # "the <title> gap"
    short: str  # the same in a narrow table
    compared = "shares of favorable decisions"
    among = ""  # whom the gap compares, in words that end its sentence
    ratio_note = ""  # what else is to be said of its ratio

    # weights of the schedule: others' negative decisions, the privileged's positive ones
    pushed = (-1.0, 1.0)

    def measured(self, outcome: Outcome) -> NDArray:
        """1 where the decision is favorable, (n_samples,)."""
        return outcome.decided.astype(np.float64)

    def value(self, q: NDArray, norm: NDArray) -> NDArray:
        """The probability of the favorable class, (n_samples,)."""
        return q

    def slope(self, q: NDArray, norm: NDArray) -> NDArray:
        """Derivative of `value` by q, (n_samples,)."""
        return np.ones_like(q)


class DemographicParity(RateConstraint):
    """The same rate of favorable decisions in all groups."""

    name = "demographic_parity"
    events = ("all",)
    metric = "demographic_parity_difference"
    moment = "DemographicParity"
    title, short = "demographic parity", "parity"
    ratio_note = " (adverse impact; the four-fifths rule asks for 0.8)"


class EqualOpportunity(RateConstraint):
    """The same true positive rate in all groups."""

    name = "equal_opportunity"
    events = ("favorable",)
    metric = "equal_opportunity_difference"
    moment = "TruePositiveRateParity"
    title, short = "equal opportunity", "opp."
    among = ", among people whose true label is the favorable one"


class EqualizedOdds(RateConstraint):
    """The same true positive rate and the same false positive rate in all groups."""

    name = "equalized_odds"
    events = ("favorable", "unfavorable")
    metric = "equalized_odds_difference"
    moment = "EqualizedOdds"
    title, short = "equalized odds", "odds"
    among = ", among people with the same true label"


class Burden:
    """The same mean distance to the boundary for those who are refused.

    ``value`` is the signed distance on the unfavorable side, -logit(q) / norm.
    """

    name = "burden"
    events = ("negative_decision",)
    uses_distance = True

    metric = "burden_difference"
    moment = ""  # it has none
    title = short = "burden"
    compared = "mean distances to the decision boundary"
    among = ", among refused people"
    ratio_note = ""
    pushed = (1.0, 0.0)

    def measured(self, outcome: Outcome) -> NDArray:
        """Distance to the boundary, (n_samples,)."""
        return outcome.distance

    def value(self, q: NDArray, norm: NDArray) -> NDArray:
        """Signed distance to the boundary, (n_samples,)."""
        return -log_odds(q) / norm

    def slope(self, q: NDArray, norm: NDArray) -> NDArray:
        """Derivative of `value` by q, (n_samples,)."""
        q = np.clip(q, PROBA_FLOOR, 1.0 - PROBA_FLOOR)
        return -1.0 / (q * (1.0 - q) * norm)


Constraint = RateConstraint | Burden

CONSTRAINTS: dict[str, type[Constraint]] = {
    c.name: c for c in (DemographicParity, EqualizedOdds, EqualOpportunity, Burden)
}


def gaps_of_rates() -> dict[str, type[Constraint]]:
    """The constraints on rates, by the names of their gaps."""
    return {c.metric: c for c in CONSTRAINTS.values() if not c.uses_distance}


def ratio_of(metric: str) -> str:
    """Name of the ratio that belongs to a gap between rates."""
    return metric.removesuffix("_difference") + "_ratio"


def constraint_of(measure: str) -> type[Constraint]:
    """The constraint whose gap, or ratio, a measure is."""
    return next(c for c in CONSTRAINTS.values() if measure in (c.metric, ratio_of(c.metric)))


class Slots:
    """The pairs (constraint, event) of one model, in a fixed order."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.constraints = tuple(CONSTRAINTS[name]() for name in names)
        pairs = [(c, event) for c in self.constraints for event in c.events]
        self.owners = tuple(constraint for constraint, _ in pairs)
        self.names = tuple(constraint.name for constraint, _ in pairs)
        self.events = tuple(event for _, event in pairs)
        self.uses_distance = any(c.uses_distance for c in self.constraints)

    def __len__(self) -> int:
        return len(self.events)

    @property
    def n_events(self) -> int:
        """Number of different events."""
        return len(set(self.events))

    def of(self, name: str) -> list[int]:
        """Numbers of the slots that belong to the constraint ``name``."""
        return [s for s, owner in enumerate(self.names) if owner == name]

    def rows(self, outcome: Outcome) -> NDArray:
        """1 where a row belongs to a slot's event, else 0, (n_slots, n_samples)."""
        rows = np.empty((len(self), len(outcome.decided)))
        for s, event in enumerate(self.events):
            rows[s] = EVENTS[event](outcome)
        return rows

    def measured(self, outcome: Outcome) -> NDArray:
        """Measured quantity of every row in every slot, (n_slots, n_samples)."""
        return np.array([owner.measured(outcome) for owner in self.owners])

    def slopes(self, q: NDArray, norm: NDArray) -> NDArray:
        """Slope of every slot's quantity on q, (n_slots, n_samples)."""
        return np.array([owner.slope(q, norm) for owner in self.owners])

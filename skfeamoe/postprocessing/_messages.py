"""What users are told of bounds that are not met and of groups that cannot be compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.cases import MIN_CELL_ROWS
from skfeamoe.postprocessing._coverage import SLACK, bounded_groups, reached
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._rule import Audit, Request
from skfeamoe.postprocessing._solve import TOLERANCE

BURDEN_REASON = (
    "burden is a distance to the boundary of the refused, not a rate of decisions, so that "
    "it has no linear cost and no such rule; use FEAMOEClassifier for it"
)


def unmet(audit: Audit, request: Request) -> str:
    """The bounds that a rule passes on its held-out rows, and the way out; empty if none."""
    if not audit.excess:
        return ""
    listed = "; ".join(passed(audit, request, *owner) for owner in audit.excess)
    if request.margin != "none":
        return (
            f"bounds that cannot be promised with margin={request.margin!r} on these rows: "
            f"{listed}; the margin needs more rows or a looser bound"
        )
    if request.randomize:
        return f"bounds that are not met on held-out rows: {listed}"
    return (
        f"bounds that no single rule was found to meet on held-out rows: {listed}; bounds "
        "conflict or scores are tied: randomize=True meets them, or loosen a bound"
    )


def passed(audit: Audit, request: Request, name: str, form: str) -> str:
    """What a constraint is on held-out rows, and its bound."""
    if form == "ratio":
        return f"{name}: ratio {audit.ratios[name]:.3f} for a ratio_bound of {request.ratio:g}"
    return f"{name}: gap {audit.gaps[name]:.3f} for a bound of {request.difference[name]:g}"


def uncompared(held: HeldOut, request: Request, labels: list[str]) -> str:
    """Groups that have no held-out rows under some event; empty if there are none."""
    sizes = held.sizes(request.events).reshape(len(request.events), -1)
    missing = [
        f"{labels[a]} ({request.events[e]})"
        for e, a in zip(*np.nonzero(sizes == 0), strict=True)
    ]
    if not missing:
        return ""
    return (
        "groups without held-out rows, whose rates are not bounded: "
        + ", ".join(missing)
        + "; merge small groups or pass more rows"
    )


def too_small(held: HeldOut, labels: list[str]) -> str:
    """Groups whose coverage is not bounded; empty if there are none."""
    missing = np.flatnonzero(~bounded_groups(held))
    if not len(missing):
        return ""
    return (
        f"groups with fewer than {MIN_CELL_ROWS} held-out rows, for which coverage_bound and "
        "no_harm do nothing: "
        + ", ".join(labels[a] for a in missing)
        + "; merge small groups or pass more rows"
    )


def missed(held: HeldOut, covered: NDArray, coverage: float, coverage_bound: float) -> str:
    """What is decided on held-out rows, if it is not as asked; empty if it is."""
    total, gap = reached(held, covered)
    found = []
    if abs(total - coverage) > SLACK:
        found.append(f"{total:.3f} of the rows are decided for coverage={coverage:g}")
    if gap > coverage_bound + 10 * TOLERANCE:
        found.append(f"coverage differs by {gap:.3f} for coverage_bound={coverage_bound:g}")
    if not found:
        return ""
    return (
        f"on held-out rows {' and '.join(found)}: scores are tied, or bounds conflict; take an "
        "estimator with finer probabilities, loosen coverage_bound, or set no_harm=False"
    )


def lapsed(missing: list[str]) -> str:
    """Why a stream keeps the rule that it has."""
    return (
        "the rule stays as it was, since there are too few recent rows to keep its bounds on: "
        + ", ".join(missing)
        + "; whether they hold now is not known: pass sensitive_features, and labels if errors "
        "are compared, for some of the rows"
    )


def harmed(labels: list[str]) -> str:
    """Groups that abstention harms; empty if there are none."""
    if not labels:
        return ""
    return (
        f"accuracy among the decided is below that among all in: {', '.join(labels)}; bounds "
        "among the surest cost more, and an estimator may be surest where it is wrong: raise "
        "coverage, loosen a bound, or calibrate the estimator"
    )

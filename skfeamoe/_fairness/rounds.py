r"""Rounds: solving for an offset on which what is solved for depends.

A distance to the boundary is a margin over the slope of the score, and the offset has a slope
of its own. So distances are taken to move with their margins alone, the offset is solved for,
distances are measured under it, and so on until they are what was expected of them.

With one expert that takes two or three rounds. With several the slope differs from person to
person, an offset that is large beside the scores changes all of these differences, and rounds
may run away. A step that ends in wider gaps than the place it started from is therefore
halved; where no part of it is better it is taken all the same, since the measure of a place far
off says little about the ones behind it. Of all places the best one is kept: with the least
excess over the bounds, and among those that keep them the cheapest.
"""

from collections.abc import Callable
from typing import NamedTuple

from numpy.typing import NDArray

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.cases import Measured, Scored
from skfeamoe._fairness.local import LocalOffset
from skfeamoe._fairness.offset import Parts, Solution

ENOUGH_ROUNDS, MOST_ROUNDS = 4, 12
"""Rounds after which bounds that are kept are kept well enough, and most rounds."""

HALVINGS = 4
"""How often a step that made gaps wider is halved."""

FORESEEN = 0.5
"""Part of a standard error within which a distance is what was expected."""


class Place(NamedTuple):
    """An offset, and what was measured under it."""

    coef: NDArray  # (n_directions,)
    offset: NDArray  # (n_terms + 1,)
    local: LocalOffset
    scored: Scored
    margin: NDArray  # (n_samples,)
    measured: Measured

    @property
    def parts(self) -> list[Parts]:
        """The part of every row, by column with local bounds."""
        return self.local.parts(self.scored.values) if self.local.columns else []

    def merit(self, asked: Fairness) -> tuple[float, float]:
        """Largest excess over a bound, 0 if there is none, and the price: less is better."""
        gaps = [self.measured.gap(s, ratio=bool(r))[0] for s, r in enumerate(asked.is_ratio)]
        over = [gap - limit for gap, limit in zip(gaps, asked.limits, strict=True)]
        return max([0.0, *(excess for excess in over if excess > 0.0)]), self.measured.price


Solve = Callable[[Place], tuple[Place, Solution]]
"""The place that a solution leads to, with distances as they are at another one."""

At = Callable[[NDArray, NDArray, LocalOffset], Place]
"""The place of coefficients, an offset, and what it has for parts of the people."""


def kept_place(start: Place, solve: Solve, at: At, asked: Fairness) -> tuple[Place, bool]:
    """The place at which bounds are kept best, and whether they all are."""
    here, best = start, start
    for n_round in range(1, MOST_ROUNDS + 1):
        far, solution = solve(here)
        if _foresaw(asked, solution, far.measured):
            return far, bool(solution.excess.max(initial=0.0) <= 0.0)
        here = _nearer(here, far, at, asked)
        if n_round == 1 or here.merit(asked) < best.merit(asked):
            best = here
        if n_round >= ENOUGH_ROUNDS and best.merit(asked)[0] <= 0.0:
            break
    return best, best.merit(asked)[0] <= 0.0


def _foresaw(asked: Fairness, solution: Solution, measured: Measured) -> bool:
    """Whether the gaps of distances, if any, are what the solution took them for."""
    for s, owner in enumerate(asked.slots.owners):
        if owner.uses_distance:
            gap, error = measured.gap(s, ratio=bool(asked.is_ratio[s]))
            if abs(gap - asked.limits[s] - solution.excess[s]) > FORESEEN * error:
                return False
    return True


def _nearer(here: Place, far: Place, at: At, asked: Fairness) -> Place:
    """The first place between the two, from far to near, that is better; far if none is."""
    place, part = far, 1.0
    for _ in range(HALVINGS):
        if place.merit(asked)[0] <= here.merit(asked)[0]:
            return place
        part *= 0.5
        place = at(
            here.coef + part * (far.coef - here.coef),
            here.offset + part * (far.offset - here.offset),
            here.local.with_weights(
                here.local.weights + part * (far.local.weights - here.local.weights)
            ),
        )
    return place if place.merit(asked)[0] <= here.merit(asked)[0] else far

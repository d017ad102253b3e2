"""What the scale of `sample_weight` says: a row of weight w is w people."""

import numpy as np
from numpy.typing import NDArray

LIGHT_SHARE, MANY_ROWS = 0.05, 20
"""So many rows that count as less than this share of the people that they tell of are told:
weights that were scaled to a sum of 1, say."""


def warn_of_light_weights(told, weight: NDArray) -> None:
    """Say that the rows of a `fit` count as next to nobody; ``told`` gathers warnings."""
    text = next_to_nobody(weight)
    if text:
        told.add(text, UserWarning)


def next_to_nobody(weight: NDArray, of: str = "rows") -> str:
    """That rows of these weights count as next to nobody, with the remedy; "" if they do not.

    By Kish (1965) rows of weights w tell as much as (sum w)^2 / sum w^2 rows of equal weight.
    Of weights that are numbers of people, or have a mean of 1, the sum is no smaller.
    """
    largest = float(weight.max(initial=0.0))
    if not largest:
        return ""
    with np.errstate(under="ignore"):
        parts = weight / largest
        n_effective = parts.sum() ** 2 / (parts @ parts)
        total = float(weight.sum())
    if n_effective < MANY_ROWS or total >= LIGHT_SHARE * n_effective:
        return ""
    return (
        f"sample_weight has a mean of {total / len(weight):.3g}, so that {len(weight):,} "
        f"{of} count as {total:.3g} people: too few to learn much from, or to bound gaps "
        "for. Scale the weights to a mean of 1"
    )

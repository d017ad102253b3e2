"""Random draws: every purpose has a number of its own, and so its own generator.

Generators are made of the model's seed, the purpose, and a running number, never kept: a
model that was saved and loaded draws what the unbroken one would have drawn.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Draws(IntEnum):
    """What random numbers are drawn for."""

    GROWTH = 1  # the perturbation of new experts
    SHUFFLE = 2  # the order of rows in a pass of `fit`
    BACKGROUND = 3  # the keys of the background sample
    START = 4  # the first parameters
    REPLAY = 5  # the order of rows that are learned again
    PEOPLE = 6  # the people of a table on whom its bounds are kept
    SAMPLE = 7  # the rows of shards by which knots are placed


def generator(seed: int, purpose: Draws, *number: int) -> np.random.Generator:
    """A fresh generator for one purpose and, where there are many, its running number."""
    return np.random.default_rng([seed, int(purpose), *number])

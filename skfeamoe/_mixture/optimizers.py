r"""Optimizers: they see a parameter block and its gradient, and nothing else.

An optimizer is a class with ``init(shape)``, the memory of a block of that shape, and
``step(block, gradient, memory)``, which changes block and memory in place. The memory has
the shape of the block and is zero for parameters that have not learned yet, so that a new
expert starts with rows of zeros. Register a new optimizer in `OPTIMIZERS`.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

ADAGRAD_EPS = 1e-10
"""Smallest denominator of an Adagrad step."""


class Optimizer(Protocol):
    """What the trainer asks of an optimizer."""

    def __init__(self, learning_rate: float) -> None: ...

    def step(self, block: NDArray, gradient: NDArray, memory: NDArray) -> None:
        """One descent step, in place."""


class Adagrad:
    r"""Steps :math:`-\eta\,g/\sqrt{\sum g^2}`, elementwise.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12.
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    def step(self, block: NDArray, gradient: NDArray, memory: NDArray) -> None:
        """One descent step, in place."""
        memory += gradient * gradient
        denominator = np.sqrt(memory)
        denominator += ADAGRAD_EPS
        block -= self.learning_rate * gradient / denominator


class SGD:
    r"""Plain steps :math:`-\eta\,g`; the memory stays zero."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    def step(self, block: NDArray, gradient: NDArray, memory: NDArray) -> None:
        """One descent step, in place."""
        block -= self.learning_rate * gradient


OPTIMIZERS: dict[str, type[Optimizer]] = {"adagrad": Adagrad, "sgd": SGD}

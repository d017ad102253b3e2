r"""Optimizers: they see parameters and their gradient, and nothing else.

An optimizer is a class with ``takes_bulk`` and ``step(params, gradient, state, squares)``, that
changes params and state in place; where ``squares`` is given, as of a large batch, it is the
sum of the squared gradients of the parts. The state has the shape of the parameters and is zero
for parameters that have not learned yet, so that a new expert starts with rows of zeros.
Register a new optimizer in `OPTIMIZERS`.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

ADAGRAD_EPS = 1e-10
"""Smallest denominator of an Adagrad step."""

ADAM_EPS = 1e-8
ADAM_MEAN = 0.9
ADAM_SQUARE = 0.999
"""Smallest denominator of an Adam step, and the shares that its running means keep."""


class Optimizer(Protocol):
    """What the trainer asks of an optimizer."""

    def __init__(self, learning_rate: float) -> None: ...

    takes_bulk: bool  # whether one step on many rows learns what many steps do

    def step(
        self,
        params: NDArray,
        gradient: NDArray,
        state: NDArray,
        squares: NDArray | None = None,
    ) -> None:
        """One descent step, in place."""


class Adagrad:
    r"""Steps :math:`-\eta\,g/\sqrt{\sum g^2}`, elementwise.

    Of a large batch ``squares`` is the sum of the squared gradients of its parts. The square of
    their sum would hold many times as much of what the parts have in common, so that after a
    change of the world large batches would learn more slowly than small ones.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12.
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    takes_bulk = True

    def step(
        self,
        params: NDArray,
        gradient: NDArray,
        state: NDArray,
        squares: NDArray | None = None,
    ) -> None:
        """One descent step, in place."""
        squares = gradient * gradient if squares is None else squares
        state += squares
        denominator = np.sqrt(state, out=squares)
        denominator += ADAGRAD_EPS
        move = np.divide(gradient, denominator, out=denominator)
        move *= self.learning_rate
        params -= move


class SGD:
    r"""Plain steps :math:`-\eta\,g`; the state stays zero."""

    takes_bulk = False

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    def step(
        self,
        params: NDArray,
        gradient: NDArray,
        state: NDArray,
        squares: NDArray | None = None,
    ) -> None:
        """One descent step, in place."""
        params -= self.learning_rate * gradient


class Adam:
    r"""Steps :math:`-\eta\,\hat m/(\sqrt{\hat v} + \varepsilon)` along corrected running means.

    The state has one axis more than the parameters, of length 4: the running means of the
    gradient, of its square, and of the number 1 with either rate, which correct the bias of
    the first steps for every parameter by its own age. Hence not in `OPTIMIZERS`, whose
    states have the shape of the parameters.

    References
    ----------
    Kingma and Ba (2015), "Adam: A method for stochastic optimization", ICLR.
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    @staticmethod
    def init(shape: tuple[int, ...]) -> NDArray:
        """State of parameters that have not learned yet."""
        return np.zeros((4, *shape))

    def step(self, params: NDArray, gradient: NDArray, state: NDArray) -> None:
        """One descent step, in place."""
        mean, square, mean_of_one, square_of_one = state
        mean += (1.0 - ADAM_MEAN) * (gradient - mean)
        square += (1.0 - ADAM_SQUARE) * (gradient * gradient - square)
        mean_of_one += (1.0 - ADAM_MEAN) * (1.0 - mean_of_one)
        square_of_one += (1.0 - ADAM_SQUARE) * (1.0 - square_of_one)
        denominator = np.sqrt(square / square_of_one)
        denominator += ADAM_EPS
        denominator *= mean_of_one
        params -= self.learning_rate * mean / denominator


OPTIMIZERS: dict[str, type[Optimizer]] = {"adagrad": Adagrad, "sgd": SGD}

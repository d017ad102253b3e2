r"""Individual fairness: people whose decision would change with their sensitive attribute.

A row is unfair if the model that predicts decides otherwise on its twin, the same row with
the sensitive attribute changed. Unfair rows are counted, so that an expert can be added when
enough of them have gathered, and carry a constant penalty c (paper, appendix: 0.4),

.. math:: P = c\,|q(x) - q(x')| \quad\text{on unfair rows},

whose slopes are :math:`\pm c` on q of the row and :math:`\mp c` on q of its twin; the form of
the penalty is our reading.

References
----------
Sharma, Henderson and Ghosh (2023), "FEAMOE", IJCAI, appendix. Kusner, Loftus, Russell and
Silva (2017), "Counterfactual fairness", NeurIPS, for the idea of a twin; here only the
attribute itself is changed, not what depends on it.
"""

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.forward import (
    Forward,
    favorable_slopes,
    forward,
    parameter_gradient,
    proba,
    score_slopes,
)
from skfeamoe._terms import Terms
from skfeamoe._training.state import State, layout_of, prior_scores


def twin_rows(Z, columns: NDArray, terms: Terms) -> NDArray:
    """Standardized rows with the sensitive attribute changed, (n_samples, n_features).

    One column is taken for a 0/1 code, x' = 1 - x; several for the one-hot code of one
    attribute, which moves on to the next category.
    """
    return terms.altered(Z, columns, _other_value)


def _other_value(code: NDArray) -> NDArray:
    """The other value of a 0/1 column, or the next category of one-hot columns."""
    return 1.0 - code if code.shape[1] == 1 else np.roll(code, 1, axis=1)


def unfair_rows(state: State, Z, twin: NDArray) -> NDArray:
    """Rows that the model that predicts decides otherwise on than on their twins, bool."""
    layout, prior = layout_of(state), prior_scores(state)
    decided = proba(Z, state["average"], layout, prior).argmax(axis=1)
    return decided != proba(twin, state["average"], layout, prior).argmax(axis=1)


def penalty_value(penalty: float, unfair: NDArray, q: NDArray, q_twin: NDArray) -> NDArray:
    """c |q(x) - q(x')| on unfair rows, (n_samples,)."""
    return penalty * unfair * np.abs(q - q_twin)


def penalty_gradient(
    state: State,
    fwd: Forward,
    Z,
    twin: NDArray,
    unfair: NDArray,
    weight: NDArray,
    favorable: int,
    penalty: float,
) -> NDArray:
    """Gradient of the weighted sum of `penalty_value` by the parameter block."""
    layout = layout_of(state)
    fwd_twin = forward(twin, state["block"], layout, prior_scores(state))
    q, *own = favorable_slopes(fwd, favorable, layout)
    q_twin, *other = favorable_slopes(fwd_twin, favorable, layout)
    t = (penalty * np.sign(q - q_twin) * unfair * weight)[:, None]
    block = state["block"]
    gradient = parameter_gradient(Z, block, layout, t * score_slopes(*own), fwd.trace)
    other_slopes = t * score_slopes(*other)
    return gradient - parameter_gradient(twin, block, layout, other_slopes, fwd_twin.trace)

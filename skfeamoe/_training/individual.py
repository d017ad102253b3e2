r"""Individual fairness: people whose decision would change with their sensitive attribute.

A row is unfair if the model that predicts decides otherwise on its counterfactual, the same
row with the sensitive attribute changed (its *twin*, in the words of the paper). Unfair rows
are counted, so that an expert can be added when enough of them have gathered, and carry a
constant penalty c (paper, appendix: 0.4),

.. math:: P = c\,|q(x) - q(x')| \quad\text{on unfair rows},

whose derivatives are :math:`\pm c` by q of the row and :math:`\mp c` by q of its
counterfactual; the form of the penalty is our reading.

References
----------
Sharma, Henderson and Ghosh (2023), "FEAMOE", IJCAI, appendix. Kusner, Loftus, Russell and
Silva (2017), "Counterfactual fairness", NeurIPS, for the idea; here only the attribute itself
is changed, not what depends on it.
"""

import numpy as np
from numpy.typing import NDArray

from skfeamoe._mixture.forward import (
    Forward,
    favorable_gradient,
    parameter_gradient,
    score_gradient,
)
from skfeamoe._terms import Terms
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.model import Model


def counterfactual_rows(Z, columns: NDArray, terms: Terms) -> NDArray:
    """Standardized rows with the sensitive attribute changed, (n_samples, n_features).

    One column is taken for a 0/1 code, x' = 1 - x; several for the one-hot code of one
    attribute, which moves on to the next category.
    """
    return terms.altered(Z, columns, _other_value)


def _other_value(code: NDArray) -> NDArray:
    """The other value of a 0/1 column, or the next category of one-hot columns."""
    return 1.0 - code if code.shape[1] == 1 else np.roll(code, 1, axis=1)


def unfair_rows(model: Model, Z, other: NDArray) -> NDArray:
    """Rows that the model that predicts decides otherwise on than on their counterfactuals."""
    return model.predict(Z).argmax(axis=1) != model.predict(other).argmax(axis=1)


def penalty_gradient(
    ensemble: Ensemble,
    prior: NDArray | None,
    fwd: Forward,
    Z,
    other: NDArray,
    weight: NDArray,
    favorable: int,
) -> NDArray:
    """Gradient of the weighted sum of |q(x) - q(x')| by the parameters.

    ``weight`` has the penalty in it, and is zero where a row is fair.
    """
    layout, params = ensemble.layout, ensemble.params
    fwd_other = ensemble.forward(other, prior)
    q, *own = favorable_gradient(fwd, favorable, layout)
    q_other, *theirs = favorable_gradient(fwd_other, favorable, layout)
    t = (np.sign(q - q_other) * weight)[:, None]
    gradient = parameter_gradient(Z, params, layout, t * score_gradient(*own), fwd.cache)
    their_d_scores = t * score_gradient(*theirs)
    return gradient - parameter_gradient(other, params, layout, their_d_scores, fwd_other.cache)

r"""Distance of a row to the decision boundary.

.. math:: D(x) = \frac{|\log\frac{q}{1-q}|}{\|\nabla_x \log\frac{q}{1-q}\|}
               = \frac{|\operatorname{logit} q|\; q(1-q)}{\|\nabla_x q\|}

in units of standard deviations of the features; exact for one logistic expert, first order
for a mixture.

References
----------
Sharma, Gee, Paydarfar and Ghosh (2020), "FaiR-N: Fair and robust neural networks for
structured data", arXiv:2010.06113: the margin over the norm of its input gradient.
"""

import numpy as np
from numpy.typing import NDArray

PROBA_FLOOR = 1e-12
"""Probabilities are held this far from 0 and 1 before their log-odds are taken."""

NORM_FLOOR = 1e-12
"""Smallest gradient norm."""

MOST_DISTANCE = 10.0
"""Distances stop here, in standard deviations: the first order knows nothing of what lies so
far away, and a network without an active unit would put a row at infinity and with it the
mean of its group."""


def log_odds(q: NDArray) -> NDArray:
    """log(q / (1 - q)) with q held inside (0, 1)."""
    q = np.clip(q, PROBA_FLOOR, 1.0 - PROBA_FLOOR)
    return np.log(q) - np.log1p(-q)


def log_odds_gradient_norm(q: NDArray, gradient: NDArray) -> NDArray:
    """Norm of the input gradient of log-odds of q, (n_samples,).

    ``gradient``, (n_samples, n_features), is the input gradient of q itself. The norm is held
    so large that no distance exceeds `MOST_DISTANCE`.
    """
    norm = np.sqrt(np.einsum("ij,ij->i", gradient, gradient))
    q = np.clip(q, PROBA_FLOOR, 1.0 - PROBA_FLOOR)
    floor = np.maximum(np.abs(log_odds(q)) / MOST_DISTANCE, NORM_FLOOR)
    return np.maximum(norm / (q * (1.0 - q)), floor)

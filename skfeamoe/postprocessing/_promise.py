r"""How far a gap on new people may lie above the gap that was measured.

Rates :math:`\hat r_k` are means over :math:`n_k` held-out rows. If those rows and the
people to come are exchangeable, :math:`a^T(r - \hat r)` for a row a of the bounds
:math:`A r \le b` is nearly normal with variance :math:`\sum_k a_k^2 s_k^2`, and by the union
bound over the J rows of A

.. math:: P\Big(\exists j:\; a_j^T r > b_j\Big) \le \alpha
          \quad\text{if}\quad a_j^T \hat r \le b_j - z_{1 - \alpha / J}
          \sqrt{\textstyle\sum_k a_{jk}^2 s_k^2} \;\;\text{for all } j.

For :math:`s_k^2` two rows are added, one favored and one refused, so that a group of which
nobody was favored does not count as certain.

References
----------
Agresti and Caffo (2000), "Simple and effective confidence intervals for proportions and
differences of proportions result from adding two successes and two failures", The American
Statistician 54.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from skfeamoe.postprocessing._bounds import Bounds

ONE_STANDARD_ERROR = "one_standard_error"


def rate_variances(rates: NDArray, sizes: NDArray) -> NDArray:
    """Squared standard error of every rate, (n_rates,)."""
    p = (rates * sizes + 1.0) / (sizes + 2.0)
    return p * (1.0 - p) / (sizes + 2.0)


def bound_errors(bounds: Bounds, rates: NDArray, sizes: NDArray) -> NDArray:
    """Standard error of the left-hand side of every bound, (n_bounds,)."""
    return np.sqrt(bounds.matrix**2 @ rate_variances(rates, sizes))


def standard_errors_needed(margin: float | str, n_bounds: int) -> float:
    """How many standard errors of room ``margin`` asks for."""
    if margin == "none":
        return 0.0
    if margin == ONE_STANDARD_ERROR:
        return 1.0
    return float(ndtri(1.0 - float(margin) / max(n_bounds, 1)))

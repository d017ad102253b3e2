r"""Optimism: how much more an offset closes on the people who taught it than on new ones.

A direction r, the log-odds of one group against another, is learned from the people on whom
the offset is then solved. By as many free coefficients as it has, their groups lie further
apart along it than new people's: with :math:`D = E[r \mid a] - E[r \mid b]` the difference on
those who taught it is too large by

.. math:: \Delta = p\,(1/n_a + 1/n_b),

p coefficients and n people in the two groups (in the normal case of Efron, 1975, "The
efficiency of logistic regression compared to normal discriminant analysis", JASA 70, D is the
squared distance of Mahalanobis, whose bias this is). An offset moves groups together in
proportion to D, so that a part :math:`\Delta / D` of what it closes is lost on new people.
"""

from numpy.typing import NDArray

FREE = 0.6
"""Part of the terms that count as free coefficients: they overlap, and few passes do not fit
them to the end (measured on seven tables that no page reports, docs/decisions/offset.md)."""


def lost_part(score: NDArray, one: NDArray, other: NDArray, n_terms: int, taught) -> float:
    """Part of what is closed along a direction that is lost on new people, 0 to 1.

    ``score``, (n_samples,), is higher for those of the mask ``one`` than of the mask ``other``,
    and ``taught`` are the numbers of people in both who have taught it.
    """
    if not (one.any() and other.any() and min(taught) > 0.0):
        return 1.0
    apart = float(score[one].mean() - score[other].mean())
    too_far = FREE * n_terms * sum(1.0 / n for n in taught)
    return min(too_far / apart, 1.0) if apart > 0.0 else 1.0

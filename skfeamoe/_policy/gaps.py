r"""Differences between groups as functions of group means, each with its slope.

With ``shares`` (n_groups, n_samples) the means of the groups are :math:`\mu = S v`, and a
loss J of the means has :math:`dJ/dv = S^\top dJ/d\mu`. Every function here returns its value
and its slope by the *rows*. With fewer than two groups all of them are zero.

For two groups these are the terms of the note; for more, the gap is the largest difference
between any two, as in :mod:`fairlearn.metrics`, and squared distances are averaged over
pairs.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

ATTENTION_EPS = 1e-8
"""Keeps the shares of a row defined whose attributions are all zero."""

HALF_WIDTH = 0.5
"""Width of the soft step at the median, in standard deviations."""

SMALLEST_PROBA = 1e-12
"""Probabilities stop here before their logarithm or power is taken."""

NO_ATTENTION = 1e-100
"""Mass of the attention of a group whose rows have none: small beside 1, with an inverse."""


def group_shares(
    groups: NDArray, weight: NDArray, n_groups: int, selected: NDArray | None = None
) -> NDArray:
    """Share of every row in the mean of its group; one line per group that has rows.

    Rows of unknown group (-1) and rows that are not ``selected`` are in no group.
    """
    counted = weight if selected is None else weight * selected
    member = np.where(groups == np.arange(n_groups)[:, None], counted, 0.0)
    total = member.sum(axis=1)
    present = total > 0
    return member[present] / total[present, None]


def largest_gap(shares: NDArray, values: NDArray) -> tuple[float, NDArray]:
    r"""Gap :math:`\max_a \mu_a - \min_a \mu_a` of a quantity (n_samples,), and its slope.

    Of the probability of the favorable class this is the soft demographic parity
    difference; over the rows with a favorable label the soft equal opportunity difference.
    """
    if len(shares) < 2:
        return 0.0, np.zeros(len(values))
    means = shares @ values
    high, low = means.argmax(), means.argmin()
    return float(means[high] - means[low]), shares[high] - shares[low]


def representation_distance(shares: NDArray, hidden: NDArray) -> tuple[float, NDArray]:
    r"""Squared distance of the groups' mean representations, averaged over pairs.

    :math:`\frac{2}{G(G-1)}\sum_{a<b} |\mu_a - \mu_b|^2 = \frac{2}{G-1}\sum_a
    |\mu_a - \bar\mu|^2` of ``hidden`` (n_samples, n_hidden).
    """
    if len(shares) < 2:
        return 0.0, np.zeros_like(hidden)
    means = shares @ hidden
    centered = means - means.mean(axis=0)
    scale = 2.0 / (len(means) - 1)
    return float(scale * np.sum(centered**2)), shares.T @ (2.0 * scale * centered)


def attention_shares(r: NDArray) -> tuple[NDArray, NDArray]:
    """Absolute attributions of every row as shares of their sum, and these sums."""
    size = np.abs(r)
    total = size.sum(axis=1, keepdims=True) + ATTENTION_EPS
    return size / total, total


def divergence(shares: NDArray, attention: NDArray) -> tuple[float, NDArray]:
    r"""Jensen-Shannon divergence of the groups' mean attention, in nats, and its slope.

    With :math:`\hat P_a` the normalized group means of ``attention`` (n_samples, n_features)
    and :math:`M` their mean, :math:`J = \frac1G \sum_a KL(\hat P_a \| M)`, between 0 and
    log G.

    References
    ----------
    J. Lin (1991), "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37.
    """
    if len(shares) < 2:
        return 0.0, np.zeros_like(attention)
    means = shares @ attention
    mass = means.sum(axis=1, keepdims=True) + NO_ATTENTION
    normal = means / mass
    middle = normal.mean(axis=0)
    ratio = np.divide(normal, middle, out=np.ones_like(normal), where=normal > 0)
    gamma = np.log(ratio) / len(means)
    value = float(np.sum(normal * gamma))
    d_means = (gamma - np.sum(gamma * normal, axis=1, keepdims=True)) / mass
    return value, shares.T @ d_means


def attention_divergence(shares: NDArray, r: NDArray) -> tuple[float, NDArray]:
    r"""Divergence of attention :math:`A_i = |r_i| / \sum_j |r_{ij}|`, and its slope by r.

    At r = 0 the slope is taken as 0.
    """
    attention, total = attention_shares(r)
    value, d_attention = divergence(shares, attention)
    inner = np.sum(d_attention * attention, axis=1, keepdims=True)
    return value, np.sign(r) * (d_attention - inner) / total


def high_share_gap(shares: NDArray, values: NDArray) -> tuple[float, NDArray]:
    r"""Soft gap in the groups' shares of rows above the median of all, and its slope.

    Largest gap of :math:`\sigma((v_i - t)/h)`, with t the median of the values and h
    `HALF_WIDTH` times their standard deviation. Both move with the values, so the slope
    goes through them too. Of explanation quality this is a soft REF.
    """
    spread = values.std()
    if len(shares) < 2 or spread == 0:
        return 0.0, np.zeros(len(values))
    n_samples = len(values)
    middle = np.argsort(values, kind="stable")[(n_samples - 1) // 2 : n_samples // 2 + 1]
    width = HALF_WIDTH * spread
    z = (values - values[middle].mean()) / width
    high = expit(z)
    gap, slope = largest_gap(shares, high)
    by_z = slope * high * (1.0 - high)
    by_values = by_z - (by_z @ z) * HALF_WIDTH * (values - values.mean()) / (n_samples * spread)
    by_values[middle] -= by_z.sum() / len(middle)
    return gap, by_values / width


def soft_decisions(f: NDArray, sharpness: float) -> NDArray:
    """Probabilities moved towards decisions: f^s, normalized."""
    power = np.maximum(f, SMALLEST_PROBA) ** sharpness
    return power / power.sum(axis=1, keepdims=True)

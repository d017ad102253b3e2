"""Running mean and variance of the features, so that a stream needs no scaler before it.

The state is a dict of arrays. Batches are merged by the parallel formula of Chan, Golub and
LeVeque (1983), "Algorithms for computing the sample variance", The American Statistician 37.
scikit-learn has the same formula for its StandardScaler, with checks for missing values that
cost more than a whole training step on 32 rows.
"""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._mixture.experts import input_maps
from skfeamoe._mixture.layout import Layout

CONSTANT_TOL = 1e-14
"""A feature whose spread is below this share of its mean is constant up to rounding."""

SMALLEST_SCALE = 1e-150
"""Below this standard deviation a feature counts as constant: its square would underflow."""

MAX_Z = 1e6
"""Standardized values are held within this while training. A row that is part of the moments
cannot be further out than the root of the rows seen; a row of weight zero can."""

MAX_VARIANCE = 1e300
"""Variances stop here, so that values near the largest float leave the moments finite."""


class Moments(TypedDict):
    """Weighted moments of every feature."""

    count: float
    mean: NDArray  # (n_features,)
    variance: NDArray  # (n_features,), population variance
    centered: bool  # False for a stream that began with sparse rows: scaled, never centered


def init_moments(n_features: int, *, centered: bool = True) -> Moments:
    """Moments of no data."""
    return {
        "count": 0.0,
        "mean": np.zeros(n_features),
        "variance": np.zeros(n_features),
        "centered": centered,
    }


def _batch_moments(X, weight: NDArray, total: float) -> tuple[NDArray, NDArray]:
    """Weighted mean and variance of one batch."""
    share = weight / total
    if issparse(X):
        mean = X.T @ share
        squared = X.copy()
        squared.data = np.minimum(squared.data * squared.data, MAX_VARIANCE)
        return mean, np.maximum(squared.T @ share - np.minimum(mean * mean, MAX_VARIANCE), 0.0)
    mean = share @ X
    centered = X - mean
    centered *= centered
    return mean, share @ np.minimum(centered, MAX_VARIANCE)


def update_moments(moments: Moments, X, weight: NDArray) -> Moments:
    """Moments after the rows of X, (n_samples, n_features), with their weights."""
    total = float(weight.sum())
    if total <= 0.0:
        return moments
    with np.errstate(over="ignore", under="ignore"):
        mean, variance = _batch_moments(X, weight, total)
        count = moments["count"] + total
        share = total / count
        shift = mean - moments["mean"]
        merged = moments["variance"] + share * (variance - moments["variance"])
        merged += share * (1.0 - share) * shift * shift
        mean = moments["mean"] + share * shift
    return {
        "count": count,
        "mean": mean,
        "variance": np.minimum(merged, MAX_VARIANCE),
        "centered": moments["centered"],
    }


def feature_scale(moments: Moments) -> NDArray:
    """Unit of every feature; 1 for a feature that has been constant so far.

    The standard deviation, or, where features are not centered, the root mean square: a
    column that hardly varies about a large mean must not be blown up.
    """
    scale = np.sqrt(moments["variance"])
    if not moments["centered"]:
        return _nonzero(np.hypot(scale, moments["mean"]))
    rounding = CONSTANT_TOL * np.abs(moments["mean"])
    scale[scale <= rounding] = 1.0
    return _nonzero(scale)


def _nonzero(scale: NDArray) -> NDArray:
    """Scale with 1 where it is too small to divide by."""
    return np.where(scale <= SMALLEST_SCALE, 1.0, scale)


def standardize(X, moments: Moments):
    """X in units of standard deviations, centered as the moments say; dense or CSR."""
    scale = feature_scale(moments)
    if issparse(X):
        if moments["centered"]:
            X = X.toarray()
        else:
            scaled = X.copy()
            scaled.data = np.clip(scaled.data / scale[X.indices], -MAX_Z, MAX_Z)
            return scaled
    Z = (X - moments["mean"] if moments["centered"] else X) / scale
    return np.clip(Z, -MAX_Z, MAX_Z, out=Z)


def unfold(block: NDArray, layout: Layout, moments: Moments) -> NDArray:
    """The block that gives on standardized X the scores that ``block`` gives on raw X."""
    unfolded = block.copy()
    for weight, bias in input_maps(unfolded, layout):
        if moments["centered"]:
            bias += weight @ moments["mean"]
        weight *= feature_scale(moments)
    return unfolded


def fold(block: NDArray, layout: Layout, moments: Moments) -> NDArray:
    """The block that gives on raw X the scores that ``block`` gives on standardized X."""
    folded = block.copy()
    for weight, bias in input_maps(folded, layout):
        weight /= feature_scale(moments)
        if moments["centered"]:
            bias -= weight @ moments["mean"]
    return folded

"""Experts for a new stream, fitted side by side on parts of the past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from . import _calls
from ._batches import StreamBatch
from ._parameters import check_lengths


def fit_experts(shards, estimator, *, n_jobs: int | None = None) -> list:
    """Fit a clone of a classifier on every shard of the data, in parallel.

    One model a year, a branch or a region, say: they can become the `initial_experts` of
    :class:`~skfeamoe.FEAMOEClassifier`, whose gate learns on the stream that follows.

    Parameters
    ----------
    shards : mapping of name to shard, or iterable of shards
        Every shard is a :class:`StreamBatch` or a tuple ``(X, y)`` or ``(X, y,
        sensitive_features)``. Sensitive features and weights are passed on where ``fit``
        takes them. An iterable is read as workers become free.
    estimator : classifier
        What is cloned and fitted, such as a LogisticRegression or a Pipeline of a scaler
        and one.
    n_jobs : int, default=None
        Shards that are fitted at a time; None means 1, unless inside
        :func:`joblib.parallel_config`, which also chooses the backend ("loky",
        "threading", "dask", ...); -1 means all processors.

    Returns
    -------
    list of classifiers
        The fitted clones, in the order of the shards, whatever the backend.

    Raises
    ------
    ValueError
        If there is no shard, one cannot be fitted (its name or position is told), or the
        shards differ in classes or in the number of features.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skfeamoe.streaming import fit_experts
    >>> X, y = make_classification(300, random_state=0)
    >>> years = {2014 + i: (X[i::3], y[i::3]) for i in range(3)}
    >>> experts = fit_experts(years, LogisticRegression())
    >>> [expert.coef_.shape for expert in experts]
    [(1, 20), (1, 20), (1, 20)]
    """
    if not hasattr(estimator, "fit"):
        raise ValueError(f"estimator must have fit, got {estimator!r}")
    names: list[str] = []
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(_fitted)(name, shard, estimator) for name, shard in _named(shards, names)
    )
    if not fitted:
        raise ValueError("shards must hold at least one shard, got none")
    _check_alike(names, fitted)
    return fitted


def _named(shards, names: list[str]) -> Iterable[tuple[str, Any]]:
    """Yield name and shard, and note the names in their order."""
    pairs = shards.items() if isinstance(shards, Mapping) else enumerate(shards)
    for name, shard in pairs:
        names.append(f"shard {name!r}")
        yield names[-1], shard


def _fitted(name: str, shard, estimator) -> Any:
    """Fit one clone; an error names its shard."""
    try:
        batch = shard if isinstance(shard, StreamBatch) else StreamBatch(*shard)
        check_lengths(batch)
        extra = {
            key: getattr(batch, key)
            for key in ("sensitive_features", "sample_weight")
            if getattr(batch, key) is not None and _calls.accepts(estimator, "fit", key)
        }
        return clone(estimator).fit(batch.X, batch.y, **extra)
    except Exception as error:
        raise ValueError(f"{name} could not be fitted: {error}") from error


def _check_alike(names: list[str], fitted: list) -> None:
    """Experts of one mixture know the same classes and features."""
    for name, model in zip(names[1:], fitted[1:], strict=True):
        for what in ("classes_", "n_features_in_"):
            first, other = (np.asarray(getattr(m, what, ())) for m in (fitted[0], model))
            if not np.array_equal(first, other):
                raise ValueError(
                    f"{name} has {what}={other.tolist()}, but {names[0]} has "
                    f"{first.tolist()}; experts must know the same classes and features"
                )

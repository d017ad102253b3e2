"""`fit` on a Dask cluster: rounds of learning, one mean, and bounds on a common sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skfeamoe._bins import places_edges
from skfeamoe._drafts import drafted
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._optional import optional
from skfeamoe._parameters import (
    constraint_names,
    fingerprint,
)
from skfeamoe._told import Told, warn_if_inactive, warn_if_unmet
from skfeamoe.distributed import _shards
from skfeamoe.distributed._run import Run
from skfeamoe.streaming._progress import progress_bar


def fit(
    model,
    X,
    y,
    *,
    sensitive_features=None,
    sample_weight=None,
    propensity=None,
    classes=None,
    client=None,
    rows_per_round="auto",
    progress: bool = False,
    after_round: Callable[[dict[str, Any]], Any] | None = None,
) -> FEAMOEClassifier:
    """Fit a classifier on a cluster, in rounds, on shards that stay where they are.

    All shards start a round from the same parameters, learn some hundred rows or more each,
    and send their parameters back; the next round begins at the mean. At the end the bounds
    are kept on a sample of the people of all shards, and the gaps are measured on *all*
    people, as sums that every shard adds up by itself. A shard may hold a single group, or a
    single class.

    Parameters
    ----------
    model : FEAMOEClassifier
        Fitted in place, as by its own `fit`. Of its parameters, ``control="schedule"`` and
        ``growth="drift"`` need one stream and are refused.

    X : Dask DataFrame, Dask Array or list of shards
        Features: numbers, booleans, categories and text, with or without missing values, as
        in `fit`. A shard of a list is an array, a frame, or
        :func:`dask.delayed` of one, loaded where it is needed.

    y : Dask Series, Dask Array, list of shards or str
        Labels in the same partitions, None, NaN or the mark `unlabeled` where there is none;
        a name stands for a column of `X`.

    sensitive_features : Dask collection, list of shards, str or list of str, default=None
        Groups in the same partitions; names stand for columns of `X`, which are then no
        features.

    sample_weight : Dask collection, list of shards or str, default=None
        Weights in the same partitions.

    propensity : Dask collection, list of shards or str, default=None
        The chance with which the label of each row is seen, in the same partitions, as in
        `fit`.

    classes : array-like of shape (n_classes,), default=None
        All labels. None looks through `y` for them, which costs a pass over the labels.

    client : :class:`distributed.Client`, default=None
        The cluster. None takes the present client.

    rows_per_round : int or "auto", default="auto"
        Rows that a shard learns between two means. "auto": a hundredth of all that it
        learns, at least 256.

    progress : bool, default=False
        Whether to draw a progress bar (needs rich).

    after_round : callable, default=None
        Called after every round with a dict: ``round``, ``n_rounds``, ``rows_learned``,
        ``loss``, ``n_experts``.

    Returns
    -------
    model : FEAMOEClassifier
        The fitted classifier, which predicts, explains and learns on like any other.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If there is no client, shards differ in their columns, the parts differ in their
        partitions, or an argument or parameter is invalid; the model is then as it was.

    Warns
    -----
    FairnessWarning
        As by `fit`, of the gap of all people.

    Notes
    -----
    What travels: parameters, moments and counts, of categories with their names; a sample of
    rows for knots and bounds, at most 30,000 of all shards together; and `background_size`
    rows for explanations. Everything else stays on the workers. Tasks are pure functions of
    a shard and the round's parameters: when a worker is lost, Dask loads its shards again
    and does its tasks anew, and the result is the same bit for bit.

    References
    ----------
    B. McMahan, E. Moore, D. Ramage, S. Hampson and B. Aguera y Arcas (2017),
    "Communication-efficient learning of deep networks from decentralized data", AISTATS.

    Examples
    --------
    >>> from distributed import Client
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import fit
    >>> stream = make_credit_stream(8_000, drift=None, random_state=0)
    >>> shards = [slice(start, start + 2_000) for start in range(0, 8_000, 2_000)]
    >>> parts = (stream.data, stream.target, stream.sensitive_features)
    >>> X, y, group = ([part[shard] for shard in shards] for part in parts)
    >>> with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    ...     model = fit(FEAMOEClassifier(random_state=0), X, y, sensitive_features=group)
    >>> bool(model.group_gaps_["demographic_parity"] < 0.06)
    True
    """
    client = _client(client)
    _check_parameters(model, rows_per_round)
    shards = _shards.delayed_shards(X, y, sensitive_features, sample_weight, propensity)
    told = Told()
    with drafted(model) as draft, progress_bar(progress, None) as draw:
        run = Run(client, draft, shards, classes, rows_per_round)
        trained = run.learn(draw, after_round)
        run.keep_bounds(trained)
        for name, value in run.attributes.items():
            setattr(draft, name, value)
        draft._cache = {"parameters": fingerprint(draft)}
        draft.n_iter_ = run.n_passes
        draft._model = trained
        draft._warned_inactive = warn_if_inactive(told, draft, trained)
        warn_if_unmet(told, draft, trained, where="on the training data")
    told.give()
    return model


def _client(client):
    """The client that is given, or the present one."""
    distributed = optional("distributed", extra="distributed", purpose=_shards.PURPOSE)
    if client is not None:
        return client
    try:
        return distributed.default_client()
    except ValueError as error:
        raise ValueError(
            "there is no Dask client: make one before, client = distributed.Client(), which "
            "starts workers on this machine, or Client(address) of a cluster"
        ) from error


def _check_parameters(model, rows_per_round) -> None:
    """Refuse what cannot be learned in rounds."""
    if not isinstance(model, FEAMOEClassifier):
        raise ValueError(f"model must be a FEAMOEClassifier, got {type(model).__name__}")
    model._validate_params()
    if model.control == "schedule" and constraint_names(model):
        raise ValueError(
            'control="schedule" penalizes row after row by decisions of its own shard; use '
            'control="bound", or fit on one machine'
        )
    if model.growth == "drift":
        raise ValueError(
            'growth="drift" watches a stream in its order, which shards do not have; use '
            'growth="interval" or None, and watch the fitted model by monitor'
        )
    _check_bins(model.sensitive_bins)
    whole = isinstance(rows_per_round, (int, np.integer)) and not isinstance(
        rows_per_round, bool
    )
    if rows_per_round != "auto" and not (whole and rows_per_round >= 1):
        raise ValueError(
            f"rows_per_round must be 'auto' or a number of rows from 1, got {rows_per_round!r}"
        )


def _check_bins(asked) -> None:
    """Refuse edges that every shard would place by its own rows."""
    if places_edges(asked):
        raise ValueError(
            f"sensitive_bins={asked!r} places edges by quantiles of the rows at hand, which "
            "differ between shards; pass the edges themselves, such as [30, 45, 60]"
        )

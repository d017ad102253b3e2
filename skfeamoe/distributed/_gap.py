"""What drives the gap between groups, on Dask collections: sums of explanations, added up.

`skfeamoe.inspection.explain_gap` needs means of Shapley values and of their squares by group,
which are sums over rows: every partition explains its own and sends these alone.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skfeamoe._groups import encode_groups
from skfeamoe._named_groups import groups_of_rows
from skfeamoe._optional import optional
from skfeamoe.distributed._collections import PURPOSE, partitions_of, sent
from skfeamoe.inspection._gap import GroupMeans, gap_of_means, refuse_other_games
from skfeamoe.inspection._views import class_position, view_of_class

FAN_IN = 8
"""Partitions that are added up together."""

SAME_BASE = 1e-9
"""Base values of partitions are no further apart."""


def explain_gap(model, X, sensitive_features, *, groups=None, label=None, **explain_options):
    """Decompose the gap in mean probability between two groups of a Dask collection, lazily.

    Parameters
    ----------
    model : FEAMOEClassifier
        Fitted; sent to every worker once.

    X : Dask DataFrame or Array of shape (n_samples, n_features)
        Rows of both groups.

    sensitive_features : Dask Series, DataFrame or Array
        Groups, in the same partitions, named as `skfeamoe.inspection.explain_gap` does.

    groups : pair of str, default=None
        The groups to compare: the gap is the first minus the second. None takes those with
        the highest and the lowest mean probability.

    label : object, default=None
        The class whose probability is looked at; None is the favorable one.

    **explain_options : dict
        As in :func:`skfeamoe.inspection.explain_gap`. `random_state` is the same in every
        partition.

    Returns
    -------
    gap : delayed :class:`~skfeamoe.inspection.GapExplanation`
        ``gap.compute()`` has what `skfeamoe.inspection.explain_gap` says of all rows
        together; its groups are in sorted order. No row leaves its worker.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If the parts are no Dask collections, or differ in their partitions; when it is
        computed, if fewer than two groups have two rows.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import explain_gap
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(None, random_state=0).fit(stream.data, stream.target)
    >>> X = dd.from_pandas(stream.data[:200], npartitions=2)
    >>> group = dd.from_pandas(stream.sensitive_features[:200], npartitions=2)
    >>> gap = explain_gap(model, X, group, background=stream.data[:50])
    >>> found = gap.compute(scheduler="sync")
    >>> bool(abs(found.values.sum() - found.gap) < 1e-9)
    True
    """
    dask = optional("dask", extra="distributed", purpose=PURPOSE)
    check_is_fitted(model)
    refuse_other_games(explain_options)
    position = class_position(model, label)
    rows = partitions_of({"X": X, "sensitive_features": sensitive_features})
    add, model = dask.delayed(_added), sent(model)
    parts = [dask.delayed(_summed)(*row, model, position, explain_options) for row in rows]
    while len(parts) > 1:
        parts = [add(parts[start : start + FAN_IN]) for start in range(0, len(parts), FAN_IN)]
    return dask.delayed(_gap_of_sums)(parts[0], groups)


class Sums(NamedTuple):
    """Sums over explained rows by group; they add up."""

    names: list[str]  # of the players
    by_group: dict[str, NDArray]  # n, then sums of output, values and their squares
    base_values: list[float]  # the least and the largest
    n_unknown: int


def _summed(X, sensitive_features, model, position: int, options: dict[str, Any]) -> Sums:
    """Sums over one partition."""
    if not len(X):
        return Sums([], {}, [], 0)
    view = view_of_class(model.explain(X, **options), position)
    named = groups_of_rows(model, sensitive_features, len(X))
    codes, labels = encode_groups(named, len(X), [])
    output = view.base_values + view.values.sum(axis=1)
    columns = np.column_stack(
        [
            np.ones(len(X)),
            output,
            output**2,
            view.values,
            view.values**2,
            np.broadcast_to(view.error_std, view.values.shape) ** 2,
        ]
    )
    by_group = {str(name): columns[codes == a].sum(axis=0) for a, name in enumerate(labels)}
    base = [float(view.base_values.min()), float(view.base_values.max())]
    return Sums(view.names, by_group, base, int((codes < 0).sum()))


def _added(parts: list[Sums]) -> Sums:
    """Sums over the rows of all parts."""
    return reduce(_both, parts)


def _both(a: Sums, b: Sums) -> Sums:
    """Sums over the rows of two parts."""
    by_group = dict(a.by_group)
    for name, sums in b.by_group.items():
        by_group[name] = by_group[name] + sums if name in by_group else sums
    both = [*a.base_values, *b.base_values]
    base = [min(both), max(both)] if both else []
    return Sums(a.names or b.names, by_group, base, a.n_unknown + b.n_unknown)


def _gap_of_sums(sums: Sums, groups):
    """The decomposition from the sums over all rows."""
    labels = sorted(sums.by_group)
    if sums.base_values and sums.base_values[1] - sums.base_values[0] > SAME_BASE:
        raise ValueError(
            "partitions differ in their base value, so that group means miss the gap; give "
            "the same background for all rows"
        )
    d = len(sums.names)
    table = np.array([sums.by_group[name] for name in labels]).reshape(len(labels), 3 + 3 * d)
    n, output = table[:, 0], table[:, 1:3]
    values, squares, errors = (table[:, 3 + i * d : 3 + (i + 1) * d] for i in range(3))
    means = GroupMeans(
        labels,
        n.astype(np.intp),
        values=values / n[:, None],
        value_errors=_standard_error(n[:, None], values, squares),
        computation=np.sqrt(errors) / n[:, None],
        output=output[:, 0] / n,
        output_errors=_standard_error(n, output[:, 0], output[:, 1]),
        base_value=float(np.mean(sums.base_values)) if sums.base_values else float("nan"),
        n_unknown=sums.n_unknown,
    )
    return gap_of_means(sums.names, means, groups)


def _standard_error(n: NDArray, total: NDArray, squares: NDArray) -> NDArray:
    """Standard error of a mean from sums; nan for a single row."""
    spread = np.maximum(squares - total * total / n, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(np.where(n > 1, spread / (n - 1) / n, np.nan))

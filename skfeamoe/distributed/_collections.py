"""Scoring, explaining and measuring Dask collections where their partitions are.

Every function is applied partition by partition with its result's type known beforehand, so
that nothing is computed until it is asked for, and nothing is pulled to the client.

Over 400 lines, because half of the lines document three public functions.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from skfeamoe._fairness.constraints import gaps_of_rates
from skfeamoe._groups import encode_groups
from skfeamoe._optional import optional
from skfeamoe._parameter_checks import favorable_code
from skfeamoe.metrics._checks import as_labels
from skfeamoe.streaming import StreamMonitor, _tally

PURPOSE = "skfeamoe.distributed"
BASE = "base_value"
GAPS = tuple(gaps_of_rates())
RATES = ("n_rows", "base_rate", "selection_rate", "true_positive_rate", "false_positive_rate")
ALARMS = {"row": "int64", "cause": "object", "group": "object", "change": "object"}


def predict_proba(model, X):
    """Class probabilities of a Dask DataFrame or Array, lazily.

    Parameters
    ----------
    model : fitted classifier
        Or a Pipeline that ends with one; sent to every worker once.

    X : Dask DataFrame or Array of shape (n_samples, n_features)
        Rows to score.

    Returns
    -------
    proba : Dask DataFrame or Array of shape (n_samples, n_classes)
        Of the kind of `X`; a DataFrame has the classes as columns and the index of `X`.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If `X` is no Dask collection.

    Examples
    --------
    >>> import dask.array as da
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import predict_proba
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> X = stream.data.to_numpy()
    >>> model = FEAMOEClassifier(None, random_state=0).fit(X, stream.target)
    >>> proba = predict_proba(model, da.from_array(X, chunks=(500, -1)))
    >>> bool((proba.compute(scheduler="sync") == model.predict_proba(X)).all())
    True
    """
    names = [str(label) for label in model.classes_]
    return _by_rows(model, X, "predict_proba", names, np.float64)


def predict(model, X):
    """Decisions for a Dask DataFrame or Array, lazily.

    Parameters
    ----------
    model : fitted classifier
        Or a Pipeline that ends with one; sent to every worker once.

    X : Dask DataFrame or Array of shape (n_samples, n_features)
        Rows to decide on.

    Returns
    -------
    y_pred : Dask Series or Array of shape (n_samples,)
        Labels from ``classes_``.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If `X` is no Dask collection.

    Examples
    --------
    >>> import dask.array as da
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import predict
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> X = stream.data.to_numpy()
    >>> model = FEAMOEClassifier(None, random_state=0).fit(X, stream.target)
    >>> predict(model, da.from_array(X, chunks=(500, -1))).shape
    (2000,)
    """
    return _by_rows(model, X, "predict", None, np.asarray(model.classes_).dtype)


def explain(model, X, **options):
    """Shapley values of a Dask DataFrame, lazily.

    Parameters
    ----------
    model : FEAMOEClassifier
        Fitted, for two classes.

    X : Dask DataFrame of shape (n_samples, n_features)
        Rows to explain.

    **options : dict
        Passed on to :meth:`~skfeamoe.FEAMOEClassifier.explain`. `random_state` is the same in
        every partition.

    Returns
    -------
    values : Dask DataFrame of shape (n_samples, n_players + 1)
        A column per player and ``base_value``: a row sums to the output that is explained.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If `X` is no Dask DataFrame, or the model has more than two classes.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import explain
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(None, random_state=0).fit(stream.data, stream.target)
    >>> rows = dd.from_pandas(stream.data[:20], npartitions=2)
    >>> values = explain(model, rows).compute(scheduler="sync")
    >>> bool(np.allclose(values.sum(axis=1), model.predict_proba(stream.data[:20])[:, 1]))
    True
    """
    if len(model.classes_) != 2:
        raise ValueError(
            f"explain takes models of two classes, got {len(model.classes_)}; explain "
            "partitions of interest by the model's own explain, which has values per class"
        )
    if not _is_frame(X):
        raise ValueError(f"X must be a Dask DataFrame, got {type(X).__name__}")
    like = optional("dask.dataframe.utils", extra="distributed", purpose=PURPOSE)
    rows = like.meta_nonempty(X._meta)
    meta = _explained(rows, model, options=options, columns=[])[:0]
    table = partial(_explained, options=options, columns=list(meta.columns))
    return X.map_partitions(table, sent(model), meta=meta)


def group_metrics(y_true, y_pred, sensitive_features, *, favorable_label=None, classes=None):
    """Accuracy, gaps and group rates of decisions in Dask collections, by tree reduction.

    Parameters
    ----------
    y_true, y_pred : Dask Series or Array of shape (n_samples,)
        Labels and decisions, in the same partitions; none of them missing.

    sensitive_features : Dask Series, DataFrame or Array
        Groups, in the same partitions. Rows whose value is missing count in accuracy only.

    favorable_label : label, default=None
        The label that is good for the person; None is the last in sorted order.

    classes : sequence, default=None
        All labels; None takes those that occur, of which there must be two or the favorable
        one must be named.

    Returns
    -------
    metrics : delayed dict
        ``metrics.compute()`` is a dict: ``n_rows``, ``accuracy``,
        ``balanced_accuracy``, the ``*_difference`` of rates, as fairlearn has them between
        groups that have the rate (fairlearn counts a missing one as 0), and ``groups``, a
        DataFrame with the rates of every group.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If the parts are no Dask collections, or differ in their partitions. When it is
        computed, if labels are missing or not among the classes, or there are no rows.

    Examples
    --------
    >>> import dask.array as da
    >>> from skfeamoe.distributed import group_metrics
    >>> y_true, y_pred = da.from_array([0, 1, 1, 0], 2), da.from_array([0, 1, 0, 0], 2)
    >>> sex = da.from_array(np.array(["f", "f", "m", "m"]), 2)
    >>> found = group_metrics(y_true, y_pred, sex).compute(scheduler="sync")
    >>> found["accuracy"], found["demographic_parity_difference"]
    (0.75, 0.5)
    """
    dask = optional("dask", extra="distributed", purpose=PURPOSE)
    rows = partitions_of(
        {"y_true": y_true, "y_pred": y_pred, "sensitive_features": sensitive_features}
    )
    counted = [dask.delayed(_counted)(*row, number=k) for k, row in enumerate(rows)]
    while len(counted) > 1:
        counted = [
            dask.delayed(_added)(counted[start : start + 8])
            for start in range(0, len(counted), 8)
        ]
    return dask.delayed(_measures)(counted[0], favorable_label, classes)


def monitor(y_true, y_pred, sensitive_features, *, classes, **options):
    """Alarms of every partition of a log of decisions, lazily.

    A partition is a stream of its own, a day or a branch, say: `StreamMonitor` watches each
    from its first row on.

    Parameters
    ----------
    y_true, y_pred : Dask Series of shape (n_samples,)
        Labels and decisions, in the order of the stream within every partition.

    sensitive_features : Dask Series of shape (n_samples,)
        Groups, in the same partitions.

    classes : sequence
        All labels.

    **options : dict
        Passed on to :class:`~skfeamoe.streaming.StreamMonitor`.

    Returns
    -------
    alarms : Dask DataFrame
        Columns ``row`` (within its partition), ``cause``, ``group`` and ``change``.

    Raises
    ------
    ImportError
        If dask or river is not installed.
    ValueError
        If the parts are no Dask Series, or differ in their partitions.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from skfeamoe.distributed import monitor
    >>> rng = np.random.default_rng(0)
    >>> sex, y = rng.choice(["f", "m"], 8_000), rng.integers(2, size=8_000)
    >>> unfair = (sex == "f") & (np.arange(8_000) % 4_000 > 2_000) & (rng.random(8_000) < 0.5)
    >>> log = pd.DataFrame({"sex": sex, "y": y, "granted": np.where(unfair, 0, y)})
    >>> log = dd.from_pandas(log, npartitions=2)
    >>> alarms = monitor(log["y"], log["granted"], log["sex"], classes=[0, 1])
    >>> "selection_rate_gap" in set(alarms.compute(scheduler="sync")["cause"])
    True
    """
    parts = {"y_true": y_true, "y_pred": y_pred, "sensitive_features": sensitive_features}
    for name, part in parts.items():
        if not hasattr(part, "map_partitions"):
            raise ValueError(f"{name} must be a Dask Series, got {type(part).__name__}")
    if len({part.npartitions for part in parts.values()}) > 1:
        raise ValueError(
            "y_true, y_pred and sensitive_features must have the same partitions, got "
            f"{[part.npartitions for part in parts.values()]}"
        )
    meta = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in ALARMS.items()})
    return y_true.map_partitions(
        partial(_alarms, classes=list(classes), options=options),
        y_pred,
        sensitive_features,
        meta=meta,
        enforce_metadata=False,
    )


def _by_rows(model, X, method: str, columns: list[str] | None, dtype):
    """A method of the model on every partition."""
    optional("dask", extra="distributed", purpose=PURPOSE)
    if _is_frame(X):
        table = partial(_frame_of, method=method, columns=columns)
        meta = _framed(np.empty((0, len(columns or "1")), dtype), columns, X._meta.index)
        return X.map_partitions(table, sent(model), meta=meta)
    if hasattr(X, "map_blocks"):
        if X.numblocks[1] != 1:
            raise ValueError(
                f"X has its columns in {X.numblocks[1]} blocks; rechunk it so that every block "
                "has all columns: X.rechunk({1: -1})"
            )
        width = {"drop_axis": 1} if columns is None else {"chunks": (X.chunks[0], len(columns))}
        meta = np.empty((0,) if columns is None else (0, 0), dtype)
        return X.map_blocks(
            _array_of, model=sent(model), method=method, dtype=dtype, meta=meta, **width
        )
    raise ValueError(
        f"X must be a Dask DataFrame or Array, got {type(X).__name__}; the model's own "
        f"{method} is for rows that are here"
    )


def _is_frame(X) -> bool:
    """Whether X is a Dask DataFrame."""
    return hasattr(X, "map_partitions") and hasattr(X, "columns")


def sent(model):
    """The model as a task of its own, so that it travels once to every worker."""
    dask = optional("dask", extra="distributed", purpose=PURPOSE)
    return dask.delayed(model, pure=False)


def _array_of(X, *, model, method: str):
    """One block."""
    return getattr(model, method)(X)


def _frame_of(X: pd.DataFrame, model, *, method: str, columns: list[str] | None):
    """One partition."""
    if not len(X):
        width = 1 if columns is None else len(columns)
        return _framed(np.empty((0, width)), columns, X.index)
    return _framed(getattr(model, method)(X), columns, X.index)


def _framed(values, columns: list[str] | None, index):
    """Values as a frame, or as a series."""
    if columns is None:
        return pd.Series(np.ravel(values), index=index, name="y_pred")
    return pd.DataFrame(values, columns=columns, index=index)


def _explained(
    X: pd.DataFrame, model, *, options: dict[str, Any], columns: list[str]
) -> pd.DataFrame:
    """Values of one partition; ``columns`` are those of a partition without rows."""
    if not len(X):
        return pd.DataFrame(np.empty((0, len(columns))), columns=columns, index=X.index)
    explanation = model.explain(X, **options)
    frame = pd.DataFrame(explanation.values, columns=explanation.feature_names, index=X.index)
    return frame.assign(**{BASE: explanation.base_values})


def partitions_of(parts: dict[str, Any]) -> list[tuple]:
    """The partitions of several collections, side by side."""
    blocks = [_blocks(part, name) for name, part in parts.items()]
    if len({len(each) for each in blocks}) > 1:
        *first, last = parts
        raise ValueError(
            f"{', '.join(first)} and {last} must have the same partitions, got "
            f"{[len(each) for each in blocks]}"
        )
    return list(zip(*blocks, strict=True))


def _blocks(part, name: str) -> list:
    """Partitions of a collection."""
    if not hasattr(part, "to_delayed"):
        raise ValueError(f"{name} must be a Dask collection, got {type(part).__name__}")
    return list(np.ravel(np.asarray(part.to_delayed(), dtype=object)))


def _counted(y_true, y_pred, sensitive_features, *, number: int) -> dict[tuple, float]:
    """Rows of one partition by group, label and decision."""
    y_true, y_pred = (
        as_labels(f"{name} (of partition {number})", labels)
        for name, labels in (("y_true", y_true), ("y_pred", y_pred))
    )
    if len(y_pred) != len(y_true):
        raise ValueError(
            f"y_true and y_pred must have the same rows, got {len(y_true)} and {len(y_pred)} "
            f"in partition {number}; rechunk or repartition them alike"
        )
    codes, labels = encode_groups(sensitive_features, len(y_true), [])
    names = np.array([*labels, None], dtype=object)[codes]
    counts: dict[tuple, float] = {}
    for key in zip(names.tolist(), y_true.tolist(), y_pred.tolist(), strict=True):
        counts[key] = counts.get(key, 0.0) + 1.0
    return counts


def _added(parts: list[dict[tuple, float]]) -> dict[tuple, float]:
    """Sums of counts."""
    total: dict[tuple, float] = {}
    for key, count in (item for part in parts for item in part.items()):
        total[key] = total.get(key, 0.0) + count
    return total


def _classes(found: set, favorable_label, classes) -> tuple[list, int]:
    """All labels, sorted, and the place of the favorable one."""
    told = set() if classes is None else set(np.asarray(classes).tolist())
    if classes is None and len(found) == 1 and _alike(favorable_label, *found):
        found = found | {favorable_label}
    if told and found - told:
        raise ValueError(
            f"y_true and y_pred hold the labels {sorted(found - told, key=str)}, not in "
            f"classes={sorted(told)}; pass all labels as classes"
        )
    if len({isinstance(label, str) for label in told | found}) > 1:
        raise ValueError(
            "y_true, y_pred and classes must hold labels of one kind, got text beside numbers: "
            f"{sorted(told | found, key=str)}; bring them to text or to numbers"
        )
    known = sorted(told or found)
    if favorable_label is None and len(known) < 2:
        raise ValueError(
            f"classes must hold at least two labels, got {known} from the rows; pass all "
            "labels as classes, or the favorable_label"
        )
    hint = "; pass all labels as classes if it does not occur"
    return known, favorable_code(favorable_label, np.asarray(known), hint)


def _alike(label, other) -> bool:
    """Whether two labels are both text or both numbers."""
    return label is not None and isinstance(label, str) == isinstance(other, str)


def _measures(counts: dict[tuple, float], favorable_label, classes) -> dict[str, Any]:
    """What the counts tell."""
    if not counts:
        raise ValueError("y_true has no rows in any partition")
    classes, favorable = _classes(
        {label for _, *pair in counts for label in pair}, favorable_label, classes
    )
    groups = sorted({name for name, *_ in counts if name is not None})
    tally = _tally.new_tally(len(classes), len(groups))
    confusion = np.zeros((len(classes), len(classes)))
    for (name, true, made), count in counts.items():
        confusion[classes.index(true), classes.index(made)] += count
        if name is not None:
            cell = groups.index(name), int(classes.index(true) == favorable)
            for kept in ("cells", "counts", "squares"):  # every row weighs 1
                tally[kept][(*cell, int(classes.index(made) == favorable))] += count
    gaps = _tally.group_gaps(tally, 1)
    rates = _tally.group_rates(tally)
    table = pd.DataFrame({name: rates[name] for name in RATES}, index=groups)
    of_class = confusion.sum(axis=1)
    present = of_class > 0
    return {
        "n_rows": float(confusion.sum()),
        "accuracy": float(np.trace(confusion) / confusion.sum()),
        "balanced_accuracy": float((np.diag(confusion)[present] / of_class[present]).mean()),
        **{name: gaps[name] for name in GAPS},
        "groups": table.rename_axis("group"),
    }


def _alarms(y_true, y_pred, groups, *, classes: list, options: dict[str, Any]) -> pd.DataFrame:
    """Alarms of one partition."""
    watch = StreamMonitor(classes=classes, **options)
    found = []
    for start in range(0, len(y_true), 100):
        rows = slice(start, start + 100)
        found += watch.update(y_true.iloc[rows], y_pred.iloc[rows], groups.iloc[rows])
    columns = {name: [alarm[name] for alarm in found] for name in ALARMS}
    return pd.DataFrame(
        {name: pd.Series(columns[name], dtype=kind) for name, kind in ALARMS.items()}
    )

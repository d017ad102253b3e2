"""Shards: partitions of Dask collections or delayed pieces, checked where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skfeamoe._fairness.people import drawn_by_group, people_of_groups
from skfeamoe._labels import read_labels
from skfeamoe._optional import optional
from skfeamoe._rows import Rows
from skfeamoe._sensitive import are_comparable
from skfeamoe._terms import Terms
from skfeamoe._training.draws import Draws, generator
from skfeamoe._training.reservoir import Reservoir
from skfeamoe.distributed._tables import Codes, Seen, recoded_table

PURPOSE = "skfeamoe.distributed"


class Summary(NamedTuple):
    """What the coordinator learns of a shard: no rows but a sample for explanations."""

    n_rows: int
    has_weight: bool
    n_labels: NDArray  # (n_classes,), rows by class
    labels: list[str]  # of its groups
    terms: Terms  # that keep no rows
    seen: Seen
    background: Reservoir
    attributes: dict[str, Any]  # that checking the input has given the estimator


class Prepared(NamedTuple):
    """A shard where it lives."""

    rows: Rows
    summary: Summary


def delayed_shards(X, y, sensitive_features, sample_weight, propensity) -> list[dict[str, Any]]:
    """The pieces of all parts, shard by shard, as arguments of `prepare`."""
    dask = optional("dask", extra="distributed", purpose=PURPOSE)
    parts = {
        "y": y,
        "sensitive_features": sensitive_features,
        "sample_weight": sample_weight,
        "propensity": propensity,
    }
    X, parts = _split_columns(X, parts)
    pieces = {"X": _pieces(X, "X")}
    n_shards = len(pieces["X"])
    for name, part in parts.items():
        pieces[name] = [None] * n_shards if part is None else _pieces(part, name)
        if len(pieces[name]) != n_shards:
            raise ValueError(
                f"{name} comes in {len(pieces[name])} pieces and X in {n_shards}; give both "
                "the same partitions"
            )
    if not n_shards:
        raise ValueError("X must have at least one shard, got none")
    shards = [dict(zip(pieces, row, strict=True)) for row in zip(*pieces.values(), strict=True)]
    return [dask.delayed(_with_rows)(shard, k) for k, shard in enumerate(shards)]


def _with_rows(shard: dict[str, Any], number: int) -> dict[str, Any]:
    """A shard as it is; refuse one that a filter has left empty."""
    X = shard["X"]
    if (X.shape[0] if hasattr(X, "shape") else len(X)) == 0:
        raise ValueError(
            f"shard {number} of X (counted from 0) has no rows; merge partitions, "
            "table.repartition(npartitions=...), or leave it out, table.partitions[[...]], "
            "before X, y and the others are taken from the table"
        )
    return shard


def _split_columns(X, parts: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """X without the columns that are named as another part, and these parts."""
    named = {
        name: part
        for name, part in parts.items()
        if isinstance(part, str) or (name == "sensitive_features" and _all_text(part))
    }
    if not named:
        return X, parts
    if not hasattr(X, "to_delayed") or not hasattr(X, "columns"):
        raise ValueError(
            f"{list(named)} are given as names of columns, which takes a Dask DataFrame for X, "
            f"got {type(X).__name__}"
        )
    taken: list[str] = []
    for name, part in named.items():
        columns = [part] if isinstance(part, str) else list(part)
        missing = [column for column in columns if column not in X.columns]
        if missing:
            raise ValueError(f"{name} names {missing}, which are no columns of X")
        parts[name] = X[part]
        taken += columns
    return X.drop(columns=taken), parts


def _all_text(part) -> bool:
    """Whether a part is a list of names."""
    return isinstance(part, (list, tuple)) and all(isinstance(name, str) for name in part)


def _pieces(part, name: str) -> list:
    """The partitions of a Dask collection, or the pieces of a list."""
    if hasattr(part, "to_delayed"):
        blocks = np.asarray(part.to_delayed(), dtype=object)
        if blocks.ndim == 2 and blocks.shape[1] != 1:
            raise ValueError(
                f"{name} has its columns in {blocks.shape[1]} blocks; rechunk it so that every "
                "block has all columns: X.rechunk({1: -1})"
            )
        return list(blocks.ravel())
    if isinstance(part, (list, tuple)):
        return list(part)
    raise ValueError(
        f"{name} must be a Dask DataFrame, Series or Array, or a list of shards, got "
        f"{type(part).__name__}; one machine learns it by the classifier's own fit"
    )


def labels_of(shard: dict[str, Any], *, unlabeled) -> NDArray:
    """Class labels of a shard."""
    return np.unique(read_labels(shard["y"], len(shard["y"]), unlabeled).values)


def same(value):
    """The value itself, as a task: what all shards need is sent once, and not lost."""
    return value


def prepare(shard: dict[str, Any], seed: int, *, estimator, classes) -> Prepared:
    """Check a shard where it is, and learn what standardization and explanations need."""
    probe = clone(estimator).set_params(random_state=seed)
    known = ("sensitive_features", "sample_weight", "propensity")
    given = [shard[name] for name in known]
    model, rows = probe._start(shard["X"], shard["y"], classes, *given)
    if model.terms.is_linear:
        model.terms.update(rows.X, rows.weight)
    model.background.update(rows.X, rows.weight)
    unfitted = set(estimator.get_params(deep=False)) | {"_model"}
    attributes = {name: v for name, v in vars(probe).items() if name not in unfitted}
    summary = Summary(
        len(rows),
        bool(np.any(rows.weight)),
        np.bincount(rows.y[rows.y >= 0], minlength=len(probe.classes_)),
        list(model.groups),
        model.terms.without_rows(),
        Seen.of(rows, probe._table),
        model.background,
        attributes,
    )
    return Prepared(rows, summary)


def summary_of(prepared: Prepared) -> Summary:
    """What travels of a shard."""
    return prepared.summary


def in_common(prepared: Prepared, groups: NDArray, codes: Codes) -> Rows:
    """The rows of a shard with common codes of groups and categories."""
    rows = prepared.rows
    rows = rows.with_columns(recoded_table(rows.X, codes))
    return rows.with_groups(np.append(groups, -1)[rows.groups])  # unknown ones stay unknown


def standardized(rows: Rows, *, terms: Terms) -> Rows:
    """The rows of a shard in common units; tables stay as they are, as terms are many more."""
    return rows.with_columns(terms.transform(rows.X)) if terms.is_linear else rows


def sample_of(rows: Rows, n_rows: int, shard: int, *, seed: int) -> Rows:
    """At most so many rows of a shard, at random."""
    rng = generator(seed, Draws.SAMPLE, shard)
    return rows.take(np.sort(rng.permutation(len(rows))[:n_rows]))


def people_of(rows: Rows, *, n_groups: int) -> NDArray:
    """People of every group in a shard, and what they weigh, (2, n_groups)."""
    return people_of_groups(rows, n_groups)


def drawn_of(rows: Rows, numbers: NDArray, shard: int, *, seed: int) -> Rows:
    """So many people of every group of a shard, at random."""
    return drawn_by_group(rows, numbers, generator(seed, Draws.PEOPLE, shard))


def common_labels(summaries: Sequence[Summary]) -> tuple[list[str], list[NDArray]]:
    """All group labels, in the order of the shards, and every shard's codes among them."""
    labels = list(dict.fromkeys(label for summary in summaries for label in summary.labels))
    number = {label: code for code, label in enumerate(labels)}
    codes = [
        np.array([number[label] for label in summary.labels], dtype=np.intp)
        for summary in summaries
    ]
    return labels, codes


def check_alike(summaries: Sequence[Summary]) -> None:
    """Refuse shards of other columns than the first."""
    first = summaries[0].attributes
    for k, summary in enumerate(summaries):
        for name in ("n_features_in_", "feature_names_in_"):
            mine, theirs = (np.asarray(x.get(name)) for x in (first, summary.attributes))
            if not np.array_equal(mine, theirs):
                raise ValueError(
                    f"shard {k} has other columns than shard 0: {theirs} instead of {mine}; "
                    "bring all shards to the same columns"
                )
        if summary.background.sparse != summaries[0].background.sparse:
            raise ValueError(
                f"X is sparse in shard {k} or in shard 0, and dense in the other; bring all "
                "shards to one of the two"
            )
    known = [
        (k, names)
        for k, summary in enumerate(summaries)
        if (names := summary.attributes["_sensitive_names"])
    ]
    for k, names in known[1:]:
        number, others = known[0]
        if len(names) != len(others) or (names != others and are_comparable(names, others)):
            raise ValueError(
                f"shard {k} has the sensitive columns {names} and shard {number} {others}, "
                "whose groups have other names; bring all shards to the same columns in one "
                "order"
            )

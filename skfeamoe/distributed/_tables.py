"""Tables of several shards or models: one dictionary of categories for all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._rows import Rows
from skfeamoe._terms import ColumnTerms
from skfeamoe._terms.category import CategoryTerms
from skfeamoe._terms.common import common_categories, common_holes
from skfeamoe._terms.missing import MissingTerms
from skfeamoe._terms.table import NUMBER, TableEncoder
from skfeamoe._training.model import Model
from skfeamoe._training.reservoir import Reservoir

Codes = dict[int, NDArray]
"""New codes of what had the codes 0, 1, 2, ..., by column of categories."""


class Seen(NamedTuple):
    """What a shard has seen of its table: all of it adds up exactly."""

    counts: dict[int, NDArray]  # rows by code, of columns of categories
    holed: NDArray  # (n_columns,) bool, whether a value is missing
    empty: NDArray  # (n_columns,) bool, whether all are

    @classmethod
    def of(cls, rows: Rows, table: TableEncoder | None) -> Self:
        """Of rows that count."""
        if issparse(rows.X):
            nothing = np.zeros(rows.X.shape[1], dtype=bool)
            return cls({}, nothing, nothing)
        X = rows.X[rows.weight > 0.0]
        holes = np.isnan(X)
        counts = {
            int(j): np.bincount(X[X[:, j] >= 0.0, j].astype(np.intp)).astype(np.float64)
            for j in np.flatnonzero([] if table is None else table.is_category)
        }
        return cls(counts, holes.any(axis=0), np.isnan(rows.X).all(axis=0))


def column_terms(
    terms: ColumnTerms,
    seen: Sequence[Seen],
    codes: Sequence[Codes],
    sample: Sequence[Rows],
    n_rows: Sequence[int],
) -> ColumnTerms:
    """Let terms that know nothing learn the tables of all shards.

    Counts of categories and holes are those of all rows, so that slots and indicators are
    those of one machine whatever the shards. Knots are quantiles of a ``sample`` of every
    shard of ``n_rows`` rows, and as many as all of these rows ask for.
    """
    columns = terms.category.tolist()
    parts = [
        CategoryTerms.counted([own.counts.get(j, np.zeros(0)) for j in columns]) for own in seen
    ]
    moved = [
        part.recoded({k: new[j] for k, j in enumerate(columns) if j in new})
        for part, new in zip(parts, codes, strict=True)
    ]
    categories, _ = common_categories(moved)
    holes = [MissingTerms(terms.n_inputs, np.flatnonzero(own.holed)) for own in seen]
    missing, _ = common_holes(holes)
    rows, stand_for = (
        Rows.join(sample),
        [n / max(len(r), 1) for n, r in zip(n_rows, sample, strict=True)],
    )
    share = np.repeat(stand_for, [len(part) for part in sample]) * (len(rows) / sum(n_rows))
    weight, n = rows.weight * share, float(sum(n_rows))
    return terms.of_tables(categories, missing, rows.X, weight, n)


def common_encoder(
    parts: Sequence[TableEncoder | None],
    names: Sequence[str],
    empty: Sequence[Sequence[bool]] | None = None,
) -> tuple[TableEncoder | None, list[Codes]]:
    """One encoder for all, None where all are arrays of numbers, and the codes of each part.

    ``empty`` are the columns in which a part has met no value.
    """
    if all(part is None for part in parts):
        return None, [{} for _ in parts]
    n = len(names)
    known = [TableEncoder([NUMBER] * n, [[]] * n) if p is None else p for p in parts]
    nowhere = [[False] * n] * len(parts)
    return TableEncoder.in_common(known, names, nowhere if empty is None else empty)


def recoded_table(X, codes: Codes):
    """A table with other codes of its categories; holes stay, and so do unknown ones."""
    if not codes:
        return X
    X = X.copy()
    for j, new in codes.items():
        known = X[:, j] >= 0.0
        X[known, j] = new[X[known, j].astype(np.intp)]
    return X


def recoded_sample(sample: Reservoir, codes: Codes) -> Reservoir:
    """A sample with other codes of categories."""
    return sample.rewritten(partial(recoded_table, codes=codes)) if codes else sample.copy()


def recoded_model(model: Model, codes: Codes) -> Model:
    """A copy of a model for tables with other codes of categories."""
    if not codes:
        return model.copy()
    assert isinstance(model.terms, ColumnTerms)
    change = partial(recoded_table, codes=codes)
    other = model.rewritten(model.terms.recoded(codes), change)
    if isinstance(other.monitor, BoundMonitor):
        other.monitor.people.rewrite(change)
    return other

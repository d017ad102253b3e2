"""Groups of rows that are looked at, or counted in a stream, as the classifier names them."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from skfeamoe._bins import SensitiveBins
from skfeamoe._classifier import last_step
from skfeamoe._groups import encode_groups, is_missing
from skfeamoe._sensitive import SensitiveColumns, are_comparable, read_sensitive


def groups_of_rows(estimator, sensitive_features, n_rows: int) -> NDArray | None:
    """Group of every row, (n_rows,), None where a value is missing; None without groups.

    What the classifier has learned from is cut and joined as it does it. Other attributes, and
    names that it has given, are taken as they are.
    """
    if sensitive_features is None:
        return None
    codes, labels = encode_groups(sensitive_features, n_rows, [])  # refuses other lengths
    learned = last_step(estimator)
    if _are_learned(learned, sensitive_features) and not set(labels) <= set(learned.groups_):
        return learned.sensitive_groups(sensitive_features)
    return np.array([*labels, None], dtype=object)[codes]


def _are_learned(learned, sensitive_features) -> bool:
    """Whether these are the columns that a classifier has learned groups from."""
    known = getattr(learned, "_sensitive_names", None)
    if known is None or not hasattr(learned, "sensitive_groups"):
        return False
    return _are_same(read_sensitive(sensitive_features).names, known)


def _are_same(names: list, known: list) -> bool:
    """Whether columns are the known ones, in any order."""
    if are_comparable(names, known):
        return sorted(map(str, names)) == sorted(map(str, known))
    return len(names) == len(known)


def bins_of_rows(estimator, sensitive_features, *, learns: bool) -> SensitiveBins | None:
    """How a classifier cuts the columns of a stream, None where it leaves them as they are.

    Those that it has learned are cut as it does it; others, if it ``learns`` from the stream,
    as its parameter asks. Names stay names where it does not.
    """
    model, given = last_step(estimator), read_sensitive(sensitive_features)
    known = getattr(model, "_sensitive_names", None)
    if known is None:
        return _asked_bins(model, given) if learns else None
    bins = getattr(model, "_bins", None)
    if bins is None or not _are_same(given.names, known):
        return None
    edges = bins.edges
    if are_comparable(given.names, known):
        edges = [edges[known.index(name)] for name in given.names]
    cut = [a for a, edge in zip(given.values, edges, strict=True) if edge is not None]
    return None if not learns and all(map(_holds_names, cut)) else SensitiveBins(edges)


def _holds_names(column: list) -> bool:
    """Whether a column has values, of which none is a number."""
    known = [value for value in column if not is_missing(value)]
    return bool(known) and not any(map(_is_number, known))


def _is_number(value) -> bool:
    """Whether a value can be cut."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _asked_bins(model, given: SensitiveColumns) -> SensitiveBins | None:
    """Bins of columns that a classifier has not learned yet, as its parameter asks."""
    asked = getattr(model, "sensitive_bins", None)
    columns = getattr(model, "sensitive_columns", None)  # of X, which the stream may repeat
    if asked is None:
        return None
    names = given.names
    if columns is not None:
        columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
        if not _are_same(names, columns):
            return None
        names = names if are_comparable(names, columns) else columns
    return SensitiveBins.of(asked, given.values, names)

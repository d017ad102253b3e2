"""Sensitive features of any shape as columns, with their names, for tables and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skfeamoe._bins import SensitiveBins
from skfeamoe._frames import columns_of
from skfeamoe._groups import texts_of
from skfeamoe._sensitive import SensitiveColumns, is_unnamed, matched, read_sensitive


def sensitive_columns(
    sensitive_features: Any, known: Sequence[str] = ()
) -> tuple[list[str], list[list]]:
    """Names and values of the sensitive columns of a DataFrame, Series, array or list.

    Columns come in the order of the ``known`` ones of the same stream.
    """
    given = read_sensitive(sensitive_features)
    own = _names(sensitive_features, given)
    if not known:
        return own, given.values
    asked: list = list(known)
    if asked == _places(len(asked)) and set(own) != set(asked):
        asked = list(range(len(asked)))
    names = given.names if is_unnamed(given.names) else own
    found = matched(SensitiveColumns(names, given.values), asked)
    return own if is_unnamed(asked) else asked, found.values


def common_bins(bins: Mapping[str, SensitiveBins | None]) -> SensitiveBins | None:
    """How all models cut the columns of a stream, of those that cut them, by name."""
    cutting = {name: each for name, each in bins.items() if each is not None}
    if not cutting:
        return None
    (first, common), *others = cutting.items()
    for name, each in others:
        if _cuts(each) != _cuts(common):
            raise ValueError(
                f"the estimators {first!r} and {name!r} must cut sensitive_features alike to "
                f"be compared, but sensitive_bins cut at {_cuts(common)} and {_cuts(each)}; "
                "give both the same sensitive_bins, or fit them before, train neither, and "
                "pass names of groups, as sensitive_groups gives them"
            )
    return common


def _cuts(bins: SensitiveBins) -> list:
    """Edges by column, as plain numbers."""
    return [None if edges is None else edges.tolist() for edges in bins.edges]


def _names(sensitive_features: Any, given: SensitiveColumns) -> list[str]:
    """What to call the columns in tables."""
    if not is_unnamed(given.names) or columns_of(sensitive_features) is not None:
        return [str(name) for name in given.names]
    name = getattr(sensitive_features, "name", None)
    if len(given.names) == 1 and name:
        return [str(name)]
    return _places(len(given.names))


def _places(n_columns: int) -> list[str]:
    """What to call columns that have no names."""
    return ["sensitive"] if n_columns == 1 else [f"sensitive_{j}" for j in range(n_columns)]


def group_labels(columns: list[list]) -> list[tuple[str, ...] | None]:
    """Group of each row as a tuple of texts; None where any value is missing."""
    rows = zip(*(texts_of(values, "sensitive_features") for values in columns), strict=True)
    return [None if None in row else row for row in rows]

"""Groups of people: from sensitive features of any shape to labels and codes, in one home.

The label of a group is the text of its sensitive value; values of several columns are joined
by `SEPARATOR`, each with its "&" doubled, so that different combinations never share a label.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._bins import SensitiveBins
from skfeamoe._sensitive import read_sensitive

UNKNOWN = -1
"""Group code of a row whose sensitive value is missing."""

SEPARATOR = " & "
"""Stands between the values of several sensitive columns in the name of an intersection."""


MANY_GROUPS, FEW_PEOPLE = 50, 20
"""More groups than this in a `fit`, of fewer people each than this, cannot be compared."""

MANY_IN_STREAM, FEW_IN_STREAM = 500, 4
"""The same for a stream, in which people of each group may still come."""


def check_group_sizes(labels: Sequence[str], n_known: int, *, all_rows: bool) -> None:
    """Refuse sensitive features that have nearly as many values as there are people.

    ``labels`` are those of ``n_known`` rows; ``all_rows`` says that no others will come.
    """
    many, few = (MANY_GROUPS, FEW_PEOPLE) if all_rows else (MANY_IN_STREAM, FEW_IN_STREAM)
    if len(labels) > many and n_known < few * len(labels):
        some = ", ".join(repr(label) for label in labels[-3:])
        raise ValueError(
            f"sensitive_features has {len(labels):,} different values in {n_known:,} rows "
            f"(..., {some}), which leaves fewer than {few} people a group; cut numbers such "
            "as an age by sensitive_bins (or pandas.cut), and merge rare values"
        )


def bins_of(sensitive, asked, name: str = "sensitive_features") -> SensitiveBins:
    """Bins for sensitive features, as the parameter ``sensitive_bins`` asks."""
    names, values = read_sensitive(sensitive, name=name)
    return SensitiveBins.of(asked, values, names)


def encode_groups(
    sensitive,
    n_samples: int,
    labels: Sequence[str],
    name: str = "sensitive_features",
    bins: SensitiveBins | None = None,
) -> tuple[NDArray, list[str]]:
    """Group codes of every row and the list of all groups seen so far.

    ``sensitive`` is an array, Series, DataFrame (pandas or polars), list, or what
    `read_sensitive` has made of it; several columns make intersections; a missing value in
    any column makes the row's group unknown, -1. New groups get the next free codes.
    ``labels`` is not changed. ``bins`` cut numbers.
    """
    names, values = read_sensitive(sensitive, name=name)
    if bins is not None:
        values = bins.texts(values, names)
    columns = [texts_of(column, name) for column in values]
    length = len(columns[0])
    if length != n_samples:
        raise ValueError(
            f"{name} must have one entry per row of X: X has {n_samples} rows, "
            f"{name} has {length}"
        )
    known = list(labels)
    code_of: dict[str | None, int] = {label: code for code, label in enumerate(known)}
    code_of[None] = UNKNOWN
    groups = columns[0] if len(columns) == 1 else _intersections(columns)
    for label in dict.fromkeys(groups):
        if label not in code_of:
            code_of[label] = len(known)
            known.append(str(label))
    return np.fromiter(map(code_of.__getitem__, groups), np.intp, length), known


def texts_of(column: list, name: str) -> list[str | None]:
    """Every value as text, None where it is missing.

    Values are looked up together with their type: 1 and True are equal and hash alike, but
    what a group is called must not depend on which of them came first.
    """
    if set(map(type, column)) <= {str, type(None)}:
        return column
    cache: dict[Any, str] = {}
    texts: list[str | None] = []
    for value in column:
        try:
            text = value if value.__class__ is str else cache.get((value.__class__, value))
        except TypeError:
            raise ValueError(
                f"{name} must hold plain values such as text or numbers, got {value!r} of "
                f"type {type(value).__name__}; rows of several columns need one length"
            ) from None
        if text is None and not is_missing(value):
            text = cache[value.__class__, value] = _text(value)
        texts.append(text)
    return texts


def _intersections(columns: list[list[str | None]]) -> list[str | None]:
    """Names of the combinations of several columns, None where a part is missing."""
    name_of: dict[tuple, str | None] = {}
    names = []
    for parts in zip(*columns, strict=True):
        if parts not in name_of:
            name_of[parts] = None if None in parts else group_name(parts)
        names.append(name_of[parts])
    return names


def group_name(parts: Sequence[str]) -> str:
    """Name of a group from its texts by column; different texts never share a name."""
    if len(parts) == 1:
        return parts[0]
    return SEPARATOR.join(part.replace("&", "&&") for part in parts)


def is_missing(value) -> bool:
    """Whether a scalar is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def _text(value) -> str:
    """Name of a group: the same for 1 and 1.0, another one for True.

    Booleans with a hole that became floats, 0.0 and 1.0, are therefore other groups than the
    booleans; a column of a type that knows holes, or of objects, keeps them.
    """
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)

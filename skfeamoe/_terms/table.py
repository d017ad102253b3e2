"""Tables become matrices of numbers: one column each, categories as codes, holes as NaN.

A table is a data frame (pandas, polars, Arrow: whatever narwhals reads) or an array of
objects. Numbers and booleans stay as they are; categories become codes 0, 1, 2, ... of a
dictionary per column, those of the first table in sorted order, later ones as they appear; a
category that was never learned is -1; what is missing is NaN. Everything behind this door
sees one float64 matrix with the columns of X.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from typing import Any, NamedTuple, Self

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1.0
"""Code of a category that was never learned."""

MOST_LABELS = 100_000
"""Categories that a column's dictionary holds; later ones count as unknown."""

MOMENTS = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
"""Types of dates, times and durations; a datetime is a date."""

NO_MOMENTS = (
    "which are no features as they are; give numbers, such as the days since a fixed date, or "
    "leave it out"
)

NUMBER, FLAG, CATEGORY = "number", "flag", "category"
"""Kinds of columns: numbers, booleans (0 and 1), and categories."""


class Column(NamedTuple):
    """One column of a table: a float array, or a list of labels with None for holes.

    With ``which`` the labels are given once each, and the rows by their positions.
    """

    name: str
    kind: str
    values: Any
    which: NDArray | None = None


class Table(NamedTuple):
    """Columns of equal length."""

    columns: list[Column]
    n_rows: int
    has_names: bool

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but numbers."""
        return all(column.kind == NUMBER for column in self.columns)


class TableEncoder:
    """The kinds of a table's columns and the dictionaries of its categories.

    It is never changed: `learn` returns another one.
    """

    def __init__(self, kinds: Sequence[str], labels: Sequence[Sequence]) -> None:
        self.kinds = list(kinds)
        self.labels = [list(known) for known in labels]
        self._index = [
            {None: np.nan, **{label: float(i) for i, label in enumerate(k)}}
            for k in self.labels
        ]

    @classmethod
    def start(cls, table: Table, is_category: Sequence[bool] | None) -> Self:
        """The encoder of a first table; ``is_category`` None goes by the types of columns."""
        kinds = [column.kind for column in table.columns]
        if is_category is not None:
            for column, chosen in zip(table.columns, is_category, strict=True):
                if column.kind == CATEGORY and not chosen:
                    raise ValueError(
                        f"column {column.name!r} holds text or categories, and "
                        "categorical_features does not list it; list it, or give numbers"
                    )
            kinds = [
                CATEGORY if chosen else kind
                for kind, chosen in zip(kinds, is_category, strict=True)
            ]
        return cls(kinds, [[] for _ in kinds])

    @classmethod
    def in_common(
        cls, parts: Sequence[Self], names: Sequence[str], empty: Sequence[Sequence[bool]]
    ) -> tuple[Self, list[dict[int, NDArray]]]:
        """The encoder that knows all categories of several, in sorted order.

        Also, for every part, the new codes of what had the codes 0, 1, ... in each column of
        categories. ``empty`` are the columns in which a part has met no value, and therefore
        cannot know their kind.
        """
        kinds = [
            _common_kind(
                name, [p.kinds[j] for p, e in zip(parts, empty, strict=True) if not e[j]]
            )
            or parts[0].kinds[j]
            for j, name in enumerate(names)
        ]
        labels = [
            _common_labels(name, [part.labels[j] for part in parts])
            for j, name in enumerate(names)
        ]
        made = cls(kinds, labels)
        codes = [
            {
                j: np.array([index[label] for label in known])
                for j, (index, known) in enumerate(zip(made._index, part.labels, strict=True))
                if known
            }
            for part in parts
        ]
        return made, codes

    @property
    def is_category(self) -> list[bool]:
        """Which columns are categories."""
        return [kind == CATEGORY for kind in self.kinds]

    def learn(self, table: Table) -> tuple[Self, NDArray]:
        """The encoder that knows the table's categories too, and the table's matrix."""
        labels = [
            _extended(self.labels[j], self._index[j], column) if kind == CATEGORY else []
            for j, (kind, column) in enumerate(zip(self.kinds, table.columns, strict=True))
        ]
        same = all(len(a) == len(b) for a, b in zip(labels, self.labels, strict=True))
        learned = self if same else type(self)(self.kinds, labels)
        return learned, learned.encode(table)

    def encode(self, table: Table) -> NDArray:
        """The table's matrix, (n_rows, n_columns), float64."""
        matrix = np.empty((table.n_rows, len(table.columns)))
        for j, column in enumerate(table.columns):
            matrix[:, j] = self._encoded(j, column)
        return matrix

    def _encoded(self, j: int, column: Column) -> NDArray:
        """One column as numbers."""
        if self.kinds[j] == CATEGORY:
            _check_same_kind(self.labels[j], column)
            labels, which = _labels_of(column)
            codes = _codes(labels, self._index[j])
            return codes if which is None else codes[which]
        if column.kind == CATEGORY:
            present = next((v for v in _present(column) if v is not None), None)
            if present is None:
                return np.full(_length(column), np.nan)
            raise ValueError(
                f"column {column.name!r} held numbers when the model was started and holds "
                f"{present!r} now; give numbers, or start a new model"
            )
        return column.values

    def label(self, j: int, code: float) -> str:
        """The user's word for a code of column j."""
        if np.isnan(code):
            return "(missing)"
        if self.kinds[j] == CATEGORY:
            known = 0 <= code < len(self.labels[j])
            return str(self.labels[j][int(code)]) if known else "(unknown)"
        if self.kinds[j] == FLAG and code in (0.0, 1.0):
            return str(bool(code))
        return f"{code:.6g}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"kinds": self.kinds, "labels": self.labels}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The encoder that `to_dict` has written."""
        return cls(data["kinds"], data["labels"])


def read_table(X) -> Table | None:
    """The columns of a data frame or an array of objects; None for anything else."""
    if nw.dependencies.is_pandas_dataframe(X):
        return Table([_pandas_column(str(n), s) for n, s in X.items()], len(X), True)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        columns = [_frame_column(frame.get_column(name)) for name in frame.columns]
        return Table(columns, len(frame), True)
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 2 and X.size:
        columns = [_object_column(f"x{j}", list(X[:, j])) for j in range(X.shape[1])]
        return Table(columns, len(X), False)
    return None


def _pandas_column(name: str, series) -> Column:
    """A column of a frame of pandas; the usual types without the way through narwhals."""
    dtype = series.dtype
    kind = dtype.kind if isinstance(dtype, np.dtype) else ""
    if kind and kind in "fiu":
        return Column(name, NUMBER, series.to_numpy(dtype=np.float64))
    if kind == "b":
        return Column(name, FLAG, series.to_numpy(dtype=np.float64))
    if kind == "O":
        return _object_column(name, series.tolist())
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r}")
    if getattr(dtype, "categories", None) is not None:
        labels = _plain_labels(dtype.categories.tolist(), name)
        return Column(name, CATEGORY, [*labels, None], series.array.codes)
    if dtype.name in ("str", "string"):
        return Column(name, CATEGORY, _plain_labels(series.tolist(), name))
    return _frame_column(nw.from_native(series, series_only=True).alias(name))


def _frame_column(series) -> Column:
    """A column of a data frame."""
    name, dtype = str(series.name), series.dtype
    if dtype == nw.Boolean:
        return Column(name, FLAG, _floats(series.cast(nw.Float64)))
    if dtype.is_numeric():
        return Column(name, NUMBER, _floats(series.cast(nw.Float64)))
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return Column(name, CATEGORY, _plain_labels(series.to_list(), name))
    if dtype == nw.Object:
        return _object_column(name, series.to_list())
    if dtype.is_temporal():
        raise ValueError(f"column {name!r} holds dates or times ({dtype}), {NO_MOMENTS}")
    if dtype == nw.Unknown and _is_number_type(series):
        return Column(name, NUMBER, np.asarray(series.to_native(), dtype=np.float64))
    raise ValueError(
        f"column {name!r} has the type {_shown_type(series)}, which is neither number, "
        "boolean, text nor category; convert it to one of these, or leave it out"
    )


def _shown_type(series) -> str:
    """The type of a column in the words of its library."""
    return str(getattr(series.to_native(), "dtype", series.dtype))


def _is_number_type(series) -> bool:
    """Whether a column of a type that narwhals does not know holds numbers (sparse ones)."""
    dtype = getattr(series.to_native(), "dtype", None)
    kind = getattr(getattr(dtype, "subtype", None), "kind", "")
    return hasattr(dtype, "fill_value") and kind in "fiub"


def _floats(series) -> NDArray:
    """Numbers with NaN where they are missing."""
    return np.asarray(series.fill_null(np.nan).to_numpy(), dtype=np.float64)


def _object_column(name: str, values: list) -> Column:
    """A column of Python objects, by what they are."""
    plain = [_plain(value, name) for value in values]
    present = [value for value in plain if value is not None]
    texts = [value for value in present if isinstance(value, str)]
    if texts and len(texts) < len(present):
        other = next(value for value in present if not isinstance(value, str))
        raise ValueError(
            f"column {name!r} mixes text and numbers, such as {texts[0]!r} and {other!r}; "
            "give one type, or make it a category column of text"
        )
    if texts:
        return Column(name, CATEGORY, plain)
    flags = bool(present) and all(isinstance(value, bool) for value in present)
    numbers_of = [np.nan if value is None else float(value) for value in plain]
    return Column(name, FLAG if flags else NUMBER, np.array(numbers_of))


def _plain_labels(values: list, name: str) -> list:
    """Labels as plain data."""
    return [v if v.__class__ is str else _plain(v, name) for v in values]


def _plain(value, name: str):
    """A label, number or boolean as plain data; None if it is missing."""
    if value.__class__ is str:
        return value
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, MOMENTS):
        raise ValueError(
            f"column {name!r} holds dates or times, such as {value!s}, {NO_MOMENTS}"
        )
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (numbers.Real, Decimal)):
        return float(value)
    raise TypeError(
        f"column {name!r} holds {value!r} of type {type(value).__name__}; a value of X must be "
        "a number, a boolean or text, so make it one of these, with str() say: float() "
        "argument must be a string or a real number"
    )


def _labels_of(column: Column) -> tuple[list, NDArray | None]:
    """Labels of a column of categories; of numbers the distinct ones, and their places."""
    if column.kind == CATEGORY:
        return column.values, column.which
    values, which = np.unique(column.values, return_inverse=True)
    if column.kind == FLAG:
        return [None if np.isnan(v) else bool(v) for v in values], which
    plain = values.tolist()
    return [None if v != v else int(v) if v.is_integer() else v for v in plain], which


def _present(column: Column) -> list:
    """Labels that the rows of a column have, and None where one has none."""
    labels, _ = _labels_of(column)
    return labels if column.which is None else [labels[i] for i in np.unique(column.which)]


def _length(column: Column) -> int:
    """Rows of a column."""
    return len(column.values if column.which is None else column.which)


def _codes(labels: list, index: dict) -> NDArray:
    """Codes of labels."""
    return np.fromiter(map(index.get, labels, repeat(UNKNOWN)), np.float64, len(labels))


def _extended(known: list, index: dict, column: Column) -> list:
    """The known labels, and after them those of a column that are not in their index."""
    _check_same_kind(known, column)
    labels, _ = _labels_of(column)
    if all(map(index.__contains__, labels)):
        return known
    new = [v for v in dict.fromkeys(_present(column)) if v not in index]
    if not known and len({type(v) for v in new}) == 1:
        new.sort()
    return [*known, *new][:MOST_LABELS] if new else known


def _check_same_kind(known: list, column: Column) -> None:
    """Refuse numbers where categories are text, and text where they are numbers."""
    if not known or (column.which is not None and not (column.which >= 0).any()):
        return
    new = next((v for v in _labels_of(column)[0] if v is not None), None)
    if new is not None and isinstance(new, str) != isinstance(known[0], str):
        raise ValueError(
            f"column {column.name!r} held categories such as {known[0]!r} when the model was "
            f"started and holds {new!r} now; give values of the same type"
        )


def _common_kind(name: str, kinds: Sequence[str]) -> str | None:
    """The kind of a column of several tables; None if none of them tells."""
    found = set(kinds)
    if CATEGORY in found and len(found) > 1:
        raise ValueError(
            f"column {name!r} holds text or categories in one table and numbers in another; "
            "give values of the same type, or list it in categorical_features"
        )
    return NUMBER if found == {NUMBER, FLAG} else next(iter(found), None)


def _common_labels(name: str, parts: Sequence[list]) -> list:
    """The categories of a column of several tables, in sorted order."""
    both = list(dict.fromkeys(label for known in parts for label in known))
    if len({isinstance(label, str) for label in both}) > 1:
        texts = [label for label in both if isinstance(label, str)]
        others = [label for label in both if not isinstance(label, str)]
        raise ValueError(
            f"column {name!r} holds categories such as {texts[0]!r} in one table and "
            f"{others[0]!r} in another; give values of the same type"
        )
    return sorted(both)

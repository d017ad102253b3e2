"""Raw rows on their way into the models, and a record of what was odd about them.

FEAMOE takes raw rows as they are: its own terms learn categories, and holes, as they come.
The rivals need numbers, and have an encoder that is fitted on the first rows. `Encoding` is
all that the rest of the command line knows of it: what passes rows on to the models, the
rivals' encoder, notes for the reader, and the saved model that takes raw rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skfeamoe._terms.category import SLOT_ROWS
from skfeamoe.datasets import make_preprocessor
from skfeamoe.datasets._tables import did_you_mean
from skfeamoe.streaming import StreamBatch
from skfeamoe.streaming._batches import stacked

from ._errors import InputError

MIN_CATEGORY_SHARE = 0.01
MIN_CATEGORY_ROWS = 5
"""For the rivals, categories with a smaller share or fewer rows at first share a column."""

NUMBER_TYPES = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
"""What pandas calls columns of numbers, and of yes or no."""

COUNTED_BATCHES = 64
"""Batches whose odd values are counted at a time."""

FEW_VALUES = 5
"""A column of so few different dates may be a column of categories."""


class RawColumns(TransformerMixin, BaseEstimator):
    """Picks the columns that were there when fitted, and makes infinite numbers missing."""

    def fit(self, X, y=None):
        """Remember the columns."""
        self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def transform(self, X):
        """Return these columns of a frame that may have others besides."""
        check_is_fitted(self)
        X = as_pandas(X)
        frame = self._chosen(X)
        masks = infinite_values(frame)
        if not masks:
            return frame
        return frame.assign(**{name: frame[name].mask(mask) for name, mask in masks.items()})

    def _chosen(self, X):
        """The columns of when it was fitted; a frame that has no others is taken as it is."""
        wanted, present = self.feature_names_in_.tolist(), X.columns.tolist()
        if present == wanted:
            return X
        absent = [name for name in wanted if name not in present]
        if absent:
            raise ValueError(
                f"X lacks {len(absent)} of {self.n_features_in_} columns: {absent[:5]}"
            )
        return X[wanted]


def infinite_values(frame) -> dict[str, np.ndarray]:
    """Which values of its columns of floats are infinite, for columns that have such."""
    found = {}
    for name, column in frame.items():
        if column.dtype.kind == "f":
            mask = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
            if mask.any():
                found[name] = mask
    return found


def check_columns(arguments, columns) -> None:
    """Refuse ``--ignore`` and ``--keep`` of what is no column, or has a part."""
    for option in ("ignore", "keep"):
        for name in getattr(arguments, option):
            if name not in columns:
                raise InputError(
                    f"--{option} names no column besides those with a part: "
                    + did_you_mean(name, columns)
                )


def choose_features(frame, ignored: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return columns that can be features, and why each of the others cannot."""
    names, left_out = [], {}
    for name in frame.columns:
        column = frame[name]
        if name in ignored:
            left_out[name] = "left out as asked"
        elif column.isna().all():
            left_out[name] = f"left out, it has no value in the first {len(frame):,} rows"
        elif _is_moment(column) or _is_written_date(column):
            left_out[name] = "left out, it holds dates (one of them can be --time)"
        elif isinstance(column.dropna().iloc[0], (list, dict, set, np.ndarray)):
            left_out[name] = "left out, it holds lists"
        else:
            names.append(name)
    if not names:
        why = "; ".join(notes_of(left_out))
        raise InputError(f"no column is left to be a feature; {why}")
    return names, left_out


def notes_of(left_out: dict[str, str]) -> list[str]:
    """Say of each column why it was left out."""
    return [f"{name}: {why}" for name, why in left_out.items()]


class Encoding:
    """What the first rows of a stream say of its columns."""

    def __init__(self, frame):
        self.transformer = RawColumns().fit(frame)
        self.first = _values(self.transformer.transform(frame))
        self.n_first_rows = len(frame)
        self.seen = Watch({name: set(counts.index) for name, counts in self.first.items()})

    @property
    def categories(self) -> list[str] | str:
        """Columns of categories, as `categorical_features` takes them."""
        return list(self.first) or "from_dtype"

    def watch(self, batches: Iterable[StreamBatch]) -> Iterator[StreamBatch]:
        """Pass batches on and count what is odd."""
        return self.seen.watch(batches)

    def notes(self) -> list[str]:
        """Say which categories have no weight of their own yet."""
        notes = []
        for name, counts in self.first.items():
            rare = int((counts < SLOT_ROWS).sum())
            if rare == len(counts):
                notes.append(
                    f"{name}: tells nothing yet, each of its {rare:,} values has fewer than "
                    f"{SLOT_ROWS} of the first {self.n_first_rows:,} rows"
                )
            elif rare:
                notes.append(
                    f"{name}: rare values ({rare:,} of {len(counts):,}) share one weight, "
                    f"each until it has {SLOT_ROWS} rows"
                )
        return notes

    def seen_notes(self) -> list[str]:
        """Say what was missing and new in the rows so far."""
        return self.seen.notes()

    def saved_model(self, estimator) -> SavedModel:
        """What a user gets: takes raw rows, and explains by raw columns."""
        return SavedModel([("rawcolumns", self.transformer), ("model", estimator)])


class SavedModel(Pipeline):
    """A classifier for raw rows of pandas, polars or Arrow."""

    def explain(self, X, **options):
        """Explain decisions by the columns of the raw rows.

        Parameters
        ----------
        X : DataFrame or Arrow table
            Raw rows; columns besides the features do not matter.
        **options : dict
            Passed on to :meth:`~skfeamoe.FEAMOEClassifier.explain`.

        Returns
        -------
        explanation : shap.Explanation
            One value for each raw column, which it names; the raw values are shown.
        """
        raw = self[0].transform(X)
        explanation = self[-1].explain(raw, **options)
        names = list(explanation.feature_names)
        if set(names) <= set(raw.columns):
            explanation.display_data = raw[names].to_numpy(dtype=object)
        return explanation


class RivalEncoder:
    """Numbers for models that need them, fitted on the first rows; each frame is read once."""

    def __init__(self, frame):
        columns = make_preprocessor(frame)
        if any(name == "category" for name, _, _ in columns.transformers):
            columns.set_params(
                category__min_frequency=_least_rows(len(frame)),
                category__handle_unknown="infrequent_if_exist",
            )
        self.transformer = make_pipeline(columns, StandardScaler()).fit(frame)
        self._last: tuple[Any, Any] = (None, None)

    def transform(self, X) -> np.ndarray:
        """Return the rows as numbers, (n_samples, n_columns)."""
        if X is not self._last[0]:
            self._last = X, self.transformer.transform(X)
        return self._last[1]

    def __getstate__(self):
        """All but the rows that were read last."""
        return {**vars(self), "_last": (None, None)}


def _least_rows(n_rows: int) -> int:
    """First rows that a category needs for a column of its own."""
    return max(MIN_CATEGORY_ROWS, math.ceil(MIN_CATEGORY_SHARE * n_rows))


def _values(frame) -> dict[str, pd.Series]:
    """Rows of each value, for the columns that hold neither numbers nor yes or no."""
    return {
        name: frame[name].value_counts()
        for name in frame.columns
        if pd.api.types.infer_dtype(frame[name], skipna=True) not in NUMBER_TYPES
    }


def as_pandas(X):
    """A pandas frame of rows from polars or Arrow; pandas as it is."""
    if isinstance(X, pd.DataFrame):
        return X
    for name in ("to_pandas", "collect"):
        if hasattr(X, name):
            found = getattr(X, name)()
            return found if isinstance(found, pd.DataFrame) else as_pandas(found)
    raise TypeError(
        f"X must be a table with named columns (pandas, polars, Arrow), got {type(X).__name__}"
    )


class Watch:
    """Passes batches on and counts missing and new values on the way.

    Rows are counted many batches at a time: of a few hundred rows, most of the time is spent
    on finding their columns.
    """

    def __init__(self, categories: dict[str, set]):
        self.categories = categories
        self.n_rows = 0
        self.missing: Counter = Counter()
        self.infinite: Counter = Counter()
        self.unknown: Counter = Counter()
        self.examples: dict[str, Any] = {}
        self._parts: list = []

    def watch(self, batches: Iterable[StreamBatch]) -> Iterator[StreamBatch]:
        """Yield the batches as they are."""
        for batch in batches:
            self.n_rows += len(batch)
            self._parts.append(batch.X)
            if len(self._parts) >= COUNTED_BATCHES:
                self._count()
            yield batch

    def __getstate__(self) -> dict[str, Any]:
        """The counts, without rows."""
        self._count()
        return dict(vars(self))

    def _count(self) -> None:
        """Count what the batches since the last time hold."""
        if not self._parts:
            return
        frame, self._parts = stacked(self._parts), []
        absent = frame.isna().to_numpy().sum(axis=0)
        for j in np.flatnonzero(absent):
            self.missing[frame.columns[j]] += int(absent[j])
        for name, mask in infinite_values(frame).items():
            self.infinite[name] += int(mask.sum())
        for name, known in self.categories.items():
            column = frame[name]
            strange = [v for v in column.unique() if v not in known and not pd.isna(v)]
            if strange:
                rows = column.isin(strange)
                self.unknown[name] += int(rows.sum())
                self.examples.setdefault(name, column[rows].iloc[0])

    def notes(self) -> list[str]:
        """Say what was counted, column by column."""
        self._count()
        notes = []
        for name, count in self.missing.most_common():
            share = count / self.n_rows
            notes.append(
                f"{name}: {count:,} values missing ({share:.1%}), which has a weight of its own"
            )
        for name, count in self.infinite.most_common():
            notes.append(f"{name}: {count:,} infinite values, taken as missing")
        for name, count in self.unknown.most_common():
            notes.append(
                f"{name}: {count:,} rows have a value that was not in the first rows (such as "
                f"{str(self.examples[name])!r}); a value has a weight of its own from its "
                f"{SLOT_ROWS}th row on"
            )
        return notes


def _is_written_date(column) -> bool:
    """Whether a column holds texts like 2024-03-31, with or without a time."""
    if pd.api.types.is_numeric_dtype(column) or not isinstance(column.dropna().iloc[0], str):
        return False
    texts = column.dropna().astype(str)
    dated = texts.str.match(r"\d{4}-\d{2}-\d{2}(?:[T ]|$)").all()
    return bool(dated and texts.nunique() > FEW_VALUES)


def _is_moment(column) -> bool:
    """Whether a column holds dates or times."""
    return pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(
        column
    )

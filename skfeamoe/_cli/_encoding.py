"""From a user's raw columns to numbers, and a record of what did not fit.

`Encoding` is all that the rest of the command line knows of it: fit on the first rows, a
transformer for the run, the encoded columns of each raw one, notes for the reader, and the
saved model that takes raw rows.
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

from skfeamoe.datasets import make_preprocessor
from skfeamoe.streaming import StreamBatch

from ._errors import InputError

MIN_CATEGORY_SHARE = 0.01
MIN_CATEGORY_ROWS = 5
"""Categories with a smaller share, or fewer of the first rows, share one column."""


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
        absent = [name for name in self.feature_names_in_ if name not in X.columns]
        if absent:
            raise ValueError(
                f"X lacks {len(absent)} of {self.n_features_in_} columns: {absent[:5]}"
            )
        frame = X[list(self.feature_names_in_)]
        numbers = frame.select_dtypes("floating")
        infinite = np.isinf(numbers.to_numpy(dtype=float, na_value=np.nan))
        if not infinite.any():
            return frame
        masks = zip(numbers.columns, infinite.T, strict=True)
        return frame.assign(**{name: frame[name].mask(mask) for name, mask in masks})


def choose_features(frame, ignored: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return columns that can be features, and notes on those that cannot."""
    names, notes = [], []
    for name in frame.columns:
        column = frame[name]
        if name in ignored:
            notes.append(f"{name}: left out as asked")
        elif column.isna().all():
            notes.append(f"{name}: left out, it has no value in the first {len(frame):,} rows")
        elif _is_moment(column) or _is_written_date(column):
            notes.append(f"{name}: left out, it holds dates (one of them can be --time)")
        elif isinstance(column.dropna().iloc[0], (list, dict, set, np.ndarray)):
            notes.append(f"{name}: left out, it holds lists")
        else:
            names.append(name)
    if not names:
        raise InputError("no column is left to be a feature; " + "; ".join(notes))
    return names, notes


class Encoding:
    """How raw rows become numbers, fitted on the first rows of a stream."""

    def __init__(self, frame):
        columns = make_preprocessor(frame)
        if any(name == "category" for name, _, _ in columns.transformers):
            columns.set_params(
                category__min_frequency=_least_rows(len(frame)),
                category__handle_unknown="infrequent_if_exist",
            )
        self.transformer = make_pipeline(RawColumns(), columns, StandardScaler()).fit(frame)
        self.n_first_rows = len(frame)
        self.seen = Watch(self.transformer)

    def watch(self, batches: Iterable[StreamBatch]) -> Iterator[StreamBatch]:
        """Pass batches on and count what does not fit."""
        return self.seen.watch(batches)

    def notes(self) -> list[str]:
        """Say which categories share a column."""
        return encoder_notes(self.transformer, self.n_first_rows)

    def seen_notes(self) -> list[str]:
        """Say what was filled and unknown in the rows so far."""
        return self.seen.notes()

    @property
    def players(self) -> dict[str, list[int]]:
        """The encoded columns of each raw column, its missing indicator among them."""
        return encoded_columns(self.transformer)

    def saved_model(self, estimator) -> SavedModel:
        """What a user gets: takes raw rows, and explains by raw columns."""
        return SavedModel([*self.transformer.steps, ("model", estimator)])


class SavedModel(Pipeline):
    """Preprocessing and classifier for raw rows of pandas, polars or Arrow."""

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
        encoder = self[:-1]
        raw = encoder[0].transform(X)
        options = {"feature_groups": encoded_columns(encoder), **options}
        explanation = self[-1].explain(encoder.transform(X), **options)
        names = list(explanation.feature_names)
        if set(names) <= set(raw.columns):
            explanation.display_data = raw[names].to_numpy(dtype=object)
        return explanation


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


def encoded_columns(encoder: Pipeline) -> dict[str, list[int]]:
    """Positions of the encoded columns of each raw column that has any."""
    columns = encoder.named_steps["columntransformer"]
    found: dict[str, list[int]] = {}
    for kind, step, names in columns.transformers_:
        first = columns.output_indices_[kind].start
        if kind == "category":
            for name, width in zip(names, _widths(step), strict=True):
                found[name] = list(range(first, first + width))
                first += width
        elif kind == "number":
            for position, name in enumerate(names):
                found[name] = [first + position]
            for place, position in enumerate(step.indicator_.features_.tolist()):
                found[names[position]].append(first + len(names) + place)
    order = encoder[0].feature_names_in_.tolist()
    return {name: found[name] for name in order if found.get(name)}


def _widths(one_hot) -> list[int]:
    """Encoded columns of each category column."""
    widths = []
    for values, rare in zip(one_hot.categories_, one_hot.infrequent_categories_, strict=True):
        few = 0 if rare is None else len(rare)
        widths.append(len(values) - few + (few > 0))
    return widths


def _least_rows(n_rows: int) -> int:
    """First rows that a category needs for a column of its own."""
    return max(MIN_CATEGORY_ROWS, math.ceil(MIN_CATEGORY_SHARE * n_rows))


def category_values(encoder: Pipeline) -> dict[str, np.ndarray]:
    """Return the categories of each categorical column that tells something."""
    columns = encoder.named_steps["columntransformer"]
    for name, one_hot, names in columns.transformers_:
        if name == "category":
            known = zip(names, one_hot.categories_, one_hot.infrequent_categories_, strict=True)
            return {
                name: values
                for name, values, rare in known
                if rare is None or len(rare) < len(values)
            }
    return {}


def missing_becomes(encoder: Pipeline) -> dict[str, str]:
    """Say what becomes of a missing value, for each column."""
    columns = encoder.named_steps["columntransformer"]
    became = {}
    for kind, step, names in columns.transformers_:
        if kind == "category":
            for name, values in zip(names, step.categories_, strict=True):
                own = "a category of its own" if pd.isna(values).any() else "a rare value"
                became[name] = own
        elif kind == "number":
            marked = set(step.indicator_.features_.tolist())
            for position, name in enumerate(names):
                became[name] = "the median, " + (
                    "and marked beside it"
                    if position in marked
                    else "not marked, as none was missing in the first rows"
                )
    return became


def encoder_notes(encoder: Pipeline, n_rows: int) -> list[str]:
    """Say which categories share a column."""
    columns = encoder.named_steps["columntransformer"]
    notes = []
    for kind, one_hot, names in columns.transformers_:
        if kind != "category":
            continue
        for name, values, rare in zip(
            names, one_hot.categories_, one_hot.infrequent_categories_, strict=True
        ):
            if rare is not None and len(rare) == len(values):
                notes.append(
                    f"{name}: tells nothing, each of its {len(values):,} values has fewer than "
                    f"{_least_rows(n_rows):,} of the first {n_rows:,} rows"
                )
            elif rare is not None:
                notes.append(
                    f"{name}: rare values ({len(rare):,} of {len(values):,}) share one column"
                )
    return notes


class Watch:
    """Passes batches on and counts missing and unknown values on the way."""

    def __init__(self, encoder: Pipeline):
        self.categories = category_values(encoder)
        self.became = missing_becomes(encoder)
        self.n_rows = 0
        self.missing: Counter = Counter()
        self.infinite: Counter = Counter()
        self.unknown: Counter = Counter()
        self.examples: dict[str, Any] = {}

    def watch(self, batches: Iterable[StreamBatch]) -> Iterator[StreamBatch]:
        """Yield the batches as they are."""
        for batch in batches:
            self._count(batch.X)
            yield batch

    def _count(self, frame) -> None:
        """Count what one batch holds."""
        self.n_rows += len(frame)
        absent = frame.isna()
        for name, count in absent.sum().items():
            if count:
                self.missing[name] += int(count)
        numbers = frame.select_dtypes("floating")
        infinite = np.isinf(numbers.to_numpy(dtype=float, na_value=np.nan)).sum(axis=0)
        for name, count in zip(numbers.columns, infinite, strict=True):
            if count:
                self.infinite[name] += int(count)
        for name, known in self.categories.items():
            strange = ~(frame[name].isin(known) | absent[name])
            if strange.any():
                self.unknown[name] += int(strange.sum())
                self.examples.setdefault(name, frame[name][strange].iloc[0])

    def notes(self) -> list[str]:
        """Say what was counted, column by column."""
        notes = []
        for name, count in self.missing.most_common():
            share = count / self.n_rows
            notes.append(f"{name}: {count:,} values missing ({share:.1%}): {self.became[name]}")
        for name, count in self.infinite.most_common():
            notes.append(f"{name}: {count:,} infinite values, taken as missing")
        for name, count in self.unknown.most_common():
            notes.append(
                f"{name}: {count:,} rows have a value that was not in the first rows "
                f"(such as {str(self.examples[name])!r}), taken as rare or as none"
            )
        return notes


def _is_written_date(column) -> bool:
    """Whether a column holds texts like 2024-03-31, with or without a time."""
    if pd.api.types.is_numeric_dtype(column) or not isinstance(column.dropna().iloc[0], str):
        return False
    texts = column.dropna().astype(str)
    dated = texts.str.match(r"\d{4}-\d{2}-\d{2}(?:[T ]|$)").all()
    return bool(dated and texts.nunique() > MIN_CATEGORY_ROWS)


def _is_moment(column) -> bool:
    """Whether a column holds dates or times."""
    return pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(
        column
    )

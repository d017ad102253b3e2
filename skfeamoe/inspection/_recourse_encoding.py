"""A few people's rows as the model sees them, put together without asking for each anew.

To read a table takes a model longer than to score it, a Pipeline of encoders ten times as
long. Encoders mostly work column by column: what one column becomes does not depend on the
others. So the people and, for every actionable column, all values to try are encoded once, and
a row with several changes is put together from these parts. Where the parts of two columns
overlap, or the rows are sparse, `encoded_margin` declines, and the model is asked as it is.
What is found has to be verified with the model itself in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._drafts import rounding_to_zero, snapshot
from skfeamoe._mixture.forward import proba
from skfeamoe._predicting import MixtureClassifier
from skfeamoe._validation import check_features

from ._recourse_action import Action
from ._recourse_search import Margin

STRAIGHT = 1e-9
"""Part of its range by which an encoded number may be apart from a straight line."""


def two_steps(estimator: Any) -> tuple[Callable, Callable] | None:
    """Encode rows, and probabilities of encoded rows; None where a model has no two steps."""
    if isinstance(estimator, MixtureClassifier):
        return _steps_of_mixture(estimator)
    steps = getattr(estimator, "steps", ())
    if len(steps) > 1 and hasattr(estimator[:-1], "transform"):
        return estimator[:-1].transform, estimator[-1].predict_proba
    return None


def _steps_of_mixture(estimator: MixtureClassifier) -> tuple[Callable, Callable]:
    """The same of a mixture: numbers and codes of categories, and the forward pass."""
    now = snapshot(estimator)
    params, layout, shift = now._published()

    def encode(X):
        return check_features(now, X, reset=False, sensitive_columns=now.sensitive_columns)[0]

    def score(Z):
        with rounding_to_zero():
            return proba(now._model.terms.published(Z), params, layout, None, shift)

    return encode, score


def encoded_margin(
    estimator: Any,
    rows_with: Callable[[NDArray, NDArray], Any],
    start: NDArray,
    actions: list[Action],
    margin_of: Callable[[NDArray], NDArray],
) -> Margin | None:
    """Margins of rows with other values, as `_Table.margins` has them, or None.

    `rows_with` makes what the estimator reads of rows and values, `margin_of` margins of
    probabilities.
    """
    steps = two_steps(estimator)
    if steps is None:
        return None
    encode, score = steps
    parts = _encoded_parts(encode, rows_with, start, actions)
    if parts is None:
        return None
    base, columns = parts

    def margin(rows, values):
        if not len(rows):  # models refuse tables without rows
            return np.empty(0)
        Z = base[rows]
        for j, column in enumerate(columns):
            then = values[:, j]
            changed = np.flatnonzero((then != start[rows, j]) & ~np.isnan(then))
            if len(changed):
                Z[np.ix_(changed, column.place)] = column(then[changed])
        return margin_of(score(Z))

    return margin


def _encoded_parts(encode, rows_with, start, actions):
    """The people encoded, and a function of values for every column; None if they overlap."""
    asked_rows, asked = [np.arange(len(start))], [start]
    tried, people = [], []
    for j, action in enumerate(actions):
        known = np.flatnonzero(~np.isnan(start[:, j]))
        values = np.unique(action.candidates(start[known, j])) if len(known) else np.empty(0)
        person = known[0] if len(known) else 0
        table = np.tile(start[person], (len(values), 1))
        table[:, j] = values
        asked_rows.append(np.full(len(values), person))
        asked.append(table)
        tried.append(values)
        people.append(person)
    Z = encode(rows_with(np.concatenate(asked_rows), np.concatenate(asked)))
    if not isinstance(Z, np.ndarray) or Z.ndim != 2 or Z.dtype.kind != "f":
        return None
    base, *parts = np.split(Z, np.cumsum([len(rows) for rows in asked_rows])[:-1])
    columns, used = [], np.zeros(Z.shape[1], dtype=int)
    for j, action in enumerate(actions):
        place = np.flatnonzero((parts[j] != base[people[j]]).any(axis=0))
        used[place] += 1

        def encode_anew(values, j=j, place=place):
            table = np.tile(start[people[j]], (len(values), 1))
            table[:, j] = values
            return encode(rows_with(np.full(len(values), people[j]), table))[:, place]

        columns.append(_Column(action, place, tried[j], parts[j][:, place], encode_anew))
    return None if (used > 1).any() else (base, columns)


class _Column:
    """What values of one column become."""

    def __init__(self, action: Action, place, values, parts, encode):
        self.place, self.values, self.parts, self.encode = place, values, parts, encode
        self.slope = None
        if not action.levels and len(values) > 2:
            slope = (parts[-1] - parts[0]) / (values[-1] - values[0])
            line = parts[0] + (values - values[0])[:, None] * slope
            if (np.abs(parts - line) <= STRAIGHT * np.ptp(parts, axis=0)).all():
                self.slope = slope

    def __call__(self, then: NDArray) -> NDArray:
        """Encoded values; those of a number that is not straight, and new, are encoded now."""
        if self.slope is not None:
            return self.parts[0] + (then - self.values[0])[:, None] * self.slope
        fresh = np.setdiff1d(then, self.values)
        if len(fresh):
            values = np.concatenate([self.values, fresh])
            order = np.argsort(values, kind="stable")
            self.parts = np.concatenate([self.parts, self.encode(fresh)])[order]
            self.values = values[order]
        return self.parts[np.searchsorted(self.values, then)]

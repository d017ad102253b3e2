"""Recourse: what people who are refused could change to be granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skfeamoe._classifier import favorable_label_of, last_step
from skfeamoe._named_groups import groups_of_rows
from skfeamoe._parameter_checks import favorable_code
from skfeamoe.inspection._recourse_action import actions_of
from skfeamoe.inspection._recourse_encoding import encoded_margin
from skfeamoe.inspection._recourse_search import (
    FEW,
    Margin,
    cheapest_change,
    total_cost,
)

ROWS_PER_CALL = 50_000
SMALLEST = np.finfo(float).tiny

OPEN = -1e-3
"""Largest margin of a person on whom nothing is decided."""


@dataclass(frozen=True)
class RecourseResult:
    """What :func:`~skfeamoe.inspection.recourse` found.

    Attributes
    ----------
    rows : ndarray of shape (n_refused,), int
        Positions in ``X`` of the people who are refused.
    original, changed : DataFrame with n_refused rows
        Their rows as they are, and as they would be granted. Who has no recourse is
        unchanged in ``changed``.
    found : ndarray of shape (n_refused,), bool
        Whether a change was found, and `predict` grants it.
    cost : ndarray of shape (n_refused,)
        Its cost; infinite where none was found.
    actionable : list of str
        The columns that might be changed.
    group : Series of length n_refused or None
        Name of the group of each, as in the `groups_` of a classifier that has learned from
        groups; None where a sensitive value is missing.

    See Also
    --------
    recourse : Finds it.
    RecourseDisplay : Draws it.
    """

    rows: NDArray
    original: pd.DataFrame
    changed: pd.DataFrame
    found: NDArray
    cost: NDArray
    actionable: list[str]
    group: pd.Series | None = None

    def to_frame(self) -> pd.DataFrame:
        """One line for every change, with the columns row, column, now, then and cost.

        Returns
        -------
        changes : DataFrame
            In order of rows; ``cost`` is that of the person's whole change.
        """
        lines = []
        for column in self.actionable:
            now, then = self.original[column], self.changed[column]
            changed = np.flatnonzero(((now != then) & now.notna()).to_numpy())
            lines += [
                (self.rows[i], column, now.iloc[i], then.iloc[i], self.cost[i]) for i in changed
            ]
        names = ["row", "column", "now", "then", "cost"]
        return pd.DataFrame(sorted(lines, key=lambda line: line[0]), columns=names)

    def by_group(self) -> pd.DataFrame:
        """Burden as people live it: how far a group's refused are from a yes.

        Returns
        -------
        table : DataFrame
            One line for every group: ``refused``, the number of people; ``without``, the
            part of them for whom no change was found; ``median_cost`` and ``mean_cost`` of
            the others; ``mean_changes``, how many columns they have to change.

        Raises
        ------
        ValueError
            If `recourse` was not given ``sensitive_features``.
        """
        if self.group is None:
            raise ValueError("by_group needs groups: pass sensitive_features to recourse")
        people = pd.DataFrame(
            {
                "without": ~self.found,
                "cost": np.where(self.found, self.cost, np.nan),
                "changes": np.where(self.found, self.n_changes, np.nan),
            }
        ).groupby(self.group.to_numpy(), sort=True)
        return people.agg(
            refused=("without", "size"),
            without=("without", "mean"),
            median_cost=("cost", "median"),
            mean_cost=("cost", "mean"),
            mean_changes=("changes", "mean"),
        )

    @property
    def n_changes(self) -> NDArray:
        """Columns that each person has to change."""
        pairs = [(self.original[name], self.changed[name]) for name in self.actionable]
        return np.sum([((a != b) & a.notna()).to_numpy() for a, b in pairs], axis=0)


def recourse(
    estimator: Any,
    X: Any,
    *,
    actionable: Sequence[str] | Mapping[str, str],
    ranges: Mapping[str, Sequence] | None = None,
    steps: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
    max_changes: int | None = None,
    favorable_label: Any = None,
    sensitive_features: Any = None,
    reference: Any = None,
) -> RecourseResult:
    r"""Find the cheapest change that would turn a refusal into a yes.

    For everybody whom ``estimator`` refuses, the change of the columns they can act on that
    crosses the boundary at the least cost :math:`\sum_j c_j |x'_j - x_j|`, in the units of
    ``X``. Each answer is verified by `predict`. It is a heuristic search: an answer that is
    given is valid, and need not be the cheapest of all; where none is given, none was found.

    Parameters
    ----------
    estimator : fitted classifier
        Any scikit-learn classifier or Pipeline with `predict` and `predict_proba`, so that
        raw tables with categories are changed in their own words.
    X : DataFrame or array of shape (n_samples, n_features)
        People; those who are granted are left out of the result. Columns of an array are
        named ``"x0"``, ``"x1"`` and so on.
    actionable : sequence of str, or mapping of str to {"increase", "decrease", "any"}
        Columns that people can act on, and in which direction. A list allows both.
    ranges : mapping of str to (low, high) or to a list of categories, default=None
        Where a column may end if it is changed; who stands outside moves into it, or keeps
        the value. By default numbers stay within those of ``reference``, and categories are
        those that occur in it; an end that is infinite is that of ``reference``.
    steps : mapping of str to float, default=None
        Changes come in multiples of it. Columns of integers stay whole: their steps are
        whole, 1 by default. For others the default is 0, any change.
    costs : mapping of str to float, default=None
        Cost of one unit of a number, or of another category. By default 1 divided by the
        median absolute deviation in ``reference`` (the standard deviation where that is 0),
        and 1 for a category.
    max_changes : int, default=None
        Most columns that one person is asked to change; None allows all.
    favorable_label : object, default=None
        Class that is good for the person; by default that of the estimator or of the last
        step of the Pipeline, else the last of ``classes_``.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, k), default=None
        Groups to compare, see `RecourseResult.by_group`. They have no part in the search.
    reference : DataFrame or array, default=None
        Rows of the population, for ranges and costs; ``X`` by default.

    Returns
    -------
    result : RecourseResult

    Raises
    ------
    ValueError
        If a name is not a column, a direction, range, step or cost is not one, or the
        favorable label is unknown.
    TypeError
        If the estimator has no `predict_proba`.

    See Also
    --------
    RecourseDisplay : Draws the costs of groups and what they would have to change.
    skfeamoe.metrics.burden_difference : Distances of any model to its boundary, as a metric.

    Notes
    -----
    A missing value is never changed. Columns are changed one by one as if nothing followed
    from it: if more education takes years, age should be added by hand. A recourse holds for
    this model; after the model has been trained again, it may not.

    References
    ----------
    Ustun, Spangher and Liu (2019), "Actionable recourse in linear classification", FAT*.
    Sharma, Henderson and Ghosh (2020), "CERTIFAI: a common framework to provide explanations
    and analyse the fairness and robustness of black-box models", AIES, for burden.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import recourse
    >>> past = make_credit_stream(3_000, drift=None, random_state=0)
    >>> X, y, group = past.data, past.target, past.sensitive_features
    >>> model = FEAMOEClassifier(random_state=0, max_iter=3)
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> result = recourse(
    ...     model, X[:200], sensitive_features=group[:200], reference=X,
    ...     actionable={"loan_amount": "decrease", "credit_utilization": "decrease"},
    ...     steps={"loan_amount": 500, "credit_utilization": 1})
    >>> bool((model.predict(result.changed[result.found]) == 1).all())
    True
    >>> result.by_group().columns.tolist()
    ['refused', 'without', 'median_cost', 'mean_cost', 'mean_changes']
    """
    frame = _as_frame(X)
    favorable = _favorable_label(estimator, favorable_label)
    refused = np.flatnonzero(np.asarray(estimator.predict(X)) != favorable)
    original = frame.iloc[refused]
    population = frame if reference is None else _as_frame(reference)
    actions = actions_of(population, original, actionable, ranges, steps, costs)
    if max_changes is None:
        max_changes = len(actions)
    elif max_changes < 1:
        raise ValueError(f"max_changes must be None or at least 1, got {max_changes!r}")

    groups = groups_of_rows(estimator, sensitive_features, len(frame))
    table = _Table(estimator, original, actions, as_array=not hasattr(X, "columns"))
    then, changed, found = _search(table, favorable, max_changes)
    return RecourseResult(
        rows=refused,
        original=original,
        changed=changed,
        found=found,
        cost=np.where(found, total_cost(actions, table.start, then), np.inf),
        actionable=[action.name for action in actions],
        group=None if groups is None else pd.Series(groups[refused]),
    )


def _search(
    table: _Table, favorable: Any, max_changes: int
) -> tuple[NDArray, pd.DataFrame, NDArray]:
    """Values that `predict` grants at the least cost found, as rows, and who has such."""
    then, found = table.start, np.zeros(len(table.start), dtype=bool)
    if not len(then):
        return then, table.original.copy(), found
    position = list(table.estimator.classes_).index(favorable)
    ways: list[Margin | None] = [table.margins(position)]
    if len(then) <= FEW:
        ways.insert(0, table.encoded_margins(position))
    for margin in filter(None, ways):
        then, found = cheapest_change(margin, table.start, table.actions, max_changes)
        changed = table.frame_with(table.everyone, then)
        granted = np.asarray(table.estimator.predict(table.asked(changed))) == favorable
        if granted[found].all():
            break
    if not granted[found].all():
        found &= granted
        then = np.where(found[:, None], then, table.start)
        changed = table.frame_with(table.everyone, then)
    return then, changed, found


class _Table:
    """The refused people's rows, with other values in their actionable columns."""

    def __init__(self, estimator, original, actions, *, as_array):
        self.estimator, self.original, self.actions = estimator, original, actions
        self.as_array = as_array
        self.everyone = np.arange(len(original))
        self.start = self.values()
        # frames are put together from arrays: to set columns one by one takes pandas longer
        # than the model needs to score a few rows
        self.columns = [column.array for _, column in original.items()]
        self.place = {name: j for j, name in enumerate(original.columns)}
        self.index = original.index
        self.levels = {
            action.name: pd.array(list(action.levels), dtype=original[action.name].dtype)
            for action in actions
            if action.levels
        }

    def values(self) -> NDArray:
        """Present values of the actionable columns, categories as numbers of their levels."""
        columns = []
        for action in self.actions:
            now = self.original[action.name]
            if action.levels:
                codes = {level: float(code) for code, level in enumerate(action.levels)}
                columns.append(np.array([codes.get(value, np.nan) for value in now.tolist()]))
            else:
                columns.append(now.to_numpy(dtype=float, na_value=np.nan))
        return np.column_stack(columns)

    def frame_with(self, rows: NDArray, values: NDArray) -> pd.DataFrame:
        """The rows with these values; a column that was missing stays so."""
        arrays = dict(enumerate(self.columns))
        changed = {self.place[action.name]: k for k, action in enumerate(self.actions)}
        for j, array in arrays.items():
            if j in changed:
                k = changed[j]
                arrays[j] = self._column(self.actions[k], array, rows, values[:, k])
            else:
                arrays[j] = array.take(rows)
        frame = pd.DataFrame(arrays, index=self.index.take(rows), copy=False)
        frame.columns = self.original.columns
        return frame

    def _column(self, action, array, rows: NDArray, then: NDArray):
        """Values of one column, of the type that it has."""
        known = ~np.isnan(then)
        if action.levels:
            new = self.levels[action.name].take(np.where(known, then, 0).astype(int))
        else:
            new = then
        if not known.all():
            new = pd.Series(new).where(known, pd.Series(array.take(rows)))
        return pd.Series(new).array.astype(array.dtype)

    def with_values(self, rows: NDArray, values: NDArray):
        """What the estimator is asked about the rows with these values."""
        return self.asked(self.frame_with(rows, values))

    def asked(self, frame):
        """A frame, or an array as it was given."""
        return frame.to_numpy() if self.as_array else frame

    @property
    def may_abstain(self) -> bool:
        """Whether there are people on whom the estimator does not decide."""
        return getattr(last_step(self.estimator), "coverage", None) is not None

    def margins(self, position: int) -> Margin:
        """Function of rows and values: log-odds of the class against the best other one.

        Who is not decided on is not granted, whatever the odds.
        """

        favorable = self.estimator.classes_[position]

        def margin(rows, values):
            found = np.empty(len(rows))
            for first in range(0, len(rows), ROWS_PER_CALL):
                part = slice(first, first + ROWS_PER_CALL)
                asked = self.with_values(rows[part], values[part])
                found[part] = _margin_of(self.estimator.predict_proba(asked), position)
                if self.may_abstain:
                    granted = self.estimator.predict(asked) == favorable
                    found[part] = np.where(granted, found[part], np.minimum(found[part], OPEN))
            return found

        return margin

    def encoded_margins(self, position: int) -> Margin | None:
        """The same of rows that are put together from encoded columns, where that can be."""
        if self.may_abstain:
            return None
        return encoded_margin(
            self.estimator,
            self.with_values,
            self.start,
            self.actions,
            lambda proba: _margin_of(proba, position),
        )


def _margin_of(proba: NDArray, position: int) -> NDArray:
    """Log-odds of a class against the best other one."""
    others = np.delete(proba, position, axis=1).max(axis=1)
    favorable = np.maximum(proba[:, position], SMALLEST)
    return np.log(favorable) - np.log(np.maximum(others, SMALLEST))


def _as_frame(X):
    """A pandas DataFrame of X."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):
        return X.to_pandas()
    X = np.asarray(X)
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])


def _favorable_label(estimator, label):
    """The class that is good for the person, checked."""
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(f"estimator must have predict_proba, got {type(estimator).__name__}")
    classes = np.asarray(estimator.classes_)
    label = favorable_label_of(estimator) if label is None else label
    return classes[favorable_code(label, classes)]

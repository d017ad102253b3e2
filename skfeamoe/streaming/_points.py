"""What an evaluator notes at an evaluation point: a point, its models, their views.

A view is a set of rows: all scored ones ("cumulative"), the last ones ("window"), or all with
fading weights ("faded"). It holds its measures by name and the counts they came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._tally import with_squares


@dataclass(frozen=True)
class View:
    """Measures of some rows, and the counts of their groups.

    Parameters
    ----------
    n_rows : float
        Rows in the view (with fading weights, their sum).
    measures : dict of str to float
        Value of every measure of the run; nan where it cannot be taken.
    cells : ndarray of shape (n_groups, 2, 2)
        Weight of the rows of a group by favorable truth and favorable decision; of shape
        (n_groups, 3, 2) if there are rows without a truth, which are last.
    counts : ndarray of shape (n_groups, 2, 2)
        Number of those among them that weigh anything.
    squares : ndarray of shape (n_groups, 2, 2)
        Sum of the squares of their weights.
    distance : ndarray of shape (n_groups,)
        Weighted sum of the distances to the boundary of refused rows.
    distance_squares : ndarray of shape (n_groups,)
        The same of their squares.
    reliability : ndarray of shape (n_groups + 1, n_bins, 3)
        Weight, weighted sum of probabilities and weight of favorable truths, by bin of the
        probability of the favorable label; the first line is everyone's.

    Examples
    --------
    >>> import numpy as np
    >>> from skfeamoe.streaming import View
    >>> cells, none = np.zeros((0, 2, 2)), np.zeros(0)
    >>> bins = np.zeros((1, 10, 3))
    >>> view = View(10, {"accuracy": 0.9}, cells, cells, cells, none, none, bins)
    >>> view["accuracy"]
    0.9
    """

    n_rows: float
    measures: dict[str, float]
    cells: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    squares: np.ndarray = field(repr=False)
    distance: np.ndarray = field(repr=False)
    distance_squares: np.ndarray = field(repr=False)
    reliability: np.ndarray = field(repr=False)

    def __getitem__(self, name: str) -> float:
        """Return a measure by name."""
        return self.measures[name]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What was pickled, by this version or an earlier one."""
        vars(self).update(with_squares(state, "the result"))


@dataclass(frozen=True)
class ModelPoint:
    """One model at an evaluation point.

    Parameters
    ----------
    rows_scored : int
        Rows that the model predicted and that count.
    n_experts : int or None
        Experts that it has, if it has any.
    expert_ids : list of int or None
        Names of its experts that stay the same while others come and go.
    usage : dict
        Sums of gate weights since the last point.
    views : dict of str to View
        "cumulative", "window" and "faded", as far as asked for; "seen" and "corrected" where
        only the granted show a label.

    Examples
    --------
    >>> from skfeamoe.streaming import ModelPoint
    >>> ModelPoint(0, None, None, {}, {}).views
    {}
    """

    rows_scored: int
    n_experts: int | None
    expert_ids: list[int] | None
    usage: dict[str, Any] = field(repr=False)
    views: dict[str, View] = field(repr=False)


@dataclass(frozen=True)
class EvaluationPoint:
    """All models after some rows of the stream.

    Parameters
    ----------
    rows_seen : int
        Rows whose labels have come.
    time : object
        Time of the last of them, None if unknown.
    models : dict of str to ModelPoint
        The models by name.

    Examples
    --------
    >>> from skfeamoe.streaming import EvaluationPoint
    >>> EvaluationPoint(100, None, {}).rows_seen
    100
    """

    rows_seen: int
    time: Any
    models: dict[str, ModelPoint] = field(repr=False)

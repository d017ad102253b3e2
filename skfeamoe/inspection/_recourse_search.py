r"""The cheapest change of a few columns that crosses the boundary.

For a person x with margin m(x) < 0 (log-odds of the favorable outcome against the next best)
wanted is the change of the actionable columns that

.. math:: \min_{x'} \sum_j c_j\, |x'_j - x_j| \quad \text{such that} \quad m(x') > 0

within ranges, steps and directions. Where columns act one by one, with gains
:math:`g_j(v) = m(x_{j \leftarrow v}) - m(x)` that add up, this is a knapsack with one choice
of each column, and its Lagrangian falls apart into the columns:

.. math:: v_j(\lambda) = \arg\max_v\; g_j(v) - \lambda\, c_j |v - x_j|

So every column is tried alone at values whose distances double, many prices
:math:`\lambda` propose one combination each, and the model judges all of them: the cheapest
that does cross is taken. Gains of a mixture add up only nearly, so it is then polished with
the model itself: columns return, the least worthwhile first, as far as the boundary allows.
All rows are searched at once.

References
----------
Ustun, Spangher and Liu (2019), "Actionable recourse in linear classification", FAT*.
Sinha and Zoltners (1979), "The multiple-choice knapsack problem", Operations Research 27.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from ._recourse_action import Action, differs

PRICES = 2.0 ** -(np.arange(24.0) / 2)
"""Prices of a combination, as parts of the best gain per cost."""

SECTIONS, FINEST = 8, 512
"""The way back is cut into so many sections until they are as fine as this part of it."""

FEW, LARGE_SECTIONS = 8, 23
"""For so few answers there are more sections at once, so that two calls are enough: a call of
a model costs as much as some hundred rows."""

POLISHED = 3
"""Proposals of every row that are polished, the most hopeful first."""

BLOCK = 1_000
"""Rows whose combinations are proposed at a time, which bounds the memory."""

SMALLEST = np.finfo(float).tiny

Margin = Callable[[NDArray, NDArray], NDArray]
"""Margins of the given rows with the given values of their actionable columns."""


def cheapest_change(
    margin: Margin, start: NDArray, actions: list[Action], max_changes: int
) -> tuple[NDArray, NDArray]:
    """Values after the cheapest change found, and whether it crosses the boundary."""
    values = [action.candidates(now) for action, now in zip(actions, start.T, strict=True)]
    costs = [
        action.cost(tried[:, :1], tried) for action, tried in zip(actions, values, strict=True)
    ]
    base, gains = _gains(margin, start, values)
    proposals, rates = _proposals(values, costs, gains, base, max_changes)
    cost = total_cost(actions, start, proposals)
    excess = np.full(cost.shape, -np.inf)
    which, rows = np.nonzero(cost > 0)
    excess[which, rows] = margin(rows, proposals[which, rows])
    # what is left of the cost when the excess has been handed back at the proposal's rate;
    # less than at the next higher price it cannot become
    hoped = np.maximum(cost - excess / rates, 0.0)
    combined = len(actions)
    hoped[combined + 1 :] = np.maximum(hoped[combined + 1 :], cost[combined:-1])
    hoped[excess <= 0] = np.inf

    hopeful = np.argsort(hoped, axis=0, kind="stable")[:POLISHED]
    rank, rows = np.nonzero(np.take_along_axis(excess, hopeful, axis=0) > 0)
    chosen = hopeful[rank, rows], rows
    then = _polished(margin, rows, start[rows], proposals[chosen], excess[chosen], actions)
    return _cheapest_of_each(rows, start, then, total_cost(actions, start[rows], then))


def _cheapest_of_each(rows, start, then, cost):
    """For every row the cheapest of its answers, and whether it has one."""
    best, found = start.copy(), np.zeros(len(start), dtype=bool)
    for answer in np.argsort(-cost, kind="stable"):
        best[rows[answer]], found[rows[answer]] = then[answer], True
    return best, found


def total_cost(actions: list[Action], start: NDArray, then: NDArray) -> NDArray:
    """Cost of the changes of all columns; of several proposals at once, too."""
    return _costs(actions, start, then).sum(axis=-1)


def _costs(actions, start, then):
    """Cost of the change of every column."""
    costs = [action.cost(start[:, j], then[..., j]) for j, action in enumerate(actions)]
    return np.stack(costs, axis=-1)


def _gains(margin, start, values):
    """Margins as things are, and gains of every column at its values, all else as it is."""
    rows, tables, places = [np.arange(len(start))], [start], []
    for column, tried in enumerate(values):
        row, choice = np.nonzero(differs(tried[:, :1], tried))
        table = start[row]
        table[:, column] = tried[row, choice]
        rows.append(row)
        tables.append(table)
        places.append((row, choice))
    found = margin(np.concatenate(rows), np.concatenate(tables))
    base, *parts = np.split(found, np.cumsum([len(row) for row in rows])[:-1])
    gains = [np.zeros(tried.shape) for tried in values]
    for gain, (row, choice), part in zip(gains, places, parts, strict=True):
        gain[row, choice] = part - base[row]
    return base, gains


def _proposals(values, costs, gains, base, max_changes):
    """Each column's cheapest crossing, then a combination for every price; gains per cost."""
    blocks = [
        _proposals_of_block(
            [
                tuple(part[rows] for part in column)
                for column in zip(values, costs, gains, strict=True)
            ],
            base[rows],
            max_changes,
        )
        for rows in gen_batches(len(base), BLOCK)
    ]
    proposals, rates = zip(*blocks, strict=True)
    return np.concatenate(proposals, axis=1), np.concatenate(rates, axis=1)


def _proposals_of_block(columns, base, max_changes):
    """The same of some rows; every column has values, costs and gains."""
    start = np.column_stack([tried[:, 0] for tried, _, _ in columns])
    everyone = np.arange(len(start))
    alone, rates = np.tile(start, (len(columns), 1, 1)), []
    best_rate = np.full(len(start), SMALLEST)
    for column, (tried, cost, gain) in enumerate(columns):
        rate = np.divide(gain, cost, out=np.full(gain.shape, SMALLEST), where=cost > 0)
        best_rate = np.maximum(best_rate, rate.max(axis=1))
        choice = np.where(base[:, None] + gain > 0, cost, np.inf).argmin(axis=1)
        alone[column, :, column] = tried[everyone, choice]
        rates.append(np.maximum(rate[everyone, choice], SMALLEST))
    prices = PRICES[:, None] * best_rate
    together = np.empty((len(PRICES), *start.shape))
    worth = np.empty_like(together)
    for column, (tried, cost, gain) in enumerate(columns):
        surplus = gain - prices[:, :, None] * cost
        choice = surplus.argmax(axis=2)
        together[:, :, column] = tried[everyone, choice]
        worth[:, :, column] = surplus.max(axis=2)
    if max_changes < len(columns):
        least = np.argsort(-worth, axis=2, kind="stable")[:, :, max_changes:]
        unchanged = np.take_along_axis(start[None], least, axis=2)
        np.put_along_axis(together, least, unchanged, axis=2)
    return np.concatenate([alone, together]), np.concatenate([rates, prices])


def _polished(margin, rows, start, then, reached, actions):
    """Changes cut back as far as the boundary allows, the least worthwhile column first."""
    for columns in _least_worthwhile_first(margin, rows, start, then, reached, actions).T:
        _cut_back(margin, rows, start, then, columns, actions)
    return then


def _least_worthwhile_first(margin, rows, start, then, reached, actions):
    """Columns of every row in order of what their change gains for what it costs."""
    changed = differs(start, then)
    worth = np.where(changed, 0.0, np.inf)
    row, column = np.nonzero(changed & (changed.sum(axis=1) > 1)[:, None])
    if len(row):  # a single change has no order
        without = then[row]
        without[np.arange(len(row)), column] = start[row, column]
        lost = reached[row] - margin(rows[row], without)
        worth[row, column] = lost / _costs(actions, start, then)[row, column]
    return np.argsort(worth, axis=1, kind="stable")


def _cut_back(margin, rows, start, then, columns, actions):
    """One column of every row moved back as far as the boundary allows, in place."""
    changed = differs(start, then)
    is_category = np.array([bool(action.levels) for action in actions])
    # a category cannot return where it is all that was changed: that is the refused row
    fixed = is_category[columns] & (changed.sum(axis=1) == 1)
    here = np.flatnonzero(changed[np.arange(len(rows)), columns] & ~fixed)
    if not len(here):
        return
    columns = columns[here]
    now, far = start[here, columns], then[here, columns]
    end, width = np.ones(len(here)), 1.0
    sections = LARGE_SECTIONS if len(here) <= FEW else SECTIONS
    while width * FINEST > 1.0:
        parts = end[:, None] - width + width * np.arange(sections + 1) / sections
        parts = np.maximum(parts, 0.0)
        values = _part_of_the_way(actions, columns, now, far, parts)
        crosses = np.ones(values.shape, dtype=bool)
        crosses[:, :-1] = _crossing(margin, rows[here], then[here], columns, values[:, :-1])
        first = crosses.argmax(axis=1)
        then[here, columns] = values[np.arange(len(here)), first]
        end, width = parts[np.arange(len(here)), first], width / sections


def _crossing(margin, rows, then, columns, values):
    """Whether rows cross the boundary with these values of one column, (n_rows, n_values)."""
    answer = np.repeat(np.arange(len(rows)), values.shape[1])
    # columns with steps, and categories, have few values: each is tried once
    tried, which = np.unique(
        np.column_stack([answer, values.ravel()]), axis=0, return_inverse=True
    )
    answer = tried[:, 0].astype(int)
    trial = then[answer]
    trial[np.arange(len(trial)), columns[answer]] = tried[:, 1]
    return (margin(rows[answer], trial) > 0)[which.ravel()].reshape(values.shape)


def _part_of_the_way(actions, columns, now, far, parts):
    """Values between now and far that the columns may have."""
    values = np.empty_like(parts)
    for column, action in enumerate(actions):
        who = columns == column
        values[who] = action.part_of_the_way(now[who], far[who], parts[who])
    values[:, -1] = np.where(parts[:, -1] == 1.0, far, values[:, -1])
    return values

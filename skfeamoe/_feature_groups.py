"""Players of an explanation: features, or groups of columns that are one feature.

How ``"onehot"`` finds the groups. OneHotEncoder names its columns ``<feature>_<category>``
and puts those of one feature side by side; ColumnTransformer puts ``<transformer>__`` before
every name. Names alone do not tell where a feature's name ends ("marital_status_Never_wed")
or whether "has_car" and "has_house" are two flags, so the background decides:

1. Columns side by side form a group if, after the same ``<transformer>__``, their names share
   a beginning that ends before an underscore, if they hold only 0 and 1, and if no row has a
   1 in two of them. Groups are as long as this allows, and have the longest such beginning
   as their name.
2. Where the last column of a group would fit the next group as well (a rare category), it
   goes where its name shares the longer beginning; if that does not decide, an error asks.
3. A group that some row has no 1 in (a dropped or unknown category) could also be flags that
   do not meet by chance. If there is one more flag with the same beginning, an error asks.

The column ``missingindicator_<column>`` of a SimpleImputer joins ``<column>``. The
``<transformer>__`` is left out of the players' names unless two would be equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array

INDICATOR = "missingindicator_"


class Players(NamedTuple):
    """A partition of the model's columns, with names."""

    names: list[str]
    columns: list[np.ndarray]  # one array of positions per player


def resolve_players(feature_groups, names: Sequence[str], known: bool, kept, background):
    """Players that ``feature_groups`` asks for.

    ``names`` are those of the model's columns, made up unless ``known``; ``kept`` are the
    positions of these columns in X.
    """
    if feature_groups is None:
        return Players(list(names), [np.array([j]) for j in range(len(names))])
    if isinstance(feature_groups, str):
        if feature_groups != "onehot":
            raise ValueError(
                "feature_groups must be None, 'onehot' or a mapping from a name to columns, "
                f"got {feature_groups!r}"
            )
        if not known:
            raise ValueError(
                "feature_groups='onehot' reads column names, and this model was fitted on "
                "data without; fit on a DataFrame (set_output(transform='pandas')), or pass "
                "skfeamoe.inspection.onehot_groups(names, X)"
            )
        return onehot_players(names, background)
    if not isinstance(feature_groups, Mapping):
        raise ValueError(
            "feature_groups must be None, 'onehot' or a mapping from a name to columns, got "
            f"{type(feature_groups).__name__}"
        )
    return _mapped_players(feature_groups, list(names), known, list(kept))


def _mapped_players(groups: Mapping, names: list[str], known: bool, kept: list) -> Players:
    """The mapping's groups, in the place of their first column, and all other columns."""
    owner: dict[int, str] = {}
    members: dict[str, np.ndarray] = {}
    for group, columns in groups.items():
        listed = [columns] if isinstance(columns, (str, Integral)) else list(columns)
        if not listed:
            raise ValueError(f"feature_groups[{group!r}] must not be empty; name its columns")
        found = [_position(column, group, names, known, kept) for column in listed]
        for column, j in zip(listed, found, strict=True):
            if j in owner:
                raise ValueError(
                    f"feature_groups must not share columns, but {column!r} is in "
                    f"{owner[j]!r} and in {group!r}; give each column to one group"
                )
            owner[j] = group
        members[str(group)] = np.array(found)
    players: dict[str, np.ndarray] = {}
    for j, name in enumerate(names):
        group = str(owner.get(j, name))
        if j not in owner and group in members:
            raise ValueError(
                f"feature_groups names a group {group!r}, which is also the name of a column "
                "outside of it; rename the group, or add the column to it"
            )
        players.setdefault(group, members.get(group, np.array([j])))
    return Players(list(players), list(players.values()))


def _position(column, group, names: list[str], known: bool, kept: list) -> int:
    """Position among the model's columns of a column of X, by name or number."""
    place = f"feature_groups[{group!r}]"
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        if not known:
            raise ValueError(
                f"{place} names the column {column!r}, but X had no column names in fit; "
                "give column numbers"
            )
        close = get_close_matches(column, names, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; the features are {names}"
        raise ValueError(f"{place} names {column!r}, which is not a feature{hint}")
    if not isinstance(column, Integral) or isinstance(column, bool):
        raise ValueError(
            f"{place} must hold names or numbers of columns of X, got {column!r} of type "
            f"{type(column).__name__}"
        )
    if int(column) not in kept:
        raise ValueError(
            f"{place} has the column number {column}, which is not a feature: the features "
            f"are columns {kept[0]} to {kept[-1]} of X"
            + (", without its sensitive_columns" if len(kept) <= kept[-1] - kept[0] else "")
        )
    return kept.index(int(column))


def onehot_players(names: Sequence[str], background) -> Players:
    """Players that the names of one-hot columns and a background show; see the module."""
    if background.shape[0] == 0:
        raise ValueError(
            "feature_groups='onehot' looks at background rows to tell categories from "
            "other flags, and there are none; pass background= or a mapping"
        )
    columns = [
        _Column(*_without_transformer(str(name)), rows)
        for name, rows in zip(names, _rows_of_flags(background), strict=True)
    ]
    runs = _settled(_runs(columns), columns)
    labels = [_label([columns[j] for j in run]) for run in runs]
    _refuse_doubtful(runs, labels, columns, background.shape[0])
    runs, labels = _with_indicators(runs, labels, columns)
    heads = [columns[run[0]].transformer for run in runs]
    shown = [
        label if labels.count(label) == 1 else head + label
        for head, label in zip(heads, labels, strict=True)
    ]
    for label in shown:
        if shown.count(label) > 1:
            raise ValueError(
                f"feature_groups='onehot' finds {label!r} in columns that are apart; pass a "
                "mapping that says which columns belong together"
            )
    return Players(shown, [np.array(run) for run in runs])


class _Column(NamedTuple):
    """A column's name in two parts, and the rows in which it is 1 if it is a flag."""

    transformer: str
    name: str
    rows: frozenset | None

    @property
    def beginnings(self) -> set[str]:
        """All feature names that a column "<feature>_<category>" may have."""
        if self.rows is None or self.name.startswith(INDICATOR):
            return set()
        return {self.name[:i] for i in range(1, len(self.name)) if self.name[i] == "_"}


def _without_transformer(name: str) -> tuple[str, str]:
    """Split a name of ColumnTransformer into "<transformer>__" and the rest."""
    head, mark, rest = name.partition("__")
    return (head + mark, rest) if head and rest else ("", name)


def _rows_of_flags(background) -> list[frozenset | None]:
    """Rows that have a 1, for every column that holds only 0 and 1, else None."""
    by_column = csc_array(background)
    found: list[frozenset | None] = []
    for j in range(by_column.shape[1]):
        part = slice(by_column.indptr[j], by_column.indptr[j + 1])
        rows, data = by_column.indices[part], by_column.data[part]
        binary = bool(np.isin(data, (0.0, 1.0)).all())
        found.append(frozenset(rows[data == 1.0].tolist()) if binary else None)
    return found


def _shared(columns: Sequence[_Column]) -> set[str]:
    """Feature names that all columns may have."""
    if len({column.transformer for column in columns}) > 1:
        return set()
    return set.intersection(*(column.beginnings for column in columns))


def _fits(column: _Column, run: Sequence[_Column]) -> bool:
    """Whether a column may be one more category of a run."""
    if not _shared([*run, column]) or column.rows is None:
        return False
    return all(column.rows.isdisjoint(other.rows or ()) for other in run)


def _runs(columns: Sequence[_Column]) -> list[list[int]]:
    """Columns side by side, in runs as long as rule 1 allows."""
    runs: list[list[int]] = []
    for j, column in enumerate(columns):
        if runs and _fits(column, [columns[i] for i in runs[-1]]):
            runs[-1].append(j)
        else:
            runs.append([j])
    return runs


def _settled(runs: list[list[int]], columns: Sequence[_Column]) -> list[list[int]]:
    """Runs after rule 2."""
    for left, right in pairwise(runs):
        while len(left) > 1:
            column = columns[left[-1]]
            before, after = [columns[j] for j in left[:-1]], [columns[j] for j in right]
            if not _fits(column, after):
                break
            length_before = max(map(len, _shared([*before, column])))
            length_after = max(map(len, _shared([*after, column])))
            if length_before == length_after:
                raise ValueError(
                    "feature_groups='onehot' cannot tell whether the column "
                    f"{column.transformer + column.name!r} belongs to the columns before or "
                    "after it; pass a mapping, or a larger background"
                )
            if length_before > length_after:
                break
            right.insert(0, left.pop())
    return runs


def _label(run: Sequence[_Column]) -> str:
    """Name of the player that a run is, without its transformer."""
    return run[0].name if len(run) == 1 else max(_shared(run), key=len)


def _refuse_doubtful(runs, labels, columns: Sequence[_Column], n_rows: int) -> None:
    """Ask about runs that rule 3 names."""
    for run, label in zip(runs, labels, strict=True):
        if len(run) == 1 or sum(len(columns[j].rows or ()) for j in run) == n_rows:
            continue
        head = columns[run[0]].transformer
        for j, other in enumerate(columns):
            same = other.transformer == head and label in other.beginnings
            if same and j not in run:
                members = [columns[i].transformer + columns[i].name for i in run]
                raise ValueError(
                    f"feature_groups='onehot' cannot tell whether {members} are categories "
                    f"of one feature {label!r} or flags of their own: some rows have none "
                    f"of them, and {other.transformer + other.name!r} has the same beginning "
                    "but overlaps; pass a mapping that says which columns belong together"
                )


def _with_indicators(runs, labels, columns: Sequence[_Column]):
    """Runs and labels after every missing indicator has joined its column."""
    place = {
        (columns[run[0]].transformer, label): run
        for run, label in zip(runs, labels, strict=True)
    }
    kept = []
    for run, label in zip(runs, labels, strict=True):
        key = (columns[run[0]].transformer, label.removeprefix(INDICATOR))
        if label.startswith(INDICATOR) and key in place:
            place[key].extend(run)
        else:
            kept.append((run, label))
    return [run for run, _ in kept], [label for _, label in kept]

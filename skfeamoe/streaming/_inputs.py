"""What changed in the inputs: every column of every window against a reference.

The first window is the reference. With p_b and q_b the shares of bin b in the reference and
in a window (deciles of the reference for numbers, values for categories, and one bin for
what is missing), the population stability index is sum_b (q_b - p_b) log(q_b / p_b), with
half a row added to every bin. Without any change it is about (1/n + 1/m) times a chi-squared
variable with one degree of freedom less than there are bins, for n and m rows: its 95 %
quantile stands beside it, as .1 and .2, the usual thresholds, say nothing of the rows. For
numbers scipy's Wasserstein distance is taken too, in standard deviations of the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, wasserstein_distance

from ._batches import stacked

N_BINS = 10
MOST_CATEGORIES = 50
MOST_WINDOWS = 200
MOST_REFERENCE = 5_000
MOVED = 0.1
"""Stability index from which a column is said to have moved, if it is beyond noise."""


@dataclass
class Column:
    """One column of the reference, and how its values are put into bins."""

    name: str
    is_number: bool
    edges: NDArray  # of numbers
    values: dict[Any, int]  # bins of categories
    sample: NDArray  # numbers of the reference
    spread: float

    @property
    def n_bins(self) -> int:
        """Bins, with those for other and for missing values."""
        known = len(self.edges) + 1 if self.is_number else len(self.values) + 1
        return known + 1

    def bins(self, column) -> NDArray:
        """Bin of every value; the last bin is that of missing ones."""
        missing = np.asarray(column.isna())
        if self.is_number:
            values = _numbers(column)
            missing = missing | np.isnan(values)
            place = np.searchsorted(self.edges, values, side="right")
        else:
            other = len(self.values)
            place = np.array([self.values.get(_key(v), other) for v in column], dtype=np.intp)
        return np.where(missing, self.n_bins - 1, place)


@dataclass(frozen=True)
class InputWindow:
    """Counts of one window."""

    first_row: int
    last_row: int
    time: Any
    counts: list[NDArray]  # (n_groups + 1, n_bins) of each column, unknown groups first
    wasserstein: list[float]
    new_values: list[list[str]]


class InputMonitor:
    """Watch the columns of a stream for changes, in constant memory.

    Parameters
    ----------
    window : int, default=1000
        Rows of a window; the first one is the reference.

    Notes
    -----
    The newest 200 windows are kept.

    References
    ----------
    .. [1] B. Yurdakul, J. Naranjo. "Statistical properties of the population stability
       index". Journal of Risk Model Validation 14, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skfeamoe.streaming import InputMonitor
    >>> rng = np.random.default_rng(0)
    >>> monitor = InputMonitor(window=500)
    >>> for shift in (0.0, 0.0, 1.0):
    ...     monitor.update(pd.DataFrame({"debt": rng.normal(shift, 1.0, 500)}))
    >>> table = monitor.table()
    >>> (table["psi"] > table["psi_noise"]).tolist()
    [False, True]
    """

    def __init__(self, window: int = 1000):
        if not isinstance(window, (int, np.integer)) or window < 10:
            raise ValueError(f"window must be a number of rows from 10, got {window!r}")
        self.window = int(window)
        self.columns: list[Column] = []
        self.windows: list[InputWindow] = []
        self._parts: list[Any] = []
        self._groups: list[NDArray] = []
        self._row = 0
        self._waiting = 0

    def update(self, X, groups=None, time: Any = None) -> None:
        """Take some rows in.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Raw inputs.
        groups : ndarray of int of shape (n_samples,), default=None
            Codes of their groups, -1 where unknown.
        time : object, default=None
            Time of the last of them.
        """
        frame = _frame(X)
        groups = np.full(len(frame), -1) if groups is None else np.asarray(groups)
        start = 0
        while start < len(frame):
            stop = min(start + self.window - self._waiting, len(frame))
            self._parts.append(frame.iloc[start:stop])
            self._groups.append(groups[start:stop])
            self._waiting += stop - start
            self._row += stop - start
            start = stop
            if self._waiting == self.window:
                self._close(time)

    def table(self, names: list[str] | None = None):
        """Return one line per window, column and group.

        Parameters
        ----------
        names : list of str, default=None
            Names of the groups; None gives lines of everyone only.

        Returns
        -------
        DataFrame
            ``first_row``, ``last_row``, ``time``, ``column``, ``group`` (None for everyone),
            ``n_rows``, ``psi``, ``psi_noise`` (its 95 % quantile without any change),
            ``wasserstein`` (numbers, everyone), ``missing_rate``, ``new_rate`` and
            ``new_values`` (categories that the reference does not have).
        """
        import pandas as pd

        lines = []
        for window in self.windows[1:]:
            for j, column in enumerate(self.columns):
                for code in range(-1, len(names or ())):
                    line = self._line(window, j, code)
                    if line is not None:
                        group = None if code < 0 else (names or [])[code]
                        lines.append({**line, "column": column.name, "group": group})
        columns = ["first_row", "last_row", "time", "column", "group", "n_rows", "psi"]
        columns += ["psi_noise", "wasserstein", "missing_rate", "new_rate", "new_values"]
        return pd.DataFrame(lines, columns=columns)

    def moved(
        self, since_row: int, row: int, code: int | None, *, others: bool = False
    ) -> list[tuple[str, float]]:
        """Return the columns that moved around an alarm, the furthest first.

        Compares the up to three windows before the change with those from it to the alarm.

        Parameters
        ----------
        since_row, row : int
            Where the change began, and where it was noticed.
        code : int or None
            Whose columns: code of a group, None for everyone.
        others : bool, default=False
            Whether all but this group are meant.

        Returns
        -------
        list of tuple of (str, float)
            Column and stability index, if that is beyond 0.1 and beyond noise.
        """
        before = [w for w in self.windows if w.last_row < since_row][-3:]
        after = [w for w in self.windows if w.last_row >= since_row and w.first_row <= row]
        later = [w for w in self.windows if w.first_row > row]
        after = [w for w in after if w.first_row >= since_row - self.window // 2] or later[:1]
        if not before or not after:
            return []
        found = []
        for j, column in enumerate(self.columns):
            old, new = (_group_counts(side, j, code) for side in (before, after))
            if others:
                everyone = (_group_counts(side, j, None) for side in (before, after))
                old, new = (a - b for a, b in zip(everyone, (old, new), strict=True))
            if min(old.sum(), new.sum()) < 30:
                continue
            index = stability_index(old, new)
            if index > max(MOVED, stability_noise(old, new)):
                found.append((column.name, index))
        return sorted(found, key=lambda pair: -pair[1])

    def _close(self, time: Any) -> None:
        """Count a full window; the first makes the bins."""
        frame = stacked(self._parts)
        groups = np.concatenate(self._groups)
        if not self.columns:
            self.columns = [_column(str(name), frame[name]) for name in frame.columns]
        counts, distances, fresh = [], [], []
        for column in self.columns:
            values = frame[column.name]
            place = column.bins(values)
            table = np.zeros((max(groups.max(), -1) + 2, column.n_bins))
            np.add.at(table, (groups + 1, place), 1.0)
            counts.append(table)
            distances.append(_distance(column, values))
            fresh.append(_new_values(column, values, place))
        self.windows.append(
            InputWindow(self._row - len(frame), self._row - 1, time, counts, distances, fresh)
        )
        if len(self.windows) > MOST_WINDOWS:
            del self.windows[1]
        self._parts, self._groups, self._waiting = [], [], 0

    def _line(self, window: InputWindow, j: int, code: int) -> dict[str, Any] | None:
        """Numbers of one column in one window, for everyone (-1) or a group."""
        who = None if code < 0 else code
        old, new = (_group_counts([w], j, who) for w in (self.windows[0], window))
        if not new.sum() or not old.sum():
            return None
        column = self.columns[j]
        return {
            "first_row": window.first_row,
            "last_row": window.last_row,
            "time": window.time,
            "n_rows": int(new.sum()),
            "psi": stability_index(old, new),
            "psi_noise": stability_noise(old, new),
            "wasserstein": window.wasserstein[j] if who is None else np.nan,
            "missing_rate": float(new[-1] / new.sum()),
            "new_rate": np.nan if column.is_number else float(new[-2] / new.sum()),
            "new_values": ", ".join(window.new_values[j]) if who is None else "",
        }


def stability_index(old: NDArray, new: NDArray) -> float:
    """Population stability index of two lots of counts, half a row added to each bin."""
    used = (old + new) > 0
    p, q = (np.asarray(side, dtype=float)[used] + 0.5 for side in (old, new))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def stability_noise(old: NDArray, new: NDArray) -> float:
    """95 % quantile of the stability index where nothing has changed."""
    degrees = max(int(((old + new) > 0).sum()) - 1, 1)
    return float(chi2.ppf(0.95, degrees) * (1 / old.sum() + 1 / new.sum()))


def _group_counts(windows: list[InputWindow], j: int, code: int | None) -> NDArray:
    """Counts of a column in some windows, of a group or of everyone."""
    total = np.zeros(windows[0].counts[j].shape[1])
    for window in windows:
        table = window.counts[j]
        if code is None:
            total += table.sum(axis=0)
        elif code + 1 < len(table):
            total += table[code + 1]
    return total


def _column(name: str, values) -> Column:
    """Bins from the reference."""
    import pandas as pd

    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if number:
        sample = _numbers(values)
        sample = sample[np.isfinite(sample)]
        edges = np.unique(sample)
        if len(edges) > N_BINS:
            edges = np.unique(np.quantile(sample, np.arange(1, N_BINS) / N_BINS))
        elif len(edges):  # few values: one bin each, and one beyond
            edges = np.append(edges, np.nextafter(edges[-1], np.inf))
        step = max(len(sample) // MOST_REFERENCE, 1)
        spread = float(np.std(sample)) if len(sample) else np.nan
        return Column(name, True, edges, {}, np.sort(sample)[::step], spread)
    common = values.dropna().map(_key).value_counts().index[:MOST_CATEGORIES]
    known = {value: place for place, value in enumerate(common)}
    return Column(name, False, np.empty(0), known, np.empty(0), np.nan)


def _distance(column: Column, values) -> float:
    """Wasserstein distance in standard deviations of the reference."""
    if not column.is_number or not len(column.sample):
        return float("nan")
    now = _numbers(values)
    now = now[np.isfinite(now)]
    if not len(now) or not column.spread > 0:
        return float("nan")
    return float(wasserstein_distance(column.sample, now) / column.spread)


def _new_values(column: Column, values, place: NDArray) -> list[str]:
    """Some categories that the reference does not have."""
    if column.is_number:
        return []
    fresh = values[place == len(column.values)]
    return [str(value) for value in fresh.map(_key).unique()[:3]]


def _numbers(column) -> NDArray:
    """Values as floats, nan where missing; infinite ones are missing."""
    values = column.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _key(value: Any) -> Any:
    """What stands for a value in a dict."""
    return str(value)


def _frame(X):
    """A pandas frame of any rows."""
    import pandas as pd

    if hasattr(X, "iloc"):
        return X
    if hasattr(X, "to_pandas"):
        return X.to_pandas()
    table = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    return pd.DataFrame(table, columns=[str(j) for j in range(table.shape[1])])

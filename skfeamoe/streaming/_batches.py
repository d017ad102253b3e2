"""Small named batches of a stream, and how to cut any table into them.

A source is first a sequence of frames of any size (:mod:`skfeamoe.streaming._sources`);
here the frames are cut or joined to the asked size and their columns are given their roles.
At most one frame and one batch are in memory.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse

from ._sources import check_unique, open_frames


@dataclass(frozen=True)
class StreamBatch:
    """Some consecutive rows of a stream.

    Parameters
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,)
        Labels.
    sensitive_features : DataFrame or array of shape (n_samples, n_columns), default=None
        Sensitive columns; missing values allowed.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows.
    time : ndarray of shape (n_samples,), default=None
        Value of the time column.
    person : array-like of shape (n_samples,), default=None
        Whose row it is; None or NaN where that is not known.
    row_numbers : ndarray of shape (n_samples,), default=None
        Position of each row in the source, counted from 0 (a CSV's header not counted).
    next_row : int, default=None
        Position in the source after this batch: the `start_row` to resume from.

    Examples
    --------
    >>> from skfeamoe.streaming import StreamBatch
    >>> len(StreamBatch(X=[[0.5], [1.5]], y=[0, 1]))
    2
    """

    X: Any
    y: Any
    sensitive_features: Any = None
    sample_weight: Any = None
    time: Any = None
    person: Any = None
    row_numbers: Any = None
    next_row: int | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.y)


@dataclass(frozen=True)
class _Roles:
    """Which column plays which part."""

    target: str
    sensitive: list[str]
    time: str | None
    sample_weight: str | None
    person: str | None
    features: list[str] | None
    keep_sensitive: bool
    missing_target: str


def iter_batches(
    source,
    *,
    target: str,
    sensitive: str | Sequence[str] = (),
    time: str | None = None,
    sample_weight: str | None = None,
    person: str | None = None,
    features: Sequence[str] | None = None,
    keep_sensitive: bool = False,
    batch_size: int = 256,
    start_row: int = 0,
    missing_target: Literal["raise", "skip"] = "raise",
    read_options: Mapping[str, Any] | None = None,
) -> Iterator[StreamBatch]:
    """Cut a table of any size into small batches with named parts.

    The table is read piece by piece, so a file larger than memory works. Every batch but
    the last has exactly `batch_size` rows (less the skipped ones), however large the pieces
    of the source were.

    Parameters
    ----------
    source : path, sequence of paths, DataFrame, Arrow object, or iterable of frames
        A CSV file (``.csv``, ``.tsv``, ``.txt``, also compressed: ``.gz``, ``.bz2``,
        ``.xz``, ``.zip``, ``.zst``), a Parquet file (``.parquet``, ``.pq``), a folder of
        Parquet files, an address in a store that Arrow reads (``s3://``, ``gs://``; a file
        or a folder), several such paths (read one after the other), a pandas or polars
        DataFrame, a ``pyarrow`` Table, RecordBatchReader or Dataset, or any iterable (a
        generator, say) of DataFrames or Arrow tables.
    target : str
        Label column.
    sensitive : str or sequence of str, default=()
        Sensitive column(s).
    time : str, default=None
        Column that says when a row happened; carried along, never a feature. The order of
        the rows is that of the source.
    sample_weight : str, default=None
        Column of row weights.
    person : str, default=None
        Column that says whose row it is, never a feature.
    features : sequence of str, default=None
        Columns of ``X``. Default: all that have no other role.
    keep_sensitive : bool, default=False
        Whether the sensitive columns also stand in ``X`` (for ``sensitive_columns``).
    batch_size : int, default=256
        Rows a batch.
    start_row : int, default=0
        Rows of the source to pass over, for instance to resume after an interruption.
    missing_target : {"raise", "skip"}, default="raise"
        What to do with rows whose label is missing. Skipped rows are absent from
        ``row_numbers``.
    read_options : mapping, default=None
        Passed on to the reader of the file: :func:`pandas.read_csv` for CSV,
        :meth:`pyarrow.parquet.ParquetFile.iter_batches` for Parquet,
        :func:`pyarrow.dataset.dataset` for an address (``format``, ``partitioning``).

    Yields
    ------
    StreamBatch
        Features, labels, sensitive features, weights, times and row numbers.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If the source is empty, cannot be read (the row is named where it is known), lacks a
        column (similar names are offered), changes its columns or a column's type on the
        way, or has a missing label.
    ImportError
        If the format needs a package that is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfeamoe.streaming import iter_batches
    >>> frame = pd.DataFrame(
    ...     {"income": [20.0, 35.0, 50.0], "sex": ["f", "m", "f"], "paid": [0, 1, 1]}
    ... )
    >>> for batch in iter_batches(frame, target="paid", sensitive="sex", batch_size=2):
    ...     print(len(batch), list(batch.X), batch.y, batch.row_numbers)
    2 ['income'] [0 1] [0 1]
    1 ['income'] [1] [2]
    """
    for name, value, least in (("batch_size", batch_size, 1), ("start_row", start_row, 0)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    if missing_target not in ("raise", "skip"):
        raise ValueError(f"missing_target must be 'raise' or 'skip', got {missing_target!r}")
    roles = _Roles(
        target=target,
        sensitive=[sensitive] if isinstance(sensitive, str) else list(sensitive),
        time=time,
        sample_weight=sample_weight,
        person=person,
        features=None if features is None else list(features),
        keep_sensitive=keep_sensitive,
        missing_target=missing_target,
    )
    _check_roles(roles)
    frames = open_frames(source, dict(read_options or {}))
    return _batches(_checked(frames, roles), roles, int(batch_size), int(start_row))


def _batches(frames, roles: _Roles, batch_size: int, start_row: int) -> Iterator[StreamBatch]:
    """Give the rows of exactly sized frames their parts."""
    dtype = None
    for first_row, frame in _resized(frames, batch_size, start_row):
        batch = _batch(frame, first_row, roles, dtype)
        if len(batch):
            dtype = batch.y.dtype if dtype is None else dtype
            yield batch


def _resized(frames: Iterable, size: int, start_row: int) -> Iterator[tuple[int, Any]]:
    """Cut and join frames to `size` rows; yields number of the first row and frame."""
    rest: list = []
    waiting, skip, row = 0, start_row, start_row
    for frame in frames:
        if skip:
            passed = min(skip, len(frame))
            skip -= passed
            frame = sliced(frame, slice(passed, None))
        start = 0
        while len(frame) - start >= size - waiting:
            stop = start + size - waiting
            yield row, stacked([*rest, sliced(frame, slice(start, stop))])
            row += size
            rest, waiting, start = [], 0, stop
        if start < len(frame):
            rest.append(sliced(frame, slice(start, None)))
            waiting += len(frame) - start
    if rest:
        yield row, stacked(rest)


def sliced(part, rows: slice) -> Any:
    """Rows by position, often: scikit-learn's `_safe_indexing` takes ten times as long."""
    return part.iloc[rows] if hasattr(part, "iloc") else part[rows]


def _kept(frame, keep: np.ndarray) -> Any:
    """Return the rows that a mask keeps."""
    if hasattr(frame, "iloc"):
        return frame[keep]
    import polars as pl

    return frame.filter(pl.Series(keep))


def stacked(parts: list) -> Any:
    """Stack frames, series, arrays or sparse matrices of the same columns."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    if type(first).__module__.partition(".")[0] == "polars":
        import polars as pl

        return pl.concat(
            parts, how="vertical_relaxed" if hasattr(first, "columns") else "vertical"
        )
    if sparse.issparse(first):
        return sparse.vstack(parts, format=first.format)
    return np.concatenate([np.asarray(part) for part in parts])


def _batch(frame, first_row: int, roles: _Roles, dtype) -> StreamBatch:
    """Split one frame into features, labels and the rest."""
    next_row = first_row + len(frame)
    row_numbers = np.arange(first_row, next_row)
    missing = _missing(frame[roles.target])
    if missing.any():
        if roles.missing_target == "raise":
            raise ValueError(
                f"target {roles.target!r} is missing in row {row_numbers[missing][0]} and "
                f"{int(missing.sum()) - 1} more of its batch; fill it, or pass "
                "missing_target='skip'"
            )
        row_numbers = row_numbers[~missing]
        frame = _kept(frame, ~missing)
    aside = {roles.target, roles.time, roles.sample_weight, roles.person}
    if not roles.keep_sensitive:
        aside |= set(roles.sensitive)
    names = roles.features or [name for name in frame.columns if name not in aside]
    return StreamBatch(
        X=_columns(frame, names),
        y=_labels(frame[roles.target], dtype),
        sensitive_features=_columns(frame, roles.sensitive) if roles.sensitive else None,
        sample_weight=_weights(frame, roles.sample_weight, row_numbers),
        time=None if roles.time is None else frame[roles.time].to_numpy(),
        person=None if roles.person is None else frame[roles.person].to_numpy(),
        row_numbers=row_numbers,
        next_row=next_row,
    )


def _columns(frame, names: list) -> Any:
    """Some columns of a frame, by position: pandas looks labels up four times as long."""
    if not hasattr(frame, "iloc"):
        return frame[names]
    place = {name: j for j, name in enumerate(frame.columns)}
    return frame.take([place[name] for name in names], axis=1)


def _labels(column, dtype) -> np.ndarray:
    """Labels as an array that keeps the type of the first batch (1, never 1.0)."""
    values = column.to_numpy()
    if values.dtype.kind == "f" and np.all(values == np.floor(values)):
        whole = dtype is None or dtype.kind in "iu"
        return values.astype(np.int64) if whole else values
    if values.dtype.kind in "biuf":
        return values
    listed = column.to_list()
    yes_or_no = {bool, np.bool_} >= set(map(type, listed))  # others were missing
    return np.asarray(listed, dtype=bool if yes_or_no else object)


def _weights(frame, name: str | None, row_numbers: np.ndarray) -> np.ndarray | None:
    """Row weights, refusing negative and missing ones."""
    if name is None:
        return None
    try:
        weight = np.asarray(frame[name].to_numpy(), dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"sample_weight column {name!r} must hold numbers") from None
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        raise ValueError(
            f"sample_weight {name!r} must be finite and not negative, got "
            f"{weight[bad][0]} in row {row_numbers[bad][0]}"
        )
    return weight


def _missing(column) -> np.ndarray:
    """Mark missing entries of a pandas or polars column."""
    if hasattr(column, "isna"):
        return np.asarray(column.isna())
    missing = np.asarray(column.is_null())
    if column.dtype.is_float():
        missing = missing | np.asarray(column.is_nan().fill_null(False))
    return missing


def _check_roles(roles: _Roles) -> None:
    """No column may play two parts."""
    used = [roles.target, *roles.sensitive, roles.time, roles.sample_weight, roles.person]
    named = [name for name in used if name is not None]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ValueError(
            f"column {twice[0]!r} has two roles; target, sensitive, time, sample_weight "
            "and person must be different columns"
        )
    if roles.features is not None and {roles.target} & set(roles.features):
        raise ValueError(f"features must not hold the target {roles.target!r}")


def _checked(frames: Iterable, roles: _Roles) -> Iterator:
    """Check that the columns are there, and stay the same from frame to frame."""
    wanted = [roles.target, *roles.sensitive, roles.time, roles.sample_weight, roles.person]
    wanted += roles.features or []
    columns: list[str] | None = None
    for number, frame in enumerate(frames):
        present = list(frame.columns)
        if columns is None:
            check_unique(present, "frame")
            _check_columns([name for name in wanted if name is not None], present)
            columns = present
        elif present != columns:
            changed = sorted(set(present) ^ set(columns), key=str) or "another order"
            raise ValueError(
                f"piece {number} of the source has other columns than the first: "
                f"{changed}; bring all pieces to the same columns"
            )
        yield frame
    if columns is None:
        raise ValueError("source has no rows; it must hold at least one frame with rows")


def _check_columns(wanted: Sequence[str], present: Sequence[str]) -> None:
    """Name the columns that are absent, with the closest that are there."""
    for name in wanted:
        if name in present:
            continue
        close = difflib.get_close_matches(str(name), [str(p) for p in present], 3, 0.5)
        lower = {str(p).lower(): str(p) for p in present}
        if not close and str(name).lower() in lower:
            close = [lower[str(name).lower()]]
        hint = (
            f"did you mean {' or '.join(map(repr, close))}?"
            if close
            else (
                "columns are "
                + ", ".join(map(str, present[:12]))
                + (", ..." if len(present) > 12 else "")
            )
        )
        raise ValueError(f"column {name!r} is not in the source; {hint}")

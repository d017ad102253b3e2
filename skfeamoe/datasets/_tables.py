"""What the loaders of real data share: find a file, check its columns, fill a Bunch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from gzip import BadGzipFile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch


@dataclass(frozen=True)
class Table:
    """What is known of a file: its name, its columns and the role of each."""

    file_name: str
    features: tuple[str, ...]
    target: str
    target_names: tuple[str, str]
    sensitive: tuple[str, ...]
    description: str
    favorable_label: int = 1
    proxies: tuple[str, ...] = ()
    time: str | None = None
    target_codes: Mapping[str, int] = field(default_factory=dict)
    log_columns: tuple[str, ...] = ()
    unknown_values: tuple[str, ...] = ()
    category_orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    na_values: tuple[str, ...] = ()
    source: str = "No publisher offers it as one file, so nothing is downloaded."

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the file must have."""
        time = () if self.time is None else (self.time,)
        named = self.features + self.proxies + self.sensitive + time + (self.target,)
        return tuple(dict.fromkeys(named))


def load_table(
    table: Table,
    *,
    path: str | os.PathLike | None,
    data_home: str | os.PathLike | None,
    download_if_missing: bool,
    download: Callable[[], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Read the file at path, else the cached one, else download and cache it.

    Raises OSError if there is no file, ValueError if it is empty or lacks a column.
    """
    if path is not None:
        return read_table(table, _file_at(table, Path(path)))
    cached = Path(get_data_home(data_home)) / "skfeamoe" / table.file_name
    if cached.exists():
        return read_table(table, cached)
    if download is None or not download_if_missing:
        why = "download_if_missing is False." if download else table.source
        raise OSError(f"{cached} does not exist. {why} {_how_to_supply(table)}")
    try:
        frame = download()
    except OSError as error:
        raise OSError(
            f"{table.file_name} could not be downloaded ({error}). {_how_to_supply(table)}"
        ) from error
    _check_columns(table, frame, f"the download of {table.file_name}")
    cached.parent.mkdir(parents=True, exist_ok=True)
    partial = cached.with_name(f"{os.getpid()}-{cached.name}")
    frame.to_csv(partial, index=False)
    partial.replace(cached)
    return read_table(table, cached)


def read_table(table: Table, file: Path) -> pd.DataFrame:
    """Read a CSV file and check that it has rows and the columns it needs."""
    try:
        frame = pd.read_csv(file, na_values=list(table.na_values))
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError, BadGzipFile, EOFError) as error:
        raise ValueError(
            f"{file} cannot be read as CSV ({error}). {_how_to_supply(table)}"
        ) from error
    if frame.empty:
        raise ValueError(f"{file} has no rows. {_how_to_supply(table)}")
    _check_columns(table, frame, str(file))
    return frame


def _file_at(table, path):
    """The table's file: path itself, or the file of that name in the folder path."""
    plain = table.file_name.removesuffix(".gz")
    candidates = [path / table.file_name, path / plain] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    missing = " or ".join(str(candidate) for candidate in candidates)
    raise OSError(f"path leads to no file: {missing} does not exist. {_how_to_supply(table)}")


def _how_to_supply(table):
    """The sentence that tells what file and columns are wanted."""
    return (
        f"Give path= a CSV file (or a folder with {table.file_name}) that has the columns "
        f"{', '.join(table.columns)}."
    )


def _check_columns(table, frame, where):
    """Raise a ValueError that names absent columns and what they may be called there."""
    absent = [column for column in table.columns if column not in frame.columns]
    if absent:
        named = ", ".join(did_you_mean(column, frame.columns) for column in absent)
        raise ValueError(
            f"{where} lacks {len(absent)} of the {len(table.columns)} columns that are "
            f"needed: {named}"
        )


def did_you_mean(name, known) -> str:
    """The quoted name, with the closest known names where there are any."""
    spelled = {str(value).casefold(): str(value) for value in known}
    close = [spelled[match] for match in get_close_matches(str(name).casefold(), spelled)]
    return f"{name!r}" + (f" (close to {', '.join(map(repr, close))})" if close else "")


def select_groups(table: Table, frame: pd.DataFrame, sensitive, groups):
    """The sensitive columns as a list, and frame with only the rows of the given groups."""
    columns = [sensitive] if isinstance(sensitive, str) else list(sensitive)
    if not columns:
        raise ValueError(f"sensitive must name one or more of {list(table.sensitive)}, got []")
    for column in columns:
        if column not in table.sensitive:
            raise ValueError(
                f"sensitive must be one or more of {list(table.sensitive)}, got {column!r}"
            )
    if groups is None:
        return columns, frame
    if not isinstance(groups, Mapping):
        if len(columns) > 1:
            raise ValueError(
                "groups must be a mapping from sensitive column to its groups when "
                f"there are several sensitive columns, got {groups!r}"
            )
        groups = {columns[0]: groups}
    for column, kept in groups.items():
        if column not in columns:
            raise ValueError(f"groups has the key {column!r}, which is not in {columns}")
        kept = [kept] if isinstance(kept, str) else list(kept)
        known = frame[column].dropna().unique()
        for group in kept:
            if group not in known:
                raise ValueError(
                    f"groups must be values of {column!r}, "
                    f"got {did_you_mean(group, known)}; "
                    f"the values are {', '.join(map(repr, sorted(known)))}"
                )
        frame = frame[frame[column].isin(kept)]
    return columns, frame.reset_index(drop=True)


def to_bunch(
    table: Table,
    frame: pd.DataFrame,
    *,
    sensitive,
    groups=None,
    include_sensitive: bool = False,
    include_proxies: bool = False,
    as_frame: bool = True,
    return_X_y: bool = False,
    **extra,
):
    """Sort the columns of a checked table into a Bunch, or into (data, target)."""
    columns, frame = select_groups(table, frame, sensitive, groups)
    features = table.features
    features += table.proxies if include_proxies else ()
    features += table.sensitive if include_sensitive else ()
    target = _binary_target(table, frame[table.target])
    data = _with_categories(frame[list(features)], table.category_orders)
    categorical = data.select_dtypes("category")
    categories = {name: list(values.cat.categories) for name, values in categorical.items()}

    people = frame[columns].mask(frame[columns].isin(table.unknown_values))
    groups_of_rows = people if len(columns) > 1 else people[columns[0]]
    time = None if table.time is None else frame[table.time]
    if as_frame:
        frame = frame.assign(**dict(data.items()), **{table.target: target})
    else:
        data, target, frame = encode(data), target.to_numpy(), None
        groups_of_rows = groups_of_rows.to_numpy(dtype=object)
        time = None if time is None else time.to_numpy()
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        sensitive_features=groups_of_rows,
        time=time,
        frame=frame,
        feature_names=list(features),
        target_names=list(table.target_names),
        favorable_label=table.favorable_label,
        categories=categories,
        log_columns=[column for column in table.log_columns if column in features],
        DESCR=table.description,
        **extra,
    )


def _binary_target(table, values):
    """The target as 0 and 1; anything else in the column is an error."""
    if table.target_codes:
        codes = values.map(table.target_codes)
    else:
        codes = pd.to_numeric(values, errors="coerce")
    wrong = ~codes.isin([0, 1])
    if wrong.any():
        expected = list(table.target_codes) or [0, 1]
        raise ValueError(
            f"column {table.target!r} must hold {expected[0]!r} or {expected[1]!r}, got "
            f"{values[wrong].iloc[0]!r} in {wrong.sum()} of {len(values)} rows; remove or "
            "correct these rows"
        )
    return codes.astype(np.int64)


def _with_categories(data, orders):
    """Text columns as categories: in the given order, else sorted."""
    data = data.copy()
    for name, values in data.items():
        if pd.api.types.is_numeric_dtype(values):
            continue
        known = set(values.dropna())
        order = orders.get(name)
        if order is not None and known <= set(order):
            data[name] = pd.Categorical(values, categories=order, ordered=True)
        else:
            data[name] = pd.Categorical(values, categories=sorted(known))
    return data


def encode(data: pd.DataFrame) -> np.ndarray:
    """Float array: numbers as they are, categories by their code, missing as NaN."""
    columns = []
    for name in data.columns:
        values = data[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes = values.cat.codes.to_numpy(dtype=np.float64)
            columns.append(np.where(codes < 0, np.nan, codes))
        else:
            columns.append(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.column_stack(columns)

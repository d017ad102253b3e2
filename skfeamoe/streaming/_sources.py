"""Everything a stream can be read from, as a sequence of frames.

Each source becomes an iterator of pandas or polars frames of moderate size; nothing here
holds more than one of them.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from skfeamoe._optional import optional

from ._arrow import READ_ROWS, dataset_frames, files_frames, is_uri, open_uri, pandas_of

_CSV_SUFFIXES = (".csv", ".tsv", ".txt")
_PARQUET_SUFFIXES = (".parquet", ".pq")
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip", ".zst")


def open_frames(source: Any, read_options: dict[str, Any], lenient: Any = None) -> Iterator:
    """Return an iterator of pandas or polars frames for any supported source.

    `lenient` makes numbers of the columns it says hold numbers, where a CSV file has other
    texts among them, besides those it has to keep; without it such a text is an error.
    """
    if isinstance(source, str) and is_uri(source):
        return _nonempty(open_uri(source, read_options), source)
    if isinstance(source, (str, os.PathLike)):
        return _open_path(Path(source), read_options, lenient)
    if read_options:
        raise ValueError(
            f"read_options are for files, got {sorted(read_options)} for a source of type "
            f"{type(source).__name__}; leave them out"
        )
    if _is_dataframe(source):
        return _nonempty(iter([source]), "the DataFrame")
    if _module(source) == "pyarrow":
        return _nonempty(_arrow_frames(source), f"the {type(source).__name__}")
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise ValueError(
            "source must be a path, a DataFrame, a pyarrow object or an iterable of "
            f"frames, got {type(source).__name__}"
        )
    return _piecewise(source)


def _piecewise(pieces: Iterable) -> Iterator:
    """Frames of an iterable of paths, frames or Arrow tables."""
    for piece in pieces:
        if isinstance(piece, (str, os.PathLike)):
            yield from open_frames(piece, {})
        elif _is_dataframe(piece):
            yield piece
        elif _module(piece) == "pyarrow":
            yield from _arrow_frames(piece)
        else:
            raise ValueError(
                "an iterable source must yield DataFrames, pyarrow tables or paths, got "
                f"{type(piece).__name__}"
            )


def _open_path(path: Path, read_options: dict[str, Any], lenient: Any = None) -> Iterator:
    """Frames of a CSV file, a Parquet file or a folder of Parquet files."""
    if not path.exists():
        raise FileNotFoundError(f"source {str(path)!r} does not exist; check the path")
    if path.is_dir():
        datasets = optional("pyarrow.dataset", extra="demo", purpose="a folder of files")
        dataset = datasets.dataset(path)
        return _nonempty(files_frames(dataset, remote=False), str(path))
    if path.stat().st_size == 0:
        raise ValueError(f"source {str(path)!r} is an empty file")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    if kind in _CSV_SUFFIXES:
        return _nonempty(_csv_frames(path, kind, read_options, lenient), str(path))
    if kind in _PARQUET_SUFFIXES:
        return _nonempty(_parquet_frames(path, read_options), str(path))
    raise ValueError(
        f"source {str(path)!r} has no known file type; name it .csv, .tsv or .parquet "
        "(compressed .csv.gz works), or pass a generator of DataFrames"
    )


def _csv_frames(path: Path, kind: str, read_options: dict[str, Any], lenient: Any) -> Iterator:
    """Frames of a CSV file, with the text columns of its beginning text to the end."""
    import pandas as pd

    options = {"chunksize": READ_ROWS, **read_options}
    if "engine" not in options:
        options.setdefault("low_memory", False)  # one type for a column of a piece
    if kind == ".tsv":
        options.setdefault("sep", "\t")
    row = 0
    kinds: dict[str, str] = {}
    try:
        _check_header(path, options)
        if not isinstance(options.get("dtype", {}), Mapping):
            dtype = options["dtype"]
        else:
            begin = pd.read_csv(path, **{**options, "chunksize": None, "nrows": READ_ROWS})
            text = [name for name in begin if _kind(begin[name]) == "text"]
            if lenient is not None:
                lenient.begin(begin)
                text = [name for name in text if not lenient.is_number(name)]
            dtype = {**dict.fromkeys(text, str), **dict(options.get("dtype") or {})}
            del begin
        with pd.read_csv(path, **{**options, "dtype": dtype}) as reader:
            for piece in reader:
                frame = piece if lenient is None else _mended(piece, kinds, lenient)
                _check_kinds(frame, kinds, row)
                row += len(frame)
                yield frame
    except _csv_errors(pd) as error:
        raise ValueError(
            f"source {str(path)!r} could not be read after row {row}: "
            f"{_first_line(error)}{_remedy(error)}"
        ) from error


def _check_header(path: Path, options: dict[str, Any]) -> None:
    """Refuse two columns of one name, which pandas would rename."""
    import pandas as pd

    if options.get("header", "infer") not in ("infer", 0) or "names" in options:
        return
    kept = ("sep", "delimiter", "encoding", "compression", "quotechar", "skiprows", "comment")
    chosen = {key: options[key] for key in kept if key in options}
    first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **chosen)
    check_unique([str(name) for name in first.iloc[0]] if len(first) else [], str(path))


def check_unique(names: list, source: str) -> None:
    """Refuse a name that several columns have: one would hide the other."""
    twice = sorted({str(name) for name in names if names.count(name) > 1 and name != ""})
    if twice:
        raise ValueError(
            f"source {source!r} has several columns named {', '.join(map(repr, twice))}; "
            "give every column a name of its own"
        )


def _mended(frame, kinds: dict[str, str], lenient: Any):
    """The piece with numbers where its columns are to hold numbers."""
    changes = {
        name: lenient.numbers(frame[name])
        for name in frame
        if _kind(frame[name]) == "text"
        and (lenient.is_number(name) or kinds.get(name) == "number")
        and name not in lenient.kept
    }
    lenient.rows += len(frame)
    return frame.assign(**changes) if changes else frame


def _csv_errors(pandas) -> tuple[type[BaseException], ...]:
    """Return what the CSV and decompression layers raise for a damaged file."""
    errors = pandas.errors
    return (
        errors.ParserError,
        errors.EmptyDataError,
        UnicodeDecodeError,
        EOFError,
        OSError,
        zlib.error,
    )


def _remedy(error: BaseException) -> str:
    """Say what a caller can do about a reading error."""
    if isinstance(error, UnicodeDecodeError):
        return "; pass read_options={'encoding': ...}, for instance 'latin-1'"
    if isinstance(error, (EOFError, OSError, zlib.error)):
        return "; the file seems to be damaged or cut short"
    return "; mend the file, or pass read_options (sep, quotechar, on_bad_lines, ...)"


def _check_kinds(frame, kinds: dict[str, str], first_row: int) -> None:
    """Raise when a column of numbers turns into text further down the file."""
    import pandas as pd

    for name in frame:
        kind = _kind(frame[name])
        known = kinds.setdefault(name, kind) if kind != "empty" else kind
        if known == "number" and kind == "text":
            numbers = pd.to_numeric(frame[name], errors="coerce")
            wrong = numbers.isna() & frame[name].notna()
            position = int(wrong.to_numpy().argmax())
            raise ValueError(
                f"column {name!r} held numbers up to row {first_row}, but row "
                f"{first_row + position} has {frame[name].iloc[position]!r}; mend it, or "
                "pass read_options={'na_values': [...]} or {'dtype': "
                f"{{{name!r}: str}}}}"
            )


def _kind(column) -> str:
    """Tell text, numbers and columns without any value apart."""
    if column.isna().all():
        return "empty"
    return {"i": "number", "u": "number", "f": "number", "b": "bool"}.get(
        column.dtype.kind, "text"
    )


def _parquet_frames(path: Path, read_options: dict[str, Any]) -> Iterator:
    """Frames of a Parquet file, row group by row group."""
    pyarrow = optional("pyarrow", extra="demo", purpose="a Parquet file")
    parquet = optional("pyarrow.parquet", extra="demo", purpose="a Parquet file")
    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            check_unique(file.schema_arrow.names, str(path))
            for batch in file.iter_batches(**{"batch_size": READ_ROWS, **read_options}):
                yield pandas_of(batch)
                row += batch.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"source {str(path)!r} could not be read as Parquet after row {row}: "
            f"{_first_line(error)}; the file seems to be damaged or no Parquet file"
        ) from error


def _arrow_frames(source: Any) -> Iterator:
    """Frames of a pyarrow Table, RecordBatch, RecordBatchReader or Dataset."""
    if hasattr(source, "scanner"):
        yield from dataset_frames(source)
        return
    if hasattr(source, "combine_chunks"):
        pieces = source.to_batches(max_chunksize=READ_ROWS)
    elif hasattr(source, "read_next_batch"):
        pieces = source
    else:
        pieces = [source]
    for piece in pieces:
        if piece.num_rows:
            yield pandas_of(piece)


def _nonempty(frames: Iterator, name: str) -> Iterator:
    """Pass frames on; raise if there was no row in any of them."""
    rows = 0
    for frame in frames:
        rows += len(frame)
        yield frame
    if not rows:
        raise ValueError(f"source {name!r} has no rows")


def frame_of(frame):
    """A pandas frame of a pandas or polars one."""
    return frame if hasattr(frame, "iloc") else frame.to_pandas()


def _is_dataframe(source: Any) -> bool:
    """Whether the object is a pandas or polars DataFrame."""
    return _module(source) in ("pandas", "polars") and hasattr(source, "columns")


def _module(source: Any) -> str:
    """Top-level module of an object's class."""
    return type(source).__module__.partition(".")[0]


def _first_line(error: BaseException) -> str:
    """Return the first line of an error message, without its full stop."""
    text = str(error) or type(error).__name__
    return text.strip().splitlines()[0].rstrip(".")

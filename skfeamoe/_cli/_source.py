"""A user's file as a stream of frames: encodings, separators, times and order.

What a file needs to be read is settled once, from its beginning, times from all of them, and
told; then every pass over it reads it in the same way, piece by piece.
"""

from __future__ import annotations

import csv
import io
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._cells import OddCells, is_text, mostly_numbers
from ._errors import InputError, as_input_error
from ._times import TimeForm, TimeTexts
from ._written import Written

SNIFF_BYTES = 1 << 20
SEPARATORS = (",", ";", "\t", "|")
FIRST_LINES = 200
"""Lines that say how decimals are written."""


class Source:
    """A file, or standard input, and how it is read."""

    def __init__(self, arguments: Any):
        self.name = arguments.file
        self.path = _spooled() if arguments.file == "-" else Path(arguments.file)
        self.shown = "standard input" if arguments.file == "-" else self.path.name
        self.spooled = arguments.file == "-"
        self.notes: list[str] = []
        self.categorical = list(getattr(arguments, "categorical", []))
        self.numeric = list(getattr(arguments, "numeric", []))
        self.time = getattr(arguments, "time", None)
        self.day_first = getattr(arguments, "day_first", None)
        self.written = Written(arguments)
        self.cells = OddCells(self.written.names, self.numeric)
        self.sorted = None
        self._time_form: TimeForm | None = None
        self.read_options = self._settle_reading(arguments)
        if getattr(arguments, "sort", False):
            self._sort()

    def frames(self) -> Iterator[Any]:
        """Frames of the file, in its order or in that of time."""
        if self.sorted is not None:
            yield self.sorted
            return
        self.cells.reset()
        self.written.reset()
        yield from self._raw_frames()

    def close(self) -> None:
        """Remove what standard input was kept in."""
        if self.spooled:
            self.path.unlink(missing_ok=True)

    def hint(self, error: str) -> str:
        """What a reading error may come from: a header that another separator parts."""
        if "is not in the source" not in error or not self.written.is_csv:
            return ""
        used = self.read_options.get("sep", ",")
        lines = _beginning(self.path).decode(
            self.read_options.get("encoding", "utf-8"), errors="replace"
        )
        header = lines.partition("\n")[0]
        other = max(SEPARATORS, key=header.count)
        if header.count(other) <= header.count(used):
            return ""
        return f"; if {other!r} separates the columns, pass --sep {shlex.quote(other)}"

    def _raw_frames(self) -> Iterator[Any]:
        """Frames in the order of the file, with cells and times made proper."""
        from skfeamoe.streaming._sources import open_frames

        self._settle_times()
        for frame in open_frames(self.path, self.read_options, lenient=self.cells):
            yield self._proper(frame)

    def _proper(self, frame):
        """Columns as they are written, and times."""
        for option, names in (("--categorical", self.categorical), ("--numeric", self.numeric)):
            for name in names:
                if name not in frame.columns:
                    raise InputError(_no_column(option, name, frame.columns))
        changes = self.written.columns(frame)
        if self.time is not None and self.time in frame.columns:
            column = frame[self.time]
            if is_text(column):
                assert self._time_form is not None
                changes[self.time] = self._time_form.times(column)
        return frame.assign(**changes) if changes else frame

    def _settle_reading(self, arguments) -> dict[str, Any]:
        """Encoding and separator: asked for, or guessed and told."""
        if not self.path.exists() or self.path.is_dir():
            return {}
        options: dict[str, Any] = {}
        separator = getattr(arguments, "sep", None)
        encoding = getattr(arguments, "encoding", None)
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        if suffixes[-1:] != [".gz"] and _is_gzip(self.path):
            raise InputError(f"{self.name!r} is packed by gzip; name it {self.name}.gz")
        if not {".csv", ".tsv", ".txt"} & set(suffixes[-2:]):
            for option, value in (("--sep", separator), ("--encoding", encoding)):
                if value is not None:
                    raise InputError(f"{option} is for CSV files, got {self.name!r}")
            return {}
        if encoding is None:
            encoding = guessed_encoding(_beginning(self.path))
            if encoding is not None:
                self.notes.append(
                    f"not UTF-8: read as {encoding}; --encoding NAME reads it otherwise"
                )
        if encoding is not None:
            options["encoding"] = _known_encoding(encoding)
        if separator is None and ".tsv" not in suffixes:
            separator = guessed_separator(_beginning(self.path), options.get("encoding"))
            if separator is not None:
                self.notes.append(
                    f"columns are separated by {separator!r}; --sep reads it otherwise"
                )
        if separator is not None:
            options["sep"] = {"\\t": "\t", "tab": "\t"}.get(separator, separator)
        by = options.get("sep", "\t" if ".tsv" in suffixes else ",")
        if by != "," and has_decimal_commas(_beginning(self.path), by, encoding or "utf-8"):
            options["decimal"] = self.cells.decimal = ","
            self.notes.append("numbers are written with a decimal comma")
        return {**options, **self.written.read_options(self.path, options)}

    def _settle_times(self) -> None:
        """Look at all texts of the time column, and say how they are read."""
        if self.time is None or self._time_form is not None:
            return
        texts = TimeTexts(self.time, self.day_first)
        for frame in self._times_alone():
            column = frame.get(self.time)
            if column is None or not (is_text(column) or column.isna().all()):
                break  # no such column, or no texts: whoever reads it will say so
            texts.look(column)
        self._time_form, notes = texts.settled()
        self.notes += notes

    def _times_alone(self) -> Iterator[Any]:
        """Frames of the file, with the column of times alone where that is less to read."""
        from skfeamoe.streaming._sources import open_frames

        options = dict(self.read_options)
        if self.written.is_csv:
            options["usecols"] = lambda name: name == self.time
        cells = OddCells(self.written.names, self.numeric)
        cells.decimal = self.cells.decimal
        return open_frames(self.path, options, lenient=cells)

    def _sort(self) -> None:
        """Read the whole file, and put its rows in order of time."""
        import pandas as pd

        if self.time is None:
            raise InputError("--sort needs --time COL, the column to sort by")
        try:
            frame = pd.concat(list(self._raw_frames()), ignore_index=True)
        except (ValueError, OSError, ImportError) as error:
            raise as_input_error(error) from error
        if self.time not in frame.columns:
            raise InputError(_no_column("--time", self.time, frame.columns))
        missing = int(frame[self.time].isna().sum())
        try:
            self.sorted = frame.sort_values(self.time, kind="stable", ignore_index=True)
        except TypeError:
            raise InputError(
                f"--sort: {self.time!r} mixes texts and numbers; bring it to one type"
            ) from None
        note = f"sorted by {self.time}"
        if missing:
            note += f"; {missing:,} rows without it stand at the end"
        self.notes.append(note)


def guessed_encoding(content: bytes) -> str | None:
    """The encoding of bytes that are not UTF-8; None if they are."""
    for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return name
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 4:  # cut in the middle of a character
            return None
        return "cp1252"
    return None


def guessed_separator(content: bytes, encoding: str | None) -> str | None:
    """The separator of a file that commas do not part; None for the usual one."""
    lines = content.decode(encoding or "utf-8", errors="replace").splitlines()[:20]
    if not lines:
        return None
    if len(lines[0].split(",")) > 1:
        parts = [by for by in SEPARATORS if _parts_evenly(lines, by)]
        return parts[0] if parts and "," not in parts else None
    try:
        found = csv.Sniffer().sniff("\n".join(lines), "".join(SEPARATORS)).delimiter
    except csv.Error:
        return None
    return found if found in lines[0] and found != "," else None


def _parts_evenly(lines: list[str], separator: str) -> bool:
    """Whether a separator parts all lines, into as many fields each."""
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=separator) if row}
    except csv.Error:
        return False
    return len(widths) == 1 and widths.pop() > 1


def has_decimal_commas(content: bytes, separator: str, encoding: str) -> bool:
    """Whether more columns of the first lines are numbers if a comma begins the decimals."""
    import pandas as pd

    lines = content.decode(encoding, errors="replace").splitlines()[:FIRST_LINES]
    try:
        frame = pd.read_csv(io.StringIO("\n".join(lines)), sep=separator, dtype=str)
    except ValueError:
        return False  # reading it properly will say what is wrong
    comma, point = (sum(mostly_numbers(frame[n], mark) for n in frame) for mark in ",.")
    return comma > point


def _spooled() -> Path:
    """Keep standard input in a file, as it is read more than once."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("FILE is -, but nothing is piped in; give a file name")
    stream = getattr(sys.stdin, "buffer", None) or io.BytesIO(sys.stdin.read().encode())
    first = stream.read(4)
    if not first:
        raise InputError("standard input is empty")
    kinds = {b"PAR1": ".parquet", b"\x1f\x8b": ".csv.gz"}
    suffix = next((kinds[mark] for mark in kinds if first.startswith(mark)), ".csv")
    with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as file:
        file.write(first)
        shutil.copyfileobj(stream, file)
    return Path(file.name)


def _is_gzip(path: Path) -> bool:
    """Whether a file begins as those that gzip has packed."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError:
        return False


def _beginning(path: Path) -> bytes:
    """First bytes of a file, unpacked if it is packed in a way we know."""
    import bz2
    import gzip
    import lzma
    import zipfile

    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as pack, pack.open(pack.namelist()[0]) as file:
                return file.read(SNIFF_BYTES)
        if path.suffix.lower() == ".zst":
            return b""
        with openers.get(path.suffix.lower(), open)(path, "rb") as file:
            return file.read(SNIFF_BYTES)
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, IndexError):
        return b""  # reading it properly will say what is wrong


def _known_encoding(name: str) -> str:
    """An encoding that Python knows."""
    import codecs

    try:
        return codecs.lookup(name).name
    except LookupError:
        raise InputError(
            f"--encoding {name!r} is not known; try utf-8, cp1252, latin-1 or utf-16"
        ) from None


def _no_column(option: str, name: str, columns) -> str:
    """A column that is not there, with similar names."""
    from skfeamoe.datasets._tables import did_you_mean

    return f"{option} names no column: {did_you_mean(name, columns)}"

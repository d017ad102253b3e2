"""Files that are written whole or not at all, and known to be whole when they are read.

A sealed file begins with one line, ``<kind> <format> <sha256> <bytes>``, of what follows it.
Whoever reads it knows of every changed, missing or added byte before looking at the content.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

PART = ".part"
"""What the name of a file ends with that is being written."""


@contextlib.contextmanager
def replaced(path, *, private: bool = False) -> Iterator[Path]:
    """Yield a new file beside a path; it takes the path's place once it is whole.

    A link is followed, so that what it points to is replaced. The file keeps the rights of
    the one it replaces; a private one is its owner's alone.
    """
    target = Path(path).resolve()
    handle, name = tempfile.mkstemp(prefix=_before(target), suffix=PART, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.chmod(0o600 if private else _rights(target))
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def clear_parts(path) -> None:
    """Remove what writers of a path left beside it that were killed before they were done.

    For files of one writer at a time: the part of one that still writes would go as well.
    """
    target = Path(path).resolve()
    for part in target.parent.glob(f"{glob.escape(_before(target))}*{PART}"):
        part.unlink(missing_ok=True)


def _before(target: Path) -> str:
    """What the name of every part of a file begins with."""
    return f".{target.name}."


def write_bytes(path, content: bytes, *, private: bool = False) -> None:
    """Write a file whole or not at all."""
    with replaced(path, private=private) as part:
        part.write_bytes(content)


def write_text(path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def write_csv(path, table) -> None:
    """Write a data frame as CSV, whole or not at all, in which no text is a formula.

    Names of groups and columns are whatever somebody typed: a spreadsheet would run those that
    begin like a formula, so these get an apostrophe before them. Numbers stay numbers.
    """
    safe = table.rename(columns=_no_formula)
    for name, dtype in zip(safe.columns, safe.dtypes, strict=True):
        if dtype.kind not in "biufmMc":
            safe = safe.assign(**{name: safe[name].map(_no_formula)})
    write_text(path, safe.to_csv(index=False))


def _no_formula(value):
    """A text that begins like a formula, as a text; one line, so that none begins later."""
    if not isinstance(value, str):
        return value
    line = " ".join(value.splitlines()) if len(value.splitlines()) > 1 else value
    line = line.replace("\r", " ")
    return f"'{line}" if value.startswith(FORMULA_STARTS) else line


def _rights(target: Path) -> int:
    """Rights of the file that is replaced, or those of a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sealed(kind: str, version: int, content: bytes) -> bytes:
    """Content behind a line that says what it is, and which bytes it has."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{kind} {version} {digest} {len(content)}\n".encode() + content


def unsealed(kind: str, version: int, file: bytes) -> bytes:
    """The content of a sealed file; a ValueError says what is wrong with any other."""
    if not file.startswith(f"{kind} ".encode()):
        raise ForeignFileError(f"it is no {kind}")
    head, _, content = file.partition(b"\n")
    own = f"{kind} {version} ".encode()
    if not head.startswith(own):
        found = head[len(kind) + 1 :].split(b" ")[0][:20].decode("ascii", "replace")
        raise ValueError(f"it has format {found}, and this version reads format {version}")
    if head + b"\n" + content != sealed(kind, version, content):
        raise ValueError("it is damaged: its bytes are not those that were written")
    return content


class ForeignFileError(ValueError):
    """A file of another kind."""

"""The file of an audit log: its records, its end, and one writer at a time.

Several logs may write into one file, in one process or in several: who writes holds a lock,
where the system has one, and takes note of what others have added since.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: writers that write at the same moment are not kept apart
    fcntl = None  # type: ignore[assignment]

FIRST = "0" * 64
"""What the first record is chained to."""

TAIL_BYTES = 1 << 16
"""Bytes at the end of a log in which its last whole record is looked for first."""


def digest_of(last: str, record: Mapping[str, Any]) -> str:
    """SHA-256 of a record and of the one before."""
    return hashlib.sha256((last + json.dumps(record)).encode()).hexdigest()


def parsed(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "digest" in record else None


def last_record(path: Path, end: int | None = None) -> tuple[int, str, int]:
    """Number and digest of the last whole record, and bytes of a cut line, before `end`."""
    if not path.exists() or not path.stat().st_size:
        return 0, FIRST, 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END) if end is None else end
        begin = file.seek(max(size - TAIL_BYTES, 0))
        tail = file.read(size - begin)
        if size > TAIL_BYTES and not any(map(parsed, tail.split(b"\n")[1:])):
            file.seek(0)
            tail = file.read(size)
    *lines, rest = tail.split(b"\n")
    for line in reversed([*lines, rest]):  # the rest may lack its line break alone
        record = parsed(line)
        if record is not None:
            return int(record["n"]), str(record["digest"]), len(rest)
    if lines or not rest.startswith(b'{"n"'):
        raise ValueError(f"{str(path)!r} exists and is no audit log; name another file")
    return 0, FIRST, len(rest)


def is_continued(path: Path, size: int, digest: str) -> bool:
    """Whether a file has grown beyond a size, and what was there is as it was."""
    if not path.exists() or path.stat().st_size <= size:
        return False
    try:
        return last_record(path, size)[1] == digest if size else digest == FIRST
    except ValueError:
        return False


@contextlib.contextmanager
def appending(path: Path) -> Iterator[int]:
    """A handle to append to a file, which is made for its owner alone; for one at a time."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # no file system has to know of locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def append(handle: int, path: Path, data: bytes) -> None:
    """Write bytes at the end, and wait until they are on the disk."""
    if os.write(handle, data) < len(data):
        raise OSError(28, "the disk is full", str(path))
    os.fsync(handle)

"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced(path) -> Iterator[Path]:
    """Yield a new file beside a path; it takes the path's place once it is whole.

    A link is followed, so that what it points to is replaced. The file keeps the rights of
    the one it replaces.
    """
    target = Path(path).resolve()
    handle, name = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=".part", dir=target.parent
    )
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.chmod(_rights(target))
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_bytes(path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replaced(path) as part:
        part.write_bytes(content)


def write_text(path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def _rights(target: Path) -> int:
    """Rights of the file that is replaced, or those of a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

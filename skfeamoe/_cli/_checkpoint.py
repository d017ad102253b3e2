"""A run that can be killed at any moment and goes on where it was.

Between two batches the whole state of a run is in the evaluator (models, counts, labels on
their way, the next row of the file) and in what was noted on the side. It is written to a
new file that then takes the place of the old one, so there is always one whole checkpoint;
the rows after it are read and learned again from the state before them, none twice.

A checkpoint is a pickle, which may run anything. So a damaged one is known by its seal before
it is read, it is written for its owner alone, as it holds people's rows, and one that belongs
to somebody else, or that others may write to, is refused.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
from pathlib import Path
from typing import Any

import skfeamoe
from skfeamoe.streaming._files import (
    ForeignFileError,
    clear_parts,
    sealed,
    unsealed,
    write_bytes,
)

from ._errors import InputError

KIND, FORMAT = "skfeamoe checkpoint", 2
"""Format 1 had no checksum."""

EDGE_BYTES = 1 << 20
"""Bytes at either end of the data by which a file is known again."""


class Checkpoint:
    """The saved state of one run on one file with one set of options."""

    def __init__(self, path: str | None, source: str, options: dict[str, Any]):
        self.path = None if path is None else Path(path)
        self.run = {
            "version": skfeamoe.__version__,
            "file": "" if path is None else _fingerprint(Path(source)),
            **options,
        }

    def load(self) -> dict[str, Any] | None:
        """The saved state, None if there is none; refuse that of another run.

        Half of a checkpoint, left by a run that was killed while it wrote, is cleared away: it
        holds people's rows and nothing can be done with it.
        """
        if self.path is None:
            return None
        if not self.path.exists():
            clear_parts(self.path)
            return None
        shown = f"--checkpoint {str(self.path)!r}"
        try:
            with self.path.open("rb") as file:
                content = unsealed(KIND, FORMAT, file.read())
                _check_owner(os.fstat(file.fileno()), shown)
            saved = pickle.loads(content)
        except ForeignFileError:
            raise InputError(
                f"{shown} exists and is no checkpoint; name another file"
            ) from None
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{shown} cannot be read: {error}; delete it to start anew"
            ) from error
        other = sorted(k for k in self.run if saved["run"].get(k) != self.run[k])
        if other:
            raise InputError(
                f"{shown} is of a run with another {', '.join(other)}; delete it to start "
                "anew, or name another file"
            )
        clear_parts(self.path)
        return saved["state"]

    def save(self, state: dict[str, Any]) -> None:
        """Write the state whole or not at all."""
        assert self.path is not None
        content = pickle.dumps({"run": self.run, "state": state}, protocol=5)
        try:
            write_bytes(self.path, sealed(KIND, FORMAT, content), private=True)
        except OSError as error:
            raise InputError(
                f"--checkpoint {str(self.path)!r} cannot be written: {error.strerror}; the "
                "last whole one is still there"
            ) from error

    def remove(self) -> None:
        """The run is complete: the next one starts anew."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _check_owner(found: os.stat_result, shown: str) -> None:
    """Refuse a pickle that somebody else may have written."""
    if not hasattr(os, "getuid"):
        return
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InputError(
            f"{shown} could have been written by others, and opening it may run anything; if "
            "it is your own: chmod 600, and be its owner"
        )


def _fingerprint(path: Path) -> str:
    """Size of a file and a hash of its two ends; of a folder, of its files' names and sizes."""
    if path.is_dir():
        names = [f"{p.name} {p.stat().st_size}" for p in sorted(path.rglob("*")) if p.is_file()]
        return hashlib.sha256("\n".join(names).encode()).hexdigest()
    size = path.stat().st_size
    with path.open("rb") as file:
        ends = file.read(EDGE_BYTES)
        file.seek(max(size - EDGE_BYTES, 0))
        ends += file.read(EDGE_BYTES)
    return f"{size} {hashlib.sha256(ends).hexdigest()}"

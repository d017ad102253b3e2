"""What a run leaves behind: checked before it begins, written whole, one without the other.

No output may be the input, another output, a folder, or anything that is no regular file; its
folder must exist and be writable. A folder of numbers may hold other files, but none of the
names of what is written, unless an earlier run has written it. After the run each is written
beside its place and put there when it is whole; where one fails the others are still written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ._errors import InputError, needs

OF_COMPARISON = {"method", "bound", "accuracy", "gap"}
"""What every row of a compare.json has."""


class Outputs:
    """The files that a run was asked to write."""

    def __init__(
        self,
        wanted: Mapping[str, str | None],
        inputs: Mapping[str, Path],
        in_folder: Sequence[str] = (),
    ):
        """Check the places of outputs; `in_folder` are the files that go into ``--json``."""
        self.paths = {option: Path(path) for option, path in wanted.items() if path is not None}
        self.failed: list[str] = []
        for option, path in self.paths.items():
            _check_place(option, path)
        taken = {name: [place, *_files_in(place)] for name, place in inputs.items()}
        for option, path in self.paths.items():
            files = [path / name for name in in_folder] if option == "--json" else []
            _check_free(option, [path, *files], taken)
            _check_own(option, path, files)
            taken[option] = [path, *files]

    def __contains__(self, option: str) -> bool:
        """Whether an output was asked for."""
        return option in self.paths

    def fail(self, option: str, error: OSError) -> None:
        """Note an output that could not be written, once."""
        reason = error.strerror or type(error).__name__
        text = f"{option} {str(self.paths[option])!r} cannot be written: {reason}"
        if text not in self.failed:
            self.failed.append(text)

    def write(self, option: str, write: Callable[[Path], Any], console, done: str) -> None:
        """Write one output; a failure is told, and the others go on."""
        path = self.paths[option]
        try:
            write(path)
        except OSError as error:
            self.fail(option, error)
        except MemoryError:
            self.failed.append(f"{option} {str(path)!r} cannot be written: out of memory")
        else:
            console.print(done, soft_wrap=True, markup=False)


def check_picture(path: Path) -> None:
    """Refuse a picture of an unknown kind before the work begins."""
    figure = needs("matplotlib.figure").Figure()
    suffixes = figure.canvas.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in suffixes:
        raise InputError(f"--output {str(path)!r} has no known picture type; name it .png")


def save_picture(figure, path: Path) -> None:
    """Draw a figure into a file, whole or not at all."""
    from skfeamoe.streaming._files import replaced

    with replaced(path) as part:
        figure.savefig(part, format=path.suffix.lower().lstrip("."))


def _check_place(option: str, path: Path) -> None:
    """Refuse a place where a file cannot or should not be written."""
    folder = option == "--json"
    if not path.parent.is_dir():
        raise InputError(
            f"{option} {str(path)!r} is in a folder that does not exist; make it first"
        )
    if path.exists():
        if path.is_dir() != folder:
            what = "a file; give a folder" if folder else "a folder; give a file name"
            raise InputError(f"{option} {str(path)!r} is {what}")
        if not folder and not path.is_file():
            raise InputError(
                f"{option} {str(path)!r} is a device, not a regular file; give a file name"
            )
        if not os.access(path, os.W_OK):
            raise InputError(f"{option} {str(path)!r} must not be written; change its rights")
    place = path if folder and path.exists() else path.resolve().parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{option} {str(path)!r} is in a folder that must not be written to")


def _check_free(option: str, places: list[Path], taken: Mapping[str, list[Path]]) -> None:
    """Refuse an output that would replace the input or another output."""
    for path in places:
        for other, others in taken.items():
            if any(_same(path, place) for place in others):
                which, kind = f"{option} {str(places[0])!r}", "file"
                if path is not places[0]:
                    which, kind = f"{which} gets {str(path)!r}, which", "folder"
                raise InputError(
                    f"{which} is the same file as {other}; nothing of yours is overwritten, so "
                    f"name another {kind}"
                )


def _check_own(option: str, folder: Path, files: list[Path]) -> None:
    """Refuse a folder with files of the names of `files` that no earlier run has written."""
    known = _written_before(files) if files else set()
    for path in files:
        if path.name not in known and os.path.lexists(path):
            raise InputError(
                f"{option} {str(folder)!r} gets {str(path)!r}, which exists and is of "
                "no earlier run; nothing of yours is overwritten, so name another folder"
            )


def _written_before(files: list[Path]) -> set[str]:
    """Names of the files that an earlier run has written, as the first of them tells."""
    from skfeamoe.streaming._report import listed_tables

    first = files[0]
    tables = listed_tables(first)
    if tables:
        return {first.name, *tables}
    try:
        rows = json.loads(first.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    rows = rows if isinstance(rows, list) else []
    is_own = rows and all(isinstance(r, dict) and r.keys() >= OF_COMPARISON for r in rows)
    return {path.name for path in files} if is_own else set()


def _files_in(place: Path) -> list[Path]:
    """The files of an input that is a folder."""
    return [file for file in place.rglob("*") if file.is_file()] if place.is_dir() else []


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, also by links."""
    if one.resolve() == other.resolve():
        return True
    if one.exists() and other.exists():
        return os.path.samefile(one, other)
    return False

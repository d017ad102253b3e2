"""The report of a run and its numbers, with the features behind the last decisions."""

from __future__ import annotations

import hashlib
import shlex
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from skfeamoe.streaming import PrequentialResult, StreamBatch, _report
from skfeamoe.streaming._batches import stacked
from skfeamoe.streaming._files import write_text
from skfeamoe.streaming._report import MOST_EXPLAINED

from ._errors import as_input_error, needs
from ._models import FEAMOE
from ._outputs import Outputs

HASHED_PIECE = 1 << 20


class Recent:
    """The last rows of a stream, as they were read."""

    def __init__(self, n_rows: int = MOST_EXPLAINED):
        self.n_rows = n_rows
        self.batches: deque = deque()
        self.n_kept = 0

    def add(self, batch: StreamBatch) -> None:
        """Take a batch in, and let go of those that are no longer needed."""
        self.batches.append((batch.X, batch.sensitive_features, batch.row_numbers))
        self.n_kept += len(batch)
        while self.n_kept - len(self.batches[0][0]) >= self.n_rows:
            self.n_kept -= len(self.batches.popleft()[0])

    def rows(self) -> tuple[Any, Any]:
        """Features and groups."""
        features, groups, _ = zip(*self.batches, strict=True)
        return stacked(list(features)), stacked(list(groups))

    def numbers(self) -> np.ndarray:
        """Their row numbers in the file."""
        return np.concatenate([numbers for _, _, numbers in self.batches])


def has_river() -> bool:
    """Whether alarms can be raised."""
    import importlib.util

    return importlib.util.find_spec("river") is not None


def write_results(
    arguments, console, outputs: Outputs, result: PrequentialResult, about: dict[str, Any]
) -> None:
    """Write the report and its numbers, where they were asked for, with a progress bar."""
    title, facts = about.pop("title"), about.pop("facts")

    @cache
    def report():
        tell("explaining the last decisions")
        try:
            return _report.Report.of(result, **about)
        except ValueError as error:
            raise as_input_error(error) from error

    def write_page(path: Path) -> None:
        write_text(path, _report.render(report(), title=title, facts=facts, tell=tell))

    def write_numbers(path: Path) -> None:
        about_what = report()
        tell("writing the numbers")
        _report.write_numbers(about_what, path, title=title, facts=facts)

    with _told_steps(console) as tell:
        if "--report" in outputs:
            outputs.write("--report", write_page, console, f"Report: {arguments.report}")
        if "--json" in outputs:
            done = f"Every number of it: {arguments.json}"
            outputs.write("--json", write_numbers, console, done)


@contextmanager
def _told_steps(console) -> Iterator[Callable[[str], None]]:
    """A progress bar that moves with each step it is told of."""
    progress = needs("rich.progress")
    columns = (
        progress.TextColumn("writing the report"),
        progress.BarColumn(bar_width=24),
        progress.TextColumn("{task.description}"),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=_report.MOST_STEPS)
        yield lambda text: bar.update(task, advance=1, description=text)


def record(arguments, notes: list[str], left_out: Iterable[str]) -> dict[str, Any]:
    """What the record of a run lists besides its settings."""
    facts = {
        "Data": "standard input" if arguments.file == "-" else Path(arguments.file).name,
        "SHA-256 of the data": data_hash(arguments.file),
        "Command": shlex.join(["python", "-m", "skfeamoe", *arguments.line]),
        "Seed": arguments.seed,
        "Columns left out": ", ".join(left_out) or "none",
    }
    if arguments.target is not None:
        facts["Target"] = arguments.target
    return facts | {f"Note {i}": note for i, note in enumerate(notes, start=1)}


def data_hash(name: str) -> str:
    """SHA-256 of a file, or of every file of a folder in the order of their names."""
    if name == "-":
        return "not taken, the data came from standard input"
    path, digest = Path(name), hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        with file.open("rb") as content:
            while piece := content.read(HASHED_PIECE):
                digest.update(piece)
    return digest.hexdigest()


def about_stream(arguments, encoding, recent, notes, left_out, bounds) -> dict[str, Any]:
    """What report and numbers are about."""
    (measure, bound), *_ = bounds.items()
    frame, groups = recent.rows()
    rows = encoding.transformer.transform(frame)
    shown = "standard input" if arguments.file == "-" else Path(arguments.file).name
    return {
        "model": FEAMOE,
        "measure": measure,
        "difference_bound": bound,
        "more_bounds": bounds,
        "title": f"{shown}: decisions on {arguments.target}",
        "facts": record(arguments, notes, left_out),
        "X": rows,
        "shown": rows,
        "sensitive_features": groups,
    }

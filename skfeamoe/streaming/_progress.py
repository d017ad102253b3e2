"""A progress bar for prequential runs, drawn by rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from skfeamoe._optional import optional


@contextmanager
def progress_bar(show: bool, total_rows: int | None) -> Iterator[Callable[[int, str], None]]:
    """Yield a function of (rows so far, text) that draws, or does nothing."""
    if not show:
        yield lambda rows, text: None
        return
    progress = optional("rich.progress", extra="demo", purpose="progress=True")
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("rows"),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns) as bar:
        task = bar.add_task("stream", total=total_rows)

        def draw(rows: int, text: str) -> None:
            bar.update(task, completed=rows, description=text or "stream")

        yield draw

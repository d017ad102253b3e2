"""A progress bar for prequential runs, drawn by rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(show: bool, total_rows: int | None) -> Iterator[Callable[[int, str], None]]:
    """Yield a function of (rows so far, text) that draws, or does nothing."""
    if not show:
        yield lambda rows, text: None
        return
    try:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
    except ImportError as error:
        raise ImportError(
            'progress=True needs rich, which is not installed; pip install "skfeamoe[demo]"'
        ) from error
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("stream", total=total_rows)

        def draw(rows: int, text: str) -> None:
            bar.update(task, completed=rows, description=text or "stream")

        yield draw

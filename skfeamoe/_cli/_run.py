"""The loop over the batches, with a progress bar; both commands run through here."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from skfeamoe.streaming import (
    EvaluationPoint,
    PrequentialEvaluator,
    PrequentialResult,
    StreamBatch,
)

from ._errors import as_input_error, needs
from ._models import STATIC

MIN_GROUP_SIZE = 30
"""Rows a group needs in an event before its rate counts in a gap."""


def window_rows(n_rows: int) -> int:
    """Rows of a window: a twentieth of the stream, a thousand if it is short."""
    return max(n_rows // 20, min(1000, n_rows // 5), 10)


def new_evaluator(models: dict[str, Any], *, n_rows: int, **options) -> PrequentialEvaluator:
    """Evaluator of a stream of known length: 200 points, and windows of a twentieth."""
    return PrequentialEvaluator(
        models,
        window=window_rows(n_rows),
        fading_factor=None,
        evaluate_every=max(n_rows // 200, 1),
        train={STATIC: False} if STATIC in models else True,
        min_group_size=MIN_GROUP_SIZE,
        **options,
    )


def run(
    evaluator: PrequentialEvaluator,
    batches: Iterable[StreamBatch],
    console,
    *,
    n_rows: int,
    after_batch: Callable[[list[str]], Any] | None = None,
    after_point: Callable[[list[str]], Any] | None = None,
    earlier_messages: Sequence[str] = (),
) -> tuple[PrequentialResult, list[str]]:
    """Test, then train on every batch; return the result and what was warned of.

    `after_batch` is called with the warnings so far after every batch, and `after_point` then
    at every evaluation point, when the evaluator's state is whole: the moment to save it.
    """

    def messages() -> list[str]:
        texts = [" ".join(str(warning.message).split()) for warning in caught]
        return list(dict.fromkeys([*earlier_messages, *texts]))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _progress(console) as bar:
            task = bar.add_task("test, then train", total=n_rows, text="")
            for batch in batches:
                try:
                    point = evaluator.update(batch)
                except ValueError as error:
                    raise as_input_error(_with_rows(error, batch)) from error
                except (AttributeError, TypeError) as error:  # of an encoder or a model
                    text = f"{type(error).__name__}: {error}"
                    raise as_input_error(_with_rows(ValueError(text), batch)) from error
                if after_batch is not None:
                    after_batch(messages())
                if point is not None and after_point is not None:
                    after_point(messages())
                bar.update(task, completed=evaluator.rows_arrived_)
                if point is not None:
                    bar.update(task, text=_progress_text(point))
            bar.update(task, description="last labels", text="")
            result = evaluator.finish()
            if after_batch is not None:
                after_batch(messages())
            bar.update(task, description="test, then train")
    return result, messages()


def _with_rows(error: ValueError, batch: StreamBatch) -> ValueError:
    """Say in which rows of the source an error came up."""
    if batch.row_numbers is None or not len(batch.row_numbers):
        return error
    first, last = batch.row_numbers[0], batch.row_numbers[-1]
    return ValueError(f"rows {first:,} to {last:,}: {error}")


def _progress(console):
    """Return a progress bar that shows what has been reached so far."""
    progress = needs("rich.progress")
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=24),
        progress.TextColumn("{task.completed:,} of {task.total:,} rows"),
        progress.TextColumn("{task.fields[text]}"),
        progress.TimeElapsedColumn(),
        console=console,
    )


def _progress_text(point: EvaluationPoint) -> str:
    """Accuracy of the first model so far."""
    name, model = next(iter(point.models.items()))
    accuracy = model.views["cumulative"]["accuracy"]
    return f"{name} {accuracy:.3f}" if accuracy == accuracy else "warming up"

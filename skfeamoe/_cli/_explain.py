"""`explain`: why a saved model decided on one row of a file as it did."""

from __future__ import annotations

from typing import Any

from skfeamoe._classifier import favorable_label_of
from skfeamoe.streaming._sources import frame_of

from ._errors import InputError, as_input_error, new_console
from ._model_files import load_model
from ._reasons import print_reasons
from ._source import Source
from ._verdict import print_wrapped


def run_explain(arguments) -> None:
    """Load the model, find the row, print the reasons."""
    console = new_console()
    model = _loaded(arguments.model, arguments.trust_joblib)
    source = Source(arguments)
    try:
        rows = _row(source, arguments.row)
        if not arguments.quiet:
            for note in source.notes:
                print_wrapped(console, f"- {note}", "  ")
        try:
            print_reasons(console, model, rows, [arguments.row], arguments.reasons)
            favorable = model.predict(rows)[0] == _favorable(model)
        except (ValueError, TypeError, AttributeError) as error:
            raise as_input_error(error) from error
        if favorable and not arguments.quiet:
            print_wrapped(console, "The decision is favorable, so there is nothing to justify.")
    finally:
        source.close()


def _favorable(model: Any) -> Any:
    """The label that is good for the person."""
    return favorable_label_of(model, model.classes_[-1])


def _loaded(name: str, trust_joblib: bool) -> Any:
    """A saved model that can explain."""
    model = load_model(name, trust_joblib=trust_joblib)
    if not hasattr(model, "explain"):
        raise InputError(
            f"MODEL {name!r} holds {type(model).__name__}, which cannot explain; give the file "
            "of stream --model"
        )
    return model


def _row(source: Source, number: int):
    """One row of the file, as a frame."""
    first = 0
    try:
        for frame in source.frames():
            if number < first + len(frame):
                return frame_of(frame[number - first : number - first + 1])
            first += len(frame)
    except (ValueError, OSError, ImportError) as error:
        raise as_input_error(error) from error
    raise InputError(f"--row {number:,} is not in {source.name!r}, which has {first:,} rows")

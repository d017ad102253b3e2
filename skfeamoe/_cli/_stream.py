"""`stream`: the same models on a file of the user's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
from sklearn.pipeline import Pipeline

from skfeamoe.datasets._tables import did_you_mean
from skfeamoe.streaming import PrequentialResult, StreamBatch, iter_batches
from skfeamoe.streaming._batches import stacked

from ._checkpoint import Checkpoint
from ._encoding import Watch, choose_features, encoder_notes, make_encoder
from ._errors import InputError, as_input_error, needs
from ._models import FEAMOE, three_models
from ._picture import check_picture_path, checked_output, draw
from ._report import Recent, has_river, write_report
from ._run import MIN_GROUP_SIZE, new_evaluator, run
from ._survey import Survey, check_survey, favorable_label, survey, survey_notes
from ._verdict import gap_of, print_wrapped, result_table, verdict

MOST_BATCH_ROWS = 256
MOST_FIRST_ROWS = 50_000
"""Rows, at most, that encoders and the static model are fitted on."""


def run_stream(arguments) -> None:
    """Survey the file, test and train on it, then show and save what came out."""
    console = needs("rich.console").Console(highlight=False)
    picture, model_path = _checked_options(arguments)
    roles = {
        "target": arguments.target,
        "sensitive": arguments.sensitive,
        "time": arguments.time,
    }
    with console.status(f"Reading {arguments.file}"):
        found = survey(arguments.file, roles)
    check_survey(found, arguments.file, roles)
    favorable = favorable_label(found, arguments.favorable, arguments.target)
    for note in survey_notes(found, roles, MIN_GROUP_SIZE):
        print_wrapped(console, f"- {note}", "  ")

    first_rows = _first_rows(found)
    batch_rows = arguments.batch or min(MOST_BATCH_ROWS, max(found.n_rows // 100, 1))
    roles["features"], notes = _features(arguments, roles, first_rows)
    checkpoint = Checkpoint(arguments.checkpoint, arguments.file, _run_options(arguments))
    saved = checkpoint.load()
    if saved is None:
        state, batches = _begin(arguments, found, roles, favorable, batch_rows, first_rows)
    else:
        state = saved
        batches = _batches(
            arguments.file, roles, batch_rows, start_row=state["evaluator"].next_row_
        )
        notes.append(
            f"goes on from {arguments.checkpoint} after "
            f"{state['evaluator'].rows_arrived_:,} rows"
        )
    evaluator, watch, recent = (state[name] for name in ("evaluator", "watch", "recent"))
    encoder = evaluator.preprocessor_
    for note in notes + encoder_notes(encoder, first_rows):
        print_wrapped(console, f"- {note}", "  ")
    print_wrapped(
        console,
        f"- good for the person: {arguments.target} = {favorable}; encoders and the static "
        f"model are fitted on the first {first_rows:,} rows, and nothing is scored there",
        "  ",
    )
    console.print()
    result, messages = run(
        evaluator,
        watch.watch(_remembered(batches, recent)),
        console,
        n_rows=found.n_rows,
        after_point=None
        if arguments.checkpoint is None
        else lambda messages: checkpoint.save({**state, "messages": messages}),
        earlier_messages=state["messages"],
    )
    _show(console, arguments, result, watch.notes() + messages)
    _save(console, arguments, result, encoder, picture, model_path)
    if arguments.report is not None:
        write_report(arguments, result, encoder, recent, watch.notes() + messages)
        console.print(f"Report: {arguments.report}", soft_wrap=True, markup=False)
    checkpoint.remove()


def _begin(
    arguments, found: Survey, roles: dict[str, Any], favorable, batch_rows: int, first_rows: int
) -> tuple[dict[str, Any], Iterator[StreamBatch]]:
    """State of a new run, and the batches of the whole file."""
    encoder, batches = _fitted_encoder(arguments.file, roles, batch_rows, first_rows)
    models = three_models(
        bound=arguments.bound,
        seed=arguments.seed,
        constraint=arguments.constraint,
        favorable=favorable,
    )
    evaluator = new_evaluator(
        models,
        n_rows=found.n_rows,
        favorable_label=favorable,
        classes=found.classes,
        pretrain_rows=first_rows,
        preprocessor=encoder,
        detector="adwin" if arguments.report is not None and has_river() else None,
    )
    state = {
        "evaluator": evaluator,
        "watch": Watch(encoder),
        "recent": Recent(),
        "messages": [],
    }
    return state, batches


def _remembered(batches: Iterator[StreamBatch], recent: Recent) -> Iterator[StreamBatch]:
    """Pass batches on, and keep the last rows for the report."""
    for batch in batches:
        recent.add(batch)
        yield batch


def _run_options(arguments) -> dict[str, Any]:
    """What makes a run what it is, besides the data."""
    names = ("target", "sensitive", "time", "ignore", "favorable", "constraint", "bound")
    options = {name: getattr(arguments, name) for name in (*names, "batch", "seed")}
    return {**options, "report": arguments.report is not None}


def _checked_options(arguments) -> tuple[Path | None, Path | None]:
    """Refuse bad options before anything is read."""
    if arguments.bound > 1 and arguments.constraint != "burden":
        raise InputError(
            f"--bound must be in (0, 1], got {arguments.bound:g}; a gap of 5 points is 0.05"
        )
    picture = None if arguments.no_plot else check_picture_path(arguments.output)
    model = None if arguments.model is None else checked_output(arguments.model, "--model")
    for option in ("report", "checkpoint"):
        if getattr(arguments, option) is not None:
            checked_output(getattr(arguments, option), f"--{option}")
    if arguments.report is not None:
        needs("jinja2")
        needs("matplotlib")
    return picture, model


def _first_rows(found: Survey) -> int:
    """Rows that are only trained on: a tenth, and as many as hold two classes."""
    tenth = min(found.n_rows // 10, MOST_FIRST_ROWS)
    return max(tenth, (found.second_class_row or 0) + 1)


def _batches(
    path: str, roles: dict[str, Any], batch_rows: int, start_row: int = 0
) -> Iterator[StreamBatch]:
    """Batches of the file; reading errors become one line."""
    try:
        yield from iter_batches(
            path, **roles, batch_size=batch_rows, start_row=start_row, missing_target="skip"
        )
    except (ValueError, OSError) as error:
        raise as_input_error(error) from error


def _features(arguments, roles: dict[str, Any], first_rows: int) -> tuple[list[str], list[str]]:
    """Choose the features by the first rows."""
    first = next(_batches(arguments.file, roles, max(first_rows, MOST_BATCH_ROWS))).X
    for name in arguments.ignore:
        if name not in first.columns:
            raise InputError(f"--ignore names no feature: {did_you_mean(name, first.columns)}")
    return choose_features(first, arguments.ignore)


def _fitted_encoder(
    path: str, roles: dict[str, Any], batch_rows: int, first_rows: int
) -> tuple[Pipeline, Iterator[StreamBatch]]:
    """Fit the encoder on the first batches, and put them back."""
    source = _batches(path, roles, batch_rows)
    first: list[StreamBatch] = []
    while sum(len(batch) for batch in first) < first_rows:
        first.append(next(source))
    encoder = make_encoder(stacked([batch.X for batch in first]))
    return encoder, itertools.chain(first, source)


def _show(console, arguments, result: PrequentialResult, notes: list[str]) -> None:
    """Print what was noticed, the table and the verdict."""
    gap = gap_of(arguments.constraint)
    for note in notes:
        print_wrapped(console, f"- {note}", "  ")
    console.print()
    console.print(result_table(result, gap))
    for line in verdict(result, gap, arguments.bound):
        print_wrapped(console, f"- {line}", "  ")


def _save(
    console,
    arguments,
    result: PrequentialResult,
    encoder: Pipeline,
    picture: Path | None,
    model_path: Path | None,
) -> None:
    """Write picture and model, where they were asked for."""
    if picture is not None:
        draw(
            result,
            gap_of(arguments.constraint),
            arguments.bound,
            picture,
            title=f"{Path(arguments.file).name}: {arguments.target}",
        )
        console.print(f"Picture of accuracy and gap over time: {picture}", soft_wrap=True)
    if model_path is not None:
        model = Pipeline([*encoder.steps, ("model", result.estimators[FEAMOE])])
        try:
            joblib.dump(model, model_path)
        except OSError as error:
            raise InputError(
                f"--model {str(model_path)!r} cannot be written: {error.strerror}"
            ) from error
        console.print(
            f"Model, with its preprocessing: {model_path}\n"
            f'  model = joblib.load("{model_path}"); model.predict(frame)  # raw columns',
            soft_wrap=True,
            markup=False,
        )

"""`stream`: the same models on a file of the user's."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from skfeamoe.datasets._tables import did_you_mean
from skfeamoe.streaming import PrequentialResult, StreamBatch, iter_batches
from skfeamoe.streaming._batches import stacked
from skfeamoe.streaming._measures import NAMES
from skfeamoe.streaming._report import NUMBERS
from skfeamoe.streaming._sources import frame_of

from ._audit import audited, check_audit
from ._bounds import Bounds, bounds_of
from ._checkpoint import Checkpoint
from ._encoding import Encoding, RivalEncoder, check_columns, choose_features, notes_of
from ._errors import InputError, OutputError, Stopped, as_input_error, needs, new_console
from ._model_files import check_model_file, how_to_load, save_model
from ._models import FEAMOE, three_models
from ._outputs import Outputs, check_picture, save_picture
from ._picture import picture
from ._reasons import print_reasons
from ._report import Recent, about_stream, has_river, write_results
from ._run import MIN_GROUP_SIZE, new_evaluator, run, window_rows
from ._source import Source
from ._survey import (
    Survey,
    check_survey,
    check_whole_labels,
    favorable_label,
    harm_note,
    span_of_delay,
    survey,
    survey_notes,
    warn_of_words,
)
from ._verdict import people_sentences, print_wrapped, result_table, sentences, verdicts

MOST_BATCH_ROWS = 256
MOST_FIRST_ROWS = 50_000
"""Rows, at most, that the rivals' encoder and the static model are fitted on."""


def run_stream(arguments) -> None:
    """Survey the file, test and train on it, then show and save what came out."""
    console = new_console(arguments.quiet)
    bounds = bounds_of(arguments)
    outputs = checked_outputs(arguments)
    more = _checked_metrics(arguments.metrics)
    source = Source(arguments)
    try:
        _run_on(source, arguments, console, bounds, outputs, more)
    except KeyboardInterrupt:
        raise Stopped(_how_to_go_on(arguments)) from None
    finally:
        source.close()
    if outputs.failed:
        raise OutputError("; ".join(outputs.failed))


def _run_on(source: Source, arguments, console, bounds, outputs: Outputs, more) -> None:
    """Everything between the checks and the exit code."""
    roles, found = surveyed(source, arguments, console)
    check_whole_labels(found, arguments.target)
    favorable = favorable_label(found, arguments.favorable, arguments.target)
    notes = [*source.notes, *survey_notes(found, roles, MIN_GROUP_SIZE)]
    warned = harm_note(favorable, arguments.favorable, arguments.target, found.classes)
    notes += [warned] if warned else []
    batch_rows = arguments.batch or min(MOST_BATCH_ROWS, max(found.n_rows // 100, 1))
    if batch_rows > found.n_rows:
        raise InputError(
            f"--batch {batch_rows:,} is more than the {found.n_rows:,} rows of the file; "
            f"give at most {found.n_rows // 2:,}"
        )
    first_rows = _first_rows(found)
    roles["features"], left_out = _features(source, arguments, roles, first_rows)
    notes += notes_of(left_out)
    state, batches, resumed = _state(
        source, arguments, found, roles, favorable, batch_rows, first_rows
    )
    notes += resumed
    evaluator, encoding, recent = (state[name] for name in ("evaluator", "encoding", "recent"))
    notes += encoding.notes()
    first = f"the static model is fitted on the first {first_rows:,} rows, and "
    if arguments.model_only:
        first = f"the first {first_rows:,} rows are learned, and "
    notes.append(
        f"good for the person: {arguments.target} = {favorable}; {first}nothing is scored there"
    )
    for note in notes:
        print_wrapped(console, f"- {note}", "  ")
    console.print()
    checkpoint = state.pop("checkpoint")
    result, messages = run(
        evaluator,
        encoding.watch(_remembered(batches, recent)),
        console,
        n_rows=found.n_rows,
        after_batch=audited(arguments, outputs, evaluator, state["messages"]),
        after_point=None
        if arguments.checkpoint is None
        else lambda messages: checkpoint.save({**state, "messages": messages}),
        earlier_messages=state["messages"],
    )
    seen = [*encoding.seen_notes(), *source.cells.notes(), *messages]
    _show(console, arguments, result, bounds, more, seen)
    _explain_refusals(console, arguments, result, encoding, recent)
    _save(console, arguments, outputs, result, encoding, bounds)
    if _wants_report(arguments):
        about = about_stream(
            arguments, encoding, recent, notes + seen, left_out, bounds.measures
        )
        write_results(arguments, console, outputs, result, about)
    checkpoint.remove()


def surveyed(source: Source, arguments, console) -> tuple[dict[str, Any], Survey]:
    """Roles of the columns, and what the file holds."""
    roles: dict[str, Any] = {
        "target": arguments.target,
        "sensitive": arguments.sensitive,
        "time": arguments.time,
        "person": arguments.id,
    }
    ignored = [*arguments.ignore, *arguments.keep]
    with console.status(f"Reading {source.shown}"):
        found = survey(source, roles, ignored=ignored)
    check_survey(found, source.name, roles)
    warn_of_words(found, arguments.quiet)
    return roles, found


def checked_outputs(arguments, in_folder: Sequence[str] = NUMBERS) -> Outputs:
    """Refuse bad outputs before anything is read; `in_folder` are the files of ``--json``."""
    wanted = {
        "--output": None if arguments.no_plot else arguments.output,
        "--model": getattr(arguments, "model", None),
        "--report": getattr(arguments, "report", None),
        "--checkpoint": getattr(arguments, "checkpoint", None),
        "--audit": getattr(arguments, "audit", None),
        "--json": getattr(arguments, "json", None),
    }
    place = Path("/dev/stdin") if arguments.file == "-" else Path(arguments.file)
    outputs = Outputs(wanted, {"the input": place}, in_folder)
    if "--output" in outputs:
        check_picture(outputs.paths["--output"])
    if "--model" in outputs:
        check_model_file(arguments)
    if "--audit" in outputs:
        check_audit(arguments.audit)
    if "--report" in outputs:
        needs("jinja2")
        needs("matplotlib")
    return outputs


def _checked_metrics(text: str | None) -> list[str]:
    """Names of further measures."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            raise InputError(
                f"--metrics names no measure: {did_you_mean(name, NAMES)}; they are "
                + ", ".join(NAMES)
            )
    return names


def _state(
    source: Source,
    arguments,
    found: Survey,
    roles: dict[str, Any],
    favorable: Any,
    batch_rows: int,
    first_rows: int,
) -> tuple[dict[str, Any], Iterator[StreamBatch], list[str]]:
    """State of a new run or a saved one, the batches to come, and notes."""
    checkpoint = Checkpoint(arguments.checkpoint, str(source.path), _run_options(arguments))
    saved = checkpoint.load()
    if saved is None:
        state, batches = _begin(
            source, arguments, found, roles, favorable, batch_rows, first_rows
        )
        return {**state, "checkpoint": checkpoint}, batches, []
    evaluator = saved["evaluator"]
    batches = _batches(source, roles, batch_rows, start_row=evaluator.next_row_)
    note = f"goes on from {arguments.checkpoint} after {evaluator.rows_arrived_:,} rows"
    return {**saved, "checkpoint": checkpoint}, batches, [note]


def _begin(
    source: Source, arguments, found: Survey, roles, favorable, batch_rows, first_rows
) -> tuple[dict[str, Any], Iterator[StreamBatch]]:
    """State of a new run, and the batches of the whole file."""
    first, batches = _first_frame(source, roles, batch_rows, first_rows)
    encoding = Encoding(first)
    growth = arguments.growth or ("drift" if has_river() else "interval")
    models = three_models(
        bounds=bounds_of(arguments),
        seed=arguments.seed,
        favorable=favorable,
        growth=None if growth == "none" else growth,
        expert=arguments.expert,
        categories=encoding.categories,
        encoder=None if arguments.model_only else _rival_encoder(encoding, first),
        alone=arguments.model_only,
    )
    label_delay, unit = arguments.delay
    if unit == "time":
        label_delay = span_of_delay(label_delay, arguments.time, found)
    wants_report = _wants_report(arguments)
    evaluator = new_evaluator(
        models,
        n_rows=found.n_rows,
        favorable_label=favorable,
        classes=found.classes,
        pretrain_rows=first_rows,
        preprocessor=encoding.transformer,
        label_delay=label_delay,
        delay_unit=unit,
        labels=arguments.labels,
        exploration=arguments.exploration,
        random_state=arguments.seed,
        detector="adwin" if wants_report and has_river() else None,
        input_window=window_rows(found.n_rows) if wants_report else None,
    )
    state = {"evaluator": evaluator, "encoding": encoding, "recent": Recent(), "messages": []}
    return state, batches


def _remembered(batches: Iterator[StreamBatch], recent: Recent) -> Iterator[StreamBatch]:
    """Pass batches on, and keep the last rows for the report."""
    for batch in batches:
        recent.add(batch)
        yield batch


def _wants_report(arguments) -> bool:
    """Whether a report or its numbers are written."""
    return arguments.report is not None or arguments.json is not None


def _run_options(arguments) -> dict[str, Any]:
    """What makes a run what it is, besides the data."""
    names = (
        "target", "sensitive", "time", "ignore", "favorable", "constraint", "bound", "batch",
        "ratio_bound", "seed", "delay", "labels", "exploration", "growth", "expert",
        "model_only", "sep", "encoding", "categorical", "numeric", "sort", "id",
    )  # fmt: skip
    options = {name: getattr(arguments, name) for name in names}
    return {**options, "report": _wants_report(arguments)}


def _first_rows(found: Survey) -> int:
    """Rows that are only trained on: a tenth, and as many as hold two classes."""
    tenth = min(found.n_rows // 10, MOST_FIRST_ROWS)
    return max(tenth, (found.second_class_row or 0) + 1)


def _batches(
    source: Source, roles: dict[str, Any], batch_rows: int, start_row: int = 0
) -> Iterator[StreamBatch]:
    """Batches of the file; reading errors become one line."""
    try:
        yield from iter_batches(
            source.frames(),
            **roles,
            batch_size=batch_rows,
            start_row=start_row,
            missing_target="skip",
        )
    except (ValueError, OSError) as error:
        raise as_input_error(error) from error


def _features(
    source: Source, arguments, roles: dict[str, Any], first_rows: int
) -> tuple[list[str], dict[str, str]]:
    """Choose the features by the first rows; say why others are left out."""
    first = next(_batches(source, roles, max(first_rows, MOST_BATCH_ROWS))).X
    check_columns(arguments, first.columns)
    return choose_features(frame_of(first), arguments.ignore)


def _first_frame(
    source: Source, roles: dict[str, Any], batch_rows: int, first_rows: int
) -> tuple[Any, Iterator[StreamBatch]]:
    """The features of the first rows, and all batches, the first ones among them."""
    batches = _batches(source, roles, batch_rows)
    first: list[StreamBatch] = []
    while sum(len(batch) for batch in first) < first_rows:
        first.append(next(batches))
    return stacked([batch.X for batch in first]), itertools.chain(first, batches)


def _rival_encoder(encoding: Encoding, first) -> RivalEncoder:
    """The encoder of the rivals, fitted on what they get."""
    return RivalEncoder(encoding.transformer.transform(first))


def _show(console, arguments, result: PrequentialResult, bounds: Bounds, more, notes) -> None:
    """Print what was noticed, the table and the verdict."""
    measures = bounds.measures
    for note in notes:
        print_wrapped(console, f"- {note}", "  ")
    console.print()
    console.print(result_table(result, measures, more))
    if arguments.quiet:
        console.quiet = False
        for verdict in verdicts(result, measures):
            print_wrapped(console, verdict.sentence)
        console.quiet = True
        return
    people = people_sentences(result, FEAMOE, arguments.id)
    for line in [*sentences(result, measures), *people]:
        print_wrapped(console, f"- {line}", "  ")


def _explain_refusals(console, arguments, result, encoding: Encoding, recent: Recent) -> None:
    """Print the reasons of the last refusals."""
    if not arguments.explain:
        return
    frame, _ = recent.rows()
    model = encoding.saved_model(result.estimators[FEAMOE])
    refused = model.predict(frame) != result.favorable_label
    rows = frame[refused].tail(arguments.explain)
    console.print()
    print_wrapped(
        console,
        f"Reasons of the last {len(rows)} refusals among the last {len(frame):,} rows, by "
        "the model as it is now:",
    )
    print_reasons(console, model, rows, recent.numbers()[refused][-arguments.explain :])


def _save(
    console, arguments, outputs: Outputs, result: PrequentialResult, encoding, bounds
) -> None:
    """Write picture and model, where they were asked for."""
    if "--output" in outputs:
        measure, value = next(iter(bounds.measures.items()))
        title = f"{Path(arguments.file).name}: {arguments.target}"
        figure = picture(result, measure, value, title=title)
        outputs.write(
            "--output",
            lambda path: save_picture(figure, path),
            console,
            f"Picture of accuracy and gap over time: {arguments.output}",
        )
    if "--model" in outputs:
        model = encoding.saved_model(result.estimators[FEAMOE])
        outputs.write(
            "--model",
            lambda path: save_model(model, path, arguments),
            console,
            how_to_load(arguments),
        )


def _how_to_go_on(arguments) -> str:
    """The line that resumes an interrupted run."""
    line = shlex.join(["python", "-m", "skfeamoe", *arguments.line])
    if arguments.checkpoint is None:
        return "nothing is lost next time with --checkpoint FILE"
    if not Path(arguments.checkpoint).exists():
        return f"before the first checkpoint; begin anew with: {line}"
    return f"go on with: {line}"

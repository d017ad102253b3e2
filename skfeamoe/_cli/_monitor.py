"""`monitor`: decisions of any model, rule or people, from a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from skfeamoe.streaming import PrequentialResult, StreamBatch, StreamMonitor, iter_batches
from skfeamoe.streaming._compared import compared
from skfeamoe.streaming._monitor import DECISIONS

from ._bounds import bounds_of
from ._encoding import check_columns, choose_features, notes_of
from ._errors import InputError, OutputError, as_input_error, new_console
from ._outputs import Outputs, save_picture
from ._report import has_river, record, write_results
from ._run import MIN_GROUP_SIZE, window_rows
from ._source import Source
from ._stream import checked_outputs
from ._survey import (
    Survey,
    check_survey,
    favorable_label,
    harm_note,
    survey,
    survey_notes,
    warn_of_words,
)
from ._verdict import people_sentences, print_wrapped

MOST_BATCH_ROWS = 5_000
MOST_WINDOWS = 2_000
"""Windows, at most, that are looked at where they are so short that it takes many."""


def run_monitor(arguments) -> None:
    """Read the decisions, watch them, say what was seen."""
    console = new_console(arguments.quiet)
    bounds = bounds_of(arguments)
    asked = arguments.constraint or [("demographic_parity", None)]
    names = [name for name, _ in asked]
    if "burden" in names:
        raise InputError("--constraint burden needs a model's distances; choose another")
    if arguments.target is None and names != ["demographic_parity"]:
        raise InputError(f"--constraint {names[0]} needs --target COL, the true labels")
    if not has_river():
        raise InputError('river is not installed; run: pip install "skfeamoe[drift]"')
    parts = [arguments.decision, arguments.target, *arguments.sensitive, arguments.id]
    if arguments.target is not None and parts.count(arguments.target) > 1:
        raise InputError(
            f"--target {arguments.target!r} has another part too; it must be a column of its "
            "own, the true labels"
        )
    outputs = checked_outputs(arguments)
    source = Source(arguments)
    try:
        result, facts = _watched(source, arguments, console)
    finally:
        source.close()
    measures, first = bounds.measures, bounds.measure(names[0])
    _show(console, arguments, result, measures, first)
    _write(console, arguments, outputs, result, facts, measures, first)
    if outputs.failed:
        raise OutputError("; ".join(outputs.failed))


def _watched(source: Source, arguments, console) -> tuple[PrequentialResult, dict[str, Any]]:
    """Feed a monitor with the whole file; return the result and the facts of its record."""
    roles: dict[str, Any] = {
        "target": arguments.decision,
        "sensitive": arguments.sensitive,
        "time": arguments.time,
        "person": arguments.id,
    }
    ignored = [*arguments.ignore, *arguments.keep, arguments.target or arguments.decision]
    with console.status(f"Reading {source.shown}"):
        found = survey(source, roles, ignored=ignored, role="--decision")
    check_survey(found, source.name, roles, sorted_is_fine=True)
    warn_of_words(found, arguments.quiet)
    labels = _labels(source, roles, arguments, found)
    favorable = favorable_label(found, arguments.favorable, arguments.decision)
    notes = [*source.notes, *survey_notes(found, roles, MIN_GROUP_SIZE)]
    warned = harm_note(favorable, arguments.favorable, arguments.decision, found.classes)
    notes += [warned] if warned else []
    notes.append(f"good for the person: {arguments.decision} = {favorable}")
    window = arguments.window or window_rows(found.n_rows)
    inputs, left_out, said = _inputs(source, roles, arguments, window)
    notes += said
    for note in notes:
        print_wrapped(console, f"- {note}", "  ")
    watch = StreamMonitor(
        classes=labels,
        favorable_label=favorable,
        window=window,
        evaluate_every=_rows_between(found.n_rows, window),
        min_group_size=MIN_GROUP_SIZE,
        input_window=window if inputs else None,
        labeled=arguments.target is not None,
    )
    n_untold = _feed(watch, source, roles, arguments, found, inputs)
    odd = source.cells.notes()
    if n_untold:
        odd.append(
            f"{n_untold:,} of {found.n_rows:,} rows have no {arguments.target}: they count in "
            "selection rates, not in accuracy and gaps that need the truth"
        )
    for note in odd:
        print_wrapped(console, f"- {note}", "  ")
    return watch.result(), record(arguments, notes + odd, left_out)


def _rows_between(n_rows: int, window: int) -> int:
    """Rows between evaluation points: some 200 of them, more where windows are shorter."""
    return max(min(max(n_rows // 200, 100), window), n_rows // MOST_WINDOWS, 1)


def _feed(watch, source, roles, arguments, found: Survey, inputs) -> int:
    """Give the monitor all rows; return how many had no truth."""
    size, n_untold = int(np.clip(found.n_rows // 200, 100, MOST_BATCH_ROWS)), 0
    try:
        for batch in _batches(source, roles, size):
            y = None if arguments.target is None else batch.X[arguments.target].to_numpy()
            n_untold += 0 if y is None else int(_missing(y).sum())
            watch.update(
                y,
                batch.y,
                batch.sensitive_features,
                time=batch.time,
                person=batch.person,
                X=batch.X[inputs] if inputs else None,
            )
    except (ValueError, OSError) as error:
        raise as_input_error(error) from error
    return n_untold


def _batches(source: Source, roles: dict[str, Any], size: int):
    """Batches whose labels are the decisions."""
    yield from iter_batches(source.frames(), **roles, batch_size=size, missing_target="skip")


def _labels(source: Source, roles, arguments, found: Survey) -> list:
    """All labels, of decisions and truths."""
    if arguments.target is None:
        return found.classes
    truths = survey(source, roles | {"target": arguments.target}, ignored=_all(source))
    if not truths.n_rows:
        raise InputError(
            f"--target {arguments.target!r} is missing in every row of {source.name!r}; leave "
            "it out to compare the decisions alone"
        )
    for label in truths.classes:
        if label not in found.classes:
            raise InputError(
                f"--target {arguments.target!r} has the value {label!r}, which --decision "
                f"{arguments.decision!r} never has ({', '.join(map(repr, found.classes))}); "
                "both must hold the same labels"
            )
    return found.classes


def _all(source: Source) -> list[str]:
    """Every column, none of which is compared with the truth."""
    return [str(name) for name in next(iter(source.frames())).columns]


def _inputs(
    source: Source, roles, arguments, window: int
) -> tuple[list[str], list[str], list[str]]:
    """Columns that are watched for changes, columns that are not, and notes."""
    first: StreamBatch = next(_batches(source, roles, max(window, 256)))
    frame = first.X.drop(columns=[arguments.target] if arguments.target else [])
    check_columns(arguments, frame.columns)
    if not len(frame.columns):
        return [], [], []
    try:
        names, left_out = choose_features(frame, arguments.ignore)
    except InputError:
        said = "no column is left whose changes could be watched"
        return [], [str(name) for name in frame.columns], [said]
    return names, list(left_out), notes_of(left_out)


def _missing(y: np.ndarray) -> np.ndarray:
    """Rows without a true label."""
    import pandas as pd

    return np.asarray(pd.isna(y))


def _show(console, arguments, result: PrequentialResult, bounds, measure: str) -> None:
    """Print alarms, table and verdict."""
    console.print()
    view = result.points[-1].models[DECISIONS].views["cumulative"]
    for name, value in view.measures.items():
        if np.isfinite(value):
            console.print(f"  {name.replace('_', ' ')}: {value:.3f}", highlight=False)
    alarms = result.alarms
    print_wrapped(console, f"- {len(alarms)} drift alarms")
    from skfeamoe.streaming._words import alarm_sentence, when

    for alarm in alarms.tail(5).to_dict("records"):
        at = f" ({when(alarm['time'])})" if alarm["time"] is not None else ""
        moved = f" Moved at the same time: {alarm['moved']}." if alarm["moved"] else ""
        text = f"- row {alarm['row']:,}{at}: {alarm_sentence(alarm)}{moved}"
        print_wrapped(console, text, "  ")
    if arguments.quiet:
        console.quiet = False
    if not bounds:
        for sentence in _gap_sentences(result, measure):
            print_wrapped(console, f"- {sentence}", "  ")
    for name, bound in bounds.items():
        verdict = result.verdict(measure=name, bound=bound)
        for sentence in verdict.sentences[: 1 if arguments.quiet else None]:
            print_wrapped(console, f"- {sentence}", "  ")
    people = [] if arguments.quiet else people_sentences(result, DECISIONS, arguments.id)
    for sentence in people:
        print_wrapped(console, f"- {sentence}", "  ")
    console.quiet = arguments.quiet


def _gap_sentences(result: PrequentialResult, measure: str) -> list[str]:
    """The gap over all rows where no bound judges it, and whom it leaves out."""
    found = compared(result, DECISIONS, measure, anytime=True)
    ends = found.whole.interval
    text = (
        f"The gap is {ends.value:.3f} (95 % interval at any time {ends.low:.3f} to "
        f"{ends.high:.3f}); --bound X judges it."
    )
    if np.isnan(ends.value):
        text = "The gap cannot be measured, as fewer than two groups have enough rows."
    return [text, *found.sentences()]


def _write(console, arguments, outputs: Outputs, result, facts, bounds, measure: str) -> None:
    """Write picture, report and numbers."""
    from skfeamoe.inspection import FairnessDriftDisplay

    bound = next(iter(bounds.values()), None)
    title = f"{Path(arguments.file).name}: {arguments.decision}"
    if "--output" in outputs:

        def draw(path):
            from matplotlib.figure import Figure

            figure = Figure(figsize=(10, 6.4), dpi=120, layout="constrained")
            view = "window" if any(_full(result)) else "cumulative"
            FairnessDriftDisplay.from_result(
                result, measure=measure, difference_bound=bound, view=view,
                ax=figure.subplots(2, 1, sharex=True),
            )  # fmt: skip
            figure.suptitle(title, x=0.01, ha="left", fontsize=12)
            save_picture(figure, path)

        done = f"Picture of rates and gap over time: {arguments.output}"
        outputs.write("--output", draw, console, done)
    about: dict[str, Any] = {
        "measure": measure,
        "difference_bound": bound,
        "more_bounds": bounds,
        "title": title,
        "facts": facts,
    }
    if "--report" in outputs or "--json" in outputs:
        write_results(arguments, console, outputs, result, about)


def _full(result: PrequentialResult):
    """Whether windows were full."""
    size = result.settings["window"]
    return (p.models[DECISIONS].views["window"].n_rows >= size for p in result.points)

"""`compare`: the accuracy that each bound costs, beside other methods.

Trained on the first 70 % of the rows in the order of the file, tested on the rest. With
``--id`` it is people who are split, so that nobody is in both parts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.metrics import Interval
from skfeamoe.streaming._batches import stacked

from ._bounds import bounds_of
from ._compare_bounds import NOTE, REDUCTIONS, broken_bound, from_all, shown_bound
from ._compare_people import accuracy_interval, first_people, gap_of_people, people_of
from ._encoding import Encoding, RivalEncoder, check_columns, choose_features, notes_of
from ._errors import InputError, OutputError, needs, new_console
from ._models import Encoded
from ._outputs import save_picture
from ._source import Source
from ._stream import _batches, checked_outputs, surveyed
from ._survey import favorable_label, harm_note, survey_notes
from ._values import bound
from ._verdict import gap_of, print_wrapped

TRAIN_SHARE = 0.7
MIN_GROUP_SIZE = 30

NUMBERS = ("compare.json", "compare.csv")
"""Files that ``--json`` writes."""


@dataclass(frozen=True)
class Tried:
    """One method at one bound, on the test rows."""

    method: str
    bound: float | None
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    gap: float
    gap_low: float
    gap_high: float
    seconds: float
    people_gap: float = np.nan
    people_gap_low: float = np.nan
    people_gap_high: float = np.nan
    bounded: float = np.nan  # what the bound is about, see `_compare_bounds`
    bounded_low: float = np.nan
    bounded_high: float = np.nan

    @property
    def by_people(self) -> bool:
        """Whether everybody counts once."""
        return not np.isnan(self.people_gap)

    @property
    def judged(self) -> tuple[float, float, float]:
        """The gap by which methods are compared, and its interval."""
        if self.by_people:
            return self.people_gap, self.people_gap_low, self.people_gap_high
        return self.gap, self.gap_low, self.gap_high


def run_compare(arguments) -> None:
    """Train every method at every bound, show the frontier."""
    console = new_console(arguments.quiet)
    arguments.bound = None
    bounds_of(arguments)
    constraint = (arguments.constraint or [("demographic_parity", None)])[0][0]
    if constraint == "burden":
        raise InputError("--constraint burden is not compared, as the rivals have no distance")
    bounds = _bounds(arguments.bounds)
    outputs = checked_outputs(arguments, NUMBERS)
    source = Source(arguments)
    try:
        tried = _tried(source, arguments, console, constraint, bounds)
    finally:
        source.close()
    _show(console, arguments, tried)
    if "--json" in outputs:
        outputs.write(
            "--json", lambda path: _write(tried, path), console,
            f"Every number of it: {arguments.json}",
        )  # fmt: skip
    if "--output" in outputs:
        outputs.write(
            "--output",
            lambda path: save_picture(_figure(tried, constraint), path),
            console,
            f"Picture of accuracy against gap: {arguments.output}",
        )
    if outputs.failed:
        raise OutputError("; ".join(outputs.failed))


def _bounds(text: str) -> list[float]:
    """Bounds to try."""
    import argparse

    try:
        found = sorted({bound(part) for part in text.split(",") if part.strip()})
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--bounds: {error}") from None
    if not found or found[-1] > 1:
        raise InputError(f"--bounds must be numbers in (0, 1], such as 0.02,0.05, got {text}")
    return found


def _tried(source: Source, arguments, console, constraint: str, bounds) -> list[Tried]:
    """Measure every method."""
    roles, found = surveyed(source, arguments, console)
    favorable = favorable_label(found, arguments.favorable, arguments.target)
    for note in [*source.notes, *survey_notes(found, roles, MIN_GROUP_SIZE)]:
        print_wrapped(console, f"- {note}", "  ")
    good = f"good for the person: {arguments.target} = {favorable}"
    if len(found.classes) > 2:
        good += f"; the other {len(found.classes) - 1} labels count as one"
    print_wrapped(console, f"- {good}", "  ")
    warned = harm_note(favorable, arguments.favorable, arguments.target, found.classes)
    if warned:
        print_wrapped(console, f"- {warned}", "  ")
    start = max(found.n_rows + found.n_skipped - arguments.rows, 0)
    batches = list(_batches(source, roles, 5_000, start_row=start))
    X, groups = (stacked([getattr(b, n) for b in batches]) for n in ("X", "sensitive_features"))
    y = np.concatenate([batch.y for batch in batches])
    for note in source.cells.notes():
        print_wrapped(console, f"- {note}", "  ")
    check_columns(arguments, X.columns)
    names, left_out = choose_features(X, arguments.ignore)
    for note in notes_of(left_out):
        print_wrapped(console, f"- {note}", "  ")
    person = np.concatenate([b.person for b in batches]) if arguments.id else None
    people = people_of(person, len(y))
    first = first_people(people, TRAIN_SHARE, arguments.id)
    print_wrapped(console, f"- {_split_note(people, first, person, arguments.id)}", "  ")
    encoding = Encoding(X[names][first])
    rows = encoding.transformer.transform(X)
    encoder = None if arguments.model_only else RivalEncoder(rows[first])
    data = (rows, (y == favorable).astype(int), groups, people)
    if len(np.unique(data[1][first])) < 2:
        raise InputError(
            f"the first {first.sum():,} rows have one outcome only; shuffle the file"
        )
    train = tuple(part[first] for part in data)
    test = tuple(part[~first] for part in data)
    methods = list(_methods(constraint, bounds, arguments, encoding.categories, encoder))
    progress = needs("rich.progress")
    with progress.Progress(console=console) as bar:
        task = bar.add_task("training", total=len(methods))
        tried = []
        for name, value, model in methods:
            bar.update(task, description=name if value is None else f"{name} {value:g}")
            tried.append(
                _measured(name, value, model, constraint, train, test, told=bool(arguments.id))
            )
            bar.advance(task)
    return tried


def _split_note(people, first, person, column: str | None) -> str:
    """Who is trained on, and who is tested."""
    if column is None:
        return (
            f"the first {first.sum():,} rows are trained on, the last {(~first).sum():,} tested"
        )
    n_train = int(people[first].max()) + 1
    alone = int(needs("pandas").isna(person).sum())
    return (
        f"split by {column}: {n_train:,} people with {first.sum():,} rows are trained on, "
        f"{people.max() + 1 - n_train:,} others with {(~first).sum():,} rows tested"
        + (f"; {alone:,} rows without {column} are people of their own" if alone else "")
    )


def _methods(
    constraint: str, bounds, arguments, categories, encoder
) -> Iterator[tuple[str, float | None, Any]]:
    """Names, bounds and models."""
    from sklearn.linear_model import LogisticRegression

    options = {
        "expert": arguments.expert,
        "categorical_features": categories,
        "random_state": arguments.seed,
    }
    for value in bounds:
        yield "FEAMOE", value, FEAMOEClassifier(constraint, difference_bound=value, **options)
    yield "FEAMOE, no bound", None, FEAMOEClassifier(None, **options)
    if arguments.model_only:
        return
    yield "logistic regression", None, Encoded(encoder, LogisticRegression(max_iter=1000))
    from fairlearn import reductions

    for value in bounds:
        moment = getattr(reductions, CONSTRAINTS[constraint].moment)(difference_bound=value)
        reduced = reductions.ExponentiatedGradient(LogisticRegression(max_iter=1000), moment)
        yield REDUCTIONS, value, Encoded(encoder, reduced)


def _measured(name: str, value, model, constraint: str, train, test, *, told: bool) -> Tried:
    """Train one method and measure it on the test rows, by people too if these are told."""
    import time

    (X, y, groups, _), (X_test, y_test, test_groups, people) = train, test
    known = groups.notna().all(axis=1).to_numpy()
    text = groups.astype(str).agg(" & ".join, axis=1)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == REDUCTIONS:
            model.fit(X[known], y[known], sensitive_features=text[known])
            chosen = np.asarray(model.predict(X_test, random_state=0))
        elif name == "FEAMOE":
            model.fit(X, y, sensitive_features=groups)
            chosen = model.predict(X_test)
        else:
            chosen = model.fit(X, y).predict(X_test)
    seconds = time.perf_counter() - begin
    chosen, (group, names) = np.asarray(chosen, dtype=int), _coded(test_groups)
    gap = _gap(chosen, y_test, group, names, constraint)
    right = chosen == y_test
    low, high = accuracy_interval(right, people - people.min())
    tried = Tried(
        name, value, float(right.mean()), low, high, gap.value, gap.low, gap.high, seconds
    )
    measure = gap_of(constraint)
    if told:
        ends = gap_of_people(chosen, y_test, group, people, measure, MIN_GROUP_SIZE)
        tried = replace(
            tried, people_gap=ends.value, people_gap_low=ends.low, people_gap_high=ends.high
        )
    if value is None:
        return tried
    ends = Interval(*tried.judged)
    if name == REDUCTIONS:
        whose = people if tried.by_people else None
        ends = from_all(chosen, y_test, group, whose, measure, MIN_GROUP_SIZE)
    return replace(tried, bounded=ends.value, bounded_low=ends.low, bounded_high=ends.high)


def _coded(groups):
    """Codes of the groups of rows, -1 where unknown, and the groups."""
    from skfeamoe.streaming._groups import group_labels, sensitive_columns

    _, columns = sensitive_columns(groups)
    labels = group_labels(columns)
    names = sorted({label for label in labels if label is not None})
    code = {label: k for k, label in enumerate(names)} | {None: -1}
    return np.array([code[label] for label in labels]), names


def _gap(chosen, truth, group, names, constraint: str):
    """The gap of decisions with its interval, by the counts of the groups."""
    from skfeamoe.streaming._gaps import gap_of as gap_of_view
    from skfeamoe.streaming._points import View

    cells = np.zeros((len(names), 2, 2))
    known = group >= 0
    np.add.at(cells, (group[known], truth[known], chosen[known]), 1.0)
    none = np.zeros(len(names))
    bins = np.zeros((len(names) + 1, 0, 3))
    view = View(len(truth), {}, cells, cells, cells, none, none, bins)  # every row weighs 1
    texts = [" & ".join(name) for name in names]
    return gap_of_view(view, gap_of(constraint), texts, min_group_size=MIN_GROUP_SIZE).interval


def _show(console, arguments, tried: list[Tried]) -> None:
    """Print the table, and what to choose."""
    whom = "people who come last" if arguments.id else f"last {1 - TRAIN_SHARE:.0%} of the rows"
    table = needs("rich.table").Table(
        title=f"On the {whom}, with 95 % intervals",
        title_justify="left",
        box=needs("rich.box").SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    gaps = ("gap of rows", "of people") if arguments.id else ("gap",)
    for name in ("method", "bound", "accuracy", *gaps, "interval", "seconds"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for one in tried:
        ends = "people_gap" if arguments.id else "gap"
        low, high = getattr(one, f"{ends}_low"), getattr(one, f"{ends}_high")
        table.add_row(
            one.method,
            shown_bound(one.method, one.bound),
            f"{one.accuracy:.3f}",
            f"{one.gap:.3f}",
            *([f"{one.people_gap:.3f}"] if arguments.id else []),
            f"{low:.3f} to {high:.3f}",
            f"{one.seconds:.1f}",
            style="bold" if one.method.startswith("FEAMOE") else None,
        )
    console.print(table)
    if any(one.method == REDUCTIONS for one in tried):
        print_wrapped(console, f"- {NOTE}", "  ")
    if arguments.quiet:
        console.quiet = False
    for line in _frontier(tried):
        print_wrapped(console, f"- {line}", "  ")
    console.quiet = arguments.quiet


def _frontier(tried: list[Tried]) -> list[str]:
    """Which methods no other beats in both accuracy and gap."""
    known = [one for one in tried if np.isfinite(one.judged[0])]
    if not known:
        return ["No gap could be measured: fewer than two groups have enough test rows."]
    gaps = [one.judged[0] for one in known]
    best = [
        (gap, one)
        for gap, one in zip(gaps, known, strict=True)
        if not any(
            o.accuracy >= one.accuracy and other <= gap and o is not one
            and (o.accuracy > one.accuracy or other < gap)
            for other, o in zip(gaps, known, strict=True)
        )
    ]  # fmt: skip
    named = ", ".join(
        one.method if one.bound is None else f"{one.method} {one.bound:g}"
        for _, one in sorted(best, key=lambda pair: pair[0])
    )
    gap = "gap of people" if known[0].by_people else "gap"
    broken = [broken_bound(one) for one in known]
    return [
        f"No other is better in both accuracy and {gap}: {named}.",
        *(line for line in broken if line is not None),
    ]


def _figure(tried: list[Tried], constraint: str) -> Any:
    """Accuracy against gap, with intervals."""
    from skfeamoe.inspection._style import INK, MARKERS, SERIES
    from skfeamoe.inspection._timeline import MEASURE_NAMES, open_axes

    figure = needs("matplotlib.figure").Figure(figsize=(8, 5), dpi=120, layout="constrained")
    ax = figure.subplots()
    for k, name in enumerate(dict.fromkeys(one.method for one in tried)):
        part = [one for one in tried if one.method == name]
        gap, accuracy = ([getattr(o, n) for o in part] for n in ("gap", "accuracy"))
        spread = [[o.gap - o.gap_low for o in part], [o.gap_high - o.gap for o in part]]
        ax.errorbar(
            gap, accuracy, xerr=np.maximum(spread, 0), color=SERIES[k % len(SERIES)],
            marker=MARKERS[k % len(MARKERS)], lw=1.2, elinewidth=0.8, alpha=0.9, label=name,
        )  # fmt: skip
        for one in part:
            if one.bound is not None:
                ax.annotate(
                    shown_bound(one.method, one.bound), (one.gap, one.accuracy), xytext=(4, 5),
                    textcoords="offset points", fontsize=8, color=INK,
                )  # fmt: skip
    open_axes(ax)
    ax.set_xlim(left=0)
    ax.set_xlabel(f"{MEASURE_NAMES[gap_of(constraint)]} on test rows, 95 % intervals")
    ax.set_ylabel("accuracy")
    ax.legend(frameon=False, loc="lower right")
    return figure


def _write(tried: list[Tried], folder: Path) -> None:
    """The numbers as JSON and CSV."""
    import json

    import pandas as pd

    from skfeamoe.streaming._files import write_csv, write_text
    from skfeamoe.streaming._report import _plain

    folder.mkdir(exist_ok=True)
    rows = [asdict(one) for one in tried]
    as_json, as_csv = (folder / name for name in NUMBERS)
    write_text(as_json, json.dumps(_plain(rows), indent=1))
    write_csv(as_csv, pd.DataFrame(rows))

"""First reading of a file: rows, classes, groups and gaps, before any model learns.

Only what a person who sets up the task knows anyway is taken from rows to come: which
labels and groups exist, how many rows there are, and whether they are in order.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skfeamoe._groups import group_name
from skfeamoe.streaming import iter_batches
from skfeamoe.streaming._groups import group_labels, sensitive_columns
from skfeamoe.streaming._parameters import check_time

from ._copies import Copies
from ._errors import InputError, as_input_error

SURVEY_ROWS = 16_384
LEAST_ROWS = 50
FEW_OTHERS = 20  # rows of another label, below which a file is not taken for sorted by it
MOST_CLASSES = 50
MOST_GROUPS = 200
ONE_CLASS = {"--decision": "another one is missing, and without it all groups have one rate"}
"""What is wrong with a column of one class where nothing is learned."""


@dataclass
class Survey:
    """What a file holds."""

    role: str = "target"
    """Whose labels they are, as messages call the column: of the target or ``--decision``."""
    n_rows: int = 0
    n_skipped: int = 0
    labels: Counter = field(default_factory=Counter)
    label_order: list = field(default_factory=list)
    second_class_row: int | None = None
    groups: list[Counter] = field(default_factory=list)
    intersections: Counter = field(default_factory=Counter)
    n_unknown_group: int = 0
    time_breaks: int = 0
    first_time_break: str | None = None
    some_time: Any = None
    n_without_time: int = 0
    copies: list[tuple[str, str]] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    """Of columns with a part: which words were taken as missing values."""

    @property
    def classes(self) -> list:
        """Labels in sorted order."""
        return np.unique(np.array(list(self.labels))).tolist()


def survey(source, roles: dict[str, Any], *, ignored=(), role: str = "target") -> Survey:
    """Read a file once; every reading error becomes one line."""
    found = Survey(role=role, groups=[Counter() for _ in roles["sensitive"]])
    copies = Copies([roles["target"], *roles["sensitive"]])
    last_time = None
    next_row = 0
    try:
        batches = iter_batches(
            source.frames(), **roles, missing_target="skip", batch_size=SURVEY_ROWS
        )
        for batch in batches:
            _count_labels(found, batch.y)
            _count_groups(found, batch.sensitive_features)
            values = {roles["target"]: batch.y, **dict(batch.sensitive_features.items())}
            copies.read(batch.X.drop(columns=list(ignored), errors="ignore"), values)
            if batch.time is not None:
                last_time = _check_order(found, batch, last_time, roles["time"])
            found.n_rows += len(batch)
            next_row = batch.next_row or 0
            if len(found.labels) > MOST_CLASSES:
                break
    except (ValueError, OSError, ImportError) as error:
        raise as_input_error(error, source.hint(str(error))) from error
    found.n_skipped = next_row - found.n_rows
    found.copies = copies.found()
    found.words = source.written.words()
    return found


def check_survey(
    found: Survey, path: str, roles: dict[str, Any], *, sorted_is_fine: bool = False
) -> None:
    """Refuse what cannot be learned from."""
    target, role = roles["target"], found.role
    if not found.n_rows:
        raise InputError(
            f"{role} {target!r} is missing in every row of {path!r}" + _words(found, target)
        )
    if len(found.labels) > MOST_CLASSES:
        raise InputError(
            f"{role} {target!r} has more than {MOST_CLASSES} different values, such as "
            f"{found.label_order[0]!r} and {found.label_order[1]!r}; it must hold classes, "
            "so cut numbers into classes first"
        )
    if len(found.labels) < 2:
        raise InputError(
            f"{role} {target!r} has one class, {found.label_order[0]!r}, in all "
            f"{found.n_rows:,} rows{' that have one' if found.n_skipped else ''}; "
            + ONE_CLASS.get(role, "at least two are needed to learn")
            + _words(found, target)
        )
    for name, counts in zip(roles["sensitive"], found.groups, strict=True):
        if len(counts) < 2:
            only = f"one group, {next(iter(counts))!r}" if counts else "no value"
            n_known, where = counts.total(), f"in all {found.n_rows:,} rows"
            if 0 < n_known < found.n_rows:
                where = f"in {n_known:,} of {found.n_rows:,} rows, and nothing in the others"
            raise InputError(
                f"sensitive column {name!r} has {only}, {where}; at least two groups are "
                "needed to compare" + _words(found, name)
            )
    if len(found.intersections) > MOST_GROUPS:
        raise InputError(
            f"sensitive columns {', '.join(roles['sensitive'])} make "
            f"{len(found.intersections):,} groups; at most {MOST_GROUPS} can be compared, "
            "so cut numbers into ranges first"
        )
    if found.n_rows < LEAST_ROWS:
        raise InputError(
            f"{path!r} has {found.n_rows} rows with a {role.lstrip('-')}; at least "
            f"{LEAST_ROWS} are needed"
        )
    if found.copies:
        named = "; ".join(f"{copy!r} says the same as {of!r}" for copy, of in found.copies)
        options = " ".join(f"--ignore {copy}" for copy, _ in found.copies)
        raise InputError(
            f"{named} in every row, so a model would see what it must not; leave it out "
            f"with {options}, or let it stand with --keep"
        )
    if sorted_is_fine:
        return
    if found.second_class_row is None or found.second_class_row >= found.n_rows // 2:
        n_others = found.n_rows - found.labels[found.label_order[0]]
        why = "the file seems sorted by it; sort it by time, or shuffle it"
        if n_others < FEW_OTHERS:
            why = f"only {n_others:,} of {found.n_rows:,} rows have another one; add such rows"
        label = found.label_order[0]
        raise InputError(f"{role} {target!r} is {label!r} in the first half of the rows: {why}")


def span_of_delay(text: str, time: str | None, found: Survey) -> Any:
    """A span of time that the dates of a file can be shifted by."""
    if time is None:
        raise InputError("--delay with a time needs --time COL; give rows otherwise")
    number, unit = text.split()
    span = np.timedelta64(int(number), unit)  # type: ignore[call-overload]
    if found.n_without_time:
        raise InputError(
            f"--delay with a time needs the time of every row, but --time {time!r} is missing "
            f"in {found.n_without_time:,} rows; leave these out, or give --delay in rows"
        )
    try:
        check_time([found.some_time], span)
    except ValueError:
        raise InputError(
            f"--delay with a time needs dates, but --time {time!r} holds {found.some_time!s}, "
            "which is none; write dates like 2024-03-31, or give --delay in rows"
        ) from None
    return span


def check_whole_labels(found: Survey, target: str) -> None:
    """Refuse labels that no classifier takes for classes."""
    for label in found.classes:
        if isinstance(label, float) and label != int(label):
            raise InputError(
                f"target {target!r} holds {label:g}, and numbers that are classes must be "
                f"whole; --categorical {target} takes them as texts"
            )


def favorable_label(found: Survey, text: str | None, target: str) -> Any:
    """Return the class that a text names; the last one by default."""
    classes = found.classes
    if text is None:
        return classes[-1]
    for label in classes:
        if str(label) == text or (
            _number(label) is not None and _number(label) == _number(text)
        ):
            return label
    raise InputError(
        f"--favorable {text!r} is not a value of {found.role} {target!r}; its values are "
        + ", ".join(repr(str(label)) for label in classes)
    )


HARM = re.compile(
    r"default|denied|denial|reject|refus|recid|fraud|delinq|arrest|declin|charge.?off|dropout"
    r"|fail|churn|bad(?:_|$)|foreclos|bankrupt|overdue|past.?due|\blate\b|injur|death|died"
    r"|(?<![a-z])search|\bdead\b|fired|\bstopped\b",
    re.IGNORECASE,
)
"""Words that name what is bad for a person."""


def harm_note(label: Any, text: str | None, target: str, classes: list) -> str | None:
    """A warning where the favorable label was not asked for and its name suggests harm."""
    if text is not None:
        return None
    yes = str(label).lower() in ("1", "1.0", "true", "yes", "y", "t")
    if not (HARM.search(str(label)) or (yes and HARM.search(target))):
        return None
    other = next(c for c in classes if c != label)
    return (
        f"WARNING: {target} = {label} is taken to be good for the person, as no --favorable "
        f"was given, but its name suggests harm; --favorable {other} turns it around"
    )


def survey_notes(found: Survey, roles: dict[str, Any], min_group_size: int) -> list[str]:
    """Say what a reader of the results has to know about labels, groups and order."""
    shares = ", ".join(
        f"{label} {found.labels[label] / found.n_rows:.1%}" for label in found.classes
    )
    groups = ", ".join(
        f"{group_name(group)} {count:,}" for group, count in found.intersections.most_common(12)
    )
    more = len(found.intersections) - 12
    notes = [
        f"{found.n_rows:,} rows; {roles['target']}: {shares}",
        f"groups by {' and '.join(roles['sensitive'])}: {groups}"
        + (f" and {more} more" if more > 0 else ""),
    ]
    if found.n_skipped:
        notes.append(f"{found.n_skipped:,} rows without {roles['target']} are left out")
    if found.n_unknown_group:
        notes.append(
            f"{found.n_unknown_group:,} rows have an unknown group: they count in accuracy, "
            "not in gaps"
        )
    notes += [f"WARNING: {name}: {said}" for name, said in found.words.items()]
    small = [g for g, count in found.intersections.items() if count < min_group_size]
    if small:
        named = ", ".join(group_name(group) for group in small[:5])
        notes.append(
            f"groups with fewer than {min_group_size} rows, which never count in a gap: "
            f"{named}" + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        )
    if found.time_breaks:
        notes.append(
            f"NOT in order of {roles['time']}: {found.first_time_break}, and "
            f"{found.time_breaks - 1:,} more steps back; the rows are learned in the order "
            "of the file"
        )
    return notes


def warn_of_words(found: Survey, quiet: bool) -> None:
    """Say on standard error, where notes are not printed, which words were taken as missing.

    A verdict must not be about other people than the file holds without a word.
    """
    for name, said in found.words.items() if quiet else ():
        print(f"skfeamoe: warning: {name}: {said}", file=sys.stderr)


def _words(found: Survey, name: str) -> str:
    """Which words of a column were taken as missing, as the end of a message."""
    return f"; {found.words[name]}" if name in found.words else ""


def _count_labels(found: Survey, y: np.ndarray) -> None:
    """Count labels, and remember where the second class appears."""
    labels = y.tolist()
    if found.second_class_row is None:
        first = found.label_order[0] if found.label_order else labels[0]
        other = next((i for i, label in enumerate(labels) if label != first), None)
        if other is not None:
            found.second_class_row = found.n_rows + other
    found.labels.update(labels)
    found.label_order = list(found.labels)[:3]


def _count_groups(found: Survey, sensitive_features) -> None:
    """Count the groups of every sensitive column and of their intersections."""
    _, columns = sensitive_columns(sensitive_features)
    for counts, values in zip(found.groups, columns, strict=True):
        counts.update(row[0] for row in group_labels([values]) if row is not None)
    rows = group_labels(columns)
    known = [row for row in rows if row is not None]
    found.n_unknown_group += len(rows) - len(known)
    found.intersections.update(known)
    if len(found.intersections) > 20 * MOST_GROUPS:
        raise ValueError(
            f"the sensitive columns make more than {20 * MOST_GROUPS:,} groups; at most "
            f"{MOST_GROUPS} can be compared, so cut numbers into ranges first"
        )


def _check_order(found: Survey, batch, last_time: Any, name: str) -> Any:
    """Count steps back in time; return the last time of the batch."""
    import pandas as pd

    time = pd.Series(batch.time)
    known = time.notna().to_numpy()
    rows = batch.row_numbers[known]
    found.n_without_time += int((~known).sum())
    time = time.dropna()
    if not len(time):
        return last_time
    found.some_time = batch.time[known][0]
    before = time.shift(1)
    before.iloc[0] = time.iloc[0] if last_time is None else last_time
    try:
        back = (time < before).to_numpy()
    except TypeError:
        raise ValueError(
            f"time column {name!r} mixes texts and numbers; bring it to one type"
        ) from None
    if back.any():
        if found.first_time_break is None:
            place = int(back.argmax())
            found.first_time_break = (
                f"row {rows[place]:,} has {time.iloc[place]} after {before.iloc[place]}"
            )
        found.time_breaks += int(back.sum())
    return time.iloc[-1]


def _number(value: Any) -> float | None:
    """Return the number that a value or text is, if any."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None

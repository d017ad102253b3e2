"""Texts of a time column: read in one way, which every one of them has a say in.

A text is a time in the form of ISO 8601, or has its day, month and year in that order or with
the month first. Both orders fit "01/02/2024", and where rows are in order of time the first
12 days of every month say nothing: so the whole column is looked at before any row counts. A
text that has no month 13 under the order that all others have is an error, as it is one row's
or one source's word against the others'; a text that is no time at all is missing, and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._cells import MOSTLY_NUMBERS
from ._errors import InputError

DAY_AND_MONTH = (
    r"^\s*(?:[^\W\d_]{2,9}\.?,?\s+)?(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})(?!\d)"
    r"[,T\s]*(.*?)\s*$"
)
"""An optional weekday, day and month in either order, a year, and the time of the day."""
ZONE = r"[T\s]\d{1,2}(?::?\d\d)*(?:[.,]\d+)?\s*(?:[+-]\d\d(?::?\d\d)?|Z|UTC|GMT)$"
HALF_DAYS = ("%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p")
MOSTLY_TIMES = MOSTLY_NUMBERS
"""Share of a column's texts that must be times for the rest to be odd cells."""
FIRST_OF_THIS_CENTURY = 69
"""Years of two digits are of this century below it, as in POSIX."""
OPTIONS = {True: "--day-first", False: "--month-first"}
WORDS = {True: "day", False: "month"}


@dataclass(frozen=True)
class TimeForm:
    """How texts are read as times: which of two numbers is the day, and whether in zones."""

    day_first: bool
    zoned: bool

    def times(self, column):
        """Texts as times; missing where they are none."""
        times = _iso(column)
        other = times.isna() & column.notna()
        if other.any():
            texts = column[other].astype(str)
            times = times.astype("datetime64[us, UTC]")
            times[other] = _others(texts, _parts(texts), self.day_first)
        return times if self.zoned else times.dt.tz_localize(None)


class TimeTexts:
    """What the texts of a column say about their form, piece by piece."""

    def __init__(self, name: str, day_first: bool | None):
        self.name, self.asked = name, day_first
        self.n_rows = self.n_texts = self.n_other = self.n_zoned = 0
        self.first_other: tuple[int, str] | None = None
        self.some_order: str | None = None
        self.against: dict[bool, tuple[int, str]] = {}
        self.n_against = {True: 0, False: 0}
        self.unread: dict[bool, tuple[int, str]] = {}
        self.n_unread = {True: 0, False: 0}
        self.n_back = {True: 0, False: 0}
        self._last: dict[bool, Any] = {}

    def look(self, column) -> None:
        """Look at the texts of the next rows."""
        import pandas as pd

        column = pd.Series(column.to_numpy(dtype=object))
        column.index += self.n_rows
        self.n_rows += len(column)
        texts = column.dropna().astype(str)
        if not len(texts):
            return
        self.n_texts += len(texts)
        self.n_zoned += int(texts.str.contains(ZONE).sum())
        iso = _iso(texts)
        other = texts[iso.isna()]
        parts = _parts(other)
        self._count_other(other, parts)
        for day_first in (True, False):
            if self.n_against[day_first]:
                continue  # it will not be chosen
            times = iso
            if len(other):
                times = iso.astype("datetime64[us, UTC]")
                times[other.index] = _others(other, parts, day_first)
            self._count(texts, times, day_first)

    def _count_other(self, other, parts) -> None:
        """Remember texts of another form than ISO 8601, and which order they speak against."""
        if len(other) and self.first_other is None:
            self.first_other = (other.index[0], other.iloc[0])
        self.n_other += len(other)
        first, second = parts[0].astype(float), parts[1].astype(float)
        either = other[(first <= 12) & (second <= 12) & (first != second)]
        if self.some_order is None and len(either):
            self.some_order = either.iloc[0]
        for day_first, month, day in ((True, second, first), (False, first, second)):
            found = other[(month > 12) & (month <= 31) & (day <= 12)]
            self.n_against[day_first] += len(found)
            if len(found):
                self.against.setdefault(day_first, (found.index[0], found.iloc[0]))

    def _count(self, texts, times, day_first: bool) -> None:
        """Count what an order cannot read, and steps back in time under it."""
        import pandas as pd

        unread = texts[times.isna()]
        self.n_unread[day_first] += len(unread)
        if len(unread):
            self.unread.setdefault(day_first, (unread.index[0], unread.iloc[0]))
        known = times.dropna()
        if len(known):
            before = known.shift(1, fill_value=self._last.get(day_first, known.iloc[0]))
            self.n_back[day_first] += int((known - before < pd.Timedelta(0)).sum())
            self._last[day_first] = known.iloc[-1]

    def settled(self) -> tuple[TimeForm, list[str]]:
        """The form of all texts, and what is to be told of it."""
        day_first = self._order()
        unread = self.n_unread[day_first]
        if unread > (1 - MOSTLY_TIMES) * self.n_texts:
            row, text = self.unread[day_first]
            raise InputError(
                f"--time {self.name!r} holds texts that are no times, such as {text!r} in row "
                f"{row:,}; write them like 2024-03-31 or 2024-03-31 14:05+01:00"
            )
        notes = [*self._note_of_order(day_first), *self._note_of_forms(day_first)]
        n_local = self.n_texts - unread - self.n_zoned
        if self.n_zoned and n_local > 0:
            notes.append(f"{n_local:,} times without a zone among others are read as UTC")
        if unread:
            row, text = self.unread[day_first]
            notes.append(
                f"{unread:,} of {self.n_rows:,} cells are no time (such as {text!r} in row "
                f"{row:,}), taken as missing"
            )
        form = TimeForm(day_first, self.n_zoned > 0)
        return form, [f"{self.name}: {note}" for note in notes]

    def _order(self) -> bool:
        """Whether the day comes first, as asked for, or as all texts have it."""
        against = self.against
        if len(against) == 2:
            (row, text), (other_row, other) = against[False], against[True]
            raise InputError(
                f"--time {self.name!r} is written in two ways; cells with the day first: "
                f"{self.n_against[False]:,}, such as {text!r} in row {row:,}; with the month "
                f"first: {self.n_against[True]:,}, such as {other!r} in row {other_row:,}; "
                "bring them to one, or write them like 2024-03-31"
            )
        if self.asked is not None and self.asked in against:
            row, text = against[self.asked]
            month = 1 if self.asked else 0
            raise InputError(
                f"{OPTIONS[self.asked]}: row {row:,} of {self.name!r} has {text!r}, and there "
                f"is no month {_numbers(text)[month]}; pass {OPTIONS[not self.asked]}"
            )
        if self.asked is not None:
            return self.asked
        if against:
            return True not in against
        return self.n_back[True] <= self.n_back[False]

    def _note_of_order(self, day_first: bool) -> list[str]:
        """Say which number was taken for the day where there was a choice."""
        decided = self.against.get(not day_first)
        if self.asked is not None or not (decided or self.some_order):
            return []
        if decided is not None:
            row, text = decided
            return [f"read with the {WORDS[day_first]} first, as {text!r} in row {row:,} says"]
        return [
            f"{self.some_order!r} is read with the {WORDS[day_first]} first; "
            f"{OPTIONS[not day_first]} reads it otherwise"
        ]

    def _note_of_forms(self, day_first: bool) -> list[str]:
        """Say that some texts are in the form of ISO 8601 and others are not."""
        n_other = self.n_other - self.n_unread[day_first]
        n_iso = self.n_texts - self.n_other
        if not n_iso or not n_other or self.first_other is None:
            return []
        row, text = self.first_other
        return [
            f"{n_iso:,} times are written year first, {n_other:,} others are not (the first "
            f"is {text!r} in row {row:,}); both are read"
        ]


def _iso(texts):
    """Times of texts in the form of ISO 8601, missing where they are not."""
    import pandas as pd

    return pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)


def _parts(texts):
    """First and second number, year and time of the day of texts like "31.03.2024 14:05"."""
    return texts.str.extract(DAY_AND_MONTH)


def _numbers(text: str) -> tuple[int, int]:
    """First and second number of such a text."""
    import re

    found = re.match(DAY_AND_MONTH, text)
    assert found is not None
    return int(found[1]), int(found[2])


def _others(texts, parts, day_first: bool):
    """Times of texts that are not in the form of ISO 8601."""
    import pandas as pd

    known = parts[0].notna()
    parts, plain = parts[known], texts[~known]
    year = parts[2]
    century = year.astype(float).ge(FIRST_OF_THIS_CENTURY).map({True: "19", False: "20"})
    year = year.where(year.str.len() == 4, century + year)
    day, month = (parts[0], parts[1]) if day_first else (parts[1], parts[0])
    written = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    written = (written + " " + parts[3]).str.strip()
    found = _iso(written).astype("datetime64[us, UTC]")
    for form in HALF_DAYS:
        left = found.isna()
        found[left] = pd.to_datetime(written[left], errors="coerce", format=form, utc=True)
    left = found.isna() & (month.astype(int) <= 12) & (day.astype(int) <= 31)
    words = pd.concat([written[left], plain])  # names of months, say
    read = pd.to_datetime(words, errors="coerce", format="mixed", utc=True)
    return pd.concat([found.dropna(), read.astype("datetime64[us, UTC]")]).reindex(texts.index)

"""Columns that are read as they are written: those with a part, and categories.

No cell of theirs is taken for a number that went wrong: a protected group "H" among "1" and
"2" is a group. Labels are numbers, or yes and no, only if all of them are. Words that stand
for a missing value ("NA") do so in a column with a part, and are counted, as they may be the
name of a group; in a category only an empty cell is missing.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from ._errors import InputError

WORDS = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What pandas takes for a missing value, besides an empty cell."""

YES_AND_NO = {
    **dict.fromkeys(("True", "TRUE", "true"), True),
    **dict.fromkeys(("False", "FALSE", "false"), False),
}
"""What pandas takes for yes and no."""

TYPES = {"numbers": "numbers", "bools": "True and False"}


class Written:
    """Which columns are read as they are written, and what was missing in them."""

    def __init__(self, arguments: Any):
        def named(*options: str) -> list[str]:
            found = [getattr(arguments, option, None) or [] for option in options]
            lists = [[part] if isinstance(part, str) else part for part in found]
            return [name for part in lists for name in part]

        numbers = set(named("numeric"))
        self.categories = set(named("categorical"))
        self.labels = set(named("target", "decision")) - self.categories - numbers
        texts = set(named("sensitive", "id")) - numbers
        self.names = self.categories | self.labels | texts
        self.decimal = "."
        self._types: dict[str, str] = {}
        self.is_csv = False
        self.reset()

    def reset(self) -> None:
        """Count anew, as a file is read anew."""
        self.rows = 0
        self.missing: Counter = Counter()

    def read_options(self, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        """What `pandas.read_csv` has to be told."""
        import pandas as pd

        from skfeamoe.streaming._sources import _csv_errors

        errors: tuple[type[BaseException], ...] = (ValueError, ImportError, *_csv_errors(pd))
        try:
            columns = list(pd.read_csv(path, nrows=0, **options).columns)
        except errors:
            return {}  # reading it properly will say what is wrong
        self.is_csv = True
        self.decimal = options.get("decimal", ".")
        return {
            "dtype": {name: str for name in columns if name in self.names},
            "keep_default_na": False,
            "na_values": {n: [""] if n in self.names else ["", *WORDS] for n in columns},
        }

    def columns(self, frame) -> dict[str, Any]:
        """The columns of a piece as they are meant."""
        names = self.names if self.is_csv else self.categories
        found = {
            name: self._column(name, frame[name]) for name in frame.columns if name in names
        }
        self.rows += len(frame)
        return found

    def _column(self, name: str, column):
        """One of them."""
        import pandas as pd

        from skfeamoe._groups import texts_of

        texts = texts_of(column.tolist(), f"column {name!r}")
        whole = re.compile(rf"(-?\d+)[{self.decimal}]0")
        meant: dict[str | None, str | None] = {None: None}
        for text in dict.fromkeys(texts):
            if text is not None:
                found = whole.fullmatch(text)
                meant[text] = found[1] if found else text
        if name not in self.categories:
            words = meant.keys() & set(WORDS)
            for word in words:
                self.missing[name, word] += texts.count(word)
                meant[word] = None
        proper = pd.Series([meant[t] for t in texts], index=column.index, dtype=object)
        return self._typed(name, proper) if name in self.labels else proper

    def _typed(self, name: str, texts):
        """Labels in the type that the first of them have."""
        known = texts.dropna()
        if not len(known) and name not in self._types:
            return texts.astype(float)
        if name not in self._types:
            fits = (kind for kind in TYPES if self._as(kind, known).notna().all())
            self._types[name] = next(fits, "texts")
        kind = self._types[name]
        if kind == "texts":
            return texts
        typed = self._as(kind, texts)
        wrong = (typed.isna() & texts.notna()).to_numpy()
        if wrong.any():
            place = int(wrong.argmax())
            raise InputError(
                f"column {name!r} held {TYPES[kind]} up to row {self.rows:,}, but row "
                f"{self.rows + place:,} has {texts.iloc[place]!r}; mend it, or pass "
                f"--categorical {name}, which reads it as texts"
            )
        return typed

    def _as(self, kind: str, texts):
        """Texts as numbers, or as yes and no; missing where they are none."""
        import pandas as pd

        if kind == "bools":
            found = [YES_AND_NO.get(text) for text in texts]
            return pd.Series(found, index=texts.index, dtype=object).infer_objects()
        if self.decimal != ".":
            texts = texts.str.replace(self.decimal, ".")
        return pd.to_numeric(texts, errors="coerce")

    def words(self) -> dict[str, str]:
        """Say of each column which words were taken as missing."""
        found = {}
        for name in dict.fromkeys(name for name, _ in self.missing):
            counts = {word: n for (of, word), n in self.missing.items() if of == name}
            said = " or ".join(map(repr, counts))
            found[name] = (
                f"{sum(counts.values()):,} of {self.rows:,} cells say {said}, taken as "
                f"missing; --categorical {name} keeps them as a value"
            )
        return found

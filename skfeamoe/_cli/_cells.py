"""Cells of a user's file: odd ones in columns of numbers."""

from __future__ import annotations

from collections import Counter

MOSTLY_NUMBERS = 0.9
"""Share of a column's first texts that must be numbers for the rest to be odd cells."""


class OddCells:
    """Cells of a column of numbers that are no numbers: taken as missing, counted, told."""

    def __init__(self, kept, numeric):
        self.kept, self.asked = set(kept) - set(numeric), set(numeric)
        self.found: set[str] = set()
        self.decimal = "."
        self.reset()

    def reset(self) -> None:
        """Count anew, as a file is read anew."""
        self.odd: Counter = Counter()
        self.rows = 0
        self.examples: dict[str, str] = {}

    def begin(self, frame) -> None:
        """Find the columns of texts that are numbers for the most part."""
        for name in frame.columns:
            if name in self.kept or not is_text(frame[name]):
                continue
            if name in self.asked or mostly_numbers(frame[name], self.decimal):
                self.found.add(str(name))

    def is_number(self, name: str) -> bool:
        """Whether a column is to hold numbers."""
        return name in self.found or name in self.asked

    def numbers(self, column):
        """The column with numbers only."""
        numbers = as_numbers(column, self.decimal)
        odd = numbers.isna() & column.notna()
        if odd.any():
            name = str(column.name)
            self.odd[name] += int(odd.sum())
            self.examples.setdefault(name, str(column[odd].iloc[0]))
        return numbers

    def notes(self) -> list[str]:
        """Say how many cells of how many were no numbers."""
        return [
            f"{name}: {n:,} of {self.rows:,} cells are no number (such as "
            f"{self.examples[name]!r}), taken as missing; --categorical {name} keeps them"
            for name, n in self.odd.most_common()
        ]


def as_numbers(column, decimal: str = "."):
    """Texts as numbers, missing where they are none: "1.5" is none if a comma is the mark."""
    import pandas as pd

    texts = column.astype(object)
    if decimal != ".":
        swapped = {ord(decimal): ".", ord("."): decimal}
        texts = texts.map(lambda text: text.translate(swapped), na_action="ignore")
    return pd.to_numeric(texts, errors="coerce").astype(float)


def mostly_numbers(column, decimal: str = ".") -> bool:
    """Whether so many texts of a column are numbers that the others are odd cells."""
    texts = column.dropna()
    return bool(len(texts) and as_numbers(texts, decimal).notna().mean() >= MOSTLY_NUMBERS)


def is_text(column) -> bool:
    """Whether a column holds texts."""
    import pandas as pd

    return bool(
        pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)
    ) and not pd.api.types.is_bool_dtype(column)

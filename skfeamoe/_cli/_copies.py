"""Columns that say the same as the target or a sensitive column, under another name.

A column is a copy when, over all rows where both have a value, each of its values goes with
one value of the other column, and each of those with one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LEAST_SHARE = 0.5
"""Share of rows in which both columns must have a value."""


class Copies:
    """Pairs of columns that may still be copies, while a file is read."""

    def __init__(self, originals: Sequence[str]):
        self.originals = list(originals)
        self.pairs: dict[tuple[str, str], dict[Any, Any]] | None = None
        self.rows = 0
        self.shared: dict[tuple[str, str], int] = {}

    def read(self, frame, values: dict[str, Any]) -> None:
        """Compare the features of some rows with the columns of other roles."""
        import pandas as pd

        if self.pairs is None:
            self.pairs = {(f, o): {} for f in frame.columns for o in self.originals}
            self.shared = dict.fromkeys(self.pairs, 0)
        self.rows += len(frame)
        for pair in list(self.pairs):
            name, original = pair
            both = pd.DataFrame(
                {"copy": frame[name].to_numpy(), "of": pd.Series(values[original]).to_numpy()}
            ).dropna()
            self.shared[pair] += len(both)
            try:
                seen = both.drop_duplicates()
            except TypeError:  # lists and the like
                del self.pairs[pair]
                continue
            if not self._agrees(self.pairs[pair], seen):
                del self.pairs[pair]

    def found(self) -> list[tuple[str, str]]:
        """The copies: (column, of which column)."""
        return [
            pair
            for pair, known in (self.pairs or {}).items()
            if len(known) > 1 and self.shared[pair] >= LEAST_SHARE * self.rows
        ]

    @staticmethod
    def _agrees(known: dict[Any, Any], seen) -> bool:
        """Whether the pairs of values so far stay one to one."""
        if len(seen) > len(set(seen["copy"])) or len(seen) > len(set(seen["of"])):
            return False
        of = {value: key for key, value in known.items()}
        for copy, original in seen.itertuples(index=False):
            if known.get(copy, original) != original or of.get(original, copy) != copy:
                return False
            known[copy] = original
        return True

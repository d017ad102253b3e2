r"""Decisions by person: everybody counts once, however many rows are theirs.

Rows of one person are alike, and who comes often weighs more in a rate of rows. For person p
with n_p rows in group a, of which s_p were granted, the rate of people and its standard error
are

.. math:: \bar r_a = \frac{1}{P_a} \sum_p \frac{s_p}{n_p}, \qquad
          \widehat{se}_a^2 = \frac{1}{P_a (P_a - 1)}
          \sum_p \left(\frac{s_p}{n_p} - \bar r_a\right)^2,

with P_a people in the group: people are independent where rows are not. A person whose rows
belong to two groups counts in both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skfeamoe._groups import is_missing
from skfeamoe.metrics import Interval, mean_gap_interval


class PeopleCodes:
    """Numbers of the people who have appeared, each within a group."""

    def __init__(self):
        self.number: dict[tuple[Any, int], int] = {}
        self.told = False  # whether anybody has ever said whose rows they are

    def of_rows(self, person: Any, group: np.ndarray) -> np.ndarray | None:
        """The number of each row's person; -1 where person or group is not known."""
        numbers, newcomers = self.read(person, group)
        self.add(newcomers)
        return numbers

    def read(
        self, person: Any, group: np.ndarray
    ) -> tuple[np.ndarray | None, dict[tuple[Any, int], int] | None]:
        """The numbers of `of_rows`, and those of people who have not appeared before."""
        if person is None:
            return None, None
        listed = person.tolist() if hasattr(person, "tolist") else list(person)
        known = self.number
        fresh: dict[tuple[Any, int], int] = {}
        numbers = np.full(len(listed), -1, dtype=np.intp)
        for row, (p, g) in enumerate(zip(listed, group.tolist(), strict=True)):
            if g < 0 or is_missing(p):
                continue
            try:
                number = known.get((p, g))
            except TypeError:
                raise ValueError(
                    "person must hold a number or a text per row, got "
                    f"{type(p).__name__} in row {row}"
                ) from None
            if number is None:
                number = fresh.setdefault((p, g), len(known) + len(fresh))
            numbers[row] = number
        return numbers, fresh

    def add(self, newcomers: dict[tuple[Any, int], int] | None) -> None:
        """Keep the people whom `read` has found."""
        if newcomers is not None:
            self.told = True
            self.number.update(newcomers)

    @property
    def groups(self) -> np.ndarray:
        """The group of each person, by number."""
        return np.array([group for _, group in self.number], dtype=np.intp)


def add_decisions(
    sums: np.ndarray, people: np.ndarray, granted: np.ndarray, n_people: int
) -> np.ndarray:
    """Rows and granted rows of each person, (2, room for n_people), with those of a batch."""
    if sums.shape[1] < n_people:
        sums = np.pad(sums, ((0, 0), (0, 2 * n_people - sums.shape[1])))
    known = people >= 0
    np.add.at(sums[0], people[known], 1)
    np.add.at(sums[1], people[known], granted[known])
    return sums


def rates_of_people(
    sums: np.ndarray, groups: np.ndarray, n_groups: int
) -> dict[str, list[float]]:
    """People, rows, rate and standard error of each group."""
    rows, granted = sums[:, : len(groups)]
    seen = rows > 0
    of, rows, rate = groups[seen], rows[seen], granted[seen] / rows[seen]
    n = np.bincount(of, minlength=n_groups).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(of, rate, n_groups) / n
        squares = np.bincount(of, (rate - mean[of]) ** 2, n_groups)
        error = np.sqrt(squares / (n * (n - 1.0)))
    return {
        "n_people": n.tolist(),
        "n_rows": np.bincount(of, rows, n_groups).tolist(),
        "selection_rate": mean.tolist(),
        "standard_error": error.tolist(),
    }


def gap_of_people(people: dict[str, list[float]], least: int) -> Interval:
    """The gap between the rates of groups of at least so many people, with its interval."""
    large = np.array(people["n_people"]) >= least
    parts = (np.array(people[name])[large] for name in ("selection_rate", "standard_error"))
    return mean_gap_interval(*parts)

"""Data of the paper's experiments: the sensitive attribute is a feature, as in the paper.

Where the files are missing, ``--quick`` runs on stand-ins with the same layout: rows of
`make_credit_stream`, the group as a feature. Their numbers mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.common import TEST_SHARE, Split
from skfeamoe.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_hmda,
    make_credit_stream,
    make_preprocessor,
)

QUICK_ROWS = 1500
STAND_IN_YEARS = (2014, 2015, 2016, 2017, 2022, 2023, 2024)
SEXES = {"sex": ["Male", "Female"]}
RACES = {"race": ["African-American", "Caucasian"]}
MORTGAGE_GROUPS = {"sex": ["Male", "Female"], "race": ["White", "Black"]}


@dataclass(frozen=True)
class PaperContext:
    """What an experiment is asked for."""

    path: str = "../shared/data"
    n_seeds: int = 5
    quick: bool = False

    @property
    def seeds(self) -> range:
        """The seeds of splits and models."""
        return range(self.n_seeds)

    @property
    def stand_in(self) -> bool:
        """Whether made-up rows take the place of missing files."""
        return self.quick and not Path(self.path).is_dir()


@dataclass(frozen=True)
class Task:
    """A data set in full; the column ``sensitive`` of ``X`` is the group of a row."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    favorable: int
    sensitive: str
    log_columns: list[str]
    time: np.ndarray | None = None

    def take(self, rows) -> Task:
        """The rows at these places."""
        return replace(
            self,
            X=self.X.iloc[rows],
            y=self.y[rows],
            groups=self.groups[rows],
            time=None if self.time is None else self.time[rows],
        )

    def flipped(self) -> Task:
        """Everybody with the other group's sensitive attribute; labels stay."""
        first, second = np.unique(self.groups)
        other = np.where(self.groups == first, second, first).astype(object)
        categories = self.X[self.sensitive].cat.categories
        column = pd.Categorical(other, categories=categories)
        return replace(self, X=self.X.assign(**{self.sensitive: column}), groups=other)


@dataclass(frozen=True)
class Rows(Split):
    """Encoded training and test rows that know the columns of the sensitive attribute."""

    names: list[str] = field(default_factory=list)
    sensitive_columns: list[int] = field(default_factory=list)

    def without_sensitive(self) -> Rows:
        """The same people without the sensitive attribute as a feature."""
        keep = np.setdiff1d(np.arange(len(self.names)), self.sensitive_columns)
        arrays = ("X", "X_test", "scaled", "scaled_test")
        cut = {name: getattr(self, name)[:, keep] for name in arrays}
        names = [self.names[j] for j in keep]
        return replace(self, names=names, sensitive_columns=[], **cut)

    def inner(self, seed: int) -> Rows:
        """A part of the training rows to learn from, the rest in the place of the test."""
        learn, judge = train_test_split(
            np.arange(len(self.y)), test_size=0.25, random_state=1000 + seed
        )
        return replace(
            self,
            X=self.X[learn],
            y=self.y[learn],
            groups=self.groups[learn],
            scaled=self.scaled[learn],
            X_test=self.X[judge],
            y_test=self.y[judge],
            groups_test=self.groups[judge],
            scaled_test=self.scaled[judge],
        )


def load(name: str, context: PaperContext, sensitive: str = "sex") -> Task:
    """A data set: "adult", "compas", "hmda" (all years) or "hmda_2017" (more features)."""
    task = _stand_in(name, sensitive) if context.stand_in else _loaded(name, context, sensitive)
    if not context.quick or len(task.y) <= QUICK_ROWS:
        return task
    rows = np.random.default_rng(0).permutation(len(task.y))[:QUICK_ROWS]
    return task.take(np.sort(rows))


def _loaded(name, context, sensitive) -> Task:
    """A data set from its file."""
    if not Path(context.path).is_dir():
        raise FileNotFoundError(
            f"no folder {context.path!r} with the data files (docs/datasets.md says which); "
            "--path names another, --quick runs on made-up rows"
        )
    return _read(name, context.path, sensitive)


@cache
def _read(name, path, sensitive) -> Task:
    """Read and cut to two groups."""
    if name == "adult":
        bunch, sensitive = fetch_adult(path=path, include_sensitive=True), "sex"
    elif name == "compas":
        bunch = fetch_compas(path=path, groups=RACES["race"], include_sensitive=True)
        sensitive = "race"
    else:
        bunch = fetch_hmda(
            path=path,
            version="harmonized" if name == "hmda" else "2014-2017",
            years=None if name == "hmda" else 2017,
            sensitive=sensitive,
            groups=MORTGAGE_GROUPS[sensitive],
            include_sensitive=True,
            include_proxies=True,
        )
    values = bunch.data[sensitive].cat.remove_unused_categories()
    return Task(
        X=bunch.data.assign(**{sensitive: values}),
        y=bunch.target.to_numpy(),
        groups=bunch.sensitive_features.to_numpy(dtype=object),
        favorable=bunch.favorable_label,
        sensitive=sensitive,
        log_columns=bunch.log_columns,
        time=bunch.time.to_numpy() if name == "hmda" else None,
    )


def _stand_in(name, sensitive) -> Task:
    """Rows of the lending stream in the layout of a data set."""
    made = make_credit_stream(QUICK_ROWS, drift=None, random_state=0)
    sensitive = {"adult": "sex", "compas": "race"}.get(name, sensitive)
    groups = made.sensitive_features.to_numpy(dtype=object)
    years = np.repeat(STAND_IN_YEARS, -(-QUICK_ROWS // len(STAND_IN_YEARS)))[:QUICK_ROWS]
    return Task(
        X=made.data.assign(**{sensitive: pd.Categorical(groups)}),
        y=made.target.to_numpy(),
        groups=groups,
        favorable=1,
        sensitive=sensitive,
        log_columns=[],
        time=years if name == "hmda" else None,
    )


def split(task: Task, seed: int) -> Rows:
    """84 % of the rows to train, 16 % to test, as the other benchmarks have it."""
    train, test = train_test_split(
        np.arange(len(task.y)), test_size=TEST_SHARE, random_state=seed
    )
    return encode(task.take(train), task.take(test), seed)


def encode(train: Task, test: Task, seed: int) -> Rows:
    """Both parts, encoded by what the training rows show."""
    encoder = make_preprocessor(train.X, log_columns=train.log_columns)
    X, X_test = encoder.fit_transform(train.X), encoder.transform(test.X)
    names = [str(name) for name in encoder.get_feature_names_out()]
    scaler = StandardScaler().fit(X)
    of_sensitive = [f"{train.sensitive}_{group}" for group in np.unique(train.groups)]
    return Rows(
        X=X,
        y=train.y,
        groups=train.groups,
        X_test=X_test,
        y_test=test.y,
        groups_test=test.groups,
        favorable=train.favorable,
        seed=seed,
        scaled=scaler.transform(X),
        scaled_test=scaler.transform(X_test),
        names=names,
        sensitive_columns=[names.index(name) for name in of_sensitive],
    )

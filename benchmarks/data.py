"""One home of the data: what is loaded, who is in it, how it is split and encoded.

Where the files are missing, a quick look takes stand-ins with the same layout: rows of
`make_credit_stream`. Their numbers mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.registry import Context
from skfeamoe import datasets
from skfeamoe.datasets import make_preprocessor

TEST_SHARE = 0.16
QUICK_ROWS = 1500
STAND_IN_YEARS = {
    "gss": (1974, 1978, 1980, 2004, 2008, 2012, 2016),
    "hmda": (2014, 2015, 2016, 2017, 2022, 2023, 2024),
}
STAND_IN_COLUMNS = {
    "adult": {
        "age": np.arange(18, 80),
        "education": ["10th", "Bachelors"],
        "race": ["Black", "White"],
        "occupation": ["Sales", "Tech-support"],
    }
}

COMPAS = {"groups": ["African-American", "Caucasian"]}
BY_RACE = {"groups": ["White", "Black"]}
HMDA = BY_RACE | {"include_proxies": True}
HMDA_SEX = {"sensitive": "sex", "groups": ["Male", "Female"], "include_proxies": True}
YEAR_2017 = {"version": "2014-2017", "years": 2017}
WITH = {"include_sensitive": True}

LOADERS = {
    "adult": (datasets.fetch_adult, WITH, "sex"),
    "adult_without_sex": (datasets.fetch_adult, {}, None),
    "compas": (datasets.fetch_compas, COMPAS, None),
    "compas_with_race": (datasets.fetch_compas, COMPAS | WITH, "race"),
    "gss": (datasets.fetch_gss_income, {}, None),
    "hmda": (datasets.fetch_hmda, HMDA, None),
    "hmda_with_race": (datasets.fetch_hmda, HMDA | WITH, "race"),
    "hmda_with_sex": (datasets.fetch_hmda, HMDA_SEX | WITH, "sex"),
    "hmda_2022": (
        datasets.fetch_hmda,
        {"version": "2022-2024", "groups": HMDA["groups"]},
        None,
    ),
    "hmda_2017": (datasets.fetch_hmda, YEAR_2017 | {"groups": HMDA["groups"]}, None),
    "hmda_2017_with_sex": (datasets.fetch_hmda, YEAR_2017 | HMDA_SEX | WITH, "sex"),
    "student_math": (datasets.fetch_student_math, {}, None),
}
"""Name -> loader, its options, and the feature that holds the group of a row, if one does."""

TITLES = {
    "adult": "Adult, sex (sex and race are features)",
    "hmda": "HMDA harmonized, White and Black (state is a feature, race is not)",
    "hmda_with_race": "HMDA harmonized, White and Black (race, sex, ethnicity are features)",
    "gss": "GSS income, sex (not a feature)",
    "compas": "COMPAS, race (not a feature)",
}


@dataclass(frozen=True)
class Task:
    """A data set in full; the column ``sensitive`` of ``X``, if any, is the group of a row."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    favorable: int
    log_columns: list[str]
    sensitive: str | None = None
    time: np.ndarray | None = None

    def take(self, rows) -> Task:
        """The rows at these places."""
        time = None if self.time is None else self.time[rows]
        X, y, groups = self.X.iloc[rows], self.y[rows], self.groups[rows]
        return replace(self, X=X, y=y, groups=groups, time=time)

    def shuffled(self, seed: int, n_rows: int | None = None) -> Task:
        """The rows, or some of them, in the order of a seed."""
        return self.take(np.random.default_rng(seed).permutation(len(self.y))[:n_rows])

    def flipped(self) -> Task:
        """Everybody with the other group's sensitive attribute; labels stay."""
        first, second = np.unique(self.groups)
        other = np.where(self.groups == first, second, first).astype(object)
        categories = self.X[self.sensitive].cat.categories
        column = pd.Categorical(other, categories=categories)
        return replace(self, X=self.X.assign(**{self.sensitive: column}), groups=other)


@dataclass(frozen=True)
class Split:
    """Encoded training and test rows; ``scaled`` are the same rows standardized."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    groups_test: np.ndarray
    favorable: int
    seed: int
    scaled: np.ndarray = field(repr=False)
    scaled_test: np.ndarray = field(repr=False)
    names: list[str] = field(default_factory=list)
    sensitive_columns: list[int] = field(default_factory=list)

    def without_sensitive(self) -> Split:
        """The same people without the sensitive attribute as a feature."""
        keep = np.setdiff1d(np.arange(len(self.names)), self.sensitive_columns)
        arrays = ("X", "X_test", "scaled", "scaled_test")
        cut = {name: getattr(self, name)[:, keep] for name in arrays}
        names = [self.names[j] for j in keep]
        return replace(self, names=names, sensitive_columns=[], **cut)

    def part(self, rows) -> Split:
        """Some of the training rows."""
        arrays = ("X", "y", "groups", "scaled")
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    def inner(self, seed: int) -> Split:
        """A part of the training rows to learn from, the rest in the place of the test."""
        every = np.arange(len(self.y))
        learn, judge = train_test_split(every, test_size=0.25, random_state=1000 + seed)
        tested = {f"{a}_test": getattr(self, a)[judge] for a in ("X", "y", "groups", "scaled")}
        return replace(self.part(learn), **tested)


def load(name: str, context: Context) -> Task:
    """A data set of `LOADERS`, a sample of it for a quick look."""
    task = _stand_in(name) if context.stand_in else _from_files(name, context.path)
    if not context.quick or len(task.y) <= QUICK_ROWS:
        return task
    return task.take(np.sort(np.random.default_rng(0).permutation(len(task.y))[:QUICK_ROWS]))


def _from_files(name: str, path: str) -> Task:
    """A data set from the folder of the files."""
    if not Path(path).is_dir():
        raise FileNotFoundError(
            f"no folder {path!r} with the data files (docs/datasets.md says which); "
            "--path names another, --quick runs on made-up rows"
        )
    return _read(name, path)


@cache
def _read(name: str, path: str) -> Task:
    """Load a data set once."""
    loader, options, sensitive = LOADERS[name]
    bunch = loader(path=path, **options)
    X = bunch.data
    if sensitive:
        X = X.assign(**{sensitive: X[sensitive].cat.remove_unused_categories()})
    return Task(
        X=X,
        y=bunch.target.to_numpy(),
        groups=bunch.sensitive_features.to_numpy(dtype=object),
        favorable=bunch.favorable_label,
        log_columns=bunch.log_columns,
        sensitive=sensitive,
        time=None if bunch.time is None else bunch.time.to_numpy(),
    )


def _stand_in(name: str) -> Task:
    """Rows of the lending stream in the layout of a data set."""
    made = datasets.make_credit_stream(QUICK_ROWS, drift=None, random_state=0)
    sensitive, family = LOADERS[name][2], name.split("_")[0]
    groups = made.sensitive_features.to_numpy(dtype=object)
    years = STAND_IN_YEARS.get(family)
    more = {sensitive: groups} if sensitive else {}
    rng = np.random.default_rng(0)
    more |= {k: rng.choice(v, QUICK_ROWS) for k, v in STAND_IN_COLUMNS.get(family, {}).items()}
    more = {k: v if v.dtype.kind == "i" else pd.Categorical(v) for k, v in more.items()}
    return Task(
        X=made.data.assign(**more),
        y=made.target.to_numpy(),
        groups=groups,
        favorable=1,
        log_columns=[],
        sensitive=sensitive,
        time=np.sort(np.resize(years, QUICK_ROWS)) if years else None,
    )


def lending(n_rows: int, seed: int, drift: str | None = None, **options) -> tuple:
    """A made-up lending stream, and its rows, labels and groups as arrays."""
    options |= {"drift": drift, "random_state": seed, "as_frame": False}
    made = datasets.make_credit_stream(n_rows, **options)
    return made, (made.data, made.target, made.sensitive_features)


def split(task: Task, seed: int, *, n_train: int | None = None, log: bool = True) -> Split:
    """84 % of the rows to train and 16 % to test, or ``n_train`` rows and all the others.

    With ``log=False`` the money columns stay in their raw units.
    """
    train, test = places(task, seed, n_train)
    return encode(task.take(train), task.take(test), seed, log=log)


def places(task: Task, seed: int, n_train: int | None = None) -> list[np.ndarray]:
    """Where the training and the test rows of a seed are."""
    rows, test_size = np.arange(len(task.y)), TEST_SHARE if n_train is None else None
    return train_test_split(rows, train_size=n_train, test_size=test_size, random_state=seed)


def raw_parts(name: str, context: Context) -> Iterator[tuple[int, Task, Task]]:
    """Seeds with the training and test rows of a `split`, as they are in the file."""
    task = load(name, context)
    for seed in context.seeds:
        train, test = places(task, seed)
        yield seed, task.take(train), task.take(test)


def splits(names: Iterable[str], context: Context, **how) -> Iterator[tuple[str, Split]]:
    """Name and `split` of every data set and seed."""
    for name in names:
        for seed in context.seeds:
            yield name, split(load(name, context), seed, **how)


def encode(train: Task, test: Task, seed: int, *, log: bool = True) -> Split:
    """Both parts, encoded by what the training rows show."""
    encoder = make_preprocessor(train.X, log_columns=train.log_columns if log else ())
    X, X_test = encoder.fit_transform(train.X), encoder.transform(test.X)
    names = [str(name) for name in encoder.get_feature_names_out()]
    scaler = StandardScaler().fit(X)
    of_group = {f"{train.sensitive}_{group}" for group in np.unique(train.groups)}
    return Split(
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
        sensitive_columns=[j for j, name in enumerate(names) if name in of_group],
    )

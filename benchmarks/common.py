"""What the benchmarks share: data, splits, scores, clocks and files of results."""

from __future__ import annotations

import json
import platform
import time
import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skfeamoe import FairnessWarning
from skfeamoe.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_gss_income,
    fetch_hmda,
    make_preprocessor,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TEST_SHARE = 0.16

LOADERS = {
    "adult": lambda path: fetch_adult(path=path, include_sensitive=True),
    "hmda": lambda path: fetch_hmda(path=path, groups=["White", "Black"], include_proxies=True),
    "hmda_with_race": lambda path: fetch_hmda(
        path=path, groups=["White", "Black"], include_proxies=True, include_sensitive=True
    ),
    "gss": lambda path: fetch_gss_income(path=path),
    "compas": lambda path: fetch_compas(path=path, groups=["African-American", "Caucasian"]),
}
TITLES = {
    "adult": "Adult, sex (sex and race are features)",
    "hmda": "HMDA harmonized, White and Black (state is a feature, race is not)",
    "hmda_with_race": "HMDA harmonized, White and Black (race, sex, ethnicity are features)",
    "gss": "GSS income, sex (not a feature)",
    "compas": "COMPAS, race (not a feature)",
}


@dataclass(frozen=True)
class Context:
    """What a section is asked for: where the data are, how many seeds, which data sets."""

    path: str = "../shared/data"
    n_seeds: int = 5
    data: tuple[str, ...] = tuple(LOADERS)

    @property
    def seeds(self) -> range:
        """The seeds of splits and models."""
        return range(self.n_seeds)


@dataclass(frozen=True)
class Dataset:
    """A data set in full: features as a frame, labels, group names."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    favorable: int
    log_columns: list[str]
    time: np.ndarray | None


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


@cache
def load(name: str, path: str) -> Dataset:
    """A data set by its name here, from the folder ``path``."""
    bunch = LOADERS[name](path)
    return Dataset(
        X=bunch.data,
        y=bunch.target.to_numpy(),
        groups=bunch.sensitive_features.to_numpy(dtype=object),
        favorable=bunch.favorable_label,
        log_columns=bunch.log_columns,
        time=None if bunch.time is None else bunch.time.to_numpy(),
    )


def split(data: Dataset, seed: int, *, n_train=None, log=True) -> Split:
    """Training and test rows, encoded by what the training rows show.

    84 % train and 16 % test, or ``n_train`` rows and all the others. With ``log=False``
    the money columns stay in their raw units.
    """
    train, test = train_test_split(
        np.arange(len(data.y)),
        train_size=n_train,
        test_size=TEST_SHARE if n_train is None else None,
        random_state=seed,
    )
    frame = data.X.iloc[train]
    encoder = make_preprocessor(frame, log_columns=data.log_columns if log else ())
    X, X_test = encoder.fit_transform(frame), encoder.transform(data.X.iloc[test])
    scaler = StandardScaler().fit(X)
    return Split(
        X=X,
        y=data.y[train],
        groups=data.groups[train],
        X_test=X_test,
        y_test=data.y[test],
        groups_test=data.groups[test],
        favorable=data.favorable,
        seed=seed,
        scaled=scaler.transform(X),
        scaled_test=scaler.transform(X_test),
    )


def scores(y, decisions, groups) -> dict[str, float]:
    """Accuracy and gaps of decisions (n,) or of several draws (draws, n).

    The gaps are fairlearn's ``demographic_parity_difference`` (dp) and
    ``equalized_odds_difference`` (eo), from counts, since MetricFrame would take longer
    than the fits. ``aod`` is the mean of the two odds gaps, of which eo is the larger.
    Several draws are the decisions of a randomized classifier; together they estimate its
    expected rates.
    """
    draws = np.atleast_2d(decisions)
    codes = np.unique(groups, return_inverse=True)[1]
    cell = codes * 2 + y
    rows = np.bincount(cell, minlength=2 * (codes.max() + 1)).reshape(-1, 2)
    granted = np.bincount(cell, draws.mean(axis=0), rows.size).reshape(-1, 2)
    false_positive, true_positive = np.ptp(granted / np.maximum(rows, 1), axis=0)
    return {
        "accuracy": float((draws == y).mean()),
        "dp": float(np.ptp(granted.sum(axis=1) / rows.sum(axis=1))),
        "eo": float(max(true_positive, false_positive)),
        "tpr_gap": float(true_positive),
        "aod": float((true_positive + false_positive) / 2),
    }


def test_scores(rows: Split, decisions) -> dict[str, float]:
    """:func:`scores` on the test rows of a split."""
    return scores(rows.y_test, decisions, rows.groups_test)


def timed(function, *args, **kwargs):
    """The result of a call, its CPU seconds, and the unmet bounds it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        result = function(*args, **kwargs)
        seconds = time.process_time() - start
    told = [str(w.message) for w in caught if issubclass(w.category, FairnessWarning)]
    return result, {"seconds": seconds} | ({"warning": told[0]} if told else {})


def save(folder: Path, section: str, records: list[dict], **setting) -> Path:
    """Write the records of a section as JSON, with what they were measured with."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = ("scikit-learn", "fairlearn", "river", "numpy")
    meta = {name: version(name) for name in packages} | {"python": platform.python_version()}
    body = ",\n".join(json.dumps(_rounded(record)) for record in records)
    head = json.dumps({"section": section, "packages": meta, **setting})[:-1]
    file = folder / f"{section}.json"
    file.write_text(f'{head}, "records": [\n{body}\n]}}\n')
    return file


def read(folder: Path, section: str) -> pd.DataFrame | None:
    """The records of a section as a frame, None if it was not run."""
    file = folder / f"{section}.json"
    if not file.exists():
        return None
    return pd.DataFrame(json.loads(file.read_text())["records"])


def _rounded(record):
    """Floats with five significant digits, to keep files readable."""
    return {
        key: float(f"{value:.5g}") if isinstance(value, float) else value
        for key, value in record.items()
    }


def markdown(frame: pd.DataFrame) -> str:
    """A frame of text as a Markdown table."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def write_between_markers(file: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- begin name -->`` and ``<!-- end name -->``."""
    page = file.read_text()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in page or end not in page:
        raise ValueError(f"{file.name} must have the lines {begin!r} and {end!r}")
    before, rest = page.split(begin, 1)
    file.write_text(before + begin + "\n" + text + "\n" + end + rest.split(end, 1)[1])

"""Which numbers of the code matter: half and double of each, on data none was chosen on.

Three tables that come with river and scikit-learn are streams here, with made-up groups: who is
in group 1 shows in the column that tells most of the label. A third of the way the groups'
people become more different, two thirds of the way the rule turns round for a part of them.
Every run differs from the one with the numbers as they are in one number alone, on the same
rows with the same seed, so differences are paired.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from itertools import product

import numpy as np
import pandas as pd
from river import datasets as river
from sklearn.datasets import load_digits

from benchmarks.measures import gap_of, windows
from benchmarks.models import decisions
from benchmarks.registry import Context, Section
from skfeamoe import FEAMOEClassifier

N_ROWS, WINDOW, BATCH = 4000, 1000, 100
BOUND = 0.05
FACTORS = {"half": 0.5, "double": 2.0}
DATA_SETS = ("image segments", "phishing", "digits")
NOTICEABLE = {"accuracy": 0.002, "gap": 0.005}
"""Differences below this do not matter, however sure they are."""

HOMES = {
    "_fairness.people": "KEPT_ROWS",
    "_fairness.bound": "GLANCED_ROWS WIDER_BY",
    "_fairness.due": "RESCORES LEAST_ROWS LOOK_ROWS GLANCE_ROWS",
    "_fairness.settlement": "MARGIN LEAST_AIM NOISE",
    "_fairness.offset": "WIDTH RIDGE PENALTY NEARNESS ROUNDS ATTEMPTS TIGHTER CUTS",
    "_fairness.directions": "RATE SHRINK",
    "_fairness.changes": "LEAST_ROWS LIMIT SUSPECTED LEAST_VARIANCE CLIP",
    "_training.settings": (
        "EARLY_BATCH STREAM_BATCH STREAM_DEFAULTS.growth_interval "
        "STREAM_DEFAULTS.half_life STREAM_DEFAULTS.pace.average_rate "
        "STREAM_DEFAULTS.pace.memory_span"
    ),
    "_training.trainer": "EARLY_ROWS",
    "_training.ensemble": "AVERAGE_WARMUP",
    "_training.step": "LOAD_RATE",
    "_training.acts": "NOISE STATE_PART NEWBORN_STATE_PART",
    "_training.capacity": "MOST_CHANGE",
    "_training.posterior": "NEWBORN_WEIGHT SHARE_PER_ROW MOST_EVIDENCE",
    "_training.drift.recent": "RECENT_ROWS",
    "_training.drift.policy": "GENERATIONS",
    "_training.drift.replay": "PASSES REPLAY_GROWTH LEAST_ROWS",
}
CONSTANTS = tuple(f"{home}.{name}" for home, names in HOMES.items() for name in names.split())
"""Numbers of the control, of drift and of growth, in `skfeamoe`."""
PARTS = {"NEWBORN_WEIGHT", "LEAST_AIM", "SUSPECTED"}
"""Numbers that stay below 1: half and double of what is missing to 1 where double is more."""


# -------------------------------------------------------------------------- streams


@cache
def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardized columns and labels, 0 or 1."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        y = y >= 5
    else:
        source = {
            "image segments": river.ImageSegments,
            "phishing": river.Phishing,
        }[name]()
        rows = [(list(x.values()), label) for x, label in source]
        X, labels = np.array([x for x, _ in rows], dtype=float), [label for _, label in rows]
        known = sorted(set(labels))
        y = np.array([known.index(label) for label in labels]) >= (len(known) + 1) // 2
    X = X[:, X.std(axis=0) > 0]
    return (X - X.mean(axis=0)) / X.std(axis=0), y.astype(int)


def stream(name: str, seed: int, n_rows: int):
    """Rows X, labels y and groups of a stream in three worlds."""
    rng = np.random.default_rng(seed)
    X, y = table(name)
    order = np.concatenate([rng.permutation(len(y)) for _ in range(-(-n_rows // len(y)))])
    X, y = X[order[:n_rows]].copy(), y[order[:n_rows]].copy()
    tells = [abs(np.corrcoef(column, y)[0, 1]) for column in X.T]
    best = int(np.argmax(tells))
    shown = X[:, best] * np.sign(np.corrcoef(X[:, best], y)[0, 1])
    groups = (shown + rng.normal(size=n_rows) > 0.5).astype(int)
    later = np.arange(n_rows) >= n_rows // 3
    X[:, best] += 0.5 * later * groups  # other people
    turned = (np.arange(n_rows) >= 2 * n_rows // 3) & (X[:, (best + 1) % X.shape[1]] > 0)
    return X, np.where(turned, 1 - y, y), groups


# ----------------------------------------------------------------------------- runs


@contextmanager
def altered(name: str, factor: float) -> Iterator[None]:
    """The library with one of its numbers times a factor, wherever it was imported to."""
    if name == "none":
        yield
        return
    home, _, attribute = f"skfeamoe.{name}".partition(".STREAM_DEFAULTS.")
    if attribute:
        constant, fields = "STREAM_DEFAULTS", attribute.split(".")
    else:
        home, _, constant = home.rpartition(".")
        fields = []
    old = getattr(import_module(home), constant)
    new = _scaled(old, fields, factor, constant)
    places = [
        (module, known_as)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("skfeamoe")
        for known_as in _names_of(home, constant, module)
    ]
    for module, known_as in places:
        setattr(module, known_as, new)
    try:
        yield
    finally:
        for module, known_as in places:
            setattr(module, known_as, old)


def _names_of(home: str, constant: str, module) -> set[str]:
    """What a module calls a constant of another one, or its own."""
    if module.__name__ == home:
        return {constant}
    return {known_as for *place, known_as in _imported(module) if place == [home, constant]}


@cache
def _imported(module) -> frozenset[tuple[str, str, str]]:
    """Modules, names that a module imports from them, and what it calls them."""
    statements = ast.walk(ast.parse(inspect.getsource(module)))
    return frozenset(
        (statement.module or "", alias.name, alias.asname or alias.name)
        for statement in statements
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    )


def _scaled(value, fields: list[str], factor: float, name: str):
    """A number, or a field of a named tuple, times a factor, as a number of its kind."""
    if fields:
        inner = _scaled(getattr(value, fields[0]), fields[1:], factor, name)
        return value._replace(**{fields[0]: inner})
    if name in PARTS and factor * value >= 1.0:
        return 1.0 - (1.0 - value) / factor
    return max(round(value * factor), 1) if isinstance(value, int) else value * factor


def measured(data: str, seed: int, n_rows: int) -> dict:
    """Accuracy of the decisions of one run, and the mean gap of its windows."""
    X, y, groups = stream(data, seed, n_rows)
    model = FEAMOEClassifier(difference_bound=BOUND, growth="drift", random_state=seed)
    decided, _ = decisions(model, X, y, groups, batch=BATCH)
    parts = windows(n_rows, WINDOW, WINDOW)
    gaps = [gap_of(decided[part], groups[part]) for part in parts]
    return {"accuracy": float((decided == y).mean()), "gap": float(np.mean(gaps))}


def run(context: Context) -> Iterator[dict]:
    """Every number as it is, halved and doubled."""
    n_rows = 2 * WINDOW if context.quick else N_ROWS
    changes = [("none", "one"), *product(context.some(CONSTANTS, 3), FACTORS)]
    for data, seed in product(context.some(DATA_SETS), context.seeds):
        for name, times in changes:
            with altered(name, FACTORS.get(times, 1.0)):
                found = measured(data, seed, n_rows)
            yield {"constant": name, "times": times, "data": data, "seed": seed} | found


# -------------------------------------------------------------------------- tables


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean differences to the runs with the numbers as they are, with standard errors."""
    keys = ["data", "seed"]
    base = frame[frame["constant"] == "none"].set_index(keys)
    rows = []
    changed = frame[frame["constant"] != "none"]
    for (name, times), group in changed.groupby(["constant", "times"], sort=False):
        row = {"constant": name, "times": times}
        group = group.set_index(keys)
        for measure, least in NOTICEABLE.items():
            delta = (group[measure] - base[measure]).dropna()
            error = delta.std(ddof=1) / np.sqrt(len(delta)) if len(delta) > 1 else np.nan
            row |= {measure: delta.mean(), f"{measure}_error": error}
            row[f"{measure}_matters"] = abs(delta.mean()) > max(2.0 * error, least)
        rows.append(row)
    return pd.DataFrame(rows)


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Differences in points; bold are those that are noticed."""
    found = differences(frame)
    rows = []
    for name, group in found.groupby("constant", sort=False):
        row = {"number": f"`{name}`"}
        for _, line in group.iterrows():
            for measure in NOTICEABLE:
                value, error = 100 * line[measure], 100 * line[f"{measure}_error"]
                text = f"{value:+.2f} ± {error:.2f}"
                key = f"{measure}, {line['times']}"
                row[key] = f"**{text}**" if line[f"{measure}_matters"] else text
        rows.append(row)
    base = frame[frame["constant"] == "none"].groupby("data", sort=False)
    as_it_is = base[list(NOTICEABLE)].mean().round(3).reset_index()
    return {
        "Differences in points, mean ± standard error": pd.DataFrame(rows),
        "With the numbers as they are": as_it_is,
    }


SECTIONS = (Section("constants", run, tables, page="guide/constants.md"),)

"""The streams of the drift benchmark: real years and worlds of known truth."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from benchmarks.data import lending, load
from benchmarks.registry import Context
from skfeamoe.datasets import make_preprocessor

CREDIT_ROWS, STATIONARY_ROWS, REAL_ROWS, QUICK_ROWS = 30_000, 100_000, 30_000, 2000
PAST = {"gss": 1980, "hmda": 2017}
SCORED = {"gss": 2008, "hmda": 2018}
"""Last year that a static model and the encoder learn from; first year that is scored."""


@dataclass(frozen=True)
class Stream:
    """Rows in the order of time; what is known of the truth; where scoring begins."""

    name: str
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    groups: np.ndarray = field(repr=False)
    n_past: int  # rows that a static model learns from
    scored_from: int
    time: np.ndarray | None = field(default=None, repr=False)
    proba_true: np.ndarray | None = field(default=None, repr=False)
    changes: tuple[int, ...] = ()  # first row of every new world, alone by then
    favorable: int = 1


def credit(drift, target: str, seed: int, context: Context, n_rows=CREDIT_ROWS) -> Stream:
    """The lending stream of `make_credit_stream`; the past is the first tenth."""
    n = QUICK_ROWS if context.quick else n_rows
    made, rows = lending(n, seed, drift, drift_target=target)
    changes = tuple((made.change_points + made.change_widths).tolist())
    truth = {"proba_true": made.proba_true, "changes": changes}
    return Stream(f"{drift or 'no drift'}, {target}", *rows, n // 10, n // 10, **truth)


def regions(seed: int, context: Context) -> Stream:
    """A world that one line cannot describe: the sign of a product of two features decides.

    The log-odds are 6 times the sign of the product times the root of its size, so one
    linear model is no better than chance; the groups do not differ.
    """
    n = QUICK_ROWS if context.quick else CREDIT_ROWS
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    product = X[:, 0] * X[:, 1]
    proba = expit(6.0 * np.sign(product) * np.sqrt(np.abs(product)))
    y = (rng.random(n) < proba).astype(int)
    groups = np.array(["a", "b"])[rng.integers(2, size=n)]
    return Stream("regions", X, y, groups, n // 10, n // 2, proba_true=proba)


def by_year(name: str, seed: int, context: Context) -> Stream:
    """GSS, or a sample of HMDA harmonized, in year order, shuffled inside a year."""
    task = load(name, context).shuffled(seed, REAL_ROWS if name == "hmda" else None)
    task = task.take(np.argsort(task.time, kind="stable"))
    past = task.time <= PAST[name]
    encoder = make_preprocessor(task.X, log_columns=task.log_columns).fit(task.X[past])
    X = np.asarray(encoder.transform(task.X), dtype=float)
    first = int(np.argmax(task.time >= SCORED[name]))
    told = {"time": task.time, "favorable": task.favorable}
    return Stream(name, X, task.y, task.groups, int(past.sum()), first, **told)

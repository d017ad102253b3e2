"""A monitor of bounds beside a fixed model: people, what is asked for, and what it decides."""

import numpy as np
from scipy.special import expit

from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.cases import Scored
from skfeamoe._fairness.constraints import Slots
from skfeamoe._rows import Rows


def scored(X, offset=None, local=None, calls=None):
    """A fixed model that favors whoever has a high second column."""
    margin = 2.0 * X[:, 0] + X[:, 1]
    if calls is not None:
        calls.append(None if offset is None else offset.copy())
    h = np.zeros(3) if offset is None else offset
    distance = np.abs(margin + X @ h[:2] + h[2]) / (3.0 + h[1])
    decided = (margin > 0.0).astype(np.intp)
    return Scored(X, margin, 1.0 - 2.0 * expit(margin), decided, distance)


def people(n, seed=0, weight=None):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 2))
    X[:, 1] += groups
    y = (rng.random(n) < expit(2.0 * X[:, 0] + X[:, 1])).astype(np.intp)
    return Rows(X, y, groups, np.ones(n) if weight is None else weight)


def wishes(names=("demographic_parity",), limit=0.05, half_life=2000.0, **more):
    slots = Slots(names)
    return Fairness(slots, np.full(len(slots), limit), favorable=1, half_life=half_life, **more)


def monitor(asked):
    made = BoundMonitor(asked.slots, 1, 2)
    made.add_groups(2)
    return made


def learned(asked, rows):
    """A monitor that has seen rows, a hundred at a time, and settled nothing yet."""
    made = monitor(asked)
    for part in rows.slices(100):
        made.learn(asked, part.X, part)
    return made

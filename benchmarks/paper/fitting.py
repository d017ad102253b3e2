"""FEAMOE in the paper's mode and in ours, plain networks, and bounds chosen by validation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from benchmarks.models import make_feamoe
from benchmarks.paper.data import Rows
from benchmarks.paper.measures import of_estimator, on_test

ALL = ("demographic_parity", "equalized_odds", "burden")
HIDDEN = (30, 30)
UNLIMITED = 256


@dataclass(frozen=True)
class Setting:
    """What is asked for by ``control="bound"``.

    ``favorable_weight`` is the sample weight of rows with the favorable label. Below 1 the
    model grants less to everybody: on Adult that is the price of small SPD *and* AOD.
    """

    spd: float
    aod: float
    burden: float
    favorable_weight: float = 1.0

    @property
    def bounds(self) -> dict[str, float]:
        """``difference_bound`` of the three constraints."""
        return dict(zip(ALL, (self.spd, self.aod, self.burden), strict=True))

    def sample_weight(self, rows: Rows) -> np.ndarray | None:
        """Weights of the training rows, None if all are 1."""
        if self.favorable_weight == 1.0:
            return None
        return np.where(rows.y == rows.favorable, self.favorable_weight, 1.0)


@dataclass(frozen=True)
class Aim:
    """Largest gaps that a chosen setting should show on validation rows."""

    spd: float
    aod: float
    burden: float

    def excess(self, found: dict[str, float]) -> float:
        """By how much the measured gaps pass the aim, summed."""
        return sum(
            max(found[name] - getattr(self, name), 0.0) for name in ("spd", "aod", "burden")
        )


def fit(rows: Rows, *, sample_weight=None, **parameters):
    """A fitted FEAMOE classifier; a bound that is missed is shown by the measures."""
    model = make_feamoe(rows.favorable, rows.seed, **parameters)
    groups = None if parameters.get("constraints", "") is None else rows.groups
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows.X, rows.y, sensitive_features=groups, sample_weight=sample_weight)


def schedule(constraints, *, interval: int, increment: float, **more) -> dict:
    """Parameters of the paper's mode: one pass, an expert every ``interval`` rows."""
    return {
        "constraints": None if constraints is None else list(constraints),
        "control": "schedule",
        "penalty_increment": increment,
        "growth": "interval",
        "growth_interval": interval,
        "max_experts": UNLIMITED,
        "max_iter": 1,
    } | more


def bound(constraints, setting: Setting, **more) -> dict:
    """Parameters of our mode: gaps are measured and held, defaults elsewhere."""
    if constraints is None:
        return {"constraints": None, **more}
    bounds = {name: setting.bounds[name] for name in constraints}
    return {"constraints": list(constraints), "difference_bound": bounds, **more}


def network(constraints=None, **more) -> dict:
    """Parameters that turn the classifier into one network of 2 x 30 units."""
    base = {"expert": "mlp", "hidden_layer_sizes": HIDDEN, "constraints": None, "growth": None}
    if constraints is None:
        return base | more
    return base | {"constraints": list(constraints)} | more


def scheduled_network(constraints, *, interval: int, increment: float) -> dict:
    """One network whose penalties grow at every interval, with as many passes as the other."""
    grown = schedule(constraints, interval=interval, increment=increment, max_iter="auto")
    return network(constraints) | grown | {"max_experts": 1}


def validated(rows: Rows, candidates, n_inner: int) -> list[tuple[Setting, dict[str, float]]]:
    """Every candidate with its mean measures on inner splits of the training rows."""
    inner = [rows.inner(k) for k in range(n_inner)]
    found = []
    for setting in candidates:
        measured = [
            on_test(
                of_estimator(
                    fit(part, sample_weight=setting.sample_weight(part), **bound(ALL, setting)),
                    part.X_test,
                ),
                part,
            )
            for part in inner
        ]
        found.append(
            (
                setting,
                {name: float(np.mean([m[name] for m in measured])) for name in measured[0]},
            )
        )
    return found


def choose(judged, aim: Aim) -> Setting:
    """The most accurate setting within the aim, else the one that passes it least."""
    return min(judged, key=lambda pair: (aim.excess(pair[1]), -pair[1]["accuracy"]))[0]

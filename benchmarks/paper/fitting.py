"""FEAMOE in the paper's mode and in ours, plain networks, and bounds chosen by validation."""

from dataclasses import dataclass

import numpy as np

from benchmarks.data import Split
from benchmarks.measures import of_estimator, on_test, timed
from benchmarks.models import fit_feamoe

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

    def sample_weight(self, rows: Split) -> np.ndarray | None:
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


def fitted(rows: Split, name: str, mode: str, parameters, sample_weight=None):
    """A model that is fitted on the clock, and its record on the test rows."""
    model, told = timed(fit_feamoe, rows, sample_weight=sample_weight, **parameters)
    record = {"method": name, "mode": mode, "seed": rows.seed}
    record |= on_test(of_estimator(model, rows.X_test), rows)
    return model, record | {"experts": model.n_experts_} | told


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


def validated(rows: Split, candidates, n_inner: int) -> list[tuple[Setting, dict]]:
    """Every candidate with its mean measures on inner splits of the training rows."""
    inner, found = [rows.inner(k) for k in range(n_inner)], []
    for setting in candidates:
        asked = bound(ALL, setting)
        told = [fitted(p, "", "", asked, setting.sample_weight(p))[1] for p in inner]
        names = ("accuracy", "spd", "aod", "burden")
        found.append((setting, {n: float(np.mean([t[n] for t in told])) for n in names}))
    return found


def choose(judged, aim: Aim) -> Setting:
    """The most accurate setting within the aim, else the one that passes it least."""
    return min(judged, key=lambda pair: (aim.excess(pair[1]), -pair[1]["accuracy"]))[0]

"""Golden runs: what small models become, to the last digit, recorded before a change.

A run is a stream or a `fit` on a lending problem whose world changes halfway. Kept are
probabilities on probe rows, gaps, multipliers, alarms, and the record of training, whose
first line that differs says when a changed run leaves the golden one.
"""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from skfeamoe import FEAMOEClassifier

FOLDER = Path(__file__).parent

RTOL = 1e-9
"""Where the order of arithmetic is kept runs are equal bit for bit; elsewhere up to this."""

FLAT = {"every-constraint-partialfit": 1e-3}
"""Runs that are equal up to more: four bounds pull three groups of some hundred people apart,
and flat directions multiply what processors round by 1e8 (docs/decisions/offset.md)."""

ALL = ["demographic_parity", "equalized_odds", "equal_opportunity", "burden"]

PROBES = 6


def lending(n_samples=2400, n_classes=2, n_groups=2, worlds=2, seed=0):
    """Features, labels, groups (some unknown), weights; two rules hold by turns."""
    rng = np.random.default_rng(seed)
    code = rng.integers(n_groups, size=n_samples)
    X = rng.normal(size=(n_samples, 5))
    X[:, 0] -= 0.7 * code
    X[:, 3] += 1.5 * code
    X[:, 4] = code > 0
    score = X[:, 0] + 0.5 * X[:, 1] + 0.7 * rng.logistic(size=n_samples)
    other = np.arange(n_samples) * worlds // n_samples % 2 == 1
    score[other] -= 2.5 * X[other, 0] + X[other, 2]
    y = np.digitize(score, np.linspace(-1.0, 0.5, n_classes - 1) if n_classes > 2 else [-0.3])
    groups = np.array(["a", "b", "c"], dtype=object)[code]
    groups[rng.random(n_samples) < 0.05] = None
    return X, y, groups, rng.integers(0, 3, n_samples) / 2.0


def names() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every golden run's name and what makes it."""
    grown = (None, "interval", "drift", "individual_fairness")
    kinds = ("logistic", "mlp")
    for control, growth, expert in product(("bound", "schedule"), grown, kinds):
        if control == "schedule" and growth is None:
            continue
        for way in ("fit", "partial_fit"):
            loss = "log_loss" if control == "bound" else "jacobs"
            name = f"{control}-{growth or 'none'}-{expert}-{loss}-{way}".replace("_", "")
            made = {"control": control, "growth": growth, "expert": expert, "loss": loss}
            yield name, {"way": way, **made}
    for way in ("fit", "partial_fit"):
        every = {"constraints": ALL, "n_groups": 3, "way": way}
        yield f"every-constraint-{way}".replace("_", ""), every
        three = {"n_classes": 3, "expert": "mlp", "growth": "drift", "way": way}
        yield f"three-classes-{way}".replace("_", ""), three
        yield f"sparse-{way}".replace("_", ""), {"sparse": True, "growth": "drift", "way": way}
        yield f"initial-experts-{way}".replace("_", ""), {"initial": True, "way": way}
    yield "weights", {"weighted": True, "solver": "sgd", "way": "partial_fit"}
    yield "no-scaling", {"standardize": False, "way": "partial_fit", "loss": "jacobs"}
    yield "tight", {"max_experts": 2, "growth_interval": 150, "way": "partial_fit"}
    yield "unconstrained", {"constraints": None, "growth": "drift", "way": "partial_fit"}
    gaps = {"growth": "drift", "constraints": ALL[:3], "alpha": 0.0}
    yield "gaps", {"way": "partial_fit", **gaps}
    returning = {"growth": "drift", "worlds": 5, "max_experts": 8, "growth_interval": 200}
    yield "returning-worlds", {"way": "partial_fit", **returning}
    full = {"growth": "drift", "worlds": 5, "max_experts": 2}
    yield "more-worlds-than-room", {"way": "partial_fit", **full}


def run(
    way: str,
    n_classes=2,
    n_groups=2,
    worlds=2,
    sparse=False,
    weighted=False,
    initial=False,
    **parameters,
) -> dict[str, Any]:
    """Train one golden model and tell what it has become."""
    X, y, groups, weight = lending(1200 * worlds, n_classes, n_groups, worlds)
    base: dict[str, Any] = {"random_state": 0, "growth_interval": 400, "max_experts": 4}
    base |= {"hidden_layer_sizes": (4,), "difference_bound": 0.15, "background_size": 200}
    if parameters.get("growth") == "individual_fairness":
        base["counterfactual_columns"] = 4
    if initial:
        halves = (slice(0, 1200), slice(1200, None))
        base["initial_experts"] = [LogisticRegression().fit(X[h], y[h]) for h in halves]
    model = FEAMOEClassifier(**(base | parameters))
    rows = sp.csr_array(np.where(np.abs(X) < 0.3, 0.0, X)) if sparse else X
    options = {"sensitive_features": groups, "sample_weight": weight if weighted else None}
    if way == "fit":
        model.set_params(max_iter=3).fit(rows, y, **options)
    else:
        for start in range(0, len(y), 100):
            part = slice(start, start + 100)
            given = {k: None if v is None else v[part] for k, v in options.items()}
            model.partial_fit(rows[part], y[part], np.arange(n_classes), **given)
    return told(model, rows[:: len(y) // PROBES][:PROBES])


def told(model, probes) -> dict[str, Any]:
    """What is compared of a model, as JSON."""
    history = model.history_
    record = {
        f"row {int(row)}": {
            name: values[i]
            for name, values in history.items()
            if len(values) == len(history["n_samples_seen"]) and not name.startswith("alarm")
        }
        for i, row in enumerate(history["n_samples_seen"])
    }
    found = {
        "record": record,
        "predict_proba": model.predict_proba(probes),
        "gate_proba": model.gate_proba(probes),
        "n_experts": model.n_experts_,
        "n_samples_seen": model.n_samples_seen_,
        "group_gaps": model.group_gaps_,
        "multipliers": model.multipliers_,
        "alarm_rows": history.get("alarm_n_samples_seen", []),
        "alarm_causes": history.get("alarm_cause", []),
        "background": [float(np.abs(model.background_).sum()), *model.background_weight_[:3]],
    }
    return json.loads(json.dumps(found, default=lambda value: np.asarray(value).tolist()))


def differences(golden: Any, found: Any, path: str = "", rtol: float = RTOL) -> list[str]:
    """Every place where two runs differ, in the order of training."""
    if isinstance(golden, dict) and isinstance(found, dict):
        places = [*golden, *(name for name in found if name not in golden)]
        pairs = [(f"{path}/{p}", golden.get(p), found.get(p)) for p in places]
    elif isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        pairs = [
            (f"{path}[{i}]", *both) for i, both in enumerate(zip(golden, found, strict=True))
        ]
    else:
        same = _same(golden, found, rtol)
        return [] if same else [f"{path}: golden {golden!r}, now {found!r}"]
    return [line for place, *both in pairs for line in differences(*both, place, rtol)]


def _same(golden: Any, found: Any, rtol: float) -> bool:
    """Whether two values are equal, numbers up to ``rtol``."""
    if isinstance(golden, float) and isinstance(found, (int, float)):
        return bool(np.isclose(golden, found, rtol=rtol, atol=1e-12, equal_nan=True))
    return bool(golden == found)

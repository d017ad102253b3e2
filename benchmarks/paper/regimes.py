"""The seven regimes of the paper: which penalties act, on which kind of model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from benchmarks.common import timed
from benchmarks.paper.data import PaperContext, Rows
from benchmarks.paper.fitting import (
    ALL,
    Aim,
    Setting,
    bound,
    choose,
    fit,
    network,
    schedule,
    scheduled_network,
    validated,
)
from benchmarks.paper.measures import of_estimator, on_test
from benchmarks.paper.tables import Published, summary

REGIMES = {
    "MOE": None,
    "FEAMOE1": ("demographic_parity",),
    "FEAMOE2": ("equalized_odds",),
    "FEAMOE3": ("burden",),
    "FEAMOE": ALL,
    "NN": None,
    "FairNN": ALL,
}
"""Regime -> penalties or constraints; 1, 2 and 3 have SPD, AOD and burden alone."""


@dataclass(frozen=True)
class RegimeConfig:
    """One data set under the seven regimes."""

    interval: int
    increment: float
    single: Setting
    candidates: tuple[Setting, ...]
    aim: Aim
    n_inner: int = 3
    sensitive_is_feature: bool = True  # in our mode; it always is in the paper's
    finer_schedules: tuple[tuple[int, float], ...] = ()

    def of(self, context: PaperContext) -> RegimeConfig:
        """The same for a quick look: few candidates, no repetition."""
        if not context.quick:
            return self
        return replace(self, interval=200, candidates=self.candidates[:2], n_inner=1)


def run_regimes(rows: Rows, config: RegimeConfig) -> Iterator[dict]:
    """All regimes in both modes on one split."""
    yield from _scheduled(rows, config)
    ours = rows if config.sensitive_is_feature else rows.without_sensitive()
    setting = config.candidates[0]
    if len(config.candidates) > 1:
        setting = choose(validated(ours, config.candidates, config.n_inner), config.aim)
    for regime, constraints in REGIMES.items():
        chosen = setting if constraints == ALL else config.single
        parameters = bound(constraints, chosen)
        if regime in ("NN", "FairNN"):
            parameters = network(**parameters)
        weight = chosen.sample_weight(ours) if constraints == ALL else None
        record = _record(ours, regime, "bound", parameters, weight)
        yield record | ({"setting": chosen.__dict__} if constraints else {})


def _scheduled(rows, config) -> Iterator[dict]:
    """The paper's mode."""
    pace = {"interval": config.interval, "increment": config.increment}
    for regime, constraints in REGIMES.items():
        if regime == "NN":
            parameters = network()
        elif regime == "FairNN":
            parameters = scheduled_network(constraints, **pace)
        else:
            parameters = schedule(constraints, **pace)
        yield _record(rows, regime, "schedule", parameters)
    for interval, increment in config.finer_schedules:
        parameters = schedule(ALL, interval=interval, increment=increment)
        label = f"FEAMOE, expert every {interval} rows, {increment:g}"
        yield _record(rows, label, "schedule", parameters)


def _record(rows, regime, mode, parameters, weight=None) -> dict:
    """One fit, measured on the test rows."""
    model, told = timed(fit, rows, sample_weight=weight, **parameters)
    return {
        "method": regime,
        "mode": mode,
        "seed": rows.seed,
        **on_test(of_estimator(model, rows.X_test), rows),
        "experts": model.n_experts_,
        **told,
    }


def regime_tables(frame: pd.DataFrame, published: Published) -> dict[str, pd.DataFrame]:
    """A table per mode."""
    titles = {"schedule": "The paper's mode", "bound": "Our mode"}
    return {
        title: summary(frame[frame["mode"] == mode], published, ("method",), extra=("experts",))
        for mode, title in titles.items()
    }

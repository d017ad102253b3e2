"""a and b. Adult and COMPAS under the paper's seven regimes: which penalties act, on what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks.data import Split, splits
from benchmarks.paper import fitting
from benchmarks.paper.fitting import ALL, Aim, Setting, fitted, network, schedule
from benchmarks.paper.tables import PAGE, draw_measures, summary
from benchmarks.registry import Context, Section, Target, target

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

    data: str
    interval: int
    single: Setting
    candidates: tuple[Setting, ...]
    aim: Aim
    increment: float = 0.02
    n_inner: int = 3
    sensitive_is_feature: bool = True  # in our mode; it always is in the paper's
    finer_schedules: tuple[tuple[int, float], ...] = ()

    @property
    def pace(self) -> dict:
        """Rows per expert, and what a penalty grows by."""
        return {"interval": self.interval, "increment": self.increment}

    def of(self, context: Context) -> RegimeConfig:
        """The same for a quick look: few candidates, no repetition."""
        if not context.quick:
            return self
        return replace(self, interval=200, candidates=self.candidates[:2], n_inner=1)


ADULT = RegimeConfig(
    "adult",
    interval=4000,
    single=Setting(0.05, 0.05, 0.05),
    # bounds and weights that validation rows choose from
    candidates=(
        Setting(0.035, 0.06, 0.05, 0.6),
        Setting(0.035, 0.06, 0.05, 0.65),
        Setting(0.04, 0.06, 0.05, 0.6),
        Setting(0.04, 0.06, 0.05, 0.65),
        Setting(0.04, 0.06, 0.05, 0.7),
        Setting(0.045, 0.06, 0.05, 0.65),
        Setting(0.045, 0.06, 0.05, 0.7),
        Setting(0.05, 0.065, 0.05, 0.75),
        Setting(0.055, 0.07, 0.05, 0.8),
        Setting(0.06, 0.07, 0.05, 0.75),
        Setting(0.06, 0.07, 0.05, 0.8),
        Setting(0.07, 0.07, 0.05, 0.75),
        Setting(0.07, 0.07, 0.05, 0.85),
        Setting(0.08, 0.05, 0.05),
    ),
    # nine tenths of the published row, since the best of several always looks too good
    aim=Aim(0.055, 0.063, 0.08),
    sensitive_is_feature=False,
)
COMPAS = RegimeConfig(
    "compas_with_race",
    interval=500,
    single=Setting(0.02, 0.05, 0.05),
    # 845 test rows measure SPD to .034, so the bounds lie well below the target of .05;
    # chosen by validation rows
    candidates=(Setting(0.03, 0.1, 0.1),),
    aim=Aim(0.05, 0.13, 0.05),
    finer_schedules=((40, 0.002),),
)
ADULT_PUBLISHED = {"NN": (82.02, 0.19, 0.29, 0.29), "FEAMOE": (83.24, 0.06, 0.07, 0.03)}
COMPAS_PUBLISHED = {"FEAMOE, expert every 40 rows, 0.002": (63.77, 0.05, 0.13, 0.05)}


def run(config: RegimeConfig, context: Context) -> Iterator[dict]:
    """All regimes in both modes, seed by seed."""
    config = config.of(context)
    for _, rows in splits([config.data], context):
        yield from _scheduled(rows, config)
        yield from _bounded(rows, config)


def _scheduled(rows: Split, config) -> Iterator[dict]:
    """The paper's mode."""
    for regime, constraints in REGIMES.items():
        if regime == "NN":
            parameters = network()
        elif regime == "FairNN":
            parameters = fitting.scheduled_network(constraints, **config.pace)
        else:
            parameters = schedule(constraints, **config.pace)
        yield fitted(rows, regime, "schedule", parameters)[1]
    for interval, increment in config.finer_schedules:
        parameters = schedule(ALL, interval=interval, increment=increment)
        label = f"FEAMOE, expert every {interval} rows, {increment:g}"
        yield fitted(rows, label, "schedule", parameters)[1]


def _bounded(rows: Split, config) -> Iterator[dict]:
    """Our mode."""
    rows = rows if config.sensitive_is_feature else rows.without_sensitive()
    setting = config.candidates[0]
    if len(config.candidates) > 1:
        judged = fitting.validated(rows, config.candidates, config.n_inner)
        setting = fitting.choose(judged, config.aim)
    for regime, constraints in REGIMES.items():
        chosen = setting if constraints == ALL else config.single
        parameters = fitting.bound(constraints, chosen)
        if regime in ("NN", "FairNN"):
            parameters = network(**parameters)
        weight = chosen.sample_weight(rows) if constraints == ALL else None
        record = fitted(rows, regime, "bound", parameters, weight)[1]
        yield record | ({"setting": vars(chosen)} if constraints else {})


def tables(published, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A table per mode."""
    titles = {"The paper's mode": "schedule", "Our mode": "bound"}
    return {
        title: summary(frame[frame["mode"] == mode], published, ("method",), experts="{:.0f}")
        for title, mode in titles.items()
    }


def draw(published, title: str, frame: pd.DataFrame, file: Path) -> None:
    """The bars of the paper's figure."""
    draw_measures(frame, published, file, title)


def adult_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """All constraints at once against the published row."""
    ours = frame[(frame["mode"] == "bound") & (frame["method"] == "FEAMOE")]
    yield target("Adult, all constraints: accuracy", ours["accuracy"], ">=", 0.8324)
    yield target("Adult, all constraints: SPD", ours["spd"], "<=", 0.06)
    yield target("Adult, all constraints: AOD", ours["aod"], "<=", 0.07)
    plain = frame[(frame["mode"] == "schedule") & (frame["method"] == "NN")]
    share = ours["burden"].to_numpy() / plain["burden"].mean()
    yield target("Adult, all constraints: burden gap as a share of the NN's", share, "<=", 0.2)


def compas_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """All constraints at once against the published row."""
    ours = frame[(frame["mode"] == "bound") & (frame["method"] == "FEAMOE")]
    yield target("COMPAS, all constraints: accuracy", ours["accuracy"], ">=", 0.638)
    yield target("COMPAS, all constraints: SPD", ours["spd"], "<=", 0.05)


SECTIONS = (
    Section("paper_adult_regimes", partial(run, ADULT), partial(tables, ADULT_PUBLISHED),
            adult_targets, partial(draw, ADULT_PUBLISHED, "Adult, seven regimes"), PAGE),
    Section("paper_compas_regimes", partial(run, COMPAS), partial(tables, COMPAS_PUBLISHED),
            compas_targets, partial(draw, COMPAS_PUBLISHED, "COMPAS, seven regimes"), PAGE),
)  # fmt: skip

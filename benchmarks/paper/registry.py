"""What an experiment is, and the way from its name to its module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.bars import Bar
from benchmarks.paper.data import PaperContext

NAMES = (
    "adult_regimes",
    "compas_regimes",
    "number_of_experts",
    "mitigation",
    "new_world",
    "hmda_years",
    "expert_kinds",
    "individual_fairness",
    "explanation_time",
    "decision_plots",
)
"""Experiments, each a module of this package with an ``EXPERIMENT``."""

MODES = ("schedule", "bound")
"""The paper's control and ours."""


@dataclass(frozen=True)
class Experiment:
    """One experiment of the paper.

    ``tables`` turns the records into titled tables with the published numbers beside;
    ``draw`` makes the figure of the paper's form; ``targets`` are held by ``--check``.
    """

    name: str
    run: Callable[[PaperContext], Iterator[dict]]
    tables: Callable[[pd.DataFrame], dict[str, pd.DataFrame]]
    draw: Callable[[pd.DataFrame, Path], None] | None = None
    targets: Callable[[pd.DataFrame], Iterator[Bar]] = field(default=lambda frame: iter(()))

    @property
    def section(self) -> str:
        """Name of the file of results, of the picture and of the place on the page."""
        return f"paper_{self.name}"


def experiment(name: str) -> Experiment:
    """An experiment by its name."""
    return import_module(f"benchmarks.paper.{name}").EXPERIMENT


def target(what: str, values, sense: str, wanted: float) -> Bar:
    """A bar on the mean of one value per seed."""
    values = np.asarray(values, dtype=float)
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    mean = float(values.mean()) if len(values) else float("nan")
    return Bar(what, mean, sense, wanted, spread)

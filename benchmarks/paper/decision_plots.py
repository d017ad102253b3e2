"""j. Decision plots of Shapley values on Adult."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.paper.adult_regimes import CONFIG as ADULT
from benchmarks.paper.data import PaperContext, Rows, load, split
from benchmarks.paper.fitting import ALL, Setting, bound, fit, schedule
from benchmarks.paper.registry import Experiment
from benchmarks.paper.tables import spread

EXPLAINED, PLOTTED = 200, 20
SETTING = Setting(0.06, 0.06, 0.05)
GAMES = {
    "gate_frozen_probability": "Theorem 1, probabilities (gate held)",
    "interventional": "Shapley values of the mixture",
}


def run(context: PaperContext) -> Iterator[dict]:
    """Mean size of every feature's value, how far the theorem is off, and values to plot."""
    task = load("adult", context)
    for seed in context.seeds:
        rows = split(task, seed)
        players = _players(rows, list(task.X.columns))
        config = ADULT.of(context)
        pace = {"interval": config.interval, "increment": config.increment}
        for mode, parameters in (
            ("schedule", schedule(ALL, **pace)),
            ("bound", bound(ALL, SETTING)),
        ):
            yield from _explained(fit(rows, **parameters), rows, players, mode, task.sensitive)


def _players(rows: Rows, columns) -> dict[str, list[int]]:
    """Encoded columns of every original column with more than one of them."""
    found: dict[str, list[int]] = {}
    for j, name in enumerate(rows.names):
        owners = [c for c in columns if name == c or name.startswith(f"{c}_")]
        found.setdefault(max(owners, key=len, default=name), []).append(j)
    return found


def _explained(model, rows, players, mode, sensitive) -> Iterator[dict]:
    """A record per game."""
    X = rows.X_test[: 20 if rows.X_test.shape[0] < 500 else EXPLAINED]
    found = {
        game: model.explain(X, game=game, feature_groups=players, random_state=0)
        for game in GAMES
    }
    exact = found["interventional"].values
    for game, explanation in found.items():
        values = explanation.values
        size = np.abs(values).mean(axis=0)
        names = [str(name) for name in explanation.feature_names]
        record = {
            "method": game,
            "mode": mode,
            "seed": rows.seed,
            "error": float(np.linalg.norm(values - exact) / np.linalg.norm(exact)),
            "wrong_sign": float((values * exact < 0).mean()),
            "of_sensitive": float(size[names.index(sensitive)] / size.sum()),
            "largest": names[int(size.argmax())],
        }
        if rows.seed == 0:
            base = np.broadcast_to(explanation.base_values, len(X))
            record |= {
                "names": names,
                "values": values[:PLOTTED].round(5).tolist(),
                "base_values": base[:PLOTTED].round(5).tolist(),
            }
        yield record


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """How far Theorem 1 is from the Shapley values of the mixture."""
    rows = []
    for (mode, game), group in frame.groupby(["mode", "method"], sort=False):
        rows.append(
            {
                "mode": mode,
                "values": GAMES[game],
                "relative difference (L2)": spread(group["error"]),
                "share of other sign": spread(group["wrong_sign"]),
                "share of sex": spread(group["of_sensitive"]),
                "largest": group["largest"].mode().iloc[0],
                "seeds": str(group["seed"].nunique()),
            }
        )
    return {"Theorem 1 beside the Shapley values of the mixture": pd.DataFrame(rows)}


def draw(frame: pd.DataFrame, file: Path) -> None:
    """The decision plots of both games and modes, seed 0."""
    import shap

    from skfeamoe.inspection import decision_plot

    first = frame[frame["seed"] == 0]
    figure, axes = plt.subplots(2, 2, figsize=(13, 11))
    for ax, (_, record) in zip(axes.flat, first.iterrows(), strict=True):
        explanation = shap.Explanation(
            values=np.array(record["values"]),
            base_values=np.array(record["base_values"]),
            feature_names=record["names"],
        )
        decision_plot(explanation, ax=ax, auto_size_plot=False, show=False)
        mode = {"schedule": "the paper's mode", "bound": "our mode"}[record["mode"]]
        ax.set_title(f"{GAMES[record['method']]}, {mode}", fontsize=10)
        ax.set_xlabel("probability of an income above 50,000 dollars")
    figure.set_layout_engine("constrained")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=100)
    plt.close(figure)


EXPERIMENT = Experiment("decision_plots", run, tables, draw)

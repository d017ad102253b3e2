"""Bootstrap intervals of group rates and gaps, from counts.

Drawing n rows with replacement from n rows is drawing their cells (truth x decision) from a
multinomial with the observed shares: the bootstrap of Efron needs no rows, and costs the same
for a thousand of them and for a billion. Every group is drawn with its own size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._tally import group_gaps, group_rates

N_DRAWS = 2000
LEVEL = 0.95

RATES = ("base_rate", "selection_rate", "true_positive_rate", "false_positive_rate")


def bootstrap_view(
    view: dict[str, Any], min_group_size: int, seed: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """95 % intervals of the groups' rates, (n_groups, 2) each, and of the gaps, (2,) each.

    Percentile intervals (Efron and Tibshirani 1993, chapter 13). Burden is left out: it is a
    mean of distances, of which only the sum is kept.
    """
    rng = np.random.default_rng(seed)
    cells = np.asarray(view["cells"], dtype=float)
    n_groups = len(cells)
    if not n_groups:
        return {name: np.empty((0, 2)) for name in RATES}, {}
    size = np.rint(np.asarray(view["counts"]).sum(axis=(1, 2))).astype(int)
    flat = cells.reshape(n_groups, 4)
    total = flat.sum(axis=1, keepdims=True)
    share = np.divide(flat, total, out=np.full_like(flat, 0.25), where=total > 0)
    drawn = np.stack(
        [rng.multinomial(n, p, N_DRAWS) for n, p in zip(size, share, strict=True)], axis=1
    ).reshape(N_DRAWS, n_groups, 2, 2)
    distance = np.zeros(n_groups)
    rates: dict[str, list] = {name: [] for name in RATES}
    gaps: dict[str, list] = {}
    for counts in drawn.astype(float):
        tally = {"cells": counts, "counts": counts, "distance": distance}
        found = group_rates(tally)
        for name in RATES:
            rates[name].append(found[name])
        for name, gap in group_gaps(tally, min_group_size).items():
            gaps.setdefault(name, []).append(gap)
    gaps.pop("burden_difference", None)
    return (
        {name: _ends(np.array(values)) for name, values in rates.items()},
        {name: _ends(np.array(values)[:, None])[0] for name, values in gaps.items()},
    )


def _ends(values: np.ndarray) -> np.ndarray:
    """Ends of percentile intervals of columns, (n_columns, 2); nan where nothing is known."""
    ends = np.full((values.shape[1], 2), np.nan)
    for column, draws in enumerate(values.T):
        known = draws[~np.isnan(draws)]
        if len(known):
            ends[column] = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ends

r"""Shape functions: what every column adds to the scores of gate and experts.

Scores of additive experts are sums over columns, :math:`s_k(x) = b_k + \sum_j f_{kj}(x_j)`;
the functions :math:`f_{kj}` are read off at the points where the terms of column j are free.
They are centered: their mean over the background rows is 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skfeamoe._terms import ColumnTerms

ShapeTable = dict[str, Any]
"""One column's points and what it adds there; see `shape_tables`."""


def shape_tables(
    terms: ColumnTerms,
    names: Sequence[str],
    label: Callable[[int, float], str],
    gate: NDArray,
    experts: NDArray,
    rows: NDArray,
    weight: NDArray,
) -> dict[str, ShapeTable]:
    """Shape functions of all columns, by name.

    ``gate`` and ``experts`` are weights of the terms, (n_experts, n_terms) and (n_experts,
    n_outputs, n_terms); ``rows`` and ``weight`` the background, ``label`` the user's word for
    a value of a column. Every table has, for the points of its column, ``"value"`` (a code
    for a category), ``"label"``, ``"kind"`` (see `ColumnTerms.points`), ``"effect"`` of shape
    (n_experts, n_outputs, n_points), in log-odds, and ``"gate"`` of shape (n_experts,
    n_points), relative to the mean of the experts.
    """
    owner, seen = terms.owner, terms.transform(rows) if len(rows) else None
    gate = gate - gate.mean(axis=0)
    tables: dict[str, ShapeTable] = {}
    for j, name in enumerate(names):
        values, kinds = terms.points(j)
        own = owner == j
        probe = np.full((len(values), terms.n_inputs), np.nan)
        probe[:, j] = values
        Z = terms.transform(probe)[:, own]
        center = Z.mean(axis=0)
        if seen is not None:
            center = np.average(seen[:, own], axis=0, weights=weight)
        tables[name] = {
            "value": values,
            "label": [label(j, value) for value in values],
            "kind": kinds,
            "effect": np.moveaxis(
                (Z - center) @ np.moveaxis(experts[..., own], -1, -2), -2, -1
            ),
            "gate": ((Z - center) @ gate[:, own].T).T,
        }
    return tables

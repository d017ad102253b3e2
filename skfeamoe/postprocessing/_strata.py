"""What the second model predicts: a person's group, or group and label together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skfeamoe._groups import SEPARATOR

LABEL_NAMES = ("unfavorable", "favorable")


def strata_names(groups: Sequence[str], with_labels: bool) -> NDArray:
    """Names of the strata, (n_groups,) or (2 * n_groups,), labels changing fastest."""
    if not with_labels:
        return np.array(list(groups), dtype=object)
    pairs = [f"{group}{SEPARATOR}{label}" for group in groups for label in LABEL_NAMES]
    return np.array(pairs, dtype=object)


def strata_of_rows(
    names: NDArray, groups: NDArray, favored: NDArray, with_labels: bool
) -> NDArray:
    """Name of the stratum of every row; the groups of all rows must be known."""
    codes = 2 * groups + favored if with_labels else groups
    return names[codes].astype(str)


def check_strata(known, names: NDArray) -> None:
    """Refuse a second model that predicts something else than the strata."""
    known = {str(label) for label in known}
    foreign = sorted(known.difference(names))
    if foreign:
        raise ValueError(
            f"group_estimator must predict the strata {list(names)}, but its classes are "
            f"{sorted(known)}; fit it on these names, or leave it unfitted"
        )


def stratum_proba(model, X, names: NDArray, n_groups: int) -> NDArray:
    """P(stratum | x), (n_samples, n_groups, 1 or 2), zero for strata the model never saw."""
    found = model.predict_proba(X)
    column_of = {str(label): j for j, label in enumerate(model.classes_)}
    proba = np.zeros((len(found), len(names)))
    for s, name in enumerate(names):
        if name in column_of:
            proba[:, s] = found[:, column_of[name]]
    proba /= np.maximum(proba.sum(axis=1, keepdims=True), 1e-12)
    return proba.reshape(len(found), n_groups, -1)


def favorable_proba(model, X, favorable_label) -> NDArray:
    """P(favorable | x), (n_samples,)."""
    column = np.flatnonzero(np.asarray(model.classes_) == favorable_label)
    if len(column) != 1:
        raise ValueError(
            f"the estimator must know the favorable label {favorable_label!r}, but its "
            f"classes are {list(model.classes_)}"
        )
    return np.asarray(model.predict_proba(X), dtype=np.float64)[:, column[0]]

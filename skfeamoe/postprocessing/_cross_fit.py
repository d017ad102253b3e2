"""Scores of rows by models that have not learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit, check_cv

from skfeamoe._sklearn import _safe_indexing
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._strata import (
    check_strata,
    favorable_proba,
    strata_names,
    strata_of_rows,
    stratum_proba,
)

DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Data:
    """Checked rows, what is known of them, and what goes to the models' fit."""

    X: Any
    y: NDArray  # labels as given; any of the classes where there is none
    known: NDArray  # (n_samples,) bool, there is a label
    classes: NDArray  # (2,)
    favored: NDArray  # (n_samples,) bool
    groups: NDArray  # (n_samples,) codes, -1 = unknown
    group_labels: list[str]
    weight: NDArray  # as people
    label_weight: NDArray  # as labels, 0 = unknown
    favorable_label: Any
    with_labels: bool  # whether the strata are groups and labels
    params: Mapping[str, Any]  # for the estimator's fit
    group_params: Mapping[str, Any]  # for the group estimator's fit
    split_params: Mapping[str, Any]  # for the splitter
    late: bool = False  # whether these people have been met before their labels
    sensitive_names: list | None = None  # of the columns that groups are made of

    @property
    def names(self) -> NDArray:
        """Names of the strata."""
        return strata_names(self.group_labels, self.with_labels)


def splits(data: Data, cv, random_state) -> list[tuple[NDArray, NDArray]]:
    """Training and held-out rows of every fold.

    Folds are alike in labels and groups as far as the numbers allow.
    """
    if cv is None:
        cv = DEFAULT_FOLDS
    cells = 2 * (data.groups + 1) + data.favored
    everyone = np.zeros(len(cells))
    if isinstance(cv, Real) and not isinstance(cv, Integral):
        part = StratifiedShuffleSplit(n_splits=1, test_size=cv, random_state=random_state)
        return list(part.split(everyone, _merged(cells, 2)))
    if isinstance(cv, Integral):
        n_folds = int(cv)
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
        labels = data.favored[data.known].astype(int)
        smallest = np.bincount(labels, minlength=2).min()
        if smallest < n_folds:
            raise ValueError(
                f"cv={n_folds} folds need {n_folds} rows of each class, got {smallest}; "
                "use fewer folds or a share of the rows, for instance cv=0.3"
            )
        return list(folds.split(everyone, _merged(cells, n_folds)))
    return list(
        check_cv(cv, data.y, classifier=True).split(data.X, data.y, **data.split_params)
    )


def _merged(cells: NDArray, smallest: int) -> NDArray:
    """Cells of too few rows merged with the largest cell of their label."""
    counts = np.bincount(cells)
    label = np.arange(len(counts)) % 2
    largest = np.array([np.argmax(np.where(label == y, counts, -1)) for y in (0, 1)])
    return np.where(counts[cells] < smallest, largest[cells % 2], cells)


@dataclass(frozen=True)
class Fitted:
    """Two models, and their scores of rows that they have not learned from."""

    estimator: Any
    group_estimator: Any  # None if no groups are compared
    held: HeldOut


def cross_fit(estimator, group_estimator, data: Data, folds, prefit, n_jobs=None) -> Fitted:
    """Fit on the folds for held-out scores, and on all rows for the models that decide.

    With a single fold its models decide. With ``prefit`` the estimator is taken as it is.
    """
    jobs = (delayed(_scored)(estimator, group_estimator, data, *f, prefit) for f in folds)
    parts = Parallel(n_jobs=n_jobs)(jobs)
    rows = np.concatenate([test for _, test in folds])
    held = HeldOut(
        eta=np.concatenate([eta for _, _, eta, _ in parts]),
        pi=np.concatenate([pi for _, _, _, pi in parts]),
        groups=data.groups[rows],
        favored=data.favored[rows],
        weight=data.weight[rows],
        label_weight=data.label_weight[rows],
    )
    if len(folds) == 1:
        return Fitted(parts[0][0], parts[0][1], held)
    everyone = np.arange(len(data.y))
    first, second = _fitted(estimator, group_estimator, data, everyone, prefit)
    return Fitted(first, second, held)


def _fitted(estimator, group_estimator, data: Data, train: NDArray, prefit: bool):
    """Both models, fitted on some rows."""
    if not prefit:
        estimator = fit_estimator(clone(estimator), data, train)
    if group_estimator is not None:
        group_estimator = fit_group_estimator(clone(group_estimator), data, train)
    return estimator, group_estimator


def _scored(estimator, group_estimator, data: Data, train, test, prefit: bool):
    """Both models and their probabilities of the held-out rows of one fold."""
    X_test = _safe_indexing(data.X, test)
    first, second = _fitted(estimator, group_estimator, data, train, prefit)
    eta = favorable_proba(first, X_test, data.favorable_label)
    if second is None:
        return first, second, eta, np.ones((len(test), 1, 1))
    pi = stratum_proba(second, X_test, data.names, len(data.group_labels))
    return first, second, eta, pi


def fit_estimator(model, data: Data, rows: NDArray):
    """The first model, fitted on those of the rows that have a label."""
    rows = rows[data.known[rows]]
    X, y = _safe_indexing(data.X, rows), _safe_indexing(data.y, rows)
    return model.fit(X, y, **rows_of_params(data.params, rows, len(data.y)))


def fit_group_estimator(model, data: Data, rows: NDArray):
    """The second model, fitted on those of the rows whose group is known."""
    X, target, params = group_rows(data, rows)
    model = model.fit(X, target, **params)
    check_strata(model.classes_, data.names)
    return model


def group_rows(data: Data, rows: NDArray):
    """What the second model learns: rows of known strata, these, and parameters.

    People whose label comes late were met before, and are not shown again where no label is
    asked for.
    """
    taught = data.groups >= 0
    taught &= data.known if data.with_labels else not data.late
    rows = rows[taught[rows]]
    codes = data.groups[rows]
    target = strata_of_rows(data.names, codes, data.favored[rows], data.with_labels)
    params = rows_of_params(data.group_params, rows, len(data.y))
    return _safe_indexing(data.X, rows), target, params


def rows_of_params(params: Mapping[str, Any], rows: NDArray, n_samples: int) -> dict:
    """Fit parameters with those that have an entry per row cut to some rows."""
    return {
        name: _safe_indexing(value, rows) if _is_per_row(value, n_samples) else value
        for name, value in params.items()
    }


def _is_per_row(value, n_samples: int) -> bool:
    """Whether a fit parameter has one entry per row."""
    if isinstance(value, str) or not (hasattr(value, "__len__") or hasattr(value, "shape")):
        return False
    length = value.shape[0] if hasattr(value, "shape") else len(value)
    return length == n_samples

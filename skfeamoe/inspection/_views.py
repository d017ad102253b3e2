"""What the displays read from estimators and explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skfeamoe._feature_groups import onehot_players


class View(NamedTuple):
    """An explanation of one output."""

    values: NDArray  # (n_samples, n_players)
    base_values: NDArray  # (n_samples,)
    error_std: NDArray  # (n_samples, n_players), 0 where exact
    names: list[str]
    cells: NDArray | None  # (n_samples, n_players), what to show as the players' values


def class_position(estimator, label) -> int:
    """Code of the class that a picture is about; the favorable one by default."""
    if label is None:
        label = estimator.favorable_label
        if label is None:
            return len(estimator.classes_) - 1
    found = np.flatnonzero(estimator.classes_ == label)
    if len(found) != 1:
        raise ValueError(
            f"label must be one of the classes {estimator.classes_.tolist()}, got {label!r}"
        )
    return int(found[0])


def view_of_class(explanation, position: int, output: str = "probability") -> View:
    """The explanation of one class, turned around for the first of two classes."""
    values, base, error = explanation.values, explanation.base_values, explanation.error_std
    error = np.zeros_like(values) if error is None else error
    if values.ndim == 3:
        values, base, error = values[:, :, position], base[:, position], error[:, :, position]
    elif position == 0:
        values, base = -values, (1.0 - base if output == "probability" else -base)
    return View(values, base, error, list(explanation.feature_names), _cells(explanation))


def view_of_output(explanation) -> View:
    """The explanation of rows for one output, checked."""
    values = np.asarray(explanation.values)
    if values.ndim != 2:
        raise ValueError(
            "explanation must be of several rows and one output, got values of shape "
            f"{values.shape}; choose a class with explanation[:, :, k]"
        )
    error = explanation.error_std
    return View(
        values,
        np.broadcast_to(np.asarray(explanation.base_values, dtype=float), len(values)),
        np.zeros_like(values) if error is None else np.asarray(error),
        list(explanation.feature_names),
        _cells(explanation),
    )


def mean_gate_proba(estimator, background) -> NDArray:
    """Mean gate weights over a background, (n_experts,)."""
    if background is not None:
        return estimator.gate_proba(background).mean(axis=0)
    gate = estimator._forward_pass()(estimator.background_).gate_proba
    return np.average(gate, axis=0, weights=estimator.background_weight_)


def _cells(explanation):
    """What to show as values of the players."""
    shown = explanation.display_data
    return explanation.data if shown is None else shown


def onehot_groups(feature_names: Sequence[str], X) -> dict[str, list[int]]:
    """Feature groups of one-hot columns, for data without column names.

    Parameters
    ----------
    feature_names : sequence of str
        Names of the columns, as `get_feature_names_out` of an encoder gives them.

    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Encoded rows that show which columns exclude each other: the training data, or a
        sample of them.

    Returns
    -------
    groups : dict of str to list of int
        All players with the numbers of their columns: one for every column and every group
        of one-hot columns, in their order. A value for `feature_groups` of
        :meth:`~skfeamoe.FEAMOEClassifier.explain`.

    Raises
    ------
    ValueError
        If the data leave a doubt about which columns belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from skfeamoe.inspection import onehot_groups
    >>> X = np.array([[40.0, 1, 0, 0, 1], [50.0, 0, 1, 0, 1], [60.0, 1, 0, 1, 0]])
    >>> onehot_groups(["age", "sex_f", "sex_m", "job_type_a", "job_type_b"], X)
    {'age': [0], 'sex': [1, 2], 'job_type': [3, 4]}
    """
    if X.shape[1] != len(feature_names):
        raise ValueError(
            f"feature_names must name the {X.shape[1]} columns of X, got "
            f"{len(feature_names)} names"
        )
    players = onehot_players(list(feature_names), X)
    pairs = zip(players.names, players.columns, strict=True)
    return {name: columns.tolist() for name, columns in pairs}

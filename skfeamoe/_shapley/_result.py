"""What an explanation returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Attribution(NamedTuple):
    """Shapley values of n rows for M players and n_outputs outputs, with what they rest on.

    Parameters
    ----------
    values : ndarray of shape (n, M, n_outputs)
        The Shapley values; with `base_values` they sum to the explained output.
    base_values : ndarray of shape (n, n_outputs)
        The value of the empty coalition.
    error_std : ndarray of shape (n, M, n_outputs) or None
        Standard error of `values`; 0 in rows that are exact, None where all rows are.
    exact : ndarray of bool, shape (n,)
        Which rows are exact.
    n_evals : ndarray of int, shape (n,)
        Coalitions that were evaluated, counted once per background row.
    expert_values, routing_values : ndarray of shape (n, M, n_outputs) or None
        The two parts of `values` when they were asked for; they sum to `values`.
    expert_error_std, routing_error_std : ndarray of shape (n, M, n_outputs) or None
        The standard errors of the two parts.
    """

    values: np.ndarray
    base_values: np.ndarray
    error_std: np.ndarray | None
    exact: np.ndarray
    n_evals: np.ndarray
    expert_values: np.ndarray | None = None
    routing_values: np.ndarray | None = None
    expert_error_std: np.ndarray | None = None
    routing_error_std: np.ndarray | None = None

"""What a classifier tells while it learns: callbacks of its passes, and warnings."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from skfeamoe._parameters import constraint_names, limits
from skfeamoe._terms import ColumnTerms, LinearTerms
from skfeamoe._training.model import Model
from skfeamoe._validation import feature_columns
from skfeamoe.exceptions import FairnessWarning


class PassCallbacks:
    """scikit-learn's callbacks around a `fit` and each of its passes."""

    def __init__(self, estimator, n_passes: int, X, y, sample_weight) -> None:
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.n_passes = n_passes
        self.whole = estimator._init_callback_context(max_subtasks=n_passes)
        self.whole.call_on_fit_task_begin(**self.given)
        self._begin_pass()

    def _begin_pass(self) -> None:
        """Tell that a pass begins."""
        self.one = self.whole.subcontext(task_name="pass")
        self.one.call_on_fit_task_begin(**self.given)

    def after_pass(self, n_made: int, snapshot: Callable[[], dict]) -> bool:
        """Tell that a pass is done; whether it was the last, or a callback says stop."""
        stop = self.one.call_on_fit_task_end(**self.given, reconstruction_attributes=snapshot)
        if stop or n_made == self.n_passes:
            return True
        self._begin_pass()
        return False

    def end(self, snapshot: Callable[[], dict]) -> None:
        """Tell that the fit is done."""
        self.whole.call_on_fit_task_end(**self.given, reconstruction_attributes=snapshot)


def warn_if_inactive(estimator, model: Model) -> bool:
    """Say that constraints were asked for and cannot act; whether there was need to."""
    names = constraint_names(estimator)
    reason = _why_inactive(estimator, model) if names else ""
    if reason:
        warnings.warn(
            f"constraints={list(names)} are inactive: {reason}, or set constraints=None",
            FairnessWarning,
            stacklevel=3,
        )
    return bool(reason)


def _why_inactive(estimator, model: Model) -> str:
    """What keeps constraints from acting, and the remedy; empty if nothing does."""
    if len(model.groups) < 2:
        seen = f"only the group {model.groups[0]!r}" if model.groups else "no group"
        return (
            f"{seen} has been seen. Pass sensitive_features with at least two groups, or "
            "name sensitive_columns of X"
        )
    scheduled = estimator.control == "schedule" and model.clock.n_added == 0
    if scheduled and estimator.growth != "interval":
        return (
            f'control="schedule" starts with the first added expert, and growth='
            f'{estimator.growth!r} has added none. Use growth="interval" or control="bound"'
        )
    return ""


def warn_of_far_values(estimator, model: Model, told: list[int]) -> list[int]:
    """Say where values lie far beyond the data, once for each feature; the features told."""
    terms, columns = model.terms, None
    numbers: Any = terms
    if isinstance(terms, ColumnTerms):
        numbers, columns = terms.numbers, terms.number
    elif not isinstance(terms, LinearTerms):
        return told
    if not numbers.n_far.any():
        return told
    far = [int(j) for j in np.flatnonzero(numbers.n_far) if int(j) not in told]
    if far:
        names = feature_columns(estimator)[1]
        low, high = numbers.bounds
        found = [
            f"{names[j if columns is None else columns[j]]!r}: {numbers.n_far[j]} beyond "
            f"[{low[j]:.6g}, {high[j]:.6g}], such as {numbers.farthest[j]:.6g}"
            for j in far
        ]
        warnings.warn(
            "values of X lie far beyond those that the model has seen and count as its "
            "bounds: " + "; ".join(found) + ". Look for errors of entry, or for other units",
            UserWarning,
            stacklevel=3,
        )
    return [*told, *far]


def warn_if_unmet(estimator, model: Model) -> None:
    """Name the bounds that the fitted model does not meet."""
    if estimator.control != "bound" or model.audit is None:
        return
    bounds, errors = limits(estimator), model.audit.errors
    unmet = [
        f"{name} {gap:.3f} > {bounds[name]:g}"
        for name, gap in model.audit.gaps.items()
        if gap > bounds[name] + errors[name]
    ]
    if unmet:
        warnings.warn(
            "difference_bound is not met on the training data: "
            + ", ".join(unmet)
            + ". Bounds may conflict with each other or with what the features allow; "
            "relax one, or raise max_iter",
            FairnessWarning,
            stacklevel=3,
        )


def warn_if_shuffled(estimator) -> None:
    """Say that `fit` shuffles its rows, where change over time was asked for."""
    if estimator.growth == "drift":
        warnings.warn(
            'growth="drift" sees nothing in fit, which shuffles the rows; stream them in '
            'their order with partial_fit, or use growth="interval"',
            UserWarning,
            stacklevel=3,
        )

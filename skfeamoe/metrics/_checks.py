"""Rows that measures are given: labels and numbers, or an error that names what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skfeamoe._frames import numbers_or_text


def as_labels(name: str, values: Any, *, mark: Any = 0, many: bool = False) -> NDArray:
    """Labels of rows, (n_samples,), or with ``many`` (n_samples, n_columns), without holes.

    ``mark`` is a label that stands for none; None and NaN are labels if it is one of them.
    """
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1 and not many:
        found = found[:, 0]
    if found.ndim != 1 and not (many and found.ndim == 2):
        raise ValueError(f"{name} must have one label per row, got an array of {found.shape}")
    if found.dtype.kind not in "biufOUST":
        raise ValueError(
            f"{name} must hold labels, numbers or text, got {found.dtype}; decode them first"
        )
    if found.dtype.kind in "fO" and not pd.isna(mark):
        bad = pd.isna(found) if found.dtype.kind == "O" else ~np.isfinite(found)
        if np.any(bad):
            row = int(np.argwhere(bad)[0][0])
            raise ValueError(
                f"{name} must have a label in every row, got {found[row]!r} in row {row}; "
                "leave out rows without one"
            )
    return found


def label_pair(y_true: Any, y_pred: Any) -> tuple[NDArray, NDArray]:
    """True and predicted labels of one kind; objects as the numbers, or text, that they are."""
    true = numbers_or_text(as_labels("y_true", y_true))
    predicted = numbers_or_text(as_labels("y_pred", y_pred))
    check_one_kind(y_true=true, y_pred=predicted)
    return true, predicted


def check_pos_label(name: str, labels: NDArray, pos_label: Any) -> None:
    """Refuse a number among text labels and text among numbers: it would match nothing."""
    if labels.size and is_text(labels) != isinstance(pos_label, str):
        raise ValueError(
            f"pos_label must be one of the labels, got {pos_label!r} where {name} looks like "
            f"{labels.ravel()[0]!r}; pass the favorable label as pos_label"
        )


def check_one_kind(**labels: NDArray) -> None:
    """Refuse labels of which some are text and others numbers: none would be alike."""
    kinds = {name: is_text(found) for name, found in labels.items() if found.size}
    if len(set(kinds.values())) > 1:
        looks = (f"{name} looks like {labels[name].ravel()[0]!r}" for name in kinds)
        raise ValueError(
            f"{' and '.join(kinds)} must hold labels of one kind, but {', '.join(looks)}; "
            "bring them to text or to numbers"
        )


def is_text(labels: NDArray) -> bool:
    """Whether all labels are text."""
    return labels.dtype.kind in "UST" or (
        labels.dtype == object and all(isinstance(label, str) for label in labels.ravel())
    )


def as_weights(sample_weight: Any, n_samples: int) -> NDArray:
    """Weights of rows, (n_samples,), ones for None; numbers from 0 on."""
    if sample_weight is None:
        return np.ones(n_samples)
    found = np.asarray(sample_weight)
    column = found.ndim == 2 and found.shape[1] == 1
    weight = as_numbers("sample_weight", found[:, 0] if column else found)
    if len(weight) != n_samples:
        raise ValueError(
            f"sample_weight must have one number per row, got {len(weight)} for "
            f"{n_samples} rows"
        )
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise ValueError(
            f"sample_weight must not be negative, got {weight[row]} in row {row}; leave out "
            "rows that should not count, or give them weight 0"
        )
    return weight


def weighted_mean(values: Any, weight: NDArray) -> float:
    """Mean of rows by their weights; nan without weight."""
    total = weight.sum()
    return float(weight @ np.asarray(values, dtype=float) / total) if total > 0 else np.nan


def check_column_order(name: str, given: Any, frame: Any) -> None:
    """Refuse named columns, or a named row, that are not in the order of a frame's."""
    names = getattr(given, "columns", getattr(given, "index", None))
    if not isinstance(names, (list, pd.Index)) or not hasattr(frame, "columns"):
        return
    ours, theirs = list(frame.columns), list(names)
    if ours != theirs and any(isinstance(column, str) for column in theirs):
        raise ValueError(
            f"{name} must have the columns of X in their order, {ours}, got {theirs}; pass "
            f"{name} in that order"
        )


def refuse_nobody_known(unknown) -> None:
    """Refuse groups of which none is known: nothing is compared, which is not equal."""
    if len(unknown) and np.all(unknown):
        raise ValueError(
            "sensitive_features must tell the group of some rows, got missing values only"
        )


def refuse_unknown_groups(unknown) -> None:
    """Refuse rows whose group is not known, (n_samples,) bool: no gap can count them."""
    if n_unknown := int(np.sum(unknown)):
        raise ValueError(
            f"sensitive_features has missing values in {n_unknown} rows; leave these rows out, "
            "or give them a group of their own"
        )


def no_dates(name: str, values: Any) -> None:
    """Refuse dates, which would become numbers unasked."""
    kind = getattr(values, "dtype", None)
    if isinstance(kind, np.dtype) and kind.kind in "mM":
        raise ValueError(f"{name} must hold numbers, got dates or times ({kind})")


def as_numbers(name: str, values: Any, *, finite: bool = True) -> NDArray:
    """Numbers of rows, (n_samples,)."""
    found = np.asarray(values)
    if found.dtype.kind in "cMmUS" or found.ndim != 1:
        raise ValueError(
            f"{name} must have one number per row, got {found.dtype} of shape {found.shape}"
        )
    numbers = found.astype(np.float64)
    if finite and not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise ValueError(
            f"{name} must be finite, got {numbers[row]} in row {row}; leave such rows out"
        )
    return numbers

"""What a prequential run is given, checked before the first row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skfeamoe._frames import refuse_lazy
from skfeamoe._groups import is_missing

from ._batches import StreamBatch
from ._river import is_river

DELAY_UNITS = ("batches", "rows", "time")
SPANS = "; a year is 1 for a column of years, np.timedelta64(365, 'D') for dates"


def named_models(estimator) -> dict[str, Any]:
    """Models by name."""
    models = (
        dict(estimator)
        if isinstance(estimator, Mapping)
        else {type(estimator).__name__: estimator}
    )
    if not models or not all(isinstance(name, str) for name in models):
        raise ValueError(
            "estimator must be a classifier or a mapping of names to classifiers, got "
            f"{estimator!r}"
        )
    for name, model in models.items():
        if not hasattr(model, "predict") and not is_river(model):
            raise ValueError(
                f"estimator {name!r} must have predict, got {type(model).__name__}"
            )
    return models


def check_train_names(train, models: Mapping[str, Any]) -> None:
    """A name in `train` without a model is a spelling mistake."""
    unknown = sorted(set(train) - set(models)) if isinstance(train, Mapping) else []
    if unknown:
        raise ValueError(f"train names {unknown}, but the models are {sorted(models)}")


def check_numbers(window, fading_factor, evaluate_every, group_size, pretrain_rows) -> None:
    """Ranges of the numeric parameters."""

    def whole(value, least):
        return isinstance(value, (int, np.integer)) and value >= least

    if window is not None and not whole(window, 1):
        raise ValueError(f"window must be a number of rows from 1, or None, got {window!r}")
    if fading_factor is not None and not 0 < fading_factor < 1:
        raise ValueError(
            f"fading_factor must be in (0, 1), or None, got {fading_factor!r}; 0.999 "
            "remembers about 1000 rows"
        )
    if evaluate_every != "auto" and not whole(evaluate_every, 1):
        raise ValueError(
            f"evaluate_every must be 'auto' or a number of rows, got {evaluate_every!r}"
        )
    if not whole(pretrain_rows, 0):
        raise ValueError(
            f"pretrain_rows must be a number of rows from 0, got {pretrain_rows!r}"
        )
    if not whole(group_size, 1):
        raise ValueError(f"min_group_size must be a number of rows from 1, got {group_size!r}")


def check_delay(label_delay: Any, delay_unit: str) -> None:
    """How late labels come: a number of batches or rows, or a span of time."""
    if delay_unit not in DELAY_UNITS:
        raise ValueError(f"delay_unit must be one of {list(DELAY_UNITS)}, got {delay_unit!r}")
    if delay_unit == "time":
        try:
            one = np.ndim(label_delay) == 0 and not isinstance(label_delay, str)
            fine = one and bool(label_delay >= label_delay * 0)
        except TypeError:
            fine = False
        example = SPANS
    else:
        fine = isinstance(label_delay, (int, np.integer)) and bool(label_delay >= 0)
        example = ""
    if not fine:
        what = "span of time" if delay_unit == "time" else f"number of {delay_unit}"
        raise ValueError(f"label_delay must be a {what} from 0, got {label_delay!r}{example}")


def check_time(time: Any, label_delay: Any) -> None:
    """Whether the time of a batch tells if labels are due: that of its last row decides."""
    if time is None:
        raise ValueError(
            'delay_unit="time" needs the time of every batch; give StreamBatch.time'
        )
    last = np.asarray(time)[-1]
    if is_missing(last):
        raise ValueError(
            'delay_unit="time" needs the time of the last row of every batch, got none; leave '
            'rows without a time out, or take delay_unit="rows"'
        )
    try:
        span = last - last
        bool(span >= label_delay)
        # numpy takes a number for so many microseconds, and days for so many of anything
        fine = _is_number(span) == _is_number(label_delay) or label_delay == 0
    except TypeError:
        fine = False
    if not fine:
        raise ValueError(
            f"label_delay must be a span of the batches' times, got {label_delay!r} for times "
            f"such as {last!r}{SPANS}"
        )


def _is_number(span: Any) -> bool:
    """Whether a span of time is a plain number."""
    return np.asarray(span).dtype.kind in "iuf"


def check_labels(labels: Any, exploration: Any, random_state: Any) -> None:
    """Whose outcomes are seen, and how many of the refused are granted by lot."""
    if labels not in ("all", "granted"):
        raise ValueError(f"labels must be 'all' or 'granted', got {labels!r}")
    number = isinstance(exploration, (int, float, np.number)) and exploration is not True
    if not number or not 0 <= exploration < 1:
        raise ValueError(
            f"exploration must be in [0, 1), got {exploration!r}; 0.05 grants one in twenty of "
            "those whom a model refuses"
        )
    if not isinstance(random_state, (int, np.integer)) or random_state < 0:
        raise ValueError(f"random_state must be a whole number from 0, got {random_state!r}")


def check_lengths(batch: StreamBatch) -> None:
    """All parts of a batch must have as many rows as `y`, and weights be weights."""
    for name in ("X", "sensitive_features", "sample_weight", "time", "person"):
        part = getattr(batch, name)
        if part is None:
            continue
        refuse_lazy(part, name)
        if not hasattr(part, "shape") and not hasattr(part, "__len__"):
            raise ValueError(f"{name} must have one entry per row, got {part!r}")
        rows = part.shape[0] if hasattr(part, "shape") else len(part)
        if rows != len(batch):
            raise ValueError(f"{name} has {rows} rows, but y has {len(batch)}")
    check_weights(batch.sample_weight)


def labels_of_rows(name: str, labels: Any) -> np.ndarray:
    """Labels of rows, none of them infinite or complex."""
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind == "c":
        raise ValueError(
            f"{name} must have one label per row, got {found.dtype} of shape {found.shape}"
        )
    if found.dtype.kind == "f" and np.isinf(found).any():
        raise ValueError(f"{name} holds infinity, which is no label")
    return found


def decisions_of_rows(decisions: Any) -> np.ndarray:
    """Decisions of rows, one in each."""
    found = labels_of_rows("y_pred", decisions)
    none = np.flatnonzero(
        [is_missing(label) for label in found] if found.dtype == object else found != found
    )
    if len(none):
        raise ValueError(
            "y_pred must hold a decision in every row, got "
            f"{found[none[:1]].tolist()[0]!r} in row {none[0]}; leave out rows on which "
            "nothing was decided"
        )
    return found


def check_weights(sample_weight: Any) -> None:
    """Weights must be finite numbers from 0 on."""
    if sample_weight is None:
        return
    found = np.asarray(sample_weight)
    if found.dtype.kind not in "biufO" or not np.isfinite(weight := found.astype(float)).all():
        raise ValueError("sample_weight must be finite numbers, one per row")
    if (weight < 0).any():
        raise ValueError(f"sample_weight must not be negative, got {weight.min()}")

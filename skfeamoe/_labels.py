"""Labels as the world gives them: which rows have one, and what each counts for.

A label is missing where y is None or NaN, or the mark that the user has declared. A label that
is seen with propensity p stands for 1/p people (`_feedback.exploration`) where people are
counted, and for min(1/p, c) in the loss: who is granted depends on x alone, so that what is
learned *given x* needs no weights to be right, only to be right where people are; the cap c,
`max_propensity_weight`, trades that for less variance (Ionides 2008, "Truncated importance
sampling").
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from skfeamoe._frames import decoded, numbers_or_text, refuse_lazy, values_of
from skfeamoe._groups import is_missing
from skfeamoe._sklearn import _check_y, _num_samples, _safe_indexing
from skfeamoe._warn import warn


@dataclass(frozen=True)
class Labels:
    """The labels of some rows, and which rows have one."""

    values: NDArray  # (n_labels,)
    known: NDArray | None  # (n_samples,) bool; None: every row has one

    def codes(self, classes: NDArray) -> NDArray:
        """Class codes of all rows, -1 = unknown."""
        if self.known is None:
            return encode_target(self.values, classes)
        codes = np.full(len(self.known), -1, dtype=np.intp)
        if len(self.values):
            codes[self.known] = encode_target(self.values, classes)
        return codes

    def weights(self, weight: NDArray, propensity) -> NDArray | None:
        """How many people each label stands for; None: as many as its row."""
        if self.known is None and propensity is None:
            return None
        known = np.ones(len(weight), dtype=bool) if self.known is None else self.known
        factor = known.astype(np.float64)
        if propensity is not None:
            factor[known] = 1.0 / check_propensity(propensity, known)
        return weight * factor


def read_labels(y, n_samples: int, unlabeled=None, classes: NDArray | None = None) -> Labels:
    """The labels among y: what is None, NaN or the mark ``unlabeled`` is none.

    ``classes`` are those of a stream, None where y tells them.
    """
    marked = unlabeled is not None and not is_missing(unlabeled)
    if marked and classes is not None and _are_marks(classes.tolist(), unlabeled).any():
        raise ValueError(
            f"unlabeled={unlabeled!r} marks rows without a label and is one of the classes "
            f"{classes.tolist()}; take another mark, or leave it out of `classes`"
        )
    if isinstance(y, np.ndarray) and y.dtype.kind in "iubS" and not marked:
        return Labels(_told(check_target(y, n_samples, classes), unlabeled, classes), None)
    refuse_lazy(y, "y")
    found = decoded(y)
    missing = _missing(found, unlabeled if marked else None)
    if missing is None or not missing.any():
        plain = isinstance(found, np.ndarray) and found.ndim == 1
        y = numbers_or_text(found) if plain else y
        return Labels(_told(check_target(y, n_samples, classes), unlabeled, classes), None)
    if len(missing) != n_samples:
        check_target(np.zeros(len(missing)), n_samples)  # says so
    known = ~missing
    values = np.asarray(values_of(found)).ravel()[known]
    if len(values):
        values = check_target(numbers_or_text(values), len(values), classes)
    return Labels(_told(values, unlabeled, classes), known)


def _missing(y, mark) -> NDArray | None:
    """Which entries of y are no labels; None where y is no column, for others to refuse."""
    if not hasattr(y, "__len__") or isinstance(y, str):
        return None
    values = np.asarray(values_of(y) if hasattr(y, "to_numpy") else np.array(y, dtype=object))
    if values.ndim != 1:
        return None
    if values.dtype.kind == "f" and mark is None:
        return np.isnan(values)
    listed = values.tolist()
    missing = np.array([is_missing(value) for value in listed], dtype=bool)
    return missing if mark is None else missing | _are_marks(listed, mark)


def _are_marks(values: list, mark) -> NDArray:
    """Which values are the mark: text is no number, whatever it says."""
    kind = isinstance(mark, str)
    return np.array(
        [isinstance(v, str) == kind and not is_missing(v) and v == mark for v in values],
        dtype=bool,
    )


def _told(values: NDArray, unlabeled, classes: NDArray | None) -> NDArray:
    """The labels; a warning where one of them may be a mark."""
    if classes is not None or unlabeled is not None or values.dtype.kind not in "if":
        return values
    seen = np.unique(values)
    if len(seen) > 2 and seen[0] == -1 and seen[1] == 0:
        warn(
            f"y has -1 beside {seen[1:].tolist()[:5]} and it is taken as a class of its own; "
            "if it marks rows without a label pass unlabeled=-1, if it is a class "
            "unlabeled=float('nan')",
        )
    return values


def check_some_label(labels: Labels, classes) -> None:
    """Refuse rows of which none tells the classes."""
    if classes is None and not len(labels.values):
        raise ValueError(
            "y has no label, so that the classes are not known; pass some rows that have one, "
            "or begin with partial_fit and `classes`"
        )


def labeled_part(X, y, sample_weight, unlabeled, classes: NDArray) -> tuple:
    """The rows that have a label, to score a model of these classes on: X, labels, weights."""
    labels = read_labels(y, _num_samples(X), unlabeled, classes)
    if labels.known is not None:
        rows = np.flatnonzero(labels.known)
        if not len(rows):
            raise ValueError(
                "y has no label, so that there is nothing to score; pass rows that have one"
            )
        X = _safe_indexing(X, rows)
        if sample_weight is not None:
            sample_weight = _safe_indexing(sample_weight, rows)
    return X, labels.values, sample_weight


def check_propensity(propensity, known: NDArray) -> NDArray:
    """Propensities of the rows that have a label, each in (0, 1]."""
    values: Any = check_array(
        propensity,
        ensure_2d=False,
        ensure_all_finite=False,
        ensure_min_samples=0,
        dtype=np.float64,
        input_name="propensity",
    )
    if values.ndim == 0:
        values = np.full(len(known), float(values))
    if values.shape != known.shape:
        raise ValueError(
            f"propensity must have one number per row of X, got {_num_samples(values)} for "
            f"{len(known)} rows"
        )
    values = values[known]
    wrong = ~((values > 0.0) & (values <= 1.0))
    if wrong.any():
        raise ValueError(
            "propensity must be in (0, 1] wherever y has a label, got "
            f"{values[np.argmax(wrong)]}; it is the chance with which the outcome of such a "
            "person is seen, 1 for those who are always granted"
        )
    return values


def check_target(y, n_samples: int, classes: NDArray | None = None) -> NDArray:
    """y as a 1-D array of class labels.

    With ``classes`` the labels of a stream are known: an array of the same kind needs no
    further look at its type, which would cost more than a training step on 32 rows.
    """
    plain = isinstance(y, np.ndarray) and y.ndim == 1
    if not (plain and classes is not None and y.dtype.kind == classes.dtype.kind):
        refuse_lazy(y, "y")
        y = _check_y(decoded(y))
        check_classification_targets(y)
    if len(y) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has "
            f"{n_samples} rows, y has {len(y)}"
        )
    return y


def encode_target(y: NDArray, classes: NDArray) -> NDArray:
    """Class codes of y; a label that is not among the classes is an error."""
    codes = np.searchsorted(classes, y)
    codes[codes == len(classes)] = 0
    unknown = classes[codes] != y
    if np.any(unknown):
        raise ValueError(
            f"y has the label {y[np.argmax(unknown)]!r}, which is not among the classes "
            f"{classes.tolist()} of the first call; pass every class in `classes` then"
        )
    return codes

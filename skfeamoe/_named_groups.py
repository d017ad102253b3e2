"""Groups of the rows that are looked at, by the names that the classifier gives them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skfeamoe._classifier import last_step
from skfeamoe._groups import encode_groups
from skfeamoe._sensitive import are_comparable, read_sensitive


def groups_of_rows(estimator, sensitive_features, n_rows: int) -> NDArray | None:
    """Group of every row, (n_rows,), None where a value is missing; None without groups.

    What the classifier has learned from is cut and joined as it does it. Other attributes, and
    names that it has given, are taken as they are.
    """
    if sensitive_features is None:
        return None
    codes, labels = encode_groups(sensitive_features, n_rows, [])  # refuses other lengths
    learned = last_step(estimator)
    if _are_learned(learned, sensitive_features) and not set(labels) <= set(learned.groups_):
        return learned.sensitive_groups(sensitive_features)
    return np.array([*labels, None], dtype=object)[codes]


def _are_learned(learned, sensitive_features) -> bool:
    """Whether these are the columns that a classifier has learned groups from."""
    known = getattr(learned, "_sensitive_names", None)
    if known is None or not hasattr(learned, "sensitive_groups"):
        return False
    names = read_sensitive(sensitive_features).names
    if are_comparable(names, known):
        return sorted(map(str, names)) == sorted(map(str, known))
    return len(names) == len(known)

"""Warnings that point to the line of whoever called, not to one of this library's."""

import sys
import warnings

PASSED = ("skfeamoe", "sklearn", "joblib")
"""Packages whose frames are passed: scikit-learn decorates `fit`, and calls steps and folds."""


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn on behalf of the first caller outside this library and those that call it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _package(frame) in PASSED:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def _package(frame) -> str:
    """The package of what runs in a frame."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]

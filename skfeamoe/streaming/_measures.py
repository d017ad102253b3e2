"""What a run measures: named measures, and any function with a metric's signature.

A function of the user's sees labels coded 1 = favorable, 0 = other, and takes what its
parameters name: ``y_pred``, or a score (``y_score``, ``y_prob``, ``y_proba``), and
``sample_weight`` and ``sensitive_features`` if it has them. In a window it sees the rows;
over the whole stream it sees the counts of the run as weighted rows, which is exact for
decisions and as fine as the bins for scores.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skfeamoe._fairness.constraints import CONSTRAINTS

from ._tally import GAPS, OVERALL, RATIOS, UNTOLD, UNTOLD_PLACE, Tally, bin_scores

NAMES = (*OVERALL, *GAPS, *RATIOS)
_OF_SCORE = {"log_loss", "brier_score", "roc_auc", "ks_statistic", "calibration_error"}
_OF_DISTANCE = {kind.metric for kind in CONSTRAINTS.values() if kind.uses_distance}
_SCORE_WORDS = ("y_score", "y_prob", "y_proba", "probas_pred")


@dataclass(frozen=True)
class CustomMeasure:
    """A function, and what it takes."""

    function: Callable
    of_score: bool
    weighted: bool
    grouped: bool

    @classmethod
    def of(cls, name: str, function: Any) -> CustomMeasure:
        """Read a function's signature; refuse what is no metric."""
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            raise ValueError(
                f"metrics[{name!r}] must be a function of (y_true, y_pred), got {function!r}"
            ) from None
        any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        return cls(
            function,
            any(word in parameters for word in _SCORE_WORDS),
            "sample_weight" in parameters or any_keyword,
            "sensitive_features" in parameters,
        )

    def of_rows(self, rows: Mapping[str, np.ndarray], favorable: int, names) -> float:
        """Value on the rows of a window."""
        keep = rows["true"] != UNTOLD
        if self.grouped:
            keep = keep & (rows["group"] >= 0)
        true = (rows["true"][keep] == favorable).astype(int)
        answer = rows["score"] if self.of_score else (rows["predicted"] == favorable)
        group = np.array(names, dtype=object)[rows["group"][keep]] if self.grouped else None
        return self._value(true, answer[keep], rows["weight"][keep], group)

    def of_tally(self, tally: Tally, is_proba: bool, names) -> float:
        """Value on all rows, from their counts; nan where the counts do not tell."""
        if (self.of_score and self.grouped) or not self.weighted:
            return float("nan")
        if self.of_score:
            true, place = np.nonzero(tally["scores"])
            weight = tally["scores"][true, place]
            return self._value(true, bin_scores(is_proba)[place], weight, None)
        if self.grouped:
            cells = tally["cells"][:, :UNTOLD_PLACE]
            code, true, answer = np.nonzero(cells)
            group = np.array(names, dtype=object)[code]
            return self._value(true, answer, cells[code, true, answer], group)
        true, answer = np.nonzero(tally["outcomes"])
        return self._value(true, answer, tally["outcomes"][true, answer], None)

    def _value(self, true, answer, weight, group) -> float:
        """Call the function; nan where it is not defined, as with one class only."""
        if not len(true) or not np.isfinite(np.asarray(answer, dtype=float)).all():
            return float("nan")
        options: dict[str, Any] = {"sample_weight": weight} if self.weighted else {}
        if self.grouped:
            options["sensitive_features"] = group
        answer = answer if self.of_score else np.asarray(answer).astype(int)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return float(self.function(true, answer, **options))
        except (ValueError, ZeroDivisionError, Warning):
            return float("nan")


@dataclass(frozen=True)
class Measures:
    """All that a run measures, in the order of its tables."""

    named: tuple[str, ...]
    custom: dict[str, CustomMeasure]

    @property
    def names(self) -> list[str]:
        """Names of all of them."""
        return [*self.named, *self.custom]

    @property
    def needs(self) -> set[str]:
        """What models are asked for besides labels."""
        needs = {"distance"} if _OF_DISTANCE & set(self.named) else set()
        if _OF_SCORE & set(self.named) or any(m.of_score for m in self.custom.values()):
            needs.add("score")
        return needs


def checked_measures(metrics: Sequence[str] | Mapping[str, Any] | str | None) -> Measures:
    """Read the parameter `metrics`."""
    if metrics is None:
        return Measures(NAMES, {})
    if isinstance(metrics, Mapping):
        asked = [n for n, m in metrics.items() if m is None or isinstance(m, str)]
        custom = {n: CustomMeasure.of(n, m) for n, m in metrics.items() if n not in asked}
        asked = [metrics[name] or name for name in asked]
    else:
        asked = [metrics] if isinstance(metrics, str) else list(metrics)
        custom = {}
    unknown = [name for name in asked if name not in NAMES]
    clash = sorted(set(custom) & set(NAMES))
    if unknown or clash or not (asked or custom):
        raise ValueError(
            f"metrics must be among {list(NAMES)}, or a mapping of other names to functions; "
            f"got {unknown or clash or metrics}"
        )
    return Measures(tuple(name for name in NAMES if name in asked), custom)

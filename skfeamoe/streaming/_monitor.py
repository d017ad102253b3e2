"""A monitor of decisions that needs no model: labels, decisions and groups are enough.

Over 400 lines, because half of the lines document the public class and its methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from skfeamoe._fairness.constraints import gaps_of_rates, ratio_of
from skfeamoe._parameter_checks import favorable_code

from ._batches import StreamBatch, sliced
from ._evaluator import PrequentialEvaluator
from ._parameters import decisions_of_rows, labels_of_rows
from ._result import PrequentialResult
from ._tally import UNTOLD, events_of

DECISIONS = "decisions"
"""Name of the watched decisions in the tables."""

OF_RATES = tuple(name for gap in gaps_of_rates() for name in (gap, ratio_of(gap)))
OF_DECISIONS = tuple(name for name in OF_RATES if events_of(name) == ("selection_rate",))
METRICS = ("accuracy", "balanced_accuracy", "majority_accuracy", *OF_RATES)
SCORED = ("log_loss", "brier_score", "roc_auc", "ks_statistic", "calibration_error")

LEAST_ROWS, MOST_ROWS = 100, 5_000
"""Rows, at least and at most, that `monitor` counts at a time."""


class _Decided:
    """Stands where a model would: the decisions come instead of the features."""

    classes_: Any = ()

    def predict(self, X):
        """Return the decisions that were made."""
        return X.decisions


class _Scored(_Decided):
    """The same with probabilities of the favorable label."""

    favorable: int = 1

    def predict_proba(self, X):
        """Return the probabilities that came with the decisions, for two labels."""
        proba = np.column_stack([1.0 - X.scores, X.scores])
        return proba if self.favorable == 1 else proba[:, ::-1]


class _Rows:
    """What stands for the features: decisions, scores, and the inputs to be watched."""

    def __init__(self, decisions, scores, inputs):
        self.decisions, self.scores, self.inputs = decisions, scores, inputs
        self.shape = (len(decisions),)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.decisions)


class _DecisionEvaluator(PrequentialEvaluator):
    """Watches the inputs that came beside the decisions."""

    def _watched(self, batch: StreamBatch) -> Any:
        """The inputs."""
        return batch.X.inputs

    def _codes_of(self, y, classes: np.ndarray) -> np.ndarray:
        """Codes of the true labels, of which some may not be told."""
        told = _told(y)
        if told.all():
            return super()._codes_of(y, classes)
        codes = np.full(len(told), UNTOLD, dtype=np.intp)
        if told.any():
            codes[told] = super()._codes_of(_labels_told(y, told), classes)
        return codes

    def _parts(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """The batch, cut at the rows where evaluation points are asked for; nobody learns."""
        if self.thin_points:
            return [item]
        start, every = self.rows_arrived_, self.evaluate_every
        edges = range((start // every + 1) * every - start, len(item["true"]), every)
        return [_cut(item, slice(*ends)) for ends in pairwise([0, *edges, len(item["true"])])]


def _cut(item: dict[str, Any], rows: slice) -> dict[str, Any]:
    """Some rows of a batch, in all that is counted."""
    names = ("true", "group", "weight", "person", "times")
    return {
        **item,
        **{name: None if item[name] is None else item[name][rows] for name in names},
        "predictions": {
            model: {k: v[rows] if isinstance(v, np.ndarray) else v for k, v in found.items()}
            for model, found in item["predictions"].items()
        },
    }


class StreamMonitor:
    """Watch decisions while they are made: accuracy, gaps and drift alarms.

    The object behind :func:`monitor`, for decisions that arrive piece by piece. It can be
    pickled in mid-stream and go on as if nothing had happened. Memory is constant, but with
    `person` it grows with the people, and with a number as `evaluate_every` with the rows, as
    every evaluation point stays.

    Parameters
    ----------
    classes : sequence
        All labels.
    favorable_label : label, default=None
        The label that is good for the person; default: the last in sorted order.
    detector, detector_params, window, evaluate_every, min_group_size, metrics, input_window
        See :func:`monitor`.
    labeled : bool, default=True
        Whether true labels come with the decisions; without them only selection rates are
        compared.
    scored : bool, default=False
        Whether probabilities come with the decisions.

    See Also
    --------
    monitor : The same for decisions that are all there; the parameters are told there.

    Examples
    --------
    >>> import numpy as np
    >>> from skfeamoe.streaming import StreamMonitor
    >>> rng = np.random.default_rng(0)
    >>> watch = StreamMonitor(classes=[0, 1])
    >>> for day in range(40):
    ...     sex, repaid = rng.choice(["f", "m"], 200), rng.integers(2, size=200)
    ...     unfair = (sex == "f") & (day >= 20)
    ...     granted = repaid * (rng.random(200) > 0.9 * unfair)
    ...     for alarm in watch.update(repaid, granted, sex, time=np.full(200, day)):
    ...         if alarm["cause"] == "selection_rate_gap":
    ...             print(f"day {alarm['time']}: {alarm['cause']} {alarm['change']}")
    day 21: selection_rate_gap worse
    """

    def __init__(
        self,
        *,
        classes: Sequence[Any],
        favorable_label: Any = None,
        detector: str | None = "adwin",
        detector_params: Mapping[str, Any] | None = None,
        window: int = 1000,
        evaluate_every: int | Literal["auto"] = "auto",
        min_group_size: int = 30,
        metrics: Sequence[str] | Mapping[str, Any] | None = None,
        input_window: int | None = None,
        labeled: bool = True,
        scored: bool = False,
    ):
        model = _Scored() if scored else _Decided()
        model.classes_ = np.unique(np.asarray(classes))
        if scored and len(model.classes_) != 2:
            raise ValueError(
                f"y_score is for two labels, but there are {len(model.classes_)}; leave it out"
            )
        favorable = favorable_code(favorable_label, model.classes_)
        if isinstance(model, _Scored):
            model.favorable = favorable
        if metrics is None:
            metrics = (*METRICS, *(SCORED if scored else ())) if labeled else OF_DECISIONS
        self._labeled, self._scored, self._inputs = labeled, scored, input_window is not None
        self._evaluator = _DecisionEvaluator(
            {DECISIONS: model},
            classes=classes,
            favorable_label=favorable_label,
            window=window,
            fading_factor=None,
            evaluate_every=evaluate_every,
            metrics=metrics,
            input_window=input_window,
            train=False,
            min_group_size=min_group_size,
            detector=detector,
            detector_params=detector_params,
        )
        self._evaluator.decided_first = False

    def update(
        self,
        y_true,
        y_pred,
        sensitive_features=None,
        *,
        y_score=None,
        sample_weight=None,
        time=None,
        person=None,
        X=None,
    ) -> list[dict[str, Any]]:
        """Count some decisions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            True labels and decisions, in the order of the stream. A true label may be missing
            (None or NaN); `y_true` is None with ``labeled=False``.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups; missing values allowed.
        y_score : array-like of shape (n_samples,), default=None
            Probabilities of the favorable label, with ``scored=True``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, which count in the measures; alarms count every row once.
        time : array-like of shape (n_samples,), default=None
            When the rows happened.
        person : array-like of shape (n_samples,), default=None
            Whose row it is, for rates by person.
        X : DataFrame or array of shape (n_samples, n_features), default=None
            Inputs of the decisions, with `input_window`.

        Returns
        -------
        list of dict
            The alarms that these rows raised; see :attr:`PrequentialResult.alarms`.

        Raises
        ------
        ValueError
            For labels outside `classes` or arrays of different lengths; the monitor is
            unchanged then.
        """
        if (y_true is None) == self._labeled:
            raise ValueError(
                "y_true must be given to a monitor with labeled=True, and to no other"
            )
        for name, part, wanted in (
            ("y_score", y_score, self._scored),
            ("X", X, self._inputs),
        ):
            if (part is not None) != wanted:
                option = "scored=True" if name == "y_score" else "input_window"
                raise ValueError(
                    f"{name} must be given to a monitor with {option}, and to no other"
                )
        decisions = decisions_of_rows(y_pred)
        scores = None if y_score is None else np.asarray(y_score, dtype=float)
        if scores is not None and not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError("y_score must be probabilities between 0 and 1")
        batch = StreamBatch(
            X=_Rows(decisions, scores, X),
            y=labels_of_rows("y_true", y_true) if self._labeled else _untold(len(decisions)),
            sensitive_features=sensitive_features,
            sample_weight=sample_weight,
            time=None if time is None else np.asarray(time),
            person=None if person is None else np.asarray(person),
        )
        if len(batch.X) != len(batch.y):
            raise ValueError(
                f"y_pred has {len(batch.X)} rows, but y_true has {len(batch.y)}; give the "
                "decision of every row, and None for a label that is not known"
            )
        for name, part in (("y_score", scores), ("X", X)):
            if part is not None and len(part) != len(batch.y):
                raise ValueError(f"{name} has {len(part)} rows, but y_pred has {len(batch.y)}")
        if self._evaluator.detector is None:
            self._evaluator.update(batch)
            return []
        watch = self._evaluator.watch_of(DECISIONS)
        before = watch.n_alarms
        self._evaluator.update(batch)
        new = watch.n_alarms - before
        names = self._evaluator.group_names_
        return [
            {**alarm, "group": None if alarm["group"] is None else names[alarm["group"]]}
            for alarm in (watch.alarms[-new:] if new else [])
        ]

    @property
    def classes_(self) -> np.ndarray:
        """All labels, sorted."""
        return np.unique(np.asarray(self._evaluator.classes))

    def result(self) -> PrequentialResult:
        """Report what was seen so far; looking changes nothing, however often.

        Returns
        -------
        PrequentialResult
            As of a prequential run, with one model named "decisions". Its last line is of
            all rows so far; the next result has it only if it is due.
        """
        return self._evaluator.finish()


def monitor(
    y_true,
    y_pred,
    *,
    y_score=None,
    X=None,
    sensitive_features=None,
    sample_weight=None,
    time=None,
    person=None,
    favorable_label: Any = None,
    detector: str | None = "adwin",
    detector_params: Mapping[str, Any] | None = None,
    window: int = 1000,
    evaluate_every: int | Literal["auto"] = "auto",
    min_group_size: int = 30,
    metrics: Sequence[str] | Mapping[str, Any] | None = None,
    input_window: int | None = None,
) -> PrequentialResult:
    """Measure decisions over time, and raise alarms when accuracy or a gap changes.

    Needs no model and no features: true labels, decisions and groups, in the order in which
    they happened, are enough. Whoever made the decisions, a model, a rule or people.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels and decisions. Without true labels (None) only the groups' shares of
        favorable decisions are compared; where some are missing (None or NaN) these shares
        are of all rows, and what needs a truth is of the rows that have one.
    y_score : array-like of shape (n_samples,), default=None
        Probabilities of the favorable label, of two, for AUC, calibration and the like.
    X : DataFrame or array of shape (n_samples, n_features), default=None
        Inputs of the decisions, which are watched for changes: ``result.input_drift``.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
        Groups; several columns make intersections. A missing value makes a row count in
        accuracy only. None watches accuracy only.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, which count in the measures; intervals, verdicts and `min_group_size` take
        as many rows as tell as much (Notes). Alarms count every row once.
    time : array-like of shape (n_samples,), default=None
        When the rows happened, for tables and pictures.
    person : array-like of shape (n_samples,), default=None
        Whose row it is: ``people_table`` then has rates in which everybody counts once.
    favorable_label : label, default=None
        The label that is good for the person; default: the last in sorted order.
    detector : {"adwin", "page_hinkley", "kswin"} or None, default="adwin"
        Change detector of river; None watches nothing. ADWIN [1]_ fits most streams; KSWIN
        runs a test on every row and takes minutes for 100,000.
    detector_params : mapping, default=None
        Parameters of river's class: ``{"delta": 0.01}`` makes ADWIN quicker (87 rows
        instead of 111 in the median, for an error rate that jumps from .15 to .35) at .2
        false alarms per 100,000 rows of a stream that stays as it is.
    window : int, default=1000
        Rows in the view "window".
    evaluate_every : int or "auto", default="auto"
        Rows between the lines of the tables, and between the ends of windows. "auto" keeps
        at most 400 of them, at ends of batches (in `monitor`, of a 200th of the rows): of a
        long stream some rows lie in no window then, and a verdict tells how many.
    min_group_size : int, default=30
        Rows that a group needs to count in a gap; of unequal weights, rows of equal weight
        that tell as much.
    metrics : sequence of str or mapping of str to callable, default=None
        What to measure, as in :func:`prequential`; default: all that the arguments allow.
    input_window : int, default=None
        Rows of the windows in which `X` is watched; None takes `window`.

    Returns
    -------
    PrequentialResult
        ``alarms``, ``table``, ``group_table``, ``summary()``, ``verdict()``, ``to_html()``.
        Its intervals over all rows may be looked at every day, see
        :func:`~skfeamoe.metrics.gap_confidence_sequence`.

    Raises
    ------
    ValueError
        If the arrays differ in length, are empty, or hold fewer than two labels.
    ImportError
        If river is not installed.

    See Also
    --------
    StreamMonitor : For decisions that arrive piece by piece.

    Notes
    -----
    The detector of accuracy sees one error, 0 or 1, a row. The detectors of gaps see
    contrasts: rows of one group and of all others are gathered until both are there, and
    the difference of the two mean decisions is one value. Its mean is the group's rate
    minus the others', whatever the groups' sizes, so a change of the population's mix alone
    raises no alarm. Selection rates are compared over all rows, true positive rates over
    those with the favorable label, false positive rates over the others. Group rates are
    monitored without a model in [2]_ and [3]_ too, by confidence intervals; change
    detectors on a stream's errors are common practice [4]_; the contrasts are this
    library's.

    Rows of weights w tell as much about a rate as (sum w)^2 / sum w^2 rows of equal weight
    [5]_, which may be few: 2,000 with weights exp(2 z), z standard normal, as much as 90 or
    so. Of 40 samples of 4,000 such rows, two groups decided by a coin, the number of rows
    makes 28 usual intervals that leave out the true gap of 0, this number 2. Rows of weight
    0 count for nobody. Intervals that hold at any time (``anytime``) do so closely, not
    exactly, where weights differ.

    References
    ----------
    .. [1] A. Bifet, R. Gavalda. "Learning from time-changing data with adaptive windowing".
       SDM 2007.
    .. [2] T. A. Henzinger, M. Karimi, K. Kueffner, K. Mallik. "Monitoring algorithmic
       fairness". CAV 2023.
    .. [3] T. A. Henzinger, M. Karimi, K. Kueffner, K. Mallik. "Runtime monitoring of dynamic
       fairness properties". FAccT 2023.
    .. [4] J. Gama, I. Zliobaite, A. Bifet, M. Pechenizkiy, A. Bouchachia. "A survey on
       concept drift adaptation". ACM Computing Surveys 46, 2014.
    .. [5] L. Kish. "Survey Sampling". Wiley, 1965.

    Examples
    --------
    >>> import numpy as np
    >>> from skfeamoe.streaming import monitor
    >>> rng = np.random.default_rng(0)
    >>> sex, repaid = rng.choice(["f", "m"], 6000), rng.integers(2, size=6000)
    >>> unfair = (sex == "f") & (np.arange(6000) >= 3000)
    >>> granted = np.where(rng.random(6000) < 0.4 * unfair, 0, repaid)
    >>> result = monitor(repaid, granted, sensitive_features=sex)
    >>> sorted(set(result.alarms["cause"]))
    ['accuracy', 'selection_rate_gap', 'true_positive_rate_gap']
    """
    y_pred = decisions_of_rows(y_pred)
    y_true = None if y_true is None else labels_of_rows("y_true", y_true)
    n = len(y_pred)
    if (y_true is not None and len(y_true) != n) or not n:
        raise ValueError(
            f"y_true and y_pred must have the same number of rows, at least one, got "
            f"{n if y_true is None else len(y_true)} and {n}"
        )
    parts = {
        "sensitive_features": sensitive_features,
        "y_score": y_score,
        "sample_weight": sample_weight,
        "time": time,
        "person": person,
        "X": X,
    }
    for name, part in parts.items():
        if part is None:
            continue
        n_rows = len(part) if hasattr(part, "__len__") else None
        if n_rows != n:
            found = f"{n_rows} rows" if n_rows is not None else repr(part)
            raise ValueError(f"{name} has {found}, but y_true has {n} rows")
    if y_true is not None and not _told(y_true).any():
        raise ValueError("y_true has no label that is not missing; pass None in its place")
    truths = y_pred if y_true is None else _labels_told(y_true, _told(y_true))
    labels = np.union1d(truths, y_pred)
    watch = StreamMonitor(
        classes=labels.tolist(),
        favorable_label=favorable_label,
        detector=detector,
        detector_params=detector_params,
        window=window,
        evaluate_every=evaluate_every,
        min_group_size=min_group_size,
        metrics=metrics,
        input_window=None if X is None else (window if input_window is None else input_window),
        labeled=y_true is not None,
        scored=y_score is not None,
    )
    size = int(np.clip(n // 200, LEAST_ROWS, MOST_ROWS))
    for start in range(0, n, size):
        rows = slice(start, start + size)
        cut = {k: None if p is None else sliced(p, rows) for k, p in parts.items()}
        watch.update(None if y_true is None else y_true[rows], y_pred[rows], **cut)
    return watch.result()


def _untold(n: int) -> np.ndarray:
    """True labels of rows of which none is told."""
    return np.full(n, None, dtype=object)


def _told(y_true) -> np.ndarray:
    """Rows with a true label."""
    import pandas as pd

    return ~np.asarray(pd.isna(np.asarray(y_true)))


def _labels_told(y_true, told: np.ndarray) -> np.ndarray:
    """The true labels, in a type of their own where some are missing."""
    labels = np.asarray(y_true)
    return labels if told.all() else np.asarray(labels[told].tolist())

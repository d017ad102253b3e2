"""A monitor of decisions that needs no model: labels, decisions and groups are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ._batches import StreamBatch
from ._evaluator import PrequentialEvaluator
from ._result import PrequentialResult

DECISIONS = "decisions"
"""Name of the watched decisions in the tables."""

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equal_opportunity_difference",
)

LEAST_ROWS, MOST_ROWS = 100, 5_000
"""Rows, at least and at most, that `monitor` counts at a time."""


class _Decided:
    """Stands where a model would: the decisions come instead of the features."""

    classes_: Any = ()

    def predict(self, X):
        """Return the decisions that were made."""
        return X


class StreamMonitor:
    """Watch decisions while they are made: accuracy, gaps and drift alarms.

    The object behind :func:`monitor`, for decisions that arrive piece by piece. Memory is
    constant, and it can be pickled in mid-stream and go on as if nothing had happened.

    Parameters
    ----------
    classes : sequence
        All labels.
    favorable_label : label, default=None
        The label that is good for the person; default: the last in sorted order.
    detector, detector_params, window, evaluate_every, min_group_size
        See :func:`monitor`.

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
        detector: str = "adwin",
        detector_params: Mapping[str, Any] | None = None,
        window: int = 1000,
        evaluate_every: int | Literal["auto"] = "auto",
        min_group_size: int = 30,
    ):
        model = _Decided()
        model.classes_ = np.unique(np.asarray(classes))
        self._evaluator = PrequentialEvaluator(
            {DECISIONS: model},
            classes=classes,
            favorable_label=favorable_label,
            window=window,
            fading_factor=None,
            evaluate_every=evaluate_every,
            metrics=METRICS,
            train=False,
            min_group_size=min_group_size,
            detector=detector,
            detector_params=detector_params,
        )

    def update(
        self, y_true, y_pred, sensitive_features=None, *, sample_weight=None, time=None
    ) -> list[dict[str, Any]]:
        """Count some decisions whose true labels are known.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            True labels and decisions, in the order of the stream.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups; missing values allowed.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, which count in the measures; alarms count every row once.
        time : array-like of shape (n_samples,), default=None
            When the rows happened.

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
        batch = StreamBatch(
            X=np.asarray(y_pred),
            y=np.asarray(y_true),
            sensitive_features=sensitive_features,
            sample_weight=sample_weight,
            time=None if time is None else np.asarray(time),
        )
        if len(batch.X) != len(batch.y):
            raise ValueError(
                f"y_pred has {len(batch.X)} rows, but y_true has {len(batch.y)}; give the "
                "decision of every row whose label is known"
            )
        watch = self._evaluator.watch_of(DECISIONS)
        before = watch["n_alarms"]
        self._evaluator.update(batch)
        new = watch["n_alarms"] - before
        names = self._evaluator.group_names_
        return [
            {**alarm, "group": None if alarm["group"] is None else names[alarm["group"]]}
            for alarm in (watch["alarms"][-new:] if new else [])
        ]

    def result(self) -> PrequentialResult:
        """Report what was seen so far.

        Returns
        -------
        PrequentialResult
            As of a prequential run, with one model named "decisions".
        """
        return self._evaluator.finish()


def monitor(
    y_true,
    y_pred,
    *,
    sensitive_features=None,
    sample_weight=None,
    time=None,
    favorable_label: Any = None,
    detector: str = "adwin",
    detector_params: Mapping[str, Any] | None = None,
    window: int = 1000,
    evaluate_every: int | Literal["auto"] = "auto",
    min_group_size: int = 30,
) -> PrequentialResult:
    """Measure decisions over time, and raise alarms when accuracy or a gap changes.

    Needs no model and no features: true labels, decisions and groups, in the order in which
    they happened, are enough. Whoever made the decisions, a model, a rule or people.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels and decisions.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
        Groups; several columns make intersections. A missing value makes a row count in
        accuracy only. None watches accuracy only.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, which count in the measures; alarms count every row once.
    time : array-like of shape (n_samples,), default=None
        When the rows happened, for tables and pictures.
    favorable_label : label, default=None
        The label that is good for the person; default: the last in sorted order.
    detector : {"adwin", "page_hinkley", "kswin"}, default="adwin"
        Change detector of river. ADWIN fits most streams; KSWIN runs a test on every row
        and takes minutes for 100,000.
    detector_params : mapping, default=None
        Parameters of river's class: ``{"delta": 0.01}`` makes ADWIN quicker (87 rows
        instead of 111 in the median, for an error rate that jumps from .15 to .35) at .2
        false alarms per 100,000 rows of a stream that stays as it is.
    window : int, default=1000
        Rows in the view "window".
    evaluate_every : int or "auto", default="auto"
        Rows between the lines of the tables; "auto" keeps at most 400 of them.
    min_group_size : int, default=30
        Rows that a group needs to count in a gap.

    Returns
    -------
    PrequentialResult
        ``alarms``, ``table``, ``group_table``, ``summary()``, ``to_html()``.

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
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if len(y_true) != len(y_pred) or not len(y_true):
        raise ValueError(
            f"y_true and y_pred must have the same number of rows, at least one, got "
            f"{len(y_true)} and {len(y_pred)}"
        )
    for name, part in (("sensitive_features", sensitive_features), ("time", time)):
        if part is not None and len(part) != len(y_true):
            raise ValueError(f"{name} has {len(part)} rows, but y_true has {len(y_true)}")
    watch = StreamMonitor(
        classes=np.union1d(np.unique(y_true), np.unique(y_pred)).tolist(),
        favorable_label=favorable_label,
        detector=detector,
        detector_params=detector_params,
        window=window,
        evaluate_every=evaluate_every,
        min_group_size=min_group_size,
    )
    size = int(np.clip(len(y_true) // 200, LEAST_ROWS, MOST_ROWS))
    parts = (sensitive_features, sample_weight, time)
    for start in range(0, len(y_true), size):
        rows = slice(start, start + size)
        groups, weight, when = (None if p is None else _rows(p, rows) for p in parts)
        watch.update(y_true[rows], y_pred[rows], groups, sample_weight=weight, time=when)
    return watch.result()


def _rows(part, rows: slice) -> Any:
    """Return rows by position."""
    return part.iloc[rows] if hasattr(part, "iloc") else part[rows]

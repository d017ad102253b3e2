"""``prequential``: the whole test-then-train loop in one call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.base import clone

from ._batches import StreamBatch, stacked
from ._calls import is_fitted
from ._evaluator import PrequentialEvaluator
from ._points import EvaluationPoint
from ._progress import progress_bar
from ._result import PrequentialResult


def prequential(
    estimator,
    batches: Iterable,
    *,
    classes: Sequence[Any] | None = None,
    favorable_label: Any = None,
    window: int | None = 1000,
    fading_factor: float | None = 0.999,
    label_delay: Any = 0,
    delay_unit: Literal["batches", "rows", "time"] = "batches",
    evaluate_every: int | Literal["auto"] = "auto",
    metrics: Sequence[str] | Mapping[str, Any] | None = None,
    preprocessor=None,
    preprocessor_rows: int = 1000,
    train: bool | Mapping[str, bool] = True,
    pretrain_rows: int = 0,
    min_group_size: int = 30,
    detector: str | None = None,
    detector_params: Mapping[str, Any] | None = None,
    input_window: int | None = None,
    labels: Literal["all", "granted"] = "all",
    exploration: float = 0.05,
    random_state: int = 0,
    progress: bool = False,
    total_rows: int | None = None,
    callback: Callable[[EvaluationPoint], Any] | None = None,
) -> PrequentialResult:
    """Test, then train: evaluate classifiers on a stream while they learn from it.

    Every batch is predicted by every model before any model has seen its labels; then the
    predictions are counted and the models are trained on it. Works for every scikit-learn
    classifier with ``partial_fit``, and for fitted ones without. Memory is constant, but grows
    with the people where batches have a `person`, and with the rows where `evaluate_every` is
    a number, as every evaluation point stays.

    Parameters
    ----------
    estimator : classifier or mapping of str to classifier
        One model, or several by name that go through the stream side by side. They are
        trained in place (clone them to keep the originals). Classifiers of river are taken
        as they are, bare (`learn_one`) or in river's wrapper for scikit-learn.
    batches : iterable of StreamBatch or tuple
        For instance from :func:`iter_batches`; a tuple is ``(X, y)`` or ``(X, y,
        sensitive_features)``. `sensitive_features` and `sample_weight` are passed to
        ``partial_fit`` where the model takes them; the weights count in the measures too.
        Groups are those of models with `sensitive_bins` that learn these columns or have
        learned them, which must cut them alike.
    classes : sequence, default=None
        All labels. Default: those of a model that is fitted already, else those of the
        first batch.
    favorable_label : label, default=None
        The label that is good for the person; default: the last in sorted order.
    window : int or None, default=1000
        Rows in the view "window"; None leaves it out.
    fading_factor : float or None, default=0.999
        In the view "faded" a row weighs this factor to the power of the number of rows
        after it; None leaves it out.
    label_delay : int or span of time, default=0
        The labels of a batch arrive after so much more of the stream has been predicted, in
        `delay_unit`. At the end of the stream the labels still on their way are counted and
        trained on.
    delay_unit : {"batches", "rows", "time"}, default="batches"
        What `label_delay` counts: batches; rows after the last one of the batch; or time,
        in the unit of the batches' times (``np.timedelta64(90, "D")`` for dates, 1 for a
        column of years). Whole batches arrive, when the labels of all their rows have.
    evaluate_every : int or "auto", default="auto"
        Rows between evaluation points (at the end of a batch). "auto" starts with 500 and
        doubles, dropping every second point, whenever 400 points are reached. Rows between
        two points that are further apart than `window` lie in no window; a verdict tells how
        many do.
    metrics : sequence of str or mapping of str to callable, default=None
        Of "accuracy", "balanced_accuracy", "majority_accuracy" (of always saying the most
        frequent label), "log_loss", "brier_score", "roc_auc", "ks_statistic",
        "calibration_error", and the differences and ratios "demographic_parity_difference",
        "demographic_parity_ratio" (adverse impact), those of equalized odds and equal
        opportunity likewise, and "burden_difference"; default: all. What is left out is
        not computed. A mapping names functions with the signature of scikit-learn's or
        fairlearn's metrics besides: ``{"auc": roc_auc_score, "accuracy": None}``. They see
        labels coded 1 = favorable, 0 = other. Over all rows (not in windows) a function
        needs `sample_weight`, and one of scores must not need groups; else it is nan there.
    preprocessor : transformer, default=None
        Transforms the features for all models (a Pipeline has no ``partial_fit``). A fitted
        one is used as it is; an unfitted one is cloned and fitted on the features, without
        labels, of the first `preprocessor_rows` rows (whole batches). It stays fixed then,
        so let encoders ignore unknown categories.
    preprocessor_rows : int, default=1000
        Rows on which an unfitted `preprocessor` is fitted.
    train : bool or mapping of str to bool, default=True
        Whether (which of) the models learn from the stream. With False, a model is static.
    pretrain_rows : int, default=0
        The first so many rows (whole batches) only train and do not count: models that
        learn do so batch by batch, static models that are not fitted yet are fitted once on
        all of them.
    min_group_size : int, default=30
        Rows that a group needs, in the event that a gap is about (say, favorable truths),
        to count in it. Small groups make noisy gaps, above all in windows. Rows of unequal
        weights are as many as tell as much: (sum of weights)^2 / sum of their squares.
    detector : {"adwin", "page_hinkley", "kswin"} or None, default=None
        Change detector of river that watches the accuracy and every gap in `metrics` but
        the burden gap; its alarms are ``result.alarms``, see :func:`monitor`. None watches
        nothing.
    detector_params : mapping, default=None
        Parameters of river's class, for instance ``{"delta": 0.01}``.
    input_window : int or None, default=None
        Watch every column of the raw inputs for changes, in windows of so many rows against
        the first of them: ``result.input_drift``, see :class:`InputMonitor`.
    labels : {"all", "granted"}, default="all"
        With "granted" a model sees the outcome of a row only if it predicts the favorable
        label, or grants the row by lot. It learns from these: models that take a `propensity`
        are shown the others without a label, other models are shown them not at all, and
        take 1/propensity as weights if they can. Beside the usual views, of all rows, which
        only a simulation knows, "seen" has the rows whose outcome the model has seen, and
        "corrected" these rows, each for 1/propensity rows. Rows before `pretrain_rows` and
        before a model's first prediction show all their labels.
    exploration : float, default=0.05
        With ``labels="granted"``, the chance with which anybody else is granted by lot, in
        [0, 1).
    random_state : int, default=0
        Seed of the lots; all models draw the same ones.
    progress : bool, default=False
        Whether to draw a progress bar (needs rich).
    total_rows : int, default=None
        Length of the stream, if known, for the progress bar.
    callback : callable, default=None
        Called with every evaluation point (see ``PrequentialResult.points``).

    Returns
    -------
    PrequentialResult
        ``table`` (tidy), ``group_table``, ``summary()``, ``metric_frame()``.

    Raises
    ------
    ValueError
        For parameters out of range, a model without ``partial_fit`` that is to be trained,
        labels outside `classes`, parts of a batch of different lengths, an empty stream,
        models that cut sensitive features at different edges.
    ImportError
        If a progress bar is asked for and rich is not installed, or a detector and river
        is not.

    See Also
    --------
    PrequentialEvaluator : The same, driven batch by batch.

    Notes
    -----
    A model that is not fitted cannot predict, so its first batch (its first ``label_delay +
    1`` batches) is trained on and not scored; ``rows_scored`` tells.

    AUC, KS statistic, Brier score and calibration are those of the favorable label against
    the others. AUC and KS are exact in the window; cumulative and faded they come from 4096
    bins of the score, in which ties count one half (the error is below 1e-3 unless most
    scores share a bin). The calibration error is the expected one over ten bins of equal
    width.

    Gaps are the largest difference between groups, equal to fairlearn's
    ``demographic_parity_difference``, ``equalized_odds_difference`` and
    ``equal_opportunity_difference`` on the same rows, computed from counts. One thing
    differs: a group without any row in the event (no favorable truths, no refusals) is left
    out, where fairlearn takes its rate as 0, and a gap of fewer than two groups is nan
    (equalized odds: if either of its two rates cannot be compared). The
    burden gap needs a model with ``distance_to_boundary``.

    References
    ----------
    .. [1] J. Gama, R. Sebastiao, P. P. Rodrigues. "On evaluating stream learning
       algorithms". Machine Learning 90, 2013 (prequential error, windows, fading factors).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skfeamoe.streaming import prequential
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(50, 10, size=(1000, 3))
    >>> y, sex = np.where(X[:, 0] > 50, "paid", "default"), rng.choice(["f", "m"], 1000)
    >>> starts = range(0, 1000, 50)
    >>> batches = [tuple(part[i : i + 50] for part in (X, y, sex)) for i in starts]
    >>> result = prequential(
    ...     SGDClassifier(loss="log_loss", random_state=0),
    ...     batches,
    ...     favorable_label="paid",
    ...     preprocessor=StandardScaler(),
    ... )
    >>> result.summary()["accuracy"].round(1).to_dict()
    {'SGDClassifier': 0.9}
    """
    evaluator = PrequentialEvaluator(
        estimator,
        classes=classes,
        favorable_label=favorable_label,
        window=window,
        fading_factor=fading_factor,
        label_delay=label_delay,
        delay_unit=delay_unit,
        evaluate_every=evaluate_every,
        metrics=metrics,
        preprocessor=None,
        train=train,
        pretrain_rows=pretrain_rows,
        min_group_size=min_group_size,
        detector=detector,
        detector_params=detector_params,
        input_window=input_window,
        labels=labels,
        exploration=exploration,
        random_state=random_state,
    )
    if preprocessor is not None and not is_fitted(preprocessor):
        preprocessor, batches = _fitted(preprocessor, batches, preprocessor_rows)
    evaluator.use_preprocessor(preprocessor)
    with progress_bar(progress, total_rows) as draw:
        text, told = "", 0
        for batch in batches:
            point = evaluator.update(batch)
            if point is not None:
                text, told = _progress_text(point), point.rows_seen
                if callback is not None:
                    callback(point)
            draw(evaluator.rows_arrived_, text)
        result = evaluator.finish()
        if callback is not None and result.points[-1].rows_seen > told:
            callback(result.points[-1])
    return result


def _fitted(preprocessor, batches: Iterable, rows: int) -> tuple[Any, Iterator]:
    """Fit a transformer on the first rows, and put their batches back."""
    source = iter(batches)
    first: list[StreamBatch] = []
    while sum(len(batch) for batch in first) < rows:
        batch = next(source, None)
        if batch is None:
            break
        first.append(batch if isinstance(batch, StreamBatch) else StreamBatch(*batch))
    if not first:
        raise ValueError("batches is empty; the stream must have at least one batch")
    fitted = clone(preprocessor).fit(stacked([batch.X for batch in first]))
    return fitted, itertools.chain(first, source)


def _progress_text(point: EvaluationPoint) -> str:
    """Accuracy of every model so far."""
    return "  ".join(
        f"{name} {model.views['cumulative'].measures.get('accuracy', np.nan):.3f}"
        for name, model in point.models.items()
    )

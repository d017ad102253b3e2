"""Test-then-train evaluation of several models over one pass of a stream.

For every batch: predict with every model; when the labels of a batch arrive (`label_delay`
batches, rows or time units later), count its predictions and train on it. The state is plain
data: dicts, lists, arrays and the estimators, so that it can be pickled in mid-stream and
continue.

Over 400 lines, because a quarter of the lines document the public class, whose steps share its
state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.base import clone

from skfeamoe._bins import SensitiveBins
from skfeamoe._groups import group_name
from skfeamoe._parameter_checks import favorable_code

from . import _alarms, _calls
from ._batches import StreamBatch
from ._entrant import Counting, Entrant
from ._granted import Lottery
from ._groups import common_bins, group_labels, sensitive_columns
from ._inputs import InputMonitor
from ._measures import checked_measures
from ._parameters import (
    check_delay,
    check_labels,
    check_lengths,
    check_numbers,
    check_time,
    check_train_names,
    named_models,
)
from ._people import PeopleCodes, rates_of_people
from ._points import EvaluationPoint
from ._result import PrequentialResult
from ._river import RiverModel, is_river

MAX_GROUPS = 1000
MAX_POINTS = 400  # evaluation points kept with evaluate_every="auto"
FIRST_INTERVAL = 500


class PrequentialEvaluator:
    """Evaluate models on a stream, each row first tested and then trained on.

    The object behind :func:`prequential`, for callers who drive the loop themselves or save
    it in mid-stream: pickle the evaluator, later load it and go on with
    ``iter_batches(..., start_row=evaluator.next_row_)``; the result is the same as that of
    an unbroken run.

    Parameters
    ----------
    estimator : classifier or mapping of str to classifier
        Model(s). They are trained in place, not cloned, as ``partial_fit`` does.
    classes : sequence, default=None
        All labels.
    favorable_label : label, default=None
        The label that is good for the person.
    window : int or None, default=1000
        Rows in the view "window".
    fading_factor : float or None, default=0.999
        Factor by which the weight of a row fades with each later row.
    label_delay : int or span of time, default=0
        When labels arrive, in `delay_unit`.
    delay_unit : {"batches", "rows", "time"}, default="batches"
        Unit of `label_delay`.
    evaluate_every : int or "auto", default="auto"
        Rows between evaluation points.
    metrics : sequence of str or mapping of str to callable, default=None
        Measures to compute.
    preprocessor : transformer, default=None
        Transforms the features; an unfitted one is cloned and fitted on the first batch.
    train : bool or mapping of str to bool, default=True
        Whether (which of) the models learn.
    pretrain_rows : int, default=0
        First rows, which only train.
    min_group_size : int, default=30
        Rows that a group needs to count in a gap; see :func:`prequential`.
    detector : str, default=None
        Change detector that raises alarms; None watches nothing.
    detector_params : mapping, default=None
        Its parameters.
    input_window : int, default=None
        Rows of the windows in which inputs are watched; None watches none.
    labels : {"all", "granted"}, default="all"
        Whose outcomes the models see.
    exploration : float, default=0.05
        With ``labels="granted"``, the chance with which anybody else is granted by lot.
    random_state : int, default=0
        Seed of the lots.

    Attributes
    ----------
    classes_ : ndarray
        Sorted labels (after the first update).
    estimators_ : dict
        The models by name.
    rows_arrived_, rows_labeled_, rows_unknown_group_ : int
        Rows predicted, rows whose label was used, and those of unknown group among these.
    next_row_ : int
        Row of the source with which to go on.
    n_points_ : int
        Evaluation points so far (thinned ones included).

    See Also
    --------
    prequential : The whole loop in one call; there the parameters are told in full.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skfeamoe.streaming import PrequentialEvaluator, StreamBatch
    >>> rng = np.random.default_rng(0)
    >>> evaluator = PrequentialEvaluator(SGDClassifier(loss="log_loss", random_state=0))
    >>> for _ in range(20):
    ...     X = rng.normal(size=(50, 3))
    ...     batch = StreamBatch(X, (X[:, 0] > 0).astype(int), rng.choice(["f", "m"], 50))
    ...     _ = evaluator.update(batch)
    >>> bool(evaluator.finish().summary()["accuracy"].iloc[0] > 0.9)
    True
    """

    _bins: SensitiveBins | None = None  # not known in evaluators of before they were used

    def __init__(
        self,
        estimator,
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
        train: bool | Mapping[str, bool] = True,
        pretrain_rows: int = 0,
        min_group_size: int = 30,
        detector: str | None = None,
        detector_params: Mapping[str, Any] | None = None,
        input_window: int | None = None,
        labels: Literal["all", "granted"] = "all",
        exploration: float = 0.05,
        random_state: int = 0,
    ):
        check_numbers(
            window,
            fading_factor,
            evaluate_every,
            min_group_size,
            pretrain_rows,
        )
        check_delay(label_delay, delay_unit)
        check_labels(labels, exploration, random_state)
        self.measures = checked_measures(metrics)
        self.estimators_ = named_models(estimator)

        def watch() -> _alarms.Watch | None:
            if detector is None:
                return None
            return _alarms.Watch(detector, dict(detector_params or {}), self.measures.named)

        self._models = {
            name: Entrant(
                name, RiverModel(model) if is_river(model) else model, train, pretrain_rows
            )
            for name, model in self.estimators_.items()
        }
        check_train_names(train, self.estimators_)
        for model in self._models.values():
            model.watch = watch()
        self.classes = classes
        self.favorable_label = favorable_label
        self.window = window
        self.fading_factor = fading_factor
        self.label_delay = label_delay
        self.delay_unit = delay_unit
        self.pretrain_rows = pretrain_rows
        self.min_group_size = min_group_size
        self.detector = detector
        self.labels = labels
        self._lottery = None if labels == "all" else Lottery(float(exploration), random_state)
        self.inputs_ = None if input_window is None else InputMonitor(input_window)
        self.decided_first = True
        self.thin_points = evaluate_every == "auto"
        self.evaluate_every = FIRST_INTERVAL if evaluate_every == "auto" else evaluate_every
        self.use_preprocessor(preprocessor)
        self.classes_: Any = None
        self._favorable = -1
        self._groups: dict[tuple[str, ...], int] = {}
        self._people = PeopleCodes()
        self._sensitive_names: list[str] = []
        self._waiting: list[dict[str, Any]] = []
        self._points: list[EvaluationPoint] = []
        self.n_points_ = 0
        self._time: Any = None
        self.rows_arrived_ = 0
        self.rows_labeled_ = 0
        self.rows_unknown_group_ = 0
        self.next_row_ = 0

    def use_preprocessor(self, preprocessor) -> None:
        """Set the transformer of the features; an unfitted one is fitted on the next batch.

        Parameters
        ----------
        preprocessor : transformer or None
            See :func:`prequential`.
        """
        self.preprocessor_ = preprocessor
        self._preprocessor_ready = preprocessor is None or _calls.is_fitted(preprocessor)

    def update(self, batch) -> EvaluationPoint | None:
        """Predict a batch, then count and train on the batch whose labels arrive with it.

        Parameters
        ----------
        batch : StreamBatch or tuple
            The next rows; a tuple is ``(X, y)`` or ``(X, y, sensitive_features)``.

        Returns
        -------
        EvaluationPoint or None
            The evaluation point, if this batch completed one: ``rows_seen``, ``time`` and
            ``models``; ``point.models[name].views["window"]["accuracy"]`` is a measure.

        Raises
        ------
        ValueError
            For labels outside the classes, misaligned arrays, people or times that are none,
            or more than 1000 groups; the evaluator is unchanged then.
        """
        if not isinstance(batch, StreamBatch):
            batch = StreamBatch(*batch)
        if not hasattr(batch.y, "__len__"):
            raise ValueError(f"y must have one label per row, got {batch.y!r}")
        if not len(batch):
            return None
        check_lengths(batch)
        if self.delay_unit == "time":
            check_time(batch.time, self.label_delay)
        classes, favorable = self._labels_of(batch.y)
        true = self._codes_of(batch.y, classes)
        bins = self._bins_of(batch.sensitive_features)
        names, groups, group = self._groups_of(batch.sensitive_features, len(batch), bins)
        person, newcomers = self._people.read(batch.person, group)
        preprocessor, X = self._transformed(batch.X)
        item = self._predicted(batch, X, true, classes, favorable)
        if self.inputs_ is not None:
            now = None if batch.time is None else np.asarray(batch.time)[-1]
            self.inputs_.update(self._watched(batch), group, now)
        # what a batch can be refused for is behind us, so that from here on it is kept
        if self.classes_ is None:
            self._begin(classes, favorable)
        self._sensitive_names, self._groups, self._bins = names, groups, bins
        self._people.add(newcomers)
        self.preprocessor_, self._preprocessor_ready = preprocessor, True
        self._waiting += self._parts({**item, "group": group, "person": person})
        self.rows_arrived_ += len(batch)
        self.next_row_ = self.rows_arrived_ if batch.next_row is None else batch.next_row
        point = None
        while self._waiting and self._is_due(self._waiting[0]):
            point = self._label_arrives() or point
        return point

    def finish(self) -> PrequentialResult:
        """Let the labels that are still on their way arrive, and report.

        The last `label_delay` batches are counted and trained on like all others, so
        nothing is lost at the end of a stream. The result ends with an evaluation point of
        all rows so far, which the evaluator does not keep: without a `label_delay`, going on
        is as if nobody had asked.

        Returns
        -------
        PrequentialResult
            The result of all rows so far.
        """
        self._check_begun()
        while self._waiting:
            self._label_arrives()
        for model in self._models.values():
            model.fit_kept()
        last = self._points[-1].rows_seen if self._points else -1
        return self._result([self._point()] if self.rows_labeled_ > last else [])

    def result(self) -> PrequentialResult:
        """Return the result up to the last evaluation point, without waiting for labels."""
        self._check_begun()
        return self._result([])

    def _result(self, last: list[EvaluationPoint]) -> PrequentialResult:
        """The result of the points that are kept, and a last one that is not."""
        return PrequentialResult(
            points=[*self._points, *last],
            classes=self.classes_.tolist(),
            favorable_label=self.classes_.tolist()[self._favorable],
            metrics=self.measures.names,
            groups=[list(values) for values in self._groups],
            sensitive_names=list(self._sensitive_names),
            min_group_size=self.min_group_size,
            rows_seen=self.rows_labeled_,
            rows_unknown_group=self.rows_unknown_group_,
            settings={
                "window": self.window,
                "fading_factor": self.fading_factor,
                "label_delay": self.label_delay,
                "delay_unit": self.delay_unit,
                "pretrain_rows": self.pretrain_rows,
                "detector": self.detector,
                "labels": self.labels,
                "exploration": None if self._lottery is None else self._lottery.exploration,
                "decided_first": self.decided_first,
            },
            inputs=self.inputs_,
            alarm_records={
                name: [dict(alarm) for alarm in model.watch.alarms]
                for name, model in self._models.items()
                if model.watch is not None
            },
            people=self._rates_of_people(),
            timings={name: dict(m.seconds) for name, m in self._models.items()},
            estimators=dict(self.estimators_),
        )

    def watch_of(self, name: str) -> _alarms.Watch:
        """Return the change detectors of a model, and the alarms that they raised.

        Parameters
        ----------
        name : str
            Name of the model.
        """
        watch = self._models[name].watch
        assert watch is not None
        return watch

    @property
    def group_names_(self) -> list[str]:
        """Names of the groups that have appeared so far."""
        return [group_name(values) for values in self._groups]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What was pickled, by this version or an earlier one."""
        state = dict(state)
        callers = state.pop("_callers", {})  # models were dicts once, and stood beside these
        vars(self).update(state)
        self._models = {
            name: Entrant.of_earlier(callers[name], model) if isinstance(model, dict) else model
            for name, model in self._models.items()
        }

    @property
    def _counting(self) -> Counting:
        """How decisions are counted."""
        return Counting(
            self.measures,
            len(self.classes_),
            self._favorable,
            self.window,
            self.fading_factor,
            self.min_group_size,
            self._lottery is not None,
            self.group_names_,
        )

    def _rates_of_people(self) -> dict[str, dict[str, list[float]]]:
        """Rates by person of each model; none if nobody said whose rows they are."""
        people, n_groups = self._people, len(self._groups)
        models = self._models.items() if people.told else ()
        return {
            name: rates_of_people(model.people, people.groups, n_groups)
            for name, model in models
        }

    def _check_begun(self) -> None:
        """There is nothing to report before the first batch."""
        if self.classes_ is None:
            raise ValueError("the stream has no rows; update the evaluator with a batch first")

    def _labels_of(self, y) -> tuple[np.ndarray, int]:
        """The labels and the place of the favorable one; the first batch may tell them."""
        if self.classes_ is not None:
            return self.classes_, self._favorable
        classes: Any = self.classes
        if classes is None:
            models = [model.estimator for model in self._models.values()]
            fitted = [model for model in models if hasattr(model, "classes_")]
            classes = fitted[0].classes_ if fitted else y
        classes = np.unique(np.asarray(classes))
        if len(classes) < 2:
            raise ValueError(
                f"classes must hold at least two labels, got {classes.tolist()} from the "
                "first batch; pass all labels of the stream as classes"
            )
        return classes, favorable_code(self.favorable_label, classes)

    def _codes_of(self, y, classes: np.ndarray) -> np.ndarray:
        """Codes of the labels of a batch."""
        return _calls.label_codes(y, classes, "y")

    def _begin(self, classes: np.ndarray, favorable: int) -> None:
        """Fix the labels, and make what counts them."""
        self.classes_, self._favorable = classes, favorable
        for model in self._models.values():
            model.begin(self._counting)

    def _bins_of(self, sensitive_features) -> SensitiveBins | None:
        """How numbers become groups; the first batch that has columns settles it."""
        if sensitive_features is None or self._sensitive_names:
            return self._bins
        models = self._models.items()
        return common_bins({name: m.bins_of(sensitive_features, name) for name, m in models})

    def _groups_of(
        self, sensitive_features, n_rows: int, bins: SensitiveBins | None
    ) -> tuple[list[str], dict[tuple[str, ...], int], np.ndarray]:
        """Names of the columns, all groups with a batch's, and its codes, -1 where unknown."""
        if sensitive_features is None:
            return self._sensitive_names, self._groups, np.full(n_rows, -1, dtype=np.intp)
        names, columns = sensitive_columns(sensitive_features, self._sensitive_names)
        labels = group_labels(columns if bins is None else bins.texts(columns, names))
        fresh = sorted({row for row in labels if row is not None} - set(self._groups))
        if len(self._groups) + len(fresh) > MAX_GROUPS:
            raise ValueError(
                f"sensitive_features {names} have more than {MAX_GROUPS} groups; leave out "
                "or bin columns with many values"
            )
        groups = {**self._groups}
        for label in fresh:
            groups[label] = len(groups)
        codes: dict[Any, int] = {None: -1, **groups}
        return names, groups, np.array([codes[row] for row in labels], dtype=np.intp)

    def _transformed(self, X) -> tuple[Any, Any]:
        """The fitted preprocessor, and features as the models see them."""
        preprocessor = self.preprocessor_
        if preprocessor is None:
            return None, X
        if not self._preprocessor_ready:
            preprocessor = clone(preprocessor).fit(X)
        return preprocessor, preprocessor.transform(X)

    def _predicted(
        self, batch: StreamBatch, X, true, classes: np.ndarray, favorable: int
    ) -> dict[str, Any]:
        """Predict a batch with every model that has learned something."""
        needs, predictions = self.measures.needs, {}
        for name, model in self._models.items():
            if not model.is_fitted:
                continue
            predicted = model.predict(X, true, classes, favorable, needs)
            if self._lottery is not None and self.rows_arrived_ >= self.pretrain_rows:
                chances = self._lottery.chances(predicted["predicted"], favorable)
                predicted["chances"] = chances
                predicted["shown"] = self._lottery.seen(chances, self.rows_arrived_)
            predictions[name] = predicted
        weight = batch.sample_weight
        return {
            "X": X,
            "y": np.asarray(batch.y),
            "sensitive_features": batch.sensitive_features,
            "sample_weight": weight,
            "times": None if batch.time is None else np.asarray(batch.time),
            "true": true,
            "weight": np.ones(len(true)) if weight is None else np.asarray(weight, float),
            "predictions": predictions,
            "arrived": self.rows_arrived_ + len(true),
        }

    def _watched(self, batch: StreamBatch) -> Any:
        """The inputs that are watched for changes."""
        return batch.X

    def _parts(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """The batch in the parts that are counted one by one: whole, as models learn of it."""
        return [item]

    def _is_due(self, item: dict[str, Any]) -> bool:
        """Whether the labels of a waiting batch have come by now."""
        if self.delay_unit == "batches":
            return len(self._waiting) > self.label_delay
        if self.delay_unit == "rows":
            return self.rows_arrived_ - item["arrived"] >= self.label_delay
        return self._waiting[-1]["times"][-1] - item["times"][-1] >= self.label_delay

    def _label_arrives(self) -> EvaluationPoint | None:
        """Count the oldest waiting batch, train on it, and take stock when it is time."""
        item = self._waiting.pop(0)
        pretraining = self.rows_labeled_ < self.pretrain_rows
        is_last = self.rows_labeled_ + len(item["true"]) >= self.pretrain_rows
        counting, n_people = self._counting, len(self._people.number)
        for name, model in self._models.items():
            predicted = item["predictions"].get(name, {})
            if predicted and not pretraining:
                model.count(item, predicted, counting, n_people, self.rows_labeled_)
            else:
                model.rows_unscored += len(item["true"])
            if model.trains:
                model.learn(item, predicted, self.classes_)
            elif pretraining and not model.is_fitted:
                model.keep(item)
                if is_last:
                    model.fit_kept()
        before = self.rows_labeled_
        self.rows_labeled_ += len(item["true"])
        self.rows_unknown_group_ += int((item["group"] < 0).sum())
        self._time = None if item["times"] is None else item["times"][-1]
        if before // self.evaluate_every < self.rows_labeled_ // self.evaluate_every:
            return self._add_point()
        return None

    def _point(self) -> EvaluationPoint:
        """Take stock of every view of every model."""
        counting = self._counting
        models = {name: model.stock(counting) for name, model in self._models.items()}
        return EvaluationPoint(self.rows_labeled_, self._time, models)

    def _add_point(self) -> EvaluationPoint:
        """Take stock, and keep it; sums of gate weights start over."""
        point = self._point()
        for model in self._models.values():
            model.usage = {}
        self._points.append(point)
        self.n_points_ += 1
        if self.thin_points and len(self._points) >= MAX_POINTS:
            self._points = self._points[1::2]
            self.evaluate_every *= 2
        return point

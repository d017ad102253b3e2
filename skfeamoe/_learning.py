"""From the arguments of `fit` and `partial_fit` to a model and the rows it is to learn."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from skfeamoe._column_names import sensitive_names
from skfeamoe._deciding import DecidingMixin
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.monitors import make_monitor
from skfeamoe._feedback import Exploration
from skfeamoe._groups import bins_of, check_group_sizes, encode_groups
from skfeamoe._labels import check_some_label, labeled_part, read_labels
from skfeamoe._parameter_checks import check_favorable, validate_parameters
from skfeamoe._parameters import (
    build_settings,
    check_design,
    constraint_names,
    design,
    fingerprint,
    first_layout,
    first_terms,
    fitted_experts,
    is_unchanged,
    n_first_experts,
)
from skfeamoe._predicting import MixtureClassifier
from skfeamoe._privileged import warn_of_privileged
from skfeamoe._rows import Rows
from skfeamoe._sensitive import read_sensitive
from skfeamoe._sklearn import _num_samples
from skfeamoe._told import (
    Told,
    warn_if_inactive,
    warn_in_stream,
    warn_of_far_values,
    warn_of_light_stream,
)
from skfeamoe._training.model import Model
from skfeamoe._training.settings import STREAM_DEFAULTS, Settings
from skfeamoe._training.trainer import train_stream
from skfeamoe._validation import (
    check_counterfactual_codes,
    check_features,
    check_weight,
    has_holes,
)

PATIENCE_ROWS = 1000
"""Rows of a stream after which a constraint that compares no groups is reported."""


class LearningClassifier(DecidingMixin, MixtureClassifier):
    """A mixture that takes rows in: what happens before anything is learned."""

    control: Any
    background_size: Any
    favorable_label: Any
    initial_experts: Any
    random_state: Any
    sensitive_columns: Any
    _cache: dict
    _n_first_experts: int | None = None  # not known in files of before they were counted
    _warned_inactive: bool
    _told_far: list[int]
    _told_privileged: str | None = None
    _episodes: list[str]

    def _start(
        self, X, y, classes, sensitive_features, sample_weight, propensity=None
    ) -> tuple[Model, Rows]:
        """Check the first input and lay out an untrained model."""
        slots = Slots(constraint_names(self))
        X, columns = check_features(
            self, X, reset=True, sensitive_columns=self.sensitive_columns
        )
        check_counterfactual_codes(self, X)
        weight = check_weight(sample_weight, X)
        told = None if classes is None else unique_labels(classes)
        labels = read_labels(y, X.shape[0], self.unlabeled, told)
        check_some_label(labels, classes)
        self.classes_ = unique_labels(labels.values) if told is None else told
        if classes is not None and len(self.classes_) < 2:
            raise ValueError(f"classes must have at least two labels, got {classes!r}")
        self._favorable = check_favorable(self.favorable_label, self.classes_)
        self._design, self._n_first_experts = design(self), n_first_experts(self)
        self._bins, self._sensitive_names = None, None
        self._cache = {"parameters": fingerprint(self)}
        self._n_core_features = X.shape[1]
        self._warned_inactive = False
        self._told_far, self._told_privileged = [], None
        self._episodes = []
        self._waiting = None
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        model = Model.start(
            first_layout(self, X.shape[1]),
            partial(
                make_monitor,
                self.control,
                slots,
                self._favorable,
                sparse=hasattr(X, "tocsr"),
            ),
            favorable=self._favorable,
            seed=seed,
            terms=first_terms(self, X),
            sparse=hasattr(X, "tocsr"),
            background_size=int(self.background_size),
        )
        codes, label_weight = labels.codes(self.classes_), labels.weights(weight, propensity)
        groups = self._take_groups(
            model, X.shape[0], columns, sensitive_features, all_rows=classes is None
        )
        rows = Rows(X, codes, groups, weight, label_weight)
        if self.initial_experts is not None:
            model.start_from(fitted_experts(self, model.terms), rows.X, rows.weight)
        return model, rows

    def _continue(
        self, X, y, classes, sensitive_features, sample_weight, propensity=None
    ) -> tuple[Model, Rows]:
        """Check further input against what is known; a copy of the model to train."""
        self._check_in_stream()
        if classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, "
                f"was: {self.classes_!r}"
            )
        X, columns = check_features(
            self, X, reset=False, sensitive_columns=self.sensitive_columns, learn=True
        )
        check_counterfactual_codes(self, X)
        weight, holes = check_weight(sample_weight, X), has_holes(X)
        labels = read_labels(y, X.shape[0], self.unlabeled, self.classes_)
        codes, label_weight = labels.codes(self.classes_), labels.weights(weight, propensity)
        model = self._model.copy()
        groups = self._take_groups(model, X.shape[0], columns, sensitive_features)
        if holes:
            model.let_values_miss()
        return model, Rows(X, codes, groups, weight, label_weight)

    def _check_in_stream(self) -> None:
        """Check parameters that have changed since the last call, or since the file."""
        cache = vars(self).get("_cache")
        if cache is None or not is_unchanged(self, cache["parameters"]):
            validate_parameters(self)  # which scikit-learn does not do in mid-stream
            check_design(self, self._design)
            self._cache = {"parameters": fingerprint(self)}

    def _take_groups(
        self, model, n_samples: int, columns, sensitive_features, *, all_rows=False
    ) -> NDArray:
        """Group codes of checked rows; the model takes new groups in."""
        if self.sensitive_columns is not None:
            if sensitive_features is not None:
                raise ValueError(
                    "sensitive_features was passed although sensitive_columns="
                    f"{self.sensitive_columns!r} says where they are in X; give one of the two"
                )
            if columns is None:
                raise ValueError(
                    f"X must have the sensitive_columns {self.sensitive_columns!r} to learn; "
                    "they may be left out only to predict"
                )
            sensitive_features = dict(zip(sensitive_names(self), columns, strict=True))
        groups = np.full(n_samples, -1, dtype=np.intp)
        if sensitive_features is not None:
            given = read_sensitive(sensitive_features, self._sensitive_names)
            self._sensitive_names = given.names
            if self.sensitive_bins is not None and self._bins is None:
                self._bins = bins_of(given, self.sensitive_bins)
            groups, names = encode_groups(given, n_samples, model.groups, bins=self._bins)
            n_known = int(np.count_nonzero(groups >= 0))
            check_group_sizes(names[len(model.groups) :], n_known, all_rows=all_rows)
            check_group_sizes(names, n_known + model.n_people, all_rows=all_rows)
            model.add_groups(names, cells=bool(self._design["constraints"]))
        return groups

    def _publish(self, model: Model, rows: Rows, *, knows_groups: bool) -> Told:
        """Train a model on rows of a stream; it takes the place of the one before.

        Returns what is to be told of it, each thing once.
        """
        before, told, settings = vars(self).get("_model"), Told(), self._stream_settings(model)
        train_stream(model, settings, rows)
        self._model = model
        self._told_far = warn_of_far_values(told, self, model, self._told_far)
        privileged = settings.fairness.privileged
        self._told_privileged = warn_of_privileged(told, self, model, privileged)
        knows_groups = knows_groups or self.sensitive_columns is not None
        if not (knows_groups and model.n_people < PATIENCE_ROWS):
            is_told = self._warned_inactive
            self._warned_inactive = warn_if_inactive(told, self, model, is_told=is_told)
        self._episodes = warn_in_stream(told, self, model, self._episodes, before)
        warn_of_light_stream(told, model, before)
        return told

    def _stream_settings(self, model: Model) -> Settings:
        """Settings of `partial_fit`, made anew only when something they rest on changes."""
        made_for, settings = self._cache.get("settings", (None, None))
        if settings is None or made_for != len(model.groups):
            settings = build_settings(self, STREAM_DEFAULTS, model.groups)
            self._cache = {**self._cache, "settings": (len(model.groups), settings)}
        return settings

    def score(self, X, y, sample_weight=None, sensitive_features=None) -> float:
        """Accuracy among the rows that have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Test rows.

        y : array-like of shape (n_samples,)
            True labels; None, NaN or the mark `unlabeled` where there is none.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        sensitive_features : array-like, default=None
            Accepted so that the same arguments serve fit and score; accuracy does not
            depend on it. Use fairlearn's metrics to score gaps.

        Returns
        -------
        score : float
            Share of correct predictions.
        """
        check_is_fitted(self)
        X, y, weight = labeled_part(X, y, sample_weight, self.unlabeled, self.classes_)
        return super().score(X, y, weight, sensitive_features)

    def _favorable_class(self):
        return self.classes_[self._favorable]

    def _looked_at(self, X):
        proba = self.predict_proba(X)
        closeness = proba[:, self._favorable] / proba.max(axis=1)
        return self.classes_[proba.argmax(axis=1)], closeness

    def _exploration(self, rate, explore):
        """Uniform, or near the margin by the people kept, else by the background."""
        if explore == "uniform":
            return Exploration(rate)
        model, monitor = self._model, self._model.monitor
        kept = None
        if isinstance(monitor, BoundMonitor):
            kept = monitor.people.copy().gather(monitor.n_groups)
        if kept is None:
            X, _ = model.background.sample()
            groups = np.full(X.shape[0], -1)
        else:
            X, groups = kept.rows.X, kept.rows.groups
        if not X.shape[0] or (kept is None and model.groups):
            return Exploration(rate)
        proba = model.predict(model.terms.transform(X))
        refused = proba.argmax(axis=1) != self._favorable
        closeness = proba[:, self._favorable] / proba.max(axis=1)
        return Exploration.near_margin(rate, closeness[refused], groups[refused])

    def _lottery_seed(self):
        return self._model.seed

    def _meet(self, X, sensitive_features, sample_weight):
        nobody = np.full(_num_samples(X), None)
        model, rows = self._continue(X, nobody, None, sensitive_features, sample_weight)
        return rows, self._publish(model, rows, knows_groups=sensitive_features is not None)

    def _hear(self, rows, labels, propensity):
        self._check_in_stream()
        label_weight = labels.weights(rows.weight, propensity)
        codes, before = labels.codes(self.classes_), np.zeros(len(rows))
        labeled = Rows(rows.X, codes, rows.groups, before, label_weight)
        return self._publish(self._model.copy(), labeled, knows_groups=True)

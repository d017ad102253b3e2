"""From the arguments of `fit` and `partial_fit` to a model and the rows it is to learn."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import unique_labels

from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.monitors import make_monitor
from skfeamoe._groups import check_group_sizes, encode_groups
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
)
from skfeamoe._predicting import MixtureClassifier
from skfeamoe._rows import Rows
from skfeamoe._terms import ColumnTerms, LinearTerms, RawTerms
from skfeamoe._training.model import Model
from skfeamoe._training.settings import STREAM_DEFAULTS, Settings
from skfeamoe._validation import (
    check_favorable,
    check_features,
    check_target,
    check_weight,
    encode_target,
    has_holes,
    validate_parameters,
)


class LearningClassifier(MixtureClassifier):
    """A mixture that takes rows in: what happens before anything is learned."""

    control: Any
    background_size: Any
    favorable_label: Any
    initial_experts: Any
    random_state: Any
    sensitive_columns: Any
    _cache: dict
    _warned_inactive: bool
    _told_far: list[int]
    _episodes: list[str]

    def _start(self, X, y, classes, sensitive_features, sample_weight) -> tuple[Model, Rows]:
        """Check the first input and lay out an untrained model."""
        slots = Slots(constraint_names(self))
        X, columns = check_features(
            self, X, reset=True, sensitive_columns=self.sensitive_columns
        )
        y = check_target(y, X.shape[0])
        self.classes_ = unique_labels(y if classes is None else classes)
        if classes is not None and len(self.classes_) < 2:
            raise ValueError(f"classes must have at least two labels, got {classes!r}")
        self._favorable = check_favorable(self.favorable_label, self.classes_)
        self._design = design(self)
        self._cache = {"parameters": fingerprint(self)}
        self._n_core_features = X.shape[1]
        self._warned_inactive = False
        self._told_far = []
        self._episodes = []
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
        rows = self._rows(
            model,
            X,
            y,
            columns,
            sensitive_features,
            sample_weight,
            all_rows=classes is None,
        )
        if self.initial_experts is not None:
            model.start_from(fitted_experts(self, model.terms), rows.X, rows.weight)
        return model, rows

    def _continue(self, X, y, classes, sensitive_features, sample_weight) -> tuple[Model, Rows]:
        """Check further input against what is known; a copy of the model to train."""
        cache = vars(self).get("_cache")
        if cache is None or not is_unchanged(self, cache["parameters"]):
            validate_parameters(self)  # which scikit-learn does not do in mid-stream
            check_design(self, self._design)
            self._cache = {"parameters": fingerprint(self)}
        if classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, "
                f"was: {self.classes_!r}"
            )
        X, columns = check_features(
            self, X, reset=False, sensitive_columns=self.sensitive_columns, learn=True
        )
        y = check_target(y, X.shape[0], self.classes_)
        model = self._model.copy()
        if isinstance(model.terms, LinearTerms | RawTerms) and has_holes(X):
            model.terms = ColumnTerms.around(model.terms)
        return model, self._rows(model, X, y, columns, sensitive_features, sample_weight)

    def _rows(
        self, model, X, y, columns, sensitive_features, sample_weight, *, all_rows=False
    ) -> Rows:
        """Codes, groups and weights of checked rows; the model takes new groups in."""
        n_samples = X.shape[0]
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
            sensitive_features = dict(enumerate(columns))
        groups = np.full(n_samples, -1, dtype=np.intp)
        if sensitive_features is not None:
            groups, labels = encode_groups(sensitive_features, n_samples, model.groups)
            n_known = int(np.count_nonzero(groups >= 0))
            n_seen = model.clock.n_samples_seen
            check_group_sizes(labels[len(model.groups) :], n_known, all_rows=all_rows)
            check_group_sizes(labels, n_known + n_seen, all_rows=all_rows)
            model.add_groups(labels, cells=bool(self._design["constraints"]))
        weight = check_weight(sample_weight, X)
        return Rows(X, encode_target(y, self.classes_), groups, weight)

    def _stream_settings(self, model: Model) -> Settings:
        """Settings of `partial_fit`, made anew only when something they rest on changes."""
        made_for, settings = self._cache.get("settings", (None, None))
        if settings is None or made_for != len(model.groups):
            settings = build_settings(self, STREAM_DEFAULTS, model.groups)
            self._cache = {**self._cache, "settings": (len(model.groups), settings)}
        return settings

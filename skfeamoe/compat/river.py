"""FEAMOE as one of river's classifiers: rows are dicts that come one at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._optional import optional

optional("river", extra="drift", purpose="skfeamoe.compat.river")
from river import base  # noqa: E402

__all__ = ["RiverClassifier"]


class RiverClassifier(base.MiniBatchClassifier):
    """A FEAMOEClassifier for river's pipelines and evaluation.

    The columns of the model are the fields of the first row that is learned; a field that a
    later row lacks counts as 0, as in river's linear models.

    Parameters
    ----------
    estimator : FEAMOEClassifier
        Its parameters are taken; a copy learns. Its `sensitive_columns` name the fields that
        hold sensitive attributes: they are read where rows are learned and never used as
        features. A row without them has an unknown group.

    classes : list
        All labels that will ever appear.

    max_features : int, default=None
        Most fields. Those that appear after the first row take columns kept free for them,
        which have been 0 until then. None keeps none free, and a new field is an error.

    Attributes
    ----------
    learner : FEAMOEClassifier
        The copy that learns: ``group_gaps_``, ``history_``, ``explain`` and all else.

    features : list
        Fields of the columns of `learner`, in their order.

    Raises
    ------
    ValueError
        If the estimator is of another kind, or names sensitive columns by number, `classes`
        are text and numbers, or a row has a field for which there is no column, or a value
        that is no number.

    See Also
    --------
    skfeamoe.streaming.prequential : Test-then-train for scikit-learn's classifiers, with
        group gaps over time.

    Notes
    -----
    A call for thirty rows costs about twice as much as one for one row; ``learn_many`` is
    the faster way where rows come in batches.

    References
    ----------
    J. Montiel et al. (2021), "River: machine learning for streaming data in Python", JMLR 22.

    Examples
    --------
    >>> from river import evaluate, metrics
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.compat.river import RiverClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> rows = stream.data.assign(group=stream.sensitive_features).to_dict("records")
    >>> model = RiverClassifier(
    ...     FEAMOEClassifier(sensitive_columns="group", random_state=0), classes=[0, 1])
    >>> metric = evaluate.progressive_val_score(
    ...     zip(rows, stream.target), model, metrics.Accuracy())
    >>> metric.get() > 0.6
    True
    >>> sorted(model.learner.group_gaps_)
    ['demographic_parity']
    """

    def __init__(
        self,
        estimator: FEAMOEClassifier,
        classes: Sequence[Any],
        max_features: int | None = None,
    ):
        if not isinstance(estimator, FEAMOEClassifier):
            raise ValueError(
                f"estimator must be a FEAMOEClassifier, got {type(estimator).__name__}; "
                "river.compat.convert_sklearn_to_river wraps other classifiers"
            )
        self.estimator = estimator
        self.classes = classes
        self.max_features = max_features
        self.learner = clone(estimator).set_params(sensitive_columns=None)
        self.features: list[Hashable] = []
        self._sensitive = _field_names(estimator.sensitive_columns)
        self._labels = _sorted_labels(classes)

    @property
    def _multiclass(self) -> bool:
        return len(self._labels) > 2

    def learn_one(self, x: dict, y, w: float = 1.0) -> None:
        """Learn from one row.

        Parameters
        ----------
        x : dict
            Fields, the sensitive ones among them.

        y : label
            One of `classes`.

        w : float, default=1.0
            Weight of the row.
        """
        features = self._with_new(x)
        row = self._row(x, features, self._width(features))
        groups = {name: [x.get(name)] for name in self._sensitive}
        self._learn(row, np.array([y]), groups, np.array([float(w)]))
        self.features = features

    def learn_many(self, X: pd.DataFrame, y: pd.Series, w: pd.Series | None = None) -> None:
        """Learn from some rows in their order.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_fields)
            Fields, the sensitive ones among them.

        y : Series of shape (n_samples,)
            Labels from `classes`.

        w : Series of shape (n_samples,), default=None
            Weights.
        """
        features = self._with_new(X.columns)
        rows = self._rows(X, features, self._width(features))
        groups = {name: list(X[name]) for name in self._sensitive if name in X}
        groups |= {name: [None] * len(X) for name in self._sensitive if name not in X}
        self._learn(rows, np.asarray(y), groups, w)
        self.features = features

    def predict_proba_one(self, x: dict, **kwargs) -> dict:
        """Probability of every label.

        Parameters
        ----------
        x : dict
            Fields; sensitive ones are not needed and not read.

        **kwargs : dict
            What river's evaluation may hand to a classifier besides; nothing of it is read.

        Returns
        -------
        proba : dict of label to float
            Equal for all labels before the first row was learned.
        """
        if not self.features:
            return dict.fromkeys(self._labels, 1.0 / len(self._labels))
        self._width(self._with_new(x))
        row = self._row(x, self.features, self.learner.n_features_in_)
        proba = self.learner.predict_proba(row)[0]
        return dict(zip(self._labels, proba.tolist(), strict=True))

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:
        """Probability of every label for some rows.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_fields)
            Fields; sensitive ones are not needed and not read.

        Returns
        -------
        proba : DataFrame of shape (n_samples, n_classes)
            With the labels as columns and the index of `X`.
        """
        if not self.features:
            proba = np.full((len(X), len(self._labels)), 1.0 / len(self._labels))
        else:
            self._width(self._with_new(X.columns))
            rows = self._rows(X, self.features, self.learner.n_features_in_)
            empty = np.empty((0, len(self._labels)))
            proba = self.learner.predict_proba(rows) if len(X) else empty
        return pd.DataFrame(proba, columns=self._labels, index=X.index)

    def _learn(self, rows: NDArray, y: NDArray, groups: Mapping, weight) -> None:
        """Hand rows to the learner."""
        self.learner.partial_fit(
            rows,
            y,
            classes=None if self.features else self._labels,
            sensitive_features=groups or None,
            sample_weight=weight,
        )

    def _with_new(self, fields) -> list:
        """The known fields and, behind them, those that are new."""
        if not self.features or any(name not in self.features for name in fields):
            known = [*self.features, *self._sensitive]
            return [*self.features, *(name for name in fields if name not in known)]
        return self.features

    def _width(self, features: list) -> int:
        """Columns of the learner; an error if there are too few for the fields."""
        room = self.max_features
        if room is None:
            room = len(self.features) or len(features)
        if len(features) > room:
            new = features[len(self.features) :][:5]
            raise ValueError(
                f"there is no column for the fields {new}: the first row did not have them, "
                f"or max_features={self.max_features!r} is too small; set max_features to the "
                "most fields that you expect, or hash the fields with "
                "river.preprocessing.FeatureHasher"
            )
        return room

    def _row(self, x: Mapping, features: list, width: int) -> NDArray:
        """One row as an array, (1, width); 0 for fields that are not there."""
        row = np.zeros((1, width))
        try:
            row[0, : len(features)] = [x.get(name, 0.0) for name in features]
        except (TypeError, ValueError):
            raise self._not_a_number({name: x.get(name, 0.0) for name in features}) from None
        return row

    def _rows(self, X: pd.DataFrame, features: list, width: int) -> NDArray:
        """Some rows as an array, (n_samples, width); 0 for fields that are not there."""
        rows = np.zeros((len(X), width))
        for j, name in enumerate(features):
            if name not in X:
                continue
            try:
                rows[:, j] = X[name].to_numpy(dtype=np.float64)
            except (TypeError, ValueError):
                raise self._not_a_number({name: X[name].iloc[0]}) from None
        return rows

    def _not_a_number(self, values: Mapping) -> ValueError:
        """The error that names a field that holds no number."""
        for name, value in values.items():
            if not isinstance(value, (int, float, np.number, np.bool_)):
                return ValueError(
                    f"the field {name!r} must hold a number, got {value!r}; put "
                    "river.preprocessing.OneHotEncoder before the classifier, or name the "
                    "field in the estimator's sensitive_columns"
                )
        return ValueError(f"the fields {list(values)} must hold numbers")

    def _unit_test_skips(self) -> set[str]:
        """River's checks that do not apply: none."""
        return set()

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        """Instances that river's checks look at."""
        estimator = FEAMOEClassifier(None, batch_size=1, random_state=0)
        yield {"estimator": estimator, "classes": [False, True], "max_features": 20}


def _sorted_labels(classes: Sequence[Any]) -> list:
    """All labels, sorted; text beside numbers would make text of these."""
    text = [label for label in classes if isinstance(label, str)]
    others = [label for label in classes if not isinstance(label, str)]
    if text and others:
        raise ValueError(
            f"classes must hold labels of one kind, got {text[0]!r} beside {others[0]!r}; "
            "bring them to text or to numbers"
        )
    return np.unique(np.asarray(classes)).tolist()


def _field_names(columns) -> list:
    """Names of the sensitive fields; dicts have no numbered columns."""
    if columns is None:
        return []
    names = [columns] if isinstance(columns, (str, Integral)) else list(columns)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(
            f"sensitive_columns must name fields of the rows, got the numbers {wrong}; rows of "
            "river are dicts, whose fields have no order"
        )
    return names

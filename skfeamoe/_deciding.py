"""Decisions that a stream learns from: `decide` now, `complete` when the outcome is known."""

from abc import ABC, abstractmethod
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skfeamoe._drafts import drafted
from skfeamoe._feedback import EXPLORE, Decisions, Exploration, Waiting, uniforms
from skfeamoe._labels import Labels, read_labels
from skfeamoe._rows import Rows
from skfeamoe._told import Told
from skfeamoe._warn import warn


class DecidingMixin(ABC):
    """`decide` and `complete` of a classifier that learns from a stream."""

    classes_: NDArray
    unlabeled: Any
    waiting_size: int
    _waiting: Waiting | None = None

    def decide(
        self,
        X,
        *,
        sensitive_features=None,
        sample_weight=None,
        exploration=0.05,
        explore="uniform",
        wait=True,
    ):
        """Decide on people of whom only the granted will show an outcome.

        Who is refused never shows one, so a model that learns from the granted alone forgets
        why it refuses. A few of those whom the model refuses are granted by lot, and their
        outcomes stand for the others'.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            People to decide on.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Their groups, if known. They have no part in the decisions; they are what bounds
            are kept for.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        exploration : float, default=0.05
            The chance with which somebody is granted whom the model refuses, in [0, 1). 0
            grants nobody by lot: what is learned then holds for the granted only.

        explore : {"uniform", "margin"}, default="uniform"
            ``"uniform"`` gives everybody the same chance, ``"margin"`` larger ones near the
            decision boundary, as far as all groups are explored at the same rate: rates
            differ by at most a tenth of `exploration` on the people seen last.

        wait : bool, default=True
            Whether these people count at once, in the gaps that need no label, and the granted
            among them wait for `complete`. Do not pass them to `partial_fit` then. With False
            nothing is kept, and `partial_fit` takes all of them once outcomes are known,
            those without one as None, with their `propensity`.

        Returns
        -------
        decisions : Decisions
            A named tuple of three arrays of shape (n_samples,): ``decisions``, labels from
            `classes_`; ``propensity``, the chance with which each person was granted, 1 for
            those whom the model grants; ``ids``, numbers for `complete`.

        Raises
        ------
        ValueError
            If an argument is invalid; the classifier is then as it was.

        Warns
        -----
        UserWarning
            If more than `waiting_size` people wait, so that the oldest are dropped.
        FairnessWarning, UserWarning
            What `partial_fit` tells.

        References
        ----------
        N. Kilbertus, M. Gomez-Rodriguez, B. Schoelkopf, K. Muandet and I. Valera (2020), "Fair
        decisions despite imperfect predictions", AISTATS.

        Examples
        --------
        >>> from skfeamoe import FEAMOEClassifier
        >>> from skfeamoe.datasets import make_credit_stream
        >>> data = make_credit_stream(3_000, drift=None, random_state=0)
        >>> X, repaid, group = data.data, data.target, data.sensitive_features
        >>> model = FEAMOEClassifier(random_state=0)
        >>> model = model.partial_fit(
        ...     X[:2_000], repaid[:2_000], classes=[0, 1], sensitive_features=group[:2_000])
        >>> today = slice(2_000, 3_000)
        >>> decided = model.decide(X[today], sensitive_features=group[today])
        >>> granted = decided.decisions == 1
        >>> bool((decided.propensity[~granted] == 0.05).all())
        True

        Months later:

        >>> model = model.complete(decided.ids[granted], repaid[today][granted])
        >>> model.n_waiting_
        0
        """
        check_is_fitted(self)
        rate = check_exploration(exploration, explore)
        with drafted(self) as draft:
            labels, closeness = draft._looked_at(X)
            refused = labels != draft._favorable_class()
            propensity = np.ones(len(labels))
            if rate and refused.any():
                policy = draft._exploration(rate, explore)
                propensity[refused] = policy.chances(closeness[refused])
            elif refused.any():
                propensity[refused] = 0.0
            waiting = Waiting() if draft._waiting is None else draft._waiting.copy()
            draws = uniforms(draft._lottery_seed(), waiting.n_decided, len(labels))
            granted = draws < propensity
            labels = np.where(granted, draft._favorable_class(), labels)
            ids, n_gone, told = waiting.count(len(labels)), 0, Told()
            if wait:
                rows, told = draft._meet(X, sensitive_features, sample_weight)
                given = rows.take(granted), ids[granted], propensity[granted]
                n_gone = waiting.add(*given, int(draft.waiting_size))
            draft._waiting = waiting
        if n_gone:
            warn(
                f"the {n_gone} people who waited longest for their outcome were dropped "
                f"({waiting.n_dropped} in all), as waiting_size={self.waiting_size}; raise it, "
                "or give `complete` a y of None for everybody whose outcome will not come",
            )
        told.give()
        return Decisions(labels, propensity, ids)

    def complete(self, ids, y):
        """Learn the outcomes of people whom `decide` has granted.

        Parameters
        ----------
        ids : array-like of shape (n_samples,)
            Numbers that `decide` gave them.

        y : array-like of shape (n_samples,)
            Their labels; None, NaN or the mark `unlabeled` for those whose outcome will
            never be known, who wait no more.

        Returns
        -------
        self : object
            The classifier.

        Raises
        ------
        ValueError
            If a number is not of somebody who waits, or a label is not among the classes; the
            classifier is then as it was.

        Warns
        -----
        FairnessWarning, UserWarning
            What `partial_fit` tells.
        """
        check_is_fitted(self)
        ids = Waiting.numbers_of(ids)
        if not len(ids):
            return self
        with drafted(self) as draft:
            waiting = Waiting() if draft._waiting is None else draft._waiting.copy()
            rows, propensity = waiting.take(ids)
            labels, told = read_labels(y, len(ids), draft.unlabeled, draft.classes_), Told()
            known = slice(None) if labels.known is None else labels.known
            if len(labels.values):
                labels = Labels(labels.values, None)
                told = draft._hear(rows.take(known), labels, propensity[known])
            draft._waiting = waiting
        told.give()
        return self

    @property
    def n_waiting_(self):
        """Number of people whose outcome `complete` may tell."""
        if not hasattr(self, "classes_"):
            raise AttributeError("n_waiting_ is known once the classifier is fitted")
        return 0 if self._waiting is None else len(self._waiting)

    @abstractmethod
    def _favorable_class(self):
        """The label that is good for the person."""

    @abstractmethod
    def _looked_at(self, X) -> tuple[NDArray, NDArray]:
        """Decisions, and how near the boundary the refused are, from 0 to 1."""

    @abstractmethod
    def _exploration(self, rate: float, explore: str) -> Exploration:
        """Chances of the refused."""

    @abstractmethod
    def _lottery_seed(self) -> int:
        """Seed of the lots."""

    @abstractmethod
    def _meet(self, X, sensitive_features, sample_weight) -> tuple[Rows, Told]:
        """Let rows count as people; the rows as they will be learned from, and warnings."""

    @abstractmethod
    def _hear(self, rows: Rows, labels: Labels, propensity: NDArray) -> Told:
        """Learn the labels of rows that have counted as people before; warnings."""


def check_exploration(exploration, explore: str) -> float:
    """The rate of exploration."""
    valid = isinstance(exploration, Real) and not isinstance(exploration, bool)
    if not valid or not 0 <= exploration < 1:
        raise ValueError(
            f"exploration must be in [0, 1), got {exploration!r}; 0.05 grants one in twenty of "
            "those whom the model refuses"
        )
    if explore not in EXPLORE:
        raise ValueError(f"explore must be one of {list(EXPLORE)}, got {explore!r}")
    return float(exploration)

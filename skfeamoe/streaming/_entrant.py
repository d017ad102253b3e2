"""One model of an evaluation: what it decided, how that is counted, and what it has learned."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skfeamoe._bins import SensitiveBins, places_edges
from skfeamoe._classifier import last_step
from skfeamoe._named_groups import bins_of_rows

from . import _alarms, _calls, _tally
from ._batches import stacked
from ._granted import VIEWS, counted, lesson
from ._measures import Measures
from ._people import add_decisions
from ._points import ModelPoint, View
from ._ring import new_ring, push_rows, ring_rows

TALLIES = ("cumulative", "faded", *VIEWS)


@dataclass(frozen=True)
class Counting:
    """How the decisions of all models of a run are counted."""

    measures: Measures
    n_classes: int
    favorable: int  # code of the label that is good for the person
    window: int | None
    fading_factor: float | None
    min_group_size: int
    only_granted: bool  # whether views of what a model has seen are counted too
    groups: list[str]  # names of those that have appeared

    @property
    def tallies(self) -> list[str]:
        """Names of the views that are counted as they go."""
        faded = [] if self.fading_factor is None else ["faded"]
        return ["cumulative", *faded, *(VIEWS if self.only_granted else ())]


class Entrant:
    """A model that takes part in an evaluation.

    Parameters
    ----------
    name : str
        Its name, for messages.
    estimator : object
        Whom to ask: a classifier of scikit-learn's kind.
    train : bool or mapping of str to bool
        Whether it learns from the stream, by name.
    pretrain_rows : int
        Rows that come before the first one that counts.
    """

    def __init__(
        self,
        name: str,
        estimator: Any,
        train: bool | Mapping[str, bool],
        pretrain_rows: int,
    ) -> None:
        self.trains = train.get(name, True) if isinstance(train, Mapping) else bool(train)
        self.is_fitted = _calls.is_fitted(estimator)
        if self.trains and not hasattr(estimator, "partial_fit"):
            raise ValueError(
                f"estimator {name!r} ({type(estimator).__name__}) has no partial_fit; pass "
                f"train={{{name!r}: False}} to evaluate it as it is, and give transformers as "
                "preprocessor instead of a Pipeline"
            )
        if not self.trains and not self.is_fitted and not pretrain_rows:
            raise ValueError(
                f"estimator {name!r} is not trained in the stream and not fitted; fit it "
                "before, or pass pretrain_rows to fit it on the first rows"
            )
        self.estimator = estimator
        self.watch: _alarms.Watch | None = None  # detectors of changes in what it decides
        self.accepts = _calls.accepted_metadata(estimator)
        self.kept: list[dict[str, Any]] = []  # batches to fit a static model on
        self.views: dict[str, _tally.Tally] = {}
        self.ring: dict[str, Any] | None = None  # rows of the window
        self.is_proba = False
        self.usage: dict[str, Any] = {}  # sums of gate weights since the last point
        self.people = np.zeros((2, 0))  # rows and granted rows of everybody
        self.rows_scored = self.rows_unscored = 0
        self.seconds = {"predict": 0.0, "train": 0.0}

    @classmethod
    def of_earlier(cls, estimator: Any, state: dict[str, Any]) -> Self:
        """The model of an evaluator that was pickled when models were dicts."""
        made = cls.__new__(cls)
        names = ("accepts", "is_proba", "usage", "people", "seconds")
        vars(made).update({name: state[name] for name in names})
        made.estimator, made.trains, made.is_fitted = estimator, state["train"], state["fitted"]
        made.rows_scored, made.rows_unscored = state["rows_scored"], state["rows_unscored"]
        made.kept = state["waiting"]
        made.watch, made.ring = state.get("watch"), state.get("ring")
        made.views = {
            name: _tally.with_squares(state[name], "the evaluator")
            for name in TALLIES
            if name in state
        }
        return made

    def begin(self, counting: Counting) -> None:
        """Make what counts the decisions."""
        self.views = {name: _tally.new_tally(counting.n_classes) for name in counting.tallies}
        if counting.window is not None:
            self.ring = new_ring(counting.window)

    def bins_of(self, sensitive_features: Any, name: str) -> SensitiveBins | None:
        """How it cuts these columns of the stream, or will; None where it does not."""
        asked = getattr(last_step(self.estimator), "sensitive_bins", None)
        learns_later = not self.trains and not self.is_fitted
        if asked is not None and learns_later and places_edges(asked):
            raise ValueError(
                f"sensitive_bins={asked!r} of {name!r} places edges by the pretrain_rows, "
                "which groups do not wait for; pass the edges themselves, such as [30, 45, 60]"
            )
        learns = self.trains or learns_later
        return bins_of_rows(self.estimator, sensitive_features, learns=learns)

    def predict(
        self, X: Any, true: np.ndarray, classes: np.ndarray, favorable: int, needs: set
    ) -> dict[str, Any]:
        """Decide on a batch."""
        begin = clock.perf_counter()
        predicted = _calls.predict_rows(self.estimator, X, true, classes, favorable, needs)
        self.seconds["predict"] += clock.perf_counter() - begin
        return predicted

    def count(
        self,
        item: dict[str, Any],
        predicted: dict[str, Any],
        counting: Counting,
        n_people: int,
        row: int,
    ) -> None:
        """Add a batch of decisions, whose labels have come, to every view.

        ``row`` is the row of the stream at which it begins.
        """
        rows = {key: item[key] for key in ("true", "group", "weight")}
        rows |= {
            k: predicted[k] for k in ("predicted", "score", "log_loss", "proba", "distance")
        }
        self.is_proba = predicted["is_proba"]
        bins = not np.isnan(rows["score"]).all()
        if bins:
            rows["bin"] = _tally.score_bins(rows["score"], predicted["is_proba"])
        n = len(rows["true"])
        self.rows_scored += n
        self._add("cumulative", rows, counting, bins=bins)
        if counting.fading_factor is not None:
            age = counting.fading_factor ** np.arange(n - 1, -1, -1.0)
            _tally.decay(self.views["faded"], counting.fading_factor**n)
            self._add("faded", rows, counting, age, bins=bins)
        if "shown" in predicted:
            for view, part in counted(rows, predicted["shown"], predicted["chances"]).items():
                self._add(view, part, counting, bins=bins)
        if item["person"] is not None:
            granted = rows["predicted"] == counting.favorable
            person = np.where(rows["weight"] > 0, item["person"], -1)
            self.people = add_decisions(self.people, person, granted, n_people)
        if self.ring is not None:
            push_rows(self.ring, rows)
        n_groups = len(counting.groups)
        if "gate" in predicted:
            self.usage = _tally.add_usage(
                self.usage, predicted["gate"], rows["group"], n_groups
            )
        if self.watch is not None:
            self.watch.update(rows, counting.favorable, n_groups, row, item["times"])

    def _add(
        self,
        view: str,
        rows: _tally.Rows,
        counting: Counting,
        age: np.ndarray | None = None,
        *,
        bins: bool,
    ) -> None:
        """Add rows to one view."""
        tally = self.views[view]
        _tally.grow_groups(tally, len(counting.groups))
        _tally.add_rows(tally, rows, counting.favorable, age, bins)

    def learn(
        self, item: dict[str, Any], predicted: dict[str, Any], classes: np.ndarray
    ) -> None:
        """Train on a batch whose labels have come, as far as the model sees them."""
        begin = clock.perf_counter()
        takes = self.accepts["partial_fit"]
        if "shown" in predicted:
            item = lesson(item, takes, predicted["shown"], predicted["chances"])
        else:
            item = {**item, "propensity": None}
        if len(item["y"]):
            extra = _extra(item, takes)
            if not self.is_fitted and _calls.takes_classes(self.estimator):
                extra["classes"] = classes
            self.estimator.partial_fit(item["X"], item["y"], **extra)
            self.is_fitted = True
        self.seconds["train"] += clock.perf_counter() - begin

    def keep(self, item: dict[str, Any]) -> None:
        """Keep a batch to be fitted on."""
        keys = ("X", "y", "sensitive_features", "sample_weight")
        self.kept.append({key: item[key] for key in keys})

    def fit_kept(self) -> None:
        """Fit a static model once, on the rows kept for it."""
        if not self.kept:
            return
        begin = clock.perf_counter()
        first = self.kept[0]
        item = {
            key: None if first[key] is None else stacked([part[key] for part in self.kept])
            for key in first
        }
        self.estimator.fit(item["X"], item["y"], **_extra(item, self.accepts["fit"]))
        self.kept, self.is_fitted = [], True
        self.seconds["train"] += clock.perf_counter() - begin

    def stock(self, counting: Counting) -> ModelPoint:
        """Measures of all views now."""
        views = {"cumulative": self._view(self.views["cumulative"], counting)}
        if self.ring is not None:
            views["window"] = self._window_view(self.ring, counting)
        views |= {name: self._view(self.views[name], counting) for name in counting.tallies[1:]}
        ids = getattr(self.estimator, "expert_ids_", None)
        return ModelPoint(
            rows_scored=self.rows_scored,
            n_experts=getattr(self.estimator, "n_experts_", None),
            expert_ids=None if ids is None else np.asarray(ids).tolist(),
            usage=self.usage,
            views=views,
        )

    def _window_view(self, ring: dict[str, Any], counting: Counting) -> View:
        """Measures of the rows in the window; those of scores are exact."""
        rows = ring_rows(ring)
        tally = _tally.new_tally(counting.n_classes, len(counting.groups))
        _tally.add_rows(tally, rows, counting.favorable, bins=False)
        told = rows["true"] != _tally.UNTOLD
        positive = (rows["true"] == counting.favorable)[told]
        scores, weight = rows["score"][told], rows["weight"][told]
        tally["scores"] = _tally.exact_scores(positive, scores, weight)
        custom = {
            name: measure.of_rows(rows, counting.favorable, counting.groups)
            for name, measure in counting.measures.custom.items()
        }
        return self._view(tally, counting, custom)

    def _view(
        self, tally: _tally.Tally, counting: Counting, custom: dict[str, float] | None = None
    ) -> View:
        """Measures of a tally, and the group counts that they came from."""
        _tally.grow_groups(tally, len(counting.groups))
        if custom is None:
            outcomes = _outcomes(tally["confusion"], counting.favorable)
            counts = {**tally, "outcomes": outcomes}
            custom = {
                name: measure.of_tally(counts, self.is_proba, counting.groups)
                for name, measure in counting.measures.custom.items()
            }
        known = {
            **_tally.overall_measures(tally, tally["scores"]),
            **_tally.group_gaps(tally, counting.min_group_size),
            **custom,
        }
        return View(
            n_rows=float(tally["sums"][0]),
            measures={name: known[name] for name in counting.measures.names},
            **{name: tally[name].copy() for name in _tally.GROUP_COUNTS[:-1]},
            reliability=tally["reliability"][:, : None if self.is_proba else 0].copy(),
        )


def _outcomes(confusion: np.ndarray, favorable: int) -> np.ndarray:
    """Weights by favorable truth and favorable decision, (2, 2)."""
    parts = np.array([~np.eye(len(confusion), dtype=bool)[favorable]]).astype(float)
    of = np.vstack([parts, 1.0 - parts])
    return of @ confusion @ of.T


def _extra(item: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Metadata of a batch that a method takes."""
    return {name: item[name] for name in names if item.get(name) is not None}

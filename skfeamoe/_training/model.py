"""A model in training: a clock, and the parts that own all the rest.

Every part has ``update`` or methods of its own that learn, ``copy``, ``merge``, and
``to_dict``/``from_dict``, whose data are arrays, numbers, text, lists and dicts with text
keys. So pickle, joblib and skops write a model and read it back bit for bit in the middle of
a stream. Copies share what no update writes into and cost next to nothing: training works on
a copy, which takes the place of the model when nothing failed.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.monitors import Monitor, monitor_from_dict, monitor_to_dict
from skfeamoe._mixture.experts import kind_of, with_shift
from skfeamoe._mixture.forward import Shift
from skfeamoe._mixture.layout import Layout
from skfeamoe._terms import Carry, ColumnTerms, LinearTerms, RawTerms, Terms, terms_from_dict
from skfeamoe._training.draws import Draws, generator
from skfeamoe._training.drift.monitor import DriftMonitor
from skfeamoe._training.ensemble import FITTED_ROWS, Ensemble
from skfeamoe._training.history import History
from skfeamoe._training.posterior import Posterior
from skfeamoe._training.reservoir import Reservoir

FORMAT = 2
"""Version of what `Model.to_dict` writes. Format 1 was one dict of 36 keys."""


@dataclass
class Clock:
    """What was counted, and the running mean of the training loss."""

    n_samples_seen: int = 0
    n_added: int = 0  # experts added so far, removed ones included
    samples_at_growth: int = 0
    unfair_since_growth: int = 0  # rows whose decision changes with the sensitive attribute
    young_since: int = 0  # row at which the stream, or the world after an alarm, began
    loss: float = float("nan")  # nan before the first row

    def update(self, loss: NDArray, rate: float) -> None:
        """Take in the loss of every row of a batch that has a label."""
        if not len(loss):
            return
        self.n_samples_seen += len(loss)
        mean_loss = float(loss.sum()) / len(loss)
        if math.isnan(self.loss):
            self.loss = mean_loss
        self.loss += rate * (mean_loss - self.loss)

    def count_growth(self, n_added: int) -> None:
        """Count added experts, and begin to wait for the next."""
        self.n_added += n_added
        self.samples_at_growth = self.n_samples_seen
        self.unfair_since_growth = 0

    def count_unfair(self, n_rows: int) -> None:
        """Count rows whose decision changes with the sensitive attribute."""
        self.unfair_since_growth += n_rows

    def be_young(self) -> None:
        """Begin anew to learn in small steps: another world begins."""
        self.young_since = self.n_samples_seen

    def add(self, counted: Self) -> None:
        """Add what was counted elsewhere since, and go on from its loss."""
        self.n_samples_seen += counted.n_samples_seen
        self.unfair_since_growth += counted.unfair_since_growth
        self.loss = counted.loss

    def copy(self) -> Self:
        """The same counts."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def merge(self, other: Self) -> None:
        """Add up what was counted; the loss becomes the mean by rows."""
        n = self.n_samples_seen + other.n_samples_seen
        parts = ((c.n_samples_seen, c.loss) for c in (self, other) if c.n_samples_seen)
        self.loss = sum(m * loss for m, loss in parts) / n if n else float("nan")
        self.n_samples_seen = n
        self.n_added = max(self.n_added, other.n_added)
        self.unfair_since_growth += other.unfair_since_growth

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The clock that `to_dict` has written."""
        return cls(**data)


class Model:
    """A model in training."""

    def __init__(
        self,
        seed: int,
        terms: Terms,
        ensemble: Ensemble,
        monitor: Monitor,
        background: Reservoir,
        favorable: int,
        *,
        clock: Clock | None = None,
        posterior: Posterior | None = None,
    ) -> None:
        self.seed = seed
        self.clock = Clock() if clock is None else clock
        self.terms = terms
        self.ensemble = ensemble
        self.posterior = Posterior() if posterior is None else posterior
        self.monitor = monitor
        self.favorable = favorable  # code of the favorable class
        self.drift = DriftMonitor(sparse=background.sparse)
        self.history = History()
        self.background = background
        self.groups: list[str] = []  # labels by code

    @classmethod
    def start(
        cls,
        layout: Layout,
        monitor: Callable[[int], Monitor],
        *,
        favorable: int,
        seed: int,
        terms: Terms | None = None,
        sparse: bool = False,
        background_size: int = 0,
    ) -> Self:
        """A mixture that has seen nothing; ``layout`` has the columns of X.

        None for ``terms`` takes `LinearTerms`; ``monitor`` makes a monitor for a number of
        terms.
        """
        n = layout.n_features
        terms = LinearTerms(n, centered=not sparse) if terms is None else terms
        layout = layout._replace(n_features=terms.n_outputs)
        ensemble = Ensemble.start(layout, generator(seed, Draws.START))
        background = Reservoir(n, size=background_size, sparse=sparse, seed=seed)
        return cls(seed, terms, ensemble, monitor(terms.n_outputs), background, favorable)

    def start_from(self, experts, X, weight: NDArray) -> None:
        """Begin with fitted experts, in units of X.

        The features' units are taken from X at once, and held firmly, as a later change of
        units would change what the experts say.
        """
        self.terms.update(X, weight)
        self.start_in_units(experts)

    def start_in_units(self, experts) -> None:
        """The same with units that are known already."""
        self.terms.hold(FITTED_ROWS)
        self.ensemble = Ensemble.of_fitted(self.ensemble.layout, experts, self.terms.unfold)

    @property
    def n_people(self) -> int:
        """Rows seen so far, with and without labels, as far as they were counted."""
        return max(self.clock.n_samples_seen, self.monitor.n_seen)

    def take_over(self, ensemble: Ensemble, counted: Clock | None = None) -> None:
        """Go on with experts that have learned elsewhere, and what was counted there."""
        self.ensemble = ensemble
        if counted is not None:
            self.clock.add(counted)

    def let_values_miss(self) -> None:
        """Have columns that say whether a value is missing, from now on."""
        if isinstance(self.terms, LinearTerms | RawTerms):
            self.terms = ColumnTerms.around(self.terms)

    def learn_terms(self, X, weight: NDArray) -> None:
        """Let the terms learn from rows of X; what rests on them moves with them."""
        self._move(self.terms.update(X, weight))

    def renew_terms(self) -> None:
        """Let the terms look at the last rows again."""
        self._move(self.terms.renew())

    def _move(self, carry: Carry | None) -> None:
        """Say the same of terms that have changed; experts that know nothing start anew."""
        if carry is None:
            return
        if self.clock.n_samples_seen == 0:
            layout = self.ensemble.layout._replace(n_features=self.terms.n_outputs)
            self.ensemble = Ensemble.start(layout, generator(self.seed, Draws.START))
        else:
            self.ensemble.carry(carry)
        self.monitor.carry(carry)

    def generator(self, purpose: Draws) -> np.random.Generator:
        """A fresh generator for one purpose at the present point of training."""
        return generator(self.seed, purpose, self.clock.n_samples_seen)

    @property
    def prior(self) -> NDArray | None:
        """Log-weight of every expert's generation, (n_experts,); None for one generation."""
        return self.posterior.log_prior(self.ensemble.generation)

    def predict(self, Z) -> NDArray:
        """Probabilities of standardized rows, (n_samples, n_classes)."""
        return self.ensemble.predict(Z, self.prior, self.shift)

    def published(self) -> NDArray:
        """The parameters that predict, with posterior weights among the intercepts.

        Experts whose scores are linear have the offset in them; see `loose_shift`.
        """
        params, shift = self.ensemble.published(self.prior), self.shift
        if shift is None or not kind_of(self.ensemble.layout).is_linear:
            return params
        return with_shift(params, self.ensemble.layout, shift.offset, shift.favorable)

    @property
    def bounds(self) -> BoundMonitor | None:
        """The monitor if it keeps bounds, and has groups to keep them for."""
        monitor = self.monitor
        return monitor if isinstance(monitor, BoundMonitor) and monitor.is_active else None

    @property
    def shift(self) -> Shift | None:
        """The offset that keeps bounds; None while there is none."""
        monitor = self.monitor
        if not monitor.shift_is_used:
            return None
        local = monitor.local.placed(self.terms)
        return Shift(monitor.offset, self.favorable, local)

    @property
    def loose_shift(self) -> Shift | None:
        """What the published parameters cannot hold of the offset.

        Linear experts hold all of it but what differs between parts of the people.
        """
        shift = self.shift
        if shift is None or not kind_of(self.ensemble.layout).is_linear:
            return shift
        return shift._replace(offset=np.zeros_like(shift.offset)) if shift.local else None

    def add_groups(self, labels: list[str], *, cells: bool) -> None:
        """Take in the labels of all groups so far; new ones get cells if ``cells``."""
        self.groups = list(labels)
        if cells:
            self.monitor.add_groups(len(labels))

    def remove_generation(self, j: int) -> None:
        """Remove generation j and its experts."""
        self.ensemble.remove_generation(j)
        self.posterior.remove(j)

    def alarm_causes(self) -> list[str]:
        """Causes of the alarms, with the names of the groups."""
        causes = []
        for cause in self.drift.alarm_causes:
            constraint, _, code = cause.rpartition(": ")
            causes.append(f"{constraint}: {self.groups[int(code)]}" if constraint else cause)
        return causes

    def copy(self) -> Self:
        """A model that learns on its own from here."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        for name in PARTS:
            setattr(other, name, getattr(self, name).copy())
        return other

    def rewritten(self, terms: Terms, change: Callable[[NDArray], NDArray]) -> Self:
        """A copy on the terms of tables that are as the rows of its sample after a change."""
        other = self.copy()
        other.terms, other.background = terms, self.background.rewritten(change)
        return other

    def without_people(self) -> Self:
        """A copy that decides the same, and keeps no row that it has learned from."""
        other, kept = self.copy(), self.background
        other.background = Reservoir(
            kept.n_features, size=0, sparse=kept.sparse, seed=kept.seed
        )
        other.drift = self.drift.without_rows()
        other.terms = self.terms.without_rows()
        other.monitor = self.monitor.without_people()
        return other

    def merge(self, other: Self) -> None:
        """Take in a copy of the same start that has learned from other rows.

        Terms, group moments and background merge exactly, and so in any order; parameters,
        multipliers and posterior weights become means by rows; the record, and what watches
        for drift, stay this model's own. Both count what they have seen since *their* start:
        of two copies of a model that had already learned, its rows count twice.
        """
        total = self.clock.n_samples_seen + other.clock.n_samples_seen
        share = other.clock.n_samples_seen / total if total else 0.0
        self.ensemble.merge(other.ensemble, share)
        self.posterior.merge(other.posterior, share)
        self.terms.merge(other.terms)
        self.groups += [label for label in other.groups if label not in self.groups]
        codes = [self.groups.index(label) for label in other.groups[: other.monitor.n_groups]]
        self.monitor.merge(other.monitor, np.array(codes, dtype=np.intp))  # type: ignore[arg-type]
        self.background.merge(other.background)
        self.drift.merge(other.drift)
        self.history.merge(other.history)
        self.clock.merge(other.clock)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        parts: dict[str, Any] = {name: getattr(self, name).to_dict() for name in PARTS}
        parts["monitor"] = monitor_to_dict(self.monitor)
        own = {"format": FORMAT, "seed": self.seed, "favorable": self.favorable}
        return {**own, "groups": list(self.groups), **parts}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The model that `to_dict` has written."""
        if data.get("format") != FORMAT:
            raise ValueError(
                f"the model was saved in format {data.get('format', 1)}, and this version of "
                f"skfeamoe reads format {FORMAT}; load it with the version that saved it, or "
                "train it anew"
            )
        made = cls.__new__(cls)
        made.seed, made.groups = data["seed"], list(data["groups"])
        made.favorable = data["favorable"]
        made.monitor = monitor_from_dict(data["monitor"])
        made.terms = terms_from_dict(data["terms"])
        for name, part in PARTS.items():
            if part is not None:
                setattr(made, name, part.from_dict(data[name]))
        return made


PARTS: dict[str, Any] = {
    "clock": Clock,
    "terms": None,  # of a kind that it names itself
    "ensemble": Ensemble,
    "posterior": Posterior,
    "monitor": None,
    "drift": DriftMonitor,
    "history": History,
    "background": Reservoir,
}
"""The parts of a model, and their classes."""

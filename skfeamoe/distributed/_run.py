"""A fit in progress: shards on their workers, rounds, and bounds on a common sample."""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from skfeamoe._column_names import feature_columns
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.constraints import Slots
from skfeamoe._fairness.monitors import make_monitor
from skfeamoe._fairness.people import equal_parts
from skfeamoe._parameters import (
    build_settings,
    check_enough_to_fit,
    constraint_names,
    first_layout,
    fitted_experts,
    monotone_signs,
    n_first_experts,
)
from skfeamoe._rows import Rows
from skfeamoe._terms import ColumnTerms, Terms
from skfeamoe._training.acts import add_expert
from skfeamoe._training.growth import Act, NoGrowth
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import settle
from skfeamoe._training.settings import Settings, fit_defaults, passes_of
from skfeamoe._training.trainer import SETTLE_ROWS
from skfeamoe.distributed import _rounds, _shards
from skfeamoe.distributed._tables import column_terms, common_encoder, recoded_sample
from skfeamoe.metrics._checks import is_text

ROUNDS = 100
"""`fit` takes about so many rounds, of `LEAST_ROUND` rows of a shard at least."""

LEAST_ROUND = 256
FAN_IN = 16
"""Parts that are averaged together on a worker before the mean goes to the coordinator."""

DIRECTION_PASSES = 3
"""Passes over the common sample by which the directions of the groups are learned."""

TIGHTENINGS = 3
"""How often a bound is aimed at anew where the people of all shards show a wider gap."""

DIRECTION_DRAWS = 102

MIXED_LABELS = (
    "y holds text in some shards and numbers in others; bring all shards to one of the two"
)
NO_LABEL = "y has no label in any shard; pass some rows that have one"


class Run:
    """A fit in progress: the shards on their workers, and the common model."""

    def __init__(self, client, estimator, shards: list, classes, rows_per_round) -> None:
        self.client = client
        self.estimator = estimator
        if classes is None:
            mark = estimator.unlabeled
            found = client.gather(
                self._map(_shards.labels_of, client.compute(shards), unlabeled=mark)
            )
            told = [labels for labels in found if len(labels)]
            if not told:
                raise ValueError(NO_LABEL)
            if len({is_text(labels) for labels in told}) > 1:
                raise ValueError(MIXED_LABELS)
            classes = np.unique(np.concatenate(told))
        seeds = check_random_state(estimator.random_state).randint(
            np.iinfo(np.int32).max, size=len(shards) + 1
        )
        probe = clone(estimator).set_params(initial_experts=None)
        prepared = self._map(
            _shards.prepare,
            client.compute(shards),
            seeds[1:].tolist(),
            estimator=probe,
            classes=classes,
        )
        summaries = client.gather(self._map(_shards.summary_of, prepared))
        _shards.check_alike(summaries)
        if not any(summary.has_weight for summary in summaries):
            raise ValueError("sample_weight must have at least one non-zero number")
        if len(classes) < 2:
            check_enough_to_fit(Rows(None, np.zeros(1), np.zeros(1), np.ones(1)))
        self.n_rows = [summary.n_rows for summary in summaries]
        self.n_labels = np.sum([summary.n_labels for summary in summaries], axis=0)
        if not self.n_labels.sum():
            raise ValueError(NO_LABEL)
        self.attributes = summaries[0].attributes
        grouped = [a for s in summaries if (a := s.attributes)["_sensitive_names"]]
        for name in ("_sensitive_names", "_bins") if grouped else ():
            self.attributes[name] = grouped[0][name]
        self.attributes["_n_first_experts"] = n_first_experts(estimator)
        names = feature_columns(self._probe())[1]
        tables = [summary.attributes["_table"] for summary in summaries]
        empty = [summary.seen.empty for summary in summaries]
        self.attributes["_table"], codes = common_encoder(tables, names, empty)
        labels, groups = _shards.common_labels(summaries)
        self.rows = self._map(_shards.in_common, prepared, groups, codes)
        self.model = self._common_model(summaries, labels, codes, int(seeds[0]))
        total = int(self.n_labels.sum())
        self.n_passes = passes_of(estimator, total)
        self.settings = self._settings(total)
        self.n_rounds = self._rounds_per_pass(rows_per_round)

    def _probe(self):
        """The estimator as checking the input has left it."""
        probe = clone(self.estimator)
        probe.initial_experts = self.estimator.initial_experts  # a clone's are not fitted
        vars(probe).update(self.attributes)
        return probe

    def _submit(self, function, *arguments):
        """A task on the cluster."""
        return self.client.submit(function, *arguments, pure=False, retries=3)

    def _map(self, function, *arguments, **common) -> list:
        """A task for every shard."""
        return self.client.map(function, *arguments, pure=False, retries=3, **common)

    def _sample(self, seed: int) -> list[Rows]:
        """Some rows of every shard, in proportion to its rows."""
        sizes = [-(-SETTLE_ROWS * n // sum(self.n_rows)) for n in self.n_rows]
        shards = range(len(sizes))
        sample = self._map(_shards.sample_of, self.rows, sizes, shards, seed=seed)
        return self.client.gather(sample)

    def _people(self) -> tuple[Rows, NDArray]:
        """People of all shards, equal parts of all groups; what all of a group weigh.

        A shard gives as large a part of its people of a group as all others do.
        """
        n_groups = len(self.model.groups)
        told = self.client.gather(self._map(_shards.people_of, self.rows, n_groups=n_groups))
        counts, weights = np.moveaxis(np.array(told), 1, 0)
        total = counts.sum(axis=0)
        share = equal_parts(total, SETTLE_ROWS) / np.maximum(total, 1)
        numbers, shards = list(np.ceil(share * counts).astype(np.int64)), range(len(counts))
        people = self._map(_shards.drawn_of, self.rows, numbers, shards, seed=self.model.seed)
        return Rows.join(self.client.gather(people)), weights.sum(axis=0)

    def _common_model(self, summaries: list, labels, codes: list, seed: int) -> Model:
        """The model that all shards begin with."""
        probe, background = self._probe(), summaries[0].background
        model = Model.start(
            first_layout(probe, background.n_features),
            partial(
                make_monitor,
                probe.control,
                Slots(constraint_names(probe)),
                probe._favorable,
                sparse=background.sparse,
            ),
            favorable=probe._favorable,
            seed=seed,
            terms=self._common_terms(probe, summaries, codes, seed),
            sparse=background.sparse,
            background_size=background.size,
        )
        for summary, own in zip(summaries, codes, strict=True):
            model.background.merge(recoded_sample(summary.background, own))
        model.add_groups(labels, cells=bool(constraint_names(probe)))
        if probe.initial_experts is not None:
            model.start_in_units(fitted_experts(probe, model.terms))
        return model

    def _common_terms(self, probe, summaries: list, codes: list, seed: int) -> Terms:
        """The terms of the tables of all shards."""
        own = [summary.terms for summary in summaries]
        if all(terms.is_linear for terms in own) and not any(codes):
            for terms in own[1:]:
                own[0].merge(terms)
            return own[0]
        like = next(terms for terms in own if isinstance(terms, ColumnTerms))
        encoder, n = probe._table, like.n_inputs
        begun = ColumnTerms(
            np.zeros(n) if encoder is None else np.array(encoder.is_category),
            splines=like.numbers.bends,
            n_knots=like.numbers.n_knots,
            monotone=monotone_signs(probe),
        )
        seen = [summary.seen for summary in summaries]
        return column_terms(begun, seen, codes, self._sample(seed), self.n_rows)

    def _settings(self, total: int) -> Settings:
        """Settings of the common model; a balanced weight needs all labels."""
        probe = self._probe()
        if probe.class_weight == "balanced":
            n = np.maximum(self.n_labels, 1)
            weight = self.n_labels.sum() / (len(n) * n)
            probe.class_weight = dict(zip(probe.classes_.tolist(), weight, strict=True))
        return build_settings(probe, fit_defaults(total), self.model.groups)

    def _rounds_per_pass(self, rows_per_round) -> int:
        """Rounds by which a pass over all shards is made."""
        largest = max(self.n_rows)
        if rows_per_round == "auto":
            rows_per_round = max(largest * self.n_passes // ROUNDS, LEAST_ROUND)
        return max(-(-largest // int(rows_per_round)), 1)

    # ------------------------------------------------------------------ learning

    def learn(self, draw, after_round) -> Model:
        """All rounds of all passes."""
        model = self.model
        self.standardized = self._map(
            _shards.standardized, self.rows, terms=model.terms.without_rows()
        )
        chosen = self.estimator.batch_size != "auto"
        learning = _rounds.worker_settings(self.settings, len(self.rows), chosen_batch=chosen)
        growth, total = self.settings.growth, self.n_passes * self.n_rounds
        for number in range(total):
            n_pass, part = divmod(number, self.n_rounds)
            if n_pass:
                growth = NoGrowth()
            for act in growth.before(model):
                if act is Act.EXPERT:
                    add_expert(model, self.settings.learning.max_experts)
            _rounds.take_part(model, self._round(learning, n_pass, part))
            draw(model.clock.n_samples_seen, f"round {number + 1} of {total}")
            if after_round is not None:
                after_round(
                    {
                        "round": number + 1,
                        "n_rounds": total,
                        "rows_learned": model.clock.n_samples_seen,
                        "loss": model.clock.loss,
                        "n_experts": model.ensemble.n_experts,
                    }
                )
        return model

    def _round(self, settings: Settings, n_pass: int, part: int) -> _rounds.Part:
        """One round: every shard learns, the mean comes back."""
        plans = [
            _rounds.Plan(self.model.seed, k, n_pass, part, self.n_rounds)
            for k in range(len(self.standardized))
        ]
        common = self._submit(_shards.same, (_rounds.traveling(self.model), settings))
        parts = self._map(_rounds.learn_round, self.standardized, plans, common=common)
        while len(parts) > 1:
            parts = [
                self._submit(_rounds.mean_part, parts[start : start + FAN_IN])
                for start in range(0, len(parts), FAN_IN)
            ]
        return parts[0].result()

    # -------------------------------------------------------------------- bounds

    def keep_bounds(self, model: Model) -> None:
        """Solve for the offset on people of all shards, and measure on all of them."""
        monitor, asked = model.bounds, self.settings.fairness
        if monitor is None:
            return
        sample, counted = self._people()
        monitor.keep(asked, sample, counted)
        if len(model.groups) < 2:
            return
        self._learn_directions(model, monitor, sample)
        aimed = asked
        for _ in range(TIGHTENINGS):
            settle(model, aimed, sample)
            monitor.take_measures(self._measure(model, monitor))
            gaps = np.array(
                [
                    monitor.measured.gap(s, ratio=bool(ratio))[0]
                    for s, ratio in enumerate(asked.is_ratio)
                ]
            )
            over = np.nan_to_num(gaps - asked.limits)
            if not np.any(over > 0.0):
                break
            limits = np.maximum(aimed.limits - np.maximum(over, 0.0), 0.1 * asked.limits)
            aimed = _with_limits(aimed, limits)
        solved = not np.any(over > 0.0)
        monitor.take_measures(replace(monitor.measured, solved=solved), asked.limits)

    def _measure(self, model: Model, monitor: BoundMonitor):
        """Cells of the present model on all people of all shards."""
        common = self._submit(
            _shards.same, (_measuring(model, monitor), self.settings.fairness)
        )
        sums = self._map(_rounds.cell_sums, self.standardized, common=common)
        return reduce(add, self.client.gather(sums)).measured(monitor.measured)

    def _learn_directions(self, model: Model, monitor: BoundMonitor, sample: Rows) -> None:
        """Learn in which way the groups differ from the people of all shards together."""
        rows = sample.with_columns(model.terms.transform(sample.X))
        size = self.settings.learning.batch_size
        for n_pass in range(DIRECTION_PASSES):
            rng = np.random.default_rng([model.seed, DIRECTION_DRAWS, n_pass])
            for batch in rows.take(rng.permutation(len(rows))).slices(size):
                monitor.learn_directions(self.settings.fairness, batch.X, batch)


def _with_limits(asked, limits):
    """The same wishes with other bounds."""
    return replace(asked, limits=limits)


def _measuring(model: Model, monitor: BoundMonitor) -> Model:
    """What a shard needs of a model to decide: its people stay at the coordinator."""
    return _rounds.traveling(model, monitor.without_people())

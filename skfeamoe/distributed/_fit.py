"""`fit` on a Dask cluster: rounds of learning, one mean, and bounds on a common sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._optional import optional
from skfeamoe._parameters import (
    build_settings,
    check_enough_to_fit,
    constraint_names,
    fingerprint,
    fitted_experts,
)
from skfeamoe._rows import Rows
from skfeamoe._told import Told, warn_if_inactive, warn_if_unmet
from skfeamoe._training.acts import add_expert
from skfeamoe._training.growth import Act, NoGrowth
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import settle
from skfeamoe._training.settings import Settings, fit_defaults, passes_for
from skfeamoe._training.trainer import SETTLE_ROWS
from skfeamoe._validation import drafted
from skfeamoe.distributed import _rounds, _shards
from skfeamoe.streaming._progress import progress_bar

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


def fit(
    model,
    X,
    y,
    *,
    sensitive_features=None,
    sample_weight=None,
    classes=None,
    client=None,
    rows_per_round="auto",
    progress: bool = False,
    after_round: Callable[[dict[str, Any]], Any] | None = None,
) -> FEAMOEClassifier:
    """Fit a classifier on a cluster, in rounds, on shards that stay where they are.

    All shards start a round from the same parameters, learn some hundred rows or more each,
    and send their parameters back; the next round begins at the mean. At the end the bounds
    are kept on a sample of the people of all shards, and the gaps are measured on *all*
    people, as sums that every shard adds up by itself. A shard may hold a single group, or a
    single class.

    Parameters
    ----------
    model : FEAMOEClassifier
        Fitted in place, as by its own `fit`. Of its parameters, ``control="schedule"`` and
        ``growth="drift"`` need one stream and are refused.

    X : Dask DataFrame, Dask Array or list of shards
        Features, numbers only. A shard of a list is an array, a frame, or
        :func:`dask.delayed` of one, loaded where it is needed.

    y : Dask Series, Dask Array, list of shards or str
        Labels in the same partitions; a name stands for a column of `X`.

    sensitive_features : Dask collection, list of shards, str or list of str, default=None
        Groups in the same partitions; names stand for columns of `X`, which are then no
        features.

    sample_weight : Dask collection, list of shards or str, default=None
        Weights in the same partitions.

    classes : array-like of shape (n_classes,), default=None
        All labels. None looks through `y` for them, which costs a pass over the labels.

    client : :class:`distributed.Client`, default=None
        The cluster. None takes the present client.

    rows_per_round : int or "auto", default="auto"
        Rows that a shard learns between two means. "auto": a hundredth of all that it
        learns, at least 256.

    progress : bool, default=False
        Whether to draw a progress bar (needs rich).

    after_round : callable, default=None
        Called after every round with a dict: ``round``, ``n_rounds``, ``rows_learned``,
        ``loss``, ``n_experts``.

    Returns
    -------
    model : FEAMOEClassifier
        The fitted classifier, which predicts, explains and learns on like any other.

    Raises
    ------
    ImportError
        If dask is not installed: ``pip install "skfeamoe[distributed]"``.
    ValueError
        If there is no client, shards differ in their columns, the parts differ in their
        partitions, or an argument or parameter is invalid; the model is then as it was.

    Warns
    -----
    FairnessWarning
        As by `fit`, of the gap of all people.

    Notes
    -----
    What travels: parameters, moments and counts; a sample of rows for the bounds, at most
    30,000 of all shards together; and `background_size` rows for explanations. Everything
    else stays on the workers. Tasks are pure functions of a shard and the round's
    parameters: when a worker is lost, Dask loads its shards again and does its tasks anew,
    and the result is the same bit for bit.

    References
    ----------
    B. McMahan, E. Moore, D. Ramage, S. Hampson and B. Aguera y Arcas (2017),
    "Communication-efficient learning of deep networks from decentralized data", AISTATS.

    Examples
    --------
    >>> from distributed import Client
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import fit
    >>> stream = make_credit_stream(8_000, drift=None, random_state=0)
    >>> shards = [slice(start, start + 2_000) for start in range(0, 8_000, 2_000)]
    >>> parts = (stream.data, stream.target, stream.sensitive_features)
    >>> X, y, group = ([part[shard] for shard in shards] for part in parts)
    >>> with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    ...     model = fit(FEAMOEClassifier(random_state=0), X, y, sensitive_features=group)
    >>> bool(model.group_gaps_["demographic_parity"] < 0.06)
    True
    """
    client = _client(client)
    _check_parameters(model, rows_per_round)
    shards = _shards.delayed_shards(X, y, sensitive_features, sample_weight)
    told = Told()
    with drafted(model) as draft, progress_bar(progress, None) as draw:
        run = _Run(client, draft, shards, classes, rows_per_round)
        trained = run.learn(draw, after_round)
        run.keep_bounds(trained)
        for name, value in run.attributes.items():
            setattr(draft, name, value)
        draft._cache = {"parameters": fingerprint(draft)}
        draft.n_iter_ = run.n_passes
        draft._model = trained
        draft._warned_inactive = warn_if_inactive(told, draft, trained)
        warn_if_unmet(told, draft, trained, where="on the training data")
    told.give()
    return model


def _client(client):
    """The client that is given, or the present one."""
    distributed = optional("distributed", extra="distributed", purpose=_shards.PURPOSE)
    if client is not None:
        return client
    try:
        return distributed.default_client()
    except ValueError as error:
        raise ValueError(
            "there is no Dask client: make one before, client = distributed.Client(), which "
            "starts workers on this machine, or Client(address) of a cluster"
        ) from error


def _check_parameters(model, rows_per_round) -> None:
    """Refuse what cannot be learned in rounds."""
    if not isinstance(model, FEAMOEClassifier):
        raise ValueError(f"model must be a FEAMOEClassifier, got {type(model).__name__}")
    model._validate_params()
    if model.control == "schedule" and constraint_names(model):
        raise ValueError(
            'control="schedule" penalizes row after row by decisions of its own shard; use '
            'control="bound", or fit on one machine'
        )
    if model.growth == "drift":
        raise ValueError(
            'growth="drift" watches a stream in its order, which shards do not have; use '
            'growth="interval" or None, and watch the fitted model by monitor'
        )
    whole = isinstance(rows_per_round, (int, np.integer)) and not isinstance(
        rows_per_round, bool
    )
    if rows_per_round != "auto" and not (whole and rows_per_round >= 1):
        raise ValueError(
            f"rows_per_round must be 'auto' or a number of rows from 1, got {rows_per_round!r}"
        )


class _Run:
    """A fit in progress: the shards on their workers, and the common model."""

    def __init__(self, client, estimator, shards: list, classes, rows_per_round) -> None:
        self.client = client
        self.estimator = estimator
        if classes is None:
            found = client.gather(self._map(_shards.labels_of, client.compute(shards)))
            classes = np.unique(np.concatenate(found))
        seeds = check_random_state(estimator.random_state).randint(
            np.iinfo(np.int32).max, size=len(shards) + 1
        )
        probe = clone(estimator).set_params(initial_experts=None)
        self.prepared = self._map(
            _shards.prepare,
            client.compute(shards),
            seeds[1:].tolist(),
            estimator=probe,
            classes=classes,
        )
        summaries = self._gather(_shards.summary_of)
        _shards.check_alike(summaries)
        if not any(summary.has_weight for summary in summaries):
            raise ValueError("sample_weight must have at least one non-zero number")
        if len(classes) < 2:
            check_enough_to_fit(Rows(None, np.zeros(1), np.zeros(1), np.ones(1)))
        self.n_rows = [summary.n_rows for summary in summaries]
        self.attributes = summaries[0].attributes
        self.model = self._common_model(summaries, int(seeds[0]))
        total = sum(self.n_rows)
        self.n_passes = (
            passes_for(total) if estimator.max_iter == "auto" else estimator.max_iter
        )
        self.settings = self._settings(total)
        self.n_rounds = self._rounds_per_pass(rows_per_round)

    def _submit(self, function, *arguments):
        """A task on the cluster."""
        return self.client.submit(function, *arguments, pure=False, retries=3)

    def _map(self, function, *arguments, **common) -> list:
        """A task for every shard."""
        return self.client.map(function, *arguments, pure=False, retries=3, **common)

    def _gather(self, function, *arguments: Sequence) -> list:
        """A result of every shard, computed where the shard is."""
        return self.client.gather(self._map(function, self.prepared, *arguments))

    def _common_model(self, summaries: list, seed: int) -> Model:
        """The model that all shards begin with."""
        first = summaries[0]
        begun = first.model
        model = Model(
            seed, first.terms, begun.ensemble, begun.monitor, first.background, begun.favorable
        )
        for summary in summaries[1:]:
            model.terms.merge(summary.terms)
            model.background.merge(summary.background)
        labels, self.codes = _shards.common_labels(summaries)
        model.add_groups(labels, cells=bool(constraint_names(self.estimator)))
        if self.estimator.initial_experts is not None:
            probe = clone(self.estimator)
            vars(probe).update(self.attributes)
            experts = fitted_experts(probe, model.terms)
            model.start_in_units(experts)
        return model

    def _settings(self, total: int) -> Settings:
        """Settings of the common model."""
        probe = clone(self.estimator)
        vars(probe).update(self.attributes)
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
            _shards.standardized, self.prepared, self.codes, terms=model.terms
        )
        chosen = self.estimator.batch_size != "auto"
        learning = _rounds.worker_settings(
            self.settings, len(self.prepared), chosen_batch=chosen
        )
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
        common = self._submit(_shards.same, (_rounds.travelling(self.model), settings))
        parts = self._map(_rounds.learn_round, self.standardized, plans, common=common)
        while len(parts) > 1:
            parts = [
                self._submit(_rounds.mean_part, parts[start : start + FAN_IN])
                for start in range(0, len(parts), FAN_IN)
            ]
        return parts[0].result()

    # -------------------------------------------------------------------- bounds

    def keep_bounds(self, model: Model) -> None:
        """Solve for the offset on a sample of all shards, and measure on all of them."""
        monitor, asked = model.monitor, self.settings.fairness
        if not isinstance(monitor, BoundMonitor) or not monitor.is_active:
            return
        if len(model.groups) < 2:
            return
        sizes = [-(-SETTLE_ROWS * n // sum(self.n_rows)) for n in self.n_rows]
        sample = Rows.join(self._gather(_shards.sample_of, self.codes, sizes))
        self._learn_directions(model, monitor, sample)
        monitor.keep(asked, sample)
        aimed = asked
        for _ in range(TIGHTENINGS):
            settle(model, aimed, sample)
            monitor.take_measures(self._measure(model, monitor))
            gaps = np.array([monitor.measured.gap(s)[0] for s in range(len(asked.slots))])
            over = np.nan_to_num(gaps - asked.limits)
            if not np.any(over > 0.0):
                break
            limits = np.maximum(aimed.limits - np.maximum(over, 0.0), 0.1 * asked.limits)
            aimed = _with_limits(aimed, limits)
        monitor.take_measures(replace(monitor.measured, solved=not np.any(over > 0.0)))

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
    return _rounds.travelling(model, monitor.without_people())

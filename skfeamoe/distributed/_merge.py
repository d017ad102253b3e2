r"""`merge`: models trained apart as one mixture, each serving the region it comes from.

The experts of all models stand side by side. Where a person comes from model m with
probability :math:`\rho_m(x)`, and m's own gate gives its experts :math:`g_{mk}(x)`, the gate
of the whole should be :math:`\rho_m(x) g_{mk}(x)`. With linear scores that is

.. math:: \mathrm{score}_{mk}(x) = w_m^\top x + c_m + v_{mk}^\top x + b_{mk}, \qquad
          \rho_m(x) \propto \exp\Big(w_m^\top x + c_m
          + \log \sum_k e^{v_{mk}^\top x + b_{mk}}\Big),

so w and c are a softmax regression of the model's number on x with a known offset, fitted to
the background rows that the models have kept, each model's weighted by the rows it has seen.

Here x are the columns of the common terms: those of linear terms in the units of all rows, or
the union of the models' knots, categories and holes (`_terms.common`), on which every expert
says what it said on its own. A gate that must not see monotone columns does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import issparse, vstack
from scipy.special import logsumexp, softmax
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skfeamoe._column_names import feature_columns
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._mixture.experts import carried, kind_of
from skfeamoe._mixture.mlp import Layer
from skfeamoe._parameters import build_settings, fingerprint
from skfeamoe._sensitive import are_comparable, is_unnamed
from skfeamoe._terms import Carry, ColumnTerms, LinearTerms, RawTerms, Terms
from skfeamoe._told import Told, warn_if_inactive, warn_if_unmet
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import settle
from skfeamoe._training.settings import STREAM_DEFAULTS
from skfeamoe.distributed._tables import common_encoder, recoded_model

REGION_PENALTY = 1e-3
"""Strength of the L2 penalty on the coefficients, in standardized units, that tell models
apart."""

SAME = ("classes_", "n_features_in_", "feature_names_in_", "_design")


def merge(models: Sequence[FEAMOEClassifier]) -> FEAMOEClassifier:
    """Make one mixture of models that were trained apart: a year, a branch, a hospital each.

    The experts of all stand side by side, and a new gate sends a person to the experts of
    the model in whose region she lies. Moments, counts, backgrounds and the people that
    bounds are kept on are joined; then the bounds are kept anew on the people of all.

    Parameters
    ----------
    models : sequence of FEAMOEClassifier
        Fitted, two or more, on the same columns, classes and constraints, with the same kind
        of experts. They stay as they are. Categories, knots and columns with holes may differ:
        the merged model has those of all.

    Returns
    -------
    merged : FEAMOEClassifier
        With the parameters of the first; `max_experts` is raised where the experts of all
        need it. It learns on: ``merged.partial_fit`` on a sample teaches gate and experts.

    Raises
    ------
    ValueError
        If there are fewer than two models, they differ, or one has kept no background rows,
        from which the gate is learned.
    NotFittedError
        If one of them has not learned yet.

    Warns
    -----
    FairnessWarning
        If a constraint is inactive for want of people, or its bound is not kept on those of
        all models.

    Notes
    -----
    A model holds rows: its background and the people seen last. Organizations that merge
    models exchange these, besides parameters and counts, which themselves can give away
    something of the rows that they were learned from; nothing here is private in the sense
    of a guarantee.

    On the common columns every expert says what it said before. There is one exception: the
    straight line of a number in a table with categories or holes is held at the outermost
    bounds of all models, and goes on where a single model had held it.

    Experts are carried over with the offsets by which their models kept bounds, where experts
    are linear; the offset of the merged model comes on top. What an offset adds within parts
    (`local_columns`) is solved for anew. People who wait for their outcome after `decide` stay
    with the single models.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.distributed import merge
    >>> stream = make_credit_stream(8_000, drift=None, random_state=0)
    >>> years = []
    >>> for start in (0, 4_000):
    ...     rows = slice(start, start + 4_000)
    ...     model = FEAMOEClassifier(random_state=start)
    ...     years.append(model.fit(
    ...         stream.data[rows], stream.target[rows],
    ...         sensitive_features=stream.sensitive_features[rows]))
    >>> merged = merge(years)
    >>> merged.n_samples_seen_ == sum(model.n_samples_seen_ for model in years)
    True
    """
    models = list(models)
    _check_alike(models)
    merged = clone(models[0])
    parameters = set(merged.get_params(deep=False))
    for name, value in vars(models[0]).items():
        if name not in parameters | {"_model", "_cache"}:
            setattr(merged, name, value)
    n_experts = sum(model.n_experts_ for model in models)
    merged.max_experts = max(merged.max_experts, n_experts)
    merged._waiting, merged._sensitive_names = None, _sensitive_names(models)
    tables = [getattr(model, "_table", None) for model in models]
    merged._table, codes = common_encoder(tables, feature_columns(merged)[1])
    parts = [recoded_model(m._model, own) for m, own in zip(models, codes, strict=True)]
    terms, moves = _common_terms([part.terms for part in parts])
    whole = _joined(parts, terms, moves)
    whole.take_over(_side_by_side(parts, whole, moves))
    merged._model = whole
    merged._cache = {"parameters": fingerprint(merged)}
    if whole.bounds is not None:
        settings = build_settings(merged, STREAM_DEFAULTS, whole.groups)
        settle(whole, settings.fairness)
    told = Told()
    merged._warned_inactive = warn_if_inactive(told, merged, whole)
    warn_if_unmet(told, merged, whole, where="on the people of all models")
    told.give()
    return merged


def _sensitive_names(models: list) -> list | None:
    """Names of the sensitive columns, or their places if no model knows names."""
    known = [names for model in models if (names := model._sensitive_names)]
    return next((names for names in known if not is_unnamed(names)), next(iter(known), None))


def _check_alike(models: list) -> None:
    """Refuse models that cannot be one."""
    if len(models) < 2:
        raise ValueError(f"models must be two or more, got {len(models)}")
    for k, model in enumerate(models):
        if not isinstance(model, FEAMOEClassifier):
            raise ValueError(f"models[{k}] must be a FEAMOEClassifier, got {type(model)}")
        check_is_fitted(model)
        for name in SAME:
            mine, theirs = (getattr(m, name, None) for m in (models[0], model))
            same = mine == theirs
            if name != "_design":
                same = np.array_equal(np.asarray(mine), np.asarray(theirs))
            if not same:
                raise ValueError(
                    f"models[{k}] differs from models[0] in {name.strip('_')}: {theirs} "
                    f"instead of {mine}; train all on the same columns, classes and constraints"
                )
        if _edges(model) != _edges(models[0]):
            raise ValueError(
                f"models[{k}] cuts its sensitive numbers at {_edges(model)} and models[0] at "
                f"{_edges(models[0])}; train all with the same edges as sensitive_bins"
            )
        names, others = model._sensitive_names, _sensitive_names(models[:k])
        if names and others and len(names) != len(others):
            raise ValueError(
                f"models[{k}] has learned from {_counted(names)} and those before it from "
                f"{_counted(others)}, whose groups are others; train all on the same columns"
            )
        if names and others and names != others and are_comparable(names, others):
            raise ValueError(
                f"models[{k}] has learned from the sensitive columns {names} and those before "
                f"it from {others}, whose groups have other names; train all on the same "
                "columns in one order"
            )
        if model._model.background.sparse != models[0]._model.background.sparse:
            raise ValueError(
                f"models[{k}] has learned from sparse X or models[0] has, and the other from "
                "dense X; train all on one of the two"
            )
        if not model.background_.shape[0]:
            raise ValueError(
                f"models[{k}] has kept no background rows, from which the common gate is "
                "learned; train it with background_size > 0"
            )


def _counted(names: list) -> str:
    """How many sensitive columns there are, and what they are called."""
    listed = "" if is_unnamed(names) else f" {names}"
    return f"{len(names)} sensitive column{'s' * (len(names) > 1)}{listed}"


def _edges(model) -> list | None:
    """Where a model cuts sensitive numbers, by column."""
    bins = getattr(model, "_bins", None)
    return None if bins is None else [e if e is None else e.tolist() for e in bins.edges]


class _Units(NamedTuple):
    """A `Carry` from linear terms to others that holds no matrix, however many columns."""

    old: LinearTerms | RawTerms
    new: LinearTerms | RawTerms

    def weights(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """The map of the new columns that equals a map of the old ones."""
        return self.new.unfold(*self.old.fold(weight, bias))

    def states(self, weight: NDArray, bias: NDArray) -> tuple[NDArray, NDArray]:
        """An optimizer's state stays with its column."""
        return weight, bias


Move = Carry | _Units


def _common_terms(parts: Sequence[Terms]) -> tuple[Terms, list[Move]]:
    """Terms of all models, and what takes maps of each model's columns to theirs."""
    if all(part.is_linear for part in parts):
        whole = parts[0].copy()
        for part in parts[1:]:
            whole.merge(part)
        return whole, [_Units(part, whole) for part in parts]  # type: ignore[arg-type]
    columns = [
        part if isinstance(part, ColumnTerms) else ColumnTerms.around(part)  # type: ignore[arg-type]
        for part in parts
    ]
    terms, carries = ColumnTerms.in_common(columns)
    return terms, [*carries]


def _joined(parts: list[Model], terms: Terms, moves: list[Move]) -> Model:
    """A model with all that merges exactly; its experts are still those of the first."""
    first = parts[0]
    whole = Model(
        first.seed,
        terms,
        first.ensemble,
        _moved_monitor(first, moves[0]),
        first.background.copy(),
        first.favorable,
        clock=first.clock.copy(),
    )
    whole.add_groups(first.groups, cells=False)
    for part, move in zip(parts[1:], moves[1:], strict=True):
        labels = [*whole.groups, *(g for g in part.groups if g not in whole.groups)]
        whole.add_groups(labels, cells=part.monitor.n_groups > 0)
        codes = [labels.index(label) for label in part.groups[: part.monitor.n_groups]]
        whole.monitor.merge(_moved_monitor(part, move), np.array(codes, dtype=np.intp))
        whole.background.merge(part.background)
        whole.clock.merge(part.clock)
    return whole


def _moved_monitor(part: Model, move: Move):
    """The monitor of a part, on the common terms."""
    monitor = part.monitor.copy()
    if isinstance(monitor, BoundMonitor):
        monitor = monitor.without_offset()
        monitor.carry(move)  # type: ignore[arg-type]
    return monitor


def _side_by_side(parts: list[Model], whole: Model, moves: list[Move]) -> Ensemble:
    """The experts of all models under their common gate."""
    n_terms, experts, gates = whole.terms.n_outputs, [], []
    for part, move in zip(parts, moves, strict=True):
        layout = part.ensemble.layout
        params = carried(part.published(), layout, n_terms, move.weights)
        layout = layout._replace(n_features=n_terms)
        layers = kind_of(layout).layers(params, layout)
        experts += [
            [Layer(layer.weight[k], layer.bias[k]) for layer in layers]
            for k in range(part.ensemble.n_experts)
        ]
        gates.append(kind_of(layout).gate(params, layout))
    ensemble = Ensemble.of_fitted(layout, experts, lambda weight, bias: (weight, bias))
    seen = np.array([part.clock.n_samples_seen for part in parts], dtype=np.float64)
    loads = [n * part.ensemble.load for n, part in zip(seen / seen.sum(), parts, strict=True)]
    return ensemble.under_gate(*_gate(parts, whole.terms, gates), np.concatenate(loads))


def _gate(parts: list[Model], terms: Terms, own: list) -> tuple[NDArray, NDArray]:
    """Weights (n_experts, n_terms) and intercepts of the common gate."""
    tables = [terms.transform(part.background.sample()[0]) for part in parts]
    seen = [
        part.clock.n_samples_seen * np.full(t.shape[0], 1.0 / t.shape[0])
        for part, t in zip(parts, tables, strict=True)
    ]
    number = np.repeat(np.arange(len(parts)), [t.shape[0] for t in tables])
    Z = vstack(tables, format="csr") if issparse(tables[0]) else np.concatenate(tables)
    offset = np.column_stack([logsumexp(Z @ w.T + b, axis=1) for w, b in own])
    if terms.signs is not None:
        Z = Z * (terms.signs == 0.0)
    weight, bias = region_scores(Z, number, np.concatenate(seen), offset)
    return (
        np.concatenate([w + weight[m] for m, (w, _) in enumerate(own)]),
        np.concatenate([b + bias[m] for m, (_, b) in enumerate(own)]),
    )


def region_scores(
    Z, number: NDArray, weight: NDArray, offset: NDArray
) -> tuple[NDArray, NDArray]:
    """Softmax regression of the number of a model on Z with an offset per model.

    Parameters
    ----------
    Z : ndarray or CSR of shape (n_samples, n_terms)
    number : ndarray of shape (n_samples,)
        The model that each row comes from.
    weight : ndarray of shape (n_samples,)
    offset : ndarray of shape (n_samples, n_models)

    Returns
    -------
    coef, intercept : ndarray of shape (n_models, n_terms) and (n_models,)
    """
    n_models, n_terms = offset.shape[1], Z.shape[1]
    target = (number[:, None] == np.arange(n_models)) * 1.0
    weight = weight / weight.sum()

    def loss(flat: NDArray) -> tuple[float, NDArray]:
        theta = flat.reshape(n_models, n_terms + 1)
        scores = Z @ theta[:, :-1].T + theta[:, -1] + offset
        likelihood = scores[np.arange(len(number)), number] - logsumexp(scores, axis=1)
        slopes = (softmax(scores, axis=1) - target) * weight[:, None]
        gradient = np.empty_like(theta)
        gradient[:, :-1] = (Z.T @ slopes).T + REGION_PENALTY * theta[:, :-1]
        gradient[:, -1] = slopes.sum(axis=0)
        penalty = 0.5 * REGION_PENALTY * float((theta[:, :-1] ** 2).sum())
        return penalty - float(weight @ likelihood), gradient.ravel()

    start = np.zeros(n_models * (n_terms + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x.reshape(n_models, -1)
    return found[:, :-1], found[:, -1]

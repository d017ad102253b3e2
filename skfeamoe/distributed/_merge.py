r"""`merge`: models trained apart as one mixture, each serving the region it comes from.

The experts of all models stand side by side. Where a person comes from model m with
probability :math:`\rho_m(x)`, and m's own gate gives its experts :math:`g_{mk}(x)`, the gate
of the whole should be :math:`\rho_m(x) g_{mk}(x)`. With linear scores that is

.. math:: \mathrm{score}_{mk}(x) = w_m^\top x + c_m + v_{mk}^\top x + b_{mk}, \qquad
          \rho_m(x) \propto \exp\Big(w_m^\top x + c_m
          + \log \sum_k e^{v_{mk}^\top x + b_{mk}}\Big),

so w and c are a softmax regression of the model's number on x with a known offset, fitted to
the background rows that the models have kept, each model's weighted by the rows it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import issparse, vstack
from scipy.special import logsumexp, softmax
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._mixture.mlp import Layer
from skfeamoe._parameters import build_settings, fingerprint
from skfeamoe._terms.carry import Carry
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import settle
from skfeamoe._training.settings import STREAM_DEFAULTS

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
        of experts. They stay as they are.

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

    Notes
    -----
    A model holds rows: its background and the people seen last. Organisations that merge
    models exchange these, besides parameters and counts, which themselves can give away
    something of the rows that they were learned from; nothing here is private in the sense
    of a guarantee.

    Experts are carried over with the offsets by which their models kept bounds, where experts
    are linear; the offset of the merged model comes on top.

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
    whole = _joined([model._model for model in models])
    whole.take_over(_side_by_side(models, whole))
    merged._model = whole
    merged._cache = {"parameters": fingerprint(merged)}
    if isinstance(whole.monitor, BoundMonitor) and whole.monitor.is_active:
        settings = build_settings(merged, STREAM_DEFAULTS, whole.groups)
        settle(whole, settings.fairness)
    return merged


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
        table = getattr(model, "_table", None)
        categories = table is not None and any(table.is_category)
        if categories or not model._model.terms.is_linear:
            raise ValueError(
                f"models[{k}] has terms or categories of its own, whose knots and codes differ "
                "from model to model; merge models of numbers with linear terms"
            )
        if not model.background_.shape[0]:
            raise ValueError(
                f"models[{k}] has kept no background rows, from which the common gate is "
                "learned; train it with background_size > 0"
            )


def _joined(parts: list[Model]) -> Model:
    """A model with all that merges exactly; its experts are still those of the first."""
    first = parts[0].copy()
    for part in parts[1:]:
        first.terms.merge(part.terms)
    whole = Model(
        first.seed,
        first.terms,
        first.ensemble,
        _moved_monitor(parts[0], first),
        first.background,
        first.favorable,
        clock=first.clock,
    )
    whole.add_groups(first.groups, cells=False)
    for part in parts[1:]:
        labels = [*whole.groups, *(g for g in part.groups if g not in whole.groups)]
        whole.add_groups(labels, cells=part.monitor.n_groups > 0)
        codes = [labels.index(label) for label in part.groups[: part.monitor.n_groups]]
        whole.monitor.merge(_moved_monitor(part, whole), np.array(codes, dtype=np.intp))
        whole.background.merge(part.background)
        whole.clock.merge(part.clock)
    return whole


def _moved_monitor(part: Model, whole: Model):
    """The monitor of a part, in the units of the whole."""
    monitor = part.monitor.copy()
    if isinstance(monitor, BoundMonitor):
        monitor = monitor.without_offset()
        monitor.carry(_carry(part.terms, whole.terms))
    return monitor


def _carry(old, new) -> Carry:
    """What takes maps of columns in old units to maps of columns in new units."""
    n = new.n_outputs
    weight, offset = new.unfold(*old.fold(np.eye(n), np.zeros(n)))
    return Carry(weight, offset, np.eye(n))


def _side_by_side(models: list, whole: Model) -> Ensemble:
    """The experts of all models under their common gate."""
    layers = [[Layer(*layer) for layer in model.expert_layers_] for model in models]
    experts = [
        [Layer(layer.weight[k], layer.bias[k]) for layer in of_model]
        for of_model, model in zip(layers, models, strict=True)
        for k in range(model.n_experts_)
    ]
    ensemble = Ensemble.of_fitted(whole.ensemble.layout, experts, whole.terms.unfold)
    seen = np.array([model.n_samples_seen_ for model in models], dtype=np.float64)
    loads = [n * m._model.ensemble.load for n, m in zip(seen / seen.sum(), models, strict=True)]
    return ensemble.under_gate(*_gate(models, whole), np.concatenate(loads))


def _gate(models: list, whole: Model) -> tuple[NDArray, NDArray]:
    """Weights (n_experts, n_terms) and intercepts of the common gate."""
    own = [whole.terms.unfold(model.gate_coef_, model.gate_intercept_) for model in models]
    tables = [whole.terms.transform(model.background_) for model in models]
    seen = [
        model.n_samples_seen_ * np.full(t.shape[0], 1.0 / t.shape[0])
        for model, t in zip(models, tables, strict=True)
    ]
    number = np.repeat(np.arange(len(models)), [t.shape[0] for t in tables])
    Z = vstack(tables, format="csr") if issparse(tables[0]) else np.concatenate(tables)
    offset = np.column_stack([logsumexp(Z @ w.T + b, axis=1) for w, b in own])
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

"""From an estimator and rows to a shap.Explanation; the mathematics is in `_shapley`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from scipy.special import logsumexp
from sklearn.utils import check_random_state

from skfeamoe._column_names import feature_columns
from skfeamoe._drafts import rounding_to_zero, snapshot
from skfeamoe._feature_groups import Players, resolve_players
from skfeamoe._mixture.experts import kind_of
from skfeamoe._mixture.forward import mixture_log_proba
from skfeamoe._mixture.mlp import ACTIVATIONS
from skfeamoe._shapley import (
    GAMES,
    OUTPUTS,
    Attribution,
    Mixture,
    Networks,
    PreparedMixture,
    model_shapley,
)
from skfeamoe._terms.table import NUMBER
from skfeamoe._validation import check_features

if TYPE_CHECKING:
    from shap import Explanation

WIDE = 10_000
"""Sparse X with more columns is explained by those that are not 0 in some row."""

MOST_BYTES = 2**32
"""Memory that the background of such an explanation may take."""

MOST_PARTS = 2**25
"""What all players of all background rows may add to all hidden units, in numbers."""

MOST_NAMED = 3
"""Columns of a group that its cell in a plot names."""


def explain_estimator(
    estimator, X, *, background, feature_groups, random_state, **options
) -> Explanation:
    """Shapley values of a fitted estimator's mixture; `options` are those of the core."""
    explainer = Explainer(
        estimator, background=background, feature_groups=feature_groups, **options
    )
    return explainer(X, random_state=random_state)


class Explainer:
    """A model, its background and its players, checked and prepared for many calls.

    `explainer` makes it; it has the face of shap's explainers, and explains the model as it
    was then, whatever that learns later.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> explainer = model.fit(stream.data, stream.target).explainer()
    >>> explainer(stream.data[:1]).values.shape
    (1, 8)
    """

    @rounding_to_zero()
    def __init__(self, estimator, *, background, feature_groups, **options) -> None:
        self._estimator = snapshot(estimator)
        self._rows, self._weight = _background(self._estimator, background)
        self._groups, self._options = feature_groups, options
        self._is_linear = (
            hasattr(self._estimator, "expert_coef_")
            and self._estimator._model.loose_shift is None
        )
        self._is_wide = (
            self._is_linear and feature_groups is None and _is_wide(self._estimator, self._rows)
        )
        if not self._is_wide:
            self._names = feature_columns(self._estimator)[1]
            self._players, self._play = self._prepared(self._rows, slice(None))

    def _prepared(self, rows, active):
        """Players of some columns, and a function of rows and a random state."""
        kept, names, known = feature_columns(self._estimator)
        names = names if isinstance(active, slice) else [names[j] for j in active]
        players = resolve_players(self._groups, names, known, kept, rows)
        given = {"players": players.columns, "background_weight": self._weight, **self._options}
        if self._is_linear:
            return players, _linear_game(self._estimator, rows, active=active, **given)
        return players, _game(self._estimator, rows, **given)

    def __call__(self, X, *, random_state=None) -> Explanation:
        """Explain rows; parameters and result are those of `explain`."""
        started = time.perf_counter()
        X, names, players, attribution = self._attribution(X, random_state)
        codes, shown = player_data(X, players, names)
        shown = _in_words(self._estimator._table, players, codes, shown)
        return _as_explanation(
            attribution,
            players.names,
            codes,
            shown,
            [str(label) for label in self._estimator.classes_],
            time.perf_counter() - started,
        )

    def shap_values(self, X, *, random_state=None) -> NDArray:
        """The values alone, (n_samples, n_players), or with one more axis for many classes.

        Without names and texts for pictures a row takes less than half the time.
        """
        values = self._attribution(X, random_state)[-1].values
        return values[:, :, 0] if values.shape[2] == 1 else values

    @rounding_to_zero()
    def _attribution(self, X, random_state):
        """Checked rows, names of their columns, players, and the values."""
        X = _checked(self._estimator, X)
        if not isinstance(random_state, np.random.Generator):
            random_state = int(check_random_state(random_state).randint(2**31 - 1))
        if not self._is_wide:
            return X, self._names, self._players, self._play(X, random_state)
        X = csr_array(X)
        active = _active_columns(self._estimator, X, self._rows)
        names = feature_columns(self._estimator)[1]
        players, play = self._prepared(self._rows[:, active], active)
        X = X[:, active]
        return X, [names[j] for j in active], players, play(X, random_state)


def _is_wide(estimator, rows) -> bool:
    """Whether there are so many columns, nearly all of them 0, that only some are looked at."""
    sparse = issparse(rows) and not getattr(estimator._terms, "centered", False)
    return sparse and rows.shape[1] > WIDE


def _active_columns(estimator, X, rows) -> NDArray:
    """Columns that are not 0 in some row; in all others no row differs, and values are 0."""
    active = np.union1d(X.indices, rows.indices)
    n_scores = estimator.n_experts_ * (1 + estimator.expert_coef_.shape[1])
    needed = 3 * 8 * n_scores * len(active) * (rows.shape[0] + 1)
    if needed > MOST_BYTES:
        raise ValueError(
            f"background has {rows.shape[0]} rows with {len(active):,} different columns, "
            f"which would take {needed / 2**30:.1f} GB; pass a background of at most "
            f"{max(rows.shape[0] * MOST_BYTES // needed, 1)} rows"
        )
    return active


def _linear_game(estimator, rows, *, active, players, **options):
    """The games of linear experts, which have closed forms and fast chains."""
    mixture = Mixture(
        gate_coef=estimator.gate_coef_[:, active],
        gate_intercept=estimator.gate_intercept_,
        expert_coef=estimator.expert_coef_[:, :, active],
        expert_intercept=estimator.expert_intercept_,
    )
    if not isinstance(active, slice):
        return PreparedMixture(mixture, rows, players=players, **options)
    return _of_terms(estimator, mixture, rows, players, options)


def _of_terms(estimator, mixture, rows, players, options):
    """A game on the estimator's terms, as a function of rows and a random state."""
    columns_of, owner = estimator._terms.published, estimator._terms.owner
    columns = [np.flatnonzero(np.isin(owner, player)) for player in players]
    play = PreparedMixture(mixture, columns_of(rows), players=columns, **options)
    return lambda X, random_state: play(columns_of(X), random_state)


def _in_words(table, players: Players, codes: NDArray, shown: NDArray | None):
    """What to show people, with labels in place of the codes of categories."""
    if table is None or all(kind == NUMBER for kind in table.kinds):
        return shown
    shown = codes.astype(object) if shown is None else shown
    for j, columns in enumerate(players.columns):
        if len(columns) == 1 and table.kinds[columns[0]] != NUMBER:
            shown[:, j] = [table.label(columns[0], code) for code in codes[:, j]]
    return shown


def _game(estimator, rows, **options):
    """The games of all other experts, by what enters their hidden layers, or by calls."""
    decompose, engine = options.pop("decompose"), options.pop("engine")
    if decompose or engine != "numpy":
        wrong = "decompose=True" if decompose else f"engine={engine!r}"
        raise ValueError(
            f'{wrong} needs expert="logistic"; networks are explained without, so leave it at '
            "its default"
        )
    params, layout, shift = estimator._published()
    n_parts = len(options["players"]) * rows.shape[0] * layout.n_experts * sum(layout.hidden)
    in_layers = layout.hidden and (shift is None or shift.local is None)
    if in_layers and options["game"] != "gate_frozen_margin" and n_parts <= MOST_PARTS:
        players = options.pop("players")
        return _of_terms(estimator, _networks(params, layout, shift), rows, players, options)
    forward = estimator._forward_pass()
    return lambda X, random_state: _play_by_calls(
        forward, X, rows, random_state=random_state, **options
    )


def _networks(params, layout, shift) -> Networks:
    """The mixture as the games of networks take it."""
    kind = kind_of(layout)
    offset = np.zeros(layout.n_features + 1) if shift is None else shift.offset
    return Networks(
        *kind.gate(params, layout),
        layers=kind.layers(params, layout),
        activation=ACTIVATIONS[layout.activation].value,
        shift_coef=offset[:-1],
        shift_intercept=offset[-1],
        favorable=layout.n_classes - 1 if shift is None else shift.favorable,
    )


def _play_by_calls(forward, X, background, *, game, output, **options):
    """Shapley values of a mixture that can be called only."""
    if game not in GAMES:
        raise ValueError(f"game must be one of {GAMES}, got {game!r}")
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {OUTPUTS}, got {output!r}")
    if game == "interventional":
        return model_shapley(
            lambda rows: _output(mixture_log_proba(forward(rows)), output),
            X,
            background,
            **options,
        )
    if game == "gate_frozen_margin":
        combine = _mean_margin
    else:
        combine = partial(_held_output, output=output)
    held = (lambda rows: forward(rows).log_gate, combine)
    return model_shapley(
        lambda rows: forward(rows).log_expert_proba, X, background, held=held, **options
    )


def _output(log_proba: NDArray, output: str) -> NDArray:
    """Probabilities or log-odds of every class, of the second one only if there are two."""
    if output == "probability":
        explained = np.exp(log_proba)
    else:
        n_classes = log_proba.shape[1]
        others = [np.delete(log_proba, c, axis=1) for c in range(n_classes)]
        explained = log_proba - np.stack([logsumexp(o, axis=1) for o in others], axis=1)
    return explained[:, 1:] if explained.shape[1] == 2 else explained


def _held_output(log_gate: NDArray, log_proba: NDArray, *, output: str) -> NDArray:
    """Output of a mixture whose gate is held."""
    return _output(logsumexp(log_gate[:, :, None] + log_proba, axis=1), output)


def _mean_margin(log_gate: NDArray, log_proba: NDArray) -> NDArray:
    """Mean of the experts' margins under a gate that is held."""
    if log_proba.shape[2] == 2:
        margin = log_proba[:, :, 1:] - log_proba[:, :, :1]
    else:
        margin = log_proba - log_proba.mean(axis=2, keepdims=True)
    return np.einsum("nk,nkc->nc", np.exp(log_gate), margin)


def _checked(estimator, X):
    """X as the estimator's core sees it."""
    return check_features(
        estimator, X, reset=False, sensitive_columns=estimator.sensitive_columns
    )[0]


def _background(estimator, background):
    """The user's background, or the rows that the estimator kept, with weights."""
    if background is not None:
        return _checked(estimator, background), None
    rows = estimator.background_
    if rows.shape[0] == 0:
        reason = "background_size=0, all rows had sample_weight 0, or they were taken out"
        raise ValueError(
            f"background must be given, since this model kept no rows ({reason}); pass rows "
            "that stand for the population to compare with"
        )
    return rows, estimator.background_weight_


def player_data(X, players: Players, names: Sequence[str]):
    """Numbers for color scales and what to show people, both (n_samples, n_players).

    A column shows its value. Columns of which each row has at most one 1 show the name of
    that column: its number in the group is the code, -1 for none. Other groups show their
    columns that are not zero, and have no code unless a single column of them is no flag.
    """
    n = X.shape[0]
    codes = np.full((n, len(players.names)), np.nan)
    shown = None
    for j, columns in enumerate(players.columns):
        part = X[:, columns]
        part = part.toarray() if issparse(part) else np.asarray(part)
        if len(columns) == 1:
            codes[:, j] = part[:, 0]
            continue
        if shown is None:
            shown = np.empty(codes.shape, dtype=object)
        codes[:, j], shown[:, j] = _group_data(part, [names[c] for c in columns])
    if shown is not None:
        single = [j for j, columns in enumerate(players.columns) if len(columns) == 1]
        shown[:, single] = codes[:, single]
    return codes, shown


def _group_data(part: NDArray, names: Sequence[str]):
    """Codes and texts of one group of columns."""
    flag = np.isin(part, (0.0, 1.0))
    if flag.all() and (part.sum(axis=1) <= 1).all():
        active = np.where(part.any(axis=1), part.argmax(axis=1), -1)
        return active, np.array([*_categories(names), "(none)"], dtype=object)[active]
    numbers = np.flatnonzero(~flag.all(axis=0))
    codes = part[:, numbers[0]] if len(numbers) == 1 else np.full(len(part), np.nan)
    return codes, np.array([_nonzeros(row, names) for row in part], dtype=object)


def _categories(names: Sequence[str]) -> list[str]:
    """What is left of names after the beginning that they share."""
    first, last = min(names), max(names)
    n_same = next((i for i, c in enumerate(first) if c != last[i]), len(first))
    return [name[first.rfind("_", 0, n_same) + 1 :] for name in names]


def _nonzeros(row: NDArray, names: Sequence[str]) -> str:
    """Text of the nonzero columns of a group in one row."""
    found = np.flatnonzero(row)
    texts = [f"{names[j]}={row[j]:.4g}" for j in found[:MOST_NAMED]]
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    return ", ".join(texts + more) or "all 0"


def _explanation_class():
    """Import shap, which warns of matplotlib's plans when it makes its color maps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        from shap import Explanation
    return Explanation


def _as_explanation(
    attribution: Attribution, names, codes, shown, classes, seconds: float
) -> Explanation:
    """Put arrays and names where shap's plots look for them."""
    values, error = attribution.values, attribution.error_std
    if attribution.expert_values is not None:
        values = np.concatenate([attribution.expert_values, attribution.routing_values], axis=1)
        names = [f"{name} ({part})" for part in ("expert", "routing") for name in names]
        codes = np.concatenate([codes, codes], axis=1)
        shown = None if shown is None else np.concatenate([shown, shown], axis=1)
        if error is not None:
            error = np.concatenate(
                [attribution.expert_error_std, attribution.routing_error_std], axis=1
            )
    base = attribution.base_values
    output_names: Any = classes
    if values.shape[2] == 1:
        values, base, output_names = values[:, :, 0], base[:, 0], classes[1]
        error = None if error is None else error[:, :, 0]
    return _explanation_class()(
        values,
        base_values=np.array(base),
        data=codes,
        display_data=shown,
        feature_names=names,
        output_names=output_names,
        error_std=error,
        compute_time=seconds,
    )

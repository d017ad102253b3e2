"""The two functions of this room."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ._callable import CallableGame
from ._game import ENGINES, GAMES, OUTPUTS, MixtureGame, frozen_margin
from ._mixtures import Mixture, Networks
from ._players import player_of_column
from ._result import Attribution
from ._schedule import MEMORY_BUDGET, METHODS, attribute


def mixture_shapley(
    mixture: Mixture,
    X,
    background,
    *,
    game: str = "interventional",
    output: str = "probability",
    method: str = "auto",
    players=None,
    background_weight=None,
    max_evals: int | None = None,
    tol: float | None = None,
    decompose: bool = False,
    random_state=None,
    memory_budget: int = MEMORY_BUDGET,
    engine: str = "numpy",
) -> Attribution:
    """Shapley values of a mixture of linear experts.

    Parameters
    ----------
    mixture : Mixture
        Coefficients in the units of `X`; they may be of any finite size.
    X : ndarray or CSR of shape (n, n_features)
        Rows to explain.
    background : ndarray or CSR of shape (B, n_features)
        Rows that stand in for absent players. Equal rows are merged.
    game : {"interventional", "gate_frozen_margin", "gate_frozen_probability"}
        What a coalition is worth; see the package. The margin game is linear: it is solved
        in closed form for every `method`, and explains margins (logits) whatever the
        `output`.
    output : {"probability", "log_odds"}, default="probability"
        The explained output of each class, f_c or log(f_c / (1 - f_c)); with two classes of
        class 1 only. With more, each class is held against all others together, so log-odds
        of different classes do not sum to zero. The value of a coalition is the background
        mean of this output, so the base value is the mean log-odds, not the log-odds of the
        mean.
    method : {"auto", "exact", "permutation"}, default="auto"
        "auto" enumerates a row exactly where that takes at most `max_evals` evaluations
        (sum over background rows of 2^m, with m players that differ), and samples chains
        elsewhere.
    players : sequence of index arrays, default=None
        A partition of the columns; None makes each column a player.
    background_weight : array of shape (B,), default=None
        Weights of background rows; a weight of two is a row that occurs twice.
    max_evals : int, default=None
        Evaluations per row. Chains use all of it in rounds of 2 M B, but never fewer than
        two rounds, nor fewer than 1 + 150 / B, which standard errors need. None: 4096 per
        background row as the limit for exactness and for `tol`; without `tol`, four rounds.
    tol : float, default=None
        A row gets rounds of chains until its standard error, relative to its values (both
        as L2 norm over players, for every output), is at most `tol` or `max_evals` is
        spent.
    decompose : bool, default=False
        Also return an expert and a routing part of each value (interventional game only).
        They are the Owen value of the game in which each player is a union of two: one
        moves the gate, one the experts. As player j joins S, its expert part is the change
        through o_k alone, averaged over the gate before and after; its routing part the
        change through g_k alone, averaged over the experts before and after. They sum to
        the Shapley value. A player without gate coefficients has no routing part, one
        without expert coefficients no expert part.
    random_state : int, numpy Generator or None
        Orders of chains. Row i has a stream of its own: chunks change nothing.
    memory_budget : int, default=64 MiB
        Bytes that work arrays may take (as far as one row permits).
    engine : {"numpy", "numba"}, default="numpy"
        "numba" plays chains in compiled loops where no score is extreme and `decompose` is
        False: equal up to rounding, in half of the time for 100 players and three quarters of
        it for 30, after some seconds of compilation in each process. Exact rows gain nothing.

    Returns
    -------
    Attribution
        Shapley values of shape (n, M, n_outputs) with base values and standard errors.

    Raises
    ------
    ValueError
        For unknown names, players that are no partition, bad weights, or `method="exact"`
        with more than `MAX_EXACT_PLAYERS` players that differ.

    References
    ----------
    Shapley (1953), A value for n-person games. Owen (1977), Values of
    games with a priori unions. Janzing, Minorics, Bloebaum (2020), Feature relevance
    quantification in explainable AI: a causal problem (the interventional game).

    Examples
    --------
    >>> import numpy as np
    >>> mixture = Mixture(
    ...     gate_coef=np.array([[1.0, 0.0], [-1.0, 0.0]]),
    ...     gate_intercept=np.zeros(2),
    ...     expert_coef=np.array([[[0.0, 2.0]], [[0.0, -2.0]]]),
    ...     expert_intercept=np.zeros((2, 1)),
    ... )
    >>> result = mixture_shapley(mixture, np.array([[3.0, 1.0]]), np.zeros((1, 2)))
    >>> result.values[0, :, 0].round(3).tolist()
    [0.189, 0.189]
    >>> float(round(result.base_values[0, 0], 3))
    0.5
    """
    play = PreparedMixture(
        mixture,
        background,
        game=game,
        output=output,
        method=method,
        players=players,
        background_weight=background_weight,
        max_evals=max_evals,
        tol=tol,
        decompose=decompose,
        memory_budget=memory_budget,
        engine=engine,
    )
    return play(X, random_state)


class PreparedMixture:
    """A mixture, a background and options, checked and prepared once for many calls.

    Parameters are those of `mixture_shapley`; a call takes rows and a random state.
    """

    def __init__(
        self,
        mixture: Mixture | Networks,
        background,
        *,
        game: str = "interventional",
        output: str = "probability",
        method: str = "auto",
        players=None,
        background_weight=None,
        max_evals: int | None = None,
        tol: float | None = None,
        decompose: bool = False,
        memory_budget: int = MEMORY_BUDGET,
        engine: str = "numpy",
    ):
        _check_choices(game=(game, GAMES), output=(output, OUTPUTS), method=(method, METHODS))
        _check_choices(engine=(engine, ENGINES))
        _check_budget(max_evals, tol, memory_budget)
        if decompose and game != "interventional":
            raise ValueError(
                f"decompose=True needs game='interventional', got {game!r}; "
                "a frozen gate has no routing part"
            )
        if isinstance(mixture, Mixture):
            mixture = Mixture(*(np.asarray(part, dtype=float) for part in mixture))
        self.mixture = mixture
        background = _as_matrix(background, "background")
        self.n_features = self.mixture.gate_coef.shape[1]
        _check_width(self.n_features, background=background)
        self.owner = player_of_column(players, self.n_features)
        self.background, self.weight = _weighted(background, background_weight)
        self.budget = {"method": method, "max_evals": max_evals, "tol": tol}
        self.memory_budget = memory_budget
        self.game = None
        if game != "gate_frozen_margin":
            frozen = game == "gate_frozen_probability"
            given = (self.mixture, self.background, self.weight, self.owner)
            self.game = MixtureGame(*given, frozen, output, decompose, engine)

    def __call__(self, X, random_state=None) -> Attribution:
        """Shapley values of the rows of X."""
        X = _as_matrix(X, "X")
        _check_width(self.n_features, X=X)
        if self.game is None:
            given = (self.mixture, X, self.background, self.weight, self.owner)
            return _margin(*given, self.memory_budget)
        key, budget = _key(random_state), self.memory_budget
        return attribute(self.game, X, key=key, memory_budget=budget, **self.budget)


def model_shapley(
    predict,
    X,
    background,
    *,
    method: str = "auto",
    players=None,
    background_weight=None,
    max_evals: int | None = None,
    tol: float | None = None,
    random_state=None,
    memory_budget: int = MEMORY_BUDGET,
    held=None,
) -> Attribution:
    """Interventional Shapley values of any function; parameters as in `mixture_shapley`.

    Parameters
    ----------
    predict : callable
        Maps a dense (n, n_features) array to (n,) or (n, n_outputs). Called often, with up
        to `memory_budget` / (32 n_features) rows.
    X : ndarray or CSR of shape (n, n_features)
        Rows to explain; sparse rows are made dense a chunk at a time.
    background : ndarray or CSR of shape (B, n_features)
        Rows that stand in for absent players.
    method, players, background_weight, max_evals, tol, random_state, memory_budget
        As in `mixture_shapley`.
    held : pair of callables, default=None
        For a model of which a part stays with the explained row, such as its gate: the first
        maps (n, n_features) to that part, (n, ...); the second maps parts and what `predict`
        returned for as many rows to outputs, (n,) or (n, n_outputs).

    Returns
    -------
    Attribution
        Shapley values of shape (n, M, n_outputs) with base values and standard errors.

    Examples
    --------
    >>> import numpy as np
    >>> product = lambda X: X[:, 0] * X[:, 1]
    >>> model_shapley(product, np.array([[2.0, 3.0]]), np.zeros((1, 2))).values[0, :, 0]
    array([3., 3.])
    """
    _check_choices(method=(method, METHODS))
    _check_budget(max_evals, tol, memory_budget)
    X, background = _as_matrix(X, "X"), _as_matrix(background, "background")
    _check_width(background.shape[1], X=X)
    owner = player_of_column(players, background.shape[1])
    background, weight = _weighted(background, background_weight)
    return attribute(
        CallableGame(predict, background, weight, owner, memory_budget, held),
        X,
        method=method,
        max_evals=max_evals,
        tol=tol,
        key=_key(random_state),
        memory_budget=memory_budget,
    )


def _margin(mixture, X, background, weight, owner, memory_budget) -> Attribution:
    """Return the closed form of the margin game, a chunk of rows at a time."""
    n, n_players = X.shape[0], int(owner.max()) + 1
    n_experts, n_outputs, _ = mixture.expert_coef.shape
    mean = ((weight / weight.sum()) @ background)[None]
    values, base = np.empty((n, n_players, n_outputs)), np.empty((n, n_outputs))
    per_row = 8 * 4 * (n_experts * n_outputs * n_players + len(owner))
    step = int(np.clip(memory_budget // per_row, 1, 1024))
    for start in range(0, n, step):
        part = slice(start, start + step)
        values[part], base[part] = frozen_margin(mixture, X[part], mean, owner)
    return Attribution(values, base, None, np.ones(n, dtype=bool), np.ones(n, dtype=np.int64))


def _key(random_state) -> int:
    """Draw the seed of all rows' streams."""
    return int(np.random.default_rng(random_state).integers(2**63))


def _as_matrix(X, name: str):
    """Return X as a CSR array or a two-dimensional array of floats."""
    if sp.issparse(X):
        return sp.csr_array(X, dtype=float)
    X = np.asarray(X, dtype=float)
    if X.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, got shape {X.shape}")
    return X


def _weighted(background, weight):
    """Return the background rows of positive weight and their weights."""
    n = background.shape[0]
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    if weight.shape != (n,):
        raise ValueError(
            f"background_weight must have one weight for each of {n} rows, "
            f"got shape {weight.shape}"
        )
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.sum() > 0):
        raise ValueError(
            "background_weight must be finite, not negative and somewhere positive, "
            f"got a minimum of {weight.min(initial=0)} and a sum of {weight.sum()}"
        )
    return background[weight > 0], weight[weight > 0]


def _check_width(n_features: int, **matrices) -> None:
    """Refuse matrices of another width."""
    for name, X in matrices.items():
        if X.shape[1] != n_features:
            raise ValueError(f"{name} must have {n_features} columns, got {X.shape[1]}")


def _check_choices(**choices) -> None:
    """Refuse names that are not offered."""
    for name, (given, offered) in choices.items():
        if given not in offered:
            raise ValueError(f"{name} must be one of {offered}, got {given!r}")


def _check_budget(max_evals, tol, memory_budget) -> None:
    """Refuse budgets that cannot be met."""
    if max_evals is not None and not max_evals >= 1:
        raise ValueError(f"max_evals must be None or at least 1, got {max_evals}")
    if tol is not None and not tol > 0:
        raise ValueError(f"tol must be None or positive, got {tol}; .01 is one percent")
    if not memory_budget > 0:
        raise ValueError(
            f"memory_budget must be a positive number of bytes, got {memory_budget}"
        )

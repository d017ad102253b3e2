"""Models that the explanation benchmark explains, and other libraries as functions.

A case is a mixture of at most five experts, learned by `partial_fit`, 1,000 rows at a time
(an expert every 4,000 rows, or a fifth of the data), with all rows in two forms: encoded, as
the model sees them, and *coded*, one column per player, as a peer sees them (a category is a
number; a peer's function looks the encoded columns up and calls `predict_proba`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from benchmarks.data import load
from benchmarks.registry import Context
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_preprocessor
from skfeamoe.inspection import onehot_groups

HAS_SHAPIQ = find_spec("shapiq") is not None
HAS_NUMBA = find_spec("numba") is not None
MAX_EXPERTS = 5
ROWS_AT_ONCE = 20_000
DATA = {"adult": "adult", "compas": "compas_with_race", "hmda": "hmda_with_race"}
TITLES = {
    "adult": "Adult",
    "compas": "COMPAS",
    "hmda": "HMDA",
    "dense30": "dense, 30 features",
    "dense100": "dense, 100 features",
}


@dataclass(frozen=True)
class Case:
    """A fitted model, its data in two forms, and its players."""

    name: str
    model: FEAMOEClassifier
    X: np.ndarray  # encoded rows; the last ones were not learned
    coded: np.ndarray  # (n, n_players)
    players: list[np.ndarray]
    tables: list[np.ndarray | None]  # encoded columns of each code; None: the number itself
    n_learned: int

    @property
    def is_small(self) -> bool:
        """Whether all coalitions can be enumerated."""
        return len(self.players) <= 20

    @property
    def new(self) -> np.ndarray:
        """Rows that the model did not learn."""
        return self.X[self.n_learned :]

    @property
    def new_coded(self) -> np.ndarray:
        """The same for a peer."""
        return self.coded[self.n_learned :]

    def predict(self, coded: np.ndarray) -> np.ndarray:
        """Probability of class 1 for coded rows, a bounded number of rows at a time."""
        parts = [
            self.model.predict_proba(self._encode(coded[start : start + ROWS_AT_ONCE]))[:, 1]
            for start in range(0, len(coded), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _encode(self, coded: np.ndarray) -> np.ndarray:
        """Look the encoded columns up."""
        if all(table is None for table in self.tables):
            return np.ascontiguousarray(coded)
        X = np.empty((len(coded), self.X.shape[1]))
        for columns, table, values in zip(self.players, self.tables, coded.T, strict=True):
            X[:, columns] = values[:, None] if table is None else table[values.astype(int)]
        return X


def make_case(name: str, context: Context) -> Case:
    """Load or make the data, learn them, and code them."""
    if name in DATA:
        X, y, players = _table(name, context)
    else:
        X, y = _dense(int(name.removeprefix("dense")), 2000 if context.quick else 25_000)
        players = [np.array([j]) for j in range(X.shape[1])]
    n_learned = min(int(0.8 * len(y)), 40_000)
    interval = min(4000, n_learned // MAX_EXPERTS)
    model = FEAMOEClassifier(
        None, max_experts=MAX_EXPERTS, growth_interval=interval, random_state=0
    )
    for start in range(0, n_learned, 1000):
        rows = slice(start, min(start + 1000, n_learned))
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
    columns, tables = [], []
    for group in players:
        table, code = None, X[:, group[0]]
        if len(group) > 1:
            table, code = np.unique(X[:, group], axis=0, return_inverse=True)
        columns.append(code.ravel().astype(float))
        tables.append(table)
    return Case(name, model, X, np.column_stack(columns), players, tables, n_learned)


def _table(name: str, context: Context):
    """Encoded rows of a data set in random order, labels and players."""
    task = load(DATA[name], context).shuffled(0, 50_000)
    frame = task.X.drop(columns=["race"], errors="ignore") if name == "adult" else task.X
    encoder = make_preprocessor(frame, log_columns=task.log_columns)
    X = encoder.fit_transform(frame)
    groups = onehot_groups(encoder.get_feature_names_out(), X[:4000])
    return X, task.y, [np.array(g) for g in groups.values()]


def _dense(n_features: int, n: int):
    """Correlated normal features; which of three rules labels a row depends on the row."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(n_features,) * 2) / np.sqrt(n_features)
    X = rng.normal(size=(n, n_features)) @ (0.8 * np.eye(n_features) + 0.4 * noise)
    rules, regions = 3.0 * rng.normal(size=(2, 3, n_features)) / np.sqrt(n_features)
    margin = (X * rules[(X @ regions.T).argmax(axis=1)]).sum(axis=1)
    return X, (rng.random(n) < 1.0 / (1.0 + np.exp(-margin))).astype(int)


# ------------------------------------------------------------------- other libraries


def kernel(predict, background, *, n_samples="auto", l1_reg=False) -> Callable:
    """shap.KernelExplainer; ``l1_reg="num_features(10)"`` is its default."""
    import shap

    def explain(rows):
        np.random.seed(0)  # noqa: NPY002 - shap draws from the global generator
        explainer = shap.KernelExplainer(predict, background)
        return explainer.shap_values(rows, nsamples=n_samples, l1_reg=l1_reg, silent=True)

    return explain


def permutation(predict, background, *, n_chains) -> Callable:
    """shap.PermutationExplainer with pairs of a permutation and its reverse."""
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(predict, masker, seed=0)
    budget = n_chains * (2 * background.shape[1] + 1)
    return lambda rows: explainer(rows, max_evals=budget, silent=True).values


def exact(predict, background) -> Callable:
    """shap.ExactExplainer."""
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.ExactExplainer(predict, masker)
    return lambda rows: explainer(rows, max_evals=10**9, silent=True).values


def shapiq(predict, background, *, kind, budget) -> Callable:
    """shapiq's approximators on a game with this background."""
    from shapiq import approximator

    kinds = {"KernelSHAP": "KernelSHAP", "permutations": "PermutationSamplingSV"}
    make, n = getattr(approximator, kinds[kind]), background.shape[1]

    def explain_one(x):
        def game(coalitions):
            inside = np.atleast_2d(np.asarray(coalitions, dtype=bool))
            mixed = np.where(inside[:, None, :], x, background)
            return predict(mixed.reshape(-1, n)).reshape(len(inside), -1).mean(axis=1)

        empty = game(np.zeros((1, n)))[0]
        values = make(n=n, random_state=0).approximate(
            budget=budget, game=lambda coalitions: game(coalitions) - empty
        )
        return np.array([values[(j,)] for j in range(n)])

    return lambda rows: np.array([explain_one(x) for x in rows])

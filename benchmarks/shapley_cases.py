"""Models that the explanation benchmark explains, and other libraries as functions.

A case is a mixture of at most five experts, learned by `partial_fit`, 1,000 rows at a time
(an expert every 4,000 rows, or a fifth of the data), with all rows in two forms: encoded, as
the model sees them, and *coded*, one column per player, as a peer sees them (a category is a
number; a peer's function looks the encoded columns up and calls `predict_proba`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shap
from shapiq.approximator import KernelSHAP as ShapiqKernel
from shapiq.approximator import PermutationSamplingSV

from skfeamoe import FEAMOEClassifier
from skfeamoe._shapley import Mixture
from skfeamoe.datasets import fetch_adult, fetch_compas, fetch_hmda, make_preprocessor
from skfeamoe.inspection import onehot_groups

MAX_EXPERTS = 5
ROWS_AT_ONCE = 20_000
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
    def mixture(self) -> Mixture:
        """The model as the core sees it."""
        model = self.model
        return Mixture(
            model.gate_coef_, model.gate_intercept_, model.expert_coef_, model.expert_intercept_
        )

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
        for j, (columns, table) in enumerate(zip(self.players, self.tables, strict=True)):
            values = coded[:, j]
            if table is None:
                X[:, columns[0]] = values
            else:
                X[:, columns] = table[values.astype(int)]
        return X


def make_case(name: str, path: str) -> Case:
    """Load or make the data, learn them, and code them."""
    if name.startswith("dense"):
        X, y = _dense(int(name.removeprefix("dense")))
        players = [np.array([j]) for j in range(X.shape[1])]
    else:
        X, y, players = _table(name, path)
    n_learned = min(int(0.8 * len(y)), 40_000)
    model = FEAMOEClassifier(
        constraints=None,
        max_experts=MAX_EXPERTS,
        growth_interval=min(4000, n_learned // MAX_EXPERTS),
        random_state=0,
    )
    for start in range(0, n_learned, 1000):
        rows = slice(start, min(start + 1000, n_learned))
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
    columns, tables = [], []
    for group in players:
        if len(group) == 1:
            columns.append(X[:, group[0]])
            tables.append(None)
        else:
            table, code = np.unique(X[:, group], axis=0, return_inverse=True)
            columns.append(code.ravel().astype(float))
            tables.append(table)
    return Case(name, model, X, np.column_stack(columns), players, tables, n_learned)


def _table(name: str, path: str):
    """Encoded rows of a data set in random order, labels and players."""
    options: dict = {"include_sensitive": True}
    if name == "hmda":
        options["include_proxies"] = True
    loader = {"adult": fetch_adult, "compas": fetch_compas, "hmda": fetch_hmda}[name]
    bunch = loader(path=path, **options)
    frame = bunch.data.drop(columns=["race"]) if name == "adult" else bunch.data
    rows = np.random.default_rng(0).permutation(len(frame))[:50_000]
    encoder = make_preprocessor(frame, log_columns=bunch.log_columns)
    X = encoder.fit_transform(frame.iloc[rows])
    groups = onehot_groups(encoder.get_feature_names_out(), X[:4000])
    return X, bunch.target.to_numpy()[rows], [np.array(g) for g in groups.values()]


def _dense(n_features: int, n: int = 25_000):
    """Correlated normal features; which of three rules labels a row depends on the row."""
    rng = np.random.default_rng(0)
    mixing = 0.8 * np.eye(n_features) + 0.4 * rng.normal(size=(n_features,) * 2) / np.sqrt(
        n_features
    )
    X = rng.normal(size=(n, n_features)) @ mixing
    rules, regions = 3.0 * rng.normal(size=(2, 3, n_features)) / np.sqrt(n_features)
    margin = (X * rules[(X @ regions.T).argmax(axis=1)]).sum(axis=1)
    return X, (rng.random(n) < 1.0 / (1.0 + np.exp(-margin))).astype(int)


# ------------------------------------------------------------------- other libraries


def kernel(predict, background, *, n_samples="auto", l1_reg=False) -> Callable:
    """shap.KernelExplainer; ``l1_reg="num_features(10)"`` is its default."""

    def explain(rows):
        np.random.seed(0)  # noqa: NPY002 - shap draws from the global generator
        explainer = shap.KernelExplainer(predict, background)
        return explainer.shap_values(rows, nsamples=n_samples, l1_reg=l1_reg, silent=True)

    return explain


def permutation(predict, background, *, n_chains) -> Callable:
    """shap.PermutationExplainer with pairs of a permutation and its reverse."""
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(predict, masker, seed=0)
    budget = n_chains * (2 * background.shape[1] + 1)
    return lambda rows: explainer(rows, max_evals=budget, silent=True).values


def sampling(predict, background, *, n_samples) -> Callable:
    """shap's SamplingExplainer."""

    def explain(rows):
        np.random.seed(0)  # noqa: NPY002
        explainer = shap.SamplingExplainer(predict, background)
        return explainer.shap_values(rows, nsamples=n_samples, silent=True)

    return explain


def exact(predict, background) -> Callable:
    """shap.ExactExplainer."""
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.ExactExplainer(predict, masker)
    return lambda rows: explainer(rows, max_evals=10**9, silent=True).values


def shapiq(predict, background, *, approximator, budget) -> Callable:
    """shapiq's approximators on a game with this background."""
    n = background.shape[1]
    kinds = {"KernelSHAP": ShapiqKernel, "permutations": PermutationSamplingSV}

    def explain_one(x):
        def game(coalitions):
            inside = np.atleast_2d(np.asarray(coalitions, dtype=bool))
            mixed = np.where(inside[:, None, :], x, background)
            return predict(mixed.reshape(-1, n)).reshape(len(inside), -1).mean(axis=1)

        empty = game(np.zeros((1, n)))[0]
        values = kinds[approximator](n=n, random_state=0).approximate(
            budget=budget, game=lambda coalitions: game(coalitions) - empty
        )
        return np.array([values[(j,)] for j in range(n)])

    return lambda rows: np.array([explain_one(x) for x in rows])

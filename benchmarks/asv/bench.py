"""A dozen calls on made-up lending data: what `asv` follows over commits.

``asv run --quick -E existing`` tries them on the code as it is. They need no files, and are
small enough for a laptop; what is published comes from ``python -m benchmarks``.
"""

import numpy as np

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

STARTED = 14_000
"""Rows after which a stream is no longer young."""


def lending(n_samples, n_columns=60, n_groups=2):
    """A credit stream, with columns of noise beside its own."""
    stream = make_credit_stream(n_samples, drift=None, random_state=0)
    rng = np.random.default_rng(0)
    X = np.asarray(stream.data, dtype=float)
    X = np.hstack([X, rng.normal(size=(n_samples, n_columns - X.shape[1]))])
    groups = rng.integers(n_groups, size=n_samples).astype(str)
    return X, np.asarray(stream.target), groups


def started(n_groups=2, **parameters):
    """A model that has seen enough rows to be no longer young, and others."""
    X, y, groups = lending(STARTED + 8192, n_groups=n_groups)
    model = FEAMOEClassifier(growth_interval=1500, random_state=0, **parameters)
    n = STARTED
    model.partial_fit(X[:n], y[:n], [0, 1], sensitive_features=groups[:n])
    return model, X[n:], y[n:], groups[n:]


class Stream:
    """`partial_fit` on 4,096 rows, by rows a call."""

    params = (1, 32, 256, 4096)
    param_names = ("rows_per_call",)

    def setup(self, size):
        self.model, self.X, self.y, self.groups = started()
        self.n_rows = 256 if size == 1 else 4096

    def time_partial_fit(self, size):
        for start in range(0, self.n_rows, size):
            p = slice(start, start + size)
            self.model.partial_fit(self.X[p], self.y[p], sensitive_features=self.groups[p])

    def peakmem_partial_fit(self, size):
        self.time_partial_fit(size)


class Growth:
    """`partial_fit` in calls of 32 rows, by growth, with eight groups."""

    params = ("interval", "drift", None)
    param_names = ("growth",)

    def setup(self, growth):
        self.model, self.X, self.y, self.groups = started(n_groups=8, growth=growth)

    def time_partial_fit(self, growth):
        for start in range(0, 2048, 32):
            p = slice(start, start + 32)
            self.model.partial_fit(self.X[p], self.y[p], sensitive_features=self.groups[p])


class Fit:
    """`fit` on 10,000 rows, by kind of expert, with and without a constraint."""

    params = (("logistic", "additive", "mlp"), ("demographic_parity", None))
    param_names = ("expert", "constraints")

    def setup(self, expert, constraints):
        self.X, self.y, groups = lending(10_000, n_columns=20)
        self.groups = groups if constraints else None
        self.model = FEAMOEClassifier(constraints, expert=expert, random_state=0)

    def time_fit(self, expert, constraints):
        self.model.fit(self.X, self.y, sensitive_features=self.groups)

    def peakmem_fit(self, expert, constraints):
        self.time_fit(expert, constraints)


class Predict:
    """Answers of a model of ten experts."""

    params = (1, 5000, 200_000)
    param_names = ("rows",)

    def setup(self, rows):
        self.model, X, _, _ = started()
        self.X = np.resize(X, (rows, X.shape[1]))

    def time_predict_proba(self, rows):
        self.model.predict_proba(self.X)

    def peakmem_predict_proba(self, rows):
        self.model.predict_proba(self.X)


class Explain:
    """Shapley values of one person, prepared or not."""

    params = (100, 1000)
    param_names = ("background_rows",)

    def setup(self, n):
        self.model, self.X, _, _ = started()
        self.background = self.X[1 : n + 1]
        self.explainer = self.model.explainer(background=self.background, max_evals=20_000)

    def time_prepared(self, n):
        self.explainer.shap_values(self.X[:1], random_state=0)

    def time_explain(self, n):
        self.model.explain(
            self.X[:1], background=self.background, max_evals=20_000, random_state=0
        )


class Start:
    """What every process pays."""

    timeout = 120

    def timeraw_import(self):
        return "import skfeamoe"

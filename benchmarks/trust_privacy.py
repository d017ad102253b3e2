"""What a model tells of the people it learned from: an attack, and a look into the file.

The attacker of Yeom et al. [1]_ has a person's row and label and asks the model: who is
predicted with a smaller loss was more likely a member. Her success is the area under the ROC
curve over members and as many others of the same world, .5 if nothing can be told. She may
also have the file: the share of members whose row is in it, byte by byte.

.. [1] S. Yeom, I. Giacomelli, M. Fredrikson, S. Jha (2018), "Privacy risk in machine learning:
   analyzing the connection to overfitting", CSF.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, target
from benchmarks.trust_streams import make_rows
from skfeamoe import FEAMOEClassifier
from skfeamoe.persistence import save, without_people

PEOPLE = 2_000
MODELS = {
    "logistic experts": {},
    "additive experts": {"expert": "additive"},
    "networks": {"expert": "mlp"},
    "a deep tree, to compare": None,
}


def run_privacy(context: Context) -> Iterator[dict]:
    """Success of the attack, and what the files hold."""
    n = 400 if context.quick else PEOPLE
    for seed in context.seeds:
        X, y, groups = make_rows(2 * n, seed)
        for name, parameters in MODELS.items():
            if parameters is None:
                model = DecisionTreeClassifier(random_state=seed).fit(X[:n], y[:n])
            else:
                model = FEAMOEClassifier(random_state=seed, **parameters)
                model.fit(X[:n], y[:n], sensitive_features=groups[:n])
            proba = np.clip(model.predict_proba(X)[:, 1], 1e-12, 1 - 1e-12)
            loss = -np.log(np.where(y == 1, proba, 1 - proba))
            told = {"model": name, "seed": seed}
            told["attack"] = roc_auc_score(np.arange(2 * n) < n, -loss)
            told["overfit"] = log_loss(y[n:], proba[n:]) - log_loss(y[:n], proba[:n])
            if parameters is not None:
                told["in_file"] = _found(model, X[:n])
                told["without_people"] = _found(without_people(model), X[:n])
            yield told


def _found(model, X) -> float:
    """Share of the rows of which all numbers stand beside each other in the model's file."""
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder, "model.skops"))
        content = Path(folder, "model.skops").read_bytes()
    return float(np.mean([row.tobytes() in content for row in np.ascontiguousarray(X)]))


def privacy_targets(frame) -> Iterator[Target]:
    """The attack succeeds hardly better than by chance; no row is in a file without people."""
    for name, rows in frame.groupby("model", sort=False):
        if MODELS[name] is not None:
            yield target(f"{name}: attack (AUC)", rows["attack"], "<=", 0.55)
            yield target(f"{name}: rows without people", rows["without_people"], "<=", 0.0)


SHOWN = {
    "attack": "attack (AUC)",
    "overfit": "loss of others less loss of members",
    "in_file": "members' rows in the file",
    "without_people": "after `without_people`",
}
SECTIONS = (
    Section("trust_privacy", run_privacy, one_table("model", columns=SHOWN), privacy_targets,
            page="reliability.md"),
)  # fmt: skip

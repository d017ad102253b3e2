"""What a model tells of the people it learned from: an attack, and a look into the file.

The attacker of Yeom et al. [1]_ has a person's row and label and asks the model: who is
predicted with a smaller loss was more likely a member. Her success is the area under the ROC
curve over members and as many others of the same world, .5 if nothing can be told. She may
also be told why: an attacker in the manner of Shokri et al. [2]_, who knows of half of the
people whether they were members, learns from that what explanations of members are like
(boosted trees on the Shapley values, the output and the label). And she may have the file: the
share of members whose row is in it, byte by byte.

.. [1] S. Yeom, I. Giacomelli, M. Fredrikson, S. Jha (2018), "Privacy risk in machine learning:
   analyzing the connection to overfitting", CSF.
.. [2] R. Shokri, M. Strobel, Y. Zick (2021), "On the privacy risks of model explanations",
   AIES.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, target
from benchmarks.trust_streams import make_rows
from skfeamoe import FEAMOEClassifier
from skfeamoe.persistence import save, without_people

PEOPLE, EXPLAINED, BACKGROUND = 2_000, 500, 50
"""Members, and as many others; how many of each are explained, and against how many."""

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
            told["explained"] = _attack_on_explanations(model, X, y, n)
            if parameters is not None:
                told["in_file"] = _found(model, X[:n])
                told["without_people"] = _found(without_people(model), X[:n])
            yield told


def _attack_on_explanations(model, X, y, n: int) -> float:
    """Success of an attacker who is shown explanations against a background of others."""
    import shap  # its pictures warn of matplotlib's plans when they are imported

    few = min(EXPLAINED, n - BACKGROUND)
    asked = np.r_[:few, n : n + few]  # members, then others
    if isinstance(model, FEAMOEClassifier):
        values = model.explain(X[asked], background=X[-BACKGROUND:]).values
    else:
        values = shap.TreeExplainer(model).shap_values(X[asked])[:, :, 1]
    seen = np.column_stack([values, model.predict_proba(X[asked])[:, 1], y[asked]])
    member = np.arange(2 * few) < few
    attacker = HistGradientBoostingClassifier(random_state=0)
    guessed = cross_val_predict(attacker, seen, member, cv=2, method="predict_proba")
    return roc_auc_score(member, guessed[:, 1])


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
            yield target(f"{name}: attack by explanations (AUC)", rows["explained"], "<=", 0.55)
            yield target(f"{name}: rows without people", rows["without_people"], "<=", 0.0)


SHOWN = {
    "attack": "attack (AUC)",
    "explained": "attack by explanations (AUC)",
    "overfit": "loss of others less loss of members",
    "in_file": "members' rows in the file",
    "without_people": "after `without_people`",
}
SECTIONS = (
    Section("trust_privacy", run_privacy, one_table("model", columns=SHOWN), privacy_targets,
            page="reliability.md"),
)  # fmt: skip

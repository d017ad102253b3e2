"""The three-expert system: every expert, every gate, and what each loss term is worth.

``python -m benchmarks.policy_gated`` measures and stores, ``--report`` writes the tables of
docs/policy_gated.md, ``--check`` holds the stored results to the targets.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.bars import Bar
from benchmarks.common import RESULTS, ROOT, markdown, read, save, write_between_markers
from skfeamoe import FairnessWarning, FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_hmda,
    fetch_student_math,
    make_preprocessor,
)
from skfeamoe.metrics import (
    attention_divergence,
    explanation_quality,
    final_score,
    ratio_explanation_difference,
    result_unfairness,
    utility_score,
    value_explanation_difference,
)

PAGE = ROOT / "docs" / "policy_gated.md"
N_ROWS = 10_000
N_FOLDS = 5
TEST_SHARE = 0.25
PATH_STEPS = 16
ABLATION_SEEDS = 3

LOADERS = {
    "student_math": lambda path: fetch_student_math(path=path),
    "adult": lambda path: fetch_adult(path=path),
    "compas": lambda path: fetch_compas(path=path, groups=["African-American", "Caucasian"]),
    "hmda_2017": lambda path: fetch_hmda(
        path=path, version="2014-2017", years=2017, groups=["White", "Black"]
    ),
}
FIRST_EXPERT, SECOND_EXPERT, THIRD_EXPERT = "Expert 1", "Expert 2", "Expert 3"
EXPERTS = (FIRST_EXPERT, SECOND_EXPERT, THIRD_EXPERT)
GATES = {"differentiable": "differentiable gate", "reinforce": "REINFORCE gate"}
TERMS = (
    "representation_weight",
    "result_weight",
    "attention_weight",
    "adversary_weight",
)
REFERENCE = {
    "Expert 1": 0.813,
    "Expert 2": 0.453,
    "Expert 3": 0.486,
    "REINFORCE gate": 0.698,
    "uniform weights": 0.620,
}
"""Final scores of the public reference on student-math, three seeds, reduced epochs."""


def splits(name, path, seed):
    """Encoded training and test rows of a seed: folds where rows are few, else one split."""
    bunch = LOADERS[name](path)
    y = bunch.target.to_numpy()
    groups = bunch.sensitive_features.to_numpy().astype(str)
    chosen = np.random.default_rng(seed).permutation(len(y))[:N_ROWS]
    cells = np.char.add(y[chosen].astype(str), groups[chosen])
    if name == "student_math":
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        pairs = [(chosen[a], chosen[b]) for a, b in folds.split(chosen, cells)]
    else:
        pairs = [
            train_test_split(chosen, test_size=TEST_SHARE, random_state=seed, stratify=cells)
        ]
    for train, test in pairs:
        frame = bunch.data.iloc[train]
        encoder = make_preprocessor(frame, log_columns=bunch.log_columns)
        yield SimpleNamespace(
            X=encoder.fit_transform(frame),
            X_test=encoder.transform(bunch.data.iloc[test]),
            y=y[train],
            y_test=y[test],
            groups=groups[train],
            groups_test=groups[test],
            seed=seed,
        )


class View:
    """One predictor of a fitted system: an expert, or the mixture under some gate."""

    def __init__(self, proba, attributions, baseline):
        self.predict_proba, self.attributions = proba, attributions
        self.baseline = baseline


def expert_view(model, k):
    """An expert by itself."""
    return View(
        lambda X: model.expert_proba(X)[:, k],
        lambda X: model.attributions(X, expert=k),
        model.baseline_,
    )


def mixture_view(model):
    """The whole mixture."""
    return View(
        model.predict_proba,
        lambda X: model.attributions(X, n_steps=PATH_STEPS),
        model.baseline_,
    )


def with_gate(model, weights):
    """The same experts under other weights of the gate."""
    other = PolicyGatedMoEClassifier(**model.get_params())
    vars(other).update(vars(model))
    other._gate = weights
    return mixture_view(other)


def untrained_gate(model, seed):
    """A gate of the same shape as it stands before any training."""
    from skfeamoe._policy.training import init_gate

    plan = model._plan()
    return with_gate(model, init_gate(plan, np.random.default_rng(seed)))


def uniform_gate(model):
    """Even weights for everybody."""
    return with_gate(model, np.zeros_like(model._gate))


def linear_view(rows):
    """LogisticRegression: its attributions are exact."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(rows.X, rows.y)
    coef = model[-1].coef_[0] / model[0].scale_
    baseline = rows.X.mean(axis=0)
    return View(model.predict_proba, lambda X: (X - baseline) * coef, baseline)


def feamoe_view(rows):
    """FEAMOE with its defaults; attributions of its margins under a frozen gate."""
    model = FEAMOEClassifier(random_state=rows.seed)
    model.fit(rows.X, rows.y, sensitive_features=rows.groups)

    def attributions(X):
        return model.explain(X, game="gate_frozen_margin").values

    return View(model.predict_proba, attributions, rows.X.mean(axis=0))


def evidence(view, rows):
    """What the measures need of a predictor on the test rows of a split."""
    r = view.attributions(rows.X_test)
    quality = explanation_quality(view, rows.X_test, r, baseline=view.baseline)
    return view.predict_proba(rows.X_test)[:, 1], r, quality


def measures(y, groups, p, r, quality):
    """All measures of a predictor, decisions at one half."""
    decided = (p > 0.5).astype(int)
    utility = utility_score(y, decided, p)
    result = result_unfairness(y, decided, sensitive_features=groups)
    ref = ratio_explanation_difference(quality, sensitive_features=groups)
    vef = value_explanation_difference(quality, sensitive_features=groups)
    jsd = attention_divergence(r, sensitive_features=groups)
    procedural = (ref + vef + jsd) / 3
    return {
        "utility": utility,
        "result": result,
        "ref": ref,
        "vef": vef,
        "jsd": jsd,
        "procedural": procedural,
        "final": final_score(utility, result, procedural),
    }


def hidden_of(model, k, X):
    """Hidden layer of an expert: what an adversary looks at."""
    from skfeamoe._mixture import mlp

    mixture = model._mixture()
    first = mixture.experts[0]
    h = model._scaled(X) @ first.weight[k].T + first.bias[k]
    return mlp.ACTIVATIONS[model.activation].value(h)


def adversary_accuracy(model, k, rows):
    """Balanced accuracy with which a fresh network tells groups from the hidden layer."""
    from sklearn.metrics import balanced_accuracy_score

    look = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    look.fit(hidden_of(model, k, rows.X), rows.groups)
    return balanced_accuracy_score(
        rows.groups_test, look.predict(hidden_of(model, k, rows.X_test))
    )


def fit(rows, gate, **parameters):
    """A fitted system and the seconds it took."""
    model = PolicyGatedMoEClassifier(gate, favorable_label=1, random_state=rows.seed)
    model.set_params(**parameters)
    start = time.perf_counter()
    model.fit(rows.X, rows.y, sensitive_features=rows.groups)
    return model, time.perf_counter() - start


def views_of(rows):
    """All predictors on a split, the seconds of the two fits, accuracies of adversaries."""
    views, extra = {}, {}
    for gate, label in GATES.items():
        model, seconds = fit(rows, gate)
        views[label], extra[label] = mixture_view(model), {"seconds": seconds}
        if gate == "differentiable":
            for k, name in enumerate(EXPERTS):
                views[name] = expert_view(model, k)
                extra[name] = {"adversary": adversary_accuracy(model, k, rows)}
            views["uniform weights"] = uniform_gate(model)
            views["untrained gate"] = untrained_gate(model, rows.seed)
    views["LogisticRegression"] = linear_view(rows)
    views["FEAMOE"] = feamoe_view(rows)
    return views, extra


def records_of(name, path, seed, make=views_of):
    """Measures of every predictor for a seed, over all test rows of its splits."""
    parts, extras, tests = {}, {}, []
    for rows in splits(name, path, seed):
        views, extra = make(rows)
        tests.append((rows.y_test, rows.groups_test))
        for label, view in views.items():
            parts.setdefault(label, []).append(evidence(view, rows))
            extras.setdefault(label, []).append(extra.get(label, {}))
    y, groups = (np.concatenate(arrays) for arrays in zip(*tests, strict=True))
    for label, found in parts.items():
        p, r, quality = zip(*found, strict=True)
        width = max(part.shape[1] for part in r)
        r = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in r]
        values = [np.concatenate(arrays) for arrays in (p, r, quality)]
        told = pd.DataFrame(extras[label]).mean().to_dict()
        yield (
            {"data": name, "method": label, "seed": seed} | measures(y, groups, *values) | told
        )


def ablated(rows):
    """Experts and mixture with every term switched off in its turn."""
    views = {}
    for term in TERMS:
        model, _ = fit(rows, "differentiable", **{term: 0.0})
        label = f"without {term.removesuffix('_weight')}"
        for k in (1, 2):
            views[f"{label}, {EXPERTS[k]}"] = expert_view(model, k)
        views[f"{label}, mixture"] = mixture_view(model)
    return views, {}


def bars(frame):
    """The targets, in the order of their table."""
    means = frame.groupby(["data", "method"], sort=False).mean(numeric_only=True)
    won = 0
    for name in dict.fromkeys(frame["data"]):
        of = means.loc[name]
        first, second, third = (of.loc[expert] for expert in EXPERTS)
        what = f"{name}, Expert 2: result unfairness, Expert 1's {first['result']:.3f}"
        yield Bar(what, second["result"], "<=", first["result"])
        lost = first["utility"] - second["utility"]
        yield Bar(f"{name}, Expert 2: utility below Expert 1's", lost, "<=", 0.05)
        what = f"{name}, Expert 3: attention JSD, Expert 1's {first['jsd']:.4f}"
        yield Bar(what, third["jsd"], "<=", first["jsd"])
        near = abs(third["adversary"] - 0.5)
        what = f"{name}, Expert 3: adversary's distance to chance, Expert 1's"
        yield Bar(what, near, "<=", abs(first["adversary"] - 0.5))
        gate = of.loc[GATES["differentiable"], "final"]
        others = {
            "best single expert": of.loc[list(EXPERTS), "final"].max(),
            "uniform weights": of.loc["uniform weights", "final"],
            "untrained gate": of.loc["untrained gate", "final"],
        }
        for label, value in others.items():
            yield Bar(f"{name}, gate: final score, {label}", gate, ">=", value)
        won += all(gate >= value for value in others.values())
    yield Bar("data sets on which the gate is above all three", won, ">=", 3)
    student = means.loc[("student_math", GATES["differentiable"]), "final"]
    yield Bar("student_math, gate: final score", student, ">=", 0.80)


def check(folder):
    """Print every target; 1 if any fails, else 0."""
    found = list(bars(read(folder, "policy_gated")))
    for bar in found:
        mark = "pass" if bar.passed else "FAIL"
        print(f"{mark}  {bar.value:8.4f} {bar.sense} {bar.target:<8.4f} {bar.what}")
    failed = sum(not bar.passed for bar in found)
    print(f"\n{len(found) - failed} of {len(found)} targets met")
    return int(failed > 0)


COLUMNS = {
    "utility": "utility",
    "result": "result unfairness",
    "ref": "REF",
    "vef": "VEF",
    "jsd": "JSD",
    "procedural": "procedural unfairness",
    "final": "final score",
}


def table(frame):
    """Means over seeds, with the standard deviation of the final score."""
    rows = []
    for (name, method), group in frame.groupby(["data", "method"], sort=False):
        row = {"data": name, "method": method}
        row |= {title: f"{group[key].mean():.3f}" for key, title in COLUMNS.items()}
        row["final score"] += f" ± {group['final'].std(ddof=1):.3f}"
        published = REFERENCE.get(method) if name == "student_math" else None
        row["reference's final score"] = "" if published is None else f"{published:.3f}"
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def report(folder):
    """Write the tables of the page."""
    frame = read(folder, "policy_gated")
    write_between_markers(PAGE, "results", table(frame))
    lines = [
        {
            "": "pass" if bar.passed else "FAIL",
            "what": bar.what,
            "found": f"{bar.value:.4f}",
            "target": f"{bar.sense} {bar.target:.4f}",
        }
        for bar in bars(frame)
    ]
    write_between_markers(PAGE, "targets", markdown(pd.DataFrame(lines)))
    ablation = read(folder, "policy_gated_ablation")
    if ablation is not None:
        write_between_markers(
            PAGE, "ablation", table(ablation).replace(" reference's final score |", "")
        )


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", default="../shared/data")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--data", nargs="+", choices=list(LOADERS), default=list(LOADERS))
    parser.add_argument("--no-ablation", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.report:
        return report(asked.output)
    if asked.check:
        return check(asked.output)
    warnings.simplefilter("ignore", FairnessWarning)
    found, without = [], []
    for name in asked.data:
        for seed in range(asked.seeds):
            found += records_of(name, asked.path, seed)
        done = [record for record in found if record["data"] == name]
        print(table(pd.DataFrame(done)), flush=True)
        if not asked.no_ablation:
            for seed in range(min(asked.seeds, ABLATION_SEEDS)):
                without += records_of(name, asked.path, seed, ablated)
    save(asked.output, "policy_gated", found)
    if without:
        save(asked.output, "policy_gated_ablation", without)
    return 0


if __name__ == "__main__":
    sys.exit(main())

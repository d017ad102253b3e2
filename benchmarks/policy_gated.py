"""The three-expert system: every expert, every gate, and what each loss term is worth.

``python -m benchmarks.policy_gated`` measures and stores, ``--report`` writes the tables of
docs/policy_gated.md, ``--check`` holds the stored results to the targets.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.bars import Bar
from benchmarks.common import RESULTS, ROOT, markdown, read, save, write_between_markers
from skfeamoe import FairnessWarning, FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe._policy import training
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
PARTS = ["times", "methods", "ablation"]
ABLATED = "without "
TIMED_SHAPE = 10_000, 100
TIMED_SEEDS = 3
MOST_SECONDS = 60

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
EXPERT_TERMS = {
    "representation_weight": SECOND_EXPERT,
    "result_weight": SECOND_EXPERT,
    "attention_weight": THIRD_EXPERT,
    "adversary_weight": THIRD_EXPERT,
}
"""Weights of the experts' terms, and whose they are."""

GATE_TERMS = (
    "gate_result_weight",
    "gate_procedure_weight",
    "entropy_weight",
    "balance_weight",
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
    weights = training.init_gate(model._plan(), np.random.default_rng(seed))
    return with_gate(model, weights)


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
    """Balanced accuracy with which a fresh adversary tells groups from the hidden layer."""
    from sklearn.metrics import balanced_accuracy_score

    look = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    look.fit(hidden_of(model, k, rows.X), rows.groups)
    return balanced_accuracy_score(
        rows.groups_test, look.predict(hidden_of(model, k, rows.X_test))
    )


def fit(rows, gate, **parameters):
    """A fitted system."""
    model = PolicyGatedMoEClassifier(gate, favorable_label=1, random_state=rows.seed)
    model.set_params(**parameters)
    return model.fit(rows.X, rows.y, sensitive_features=rows.groups)


@contextmanager
def shared_experts():
    """Gates that are fitted inside, with equal terms of the experts, start from one phase.

    The first phase knows nothing of the gate, so that training it again would give the same
    experts; only time is saved.
    """
    train_experts, phases = training.train_experts, {}

    def once(rows, plan, rng):
        if plan.weights not in phases:
            phase = train_experts(rows, plan, rng)
            phases[plan.weights] = copy.deepcopy((phase, rng.bit_generator.state))
        phase, state = copy.deepcopy(phases[plan.weights])
        rng.bit_generator.state = state
        for trainer in phase.trainers:
            trainer.rng = rng
        return phase

    training.train_experts = once
    try:
        yield
    finally:
        training.train_experts = train_experts


def views_of(rows):
    """All predictors on a split, and the accuracies of adversaries."""
    views, extra = {}, {}
    with shared_experts():
        for gate, label in GATES.items():
            model = fit(rows, gate)
            views[label] = mixture_view(model)
            if gate == "differentiable":
                for k, name in enumerate(EXPERTS):
                    views[name] = expert_view(model, k)
                    extra[name] = {"adversary": adversary_accuracy(model, k, rows)}
                views["uniform weights"] = uniform_gate(model)
                views["untrained gate"] = untrained_gate(model, rows.seed)
    views["LogisticRegression"] = linear_view(rows)
    views["FEAMOE"] = feamoe_view(rows)
    return views, extra


def ablated(rows):
    """The expert of a term and the mixture, with every term switched off in its turn."""
    views, extra = {}, {}
    for term, expert in EXPERT_TERMS.items():
        model = fit(rows, "differentiable", **{term: 0.0})
        label, k = ABLATED + term.removesuffix("_weight"), EXPERTS.index(expert)
        views[f"{label}: {expert}"] = expert_view(model, k)
        extra[f"{label}: {expert}"] = {"adversary": adversary_accuracy(model, k, rows)}
        views[f"{label}: gate"] = mixture_view(model)
    with shared_experts():
        for term in GATE_TERMS:
            model = fit(rows, "differentiable", **{term: 0.0})
            label = f"{ABLATED}{term.removesuffix('_weight')}: gate"
            views[label] = mixture_view(model)
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


def times():
    """Processor seconds of fits with defaults."""
    for seed in range(TIMED_SEEDS):
        n_samples, n_features = TIMED_SHAPE
        X, y = make_classification(n_samples, n_features, n_informative=20, random_state=seed)
        groups = np.where(X[:, 0] > 0, "a", "b")
        for gate, label in GATES.items():
            model = PolicyGatedMoEClassifier(gate, random_state=seed)
            start = time.process_time()
            model.fit(X, y, sensitive_features=groups)
            seconds = time.process_time() - start
            yield {"method": label, "seed": seed, "seconds": seconds}


def margins(frame):
    """Mean final scores of the gate and of what it must exceed, by data set."""
    final = frame.pivot_table(index="data", columns="method", values="final", sort=False)
    return pd.DataFrame(
        {
            "gate": final[GATES["differentiable"]],
            "best single expert": final[list(EXPERTS)].max(axis=1),
            "uniform weights": final["uniform weights"],
            "untrained gate": final["untrained gate"],
            "REINFORCE gate": final[GATES["reinforce"]],
        }
    )


def bars(frame, seconds):
    """The targets, in the order of their table."""
    means = frame.groupby(["data", "method"], sort=False).mean(numeric_only=True)
    for name in dict.fromkeys(frame["data"]):
        first, second, third = (means.loc[(name, expert)] for expert in EXPERTS)
        what = f"{name}, Expert 2: result unfairness, against Expert 1's"
        yield Bar(what, second["result"], "<=", first["result"])
        lost = first["utility"] - second["utility"]
        yield Bar(f"{name}, Expert 2: utility below Expert 1's", lost, "<=", 0.05)
        what = f"{name}, Expert 3: attention JSD, against Expert 1's"
        yield Bar(what, third["jsd"], "<=", first["jsd"])
        near = abs(third["adversary"] - 0.5)
        what = f"{name}, Expert 3: adversary's distance to chance, against Expert 1's"
        yield Bar(what, near, "<=", abs(first["adversary"] - 0.5))
    table = margins(frame)
    won = table["gate"] >= table["best single expert"]
    won &= table["gate"] > table["uniform weights"]
    won &= table["gate"] > table["untrained gate"]
    yield Bar("data sets on which the gate is above all three", int(won.sum()), ">=", 3)
    student = table.loc["student_math", "gate"]
    yield Bar("student_math, gate: final score", student, ">=", 0.80)
    rows, columns = TIMED_SHAPE
    slowest = seconds.groupby("method")["seconds"].mean().max()
    yield Bar(f"fit of {rows:,} x {columns}: seconds", slowest, "<=", MOST_SECONDS)
    other = table["REINFORCE gate"].mean()
    what = "default gate: mean final score, against the other gate's"
    yield Bar(what, table["gate"].mean(), ">=", other)


def check(folder):
    """Print every target; 1 if any fails, else 0."""
    found = list(bars(read(folder, "policy_gated"), read(folder, "policy_gated_times")))
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


def table(frame, reference=False):
    """Means over seeds, with the standard deviation of the final score."""
    rows = []
    for (name, method), group in frame.groupby(["data", "method"], sort=False):
        row = {"data": name, "method": method}
        row |= {title: f"{group[key].mean():.3f}" for key, title in COLUMNS.items()}
        row["final score"] += f" ± {group['final'].std(ddof=1):.3f}"
        if reference:
            published = REFERENCE.get(method) if name == "student_math" else None
            row["reference's final score"] = "" if published is None else f"{published:.3f}"
        else:
            near = group["adversary"].mean() if "adversary" in group else np.nan
            row["adversary's accuracy"] = "" if np.isnan(near) else f"{near:.3f}"
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def report(folder):
    """Write the tables of the page."""
    frame = read(folder, "policy_gated")
    write_between_markers(PAGE, "results", table(frame, reference=True))
    found = bars(frame, read(folder, "policy_gated_times"))
    lines = [
        {
            "": "pass" if bar.passed else "**FAIL**",
            "what": bar.what,
            "found": f"{bar.value:.4f}",
            "target": f"{bar.sense} {bar.target:.4f}",
        }
        for bar in found
    ]
    write_between_markers(PAGE, "targets", markdown(pd.DataFrame(lines)))
    shown = margins(frame).map("{:.4f}".format).reset_index()
    write_between_markers(PAGE, "margins", markdown(shown))
    ablation = read(folder, "policy_gated_ablation")
    if ablation is not None:
        whole = frame["method"].isin([SECOND_EXPERT, THIRD_EXPERT, GATES["differentiable"]])
        whole = frame[whole & (frame["seed"] < ABLATION_SEEDS)]
        both = pd.concat(
            [
                part
                for name in dict.fromkeys(ablation["data"])
                for part in (whole[whole["data"] == name], ablation[ablation["data"] == name])
            ]
        )
        write_between_markers(PAGE, "ablation", table(both))


def measure(asked, section, n_seeds, make):
    """Measure predictors on all data sets, print their means, and store every seed."""
    stored = read(asked.output, section)
    kept = [] if stored is None else stored.replace({np.nan: None}).to_dict("records")
    found = [record for record in kept if record["data"] not in asked.data]
    for name in asked.data:
        done = []
        for seed in range(n_seeds):
            done += records_of(name, asked.path, seed, make)
        print(table(pd.DataFrame(done)), flush=True)
        found += done
        save(asked.output, section, found)


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", default="../shared/data")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--data", nargs="+", choices=list(LOADERS), default=list(LOADERS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.report:
        return report(asked.output)
    if asked.check:
        return check(asked.output)
    warnings.simplefilter("ignore", FairnessWarning)
    if "times" in asked.parts:
        save(asked.output, "policy_gated_times", list(times()))
    if "methods" in asked.parts:
        measure(asked, "policy_gated", asked.seeds, views_of)
    if "ablation" in asked.parts:
        seeds = min(asked.seeds, ABLATION_SEEDS)
        measure(asked, "policy_gated_ablation", seeds, ablated)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The three-expert system: every expert, every gate, and what each loss term is worth."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.data import Split, encode, load
from benchmarks.measures import clock
from benchmarks.models import fit_feamoe
from benchmarks.pages import cell
from benchmarks.registry import Context, Section, Target, target
from skfeamoe import PolicyGatedMoEClassifier, metrics
from skfeamoe._mixture import mlp

PAGE = "policy_gated.md"
DATA = ("student_math", "adult_without_sex", "compas", "hmda_2017")
N_ROWS, N_FOLDS, TEST_SHARE = 10_000, 5, 0.25
PATH_STEPS = 16
TIMED_SHAPE, TIMED_SEEDS, MOST_SECONDS = (10_000, 100), 3, 60
ABLATION_SEEDS = 3
QUICK = {"max_iter": 30, "gate_max_iter": 1}
EXPERTS = FIRST, SECOND, THIRD = ("Expert 1", "Expert 2", "Expert 3")
GATE, REINFORCE = "differentiable gate", "REINFORCE gate"
UNIFORM = "uniform weights"
TERMS = {
    "representation_weight": SECOND,
    "result_weight": SECOND,
    "attention_weight": THIRD,
    "adversary_weight": THIRD,
    "gate_result_weight": None,
    "gate_procedure_weight": None,
    "entropy_weight": None,
    "balance_weight": None,
}
"""Weights of the loss terms, and whose they are; None is the gate."""

REFERENCE = {FIRST: 0.813, SECOND: 0.453, THIRD: 0.486, REINFORCE: 0.698, UNIFORM: 0.620}
"""Final scores of the public reference on student-math, three seeds, reduced epochs."""

COLUMNS = {
    "utility": "utility",
    "result": "result unfairness",
    "ref": "REF",
    "vef": "VEF",
    "jsd": "JSD",
    "procedural": "procedural unfairness",
    "final": "final score",
}


class View(NamedTuple):
    """One predictor: probabilities, attributions, the baseline that they refer to."""

    predict_proba: Callable
    attributions: Callable
    baseline: np.ndarray


def splits(name: str, context: Context, seed: int) -> Iterator[Split]:
    """Encoded training and test rows of a seed: folds where rows are few, else one split."""
    task = load(name, context).shuffled(seed, N_ROWS)
    cells = np.char.add(task.y.astype(str), task.groups.astype(str))
    if name == "student_math":
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        pairs = context.some(list(folds.split(cells, cells)), 2)
    else:
        asked = {"test_size": TEST_SHARE, "random_state": seed, "stratify": cells}
        pairs = [train_test_split(np.arange(len(cells)), **asked)]
    for train, test in pairs:
        yield encode(task.take(train), task.take(test), seed)


def fit(rows: Split, context: Context, gate="differentiable", **parameters):
    """A fitted system; class 1 is favorable, as in the reference."""
    model = PolicyGatedMoEClassifier(gate, favorable_label=1, random_state=rows.seed)
    model.set_params(**parameters | (QUICK if context.quick else {}))
    return model.fit(rows.X, rows.y, sensitive_features=rows.groups)


def expert_view(model, k: int) -> View:
    """An expert by itself."""
    return View(
        lambda X: model.expert_proba(X)[:, k],
        lambda X: model.attributions(X, expert=k),
        model.baseline_,
    )


def mixture_view(model) -> View:
    """The whole mixture, routing included."""
    return View(
        model.predict_proba,
        lambda X: model.attributions(X, n_steps=PATH_STEPS),
        model.baseline_,
    )


def uniform_view(model) -> View:
    """Even weights for everybody: means of the experts."""
    every = [expert_view(model, k) for k in range(len(EXPERTS))]
    return View(
        lambda X: np.mean([view.predict_proba(X) for view in every], axis=0),
        lambda X: np.mean([view.attributions(X) for view in every], axis=0),
        model.baseline_,
    )


def peer_views(rows: Split) -> dict[str, View]:
    """LogisticRegression, whose attributions are exact, and FEAMOE, its gate held."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    linear.fit(rows.X, rows.y)
    coef, baseline = linear[-1].coef_[0] / linear[0].scale_, rows.X.mean(axis=0)
    model = fit_feamoe(rows)

    def explain(X):
        return model.explain(X, game="gate_frozen_margin").values

    return {
        "LogisticRegression": View(
            linear.predict_proba, lambda X: (X - baseline) * coef, baseline
        ),
        "FEAMOE": View(model.predict_proba, explain, baseline),
    }


def adversary_accuracy(model, k: int, rows: Split) -> float:
    """Balanced accuracy with which a fresh adversary tells groups from the hidden layer."""
    first = model._mixture().experts[0]

    def hidden(X):
        h = model._scaled(X) @ first.weight[k].T + first.bias[k]
        return mlp.ACTIVATIONS[model.activation].value(h)

    groups, groups_test = (part.astype(str) for part in (rows.groups, rows.groups_test))
    look = LogisticRegression(class_weight="balanced", max_iter=1000)
    look = make_pipeline(StandardScaler(), look).fit(hidden(rows.X), groups)
    return balanced_accuracy_score(groups_test, look.predict(hidden(rows.X_test)))


def all_views(rows: Split, context: Context):
    """Name, predictor and what else is known of it, on one split."""
    model = fit(rows, context)
    yield GATE, mixture_view(model), {}
    for k, name in enumerate(EXPERTS):
        told = {"adversary": adversary_accuracy(model, k, rows)}
        yield name, expert_view(model, k), told
    yield UNIFORM, uniform_view(model), {}
    yield REINFORCE, mixture_view(fit(rows, context, "reinforce")), {}
    for name, view in peer_views(rows).items():
        yield name, view, {}


def ablated_views(rows: Split, context: Context):
    """The expert of a term and the mixture, with every term switched off in its turn."""
    for term, expert in {None: None, **TERMS}.items():
        model = fit(rows, context, **({term: 0.0} if term else {}))
        label = f"without {term.removesuffix('_weight')}: " if term else ""
        for name in (SECOND, THIRD) if term is None else filter(None, (expert,)):
            k = EXPERTS.index(name)
            told = {"adversary": adversary_accuracy(model, k, rows)}
            yield f"{label}{name}", expert_view(model, k), told
        yield f"{label}gate" if term else GATE, mixture_view(model), {}


def run(make_views, most_seeds: int | None, context: Context) -> Iterator[dict]:
    """Measures of every predictor by seed, over all test rows of its splits."""
    for name in context.some(DATA):
        for seed in context.seeds[:most_seeds]:
            parts: dict[str, list] = {}
            for rows in splits(name, context, seed):
                for label, view, told in make_views(rows, context):
                    parts.setdefault(label, []).append((rows, *evidence(view, rows), told))
            for label, found in parts.items():
                told = pd.DataFrame([part[-1] for part in found]).mean().to_dict()
                record = {"data": name, "method": label, "seed": seed}
                yield record | measures([part[:-1] for part in found]) | told


def evidence(view: View, rows: Split):
    """Probabilities, attributions and their quality on the test rows of a split."""
    r = view.attributions(rows.X_test)
    quality = metrics.explanation_quality(view, rows.X_test, r, baseline=view.baseline)
    return view.predict_proba(rows.X_test)[:, 1], r, quality


def measures(parts) -> dict[str, float]:
    """All measures of a predictor over its splits, decisions at one half."""
    splits, p, r, quality = zip(*parts, strict=True)
    width = max(part.shape[1] for part in r)
    r = np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in r])
    p, quality = np.concatenate(p), np.concatenate(quality)
    y = np.concatenate([rows.y_test for rows in splits])
    known = {"sensitive_features": np.concatenate([rows.groups_test for rows in splits])}
    decided = (p > 0.5).astype(int)
    found = {
        "utility": metrics.utility_score(y, decided, p),
        "result": metrics.result_unfairness(y, decided, **known),
        "ref": metrics.ratio_explanation_difference(quality, **known),
        "vef": metrics.value_explanation_difference(quality, **known),
        "jsd": metrics.attention_divergence(r, **known),
    }
    found["procedural"] = (found["ref"] + found["vef"] + found["jsd"]) / 3
    main = found["utility"], found["result"], found["procedural"]
    return {k: float(v) for k, v in (found | {"final": metrics.final_score(*main)}).items()}


def run_times(context: Context) -> Iterator[dict]:
    """Processor seconds of fits with defaults."""
    n_samples, n_features = (500, 100) if context.quick else TIMED_SHAPE
    for seed in context.some(range(TIMED_SEEDS)):
        X, y = make_classification(n_samples, n_features, n_informative=20, random_state=seed)
        groups = np.where(X[:, 0] > 0, "a", "b")
        for gate, label in (("differentiable", GATE), ("reinforce", REINFORCE)):
            model = PolicyGatedMoEClassifier(gate, random_state=seed)
            model.set_params(**QUICK if context.quick else {})
            seconds = clock(model.fit, X, y, sensitive_features=groups)[1]
            yield {"method": label, "seed": seed, "seconds": seconds}


# ---------------------------------------------------------------- tables and targets


def margins(frame) -> pd.DataFrame:
    """Mean final scores of the gate and of what it must exceed, by data set."""
    final = frame.pivot_table(index="data", columns="method", values="final", sort=False)
    best = final[list(EXPERTS)].max(axis=1).rename("best single expert")
    return pd.concat([final[GATE], best, final[[UNIFORM, REINFORCE]]], axis=1)


def table(frame) -> pd.DataFrame:
    """Means over seeds, with the standard deviation of the final score."""
    rows = []
    for (name, method), group in frame.groupby(["data", "method"], sort=False):
        row = {"data": name, "method": method}
        row |= {title: f"{group[key].mean():.3f}" for key, title in COLUMNS.items()}
        if len(group) > 1:
            row["final score"] += f" ± {group['final'].std(ddof=1):.3f}"
        if "adversary" in group:
            row["adversary's accuracy"] = cell(float(group["adversary"].mean()), "{:.3f}")
        if name == "student_math":
            row["reference's final score"] = cell(REFERENCE.get(method), "{:.3f}")
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def tables(frame) -> dict[str, pd.DataFrame]:
    """The gate beside what it must exceed, and everything."""
    shown = margins(frame).map("{:.4f}".format).reset_index()
    return {"Mean final score of the gate and of what it must exceed": shown, "": table(frame)}


def targets(frame) -> Iterator[Target]:
    """Every expert keeps its aim, and the gate is worth having."""
    means = frame.groupby(["data", "method"], sort=False).mean(numeric_only=True)
    for name in dict.fromkeys(frame["data"]):
        first, second, third = (means.loc[(name, expert)] for expert in EXPERTS)
        what = f"{name}, Expert 2: result unfairness, against Expert 1's"
        yield target(what, second["result"], "<=", first["result"])
        lost = first["utility"] - second["utility"]
        yield target(f"{name}, Expert 2: utility below Expert 1's", lost, "<=", 0.05)
        what = f"{name}, Expert 3: attention JSD, against Expert 1's"
        yield target(what, third["jsd"], "<=", first["jsd"])
        what = f"{name}, Expert 3: adversary's distance to chance, against Expert 1's"
        near = abs(third["adversary"] - 0.5)
        yield target(what, near, "<=", abs(first["adversary"] - 0.5))
    final = margins(frame)
    won = (final[GATE] >= final["best single expert"]) & (final[GATE] > final[UNIFORM])
    yield target("data sets on which the gate is above both", int(won.sum()), ">=", 3)
    if "student_math" in final.index:
        score = final.loc["student_math", GATE]
        yield target("student_math, gate: final score", score, ">=", 0.80)
    what = "default gate: mean final score, against the other gate's"
    yield target(what, final[GATE].mean(), ">=", final[REINFORCE].mean())


def time_tables(frame) -> dict[str, pd.DataFrame]:
    """Seconds by gate."""
    seconds = frame.groupby("method", sort=False)["seconds"].mean().map("{:.1f}".format)
    return {"": seconds.rename("seconds of a fit").reset_index()}


def time_targets(frame) -> Iterator[Target]:
    """A fit takes a minute at most."""
    slowest, (n, m) = frame.groupby("method")["seconds"].mean().max(), TIMED_SHAPE
    yield target(f"fit of {n:,} x {m}: seconds", slowest, "<=", MOST_SECONDS)


SECTIONS = (
    Section("policy_gated", partial(run, all_views, None), tables, targets, page=PAGE),
    Section("policy_gated_ablation", partial(run, ablated_views, ABLATION_SEEDS),
            lambda frame: {"": table(frame)}, page=PAGE),
    Section("policy_gated_times", run_times, time_tables, time_targets, page=PAGE),
)  # fmt: skip

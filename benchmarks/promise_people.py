"""Is the bound kept for whom? Within parts, for many and small groups, seed by seed."""

import warnings
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from benchmarks import models
from benchmarks.data import load, places, raw_parts, split, splits
from benchmarks.measures import scores
from benchmarks.models import batches
from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, of, target
from skfeamoe.datasets import make_credit_stream

PAGE = "promise.md"
BOUND, LOCAL = 0.05, 0.10
PARTS = ["age", "education"]
LEAST_ROWS, LEAST_OF_GROUP = 300, 20
COMPARED_ROWS = 500
SHOWN = {
    "accuracy": "accuracy",
    "gap": "gap",
    "worst_part": "worst part",
    "n_groups": "groups",
    "compared": "of 500 rows and more",
    "told": "told unweighted gap off by",
    "differ": "decisions that differ",
}


# ------------------------------------------------------------------- within parts


def run_local(context: Context) -> Iterator[dict]:
    """Adult: gaps within fifths of age and levels of education, with and without bounds."""
    for seed, learn, judge in raw_parts("adult", context):
        for method, asked in (
            ("one bound", {}),
            ("and local bounds", {"local_columns": PARTS, "local_bound": LOCAL}),
        ):
            model = models.make_feamoe(learn.favorable, seed, difference_bound=BOUND, **asked)
            model.fit(learn.X, learn.y, sensitive_features=learn.groups)
            decided = model.predict(judge.X)
            found = scores(judge.y, decided, judge.groups)
            yield {"method": method, "seed": seed, "accuracy": found["accuracy"],
                   "gap": found["dp"],
                   "worst_part": _worst_part(judge, decided, learn)}  # fmt: skip


def _worst_part(people, decided, learned) -> float:
    """The largest gap in any part of enough people."""
    edges = np.quantile(learned.X["age"], [0.2, 0.4, 0.6, 0.8])
    age = np.searchsorted(edges, people.X["age"], side="right")
    worst = 0.0
    for part in (age, people.X["education"].astype(str).to_numpy()):
        for value in np.unique(part):
            own = part == value
            groups, counted = np.unique(people.groups[own], return_counts=True)
            known = groups[counted >= LEAST_OF_GROUP]
            if own.sum() >= LEAST_ROWS and len(known) > 1:
                rates = [decided[own & (people.groups == a)].mean() for a in known]
                worst = max(worst, max(rates) - min(rates))
    return worst


def local_targets(frame) -> Iterator[Target]:
    """The worst part at most half as bad, for half a point of accuracy."""
    one, both = (of(frame, method=name) for name in ("one bound", "and local bounds"))
    part = both["worst_part"].mean() / one["worst_part"].mean()
    yield target("adult, local bounds: worst part, of that without", part, "<=", 0.5)
    lost = one["accuracy"] - both["accuracy"]
    yield target("adult, local bounds: accuracy lost", lost, "<=", 0.005)


# ------------------------------------------------------------- many and small groups


def many_groups(n: int, shares, seed: int):
    """Groups of given shares whose skill differs, three columns that tell them apart a bit."""
    rng = np.random.default_rng([seed, 7])
    groups = rng.choice(len(shares), n, p=np.asarray(shares) / np.sum(shares))
    place = np.random.default_rng(7).normal(size=(len(shares), 3))
    X = rng.normal(size=(n, 6))
    X[:, :3] += 0.8 * place[groups]
    y = (X[:, 0] + 0.5 * X[:, 3] + 0.8 * rng.normal(size=n) > 0.3).astype(int)
    return X, y, groups


WORLDS = {
    "40 equal groups": np.ones(40),
    "40 groups, shares 1/k": 1.0 / np.arange(1, 41),
    "3 groups of 1 %": np.array([0.5, 0.47, 0.01, 0.01, 0.01]),
}


def run_groups(context: Context) -> Iterator[dict]:
    """Many groups, small ones, and intersections of three attributes of Adult."""
    n_rows = 4000 if context.quick else 60_000
    for world, shares in WORLDS.items():
        for seed in context.seeds:
            X, y, groups = many_groups(n_rows, shares, seed)
            new = many_groups(2 * n_rows, shares, seed + 1000)
            for bound in (None, BOUND):
                model = _fitted(X, y, groups, seed, 1, bound)
                decided = model.predict(new[0])
                yield _of_groups(world, bound, seed, groups, new[1], decided, new[2])
    task = load("adult", context)
    several = _several(task.X)
    for seed in context.seeds:
        rows = split(task, seed)
        learned, judged = (several[part] for part in places(task, seed))
        for bound in (None, BOUND):
            model = _fitted(rows.X, rows.y, learned, seed, rows.favorable, bound)
            decided, name = model.predict(rows.X_test), "adult, sex, race and age"
            yield _of_groups(name, bound, seed, learned, rows.y_test, decided, judged)


def _several(X) -> np.ndarray:
    """Names of the intersections: of sex, race, and people up to 35 or older."""
    age = np.where(X["age"] <= 35, "young", "old")
    return (X["sex"].astype(str) + " & " + X["race"].astype(str) + " & " + age).to_numpy(object)


def _fitted(X, y, groups, seed: int, favorable: int, bound: float | None):
    """A fitted classifier, with a bound or none."""
    asked = {"constraints": None} if bound is None else {"difference_bound": bound}
    model = models.make_feamoe(favorable, seed, **asked)
    return model.fit(X, y, sensitive_features=None if bound is None else groups)


def _of_groups(world, bound, seed, learned, y, decided, groups) -> dict:
    """Accuracy, and the largest gap of two groups that were learned from enough people."""
    known, counted = np.unique(learned, return_counts=True)
    large = known[counted >= COMPARED_ROWS]
    rates = [decided[groups == a].mean() for a in large]
    return {"world": world, "bound": bound or 0.0, "seed": seed,
            "accuracy": float((decided == y).mean()), "n_groups": len(known),
            "compared": len(large), "gap": np.ptp(rates) if rates else 0.0}  # fmt: skip


def groups_targets(frame) -> Iterator[Target]:
    """Gaps of groups with 500 rows and more."""
    for world, rows in frame[frame["bound"] > 0].groupby("world", sort=False):
        yield target(f"{world}: gap", rows["gap"], "<=", BOUND + 0.03)


# ------------------------------------------------------------------------- seed by seed


def run_spread(context: Context) -> Iterator[dict]:
    """One stream with a sudden change, ten seeds: how many new rows are decided otherwise."""
    n_rows = 6000 if context.quick else 40_000
    stream = make_credit_stream(n_rows, drift="sudden", as_frame=False, random_state=0)
    X, y, groups = stream.data, stream.target, stream.sensitive_features
    n_seeds = 2 if context.quick else 2 * context.n_seeds
    looks = {"before the change": n_rows // 2, "after it": n_rows - 2000}
    decided: dict[str, list] = {when: [] for when in looks}
    for seed in range(n_seeds):
        model = models.make_feamoe(1, seed, growth="drift", difference_bound=BOUND)
        for part in batches(n_rows, 100):
            for when, row in looks.items():
                if part.start == row:
                    decided[when].append(model.predict(X[row : row + 2000]))
            model.partial_fit(X[part], y[part], [0, 1], sensitive_features=groups[part])
    for when, of_seed in decided.items():
        for a, b in combinations(range(n_seeds), 2):
            yield {"when": when, "seed": a, "other": b,
                   "differ": float((of_seed[a] != of_seed[b]).mean())}  # fmt: skip


def spread_targets(frame) -> Iterator[Target]:
    """At most one decision in twenty."""
    for when, rows in frame.groupby("when", sort=False):
        yield target(f"ten seeds, {when}: decisions that differ", rows["differ"], "<=", 0.05)


# --------------------------------------------------------------------------- weights


def run_weights(context: Context) -> Iterator[dict]:
    """Adult with balanced classes, by the loss alone and by weights of people."""
    for _, rows in splits(["adult"], context):
        share = np.bincount(rows.y) / len(rows.y)
        weight = 0.5 / share[rows.y]
        for method, asked, given in (
            ("class_weight", {"class_weight": "balanced"}, None),
            ("sample_weight", {}, weight),
        ):
            model = models.make_feamoe(
                rows.favorable, rows.seed, difference_bound=0.02, **asked
            )
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=given)
            found = scores(rows.y_test, model.predict(rows.X_test), rows.groups_test)
            own = scores(rows.y, model.predict(rows.X), rows.groups)["dp"]
            told = model.group_gap_details_[0]["unweighted_gap"]
            warned = any("sample_weight bends" in str(w.message) for w in caught)
            yield {"method": method, "seed": rows.seed, "accuracy": found["accuracy"],
                   "gap": found["dp"], "told": abs(told - own), "warned": warned}  # fmt: skip


def weights_targets(frame) -> Iterator[Target]:
    """Weights of the loss do not bend the gap, and those of people are told."""
    loss, people = (of(frame, method=name) for name in ("class_weight", "sample_weight"))
    yield target("adult, class_weight: gap", loss["gap"], "<=", 0.035)
    yield target("adult, sample_weight: told off by", people["told"], "<=", 0.01)
    yield target("adult, sample_weight: share warned", people["warned"], ">=", 1.0)


BY_METHOD = one_table("method", columns=SHOWN)
BY_WORLD = one_table("world", "bound", columns=SHOWN)  # bound 0 stands for none
OF_PAIRS = one_table("when", columns=SHOWN)
SECTIONS = (
    Section("promise_local", run_local, BY_METHOD, local_targets, page=PAGE),
    Section("promise_groups", run_groups, BY_WORLD, groups_targets, page=PAGE),
    Section("promise_spread", run_spread, OF_PAIRS, spread_targets, page=PAGE),
    Section("promise_weights", run_weights, BY_METHOD, weights_targets, page=PAGE),
)

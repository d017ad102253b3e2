"""Is the bound kept for whom? Within parts, for many and small groups, seed by seed."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from benchmarks import models
from benchmarks.data import lending, load, places, raw_parts, split, splits
from benchmarks.measures import accuracy_and_gap, gap_of, scores, warned_of
from benchmarks.models import before_learning
from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, of, target

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
            found = accuracy_and_gap(judge.y, decided, judge.groups)
            found["worst_part"] = _worst_part(judge, decided, learn)
            yield {"method": method, "seed": seed} | found


def _worst_part(people, decided, learned) -> float:
    """The largest gap in any part of enough people."""
    edges = np.quantile(learned.X["age"], [0.2, 0.4, 0.6, 0.8])
    age = np.searchsorted(edges, people.X["age"], side="right")
    worst = 0.0
    for part in (age, people.X["education"].astype(str).to_numpy()):
        for value in np.unique(part):
            own = part == value
            groups, counted = np.unique(people.groups[own], return_counts=True)
            own &= np.isin(people.groups, groups[counted >= LEAST_OF_GROUP])
            if counted.sum() >= LEAST_ROWS and own.any():
                worst = max(worst, gap_of(decided[own], people.groups[own]))
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
    for (world, shares), seed in product(WORLDS.items(), context.seeds):
        rows = many_groups(n_rows, shares, seed)
        new = many_groups(2 * n_rows, shares, seed + 1000)
        yield from _of_groups(world, seed, 1, rows, new)
    task = load("adult", context)
    several = _several(task.X)
    for seed in context.seeds:
        rows = split(task, seed)
        learned, judged = (several[part] for part in places(task, seed))
        rows, new = (rows.X, rows.y, learned), (rows.X_test, rows.y_test, judged)
        yield from _of_groups("adult, sex, race and age", seed, task.favorable, rows, new)


def _several(X) -> np.ndarray:
    """Names of the intersections: of sex, race, and people up to 35 or older."""
    age = np.where(X["age"] <= 35, "young", "old")
    return (X["sex"].astype(str) + " & " + X["race"].astype(str) + " & " + age).to_numpy(object)


def _of_groups(world: str, seed: int, favorable: int, rows, new) -> Iterator[dict]:
    """Accuracy, and the largest gap of two groups that were learned from enough people."""
    (X, y, learned), (X_new, y_new, groups) = rows, new
    known, counted = np.unique(learned, return_counts=True)
    large = known[counted >= COMPARED_ROWS]
    for asked in ({"constraints": None}, {"difference_bound": BOUND}):
        model = models.make_feamoe(favorable, seed, **asked)
        model.fit(X, y, sensitive_features=learned if "difference_bound" in asked else None)
        decided = model.predict(X_new)
        rates = [decided[groups == a].mean() for a in large]
        yield {"world": world, "bound": asked.get("difference_bound", 0.0), "seed": seed,
               "accuracy": float((decided == y_new).mean()), "n_groups": len(known),
               "compared": len(large), "gap": np.ptp(rates) if rates else 0.0}  # fmt: skip


def groups_targets(frame) -> Iterator[Target]:
    """Gaps of groups with 500 rows and more."""
    for world, rows in frame[frame["bound"] > 0].groupby("world", sort=False):
        yield target(f"{world}: gap", rows["gap"], "<=", BOUND + 0.03)


# ------------------------------------------------------------------------- seed by seed


def run_spread(context: Context) -> Iterator[dict]:
    """One stream with a sudden change, ten seeds: how many new rows are decided otherwise."""
    n_rows = 6000 if context.quick else 40_000
    _, rows = lending(n_rows, 0, "sudden")
    n_seeds = 2 if context.quick else 2 * context.n_seeds
    looks = {"before the change": n_rows // 2, "after it": n_rows - 2000}
    decided: dict[str, list] = {when: [] for when in looks}
    for seed in range(n_seeds):
        model = models.make_feamoe(1, seed, growth="drift", difference_bound=BOUND)
        for part, _ in before_learning(model, *rows, 100):
            for when, row in looks.items():
                if part.start == row:
                    decided[when].append(model.predict(rows[0][row : row + 2000]))
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
            asked |= {"difference_bound": 0.02, "sample_weight": given}
            model, caught = warned_of(models.fit_feamoe, rows, **asked)
            found = accuracy_and_gap(rows.y_test, model.predict(rows.X_test), rows.groups_test)
            own = scores(rows.y, model.predict(rows.X), rows.groups)["dp"]
            found["told"] = abs(model.group_gap_details_[0]["unweighted_gap"] - own)
            found["warned"] = any("sample_weight bends" in text for text in caught)
            yield {"method": method, "seed": rows.seed} | found


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

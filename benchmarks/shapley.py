"""Explanations: error against time, for this library and for those one would use instead.

    python -m benchmarks.shapley                 # measure (about seven minutes), then report
    python -m benchmarks.shapley --report        # tables and picture from the stored results
    python -m benchmarks.shapley --check         # hold the stored results to the targets

One process, one thread, processor time, all methods one after the other on the same rows of the
same fitted models; ratios are what to read. "error" is relative, ||values - truth|| / ||truth||
over all explained rows.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import shapley_cases as peers
from benchmarks import shapley_report as report
from benchmarks.common import RESULTS, read, save
from benchmarks.shapley_cases import Case, make_case

OURS = "skfeamoe"
N_ROWS = 100
PEER_ROWS = {"adult": 5, "compas": 10, "hmda": 5, "dense30": 5, "dense100": 4}
OWN_BACKGROUND = 100
POPULATION = 4000
PEER_BACKGROUND = 1000
SUBSETS = 5
SIZES = {
    False: (100, 200, 400, 700, 850, 1000, 1200, 2000, POPULATION),
    True: (200, 400, 550, 700, 1000),
}


def main() -> None:
    """Measure, report or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", default="../shared/data", help="folder of the data files")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument(
        "--cases", nargs="+", default=list(peers.TITLES), help="others keep their results"
    )
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if not (options.report or options.check):
        with threadpool_limits(1):
            cases = (make_case(name, options.path) for name in options.cases)
            records = [record for case in cases for record in measure(case)]
        kept = read(options.output, "shapley")
        if kept is not None:
            kept = kept[~kept["case"].isin(options.cases)]
            records = [r.dropna().to_dict() for _, r in kept.iterrows()] + records
        records.sort(key=lambda record: list(peers.TITLES).index(record["case"]))
        save(options.output, "shapley", records, rows=N_ROWS, threads=1)
    if not options.check:
        report.write(options.output)
    sys.exit(0 if report.check(options.output) or not options.check else 1)


def measure(case: Case) -> list[dict]:
    """All records of a case."""
    records = []
    for section in (own_background, population, single_figures):
        start = time.perf_counter()
        records += [
            {"section": section.__name__, "case": case.name, **r} for r in section(case)
        ]
        print(
            f"{case.name} {section.__name__}: {time.perf_counter() - start:.0f} s", flush=True
        )
    return records


# ------------------------------------------------------------------------- sections


def own_background(case: Case) -> list[dict]:
    """Error against the exact values for the 100 background rows that all methods use."""
    n, background = PEER_ROWS[case.name], slice(0, OWN_BACKGROUND)
    rows, coded = _rows(case, N_ROWS), case.coded[case.n_learned :][:n]
    truth = _truth(case, rows, case.X[background])
    records = []
    for setting, options in _our_settings(case):
        values, seconds = _ours(case, rows, case.X[background], **options)
        engine = options.get("engine", "numpy")
        records.append(_record(OURS, setting, values, truth, seconds / N_ROWS, engine=engine))
    for method, setting, make in _peer_settings(case):
        explain = make(case.predict, case.coded[background])
        explain(coded[:1])
        values, seconds = _timed(explain, coded)
        records.append(_record(method, setting, values, truth[:n], seconds / n))
    return records


def population(case: Case) -> list[dict]:
    """Error against a background of 4,000 rows, which no method has to use in full."""
    n = 3
    rows, coded = _rows(case, 20), case.coded[case.n_learned :][:n]
    pool = np.random.default_rng(1).permutation(case.n_learned)[:POPULATION]
    truth = _truth(case, rows, case.X[pool])
    records = []
    for b in (100, PEER_BACKGROUND):
        explain = peers.kernel(case.predict, case.coded[pool[:b]])
        values, seconds = _timed(explain, coded)
        setting = f"{b} background rows"
        records.append(
            _record("KernelExplainer, l1 off", setting, values, truth[:n], seconds / n)
        )
    engines = ("numpy", "numba") if len(case.players) > 20 else ("numpy",)
    for size in SIZES[len(case.players) > 20]:
        if size > len(pool):
            continue
        for method, engine in [("exact", "numpy")] + [("permutation", e) for e in engines]:
            if method == "exact" and len(case.players) > 20:
                continue
            records.append(_averaged(case, rows, truth[:n], pool, size, method, engine))
    return records


def _averaged(case, rows, truth, pool, size, method, engine) -> dict:
    """Our record for a background size: mean time and RMS error over random subsets."""
    rng, found = np.random.default_rng(2), []
    for _ in range(1 if size == len(pool) else SUBSETS):
        subset = rng.permutation(pool)[:size]
        options = {"method": method, "engine": engine}
        if method == "permutation":
            options["max_evals"] = 1
        values, seconds = _ours(case, rows, case.X[subset], repeats=1, **options)
        found.append(
            _record(OURS, f"{method}, {size} rows", values, truth, seconds / len(rows))
        )
    error = float(np.sqrt(np.mean([r["error"] ** 2 for r in found])))
    seconds = float(np.median([r["seconds"] for r in found]))
    return found[0] | {"error": error, "seconds": seconds, "engine": engine}


def single_figures(case: Case) -> list[dict]:
    """How far Theorem 1 is from the Shapley values of the mixture, and how fast it is."""
    background = case.X[:1000]
    rows = _rows(case, N_ROWS)
    records = []
    if len(case.players) <= 20:
        for game, output in (
            ("gate_frozen_margin", "log_odds"),
            ("gate_frozen_probability", "probability"),
        ):
            values, _ = _ours(case, rows, background, repeats=1, game=game, output=output)
            truth, _ = _ours(case, rows, background, repeats=1, output=output)
            records.append(_record(game, output, values, truth, float("nan")))
    many = case.X[case.n_learned :][:20_000]
    many = np.tile(many, (-(-20_000 // len(many)), 1))[:20_000]
    case.model.explain(many[:10], game="gate_frozen_margin")
    _, seconds = _timed(lambda X: case.model.explain(X, game="gate_frozen_margin"), many)
    rate = {"method": "Theorem 1", "setting": "rows a second", "rate": len(many) / seconds}
    return [*records, rate]


# -------------------------------------------------------------------------- methods


def _our_settings(case: Case):
    """Names and options of our curve on the small background."""
    per_round = 2 * len(case.players) * OWN_BACKGROUND
    if len(case.players) <= 20:
        yield "exact", {"method": "exact"}
        yield "theorem 1", {"game": "gate_frozen_margin"}
        rounds, engines = (3, 12), ("numpy",)
    else:
        rounds, engines = (3, 6, 12, 24, 48), ("numpy", "numba")
    for engine in engines:
        for r in rounds:
            options = {"method": "permutation", "max_evals": r * per_round, "engine": engine}
            yield f"{r} rounds", options


def _peer_settings(case: Case):
    """Names and constructors of the peers' curves."""
    n = len(case.players)
    auto = 2 * n + 2048

    def with_(make, **options):
        return lambda predict, background: make(predict, background, **options)

    yield (
        "KernelExplainer, default",
        "auto",
        with_(peers.kernel, l1_reg="num_features(10)"),
    )
    for times in (1, 2, 4):
        if times == 1 or 2**n > times * auto / 2:
            n_samples = min(times * auto, 2**n - 2)
            off = with_(peers.kernel, n_samples=n_samples)
            yield "KernelExplainer, l1 off", f"{n_samples} coalitions", off
    for chains in (1, 4, 16):
        pairs = with_(peers.permutation, n_chains=chains)
        yield "PermutationExplainer", f"{chains} pairs", pairs
    for samples in (1000, 10_000):
        some = with_(peers.sampling, n_samples=samples)
        yield "SamplingExplainer", f"{samples} samples", some
    if n <= 12:
        yield "ExactExplainer", "all coalitions", with_(peers.exact)
    for kind in ("KernelSHAP", "permutations"):
        for budget in (512, auto):
            approximate = with_(peers.shapiq, approximator=kind, budget=budget)
            yield f"shapiq {kind}", f"{budget} coalitions", approximate


def _rows(case: Case, n: int) -> np.ndarray:
    """The first rows that the model did not learn."""
    return case.X[case.n_learned :][:n]


def _truth(case: Case, rows: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Exact values, or sampled ones whose error is far below all that is compared."""
    if len(case.players) <= 20:
        return _ours(case, rows, background, repeats=1, method="exact")[0]
    rounds = max(8, 64_000 // len(background))
    budget = 2 * len(case.players) * len(background) * rounds
    return _ours(
        case,
        rows,
        background,
        repeats=1,
        method="permutation",
        engine="numba",
        max_evals=budget,
        random_state=99,
    )[0]


def _ours(case: Case, rows, background, *, repeats=3, **options):
    """Values of the public method, and the median seconds of a call."""
    groups = {f"p{j}": columns.tolist() for j, columns in enumerate(case.players)}
    options = {"random_state": 0, "feature_groups": groups, **options}
    if options.get("engine") == "numba":
        case.model.explain(rows[:1], background=background[:2], **options)
    calls = [
        _timed(lambda X: case.model.explain(X, background=background, **options), rows)
        for _ in range(repeats)
    ]
    return calls[0][0].values, float(np.median([seconds for _, seconds in calls]))


def _timed(function, rows):
    """The result of a call and its seconds of processor time: it is all in one thread."""
    start = time.process_time()
    result = function(rows)
    return result, time.process_time() - start


def _record(method, setting, values, truth, seconds, **more) -> dict:
    """One point of a curve."""
    n = min(len(values), len(truth))
    values, truth = np.asarray(values)[:n], np.asarray(truth)[:n]
    counted = np.abs(truth) > 1e-3 * np.abs(truth).max()
    wrong = np.sign(values[counted]) != np.sign(truth[counted])
    return {
        "method": method,
        "setting": setting,
        "seconds": float(seconds),
        "error": float(np.linalg.norm(values - truth) / np.linalg.norm(truth)),
        "wrong_signs": float(wrong.mean()),
        "largest_error": float(np.abs(values - truth).max()),
        **more,
    }


if __name__ == "__main__":
    main()

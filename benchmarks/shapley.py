"""Explanations: error against time, for this library and for those one would use instead.

One process, one thread, processor time, all methods one after the other on the same rows of
the same fitted models; ratios are what to read. "error" is relative, ||values - truth|| /
||truth|| over all explained rows.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import shapley_cases as peers
from benchmarks.measures import timed
from benchmarks.pictures import finish
from benchmarks.registry import Context, Section, Target, of
from benchmarks.shapley_cases import TITLES, Case, make_case

OURS, COMPILED, KERNEL = "skfeamoe", "skfeamoe, numba", "KernelExplainer, l1 off"
THEOREM_PAGE = "explanations.md"
N_ROWS = 100
PEER_ROWS = {"adult": 5, "compas": 10, "hmda": 5, "dense30": 5, "dense100": 4}
OWN_BACKGROUND, PEER_BACKGROUND, POPULATION = 100, 1000, 4000
SUBSETS = 5
SIZES = {
    True: (100, 200, 400, 700, 850, 1000, 1200, 2000, POPULATION),
    False: (200, 400, 550, 700, 1000),
}
STYLES = {
    OURS: ("#D55E00", "o"),
    "skfeamoe, exact": ("#D55E00", "*"),
    COMPILED: ("#D55E00", "D"),
    KERNEL: ("#0072B2", "s"),
    "KernelExplainer, default": ("#56B4E9", "s"),
    "PermutationExplainer": ("#009E73", "^"),
    "ExactExplainer": ("#000000", "*"),
    "shapiq KernelSHAP": ("#E69F00", "P"),
    "shapiq permutations": ("#999999", "X"),
}
LEFT_TO_THE_PICTURE = ("theorem 1", "4 pairs", "512 coalitions", "6 rounds", "24 rounds")
WAYS = ("Theorem 1", "Shapley values, exact", "KernelExplainer", "more coalitions")
PUBLISHED = {
    "adult": (34, None, 379, 941),
    "compas": (32, None, 246, 805),
    "hmda": (38, None, 314, 887),
}
EXACT_ERROR = 1e-9
"""Below this an error is drawn, and written, as zero."""


def cases(context: Context) -> Iterator[Case]:
    """All cases, one of them for a quick look."""
    for name in context.some(tuple(TITLES)):
        yield make_case(name, context)


def own_background(context: Context) -> Iterator[dict]:
    """Error against the exact values for the 100 background rows that all methods use."""
    if not peers.HAS_SHAPIQ:
        print("shapley: shapiq is not installed, its rows are left out")
    for case in cases(context):
        n = 1 if context.quick else PEER_ROWS[case.name]
        rows, coded = case.new[:N_ROWS], case.new_coded[:n]
        background = case.X[:OWN_BACKGROUND]
        truth, told = _truth(case, rows, background), {"case": case.name}
        for method, setting, options in _our_settings(case):
            values, seconds = _ours(case, rows, background, **options)
            yield told | _record(method, setting, values, truth, seconds / len(rows))
        for method, setting, make in _peer_settings(case, context.quick):
            explain = make(case.predict, case.coded[:OWN_BACKGROUND])
            explain(coded[:1])
            values, clock = timed(explain, coded)
            yield told | _record(method, setting, values, truth, clock["seconds"] / n)


def _our_settings(case: Case):
    """Method, setting and options of our curve on the small background."""
    per_round = 2 * len(case.players) * OWN_BACKGROUND
    rounds, engines = (3, 6, 12, 24, 48), {OURS: "numpy"}
    if case.is_small:
        yield OURS, "exact", {"method": "exact"}
        yield OURS, "theorem 1", {"game": "gate_frozen_margin"}
        rounds = (3, 12)
    elif peers.HAS_NUMBA:
        engines[COMPILED] = "numba"
    for method, engine in engines.items():
        for r in rounds:
            options = {"method": "permutation", "max_evals": r * per_round, "engine": engine}
            yield method, f"{r} rounds", options


def _peer_settings(case: Case, quick: bool):
    """Names and constructors of the peers' curves; for a quick look those of the targets."""
    n = len(case.players)
    auto = 2 * n + 2048
    default = partial(peers.kernel, l1_reg="num_features(10)")
    yield "KernelExplainer, default", "auto", default
    for times in (1, 2, 4):
        if times == 1 or 2**n > times * auto / 2:
            asked = min(times * auto, 2**n - 2)
            yield KERNEL, f"{asked} coalitions", partial(peers.kernel, n_samples=asked)
        if quick:
            break
    for chains in () if quick else (1, 4, 16):
        pairs = partial(peers.permutation, n_chains=chains)
        yield "PermutationExplainer", f"{chains} pairs", pairs
    if n <= 12:
        yield "ExactExplainer", "all coalitions", peers.exact
    for kind in ("KernelSHAP", "permutations") if peers.HAS_SHAPIQ and not quick else ():
        for budget in (512, auto):
            made = partial(peers.shapiq, kind=kind, budget=budget)
            yield f"shapiq {kind}", f"{budget} coalitions", made


def _truth(case: Case, rows: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Exact values, or sampled ones whose error is far below all that is compared."""
    if case.is_small:
        return _ours(case, rows, background, repeats=1, method="exact")[0]
    rounds = max(8, 64_000 // len(background))
    options = {"method": "permutation", "random_state": 99}
    options |= {"max_evals": 2 * len(case.players) * len(background) * rounds}
    engine = "numba" if peers.HAS_NUMBA else "numpy"
    return _ours(case, rows, background, repeats=1, engine=engine, **options)[0]


def _ours(case: Case, rows, background, *, repeats=3, **options):
    """Values of the public method, and the median seconds of a call."""
    groups = {f"p{j}": columns.tolist() for j, columns in enumerate(case.players)}
    options = {"random_state": 0, "feature_groups": groups} | options
    if options.get("engine") == "numba":
        case.model.explain(rows[:1], background=background[:2], **options)
    explain = partial(case.model.explain, background=background, **options)
    calls = [timed(explain, rows) for _ in range(repeats)]
    return calls[0][0].values, float(np.median([told["seconds"] for _, told in calls]))


def _record(method, setting, values, truth, seconds) -> dict:
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
    }


# ------------------------------------------------------------------ full population


def population(context: Context) -> Iterator[dict]:
    """Error against a background of 4,000 rows, which no method has to use in full."""
    n = 1 if context.quick else 3
    for case in cases(context):
        rows, coded, told = case.new[:20], case.new_coded[:n], {"case": case.name}
        pool = np.random.default_rng(1).permutation(case.n_learned)[:POPULATION]
        truth = _truth(case, rows, case.X[pool])
        for size in (100,) if context.quick else (100, PEER_BACKGROUND):
            explain = peers.kernel(case.predict, case.coded[pool[:size]])
            values, clock = timed(explain, coded)
            setting = f"{size} background rows"
            yield told | _record(KERNEL, setting, values, truth, clock["seconds"] / n)
        for size in context.some([s for s in SIZES[case.is_small] if s <= len(pool)]):
            for method, options in _population_settings(case):
                yield told | _averaged(case, rows, truth[:n], pool, size, method, options)


def _population_settings(case: Case):
    """Method and options of ours."""
    if case.is_small:
        yield OURS, {"method": "exact"}
    yield OURS, {"method": "permutation", "max_evals": 1}
    if not case.is_small and peers.HAS_NUMBA:
        yield COMPILED, {"method": "permutation", "max_evals": 1, "engine": "numba"}


def _averaged(case, rows, truth, pool, size, method, options) -> dict:
    """Our record for a background size: median time and RMS error over random subsets."""
    rng, found = np.random.default_rng(2), []
    for _ in range(1 if size == len(pool) else SUBSETS):
        background = case.X[rng.permutation(pool)[:size]]
        values, seconds = _ours(case, rows, background, repeats=1, **options)
        setting = f"{options['method']}, {size} rows"
        found.append(_record(method, setting, values, truth, seconds / len(rows)))
    error = float(np.sqrt(np.mean([r["error"] ** 2 for r in found])))
    return found[0] | {
        "error": error,
        "seconds": float(np.median([r["seconds"] for r in found])),
    }


def theorem(context: Context) -> Iterator[dict]:
    """How far Theorem 1 is from the Shapley values of the mixture, and how fast it is."""
    outputs = {"gate_frozen_margin": "log_odds", "gate_frozen_probability": "probability"}
    n = 1000 if context.quick else 20_000
    for case in cases(context):
        told, rows, background = {"case": case.name}, case.new[:N_ROWS], case.X[:1000]
        for game, output in outputs.items() if case.is_small else ():
            asked = {"repeats": 1, "output": output}
            values, _ = _ours(case, rows, background, game=game, **asked)
            truth, _ = _ours(case, rows, background, **asked)
            yield told | _record(game, output, values, truth, float("nan"))
        many = np.resize(np.arange(len(case.new)), n)
        explain = partial(case.model.explain, game="gate_frozen_margin")
        explain(case.new[:10])
        seconds = timed(explain, case.new[many])[1]["seconds"]
        yield told | {"method": "Theorem 1", "setting": "rows a second", "rate": n / seconds}


# -------------------------------------------------------------------------- targets


def equal_error_ratio(frame, case, method) -> float:
    """Geometric mean of the time ratios at KernelExplainer's errors, within our curve."""
    ours = of(frame, case=case, method=method).sort_values("error")
    peer = of(frame, case=case, method=KERNEL)
    peer = peer[peer["error"].between(ours["error"].min(), ours["error"].max())]
    times = np.interp(np.log(peer["error"]), np.log(ours["error"]), np.log(ours["seconds"]))
    return float(np.exp(np.mean(np.log(peer["seconds"]) - times)))


def own_targets(frame) -> Iterator[Target]:
    """Faster than KernelExplainer on the same background."""
    if "adult" in set(frame["case"]):
        ours = of(frame, case="adult", method=OURS, setting="exact").iloc[0]
        peer = of(frame, case="adult", method=KERNEL).iloc[0]
        every = of(frame, case="adult", method="ExactExplainer").iloc[0]
        yield Target("Adult, exact, 100 rows: ms a row", 1e3 * ours["seconds"], "<=", 1.5)
        ratio = peer["seconds"] / ours["seconds"]
        yield Target("Adult: times KernelExplainer", ratio, ">=", 200)
        yield Target("Adult: error of KernelExplainer", peer["error"], ">=", 1e-3)
        gap = 1e10 * every["largest_error"]
        yield Target("largest gap to ExactExplainer x 1e10", gap, "<=", 1)
    for case in [case for case in PUBLISHED if case in set(frame["case"])]:
        peer = of(frame, case=case, method=KERNEL).iloc[0]["seconds"]
        for setting in ("theorem 1", "exact"):
            ours = of(frame, case=case, method=OURS, setting=setting).iloc[0]["seconds"]
            what = f"{TITLES[case]}: KernelExplainer's time over that of {setting}"
            yield Target(what, peer / ours, ">=", 8)
    for case, wanted in (("dense30", 60), ("dense100", 300)):
        for method in (OURS, COMPILED):
            if len(of(frame, case=case, method=method)) > 1:
                what = f"{TITLES[case]}, equal error: times KernelExplainer ({method})"
                yield Target(what, equal_error_ratio(frame, case, method), ">=", wanted)


def _better(frame, case, method):
    """KernelExplainer on 1,000 rows, and our fastest record with a smaller error."""
    peer = of(frame, case=case, method=KERNEL, setting=f"{PEER_BACKGROUND} background rows")
    ours = of(frame, case=case, method=method)
    if peer.empty or ours.empty:
        return None
    peer = peer.iloc[0]
    ours = ours[ours["error"] < peer["error"]]
    return None if ours.empty else (peer, ours.loc[ours["seconds"].idxmin()])


def population_targets(frame) -> Iterator[Target]:
    """Faster than KernelExplainer at a smaller error."""
    wanted = {"adult": 1000, "compas": 500, "hmda": 500, "dense30": 60, "dense100": 300}
    for case in dict.fromkeys(frame["case"]):
        for method in (OURS, COMPILED):
            if (pair := _better(frame, case, method)) is not None:
                ratio = float(pair[0]["seconds"] / pair[1]["seconds"])
                what = f"{TITLES[case]}, 4,000 rows: times KernelExplainer ({method})"
                yield Target(what, ratio, ">=", wanted[case])


def theorem_targets(frame) -> Iterator[Target]:
    """Theorem 1 is one product per batch."""
    for _, one in frame[frame["method"] == "Theorem 1"].iterrows():
        what = f"Theorem 1, {TITLES[one['case']]}: rows a second"
        yield Target(what, one["rate"], ">=", 100_000)


# --------------------------------------------------------------------------- tables


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _error(value: float) -> str:
    """An error in percent."""
    return "0" if value < EXACT_ERROR else f"{100 * value:.2g} %"


def own_tables(frame) -> dict[str, pd.DataFrame]:
    """Every method and setting, milliseconds a row and error."""
    part = frame[~frame["setting"].isin(LEFT_TO_THE_PICTURE)]
    told = {"case": part["case"].map(TITLES), "method": part["method"]}
    told |= {"setting": part["setting"], "ms a row": (1e3 * part["seconds"]).map(_number)}
    title = "Error against the 100 background rows that all methods share"
    paper = "Seconds of 100 explanations, and those that the FEAMOE paper printed"
    every = pd.DataFrame(told | {"error": part["error"].map(_error)})
    return {title: every, paper: pd.DataFrame(_paper_lines(frame))}


def _paper_lines(frame) -> Iterator[dict[str, str]]:
    """The paper's table: its theorem, the exact values, and the first and last KernelSHAP."""
    for case, published in PUBLISHED.items():
        part = frame[frame["case"] == case]
        ways = [part[part["setting"] == name] for name in ("theorem 1", "exact")]
        kernel = part[part["method"] == KERNEL]
        ways += [kernel[:1], kernel[1:]]  # a second one where the first is not all coalitions
        line = {"data": TITLES[case]}
        for name, way, known in zip(WAYS, ways, published, strict=True):
            seconds = "" if way.empty else _number(100 * way["seconds"].iloc[0])
            line[name] = seconds + (f" ({known})" if known else "")
        yield line


def population_tables(frame) -> dict[str, pd.DataFrame]:
    """KernelExplainer and our fastest better setting, case by case."""
    lines = []
    for case in dict.fromkeys(frame["case"]):
        for method in (OURS, COMPILED):
            if (pair := _better(frame, case, method)) is None:
                continue
            peer, ours = pair
            lines.append(
                {
                    "case": TITLES[case],
                    "KernelExplainer, ms a row": _number(1e3 * peer["seconds"]),
                    "error": _error(peer["error"]),
                    "method": f"{method}: {ours['setting']}",
                    "ms a row": _number(1e3 * ours["seconds"]),
                    "error ": _error(ours["error"]),
                    "times faster": _number(peer["seconds"] / ours["seconds"]),
                }
            )
    return {"Error against a background of 4,000 rows": pd.DataFrame(lines)}


def theorem_tables(frame) -> dict[str, pd.DataFrame]:
    """How far frozen games are from the mixture's Shapley values."""
    names = {
        "gate_frozen_margin": "Theorem 1 against log-odds",
        "gate_frozen_probability": "frozen gate, probabilities",
    }
    part = frame[frame["method"].isin(names)]
    told = {"data": part["case"].map(TITLES), "game": part["method"].map(names)}
    told |= {"relative error": part["error"].map(_error)}
    return {"": pd.DataFrame(told | {"wrong signs": part["wrong_signs"].map(_error)})}


def draw(frame, file: Path) -> None:
    """Error against time on the shared background, a panel per case."""
    names = list(dict.fromkeys(frame["case"]))
    size = (2.9 * len(names), 4.4)
    figure, axes = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False)
    for ax, case in zip(axes[0], names, strict=True):
        part = frame[(frame["case"] == case) & (frame["setting"] != "theorem 1")]
        exact = (part["method"] == OURS) & (part["setting"] == "exact")
        for method, curve in part.groupby(part["method"].where(~exact, "skfeamoe, exact")):
            color, marker = STYLES[method]
            curve = curve.sort_values("seconds")
            look = {"color": color, "marker": marker, "lw": 1.2, "label": method}
            look |= {"ms": 11 if marker == "*" else 6}
            look |= {"mfc": "white", "ls": "--"} if method == COMPILED else {}
            ax.plot(1e3 * curve["seconds"], np.maximum(curve["error"], 2e-4), **look)
        ax.set(xscale="log", yscale="log", title=TITLES[case], ylim=(1.5e-4, 1.0))
        ax.set_xlabel("milliseconds a row")
    ticks = {2e-4: "exact", 1e-3: "0.1 %", 1e-2: "1 %", 1e-1: "10 %", 1.0: "100 %"}
    axes[0, 0].set_yticks(list(ticks), list(ticks.values()))
    axes[0, 0].minorticks_off()
    axes[0, 0].set_ylabel("relative error")
    finish(figure, axes, file)


SECTIONS = (
    Section("shapley", own_background, own_tables, own_targets, draw),
    Section("shapley_population", population, population_tables, population_targets),
    Section("shapley_theorem", theorem, theorem_tables, theorem_targets, page=THEOREM_PAGE),
)

"""``python -m tests.mutation.run``: which small changes of the core do the tests see?

Mutants are drawn with cosmic-ray's operators from `ROOMS`, evenly over the places that can be
changed, and one change at each. Left out is what changes nothing that runs (annotations) or
what no import survives (any test would see it). Each runs the tests of the core, stopping at
the first that fails, in a copy of the tree; ``--again`` has the ones that lived run more.
``--rooms metrics streaming`` draws from each of these in place of the core, and runs the tests
next to a mutant; with ``--again`` those that lived meet all tests of their room (`OTHERS`).

The mutants by hand (`controls.py`) are six ways to break the control of bounds.

Results are written after every mutant, so a run that was stopped goes on where it was while
the commit is the same; mutants drawn from other commits are kept as "earlier". Those of
`OTHERS` are kept by room, while the code of the room is that of their commit.
Needs ``pip install cosmic-ray`` and a system with fork.
"""

import argparse
import ast
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.mutation.controls import CONTROLS

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")

ROOMS = ("_fairness", "_training", "_mixture")
"""Rooms that mutants are drawn from: the core."""

OF_ABSTENTION = (
    "tests/postprocessing/test_new_metrics.py",
    "tests/postprocessing/test_coverage.py",
)

OTHERS = {
    "_shapley": (
        "tests/shapley",
        "tests/explain/test_explain_values.py",
        "tests/test_mlp_experts.py",
    ),
    "metrics": (
        "skfeamoe/metrics",
        "tests/test_metrics.py",
        "tests/test_procedural_metrics.py",
        *OF_ABSTENTION,
        "tests/test_intervals.py",
    ),
    "streaming": (
        "skfeamoe/streaming",
        "tests/streaming",
        "tests/test_cli_monitor.py",
    ),
}
"""Rooms that mutants are drawn from if asked, and the tests of each."""

NEAR = {
    "_fairness/offset": ("tests/fairness/test_offset.py",),
    "_fairness/smoothed": ("tests/fairness/test_offset.py",),
    "_fairness/slots": ("tests/fairness/test_offset.py",),
    "_fairness/margins": ("tests/fairness/test_offset.py",),
    "_fairness/left_out": ("tests/fairness/test_left_out.py",),
    "_fairness/directions": ("tests/fairness/test_directions.py",),
    "_fairness/people": ("tests/fairness/test_people.py",),
    "_fairness/changes": ("tests/fairness/test_changes.py",),
    "_fairness/rounds": ("tests/fairness/test_rounds.py",),
    "_fairness/local": ("tests/fairness/test_local.py",),
    "_fairness/constraints": ("tests/fairness/test_constraints.py",),
    "_fairness/": ("tests/fairness/test_control_parts.py", "tests/fairness/test_bound.py"),
    "_training/drift/": ("tests/training/test_drift.py",),
    "_training/capacity": ("tests/test_capacity.py",),
    "_training/individual": ("tests/test_individual_fairness.py",),
    "_training/": ("tests/training/test_merging.py", "tests/training/test_passes.py"),
    "_mixture/mlp": ("tests/test_mlp.py", "tests/policy/test_policy_gradients.py"),
    "_mixture/": ("tests/test_mlp.py",),
    "_shapley/_callable": ("tests/explain/test_explain_values.py",),
    "_shapley/_chains": ("tests/shapley/test_shapley_chains.py",),
    "_shapley/_compiled": ("tests/shapley/test_shapley_engines.py",),
    "_shapley/_schedule": (
        "tests/shapley/test_shapley_exact.py",
        "tests/shapley/test_shapley_chains.py",
    ),
    "_shapley/": (
        "tests/shapley/test_shapley_exact.py",
        "tests/shapley/test_shapley_axioms.py",
    ),
    "metrics/_procedural": ("tests/test_procedural_metrics.py",),
    "metrics/_largest_gap": ("tests/test_intervals.py",),
    "metrics/_intervals": ("tests/test_intervals.py",),
    "metrics/_abstention": OF_ABSTENTION,
    "metrics/_infra": OF_ABSTENTION,
    "metrics/": ("tests/test_metrics.py",),
    "streaming/_arrow": ("tests/streaming/test_arrow.py",),
    "streaming/_sources": ("tests/streaming/test_batches.py", "tests/streaming/test_arrow.py"),
    "streaming/_batches": ("tests/streaming/test_batches.py",),
    "streaming/_audit": ("tests/streaming/test_audit.py",),
    "streaming/_audit_file": ("tests/streaming/test_audit.py",),
    "streaming/_files": ("tests/streaming/test_audit.py",),
    "streaming/_experts": ("tests/streaming/test_fit_experts.py",),
    "streaming/_granted": ("tests/streaming/test_granted.py",),
    "streaming/_groups": ("tests/streaming/test_groups_of_streams.py",),
    "streaming/_inputs": ("tests/streaming/test_inputs.py",),
    "streaming/_measures": ("tests/streaming/test_measures.py",),
    "streaming/_people": ("tests/streaming/test_rates_of_people.py",),
    "streaming/_river": ("tests/streaming/test_measures.py",),
    "streaming/_report": ("tests/streaming/test_report.py",),
    "streaming/_words": ("tests/streaming/test_verdict.py", "tests/streaming/test_report.py"),
    "streaming/_verdict": ("tests/streaming/test_verdict.py",),
    "streaming/_monitor": ("tests/streaming/test_monitor.py",),
    "streaming/_alarms": ("tests/streaming/test_monitor.py",),
    "streaming/_gaps": ("tests/streaming/test_verdict.py", "tests/streaming/test_monitor.py"),
    "streaming/": (
        "tests/streaming/test_prequential.py",
        "tests/streaming/test_prequential_inputs.py",
    ),
}
"""Tests that lie nearest, by the beginning of a module's path in the package."""

FEW = tuple(
    f"tests/golden/test_golden.py::test_golden_run[{name}]"
    for name in (
        "bound-none-logistic-logloss-partialfit",
        "every-constraint-partialfit",
        "schedule-interval-logistic-jacobs-partialfit",
        "bound-drift-mlp-logloss-partialfit",
        "bound-individualfairness-logistic-logloss-partialfit",
        "more-worlds-than-room",
        "returning-worlds",
        "sparse-partialfit",
        "three-classes-partialfit",
        "weights",
        "initial-experts-partialfit",
        "bound-interval-logistic-logloss-fit",
    )
)
"""Golden runs of every kind."""

FIRST = (
    "tests/fairness/test_parts_of_bounds.py",
    "tests/training/test_parts_of_training.py",
    "tests/fairness/test_constraints.py",
    "tests/fairness/test_offset.py",
    "tests/fairness/test_directions.py",
    "tests/fairness/test_changes.py",
    "tests/fairness/test_people.py",
    "tests/fairness/test_control_parts.py",
    "tests/terms/test_linear_terms.py",
    "tests/test_mlp.py",
    "tests/training",
    "tests/golden",
    "tests/fairness/test_nobody_of_an_event.py",
    "tests/fairness/test_left_out.py",
    "tests/fairness/test_glances.py",
    "tests/fairness/test_rounds.py",
    "tests/fairness/test_local.py",
    "tests/fairness/test_bound.py",
    "tests/test_gradients.py",
    "tests/test_speed.py",
    "tests/test_docs.py::test_constants_are_those_of_the_code",
)
"""Tests of the core, those that tell most in a second first."""

THEN = (
    "tests/test_training_model.py",
    "tests/test_capacity.py",
    "tests/test_looking_back.py",
    "tests/test_individual_fairness.py",
    "tests/test_initial_experts.py",
    "tests/test_drift_growth.py",
    "tests/test_extending.py",
    "tests/test_groups.py",
    "tests/test_mlp_experts.py",
    "tests/test_robustness.py",
    "tests/labels",
)
"""Tests of estimators, for the mutants that live on."""

LEFT_OUT = "not scikit_learn_check and not grid_search and not through_joblib"
"""Tests of other things that take long."""

NO_SIMULATION = (
    f"{LEFT_OUT} and not covered and not as_often_as_asked and not all_looks and not every_day "
    "and not people_are_drawn and not 100_000_rows and not by_simulation and not unbiased "
    "and not memory_and_state"
)
"""The same, and simulations, which mutants of other rooms meet with ``--again``."""

TIMES_AS_LONG = 3
"""A mutant that takes so many times the processor time of the code itself counts as killed."""

MOST_SECONDS = 3600
"""Seconds of the processor that tests may take without a mutant."""


def places(code: str) -> dict:
    """Mutants of a module by place: {(line, column): [(operator, occurrence)]}."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    nodes, found = list(ast_nodes(get_ast(code))), {}
    for name in plugins.operator_names():
        if "Variable" in name:  # need names to put in
            continue
        operator = plugins.get_operator(name)()
        starts = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, start in enumerate(starts):
            found.setdefault(start, []).append((name, occurrence))
    return found


def mutant(code: str, choices: list, rng: random.Random) -> tuple[str, str]:
    """One of the mutants of a place that changes what runs: (operator, code), or ("", "")."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    for name, occurrence in rng.sample(choices, len(choices)):
        changed = mutate_code(code, plugins.get_operator(name)(), occurrence)
        if changed is not None and essence(changed) not in (essence(code), None):
            return name.split("/")[1], changed
    return "", ""


def essence(code: str) -> str | None:
    """What of a module runs: its tree without annotations and docstrings; None if broken."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("Any")
        for name in ("annotation", "returns"):
            if hasattr(node, name) and not isinstance(node, ast.AnnAssign):
                setattr(node, name, None)
    return ast.dump(tree)


def drawn(seed: int, rooms=ROOMS):
    """Mutants in a random order, one for every place: (module, line, operator, code)."""
    rng = random.Random(seed)
    codes = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for room in rooms
        for path in sorted((ROOT / "skfeamoe" / room).rglob("*.py"))
    }
    everywhere = [
        (module, place, choices)
        for module, code in codes.items()
        for place, choices in sorted(places(code).items())
    ]
    rng.shuffle(everywhere)
    for module, (line, _), choices in everywhere:
        operator, code = mutant(codes[module], choices, rng)
        if operator:
            yield module, line, operator, code


def changed_lines(old: str, new: str) -> tuple[str, str]:
    """The first line that differs, before and after."""
    for before, after in zip(old.splitlines(), new.splitlines(), strict=False):
        if before != after:
            return before.strip(), after.strip()
    return "", "(lines are missing)"


class FirstFailure:
    """A pytest plugin that keeps the name of the first test that fails."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report) -> None:
        """Note a failure."""
        if report.failed and not self.path.exists():
            self.path.write_text(report.nodeid)

    def pytest_collectreport(self, report) -> None:
        """Note a module that does not import."""
        if report.failed and not self.path.exists():
            self.path.write_text(f"collecting {report.nodeid}")


def outcome(
    tree: Path, tests, left_out: str = LEFT_OUT, most_seconds: int = MOST_SECONDS
) -> tuple[str, str, float]:
    """Run tests in a copy of the tree: ("killed", by which test, seconds) or ("lives", ...).

    Seconds are those of the processor.
    """
    note = tree / "first_failure"
    note.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run_tests(tree, tests, note, left_out, most_seconds)
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    if status == 0:
        return "lives", "", seconds
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return "killed", "does not come to an end", seconds
    return "killed", note.read_text() if note.exists() else "died", seconds


def _run_tests(tree: Path, tests, note: Path, left_out: str, most_seconds: int) -> None:
    """In a child process: pytest on the copy, which ends the process."""
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds + 5))
    os.chdir(tree)
    sys.path[:] = [str(tree), *(p for p in sys.path if p not in ("", str(ROOT)))]
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "skfeamoe")]:
        del sys.modules[name]
    known = "ignore::pytest.PytestAssertRewriteWarning"  # of what `warm_up` has imported
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "-k", left_out]
    os._exit(int(pytest.main([*options, "-W", known, *tests], plugins=[FirstFailure(note)])))


def imports(tree: Path, module: str) -> bool:
    """Whether the package and a module of it can be imported at all."""
    child = os.fork()
    if child == 0:
        os.chdir(tree)
        sys.path[:] = [str(tree), *(p for p in sys.path if p not in ("", str(ROOT)))]
        try:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            __import__("skfeamoe._feamoe")
            __import__(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def copy_of_tree() -> Path:
    """A copy of the tree that mutants are put into."""
    tree = Path(tempfile.mkdtemp()) / "tree"
    left_out = shutil.ignore_patterns(".git", "__pycache__", "_build", "results", ".*_cache")
    shutil.copytree(ROOT, tree, ignore=left_out)
    return tree


def by_hand():
    """The mutants by hand: (module, line, what, code)."""
    for what, module, old, new in CONTROLS:
        code = (ROOT / module).read_text()
        assert code.count(old) == 1, f"{module} has not once:\n{old}"
        line = code[: code.index(old)].count("\n") + 1
        yield module, line, what, code.replace(old, new)


def near(module: str) -> tuple[str, ...]:
    """The tests next to a module, and a few golden runs or its examples."""
    name = module.removeprefix("skfeamoe/")
    tests = next(tests for begin, tests in NEAR.items() if name.startswith(begin))
    return (module, *tests) if is_other(module) else (*tests, *FEW)


def is_other(module: str) -> bool:
    """Whether a module is of no room of the core."""
    return module.split("/")[1] in OTHERS


def run_all(mutants, n_wanted: int, results: list, save) -> None:
    """Run mutants until there are enough, the ones that have been run aside."""
    known = {(r["module"], r["line"], r["operator"], r["after"]) for r in results}
    tree = copy_of_tree()
    n = 0
    for module, line, operator, code in mutants:
        if n == n_wanted:
            break
        before, after = changed_lines((ROOT / module).read_text(), code)
        if (module, line, operator, after) in known:
            n += 1
            continue
        left_out = NO_SIMULATION if is_other(module) else LEFT_OUT
        most = check_whole(near(module)[1:] if is_other(module) else FIRST, left_out)
        (tree / module).write_text(code)
        state, by, seconds = outcome(tree, near(module), left_out, most)
        if state == "lives" and not is_other(module):
            state, by, seconds = outcome(tree, FIRST, left_out, most)
        if not by.startswith("collecting") or imports(tree, module):
            n += 1
            results.append(
                {"module": module, "line": line, "operator": operator, "before": before}
                | {"after": after, "outcome": state, "by": by}
            )
            save()
            print(f"{n:3} {state:6} {seconds:5.0f} s {module}:{line} {after}  {by}", flush=True)
        (tree / module).write_text((ROOT / module).read_text())
    shutil.rmtree(tree.parent)


@cache
def check_whole(tests: tuple[str, ...], left_out: str = LEFT_OUT) -> int:
    """Seconds that a mutant may take; ends the program if tests fail without a mutant."""
    tree = copy_of_tree()
    state, by, seconds = outcome(tree, tests, left_out)
    shutil.rmtree(tree.parent)
    if state != "lives":
        sys.exit(f"without a mutant {by} fails already")
    print(f"{' '.join(tests[:2])}, {len(tests)} in all, take {seconds:.0f} s", flush=True)
    return int(TIMES_AS_LONG * seconds) + 1


def warm_up() -> None:
    """Import what every mutant needs, so that its process begins with it."""
    sys.dont_write_bytecode = True
    for name in ("numpy", "scipy.stats", "sklearn.utils.estimator_checks", "pandas", "pytest"):
        __import__(name)
    for name in (
        "river.drift",
        "hypothesis",
        "joblib",
        "skops.io",
        "fairlearn.metrics",
        "shap",
    ):
        try:
            __import__(name)
        except ImportError:
            continue


def commit() -> str:
    """The commit that mutants are drawn from."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def unchanged(room: str, since: str | None) -> bool:
    """Whether the code of a room is that of a commit."""
    if since is None:
        return False
    command = ["git", "diff", "--quiet", since, "--", f"skfeamoe/{room}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def again(results: list) -> list:
    """Run the mutants that lived on all tests, at the same text of the code as it is now."""
    tree, kept = copy_of_tree(), []
    for r in results:
        code = (ROOT / r["module"]).read_text()
        if r["outcome"] == "lives" and code.count(r["before"]) == 1:
            (tree / r["module"]).write_text(code.replace(r["before"], r["after"]))
            everything = OTHERS.get(r["module"].split("/")[1], (*FIRST, *THEN))
            most = check_whole(everything)
            state, by, seconds = outcome(tree, everything, LEFT_OUT, most)
            print(f"{state:6} {seconds:5.0f} s {r['module']} {r['after']}  {by}", flush=True)
            (tree / r["module"]).write_text(code)
            r = {**r, "outcome": state, "by": by, "at first": "lives"}
        kept.append(r)
    shutil.rmtree(tree.parent)
    return kept


def main() -> None:
    """Run the mutants and say how many live."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=200, help="how many to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--again", action="store_true", help="run those that lived on `THEN`")
    parser.add_argument("--rooms", nargs="+", choices=OTHERS, help="draw from each of these")
    arguments = parser.parse_args()
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    rooms = stored.setdefault("rooms", {})
    for room in arguments.rooms or ():
        if not arguments.again and not unchanged(room, rooms.get(room, {}).get("commit")):
            rooms[room] = {"commit": commit(), "drawn": []}
    if not arguments.rooms and not arguments.again and stored.get("commit") != commit():
        earlier = stored.get("earlier", [])
        if stored.get("drawn"):
            earlier.append({name: stored[name] for name in ("commit", "drawn")})
        stored = {"commit": commit(), "earlier": earlier, "rooms": rooms}
    warm_up()
    if arguments.rooms:
        draws = [
            (rooms[room], "drawn", drawn(arguments.seed, [room]), arguments.mutants)
            for room in arguments.rooms
        ]
    else:
        draws = [
            (stored, "by hand", by_hand(), len(CONTROLS)),
            (stored, "drawn", drawn(arguments.seed), arguments.mutants),
        ]

    def save() -> None:
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n")

    for place, name, mutants, n_wanted in draws:
        results = place.setdefault(name, [])
        if arguments.again:
            results = place[name] = again(results)
            save()
        else:
            run_all(mutants, n_wanted, results, save)
        killed = [r for r in results if r["outcome"] == "killed"]
        print(f"{name}: {len(killed)} of {len(results)} killed")


if __name__ == "__main__":
    main()

"""``python .ci/sizes.py``: how long modules are, and which are too long.

A module of the package has up to `MODULE` lines, or says in its docstring "Over 400 lines,
because ..."; the façade's has up to `FACADE`.
"""

import ast
import sys
from pathlib import Path

MODULE, FACADE = 400, 800
REASON = "Over 400 lines, because "
ROOT = Path(__file__).parents[1]
SHOWN = 12


def n_lines(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def too_long(package: Path) -> list[str]:
    """One line for every module that is longer than it may be, or says so without need."""
    found = []
    for path in sorted(package.rglob("*.py")):
        lines, name = n_lines(path), path.relative_to(package.parent).as_posix()
        head = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
        if lines > MODULE and REASON not in head:
            found.append(f"{name}: {lines} lines; split it, or say in its head '{REASON}...'")
        if lines <= MODULE and REASON in head:
            found.append(f"{name}: {lines} lines, and its head says that they are too many")
        if name == "skfeamoe/_feamoe.py" and lines > FACADE:
            found.append(f"{name}: {lines} lines; the façade has up to {FACADE}")
    return found


def main() -> int:
    """Print the sizes; 1 if a module is too long."""
    sizes = {folder: sorted(ROOT.joinpath(folder).rglob("*.py")) for folder in
             ("skfeamoe", "benchmarks", "tests")}  # fmt: skip
    for folder, paths in sizes.items():
        print(f"{sum(map(n_lines, paths)):7,} lines in {len(paths):3} modules of {folder}")
    for path in sorted(sizes["skfeamoe"], key=n_lines)[: -SHOWN - 1 : -1]:
        print(f"{n_lines(path):7,} {path.relative_to(ROOT)}")
    found = too_long(ROOT / "skfeamoe")
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

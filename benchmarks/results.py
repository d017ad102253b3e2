"""Files of results, each with the commit and the code that it was measured with.

A result carries the fingerprint of the code that it measured: the hash of the package's source
without comments, docstrings and the parts that only show results. When the code has changed
since, the pages say so above the table, and the targets count as not known.
"""

import ast
import hashlib
import json
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from benchmarks.registry import ROOT, Context

RESULTS = ROOT / "benchmarks" / "results"
QUICK_RESULTS = RESULTS / "local"
PACKAGES = ("scikit-learn", "fairlearn", "river", "numpy")
SHOWING = (
    "_cli/",
    "inspection/",
    "_card.py",
    "compat/",
    "export.py",
    "__main__.py",
    "streaming/_report",
)
"""Parts of the package that no benchmark measures."""


@dataclass(frozen=True)
class Stored:
    """The records of a section, and with what they were measured."""

    frame: pd.DataFrame
    head: dict

    @property
    def is_old(self) -> bool:
        """Whether the code has changed since."""
        return self.head.get("code") != fingerprint()

    @property
    def origin(self) -> str:
        """Commit, and a warning where the code has changed since."""
        told = f"Measured at `{self.head.get('commit', 'an unknown commit')}`"
        return f"{told}; **older than the code**." if self.is_old else f"{told}."


def save(folder: Path, name: str, records: list[dict], context: Context, **setting) -> Path:
    """Write the records of a section as JSON, one record a line."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "section": name,
        "commit": commit(),
        "code": fingerprint(),
        "packages": {p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
        "seeds": context.n_seeds,
    }
    if context.quick:
        head["data"] = "made up" if context.stand_in else "a sample"
    body = ",\n".join(json.dumps(_rounded(record)) for record in records)
    file = folder / f"{name}.json"
    file.write_text(f'{json.dumps(head | setting)[:-1]}, "records": [\n{body}\n]}}\n')
    return file


def read(folder: Path, name: str) -> Stored | None:
    """What is stored of a section, None if it was not run."""
    file = folder / f"{name}.json"
    if not file.exists():
        return None
    head = json.loads(file.read_text())
    return Stored(pd.DataFrame(head.pop("records")), head)


def _rounded(value):
    """Floats with five significant digits, to keep files readable."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


@cache
def commit() -> str:
    """The commit of the checkout; ``-dirty`` if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


@cache
def fingerprint(package: Path = ROOT / "skfeamoe") -> str:
    """Hash of the code that benchmarks measure; comments, docstrings and types do not count."""
    total = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        name = file.relative_to(package).as_posix()
        if not name.startswith(SHOWING):
            total.update("\n".join([name, *_code_lines(file.read_text())]).encode())
    return total.hexdigest()[:12]


def _code_lines(source: str) -> list[str]:
    """Lines of a module without comments, docstrings and the types of functions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None  # a line of its own below
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return [line for line in ast.unparse(tree).splitlines() if line.strip() != "None"]

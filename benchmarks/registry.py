"""What a benchmark is: a section that runs, tells tables, draws, and has targets.

A module of this package that defines ``SECTIONS`` is found by the command line; nothing else
has to be listed. A section is one file of results, one place on a page and at most one picture.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
DATA = "../shared/data"


@dataclass(frozen=True)
class Context:
    """What a section is asked for: where the data are, how many seeds, a quick look or not."""

    path: str = DATA
    n_seeds: int = 5
    quick: bool = False

    @property
    def seeds(self) -> range:
        """The seeds of splits and models."""
        return range(self.n_seeds)

    @property
    def stand_in(self) -> bool:
        """Whether made-up rows take the place of missing files."""
        return self.quick and not Path(self.path).is_dir()

    def some(self, values, n: int = 1):
        """The first few values for a quick look, else all of them."""
        return values[:n] if self.quick else values


@dataclass(frozen=True)
class Target:
    """A measured value, where it must be, and its spread over seeds."""

    what: str
    value: float
    sense: str
    wanted: float
    spread: float = float("nan")

    @property
    def met(self) -> bool:
        """Whether the value is on the right side; nan is not."""
        if self.sense == ">=":
            return bool(self.value >= self.wanted)
        return bool(self.value <= self.wanted)

    def row(self) -> dict[str, str]:
        """The target as text."""
        return {
            "what": self.what,
            "measured": f"{self.value:.4f}",
            "sd over seeds": "" if np.isnan(self.spread) else f"{self.spread:.4f}",
            "target": f"{self.sense} {self.wanted:.4f}",
            "": "met" if self.met else "**missed**",
        }


def target(what: str, values, sense: str, wanted: float) -> Target:
    """A target on the mean of one value per seed."""
    values = np.atleast_1d(np.asarray(values, dtype=float))
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    mean = float(values.mean()) if len(values) else float("nan")
    return Target(what, mean, sense, float(wanted), spread)


def of(frame: pd.DataFrame, **where) -> pd.DataFrame:
    """The records of one setting, by seed if they have one; None: there is no such value."""
    for column, value in where.items():
        if column in frame:
            given = frame[column]
            frame = frame[given.isna() if value is None else given == value]
    return frame.set_index("seed").sort_index(kind="stable") if "seed" in frame else frame


@dataclass(frozen=True)
class Section:
    """One benchmark.

    Parameters
    ----------
    name : str
        Names the file of results, the place on the page (``<!-- begin name -->``) and the
        picture.
    run : callable
        From a `Context` to records, one dict per measured thing; ``seed`` is one key.
    tables : callable
        From the frame of all records to titled tables of text; no title where it is empty.
    targets : callable, default=None
        From the frame to `Target` objects.
    draw : callable, default=None
        Draws the frame into a file.
    page : str, default="benchmarks.md"
        Page of the documentation.
    """

    name: str
    run: Callable[[Context], Iterable[dict]]
    tables: Callable[[pd.DataFrame], Mapping[str, pd.DataFrame]]
    targets: Callable[[pd.DataFrame], Iterable[Target]] | None = None
    draw: Callable[[pd.DataFrame, Path], None] | None = None
    page: str = "benchmarks.md"


@cache
def sections() -> dict[str, Section]:
    """All sections by name, in the order of the modules' names."""
    found: dict[str, Section] = {}
    for module in sorted(_modules()):
        for section in getattr(import_module(module), "SECTIONS", ()):
            if section.name in found:
                raise ValueError(f"two sections have the name {section.name!r}")
            found[section.name] = section
    return found


def _modules() -> Iterator[str]:
    """Names of the modules that define sections; others are not imported."""
    for file in Path(__file__).parent.rglob("*.py"):
        if "\nSECTIONS = " in file.read_text(encoding="utf-8"):
            yield ".".join(("benchmarks", *file.relative_to(Path(__file__).parent).parts))[:-3]


def chosen(names: Iterable[str]) -> list[Section]:
    """Sections by their names or by the beginning of several: ``drift`` is ``drift_...``."""
    known, found = sections(), {}
    for name in names:
        begun = {k: s for k, s in known.items() if k == name or k.startswith(f"{name}_")}
        if not begun:
            raise SystemExit(f"no section {name!r}; there are {', '.join(known)}")
        found |= begun
    return list(found.values()) if found else list(known.values())

"""Tables and pictures of the documentation, and the targets, from the stored results."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.registry import ROOT, Section, Target
from benchmarks.results import Stored, read

DOCS = ROOT / "docs"
TARGETS_PAGE = "benchmarks_targets.md"
TITLES = {
    "accuracy": "accuracy",
    "dp": "DP gap",
    "eo": "EO gap",
    "spd": "SPD",
    "aod": "mean odds gap",
    "burden": "burden gap",
}


# ------------------------------------------------------------------------- tables


def spread(values, digits: int = 4) -> str:
    """Mean and, of several values, standard deviation as text."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    deviation = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{deviation}"


def cell(value, form: str = "{:g}") -> str:
    """A value as text; a missing one is empty."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value) if isinstance(value, str) else form.format(value)


def summary(
    frame,
    keys: Iterable[str],
    columns: Mapping[str, str] = TITLES,
    *,
    forms: Mapping[str, str] | None = None,
    timed: bool = True,
    **means: str,
) -> pd.DataFrame:
    """Mean ± standard deviation over seeds by setting, median of the seconds.

    ``columns`` are titled and left out where they were not measured; ``means`` are columns of
    which the mean alone is shown, with their forms, as ``experts="{:.0f}"``. ``forms`` are
    those of keys; without ``timed`` no seconds are shown.
    """
    forms = forms or {}
    keys, rows = list(keys), []
    for values, group in frame.groupby(keys, sort=False, dropna=False):
        pairs = zip(keys, values, strict=True)
        row = {key: cell(value, forms.get(key, "{:g}")) for key, value in pairs}
        for column, form in means.items():
            if column in group:
                row[column.replace("_", " ")] = form.format(group[column].mean())
        row |= {t: spread(group[name]) for name, t in columns.items() if name in group}
        if timed and "seconds" in group:
            row["seconds"] = cell(float(group["seconds"].median()), "{:.2g}")
        rows.append(row | {"seeds": str(group["seed"].nunique())})
    return pd.DataFrame(rows)


def one_table(*keys: str, columns: Mapping[str, str] = TITLES, **how) -> Callable:
    """Tables of a section: a single one, the `summary` by these keys."""
    return lambda frame: {"": summary(frame, keys, columns, **how)}


def table_of_each(name: str, *keys: str, titles: Mapping[str, str] | None = None) -> Callable:
    """Tables of a section: a `summary` for each value of one column."""
    titles = titles or {}
    return lambda frame: {
        titles.get(value, str(value)): summary(rows, keys)
        for value, rows in frame.groupby(name, sort=False)
    }


def markdown(frame: pd.DataFrame) -> str:
    """A frame of text as a Markdown table; pandas' own needs one more package."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def tables_of(section: Section, stored: Stored) -> str:
    """Where a section was measured, and its tables."""
    parts = [stored.origin]
    for title, table in section.tables(stored.frame).items():
        parts += [f"**{title}**"] if title else []
        parts.append(markdown(table))
    return "\n\n".join(parts)


# -------------------------------------------------------------------------- pages


def write(folder: Path, chosen: Iterable[Section], docs: Path = DOCS) -> None:
    """Rewrite tables and pictures of the sections that were run, and the page of targets."""
    for section in chosen:
        stored = read(folder, section.name)
        if stored is None:
            continue
        _write_between(docs / section.page, section.name, tables_of(section, stored))
        if section.draw is not None:
            (docs / "images").mkdir(exist_ok=True)
            section.draw(stored.frame, docs / "images" / f"{section.name}.png")
        if section.targets is not None:
            rows = [one.row() for one in section.targets(stored.frame)]
            text = f"{stored.origin}\n\n{markdown(pd.DataFrame(rows))}"
            _write_between(docs / TARGETS_PAGE, section.name, text)


def _write_between(file: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- begin name -->`` and ``<!-- end name -->``."""
    page = file.read_text(encoding="utf-8")
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in page or end not in page:
        raise ValueError(f"{file.name} must have the lines {begin!r} and {end!r}")
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


# ------------------------------------------------------------------------ targets


def targets(folder: Path, chosen: Iterable[Section]) -> list[Target]:
    """All targets; a section that was not measured is a target that is missed."""
    found: list[Target] = []
    for section in chosen:
        stored = read(folder, section.name)
        if section.targets is None:
            continue
        if stored is None:
            found.append(Target(f"{section.name}: not measured", float("nan"), ">=", 0))
        else:
            old = " (older than the code)" if stored.is_old else ""
            found += [
                Target(one.what + old, one.value, one.sense, one.wanted, one.spread)
                for one in section.targets(stored.frame)
            ]
    return found


def check(folder: Path, chosen: Iterable[Section]) -> int:
    """Print every target; 1 if any is missed, else 0."""
    found = targets(folder, chosen)
    if not found:
        print("these sections have no targets")
        return 0
    rows = pd.DataFrame([one.row() for one in found])
    print(rows.to_string(index=False, justify="left"))
    missed = sum(not one.met for one in found)
    print(f"\n{len(found) - missed} of {len(found)} targets met")
    return int(missed > 0)


def check_stale(folder: Path, chosen: Iterable[Section]) -> int:
    """Print where every section was measured; 1 if the code has changed since any, else 0."""
    old = 0
    for section in chosen:
        stored = read(folder, section.name)
        old += stored is None or stored.is_old
        print(f"{section.name}: {'not measured' if stored is None else stored.origin}")
    print(f"\n{old} sections are missing or older than the code")
    return int(old > 0)

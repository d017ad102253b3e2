"""Tables of docs/reproduction.md, figures, and the targets, from the stored results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.bars import Bar
from benchmarks.common import ROOT, markdown, read, write_between_markers
from benchmarks.paper.registry import NAMES, experiment

PAGE = ROOT / "docs" / "reproduction.md"
IMAGES = ROOT / "docs" / "images"


def tables_of(folder: Path, name: str) -> str | None:
    """The tables of an experiment as Markdown, None if it was not run."""
    one = experiment(name)
    frame = read(folder, one.section)
    if frame is None:
        return None
    parts = [f"**{title}**\n\n{markdown(table)}" for title, table in one.tables(frame).items()]
    return "\n\n".join(parts)


def write(folder: Path, page: Path = PAGE, images: Path = IMAGES) -> None:
    """Rewrite the tables and pictures of all experiments that were run."""
    for name in NAMES:
        text = tables_of(folder, name)
        if text is None:
            continue
        one = experiment(name)
        write_between_markers(page, one.section, text)
        if one.draw is not None:
            one.draw(read(folder, one.section), images / f"{one.section}.png")
    bars = targets(folder)
    table = markdown(pd.DataFrame([bar.row() for bar in bars]))
    write_between_markers(page, "paper_targets", table)


def targets(folder: Path, names=NAMES) -> list[Bar]:
    """All targets; an experiment without results is a target that fails."""
    found: list[Bar] = []
    for name in names:
        one = experiment(name)
        frame = read(folder, one.section)
        if frame is None:
            found.append(Bar(f"{name}: not measured", float("nan"), ">=", 0))
        else:
            found += one.targets(frame)
    return found


def check(folder: Path, names=NAMES) -> int:
    """Print every target; 1 if any is missed, else 0."""
    bars = targets(folder, names)
    print(pd.DataFrame([bar.row() for bar in bars]).to_string(index=False, justify="left"))
    failed = sum(not bar.passed for bar in bars)
    print(f"\n{len(bars) - failed} of {len(bars)} targets met")
    return int(failed > 0)

"""The pictures of the front pages, and README's table beside rivals, from one command.

``python docs/make_pictures.py`` draws and writes them; ``--check`` draws into a scratch folder
and fails where what is committed looks different. The table comes from committed files of
``benchmarks/results``: nothing is measured here.
"""

import argparse
import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.testing.compare import compare_images

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
README = ROOT / "README.md"
EXAMPLE = ROOT / "docs" / "examples" / "explain" / "plot_2_what_drives_the_gap.py"
EXPLAINED = ("decision", "gap", "regions", "coefficients")
RESULTS = ROOT / "benchmarks" / "results"
SECTION = "front_page"
BEGIN, END = "<!-- begin rivals: python docs/make_pictures.py -->", "<!-- end rivals -->"

PARITY = "demographic_parity"

TOLERANCE = 12.0
"""Root mean square difference of two pictures; fonts of another machine stay below it."""

ROWS = (
    ("logistic regression", "LogisticRegression", None, None),
    ("fairlearn reductions of it, .05", "ExponentiatedGradient", PARITY, 0.05),
    ("fairlearn reductions of it, .025", "ExponentiatedGradient", PARITY, 0.025),
    ("fairlearn thresholds of it (read sex to decide)", "ThresholdOptimizer", PARITY, None),
    ("**skfeamoe, bound .05**", "FEAMOE", PARITY, 0.05),
    ("**skfeamoe, additive experts, bound .05**", "additive experts", PARITY, 0.05),
    ("boosted trees", "boosted trees", None, None),
    (
        "fairlearn reductions of them, .025",
        "ExponentiatedGradient over boosted trees",
        PARITY,
        0.05,  # of the difference, which is twice that to the mean of all
    ),
)
"""Title, and method, constraint and bound of the records."""


def draw(folder: Path) -> None:
    """All pictures, into a folder."""
    command = [sys.executable, "-m", "skfeamoe", "demo", "--output", str(folder / "demo.png")]
    environment = os.environ | {"COLUMNS": "100", "MPLBACKEND": "Agg"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    plt.close("all")
    runpy.run_path(str(EXAMPLE))
    for name, number in zip(EXPLAINED, plt.get_fignums(), strict=True):
        plt.figure(number).savefig(folder / f"{name}.png", dpi=100)
    plt.close("all")


def table() -> str:
    """Accuracy and gap of methods on Adult, means and deviations over the seeds."""
    text = (RESULTS / f"{SECTION}.json").read_text(encoding="utf-8")
    result = json.loads(text)
    records = pd.DataFrame(result["records"])
    lines = [
        "| Adult by sex | accuracy | gap of approval rates | seconds to fit |",
        "|---|---:|---:|---:|",
    ]
    for title, method, constraint, bound in ROWS:
        chosen = records[records["method"] == method]
        for column, wanted in (("constraint", constraint), ("bound", bound)):
            column = chosen[column]
            chosen = chosen[column.isna() if wanted is None else column == wanted]
        if chosen.empty:
            raise SystemExit(f"{SECTION} has no record for {title}")
        accuracy, gap = chosen["accuracy"], chosen["dp"]
        lines.append(
            f"| {title} | {accuracy.mean():.3f} ± {accuracy.std():.3f} "
            f"| {gap.mean():.3f} ± {gap.std():.3f} | {chosen['seconds'].median():.1f} |"
        )
    lines += [
        "",
        f"Test rows of {result['seeds']} splits; sex is a feature of no method, and thresholds "
        f"alone read it when they decide. Measured at `{result['commit']}`. fairlearn's "
        "reductions hold each group to the mean of all, so the same number allows about twice "
        "the difference: compare at equal gaps.",
    ]
    return "\n".join(lines)


def readme_with(text: str) -> str:
    """README with the table between its marks."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}"


def faults() -> list[str]:
    """What is committed and would come out differently."""
    found = []
    if README.read_text(encoding="utf-8") != readme_with(table()):
        found.append("README.md: the table beside rivals is not that of the stored results")
    with tempfile.TemporaryDirectory() as scratch:
        draw(Path(scratch))
        for path in sorted(Path(scratch).glob("*.png")):
            told = compare_images(
                str(IMAGES / path.name), str(path), TOLERANCE, in_decorator=True
            )
            if told:
                found.append(
                    f"docs/images/{path.name}: looks different (RMS {told['rms']:.1f})"
                )
    for leftover in IMAGES.glob("*-failed-diff.png"):
        leftover.unlink()
    return found


def main() -> None:
    """Draw and write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    parser.add_argument("--table", action="store_true", help="write README's table only")
    arguments = parser.parse_args()
    if arguments.check:
        if found := faults():
            raise SystemExit("\n".join([*found, "run: python docs/make_pictures.py"]))
        return
    README.write_text(readme_with(table()), encoding="utf-8")
    if not arguments.table:
        draw(IMAGES)


if __name__ == "__main__":
    main()

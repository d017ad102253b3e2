"""The experiments of the FEAMOE paper beside its published numbers.

Run from the top of a checkout, with the data files in ``../shared/data``::

    python -m benchmarks.paper all --jobs 2               # everything, five seeds
    python -m benchmarks.paper mitigation compas_regimes  # some
    python -m benchmarks.paper all --quick                # one seed, few rows, two minutes
    python -m benchmarks.paper --report                   # rewrite the page and the figures
    python -m benchmarks.paper --check                    # hold stored results to the targets

An experiment prints its table beside the published numbers and writes one JSON file.
``--quick`` only shows that everything runs: it writes to a folder that is not tracked, and
where the data are missing it takes made-up rows.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.common import RESULTS, save
from benchmarks.paper import report
from benchmarks.paper.data import PaperContext
from benchmarks.paper.registry import NAMES, experiment


def main(arguments=None) -> int:
    """Run the chosen experiments, then the report and the check if asked for."""
    options = _parser().parse_args(arguments)
    names = NAMES if "all" in options.names else tuple(options.names)
    output = options.output or (RESULTS / "local" if options.quick else RESULTS)
    context = PaperContext(options.path, 1 if options.quick else options.seeds, options.quick)
    tables = Parallel(n_jobs=options.jobs, return_as="generator")(
        delayed(_run)(name, context, output) for name in names
    )
    for table in tables:
        print(table, flush=True)
    if options.report:
        report.write(output)
    return report.check(output, names or NAMES) if options.check else 0


def _run(name, context: PaperContext, output: Path) -> str:
    """One experiment: its file, and its table as text."""
    one = experiment(name)
    start, before = time.perf_counter(), sum(os.times()[:4])
    with threadpool_limits(1):
        records = list(one.run(context))
    wall, spent = time.perf_counter() - start, sum(os.times()[:4]) - before
    setting = {"seeds": context.n_seeds, "processor_seconds": round(spent)}
    if context.quick:
        setting["data"] = "made up" if context.stand_in else "a sample"
    file = save(output, one.section, records, **setting)
    told = f"\n{name}: {wall:.0f} s, {len(records)} records in {file}\n"
    return f"{told}\n{report.tables_of(output, name)}"


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(("all", *NAMES)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="experiments at a time")
    parser.add_argument("--path", default="../shared/data", help="folder of the data files")
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="one seed on few rows")
    parser.add_argument("--check", action="store_true", help="exit code 1 on a missed target")
    parser.add_argument("--report", action="store_true", help="write page and figures")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Measure, show and check: every number of the documentation comes from here.

Run from the top of a checkout, with the data files in ``../shared/data``::

    python -m benchmarks --list                    # the sections
    python -m benchmarks frontier throughput       # measure two of them, five seeds
    python -m benchmarks paper --jobs 2            # all whose names begin with "paper_"
    python -m benchmarks --quick                   # every section on few rows: does it run?
    python -m benchmarks --report                  # rewrite pages and pictures
    python -m benchmarks --check                   # hold stored results to the targets
    python -m benchmarks --check-stale             # which results are older than the code?

A section writes one JSON file with the commit that it measured. ``--quick`` writes into a
folder that is not tracked, and where the data are missing it takes made-up rows. The three
looks at stored results measure nothing, unless with ``--quick``; they, too, take names.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks import pages
from benchmarks.registry import DATA, Context, chosen, sections
from benchmarks.results import QUICK_RESULTS, RESULTS, read, save


def main(arguments=None) -> int:
    """Run the chosen sections, then the report and the checks if asked for."""
    options = _parser().parse_args(arguments)
    picked = chosen(options.names)
    if options.list:
        print("\n".join(section.name for section in picked))
        return 0
    context = Context(options.path, 1 if options.quick else options.seeds, options.quick)
    output = options.output or (QUICK_RESULTS if options.quick else RESULTS)
    looks = options.report or options.check or options.check_stale
    if options.quick or not looks:
        told = Parallel(n_jobs=options.jobs, return_as="generator")(
            delayed(measure)(section.name, context, output) for section in picked
        )
        for text in told:
            print(text, flush=True)
    if options.report:
        pages.write(output, picked)
    failed = pages.check(output, picked) if options.check else 0
    return failed | (pages.check_stale(output, picked) if options.check_stale else 0)


def measure(name: str, context: Context, output: Path) -> str:
    """Run one section on one thread; its file, and its tables as text."""
    section = sections()[name]
    start, before = time.perf_counter(), time.process_time()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = list(section.run(context))
    seconds = time.perf_counter() - start
    spent = round(time.process_time() - before)
    file = save(output, name, records, context, processor_seconds=spent)
    stored = read(output, name)
    assert stored is not None
    told = f"\n{name}: {seconds:.0f} s, {len(records)} records in {file}"
    return f"{told}\n\n{pages.tables_of(section, stored)}"


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="section", help="default: all")
    parser.add_argument("--list", action="store_true", help="names of the sections")
    parser.add_argument("--quick", action="store_true", help="one seed on few rows")
    parser.add_argument("--report", action="store_true", help="write pages and pictures")
    parser.add_argument("--check", action="store_true", help="exit code 1 on a missed target")
    parser.add_argument(
        "--check-stale", action="store_true", help="exit code 1 if the code has changed since"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="sections at a time")
    parser.add_argument("--path", default=DATA, help="folder of the data files")
    parser.add_argument("--output", type=Path, help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())

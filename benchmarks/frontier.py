"""Accuracy against group gaps on real data, beside the methods that users would weigh.

Run from the top of a checkout, with the data files in ``../shared/data``::

    python -m benchmarks.frontier                          # every section, five seeds
    python -m benchmarks.frontier --section small conflicts --seeds 2 --output DIR
    python -m benchmarks.frontier --section frontier --data adult gss --output DIR
    python -m benchmarks.frontier --check                  # hold stored results to the targets
    python -m benchmarks.frontier --report                 # rewrite tables and pictures

A section writes one JSON file. ``--check`` prints every target with the measured value, and
its exit code is 1 if one is missed. ``--check`` and ``--report`` alone measure nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import bars, batch_sections, report, stream_sections
from benchmarks.common import RESULTS, TITLES, Context, save

SECTIONS = {
    "one_pass": batch_sections.one_pass,
    "frontier": batch_sections.frontier,
    "small": batch_sections.small,
    "conflicts": batch_sections.conflicts,
    "adult_stream": stream_sections.adult_stream,
    "gss_years": stream_sections.gss_years,
    "scaling": batch_sections.scaling,
    "paper": batch_sections.paper,
}


def main(arguments=None) -> int:
    """Run the chosen sections, then the check and the report if asked for."""
    options = _parser().parse_args(arguments)
    sections = options.section or ([] if options.check or options.report else list(SECTIONS))
    context = Context(options.path, options.seeds, tuple(options.data))
    for name in sections:
        start, records = time.perf_counter(), []
        for record in SECTIONS[name](context):
            records.append(record)
            if options.verbose:
                print(_line(record), flush=True)
        file = save(options.output, name, records, seeds=options.seeds)
        print(f"{name}: {time.perf_counter() - start:.0f} s, {len(records)} records in {file}")
    if options.report:
        report.write(options.output)
    if options.check:
        return bars.check(options.output, tuple(sections) or tuple(bars.SECTIONS))
    return 0


def _line(record) -> str:
    """A record on one line."""
    shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in record.items()}
    return "  ".join(f"{k}={v}" for k, v in shown.items() if v is not None and k != "warning")


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.frontier",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--section", nargs="+", choices=list(SECTIONS), default=[])
    parser.add_argument("--data", nargs="+", choices=list(TITLES), default=list(TITLES),
                        help="data sets of the section frontier")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--path", default="../shared/data", help="folder of the data files")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument(
        "--check", action="store_true", help="print targets; exit code 1 on a miss"
    )
    parser.add_argument("--report", action="store_true", help="write tables and pictures")
    parser.add_argument("--verbose", action="store_true", help="print every record")
    return parser


if __name__ == "__main__":
    sys.exit(main())

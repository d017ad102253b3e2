"""The bias-score rule: bounds chosen after training, rivals, promises and abstention.

Run from the top of a checkout, with the data files in ``../shared/data``::

    python -m benchmarks.rules                      # print the tables of the stored results
    python -m benchmarks.rules --check              # exit code 1 if a target is missed
    python -m benchmarks.rules --run bounds rivals  # measure these parts again

Rivals that are not installed are named in the table, not left out of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import rules_parts, rules_report
from benchmarks.common import RESULTS, save

PARTS = {
    "bounds": rules_parts.bounds,
    "rivals": rules_parts.rivals,
    "abstention": rules_parts.abstention,
    "promise": rules_parts.promise,
    "streams": rules_parts.streams,
}


def main(arguments=None) -> int:
    """Measure the chosen parts, or print what was measured."""
    options = _parser().parse_args(arguments)
    for part in options.run:
        records = []
        for record in PARTS[part](options.path, range(options.seeds)):
            records.append({"part": part} | record)
            print(_line(record), flush=True)
        _store(options.output, part, records, options.seeds)
    print(rules_report.tables(options.output))
    return rules_report.check(options.output) if options.check else 0


def _store(folder: Path, part: str, records: list[dict], seeds: int) -> None:
    """Put the records of a part in place of its former ones."""
    file = folder / "rules.json"
    old = json.loads(file.read_text())["records"] if file.exists() else []
    kept = [record for record in old if record["part"] != part]
    save(folder, "rules", kept + records, seeds=seeds)


def _line(record) -> str:
    """A record on one line."""
    shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in record.items()}
    return "  ".join(f"{k}={v}" for k, v in shown.items())


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", nargs="+", choices=list(PARTS), default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--path", default="../shared/data", help="folder of the data files")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())

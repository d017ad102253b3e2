"""Arguments, and where every error becomes one line."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import NoReturn

from ._errors import InputError

CONSTRAINT_NAMES = ("demographic_parity", "equalized_odds", "equal_opportunity", "burden")
DRIFT_NAMES = ("sudden", "gradual", "recurring", "none")
LEAST_ROWS = 2_000

_DESCRIPTION = """\
Fair, explainable and adaptive mixtures of experts for streams.

start here:  python -m skfeamoe demo
your data:   python -m skfeamoe stream FILE --target COLUMN --sensitive COLUMN
"""

_STREAM_DESCRIPTION = """\
Test, then train on a CSV or Parquet file, row by row in the order of the file: FEAMOE with
its bound, a static logistic regression and an online one. The file may be larger than
memory: it is read twice, piece by piece, first to know its classes, groups and gaps in the
data, then to learn.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise InputError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments without the program's name; None takes those of the process.

    Returns
    -------
    code : int
        0, 2 for bad input, 130 when interrupted.

    Examples
    --------
    >>> from skfeamoe._cli import main
    >>> main(["demo", "--rows", "2000", "--no-plot"])  # doctest: +SKIP
    0
    """
    parser = _build_parser()
    try:
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.print_help()
            return 0
        if arguments.command == "demo":
            from ._demo import run_demo

            run_demo(arguments)
        else:
            from ._stream import run_stream

            run_stream(arguments)
    except InputError as error:
        print(f"skfeamoe: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skfeamoe: interrupted", file=sys.stderr)
        return 130
    return 0


def _build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="python -m skfeamoe",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="command", parser_class=_Parser)
    _add_demo(commands)
    _add_stream(commands)
    return parser


def _add_demo(commands) -> None:
    """Arguments of `demo`."""
    demo = commands.add_parser(
        "demo",
        help="watch three models decide on loans while the world changes",
        description="Stream synthetic loan applications through FEAMOE and two rivals.",
    )
    demo.add_argument(
        "--rows",
        type=_rows,
        default=40_000,
        metavar="N",
        help="applications in the stream (default: %(default)s)",
    )
    demo.add_argument(
        "--drift",
        choices=DRIFT_NAMES,
        default="sudden",
        help="how the world changes (default: %(default)s)",
    )
    _add_common(demo, "skfeamoe-demo.png")


def _add_stream(commands) -> None:
    """Arguments of `stream`."""
    stream = commands.add_parser(
        "stream",
        help="the same on your own CSV or Parquet file",
        description=_STREAM_DESCRIPTION,
    )
    stream.add_argument("file", metavar="FILE", help=".csv, .tsv (also .gz ...) or .parquet")
    stream.add_argument("--target", required=True, metavar="COL", help="column of labels")
    stream.add_argument(
        "--sensitive",
        required=True,
        action="append",
        metavar="COL",
        help="column of groups, never a feature; give it again for intersections",
    )
    stream.add_argument(
        "--time", metavar="COL", help="column of times: checked for order, never a feature"
    )
    stream.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COL",
        help="column to leave out, such as an identifier; may be given again",
    )
    stream.add_argument(
        "--favorable",
        metavar="VALUE",
        help="label that is good for the person (default: the last in sorted order)",
    )
    stream.add_argument(
        "--constraint",
        choices=CONSTRAINT_NAMES,
        default="demographic_parity",
        metavar="NAME",
        help="what is kept under the bound: " + ", ".join(CONSTRAINT_NAMES),
    )
    stream.add_argument(
        "--batch",
        type=_batch,
        metavar="N",
        help="rows that are tested, then trained on (default: a hundredth, at most 256)",
    )
    stream.add_argument(
        "--model", metavar="OUT", help="save preprocessing and classifier here (joblib)"
    )
    stream.add_argument(
        "--report", metavar="HTML", help="write a report here: one file, nothing else needed"
    )
    stream.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="save the state here while running; started again after a break, the same "
        "command goes on from it (a pickle: use only your own)",
    )
    _add_common(stream, "skfeamoe-stream.png")


def _add_common(command, picture: str) -> None:
    """Arguments that both commands have."""
    command.add_argument(
        "--bound",
        type=_bound,
        default=0.05,
        metavar="X",
        help="largest gap between groups (default: %(default)s, five points)",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="random seed (default: %(default)s)"
    )
    command.add_argument(
        "--output", default=picture, metavar="PNG", help="picture file (default: %(default)s)"
    )
    command.add_argument("--no-plot", action="store_true", help="draw no picture")


def _bound(text: str) -> float:
    """Parse a bound; whether it may exceed 1 depends on the constraint."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(
            f"bound must be in (0, 1], got {text}; a gap of 5 points is 0.05"
        )
    return value


def _rows(text: str) -> int:
    """Parse the length of the demo."""
    return _whole(text, LEAST_ROWS, "rows")


def _batch(text: str) -> int:
    """Parse the rows of a batch."""
    return _whole(text, 1, "batch")


def _whole(text: str, least: int, name: str) -> int:
    """Parse an integer of at least `least`."""
    try:
        value = int(text.replace("_", "").replace(",", ""))
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(
            f"{name} must be a whole number of at least {least:,}, got {text}"
        )
    return value

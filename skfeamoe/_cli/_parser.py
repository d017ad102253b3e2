"""Arguments, and where every error becomes one line and an exit code.

Nothing heavier than the standard library is imported before a command runs.

Over 400 lines, because all options of all commands stand together, as in the help that they
make.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ._asked import asked_for, check_needs
from ._errors import ClosedPipeError, InputError, OutputError, Stopped
from ._values import (
    ConstraintNames,
    bound,
    constraint,
    delay,
    ratio,
    rows_of_demo,
    seed,
    share,
    whole,
)

DRIFT_NAMES = ("sudden", "gradual", "recurring", "none")
GROWTH_NAMES = ("drift", "interval", "none")
EXPERT_NAMES = ("logistic", "additive", "mlp")

_DESCRIPTION = """\
Fair, explainable and adaptive mixtures of experts for streams.

start here:    python -m skfeamoe demo
your data:     python -m skfeamoe stream FILE --target COLUMN --sensitive COLUMN
your model:    python -m skfeamoe monitor FILE --decision COLUMN --sensitive COLUMN
one decision:  python -m skfeamoe explain MODEL FILE --row N
which bound:   python -m skfeamoe compare FILE --target COLUMN --sensitive COLUMN

exit codes: 0 done, 1 an output could not be written, 2 bad input, 130 interrupted,
141 the reader of the output went away
"""

_STREAM_DESCRIPTION = """\
Test, then train on a CSV or Parquet file, row by row in the order of the file: FEAMOE with
its bound, a static logistic regression and an online one. The file may be larger than
memory: it is read twice, piece by piece, first to know its classes, groups and gaps in the
data, then to learn.
"""

_MONITOR_DESCRIPTION = """\
Measure decisions that were made already, by a model, a rule or people: gaps between groups
with intervals that may be looked at every day, drift alarms, what changed in the inputs, and
a verdict if --bound is given. Without --target, only the decisions are compared.
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
        0; 1 if an output could not be written, 2 for bad input, 130 when interrupted, 141
        when standard output was closed.

    Examples
    --------
    >>> from skfeamoe._cli import main
    >>> main(["demo", "--rows", "2000", "--no-plot"])  # doctest: +SKIP
    0
    """
    parser = _build_parser()
    arguments_of_process = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.print_help()
            return 0
        arguments.line = arguments_of_process
        arguments.asked = asked_for(parser, argv)
        check_needs(arguments)
        _runner(arguments.command)(arguments)
        sys.stdout.flush()
    except InputError as error:
        return _say(f"error: {error}", 2)
    except OutputError as error:
        return _say(f"error: {error}", 1)
    except Stopped as stop:
        return _say(f"interrupted; {stop}" if str(stop) else "interrupted", 130)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except (BrokenPipeError, ClosedPipeError):
        _silence(sys.stdout)
        return _say("standard output was closed, so the run was stopped", 141)
    return 0


def _say(text: str, code: int) -> int:
    """One line on stderr, if anybody reads it."""
    try:
        print(f"skfeamoe: {text}", file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)
    return code


def _silence(stream) -> None:
    """Let Python flush what nobody reads into nothing at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # no descriptor to redirect, as under a test
        return


def _runner(command: str):
    """The function that runs a command, imported when it is asked for."""
    if command == "demo":
        from ._demo import run_demo as run
    elif command == "stream":
        from ._stream import run_stream as run
    elif command == "monitor":
        from ._monitor import run_monitor as run
    elif command == "explain":
        from ._explain import run_explain as run
    else:
        from ._compare import run_compare as run
    return run


def _version() -> str:
    """Version of the package."""
    from skfeamoe import __version__

    return f"skfeamoe {__version__}"


def _build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="python -m skfeamoe",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="command", parser_class=_Parser)
    _add_demo(commands)
    _add_stream(commands)
    _add_monitor(commands)
    _add_explain(commands)
    _add_compare(commands)
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
        type=rows_of_demo,
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
    _add_bound(demo, 0.05)
    _add_picture(demo, "skfeamoe-demo.png")
    _add_common(demo)


def _add_stream(commands) -> None:
    """Arguments of `stream`."""
    stream = commands.add_parser(
        "stream",
        help="learn and decide on a CSV or Parquet file of your own",
        description=_STREAM_DESCRIPTION,
    )
    _add_file(stream)
    _add_roles(stream)
    asked: Any = stream.add_argument(
        "--constraint",
        type=constraint,
        action="append",
        metavar="NAME[=BOUND]",
    )
    asked.names = ConstraintNames()  # before the help, which is checked where it is added
    asked.help = (
        "what is kept under the bound, each with one of its own if given; may be given again: "
        "%(names)s"
    )
    _add_bound(stream, 0.05)
    _add_ratio_bound(stream)
    stream.add_argument(
        "--batch",
        type=whole("batch", 1),
        metavar="N",
        help="rows that are tested, then trained on (default: a hundredth, at most 256)",
    )
    stream.add_argument(
        "--delay",
        type=delay,
        default=(0, "rows"),
        metavar="N|TIME",
        help="labels come after so many rows (500), or after a time (30d, 12h; needs --time)",
    )
    stream.add_argument(
        "--labels",
        choices=("all", "granted"),
        default="all",
        help="whose outcomes are learned from: everybody's, or only those of the people whom "
        "a model grants, and of a few others by lot (default: %(default)s)",
    )
    stream.add_argument(
        "--exploration",
        type=share,
        default=0.05,
        metavar="X",
        help="with --labels granted: chance of the others to be granted by lot (default: "
        "%(default)s)",
    )
    stream.add_argument(
        "--growth",
        choices=GROWTH_NAMES,
        help="when FEAMOE adds experts (default: drift if river is installed)",
    )
    stream.add_argument(
        "--expert",
        choices=EXPERT_NAMES,
        default="logistic",
        help="FEAMOE's experts: straight lines, functions that bend, networks (default: "
        "%(default)s)",
    )
    stream.add_argument(
        "--metrics",
        metavar="NAME,...",
        help="further measures for the table, such as ks_statistic,demographic_parity_ratio",
    )
    stream.add_argument(
        "--explain",
        type=whole("explain", 0),
        default=0,
        metavar="N",
        help="print the reasons of the last N refusals",
    )
    stream.add_argument("--model-only", action="store_true", help="leave the rivals out")
    stream.add_argument(
        "--model", metavar="OUT", help="save preprocessing and classifier here (skops)"
    )
    stream.add_argument(
        "--model-format",
        choices=("skops", "joblib"),
        default="skops",
        help="joblib files run what is in them when they are opened (default: %(default)s)",
    )
    stream.add_argument(
        "--without-people",
        action="store_true",
        help="leave the rows of people that a model keeps out of --model, for sharing it",
    )
    stream.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="save the state here while running; started again after a break, the same "
        "command goes on from it (a pickle: use only your own)",
    )
    stream.add_argument(
        "--audit",
        metavar="FILE",
        help="append growth, alarms, changes of verdicts and warnings here, a JSON line each",
    )
    _add_report(stream)
    _add_picture(stream, "skfeamoe-stream.png")
    _add_common(stream)


def _add_monitor(commands) -> None:
    """Arguments of `monitor`."""
    monitor = commands.add_parser(
        "monitor",
        help="watch the decisions of any model or people, from a file of them",
        description=_MONITOR_DESCRIPTION,
    )
    _add_file(monitor)
    monitor.add_argument(
        "--decision", required=True, metavar="COL", help="column of the decisions"
    )
    _add_roles(monitor, target_required=False)
    _add_bound(monitor, None)
    _add_ratio_bound(monitor)
    monitor.add_argument(
        "--constraint",
        type=constraint,
        action="append",
        metavar="NAME[=BOUND]",
        help="which gap the bound is about (default: demographic_parity)",
    )
    monitor.add_argument(
        "--window",
        type=whole("window", 10),
        metavar="N",
        help="rows of a window (default: a twentieth; of fewer than 20,000 rows 1,000, but a "
        "fifth at most)",
    )
    _add_report(monitor)
    _add_picture(monitor, "skfeamoe-monitor.png")
    _add_common(monitor)


def _add_explain(commands) -> None:
    """Arguments of `explain`."""
    explain = commands.add_parser(
        "explain",
        help="say why a saved model decided on a row as it did",
        description="Reasons of one decision of a model that `stream --model` has saved. "
        "A skops file runs nothing when it is opened.",
    )
    explain.add_argument("model", metavar="MODEL", help="file that stream --model wrote")
    _add_file(explain)
    explain.add_argument(
        "--row",
        type=whole("row", 0),
        required=True,
        metavar="N",
        help="which row, counted from 0, the header not counted",
    )
    explain.add_argument(
        "--reasons",
        type=whole("reasons", 1),
        default=4,
        metavar="N",
        help="reasons at most (default: %(default)s)",
    )
    explain.add_argument("--quiet", action="store_true", help="print the reasons only")
    explain.add_argument(
        "--trust-joblib",
        action="store_true",
        help="open a joblib file of your own, which may run anything",
    )


def _add_compare(commands) -> None:
    """Arguments of `compare`."""
    compare = commands.add_parser(
        "compare",
        help="accuracy and gap at several bounds, beside other methods",
        description="Train on the first 70 % of the rows in the order of the file, test on "
        "the rest: FEAMOE at several bounds, and the rivals that are installed. With --id "
        "people are split, in the order in which they first appear, so that nobody is in both "
        "parts.",
    )
    _add_file(compare)
    _add_roles(compare)
    compare.add_argument(
        "--constraint",
        type=constraint,
        action="append",
        metavar="NAME",
        help="which gap (default: demographic_parity)",
    )
    compare.add_argument(
        "--bounds",
        default="0.02,0.05,0.1,0.2",
        metavar="X,X,...",
        help="bounds to try (default: %(default)s)",
    )
    compare.add_argument(
        "--rows",
        type=whole("rows", 200),
        default=50_000,
        metavar="N",
        help="the last N rows of the file are used (default: %(default)s)",
    )
    compare.add_argument(
        "--expert",
        choices=EXPERT_NAMES,
        default="logistic",
        help="FEAMOE's experts: straight lines, functions that bend, networks (default: "
        "%(default)s)",
    )
    compare.add_argument("--model-only", action="store_true", help="leave the rivals out")
    compare.add_argument("--json", metavar="DIR", help="write the numbers here, JSON and CSV")
    _add_picture(compare, "skfeamoe-compare.png")
    _add_common(compare)


def _add_file(command) -> None:
    """The file and how it is read."""
    command.add_argument(
        "file", metavar="FILE", help=".csv, .tsv (also .gz ...), .parquet, or - for stdin"
    )
    command.add_argument("--sep", metavar="CHAR", help="separator of a CSV file")
    command.add_argument("--encoding", metavar="NAME", help="encoding of a CSV file")
    for name, what in (("categorical", "categories"), ("numeric", "numbers")):
        command.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="COL",
            help=f"column that holds {what}, whatever it looks like; may be given again",
        )


def _add_roles(command, *, target_required: bool = True) -> None:
    """Columns with a part of their own."""
    command.add_argument(
        "--target", required=target_required, metavar="COL", help="column of labels"
    )
    command.add_argument(
        "--sensitive",
        required=True,
        action="append",
        metavar="COL",
        help="column of groups, never a feature; give it again for intersections",
    )
    command.add_argument(
        "--favorable",
        metavar="VALUE",
        help="label that is good for the person (default: the last in sorted order)",
    )
    command.add_argument(
        "--time", metavar="COL", help="column of times: checked for order, never a feature"
    )
    command.add_argument(
        "--sort", action="store_true", help="put the rows in order of --time (in memory)"
    )
    first = command.add_mutually_exclusive_group()
    for word, value in (("day", True), ("month", False)):
        first.add_argument(
            f"--{word}-first",
            dest="day_first",
            action="store_const",
            const=value,
            help=f"read times like 03/04/2024 with the {word} first",
        )
    command.add_argument(
        "--id", metavar="COL", help="column that says whose row it is, never a feature"
    )
    command.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COL",
        help="column to leave out, such as an identifier; may be given again",
    )
    command.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COL",
        help="column to keep although it says the same as the target or a group",
    )


def _add_bound(command, default: float | None) -> None:
    """The bound."""
    shown = "" if default is None else " (default: %(default)s, five points)"
    command.add_argument(
        "--bound",
        type=bound,
        default=default,
        metavar="X",
        help=f"largest gap between groups{shown}",
    )


def _add_ratio_bound(command) -> None:
    """The bound of a ratio."""
    command.add_argument(
        "--ratio-bound",
        type=ratio,
        metavar="R",
        help="least ratio of two groups' rates, in place of --bound: 0.8 is the four-fifths "
        "rule",
    )


def _add_report(command) -> None:
    """What a run writes for readers and programs."""
    command.add_argument(
        "--report", metavar="HTML", help="write a report here: one file, nothing else needed"
    )
    command.add_argument(
        "--json", metavar="DIR", help="write every number of the report here, JSON and CSV"
    )


def _add_picture(command, picture: str) -> None:
    """The picture."""
    command.add_argument(
        "--output", default=picture, metavar="PNG", help="picture file (default: %(default)s)"
    )
    command.add_argument("--no-plot", action="store_true", help="draw no picture")


def _add_common(command) -> None:
    """Arguments that all runs have."""
    command.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="random seed (default: %(default)s)"
    )
    command.add_argument(
        "--quiet", action="store_true", help="print nothing but the verdict and errors"
    )

"""Options that would do nothing are refused: who gives one believes that it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ._errors import InputError

NEEDS: tuple[tuple[str, str, Callable[[Any], bool], str], ...] = (
    (
        "exploration",
        "--exploration",
        lambda given: given.labels == "granted",
        "is for --labels granted alone; add that, or leave it out",
    ),
    (
        "without_people",
        "--without-people",
        lambda given: given.model is not None,
        "is for the model that --model OUT saves; add that, or leave it out",
    ),
    (
        "model_format",
        "--model-format",
        lambda given: given.model is not None,
        "is for the model that --model OUT saves; add that, or leave it out",
    ),
    (
        "day_first",
        "--day-first or --month-first",
        lambda given: given.time is not None,
        "says how --time COL is read; add that, or leave it out",
    ),
    (
        "output",
        "--output",
        lambda given: not given.no_plot,
        "names a picture, and --no-plot draws none; leave one of them out",
    ),
)
"""Options by name, as they are written, what must hold for them to be of use, and why."""


def asked_for(parser: argparse.ArgumentParser, argv) -> set[str]:
    """Names of the options that were written, not taken by default; the parser is spent."""
    _forget_defaults(parser)
    return set(vars(parser.parse_args(argv)))


def check_needs(arguments: Any) -> None:
    """Refuse options without what they need."""
    for name, option, holds, why in NEEDS:
        if name in arguments.asked and not holds(arguments):
            raise InputError(f"{option} {why}")


def _forget_defaults(parser: argparse.ArgumentParser) -> None:
    """Let a parser, and those of its commands, set nothing that is not written."""
    for action in parser._actions:
        action.default = argparse.SUPPRESS
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _forget_defaults(command)

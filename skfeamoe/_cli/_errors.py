"""What a user of the command line did wrong, in one line."""

import re
from typing import Any

from skfeamoe._optional import optional

_API_REMEDIES = (
    (r"; pass read_options=\{'encoding'.*$", "; name its encoding with --encoding"),
    (r", or pass (read_options|a generator of DataFrames).*$", ""),
    (r"mend it, or pass --", "pass --"),
    (
        r"""(column ('[^']*'|"[^"]*") held categories such as ['"].* and holds [^'"]* now); """
        "give values of the same type$",
        r"\1; if its numbers are names, pass --categorical \2",
    ),
)


class InputError(Exception):
    """Bad input: told in one line on stderr, exit code 2."""


class OutputError(Exception):
    """Outputs that could not be written: told line by line, exit code 1."""


class Stopped(KeyboardInterrupt):
    """Interrupted by the user, with the line that goes on."""


class ClosedPipeError(Exception):
    """Nobody reads standard output any more: exit code 141."""


def new_console(quiet: bool = False) -> Any:
    """A console that raises `ClosedPipeError`; a quiet one prints nothing."""
    rich = needs("rich.console")

    class Console(rich.Console):  # type: ignore[name-defined]
        def on_broken_pipe(self) -> None:
            self.quiet = True
            raise ClosedPipeError

    return Console(highlight=False, quiet=quiet)


def as_input_error(error: BaseException, hint: str = "") -> InputError:
    """Turn an error of the library into one line with a remedy for the command line."""
    text = " ".join(str(error).split()) or type(error).__name__
    for pattern, remedy in _API_REMEDIES:
        text = re.sub(pattern, remedy, text)
    return InputError(text + hint)


def needs(module: str) -> Any:
    """Import a package of the extra `demo`, or say how to get it."""
    try:
        return optional(module, extra="demo", purpose="this command")
    except ImportError as error:
        raise as_input_error(error) from error

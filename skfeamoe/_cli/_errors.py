"""What a user of the command line did wrong, in one line."""

import re
from typing import Any

_API_REMEDIES = (
    (r"; pass read_options=\{'encoding'.*$", "; save it as UTF-8"),
    (r", or pass (read_options|a generator of DataFrames).*$", ""),
)


class InputError(Exception):
    """Bad input: told in one line on stderr, exit code 2."""


def as_input_error(error: BaseException) -> InputError:
    """Turn an error of the library into one line with a remedy for the command line."""
    text = " ".join(str(error).split()) or type(error).__name__
    for pattern, remedy in _API_REMEDIES:
        text = re.sub(pattern, remedy, text)
    return InputError(text)


def needs(module: str) -> Any:
    """Import a package of the extra `demo`, or say how to get it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(
            f'{package} is not installed; run: pip install "skfeamoe[demo]"'
        ) from error

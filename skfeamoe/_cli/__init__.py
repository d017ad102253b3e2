"""The command line: `demo` and `stream`."""

from ._parser import main

__all__ = ["main"]

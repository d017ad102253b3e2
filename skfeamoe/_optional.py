"""Packages that only parts of this library need, imported where they are used."""

from importlib import import_module
from typing import Any


def optional(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module, or say what needs it and how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{purpose} needs {package}, which is not installed; "
            f'pip install "skfeamoe[{extra}]"'
        ) from error

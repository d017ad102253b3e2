"""Packages that only parts of this library need, imported where they are used."""

from importlib import import_module
from typing import Any


def optional(module: str, *, extra: str | None, purpose: str) -> Any:
    """Import a module, or say what needs it and how to get it, by an extra or by its name."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        wanted = package if extra is None else f'"skfeamoe[{extra}]"'
        raise ImportError(
            f"{purpose} needs {package}, which is not installed; pip install {wanted}"
        ) from error

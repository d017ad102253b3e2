"""The pages of the API reference, written from ``__all__`` so that no public name is missed."""

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import skfeamoe

PAGE = """\
{title}
{line}

.. automodule:: {module}
   :no-members:

.. currentmodule:: {module}
{tables}"""
TABLE = """
.. rubric:: {heading}

.. autosummary::
   :toctree: generated
   :nosignatures:

{names}
"""
INDEX = """\
API reference
=============

Every public name, module by module; each has an example that runs in the tests. What is not
listed here may change without notice.

.. toctree::
   :maxdepth: 2

{names}
"""


def public_modules() -> dict[str, ModuleType]:
    """Modules without a leading underscore that say in ``__all__`` what is public."""
    found = {"skfeamoe": skfeamoe}
    for info in pkgutil.walk_packages(skfeamoe.__path__, "skfeamoe."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            found[info.name] = importlib.import_module(info.name)
    return {name: module for name, module in found.items() if hasattr(module, "__all__")}


def public_names() -> list[str]:
    """Dotted names of everything public."""
    return [
        f"{name}.{member}"
        for name, module in public_modules().items()
        for member in module.__all__
    ]


def write_api_pages(folder: Path) -> None:
    """One page for each public module, and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = public_modules()
    for name, module in modules.items():
        write(folder / f"{name}.rst", module_page(name, module))
    names = "\n".join(f"   {name}" for name in modules)
    write(folder / "index.rst", INDEX.format(names=names))


def module_page(name: str, module: ModuleType) -> str:
    """Tables of the classes, functions and constants of one module."""
    members = {member: getattr(module, member) for member in sorted(module.__all__)}
    classes = [member for member, what in members.items() if inspect.isclass(what)]
    functions = [member for member, what in members.items() if inspect.isroutine(what)]
    others = sorted(members.keys() - {*classes, *functions})
    tables = "".join(
        TABLE.format(heading=heading, names="\n".join(f"   {member}" for member in listed))
        for heading, listed in (
            ("Classes", classes),
            ("Functions", functions),
            ("Constants", others),
        )
        if listed
    )
    return PAGE.format(title=name, line="=" * len(name), module=name, tables=tables)


def write(path: Path, text: str) -> None:
    """Write only what has changed, so that a second build is quick."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")

"""Every public name is on a page of the API reference, and shows how it is used."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import skfeamoe

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from _ext.api_pages import public_modules, public_names, write_api_pages

sys.path.pop(0)

# a warning to filter, and results that a function returns and shows in its own example
WITHOUT_EXAMPLE = {
    "skfeamoe.FairnessWarning",
    "skfeamoe.inspection.GapExplanation",
    "skfeamoe.inspection.RecourseResult",
}


def resolve(name):
    """The object of a dotted name."""
    module, _, member = name.rpartition(".")
    return getattr(importlib.import_module(module), member)


def test_no_public_module_forgets_to_say_what_is_public():
    modules = [info.name for info in pkgutil.iter_modules(skfeamoe.__path__)]
    public = {f"skfeamoe.{name}" for name in modules if not name.startswith("_")}
    assert public - public_modules().keys() == {"skfeamoe.compat", "skfeamoe.exceptions"}


def test_api_pages_list_every_public_name(tmp_path):
    write_api_pages(tmp_path)
    listed = set()
    for page in tmp_path.glob("skfeamoe*.rst"):
        listed |= {
            f"{page.stem}.{name}" for name in re.findall(r"^   (\w+)$", page.read_text(), re.M)
        }
    assert listed == set(public_names())


@pytest.mark.parametrize("name", [name for name in public_names() if callable(resolve(name))])
def test_public_names_have_an_example(name):
    docstring = inspect.getdoc(resolve(name))
    assert docstring
    assert (">>>" in docstring) == (name not in WITHOUT_EXAMPLE)

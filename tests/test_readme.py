"""The README keeps its word: its two commands, its code, its files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, flags=re.M | re.S)


@pytest.mark.parametrize(
    "command",
    [
        'pip install -e ".[demo]" && python -m skfeamoe demo',
        'pip install -e ".[test]" && pytest -n auto',
    ],
)
def test_commands_stand_in_blocks_of_their_own(command):
    assert [code.strip() for kind, code in BLOCKS if kind == "bash"].count(command) == 1


def test_python_blocks_run_one_after_the_other(capsys):
    names: dict = {}
    for code in (code for kind, code in BLOCKS if kind == "python"):
        exec(compile(code, "README.md", "exec"), names)
    assert float(capsys.readouterr().out) < 0.08
    assert names["model"].score(names["X"][6_000:], names["y"][6_000:]) > 0.8


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []

"""Modules stay short enough to live in, or say why not."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "sizes.py"


@pytest.fixture
def sizes():
    spec = importlib.util.spec_from_file_location("sizes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_module_is_too_long_without_a_reason(sizes, capsys):
    assert sizes.too_long(ROOT / "skfeamoe") == []
    assert sizes.main() == 0
    assert "lines in" in capsys.readouterr().out


def test_a_long_module_is_seen(sizes, tmp_path):
    package = tmp_path / "skfeamoe"
    package.mkdir()
    body = "x = 1\n" * 400
    (package / "fine.py").write_text('"""Over 400 lines,\nbecause it is long."""\n' + body)
    (package / "short.py").write_text('"""Over 400 lines, because it was long."""\n')
    (package / "long.py").write_text('"""Many."""\n' + body)
    (package / "_feamoe.py").write_text(f'"""{sizes.REASON}of x."""\n' + 2 * body)
    assert [line.split(":")[0] for line in sizes.too_long(package)] == [
        "skfeamoe/_feamoe.py",
        "skfeamoe/long.py",
        "skfeamoe/short.py",
    ]

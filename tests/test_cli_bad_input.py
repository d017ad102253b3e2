"""Bad input of every kind: one line, the right exit code, nothing of the user's touched."""

import pytest
from cli_bad_input import CASES, PAGE, good, page_with, table

from skfeamoe._cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own, with a file that is no checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "thesis").write_text("my thesis")
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])
def test_bad_input_is_told_in_one_line(case, folder, capsys):
    content = good().to_csv(index=False).encode() if case.make is None else case.make()
    (folder / case.name).write_bytes(content)
    code = main(case.command.replace("{}", case.name).split())
    err = capsys.readouterr().err.splitlines()
    assert code == case.code
    assert len(err) == 1, err
    assert err[0].startswith("skfeamoe: error: ")
    assert case.answer in err[0]
    assert "read_options" not in err[0]
    assert (folder / case.name).read_bytes() == content
    assert {path.name for path in folder.iterdir()} == {case.name, "thesis"}


def test_the_page_has_the_table_of_these_cases():
    assert len(CASES) >= 70
    assert len({case.kind for case in CASES}) == len(CASES)
    assert PAGE.read_text(encoding="utf-8") == page_with(table())

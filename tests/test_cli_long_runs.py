"""`--checkpoint` under kill -9, and `--report`, as a user starts them."""

import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from skfeamoe.__main__ import main
from skfeamoe._cli._checkpoint import Checkpoint
from skfeamoe._cli._errors import InputError
from skfeamoe.datasets import make_credit_stream
from skfeamoe.persistence import load

pytest.importorskip("jinja2", reason="needs jinja2, of the extra `demo`")

ROWS = 8_000
OPTIONS = ("--target", "repaid", "--sensitive", "group", "--time", "applied_on", "--no-plot")


@pytest.fixture
def loans(tmp_path, monkeypatch):
    """A table with missing labels, groups and values, in a folder of its own."""
    frame = make_credit_stream(ROWS, random_state=0).frame
    rng = np.random.default_rng(0)
    frame["region"] = rng.choice(["north", "south"], ROWS)
    for column in ("region", "group", "repaid"):
        frame[column] = frame[column].astype(object)
        frame.loc[rng.random(ROWS) < 0.03, column] = None
    frame.to_csv(tmp_path / "loans.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return frame


def start(*options):
    """A process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "skfeamoe", "stream", "loans.csv", *OPTIONS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after_a_save(path, wait, *options):
    """Kill a run with SIGKILL some time after it has saved; whether it still ran."""
    before = path.stat().st_mtime_ns if path.exists() else None
    process = start(*options)
    while process.poll() is None:
        if path.exists() and path.stat().st_mtime_ns != before:
            time.sleep(wait)
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_killed_runs_go_on_as_if_unbroken(loans, tmp_path):
    out, err = start("--model", "whole.skops").communicate()
    assert err == ""
    checkpoint = tmp_path / "state"
    options = ("--checkpoint", "state", "--model", "broken.skops")
    killed = [kill_after_a_save(checkpoint, wait, *options) for wait in (0.0, 0.05)]
    assert any(killed)
    assert checkpoint.exists()
    again, err = start(*options).communicate()
    assert err == ""
    assert "goes on from state after" in again
    tables = [text.partition("Over ")[2].partition("Model,")[0] for text in (again, out)]
    assert tables[0] == tables[1]
    assert "its bound: demographic-parity gap" in tables[0]
    assert [line for line in again.splitlines() if "missing" in line] == [
        line for line in out.splitlines() if "missing" in line
    ]
    whole, broken = (load(tmp_path / f"{name}.skops") for name in ("whole", "broken"))
    assert broken[-1].n_samples_seen_ == whole[-1].n_samples_seen_ == loans["repaid"].count()
    raw = loans.drop(columns=["repaid", "group", "applied_on"])
    np.testing.assert_array_equal(broken.predict_proba(raw), whole.predict_proba(raw))
    assert not checkpoint.exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_torn_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    from skfeamoe.streaming import _files

    path = tmp_path / "state"
    _files.write_bytes(path, b"old")

    def torn(*args):
        raise OSError("disk full")

    monkeypatch.setattr(_files.os, "fsync", torn)
    with pytest.raises(OSError, match="disk full"):
        _files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "nothing saved"])
def test_what_a_killed_write_left_is_cleared_by_the_next_run(tmp_path, saved):
    source, path = tmp_path / "loans.csv", tmp_path / "state[1]"
    source.write_text("a,b\n1,2\n")
    left, *others = (
        tmp_path / name
        for name in (".state[1].k3x.part", ".state1.k3x.part", ".other.k3x.part")
    )
    for file in (left, *others):
        file.write_bytes(b"rows of people")
    if saved:
        Checkpoint(str(path), str(source), {"bound": 0.1}).save({"row": 7})
        with pytest.raises(InputError, match="another bound"):
            Checkpoint(str(path), str(source), {"bound": 0.2}).load()
        assert left.exists()
    state = Checkpoint(str(path), str(source), {"bound": 0.1}).load()
    assert state == ({"row": 7} if saved else None)
    assert not left.exists()
    assert all(other.exists() for other in others)


def test_checkpoints_of_other_runs_files_and_kinds_are_refused(loans, tmp_path, capsys):
    checkpoint = tmp_path / "state"
    assert kill_after_a_save(checkpoint, 0.0, "--checkpoint", "state")
    command = ["stream", "loans.csv", *OPTIONS, "--checkpoint", "state"]
    content = checkpoint.read_bytes()
    for change, message in (
        (["--bound", "0.1"], "is of a run with another bound"),
        (["--seed", "3", "--batch", "7"], "is of a run with another batch, seed"),
    ):
        assert main([*command, *change]) == 2
        assert message in capsys.readouterr().err
    loans.iloc[:-1].to_csv(tmp_path / "loans.csv", index=False)
    assert main(command) == 2
    assert "is of a run with another file" in capsys.readouterr().err
    assert checkpoint.read_bytes() == content
    checkpoint.write_bytes(content[:-1000])
    assert main(command) == 2
    assert "cannot be read: it is damaged" in capsys.readouterr().err
    checkpoint.write_text("my thesis")
    assert main(command) == 2
    assert "is no checkpoint; name another file" in capsys.readouterr().err
    assert checkpoint.read_text() == "my thesis"


def test_report_of_a_file(loans, tmp_path, capsys):
    loans = loans.head(3_000)
    loans.to_csv(tmp_path / "loans.csv", index=False)
    assert main(["stream", "loans.csv", *OPTIONS, "--report", "out.html"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Report: out.html" in out
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "loans.csv: decisions on repaid" in text
    assert "Features behind the gap" in text
    assert "values missing" in text
    assert f"{loans['repaid'].count():,} rows" in text
    assert text.count("<img ") == 7
    assert '<th scope="row">region</th>' in text  # one feature, however it is encoded
    assert "region_north" not in text


def test_bad_places_for_files_are_told_before_the_work(loans, capsys):
    for option in ("--report", "--checkpoint"):
        assert main(["stream", "loans.csv", *OPTIONS, option, "no/where"]) == 2
        assert (
            f"{option} 'no/where' is in a folder that does not exist" in capsys.readouterr().err
        )


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint of a run without data, whole."""
    saved = Checkpoint(str(tmp_path / "state"), __file__, {"seed": 0})
    saved.save({"rows": list(range(3000))})
    return saved


@pytest.mark.parametrize(
    "n_flips", [300, pytest.param(3000, marks=pytest.mark.slow)], ids=["some", "thousands"]
)
def test_no_bit_of_a_checkpoint_can_flip_unnoticed(checkpoint, n_flips):
    whole = checkpoint.path.read_bytes()
    bits = np.random.default_rng(0).choice(8 * len(whole), n_flips, replace=False)
    for bit in [*range(8 * 100), *bits]:
        content = bytearray(whole)
        content[bit // 8] ^= 1 << (bit % 8)
        checkpoint.path.write_bytes(content)
        with pytest.raises(InputError, match=r"is damaged|has format|is no checkpoint"):
            checkpoint.load()
    checkpoint.path.write_bytes(whole)
    assert checkpoint.load() == {"rows": list(range(3000))}


def test_a_checkpoint_cut_anywhere_is_refused(checkpoint):
    whole = checkpoint.path.read_bytes()
    for cut in [*range(120), *range(120, len(whole), 97), len(whole) - 1]:
        checkpoint.path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"is damaged|has format|is no checkpoint"):
            checkpoint.load()


def test_checkpoints_are_their_owners_alone(checkpoint):
    assert checkpoint.path.stat().st_mode & 0o777 == 0o600
    checkpoint.path.chmod(0o620)
    with pytest.raises(InputError, match="could have been written by others"):
        checkpoint.load()
    checkpoint.path.chmod(0o640)
    assert checkpoint.load()


def test_a_checkpoint_of_the_first_format_is_refused_by_name(checkpoint):
    checkpoint.path.write_bytes(b"skfeamoe checkpoint 1\n" + pickle.dumps({"run": {}}))
    with pytest.raises(InputError, match="has format 1, and this version reads format 2; del"):
        checkpoint.load()


def test_a_hostile_checkpoint_with_a_broken_seal_is_never_unpickled(checkpoint, tmp_path):
    hostile = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    for file in (hostile, b"skfeamoe checkpoint 1\n" + hostile, b"skfeamoe checkpoint 2 x\n"):
        checkpoint.path.write_bytes(file)
        with pytest.raises(InputError):
            checkpoint.load()
    assert not (tmp_path / "ran").exists()

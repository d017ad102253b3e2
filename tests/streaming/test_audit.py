"""The audit log: what happened is in it, damage is known, a crash costs a line at most."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier

from skfeamoe import FEAMOEClassifier
from skfeamoe.__main__ import main
from skfeamoe.datasets import make_credit_stream
from skfeamoe.streaming import AuditLog, _audit_file, prequential, read_audit

pytest.importorskip("river", reason="river is an extra")

DATA = make_credit_stream(9_000, drift="sudden", random_state=0)
PARTS = DATA.data, DATA.target, DATA.sensitive_features


def batches(stop=9_000, start=0, rows=100):
    for first in range(start, stop, rows):
        yield tuple(part[first : first + rows] for part in PARTS)


def model(**parameters):
    return FEAMOEClassifier(growth="drift", random_state=0, **parameters)


def test_the_log_has_what_the_model_says_of_itself(tmp_path):
    learner, log = model(), None
    log = AuditLog(tmp_path / "log", {"loans": learner})
    prequential(learner, batches(), classes=[0, 1], callback=log, evaluate_every=100)
    table = read_audit(tmp_path / "log")
    alarms = table[table["event"] == "alarm"]
    assert len(alarms)
    assert alarms["rows"].tolist() == learner.history_["alarm_n_samples_seen"].tolist()
    assert alarms["cause"].tolist() == learner.history_["alarm_cause"].tolist()
    growth = table[table["event"] == "growth"]
    assert growth["n_added"].sum() == learner._model.clock.n_added
    assert growth["n_experts"].iloc[-1] == learner.n_experts_
    bounds = table[table["event"] == "bound"]
    (last,) = learner.group_gap_details_
    assert bounds["verdict"].iloc[-1] == last["verdict"]
    assert (bounds["verdict"] != bounds["verdict"].shift()).all()
    assert set(table["model"]) == {"loans"}
    assert table["event"].iloc[0] == "began"
    assert table["rows"].iloc[0] == 0
    assert "'drift'" in table["parameters"].iloc[0]["growth"]
    assert not table["superseded"].any()
    assert log.look() == 0


def test_a_log_that_goes_on_tells_of_verdicts_that_have_changed_alone(tmp_path):
    def looked(name, breaks):
        learner = FEAMOEClassifier(random_state=0)
        log = AuditLog(tmp_path / name, {"loans": learner})
        for number, (X, y, group) in enumerate(batches(6_000)):
            if number in breaks:
                learner = pickle.loads(pickle.dumps(learner))
                log = AuditLog(tmp_path / name, {"loans": learner})
            learner.partial_fit(X, y, [0, 1], sensitive_features=group)
            log.look()
        table = read_audit(tmp_path / name)
        return table.loc[table["event"] == "bound", ["rows", "verdict"]].to_numpy().tolist()

    unbroken = looked("unbroken", ())
    assert unbroken
    assert looked("broken", range(5, 60, 6)) == unbroken


def test_warnings_and_words_of_the_users_own(tmp_path):
    learner = model()
    log = AuditLog(tmp_path / "log", learner)
    log.record("approved", by="the board", until=np.float64("nan"))
    with pytest.warns(Warning, match="inactive"), log:
        learner.partial_fit(PARTS[0][:2000], PARTS[1][:2000], [0, 1])
    table = read_audit(tmp_path / "log").set_index("event")
    assert "inactive" in table.loc["warning", "text"]
    assert table.loc["warning", "category"] == "FairnessWarning"
    assert table.loc["approved", "by"] == "the board"
    assert table.loc["approved"].isna()["until"]
    shown = warnings.showwarning
    assert shown.__module__ != "skfeamoe.streaming._audit"


def test_as_a_callback_of_fit(tmp_path):
    learner = FEAMOEClassifier(max_iter=2, random_state=0)
    learner.set_callbacks(AuditLog(tmp_path / "log"))
    learner.fit(*(part[:4000] for part in PARTS[:2]), sensitive_features=PARTS[2][:4000])
    table = read_audit(tmp_path / "log")
    assert table["event"].iloc[0] == "fit began"
    growth = table[table["event"] == "growth"]
    assert growth["n_experts"].iloc[-1] == learner.n_experts_


@pytest.fixture
def log(tmp_path):
    log = AuditLog(tmp_path / "log")
    for k in range(5):
        log.record("event", k=k, text=f"é {k}\n")
    return log


def test_what_is_written_is_read(log):
    table = read_audit(log.path)
    assert table["k"].tolist() == list(range(5))
    assert table["n"].tolist() == [1, 2, 3, 4, 5]
    assert table["text"].tolist() == [f"é {k}\n" for k in range(5)]
    assert table["time"].is_monotonic_increasing
    assert str(table["time"].dt.tz) == "UTC"
    assert log.path.stat().st_mode & 0o777 == 0o600
    last = json.loads(log.path.read_text().splitlines()[-1])
    assert last["digest"] == log.last_digest_


def test_every_change_is_noticed(log):
    whole = log.path.read_bytes()
    rng = np.random.default_rng(0)
    for bit in rng.choice(8 * (len(whole) - 1), 400, replace=False):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << (bit % 8)
        log.path.write_bytes(content)
        with pytest.raises(ValueError, match="is not what was written"):
            read_audit(log.path)
    lines = whole.splitlines(keepends=True)
    for changed in (lines[1:], [*lines[:2], *lines[3:]], [lines[1], lines[0], *lines[2:]]):
        log.path.write_bytes(b"".join(changed))
        with pytest.raises(ValueError, match=r"line [123] of .* is not what was written"):
            read_audit(log.path)
        assert len(read_audit(log.path, verify=False)) >= 4


@pytest.mark.parametrize("cut", [1, 2, 30, 64])
def test_a_cut_last_line_costs_itself_alone(log, cut):
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-cut])
    assert read_audit(log.path)["k"].tolist() == ([0, 1, 2, 3] if cut > 1 else list(range(5)))
    again = AuditLog(log.path)
    again.record("event", k=9)
    table = read_audit(log.path)
    assert table["k"].dropna().tolist()[-1] == 9
    assert table["event"].tolist().count("cut") == 1
    assert log.path.read_bytes().startswith(whole[:-cut])  # nothing is taken away


def test_files_that_are_no_logs_are_refused(tmp_path):
    (tmp_path / "thesis").write_text("my thesis")
    with pytest.raises(ValueError, match="exists and is no audit log"):
        AuditLog(tmp_path / "thesis")
    assert (tmp_path / "thesis").read_text() == "my thesis"


# several writers


def test_two_logs_on_one_file_are_one_chain(log):
    other = AuditLog(log.path)
    for k in range(5, 11):
        (log, other)[k % 2].record("event", k=k)
    table = read_audit(log.path)
    assert table["k"].tolist() == list(range(11))
    assert table["n"].tolist() == list(range(1, 12))


WRITER = """
import sys
from skfeamoe.streaming import AuditLog
log = AuditLog(sys.argv[1])
for k in range(60):
    log.record("event", who=sys.argv[2], k=k)
"""


def test_writers_at_the_same_moment_take_turns(log):
    """In two processes, and in two threads with one log."""
    pytest.importorskip("fcntl", reason="locks of POSIX")
    command = [sys.executable, "-c", WRITER, str(log.path)]
    runs = [subprocess.Popen([*command, who]) for who in "ab"]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda k: log.record("event", who="c", k=k), range(60)))
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    table = read_audit(log.path)
    assert table["who"].value_counts().to_dict() == {"a": 60, "b": 60, "c": 60}
    assert table["n"].tolist() == list(range(1, 186))


def test_without_locks_writers_in_turn_are_one_chain(log, monkeypatch):
    monkeypatch.setattr(_audit_file, "fcntl", None)
    other = AuditLog(log.path)
    for writer in (other, log, other):
        writer.record("event")
    assert len(read_audit(log.path)) == 8


@pytest.mark.parametrize("change", ["shorter", "other", "longer", "gone"])
def test_what_is_changed_behind_a_writer_is_not_made_good(log, change):
    """It goes on from its own last record, whatever the file pretends."""
    lines = log.path.read_bytes().splitlines(keepends=True)
    content = {
        "shorter": lines[:-1],
        "other": [*lines[:-1], lines[-1].replace(b'"k": 4', b'"k": 5')],
        "longer": [*lines[:-1], lines[-1].replace(b'"k": 4', b'"k": 44'), b"thesis\n"],
        "gone": [],
    }[change]
    log.path.write_bytes(b"".join(content))
    log.record("event", k=9)
    with pytest.raises(ValueError, match="is not what was written"):
        read_audit(log.path)


def test_a_line_that_another_writer_was_killed_in_is_told(log):
    with log.path.open("ab") as file:
        file.write(b'{"n": 6, "time": "20')
    log.record("event", k=9)
    assert read_audit(log.path)["event"].tolist()[-2:] == ["cut", "event"]


@pytest.mark.parametrize("name", ["n", "time", "digest"])
def test_names_of_the_record_itself_are_refused(log, name):
    before = log.path.read_bytes()
    with pytest.raises(ValueError, match=f"fields cannot be named '{name}'"):
        log.record("event", **{name: "foo"})
    assert log.path.read_bytes() == before
    AuditLog(log.path).record("event")
    assert len(read_audit(log.path)) == 6


FULL = """
import resource, signal, sys
from skfeamoe.streaming import AuditLog
log = AuditLog(sys.argv[1])
size = log.path.stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
try:
    log.record("event", k=5, text="x" * 300)
except OSError as error:
    print("refused", error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
log.record("event", k=6)
"""


def test_a_full_disk_is_an_error_and_not_the_end(log):
    pytest.importorskip("resource", reason="limits of POSIX")
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(log.path)], capture_output=True, text=True
    )
    assert run.stdout.startswith("refused"), run.stderr
    table = read_audit(log.path)
    assert table["k"].dropna().tolist() == [0, 1, 2, 3, 4, 6]
    assert table["event"].tolist()[5:] == ["cut", "event"]


# -------------------------------------------------------------------- the command line

OPTIONS = ("--target", "repaid", "--sensitive", "group", "--time", "applied_on", "--no-plot",
           "--batch", "250")  # fmt: skip


@pytest.fixture
def loans(tmp_path, monkeypatch):
    DATA.frame.to_csv(tmp_path / "loans.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_audit_of_a_run(loans, capsys):
    command = ["stream", "loans.csv", *OPTIONS, "--audit", "log", "--model-only", "--quiet"]
    assert main(command) == 0
    table = read_audit("log")
    assert {"began", "growth", "alarm"} <= set(table["event"])
    assert set(table["model"].dropna()) == {"FEAMOE"}
    assert main(command) == 0
    assert len(read_audit("log")) == 2 * len(table)  # appended to, never replaced
    Path("log").write_text("my thesis")
    capsys.readouterr()
    assert main(command) == 2
    assert "exists and is no audit log" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["watch", "look"])
def test_a_log_that_cannot_be_written_is_told_and_the_run_goes_on(
    loans, capsys, monkeypatch, method
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AuditLog, method, full)
    command = ["stream", "loans.csv", *OPTIONS, "--audit", "log", "--model", "m.skops"]
    assert main([*command, "--model-only", "--quiet"]) not in (0, 2)
    told = capsys.readouterr().err
    assert told.count("--audit 'log' cannot be written: No space left on device") == 1
    assert Path("m.skops").exists()


def test_a_log_that_cannot_be_read_is_refused_before_the_work(loans, capsys, monkeypatch):
    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("skfeamoe.streaming._audit.last_record", broken)
    command = ["stream", "loans.csv", *OPTIONS, "--audit", "log", "--model-only", "--quiet"]
    assert main(command) == 2
    assert "--audit 'log' cannot be read: Input/output error" in capsys.readouterr().err


def run_killed(folder, wait):
    """Start or go on with a run and kill it after some time; whether it came to its end."""
    command = [sys.executable, "-m", "skfeamoe", "stream", "loans.csv", *OPTIONS, "--quiet"]
    options = ["--checkpoint", "state", "--audit", "log", "--model", "m.skops", "--model-only"]
    process = subprocess.Popen(
        [*command, *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        code = process.wait(wait)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    assert code == 0, process.stderr.read()
    process.stderr.close()
    return True


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_random_moments_nothing_is_lost(loans):
    """Runs of `FAULTS` kills in all (25 by default), each at a moment of its own."""
    n_kills, rng = int(os.environ.get("FAULTS", "25")), np.random.default_rng(0)
    assert run_killed(loans, 300)
    whole, expected = Path("m.skops").read_bytes(), read_audit("log")
    begin = time.perf_counter()
    Path("log").unlink()
    assert run_killed(loans, 300)
    takes = time.perf_counter() - begin
    killed = 0
    while killed < n_kills:
        for name in ("log", "m.skops", "state"):
            Path(name).unlink(missing_ok=True)
        while killed < n_kills and not run_killed(loans, rng.uniform(0.2, 1.0) * takes):
            killed += 1
            if Path("log").exists():
                read_audit("log")
            if Path("m.skops").exists():  # killed after its work was done
                break
        if not Path("m.skops").exists():
            assert run_killed(loans, 300)
            assert not Path("state").exists()
        check_goes_on_as_unbroken(whole, expected)


def check_goes_on_as_unbroken(whole, expected):
    """The model and the log of broken runs are those of one unbroken run."""
    from skfeamoe.persistence import load

    found = load("m.skops")
    Path("whole.skops").write_bytes(whole)
    frame = DATA.frame
    np.testing.assert_array_equal(
        found.predict_proba(frame), load("whole.skops").predict_proba(frame)
    )
    table = read_audit("log")
    events = ["alarm", "growth"]
    for each in events:
        rows = table.loc[(table["event"] == each) & ~table["superseded"], "rows"]
        assert rows.tolist() == expected.loc[expected["event"] == each, "rows"].tolist()


def test_models_of_other_kinds_are_watched_and_nothing_is_known_of_them(tmp_path):
    other = SGDClassifier(loss="log_loss", random_state=0)
    learner = model()
    with AuditLog(tmp_path / "log", {"other": other, "loans": learner}) as log:
        prequential(
            {"other": other, "loans": learner}, batches(5_000), classes=[0, 1], callback=log
        )
    table = read_audit(tmp_path / "log")
    assert table[table["model"] == "other"]["event"].tolist() == ["began"]
    assert (table["event"] == "growth").any()


def test_numbers_lists_and_odd_values_are_written_as_json_has_them(tmp_path):
    with AuditLog(tmp_path / "log") as log:
        log.record(
            "note",
            numbers=np.array([[1.0, np.nan], [2.0, np.inf]]),
            pair=(np.int64(3), "x"),
            truth=np.bool_(True),
            odd=Path("a"),
        )
    (line,) = (tmp_path / "log").read_text().splitlines()
    found = json.loads(line)
    assert found["numbers"] == [[1.0, None], [2.0, None]]
    assert found["pair"] == [3, "x"]
    assert found["truth"] is True
    assert found["odd"] == "a"


def test_a_last_record_longer_than_what_is_read_of_the_end_is_found(tmp_path):
    path = tmp_path / "log"
    with AuditLog(path) as log:
        log.record("note", text="short")
        log.record("note", text="x" * (2 * _audit_file.TAIL_BYTES))
        last = log.last_digest_
    again = AuditLog(path)
    assert again.last_digest_ == last
    again.record("note", text="after")
    assert read_audit(path)["n"].tolist() == [1, 2, 3]


def test_a_log_that_was_cut_in_its_first_record_begins_anew(tmp_path):
    path = tmp_path / "log"
    with AuditLog(path) as log:
        log.record("note", text="first")
    path.write_bytes(path.read_bytes()[:20])
    with AuditLog(path) as log:
        log.record("note", text="second")
    table = read_audit(path)
    assert "second" in table["text"].tolist()
    assert "first" not in table["text"].tolist()

"""Nothing of the user's is overwritten or half-written; pipes, interrupts and reading."""

import contextlib
import errno
import io
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cli_bad_input import good, in_folder_with_loans

from skfeamoe import FEAMOEClassifier
from skfeamoe._cli import _outputs, main
from skfeamoe._cli._run import window_rows
from skfeamoe._cli._source import guessed_encoding, guessed_separator
from skfeamoe.persistence import load
from skfeamoe.streaming import _files, _report

OPTIONS = ("--target", "repaid", "--sensitive", "group")
STREAM = (*OPTIONS, "--batch", "40")  # a default batch is of four rows here


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a good file."""
    return in_folder_with_loans(tmp_path, monkeypatch)


def run(capsys, *arguments):
    """Exit code, stdout and stderr."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What a run on the good file without more options prints, and the model it saves."""
    place = tmp_path_factory.mktemp("plain")
    good().to_csv(place / "loans.csv", index=False)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.chdir(place)
        patch.setenv("COLUMNS", "200")
        assert main(["stream", "loans.csv", *STREAM, "--no-plot", "--model", "m"]) == 0
    return out.getvalue(), place / "m"


@pytest.fixture
def undrawn(monkeypatch):
    """Reports with empty pictures: to draw them takes ten times as long as a run."""

    def empty(name, figure, axes):
        return {name: "data:,", f"{name}_dark": "data:,"}

    monkeypatch.setattr("skfeamoe.streaming._report_pictures._both", empty)


def test_links_to_the_input_are_the_input(folder, capsys):
    content = (folder / "loans.csv").read_bytes()
    (folder / "soft.html").symlink_to("loans.csv")
    os.link(folder / "loans.csv", folder / "hard.html")
    for name in ("soft.html", "hard.html", "./loans.csv"):
        code, _, err = run(
            capsys, "stream", "loans.csv", *STREAM, "--no-plot", "--report", name
        )
        assert code == 2
        assert "is the same file as the input" in err
    assert (folder / "loans.csv").read_bytes() == content


def test_numbers_stand_beside_other_files_and_replace_their_own(folder, capsys, undrawn):
    (folder / "out").mkdir()
    options = ("--no-plot", "--model-only", "--json", "out", "--report", "out/r.html")
    for _ in range(2):
        assert run(capsys, "stream", "loans.csv", *STREAM, *options)[0] == 0
    written = {path.name for path in (folder / "out").iterdir()}
    assert written - {"r.html"} <= set(_report.NUMBERS)
    assert written >= {"r.html", "report.json", "summary.csv", "importance.csv"}
    (folder / "out" / "alarms.csv").unlink()
    os.link(folder / "loans.csv", folder / "out" / "alarms.csv")
    code, _, err = run(capsys, "stream", "loans.csv", *STREAM, *options)
    assert code == 2
    assert "--json 'out' gets 'out/alarms.csv', which is the same file as the input" in err


EARLIER = ("", "{}", "[]", '[{"tables": 1}]')


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, text) for name in ("report.json", "compare.json") for text in EARLIER),
        ("summary.csv", ""),
        ("summary.csv", '{"tables": ["alarms.csv"]}'),
        ("compare.csv", ""),
    ],
)
def test_numbers_never_replace_files_of_the_users_own(folder, capsys, name, content):
    mine = folder / "mine"
    mine.mkdir()
    (mine / "report.json" if content else mine / name).write_text(content)
    (mine / name).write_text(content or "my own table")
    before = {path.name: path.read_text() for path in mine.iterdir()}
    command, own = "monitor", ("--decision", "repaid", "--sensitive", "group")
    if name.startswith("compare"):
        command, own = "compare", OPTIONS
    code, out, err = run(capsys, command, "loans.csv", *own, "--no-plot", "--json", "mine")
    assert (code, out) == (2, "")
    assert "--json 'mine' gets 'mine/" in err
    assert "nothing of yours is overwritten" in err
    assert {path.name: path.read_text() for path in mine.iterdir()} == before


def test_tables_of_an_earlier_run_do_not_stay_beside_the_new_numbers(folder, capsys):
    (folder / "out").mkdir()
    (folder / "out" / "mine.csv").write_text("my own table")
    stream = ("stream", "loans.csv", *STREAM, "--model-only")
    monitor = ("monitor", "loans.csv", "--decision", "repaid", "--sensitive", "group")
    for command in (stream, monitor):
        assert run(capsys, *command, "--no-plot", "--json", "out")[0] == 0
        written = {path.name for path in (folder / "out").iterdir()}
        listed = json.loads((folder / "out" / "report.json").read_text())["tables"]
        assert ("importance.csv" in listed) == (command is stream)
        assert written == {"report.json", "mine.csv", *listed}


def test_files_of_a_folder_are_the_input(folder, capsys):
    (folder / "parts").mkdir()
    good().to_parquet(folder / "parts" / "1.parquet")
    for option in ("--report", "--model", "--checkpoint"):
        command = ("stream", "parts", *STREAM, "--no-plot", option, "parts/1.parquet")
        code, _, err = run(capsys, *command)
        assert code == 2
        assert "is the same file as the input" in err
    assert len(pd.read_parquet("parts")) == 400


@pytest.mark.parametrize("option", ["--model", "--checkpoint", "--audit", "--report", "--json"])
def test_a_read_only_folder_is_told_and_nothing_in_it_changes(folder, capsys, option):
    (folder / "kept").mkdir()
    (folder / "kept" / "before").write_text("of somebody")
    (folder / "kept").chmod(0o555)
    if os.access(folder / "kept", os.W_OK):
        pytest.skip("who runs this may write anywhere (setpriv --bounding-set=-dac_override)")
    code, _, err = run(
        capsys, "stream", "loans.csv", *STREAM, "--no-plot", option, "kept/out.skops"
    )
    assert code == 2
    assert "kept" in err
    assert "Traceback" not in err
    (folder / "kept").chmod(0o755)
    assert [file.name for file in (folder / "kept").iterdir()] == ["before"]


def test_standard_input_is_an_input_too(folder):
    content = (folder / "loans.csv").read_bytes()
    with (folder / "loans.csv").open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "skfeamoe", "stream", "-", *STREAM, "--model", "loans.csv"],
            stdin=file, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "is the same file as the input" in done.stderr
    assert (folder / "loans.csv").read_bytes() == content


@pytest.mark.usefixtures("undrawn")
def test_a_failing_picture_loses_neither_model_nor_report(folder, capsys, monkeypatch):
    (folder / "p.png").write_bytes(b"old picture")

    def full_disk(figure, path):
        with _files.replaced(path) as part:
            part.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("skfeamoe._cli._stream.save_picture", full_disk)
    code, out, err = run(
        capsys, "stream", "loans.csv", *STREAM, "--output", "p.png", "--model", "m",
        "--report", "r.html", "--json", "numbers",
    )  # fmt: skip
    assert code == 1
    assert err == (
        "skfeamoe: error: --output 'p.png' cannot be written: No space left on device\n"
    )
    assert (folder / "p.png").read_bytes() == b"old picture"
    assert load(folder / "m").predict(good()).shape == (400,)
    assert (folder / "r.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert json.loads((folder / "numbers" / "report.json").read_text())["verdicts"]
    assert not list(folder.glob(".*part"))
    assert "Report: r.html" in out


def test_files_are_replaced_whole_by_the_link_and_with_their_rights(folder):
    target = folder / "target"
    target.write_text("old")
    target.chmod(0o640)
    (folder / "link").symlink_to("target")
    _files.write_bytes(folder / "link", b"new")
    assert (folder / "link").is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640

    def torn():
        with _files.replaced(target) as part:
            part.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        torn()
    assert target.read_bytes() == b"new"
    assert not list(folder.glob(".*part"))


def test_a_file_named_part_of_the_users_is_left_alone(folder, capsys):
    (folder / "m.part").write_text("mine")
    assert main(["stream", "loans.csv", *STREAM, "--no-plot", "--model", "m"]) == 0
    capsys.readouterr()
    assert (folder / "m.part").read_text() == "mine"


def test_outputs_check_the_right_to_write(folder, monkeypatch):
    monkeypatch.setattr(_outputs.os, "access", lambda *args: False)
    with pytest.raises(_outputs.InputError, match="must not be written to"):
        _outputs.Outputs({"--model": "m"}, {})


def test_a_closed_pipe_ends_with_one_line_and_its_code(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "skfeamoe", "stream", "loans.csv", *STREAM, "--no-plot"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert err == "skfeamoe: standard output was closed, so the run was stopped\n"


def test_where_both_outputs_go_into_a_closed_pipe_the_code_is_the_same(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "skfeamoe", "stream", "loans.csv", *STREAM, "--no-plot"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    assert process.wait() == 141


def test_the_help_says_how_long_a_window_is(capsys):
    with pytest.raises(SystemExit):
        main(["monitor", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    said = "(default: a twentieth; of fewer than 20,000 rows 1,000, but a fifth at most)"
    assert f"rows of a window {said}" in text
    rows = (40_000, 20_000, 19_999, 5_000, 400)
    assert [window_rows(n) for n in rows] == [2_000, 1_000, 1_000, 1_000, 80]


def test_help_needs_little_time_and_no_heavy_package():
    code = (
        "import sys, time; from skfeamoe._cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'scipy', 'matplotlib', 'river', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), time.process_time())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded, seconds = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 0.3


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("skfeamoe 0.")


def test_an_interrupted_run_says_how_to_go_on(folder, capsys, monkeypatch):
    from skfeamoe.streaming import PrequentialEvaluator

    update, calls = PrequentialEvaluator.update, []

    def stopped(self, batch):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return update(self, batch)

    monkeypatch.setattr(PrequentialEvaluator, "update", stopped)
    command = ["stream", "loans.csv", *STREAM, "--no-plot", "--checkpoint", "state"]
    code, _, err = run(capsys, *command)
    assert code == 130
    line = "python -m skfeamoe " + " ".join(command)
    assert err == f"skfeamoe: interrupted; go on with: {line}\n"
    monkeypatch.setattr(PrequentialEvaluator, "update", update)
    code, out, _ = run(capsys, *command)
    assert code == 0
    assert "goes on from state after" in out


def test_an_error_of_a_model_is_one_line(folder, capsys, monkeypatch):
    from skfeamoe._cli._models import OnlineLogisticRegression

    def broken(self, X):
        raise AttributeError("no attribute 'classes_'")

    monkeypatch.setattr(OnlineLogisticRegression, "predict", broken)
    code, _, err = run(capsys, "stream", "loans.csv", *STREAM, "--no-plot")
    assert code == 2
    assert err.count("\n") == 1
    assert "AttributeError: no attribute 'classes_'" in err


def test_odd_cells_are_counted_and_do_not_make_a_category(folder, capsys):
    frame = good().astype({"income": object})
    frame.loc[[5, 17, 300], "income"] = "n.a."
    frame.to_csv("odd.csv", index=False)
    code, out, _ = run(capsys, "stream", "odd.csv", *STREAM, "--no-plot")
    assert code == 0
    assert "income: 3 of 400 cells are no number (such as 'n.a.')" in out
    assert "rare values" not in out
    code, out, _ = run(
        capsys, "stream", "odd.csv", *STREAM, "--no-plot", "--categorical", "income"
    )
    assert code == 0
    assert "cells are no number" not in out
    assert "income: tells nothing" in out or "income: rare values" in out


def test_text_far_down_a_column_of_numbers_is_missing_and_told(folder, capsys, monkeypatch):
    """In a later piece than the first, which alone says that the column has numbers."""
    monkeypatch.setattr("skfeamoe.streaming._sources.READ_ROWS", 1_600)
    monkeypatch.setattr("skfeamoe._cli._survey.SURVEY_ROWS", 1_600)
    frame = pd.concat([good()] * 5, ignore_index=True).astype({"income": object})
    frame.loc[1_900, "income"] = "?"
    frame.to_csv("long.csv", index=False)
    large = (*OPTIONS, "--batch", "200")
    code, out, _ = run(capsys, "stream", "long.csv", *large, "--no-plot", "--model-only")
    assert code == 0
    assert "income: 1 of 2,000 cells are no number (such as '?')" in out


def test_decimal_commas_are_read_and_told(folder, capsys):
    tables = []
    for name, options in (
        ("dots.csv", {"sep": ";"}),
        ("commas.csv", {"sep": ";", "decimal": ","}),
        ("commas.tsv", {"sep": "\t", "decimal": ","}),
    ):
        good().to_csv(folder / name, index=False, **options)
        code, out, _ = run(capsys, "stream", name, *STREAM, "--no-plot", "--model-only")
        assert code == 0
        assert ("numbers are written with a decimal comma" in out) == ("commas" in name)
        tables.append(out[out.index("Over ") :])
    assert tables[0] == tables[1] == tables[2]


def test_encoding_and_separator_are_guessed_and_told(folder, capsys):
    frame = good().assign(region="Zürich")
    frame.loc[::2, "region"] = "Basel"
    (folder / "swiss.csv").write_bytes(frame.to_csv(index=False, sep=";").encode("cp1252"))
    code, out, err = run(capsys, "stream", "swiss.csv", *STREAM, "--no-plot")
    assert (code, err) == (0, "")
    assert "not UTF-8: read as cp1252" in out
    assert "columns are separated by ';'" in out


@pytest.mark.parametrize(
    ("header", "line", "found"),
    [
        ("a;b", "1;2", ";"),
        ("a, net;b;c", "1;2;3", ";"),
        ("a, net;b;c", "1,5;2;3", None),  # commas part both lines, too
        ("a;b,c", "1;2,3", None),
        ('"a;b",c', '"1;2",3', None),
        ("a,b,c;d", "1,2", None),
        ("a, net\tb", "1\t2", "\t"),
    ],
)
def test_a_separator_is_guessed_where_commas_do_not_part(header, line, found):
    content = "\n".join([header, *[line] * 30]).encode()
    assert guessed_separator(content, None) == found


def test_columns_that_were_left_out_are_all_in_the_record(folder, capsys, undrawn):
    frame = good().assign(none=np.nan)
    frame["day"] = pd.date_range("2020-01-01", periods=400).strftime("%Y-%m-%d")
    frame.to_csv("more.csv", index=False)
    options = ("--no-plot", "--ignore", "region", "--json", "out")
    stream = ("stream", "more.csv", *STREAM, "--model-only")
    for command in (stream, ("monitor", "more.csv", "--decision", "granted", *OPTIONS)):
        assert run(capsys, *command, *options)[0] == 0
        content = json.loads((folder / "out" / "report.json").read_text())
        assert content["record"]["Columns left out"] == "region, none, day"


def test_options_that_do_something_are_not_refused(folder, capsys):
    more = ("--no-plot", "--model-only", "--quiet", "--labels", "granted")
    more += ("--exploration", "0.1", "--model", "m", "--without-people")
    more += ("--constraint", "burden", "--constraint", "demographic_parity")
    more += ("--bound", "1", "--ratio-bound", "0.8", "--model-format", "skops")
    code, out, err = run(capsys, "stream", "loans.csv", *STREAM, *more)
    assert (code, err) == (0, "")
    assert "bound 1" in out
    assert "bound 0.8" in out


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Zürich".encode(), None),
        ("Zürich".encode("cp1252") + b" more text", "cp1252"),
        ("Zürich".encode("utf-16"), "utf-16"),
        (b"plain", None),
    ],
)
def test_guessed_encodings(content, encoding):
    assert guessed_encoding(content) == encoding


def test_rows_are_sorted_by_time_if_asked(folder, capsys):
    frame = good().sample(frac=1, random_state=0)
    frame["day"] = [f"{1 + i % 28:02d}/{1 + i // 28 % 12:02d}/2024" for i in frame.index]
    frame.drop(columns="year").to_csv("mixed.csv", index=False)
    options = (*STREAM, "--no-plot", "--time", "day", "--day-first")
    _, out, _ = run(capsys, "stream", "mixed.csv", *options)
    assert "NOT in order of day" in out
    code, out, _ = run(capsys, "stream", "mixed.csv", *options, "--sort")
    assert code == 0
    assert "sorted by day" in out
    assert "NOT in order" not in out


def test_standard_input_gives_what_the_file_gives(folder, capsys, monkeypatch, plain):
    class Stdin(io.StringIO):
        buffer = io.BytesIO((folder / "loans.csv").read_bytes())

    monkeypatch.setattr(sys, "stdin", Stdin())
    code, of_pipe, _ = run(capsys, "stream", "-", *STREAM, "--no-plot", "--model", "m")
    assert code == 0
    assert of_pipe.partition("Over ")[2] == plain[0].partition("Over ")[2]


def test_copies_can_be_ignored_or_kept(folder, capsys):
    good().assign(sex=lambda f: f["group"]).to_csv("copy.csv", index=False)
    for option in ("--ignore", "--keep"):
        code, _, err = run(
            capsys, "stream", "copy.csv", *STREAM, "--no-plot", option, "sex", "--model-only"
        )
        assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("target", "values", "warned"),
    [
        ("default", (0, 1), True),
        ("outcome", ("approved", "denied"), True),
        ("two_year_recid", (0, 1), True),
        ("status", ("Current", "Late (31-120 days)"), True),
        ("person_search", ("no", "yes"), True),
        ("subject_injury", ("No", "Yes"), True),
        ("repaid", ("no", "yes"), False),
        ("related", ("no", "yes"), False),  # to "late"
        ("research_grant", ("no", "yes"), False),  # to "search"
    ],
)
def test_a_favorable_label_whose_name_suggests_harm_is_warned_of(
    folder, capsys, target, values, warned
):
    frame = good().rename(columns={"repaid": target})
    frame[target] = frame[target].map({"no": values[0], "yes": values[1]})
    frame.drop(columns="granted").to_csv("harm.csv", index=False)
    options = ("--target", target, "--sensitive", "group", "--no-plot", "--model-only",
               "--batch", "40")  # fmt: skip
    _, out, _ = run(capsys, "stream", "harm.csv", *options)
    assert ("WARNING" in out) == warned
    assert (f"--favorable {values[0]} turns it around" in out) == warned
    _, out, _ = run(capsys, "stream", "harm.csv", *options, "--favorable", values[0])
    assert "WARNING" not in out


def test_saved_models_take_pandas_polars_and_arrow_and_name_columns(plain):
    model, frame = load(plain[1]), good()
    want = model.predict_proba(frame)
    for other in (pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        np.testing.assert_array_equal(model.predict_proba(other), want)
    explanation = model.explain(frame.head(3))
    names = list(explanation.feature_names)
    assert sorted(names) == ["granted", "income", "region", "year"]
    sums = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(sums, want[:3, 1])
    assert explanation.display_data[0, names.index("region")] == frame["region"][0]
    with pytest.raises(TypeError, match="named columns"):
        model.predict(frame.to_numpy())


def test_explain_names_the_option_for_categories_that_look_like_numbers(folder, capsys):
    frame = good()
    frame["area code"] = np.where(np.arange(len(frame)) % 2, 101, 102)
    frame.to_csv("codes.csv", index=False)
    option = ("--categorical", "area code")
    options = (*STREAM, *option, "--no-plot", "--model-only", "--model", "coded", "--quiet")
    assert run(capsys, "stream", "codes.csv", *options)[0] == 0
    command = ("explain", "coded", "codes.csv", "--row", 3)
    code, _, err = run(capsys, *command)
    assert code == 2
    said = r"'area code' held categories .*; if its numbers are names, pass --categorical 'area"
    assert re.search(said, err)
    assert run(capsys, *command, *option)[0] == 0


def test_explain_says_why_a_row_was_refused(capsys, plain):
    model, frame = load(plain[1]), good()
    row = int(np.flatnonzero(model.predict(frame) == "no")[0])
    code, out, err = run(capsys, "explain", plain[1], "loans.csv", "--row", row)
    assert (code, err) == (0, "")
    assert f"row {row}: decided no" in out
    assert "1. " in out
    favorable = int(np.flatnonzero(model.predict(frame) == "yes")[0])
    _, out, _ = run(capsys, "explain", plain[1], "loans.csv", "--row", favorable)
    assert "nothing to justify" in out
    code, _, err = run(capsys, "explain", plain[1], "loans.csv", "--row", 400)
    assert code == 2
    assert "--row 400 is not in 'loans.csv', which has 400 rows" in err


def test_stream_of_the_granted_tells_what_they_show_and_what_is_true(capsys, plain):
    more = ("--no-plot", "--labels", "granted")
    code, out, _ = run(capsys, "stream", "loans.csv", *STREAM, *more, "--exploration", "0.2")
    told = " ".join(out.split())
    assert code == 0
    assert "of the outcomes. On these its accuracy was" in told
    assert "who were granted by lot; on all rows, which only a simulation knows" in told
    _, out, _ = run(capsys, "stream", "loans.csv", *STREAM, *more, "--exploration", "0")
    assert "corrected" not in out
    assert "simulation" not in plain[0]


@pytest.mark.usefixtures("undrawn")
def test_monitor_judges_decisions_with_and_without_truths(folder, capsys):
    options = ("--decision", "granted", "--sensitive", "group", "--no-plot", "--bound", "0.3")
    code, out, _ = run(capsys, "monitor", "loans.csv", *options, "--target", "repaid")
    assert code == 0
    assert "accuracy: 0." in out
    assert "decisions kept its bound" in out or "is not shown to have kept" in out
    code, out, _ = run(capsys, "monitor", "loans.csv", *options, "--ignore", "repaid",
                       "--report", "r.html", "--json", "j")  # fmt: skip
    assert code == 0
    assert "accuracy: " not in out
    text = (folder / "r.html").read_text(encoding="utf-8")
    assert "this report cannot know" in text
    assert "decided first and learned" not in text


def test_compare_shows_the_frontier(folder, capsys):
    code, out, err = run(
        capsys, "compare", "loans.csv", *OPTIONS, "--bounds", "0.05,0.3", "--json", "j",
        "--output", "c.png",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "fairlearn reductions" in out
    assert "No other is better in both" in out
    rows = pd.read_csv("j/compare.csv")
    assert rows["bound"].dropna().unique().tolist() == [0.05, 0.3]
    assert (folder / "c.png").stat().st_size > 10_000


def test_several_constraints_have_bounds_and_verdicts_each(folder, capsys):
    code, out, _ = run(
        capsys, "stream", "loans.csv", *STREAM, "--no-plot", "--model-only", "--bound", "0.2",
        "--constraint", "demographic_parity=0.1", "--constraint", "equal_opportunity",
        "--delay", "20", "--growth", "none", "--metrics", "ks_statistic,brier_score",
    )  # fmt: skip
    assert code == 0
    assert "demographic-parity gap" in out
    assert "bound 0.1" in out
    assert "equal-opportunity gap" in out
    assert "bound 0.2" in out
    assert "KS" in out
    assert "Brier" in out
    assert "online SGD" not in out


@pytest.mark.parametrize("alone", [True, False])
def test_the_static_model_is_told_of_where_there_is_one(folder, capsys, alone):
    more = ("--model-only",) if alone else ()
    options = (*STREAM, "--no-plot", "--json", "j", *more)
    code, out, _ = run(capsys, "stream", "loans.csv", *options)
    assert code == 0
    text = " ".join((out + (folder / "j" / "report.json").read_text()).split())
    assert ("static model" in text) == (not alone)
    assert ("the first 40 rows are learned, and nothing is scored there" in text) == alone


def test_quiet_prints_the_verdict_alone(folder, capsys):
    _, out, err = run(capsys, "stream", "loans.csv", *STREAM, "--no-plot", "--quiet")
    assert err == ""
    assert len(out.splitlines()) == 1
    assert out.startswith("FEAMOE ")


@pytest.mark.usefixtures("undrawn")
def test_the_record_lists_what_was_done(folder, capsys):
    from hashlib import sha256

    begin = time.time()
    run(capsys, "stream", "loans.csv", *STREAM, "--no-plot", "--ignore", "granted",
        "--report", "r.html", "--seed", 7)  # fmt: skip
    text = (folder / "r.html").read_text(encoding="utf-8")
    assert sha256((folder / "loans.csv").read_bytes()).hexdigest() in text
    assert "python -m skfeamoe stream loans.csv" in text
    assert "--seed 7" in text
    assert "granted: left out as asked" in text
    assert "scikit-learn" in text
    assert time.time() - begin < 300


@pytest.mark.usefixtures("undrawn")
def test_page_and_numbers_rest_on_one_explanation(folder, capsys, monkeypatch):
    calls, explain = [], FEAMOEClassifier.explain

    def counted(self, *arguments, **options):
        calls.append(options)
        return explain(self, *arguments, **options)

    monkeypatch.setattr(FEAMOEClassifier, "explain", counted)
    outputs = ("--no-plot", "--model-only", "--report", "r.html", "--json", "numbers")
    code, _, _ = run(capsys, "stream", "loans.csv", *STREAM, *outputs)
    assert (code, len(calls)) == (0, 1)
    assert (folder / "r.html").exists()
    assert (folder / "numbers" / "importance.csv").exists()

"""Parts of the command line by themselves: reading, surveying, files of models, words."""

import io
import shlex
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cli_bad_input import good, in_folder_with_loans
from rich.console import Console
from sklearn.linear_model import LogisticRegression

from skfeamoe import FEAMOEClassifier
from skfeamoe._cli import _audit, _compare, _outputs, _run, _stream, _survey, _verdict, main
from skfeamoe._cli._bounds import bounds_of
from skfeamoe._cli._checkpoint import Checkpoint
from skfeamoe._cli._copies import Copies
from skfeamoe._cli._encoding import Encoding
from skfeamoe._cli._errors import InputError, needs
from skfeamoe._cli._model_files import check_model_file, how_to_load, load_model, save_model
from skfeamoe._cli._models import FEAMOE
from skfeamoe._cli._reasons import print_reasons
from skfeamoe._cli._report import data_hash
from skfeamoe._cli._source import Source, guessed_encoding, has_decimal_commas
from skfeamoe._cli._values import ConstraintNames
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.persistence import save
from skfeamoe.streaming import AuditLog, StreamBatch, monitor, prequential, read_audit


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a good file."""
    return in_folder_with_loans(tmp_path, monkeypatch)


def source(**options):
    """A file as the command line reads it."""
    return Source(SimpleNamespace(**({"file": "loans.csv"} | options)))


def run(capsys, *arguments):
    """Exit code, stdout and stderr, each in one line."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, " ".join(captured.out.split()), " ".join(captured.err.split())


# reading


def test_how_texts_are_read_as_times_is_told_once_and_holes_stay_holes(folder):
    days = ["13/03/2024", None, "14/03/2024", "15/03/2024"]
    good().head(4).assign(day=days).to_csv("days.csv", index=False)
    read = source(file="days.csv", time="day")
    for _ in range(2):
        (found,) = read.frames()
        assert found["day"].dt.day.tolist()[::2] == [13, 14]
        assert found["day"].isna().tolist() == [False, True, False, False]
    assert read.notes == ["day: read with the day first, as '13/03/2024' in row 0 says"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time": None}, "--sort needs --time COL, the column to sort by"),
        ({"time": "year_"}, r"--time names no column: .*'year'"),
        ({"time": "year", "file": "torn.csv"}, "'torn.csv' could not be read"),
    ],
)
def test_what_cannot_be_sorted_is_refused(folder, options, said):
    rows = good().head(3).to_csv(index=False)
    (folder / "torn.csv").write_text(rows + "1,2,3,4,5,6,7,8\n")
    with pytest.raises(InputError, match=said):
        source(sort=True, **options)


def test_rows_without_a_time_stand_at_the_end_and_are_told(folder):
    frame = good().head(5).assign(year=[3, np.nan, 1, np.nan, 2])
    frame.to_csv("holes.csv", index=False)
    read = source(file="holes.csv", time="year", sort=True)
    (found,) = read.frames()
    assert found["income"].tolist() == frame["income"][[2, 4, 0, 1, 3]].tolist()
    assert read.notes == ["sorted by year; 2 rows without it stand at the end"]


def test_packed_files_are_looked_into_where_python_can(folder):
    options = {"index": False, "sep": ";"}
    good().to_csv("loans.csv.zip", **options)
    read = source(file="loans.csv.zip")
    assert read.notes == ["columns are separated by ';'; --sep reads it otherwise"]
    (found,) = read.frames()
    pd.testing.assert_frame_equal(found, good(), check_dtype=False)
    (folder / "loans.csv.zst").write_bytes(good().to_csv(**options).encode())
    assert source(file="loans.csv.zst").read_options == {}  # so that nothing is guessed


class Stdin(io.StringIO):
    """Standard input that may be a terminal."""

    def __init__(self, content=b"", is_terminal=False):
        super().__init__()
        self.buffer, self.is_terminal = io.BytesIO(content), is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (Stdin(is_terminal=True), "nothing is piped in; give a file name"),
        (None, "nothing is piped in; give a file name"),
        (Stdin(b""), "standard input is empty"),
    ],
)
def test_standard_input_without_rows_is_told(folder, monkeypatch, stdin, said):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(InputError, match=said):
        source(file="-")


def test_a_character_cut_at_the_end_of_what_is_read_is_no_other_encoding():
    content = ("plain text, and at last a " + "\N{EURO SIGN}").encode()
    for n_cut in (1, 2):
        assert guessed_encoding(content[:-n_cut]) is None
    assert guessed_encoding(content[:-1] + b" and more text") == "cp1252"


def test_torn_lines_say_nothing_of_decimals():
    whole = b"a;b\n1,5;2\n2,5;3\n"
    assert has_decimal_commas(whole, ";", "utf-8")
    assert not has_decimal_commas(whole + b"1;2;3\n", ";", "utf-8")


def test_a_column_asked_to_be_numbers_is_numbers_whatever_most_of_it_is(folder):
    texts = ["7", "x", "y", "8.5", "z"]
    good().head(5).assign(code=texts).to_csv("codes.csv", index=False)
    (plain,) = source(file="codes.csv").frames()
    assert plain["code"].tolist() == texts
    read = source(file="codes.csv", numeric=["code"])
    (found,) = read.frames()
    np.testing.assert_array_equal(found["code"], [7.0, np.nan, np.nan, 8.5, np.nan])
    assert "3 of 5 cells are no number (such as 'x')" in read.cells.notes()[0]
    with pytest.raises(InputError, match="--numeric names no column"):
        list(source(file="codes.csv", numeric=["cod"]).frames())


def test_data_of_standard_input_have_no_hash_and_a_folder_has_one(folder):
    assert "standard input" in data_hash("-")
    (folder / "parts").mkdir()
    (folder / "parts" / "a").write_bytes(b"1")
    (folder / "parts" / "b").write_bytes(b"2")
    (folder / "both").write_bytes(b"12")
    assert data_hash("parts") == data_hash("both")


# surveying

ROLES = {"target": "repaid", "sensitive": ["group"]}


def test_small_groups_are_named():
    found = _survey.survey(source(), ROLES)
    for least, n_told in ((30, 0), (200, 1), (10_000, 2)):
        text = " ".join(_survey.survey_notes(found, ROLES, least))
        _, asked, named = text.partition(f"groups with fewer than {least} rows")
        assert bool(asked) == bool(n_told)
        assert len(named.rpartition(": ")[2].split(", ")) == max(n_told, 1)


def test_more_groups_than_can_be_compared_are_refused(folder):
    n = 20 * _survey.MOST_GROUPS + 1
    frame = pd.DataFrame({"x": 1.0, "repaid": np.arange(n) % 2, "group": np.arange(n)})
    frame.to_csv("many.csv", index=False)
    with pytest.raises(InputError, match=r"make more than .*; at most .* cut numbers"):
        _survey.survey(source(file="many.csv"), ROLES)


def test_steps_back_in_time_are_counted_over_pieces_with_and_without_times():
    found, last = _survey.Survey(groups=[]), None
    for first, times in ((0, [1, 3, 2]), (3, [None, None]), (5, [None, 1, 4]), (8, [5, 4])):
        rows = np.arange(first, first + len(times))
        time = np.array(times, dtype=object)
        batch = StreamBatch(rows[:, None], rows, time=time, row_numbers=rows)
        last = _survey._check_order(found, batch, last, "year")
    assert last == 4
    assert found.time_breaks == 3
    assert found.first_time_break == "row 2 has 2 after 3"
    mixed = np.array(["5", 4], dtype=object)
    batch = StreamBatch(rows[:, None], rows, time=mixed, row_numbers=rows)
    with pytest.raises(ValueError, match="time column 'year' mixes texts and numbers"):
        _survey._check_order(found, batch, None, "year")


def test_a_copy_that_goes_another_way_later_is_none():
    turned = pd.DataFrame({"sex": ["f", "m"]}), {"group": ["m", "f"]}
    for later, copies in ((turned, []), (None, [("sex", "group")])):
        found = Copies(["group"])
        found.read(pd.DataFrame({"sex": ["f", "m", "f"]}), {"group": ["f", "m", "f"]})
        if later is not None:
            found.read(*later)
        assert found.found() == copies


# options


def test_constraints_have_their_names_in_the_help():
    assert str(ConstraintNames()).split(", ") == list(CONSTRAINTS)


def test_a_ratio_alone_leaves_differences_to_no_one():
    asked = SimpleNamespace(constraint=None, bound=None, ratio_bound=0.8)
    found = bounds_of(asked).parameters
    assert found == {
        "constraints": "demographic_parity",
        "ratio_bound": {"demographic_parity": 0.8},
    }
    FEAMOEClassifier(**found)._validate_params()


def test_packages_that_are_not_there_are_told_with_the_command():
    with pytest.raises(InputError, match=r'needs nowhere, .* pip install "skfeamoe\[demo\]"'):
        needs("nowhere.at_all")


# outputs and checkpoints


def test_an_output_that_fails_is_told_once_and_the_next_are_written(folder):
    outputs = _outputs.Outputs({"--report": "page", "--json": None}, {})
    console = Console(file=io.StringIO())

    def full(path):
        raise OSError(28, "No space left on device")

    def large(path):
        raise MemoryError

    for _ in range(2):
        outputs.write("--report", full, console, "done")
    assert outputs.failed == ["--report 'page' cannot be written: No space left on device"]
    outputs.write("--report", large, console, "done")
    assert outputs.failed[1:] == ["--report 'page' cannot be written: out of memory"]
    outputs.write("--report", lambda path: path.write_text("x"), console, "done")
    assert console.file.getvalue() == "done\n"
    assert (folder / "page").read_text() == "x"


def test_a_checkpoint_that_cannot_be_written_is_told_and_the_last_one_stays(folder):
    (folder / "away").mkdir()
    place = Checkpoint("away/state", "loans.csv", {"seed": 0})
    place.save({"n": 1})
    assert place.load() == {"n": 1}
    (folder / "away").rename(folder / "elsewhere")
    with pytest.raises(InputError, match=r"'away/state' cannot be written: .*the last"):
        place.save({"n": 2})
    (folder / "elsewhere").rename(folder / "away")
    assert place.load() == {"n": 1}


def test_checkpoints_know_a_folder_by_the_names_and_sizes_of_its_files(folder):
    (folder / "parts").mkdir()
    (folder / "parts" / "a.csv").write_text("x")
    Checkpoint("state", "parts", {}).save({"n": 1})
    assert Checkpoint("state", "parts", {}).load() == {"n": 1}
    (folder / "parts" / "b.csv").write_text("x")
    with pytest.raises(InputError, match="is of a run with another file"):
        Checkpoint("state", "parts", {}).load()


@pytest.mark.parametrize("made", [False, True])
def test_how_an_interrupted_run_goes_on(folder, made):
    line = ["stream", "my loans.csv", "--checkpoint", "state"]
    if made:
        (folder / "state").write_text("")
    said = _stream._how_to_go_on(SimpleNamespace(line=line, checkpoint="state"))
    begin = "go on with" if made else "before the first checkpoint; begin anew with"
    assert said.partition(": ")[0] == begin
    assert shlex.split(said.partition(": ")[2])[3:] == line
    without = _stream._how_to_go_on(SimpleNamespace(line=line, checkpoint=None))
    assert without == "nothing is lost next time with --checkpoint FILE"


def test_a_log_that_cannot_be_written_any_more_is_told_and_the_run_goes_on(folder, monkeypatch):
    (folder / "kept").mkdir()
    asked = SimpleNamespace(audit="kept/log")
    evaluator = SimpleNamespace(estimators_={FEAMOE: FEAMOEClassifier()})
    outputs = _outputs.Outputs({"--audit": "kept/log"}, {})
    after_batch = _audit.audited(asked, outputs, evaluator, ["known"])
    after_batch(["known", "bounds conflict"])
    after_batch(["known", "bounds conflict"])
    events = read_audit("kept/log")["event"].tolist()
    assert events == ["began", "warning"]  # what was known before is not told again

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AuditLog, "look", full)
    for _ in range(2):
        after_batch(["known", "bounds conflict"])
    told = "--audit 'kept/log' cannot be written: No space left on device"
    assert outputs.failed == [told]
    monkeypatch.setattr(AuditLog, "record", lambda self, *_, **__: full(self))
    assert _audit.audited(asked, outputs, evaluator, []) is None
    assert outputs.failed == [told]
    assert _audit.audited(asked, _outputs.Outputs({}, {}), evaluator, []) is None


# files of models


def small_model():
    """A model of raw rows, as `stream` saves it."""
    frame = good()
    X, y = frame.drop(columns="repaid"), frame["repaid"]
    encoding = Encoding(X)
    model = FEAMOEClassifier(None, categorical_features=encoding.categories, random_state=0)
    return encoding.saved_model(model.fit(encoding.transformer.transform(X), y)), X


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("form", ["skops", "joblib"])
def test_how_a_model_is_saved_is_how_it_is_loaded(folder, form, alone):
    asked = SimpleNamespace(model="m", model_format=form, without_people=alone)
    check_model_file(asked)
    model, X = small_model()
    save_model(model, folder / "m", asked)
    told = how_to_load(asked)
    assert ("joblib.load" in told) == (form == "joblib")
    assert ("runs what is in it" in told) == (form == "joblib")
    assert ("has no rows of people" in told) == alone
    found = load_model("m", trust_joblib=form == "joblib")
    np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))
    assert (len(found[-1].background_) == 0) == alone
    if form == "joblib":
        with pytest.raises(InputError, match="opens with --trust-joblib"):
            load_model("m")


def test_explain_tells_what_it_cannot_explain(folder, capsys):
    model, X = small_model()
    save(model, "m")
    frame = good()
    frame.to_csv("swiss.csv", index=False, sep=";")
    code, out, _ = run(capsys, "explain", "m", "swiss.csv", "--row", 1)
    assert code == 0
    assert "columns are separated by ';'" in out
    row = int(np.flatnonzero(model.predict(X) == "yes")[0])
    for more, told in ((), True), (("--quiet",), False):
        _, out, _ = run(capsys, "explain", "m", "swiss.csv", "--row", row, *more)
        assert ("nothing to justify" in out) == told
        assert ("columns are separated" in out) == told
    frame.drop(columns="income").to_csv("narrow.csv", index=False)
    code, _, err = run(capsys, "explain", "m", "narrow.csv", "--row", 1)
    assert code == 2
    assert "X lacks 1 of 5 columns: ['income']" in err
    (folder / "torn.csv").write_text(frame.head(3).to_csv(index=False) + "1,2,3,4,5,6,7,8\n")
    code, _, err = run(capsys, "explain", "m", "torn.csv", "--row", 9)
    assert code == 2
    assert "could not be read" in err
    save(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), "other")
    code, _, err = run(capsys, "explain", "other", "loans.csv", "--row", 0)
    assert code == 2
    assert "MODEL 'other' holds LogisticRegression, which cannot explain" in err


def test_of_no_rows_no_reasons_are_printed():
    console = Console(file=io.StringIO())
    model, X = small_model()
    print_reasons(console, model, X[:0], [])
    assert console.file.getvalue() == ""
    print_reasons(console, model, X[:1], [7])
    assert "row 7: decided" in console.file.getvalue()


# words


def test_an_error_names_its_rows_where_they_have_numbers():
    rows = np.arange(5, 8)
    error = ValueError("too wide")
    batch = StreamBatch(rows[:, None], rows, row_numbers=rows)
    assert str(_run._with_rows(error, batch)) == "rows 5 to 7: too wide"
    assert _run._with_rows(error, StreamBatch(rows[:, None], rows)) is error


class Coin:
    """Decides by the first column."""

    classes_ = np.array([0, 1])

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)


def test_without_a_bound_the_table_has_no_column_of_answers():
    rng = np.random.default_rng(0)
    X, sex = rng.normal(size=(400, 2)), rng.choice(["f", "m"], 400)
    y = (X[:, 1] > 0).astype(int)
    result = prequential({FEAMOE: Coin()}, [(X, y, sex)], train=False)
    bounds = {"demographic_parity_difference": 0.5}
    for given, n_more in ((bounds, 1), ({}, 0)):
        table = _verdict.result_table(result, given)
        names = [column.header for column in table.columns]
        assert names.count("bound") == n_more
        assert table.row_count == 1


def test_people_are_compared_only_where_two_groups_have_enough():
    pytest.importorskip("river", reason="needs river, of the extra `drift`")
    rng = np.random.default_rng(0)
    y, granted = rng.integers(2, size=(2, 400))
    person = np.arange(400) % 20
    sex = np.array(["f", "m"])[person % 2]
    result = monitor(y, granted, sensitive_features=sex, person=person)
    (told,) = _verdict.people_sentences(result, "decisions", "who")
    assert told == (
        "People cannot be compared, as no two groups have as many as it takes (20 people)."
    )
    result = replace(result, min_group_size=5)
    (told,) = _verdict.people_sentences(result, "decisions", "who")
    assert told.startswith("Counting every person once (20 people, 20.0 rows each), the ")
    assert _verdict.people_sentences(result, "decisions", None) == []


def tried(method, bound, accuracy, gap, low=0.0):
    """One method as `compare` measures it."""
    found = _compare.Tried(method, bound, accuracy, 0.0, 1.0, gap, low, 1.0, 0.1)
    return replace(found, bounded=gap, bounded_low=low) if bound is not None else found


def test_the_frontier_names_whom_no_other_beats_and_who_broke_a_bound():
    nothing = _compare._frontier([tried("FEAMOE", 0.1, 0.8, np.nan)])
    assert nothing == ["No gap could be measured: fewer than two groups have enough test rows."]
    lines = _compare._frontier(
        [
            tried("FEAMOE", 0.1, 0.8, 0.05),
            tried("FEAMOE, no bound", None, 0.9, 0.3),
            tried("worse", 0.2, 0.7, 0.25, low=0.21),
            tried("unlucky", 0.2, 0.79, 0.2004, low=0.1),
        ]
    )
    assert lines == [
        "No other is better in both accuracy and gap: FEAMOE 0.1, FEAMOE, no bound.",
        "worse 0.2 did not keep its bound on the test rows (0.250, clearly).",
        "unlucky 0.2 did not keep its bound on the test rows (0.2004, perhaps by chance).",
    ]


def test_the_frontier_is_about_people_where_everybody_counts_once():
    """The gap that is told and the interval that says "clearly" are of the same kind."""
    rows = tried("FEAMOE", 0.1, 0.8, 0.15, low=0.12)
    people = {"people_gap": 0.13, "people_gap_low": 0.05, "people_gap_high": 0.2}
    found = replace(rows, **people, bounded=0.13, bounded_low=0.05)
    better = replace(tried("other", None, 0.8, 0.3), **{**people, "people_gap": 0.12})
    assert _compare._frontier([found, better]) == [
        "No other is better in both accuracy and gap of people: other.",
        "FEAMOE 0.1 did not keep its bound on the test people (0.130, perhaps by chance).",
    ]


def test_a_bound_to_the_mean_of_all_is_kept_where_groups_are_further_apart():
    one = replace(
        tried("fairlearn reductions", 0.05, 0.8, 0.08), bounded=0.04, bounded_low=0.01
    )
    assert len(_compare._frontier([one])) == 1
    _, broken = _compare._frontier([replace(one, bounded=0.0501, bounded_low=0.0)])
    assert "(a group is 0.0501 from the mean of all, perhaps by chance)" in broken


@pytest.mark.parametrize("text", ["0", "x", "0.1,2", ",", "nan"])
def test_bounds_to_compare_are_shares(text):
    with pytest.raises(InputError, match="--bounds"):
        _compare._bounds(text)
    assert _compare._bounds("0.2, 0.1,0.2,") == [0.1, 0.2]


# runs


def test_compare_of_the_model_alone_is_quiet_and_shuffled_files_are_asked_for(folder, capsys):
    options = ("--target", "repaid", "--sensitive", "group", "--no-plot", "--bounds", "0.5")
    code, out, err = run(capsys, "compare", "loans.csv", *options, "--model-only", "--quiet")
    assert (code, err) == (0, "")
    assert out.startswith("- No other is better in both accuracy and gap: ")
    assert "FEAMOE, no bound" in out
    assert "logistic regression" not in out
    frame = good()
    late = frame.index >= 200
    frame.loc[late, "repaid"] = np.where(frame.index[late] < 360, "yes", "no")
    frame.to_csv("late.csv", index=False)
    code, _, err = run(capsys, "compare", "late.csv", *options, "--rows", 200)
    assert code == 2
    assert "rows have one outcome only; shuffle the file" in err


def test_stream_explains_the_last_refusals_and_waits_for_labels_by_dates(folder, capsys):
    days = pd.date_range("2024-01-01", periods=400).strftime("%Y-%m-%d")
    good().assign(day=days).drop(columns="year").to_csv("days.csv", index=False)
    options = ("--target", "repaid", "--sensitive", "group", "--batch", "40", "--no-plot")
    more = ("--model-only", "--explain", "2")
    code, out, err = run(
        capsys, "stream", "days.csv", *options, *more, "--time", "day", "--delay", "30d"
    )
    assert (code, err) == (0, "")
    assert "Reasons of the last 2 refusals among the last" in out
    assert out.count(": decided no, as the probability") == 2
    code, _, err = run(capsys, "stream", "loans.csv", *options, *more, "--delay", "30d")
    assert code == 2
    assert "--delay with a time needs --time COL; give rows otherwise" in err


def test_monitor_passes_over_pieces_without_a_truth_and_tells_odd_cells(folder, capsys):
    pytest.importorskip("river", reason="needs river, of the extra `drift`")
    frame = pd.concat([good()] * 5, ignore_index=True).astype({"income": object})
    frame.loc[5, "income"] = "n.a."
    frame.loc[500:1_500, "repaid"] = None
    frame.to_csv("holes.csv", index=False)
    options = ("--decision", "granted", "--sensitive", "group", "--target", "repaid")
    found = {}
    for more in ((), ("--quiet",)):
        code, found[more], err = run(
            capsys, "monitor", "holes.csv", *options, *more, "--no-plot"
        )
        assert (code, err) == (0, "")
    assert "income: 1 of 2,000 cells are no number (such as 'n.a.')" in found[()]
    assert found[()].endswith(found[("--quiet",)])
    assert "cells are no number" not in found[("--quiet",)]

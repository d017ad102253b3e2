"""The command line: help, demo, stream, and every kind of bad input in one line."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score

from skfeamoe._cli import main
from skfeamoe._cli._models import OnlineLogisticRegression, StaticLogisticRegression
from skfeamoe.datasets import make_credit_stream
from skfeamoe.persistence import load

PNG_START = b"\x89PNG\r\n\x1a\n"


def loans(n_rows=2_000):
    """A raw table with categories, missing values, two sensitive columns and a time."""
    frame = make_credit_stream(n_rows, drift=None, random_state=0).frame
    rng = np.random.default_rng(0)
    frame["region"] = rng.choice(["north", "south"], n_rows)
    frame.loc[rng.random(n_rows) < 0.05, "region"] = None
    frame.loc[n_rows - 20 :, "region"] = "atlantis"
    frame.loc[rng.random(n_rows) < 0.1, "income"] = np.nan
    frame["sex"] = rng.choice(["f", "m"], n_rows)
    frame.loc[rng.random(n_rows) < 0.04, "sex"] = None
    frame["repaid"] = frame["repaid"].map({0: "no", 1: "yes"})
    frame["customer"] = [f"c{i}" for i in range(n_rows)]
    return frame


@pytest.fixture(scope="module")
def loans_csv(tmp_path_factory):
    """The table as a CSV file."""
    path = tmp_path_factory.mktemp("loans") / "loans.csv"
    loans().to_csv(path, index=False)
    return path


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Let default pictures land where nobody minds, and the terminal be wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def run_lines(capsys, *arguments):
    """Exit code, stdout and the lines of stderr of a call."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.splitlines()


def test_no_arguments_show_help(capsys):
    code, out, err = run_lines(capsys)
    assert (code, err) == (0, [])
    assert "python -m skfeamoe demo" in out
    assert "--sensitive COLUMN" in out


def test_demo_as_a_process_writes_table_and_picture(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "skfeamoe", "demo", "--rows", "2000"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("FEAMOE", "static LR", "online SGD", "parity gap", "burden gap", "World by"):
        assert word in done.stdout
    picture = (tmp_path / "skfeamoe-demo.png").read_bytes()
    assert picture.startswith(PNG_START)
    assert len(picture) > 20_000


@pytest.mark.parametrize("drift", ["gradual", "recurring", "none"])
def test_demo_names_the_changes_of_each_drift(capsys, tmp_path, drift):
    arguments = ("demo", "--rows", 2000, "--drift", drift, "--no-plot")
    code, out, err = run_lines(capsys, *arguments)
    assert (code, err) == (0, [])
    assert ("nothing changes" in out) == (drift == "none")
    assert ("downturn from row 500" in out) == (drift != "none")
    assert not list(tmp_path.glob("*.png"))


def test_demo_is_the_same_for_the_same_seed(capsys):
    tables = [
        run_lines(capsys, "demo", "--rows", 2000, "--no-plot", "--seed", seed)[1].partition(
            "Over "
        )[2]
        for seed in (3, 3, 4)
    ]
    assert tables[0] == tables[1] != tables[2]


def test_stream_reports_what_it_found_and_saves_a_model_for_raw_frames(
    capsys, loans_csv, tmp_path
):
    code, out, err = run_lines(
        capsys, "stream", loans_csv, "--batch", 100,
        "--target", "repaid", "--time", "applied_on",
        "--sensitive", "group", "--sensitive", "sex", "--ignore", "customer",
        "--model", "model.skops", "--output", "loans.png",
    )  # fmt: skip
    assert (code, err) == (0, [])
    frame = pd.read_csv(loans_csv)
    assert f"{frame['income'].isna().sum()} values missing" in out
    assert f"{frame['sex'].isna().sum()} rows have an unknown group" in out
    assert "region: 20 rows have a value that was not in the first rows" in out
    assert "'atlantis'" in out
    assert "customer: left out as asked" in out
    assert "minority & f" in out
    assert (tmp_path / "loans.png").read_bytes().startswith(PNG_START)

    model = load(tmp_path / "model.skops")
    raw = frame.drop(columns=["repaid", "group", "sex", "applied_on"])
    assert accuracy_score(frame["repaid"], model.predict(raw)) > 0.7
    other_columns_besides = model.predict_proba(frame.assign(income=np.inf))
    assert np.isfinite(other_columns_besides).all()


def test_stream_gives_the_same_table_for_csv_and_parquet(capsys, loans_csv, tmp_path):
    frame = pd.read_csv(loans_csv)
    frame.to_parquet(tmp_path / "loans.parquet")
    tables = [
        run_lines(
            capsys, "stream", path, "--target", "repaid", "--sensitive", "group",
            "--ignore", "applied_on", "--batch", 50, "--no-plot",
        )[1].partition("Over ")[2]
        for path in (loans_csv, tmp_path / "loans.parquet")
    ]  # fmt: skip
    assert tables[0] == tables[1]
    assert "FEAMOE" in tables[0]


def test_stream_takes_the_favorable_value_and_every_constraint(capsys, loans_csv):
    code, out, err = run_lines(
        capsys, "stream", loans_csv, "--batch", 100,
        "--target", "repaid", "--sensitive", "group",
        "--favorable", "no", "--constraint", "equal_opportunity", "--bound", "0.1",
        "--no-plot",
    )  # fmt: skip
    assert (code, err) == (0, [])
    assert "good for the person: repaid = no" in out
    assert "equal-opportunity gap" in out
    assert "bound 0.1" in out


def test_a_ratio_may_be_bound_beside_a_difference(capsys, loans_csv):
    code, out, err = run_lines(
        capsys, "stream", loans_csv, "--batch", 100,
        "--target", "repaid", "--sensitive", "group",
        "--ratio-bound", "0.8", "--constraint", "demographic_parity",
        "--constraint", "burden=0.3", "--no-plot", "--model-only",
    )  # fmt: skip
    assert (code, err) == (0, [])
    assert "demographic-parity ratio" in out
    assert "bound 0.8" in out
    assert "bound 0.3" in out


def test_stream_learns_whole_numbers_as_labels_and_three_classes(capsys, tmp_path):
    frame = loans(600).drop(columns=["customer"])
    frame["repaid"] = np.arange(600) % 3
    frame.loc[7, "repaid"] = None
    frame.to_csv(tmp_path / "three.csv", index=False)
    code, out, err = run_lines(
        capsys, "stream", "three.csv", "--batch", 40,
        "--target", "repaid", "--sensitive", "group",
        "--favorable", "2", "--no-plot",
    )  # fmt: skip
    assert (code, err) == (0, [])
    assert "1 rows without repaid are left out" in out
    assert "repaid = 2" in out


def test_stream_tells_when_rows_are_out_of_order(capsys, tmp_path):
    frame = loans(400)
    frame["year"] = np.repeat([2001, 2003, 2002, 2004], 100)
    frame.to_csv(tmp_path / "disorder.csv", index=False)
    code, out, _ = run_lines(
        capsys, "stream", "disorder.csv", "--batch", 40,
        "--target", "repaid", "--sensitive", "group",
        "--time", "year", "--no-plot",
    )  # fmt: skip
    assert code == 0
    assert "NOT in order of year: row 200 has 2002 after 2003" in out


def test_stream_leaves_out_and_names_columns_that_cannot_be_features(capsys, tmp_path):
    frame = loans(400)
    frame["empty"] = np.nan
    frame["scores"] = [[1, 2]] * 400
    frame.to_parquet(tmp_path / "odd.parquet")
    code, out, err = run_lines(
        capsys, "stream", "odd.parquet", "--batch", 40,
        "--target", "repaid", "--sensitive", "group",
        "--no-plot",
    )  # fmt: skip
    assert (code, err) == (0, [])
    assert "empty: left out, it has no value" in out
    assert "scores: left out, it holds lists" in out
    assert "applied_on: left out, it holds dates" in out
    assert "customer: tells nothing" in out


def changed(column, value):
    """A maker of the table with one column replaced."""
    return lambda frame: frame.assign(**{column: value}).to_csv(index=False)


def broken(frame):
    """CSV text with a row that has too many fields."""
    lines = frame.to_csv(index=False).splitlines()
    lines[300] += ",one,too,many"
    return "\n".join(lines)


BAD_FILES = {
    "empty": (lambda frame: "", "is an empty file"),
    "header only": (lambda frame: "group,repaid\n", "has no rows"),
    "one class": (changed("repaid", "yes"), "target 'repaid' has one class, 'yes'"),
    "no target": (changed("repaid", None), "target 'repaid' is missing in every row"),
    "numeric target": (changed("repaid", np.arange(400) / 7), "more than 50 different values"),
    "one group": (changed("group", "all"), "sensitive column 'group' has one group, 'all'"),
    "no group": (changed("group", None), "sensitive column 'group' has no value"),
    "id as group": (changed("group", np.arange(400)), "make 400 groups; at most 200"),
    "broken row": (broken, "could not be read"),
    "sorted": (
        lambda frame: frame.sort_values("repaid", ascending=False).to_csv(index=False),
        "seems sorted",
    ),
    "rare label": (
        lambda frame: frame.assign(repaid=["yes"] * 397 + ["no"] * 3).to_csv(index=False),
        "only 3 of 400 rows have another one",
    ),
    "few rows": (lambda frame: frame.head(20).to_csv(index=False), "has 20 rows"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_told_in_one_line(capsys, tmp_path, name):
    make, message = BAD_FILES[name]
    (tmp_path / "bad.csv").write_text(make(loans(400)))
    arguments = ("--target", "repaid", "--sensitive", "group")
    code, _, err = run_lines(capsys, "stream", "bad.csv", *arguments)
    assert code == 2
    assert len(err) == 1
    assert message in err[0]
    assert "read_options" not in err[0]
    assert not list(tmp_path.glob("*.png"))


GOOD = ("--target", "repaid", "--sensitive", "group")
BAD_ARGUMENTS = {
    "unknown command": (("dmeo",), "invalid choice: 'dmeo'"),
    "missing file": (("stream", "nowhere.csv", *GOOD), "'nowhere.csv' does not exist"),
    "no target option": (("stream", "{csv}", "--sensitive", "group"), "required: --target"),
    "target misspelled": (
        ("stream", "{csv}", "--target", "repayed", "--sensitive", "group"),
        "column 'repayed' is not in the source; did you mean 'repaid' or",
    ),
    "sensitive misspelled": (
        ("stream", "{csv}", "--target", "repaid", "--sensitive", "Group"),
        "did you mean 'group'?",
    ),
    "time misspelled": (("stream", "{csv}", *GOOD, "--time", "aplied_on"), "'applied_on'"),
    "two roles": (("stream", "{csv}", *GOOD, "--time", "group"), "two roles"),
    "ignore misspelled": (("stream", "{csv}", *GOOD, "--ignore", "incom"), "'income'"),
    "favorable": (("stream", "{csv}", *GOOD, "--favorable", "y"), "its values are 'no', 'yes'"),
    "constraint": (("stream", "{csv}", *GOOD, "--constraint", "parity"), "invalid choice"),
    "bound as percent": (("stream", "{csv}", *GOOD, "--bound", "5"), "a gap of 5 points is"),
    "bound zero": (("stream", "{csv}", *GOOD, "--bound", "0"), "must be in (0, 1]"),
    "bound text": (("demo", "--bound", "small"), "must be in (0, 1]"),
    "bound of demo": (("demo", "--bound", "1.5"), "must be in (0, 1]"),
    "batch": (("stream", "{csv}", *GOOD, "--batch", "0"), "at least 1, got 0"),
    "rows": (("demo", "--rows", "10"), "at least 2,000, got 10"),
    "picture folder": (("demo", "--output", "no/where.png"), "does not exist; make it first"),
    "picture type": (("demo", "--output", "demo.xyz"), "name it .png"),
    "model folder": (("stream", "{csv}", *GOOD, "--model", "no/m"), "make it first"),
    "model is a folder": (("stream", "{csv}", *GOOD, "--model", "."), "is a folder"),
    "file type": (("stream", "{csv}.xlsx", *GOOD), "no known file type"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments_are_told_in_one_line(capsys, loans_csv, name):
    arguments, message = BAD_ARGUMENTS[name]
    (loans_csv.parent / "loans.csv.xlsx").write_text("something")
    code, _, err = run_lines(capsys, *(a.format(csv=loans_csv) for a in arguments))
    assert code == 2
    assert len(err) == 1
    assert message in err[0]


@pytest.mark.parametrize("rival", [StaticLogisticRegression, OnlineLogisticRegression])
def test_distance_of_the_rivals_ends_on_their_boundary(rival):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = (X @ [1.0, -2.0, 0.5] + rng.normal(size=300) > 0).astype(int)
    model = (rival(loss="log_loss") if rival is OnlineLogisticRegression else rival()).fit(X, y)
    unit = model.coef_[0] / np.linalg.norm(model.coef_[0])
    side = np.sign(model.decision_function(X))
    step = (model.distance_to_boundary(X) * side)[:, None] * unit
    assert model.decision_function(X - step) == pytest.approx(np.zeros(300), abs=1e-9)


@pytest.mark.parametrize("command", ["stream", "monitor"])
def test_people_are_counted_once_where_an_id_says_whose_row_it_is(capsys, tmp_path, command):
    frame = loans(1_200).dropna(subset=["sex"])
    frame["customer"] = np.arange(len(frame)) // 3 * 7
    frame["granted"] = frame["repaid"].to_numpy()[::-1]
    frame.to_csv("loans.csv", index=False)
    column = {"stream": "--target", "monitor": "--decision"}[command]
    name = {"stream": "repaid", "monitor": "granted"}[command]
    known = ["loans.csv", column, name, "--sensitive", "sex", "--favorable", "yes", "--no-plot"]
    more = ["--model-only", "--json", "numbers", "--id", "customer"]
    if command == "monitor":
        more = ["--target", "repaid", "--constraint", "demographic_parity", *more[1:]]
    code, out, _ = run_lines(capsys, command, *known, *more)
    assert code == 0
    assert "Counting every person once (" in out
    people = pd.read_csv(tmp_path / "numbers" / "people.csv")
    assert (
        1.5 < people["n_rows"].sum() / people["n_people"].sum() < 2.0
    )  # two sexes in three rows
    code, out, _ = run_lines(capsys, command, *known, *more[:-2], "--ignore", "customer")
    assert code == 0
    assert "every person" not in out
    frame["customer"] = None
    frame.to_csv("loans.csv", index=False)
    code, out, _ = run_lines(capsys, command, *known, *more)
    assert code == 0
    assert "customer tells of no tested row whose it is" in out

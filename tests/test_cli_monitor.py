"""`monitor` on the command line: alarms in words, missing truths, pictures, refusals."""

import json

import numpy as np
import pandas as pd
import pytest

from skfeamoe.__main__ import main

pytest.importorskip("river", reason="needs river, of the extra `drift`")

N = 6_000
OPTIONS = ("--decision", "granted", "--sensitive", "group")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Decisions that are mostly right, and from the middle on by the toss of a coin."""
    rng = np.random.default_rng(0)
    income = rng.normal(size=N)
    repaid = (income + 0.3 * rng.normal(size=N) > 0).astype(int)
    late = np.arange(N) >= N // 2
    income[late] += 3.0  # the inputs change with it
    granted = np.where(late, rng.integers(2, size=N), repaid)
    frame = pd.DataFrame(
        {
            "granted": granted,
            "repaid": repaid,
            "group": rng.choice(["f", "m"], N),
            "income": income,
            "day": pd.date_range("2020-01-01", periods=N, freq="h").strftime("%Y-%m-%d"),
        }
    )
    frame.to_csv(tmp_path / "loans.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    code = main(["monitor", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, " ".join(out.split()), " ".join(err.split())


def test_an_alarm_is_told_with_its_day_and_what_moved(folder, capsys):
    more = ("--target", "repaid", "--time", "day", "--output", "gap.png")
    code, out, err = run(capsys, "loans.csv", *OPTIONS, *more)
    assert (code, err) == (0, "")
    assert "fell from" in out
    assert "Moved at the same time: income" in out
    day = out.split("fell from")[0].rsplit("(", 1)[1][:10]
    assert "2020-05-05" <= day <= "2020-05-20"  # the change is on the fifth of May
    assert (folder / "gap.png").read_bytes()[:4] == b"\x89PNG"


def test_rows_without_a_truth_count_as_decisions_and_for_nothing_else(folder, capsys):
    frame = pd.read_csv("loans.csv").head(2_000)
    frame["repaid"] = frame["repaid"].astype("Int64")
    some = frame["repaid"].mask(np.arange(len(frame)) % 3 == 0)
    frame.assign(repaid=some).to_csv("some.csv", index=False)
    frame[some.notna()].to_csv("known.csv", index=False)
    told = []
    for name in ("some.csv", "known.csv"):
        code, out, _ = run(capsys, name, *OPTIONS, "--target", "repaid", "--no-plot")
        assert code == 0
        told.append(out.partition("accuracy: ")[2].split()[0])
    assert told[0] == told[1] == "1.000"


def test_whom_the_refused_would_have_been_does_not_change_parity(folder, capsys):
    rng = np.random.default_rng(1)
    frame = pd.read_csv("loans.csv")
    women = frame["group"] == "f"
    frame["granted"] = (rng.random(N) < np.where(women, 0.4, 0.65)).astype(int)
    hidden = (frame["granted"] == 0) & (rng.random(N) < np.where(women, 0.9, 0.72))
    frame["repaid"] = frame["repaid"].astype("Int64").mask(hidden)
    frame.to_csv("truth.csv", index=False)
    said = []
    options = ("truth.csv", *OPTIONS, "--no-plot", "--bound", "0.1")
    for more in (("--ignore", "repaid"), ("--target", "repaid")):
        code, out, _ = run(capsys, *options, *more)
        assert code == 0
        said.append(out.partition("decisions did NOT keep")[2].partition("It lies")[0])
    assert said[0] == said[1] != ""
    note = f"{hidden.sum():,} of {N:,} rows have no repaid: they count in selection rates"
    assert note in out
    frame.assign(repaid=None).to_csv("truth.csv", index=False)
    code, _, err = run(capsys, *options, *more)
    assert code == 2
    assert "--target 'repaid' is missing in every row" in err


def test_with_no_column_left_inputs_are_not_watched(folder, capsys):
    ignored = ("--ignore", "income", "--ignore", "day", "--ignore", "repaid")
    code, out, _ = run(capsys, "loans.csv", *OPTIONS, *ignored, "--no-plot")
    assert code == 0
    assert "no column is left whose changes could be watched" in out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--target", "granted"), "--target 'granted' has another part too"),
        (("--target", "group"), "--target 'group' has another part too"),
        (("--ignore", "age"), "--ignore names no column besides those with a part: 'age'"),
        (("--constraint", "burden"), "--constraint burden needs a model's distances"),
        (("--constraint", "equalized_odds"), "--constraint equalized_odds needs --target COL"),
    ],
)
def test_what_cannot_be_watched_is_refused(folder, capsys, more, said):
    code, _, err = run(capsys, "loans.csv", *OPTIONS, *more, "--no-plot")
    assert code == 2
    assert said in err


def test_a_picture_that_cannot_be_written_is_told_at_the_end(folder, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    code, out, err = run(capsys, "loans.csv", *OPTIONS, "--output", "gap.png")
    assert code not in (0, 2)
    assert "drift alarms" in out
    assert "--output 'gap.png' cannot be written: No space left on device" in err
    assert not (folder / "gap.png").exists()


def test_short_windows_leave_no_row_out(folder, capsys):
    """A stretch of 150 unfair rows is told, by windows that are shorter than batches."""
    rng = np.random.default_rng(0)
    n, bad = 60_000, slice(30_000, 30_150)
    group, chance = rng.choice(["f", "m"], n), np.full(n, 0.5)
    chance[bad] = group[bad] == "m"
    frame = pd.DataFrame({"granted": (rng.random(n) < chance).astype(int), "group": group})
    frame.to_csv("long.csv", index=False)
    more = ("--bound", "0.1", "--window", "150", "--no-plot")
    code, out, _ = run(capsys, "long.csv", *OPTIONS, *more)
    assert code == 0
    assert "did NOT keep its bound" in out
    assert "lie in none" not in out


@pytest.mark.parametrize("more", [(), ("--quiet",)])
def test_without_a_bound_a_gap_names_whom_it_leaves_out(folder, capsys, more):
    """A small group that is granted far more often counts in no window."""
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b", "c"], N, p=[0.49, 0.49, 0.02])
    granted = (rng.random(N) < np.where(group == "c", 0.9, 0.4)).astype(int)
    pd.DataFrame({"granted": granted, "group": group}).to_csv("small.csv", index=False)
    outputs = ("--no-plot", "--report", "small.html", "--json", "numbers")
    code, out, _ = run(capsys, "small.csv", *OPTIONS, *outputs, *more)
    assert code == 0
    rates = [granted[group == name].mean() for name in "abc"]
    n_left_out = (group == "c").sum()
    said = [
        f"Not compared for want of rows in windows: c ({n_left_out}).",
        "With those of them that have enough rows in all, the gap over all rows is "
        f"{np.ptp(rates):.3f} (",
    ]
    assert f"The gap is {np.ptp(rates[:2]):.3f} (95 % interval" in out
    page = " ".join((folder / "small.html").read_text().split())
    assert f"parity gap was {np.ptp(rates[:2]):.3f} (95 % interval" in page
    for sentence in said:
        assert sentence in out
        assert sentence in page
    record = json.loads((folder / "numbers" / "report.json").read_text())
    assert record["left_out"] == {"c": n_left_out}


def test_a_gap_of_one_group_is_not_measured(folder, capsys):
    frame = pd.read_csv("loans.csv").assign(group="all")
    frame.loc[::1_000, "group"] = "few"
    frame.to_csv("one.csv", index=False)
    code, out, _ = run(capsys, "one.csv", *OPTIONS, "--no-plot")
    assert code == 0
    assert "The gap cannot be measured, as fewer than two groups have enough rows." in out
    assert "Not compared for want of rows: few (6)." in out
    assert "nan" not in out

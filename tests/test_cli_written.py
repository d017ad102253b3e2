"""Columns with a part, and categories, are read as they are written: nobody is dropped."""

import argparse
import io

import numpy as np
import pandas as pd
import pytest
from pandas._libs.parsers import STR_NA_VALUES

from skfeamoe._cli import main
from skfeamoe._cli._errors import InputError
from skfeamoe._cli._source import Source
from skfeamoe._cli._survey import check_survey, survey
from skfeamoe._cli._written import WORDS, YES_AND_NO
from skfeamoe.persistence import load
from skfeamoe.streaming._arrow import READ_ROWS

N = 4_000
STREAM = ("--target", "repaid", "--sensitive", "race", "--no-plot", "--model-only")
WATCH = ("--decision", "granted", "--sensitive", "race", "--no-plot", "--bound", "0.1")


def loans(n=N, races=("1", "2", "H"), shares=(0.5, 0.42, 0.08)):
    """Decisions that refuse the last of the races."""
    rng = np.random.default_rng(0)
    race = rng.choice(races, n, p=shares)
    income = rng.normal(size=n)
    return pd.DataFrame(
        {
            "income": income,
            "race": race,
            "zip": rng.choice(["00101", "102"], n),
            "granted": (rng.random(n) < np.where(race == races[-1], 0.3, 0.6)).astype(int),
            "repaid": (income + rng.logistic(size=n) > 0).astype(int),
        }
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def run(capsys, *line):
    code = main([str(word) for word in line])
    out, err = capsys.readouterr()
    return code, " ".join(out.split()), " ".join(err.split())


def source(file="rows.csv", **options):
    """A source as the command line makes it."""
    return Source(argparse.Namespace(file=file, **options))


def read(**options):
    return pd.concat(list(source(**options).frames()), ignore_index=True)


ROLES = {"target": "repaid", "sensitive": ["race"], "time": None, "person": None}


def surveyed(**options):
    roles = {"target": "repaid", "sensitive": ["race"]}
    return survey(source(**roles, **options), ROLES)


def test_a_group_among_groups_with_numbers_is_not_dropped(folder, capsys):
    pytest.importorskip("river", reason="needs river, of the extra `drift`")
    frame = loans()
    frame.to_csv("rows.csv", index=False)
    rates = frame.groupby("race")["granted"].mean()
    for more in ((), ("--categorical", "race")):
        code, out, err = run(capsys, "monitor", "rows.csv", *WATCH, "--quiet", *more)
        assert (code, err) == (0, "")
        assert f"gap {rates.max() - rates.min():.3f} over all" in out
        assert "did NOT keep" in out


def test_groups_and_labels_that_come_late_are_there_or_refused(folder):
    frame = loans(READ_ROWS + 100, races=("1", "2"), shares=(0.5, 0.5))
    frame.loc[READ_ROWS + 7 :, "race"] = "H"
    frame.to_csv("rows.csv", index=False)
    assert surveyed().groups[0]["H"] == 93
    frame["repaid"] = frame["repaid"].astype(str).where(frame.index < READ_ROWS + 20, "P")
    frame.to_csv("rows.csv", index=False)
    place = rf"numbers up to row {READ_ROWS:,}, but row {READ_ROWS + 20:,} has 'P'"
    with pytest.raises(InputError, match=rf"'repaid' held {place}.*--categorical repaid"):
        surveyed()
    assert surveyed(categorical=["repaid"]).labels["P"] == 80
    assert surveyed(numeric=["repaid"]).n_skipped == 80


def test_yes_and_no_beside_missing_values_stay_what_they_are(folder, capsys):
    frame = loans().assign(repaid=lambda f: f["repaid"].astype(bool).astype(object))
    frame.loc[::7, "repaid"] = None
    frame.to_csv("rows.csv", index=False)
    frame.to_parquet("rows.parquet")
    for name in ("rows.csv", "rows.parquet"):
        options = (*STREAM, "--favorable", "True", "--model", "m.skops", "--quiet")
        code, _, err = run(capsys, "stream", name, *options)
        assert (code, err) == (0, "")
        assert load("m.skops").classes_.tolist() == [False, True]
    frame.loc[N - 1, "repaid"] = "later"
    frame.to_csv("rows.csv", index=False)
    assert sorted(surveyed().labels) == ["False", "True", "later"]


def test_whole_numbers_beside_a_hole_are_the_same_categories(folder, capsys):
    frame = loans().assign(zip=lambda f: f["zip"].astype(int))
    frame.to_csv("whole.csv", index=False)
    holes = frame.assign(zip=frame["zip"].astype(float))
    holes.loc[20, "zip"] = np.nan
    holes.to_csv("rows.csv", index=False)
    holes.to_parquet("rows.parquet")
    for name in ("whole.csv", "rows.csv", "rows.parquet"):
        found = read(file=name, categorical=["zip"])["zip"]
        assert sorted(set(found.dropna())) == ["101", "102"]
        assert found.isna().sum() == (name != "whole.csv")
    learned = run(capsys, "stream", "rows.csv", *STREAM, "--categorical", "zip", "--model", "m")
    assert learned[0] == 0
    said = [
        run(capsys, "explain", "m", name, "--row", 30, "--categorical", "zip", "--quiet")
        for name in ("rows.csv", "whole.csv", "rows.parquet")
    ]
    assert said[0] == said[1] == said[2]
    assert said[0][0] == 0


def test_zeros_in_front_stay_and_groups_are_as_written(folder):
    frame = loans().assign(race=lambda f: f["race"].replace({"1": "01", "2": "1.0"}))
    frame.to_csv("rows.csv", index=False)
    assert set(read(categorical=["zip"])["zip"]) == {"00101", "102"}
    assert set(surveyed().groups[0]) == {"01", "1", "H"}
    frame.to_csv("rows.csv", index=False, sep=";", decimal=",")
    assert sorted(surveyed().labels) == [0, 1]


def test_labels_with_decimal_commas_are_numbers(folder):
    frame = loans()
    frame["repaid"] = frame["repaid"].astype(float).map("{:.1f}".format).str.replace(".", ",")
    frame.to_csv("rows.csv", index=False, sep=";", decimal=",")
    assert sorted(surveyed().labels) == [0, 1]


def test_a_group_named_na_is_told_and_can_be_kept(folder, capsys):
    pytest.importorskip("river", reason="needs river, of the extra `drift`")
    loans(races=("AS", "EU", "NA")).to_csv("rows.csv", index=False)
    said = "cells say 'NA', taken as missing; --categorical race keeps them as a value"
    code, out, err = run(capsys, "monitor", "rows.csv", *WATCH)
    assert (code, err) == (0, "")
    assert f"WARNING: race: 305 of 4,000 {said}" in out
    code, out, err = run(capsys, "monitor", "rows.csv", *WATCH, "--quiet")
    assert code == 0
    assert "kept its bound" in out
    assert err == f"skfeamoe: warning: race: 305 of 4,000 {said}"
    code, out, err = run(
        capsys, "monitor", "rows.csv", *WATCH, "--quiet", "--categorical", "race"
    )
    assert (code, err) == (0, "")
    assert "did NOT keep" in out


def test_words_for_missing_values_are_named_where_they_stop_a_run(folder):
    frame = loans(races=("m", "NA"), shares=(0.5, 0.5))
    frame.to_csv("rows.csv", index=False)
    found = surveyed()
    with pytest.raises(InputError) as caught:
        check_survey(found, "rows.csv", ROLES)
    n = int((frame["race"] == "m").sum())
    assert f"one group, 'm', in {n:,} of 4,000 rows, and nothing in the others" in str(
        caught.value
    )
    assert f"{4_000 - n:,} of 4,000 cells say 'NA'" in str(caught.value)
    loans().assign(repaid=lambda f: np.where(f["repaid"] == 1, "yes", "None")).to_csv(
        "rows.csv", index=False
    )
    with pytest.raises(InputError, match=r"rows that have one; .* cells say 'None'"):
        check_survey(surveyed(), "rows.csv", ROLES)
    loans().assign(repaid="null").to_csv("rows.csv", index=False)
    with pytest.raises(InputError, match=r"missing in every row of .* cells say 'null'"):
        check_survey(surveyed(), "rows.csv", ROLES)


def test_the_words_are_those_of_pandas():
    for word in ("", *WORDS):
        assert pd.read_csv(io.StringIO(f"a,b\nx,{word}\ny,z")).isna().sum().sum() == 1
    for word, meant in YES_AND_NO.items():
        column = pd.read_csv(io.StringIO(f"a\n{word}\n{word}"))["a"]
        assert column.dtype == bool
        assert column.tolist() == [meant] * 2


def test_words_in_other_columns_are_missing_as_before(folder):
    frame = loans().assign(zip="NA")
    frame["income"] = frame["income"].astype(object).where(frame.index > 9, "n/a")
    frame.to_csv("rows.csv", index=False)
    found = read(target="repaid", sensitive=["race"])
    assert found["zip"].isna().all()
    assert found["income"].isna().sum() == 10
    assert found["income"].dtype == float


def test_a_column_without_labels_at_first_gets_its_type_later(folder):
    frame = loans(READ_ROWS + 100).assign(repaid=lambda f: f["repaid"].astype("Int64"))
    frame.loc[: READ_ROWS + 4, "repaid"] = pd.NA
    frame.to_csv("rows.csv", index=False)
    found = surveyed()
    assert sorted(found.labels) == [0, 1]
    assert found.n_rows == 95


def test_classes_that_are_no_whole_numbers_are_learned_as_texts(folder, capsys):
    loans().assign(repaid=lambda f: f["repaid"] / 2).to_csv("rows.csv", index=False)
    options = (*STREAM, "--quiet", "--categorical", "repaid", "--model", "m")
    assert run(capsys, "stream", "rows.csv", *options)[0] == 0
    assert load("m").classes_.tolist() == ["0", "0.5"]


def test_words_for_nothing_are_those_of_pandas():
    cells = [*WORDS, "", *YES_AND_NO, "x"]
    file = io.StringIO("cell\n" + "\n".join(f'"{cell}"' for cell in cells))
    read = pd.read_csv(file, skip_blank_lines=False)["cell"]
    assert read.isna().tolist() == [cell in {*WORDS, ""} for cell in cells]
    for word, value in YES_AND_NO.items():
        assert pd.read_csv(io.StringIO(f"cell\n{word}\n"))["cell"].tolist() == [value]
    assert set(WORDS) == STR_NA_VALUES - {""}

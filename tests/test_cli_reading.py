"""Numbers of a file are read as its marks say, and its times in one way from end to end."""

import argparse

import numpy as np
import pandas as pd
import pytest

from skfeamoe._cli._cells import as_numbers
from skfeamoe._cli._source import Source, has_decimal_commas
from skfeamoe.streaming._arrow import READ_ROWS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def source(file="rows.csv", **options):
    """A source as the command line makes it."""
    return Source(argparse.Namespace(file=file, **options))


# numbers


@pytest.mark.parametrize("place", [50, READ_ROWS + 50])
@pytest.mark.parametrize("numeric", [[], ["score"]])
def test_an_odd_cell_costs_as_much_with_decimal_commas_as_with_points(folder, place, numeric):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"score": rng.normal(size=READ_ROWS + 100).round(2), "repaid": 1})
    texts = frame["score"].astype(str)
    frame.loc[place, "score"] = np.nan
    for mark in ".,":
        cells = texts.str.replace(".", mark)
        cells[place] = "n.a."
        frame.assign(score=cells).to_csv("rows.csv", sep=";", index=False)
        odd = source(numeric=numeric)
        found = pd.concat(list(odd.frames()), ignore_index=True)
        pd.testing.assert_frame_equal(found, frame)
        assert f"score: 1 of {len(frame):,} cells are no number" in odd.cells.notes()[0]


def test_a_point_is_no_decimal_mark_where_a_comma_is():
    """It may stand between thousands, as in 1.234,5; nobody knows of 1.234 alone."""
    texts = pd.Series(["1,5", "2.5", "1.234,5", "-3", None, "4e1"])
    found = as_numbers(texts, ",").tolist()
    np.testing.assert_array_equal(found, [1.5, np.nan, np.nan, -3.0, np.nan, 40.0])


def test_odd_cells_among_the_first_lines_do_not_hide_decimal_commas():
    cells = ["1,5"] * 19 + ["n.a."]
    content = "a;b\n" + "\n".join(f"{cell};2" for cell in cells)
    assert has_decimal_commas(content.encode(), ";", "utf-8")
    assert not has_decimal_commas(content.replace(",", ".").encode(), ";", "utf-8")

"""Numbers of a file are read as its marks say, and its times in one way from end to end."""

import argparse

import numpy as np
import pandas as pd
import pytest

from skfeamoe._cli._cells import as_numbers
from skfeamoe._cli._errors import InputError
from skfeamoe._cli._source import Source, has_decimal_commas
from skfeamoe._cli._times import TimeTexts
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


# times


def settled(texts, asked=None):
    """Form and notes of texts that come in two pieces."""
    found = TimeTexts("day", asked)
    for piece in np.array_split(np.array(texts, dtype=object), 2):
        found.look(pd.Series(piece, dtype=object))
    return found.settled()


@pytest.mark.parametrize(
    ("texts", "first", "day"),
    [
        (["2024-03-01", "2024-03-02"], None, "2024-03-01"),
        (["13/03/2024", "01/04/2024"], None, "2024-03-13"),
        (["03/13/2024", "04/01/2024"], None, "2024-03-13"),
        (["01/02/2024", "02/02/2024", "03/02/2024"], None, "2024-02-01"),
        (["01/02/2024", "02/02/2024", "03/02/2024"], False, "2024-01-02"),
        (["01/02/2024", "01/03/2024", "02/01/2024", "02/02/2024"], None, "2024-01-02"),
        (["2024-03-01T23:30:00-05:00", "2024-03-02T00:00:00Z"], None, "2024-03-02"),
        (["3 March 2024", "4 March 2024"], None, "2024-03-03"),
    ],
)
def test_times_of_many_forms(texts, first, day):
    form, _ = settled(texts, first)
    assert str(form.times(pd.Series(texts))[0].date()) == day


FORMS = ["%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M", "%d.%m.%y %H:%M", "%a, %d-%m-%Y %I:%M %p"]
FORMS += [form.replace("%d", "x").replace("%m", "%d").replace("x", "%m") for form in FORMS[1:]]
FORMS += ["%d %b %Y %H:%M", "%d/%m/%YT%H:%M:00.000Z", "%Y/%m/%d %H:%M:00"]


@pytest.mark.parametrize("form", FORMS)
def test_times_are_what_was_written(form):
    """The oracle is what wrote them; the first days of a month do not say the order."""
    written = pd.Series(pd.date_range("2024-01-01 00:05", periods=400, freq="3h"))
    texts = written.dt.strftime(form)
    found, _ = settled(texts)
    times = found.times(texts)
    assert (times.dt.tz is not None) == form.endswith("Z")
    assert (times.dt.tz_localize(None) == written).all()
    late = found.times(texts[:8])  # a piece that could be read otherwise
    assert (late.dt.tz_localize(None) == written[:8]).all()


def test_the_order_of_day_and_month_is_that_of_the_whole_file(folder):
    """The first rows hold days up to 11, in order under both readings."""
    n = READ_ROWS + 9_000
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // 1_500, unit="D")
    frame = pd.DataFrame({"day": days.strftime("%m/%d/%Y"), "repaid": 1})
    frame.to_csv("rows.csv", index=False)
    assert pd.to_datetime(frame["day"][READ_ROWS - 1], dayfirst=True).day == 1
    for kind in ("csv", "parquet"):
        frame.to_parquet("rows.parquet")
        us = source(file=f"rows.{kind}", time="day")
        found = pd.concat(list(us.frames()), ignore_index=True)
        assert (found["day"] == days).all()
        assert us.notes == [
            "day: read with the month first, as '01/13/2024' in row 18,000 says"
        ]
    with pytest.raises(InputError, match=r"--day-first: row 18,000 .* no month 13; pass --mon"):
        list(source(time="day", day_first=True).frames())


def test_two_orders_in_one_column_are_refused(folder):
    frame = pd.DataFrame({"day": ["01/02/2024"] * READ_ROWS + ["13/02/2024", "02/14/2024"]})
    frame.to_csv("rows.csv", index=False)
    for asked in (None, True, False):
        with pytest.raises(InputError) as refused:
            list(source(time="day", day_first=asked).frames())
        assert f"day first: 1, such as '13/02/2024' in row {READ_ROWS:,}" in str(refused.value)
        assert f"month first: 1, such as '02/14/2024' in row {READ_ROWS + 1:,}" in str(
            refused.value
        )


@pytest.mark.parametrize("n_first", [300, READ_ROWS])
@pytest.mark.parametrize("sort", [False, True])
def test_a_change_of_form_loses_no_time_and_what_is_none_is_told(folder, n_first, sort):
    times = pd.Series(pd.date_range("2024-01-01", periods=n_first + 900, freq="5min"))
    texts = times.dt.strftime("%Y-%m-%d %H:%M").copy()
    texts[n_first:] = times[n_first:].dt.strftime("%d.%m.%Y %H:%M")
    texts[n_first + 7], times[n_first + 7] = "unknown", pd.NaT
    pd.DataFrame({"t": texts, "x": 1.0}).to_csv("rows.csv", index=False)
    both = source(time="t", sort=sort)
    found = pd.concat(list(both.frames()), ignore_index=True)["t"]
    expected = times.sort_values(ignore_index=True) if sort else times
    unit = "datetime64[us]"  # pandas before 3 reads nanoseconds
    pd.testing.assert_series_equal(found.astype(unit), expected.astype(unit), check_names=False)
    told = " ".join(both.notes)
    assert f"t: {n_first:,} times are written year first, 899 others are not" in told
    assert (
        f"t: 1 of {len(texts):,} cells are no time (such as 'unknown' in row {n_first + 7:,}), "
        "taken as missing" in told
    )


def test_texts_that_are_no_times_are_refused_by_the_first_of_them():
    with pytest.raises(InputError, match="no times, such as 'soon' in row 1;"):
        settled(["2024-03-01", "soon", "later", "2024-03-02"])


def test_times_without_a_zone_among_others_are_told():
    _, notes = settled(["2024-03-01T00:00Z", "2024-03-01 05:00", "01-02-2024 10:00"], True)
    assert "day: 2 times without a zone among others are read as UTC" in notes
    assert not settled(["01-02-2024"])[0].zoned


def test_a_column_whose_first_piece_is_empty_is_read_as_the_others_say(folder):
    texts = [None] * READ_ROWS + ["01/14/2024", "02/01/2024"]
    pd.DataFrame({"t": texts, "x": 1.0}).to_csv("rows.csv", index=False)
    *_, last = source(time="t").frames()
    assert last["t"].dt.month.tolist() == [1, 2]

"""The report: its numbers, its safety, and what a real browser makes of it."""

import re

import numpy as np
import pandas as pd
import pytest
from webdriver import chromium

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import FairnessDriftDisplay
from skfeamoe.streaming import monitor, prequential
from skfeamoe.streaming._report import MOST_STEPS, Report, _plain, explain, render
from skfeamoe.streaming._report_parts import _effects
from skfeamoe.streaming._report_pictures import _draw_calibration

pytest.importorskip("jinja2", reason="needs jinja2, of the extra `demo`")
pytest.importorskip("matplotlib", reason="needs matplotlib, of the extra `demo`")
pytest.importorskip("river", reason="needs river, of the extra `drift`")

NASTY = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def stream():
    """Rows of a world that turns, with a group whose name is an attack."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4_000, 3))
    turn = np.where(np.arange(4_000) < 2_000, 1, -1)
    y = (turn * X[:, 0] + 0.3 * rng.normal(size=4_000) > 0).astype(int)
    return X, y, rng.choice(["f", NASTY], 4_000)


@pytest.fixture(scope="module")
def result(stream):
    """A run of FEAMOE and of one expert."""
    X, y, sex = stream
    batches = [(X[i : i + 50], y[i : i + 50], sex[i : i + 50]) for i in range(0, 4_000, 50)]
    models = {
        "mixture": FEAMOEClassifier(growth_interval=1_000, random_state=0),
        "single": FEAMOEClassifier(growth=None, random_state=0),
    }
    return prequential(models, batches, window=500, evaluate_every=100, detector="adwin")


@pytest.fixture(scope="module")
def report(result, stream):
    """The full report."""
    X, _, sex = stream
    return result.to_html(
        title="Loans & leases",
        facts={"Source": "made for a test"},
        X=X[-100:],
        sensitive_features=sex[-100:],
    )


def test_numbers_are_those_of_the_result(result, report):
    last = result.summary().loc["mixture"]
    assert f"{last['demographic_parity_difference']:.3f}" in report
    assert f"{100 * last['accuracy']:.1f} %" in report
    assert "bound 0.05" in report
    alarms = result.alarms
    for row in alarms["row"][alarms["model"] == "mixture"]:
        assert f"row {row:,}" in report
    assert "made for a test" in report
    assert "growth_interval=1000" in report
    assert "Features behind the gap" in report


def test_names_from_the_data_are_never_markup(report):
    assert NASTY not in report
    assert "&lt;script&gt;alert(" in report
    assert "Loans &amp; leases" in report
    assert "<script" not in report


def test_nothing_points_outside(report):
    sources = re.findall(r'(?:src|href|srcset)="([^"]*)"', report)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "url(" not in report.replace("url(#", "")


def test_a_browser_shows_every_picture_and_asks_for_nothing(report, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report, encoding="utf-8")
    with chromium() as browser:
        browser.open(path)
        pictures = browser.run(
            "return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt.length])"
        )
        assert len(pictures) == 7
        assert all(done and width > 300 and alt > 20 for done, width, alt in pictures)
        assert browser.console() == []
        asked = [url for url in browser.requests() if not url.startswith("data:")]
        assert asked == [path.as_uri()]
        headings = browser.run("return [...document.querySelectorAll('h2')].map(h => h.id)")
        assert headings == [
            "time", "models", "groups", "alarms", "experts", "features", "record",
        ]  # fmt: skip
        too_wide = "return document.documentElement.scrollWidth > window.innerWidth"
        assert not browser.run(too_wide)
        missing = (
            "return [...document.querySelectorAll('nav a')]"
            ".filter(a => !document.querySelector(a.getAttribute('href'))).length"
        )
        assert browser.run(missing) == 0


def test_file_is_written_whole(tmp_path):
    y = np.random.default_rng(0).integers(2, size=300)
    result, path = monitor(y, y), tmp_path / "report.html"
    path.write_text("old")
    text = result.to_html(path)
    assert path.read_text(encoding="utf-8") == text
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(FileNotFoundError):
        result.to_html(tmp_path / "nowhere" / "report.html")


def test_report_of_a_monitor_without_groups_alarms_or_a_full_window():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=300)
    text = monitor(y, y).to_html()
    assert "no alarm" in text
    assert "100.0 %" in text
    assert "not measured" in text
    one_group = monitor(y, y, sensitive_features=["all"] * 300).to_html(difference_bound=0.1)
    assert "not measured" in one_group


def test_report_of_many_groups_names_what_it_leaves_out():
    rng = np.random.default_rng(0)
    y, town = rng.integers(2, size=6_000), rng.integers(100, size=6_000)
    text = monitor(y, y, sensitive_features=town, min_group_size=10).to_html()
    assert "40 smaller groups are not listed" in text


def test_wrong_choices_are_refused(result, stream):
    with pytest.raises(ValueError, match="model must be one of"):
        result.to_html(model="none")
    with pytest.raises(ValueError, match="measure must be a gap of the run"):
        result.to_html(measure="accuracy")
    with pytest.raises(ValueError, match="sensitive_features must be given with X"):
        result.to_html(X=stream[0])


def test_who_writes_a_report_is_told_what_comes_next(result, stream):
    X, _, groups = stream
    report = Report.of(result, X=X[-100:], sensitive_features=groups[-100:])
    told = []
    text = render(report, title="t", facts=None, tell=told.append)
    drawn = ["gap", "accuracy", "groups", "calibration", "experts", "shapes", "features"]
    assert told == [f"drawing {name}" for name in drawn]
    assert len(told) + 2 <= MOST_STEPS  # and explaining, and the numbers
    assert "drawing" not in text


def test_a_group_looks_alike_in_all_pictures(stream):
    from matplotlib.figure import Figure

    X, y, _ = stream
    names = np.random.default_rng(1).choice(["a", "b", "c"], len(y), p=[0.2, 0.5, 0.3])
    batches = [(X[i : i + 50], y[i : i + 50], names[i : i + 50]) for i in range(0, 1_000, 50)]
    model = FEAMOEClassifier(growth=None, random_state=0)
    result = prequential({"model": model}, batches, window=250)
    ax = Figure().subplots()
    _draw_calibration(ax, Report.of(result))
    rates = FairnessDriftDisplay.from_result(result, panels=("rates",)).ax_[0]
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker()) for line in drawn.lines}
        for drawn in (ax, rates)
    ]
    assert {name: looks[0][name] for name in "abc"} == {name: looks[1][name] for name in "abc"}
    assert len({looks[0][name] for name in ("everyone", *"abc")}) == 4


def unfair(n=6_000):
    """Decisions on people of two groups, of which one is refused from the middle on."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], n)
    late = (np.arange(n) >= n // 2) & (sex == "f")
    return rng.integers(2, size=n) * ~late, sex


def test_a_report_of_decisions_without_truths_tells_of_gaps_and_not_of_accuracy():
    granted, sex = unfair()
    result = monitor(None, granted, sensitive_features=sex, window=500)
    assert len(result.alarms)
    page = result.to_html(difference_bound=0.05)
    assert "Windowed demographic-parity gap" in page
    assert "Windowed accuracy" not in page
    with pytest.raises(ValueError, match=r"'decisions' .* has no explain; leave X out"):
        result.to_html(X=np.zeros((9, 1)), sensitive_features=sex[:9])
    result.points.clear()
    with pytest.raises(ValueError, match="no evaluation point; run the stream further"):
        result.to_html()


def test_a_report_of_a_run_that_was_not_watched_says_so():
    rng = np.random.default_rng(0)
    X, sex = rng.normal(size=(400, 2)), rng.choice(["f", "m"], 400)
    y = (X[:, 0] > 0).astype(int)
    batches = [(X[i : i + 50], y[i : i + 50], sex[i : i + 50]) for i in range(0, 400, 50)]
    model = FEAMOEClassifier(growth=None, random_state=0)
    for detector, told in ((None, True), ("adwin", False)):
        result = prequential(model, batches, window=100, classes=[0, 1], detector=detector)
        assert ("no change detector was asked for" in result.to_html()) == told


def test_of_one_group_features_are_explained_and_no_gap(result, stream):
    X, _, sex = stream
    other = pd.DataFrame(X[-60:], columns=["a", "b", "c"])
    view, gap = explain(result, "mixture", X[-60:], np.full(60, "f"), None, shown=other)
    assert gap is None
    assert not set(view.names) & set(other)  # so that what is shown is not of other columns
    np.testing.assert_array_equal(np.asarray(view.cells, dtype=float), X[-60:])
    again, gap = explain(result, "mixture", X[-60:], sex[-60:], None)
    np.testing.assert_array_equal(again.values, view.values)
    assert gap is not None


def test_without_windows_on_both_sides_an_alarm_has_no_effects():
    assert _effects([], [object()], 10, "demographic_parity_difference", 0.05) == []
    assert _effects([object()], [], 10, "demographic_parity_difference", 0.05) == []


def test_numbers_become_what_json_knows():
    given = {1: np.array([[1.5, np.nan]]), "yes": np.bool_(True), "n": np.int64(2), "t": pd.NaT}
    found = _plain(given)
    assert found == {"1": [[1.5, None]], "yes": True, "n": 2, "t": "NaT"}
    assert type(found["yes"]) is bool
    assert type(found["n"]) is int

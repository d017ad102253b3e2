"""Pictures of a phone's width, and axes with dates: nothing is drawn over anything else."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from skfeamoe.inspection import GroupComparisonDisplay
from skfeamoe.inspection._gap import GapExplanation
from skfeamoe.inspection._timeline import label_rows, mark_alarms, time_text


def gap_of_long_names():
    """What a gap of five groups with long names is made of."""
    rng = np.random.default_rng(0)
    names = ["days_since_the_last_screening", "age", "priors", "charge"]
    groups = [
        "African-American & Female",
        "Asian-Pacific-Islander",
        "Caucasian",
        "Hispanic",
        "x",
    ]
    means = rng.normal(size=(5, 4))
    return GapExplanation(
        feature_names=names, values=means[0] - means[4], standard_error=np.full(4, 0.1),
        computation_error=np.zeros(4), gap=float((means[0] - means[4]).sum()),
        gap_standard_error=0.1, highest=0, lowest=1, groups=groups, n_samples=np.full(5, 60),
        mean_values=means, mean_errors=np.full((5, 4), 0.1), mean_output=rng.random(5),
        base_value=0.5, n_unknown=0,
    )  # fmt: skip


def drawn(figure):
    """The figure's renderer, after its layout was made; a warning would be an error."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


@pytest.mark.parametrize("width", [4.3, 8.6])
def test_title_and_groups_of_a_gap_fit_the_picture(width):
    figure = Figure(figsize=(width, 4.0), layout="constrained")
    ax = figure.subplots()
    GroupComparisonDisplay(gap_of_long_names()).plot(ax=ax)
    renderer = drawn(figure)
    legend = ax.get_legend()
    title = legend.get_title().get_window_extent(renderer)
    entries = [text.get_window_extent(renderer) for text in legend.get_texts()]
    assert len(entries) == 5
    assert not any(title.overlaps(entry) for entry in entries)
    for box in (title, *entries, ax.xaxis.label.get_window_extent(renderer)):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
    assert ax.get_window_extent(renderer).width > 0.15 * figure.bbox.width
    assert legend.get_title().get_text().replace("\n", " ").startswith("Gap in mean")


@pytest.mark.parametrize("width", [4.3, 8.6, 12.0])
@pytest.mark.parametrize("time", ["2013-05-01", None])
def test_rows_and_dates_under_an_axis_stand_apart(width, time):
    figure = Figure(figsize=(width, 3.0), layout="constrained")
    ax = figure.subplots()
    ax.set_xlim(1_700, 6_200)
    label_rows(ax, range(0, 6_200, 100), [time] * 62)
    renderer = drawn(figure)
    boxes = [label.get_window_extent(renderer) for label in ax.get_xticklabels()]
    assert len(boxes) >= 3
    assert all(left.x1 + 3 < right.x0 for left, right in itertools.pairwise(boxes))


def test_alarms_that_are_close_together_share_a_number():
    ax = Figure().subplots()
    ax.set_xlim(0, 1_000)
    mark_alarms([ax], [100, 110, 120, 500])
    labels = {text.get_text(): text.xy[0] for text in ax.texts}
    assert labels == {"1\N{EN DASH}3": 110.0, "4": 500.0}
    assert len(ax.lines) == 4


@pytest.mark.parametrize(
    ("time", "text"),
    [(2020.0, "2020"), (0.5, "0.5"), (np.datetime64("2020-03-01T12:30"), "2020-03-01")],
)
def test_times_are_days_or_numbers(time, text):
    assert time_text(time) == text

"""What changed in the inputs: known values, noise by simulation, ties to alarms."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from scipy.stats import wasserstein_distance

from skfeamoe.streaming import InputMonitor, monitor
from skfeamoe.streaming._inputs import MOST_WINDOWS, stability_index, stability_noise


def test_index_is_the_formula():
    old, new = np.array([30.0, 50.0, 20.0]), np.array([10.0, 60.0, 30.0])
    p, q = (x + 0.5 for x in (old, new))
    p, q = p / p.sum(), q / q.sum()
    assert stability_index(old, new) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert stability_index(old, old) == 0.0


@pytest.mark.parametrize("n", [100, 1_000])
def test_noise_is_exceeded_once_in_twenty_times_without_a_change(n):
    rng = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    draws = rng.multinomial(n, shares, size=(2_000, 2)).astype(float)
    over = [stability_index(a, b) > stability_noise(a, b) for a, b in draws]
    assert 0.03 < np.mean(over) < 0.07


def test_wasserstein_is_that_of_scipy_in_standard_deviations():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=500), rng.normal(0.7, 1.0, 500)
    watch = InputMonitor(window=500)
    watch.update(pd.DataFrame({"x": first}))
    watch.update(pd.DataFrame({"x": second}))
    want = wasserstein_distance(first, second) / first.std()
    assert watch.table()["wasserstein"].iloc[0] == pytest.approx(want)


def test_missing_rates_and_new_categories_are_told():
    watch = InputMonitor(window=100)
    watch.update(pd.DataFrame({"town": ["a", "b"] * 50, "x": np.arange(100.0)}))
    later = pd.DataFrame({"town": ["a", "z", "z", None] * 25, "x": [1.0, np.nan] * 50})
    watch.update(later)
    table = watch.table().set_index("column")
    assert table.loc["town", "new_rate"] == 0.5
    assert table.loc["town", "new_values"] == "z"
    assert table.loc["town", "missing_rate"] == 0.25
    assert table.loc["x", "missing_rate"] == 0.5
    assert (table["psi"] > table["psi_noise"]).all()


def test_how_rows_arrive_makes_no_difference():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=1_000), "t": rng.choice(["a", "b"], 1_000)})
    tables = []
    for size in (1, 37, 1_000):
        watch = InputMonitor(window=200)
        for start in range(0, 1_000, size):
            watch.update(frame.iloc[start : start + size])
        tables.append(watch.table())
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_an_alarm_names_the_column_that_moved_for_its_group():
    pytest.importorskip("river", reason="needs river, of the extra `drift`")
    rng = np.random.default_rng(0)
    n = 8_000
    sex = rng.choice(["f", "m"], n)
    moved = (sex == "f") & (np.arange(n) >= 4_000)
    X = pd.DataFrame({"debt": rng.normal(0, 1, n) + 2 * moved, "age": rng.normal(size=n)})
    chosen = (X["debt"] + rng.normal(size=n) < 0.5).astype(int)
    result = monitor(None, chosen.to_numpy(), sensitive_features=sex, X=X, input_window=400)
    alarms = result.alarms
    first = alarms.iloc[0]
    assert first["cause"] == "selection_rate_gap"
    assert abs(first["row"] - 4_000) < 600
    assert first["moved"].startswith("debt of f (PSI")
    assert "age" not in first["moved"]
    drift = result.input_drift
    late = drift[(drift["first_row"] >= 4_400) & (drift["column"] == "debt")]
    by_group = late.groupby("group")["psi"].median()
    assert by_group["f"] > 1.0
    assert by_group["m"] < 0.1


def test_wrong_windows_are_refused():
    with pytest.raises(ValueError, match="window must be a number of rows from 10"):
        InputMonitor(window=3)


def windows(*frames, size=100, groups=None):
    """A watch that has seen frames of one window each."""
    watch = InputMonitor(window=size)
    for k, frame in enumerate(frames):
        watch.update(frame, None if groups is None else groups[k])
    return watch


def test_numbers_that_were_constant_or_have_gone_have_no_distance():
    rng = np.random.default_rng(0)
    first = pd.DataFrame({"same": np.ones(100), "gone": rng.normal(size=100)})
    second = first.assign(same=0.0, gone=np.nan)
    table = windows(first, second).table().set_index("column")
    assert table["wasserstein"].isna().all()
    assert (table["psi"] > table["psi_noise"]).all()  # that they moved is told all the same


@pytest.mark.parametrize("now", [0.0, 1.5, 2.0, 9.0])
def test_a_constant_number_that_changes_has_moved_whichever_way(now):
    first = pd.DataFrame({"few": np.repeat([1.0, 2.0], 50), "same": np.ones(100)})
    table = windows(first, first.assign(few=now, same=now)).table()
    assert (table["psi"] > table["psi_noise"]).tolist() == [True, True]


def test_a_column_without_a_value_at_first_has_bins_for_what_comes():
    first = pd.DataFrame({"late": np.full(100, np.nan)})
    watch = windows(first, first.assign(late=3.0))
    assert watch.table()["psi"].item() > watch.table()["psi_noise"].item()
    assert np.isnan(watch.table()["wasserstein"].item())


@pytest.mark.parametrize("make", [pl.DataFrame, lambda f: sp.csr_array(f.to_numpy()), None])
def test_rows_of_any_kind_are_watched_alike(make):
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame(rng.normal(m, 1.0, (100, 2)), columns=["0", "1"]) for m in (0, 1)]
    want = windows(*frames).table()
    made = [frame.to_numpy() if make is None else make(frame) for frame in frames]
    pd.testing.assert_frame_equal(windows(*made).table(), want)


def test_a_group_that_comes_late_is_compared_with_nobody_and_does_not_move():
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame({"x": rng.normal(m, 1.0, 100)}) for m in (0, 0, 3)]
    codes = [np.zeros(100, int), np.zeros(100, int), np.arange(100) % 2]
    watch = windows(*frames, groups=codes)
    table = watch.table(["old", "new"])
    assert set(table["group"].dropna()) == {"old"}
    assert [name for name, _ in watch.moved(200, 250, None)] == ["x"]
    assert [name for name, _ in watch.moved(200, 250, 0)] == ["x"]
    assert watch.moved(200, 250, 1) == []  # nobody of it before


def test_without_a_window_on_both_sides_nothing_has_moved():
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame({"x": rng.normal(m, 1.0, 100)}) for m in (0, 3)]
    watch = windows(*frames)
    assert watch.moved(0, 50, None) == []
    assert watch.moved(500, 600, None) == []
    assert [name for name, _ in watch.moved(100, 150, None)] == ["x"]


def test_old_windows_go_and_the_reference_stays():
    rng = np.random.default_rng(0)
    watch = InputMonitor(window=10)
    for k in range(MOST_WINDOWS + 20):
        watch.update(pd.DataFrame({"x": rng.normal(k / 100, 1.0, 10)}))
    assert len(watch.windows) == MOST_WINDOWS
    assert watch.windows[0].first_row == 0
    assert watch.table()["first_row"].iloc[0] == 10 * 21

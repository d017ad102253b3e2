"""Change detectors as plain data, against river's own objects; contrasts, against a loop."""

import json
import pickle
import sys

import numpy as np
import pytest

from skfeamoe._training.drift.detector import (
    DETECTORS,
    Contrast,
    Detector,
    update_contrast,
)

drift = pytest.importorskip("river.drift", reason="needs river, of the extra `drift`")


def rates(*stretches, seed=0):
    """Zeros and ones at the rates of (rate, rows) stretches."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(n) < rate for rate, n in stretches]).astype(float)


def saved_and_read(detector):
    return Detector.from_dict(pickle.loads(pickle.dumps(detector.to_dict())))


def alarms_of(detector, values, size):
    """All alarm positions of a stream cut into pieces, saved and read back between them."""
    found = []
    for start in range(0, len(values), size):
        position, piece = start, values[start : start + size]
        while len(piece):
            detector = saved_and_read(detector)
            alarm = detector.update(piece)
            if alarm is None:
                break
            found.append(position + alarm)
            position, piece = position + alarm + 1, piece[alarm + 1 :]
    return found, detector


PARAMS = {
    "adwin": {},
    "page_hinkley": {},
    "kswin": {"alpha": 1e-3, "window_size": 100, "stat_size": 30},
}


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("size", [1, 37, 10_000])
def test_alarms_are_those_of_an_unbroken_river_detector(name, size):
    n = 150 if name == "kswin" else 3_000
    values = rates((0.1, n), (0.8, n), (0.2, n))
    class_name, defaults = DETECTORS[name]
    detector = getattr(drift, class_name)(**{**defaults, **PARAMS[name]})
    expected = []
    for position, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            expected.append(position)
    found, ours = alarms_of(Detector(name, **PARAMS[name]), values, size)
    assert found == expected
    assert len(found) >= 2
    assert ours.n_alarms == len(found)


@pytest.mark.parametrize("name", DETECTORS)
def test_state_is_plain_data_and_skops_reads_it_without_trust(name):
    sio = pytest.importorskip("skops.io")
    detector = Detector(name)
    detector.update(rates((0.3, 500)))
    state = detector.to_dict()

    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(k, str) and plain(v) for k, v in value.items())
        if isinstance(value, np.ndarray):
            return value.dtype.kind in "iuf"
        return isinstance(value, (str, int, float, type(None)))

    assert plain(state)
    again = Detector.from_dict(sio.loads(sio.dumps(state), trusted=[]))
    more = rates((0.9, 500))
    assert again.update(more) == detector.update(more) is not None


def test_a_copy_goes_its_own_way():
    detector = Detector("adwin")
    detector.update(rates((0.3, 500)))
    before = pickle.dumps(detector.to_dict())
    detector.copy().update(rates((0.9, 500)))
    assert pickle.dumps(detector.to_dict()) == before


def test_levels_before_and_after_are_those_of_the_stream():
    values = rates((0.15, 10_000), (0.35, 2_000))
    detector = Detector("adwin")
    alarm = detector.update(values)
    assert 10_000 <= alarm < 10_300
    assert detector.before == pytest.approx(0.15, abs=0.01)
    assert detector.after == pytest.approx(0.35, abs=0.1)
    start = alarm + 1 - detector.n_after
    assert abs(start - 10_000) < 20
    taken = values[:start].mean()
    assert detector.before == pytest.approx(taken)


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.5])
def test_a_world_that_stays_gives_no_alarm(rate):
    assert Detector("adwin").update(rates((rate, 200_000))) is None


def test_a_jump_is_seen_within_a_few_hundred_rows():
    delays = []
    for seed in range(20):
        values = rates((0.15, 5_000), (0.35, 1_000), seed=seed)
        delays.append(Detector("adwin").update(values) - 5_000)
    assert min(delays) >= 0
    assert np.median(delays) <= 150
    assert max(delays) <= 300


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_contrast_equals_a_loop_over_rows(share, size):
    rng = np.random.default_rng(1)
    inside, values = rng.random(700) < share, rng.random(700)
    blocks, ends, block = [], [], []
    for row, (side, value) in enumerate(zip(inside, values, strict=True)):
        if block and side != block[0][0]:
            difference = value - np.mean([v for _, v in block])
            blocks.append((1 + (difference if side else -difference)) / 2)
            ends.append(row)
            block = []
        else:
            block.append((side, value))
    state, got, got_ends = Contrast(), [], []
    for start in range(0, 700, size):
        part = slice(start, start + size)
        state, finished, rows = update_contrast(state, inside[part], values[part])
        got += finished.tolist()
        got_ends += (rows + start).tolist()
    assert got_ends == ends
    np.testing.assert_allclose(got, blocks, atol=1e-12)
    assert state.n_rows == len(block)


def test_contrast_is_the_gap_whatever_the_shares_are():
    rng = np.random.default_rng(2)
    for share in (0.5, 0.1, 0.9):
        inside = rng.random(200_000) < share
        values = rng.random(200_000) < np.where(inside, 0.3, 0.45)
        _, blocks, _ = update_contrast(Contrast(), inside, values.astype(float))
        error = 3 * blocks.std() / np.sqrt(len(blocks))
        assert blocks.mean() * 2 - 1 == pytest.approx(-0.15, abs=2 * error)


def test_missing_river_is_told_with_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "river.drift", None)
    told = r'a drift detector needs river, .* pip install "skfeamoe\[drift\]"'
    with pytest.raises(ImportError, match=told):
        Detector("adwin")


def test_wrong_names_parameters_and_values_are_refused():
    with pytest.raises(ValueError, match="detector must be one of"):
        Detector("ddm")
    with pytest.raises(ValueError, match="do not fit detector 'adwin'"):
        Detector("adwin", threshold=3)
    with pytest.raises(ValueError, match="must be finite"):
        Detector("adwin").update(np.array([0.0, np.nan]))


def test_state_does_not_grow():
    detector = Detector("adwin")
    sizes = []
    for seed in range(4):
        detector.update(rates((0.3, 100_000), seed=seed))
        sizes.append(len(pickle.dumps(detector.to_dict())))
    assert sizes[-1] < 10_000
    assert json.dumps(detector.params) == "{}"

"""Everybody counts once, however many rows are theirs: against pandas, row by row."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skfeamoe.metrics import mean_gap_interval
from skfeamoe.streaming import StreamBatch, StreamMonitor, iter_batches, monitor, prequential


@pytest.fixture
def decided():
    """Decisions on people who come more often the better they fare."""
    rng = np.random.default_rng(0)
    n_people = 400
    chance = rng.uniform(size=n_people)
    visits = rng.poisson(1 + 9 * chance)
    person = rng.permutation(np.repeat(np.arange(n_people), visits))
    frame = pd.DataFrame({"person": person, "sex": np.where(person % 3, "f", "m")})
    frame["granted"] = (rng.random(len(person)) < chance[person]).astype(int)
    frame["repaid"] = rng.integers(2, size=len(person))
    return frame


def expected(frame):
    rates = frame.groupby(["sex", "person"])["granted"].mean().groupby("sex")
    return pd.DataFrame({"n": rates.size(), "rate": rates.mean(), "error": rates.sem()})


def watched(frame, **options):
    return monitor(
        frame["repaid"], frame["granted"], sensitive_features=frame["sex"], **options
    )


def test_rates_of_people_are_means_of_their_means(decided):
    result = watched(decided, person=decided["person"].to_numpy())
    found, wanted = result.people_table.set_index("group"), expected(decided)
    np.testing.assert_allclose(found.loc[wanted.index, "n_people"], wanted["n"])
    np.testing.assert_allclose(found.loc[wanted.index, "selection_rate"], wanted["rate"])
    np.testing.assert_allclose(found.loc[wanted.index, "standard_error"], wanted["error"])
    assert found["n_rows"].sum() == len(decided)
    of_rows = decided.groupby("sex")["granted"].mean()
    assert (of_rows - wanted["rate"] > 0.05).all()  # who comes often weighs more in rows


def test_whose_rows_they_are_changes_nothing_else(decided):
    alone = watched(decided)
    told = watched(decided, person=decided["person"].to_numpy())
    pd.testing.assert_frame_equal(alone.table, told.table)
    assert not len(alone.people_table)


def test_people_who_are_not_known_are_left_out(decided):
    person = decided["person"].astype("Int64").mask(decided["person"] < 100)
    kept = decided[decided["person"] >= 100]
    found = watched(decided, person=person.to_numpy()).people_table.set_index("group")
    np.testing.assert_allclose(found["selection_rate"], expected(kept).loc[found.index, "rate"])
    with pytest.raises(
        ValueError, match="person must hold a number or a text per row, got list"
    ):
        watched(decided, person=pd.Series([[1]] * len(decided)).to_numpy())
    with pytest.raises(ValueError, match="person has 3 rows"):
        watched(decided, person=np.arange(3))


def test_a_monitor_that_was_saved_knows_the_people_again(decided):
    watch = StreamMonitor(classes=[0, 1])
    for start in range(0, len(decided), 100):
        part = decided[start : start + 100]
        watch.update(part["repaid"], part["granted"], part["sex"], person=part["person"])
        watch = pickle.loads(pickle.dumps(watch))
    wanted = expected(decided)
    found = watch.result().people_table.set_index("group").loc[wanted.index]
    np.testing.assert_allclose(found["selection_rate"], wanted["rate"])


@pytest.mark.parametrize("label_delay", [0, 3])
def test_only_rows_that_a_model_decided_on_count(decided, label_delay):
    class Rule:
        classes_ = np.array([0, 1])

        def predict(self, X):
            return X["granted"].to_numpy()

    batches = list(
        iter_batches(decided, target="repaid", sensitive="sex", person="person", batch_size=100)
    )
    assert list(batches[0].X) == ["granted"]
    result = prequential(
        {"rule": Rule()},
        batches,
        train=False,
        label_delay=label_delay,
        pretrain_rows=500,
        metrics=["accuracy", "demographic_parity_difference"],
    )
    wanted = expected(decided[500:])
    found = result.people_table.set_index("group").loc[wanted.index]
    np.testing.assert_allclose(found["selection_rate"], wanted["rate"])


def test_report_and_numbers_tell_the_people(decided, tmp_path):
    pytest.importorskip("jinja2", reason="jinja2 is of the extra demo")
    result = watched(decided, person=decided["person"].to_numpy())
    page, wanted = result.to_html(), expected(decided)
    assert "Selection rate of people" in page
    assert "parity gap by people" in page
    assert "Selection rate of people" not in watched(decided).to_html()
    result.to_json(tmp_path)
    saved = pd.read_csv(tmp_path / "people.csv").set_index("group")
    np.testing.assert_allclose(saved.loc[wanted.index, "selection_rate"], wanted["rate"])
    gap = mean_gap_interval(wanted["rate"], wanted["error"])
    assert f"{gap.low:.3f} to {gap.high:.3f}" in page


def test_a_batch_may_be_without_people(decided):
    rows = decided[:50]
    StreamBatch(rows[["granted"]], rows["repaid"], person=None)
    watch = StreamMonitor(classes=[0, 1])
    watch.update(rows["repaid"], rows["granted"], rows["sex"])
    watch.update(rows["repaid"], rows["granted"], rows["sex"], person=rows["person"])
    assert watch.result().people_table["n_rows"].sum() == 50

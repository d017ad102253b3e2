"""`compare --id`: nobody is in both parts, and everybody counts once."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupShuffleSplit

from skfeamoe._cli import main
from skfeamoe._cli._compare_bounds import from_all
from skfeamoe._cli._compare_people import (
    accuracy_interval,
    first_people,
    gap_of_people,
    people_of,
)
from skfeamoe._cli._errors import InputError
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.metrics import mean_gap_interval, wilson_interval


@pytest.mark.parametrize("kind", [str, float])
def test_nobody_is_in_both_parts_and_who_is_not_known_is_alone(kind):
    rng = np.random.default_rng(0)
    ids = pd.Series(rng.integers(0, 60, 500)).astype(kind).astype(object)
    ids[::50] = None
    people = people_of(ids.to_numpy(), 500)
    train = first_people(people, 0.7, "who")
    known = ids.notna().to_numpy()
    assert not set(ids[train & known]) & set(ids[~train & known])
    assert len(np.unique(people)) == ids.nunique() + 10
    assert people.max() + 1 == len(np.unique(people))
    assert 0.6 < train.mean() <= 0.7
    first_rows = pd.Series(np.arange(500)).groupby(people).min()
    assert first_rows.is_monotonic_increasing
    assert first_rows[people[train].max()] < first_rows[people[~train].min()]


def test_without_ids_the_first_rows_are_trained_on():
    train = first_people(people_of(None, 10), 0.7, None)
    assert train.tolist() == [True] * 7 + [False] * 3


def test_one_person_cannot_be_split():
    with pytest.raises(InputError, match="--id 'who': the rows of the people"):
        first_people(people_of(["a"] * 20, 20), 0.7, "who")


def test_rows_that_are_copies_make_no_accuracy_surer():
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.8
    once = accuracy_interval(right, np.arange(400))
    np.testing.assert_allclose(once, wilson_interval([right.mean()], [400])[0])
    copies = accuracy_interval(np.repeat(right, 5), np.repeat(np.arange(400), 5))
    np.testing.assert_allclose(copies, once, atol=2e-4)
    alone = accuracy_interval(np.repeat(right, 5), np.arange(2_000))
    assert np.ptp(alone) < 0.5 * np.ptp(once)


@pytest.mark.parametrize("measure", ["demographic_parity", "equal_opportunity"])
def test_a_gap_of_people_is_that_of_their_means(measure):
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(200), rng.integers(1, 6, 200))
    group = (people % 2).astype(int)
    truth, chosen = rng.integers(0, 2, (2, len(people)))
    group[:3] = -1
    rows = (group >= 0) & ((truth == 1) | (measure == "demographic_parity"))
    frame = pd.DataFrame({"group": group, "who": people, "chosen": chosen})[rows]
    means = frame.groupby(["group", "who"])["chosen"].mean().groupby("group")
    expected = mean_gap_interval(means.mean(), means.sem())
    found = gap_of_people(chosen, truth, group, people, f"{measure}_difference", 30)
    np.testing.assert_allclose(found, expected)
    few = gap_of_people(chosen, truth, group, people, f"{measure}_difference", 1_000)
    assert np.isnan(few.value)


@pytest.mark.parametrize("name", ["demographic_parity", "equal_opportunity", "equalized_odds"])
@pytest.mark.parametrize("n_groups", [2, 4])
def test_reductions_are_judged_by_what_fairlearn_bounds(name, n_groups):
    """The oracle is fairlearn's moment: its largest violation of a bound of zero."""
    reductions = pytest.importorskip("fairlearn.reductions")
    rng = np.random.default_rng(n_groups)
    n = 3_000
    group = rng.choice(n_groups, n, p=np.arange(1, n_groups + 1) / sum(range(n_groups + 1)))
    truth = rng.integers(0, 2, n)
    chosen = (rng.random(n) < 0.3 + 0.1 * group).astype(int)
    moment = getattr(reductions, CONSTRAINTS[name].moment)(difference_bound=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, to fairlearn
        moment.load_data(np.zeros((n, 1)), truth, sensitive_features=group)
        expected = moment.gamma(lambda X: chosen).max()
    measure = CONSTRAINTS[name].metric
    found = from_all(chosen, truth, group, None, measure, 30)
    assert found.value == pytest.approx(expected)
    assert found.low < expected < found.high
    alone = from_all(chosen, truth, group, np.arange(n), measure, 30)
    np.testing.assert_allclose(alone, found, atol=2e-2)  # everybody has one row
    none = from_all(chosen, truth, group, None, measure, n)
    assert np.isnan(none.value)


def test_a_distance_from_all_is_inside_its_interval_as_often_as_said():
    rng = np.random.default_rng(0)
    rates = np.array([0.5, 0.42, 0.46])
    shares = np.array([0.5, 0.3, 0.2])
    true = np.abs(rates - rates @ shares).max()
    held = 0
    for _ in range(300):
        group = rng.choice(3, 1_500, p=shares)
        chosen = (rng.random(1_500) < rates[group]).astype(int)
        found = from_all(chosen, chosen, group, None, "demographic_parity_difference", 30)
        held += found.low <= true <= found.high
    assert held >= 0.93 * 300


def test_compare_splits_by_people(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    n, visits = 300, 4
    income = rng.normal(50, 10, n)
    frame = pd.DataFrame(
        {
            "who": [f"p{i}" for i in range(n)],
            "income": income,
            "group": np.where(np.arange(n) % 2, "f", "m"),
            "repaid": np.where(income + rng.normal(0, 5, n) > 50, "yes", "no"),
        }
    )
    rows = pd.concat([frame] * visits, ignore_index=True)  # a panel: all come every year
    rows.to_csv("panel.csv", index=False)
    options = ["--target", "repaid", "--sensitive", "group", "--bounds", "0.3", "--no-plot"]
    assert main(["compare", "panel.csv", *options, "--id", "who", "--json", "j"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "210 people with 840 rows are trained on, 90 others with 360 rows tested" in out
    assert "On the people who come last" in out
    assert "of people" in out
    found = json.loads((tmp_path / "j" / "compare.json").read_text())
    for one in found:
        assert one["people_gap"] == pytest.approx(one["gap"])  # all have as many rows
        assert one["people_gap_high"] - one["people_gap_low"] > 0
    split = GroupShuffleSplit(1, test_size=0.3, random_state=0).split(rows, groups=rows["who"])
    assert len(next(split)[1]) == 360  # as many as scikit-learn's splitter by people tests

    assert main(["compare", "panel.csv", *options, "--ignore", "who", "--json", "k"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "the first 840 rows are trained on, the last 360 tested" in out
    assert "of people" not in out
    by_rows = json.loads((tmp_path / "k" / "compare.json").read_text())
    spread = [one["accuracy_high"] - one["accuracy_low"] for one in (found[0], by_rows[0])]
    assert spread[0] > 1.3 * spread[1]

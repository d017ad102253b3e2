"""benchmarks.paper: everything runs without data, and its own mathematics holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from benchmarks.paper import fair_n, hmda_years, mitigation, report
from benchmarks.paper.data import PaperContext, load, split
from benchmarks.paper.fitting import Aim, Setting, choose
from benchmarks.paper.measures import Outcome, measured
from benchmarks.paper.peers import HAS_AIF360, augmented, realism
from benchmarks.paper.registry import MODES, NAMES, experiment

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reproduction.md"


@pytest.fixture(scope="module")
def quick_results(tmp_path_factory):
    """What ``all --quick`` writes where no data are."""
    folder = tmp_path_factory.mktemp("paper")
    command = [sys.executable, "-m", "benchmarks.paper", "all", "--quick"]
    command += ["--path", str(folder / "no data"), "--output", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert all(f"\n{name}: " in done.stdout for name in NAMES)
    return folder


@pytest.fixture(scope="module")
def rows():
    """A split of made-up rows."""
    return split(load("adult", PaperContext("no folder", 1, quick=True)), 0)


def test_every_experiment_writes_finite_measures_in_both_modes(quick_results):
    for name in NAMES:
        found = json.loads((quick_results / f"paper_{name}.json").read_text())
        assert found["data"] == "made up"
        frame = pd.DataFrame(found["records"])
        assert set(MODES) <= set(frame["mode"])
        kept = [c for c in ("accuracy", "spd", "aod", "burden", "seconds") if c in frame]
        assert np.isfinite(frame[kept].to_numpy()).all()
        assert frame.get("accuracy", pd.Series([0.5])).between(0, 1).all()


def test_aif360_is_measured_where_it_is_installed(quick_results):
    found = json.loads((quick_results / "paper_mitigation.json").read_text())["records"]
    methods = {record["method"] for record in found}
    assert ("Reweighing" in methods) == HAS_AIF360


# shap's decision plot sets colors in a way that matplotlib is about to change
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_report_writes_tables_and_figures(quick_results, tmp_path):
    page = tmp_path / "reproduction.md"
    page.write_text(PAGE.read_text())
    report.write(quick_results, page, tmp_path)
    written = page.read_text()
    for name in NAMES:
        one = experiment(name)
        assert one.name == name
        between = written.split(f"<!-- begin {one.section} -->")[1]
        assert "|---|" in between.split(f"<!-- end {one.section} -->")[0]
        assert (tmp_path / f"{one.section}.png").stat().st_size > 10_000
        assert f"images/{one.section}.png" in written


def test_missing_data_say_what_to_do():
    with pytest.raises(FileNotFoundError, match="--quick runs on made-up rows"):
        load("adult", PaperContext("no folder"))


def test_a_flip_changes_the_attribute_and_nothing_else():
    task = load("compas", PaperContext("no folder", quick=True))
    flipped = task.flipped()
    assert (flipped.groups != task.groups).all()
    assert (flipped.X[task.sensitive].to_numpy() == flipped.groups).all()
    pd.testing.assert_frame_equal(flipped.flipped().X, task.X)


def test_augmented_rows_are_twins_of_the_most_realistic(rows):
    more = augmented(rows, 0.5)
    n = len(rows.y)
    assert len(more.y) == n + n // 2
    assert (np.unique(more.groups[n:]) == np.unique(rows.groups)).all()
    encoded = more.X[:, rows.sensitive_columns].argmax(axis=1)
    assert (np.unique(more.groups)[encoded] == more.groups).all()
    near = realism(more.scaled[n:], rows.scaled, rows.seed)
    assert (np.diff(near) >= 0).all()


def test_without_the_sensitive_attribute_its_columns_are_gone(rows):
    cut = rows.without_sensitive()
    assert cut.X.shape[1] == len(cut.names) == rows.X.shape[1] - 2
    assert not any(name.startswith("sex") for name in cut.names)


def test_inner_splits_never_see_the_test_rows(rows):
    part = rows.inner(0)
    assert len(part.y) + len(part.y_test) == len(rows.y)
    seen = {tuple(row) for row in np.vstack([part.X, part.X_test])}
    assert seen == {tuple(row) for row in rows.X}


def test_gradient_of_fair_n():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 4)), rng.integers(2, size=40).astype(float)
    group = rng.integers(2, size=40)
    # no zero biases, at which a row without active units sits on a kink
    start = [part + 0.1 * rng.normal(size=part.shape) for part in fair_n.initial(4, 5, rng)]
    shapes = [np.shape(part) for part in start]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def weights(flat):
        return fair_n.Weights(
            *(part.reshape(s) for part, s in zip(np.split(flat, cuts), shapes, strict=True))
        )

    def flat(parts):
        return np.concatenate([np.ravel(part) for part in parts])

    for penalty in (0.0, 0.7):
        error = check_grad(
            lambda v, p=penalty: fair_n.loss_and_gradient(weights(v), X, y, group, p)[0],
            lambda v, p=penalty: flat(fair_n.loss_and_gradient(weights(v), X, y, group, p)[1]),
            flat(start),
            epsilon=1e-7,
        )
        assert error < 1e-5


def test_fair_n_narrows_the_burden_gap(rows):
    y, group = (rows.y == 1).astype(float), (rows.groups == "minority").astype(int)
    gaps = []
    for penalty in (0.0, 1.0):
        found = fair_n.train(rows.scaled, y, group, penalty=penalty, epochs=20, batch=256)
        fwd = fair_n.forward(found, rows.scaled)
        distance = np.abs(fwd.logit) / np.linalg.norm(fwd.gradient, axis=1)
        outcome = Outcome((fwd.logit >= 0).astype(int), distance)
        gaps.append(measured(outcome, rows.y, rows.groups, 1)["burden"])
    assert gaps[1] < 0.5 * gaps[0]


def test_one_far_row_does_not_decide_the_burden():
    groups, y = np.array(["a", "a", "b", "b"]), np.array([0, 1, 0, 1])
    outcome = Outcome(np.zeros(4, dtype=int), np.array([1.0, 1e12, 1.0, 1.0]))
    assert measured(outcome, y, groups, 1)["burden"] == pytest.approx((fair_n.FARTHEST - 1) / 2)


def test_measures_of_several_draws_are_their_mean():
    rng = np.random.default_rng(0)
    y, groups = rng.integers(2, size=200), rng.choice(["a", "b"], 200)
    decided, distance = rng.integers(2, size=200), rng.random(200)
    once = measured(Outcome(decided, distance), y, groups, 1)
    twice = measured(Outcome(np.stack([decided] * 2), np.stack([distance] * 2)), y, groups, 1)
    assert once == pytest.approx(twice)


def test_the_choice_meets_the_aim_before_it_counts_accuracy():
    names = ("accuracy", "spd", "aod", "burden")
    judged = [
        (Setting(0.1, 0.1, 0.1), dict(zip(names, (0.86, 0.09, 0.05, 0.05), strict=True))),
        (Setting(0.05, 0.1, 0.1), dict(zip(names, (0.84, 0.05, 0.06, 0.05), strict=True))),
        (Setting(0.02, 0.1, 0.1), dict(zip(names, (0.83, 0.02, 0.06, 0.05), strict=True))),
    ]
    assert choose(judged, Aim(0.06, 0.07, 0.1)).spd == 0.05
    assert choose(judged, Aim(0.01, 0.07, 0.1)).spd == 0.02


def test_who_dominates_whom():
    frame = pd.DataFrame(
        {
            "method": ["good", "bad", "other"],
            "accuracy": [0.85, 0.84, 0.83],
            "spd": [0.05, 0.05, 0.01],
            "aod": [0.05, 0.06, 0.05],
            "burden": [0.1, 0.1, 0.1],
        }
    )
    assert mitigation.dominators(frame, "bad") == ["good"]
    assert mitigation.dominators(frame, "good") == mitigation.dominators(frame, "other") == []


def test_the_papers_years_get_the_papers_plan():
    assert hmda_years.plan_for(range(2007, 2018)) == hmda_years.PAPER
    assert hmda_years.plan_for([2014, 2015, 2016, 2017, 2022, 2023, 2024]) == hmda_years.OURS

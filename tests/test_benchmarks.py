"""The benchmarks run without data, know how old results are, and compute what they say."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from scipy.optimize import check_grad

from benchmarks import constants, drift_report, pages, results
from benchmarks.data import load, split
from benchmarks.measures import FARTHEST, Outcome, measured, scores
from benchmarks.models import decisions, online_sgd
from benchmarks.paper import fair_n, mitigation, worlds
from benchmarks.paper.fitting import Aim, Setting, choose
from benchmarks.paper.peers import augmented, realism
from benchmarks.registry import Context, Section, Target, chosen, sections, target

ROOT = Path(__file__).resolve().parents[1]
MADE_UP = Context("no folder", 1, quick=True)


# ------------------------------------------------------------------ the whole quickly


@pytest.fixture(scope="module")
def quick_results(tmp_path_factory):
    """What ``--quick`` writes where no data are."""
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--check"]
    done = subprocess.run(
        [*command, "--path", str(folder / "no data"), "--output", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "targets met" in done.stdout, done.stderr
    assert all(f"\n{name}: " in done.stdout for name in sections())
    return folder


@pytest.mark.slow
def test_every_section_runs_on_made_up_rows(quick_results):
    for name in sections():
        found = json.loads((quick_results / f"{name}.json").read_text())
        assert found["data"] == "made up"
        assert found["code"] == results.fingerprint()
        frame = pd.DataFrame(found["records"])
        assert len(frame), name
        for column in {"accuracy", "spd", "aod", "burden", "seconds"} & set(frame):
            assert np.isfinite(frame[column].dropna()).all(), (name, column)
        assert frame.get("accuracy", pd.Series([0.5])).between(0, 1).all()


@pytest.mark.slow
def test_pages_and_pictures_are_written_from_results(quick_results, tmp_path):
    for page in ("benchmarks_targets.md", *{one.page for one in sections().values()}):
        (tmp_path / page).write_text((ROOT / "docs" / page).read_text())
    pages.write(quick_results, sections().values(), tmp_path)
    for name, one in sections().items():
        between = (tmp_path / one.page).read_text().split(f"<!-- begin {name} -->")[1]
        assert "|---|" in between.split(f"<!-- end {name} -->")[0]
        if one.draw is not None:
            assert (tmp_path / "images" / f"{name}.png").stat().st_size > 10_000


# -------------------------------------------------------------- registry and results


def toy(**more):
    """A section of two seeds."""
    records = [{"seed": seed, "accuracy": 0.8 + 0.1 * seed} for seed in range(2)]
    parts = {
        "run": lambda context: records,
        "tables": lambda frame: {"All": pages.summary(frame.assign(method="m"), ["method"])},
        "targets": lambda frame: [target("accuracy", frame["accuracy"], ">=", 0.84)],
    }
    return Section("toy", **parts | more)


@pytest.fixture
def stored(tmp_path):
    """A folder with the results of the toy section."""
    results.save(tmp_path, "toy", toy().run(MADE_UP), MADE_UP)
    return tmp_path


def test_every_section_has_its_place_in_the_documentation():
    for name, one in sections().items():
        text = (ROOT / "docs" / one.page).read_text()
        assert text.count(f"<!-- begin {name} -->") == 1, name
        assert text.count(f"<!-- end {name} -->") == 1, name
        assert one.draw is None or f"images/{name}.png" in text, name
        told = (ROOT / "docs" / pages.TARGETS_PAGE).read_text()
        assert (f"<!-- begin {name} -->" in told) == (one.targets is not None), name


def test_a_family_of_sections_is_chosen_by_its_beginning():
    names = [one.name for one in chosen(["drift"])]
    assert len(names) > 3
    assert all(name.startswith("drift_") for name in names)
    assert [one.name for one in chosen(["small"])] == ["small"]
    with pytest.raises(SystemExit, match="no section 'nothing'"):
        chosen(["nothing"])


def test_results_are_of_the_code_that_was_measured(stored, monkeypatch):
    found = results.read(stored, "toy")
    assert not found.is_old
    assert found.origin == f"Measured at `{results.commit()}`."
    assert pages.check_stale(stored, [toy()]) == 0
    monkeypatch.setattr(results, "fingerprint", lambda: "other code")
    assert found.is_old
    assert found.origin.endswith("**older than the code**.")
    assert "older than the code" in pages.tables_of(toy(), found)
    assert pages.check_stale(stored, [toy()]) == 1


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        ("x = 1  \n", False),
        ("# why\nx = 1\n", False),
        ('"""Words."""\n\nx = 1\n', False),
        ("x = 2\n", True),
        ("def f(a: int) -> int:\n    return a\n", True),
        ('x = """1"""\n', True),
    ],
)
def test_only_code_changes_the_fingerprint(tmp_path, change, is_other):
    for name, text in (("one", "x = 1\n"), ("two", change)):
        (tmp_path / name / "inspection").mkdir(parents=True)
        (tmp_path / name / "core.py").write_text(text)
        (tmp_path / name / "inspection" / "picture.py").write_text(f"name = {name!r}\n")
    one, two = (results.fingerprint(tmp_path / name) for name in ("one", "two"))
    assert (one != two) == is_other


def test_types_of_functions_do_not_change_the_fingerprint(tmp_path):
    for name, text in (("one", "def f(a, *b):\n    return a\n"), ("two", TYPED)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "core.py").write_text(text)
    assert results.fingerprint(tmp_path / "one") == results.fingerprint(tmp_path / "two")


TYPED = """def f(a: int, *b: str) -> int:
    'Words.'
    return a
"""


def test_results_without_a_commit_are_readable_and_old(tmp_path):
    (tmp_path / "toy.json").write_text('{"section": "toy", "records": [{"seed": 0}]}')
    found = results.read(tmp_path, "toy")
    assert found.is_old
    assert "an unknown commit" in found.origin
    assert results.read(tmp_path, "other") is None


def test_targets_are_means_over_seeds_and_nan_is_a_miss(stored):
    (found,) = pages.targets(stored, [toy()])
    assert found.value == pytest.approx(0.85)
    assert found.spread == pytest.approx(np.std([0.8, 0.9], ddof=1))
    assert pages.check(stored, [toy()]) == 0
    assert pages.check(stored, [toy(targets=lambda frame: [Target("x", 1, "<=", 0)])]) == 1
    assert not Target("x", float("nan"), "<=", 0).met
    (missing,) = pages.targets(stored / "empty", [toy()])
    assert "not measured" in missing.what
    assert not missing.met


def test_a_page_is_rewritten_between_its_marks_only(stored, tmp_path):
    marks = "<!-- begin toy -->\nold\n<!-- end toy -->"
    for page in ("benchmarks.md", pages.TARGETS_PAGE):
        (tmp_path / page).write_text(f"before\n{marks}\nafter\n")
    pages.write(stored, [toy()], tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert text.startswith("before\n<!-- begin toy -->\nMeasured at")
    assert text.endswith("<!-- end toy -->\nafter\n")
    assert "| m | 0.8500 ± 0.0707 | 2 |" in text
    assert "old\n" not in text
    assert "| accuracy | 0.8500 |" in (tmp_path / pages.TARGETS_PAGE).read_text()
    (tmp_path / "benchmarks.md").write_text("no marks")
    with pytest.raises(ValueError, match="must have the lines"):
        pages.write(stored, [toy()], tmp_path)


# ----------------------------------------------------------------- data and measures


@pytest.fixture(scope="module")
def rows():
    """A split of made-up rows."""
    return split(load("adult", MADE_UP), 0)


def test_missing_data_say_what_to_do():
    with pytest.raises(FileNotFoundError, match="--quick runs on made-up rows"):
        load("adult", Context("no folder"))


def test_scores_are_those_of_fairlearn():
    rng = np.random.default_rng(0)
    y, decided = rng.integers(2, size=(2, 500))
    groups = rng.choice(["a", "b", "c"], 500)
    found, known = scores(y, decided, groups), {"sensitive_features": groups}
    assert found["dp"] == pytest.approx(demographic_parity_difference(y, decided, **known))
    assert found["eo"] == pytest.approx(equalized_odds_difference(y, decided, **known))


@pytest.mark.parametrize("batch", [1, 40])
def test_decisions_come_before_learning(batch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y, groups = (X[:, 0] > 0).astype(int), rng.choice(["a", "b"], 200)
    found, told = decisions(online_sgd(0), X, y, groups, batch=batch)
    model, expected = online_sgd(0), np.zeros(200, dtype=int)
    for start in range(0, 200, batch):
        part = slice(start, start + batch)
        if start:
            expected[part] = model.predict(X[part])
        model.partial_fit(X[part], y[part], classes=[0, 1])
    np.testing.assert_array_equal(found, expected)
    assert told["seconds"] > 0


def test_rows_to_recover_begin_with_the_first_good_window():
    values = np.array([0.0, 1.0, 1.0, 0.1, 0.0, 0.0])
    assert drift_report.rows_to_recover(values, 1, 0.5, 1, 6) == (2, True)
    assert drift_report.rows_to_recover(values, 3, 0.05, 1, 6) == (5, False)


def test_window_gaps_are_those_of_the_window():
    rng = np.random.default_rng(0)
    granted, groups = rng.random(60) < 0.5, rng.choice(["a", "b"], 60)
    found = drift_report.window_gaps(granted, groups, 20)
    assert len(found) == 41
    window = slice(13, 33)
    assert found[13] == pytest.approx(drift_report.gap_of(granted[window], groups[window]))


def test_a_flip_changes_the_attribute_and_nothing_else():
    task = load("compas_with_race", MADE_UP)
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
    assert measured(outcome, y, groups, 1)["burden"] == pytest.approx((FARTHEST - 1) / 2)


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
    assert worlds.plan_for(range(2007, 2018)) == worlds.PAPER
    assert worlds.plan_for([2014, 2015, 2016, 2017, 2022, 2023, 2024]) == worlds.OURS


@pytest.mark.parametrize("name", constants.CONSTANTS)
def test_a_constant_is_altered_wherever_it_is_used_and_put_back(name):
    path = f"skfeamoe.{name.partition('.STREAM_DEFAULTS')[0]}".split(".")
    if "STREAM_DEFAULTS" in name:
        path = ["skfeamoe", "_training", "settings", "STREAM_DEFAULTS"]
    home, constant = import_module(".".join(path[:-1])), path[-1]
    before, everything = getattr(home, constant), numbers_of_the_library()
    with constants.altered(name, 2.0):
        changed = getattr(home, constant)
        assert changed != before
        assert name.rpartition(".")[2] not in constants.PARTS or before < changed < 1.0
    assert numbers_of_the_library() == everything


def numbers_of_the_library():
    return {
        (name, constant): value
        for name, module in sys.modules.items()
        if name.startswith("skfeamoe")
        for constant, value in vars(module).items()
        if constant.isupper() and isinstance(value, int | float | tuple)
    }


def test_a_constant_is_altered_where_it_was_imported_to():
    from skfeamoe._fairness import bound, changes, due
    from skfeamoe._training.drift import recent, replay

    with constants.altered("_fairness.changes.LEAST_ROWS", 2.0):
        assert bound.LEAST_OF_CHANGE == changes.LEAST_ROWS == 100
        assert due.LEAST_ROWS == 256
    with constants.altered("_training.drift.recent.RECENT_ROWS", 0.5):
        assert replay.RECENT_ROWS == recent.RECENT_ROWS == 512
    assert replay.RECENT_ROWS == recent.RECENT_ROWS == 1024

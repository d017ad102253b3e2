"""Raw tables, functions that bend, missing labels and local bounds on many machines."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    demographic_parity_ratio,
    equalized_odds_difference,
)
from lending import make_lending
from raw_tables import make_table

from skfeamoe import FairnessWarning, FEAMOEClassifier

pytest.importorskip("distributed", reason="distributed is of the extra distributed")

from distributed import Client

import skfeamoe.distributed as sd
from skfeamoe.distributed import _run

N_SHARDS = 3


@pytest.fixture(scope="module")
def client():
    with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
        yield client


@pytest.fixture(scope="module")
def people():
    frame, y, group = make_table(3000, seed=1)
    return frame.drop(columns="sex"), y, group


def shards_of(parts, order):
    rows = np.array_split(order, N_SHARDS)
    return [[p.iloc[r] if hasattr(p, "iloc") else p[r] for r in rows] for p in parts]


def fit_shards(client, parts, order, **parameters):
    X, y, group = shards_of(parts, order)
    model = FEAMOEClassifier(random_state=0, **parameters)
    return sd.fit(model, X, y, sensitive_features=group, client=client)


def orders(frame):
    """Rows at random, by category, so that each shard lacks some, and holes in one shard."""
    job, rent = frame["job"].fillna("").to_numpy(), frame["rent"].isna().to_numpy()
    return {
        "random": np.random.default_rng(0).permutation(len(frame)),
        "by category": np.argsort(job, kind="stable"),
        "holes in one shard": np.argsort(rent, kind="stable"),
    }


def assert_same_terms(a, b):
    """The same columns of Z: knots, atoms, slots in any order, holes."""
    for mine, theirs in zip(a.numbers.knots, b.numbers.knots, strict=True):
        np.testing.assert_array_equal(mine.knots, theirs.knots)
        np.testing.assert_array_equal(mine.atoms, theirs.atoms)
    np.testing.assert_allclose(a.numbers.location, b.numbers.location, rtol=1e-12)
    np.testing.assert_allclose(a.numbers.scale, b.numbers.scale, rtol=1e-12)
    for j in range(a.categories.n_inputs):
        np.testing.assert_array_equal(a.categories.codes_of(j), b.categories.codes_of(j))
        np.testing.assert_array_equal(a.categories.counts_of(j), b.categories.counts_of(j))
    assert sorted(a.missing.holed) == sorted(b.missing.holed)


# ------------------------------------------------------------------------- fit


@pytest.mark.parametrize("shards", ["random", "by category", "holes in one shard"])
def test_terms_of_shards_are_those_of_one_machine(client, people, shards):
    frame, y, group = people
    parameters = {"expert": "additive", "difference_bound": 0.2, "max_iter": 1}
    alone = FEAMOEClassifier(random_state=0, **parameters)
    alone.fit(frame, y, sensitive_features=group)
    together = fit_shards(client, people, orders(frame)[shards], **parameters)
    assert_same_terms(together._terms, alone._terms)
    assert together._table.labels == alone._table.labels
    assert sorted(together.get_feature_names_out()) == sorted(alone.get_feature_names_out())
    assert together.shape_functions_.keys() == alone.shape_functions_.keys()
    kept = pd.DataFrame(together.background_).astype(float)
    assert len(kept) == 1000
    shares = kept[3].value_counts(normalize=True)  # codes of the background are the common ones
    expected = frame["job"].value_counts(normalize=True)
    for code, label in enumerate(together._table.labels[3]):
        assert shares[float(code)] == pytest.approx(expected[label], abs=0.05)


@pytest.mark.parametrize("expert", ["additive", "logistic", "mlp"])
def test_raw_tables_are_learned_in_shards(client, people, expert):
    frame, y, group = people
    test, truth, sex = make_table(2000, seed=2)
    test = test.drop(columns="sex")
    parameters = {"expert": expert, "difference_bound": 0.1}
    alone = FEAMOEClassifier(random_state=0, **parameters)
    alone.fit(frame, y, sensitive_features=group)
    model = fit_shards(client, people, orders(frame)["by category"], **parameters)
    assert model.score(test, truth) > alone.score(test, truth) - 0.03
    decided = model.predict(frame)
    gap = demographic_parity_difference(y, decided, sensitive_features=group)
    assert model.group_gaps_["demographic_parity"] == pytest.approx(gap, abs=1e-12)
    assert gap < 0.12
    assert (
        demographic_parity_difference(truth, model.predict(test), sensitive_features=sex) < 0.16
    )
    model.partial_fit(test, truth, sensitive_features=sex)
    assert model.n_samples_seen_ == model.n_iter_ * len(y) + len(truth)


def test_monotone_features_stay_so(client, people):
    frame, _, _ = people
    model = fit_shards(
        client,
        people,
        np.arange(len(frame)),
        expert="additive",
        monotonic_cst={"age": 1},
        difference_bound=0.2,
    )
    rows = pd.concat([frame.iloc[:20]] * 30, ignore_index=True)
    rows["age"] = np.repeat(np.linspace(10, 90, 30), 20)
    proba = model.predict_proba(rows)[:, 1].reshape(30, 20)
    assert (np.diff(proba, axis=0) >= -1e-12).all()
    assert np.ptp(proba, axis=0).min() > 0.01


def test_a_shard_without_a_value_or_with_numbers_for_text(client):
    y = [np.array([0, 1] * 20)] * 2
    texts = pd.DataFrame({"a": np.arange(40.0), "b": ["u", "v"] * 20})
    holes = pd.DataFrame({"a": np.arange(40.0), "b": pd.Series([None] * 40, dtype=object)})
    model = sd.fit(FEAMOEClassifier(None), [holes, texts], y, client=client)
    assert model._table.labels[1] == ["u", "v"]
    assert model._terms.missing.holed.tolist() == [1]
    model.predict_proba(holes)
    numbers = texts.assign(b=1.0)
    with pytest.raises(ValueError, match="column 'b' holds text or categories in one table"):
        sd.fit(FEAMOEClassifier(None), [texts, numbers], y, client=client)


def test_local_bounds_are_kept_in_shards(client, people):
    frame, y, group = people
    order = orders(frame)["by category"]
    parameters = {"expert": "additive", "difference_bound": 0.1, "local_columns": "job"}
    model = fit_shards(client, people, order, local_bound=0.15, **parameters)
    parts = {row["part"]: row for row in model.local_gaps_}
    assert set(parts) >= {"baker", "cook"}
    decided = model.predict(frame)
    for name in ("baker", "cook"):
        own = (frame["job"] == name).to_numpy()
        gap = demographic_parity_difference(y[own], decided[own], sensitive_features=group[own])
        assert parts[name]["gap"] == pytest.approx(gap, abs=1e-9)
        assert gap < 0.2


@pytest.mark.parametrize("mark", [np.nan, -1.0])
def test_people_without_labels_count_as_people_only(client, mark):
    X, y, group = make_lending(3000)
    known = np.random.default_rng(0).random(3000) < 0.5
    known[2000:] = False  # the last shard has none
    marked = np.where(known, y, mark)
    constraints = ["demographic_parity", "equalized_odds"]
    model = FEAMOEClassifier(
        constraints,
        difference_bound=0.2,
        unlabeled=None if np.isnan(mark) else mark,
        random_state=0,
    )
    parts = [[part[r] for r in np.split(np.arange(3000), 3)] for part in (X, marked, group)]
    sd.fit(model, *parts[:2], sensitive_features=parts[2], client=client)
    assert model.classes_.tolist() == [0, 1]
    assert model.n_samples_seen_ == model.n_iter_ * known.sum()
    decided = model.predict(X)
    assert model.group_gaps_["demographic_parity"] == pytest.approx(
        demographic_parity_difference(y, decided, sensitive_features=group), abs=1e-12
    )
    assert model.group_gaps_["equalized_odds"] == pytest.approx(
        equalized_odds_difference(y[known], decided[known], sensitive_features=group[known]),
        abs=1e-12,
    )
    labeled = FEAMOEClassifier(None, random_state=0).fit(X[known], y[known])
    assert model.score(X[~known], y[~known]) > labeled.score(X[~known], y[~known]) - 0.1
    with pytest.raises(ValueError, match="y has no label in any shard"):
        sd.fit(
            FEAMOEClassifier(None),
            [X],
            [np.full(3000, np.nan)],
            classes=[0, 1],
            client=client,
        )


def test_ratios_are_aimed_at_anew_where_all_people_miss_them(client, monkeypatch):
    monkeypatch.setattr(_run, "SETTLE_ROWS", 800)
    X, y, group = make_lending(6000, seed=3)  # of which 800 people mislead about the others
    order, found = np.random.default_rng(0).permutation(6000), []
    for most in (1, 3):
        monkeypatch.setattr(_run, "TIGHTENINGS", most)
        with pytest.warns(FairnessWarning, match=r"demographic_parity 0\.\d+ < 0\.9\."):
            model = fit_shards(client, (X, y, group), order, ratio_bound=0.9, max_iter=2)
        assert model.group_gap_details_[0]["bound"] == pytest.approx(0.9)
        decided = model.predict(X)
        found.append(demographic_parity_ratio(y, decided, sensitive_features=group))
    assert found[0] < found[1] - 0.03
    assert found[1] > 0.84


def test_a_small_group_is_asked_as_a_whole(client, monkeypatch):
    monkeypatch.setattr(_run, "SETTLE_ROWS", 400)
    X, y, group = make_lending(6000, noise=0.3, seed=3)
    group[np.flatnonzero(group == "b")[90:]] = "a"  # six of 400 in proportion: too few
    order = np.argsort(group, kind="stable")  # and all of them in one shard
    model = fit_shards(client, (X, y, group), order, difference_bound=0.1, max_iter=2)
    monitor = model._model.monitor
    assert np.bincount(monitor.people.groups()).tolist() == [311, 90]  # shards round up
    assert monitor.shares.tolist() == [5910.0, 90.0]  # what an error costs counts all people
    (slot,) = model.group_gap_details_
    assert slot["gap"] <= 0.1
    assert (slot["n_highest"], slot["n_lowest"]) == (5910, 90)


def test_balanced_classes_are_those_of_all_shards(client):
    X, y, _ = make_lending(1500)
    order = np.argsort(y, kind="stable")
    shards = np.array_split(order, 3)
    fitted = []
    for weight in ("balanced", dict(enumerate(1500 / (2 * np.bincount(y))))):
        model = FEAMOEClassifier(None, class_weight=weight, random_state=0)
        fitted.append(
            sd.fit(model, [X[r] for r in shards], [y[r] for r in shards], client=client)
        )
    np.testing.assert_array_equal(fitted[0].predict_proba(X), fitted[1].predict_proba(X))
    assert fitted[0].class_weight == "balanced"


def test_edges_that_shards_would_place_apart_are_refused(client):
    X, y, _ = make_lending(600)
    age = np.random.default_rng(0).uniform(20, 70, 600)
    parts = {"sensitive_features": np.array_split(age, 2), "client": client}
    shards = np.array_split(X, 2), np.array_split(y, 2)
    with pytest.raises(ValueError, match="pass the edges themselves"):
        sd.fit(FEAMOEClassifier(sensitive_bins=3), *shards, **parts)
    model = FEAMOEClassifier(sensitive_bins=[40], difference_bound=0.5, random_state=0)
    assert len(sd.fit(model, *shards, **parts).groups_) == 2


# ----------------------------------------------------------------------- merge


def years(expert, **parameters):
    """Models of two years, of which each has jobs, holes and values that the other lacks."""
    parts = []
    for k, lacks in enumerate((["nurse", "miner"], ["baker"])):
        frame, y, group = make_table(2500, seed=k, holes=0.1 * k)
        kept = ~frame["job"].isin(lacks).to_numpy()
        frame = frame.drop(columns="sex")[kept]
        frame["age"] = frame["age"] + 15 * k
        parts.append((frame, y[kept], group[kept]))
    models = [
        FEAMOEClassifier(expert=expert, random_state=k, **parameters).fit(
            frame, y, sensitive_features=group
        )
        for k, (frame, y, group) in enumerate(parts)
    ]
    return models, parts


@pytest.mark.parametrize("expert", ["additive", "logistic", "mlp"])
def test_experts_of_raw_tables_say_after_merging_what_they_said(expert):
    models, parts = years(expert, constraints=None)
    merged = sd.merge(models)
    assert merged._table.labels[3] == ["baker", "cook", "judge", "miner", "nurse"]
    first = 0
    for model, (frame, _, _) in zip(models, parts, strict=True):
        stop = first + model.n_experts_
        if expert != "additive":  # straight lines are held at the bounds of all models
            low, high = model._terms.numbers.bounds
            number = frame[["age", "savings", "rent"]].to_numpy()
            beyond = ((number < low[:3]) | (number > high[:3])).any(axis=1)
            assert beyond.mean() < 0.01
            frame = frame[~beyond]
        found = merged.expert_proba(frame)[:, first:stop]
        np.testing.assert_allclose(found, model.expert_proba(frame), atol=1e-7)
        first = stop
    truth = np.concatenate([y for _, y, _ in parts])
    rows = pd.concat([frame for frame, _, _ in parts])
    own = np.concatenate([m.predict(f) for m, (f, _, _) in zip(models, parts, strict=True)])
    assert (merged.predict(rows) == truth).mean() > (own == truth).mean() - 0.03
    merged.partial_fit(*parts[1][:2], sensitive_features=parts[1][2])


def test_the_order_of_tables_does_not_matter():
    models, parts = years("additive", difference_bound=0.2)
    forward, backward = sd.merge(models), sd.merge(models[::-1])
    assert_same_terms(forward._terms, backward._terms)
    assert forward._table.labels == backward._table.labels
    assert sorted(map(str, forward.background_)) == sorted(map(str, backward.background_))
    rows = pd.concat([frame for frame, _, _ in parts])
    np.testing.assert_allclose(
        forward.predict_proba(rows), backward.predict_proba(rows), atol=0.05
    )
    group = np.concatenate([group for _, _, group in parts])
    decided = forward.predict(rows)
    gap = demographic_parity_difference(decided, decided, sensitive_features=group)
    assert gap < 0.25


def test_a_year_with_holes_joins_one_without():
    X, y, group = make_lending(1500)
    holes = X.copy()
    holes[::7, 1] = np.nan
    models = [
        FEAMOEClassifier(difference_bound=0.2, random_state=k).fit(
            part, y, sensitive_features=group
        )
        for k, part in enumerate((X, holes))
    ]
    merged = sd.merge(models)
    assert merged._terms.missing.holed.tolist() == [1]
    assert merged.score(holes, y) > 0.6
    assert merged.score(X, y) > 0.6


def test_a_merged_gate_does_not_see_monotone_features():
    models, parts = years("additive", constraints=None, monotonic_cst={"age": 1})
    merged = sd.merge(models)
    names = merged.get_feature_names_out()
    held = merged._terms.signs != 0
    assert held.sum() == sum(str(name).startswith("age") for name in names) - sum(
        name == "age=(missing)" for name in names
    )
    assert not merged.gate_coef_[:, held].any()
    frame = parts[0][0]
    rows = pd.concat([frame.iloc[:20]] * 30, ignore_index=True)
    rows["age"] = np.repeat(np.linspace(10, 110, 30), 20)
    proba = merged.predict_proba(rows)[:, 1].reshape(30, 20)
    assert (np.diff(proba, axis=0) >= -1e-9).all()


def test_local_bounds_are_solved_for_the_people_of_all():
    models, parts = years(
        "additive", difference_bound=0.2, local_columns="job", local_bound=0.2
    )
    merged = sd.merge(models)
    found = {row["part"] for row in merged.local_gaps_}
    assert found >= {"baker", "cook", "nurse"}
    merged.predict(parts[0][0])


def test_tables_that_differ_in_kind_or_edges_are_refused():
    X, y, _ = make_lending(400)
    frame = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "u", "v")})
    models = [
        FEAMOEClassifier(None, random_state=0).fit(part, y)
        for part in (frame, frame.assign(b=X[:, 1]))
    ]
    with pytest.raises(ValueError, match="column 'b' holds text or categories in one table"):
        sd.merge(models)
    age = np.random.default_rng(0).uniform(20, 70, 400)
    models = [
        FEAMOEClassifier(sensitive_bins=2, difference_bound=0.5, random_state=0).fit(
            X, y, sensitive_features=part
        )
        for part in (age, age + 5)
    ]
    with pytest.raises(ValueError, match="train all with the same edges as sensitive_bins"):
        sd.merge(models)

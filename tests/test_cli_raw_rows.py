"""The command line feeds raw rows to the estimator's own terms."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skfeamoe._cli import main
from skfeamoe._cli._bounds import Bounds
from skfeamoe._cli._encoding import Encoding, RawColumns, RivalEncoder, Watch
from skfeamoe._cli._models import FEAMOE, three_models
from skfeamoe.persistence import load
from skfeamoe.streaming import iter_batches

OPTIONS = ("--target", "repaid", "--sensitive", "group", "--no-plot", "--batch", "40")
N_ROWS, LATE = 4_000, 1_000


def moving(n=N_ROWS):
    """Rows whose branches are all replaced after a quarter, and then decide the label."""
    rng = np.random.default_rng(0)
    code = rng.integers(4, size=n)
    old = np.array(["north", "south", "east", "west"])[code]
    new = np.array(["lima", "oslo", "rome", "bern"])[code]
    late = np.arange(n) >= LATE
    score = np.where(late, 3.0 * (code % 2) - 1.5, 0.0) + rng.logistic(size=n)
    return pd.DataFrame(
        {
            "branch": np.where(late, new, old),
            "job": np.where(np.arange(n) < 100, None, np.array(["a", "b"])[code // 2]),
            "income": rng.normal(50, 10, n),
            "owner": rng.random(n) < 0.5,
            "group": rng.choice(["f", "m"], n),
            "repaid": np.where(score > 0, "yes", "no"),
        }
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the table, and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    moving().to_csv("rows.csv", index=False)
    return tmp_path


def test_branches_that_come_after_the_first_tenth_are_learned(folder, capsys):
    assert main(["stream", "rows.csv", *OPTIONS, "--model-only", "--model", "m.skops"]) == 0
    out = capsys.readouterr().out
    assert "branch: 3,000 rows have a value that was not in the first rows" in out
    assert "from its 10th row on" in out
    model, frame = load("m.skops"), moving()
    late = frame.iloc[-1_000:]
    best = np.where(late["branch"].isin(["oslo", "bern"]), "yes", "no")
    assert (model.predict(late) == best).mean() > 0.97
    assert {"branch=oslo", "branch=bern"} <= set(model[-1].get_feature_names_out())
    values = model.explain(late.head(5))
    assert list(values.feature_names) == ["branch", "job", "income", "owner"]
    assert np.abs(values.values).argmax(axis=1).tolist() == [0] * 5


def test_a_category_without_a_value_in_the_first_batches_is_one_all_the_same(folder, capsys):
    assert main(["stream", "rows.csv", *OPTIONS, "--model-only", "--model", "m.skops"]) == 0
    assert "job: 100 values missing (2.5%), which has a weight of its own" in (
        capsys.readouterr().out
    )
    names = load("m.skops")[-1].get_feature_names_out()
    assert {"job=a", "job=b", "job=(missing)"} <= set(names)


@pytest.mark.parametrize("expert", ["additive", "mlp"])
def test_other_experts_can_be_asked_for(folder, expert):
    frame = moving(600)
    frame.to_csv("rows.csv", index=False)
    command = ["stream", "rows.csv", *OPTIONS, "--model-only", "--expert", expert]
    assert main([*command, "--model", "m.skops", "--quiet"]) == 0
    model = load("m.skops")
    assert model[-1].expert == expert
    assert hasattr(model[-1], "shape_functions_") == (expert == "additive")
    assert np.isfinite(model.predict_proba(frame)).all()


def test_rivals_see_numbers_and_feamoe_what_was_read():
    frame = moving().drop(columns=["group", "repaid"])
    encoding = Encoding(frame.head(400))
    raw = encoding.transformer.transform(frame)
    assert encoding.categories == ["branch", "job"]
    encoder = RivalEncoder(raw.head(400))
    models = three_models(
        bounds=Bounds(("demographic_parity",), {"demographic_parity": 0.05}, {}),
        seed=0,
        encoder=encoder,
        categories=encoding.categories,
        growth=None,
    )
    y, groups = moving()["repaid"].to_numpy(), moving()["group"].to_numpy()
    for name, model in models.items():
        told = {"sensitive_features": groups} if name == FEAMOE else {}
        learned = model.fit(raw, y, **told)
        assert learned.predict_proba(raw).shape == (N_ROWS, 2)
    matrix = encoder.transform(raw)
    assert encoder.transform(raw) is matrix
    assert encoder.__getstate__()["_last"] == (None, None)
    assert np.isfinite(matrix).all()


def test_picked_columns_lose_infinite_values_and_nothing_else():
    frame = pd.DataFrame({"x": [1.0, np.inf, -np.inf, np.nan], "k": list("abca"), "z": 0})
    picked = RawColumns().fit(frame[["x", "k"]]).transform(frame)
    assert list(picked.columns) == ["x", "k"]
    assert picked["x"].isna().tolist() == [False, True, True, True]
    assert frame["x"].isna().sum() == 1


@pytest.mark.parametrize("size", [1, 7, 40, N_ROWS])
def test_odd_values_are_counted_whatever_the_batches_and_breaks(size):
    frame = moving().iloc[: 200 if size < 40 else N_ROWS].copy()
    frame.loc[[3, 11], "income"] = [np.inf, np.nan]
    watch = Watch({"branch": {"north", "south", "east"}, "job": {"a", "b"}})
    for batch in watch.watch(iter_batches(frame, target="repaid", batch_size=size)):
        if batch.next_row % 40 == 0:
            check_counts(pickle.loads(pickle.dumps(watch)), frame[: batch.next_row])
    watch.notes()
    check_counts(watch, frame)


def check_counts(watch, frame):
    """What was counted must be what the rows hold, and no row is kept."""
    missing = frame[["income", "job"]].isna().sum()
    assert dict(watch.missing) == missing[missing > 0].to_dict()
    assert watch.infinite == {"income": 1}
    known = frame["branch"].isin(["north", "south", "east"])
    assert dict(watch.unknown) == {"branch": (~known).sum()}
    assert watch.n_rows == len(frame)
    assert not watch._parts

"""The wrapper for river is one of river's classifiers, and FEAMOE inside."""

import pickle

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference
from lending import make_lending
from sklearn.linear_model import SGDClassifier

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

river = pytest.importorskip("river", reason="river is of the extra drift")

from river import (  # noqa: E402
    checks,
    compose,
    evaluate,
    linear_model,
    metrics,
    naive_bayes,
    preprocessing,
)

from skfeamoe.compat.river import RiverClassifier  # noqa: E402

EXAMPLE = RiverClassifier(**next(RiverClassifier._unit_test_params()))


@pytest.mark.parametrize(
    "check", list(checks.yield_checks(EXAMPLE)), ids=lambda check: check.__name__
)
def test_rivers_own_checks(check):
    check(EXAMPLE.clone())


def lending_rows(n_samples, **options):
    """Rows as river has them, with the group among the fields."""
    X, y, group = make_lending(n_samples, **options)
    frame = pd.DataFrame(X, columns=list("uvwxyz")).assign(group=group)
    return frame, pd.Series(y, index=frame.index)


def rows_of(frame, y):
    """Rows and labels as river takes them."""
    return zip(frame.to_dict("records"), y, strict=True)


def classifier(**parameters):
    base = {"sensitive_columns": "group", "growth_interval": 100, "random_state": 0}
    return RiverClassifier(FEAMOEClassifier(**(base | parameters)), classes=[0, 1])


def test_row_by_row_is_partial_fit():
    frame, y = lending_rows(400)
    wrapped = classifier()
    direct = FEAMOEClassifier(growth_interval=100, random_state=0)
    X = frame.drop(columns="group").to_numpy()
    for i, (x, label) in enumerate(rows_of(frame, y)):
        before = wrapped.predict_proba_one(x)
        if i:
            assert list(before.values()) == direct.predict_proba(X[[i]])[0].tolist()
        wrapped.learn_one(x, label)
        direct.partial_fit(
            X[[i]], y[[i]], classes=[0, 1], sensitive_features=frame["group"][[i]]
        )
    assert wrapped.learner.n_experts_ == direct.n_experts_ > 2
    assert wrapped.learner.group_gaps_ == direct.group_gaps_
    assert list(wrapped.learner.groups_) == list(direct.groups_)


def test_mini_batches_are_partial_fit_in_any_order_of_columns():
    frame, y = lending_rows(600)
    weight = pd.Series(np.random.default_rng(0).uniform(0.5, 2, 600))
    wrapped, direct = classifier(), FEAMOEClassifier(growth_interval=100, random_state=0)
    for start in range(0, 600, 50):
        part = frame[start : start + 50]
        rows = part.index
        shuffled = part if start == 0 else part.sample(frac=1, axis=1, random_state=start)
        wrapped.learn_many(shuffled, y[rows], weight[rows])
        direct.partial_fit(
            np.ascontiguousarray(part.drop(columns="group")),
            y[rows],
            classes=[0, 1],
            sensitive_features=part["group"],
            sample_weight=weight[rows],
        )
    proba = wrapped.predict_proba_many(frame)
    expected = direct.predict_proba(np.ascontiguousarray(frame.drop(columns="group")))
    np.testing.assert_array_equal(proba.to_numpy(), expected)
    assert wrapped.predict_many(frame).tolist() == expected.argmax(axis=1).tolist()
    pd.testing.assert_frame_equal(
        proba, wrapped.predict_proba_many(frame.drop(columns="group"))
    )


@pytest.mark.slow
def test_it_competes_in_rivers_evaluation_and_keeps_its_bound():
    data = make_credit_stream(6_000, drift=None, random_state=0)
    rows = data.data.assign(group=data.sensitive_features).to_dict("records")
    numbers = list(data.data.columns)

    def score(model):
        dataset = zip(rows, data.target, strict=True)
        states = list(
            evaluate.iter_progressive_val_score(
                dataset, model, metrics.Accuracy(), step=1, yield_predictions=True
            )
        )
        made = np.array([state["Prediction"] or 0 for state in states])[-4_000:]
        gap = demographic_parity_difference(
            data.target[-4_000:], made, sensitive_features=data.sensitive_features[-4_000:]
        )
        return states[-1]["Accuracy"].get(), gap

    scaled = compose.Select(*numbers) | preprocessing.StandardScaler()
    rivers = {
        "logistic": scaled.clone() | linear_model.LogisticRegression(),
        "bayes": compose.Select(*numbers) | naive_bayes.GaussianNB(),
    }
    accuracy, gap = score(classifier(difference_bound=0.05))
    others = {name: score(model) for name, model in rivers.items()}
    assert gap < 0.08 < min(other_gap for _, other_gap in others.values())
    assert accuracy > max(other for other, _ in others.values()) - 0.05


def test_it_ends_a_pipeline():
    frame, y = lending_rows(400)
    kind = np.random.default_rng(0).choice(["fha", "va", "none"], 400)
    numbers = compose.Select(*"uvwxyz") | preprocessing.StandardScaler()
    kinds = compose.Select("kind") | preprocessing.OneHotEncoder()
    model = (numbers + kinds + compose.Select("group")) | RiverClassifier(
        FEAMOEClassifier(sensitive_columns="group", random_state=0), [0, 1], max_features=10
    )
    rows = rows_of(frame.assign(kind=kind), y)
    auc = evaluate.progressive_val_score(rows, model, metrics.ROCAUC())
    assert auc.get() > 0.6
    wrapped = model["RiverClassifier"]
    assert wrapped.features[-3:] != ["group"]
    assert {"kind_fha", "kind_va", "kind_none"} < set(wrapped.features)
    assert "group" not in wrapped.features
    assert list(wrapped.learner.groups_) == list(dict.fromkeys(frame["group"]))


@pytest.mark.parametrize("labels", [[False, True], ["bad", "fair", "good"]])
def test_labels_come_back_as_they_were(labels):
    frame, y = lending_rows(300, n_classes=len(labels))
    model = RiverClassifier(
        FEAMOEClassifier(None, sensitive_columns="group", random_state=0), classes=labels
    )
    assert model._multiclass == (len(labels) == 3)
    for x, label in rows_of(frame, y):
        model.learn_one(x, labels[label])
    proba = model.predict_proba_one(x)
    assert list(proba) == labels
    assert type(model.predict_one(x)) is type(labels[0])
    assert sum(proba.values()) == pytest.approx(1)


def test_a_field_that_comes_late_was_zero_before():
    frame, y = lending_rows(300)
    late = frame.copy()
    late.loc[:99, "z"] = 0.0
    rows = [
        {name: value for name, value in row.items() if i >= 100 or name != "z"}
        for i, row in enumerate(late.to_dict("records"))
    ]
    model = RiverClassifier(
        FEAMOEClassifier(sensitive_columns="group", random_state=0), [0, 1], max_features=6
    )
    known = classifier()
    known.estimator.set_params(growth_interval="auto")
    known = known.clone()
    for x, full, label in zip(rows, late.to_dict("records"), y, strict=True):
        model.learn_one(x, label)
        known.learn_one(full, label)
        assert model.predict_proba_one(x) == known.predict_proba_one(x)


def test_a_row_without_its_group_trains_accuracy_only():
    frame, y = lending_rows(200)
    model = classifier()
    for x, label in rows_of(frame, y):
        model.learn_one(x, label)
    before = model.learner.multipliers_["demographic_parity"].copy()
    x.pop("group")
    model.learn_one(x, label)
    np.testing.assert_array_equal(model.learner.multipliers_["demographic_parity"], before)
    assert model.learner.n_samples_seen_ == 201


def test_it_goes_on_after_pickling():
    frame, y = lending_rows(300)
    model = classifier()
    model.learn_many(frame[:200], y[:200])
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        each.learn_many(frame[200:], y[200:])
    pd.testing.assert_frame_equal(
        again.predict_proba_many(frame), model.predict_proba_many(frame)
    )


def test_none_is_a_missing_value():
    model = RiverClassifier(FEAMOEClassifier(None), classes=[0, 1])
    model.learn_one({"u": 1.0}, 1)
    model.learn_one({"u": None}, 1)
    assert model.predict_one({"u": None}) == 1


def test_errors_name_the_way_out():
    with pytest.raises(ValueError, match="convert_sklearn_to_river wraps other"):
        RiverClassifier(SGDClassifier(), classes=[0, 1])
    with pytest.raises(ValueError, match=r"got the numbers \[6\]"):
        RiverClassifier(FEAMOEClassifier(sensitive_columns=6), classes=[0, 1])
    with pytest.raises(ValueError, match="of one kind, got 'a' beside 0; bring them"):
        RiverClassifier(FEAMOEClassifier(), classes=[0, "a"])
    model = RiverClassifier(FEAMOEClassifier(None), classes=[0, 1])
    model.learn_one({"u": 1.0}, 1)
    learned = pickle.dumps(model)
    with pytest.raises(ValueError, match=r"no column for the fields \['v'\]"):
        model.learn_one({"u": 1.0, "v": 2.0}, 1)
    with pytest.raises(ValueError, match=r"no column for the fields \['v'\]"):
        model.predict_one({"v": 2.0})
    with pytest.raises(ValueError, match="the field 'u' must hold a number, got 'fha'"):
        model.learn_one({"u": "fha"}, 1)
    with pytest.raises(ValueError, match="the field 'u' must hold a number, got 'fha'"):
        model.learn_many(pd.DataFrame({"u": ["fha"]}), pd.Series([1]))
    with pytest.raises(ValueError, match="not among the classes"):
        model.learn_one({"u": 1.0}, 2)
    assert pickle.dumps(model) == learned

"""Saved in mid-stream, a model goes on bit for bit; and nothing but learning writes."""

import io
import pickle
from copy import deepcopy

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from lending import assert_same_state, frozen, make_lending, stream

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._training.model import FORMAT

ALL = list(CONSTRAINTS)


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return joblib.load(file)


def through_skops(model):
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    data = skops.dumps(model)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


carriers = pytest.mark.parametrize(
    "carry", [through_pickle, through_joblib, through_skops, deepcopy]
)


@carriers
@pytest.mark.parametrize(
    "parameters",
    [
        {"constraints": None},
        {"constraints": ALL},
        {"constraints": ALL, "control": "schedule", "loss": "jacobs"},
        {"constraints": "burden", "random_state": np.random.RandomState(3)},
    ],
    ids=["plain", "all", "schedule", "generator"],
)
def test_round_trip_in_mid_stream_goes_on_bit_for_bit(carry, parameters):
    X, y, group = make_lending(1200, n_groups=3)
    base = {"growth_interval": 150, "max_experts": 4, "random_state": 0}
    unbroken = FEAMOEClassifier(**(base | deepcopy(parameters)))
    stream(unbroken, X[:600], y[:600], group[:600])
    carried = carry(unbroken)
    for model in (unbroken, carried):
        stream(model, X[600:], y[600:], group[600:])
    assert_same_state(unbroken._model, carried._model)
    np.testing.assert_array_equal(unbroken.predict_proba(X), carried.predict_proba(X))
    assert list(unbroken.groups_) == list(carried.groups_)
    assert str(unbroken.group_gaps_) == str(carried.group_gaps_)


@carriers
def test_fitted_model_round_trips_and_goes_on(carry):
    X, y, group = make_lending(600, n_classes=3)
    y = np.array(["bad", "fair", "good"])[y]
    model = FEAMOEClassifier(difference_bound=0.8, random_state=0)
    model.fit(sp.csr_array(X), y, sensitive_features=group)
    carried = carry(model)
    assert carried.group_gaps_ == model.group_gaps_
    for each in (model, carried):
        stream(each, X, y, group)
    assert_same_state(model._model, carried._model)


def test_skops_needs_to_trust_only_the_estimator():
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    X, y, group = make_lending(300)
    model = FEAMOEClassifier(ALL, random_state=0)
    stream(model, X, y, group)
    untrusted = skops.get_untrusted_types(data=skops.dumps(model))
    assert untrusted == ["skfeamoe._feamoe.FEAMOEClassifier"]


def plain_data(value):
    """Whether a value is made of arrays, numbers, text, lists and dicts with text keys."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain_data(v) for k, v in value.items())
    if isinstance(value, list):
        return all(plain_data(v) for v in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    return (isinstance(value, np.ndarray) and value.dtype != object) or sp.issparse(value)


def test_what_is_saved_is_plain_data():
    X, y, group = make_lending(300)
    model = FEAMOEClassifier(ALL, growth_interval=64, random_state=0)
    stream(model, X, y, group)
    saved = model.__getstate__()
    learned = {k: v for k, v in saved.items() if k not in model.get_params()}
    assert learned["_model"]["format"] == FORMAT
    assert set(vars(model)) - set(saved) == {"_cache"}
    assert {name for name, value in learned.items() if not plain_data(value)} == set()


def test_models_of_other_formats_are_refused_by_name():
    X, y, group = make_lending(200)
    saved = stream(FEAMOEClassifier(ALL, random_state=0), X, y, group).__getstate__()
    blank = FEAMOEClassifier()
    with pytest.raises(ValueError, match=r"saved in format 99, .* reads format 2"):
        blank.__setstate__({**saved, "_model": {**saved["_model"], "format": 99}})
    with pytest.raises(ValueError, match="saved in format 1, by an earlier version"):
        blank.__setstate__({**FEAMOEClassifier().__getstate__(), "_state": {"block": 0}})
    assert not hasattr(blank, "_model")


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
@pytest.mark.parametrize("standardize", [True, False])
def test_input_is_never_changed_nor_kept(container, learn, standardize):
    X, y, group = make_lending(300)
    X = container(X)
    weight = np.ones(300)
    inputs = (X, y, group, weight)
    for array in (X if isinstance(X, np.ndarray) else X.data, y, group, weight):
        array.flags.writeable = False
    before = pickle.dumps(inputs)  # of read-only arrays: others are pickled in another way
    model = FEAMOEClassifier(ALL, difference_bound=1.0, standardize=standardize, random_state=0)
    model.set_params(difference_bound=dict.fromkeys(ALL, 1.0) | {"burden": 100.0})
    classes = {"classes": [0, 1]} if learn == "partial_fit" else {}
    getattr(model, learn)(X, y, **classes, sensitive_features=group, sample_weight=weight)
    assert pickle.dumps(inputs) == before
    trained = frozen(model)
    for array in (X if isinstance(X, np.ndarray) else X.data, y, weight):
        array.flags.writeable = True
        array[...] = 0
    assert frozen(model) == trained


@pytest.mark.parametrize("n_classes", [2, 3])
def test_predicting_never_writes(n_classes):
    X, y, group = make_lending(500, n_classes=n_classes)
    model = FEAMOEClassifier(ALL, growth_interval=100, random_state=0)
    stream(model, X, y, group)
    before = frozen(model)
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "gate_proba",
        "expert_proba",
        "distance_to_boundary",
    ):
        for rows in (X, X[:1], sp.csr_array(X)):
            result = getattr(model, method)(rows)
            if result.dtype.kind == "f":
                result[...] = -1.0
    model.score(X, y)
    model.predict(X)[:] = 0
    repr(model), model._repr_mimebundle_(), str(vars(model))
    for name in ("multipliers_", "group_gaps_", "history_", "expert_coef_", "gate_coef_"):
        getattr(model, name)
    assert frozen(model) == before

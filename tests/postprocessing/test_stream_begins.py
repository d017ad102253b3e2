"""When groups of a stream begin to come, and what may not change from then on."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from rule_models import make_world
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfeamoe import FairnessWarning, FEAMOEClassifier
from skfeamoe.postprocessing import BiasScoreClassifier
from skfeamoe.postprocessing._inputs import is_other

X, Y, GROUP = make_world(6000, seed=3)


def online(**parameters):
    base = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    return BiasScoreClassifier(base, random_state=0, **parameters)


def begun_without(**parameters):
    model = online(**parameters)
    with pytest.warns(FairnessWarning, match="no sensitive_features"):
        return model.partial_fit(X[:100], Y[:100], [0, 1])


def run(model, start=100, stop=3000):
    for first in range(start, stop, 100):
        rows = slice(first, first + 100)
        model.partial_fit(X[rows], Y[rows], [0, 1], sensitive_features=GROUP[rows])
    return model


def gap_of_decisions(model):
    """The gap of decisions before they were learned from, in the last 3,000 rows."""
    decided = []
    for first in range(3000, 6000, 100):
        decided.append(model.predict(X[first : first + 100]))
        run(model, first, first + 100)
    granted = np.concatenate(decided) == 1
    return np.ptp([granted[GROUP[3000:] == g].mean() for g in "ab"])


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_a_stream_that_began_without_groups_compares_them_once_they_come(constraint):
    model = run(begun_without(constraints=constraint))
    assert model.groups_.tolist() == ["a", "b"]
    assert model.group_gaps_[constraint] <= 0.07
    if constraint == "demographic_parity":
        free = run(online(constraints=None))
        assert gap_of_decisions(model) < 0.1 < 0.25 < gap_of_decisions(free)


def test_groups_may_come_after_a_fit_without_them():
    model = online()
    with pytest.warns(FairnessWarning, match="no sensitive_features"):
        model.fit(X[:500], Y[:500])
    run(model, 500, 2000)
    assert model.group_gaps_["demographic_parity"] <= 0.07


def test_what_was_decided_before_groups_came_goes_on_until_a_rule_is_found():
    model = begun_without(coverage=0.8)
    for first in range(100, 900, 100):
        rows = slice(first, first + 100)
        model.partial_fit(X[rows], Y[rows])
    assert (model.predict(X) == -1).any()
    run(model, 900, 1000)
    assert set(model.predict(X)) == {0, 1}
    assert model.group_gaps_ == {}
    run(model, 1000, 2500)
    assert (model.predict(X) == -1).any()
    assert model.group_gaps_["demographic_parity"] <= 0.07


def test_unknown_groups_begin_nothing():
    model = begun_without()
    model.partial_fit(X[:50], Y[:50], sensitive_features=[None] * 50)
    assert model.groups_.tolist() == []
    named = begun_without(groups=["a", "b"])
    named.partial_fit(X[:50], Y[:50], sensitive_features=["a"] * 50)
    assert named.groups_.tolist() == ["a", "b"]


def test_rows_whose_labels_are_not_known_may_begin_the_groups():
    model = begun_without(constraints="equalized_odds")
    model.partial_fit(X[:50], [None] * 50, sensitive_features=GROUP[:50])
    assert set(model.predict(X)) == {0, 1}
    assert run(model, 100, 1500).group_gaps_["equalized_odds"] <= 0.1


@pytest.mark.parametrize(
    ("started", "change"),
    [
        ("demographic_parity", {"favorable_label": 0}),
        ("demographic_parity", {"constraints": "equalized_odds"}),
        ("equalized_odds", {"constraints": "demographic_parity"}),
        ("equalized_odds", {"constraints": None}),
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_what_rows_and_models_rest_on_may_not_change(started, change, fitted):
    model = online(constraints=started)
    if fitted:
        model.fit(X[:1000], Y[:1000], sensitive_features=GROUP[:1000])
    else:
        run(model, 0, 1000)
    model.set_params(**change)
    before = pickle.dumps(model)
    name = next(iter(change))
    with pytest.raises(ValueError, match=f"{name}=.* this model was started with.*clone"):
        run(model, 1000, 1100)
    with pytest.raises(ValueError, match=f"{name}=.* this model was started with.*clone"):
        model.decide(X[:5], sensitive_features=GROUP[:5])
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"estimator": GaussianNB()}, "estimator"),
        ({"estimator__alpha": 0.1}, "estimator"),
        ({"group_estimator": GaussianNB()}, "group_estimator"),
        ({"groups": ["a", "b", "c"]}, "groups"),
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_other_models_and_groups_are_refused(change, name, fitted):
    model = online()
    if fitted:
        model.fit(X[:500], Y[:500], sensitive_features=GROUP[:500])
    else:
        run(model, 0, 500)
    model = pickle.loads(pickle.dumps(model)).set_params(**change)
    with pytest.raises(ValueError, match=f"^{name}=.* this model was started with.*clone"):
        run(model, 500, 600)


@pytest.mark.parametrize(
    "second", [None, GaussianNB(), make_pipeline(FunctionTransformer(np.tanh), GaussianNB())]
)
def test_copies_of_the_models_are_no_others(second):
    first = SGDClassifier(loss="log_loss", random_state=np.random.RandomState(0))
    model = BiasScoreClassifier(first, group_estimator=second, random_state=0)
    model.fit(X[:500], Y[:500], sensitive_features=GROUP[:500])
    if isinstance(second, Pipeline):
        assert not is_other(model, "group_estimator")
        model.set_params(group_estimator__functiontransformer__func=np.sin)
        assert is_other(model, "group_estimator")
        return
    model = clone_of_parameters(model)
    run(model, 500, 700)


def test_a_network_of_experts_and_its_copy_without_constraints_go_on():
    model = BiasScoreClassifier(FEAMOEClassifier(random_state=0), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        run(model, 0, 300)
        run(clone_of_parameters(model), 300, 400)


def clone_of_parameters(model):
    """The fitted model, with clones of the models that it was started with."""
    own = model.get_params(deep=False)
    names = ("estimator", "group_estimator")
    return model.set_params(**{n: clone(own[n]) for n in names if own[n] is not None})


@pytest.mark.parametrize("size", [100, 800])
def test_another_size_of_the_buffer_holds_from_then_on(size):
    model = run(online(buffer_size=400), 0, 1000)
    run(model.set_params(buffer_size=size), 1000, 3000)
    assert len(model._buffer["eta"]) == size


def test_constraints_on_the_same_people_may_change():
    model = run(online(constraints="equalized_odds"), 0, 1000)
    model.set_params(constraints="equal_opportunity", difference_bound=0.1)
    assert list(run(model, 1000, 1600).group_gaps_) == ["equal_opportunity"]


def test_columns_are_matched_by_their_names():
    frame = pd.DataFrame({"group": GROUP, "half": np.where(X[:, 0] > 0, "w", "b")})
    turned = frame[["half", "group"]]
    streamed = online().partial_fit(X[:500], Y[:500], [0, 1], sensitive_features=frame[:500])
    fitted = online().fit(X[:500], Y[:500], sensitive_features=frame[:500])
    for model in (streamed, fitted):
        model.partial_fit(X[500:900], Y[500:900], sensitive_features=turned[500:900])
        before = pickle.dumps(model)
        with pytest.raises(ValueError, match=r"lacks \['half'\]"):
            model.partial_fit(X[:9], Y[:9], sensitive_features=frame[["group"]][:9])
        assert pickle.dumps(model) == before


def test_one_group_alone_begins_nothing_and_breaks_nothing():
    model = begun_without()
    for rows in (slice(100, 101), slice(101, 102)):
        model.partial_fit(X[rows], Y[rows], sensitive_features=GROUP[rows])
    model.decide(X[102:103], sensitive_features=GROUP[102:103])
    assert model.group_gaps_ == {}
    assert run(model, 200).group_gaps_

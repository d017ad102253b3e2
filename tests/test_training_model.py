"""Models in training: copies are alone, failures change nothing, saved ones are the same."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from lending import assert_same_state, made_once, make_lending, stream
from sklearn.base import clone

from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.optimizers import Adagrad
from skfeamoe._training import trainer
from skfeamoe._training.model import PARTS, Model

ALL = ["demographic_parity", "equalized_odds", "equal_opportunity", "burden"]
X, y, group = make_lending(1200, n_groups=3)


@made_once
def trained(n_rows=600, **parameters):
    base = {"growth_interval": 150, "max_experts": 4, "random_state": 0}
    model = FEAMOEClassifier(ALL, **(base | parameters))
    return stream(model, X[:n_rows], y[:n_rows], group[:n_rows])


def everything(estimator):
    """All attributes but what is made of parameters, as bytes."""
    saved = {k: v for k, v in vars(estimator).items() if k not in ("_cache", "_model")}
    return pickle.dumps((saved, copy.deepcopy(estimator._model.to_dict())))


@pytest.mark.parametrize("growth", ["interval", "drift"])
def test_what_a_copy_learns_the_model_never_notices(growth):
    pytest.importorskip("river", reason='growth="drift" needs river')
    model = trained(growth=growth)
    before = everything(model)
    other = copy.copy(model)
    other._model = model._model.copy()
    stream(other, X[600:], y[600:], group[600:])
    assert everything(model) == before
    stream(model, X[600:], y[600:], group[600:])
    assert_same_state(model._model, other._model)


@pytest.mark.parametrize("growth", ["interval", "drift"])
def test_every_part_is_read_back_as_it_was_written(growth):
    pytest.importorskip("river", reason='growth="drift" needs river')
    model = trained(growth=growth)._model
    data = pickle.loads(pickle.dumps(model.to_dict()))
    assert set(PARTS) < set(data)
    assert_same_state(Model.from_dict(data), model)


class Stopped(BaseException):
    """What is raised in the middle of a batch."""


FAILURES = [KeyboardInterrupt, MemoryError, ImportError, Stopped]


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("learn", ["partial_fit", "fit"])
def test_a_batch_that_fails_leaves_the_model_as_it_was(error, learn, monkeypatch):
    model = trained()
    before, steps, plain = everything(model), [], Adagrad.step

    def failing(self, *args):
        steps.append(1)
        plain(self, *args)
        if len(steps) == 20:
            raise error

    monkeypatch.setattr(Adagrad, "step", failing)
    new = np.where(group == "a", "new", group)
    with pytest.raises(error):
        getattr(model, learn)(X, y, sensitive_features=new)
    assert len(steps) == 20
    assert everything(model) == before
    assert "new" not in model.groups_


def test_a_first_call_that_is_interrupted_leaves_nothing(monkeypatch):
    model = FEAMOEClassifier(ALL, random_state=0)
    monkeypatch.setattr(trainer, "train_batch", partial(_stop))
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, [0, 1], sensitive_features=group)
    assert vars(model).keys() == vars(clone(model)).keys()


def _stop(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "parameters",
    [{"difference_bound": 7}, {"growth": "individual_fairness"}, {"growth_interval": "soon"}],
    ids=str,
)
def test_parameters_that_are_refused_after_new_groups_came_change_nothing(parameters):
    model = trained()
    old, groups = everything(model), list(model.groups_)
    before = model.get_params()
    model.set_params(**parameters)
    with pytest.raises(ValueError, match=next(iter(parameters))):
        model.partial_fit(X[:9], y[:9], sensitive_features=["stranger"] * 9)
    assert list(model.groups_) == groups
    model.set_params(**before)
    assert everything(model) == old
    model.partial_fit(X[:9], y[:9], sensitive_features=["stranger"] * 9)
    assert "stranger" in model.groups_


def test_a_reader_in_mid_batch_sees_the_model_of_before(monkeypatch):
    model = trained()
    before, seen = model.predict_proba(X), []
    plain = trainer.train_batch

    def reading(*args):
        outcome = plain(*args)
        seen.append((model.predict_proba(X), model.n_samples_seen_, list(model.groups_)))
        return outcome

    monkeypatch.setattr(trainer, "train_batch", reading)
    groups = list(model.groups_)
    model.partial_fit(X[600:700], y[600:700], sensitive_features=["late"] * 100)
    assert len(seen) > 5
    for proba, n_seen, known in seen:
        np.testing.assert_array_equal(proba, before)
        assert (n_seen, known) == (600, groups)
    assert not np.array_equal(model.predict_proba(X), before)


def test_a_change_inside_of_a_parameter_is_seen():
    bounds = {"demographic_parity": 0.5}
    model = FEAMOEClassifier("demographic_parity", difference_bound=bounds, random_state=0)
    stream(model, X[:100], y[:100], group[:100])
    bounds["demographic_parity"] = 2.0
    with pytest.raises(ValueError, match="difference_bound must be in"):
        stream(model, X[100:132], y[100:132], group[100:132])


def test_alarms_stay_in_the_history_when_growth_is_set_anew():
    model = trained()
    assert "alarm_cause" not in model.history_
    model._model.drift.raise_alarm("demographic_parity (all): 1", 500)
    model._model.drift.answer(600)
    assert list(model.history_["alarm_n_samples_seen"]) == [600]
    assert list(model.history_["alarm_cause"]) == [
        f"demographic_parity (all): {model.groups_[1]}"
    ]


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_multipliers_are_those_of_the_offset_that_predicts():
    model = FEAMOEClassifier(difference_bound=0.01, random_state=1)
    model.fit(X, y, sensitive_features=group)
    monitor = model._model.monitor
    coef = -model.multipliers_["demographic_parity"][0]
    assert np.abs(coef).sum() > 0.0
    weight = np.tensordot(coef, monitor.directions.weight[0, :, :-1], 1)
    np.testing.assert_allclose(weight, monitor.offset[:-1], rtol=1e-9)


# ------------------------------------------------------------------------ merging


def halves():
    """Two copies of one start that have learned from different rows."""
    start = FEAMOEClassifier(ALL, growth=None, background_size=40, random_state=0)
    parts = []
    for seed, rows in enumerate((slice(0, 500), slice(500, 1200))):
        model = clone(start)
        stream(model, X[rows], y[rows], group[rows])
        part = model._model.copy()
        part.background.seed = seed
        parts.append(part)
    return parts


def test_merged_sums_are_those_of_all_rows_in_either_order():
    a, b = halves()
    old = pickle.dumps([copy.deepcopy(part.to_dict()) for part in (a, b)])
    left, right = a.copy(), b.copy()
    left.merge(b)
    right.merge(a)
    assert pickle.dumps([copy.deepcopy(part.to_dict()) for part in (a, b)]) == old
    whole = trained(1200, growth=None)._model
    np.testing.assert_allclose(left.terms.mean, whole.terms.mean, rtol=1e-10)
    np.testing.assert_allclose(left.terms.variance, whole.terms.variance, rtol=1e-10)
    assert left.clock.n_samples_seen == right.clock.n_samples_seen == 1200
    for merged, first, second in ((left, a, b), (right, b, a)):
        assert sorted(merged.groups) == sorted(whole.groups)
        assert len(merged.monitor.people) == len(first.monitor.people) + len(
            second.monitor.people
        )
        for label in merged.groups:
            found, *parts = (
                m.monitor.shares[m.groups.index(label)] for m in (merged, first, second)
            )
            assert found == pytest.approx(sum(parts), rel=1e-12)
    np.testing.assert_allclose(left.ensemble.average, right.ensemble.average, rtol=1e-9)


def test_models_of_another_shape_are_not_merged():
    a, b = halves()
    b.ensemble.split(0, np.zeros((2, b.ensemble.params.shape[1])), 0.1)
    with pytest.raises(ValueError, match="only copies of one model can be merged"):
        a.merge(b)

"""A call that is broken off at any point leaves the model before it or after it.

An interrupt, an exhausted memory or an error is raised at the n-th event of a call, where
events are the lines of this package and the calls into C that it makes, BLAS among them. Then
the model must be, byte by byte, the one before the call or the one after it, and the call made
again must end where an unbroken one ends.
"""

import pickle
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from lending import make_lending, stream
from sklearn.linear_model import SGDClassifier

import skfeamoe
from skfeamoe import FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.distributed import merge
from skfeamoe.postprocessing import BiasScoreClassifier

ROOT = str(Path(skfeamoe.__file__).parent)
X, Y, GROUP = make_lending(3000)
FEW, MANY = 12, 60
"""Points of each call that are tried, in CI and with `pytest -m slow`."""


class BrokenOff:
    """Counts the events of a call, and raises at one of them."""

    def __init__(self, at=0, error=KeyboardInterrupt):
        self.at, self.error, self.n = at, error, 0

    def _event(self):
        self.n += 1
        if self.n == self.at:
            sys.settrace(None)
            sys.setprofile(None)
            raise self.error

    def _trace(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(ROOT):
            return None
        if event == "line":
            self._event()
        return self._trace

    def _profile(self, frame, event, argument):
        if event == "c_call" and frame.f_code.co_filename.startswith(ROOT):
            self._event()

    def run(self, call):
        """Whether the call came to its end."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sys.settrace(self._trace)
                sys.setprofile(self._profile)
                call()
            return True
        except self.error:
            return False
        finally:
            sys.settrace(None)
            sys.setprofile(None)


def content(value):
    """Everything that a model is, by value: every bit of every number, no identities."""
    if isinstance(value, np.ndarray):
        data = value.tolist() if value.dtype == object else value.tobytes()
        return value.dtype.str, value.shape, data
    if isinstance(value, dict):
        return {name: content(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [content(part) for part in value]
    if isinstance(value, float):
        return float(value).hex()
    if isinstance(value, np.random.RandomState):
        return content(value.get_state())
    state = getattr(value, "__getstate__", lambda: None)()
    if isinstance(state, dict):
        return type(value), content(state)
    return type(value), pickle.dumps(value)


def batch(start, n_rows=32):
    part = slice(start, start + n_rows)
    return X[part], Y[part], GROUP[part]


def learn(start, n_rows=32, *, turned=False):
    """A call of `partial_fit` on some rows, with the other label if ``turned``."""
    rows, labels, groups = batch(start, n_rows)
    labels = 1 - labels if turned else labels

    def call(model):
        model.partial_fit(rows, labels, [0, 1], sensitive_features=groups)

    return call


def grown(**parameters):
    """A stream at the row where an expert is due."""
    model = FEAMOEClassifier(
        list(CONSTRAINTS),
        difference_bound=1.0,
        growth_interval=320,
        random_state=0,
        **parameters,
    )
    return stream(model, X[:320], Y[:320], GROUP[:320])


def alarmed():
    """A stream after a change of its labels, at an alarm and its replay."""
    model = FEAMOEClassifier(difference_bound=0.3, growth="drift", random_state=0)
    stream(model, X[:2000], Y[:2000], GROUP[:2000])
    for start in range(2000, 3000, 32):
        before, call = pickle.dumps(model), learn(start, turned=True)
        call(model)
        if len(model.history_["alarm_cause"]):
            return pickle.loads(before), call
    raise AssertionError("no alarm")


def replayed():
    """The same stream, where the rows since the change are learned again."""
    model, call = alarmed()
    call(model)
    start = model.n_samples_seen_
    while not model._model.drift.replay_is_due(model.n_samples_seen_):
        learn(start, turned=True)(model)
        start += 32
    return model, learn(start, turned=True)


def decided():
    """A stream in which people wait for their outcome."""
    model = stream(FEAMOEClassifier(random_state=0), *batch(0, 600))
    rows, labels, groups = batch(600)
    found = model.decide(rows, sensitive_features=groups, exploration=0.3)
    granted = found.decisions == 1
    return model, lambda m: m.complete(found.ids[granted], labels[granted])


def calls():
    """Models and what is done to them, by name."""
    yield (
        "fit",
        lambda: (
            FEAMOEClassifier(max_iter=2, growth_interval=60, random_state=0),
            lambda m: m.fit(X[:200], Y[:200], sensitive_features=GROUP[:200]),
        ),
    )
    yield (
        "fit again",
        lambda: (
            grown(),
            lambda m: m.fit(X[:200, :4], Y[:200], sensitive_features=GROUP[:200]),
        ),
    )
    yield (
        "fit with a generator",
        lambda: (
            FEAMOEClassifier(None, max_iter=1, random_state=np.random.RandomState(0)),
            lambda m: m.fit(X[:100], Y[:100]),
        ),
    )
    yield "first batch", lambda: (FEAMOEClassifier(random_state=0), learn(0))
    yield (
        "a batch",
        lambda: (
            stream(FEAMOEClassifier(random_state=0), *batch(0, 600)),
            learn(600),
        ),
    )
    yield "growth", lambda: (grown(), learn(320))
    yield "growth of networks", lambda: (grown(expert="mlp"), learn(320))
    yield (
        "knots",
        lambda: (
            stream(
                FEAMOEClassifier(expert="additive", random_state=0),
                X[:500],
                Y[:500],
                GROUP[:500],
            ),
            learn(500, 40),
        ),
    )
    yield "alarm", alarmed
    yield "replay", replayed
    yield "schedule", lambda: (grown(control="schedule"), learn(320))
    yield (
        "rule",
        lambda: (
            BiasScoreClassifier(
                SGDClassifier(loss="log_loss", random_state=0),
                group_estimator=SGDClassifier(loss="log_loss", random_state=0),
                solve_interval=64,
                random_state=0,
            ).partial_fit(*batch(0, 300)[:2], sensitive_features=GROUP[:300]),
            lambda m: m.partial_fit(*batch(300, 64)[:2], sensitive_features=GROUP[300:364]),
        ),
    )
    yield (
        "decisions",
        lambda: (
            stream(FEAMOEClassifier(random_state=0), *batch(0, 600)),
            lambda m: m.decide(
                batch(600)[0], sensitive_features=batch(600)[2], exploration=0.3
            ),
        ),
    )
    yield "outcomes", decided
    yield (
        "policy",
        lambda: (
            PolicyGatedMoEClassifier(cv=2, gate_max_iter=1, max_iter=2, random_state=0),
            lambda m: m.fit(X[:80], Y[:80], sensitive_features=GROUP[:80]),
        ),
    )


CALLS = dict(calls())


def broken_off_everywhere(make, n_points):
    """Break a call off at random events, and compare; how often it was before and after."""
    model, call = make()
    data = pickle.dumps(model)
    unbroken = pickle.loads(data)
    counter = BrokenOff()
    before = content(unbroken)
    assert counter.run(lambda: call(unbroken))
    after = content(unbroken)
    assert after != before
    points = np.random.default_rng(0).integers(1, counter.n + 1, n_points)
    ended = {"before": 0, "after": 0}
    for k, at in enumerate([1, counter.n, *points]):
        model = pickle.loads(data)
        breaker = BrokenOff(int(at), (KeyboardInterrupt, MemoryError, RuntimeError)[k % 3])
        assert not breaker.run(lambda model=model: call(model)), (at, counter.n)
        found = content(model)
        assert found in (before, after), f"between, at event {at} of {counter.n}"
        ended["before" if found == before else "after"] += 1
        if found == before:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(model)
            assert content(model) == after, f"goes on differently after event {at}"
    return ended


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_before_or_after(name):
    assert broken_off_everywhere(CALLS[name], FEW)["before"]


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_before_or_after_at_many_points(name):
    assert broken_off_everywhere(CALLS[name], MANY)["before"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_merging_leaves_its_models_alone(error):
    pair = [
        stream(FEAMOEClassifier(random_state=k), X[part], Y[part], GROUP[part])
        for k, part in enumerate((slice(0, 400), slice(400, 800)))
    ]
    before = pickle.dumps(pair)
    counter = BrokenOff()
    assert counter.run(lambda: merge(pair))
    assert pickle.dumps(pair) == before
    for at in np.random.default_rng(1).integers(1, counter.n + 1, FEW):
        assert not BrokenOff(int(at), error).run(lambda: merge(pair))
        assert pickle.dumps(pair) == before


class Broken:
    """A callback of scikit-learn that fails in one of its hooks."""

    def __init__(self, hook):
        self.hook = hook

    def _called(self, hook):
        if hook == self.hook:
            raise RuntimeError(f"broken {hook}")

    def setup(self, estimator, context):
        self._called("setup")

    def teardown(self, estimator, context):
        self._called("teardown")

    def on_fit_task_begin(self, estimator, context):
        self._called("begin")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        fitted_estimator.predict(X[:5])
        self._called("end")


@pytest.mark.parametrize("hook", ["setup", "begin", "end"])
def test_a_callback_that_fails_changes_nothing(hook):
    model = grown().set_callbacks(Broken(hook))
    before = model.predict_proba(X), dict(vars(model))
    with pytest.raises(RuntimeError, match=f"broken {hook}"):
        model.fit(X[:200], Y[:200], sensitive_features=GROUP[:200])
    np.testing.assert_array_equal(model.predict_proba(X), before[0])
    assert all(vars(model)[name] is value for name, value in before[1].items())


def test_a_detector_that_fails_changes_nothing(monkeypatch):
    river = pytest.importorskip("river.drift", reason="river is an extra")
    model = FEAMOEClassifier(None, growth="drift", random_state=0)
    stream(model, X[:600], Y[:600])
    before = pickle.dumps(model)

    def update(self, value):
        raise RuntimeError("broken detector")

    with monkeypatch.context() as patch:
        patch.setattr(river.ADWIN, "update", update)
        with pytest.raises(RuntimeError, match="broken detector"):
            model.partial_fit(X[600:700], Y[600:700])
    assert pickle.dumps(model) == before
    model.partial_fit(X[600:700], Y[600:700])


def test_warnings_as_errors_come_when_the_batch_is_learned():
    model = FEAMOEClassifier(random_state=0)
    with pytest.warns(Warning, match="inactive") as caught:
        model.partial_fit(X[:50], Y[:50], [0, 1])
    assert len(caught) == 1
    strict = FEAMOEClassifier(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Warning, match="inactive"):
            strict.partial_fit(X[:50], Y[:50], [0, 1])
        strict.partial_fit(X[50:100], Y[50:100])  # told once, and goes on
    model.partial_fit(X[50:100], Y[50:100])
    assert content(strict) == content(model)


def cost_of_drafts(n_calls=400):
    """Share of a `partial_fit` on 32 rows that its draft takes."""
    from skfeamoe._drafts import drafted

    model = stream(FEAMOEClassifier(random_state=0), X[:1000], Y[:1000], GROUP[:1000])
    rows = batch(1000)
    begin = time.perf_counter()
    for _ in range(n_calls):
        model.partial_fit(rows[0], rows[1], sensitive_features=rows[2])
    whole = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in range(n_calls):
        with drafted(model):
            pass
        model._model.copy()
    return (time.perf_counter() - begin) / whole


def test_a_draft_costs_a_twentieth_of_a_call_at_most():
    assert min(cost_of_drafts() for _ in range(3)) < 0.05

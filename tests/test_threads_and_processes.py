"""Many readers while one learns, and the same model from every kind of process."""

import hashlib
import multiprocessing
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from lending import make_lending, stream

from skfeamoe import FEAMOEClassifier
from skfeamoe.postprocessing import BiasScoreClassifier

X, Y, GROUP = make_lending(4000)
ROWS = X[:40]
READERS = 8


def answers(model):
    """What a reader may ask."""
    explanation = model.explain(ROWS[:1], background=X[:12])
    return (
        model.predict_proba(ROWS).tobytes(),
        model.distance_to_boundary(ROWS).tobytes(),
        explanation.values.tobytes() + np.float64(explanation.base_values[0]).tobytes(),
        str(model.group_gap_details_),
    )


def learn(model, start, n_rows=50):
    part = slice(start, start + n_rows)
    model.partial_fit(X[part], Y[part], [0, 1], sensitive_features=GROUP[part])


@pytest.fixture
def hasty():
    """Threads that change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def read_while_learning(ask, model, starts):
    """All answers that eight threads got while one taught the model."""
    stop, found, failed = threading.Event(), set(), []

    def read():
        while not stop.is_set():
            try:
                found.add(ask(model))
            except Exception as error:  # told by the test
                failed.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for start in starts:
        learn(model, start)
    stop.set()
    for reader in readers:
        reader.join()
    assert failed == []
    return found


@pytest.mark.parametrize("question", range(4), ids=["proba", "distance", "explain", "gaps"])
def test_a_reader_sees_one_state_and_never_half_of_two(hasty, question):
    model = stream(
        FEAMOEClassifier(difference_bound=0.1, growth_interval=150, random_state=0), *part(600)
    )
    alone = pickle.loads(pickle.dumps(model))
    starts = range(600, 1400, 50)
    published = {answers(alone)[question]}
    for start in starts:
        learn(alone, start)
        published.add(answers(alone)[question])
    found = read_while_learning(lambda m: answers(m)[question], model, starts)
    assert found <= published
    assert len(found) > 1
    assert answers(model) == answers(alone)  # reading has changed nothing


def part(stop):
    return X[:stop], Y[:stop], GROUP[:stop]


def test_readers_do_not_lose_categories_that_are_new():
    towns = np.array(["a", "b", "c", "d", "e", "f"])[np.arange(4000) // 300 % 6]
    frame = pd.DataFrame({"x": X[:, 0], "z": X[:, 1], "town": towns})

    def teach(model, start):
        rows = slice(start, start + 50)
        model.partial_fit(frame[rows], Y[rows], [0, 1], sensitive_features=GROUP[rows])

    model, alone = (FEAMOEClassifier(random_state=0) for _ in range(2))
    teach(model, 0)
    teach(alone, 0)
    stop = threading.Event()

    def read():
        while not stop.is_set():
            model.predict_proba(frame[1500:1540])

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for start in range(50, 1000, 50):
        teach(model, start)
        teach(alone, start)
    stop.set()
    for reader in readers:
        reader.join()
    assert model._table.to_dict() == alone._table.to_dict()
    np.testing.assert_array_equal(model.predict_proba(frame), alone.predict_proba(frame))


def test_readers_of_a_rule_see_one_state():
    model = BiasScoreClassifier(
        FEAMOEClassifier(constraints=None, random_state=0), solve_interval=100, random_state=0
    )
    learn(model, 0, 300)
    alone = pickle.loads(pickle.dumps(model))
    starts = range(300, 900, 50)
    published = {alone.predict(ROWS).tobytes()}
    for start in starts:
        learn(alone, start)
        published.add(alone.predict(ROWS).tobytes())
    assert read_while_learning(lambda m: m.predict(ROWS).tobytes(), model, starts) <= published


# ------------------------------------------------------------------------------ processes


def trained(seed):
    """A model and a summary of its bits."""
    model = FEAMOEClassifier(growth_interval=150, random_state=seed)
    stream(model, *part(600))
    model.fit(*part(600)[:2], sensitive_features=GROUP[:600])
    return hashlib.sha256(model.predict_proba(X).tobytes()).hexdigest()


def in_child(queue, seed):
    queue.put(trained(seed))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_same_seed_same_model_in_every_process(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{method} is not a way to start processes here")
    if method == "spawn":  # a fresh interpreter, as spawn makes one
        code = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "import test_threads_and_processes as t; print(t.trained(3))"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert run.stdout.strip() == trained(3), run.stderr
        return
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue, 3))
    child.start()
    assert queue.get(timeout=60) == trained(3)
    child.join()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_same_seed_same_model_from_workers_of_joblib(backend):
    work = (joblib.delayed(trained)(seed) for seed in (3, 4))
    found = joblib.Parallel(n_jobs=2, backend=backend)(work)
    assert found == [trained(3), trained(4)]
    assert found[0] != found[1]


@pytest.mark.slow
def test_same_seed_same_model_from_workers_of_dask():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        client.run(sys.path.insert, 0, str(Path(__file__).parent))
        found = client.gather(client.map(trained, [3, 4]))
    assert found == [trained(3), trained(4)]


def test_the_global_generator_of_numpy_is_left_alone():
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    model = FEAMOEClassifier(growth="drift", expert="mlp", random_state=0)
    stream(model, *part(300))
    model.explain(ROWS[:1], background=X[:10], method="permutation", random_state=0)
    rule = BiasScoreClassifier(FEAMOEClassifier(None, random_state=0), random_state=0)
    rule.fit(X[:300], Y[:300], sensitive_features=GROUP[:300])
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002

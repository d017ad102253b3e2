"""The fields of every part of a model are written in one module, that of its class."""

import ast
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from lending import make_lending, stream
from raw_tables import make_table

import skfeamoe
from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.cases import LocalMeasured, Measured
from skfeamoe._fairness.changes import Arrivals
from skfeamoe._fairness.directions import Directions
from skfeamoe._fairness.due import Due
from skfeamoe._fairness.local import LocalColumn, LocalOffset
from skfeamoe._fairness.people import People
from skfeamoe._fairness.schedule import ScheduleMonitor
from skfeamoe._terms import ColumnTerms, LinearTerms, RawTerms
from skfeamoe._terms.category import CategoryTerms
from skfeamoe._terms.missing import MissingTerms
from skfeamoe._terms.spline import SplineTerms
from skfeamoe._terms.table import TableEncoder
from skfeamoe._training.drift.detector import Detector
from skfeamoe._training.drift.monitor import DriftMonitor
from skfeamoe._training.drift.recent import Recent
from skfeamoe._training.ensemble import Ensemble
from skfeamoe._training.history import History
from skfeamoe._training.model import Clock, Model
from skfeamoe._training.posterior import Posterior
from skfeamoe._training.reservoir import Reservoir
from skfeamoe.distributed import fit, merge

PACKAGE = Path(skfeamoe.__file__).parent
PARTS = (
    Model, Clock, Ensemble, Posterior, History, Reservoir, DriftMonitor, Detector, Recent,
    BoundMonitor, ScheduleMonitor, Measured, LocalMeasured, People, Directions, Arrivals, Due,
    LocalOffset, LocalColumn, LinearTerms, RawTerms, ColumnTerms, SplineTerms, CategoryTerms,
    MissingTerms, TableEncoder,
)  # fmt: skip


@pytest.fixture
def writers(monkeypatch):
    """Who writes which field: {(class, field): modules}, while the fixture lives."""
    found = {}

    def watched(kind):
        def write(self, name, value):
            module = sys._getframe(1).f_globals["__name__"]
            found.setdefault((kind, name), set()).add(module)
            object.__setattr__(self, name, value)

        return write

    for kind in PARTS:
        monkeypatch.setattr(kind, "__setattr__", watched(kind))
    return found


def foreign(writers):
    """Writes to fields from other modules than that of the class."""
    return {
        f"{kind.__name__}.{name} in {module}"
        for (kind, name), modules in writers.items()
        for module in modules - {kind.__module__}
    }


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning", "ignore:growth=.drift. sees")
@pytest.mark.parametrize("growth", ["interval", "drift", "individual_fairness"])
@pytest.mark.parametrize("control", ["bound", "schedule"])
def test_fields_are_written_by_their_class_alone(writers, growth, control):
    pytest.importorskip("river", reason='growth="drift" needs river')
    X, y, group = make_lending(1200)
    X[:, 5] = group == "b"
    y = np.where(np.arange(len(y)) < 700, y, 1 - y)  # another world
    options = {"growth": growth, "control": control, "max_experts": 3, "random_state": 0}
    options |= {"counterfactual_columns": 5, "growth_interval": 60}
    model = FEAMOEClassifier(["equalized_odds", "burden"], **options)
    stream(model, X, y, group)
    holes = X[:50].copy()
    holes[:, 0] = np.nan
    model.partial_fit(holes, y[:50], sensitive_features=group[:50])
    model = pickle.loads(pickle.dumps(model))
    model.fit(X, y, sensitive_features=group)
    if growth == "interval":
        merge(
            [model, FEAMOEClassifier(**model.get_params()).fit(X, y, sensitive_features=group)]
        )
    assert (Clock, "n_samples_seen") in writers
    assert sorted(foreign(writers)) == []


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
def test_fields_of_tables_are_written_by_their_class_alone(writers):
    """Shards of a table, and models of two, whose categories and holes are not the same."""
    pytest.importorskip("distributed", reason="distributed is of the extra distributed")
    from distributed import Client

    frame, y, group = make_table(1200, seed=1)
    frame = frame.drop(columns="sex")
    order = np.argsort(frame["job"].fillna("").to_numpy(), kind="stable")
    halves = order[:600], order[600:]
    X, y, group = (
        [p.iloc[r] if hasattr(p, "iloc") else p[r] for r in halves] for p in (frame, y, group)
    )
    options = {"expert": "additive", "local_columns": ["job"], "random_state": 0}
    with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
        model = FEAMOEClassifier(**options, max_iter=2)
        fit(model, X, y, sensitive_features=group, client=client)
    parts = [
        FEAMOEClassifier(**options).partial_fit(*part, [0, 1], sensitive_features=a)
        for *part, a in zip(X, y, group, strict=True)
    ]
    merge(parts)
    assert (SplineTerms, "count") in writers
    assert sorted(foreign(writers)) == []


def test_a_foreign_write_is_seen(writers):
    Clock().n_added = 3
    assert foreign(writers) == {f"Clock.n_added in {__name__}"}


def test_nobody_writes_into_the_arrays_of_others():
    written = []
    names = {"params", "average", "optimizer_state", "load", "age", "generation", "weights"}
    names |= {"coef", "offset", "shares", "multipliers", "squares", "last_believed"}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for target in getattr(node, "targets", [getattr(node, "target", None)]):
                if isinstance(target, ast.Subscript) and isinstance(
                    target.value, ast.Attribute
                ):
                    owner = ast.unparse(target.value.value)
                    own = owner in ("self", "carry")  # terms have just made what they carry
                    if target.value.attr in names and not own:
                        written.append(f"{path.name}:{node.lineno} {ast.unparse(target)}")
    assert written == []

"""X goes down through the rooms: no function of one calls a room above it."""

import configparser
import re
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from lending import make_lending, stream

from skfeamoe import FEAMOEClassifier
from skfeamoe._labels import Labels
from skfeamoe._rows import Rows
from skfeamoe._sensitive import SensitiveColumns

ROOT = Path(__file__).parents[1]

HANDED_DOWN = {
    ("_fairness", "_training"): {"score", "scored"},  # of the model, handed to monitors
    ("_terms", "_training"): {"_other_value"},  # the change that makes a counterfactual
}
"""Functions that travel down as arguments and are called from there."""


def floors():
    """Number of every room's floor, from the contract that imports are held to."""
    contract = configparser.ConfigParser()
    contract.read(ROOT / "setup.cfg")
    layers = contract["importlinter:contract:rooms"]["layers"].split("\n")
    rooms = [[part.strip().split(".")[-1] for part in layer.split("|")] for layer in layers]
    return {room: -number for number, layer in enumerate(rooms) for room in layer if room}


def calls_of(action):
    """Calls from one room to another: (caller, called, name of the function)."""
    found = set()

    def room(frame):
        name = frame.f_globals.get("__name__", "") if frame else ""
        return name.split(".")[1] if name.startswith("skfeamoe.") else None

    def note(frame, event, _):
        called, caller = room(frame), room(frame.f_back)
        if event == "call" and called and caller and caller != called:
            found.add((caller, called, frame.f_code.co_name))

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize("growth", ["interval", "drift", "individual_fairness"])
def test_partial_fit_never_climbs(growth):
    pytest.importorskip("river", reason='growth="drift" needs river')
    X, y, group = make_lending(400)
    X[:, 5] = group == "b"
    model = FEAMOEClassifier(
        ["equalized_odds", "burden"],
        growth=growth,
        growth_interval=60,
        counterfactual_columns=5,
        random_state=0,
    )
    stream(model, X[:200], y[:200], group[:200])
    found = calls_of(lambda: stream(model, X[200:], y[200:], group[200:]))
    height = floors()
    climbing = {
        (caller, called, name)
        for caller, called, name in found
        if height[called] > height[caller] and name not in HANDED_DOWN.get((caller, called), ())
    }
    assert climbing == set()
    entered = {called for _, called, _ in found}
    assert {"_training", "_fairness", "_mixture", "_terms", "_groups"} <= entered


FACADE = {"_feamoe", "_learning"}
"""Rooms that are one with the estimator."""

STATIONS = ["_validation", "_labels", "_sensitive", "_groups", "_rows", "_training"]
"""Rooms that rows pass on their way from `partial_fit`, each once."""

N_ROWS = 37
"""Rows of the batch, by which whatever carries them is known."""


def carries_rows(value):
    """Whether a value has something for every row."""
    inside = vars(value).values() if isinstance(value, Labels) else [value]
    inside = [getattr(value, "X", None)] if isinstance(value, Rows) else inside
    if isinstance(value, SensitiveColumns):
        return any(len(column) == N_ROWS for column in value.values)
    return any(getattr(part, "shape", ())[:1] == (N_ROWS,) for part in inside)


def stations_of(action):
    """Rooms that the estimator hands rows to, in their order."""
    found = []

    def room(frame):
        name = frame.f_globals.get("__name__", "") if frame else ""
        return name.split(".")[1] if name.startswith("skfeamoe.") else None

    def note(frame, event, _):
        called = room(frame)
        if event != "call" or called in FACADE or room(frame.f_back) not in FACADE:
            return
        code = frame.f_code
        given = [frame.f_locals[n] for n in code.co_varnames[: code.co_argcount]]
        if called and any(map(carries_rows, given)):
            found.append(called)

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return [name for name, _ in groupby(found)]


def test_rows_pass_each_room_once():
    X, y, group = make_lending(400)
    model = FEAMOEClassifier("equalized_odds", random_state=0)
    stream(model, X[:200], y[:200], group[:200])
    rows, weight = slice(200, 200 + N_ROWS), np.ones(N_ROWS)
    told = {"sensitive_features": group[rows], "sample_weight": weight}
    assert stations_of(lambda: model.partial_fit(X[rows], y[rows], **told)) == STATIONS


def test_every_room_is_on_the_map():
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## The rooms")[1].split("\n\n")[1]
    named = set(re.findall(r"`([\w/.]+)`", table))
    rooms = {
        path.name + "/" * path.is_dir()
        for path in (ROOT / "skfeamoe").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - named == {"__init__.py", "__main__.py"}
    gone = {n for n in named - rooms if "." in n or n.startswith("_")}
    assert gone == set()
    assert {room.split(".")[0].rstrip("/") for room in rooms - {"__init__.py"}} == set(floors())

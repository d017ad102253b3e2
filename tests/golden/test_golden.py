"""Models become what they became when the golden runs were recorded."""

import json

import pytest

from tests.golden.runs import FLAT, FOLDER, RTOL, differences, names, run

RUNS = dict(names())
SHOWN = 12
"""Differences that a failure lists."""


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning", "ignore:growth=.drift. sees")
@pytest.mark.parametrize("name", RUNS)
def test_golden_run(name):
    if RUNS[name].get("growth") == "drift":
        pytest.importorskip("river", reason='growth="drift" needs river')
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    found = differences(golden, run(**RUNS[name]), rtol=FLAT.get(name, RTOL))
    assert not found, (
        f"{len(found)} differences from {name}.json, in the order of training:\n  "
        + "\n  ".join(found[:SHOWN])
        + "\nIf the change is meant, say so in CHANGELOG.md and run "
        "`python -m tests.golden.write`"
    )


def test_every_file_is_a_run_and_a_difference_is_seen():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(RUNS)
    golden = json.loads((FOLDER / "tight.json").read_text())
    changed = json.loads(json.dumps(golden))
    changed["predict_proba"][2][1] += 1e-6
    (line,) = differences(golden, changed)
    assert line.startswith("/predict_proba[2][1]: golden ")
    assert differences(golden, golden) == []

"""A new concept is one class: whoever lists its kind finds it."""

import subprocess
import sys

NEW_CONSTRAINT = """
from skfeamoe._fairness.constraints import CONSTRAINTS, RateConstraint

class PredictiveEquality(RateConstraint):
    name = "predictive_equality"
    events = ("unfavorable",)
    metric = "false_positive_rate_difference"
    moment = "FalsePositiveRateParity"
    title, short = "predictive equality", "pred."
    among = ", among people who should be refused"

CONSTRAINTS[PredictiveEquality.name] = PredictiveEquality

import numpy as np
import fairlearn.metrics
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.model_selection import GAPS as SCORED
from skfeamoe.streaming import prequential
from skfeamoe.streaming._words import GAP_MEANING, GAP_WORDS
from skfeamoe._cli._parser import main
from skfeamoe._cli._verdict import SHORT_NAMES, gap_of
from skfeamoe.distributed._collections import GAPS

name, gap = "predictive_equality", "false_positive_rate_difference"
world = make_credit_stream(3000, random_state=0)
parts = [slice(i, i + 100) for i in range(0, 3000, 100)]
stream = [(world.data[p], world.target[p], world.sensitive_features[p]) for p in parts]
model = FEAMOEClassifier(name, random_state=0)
result = prequential(model, stream, classes=[0, 1], window=1000)
table = result.summary()
assert gap in table and "false_positive_rate_ratio" in table, list(table)
assert result.verdict().measure == gap and result.verdict().bound == 0.05
assert set(model.group_gaps_) == {name}
assert SCORED[name] is fairlearn.metrics.false_positive_rate_difference
assert GAP_WORDS[gap] == "predictive-equality gap"
assert GAP_MEANING[gap].endswith(" favorable decisions, among people who should be refused")
assert SHORT_NAMES[gap_of(name)] == "pred. gap"
assert gap in GAPS
main(["stream", "--help"])
"""


def test_a_constraint_is_one_class():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", NEW_CONSTRAINT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "equal_opportunity, burden, predictive_equality" in " ".join(done.stdout.split())

"""The example beside MOA's learners runs in CapyMOA's own prequential loop."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("capymoa", reason="capymoa, which needs Java, is of no extra")

EXAMPLE = Path(__file__).parents[1] / "docs/examples/move/capymoa_prequential.py"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the packages below capymoa have warnings of their own
def test_feamoe_is_evaluated_beside_arf_and_sgbt():
    table = runpy.run_path(str(EXAMPLE))["compare"](3_000)
    assert list(table) == ["AdaptiveRandomForest", "StreamingGradientBoostedTrees", "FEAMOE"]
    accuracy, gap = table["FEAMOE"]
    assert accuracy > 60
    assert gap < 10 < min(other for name, (_, other) in table.items() if name != "FEAMOE")

"""The picture of routing says what the gate says."""

import numpy as np
import pytest

from skfeamoe.inspection import RoutingDisplay

pytest.importorskip("matplotlib", reason="matplotlib is an extra").use("Agg")


class Router:
    expert_names_ = ["utility", "result_fairness"]

    def gate_proba(self, X):
        return np.asarray(X)


GATE = np.array([[0.5, 0.5], [0.9, 0.1], [0.7, 0.3], [0.1, 0.9]])


def test_lines_are_means_of_all_rows_and_of_groups():
    display = RoutingDisplay.from_predictions(GATE, ["m", "f", "f", None])
    assert display.labels == ["all (4)", "f (2)", "m (1)"]
    np.testing.assert_allclose(display.shares, [[0.55, 0.45], [0.8, 0.2], [0.5, 0.5]])
    widths = [bar.get_width() for bar in display.ax_.patches]
    np.testing.assert_allclose(np.reshape(widths, (2, 3)).T, display.shares)
    assert display.figure_ is display.ax_.figure


def test_estimators_name_their_experts():
    display = RoutingDisplay.from_estimator(Router(), GATE)
    assert display.expert_names == ["utility", "result fairness"]
    assert display.labels == ["all (4)"]
    assert RoutingDisplay.from_predictions(GATE).expert_names == ["expert 1", "expert 2"]

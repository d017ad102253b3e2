"""One person's decision by a network, and the whiskers of sampled values."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import DecisionDisplay


@pytest.mark.parametrize("expert", ["logistic", "mlp"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_of_any_kind_of_expert_with_its_standard_errors(expert, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2], np.linspace(-0.5, 0.5, n_classes - 1))
    model = FEAMOEClassifier(
        None, expert=expert, hidden_layer_sizes=(5,), growth_interval=100, random_state=0
    ).fit(X, y)
    options = {"method": "permutation", "background": X[:20], "random_state": 0}
    display = DecisionDisplay.from_estimator(model, X[:1], **options)
    drawn = np.sum(display.expert_values) + np.sum(display.routing_values) + display.base_value
    assert drawn == pytest.approx(model.predict_proba(X[:1])[0, -1])
    assert np.any(display.routing_values) == (expert == "logistic")
    waterfall = display.ax_[0]
    assert display.error_std.shape == (12,)
    whiskers = [c for c in waterfall.containers if isinstance(c, ErrorbarContainer)]
    assert len(whiskers) == np.count_nonzero(display._lines(10)[3]) == 10
    plt.close("all")
    exact = DecisionDisplay.from_estimator(model, X[:1], background=X[:2], method="exact")
    assert exact.error_std is None
    plt.close("all")

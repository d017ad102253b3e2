"""The prior of the gate: its gradient, and what it keeps out."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import log_loss

from skfeamoe import FEAMOEClassifier
from skfeamoe._mixture.experts import kind_of
from skfeamoe._training import step


@pytest.fixture(params=["logistic", "mlp"])
def ensemble(request):
    """Four experts on three columns, whose gate knows something."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.integers(2, size=300)
    model = FEAMOEClassifier(None, expert=request.param, max_experts=4, random_state=0)
    return model.fit(X, y)._model.ensemble


@pytest.mark.parametrize("form", [np.array, csr_array])
def test_its_gradient_is_that_of_gate_scores_of_unit_variance(ensemble, form):
    Z = np.random.default_rng(1).normal(size=(50, 3)) * [1.0, 2.0, 0.0]
    kind, layout = kind_of(ensemble.layout), ensemble.layout

    def energy(params):
        """Negative logarithm of the prior's density, a tenth of it, without constants."""
        weight = kind.gate(params, layout).weight
        return 0.1 * 0.5 * (weight**2).sum() * (Z**2).sum() / len(Z)

    found = np.zeros_like(ensemble.params)
    step._add_gate_prior(found, ensemble, form(Z), 0.1)
    for place in np.ndindex(found.shape):
        moved = np.zeros_like(found)
        moved[place] = 1e-4
        high, low = (energy(ensemble.params + sign * moved) for sign in (1.0, -1.0))
        assert found[place] == pytest.approx((high - low) / 2e-4, abs=1e-9)


def loss_on_new_people(seed):
    """Of ten experts on twenty columns that tell nothing of labels three of ten are 1 of."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(8000, 20)), rng.random(8000) < 0.3
    model = FEAMOEClassifier(None, random_state=0).fit(X[:4000], y[:4000])
    return log_loss(y[4000:], model.predict_proba(X[4000:]))


def test_noise_makes_no_regions(monkeypatch):
    nothing_to_learn = -(0.3 * np.log(0.3) + 0.7 * np.log(0.7))
    assert loss_on_new_people(0) < nothing_to_learn + 0.015
    monkeypatch.setattr(step, "_add_gate_prior", lambda *_: None)
    assert loss_on_new_people(0) > nothing_to_learn + 0.02


def test_regions_that_rows_show_are_found():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8000, 4))
    y = (X[:, 0] * np.sign(X[:, 1]) + 0.3 * rng.logistic(size=8000) > 0.0).astype(int)
    model = FEAMOEClassifier(None, random_state=0).fit(X[:4000], y[:4000])
    alone = FEAMOEClassifier(None, growth=None, random_state=0).fit(X[:4000], y[:4000])
    assert alone.score(X[4000:], y[4000:]) < 0.6
    assert model.score(X[4000:], y[4000:]) > 0.75

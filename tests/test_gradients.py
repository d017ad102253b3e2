"""Every gradient against central differences, found through the registries."""

import numpy as np
import pytest
import scipy.sparse as sp

from skfeamoe._fairness.constraints import CONSTRAINTS, Outcome, Slots
from skfeamoe._fairness.distance import MOST_DISTANCE, log_odds, log_odds_gradient_norm
from skfeamoe._fairness.schedule import row_slopes
from skfeamoe._mixture.experts import EXPERTS, hold_signs, kind_of
from skfeamoe._mixture.forward import (
    favorable_gradient,
    forward,
    from_scores,
    input_gradient,
    mixture_log_proba,
    mixture_proba,
    parameter_gradient,
    score,
    score_gradient,
)
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.losses import LOSSES
from skfeamoe._mixture.mlp import ACTIVATIONS

N_SAMPLES, N_FEATURES, N_GROUPS = 24, 4, 3
EMPTY_GROUP = 1


def central_differences(function, params, step=1e-5):
    gradient = np.empty_like(params)
    for index in np.ndindex(*params.shape):
        up, down = params.copy(), params.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient


def problem(n_experts, n_classes, weighted, expert="logistic", seed=1):
    """A random mixture and batch; one group has no rows, some groups are unknown."""
    rng = np.random.default_rng(seed)
    layout = Layout(n_experts, n_classes, N_FEATURES, expert, (5, 3), "tanh")
    params = rng.normal(size=kind_of(layout).start(layout, rng).shape)
    Z = rng.normal(size=(N_SAMPLES, N_FEATURES))
    y = rng.integers(n_classes, size=N_SAMPLES)
    groups = rng.choice([-1, 0, 2], size=N_SAMPLES)
    assert not np.any(groups == EMPTY_GROUP)
    weight = rng.integers(0, 4, size=N_SAMPLES) / 2.0 if weighted else np.ones(N_SAMPLES)
    return layout, params, Z, y, groups, weight


shapes = pytest.mark.parametrize(
    ("n_experts", "n_classes"), [(1, 2), (1, 3), (3, 2), (3, 3)], ids=str
)
experts = pytest.mark.parametrize("expert", EXPERTS)
weights = pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])


@shapes
@weights
@experts
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_gradient_is_its_derivative(loss, n_experts, n_classes, weighted, expert):
    layout, params, Z, y, _, weight = problem(n_experts, n_classes, weighted, expert)
    loss = LOSSES[loss]()

    def value(params):
        return weight @ loss.value_and_gradient(score(Z, params, layout)[0], y, layout)[0]

    scores, cache = score(Z, params, layout)
    _, d_scores, gate_proba = loss.value_and_gradient(scores, y, layout)
    np.testing.assert_allclose(gate_proba, forward(Z, params, layout).gate_proba)
    d_scores *= weight[:, None]
    gradient = parameter_gradient(Z, params, layout, d_scores, cache)
    np.testing.assert_allclose(
        gradient, central_differences(value, params), rtol=1e-5, atol=1e-8
    )


@shapes
@experts
@pytest.mark.parametrize("favorable", [0, 1])
def test_favorable_gradient_is_the_derivative_of_q(n_experts, n_classes, favorable, expert):
    layout, params, Z, _, _, _ = problem(n_experts, n_classes, False, expert)
    mix = np.random.default_rng(1).normal(size=N_SAMPLES)

    def value(params):
        return mix @ mixture_proba(forward(Z, params, layout))[:, favorable]

    fwd = forward(Z, params, layout)
    q, d_gate, d_expert = favorable_gradient(fwd, favorable, layout)
    np.testing.assert_allclose(q, mixture_proba(fwd)[:, favorable], rtol=1e-12)
    d_scores = score_gradient(d_gate, d_expert) * mix[:, None]
    gradient = parameter_gradient(Z, params, layout, d_scores, fwd.cache)
    np.testing.assert_allclose(
        gradient, central_differences(value, params), rtol=1e-5, atol=1e-8
    )


def fairness_problem(names, n_experts, n_classes, weighted, expert="logistic"):
    """Everything that a penalty holds fixed: outcome, cell weights, gradient norms."""
    layout, params, Z, y, groups, weight = problem(n_experts, n_classes, weighted, expert)
    favorable = n_classes - 1
    slots = Slots(names)
    fwd = forward(Z, params, layout)
    q, d_gate, d_expert = favorable_gradient(fwd, favorable, layout)
    by_input = input_gradient(params, layout, score_gradient(d_gate, d_expert), fwd.cache)
    norm = log_odds_gradient_norm(q, by_input)
    decided = mixture_proba(fwd).argmax(axis=1) == favorable
    assert 0 < decided.sum() < N_SAMPLES
    read = {"favored": y == favorable, "unfavored": y != favorable, "decided": decided}
    read["distance"] = np.abs(log_odds(q)) / norm
    unread = dict.fromkeys(Outcome._fields, np.zeros(N_SAMPLES))
    outcome = Outcome(**(unread | read))
    cells = np.random.default_rng(2).normal(size=(len(slots), 2, N_GROUPS))
    return layout, params, Z, y, groups, weight, favorable, slots, norm, outcome, cells


@shapes
@weights
@experts
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "names", [*((name,) for name in CONSTRAINTS), tuple(CONSTRAINTS)], ids="+".join
)
def test_gradient_of_loss_and_penalty(loss, names, n_experts, n_classes, weighted, expert):
    (layout, params, Z, y, groups, weight, favorable, slots, norm, outcome, cells) = (
        fairness_problem(names, n_experts, n_classes, weighted, expert)
    )
    loss = LOSSES[loss]()
    rows, decided = slots.rows(outcome), outcome.decided.astype(int)

    def value(params):
        fwd = forward(Z, params, layout)
        q = mixture_proba(fwd)[:, favorable]
        penalty = np.zeros(N_SAMPLES)
        for s, owner in enumerate(slots.owners):
            for i in np.flatnonzero(groups >= 0):
                cell = cells[s, decided[i], groups[i]]
                penalty[i] += cell * rows[s, i] * owner.value(q, norm)[i]
        scores, _ = score(Z, params, layout)
        return weight @ (loss.value_and_gradient(scores, y, layout)[0] + penalty)

    fwd = forward(Z, params, layout)
    q, q_gate, q_expert = favorable_gradient(fwd, favorable, layout)
    t = row_slopes(cells, slots.slopes(q, norm), rows, outcome.decided, groups)
    _, d_scores, _ = loss.value_and_gradient(score(Z, params, layout)[0], y, layout)
    d_scores += t[:, None] * score_gradient(q_gate, q_expert)
    d_scores *= weight[:, None]
    gradient = parameter_gradient(Z, params, layout, d_scores, fwd.cache)
    np.testing.assert_allclose(
        gradient, central_differences(value, params), rtol=1e-5, atol=1e-7
    )


def test_rows_of_unknown_groups_have_no_fairness_slope():
    (_, _, _, _, groups, _, _, slots, norm, outcome, cells) = fairness_problem(
        tuple(CONSTRAINTS), 3, 2, weighted=False
    )
    slopes = np.ones((len(slots), N_SAMPLES))
    t = row_slopes(cells, slopes, slots.rows(outcome), outcome.decided, groups)
    assert np.all(t[groups < 0] == 0.0)
    assert np.any(t[groups >= 0] != 0.0)
    assert np.all(norm > 0)


@shapes
@experts
def test_gradient_norm_of_log_odds_against_central_differences(n_experts, n_classes, expert):
    layout, params, Z, _, _, _ = problem(n_experts, n_classes, False, expert)
    fwd = forward(Z, params, layout)
    q, d_gate, d_expert = favorable_gradient(fwd, n_classes - 1, layout)
    by_input = input_gradient(params, layout, score_gradient(d_gate, d_expert), fwd.cache)
    norm = log_odds_gradient_norm(q, by_input)
    step = 1e-5
    gradient = np.empty_like(Z)
    for j in range(N_FEATURES):
        shift = step * (np.arange(N_FEATURES) == j)
        up, down = (
            log_odds(mixture_proba(forward(moved, params, layout))[:, -1])
            for moved in (Z + shift, Z - shift)
        )
        gradient[:, j] = (up - down) / (2 * step)
    floor = np.abs(log_odds(q)) / MOST_DISTANCE
    expected = np.maximum(np.linalg.norm(gradient, axis=1), floor)
    np.testing.assert_allclose(norm, expected, rtol=1e-5)
    assert np.all(np.abs(log_odds(q)) / norm <= MOST_DISTANCE * (1 + 1e-12))


@shapes
@experts
def test_sparse_and_dense_passes_agree(n_experts, n_classes, expert):
    layout, params, Z, y, _, _ = problem(n_experts, n_classes, False, expert)
    Z[np.abs(Z) < 0.7] = 0.0
    dense, sparse = forward(Z, params, layout), forward(sp.csr_array(Z), params, layout)
    for a, b in zip(dense[:4], sparse[:4], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)
    scores, _ = score(Z, params, layout)
    _, d_scores, _ = LOSSES["log_loss"]().value_and_gradient(scores, y, layout)
    np.testing.assert_allclose(
        parameter_gradient(Z, params, layout, d_scores, dense.cache),
        parameter_gradient(sp.csr_array(Z), params, layout, d_scores, sparse.cache),
        rtol=1e-12,
        atol=1e-14,
    )


@shapes
@experts
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_pass_against_loops(n_experts, n_classes, expert, activation):
    layout, params, Z, _, _, _ = problem(n_experts, n_classes, False, expert)
    layout = layout._replace(activation=activation)
    kind = kind_of(layout)
    gate, layers = kind.gate(params, layout), kind.layers(params, layout)
    fwd = forward(Z, params, layout)
    for i, z in enumerate(Z):
        weight = np.exp(gate.weight @ z + gate.bias)
        weight /= weight.sum()
        f = np.zeros(n_classes)
        for k in range(n_experts):
            scores = z
            for layer in layers[:-1]:
                scores = layer.weight[k] @ scores + layer.bias[k]
                scores = ACTIVATIONS[activation].value(scores)
            scores = layers[-1].weight[k] @ scores + layers[-1].bias[k]
            scores = np.append(0.0, scores) if n_classes == 2 else scores
            o = np.exp(scores) / np.exp(scores).sum()
            f += weight[k] * o
        np.testing.assert_allclose(mixture_proba(fwd)[i], f, rtol=1e-10)
        np.testing.assert_allclose(mixture_log_proba(fwd)[i], np.log(f), rtol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_loss_of_any_score_is_that_of_log_space(n_classes):
    layout = Layout(3, n_classes, 1)
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, layout.n_scores)) * np.geomspace(0.1, 400.0, 200)[:, None]
    scores[:, layout.n_experts :] = np.clip(scores[:, layout.n_experts :], -240.0, 240.0)
    y = rng.integers(n_classes, size=200)
    value, d_scores, _ = LOSSES["log_loss"]().value_and_gradient(scores, y, layout)
    expected = -mixture_log_proba(from_scores(scores, layout))[np.arange(200), y]
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)
    beyond = np.full((2, layout.n_scores), 1e5) * np.array([[-1.0], [1.0]])
    value, d_scores, _ = LOSSES["log_loss"]().value_and_gradient(beyond, y[:2], layout)
    assert np.isfinite(value).all()
    assert np.isfinite(d_scores).all()


@experts
def test_held_signs_are_those_of_the_features_and_the_gate_does_not_see_them(expert):
    layout, params, *_ = problem(3, 2, False, expert)
    signs = np.array([0, 1, -1, 0])
    kind, before = kind_of(layout), params.copy()
    hold_signs(params, layout, signs)
    weight, free = (kind.layers(p, layout)[0].weight for p in (params, before))
    gate, free_gate = (kind.gate(p, layout).weight for p in (params, before))
    held = signs != 0
    np.testing.assert_array_equal(weight[..., ~held], free[..., ~held])
    np.testing.assert_array_equal(gate[:, ~held], free_gate[:, ~held])
    assert (weight[..., held] * signs[held] >= 0.0).all()
    kept = free[..., held] * signs[held] > 0.0
    np.testing.assert_array_equal(weight[..., held][kept], free[..., held][kept])
    assert not gate[:, held].any()

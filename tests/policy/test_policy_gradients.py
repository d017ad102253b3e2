"""Every term of the three experts and of the gate against central differences."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import log_softmax

from skfeamoe._mixture import mlp
from skfeamoe._policy import gate as gating
from skfeamoe._policy.attribution import attribute
from skfeamoe._policy.experts import (
    N_EXPERTS,
    OUTPUT_PART,
    Rows,
    Shape,
    Weights,
    contrast,
    expert_margin,
    init_networks,
    networks,
    objective,
)
from skfeamoe._policy.gaps import (
    attention_divergence,
    divergence,
    group_shares,
    high_share_gap,
    largest_gap,
    representation_distance,
)
from skfeamoe._policy.mixture import (
    Mixture,
    expert_attributions,
    log_odds_gradient,
    mixture_attributions,
)
from skfeamoe._policy.routing import (
    GateRows,
    GateWeights,
    differentiable_slope,
    gate_gradient,
    reinforce_slope,
    routing_reward,
)

N, D = 24, 4
OFF = Weights(0.0, 0.0, 0.0, 0.0, 0.0)
FULL = Weights(0.7, 0.9, 1.3, 0.6, 0.01)
TERMS = {
    "cross-entropy": OFF,
    "representation": OFF._replace(representation=0.7),
    "result": OFF._replace(result=0.9),
    "attention": OFF._replace(attention=1.3),
    "adversary": OFF._replace(adversary=0.6),
    "penalty": OFF._replace(alpha=0.1),
    "all": FULL,
}
shapes = pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (3, 3)], ids=str)


STEP = 1e-6


def steps(x):
    """Every place of an array with its two neighbors there."""
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += STEP
        down[i] -= STEP
        yield i, up, down


def central_differences(function, x):
    slope = np.empty_like(x)
    for i, up, down in steps(x):
        slope[i] = (function(up) - function(down)) / (2 * STEP)
    return slope


def assert_slope(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def problem(n_classes, n_groups, activation="leaky_relu"):
    rng = np.random.default_rng(0)
    shape = Shape(D, 5, n_classes, n_groups, activation)
    vector = init_networks(shape, rng)
    vector += rng.normal(0, 0.1, vector.shape)
    rows = Rows(
        rng.normal(size=(N, D)),
        rng.integers(n_classes, size=N),
        rng.integers(-1, n_groups, size=N),
        rng.integers(0, 4, size=N) / 2.0,
    )
    masks = mlp.draw_masks(networks(vector, shape).experts, N, 0.3, rng)
    return shape, vector, rows, masks, rng.normal(size=D) * 0.3


def total(terms, weights, squares):
    """The objective of the experts from the values of its terms."""
    value = terms["cross_entropy"]
    value += weights.representation * terms.get("representation", 0.0)
    gaps = terms.get("demographic_parity", 0.0) + terms.get("equal_opportunity", 0.0)
    value += weights.result * 0.5 * gaps + weights.attention * terms.get("attention", 0.0)
    uneven = terms.get("uneven_hidden", 0.0) + OUTPUT_PART * terms.get("uneven_output", 0.0)
    value += weights.adversary * uneven
    return value + 0.5 * weights.alpha * squares


def adversaries(terms):
    return 0.5 * (terms.get("adversary_hidden", 0.0) + terms.get("adversary_output", 0.0))


@cache
def neighbors(activation, n_classes, n_groups):
    """All terms a step up and down in each parameter, and the experts' sum of squares."""
    shape, vector, rows, masks, x0 = problem(n_classes, n_groups, activation)

    def values(vector):
        terms = objective(vector, shape, rows, FULL, n_classes - 1, masks, x0)[0]
        experts = networks(vector, shape).experts
        return terms, sum(np.sum(layer.weight**2) for layer in experts)

    return [(values(up), values(down)) for _, up, down in steps(vector)]


@shapes
@pytest.mark.parametrize("activation", mlp.ACTIVATIONS)
@pytest.mark.parametrize("term", TERMS)
def test_experts_descend_their_objective_and_adversaries_their_own(
    term, activation, n_classes, n_groups
):
    shape, vector, rows, masks, x0 = problem(n_classes, n_groups, activation)
    weights = TERMS[term]
    terms, gradient = objective(vector, shape, rows, weights, n_classes - 1, masks, x0)
    every = objective(vector, shape, rows, FULL, n_classes - 1, masks, x0)[0]
    assert {name: every[name] for name in terms} == terms  # a weight is in no term's value
    size = mlp.n_parameters(shape.expert, N_EXPERTS)

    def slope(value):
        """Central differences of a function of the terms that are on, and of squares."""
        found = []
        for pair in neighbors(activation, n_classes, n_groups):
            up, down = (value({n: t[n] for n in terms}, squares) for t, squares in pair)
            found.append((up - down) / (2 * STEP))
        return np.array(found)

    of_experts = slope(lambda terms, squares: total(terms, weights, squares))
    assert_slope(gradient[:size], of_experts[:size])
    by_adversaries = slope(lambda terms, squares: adversaries(terms))
    assert_slope(gradient[size:], by_adversaries[size:])
    if term == "adversary":
        assert np.abs(gradient[size:]).max() > 0


@shapes
def test_terms_reach_only_their_own_expert(n_classes, n_groups):
    shape, vector, rows, masks, x0 = problem(n_classes, n_groups)
    plain = objective(vector, shape, rows, OFF, n_classes - 1, masks, x0)[1]
    reach = {"representation": [1], "result": [1], "attention": [2], "adversary": [2]}
    for term, experts in reach.items():
        found = objective(vector, shape, rows, TERMS[term], n_classes - 1, masks, x0)[1]
        change = networks(found - plain, shape).experts[0].weight
        moved = [k for k in range(N_EXPERTS) if np.abs(change[k]).max() > 0]
        assert moved == experts


def test_without_groups_only_cross_entropy_is_left():
    shape, vector, rows, masks, x0 = problem(2, 2)
    unknown = replace(rows, groups=np.full(N, -1))
    terms, gradient = objective(vector, shape, unknown, FULL._replace(alpha=0.0), 1, masks, x0)
    expected = objective(vector, shape, rows, OFF, 1, masks, x0)
    assert list(terms) == ["cross_entropy"]
    np.testing.assert_array_equal(gradient, expected[1])


GAPS = {
    "gap": (largest_gap, (N,)),
    "high share": (high_share_gap, (N,)),
    "representation": (representation_distance, (N, 3)),
    "divergence": (lambda s, v: divergence(s, np.abs(v)), (N, 3)),
    "attention": (attention_divergence, (N, 3)),
}


@pytest.mark.parametrize("n_groups", [2, 3])
@pytest.mark.parametrize("name", GAPS)
def test_gap_slopes(name, n_groups):
    function, size = GAPS[name]
    rng = np.random.default_rng(0)
    shares = group_shares(rng.integers(-1, n_groups, N), rng.random(N), n_groups)
    values = rng.normal(size=size)
    slope = function(shares, values)[1]
    expected = central_differences(lambda v: function(shares, v)[0], values)
    assert_slope(slope * np.sign(values) if name == "divergence" else slope, expected)


@pytest.mark.parametrize("name", GAPS)
def test_one_group_has_no_gap(name):
    function, size = GAPS[name]
    value, slope = function(group_shares(np.zeros(N, int), np.ones(N), 1), np.ones(size))
    assert value == 0.0
    assert not slope.any()


@pytest.mark.parametrize("n_samples", [24, 25])
def test_soft_share_above_the_median(n_samples):
    """The median of an even number of rows lies between two of them."""
    rng = np.random.default_rng(1)
    groups = rng.integers(2, size=n_samples)
    shares = group_shares(groups, np.ones(n_samples), 2)
    values = rng.normal(size=n_samples)
    expected = central_differences(lambda v: high_share_gap(shares, v)[0], values)
    assert_slope(high_share_gap(shares, values)[1], expected)
    assert high_share_gap(shares, np.ones(n_samples))[0] == 0.0


def test_two_groups_give_the_terms_of_the_note():
    rng = np.random.default_rng(0)
    groups = rng.integers(2, size=N)
    shares = group_shares(groups, np.ones(N), 2)
    hidden, r = rng.normal(size=(N, 3)), rng.normal(size=(N, 3))
    apart = hidden[groups == 0].mean(axis=0) - hidden[groups == 1].mean(axis=0)
    assert representation_distance(shares, hidden)[0] == pytest.approx(apart @ apart)
    assert largest_gap(shares, hidden[:, 0])[0] == pytest.approx(abs(apart[0]))
    share = np.abs(r) / np.abs(r).sum(axis=1, keepdims=True)
    from scipy.spatial.distance import jensenshannon

    expected = jensenshannon(share[groups == 0].mean(axis=0), share[groups == 1].mean(axis=0))
    assert attention_divergence(shares, r)[0] == pytest.approx(expected**2)


# ------------------------------------------------------------------ attributions


@pytest.mark.parametrize("activation", mlp.ACTIVATIONS)
@shapes
def test_expert_attributions_add_up_and_are_the_path_integral(activation, n_classes, n_groups):
    shape, vector, rows, _, x0 = problem(n_classes, n_groups, activation)
    experts = networks(vector, shape).experts
    rectify = mlp.ACTIVATIONS[activation]

    def margin(Z):
        return mlp.forward(experts, Z, rectify).output[1] @ contrast(n_classes, 0)

    first, v = expert_margin(experts, 1, 0)
    r = attribute(first, v, rows.X, x0, rectify).r
    np.testing.assert_allclose(r.sum(axis=1), margin(rows.X) - margin(x0[None]), atol=1e-12)
    slopes = np.zeros_like(r)
    n_steps = 2000
    for t in (np.arange(n_steps) + 0.5) / n_steps:
        h = (x0 + t * (rows.X - x0)) @ first.weight.T + first.bias
        slopes += (rectify.derivative(h) * v) @ first.weight / n_steps
    np.testing.assert_allclose(r, (rows.X - x0) * slopes, atol=5e-3)


def mixture_of(n_classes, n_groups):
    shape, vector, rows, _, x0 = problem(n_classes, n_groups, "tanh")
    sizes = (gating.state_size(D, N_EXPERTS, n_classes), 6, N_EXPERTS)
    gate = mlp.init_layers(sizes, 1, np.random.default_rng(1))
    experts = networks(vector, shape).experts
    return Mixture(experts, gate, "tanh", 0.7, n_classes - 1), rows, x0


@shapes
def test_gradient_of_the_mixture_by_x_goes_through_the_gate(n_classes, n_groups):
    mixture, rows, _ = mixture_of(n_classes, n_groups)
    found = log_odds_gradient(mixture, rows.X)[1]
    expected = central_differences(
        lambda Z: log_odds_gradient(mixture, Z)[0].sum(), rows.X.copy()
    )
    assert_slope(found, expected)


@shapes
def test_mixture_attributions_add_up(n_classes, n_groups):
    mixture, rows, x0 = mixture_of(n_classes, n_groups)
    r = mixture_attributions(mixture, rows.X, x0, 400)
    ends = log_odds_gradient(mixture, rows.X)[0] - log_odds_gradient(mixture, x0[None])[0]
    np.testing.assert_allclose(r.sum(axis=1), ends, atol=0.02)


def test_a_gate_that_always_picks_one_expert_has_its_attributions():
    mixture, rows, x0 = mixture_of(2, 2)
    for layer in mixture.gate:
        layer.weight[...] = 0.0
    mixture.gate[-1].bias[...] = [[-60.0, 60.0, -60.0]]
    found = mixture_attributions(mixture, rows.X, x0, 500)
    np.testing.assert_allclose(found, expert_attributions(mixture, 1, rows.X, x0), atol=1e-4)


# ------------------------------------------------------------------ the gate


def gate_problem(n_classes=2, n_groups=2):
    rng = np.random.default_rng(3)
    proba = rng.dirichlet(np.ones(n_classes) * 2, size=(N, N_EXPERTS))
    state = gating.state_of(rng.normal(size=(N, D)), proba.transpose(1, 0, 2))
    rows = GateRows(
        state,
        proba,
        rng.dirichlet(np.ones(D), size=(N, N_EXPERTS)),
        rng.normal(size=(N, N_EXPERTS)),
        rng.integers(n_classes, size=N),
        rng.integers(-1, n_groups, size=N),
        rng.random(N) + 0.1,
    )
    weights = GateWeights(0.8, 0.6, 0.05, 0.3, 0.7, 8)
    return rows, weights, rng.normal(size=(N, N_EXPERTS))


def gate_of(z, temperature):
    return np.exp(log_softmax(z / temperature, axis=1))


@shapes
def test_differentiable_gate_descends_its_objective(n_classes, n_groups):
    rows, weights, z = gate_problem(n_classes, n_groups)

    def value(z):
        gate = gate_of(z, weights.temperature)
        return differentiable_slope(gate, rows, weights, n_classes - 1)[0]

    slope = differentiable_slope(gate_of(z, 0.7), rows, weights, n_classes - 1)[1]
    assert_slope(slope, central_differences(value, z))


def test_entropy_balance_and_policy_slopes():
    rows, weights, z = gate_problem()
    tau, share = weights.temperature, rows.weight / rows.weight.sum()
    gate = gate_of(z, tau)
    log_gate = log_softmax(z / tau, axis=1)
    expected = central_differences(
        lambda z: gating.entropy(log_softmax(z / tau, axis=1)).sum(), z
    )
    assert_slope(gating.entropy_slope(log_gate, tau), expected)
    usage = np.array([0.6, 0.3, 0.1])

    def balance(z):
        return gating.balance(gating.next_usage(usage, gate_of(z, tau), share))

    after = gating.next_usage(usage, gate, share)
    found = gating.balance_slope(after, gate, share, tau)
    assert_slope(found, central_differences(balance, z))
    assert np.abs(found).max() > 0
    routing = np.random.default_rng(0).integers(N_EXPERTS, size=(2, N))
    gain = np.random.default_rng(1).normal(size=(2, N))

    def surrogate(z):
        log_gate = log_softmax(z / tau, axis=1)
        return -sum(np.sum(gain[s] * log_gate[np.arange(N), routing[s]]) for s in range(2)) / 2

    assert_slope(
        gating.policy_slope(routing, gain, gate, tau), central_differences(surrogate, z)
    )


@pytest.mark.parametrize("gate", ["differentiable", "reinforce"])
def test_gate_layers_get_the_slope_of_the_scores(gate):
    rows, weights, _ = gate_problem()
    weights = weights._replace(entropy=0.05, balance=0.3)
    layers = mlp.init_layers((rows.state.shape[1], 6, 3), 1, np.random.default_rng(2))
    usage = np.full(3, 1 / 3)
    make = (lambda: None) if gate == "differentiable" else (lambda: np.random.default_rng(5))
    _, found, _ = gate_gradient(layers, rows, usage, weights, 1, make())
    done = mlp.forward(layers, rows.state, gating.GATE_ACTIVATION)
    log_gate = gating.log_gate_of(done, weights.temperature)
    g = np.exp(log_gate)
    share = rows.weight / rows.weight.sum()
    if gate == "differentiable":
        slope = differentiable_slope(g, rows, weights, 1)[1]
    else:
        slope = reinforce_slope(g, rows, weights, 1, make())[1]
    slope = slope - 0.05 * share[:, None] * gating.entropy_slope(log_gate, 0.7)
    after = gating.next_usage(usage, g, share)
    slope = slope + 0.3 * gating.balance_slope(after, g, share, 0.7)
    expected, _ = mlp.backward(layers, done, slope[None], gating.GATE_ACTIVATION)
    assert_slope(mlp.flatten(found), mlp.flatten(expected))


def test_reward_depends_on_the_sampled_routing_and_its_parts_add_up():
    rows, weights, _ = gate_problem()
    routings = np.random.default_rng(0).integers(N_EXPERTS, size=(20, N))
    linear = weights._replace(procedure=0.0)
    rewards = []
    for routing in routings:
        reward, part = routing_reward(routing, rows, linear, 1)
        assert part.sum() == pytest.approx(reward)
        rewards.append(reward)
    assert np.std(rewards) > 0.01


def test_leave_one_out_excludes_the_sample_itself():
    reward = np.random.default_rng(0).normal(size=(5, 7))
    expected = [reward[s] - np.delete(reward, s, axis=0).mean(axis=0) for s in range(5)]
    np.testing.assert_allclose(gating.leave_one_out(reward), expected)


def test_policy_gradient_is_unbiased_for_a_reward_per_row():
    """Without gaps the expected reward is linear in g: its slope is known exactly."""
    rows, weights, z = gate_problem()
    weights = weights._replace(result=0.0, procedure=0.0, n_routings=4000)
    rows = rows._replace(state=np.ones_like(rows.state))
    gate = gate_of(z, weights.temperature)
    found = reinforce_slope(gate, rows, weights, 1, np.random.default_rng(0))[1]
    power = rows.proba**4
    soft = power / power.sum(axis=2, keepdims=True)
    gain = soft[np.arange(N), :, rows.y] * (rows.weight / rows.weight.sum())[:, None]
    expected = gating.through_gate(-gain, gate, weights.temperature)
    np.testing.assert_allclose(found, expected, atol=4 * np.abs(expected).max() / 60)


def test_sampled_routing_follows_the_gate():
    gate = np.tile([0.2, 0.5, 0.3], (2000, 1))
    routing = gating.sample_routing(gate, 20, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(routing.ravel()) / routing.size, gate[0], atol=0.01)

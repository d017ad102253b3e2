"""Networks in stacked arrays: gradients against central differences, stacking, dropout."""

import numpy as np
import pytest
from scipy.special import log_softmax

from skfeamoe._mixture import mlp
from skfeamoe._mixture.optimizers import Adam

activations = pytest.mark.parametrize("name", mlp.ACTIVATIONS)
depths = pytest.mark.parametrize("sizes", [(4, 2), (4, 5, 3), (4, 5, 3, 2)], ids=str)


def central_differences(function, vector, step=1e-6):
    slope = np.empty_like(vector)
    for i in np.ndindex(*vector.shape):
        up, down = vector.copy(), vector.copy()
        up[i] += step
        down[i] -= step
        slope[i] = (function(up) - function(down)) / (2 * step)
    return slope


def problem(sizes, n_networks=3, n_samples=11, rate=0.3):
    rng = np.random.default_rng(0)
    vector = mlp.flatten(mlp.init_layers(sizes, n_networks, rng))
    vector += rng.normal(0, 0.1, vector.shape)
    layers = mlp.view_layers(vector, sizes, n_networks)
    X = rng.normal(size=(n_samples, sizes[0]))
    masks = mlp.draw_masks(layers, n_samples, rate, rng)
    d_output = rng.normal(size=(n_networks, n_samples, sizes[-1]))
    return vector, layers, X, masks, d_output


@activations
@depths
@pytest.mark.parametrize("shared", [True, False], ids=["one input", "input per network"])
def test_backward_is_the_derivative(name, sizes, shared):
    activation = mlp.ACTIVATIONS[name]
    vector, layers, X, masks, d_output = problem(sizes)
    if not shared:
        X = np.random.default_rng(1).normal(size=(3, *X.shape))
    hidden = np.random.default_rng(2).normal(size=(3, 11, sizes[1])) if len(sizes) > 2 else None

    def loss(vector, X=X):
        done = mlp.forward(mlp.view_layers(vector, sizes, 3), X, activation, masks)
        total = np.sum(d_output * done.output)
        if hidden is not None:
            total += np.sum(hidden * activation.value(done.scores[0]))
        return total

    done = mlp.forward(layers, X, activation, masks)
    d_hidden = None if hidden is None else {0: hidden}
    found, d_first = mlp.backward(layers, done, d_output, activation, d_hidden)
    expected = central_differences(loss, vector)
    np.testing.assert_allclose(mlp.flatten(found), expected, rtol=1e-5, atol=1e-7)
    by_input = mlp.d_input(layers, d_first)
    by_input = by_input.sum(axis=0) if shared else by_input
    expected = central_differences(lambda rows: loss(vector, rows), X)
    np.testing.assert_allclose(by_input, expected, rtol=1e-5, atol=1e-7)
    if hidden is None:
        alone = mlp.back_to_input(layers, done, d_output, activation)
        np.testing.assert_allclose(alone.sum(axis=0) if shared else alone, by_input)


@depths
def test_stacked_networks_are_single_networks(sizes):
    _, layers, X, masks, _ = problem(sizes)
    activation = mlp.ACTIVATIONS["leaky_relu"]
    together = mlp.forward(layers, X, activation, masks).output
    for k in range(3):
        own = [mlp.Layer(w[k : k + 1], b[k : k + 1]) for w, b in layers]
        alone = mlp.forward(own, X, activation, [mask[k : k + 1] for mask in masks]).output
        np.testing.assert_allclose(alone[0], together[k])


def test_views_share_their_vector_and_flatten_returns_it():
    vector, layers, *_ = problem((4, 5, 3))
    assert len(vector) == mlp.n_parameters((4, 5, 3), 3)
    np.testing.assert_array_equal(mlp.flatten(layers), vector)
    layers[1].bias[2, 1] = 7.0
    assert 7.0 in vector


def test_masks_have_mean_one_and_none_at_rate_zero():
    _, layers, *_ = problem((4, 5, 3))
    mask = mlp.draw_masks(layers, 20_000, 0.3, np.random.default_rng(0))[0]
    assert set(np.unique(mask)) == {0.0, 1.0 / 0.7}
    assert abs(mask.mean() - 1.0) < 0.01
    assert mlp.draw_masks(layers, 5, 0.0, np.random.default_rng(0)) == []


def test_log_softmax_is_scipys_also_for_extreme_scores():
    from scipy.special import log_softmax

    scores = np.array([[0.0, 1.0, -2.0], [1e3, -1e3, 0.0]])
    np.testing.assert_allclose(mlp.log_softmax(scores), log_softmax(scores, axis=1))


def test_adam_is_its_paper_and_new_parameters_start_their_own_clock():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(5, 3))
    block, memory = np.zeros(3), Adam.init((3,))
    mean, square, expected = np.zeros(3), np.zeros(3), np.zeros(3)
    for t, gradient in enumerate(gradients, start=1):
        Adam(0.1).step(block, gradient, memory)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        expected -= 0.1 * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(block, expected)
    longer, memory = np.append(block, 0.0), np.append(memory, np.zeros((4, 1)), axis=1)
    Adam(0.1).step(longer, np.array([0.0, 0.0, 0.0, 3.0]), memory)
    assert longer[3] == pytest.approx(-0.1)


@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 3), (1, 2, 1)])
def test_log_softmax_is_scipys(shape):
    scores = np.random.default_rng(0).normal(size=shape) * 300.0
    np.testing.assert_allclose(
        mlp.log_softmax(scores), log_softmax(scores, axis=-1), atol=1e-12
    )

"""Networks as experts: everything that logistic experts do, and what they do not."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from lending import GroupsFromX, assert_same_state, made_once, make_lending, stream
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skfeamoe import FEAMOEClassifier
from skfeamoe._explanation import _play_by_calls
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._mixture.experts import EXPERTS, kind_of, moved
from skfeamoe._mixture.forward import forward, mixture_proba
from skfeamoe.inspection import CoefficientsDisplay

ALL = list(CONSTRAINTS)
quiet = pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")


def network(constraints=None, **parameters):
    defaults = {"expert": "mlp", "hidden_layer_sizes": (8, 5), "random_state": 0}
    return FEAMOEClassifier(constraints, **(defaults | parameters))


def rings(n, seed=0):
    """A ring and its inside: no linear score tells them apart; two groups by chance."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    radius = np.hypot(X[:, 0], X[:, 1])
    y = (radius > 1.2).astype(int)
    group = rng.choice(["a", "b"], size=n)
    return X, y, group


def expected_failed_checks(estimator):
    return {
        f"check_sample_weight_equivalence_on_{kind}_data": "rows are drawn into batches"
        for kind in ("dense", "sparse")
    }


@quiet
@parametrize_with_checks(
    [FEAMOEClassifier(None, expert="mlp", hidden_layer_sizes=(10,))],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.ci
@quiet
@parametrize_with_checks(
    [GroupsFromX(ALL, expert="mlp", difference_bound=0.5, growth_interval=10)],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_check_with_groups(estimator, check):
    check(estimator)


def test_one_network_learns_what_one_logistic_expert_cannot():
    X, y, _ = rings(4000)
    scores = {
        expert: FEAMOEClassifier(None, expert=expert, growth=None, random_state=0)
        .fit(X[:3000], y[:3000])
        .score(X[3000:], y[3000:])
        for expert in EXPERTS
    }
    assert scores["mlp"] > 0.93
    assert scores["logistic"] < 0.7


def test_one_network_is_a_network_of_scikit_learns_accuracy():
    X, y, _ = rings(4000)
    peer = MLPClassifier((30,), early_stopping=True, random_state=0, max_iter=400).fit(
        X[:3000], y[:3000]
    )
    ours = network(growth=None, hidden_layer_sizes=30).fit(X[:3000], y[:3000])
    assert ours.score(X[3000:], y[3000:]) > peer.score(X[3000:], y[3000:]) - 0.02


@pytest.mark.parametrize("learn", ["fit", "stream"])
def test_the_bound_holds_for_networks(learn):
    X, y, group = make_lending(9000)
    free, bound = network(growth=None), network("demographic_parity", difference_bound=0.05)
    if learn == "fit":
        free.fit(X, y)
        bound.fit(X, y, sensitive_features=group)
    else:
        stream(free, X, y, group)
        stream(bound, X, y, group)
    rates = [
        [model.predict(X)[group == name].mean() for name in np.unique(group)]
        for model in (free, bound)
    ]
    gaps = np.abs(np.diff(rates, axis=1))[:, 0]
    assert gaps[0] > 0.2
    assert gaps[1] < 0.08
    assert bound.n_experts_ > 1


def test_schedule_makes_one_network_fairer_though_no_expert_is_added():
    X, y, group = make_lending(4000)
    free, fair = (
        network(growth=None),
        network("demographic_parity", control="schedule", max_experts=1, penalty_increment=0.1),
    )
    free.fit(X, y)
    fair.fit(X, y, sensitive_features=group)
    assert fair.n_experts_ == 1
    gaps = [
        abs(np.subtract(*(m.predict(X)[group == name].mean() for name in np.unique(group))))
        for m in (free, fair)
    ]
    assert gaps[1] < 0.7 * gaps[0]


@pytest.mark.parametrize("expert", EXPERTS)
def test_a_schedule_that_could_never_begin_is_refused(expert):
    X, y, group = make_lending(300)
    model = FEAMOEClassifier(control="schedule", growth=None, expert=expert)
    with pytest.raises(ValueError, match="growth=None adds none"):
        model.fit(X, y, sensitive_features=group)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_stop_and_continue_bit_for_bit(n_classes, sparse):
    X, y, group = make_lending(900, n_classes=n_classes)
    X = sp.csr_array(X) if sparse else X
    unbroken = network(ALL, growth_interval=100, max_experts=3)
    stream(unbroken, X[:400], y[:400], group[:400])
    carried = pickle.loads(pickle.dumps(unbroken))
    for model in (unbroken, carried):
        stream(model, X[400:], y[400:], group[400:])
    assert unbroken.n_experts_ == 3
    assert_same_state(unbroken._model, carried._model)
    np.testing.assert_array_equal(unbroken.predict_proba(X), carried.predict_proba(X))


def test_skops_round_trip():
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    X, y, group = make_lending(300)
    model = network("equalized_odds", difference_bound=0.9).fit(X, y, sensitive_features=group)
    data = skops.dumps(model)
    loaded = skops.loads(data, trusted=skops.get_untrusted_types(data=data))
    np.testing.assert_array_equal(model.predict_proba(X), loaded.predict_proba(X))


@pytest.mark.filterwarnings("ignore:values of X lie far beyond")
@pytest.mark.parametrize("standardized", [True, False])
@pytest.mark.parametrize("scale", [1e-200, 1e150], ids=["tiny", "huge"])
def test_extreme_features_leave_a_sound_model(scale, standardized):
    X, y, group = make_lending(1000)
    X = X * scale
    X[::100] *= 1e100
    model = network(
        ["demographic_parity", "burden"], standardize=standardized, growth_interval=300
    )
    stream(model, X, y, group)
    assert np.all(np.isfinite(model._model.ensemble.params))
    assert np.all(np.isfinite(model.predict_proba(X)))


def test_networks_are_copied_when_the_world_changes():
    pytest.importorskip("river", reason="river is an extra")
    X, y, _ = rings(8000)
    y = np.where(np.arange(8000) < 4000, y, 1 - y)
    model = network(growth="drift")
    right = []
    for start in range(0, 8000, 50):
        rows = slice(start, start + 50)
        if start:
            right.append(np.mean(model.predict(X[rows]) == y[rows]))
        model.partial_fit(X[rows], y[rows], [0, 1])
    assert list(model.history_["alarm_cause"]) == ["accuracy"]
    assert 4000 < model.history_["alarm_n_samples_seen"][0] < 4500
    assert model.n_experts_ > 1
    assert np.mean(right[-20:]) > 0.8


def test_adding_an_expert_hardly_moves_predictions():
    X, y, _ = rings(1000)
    model = network(growth_interval=500, batch_size=500)
    model.partial_fit(X[:500], y[:500], [0, 1])
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e-12).partial_fit(X[500:], y[500:])
    assert model.n_experts_ == 2
    assert np.abs(model.predict_proba(X) - before).mean() < 0.01


ON_X = ["logistic", "mlp"]
"""Kinds of experts whose terms are linear in X; shapes have tests of their own."""


@pytest.mark.parametrize("expert", ON_X)
@pytest.mark.parametrize("standardized", [True, False])
def test_published_layers_are_the_model_in_units_of_x(expert, standardized):
    X, y, _ = make_lending(600)
    X = X * [1, 10, 1e3, 1, 1, 1] + [0, 5, 1e4, 0, 0, 0]
    if not standardized:
        X = X / 1e4
    model = FEAMOEClassifier(
        None, expert=expert, standardize=standardized, growth_interval=200, random_state=0
    ).fit(X, y)
    gate = X @ model.gate_coef_.T + model.gate_intercept_
    gate = np.exp(gate - gate.max(axis=1, keepdims=True))
    gate /= gate.sum(axis=1, keepdims=True)
    hidden = np.broadcast_to(X, (model.n_experts_, *X.shape))
    for number, (weight, bias) in enumerate(model.expert_layers_):
        hidden = hidden if number == 0 else np.maximum(hidden, 0.0)
        hidden = hidden @ weight.transpose(0, 2, 1) + bias[:, None]
    scores = hidden[:, :, 0].T
    expected = (gate / (1 + np.exp(-scores))).sum(axis=1)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected, rtol=1e-8)


@pytest.mark.parametrize("expert", ON_X)
def test_unfold_undoes_fold(expert):
    X, y, _ = make_lending(300)
    model = FEAMOEClassifier(None, expert=expert, growth_interval=100, random_state=0).fit(X, y)
    layout = model._model.ensemble.layout
    block, terms = model._model.published(), model._model.terms
    folded = moved(block, layout, terms.fold)
    np.testing.assert_allclose(moved(folded, layout, terms.unfold), block, atol=1e-12)
    Z = terms.transform(X)
    np.testing.assert_allclose(
        mixture_proba(forward(X, folded, layout)), mixture_proba(forward(Z, block, layout))
    )
    assert len(kind_of(layout).layers(block, layout)) == len(model.expert_layers_)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scaled", [False, True])
def test_fitted_networks_as_first_experts(n_classes, scaled):
    X, y, _ = make_lending(900, n_classes=n_classes)
    peer = MLPClassifier((6,), max_iter=400, random_state=0, early_stopping=True)
    model = make_pipeline(StandardScaler(), peer) if scaled else peer
    model.fit(X, y)
    ours = network(
        initial_experts=[model, model], hidden_layer_sizes=6, growth=None, learning_rate=1e-12
    ).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), model.predict_proba(X), atol=1e-6)


def test_experts_of_another_kind_or_shape_are_refused():
    X, y, _ = make_lending(300)
    linear = LogisticRegression().fit(X, y)
    peer = MLPClassifier((6,), max_iter=400, early_stopping=True).fit(X, y)
    with pytest.raises(ValueError, match=r"initial_experts\[0\] must be .* use MLPClassifier"):
        network(initial_experts=[linear]).fit(X, y)
    with pytest.raises(ValueError, match="has layers of"):
        network(initial_experts=[peer], hidden_layer_sizes=(7,)).fit(X, y)
    with pytest.raises(ValueError, match="activation="):
        network(initial_experts=[peer], hidden_layer_sizes=6, activation="tanh").fit(X, y)
    with pytest.raises(ValueError, match="use LogisticRegression"):
        FEAMOEClassifier(None, initial_experts=[peer]).fit(X, y)


@pytest.mark.parametrize("widths", [0, (), (3, 0), (2.5,), "ten", [[3]]])
def test_widths_that_are_none_are_refused(widths):
    X, y, _ = make_lending(100)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        network(hidden_layer_sizes=widths).fit(X, y)


@pytest.mark.parametrize(
    "change", [{"expert": "logistic"}, {"hidden_layer_sizes": (9,)}, {"activation": "tanh"}]
)
def test_experts_cannot_change_in_mid_stream(change):
    X, y, _ = make_lending(100)
    model = network().partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="differs from what this model was"):
        model.set_params(**change).partial_fit(X, y)


def test_networks_have_no_coefficients():
    X, y, _ = make_lending(100)
    model = network().fit(X, y)
    with pytest.raises(AttributeError, match="expert_layers_"):
        _ = model.expert_coef_
    with pytest.raises(AttributeError, match="expert_layers_"):
        CoefficientsDisplay.from_estimator(model)
    assert model.gate_coef_.shape == (model.n_experts_, X.shape[1])


def test_grid_search_over_kinds():
    X, y, group = rings(1500)
    search = GridSearchCV(
        FEAMOEClassifier(difference_bound=0.9, random_state=0),
        {"expert": ["logistic", "mlp"], "hidden_layer_sizes": [4, (16, 8)]},
        cv=2,
    ).fit(X, y, sensitive_features=group)
    assert search.best_params_["expert"] == "mlp"


# ------------------------------------------------------------------------ explanations

GAMES = ("interventional", "gate_frozen_probability", "gate_frozen_margin")
games = pytest.mark.parametrize("game", GAMES)
outputs = pytest.mark.parametrize("output", ["probability", "log_odds"])


@made_once
def explained(n_classes=2, **parameters):
    X, y, _ = make_lending(400, n_classes=n_classes)
    model = FEAMOEClassifier(
        None, growth_interval=100, random_state=0, hidden_layer_sizes=8, **parameters
    )
    return model.fit(X, y), X


def output_of(model, X, game, output):
    """What the values of a game have to sum to, (n_samples, n_classes)."""
    if game == "gate_frozen_margin":
        logs = np.log(model.expert_proba(X))
        margins = logs[:, :, 1:] - logs[:, :, :1]
        if logs.shape[2] > 2:
            margins = logs - logs.mean(axis=2, keepdims=True)
        return np.einsum("nk,nkc->nc", model.gate_proba(X), margins)
    proba = model.predict_proba(X)
    shown = proba if output == "probability" else np.log(proba / (1 - proba))
    return shown[:, 1:] if shown.shape[1] == 2 else shown


@games
@outputs
@pytest.mark.parametrize("n_classes", [2, 3])
def test_values_sum_to_the_output(game, output, n_classes):
    model, X = explained(n_classes, expert="mlp")
    told = model.explain(X[:4], game=game, output=output, background=X[50:80])
    values, base = told.values, told.base_values
    sums = base + values.sum(axis=1)
    expected = output_of(model, X[:4], game, output)
    np.testing.assert_allclose(sums, expected if n_classes > 2 else expected[:, 0], atol=1e-10)
    assert told.error_std is None


@games
@outputs
def test_calls_give_what_the_fast_games_of_logistic_experts_give(game, output):
    model, X = explained(expert="logistic")
    fast = model.explain(X[:4], game=game, output=output, background=X[50:80], method="exact")
    called = _play_by_calls(
        model._forward_pass(),
        X[:4],
        X[50:80],
        game=game,
        output=output,
        method="exact",
    )
    np.testing.assert_allclose(called.values[:, :, 0], fast.values, atol=1e-12)
    np.testing.assert_allclose(called.base_values[:, 0], fast.base_values, atol=1e-12)


@pytest.mark.parametrize("game", GAMES[:2])
@outputs
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("layers", [(8,), (6, 4)])
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_values_by_hidden_layers_are_those_by_calls(scale, layers, n_classes, output, game):
    X, y, groups = make_lending(400, n_classes=n_classes)
    model = FEAMOEClassifier(
        "demographic_parity",
        difference_bound=0.05,
        favorable_label=1,
        expert="mlp",
        hidden_layer_sizes=layers,
        growth_interval=100,
        random_state=0,
    ).fit(X, y, sensitive_features=groups)
    model._model.ensemble.average[...] *= scale  # beyond what exponentials of scores can hold
    rows = X[:3], X[50:70]
    options = {"game": game, "output": output, "method": "exact"}
    fast = model.explain(rows[0], background=rows[1], **options)
    called = _play_by_calls(model._forward_pass(), *rows, **options)
    expected, base = called.values, called.base_values
    if n_classes == 2:
        expected, base = expected[:, :, 0], base[:, 0]
    size = np.abs(expected).max()
    np.testing.assert_allclose(fast.values, expected, rtol=0, atol=1e-10 * max(size, 1.0))
    np.testing.assert_allclose(fast.base_values, base, rtol=1e-9, atol=1e-10)


def test_networks_too_wide_for_sums_are_called(monkeypatch):
    model, X = explained(expert="mlp")
    rows, options = X[:2], {"background": X[50:70], "method": "exact"}
    summed = model.explain(rows, **options)
    monkeypatch.setattr("skfeamoe._explanation.MOST_PARTS", 0)
    np.testing.assert_allclose(model.explain(rows, **options).values, summed.values, atol=1e-12)


def test_sampled_values_are_within_their_errors():
    model, X = explained(expert="mlp")
    exact = model.explain(X[:20], background=X[50:80], method="exact")
    sampled = model.explain(X[:20], background=X[50:80], method="permutation", random_state=0)
    off = np.abs(sampled.values - exact.values) / np.maximum(sampled.error_std, 1e-6)
    assert np.mean(off < 3) > 0.9


def test_networks_are_explained_against_the_rows_the_model_kept():
    model, X = explained(expert="mlp", background_size=40)
    told = model.explain(X[:2], feature_groups={"first two": [0, 1]})
    assert told.values.shape == (2, X.shape[1] - 1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"decompose": True}, "decompose=True needs"),
        ({"engine": "numba"}, "engine='numba' needs"),
        ({"game": "chess"}, "game must be one of"),
        ({"output": "logit"}, "output must be one of"),
        ({"method": "guess"}, "method must be one of"),
    ],
)
def test_what_networks_cannot_be_asked(wrong, told):
    model, X = explained(expert="mlp")
    with pytest.raises(ValueError, match=told):
        model.explain(X[:2], **wrong)

"""What `explain` returns: sums, groups as players, and the names and shapes around them."""

import subprocess
import sys
from itertools import permutations

import numpy as np
import pytest
import scipy.sparse as sp
from explain_models import fitted, labels, onehot_frame, output_of

from skfeamoe import FEAMOEClassifier


@pytest.fixture(scope="module", params=[2, 3])
def case(request):
    rng = np.random.default_rng(request.param)
    X = onehot_frame(rng)
    return fitted(X, labels(rng, X, request.param)), X


@pytest.mark.parametrize("decompose", [False, True])
@pytest.mark.parametrize("method", ["auto", "exact", "permutation"])
@pytest.mark.parametrize("output", ["probability", "log_odds"])
def test_values_sum_to_the_output(case, output, method, decompose):
    model, X = case
    explanation = model.explain(
        X[:6], output=output, method=method, decompose=decompose, background=X[10:40],
        feature_groups="onehot", random_state=0,
    )  # fmt: skip
    total = explanation.base_values + explanation.values.sum(axis=1)
    assert np.abs(total - output_of(model, X[:6], output)).max() < 1e-9
    assert (explanation.error_std is None) == (method != "permutation")
    base = output_of(model, X[10:40], output).mean(axis=0)
    assert np.abs(explanation.base_values - base).max() < 1e-9


@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_frozen_games_sum_to_their_outputs(case, method):
    model, X = case
    options = {"method": method, "background": X[10:40]}
    frozen = model.explain(X[:6], game="gate_frozen_probability", **options)
    total = frozen.base_values + frozen.values.sum(axis=1)
    assert np.abs(total - output_of(model, X[:6], "probability")).max() < 1e-9
    margin = model.explain(X[:6], game="gate_frozen_margin", **options)
    scores = np.einsum("kcd,nd->nkc", model.expert_coef_, X[:6]) + model.expert_intercept_
    mixed = np.einsum("nk,nkc->nc", model.gate_proba(X[:6]), scores)
    total = margin.base_values + margin.values.sum(axis=1)
    assert np.abs(total - (mixed if mixed.shape[1] > 1 else mixed[:, 0])).max() < 1e-9


def test_groups_are_players_by_brute_force(case):
    model, X = case
    background = X[10:18]
    explanation = model.explain(X[:1], background=background, feature_groups="onehot")
    groups = [[0], [1], [2, 3], [4, 5, 6]]
    assert explanation.feature_names == ["age", "debt_ratio", "sex", "marital_status"]
    expected = np.zeros_like(explanation.values[0])
    orders = list(permutations(range(4)))
    for order in orders:
        mixed = background.to_numpy().copy()
        before = output_of(model, background, "probability").mean(axis=0)
        for j in order:
            mixed[:, groups[j]] = X.to_numpy()[0, groups[j]]
            frame = background.copy()
            frame[:] = mixed
            after = output_of(model, frame, "probability").mean(axis=0)
            expected[j] += (after - before) / len(orders)
            before = after
    assert np.abs(explanation.values[0] - expected).max() < 1e-12
    columns = model.explain(X[:1], background=background).values[0]
    summed = np.array([columns[g].sum(axis=0) for g in groups])
    assert np.abs(summed - expected).max() > 1e-4


def test_parts_sum_to_the_values(case):
    model, X = case
    whole = model.explain(X[:4], background=X[10:40], feature_groups="onehot")
    parts = model.explain(X[:4], background=X[10:40], feature_groups="onehot", decompose=True)
    assert parts.feature_names[:1] + parts.feature_names[4:5] == [
        "age (expert)",
        "age (routing)",
    ]
    assert np.abs(parts.values[:, :4] + parts.values[:, 4:] - whole.values).max() < 1e-12
    assert np.abs(parts.values[:, 4:]).max() > 1e-4


def test_one_expert_and_the_margin_game_are_linear_shap():
    import shap

    rng = np.random.default_rng(5)
    X = rng.normal(size=(200, 4))
    model = fitted(X, labels(rng, X), growth=None)
    ours = model.explain(X[:5], game="gate_frozen_margin", background=X)
    masker = shap.maskers.Independent(X, max_samples=len(X))
    linear = shap.LinearExplainer(
        (model.expert_coef_[0, 0], model.expert_intercept_[0, 0]), masker
    )
    assert np.abs(ours.values - linear.shap_values(X[:5])).max() < 1e-10


@pytest.fixture
def shap_as_python(monkeypatch):
    """shap whose loops for numba run as they are: to compile them takes ten seconds."""
    shap = pytest.importorskip("shap")
    modules = [module for name, module in sys.modules.items() if name.startswith("shap.")]
    for module in modules:
        for name, value in list(vars(module).items()):
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
    return shap


def test_exact_values_are_those_of_shaps_exact_explainer(case, shap_as_python):
    shap = shap_as_python
    _, X = case
    plain = fitted(X.to_numpy(), labels(np.random.default_rng(0), X))
    Z = X.to_numpy()
    masker = shap.maskers.Independent(Z[10:30], max_samples=20)
    peer = shap.ExactExplainer(lambda rows: plain.predict_proba(rows)[:, 1], masker)
    ours = plain.explain(Z[:3], background=Z[10:30], method="exact")
    assert np.abs(ours.values - peer(Z[:3]).values).max() < 1e-10


def test_sparse_and_dense_rows_agree():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(200, 6)) * (rng.random((200, 6)) < 0.4)
    model = fitted(sp.csr_array(X), labels(rng, X))
    assert sp.issparse(model.background_)
    from_sparse = model.explain(sp.csr_array(X[:5]))
    assert np.abs(from_sparse.values - model.explain(X[:5]).values).max() < 1e-12
    assert np.array_equal(from_sparse.data, X[:5])


def test_shapes_and_names(case):
    model, X = case
    explanation = model.explain(X[:5], feature_groups="onehot")
    n_classes = len(model.classes_)
    tail = () if n_classes == 2 else (n_classes,)
    assert explanation.values.shape == (5, 4, *tail)
    assert explanation.base_values.shape == (5, *tail)
    names = "1" if n_classes == 2 else ["0", "1", "2"]
    assert explanation.output_names == names
    assert explanation.data.dtype == float
    row = X.iloc[0]
    assert explanation.display_data[0, 2] == ("f" if row["sex_f"] else "m")
    active = [c for c in ("single", "never_wed", "wed") if row[f"marital_status_{c}"]]
    assert explanation.display_data[0, 3] == active[0]
    assert explanation.display_data[0, 0] == row["age"]
    assert model.explain(X[:5]).display_data is None


def test_sensitive_columns_are_no_players():
    rng = np.random.default_rng(7)
    X = onehot_frame(rng)
    y = labels(rng, X)
    frame = X.assign(group=np.where(X["sex_f"] == 1, "f", "m"))[["group", *X.columns]]
    model = FEAMOEClassifier(sensitive_columns="group", difference_bound=0.5, random_state=0)
    model.fit(frame, y)
    explanation = model.explain(frame[:3], feature_groups={"who": ["sex_f", "sex_m"]})
    assert "group" not in explanation.feature_names
    by_number = model.explain(frame[:3], feature_groups={"who": [3, 4]})
    assert np.array_equal(explanation.values, by_number.values)
    assert np.array_equal(explanation.values, model.explain(
        X[:3], feature_groups={"who": ["sex_f", "sex_m"]}).values)  # fmt: skip
    with pytest.raises(ValueError, match="'group', which is not a feature"):
        model.explain(frame[:3], feature_groups={"a": "group"})
    with pytest.raises(ValueError, match="column number 0, which is not a feature"):
        model.explain(frame[:3], feature_groups={"a": 0})


def test_tolerance_is_met():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(300, 25))
    model = fitted(X, labels(rng, X))
    for tol in (0.2, 0.05):
        explanation = model.explain(X[:4], background=X[100:150], tol=tol, random_state=0)
        size = np.linalg.norm(explanation.values, axis=1)
        assert (np.linalg.norm(explanation.error_std, axis=1) <= tol * size).all()


def test_random_state_repeats(case):
    model, X = case
    options = {"method": "permutation", "background": X[10:60]}
    first, second, other = (
        model.explain(X[:2], random_state=seed, **options).values for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_background_of_the_model_is_the_default(case):
    model, X = case
    implied = model.explain(X[:2], feature_groups="onehot")
    background = X.copy()[: len(model.background_)]
    background[:] = model.background_
    given = model.explain(X[:2], feature_groups="onehot", background=background)
    assert np.abs(implied.values - given.values).max() < 1e-12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": "shap"}, "game must be one of"),
        ({"output": "logit"}, "output must be one of"),
        ({"method": "kernel"}, "method must be one of"),
        ({"max_evals": 0}, "max_evals must be None or at least 1, got 0"),
        ({"tol": -1}, "tol must be None or positive"),
        ({"game": "gate_frozen_margin", "decompose": True}, "decompose=True needs"),
        ({"feature_groups": "ohe"}, "feature_groups must be None, 'onehot' or a mapping"),
        ({"feature_groups": {"a": []}}, r"feature_groups\['a'\] must not be empty"),
        ({"feature_groups": {"a": ["agee"]}}, "did you mean 'age'"),
        ({"feature_groups": {"a": 99}}, "column number 99, which is not a feature"),
        ({"feature_groups": {"a": [1.5]}}, "must hold names or numbers"),
        ({"feature_groups": {"a": ["age"], "b": ["age"]}}, "must not share columns"),
        ({"feature_groups": {"age": ["debt_ratio"]}}, "also the name of a column"),
        ({"feature_groups": ["age"]}, "feature_groups must be None"),
        ({"background": np.zeros((3, 2))}, "features"),
    ],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_errors(case, options, message):
    model, X = case
    with pytest.raises(ValueError, match=message):
        model.explain(X[:2], **options)


def test_no_background_and_too_many_players():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(100, 22))
    model = fitted(X, labels(rng, X), background_size=0)
    with pytest.raises(ValueError, match=r"background must be given.*background_size=0"):
        model.explain(X[:2])
    with pytest.raises(ValueError, match="method='exact' enumerates up to 20"):
        model.explain(X[:2], background=X[10:12], method="exact")
    with pytest.raises(ValueError, match="fitted on data without"):
        model.explain(X[:2], background=X[10:12], feature_groups="onehot")


def test_importing_the_package_is_light():
    code = """
import sys
import skfeamoe
heavy = "shap", "matplotlib", "numba", "river", "shapiq"
print([name for name in heavy if name in sys.modules])
import skfeamoe.inspection
print([name for name in heavy if name in sys.modules])
"""
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["[]", "[]"]

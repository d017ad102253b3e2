"""Measures of the three-expert system against fairlearn, scipy and arithmetic."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    equal_opportunity_difference,
)
from scipy.spatial.distance import jensenshannon

from skfeamoe import FEAMOEClassifier
from skfeamoe.metrics import (
    attention_divergence,
    explanation_quality,
    procedural_unfairness,
    ratio_explanation_difference,
    result_unfairness,
    utility_score,
    value_explanation_difference,
)

N = 120


def problem(n_groups=3):
    rng = np.random.default_rng(0)
    y = rng.choice(["no", "yes"], N)
    decided = rng.choice(["no", "yes"], N)
    groups = rng.choice([f"g{a}" for a in range(n_groups)], N)
    return rng, y, decided, groups


@pytest.mark.parametrize("n_groups", [2, 3])
def test_result_unfairness_is_the_mean_of_fairlearns(n_groups):
    _, y, decided, groups = problem(n_groups)
    a, b = y == "yes", decided == "yes"
    expected = demographic_parity_difference(a, b, sensitive_features=groups)
    expected += equal_opportunity_difference(a, b, sensitive_features=groups)
    found = result_unfairness(y, decided, sensitive_features=groups, pos_label="yes")
    assert found == pytest.approx(expected / 2)


def test_weight_two_is_a_row_repeated():
    rng, y, decided, groups = problem()
    weight = rng.integers(0, 3, N)
    again = np.repeat(np.arange(N), weight)
    r = rng.normal(size=(N, 4))
    for function, arrays in [
        (lambda *a, **k: result_unfairness(*a, pos_label="yes", **k), (y, decided)),
        (value_explanation_difference, (r[:, 0],)),
        (attention_divergence, (r,)),
    ]:
        found = function(*arrays, sensitive_features=groups, sample_weight=weight)
        repeated = [array[again] for array in arrays]
        expected = function(*repeated, sensitive_features=groups[again])
        assert found == pytest.approx(expected)


def test_rows_of_unknown_group_are_in_no_difference():
    rng, *_, groups = problem()
    groups = groups.astype(object)
    groups[:20] = None
    quality = rng.normal(size=N)
    found = value_explanation_difference(quality, sensitive_features=groups)
    known = value_explanation_difference(quality[20:], sensitive_features=groups[20:])
    assert found == pytest.approx(known)
    nobody = np.full(N, None)
    with pytest.raises(ValueError, match="sensitive_features must tell the group of some rows"):
        value_explanation_difference(quality, sensitive_features=nobody)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_named_columns_are_in_the_order_of_those_explained(kind):
    X = kind({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    turned = X[["b", "a"]]
    with pytest.raises(ValueError, match=r"attributions must have .*, got \['b', 'a'\]"):
        explanation_quality(OneFeature(), X, turned, baseline=[0, 0])
    with pytest.raises(ValueError, match="baseline must have the columns of X in their order"):
        explanation_quality(OneFeature(), X, X, baseline=pd.Series({"b": 0.0, "a": 0.0}))
    quality = explanation_quality(OneFeature(), X, X, baseline=pd.Series({"a": 0.0, "b": 0.0}))
    plain = explanation_quality(OneFeature(), X, X.to_numpy(), baseline=pd.Series([0.0, 0.0]))
    assert np.array_equal(quality, plain)


def test_ratio_counts_the_rows_above_the_quantile():
    rng, *_, groups = problem(2)
    quality = rng.normal(size=N)
    high = quality > np.quantile(quality, 0.8)
    expected = abs(high[groups == "g0"].mean() - high[groups == "g1"].mean())
    found = ratio_explanation_difference(quality, sensitive_features=groups, quantile=0.8)
    assert found == pytest.approx(expected)


def test_attention_divergence_is_scipys_and_ignores_scale_and_sign():
    rng, *_, groups = problem(2)
    r = rng.normal(size=(N, 5))
    share = np.abs(r) / np.abs(r).sum(axis=1, keepdims=True)
    a, b = (share[groups == g].mean(axis=0) for g in ("g0", "g1"))
    found = attention_divergence(r, sensitive_features=groups)
    assert found == pytest.approx(jensenshannon(a, b) ** 2)
    scaled = -r * rng.uniform(1, 9, size=(N, 1))
    assert attention_divergence(scaled, sensitive_features=groups) == pytest.approx(found)
    order = rng.permutation(N)
    moved = attention_divergence(r[order], sensitive_features=groups[order])
    assert moved == pytest.approx(found)


class OneFeature:
    """Probability of class 1 is the first feature."""

    def predict_proba(self, X):
        first = np.asarray(X)[:, 0]
        return np.column_stack([1 - first, first])


def test_quality_is_the_drop_of_the_decision_without_the_top_feature():
    X = np.array([[0.9, 3.0], [0.2, 3.0], [0.8, 3.0]])
    r = np.array([[2.0, 1.0], [-2.0, 1.0], [1.0, -2.0]])
    found = explanation_quality(OneFeature(), X, r, baseline=[0.5, 0.0])
    np.testing.assert_allclose(found, [0.4, 0.3, 0.0])
    np.testing.assert_array_equal(X[:, 1], 3.0)


def test_procedural_unfairness_is_the_mean_of_its_three_parts():
    rng, *_, groups = problem()
    X, r = rng.random((N, 3)), rng.normal(size=(N, 3))
    baseline = X.mean(axis=0)
    quality = explanation_quality(OneFeature(), X, r, baseline=baseline)
    parts = [
        ratio_explanation_difference(quality, sensitive_features=groups),
        value_explanation_difference(quality, sensitive_features=groups),
        attention_divergence(r, sensitive_features=groups),
    ]
    found = procedural_unfairness(
        OneFeature(), X, r, baseline=baseline, sensitive_features=groups
    )
    assert found == pytest.approx(np.mean(parts))


def test_errors_name_what_does_not_fit():
    with pytest.raises(ValueError, match="attributions must have the shape of X"):
        explanation_quality(OneFeature(), np.ones((3, 2)), np.ones((3, 3)), baseline=[0, 0])
    with pytest.raises(ValueError, match="y_true must have at least two classes"):
        utility_score([1, 1], [1, 0], [0.2, 0.3])
    with pytest.raises(ValueError, match=r"got two columns; pass y_score\[:, 1\]"):
        utility_score([1, 0], [1, 0], [[0.2, 0.8], [0.7, 0.3]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        result_unfairness([1, 0], [1], sensitive_features=["a", "b"])


def test_utility_of_several_classes_takes_all_probabilities():
    y = np.array([0, 1, 2, 2])
    assert utility_score(y, y, np.eye(3)[y]) == 1.0


@pytest.mark.parametrize("values", [[0, 1], [False, True], [np.False_, np.True_], ["n", "y"]])
def test_labels_in_an_array_of_objects_are_what_they_are(values):
    y, decided, chance = [0, 1, 1, 0], [0, 1, 1, 1], [0.1, 0.8, 0.7, 0.4]
    labels = np.array(values, dtype=object)
    found = utility_score(labels[y], labels[decided], chance, pos_label=values[1])
    assert found == utility_score(y, decided, chance)
    model = FEAMOEClassifier(None, max_iter=1).fit(np.arange(4.0)[:, None], labels[y])
    assert model.classes_.tolist() == values


def test_text_beside_numbers_is_refused():
    with pytest.raises(ValueError, match="y_true and y_pred must hold labels of one kind"):
        utility_score(["n", "y"], [0, 1], [0.1, 0.8], pos_label="y")

"""What holds for any data: sums, permutations, repetitions, splits, merges, round trips."""

import itertools
import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lending import assert_same_state, make_lending

from skfeamoe import FEAMOEClassifier, metrics
from skfeamoe._terms import ColumnTerms, LinearTerms, terms_from_dict
from skfeamoe._training.reservoir import Reservoir
from skfeamoe.inspection import explain_gap

some = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
seeds = st.integers(0, 10_000)
experts = st.sampled_from(["logistic", "additive", "mlp"])
bounds = st.sampled_from([None, "demographic_parity", ["equalized_odds", "burden"]])


def learned(seed, n=160, **parameters):
    """A model of random data, and the data."""
    X, y, groups = make_lending(n, n_classes=2 + seed % 2, n_groups=2 + seed % 3, seed=seed)
    parameters = {"random_state": seed, "growth_interval": 50, **parameters}
    model = FEAMOEClassifier(**parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(X, y, np.arange(2 + seed % 2), sensitive_features=groups)
    return model, X, y, groups


@some
@given(seeds, experts, bounds, st.floats(-8, 8))
def test_probabilities_and_gates_sum_to_one(seed, expert, constraints, power):
    bound = 0.5 if constraints != ["equalized_odds", "burden"] else 0.9
    model, X, *_ = learned(seed, expert=expert, constraints=constraints, difference_bound=bound)
    rows = X * 10.0**power
    for proba in (model.predict_proba(rows), model.gate_proba(rows), model.expert_proba(rows)):
        assert (proba >= 0).all()
        np.testing.assert_allclose(proba.sum(axis=-1), 1.0, rtol=0, atol=1e-12)
    log_proba = model.predict_log_proba(rows)
    np.testing.assert_allclose(np.exp(log_proba), model.predict_proba(rows), atol=1e-12)


@some
@given(seeds, st.permutations(["a", "b", "c", "d"]))
def test_renamed_groups_are_the_same_groups(seed, names):
    model, X, y, groups = learned(seed, constraints="demographic_parity", difference_bound=0.3)
    renamed = np.array(names)[np.searchsorted(["a", "b", "c", "d"], groups)]
    other = FEAMOEClassifier(**model.get_params())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other.partial_fit(X, y, model.classes_, sensitive_features=renamed)
    np.testing.assert_allclose(other.predict_proba(X), model.predict_proba(X), atol=1e-6)
    assert set(other.groups_) == set(renamed)
    gaps = [m.group_gaps_["demographic_parity"] for m in (model, other)]
    np.testing.assert_allclose(*gaps, atol=1e-9)


@some
@given(seeds, experts, st.lists(st.integers(1, 19), min_size=1, max_size=4, unique=True))
def test_batches_may_be_split_anywhere_between_steps(seed, expert, cuts):
    whole, X, y, groups = learned(seed, expert=expert, constraints="demographic_parity")
    split = FEAMOEClassifier(**whole.get_params())
    edges = [0, *(8 * cut for cut in sorted(cuts)), len(y)]  # a young stream learns by eights
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for start, stop in itertools.pairwise(edges):
            split.partial_fit(
                X[start:stop],
                y[start:stop],
                whole.classes_,
                sensitive_features=groups[start:stop],
            )
    np.testing.assert_array_equal(split.predict_proba(X), whole.predict_proba(X))
    assert split.n_experts_ == whole.n_experts_


@some
@given(seeds, st.data())
def test_a_row_twice_is_a_row_of_weight_two(seed, data):
    X, y, groups = make_lending(40, seed=seed)
    times = np.array(data.draw(st.lists(st.integers(1, 3), min_size=40, max_size=40)))
    again = np.repeat(np.arange(40), times)
    weighted, repeated = LinearTerms(6), LinearTerms(6)
    weighted.update(X, times.astype(float))
    repeated.update(X[again], np.ones(len(again)))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-10)
    rng = np.random.default_rng(seed)
    decided, distance, risk = rng.integers(2, size=40), rng.random(40), rng.random(40)
    for measure, more in (
        (metrics.burden_difference, {"distance": distance}),
        (metrics.selective_accuracy_difference, {}),
        (metrics.coverage_difference, {}),
        (metrics.result_unfairness, {}),
        (metrics.infra_marginality_difference, {"risk": risk}),
    ):
        by_weight = measure(
            y, decided, sensitive_features=groups, sample_weight=times.astype(float), **more
        )
        by_rows = measure(
            y[again],
            decided[again],
            sensitive_features=groups[again],
            **{name: values[again] for name, values in more.items()},
        )
        np.testing.assert_allclose(by_weight, by_rows, atol=1e-12, err_msg=measure.__name__)


@some
@given(seeds, st.integers(1, 58), st.integers(1, 58))
def test_terms_and_backgrounds_merge_in_any_order(seed, first, second):
    X = make_lending(60, seed=seed)[0]
    weight = np.random.default_rng(seed).random(60) + 0.1
    edges = [0, *sorted({first, second}), 60]

    def terms():
        for start, stop in itertools.pairwise(edges):
            part = LinearTerms(6)
            part.update(X[start:stop], weight[start:stop])
            yield part

    left, right = list(terms()), list(terms())
    one = left[0]
    for part in left[1:]:
        one.merge(part)
    while len(right) > 1:
        right[-2].merge(right[-1])
        right.pop()
    all_at_once = LinearTerms(6)
    all_at_once.update(X, weight)
    for merged in (one, right[0]):
        np.testing.assert_allclose(merged.transform(X), all_at_once.transform(X), atol=1e-10)
    samples = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        parts = []
        for k in range(3):
            part = Reservoir(6, size=10, sparse=False, seed=k)
            part.update(X[20 * k : 20 * (k + 1)], weight[20 * k : 20 * (k + 1)])
            parts.append(part)
        whole = parts[order[0]]
        whole.merge(parts[order[1]])
        whole.merge(parts[order[2]])
        samples.append({row.tobytes() for row in whole.sample()[0]})
    assert samples[0] == samples[1] == samples[2]


@some
@given(seeds, st.sampled_from(["logistic", "additive"]))
def test_explanations_of_people_and_gaps_sum(seed, expert):
    model, X, _, groups = learned(2 * seed, expert=expert, constraints="demographic_parity")
    explanation = model.explain(X[:6], background=X[6:30])
    sums = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(sums, model.predict_proba(X[:6])[:, 1], atol=1e-10)
    gap = explain_gap(model, X[:40], groups[:40], background=X[40:60])
    np.testing.assert_allclose(gap.values.sum(), gap.gap, atol=1e-9)


@some
@given(seeds, st.floats(0, 0.4))
def test_terms_round_trip(seed, missing):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 3))
    X[:, 2] = rng.integers(4, size=80)
    X[rng.random(X.shape) < missing] = np.nan
    terms = ColumnTerms(np.array([False, False, True]))
    for start in range(0, 80, 20):
        terms.update(X[start : start + 20], np.ones(20))
    again = terms_from_dict(terms.to_dict())
    np.testing.assert_array_equal(again.transform(X), terms.transform(X))
    assert_same_state(again, terms)
    for each in (terms, again):
        each.update(X[::-1].copy(), np.ones(80))
    np.testing.assert_array_equal(again.transform(X), terms.transform(X))

"""The lending stream keeps its documented truth."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe.datasets import make_credit_stream

DRIFTS = ["sudden", "gradual", "recurring", None]
TARGETS = ["both", "accuracy", "gap"]


@pytest.mark.parametrize("drift_target", TARGETS)
@pytest.mark.parametrize("drift", DRIFTS)
def test_documented_truth_is_what_the_rows_show(drift, drift_target):
    stream = make_credit_stream(
        200_000, drift=drift, drift_target=drift_target, as_frame=False, random_state=3
    )
    decisions = stream.proba_true > 0.5
    for world in range(len(stream.world_names)):
        rates = []
        for column, group in enumerate(stream.group_names):
            rows = (stream.world == world) & (stream.sensitive_features == group)
            margin = 4 * 0.5 / np.sqrt(rows.sum())
            expected = stream.base_rates[world, column]
            assert stream.target[rows].mean() == pytest.approx(expected, abs=margin)
            rates.append(decisions[rows].mean())
        assert rates[0] - rates[1] == pytest.approx(stream.bayes_gap[world], abs=0.02)
        rows = stream.world == world
        accuracy = np.mean(decisions[rows] == stream.target[rows])
        margin = 4 * 0.5 / np.sqrt(rows.sum())
        assert accuracy == pytest.approx(stream.bayes_accuracy[world], abs=margin)


def test_proba_true_is_calibrated():
    stream = make_credit_stream(200_000, as_frame=False, random_state=0)
    bins = np.digitize(stream.proba_true, np.linspace(0.05, 0.95, 19))
    for code in np.unique(bins):
        rows = bins == code
        expected = stream.proba_true[rows].mean()
        assert stream.target[rows].mean() == pytest.approx(
            expected, abs=4 * 0.5 / np.sqrt(rows.sum())
        )


def test_target_accuracy_leaves_features_and_base_rates_alone():
    still = make_credit_stream(5_000, drift=None, random_state=0)
    moving = make_credit_stream(5_000, drift_target="accuracy", random_state=0)
    pd.testing.assert_frame_equal(still.data, moving.data)
    changed = moving.world > 0
    assert np.abs(still.proba_true - moving.proba_true)[changed].mean() > 0.2
    np.testing.assert_allclose(moving.base_rates, moving.base_rates[:1].repeat(3, axis=0))
    np.testing.assert_allclose(moving.bayes_gap, moving.bayes_gap[0])


def test_target_gap_leaves_the_rule_and_the_majority_alone():
    still = make_credit_stream(5_000, drift=None, random_state=0)
    moving = make_credit_stream(5_000, drift_target="gap", random_state=0)
    majority = still.sensitive_features == "majority"
    pd.testing.assert_frame_equal(still.data[majority], moving.data[majority])
    np.testing.assert_array_equal(still.proba_true[majority], moving.proba_true[majority])
    np.testing.assert_allclose(moving.base_rates[:, 0], moving.base_rates[0, 0])
    # the rule: a fixed log-odds for the same columns, so income alone explains the change
    minority = ~majority & (moving.world > 0)
    log_odds = np.log(moving.proba_true / (1 - moving.proba_true))
    log_odds -= np.log(still.proba_true / (1 - still.proba_true))
    income = np.log(moving.data.income / still.data.income) / 0.4
    np.testing.assert_allclose(log_odds[minority], 1.5 * income[minority], rtol=1e-8)


@pytest.mark.parametrize("drift", DRIFTS[:3])
def test_streams_are_equal_up_to_the_first_change(drift):
    still = make_credit_stream(3_000, drift=None, random_state=7)
    moving = make_credit_stream(3_000, drift=drift, random_state=7)
    first = moving.change_points[0]
    pd.testing.assert_frame_equal(still.frame[:first], moving.frame[:first])
    assert not still.data[first:].equals(moving.data[first:])


def test_worlds_change_where_the_change_points_say():
    sudden = make_credit_stream(1_000, drift="sudden", random_state=0)
    assert np.flatnonzero(np.diff(sudden.world)).tolist() == [399, 699]
    assert sudden.change_points.tolist() == [400, 700]
    assert sudden.change_widths.tolist() == [0, 0]
    gradual = make_credit_stream(10_000, drift="gradual", random_state=0)
    for number, (start, width) in enumerate(
        zip(gradual.change_points, gradual.change_widths, strict=True)
    ):
        middle = start + width // 2
        assert (gradual.world[:start] <= number).all()
        assert (gradual.world[start + width :] >= number + 1).all()
        shares = [np.mean(gradual.world[a:b] > number) for a, b in [(start, middle)]]
        shares += [np.mean(gradual.world[middle : start + width] > number)]
        np.testing.assert_allclose(shares, [0.25, 0.75], atol=0.06)
    recurring = make_credit_stream(1_000, drift="recurring", random_state=0)
    assert recurring.world[[0, 249, 250, 499, 500, 749, 750, 999]].tolist() == [
        *[0, 0, 1, 1],
        *[0, 0, 1, 1],
    ]


def test_same_seed_same_bits_and_other_seed_other_rows():
    first, again = (make_credit_stream(500, random_state=5) for _ in range(2))
    pd.testing.assert_frame_equal(first.frame, again.frame, check_exact=True)
    other = make_credit_stream(500, random_state=6)
    assert not first.data.equals(other.data)
    # golden values, so that published figures stay reproducible
    assert first.target[:12].tolist() == [0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0]
    assert first.data.income[:3].round(2).tolist() == [67343.02, 89157.28, 166224.4]


def test_a_static_model_loses_accuracy_and_its_gap_widens():
    stream = make_credit_stream(20_000, random_state=0)
    static = make_pipeline(StandardScaler(), LogisticRegression())
    static.fit(stream.data[:2_000], stream.target[:2_000])
    decisions = static.predict(stream.data)
    accuracy, gap = [], []
    for world in range(3):
        rows = (stream.world == world) & (np.arange(20_000) >= 2_000)
        accuracy.append(np.mean(decisions[rows] == stream.target[rows]))
        gap.append(
            demographic_parity_difference(
                stream.target[rows],
                decisions[rows],
                sensitive_features=stream.sensitive_features[rows],
            )
        )
    assert accuracy[0] - accuracy[1] > 0.03
    assert accuracy[0] - accuracy[2] > 0.10
    assert gap[1] - gap[0] > 0.10


def test_two_regions_need_two_rules():
    stream = make_credit_stream(20_000, drift=None, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    half = 10_000
    one = model.fit(stream.data[:half], stream.target[:half])
    one_accuracy = one.score(stream.data[half:], stream.target[half:])
    hits = 0
    for value in [0, 1]:
        rows = stream.data.self_employed == value
        train, test = rows & (rows.index < half), rows & (rows.index >= half)
        model.fit(stream.data[train], stream.target[train])
        hits += (model.predict(stream.data[test]) == stream.target[test]).sum()
    assert hits / half - one_accuracy > 0.025
    assert hits / half > stream.bayes_accuracy[0] - 0.02


def test_output_forms_agree():
    frame = make_credit_stream(50, random_state=1)
    arrays = make_credit_stream(50, random_state=1, as_frame=False)
    assert frame.feature_names == list(frame.data.columns)
    np.testing.assert_array_equal(frame.data.to_numpy(), arrays.data)
    np.testing.assert_array_equal(frame.target, arrays.target)
    np.testing.assert_array_equal(frame.sensitive_features, arrays.sensitive_features)
    np.testing.assert_array_equal(frame.time.to_numpy(), arrays.time)
    assert arrays.frame is None
    for as_frame, kind in [(True, pd.DataFrame), (False, np.ndarray)]:
        X, y = make_credit_stream(50, random_state=1, as_frame=as_frame, return_X_y=True)
        assert isinstance(X, kind)
        assert len(y) == 50
    assert "group" in frame.frame.columns
    assert "group" not in frame.data.columns
    assert frame.time.is_monotonic_increasing


@pytest.mark.parametrize("drift", DRIFTS)
def test_one_row_is_a_stream(drift):
    stream = make_credit_stream(1, drift=drift, random_state=0)
    assert stream.data.shape == (1, 8)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got 0"),
        ({"n_samples": 10.0}, "n_samples must be an integer"),
        ({"drift": "slow"}, "drift must be one of .*'sudden'.* got 'slow'"),
        ({"drift_target": "tpr"}, "drift_target must be one of .* got 'tpr'"),
    ],
)
def test_bad_parameters_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        make_credit_stream(**bad)

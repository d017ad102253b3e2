"""Which columns belong together, from their names and the background."""

import numpy as np
import pandas as pd
import pytest
from explain_models import fitted, labels, onehot_frame
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from skfeamoe.inspection import onehot_groups

PEOPLE = pd.DataFrame(
    {
        "age": [30.0, np.nan, 50.0, 60.0, 35.0, 45.0],
        "sex": ["f", "m", "m", "f", "f", "m"],
        "sex_partner": ["m", "m", "f", "m", "f", "f"],
        "marital_status": ["Never_wed", "Never_asked", "Wed", "Wed", "Wed_twice", "Never_wed"],
    }
)
CATEGORICAL = ["sex", "sex_partner", "marital_status"]


def encode(verbose, **options):
    encoder = ColumnTransformer(
        [
            ("num", SimpleImputer(add_indicator=True), ["age"]),
            ("cat", OneHotEncoder(sparse_output=False, **options), CATEGORICAL),
        ],
        verbose_feature_names_out=verbose,
    )
    X = encoder.fit_transform(PEOPLE)
    return encoder.get_feature_names_out(), X


@pytest.mark.parametrize("verbose", [False, True])
def test_names_of_encoders(verbose):
    names, X = encode(verbose)
    groups = onehot_groups(names, X)
    assert {k: len(v) for k, v in groups.items()} == {
        "age": 2, "sex": 2, "sex_partner": 2, "marital_status": 4,
    }  # fmt: skip
    assert sorted(j for group in groups.values() for j in group) == list(range(len(names)))


def test_names_that_two_transformers_share_keep_their_prefix():
    X = np.array([[1.0, 1, 0], [2.0, 0, 1]])
    groups = onehot_groups(["num__sex", "cat__sex_f", "cat__sex_m"], X)
    assert groups == {"num__sex": [0], "cat__sex": [1, 2]}


def test_flags_that_meet_are_no_group():
    X = np.array([[1.0, 1], [0, 1], [1, 0]])
    assert onehot_groups(["has_car", "has_house"], X) == {"has_car": [0], "has_house": [1]}


def test_numbers_with_a_shared_beginning_are_no_group():
    X = np.array([[0.0, 3], [2, 0], [0, 0]])
    assert len(onehot_groups(["capital_gain", "capital_loss"], X)) == 2


def test_flags_that_meet_some_others_are_asked_about():
    X = np.array([[1.0, 0, 0], [0, 1, 1], [0, 0, 1]])
    with pytest.raises(ValueError, match=r"cannot tell whether .*'has_a', 'has_b'.*'has_c'"):
        onehot_groups(["has_a", "has_b", "has_c"], X)


def test_a_category_that_never_occurs_goes_where_its_name_fits():
    names = ["sex_f", "sex_m", "sex_partner_a", "sex_partner_f", "sex_partner_m"]
    X = np.array([[1.0, 0, 0, 1, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]])
    assert onehot_groups(names, X) == {"sex": [0, 1], "sex_partner": [2, 3, 4]}


def test_a_category_that_fits_both_sides_is_asked_about():
    names = ["a_x", "a_y", "a_z", "a_v", "a_w"]
    X = np.array([[1.0, 0, 0, 1, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]])
    with pytest.raises(ValueError, match="cannot tell whether the column 'a_z'"):
        onehot_groups(names, X)


def test_one_feature_in_columns_that_are_apart_is_refused():
    names = ["sex_f", "sex_m", "age", "sex_x", "sex_y"]
    X = np.array([[1.0, 0, 5, 1, 0], [0, 1, 6, 0, 1]])
    with pytest.raises(ValueError, match="'sex' in columns that are apart"):
        onehot_groups(names, X)


def test_a_dropped_category_makes_an_incomplete_group():
    names, X = encode(False, drop="first")
    assert onehot_groups(names, X)["marital_status"] == [4, 5, 6]


def test_prefixed_frame_through_the_estimator():
    rng = np.random.default_rng(0)
    X = onehot_frame(rng, prefix=True)
    model = fitted(X, labels(rng, X))
    explanation = model.explain(X[:3], feature_groups="onehot")
    assert explanation.feature_names == ["age", "debt_ratio", "sex", "marital_status"]
    mapping = {"sex": ["cat__sex_f", "cat__sex_m"],
               "marital_status": [4, 5, 6]}  # fmt: skip
    mapped = model.explain(X[:3], feature_groups=mapping)
    assert np.array_equal(mapped.values, explanation.values)


def test_widths_must_agree():
    with pytest.raises(ValueError, match="feature_names must name the 2 columns of X, got 1"):
        onehot_groups(["a"], np.zeros((3, 2)))

"""make_preprocessor: every column becomes numbers, nothing is lost on the way."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skfeamoe.datasets import make_preprocessor


@pytest.fixture
def loans():
    return pd.DataFrame(
        {
            "income": [20_000.0, np.nan, 90_000.0, -500.0],
            "age": [20, 30, 40, 50],
            "type": pd.Categorical(["fha", "va", None, "va"]),
            "branch": ["north", "south", "south", "north"],
            "new": [True, False, True, True],
        }
    )


def test_columns_become_the_numbers_that_are_promised(loans):
    preprocessor = make_preprocessor(loans, log_columns=["income"])
    Z = preprocessor.set_output(transform="pandas").fit_transform(loans)
    logs = np.sign(loans.income) * np.log1p(loans.income.abs())
    np.testing.assert_allclose(Z["income"], logs.fillna(logs.median()))
    np.testing.assert_array_equal(Z["missingindicator_income"], [0, 1, 0, 0])
    np.testing.assert_array_equal(Z["age"], loans.age)
    one_hot = Z[["type_fha", "type_va", "type_nan"]]
    np.testing.assert_array_equal(one_hot, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(Z[["new_False", "new_True"]].sum(axis=1), 1)
    assert Z.shape[1] == 3 + 3 + 2 + 2


def test_new_categories_and_new_gaps_pass(loans):
    preprocessor = make_preprocessor(loans).fit(loans)
    unseen = loans.assign(branch="west", age=np.nan)
    Z = preprocessor.transform(unseen)
    names = preprocessor.get_feature_names_out().tolist()
    assert Z[:, names.index("branch_north")].sum() == 0
    assert (Z[:, names.index("age")] == 35).all()
    assert np.isfinite(Z).all()


def test_survives_pickle_and_does_not_change_the_frame(loans):
    before = loans.copy(deep=True)
    preprocessor = make_preprocessor(loans, log_columns=["income"]).fit(loans)
    again = pickle.loads(pickle.dumps(preprocessor))
    np.testing.assert_array_equal(again.transform(loans), preprocessor.transform(loans))
    pd.testing.assert_frame_equal(loans, before)


def test_polars_gives_the_same_numbers(loans):
    loans = loans.drop(columns="type")
    frame = pl.from_pandas(loans)
    expected = make_preprocessor(loans, log_columns=["income"]).fit_transform(loans)
    result = make_preprocessor(frame, log_columns=["income"]).fit_transform(frame)
    np.testing.assert_allclose(result, expected)


def test_frames_of_one_kind(loans):
    assert make_preprocessor(loans[["age"]]).fit_transform(loans[["age"]]).shape == (4, 1)
    assert make_preprocessor(loans[["branch"]]).fit_transform(loans[["branch"]]).shape == (
        4,
        2,
    )
    empty = pd.DataFrame({"x": [np.nan, np.nan]})
    assert make_preprocessor(empty).fit_transform(empty).shape == (2, 2)


def test_errors_name_the_column(loans):
    with pytest.raises(ValueError, match=r"log_columns .* got 'incom' \(close to 'income'\)"):
        make_preprocessor(loans, log_columns=["incom"])
    with pytest.raises(ValueError, match="log_columns must name numeric columns"):
        make_preprocessor(loans, log_columns=["branch"])
    with pytest.raises(TypeError, match="frame must be a pandas or polars DataFrame"):
        make_preprocessor(loans.to_numpy())
    with pytest.raises(TypeError, match="column 'day' holds dates"):
        make_preprocessor(loans.assign(day=pd.Timestamp("2020-01-01")))

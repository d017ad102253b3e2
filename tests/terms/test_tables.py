"""From data frames and arrays of objects to numbers, and back to the user's words."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skfeamoe._terms.table import CATEGORY, FLAG, NUMBER, TableEncoder, read_table

FRAME = pd.DataFrame(
    {
        "age": [30, 41, 18],
        "income": [1.5, None, 3.0],
        "job": ["cook", None, "baker"],
        "level": pd.Categorical(["low", "high", None], categories=["low", "high"]),
        "owner": [True, False, True],
        "children": pd.array([1, None, 3], dtype="Int64"),
        "insured": pd.Series([True, None, False], dtype=object),
    }
)
KINDS = [NUMBER, NUMBER, CATEGORY, CATEGORY, FLAG, NUMBER, FLAG]
MATRIX = np.array(
    [
        [30, 1.5, 1, 1, 1, 1, 1],
        [41, np.nan, np.nan, 0, 0, np.nan, np.nan],
        [18, 3.0, 0, np.nan, 1, 3, 0],
    ]
)
FORMS = {
    "pandas": FRAME,
    "polars": pl.from_pandas(FRAME),
    "arrow": pa.Table.from_pandas(FRAME),
    "objects": FRAME.astype(object).to_numpy(),
}


def learn(X, is_category=None):
    table = read_table(X)
    return TableEncoder.start(table, is_category).learn(table)


@pytest.mark.parametrize("X", FORMS.values(), ids=FORMS)
def test_every_form_of_a_table_gives_the_same_matrix(X):
    encoder, matrix = learn(X)
    assert encoder.kinds == KINDS
    np.testing.assert_array_equal(matrix, MATRIX)


@pytest.mark.parametrize("first", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("second", FORMS.values(), ids=FORMS)
def test_a_table_learned_in_one_form_is_read_in_any_other(first, second):
    encoder, _ = learn(first)
    np.testing.assert_array_equal(encoder.encode(read_table(second)), MATRIX)


def test_new_categories_get_the_next_codes_and_only_by_learning():
    encoder, _ = learn(FRAME)
    later = read_table(FRAME.assign(job=["judge", "cook", "acrobat"]))
    assert encoder.encode(later)[:, 2].tolist() == [-1.0, 1.0, -1.0]
    wider, matrix = encoder.learn(later)
    assert matrix[:, 2].tolist() == [2.0, 1.0, 3.0]
    assert encoder.labels[2] == ["baker", "cook"]
    assert wider.labels[2] == ["baker", "cook", "judge", "acrobat"]


def test_labels_are_the_users_words():
    encoder, _ = learn(FRAME)
    assert encoder.label(2, 1.0) == "cook"
    assert encoder.label(2, -1.0) == "(unknown)"
    assert encoder.label(3, np.nan) == "(missing)"
    assert encoder.label(4, 1.0) == "True"
    assert encoder.label(1, 1.5) == "1.5"


def test_numbers_can_be_categories():
    codes = pd.DataFrame({"state": [36, 6, 36], "age": [1.0, 2.0, 3.0]})
    encoder, matrix = learn(codes, [True, False])
    assert encoder.labels[0] == [6, 36]
    assert matrix[:, 0].tolist() == [1.0, 0.0, 1.0]
    assert encoder.encode(read_table(codes.astype(float)))[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_an_encoder_is_plain_data():
    encoder, _ = learn(FRAME)
    other = TableEncoder.from_dict(pickle.loads(pickle.dumps(encoder.to_dict())))
    np.testing.assert_array_equal(other.encode(read_table(FRAME)), MATRIX)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.to_datetime(["2020-01-01"] * 3), "'c' holds dates.*days since"),
        (pd.to_timedelta([1, 2, 3], "D"), "'c' holds dates or times"),
        (pd.Series([1, "a", None], dtype=object), "'c' mixes text and numbers, such as 'a'"),
        (pd.Series([[1], [2], [3]]), "'c' holds .* of type list"),
        (np.array([1j, 2, 3]), "Complex data not supported: column 'c'"),
    ],
    ids=["date", "duration", "mixed", "list", "complex"],
)
def test_columns_that_are_no_features_are_named(column, words):
    with pytest.raises((ValueError, TypeError), match=words):
        read_table(FRAME.assign(c=column))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"age": ["a", "b", "c"]}, "'age' held numbers .* holds 'a' now"),
        ({"job": [1.0, 2.0, 3.0]}, "'job' held categories such as 'baker' .* holds 1 now"),
    ],
)
def test_a_column_keeps_its_kind(changes, words):
    encoder, _ = learn(FRAME)
    later = read_table(FRAME.assign(**changes))
    with pytest.raises(ValueError, match=words):
        encoder.encode(later)
    with pytest.raises(ValueError, match=words):
        encoder.learn(later)


def test_text_must_be_listed_where_categories_are():
    with pytest.raises(ValueError, match=r"'job' holds text .* categorical_features"):
        learn(FRAME[["age", "job"]], [True, False])


def test_arrays_of_numbers_are_no_tables():
    assert read_table(np.ones((3, 2))) is None
    assert read_table([[1.0, 2.0]]) is None

"""From data frames and arrays of objects to numbers, and back to the user's words."""

import pickle
import uuid
from datetime import date, timedelta
from decimal import Decimal

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


def objects(value):
    """A column of one object, untouched."""
    column = np.empty(3, dtype=object)
    column[:] = [value] * 3
    return column


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
        ([date(2020, 1, 31)] * 3, "'c' holds dates or times, such as 2020-01-31.*days since"),
        (pd.Series(objects(timedelta(3)), dtype=object), "'c' holds dates or times, such as 3"),
        (objects(np.datetime64("2020-01-01T00:00:00", "ns")), "'c' holds dates or times"),
        (objects(1j), "'c' holds 1j of type complex.*str()"),
        (objects(uuid.UUID(int=7)), "'c' holds .* of type UUID.*str()"),
        (pd.period_range("2020", periods=3, freq="Y"), "'c' has the type period"),
        (pd.interval_range(0, 3), "'c' has the type interval.*convert it"),
        (pd.Categorical([date(2020, 1, 31)] * 3), "'c' holds dates or times"),
    ],
    ids=[
        "date", "duration", "mixed", "list", "complex", "date objects", "duration objects",
        "NumPy's dates", "complex objects", "other objects", "periods", "intervals",
        "categories of dates",
    ],
)  # fmt: skip
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


def test_exact_decimals_are_numbers():
    encoder, matrix = learn(pd.DataFrame({"c": [Decimal("1.5"), None, Decimal(3)]}))
    assert encoder.kinds == [NUMBER]
    np.testing.assert_array_equal(matrix[:, 0], [1.5, np.nan, 3.0])


def test_categories_that_no_row_has_are_not_learned():
    column = pd.Categorical(["b", None, "d"], categories=list("dcba"))
    encoder, matrix = learn(pd.DataFrame({"c": column}))
    assert encoder.labels == [["b", "d"]]
    np.testing.assert_array_equal(matrix[:, 0], [0, np.nan, 1])
    later = pd.DataFrame({"c": pd.Categorical(["a"], categories=list("xa"))})
    np.testing.assert_array_equal(encoder.encode(read_table(later)), [[-1]])
    again, codes = encoder.learn(read_table(later))
    assert again.labels == [["b", "d", "a"]]
    assert codes == [[2]]


@pytest.mark.parametrize("kind", ["str", "string", "object", "category", "string[pyarrow]"])
def test_text_of_every_type_is_the_same(kind):
    frame = pd.DataFrame({"c": pd.Series(["b", None, "a"], dtype=kind)})
    encoder, matrix = learn(frame)
    assert encoder.labels == [["a", "b"]]
    np.testing.assert_array_equal(matrix[:, 0], [1, np.nan, 0])


def test_a_column_of_categories_may_be_empty_in_some_rows():
    encoder, _ = learn(FRAME)
    empty = FRAME.assign(job=None, level=pd.Categorical([np.nan] * 3))
    matrix = encoder.encode(read_table(empty))
    assert np.isnan(matrix[:, 2:4]).all()

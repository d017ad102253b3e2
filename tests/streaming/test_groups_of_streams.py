"""The evaluator names groups as the classifier does, also where values look like names."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.naive_bayes import GaussianNB

from skfeamoe._groups import encode_groups
from skfeamoe.streaming import PrequentialEvaluator, StreamBatch
from skfeamoe.streaming._groups import sensitive_columns

VALUES = [
    [["a & b", "c"], ["a", "b & c"], ["a", "c"], [None, "c"]],
    [["1", 1], ["1", True], ["1", 1.0], ["1", np.nan]],
    [["&", "&&"], ["&&", "&"], ["", " & "], [" & ", ""]],
]


@pytest.mark.parametrize("rows", VALUES, ids=["separators", "types", "ampersands"])
def test_groups_are_those_of_the_classifier(rows):
    sensitive = pd.DataFrame(
        [rows[i % 4] for i in range(200)], columns=["s", "t"], dtype=object
    )
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = np.arange(200) // 2 % 2
    evaluator = PrequentialEvaluator(GaussianNB(), pretrain_rows=0)
    evaluator.update(StreamBatch(X, y, sensitive))
    codes, names = encode_groups(sensitive, 200, [])
    assert sorted(evaluator.group_names_) == sorted(names)
    assert evaluator.rows_unknown_group_ == np.count_nonzero(codes < 0)


COLUMN = ["f", None, "m"]
PAIRS = np.array([["f", 1], ["m", 2], ["f", None]], dtype=object)


@pytest.mark.parametrize(
    ("given", "names", "columns"),
    [
        (pa.array(COLUMN), ["sensitive"], [COLUMN]),
        (pa.table({"sex": COLUMN}), ["sex"], [COLUMN]),
        (pd.Series(COLUMN, dtype=object, name="sex"), ["sex"], [COLUMN]),
        (pl.Series(COLUMN), ["sensitive"], [COLUMN]),
        (PAIRS, ["sensitive_0", "sensitive_1"], [["f", "m", "f"], [1, 2, None]]),
    ],
)
def test_sensitive_columns_have_names_and_values_whatever_holds_them(given, names, columns):
    assert sensitive_columns(given) == (names, columns)

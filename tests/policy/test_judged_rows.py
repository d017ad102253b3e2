"""Whose explanations a mixture is judged by."""

import numpy as np
import pytest

from skfeamoe._policy.training import spread_out
from skfeamoe._rows import Rows


@pytest.mark.parametrize("order", ["turns", "sorted"])
def test_some_rows_are_of_all_groups_and_labels_alike(order):
    kinds = np.arange(800) % 4
    kinds = np.sort(kinds) if order == "sorted" else kinds
    rows = Rows(np.zeros((800, 1)), kinds % 2, kinds // 2, np.ones(800))
    some = spread_out(rows, 200)
    assert len(np.unique(some)) == 200
    np.testing.assert_array_equal(np.bincount(kinds[some]), 50)
    np.testing.assert_array_equal(spread_out(rows, 5000), np.arange(800))

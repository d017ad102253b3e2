"""Changes of people: the search against a loop, and the look that saves it."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skfeamoe._fairness import changes
from skfeamoe._fairness.changes import Arrivals, changed_row, limit_for, split


def test_split_equals_a_loop_over_places():
    values = np.random.default_rng(0).normal(size=(180, 3))
    values[100:, 1] += 1.0
    found = []
    for k in range(changes.LEAST_ROWS, 180 - changes.LEAST_ROWS + 1):
        before, after = values[:k], values[k:]
        inner = (k * before.var(axis=0) + (180 - k) * after.var(axis=0)) / 180
        z2 = (before.mean(axis=0) - after.mean(axis=0)) ** 2 * k * (180 - k) / 180
        found.append((z2 / (inner + changes.LEAST_VARIANCE)).max())
    z2, place = split(values)
    assert z2 == pytest.approx(max(found))
    assert place == changes.LEAST_ROWS + int(np.argmax(found))
    assert abs(place - 100) < 15
    assert split(values[:60]) == (0.0, 0)


def test_a_change_is_found_near_its_place_and_none_where_there_is_none():
    Z = np.random.default_rng(1).normal(size=(400, 8))
    assert changed_row(Z) is None
    Z[300:, 4] += 1.0
    assert abs(changed_row(Z) - 300) < 15
    Z[0] = 1e9  # one row alone is no change
    assert abs(changed_row(Z) - 300) < 15


def watched(n_new, shift, seed=0, n_groups=2):
    rng = np.random.default_rng(seed)
    before, new = rng.normal(size=(1000, 5)), rng.normal(size=(n_new, 5))
    groups, new_groups = np.arange(1000) % n_groups, np.arange(n_new) % n_groups
    new[new_groups == 1, 2] += shift
    arrivals = Arrivals()
    arrivals.start_over(before, groups, n_groups)
    for start in range(0, n_new, 30):
        part = slice(start, start + 30)
        arrivals.update(new[part], new_groups[part])
    return arrivals, (before, groups, new, new_groups)


def test_a_look_is_the_test_of_two_means():
    arrivals, (before, groups, new, new_groups) = watched(200, 1.0)
    clip = changes.CLIP
    a = np.clip(before[groups == 1], -clip, clip)
    b = np.clip(new[new_groups == 1], -clip, clip)
    z2 = (a.mean(axis=0) - b.mean(axis=0)) ** 2 * len(a) * len(b) / (len(a) + len(b))
    z2 /= a.var(axis=0) + changes.LEAST_VARIANCE
    assert z2.max() > limit_for(5)
    assert arrivals.changed().tolist() == [1]


def test_the_same_people_are_no_change():
    assert all(len(watched(400, 0.0, seed)[0].changed()) == 0 for seed in range(50))


def test_few_new_people_say_nothing():
    assert len(watched(2 * changes.LEAST_ROWS - 2, 5.0)[0].changed()) == 0
    assert watched(2 * changes.LEAST_ROWS, 5.0)[0].changed().tolist() == [1]


def test_unknown_groups_and_sparse_rows_are_passed_over():
    arrivals, _ = watched(200, 0.0)
    before = arrivals.fresh.copy()
    arrivals.update(np.full((50, 5), 3.0), np.full(50, -1))
    arrivals.update(csr_array(np.ones((50, 5))), np.zeros(50, dtype=int))
    assert np.array_equal(arrivals.fresh, before)


def test_round_trip_and_copy():
    arrivals, (_, _, new, groups) = watched(200, 1.0)
    again, copy = Arrivals.from_dict(arrivals.to_dict()), arrivals.copy()
    arrivals.update(new, groups)
    assert again.n_fresh.sum() == copy.n_fresh.sum() == 200
    assert arrivals.n_fresh.sum() == 400

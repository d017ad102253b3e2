"""The people who are kept, against a list of everybody."""

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse

from skfeamoe._fairness import people as module
from skfeamoe._fairness.people import People, rows_per_group
from skfeamoe._rows import Rows


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(module, "KEPT_ROWS", 12)
    monkeypatch.setattr(module, "LEAST_OF_GROUP", 4)
    monkeypatch.setattr(module, "MOST_ROWS", 40)


def stream(n, seed=0, n_groups=3, sparse=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    groups = rng.integers(-1, n_groups, n)
    weight = rng.integers(0, 3, n).astype(float)
    return Rows(csr_array(X) if sparse else X, rng.integers(0, 2, n), groups, weight)


def expected(rows, n_groups):
    """Numbers of the rows that must be kept."""
    counted = (rows.groups >= 0) & (rows.weight > 0)
    kept = [
        np.flatnonzero(counted & (rows.groups == a))[-rows_per_group(n_groups) :]
        for a in range(n_groups)
    ]
    return np.sort(np.concatenate(kept))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_last_people_of_every_group_are_kept(batch, sparse):
    rows = stream(100, sparse=sparse)
    people = People(sparse=sparse)
    for start in range(0, 100, batch):
        people.update(rows.take(slice(start, start + batch)))
        if start % 3 == 0:  # asking in between changes nothing
            people.gather(3)
    kept = people.gather(3)
    number = expected(rows, 3)
    assert np.array_equal(kept.arrival, number)
    assert np.array_equal(kept.rows.groups, rows.groups[number])
    assert np.array_equal(kept.rows.y, rows.y[number])
    assert np.array_equal(kept.rows.weight, rows.weight[number])
    X = kept.rows.X.toarray() if sparse else kept.rows.X
    full = rows.X.toarray() if sparse else rows.X
    assert np.array_equal(X, full[number])
    assert issparse(kept.rows.X) is sparse


def test_parts_of_groups():
    assert rows_per_group(2) == 6
    assert rows_per_group(6) == 4  # the least
    assert rows_per_group(20) == 2  # the limit of all
    assert rows_per_group(0) == 12


def test_what_the_caller_changes_later_is_not_seen():
    rows = stream(20)
    people = People()
    people.update(rows)
    before = people.gather(3).rows.X.copy()
    rows.X[:] = 0.0
    assert np.array_equal(people.gather(3).rows.X, before)


def test_copies_go_their_own_way():
    people = People()
    people.update(stream(20))
    copy = people.copy()
    before = copy.to_dict()
    people.update(stream(20, seed=1))
    people.gather(3)
    people.forget(30, group=0)
    after = copy.to_dict()
    assert before["n_seen"] == after["n_seen"] == 20
    assert np.array_equal(before["arrival"], after["arrival"])


def test_forget():
    people = People()
    people.update(stream(30))
    people.gather(3)
    people.update(stream(30, seed=1))
    before = people.gather(3)
    people.forget(40, group=1)
    kept = people.gather(3)
    of_one = kept.rows.groups == 1
    assert (kept.arrival[of_one] >= 40).all()
    others = before.rows.groups != 1
    assert np.array_equal(kept.arrival[~of_one], before.arrival[others])
    for group in range(3):
        people.forget(100, group)
    assert people.gather(3) is None
    assert len(people) == 0


@pytest.mark.parametrize("sparse", [False, True])
def test_round_trip(sparse):
    people = People(sparse=sparse)
    people.update(stream(30, sparse=sparse))
    again = People.from_dict(people.to_dict())
    a, b = people.gather(3), again.gather(3)
    assert np.array_equal(a.arrival, b.arrival)
    difference = a.rows.X - b.rows.X
    assert abs(difference).max() == 0.0
    assert People.from_dict(People().to_dict()).gather(3) is None


def test_merge_is_commutative_and_associative():
    def made(seed):
        people = People()
        people.update(stream(15, seed=seed))
        return people

    def content(people):
        kept = people.gather(3)
        table = np.column_stack([kept.arrival, kept.rows.groups, kept.rows.X])
        return table[np.lexsort(table.T)]

    codes = np.arange(3)
    one, other = made(1), made(2)
    one.merge(made(2), codes)
    other.merge(made(1), codes)
    one.merge(made(3), codes)
    tail = made(2)
    tail.merge(made(3), codes)
    first = made(1)
    first.merge(tail, codes)
    other.merge(made(3), codes)
    # rows that came at the same time may take each other's place at the limit
    assert len(content(one)) == len(content(other)) == len(content(first))
    assert np.array_equal(content(one)[:, 0], content(first)[:, 0])


def test_merge_recodes_groups():
    one, other = People(), People()
    other.update(stream(10, n_groups=2))
    one.merge(other, np.array([5, 3]))
    assert set(one.gather(6).rows.groups) <= {3, 5}

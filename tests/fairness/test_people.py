"""The people who are kept, against a list of everybody."""

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse

from skfeamoe._fairness import people as module
from skfeamoe._fairness.people import People, drawn, rows_per_group
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


# ------------------------------------------------------------------ people of a whole table


def table(sizes, n_unknown=0, sparse=False):
    """Rows whose only column is their number, group after group."""
    groups = np.repeat(np.arange(-1, len(sizes)), [n_unknown, *sizes])
    number = np.arange(len(groups), dtype=float)[:, None]
    X = csr_array(number) if sparse else number
    return Rows(X, groups % 2, groups, np.ones(len(groups)))


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([100, 100], 60, [30, 30]),
        ([100, 9, 100], 59, [25, 9, 25]),  # a small group is there as a whole
        ([1000, 1000, 1000], 100, [33, 33, 34]),
        ([1000, 3, 2], 100, [95, 3, 2]),
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_equal_parts_of_all_groups_are_drawn(sizes, most, expected, sparse):
    rows = table(sizes, n_unknown=50, sparse=sparse)
    some = drawn(rows, most, np.random.default_rng(0))
    assert sorted(np.bincount(some.groups)) == sorted(expected)
    number = (some.X.toarray() if sparse else some.X)[:, 0].astype(int)
    assert np.all(np.diff(number) > 0)  # each once, in the order in which they stand
    assert np.array_equal(some.groups, rows.groups[number])


def test_everybody_may_be_drawn_and_others_by_another_seed():
    rows = table([300, 300])
    found = [drawn(rows, 60, np.random.default_rng(seed)).X[:, 0] for seed in (0, 0, 1)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    often = [drawn(rows, 60, np.random.default_rng(seed)).X[:, 0] for seed in range(100)]
    assert len(np.unique(often)) == 600


def test_nobody_is_left_out_where_there_is_room():
    rows = table([30, 5], n_unknown=5)
    assert drawn(rows, 40, np.random.default_rng(0)) is rows
    assert len(drawn(rows, 39, np.random.default_rng(0))) == 35  # known groups only


def test_rows_that_count_for_nobody_are_not_drawn():
    rows = table([100, 100])
    rows.weight[::2] = 0.0
    assert np.all(drawn(rows, 150, np.random.default_rng(0)).X[:, 0] % 2 == 1)
    labels = Rows(rows.X, rows.y, rows.groups, rows.weight, np.ones(200))
    assert len(drawn(labels, 150, np.random.default_rng(0))) == 150  # their labels count


def test_nobody_is_drawn_where_no_group_is_known():
    assert not len(drawn(table([], n_unknown=50), 10, np.random.default_rng(0)))


def test_people_of_a_table_may_come_in_any_order():
    rows = Rows(np.arange(6.0)[:, None], np.zeros(6), np.array([0, -1, 0, 1, 1, 0]), np.ones(6))
    kept = People()
    kept.update(rows.take(slice(0, 2)))
    kept.update(rows, np.array([5, 1, 0, 4, 2, 3]))
    ((first, _), (second, arrival)) = kept.parts
    assert first.X.ravel().tolist() == [0.0]
    assert second.X.ravel().tolist() == [5.0, 0.0, 4.0, 2.0, 3.0]
    assert arrival.tolist() == [2, 4, 5, 6, 7]
    assert (len(kept), kept.n_seen) == (6, 8)

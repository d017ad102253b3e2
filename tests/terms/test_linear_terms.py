"""Linear terms: moments against numpy's, merging, moving maps, saving; found by `KINDS`."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from skfeamoe._terms import KINDS, LinearTerms, RawTerms, terms_from_dict
from skfeamoe._terms.linear import HELD_SD, SETTLED_ROWS

RNG = np.random.default_rng(0)
X = RNG.normal([0.0, 5.0, -300.0], [1.0, 0.01, 80.0], (90, 3)) * (RNG.random((90, 3)) < 0.7)
WEIGHT = RNG.integers(0, 3, 90) / 2.0


def learned(rows=slice(None), centered=True):
    """Terms that have seen some of the rows."""
    terms = LinearTerms(3, centered=centered)
    terms.update(X[rows] if centered else sp.csr_array(X[rows]), WEIGHT[rows])
    return terms


def every():
    return [learned(), learned(centered=False), RawTerms(3)]


@pytest.mark.parametrize("centered", [True, False])
def test_transform_is_standardization_by_numpys_moments(centered):
    terms = learned(centered=centered)
    mean = np.average(X, axis=0, weights=WEIGHT)
    spread = np.sqrt(np.average((X - mean * centered) ** 2, axis=0, weights=WEIGHT))
    expected = (X - mean * centered) / spread
    np.testing.assert_allclose(terms.transform(X), expected, rtol=1e-9, atol=1e-12)
    sparse = terms.transform(sp.csr_array(X))
    assert sp.issparse(sparse) != centered
    sparse = sparse.toarray() if sp.issparse(sparse) else sparse
    np.testing.assert_allclose(sparse, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("centered", [True, False])
def test_merge_is_what_one_had_learned_from_all_rows_in_any_order(centered):
    parts = [slice(0, 20), slice(20, 21), slice(21, 90)]
    a, b, c = (learned(part, centered) for part in parts)
    left = a.copy()
    left.merge(b)
    left.merge(c)
    right = c.copy()
    tail = b.copy()
    tail.merge(a)
    right.merge(tail)
    for merged in (left, right):
        assert merged.count == pytest.approx(WEIGHT.sum())
        np.testing.assert_allclose(merged.mean, learned(centered=centered).mean, rtol=1e-12)
        np.testing.assert_allclose(
            merged.variance, learned(centered=centered).variance, rtol=1e-10
        )
    before = pickle.dumps(left.to_dict())
    left.merge(LinearTerms(3, centered=centered))
    assert pickle.dumps(left.to_dict()) == before


def in_batches(terms, rows, size=32):
    """Terms that have learned rows of weight one, some at a time."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        terms.update(part, np.ones(len(part)))
    return terms


def poisoned(share, times, n=20_000):
    """Normal rows of which some are many times as large, and the clean ones alone."""
    rng = np.random.default_rng(3)
    clean = rng.normal([0.0, 5.0, -300.0], [1.0, 0.01, 80.0], (n, 3))
    bad = (rng.random(n) < share) & (np.arange(n) >= SETTLED_ROWS)
    return np.where(bad[:, None], times * clean, clean), clean


@pytest.mark.parametrize("size", [1, 32, 20_000])
@pytest.mark.parametrize("times", [1e2, 1e6])
def test_one_row_in_a_hundred_moves_the_scale_as_far_as_stated_whatever_its_values(size, times):
    n = 3000 if size == 1 else 20_000
    rows, clean = poisoned(0.01, times, n)
    terms = in_batches(LinearTerms(3), rows, size)
    most = 1.0 / np.sqrt(1.0 - 0.01 * HELD_SD**2)
    assert (terms.scale <= 1.1 * most * clean.std(axis=0)).all()
    moved = np.abs(terms.mean - clean.mean(axis=0))
    assert (moved <= (0.01 * HELD_SD + 0.05) * terms.scale).all()
    assert np.abs(terms.transform(rows)).max() <= 1.01 * HELD_SD


def test_clean_rows_have_the_moments_of_numpy_but_for_some_of_the_first():
    clean = poisoned(0.0, 1.0)[1]
    terms = in_batches(LinearTerms(3), clean)
    np.testing.assert_allclose(terms.mean, clean.mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(terms.scale, clean.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        terms.transform(clean), (clean - terms.mean) / terms.scale, atol=1e-9
    )


@pytest.mark.parametrize("times", [1e3, 1e-3])
@pytest.mark.parametrize("size", [1, 32, 500])
def test_another_unit_is_learned_from_its_first_rows_on(times, size):
    clean = poisoned(0.0, 1.0, 4000)[1]
    terms = in_batches(LinearTerms(3), clean[:2000], size)
    in_batches(terms, times * clean[2000:], size)
    both = np.concatenate([clean[:2000], times * clean[2000:]])
    np.testing.assert_allclose(terms.scale, both.std(axis=0), rtol=0.06)


@pytest.mark.parametrize("share", [0.002, 0.02, 0.1, 0.5])
def test_a_category_counts_as_it_is_however_rare(share):
    rng = np.random.default_rng(4)
    rows = np.where(rng.random((20_000, 3)) < share, 1.0, 0.0)
    rows[:, 1] = 1.0 - rows[:, 1]
    terms = in_batches(LinearTerms(3), rows)
    np.testing.assert_allclose(terms.mean, rows.mean(axis=0), atol=1e-3)
    low, high = terms.bounds
    assert (low <= 0.0).all()
    assert (high >= 1.0).all()


def test_terms_that_are_saved_after_every_batch_learn_the_same_bit_for_bit():
    rng = np.random.default_rng(5)
    for _ in range(20):
        rows = rng.standard_t(2.5, size=(400, 6))  # many are held
        rows[:, 3:] = rng.random((400, 3)) < rng.uniform(0.005, 0.1, 3)
        unbroken, saved = LinearTerms(6), LinearTerms(6)
        for start in range(0, 400, 10):
            for terms in (unbroken, saved):
                terms.update(rows[start : start + 10], np.ones(10))
                terms.transform(rows[start : start + 10])
            saved = terms_from_dict(pickle.loads(pickle.dumps(saved.to_dict())))
        for name, value in unbroken.to_dict().items():
            np.testing.assert_array_equal(saved.to_dict()[name], value, err_msg=name)


def test_what_does_not_belong_together_is_not_merged():
    with pytest.raises(ValueError, match="all dense or all sparse"):
        learned().merge(learned(centered=False))
    with pytest.raises(ValueError, match="same number of features"):
        learned().merge(LinearTerms(4))
    with pytest.raises(ValueError, match="same number of features"):
        RawTerms(3).merge(RawTerms(4))


@pytest.mark.parametrize("terms", every(), ids=lambda terms: terms.kind)
def test_folded_maps_say_of_x_what_they_said_of_z(terms):
    weight, bias = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4))
    folded = terms.fold(weight, bias)
    for k in range(2):
        of_z = terms.transform(X) @ weight[k].T + bias[k]
        of_x = X @ folded[0][k].T + folded[1][k]
        np.testing.assert_allclose(of_x, of_z, rtol=1e-8, atol=1e-8)
    for back, given in zip(terms.unfold(*folded), (weight, bias), strict=True):
        np.testing.assert_allclose(back, given, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("terms", every(), ids=lambda terms: terms.kind)
def test_a_copy_goes_its_own_way_and_saved_terms_are_the_same(terms):
    assert (terms.n_inputs, terms.n_outputs) == (3, 3)
    before = pickle.dumps(terms.to_dict())
    copy = terms.copy()
    copy.update(10 * X, WEIGHT + 1)
    copy.hold(1e6)
    assert pickle.dumps(terms.to_dict()) == before
    again = terms_from_dict(pickle.loads(before))
    assert type(again) is type(terms)
    np.testing.assert_array_equal(again.transform(X), terms.transform(X))


@pytest.mark.parametrize("terms", every(), ids=lambda terms: terms.kind)
def test_altered_rows_are_the_transform_of_altered_x(terms):
    changed = X.copy()
    changed[:, [2, 0]] = 1.0 - X[:, [0, 2]]
    altered = terms.altered(
        terms.transform(X), np.array([2, 0]), lambda columns: 1.0 - columns[:, ::-1]
    )
    np.testing.assert_allclose(altered, terms.transform(changed), rtol=1e-9, atol=1e-9)


def test_terms_of_another_version_are_refused_by_name():
    with pytest.raises(ValueError, match="terms of the kind 'wavelets'"):
        terms_from_dict({"kind": "wavelets"})
    assert set(KINDS) == {"columns", "linear", "raw"}


@pytest.mark.parametrize("n", [1, 7, 8, 21])
def test_published_rows_are_held_within_the_bounds_and_have_no_holes(n):
    terms = learned()
    terms.update(np.repeat(X, 4, axis=0), np.ones(4 * len(X)))  # so many that bounds hold
    low, high = terms.bounds
    usual = np.clip(X[:n], low, high)
    assert terms.published(usual) is usual
    for row, column, value in ((0, 0, 1e9), (n - 1, 1, -1e9), (n // 2, 2, np.nan)):
        rows = usual.copy()
        rows[row, column] = value
        expected = usual.copy()
        expected[row, column] = {1e9: high, -1e9: low}.get(value, terms.mean)[column]
        for order in "CF":
            found = terms.published(np.array(rows, order=order))
            np.testing.assert_array_equal(found, expected)


def test_of_one_heavy_person_nothing_is_far_away():
    rows = np.random.default_rng(0).standard_t(2, size=(6000, 3))
    weight = np.ones(len(rows))
    weight[5] = 3e3
    even, uneven = LinearTerms(3), LinearTerms(3)
    for start in range(0, len(rows), 100):
        part = slice(start, start + 100)
        even.update(rows[part], np.ones(100))
        uneven.update(rows[part], weight[part])
    assert not even.n_far.any()
    assert not uneven.n_far.any()
    far = np.full((1, 3), 1e5)
    for terms in (even, LinearTerms.from_dict(even.to_dict())):
        terms.update(far, np.ones(1))
        assert terms.n_far.tolist() == [1, 1, 1]


def test_terms_of_before_there_were_squares_tell_as_before():
    terms = LinearTerms(1)
    terms.update(np.random.default_rng(0).normal(size=(1000, 1)), np.ones(1000))
    other = terms.copy()
    other.merge(terms)
    assert other.squares == 2000.0
    data = terms.to_dict()
    del data["squares"]
    old = LinearTerms.from_dict(data)
    old.update(np.full((1, 1), 1e4), np.ones(1))
    assert old.n_far.tolist() == [1]


@pytest.mark.parametrize("n_rows", [3_200, 4_000, 7_013, 9_999])
@pytest.mark.parametrize("value", [2024.0, 0.1, -1e9])
def test_a_constant_column_has_no_spread_whatever_the_number_of_rows(n_rows, value):
    """Rounding of a mean of many rows was taken for spread, and other values flew apart."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(n_rows, 2)), np.full(n_rows, value)])
    for weight in (np.ones(n_rows), rng.exponential(size=n_rows)):
        terms = LinearTerms(3)
        terms.update(X, weight)
        assert terms.scale[2] == 1.0
        assert terms.mean[2] == value


def test_what_rounding_leaves_of_huge_numbers_stays_small():
    """Identifiers near 2^60 vary by less than their mean is known to: no column of hundreds."""
    X = np.column_stack([2.0**60 + np.arange(2_000), np.arange(2_000)])
    terms = LinearTerms(2)
    terms.update(X, np.ones(2_000))
    assert np.abs(terms.transform(X)[:, 0]).max() < 1.0
    assert terms.transform(X)[:, 1].std() == pytest.approx(1.0, abs=1e-4)

"""Terms that were learned apart say on common terms what they said on their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfeamoe._terms import ColumnTerms

COLUMNS = 6


def table(rng, n, shift):
    """Numbers with atoms and holes, a flag, a constant, categories with holes."""
    wide = np.round(rng.normal(shift, 1.0 + shift, n), 2)
    wide[rng.random(n) < 0.3] = 0.0
    few = rng.integers(0, 4, n) + float(shift > 1)
    holed = np.where(rng.random(n) < 0.1 * (shift > 0), np.nan, rng.normal(size=n))
    flag = (rng.random(n) < 0.4) * float(shift != 1)
    codes = np.floor(rng.exponential(3.0 + shift, n))
    codes[rng.random(n) < 0.05] = np.nan
    return np.column_stack([wide, few, holed, flag, np.full(n, shift * 1.0), codes])


def learned(seed, n, shift, **kwargs):
    rng = np.random.default_rng(seed)
    is_category = np.arange(COLUMNS) == COLUMNS - 1
    terms = ColumnTerms(is_category, **kwargs)
    X = table(rng, n, shift)
    for part in np.array_split(X, 3):
        terms.update(part, np.ones(len(part)))
    return terms, X


def said(terms, X, weight):
    return terms.transform(X) @ weight


KINDS = [
    {},
    {"splines": False},
    {"n_knots": 9},
    {"monotone": [1, -1, 0, 1, 0, 0]},
]


@pytest.mark.parametrize("kwargs", KINDS)
@pytest.mark.parametrize("sizes", [(3000, 500, 40), (700, 700), (20, 3000)])
def test_every_part_says_the_same_on_common_terms(kwargs, sizes):
    parts = [learned(k, n, float(k), **kwargs) for k, n in enumerate(sizes)]
    terms = [part for part, _ in parts]
    common, carries = ColumnTerms.in_common(terms)
    rng = np.random.default_rng(9)
    everybody = np.concatenate([X for _, X in parts])
    for part, X, carry in zip(terms, [X for _, X in parts], carries, strict=True):
        rows = X if kwargs.get("splines") is False else everybody  # lines are held elsewhere
        weight = rng.normal(size=part.n_outputs)
        moved, constant = carry.weights(weight, np.array(0.5))
        np.testing.assert_allclose(
            said(common, rows, moved) + constant, said(part, rows, weight) + 0.5, atol=1e-8
        )
        assert (carry.memory >= 0).all()
    seen = {
        (int(j), c)
        for t in terms
        for j, c in zip(t.categories.slot_column, t.categories.slot_code, strict=True)
    }
    assert seen <= set(
        zip(common.categories.slot_column, common.categories.slot_code, strict=True)
    )
    common.update(everybody[:100], np.ones(100))  # and learn on


def test_monotone_weights_keep_their_signs():
    parts = [learned(k, 1500, float(k), monotone=[1, -1, 0, 1, 0, 0])[0] for k in range(3)]
    common, carries = ColumnTerms.in_common(parts)
    rng = np.random.default_rng(0)
    for part, carry in zip(parts, carries, strict=True):
        free = rng.normal(size=part.n_outputs)
        weight = np.where(part.signs == 0, free, part.signs * np.abs(free))
        moved, _ = carry.weights(weight, np.array(0.0))
        assert (moved * common.signs >= -1e-12).all()


@settings(max_examples=25, deadline=None)
@given(st.permutations([0, 1, 2]), st.integers(0, 1000))
def test_the_order_of_parts_does_not_matter(order, seed):
    parts = [learned(seed + k, 400, float(k))[0] for k in range(3)]
    common, _ = ColumnTerms.in_common(parts)
    other, _ = ColumnTerms.in_common([parts[k] for k in order])
    X = table(np.random.default_rng(1), 200, 1.0)
    np.testing.assert_array_equal(common.transform(X), other.transform(X))
    for mine, theirs in zip(common.categories.counts, other.categories.counts, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert common.numbers.count == other.numbers.count == 1200


def test_grouping_does_not_matter_either():
    parts = [learned(k, 600, float(k))[0] for k in range(3)]
    at_once, _ = ColumnTerms.in_common(parts)
    first, _ = ColumnTerms.in_common(parts[:2])
    in_turn, _ = ColumnTerms.in_common([first, parts[2]])
    for a, b in zip(at_once.numbers.knots, in_turn.numbers.knots, strict=True):
        np.testing.assert_array_equal(a.knots, b.knots)
        np.testing.assert_array_equal(a.atoms, b.atoms)
    np.testing.assert_allclose(at_once.numbers.scale, in_turn.numbers.scale, rtol=1e-12)
    np.testing.assert_array_equal(at_once.missing.holed, in_turn.missing.holed)
    for a, b in zip(at_once.categories.counts, in_turn.categories.counts, strict=True):
        np.testing.assert_array_equal(a, b)


def test_categories_that_are_rare_in_every_part_get_a_slot_by_the_rows_of_all():
    parts = []
    for _ in range(3):
        terms = ColumnTerms(np.array([True]))
        terms.update(np.repeat([[0.0], [1.0]], [90, 4], axis=0), np.ones(94))
        parts.append(terms)
    assert parts[0].categories.slot_code.tolist() == [0.0]
    common, _ = ColumnTerms.in_common(parts)
    assert common.categories.slot_code.tolist() == [0.0, 1.0]
    assert common.categories.counts[0].tolist() == [270.0, 12.0]


def test_other_codes_of_categories_are_the_same_terms():
    terms, X = learned(0, 500, 1.0)
    codes = np.random.default_rng(0).permutation(40).astype(float)
    other = X.copy()
    known = X[:, -1] >= 0
    other[known, -1] = codes[X[known, -1].astype(int)]
    moved = terms.recoded({COLUMNS - 1: codes})
    np.testing.assert_array_equal(moved.transform(other), terms.transform(X))
    counts = moved.categories.counts_of(0)
    for old, new in enumerate(codes.astype(int)):
        expected = terms.categories.counts_of(0)
        expected = expected[old] if old < len(expected) else 0.0
        assert (counts[new] if new < len(counts) else 0.0) == expected

"""Terms of tables: what functions they span, what a carry keeps, and what a hole does."""

import pickle

import numpy as np
import pytest
from table_data import IS_CATEGORY, NAMES, draw

from skfeamoe._terms import ColumnTerms, terms_from_dict
from skfeamoe._terms.category import COUNT_ROWS, MOST_SLOTS, SLOT_ROWS, CategoryTerms
from skfeamoe._terms.knots import Knots, distinct, number_of_knots, place, refine
from skfeamoe._terms.spline import HEIGHT, RECENT_ROWS, REVIEW_ROWS, SplineTerms

KINDS = {
    "splines": {},
    "plain": {"splines": False},
    "monotone": {"monotone": [1, -1, 0, 0, 1, 0]},
    "eight knots": {"n_knots": 8},
}
kinds = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)


def learned(n=4000, seed=0, **options):
    terms = ColumnTerms(IS_CATEGORY, **options)
    X = draw(n, np.random.default_rng(seed))
    terms.update(X, np.ones(n))
    return terms, X


def streamed(rows, batch, rng, **options):
    """A linear model on terms that grow, with the predictions around every carry."""
    terms, weight, bias = ColumnTerms(IS_CATEGORY, **options), None, 0.0
    weight = np.zeros(terms.n_outputs)
    probe = draw(2000, rng)
    for _ in range(rows // batch):
        X = draw(batch, rng)
        before = terms.copy()
        carry = terms.update(X, np.ones(batch))
        if carry is not None:
            said = before.transform(probe) @ weight + bias
            weight, bias = carry.weights(weight, bias)
            yield terms, float(np.abs(terms.transform(probe) @ weight + bias - said).max())
            weight = weight + rng.normal(size=len(weight))


@kinds
def test_once_knots_stay_no_carry_moves_a_prediction(options):
    rng = np.random.default_rng(1)
    moves = [(t.numbers.count, moved) for t, moved in streamed(20_000, 64, rng, **options)]
    late = [moved for count, moved in moves if count > RECENT_ROWS]
    assert len(late) > 5
    assert max(late) < 1e-9


def test_carries_of_young_terms_are_bounded():
    rng = np.random.default_rng(2)
    moved = [moved for t, moved in streamed(RECENT_ROWS, 32, rng)]
    assert 0.0 < max(moved) < 25.0


@kinds
def test_terms_of_one_column_move_with_that_column_only(options):
    terms, X = learned(**options)
    Z = terms.transform(X)
    for j in range(X.shape[1]):
        other = X.copy()
        other[:, j] = np.roll(X[:, j], 7)
        moved = (terms.transform(other) != Z).any(axis=0)
        assert moved.any()
        assert (terms.owner[moved] == j).all()


def test_hats_reproduce_any_function_that_bends_at_knots_and_jumps_at_atoms():
    rng = np.random.default_rng(3)
    x = np.where(rng.random(5000) < 0.5, 0.0, rng.gamma(2.0, 3.0, 5000))
    terms = SplineTerms(1)
    terms.update(x[:, None], np.ones(5000))
    knots, atoms = terms.knots[0]
    assert atoms.tolist() == [0.0]
    wanted = np.sin(knots)
    truth = np.where(x == 0.0, 5.0, np.interp(x, knots, wanted))
    weight = np.concatenate([[0.0], wanted, [5.0]]) / HEIGHT
    np.testing.assert_allclose(terms.transform(x[:, None]) @ weight, truth, atol=1e-12)


def test_the_influence_of_one_value_is_bounded():
    terms, X = learned()
    far = np.repeat(X[:1], 3, axis=0)
    far[:, 0] = 1e9, 1e12, 1e140
    Z = terms.transform(far)
    assert (Z[0] == Z).all()
    assert np.abs(Z).max() < 20.0


def test_one_outlier_hardly_moves_knots_and_scale():
    clean, X = learned()
    spoiled = X.copy()
    spoiled[100, 0] = 1e12
    terms = ColumnTerms(IS_CATEGORY)
    terms.update(spoiled, np.ones(len(X)))
    for a, b in zip(clean.numbers.knots[0].knots, terms.numbers.knots[0].knots, strict=True):
        assert a == pytest.approx(b, rel=0.02)
    assert terms.numbers.scale[0] == pytest.approx(clean.numbers.scale[0], rel=0.02)


def test_far_values_are_counted():
    terms, _ = learned()
    for _ in range(3):
        far = draw(50, np.random.default_rng(5))
        far[7, 0] = 1e9
        terms.update(far, np.ones(50))
    assert terms.numbers.n_far[0] == 3
    assert terms.numbers.farthest[0] == 1e9


def test_a_far_value_of_one_part_is_that_of_the_whole():
    """The warning said "such as nan" of values that the other part had met."""
    start, _ = learned()
    apart = start.copy()
    far = draw(50, np.random.default_rng(5))
    far[7, 0] = -1e9
    apart.update(far, np.ones(50))
    start.merge(apart)
    assert start.numbers.n_far.tolist() == apart.numbers.n_far.tolist()
    assert start.numbers.farthest[0] == -1e9
    assert np.isnan(start.numbers.farthest[1:]).all()


@kinds
def test_knots_placed_out_of_turn_follow_the_last_rows_and_move_no_function(options):
    terms, X = learned(**options)
    crowd = X[:RECENT_ROWS].copy()
    crowd[:, 0] = np.linspace(*np.nanquantile(X[:, 0], [0.4, 0.45]), len(crowd))
    terms.update(crowd, np.ones(len(crowd)))
    before, Z = terms.copy(), terms.transform(X)
    carry = terms.renew()
    if not terms.numbers.bends:
        assert carry is None
        return
    inside = [
        ((k > crowd[0, 0]) & (k < crowd[-1, 0])).sum()
        for k in (before.numbers.knots[0].knots, terms.numbers.knots[0].knots)
    ]
    assert inside[1] > inside[0] + 2
    weight, bias = carry.weights(np.random.default_rng(1).normal(size=Z.shape[1]), np.zeros(()))
    old = Z @ np.random.default_rng(1).normal(size=Z.shape[1])
    np.testing.assert_allclose(terms.transform(X) @ weight + bias, old, atol=1e-9)
    assert terms.numbers.next_placement <= terms.numbers.count + RECENT_ROWS


def test_young_terms_are_not_placed_out_of_turn():
    rng = np.random.default_rng(0)
    terms = ColumnTerms(IS_CATEGORY)
    terms.update(draw(RECENT_ROWS - 1, rng), np.ones(RECENT_ROWS - 1))
    assert terms.renew() is None


def test_knots_follow_data_that_move_away():
    terms, _ = learned()
    rng = np.random.default_rng(6)
    for _ in range(4 * REVIEW_ROWS // 64):
        moved = draw(64, rng)
        moved[:, 4] += 200.0
        terms.update(moved, np.ones(64))
    low, high = terms.numbers.knots[2 + 1].bounds
    assert low < 60.0 < 225.0 < high


@kinds
def test_a_missing_value_is_zero_everywhere_but_in_its_own_indicator(options):
    terms, X = learned(**options)
    row = X[:1].copy()
    for j in range(X.shape[1]):
        row[:] = np.nan
        Z = terms.transform(row)[0]
        own = terms.owner == j
        first = terms.n_outputs - terms.missing.n_outputs
        assert Z[own & (np.arange(len(Z)) >= first)].tolist() == [1.0]
        assert not Z[own & (np.arange(len(Z)) < first)].any()


def test_a_slot_opens_with_the_weight_of_the_pool():
    terms = CategoryTerms(1)
    X = np.zeros((COUNT_ROWS, 1))
    terms.update(X, np.ones(len(X)))
    late = X.copy()
    late[1:SLOT_ROWS] = 7.0
    assert terms.update(late, np.ones(len(late))) is None
    late = np.full((COUNT_ROWS, 1), 7.0)
    pool = terms.transform(late)
    carry = terms.update(late, np.ones(len(late)))
    assert carry is not None
    weight, _ = carry.weights(np.array([2.0, 3.0]), np.zeros(()))
    assert weight.tolist() == [2.0, 3.0, 2.0]
    assert pool[0].tolist() == [1.0, 0.0]
    assert terms.transform(late)[0].tolist() == [0.0, 0.0, 1.0]
    assert carry.states(np.ones(2), np.ones(()))[0].tolist() == [1.0, 1.0, 0.0]


def test_slots_are_limited_and_unknown_codes_share_the_pool():
    terms = CategoryTerms(1)
    X = np.repeat(np.arange(MOST_SLOTS + 40.0), SLOT_ROWS)[:, None]
    terms.update(X, np.ones(len(X)))
    assert terms.n_outputs == 1 + MOST_SLOTS
    Z = terms.transform(np.array([[-1.0], [1e6], [MOST_SLOTS + 5.0], [np.nan]]))
    assert Z[:, 0].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert not Z[:, 1:].any()


@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_columns_rise_with_weights_of_one_sign(sign):
    terms, X = learned(monotone=[sign, 0, 0, 0, sign, 0])
    rng = np.random.default_rng(8)
    weight = rng.normal(size=terms.n_outputs)
    bound = terms.signs != 0
    weight[bound] = np.abs(weight[bound]) * terms.signs[bound]
    for j in (0, 4):
        rows = np.repeat(X[:1], 400, axis=0)
        rows[:, j] = np.linspace(np.nanmin(X[:, j]) - 1, np.nanmax(X[:, j]) + 1, 400)
        said = terms.transform(rows) @ weight
        assert (sign * np.diff(said) >= -1e-12).all()
        assert np.ptp(said) > 0.1


def test_slopes_go_back_to_units_of_the_columns():
    terms, _ = learned(monotone=[0, 0, 0, 0, 1, 0])
    rng = np.random.default_rng(9)
    X = draw(300, rng, holes=0.0)
    weight = rng.normal(size=terms.n_outputs)
    back = terms.back(terms.transform(X), np.tile(weight, (300, 1)))
    for place_, j in enumerate(terms.number):
        step = 1e-6 * terms.numbers.scale[place_]
        up, down = X.copy(), X.copy()
        up[:, j] += step
        down[:, j] -= step
        slope = (terms.transform(up) - terms.transform(down)) @ weight / 2e-6
        knots = np.concatenate(terms.numbers.knots[place_])
        low, high = terms.numbers.knots[place_].bounds
        inside = (X[:, j] > low) & (X[:, j] < high) & ~np.isin(X[:, j], knots)
        np.testing.assert_allclose(back[inside, place_], slope[inside], atol=1e-4)
        assert inside.any() or j == 2


@kinds
@pytest.mark.parametrize("columns", [[2], [3]], ids=["flag", "category"])
def test_altered_is_what_the_terms_of_changed_rows_are(options, columns):
    terms, X = learned(**options)
    columns = np.array(columns)
    changed = X.copy()
    known = np.isin(X[:, columns[0]], (0.0, 1.0))
    changed[known, columns[0]] = 1.0 - X[known, columns[0]]
    altered = terms.altered(terms.transform(X), columns, lambda code: 1.0 - code)
    np.testing.assert_array_equal(altered, terms.transform(changed))


@kinds
def test_saved_terms_go_on_as_if_nothing_had_been(options):
    rng = np.random.default_rng(10)
    terms, _ = learned(1500, **options)
    saved = pickle.dumps(terms.to_dict())
    loaded = terms_from_dict(pickle.loads(saved))
    for _ in range(60):
        X = draw(40, rng)
        a, b = terms.update(X, np.ones(40)), loaded.update(X, np.ones(40))
        assert (a is None) == (b is None)
    probe = draw(200, rng)
    np.testing.assert_array_equal(terms.transform(probe), loaded.transform(probe))


def test_a_copy_learns_on_its_own():
    terms, _ = learned()
    before, probe = terms.copy(), draw(100, np.random.default_rng(11))
    said = before.transform(probe)
    terms.update(draw(9000, np.random.default_rng(12)), np.ones(9000))
    np.testing.assert_array_equal(before.transform(probe), said)
    assert before.numbers.count == 4000


def test_rows_without_weight_are_not_seen():
    a, b = ColumnTerms(IS_CATEGORY), ColumnTerms(IS_CATEGORY)
    X = draw(3000, np.random.default_rng(13))
    weight = (np.arange(3000) % 3 > 0).astype(float)
    a.update(X, weight)
    b.update(X[weight > 0], weight[weight > 0])
    probe = draw(200, np.random.default_rng(14))
    np.testing.assert_array_equal(a.transform(probe), b.transform(probe))


def test_a_row_of_weight_two_is_two_rows():
    x = np.random.default_rng(15).normal(size=400)
    values, mass = np.unique(x), np.ones(400)
    mass[::3] = 2.0
    repeated = np.sort(np.repeat(values, mass.astype(int)))
    once = place(*np.unique(repeated, return_counts=True), 9)
    np.testing.assert_array_equal(place(values, mass, 9).knots, once.knots)


def test_merge_needs_the_same_columns_and_adds_what_was_seen():
    a, X = learned()
    b = a.copy()
    rows = draw(100, np.random.default_rng(16))
    rows[:, 5] = 0.0
    rows[:, 3] = np.where(np.isnan(rows[:, 3]), np.nan, 0.0)
    b.update(rows, np.ones(100))
    a.merge(b)
    assert a.numbers.count == 4000 + 4100
    assert a.categories.counts[0].sum() == pytest.approx(
        2 * (~np.isnan(X[:, 3])).sum() + (~np.isnan(rows[:, 3])).sum()
    )
    other = learned(5000, seed=99)[0]
    with pytest.raises(ValueError, match="start from one model"):
        a.merge(other)


def test_names_say_column_and_place():
    terms, _ = learned()
    names = terms.names(NAMES, lambda j, code: f"<{j}:{code}>")
    assert len(names) == terms.n_outputs == len(set(names))
    assert {"income", "gain=0", "job=(other)", "job=<3:0>", "age=(missing)"} <= set(names)


def test_numbers_of_knots_grow_with_the_cube_root():
    assert [number_of_knots(n) for n in (1, 64, 1000, 27_000, 1e9)] == [4, 4, 10, 30, 64]


def test_refined_knots_keep_the_old_ones_and_never_exceed_twice_their_number():
    rng = np.random.default_rng(17)
    knots = place(np.sort(rng.normal(size=900)), np.ones(900), 8)
    wider = refine(knots, np.sort(rng.normal(0, 3, 900)), np.ones(900), 8)
    assert set(knots.knots) <= set(wider.knots)
    for shift in range(1, 30):
        wider = refine(wider, np.sort(rng.normal(5 * shift, 1, 900)), np.ones(900), 8)
        assert len(wider.knots) <= 16


def test_atoms_are_found_behind_heavier_ones():
    rng = np.random.default_rng(5)
    rest = rng.uniform(0, 10_000, 1000)
    sums = np.repeat([500.0, 1000.0, 5000.0], [300, 200, 100])
    values, mass = distinct(np.concatenate([np.zeros(50_000), sums, rest]), np.ones(51_600))
    knots, atoms = place(values, mass, 20)
    assert atoms.tolist() == [0.0, 500.0, 1000.0, 5000.0]
    assert len(knots) == 20
    assert knots.min() > 0.0


def test_values_that_nearly_coincide_make_no_knots_of_their_own():
    x = np.array([1.0, 1.0 + 1e-15, 2.0, 2.0 + 1e-15, 3.0])
    assert place(x, np.ones(5), 8).knots.tolist() == [1.0, 2.0, 3.0]
    assert place(np.array([4.0]), np.ones(1), 8) == Knots(
        pytest.approx(np.empty(0)), pytest.approx(np.array([4.0]))
    )

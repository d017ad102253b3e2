"""People are measured as if they had not taught the directions along which they are moved."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness import left_out, offset, settlement
from skfeamoe._fairness.bound import BoundMonitor
from skfeamoe._fairness.directions import Directions
from skfeamoe._fairness.left_out import is_negligible, left_out_scores


def two_groups(rng, n_one, n_other, n_terms):
    """Columns of two normal groups, one deviation apart in the first of them."""
    one = rng.permutation(np.repeat([True, False], [n_one, n_other]))
    X = rng.normal(size=(len(one), n_terms))
    X[:, 0] += one
    return X, one


def taught_by(X, one, *, size=32, n_passes=1):
    """Directions of two groups after some passes in the order of the rows."""
    directions = Directions(("all",), 2, X.shape[1])
    for _ in range(n_passes):
        for start in range(0, len(X), size):
            rows = slice(start, start + size)
            n = len(X[rows])
            everybody = np.ones((1, n), dtype=bool)
            directions.update(X[rows], one[rows].astype(int), everybody, np.ones(n))
    return directions


def moved_apart(directions, X, one, taught=None):
    """By how much the log-odds of everybody's group move."""
    n = X.shape[0]
    moved = left_out_scores(
        directions, X, one.astype(int), np.ones((1, n), dtype=bool), np.ones((1, n)), taught
    )
    return moved[:, 1] - moved[:, 0]


def apart(directions, X):
    """Log-odds of the second group."""
    return X @ (directions.axes[1] - directions.axes[0])


def test_two_groups_are_a_logistic_regression_without_the_person():
    rng = np.random.default_rng(0)
    X, one = two_groups(rng, 60, 140, 8)
    whole = LogisticRegression(C=np.inf, tol=1e-8).fit(X, one)
    directions = taught_by(X, one)
    half = 0.5 * np.append(whole.coef_[0], whole.intercept_)
    directions.weight[0] = [-half, half]
    directions.visits = 1e12  # fitted to the end
    found = moved_apart(directions, X, one, taught=200.0)
    people = rng.choice(200, 40, replace=False)
    brute = []
    for i in people:
        rest = np.arange(200) != i
        without = LogisticRegression(C=np.inf, tol=1e-8).fit(X[rest], one[rest])
        brute.append(without.decision_function(X[[i]])[0] - whole.decision_function(X[[i]])[0])
    np.testing.assert_allclose(found[people], brute, rtol=0.25, atol=0.02)
    assert np.sum(found[people]) == pytest.approx(np.sum(brute), rel=0.05, abs=0.1)


@pytest.mark.parametrize(("alike", "within"), [(False, 0.35), (True, 0.6)])
@pytest.mark.parametrize("n_passes", [1, 6])
def test_descent_is_looked_at_as_far_as_it_has_come(n_passes, alike, within):
    """Directions that learn without some people, against what is said of these.

    Columns that are nearly alike differ in little, which few passes learn nothing of: at the
    end of descent a person would be four to ten times as much of a score.
    """
    rng = np.random.default_rng(1)
    X, one = two_groups(rng, 1200, 1200, 25)
    if alike:
        X = X @ (0.15 * np.eye(25) + 0.2)
        X /= X.std(axis=0)
    else:
        X *= np.geomspace(1.0, 0.05, 25)
    whole = taught_by(X, one, n_passes=n_passes)
    found = moved_apart(whole, X, one, taught=2400.0 if n_passes > 1 else None)
    part = np.arange(2400) % 40 == 7
    brute = np.zeros(2400)
    for i in np.flatnonzero(part):
        twin = X.copy()
        twin[i] = 0.0  # whose row says nothing
        brute[i] = apart(taught_by(twin, one, n_passes=n_passes), X[[i]])[0]
        brute[i] -= apart(whole, X[[i]])[0]
    sign = np.where(one, -1.0, 1.0)  # whoever is left out is less of the own group
    assert (sign * brute)[part].mean() > 0.0
    assert (sign * found)[part].mean() == pytest.approx((sign * brute)[part].mean(), rel=within)


@pytest.mark.parametrize("in_passes", [True, False])
def test_groups_are_as_far_apart_as_new_ones(in_passes):
    told, seen, new = [], [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, one = two_groups(rng, 400, 1200, 40)
        order = rng.permutation(len(X))
        directions = taught_by(X[order], one[order], n_passes=8 if in_passes else 1)
        moved = moved_apart(directions, X, one, taught=1600.0 if in_passes else None)
        score = apart(directions, X)
        seen.append(score[one].mean() - score[~one].mean())
        told.append(seen[-1] + moved[one].mean() - moved[~one].mean())
        new.append(apart(directions, np.eye(40)[:1])[0])  # what the first column adds
    too_far = np.mean(seen) - np.mean(new)
    assert too_far > 0.1
    assert abs(np.mean(told) - np.mean(new)) < 0.35 * too_far


def test_columns_that_are_sparse_or_many_are_taken_one_by_one(monkeypatch):
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 12, 600)
    one = rng.random(600) < 0.3 + 0.04 * kind
    X = np.eye(12)[kind]
    directions = taught_by(X, one)
    together = moved_apart(directions, X, one)
    sparse = moved_apart(directions, csr_array(X), one)
    monkeypatch.setattr(left_out, "MOST_TERMS", 5)
    many = moved_apart(directions, X, one)
    assert np.abs(together).min() > 0.0
    np.testing.assert_allclose(many, together, rtol=0.35, atol=0.02)
    np.testing.assert_allclose(sparse, together, rtol=0.35, atol=0.02)


def test_who_has_taught_nothing_is_not_moved():
    rng = np.random.default_rng(3)
    X, one = two_groups(rng, 100, 100, 10)
    directions = taught_by(X, one)
    groups = np.where(rng.random(200) < 0.2, -1, one)
    members = rng.random((1, 200)) < 0.7
    weights = (rng.random((1, 200)) < 0.8).astype(float)
    moved = left_out_scores(directions, X, groups, members, weights)
    taught = (groups >= 0) & members[0] & (weights[0] > 0.0)
    assert not moved[~taught].any()
    assert (moved[taught] != 0.0).all()
    own, other = np.where(one, 1, 0), np.where(one, 0, 1)
    rows = np.flatnonzero(taught)
    assert (moved[rows, own[rows]] < 0.0).all()
    assert (moved[rows, other[rows]] > 0.0).all()


def test_heavy_rows_are_more_of_what_was_learned():
    rng = np.random.default_rng(4)
    X, one = two_groups(rng, 200, 200, 10)
    directions = taught_by(X, one)
    everybody, weights = np.ones((1, 400), dtype=bool), np.ones((1, 400))
    plain = left_out_scores(directions, X, one.astype(int), everybody, weights)
    weights[0, 5] = 3.0
    heavy = left_out_scores(directions, X, one.astype(int), everybody, weights)
    assert abs(heavy[5, 1] / plain[5, 1]) == pytest.approx(3.0, rel=0.1)


def test_nobody_is_left_out_where_it_makes_no_difference():
    assert is_negligible(3, np.array([10_000, 20_000]))
    assert not is_negligible(300, np.array([10_000, 20_000]))
    assert not is_negligible(3, np.array([10_000, 100]))
    assert is_negligible(300, np.array([100]))
    assert is_negligible(300, np.array([0, 100]))
    assert is_negligible(300, np.array([]))


def test_who_has_taught_directions_is_counted_once_and_adds_up():
    def monitor(n):
        model = FEAMOEClassifier(growth=None, random_state=0)
        X, one = two_groups(np.random.default_rng(n), n, 2 * n, 3)
        model.fit(X, X[:, 0] > 0.5, sensitive_features=np.where(one, "a", "b"))
        found = model._model.monitor
        return found, [found.taught[model.groups_.tolist().index(g)] for g in "ab"]

    (first, one), (second, other) = monitor(100), monitor(150)
    assert (one, other) == ([100, 200], [150, 300])
    assert first.is_drawn
    assert first.directions.visits > 2 * 300
    expected = first.taught + second.taught[::-1]
    visits = first.directions.visits + second.directions.visits
    first.merge(second, np.array([1, 0]))
    assert first.taught.tolist() == expected.tolist()
    assert first.directions.visits == visits
    assert first.is_drawn
    old = {k: v for k, v in second.to_dict().items() if k not in ("taught", "drawn_at")}
    old = BoundMonitor.from_dict(old)
    assert old.taught.tolist() == second.shares.tolist()
    assert not old.is_drawn


def test_a_stream_after_a_fit_becomes_one_when_its_people_are_most():
    rng = np.random.default_rng(5)
    X, one = two_groups(rng, 300, 300, 3)
    y, group = X[:, 1] > 0.0, np.where(one, "a", "b")
    model = FEAMOEClassifier(growth=None, random_state=0)
    assert not model.partial_fit(
        X, y, [False, True], sensitive_features=group
    )._model.monitor.is_drawn
    model.fit(X, y, sensitive_features=group)
    assert model._model.monitor.is_drawn
    for n_seen in range(600, 9000, 600):
        monitor = model.partial_fit(X, y, sensitive_features=group)._model.monitor
        assert monitor.is_drawn is (n_seen < len(monitor.people))
    assert not monitor.is_drawn


def gap_of_new_people(seed, *, streamed=False, n_columns=40):
    """Two groups on many columns, bound .05: the gap of new people, and the one told."""
    rng = np.random.default_rng(seed)
    n = 6000 if streamed else 1700
    X, one = two_groups(rng, n // 3, n - n // 3, n_columns)
    y = X[:, :2].sum(axis=1) + rng.logistic(size=len(X)) > 0.5
    group = np.where(one, "a", "b")
    model = FEAMOEClassifier(difference_bound=0.05, growth=None, random_state=0)
    if streamed:
        for start in range(0, n, 100):
            rows = slice(start, start + 100)
            model.partial_fit(X[rows], y[rows], [False, True], sensitive_features=group[rows])
    else:
        model.fit(X, y, sensitive_features=group)
    X, one = two_groups(rng, 10_000, 10_000, n_columns)
    granted = model.predict(X)
    return granted[one].mean() - granted[~one].mean(), model.group_gaps_["demographic_parity"]


@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
@pytest.mark.parametrize("streamed", [False, True])
def test_the_bound_is_kept_on_new_people_though_columns_are_many(streamed, monkeypatch):
    new, told = np.transpose([gap_of_new_people(seed, streamed=streamed) for seed in range(6)])
    assert np.mean(new) < 0.05 + 2.0 * np.std(new) / np.sqrt(5)
    assert np.mean(told) == pytest.approx(np.mean(new), abs=0.03)
    monkeypatch.setattr(left_out, "NEGLIGIBLE", np.inf)
    without = [gap_of_new_people(seed, streamed=streamed)[0] for seed in range(6)]
    assert np.mean(without) > np.mean(new) + 0.01


def test_many_groups_are_solved_in_the_dimensions_of_new_people(monkeypatch):
    """What is said of people who are left out lies in more of them: 156 s in place of 2."""
    problems, plain = [], settlement.solve_offset

    def noting(problem, start):
        problems.append(problem)
        return plain(problem, start)

    monkeypatch.setattr(settlement, "solve_offset", noting)
    rng = np.random.default_rng(7)
    group = rng.integers(0, 24, 2400)
    X = rng.normal(size=(2400, 3)) + 0.5 * rng.normal(size=(24, 3))[group]
    model = FEAMOEClassifier(difference_bound=0.3, growth=None, max_iter=1, random_state=0)
    model.fit(X, X[:, 0] > rng.normal(size=2400), sensitive_features=group)
    (problem,) = problems
    assert np.abs(problem.directions - problem.linear).max() > 0.01
    assert offset._Scaled(problem).n_numbers == 4
    assert np.linalg.matrix_rank(problem.directions - problem.directions.mean(axis=0)) > 3


def test_settlements_leave_out_the_people_of_every_event(monkeypatch):
    seen = []

    def noting(directions, Z, groups, members, weights, taught):
        seen.append((directions.events, members.sum(axis=1).tolist(), taught))
        return left_out_scores(directions, Z, groups, members, weights, taught)

    monkeypatch.setattr(settlement, "left_out_scores", noting)
    X, one = two_groups(np.random.default_rng(6), 200, 400, 3)
    y, group = X[:, 1] > 0.5, np.where(one, "a", "b")
    model = FEAMOEClassifier("equalized_odds", growth=None, random_state=0)
    model.fit(X, y, sensitive_features=group)
    numbers = {"favorable": y.sum(), "unfavorable": (~y).sum()}
    (events, counted, taught) = seen[0]
    assert counted == [numbers[event] for event in events]
    assert taught == 600.0
    seen.clear()
    model = FEAMOEClassifier("equalized_odds", growth=None, random_state=0)
    model.partial_fit(X, y, [False, True], sensitive_features=group)
    assert seen
    assert seen[0][2] is None

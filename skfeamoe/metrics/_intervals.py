"""How sure a measured rate, gap or metric is.

With p_a the rate of group a among n_a rows and [l_a, u_a] Wilson's score interval at the
critical value c, the difference of two groups lies in

    d - sqrt((p_a - l_a)^2 + (u_b - p_b)^2)  to  d + sqrt((u_a - p_a)^2 + (p_b - l_b)^2),

d = p_a - p_b (Newcombe's hybrid score interval). The gap, which is the largest difference,
lies between the largest lower and the largest upper end of all pairs; what c must be for this
to hold in 95 of 100 samples depends on how many groups are nearly extreme (`_largest_gap`).

For looks at any time: M_t(m) = sum_j w_j exp(lambda_j S_t - t log(1 - m + m exp(lambda_j)))
with fixed lambda_j and weights w_j that sum to one is at most a nonnegative supermartingale
that starts at 1, if m is the mean chance of the first t outcomes and S_t their sum: exactly
one if the chance is constant, and by Jensen's inequality if it moves, because log(1 - p + p
exp(lambda)) is concave in p. So, by Ville's inequality, {m: M_t(m) < 1 / alpha} holds the
running mean chance at all t together with probability 1 - alpha.

Over 400 lines, because half of the lines document the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri
from sklearn.utils import check_consistent_length, check_random_state

from ._checks import as_weights, is_text
from ._largest_gap import of_means, of_two, two_sided
from ._resampled_gap import gap_ends, is_gap

LAMBDAS = 4.0 * 2.0 ** -np.arange(14.0)
"""Sizes of the bets of the confidence sequence: best for rates of 10 to 10^8 rows."""

N_HALVINGS = 50

ROUNDING = 1e-9
"""Weighted shares may be so far beyond 0 and 1."""

LEAST_LEVEL = 0.5
"""Least level of a gap's interval: its ends lie on both sides of what was measured."""


class Interval(NamedTuple):
    """A measured value and the ends of its confidence interval.

    Examples
    --------
    >>> from skfeamoe.metrics import Interval
    >>> Interval(0.04, 0.01, 0.07).high
    0.07
    """

    value: float
    low: float
    high: float


def wilson_interval(rate, n, *, confidence_level: float = 0.95) -> NDArray:
    """Score intervals of shares of n rows.

    Parameters
    ----------
    rate : array-like of shape (n_groups,)
        Shares.
    n : array-like of shape (n_groups,)
        Rows that they were taken from.
    confidence_level : float, default=0.95
        Chance with which an interval holds the true share.

    Returns
    -------
    ndarray of shape (n_groups, 2)
        Lower and upper ends; nan where nothing was counted.

    Raises
    ------
    ValueError
        If `rate` are no shares, `n` no numbers of rows, or their lengths differ.

    References
    ----------
    .. [1] E. B. Wilson. "Probable inference, the law of succession, and statistical
       inference". Journal of the American Statistical Association 22, 1927.

    Examples
    --------
    >>> from skfeamoe.metrics import wilson_interval
    >>> wilson_interval([0.5, 0.0], [100, 20]).round(3).tolist()
    [[0.404, 0.596], [0.0, 0.161]]
    """
    _check_level(confidence_level)
    rate, n = _by_group("rate", *np.broadcast_arrays(np.atleast_1d(rate), n))
    return _wilson(_shares(rate), n, ndtri((1 + confidence_level) / 2))


def gap_interval(rates, n, *, ratio: bool = False, confidence_level: float = 0.95) -> Interval:
    """Interval of the largest difference, or smallest ratio, between groups' rates.

    Parameters
    ----------
    rates : array-like of shape (n_groups,)
        Share of each group.
    n : array-like of shape (n_groups,)
        Rows of each group.
    ratio : bool, default=False
        Whether the smallest rate over the largest is meant (adverse impact) rather than the
        largest minus the smallest.
    confidence_level : float, default=0.95
        Chance with which the interval holds the true gap, from 0.5 on.

    Returns
    -------
    Interval
        The measured gap and the ends; nan with fewer than two groups with rows.

    Raises
    ------
    ValueError
        If `rates` are no shares, `n` no numbers of rows, their lengths differ, or the level
        is not in (0, 1).

    Notes
    -----
    A gap has no sign. An interval of the difference of two groups, cut at 0, holds a small gap
    in 97.5 of 100 samples where 95 are asked for; here limits are those of the difference's
    size. Of more than two groups the largest difference is overestimated where several are
    nearly as large, by how much cannot be known: no estimator of a maximum is unbiased
    everywhere [5]_. The interval here holds every gap that a test would not reject [6]_:
    the test takes the measured rates, changed as little as it takes to have that gap, by
    tying those beyond it at its ends. For 95 % that is 93 to 97 % of samples, whether all
    groups are alike, some are, or none (:doc:`/decisions/intervals`). Of more than 40 groups
    all differences are held at once [2]_, and the interval is wider than it need be.

    References
    ----------
    .. [1] R. G. Newcombe. "Interval estimation for the difference between independent
       proportions: comparison of eleven methods". Statistics in Medicine 17, 1998.
    .. [2] A. Agresti, M. Bini, B. Bertaccini, E. Ryu. "Simultaneous confidence intervals for
       comparing binomial parameters". Biometrics 64, 2008 (studentized range).
    .. [3] A. Donner, G. Y. Zou. "Closed-form confidence intervals for functions of the
       normal mean and standard deviation". Statistical Methods in Medical Research 21, 2012
       (the ratio from separate limits).
    .. [4] F. C. Leone, L. S. Nelson, R. B. Nottingham. "The folded normal distribution".
       Technometrics 3, 1961.
    .. [5] K. Hirano, J. R. Porter. "Impossibility results for nondifferentiable functionals".
       Econometrica 80, 2012.
    .. [6] C.-S. Chuang, T. L. Lai. "Hybrid resampling methods for confidence intervals".
       Statistica Sinica 10, 2000 (a test of every gap, the rest as measured).

    Examples
    --------
    >>> from skfeamoe.metrics import gap_interval
    >>> gap = gap_interval([0.62, 0.55, 0.60], [800, 400, 300])
    >>> [round(end, 3) for end in gap]
    [0.07, 0.0, 0.125]
    """
    _check_level(confidence_level, LEAST_LEVEL)
    rates, n = _by_group("rates", rates, n)
    known = (n > 0) & ~np.isnan(rates)
    rates, n = _shares(rates[known]), n[known]
    if len(rates) < 2:
        return Interval(np.nan, np.nan, np.nan)
    near, far = _of_rates(rates, n, confidence_level)
    if ratio:
        return _ratio_interval(rates, _wilson(rates, n, near), _wilson(rates, n, far))
    difference = rates[:, None] - rates[None, :]
    lower = difference - _wilson_apart(rates, n, near)[0]
    upper = difference + _wilson_apart(rates, n, far)[1]
    return Interval(
        float(np.ptp(rates)),
        float(max(lower.max(), 0.0)),
        float(min(upper[~np.eye(len(rates), dtype=bool)].max(), 1.0)),
    )


def mean_gap_interval(means, errors, *, confidence_level: float = 0.95) -> Interval:
    """Interval of the largest difference between groups' means.

    Parameters
    ----------
    means, errors : array-like of shape (n_groups,)
        Mean of each group and its standard error.
    confidence_level : float, default=0.95
        Chance with which the interval holds the true gap, from 0.5 on, as for `gap_interval`.

    Returns
    -------
    Interval
        The measured gap and the ends; nan with fewer than two groups.

    Raises
    ------
    ValueError
        If a mean is infinite, an error infinite or negative, or their lengths differ.

    References
    ----------
    .. [1] C.-S. Chuang, T. L. Lai. "Hybrid resampling methods for confidence intervals".
       Statistica Sinica 10, 2000.

    Examples
    --------
    >>> from skfeamoe.metrics import mean_gap_interval
    >>> [round(end, 2) for end in mean_gap_interval([1.0, 1.5], [0.1, 0.1])]
    [0.5, 0.25, 0.78]
    """
    _check_level(confidence_level, LEAST_LEVEL)
    means, errors = np.asarray(means, dtype=float), np.asarray(errors, dtype=float)
    if means.shape != errors.shape or means.ndim != 1:
        raise ValueError(
            "means and errors must have one number per group, got arrays of shape "
            f"{means.shape} and {errors.shape}"
        )
    known = ~(np.isnan(means) | np.isnan(errors))
    means, errors = means[known], errors[known]
    if np.isinf(means).any() or np.isinf(errors).any() or (errors < 0).any():
        raise ValueError(
            f"means must be finite, and errors from 0 on, got {means.tolist()} and "
            f"{errors.tolist()}; leave out groups that have none"
        )
    if len(means) < 2:
        return Interval(np.nan, np.nan, np.nan)
    error = np.hypot(errors[:, None], errors)
    difference = np.abs(means[:, None] - means)
    near, far = of_means(means, errors, confidence_level)
    apart = ~np.eye(len(means), dtype=bool)
    low = (difference - near * error)[apart].max()
    high = (difference + far * error)[apart].max()
    return Interval(float(np.ptp(means)), float(max(low, 0.0)), float(high))


def confidence_sequence(successes, n, *, confidence_level: float = 0.95) -> NDArray:
    """Interval of a rate that may be looked at after every row.

    A usual interval is wrong once in twenty looks; these are wrong at any time of a whole
    stream with probability 1 - `confidence_level` at most, however often one looks and
    whatever makes one stop. What it holds is the mean chance of the rows so far, also where
    the chance moves.

    Parameters
    ----------
    successes : array-like of shape (n_groups,)
        Number of favorable outcomes so far.
    n : array-like of shape (n_groups,)
        Number of outcomes so far.
    confidence_level : float, default=0.95
        Chance that the interval holds the rate at all times.

    Returns
    -------
    ndarray of shape (n_groups, 2)
        Lower and upper ends; 0 and 1 before the first row.

    Raises
    ------
    ValueError
        If there are more successes than outcomes, or the level is not in (0, 1).

    References
    ----------
    .. [1] S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon. "Time-uniform, nonparametric,
       nonasymptotic confidence sequences". Annals of Statistics 49, 2021 (mixtures; the
       sub-Bernoulli case).
    .. [2] J. Ville. "Etude critique de la notion de collectif". 1939.

    Examples
    --------
    >>> from skfeamoe.metrics import confidence_sequence
    >>> confidence_sequence([60], [100]).round(2).tolist()
    [[0.42, 0.76]]
    """
    _check_level(confidence_level)
    total, n = np.atleast_1d(np.asarray(successes, float)), np.atleast_1d(np.asarray(n, float))
    if (total < 0).any() or (total > n).any():
        raise ValueError("successes must be between 0 and n, the number of outcomes")
    bar = np.log(1.0 / (1.0 - confidence_level))
    mean = np.divide(total, n, out=np.full(len(n), 0.5), where=n > 0)
    ends = []
    for edge in (0.0, 1.0):
        outside, inside = np.full(len(n), edge), mean.copy()
        for _ in range(N_HALVINGS):
            middle = (outside + inside) / 2
            fine = _log_wealth(total, n, middle) < bar
            inside, outside = np.where(fine, middle, inside), np.where(fine, outside, middle)
        whole = _log_wealth(total, n, np.full(len(n), edge)) < bar
        ends.append(np.where(whole, edge, outside))
    return np.column_stack(ends)


def gap_confidence_sequence(
    successes, n, *, ratio: bool = False, confidence_level: float = 0.95
) -> Interval:
    """Interval of the gap between groups that may be looked at after every row.

    From :func:`confidence_sequence` of every group at the level that holds for all of them
    together (Bonferroni).

    Parameters
    ----------
    successes, n : array-like of shape (n_groups,)
        Favorable outcomes and outcomes of each group so far.
    ratio : bool, default=False
        Whether the smallest rate over the largest is meant.
    confidence_level : float, default=0.95
        Chance that the interval holds the gap at all times.

    Returns
    -------
    Interval
        The measured gap and the ends; nan with fewer than two groups with rows.

    Raises
    ------
    ValueError
        If there are more successes than outcomes, the lengths differ, or the level is not in
        (0, 1).

    Examples
    --------
    >>> from skfeamoe.metrics import gap_confidence_sequence
    >>> gap = gap_confidence_sequence([600, 500], [1000, 1000])
    >>> [round(end, 3) for end in gap]
    [0.1, 0.0, 0.214]
    """
    _check_level(confidence_level)
    total, n = _by_group("successes", successes, n)
    known = ~(np.isnan(total) | np.isnan(n))
    if ((total < 0) | (total > n))[known].any() or (~known & (n > 0)).any():
        raise ValueError(
            f"successes must be between 0 and n, the number of outcomes, got {total.tolist()} "
            f"of {n.tolist()}"
        )
    total, n = total[n > 0], n[n > 0]
    if len(n) < 2:
        return Interval(np.nan, np.nan, np.nan)
    level = 1.0 - (1.0 - confidence_level) / len(n)
    low, high = confidence_sequence(total, n, confidence_level=level).T
    rates = total / n
    if ratio:
        apart = ~np.eye(len(n), dtype=bool)
        value = rates.min() / rates.max() if rates.max() > 0 else np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            lows = np.where(high > 0, low[:, None] / high[None, :], 1.0)[apart]
            highs = np.where(low > 0, high[:, None] / low[None, :], np.inf)[apart]
        return Interval(float(value), float(min(lows.min(), 1)), float(min(highs.min(), 1)))
    return Interval(
        float(np.ptp(rates)),
        float(max(low.max() - high.min(), 0.0)),
        float(max(max(high[a] - low[b], high[b] - low[a]) for a, b in _pairs(len(n)))),
    )


def metric_interval(
    metric: Callable,
    *arrays,
    people=None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    random_state=None,
    **params,
) -> Interval:
    """Bootstrap interval of any metric, by rows or by people.

    Parameters
    ----------
    metric : callable
        A metric of :mod:`skfeamoe.metrics`, fairlearn, scikit-learn, or a function like
        theirs that returns a number.
    *arrays : array-like of shape (n_samples, ...)
        Its positional arguments, such as ``y_true, y_pred``.
    people : array-like of shape (n_samples,), default=None
        Whose row it is, of no row unknown. Rows of one person are drawn together, as they are
        not independent. None takes every row for a person.
    confidence_level : float, default=0.95
        Chance with which the interval holds the true value, from 0.5 on.
    n_resamples : int, default=1000
        Bootstrap samples.
    random_state : int, RandomState instance or None, default=None
        Randomness of the samples.
    **params : dict
        Keyword arguments of the metric. Those with a value per row (`sensitive_features`,
        `sample_weight`, `distance`, ...) are drawn with the rows.

    Returns
    -------
    Interval
        Value, lower and upper end.

    Raises
    ------
    ValueError
        If arrays differ in length or are none, people are missing, or parameters are out of
        range.

    Warns
    -----
    FairnessWarning
        If a group has no row for a rate that the metric then counts as 0.

    Notes
    -----
    Percentile intervals [1]_, but for differences between groups (demographic parity, equal
    opportunity, equalized odds, burden): these are sizes of differences, never negative, so
    that percentiles of resampled values lie above a true value near 0. Here the *signed*
    differences of all pairs of groups are resampled, a common multiple of their standard
    errors is chosen that covers all of them together (max-t), and the ends of the gap follow
    as in :func:`gap_interval`. With ``agg="mean"`` of equalized odds both gaps are held at once
    (Bonferroni), and the ends are their mean: wider than need be. Any other difference or
    ratio, ``method="to_overall"`` too, has percentiles, which hold a truth near 0, or a ratio
    near 1, too seldom; of ratios of rates :func:`gap_interval` knows better.

    An interval always holds the value. A group without a rate counts as it does in the value:
    one in which nobody is refused bears a burden of exactly `zero_division`, or is left out if
    that is nan. Of one without rows for a true or false positive rate, which fairlearn counts
    as 0, nothing is known: the interval reaches to 1, with a
    :class:`~skfeamoe.FairnessWarning`.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani. "An Introduction to the Bootstrap", chapter 13. 1993.
    .. [2] A. C. Davison, D. V. Hinkley. "Bootstrap Methods and their Application", section
       3.8 (groups of dependent rows). 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearn.metrics import demographic_parity_difference
    >>> from skfeamoe.metrics import metric_interval
    >>> rng = np.random.default_rng(0)
    >>> sex = rng.choice(["f", "m"], 1000)
    >>> granted = (rng.random(1000) < np.where(sex == "f", 0.4, 0.6)).astype(int)
    >>> found = metric_interval(
    ...     demographic_parity_difference,
    ...     granted,
    ...     granted,
    ...     sensitive_features=sex,
    ...     random_state=0,
    ... )
    >>> bool(found.low < 0.2 < found.high)
    True
    """
    _check_level(confidence_level, LEAST_LEVEL)
    if not isinstance(n_resamples, (int, np.integer)) or n_resamples < 2:
        raise ValueError(f"n_resamples must be an integer of at least 2, got {n_resamples!r}")
    if not arrays:
        raise ValueError(
            "arrays must hold those of the metric, such as y_true and y_pred, by position: "
            "metric_interval(metric, y_true, y_pred, ...)"
        )
    check_consistent_length(*arrays, people)
    n = len(arrays[0])
    if isinstance(told := params.get("sensitive_features"), dict):
        params["sensitive_features"] = pd.DataFrame(told)
    if params.get("sample_weight") is not None:
        params["sample_weight"] = as_weights(params["sample_weight"], n)
    by_row = {k: v for k, v in params.items() if _is_per_row(v, n)}
    fixed = {k: v for k, v in params.items() if k not in by_row}
    codes = np.arange(n) if people is None else _people_codes(people)
    rng = check_random_state(random_state)
    if is_gap(metric, fixed):
        _check_favorable(arrays, fixed)
    value = float(metric(*arrays, **by_row, **fixed))
    if is_gap(metric, fixed):
        low, high = gap_ends(
            metric, arrays, by_row, fixed, codes, confidence_level, n_resamples, rng
        )
        return Interval(value, min(low, value), max(high, value))
    order = np.argsort(codes, kind="stable")
    n_people = codes.max() + 1
    draws = np.empty(n_resamples)
    for i in range(n_resamples):
        times = np.bincount(rng.randint(n_people, size=n_people), minlength=n_people)
        rows = np.repeat(order, times[codes[order]])
        draws[i] = metric(
            *(_take(part, rows) for part in arrays),
            **{k: _take(part, rows) for k, part in by_row.items()},
            **fixed,
        )
    tail = (1 - confidence_level) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(value, float(min(low, value)), float(max(high, value)))


def _check_favorable(arrays, fixed: dict) -> None:
    """Refuse text decisions, of which none is favored: fairlearn's gaps are of the label 1."""
    if len(arrays) != 2:
        raise ValueError(
            f"arrays must be y_true and y_pred for a gap between groups, got {len(arrays)}: "
            "metric_interval(metric, y_true, y_pred, sensitive_features=...)"
        )
    decided = np.asarray(arrays[-1])
    if "pos_label" not in fixed and decided.size and is_text(decided):
        raise ValueError(
            "y_pred must have the label 1 for the favorable decision, got text such as "
            f"{decided.ravel()[0]!r}; pass (y_pred == favorable_label).astype(int)"
        )


def _people_codes(people) -> NDArray:
    """A number for each person; rows of unknown people would be drawn as those of one."""
    missing = np.flatnonzero(pd.isna(np.asarray(people)))
    if len(missing):
        raise ValueError(
            f"people must say of every row whose it is, got none in row {missing[0]}; leave "
            "such rows out, or give each a number of its own"
        )
    return np.unique(np.asarray(people), return_inverse=True)[1]


def _ratio_interval(rates, near: NDArray, far: NDArray) -> Interval:
    """MOVER interval of the smallest ratio, from limits of rates for the end at 1 and at 0."""
    if rates.max() <= 0:
        return Interval(np.nan, 0.0, 1.0)
    lows, highs = [], []
    for a, b in permutations(range(len(rates)), 2):
        p, q = rates[a], rates[b]
        lows.append(_ratio_end(p, q, far[a, 0], far[b, 1], -1.0))
        highs.append(_ratio_end(p, q, near[a, 1], near[b, 0], 1.0))
    value = float(rates.min() / rates.max())
    return Interval(value, float(max(min(lows), 0.0)), float(min(*highs, 1.0)))


def _ratio_end(p: float, q: float, of_p: float, of_q: float, side: float) -> float:
    """One end of the interval of p / q from one limit of each."""
    below = of_q * (2 * q - of_q)
    if below <= 0:
        return np.inf if side > 0 else 0.0
    root = np.sqrt(max((p * q) ** 2 - of_p * (2 * p - of_p) * below, 0.0))
    return (p * q + side * root) / below


def _log_wealth(total: NDArray, n: NDArray, mean: NDArray) -> NDArray:
    """Logarithm of M_t(m) for each group; infinite where m is impossible."""
    bets = np.concatenate([LAMBDAS, -LAMBDAS])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.log1p(mean * np.expm1(bets))
        found = logsumexp(bets * total - n * chance, axis=0) - np.log(len(bets))
    impossible = ((mean <= 0) & (total > 0)) | ((mean >= 1) & (total < n))
    return np.where(impossible, np.inf, found)


def _wilson(rate, n, z: float) -> NDArray:
    """Score intervals, (n_rates, 2), at a critical value."""
    rate, n = np.asarray(rate, dtype=float), np.asarray(n, dtype=float)
    n = np.where(n > 0, n, np.nan)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    below, above = (p**2 / (p + z**2 / (2 * n) + half) for p in (rate, 1 - rate))
    return np.column_stack([below, 1 - above])  # so that ends at 0 and 1 are exactly that


def _wilson_apart(rates: NDArray, n: NDArray, z: float) -> tuple[NDArray, NDArray]:
    """How far differences of rates reach down and up, (n_rates, n_rates) each: Newcombe."""
    low, high = _wilson(rates, n, z).T
    below, above = rates - low, high - rates
    return np.hypot(below[:, None], above), np.hypot(above[:, None], below)


def _of_rates(rates: NDArray, n: NDArray, level: float) -> tuple[float, float]:
    """Critical values of the gap between rates of groups."""
    usual = two_sided(level)
    if len(rates) == 2:
        high, low = rates.argmax(), rates.argmin()
        down = _wilson_apart(rates, n, usual)[0][high, low]
        return of_two(np.ptp(rates) * usual / down, level)
    return of_means(rates, np.ptp(_wilson(rates, n, usual), axis=1) / (2.0 * usual), level)


def _by_group(name: str, values, n) -> tuple[NDArray, NDArray]:
    """Numbers of each group, and of how many rows they are."""
    values, n = np.asarray(values, dtype=float), np.asarray(n, dtype=float)
    if values.ndim != 1 or values.shape != n.shape:
        raise ValueError(
            f"{name} and n must have one number per group, got arrays of shape {values.shape} "
            f"and {n.shape}"
        )
    if (n < 0).any() or np.isinf(n).any():
        raise ValueError(f"n must be numbers of rows, from 0 on, got {n.tolist()}")
    return values, n


def _shares(rates: NDArray) -> NDArray:
    """Rates between 0 and 1, up to rounding."""
    wrong = rates[(rates < -ROUNDING) | (rates > 1.0 + ROUNDING)]
    if len(wrong):
        raise ValueError(
            f"rates must be shares between 0 and 1, got {wrong[0]:g}; divide counts by n"
        )
    return np.clip(rates, 0.0, 1.0)


def _pairs(k: int) -> list[tuple[int, int]]:
    """All pairs of groups."""
    return list(combinations(range(k), 2))


def _is_per_row(value: Any, n: int) -> bool:
    """Whether an argument has a value for every row."""
    return hasattr(value, "__len__") and not isinstance(value, (str, dict)) and len(value) == n


def _take(part, rows: NDArray):
    """Rows of an array, a list or a frame."""
    return part.iloc[rows] if hasattr(part, "iloc") else np.asarray(part)[rows]


def _check_level(level: float, least: float = 0.0) -> None:
    """A level is a chance."""
    if not least <= level < 1 or not level:
        range_ = f"[{least:g}, 1)" if least else "(0, 1)"
        raise ValueError(f"confidence_level must be in {range_}, got {level!r}; 0.95 is usual")

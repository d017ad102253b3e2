r"""A synthetic lending stream whose rules and group gap drift, with the truth known.

Every applicant has seven independent standard normal scores z; an applicant of the
minority group has the first two lowered, by ``INCOME_SHIFT[world]`` and
``NEIGHBORHOOD_SHIFT``. The log-odds of repayment are

.. math:: \ell(x) = b + c^T z_{1:4} + r \, w_{world,\,self\_employed}^T z_{5:7}

with unit vectors w, so a column is a strictly increasing transform of one score (the
loan amount: of two), and P(y = 1 | x) is known exactly. Inside one group and world,
:math:`\ell` is normal with a spread that is the same everywhere: base rates and the
Bayes accuracy are one-dimensional integrals. The first four scores carry the group gap,
the last three never do: turning w moves accuracy alone, moving the shift moves the gap
alone.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr
from sklearn.utils import Bunch, check_random_state

FEATURE_NAMES = [
    "income",
    "neighborhood_income",
    "loan_amount",
    "credit_history_years",
    "debt_to_income",
    "credit_utilization",
    "years_employed",
    "self_employed",
]
GROUP_NAMES = ["majority", "minority"]
WORLD_NAMES = ["steady", "downturn", "recovery"]

MINORITY_SHARE = 0.35
SELF_EMPLOYED_SHARE = 0.3
INCOME_SHIFT = np.array([0.25, 1.1, 0.6])
NEIGHBORHOOD_SHIFT = 1.2
LOAN_INCOME_CORRELATION = 0.5

INTERCEPT = 0.55
CONSTANT_COEF = np.array([1.5, 0.25, -0.4, 0.3])
TURNING_NORM = 2.2
TURNING_COEF = np.array(  # world x (employee, self-employed) x scores 5 to 7
    [
        [[-0.75, -0.55, 0.35], [-0.60, 0.60, 0.55]],
        [[0.15, -0.30, 0.95], [-0.75, -0.55, -0.10]],
        [[-0.50, 0.85, 0.10], [0.60, 0.60, 0.45]],
    ]
)
TURNING_COEF *= TURNING_NORM / np.linalg.norm(TURNING_COEF, axis=-1, keepdims=True)

# drift -> (world that rules after each change, where it starts, where it is complete),
# as fractions of the stream
SCHEDULES: dict[str | None, list[tuple[int, float, float]]] = {
    None: [],
    "sudden": [(1, 0.4, 0.4), (2, 0.7, 0.7)],
    "gradual": [(1, 0.25, 0.45), (2, 0.6, 0.8)],
    "recurring": [(1, 0.25, 0.25), (0, 0.5, 0.5), (1, 0.75, 0.75)],
}
DRIFT_TARGETS = ("both", "accuracy", "gap")
FIRST_DAY, LAST_DAY = np.datetime64("2015-01-01", "s"), np.datetime64("2024-12-31", "s")

DESCR = """\
Synthetic lending stream
------------------------
One row is one loan application, in order of time; the target is 1 when the loan would be
repaid (the favorable outcome). Eight numeric features: income, neighborhood_income and
loan_amount in dollars; credit_history_years and years_employed in years; debt_to_income
and credit_utilization in percent; self_employed (0/1), which selects one of two rules, so
one linear model cannot be right for all customers. neighborhood_income gives the group
away most clearly. Nothing here is real: it is made by skfeamoe.datasets.make_credit_stream.
"""


def make_credit_stream(
    n_samples: int = 40_000,
    *,
    drift="sudden",
    drift_target="both",
    as_frame: bool = True,
    return_X_y: bool = False,
    random_state=None,
):
    """Make a lending stream whose accuracy and group gap drift, with known truth.

    The stream passes through "worlds". From one to the next two things can change: the
    rule P(y=1 | x) by which loans are repaid (a model of the old world loses accuracy),
    and the incomes of the minority group (any model that uses income has another gap).

    Parameters
    ----------
    n_samples : int, default=40_000
        Number of rows.

    drift : {"sudden", "gradual", "recurring"} or None, default="sudden"
        - ``"sudden"``: steady, downturn from 40 % of the rows, recovery from 70 %.
        - ``"gradual"``: the same worlds; from 25 % to 45 % and from 60 % to 80 % of the
          rows the old and the new world exist side by side, and the share of rows that
          come from the new one grows linearly.
        - ``"recurring"``: steady, downturn, steady, downturn, a quarter each.
        - None: steady throughout.

    drift_target : {"both", "accuracy", "gap"}, default="both"
        What the worlds differ in.

        - ``"accuracy"``: only P(y=1 | x). The distribution of x, the base rate of each
          group and the Bayes accuracy and gap are the same in every world.
        - ``"gap"``: only the incomes of the minority group. P(y=1 | x) and everything
          about the majority group are the same in every world.
        - ``"both"``: both.

    as_frame : bool, default=True
        Return pandas objects instead of arrays.

    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    random_state : int, RandomState instance or None, default=None
        The same int gives the same stream, bit for bit. Streams that differ only in
        ``drift`` or ``drift_target`` share all random draws, so they are equal up to
        the first change.

    Returns
    -------
    stream : :class:`~sklearn.utils.Bunch`
        Columns:

        data : DataFrame or ndarray of shape (n_samples, 8)
            Numeric features, without missing values; the group is not among them.
        target : Series or ndarray of shape (n_samples,)
            1 = repaid, 0 = defaulted.
        sensitive_features : Series or ndarray of shape (n_samples,)
            "majority" or "minority".
        time : Series or ndarray of shape (n_samples,), datetime64
            Evenly spaced from 2015 to 2024.
        frame : DataFrame or None
            All of the above in one frame.
        feature_names, target_names, favorable_label, DESCR : list, list, int and str
            As in the other data sets.

        Truth:

        proba_true : ndarray of shape (n_samples,)
            P(y=1 | x) in the world the row comes from.
        world : ndarray of shape (n_samples,), int
            The world each row comes from, an index into ``world_names``.
        change_points : ndarray of shape (n_changes,), int
            First row at which the new world can occur.
        change_widths : ndarray of shape (n_changes,), int
            Rows until the new world is alone; 0 for a sudden change.
        world_names, group_names : list of str
            What the numbers in ``world``, and the columns of ``base_rates``, mean.
        base_rates : ndarray of shape (n_worlds, 2)
            P(y=1 | group), columns as ``group_names``.
        bayes_accuracy : ndarray of shape (n_worlds,)
            Accuracy of the best decision, P(y=1 | x) > 1/2.
        bayes_gap : ndarray of shape (n_worlds,)
            Demographic-parity gap of that decision, majority minus minority.

    (data, target) : tuple, if ``return_X_y`` is True

    Raises
    ------
    ValueError
        If a parameter has a value that is not listed above.

    References
    ----------
    The terms sudden, gradual and recurring follow J. Gama et al., "A survey on concept
    drift adaptation", ACM Computing Surveys 46(4), 2014. The integrals are ours.

    Examples
    --------
    >>> from skfeamoe.datasets import make_credit_stream
    >>> stream = make_credit_stream(10_000, drift="sudden", random_state=0)
    >>> stream.data.shape
    (10000, 8)
    >>> stream.change_points
    array([4000, 7000])
    >>> stream.base_rates.round(3)
    array([[0.568, 0.485],
           [0.568, 0.333],
           [0.568, 0.42 ]])
    >>> stream.bayes_accuracy.round(3)
    array([0.825, 0.831, 0.826])
    """
    _check_parameters(n_samples, drift, drift_target)
    rng = check_random_state(random_state)
    # always the same draws in the same order, whatever the drift
    minority = rng.random_sample(n_samples) < MINORITY_SHARE
    self_employed = rng.random_sample(n_samples) < SELF_EMPLOYED_SHARE
    scores = rng.standard_normal((7, n_samples))
    label_draw, world_draw = rng.random_sample((2, n_samples))

    world = _worlds(world_draw, SCHEDULES[drift])
    income_shift, turning_coef = _world_parameters(drift_target)
    scores[0] -= income_shift[world] * minority
    scores[1] -= NEIGHBORHOOD_SHIFT * minority
    log_odds = INTERCEPT + CONSTANT_COEF @ scores[:4]
    log_odds += np.einsum("jn,nj->n", scores[4:], turning_coef[world, self_employed * 1])
    proba_true = expit(log_odds)

    seconds = (LAST_DAY - FIRST_DAY).astype(int) * np.arange(n_samples) // n_samples
    data = _columns(scores, self_employed)
    target = (label_draw < proba_true).astype(np.int64)
    if return_X_y and not as_frame:
        return data, target
    bunch = Bunch(
        data=data,
        target=target,
        sensitive_features=np.array(GROUP_NAMES)[minority * 1],
        time=FIRST_DAY + seconds.astype("timedelta64[s]"),
        frame=None,
        feature_names=list(FEATURE_NAMES),
        target_names=["defaulted", "repaid"],
        favorable_label=1,
        DESCR=DESCR,
        proba_true=proba_true,
        world=world,
        group_names=list(GROUP_NAMES),
        **_truth(n_samples, drift, income_shift),
    )
    if as_frame:
        _to_pandas(bunch)
    return (bunch.data, bunch.target) if return_X_y else bunch


def _check_parameters(n_samples, drift, drift_target):
    """Raise on a value that has no meaning, naming it."""
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
        raise ValueError(f"n_samples must be an integer of at least 1, got {n_samples!r}")
    if drift is not None and drift not in SCHEDULES:
        known = ", ".join(repr(name) for name in SCHEDULES)
        raise ValueError(f"drift must be one of {known}, got {drift!r}")
    if drift_target not in DRIFT_TARGETS:
        known = ", ".join(repr(name) for name in DRIFT_TARGETS)
        raise ValueError(f"drift_target must be one of {known}, got {drift_target!r}")


def _worlds(world_draw, schedule):
    """The world of each row, (n_samples,): the share of a new world grows linearly."""
    n_samples = len(world_draw)
    position = np.arange(n_samples)
    world = np.zeros(n_samples, dtype=np.int64)
    for new, start, end in schedule:
        first, width = _rows(n_samples, start, end)
        share = (position - first + 1) / (width + 1)
        world[(position >= first) & (world_draw < share)] = new
    return world


def _rows(n_samples, start, end):
    """First row of a change and the number of rows it takes."""
    first = round(start * n_samples)
    return first, round(end * n_samples) - first


def _world_parameters(drift_target):
    """Income shift (n_worlds,) and turning coefficients (n_worlds, 2, 3) of the worlds."""
    n_worlds = len(WORLD_NAMES)
    income_shift, turning_coef = INCOME_SHIFT, TURNING_COEF
    if drift_target == "accuracy":
        income_shift = np.repeat(INCOME_SHIFT[:1], n_worlds)
    if drift_target == "gap":
        turning_coef = np.repeat(TURNING_COEF[:1], n_worlds, axis=0)
    return income_shift, turning_coef


def _columns(scores, self_employed):
    """Scores (7, n_samples) as columns with units, (n_samples, 8)."""
    income, neighborhood, loan, history, debt, utilization, employed = scores
    rho = LOAN_INCOME_CORRELATION
    loan = rho * income + np.sqrt(1 - rho**2) * loan
    return np.column_stack(
        [
            52_000 * np.exp(0.4 * income),
            61_000 * np.exp(0.2 * neighborhood),
            18_000 * np.exp(0.45 * loan),
            40 * expit(-1.0 + 0.6 * history),
            100 * expit(-0.85 + 0.45 * debt),
            100 * expit(-0.6 + 0.7 * utilization),
            40 * expit(-1.6 + 0.7 * employed),
            self_employed,
        ]
    )


def _truth(n_samples, drift, income_shift):
    """Change points, and per world the base rates, Bayes accuracy and Bayes gap."""
    changes = [_rows(n_samples, start, end) for _, start, end in SCHEDULES[drift]]
    n_worlds = 1 + max((world for world, _, _ in SCHEDULES[drift]), default=0)
    shift = income_shift[:n_worlds]
    lowered = CONSTANT_COEF[0] * shift + CONSTANT_COEF[1] * NEIGHBORHOOD_SHIFT
    mean = INTERCEPT - np.column_stack([np.zeros(n_worlds), lowered])
    spread = np.sqrt(CONSTANT_COEF @ CONSTANT_COEF + TURNING_NORM**2)

    grid = np.linspace(-9.0, 9.0, 6001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    proba = expit(mean[..., None] + spread * grid)
    base_rates = np.trapezoid(proba * density, grid)
    accuracy = np.trapezoid(np.maximum(proba, 1 - proba) * density, grid)
    favorable_rate = ndtr(mean / spread)
    return {
        "change_points": np.array([first for first, _ in changes], dtype=np.int64),
        "change_widths": np.array([width for _, width in changes], dtype=np.int64),
        "world_names": WORLD_NAMES[:n_worlds],
        "base_rates": base_rates,
        "bayes_accuracy": accuracy @ [1 - MINORITY_SHARE, MINORITY_SHARE],
        "bayes_gap": favorable_rate[:, 0] - favorable_rate[:, 1],
    }


def _to_pandas(bunch):
    """Replace the column entries of the Bunch by pandas objects."""
    bunch.data = pd.DataFrame(bunch.data, columns=FEATURE_NAMES)
    bunch.target = pd.Series(bunch.target, name="repaid")
    bunch.sensitive_features = pd.Series(bunch.sensitive_features, name="group")
    bunch.time = pd.Series(bunch.time, name="applied_on")
    bunch.frame = pd.concat(
        [bunch.time, bunch.data, bunch.sensitive_features, bunch.target], axis=1
    )

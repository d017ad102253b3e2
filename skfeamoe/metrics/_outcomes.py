"""Fairness measures that fairlearn does not have, with the signatures of those it has.

Demographic parity, equalized odds and equal opportunity come from :mod:`fairlearn.metrics`.
Here stand the two others of the FEAMOE paper:

- burden of group a: ``B_a = E[distance(x) | prediction unfavorable, A = a]``;
- individual unfairness: ``P(prediction(x, a) != prediction(x, a') for some other a')``.

Groups are formed by :class:`fairlearn.metrics.MetricFrame`: any number of groups, several
sensitive columns make intersections, and a missing sensitive value is an error.

Over 400 lines, because half of the lines document the measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from scipy import sparse
from sklearn.utils import check_consistent_length

from skfeamoe._frames import columns_of, values_of
from skfeamoe.metrics._checks import (
    as_labels,
    as_numbers,
    as_weights,
    check_one_kind,
    check_pos_label,
    refuse_unknown_groups,
    weighted_mean,
)

__all__ = [
    "burden",
    "burden_difference",
    "counterfactual_predict",
    "individual_fairness_score",
    "individual_unfairness",
]


HALF_PRECISION = 1e-3
"""Numbers of 16 bits are no further, relatively, from those that they stand for."""


def burden(
    y_true,
    y_pred,
    *,
    distance,
    sample_weight=None,
    pos_label: Any = 1,
    zero_division: float = 0.0,
) -> float:
    """Mean distance to the decision boundary of those who are predicted unfavorably.

    How far a refused person is from acceptance: the effort that the model asks of them. A
    plain metric function, so ``MetricFrame(metrics=burden, sample_params={"distance": d})``
    gives the burden of each group.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    distance : array-like of shape (n_samples,)
        Distance to the decision boundary, not negative, for instance from
        ``FEAMOEClassifier.distance_to_boundary`` (in standardized feature units).
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    pos_label : label, default=1
        The favorable label; every other prediction is a refusal.
    zero_division : {0.0, nan}, default=0.0
        The value when nobody is refused: 0.0 reads "nobody bears a burden", nan reads
        "there is nothing to average".

    Returns
    -------
    float
        Burden, in the units of `distance`.

    Raises
    ------
    ValueError
        For a distance of a refused row or a weight that is negative or not finite, for arrays
        of different lengths, or when `pos_label` is no label of this kind.

    References
    ----------
    .. [1] S. Sharma, A. H. Gee, D. Paydarfar, J. Ghosh. "FaiR-N: Fair and Robust Neural
       Networks for Structured Data". 2020.

    Examples
    --------
    >>> from skfeamoe.metrics import burden
    >>> burden([0, 1, 1], [0, 0, 1], distance=[2.0, 1.0, 5.0])
    1.5
    """
    y_pred = as_labels("y_pred", y_pred)
    distance = as_numbers("distance", distance, finite=False)
    check_consistent_length(y_true, y_pred, distance, sample_weight)
    check_pos_label("y_pred", y_pred, pos_label)
    refused = y_pred != pos_label
    far = distance[refused]
    bad = ~(np.isfinite(far) & (far >= 0))
    if bad.any():
        raise ValueError(
            "distance must be finite and not negative for every refused row, "
            f"got {far[bad][0]}; pass the absolute distance to the boundary"
        )
    weight = as_weights(sample_weight, len(y_pred))[refused]
    total = weight.sum()
    return float(weight @ far / total) if total > 0 else float(zero_division)


def _as_pandas(sensitive_features) -> pd.DataFrame:
    """Sensitive features of any library as pandas' frame."""
    if isinstance(sensitive_features, (pd.DataFrame, pd.Series)):
        return pd.DataFrame(sensitive_features)
    columns = columns_of(sensitive_features)
    if columns is not None:
        return pd.DataFrame({str(k): values_of(column) for k, column in columns.items()})
    if type(sensitive_features).__module__.partition(".")[0] in ("pyarrow", "polars"):
        return pd.DataFrame(values_of(sensitive_features))
    return pd.DataFrame(sensitive_features)


def burden_difference(
    y_true,
    y_pred,
    *,
    sensitive_features,
    distance,
    method: Literal["between_groups", "to_overall"] = "between_groups",
    sample_weight=None,
    pos_label: Any = 1,
    zero_division: float = 0.0,
) -> float:
    """Largest difference in burden between groups.

    The burden of a group is the mean distance to the decision boundary of its members who
    are predicted unfavorably, see :func:`burden`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Groups; several columns make intersections.
    distance : array-like of shape (n_samples,)
        Distance to the decision boundary, not negative.
    method : {"between_groups", "to_overall"}, default="between_groups"
        The largest group burden minus the smallest, or the largest absolute difference
        between a group's burden and the burden of all; see
        :meth:`fairlearn.metrics.MetricFrame.difference`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    pos_label : label, default=1
        The favorable label; every other prediction is a refusal.
    zero_division : {0.0, nan}, default=0.0
        Burden of a group in which nobody is refused. With 0.0 it bears no burden, so a
        model that refuses only the members of one group shows a gap: what an audit must
        not miss. With nan such a group is left out, and the result is nan when fewer than
        two groups remain: for small samples, where a group without refusals may be chance.

    Returns
    -------
    float
        Difference in burden, in the units of `distance`; 0 is perfectly equal.

    Raises
    ------
    ValueError
        As :func:`burden`, and for missing values in `sensitive_features`.

    References
    ----------
    .. [1] S. Sharma, A. H. Gee, D. Paydarfar, J. Ghosh. "FaiR-N: Fair and Robust Neural
       Networks for Structured Data". 2020.

    Examples
    --------
    >>> from skfeamoe.metrics import burden_difference
    >>> y_pred, sex = [0, 0, 1, 0], ["f", "f", "m", "m"]
    >>> burden_difference(
    ...     [0, 1, 1, 0], y_pred, sensitive_features=sex, distance=[2.0, 1.0, 4.0, 0.5]
    ... )
    1.0
    """

    def group_burden(y_true, y_pred, distance, sample_weight=None):
        return burden(
            y_true,
            y_pred,
            distance=distance,
            sample_weight=sample_weight,
            pos_label=pos_label,
            zero_division=zero_division,
        )

    y_pred = as_labels("y_pred", y_pred)
    distance = as_numbers("distance", distance, finite=False)
    check_consistent_length(y_true, y_pred, distance, sample_weight)
    refuse_unknown_groups(_as_pandas(sensitive_features).isna().any(axis=1))
    sample_params = {"distance": distance}
    if sample_weight is not None:
        sample_params["sample_weight"] = as_weights(sample_weight, len(y_pred))
    frame = MetricFrame(
        metrics=group_burden,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=sensitive_features,
        sample_params=sample_params,
    )
    by_group = frame.by_group.astype(float)
    if by_group.size > 1 and by_group.notna().sum() < 2 and np.isnan(zero_division):
        return float("nan")
    return float(frame.difference(method=method))


def individual_unfairness(
    y_true,
    y_pred,
    *,
    y_pred_counterfactual,
    sensitive_features=None,
    sample_weight=None,
) -> float:
    """Share of rows whose prediction changes when the sensitive attribute is changed.

    A plain metric function, so :class:`fairlearn.metrics.MetricFrame` reports it by group
    (with `y_pred_counterfactual` of one column as a sample parameter).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Not used, present for the common signature.
    y_pred : array-like of shape (n_samples,)
        Predictions for the rows as they are.
    y_pred_counterfactual : array-like of shape (n_samples,) or (n_samples, n_values)
        Predictions for the same rows with another value of the sensitive attribute, one
        column a value, as :func:`counterfactual_predict` returns them. A row is treated
        unfairly if any of its columns differs from `y_pred` (the worst case).
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
            default=None
        When given, the share within the group that is worst off; otherwise over all rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Share in [0, 1]; 0 means that no decision depends on the sensitive attribute itself
        (proxies may still carry it). nan when all weights are zero.

    Raises
    ------
    ValueError
        For arrays of different lengths, or text beside numbers.

    References
    ----------
    .. [1] S. Sharma, J. Henderson, J. Ghosh. "FEAMOE: Fair, Explainable and Adaptive
       Mixture of Experts". IJCAI 2023 (individual fairness experiment).

    Examples
    --------
    >>> from skfeamoe.metrics import individual_unfairness
    >>> y_pred = [0, 1, 1, 0]
    >>> individual_unfairness(y_pred, y_pred, y_pred_counterfactual=[1, 1, 1, 0])
    0.25
    """
    y_pred = as_labels("y_pred", y_pred)
    other = as_labels("y_pred_counterfactual", y_pred_counterfactual, many=True)
    check_consistent_length(y_true, y_pred, other, sample_weight)
    check_one_kind(y_pred=y_pred, y_pred_counterfactual=other)
    flips = (other.reshape(len(y_pred), -1) != y_pred.reshape(-1, 1)).any(axis=1)
    weight = as_weights(sample_weight, len(y_pred))
    if sensitive_features is None:
        return _weighted_share(flips, flips, weight)
    frame = MetricFrame(
        metrics=_weighted_share,
        y_true=flips,
        y_pred=flips,
        sensitive_features=sensitive_features,
        sample_params={"sample_weight": weight},
    )
    return float(frame.group_max())


def counterfactual_predict(
    estimator, X, *, columns, values: Sequence[Any] | None = None
) -> np.ndarray:
    """Predict every row under every value of the sensitive attribute.

    Parameters
    ----------
    estimator : fitted classifier
        Anything with ``predict``.
    X : DataFrame (pandas, polars), ndarray or sparse matrix
        The rows, of shape (n_samples, n_features); not changed.
    columns : str, int or list of these
        Column(s) of `X` that hold the sensitive attribute: names for a DataFrame, positions
        otherwise. Several columns change together, as one-hot coded attributes and
        intersections need.
    values : sequence, default=None
        Values to try; a sequence of tuples when there are several columns. Default: all
        that occur in `X`, in sorted order where they can be sorted.

    Returns
    -------
    ndarray of shape (n_samples, n_values)
        Predicted labels; column j holds those with the j-th value. In the column of a row's
        own value the prediction is unchanged, so it never counts as a flip.

    Raises
    ------
    ValueError
        If a column is not in `X` or cannot hold a value, or fewer than two values are there to
        compare.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skfeamoe.metrics import counterfactual_predict, individual_unfairness
    >>> X = np.array([[0, -2.0], [0, 0.2], [1, -0.2], [1, 2.0]])
    >>> y = np.array([0, 0, 1, 1])
    >>> model = LogisticRegression().fit(X, y)
    >>> flipped = counterfactual_predict(model, X, columns=0)
    >>> flipped.shape
    (4, 2)
    >>> individual_unfairness(y, model.predict(X), y_pred_counterfactual=flipped)
    0.5
    """
    names = list(columns) if isinstance(columns, (list, tuple)) else [columns]
    _check_columns(X, names)
    if values is None:
        combinations = _observed(X, names)
    else:
        combinations = [_combination(value, names) for value in values]
    if len(combinations) < 2:
        raise ValueError(
            f"columns={columns!r} holds {len(combinations)} value(s) in X; at least two "
            "are needed to compare predictions: pass values="
        )
    return np.column_stack(
        [estimator.predict(_changed(X, names, combination)) for combination in combinations]
    )


def individual_fairness_score(
    estimator,
    X,
    y=None,
    *,
    columns,
    values: Sequence[Any] | None = None,
    sample_weight=None,
) -> float:
    """Share of rows whose prediction is the same under every sensitive value; a scorer.

    One minus :func:`individual_unfairness`, worst case over the other values. Higher is
    better, and the signature is that of a scikit-learn scorer:
    ``functools.partial(individual_fairness_score, columns="sex")`` goes into ``scoring=``.

    Parameters
    ----------
    estimator : fitted classifier
        Anything with ``predict``.
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        The rows, with the sensitive attribute among the columns.
    y : array-like of shape (n_samples,), default=None
        Not used, present for the common signature.
    columns : str, int or list of these
        Column(s) that hold the sensitive attribute, see :func:`counterfactual_predict`.
    values : sequence, default=None
        Values to try; default: all that occur in `X`. In cross-validation pass them, so
        that every fold compares the same ones.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Share in [0, 1]; 1 means that no decision depends on the attribute itself.

    Raises
    ------
    ValueError
        As :func:`counterfactual_predict`.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from skfeamoe.metrics import individual_fairness_score
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([rng.integers(0, 2, 100), rng.normal(size=100)])
    >>> y = (X[:, 1] > 0).astype(int)
    >>> scorer = partial(individual_fairness_score, columns=0, values=[0, 1])
    >>> bool(cross_val_score(LogisticRegression(), X, y, scoring=scorer).min() > 0.8)
    True
    """
    return 1.0 - individual_unfairness(
        np.zeros(X.shape[0]),
        estimator.predict(X),
        y_pred_counterfactual=counterfactual_predict(
            estimator, X, columns=columns, values=values
        ),
        sample_weight=sample_weight,
    )


def _weighted_share(y_true, y_pred, sample_weight) -> float:
    """Weighted share of true entries of `y_pred`."""
    return weighted_mean(y_pred, np.asarray(sample_weight, dtype=float))


def _check_columns(X, names: Sequence[Any]) -> None:
    """Raise for columns that `X` does not have."""
    known = list(X.columns) if hasattr(X, "columns") else list(range(X.shape[1]))
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"columns must name columns of X, got {missing}; X has {known[:20]}"
            + ("" if len(known) <= 20 else f" and {len(known) - 20} more")
        )


def _observed(X, names: Sequence[Any]) -> list[tuple]:
    """Distinct combinations of values in the named columns, sorted where possible."""
    if hasattr(X, "columns"):
        parts = [X[name].to_list() for name in names]
    elif sparse.issparse(X):
        parts = X.tocsc()[:, names].toarray().T.tolist()
    else:
        parts = np.asarray(X)[:, names].T.tolist()
    distinct = dict.fromkeys(zip(*parts, strict=True))
    present = [combo for combo in distinct if all(_is_present(value) for value in combo)]
    try:
        return sorted(present)
    except TypeError:
        return present


def _is_present(value: Any) -> bool:
    """Whether a value is neither None, NaN nor pandas.NA."""
    try:
        return value is not None and bool(value == value)
    except TypeError:
        return False


def _combination(value: Any, names: Sequence[Any]) -> tuple:
    """A value for every named column."""
    if len(names) == 1:
        return (value,)
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != len(names):
        raise ValueError(
            f"values must hold a tuple of {len(names)} for the columns {list(names)}, got "
            f"{value!r}"
        )
    return tuple(value)


def _changed(X, names: Sequence[Any], combination: tuple) -> Any:
    """A copy of `X` with one combination of values; refuse what its columns cannot hold."""
    changed = _replaced(X, names, combination)
    for name, value in zip(names, combination, strict=True):
        found = [held for (held,) in _observed(changed, [name])]
        wanted = [value] if _is_present(value) else []
        if len(found) != len(wanted) or not all(map(_is_held, found, wanted)):
            raise ValueError(
                f"values must be what column {name!r} can hold, got {value!r}, which became "
                f"{repr(found[0]) if found else 'missing'}; pass values of its own type"
            )
    return changed


def _is_held(found: Any, value: Any) -> bool:
    """Whether a column holds a value, to the precision of its type."""
    if found == value:
        return True
    numbers = isinstance(found, float) and isinstance(value, Real)
    return numbers and math.isclose(found, value, rel_tol=HALF_PRECISION)


def _replaced(X, names: Sequence[Any], combination: tuple) -> Any:
    """Return a copy of `X` with the named columns set to one combination of values."""
    if hasattr(X, "with_columns"):
        import polars as pl

        dtypes = X.schema
        pairs = zip(names, combination, strict=True)
        return X.with_columns([pl.lit(v, dtype=dtypes[n]).alias(n) for n, v in pairs])
    if hasattr(X, "assign"):
        return _replaced_pandas(X, names, combination)
    if sparse.issparse(X):
        changed = X.tolil(copy=True)
        for name, value in zip(names, combination, strict=True):
            changed[:, name] = value
        return changed.asformat(X.format)
    changed = np.array(X, copy=True)
    for name, value in zip(names, combination, strict=True):
        changed[:, name] = value
    return changed


def _replaced_pandas(X, names: Sequence[Any], combination: tuple) -> Any:
    """Return a copy of a pandas frame with constant columns of the same dtype."""
    import pandas as pd

    changed = X.copy()
    for name, value in zip(names, combination, strict=True):
        changed[name] = pd.Series(value, index=X.index, dtype=X[name].dtype)
    return changed

"""Which features drive the gap between groups.

With the interventional game, f(x) = E f + sum_j phi_j(x) for every x, so the difference of
two groups' mean probabilities is the sum over features of the differences of their mean
Shapley values: the base value cancels, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skfeamoe._groups import encode_groups
from skfeamoe._named_groups import groups_of_rows
from skfeamoe.inspection._views import View, class_position, view_of_class


@dataclass(frozen=True)
class GapExplanation:
    """The gap in mean probability between two groups, feature by feature.

    Attributes
    ----------
    feature_names : list of str of length n_players
    values : ndarray of shape (n_players,)
        What each feature adds to the gap; they sum to `gap`.
    standard_error : ndarray of shape (n_players,)
        Standard errors of `values` as estimates for the population that the rows are drawn
        from; they contain `computation_error`.
    computation_error : ndarray of shape (n_players,)
        The part that comes from sampled permutations; 0 where explanations are exact.
    gap : float
        Mean probability of `groups[highest]` minus that of `groups[lowest]`.
    gap_standard_error : float
    highest, lowest : int
        Positions in `groups` of the two groups that are compared.
    groups : list of str of length n_groups
    n_samples : ndarray of shape (n_groups,)
        Rows of each group.
    mean_values : ndarray of shape (n_groups, n_players)
        Mean Shapley values of each group.
    mean_errors : ndarray of shape (n_groups, n_players)
        Their standard errors.
    mean_output : ndarray of shape (n_groups,)
        Mean probability of each group.
    base_value : float
        Mean probability over the background.
    n_unknown : int
        Rows whose sensitive value is missing; they count for no group.
    """

    feature_names: list[str]
    values: NDArray
    standard_error: NDArray
    computation_error: NDArray
    gap: float
    gap_standard_error: float
    highest: int
    lowest: int
    groups: list[str]
    n_samples: NDArray
    mean_values: NDArray
    mean_errors: NDArray
    mean_output: NDArray
    base_value: float
    n_unknown: int

    def to_frame(self):
        """A pandas DataFrame with a row per feature, the largest part of the gap first."""
        import pandas as pd

        frame = pd.DataFrame(
            {"value": self.values, "standard_error": self.standard_error},
            index=pd.Index(self.feature_names, name="feature"),
        )
        for group, means in zip(self.groups, self.mean_values, strict=True):
            frame[f"mean in {group}"] = means
        return frame.reindex(frame["value"].abs().sort_values(ascending=False).index)


def explain_gap(
    estimator, X, sensitive_features, *, groups=None, label=None, **explain_options
) -> GapExplanation:
    """Decompose the gap in mean probability between two groups over the features.

    Parameters
    ----------
    estimator : FEAMOEClassifier
        A fitted classifier.

    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Rows of both groups. For demographic parity all rows; rows with the favorable true
        label only give equal opportunity in the same way.

    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
        Group membership, as in `fit`, cut by `sensitive_bins` as there, or by other attributes.

    groups : pair of str, default=None
        The groups to compare, as in ``estimator.groups_``: the gap is the first minus the
        second. None takes those with the highest and the lowest mean probability.

    label : object, default=None
        The class whose probability is looked at; None is the favorable one.

    **explain_options : dict
        Passed on to :meth:`~skfeamoe.FEAMOEClassifier.explain`: `background`,
        `feature_groups`, `method`, `max_evals`, `tol`, `random_state`.

    Returns
    -------
    gap : GapExplanation
        Values that sum to the gap, with standard errors.

    Raises
    ------
    ValueError
        If fewer than two groups have two rows, or an argument is invalid.

    Notes
    -----
    These are gaps in mean probability, which Shapley values sum to exactly; gaps of
    decisions, as the estimator bounds them, count each probability as 0 or 1. A feature's
    part says what the model makes of the groups' different values of it, not whether
    that is justified.

    References
    ----------
    S. M. Lundberg (2020), "Explaining quantitative measures of fairness", Fair & Responsible
    AI Workshop at CHI: differences of group means of SHAP values.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import explain_gap
    >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
    >>> X, group = stream.data, stream.sensitive_features
    >>> model = FEAMOEClassifier(constraints=None, random_state=0).fit(X, stream.target)
    >>> gap = explain_gap(model, X[:200], group[:200], background=X[:50])
    >>> bool(abs(gap.values.sum() - gap.gap) < 1e-9)
    True
    """
    check_is_fitted(estimator)
    refuse_other_games(explain_options)
    explanation = estimator.explain(X, **explain_options)
    view = view_of_class(explanation, class_position(estimator, label))
    own = groups_of_rows(estimator, sensitive_features, len(view.values))
    return gap_of_view(view, own, groups)


def refuse_other_games(explain_options: Mapping[str, Any]) -> None:
    """Refuse options with which explanations do not sum to the gap."""
    for name in ("game", "output", "decompose"):
        if name in explain_options:
            raise ValueError(
                f"{name} must not be given to explain_gap: only the interventional game on "
                "the probability scale sums to the gap in mean probability"
            )


def gap_of_view(view: View, sensitive_features, groups=None) -> GapExplanation:
    """The decomposition from explained rows."""
    if np.ptp(view.base_values) > 1e-9:
        raise ValueError(
            "explanation must be of game='interventional': with a frozen gate every row has "
            "a base value of its own, and the differences of group means miss the gap"
        )
    codes, labels = encode_groups(sensitive_features, len(view.values), [])
    names = [str(label) for label in labels]
    n_samples = np.bincount(codes[codes >= 0], minlength=len(names))
    rows = [np.flatnonzero(codes == a) for a in range(len(names))]
    output = view.base_values + view.values.sum(axis=1)
    means = GroupMeans(
        names,
        n_samples,
        values=np.array([view.values[r].mean(axis=0) for r in rows]),
        value_errors=np.array([_standard_error(view.values[r]) for r in rows]),
        computation=np.array([np.sqrt((view.error_std[r] ** 2).sum(0)) / len(r) for r in rows]),
        output=np.array([output[r].mean() for r in rows]),
        output_errors=np.array([_standard_error(output[r]) for r in rows]),
        base_value=float(view.base_values.mean()),
        n_unknown=int((codes < 0).sum()),
    )
    return gap_of_means(view.names, means, groups)


class GroupMeans(NamedTuple):
    """What is known of the explanations of every group; arrays begin with the groups."""

    groups: list[str]
    n_samples: NDArray
    values: NDArray  # (n_groups, n_players)
    value_errors: NDArray
    computation: NDArray
    output: NDArray  # (n_groups,)
    output_errors: NDArray
    base_value: float
    n_unknown: int


def gap_of_means(names: list[str], means: GroupMeans, groups=None) -> GapExplanation:
    """The decomposition from the means of all groups."""
    if (means.n_samples >= 2).sum() < 2:
        counts = dict(zip(means.groups, means.n_samples.tolist(), strict=True))
        raise ValueError(
            "sensitive_features must have at least two groups of two rows or more, got "
            f"{counts}"
        )
    high, low = _pair(groups, means.groups, means.output, means.n_samples)
    return GapExplanation(
        feature_names=names,
        values=means.values[high] - means.values[low],
        standard_error=np.hypot(means.value_errors[high], means.value_errors[low]),
        computation_error=np.hypot(means.computation[high], means.computation[low]),
        gap=float(means.output[high] - means.output[low]),
        gap_standard_error=float(np.hypot(means.output_errors[high], means.output_errors[low])),
        highest=high,
        lowest=low,
        groups=means.groups,
        n_samples=means.n_samples,
        mean_values=means.values,
        mean_errors=means.value_errors,
        mean_output=means.output,
        base_value=means.base_value,
        n_unknown=means.n_unknown,
    )


def _standard_error(values: NDArray) -> NDArray:
    """Standard error of the mean over rows; nan for a single row."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _pair(groups, names: list[str], mean_output: NDArray, n_samples: NDArray):
    """Positions of the two groups to compare."""
    if groups is None:
        known = np.flatnonzero(n_samples >= 2)
        order = known[np.argsort(mean_output[known], kind="stable")]
        return int(order[-1]), int(order[0])
    pair = [str(group) for group in groups]
    if len(set(pair)) != 2 or not set(pair) <= set(names):
        raise ValueError(f"groups must be two different groups of {names}, got {groups!r}")
    few = [name for name in pair if n_samples[names.index(name)] < 2]
    if few:
        raise ValueError(f"groups must have at least two rows each, but {few} have fewer")
    return names.index(pair[0]), names.index(pair[1])

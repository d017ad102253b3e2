"""Reasons of single refusals, by exact contributions, in words that a letter may use.

With f(x) the probability of the favorable label and phi_j(x) the Shapley value of column j in
the interventional game, f(x) = E f + sum_j phi_j(x). The reasons of a refusal are the columns
with the most negative phi_j: what pulled this person furthest below the average one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skfeamoe.inspection._views import class_position, view_of_class


@dataclass(frozen=True)
class Reason:
    """One column that counted against a person.

    Parameters
    ----------
    feature : str
        The column.
    value : object
        What the person has there.
    contribution : float
        What it added to the probability of the favorable label; negative.
    standard_error : float
        Of the contribution, where it was sampled; 0 where it is exact.
    text : str
        The reason in words.

    Examples
    --------
    >>> from skfeamoe.inspection import Reason
    >>> Reason("debt", 5400, -0.12, 0.0, "debt (5400)").text
    'debt (5400)'
    """

    feature: str
    value: Any
    contribution: float
    standard_error: float
    text: str


@dataclass(frozen=True)
class ReasonCodes:
    """A decision and, if it was a refusal, its reasons.

    Parameters
    ----------
    decision : object
        What the model decided.
    refused : bool
        Whether that is another label than the favorable one.
    probability : float
        Probability of the favorable label.
    average : float
        The same for the average person of the background.
    reasons : list of Reason
        The strongest first; empty for a favorable decision.

    Examples
    --------
    >>> from skfeamoe.inspection import ReasonCodes
    >>> ReasonCodes(1, False, 0.8, 0.6, []).refused
    False
    """

    decision: Any
    refused: bool
    probability: float
    average: float
    reasons: list[Reason]

    def letter(self) -> str:
        """Return the reasons as lines of a letter; empty for a favorable decision."""
        return "\n".join(
            f"{place}. {reason.text}" for place, reason in enumerate(self.reasons, start=1)
        )


def reason_codes(
    model,
    X,
    n: int = 4,
    *,
    label: Any = None,
    words: Mapping[str, str] | None = None,
    exclude: Iterable[str] = (),
    **explain_options,
) -> list[ReasonCodes]:
    """Say which columns counted most against each refused person.

    Parameters
    ----------
    model : FEAMOEClassifier, or the model that ``python -m skfeamoe stream --model`` saves
        A fitted classifier with `explain`.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Whom it decided on.
    n : int, default=4
        Reasons at most. Only columns that lowered the probability are named, so there may
        be fewer.
    label : object, default=None
        The label that is good for the person; None is the model's favorable one.
    words : mapping of str to str, default=None
        Words for a column, in which ``{value}`` stands for what the person has:
        ``{"debt": "Debts of {value} for your income"}``. A column without
        words is named with its value.
    exclude : iterable of str, default=()
        Columns that a letter must not name. They are left out of the reasons, not of the
        decision.
    **explain_options : dict
        Passed on to `explain`: `background`, `feature_groups`, `method`, `max_evals`,
        `tol`, `random_state`.

    Returns
    -------
    list of ReasonCodes
        One for each row.

    Raises
    ------
    ValueError
        If `n` is no positive integer, or `exclude` or `words` name no column.

    Notes
    -----
    Meant for statements of specific reasons, as US creditors owe them to those whom they
    refuse under the Equal Credit Opportunity Act (Regulation B, 12 CFR 1002.9(a)(2) and
    (b)(2); its commentary holds that more than four reasons are not likely to be helpful),
    and for the meaningful information on the logic involved of the GDPR, article 15(1)(h).
    Contributions compare with the average person of the background, one of the ways that
    the commentary on 1002.9(b)(2) knows; another comparison is another `background`. They
    tell what the model did, not what would change its mind. Whether a wording suffices is a
    question for a lawyer.

    References
    ----------
    .. [1] Consumer Financial Protection Bureau. "Adverse action notification requirements
       in connection with credit decisions based on complex algorithms". Circular 2022-03.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import reason_codes
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> X = stream.frame.drop(columns=["repaid", "group", "applied_on"])
    >>> model = FEAMOEClassifier(constraints=None, random_state=0).fit(X, stream.target)
    >>> refused = X[model.predict(X) == 0].head(1)
    >>> codes = reason_codes(model, refused, words={"income": "Income of {value:.1f}"})
    >>> codes[0].refused
    True
    """
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n must be a number of reasons from 1, got {n!r}; letters have 4")
    for name in ("game", "output", "decompose"):
        if name in explain_options:
            raise ValueError(f"{name} must not be given to reason_codes; it is chosen here")
    estimator = model[-1] if hasattr(model, "steps") else model
    position = class_position(estimator, label)
    favorable = estimator.classes_[position]
    view = view_of_class(model.explain(X, **explain_options), position)
    words, exclude = dict(words or {}), set(exclude)
    unknown = sorted((set(words) | exclude) - set(view.names))
    if unknown:
        raise ValueError(f"words and exclude must name columns of {view.names}, got {unknown}")
    decisions = model.predict(X)
    found = []
    for i, decision in enumerate(decisions):
        refused = bool(decision != favorable)
        order: Any = np.argsort(view.values[i], kind="stable") if refused else []
        against = [j for j in order if view.values[i, j] < 0 and view.names[j] not in exclude]
        found.append(
            ReasonCodes(
                decision=decision,
                refused=refused,
                probability=float(view.base_values[i] + view.values[i].sum()),
                average=float(view.base_values[i]),
                reasons=[_reason(view, i, j, words) for j in against[:n]],
            )
        )
    return found


def _reason(view, i: int, j: int, words: Mapping[str, str]) -> Reason:
    """One reason in words."""
    name = str(view.names[j])
    value = None if view.cells is None else view.cells[i][j]
    text = words[name].format(value=value) if name in words else f"{name} ({_shown(value)})"
    return Reason(name, value, float(view.values[i, j]), float(view.error_std[i, j]), text)


def _shown(value: Any) -> str:
    """A value as a person writes it."""
    if value is None or value != value:
        return "not given"
    if isinstance(value, (float, np.floating)):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)

"""A model card: what a model is for, whom it was made to treat alike, and how well it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfeamoe._classifier import last_step
from skfeamoe._fairness.constraints import gaps_of_rates
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._labels import read_labels
from skfeamoe._optional import optional
from skfeamoe._validation import check_features
from skfeamoe.metrics import wilson_interval

if TYPE_CHECKING:
    from skops.card import Card

MIN_GROUP_ROWS = 20
"""A group takes part in a gap with this many rows, as in the classifier's own measure."""

GAPS = tuple(gaps_of_rates())
METRICS = ("accuracy", "balanced_accuracy", *GAPS)

MEASURED_BY = {kind.name: metric for metric, kind in gaps_of_rates().items()}
"""The gap that each constraint bounds; the burden is a distance and has no interval here."""

DESCRIPTION = "Model description"
USE = f"{DESCRIPTION}/Intended uses & limitations"
TRAINING = f"{DESCRIPTION}/Training Procedure"
RESULTS = f"{DESCRIPTION}/Evaluation Results"
START = "How to Get Started with the Model"
"""Sections of skops' template."""

EXPERTS = {
    "logistic": "logistic regressions",
    "additive": "generalized additive models",
    "mlp": "neural networks",
}
"""What experts are, by the parameter `expert`."""

BOUNDED = """\
- Gaps are kept under the bounds among the groups below, and among those only: subgroups and
  attributes that were not given when training may differ by more.
- A bound holds for the rows that were learned. On other rows a gap differs by the error of
  having seen a sample, and by whatever has changed since."""

UNBOUNDED = "- No gap between groups was bounded."

UNKNOWN_GROUPS = """\
- Rows whose sensitive attribute was unknown trained accuracy only."""

WITHOUT_ATTRIBUTE = "- Needs no sensitive attribute to predict."
WITH_ATTRIBUTE = "- Has a sensitive attribute among its features, and needs it to predict."

LOADING = """\
```python
import skops.io

model = skops.io.load("model.skops", trusted=["{trusted}"])
model.predict_proba(X)
```"""


def card(
    model,
    X=None,
    y=None,
    *,
    sensitive_features=None,
    sample_weight=None,
    data=None,
    intended_use=None,
) -> Card:
    """Describe a fitted model for those who use it or answer for it.

    The card states the data, the groups and bounds, the gaps with their errors, the record of
    drift and the parameters. What only people know, authors and contact among it, stands as
    "[More Information Needed]" until it is added.

    Parameters
    ----------
    model : FEAMOEClassifier or Pipeline
        Fitted; a Pipeline ends with a FEAMOEClassifier.

    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
        Rows that the model has not learned, to measure it on. None reports the model's own
        running gaps instead, which have no error, and says so.

    y : array-like of shape (n_samples,), default=None
        Their labels.

    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
        Their groups. None takes the `sensitive_columns` of `X` if the model has some.

    sample_weight : array-like of shape (n_samples,), default=None
        Their weights.

    data : str, default=None
        What the model was trained on, in Markdown.

    intended_use : str, default=None
        What the model is for, and what it is not for, in Markdown.

    Returns
    -------
    card : :class:`skops.card.Card`
        ``card.render()`` is Markdown, ``card.save("README.md")`` a file;
        ``card.add(**{"Model Card Authors": ...})`` fills a section.

    Raises
    ------
    ImportError
        If skops is not installed: ``pip install "skfeamoe[persist]"``.
    NotFittedError
        If the model has not learned yet.
    ValueError
        If the model is of another kind, or only one of `X` and `y` is given.

    References
    ----------
    M. Mitchell et al. (2019), "Model cards for model reporting", FAT*. Intervals: B. Efron and
    R. J. Tibshirani (1993), "An introduction to the bootstrap", chapter 13.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier, card
    >>> from skfeamoe.datasets import make_credit_stream
    >>> stream = make_credit_stream(6_000, drift=None, random_state=0)
    >>> X, y, group = stream.data, stream.target, stream.sensitive_features
    >>> model = FEAMOEClassifier(difference_bound=0.1, random_state=0)
    >>> model = model.fit(X[:4_000], y[:4_000], sensitive_features=group[:4_000])
    >>> page = card(
    ...     model, X[4_000:], y[4_000:], sensitive_features=group[4_000:],
    ...     intended_use="To show what a card looks like.")
    >>> "95 % interval" in page.render()
    True
    """
    skops = optional("skops.card", extra="persist", purpose="skfeamoe.card")
    classifier = last_step(model)
    if not isinstance(classifier, FEAMOEClassifier):
        raise ValueError(
            "model must be a FEAMOEClassifier or a Pipeline that ends with one, got "
            f"{type(classifier).__name__}"
        )
    check_is_fitted(classifier)
    if (X is None) != (y is None):
        raise ValueError("X and y must be given together, got only one of them")
    page = skops.Card(model, model_diagram=False)
    page.add(**{DESCRIPTION: _description(classifier)})
    page.add(**{USE: _use(classifier, intended_use)})
    page.delete(f"{TRAINING}/Model Plot")
    if data is not None:
        page.add(**{TRAINING: data})
    _add_table(page, f"{TRAINING}/Data", _facts(classifier))
    _add_bounds(page, classifier)
    _add_drift(page, classifier)
    if X is None:
        _add_running_gaps(page, classifier)
    else:
        if sensitive_features is None:
            sensitive_features = _own_sensitive_features(model, X)
        _add_measures(page, model, (X, y, sensitive_features, sample_weight))
    page.add(**{START: LOADING.format(trusted=_type_name(classifier))})
    return page


def _type_name(classifier) -> str:
    """Name of the class as skops wants it trusted."""
    return f"{type(classifier).__module__}.{type(classifier).__qualname__}"


def _add_table(page, section: str, rows: list[dict[str, Any]], text: str = "") -> None:
    """Add a table whose columns are the keys of its rows."""
    page.add_table(**{section: pd.DataFrame(rows)}, description=text or None)
    page.select(section).title = section.rpartition("/")[2]


def _description(classifier) -> str:
    """What kind of model this is."""
    kept = " and keeps the gaps between groups of people under stated bounds"
    return (
        f"A mixture of {classifier.n_experts_} experts ({EXPERTS[classifier.expert]}) under a "
        f"softmax gate that learns in one pass or more{kept if _bounded(classifier) else ''} "
        "(FEAMOE: Sharma, Henderson and Ghosh, IJCAI 2023)."
    )


def _bounded(classifier) -> list[str]:
    """Names of the constraints that bound a gap; penalties do not, nor does one group."""
    active = classifier.control == "bound" and len(classifier.groups_) > 1
    return list(classifier.multipliers_) if active else []


def _use(classifier, intended_use: str | None) -> str:
    """What the model is for, and what cannot be expected of it."""
    limits = [BOUNDED if _bounded(classifier) else UNBOUNDED]
    limits += [UNKNOWN_GROUPS] if len(classifier.groups_) else []
    blind = classifier.counterfactual_columns is None
    limits.append(WITHOUT_ATTRIBUTE if blind else WITH_ATTRIBUTE)
    return "\n\n".join(filter(None, [intended_use, "\n".join(limits)]))


def _facts(classifier) -> list[dict[str, Any]]:
    """Sizes and names, a row each."""
    favorable = classifier.favorable_label
    favorable = classifier.classes_[-1] if favorable is None else favorable
    facts = {
        "rows learned (passes included)": classifier.n_samples_seen_,
        "passes of the last fit": classifier.n_iter_,
        "features": classifier.n_features_in_,
        "classes": ", ".join(map(str, classifier.classes_)),
        "favorable class": favorable,
        "groups": ", ".join(classifier.groups_) or "none",
        "rows kept as background of explanations": classifier.background_.shape[0],
    }
    return [{"fact": name, "value": str(value)} for name, value in facts.items()]


def _add_bounds(page, classifier) -> None:
    """What was asked for."""
    names = list(classifier.multipliers_)
    if not names:
        page.add(**{f"{TRAINING}/Bounds": "No gap was bounded."})
        return
    bound = classifier.difference_bound
    if classifier.control != "bound":
        text = f"Penalties of growing weight on {', '.join(names)}; no bound was set."
        page.add(**{f"{TRAINING}/Bounds": text})
        return
    ratio = classifier.ratio_bound
    ratios = ratio if hasattr(ratio, "keys") else dict.fromkeys(names, ratio)
    rows = []
    for name in names:
        least = ratios.get(name)
        largest = bound[name] if least is None and hasattr(bound, "keys") else bound
        row = {"constraint": name, "largest gap allowed": largest if least is None else "-"}
        rows.append(row | ({"least ratio allowed": least or "-"} if ratio else {}))
    _add_table(page, f"{TRAINING}/Bounds", rows)
    parts = [
        {
            "column": part["column"],
            "part": part["part"],
            "constraint": f"{part['constraint']} ({part['event']})",
            "gap": _shown(part["gap"]),
            "standard error": _shown(part["standard_error"]),
            "bound": part["bound"],
            "verdict": part["verdict"],
        }
        for part in classifier.local_gaps_
    ]
    if parts:
        _add_table(page, f"{TRAINING}/Bounds within parts", parts)


def _add_drift(page, classifier) -> None:
    """When the world was seen to change."""
    section = f"{TRAINING}/Record of drift"
    alarms = classifier.history_.get("alarm_n_samples_seen")
    if alarms is None:
        page.add(**{section: 'Not watched (growth is not "drift").'})
    elif not len(alarms):
        page.add(**{section: "Watched; no alarm."})
    else:
        causes = classifier.history_["alarm_cause"]
        rows = [
            {"after rows": int(row), "cause": cause}
            for row, cause in zip(alarms, causes, strict=True)
        ]
        _add_table(page, section, rows)


def _add_running_gaps(page, classifier) -> None:
    """What the model measured while it learned."""
    text = (
        "Measured by the model on rows that it learned. Such gaps flatter, and have no error "
        "here: measure on other rows, `skfeamoe.card(model, X, y, sensitive_features=...)`."
    )
    gaps = classifier.group_gaps_
    page.add(**{RESULTS: text if gaps else "Not measured: no rows were given."})
    if not gaps:
        return
    rows = [{"gap": name, "value": _shown(gap)} for name, gap in gaps.items()]
    _add_table(page, f"{RESULTS}/Gaps while learning", rows)


def _own_sensitive_features(model, X):
    """The sensitive columns of X, where the model knows which these are."""
    if isinstance(model, Pipeline) or model.sensitive_columns is None:
        return None
    _, columns = check_features(
        model, X, reset=False, sensitive_columns=model.sensitive_columns
    )
    return None if columns is None else pd.DataFrame(dict(enumerate(columns)))


def _add_measures(page, model, rows: tuple) -> None:
    """Accuracy, and the gaps of decisions with intervals."""
    from skfeamoe.streaming import StreamBatch, prequential

    classifier = last_step(model)
    _check_labels(rows[1], classifier.unlabeled)
    result = prequential(
        {"model": model},
        [StreamBatch(*rows)],
        favorable_label=classifier.favorable_label,
        metrics=METRICS,
        train=False,
        window=None,
        fading_factor=None,
        min_group_size=MIN_GROUP_ROWS,
    )
    view = result.points[-1].models["model"].views["cumulative"]
    page.add(**{RESULTS: f"Measured on {int(view.n_rows)} rows that were given for this card."})
    _add_accuracy(page, view, rows[3])
    bounded = {MEASURED_BY[c] for c in _bounded(classifier) if c in MEASURED_BY}
    rows_of_gaps = [
        {
            "gap": name,
            "value": _shown(view[name]),
            "95 % interval": _shown_interval(
                result.gap_table(name, view="cumulative")[["low", "high"]].to_numpy()[-1]
            ),
            "bounded": "yes" if name in bounded else "no",
        }
        for name in GAPS
    ]
    text = "Largest difference between two groups; score intervals for all pairs of groups."
    if few := _too_few(result):
        text += f" Not compared, with fewer than {MIN_GROUP_ROWS} rows: {', '.join(few)}."
    _add_table(page, f"{RESULTS}/Gaps", rows_of_gaps, text)
    if result.group_names:
        _add_groups(page, result)


def _check_labels(y, unlabeled) -> None:
    """Refuse rows without a label: accuracy and most gaps are of those that have one."""
    known = read_labels(y, len(y), unlabeled).known if hasattr(y, "__len__") else None
    if known is not None and not known.all():
        raise ValueError(
            f"y must have a label in every row, got none in {np.sum(~known)} of {len(known)}; "
            "leave these rows out of X, y and sensitive_features"
        )


def _too_few(result) -> list[str]:
    """Groups that no gap compares."""
    table = result.group_table if result.group_names else pd.DataFrame({"n_effective": []})
    few = table[table["n_effective"] < MIN_GROUP_ROWS]
    return [f"{row['group']} ({int(row['n_rows'])})" for _, row in few.iterrows()]


def _add_accuracy(page, view, sample_weight) -> None:
    """Accuracy with its standard error, by the rows of equal weight that tell as much."""
    from skfeamoe.streaming._tally import effective_rows

    weight = np.ones(int(view.n_rows)) if sample_weight is None else np.asarray(sample_weight)
    n_rows = effective_rows(float(view.n_rows), weight.sum(), np.sum(weight**2))
    error = np.sqrt((accuracy := view["accuracy"]) * (1 - accuracy) / n_rows)
    _add_table(
        page,
        f"{RESULTS}/Accuracy",
        [
            {"measure": "accuracy", "value": f"{accuracy:.3f} +- {error:.3f}"},
            {"measure": "balanced accuracy", "value": _shown(view["balanced_accuracy"])},
        ],
        "With its standard error.",
    )


def _add_groups(page, result) -> None:
    """Rates of every group."""
    table = result.group_table
    ends = wilson_interval(table["selection_rate"], table["n_effective"])
    rows = [
        {
            "group": row["group"],
            "rows": int(row["n_rows"]),
            "labels favorable": _shown(row["base_rate"]),
            "decided favorably": _shown(row["selection_rate"]),
            "95 % interval": _shown_interval(ends[g]),
        }
        for g, (_, row) in enumerate(table.iterrows())
    ]
    _add_table(page, f"{RESULTS}/Groups", rows)


def _shown(value: float) -> str:
    """A rate as people read it."""
    return "not comparable" if np.isnan(value) else f"{value:.3f}"


def _shown_interval(ends) -> str:
    """An interval as people read it."""
    return "" if np.isnan(ends).any() else f"{ends[0]:.3f} to {ends[1]:.3f}"

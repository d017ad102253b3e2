"""Accuracy against group gaps over bounds: what a narrower bound costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import fairlearn.metrics
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from skfeamoe._classifier import favorable_label_of
from skfeamoe._fairness.constraints import CONSTRAINTS, gaps_of_rates
from skfeamoe._named_groups import groups_of_rows
from skfeamoe._optional import optional
from skfeamoe._parameter_checks import listed_constraints
from skfeamoe._sklearn import _safe_indexing
from skfeamoe.inspection._style import INK, MARKERS, QUIET, SERIES, pyplot, tidy

BOUNDS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
Z95 = 1.96


class FrontierDisplay:
    """Accuracy over the gap between groups, a point a bound.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name of a method to its points: columns ``difference`` and ``accuracy``, and, if
        known, ``bound`` and ``standard_error`` (of the difference). Points whose difference is
        nan are not drawn.
    constraint : str, default="demographic_parity"
        Which gap it is.

    Attributes
    ----------
    tables : dict of str to DataFrame
    ax_ : :class:`matplotlib.axes.Axes`
        The axes drawn on, after `plot`.
    figure_ : :class:`matplotlib.figure.Figure`
        Its figure.

    See Also
    --------
    skfeamoe.postprocessing.BiasScoreClassifier.frontier : The same points as a table.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import FrontierDisplay
    >>> from skfeamoe.postprocessing import BiasScoreClassifier
    >>> data = make_credit_stream(2_000, drift=None, random_state=0)
    >>> X, y, group = data.data, data.target, data.sensitive_features
    >>> base = make_pipeline(StandardScaler(), LogisticRegression())
    >>> model = BiasScoreClassifier(base, random_state=0).fit(X, y, sensitive_features=group)
    >>> display = FrontierDisplay.from_estimator(model, bounds=[0.02, 0.1])
    >>> list(display.tables)
    ['BiasScoreClassifier']
    >>> plt.close(display.figure_)
    """

    def __init__(self, tables: Mapping, *, constraint: str = "demographic_parity"):
        self.tables = {name: pd.DataFrame(table) for name, table in tables.items()}
        self.constraint = constraint

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        sensitive_features=None,
        *,
        bounds: Sequence[float] | None = None,
        constraint: str | None = None,
        name: str | None = None,
        rivals: Mapping | None = None,
        ax=None,
    ):
        """Draw the rules of a fitted BiasScoreClassifier, all from its one fit.

        Parameters
        ----------
        estimator : fitted BiasScoreClassifier
            Anything with ``frontier``.
        X, y, sensitive_features : array-like, default=None
            Rows to measure on; None takes the held-out rows of the fit.
        bounds : sequence of float, default=None
            Bounds; nine from 0.01 to 0.3 by default.
        constraint : str, default=None
            The gap to draw; the first of the estimator's constraints by default. Its other
            constraints get the same bounds.
        name : str, default=None
            In the legend; the class by default.
        rivals : mapping of str to DataFrame, default=None
            Points of other methods, as in the constructor.
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FrontierDisplay
        """
        constraint = _chosen(estimator, constraint)
        found = estimator.frontier(bounds, X, y, sensitive_features)
        table = found[["bound", "accuracy"]].assign(
            difference=found[CONSTRAINTS[constraint].metric],
            standard_error=found[f"{constraint}_standard_error"],
        )
        tables = {name or type(estimator).__name__: table, **(rivals or {})}
        return cls(tables, constraint=constraint).plot(ax=ax)

    @classmethod
    def from_sweep(
        cls,
        estimator,
        X,
        y,
        sensitive_features,
        *,
        bounds: Sequence[float] | None = None,
        constraint: str | None = None,
        name: str | None = None,
        rivals: Mapping | None = None,
        test_size: float = 0.25,
        n_jobs: int | None = None,
        progress: bool = False,
        random_state=None,
        ax=None,
    ):
        """Fit a classifier once a bound, and draw what it does on rows it has not seen.

        Parameters
        ----------
        estimator : FEAMOEClassifier
            Anything with a parameter ``difference_bound`` whose ``fit`` takes
            ``sensitive_features``; clones are fitted.
        X, y, sensitive_features : array-like
            Rows, split into those to learn and those to measure on.
        bounds : sequence of float, default=None
            Bounds; nine from 0.01 to 0.3 by default.
        constraint : str, default=None
            The gap to draw; the first of the estimator's constraints by default.
        name : str, default=None
            In the legend; the class by default.
        rivals : mapping of str to DataFrame, default=None
            Points of other methods, as in the constructor.
        test_size : float, default=0.25
            Share of the rows to measure on.
        n_jobs : int, default=None
            Fits at a time, as in joblib.
        progress : bool, default=False
            Whether to draw a progress bar (needs rich).
        random_state : int, RandomState instance or None, default=None
            Of the split.
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FrontierDisplay
        """
        constraint = _chosen(estimator, constraint)
        groups = np.asarray(sensitive_features)
        parts = train_test_split(
            np.arange(len(groups)), test_size=test_size, random_state=random_state
        )
        chosen = list(BOUNDS if bounds is None else bounds)
        jobs = (
            delayed(_point)(estimator, X, y, groups, parts, bound, constraint)
            for bound in chosen
        )
        points = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
        table = pd.DataFrame(_followed(points, len(chosen), progress))
        tables = {name or type(estimator).__name__: table, **(rivals or {})}
        return cls(tables, constraint=constraint).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : FrontierDisplay
        """
        if ax is None:
            _, ax = pyplot().subplots(figsize=(7.2, 4.4), layout="constrained")
        for i, (name, table) in enumerate(self.tables.items()):
            table = table.dropna(subset=["difference"]).sort_values("difference")
            errors = Z95 * table["standard_error"] if "standard_error" in table else None
            ax.errorbar(
                table["difference"],
                table["accuracy"],
                xerr=errors,
                label=name,
                color=SERIES[i % len(SERIES)],
                marker=MARKERS[i % len(MARKERS)],
                ms=6,
                lw=1.6,
                elinewidth=0.8,
                alpha=0.95,
            )
            if i == 0 and "bound" in table:
                self._name_bounds(ax, table)
        kind = CONSTRAINTS.get(self.constraint)
        what = f"{kind.title} difference" if kind else self.constraint
        ax.set_xlabel(f"{what} (bars: 95 % intervals)")
        ax.set_ylabel("accuracy")
        ax.set_title("What a narrower bound costs", loc="left", color=INK)
        ax.set_xlim(left=0.0)
        ax.legend(frameon=False, loc="lower right")
        ax.grid(color="#E6E6E6", lw=0.8)
        ax.set_axisbelow(True)
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _name_bounds(self, ax, table) -> None:
        """Write bounds beside their points, where points are far enough apart."""
        width = max(float(table["difference"].max()), 1e-9)
        last = -width
        for _, point in table.iterrows():
            if point["difference"] - last < 0.06 * width:
                continue
            last = point["difference"]
            ax.annotate(
                f"{point['bound']:g}",
                (point["difference"], point["accuracy"]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=QUIET,
            )


def _chosen(estimator, constraint: str | None) -> str:
    """The constraint to draw: one of the estimator's."""
    names = listed_constraints(estimator.constraints)
    if constraint is None and names:
        constraint = names[0]
    of_rates = {kind.name for kind in gaps_of_rates().values()}
    if constraint not in names or constraint not in of_rates:
        raise ValueError(
            f"constraint must be one of the estimator's constraints {names} on rates, got "
            f"{constraint!r}"
        )
    return str(constraint)


def _point(estimator, X, y, groups, parts, bound: float, constraint: str) -> dict:
    """One fit and what it does on the other rows."""
    train, test = parts
    model = clone(estimator).set_params(difference_bound=bound)
    y = np.asarray(y)
    model.fit(_safe_indexing(X, train), y[train], sensitive_features=groups[train])
    decided = model.predict(_safe_indexing(X, test))
    favorable = favorable_label_of(estimator, model.classes_[-1])
    measure = getattr(fairlearn.metrics, CONSTRAINTS[constraint].metric)
    gap = measure(
        (y[test] == favorable).astype(int),
        (decided == favorable).astype(int),
        sensitive_features=groups_of_rows(model, groups[test], len(test)),
    )
    return {
        "bound": bound,
        "difference": float(gap),
        "accuracy": float(accuracy_score(y[test], decided)),
    }


def _followed(points, total: int, progress: bool) -> list[dict]:
    """All points, with a bar that shows how many there are."""
    if not progress:
        return list(points)
    bar = optional("rich.progress", extra="demo", purpose="progress=True")
    return list(bar.track(points, description="bounds", total=total))

"""What abstention does to every group: coverage and accuracy among the decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skfeamoe.inspection._style import INK, MARKERS, SERIES, pyplot, tidy

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


class CoverageDisplay:
    """Coverage and selective accuracy of every group over the share of rows that is decided.

    Parameters
    ----------
    table : DataFrame
        A line a group and coverage: columns ``group``, ``decided`` (share of all rows that is
        decided), ``coverage`` (of the group) and ``accuracy`` (among its decided).

    Attributes
    ----------
    table : DataFrame
    ax_ : ndarray of two Axes
        Above the accuracy, below the coverage of the groups, after `plot`.
    figure_ : :class:`matplotlib.figure.Figure`
        Their figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import CoverageDisplay
    >>> from skfeamoe.postprocessing import BiasScoreClassifier
    >>> data = make_credit_stream(2_000, drift=None, random_state=0)
    >>> X, y, group = data.data, data.target, data.sensitive_features
    >>> base = make_pipeline(StandardScaler(), LogisticRegression())
    >>> model = BiasScoreClassifier(base, constraints=None, coverage=0.8, random_state=0)
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> display = CoverageDisplay.from_estimator(model, X, y, group, coverages=[0.6, 0.8])
    >>> sorted(display.table["group"].unique())
    ['majority', 'minority']
    >>> plt.close(display.figure_)
    """

    def __init__(self, table):
        self.table = pd.DataFrame(table)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        sensitive_features,
        *,
        coverages: Sequence[float] | None = None,
        axes=None,
    ):
        """Measure a fitted BiasScoreClassifier at several coverages and draw.

        Parameters
        ----------
        estimator : fitted BiasScoreClassifier
            Anything with ``with_coverage``.
        X, y, sensitive_features : array-like
            Rows to measure on; they should be others than those of the fit.
        coverages : sequence of float, default=None
            Shares to decide on; six from 0.5 to 0.95 by default. All rows are added.
        axes : sequence of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : CoverageDisplay
        """
        y, groups = np.asarray(y), np.asarray(sensitive_features)
        lines = []
        for share in (*(COVERAGES if coverages is None else coverages), None):
            model = estimator.with_coverage(share)
            decided, right = model.is_decided(X), model.predict(X) == y
            for group in pd.unique(groups):
                of = groups == group
                lines.append(
                    {
                        "group": str(group),
                        "decided": float(decided.mean()),
                        "coverage": float(decided[of].mean()),
                        "accuracy": _mean(right[of & decided]),
                    }
                )
        return cls(lines).plot(axes=axes)

    def plot(self, *, axes=None):
        """Draw.

        Parameters
        ----------
        axes : sequence of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : CoverageDisplay
        """
        if axes is None:
            _, axes = pyplot().subplots(
                2, 1, figsize=(7.2, 5.6), sharex=True, layout="constrained"
            )
        for i, (group, lines) in enumerate(self.table.groupby("group", sort=False)):
            lines = lines.sort_values("decided")
            style = {
                "color": SERIES[i % len(SERIES)],
                "marker": MARKERS[i % len(MARKERS)],
                "ms": 6,
                "lw": 1.6,
                "label": str(group),
            }
            axes[0].plot(lines["decided"], lines["accuracy"], **style)
            axes[1].plot(lines["decided"], lines["coverage"], **style)
        axes[0].set_ylabel("accuracy among the decided")
        axes[1].set_ylabel("coverage of the group")
        axes[1].set_xlabel("share of all people who are decided on")
        axes[0].set_title("Who is decided on, and how well", loc="left", color=INK)
        axes[0].legend(frameon=False, loc="upper right")
        for ax in axes:
            ax.grid(color="#E6E6E6", lw=0.8)
            ax.set_axisbelow(True)
            tidy(ax)
        self.ax_, self.figure_ = np.asarray(axes), axes[0].figure
        return self


def _mean(values) -> float:
    """Mean, nan of nothing."""
    return float(values.mean()) if len(values) else float("nan")

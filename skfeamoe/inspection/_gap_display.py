"""Mean attribution per group: which features drive the gap."""

from __future__ import annotations

import textwrap

import numpy as np

from skfeamoe.inspection._gap import GapExplanation, explain_gap, gap_of_view
from skfeamoe.inspection._style import (
    INK,
    MARKERS,
    MINUS,
    QUIET,
    SERIES,
    pyplot,
    shorten,
    signed,
    tidy,
)
from skfeamoe.inspection._views import view_of_output

Z95 = 1.96

DODGE = 0.12
"""Distance between the marks of two groups on one line."""

LETTERS_PER_INCH = 8.25
"""Letters of the legend in an inch of the figure."""

NARROW = 50
"""Letters that a figure for a desk has room for."""


class GroupComparisonDisplay:
    """Mean Shapley values of every group, by what they add to the gap.

    Each line is a feature, each mark the mean Shapley value of a group with a 95 %
    interval; the number at the right is what the feature adds to the gap between the two
    groups of the title. All features together give the gap exactly.

    Parameters
    ----------
    gap : GapExplanation
        The decomposition, see :func:`~skfeamoe.inspection.explain_gap`.

    Attributes
    ----------
    gap : GapExplanation
    ax_ : :class:`matplotlib.axes.Axes`
        The axes drawn on, after `plot`.
    figure_ : :class:`matplotlib.figure.Figure`
        Its figure.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import GroupComparisonDisplay
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> X, group = stream.data, stream.sensitive_features
    >>> model = FEAMOEClassifier(constraints=None, random_state=0).fit(X, stream.target)
    >>> display = GroupComparisonDisplay.from_estimator(
    ...     model, X[:200], group[:200], background=X[:50])  # doctest: +SKIP
    """

    def __init__(self, gap: GapExplanation):
        self.gap = gap

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        sensitive_features,
        *,
        groups=None,
        label=None,
        max_features=10,
        ax=None,
        **explain_options,
    ):
        """Explain rows and draw.

        Parameters
        ----------
        estimator, X, sensitive_features, groups, label, **explain_options
            As in :func:`~skfeamoe.inspection.explain_gap`.
        max_features : int, default=10
            Features to draw one by one; the others are drawn as one line.
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : GroupComparisonDisplay
        """
        gap = explain_gap(
            estimator, X, sensitive_features, groups=groups, label=label, **explain_options
        )
        return cls(gap).plot(max_features=max_features, ax=ax)

    @classmethod
    def from_explanation(
        cls, explanation, sensitive_features, *, groups=None, max_features=10, ax=None
    ):
        """Draw rows that are explained already.

        Parameters
        ----------
        explanation : :class:`shap.Explanation`
            Of several rows and one output, ``game="interventional"``.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Group membership of these rows.
        groups, max_features, ax
            As in `from_estimator`.

        Returns
        -------
        display : GroupComparisonDisplay
        """
        gap = gap_of_view(view_of_output(explanation), sensitive_features, groups)
        return cls(gap).plot(max_features=max_features, ax=ax)

    def plot(self, *, max_features=10, ax=None):
        """Draw.

        Parameters
        ----------
        max_features : int, default=10
            Features to draw one by one.
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : GroupComparisonDisplay
        """
        gap, plt = self.gap, pyplot()
        names, values, means, errors = self._lines(max_features)
        if ax is None:
            height = 1.9 + 0.36 * len(names)
            _, ax = plt.subplots(figsize=(8.0, height), layout="constrained")
        places = np.arange(len(names))[::-1]
        ends = means[[gap.highest, gap.lowest]]
        ax.hlines(places, ends.min(axis=0), ends.max(axis=0), color=QUIET, lw=1.5, zorder=1)
        ax.axvline(0.0, color=INK, lw=0.8, zorder=0)
        drawn = np.flatnonzero(np.asarray(gap.n_samples) >= 2)  # the others are left out
        middle = (len(drawn) - 1) / 2
        for place, a in enumerate(drawn.tolist()):
            group = gap.groups[a]
            label, shift = f"{group}: {gap.mean_output[a]:.3f}", DODGE * (place - middle)
            self._draw_group(ax, a, label, places - shift, means[a], errors[a])
        for place, value in zip(places, values, strict=True):
            _at_right(ax, place, signed(value))
        _at_right(ax, -1.0, f"{signed(gap.gap)}  gap", weight="bold")
        ax.set_yticks(places, [shorten(name) for name in names])
        ax.set_ylim(-1.4, len(names) - 0.4)
        told = "mean Shapley value (probability), with 95 % intervals"
        letters = int(0.6 * LETTERS_PER_INCH * ax.figure.get_figwidth())
        ax.set_xlabel(textwrap.fill(told, letters))
        self._draw_title(ax)
        ax.grid(axis="x", color="#E6E6E6", lw=0.8)
        ax.set_axisbelow(True)
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_title(self, ax) -> None:
        """Title and, below it, the groups with their mean probabilities.

        Both are the legend's, so that neither is drawn over the other where room is scarce.
        """
        width = LETTERS_PER_INCH * ax.figure.get_figwidth()
        longest = max(map(len, self.gap.groups)) + 12
        high, low = (self.gap.groups[a] for a in (self.gap.highest, self.gap.lowest))
        title = f"Gap in mean probability: {high} {MINUS} {low}"
        ax.legend(
            title=textwrap.fill(title, int(0.8 * width)),
            title_fontsize="large",
            alignment="left",
            # where the names of features leave little room it stands above them, too
            loc="lower right" if width < NARROW else "lower left",
            bbox_to_anchor=(1.1 if width < NARROW else -0.02, 1.0),
            ncols=int(np.clip(width // longest, 1, len(self.gap.groups))),
            frameon=False,
            handletextpad=0.2,
        )

    def _lines(self, max_features: int):
        """Names, parts of the gap, group means and errors of the lines to draw."""
        gap = self.gap
        order = np.argsort(-np.abs(gap.values), kind="stable")
        top, rest = order, order[:0]
        if len(order) > max_features:
            top, rest = order[: max_features - 1], order[max_features - 1 :]
        names = [gap.feature_names[j] for j in top]
        values, means, errors = (
            gap.values[top],
            gap.mean_values[:, top],
            gap.mean_errors[:, top],
        )
        if len(rest):
            names.append(f"{len(rest)} others")
            values = np.append(values, gap.values[rest].sum())
            means = np.column_stack([means, gap.mean_values[:, rest].sum(axis=1)])
            errors = np.column_stack([errors, np.full(len(gap.groups), np.nan)])
        return names, values, means, errors

    def _draw_group(self, ax, a: int, label: str, places, means, errors) -> None:
        """Marks of one group."""
        ax.errorbar(
            means,
            places,
            xerr=Z95 * np.nan_to_num(errors),
            fmt=MARKERS[a % len(MARKERS)],
            color=SERIES[a % len(SERIES)],
            ms=7,
            mec="white",
            mew=0.6,
            elinewidth=1.4,
            label=label,
        )


def _at_right(ax, place: float, text: str, **style) -> None:
    """Write beside the axes, at the height of a line."""
    ax.annotate(
        text,
        (1.02, place),
        xycoords=("axes fraction", "data"),
        va="center",
        color=INK,
        annotation_clip=False,
        **style,
    )

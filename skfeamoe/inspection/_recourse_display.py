"""How far the refused of every group are from a yes, and by which columns they get there."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from skfeamoe.inspection._recourse import RecourseResult, recourse
from skfeamoe.inspection._style import MARKERS, SERIES, pyplot, shorten, tidy

EVERYONE = "all"


class RecourseDisplay:
    """Recourse of groups: above, who is granted at which cost; below, what has to change.

    Above, the part of a group's refused who would be granted for a change of at most that
    cost; a curve further to the right is a heavier burden, and one that ends below 100 %
    leaves people without recourse. Below, the part of those with recourse whose cheapest
    change touches a column.

    Parameters
    ----------
    result : RecourseResult
        Of :func:`~skfeamoe.inspection.recourse`.

    Attributes
    ----------
    result : RecourseResult
    ax_ : ndarray of two Axes
        The axes drawn on, after `plot`.
    figure_ : :class:`matplotlib.figure.Figure`
        Their figure.

    See Also
    --------
    recourse : Finds the changes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import RecourseDisplay
    >>> past = make_credit_stream(2_000, drift=None, random_state=0)
    >>> X, group = past.data[["income", "loan_amount"]], past.sensitive_features
    >>> model = LogisticRegression().fit(X, past.target)
    >>> display = RecourseDisplay.from_estimator(
    ...     model, X, actionable={"loan_amount": "decrease"}, sensitive_features=group)
    >>> len(display.ax_)
    2
    >>> plt.close(display.figure_)
    """

    def __init__(self, result: RecourseResult):
        self.result = result

    @classmethod
    def from_estimator(cls, estimator, X, *, actionable, ax=None, **options):
        """Find recourse and draw.

        Parameters
        ----------
        estimator, X, actionable, **options
            As in :func:`~skfeamoe.inspection.recourse`.
        ax : sequence of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RecourseDisplay
        """
        return cls(recourse(estimator, X, actionable=actionable, **options)).plot(ax=ax)

    @classmethod
    def from_result(cls, result, *, ax=None):
        """Draw what was found already.

        Parameters
        ----------
        result : RecourseResult
        ax : sequence of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RecourseDisplay
        """
        return cls(result).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : sequence of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : RecourseDisplay

        Raises
        ------
        ValueError
            If nobody is refused, or ``ax`` is not two Axes.
        """
        if not len(self.result.rows):
            raise ValueError("nobody is refused, so there is no recourse to draw")
        if ax is None:
            height = 3.4 + 0.32 * len(self.result.actionable)
            _, ax = pyplot().subplots(
                2, 1, figsize=(7, height), layout="constrained", height_ratios=[3, 2]
            )
        self.ax_ = np.asarray(ax, dtype=object).ravel()
        if len(self.ax_) != 2:
            raise ValueError(f"ax must be two Axes, got {len(self.ax_)}")
        self.figure_ = self.ax_[0].figure
        groups = self._members()
        self._draw_costs(self.ax_[0], groups)
        self._draw_columns(self.ax_[1], groups)
        return self

    def _members(self):
        """Which of the refused are in each group, by the group's name."""
        group = self.result.group
        if group is None:
            return {EVERYONE: np.ones(len(self.result.rows), dtype=bool)}
        names = sorted(group.dropna().unique(), key=str)
        return {str(name): (group == name).fillna(False).to_numpy() for name in names}

    def _draw_costs(self, ax, groups):
        """Distribution functions of the cost."""
        costs = self.result.cost[self.result.found]
        end = float(np.quantile(costs, 0.99)) if len(costs) else 1.0
        for (name, members), color in zip(groups.items(), cycle(SERIES), strict=False):
            cost = np.sort(self.result.cost[members & self.result.found])
            part = np.arange(len(cost) + 1) / members.sum()
            x = np.concatenate([[0.0], cost, [max(end, cost[-1] if len(cost) else end)]])
            y = np.append(part, part[-1])
            label = f"{shorten(name)} ({members.sum():,} refused)"
            ax.step(x, y, where="post", color=color, label=label)
        ax.set_xlim(0, end or 1.0)
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set_xlabel("cost of the change")
        ax.set_ylabel("granted at that cost")
        ax.legend(frameon=False, loc="lower right")
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)

    def _draw_columns(self, ax, groups):
        """Marks for the part of a group that has to change a column."""
        names = self.result.actionable
        before, after = self.result.original[names], self.result.changed[names]
        changed = ((before != after) & before.notna()).to_numpy()
        styles = zip(cycle(SERIES), cycle(MARKERS), strict=False)
        for members, (color, marker) in zip(groups.values(), styles, strict=False):
            answered = members & self.result.found
            if answered.any():
                part = changed[answered].mean(axis=0)
                ax.plot(part, range(len(names)), marker, color=color, markersize=7)
        ax.set_yticks(range(len(names)), [shorten(name) for name in names])
        ax.invert_yaxis()
        ax.set_xlim(-0.02, 1.02)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set_xlabel("has to change it, of those with recourse")
        ax.grid(axis="y", linewidth=0.5, alpha=0.5)
        tidy(ax)

"""Which expert serves whom: mean gate weights by group and over time."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfeamoe._groups import encode_groups
from skfeamoe._named_groups import groups_of_rows
from skfeamoe.inspection._style import SERIES, expert_name, pyplot, tidy
from skfeamoe.inspection._views import class_position

EVERYONE = "everyone"


class ExpertRegionsDisplay:
    """Mean gate weight of every expert, for each group and over time.

    The table has a line per group: the part of its decisions that each expert makes. The
    areas show the same for everyone, over time.

    Parameters
    ----------
    group_weights : ndarray of shape (n_groups + 1, n_experts)
        Mean gate weights of everyone, then of every group.
    groups : list of str of length n_groups + 1
        Names of these lines.
    time_points : ndarray of shape (n_bins,), default=None
        Mean times of the bins.
    time_weights : ndarray of shape (n_bins, n_experts), default=None
        Mean gate weights of each bin.
    expert_output : ndarray of shape (n_experts,), default=None
        Mean probability of the favorable class that each expert gives, over the decisions
        it makes.

    Attributes
    ----------
    ax_ : :class:`matplotlib.axes.Axes` or ndarray of two of them
        The table, and the areas if there are times.
    figure_ : :class:`matplotlib.figure.Figure`

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import ExpertRegionsDisplay
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> X, group = stream.data, stream.sensitive_features
    >>> model = FEAMOEClassifier(constraints=None, random_state=0).fit(X, stream.target)
    >>> display = ExpertRegionsDisplay.from_estimator(
    ...     model, X, sensitive_features=group)  # doctest: +SKIP
    """

    def __init__(
        self, *, group_weights, groups, time_points=None, time_weights=None, expert_output=None
    ):
        self.group_weights = group_weights
        self.groups = groups
        self.time_points = time_points
        self.time_weights = time_weights
        self.expert_output = expert_output

    @classmethod
    def from_estimator(
        cls, estimator, X, *, sensitive_features=None, time=None, n_bins=20, label=None, ax=None
    ):
        """Route rows and draw.

        Parameters
        ----------
        estimator : FEAMOEClassifier
            A fitted classifier.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to route.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Group membership; rows with a missing value count for everyone only.
        time : array-like of shape (n_samples,), default=None
            Numbers that order the rows, such as years.
        n_bins : int, default=20
            Most periods; each has about the same number of rows, and equal times stay
            together.
        label : object, default=None
            The class whose probability the experts are described by; None is the favorable
            one.
        ax : Axes or array of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ExpertRegionsDisplay
        """
        check_is_fitted(estimator)
        position = class_position(estimator, label)
        gate = estimator.gate_proba(X)
        says = estimator.expert_proba(X)[:, :, position]
        return cls.from_predictions(
            gate,
            sensitive_features=groups_of_rows(estimator, sensitive_features, len(gate)),
            time=time,
            n_bins=n_bins,
            expert_output=(gate * says).sum(axis=0) / gate.sum(axis=0),
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        gate_proba,
        *,
        sensitive_features=None,
        time=None,
        n_bins=20,
        expert_output=None,
        ax=None,
    ):
        """Draw gate weights that are known already.

        Parameters
        ----------
        gate_proba : array-like of shape (n_samples, n_experts)
            Gate weights.
        sensitive_features, time, n_bins, ax
            As in `from_estimator`.
        expert_output : array-like of shape (n_experts,), default=None
            Mean probability that each expert gives.

        Returns
        -------
        display : ExpertRegionsDisplay
        """
        gate = np.asarray(gate_proba, dtype=float)
        lines, names = [gate.mean(axis=0)], [EVERYONE]
        if sensitive_features is not None:
            codes, labels = encode_groups(sensitive_features, len(gate), [])
            lines += [gate[codes == a].mean(axis=0) for a in range(len(labels))]
            names += [str(label) for label in labels]
        points, weights = None, None
        if time is not None:
            points, weights = _over_time(gate, np.asarray(time, dtype=float), n_bins)
        display = cls(
            group_weights=np.array(lines),
            groups=names,
            time_points=points,
            time_weights=weights,
            expert_output=None if expert_output is None else np.asarray(expert_output),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or array of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : ExpertRegionsDisplay
        """
        plt = pyplot()
        n_lines, n_experts = np.shape(self.group_weights)
        with_time = self.time_weights is not None
        if ax is None:
            width, height = max(5.0, 1.8 + 0.72 * n_experts), 1.9 + 0.5 * n_lines
            if with_time:
                _, ax = plt.subplots(
                    2,
                    1,
                    figsize=(max(width, 7.5), height + 3.2),
                    height_ratios=(height, 3.0),
                    layout="constrained",
                )
            else:
                _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        axes = np.atleast_1d(ax)
        self._draw_table(axes[0])
        if len(axes) > 1 and with_time:
            self._draw_areas(axes[1])
        self.ax_, self.figure_ = (axes if len(axes) > 1 else axes[0]), axes[0].figure
        return self

    def _draw_table(self, ax) -> None:
        """Groups in lines, experts in columns."""
        weights = np.asarray(self.group_weights)
        top = max(float(weights.max()), 1e-9)
        ax.imshow(weights, cmap="Blues", vmin=0.0, vmax=top, aspect="auto")
        for i, line in enumerate(weights):
            for k, weight in enumerate(line):
                color = "white" if weight > 0.6 * top else "black"
                text = f"{100 * weight:.0f}" if weight >= 0.005 else "<1"
                ax.text(k, i, text, ha="center", va="center", color=color)
        labels = [str(k + 1) for k in range(weights.shape[1])]
        name = "expert"
        if self.expert_output is not None:
            labels = [f"{k}\n{p:.2f}" for k, p in zip(labels, self.expert_output, strict=True)]
            name = "expert, and the mean probability that it gives"
        ax.set_xticks(range(weights.shape[1]), labels)
        ax.set_xlabel(name)
        ax.set_yticks(range(len(self.groups)), self.groups)
        ax.set_title("Mean gate weight in percent", loc="left")
        tidy(ax)
        ax.spines["bottom"].set_visible(False)
        ax.tick_params(axis="x", length=0)
        if len(self.groups) > 1:
            ax.axhline(0.5, color="white", lw=4)

    def _draw_areas(self, ax) -> None:
        """Everyone's gate weights over time."""
        weights = np.asarray(self.time_weights)
        n_experts = weights.shape[1]
        colors = [SERIES[k % len(SERIES)] for k in range(n_experts)]
        hatches = [("", "//", "..", "xx")[k // len(SERIES) % 4] for k in range(n_experts)]
        areas = ax.stackplot(self.time_points, weights.T, colors=colors, ec="white", lw=0.8)
        for area, hatch in zip(areas, hatches, strict=True):
            area.set_hatch(hatch)
        ax.set_xlim(self.time_points[0], self.time_points[-1])
        ax.set_ylim(0.0, 1.0)
        ax.set_xlabel("time")
        ax.set_ylabel("part of the decisions")
        ax.legend(
            areas[::-1],
            [expert_name(k) for k in range(n_experts)][::-1],
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize="small",
        )
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)


def _over_time(gate, time, n_bins: int):
    """Mean times and gate weights of periods with about equally many rows."""
    if time.shape != (len(gate),) or not np.isfinite(time).all():
        raise ValueError(
            f"time must be one finite number per row, got shape {time.shape} for "
            f"{len(gate)} rows"
        )
    distinct = np.unique(time)
    if len(distinct) < 2:
        raise ValueError(f"time must have at least two different values, got {distinct}")
    if len(distinct) > n_bins:
        edges = np.unique(np.quantile(time, np.linspace(0, 1, n_bins + 1)[1:-1]))
        period = np.searchsorted(edges, time, side="right")
        period = np.unique(period, return_inverse=True)[1]
    else:
        period = np.searchsorted(distinct, time)
    count = np.bincount(period)
    points = np.bincount(period, weights=time) / count
    weights = np.array([gate[period == b].mean(axis=0) for b in range(len(count))])
    return points, weights

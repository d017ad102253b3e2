"""Who is sent to which expert: the gate's mean weights by group."""

from __future__ import annotations

import numpy as np

from skfeamoe._groups import encode_groups
from skfeamoe._named_groups import groups_of_rows
from skfeamoe.inspection._style import INK, SERIES, expert_name, pyplot, tidy

NARROW = 0.06
"""Shares below this are drawn without their number."""


class RoutingDisplay:
    """Mean weight that the gate gives to every expert, for all rows and by group.

    Parameters
    ----------
    shares : ndarray of shape (n_lines, n_experts)
        Mean gate weights; the lines sum to 1.
    labels : list of str
        Name of every line, with its number of rows.
    expert_names : list of str
        Name of every expert.

    Attributes
    ----------
    shares, labels, expert_names
        As given.
    ax_ : :class:`matplotlib.axes.Axes`
        The axes drawn on, after `plot`.
    figure_ : :class:`matplotlib.figure.Figure`
        Its figure.

    Examples
    --------
    >>> from skfeamoe.inspection import RoutingDisplay
    >>> display = RoutingDisplay.from_predictions(
    ...     [[0.5, 0.5], [0.75, 0.25]], ["f", "m"])  # doctest: +SKIP
    """

    def __init__(self, shares, labels, expert_names):
        self.shares, self.labels, self.expert_names = shares, labels, expert_names

    @classmethod
    def from_estimator(cls, estimator, X, sensitive_features=None, *, ax=None):
        """Route rows and draw.

        Parameters
        ----------
        estimator : fitted classifier
            Anything with ``gate_proba``.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows to route.
        sensitive_features : array-like, default=None
            Groups; None draws all rows only.
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RoutingDisplay
        """
        names = getattr(estimator, "expert_names_", None)
        gate = estimator.gate_proba(X)
        own = groups_of_rows(estimator, sensitive_features, len(gate))
        return cls.from_predictions(gate, own, expert_names=names, ax=ax)

    @classmethod
    def from_predictions(
        cls, gate_proba, sensitive_features=None, *, expert_names=None, ax=None
    ):
        """Draw gate weights that are there already.

        Parameters
        ----------
        gate_proba : array-like of shape (n_samples, n_experts)
            Weights of the experts.
        sensitive_features : array-like, default=None
            Groups; rows with a missing value count in "all" only.
        expert_names : list of str, default=None
            Names of the experts; None numbers them.
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RoutingDisplay
        """
        gate = np.asarray(gate_proba, dtype=float)
        labels, lines = [f"all ({len(gate):,})"], [gate.mean(axis=0)]
        if sensitive_features is not None:
            codes, names = encode_groups(sensitive_features, len(gate), [])
            for code in sorted(range(len(names)), key=names.__getitem__):
                own = gate[codes == code]
                labels.append(f"{names[code]} ({len(own):,})")
                lines.append(own.mean(axis=0))
        if expert_names is None:
            expert_names = [expert_name(k) for k in range(gate.shape[1])]
        named = [str(name).replace("_", " ") for name in expert_names]
        return cls(np.array(lines), labels, named).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw one bar per line, divided by experts.

        Parameters
        ----------
        ax : :class:`matplotlib.axes.Axes`, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RoutingDisplay
        """
        if ax is None:
            height = 1.4 + 0.45 * len(self.labels)
            _, ax = pyplot().subplots(figsize=(7.0, height), layout="constrained")
        left = np.zeros(len(self.labels))
        for k, name in enumerate(self.expert_names):
            share = self.shares[:, k]
            color = SERIES[k % len(SERIES)]
            ax.barh(self.labels, share, left=left, color=color, label=name)
            for line, value in enumerate(share):
                if value >= NARROW:
                    at = left[line] + value / 2
                    ax.text(at, line, f"{value:.2f}", ha="center", va="center", color=INK)
            left = left + share
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel="mean gate weight")
        ax.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(self.expert_names),
            frameon=False,
        )
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

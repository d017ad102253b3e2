"""Which experts decide in the course of a stream, and for whom."""

from __future__ import annotations

import numpy as np

from skfeamoe.inspection._style import INK, SERIES, expert_name, pyplot
from skfeamoe.inspection._timeline import (
    chosen_model,
    label_rows,
    mark_alarms,
    new_axes,
    open_axes,
)

MOST_EXPERTS = 6
"""Areas that are told apart; the experts with the least weight share one."""

HATCHES = ("", "///", "...", "xxx")


class ExpertUsageDisplay:
    """Part of the decisions that every expert makes, over a stream.

    Parameters
    ----------
    rows : ndarray of shape (n_points,)
        Rows of the stream at the evaluation points.
    weights : ndarray of shape (n_points, n_experts)
        Mean gate weights; 0 while an expert does not exist.
    experts : list of int of length n_experts
        Their numbers, from 1.
    times : list of length n_points, default=None
        When the points were.
    alarm_rows : sequence of int, default=()
        Rows at which alarms were raised.
    group : str, default=None
        The group whose decisions these are; None for everyone.

    Attributes
    ----------
    ax_ : ndarray of one Axes
    figure_ : :class:`matplotlib.figure.Figure`

    See Also
    --------
    ExpertRegionsDisplay : Who is served by which expert of a fitted model.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import ExpertUsageDisplay
    >>> from skfeamoe.streaming import prequential
    >>> data = make_credit_stream(3_000, random_state=0)
    >>> parts = data.data, data.target, data.sensitive_features
    >>> batches = [tuple(p[i : i + 50] for p in parts) for i in range(0, 3_000, 50)]
    >>> model = FEAMOEClassifier(growth_interval=1_000, random_state=0)
    >>> display = ExpertUsageDisplay.from_result(prequential(model, batches))
    >>> display.experts
    [1, 2, 3]
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, rows, weights, experts, times=None, alarm_rows=(), group=None):
        self.rows = rows
        self.weights = weights
        self.experts = experts
        self.times = times
        self.alarm_rows = alarm_rows
        self.group = group

    @classmethod
    def from_result(
        cls,
        result,
        *,
        model: str | None = None,
        group: str | None = None,
        alarms: bool = True,
        ax=None,
    ):
        """Draw the result of a run.

        Parameters
        ----------
        result : PrequentialResult
            Of :func:`~skfeamoe.streaming.prequential`.
        model : str, default=None
            Which model; the first by default.
        group : str, default=None
            Whose decisions, one of ``result.group_names``; None for everyone's.
        alarms : bool, default=True
            Whether to mark alarms.
        ax : Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ExpertUsageDisplay

        Raises
        ------
        ValueError
            If the model has no experts, or the model or group is not in the result.
        """
        model = chosen_model(result, model)
        table = result.expert_table
        table = table[table["model"] == model]
        if not len(table):
            raise ValueError(f"model {model!r} has no experts; choose one with gate_proba")
        if group is not None and group not in result.group_names:
            raise ValueError(f"group must be one of {result.group_names}, got {group!r}")
        table = table[table["group"].isna() if group is None else table["group"] == group]
        wide = table.pivot(index="rows_seen", columns="expert", values="weight").fillna(0.0)
        times = table.drop_duplicates("rows_seen").set_index("rows_seen")["time"]
        found = result.alarms
        display = cls(
            rows=wide.index.to_numpy(),
            weights=wide.to_numpy(),
            experts=[int(k) for k in wide.columns],
            times=times.reindex(wide.index).tolist(),
            alarm_rows=found["row"][found["model"] == model].tolist() if alarms else (),
            group=group,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : ExpertUsageDisplay
        """
        axes = new_axes(pyplot(), ax, 1, [3.2])
        weights, experts = self._drawn()
        names = [expert_name(k - 1) for k in experts]
        colors = [SERIES[(k - 1) % len(SERIES)] for k in experts]
        if weights.shape[1] > len(experts):
            names.append(f"{len(self.experts) - len(experts)} others")
            colors.append("#B8B8B8")
        areas = axes[0].stackplot(
            self.rows, weights.T, colors=colors, ec="white", lw=0.6, step="pre"
        )
        for k, area in zip(experts, areas, strict=False):
            area.set_hatch(HATCHES[(k - 1) // len(SERIES) % len(HATCHES)])
        open_axes(axes[0])
        axes[0].set_ylim(0.0, 1.0)
        axes[0].margins(x=0.0)
        whose = "everyone's" if self.group is None else f"{self.group}'s"
        axes[0].set_title(
            f"part of {whose} decisions that each expert makes",
            loc="left",
            fontsize=11,
            color=INK,
            pad=14,
        )
        axes[0].legend(
            areas[::-1],
            names[::-1],
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize="small",
        )
        mark_alarms(axes, self.alarm_rows)
        label_rows(axes[0], self.rows, self.times or [None] * len(self.rows))
        self.ax_, self.figure_ = axes, axes[0].figure
        return self

    def _drawn(self):
        """Weights and numbers of the experts with areas of their own; the rest is one area."""
        weights = np.asarray(self.weights)
        if len(self.experts) <= MOST_EXPERTS:
            return weights, list(self.experts)
        share = np.argsort(-weights.sum(axis=0), kind="stable")
        top = np.sort(share[: MOST_EXPERTS - 1])
        rest = np.delete(weights, top, axis=1).sum(axis=1)
        return np.column_stack([weights[:, top], rest]), [self.experts[k] for k in top]

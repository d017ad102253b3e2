"""Measures of a stream over time: all models side by side, with the bound and the alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skfeamoe.inspection._style import INK, QUIET, SERIES, pyplot
from skfeamoe.inspection._timeline import (
    LINES,
    MEASURE_NAMES,
    RATE_OF,
    chosen_measure,
    chosen_model,
    chosen_view,
    full_window,
    label_ends,
    label_rows,
    mark_alarms,
    new_axes,
    open_axes,
    say_nothing,
)


class PrequentialDisplay:
    """Measures of one or more models over a stream, a panel for each measure.

    Parameters
    ----------
    rows : dict of str to ndarray of shape (n_points,)
        Rows of the stream at the evaluation points, for each model.
    values : dict of str to dict of str to ndarray of shape (n_points,)
        For each measure, the values of each model at these points.
    times : list of length n_points, default=None
        When the points of the first model were, None where it is not known.
    difference_bound : float, default=None
        Bound on the gaps, drawn as a line.
    alarm_rows : sequence of int, default=()
        Rows at which alarms were raised.
    bands : dict of str to tuple of ndarray (rows, lower, upper), default=None
        For a gap, its 95 % interval at some rows: what noise alone may do to a window.

    Attributes
    ----------
    ax_ : ndarray of Axes, one for each measure
    figure_ : :class:`matplotlib.figure.Figure`

    See Also
    --------
    FairnessDriftDisplay : One model's gap with the rates of its groups.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skfeamoe.inspection import PrequentialDisplay
    >>> from skfeamoe.streaming import prequential
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> y, sex = (X[:, 0] > 0).astype(int), rng.choice(["f", "m"], 2000)
    >>> starts = range(0, 2000, 50)
    >>> batches = [tuple(part[i : i + 50] for part in (X, y, sex)) for i in starts]
    >>> model = SGDClassifier(loss="log_loss", random_state=0)
    >>> result = prequential(model, batches, window=500, evaluate_every=100)
    >>> display = PrequentialDisplay.from_result(result, difference_bound=0.05)
    >>> len(display.ax_)
    2
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, rows, values, times=None, difference_bound=None, alarm_rows=(), bands=None
    ):
        self.rows = rows
        self.values = values
        self.times = times
        self.difference_bound = difference_bound
        self.alarm_rows = alarm_rows
        self.bands = {} if bands is None else bands

    @classmethod
    def from_result(
        cls,
        result,
        *,
        measures: Sequence[str] = ("accuracy", "demographic_parity_difference"),
        view: str = "window",
        difference_bound: float | None = None,
        alarms: bool = True,
        model: str | None = None,
        ax=None,
    ):
        """Draw the result of a run.

        Parameters
        ----------
        result : PrequentialResult
            Of :func:`~skfeamoe.streaming.prequential` or
            :func:`~skfeamoe.streaming.monitor`.
        measures : sequence of str, default=("accuracy", "demographic_parity_difference")
            What to draw, of ``result.metrics``; a panel each.
        view : {"window", "cumulative", "faded"}, default="window"
            Which rows count. Windows are drawn from the first full one on.
        difference_bound : float, default=None
            Bound on the gaps.
        alarms : bool, default=True
            Whether to mark the alarms of `model`.
        model : str, default=None
            Whose alarms are marked, and whose gaps have a band of their 95 % intervals; the
            first model's by default.
        ax : Axes or array of Axes, default=None
            Where to draw, one for each measure; None makes a figure.

        Returns
        -------
        display : PrequentialDisplay

        Raises
        ------
        ValueError
            If a measure, the view or the model is not in the result.
        """
        for measure in measures:
            chosen_measure(result, measure)
        marked = chosen_model(result, model)
        table = chosen_view(result.table, view)
        table = table[table["n_rows"] >= full_window(result, view)]
        parts = {name: table[table["model"] == name] for name in result.timings}
        gaps = {
            (measure, name): result.gap_table(measure, model=name, view=view)
            for measure in measures
            if measure in RATE_OF
            for name in result.timings
        }
        found = result.alarms
        display = cls(
            rows={name: part["rows_seen"].to_numpy() for name, part in parts.items()},
            values={
                measure: {
                    name: gaps[measure, name]["gap"].to_numpy(dtype=float)
                    if (measure, name) in gaps
                    else part[measure].to_numpy(dtype=float)
                    for name, part in parts.items()
                }
                for measure in measures
            },
            times=parts[marked]["time"].tolist(),
            difference_bound=difference_bound,
            alarm_rows=found["row"][found["model"] == marked].tolist() if alarms else (),
            bands={
                measure: tuple(
                    gaps[measure, marked][name].to_numpy(dtype=float)
                    for name in ("rows_seen", "low", "high")
                )
                for measure in measures
                if (measure, marked) in gaps
            },
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One for each measure; None makes a figure.

        Returns
        -------
        self : PrequentialDisplay
        """
        plt = pyplot()
        axes = new_axes(plt, ax, len(self.values), [2.6] * len(self.values))
        for axis, (measure, lines) in zip(axes, self.values.items(), strict=True):
            self._draw(axis, measure, lines)
        mark_alarms(axes, self.alarm_rows)
        first = next(iter(self.rows.values()))
        label_rows(axes[-1], first, self.times or [None] * len(first))
        self.ax_, self.figure_ = axes, axes[0].figure
        return self

    def _draw(self, ax, measure: str, lines: dict) -> None:
        """One panel."""
        ends, last = [], 0
        title = MEASURE_NAMES.get(measure, measure)
        if measure in self.bands and len(self.bands[measure][0]):
            ax.fill_between(*self.bands[measure], color=SERIES[0], alpha=0.16, lw=0)
            title += ", with the 95 % interval of a window"
        for k, (name, values) in enumerate(lines.items()):
            color = SERIES[k % len(SERIES)]
            rows = self.rows[name]
            ax.plot(
                rows,
                values,
                color=color,
                lw=2.2 if k == 0 else 1.5,
                ls=LINES[k % 4],
                label=name,
            )
            known = values[~np.isnan(values)]
            if len(known):
                ends.append((float(known[-1]), name, color))
                last = max(last, int(rows[-1]))
        open_axes(ax)
        ax.set_title(title, loc="left", fontsize=11, color=INK, pad=14)
        if measure in RATE_OF:
            ax.set_ylim(bottom=0.0)
            if self.difference_bound is not None:
                draw_bound(ax, self.difference_bound)
        ax.margins(x=0.0)
        if not ends:
            say_nothing(ax, "no full window")
        label_ends(ax, ends, last)

    def mark_changes(self, points, names=(), widths=()):
        """Mark where the world is known to have changed, after `plot`.

        Parameters
        ----------
        points : sequence of int
            Rows at which changes began.
        names : sequence of str, default=()
            What they are called.
        widths : sequence of int, default=()
            Rows that they took.

        Returns
        -------
        self : PrequentialDisplay
        """
        for index, first in enumerate(points):
            for ax in self.ax_:
                ax.axvline(first, color=QUIET, linewidth=1, zorder=1)
                if len(widths) and widths[index]:
                    end = first + widths[index]
                    ax.axvspan(first, end, color="#F6EFE0", zorder=0, linewidth=0)
            if len(names):
                self.ax_[0].annotate(
                    names[index],
                    (first, 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(4, -10),
                    textcoords="offset points",
                    fontsize=9,
                    color=INK,
                )
        return self


def draw_bound(ax, bound: float) -> None:
    """The bound as a line with its name."""
    ax.axhline(bound, color=INK, lw=1.2, zorder=2)
    ax.set_ylim(top=max(ax.get_ylim()[1], 1.3 * bound))
    ax.annotate(
        f"bound {bound:g}",
        (0.0, bound),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=9,
        color=INK,
        bbox={"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8},
        zorder=5,
    )

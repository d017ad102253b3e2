"""How a gap moves in a stream: each group's rate with its uncertainty, and the gap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skfeamoe.inspection._prequential import draw_bound
from skfeamoe.inspection._style import INK, MARKERS, QUIET, RAISES, SERIES, pyplot
from skfeamoe.inspection._timeline import (
    LINES,
    MEASURE_NAMES,
    RATE_NAMES,
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
)

Z95 = 1.959963984540054
"""Quantile of the normal distribution for two-sided 95 %."""

MOST_GROUPS = 5
"""Groups whose rates are drawn, the largest ones; the gap is that of all groups."""


class FairnessDriftDisplay:
    """The rate of every group over a stream with 95 % intervals, and the gap below.

    Where the gap is above its bound, it is shaded.

    Parameters
    ----------
    rows : ndarray of shape (n_points,)
        Rows of the stream at the evaluation points.
    gap : ndarray of shape (n_points,)
        The gap.
    group_rates : dict of str to ndarray of shape (n_points,)
        Rate of each group.
    group_intervals : dict of str to ndarray of shape (n_points, 2), default=None
        Lower and upper ends of the intervals of these rates.
    measure : str, default="demographic_parity_difference"
        Which gap it is.
    rate : str, default="selection_rate"
        Which rate it is.
    times : list of length n_points, default=None
        When the points were.
    difference_bound : float, default=None
        Bound on the gap.
    alarm_rows : sequence of int, default=()
        Rows at which alarms were raised.
    gap_interval : ndarray of shape (n_points, 2), default=None
        Lower and upper ends of the intervals of the gap.
    n_more_groups : int, default=0
        Groups that are not drawn.

    Attributes
    ----------
    ax_ : ndarray of Axes, one for each panel
    figure_ : :class:`matplotlib.figure.Figure`

    Notes
    -----
    Intervals are Wilson's for a binomial rate. They tell how sure the rates of a window are,
    not how much the windows of a stream differ.

    References
    ----------
    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skfeamoe.inspection import FairnessDriftDisplay
    >>> from skfeamoe.streaming import monitor
    >>> rng = np.random.default_rng(0)
    >>> sex, repaid = rng.choice(["f", "m"], 4000), rng.integers(2, size=4000)
    >>> result = monitor(repaid, repaid, sensitive_features=sex)
    >>> display = FairnessDriftDisplay.from_result(result, difference_bound=0.05)
    >>> sorted(display.group_rates)
    ['f', 'm']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        rows,
        gap,
        group_rates,
        group_intervals=None,
        measure="demographic_parity_difference",
        rate="selection_rate",
        times=None,
        difference_bound=None,
        alarm_rows=(),
        gap_interval=None,
        n_more_groups=0,
    ):
        self.rows = rows
        self.gap = gap
        self.group_rates = group_rates
        self.group_intervals = group_intervals
        self.measure = measure
        self.rate = rate
        self.times = times
        self.difference_bound = difference_bound
        self.alarm_rows = alarm_rows
        self.gap_interval = gap_interval
        self.n_more_groups = n_more_groups

    @classmethod
    def from_result(
        cls,
        result,
        *,
        model: str | None = None,
        measure: str = "demographic_parity_difference",
        rate: str | None = None,
        view: str = "window",
        difference_bound: float | None = None,
        alarms: bool = True,
        panels: Sequence[str] = ("rates", "gap"),
        ax=None,
    ):
        """Draw the result of a run.

        Parameters
        ----------
        result : PrequentialResult
            Of :func:`~skfeamoe.streaming.prequential` or
            :func:`~skfeamoe.streaming.monitor`.
        model : str, default=None
            Which model; the first by default.
        measure : str, default="demographic_parity_difference"
            Which gap, of ``result.metrics``.
        rate : str, default=None
            Which rate of the groups: "selection_rate", "true_positive_rate",
            "false_positive_rate" or "burden"; by default the one that the gap is of (the
            true positive rate for equalized odds).
        view : {"window", "cumulative", "faded"}, default="window"
            Which rows count. Windows are drawn from the first full one on.
        difference_bound : float, default=None
            Bound on the gap.
        alarms : bool, default=True
            Whether to mark alarms.
        panels : sequence of {"rates", "gap"}, default=("rates", "gap")
            What to draw.
        ax : array of Axes, default=None
            Where to draw, one for each panel; None makes a figure.

        Returns
        -------
        display : FairnessDriftDisplay

        Raises
        ------
        ValueError
            If the model, measure, rate or view is not in the result, or no group is known.
        """
        model = chosen_model(result, model)
        if chosen_measure(result, measure) not in RATE_OF:
            raise ValueError(f"measure must be a gap, one of {list(RATE_OF)}, got {measure!r}")
        rate = RATE_OF[measure] if rate is None else rate
        if rate not in RATE_NAMES:
            raise ValueError(f"rate must be one of {list(RATE_NAMES)}, got {rate!r}")
        table = chosen_view(result.table, view)
        table = table[
            (table["model"] == model) & (table["n_rows"] >= full_window(result, view))
        ]
        if not result.groups:
            raise ValueError("result has no groups; pass sensitive_features to the run")
        groups = chosen_view(result.group_table, view)
        groups = groups[groups["model"] == model].set_index(["group", "rows_seen"])
        sizes = groups.groupby(level=0)["n_rows"].sum().sort_values(ascending=False)
        typical = groups.groupby(level=0)["n_rows"].median()
        large = [name for name in sizes.index if typical[name] >= result.min_group_size]
        drawn = (large or list(sizes.index))[:MOST_GROUPS]
        names = [name for name in result.group_names if name in drawn]
        rows = table["rows_seen"].to_numpy()
        parts = {name: groups.loc[name].reindex(rows) for name in names}
        found = result.alarms
        gaps = result.gap_table(measure, model=model, view=view)
        display = cls(
            rows=rows,
            gap=gaps["gap"].to_numpy(dtype=float),
            gap_interval=gaps[["low", "high"]].to_numpy(dtype=float),
            group_rates={name: part[rate].to_numpy(float) for name, part in parts.items()},
            group_intervals=None
            if rate == "burden"
            else {name: rate_intervals(part, rate) for name, part in parts.items()},
            measure=measure,
            rate=rate,
            times=table["time"].tolist(),
            difference_bound=difference_bound,
            alarm_rows=found["row"][found["model"] == model].tolist() if alarms else (),
            n_more_groups=len(sizes) - len(names),
        )
        return display.plot(panels=panels, ax=ax)

    def plot(self, *, panels=("rates", "gap"), ax=None):
        """Draw.

        Parameters
        ----------
        panels : sequence of {"rates", "gap"}, default=("rates", "gap")
            What to draw.
        ax : array of Axes, default=None
            Where to draw, one for each panel; None makes a figure.

        Returns
        -------
        self : FairnessDriftDisplay
        """
        unknown = [name for name in panels if name not in ("rates", "gap")]
        if unknown or not len(panels):
            raise ValueError(f"panels must be of 'rates' and 'gap', got {panels!r}")
        heights = [{"rates": 3.0, "gap": 2.4}[name] for name in panels]
        axes = new_axes(pyplot(), ax, len(panels), heights)
        for axis, name in zip(axes, panels, strict=True):
            self._draw_rates(axis) if name == "rates" else self._draw_gap(axis)
        mark_alarms(axes, self.alarm_rows)
        label_rows(axes[-1], self.rows, self.times or [None] * len(self.rows))
        self.ax_, self.figure_ = axes, axes[0].figure
        return self

    def _draw_rates(self, ax) -> None:
        """Rates of the groups, with a band for what chance may do."""
        ends = []
        every = max(len(self.rows) // 12, 1)
        for k, (name, values) in enumerate(self.group_rates.items()):
            color = SERIES[k % len(SERIES)]
            if self.group_intervals is not None:
                low, high = self.group_intervals[name].T
                ax.fill_between(self.rows, low, high, color=color, alpha=0.16, lw=0)
            ax.plot(
                self.rows,
                values,
                color=color,
                lw=1.9,
                ls=LINES[k // len(SERIES) % 4],
                marker=MARKERS[k % len(MARKERS)],
                markevery=(k % every, every),
                ms=5,
                label=name,
            )
            known = values[~np.isnan(values)]
            if len(known):
                ends.append((float(known[-1]), name, color))
        open_axes(ax)
        ax.margins(x=0.0)
        title = f"{RATE_NAMES[self.rate]} of each group, with 95 % intervals"
        if self.n_more_groups:
            more = "group is" if self.n_more_groups == 1 else "groups are"
            title += f" ({self.n_more_groups} smaller {more} not drawn)"
        ax.set_title(title, loc="left", fontsize=11, color=INK, pad=14)
        label_ends(ax, ends, self.rows[-1] if len(self.rows) else 0)

    def _draw_gap(self, ax) -> None:
        """The gap with its interval, and its bound."""
        if self.gap_interval is not None and len(self.rows):
            low, high = np.asarray(self.gap_interval).T
            ax.fill_between(self.rows, low, high, color=QUIET, alpha=0.18, lw=0)
        ax.plot(self.rows, self.gap, color=INK, lw=2.0)
        open_axes(ax)
        ax.set_ylim(bottom=0.0)
        ax.margins(x=0.0)
        if self.difference_bound is not None:
            ratio = self.measure.endswith("_ratio")
            gap = np.nan_to_num(self.gap, nan=self.difference_bound)
            over = gap < self.difference_bound if ratio else gap > self.difference_bound
            ax.fill_between(
                self.rows,
                self.difference_bound,
                self.gap,
                where=over,
                interpolate=True,
                facecolor=RAISES,
                alpha=0.35,
                lw=0,
            )
            draw_bound(ax, self.difference_bound)
        ax.set_title(MEASURE_NAMES[self.measure], loc="left", fontsize=11, color=INK)


def rate_intervals(table, rate: str) -> np.ndarray:
    """95 % intervals (Wilson) of the rates in lines of a group table, (n_lines, 2)."""
    n_rows = table["n_effective"].to_numpy(float)
    of_event = {
        "selection_rate": np.ones(len(table)),
        "true_positive_rate": table["base_rate"].to_numpy(float),
        "false_positive_rate": 1.0 - table["base_rate"].to_numpy(float),
    }[rate]
    return wilson_intervals(table[rate].to_numpy(float), np.rint(n_rows * of_event))


def wilson_intervals(share: np.ndarray, n: np.ndarray) -> np.ndarray:
    """95 % intervals of shares of n rows, (n_shares, 2); nan where nothing was counted.

    With z = 1.96: (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4 n^2)) / (1 + z^2 / n).
    """
    n = np.where(n > 0, n, np.nan)
    middle = share + Z95**2 / (2 * n)
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return np.column_stack([middle - half, middle + half]) / (1 + Z95**2 / n)[:, None]

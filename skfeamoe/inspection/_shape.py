"""Shape functions of additive experts, drawn."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfeamoe._column_names import feature_columns
from skfeamoe.inspection._style import INK, QUIET, SERIES, expert_name, pyplot, shorten, tidy
from skfeamoe.inspection._views import class_position, mean_gate_proba

MOST_BARS = 14
"""Categories that are drawn; the others are named in a note."""

FEWEST_SHARE = 0.02
"""An expert with a smaller mean gate weight gets no line of its own."""


class ShapeDisplay:
    """What each column adds to the log-odds, value by value, above the density of the data.

    One panel per column. A thick line is the mean of the experts' functions by their share of
    the gate; thin ones are single experts. Dots are values that many rows share and that the
    model treats on their own; bars are categories; a diamond is what a missing value adds.
    Lines end where the data that the model has seen end: beyond, the function is constant.

    Parameters
    ----------
    shapes : dict of str to dict
        Shape functions as `FEAMOEClassifier.shape_functions_` has them, for the columns to
        draw.
    share : ndarray of shape (n_experts,)
        Mean gate weight of every expert.
    background : dict of str to ndarray of shape (n_background,)
        Values of the columns, whose density is drawn.
    label : object, default=None
        The class whose log-odds are shown.

    Attributes
    ----------
    ax_ : ndarray of :class:`matplotlib.axes.Axes`, one per column
    figure_ : :class:`matplotlib.figure.Figure`

    See Also
    --------
    skfeamoe.inspection.CoefficientsDisplay : Coefficients of linear experts.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import ShapeDisplay
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, expert="additive", random_state=0)
    >>> model = model.fit(stream.data, stream.target)
    >>> display = ShapeDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(self, *, shapes, share, background, label=None):
        self.shapes = shapes
        self.share = share
        self.background = background
        self.label = label

    @classmethod
    def from_estimator(cls, estimator, columns=None, *, expert=None, label=None, ax=None):
        """Read the shape functions and draw.

        Parameters
        ----------
        estimator : FEAMOEClassifier
            A fitted classifier with ``expert="additive"``.
        columns : list of str or int, default=None
            Columns to draw; None draws the six that move the log-odds most.
        expert : int, default=None
            Draw one expert, counted from 0; None draws all and their mean.
        label : object, default=None
            The class to look at; None is the favorable one.
        ax : array of Axes, default=None
            Where to draw, one per column; None makes a figure.

        Returns
        -------
        display : ShapeDisplay
        """
        check_is_fitted(estimator)
        position = class_position(estimator, label)
        names = feature_columns(estimator)[1]
        rows = estimator.background_
        share = np.full(estimator.n_experts_, 1.0 / estimator.n_experts_)
        if len(rows):
            share = mean_gate_proba(estimator, None)
        shapes = {
            name: _of_class(table, position)
            for name, table in estimator.shape_functions_.items()
        }
        if expert is not None:
            if not 0 <= expert < len(share):
                raise ValueError(f"expert must be from 0 to {len(share) - 1}, got {expert!r}")
            share = np.ones(1)
            shapes = {
                name: {**table, "effect": table["effect"][[expert]]}
                for name, table in shapes.items()
            }
        chosen = _chosen(columns, names, shapes, share)
        display = cls(
            shapes={name: shapes[name] for name in chosen},
            share=share,
            background={name: rows[:, names.index(name)] for name in chosen},
            label=estimator.classes_[position],
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : array of Axes, default=None
            Where to draw, one per column; None makes a figure.

        Returns
        -------
        self : ShapeDisplay
        """
        plt = pyplot()
        n = len(self.shapes)
        if ax is None:
            across = min(n, 3)
            down = -(-n // across)
            _, ax = plt.subplots(
                down,
                across,
                figsize=(4.0 * across, 3.0 * down + 0.4),
                squeeze=False,
                layout="constrained",
            )
        axes = np.atleast_1d(np.asarray(ax)).ravel()
        if len(axes) < n:
            raise ValueError(f"ax must have one Axes for each of {n} columns, got {len(axes)}")
        for one, (name, table) in zip(axes, self.shapes.items(), strict=False):
            if "category" in table["kind"]:
                self._draw_bars(one, name, table)
            else:
                self._draw_lines(one, name, table)
            one.set_title(shorten(name), loc="left", fontsize="medium")
            tidy(one)
        for one in axes[n:]:
            one.set_visible(False)
        yes = "" if self.label is None else f" of {self.label!s}"
        axes[0].figure.suptitle(
            f"Added to the log-odds{yes}, by column", x=0.01, ha="left", fontsize="medium"
        )
        if len(self._shown()) > 1:
            axes[0].legend(fontsize="x-small", frameon=False)
        self.ax_, self.figure_ = axes[:n], axes[0].figure
        return self

    def _shown(self) -> list[int]:
        """Experts that have a line of their own."""
        if len(self.share) == 1:
            return []
        order = np.argsort(-self.share)
        return [int(k) for k in order if self.share[k] >= FEWEST_SHARE][: len(SERIES)]

    def _draw_lines(self, ax, name, table) -> None:
        """A number's function, its atoms and what a missing value adds."""
        kind, x, effect = np.array(table["kind"]), table["value"], table["effect"]
        mean = self.share @ effect
        lines, atoms = kind == "value", kind == "atom"
        ax.axhline(0.0, color=QUIET, linewidth=0.6, zorder=0)
        finite = np.isfinite(x)
        x_drawn = np.where(finite, x, 0.0)
        for k in self._shown():
            color = SERIES[k % len(SERIES)]
            text = f"{expert_name(k)} ({self.share[k]:.0%})"
            ax.plot(x[lines], effect[k, lines], color=color, linewidth=0.9, label=text)
            ax.plot(x[atoms], effect[k, atoms], "o", color=color, markersize=2.5)
        ax.plot(x[lines], mean[lines], color=INK, linewidth=2.0, label="mean")
        ax.plot(x[atoms], mean[atoms], "o", color=INK, markersize=4.5)
        data = self.background[name]
        data = data[~np.isnan(data)]
        low, high = x_drawn[finite].min(), x_drawn[finite].max()
        if high > low > 0 and high > 50 * max(np.median(x[finite]), low):
            ax.set_xscale("log")
        elif low >= 0 and len(data) and high > 20 * max(np.median(x[finite]), 1.0):
            ax.set_xscale("symlog", linthresh=max(np.min(x[finite & (x > 0)]), 1.0))
        if (kind == "missing").any():
            ax.plot(
                [0.98],
                mean[kind == "missing"],
                "D",
                color=INK,
                markersize=5,
                transform=ax.get_yaxis_transform(),
                clip_on=False,
            )
            ax.annotate(
                "missing",
                (0.98, mean[kind == "missing"][0]),
                xycoords=ax.get_yaxis_transform(),
                xytext=(-6, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize="x-small",
            )
        self._draw_density(ax, np.clip(data, low, high))
        if all(
            text in ("True", "False")
            for text, k in zip(table["label"], kind, strict=True)
            if k == "value"
        ):
            ax.set_xticks(x[lines], [table["label"][i] for i in np.flatnonzero(lines)])

    def _draw_density(self, ax, data) -> None:
        """A rug of the background rows along the bottom."""
        if not len(data):
            return
        ax.plot(
            data,
            np.full(len(data), 0.015),
            "|",
            color=QUIET,
            markersize=6,
            alpha=max(0.05, min(0.5, 60.0 / len(data))),
            transform=ax.get_xaxis_transform(),
            zorder=0,
        )

    def _draw_bars(self, ax, name, table) -> None:
        """Categories as bars, longest first, with the rows that each has in the data."""
        mean = self.share @ table["effect"]
        data = self.background[name]
        known = ~np.isnan(table["value"])
        rows = [
            np.isnan(data).sum() if not ok else (data == value).sum()
            for ok, value in zip(known, table["value"], strict=True)
        ]
        pooled = table["value"] == -1.0
        if pooled.any():
            rows[int(np.flatnonzero(pooled)[0])] = int(
                (~np.isnan(data) & ~np.isin(data, table["value"][~pooled])).sum()
            )
        texts = ["(other)" if p else t for p, t in zip(pooled, table["label"], strict=True)]
        kept = [i for i in np.argsort(-np.abs(mean)) if rows[i] or not pooled[i]][:MOST_BARS]
        kept = sorted(kept, key=lambda i: mean[i])
        share = np.array(rows) / max(len(data), 1)
        places = np.arange(len(kept))
        ax.barh(places, mean[kept], color=QUIET, height=0.7)
        for k in self._shown():
            color = SERIES[k % len(SERIES)]
            text = f"{expert_name(k)} ({self.share[k]:.0%})"
            ax.plot(
                table["effect"][k, kept], places, "|", color=color, markersize=9, label=text
            )
        ticks = [f"{shorten(texts[i], 22)} ({share[i]:.0%})" for i in kept]
        ax.set_yticks(places, ticks, fontsize="x-small")
        ax.axvline(0.0, color=QUIET, linewidth=0.6)
        n_left = len(mean) - len(kept) - int(pooled.any() and not np.isin(-1.0, table["value"]))
        if n_left > 1:
            ax.set_xlabel(f"{n_left} more are not shown", fontsize="x-small", color=QUIET)


def _of_class(table, position: int):
    """A table with the effect on one class, (n_experts, n_points)."""
    effect = table["effect"]
    if effect.ndim == 3:
        effect = effect[:, position] - effect.mean(axis=1)
    elif position == 0:
        effect = -effect
    return {**table, "effect": effect}


def _chosen(columns, names, shapes, share) -> list[str]:
    """Names of the columns to draw."""
    if columns is None:
        reach = {n: np.ptp(share @ t["effect"]) for n, t in shapes.items()}
        return sorted(names, key=lambda n: -reach[n])[:6]
    chosen = []
    for column in [columns] if isinstance(columns, (str, int)) else columns:
        name = column if isinstance(column, str) else names[column]
        if name not in shapes:
            raise ValueError(f"columns names {name!r}, which is not among {names}")
        chosen.append(name)
    return chosen

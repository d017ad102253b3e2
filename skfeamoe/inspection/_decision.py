"""One person's decision: what each feature did, and which experts were asked."""

from __future__ import annotations

import numpy as np

from skfeamoe.inspection._style import (
    INK,
    LOWERS,
    QUIET,
    RAISES,
    expert_name,
    pyplot,
    shorten,
    signed,
    tidy,
)
from skfeamoe.inspection._views import class_position, mean_gate_proba, view_of_class

_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
"""Behind numbers, so that no line of the grid strikes them through."""

OUTPUT_NAMES = {"probability": "probability", "log_odds": "log-odds"}


class DecisionDisplay:
    """One decision as a waterfall, with the routing shown.

    The waterfall walks from the mean over the background to this person's output. Each
    feature has two bars: what it changes within the experts (solid) and what it changes by
    moving the person between them (hatched). Beside it: how far each expert was asked, how
    far it is asked on average, and what it says.

    Parameters
    ----------
    feature_names : list of str of length n_players
    expert_values, routing_values : ndarray of shape (n_players,)
        The two parts of the Shapley values; they sum to output minus base value.
    base_value : float
        Mean output over the background.
    cells : list or None, default=None
        The person's values of the features.
    gate_proba, mean_gate_proba : ndarray of shape (n_experts,), default=None
        Gate weights of this person, and on average over the background.
    expert_proba : ndarray of shape (n_experts,), default=None
        Each expert's probability of the label for this person.
    label : object, default=None
        The class whose probability is explained.
    output : {"probability", "log_odds"}, default="probability"
        Scale of the values.
    error_std : ndarray of shape (n_players,), default=None
        Standard errors of the total values, if permutations were sampled.

    Attributes
    ----------
    ax_ : :class:`matplotlib.axes.Axes` or ndarray of two of them
        Waterfall, and routing if it was given.
    figure_ : :class:`matplotlib.figure.Figure`

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import DecisionDisplay
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> model = model.fit(stream.data, stream.target)
    >>> display = DecisionDisplay.from_estimator(model, stream.data[:1])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        feature_names,
        expert_values,
        routing_values,
        base_value,
        cells=None,
        gate_proba=None,
        mean_gate_proba=None,
        expert_proba=None,
        label=None,
        output="probability",
        error_std=None,
    ):
        self.feature_names = feature_names
        self.expert_values = expert_values
        self.routing_values = routing_values
        self.base_value = base_value
        self.cells = cells
        self.gate_proba = gate_proba
        self.mean_gate_proba = mean_gate_proba
        self.expert_proba = expert_proba
        self.label = label
        self.output = output
        self.error_std = error_std

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        label=None,
        output="probability",
        max_features=10,
        ax=None,
        **explain_options,
    ):
        """Explain one row and draw.

        Parameters
        ----------
        estimator : FEAMOEClassifier
            A fitted classifier.
        X : {array-like, sparse matrix, DataFrame} of shape (1, n_features)
            The person.
        label : object, default=None
            The class to look at; None is the favorable one.
        output : {"probability", "log_odds"}, default="probability"
            Scale of the waterfall.
        max_features : int, default=10
            Features to draw one by one; the others are drawn as one line.
        ax : Axes or array of two Axes, default=None
            Where to draw: the waterfall only, or the waterfall and the routing. None makes
            a figure with both.
        **explain_options : dict
            Passed on to :meth:`~skfeamoe.FEAMOEClassifier.explain`.

        Returns
        -------
        display : DecisionDisplay

        Raises
        ------
        ValueError
            If X does not have exactly one row, or an argument is invalid.
        """
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        if n_rows != 1:
            raise ValueError(
                f"X must be one person, shape (1, n_features), got {n_rows} rows; draw one "
                "display for each, for example with X[i : i + 1]"
            )
        parted = hasattr(estimator, "expert_coef_")  # networks have no parts
        explanation = estimator.explain(X, output=output, decompose=parted, **explain_options)
        position = class_position(estimator, label)
        view = view_of_class(explanation, position, output)
        names, expert, routing = _parts(view.names, view.values[0])
        n_players = len(names)
        display = cls(
            feature_names=names,
            expert_values=expert,
            routing_values=routing,
            error_std=_error_of_sums(explanation, n_players, position),
            base_value=float(view.base_values[0]),
            cells=None if view.cells is None else list(view.cells[0, :n_players]),
            gate_proba=estimator.gate_proba(X)[0],
            mean_gate_proba=mean_gate_proba(estimator, explain_options.get("background")),
            expert_proba=estimator.expert_proba(X)[0, :, position],
            label=estimator.classes_[position],
            output=output,
        )
        return display.plot(max_features=max_features, ax=ax)

    @classmethod
    def from_explanation(cls, explanation, *, gate_proba=None, max_features=10, ax=None):
        """Draw a row that is explained already, with or without ``decompose=True``.

        Parameters
        ----------
        explanation : :class:`shap.Explanation`
            Of one row and one output: ``explanation[i]`` or ``explanation[i, :, k]``.
        gate_proba : ndarray of shape (n_experts,), default=None
            The person's gate weights; without them only the waterfall is drawn.
        max_features, ax
            As in `from_estimator`.

        Returns
        -------
        display : DecisionDisplay
        """
        values = np.asarray(explanation.values)
        if values.ndim != 1:
            raise ValueError(
                f"explanation must be of one row and one output, got values of shape "
                f"{values.shape}; choose with explanation[i] or explanation[i, :, k]"
            )
        shown = explanation.display_data
        cells = explanation.data if shown is None else shown
        names, expert, routing = _parts(list(explanation.feature_names), values)
        n_players = len(names)
        display = cls(
            feature_names=names,
            expert_values=expert,
            routing_values=routing,
            error_std=_error_of_sums(explanation, n_players),
            base_value=float(explanation.base_values),
            cells=None if cells is None else list(cells[:n_players]),
            gate_proba=gate_proba,
            label=explanation.output_names,
        )
        return display.plot(max_features=max_features, ax=ax)

    def plot(self, *, max_features=10, ax=None):
        """Draw.

        Parameters
        ----------
        max_features : int, default=10
            Features to draw one by one.
        ax : Axes or array of two Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self : DecisionDisplay
        """
        plt = pyplot()
        lines = self._lines(max_features)
        with_routing = self.gate_proba is not None
        if ax is None:
            height = 1.9 + 0.42 * len(lines[0])
            if with_routing:
                _, ax = plt.subplots(
                    1, 2, figsize=(11.0, height), width_ratios=(2.1, 1.0), layout="constrained"
                )
            else:
                _, ax = plt.subplots(figsize=(7.5, height), layout="constrained")
        axes = np.atleast_1d(ax)
        self._draw_waterfall(axes[0], *lines)
        if len(axes) > 1 and with_routing:
            self._draw_routing(axes[1])
        self.ax_, self.figure_ = (axes if len(axes) > 1 else axes[0]), axes[0].figure
        return self

    def _lines(self, max_features: int):
        """Texts, expert parts, routing parts and standard errors of the lines to draw."""
        expert, routing = np.asarray(self.expert_values), np.asarray(self.routing_values)
        error = np.zeros(len(expert)) if self.error_std is None else np.asarray(self.error_std)
        order = np.argsort(-(np.abs(expert) + np.abs(routing)), kind="stable")
        top, rest = order, order[:0]
        if len(order) > max_features:
            top, rest = order[: max_features - 1], order[max_features - 1 :]
        texts = [self._text(j) for j in top]
        parts = [expert[top], routing[top], error[top]]
        if len(rest):
            texts.append(f"{len(rest)} others")
            parts = [np.append(p[top], p[rest].sum()) for p in (expert, routing, error)]
        return texts, *parts

    def _text(self, j: int) -> str:
        """Name and value of a feature."""
        name = shorten(str(self.feature_names[j]), 26)
        if self.cells is None:
            return name
        cell = self.cells[j]
        value = f"{cell:.4g}" if isinstance(cell, (float, np.floating)) else str(cell)
        value = value.removeprefix(f"{self.feature_names[j]}=")  # a column with its indicator
        return f"{name} = {shorten(value, 24)}"

    def _draw_waterfall(self, ax, texts, expert, routing, error) -> None:
        """Walk from the base value at the top to the output at the bottom."""
        steps = expert + routing
        starts = self.base_value + np.concatenate([[0.0], np.cumsum(steps)])
        marks = np.concatenate([starts, starts[:-1] + expert])
        reach = max(float(np.ptp(marks)), 1e-9)
        n, two = len(texts), bool(np.any(routing))
        shift, height = (0.17, 0.3) if two else (0.0, 0.5)
        for i in range(n):
            middle = starts[i] + expert[i]
            _bar(ax, i - shift, starts[i], expert[i], height)
            if abs(routing[i]) > 0.002 * reach:
                _bar(ax, i + shift, middle, routing[i], height, hatch="////")
            ax.plot([starts[i + 1]] * 2, [i - 0.34, i + 1], color=QUIET, lw=0.8, zorder=0)
            if error[i] > 0.0:
                ax.errorbar(starts[i + 1], i, xerr=error[i], color=INK, lw=1.0, capsize=3)
            right = max(starts[i], middle, starts[i + 1] + error[i])
            text = ax.text(right + 0.02 * reach, i, signed(steps[i]), va="center", color=INK)
            text.set_bbox(_PAPER)
        ax.plot([starts[0]] * 2, [-1, 0.34], color=QUIET, lw=0.8, zorder=0)
        for place, value in ((-1, starts[0]), (n, starts[-1])):
            ax.plot(value, place, "o", color=INK, ms=6)
            ax.text(value + 0.03 * reach, place, f"{value:.3f}", va="center", weight="bold")
        ax.set_yticks(range(-1, n + 1), ["mean of background", *texts, "this person"])
        ax.set_ylim(n + 0.6, -1.6)
        ax.set_xlim(marks.min() - 0.06 * reach, marks.max() + 0.22 * reach)
        scale = OUTPUT_NAMES[self.output]
        what = "output" if self.label is None else f"{scale} of {self.label!s}"
        ax.set_xlabel(what)
        ax.set_title("From the average to this person", loc="left", pad=24)
        _key(ax, two)
        ax.grid(axis="x", color="#E6E6E6", lw=0.8)
        ax.set_axisbelow(True)
        tidy(ax)

    def _draw_routing(self, ax) -> None:
        """Gate weights of this person and on average, with what every expert says."""
        gate = np.asarray(self.gate_proba)
        order = np.argsort(-gate, kind="stable")
        places = np.arange(len(gate))
        ax.barh(places, gate[order], height=0.62, color="#BFD7EA", edgecolor=LOWERS, lw=0.8)
        if self.mean_gate_proba is not None:
            mean = np.asarray(self.mean_gate_proba)[order]
            ax.plot(mean, places, "|", color=INK, ms=14, mew=2, label="on average")
            ax.legend(loc="lower left", bbox_to_anchor=(-0.05, 0.99), frameon=False)
        if self.expert_proba is not None:
            for place, k in zip(places, order, strict=True):
                text = f"says {self.expert_proba[k]:.2f}"
                widest = gate[k]
                if self.mean_gate_proba is not None:
                    widest = max(widest, float(self.mean_gate_proba[k]))
                ax.text(widest + 0.025, place, text, va="center", color=INK)
        ax.set_yticks(places, [expert_name(k) for k in order])
        ax.set_ylim(len(gate) - 0.4, -0.6)
        top = gate.max() if self.mean_gate_proba is None else max(gate.max(), mean.max())
        ax.set_xlim(0.0, max(1.45 * top, 0.2))
        ax.set_xlabel("gate weight")
        ax.set_title("Experts: weight and verdict", loc="left", pad=24)
        tidy(ax)


def _parts(names: list[str], values):
    """Names of the features, and their parts within experts and by routing."""
    n = len(names) // 2
    if len(names) % 2 == 0 and n and all(name.endswith(" (routing)") for name in names[n:]):
        return [name.removesuffix(" (expert)") for name in names[:n]], values[:n], values[n:]
    return list(names), values, np.zeros(len(names))


def _error_of_sums(explanation, n_players: int, position: int = 0):
    """Standard errors of a row's values; of a sum of two parts the most that it can be."""
    error = explanation.error_std
    if error is None:
        return None
    error = np.asarray(error, dtype=float)
    if error.ndim == 3:
        error = error[..., position]
    return error.reshape(-1, n_players).sum(axis=0)


def _bar(ax, place: float, start: float, width: float, height: float, hatch=None) -> None:
    """One part of a feature's step."""
    color = RAISES if width > 0 else LOWERS
    if hatch:
        ax.barh(place, width, height, start, fc="white", ec=color, hatch=hatch, lw=1.0)
    else:
        ax.barh(place, width, height, start, color=color, ec=color, lw=1.0)


def _key(ax, with_routing: bool) -> None:
    """Say what solid and hatched bars are."""
    from matplotlib.patches import Patch

    handles = [Patch(fc=RAISES, label="raises"), Patch(fc=LOWERS, label="lowers")]
    if with_routing:
        handles += [
            Patch(fc=QUIET, ec=QUIET, label="within experts"),
            Patch(fc="white", ec=QUIET, hatch="////", label="by routing"),
        ]
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.99),
        ncols=4,
        frameon=False,
        handlelength=1.2,
        columnspacing=1.2,
    )

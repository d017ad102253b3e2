"""Coefficients of gate and experts side by side."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skfeamoe._column_names import feature_columns
from skfeamoe.inspection._style import pyplot, shorten, tidy
from skfeamoe.inspection._views import class_position


class CoefficientsDisplay:
    """Coefficients of the gate and of the experts, as two tables of color.

    Left: what makes the gate ask an expert (relative to the others: only differences
    between experts matter). Right: what makes the expert say yes.

    Parameters
    ----------
    gate_coef, expert_coef : ndarray of shape (n_experts, n_features)
        Coefficients of gate scores and of one class's scores.
    feature_names : list of str of length n_features
    scale_name : str, default="per standard deviation"
        Unit of the coefficients.
    label : object, default=None
        The class whose scores are shown.

    Attributes
    ----------
    ax_ : ndarray of two :class:`matplotlib.axes.Axes`
    figure_ : :class:`matplotlib.figure.Figure`

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import CoefficientsDisplay
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> model = model.fit(stream.data, stream.target)
    >>> display = CoefficientsDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        gate_coef,
        expert_coef,
        feature_names,
        scale_name="per standard deviation",
        label=None,
    ):
        self.gate_coef = gate_coef
        self.expert_coef = expert_coef
        self.feature_names = feature_names
        self.scale_name = scale_name
        self.label = label

    @classmethod
    def from_estimator(
        cls, estimator, *, label=None, standardized=True, max_features=15, ax=None
    ):
        """Read the coefficients and draw.

        Parameters
        ----------
        estimator : FEAMOEClassifier
            A fitted classifier with linear experts.
        label : object, default=None
            The class to look at; None is the favorable one.
        standardized : bool, default=True
            Multiply by the standard deviations of the features in the background rows, so
            that coefficients compare; False shows them in units of `X`.
        max_features : int, default=15
            Features with the largest coefficients are drawn.
        ax : Axes or array of two Axes, default=None
            Where to draw; one is parted in two, None makes a figure.

        Returns
        -------
        display : CoefficientsDisplay
        """
        check_is_fitted(estimator)
        if not estimator._terms.is_linear:
            raise ValueError(
                "CoefficientsDisplay shows coefficients of columns; this model has functions "
                "of them: see skfeamoe.inspection.ShapeDisplay"
            )
        position = class_position(estimator, label)
        expert = estimator.expert_coef_
        if expert.shape[1] == 1:
            expert = expert[:, 0] if position == 1 else -expert[:, 0]
        else:
            expert = expert[:, position] - expert.mean(axis=1)
        scale = np.ones(expert.shape[1])
        if standardized:
            scale = _spread(estimator)
        display = cls(
            gate_coef=(estimator.gate_coef_ - estimator.gate_coef_.mean(axis=0)) * scale,
            expert_coef=expert * scale,
            feature_names=feature_columns(estimator)[1],
            scale_name="per standard deviation" if standardized else "in units of X",
            label=estimator.classes_[position],
        )
        return display.plot(max_features=max_features, ax=ax)

    def plot(self, *, max_features=15, ax=None):
        """Draw.

        Parameters
        ----------
        max_features : int, default=15
            Features to draw.
        ax : Axes or array of two Axes, default=None
            Where to draw; one is parted in two, None makes a figure.

        Returns
        -------
        self : CoefficientsDisplay
        """
        plt = pyplot()
        gate, expert = np.asarray(self.gate_coef), np.asarray(self.expert_coef)
        size = np.maximum(np.abs(gate).max(axis=0), np.abs(expert).max(axis=0))
        top = np.argsort(-size, kind="stable")[:max_features]
        if ax is None:
            width = 3.6 + 2 * max(1.8, 0.38 * len(gate))
            _, ax = plt.subplots(
                1, 2, figsize=(width, 2.0 + 0.32 * len(top)), sharey=True, layout="constrained"
            )
        axes = _two_axes(ax)
        yes = "" if self.label is None else f" for {self.label!s}"
        titles = ("What makes the gate ask", f"What makes it speak{yes}")
        for one, coef, title in zip(axes, (gate, expert), titles, strict=True):
            reach = max(float(np.abs(coef[:, top]).max()), 1e-12)
            image = one.imshow(
                coef[:, top].T, cmap="PuOr_r", vmin=-reach, vmax=reach, aspect="auto"
            )
            one.set_xticks(range(len(gate)), [str(k + 1) for k in range(len(gate))])
            one.set_xlabel("expert")
            one.set_title(title, loc="left", fontsize="medium")
            one.figure.colorbar(image, ax=one, shrink=0.9, label=f"log-odds {self.scale_name}")
            tidy(one)
            one.spines["bottom"].set_visible(False)
        names = [shorten(self.feature_names[j]) for j in top]
        axes[0].set_yticks(range(len(top)), names)
        n_left = len(self.feature_names) - len(top)
        if n_left:
            note = f"{n_left} features with smaller coefficients are not shown"
            axes[0].figure.supxlabel(note, fontsize="small", color="#666666")
        self.ax_, self.figure_ = axes, axes[0].figure
        return self


def _two_axes(ax):
    """Two axes: those that were given, or the two halves of one."""
    axes = np.asarray(ax, dtype=object).ravel()
    if len(axes) == 1:
        axes[0].set_axis_off()
        halves = axes[0].get_subplotspec().subgridspec(1, 2, wspace=0.45)
        first = axes[0].figure.add_subplot(halves[0])
        axes = np.array(
            [first, axes[0].figure.add_subplot(halves[1], sharey=first)], dtype=object
        )
        axes[1].tick_params(labelleft=False)
    if len(axes) != 2:
        raise ValueError(f"ax must be one Axes or two, got {len(axes)}")
    return axes


def _spread(estimator):
    """Standard deviations of the features in the background rows."""
    rows, weight = estimator.background_, estimator.background_weight_
    if rows.shape[0] == 0:
        raise ValueError(
            "standardized=True needs the background rows, and this model kept none; use "
            "standardized=False"
        )
    share = weight / weight.sum()
    mean = share @ rows
    squares = rows.multiply(rows) if issparse(rows) else rows * rows
    return np.sqrt(np.maximum(share @ squares - mean * mean, 0.0))

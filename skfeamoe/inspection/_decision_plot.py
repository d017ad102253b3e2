"""shap's decision plot for any explanation of the mixture."""

from __future__ import annotations

import numpy as np

from skfeamoe.inspection._style import pyplot
from skfeamoe.inspection._views import view_of_output


def decision_plot(explanation, *, ax=None, **options):
    """Draw shap's decision plot, which by itself accepts a single base value only.

    Explanations with a frozen gate have a base value for every row. They are drawn from the
    mean of these; what a row's gate adds to it becomes one more line, "gate (base value)",
    so that every path still ends at the explained output.

    Parameters
    ----------
    explanation : :class:`shap.Explanation`
        Of several rows and one output, see :meth:`~skfeamoe.FEAMOEClassifier.explain`;
        choose a class with ``explanation[:, :, k]``.

    ax : :class:`matplotlib.axes.Axes`, default=None
        Where to draw; None makes a figure.

    **options : dict
        Passed on to :func:`shap.plots.decision`.

    Returns
    -------
    ax : :class:`matplotlib.axes.Axes`
        The axes that were drawn on.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.inspection import decision_plot
    >>> stream = make_credit_stream(500, drift=None, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> model = model.fit(stream.data, stream.target)
    >>> ax = decision_plot(model.explain(stream.data[:10]))  # doctest: +SKIP
    """
    plt = pyplot()
    import shap

    view = view_of_output(explanation)
    values, names, base = view.values, view.names, float(view.base_values.mean())
    shift = view.base_values - base
    if np.abs(shift).max() > 1e-12:
        values = np.column_stack([values, shift])
        names = [*names, "gate (base value)"]
    plt.sca(plt.figure().add_subplot() if ax is None else ax)
    shap.plots.decision(base, values, feature_names=names, **({"show": False} | options))
    return plt.gca()

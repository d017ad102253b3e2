"""One array for all parameters of a mixture of linear experts.

``block`` has one row per linear score and one column per feature, plus a last column for
the intercepts. The first ``n_experts`` rows are the gate; the rest are the experts, expert
after expert, ``n_outputs`` rows each::

    scores = Z @ block[:, :-1].T + block[:, -1]       (n_samples, n_rows)
    gate scores = scores[:, :n_experts]
    expert scores = scores[:, n_experts:]             (n_samples, n_experts * n_outputs)

so that a forward pass, a backward pass and an optimizer step are one product or one array
operation each, however many experts there are. ``n_outputs`` is 1 for two classes (the
score of the second class, the first one's being 0) and ``n_classes`` otherwise.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Layout(NamedTuple):
    """The sizes that give a parameter block its meaning."""

    n_experts: int
    n_classes: int
    n_features: int

    @property
    def n_outputs(self) -> int:
        """Linear scores per expert: 1 for two classes, else one per class."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def n_rows(self) -> int:
        """Rows of the block: one gate row and ``n_outputs`` expert rows per expert."""
        return self.n_experts * (1 + self.n_outputs)

    def with_experts(self, n_experts: int) -> "Layout":
        """The same layout with another number of experts."""
        return self._replace(n_experts=n_experts)


def zeros(layout: Layout) -> NDArray:
    """A block of zeros: uniform gate, experts that give every class the same probability."""
    return np.zeros((layout.n_rows, layout.n_features + 1))


def expert_rows(layout: Layout, k: int) -> NDArray:
    """Row numbers of expert k: its gate row, then its ``n_outputs`` expert rows."""
    start = layout.n_experts + k * layout.n_outputs
    return np.r_[k, start : start + layout.n_outputs]


def append_expert(block: NDArray, layout: Layout, rows: NDArray) -> NDArray:
    """Block with one more expert whose gate row and expert rows are ``rows``."""
    k = layout.n_experts
    return np.concatenate([block[:k], rows[:1], block[k:], rows[1:]])


def remove_expert(block: NDArray, layout: Layout, k: int) -> NDArray:
    """Block without expert k."""
    return np.delete(block, expert_rows(layout, k), axis=0)


def split(block: NDArray, layout: Layout) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Gate coefficients and intercepts, expert coefficients and intercepts.

    Shapes (n_experts, n_features), (n_experts,), (n_experts, n_outputs, n_features) and
    (n_experts, n_outputs); views where possible.
    """
    k, shape = layout.n_experts, (layout.n_experts, layout.n_outputs)
    gate, experts = block[:k], block[k:]
    return (
        gate[:, :-1],
        gate[:, -1],
        experts[:, :-1].reshape(*shape, layout.n_features),
        experts[:, -1].reshape(shape),
    )

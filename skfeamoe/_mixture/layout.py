"""Sizes of a mixture, and the rows of its parameters.

All parameters are one two-dimensional array. What its columns are is a matter of
the kind of expert (`_mixture.experts`); what its rows are is the same for all kinds: first
one row per expert that ends with the expert's gate intercept, then ``n_extra_rows`` more rows
for every expert, expert after expert. So experts can be copied, added and removed, and an
optimizer can step through all parameters, without knowing what the experts are.
"""

from typing import NamedTuple


class Layout(NamedTuple):
    """The sizes that give parameters their meaning."""

    n_experts: int
    n_classes: int
    n_features: int
    expert: str = "logistic"  # name of the kind of experts
    hidden: tuple[int, ...] = ()  # widths of the hidden layers of networks
    activation: str = "relu"  # of these layers

    @property
    def n_outputs(self) -> int:
        """Scores per expert: 1 for two classes, else one per class."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def n_scores(self) -> int:
        """Scores of a row of data: one of the gate and ``n_outputs`` per expert."""
        return self.n_experts * (1 + self.n_outputs)

    def with_experts(self, n_experts: int) -> "Layout":
        """The same layout with another number of experts."""
        return self._replace(n_experts=n_experts)

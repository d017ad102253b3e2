"""The same mixture in PyTorch, eager: gradients by autograd, steps by its own Adagrad.

Logistic experts under a softmax gate, the loss of the mixture, and the gap in demographic
parity of a batch times a fixed multiplier. It has neither checks nor growth, no bound that is
solved for, no units of columns and no average that predicts; its numbers have 32 bits, as is
usual there. PyTorch is no requirement of anything else: a distribution's package will do.
"""

import numpy as np
import torch

MULTIPLIER = 0.1
RATE = 0.1


class EagerMixture:
    """A mixture that learns a batch a call.

    Parameters
    ----------
    n_features, n_experts : int
        Its size.
    seed : int
        Of the first parameters.
    """

    def __init__(self, n_features: int, n_experts: int, seed: int = 0):
        drawn = torch.Generator().manual_seed(seed)
        size = (2 * n_experts, n_features)
        self.weights = torch.empty(size).normal_(0.0, 0.1, generator=drawn).requires_grad_()
        self.biases = torch.zeros(2 * n_experts, requires_grad=True)
        self.optimizer = torch.optim.Adagrad([self.weights, self.biases], lr=RATE)

    def proba(self, X: torch.Tensor) -> torch.Tensor:
        """Probability of the favorable label, experts weighted by the gate."""
        experts, gate = (X @ self.weights.T + self.biases).chunk(2, dim=1)
        return (torch.softmax(gate, dim=1) * torch.sigmoid(experts)).sum(dim=1)

    def partial_fit(self, X: torch.Tensor, y: torch.Tensor, group: torch.Tensor) -> None:
        """One step on one batch; `group` is 1.0 for the rows of one of two groups."""
        self.optimizer.zero_grad()
        proba = self.proba(X).clamp(1e-6, 1.0 - 1e-6)
        one, other = group.sum().clamp(min=1.0), (1.0 - group).sum().clamp(min=1.0)
        gap = (proba * group).sum() / one - (proba * (1.0 - group)).sum() / other
        loss = torch.nn.functional.binary_cross_entropy(proba, y) + MULTIPLIER * gap.abs()
        loss.backward()
        self.optimizer.step()


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    """Arrays as tensors of 32 bits, through the buffer protocol alone."""
    small = [np.ascontiguousarray(array, dtype=np.float32) for array in arrays]
    return [torch.frombuffer(part, dtype=torch.float32).reshape(part.shape) for part in small]

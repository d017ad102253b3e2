"""What a step of growth does to the predictions, measured inside of the trainer."""

from contextlib import contextmanager

import numpy as np

from skfeamoe._training import trainer

PROBE_ROWS = 500


@contextmanager
def growth_steps(X):
    """Mean absolute change of the probabilities at every step of growth within the block.

    The trainer's two acts of growth are measured from outside, before and after, on rows
    spread over the stream, so that no step of learning lies in between.
    """
    changes: list[float] = []
    probe = X[:: max(len(X) // PROBE_ROWS, 1)]
    acts = {name: getattr(trainer, name) for name in ("add_expert", "add_generation")}

    def measured(act):
        def measuring(model, max_experts):
            Z = model.terms.transform(probe)
            before = model.predict(Z)
            act(model, max_experts)
            changes.append(float(np.abs(model.predict(Z) - before).mean()))

        return measuring

    for name, act in acts.items():
        setattr(trainer, name, measured(act))
    try:
        yield changes
    finally:
        for name, act in acts.items():
            setattr(trainer, name, act)

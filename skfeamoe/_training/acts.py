"""What the trainer does when a growth policy asks for it.

A new expert is a copy of the one that serves most people, which hands it half of its share:
the mixture's output is the same before and after, up to a small perturbation that lets the
two part. Its optimizer starts with a tenth of its parent's state, so that it learns faster
than the experts around it (with no state at all its first steps are as large as those of an
untrained model, and cost .3 points of accuracy on Adult; see docs/decisions). A new
generation is an exact copy of all experts that are believed, with next to no state.
"""

import numpy as np

from skfeamoe._mixture.experts import expert_rows
from skfeamoe._training.capacity import FEW_ROWS, KEPT_ROWS, best_removal, spared_generations
from skfeamoe._training.draws import Draws
from skfeamoe._training.model import Model

NOISE = 0.05
"""Norm of the perturbation of a new expert's rows, in units of log-odds."""

STATE_PART = 0.1
"""Part of its parent's optimizer state that a new expert starts with."""

NEWBORN_STATE_PART = 0.003
"""Part of its parents' optimizer state that a generation born of an alarm starts with."""


def kept_rows(model: Model):
    """Rows to measure on, standardized: the last ones if they are kept, else the background."""
    if len(model.drift.recent) >= FEW_ROWS:
        X = model.drift.recent.last(len(model.drift.recent)).X
        return model.terms.transform(X[::2])
    X, _ = model.background.sample()
    return model.terms.transform(X[:: max(X.shape[0] // KEPT_ROWS, 1)])


def add_expert(model: Model, max_experts: int) -> None:
    """Add an expert, in place of the one that costs least if there is no room.

    Where nobody can be spared the busiest expert learns as fast as its copy would. Every
    occasion is counted, since the penalties of `ScheduleMonitor` grow with it.
    """
    model.clock.count_growth(1)
    if max_experts < 2:
        return
    ensemble = model.ensemble
    while ensemble.n_experts >= max_experts:
        removal = best_removal(ensemble, model.posterior, kept_rows(model))
        if removal is None:
            ensemble.refresh([ensemble.load.argmax()], STATE_PART, young=False)
            return
        removal.apply(ensemble)
    parent = int(ensemble.load.argmax())
    n_rows = len(expert_rows(ensemble.layout, parent))
    noise = model.generator(Draws.GROWTH).normal(size=(n_rows, ensemble.params.shape[1]))
    noise *= NOISE / np.sqrt(noise.shape[1])
    ensemble.split(parent, noise, STATE_PART)
    if model.terms.signs is not None:
        ensemble.hold_signs(model.terms.signs)


def add_generation(model: Model, max_experts: int) -> None:
    """Copy the believed generation with fresh optimizer state, in place of others if need be.

    Of the generations that can be spared the one unused for longest is forgotten. If none
    can, the believed one learns fast without a copy.
    """
    ensemble, posterior = model.ensemble, model.posterior
    parents = np.flatnonzero(ensemble.generation == posterior.believed)
    while ensemble.n_experts + len(parents) > max_experts:
        spared = spared_generations(ensemble, posterior, kept_rows(model))
        if len(spared) == 0:
            ensemble.refresh(parents, NEWBORN_STATE_PART, young=True)
            model.clock.count_growth(0)
            return
        model.remove_generation(int(spared[posterior.last_believed[spared].argmin()]))
        parents = np.flatnonzero(ensemble.generation == posterior.believed)
    ensemble.copy_experts(parents, len(posterior), NEWBORN_STATE_PART)
    posterior.append(model.clock.n_samples_seen)
    model.clock.count_growth(len(parents))

"""An estimator learns in a draft of itself, and is read from a snapshot."""

from contextlib import contextmanager

import numpy as np

CALLBACK_ATTRIBUTES = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")
"""Attributes by which scikit-learn tears down the callbacks of a fit that fails."""


def rounding_to_zero():
    """Numbers too small to be told from 0 are 0 here, whatever `np.seterr` says elsewhere."""
    return np.errstate(under="ignore")


def snapshot(estimator):
    """Another object with the attributes of now, for who reads more than one of them."""
    copy = object.__new__(type(estimator))
    vars(copy).update(vars(estimator))
    return copy


@contextmanager
def drafted(estimator):
    """A draft of an estimator to learn in, which takes its place if the block succeeds.

    One assignment publishes all attributes: an interrupt, an error or another thread finds
    the estimator as it was before, or as it is after, never between. What scikit-learn needs
    to tear callbacks down stays. A generator that was given as `random_state` is put back.
    """
    draft, learned = snapshot(estimator), None
    given = vars(draft).get("random_state")
    drawn = given.get_state() if isinstance(given, np.random.RandomState) else None
    try:
        with rounding_to_zero():
            yield draft
        now = vars(estimator)
        callbacks = {name: now[name] for name in CALLBACK_ATTRIBUTES if name in now}
        learned = vars(draft) | callbacks
        estimator.__dict__ = learned
    except BaseException:
        if drawn is not None and vars(estimator) is not learned:
            given.set_state(drawn)
        raise

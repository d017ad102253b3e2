"""Warnings of skfeamoe."""


class FairnessWarning(UserWarning):
    """A fairness constraint that was asked for is inactive, or its bound is not met."""

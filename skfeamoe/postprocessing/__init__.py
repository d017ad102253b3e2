"""Decisions of any classifier under bounds on group gaps, chosen after training."""

from skfeamoe.postprocessing._bias_score import BiasScoreClassifier

__all__ = ["BiasScoreClassifier"]

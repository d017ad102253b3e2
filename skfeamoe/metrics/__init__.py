"""Fairness measures that fairlearn does not have, with the signatures of those it has.

Demographic parity, equalized odds and equal opportunity come from :mod:`fairlearn.metrics`.
Here stand the burden and individual unfairness of the FEAMOE paper, and the measures of the
three-expert system: utility, result unfairness, procedural unfairness and the final score.
"""

from skfeamoe.metrics._outcomes import (
    burden,
    burden_difference,
    counterfactual_predict,
    individual_fairness_score,
    individual_unfairness,
)
from skfeamoe.metrics._procedural import (
    attention_divergence,
    explanation_quality,
    final_score,
    procedural_unfairness,
    ratio_explanation_difference,
    result_unfairness,
    utility_score,
    value_explanation_difference,
)

__all__ = [
    "attention_divergence",
    "burden",
    "burden_difference",
    "counterfactual_predict",
    "explanation_quality",
    "final_score",
    "individual_fairness_score",
    "individual_unfairness",
    "procedural_unfairness",
    "ratio_explanation_difference",
    "result_unfairness",
    "utility_score",
    "value_explanation_difference",
]

"""Fairness measures that fairlearn does not have, with the signatures of those it has.

Demographic parity, equalized odds and equal opportunity come from :mod:`fairlearn.metrics`.
Here stand the burden and individual unfairness of the FEAMOE paper, and the measures of the
three-expert system: utility, result unfairness, procedural unfairness and the final score;
coverage and accuracy of classifiers that may abstain; and what bounds on rates ask of people
whose risks differ (infra-marginality). Intervals are there for all of them and for
fairlearn's.
"""

from skfeamoe.metrics._abstention import (
    coverage,
    coverage_difference,
    selective_accuracy,
    selective_accuracy_difference,
)
from skfeamoe.metrics._infra_marginality import (
    implied_threshold,
    infra_marginality,
    infra_marginality_difference,
    risk_explained_difference,
)
from skfeamoe.metrics._intervals import (
    Interval,
    confidence_sequence,
    gap_confidence_sequence,
    gap_interval,
    mean_gap_interval,
    metric_interval,
    wilson_interval,
)
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
    "Interval",
    "attention_divergence",
    "burden",
    "burden_difference",
    "confidence_sequence",
    "counterfactual_predict",
    "coverage",
    "coverage_difference",
    "explanation_quality",
    "final_score",
    "gap_confidence_sequence",
    "gap_interval",
    "implied_threshold",
    "individual_fairness_score",
    "individual_unfairness",
    "infra_marginality",
    "infra_marginality_difference",
    "mean_gap_interval",
    "metric_interval",
    "procedural_unfairness",
    "ratio_explanation_difference",
    "result_unfairness",
    "risk_explained_difference",
    "selective_accuracy",
    "selective_accuracy_difference",
    "utility_score",
    "value_explanation_difference",
    "wilson_interval",
]

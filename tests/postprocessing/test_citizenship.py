"""What scikit-learn's tools expect of BiasScoreClassifier, with bounds idle and active."""

import pytest
from rule_models import BoundedByX
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from skfeamoe.postprocessing import BiasScoreClassifier

quiet = pytest.mark.filterwarnings(
    "ignore::skfeamoe.FairnessWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@quiet
@parametrize_with_checks(
    [
        BiasScoreClassifier(LogisticRegression()),
        BiasScoreClassifier(LogisticRegression(), constraints=None),
    ],
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@quiet
@parametrize_with_checks(
    [
        BoundedByX(
            LogisticRegression(), constraints="equalized_odds", difference_bound=0.9, cv=2,
            randomize=True,
        ),
    ],
)  # fmt: skip
def test_scikit_learn_check_with_groups(estimator, check):
    check(estimator)


@pytest.mark.ci
@quiet
@parametrize_with_checks([BoundedByX(LogisticRegression(), difference_bound=0.9, cv=2)])
def test_scikit_learn_check_with_groups_and_one_rule(estimator, check):
    check(estimator)

"""A warning names the line of the user's code that brought it about."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe import FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe.model_selection import best_within
from skfeamoe.postprocessing import BiasScoreClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
GROUP = RNG.integers(0, 2, 300)
Y = (X[:, 0] + GROUP + RNG.normal(size=300) > 0.5).astype(int)


WORDS = ("is not kept", "is not shown to be kept")


def feamoe(**parameters):
    return FEAMOEClassifier(random_state=0, max_iter=2, **parameters)


def rule(**parameters):
    return BiasScoreClassifier(LogisticRegression(), random_state=0, **parameters)


def decided():
    model = feamoe(constraints=None, waiting_size=1).partial_fit(X, Y, [0, 1])
    model.decide(X[:50])


CALLS = {
    "fit, no groups": lambda: feamoe().fit(X, Y),
    "partial_fit, no groups": lambda: feamoe().partial_fit(X, Y, [0, 1]),
    "fit, sparse": lambda: feamoe(expert="additive", constraints=None).fit(csr_array(X), Y),
    "partial_fit, sparse": lambda: feamoe(expert="additive", constraints=None).partial_fit(
        csr_array(X), Y, [0, 1]
    ),
    "fit, -1 beside others": lambda: feamoe(constraints=None).fit(X, Y - (X[:, 1] > 1)),
    "a step of a Pipeline": lambda: make_pipeline(StandardScaler(), feamoe()).fit(X, Y),
    "folds": lambda: cross_val_score(feamoe(), X, Y, cv=2),
    "decide": decided,
    "three experts": lambda: PolicyGatedMoEClassifier(max_iter=2, random_state=0).fit(X, Y),
    "rule, no groups": lambda: rule().fit(X, Y),
    "rule, weights that do not count": lambda: BiasScoreClassifier(
        NoWeights(), random_state=0
    ).fit(X, Y, sensitive_features=GROUP, sample_weight=np.ones(300)),
    "no candidate": lambda: best_within(0.1)(
        {
            "params": [{}],
            "mean_test_accuracy": np.array([0.9]),
            "mean_test_gap": np.array([-0.5]),
            "std_test_gap": np.array([0.0]),
            "split0_test_gap": np.array([-0.5]),
        }
    ),
}


class NoWeights(LogisticRegression):
    """A classifier that learns from rows of equal weight alone."""

    def fit(self, X, y):
        return super().fit(X, y)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_warning_points_to_the_call(call):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    assert {warning.filename for warning in told} == {__file__}


def test_within_two_errors_a_bound_is_not_said_to_be_broken():
    """The words of the warning are those of `group_gap_details_`."""
    said = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        group = rng.integers(0, 2, 400)
        noise = rng.normal(size=(400, 2))
        y = (noise[:, 0] + 1.5 * group + rng.normal(size=400) > 0.7).astype(int)
        model = feamoe(accuracy_floor=0.68 + 0.01 * seed)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.fit(np.column_stack([noise, group]), y, sensitive_features=group)
        (row,) = model.group_gap_details_
        for text in (str(warning.message) for warning in told):
            said |= {(row["verdict"], words) for words in WORDS if f" {words} on" in text}
    assert said == {("not kept", "is not kept"), ("not shown", "is not shown to be kept")}

"""Recourse where a rule leaves some people undecided."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe.inspection import recourse
from skfeamoe.postprocessing import BiasScoreClassifier


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_what_is_found_is_granted_and_not_left_open(in_pipeline):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(2_000, 3)), columns=list("abc"))
    y = (X["a"] + rng.logistic(size=2_000) > 0.5).astype(int)
    rule = BiasScoreClassifier(
        LogisticRegression(), constraints=None, coverage=0.8, random_state=0
    )
    if in_pipeline:
        scaler = StandardScaler().set_output(transform="pandas").fit(X)
        rule.fit(scaler.transform(X), y, sensitive_features=rng.choice(["f", "m"], 2_000))
        model = make_pipeline(scaler, rule)
    else:
        model = rule.fit(X, y, sensitive_features=rng.choice(["f", "m"], 2_000))
    people = X[:200]
    answers = recourse(model, people, actionable={"a": "increase"}, ranges={"a": (-10, 10)})
    refused = people.iloc[answers.rows]
    assert set(model.predict(refused)) == {-1, 0}
    assert answers.found.all()
    then = refused.assign(a=answers.changed["a"].to_numpy())
    assert (model.predict(then) == 1).all()
    cheaper = refused.assign(a=refused["a"] + 0.98 * (then["a"] - refused["a"]))
    assert (model.predict(cheaper) != 1).mean() > 0.95

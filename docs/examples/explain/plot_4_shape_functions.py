"""
Shape functions of an additive mixture
======================================

Experts that are sums of functions of single columns can be read like a chart: so much for this
income, so much for that debt. Are they better than straight lines, and what do they say?
"""

# %%
# Straight lines or curves
# ------------------------
# ``expert="additive"`` gives each expert a curve for every number and a value for every
# category; the bound stays what it was.
from fairlearn.metrics import demographic_parity_difference

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import load_adult_sample
from skfeamoe.inspection import ShapeDisplay

adult = load_adult_sample()
X, y, sex = adult.data, adult.target, adult.sensitive_features
train, test = slice(0, 6_000), slice(6_000, None)

for expert in ("logistic", "additive"):
    model = FEAMOEClassifier(
        expert=expert, difference_bound=0.1, max_experts=3, max_iter=6, random_state=0
    )
    model.fit(X[train], y[train], sensitive_features=sex[train])
    gap = demographic_parity_difference(
        y[test], model.predict(X[test]), sensitive_features=sex[test]
    )
    print(f"{expert}: accuracy {model.score(X[test], y[test]):.3f}, gap {gap:.3f}")

# %%
# What a column adds to the log-odds
# ----------------------------------
# Thin lines are the experts, the thick one is their mean; the marks below show where people
# are.
ShapeDisplay.from_estimator(model)

# %%
# A curve says what the model makes of a column, not what the column does in the world.

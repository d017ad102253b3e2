"""
Why was this decided? Four pictures of one model
================================================

A classifier learns who earns more than 50,000 dollars, 500 persons at a time, while the rates
of women and men that it grants stay within ten points. Then four questions are asked, and each
has its picture.
"""

# %%
# Learn
# -----
# 8,000 persons of the census come with the package. One-hot columns keep their names, so that
# their groups can be found again.
import numpy as np

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import load_adult_sample, make_preprocessor
from skfeamoe.inspection import (
    CoefficientsDisplay,
    DecisionDisplay,
    ExpertRegionsDisplay,
    GroupComparisonDisplay,
    explain_gap,
)

adult = load_adult_sample()
encoder = make_preprocessor(adult.data).set_output(transform="pandas")
X = encoder.fit_transform(adult.data)
y = np.where(adult.target == 1, "> 50K", "<= 50K")
sex = adult.sensitive_features

model = FEAMOEClassifier(
    difference_bound=0.1, growth_interval=1_500, max_experts=6, random_state=0
)
for start in range(0, 6_500, 500):
    rows = slice(start, start + 500)
    classes = ["<= 50K", "> 50K"]
    model.partial_fit(X[rows], y[rows], classes, sensitive_features=sex[rows])
test = slice(6_500, None)
print(f"accuracy {model.score(X[test], y[test]):.3f}, gaps {model.group_gaps_}")

# %%
# Why this person?
# ----------------
# Solid bars: what a feature changes in the verdicts of the experts. Hatched bars: what it does
# by sending the person to other experts. Both together are the feature's Shapley value.
proba = model.predict_proba(X[test])[:, 1]
person = 6_500 + int(np.argmin(np.abs(proba - 0.55)))
DecisionDisplay.from_estimator(model, X[person : person + 1], feature_groups="onehot")

# %%
# Which features drive the gap?
# -----------------------------
# The numbers at the right sum to the difference of the groups' mean probabilities, exactly.
few = slice(6_500, 7_000)
gap = explain_gap(
    model,
    X[few],
    sex[few],
    groups=("Male", "Female"),
    feature_groups="onehot",
    background=X[:200],
)
GroupComparisonDisplay(gap).plot()
print(f"sum {gap.values.sum():.4f} = gap {gap.gap:.4f} +- {gap.gap_standard_error:.4f}")

# %%
# Which expert decides on whom?
# -----------------------------
# Any number that orders people can be the time; here it is their age.
display = ExpertRegionsDisplay.from_estimator(
    model, X[test], sensitive_features=sex[test], time=X["age"][test], n_bins=12
)
display.ax_[1].set_xlabel("age in years")

# %%
# What did the experts learn?
# ---------------------------
display = CoefficientsDisplay.from_estimator(model, max_features=14)

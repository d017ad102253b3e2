"""
Why was this decided? Explanations of a fair mixture on census data
===================================================================

A classifier learns who earns more than 50,000 dollars, 1,000 persons at a time, while the rates
of women and men that it grants stay within ten points. Then four questions are asked, and each
has its picture:

1. Why this person?                       ``DecisionDisplay``
2. Which features drive the gap?          ``GroupComparisonDisplay``
3. Which expert decides on whom?          ``ExpertRegionsDisplay``
4. What did the experts learn?            ``CoefficientsDisplay``

Run it from the top of a checkout, with the data files in ``../shared/data``; pictures go to
``docs/examples/images``::

    python docs/examples/explain_decisions.py
"""

# %%
# Learn
# -----
# One-hot columns keep their names, so that their groups can be found again.
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import fetch_adult, make_preprocessor
from skfeamoe.inspection import (
    CoefficientsDisplay,
    DecisionDisplay,
    ExpertRegionsDisplay,
    GroupComparisonDisplay,
    explain_gap,
)

path = sys.argv[1] if len(sys.argv) > 1 else "../shared/data"
images = Path(__file__).parent / "images"
images.mkdir(exist_ok=True)

adult = fetch_adult(path=path, include_sensitive=True)
encoder = make_preprocessor(adult.data).set_output(transform="pandas")
X = encoder.fit_transform(adult.data)
y = np.where(adult.target == 1, "> 50K", "<= 50K")
sex = adult.sensitive_features
order = np.random.default_rng(0).permutation(len(y))
X, y, sex = X.iloc[order], y[order], sex.iloc[order]

model = FEAMOEClassifier(difference_bound=0.1, max_experts=6, random_state=0)
for start in range(0, 40_000, 1000):
    rows = slice(start, start + 1000)
    classes = ["<= 50K", "> 50K"]
    model.partial_fit(X[rows], y[rows], classes, sensitive_features=sex[rows])
test = slice(40_000, None)
print(f"accuracy {model.score(X[test], y[test]):.3f}, gaps {model.group_gaps_}")

# %%
# Why this person?
# ----------------
# Solid bars: what a feature changes in the verdicts of the experts. Hatched bars: what it does
# by sending the person to other experts. Both together are the feature's Shapley value.
proba = model.predict_proba(X[test])[:, 1]
person = 40_000 + int(np.argmin(np.abs(proba[:500] - 0.55)))
display = DecisionDisplay.from_estimator(model, X[person : person + 1], feature_groups="onehot")
display.figure_.savefig(images / "decision.png", dpi=100)

# %%
# Which features drive the gap?
# -----------------------------
# The numbers at the right sum to the difference of the groups' mean probabilities, exactly.
few = slice(40_000, 40_600)
options = {"feature_groups": "onehot", "background": X[:300]}
gap = explain_gap(model, X[few], sex[few], groups=("Male", "Female"), **options)
print(gap.to_frame().head(5).round(4))
print(f"sum {gap.values.sum():.4f} = gap {gap.gap:.4f} +- {gap.gap_standard_error:.4f}")
GroupComparisonDisplay(gap).plot().figure_.savefig(images / "gap.png", dpi=100)

# %%
# Which expert decides on whom?
# -----------------------------
display = ExpertRegionsDisplay.from_estimator(
    model, X[test], sensitive_features=sex[test], time=X["age"][test], n_bins=12
)
display.ax_[1].set_xlabel("age in years (any number that orders people can be the time)")
display.figure_.savefig(images / "regions.png", dpi=100)

# %%
# What did the experts learn?
# ---------------------------
display = CoefficientsDisplay.from_estimator(model, max_features=14)
display.figure_.savefig(images / "coefficients.png", dpi=100)
